/* The tables of MySQL, and whether a database has them; see orders_mysql.h.
 *
 * As in SQLite, what must never happen is forbidden here, not only in the code that calls. The server ends a transaction with
 * each statement that makes a table, so a migration may be ended between any two: each of its steps may be done again, and the
 * version is written last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_mysql.h"
#include "orders_rules.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

enum {
    SCHEMA_VERSION = 3, /* as SQLite's, whose tables of that version say the same; 0: being made */
    OLDEST_MYSQL = 80016,
    OLDEST_MARIADB = 100600
};

#define NAME "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
#define TEXT "VARCHAR(129) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
#define ENGINE ") ENGINE = InnoDB"
#define FORBID(sentence) "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '" sentence "'"
#define FORBID_IF(condition, sentence) " IF " condition " THEN " FORBID(sentence) "; END IF;"

typedef struct {
    const char *what, *sql;
} migration_step;

static const migration_step steps[] = {
    /* The row that who writes locks. */
    {"make the table orders_schema",
     "CREATE TABLE IF NOT EXISTS orders_schema (one TINYINT NOT NULL PRIMARY KEY CHECK (one = 1), version INT NOT NULL" ENGINE},
    {"write version 0: being made", "INSERT IGNORE INTO orders_schema (one, version) VALUES (1, 0)"},

    {"make the table inventory", "CREATE TABLE IF NOT EXISTS inventory ("
                                 " activity " NAME ", item " NAME ","
                                 " units_total BIGINT NOT NULL CHECK (units_total BETWEEN 0 AND 9007199254740991),"
                                 " units_left BIGINT NOT NULL,"
                                 " PRIMARY KEY (activity, item),"
                                 " CHECK (units_left >= 0 AND units_left <= units_total)" ENGINE},

    {"make the table orders",
     "CREATE TABLE IF NOT EXISTS orders ("
     " number BIGINT NOT NULL PRIMARY KEY," /* 1, 2, ... as they came */
     " reservation_id VARBINARY(16) NOT NULL UNIQUE CHECK (length(reservation_id) = 16),"
     " activity " NAME ", item " NAME ","
     " user VARBINARY(64) NOT NULL CHECK (length(user) BETWEEN 1 AND 64),"
     " quantity INT NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),"
     " price BIGINT NOT NULL CHECK (price BETWEEN 0 AND 9007199254740991)," /* of one unit, minor units */
     " order_ref VARBINARY(128) NOT NULL,"
     " state VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
     "  CHECK (state IN ('confirmed', 'refunded', 'refused')),"
     " refused_for VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
     "  CHECK (refused_for IN ('inventory', 'item')),"            /* stays when the refused order is refunded */
     " refund_due TINYINT NOT NULL CHECK (refund_due IN (0, 1))," /* Redis must still be told */
     " confirmed_ms BIGINT,"                                      /* NULL: its confirmation was never seen */
     " paid_ms BIGINT NOT NULL DEFAULT 0 CHECK (paid_ms >= 0),"   /* 0: not paid, as far as the shop has said */
     " refunded_ms BIGINT,"
     " changed_ms BIGINT AS (greatest(coalesce(confirmed_ms, 0), coalesce(refunded_ms, 0))) STORED," ORDERS_RULES ","
     /* An item's account and what a deadline may hit, oldest first, are read from the first one alone. */
     " KEY orders_by_item (activity, item, state, refund_due, paid_ms, confirmed_ms, quantity),"
     " KEY orders_refund_due (refund_due, activity, item),"
     " KEY orders_by_change (activity, item, changed_ms)" ENGINE},

    /* Up to which epoch a shard's orders were replayed to Redis. */
    {"make the table replays", "CREATE TABLE IF NOT EXISTS replays ("
                               " activity " NAME ", item " NAME ","
                               " shard BIGINT NOT NULL CHECK (shard >= 0),"
                               " epoch BIGINT NOT NULL CHECK (epoch BETWEEN 1 AND 9007199254740991),"
                               " PRIMARY KEY (activity, item, shard)" ENGINE},

    {"make the table allocations", "CREATE TABLE IF NOT EXISTS allocations ("
                                   " activity " NAME ", item " NAME ", operation " NAME ","
                                   " direction " NAME " CHECK (direction IN ('load', 'return')),"
                                   " asked BIGINT NOT NULL CHECK (asked BETWEEN 0 AND 9007199254740991)," /* 0: all */
                                   " units BIGINT NOT NULL CHECK (units BETWEEN 0 AND 9007199254740991),"
                                   /* Table, column and value of its row, column of its units; NULL: without. */
                                   " goods " TEXT ", goods_key " TEXT ", goods_value " TEXT ", goods_units " TEXT ","
                                   " state " NAME " CHECK (state IN ('begun', 'done', 'undone')),"
                                   " begun_ms BIGINT NOT NULL,"
                                   " ended_ms BIGINT,"
                                   " PRIMARY KEY (activity, item, operation)," ALLOCATIONS_RULES ENGINE},

    {NULL, "DROP TRIGGER IF EXISTS allocations_stay"},
    {"make the trigger allocations_stay",
     "CREATE TRIGGER allocations_stay BEFORE DELETE ON allocations FOR EACH ROW " FORBID("allocations are never deleted")},

    {NULL, "DROP TRIGGER IF EXISTS allocations_rules"},
    {"make the trigger allocations_rules",
     "CREATE TRIGGER allocations_rules BEFORE UPDATE ON allocations FOR EACH ROW BEGIN" FORBID_IF("old.state <> 'begun'",
                                                                                                  "an allocation ends once")
         FORBID_IF("NOT (new.activity = old.activity AND new.item = old.item AND new.operation = old.operation"
                   "  AND new.direction = old.direction AND new.asked = old.asked AND new.begun_ms = old.begun_ms"
                   "  AND (new.units = old.units OR old.direction = 'return') AND new.goods <=> old.goods"
                   "  AND new.goods_key <=> old.goods_key AND new.goods_value <=> old.goods_value"
                   "  AND new.goods_units <=> old.goods_units)",
                   "what was begun does not change") " END"},

    {NULL, "DROP TRIGGER IF EXISTS orders_stay"},
    {"make the trigger orders_stay",
     "CREATE TRIGGER orders_stay BEFORE DELETE ON orders FOR EACH ROW " FORBID("orders are never deleted")},

    {NULL, "DROP TRIGGER IF EXISTS inventory_stays"},
    {"make the trigger inventory_stays", "CREATE TRIGGER inventory_stays BEFORE DELETE ON inventory FOR EACH ROW " FORBID(
                                             "inventory is never deleted: set it to what is sold")},

    {NULL, "DROP TRIGGER IF EXISTS orders_rules"},
    {"make the trigger orders_rules",
     "CREATE TRIGGER orders_rules BEFORE UPDATE ON orders FOR EACH ROW BEGIN" FORBID_IF(
         "NOT (new.state = old.state OR (old.state IN ('confirmed', 'refused') AND new.state = 'refunded'))",
         "an order only moves forward")
         FORBID_IF("NOT (new.number = old.number AND new.reservation_id = old.reservation_id AND new.activity = old.activity"
                   "  AND new.item = old.item AND new.user = old.user AND new.quantity = old.quantity AND new.price = old.price"
                   "  AND new.refused_for <=> old.refused_for AND new.confirmed_ms <=> old.confirmed_ms)",
                   "what was ordered does not change")
             FORBID_IF("new.paid_ms <> old.paid_ms AND (old.paid_ms <> 0 OR old.state <> 'confirmed' OR old.refund_due = 1)",
                       "an order is paid once, while it is confirmed and no refund is due")
     /* Redis may have been told already: from then on the order must not be paid. */
     FORBID_IF("old.refund_due = 1 AND new.refund_due = 0 AND new.state = 'confirmed'",
               "a refund that is due is not taken back") " END"},

    {"write version 3", "UPDATE orders_schema SET version = 3 WHERE one = 1"},
};

