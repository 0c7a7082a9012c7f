/* The orders database: orders that are paid, orders that are not paid in time, and that no order is ever both.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static orders_db_status pay(fixture *f, uint32_t n, int64_t at_ms) {
    orders_db_event event = confirmed(n, 1);
    return orders_db_mark_paid(f->db, event.event.reservation_id, at_ms);
}

static size_t deadline(fixture *f, int64_t before_ms, uint32_t max) {
    size_t count = 99;
    must(f, orders_db_refund_unpaid(f->db, "618", "phone", before_ms, max, &count));
    return count;
}

static bool settle(fixture *f, uint32_t n, int64_t at_ms) {
    orders_db_event event = confirmed(n, 1);
    bool moved = false;
    must(f, orders_db_refund_settled(f->db, event.event.reservation_id, at_ms, &moved));
    return moved;
}

static void expect_refused(fixture *f, uint32_t n, const char *why) {
    assert_int_equal(pay(f, n, 9000), ORDERS_DB_REFUSED);
    assert_non_null(strstr(orders_db_error(f->db), why));
}

/* Orders 1 to `count` of two units each, confirmed at 1001, 1002, ... */
static void sell(fixture *f, uint32_t count) {
    set_units(f, (int64_t)count * 2);
    for (uint32_t n = 1; n <= count; n++) {
        assert_int_equal(apply(f, confirmed(n, 2)), ORDERS_DB_WRITTEN);
    }
}

/* ---- paying ---- */

static void test_paid_once(void **state) {
    fixture *f = *state;
    sell(f, 1);
    assert_int_equal(order_of(f, 1).paid_ms, 0);
    assert_int_equal(account(f, "phone").unpaid_orders, 1);
    assert_int_equal(account(f, "phone").unpaid_units, 2);
    must(f, pay(f, 1, 5000));
    must(f, pay(f, 1, 6000));
    assert_int_equal(order_of(f, 1).paid_ms, 5000);
    assert_int_equal(account(f, "phone").unpaid_orders, 0);
    left(f, 0);
    /* A redelivered confirmation resets nothing. */
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_ALREADY);
    assert_int_equal(order_of(f, 1).paid_ms, 5000);
}

static void test_only_confirmed_orders_are_paid(void **state) {
    fixture *f = *state;
    sell(f, 2);
    assert_int_equal(pay(f, 7, 5000), ORDERS_DB_NOT_FOUND);
    assert_int_equal(pay(f, 1, 0), ORDERS_DB_INVALID);
    assert_int_equal(pay(f, 1, -1), ORDERS_DB_INVALID);
    assert_int_equal(apply(f, confirmed(3, 2)), ORDERS_DB_NO_INVENTORY);
    expect_refused(f, 3, "the order is refused");
    (void)apply(f, refunded(1, 2));
    expect_refused(f, 1, "the order is refunded");
    assert_int_equal(order_of(f, 1).paid_ms + order_of(f, 3).paid_ms, 0);
}

/* Through Redis, by the shop: the order then says both. */
static void test_paid_and_refunded_by_the_shop(void **state) {
    fixture *f = *state;
    sell(f, 1);
    must(f, pay(f, 1, 5000));
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    left(f, 2);
    assert_int_equal(order_of(f, 1).state, ORDERS_DB_REFUNDED);
    assert_int_equal(order_of(f, 1).paid_ms, 5000);
    expect_refused(f, 1, "the order is refunded");
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_AFTER_REFUND);
    assert_int_equal(due(f), 1);
    assert_int_equal(order_of(f, 1).paid_ms, 5000);
}

/* ---- the deadline ---- */

