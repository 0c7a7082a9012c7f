/* Redis dies and comes back under load, with a log that is synced at every write: what was granted stays granted, nothing is
 * granted twice, and the clients find their way back by themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"
#include "test_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 600, UNITS = 400, SHARDS = 4, IN_FLIGHT = 200, CLIENTS = 2 };

typedef struct kill_crowd kill_crowd;

typedef struct {
    kill_crowd *crowd;
    unsigned client;
    char name[16];
    int calls;
    bool granted, settled, confirming;
    seckill_status status;
    seckill_reservation_ref ref;
} kill_shopper;

/* Users of two clients on one loop: half of those who get something confirm it at once. */
struct kill_crowd {
    redis_server *server;
    sale sale; /* whose loop it is, and the first client */
    seckill_client *clients[CLIENTS];
    seckill_item *items[CLIENTS];
    kill_shopper shoppers[USERS];
    unsigned started, answered, in_flight;
    uint64_t random;
};

static uint32_t chance(kill_crowd *crowd, uint32_t below) {
    crowd->random = crowd->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(crowd->random >> 33) % below;
}

/* ---- a shopper: asks until the answer is final ---- */

static void ask(kill_shopper *shopper);

static void is_over(kill_shopper *shopper) {
    shopper->crowd->answered++;
    shopper->crowd->in_flight--;
}

static void on_result(const seckill_result *result, void *user_data) {
    kill_shopper *self = user_data;

    self->calls--;
    assert_int_equal(self->calls, 0);
    self->status = result->status;
    if (seckill_status_class(result->status) != SECKILL_CLASS_FINAL) {
        ask(self);
        return;
    }
    if (self->confirming) {
        assert_string_equal(seckill_status_name(result->status), "ok");
        self->settled = true;
    } else if (result->status == SECKILL_OK) {
        self->granted = true;
        assert_non_null(result->ref);
        self->ref = *result->ref;
        if (self->name[1] % 2 == 0) {
            self->confirming = true;
            ask(self);
            return;
        }
    } else {
        assert_string_equal(seckill_status_name(result->status), "sold_out");
    }
    is_over(self);
}

static void ask(kill_shopper *self) {
    seckill_item *item = self->crowd->items[self->client];
    seckill_status started;

    self->calls++;
    if (self->confirming) {
        seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;

        options.ref = &self->ref;
        options.order_ref.data = self->name;
        options.order_ref.size = strlen(self->name);
        started = seckill_confirm(item, &options, NULL, on_result, self);
    } else {
        seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

        options.user.data = options.request_id.data = self->name;
        options.user.size = options.request_id.size = strlen(self->name);
        started = seckill_reserve(item, &options, NULL, on_result, self);
    }
    assert_int_equal(started, SECKILL_OK);
}

static void start_some(kill_crowd *crowd) {
    while (crowd->in_flight < IN_FLIGHT && crowd->started < USERS) {
        kill_shopper *next = &crowd->shoppers[crowd->started];

        next->crowd = crowd;
        next->client = crowd->started % CLIENTS;
        (void)snprintf(next->name, sizeof(next->name), "s%u", crowd->started);
        crowd->started++;
        crowd->in_flight++;
        ask(next);
    }
}

/* ---- what is done to the server ---- */

static void kill_it(kill_crowd *crowd) {
    redis_server_kill(crowd->server);
    for (uint32_t i = chance(crowd, 5); i > 0; i--)
        (void)uv_run(&crowd->sale.loop, UV_RUN_NOWAIT);
    assert_true(redis_server_restart(crowd->server));
}

static void stop_it(kill_crowd *crowd) {
    redis_server_stop(crowd->server);
    assert_true(redis_server_restart(crowd->server));
}

static void forget_scripts(kill_crowd *crowd) {
    fault_command(crowd->server, "SCRIPT FLUSH");
}

static void drop_clients(kill_crowd *crowd) {
    fault_command(crowd->server, "CLIENT KILL TYPE normal SKIPME yes");
}

/* ---- the whole ---- */

/* Both may be repeated, and may have to be: a slow disk takes longer than these clients wait. */
static void define_and_load(sale *on) {
    bool defined = false, loaded = false;

    for (int tries = 0; tries < 50 && !defined; tries++)
        defined = sale_define(on, SHARDS, NULL).status == SECKILL_OK;
    for (int tries = 0; tries < 50 && !loaded; tries++)
        loaded = sale_load(on, "first", UNITS).status == SECKILL_OK;
    assert_true(defined && loaded);
}

