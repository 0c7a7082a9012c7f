/* The orders database: what an event does to it, in any order, any number of times, and what goes wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "orders_db_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- opening ---- */

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static orders_db_status try_open(fixture *f, unsigned flags) {
    orders_db *db = NULL;
    orders_db_status status = orders_db_open(f->path, flags, 100, &db, f->error);
    orders_db_close(db);
    return status;
}

static void test_opens_what_is_ours_only(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    assert_int_equal(try_open(f, 0), ORDERS_DB_OK);
    must(f, orders_db__exec(f->db, "PRAGMA user_version = 4", "test"));
    assert_int_equal(try_open(f, 0), ORDERS_DB_SCHEMA);
    assert_non_null(strstr(f->error, "version 4"));
    must(f, orders_db__exec(f->db, "PRAGMA user_version = 1", "test"));
    assert_int_equal(try_open(f, ORDERS_DB_READ_ONLY), ORDERS_DB_SCHEMA);
    must(f, orders_db__exec(f->db, "PRAGMA application_id = 7", "test"));
    assert_int_equal(try_open(f, ORDERS_DB_CREATE), ORDERS_DB_SCHEMA);
    assert_non_null(strstr(f->error, "not one of orders"));
    orders_db_close(f->db);
    f->db = NULL;

    write_file(f->path, "this is no database; it is some text that is longer than a header of SQLite would be, by far. "
                        "And then some more of it.");
    assert_int_equal(try_open(f, 0), ORDERS_DB_CORRUPT);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(try_open(f, 0), ORDERS_DB_MISSING);
    assert_int_equal(try_open(f, ORDERS_DB_READ_ONLY), ORDERS_DB_MISSING);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(orders_db_open(NULL, 0, 0, &f->db, f->error), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_open("", 0, 0, &f->db, f->error), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_open(f->path, 8, 0, &f->db, f->error), ORDERS_DB_INVALID);
}

static void test_settings_of_the_file(void **state) {
    check_settings(*state);
}

static void test_reads_only(void **state) {
    fixture *f = *state;
    set_units(f, 3);
    reopen(f, ORDERS_DB_READ_ONLY);
    left(f, 3);
    orders_db_event e = confirmed(1, 1);
    orders_db_outcome outcome;
    assert_int_equal(orders_db_apply(f->db, &e, 1, &outcome), ORDERS_DB_READONLY);
    left(f, 3);
}

/* ---- inventory ---- */

static void test_inventory_modes(void **state) {
    fixture *f = *state;
    must(f, orders_db_set_inventory(f->db, "618", "phone", 5, ORDERS_DB_IF_ABSENT));
    must(f, orders_db_set_inventory(f->db, "618", "phone", 9, ORDERS_DB_IF_ABSENT));
    left(f, 5);
    must(f, orders_db_set_inventory(f->db, "618", "phone", 7, ORDERS_DB_RAISE));
    must(f, orders_db_set_inventory(f->db, "618", "phone", 6, ORDERS_DB_RAISE));
    must(f, orders_db_set_inventory(f->db, "618", "phone", 7, ORDERS_DB_RAISE));
    left(f, 7);
    assert_int_equal(apply(f, confirmed(1, 4)), ORDERS_DB_WRITTEN);
    left(f, 3);
    assert_int_equal(orders_db_set_inventory(f->db, "618", "phone", 3, ORDERS_DB_EXACTLY), ORDERS_DB_REFUSED);
    assert_non_null(strstr(orders_db_error(f->db), "4 units are sold"));
    must(f, orders_db_set_inventory(f->db, "618", "phone", 4, ORDERS_DB_EXACTLY));
    left(f, 0);
    must(f, orders_db_set_inventory(f->db, "618", "phone", 10, ORDERS_DB_RAISE));
    left(f, 6);
    assert_int_equal(orders_db_set_inventory(f->db, "618", "phone", -1, ORDERS_DB_EXACTLY), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_set_inventory(f->db, "618", "phone", SECKILL_AMOUNT_MAX + 1, ORDERS_DB_RAISE),
                     ORDERS_DB_INVALID);
    assert_int_equal(orders_db_set_inventory(f->db, "", "phone", 1, ORDERS_DB_EXACTLY), ORDERS_DB_INVALID);
}

