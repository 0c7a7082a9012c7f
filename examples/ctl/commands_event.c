/* expire; events read; queue read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl.h"
#include "model.h"
#include "show.h"
#include "table.h"

/* ---- expire ---- */

static void on_expired(const seckill_expire_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    json_out_int(ctl->out, "reservations", result->reservations);
    json_out_int(ctl->out, "units", result->units);
    json_out_time(ctl->out, "server_time", result->server_time_ms);
    json_out_time(ctl->out, "next_due", result->next_due_ms);
    model_outcomes(ctl->out, result->outcomes, result->outcome_count);
    ctl->done = 1;
}

static void expire(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_expire(ctl->item, 0, on_expired, ctl));
    }
}

static void show_expire(json_t *out) {
    char reservations[OPTIONS_TEXT], units[OPTIONS_TEXT];
    options_format_grouped(show_int(out, "reservations"), reservations);
    options_format_grouped(show_int(out, "units"), units);
    printf("expired now: %s reservations, %s units\n", reservations, units);
    show_outcomes(out, "nothing overdue is left");
    if (show_int(out, "next_due_ms") != 0) {
        printf("next due: %s\n", show_text(out, "next_due"));
    }
}

/* ---- what waits: of each shard that was asked for ---- */

/* Begins what one shard says: it goes into ctl->out's "shards". The first failure is the command's. */
static json_t *begin_shard(ctl_run *ctl, uint32_t number, seckill_status status, const char *message, uint64_t waiting) {
    json_t *shard = json_out_object();
    json_out_int(shard, "shard", number);
    json_out_status(shard, status, message);
    json_out_int(shard, "waiting", (int64_t)waiting);
    json_out_append(json_object_get(ctl->out, "shards"), shard);
    if (status != SECKILL_OK && ctl->exit_code == CTL_OK) {
        ctl_answer(ctl, status, message);
    }
    ctl->done = 1;
    return shard;
}

static void on_shard_count(const seckill_item_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    if (result->info) {
        json_out_int(ctl->out, "shard_count", result->info->settings->shards);
    }
    ctl->done = 1;
}

/* Reads the shard that --shard names, or all, one after the other. */
static void read_shards(ctl_run *ctl, seckill_status (*read)(ctl_run *ctl, uint32_t shard, uint32_t max)) {
    int64_t shard = -1, max = 20;
    if (!ctl_whole(ctl, "shard", 0, SECKILL_SHARDS_MAX - 1, &shard) || !ctl_whole(ctl, "max", 1, SECKILL_BATCH_MAX, &max) ||
        !ctl_open_item(ctl) || !ctl_wait(ctl, seckill_item_get(ctl->item, 0, on_shard_count, ctl)) ||
        ctl->exit_code != CTL_OK) {
        return;
    }
    int64_t count = show_int(ctl->out, "shard_count");
    if (shard >= count) {
        ctl_usage_error(ctl, "--shard %d: the item has %d shards, 0 to %d", (int)shard, (int)count, (int)count - 1);
        return;
    }
    json_out_value(ctl->out, "shards", json_out_array());
    for (int64_t i = shard < 0 ? 0 : shard; i < (shard < 0 ? count : shard + 1); i++) {
        ctl_wait(ctl, read(ctl, (uint32_t)i, (uint32_t)max));
    }
}

/* Epoch and n, as both kinds of ids are shown. */
static void show_id(text_table *table, const json_t *object) {
    char id[OPTIONS_TEXT];
    snprintf(id, sizeof id, "%lld-%lld", (long long)show_int(object, "epoch"), (long long)show_int(object, "n"));
    table_text(table, id);
}

/* A row for each that is under `member` of the shards; then how many there are. */
static void show_waiting(json_t *out, text_table *table, const char *member, void (*row)(text_table *, const json_t *)) {
    const json_t *shards = json_object_get(out, "shards");
    int64_t waiting = 0, shown = 0;
    for (size_t i = 0; i < json_array_size(shards); i++) {
        const json_t *shard = json_array_get(shards, i), *all = json_object_get(shard, member);
        for (size_t k = 0; k < json_array_size(all); k++, shown++) {
            table_number(table, show_int(shard, "shard"));
            row(table, json_array_get(all, k));
        }
        waiting += show_int(shard, "waiting");
    }
    table_end(table, stdout);
    printf("\n%lld of %lld waiting %s shown; reading takes none away\n", (long long)shown, (long long)waiting, member);
}

static const ctl_option waiting_options[] = {
    {"shard", "N", "of this shard only; default: of all"},
    {"max", "N", "at most so many of each shard, 1 to 512; default 20"},
    {NULL, NULL, NULL},
};

