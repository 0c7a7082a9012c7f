/* seckill-ctl stock load --from-orders-db, and stock return: a round from a table of the shop's own into a sale and back, ended
 * at each step, by two operators at once, and beside the shop's other channels. On SQLite, or with ORDERS_ON_MYSQL on a private
 * MariaDB.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_reconcile_fixture.h"
#include "killed_at.h"
#include "orders_db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GOODS = 1000 };

/* How the goods are named: with a quote in their key, which a shell must not see. */
#define GOODS_KEY "phone's"
#define NAMED_GOODS "--orders %s --goods goods --goods-key sku=" GOODS_KEY " --goods-units units"

/* ---- what there is ---- */

typedef struct {
    int64_t goods, loaded, total, left, sold;
} sums;

static int64_t goods_of(const books *b) {
    orders_sql_statement *statement;
    bool row = false;
    assert_int_equal(b->db->sql->prepare(b->db, "SELECT units FROM goods WHERE sku <> 'other'", &statement), ORDERS_DB_OK);
    assert_int_equal(b->db->sql->step(b->db, statement, "test", &row), ORDERS_DB_OK);
    int64_t units = row ? b->db->sql->column_int(statement, 0) : -1;
    b->db->sql->reset(statement);
    b->db->sql->finalize(statement);
    return units;
}

static sums sums_of(books *b) {
    orders_db_item_account account;
    assert_int_equal(orders_db_account(b->db, "sale", "phone", &account), ORDERS_DB_OK);
    sums is = {goods_of(b), sale_stock(&b->sale).total.loaded, account.units_total, account.units_left,
               account.units[ORDERS_DB_CONFIRMED]};
    assert_true(orders_db_adds_up(&account));
    if (is.loaded > is.total)
        fail_msg("%lld units are loaded, and the inventory has %lld", (long long)is.loaded, (long long)is.total);
    return is;
}

/* All that there ever was, and nothing more; `elsewhere` was sold in another channel. */
static sums expect_all(books *b, int64_t elsewhere) {
    sums is = sums_of(b);
    assert_int_equal(is.goods + is.left + is.sold + elsewhere, GOODS + BOOKS_UNITS);
    return is;
}

static int open_with_goods(void **state) {
    if (books_open(state) != 0)
        return -1;
    const books *b = *state;
    run_sql(b, NULL, "CREATE TABLE goods (sku VARCHAR(40) NOT NULL PRIMARY KEY, units BIGINT NOT NULL CHECK (units >= 0))");
    run_sql(b, NULL, "INSERT INTO goods VALUES ('phone''s', 1000), ('other', 5)");
    return 0;
}

#define GOODS_TEST(test) cmocka_unit_test_setup_teardown(test, open_with_goods, books_close)

static void account_holds(const books *b) {
    ctl_json(0, "account sale/phone --orders %s", b->orders);
    (void)adds_up_with_orders(b, "");
}

/* ---- the round ---- */

static void a_whole_round(void **state) {
    books *b = *state;
    for (int i = 0; i < 2; i++) {
        const json_t *answer = ctl_json(0, "stock load sale/phone 600 --from-orders-db --operation in " NAMED_GOODS, b->orders);
        assert_int_equal(ctl_int(answer, "amount"), 600);
        assert_string_equal(ctl_text(answer, "progress"), "done");
    }
    sums is = expect_all(b, 0);
    assert_true(is.goods == 400 && is.loaded == 640 && is.total == 640);
    account_holds(b);
    ctl_json(1, "stock load sale/phone 401 --from-orders-db " NAMED_GOODS, b->orders);

    sell_some(b); /* on each shard one is reserved, and one is sold */
    run_sql(b, NULL, "UPDATE goods SET units = units - 25 WHERE sku <> 'other'");
    const json_t *answer = ctl_json(0, "stock return sale/phone 100 --operation some " NAMED_GOODS, b->orders);
    assert_int_equal(ctl_int(answer, "amount"), 100);
    write_orders(b);
    account_holds(b);
    is = expect_all(b, 25);
    assert_true(is.goods == 475 && is.loaded == 540);

    answer = ctl_json(0, "stock return sale/phone all --operation out " NAMED_GOODS, b->orders);
    long long reserved = ctl_int(answer, "reserved"), amount = ctl_int(answer, "amount");
    assert_true(reserved > 0 && amount == 540 - is.sold - reserved);
    const ctl_outcome *outcome = ctl("stock return sale/phone all --operation out " NAMED_GOODS, b->orders);
    assert_int_equal(outcome->code, 0);
    assert_non_null(strstr(outcome->out, "still reserved: "));
    is = expect_all(b, 25);
    assert_int_equal(is.loaded, is.sold + reserved);
    account_holds(b);
}

