/* The orders database: which epochs were replayed, the orders that changed since a time, and files of the release before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- epochs ---- */

enum { SHARDS = 4 };

static void expect_epochs(fixture *f, const char *item, const uint64_t expected[SHARDS]) {
    uint64_t epochs[SHARDS] = {9, 9, 9, 9};
    must(f, orders_db_replayed(f->db, "618", item, epochs, SHARDS));
    assert_memory_equal(epochs, expected, sizeof epochs);
}

static void note(fixture *f, const char *item, uint32_t shard, uint64_t epoch) {
    must(f, orders_db_note_replayed(f->db, "618", item, shard, epoch));
}

static void test_remembers_epochs(void **state) {
    fixture *f = *state;
    expect_epochs(f, "phone", (uint64_t[SHARDS]){0, 0, 0, 0});
    note(f, "phone", 1, 1700000000000);
    note(f, "phone", 3, 7);
    note(f, "other", 0, 5);
    note(f, "phone", 7, 4); /* more shards than are asked for: defined anew with fewer */
    expect_epochs(f, "phone", (uint64_t[SHARDS]){0, 1700000000000, 0, 7});
    expect_epochs(f, "other", (uint64_t[SHARDS]){5, 0, 0, 0});
    note(f, "phone", 3, 6); /* the last word counts, whichever is higher: clocks may have been set back */
    note(f, "phone", 1, SECKILL_AMOUNT_MAX);
    reopen(f, 0);
    expect_epochs(f, "phone", (uint64_t[SHARDS]){0, SECKILL_AMOUNT_MAX, 0, 6});
}

static void test_refuses_what_is_no_epoch(void **state) {
    fixture *f = *state;
    assert_int_equal(orders_db_note_replayed(f->db, "618", "phone", 0, 0), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_note_replayed(f->db, "618", "phone", 0, UINT64_MAX), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_note_replayed(f->db, "618", "", 0, 1), ORDERS_DB_INVALID);
    refused_by_rules(f, "INSERT INTO replays VALUES ('618', 'phone', -1, 1)", "CHECK");
    refused_by_rules(f, "INSERT INTO replays VALUES ('618', 'phone', 0, 0)", "CHECK");
}

static void test_rolls_epochs_back(void **state) {
    fixture *f = *state;
    must(f, orders_db_begin(f->db));
    note(f, "phone", 0, 5);
    expect_epochs(f, "phone", (uint64_t[SHARDS]){5, 0, 0, 0});
    orders_db_rollback(f->db);
    expect_epochs(f, "phone", (uint64_t[SHARDS]){0, 0, 0, 0});
}

/* ---- telling Redis again ---- */

typedef struct {
    seckill_reservation_ref ref;
    bool stays;
} told;

static void tell(const orders_db_order *order, void *user_data) {
    told *t = user_data;
    t->ref = orders_db_ref_of(order);
    t->stays = orders_db_stays_sold(order);
}

static told told_of(fixture *f, uint32_t n) {
    told t;
    orders_db_event event = confirmed(n, 1);
    must(f, orders_db_find(f->db, event.event.reservation_id, tell, &t));
    return t;
}

static void test_what_redis_is_told(void **state) {
    fixture *f = *state;
    orders_db_event event = confirmed(1, 2);
    set_units(f, 5);
    assert_int_equal(apply(f, event), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, confirmed(2, 1)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, confirmed(3, 9)), ORDERS_DB_NO_INVENTORY);
    told t = told_of(f, 1);
    assert_true(t.stays);
    assert_string_equal(t.ref.activity, "618");
    assert_string_equal(t.ref.item, "phone");
    assert_true(t.ref.user_size == 1 && t.ref.user[0] == 'u');
    assert_memory_equal(t.ref.reservation_id, event.event.reservation_id, sizeof t.ref.reservation_id);
    assert_true(t.ref.quantity == 2 && t.ref.price == 199 && t.ref.valid_until_ms == 1002);
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    assert_false(told_of(f, 1).stays);
    assert_false(told_of(f, 3).stays);
    must(f, orders_db__exec(f->db, "UPDATE orders SET refund_due = 1 WHERE number = 2", "a test"));
    assert_false(told_of(f, 2).stays);
}