/* ---- looking ---- */

static orders_db_status wrong_version(orders_db *db, int64_t version) {
    if (version < SCHEMA_VERSION) {
        return orders_db__fail(db, ORDERS_DB_SCHEMA,
                               "the database has no tables of this release: run "
                               "`seckill-ctl orders migrate`");
    }
    return orders_db__fail(db, ORDERS_DB_SCHEMA, "the database has schema version %lld, this release knows %d",
                           (long long)version, SCHEMA_VERSION);
}

orders_db_status orders_mysql_check_version(orders_db *db, bool lock) {
    int64_t version = 0;
    bool found;
    orders_db_status status = orders_mysql_number(db,
                                                  lock ? "SELECT version FROM orders_schema WHERE one = 1 FOR UPDATE"
                                                       : "SELECT version FROM orders_schema WHERE one = 1",
                                                  lock ? "beginning a transaction" : "looking at the tables", &version, &found);
    return status != ORDERS_DB_OK || version == SCHEMA_VERSION ? status : wrong_version(db, version);
}

/* MyISAM, for one, keeps what is rolled back; a view may be of anything. The name is letters, digits, _ and a dot. */
orders_db_status orders_mysql_check_table(orders_db *db, const char *table) {
    const char *dot = strchr(table, '.');
    char sql[512];
    int64_t bad = 0;
    bool found;
    (void)snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine "
        "WHERE t.table_schema = %s%.*s%s AND t.table_name = '%s' AND coalesce(e.transactions, 'NO') <> 'YES'",
        dot ? "'" : "database()", dot ? (int)(dot - table) : 0, table, dot ? "'" : "", dot ? dot + 1 : table);
    orders_db_status status = orders_mysql_number(db, sql, "looking at the table of the goods", &bad, &found);
    return status != ORDERS_DB_OK || bad == 0
               ? status
               : orders_db__fail(db, ORDERS_DB_REFUSED, "%s is no table of an engine with transactions, such as InnoDB", table);
}

