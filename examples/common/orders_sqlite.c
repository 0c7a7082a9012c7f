/* The engine SQLite; see orders_sql.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_sqlite.h"

#include <stdlib.h>
#include <string.h>

struct orders_sql_statement {
    sqlite3_stmt *prepared;
    int code; /* of the first thing that could not be bound */
};

#define ORDERS_SQL_TEXT(name, sql) [ORDERS_DB__##name] = sql, /* NOLINT: a list of initialisers */

static const char *const texts[ORDERS_DB__STATEMENTS] = {
    ORDERS_SQL_SHARED(ORDERS_SQL_TEXT, ORDERS_SQLITE_CHANGED, "") /* BEGIN IMMEDIATE locks all */
        [ORDERS_DB__SET_INVENTORY] = "INSERT INTO inventory (activity, item, units_total, units_left) VALUES (?1, ?2, ?3, ?4) "
                                     "ON CONFLICT (activity, item) DO UPDATE SET units_total = ?3, units_left = ?4",
    [ORDERS_DB__GIVE_BACK_DUE] = "UPDATE inventory SET units_left = units_left + o.quantity FROM orders o "
                                 "WHERE o.reservation_id = ?1 AND o.state = 'confirmed' AND o.refund_due = 1 "
                                 "AND inventory.activity = o.activity AND inventory.item = o.item",
    [ORDERS_DB__REFUND_UNPAID] = "UPDATE orders SET refund_due = 1 WHERE number IN (SELECT number FROM orders "
                                 "WHERE activity = ?1 AND item = ?2 AND state = 'confirmed' AND paid_ms = 0 "
                                 "AND refund_due = 0 AND confirmed_ms < ?3 ORDER BY confirmed_ms LIMIT ?4)",
    [ORDERS_DB__NOTE_REPLAYED] = "INSERT INTO replays (activity, item, shard, epoch) VALUES (?1, ?2, ?3, ?4) "
                                 "ON CONFLICT (activity, item, shard) DO UPDATE SET epoch = ?4"};

sqlite3 *orders_sqlite_of(const orders_db *db) {
    return db->connection;
}

/* ---- errors ---- */

static orders_db_status status_of(int code) {
    if (code == SQLITE_READONLY_DBMOVED) {
        return ORDERS_DB_MISSING;
    }
    if (code == SQLITE_IOERR_NOMEM) {
        return ORDERS_DB_NO_MEMORY;
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ORDERS_DB_BUSY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ORDERS_DB_READONLY;
    case SQLITE_FULL:
        return ORDERS_DB_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ORDERS_DB_CORRUPT;
    case SQLITE_CANTOPEN:
        return ORDERS_DB_MISSING;
    case SQLITE_NOMEM:
        return ORDERS_DB_NO_MEMORY;
    default:
        return ORDERS_DB_FAILED;
    }
}

