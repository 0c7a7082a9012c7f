/* A master of a cluster is killed while users buy. Where clients wait for its replica nothing is lost that anybody was told;
 * where they do not, what is lost is bounded, and no order is written that the real inventory does not have.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cluster_sale_support.h"
#include "test_run.h"

#include <inttypes.h>
#include <string.h>

static void report(const cluster_sale_loss *loss) {
    print_message("the master was lost; another served %lld ms later\n", (long long)(loss->served_us - loss->lost_us) / 1000);
}

/* ---- replicas are waited for ---- */

static void run_safely(uint64_t seed, uint32_t aside) {
    redis_cluster *cluster = cluster_sale_start(1, 1000);
    cluster_sale_loss loss = {.cluster = cluster, .shard = (uint32_t)(seed % 8), .at = 30, .aside = aside};
    crowd_plan plan = cluster_sale_plan(cluster, 1600, seed);
    static crowd c;

    loss.lose = redis_cluster_kill;
    loss.find = redis_cluster_restart; /* else the new master has nobody who could have what it writes */
    plan.replicas = 1;
    crowd_open(&c, &plan);
    crowd_run(&c, cluster_sale_lose, &loss);
    assert_true(loss.served_us != 0);
    report(&loss);
    assert_true(redis_cluster_await_well(cluster));
    crowd_finish_work(&c);
    crowd_check(&c);
    crowd_close(&c);
    redis_cluster_free(cluster);
}

static void nothing_is_lost_with_replicas(void **state) {
    uint64_t seed = test_run_seed();

    (void)state;
    for (int i = 0; i < (test_run_is_full() ? 10 : 1); i++)
        run_safely(test_run_below(&seed, UINT32_MAX), i % 2 == 0 ? 28 : 0);
}

/* ---- they are not ---- */

static bool is_replayed(shop *s, const void *unused) {
    sale_stock_answer stock = sale_stock(&s->sale);
    orders_db_item_account account;

    (void)unused;
    return stock.status == SECKILL_OK && shop_account(s, &account) && account.refunds_due == 0 && stock.total.events == 0 &&
           stock.total.sold == account.units[ORDERS_DB_CONFIRMED];
}

/* The counters of each shard, of which some may owe what they forgot to have given. */
static void check_shards(const sale_stock_answer *stock) {
    for (size_t i = 0; i < stock->count; i++) {
        const seckill_stock *shard = &stock->shards[i];

        assert_int_equal(shard->loaded + shard->transferred_in - shard->transferred_out,
                         shard->available + shard->reserved + shard->sold);
    }
    assert_int_equal(stock->total.transferred_in, stock->total.transferred_out);
}

static void check_losses(crowd *c) {
    orders_db_item_account account;
    int64_t units, lost;
    sale_stock_answer stock;

    shop_wait(&c->shop, is_replayed, NULL, "the worker to tell Redis all orders again");
    crowd_finish_work(c);
    assert_status(sale_finish_transfers(&c->shop.sale).status, SECKILL_OK);
    stock = sale_stock(&c->shop.sale);
    lost = crowd_count_lost(c, &units);
    check_shards(&stock);
    assert_true(shop_account(&c->shop, &account));
    assert_true(account.units_left >= 0);
    assert_int_equal(account.units[ORDERS_DB_CONFIRMED], stock.total.sold);
    /* More was never given than there is, but for what was forgotten. */
    assert_true(stock.total.available + units >= 0);
    print_message("%" PRId64 " grants of %" PRId64 " units are lost; %" PRIu32 " could not be settled; %" PRId64
                  " units sold, %" PRId64 " reserved, %" PRId64 " available, of %" PRId64 "\n",
                  lost, units, c->lost, stock.total.sold, stock.total.reserved, stock.total.available, c->plan.units);
}

static void fail_later(crowd *c, const char *name, const sale_answer *answer) {
    sale_item_answer info = sale_get(&c->shop.sale);
    sale_stock_answer stock = sale_stock(&c->shop.sale);
    seckill_bytes user = {name, strlen(name)};

    for (size_t i = 0; i < stock.count; i++)
        print_message("shard %zu: %" PRId64 " available\n", i, stock.shards[i].available);
    fail_msg("%s, of shard %" PRIu32 ", asked for one unit: %s, %s", name, seckill_shard_of(user, info.seed, 8),
             seckill_status_name(answer->status), answer->message);
}

/* Everybody is served again: who comes new, and who repeats what he asked. */
static void check_later_requests(crowd *c) {
    for (uint32_t i = 0; i < 40; i++) {
        const crowd_user *user = &c->users[i * 7];
        char name[16];
        sale_answer answer;

        (void)snprintf(name, sizeof(name), "later%" PRIu32, i);
        answer = sale_reserve(&c->shop.sale, name, name, 1);
        if (answer.status != SECKILL_OK && answer.status != SECKILL_SOLD_OUT)
            fail_later(c, name, &answer);
        answer = sale_reserve_at(&c->shop.sale, user->name, user->name, user->claim.quantity, user->created_ms);
        assert_true(sale_is_documented(answer.status));
        assert_int_equal(seckill_status_class(answer.status), SECKILL_CLASS_FINAL);
    }
}

static void run_carelessly(uint64_t seed) {
    redis_cluster *cluster = cluster_sale_start(1, 1000);
    cluster_sale_loss loss = {.cluster = cluster, .shard = (uint32_t)(seed % 8), .at = 50, .aside = 28};
    crowd_plan plan = cluster_sale_plan(cluster, 1600, seed);
    static crowd c;

    loss.lose = redis_cluster_kill;
    plan.may_lose = true;
    crowd_open(&c, &plan);
    crowd_run(&c, cluster_sale_lose, &loss);
    assert_true(loss.served_us != 0);
    report(&loss);
    check_losses(&c);
    check_later_requests(&c);
    crowd_close(&c);
    redis_cluster_free(cluster);
}

static void what_is_lost_without_is_bounded(void **state) {
    uint64_t seed = test_run_seed();

    (void)state;
    for (int i = 0; i < (test_run_is_full() ? 10 : 1); i++)
        run_carelessly(test_run_below(&seed, UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_with_replicas),
        cmocka_unit_test(what_is_lost_without_is_bounded),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