static void open_crowd(kill_crowd *crowd, uint64_t seed) {
    static const redis_server_options durable = {false, true, NULL};
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    memset(crowd, 0, sizeof(*crowd));
    crowd->random = seed;
    crowd->server = redis_server_start(&durable);
    assert_non_null(crowd->server);
    options.address = redis_server_address(crowd->server);
    options.timeout_ms = 300; /* some ops end in the midst of it, and are asked again */
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 20;
    options.max_batch = 16; /* many small batches: more of them are hit */
    sale_open_with(&crowd->sale, &options);
    define_and_load(&crowd->sale);
    options.loop = &crowd->sale.loop;
    crowd->clients[0] = crowd->sale.client;
    crowd->items[0] = crowd->sale.item;
    for (unsigned i = 1; i < CLIENTS; i++) {
        assert_int_equal(seckill_client_open(&options, &crowd->clients[i]), SECKILL_OK);
        assert_int_equal(seckill_item_open(crowd->clients[i], "sale", "phone", &crowd->items[i]), SECKILL_OK);
    }
}

static void close_crowd(kill_crowd *crowd) {
    for (unsigned i = 1; i < CLIENTS; i++)
        seckill_client_close(crowd->clients[i], NULL, NULL);
    sale_close(&crowd->sale);
    redis_server_free(crowd->server);
}

static void every_answer_was_true(kill_crowd *crowd) {
    sale_stock_answer stock = sale_stock(&crowd->sale);
    int64_t granted = 0, settled = 0;

    for (unsigned i = 0; i < USERS; i++) {
        const kill_shopper *each = &crowd->shoppers[i];
        sale_lookup_answer found = sale_lookup(&crowd->sale, each->name, NULL);

        granted += each->granted;
        settled += each->settled;
        assert_int_equal(found.status, SECKILL_OK);
        assert_int_equal(found.count, each->granted);
        if (!each->granted)
            continue;
        assert_memory_equal(found.reservations[0].id, each->ref.reservation_id, SECKILL_RESERVATION_ID_SIZE);
        assert_int_equal(found.reservations[0].state, each->settled ? SECKILL_RESERVATION_SOLD : SECKILL_RESERVED);
    }
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.loaded, UNITS);
    assert_int_equal(stock.total.sold, settled);
    assert_int_equal(stock.total.reserved, granted - settled);
    assert_int_equal(stock.total.events, settled);
    assert_in_range(granted, 1, UNITS);
}

static void run_with(void (*fault)(kill_crowd *), unsigned times) {
    static kill_crowd crowd;
    uint64_t seed = test_run_seed();
    unsigned between = USERS / (times + 1), next, done = 0;

    open_crowd(&crowd, seed);
    next = 1 + chance(&crowd, between);
    start_some(&crowd);
    while (crowd.answered < USERS) {
        (void)uv_run(&crowd.sale.loop, UV_RUN_ONCE);
        start_some(&crowd);
        if (done < times && crowd.answered >= next) {
            next = crowd.answered + 1 + chance(&crowd, between);
            done++;
            fault(&crowd);
        }
    }
    assert_true(done > times / 3); /* answers come in batches */
    assert_int_equal(crowd.in_flight, 0);
    every_answer_was_true(&crowd);
    close_crowd(&crowd);
}

static void it_is_killed(void **state) {
    (void)state;
    run_with(kill_it, test_run_is_full() ? 50 : 6);
}

static void it_is_restarted(void **state) {
    (void)state;
    run_with(stop_it, test_run_is_full() ? 20 : 3);
}

/* Nobody notices: the scripts are sent again as text. */
static void it_forgets_the_scripts(void **state) {
    (void)state;
    run_with(forget_scripts, 10);
}

static void it_drops_the_connections(void **state) {
    (void)state;
    run_with(drop_clients, 10);
}

/* All is gone. A client that knew the item must not grant from memory what is no more; one that comes later is told. */
static void it_forgets_everything(void **state) {
    static kill_crowd crowd;
    sale_answer answer;

    (void)state;
    open_crowd(&crowd, 1);
    assert_int_equal(sale_reserve(&crowd.sale, "before", "before", 1).status, SECKILL_OK);
    fault_command(crowd.server, "FLUSHALL");
    answer = sale_reserve(&crowd.sale, "after", "after", 1);
    assert_int_not_equal(answer.status, SECKILL_OK);
    assert_int_equal(seckill_status_class(answer.status), SECKILL_CLASS_FINAL);
    assert_int_equal(sale_load(&crowd.sale, "second", 10).status, SECKILL_NOT_DEFINED);
    assert_int_equal(sale_reserve(&crowd.sale, "after", "after", 1).status, answer.status);
    close_crowd(&crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_killed),           cmocka_unit_test(it_is_restarted),
        cmocka_unit_test(it_forgets_the_scripts), cmocka_unit_test(it_drops_the_connections),
        cmocka_unit_test(it_forgets_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