static void test_mends_the_inventory(void **state) {
    fixture *f = *state;
    int64_t before, after;
    assert_int_equal(orders_db_mend_inventory(f->db, "618", "phone", &before, &after), ORDERS_DB_NOT_FOUND);
    set_units(f, 10);
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, confirmed(2, 3)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, event_of(SECKILL_EVENT_CONFIRMED, 9, "other", 4)), ORDERS_DB_NO_ITEM);
    must(f, orders_db_mend_inventory(f->db, "618", "phone", &before, &after)); /* nothing is wrong */
    assert_true(before == 7 && after == 7);
    for (int64_t wrong = 5; wrong <= 9; wrong += 4) {
        char sql[100];
        (void)snprintf(sql, sizeof sql, "UPDATE inventory SET units_left = %d", (int)wrong);
        must(f, orders_db__exec(f->db, sql, "a test"));
        must(f, orders_db_mend_inventory(f->db, "618", "phone", &before, &after));
        assert_true(before == wrong && after == 7);
        left(f, 7);
    }
    must(f, orders_db_begin(f->db)); /* within a transaction of the caller's */
    must(f, orders_db__exec(f->db, "UPDATE inventory SET units_left = 1", "a test"));
    must(f, orders_db_mend_inventory(f->db, "618", "phone", &before, &after));
    orders_db_rollback(f->db);
    left(f, 7);
    must(f, orders_db__exec(f->db, "UPDATE inventory SET units_total = 2, units_left = 1", "a test"));
    assert_int_equal(orders_db_mend_inventory(f->db, "618", "phone", &before, &after), ORDERS_DB_REFUSED);
    assert_non_null(strstr(orders_db_error(f->db), "3 units are sold, of 2"));
    must(f, orders_db__exec(f->db, "UPDATE inventory SET units_total = 10", "a test"));
    reopen(f, ORDERS_DB_READ_ONLY);
    assert_int_equal(orders_db_mend_inventory(f->db, "618", "phone", &before, &after), ORDERS_DB_READONLY);
}

/* ---- events ---- */

static void test_forward_only(void **state) {
    fixture *f = *state;
    set_units(f, 10);
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_ALREADY);
    left(f, 8);
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_ALREADY);
    left(f, 10);
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_AFTER_REFUND);
    left(f, 10);
    orders_db_item_account a = account(f, "phone");
    assert_int_equal(a.orders[ORDERS_DB_REFUNDED], 1);
    assert_int_equal(a.orders[ORDERS_DB_CONFIRMED], 0);
}

static void test_refund_seen_first(void **state) {
    fixture *f = *state;
    set_units(f, 10);
    assert_int_equal(apply(f, refunded(1, 2)), ORDERS_DB_WRITTEN);
    left(f, 10);
    assert_int_equal(due(f), 0);
    assert_int_equal(apply(f, confirmed(1, 2)), ORDERS_DB_AFTER_REFUND);
    left(f, 10);
    assert_int_equal(account(f, "phone").orders[ORDERS_DB_REFUNDED], 1);
}

static void test_refused_for_inventory(void **state) {
    fixture *f = *state;
    set_units(f, 3);
    orders_db_event events[] = {confirmed(1, 2), confirmed(2, 2), confirmed(3, 1), confirmed(4, 1)};
    orders_db_outcome outcomes[4];
    must(f, orders_db_apply(f->db, events, 4, outcomes));
    assert_int_equal(outcomes[0], ORDERS_DB_WRITTEN);
    assert_int_equal(outcomes[1], ORDERS_DB_NO_INVENTORY);
    assert_int_equal(outcomes[2], ORDERS_DB_WRITTEN);
    assert_int_equal(outcomes[3], ORDERS_DB_NO_INVENTORY);
    left(f, 0);
    assert_int_equal(due(f), 2);
    /* The answer stays, whatever comes into the inventory later: the refund may be under way. */
    set_units(f, 100);
    assert_int_equal(apply(f, confirmed(2, 2)), ORDERS_DB_NO_INVENTORY);
    left(f, 97);
    assert_int_equal(apply(f, refunded(2, 2)), ORDERS_DB_WRITTEN);
    assert_int_equal(apply(f, refunded(4, 1)), ORDERS_DB_WRITTEN);
    left(f, 97);
    assert_int_equal(due(f), 0);
    assert_int_equal(account(f, "phone").units[ORDERS_DB_REFUNDED], 3);
}

