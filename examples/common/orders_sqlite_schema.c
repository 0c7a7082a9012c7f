/* The tables of SQLite, and whether a file has them; see orders_sqlite.h.
 *
 * What must never happen is forbidden here, not only in the code that calls: a program of another shop, or a person with the
 * sqlite3 shell, cannot sell more than there is, move an order backwards, or delete one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_rules.h"
#include "orders_sqlite.h"

#include <stdio.h>
#include <string.h>

enum {
    APPLICATION_ID = 0x534b4f44, /* "SKOD", in the file's header: `file orders.db` shows it */
    SCHEMA_VERSION = 3,          /* raised by each change of what stands below */
    SCHEMA_BEFORE = 2,           /* the version that is brought to this one when it is opened */
    STRICT_SINCE = 3037000       /* the release of SQLite that has STRICT tables */
};

/* As of version 2. Each %s is STRICT where SQLite knows it. Both tables are looked up by their primary key only and their rows
 * are small: without a rowid each look-up is one search, not two. */
static const char tables[] =
    "CREATE TABLE inventory ("
    " activity TEXT NOT NULL,"
    " item TEXT NOT NULL,"
    " units_total INTEGER NOT NULL CHECK (units_total BETWEEN 0 AND 9007199254740991),"
    " units_left INTEGER NOT NULL CHECK (units_left >= 0 AND units_left <= units_total),"
    " PRIMARY KEY (activity, item)"
    ") %sWITHOUT ROWID;"

    "CREATE TABLE orders ("
    " number INTEGER PRIMARY KEY," /* 1, 2, ... as they came */
    " reservation_id BLOB NOT NULL UNIQUE CHECK (length(reservation_id) = 16),"
    " activity TEXT NOT NULL,"
    " item TEXT NOT NULL,"
    " user BLOB NOT NULL CHECK (length(user) BETWEEN 1 AND 64),"
    " quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),"
    " price INTEGER NOT NULL CHECK (price BETWEEN 0 AND 9007199254740991)," /* of one unit, minor units */
    " order_ref BLOB NOT NULL CHECK (length(order_ref) <= 128),"
    " state TEXT NOT NULL CHECK (state IN ('confirmed', 'refunded', 'refused')),"
    " refused_for TEXT CHECK (refused_for IN ('inventory', 'item'))," /* stays when the refused order is refunded */
    " refund_due INTEGER NOT NULL CHECK (refund_due IN (0, 1)),"      /* Redis must still be told */
    " confirmed_ms INTEGER,"                                          /* NULL: its confirmation was never seen */
    " paid_ms INTEGER NOT NULL DEFAULT 0 CHECK (paid_ms >= 0),"       /* 0: not paid, as far as the shop has said */
    " refunded_ms INTEGER," ORDERS_RULES ")%s;"

    /* An item's account is read from this index alone. */
    "CREATE INDEX orders_by_item ON orders (activity, item, state, quantity);"
    "CREATE INDEX orders_refund_due ON orders (activity, item) WHERE refund_due = 1;"
    /* What a deadline may hit, oldest first; and how many units that is. */
    "CREATE INDEX orders_unpaid ON orders (activity, item, confirmed_ms, quantity)"
    " WHERE state = 'confirmed' AND paid_ms = 0 AND refund_due = 0;";

/* What version 3 added to version 2. The index finds what changed within the last minutes among any number of orders. */
static const char since_version_2[] =
    /* Up to which epoch a shard's orders were replayed to Redis. */
    "CREATE TABLE replays ("
    " activity TEXT NOT NULL,"
    " item TEXT NOT NULL,"
    " shard INTEGER NOT NULL CHECK (shard >= 0),"
    " epoch INTEGER NOT NULL CHECK (epoch BETWEEN 1 AND 9007199254740991),"
    " PRIMARY KEY (activity, item, shard)"
    ") %sWITHOUT ROWID;"
    "CREATE INDEX orders_by_change ON orders (activity, item, " ORDERS_SQLITE_CHANGED ");"
    "PRAGMA user_version = 3;";

/* What this release added to version 3. The release before neither reads nor writes it, and both work on one file: so the
 * version is the same. It is made TEMP, and empty, for who only reads a file without it. */
static const char allocations[] = "CREATE %sTABLE IF NOT EXISTS allocations ("
                                  " activity TEXT NOT NULL,"
                                  " item TEXT NOT NULL,"
                                  " operation TEXT NOT NULL,"
                                  " direction TEXT NOT NULL CHECK (direction IN ('load', 'return')),"
                                  " asked INTEGER NOT NULL CHECK (asked BETWEEN 0 AND 9007199254740991)," /* 0: all */
                                  " units INTEGER NOT NULL CHECK (units BETWEEN 0 AND 9007199254740991),"
                                  " goods TEXT," /* table, column and value of its row, column of its units; NULL: without */
                                  " goods_key TEXT,"
                                  " goods_value TEXT,"
                                  " goods_units TEXT,"
                                  " state TEXT NOT NULL CHECK (state IN ('begun', 'done', 'undone')),"
                                  " begun_ms INTEGER NOT NULL,"
                                  " ended_ms INTEGER,"
                                  " PRIMARY KEY (activity, item, operation)," ALLOCATIONS_RULES ") %sWITHOUT ROWID;";

