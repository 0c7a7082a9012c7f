/* The engine MySQL, which MariaDB is too; see orders_sql.h.
 *
 * Its transactions could write side by side. Here they do not: whoever begins to write locks the one row of orders_schema
 * first, as SQLite's BEGIN IMMEDIATE locks the file. So programs of ours never wait for each other in a circle, and the orders'
 * numbers are dense and in the order of the commits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_mysql.h"

#include <ctype.h>
#include <errmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS_MAX = 16,
    VALUE_SIZE = 4 * 129 + 1 /* bytes that hold the longest value of any column, in 4-byte characters, with a NUL */
};

typedef struct {
    enum enum_field_types type;
    int64_t number;
    const void *data;
    unsigned long size;
} value;

typedef struct {
    int64_t number;
    char data[VALUE_SIZE];
    unsigned long size;
    my_bool null;
    bool is_number;
} column;

struct orders_sql_statement {
    MYSQL_STMT *prepared;
    int marks;         /* the question marks that the server sees */
    int *numbers;      /* which parameter each of them is, from 0 */
    value *values;     /* of the parameters */
    MYSQL_BIND *binds; /* of the question marks */
    bool running;      /* it has rows */
    unsigned columns;
    MYSQL_BIND results[COLUMNS_MAX];
    column row[COLUMNS_MAX];
};

#define ORDERS_SQL_TEXT(name, sql) [ORDERS_DB__##name] = sql, /* NOLINT: a list of initialisers */

static const char *const texts[ORDERS_DB__STATEMENTS] = {
    ORDERS_SQL_SHARED(ORDERS_SQL_TEXT, "changed_ms", " FOR UPDATE")[ORDERS_DB__SET_INVENTORY] =
        "INSERT INTO inventory (activity, item, units_total, units_left) VALUES (?1, ?2, ?3, ?4) "
        "ON DUPLICATE KEY UPDATE units_total = ?3, units_left = ?4",
    [ORDERS_DB__GIVE_BACK_DUE] = "UPDATE inventory i JOIN orders o ON i.activity = o.activity AND i.item = o.item "
                                 "SET i.units_left = i.units_left + o.quantity "
                                 "WHERE o.reservation_id = ?1 AND o.state = 'confirmed' AND o.refund_due = 1",
    [ORDERS_DB__REFUND_UNPAID] = "UPDATE orders SET refund_due = 1 WHERE activity = ?1 AND item = ?2 "
                                 "AND state = 'confirmed' AND paid_ms = 0 AND refund_due = 0 AND confirmed_ms < ?3 "
                                 "ORDER BY confirmed_ms LIMIT ?4",
    [ORDERS_DB__NOTE_REPLAYED] = "INSERT INTO replays (activity, item, shard, epoch) VALUES (?1, ?2, ?3, ?4) "
                                 "ON DUPLICATE KEY UPDATE epoch = ?4"};

static orders_db_status failed(orders_db *db, const orders_sql_statement *statement, const char *doing) {
    return orders_mysql_failed(db, mysql_stmt_errno(statement->prepared), mysql_stmt_error(statement->prepared), doing);
}

/* ---- preparing ---- */

/* "?3" becomes "?", and its number is noted; a bare "?" is numbered as it stands. Returns how many there are. */
static int take_marks(char *sql, int *numbers) {
    int marks = 0;
    char *out = sql;
    for (const char *at = sql; *at;) {
        *out++ = *at;
        if (*at++ == '?') {
            bool numbered = isdigit((unsigned char)*at) != 0;
            numbers[marks] = numbered ? (int)strtol(at, NULL, 10) - 1 : marks;
            marks++;
            at += strspn(at, "0123456789");
        }
    }
    *out = '\0';
    return marks;
}

static size_t count_marks(const char *sql) {
    size_t marks = 1; /* an array of none is no array */
    for (; *sql; sql++) {
        marks += *sql == '?';
    }
    return marks;
}

/* Where each column's value goes: whole numbers, or bytes. */
static orders_db_status bind_results(orders_db *db, orders_sql_statement *statement) {
    MYSQL_RES *fields = mysql_stmt_result_metadata(statement->prepared);
    statement->columns = fields ? mysql_num_fields(fields) : 0;
    for (unsigned i = 0; i < statement->columns && i < COLUMNS_MAX; i++) {
        column *to = &statement->row[i];
        MYSQL_BIND *bind = &statement->results[i];
        to->is_number = IS_NUM(mysql_fetch_field_direct(fields, i)->type);
        *bind = (MYSQL_BIND){.buffer_type = to->is_number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_BLOB,
                             .buffer = to->is_number ? (void *)&to->number : (void *)to->data,
                             .buffer_length = to->is_number ? sizeof to->number : sizeof to->data - 1,
                             .length = &to->size,
                             .is_null = &to->null};
    }
    mysql_free_result(fields); /* NULL is allowed */
    return statement->columns <= COLUMNS_MAX ? ORDERS_DB_OK
                                             : orders_db__fail(db, ORDERS_DB_INVALID, "a statement has too many columns");
}

