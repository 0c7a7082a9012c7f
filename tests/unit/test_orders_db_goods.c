/* The orders database: units between a table of the shop's own and a sale; repeated at each step, refused where they must be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the shop's table ---- */

static const orders_db_goods phone_goods = {"goods", "sku", "phone-1", "units"};

static void run(fixture *f, const char *sql) {
    must(f, orders_db__exec(f->db, sql, "test"));
}

static void make_goods(fixture *f) {
    run(f, "CREATE TABLE goods (sku VARCHAR(40) NOT NULL PRIMARY KEY, units BIGINT)");
    run(f, "INSERT INTO goods VALUES ('phone-1', 100), ('phone-2', 7)");
}

static int64_t number(fixture *f, const char *sql) {
    orders_sql_statement *statement;
    bool row = false;
    must(f, f->db->sql->prepare(f->db, sql, &statement));
    must(f, f->db->sql->step(f->db, statement, "test", &row));
    assert_true(row);
    int64_t value = f->db->sql->column_int(statement, 0);
    f->db->sql->reset(statement);
    f->db->sql->finalize(statement);
    return value;
}

static int64_t has(fixture *f) {
    return number(f, "SELECT units FROM goods WHERE sku = 'phone-1'");
}

/* What the goods have, the item's inventory ever had, and what is left of it. */
static void expect(fixture *f, int64_t goods, int64_t total, int64_t units_left) {
    orders_db_item_account a;
    orders_db_status status = orders_db_account(f->db, "618", "phone", &a);
    assert_true(status == ORDERS_DB_OK || (status == ORDERS_DB_NOT_FOUND && total == 0));
    assert_int_equal(has(f), goods);
    assert_int_equal(a.units_total, total);
    assert_int_equal(a.units_left, units_left);
    assert_true(orders_db_adds_up(&a));
    assert_int_equal(number(f, "SELECT units FROM goods WHERE sku = 'phone-2'"), 7);
}

static orders_db_allocation a_load(const char *operation, int64_t asked) {
    return (orders_db_allocation){.activity = "618",
                                  .item = "phone",
                                  .operation = operation,
                                  .direction = ORDERS_DB_LOAD,
                                  .asked = asked,
                                  .goods = &phone_goods};
}

static orders_db_allocation a_return(const char *operation, int64_t asked) {
    orders_db_allocation a = a_load(operation, asked);
    a.direction = ORDERS_DB_RETURN;
    return a;
}

/* The calls; what is refused leaves everything as it was. */
static void begin(fixture *f, orders_db_allocation *a, orders_db_progress progress, int64_t units) {
    must(f, orders_db_allocate(f->db, a, NULL, 5000));
    assert_int_equal(a->progress, progress);
    assert_int_equal(a->units, units);
    assert_true(a->begun_ms > 0 && (a->ended_ms > 0) == (progress != ORDERS_DB_BEGUN));
}

static void end(fixture *f, orders_db_allocation *a, orders_db_progress progress, int64_t units) {
    must(f, orders_db_allocation_end(f->db, a, progress, units, 6000));
    assert_int_equal(a->progress, progress);
}

