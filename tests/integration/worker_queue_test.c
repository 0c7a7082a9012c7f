/* The worker and the queue, while nothing dies: all is decided, in order, by any number of workers; an idle queue costs little
 * and is noticed soon; a paused one waits; who is refused by the list; how it stops.
 *
 * SPDX-License-Identifier: MIT
 */
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

static void write_list(const char *path, const char *text, size_t size) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text) {
    write_list(path, text, strlen(text));
}

static void expect_refused(crowd *c, uint32_t n, bool refused) {
    sale_ticket_answer answer = poll_one(c, n);
    assert_int_equal(answer.state, refused ? SECKILL_TICKET_REFUSED : SECKILL_TICKET_GRANTED);
    assert_int_equal(answer.reason, refused ? SECKILL_BLACKLISTED : SECKILL_OK);
}

static void read_list_again(worker_process *worker, const char *expected) {
    assert_int_equal(kill(worker->pid, SIGHUP), 0);
    worker_wait_log(worker, expected);
}

static void test_refuses_users(void **state) {
    (void)state;
    crowd *c = open_crowd(1, 1000);
    char path[300];
    (void)snprintf(path, sizeof path, "%s/refused", c->shop.folder);
    const char *const more[] = {"--refuse-users", path, "--verbose", NULL};
    write_text(path, "# known bots\r\n\n  user-1 \r\nuser-3\nuser\nuser-33\nuser-3\nuser-0x");
    enqueue(c, 5);
    worker_process worker = worker_start(&c->shop, more);
    wait_decided(c);
    worker_wait_log(&worker, "5 users are refused");
    for (uint32_t n = 0; n < 5; n++) {
        expect_refused(c, n, n == 1 || n == 3);
    }

    write_text(path, "user-6\n");
    read_list_again(&worker, "read again, 1 users");
    enqueue(c, 3); /* 5 to 7 */
    wait_decided(c);
    for (uint32_t n = 5; n < 8; n++) {
        expect_refused(c, n, n == 6);
    }

    /* What is no list changes nothing: user-8 is still welcome, user-6 still is not. */
    write_list(path, "user-8\nuser\0-9\n", 15);
    read_list_again(&worker, "line 2: a NUL byte");
    assert_int_equal(unlink(path), 0);
    read_list_again(&worker, "No such file or directory; the list of before stays: 1 users");
    enqueue(c, 1);
    c->tickets[9] = sale_enqueue(&c->shop.sale, "user-6", "again", 1);
    c->count = 10;
    wait_decided(c);
    expect_refused(c, 8, false);
    expect_refused(c, 9, true);
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.queue_blacklisted, 4);
    assert_int_equal(summary.queue_granted, 6);
    close_crowd(c);
}

static void expect_bad_list(crowd *c, const char *path, const char *why) {
    const char *const more[] = {"--refuse-users", path, NULL};
    worker_process worker = worker_start(&c->shop, more);
    assert_int_equal(worker_end(&worker, 0).exit_code, 2);
    assert_true(worker_logged(&worker, why));
}

static void test_bad_lists(void **state) {
    (void)state;
    crowd *c = open_crowd(1, 1);
    char path[300], text[100];
    (void)snprintf(path, sizeof path, "%s/refused", c->shop.folder);
    enqueue(c, 1);
    expect_bad_list(c, path, "No such file");
    expect_bad_list(c, c->shop.folder, "Is a directory");
    memset(text, 'x', sizeof text);
    memcpy(text, "a\nb\n", 4);
    write_list(path, text, 4 + 64); /* the longest user */
    const char *const more[] = {"--refuse-users", path, NULL};
    worker_process worker = worker_start(&c->shop, more);
    wait_decided(c);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    write_list(path, text, 4 + 65);
    expect_bad_list(c, path, "line 3: a user has at most 64 bytes");
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
        worker_wait_log(&worker, "at work");
        sleep_ms(random_below(30) * slowness());
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
    expect_usage(c, true, (const char *[]){"--roles", "orders", "--refuse-users", "x", NULL}, "leaves decide out");
    expect_usage(c, true, (const char *[]){"--roles", "orders", "--refund-unpaid-after", "1m", NULL}, "needs the roles");
    expect_usage(c, true, (const char *[]){"--decide-batch", "513", NULL}, "--help");
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
        cmocka_unit_test(test_refuses_users),
        cmocka_unit_test(test_bad_lists),
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
