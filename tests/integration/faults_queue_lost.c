/* A server that hangs, dies, or loses connections while requests are put into the queue and decided: asked again with the same
 * ids, everyone is granted once, and all that waits is decided.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"
#include "test_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 400, SHARDS = 4, CLIENTS = 2, IN_FLIGHT = 100, STEP = 20, TIMEOUT_MS = 150 };

typedef struct crowd crowd;

typedef enum { ENQUEUES, POLLS, IS_OVER } intent;

typedef struct {
    crowd *crowd;
    unsigned client;
    char name[16];
    intent intent;
    int calls;
    seckill_ticket_state state;
    seckill_ticket ticket;
    seckill_reservation_ref ref;
} shopper;

/* One works on one shard: screens nobody, decides what it was handed out. Two of them on each, from different clients. */
typedef struct {
    crowd *crowd;
    unsigned client;
    uint32_t shard;
    int calls;
    seckill_queue_id from, to;
} worker;

struct crowd {
    redis_server *server;
    sale sale; /* whose loop it is, and the first client */
    seckill_client *clients[CLIENTS];
    seckill_item *items[CLIENTS];
    shopper shoppers[USERS];
    worker workers[CLIENTS * SHARDS];
    unsigned started, over, in_flight, units, working;
    uint64_t decided, random;
    bool closing;
};

/* ---- shoppers: enqueue, then poll until it is decided ---- */

static void ask(shopper *self);

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    shopper *self = user_data;

    assert_int_equal(--self->calls, 0);
    self->state = result->state;
    if (result->status != SECKILL_OK) {
        if (seckill_status_class(result->status) == SECKILL_CLASS_FINAL)
            fail_msg("%s: %s, %s", self->name, seckill_status_name(result->status), result->message);
    } else if (result->state == SECKILL_TICKET_QUEUED) {
        self->ticket = *result->ticket;
        self->intent = POLLS;
    } else {
        if (result->ref != NULL)
            self->ref = *result->ref;
        self->intent = IS_OVER;
        self->crowd->over++;
        self->crowd->in_flight--;
        return;
    }
    ask(self);
}

static seckill_status enqueue(shopper *self) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = self->name;
    options.user.size = options.request_id.size = strlen(self->name);
    return seckill_enqueue(self->crowd->items[self->client], &options, NULL, on_ticket, self);
}

static seckill_status poll_ticket(shopper *self) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;

    options.ticket = &self->ticket;
    return seckill_poll(self->crowd->items[self->client], &options, NULL, on_ticket, self);
}

static void ask(shopper *self) {
    self->calls++;
    assert_int_equal(self->intent == ENQUEUES ? enqueue(self) : poll_ticket(self), SECKILL_OK);
}

static void start_some(crowd *all) {
    while (all->in_flight < IN_FLIGHT && all->started < USERS) {
        shopper *next = &all->shoppers[all->started];

        next->crowd = all;
        next->client = all->started % CLIENTS;
        (void)snprintf(next->name, sizeof(next->name), "s%u", all->started);
        all->started++;
        all->in_flight++;
        ask(next);
    }
}

/* ---- workers ---- */

static void work(worker *self);

static void on_queue(const seckill_queue_result *result, void *user_data) {
    worker *self = user_data;

    assert_int_equal(--self->calls, 0);
    self->crowd->decided += result->decided;
    assert_int_equal(result->decided, result->granted + result->refused + result->blacklisted);
    if (result->status == SECKILL_OK) {
        memset(&self->from, 0, sizeof(self->from));
        memset(&self->to, 0, sizeof(self->to));
        if (result->count != 0) {
            self->from = result->entries[0].id;
            self->to = result->entries[result->count - 1].id;
        }
    } else if (seckill_status_class(result->status) == SECKILL_CLASS_FINAL) {
        fail_msg("worker: %s, %s", seckill_status_name(result->status), result->message);
    }
    if (self->crowd->closing)
        self->crowd->working--;
    else
        work(self);
}

static void work(worker *self) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = self->shard;
    options.max = STEP;
    options.from = self->from;
    options.to = self->to;
    self->calls++;
    assert_int_equal(seckill_queue_process(self->crowd->items[self->client], &options, on_queue, self), SECKILL_OK);
}

static void start_workers(crowd *all) {
    for (unsigned i = 0; i < CLIENTS * SHARDS; i++) {
        all->workers[i].crowd = all;
        all->workers[i].client = i % CLIENTS;
        all->workers[i].shard = i / CLIENTS;
        all->working++;
        work(&all->workers[i]);
    }
}

static void stop_workers(crowd *all) {
    all->closing = true;
    while (all->working != 0)
        (void)uv_run(&all->sale.loop, UV_RUN_ONCE);
}

/* ---- what is done to the server ---- */

static void kill_it(crowd *all) {
    redis_server_kill(all->server);
    for (uint32_t i = test_run_below(&all->random, 5); i > 0; i--)
        (void)uv_run(&all->sale.loop, UV_RUN_NOWAIT);
    assert_true(redis_server_restart(all->server));
}

/* Longer than a command may take, and than an operation may: what was sent is given up, and executed later. */
static void hang_it(crowd *all) {
    int64_t until = fault_now_ms() + TIMEOUT_MS + 50;

    redis_server_pause(all->server);
    while (fault_now_ms() < until)
        (void)uv_run(&all->sale.loop, UV_RUN_ONCE);
    redis_server_resume(all->server);
}