static void refused(fixture *f, orders_db_allocation a, orders_db_status status, const char *why) {
    int64_t before = number(f, "SELECT count(*) FROM allocations"), goods = has(f);
    orders_db_status is = orders_db_allocate(f->db, &a, NULL, 5000);
    if (is != status || !strstr(orders_db_error(f->db), why)) {
        fail_msg("%s: %s, wanted: %s", orders_db_status_name(is), orders_db_error(f->db), why);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM allocations"), before);
    assert_int_equal(has(f), goods);
}

/* ---- loads and returns ---- */

static void test_loads_once(void **state) {
    fixture *f = *state;
    make_goods(f);
    for (int i = 0; i < 2; i++) { /* ended by a crash after the first step */
        orders_db_allocation a = a_load("one", 60);
        begin(f, &a, ORDERS_DB_BEGUN, 60);
        expect(f, 40, 60, 60);
        reopen(f, 0);
    }
    for (int i = 0; i < 2; i++) { /* two operators, both with Redis' answer */
        orders_db_allocation a = a_load("one", 60);
        end(f, &a, ORDERS_DB_DONE, 60);
        expect(f, 40, 60, 60);
    }
    orders_db_allocation a = a_load("one", 60), all = a_load("rest", 0), none = a_load("none", 0);
    begin(f, &a, ORDERS_DB_DONE, 60);
    assert_true(a.begun_ms == 5000 && a.ended_ms == 6000);
    begin(f, &all, ORDERS_DB_BEGUN, 40);
    expect(f, 0, 100, 100);
    refused(f, none, ORDERS_DB_REFUSED, "there are only 0 units in the goods");
    refused(f, a_load("more", 1), ORDERS_DB_REFUSED, "there are only 0 units in the goods");
    expect(f, 0, 100, 100);
}

static void test_returns_once(void **state) {
    fixture *f = *state;
    make_goods(f);
    orders_db_allocation in = a_load("in", 50);
    begin(f, &in, ORDERS_DB_BEGUN, 50);
    end(f, &in, ORDERS_DB_DONE, 50);
    (void)apply(f, confirmed(1, 3));
    for (int i = 0; i < 2; i++) {
        orders_db_allocation a = a_return("back", 0);
        begin(f, &a, ORDERS_DB_BEGUN, 0);
        expect(f, 50, 50, 47);
        reopen(f, 0);
    }
    for (int i = 0; i < 2; i++) {
        orders_db_allocation a = a_return("back", 0);
        end(f, &a, ORDERS_DB_DONE, 45);
        assert_int_equal(a.units, 45);
        expect(f, 95, 5, 2);
    }
    orders_db_allocation again = a_return("back", 0), rest = a_return("rest", 9), nothing = a_return("nothing", 0);
    begin(f, &again, ORDERS_DB_DONE, 45);
    begin(f, &rest, ORDERS_DB_BEGUN, 0);
    assert_int_equal(orders_db_allocation_end(f->db, &rest, ORDERS_DB_DONE, 3, 6000), ORDERS_DB_REFUSED); /* 2 are left */
    expect(f, 95, 5, 2);
    end(f, &rest, ORDERS_DB_DONE, 2);
    begin(f, &nothing, ORDERS_DB_BEGUN, 0);
    end(f, &nothing, ORDERS_DB_DONE, 0); /* Redis had nothing available */
    expect(f, 97, 3, 0);
}

static void test_undoes_what_redis_never_will_do(void **state) {
    fixture *f = *state;
    make_goods(f);
    orders_db_allocation a = a_load("one", 60), back = a_return("two", 0);
    begin(f, &a, ORDERS_DB_BEGUN, 60);
    for (int i = 0; i < 2; i++) {
        end(f, &a, ORDERS_DB_UNDONE, 0);
        expect(f, 100, 0, 0);
    }
    begin(f, &a, ORDERS_DB_UNDONE, 60);
    must(f, orders_db_allocation_end(f->db, &a, ORDERS_DB_DONE, 60, 6000)); /* it stays as it is */
    assert_int_equal(a.progress, ORDERS_DB_UNDONE);
    begin(f, &back, ORDERS_DB_BEGUN, 0);
    assert_int_equal(orders_db_allocation_end(f->db, &back, ORDERS_DB_UNDONE, 1, 6000), ORDERS_DB_INVALID);
    end(f, &back, ORDERS_DB_UNDONE, 0);
    expect(f, 100, 0, 0);
}

/* Its units were sold by another way before it was undone: they stay, and so does the operation. */
static void test_does_not_undo_what_is_sold(void **state) {
    fixture *f = *state;
    make_goods(f);
    orders_db_allocation a = a_load("one", 5);
    begin(f, &a, ORDERS_DB_BEGUN, 5);
    (void)apply(f, confirmed(1, 3));
    assert_int_equal(orders_db_allocation_end(f->db, &a, ORDERS_DB_UNDONE, 0, 6000), ORDERS_DB_REFUSED);
    orders_db_allocation still = a_load("one", 5);
    begin(f, &still, ORDERS_DB_BEGUN, 5);
    expect(f, 95, 5, 2);
}

/* ---- without goods ---- */

static orders_db_allocation without_goods(const char *operation, int64_t asked) {
    orders_db_allocation a = a_load(operation, asked);
    a.goods = NULL;
    return a;
}

static orders_db_status load_rest(fixture *f, orders_db_allocation *a, int64_t loaded) {
    orders_db_seen seen;
    must(f, orders_db_see_allocations(f->db, "618", "phone", &seen));
    seen.loaded = loaded;
    return orders_db_allocate(f->db, a, &seen, 5000);
}

static void test_loads_what_is_not_on_sale(void **state) {
    fixture *f = *state;
    orders_db_allocation a = without_goods("a", 0), b = without_goods("b", 5), c = without_goods("c", 21);
    orders_db_allocation d = without_goods("d", 0);
    make_goods(f);
    assert_int_equal(load_rest(f, &a, 0), ORDERS_DB_NOT_FOUND);
    set_units(f, 30);
    must(f, load_rest(f, &a, 10));
    assert_int_equal(a.units, 20);
    assert_int_equal(load_rest(f, &b, 10), ORDERS_DB_REFUSED); /* a is not finished: nobody knows what of it is loaded */
    assert_non_null(strstr(orders_db_error(f->db), "not finished"));
    must(f, load_rest(f, &a, 10));
    end(f, &a, ORDERS_DB_DONE, 20);
    assert_int_equal(load_rest(f, &b, 30), ORDERS_DB_REFUSED);
    assert_non_null(strstr(orders_db_error(f->db), "only 0 units"));
    assert_int_equal(load_rest(f, &b, 40), ORDERS_DB_REFUSED);
    assert_int_equal(load_rest(f, &c, 10), ORDERS_DB_REFUSED);
    must(f, load_rest(f, &b, 25));
    end(f, &b, ORDERS_DB_DONE, 5);
    expect(f, 100, 30, 30);
    assert_int_equal(orders_db_allocate(f->db, &d, NULL, 5000), ORDERS_DB_BUSY);
}

/* Between the look at Redis and the transaction another operation began and ended. */
static void test_sees_that_it_looked_too_early(void **state) {
    fixture *f = *state;
    orders_db_allocation a = without_goods("a", 0), b = without_goods("b", 0);
    orders_db_seen seen;
    set_units(f, 30);
    must(f, orders_db_see_allocations(f->db, "618", "phone", &seen));
    must(f, load_rest(f, &a, 0));
    end(f, &a, ORDERS_DB_DONE, 30);
    assert_int_equal(orders_db_allocate(f->db, &b, &seen, 5000), ORDERS_DB_BUSY);
    /* Nor one that had begun before, and ended since. */
    set_units(f, 60);
    must(f, load_rest(f, &b, 30));
    must(f, orders_db_see_allocations(f->db, "618", "phone", &seen));
    end(f, &b, ORDERS_DB_DONE, 30);
    seen.loaded = 30;
    orders_db_allocation c = without_goods("c", 0);
    assert_int_equal(orders_db_allocate(f->db, &c, &seen, 5000), ORDERS_DB_BUSY);
    left(f, 60);
}

static void test_returns_to_the_inventory(void **state) {
    fixture *f = *state;
    orders_db_allocation a = without_goods("a", 0);
    a.direction = ORDERS_DB_RETURN;
    assert_int_equal(orders_db_allocate(f->db, &a, NULL, 5000), ORDERS_DB_NOT_FOUND);
    set_units(f, 30);
    begin(f, &a, ORDERS_DB_BEGUN, 0);
    end(f, &a, ORDERS_DB_DONE, 12);
    left(f, 30);
}

/* ---- what is refused ---- */

static void test_refuses_another_operation_under_an_id(void **state) {
    fixture *f = *state;
    orders_db_goods others[] = {phone_goods, phone_goods, phone_goods, phone_goods};
    others[0].table = "Goods";
    others[1].key_column = "units";
    others[2].key_value = "phone-2";
    others[3].units_column = "sku";
    make_goods(f);
    orders_db_allocation a = a_load("one", 60);
    begin(f, &a, ORDERS_DB_BEGUN, 60);
    refused(f, a_load("one", 59), ORDERS_DB_REFUSED, "was something else");
    refused(f, a_load("one", 0), ORDERS_DB_REFUSED, "was something else");
    refused(f, a_return("one", 60), ORDERS_DB_REFUSED, "was something else");
    refused(f, without_goods("one", 60), ORDERS_DB_REFUSED, "was something else");
    for (int i = 0; i < 4; i++) {
        orders_db_allocation other = a_load("one", 60);
        other.goods = &others[i];
        refused(f, other, ORDERS_DB_REFUSED, "was something else");
    }
    expect(f, 40, 60, 60);
    a.item = "case"; /* ids are an item's own */
    a.asked = 20;
    begin(f, &a, ORDERS_DB_BEGUN, 20);
}

static void with(fixture *f, orders_db_goods goods, orders_db_status status, const char *why) {
    orders_db_allocation load = a_load("x", 1), back = a_return("y", 1);
    load.goods = back.goods = &goods;
    refused(f, load, status, why);
    refused(f, back, status, why);
}

static void test_refuses_names(void **state) {
    fixture *f = *state;
    static const char *const names[] = {"",          "1goods", "go ods", "goods;",  "goods\"", "goods`",   "`goods`",
                                        "a.b.goods", ".goods", "goods.", "goods--", "g(x)",    "\xc3\xa4", "goods'"};
    char longest[66];
    make_goods(f);
    memset(longest, 'a', 65);
    longest[65] = '\0';
    for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
        const char *name = i < sizeof names / sizeof names[0] ? names[i] : longest;
        with(f, (orders_db_goods){name, "sku", "phone-1", "units"}, ORDERS_DB_INVALID, "goods are TABLE");
        with(f, (orders_db_goods){"goods", name, "phone-1", "units"}, ORDERS_DB_INVALID, "goods are TABLE");
        with(f, (orders_db_goods){"goods", "sku", "phone-1", name}, ORDERS_DB_INVALID, "goods are TABLE");
    }
    with(f, (orders_db_goods){"goods", "a.sku", "phone-1", "units"}, ORDERS_DB_INVALID, "goods are TABLE");
    with(f, (orders_db_goods){"goods", "sku", "", "units"}, ORDERS_DB_INVALID, "goods are TABLE");
    with(f, (orders_db_goods){NULL, "sku", "phone-1", "units"}, ORDERS_DB_INVALID, "goods are TABLE");
    with(f, (orders_db_goods){"goods", NULL, "phone-1", "units"}, ORDERS_DB_INVALID, "goods are TABLE");
    with(f, (orders_db_goods){"goods", "sku", NULL, "units"}, ORDERS_DB_INVALID, "goods are TABLE");
    with(f, (orders_db_goods){"goods", "sku", "phone-1", NULL}, ORDERS_DB_INVALID, "goods are TABLE");
    expect(f, 100, 0, 0);
}

