/* What a failover made Redis forget: the worker tells it again which orders stand and which are refunded, once for each new
 * epoch of a shard. A failover is a kill here, and a start from the data as it was when it was saved last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker_replay_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void refund(uint32_t from, uint32_t count) {
    for (uint32_t n = from; n < from + count; n++) {
        char user[32];
        (void)snprintf(user, sizeof user, "user-%u", (unsigned)n);
        assert_int_equal(sale_refund(&the_shop.sale, user, ids[n]).status, SECKILL_OK);
    }
}

/* ---- what was lost ---- */

static void test_orders(void **state) {
    (void)state;
    open_market(200);
    buy(10);
    write_orders(10);
    save();
    buy(20);
    write_orders(30);
    fail_over();
    assert_int_equal(stock().sold, 10);
    worker_process worker = worker_start(&the_shop, lively);
    worker_wait_log(&worker, "had lost 20 orders or refunds");
    wait_remembered();
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.orders_missing, 20);
    assert_int_equal(summary.orders_replayed, 30);
    assert_int_equal(stock().events, 0); /* they are written already */
    check_books(30);
    /* The limit of a user counts what was restored. */
    assert_int_equal(sale_reserve(&the_shop.sale, "user-29", "again", 1).status, SECKILL_LIMIT_REACHED);
    shop_close(&the_shop);
}

static void test_remembers(void **state) {
    (void)state;
    open_market(100);
    save();
    buy(5);
    write_orders(5);
    fail_over();
    assert_int_equal(replay_with(lively, 5).orders_missing, 5);
    /* One that starts replays once: its predecessor may have died between writing an order and acknowledging its event. */
    worker_summary summary = replay_with(lively, 5);
    assert_int_equal(summary.orders_replayed, 5);
    assert_int_equal(summary.orders_missing, 0);
    fail_over(); /* loses the replay as well */
    assert_int_equal(stock().sold, 0);
    assert_int_equal(replay_with(lively, 5).orders_missing, 5);
    check_books(5);
    shop_close(&the_shop);
}

static void test_refunds(void **state) {
    (void)state;
    open_market(100);
    buy(10);
    write_orders(10);
    save();
    refund(0, 4);
    write_orders(6);
    fail_over();
    assert_int_equal(stock().sold, 10);
    worker_summary summary = replay_with(lively, 6);
    assert_int_equal(summary.orders_missing, 4);
    assert_int_equal(stock().refunded, 4);
    check_books(6);
    shop_close(&the_shop);
}

/* Orders of which Redis never saw a trace. Those that are refunded leave one, so that no late confirmation sells them. */
static void test_orders_and_their_refunds(void **state) {
    (void)state;
    open_market(100);
    save();
    buy(10);
    refund(0, 4);
    write_orders(6);
    fail_over();
    worker_summary summary = replay_with(lively, 6);
    assert_int_equal(summary.orders_missing, 10);
    assert_int_equal(stock().refunded, 4);
    check_books(6);
    shop_close(&the_shop);
}

/* ---- while it runs ---- */

static void lose_while_it_runs(const char *const *arguments) {
    open_market(200);
    worker_process worker = worker_start(&the_shop, arguments);
    wait_remembered();
    save();
    for (uint32_t round = 1; round <= 3; round++) {
        buy(10);
        shop_wait(&the_shop, shop_has_orders, &(int64_t){10 * round}, "the orders");
        shop_wait(&the_shop, shop_no_events, NULL, "all events to be acknowledged");
        fail_over();
        wait_sold(10 * round);
    }
    wait_remembered();
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.orders_missing, 10 + 20 + 30);
    check_books(30);
    shop_close(&the_shop);
}

static void test_while_it_runs(void **state) {
    (void)state;
    lose_while_it_runs(lively);
}

/* Without an expirer that tells of new epochs. */
static void test_by_orders_alone(void **state) {
    (void)state;
    lose_while_it_runs((const char *[]){"--roles", "orders", "--poll-max", "10ms", "--verbose", NULL});
}

/* Workers that write no orders know nothing to replay, and do their work. */
static void test_not_without_orders(void **state) {
    (void)state;
    open_market(100);
    save();
    buy(5);
    write_orders(5);
    fail_over();
    worker_process worker =
        worker_start_without_orders(&the_shop, (const char *[]){"--roles", "expire,transfers", "--verbose", NULL});
    worker_wait_log(&worker, "at work");
    sale_answer reserved = sale_reserve(&the_shop.sale, "ann", "ann", 1);
    assert_int_equal(reserved.status, SECKILL_OK);
    assert_int_equal(sale_cancel(&the_shop.sale, "ann", reserved.reservation.id).status, SECKILL_OK);
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.orders_replayed, 0);
    assert_int_equal(stock().sold, 0);
    shop_close(&the_shop);
}

/* ---- which orders ---- */

static const char *const within_a_second[] = {"--replay-window", "1s", "--verbose", NULL};