/* What is reserved comes back later, and a second return takes it. */
static void returns_what_comes_back(void **state) {
    books *b = *state;
    sale_answer held = reserve_for(b, 0, 0);
    const json_t *answer = ctl_json(0, "stock return sale/phone all --operation first-run " NAMED_GOODS, b->orders);
    assert_int_equal(ctl_int(answer, "amount"), BOOKS_UNITS - 1);
    assert_int_equal(ctl_int(answer, "reserved"), 1);
    sale_answer cancelled = sale_cancel(&b->sale, user_of(b, 0, 0), held.ref.reservation_id);
    assert_int_equal(cancelled.status, SECKILL_OK);
    answer = ctl_json(0, "stock return sale/phone all --operation second-run " NAMED_GOODS, b->orders);
    assert_int_equal(ctl_int(answer, "amount"), 1);
    assert_int_equal(ctl_int(answer, "reserved"), 0);
    answer = ctl_json(0, "stock return sale/phone all --operation third-run " NAMED_GOODS, b->orders);
    assert_int_equal(ctl_int(answer, "amount"), 0);
    sums is = expect_all(b, 0);
    assert_true(is.total == 0 && is.loaded == 0 && is.goods == GOODS + BOOKS_UNITS);
    account_holds(b);
}

static void without_goods(void **state) {
    books *b = *state;
    assert_string_equal(ctl_text(ctl_json(1, "stock load sale/phone all --from-orders-db --orders %s", b->orders), "status"),
                        "refused");
    assert_int_equal(ctl_int(ctl_json(0, "stock return sale/phone 15 --orders %s", b->orders), "amount"), 15);
    assert_int_equal(expect_all(b, 0).loaded, BOOKS_UNITS - 15);
    ctl_json(1, "stock load sale/phone 16 --from-orders-db --orders %s", b->orders);
    assert_int_equal(ctl_int(ctl_json(0, "stock load sale/phone 4 --from-orders-db --orders %s", b->orders), "amount"), 4);
    assert_int_equal(ctl_int(ctl_json(0, "stock load sale/phone all --from-orders-db --orders %s", b->orders), "amount"), 11);
    sums is = expect_all(b, 0);
    assert_true(is.loaded == BOOKS_UNITS && is.goods == GOODS);
    account_holds(b);
}

/* ---- ended at each step ---- */

static void ended_everywhere(books *b, const char *command, int64_t by) {
    char line[1024], operation[32];
    bool was_killed = true;
    int n = 0, code = -1;
    while (was_killed) {
        int64_t before = sums_of(b).loaded;
        snprintf(operation, sizeof operation, "%c-%d", command[0], ++n);
        snprintf(line, sizeof line, "stock %s sale/phone 3 --operation %s " NAMED_GOODS "%s", command, operation, b->orders,
                 command[0] == 'l' ? " --from-orders-db" : "");
        was_killed = killed_at(SECKILL_CTL, line, n, &code);
        (void)expect_all(b, 0);
        ctl_json(0, "%s", line);
        assert_int_equal(expect_all(b, 0).loaded, before + by);
    }
    assert_int_equal(code, 0);
    assert_true(n > 10); /* it does speak to both */
    account_holds(b);
}

static void goes_on_wherever_it_was_ended(void **state) {
    if (!killed_at_available())
        skip();
    ended_everywhere(*state, "load", 3);
    ended_everywhere(*state, "return", -3);
}

/* ---- Redis or the database is the one that ends it ---- */

