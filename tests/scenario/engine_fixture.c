/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "engine_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- memory that counts, and fails once ---- */

static void *count_allocate(size_t size, void *user_data) {
    engine_test *test = user_data;
    void *memory = ++test->allocations == test->fail_at ? NULL : malloc(size);

    test->outstanding += memory != NULL;
    return memory;
}

static void *count_reallocate(void *memory, size_t size, void *user_data) {
    engine_test *test = user_data;
    void *moved = ++test->allocations == test->fail_at ? NULL : realloc(memory, size);

    test->outstanding += moved != NULL && memory == NULL;
    return moved;
}

static void count_release(void *memory, void *user_data) {
    engine_test *test = user_data;

    test->outstanding--;
    free(memory);
}

static void on_log(seckill_log_level level, const char *line, void *user_data) {
    engine_test *test = user_data;

    (void)level;
    (void)snprintf(test->logged, sizeof(test->logged), "%s", line);
}

/* ---- life ---- */

void engine_test_open(engine_test *test) {
    assert_int_equal(sk__engine_open(&test->config, &test->engine), SECKILL_OK);
    test->wire.engine = test->engine;
    assert_int_equal(sk__item_open(test->engine, "sale", "phone", &test->item), SECKILL_OK);
}

void engine_test_close(engine_test *test) {
    if (test->engine == NULL)
        return;
    if (test->item != NULL)
        sk__item_close(test->item);
    test->item = NULL;
    sk__engine_finish_all(test->engine);
    /* As io does when it closes: what is outstanding is lost, and the engine is asked for nothing more. */
    for (size_t i = 0; i < test->wire.count; i++) {
        sk__reply lost = {SK__REPLY_LOST, "closed", 6};

        if (!test->wire.sent[i].is_over) {
            test->wire.sent[i].is_over = true;
            test->wire.sent[i].cb(test->wire.sent[i].context, &lost);
        }
    }
    assert_int_equal(test->engine->stats.in_progress, 0);
    sk__engine_free(test->engine);
    test->engine = NULL;
    assert_int_equal(test->outstanding, 0);
}

int engine_test_setup(void **state) {
    engine_test *test = calloc(1, sizeof(*test));

    if (test == NULL)
        return -1;
    fake_transport_init(&test->wire);
    test->allocator.allocate = count_allocate;
    test->allocator.reallocate = count_reallocate;
    test->allocator.release = count_release;
    test->allocator.user_data = test;
    test->log.cb = on_log;
    test->log.user_data = test;
    test->log.level = SECKILL_LOG_DEBUG;
    test->config.allocator = &test->allocator;
    test->config.log = &test->log;
    test->config.transport = &test->wire.transport;
    test->config.prefix = "seckill";
    test->config.timeout_ms = 1000;
    test->config.max_operations = 1000;
    test->config.max_batches = 2;
    test->config.max_batch = 4;
    test->config.max_repeats = 1000000;
    test->config.random_seed = 1;
    engine_test_open(test);
    *state = test;
    return 0;
}

int engine_test_teardown(void **state) {
    engine_test *test = *state;

    engine_test_close(test);
    fake_transport_free(&test->wire);
    free(test);
    return 0;
}

static void forget_sent(engine_test *test) {
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
    fake_transport_free(&test->wire);
}

void engine_test_know_map(engine_test *test) {
    static engine_ask ask;

    engine_lookup(test, &ask, "nobody", 0);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    forget_sent(test);
}

const char *engine_user(const engine_test *test, uint32_t shard, unsigned n) {
    static char names[16][24];
    static unsigned next;
    char *name = names[next++ % 16];

    for (unsigned i = 0;; i++) {
        seckill_bytes user = {name, 0};

        user.size = (size_t)snprintf(name, sizeof(names[0]), "u%u", i);
        if (seckill_shard_of(user, test->wire.seed, test->wire.shards) == shard && n-- == 0)
            return name;
    }
}

const fake_sent *engine_last(const engine_test *test) {
    assert_true(test->wire.count > 0);
    return &test->wire.sent[test->wire.count - 1];
}

