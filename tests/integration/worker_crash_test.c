/* Workers that are killed at random moments, while users buy and refund: in the end the orders are exactly the confirmed
 * reservations, and every unit is accounted for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BOUGHT_MAX = 200000 };

/* What the shop's side knows. */
typedef struct {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    uint32_t quantity;
    bool refunded; /* by the shop */
} purchase;

typedef struct {
    shop shop;
    purchase *bought;
    uint32_t count;
    uint32_t next_user;
    bool sold_out;
} market;

/* ---- while workers come and go ---- */

static void one_purchase(market *m) {
    purchase *p = &m->bought[m->count];
    uint32_t quantity = 1 + random_below(2);
    assert_true(m->count < BOUGHT_MAX);
    m->sold_out = !shop_buy(&m->shop, m->next_user++, quantity, p->id);
    if (!m->sold_out) {
        p->quantity = quantity;
        p->refunded = false;
        m->count++;
    }
}

/* The users of purchases that were refused have numbers too: find the one of a purchase by its id. */
static void one_refund(market *m) {
    purchase *p = &m->bought[random_below(m->count)];
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    char user[32];
    for (uint32_t n = 0; n < m->next_user; n++) {
        (void)snprintf(user, sizeof user, "user-%" PRIu32, n);
        seckill_bytes name = {user, strlen(user)};
        assert_int_equal(seckill_reservation_id("sale", "phone", name, name, id), SECKILL_OK);
        if (memcmp(id, p->id, sizeof id) == 0) {
            break;
        }
    }
    sale_answer answer = sale_refund(&m->shop.sale, user, p->id);
    assert_int_equal(answer.status, SECKILL_OK);
    p->refunded = true;
}

static void trade_until(market *m, uint64_t until) {
    while (now_ms() < until) {
        if (m->count > 0 && random_below(12) == 0) {
            one_refund(m);
        } else if (!m->sold_out) {
            one_purchase(m);
        } else {
            m->sold_out = random_below(4) != 0;
            sleep_ms(1);
        }
    }
}

/* Up to two workers run; each round one of them is started, or killed. */
static void rounds_of_kills(market *m, int rounds, const char *const *more) {
    worker_process workers[2] = {{0}, {0}};
    for (int round = 0; round < rounds; round++) {
        worker_process *w = &workers[random_below(2)];
        if (w->pid) {
            assert_int_equal(worker_end(w, SIGKILL).exit_code, 128 + SIGKILL);
        } else {
            *w = worker_start(&m->shop, more);
        }
        trade_until(m, now_ms() + random_below(60) * slowness());
    }
    for (size_t i = 0; i < 2; i++) {
        if (workers[i].pid) {
            (void)worker_end(&workers[i], SIGKILL);
        }
    }
}

/* ---- the end ---- */

static bool nothing_due(shop *s, const void *unused) {
    orders_db_item_account account;
    return shop_account(s, &account) && account.refunds_due == 0 && shop_no_events(s, unused);
}

static void check_orders(market *m, const orders_db_item_account *account) {
    int64_t confirmed = 0, refunded = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        const purchase *p = &m->bought[i];
        int state = shop_order_state(&m->shop, p->id);
        assert_true(state == ORDERS_DB_CONFIRMED || state == ORDERS_DB_REFUNDED);
        assert_true(!p->refunded || state == ORDERS_DB_REFUNDED);
        confirmed += state == ORDERS_DB_CONFIRMED ? p->quantity : 0;
        refunded += state == ORDERS_DB_REFUNDED ? p->quantity : 0;
    }
    /* No order but those. */
    assert_int_equal(account->orders[ORDERS_DB_CONFIRMED] + account->orders[ORDERS_DB_REFUNDED], m->count);
    assert_int_equal(account->orders[ORDERS_DB_REFUSED_ORDER], 0);
    assert_int_equal(account->units[ORDERS_DB_CONFIRMED], confirmed);
    assert_int_equal(account->units[ORDERS_DB_REFUNDED], refunded);
}

static void check_all(market *m, int64_t inventory) {
    worker_process last = worker_start(&m->shop, NULL);
    shop_wait(&m->shop, nothing_due, NULL, "the last worker to finish everything");
    assert_int_equal(worker_end(&last, SIGTERM).exit_code, 0);

    orders_db_item_account account;
    assert_true(shop_account(&m->shop, &account));
    check_orders(m, &account);
    assert_int_equal(account.units_total, inventory);
    sale_stock_answer stock = sale_stock(&m->shop.sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.sold, account.units[ORDERS_DB_CONFIRMED]);
    assert_int_equal(stock.total.reserved, 0);
    assert_int_equal(stock.total.refunded, account.units[ORDERS_DB_REFUNDED]);
    print_message("%" PRIu32 " purchases, %" PRId64 " units sold, %" PRId64 " refunded\n", m->count, stock.total.sold,
                  stock.total.refunded);
}

static void run(int64_t stock, int64_t inventory, uint32_t max_events, int rounds) {
    static const char *const more[] = {"--batch",    "24",  "--batches",      "3",    "--poll-min", "1ms",
                                       "--poll-max", "4ms", "--busy-timeout", "20ms", NULL};
    market m = {.bought = calloc(BOUGHT_MAX, sizeof(purchase))};
    shop_plan plan = SHOP_PLAN_INIT;
    assert_non_null(m.bought);
    plan.stock = stock;
    plan.inventory = inventory;
    plan.settings.limit = 2;
    plan.settings.max_events = max_events;
    shop_open(&m.shop, &plan);
    rounds_of_kills(&m, rounds, more);
    check_all(&m, inventory);
    shop_close(&m.shop);
    free(m.bought);
}

static void test_killed(void **state) {
    (void)state;
    run(100000, 100000, 0, full_tests() ? 400 : 40);
}

static void test_killed_while_inventory_is_short(void **state) {
    (void)state;
    run(100000, 700, 0, full_tests() ? 400 : 40);
}

static void test_killed_while_sold_out(void **state) {
    (void)state;
    run(300, 200, 0, full_tests() ? 400 : 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_killed_while_inventory_is_short),
        cmocka_unit_test(test_killed_while_sold_out),
    };
    if (!redis_server_available()) {
        return 77;
    }
    (void)seed_random();
    return cmocka_run_group_tests_name("worker_crash", tests, NULL, NULL);
}