/* ---- events read ---- */

static const char *kind_name(seckill_event_kind kind) {
    switch (kind) {
    case SECKILL_EVENT_CONFIRMED:
        return "confirmed";
    case SECKILL_EVENT_REFUNDED:
        return "refunded";
    }
    return "?";
}

static json_t *event_model(const seckill_event *event) {
    json_t *object = json_out_object();
    json_out_int(object, "epoch", (int64_t)event->id.epoch);
    json_out_int(object, "n", (int64_t)event->id.n);
    json_out_text(object, "kind", kind_name(event->kind));
    json_out_hex(object, "reservation_id", event->reservation_id, sizeof event->reservation_id);
    json_out_bytes(object, "user", event->user);
    json_out_bytes(object, "order_ref", event->order_ref);
    json_out_int(object, "quantity", event->quantity);
    json_out_int(object, "price", event->price);
    json_out_time(object, "at", event->at_ms);
    return object;
}

static void on_events(const seckill_events_result *result, void *user_data) {
    json_t *events = json_out_array();
    json_t *shard = begin_shard(user_data, result->shard, result->status, result->message, result->waiting);
    for (size_t i = 0; i < result->count; i++) {
        json_out_append(events, event_model(&result->events[i]));
    }
    json_out_value(shard, "events", events);
}

static seckill_status read_events_of(ctl_run *ctl, uint32_t shard, uint32_t max) {
    return seckill_events_read(ctl->item, shard, max, 0, on_events, ctl);
}

static void read_events(ctl_run *ctl) {
    read_shards(ctl, read_events_of);
}

static void show_event(text_table *table, const json_t *event) {
    show_id(table, event);
    table_text(table, show_text(event, "kind"));
    table_text(table, show_text(event, "reservation_id"));
    table_text(table, show_text(event, "user"));
    table_number(table, show_int(event, "quantity"));
    table_number(table, show_int(event, "price"));
    table_text(table, show_text(event, "at"));
    table_text(table, show_text(event, "order_ref"));
}

static void show_events(json_t *out) {
    show_waiting(out, table_new(">shard|id|kind|reservation|user|>units|>price|at|order ref"), "events", show_event);
}

/* ---- queue read ---- */

static json_t *request_model(const seckill_queue_entry *entry) {
    json_t *object = json_out_object();
    json_out_int(object, "epoch", (int64_t)entry->id.epoch);
    json_out_int(object, "n", (int64_t)entry->id.n);
    json_out_hex(object, "reservation_id", entry->reservation_id, sizeof entry->reservation_id);
    json_out_bytes(object, "user", entry->user);
    json_out_int(object, "quantity", entry->quantity);
    json_out_time(object, "since", entry->since_ms);
    return object;
}

static void on_requests(const seckill_queue_result *result, void *user_data) {
    json_t *requests = json_out_array();
    json_t *shard = begin_shard(user_data, result->shard, result->status, result->message, result->waiting);
    for (size_t i = 0; i < result->count; i++) {
        json_out_append(requests, request_model(&result->entries[i]));
    }
    json_out_value(shard, "requests", requests);
}

/* Nothing is screened, so nothing is decided. */
static seckill_status read_queue_of(ctl_run *ctl, uint32_t shard, uint32_t max) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;
    options.shard = shard;
    options.max = max;
    return seckill_queue_process(ctl->item, &options, on_requests, ctl);
}

static void read_queue(ctl_run *ctl) {
    read_shards(ctl, read_queue_of);
}

static void show_request(text_table *table, const json_t *request) {
    show_id(table, request);
    table_text(table, show_text(request, "reservation_id"));
    table_text(table, show_text(request, "user"));
    table_number(table, show_int(request, "quantity"));
    table_text(table, show_text(request, "since"));
}

static void show_queue(json_t *out) {
    show_waiting(out, table_new(">shard|id|reservation, if granted|user|>units|since"), "requests", show_request);
}

const ctl_command ctl_event_commands[] = {
    {"expire", "A/I", 1, "end what is overdue now: unpaid units go back on sale",
     "A worker does this all the time. When the next thing is due is shown.", NULL, expire, show_expire},
    {"events read", "A/I", 1, "peek at order events that wait for a worker", "Takes none away: only a worker acknowledges.",
     waiting_options, read_events, show_events},
    {"queue read", "A/I", 1, "peek at the requests that a worker decides next", "Decides none: only a worker does.",
     waiting_options, read_queue, show_queue},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