/* ---- callbacks ---- */

static void note(engine_ask *ask, seckill_status status, const char *message) {
    assert_int_equal(ask->test->in_call, 0);
    assert_non_null(message);
    ask->calls++;
    ask->status = status;
    ask->at_ms = ask->test->wire.now_ms;
    (void)snprintf(ask->message, sizeof(ask->message), "%s", message);
    ask->in_callback = true;
    if (ask->then != NULL)
        ask->then(ask);
    ask->in_callback = false;
}

static void on_result(const seckill_result *result, void *user_data) {
    engine_ask *ask = user_data;

    ask->replayed = result->replayed;
    ask->reservation = result->reservation;
    note(ask, result->status, result->message);
}

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    engine_ask *ask = user_data;

    ask->replayed = result->replayed;
    ask->reservation = result->reservation;
    ask->placed = *result;
    if (result->ticket != NULL)
        ask->ticket = *result->ticket;
    if (result->ref != NULL)
        ask->ref = *result->ref;
    note(ask, result->status, result->message);
}

static void on_queue(const seckill_queue_result *result, void *user_data) {
    engine_ask *ask = user_data;

    ask->processed = *result;
    for (size_t i = 0; i < result->count && i < 8; i++) {
        ask->entries[i] = result->entries[i];
        (void)snprintf(ask->users[i], sizeof(ask->users[i]), "%.*s", (int)result->entries[i].user.size,
                       (const char *)result->entries[i].user.data);
    }
    note(ask, result->status, result->message);
}

static void on_item(const seckill_item_result *result, void *user_data) {
    engine_ask *ask = user_data;

    ask->outcomes = result->outcome_count;
    for (size_t i = 0; i < result->outcome_count; i++)
        ask->outcome[i] = result->outcomes[i];
    ask->amount = result->amount;
    note(ask, result->status, result->message);
}

static void on_expire(const seckill_expire_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static void on_transfers(const seckill_transfers_result *result, void *user_data) {
    engine_ask *ask = user_data;

    ask->transit = result->transit;
    ask->owed = result->owed;
    note(ask, result->status, result->message);
}

/* ---- public calls ---- */

static void begin(engine_test *test, engine_ask *ask) {
    void (*then)(engine_ask *) = ask->test == test ? ask->then : NULL;

    memset(ask, 0, sizeof(*ask));
    ask->test = test;
    ask->then = then;
    test->in_call++;
}

static void started(engine_ask *ask, seckill_status status) {
    ask->test->in_call--;
    ask->started = status;
    if (status != SECKILL_OK)
        ask->op = NULL;
}

static seckill_bytes bytes_of(const char *text) {
    seckill_bytes bytes = {text, strlen(text)};

    return bytes;
}

void engine_reserve_units(engine_test *test, engine_ask *ask, const char *user, uint32_t units, uint32_t flags,
                          uint32_t timeout_ms) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    begin(test, ask);
    options.user = bytes_of(user);
    options.request_id = bytes_of(user);
    options.quantity = units;
    options.flags = flags;
    options.timeout_ms = timeout_ms;
    started(ask, seckill_reserve(test->item, &options, &ask->op, on_result, ask));
}

void engine_reserve(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms) {
    engine_reserve_units(test, ask, user, 1, 0, timeout_ms);
}

void engine_confirm(engine_test *test, engine_ask *ask, const char *user, uint32_t units, uint32_t timeout_ms) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_reservation_ref ref;

    begin(test, ask);
    memset(&ref, 0, sizeof(ref));
    ref.user_size = strlen(user);
    memcpy(ref.user, user, ref.user_size);
    memcpy(ref.activity, "sale", sizeof("sale"));
    memcpy(ref.item, "phone", sizeof("phone"));
    assert_int_equal(seckill_reservation_id("sale", "phone", bytes_of(user), bytes_of(user), ref.reservation_id), SECKILL_OK);
    ref.quantity = units;
    ref.price = 100;
    ref.valid_until_ms = test->wire.wall_ms + 3600000;
    options.ref = &ref;
    options.timeout_ms = timeout_ms;
    started(ask, seckill_confirm(test->item, &options, &ask->op, on_result, ask));
}