/* ---- what changed ---- */

typedef struct {
    uint32_t ids[16];
    size_t count;
    orders_db_place end;
} page;

static void keep(const orders_db_order *order, void *user_data) {
    page *p = user_data;
    assert_true(p->count < 16);
    p->ids[p->count++] = order->reservation_id[15];
    p->end = orders_db_place_of(order);
}

static page list(fixture *f, orders_db_place after, int64_t last_number, uint32_t limit) {
    page p = {.end = after};
    must(f, orders_db_list_changed(f->db, "618", "phone", after, last_number, limit, keep, &p));
    return p;
}

static void expect_page(const page *p, size_t count, const uint32_t *ids) {
    assert_int_equal(p->count, count);
    assert_memory_equal(p->ids, ids, count * sizeof ids[0]);
}

static orders_db_event at(orders_db_event event, int64_t at_ms) {
    event.event.at_ms = at_ms;
    return event;
}

/* Orders 1 to 6: confirmed at 1001 to 1006, but 4 at 1003 as well; 2 refunded at 1010, 5 refunded without a confirmation. */
static void fill(fixture *f) {
    set_units(f, 4);
    (void)apply(f, confirmed(1, 1));
    (void)apply(f, confirmed(2, 1));
    (void)apply(f, confirmed(3, 1));
    (void)apply(f, at(confirmed(4, 1), 1003));
    (void)apply(f, refunded(5, 1));
    (void)apply(f, confirmed(6, 1));
    (void)apply(f, at(refunded(2, 1), 1010));
    (void)apply(f, event_of(SECKILL_EVENT_CONFIRMED, 9, "other", 1));
}

static void test_lists_by_the_last_change(void **state) {
    fixture *f = *state;
    int64_t last;
    fill(f);
    must(f, orders_db_last_number(f->db, &last));
    assert_int_equal(last, 7);
    page p = list(f, (orders_db_place){0, 0}, last, 10);
    expect_page(&p, 6, (uint32_t[]){1, 3, 4, 5, 6, 2});
    assert_int_equal(p.end.changed_ms, 1010);
    assert_int_equal(p.end.number, 2);
    p = list(f, (orders_db_place){1003, 0}, last, 10); /* at 1003 or later */
    expect_page(&p, 5, (uint32_t[]){3, 4, 5, 6, 2});
    p = list(f, (orders_db_place){1011, 0}, last, 10);
    expect_page(&p, 0, NULL);
    p = list(f, (orders_db_place){0, 0}, 3, 10); /* those that were written later are left out */
    expect_page(&p, 3, (uint32_t[]){1, 3, 2});
    assert_int_equal(orders_db_list_changed(f->db, "618", "phone", p.end, last, 0, keep, &p), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_list_changed(f->db, "618", "phone", p.end, last, 100001, keep, &p), ORDERS_DB_INVALID);
}

static void test_pages_join(void **state) {
    fixture *f = *state;
    fill(f);
    for (uint32_t size = 1; size < 8; size++) {
        page all = {.end = {1001, 0}}, p;
        do {
            p = list(f, all.end, 100, size);
            memcpy(&all.ids[all.count], p.ids, p.count * sizeof p.ids[0]);
            all.count += p.count;
            all.end = p.end;
        } while (p.count == size);
        expect_page(&all, 6, (uint32_t[]){1, 3, 4, 5, 6, 2});
    }
}

