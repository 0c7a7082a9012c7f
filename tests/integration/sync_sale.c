/* A whole sale by threads whose calls block: nothing is sold twice, however many threads ask, and whenever it is stopped.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "redis_server.h"

#include <pthread.h>
#include <sched.h>
#include <seckill/seckill.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 32, SHARDS = 4, EACH = 40 };

static redis_server *server;

/* ---- an item, and a thread for each of its shoppers ---- */

typedef struct {
    seckill_sync *sync;
    seckill_sync_item *item;
    atomic_uint granted, refused, wrong, answered;
} shop;

typedef struct {
    shop *in;
    int number;
    /* What the user was told, where it is asked for later. */
    seckill_status told[EACH];
    pthread_t thread;
} shopper;

static void shop_open(shop *self, const char *item, int64_t units) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    memset(self, 0, sizeof(*self));
    options.address = redis_server_address(server);
    options.timeout_ms = 30000;
    options.command_timeout_ms = 30000;
    settings.shards = SHARDS;
    settings.window_ms = 600000;
    assert_int_equal(seckill_sync_open(&options, &self->sync), SECKILL_OK);
    assert_int_equal(seckill_sync_item_open(self->sync, "sale", item, &self->item), SECKILL_OK);
    assert_int_equal(seckill_sync_item_define(self->item, &settings, 0, NULL), SECKILL_OK);
    if (units != 0)
        assert_int_equal(seckill_sync_stock_load(self->item, "first", units, 0, NULL), SECKILL_OK);
}

static void shop_close(shop *self) {
    assert_int_equal(self->wrong, 0);
    assert_int_equal(seckill_sync_close(self->sync), SECKILL_OK);
}

static void with_threads(shop *self, shopper shoppers[THREADS], void *(*work)(void *shopper)) {
    for (int i = 0; i < THREADS; i++) {
        shoppers[i].in = self;
        shoppers[i].number = i;
        assert_int_equal(pthread_create(&shoppers[i].thread, NULL, work, &shoppers[i]), 0);
    }
}

static void join(shopper shoppers[THREADS]) {
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(shoppers[i].thread, NULL), 0);
}

/* What is wrong in a thread is counted, and said. */
static bool is_right(shop *in, bool right, const char *what, seckill_status status) {
    if (!right) {
        in->wrong++;
        print_error("%s: %s\n", what, seckill_status_name(status));
    }
    return right;
}

typedef struct {
    char text[24];
    seckill_bytes bytes;
} user;

static void name_user(user *self, int thread, int n) {
    self->bytes.data = self->text;
    self->bytes.size = (size_t)snprintf(self->text, sizeof(self->text), "t%d-%d", thread, n);
}

static seckill_status reserve(shop *in, int thread, int n, seckill_sync_answer *answer) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    user who;

    name_user(&who, thread, n);
    options.user = options.request_id = who.bytes;
    answer->struct_size = sizeof(*answer);
    return seckill_sync_reserve(in->item, &options, answer);
}

static seckill_sync_stock_answer stock_of(shop *self, seckill_stock shards[SHARDS]) {
    seckill_sync_stock_answer answer = {.struct_size = sizeof(answer), .shards = shards, .capacity = SHARDS};

    assert_int_equal(seckill_sync_stock_get(self->item, 0, &answer), SECKILL_OK);
    assert_int_equal(answer.count, SHARDS);
    for (int i = 0; i < SHARDS; i++) {
        const seckill_stock *one = &shards[i];

        assert_null(one->node);
        assert_int_equal(one->loaded + one->transferred_in - one->transferred_out, one->available + one->reserved + one->sold);
        assert_true(one->available >= 0);
    }
    return answer;
}

/* ---- sold out ---- */

enum { UNITS = 500 };

static void *ask_twice(void *context) {
    shopper *self = context;

    for (int i = 0; i < EACH; i++) {
        seckill_sync_answer answer, again;

        self->told[i] = reserve(self->in, self->number, i, &answer);
        if (self->told[i] == SECKILL_OK)
            self->in->granted++;
        else
            is_right(self->in, self->told[i] == SECKILL_SOLD_OUT, "reserve", self->told[i]);
        is_right(self->in, reserve(self->in, self->number, i, &again) == self->told[i], "the same again", again.status);
        if (self->told[i] == SECKILL_OK)
            is_right(self->in,
                     !answer.replayed && again.replayed &&
                         memcmp(answer.reservation.id, again.reservation.id, sizeof(again.reservation.id)) == 0,
                     "not the same reservation", again.status);
    }
    return NULL;
}

