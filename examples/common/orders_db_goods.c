/* The row of the shop's own table that says what there is to sell; see orders_db.h, and orders_db_allocations.c.
 *
 * The names of the shop's table and columns stand in the SQL, and nothing else that comes from outside does: they are letters,
 * digits and _, between backticks. Both engines take those for names only; SQLite would take a name in double quotes that is no
 * column for a text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 64, VALUE_SIZE = 128, SQL_SIZE = 1024 };

/* ---- arguments ---- */

static bool is_column(const char *name, size_t size) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return size > 0 && size <= NAME_SIZE && strspn(name, letters) >= size && !(*name >= '0' && *name <= '9');
}

static bool is_table(const char *name) {
    const char *dot = strchr(name, '.');
    return dot ? is_column(name, (size_t)(dot - name)) && is_column(dot + 1, strlen(dot + 1)) : is_column(name, strlen(name));
}

static bool is_value(const char *value) {
    return *value && strlen(value) <= VALUE_SIZE;
}

bool orders_db__are_goods(const orders_db_goods *goods) {
    return goods->table && goods->key_column && goods->key_value && goods->units_column && is_table(goods->table) &&
           is_column(goods->key_column, strlen(goods->key_column)) && is_value(goods->key_value) &&
           is_column(goods->units_column, strlen(goods->units_column));
}

/* ---- the shop's row ---- */

/* What is wrong with the command line's names the engine finds when it reads the statement. */
static orders_db_status prepare(orders_db *db, const char *sql, orders_sql_statement **statement) {
    char why[ORDERS_DB_ERROR_SIZE];
    orders_db_status status = db->sql->prepare(db, sql, statement);
    if (status != ORDERS_DB_FAILED && status != ORDERS_DB_SCHEMA) {
        return status;
    }
    (void)snprintf(why, sizeof why, "%s", db->error);
    char *advice = strstr(why, ": run `"); /* to migrate: about tables of our own */
    if (advice) {
        *advice = '\0';
    }
    return orders_db__fail(db, ORDERS_DB_INVALID, "the table of the goods: %.400s", why);
}

/* The table's name between backticks. */
static void quote_table(const char *table, char out[2 * NAME_SIZE + 8]) {
    const char *dot = strchr(table, '.');
    int schema = dot ? (int)(dot - table) : 0;
    (void)snprintf(out, 2 * NAME_SIZE + 8, "%s%.*s%s%s`", dot ? "`" : "", schema, table, dot ? "`.`" : "`",
                   dot ? dot + 1 : table);
}

/* Where there is exactly one row. The key is compared here too, as text: an engine that makes numbers of texts finds others. */
static orders_db_status read_rows(orders_db *db, orders_sql_statement *statement, const orders_db_goods *goods, int64_t *has) {
    orders_db_status status;
    bool row;
    int rows = 0;
    while ((status = db->sql->step(db, statement, "reading the goods", &row)) == ORDERS_DB_OK && row) {
        const char *key = orders_db__text(db, statement, 1);
        if (key && strcmp(key, goods->key_value) == 0) {
            *has = db->sql->column_int(statement, 0);
            rows++;
        }
    }
    return status != ORDERS_DB_OK || rows == 1
               ? status
               : orders_db__fail(db, rows ? ORDERS_DB_REFUSED : ORDERS_DB_NOT_FOUND, "%s has %s row with %s = %s", goods->table,
                                 rows ? "more than one" : "no", goods->key_column, goods->key_value);
}

orders_db_status orders_db__read_goods(orders_db *db, const orders_db_goods *goods, int64_t *has) {
    char sql[SQL_SIZE], table[2 * NAME_SIZE + 8];
    orders_sql_statement *statement;
    quote_table(goods->table, table);
    (void)snprintf(sql, sizeof sql, "SELECT CAST(g.`%s` AS SIGNED), CAST(g.`%s` AS CHAR) FROM %s AS g WHERE g.`%s` = ?1%s",
                   goods->units_column, goods->key_column, table, goods->key_column, db->sql->lock);
    orders_db_status status = prepare(db, sql, &statement);
    if (status == ORDERS_DB_OK) {
        orders_db__bind_text(db, statement, 1, goods->key_value);
        status = read_rows(db, statement, goods, has);
        db->sql->reset(statement);
        db->sql->finalize(statement);
    }
    return status;
}

orders_db_status orders_db__write_goods(orders_db *db, const orders_db_goods *goods, int64_t has, int64_t becomes) {
    char sql[SQL_SIZE], table[2 * NAME_SIZE + 8];
    orders_sql_statement *statement;
    quote_table(goods->table, table);
    (void)snprintf(sql, sizeof sql, "UPDATE %s AS g SET `%s` = ?3 WHERE g.`%s` = ?1 AND g.`%s` = ?2", table,
                   goods->units_column, goods->key_column, goods->units_column);
    orders_db_status status = prepare(db, sql, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    orders_db__bind_text(db, statement, 1, goods->key_value);
    db->sql->bind_int(statement, 2, has);
    status = orders_db__run_with(db, statement, 3, becomes, "moving units of the goods");
    db->sql->finalize(statement);
    return status != ORDERS_DB_OK || db->sql->changes(db) == 1
               ? status
               : orders_db__fail(db, ORDERS_DB_REFUSED, "%s.%s of %s = %s holds no whole units", goods->table,
                                 goods->units_column, goods->key_column, goods->key_value);
}
