/* seckill-ctl order ...: what stands in the orders database, and marking it as paid; its tables. None of it needs Redis. The
 * database is SQLite's, or with ORDERS_ON_MYSQL on a private MariaDB.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"
#include "orders_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS = 25 };

static char orders[512], fresh[512]; /* `fresh`: where nothing is yet */

#ifdef ORDERS_ON_MYSQL
#include "mariadb.h"

static mariadb_server *server;

static void make_places(void) {
    if (!mariadb_available()) {
        exit(77);
    }
    server = mariadb_start(NULL);
    assert_non_null(server);
    assert_true(mariadb_new_database(server, "shop") && mariadb_new_database(server, "fresh"));
    snprintf(orders, sizeof orders, "%s", mariadb_where(server, "shop", NULL));
    snprintf(fresh, sizeof fresh, "%s", mariadb_where(server, "fresh", NULL));
}

static int stop(void **state) {
    mariadb_free(server);
    return ctl_stop_redis(state);
}
#else
static void make_places(void) {
    snprintf(orders, sizeof orders, "%s/orders.db", redis_server_folder(ctl_redis));
    snprintf(fresh, sizeof fresh, "sqlite:%s/fresh.db", redis_server_folder(ctl_redis));
}

static int stop(void **state) {
    return ctl_stop_redis(state);
}
#endif