static void test_refuses_what_is_not_there(void **state) {
    fixture *f = *state;
    make_goods(f);
    set_units(f, 1);
    with(f, (orders_db_goods){"nothing", "sku", "phone-1", "units"}, ORDERS_DB_INVALID, "the table of the goods");
    with(f, (orders_db_goods){"goods", "units_", "phone-1", "units"}, ORDERS_DB_INVALID, "units_");
    with(f, (orders_db_goods){"goods", "sku", "phone-1", "left"}, ORDERS_DB_INVALID, "left");
    orders_db_allocation a = a_load("x", 1);
    a.goods = &(orders_db_goods){"elsewhere.goods", "sku", "phone-1", "units"};
    assert_true(orders_db_allocate(f->db, &a, NULL, 5000) != ORDERS_DB_OK); /* not there, or not allowed */
    with(f, (orders_db_goods){"goods", "sku", "phone-3", "units"}, ORDERS_DB_NOT_FOUND, "no row");
    /* A column that is not there is no text that equals itself. */
    with(f, (orders_db_goods){"goods", "nosuch", "nosuch", "units"}, ORDERS_DB_INVALID, "nosuch");
    expect(f, 100, 1, 1);
}

static void test_a_value_is_a_value(void **state) {
    fixture *f = *state;
    static const char *const values[] = {"' OR '1'='1", "phone-1' -- ", "x'; DROP TABLE goods; --", "?1", "phone-_",
                                         "%",           "`sku`"};
    make_goods(f);
    set_units(f, 1);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        with(f, (orders_db_goods){"goods", "sku", values[i], "units"}, ORDERS_DB_NOT_FOUND, "no row");
    }
    run(f, "INSERT INTO goods VALUES ('a''; DROP TABLE goods; --', 4)");
    orders_db_goods odd = {"goods", "sku", "a'; DROP TABLE goods; --", "units"};
    orders_db_allocation a = a_load("odd", 0);
    a.goods = &odd;
    begin(f, &a, ORDERS_DB_BEGUN, 4);
    begin(f, &a, ORDERS_DB_BEGUN, 4);
    end(f, &a, ORDERS_DB_DONE, 4);
    expect(f, 100, 5, 5);
}