static void test_deadline_takes_the_oldest_unpaid(void **state) {
    fixture *f = *state;
    sell(f, 6);
    (void)apply(f, confirmed(7, 2)); /* refused */
    (void)apply(f, event_of(SECKILL_EVENT_CONFIRMED, 8, "other", 1));
    must(f, pay(f, 2, 5000));
    assert_int_equal(deadline(f, 1001, 10), 0); /* confirmed at 1001 is not before it */
    assert_int_equal(deadline(f, 1005, 0), 0);
    assert_int_equal(deadline(f, 1005, 2), 2);
    assert_true(order_of(f, 1).refund_due && !order_of(f, 2).refund_due && order_of(f, 3).refund_due);
    assert_false(order_of(f, 4).refund_due);
    assert_int_equal(deadline(f, 1005, 10), 1);
    assert_int_equal(deadline(f, 1005, 10), 0); /* once each */
    assert_true(order_of(f, 4).refund_due && !order_of(f, 5).refund_due);
    orders_db_item_account a = account(f, "phone");
    assert_int_equal(a.refunds_due, 4); /* the refused one too */
    assert_int_equal(a.unpaid_orders, 2);
    assert_int_equal(a.unpaid_units, 4);
    assert_int_equal(a.units_left, 0); /* until they are refunded */
    size_t count;
    assert_int_equal(orders_db_refund_unpaid(f->db, "618", "", 1, 1, &count), ORDERS_DB_INVALID);
}

static void test_too_late_to_pay(void **state) {
    fixture *f = *state;
    sell(f, 2);
    must(f, pay(f, 2, 5000));
    assert_int_equal(deadline(f, 9999, 10), 1);
    expect_refused(f, 1, "refund is due");
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_ALREADY);
    expect_refused(f, 1, "refund is due");
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    expect_refused(f, 1, "the order is refunded");
    left(f, 2);
    assert_int_equal(due(f), 0);
    assert_int_equal(order_of(f, 2).state, ORDERS_DB_CONFIRMED);
}

/* ---- the answer of Redis ---- */

static void test_settled_before_the_event(void **state) {
    fixture *f = *state;
    sell(f, 1);
    assert_false(settle(f, 1, 7000)); /* nothing is due */
    assert_int_equal(order_of(f, 1).state, ORDERS_DB_CONFIRMED);
    (void)deadline(f, 9999, 10);
    assert_true(settle(f, 1, 7000));
    left(f, 2);
    assert_int_equal(order_of(f, 1).state, ORDERS_DB_REFUNDED);
    assert_int_equal(order_of(f, 1).refunded_ms, 7000);
    expect_refused(f, 1, "the order is refunded");
    assert_false(settle(f, 1, 8000));
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_ALREADY);
    left(f, 2);
    assert_int_equal(order_of(f, 1).refunded_ms, 7000);
    assert_int_equal(due(f), 0);
}

static void test_settled_after_the_event(void **state) {
    fixture *f = *state;
    sell(f, 1);
    (void)deadline(f, 9999, 10);
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    assert_false(settle(f, 1, 7000));
    left(f, 2);
    assert_int_equal(order_of(f, 1).refunded_ms, 1001);
}

/* Redis lost the confirmation, said so, and then the token was confirmed once more: what that sold is refunded again. */
static void test_confirmed_again_after_it_was_settled(void **state) {
    fixture *f = *state;
    sell(f, 1);
    (void)deadline(f, 9999, 10);
    assert_true(settle(f, 1, 7000));
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_AFTER_REFUND);
    assert_int_equal(due(f), 1);
    expect_refused(f, 1, "the order is refunded");
    assert_false(settle(f, 1, 8000));
    assert_int_equal(due(f), 0);
    left(f, 2);
}

static void test_in_a_transaction_of_the_callers(void **state) {
    fixture *f = *state;
    size_t count;
    sell(f, 3);
    must(f, orders_db_begin(f->db));
    must(f, pay(f, 1, 5000));
    assert_int_equal(pay(f, 9, 5000), ORDERS_DB_NOT_FOUND); /* a look, not a failure: the transaction goes on */
    must(f, orders_db_refund_unpaid(f->db, "618", "phone", 9999, 1, &count));
    assert_int_equal(count, 1);
    assert_true(settle(f, 2, 7000));
    orders_db_rollback(f->db);
    left(f, 0);
    assert_int_equal(account(f, "phone").unpaid_orders, 3);
    assert_int_equal(due(f), 0);
}

static void test_read_only(void **state) {
    fixture *f = *state;
    size_t count;
    sell(f, 1);
    reopen(f, ORDERS_DB_READ_ONLY);
    assert_int_equal(pay(f, 1, 5000), ORDERS_DB_READONLY);
    assert_int_equal(orders_db_refund_unpaid(f->db, "618", "phone", 9999, 1, &count), ORDERS_DB_READONLY);
    assert_int_equal(count, 0);
}

