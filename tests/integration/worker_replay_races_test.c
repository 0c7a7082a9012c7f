/* The replay and what comes between: holds that ended, units that others have, kills, several workers, workers that are slow,
 * databases that are locked; and then all of it by chance.
 *
 * SPDX-License-Identifier: MIT
 */
#include "process.h"
#include "worker_replay_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- units that others have ---- */

/* One shard and one unit; ann's order is written, and Redis knows of her reservation only. */
static void lose_the_order_of_ann(void) {
    shop_plan plan = SHOP_PLAN_INIT;
    plan.shards = 1;
    plan.settings.hold_ms = 300;
    open_market_with(1, &plan);
    sale_answer ann = sale_reserve(&the_shop.sale, "ann", "ann", 1);
    assert_int_equal(ann.status, SECKILL_OK);
    save();
    assert_int_equal(sale_confirm(&the_shop.sale, &ann.ref, "").status, SECKILL_OK);
    write_orders(1);
    fail_over();
    wait_until_server_says(ann.reservation.ends_ms + 1);
    assert_int_equal(stock().available, 1);
}

/* The hold ended before the worker came (max_skew_ms is 0), and nobody else wanted the unit. */
static void test_expired_meanwhile(void **state) {
    (void)state;
    lose_the_order_of_ann();
    assert_int_equal(replay_with(lively, 1).orders_missing, 1);
    check_books(1);
    assert_int_equal(stock().available, 0);
    shop_close(&the_shop);
}

/* Somebody else has bought it: both are sold in Redis, one unit is owed, until the inventory refuses the second order. */
static void test_sold_to_another_meanwhile(void **state) {
    (void)state;
    orders_db_item_account account;
    lose_the_order_of_ann();
    sale_answer bob = sale_reserve(&the_shop.sale, "bob", "bob", 1);
    assert_int_equal(sale_confirm(&the_shop.sale, &bob.ref, "").status, SECKILL_OK);
    worker_process worker = worker_start(&the_shop, lively);
    worker_wait_log(&worker, "Redis knows every order");
    shop_wait(&the_shop, shop_no_events, NULL, "all events to be acknowledged");
    wait_sold(1);
    shop_wait(&the_shop, shop_no_events, NULL, "the refund's event");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.orders_missing, 1);
    assert_int_equal(summary.refused, 1);
    check_books(1);
    assert_true(shop_account(&the_shop, &account));
    assert_int_equal(account.orders[ORDERS_DB_CONFIRMED], 1);
    assert_int_equal(account.orders[ORDERS_DB_REFUNDED] + account.orders[ORDERS_DB_REFUSED_ORDER], 1);
    assert_int_equal(sale_lookup(&the_shop.sale, "ann", NULL).reservations[0].state, SECKILL_RESERVATION_SOLD);
    assert_int_equal(sale_lookup(&the_shop.sale, "bob", NULL).reservations[0].state, SECKILL_RESERVATION_REFUNDED);
    shop_close(&the_shop);
}

/* Somebody else has it reserved: it is owed, said, and paid back by the next unit that comes free. */
static void test_owed(void **state) {
    (void)state;
    static const char *const arguments[] = {"--transfers-interval", "20ms", "--verbose", NULL};
    lose_the_order_of_ann();
    seckill_item_settings longer = SECKILL_ITEM_SETTINGS_INIT;
    longer.hold_ms = 600000;
    assert_int_equal(sale_define(&the_shop.sale, 1, &longer).status, SECKILL_OK);
    sale_answer bob = sale_reserve(&the_shop.sale, "bob", "bob", 1);
    assert_int_equal(bob.status, SECKILL_OK);
    worker_process worker = worker_start(&the_shop, arguments);
    worker_wait_log(&worker, "1 units more are promised than there are");
    assert_int_equal(stock().available, -1);
    assert_int_equal(sale_reserve(&the_shop.sale, "eve", "eve", 1).status, SECKILL_SOLD_OUT);
    assert_int_equal(sale_cancel(&the_shop.sale, "bob", bob.reservation.id).status, SECKILL_OK);
    assert_int_equal(stock().available, 0);
    worker_wait_log(&worker, "no units are owed any more");
    assert_int_equal(sale_reserve(&the_shop.sale, "eve", "eve-2", 1).status, SECKILL_SOLD_OUT);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    check_books(1);
    shop_close(&the_shop);
}

/* ---- killed, and in company ---- */

static bool has_sold_some(shop *s, const void *units) {
    sale_stock_answer answer = sale_stock(&s->sale);
    return answer.status == SECKILL_OK && answer.total.sold >= *(const int64_t *)units;
}

