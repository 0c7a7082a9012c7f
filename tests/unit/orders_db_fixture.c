/* See orders_db_fixture.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "orders_db_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the engine ---- */

#ifdef ORDERS_ON_MYSQL
#include "mariadb.h"

static mariadb_server *server;

int start_engine(void **state) {
    (void)state;
    if (!mariadb_available()) {
        exit(77);
    }
    server = mariadb_start(NULL);
    return server ? 0 : -1;
}

int stop_engine(void **state) {
    (void)state;
    mariadb_free(server);
    return 0;
}

static void no_step(const char *step, void *user_data) {
    (void)step;
    (void)user_data;
}

static void make_place(fixture *f) {
    assert_true(mariadb_new_database(server, "orders"));
    (void)snprintf(f->path, sizeof f->path, "%s", mariadb_where(server, "orders", NULL));
    if (orders_db_migrate(f->path, false, no_step, NULL, f->error) != ORDERS_DB_OK) {
        fail_msg("%s", f->error);
    }
}

static void remove_place(fixture *f) {
    (void)f;
}

/* In MariaDB's words. */
static const char *worded(const char *why) {
    return strcmp(why, "CHECK") == 0 ? "CONSTRAINT" : strcmp(why, "cannot store TEXT") == 0 ? "Incorrect integer value" : why;
}

void check_settings(fixture *f) {
    (void)f;
    assert_int_equal(mariadb_integer(server, "SELECT version FROM orders.orders_schema"), 3);
}
#else
int start_engine(void **state) {
    (void)state;
    return 0;
}

int stop_engine(void **state) {
    (void)state;
    return 0;
}

static void make_place(fixture *f) {
    const char *base = getenv("TMPDIR");
    (void)snprintf(f->folder, sizeof f->folder, "%s/orders-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/orders.db", f->folder);
}

static void remove_place(fixture *f) {
    static const char *const suffixes[] = {"", "-wal", "-shm", ".moved", ".moved-wal", ".moved-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[1100];
        (void)snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(f->folder), 0);
}

static const char *worded(const char *why) {
    return why;
}

void check_settings(fixture *f) {
    static const struct {
        const char *sql, *value;
    } expected[] = {{"PRAGMA journal_mode", "wal"},
                    {"PRAGMA synchronous", "2"},
                    {"PRAGMA foreign_keys", "1"},
                    {"PRAGMA user_version", "3"},
                    {"PRAGMA integrity_check", "ok"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char text[256];
        assert_string_equal(text_of(f, expected[i].sql, text), expected[i].value);
    }
}
#endif

/* ---- the database ---- */

void reopen(fixture *f, unsigned flags) {
    orders_db_close(f->db);
    f->db = NULL;
    orders_db_status status = orders_db_open(f->path, flags, 1000, &f->db, f->error);
    if (status != ORDERS_DB_OK) {
        fail_msg("%s: %s", orders_db_status_name(status), f->error);
    }
}

int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_place(f);
    reopen(f, ORDERS_DB_CREATE);
    *state = f;
    return 0;
}

int tear_down(void **state) {
    fixture *f = *state;
    orders_db_close(f->db);
    remove_place(f);
    free(f);
    return 0;
}

orders_db_event event_of(seckill_event_kind kind, uint32_t n, const char *item, uint32_t quantity) {
    orders_db_event e = {.activity = "618", .item = item};
    e.event.kind = kind;
    for (int i = 0; i < 4; i++) {
        e.event.reservation_id[15 - i] = (uint8_t)(n >> (8 * i));
    }
    e.event.user = (seckill_bytes){"u", 1};
    e.event.order_ref = kind == SECKILL_EVENT_CONFIRMED ? (seckill_bytes){"ref", 3} : (seckill_bytes){NULL, 0};
    e.event.quantity = quantity;
    e.event.price = 199;
    e.event.at_ms = 1000 + n;
    return e;
}

orders_db_event confirmed(uint32_t n, uint32_t quantity) {
    return event_of(SECKILL_EVENT_CONFIRMED, n, "phone", quantity);
}

orders_db_event refunded(uint32_t n, uint32_t quantity) {
    return event_of(SECKILL_EVENT_REFUNDED, n, "phone", quantity);
}

void must(fixture *f, orders_db_status status) {
    if (status != ORDERS_DB_OK) {
        fail_msg("%s: %s", orders_db_status_name(status), orders_db_error(f->db));
    }
}

orders_db_outcome apply(fixture *f, orders_db_event event) {
    orders_db_outcome outcome = 0;
    must(f, orders_db_apply(f->db, &event, 1, &outcome));
    return outcome;
}

void set_units(fixture *f, int64_t units) {
    must(f, orders_db_set_inventory(f->db, "618", "phone", units, ORDERS_DB_EXACTLY));
}

orders_db_item_account account(fixture *f, const char *item) {
    orders_db_item_account a;
    must(f, orders_db_account(f->db, "618", item, &a));
    assert_true(orders_db_adds_up(&a));
    return a;
}

void left(fixture *f, int64_t units) {
    assert_int_equal(account(f, "phone").units_left, units);
}

size_t due(fixture *f) {
    orders_db_refund refunds[8];
    size_t count;
    must(f, orders_db_refunds_due(f->db, "618", "phone", refunds, 8, &count));
    return count;
}

static void keep_order(const orders_db_order *order, void *user_data) {
    *(orders_db_order *)user_data = *order;
}

orders_db_order order_of(fixture *f, uint32_t n) {
    orders_db_order order = {0};
    orders_db_event event = confirmed(n, 1);
    orders_db_status status = orders_db_find(f->db, event.event.reservation_id, keep_order, &order);
    assert_true(status == ORDERS_DB_OK || status == ORDERS_DB_NOT_FOUND);
    return order;
}

void refused_by_rules(fixture *f, const char *sql, const char *why) {
    assert_int_equal(orders_db__exec(f->db, sql, "test"), ORDERS_DB_FAILED);
    if (!strstr(orders_db_error(f->db), worded(why))) {
        fail_msg("%s: %s", sql, orders_db_error(f->db));
    }
}

const char *text_of(fixture *f, const char *sql, char text[256]) {
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(orders_sqlite_of(f->db), sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    (void)snprintf(text, 256, "%s", (const char *)sqlite3_column_text(statement, 0));
    (void)sqlite3_finalize(statement);
    return text;
}