/* One shard, five orders, and one more after the window. */
static void buy_old_and_new(void) {
    shop_plan plan = SHOP_PLAN_INIT;
    plan.shards = 1;
    open_market_with(100, &plan);
    save();
    buy(5);
    write_orders(5);
    wait_until_server_says(sale_expire(&the_shop.sale).server_time_ms + 1100);
    buy(1);
    write_orders(6);
}

static void test_window(void **state) {
    (void)state;
    buy_old_and_new();
    fail_over();
    assert_int_equal(replay_with(within_a_second, 1).orders_replayed, 1);
    fail_over();
    assert_int_equal(replay_with((const char *[]){"--replay-window", "0", "--verbose", NULL}, 6).orders_missing, 6);
    check_books(6);
    shop_close(&the_shop);
}

/* The new epoch begins long after the last order: the window ends with the order. */
static void test_outage(void **state) {
    (void)state;
    open_market(100);
    save();
    buy(5);
    write_orders(5);
    redis_server_kill(the_shop.server);
    sleep_ms(1500);
    assert_true(redis_server_restart(the_shop.server));
    assert_int_equal(replay_with(within_a_second, 5).orders_missing, 5);
    check_books(5);
    shop_close(&the_shop);
}

/* A second failover before the first one's replay, after new orders: what the first one lost is not forgotten. */
static void test_outage_and_another_failover(void **state) {
    (void)state;
    static const char *const arguments[] = {"--replay-window", "1s", "--busy-timeout", "20ms", "--verbose", NULL};
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    open_market(100);
    save();
    buy(5);
    worker_process worker = worker_start(&the_shop, arguments);
    wait_written(5);
    worker_wait_log(&worker, "Redis knows every order");
    wait_remembered();
    assert_int_equal(orders_db_open(the_shop.orders, 0, 5000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_begin(db), ORDERS_DB_OK);
    fail_over();
    sleep_ms(1500);
    buy(5);
    fail_over();
    orders_db_rollback(db);
    orders_db_close(db);
    wait_remembered();
    wait_sold(shop_orders(&the_shop));
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    assert_true(stock().sold >= 5);
    shop_close(&the_shop);
}

/* A look that reaches nobody begins no replay: it would not know since when. */
static void test_nobody_there(void **state) {
    (void)state;
    static const char *const arguments[] = {"--replay-window", "1s", "--timeout", "300ms", "--verbose", NULL};
    buy_old_and_new();
    save();
    redis_server_kill(the_shop.server);
    worker_process worker = worker_start(&the_shop, arguments);
    sleep_ms(500);
    assert_true(redis_server_restart(the_shop.server));
    worker_wait_log(&worker, "Redis knows every order");
    for (int round = 0; round < 2; round++) {
        redis_server_kill(the_shop.server);
        sleep_ms(1500);
        assert_true(redis_server_restart(the_shop.server));
        wait_remembered();
    }
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_in_range(summary.orders_replayed, 1, 5); /* the new one, again and again */
    check_books(6);
    shop_close(&the_shop);
}

/* Shards without orders: looking writes no epoch, and without an expirer nobody would. */
static void test_nothing_to_replay(void **state) {
    (void)state;
    open_market(100);
    save();
    worker_process worker = worker_start(&the_shop, (const char *[]){"--roles", "orders", "--verbose", NULL});
    worker_wait_log(&worker, "Redis knows every order");
    for (uint32_t round = 0; round < 2; round++) {
        fail_over();
        wait_remembered();
        buy(1); /* one shard has an order now, the others none */
        wait_written(round + 1);
        save();
    }
    fail_over();
    wait_remembered();
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    check_books(2);
    shop_close(&the_shop);
}

/* Its user has as many records as one may have: for a person, and nothing waits for it. */
static void test_no_room_for_a_record(void **state) {
    (void)state;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.settings.limit = SECKILL_USER_RECORDS_MAX + 1;
    open_market_with(100, &plan);
    save();
    buy(1);
    write_orders(1);
    fail_over();
    for (int i = 0; i < SECKILL_USER_RECORDS_MAX; i++) {
        char request[16];
        (void)snprintf(request, sizeof request, "again-%d", i);
        sale_answer answer = sale_reserve(&the_shop.sale, "user-0", request, 1);
        assert_int_equal(answer.status, SECKILL_OK);
        assert_int_equal(sale_confirm(&the_shop.sale, &answer.ref, "").status, SECKILL_OK);
    }
    worker_process worker = worker_start(&the_shop, lively);
    worker_wait_log(&worker, "cannot be replayed: busy");
    worker_wait_log(&worker, "Redis knows every order");
    wait_remembered();
    wait_written(SECKILL_USER_RECORDS_MAX + 1);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    assert_int_equal(stock().sold, SECKILL_USER_RECORDS_MAX);
    shop_close(&the_shop);
}

/* However late it is noticed: the window ends with the epoch's beginning. */
static void test_window_begins_at_the_failover(void **state) {
    (void)state;
    open_market(100);
    save();
    buy(5);
    write_orders(5);
    fail_over();
    wait_until_server_says(sale_expire(&the_shop.sale).server_time_ms + 1500);
    assert_int_equal(replay_with((const char *[]){"--replay-window", "1s", "--verbose", NULL}, 5).orders_missing, 5);
    shop_close(&the_shop);
}

static void test_many_orders(void **state) {
    (void)state;
    enum { ORDERS = 1500 };
    open_market(ORDERS * 2);
    save();
    buy(ORDERS);
    write_orders(ORDERS);
    fail_over();
    worker_summary summary = replay_with(lively, ORDERS);
    assert_int_equal(summary.orders_missing, ORDERS);
    assert_int_equal(summary.orders_replayed, ORDERS);
    check_books(ORDERS);
    shop_close(&the_shop);
}

/* ---- the first sight of a shard ---- */

/* Writes an order as a worker would that remembers no epochs. */
static void apply(uint32_t n, orders_db_outcome expected) {
    char error[ORDERS_DB_ERROR_SIZE], user[32];
    bool moved;
    orders_db *db;
    orders_db_outcome outcome;
    orders_db_event event = {.activity = "sale", .item = "phone", .event.kind = SECKILL_EVENT_CONFIRMED};
    (void)snprintf(user, sizeof user, "user-%u", (unsigned)n);
    memcpy(event.event.reservation_id, ids[n], sizeof ids[n]);
    event.event.user = (seckill_bytes){user, strlen(user)};
    event.event.quantity = 1;
    event.event.at_ms = sale_expire(&the_shop.sale).server_time_ms;
    assert_int_equal(orders_db_open(the_shop.orders, 0, 5000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_apply(db, &event, 1, &outcome), ORDERS_DB_OK);
    assert_int_equal(outcome, expected);
    if (outcome == ORDERS_DB_NO_INVENTORY) {
        assert_int_equal(orders_db_refund_settled(db, ids[n], event.event.at_ms, &moved), ORDERS_DB_OK);
    }
    orders_db_close(db);
}

static void acknowledge(void) {
    for (uint32_t shard = 0; shard < the_shop.sale.shards; shard++) {
        sale_events_answer events = sale_events(&the_shop.sale, shard, SECKILL_BATCH_MAX);
        for (size_t i = 0; i < events.count; i++) {
            seckill_event_ack ack = {.id = events.events[i].id};
            memcpy(ack.reservation_id, events.events[i].reservation_id, sizeof ack.reservation_id);
            assert_int_equal(sale_ack(&the_shop.sale, shard, &ack, 1).amount, 1);
        }
    }
}

/* The inventory was short, Redis refunded, and only that it forgot: nobody but the replay would find these units. */
static void test_refunds_of_refused_orders(void **state) {
    (void)state;
    shop_plan plan = SHOP_PLAN_INIT;
    plan.stock = 100;
    plan.inventory = bought = 0;
    shop_open(&the_shop, &plan);
    buy(3);
    acknowledge();
    for (uint32_t n = 0; n < 3; n++) {
        apply(n, ORDERS_DB_NO_INVENTORY);
    }
    assert_int_equal(replay_with(lively, 0).orders_missing, 3);
    check_books(0);
    shop_close(&the_shop);
}

/* Orders, but no epoch is remembered: as after an upgrade. */
static void test_nothing_remembered(void **state) {
    (void)state;
    open_market(100);
    save();
    buy(6);
    for (uint32_t n = 0; n < 6; n++) {
        apply(n, ORDERS_DB_WRITTEN);
    }
    fail_over();
    assert_int_equal(replay_with(lively, 6).orders_missing, 6);
    assert_int_equal(replay_with(lively, 6).orders_missing, 0);
    check_books(6);
    shop_close(&the_shop);
}

/* A new database, and a Redis that has sold before. */
static void test_new_database(void **state) {
    (void)state;
    open_market(100);
    buy(6);
    write_orders(6);
    (void)snprintf(the_shop.orders, sizeof the_shop.orders, "%s/new.db", the_shop.folder);
    worker_process worker = worker_start(&the_shop, (const char *[]){"--inventory", "sale/phone=94", "--verbose", NULL});
    worker_wait_log(&worker, "Redis knows every order");
    wait_remembered();
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.orders_replayed, 0);
    assert_int_equal(stock().sold, 6);
    shop_close(&the_shop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_refunds),
        cmocka_unit_test(test_orders_and_their_refunds),
        cmocka_unit_test(test_while_it_runs),
        cmocka_unit_test(test_by_orders_alone),
        cmocka_unit_test(test_not_without_orders),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_outage_and_another_failover),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_nothing_to_replay),
        cmocka_unit_test(test_no_room_for_a_record),
        cmocka_unit_test(test_window_begins_at_the_failover),
        cmocka_unit_test(test_many_orders),
        cmocka_unit_test(test_refunds_of_refused_orders),
        cmocka_unit_test(test_nothing_remembered),
        cmocka_unit_test(test_new_database),
    };
    if (!redis_server_available()) {
        return 77;
    }
    return cmocka_run_group_tests_name("worker_replay", tests, NULL, NULL);
}