static void finalize(orders_sql_statement *statement) {
    if (statement) {
        if (statement->prepared) {
            (void)mysql_stmt_close(statement->prepared);
        }
        free(statement->numbers);
        free(statement->values);
        free(statement->binds);
        free(statement);
    }
}

static orders_sql_statement *make_statement(orders_db *db, const char *sql) {
    size_t room = count_marks(sql);
    orders_sql_statement *made = calloc(1, sizeof *made);
    if (!made) {
        return NULL;
    }
    made->numbers = calloc(room, sizeof *made->numbers);
    made->values = calloc(room, sizeof *made->values);
    made->binds = calloc(room, sizeof *made->binds);
    made->prepared = mysql_stmt_init(&orders_mysql_of(db)->mysql);
    if (!made->numbers || !made->values || !made->binds || !made->prepared) {
        finalize(made);
        return NULL;
    }
    return made;
}

static orders_db_status prepare(orders_db *db, const char *sql, orders_sql_statement **statement) {
    orders_sql_statement *made = make_statement(db, sql);
    size_t size = strlen(sql) + 1;
    char *text = malloc(size);
    orders_db_status status = ORDERS_DB_OK;
    *statement = NULL;
    if (!made || !text) {
        status = orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    } else {
        memcpy(text, sql, size);
        made->marks = take_marks(text, made->numbers);
        status = mysql_stmt_prepare(made->prepared, text, strlen(text)) == 0 ? bind_results(db, made)
                                                                             : failed(db, made, "preparing a statement");
    }
    free(text);
    if (status != ORDERS_DB_OK) {
        finalize(made);
        return status;
    }
    *statement = made;
    return ORDERS_DB_OK;
}

/* ---- running ---- */

static void bind_int(orders_sql_statement *statement, int index, int64_t number) {
    statement->values[index - 1] = (value){.type = MYSQL_TYPE_LONGLONG, .number = number};
}

static void bind_data(orders_sql_statement *statement, int index, const void *data, size_t size, bool is_text) {
    statement->values[index - 1] = (value){.type = !data     ? MYSQL_TYPE_NULL
                                                   : is_text ? MYSQL_TYPE_STRING
                                                             : MYSQL_TYPE_BLOB,
                                           .data = data,
                                           .size = size};
}

static void bind_marks(orders_sql_statement *statement) {
    for (int i = 0; i < statement->marks; i++) {
        value *from = &statement->values[statement->numbers[i]];
        union {
            const void *constant;
            void *buffer;
        } data = {.constant = from->data};
        statement->binds[i] = (MYSQL_BIND){.buffer_type = from->type,
                                           .buffer = from->type == MYSQL_TYPE_LONGLONG ? &from->number : data.buffer,
                                           .buffer_length = from->size,
                                           .length = &from->size};
    }
}

/* All rows are taken at once, so that other statements may run between them. */
static orders_db_status execute(orders_db *db, orders_sql_statement *statement, const char *doing) {
    orders_mysql_connection *c = orders_mysql_of(db);
    MYSQL_STMT *prepared = statement->prepared;
    if (c->in_transaction && c->failed) {
        return orders_db__fail(db, ORDERS_DB_FAILED, "%s: the transaction has failed before", doing);
    }
    bind_marks(statement);
    if ((statement->marks > 0 && mysql_stmt_bind_param(prepared, statement->binds)) || mysql_stmt_execute(prepared)) {
        return failed(db, statement, doing);
    }
    if (statement->columns == 0) {
        c->changes = (int64_t)mysql_stmt_affected_rows(prepared);
        return ORDERS_DB_OK;
    }
    statement->running = true;
    return mysql_stmt_bind_result(prepared, statement->results) || mysql_stmt_store_result(prepared)
               ? failed(db, statement, doing)
               : ORDERS_DB_OK;
}

