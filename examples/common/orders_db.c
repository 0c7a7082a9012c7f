/* Opening, errors, statements and transactions; see orders_db.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const statement_texts[] = {
#define ORDERS_DB_STATEMENT_TEXT(name, sql) sql,
    ORDERS_DB_STATEMENT_MAP(ORDERS_DB_STATEMENT_TEXT)
#undef ORDERS_DB_STATEMENT_TEXT
};

/* ---- errors ---- */

const char *orders_db_status_name(orders_db_status status) {
    static const char *const names[] = {"ok",   "not_found", "refused", "invalid", "busy",      "readonly",
                                        "full", "corrupt",   "schema",  "missing", "no_memory", "failed"};
    return (size_t)status < sizeof names / sizeof names[0] ? names[status] : "no_such_status";
}

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

orders_db_status orders_db__fail(orders_db *db, orders_db_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(db->error, sizeof db->error, format, arguments);
    va_end(arguments);
    return status;
}

orders_db_status orders_db__failed(orders_db *db, int code, const char *doing) {
    /* The number of the system's error is known for I/O errors and for files that cannot be opened only. */
    int system = (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR ? sqlite3_system_errno(db->sqlite) : 0;
    return orders_db__fail(db, status_of(code), "%s: %s%s%s (SQLite code %d)", doing, sqlite3_errmsg(db->sqlite),
                           system ? ": " : "", system ? strerror(system) : "", code);
}

const char *orders_db_error(const orders_db *db) {
    return db->error;
}

/* ---- statements ---- */

orders_db_status orders_db__exec(orders_db *db, const char *sql, const char *doing) {
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ORDERS_DB_OK : orders_db__failed(db, code, doing);
}

orders_db_status orders_db__use(orders_db *db, int which, sqlite3_stmt **statement) {
    *statement = NULL;
    if (!db->statements[which]) {
        int code =
            sqlite3_prepare_v3(db->sqlite, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[which], NULL);
        if (code != SQLITE_OK) {
            return orders_db__failed(db, code, "preparing a statement");
        }
    }
    *statement = db->statements[which];
    return ORDERS_DB_OK;
}

orders_db_status orders_db__run(orders_db *db, sqlite3_stmt *statement, const char *doing) {
    int code = sqlite3_step(statement);
    orders_db_status status = code == SQLITE_DONE ? ORDERS_DB_OK : orders_db__failed(db, code, doing);
    /* After a failed step, reset only repeats its code. */
    (void)sqlite3_reset(statement);
    return status;
}

orders_db_status orders_db__use_for_item(orders_db *db, int which, const char *activity, const char *item,
                                         sqlite3_stmt **statement) {
    orders_db_status status = orders_db__use(db, which, statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = orders_db__bind_text(*statement, 1, activity);
    if (code == SQLITE_OK) {
        code = orders_db__bind_text(*statement, 2, item);
    }
    return code == SQLITE_OK ? ORDERS_DB_OK : orders_db__failed(db, code, "binding an item");
}

orders_db_status orders_db__use_for_order(orders_db *db, int which, const uint8_t *id, sqlite3_stmt **statement) {
    orders_db_status status = orders_db__use(db, which, statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = orders_db__bind_bytes(*statement, 1, id, SECKILL_RESERVATION_ID_SIZE);
    return code == SQLITE_OK ? ORDERS_DB_OK : orders_db__failed(db, code, "binding a reservation");
}

orders_db_status orders_db__run_with(orders_db *db, sqlite3_stmt *statement, int index, int64_t value, const char *doing) {
    int code = sqlite3_bind_int64(statement, index, value);
    return code == SQLITE_OK ? orders_db__run(db, statement, doing) : orders_db__failed(db, code, doing);
}

orders_db_status orders_db__run_for_item(orders_db *db, int which, const char *activity, const char *item, int64_t third,
                                         int64_t fourth, const char *doing) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_item(db, which, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = sqlite3_bind_int64(statement, 3, third);
    return code == SQLITE_OK ? orders_db__run_with(db, statement, 4, fourth, doing) : orders_db__failed(db, code, doing);
}

static bool is_name(const char *text) {
    size_t size = text ? strlen(text) : 0;
    return size > 0 && size <= SECKILL_ID_MAX;
}

bool orders_db__is_item(const char *activity, const char *item) {
    return is_name(activity) && is_name(item);
}

int orders_db__bind_text(sqlite3_stmt *statement, int index, const char *text) {
    return sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

int orders_db__bind_bytes(sqlite3_stmt *statement, int index, const void *data, size_t size) {
    return sqlite3_bind_blob64(statement, index, size ? data : "", size, SQLITE_STATIC);
}

/* ---- transactions ---- */

static orders_db_status run_plain(orders_db *db, int which, const char *doing) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use(db, which, &statement);
    return status == ORDERS_DB_OK ? orders_db__run(db, statement, doing) : status;
}

/* A file that was deleted or replaced can still be written through this handle, and nobody would ever find it. */
static orders_db_status check_place(orders_db *db) {
    int moved = 0;
    int code = sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code != SQLITE_OK && code != SQLITE_NOTFOUND) {
        return orders_db__failed(db, code, "looking for the file");
    }
    return moved ? orders_db__fail(db, ORDERS_DB_MISSING, "the file was moved or deleted while it was open") : ORDERS_DB_OK;
}

orders_db_status orders_db_begin(orders_db *db) {
    orders_db_status status = run_plain(db, ORDERS_DB__BEGIN, "beginning a transaction");
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = check_place(db);
    if (status != ORDERS_DB_OK) {
        orders_db_rollback(db);
    }
    return status;
}

orders_db_status orders_db_commit(orders_db *db) {
    return run_plain(db, ORDERS_DB__COMMIT, "committing");
}

void orders_db_rollback(orders_db *db) {
    /* Some errors have rolled back already. The text of the error that brought us here must stay: no orders_db__failed. A
     * rollback can fail only where the connection is lost for good, and then the next begin says so. */
    if (!sqlite3_get_autocommit(db->sqlite)) {
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
}

orders_db_status orders_db__begin_own(orders_db *db, bool *own) {
    *own = sqlite3_get_autocommit(db->sqlite) != 0;
    return *own ? orders_db_begin(db) : ORDERS_DB_OK;
}

orders_db_status orders_db__end_own(orders_db *db, bool own, orders_db_status status) {
    if (own && status == ORDERS_DB_OK) {
        status = orders_db_commit(db);
    }
    if (own) {
        orders_db_rollback(db); /* nothing is left to roll back after a commit */
    }
    return status;
}

/* ---- opening ---- */

/* Settings of the connection. The write-ahead log is the file's own, and is set only once the file is known to be ours. */
static orders_db_status configure(orders_db *db, unsigned flags, uint32_t busy_timeout_ms) {
    int code = sqlite3_extended_result_codes(db->sqlite, 1);
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(db->sqlite, (int)busy_timeout_ms);
    }
    if (code != SQLITE_OK) {
        return orders_db__failed(db, code, "setting up the connection");
    }
    if (!(flags & ORDERS_DB_READ_ONLY) && sqlite3_db_readonly(db->sqlite, "main") == 1) {
        return orders_db__fail(db, ORDERS_DB_READONLY, "the file may be read but not written: check its permissions");
    }
    return orders_db__exec(
        db,
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
        /* 64 MiB of pages in memory; the log is folded in every 32 MiB and cut to 64 MiB. */
        "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864;",
        "setting up the connection");
}

static orders_db_status open_file(orders_db *db, const char *path, unsigned flags) {
    int how = SQLITE_OPEN_NOMUTEX;
    if (flags & ORDERS_DB_READ_ONLY) {
        how |= SQLITE_OPEN_READONLY;
    } else {
        how |= SQLITE_OPEN_READWRITE | (flags & ORDERS_DB_CREATE ? SQLITE_OPEN_CREATE : 0);
    }
    int code = sqlite3_open_v2(path, &db->sqlite, how, NULL);
    if (!db->sqlite) {
        return orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    return code == SQLITE_OK ? ORDERS_DB_OK : orders_db__failed(db, code, "opening the file");
}

orders_db_status orders_db_open(const char *path, unsigned flags, uint32_t busy_timeout_ms, orders_db **db,
                                char error[ORDERS_DB_ERROR_SIZE]) {
    error[0] = '\0';
    if (!path || !*path || busy_timeout_ms > 60000 || flags > (ORDERS_DB_CREATE | ORDERS_DB_READ_ONLY)) {
        (void)snprintf(error, ORDERS_DB_ERROR_SIZE, "an argument is missing or out of range");
        return ORDERS_DB_INVALID;
    }
    orders_db *opened = calloc(1, sizeof *opened);
    if (!opened) {
        (void)snprintf(error, ORDERS_DB_ERROR_SIZE, "out of memory");
        return ORDERS_DB_NO_MEMORY;
    }
    orders_db_status status = open_file(opened, path, flags);
    if (status == ORDERS_DB_OK) {
        status = configure(opened, flags, busy_timeout_ms);
    }
    if (status == ORDERS_DB_OK) {
        status = orders_db__prepare_schema(opened, (flags & ORDERS_DB_READ_ONLY) != 0);
    }
    if (status != ORDERS_DB_OK) {
        (void)snprintf(error, ORDERS_DB_ERROR_SIZE, "%s", opened->error);
        orders_db_close(opened);
        opened = NULL;
    }
    *db = opened;
    return status;
}

void orders_db_close(orders_db *db) {
    if (!db) {
        return;
    }
    for (size_t i = 0; i < ORDERS_DB__STATEMENTS; i++) {
        (void)sqlite3_finalize(db->statements[i]); /* gives the code of the last step again */
    }
    /* The only failure is a statement left open; v2 then closes when the last one goes. */
    (void)sqlite3_close_v2(db->sqlite);
    free(db);
}
