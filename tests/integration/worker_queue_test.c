/* The worker and the queue, while nothing dies: all is decided, in order, by any number of workers; an idle queue costs little
 * and is noticed soon; a paused one waits; who is blacklisted; how it stops.
 *
 * SPDX-License-Identifier: MIT
 */
#include "blacklist_support.h"
#include "sale_queue.h"
#include "worker_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { CROWD_MAX = 600 };

static const char *const only_decide[] = {"--roles", "decide", "--verbose", NULL};

/* Users "user-0" ...: each asks for one unit. */
typedef struct {
    shop shop;
    sale_ticket_answer tickets[CROWD_MAX];
    uint32_t count;
} crowd;

static crowd *open_crowd(uint32_t shards, int64_t stock) {
    crowd *c = calloc(1, sizeof *c);
    shop_plan plan = SHOP_PLAN_INIT;
    assert_non_null(c);
    plan.shards = shards;
    plan.stock = stock;
    plan.settings.hold_ms = 600000;
    plan.settings.limit = SECKILL_USER_RECORDS_MAX;
    shop_open(&c->shop, &plan);
    return c;
}

static void close_crowd(crowd *c) {
    sale_stock_answer stock = sale_stock(&c->shop.sale);
    assert_true(sale_account_holds(&stock));
    shop_close(&c->shop);
    free(c);
}

/* One after another, so that their order is known. */
static void enqueue(crowd *c, uint32_t count) {
    for (; count > 0; count--) {
        char user[32];
        assert_true(c->count < CROWD_MAX);
        (void)snprintf(user, sizeof user, "user-%u", (unsigned)c->count);
        c->tickets[c->count] = sale_enqueue(&c->shop.sale, user, user, 1);
        assert_int_equal(c->tickets[c->count].status, SECKILL_OK);
        c->count++;
    }
}

static sale_ticket_answer poll_one(crowd *c, uint32_t n) {
    sale_ticket_answer answer = sale_poll(&c->shop.sale, &c->tickets[n].ticket);
    assert_int_equal(answer.status, SECKILL_OK);
    return answer;
}

static uint32_t count_granted(crowd *c) {
    uint32_t granted = 0;
    for (uint32_t n = 0; n < c->count; n++) {
        sale_ticket_answer answer = poll_one(c, n);
        assert_true(answer.state == SECKILL_TICKET_GRANTED || answer.state == SECKILL_TICKET_REFUSED);
        granted += answer.state == SECKILL_TICKET_GRANTED;
    }
    return granted;
}

static bool queue_is_empty(shop *s, const void *unused) {
    (void)unused;
    sale_stock_answer stock = sale_stock(&s->sale);
    return stock.status == SECKILL_OK && stock.total.queued == 0;
}

static void wait_decided(crowd *c) {
    shop_wait(&c->shop, queue_is_empty, NULL, "the queue to be decided");
}

/* ---- all of it, in order ---- */

static void test_decides_the_whole_queue(void **state) {
    (void)state;
    crowd *c = open_crowd(4, 100);
    enqueue(c, 200); /* before there is a worker */
    worker_process worker = worker_start(&c->shop, NULL);
    enqueue(c, 200);
    wait_decided(c);
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.queue_decided, 400);
    assert_int_equal(summary.queue_granted, 100);
    assert_int_equal(summary.queue_refused, 300);
    assert_int_equal(summary.queue_length, 0);
    assert_int_equal(count_granted(c), 100);
    assert_int_equal(sale_stock(&c->shop.sale).total.reserved, 100);
    close_crowd(c);
}