/* What is refunded between two pages moves on; it is met again, never missed. */
static void test_pages_miss_nothing_that_moves(void **state) {
    fixture *f = *state;
    fill(f);
    page p = list(f, (orders_db_place){1001, 0}, 100, 3);
    expect_page(&p, 3, (uint32_t[]){1, 3, 4});
    (void)apply(f, at(refunded(3, 1), 1020));
    (void)apply(f, at(refunded(6, 1), 1021));
    p = list(f, p.end, 100, 10);
    expect_page(&p, 4, (uint32_t[]){5, 2, 3, 6});
}

static void test_without_orders(void **state) {
    fixture *f = *state;
    int64_t last = 9;
    must(f, orders_db_last_number(f->db, &last));
    assert_int_equal(last, 0);
    assert_int_equal(list(f, (orders_db_place){0, 0}, 100, 10).count, 0);
}

typedef struct {
    uint32_t ids[16];
    size_t count, enough;
} back;

static bool look(const orders_db_order *order, void *user_data) {
    back *b = user_data;
    b->ids[b->count++] = order->reservation_id[15];
    return b->count < b->enough;
}

static void expect_back(fixture *f, int64_t before_ms, uint32_t limit, size_t enough, size_t count, const uint32_t *ids) {
    back b = {.enough = enough};
    size_t seen = 99;
    must(f, orders_db_look_back(f->db, "618", "phone", before_ms, limit, look, &b, &seen));
    assert_int_equal(seen, count);
    assert_int_equal(b.count, count);
    assert_memory_equal(b.ids, ids, count * sizeof ids[0]);
}

static void test_looks_back(void **state) {
    fixture *f = *state;
    back b = {.enough = 1};
    size_t count;
    expect_back(f, 2000, 10, 10, 0, (uint32_t[]){0});
    fill(f);
    expect_back(f, 2000, 10, 1, 1, (uint32_t[]){2});
    expect_back(f, 1010, 10, 2, 2, (uint32_t[]){6, 5}); /* not at that time */
    expect_back(f, 1010, 2, 10, 2, (uint32_t[]){6, 5});
    expect_back(f, 1003, 10, 10, 1, (uint32_t[]){1});
    expect_back(f, 1001, 10, 10, 0, (uint32_t[]){0});
    assert_int_equal(orders_db_look_back(f->db, "618", "phone", 1, 0, look, &b, &count), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_look_back(f->db, "618", "phone", 1, 100001, look, &b, &count), ORDERS_DB_INVALID);
}