static orders_db_status step(orders_db *db, orders_sql_statement *statement, const char *doing, bool *row) {
    *row = false;
    if (!statement->running) {
        orders_db_status status = execute(db, statement, doing);
        if (status != ORDERS_DB_OK || statement->columns == 0) {
            return status;
        }
    }
    switch (mysql_stmt_fetch(statement->prepared)) {
    case 0:
        *row = true;
        return ORDERS_DB_OK;
    case MYSQL_NO_DATA:
        return ORDERS_DB_OK;
    case MYSQL_DATA_TRUNCATED:
        return orders_db__fail(db, ORDERS_DB_CORRUPT, "%s: a row is damaged: a value is too long", doing);
    default:
        return failed(db, statement, doing);
    }
}

static void reset(orders_sql_statement *statement) {
    if (statement->running) {
        (void)mysql_stmt_free_result(statement->prepared);
        statement->running = false;
    }
}

static int64_t column_int(orders_sql_statement *statement, int index) {
    const column *from = &statement->row[index];
    return from->null ? 0 : from->number;
}

static seckill_bytes column_data(orders_sql_statement *statement, int index) {
    column *from = &statement->row[index];
    if (from->null || from->is_number) {
        return (seckill_bytes){NULL, 0};
    }
    from->data[from->size] = '\0';
    return (seckill_bytes){from->data, from->size};
}

static int64_t changes(const orders_db *db) {
    return orders_mysql_of(db)->changes;
}

/* ---- transactions ---- */

static bool in_transaction(const orders_db *db) {
    return orders_mysql_of(db)->in_transaction;
}

static void rollback(orders_db *db) {
    orders_mysql_connection *c = orders_mysql_of(db);
    if (c->in_transaction && mysql_rollback(&c->mysql)) {
        c->lost = true; /* the server rolls back when it finds out */
    }
    c->in_transaction = c->failed = false;
}

static orders_db_status begin(orders_db *db) {
    orders_mysql_connection *c = orders_mysql_of(db);
    if (c->lost || c->in_transaction) {
        return orders_db__fail(db, c->lost ? ORDERS_DB_UNREACHABLE : ORDERS_DB_FAILED, "beginning a transaction: %s",
                               c->lost ? "the connection was lost" : "one was begun before");
    }
    if (c->read_only) {
        return orders_db__fail(db, ORDERS_DB_READONLY, "the database was opened to be read only");
    }
    c->failed = false;
    orders_db_status status = orders_mysql_exec(db, "START TRANSACTION", "beginning a transaction");
    c->in_transaction = status == ORDERS_DB_OK;
    if (status == ORDERS_DB_OK) {
        status = orders_mysql_check_version(db, true);
    }
    if (status != ORDERS_DB_OK) {
        rollback(db);
    }
    return status;
}

/* A COMMIT of what the server has rolled back would be answered with yes. */
static orders_db_status commit(orders_db *db) {
    orders_mysql_connection *c = orders_mysql_of(db);
    if (!c->in_transaction || c->failed) {
        return orders_db__fail(db, ORDERS_DB_FAILED, "committing: the transaction has failed before");
    }
    orders_db_status status = orders_mysql_exec(db, "COMMIT", "committing");
    c->in_transaction = status != ORDERS_DB_OK;
    return status;
}

/* ---- opening ---- */

static orders_db_status open_where(orders_db *db, const char *where, unsigned flags, uint32_t busy_timeout_ms) {
    orders_db_status status = orders_mysql_connect(db, where, flags, busy_timeout_ms);
    return status == ORDERS_DB_OK ? orders_mysql_check_version(db, false) : status;
}

static orders_db_status migrate(orders_db *db, const char *where, bool dry_run, orders_db_step_cb cb, void *user_data) {
    enum { LOCK_WAIT_MS = 10000 };
    orders_db_status status = orders_mysql_connect(db, where, dry_run ? ORDERS_DB_READ_ONLY : 0, LOCK_WAIT_MS);
    return status == ORDERS_DB_OK ? orders_mysql_migrate(db, dry_run, cb, user_data) : status;
}

const orders_sql orders_mysql = {.texts = texts,
                                 .rows = ORDERS_DB__CHUNK,
                                 .lock = " FOR UPDATE",
                                 .check = orders_mysql_check,
                                 .open = open_where,
                                 .close = orders_mysql_disconnect,
                                 .migrate = migrate,
                                 .begin = begin,
                                 .commit = commit,
                                 .rollback = rollback,
                                 .in_transaction = in_transaction,
                                 .check_table = orders_mysql_check_table,
                                 .exec = orders_mysql_exec,
                                 .prepare = prepare,
                                 .finalize = finalize,
                                 .bind_int = bind_int,
                                 .bind_data = bind_data,
                                 .step = step,
                                 .reset = reset,
                                 .column_int = column_int,
                                 .column_data = column_data,
                                 .changes = changes};