/* How many of these tables there are. */
static orders_db_status count_tables(orders_db *db, const char *names, int64_t *count) {
    char sql[256];
    bool found;
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name IN (%s)",
                   names);
    return orders_mysql_number(db, sql, "looking at the tables", count, &found);
}

/* *version: -1 where nothing is there. */
static orders_db_status identify(orders_db *db, int64_t *version) {
    int64_t ours = 0, others = 0;
    bool found = false;
    *version = -1;
    orders_db_status status = count_tables(db, "'orders_schema'", &ours);
    if (status == ORDERS_DB_OK && ours > 0) {
        status = orders_mysql_number(db, "SELECT version FROM orders_schema WHERE one = 1", "looking at the tables", version,
                                     &found);
    }
    if (status == ORDERS_DB_OK && ours == 0) {
        status = count_tables(db, "'orders', 'inventory', 'replays', 'allocations'", &others);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (others > 0) {
        return orders_db__fail(db, ORDERS_DB_SCHEMA,
                               "the database has tables of another program named orders, inventory, "
                               "replays or allocations: give the orders a database of their own");
    }
    return *version > SCHEMA_VERSION ? wrong_version(db, *version) : ORDERS_DB_OK;
}

/* ---- migrating ---- */

/* CHECK is kept since these releases only: before, it is read and forgotten. */
static orders_db_status check_server(orders_db *db) {
    orders_mysql_connection *c = orders_mysql_of(db);
    unsigned long version = mysql_get_server_version(&c->mysql);
    return version >= (c->is_mariadb ? OLDEST_MARIADB : OLDEST_MYSQL)
               ? ORDERS_DB_OK
               : orders_db__fail(db, ORDERS_DB_SCHEMA, "the server is %s: MySQL 8.0.16 or MariaDB 10.6 at least is needed",
                                 mysql_get_server_info(&c->mysql));
}

/* One migration at a time, as long as the connection lasts. */
static orders_db_status lock_migration(orders_db *db) {
    int64_t taken = 0;
    bool found;
    orders_db_status status = orders_mysql_number(db, "SELECT get_lock(concat('seckill:', left(database(), 50)), 10)",
                                                  "waiting for another migration", &taken, &found);
    return status != ORDERS_DB_OK || taken == 1
               ? status
               : orders_db__fail(db, ORDERS_DB_BUSY, "another migration of this database is under way");
}

static orders_db_status run_steps(orders_db *db, bool dry_run, orders_db_step_cb cb, void *user_data) {
    orders_db_status status = ORDERS_DB_OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && status == ORDERS_DB_OK; i++) {
        if (steps[i].what) {
            cb(steps[i].what, user_data);
        }
        status = dry_run ? ORDERS_DB_OK : orders_mysql_exec(db, steps[i].sql, steps[i].what ? steps[i].what : "migrating");
    }
    return status;
}

orders_db_status orders_mysql_migrate(orders_db *db, bool dry_run, orders_db_step_cb cb, void *user_data) {
    int64_t version;
    orders_db_status status = check_server(db);
    if (status == ORDERS_DB_OK && !dry_run) {
        status = lock_migration(db);
    }
    if (status == ORDERS_DB_OK) {
        status = identify(db, &version);
    }
    return status == ORDERS_DB_OK && version != SCHEMA_VERSION ? run_steps(db, dry_run, cb, user_data) : status;
}
