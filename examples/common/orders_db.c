/* Opening, errors, statements and transactions; see orders_db.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT_MAX_MS = 60000 };

/* ---- errors ---- */

const char *orders_db_status_name(orders_db_status status) {
    static const char *const names[] = {"ok",      "not_found", "refused", "invalid",   "busy",   "readonly",    "full",
                                        "corrupt", "schema",    "missing", "no_memory", "failed", "unreachable", "denied"};
    return (size_t)status < sizeof names / sizeof names[0] ? names[status] : "no_such_status";
}

orders_db_status orders_db__fail(orders_db *db, orders_db_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(db->error, sizeof db->error, format, arguments);
    va_end(arguments);
    return status;
}

const char *orders_db_error(const orders_db *db) {
    return db->error;
}

/* ---- statements ---- */

orders_db_status orders_db__exec(orders_db *db, const char *sql, const char *doing) {
    return db->sql->exec(db, sql, doing);
}

/* Writes what stands for one row so many times, with commas between where they are wanted. */
static char *repeat(char *out, const char *row, size_t size, size_t rows, bool commas) {
    for (size_t i = 0; i < rows; i++) {
        if (i > 0 && commas) {
            *out++ = ',';
        }
        memcpy(out, row, size);
        out += size;
    }
    return out;
}

/* A statement's text for so many rows; NULL: out of memory. */
static char *expand(const char *text, size_t rows) {
    char *sql = malloc(strlen(text) * (rows + 1) + rows + 1), *out = sql;
    while (sql && *text) {
        size_t plain = strcspn(text, "[{");
        out = repeat(out, text, plain, 1, false);
        text += plain;
        if (*text) {
            size_t row = strcspn(text, "]}");
            out = repeat(out, text + 1, row - 1, rows, *text == '[');
            text += row + 1;
        }
    }
    if (sql) {
        *out = '\0';
    }
    return sql;
}

orders_db_status orders_db__use_rows(orders_db *db, int which, size_t rows, orders_sql_statement **statement) {
    orders_db_status status = ORDERS_DB_OK;
    *statement = NULL;
    if (db->kept[which].prepared && db->kept[which].rows != rows) {
        db->sql->finalize(db->kept[which].prepared);
        db->kept[which].prepared = NULL;
    }
    if (!db->kept[which].prepared) {
        char *sql = expand(db->sql->texts[which], rows);
        status = sql ? db->sql->prepare(db, sql, &db->kept[which].prepared)
                     : orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
        db->kept[which].rows = rows;
        free(sql);
    }
    *statement = db->kept[which].prepared;
    return status;
}

orders_db_status orders_db__use(orders_db *db, int which, orders_sql_statement **statement) {
    return orders_db__use_rows(db, which, 1, statement);
}

orders_db_status orders_db__first(orders_db *db, orders_sql_statement *statement, const char *doing, bool *row) {
    *row = false;
    return db->sql->step(db, statement, doing, row);
}

orders_db_status orders_db__run(orders_db *db, orders_sql_statement *statement, const char *doing) {
    bool row;
    orders_db_status status = orders_db__first(db, statement, doing, &row);
    db->sql->reset(statement);
    return status;
}

orders_db_status orders_db__use_for_item(orders_db *db, int which, const char *activity, const char *item,
                                         orders_sql_statement **statement) {
    orders_db_status status = orders_db__use(db, which, statement);
    if (status == ORDERS_DB_OK) {
        orders_db__bind_text(db, *statement, 1, activity);
        orders_db__bind_text(db, *statement, 2, item);
    }
    return status;
}

orders_db_status orders_db__use_for_order(orders_db *db, int which, const uint8_t *id, orders_sql_statement **statement) {
    orders_db_status status = orders_db__use(db, which, statement);
    if (status == ORDERS_DB_OK) {
        orders_db__bind_bytes(db, *statement, 1, id, SECKILL_RESERVATION_ID_SIZE);
    }
    return status;
}

orders_db_status orders_db__run_with(orders_db *db, orders_sql_statement *statement, int index, int64_t value,
                                     const char *doing) {
    db->sql->bind_int(statement, index, value);
    return orders_db__run(db, statement, doing);
}

