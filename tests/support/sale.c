#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "sale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, seckill_status status) {
    (void)fprintf(stderr, "%s: %s\n", what, seckill_status_name(status));
    abort();
}

/* ---- life ---- */

void sale_open_with(sale *self, const seckill_client_options *options) {
    seckill_client_options given = *options;
    seckill_status status;

    memset(self, 0, sizeof(*self));
    if (uv_loop_init(&self->loop) != 0)
        abort();
    given.loop = &self->loop;
    status = seckill_client_open(&given, &self->client);
    if (status != SECKILL_OK)
        die("open", status);
    status = seckill_item_open(self->client, "sale", "phone", &self->item);
    if (status != SECKILL_OK)
        die("item open", status);
}

void sale_open(sale *self, const char *address) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.address = address;
    options.timeout_ms = 20000;
    options.command_timeout_ms = 10000;
    sale_open_with(self, &options);
}

void sale_close(sale *self) {
    seckill_item_close(self->item);
    seckill_client_close(self->client, NULL, NULL);
    (void)uv_run(&self->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&self->loop) != 0)
        abort();
}

void sale_run_until(sale *self, const bool *flag) {
    while (!*flag) {
        if (uv_run(&self->loop, UV_RUN_ONCE) == 0 && !*flag)
            abort();
    }
}

/* ---- calls on the item ---- */

void sale_on_item(const seckill_item_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_item_answer *answer = wait->answer;

    answer->status = result->status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", result->message);
    answer->amount = result->amount;
    answer->has_info = result->info != NULL;
    if (result->info != NULL) {
        answer->version = result->info->version;
        answer->state = result->info->state;
        answer->settings = *result->info->settings;
        memcpy(answer->seed, result->info->seed, sizeof(answer->seed));
    }
    answer->outcomes = result->outcome_count;
    for (size_t i = 0; i < result->outcome_count; i++) {
        answer->outcome[i] = result->outcomes[i].status;
        answer->outcome_amount[i] = result->outcomes[i].amount;
    }
    wait->done = true;
}

/* CALL is an expression that starts the call, with `&wait` as its user_data. */
#define WAIT_FOR(type, call)                                                                                                   \
    type answer;                                                                                                               \
    sale_call wait = {&answer, false};                                                                                         \
    seckill_status started;                                                                                                    \
    memset(&answer, 0, sizeof(answer));                                                                                        \
    uv_update_time(&self->loop); /* it may have stood still for longer than the call's deadline */                             \
    started = call;                                                                                                            \
    if (started != SECKILL_OK)                                                                                                 \
        answer.status = started;                                                                                               \
    else                                                                                                                       \
        sale_run_until(self, &wait.done);                                                                                      \
    return answer

sale_item_answer sale_define(sale *self, uint32_t shards, const seckill_item_settings *settings) {
    seckill_item_settings given = SECKILL_ITEM_SETTINGS_INIT;

    given.hold_ms = 60000;
    if (settings != NULL)
        given = *settings;
    given.shards = shards;
    self->shards = shards;
    WAIT_FOR(sale_item_answer, seckill_item_define(self->item, &given, 0, sale_on_item, &wait));
}

sale_item_answer sale_get(sale *self) {
    WAIT_FOR(sale_item_answer, seckill_item_get(self->item, 0, sale_on_item, &wait));
}

sale_item_answer sale_pause(sale *self) {
    WAIT_FOR(sale_item_answer, seckill_item_pause(self->item, 0, sale_on_item, &wait));
}

sale_item_answer sale_resume(sale *self) {
    WAIT_FOR(sale_item_answer, seckill_item_resume(self->item, 0, sale_on_item, &wait));
}

sale_item_answer sale_end(sale *self) {
    WAIT_FOR(sale_item_answer, seckill_item_end(self->item, 0, sale_on_item, &wait));
}

sale_item_answer sale_purge(sale *self) {
    WAIT_FOR(sale_item_answer, seckill_item_purge(self->item, 0, sale_on_item, &wait));
}