static void test_refused_without_a_row(void **state) {
    fixture *f = *state;
    assert_int_equal(apply(f, confirmed(1, 1)), ORDERS_DB_NO_ITEM);
    orders_db_item_account a = account(f, "phone");
    assert_false(a.has_inventory);
    assert_int_equal(a.orders[ORDERS_DB_REFUSED_ORDER], 1);
    assert_int_equal(a.refunds_due, 1);
    set_units(f, 5);
    assert_int_equal(apply(f, confirmed(1, 1)), ORDERS_DB_NO_ITEM);
    assert_int_equal(apply(f, refunded(1, 1)), ORDERS_DB_WRITTEN);
    left(f, 5);
}

static void test_refunds_due(void **state) {
    fixture *f = *state;
    orders_db_refund refund;
    size_t count;
    set_units(f, 0);
    (void)apply(f, confirmed(1, 1));
    (void)apply(f, confirmed(2, 1));
    (void)apply(f, event_of(SECKILL_EVENT_CONFIRMED, 3, "other", 1));
    must(f, orders_db_refunds_due(f->db, "618", "phone", &refund, 1, &count));
    assert_int_equal(count, 1);
    assert_int_equal(refund.user_size, 1);
    assert_int_equal(refund.user[0], 'u');
    bool moved = true;
    must(f, orders_db_refund_settled(f->db, refund.reservation_id, 2000, &moved));
    assert_false(moved); /* its event will */
    must(f, orders_db_refund_settled(f->db, refund.reservation_id, 2000, &moved));
    assert_false(moved);
    assert_int_equal(due(f), 1);
    /* Confirmed again, after Redis lost the refund: due again. */
    assert_int_equal(apply(f, confirmed(refund.reservation_id[15], 1)), ORDERS_DB_NO_INVENTORY);
    assert_int_equal(due(f), 2);
}

static void test_events_that_cannot_be(void **state) {
    fixture *f = *state;
    set_units(f, 10);
    (void)apply(f, confirmed(1, 2));
    assert_int_equal(apply(f, confirmed(1, 3)), ORDERS_DB_DIFFERS);
    assert_int_equal(apply(f, refunded(1, 1)), ORDERS_DB_DIFFERS);
    assert_int_equal(apply(f, event_of(SECKILL_EVENT_REFUNDED, 1, "other", 2)), ORDERS_DB_DIFFERS);
    orders_db_event e = confirmed(1, 2);
    e.event.user = (seckill_bytes){"v", 1};
    assert_int_equal(apply(f, e), ORDERS_DB_DIFFERS);
    left(f, 8);

    assert_int_equal(apply(f, confirmed(2, 0)), ORDERS_DB_UNFIT);
    assert_int_equal(apply(f, confirmed(2, 1000001)), ORDERS_DB_UNFIT);
    assert_int_equal(apply(f, event_of((seckill_event_kind)3, 2, "phone", 1)), ORDERS_DB_UNFIT);
    e = confirmed(2, 1);
    e.event.user.size = 0;
    assert_int_equal(apply(f, e), ORDERS_DB_UNFIT);
    e = confirmed(2, 1);
    e.event.price = -1;
    assert_int_equal(apply(f, e), ORDERS_DB_UNFIT);
    assert_false(orders_db_recorded(ORDERS_DB_UNFIT) || orders_db_recorded(ORDERS_DB_DIFFERS));
    assert_true(orders_db_recorded(ORDERS_DB_NO_ITEM) && orders_db_recorded(ORDERS_DB_AFTER_REFUND));
    left(f, 8);
}

static void test_rolled_back(void **state) {
    fixture *f = *state;
    orders_db_event e = confirmed(1, 2);
    orders_db_outcome outcome;
    set_units(f, 10);
    must(f, orders_db_begin(f->db));
    must(f, orders_db_add(f->db, &e, 1, &outcome));
    orders_db_rollback(f->db);
    left(f, 10);
    assert_int_equal(apply(f, e), ORDERS_DB_WRITTEN);
}

/* ---- what goes wrong ---- */

