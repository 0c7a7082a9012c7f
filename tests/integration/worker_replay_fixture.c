/* See worker_replay_fixture.h.
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

#include <cmocka.h>

shop the_shop;
uint8_t ids[ORDERS_MAX][SECKILL_RESERVATION_ID_SIZE];
uint32_t bought;

const char *const lively[] = {"--poll-min", "1ms", "--poll-max", "10ms", "--verbose", NULL};

void open_market_with(int64_t units, const shop_plan *given) {
    shop_plan plan = *given;
    plan.stock = plan.inventory = units;
    bought = 0;
    shop_open(&the_shop, &plan);
}

void open_market(int64_t units) {
    shop_plan plan = SHOP_PLAN_INIT;
    open_market_with(units, &plan);
}

void buy(uint32_t count) {
    for (uint32_t end = bought + count; bought < end; bought++) {
        assert_true(shop_buy(&the_shop, bought, 1, ids[bought]));
    }
}

void save(void) {
    redis_server_forget(redis_server_command(the_shop.server, "SAVE"));
}

void fail_over(void) {
    redis_server_kill(the_shop.server);
    assert_true(redis_server_restart(the_shop.server));
}

seckill_stock stock(void) {
    sale_stock_answer answer = sale_stock(&the_shop.sale);
    assert_int_equal(answer.status, SECKILL_OK);
    return answer.total;
}

static bool is_sold(shop *s, const void *units) {
    sale_stock_answer answer = sale_stock(&s->sale);
    return answer.status == SECKILL_OK && answer.total.sold == *(const int64_t *)units;
}

void wait_sold(int64_t units) {
    shop_wait(&the_shop, is_sold, &units, "Redis to know what is sold");
}

/* The epochs that the database remembers are those of the shards. */
static bool is_remembered(shop *s, const void *unused) {
    char error[ORDERS_DB_ERROR_SIZE];
    uint64_t epochs[SECKILL_SHARDS_MAX];
    orders_db *db;
    bool same = true;
    (void)unused;
    sale_stock_answer answer = sale_stock(&s->sale);
    assert_int_equal(orders_db_open(s->orders, ORDERS_DB_READ_ONLY, 5000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_replayed(db, "sale", "phone", epochs, (uint32_t)answer.count), ORDERS_DB_OK);
    orders_db_close(db);
    for (size_t i = 0; i < answer.count; i++) {
        same = same && epochs[i] == answer.shards[i].epoch;
    }
    return same && answer.count > 0;
}

void wait_remembered(void) {
    shop_wait(&the_shop, is_remembered, NULL, "the epochs to be remembered");
}

void wait_written(int64_t orders) {
    shop_wait(&the_shop, shop_has_orders, &orders, "the orders");
    shop_wait(&the_shop, shop_no_events, NULL, "all events to be acknowledged");
}

void check_books(int64_t orders) {
    orders_db_item_account account;
    sale_stock_answer answer = sale_stock(&the_shop.sale);
    assert_true(sale_account_holds(&answer));
    assert_int_equal(answer.total.sold, orders);
    assert_true(shop_account(&the_shop, &account));
    assert_int_equal(account.units[ORDERS_DB_CONFIRMED], orders);
    assert_true(account.units[ORDERS_DB_CONFIRMED] <= account.units_total);
}

void write_orders(int64_t orders) {
    worker_process worker = worker_start(&the_shop, lively);
    wait_written(orders);
    wait_remembered();
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
}

worker_summary replay_with(const char *const *arguments, int64_t sold) {
    worker_process worker = worker_start(&the_shop, arguments);
    worker_wait_log(&worker, "Redis knows every order");
    wait_sold(sold);
    wait_remembered();
    shop_wait(&the_shop, shop_no_events, NULL, "all events to be acknowledged");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    return summary;
}

void wait_until_server_says(int64_t ms) {
    while (sale_expire(&the_shop.sale).server_time_ms < ms) {
        sleep_ms(5);
    }
}