static void drop_clients(crowd *all) {
    fault_command(all->server, "CLIENT KILL TYPE normal SKIPME yes");
}

static void forget_scripts(crowd *all) {
    fault_command(all->server, "SCRIPT FLUSH");
}

/* ---- the whole ---- */

/* Operations have little time here, and the disk of a busy machine may take longer: what is no part of the test is asked again.
 */
static void put_on_sale(crowd *all) {
    while (sale_define(&all->sale, SHARDS, NULL).status != SECKILL_OK)
        ;
    while (sale_load(&all->sale, "first", all->units).status != SECKILL_OK)
        ;
}

static sale_lookup_answer look_up(crowd *all, const char *user) {
    sale_lookup_answer found;

    do
        found = sale_lookup(&all->sale, user, NULL);
    while (seckill_status_class(found.status) != SECKILL_CLASS_FINAL);
    return found;
}

static sale_stock_answer read_stock(crowd *all) {
    sale_stock_answer stock;

    do
        stock = sale_stock(&all->sale);
    while (seckill_status_class(stock.status) != SECKILL_CLASS_FINAL);
    return stock;
}

static void open_crowd(crowd *all, unsigned units) {
    static const redis_server_options durable = {false, true, NULL};
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    memset(all, 0, sizeof(*all));
    all->random = test_run_seed();
    all->units = units;
    all->server = redis_server_start(&durable);
    assert_non_null(all->server);
    options.address = redis_server_address(all->server);
    options.timeout_ms = TIMEOUT_MS;
    options.command_timeout_ms = TIMEOUT_MS / 3;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 20;
    options.max_batch = 16; /* many small batches: more of them are hit */
    sale_open_with(&all->sale, &options);
    put_on_sale(all);
    options.loop = &all->sale.loop;
    all->clients[0] = all->sale.client;
    all->items[0] = all->sale.item;
    assert_int_equal(seckill_client_open(&options, &all->clients[1]), SECKILL_OK);
    assert_int_equal(seckill_item_open(all->clients[1], "sale", "phone", &all->items[1]), SECKILL_OK);
}

static void close_crowd(crowd *all) {
    seckill_client_close(all->clients[1], NULL, NULL);
    sale_close(&all->sale);
    redis_server_free(all->server);
}

static bool is_granted(const shopper *each) {
    return each->state == SECKILL_TICKET_GRANTED;
}

static int64_t check_shoppers(crowd *all) {
    int64_t granted = 0;

    for (unsigned i = 0; i < USERS; i++) {
        const shopper *each = &all->shoppers[i];
        sale_lookup_answer found = look_up(all, each->name);

        assert_int_equal(found.status, SECKILL_OK);
        assert_int_equal(found.count, is_granted(each)); /* once, and only who was told so */
        granted += is_granted(each);
        if (is_granted(each))
            assert_memory_equal(found.reservations[0].id, each->ref.reservation_id, SECKILL_RESERVATION_ID_SIZE);
        else
            assert_int_equal(each->state, SECKILL_TICKET_REFUSED);
    }
    return granted;
}

static void every_answer_was_true(crowd *all) {
    sale_stock_answer stock = read_stock(all);
    int64_t granted = check_shoppers(all);

    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.queued, 0);
    assert_int_equal(stock.total.reserved, granted);
    assert_true(granted > 0 && granted <= all->units);
    if (all->units >= SHARDS * USERS)
        assert_int_equal(granted, USERS);
    else
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            assert_int_equal(stock.shards[shard].available, 0); /* nobody was refused while units were left */
}

static void run_with(void (*fault)(crowd *), unsigned times, unsigned units) {
    static crowd all;
    unsigned between = USERS / (times + 1), next = between / 2, done = 0;

    open_crowd(&all, units);
    start_some(&all);
    start_workers(&all);
    while (all.over < USERS) {
        (void)uv_run(&all.sale.loop, UV_RUN_ONCE);
        start_some(&all);
        if (done < times && all.over >= next) {
            next = all.over + 1 + test_run_below(&all.random, between);
            done++;
            fault(&all);
        }
    }
    stop_workers(&all);
    assert_true(done > times / 3); /* answers come in batches */
    /* Requests that stood there twice, since their answer was lost, may still wait. */
    while (sale_stock(&all.sale).total.queued != 0)
        (void)sale_decide_all(&all.sale);
    every_answer_was_true(&all);
    close_crowd(&all);
}

enum { ENOUGH = SHARDS * USERS, TOO_FEW = USERS / 2 };

static void it_is_killed(void **state) {
    (void)state;
    run_with(kill_it, test_run_is_full() ? 50 : 6, ENOUGH);
    run_with(kill_it, test_run_is_full() ? 50 : 6, TOO_FEW);
}

static void it_hangs(void **state) {
    (void)state;
    run_with(hang_it, test_run_is_full() ? 20 : 4, ENOUGH);
    run_with(hang_it, test_run_is_full() ? 20 : 4, TOO_FEW);
}

static void it_drops_the_connections(void **state) {
    (void)state;
    run_with(drop_clients, 10, ENOUGH);
    run_with(drop_clients, 10, TOO_FEW);
}

static void it_forgets_the_scripts(void **state) {
    (void)state;
    run_with(forget_scripts, 10, TOO_FEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_killed),
        cmocka_unit_test(it_hangs),
        cmocka_unit_test(it_drops_the_connections),
        cmocka_unit_test(it_forgets_the_scripts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