static void test_locked_by_another(void **state) {
    fixture *f = *state;
    orders_db *other = NULL;
    orders_db_event e = confirmed(1, 1);
    orders_db_outcome outcome;
    set_units(f, 1);
    assert_int_equal(orders_db_open(f->path, 0, 50, &other, f->error), ORDERS_DB_OK);
    must(f, orders_db_begin(f->db));
    assert_int_equal(orders_db_apply(other, &e, 1, &outcome), ORDERS_DB_BUSY);
    assert_non_null(strstr(orders_db_error(other), "ock"));
    must(f, orders_db_commit(f->db));
    assert_int_equal(orders_db_apply(other, &e, 1, &outcome), ORDERS_DB_OK);
    assert_int_equal(outcome, ORDERS_DB_WRITTEN);
    orders_db_close(other);
    assert_int_equal(apply(f, e), ORDERS_DB_ALREADY);
}

static void test_moved_away(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    char moved[1100];
    orders_db_event e = confirmed(1, 1);
    orders_db_outcome outcome;
    set_units(f, 1);
    (void)snprintf(moved, sizeof moved, "%s.moved", f->path);
    assert_int_equal(rename(f->path, moved), 0);
    assert_int_equal(orders_db_apply(f->db, &e, 1, &outcome), ORDERS_DB_MISSING);
    assert_int_equal(rename(moved, f->path), 0);
    assert_int_equal(orders_db_apply(f->db, &e, 1, &outcome), ORDERS_DB_OK);
}

static void test_disk_full(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    enum { COUNT = 2000 };
    static orders_db_event events[COUNT];
    static orders_db_outcome outcomes[COUNT];
    set_units(f, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        events[i] = confirmed(i, 1);
    }
    must(f, orders_db__exec(f->db, "PRAGMA max_page_count = 12", "test"));
    assert_int_equal(orders_db_apply(f->db, events, COUNT, outcomes), ORDERS_DB_FULL);
    left(f, COUNT);
    assert_int_equal(account(f, "phone").orders[ORDERS_DB_CONFIRMED], 0);
    must(f, orders_db__exec(f->db, "PRAGMA max_page_count = 1000000", "test"));
    must(f, orders_db_apply(f->db, events, COUNT, outcomes));
    left(f, 0);
}

static void test_rules_hold_for_everybody(void **state) {
    fixture *f = *state;
    set_units(f, 2);
    (void)apply(f, confirmed(1, 2));
    (void)apply(f, confirmed(2, 2));
    (void)apply(f, refunded(3, 2));
    refused_by_rules(f, "DELETE FROM orders", "never deleted");
    refused_by_rules(f, "DELETE FROM inventory", "never deleted");
    refused_by_rules(f, "UPDATE orders SET quantity = 1", "does not change");
    refused_by_rules(f, "UPDATE orders SET state = 'confirmed', refunded_ms = NULL WHERE state = 'refunded'", "forward");
    refused_by_rules(f, "UPDATE orders SET state = 'confirmed' WHERE state = 'refused'", "forward");
    refused_by_rules(f, "UPDATE orders SET state = 'refused' WHERE state = 'confirmed'", "forward");
    refused_by_rules(f, "UPDATE inventory SET units_left = units_left - 1", "CHECK");
    refused_by_rules(f, "UPDATE inventory SET units_left = units_total + 1", "CHECK");
    refused_by_rules(f, "INSERT INTO inventory VALUES ('a', 'b', 'many', 1)", "cannot store TEXT");
    left(f, 0);
}

/* ---- queries ---- */

typedef struct {
    size_t count;
    orders_db_order last;
    char ref[8];
} listed;

static void keep(const orders_db_order *order, void *user_data) {
    listed *l = user_data;
    l->count++;
    l->last = *order;
    assert_true(order->order_ref.size < sizeof l->ref);
    memcpy(l->ref, order->order_ref.data ? order->order_ref.data : "", order->order_ref.size);
}