/* A number is found by its own digits only, and a name may be a word of SQL. */
static void test_keys_and_words(void **state) {
    fixture *f = *state;
    static const char *const others[] = {"7x", "07", "7.0", "7 ", " 7", "7e0"};
    make_goods(f);
    set_units(f, 1);
    run(f, "CREATE TABLE `select` (`group` BIGINT NOT NULL PRIMARY KEY, `from` INT NOT NULL)");
    run(f, "INSERT INTO `select` VALUES (7, 20)");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        with(f, (orders_db_goods){"select", "group", others[i], "from"}, ORDERS_DB_NOT_FOUND, "no row");
    }
    orders_db_goods words = {"select", "group", "7", "from"};
    orders_db_allocation a = a_load("words", 15), back = a_return("back", 0);
    a.goods = back.goods = &words;
    begin(f, &a, ORDERS_DB_BEGUN, 15);
    end(f, &a, ORDERS_DB_DONE, 15);
    begin(f, &back, ORDERS_DB_BEGUN, 0);
    end(f, &back, ORDERS_DB_DONE, 10);
    assert_int_equal(number(f, "SELECT `from` FROM `select`"), 15);
    expect(f, 100, 6, 6);
}

static void test_refuses_what_it_cannot_count(void **state) {
    fixture *f = *state;
    make_goods(f);
    set_units(f, 1);
    run(f, "INSERT INTO goods VALUES ('null', NULL), ('debt', -3), ('much', 9007199254740990)");
    refused(
        f,
        (orders_db_allocation){
            .activity = "618", .item = "phone", .operation = "n", .goods = &(orders_db_goods){"goods", "sku", "null", "units"}},
        ORDERS_DB_REFUSED, "only 0 units");
    refused(
        f,
        (orders_db_allocation){
            .activity = "618", .item = "phone", .operation = "n", .goods = &(orders_db_goods){"goods", "sku", "debt", "units"}},
        ORDERS_DB_REFUSED, "only 0 units");
    refused(f,
            (orders_db_allocation){.activity = "618",
                                   .item = "phone",
                                   .operation = "n",
                                   .asked = 9007199254740990 + 1,
                                   .goods = &(orders_db_goods){"goods", "sku", "much", "units"}},
            ORDERS_DB_REFUSED, "only");
    refused(f, (orders_db_allocation){.activity = "618", .item = "phone", .operation = "n", .asked = -1, .goods = &phone_goods},
            ORDERS_DB_INVALID, "out of range");
    refused(f, (orders_db_allocation){.activity = "618", .item = "phone", .operation = "a*b", .goods = &phone_goods},
            ORDERS_DB_INVALID, "out of range");
    /* 1 is there already, and 2^53 - 1 is the most. */
    set_units(f, 3);
    refused(
        f,
        (orders_db_allocation){
            .activity = "618", .item = "phone", .operation = "n", .goods = &(orders_db_goods){"goods", "sku", "much", "units"}},
        ORDERS_DB_REFUSED, "cannot be counted");
    run(f, "CREATE TABLE rough (sku VARCHAR(9) NOT NULL, units DECIMAL(9,2), words VARCHAR(9))");
    run(f, "INSERT INTO rough VALUES ('half', 7.5, '12 left'), ('two', 1, ''), ('two', 1, '')");
    with(f, (orders_db_goods){"rough", "sku", "two", "units"}, ORDERS_DB_REFUSED, "more than one row");
    run(f, "INSERT INTO rough VALUES ('whole', 9.00, '')");
    orders_db_goods whole = {"rough", "sku", "whole", "units"};
    orders_db_allocation all = a_load("whole", 0);
    all.goods = &whole;
    begin(f, &all, ORDERS_DB_BEGUN, 9);
    end(f, &all, ORDERS_DB_UNDONE, 0);
    orders_db_goods half = {"rough", "sku", "half", "units"}, words = {"rough", "sku", "half", "words"};
    for (int i = 0; i < 2; i++) {
        orders_db_allocation a = a_load("half", 5);
        a.goods = i ? &words : &half;
        assert_true(orders_db_allocate(f->db, &a, NULL, 5000) != ORDERS_DB_OK);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM rough WHERE units = 7.5 AND words = '12 left'"), 1);
    expect(f, 100, 3, 3);
}

/* The goods are not the shop's own, but what they are moved to. */
static void test_refuses_tables_of_our_own(void **state) {
    fixture *f = *state;
    make_goods(f);
    set_units(f, 30);
    static const char *const columns[] = {"units_left", "units_total"};
    for (int i = 0; i < 2; i++) {
        orders_db_goods own = {"inventory", "item", "phone", columns[i]};
        orders_db_allocation a = a_load("own", 10);
        a.goods = &own;
        assert_true(orders_db_allocate(f->db, &a, NULL, 5000) != ORDERS_DB_OK);
        expect(f, 100, 30, 30);
    }
}

/* What is rolled back there stays. */
static void test_refuses_tables_without_transactions(void **state) {
#ifdef ORDERS_ON_MYSQL
    fixture *f = *state;
    static const char *const tables[] = {"loose", "orders.loose", "seen"};
    make_goods(f);
    set_units(f, 1);
    run(f, "CREATE TABLE loose (sku VARCHAR(9) NOT NULL PRIMARY KEY, units INT NOT NULL) ENGINE = MyISAM");
    run(f, "INSERT INTO loose VALUES ('a', 5)");
    run(f, "CREATE VIEW seen AS SELECT * FROM loose");
    for (int i = 0; i < 3; i++) {
        with(f, (orders_db_goods){tables[i], "sku", "a", "units"}, ORDERS_DB_REFUSED, "transactions");
    }
    assert_int_equal(number(f, "SELECT units FROM loose"), 5);
    orders_db_goods whole = {"orders.goods", "sku", "phone-1", "units"};
    orders_db_allocation a = a_load("whole", 10);
    a.goods = &whole;
    begin(f, &a, ORDERS_DB_BEGUN, 10);
    expect(f, 90, 11, 11);
#else
    (void)state;
    skip();
#endif
}

/* ---- the tables' rules ---- */

static void test_rules(void **state) {
    fixture *f = *state;
    make_goods(f);
    orders_db_allocation a = a_load("one", 10), back = a_return("two", 0);
    begin(f, &a, ORDERS_DB_BEGUN, 10);
    begin(f, &back, ORDERS_DB_BEGUN, 0);
    refused_by_rules(f, "DELETE FROM allocations", "never deleted");
    refused_by_rules(f, "UPDATE allocations SET units = 9 WHERE operation = 'one'", "does not change");
    refused_by_rules(f, "UPDATE allocations SET asked = 9 WHERE operation = 'one'", "does not change");
    refused_by_rules(f, "UPDATE allocations SET goods_value = 'phone-2' WHERE operation = 'one'", "does not change");
    refused_by_rules(f, "UPDATE allocations SET operation = 'three' WHERE operation = 'one'", "does not change");
    refused_by_rules(f, "UPDATE allocations SET state = 'done' WHERE operation = 'one'", "CHECK");
    end(f, &a, ORDERS_DB_DONE, 10);
    refused_by_rules(f, "UPDATE allocations SET state = 'begun', ended_ms = NULL WHERE operation = 'one'", "ends once");
    refused_by_rules(f, "UPDATE allocations SET state = 'undone' WHERE operation = 'one'", "ends once");
    refused_by_rules(f,
                     "INSERT INTO allocations (activity, item, operation, direction, asked, units, state, begun_ms) VALUES "
                     "('618', 'phone', 'z', 'load', 0, 0, 'begun', 1)",
                     "CHECK");
    refused_by_rules(
        f,
        "INSERT INTO allocations (activity, item, operation, direction, asked, units, state, begun_ms, goods) VALUES "
        "('618', 'phone', 'z', 'load', 0, 1, 'begun', 1, 'goods')",
        "CHECK");
    refused_by_rules(f,
                     "INSERT INTO allocations (activity, item, operation, direction, asked, units, state, begun_ms) VALUES "
                     "('618', 'phone', 'z', 'load', 5, 6, 'begun', 1)",
                     "CHECK");
}

/* ---- what is not finished ---- */

typedef struct {
    int count;
    char operations[4][16], values[4][16];
} seen_open;

static void on_open(const orders_db_allocation *a, void *user_data) {
    seen_open *seen = user_data;
    (void)snprintf(seen->operations[seen->count], 16, "%s", a->operation);
    (void)snprintf(seen->values[seen->count++], 16, "%s", a->goods ? a->goods->key_value : "");
    assert_int_equal(a->progress, ORDERS_DB_BEGUN);
}

static void test_lists_what_is_not_finished(void **state) {
    fixture *f = *state;
    seen_open seen = {0};
    make_goods(f);
    orders_db_allocation a = a_load("one", 10), b = a_load("two", 20), back = a_return("back", 0), other = a_load("one", 1);
    other.item = "case";
    begin(f, &a, ORDERS_DB_BEGUN, 10);
    begin(f, &b, ORDERS_DB_BEGUN, 20);
    back.goods = NULL;
    begin(f, &back, ORDERS_DB_BEGUN, 0);
    begin(f, &other, ORDERS_DB_BEGUN, 1);
    end(f, &a, ORDERS_DB_DONE, 10);
    reopen(f, ORDERS_DB_READ_ONLY);
    must(f, orders_db_open_allocations(f->db, "618", "phone", on_open, &seen));
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.operations[0], "back"); /* the same time: by name */
    assert_string_equal(seen.values[0], "");
    assert_string_equal(seen.operations[1], "two");
    assert_string_equal(seen.values[1], "phone-1");
    orders_db_allocation late = a_load("late", 1);
    assert_int_equal(orders_db_allocate(f->db, &late, NULL, 1), ORDERS_DB_READONLY);
}