static void test_several_workers_keep_the_order(void **state) {
    (void)state;
    static const char *const more[] = {"--roles",           "decide", "--decide-batch", "7",
                                       "--decide-poll-max", "3ms",    "--verbose",      NULL};
    crowd *c = open_crowd(1, 150);
    worker_process workers[3];
    worker_summary sum = {0};
    enqueue(c, 300);
    for (size_t i = 0; i < 3; i++) {
        workers[i] = worker_start_without_orders(&c->shop, more);
    }
    enqueue(c, 100);
    wait_decided(c);
    for (size_t i = 0; i < 3; i++) {
        worker_wait_log(&workers[i], "at work"); /* one that begins late, and finds nothing, ends gracefully too */
        worker_summary one = worker_end(&workers[i], SIGTERM);
        assert_int_equal(one.exit_code, 0);
        sum.queue_decided += one.queue_decided;
        sum.queue_granted += one.queue_granted;
        print_message("%lld decided\n", one.queue_decided);
    }
    assert_int_equal(sum.queue_decided, 400);
    assert_int_equal(sum.queue_granted, 150);
    for (uint32_t n = 0; n < c->count; n++) {
        assert_int_equal(poll_one(c, n).state, n < 150 ? SECKILL_TICKET_GRANTED : SECKILL_TICKET_REFUSED);
    }
    close_crowd(c);
}

/* ---- when there is nothing to decide ---- */

/* Scripts that Redis ran since the last call. */
static long long scripts_run(crowd *c) {
    redisReply *reply = redis_server_command(c->shop.server, "INFO commandstats");
    assert_non_null(reply);
    const char *at = strstr(reply->str, "cmdstat_evalsha:calls=");
    long long calls = at ? strtoll(at + strlen("cmdstat_evalsha:calls="), NULL, 10) : 0;
    redis_server_forget(reply);
    redis_server_forget(redis_server_command(c->shop.server, "CONFIG RESETSTAT"));
    return calls;
}

/* Four shards every 50 ms are 80 looks a second; the list and the settings are looked at, too. */
static void expect_few_looks(crowd *c) {
    (void)scripts_run(c);
    uint64_t from = now_ms();
    sleep_ms(500);
    long long looks = scripts_run(c);
    print_message("%lld looks in %llu ms\n", looks, (unsigned long long)(now_ms() - from));
    assert_in_range(looks, 1, 100 * (now_ms() - from) / 500);
}

static void test_idle_queue(void **state) {
    (void)state;
    crowd *c = open_crowd(4, 100);
    worker_process worker = worker_start_without_orders(&c->shop, only_decide);
    worker_wait_log(&worker, "at work");
    sleep_ms(300); /* the pauses have grown */
    expect_few_looks(c);
    for (uint32_t n = 0; n < 5; n++) {
        enqueue(c, 1);
        uint64_t from = now_ms();
        wait_decided(c);
        print_message("decided after %llu ms\n", (unsigned long long)(now_ms() - from));
        assert_true(now_ms() - from < UINT64_C(1000) * slowness()); /* 50 ms, on a machine that has time */
        sleep_ms(120);
    }
    assert_int_equal(worker_end(&worker, SIGTERM).queue_granted, 5);
    close_crowd(c);
}

static void test_paused(void **state) {
    (void)state;
    crowd *c = open_crowd(4, 1000);
    enqueue(c, 200);
    assert_int_equal(sale_pause(&c->shop.sale).status, SECKILL_OK);
    worker_process worker = worker_start_without_orders(&c->shop, only_decide);
    worker_wait_log(&worker, "at work");
    sleep_ms(300);
    expect_few_looks(c);
    assert_int_equal(sale_stock(&c->shop.sale).total.queued, 200);
    assert_int_equal(poll_one(c, 0).state, SECKILL_TICKET_QUEUED);
    assert_int_equal(sale_resume(&c->shop.sale).status, SECKILL_OK);
    wait_decided(c);
    assert_int_equal(worker_end(&worker, SIGTERM).queue_granted, 200);
    close_crowd(c);
}

static void test_ended(void **state) {
    (void)state;
    crowd *c = open_crowd(2, 1000);
    enqueue(c, 50);
    assert_int_equal(sale_end(&c->shop.sale).status, SECKILL_OK);
    worker_process worker = worker_start_without_orders(&c->shop, only_decide);
    wait_decided(c);
    assert_int_equal(worker_end(&worker, SIGTERM).queue_refused, 50);
    assert_int_equal(poll_one(c, 7).reason, SECKILL_ENDED);
    close_crowd(c);
}