static void test_find(void **state) {
    fixture *f = *state;
    listed l = {0};
    orders_db_event e = confirmed(7, 2);
    set_units(f, 2);
    assert_int_equal(orders_db_find(f->db, e.event.reservation_id, keep, &l), ORDERS_DB_NOT_FOUND);
    (void)apply(f, e);
    must(f, orders_db_find(f->db, e.event.reservation_id, keep, &l));
    assert_int_equal(l.count, 1);
    assert_int_equal(l.last.number, 1);
    assert_int_equal(l.last.state, ORDERS_DB_CONFIRMED);
    assert_int_equal(l.last.quantity, 2);
    assert_int_equal(l.last.price, 199);
    assert_int_equal(l.last.confirmed_ms, 1007);
    assert_int_equal(l.last.refunded_ms, 0);
    assert_string_equal(l.ref, "ref");
    (void)apply(f, refunded(7, 2));
    must(f, orders_db_find(f->db, e.event.reservation_id, keep, &l));
    assert_int_equal(l.last.state, ORDERS_DB_REFUNDED);
    assert_int_equal(l.last.refunded_ms, 1007);
    assert_string_equal(l.ref, "ref");
}

static void test_list_by_pages(void **state) {
    fixture *f = *state;
    set_units(f, 25);
    for (uint32_t i = 0; i < 30; i++) {
        (void)apply(f, confirmed(i, 1));
        (void)apply(f, event_of(SECKILL_EVENT_CONFIRMED, 100 + i, "other", 1));
    }
    size_t total = 0;
    listed l = {0};
    orders_db_filter filter = {.activity = "618", .item = "phone", .states = 1U << ORDERS_DB_CONFIRMED, .limit = 10};
    do {
        l.count = 0;
        must(f, orders_db_list(f->db, &filter, keep, &l));
        total += l.count;
        filter.after_number = l.last.number;
    } while (l.count == 10);
    assert_int_equal(total, 25);
    l.count = 0;
    must(f, orders_db_list(f->db, &(orders_db_filter){0}, keep, &l));
    assert_int_equal(l.count, 60);
    l.count = 0;
    must(f, orders_db_list(f->db, &(orders_db_filter){.states = 1U << ORDERS_DB_REFUSED_ORDER}, keep, &l));
    assert_int_equal(l.count, 35);
    assert_int_equal(orders_db_list(f->db, &(orders_db_filter){.item = "phone"}, keep, &l), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_list(f->db, &(orders_db_filter){.states = 8}, keep, &l), ORDERS_DB_INVALID);
}

static void note_name(const orders_db_item_account *a, void *user_data) {
    char *text = user_data;
    (void)snprintf(text + strlen(text), 200 - strlen(text), "%s/%s %" PRId64 " of %" PRId64 ", %" PRId64 ";", a->activity,
                   a->item, a->units_left, a->units_total, a->units[ORDERS_DB_CONFIRMED]);
}

static void test_accounts(void **state) {
    fixture *f = *state;
    char text[200] = "";
    orders_db_item_account a;
    assert_int_equal(orders_db_account(f->db, "618", "phone", &a), ORDERS_DB_NOT_FOUND);
    set_units(f, 5);
    must(f, orders_db_set_inventory(f->db, "1111", "phone", 8, ORDERS_DB_EXACTLY));
    must(f, orders_db_set_inventory(f->db, "618", "cable", 9, ORDERS_DB_EXACTLY));
    (void)apply(f, confirmed(1, 2));
    (void)apply(f, confirmed(2, 1));
    (void)apply(f, event_of(SECKILL_EVENT_CONFIRMED, 3, "none", 1));
    must(f, orders_db_accounts(f->db, NULL, note_name, text));
    assert_string_equal(text, "1111/phone 8 of 8, 0;618/cable 9 of 9, 0;618/none 0 of 0, 0;618/phone 2 of 5, 3;");
    text[0] = '\0';
    must(f, orders_db_accounts(f->db, "1111", note_name, text));
    assert_string_equal(text, "1111/phone 8 of 8, 0;");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_opens_what_is_ours_only),
        TEST(test_settings_of_the_file),
        TEST(test_reads_only),
        TEST(test_inventory_modes),
        TEST(test_mends_the_inventory),
        TEST(test_forward_only),
        TEST(test_refund_seen_first),
        TEST(test_refused_for_inventory),
        TEST(test_refused_without_a_row),
        TEST(test_refunds_due),
        TEST(test_events_that_cannot_be),
        TEST(test_rolled_back),
        TEST(test_locked_by_another),
        TEST(test_moved_away),
        TEST(test_disk_full),
        TEST(test_rules_hold_for_everybody),
        TEST(test_find),
        TEST(test_list_by_pages),
        TEST(test_accounts),
    };
    return cmocka_run_group_tests_name("orders_db", tests, start_engine, stop_engine);
}