orders_db_status orders_db__run_for_item(orders_db *db, int which, const char *activity, const char *item, int64_t third,
                                         int64_t fourth, const char *doing) {
    orders_sql_statement *statement;
    orders_db_status status = orders_db__use_for_item(db, which, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    db->sql->bind_int(statement, 3, third);
    return orders_db__run_with(db, statement, 4, fourth, doing);
}

static bool is_name(const char *text) {
    size_t size = text ? strlen(text) : 0;
    return size > 0 && size <= SECKILL_ID_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

bool orders_db__is_item(const char *activity, const char *item) {
    return is_name(activity) && is_name(item);
}

void orders_db__bind_text(orders_db *db, orders_sql_statement *statement, int index, const char *text) {
    db->sql->bind_data(statement, index, text, text ? strlen(text) : 0, true);
}

void orders_db__bind_bytes(orders_db *db, orders_sql_statement *statement, int index, const void *data, size_t size) {
    db->sql->bind_data(statement, index, size ? data : "", size, false);
}

void orders_db__bind_null(orders_db *db, orders_sql_statement *statement, int index) {
    db->sql->bind_data(statement, index, NULL, 0, false);
}

const char *orders_db__text(orders_db *db, orders_sql_statement *statement, int column) {
    return db->sql->column_data(statement, column).data;
}

/* ---- transactions ---- */

orders_db_status orders_db_begin(orders_db *db) {
    return db->sql->begin(db);
}

orders_db_status orders_db_commit(orders_db *db) {
    return db->sql->commit(db);
}

void orders_db_rollback(orders_db *db) {
    db->sql->rollback(db);
}

orders_db_status orders_db__begin_own(orders_db *db, bool *own) {
    *own = !db->sql->in_transaction(db);
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

orders_db_status orders_db_apply(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes) {
    orders_db_status status = orders_db_begin(db);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db_add(db, events, count, outcomes);
    if (status == ORDERS_DB_OK) {
        status = orders_db_commit(db);
    }
    orders_db_rollback(db); /* nothing is left to roll back after a commit */
    return status;
}

bool orders_db_recorded(orders_db_outcome outcome) {
    return outcome != ORDERS_DB_DIFFERS && outcome != ORDERS_DB_UNFIT;
}

/* ---- opening ---- */

static orders_db_status refuse(char error[ORDERS_DB_ERROR_SIZE], orders_db_status status, const char *sentence) {
    (void)snprintf(error, ORDERS_DB_ERROR_SIZE, "%s", sentence);
    return status;
}

/* Which engine, and what of `where` is its. */
static orders_db_status choose(const char **where, const orders_sql **sql, char error[ORDERS_DB_ERROR_SIZE]) {
    static const char sqlite[] = "sqlite:";
    *sql = &orders_sqlite;
    if (strncmp(*where, "mysql://", 8) == 0) {
#ifdef ORDERS_WITH_MYSQL
        *sql = &orders_mysql;
        return ORDERS_DB_OK;
#else
        return refuse(error, ORDERS_DB_INVALID, "this build knows no MySQL: build it with libmariadb and liburiparser");
#endif
    }
    if (strncmp(*where, sqlite, sizeof sqlite - 1) == 0) {
        *where += sizeof sqlite - 1;
    } else if (strstr(*where, "://")) {
        return refuse(error, ORDERS_DB_INVALID, "the orders database is sqlite:PATH, a path, or mysql://USER@HOST/DATABASE");
    }
    return **where ? ORDERS_DB_OK : refuse(error, ORDERS_DB_INVALID, "the path of the orders database is empty");
}

/* A handle with its engine and nothing open. */
static orders_db_status make_handle(const char **where, orders_db **db, char error[ORDERS_DB_ERROR_SIZE]) {
    const orders_sql *sql;
    *db = NULL;
    error[0] = '\0';
    if (!*where) {
        return refuse(error, ORDERS_DB_INVALID, "an argument is missing or out of range");
    }
    orders_db_status status = choose(where, &sql, error);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    *db = calloc(1, sizeof **db);
    if (!*db) {
        return refuse(error, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    (*db)->sql = sql;
    return ORDERS_DB_OK;
}

orders_db_status orders_db_open(const char *where, unsigned flags, uint32_t busy_timeout_ms, orders_db **db,
                                char error[ORDERS_DB_ERROR_SIZE]) {
    orders_db_status status = make_handle(&where, db, error);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (busy_timeout_ms > BUSY_TIMEOUT_MAX_MS || flags > (ORDERS_DB_CREATE | ORDERS_DB_READ_ONLY)) {
        status = orders_db__fail(*db, ORDERS_DB_INVALID, "an argument is missing or out of range");
    } else {
        status = (*db)->sql->open(*db, where, flags, busy_timeout_ms);
    }
    if (status != ORDERS_DB_OK) {
        (void)refuse(error, status, (*db)->error);
        orders_db_close(*db);
        *db = NULL;
    }
    return status;
}

orders_db_status orders_db_migrate(const char *where, bool dry_run, orders_db_step_cb cb, void *user_data,
                                   char error[ORDERS_DB_ERROR_SIZE]) {
    orders_db *db;
    orders_db_status status = make_handle(&where, &db, error);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = db->sql->migrate(db, where, dry_run, cb, user_data);
    if (status != ORDERS_DB_OK) {
        (void)refuse(error, status, db->error);
    }
    orders_db_close(db);
    return status;
}

orders_db_status orders_db_check(const char *where, char error[ORDERS_DB_ERROR_SIZE]) {
    orders_db *db;
    orders_db_status status = make_handle(&where, &db, error);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = db->sql->check ? db->sql->check(db, where) : ORDERS_DB_OK;
    if (status != ORDERS_DB_OK) {
        (void)refuse(error, status, db->error);
    }
    orders_db_close(db);
    return status;
}

const char *orders_db_path(const char *where) {
    const orders_sql *sql;
    char error[ORDERS_DB_ERROR_SIZE];
    return choose(&where, &sql, error) == ORDERS_DB_OK && sql == &orders_sqlite ? where : NULL;
}

void orders_db_close(orders_db *db) {
    if (!db) {
        return;
    }
    for (size_t i = 0; i < ORDERS_DB__STATEMENTS; i++) {
        db->sql->finalize(db->kept[i].prepared);
    }
    db->sql->close(db);
    free(db->work);
    free(db);
}
