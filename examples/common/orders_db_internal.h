/* What the files of the orders database share; see orders_db.h for what it is, and orders_sql.h for its engines.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_DB_INTERNAL_H
#define SECKILL_EXAMPLES_ORDERS_DB_INTERNAL_H

#include "orders_sql.h"

enum { ORDERS_DB__CHUNK = 512 }; /* events that are decided together */

typedef struct orders_db__work orders_db__work; /* what a chunk of events needs; see orders_db_events.c */

struct orders_db {
    const orders_sql *sql;
    void *connection; /* the engine's */
    struct {
        orders_sql_statement *prepared; /* NULL until first used */
        size_t rows;                    /* for how many */
    } kept[ORDERS_DB__STATEMENTS];
    orders_db__work *work; /* NULL until first used */
    char error[ORDERS_DB_ERROR_SIZE];
};

/* Notes a failure. */
orders_db_status orders_db__fail(orders_db *db, orders_db_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs SQL without parameters and rows. */
orders_db_status orders_db__exec(orders_db *db, const char *sql, const char *doing);

/* A kept statement, ready to be bound. */
orders_db_status orders_db__use(orders_db *db, int which, orders_sql_statement **statement);

/* The same for so many rows, 1 to the engine's `rows`. */
orders_db_status orders_db__use_rows(orders_db *db, int which, size_t rows, orders_sql_statement **statement);

/* Runs a bound statement that gives no rows, and resets it. */
orders_db_status orders_db__run(orders_db *db, orders_sql_statement *statement, const char *doing);

/* Runs a bound statement for its first row: *row says whether there is one. To be reset. */
orders_db_status orders_db__first(orders_db *db, orders_sql_statement *statement, const char *doing, bool *row);

/* A kept statement whose first parameters are an item's two names, or whose first one is a reservation's id. */
orders_db_status orders_db__use_for_item(orders_db *db, int which, const char *activity, const char *item,
                                         orders_sql_statement **statement);
orders_db_status orders_db__use_for_order(orders_db *db, int which, const uint8_t *id, orders_sql_statement **statement);

/* Binds a number and runs. */
orders_db_status orders_db__run_with(orders_db *db, orders_sql_statement *statement, int index, int64_t value,
                                     const char *doing);

/* Runs a statement about an item whose third and fourth parameters are numbers. */
orders_db_status orders_db__run_for_item(orders_db *db, int which, const char *activity, const char *item, int64_t third,
                                         int64_t fourth, const char *doing);

/* Around what needs a transaction: begins one unless one was begun (*own), and ends it if it is its own. */
orders_db_status orders_db__begin_own(orders_db *db, bool *own);
orders_db_status orders_db__end_own(orders_db *db, bool own, orders_db_status status);

/* Whether both are ids that an item can have. */
bool orders_db__is_item(const char *activity, const char *item);

/* Binding; NULL binds NULL. The text and the bytes must stay until the statement is reset. */
void orders_db__bind_text(orders_db *db, orders_sql_statement *statement, int index, const char *text);
void orders_db__bind_bytes(orders_db *db, orders_sql_statement *statement, int index, const void *data, size_t size);
void orders_db__bind_null(orders_db *db, orders_sql_statement *statement, int index);

/* A column's text; NULL where it is NULL. */
const char *orders_db__text(orders_db *db, orders_sql_statement *statement, int column);

/* An item's real inventory, read to be written in the same transaction. */
typedef struct {
    bool found;
    int64_t total, left;
} orders_db__inventory;

orders_db_status orders_db__read_inventory(orders_db *db, const char *activity, const char *item, orders_db__inventory *has);

/* Whether these can be a table, its columns and a value. */
bool orders_db__are_goods(const orders_db_goods *goods);

/* What the shop's own row has, locked until the transaction ends; ORDERS_DB_NOT_FOUND, ORDERS_DB_REFUSED: there is not exactly
 * one row. And sets it, from what was read; ORDERS_DB_REFUSED: it holds something else, such as a fraction or text. */
orders_db_status orders_db__read_goods(orders_db *db, const orders_db_goods *goods, int64_t *has);
orders_db_status orders_db__write_goods(orders_db *db, const orders_db_goods *goods, int64_t has, int64_t becomes);

/* Reads the columns of ORDERS_DB__ORDER_COLUMNS from the row at hand. What it points to is valid until the statement moves on.
 */
orders_db_status orders_db__read_order(orders_db *db, orders_sql_statement *statement, orders_db_order *order);

/* Gives every row of a bound statement with those columns to the callback, until it returns false, and resets it. */
orders_db_status orders_db__each_order(orders_db *db, orders_sql_statement *statement, orders_db_look_cb cb, void *user_data,
                                       size_t *count);

/* The same with all rows. */
orders_db_status orders_db__every_order(orders_db *db, orders_sql_statement *statement, orders_db_order_cb cb, void *user_data,
                                        size_t *count);

#endif
