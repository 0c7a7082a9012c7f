/* seckill-ctl reconcile --orders: faults between shards and orders database, and in the inventory; and what is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_reconcile_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char missing[] = "order_missing the reservation is sold, the order not there";
static const char lost[] = "reservation_missing the reservation is not there, the order confirmed";

static const json_t *only_fault(const json_t *item) {
    const json_t *faults = json_object_get(item, "faults");
    assert_int_equal(json_array_size(faults), 1);
    return json_array_get(faults, 0);
}

static void is_mended(const books *b, const char *fault) {
    assert_true(is_repaired(only_fault(finds_with_orders(b, fault, "--repair"))));
    (void)adds_up_with_orders(b, "");
}

static void is_left(const books *b, const char *fault) {
    assert_false(is_repaired(only_fault(finds_with_orders(b, fault, "--repair"))));
    (void)finds_with_orders(b, fault, "");
}

static void keep(const orders_db_order *order, void *user_data) {
    *(orders_db_order *)user_data = *order;
}

static orders_db_order order_of(books *b, const uint8_t *id) {
    orders_db_order order = {0};
    (void)orders_db_find(b->db, id, keep, &order);
    return order;
}

/* ---- what fits, or is on its way ---- */

static void a_healthy_shop_adds_up(void **state) {
    books *b = *state;
    sell_some(b);
    const json_t *item = adds_up_with_orders(b, ""); /* events wait */
    assert_int_equal(ctl_int(item, "orders.orders_compared"), 0);
    write_orders(b);
    item = adds_up_with_orders(b, "");
    assert_int_equal(ctl_int(item, "orders.orders_compared"), 2);
    assert_int_equal(ctl_int(item, "orders.records_compared"), 2);
    assert_int_equal(ctl_int(item, "orders.confirmed.units"), 2);
    assert_int_equal(ctl_int(item, "orders.left"), BOOKS_UNITS - 2);
    sale_answer answer = sell_to(b, 0, 2);
    assert_int_equal(sale_refund(&b->sale, user_of(b, 0, 2), answer.reservation.id).status, SECKILL_OK);
    (void)adds_up_with_orders(b, "");
    write_orders(b);
    assert_int_equal(ctl_int(adds_up_with_orders(b, "--repair"), "orders.refunded.orders"), 1);
    const ctl_outcome *outcome = ctl("reconcile sale " BOOKS_ORDERS, b->orders);
    assert_non_null(strstr(outcome->out, "orders: 3; real inventory: 40, left: 38\n"));
    assert_non_null(strstr(outcome->out, "It adds up: 40 units loaded, 2 of them sold, 5 reservations, 3 orders\n"));
}

/* The event waits still, and the order is there: the worker is about to acknowledge it. */
static void an_event_of_an_order_that_is_written(void **state) {
    books *b = *state;
    sale_answer answer = sell_to(b, 0, 0);
    orders_db_event event = {
        "sale", "phone", {{1, 1}, SECKILL_EVENT_CONFIRMED, {0}, {user_of(b, 0, 0), 0}, {"", 0}, 1, 700, 5, {0}}};
    orders_db_outcome outcome;
    memcpy(event.event.reservation_id, answer.reservation.id, sizeof event.event.reservation_id);
    event.event.user.size = strlen(user_of(b, 0, 0));
    assert_int_equal(orders_db_apply(b->db, &event, 1, &outcome), ORDERS_DB_OK);
    (void)adds_up_with_orders(b, "");
}

static void refunds_that_are_due(void **state) {
    books *b = *state;
    size_t count;
    sell_some(b);
    write_orders(b);
    assert_int_equal(orders_db_refund_unpaid(b->db, "sale", "phone", SECKILL_AMOUNT_MAX, 1, &count), ORDERS_DB_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ctl_int(adds_up_with_orders(b, ""), "orders.refunds_due"), 1);
    forget(b, 0, 1); /* whether Redis still knows it does not matter: it is asked to refund it, and says so */
    forget(b, 1, 1);
    assert_int_equal(ctl_int(finds_with_orders(b, lost, ""), "orders.refunds_due"), 1);
    assert_non_null(strstr(ctl("reconcile sale " BOOKS_ORDERS, b->orders)->out, "; refunds due: 1\n"));
}