static void threads_sell_out_exactly(void **state) {
    seckill_client_stats stats = {.struct_size = sizeof(stats)};
    static shopper shoppers[THREADS];
    seckill_sync_stock_answer stock;
    seckill_stock shards[SHARDS];
    shop one;

    (void)state;
    shop_open(&one, "exactly", UNITS);
    with_threads(&one, shoppers, ask_twice);
    join(shoppers);
    assert_int_equal(one.granted, UNITS);
    stock = stock_of(&one, shards);
    assert_int_equal(stock.total.reserved, UNITS);
    assert_int_equal(stock.total.available, 0);
    assert_int_equal(seckill_sync_get_stats(one.sync, &stats), SECKILL_OK);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.granted, UNITS);
    assert_true(stats.batched > stats.batches);
    shop_close(&one);
}

/* ---- confirmed, refunded, cancelled ---- */

static seckill_status settle(shop *in, seckill_bytes who, const seckill_sync_answer *granted, bool confirmed) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    options.user = who;
    memcpy(options.reservation_id, granted->reservation.id, sizeof(options.reservation_id));
    return confirmed ? seckill_sync_refund(in->item, &options, NULL) : seckill_sync_cancel(in->item, &options, NULL);
}

static seckill_status look_up(shop *in, seckill_bytes who, seckill_reservation *reservation, uint32_t *count) {
    seckill_reservation_ref ref;
    seckill_sync_lookup_answer answer = {
        .struct_size = sizeof(answer), .reservations = reservation, .refs = &ref, .capacity = 1};
    seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;
    seckill_status status;

    options.user = who;
    status = seckill_sync_lookup(in->item, &options, &answer);
    *count = answer.count;
    return status;
}

static void *buy_and_give_back(void *context) {
    shopper *self = context;
    shop *in = self->in;

    for (int i = 0; i < EACH / 4; i++) {
        seckill_confirm_options confirm = SECKILL_CONFIRM_OPTIONS_INIT;
        seckill_sync_answer granted, confirmed = {.struct_size = sizeof(confirmed)};
        seckill_reservation seen;
        seckill_status status;
        uint32_t count;
        user who;

        name_user(&who, self->number, i);
        status = reserve(in, self->number, i, &granted);
        if (!is_right(in, status == SECKILL_OK && granted.has_ref, "reserve", status))
            continue;
        status = look_up(in, who.bytes, &seen, &count);
        is_right(in, status == SECKILL_OK && count == 1 && memcmp(seen.id, granted.reservation.id, sizeof(seen.id)) == 0,
                 "lookup", status);
        confirm.ref = &granted.ref;
        for (int again = 0; i % 2 == 0 && again < 2; again++) {
            status = seckill_sync_confirm(in->item, &confirm, &confirmed);
            is_right(in, status == SECKILL_OK && confirmed.replayed == again && !confirmed.has_ref, "confirm", status);
        }
        status = settle(in, who.bytes, &granted, i % 2 == 0);
        is_right(in, status == SECKILL_OK, "refund or cancel", status);
    }
    return NULL;
}

static void threads_settle(void **state) {
    static shopper shoppers[THREADS];
    seckill_sync_stock_answer stock;
    seckill_stock shards[SHARDS];
    shop one;

    (void)state;
    shop_open(&one, "settled", UNITS);
    with_threads(&one, shoppers, buy_and_give_back);
    join(shoppers);
    stock = stock_of(&one, shards);
    assert_int_equal(stock.total.available, UNITS);
    assert_int_equal(stock.total.refunded, THREADS * EACH / 8);
    assert_int_equal(stock.total.cancelled, THREADS * EACH / 8);
    shop_close(&one);
}

/* ---- the queue ---- */

static seckill_status poll_until_decided(shop *in, seckill_sync_ticket_answer *answer) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    seckill_ticket ticket = answer->ticket;
    seckill_status status;

    options.ticket = &ticket;
    do
        status = seckill_sync_poll(in->item, &options, answer);
    while (status == SECKILL_OK && answer->state == SECKILL_TICKET_QUEUED);
    return status;
}