/* The command that finishes it, as reconcile and preflight name it; a shell reads it. */
static void finish_as_named(const books *b, const char *operation) {
    char command[2048], whole[4096];
    const json_t *item = adds_up_with_orders(b, "");
    assert_int_equal(json_array_size(json_object_get(json_object_get(item, "orders"), "unfinished")), 1);
    assert_string_equal(ctl_text(item, "orders.unfinished.0.operation"), operation);
    snprintf(command, sizeof command, "%s", ctl_text(item, "orders.unfinished.0.finish"));
    const ctl_outcome *outcome = ctl("preflight sale/phone --no-persistence --orders %s", b->orders);
    assert_non_null(strstr(outcome->out, command));
    assert_non_null(strstr(ctl("reconcile sale/phone --orders %s", b->orders)->out, command));
    assert_memory_equal(command, "seckill-ctl ", 12);
    snprintf(whole, sizeof whole, "%s %s >/dev/null", SECKILL_CTL, command + 12);
    assert_int_equal(system(whole), 0); /* NOLINT: it is to be a shell */
    item = adds_up_with_orders(b, "");
    assert_int_equal(json_array_size(json_object_get(json_object_get(item, "orders"), "unfinished")), 0);
}

static void redis_refuses_after_the_transaction(void **state) {
    books *b = *state;
    redis_server_forget(redis_server_command(ctl_redis, "ACL SETUSER default -hset"));
    const ctl_outcome *outcome = ctl("stock load sale/phone 30 --from-orders-db --operation in " NAMED_GOODS, b->orders);
    assert_true(outcome->code == 4 || outcome->code == 3);
    sums is = expect_all(b, 0);
    assert_true(is.loaded == BOOKS_UNITS && is.total == BOOKS_UNITS + 30 && is.goods == GOODS - 30);
    redis_server_forget(redis_server_command(ctl_redis, "ACL SETUSER default +hset"));
    ctl_json(0, "account sale/phone --orders %s", b->orders);
    ctl_json(1, "stock load sale/phone all --from-orders-db --orders %s", b->orders); /* not what is another's */
    finish_as_named(b, "in");
    assert_int_equal(expect_all(b, 0).loaded, BOOKS_UNITS + 30);
}

static void redis_does_not_answer(void **state) {
    books *b = *state;
    redis_server_pause(ctl_redis);
    const ctl_outcome *outcome = ctl("stock load sale/phone 30 --from-orders-db --timeout 200ms " NAMED_GOODS, b->orders);
    assert_int_equal(outcome->code, 3);
    assert_non_null(strstr(outcome->err, "add --operation load-"));
    redis_server_resume(ctl_redis);
    sums is = expect_all(b, 0);
    assert_true(is.goods == GOODS && is.total == BOOKS_UNITS && is.loaded == BOOKS_UNITS);
    account_holds(b);
}

#ifdef ORDERS_ON_MYSQL
#define NO_END "CREATE TRIGGER no_end BEFORE UPDATE ON allocations FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'"
#else
#define NO_END "CREATE TRIGGER no_end BEFORE UPDATE ON allocations BEGIN SELECT RAISE(ABORT, 'no'); END"
#endif

static void the_database_refuses_after_the_withdrawal(void **state) {
    books *b = *state;
    run_sql(b, NULL, NO_END);
    for (int i = 0; i < 2; i++) {
        ctl_json(4, "stock return sale/phone all --operation out " NAMED_GOODS, b->orders);
        sums is = expect_all(b, 0);
        assert_true(is.loaded == 0 && is.total == BOOKS_UNITS && is.goods == GOODS);
        ctl_json(0, "account sale/phone --orders %s", b->orders);
    }
    run_sql(b, "no_end", "UPDATE goods SET units = 5 WHERE sku = 'other'");
    finish_as_named(b, "out");
    assert_int_equal(expect_all(b, 0).goods, GOODS + BOOKS_UNITS);
}

