/* What the worker does while nothing goes wrong: expires, writes orders, refunds what the inventory does not have.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int64_t available(shop *s) {
    return sale_stock(&s->sale).total.available;
}

static bool is_available(shop *s, const void *units) {
    return available(s) == *(const int64_t *)units;
}

static void buy(shop *s, uint32_t from, uint32_t count, uint32_t quantity) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    for (uint32_t n = from; n < from + count; n++) {
        assert_true(shop_buy(s, n, quantity, id));
    }
}

static void test_expires(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.settings.hold_ms = 300;
    plan.settings.limit = 5;
    shop_open(&s, &plan);
    worker_process worker = worker_start(&s, NULL);
    for (int n = 0; n < 10; n++) {
        char user[16];
        (void)snprintf(user, sizeof user, "user-%d", n);
        assert_int_equal(sale_reserve(&s.sale, user, user, 2).status, SECKILL_OK);
    }
    shop_wait(&s, is_available, &(int64_t){100}, "all units to come back");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.expired_reservations, 10);
    assert_int_equal(summary.expired_units, 20);
    assert_int_equal(sale_stock(&s.sale).total.expired, 20);
    shop_close(&s);
}

static void test_writes_orders(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.settings.limit = 2;
    plan.stock = 400;
    plan.inventory = -1;
    static const char *const more[] = {"--inventory", "sale/phone=100", NULL};
    shop_open(&s, &plan);
    buy(&s, 0, 30, 2); /* before there is a worker */
    worker_process worker = worker_start(&s, more);
    buy(&s, 30, 15, 1);
    shop_wait(&s, shop_has_orders, &(int64_t){45}, "all orders");
    shop_wait(&s, shop_no_events, NULL, "all events to be acknowledged");
    worker_summary summary = worker_end(&worker, SIGINT);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.orders_written, 45);
    assert_int_equal(summary.acknowledged, 45);
    orders_db_item_account account;
    assert_true(shop_account(&s, &account));
    assert_int_equal(account.units_left, 25);
    assert_int_equal(account.units[ORDERS_DB_CONFIRMED], 75);
    shop_close(&s);
}

static void test_takes_refunds_over(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    shop_open(&s, &plan);
    assert_true(shop_buy(&s, 1, 1, id));
    worker_process worker = worker_start(&s, NULL);
    shop_wait(&s, shop_has_orders, &(int64_t){1}, "the order");
    assert_int_equal(sale_refund(&s.sale, "user-1", id).status, SECKILL_OK);
    shop_wait(&s, shop_has_orders, &(int64_t){0}, "the refund");
    assert_int_equal(shop_order_state(&s, id), ORDERS_DB_REFUNDED);
    assert_int_equal(worker_end(&worker, SIGTERM).orders_refunded, 1);
    orders_db_item_account account;
    assert_true(shop_account(&s, &account));
    assert_int_equal(account.units_left, 100);
    shop_close(&s);
}

/* Stock was loaded that the shop does not have. */
static bool all_refunded(shop *s, const void *orders) {
    orders_db_item_account account;
    return shop_account(s, &account) && account.orders[ORDERS_DB_REFUNDED] == *(const int64_t *)orders &&
           account.refunds_due == 0;
}

static void test_refunds_what_is_not_there(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.stock = 400;
    plan.inventory = 35;
    shop_open(&s, &plan);
    worker_process worker = worker_start(&s, NULL);
    buy(&s, 0, 60, 1);
    shop_wait(&s, all_refunded, &(int64_t){25}, "25 refunds");
    shop_wait(&s, shop_no_events, NULL, "all events to be acknowledged");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.orders_written, 35);
    assert_int_equal(summary.refused, 25);
    assert_int_equal(summary.orders_refunded, 25);
    sale_stock_answer stock = sale_stock(&s.sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.sold, 35);
    assert_int_equal(stock.total.available, 365);
    assert_int_equal(stock.total.refunded, 25);
    shop_close(&s);
}

/* The shard's events are at their limit, and none of them can become an order: a refund needs room for one event more. */
static void test_refunds_with_no_room_for_events(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.shards = 1;
    plan.inventory = 0;
    plan.settings.max_events = 8;
    shop_open(&s, &plan);
    buy(&s, 0, 8, 1);
    sale_answer answer = sale_reserve(&s.sale, "late", "late", 1);
    assert_int_equal(sale_confirm(&s.sale, &answer.ref, "").status, SECKILL_BUSY);
    worker_process worker = worker_start(&s, NULL);
    shop_wait(&s, all_refunded, &(int64_t){8}, "8 refunds");
    shop_wait(&s, shop_no_events, NULL, "all events to be acknowledged");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    assert_int_equal(sale_stock(&s.sale).total.sold, 0);
    shop_close(&s);
}