sale_item_answer sale_load(sale *self, const char *operation_id, int64_t amount) {
    WAIT_FOR(sale_item_answer, seckill_stock_load(self->item, operation_id, amount, 0, sale_on_item, &wait));
}

sale_item_answer sale_withdraw(sale *self, const char *operation_id, int64_t amount) {
    WAIT_FOR(sale_item_answer, seckill_stock_withdraw(self->item, operation_id, amount, 0, sale_on_item, &wait));
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_stock_answer *answer = wait->answer;

    answer->status = result->status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", result->message);
    answer->total = result->total;
    answer->count = result->count;
    if (result->count != 0)
        memcpy(answer->shards, result->shards, result->count * sizeof(result->shards[0]));
    for (size_t i = 0; i < result->count; i++)
        (void)snprintf(answer->nodes[i], sizeof(answer->nodes[i]), "%s", result->shards[i].node);
    wait->done = true;
}

sale_stock_answer sale_stock(sale *self) {
    WAIT_FOR(sale_stock_answer, seckill_stock_get(self->item, 0, on_stock, &wait));
}

static void on_expire(const seckill_expire_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_expire_answer *answer = wait->answer;

    answer->status = result->status;
    answer->reservations = result->reservations;
    answer->units = result->units;
    answer->next_due_ms = result->next_due_ms;
    answer->server_time_ms = result->server_time_ms;
    wait->done = true;
}

sale_expire_answer sale_expire(sale *self) {
    WAIT_FOR(sale_expire_answer, seckill_expire(self->item, 0, on_expire, &wait));
}

static void on_events(const seckill_events_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_events_answer *answer = wait->answer;

    answer->status = result->status;
    answer->count = result->count;
    answer->waiting = result->waiting;
    for (size_t i = 0; i < result->count; i++) {
        const seckill_event *event = &result->events[i];

        answer->events[i] = *event;
        (void)snprintf(answer->users[i], sizeof(answer->users[i]), "%.*s", (int)event->user.size,
                       (const char *)event->user.data);
        if (event->order_ref.size != 0)
            memcpy(answer->order_refs[i], event->order_ref.data, event->order_ref.size);
        answer->order_ref_sizes[i] = event->order_ref.size;
    }
    wait->done = true;
}

sale_events_answer sale_events(sale *self, uint32_t shard, uint32_t max) {
    WAIT_FOR(sale_events_answer, seckill_events_read(self->item, shard, max, 0, on_events, &wait));
}

sale_item_answer sale_ack(sale *self, uint32_t shard, const seckill_event_ack *acks, size_t count) {
    WAIT_FOR(sale_item_answer, seckill_events_ack(self->item, shard, acks, count, 0, sale_on_item, &wait));
}

/* ---- calls of users ---- */

static seckill_bytes bytes_of(const char *text) {
    seckill_bytes bytes = {text, text != NULL ? strlen(text) : 0};

    return bytes;
}

void sale_on_result(const seckill_result *result, void *user_data) {
    sale_answer *answer = user_data;

    answer->status = result->status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", result->message);
    answer->replayed = result->replayed;
    answer->retry_after_ms = result->retry_after_ms;
    answer->reservation = result->reservation;
    answer->has_ref = result->ref != NULL;
    if (result->ref != NULL)
        answer->ref = *result->ref;
    answer->calls++;
}

void sale_wait(sale *self, const sale_answer *answers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (answers[i].calls == 0) {
            if (uv_run(&self->loop, UV_RUN_ONCE) == 0)
                abort();
        }
    }
}

static sale_answer wait_for(sale *self, sale_answer *answer, seckill_status started) {
    if (started != SECKILL_OK)
        answer->status = started;
    else
        sale_wait(self, answer, 1);
    return *answer;
}

seckill_status sale_start_reserve_at(sale *self, const char *user, const char *request_id, uint32_t quantity,
                                     int64_t created_ms, sale_answer *answer) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user = bytes_of(user);
    options.request_id = bytes_of(request_id);
    options.quantity = quantity;
    options.created_ms = created_ms;
    memset(answer, 0, sizeof(*answer));
    return seckill_reserve(self->item, &options, NULL, sale_on_result, answer);
}