static void the_inventory_has_less_than_redis_gave(void **state) {
    books *b = *state;
    run_sql(b, NULL, "UPDATE inventory SET units_total = 10, units_left = 10");
    const json_t *answer = ctl_json(4, "stock return sale/phone all --operation out " NAMED_GOODS, b->orders);
    assert_string_equal(ctl_text(answer, "status"), "does_not_add_up");
    assert_non_null(strstr(ctl_text(answer, "message"), "40 units are out of Redis"));
    assert_int_equal(goods_of(b), GOODS);
    run_sql(b, NULL, "UPDATE inventory SET units_total = 40, units_left = 40");
    finish_as_named(b, "out");
    assert_int_equal(expect_all(b, 0).goods, GOODS + BOOKS_UNITS);
}

static void the_goods_are_gone_after_the_withdrawal(void **state) {
    books *b = *state;
    run_sql(b, NULL, NO_END);
    ctl_json(4, "stock return sale/phone 10 --operation out " NAMED_GOODS, b->orders);
    run_sql(b, "no_end", "UPDATE goods SET sku = 'away' WHERE sku <> 'other'");
    const json_t *answer = ctl_json(4, "stock return sale/phone 10 --operation out " NAMED_GOODS, b->orders);
    assert_string_equal(ctl_text(answer, "status"), "does_not_add_up");
    assert_non_null(strstr(ctl_text(answer, "message"), "no row"));
    run_sql(b, NULL, "UPDATE goods SET sku = 'phone''s' WHERE sku = 'away'");
    finish_as_named(b, "out");
    assert_int_equal(expect_all(b, 0).goods, GOODS + 10);
}

/* An id that Redis knows as another operation's comes to nothing, and gives everything back. */
static void redis_knows_the_id(void **state) {
    books *b = *state;
    for (int i = 0; i < 2; i++) {
        assert_string_equal(
            ctl_text(ctl_json(1, "stock load sale/phone 30 --from-orders-db --operation first " NAMED_GOODS, b->orders),
                     "status"),
            "conflict");
        sums is = expect_all(b, 0);
        assert_true(is.goods == GOODS && is.total == BOOKS_UNITS && is.loaded == BOOKS_UNITS);
    }
    ctl_json(0, "stock withdraw sale/phone 3 --operation taken");
    ctl_json(1, "stock return sale/phone 30 --operation taken " NAMED_GOODS, b->orders);
    assert_int_equal(expect_all(b, 0).loaded, BOOKS_UNITS - 3);
    account_holds(b);
}

/* The item is another one by now: what is done is not done to it. */
static void what_is_done_is_not_sent_again(void **state) {
    books *b = *state;
    ctl_json(0, "stock load sale/phone 30 --from-orders-db --operation in " NAMED_GOODS, b->orders);
    ctl_json(0, "item end sale/phone");
    ctl_json(0, "item purge sale/phone --yes");
    ctl_json(0, "item define sale/phone");
    assert_int_equal(
        ctl_int(ctl_json(0, "stock load sale/phone 30 --from-orders-db --operation in " NAMED_GOODS, b->orders), "amount"), 30);
    assert_int_equal(ctl_int(ctl_json(0, "stock get sale/phone"), "total.loaded"), 0);
    assert_int_equal(goods_of(b), GOODS - 30);
    assert_int_equal(ctl_int(ctl_json(0, "stock load sale/phone all --from-orders-db --orders %s", b->orders), "amount"),
                     BOOKS_UNITS + 30);
}

/* ---- several at once ---- */

static pid_t start(const char *line) {
    char *copy = strdup(line), name[] = "seckill-ctl", *arguments[33] = {name}, *rest = NULL;
    int count = 1;
    assert_non_null(copy);
    for (char *word = strtok_r(copy, " ", &rest); word && count < 32; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        assert_non_null(freopen("/dev/null", "w", stdout));
        assert_non_null(freopen("/dev/null", "w", stderr));
        execv(SECKILL_CTL, arguments);
        _exit(127);
    }
    free(copy);
    assert_true(pid > 0);
    return pid;
}

/* How many of them ended well; the others were refused, or are to try again. */
static int wait_for(const pid_t *pids, int count) {
    int good = 0;
    for (int i = 0; i < count; i++) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 1 && WEXITSTATUS(status) != 3)
            fail_msg("exit code %d", WEXITSTATUS(status));
        good += WEXITSTATUS(status) == 0;
    }
    return good;
}