static void *queue_up(void *context) {
    shopper *self = context;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    seckill_sync_ticket_answer answer = {.struct_size = sizeof(answer)};
    seckill_status status;
    user who;

    name_user(&who, self->number, 0);
    options.user = options.request_id = who.bytes;
    status = seckill_sync_enqueue(self->in->item, &options, &answer);
    self->in->answered++;
    if (!is_right(self->in, status == SECKILL_OK && answer.has_ticket && answer.position >= 1, "enqueue", status))
        return NULL;
    status = poll_until_decided(self->in, &answer);
    if (status == SECKILL_OK && answer.state == SECKILL_TICKET_GRANTED && answer.has_ref && !answer.has_ticket)
        self->in->granted++;
    else
        is_right(self->in, status == SECKILL_OK && answer.state == SECKILL_TICKET_REFUSED && answer.reason == SECKILL_SOLD_OUT,
                 "poll", status);
    return NULL;
}

/* Decides what waits in one shard: each call is two steps, to read and to decide. */
typedef struct {
    seckill_item *item;
    seckill_sync_call *call;
    uint32_t shard;
} worker;

static seckill_status process(worker *self, seckill_queue_id from, seckill_queue_id to);

static void on_processed(const seckill_queue_result *result, void *user_data) {
    seckill_status status = result->status;
    worker *self = user_data;

    if (status == SECKILL_OK && result->count != 0)
        status = process(self, result->entries[0].id, result->entries[result->count - 1].id);
    if (status != SECKILL_OK || result->count == 0)
        seckill_sync_done(self->call, status);
}

static seckill_status process(worker *self, seckill_queue_id from, seckill_queue_id to) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = self->shard;
    options.max = SECKILL_BATCH_MAX;
    options.from = from;
    options.to = to;
    return seckill_queue_process(self->item, &options, on_processed, self);
}

static seckill_status start_process(seckill_client *client, seckill_sync_call *call, void *user_data) {
    seckill_queue_id none = {0, 0};
    worker *self = user_data;

    (void)client;
    self->call = call;
    return process(self, none, none);
}

static void threads_wait_in_the_queue(void **state) {
    static shopper shoppers[THREADS];
    seckill_stock shards[SHARDS];
    shop one;

    (void)state;
    shop_open(&one, "queued", THREADS / 2);
    with_threads(&one, shoppers, queue_up);
    while (one.answered < THREADS)
        (void)sched_yield();
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        worker self = {seckill_sync_item_handle(one.item), NULL, shard};

        assert_int_equal(seckill_sync_run(one.sync, start_process, &self), SECKILL_OK);
    }
    assert_int_equal(stock_of(&one, shards).total.queued, 0);
    join(shoppers);
    assert_int_equal(one.granted, stock_of(&one, shards).total.reserved);
    assert_in_range(one.granted, 1, THREADS / 2);
    shop_close(&one);
}

static void a_refusal_is_remembered(void **state) {
    seckill_refuse_options options = SECKILL_REFUSE_OPTIONS_INIT;
    seckill_sync_ticket_answer answer = {.struct_size = sizeof(answer)};
    seckill_sync_answer later;
    shop one;
    user who;

    (void)state;
    shop_open(&one, "refused", 1);
    name_user(&who, 0, 0);
    options.user = options.request_id = who.bytes;
    options.reason = SECKILL_SOLD_OUT;
    assert_int_equal(seckill_sync_refuse(one.item, &options, &answer), SECKILL_OK);
    assert_int_equal(answer.state, SECKILL_TICKET_REFUSED);
    assert_int_equal(answer.reason, SECKILL_SOLD_OUT);
    assert_int_equal(reserve(&one, 0, 0, &later), SECKILL_SOLD_OUT);
    assert_int_equal(later.replayed, 1);
    shop_close(&one);
}

/* ---- stopped in the middle ---- */

static void *ask_until_closed(void *context) {
    shopper *self = context;

    for (int i = 0; i < EACH; i++)
        self->told[i] = SECKILL_CLOSED;
    for (int i = 0; i < EACH; i++) {
        seckill_sync_answer answer;

        self->told[i] = reserve(self->in, self->number, i, &answer);
        self->in->answered++;
        if (self->told[i] == SECKILL_CLOSED)
            break;
        is_right(self->in, self->told[i] == SECKILL_OK || self->told[i] == SECKILL_UNKNOWN, "reserve", self->told[i]);
    }
    return NULL;
}