/* Orders 1 to 25 of o/phone, confirmed in the morning of 2026-11-22; 24 is refunded, 25 refused. */
static void write_orders(orders_db *db) {
    for (uint8_t n = 1; n <= ORDERS; n++) {
        orders_db_outcome outcome;
        orders_db_event event = {"o", "phone", {{1, n}, SECKILL_EVENT_CONFIRMED, {n}, {"ann", 3}, {"ref", 3}, 2, 500, 0, {0}}};
        event.event.at_ms = INT64_C(1795305600000) + n;
        assert_int_equal(orders_db_apply(db, &event, 1, &outcome), ORDERS_DB_OK);
        if (n == 24) {
            event.event.kind = SECKILL_EVENT_REFUNDED;
            assert_int_equal(orders_db_apply(db, &event, 1, &outcome), ORDERS_DB_OK);
            assert_int_equal(orders_db_set_inventory(db, "o", "phone", 46, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
        }
    }
}

static int start(void **state) {
    orders_db *db;
    char error[ORDERS_DB_ERROR_SIZE];
    if (ctl_start_redis(state) != 0) {
        return -1;
    }
    make_places();
    assert_int_equal(ctl("orders migrate --orders %s", orders)->code, 0);
    assert_int_equal(setenv("SECKILL_REDIS", "unix:/nowhere/at.all", 1), 0);
    assert_int_equal(orders_db_open(orders, ORDERS_DB_CREATE, 1000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_set_inventory(db, "o", "phone", 100, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    write_orders(db);
    orders_db_close(db);
    return 0;
}

/* The reservation of order n, as it is typed. */
static const char *id_of(int n) {
    static char id[40];
    snprintf(id, sizeof id, "%02x000000000000000000000000000000", (unsigned)n);
    return id;
}

static void refund_the_overdue(uint32_t max) {
    orders_db *db;
    char error[ORDERS_DB_ERROR_SIZE];
    size_t count;
    assert_int_equal(orders_db_open(orders, 0, 1000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_refund_unpaid(db, "o", "phone", INT64_MAX, max, &count), ORDERS_DB_OK);
    assert_int_equal(count, max);
    orders_db_close(db);
}

static size_t count_of(const json_t *answer) {
    return json_array_size(json_object_get(answer, "orders"));
}

static void gets_one(void **state) {
    (void)state;
    const json_t *answer = ctl_json(0, "order get %s --orders %s", id_of(2), orders);
    assert_int_equal(ctl_int(answer, "number"), 2);
    assert_string_equal(ctl_text(answer, "reservation_id"), id_of(2));
    assert_string_equal(ctl_text(answer, "activity"), "o");
    assert_string_equal(ctl_text(answer, "item"), "phone");
    assert_string_equal(ctl_text(answer, "user"), "ann");
    assert_string_equal(ctl_text(answer, "order_ref"), "ref");
    assert_string_equal(ctl_text(answer, "state"), "confirmed");
    assert_int_equal(ctl_int(answer, "quantity"), 2);
    assert_int_equal(ctl_int(answer, "price"), 500);
    assert_string_equal(ctl_text(answer, "confirmed"), "2026-11-22T00:00:00.002Z");
    assert_int_equal(ctl_int(answer, "paid_ms"), 0);
    assert_true(json_is_null(json_object_get(answer, "paid")));
    assert_string_equal(ctl_text(ctl_json(0, "order get %s --orders %s", id_of(24), orders), "state"), "refunded");
    assert_true(json_is_true(json_object_get(ctl_json(0, "order get %s --orders %s", id_of(25), orders), "refund_due")));
    assert_string_equal(ctl_text(ctl_json(1, "order get %s --orders %s", id_of(99), orders), "status"), "not_found");
    assert_non_null(strstr(ctl("order get %s --orders %s", id_of(2), orders)->out, "2026-11-22T00:00:00.002Z"));
}

static void lists_by_pages(void **state) {
    (void)state;
    const json_t *answer = ctl_json(0, "order list o/phone --orders %s", orders);
    assert_int_equal(count_of(answer), ORDERS);
    assert_null(json_object_get(answer, "next_after"));
    int total = 0;
    long long after = 0;
    do {
        answer = ctl_json(0, "order list o/phone --orders %s --max 10 --after %lld", orders, after);
        total += (int)count_of(answer);
        after = json_object_get(answer, "next_after") ? ctl_int(answer, "next_after") : 0;
    } while (after != 0);
    assert_int_equal(total, ORDERS);
    assert_int_equal(count_of(ctl_json(0, "order list o/phone --orders %s --state refunded", orders)), 1);
    answer = ctl_json(0, "order list o/phone --orders %s --state refused", orders);
    assert_string_equal(ctl_text(answer, "orders.0.reservation_id"), id_of(25));
    assert_int_equal(count_of(ctl_json(0, "order list o/other --orders %s", orders)), 0);
    const char *text = ctl("order list o/phone --orders %s --max 24 --after 1", orders)->out;
    assert_non_null(strstr(text, id_of(2)));
    assert_non_null(strstr(text, "--after 25"));
    assert_non_null(strstr(text, "refund due"));
    assert_non_null(strstr(ctl("order list o/other --orders %s", orders)->out, "no such orders"));
}

static void pays_once(void **state) {
    (void)state;
    const json_t *answer = ctl_json(0, "order pay %s --orders %s", id_of(1), orders);
    assert_string_equal(ctl_text(answer, "status"), "ok");
    long long paid_ms = ctl_int(answer, "paid_ms");
    assert_true(paid_ms > INT64_C(1700000000000));
    assert_int_equal(ctl_int(ctl_json(0, "order pay %s --orders %s", id_of(1), orders), "paid_ms"), paid_ms);
    answer = ctl_json(0, "order get %s --orders %s", id_of(1), orders);
    assert_int_equal(ctl_int(answer, "paid_ms"), paid_ms);
    assert_memory_equal(ctl_text(answer, "paid"), "20", 2);
    assert_int_equal(count_of(ctl_json(0, "order list o/phone --orders %s --unpaid", orders)), 22);
    assert_int_equal(count_of(ctl_json(0, "order list o/phone --orders %s --unpaid --state confirmed", orders)), 22);
}

static void refuses_a_late_payment(void **state) {
    (void)state;
    refund_the_overdue(1); /* order 2: the oldest that is not paid */
    const json_t *answer = ctl_json(1, "order pay %s --orders %s", id_of(2), orders);
    assert_string_equal(ctl_text(answer, "status"), "refused");
    assert_string_equal(ctl_text(answer, "class"), "final");
    assert_true(json_is_true(json_object_get(answer, "refund_due")));
    assert_int_equal(ctl_int(answer, "paid_ms"), 0);
    assert_non_null(strstr(ctl("order pay %s --orders %s", id_of(2), orders)->err, "refund is due"));
    assert_int_equal(ctl("order pay %s --orders %s", id_of(24), orders)->code, 1);
    assert_int_equal(ctl("order pay %s --orders %s", id_of(25), orders)->code, 1);
    assert_string_equal(ctl_text(ctl_json(1, "order pay %s --orders %s", id_of(99), orders), "status"), "not_found");
}

static size_t steps_of(const json_t *answer) {
    return json_array_size(json_object_get(answer, "steps"));
}

static void makes_the_tables(void **state) {
    (void)state;
#ifdef ORDERS_ON_MYSQL
    assert_non_null(strstr(ctl("order list o/phone --orders %s", fresh)->err, "run `seckill-ctl orders migrate`"));
    size_t steps = steps_of(ctl_json(0, "orders migrate --dry-run --orders %s", fresh));
    assert_true(steps > 1);
    assert_non_null(strstr(ctl("orders migrate --dry-run --orders %s", fresh)->out, "would make the table orders\n"));
    assert_int_equal(ctl("order list o/phone --orders %s", fresh)->code, 4); /* nothing was done */
    assert_int_equal(steps_of(ctl_json(0, "orders migrate --orders %s", fresh)), steps);
    assert_int_equal(ctl("orders migrate --orders mysql://ann@localhost/shop?socket=/nowhere/socket")->code, 3);
#else
    assert_int_equal(ctl("orders migrate --dry-run --orders %s", fresh)->code, 2); /* there is no file */
    assert_non_null(strstr(ctl("orders migrate --orders %s", fresh)->out, "make the tables of schema version 3\ndone\n"));
    assert_int_equal(ctl("orders migrate --orders /dev/null")->code, 4);
#endif
    assert_int_equal(steps_of(ctl_json(0, "orders migrate --orders %s", fresh)), 0);
    assert_non_null(strstr(ctl("orders migrate --orders %s", fresh)->out, "nothing to do"));
    assert_non_null(strstr(ctl("order list o/phone --orders %s", fresh)->out, "no such orders"));
    assert_int_equal(ctl("orders migrate")->code, 2);
    const ctl_outcome *outcome = ctl("orders migrate --orders mysql://ann:secret@localhost/shop");
    assert_int_equal(outcome->code, 2);
    assert_null(strstr(outcome->err, "secret"));
}

static void notices_bad_input(void **state) {
    (void)state;
    static const char *const lines[] = {"order list o/phone", "order get 01000000000000000000000000000000",
                                        "order pay 01000000000000000000000000000000",
                                        "order list o/phone --orders /nowhere/orders.db",
                                        "order pay 01000000000000000000000000000000 --orders /nowhere/orders.db"};
    static const char *const with_orders[] = {"order list phone",
                                              "order list o/phone --state paid",
                                              "order list o/phone --unpaid --state refunded",
                                              "order list o/phone --max 0",
                                              "order list o/phone --max 10001",
                                              "order list o/phone --after -1",
                                              "order get 0100",
                                              "order pay 0100000000000000000000000000000g",
                                              "order pay",
                                              "order list"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(ctl("%s", lines[i])->code, 2);
    }
    for (size_t i = 0; i < sizeof with_orders / sizeof with_orders[0]; i++) {
        assert_int_equal(ctl("%s --orders %s", with_orders[i], orders)->code, 2);
    }
    assert_int_equal(ctl("order get %s --orders /dev/null", id_of(1))->code, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_one),          cmocka_unit_test(lists_by_pages),
        cmocka_unit_test(pays_once),         cmocka_unit_test(refuses_a_late_payment),
        cmocka_unit_test(notices_bad_input), cmocka_unit_test(makes_the_tables),
    };
    unsetenv("SECKILL_PREFIX");
    return cmocka_run_group_tests(tests, start, stop);
}
