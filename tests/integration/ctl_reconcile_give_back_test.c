/* seckill-ctl reconcile --give-back: units become available where no order stands for them, and only then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_reconcile_fixture.h"

#include <stdlib.h>
#include <string.h>

static const char lost[] = "reservation_missing the reservation is not there, the order confirmed";
static const char hidden[] =
    "counter available, counter sold, reservation_missing the reservation is not there, the order confirmed";
static const char counters[] = "counter available, counter sold";

/* Only the record of user 1 of shard 0 is gone. */
static void hide(books *b) {
    assert_int_equal(on_shard(b, 0, "HDEL", "users", "%s", user_of(b, 0, 1)), 1);
}

static const json_t *fault_about(const json_t *item, const char *kind, const char *what) {
    for (size_t i = 0;; i++) {
        const json_t *fault = fault_of(item, i);
        if (strcmp(ctl_text(fault, "kind"), kind) == 0 && (!what || strcmp(ctl_text(fault, "what"), what) == 0)) {
            return fault;
        }
    }
}

static void counters_are_left_because(const json_t *item, const char *words) {
    is_left_because(fault_about(item, "counter", "available"), words);
    is_left_because(fault_about(item, "counter", "sold"), words);
}

/* Two are sold and two reserved, one of each on a shard. */
static void has_all_units(books *b) {
    (void)adds_up_with_orders(b, "");
    assert_int_equal(on_shard(b, 0, "HGET", "stock", "sold"), 1);
    assert_int_equal(on_shard(b, 0, "HGET", "stock", "available"), BOOKS_UNITS / 2 - 2);
    assert_int_equal(sale_lookup(&b->sale, user_of(b, 0, 1), NULL).reservations[0].state, SECKILL_RESERVATION_SOLD);
}

/* A repair confirms the order; its units are taken twice then, until somebody says that one of them may be given back. */
static void units_of_an_order_are_not_given_back(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    hide(b);
    const json_t *item = finds_with_orders(b, hidden, "--repair");
    counters_are_left_because(item, "--give-back");
    assert_true(is_repaired(fault_about(item, "reservation_missing", NULL)));
    assert_int_equal(on_shard(b, 0, "HGET", "stock", "available"), BOOKS_UNITS / 2 - 3);
    item = finds_with_orders(b, counters, "--repair --give-back");
    assert_true(is_repaired(fault_about(item, "counter", "available")));
    has_all_units(b);
}

/* What the counters say when they are mended shows that the order's units were taken before. */
static void an_order_is_confirmed_before_units_are_given_back(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    hide(b);
    const json_t *item = finds_with_orders(b, hidden, "--repair --give-back");
    const json_t *available = fault_about(item, "counter", "available"), *sold = fault_about(item, "counter", "sold");
    assert_int_equal(ctl_int(item, "repaired_count"), 3);
    assert_int_equal(ctl_int(available, "found"), BOOKS_UNITS / 2 - 3);
    assert_int_equal(ctl_int(available, "expected"), BOOKS_UNITS / 2 - 2);
    assert_int_equal(ctl_int(sold, "found"), 2);
    assert_int_equal(ctl_int(sold, "expected"), 1);
    assert_int_equal(ctl_int(item, "shards.0.fault_count"), 3);
    assert_int_equal(ctl_int(item, "shards.0.available"), BOOKS_UNITS / 2 - 2);
    has_all_units(b);
    forget(b, 0, 1); /* with its counters: nothing is to be given back */
    assert_true(is_repaired(fault_of(finds_with_orders(b, lost, "--repair --give-back"), 0)));
    has_all_units(b);
}

/* What is wrong on the other shard is told once, though there are two passes. */
static void units_without_order_are_given_back(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    (void)reserve_for(b, 0, 2);
    on_shard(b, 0, "HDEL", "users", "%s", user_of(b, 0, 2));
    on_shard(b, 1, "HSET", "users", "%s damaged", user_of(b, 1, 2));
    static const char reserved[] = "counter available, counter reserved, record what is stored is no list of records";
    is_left_because(fault_about(finds_with_orders(b, reserved, "--repair"), "counter", "available"), "--give-back");
    const json_t *item = finds_with_orders(b, reserved, "--repair --give-back --max-faults 3");
    assert_int_equal(ctl_int(item, "repaired_count"), 2);
    on_shard(b, 1, "HDEL", "users", "%s", user_of(b, 1, 2));
    has_all_units(b);
}

/* A worker is about to write the order. */
static void nothing_is_given_back_while_an_event_waits(void **state) {
    books *b = *state;
    sell_some(b);
    hide(b);
    static const char told[] = "counter available, counter sold, event no record is in the state that it tells of";
    counters_are_left_because(finds_with_orders(b, told, "--repair --give-back"), "an event that no record confirms waits");
    write_orders(b);
    assert_int_equal(ctl_int(finds_with_orders(b, hidden, "--repair --give-back"), "repaired_count"), 3);
    has_all_units(b);
}

/* The user has as many records as there may be. */
static void nothing_is_given_back_where_an_order_cannot_be_confirmed(void **state) {
    books *b = *state;
    uint8_t records[SECKILL_USER_RECORDS_MAX][44];
    sell_some(b);
    write_orders(b);
    for (uint8_t i = 0; i < SECKILL_USER_RECORDS_MAX; i++) {
        pack_record(records[i], i, SECKILL_RESERVATION_CANCELLED, 1, 1700000000000, 0);
    }
    put_record(b, 0, user_of(b, 0, 1), records[0], sizeof records);
    ctl_json(4, "reconcile sale/phone --repair --max-faults 0"); /* they end now */
    const json_t *item = finds_with_orders(b, hidden, "--repair --give-back");
    counters_are_left_because(item, "an order could not be confirmed");
    is_left_because(fault_about(item, "reservation_missing", NULL), "a documented limit is reached");
}

static void nothing_is_given_back_while_a_replay_is_awaited(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    hide(b);
    sale_stock_answer stock = sale_stock(&b->sale);
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_int_equal(orders_db_note_replayed(b->db, "sale", "phone", shard, stock.shards[shard].epoch - (shard == 0)),
                         ORDERS_DB_OK);
    }
    counters_are_left_because(finds_with_orders(b, counters, "--repair --give-back"), "replay");
    assert_int_equal(orders_db_note_replayed(b->db, "sale", "phone", 0, stock.shards[0].epoch), ORDERS_DB_OK);
    assert_int_equal(ctl_int(finds_with_orders(b, hidden, "--repair --give-back"), "repaired_count"), 3);
    has_all_units(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOOKS_TEST(units_of_an_order_are_not_given_back),
        BOOKS_TEST(an_order_is_confirmed_before_units_are_given_back),
        BOOKS_TEST(units_without_order_are_given_back),
        BOOKS_TEST(nothing_is_given_back_while_an_event_waits),
        BOOKS_TEST(nothing_is_given_back_where_an_order_cannot_be_confirmed),
        BOOKS_TEST(nothing_is_given_back_while_a_replay_is_awaited),
    };
    unsetenv("SECKILL_PREFIX");
    return cmocka_run_group_tests(tests, ctl_start_redis, ctl_stop_redis);
}