static void a_refused_order_is_on_its_way(void **state) {
    books *b = *state;
    assert_int_equal(orders_db_set_inventory(b->db, "sale", "phone", 0, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    sale_answer answer = sell_to(b, 0, 0);
    write_orders(b);
    static const char total[] = "inventory_total raise the inventory, or take units back: seckill-ctl stock withdraw";
    const json_t *item = finds_with_orders(b, total, "");
    assert_int_equal(ctl_int(item, "orders.refused.orders"), 1);
    assert_int_equal(ctl_int(item, "orders.refunds_due"), 1);
    assert_int_equal(ctl_int(only_fault(item), "found"), BOOKS_UNITS);
    assert_int_equal(ctl_int(only_fault(item), "expected"), 0);
    is_left(b, total);
    assert_int_equal(sale_refund(&b->sale, user_of(b, 0, 0), answer.reservation.id).status, SECKILL_OK);
    write_orders(b);
    assert_int_equal(orders_db_set_inventory(b->db, "sale", "phone", BOOKS_UNITS + 1, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    (void)adds_up_with_orders(b, ""); /* a shop may keep some back */
}

/* ---- faults ---- */

static void a_sold_record_without_order(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    sale_answer answer = sell_to(b, 1, 3);
    assert_int_equal(on_shard(b, 1, "XTRIM", "events", "MAXLEN 0"), 1);
    (void)adds_up("");
    const json_t *fault = only_fault(finds_with_orders(b, missing, ""));
    assert_int_equal(ctl_int(fault, "shard"), 1);
    assert_string_equal(ctl_text(fault, "user"), user_of(b, 1, 3));
    assert_int_equal(strlen(ctl_text(fault, "reservation_id")), 32);
    assert_int_equal(order_of(b, answer.reservation.id).number, 0);
    const ctl_outcome *outcome = ctl("reconcile sale/phone --repair " BOOKS_ORDERS, b->orders);
    assert_int_equal(outcome->code, 4);
    assert_non_null(strstr(outcome->err, "order_missing, shard 1, user \"user-"));
    assert_non_null(strstr(outcome->err, ": its event is written again; a worker will write the order\n"));
    (void)adds_up_with_orders(b, "");
    write_orders(b);
    assert_int_equal(order_of(b, answer.reservation.id).confirmed_ms, answer.reservation.since_ms);
    (void)adds_up_with_orders(b, "");
}

static void a_refunded_record_without_order(void **state) {
    books *b = *state;
    sale_answer answer = sell_to(b, 0, 0);
    assert_int_equal(sale_refund(&b->sale, user_of(b, 0, 0), answer.reservation.id).status, SECKILL_OK);
    assert_int_equal(on_shard(b, 0, "XTRIM", "events", "MAXLEN 0"), 2);
    is_mended(b, "order_missing the reservation is refunded, the order not there");
    write_orders(b);
    assert_int_equal(order_of(b, answer.reservation.id).state, ORDERS_DB_REFUNDED);
    (void)adds_up_with_orders(b, "");
}

static void an_order_that_is_behind(void **state) {
    books *b = *state;
    sale_answer answer = sell_to(b, 0, 0);
    write_orders(b);
    assert_int_equal(sale_refund(&b->sale, user_of(b, 0, 0), answer.reservation.id).status, SECKILL_OK);
    assert_int_equal(on_shard(b, 0, "XTRIM", "events", "MAXLEN 0"), 1);
    is_mended(b, "order_behind the reservation is refunded, the order confirmed");
    write_orders(b);
    assert_int_equal(order_of(b, answer.reservation.id).state, ORDERS_DB_REFUNDED);
    assert_int_equal(ctl_int(adds_up_with_orders(b, ""), "orders.left"), BOOKS_UNITS);
}

static void an_order_without_reservation(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    forget(b, 0, 1);
    (void)adds_up("");
    const json_t *fault = only_fault(finds_with_orders(b, lost, ""));
    assert_int_equal(ctl_int(fault, "shard"), 0);
    assert_string_equal(ctl_text(fault, "user"), user_of(b, 0, 1));
    is_mended(b, lost);
    assert_int_equal(sale_lookup(&b->sale, user_of(b, 0, 1), NULL).reservations[0].state, SECKILL_RESERVATION_SOLD);
}

static void a_reservation_that_is_behind(void **state) {
    books *b = *state;
    uint8_t record[44];
    sale_answer answer = sell_to(b, 0, 0);
    write_orders(b);
    pack_record(record, 0, SECKILL_RESERVATION_CANCELLED, 1, answer.reservation.since_ms, 0);
    memcpy(record, answer.reservation.id, sizeof answer.reservation.id);
    forget(b, 0, 0);
    put_record(b, 0, user_of(b, 0, 0), record, sizeof record);
    (void)finds_with_orders(b, "never_ends it has no end, reservation_behind the reservation is cancelled, the order confirmed",
                            "--repair");
    (void)adds_up_with_orders(b, "");
    assert_int_equal(sale_lookup(&b->sale, user_of(b, 0, 0), NULL).reservations[0].state, SECKILL_RESERVATION_SOLD);
}

/* A failover forgot the refund. */
static void a_reservation_that_is_sold_and_its_order_refunded(void **state) {
    books *b = *state;
    uint8_t record[44];
    sale_answer answer = sell_to(b, 0, 0);
    assert_int_equal(sale_refund(&b->sale, user_of(b, 0, 0), answer.reservation.id).status, SECKILL_OK);
    write_orders(b);
    pack_record(record, 0, SECKILL_RESERVATION_SOLD, 1, answer.reservation.since_ms, 0);
    memcpy(record, answer.reservation.id, sizeof answer.reservation.id);
    put_record(b, 0, user_of(b, 0, 0), record, sizeof record);
    on_shard(b, 0, "HINCRBY", "stock", "sold 1");
    on_shard(b, 0, "HINCRBY", "stock", "refunded -1");
    on_shard(b, 0, "HINCRBY", "stock", "available -1");
    is_mended(b, "reservation_behind the reservation is sold, the order refunded");
    assert_int_equal(sale_lookup(&b->sale, user_of(b, 0, 0), NULL).reservations[0].state, SECKILL_RESERVATION_REFUNDED);
}

static void an_order_that_says_something_else(void **state) {
    books *b = *state;
    sale_answer answer = sell_to(b, 0, 0);
    orders_db_outcome outcome;
    orders_db_event event = {"sale", "phone", {{1, 1}, SECKILL_EVENT_CONFIRMED, {0}, {"eve", 3}, {"", 0}, 1, 700, 5, {0}}};
    assert_int_equal(on_shard(b, 0, "XTRIM", "events", "MAXLEN 0"), 1);
    memcpy(event.event.reservation_id, answer.reservation.id, sizeof event.event.reservation_id);
    assert_int_equal(orders_db_apply(b->db, &event, 1, &outcome), ORDERS_DB_OK);
    is_left(b, "order_differs the order is of another user or item");
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE orders SET user = CAST('%s' AS " BOOKS_BYTES "), price = 600", user_of(b, 0, 0));
    run_sql(b, BOOKS_TRIGGER, sql);
    is_left(b, "order_differs reservation: 1 at 700; order: 1 at 600");
}

/* After a failover a worker tells Redis of its orders again; until it has, that is no fault. */
static void an_order_that_awaits_its_replay(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    forget(b, 0, 1);
    sale_stock_answer stock = sale_stock(&b->sale);
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_int_equal(orders_db_note_replayed(b->db, "sale", "phone", shard, stock.shards[shard].epoch - (shard == 0)),
                         ORDERS_DB_OK);
    }
    assert_int_equal(ctl_int(adds_up_with_orders(b, "--repair"), "orders.awaiting_replay"), 1);
    assert_non_null(strstr(ctl("reconcile sale " BOOKS_ORDERS, b->orders)->out, "; awaiting a worker's replay: 1\n"));
    assert_int_equal(orders_db_note_replayed(b->db, "sale", "phone", 0, stock.shards[0].epoch), ORDERS_DB_OK);
    is_mended(b, lost);
}

/* ---- the inventory ---- */

static void a_wrong_inventory(void **state) {
    books *b = *state;
    sell_some(b);
    write_orders(b);
    run_sql(b, NULL, "UPDATE inventory SET units_left = units_left - 3");
    static const char wrong[] = "inventory left: of 40 units, 2 in orders";
    const json_t *fault = only_fault(finds_with_orders(b, wrong, ""));
    assert_int_equal(ctl_int(fault, "found"), BOOKS_UNITS - 5);
    assert_int_equal(ctl_int(fault, "expected"), BOOKS_UNITS - 2);
    assert_non_null(strstr(ctl("reconcile sale --repair " BOOKS_ORDERS, b->orders)->err, ": from 35 to 38\n"));
    assert_int_equal(ctl_int(adds_up_with_orders(b, ""), "orders.left"), BOOKS_UNITS - 2);
    run_sql(b, NULL, "UPDATE inventory SET units_total = 1, units_left = 1");
    const json_t *left =
        finds_with_orders(b,
                          "inventory left: of 1 units, 2 in orders, inventory_total raise the inventory, or take units "
                          "back: seckill-ctl stock withdraw",
                          "--repair");
    fault = fault_of(left, 0);
    is_left_because(fault, "2 units are sold, of 1");
    assert_int_equal(ctl_int(fault, "found"), 1);
    assert_int_equal(ctl_int(fault, "expected"), -1);
    assert_int_equal(ctl_int(ctl_json(4, "reconcile sale --repair " BOOKS_ORDERS, b->orders), "repaired_count"), 0);
}

static int64_t now_ms(void) {
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* It is looked at again before it is called wrong. */
static void patience(void **state) {
    books *b = *state;
    (void)sell_to(b, 0, 0);
    assert_int_equal(on_shard(b, 0, "XTRIM", "events", "MAXLEN 0"), 1);
    int64_t before = now_ms();
    ctl_json(4, "reconcile sale/phone --orders %s --patience 700ms", b->orders);
    assert_true(now_ms() >= before + 700);
}

static void an_item_without_inventory(void **state) {
    books *b = *state;
    run_sql(b, "inventory_stays", "DELETE FROM inventory");
    is_left(b, "inventory_total the item has no inventory: give it one, with seckill-worker --inventory");
}

static void a_file_that_is_no_database(void **state) {
    (void)state;
    assert_int_equal(ctl("reconcile sale --orders /dev/null")->code, 4);
    assert_int_equal(ctl("reconcile sale --orders /nowhere/at.all")->code, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOOKS_TEST(a_healthy_shop_adds_up),
        BOOKS_TEST(an_event_of_an_order_that_is_written),
        BOOKS_TEST(refunds_that_are_due),
        BOOKS_TEST(a_refused_order_is_on_its_way),
        BOOKS_TEST(a_sold_record_without_order),
        BOOKS_TEST(a_refunded_record_without_order),
        BOOKS_TEST(an_order_that_is_behind),
        BOOKS_TEST(an_order_without_reservation),
        BOOKS_TEST(a_reservation_that_is_behind),
        BOOKS_TEST(a_reservation_that_is_sold_and_its_order_refunded),
        BOOKS_TEST(an_order_that_says_something_else),
        BOOKS_TEST(an_order_that_awaits_its_replay),
        BOOKS_TEST(a_wrong_inventory),
        BOOKS_TEST(patience),
        BOOKS_TEST(an_item_without_inventory),
        BOOKS_TEST(a_file_that_is_no_database),
    };
    unsetenv("SECKILL_PREFIX");
    return cmocka_run_group_tests(tests, ctl_start_redis, ctl_stop_redis);
}