/* ---- the tables ---- */

static void test_rules_hold_for_everybody(void **state) {
    fixture *f = *state;
    static const char once[] = "paid once";
    sell(f, 4);
    (void)apply(f, confirmed(5, 2)); /* refused */
    (void)apply(f, refunded(4, 2));
    must(f, pay(f, 1, 5000));
    assert_int_equal(deadline(f, 1003, 1), 1); /* order 2 */
    refused_by_rules(f, "UPDATE orders SET paid_ms = 6000 WHERE number = 1", once);
    refused_by_rules(f, "UPDATE orders SET paid_ms = 0 WHERE number = 1", once);
    refused_by_rules(f, "UPDATE orders SET paid_ms = 6000 WHERE number = 2", once);
    refused_by_rules(f, "UPDATE orders SET paid_ms = 6000 WHERE state = 'refunded'", once);
    refused_by_rules(f, "UPDATE orders SET paid_ms = 6000 WHERE state = 'refused'", once);
    refused_by_rules(f, "UPDATE orders SET paid_ms = -1 WHERE number = 3", "CHECK");
    refused_by_rules(f, "UPDATE orders SET refund_due = 1 WHERE number = 1", "CHECK");
    refused_by_rules(f, "UPDATE orders SET refund_due = 0 WHERE number = 2", "not taken back");
    refused_by_rules(f, "UPDATE orders SET refund_due = 0, paid_ms = 6000 WHERE number = 2", "");
    refused_by_rules(f, "UPDATE orders SET refund_due = 1, paid_ms = 6000 WHERE number = 3", "CHECK");
    refused_by_rules(f, "UPDATE orders SET confirmed_ms = 1 WHERE number = 3", "does not change");
    /* By hand: one more refund for the worker. */
    must(f, orders_db__exec(f->db, "UPDATE orders SET refund_due = 1 WHERE number = 3", "test"));
    expect_refused(f, 3, "refund is due");
    assert_true(settle(f, 3, 7000));
    assert_int_equal(account(f, "phone").unpaid_orders, 0);
}

static void plan_of(fixture *f, const char *sql, char *plan, size_t size) {
    sqlite3_stmt *statement;
    char text[1024];
    plan[0] = '\0';
    (void)snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(sqlite3_prepare_v2(orders_sqlite_of(f->db), text, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t used = strlen(plan);
        (void)snprintf(plan + used, size - used, "%s\n", (const char *)sqlite3_column_text(statement, 3));
    }
    (void)sqlite3_finalize(statement);
}

/* Among a million paid orders a look at the deadline must cost what it finds. */
static void test_deadline_is_cheap(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    char plan[1024];
    plan_of(f, f->db->sql->texts[ORDERS_DB__REFUND_UNPAID], plan, sizeof plan);
    if (!strstr(plan, "INDEX orders_unpaid (activity=? AND item=? AND confirmed_ms<?)") || strstr(plan, "TEMP B-TREE")) {
        fail_msg("%s", plan);
    }
}

static void count_one(const orders_db_order *order, void *user_data) {
    (void)order;
    ++*(size_t *)user_data;
}

static void test_list_of_unpaid(void **state) {
    fixture *f = *state;
    orders_db_filter filter = {.states = 1U << ORDERS_DB_CONFIRMED, .unpaid = true};
    size_t count = 0;
    sell(f, 4);
    must(f, pay(f, 2, 5000));
    (void)apply(f, refunded(3, 2));
    must(f, orders_db_list(f->db, &filter, count_one, &count));
    assert_int_equal(count, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_paid_once),
        TEST(test_only_confirmed_orders_are_paid),
        TEST(test_paid_and_refunded_by_the_shop),
        TEST(test_deadline_takes_the_oldest_unpaid),
        TEST(test_too_late_to_pay),
        TEST(test_settled_before_the_event),
        TEST(test_settled_after_the_event),
        TEST(test_confirmed_again_after_it_was_settled),
        TEST(test_in_a_transaction_of_the_callers),
        TEST(test_read_only),
        TEST(test_rules_hold_for_everybody),
        TEST(test_deadline_is_cheap),
        TEST(test_list_of_unpaid),
    };
    return cmocka_run_group_tests_name("orders_db_paid", tests, start_engine, stop_engine);
}