void engine_finish_transfers(engine_test *test, engine_ask *ask, uint32_t timeout_ms) {
    begin(test, ask);
    started(ask, seckill_transfers_finish(test->item, timeout_ms, on_transfers, ask));
}

void engine_enqueue(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    begin(test, ask);
    options.user = bytes_of(user);
    options.request_id = bytes_of(user);
    options.timeout_ms = timeout_ms;
    started(ask, seckill_enqueue(test->item, &options, &ask->op, on_ticket, ask));
}

void engine_poll(engine_test *test, engine_ask *ask, const char *user, uint64_t epoch, uint64_t n, uint32_t timeout_ms) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    seckill_ticket ticket;

    begin(test, ask);
    memset(&ticket, 0, sizeof(ticket));
    ticket.user_size = strlen(user);
    memcpy(ticket.user, user, ticket.user_size);
    memcpy(ticket.activity, "sale", sizeof("sale"));
    memcpy(ticket.item, "phone", sizeof("phone"));
    assert_int_equal(seckill_reservation_id("sale", "phone", bytes_of(user), bytes_of(user), ticket.reservation_id),
                     SECKILL_OK);
    ticket.quantity = 1;
    ticket.epoch = epoch;
    ticket.n = n;
    ticket.since_ms = test->wire.wall_ms - 500;
    options.ticket = &ticket;
    options.timeout_ms = timeout_ms;
    started(ask, seckill_poll(test->item, &options, &ask->op, on_ticket, ask));
    memset(&ticket, 0xee, sizeof(ticket)); /* it was copied */
}

void engine_refuse(engine_test *test, engine_ask *ask, const char *user, seckill_status reason, uint32_t timeout_ms) {
    seckill_refuse_options options = SECKILL_REFUSE_OPTIONS_INIT;

    begin(test, ask);
    options.user = bytes_of(user);
    options.request_id = bytes_of(user);
    options.reason = reason;
    options.timeout_ms = timeout_ms;
    started(ask, seckill_refuse(test->item, &options, &ask->op, on_ticket, ask));
}

void engine_process(engine_test *test, engine_ask *ask, const seckill_queue_process_options *options) {
    begin(test, ask);
    started(ask, seckill_queue_process(test->item, options, on_queue, ask));
}

void engine_lookup(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms) {
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;

    begin(test, ask);
    options.user = bytes_of(user);
    options.timeout_ms = timeout_ms;
    started(ask, seckill_lookup(test->item, &options, &ask->op, on_lookup, ask));
}

void engine_cancel(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    begin(test, ask);
    options.user = bytes_of(user);
    options.timeout_ms = timeout_ms;
    started(ask, seckill_cancel(test->item, &options, &ask->op, on_result, ask));
}

void engine_define(engine_test *test, engine_ask *ask, uint32_t timeout_ms) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    begin(test, ask);
    settings.shards = test->wire.shards;
    started(ask, seckill_item_define(test->item, &settings, timeout_ms, on_item, ask));
}

void engine_purge(engine_test *test, engine_ask *ask, uint32_t timeout_ms) {
    begin(test, ask);
    started(ask, seckill_item_purge(test->item, timeout_ms, on_item, ask));
}

void engine_load(engine_test *test, engine_ask *ask, int64_t units, uint32_t timeout_ms) {
    begin(test, ask);
    started(ask, units > 0 ? seckill_stock_load(test->item, "op", units, timeout_ms, on_item, ask)
                           : seckill_stock_withdraw(test->item, "op", -units, timeout_ms, on_item, ask));
}

void engine_expire(engine_test *test, engine_ask *ask, uint32_t timeout_ms) {
    begin(test, ask);
    started(ask, seckill_expire(test->item, timeout_ms, on_expire, ask));
}

void engine_stock(engine_test *test, engine_ask *ask, uint32_t timeout_ms) {
    begin(test, ask);
    started(ask, seckill_stock_get(test->item, timeout_ms, on_stock, ask));
}