/* ---- who is refused ---- */

static void expect_refused(crowd *c, uint32_t n, bool refused) {
    sale_ticket_answer answer = poll_one(c, n);
    assert_int_equal(answer.state, refused ? SECKILL_TICKET_REFUSED : SECKILL_TICKET_GRANTED);
    assert_int_equal(answer.reason, refused ? SECKILL_BLACKLISTED : SECKILL_OK);
}

static void list_user(crowd *c, const char *user, int64_t until_ms) {
    assert_int_equal(blacklist_list(&c->shop.sale, SECKILL_KIND_USER, user, NULL, until_ms, 0).status, SECKILL_OK);
}

/* How the worker decides one more request of a user. */
static sale_ticket_answer ask_once_more(crowd *c, const char *user) {
    static unsigned requests;
    char request[32];
    (void)snprintf(request, sizeof request, "more-%u", ++requests);
    sale_ticket_answer sent = sale_enqueue(&c->shop.sale, user, request, 1);
    assert_int_equal(sent.status, SECKILL_OK);
    wait_decided(c);
    sale_ticket_answer answer = sale_poll(&c->shop.sale, &sent.ticket);
    assert_int_equal(answer.status, SECKILL_OK);
    return answer;
}

/* The worker's copy follows: requests are refused as blacklisted from some moment on, or no longer. */
static void await_verdict(crowd *c, const char *user, bool listed) {
    uint64_t until = now_ms() + UINT64_C(10000) * slowness();
    while ((ask_once_more(c, user).reason == SECKILL_BLACKLISTED) != listed) {
        assert_true(now_ms() < until);
        sleep_ms(25); /* a user's records are not without number */
    }
}

static void test_refuses_the_listed(void **state) {
    (void)state;
    crowd *c = open_crowd(1, 1000);
    list_user(c, "user-1", 0);
    list_user(c, "user-3", blacklist_now(&c->shop.sale) + 3600000);
    list_user(c, "user-4", 1); /* over */
    (void)blacklist_list(&c->shop.sale, "device", "user-2", NULL, 0, 0);
    enqueue(c, 5);
    worker_process worker = worker_start(&c->shop, NULL);
    wait_decided(c);
    for (uint32_t n = 0; n < 5; n++) {
        expect_refused(c, n, n == 1 || n == 3);
    }
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.queue_blacklisted, 2);
    assert_int_equal(summary.queue_granted, 3);
    close_crowd(c);
}

static void test_follows_the_blacklist(void **state) {
    (void)state;
    crowd *c = open_crowd(1, 1000);
    enqueue(c, 2);
    list_user(c, "lifted", 0);
    worker_process worker = worker_start(&c->shop, NULL);
    wait_decided(c);
    list_user(c, "user-0", 0);
    await_verdict(c, "user-0", true);
    expect_refused(c, 0, false); /* what was granted stands */
    await_verdict(c, "lifted", true);
    assert_int_equal(blacklist_unlist(&c->shop.sale, SECKILL_KIND_USER, "lifted").status, SECKILL_OK);
    await_verdict(c, "lifted", false);
    int64_t until = blacklist_now(&c->shop.sale) + 1000 * slowness();
    list_user(c, "brief", until);
    await_verdict(c, "brief", true);
    while (blacklist_now(&c->shop.sale) < until) {
        sleep_ms(10);
    }
    await_verdict(c, "brief", false);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    close_crowd(c);
}