/* However many orders there are, only those of the page are read. */
static void test_uses_the_index(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    sqlite3_stmt *plan;
    const char *sql = "EXPLAIN QUERY PLAN SELECT number FROM orders WHERE activity = '1' AND item = '2' "
                      "AND " ORDERS_SQLITE_CHANGED " >= 3 ORDER BY " ORDERS_SQLITE_CHANGED ", number LIMIT 5";
    assert_int_equal(sqlite3_prepare_v2(orders_sqlite_of(f->db), sql, -1, &plan, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(plan), SQLITE_ROW);
    assert_non_null(strstr((const char *)sqlite3_column_text(plan, 3), "orders_by_change"));
    assert_int_equal(sqlite3_step(plan), SQLITE_DONE); /* no sorting */
    (void)sqlite3_finalize(plan);
    sql = "EXPLAIN QUERY PLAN SELECT number FROM orders WHERE activity = '1' AND item = '2' "
          "AND " ORDERS_SQLITE_CHANGED " < 3 ORDER BY " ORDERS_SQLITE_CHANGED " DESC LIMIT 5";
    assert_int_equal(sqlite3_prepare_v2(orders_sqlite_of(f->db), sql, -1, &plan, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(plan), SQLITE_ROW);
    assert_non_null(strstr((const char *)sqlite3_column_text(plan, 3), "orders_by_change"));
    assert_int_equal(sqlite3_step(plan), SQLITE_DONE);
    (void)sqlite3_finalize(plan);
}

/* ---- the release before ---- */

/* Takes away what version 3 has added. */
static void make_version_2(fixture *f) {
    must(f, orders_db__exec(f->db, "DROP TABLE replays; DROP INDEX orders_by_change; PRAGMA user_version = 2", "test"));
    orders_db_close(f->db);
    f->db = NULL;
}

static void test_brings_version_2_up(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    fill(f);
    orders_db_item_account before = account(f, "phone");
    make_version_2(f);
    reopen(f, 0);
    check_settings(f);
    orders_db_item_account after = account(f, "phone");
    assert_memory_equal(before.orders, after.orders, sizeof before.orders);
    assert_int_equal(before.units_left, after.units_left);
    expect_epochs(f, "phone", (uint64_t[SHARDS]){0, 0, 0, 0});
    note(f, "phone", 0, 5);
    page p = list(f, (orders_db_place){1003, 0}, 100, 10);
    expect_page(&p, 5, (uint32_t[]){3, 4, 5, 6, 2});
    test_uses_the_index(state);
    reopen(f, 0);
    expect_epochs(f, "phone", (uint64_t[SHARDS]){5, 0, 0, 0});
}

/* Whoever only reads changes nothing, and reads what there is. */
static void test_reads_version_2(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    char text[256];
    fill(f);
    make_version_2(f);
    reopen(f, ORDERS_DB_READ_ONLY);
    assert_string_equal(text_of(f, "PRAGMA user_version", text), "2");
    assert_int_equal(account(f, "phone").orders[ORDERS_DB_CONFIRMED], 3);
    assert_int_equal(order_of(f, 3).number, 3);
}

/* A worker of the release before that has the file open goes on. */
static void test_is_brought_up_beside_an_open_one(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    orders_db *other;
    orders_db_outcome outcome;
    orders_db_event event = confirmed(3, 1);
    set_units(f, 5);
    (void)apply(f, confirmed(1, 1));
    must(f, orders_db__exec(f->db, "DROP TABLE replays; DROP INDEX orders_by_change; PRAGMA user_version = 2", "test"));
    (void)apply(f, confirmed(2, 1));
    assert_int_equal(orders_db_open(f->path, 0, 1000, &other, f->error), ORDERS_DB_OK);
    (void)apply(f, event);
    assert_int_equal(orders_db_apply(other, &event, 1, &outcome), ORDERS_DB_OK);
    assert_int_equal(outcome, ORDERS_DB_ALREADY);
    orders_db_close(other);
    assert_int_equal(list(f, (orders_db_place){0, 0}, 100, 10).count, 3);
}

/* Locked, it is not brought up by halves: the next one that opens it does it. */
static void test_is_not_brought_up_by_halves(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    orders_db *other = NULL;
    char text[256];
    must(f, orders_db__exec(f->db, "DROP TABLE replays; DROP INDEX orders_by_change; PRAGMA user_version = 2", "test"));
    must(f, orders_db_begin(f->db));
    assert_int_equal(orders_db_open(f->path, 0, 20, &other, f->error), ORDERS_DB_BUSY);
    assert_string_equal(text_of(f, "PRAGMA user_version", text), "2");
    orders_db_rollback(f->db);
    reopen(f, 0);
    check_settings(f);
    expect_epochs(f, "phone", (uint64_t[SHARDS]){0, 0, 0, 0});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_remembers_epochs),
        TEST(test_what_redis_is_told),
        TEST(test_refuses_what_is_no_epoch),
        TEST(test_rolls_epochs_back),
        TEST(test_lists_by_the_last_change),
        TEST(test_pages_join),
        TEST(test_pages_miss_nothing_that_moves),
        TEST(test_looks_back),
        TEST(test_without_orders),
        TEST(test_uses_the_index),
        TEST(test_brings_version_2_up),
        TEST(test_reads_version_2),
        TEST(test_is_brought_up_beside_an_open_one),
        TEST(test_is_not_brought_up_by_halves),
    };
    return cmocka_run_group_tests_name("orders_db_replay", tests, start_engine, stop_engine);
}