seckill_status sale_start_reserve(sale *self, const char *user, const char *request_id, uint32_t quantity,
                                  sale_answer *answer) {
    return sale_start_reserve_at(self, user, request_id, quantity, 0, answer);
}

sale_answer sale_reserve_at(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms) {
    sale_answer answer;

    return wait_for(self, &answer, sale_start_reserve_at(self, user, request_id, quantity, created_ms, &answer));
}

sale_answer sale_reserve(sale *self, const char *user, const char *request_id, uint32_t quantity) {
    return sale_reserve_at(self, user, request_id, quantity, 0);
}

sale_answer sale_confirm(sale *self, const seckill_reservation_ref *ref, const char *order_ref) {
    return sale_confirm_bytes(self, ref, order_ref, order_ref != NULL ? strlen(order_ref) : 0);
}

sale_answer sale_confirm_bytes(sale *self, const seckill_reservation_ref *ref, const void *order_ref, size_t size) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    sale_answer answer;

    memset(&answer, 0, sizeof(answer));
    options.ref = ref;
    options.order_ref.data = order_ref;
    options.order_ref.size = size;
    return wait_for(self, &answer, seckill_confirm(self->item, &options, NULL, sale_on_result, &answer));
}

static sale_answer release(sale *self, const char *user, const uint8_t *reservation_id, bool is_refund) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    sale_answer answer;

    memset(&answer, 0, sizeof(answer));
    options.user = bytes_of(user);
    memcpy(options.reservation_id, reservation_id, sizeof(options.reservation_id));
    return wait_for(self, &answer,
                    is_refund ? seckill_refund(self->item, &options, NULL, sale_on_result, &answer)
                              : seckill_cancel(self->item, &options, NULL, sale_on_result, &answer));
}

sale_answer sale_cancel(sale *self, const char *user, const uint8_t *reservation_id) {
    return release(self, user, reservation_id, false);
}

sale_answer sale_refund(sale *self, const char *user, const uint8_t *reservation_id) {
    return release(self, user, reservation_id, true);
}

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    sale_call *wait = user_data;
    sale_lookup_answer *answer = wait->answer;

    answer->status = result->status;
    answer->count = result->count;
    for (size_t i = 0; i < result->count; i++) {
        answer->reservations[i] = result->reservations[i];
        answer->refs[i] = result->refs[i];
    }
    wait->done = true;
}

sale_lookup_answer sale_lookup(sale *self, const char *user, const char *request_id_or_null) {
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;

    options.user = bytes_of(user);
    options.request_id = bytes_of(request_id_or_null);
    WAIT_FOR(sale_lookup_answer, seckill_lookup(self->item, &options, NULL, on_lookup, &wait));
}

/* ---- checks ---- */

bool sale_account_holds(const sale_stock_answer *stock) {
    bool holds = stock->status == SECKILL_OK;

    for (size_t i = 0; i < stock->count; i++) {
        const seckill_stock *shard = &stock->shards[i];

        if (shard->loaded + shard->transferred_in - shard->transferred_out ==
                shard->available + shard->reserved + shard->sold &&
            shard->available >= 0 && shard->reserved >= 0 && shard->sold >= 0)
            continue;
        (void)fprintf(stderr, "shard %zu: loaded %" PRId64 ", available %" PRId64 ", reserved %" PRId64 ", sold %" PRId64 "\n",
                      i, shard->loaded, shard->available, shard->reserved, shard->sold);
        holds = false;
    }
    return holds;
}

const char *sale_key(const sale *self, uint32_t shard, const char *name, char key[SECKILL_SHARD_KEY_SIZE]) {
    char tag[SECKILL_TAG_SIZE];

    if (seckill_shard_tag("sale", "phone", shard, self->shards, tag) != SECKILL_OK ||
        seckill_shard_key("seckill", "sale", "phone", tag, name, key) != SECKILL_OK)
        abort();
    return key;
}
