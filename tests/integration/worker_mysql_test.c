/* The worker with its orders on a MariaDB server, and what happens to that server: nothing is lost, events wait, and the
 * metrics say so.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mariadb.h"
#include "worker_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { UNITS = 10000 };

static mariadb_server *server;

static int start_server(void **state) {
    (void)state;
    server = mariadb_start(NULL);
    return server ? 0 : -1;
}

static int stop_server(void **state) {
    (void)state;
    mariadb_free(server);
    return 0;
}

/* ---- the shop ---- */

static void no_step(const char *step, void *user_data) {
    (void)step;
    (void)user_data;
}

static void open_shop_without_tables(shop *s) {
    shop_plan plan = SHOP_PLAN_INIT;
    plan.stock = UNITS;
    plan.inventory = -1;
    shop_open(s, &plan);
    assert_true(mariadb_sql(server, "SET GLOBAL read_only = 0"));
    assert_true(mariadb_new_database(server, "shop"));
    (void)snprintf(s->orders, sizeof s->orders, "%s", mariadb_where(server, "shop", "timeout=1"));
}

static void open_shop(shop *s, int64_t inventory) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    open_shop_without_tables(s);
    assert_int_equal(orders_db_migrate(s->orders, false, no_step, NULL, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_open(s->orders, 0, 1000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_set_inventory(db, "sale", "phone", inventory, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    orders_db_close(db);
}

static worker_process start_worker(shop *s) {
    char listen[300];
    (void)snprintf(listen, sizeof listen, "unix:%s/http", s->folder);
    const char *const lively[] = {"--busy-timeout", "20ms", "--poll-max", "20ms", "--verbose", "--listen", listen, NULL};
    return worker_start(s, lively);
}

static void buy(shop *s, uint32_t from, uint32_t count) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    for (uint32_t n = from; n < from + count; n++) {
        assert_true(shop_buy(s, n, 1, id));
    }
}

/* Everything is written and acknowledged in the end, and the orders are numbered without a gap. */
static void finish(shop *s, worker_process *worker, int64_t orders) {
    shop_wait(s, shop_has_orders, &orders, "all orders");
    shop_wait(s, shop_no_events, NULL, "all events to be acknowledged");
    worker_summary summary = worker_end(worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(sale_stock(&s->sale).total.sold, orders);
    assert_int_equal(mariadb_integer(server, "SELECT max(number) FROM shop.orders"), orders);
    shop_close(s);
}

/* ---- its metrics ---- */

/* The value of a sample; -1: the worker does not answer. */
static double metric(const shop *s, const char *name) {
    static char answer[65536];
    static const char question[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = 0;
    assert_true(snprintf(address.sun_path, sizeof address.sun_path, "%s/http", s->folder) < (int)sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, question, sizeof question - 1) == (ssize_t)sizeof question - 1) {
        for (ssize_t got; (got = read(fd, answer + size, sizeof answer - 1 - size)) > 0;) {
            size += (size_t)got;
        }
    }
    (void)close(fd);
    answer[size] = '\0';
    char line[128];
    (void)snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(answer, line);
    return at ? strtod(at + strlen(line), NULL) : -1;
}

static bool is_failing(shop *s, const void *unused) {
    (void)unused;
    return metric(s, "seckill_worker_orders_failing_seconds") > 0 && metric(s, "seckill_worker_orders_failures_total") > 0;
}

static bool is_working(shop *s, const void *unused) {
    (void)unused;
    return metric(s, "seckill_worker_orders_failing_seconds") == 0;
}

/* It says what is wrong, in its log and its metrics, and what was sold meanwhile waits. */
static void expect_waiting(shop *s, worker_process *worker, const char *word, int64_t events) {
    worker_wait_log(worker, word);
    shop_wait(s, is_failing, NULL, "the metrics to say that the database fails");
    assert_int_equal(shop_events(s), events);
}

static void expect_recovery(shop *s, worker_process *worker, int64_t orders) {
    shop_wait(s, is_working, NULL, "the metrics to say that the database works");
    worker_wait_log(worker, "works again");
    finish(s, worker, orders);
}

/* ---- selling ---- */

static void test_sells(void **state) {
    (void)state;
    shop s;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    orders_db_item_account account;
    open_shop(&s, 100);
    worker_process worker = start_worker(&s);
    buy(&s, 0, 99);
    assert_true(shop_buy(&s, 99, 1, id));
    int64_t orders = 100;
    shop_wait(&s, shop_has_orders, &orders, "all orders");
    assert_int_equal(sale_refund(&s.sale, "user-99", id).status, SECKILL_OK);
    orders = 99;
    shop_wait(&s, shop_has_orders, &orders, "the refund");
    buy(&s, 200, 3); /* one has its units, two are refunded */
    shop_wait(&s, shop_no_events, NULL, "all events to be acknowledged");
    while (sale_stock(&s.sale).total.sold != 100 || shop_events(&s) > 0) {
        sleep_ms(5);
    }
    assert_true(shop_account(&s, &account));
    assert_int_equal(account.orders[ORDERS_DB_CONFIRMED], 100);
    assert_int_equal(account.orders[ORDERS_DB_REFUNDED], 3);
    assert_int_equal(account.units_left, 0);
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    shop_close(&s);
}

static void test_without_tables(void **state) {
    (void)state;
    shop s;
    open_shop_without_tables(&s);
    buy(&s, 0, 3);
    worker_process worker = start_worker(&s);
    assert_int_equal(worker_end(&worker, 0).exit_code, 3);
    assert_true(worker_logged(&worker, "run `seckill-ctl orders migrate`"));
    assert_int_equal(shop_events(&s), 3);
    shop_close(&s);
}

/* A password on the command line is wrong usage, and is written nowhere. */
static void test_password_on_the_command_line(void **state) {
    (void)state;
    shop s;
    open_shop_without_tables(&s);
    (void)snprintf(s.orders, sizeof s.orders, "mysql://ann:secret@localhost/shop");
    worker_process worker = start_worker(&s);
    assert_int_equal(worker_end(&worker, 0).exit_code, 2);
    assert_true(worker_logged(&worker, "SECKILL_ORDERS_PASSWORD"));
    assert_false(worker_logged(&worker, "secret"));
    shop_close(&s);
}

/* ---- trouble ---- */

static void test_down_at_the_start(void **state) {
    (void)state;
    shop s;
    open_shop(&s, UNITS);
    mariadb_stop(server);
    worker_process worker = start_worker(&s);
    worker_wait_log(&worker, "unreachable");
    buy(&s, 0, 20);
    assert_int_equal(shop_events(&s), 20);
    assert_true(mariadb_restart(server));
    finish(&s, &worker, 20);
}

static void test_killed_in_batches(void **state) {
    (void)state;
    shop s;
    enum { ROUNDS = 4, BATCH = 150 };
    open_shop(&s, UNITS);
    worker_process worker = start_worker(&s);
    print_message("seed %llu\n", (unsigned long long)seed_random());
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t first = random_below(BATCH);
        buy(&s, round * BATCH, first);
        mariadb_kill(server);
        buy(&s, round * BATCH + first, BATCH - first);
        expect_waiting(&s, &worker, "unreachable", shop_events(&s));
        assert_true(mariadb_restart(server));
        shop_wait(&s, is_working, NULL, "the metrics to say that the database works");
    }
    expect_recovery(&s, &worker, ROUNDS * BATCH);
}

static void test_stands_still(void **state) {
    (void)state;
    shop s;
    open_shop(&s, UNITS);
    worker_process worker = start_worker(&s);
    buy(&s, 0, 10);
    mariadb_pause(server);
    buy(&s, 10, 20);
    worker_wait_log(&worker, "unreachable");
    shop_wait(&s, is_failing, NULL, "the metrics to say that the database fails");
    assert_true(shop_events(&s) >= 20);
    mariadb_resume(server);
    expect_recovery(&s, &worker, 30);
}

/* Whoever connects is thrown out again, a hundred times. */
static void test_connections_are_cut(void **state) {
    (void)state;
    shop s;
    open_shop(&s, UNITS);
    worker_process worker = start_worker(&s);
    for (uint32_t n = 0; n < 100; n++) {
        long long id;
        buy(&s, 3 * n, 3);
        id = mariadb_integer(server, "SELECT coalesce(max(id), 0) FROM information_schema.processlist WHERE user = 'seckill'");
        if (id > 0) {
            assert_true(
                mariadb_sql(server, "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; KILL %lld; END", id));
        }
    }
    worker_wait_log(&worker, "unreachable");
    finish(&s, &worker, 300);
}

static void test_locked(void **state) {
    (void)state;
    shop s;
    open_shop(&s, UNITS);
    worker_process worker = start_worker(&s);
    worker_wait_log(&worker, "at work");
    assert_true(mariadb_sql(server, "BEGIN"));
    assert_true(mariadb_sql(server, "UPDATE shop.inventory SET units_total = units_total + 1, units_left = units_left + 1"));
    buy(&s, 0, 20);
    expect_waiting(&s, &worker, "busy", 20);
    assert_true(mariadb_sql(server, "COMMIT"));
    expect_recovery(&s, &worker, 20);
}

static void test_read_only_server(void **state) {
    (void)state;
    shop s;
    open_shop(&s, UNITS);
    worker_process worker = start_worker(&s);
    worker_wait_log(&worker, "at work");
    assert_true(mariadb_sql(server, "SET GLOBAL read_only = 1"));
    buy(&s, 0, 20);
    expect_waiting(&s, &worker, "readonly", 20);
    assert_true(mariadb_sql(server, "SET GLOBAL read_only = 0"));
    expect_recovery(&s, &worker, 20);
}

/* Rights are looked at anew when a session begins, so the open one is ended. */
static void test_access_taken_away(void **state) {
    (void)state;
    shop s;
    open_shop(&s, UNITS);
    worker_process worker = start_worker(&s);
    worker_wait_log(&worker, "at work");
    assert_true(mariadb_sql(server, "REVOKE ALL ON shop.* FROM seckill@localhost"));
    assert_true(mariadb_sql(server, "KILL USER seckill@localhost"));
    buy(&s, 0, 20);
    expect_waiting(&s, &worker, "denied", 20);
    assert_true(mariadb_sql(server, "GRANT ALL ON shop.* TO seckill@localhost"));
    expect_recovery(&s, &worker, 20);
}

/* Two workers and the shop's own payments share one database. */
static void test_several_workers(void **state) {
    (void)state;
    shop s;
    enum { ORDERS = 400 };
    open_shop(&s, UNITS);
    worker_process one = start_worker(&s);
    const char *const lively[] = {"--busy-timeout", "1s", "--poll-max", "20ms", "--verbose", NULL};
    worker_process other = worker_start(&s, lively);
    buy(&s, 0, ORDERS);
    int64_t orders = ORDERS;
    shop_wait(&s, shop_has_orders, &orders, "all orders");
    assert_int_equal(worker_end(&other, SIGTERM).exit_code, 0);
    finish(&s, &one, ORDERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sells),
        cmocka_unit_test(test_without_tables),
        cmocka_unit_test(test_password_on_the_command_line),
        cmocka_unit_test(test_down_at_the_start),
        cmocka_unit_test(test_killed_in_batches),
        cmocka_unit_test(test_stands_still),
        cmocka_unit_test(test_connections_are_cut),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_read_only_server),
        cmocka_unit_test(test_access_taken_away),
        cmocka_unit_test(test_several_workers),
    };
    if (!redis_server_available() || !mariadb_available()) {
        return 77;
    }
    return cmocka_run_group_tests_name("worker_mysql", tests, start_server, stop_server);
}