static const char allocation_rules[] =
    "CREATE TRIGGER IF NOT EXISTS allocations_stay BEFORE DELETE ON allocations"
    " BEGIN SELECT RAISE(ABORT, 'allocations are never deleted'); END;"

    "CREATE TRIGGER IF NOT EXISTS allocations_end_once BEFORE UPDATE ON allocations"
    " WHEN old.state <> 'begun'"
    " BEGIN SELECT RAISE(ABORT, 'an allocation ends once'); END;"

    "CREATE TRIGGER IF NOT EXISTS allocations_keep_what_was_begun BEFORE UPDATE ON allocations"
    " WHEN NOT (new.activity = old.activity AND new.item = old.item AND new.operation = old.operation"
    "  AND new.direction = old.direction AND new.asked = old.asked AND new.begun_ms = old.begun_ms"
    "  AND (new.units = old.units OR old.direction = 'return') AND new.goods IS old.goods AND new.goods_key IS old.goods_key"
    "  AND new.goods_value IS old.goods_value AND new.goods_units IS old.goods_units)"
    " BEGIN SELECT RAISE(ABORT, 'what was begun does not change'); END;";

static const char rules[] =
    "CREATE TRIGGER orders_stay BEFORE DELETE ON orders"
    " BEGIN SELECT RAISE(ABORT, 'orders are never deleted'); END;"

    "CREATE TRIGGER orders_move_forward BEFORE UPDATE OF state ON orders"
    " WHEN NOT (new.state = old.state OR (old.state IN ('confirmed', 'refused') AND new.state = 'refunded'))"
    " BEGIN SELECT RAISE(ABORT, 'an order only moves forward'); END;"

    "CREATE TRIGGER orders_keep_what_was_sold"
    " BEFORE UPDATE OF number, reservation_id, activity, item, user, quantity, price, refused_for, confirmed_ms ON orders"
    " BEGIN SELECT RAISE(ABORT, 'what was ordered does not change'); END;"

    "CREATE TRIGGER orders_are_paid_once BEFORE UPDATE OF paid_ms ON orders"
    " WHEN new.paid_ms <> old.paid_ms AND (old.paid_ms <> 0 OR old.state <> 'confirmed' OR old.refund_due = 1)"
    " BEGIN SELECT RAISE(ABORT, 'an order is paid once, while it is confirmed and no refund is due'); END;"

    /* Redis may have been told already: from then on the order must not be paid. */
    "CREATE TRIGGER orders_refund_stays_due BEFORE UPDATE OF refund_due ON orders"
    " WHEN old.refund_due = 1 AND new.refund_due = 0 AND new.state = 'confirmed'"
    " BEGIN SELECT RAISE(ABORT, 'a refund that is due is not taken back'); END;"

    "CREATE TRIGGER inventory_stays BEFORE DELETE ON inventory"
    " BEGIN SELECT RAISE(ABORT, 'inventory is never deleted: set it to what is sold'); END;";

/* One number, from a statement that gives one. */
static orders_db_status number(orders_db *db, const char *sql, int64_t *value) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(orders_sqlite_of(db), sql, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return orders_sqlite_failed(db, code, "reading the file");
    }
    code = sqlite3_step(statement);
    orders_db_status status = code == SQLITE_ROW ? ORDERS_DB_OK : orders_sqlite_failed(db, code, "reading the file");
    *value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_finalize(statement);
    return status;
}

/* What a file is, if it is no error to open it. */
typedef enum { FILE_FRESH, FILE_BEFORE, FILE_WITHOUT_ALLOCATIONS, FILE_CURRENT } file_kind;