orders_db_status orders_sqlite_failed(orders_db *db, int code, const char *doing) {
    /* The number of the system's error is known for I/O errors and for files that cannot be opened only. */
    bool known = (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR;
    int system = known ? sqlite3_system_errno(orders_sqlite_of(db)) : 0;
    return orders_db__fail(db, status_of(code), "%s: %s%s%s (SQLite code %d)", doing, sqlite3_errmsg(orders_sqlite_of(db)),
                           system ? ": " : "", system ? strerror(system) : "", code);
}

/* ---- statements ---- */

static orders_db_status execute(orders_db *db, const char *sql, const char *doing) {
    int code = sqlite3_exec(orders_sqlite_of(db), sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ORDERS_DB_OK : orders_sqlite_failed(db, code, doing);
}

static orders_db_status prepare(orders_db *db, const char *sql, orders_sql_statement **statement) {
    orders_sql_statement *made = calloc(1, sizeof *made);
    *statement = NULL;
    if (!made) {
        return orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    int code = sqlite3_prepare_v3(orders_sqlite_of(db), sql, -1, SQLITE_PREPARE_PERSISTENT, &made->prepared, NULL);
    if (code != SQLITE_OK) {
        free(made);
        return orders_sqlite_failed(db, code, "preparing a statement");
    }
    *statement = made;
    return ORDERS_DB_OK;
}

static void finalize(orders_sql_statement *statement) {
    if (statement) {
        (void)sqlite3_finalize(statement->prepared); /* gives the code of the last step again */
        free(statement);
    }
}

static void note_code(orders_sql_statement *statement, int code) {
    if (statement->code == SQLITE_OK) {
        statement->code = code;
    }
}

static void bind_int(orders_sql_statement *statement, int index, int64_t value) {
    note_code(statement, sqlite3_bind_int64(statement->prepared, index, value));
}

static void bind_data(orders_sql_statement *statement, int index, const void *data, size_t size, bool is_text) {
    sqlite3_stmt *to = statement->prepared;
    note_code(statement, is_text ? sqlite3_bind_text64(to, index, data, size, SQLITE_STATIC, SQLITE_UTF8)
                                 : sqlite3_bind_blob64(to, index, data, size, SQLITE_STATIC));
}

static orders_db_status step(orders_db *db, orders_sql_statement *statement, const char *doing, bool *row) {
    int code = statement->code;
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement->prepared);
    }
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? ORDERS_DB_OK : orders_sqlite_failed(db, code, doing);
}

static void reset(orders_sql_statement *statement) {
    (void)sqlite3_reset(statement->prepared); /* after a failed step it only repeats its code */
    statement->code = SQLITE_OK;
}

static int64_t column_int(orders_sql_statement *statement, int column) {
    return sqlite3_column_int64(statement->prepared, column);
}

/* Text as it is stored; SQLite puts no NUL behind bytes unless they are asked for as text. */
static seckill_bytes column_data(orders_sql_statement *statement, int column) {
    sqlite3_stmt *from = statement->prepared;
    const void *data = sqlite3_column_type(from, column) == SQLITE_TEXT ? (const void *)sqlite3_column_text(from, column)
                                                                        : sqlite3_column_blob(from, column);
    return (seckill_bytes){data, (size_t)sqlite3_column_bytes(from, column)};
}

static int64_t changes(const orders_db *db) {
    return sqlite3_changes(orders_sqlite_of(db));
}

/* ---- transactions ---- */

static bool in_transaction(const orders_db *db) {
    return sqlite3_get_autocommit(orders_sqlite_of(db)) == 0;
}

static void rollback(orders_db *db) {
    /* Some errors have rolled back already. The text of the error that brought us here must stay: no orders_sqlite_failed. A
     * rollback can fail only where the connection is lost for good, and then the next begin says so. */
    if (in_transaction(db)) {
        (void)sqlite3_exec(orders_sqlite_of(db), "ROLLBACK", NULL, NULL, NULL);
    }
}

/* A file that was deleted or replaced can still be written through this handle, and nobody would ever find it. */
static orders_db_status check_place(orders_db *db) {
    int moved = 0;
    int code = sqlite3_file_control(orders_sqlite_of(db), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code != SQLITE_OK && code != SQLITE_NOTFOUND) {
        return orders_sqlite_failed(db, code, "looking for the file");
    }
    return moved ? orders_db__fail(db, ORDERS_DB_MISSING, "the file was moved or deleted while it was open") : ORDERS_DB_OK;
}

static orders_db_status begin(orders_db *db) {
    orders_db_status status = execute(db, "BEGIN IMMEDIATE", "beginning a transaction");
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = check_place(db);
    if (status != ORDERS_DB_OK) {
        rollback(db);
    }
    return status;
}

static orders_db_status commit(orders_db *db) {
    return execute(db, "COMMIT", "committing");
}

/* ---- opening ---- */

/* Settings of the connection. The write-ahead log is the file's own, and is set only once the file is known to be ours. */
static orders_db_status configure(orders_db *db, unsigned flags, uint32_t busy_timeout_ms) {
    int code = sqlite3_extended_result_codes(orders_sqlite_of(db), 1);
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(orders_sqlite_of(db), (int)busy_timeout_ms);
    }
    if (code != SQLITE_OK) {
        return orders_sqlite_failed(db, code, "setting up the connection");
    }
    if (!(flags & ORDERS_DB_READ_ONLY) && sqlite3_db_readonly(orders_sqlite_of(db), "main") == 1) {
        return orders_db__fail(db, ORDERS_DB_READONLY, "the file may be read but not written: check its permissions");
    }
    return execute(db,
                   "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                   /* 64 MiB of pages in memory; the log is folded in every 32 MiB and cut to 64 MiB. */
                   "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864;",
                   "setting up the connection");
}

static orders_db_status open_file(orders_db *db, const char *path, unsigned flags, uint32_t busy_timeout_ms) {
    int how = SQLITE_OPEN_NOMUTEX;
    sqlite3 *opened;
    if (flags & ORDERS_DB_READ_ONLY) {
        how |= SQLITE_OPEN_READONLY;
    } else {
        how |= SQLITE_OPEN_READWRITE | (flags & ORDERS_DB_CREATE ? SQLITE_OPEN_CREATE : 0);
    }
    int code = sqlite3_open_v2(path, &opened, how, NULL);
    db->connection = opened;
    if (!opened) {
        return orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    return code == SQLITE_OK ? configure(db, flags, busy_timeout_ms) : orders_sqlite_failed(db, code, "opening the file");
}

static orders_db_status open_path(orders_db *db, const char *path, unsigned flags, uint32_t busy_timeout_ms) {
    orders_db_status status = open_file(db, path, flags, busy_timeout_ms);
    return status == ORDERS_DB_OK ? orders_sqlite_prepare_schema(db, (flags & ORDERS_DB_READ_ONLY) != 0) : status;
}

static void close_file(orders_db *db) {
    /* The only failure is a statement left open; v2 then closes when the last one goes. */
    (void)sqlite3_close_v2(orders_sqlite_of(db));
}

/* A file that is not there is made by a migration, and nothing is there to look at before. */
static orders_db_status migrate(orders_db *db, const char *path, bool dry_run, orders_db_step_cb cb, void *user_data) {
    enum { LOCK_WAIT_MS = 5000 };
    orders_db_status status = open_file(db, path, dry_run ? ORDERS_DB_READ_ONLY : ORDERS_DB_CREATE, LOCK_WAIT_MS);
    return status == ORDERS_DB_OK ? orders_sqlite_migrate(db, dry_run, cb, user_data) : status;
}

const orders_sql orders_sqlite = {.texts = texts,
                                  .rows = 1,
                                  .lock = "",
                                  .open = open_path,
                                  .close = close_file,
                                  .migrate = migrate,
                                  .begin = begin,
                                  .commit = commit,
                                  .rollback = rollback,
                                  .in_transaction = in_transaction,
                                  .exec = execute,
                                  .prepare = prepare,
                                  .finalize = finalize,
                                  .bind_int = bind_int,
                                  .bind_data = bind_data,
                                  .step = step,
                                  .reset = reset,
                                  .column_int = column_int,
                                  .column_data = column_data,
                                  .changes = changes};
