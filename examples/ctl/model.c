/* See model.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#include <string.h>

/* ---- items ---- */

static const char *state_name(seckill_item_state state) {
    switch (state) {
    case SECKILL_ITEM_ACTIVE:
        return "active";
    case SECKILL_ITEM_PAUSED:
        return "paused";
    case SECKILL_ITEM_ENDED:
        return "ended";
    }
    return "?";
}

/* What the state, the times and the clock make of it, for a person. The servers' clock decides; this machine's is close. */
const char *model_phase_name(const seckill_item_info *info) {
    int64_t now = options_now_ms();
    if (info->state != SECKILL_ITEM_ACTIVE) {
        return state_name(info->state);
    }
    if (info->settings->start_ms > now) {
        return "not started";
    }
    return info->settings->end_ms != 0 && info->settings->end_ms <= now ? "over" : "on sale";
}

void model_settings(json_t *object, const seckill_item_info *info) {
    const seckill_item_settings *settings = info->settings;
    json_t *tags = json_out_array();
    json_out_text(object, "state", state_name(info->state));
    json_out_text(object, "phase", model_phase_name(info));
    json_out_int(object, "version", (int64_t)info->version);
    json_out_int(object, "shard_count", settings->shards);
    json_out_int(object, "limit", settings->limit);
    json_out_int(object, "price", settings->price);
    json_out_time(object, "start", settings->start_ms);
    json_out_time(object, "end", settings->end_ms);
    json_out_int(object, "hold_ms", settings->hold_ms);
    json_out_int(object, "grace_ms", settings->grace_ms);
    json_out_int(object, "window_ms", settings->window_ms);
    json_out_int(object, "remember_ms", settings->remember_ms);
    json_out_int(object, "max_skew_ms", settings->max_skew_ms);
    json_out_int(object, "max_events", settings->max_events);
    json_out_int(object, "max_queue", settings->max_queue);
    json_out_hex(object, "seed", info->seed, sizeof info->seed);
    for (uint32_t i = 0; i < settings->shards; i++) {
        json_out_append(tags, json_string(info->tags[i]));
    }
    json_out_value(object, "tags", tags);
}

void model_outcomes(json_t *object, const seckill_shard_outcome *outcomes, size_t count) {
    json_t *array = json_out_array();
    for (size_t i = 0; i < count; i++) {
        json_t *outcome = json_out_object();
        json_out_int(outcome, "shard", outcomes[i].shard);
        json_out_status(outcome, outcomes[i].status, NULL);
        json_out_int(outcome, "amount", outcomes[i].amount);
        json_out_append(array, outcome);
    }
    json_out_value(object, "outcomes", array);
}

void model_on_item(const seckill_item_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    if (result->info) {
        model_settings(ctl->out, result->info);
    }
    model_outcomes(ctl->out, result->outcomes, result->outcome_count);
    ctl->done = 1;
}

void model_on_list(const seckill_list_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    json_t *items = json_out_array();
    ctl_answer(ctl, result->status, result->message);
    for (size_t i = 0; i < result->count; i++) {
        json_out_append(items, json_string(result->items[i]));
    }
    json_out_value(ctl->out, "items", items);
    ctl->done = 1;
}

/* ---- stock ---- */

/* How far a shard, or a sum of shards, is from loaded + in - out == available + reserved + sold: the units too many on the
 * right. */
static int64_t account_difference(const seckill_stock *stock) {
    return stock->available + stock->reserved + stock->sold - stock->loaded - stock->transferred_in + stock->transferred_out;
}

static void counters(json_t *object, const seckill_stock *stock) {
    json_out_int(object, "loaded", stock->loaded);
    json_out_int(object, "transferred_in", stock->transferred_in);
    json_out_int(object, "transferred_out", stock->transferred_out);
    json_out_int(object, "transfers", stock->transfers);
    json_out_int(object, "available", stock->available);
    json_out_int(object, "reserved", stock->reserved);
    json_out_int(object, "sold", stock->sold);
    json_out_int(object, "account_difference", account_difference(stock));
    json_out_int(object, "cancelled", stock->cancelled);
    json_out_int(object, "expired", stock->expired);
    json_out_int(object, "refunded", stock->refunded);
    json_out_int(object, "users", stock->users);
    json_out_int(object, "events", stock->events);
    json_out_int(object, "queued", stock->queued);
}

/* Units that a shard has promised beyond what it has: a failover lost that it gave them away. */
static int64_t owed_by(const seckill_stock *stock) {
    return stock->available < 0 ? -stock->available : 0;
}

static json_t *shard(const seckill_stock *stock) {
    json_t *object = json_out_object();
    json_out_int(object, "shard", stock->shard);
    json_out_text(object, "node", stock->node);
    json_out_status(object, stock->status, NULL);
    if (stock->status == SECKILL_OK) {
        char epoch[OPTIONS_TEXT];
        counters(object, stock);
        json_out_int(object, "owed", owed_by(stock));
        json_out_int(object, "version", (int64_t)stock->version);
        json_out_int(object, "settings_version", (int64_t)stock->settings_version);
        json_out_int(object, "epoch", (int64_t)stock->epoch);
        options_format_time((int64_t)stock->epoch, epoch);
        json_out_text(object, "since", epoch);
    }
    return object;
}