static orders_db_status identify(orders_db *db, file_kind *kind) {
    int64_t application = 0, version = 0, tables_there = 0, has_allocations = 0;
    orders_db_status status = number(db, "PRAGMA application_id", &application);
    if (status == ORDERS_DB_OK) {
        status = number(db, "PRAGMA user_version", &version);
    }
    if (status == ORDERS_DB_OK) {
        status = number(db, "SELECT count(*) FROM sqlite_master", &tables_there);
    }
    if (status == ORDERS_DB_OK) {
        status = number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'allocations'", &has_allocations);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (application == 0 && version == 0 && tables_there == 0) {
        *kind = FILE_FRESH;
        return ORDERS_DB_OK;
    }
    if (application != APPLICATION_ID) {
        return orders_db__fail(db, ORDERS_DB_SCHEMA, "this is a database, but not one of orders");
    }
    *kind = version == SCHEMA_BEFORE ? FILE_BEFORE : has_allocations ? FILE_CURRENT : FILE_WITHOUT_ALLOCATIONS;
    if (version != SCHEMA_BEFORE && version != SCHEMA_VERSION) {
        return orders_db__fail(db, ORDERS_DB_SCHEMA, "the file has schema version %lld, this release knows %d",
                               (long long)version, SCHEMA_VERSION);
    }
    return ORDERS_DB_OK;
}

/* STRICT where SQLite knows it. */
static bool is_strict(void) {
    return sqlite3_libversion_number() >= STRICT_SINCE;
}

static orders_db_status make_tables(orders_db *db) {
    char sql[sizeof tables + sizeof rules + 128];
    int size = snprintf(sql, sizeof sql, tables, is_strict() ? "STRICT, " : "", is_strict() ? " STRICT" : "");
    (void)snprintf(sql + size, sizeof sql - (size_t)size, "%s PRAGMA application_id = %d;", rules, APPLICATION_ID);
    return orders_db__exec(db, sql, "making the tables");
}

static orders_db_status add_what_is_new(orders_db *db) {
    char sql[sizeof since_version_2 + 16];
    (void)snprintf(sql, sizeof sql, since_version_2, is_strict() ? "STRICT, " : "");
    return orders_db__exec(db, sql, "adding what is new in this release");
}

static orders_db_status add_allocations(orders_db *db, bool temporary) {
    char sql[sizeof allocations + sizeof allocation_rules + 16];
    int size = snprintf(sql, sizeof sql, allocations, temporary ? "TEMP " : "", is_strict() ? "STRICT, " : "");
    (void)snprintf(sql + size, sizeof sql - (size_t)size, "%s", temporary ? "" : allocation_rules);
    return orders_db__exec(db, sql, "adding what is new in this release");
}

static orders_db_status bring_up(orders_db *db) {
    file_kind kind = FILE_CURRENT;
    orders_db_status status = identify(db, &kind);
    if (status == ORDERS_DB_OK && kind == FILE_FRESH) {
        status = make_tables(db);
    }
    if (status == ORDERS_DB_OK && kind < FILE_WITHOUT_ALLOCATIONS) {
        status = add_what_is_new(db);
    }
    return status == ORDERS_DB_OK && kind != FILE_CURRENT ? add_allocations(db, false) : status;
}

/* Two processes may find the same file: the second one finds what the first has made of it. */
static orders_db_status bring_up_once(orders_db *db) {
    orders_db_status status = orders_db_begin(db);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = bring_up(db);
    if (status == ORDERS_DB_OK) {
        status = orders_db_commit(db);
    }
    orders_db_rollback(db);
    return status;
}

static orders_db_status write_ahead(orders_db *db) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(orders_sqlite_of(db), "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return orders_sqlite_failed(db, code, "turning the write-ahead log on");
    }
    orders_db_status status = ORDERS_DB_OK;
    code = sqlite3_step(statement);
    if (code != SQLITE_ROW) {
        status = orders_sqlite_failed(db, code, "turning the write-ahead log on");
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0) {
        status = orders_db__fail(db, ORDERS_DB_FAILED, "the write-ahead log does not work here: is the disk a network's?");
    }
    (void)sqlite3_finalize(statement);
    return status;
}

orders_db_status orders_sqlite_prepare_schema(orders_db *db, bool read_only) {
    file_kind kind = FILE_CURRENT;
    orders_db_status status = identify(db, &kind);
    if (status == ORDERS_DB_OK && kind == FILE_FRESH && read_only) {
        status = orders_db__fail(db, ORDERS_DB_SCHEMA, "this is an empty database");
    }
    if (status == ORDERS_DB_OK && !read_only) {
        status = write_ahead(db);
    }
    if (status == ORDERS_DB_OK && kind != FILE_CURRENT) {
        status = read_only ? add_allocations(db, true) : bring_up_once(db);
    }
    return status;
}

orders_db_status orders_sqlite_migrate(orders_db *db, bool dry_run, orders_db_step_cb cb, void *user_data) {
    static const char *const steps[] = {"make the tables of schema version 3", "bring schema version 2 to 3",
                                        "make the table allocations"};
    file_kind kind = FILE_CURRENT;
    orders_db_status status = identify(db, &kind);
    if (status != ORDERS_DB_OK || kind == FILE_CURRENT) {
        return status;
    }
    cb(steps[kind], user_data);
    return dry_run ? ORDERS_DB_OK : orders_sqlite_prepare_schema(db, false);
}