/* Asks all of them again: who was granted has it still, and nobody else has more than he asked for. */
static void *ask_again(void *context) {
    shopper *self = context;

    for (int i = 0; i < EACH; i++) {
        seckill_sync_answer answer;
        seckill_status status = reserve(self->in, self->number, i, &answer);

        is_right(self->in, status == SECKILL_OK, "again", status);
        is_right(self->in, answer.replayed || self->told[i] != SECKILL_OK, "a grant is gone", self->told[i]);
        is_right(self->in, !answer.replayed || self->told[i] != SECKILL_CLOSED, "closed, but granted", self->told[i]);
    }
    return NULL;
}

static void stopping_in_the_middle(void **state) {
    static shopper shoppers[THREADS];
    seckill_stock shards[SHARDS];
    shop one;

    (void)state;
    shop_open(&one, "stopped", (int64_t)THREADS * EACH);
    with_threads(&one, shoppers, ask_until_closed);
    while (one.answered < THREADS * EACH / 4)
        (void)sched_yield();
    seckill_sync_stop(one.sync);
    join(shoppers);
    assert_true(one.answered < THREADS * EACH); /* some were in their calls */
    shop_close(&one);

    shop_open(&one, "stopped", 0);
    with_threads(&one, shoppers, ask_again);
    join(shoppers);
    assert_int_equal(stock_of(&one, shards).total.reserved, THREADS * EACH);
    shop_close(&one);
}

/* ---- the item ---- */

static void what_an_item_says(void **state) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    seckill_sync_item_answer answer = {.struct_size = sizeof(answer), .settings = &settings};
    seckill_sync_stock_answer stock = {.struct_size = sizeof(stock)};
    seckill_sync_answer refused;
    seckill_sync_item *nobody;
    shop one;

    (void)state;
    shop_open(&one, "looked-at", 10);
    assert_int_equal(seckill_sync_item_get(one.item, 0, &answer), SECKILL_OK);
    assert_int_equal(answer.has_info, 1);
    assert_int_equal(answer.state, SECKILL_ITEM_ACTIVE);
    assert_int_equal(settings.shards, SHARDS);
    assert_int_equal(settings.window_ms, 600000);
    assert_int_equal(settings.struct_size, sizeof(settings));
    settings.limit = 3; /* what was read can be given back */
    assert_int_equal(seckill_sync_item_define(one.item, &settings, 0, &answer), SECKILL_OK);
    assert_int_equal(answer.version, 2);
    assert_int_equal(settings.limit, 3);
    settings.struct_size = 0;
    assert_int_equal(seckill_sync_item_get(one.item, 0, &answer), SECKILL_INVALID);
    answer.settings = NULL;
    assert_int_equal(seckill_sync_item_pause(one.item, 0, &answer), SECKILL_OK);
    assert_int_equal(answer.state, SECKILL_ITEM_PAUSED);
    assert_int_equal(reserve(&one, 0, 0, &refused), SECKILL_PAUSED);
    assert_int_equal(seckill_sync_item_resume(one.item, 0, &answer), SECKILL_OK);
    assert_int_equal(seckill_sync_stock_withdraw(one.item, "back", 4, 0, &answer), SECKILL_OK);
    assert_int_equal(answer.amount, 4);
    assert_int_equal(seckill_sync_stock_load(one.item, "back", 4, 0, &answer), SECKILL_CONFLICT);
    assert_int_equal(seckill_sync_stock_load(one.item, "a b", 4, 0, &answer), SECKILL_INVALID);
    assert_int_equal(seckill_sync_stock_get(one.item, 0, &stock), SECKILL_OK);
    assert_int_equal(stock.total.available, 6);
    assert_int_equal(stock.count, SHARDS);
    assert_int_equal(seckill_sync_item_end(one.item, 0, &answer), SECKILL_OK);
    assert_int_equal(seckill_sync_item_resume(one.item, 0, &answer), SECKILL_ENDED);
    assert_int_equal(seckill_sync_item_open(one.sync, "sale", "nobody", &nobody), SECKILL_OK);
    assert_int_equal(seckill_sync_item_get(nobody, 0, &answer), SECKILL_NOT_DEFINED);
    assert_int_equal(answer.has_info, 0);
    shop_close(&one);
}

/* ---- all of them ---- */

static int start_server(void **state) {
    (void)state;
    server = redis_server_start(NULL);
    return server != NULL ? 0 : -1;
}

static int stop_server(void **state) {
    (void)state;
    redis_server_free(server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_sell_out_exactly),  cmocka_unit_test(threads_settle),
        cmocka_unit_test(threads_wait_in_the_queue), cmocka_unit_test(a_refusal_is_remembered),
        cmocka_unit_test(stopping_in_the_middle),    cmocka_unit_test(what_an_item_says),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
