/* The orders database on MySQL: what only a server can do to it. The rest is tests/unit/test_orders_db*.c, on both engines.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "mariadb.h"
#include "orders_db.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mysql.h>

#include <cmocka.h>

enum { UNITS = 1000 };

static mariadb_server *server;
static char where[1100], error[ORDERS_DB_ERROR_SIZE];

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

static void count_step(const char *step, void *user_data) {
    assert_true(strlen(step) > 0);
    ++*(int *)user_data;
}

static orders_db_status migrate(bool dry_run, int *steps) {
    *steps = 0;
    return orders_db_migrate(where, dry_run, count_step, steps, error);
}

/* An empty database, without its tables. */
static int make_database(void **state) {
    (void)state;
    assert_true(mariadb_sql(server, "SET GLOBAL read_only = 0"));
    assert_true(mariadb_new_database(server, "shop"));
    (void)snprintf(where, sizeof where, "%s", mariadb_where(server, "shop", "timeout=2"));
    return 0;
}

static orders_db *open_db(void) {
    orders_db *db = NULL;
    orders_db_status status = orders_db_open(where, 0, 1000, &db, error);
    if (status != ORDERS_DB_OK) {
        fail_msg("%s: %s", orders_db_status_name(status), error);
    }
    return db;
}

/* With its tables and its inventory. */
static int make_shop(void **state) {
    int steps;
    (void)make_database(state);
    assert_int_equal(migrate(false, &steps), ORDERS_DB_OK);
    orders_db *db = open_db();
    assert_int_equal(orders_db_set_inventory(db, "618", "phone", UNITS, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    orders_db_close(db);
    return 0;
}

static orders_db_event event_of(uint8_t n) {
    static const uint8_t user = 'u';
    orders_db_event event = {.activity = "618", .item = "phone"};
    event.event.kind = SECKILL_EVENT_CONFIRMED;
    event.event.reservation_id[0] = n;
    event.event.user = (seckill_bytes){&user, 1};
    event.event.quantity = 1;
    event.event.at_ms = 1000;
    return event;
}

static orders_db_status apply(orders_db *db, uint8_t n) {
    orders_db_event event = event_of(n);
    orders_db_outcome outcome;
    return orders_db_apply(db, &event, 1, &outcome);
}

static int64_t orders(void) {
    orders_db_item_account account;
    orders_db *db = open_db();
    assert_int_equal(orders_db_account(db, "618", "phone", &account), ORDERS_DB_OK);
    assert_true(orders_db_adds_up(&account));
    orders_db_close(db);
    return account.orders[ORDERS_DB_CONFIRMED];
}

/* ---- where ---- */

static void refuses(const char *text, const char *why) {
    orders_db *db;
    assert_int_equal(orders_db_check(text, error), ORDERS_DB_INVALID);
    assert_int_equal(orders_db_open(text, 0, 1000, &db, error), ORDERS_DB_INVALID);
    if (!strstr(error, why) || strstr(error, "secret")) {
        fail_msg("%s: %s", text, error);
    }
}

static void test_where(void **state) {
    (void)state;
    refuses("mysql://ann:secret@localhost/shop", "SECKILL_ORDERS_PASSWORD");
    refuses("mysql://ann:@localhost/shop", "SECKILL_ORDERS_PASSWORD");
    refuses("mysql://localhost/shop", "a user and a database");
    refuses("mysql://ann@localhost", "a user and a database");
    refuses("mysql://ann@localhost/a/b", "a user and a database");
    refuses("mysql://ann@/shop", "a host or ?socket");
    refuses("mysql://ann@localhost:0/shop", "port");
    refuses("mysql://ann@localhost:70000/shop", "port");
    refuses("mysql://ann@localhost/shop?password=secret", "knows only");
    refuses("mysql://ann@localhost/shop?timeout=0", "1 to 600");
    refuses("mysql://ann@localhost/shop?timeout=601", "1 to 600");
    refuses("mysql://ann@localhost/shop?timeout=-1", "1 to 600");
    refuses("mysql://ann@localhost/shop?timeout=2s", "1 to 600");
    refuses("mysql://ann@localhost/shop?timeout=1&timeout=2", "twice");
    refuses("mysql://ann@localhost/shop?tls=maybe", "verify or off");
    refuses("mysql://an n@localhost/shop", "no URL");
    refuses("postgres://ann@localhost/shop", "sqlite:PATH");
    refuses("sqlite:", "empty");
    assert_int_equal(orders_db_check("mysql://ann@[::1]:3307/shop?defaults-file=%2Fetc%2Fa%20b&timeout=600", error),
                     ORDERS_DB_OK);
    assert_string_equal(orders_db_path("sqlite:a.db"), "a.db");
    assert_string_equal(orders_db_path("a.db"), "a.db");
    assert_null(orders_db_path("mysql://ann@localhost/shop"));
}

static orders_db_status try_open(const char *text) {
    orders_db *db = NULL;
    orders_db_status status = orders_db_open(text, 0, 1000, &db, error);
    orders_db_close(db);
    return status;
}

/* Of an option file, and of the environment, which comes first. */
static void test_passwords(void **state) {
    (void)state;
    char file[] = "/tmp/orders-password-XXXXXX", text[1200];
    int fd = mkstemp(file);
    assert_true(fd >= 0 && dprintf(fd, "[client]\npassword=wrong\n[seckill]\npassword=p'w\n") > 0);
    assert_true(mariadb_sql(server, "CREATE OR REPLACE USER ann@localhost IDENTIFIED BY 'p''w'"));
    assert_true(mariadb_sql(server, "GRANT SELECT ON shop.* TO ann@localhost"));
    (void)snprintf(text, sizeof text, "%s", mariadb_where_as(server, "ann", "shop"));
    assert_int_equal(try_open(text), ORDERS_DB_DENIED);
    assert_int_equal(setenv("SECKILL_ORDERS_PASSWORD", "p'w", 1), 0);
    assert_int_equal(try_open(text), ORDERS_DB_OK);
    assert_int_equal(setenv("SECKILL_ORDERS_PASSWORD", "other", 1), 0);
    assert_int_equal(try_open(text), ORDERS_DB_DENIED);
    assert_null(strstr(error, "other"));
    assert_int_equal(unsetenv("SECKILL_ORDERS_PASSWORD"), 0);
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "&defaults-file=%s", file);
    assert_int_equal(try_open(text), ORDERS_DB_OK);
    assert_int_equal(unlink(file), 0);
    (void)close(fd);
    assert_int_equal(try_open(text), ORDERS_DB_INVALID);
    assert_non_null(strstr(error, "No such file"));
}

static void test_nothing_there(void **state) {
    (void)state;
    assert_int_equal(try_open("mysql://ann@localhost/shop?socket=/nowhere/socket"), ORDERS_DB_UNREACHABLE);
    assert_int_equal(try_open("mysql://ann@127.0.0.1:1/shop?timeout=1"), ORDERS_DB_UNREACHABLE);
    assert_int_equal(try_open(where), ORDERS_DB_SCHEMA);
    assert_non_null(strstr(error, "seckill-ctl orders migrate"));
    assert_true(mariadb_sql(server, "GRANT ALL ON nothing.* TO seckill@localhost"));
    assert_int_equal(try_open(mariadb_where(server, "nothing", NULL)), ORDERS_DB_MISSING);
    assert_int_equal(try_open(mariadb_where(server, "mysql", NULL)), ORDERS_DB_DENIED);
}

/* ---- migrating ---- */

static void test_migrates_once(void **state) {
    (void)state;
    int steps, told;
    assert_int_equal(migrate(true, &told), ORDERS_DB_OK);
    assert_true(told > 1);
    assert_int_equal(try_open(where), ORDERS_DB_SCHEMA); /* nothing was done */
    assert_int_equal(mariadb_integer(server, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'shop'"), 0);
    assert_int_equal(migrate(false, &steps), ORDERS_DB_OK);
    assert_int_equal(steps, told);
    assert_int_equal(try_open(where), ORDERS_DB_OK);
    assert_int_equal(migrate(false, &steps), ORDERS_DB_OK);
    assert_int_equal(steps, 0);
}

static void die_at_step(const char *step, void *user_data) {
    int *left = user_data;
    (void)step;
    if (--*left == 0) {
        _exit(7);
    }
}

static void migrate_and_die(int at) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(orders_db_migrate(where, false, die_at_step, &at, error) == ORDERS_DB_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Killed before any step, it is not taken for whole, and done again. */
static void test_migration_killed_at_each_step(void **state) {
    static const char count[] = "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'shop'";
    int steps, all;
    assert_int_equal(migrate(false, &all), ORDERS_DB_OK);
    long long triggers = mariadb_integer(server, "%s", count);
    assert_true(all > 1 && triggers > 1);
    for (int at = 1; at <= all; at++) {
        (void)make_database(state);
        migrate_and_die(at);
        migrate_and_die(at); /* and once more */
        assert_int_equal(try_open(where), ORDERS_DB_SCHEMA);
        assert_int_equal(migrate(false, &steps), ORDERS_DB_OK);
        orders_db *db = open_db();
        assert_int_equal(orders_db_set_inventory(db, "618", "phone", UNITS, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
        assert_int_equal(apply(db, 1), ORDERS_DB_OK);
        orders_db_close(db);
        assert_int_equal(mariadb_integer(server, "%s", count), triggers);
    }
}

static void test_refuses_other_tables(void **state) {
    (void)state;
    int steps;
    assert_true(mariadb_sql(server, "CREATE TABLE shop.orders (id INT)"));
    assert_int_equal(migrate(false, &steps), ORDERS_DB_SCHEMA);
    assert_non_null(strstr(error, "another program"));
    assert_int_equal(steps, 0);
    assert_true(mariadb_sql(server, "DROP TABLE shop.orders"));
    assert_int_equal(migrate(false, &steps), ORDERS_DB_OK);
    assert_true(mariadb_sql(server, "UPDATE shop.orders_schema SET version = 4"));
    assert_int_equal(migrate(false, &steps), ORDERS_DB_SCHEMA);
    assert_non_null(strstr(error, "version 4"));
    assert_int_equal(try_open(where), ORDERS_DB_SCHEMA);
    assert_non_null(strstr(error, "version 4"));
}

static void test_rights(void **state) {
    (void)state;
    int steps;
    assert_true(mariadb_sql(server, "CREATE OR REPLACE USER seckill@localhost"));
    assert_true(mariadb_sql(server, "GRANT SELECT, CREATE ON shop.* TO seckill@localhost"));
    assert_int_equal(migrate(false, &steps), ORDERS_DB_DENIED); /* it may not write the version */
    assert_true(mariadb_sql(server, "GRANT INSERT, UPDATE, TRIGGER ON shop.* TO seckill@localhost"));
    assert_int_equal(migrate(false, &steps), ORDERS_DB_OK);

    /* What a worker needs, and no more. */
    char text[1100];
    assert_true(mariadb_sql(server, "CREATE OR REPLACE USER worker@localhost"));
    assert_true(mariadb_sql(server, "GRANT SELECT, LOCK TABLES ON shop.* TO worker@localhost"));
    (void)snprintf(text, sizeof text, "%s", mariadb_where_as(server, "worker", "shop"));
    (void)snprintf(where, sizeof where, "%s", text);
    orders_db *db = open_db();
    assert_int_equal(orders_db_set_inventory(db, "618", "phone", UNITS, ORDERS_DB_EXACTLY), ORDERS_DB_DENIED);
    orders_db_close(db);
    for (int i = 0; i < 3; i++) {
        static const char *const tables[] = {"orders", "inventory", "replays"};
        assert_true(mariadb_sql(server, "GRANT INSERT, UPDATE ON shop.%s TO worker@localhost", tables[i]));
    }
    db = open_db();
    assert_int_equal(orders_db_set_inventory(db, "618", "phone", UNITS, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    assert_int_equal(apply(db, 1), ORDERS_DB_OK);
    assert_int_equal(orders_db_note_replayed(db, "618", "phone", 0, 1), ORDERS_DB_OK);
    orders_db_close(db);
    assert_int_equal(migrate(false, &steps), ORDERS_DB_OK); /* nothing to do */
}

/* A worker that runs while the tables become another release's writes nothing more. */
static void test_migrated_meanwhile(void **state) {
    (void)state;
    orders_db *db = open_db();
    assert_int_equal(apply(db, 1), ORDERS_DB_OK);
    assert_true(mariadb_sql(server, "UPDATE shop.orders_schema SET version = 4"));
    assert_int_equal(apply(db, 2), ORDERS_DB_SCHEMA);
    assert_true(mariadb_sql(server, "UPDATE shop.orders_schema SET version = 3"));
    assert_int_equal(apply(db, 2), ORDERS_DB_OK);
    orders_db_close(db);
    assert_int_equal(orders(), 2);
}

/* ---- connections that are cut ---- */

static void cut_all(void) {
    for (;;) {
        long long id = mariadb_integer(server, "SELECT coalesce(max(id), 0) FROM information_schema.processlist "
                                               "WHERE user = 'seckill'");
        if (id <= 0) {
            return;
        }
        (void)mariadb_sql(server, "KILL %lld", id);
    }
}

/* An option file that would have the client library connect again by itself, to a session that is not set up, does not. */
static void test_no_session_behind_our_back(void **state) {
    (void)state;
    char file[] = "/tmp/orders-options-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0 && dprintf(fd, "[client]\nreconnect=1\n") > 0);
    (void)snprintf(where + strlen(where), sizeof where - strlen(where), "&defaults-file=%s", file);
    orders_db *db = open_db();
    cut_all();
    assert_int_equal(orders_db_begin(db), ORDERS_DB_UNREACHABLE);
    orders_db_close(db);
    (void)close(fd);
    assert_int_equal(unlink(file), 0);
}

/* A server without TLS is not spoken to where TLS is wanted. */
static void test_no_plain_text(void **state) {
    (void)state;
    size_t size = strlen(where);
    (void)snprintf(where + size, sizeof where - size, "&tls=off");
    assert_int_equal(try_open(where), ORDERS_DB_OK);
    (void)snprintf(where + size, sizeof where - size, "&tls=verify");
    assert_int_not_equal(try_open(where), ORDERS_DB_OK);
    if (!strstr(error, "SSL") && !strstr(error, "TLS") && !strstr(error, "encrypted")) {
        fail_msg("it says: %s", error);
    }
}

/* After how many calls of a transaction it is cut: nothing of it stands, unless the commit was answered. */
static void test_cut_at_each_step(void **state) {
    (void)state;
    for (uint8_t at = 0; at <= 4; at++) {
        orders_db_event first = event_of((uint8_t)(2 * at)), second = event_of((uint8_t)(2 * at + 1));
        orders_db_outcome outcome;
        orders_db *db = open_db();
        orders_db_status status = ORDERS_DB_OK;
        for (uint8_t step = 0; step < 5 && status == ORDERS_DB_OK; step++) {
            if (step == at) {
                cut_all();
            }
            status = step == 0   ? orders_db_begin(db)
                     : step == 1 ? orders_db_add(db, &first, 1, &outcome)
                     : step == 2 ? orders_db_add(db, &second, 1, &outcome)
                     : step == 3 ? orders_db_commit(db)
                                 : orders_db_begin(db);
        }
        assert_int_equal(status, ORDERS_DB_UNREACHABLE);
        orders_db_rollback(db);
        assert_int_equal(orders_db_begin(db), ORDERS_DB_UNREACHABLE); /* until it is opened again */
        orders_db_close(db);
        assert_int_equal(orders(), 2 * at + (at == 4 ? 2 : 0));
        db = open_db(); /* done again, whatever became of it */
        assert_int_equal(apply(db, (uint8_t)(2 * at)), ORDERS_DB_OK);
        assert_int_equal(apply(db, (uint8_t)(2 * at + 1)), ORDERS_DB_OK);
        orders_db_close(db);
        assert_int_equal(orders(), 2 * at + 2);
    }
    assert_int_equal(mariadb_integer(server, "SELECT max(number) FROM shop.orders"), 10); /* dense */
}

/* The server gets the commit, and its answer comes too late: it stands, and doing it again changes nothing. */
static void test_commit_without_an_answer(void **state) {
    (void)state;
    (void)snprintf(where, sizeof where, "%s", mariadb_where(server, "shop", "timeout=1"));
    orders_db_event event = event_of(1);
    orders_db_outcome outcome;
    orders_db *db = open_db();
    assert_int_equal(orders_db_begin(db), ORDERS_DB_OK);
    assert_int_equal(orders_db_add(db, &event, 1, &outcome), ORDERS_DB_OK);
    mariadb_pause(server);
    assert_int_equal(orders_db_commit(db), ORDERS_DB_UNREACHABLE); /* about 2 s */
    mariadb_resume(server);
    orders_db_rollback(db);
    orders_db_close(db);
    db = open_db();
    orders_db_status status;
    do {
        status = orders_db_apply(db, &event, 1, &outcome);
    } while (status == ORDERS_DB_BUSY); /* until the commit is through */
    assert_int_equal(status, ORDERS_DB_OK);
    assert_int_equal(outcome, ORDERS_DB_ALREADY);
    orders_db_close(db);
    assert_int_equal(orders(), 1);
}

/* A session that stands still with the lock is ended by the server; its transaction does not stand. */
static void test_stands_still_with_the_lock(void **state) {
    (void)state;
    (void)snprintf(where, sizeof where, "%s", mariadb_where(server, "shop", "timeout=1"));
    orders_db *still = open_db(), *other = open_db();
    orders_db_event event = event_of(1);
    orders_db_outcome outcome;
    orders_db_status status;
    assert_int_equal(orders_db_begin(still), ORDERS_DB_OK);
    assert_int_equal(orders_db_add(still, &event, 1, &outcome), ORDERS_DB_OK);
    do {
        status = apply(other, 2);
    } while (status == ORDERS_DB_BUSY); /* about 2 s */
    assert_int_equal(status, ORDERS_DB_OK);
    assert_int_equal(orders_db_commit(still), ORDERS_DB_UNREACHABLE);
    orders_db_close(still);
    orders_db_close(other);
    assert_int_equal(orders(), 1);
}

/* ---- foreign sessions ---- */

static MYSQL *foreign(void) {
    MYSQL *mysql = mysql_init(NULL);
    assert_non_null(mysql_real_connect(mysql, "localhost", "root", NULL, "shop", 0, mariadb_socket(server), 0));
    return mysql;
}

static void run(MYSQL *mysql, const char *sql) {
    if (mysql_query(mysql, sql) != 0) {
        fail_msg("%s: %s", sql, mysql_error(mysql));
    }
    mysql_free_result(mysql_store_result(mysql));
}

static void test_locks_of_others(void **state) {
    (void)state;
    static const char *const locks[] = {"SELECT * FROM orders_schema FOR UPDATE", "SELECT * FROM inventory FOR UPDATE"};
    orders_db *db = open_db();
    MYSQL *other = foreign();
    for (uint8_t i = 0; i < 2; i++) {
        run(other, "BEGIN");
        run(other, locks[i]);
        assert_int_equal(apply(db, i), ORDERS_DB_BUSY);
        assert_non_null(strstr(orders_db_error(db), "1205"));
        run(other, "COMMIT");
        assert_int_equal(apply(db, i), ORDERS_DB_OK);
    }
    mysql_close(other);
    orders_db_close(db);
    assert_int_equal(orders(), 2);
}

typedef struct {
    orders_db *db;
    orders_db_status status;
} attempt;

static void *apply_beside(void *argument) {
    attempt *a = argument;
    a->status = apply(a->db, 1);
    return NULL;
}

/* A shop's own session takes the item first and our lock second: one of the two must give way, and it is the one that has
 * written less. */
static void test_deadlock(void **state) {
    (void)state;
    attempt a = {.db = open_db()};
    MYSQL *other = foreign();
    pthread_t thread;
    run(other, "CREATE TABLE weight (n INT PRIMARY KEY) ENGINE = InnoDB");
    run(other, "BEGIN");
    run(other, "INSERT INTO weight SELECT seq FROM seq_1_to_1000");
    run(other, "SELECT * FROM inventory FOR UPDATE");
    assert_int_equal(pthread_create(&thread, NULL, apply_beside, &a), 0);
    while (mariadb_integer(server, "SELECT variable_value FROM information_schema.global_status "
                                   "WHERE variable_name = 'Innodb_row_lock_current_waits'") != 1) {
        (void)usleep(1000);
    }
    run(other, "SELECT * FROM orders_schema FOR UPDATE");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a.status, ORDERS_DB_BUSY);
    assert_non_null(strstr(orders_db_error(a.db), "1213"));
    assert_int_equal(orders_db_commit(a.db), ORDERS_DB_FAILED); /* there is nothing to commit */
    run(other, "COMMIT");
    mysql_close(other);
    mysql_thread_end();
    assert_int_equal(apply(a.db, 1), ORDERS_DB_OK);
    orders_db_close(a.db);
    assert_int_equal(orders(), 1);
}

/* Of a lock that was not had in time the server rolls back the statement alone, and would commit the rest. */
static void test_failed_is_not_committed(void **state) {
    (void)state;
    orders_db_event events[] = {event_of(1), event_of(2)};
    orders_db_outcome outcome;
    orders_db *db = open_db();
    MYSQL *other = foreign();
    events[1].item = "cable";
    assert_int_equal(orders_db_set_inventory(db, "618", "cable", 1, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    run(other, "BEGIN");
    run(other, "UPDATE inventory SET units_left = 1 WHERE activity = '618' AND item = 'cable'");
    assert_int_equal(orders_db_begin(db), ORDERS_DB_OK);
    assert_int_equal(orders_db_add(db, &events[0], 1, &outcome), ORDERS_DB_OK);
    assert_int_equal(orders_db_add(db, &events[1], 1, &outcome), ORDERS_DB_BUSY);
    assert_int_equal(orders_db_add(db, &events[0], 1, &outcome), ORDERS_DB_FAILED);
    assert_int_equal(orders_db_commit(db), ORDERS_DB_FAILED);
    orders_db_rollback(db);
    run(other, "ROLLBACK");
    mysql_close(other);
    orders_db_close(db);
    assert_int_equal(orders(), 0);
}

static void test_read_only_server(void **state) {
    (void)state;
    orders_db *db = open_db();
    assert_true(mariadb_sql(server, "SET GLOBAL read_only = 1"));
    assert_int_equal(apply(db, 1), ORDERS_DB_READONLY);
    assert_true(mariadb_sql(server, "SET GLOBAL read_only = 0"));
    assert_int_equal(apply(db, 1), ORDERS_DB_OK);
    orders_db_close(db);
    assert_int_equal(orders(), 1);
}

/* ---- a disk that is full ---- */

/* The server's files do not grow; it gets one more. */
static void test_full(void **state) {
    (void)state;
    const char *lines[] = {"--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:24M", NULL};
    enum { COUNT = 2000 };
    static orders_db_event events[COUNT];
    static orders_db_outcome outcomes[COUNT];
    mariadb_server *whole = server;
    server = mariadb_start(&(mariadb_options){.lines = lines});
    assert_non_null(server);
    (void)make_shop(state);
    orders_db *db = open_db();
    assert_int_equal(orders_db_set_inventory(db, "618", "phone", COUNT, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    assert_true(mariadb_sql(server, "CREATE TABLE shop.filler (n INT PRIMARY KEY, text LONGBLOB) ENGINE = InnoDB"));
    for (int size = 1 << 20, n = 0; size >= 1 << 17;) {
        n++;
        if (!mariadb_sql(server, "INSERT INTO shop.filler VALUES (%d, repeat('x', %d))", n, size)) {
            size /= 2;
        }
    }
    if (mariadb_integer(server, "SELECT 1") != 1) { /* as 11.8 does: it ends itself where its files are full */
        orders_db_close(db);
        mariadb_free(server);
        server = whole;
        skip();
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        events[i] = event_of((uint8_t)i);
        events[i].event.reservation_id[1] = (uint8_t)(i >> 8);
    }
    assert_int_equal(orders_db_apply(db, events, COUNT, outcomes), ORDERS_DB_FULL);
    assert_int_equal(orders(), 0);
    orders_db_close(db);
    mariadb_stop(server);
    lines[1] = "--innodb-data-file-path=ibdata1:24M;ibdata2:24M";
    assert_true(mariadb_restart(server));
    db = open_db();
    assert_int_equal(orders_db_apply(db, events, COUNT, outcomes), ORDERS_DB_OK);
    assert_int_equal(orders(), COUNT);
    orders_db_close(db);
    mariadb_free(server);
    server = whole;
}

#define IN_DATABASE(test) cmocka_unit_test_setup(test, make_database)
#define IN_SHOP(test) cmocka_unit_test_setup(test, make_shop)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DATABASE(test_where),
        IN_SHOP(test_passwords),
        IN_DATABASE(test_nothing_there),
        IN_DATABASE(test_migrates_once),
        IN_DATABASE(test_migration_killed_at_each_step),
        IN_DATABASE(test_refuses_other_tables),
        IN_DATABASE(test_rights),
        IN_SHOP(test_migrated_meanwhile),
        IN_SHOP(test_no_session_behind_our_back),
        IN_SHOP(test_no_plain_text),
        IN_SHOP(test_cut_at_each_step),
        IN_SHOP(test_commit_without_an_answer),
        IN_SHOP(test_stands_still_with_the_lock),
        IN_SHOP(test_locks_of_others),
        IN_SHOP(test_deadlock),
        IN_SHOP(test_failed_is_not_committed),
        IN_SHOP(test_read_only_server),
        IN_SHOP(test_full),
    };
    if (!mariadb_available()) {
        return 77;
    }
    return cmocka_run_group_tests_name("orders_mysql", tests, start_server, stop_server);
}