static void lose_many(uint32_t orders) {
    open_market((int64_t)orders * 2);
    save();
    buy(orders);
    write_orders(orders);
    fail_over();
}

static void test_killed_in_the_middle(void **state) {
    (void)state;
    enum { ORDERS = 2500 };
    lose_many(ORDERS);
    for (int64_t part = 1; part <= 4; part++) {
        worker_process worker = worker_start(&the_shop, lively);
        shop_wait(&the_shop, has_sold_some, &(int64_t){ORDERS / 6 * part}, "a part of the replay");
        assert_int_equal(worker_end(&worker, SIGKILL).exit_code, 128 + SIGKILL);
    }
    (void)replay_with(lively, ORDERS);
    check_books(ORDERS);
    shop_close(&the_shop);
}

/* Stopped in order it remembers nothing that is not whole either. */
static void test_stopped_in_the_middle(void **state) {
    (void)state;
    enum { ORDERS = 2500 };
    lose_many(ORDERS);
    worker_process worker = worker_start(&the_shop, lively);
    shop_wait(&the_shop, has_sold_some, &(int64_t){ORDERS / 5}, "a part of the replay");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    (void)replay_with(lively, ORDERS);
    check_books(ORDERS);
    shop_close(&the_shop);
}

static void test_two_workers(void **state) {
    (void)state;
    enum { ORDERS = 1500 };
    worker_process workers[2];
    long long missing = 0;
    lose_many(ORDERS);
    for (int i = 0; i < 2; i++) {
        workers[i] = worker_start(&the_shop, lively);
    }
    for (int i = 0; i < 2; i++) {
        worker_wait_log(&workers[i], "Redis knows every order");
        worker_summary summary = worker_end(&workers[i], SIGTERM);
        assert_int_equal(summary.exit_code, 0);
        missing += summary.orders_missing;
    }
    assert_int_equal(missing, ORDERS); /* each was missing once */
    check_books(ORDERS);
    shop_close(&the_shop);
}

/* A second failover while the first one's replay is under way. */
static void test_lost_again_in_the_middle(void **state) {
    (void)state;
    enum { ORDERS = 2500 };
    lose_many(ORDERS);
    worker_process worker = worker_start(&the_shop, lively);
    for (int round = 0; round < 3; round++) {
        shop_wait(&the_shop, has_sold_some, &(int64_t){ORDERS / 5}, "a part of the replay");
        fail_over();
    }
    wait_sold(ORDERS);
    wait_remembered();
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    check_books(ORDERS);
    shop_close(&the_shop);
}

/* ---- a database that is locked ---- */

static orders_db *lock(void) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    assert_int_equal(orders_db_open(the_shop.orders, 0, 5000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_begin(db), ORDERS_DB_OK);
    return db;
}

static void unlock(orders_db *db) {
    orders_db_rollback(db);
    orders_db_close(db);
}

static bool has_expired(shop *s, const void *units) {
    sale_stock_answer answer = sale_stock(&s->sale);
    return answer.status == SECKILL_OK && answer.total.expired == *(const int64_t *)units;
}

/* Nothing expires by the worker's hand before the replay; but not for ever. */
static void test_expires_after_the_replay(void **state) {
    (void)state;
    static const char *const arguments[] = {"--busy-timeout", "20ms", "--verbose", NULL};
    shop_plan plan = SHOP_PLAN_INIT;
    plan.settings.hold_ms = 1000;
    open_market_with(100, &plan);
    for (int64_t round = 1; round <= (full_tests() ? 2 : 1); round++) {
        const char *user = round == 1 ? "ann" : "bob";
        worker_process worker = worker_start(&the_shop, arguments);
        worker_wait_log(&worker, "Redis knows every order");
        orders_db *db = lock();
        assert_int_equal(sale_reserve(&the_shop.sale, user, user, 1).status, SECKILL_OK);
        save();
        sleep_ms(1100); /* the hold ends, and what ends it is lost */
        fail_over();
        sleep_ms(500);
        assert_int_equal(stock().reserved, 1);
        if (round == 2) {
            worker_wait_log(&worker, "expires what is overdue though");
            shop_wait(&the_shop, has_expired, &round, "the end of the hold");
        }
        unlock(db);
        shop_wait(&the_shop, has_expired, &round, "the end of the hold");
        assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    }
    shop_close(&the_shop);
}