static void test_blacklist_of_a_restarted_server(void **state) {
    (void)state;
    crowd *c = calloc(1, sizeof *c);
    shop_plan plan = SHOP_PLAN_INIT;
    assert_non_null(c);
    plan.shards = 1;
    plan.durable = true;
    plan.settings.limit = SECKILL_USER_RECORDS_MAX;
    shop_open(&c->shop, &plan);
    list_user(c, "before", 0);
    worker_process worker = worker_start(&c->shop, NULL);
    await_verdict(c, "before", true);
    redis_server_kill(c->shop.server);
    assert_true(redis_server_restart(c->shop.server));
    await_verdict(c, "before", true);
    list_user(c, "after", 0);
    await_verdict(c, "after", true);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    close_crowd(c);
}

static void redis(crowd *c, const char *command) {
    redisReply *reply = redis_server_command(c->shop.server, command);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    redis_server_forget(reply);
}

/* Before it has read the list once a worker decides nothing, unless it is told to do without. */
static void test_waits_for_the_blacklist(void **state) {
    (void)state;
    static const char *const without[] = {"--roles", "decide", "--no-blacklist", NULL};
    crowd *c = open_crowd(2, 1000);
    list_user(c, "user-1", 0);
    redis(c, "RENAME seckill:{blacklist}:head aside");
    redis(c, "SET seckill:{blacklist}:head x");
    enqueue(c, 20);
    worker_process worker = worker_start_without_orders(&c->shop, only_decide);
    worker_wait_log(&worker, "nothing is decided before the blacklist is loaded");
    worker_wait_log(&worker, "the blacklist cannot be followed");
    assert_int_equal(sale_stock(&c->shop.sale).total.queued, 20);
    redis(c, "RENAME aside seckill:{blacklist}:head");
    wait_decided(c);
    expect_refused(c, 1, true);
    assert_int_equal(worker_end(&worker, SIGTERM).queue_granted, 19);

    redis(c, "SET seckill:{blacklist}:head x");
    worker = worker_start_without_orders(&c->shop, without);
    assert_int_equal(ask_once_more(c, "user-1").state, SECKILL_TICKET_GRANTED);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    close_crowd(c);
}

/* An old copy is used, and that is said. */
static void test_old_blacklist(void **state) {
    (void)state;
    crowd *c = open_crowd(1, 1000);
    list_user(c, "user-1", 0);
    worker_process worker = worker_start_without_orders(&c->shop, (const char *[]){"--roles", "decide", NULL});
    await_verdict(c, "user-1", true);
    redis(c, "RENAME seckill:{blacklist}:head aside");
    redis(c, "SET seckill:{blacklist}:head x");
    worker_wait_log(&worker, "the copy of the blacklist is 5 s old; it is used on");
    assert_int_equal(ask_once_more(c, "user-1").reason, SECKILL_BLACKLISTED);
    assert_int_equal(ask_once_more(c, "user-2").state, SECKILL_TICKET_GRANTED);
    redis(c, "RENAME aside seckill:{blacklist}:head");
    worker_wait_log(&worker, "the copy of the blacklist has caught up");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    close_crowd(c);
}

/* Whom the copy has no room for gets through; that is said, too. */
static void test_small_blacklist(void **state) {
    (void)state;
    static const char *const more[] = {"--roles", "decide", "--blacklist-entries", "2", NULL};
    crowd *c = open_crowd(1, 1000);
    blacklist_list_users(&c->shop.sale, "user-", 3);
    enqueue(c, 3);
    worker_process worker = worker_start_without_orders(&c->shop, more);
    wait_decided(c);
    worker_wait_log(&worker, "1 entries of the blacklist have no room here: raise --blacklist-entries");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.queue_blacklisted, 2);
    assert_int_equal(summary.queue_granted, 1);
    close_crowd(c);
}

/* ---- its end ---- */

/* What was under way is finished and counted; nothing new is begun. */
static void test_stops_gracefully(void **state) {
    (void)state;
    static const char *const more[] = {"--decide-batch", "1", "--verbose", NULL};
    for (int round = 0; round < (full_tests() ? 20 : 4); round++) {
        crowd *c = open_crowd(2, 1000);
        enqueue(c, 500);
        worker_process worker = worker_start(&c->shop, more);
        worker_wait_log(&worker, "the blacklist is loaded");
        sleep_ms(random_below(100) * slowness());
        worker_summary summary = worker_end(&worker, SIGTERM);
        assert_int_equal(summary.exit_code, 0);
        sale_stock_answer stock = sale_stock(&c->shop.sale);
        print_message("%lld decided\n", summary.queue_decided);
        assert_int_equal(summary.queue_decided, 500 - stock.total.queued);
        assert_int_equal(summary.queue_granted, stock.total.reserved);
        close_crowd(c);
    }
}