enum { OPERATORS = 4 };

static int all_at_once(const char *format, const books *b, bool same_id) {
    pid_t pids[OPERATORS];
    char line[1024], named[800];
    snprintf(named, sizeof named, NAMED_GOODS, b->orders);
    for (int i = 0; i < OPERATORS; i++) {
        snprintf(line, sizeof line, "%s --operation %s-%d %s", format, strstr(format, "return") ? "r" : "l",
                 same_id ? 0 : i + 1, strstr(format, "--orders") ? "" : named);
        pids[i] = start(line);
    }
    return wait_for(pids, OPERATORS);
}

static void several_operators_under_one_id(void **state) {
    books *b = *state;
    assert_int_equal(all_at_once("stock load sale/phone 300 --from-orders-db", b, true), OPERATORS);
    sums is = expect_all(b, 0);
    assert_true(is.loaded == BOOKS_UNITS + 300 && is.goods == GOODS - 300);
    assert_int_equal(all_at_once("stock return sale/phone all", b, true), OPERATORS);
    is = expect_all(b, 0);
    assert_true(is.loaded == 0 && is.total == 0);
    account_holds(b);
}

static void several_operators_under_their_own(void **state) {
    books *b = *state;
    assert_int_equal(all_at_once("stock load sale/phone 300 --from-orders-db", b, false),
                     3); /* for the fourth too few are left */
    sums is = expect_all(b, 0);
    assert_true(is.loaded == BOOKS_UNITS + 900 && is.goods == GOODS - 900);
    assert_int_equal(all_at_once("stock return sale/phone all", b, false), OPERATORS);
    is = expect_all(b, 0);
    assert_true(is.loaded == 0 && is.goods == GOODS + BOOKS_UNITS);
    account_holds(b);
}