/* Whether no count is negative that cannot be: a sum may fit while its parts are nonsense. Available units are, where some are
 * owed. */
static int sane(const seckill_stock *stock) {
    return stock->loaded >= 0 && stock->transfers >= 0 && stock->reserved >= 0 && stock->sold >= 0 && stock->users >= 0 &&
           stock->events >= 0 && stock->queued >= 0 && stock->transferred_in >= 0 && stock->transferred_out >= 0;
}

/* "holds", "violated", or "unread" where a shard is missing and none is violated. */
static const char *account(const seckill_stock_result *result) {
    const char *verdict = "holds";
    for (size_t i = 0; i < result->count; i++) {
        const seckill_stock *stock = &result->shards[i];
        if (stock->status != SECKILL_OK) {
            verdict = "unread";
        } else if (account_difference(stock) != 0 || !sane(stock)) {
            return "violated";
        }
    }
    return result->count > 0 ? verdict : "unread";
}

void model_stock(json_t *object, const seckill_stock_result *result) {
    json_t *total = json_out_object(), *shards = json_out_array();
    int64_t owed = 0;
    counters(total, &result->total);
    for (size_t i = 0; i < result->count; i++) {
        json_out_append(shards, shard(&result->shards[i]));
        owed += result->shards[i].status == SECKILL_OK ? owed_by(&result->shards[i]) : 0;
    }
    json_out_int(total, "in_transit", result->total.transferred_out - result->total.transferred_in);
    json_out_int(total, "owed", owed);
    json_out_time(object, "server_time", result->server_time_ms);
    json_out_text(object, "account", account(result));
    json_out_value(object, "total", total);
    json_out_value(object, "shards", shards);
}

void model_on_stock(const seckill_stock_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    model_stock(ctl->out, result);
    if (strcmp(account(result), "violated") == 0) {
        ctl_fault(ctl, "the account of a shard does not hold: loaded + in - out is not available + reserved + sold");
    }
    ctl->done = 1;
}

/* ---- reservations ---- */

const char *model_state_name(seckill_reservation_state state) {
    switch (state) {
    case SECKILL_RESERVED:
        return "reserved";
    case SECKILL_RESERVATION_SOLD:
        return "sold";
    case SECKILL_RESERVATION_CANCELLED:
        return "cancelled";
    case SECKILL_RESERVATION_EXPIRED:
        return "expired";
    case SECKILL_RESERVATION_REFUNDED:
        return "refunded";
    case SECKILL_RESERVATION_REFUSED:
        return "refused";
    }
    return "none";
}

void model_reservation(json_t *object, const seckill_reservation *reservation) {
    json_out_hex(object, "reservation_id", reservation->id, sizeof reservation->id);
    json_out_text(object, "state", model_state_name(reservation->state));
    if (reservation->state == SECKILL_RESERVATION_REFUSED) {
        json_out_text(object, "reason", seckill_status_name(reservation->reason));
    }
    json_out_int(object, "quantity", reservation->quantity);
    json_out_int(object, "price", reservation->price);
    json_out_time(object, "since", reservation->since_ms);
    json_out_time(object, "ends", reservation->ends_ms);
}

static void model_subject(json_t *object, const char *activity, const char *item,
                          const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], uint32_t quantity) {
    json_out_text(object, "activity", activity);
    json_out_text(object, "item", item);
    json_out_hex(object, "reservation_id", reservation_id, SECKILL_RESERVATION_ID_SIZE);
    json_out_int(object, "quantity", quantity);
}

void model_ticket(json_t *object, const seckill_ticket *ticket) {
    seckill_bytes user = {ticket->user, ticket->user_size};
    json_out_bytes(object, "user", user);
    model_subject(object, ticket->activity, ticket->item, ticket->reservation_id, ticket->quantity);
    json_out_int(object, "shard", ticket->shard);
    json_out_int(object, "epoch", (int64_t)ticket->epoch);
    json_out_int(object, "n", (int64_t)ticket->n);
    json_out_time(object, "since", ticket->since_ms);
    json_out_time(object, "valid_until", ticket->valid_until_ms);
}

void model_token(json_t *object, const seckill_reservation_ref *ref) {
    seckill_bytes user = {ref->user, ref->user_size};
    json_out_bytes(object, "user", user);
    if (ref->activity[0]) {
        model_subject(object, ref->activity, ref->item, ref->reservation_id, ref->quantity);
        json_out_int(object, "price", ref->price);
        json_out_time(object, "hold_until", ref->hold_until_ms);
    }
    json_out_time(object, "issued", ref->issued_ms);
    json_out_time(object, "valid_until", ref->valid_until_ms);
}

void model_issue(json_t *object, const seckill_keyring *ring, const seckill_reservation_ref *ref) {
    char token[SECKILL_TOKEN_SIZE];
    if (!ring || !ref || ref->quantity == 0) {
        return;
    }
    seckill_status status = seckill_token_issue(ring, SECKILL_TOKEN_RESERVATION, ref, token, sizeof token, NULL);
    if (status == SECKILL_OK) {
        json_out_text(object, "token", token);
    } else {
        json_out_text(object, "token_trouble", seckill_status_message(status));
    }
}
