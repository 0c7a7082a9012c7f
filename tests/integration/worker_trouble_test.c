/* The worker and what goes wrong around it: nothing is acknowledged that is not written, and it goes on when the trouble is
 * over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const lively[] = {"--busy-timeout", "20ms", "--poll-max", "20ms", "--verbose", NULL};

static void buy(shop *s, uint32_t from, uint32_t count) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    for (uint32_t n = from; n < from + count; n++) {
        assert_true(shop_buy(s, n, 1, id));
    }
}

static void open_shop(shop *s, bool durable) {
    shop_plan plan = SHOP_PLAN_INIT;
    plan.stock = plan.inventory = 10000;
    plan.durable = durable;
    shop_open(s, &plan);
}

/* Everything is written and acknowledged in the end. */
static void finish(shop *s, worker_process *worker, int64_t orders) {
    shop_wait(s, shop_has_orders, &orders, "all orders");
    shop_wait(s, shop_no_events, NULL, "all events to be acknowledged");
    worker_summary summary = worker_end(worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(sale_stock(&s->sale).total.sold, orders);
    shop_close(s);
}

/* ---- a database that cannot be used from the start: exit code 3, and why ---- */

static void expect_unusable(shop *s, worker_process worker, const char *why) {
    worker_summary summary = worker_end(&worker, 0);
    if (summary.exit_code == 125) {
        print_message("capabilities cannot be dropped here: not tested\n");
    } else {
        assert_int_equal(summary.exit_code, 3);
        assert_true(worker_logged(&worker, why));
        assert_int_equal(summary.events_read, 0);
    }
    assert_int_equal(shop_events(s), 3);
    shop_close(s);
}

static void test_read_only_file(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    buy(&s, 0, 3);
    assert_int_equal(chmod(s.orders, 0444), 0);
    expect_unusable(&s, worker_start_unprivileged(&s, NULL), "readonly: the file may be read but not written");
}

static void test_no_file(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    buy(&s, 0, 3);
    (void)snprintf(s.orders, sizeof s.orders, "%s/mistyped.db", s.folder);
    expect_unusable(&s, worker_start(&s, NULL), "made only with --inventory");
}

static void test_damaged_file(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    buy(&s, 0, 3);
    FILE *file = fopen(s.orders, "r+");
    assert_non_null(file);
    for (int i = 0; i < 200; i++) {
        assert_true(fputs("rubbish ", file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
    expect_unusable(&s, worker_start(&s, NULL), "corrupt");
}

/* ---- a database in trouble while the worker runs ---- */

static orders_db *open_orders(shop *s) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    assert_int_equal(orders_db_open(s->orders, 0, 5000, &db, error), ORDERS_DB_OK);
    return db;
}

static void test_locked(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    worker_process worker = worker_start(&s, lively);
    worker_wait_log(&worker, "at work");
    orders_db *db = open_orders(&s);
    assert_int_equal(orders_db_begin(db), ORDERS_DB_OK);
    buy(&s, 0, 20);
    worker_wait_log(&worker, "busy");
    assert_int_equal(shop_events(&s), 20);
    orders_db_rollback(db);
    orders_db_close(db);
    finish(&s, &worker, 20);
}

/* Another process that never lets go: the stop takes as long as it may, and says that something is left. */
static void test_stopped_while_locked(void **state) {
    (void)state;
    shop s;
    static const char *const more[] = {"--busy-timeout", "20ms", "--stop-timeout", "200ms", "--verbose", NULL};
    open_shop(&s, false);
    worker_process worker = worker_start(&s, more);
    worker_wait_log(&worker, "at work");
    orders_db *db = open_orders(&s);
    assert_int_equal(orders_db_begin(db), ORDERS_DB_OK);
    buy(&s, 0, 20);
    worker_wait_log(&worker, "busy");
    uint64_t start = now_ms();
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 4);
    assert_true(now_ms() - start < UINT64_C(2000) * slowness());
    assert_int_equal(shop_events(&s), 20);
    orders_db_rollback(db);
    orders_db_close(db);
    worker = worker_start(&s, lively);
    finish(&s, &worker, 20);
}

static void limit_files(pid_t pid, rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* A limit on the size of files stands for a full disk. */
static void test_disk_full(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    worker_process worker = worker_start(&s, lively);
    worker_wait_log(&worker, "at work");
    buy(&s, 0, 10);
    shop_wait(&s, shop_has_orders, &(int64_t){10}, "the first orders");
    shop_wait(&s, shop_no_events, NULL, "the first events to be acknowledged");
    limit_files(worker.pid, 4096);
    buy(&s, 10, 50);
    worker_wait_log(&worker, "nothing is acknowledged");
    assert_int_equal(shop_orders(&s), 10);
    assert_int_equal(shop_events(&s), 50);
    limit_files(worker.pid, RLIM_INFINITY);
    worker_wait_log(&worker, "works again");
    finish(&s, &worker, 60);
}

/* Nothing is written to a file that nobody can find any more, and no new one is made in its place. */
static void test_moved_away(void **state) {
    (void)state;
    shop s;
    char moved[320];
    open_shop(&s, false);
    worker_process worker = worker_start(&s, lively);
    worker_wait_log(&worker, "at work");
    buy(&s, 0, 10);
    shop_wait(&s, shop_has_orders, &(int64_t){10}, "the first orders");
    shop_wait(&s, shop_no_events, NULL, "the first events to be acknowledged");
    (void)snprintf(moved, sizeof moved, "%s.moved", s.orders);
    assert_int_equal(rename(s.orders, moved), 0);
    buy(&s, 10, 10);
    worker_wait_log(&worker, "missing");
    sleep_ms(100);
    assert_int_equal(access(s.orders, F_OK), -1);
    assert_int_equal(shop_events(&s), 10);
    assert_int_equal(rename(moved, s.orders), 0);
    finish(&s, &worker, 20);
}

/* ---- Redis ---- */

static void test_redis_comes_back(void **state) {
    (void)state;
    shop s;
    open_shop(&s, true);
    worker_process worker = worker_start(&s, lively);
    worker_wait_log(&worker, "at work");
    for (uint32_t round = 0; round < (full_tests() ? 20U : 3U); round++) {
        buy(&s, round * 40, 40);
        redis_server_kill(s.server);
        sleep_ms(50);
        assert_true(redis_server_restart(s.server));
    }
    finish(&s, &worker, full_tests() ? 800 : 120);
}

static void test_stopped_without_redis(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    worker_process worker = worker_start(&s, lively);
    worker_wait_log(&worker, "at work");
    redis_server_pause(s.server);
    sleep_ms(50);
    uint64_t start = now_ms();
    int exit_code = worker_end(&worker, SIGTERM).exit_code;
    assert_true(exit_code == 0 || exit_code == 4);
    assert_true(now_ms() - start < UINT64_C(8000) * slowness());
    redis_server_resume(s.server);
    shop_close(&s);
}

/* The addresses are tried in turn; one that is none is said. */
static void test_several_addresses(void **state) {
    (void)state;
    shop s;
    char redis[300];
    open_shop(&s, false);
    (void)snprintf(redis, sizeof redis, "unix:%s/nobody,%s", s.folder, redis_server_address(s.server));
    buy(&s, 0, 3);
    worker_process bad = worker_start(&s, (const char *[]){"--redis", "localhost,,localhost", NULL});
    assert_int_equal(worker_end(&bad, 0).exit_code, 2);
    worker_process worker = worker_start(&s, (const char *[]){"--redis", redis, NULL});
    finish(&s, &worker, 3);
}

/* No replica has what Redis says: it is not taken for true, and waits. */
static void test_without_replicas(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    buy(&s, 0, 3);
    worker_process worker = worker_start(&s, (const char *[]){"--replicas", "1", "--timeout", "200ms", NULL});
    worker_wait_log(&worker, "reading events of");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    assert_int_equal(shop_orders(&s), 0);
    worker = worker_start(&s, NULL);
    finish(&s, &worker, 3);
}

/* ---- the command line ---- */

static void expect_usage(shop *s, const char *option, const char *value) {
    const char *more[] = {option, value, NULL};
    worker_process worker = worker_start(s, more);
    assert_int_equal(worker_end(&worker, 0).exit_code, 2);
    assert_true(worker_logged(&worker, "--help"));
}

static void test_usage(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    expect_usage(&s, "--batch", "513");
    expect_usage(&s, "--batch", "0");
    expect_usage(&s, "--poll-min", "5");
    expect_usage(&s, "--poll-min", "1s");
    expect_usage(&s, "--inventory", "sale/phone");
    expect_usage(&s, "--inventory", "sale/phone=-1");
    expect_usage(&s, "--refund-unpaid-after", "999ms");
    expect_usage(&s, "--refund-unpaid-after", "31d");
    expect_usage(&s, "--refund-unpaid-after", "soon");
    expect_usage(&s, "--replay-window", "31d");
    expect_usage(&s, "--replay-window", "soon");
    expect_usage(&s, "--transfers-interval", "0");
    expect_usage(&s, "--replicas", "17");
    expect_usage(&s, "--replicas", "one");
    expect_usage(&s, "--item", "phone");
    expect_usage(&s, "--redis-user", "worker");
    expect_usage(&s, "--redis-password-file", "/dev/null");
    expect_usage(&s, "something", "else");
    shop_close(&s);
}

/* Before an orders database is made. */
static void test_malformed_ids(void **state) {
    (void)state;
    shop s;
    open_shop(&s, false);
    (void)snprintf(s.orders, sizeof s.orders, "%s/new.db", s.folder);
    expect_usage(&s, "--activity", "");
    expect_usage(&s, "--activity", "sale/phone");
    expect_usage(&s, "--activity", "12345678901234567890123456789012345678901234567890123456789012345");
    expect_usage(&s, "--item", "sale/pho ne");
    expect_usage(&s, "--item", "sale/phone/");
    expect_usage(&s, "--inventory", "sa:le/phone=1");
    expect_usage(&s, "--inventory", "sale/ph*ne=1");
    assert_int_equal(access(s.orders, F_OK), -1);
    shop_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_only_file),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_stopped_while_locked),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_moved_away),
        cmocka_unit_test(test_redis_comes_back),
        cmocka_unit_test(test_stopped_without_redis),
        cmocka_unit_test(test_several_addresses),
        cmocka_unit_test(test_without_replicas),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_malformed_ids),
    };
    if (!redis_server_available()) {
        return 77;
    }
    return cmocka_run_group_tests_name("worker_trouble", tests, NULL, NULL);
}