/* All want what is not on sale yet: only one gets it. */
static void several_operators_without_goods(void **state) {
    books *b = *state;
    char line[600];
    assert_int_equal(orders_db_set_inventory(b->db, "sale", "phone", 100, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    snprintf(line, sizeof line, "stock load sale/phone all --from-orders-db --orders %s", b->orders);
    assert_int_equal(all_at_once(line, b, false), 1);
    sums is = sums_of(b);
    assert_true(is.loaded == 100 && is.total == 100);
    account_holds(b);
}

/* In a process of its own. */
static bool sell_elsewhere(const books *b, int sales) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    bool good = orders_db_open(b->orders, 0, 10000, &db, error) == ORDERS_DB_OK;
    for (int i = 0; i < sales && good; i++)
        good = orders_db__exec(db, "UPDATE goods SET units = units - 1 WHERE sku <> 'other'", "selling") == ORDERS_DB_OK;
    return good;
}

/* The shop's other channels sell from the same row meanwhile. */
static void other_channels_sell_meanwhile(void **state) {
    books *b = *state;
    enum { SALES = 60 };
    char line[1024];
    fflush(NULL);
    pid_t channel = fork();
    if (channel == 0)
        _exit(sell_elsewhere(b, SALES) ? 0 : 1);
    for (int i = 0; i < 8; i++) {
        snprintf(line, sizeof line, "stock %s sale/phone %s --operation t-%d " NAMED_GOODS, i % 2 ? "return" : "load",
                 i % 2 ? "all" : "9 --from-orders-db", i, b->orders);
        for (int code = 3; code == 3;) /* locked for long: again, under the same id */
            code = ctl("%s", line)->code;
    }
    int status = 0;
    assert_int_equal(waitpid(channel, &status, 0), channel);
    assert_int_equal(status, 0);
    sums is = expect_all(b, SALES);
    assert_int_equal(is.loaded, 0);
    account_holds(b);
}

/* In a process of its own: buys one unit after another, some of which it only reserves. */
static bool shop_along(int shoppers) {
    sale shop;
    bool good = true;
    sale_open(&shop, redis_server_address(ctl_redis));
    for (int i = 0; i < shoppers && good; i++) {
        char user[32];
        snprintf(user, sizeof user, "shopper-%d", i);
        sale_answer held = sale_reserve(&shop, user, "r", 1);
        if (held.status == SECKILL_OK && i % 5)
            held = sale_confirm(&shop, &held.ref, "paid");
        good = held.status >= 0; /* sold out is fine */
    }
    sale_close(&shop);
    return good;
}

/* The sale goes on while units come and go. */
static void shoppers_buy_meanwhile(void **state) {
    books *b = *state;
    int status = 0;
    fflush(NULL);
    pid_t shoppers = fork();
    if (shoppers == 0)
        _exit(shop_along(200) ? 0 : 1);
    for (int i = 0; i < 8; i++) {
        ctl_json(0, "stock %s sale/phone %s --operation s-%d " NAMED_GOODS, i % 2 ? "return" : "load",
                 i % 2 ? "15" : "40 --from-orders-db", i, b->orders);
        write_orders(b);
        (void)expect_all(b, 0);
    }
    assert_int_equal(waitpid(shoppers, &status, 0), shoppers);
    assert_int_equal(status, 0);
    write_orders(b);
    ctl_json(0, "transfers finish sale/phone");
    long long reserved =
        ctl_int(ctl_json(0, "stock return sale/phone all --operation rest " NAMED_GOODS, b->orders), "reserved");
    sums is = expect_all(b, 0);
    assert_true(is.sold > 0 && reserved > 0);
    assert_int_equal(is.loaded, is.sold + reserved);
    account_holds(b);
}

/* ---- the command line ---- */

static void says_what_is_wrong(void **state) {
    books *b = *state;
    static const char *const wrong[] = {
        "stock load sale/phone 5 --orders %s",
        "stock load sale/phone 5 --goods goods",
        "stock load sale/phone all",
        "stock load sale/phone all --orders %s",
        "stock load sale/phone 0 --from-orders-db --orders %s",
        "stock load sale/phone some --from-orders-db --orders %s",
        "stock load sale/phone 5 --from-orders-db",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods goods",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods goods --goods-units units",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods-key sku=x --goods-units units",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods goods --goods-units units --goods-key sku",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods goods --goods-units units --goods-key sku=",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods goods --goods-units nosuch --goods-key sku=x",
        "stock load sale/phone 5 --from-orders-db --orders %s --goods goods;x --goods-units units --goods-key sku=x",
        "stock load sale/phone 5 --from-orders-db --orders %s --operation a*b",
        "stock return sale/phone none --orders %s",
        "stock return sale/phone all",
        "stock return sale/phone",
        "stock return sale/phone all --orders /nowhere/at/all.db",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[1024];
        const char *mark = strstr(wrong[i], "%s");
        snprintf(line, sizeof line, "%.*s%s%s", mark ? (int)(mark - wrong[i]) : (int)strlen(wrong[i]), wrong[i],
                 mark ? b->orders : "", mark ? mark + 2 : "");
        if (ctl("%s", line)->code != 2)
            fail_msg("%s: not refused", line);
    }
    ctl_json(1, "stock load sale/nothing 5 --from-orders-db " NAMED_GOODS, b->orders);
    sums is = expect_all(b, 0);
    assert_true(is.goods == GOODS && is.loaded == BOOKS_UNITS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        GOODS_TEST(a_whole_round),
        GOODS_TEST(returns_what_comes_back),
        GOODS_TEST(without_goods),
        GOODS_TEST(goes_on_wherever_it_was_ended),
        GOODS_TEST(redis_refuses_after_the_transaction),
        GOODS_TEST(redis_does_not_answer),
        GOODS_TEST(the_database_refuses_after_the_withdrawal),
        GOODS_TEST(the_inventory_has_less_than_redis_gave),
        GOODS_TEST(the_goods_are_gone_after_the_withdrawal),
        GOODS_TEST(redis_knows_the_id),
        GOODS_TEST(what_is_done_is_not_sent_again),
        GOODS_TEST(several_operators_under_one_id),
        GOODS_TEST(several_operators_under_their_own),
        GOODS_TEST(several_operators_without_goods),
        GOODS_TEST(other_channels_sell_meanwhile),
        GOODS_TEST(shoppers_buy_meanwhile),
        GOODS_TEST(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, ctl_start_redis, ctl_stop_redis);
}