/* The release before works on the same file, and knows nothing of this table. */
static void test_file_of_the_release_before(void **state) {
    ONLY_ON_SQLITE();
    fixture *f = *state;
    seen_open seen = {0};
    make_goods(f);
    set_units(f, 5);
    run(f, "DROP TABLE allocations");
    reopen(f, ORDERS_DB_READ_ONLY);
    must(f, orders_db_open_allocations(f->db, "618", "phone", on_open, &seen));
    assert_int_equal(seen.count, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM main.sqlite_master WHERE name = 'allocations'"), 0);
    reopen(f, 0);
    check_settings(f);
    orders_db_allocation a = a_load("one", 10);
    begin(f, &a, ORDERS_DB_BEGUN, 10);
    refused_by_rules(f, "DELETE FROM allocations", "never deleted");
    expect(f, 90, 15, 15);
}

/* Another channel of the shop takes units while they are moved: the sum is what it was. */
static void test_other_channels(void **state) {
    fixture *f = *state;
    orders_db *other;
    make_goods(f);
    assert_int_equal(orders_db_open(f->path, 0, 1000, &other, f->error), ORDERS_DB_OK);
    for (int i = 0; i < 20; i++) {
        char operation[16];
        (void)snprintf(operation, sizeof operation, "op-%d", i);
        orders_db_allocation a = i % 2 ? a_return(operation, 0) : a_load(operation, 7);
        begin(f, &a, ORDERS_DB_BEGUN, i % 2 ? 0 : 7);
        assert_int_equal(orders_db__exec(other, "UPDATE goods SET units = units - 1 WHERE sku = 'phone-1' AND units >= 1", "x"),
                         ORDERS_DB_OK);
        end(f, &a, ORDERS_DB_DONE, i % 2 ? 5 : 7);
    }
    orders_db_close(other);
    expect(f, 100 - 20 - 20, 20, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_loads_once),
        TEST(test_returns_once),
        TEST(test_undoes_what_redis_never_will_do),
        TEST(test_does_not_undo_what_is_sold),
        TEST(test_loads_what_is_not_on_sale),
        TEST(test_sees_that_it_looked_too_early),
        TEST(test_returns_to_the_inventory),
        TEST(test_refuses_another_operation_under_an_id),
        TEST(test_refuses_names),
        TEST(test_refuses_what_is_not_there),
        TEST(test_a_value_is_a_value),
        TEST(test_keys_and_words),
        TEST(test_refuses_what_it_cannot_count),
        TEST(test_refuses_tables_of_our_own),
        TEST(test_refuses_tables_without_transactions),
        TEST(test_rules),
        TEST(test_lists_what_is_not_finished),
        TEST(test_file_of_the_release_before),
        TEST(test_other_channels),
    };
    return cmocka_run_group_tests(tests, start_engine, stop_engine);
}