/* A worker that has events in hand which Redis has lost since, and that another worker did not find in the database. */
static void test_slow_worker(void **state) {
    (void)state;
    static const char *const arguments[] = {"--busy-timeout", "20ms",       "--poll-max", "10ms",
                                            "--verbose",      "--progress", "50ms",       NULL};
    open_market(100);
    worker_process slow = worker_start(&the_shop, arguments);
    worker_wait_log(&slow, "Redis knows every order");
    save();
    orders_db *db = lock();
    buy(1);
    worker_wait_log(&slow, " 1 events read");
    assert_true(process_pause(slow.pid)); /* unlocked before it stands still, it would take the lock and keep it */
    unlock(db);
    fail_over();
    (void)replay_with(lively, 0);
    assert_int_equal(shop_orders(&the_shop), 0);
    assert_int_equal(kill(slow.pid, SIGCONT), 0);
    wait_written(1);
    wait_sold(1);
    assert_int_equal(worker_end(&slow, SIGTERM).exit_code, 0);
    check_books(1);
    shop_close(&the_shop);
}

/* ---- by chance ---- */

static const char *const eager[] = {"--list-interval",
                                    "20ms",
                                    "--poll-min",
                                    "1ms",
                                    "--poll-max",
                                    "5ms",
                                    "--busy-timeout",
                                    "20ms",
                                    "--refund-unpaid-after",
                                    "1s",
                                    "--expire-interval",
                                    "10ms",
                                    "--transfers-interval",
                                    "50ms",
                                    NULL};

static void refund_one(void) {
    char user[32];
    uint32_t n = random_below(bought);
    (void)snprintf(user, sizeof user, "user-%u", (unsigned)n);
    (void)sale_refund(&the_shop.sale, user, ids[n]); /* Redis may have lost it */
}

static void start_or_kill(worker_process *worker) {
    if (worker->pid) {
        (void)worker_end(worker, SIGKILL);
    } else {
        *worker = worker_start(&the_shop, eager);
    }
}

static void act(worker_process workers[2]) {
    uint32_t chance = random_below(100);
    if (chance < 2) {
        fail_over();
    } else if (chance < 5) {
        save();
    } else if (chance < 8) {
        start_or_kill(&workers[chance % 2]);
    } else if (chance < 15 && bought > 0) {
        refund_one();
    } else if (chance < 50 && bought > 0) {
        (void)shop_pay(&the_shop, ids[random_below(bought)]);
    } else if (bought < ORDERS_MAX) {
        bought += shop_buy(&the_shop, bought, 1, ids[bought]);
    }
}

/* Every unit that Redis has sold stands in an order, and the other way round; nothing is to be done any more. */
static bool is_settled(shop *s, const void *unused) {
    (void)unused;
    orders_db_item_account account;
    sale_stock_answer answer = sale_stock(&s->sale);
    return answer.status == SECKILL_OK && shop_account(s, &account) && account.refunds_due == 0 && account.unpaid_orders == 0 &&
           answer.total.events == 0 && answer.total.sold == account.units[ORDERS_DB_CONFIRMED];
}

static void settle(void) {
    worker_process last = worker_start(&the_shop, eager);
    shop_wait(&the_shop, is_settled, NULL, "Redis and the database to say the same");
    wait_remembered();
    shop_wait(&the_shop, is_settled, NULL, "them to stay so");
    assert_int_equal(worker_end(&last, SIGTERM).exit_code, 0);
    sale_stock_answer answer = sale_stock(&the_shop.sale);
    print_message("%u bought, %lld kept\n", (unsigned)bought, (long long)answer.total.sold);
    check_books(answer.total.sold);
}

static void test_by_chance(void **state) {
    (void)state;
    for (int round = 0; round < (full_tests() ? 20 : 2); round++) {
        worker_process workers[2] = {{0}, {0}};
        open_market(600);
        save();
        for (int i = 0; i < 1500; i++) {
            act(workers);
        }
        for (int i = 0; i < 2; i++) {
            if (workers[i].pid) {
                (void)worker_end(&workers[i], SIGKILL);
            }
        }
        settle();
        shop_close(&the_shop);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expired_meanwhile),
        cmocka_unit_test(test_sold_to_another_meanwhile),
        cmocka_unit_test(test_owed),
        cmocka_unit_test(test_killed_in_the_middle),
        cmocka_unit_test(test_stopped_in_the_middle),
        cmocka_unit_test(test_two_workers),
        cmocka_unit_test(test_lost_again_in_the_middle),
        cmocka_unit_test(test_expires_after_the_replay),
        cmocka_unit_test(test_slow_worker),
        cmocka_unit_test(test_by_chance),
    };
    if (!redis_server_available()) {
        return 77;
    }
    (void)seed_random();
    return cmocka_run_group_tests_name("worker_replay_races", tests, NULL, NULL);
}