static void test_second_signal(void **state) {
    (void)state;
    static const char *const more[] = {"--roles", "decide", "--timeout", "1m", "--stop-timeout", "1m", "--verbose", NULL};
    crowd *c = open_crowd(2, 1000);
    enqueue(c, 10);
    worker_process worker = worker_start_without_orders(&c->shop, more);
    wait_decided(c);
    redis_server_pause(c->shop.server);
    sleep_ms(200); /* a look is under way, and has no answer */
    assert_int_equal(kill(worker.pid, SIGTERM), 0);
    worker_wait_log(&worker, "stopping");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 128 + SIGTERM);
    redis_server_resume(c->shop.server);
    close_crowd(c);
}

/* ---- roles ---- */

static void expect_usage(crowd *c, bool orders, const char *const *more, const char *why) {
    worker_process worker = orders ? worker_start(&c->shop, more) : worker_start_without_orders(&c->shop, more);
    assert_int_equal(worker_end(&worker, 0).exit_code, 2);
    assert_true(worker_logged(&worker, why));
}

static void test_roles(void **state) {
    (void)state;
    crowd *c = open_crowd(2, 100);
    enqueue(c, 20);
    worker_process worker = worker_start(&c->shop, (const char *[]){"--roles", "orders,expire", "--verbose", NULL});
    worker_wait_log(&worker, "at work");
    sleep_ms(200);
    assert_int_equal(worker_end(&worker, SIGTERM).queue_decided, 0);
    assert_int_equal(sale_stock(&c->shop.sale).total.queued, 20);
    worker = worker_start_without_orders(&c->shop, (const char *[]){"--roles", "expire,decide", NULL});
    wait_decided(c);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);

    expect_usage(c, false, NULL, "--orders: say where");
    expect_usage(c, true, (const char *[]){"--roles", "decide", NULL}, "--orders: --roles leaves orders out");
    expect_usage(c, true, (const char *[]){"--roles", "decide,", NULL}, "decide, expire, orders and transfers");
    expect_usage(c, true, (const char *[]){"--roles", "all", NULL}, "decide, expire, orders and transfers");
    expect_usage(c, true, (const char *[]){"--roles", "orders", "--no-blacklist", NULL}, "leaves decide out");
    expect_usage(c, true, (const char *[]){"--roles", "orders", "--refund-unpaid-after", "1m", NULL}, "needs the roles");
    expect_usage(c, true, (const char *[]){"--decide-batch", "513", NULL}, "--help");
    expect_usage(c, true, (const char *[]){"--blacklist-entries", "0", NULL}, "--help");
    expect_usage(c, true, (const char *[]){"--decide-poll-max", "0", NULL}, "--help");
    close_crowd(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decides_the_whole_queue),
        cmocka_unit_test(test_several_workers_keep_the_order),
        cmocka_unit_test(test_idle_queue),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_refuses_the_listed),
        cmocka_unit_test(test_follows_the_blacklist),
        cmocka_unit_test(test_blacklist_of_a_restarted_server),
        cmocka_unit_test(test_waits_for_the_blacklist),
        cmocka_unit_test(test_old_blacklist),
        cmocka_unit_test(test_small_blacklist),
        cmocka_unit_test(test_stops_gracefully),
        cmocka_unit_test(test_second_signal),
        cmocka_unit_test(test_roles),
    };
    if (!redis_server_available()) {
        return 77;
    }
    (void)seed_random();
    return cmocka_run_group_tests_name("worker_queue", tests, NULL, NULL);
}