/* An item that was forgotten in the inventory: refused as well, and a refund left over by a worker that died is taken up. */
static void test_takes_up_refunds_left_over(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    orders_db_outcome outcome;
    shop_open(&s, &plan);
    assert_true(shop_buy(&s, 1, 1, id));
    /* As if a worker had written its refusal and acknowledged, then died. */
    sale_stock_answer stock = sale_stock(&s.sale);
    uint32_t shard = 0;
    while (stock.shards[shard].events == 0) {
        shard++;
    }
    static sale_events_answer events;
    events = sale_events(&s.sale, shard, 1);
    assert_int_equal(events.count, 1);
    assert_int_equal(orders_db_open(s.orders, 0, 1000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_set_inventory(db, "sale", "phone", 0, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    orders_db_event event = {"sale", "phone", events.events[0]};
    event.event.user = (seckill_bytes){"user-1", 6};
    event.event.order_ref = (seckill_bytes){NULL, 0};
    assert_int_equal(orders_db_apply(db, &event, 1, &outcome), ORDERS_DB_OK);
    assert_int_equal(outcome, ORDERS_DB_NO_INVENTORY);
    orders_db_close(db);
    seckill_event_ack ack = {events.events[0].id, {0}};
    memcpy(ack.reservation_id, id, sizeof id);
    assert_int_equal(sale_ack(&s.sale, shard, &ack, 1).amount, 1);

    worker_process worker = worker_start(&s, NULL);
    shop_wait(&s, all_refunded, &(int64_t){1}, "the refund");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    assert_int_equal(sale_stock(&s.sale).total.available, 100);
    shop_close(&s);
}

static void test_two_workers(void **state) {
    (void)state;
    shop s;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.stock = 1000; /* plenty: a shard of its own may be short */
    plan.inventory = 500;
    static const char *const more[] = {"--batch", "16", "--poll-min", "1ms", "--poll-max", "5ms", NULL};
    shop_open(&s, &plan);
    worker_process first = worker_start(&s, more), second = worker_start(&s, more);
    buy(&s, 0, 600, 1);
    shop_wait(&s, all_refunded, &(int64_t){100}, "100 refunds");
    shop_wait(&s, shop_no_events, NULL, "all events to be acknowledged");
    worker_summary one = worker_end(&first, SIGTERM), two = worker_end(&second, SIGTERM);
    assert_int_equal(one.exit_code, 0);
    assert_int_equal(two.exit_code, 0);
    assert_int_equal(one.orders_written + two.orders_written, 500);
    assert_int_equal(one.acknowledged + two.acknowledged, 700);
    print_message("%lld and %lld orders\n", one.orders_written, two.orders_written);
    orders_db_item_account account;
    assert_true(shop_account(&s, &account));
    assert_int_equal(account.units_left, 0);
    assert_int_equal(sale_stock(&s.sale).total.sold, 500);
    shop_close(&s);
}

/* Told to stop in the middle: what it says it wrote is there, and is acknowledged. */
static void test_stops_gracefully(void **state) {
    (void)state;
    for (int round = 0; round < (full_tests() ? 20 : 4); round++) {
        shop s;
        shop_plan plan = SHOP_PLAN_INIT;
        plan.stock = plan.inventory = 1000;
        static const char *const more[] = {"--batch", "8", "--verbose", NULL};
        shop_open(&s, &plan);
        buy(&s, 0, 500, 1);
        worker_process worker = worker_start(&s, more);
        worker_wait_log(&worker, "at work");
        sleep_ms(random_below(40) * slowness());
        worker_summary summary = worker_end(&worker, SIGTERM);
        assert_int_equal(summary.exit_code, 0);
        orders_db_item_account account;
        assert_true(shop_account(&s, &account));
        print_message("%lld written, %lld acknowledged\n", summary.orders_written, summary.acknowledged);
        assert_int_equal(account.orders[ORDERS_DB_CONFIRMED], summary.orders_written);
        assert_int_equal(summary.acknowledged, summary.orders_written);
        assert_int_equal(sale_stock(&s.sale).total.events, 500 - summary.acknowledged);
        shop_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expires),
        cmocka_unit_test(test_writes_orders),
        cmocka_unit_test(test_takes_refunds_over),
        cmocka_unit_test(test_refunds_what_is_not_there),
        cmocka_unit_test(test_refunds_with_no_room_for_events),
        cmocka_unit_test(test_takes_up_refunds_left_over),
        cmocka_unit_test(test_two_workers),
        cmocka_unit_test(test_stops_gracefully),
    };
    if (!redis_server_available()) {
        return 77;
    }
    (void)seed_random();
    return cmocka_run_group_tests_name("worker_orders", tests, NULL, NULL);
}
