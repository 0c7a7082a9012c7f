/* What the orders database needs of an SQL engine. All that decides stands above it, in the files orders_db*.c, once; an engine
 * is one struct of functions and the texts of its statements: orders_sqlite.c, orders_mysql.c.
 *
 * The rules that every engine keeps:
 *   - one transaction writes at a time: begin() waits for all others. So what one reads it may decide on, and numbers that are
 *     taken in it are in the order of the commits
 *   - who only reads sees each statement's rows as of one instant, and waits for nobody
 *   - what a commit said yes to survives a crash of the machine
 *   - a transaction that the engine has given up itself cannot be committed any more. (After anything else that failed the
 *     caller rolls back.)
 *
 * A function that gives a status notes a sentence with orders_db__fail where it is not ORDERS_DB_OK; the sentence begins with
 * `doing`, such as "writing an order".
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_SQL_H
#define SECKILL_EXAMPLES_ORDERS_SQL_H

#include "orders_db.h"

/* A prepared statement, of the engine's own shape. */
typedef struct orders_sql_statement orders_sql_statement;

typedef struct {
    const char *const *texts; /* of the kept statements, by their numbers below */
    size_t rows;              /* how many rows one statement reads or writes: 1 where a call costs nothing, up to
                                 ORDERS_DB__CHUNK where each is a round trip */
    const char *lock;         /* ends a query of what is to be written in the same transaction */

    /* Whether it can read `where`; NULL: always. */
    orders_db_status (*check)(orders_db *db, const char *where);

    /* Opens `where`, less its "sqlite:", into db->connection; close() is called in any case, and takes a half-open one. */
    orders_db_status (*open)(orders_db *db, const char *where, unsigned flags, uint32_t busy_timeout_ms);
    void (*close)(orders_db *db);

    /* Makes the tables, or brings them to this release, and tells each step. */
    orders_db_status (*migrate)(orders_db *db, const char *where, bool dry_run, orders_db_step_cb cb, void *user_data);

    orders_db_status (*begin)(orders_db *db);
    orders_db_status (*commit)(orders_db *db);
    void (*rollback)(orders_db *db); /* keeps the error's text; nothing where there is no transaction */
    bool (*in_transaction)(const orders_db *db);

    /* Whether a table of the shop's own, NAME or SCHEMA.NAME, takes part in transactions: ORDERS_DB_REFUSED. One that is not
     * there passes. NULL: all do. */
    orders_db_status (*check_table)(orders_db *db, const char *table);

    /* SQL without parameters and rows. */
    orders_db_status (*exec)(orders_db *db, const char *sql, const char *doing);

    /* Parameters are ?1, ?2, ... or all of them ?, numbered as they stand. */
    orders_db_status (*prepare)(orders_db *db, const char *sql, orders_sql_statement **statement);
    void (*finalize)(orders_sql_statement *statement); /* NULL is allowed */

    /* What is bound must stay until the statement is reset; what fails is told by the next step. NULL data binds NULL. */
    void (*bind_int)(orders_sql_statement *statement, int index, int64_t value);
    void (*bind_data)(orders_sql_statement *statement, int index, const void *data, size_t size, bool is_text);

    /* Runs it, or goes on to the next row: *row. */
    orders_db_status (*step)(orders_db *db, orders_sql_statement *statement, const char *doing, bool *row);
    void (*reset)(orders_sql_statement *statement);

    /* Of the row at hand, columns from 0. Valid until the next step; text has a NUL behind it. NULL gives 0, or no data. */
    int64_t (*column_int)(orders_sql_statement *statement, int column);
    seckill_bytes (*column_data)(orders_sql_statement *statement, int column);

    /* How many rows the last statement that writes has met, changed or not. */
    int64_t (*changes)(const orders_db *db);
} orders_sql;

extern const orders_sql orders_sqlite;
#ifdef ORDERS_WITH_MYSQL
extern const orders_sql orders_mysql;
#endif

/* ---- statements that all engines take as they are: X(NAME, sql) ----
 *
 * [...] stands for as many rows as are at hand, with commas between; {...} the same without commas. */

/* What orders_db__read_order reads. */
#define ORDERS_DB__ORDER_COLUMNS                                                                                               \
    "SELECT reservation_id, activity, item, user, order_ref, state, quantity, price, confirmed_ms, refunded_ms, "              \
    "refused_for, number, paid_ms, refund_due"

/* What orders_db_allocations.c reads of an allocation. */
#define ORDERS_DB__ALLOCATION_COLUMNS                                                                                          \
    "SELECT activity, item, operation, direction, state, asked, units, goods, goods_key, goods_value, goods_units, "           \
    "begun_ms, ended_ms"

/* One item's, one activity's or all rows. */
#define ORDERS_DB__NAMED "(?1 IS NULL OR activity = ?1) AND (?2 IS NULL OR item = ?2)"

/* `changed` is when an order changed last, in the engine's words; `lock` ends what is read to be written in a transaction. */
#define ORDERS_SQL_SHARED(X, changed, lock)                                                                                    \
    X(INVENTORY, "SELECT units_total, units_left FROM inventory WHERE activity = ?1 AND item = ?2" lock)                       \
    X(TAKE, "UPDATE inventory SET units_left = ?3 WHERE activity = ?1 AND item = ?2")                                          \
    X(SOLD, "SELECT coalesce(sum(quantity), 0) FROM orders WHERE activity = ?1 AND item = ?2 AND state = 'confirmed'")         \
    X(FIND, ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE reservation_id = ?1")                                                 \
    X(FIND_ALL, ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE reservation_id IN ([?])" lock)                                    \
    X(INSERT, "INSERT INTO orders (number, reservation_id, activity, item, user, order_ref, state, quantity, price, "          \
              "confirmed_ms, refunded_ms, refused_for, refund_due) VALUES [(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]")          \
    X(REFUND_ALL, "UPDATE orders SET state = 'refunded', refund_due = 0, refunded_ms = CASE number {WHEN ? THEN ? }END "       \
                  "WHERE number IN ([?])")                                                                                     \
    X(DUE_ALL, "UPDATE orders SET refund_due = 1 WHERE number IN ([?])")                                                       \
    X(REFUND, "UPDATE orders SET state = 'refunded', refunded_ms = ?2, refund_due = 0 WHERE reservation_id = ?1")              \
    X(REFUND_SETTLED,                                                                                                          \
      "UPDATE orders SET refund_due = 0 WHERE reservation_id = ?1 AND refund_due = 1 AND state <> 'confirmed'")                \
    X(MARK_PAID, "UPDATE orders SET paid_ms = ?2 WHERE reservation_id = ?1 AND state = 'confirmed' AND refund_due = 0 "        \
                 "AND paid_ms = 0")                                                                                            \
    X(REFUNDS_DUE, "SELECT reservation_id, user FROM orders WHERE refund_due = 1 AND activity = ?1 AND item = ?2 LIMIT ?3")    \
    X(REPLAYED, "SELECT shard, epoch FROM replays WHERE activity = ?1 AND item = ?2")                                          \
    X(ALLOCATION, ORDERS_DB__ALLOCATION_COLUMNS " FROM allocations WHERE activity = ?1 AND item = ?2 AND operation = ?3" lock) \
    X(ALLOCATIONS_OPEN, ORDERS_DB__ALLOCATION_COLUMNS                                                                          \
      " FROM allocations WHERE activity = ?1 AND item = ?2 AND state = 'begun' ORDER BY begun_ms, operation")                  \
    X(ALLOCATIONS_SEEN, "SELECT count(*), count(ended_ms) FROM allocations WHERE activity = ?1 AND item = ?2")                 \
    X(ALLOCATE, "INSERT INTO allocations (activity, item, operation, direction, asked, units, goods, goods_key, goods_value, " \
                "goods_units, begun_ms, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'begun')")                \
    X(ALLOCATED, "UPDATE allocations SET state = ?4, units = ?5, ended_ms = ?6 "                                               \
                 "WHERE activity = ?1 AND item = ?2 AND operation = ?3 AND state = 'begun'")                                   \
    X(LAST_NUMBER, "SELECT coalesce(max(number), 0) FROM orders")                                                              \
    X(LIST_CHANGED,                                                                                                            \
      ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE activity = ?1 AND item = ?2 AND " changed " >= ?3 "                         \
                               "AND (" changed " > ?3 OR number > ?4) AND number <= ?5 ORDER BY " changed ", number LIMIT ?6") \
    X(LOOK_BACK, ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE activity = ?1 AND item = ?2 AND " changed                        \
                                          " < ?3 ORDER BY " changed " DESC LIMIT ?4")                                          \
    /* By number, so that a page costs what it reads, wherever it begins. */                                                   \
    X(LIST, ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE number > ?3 AND " ORDERS_DB__NAMED                                    \
                                     " AND (((?4 & 1) <> 0 AND state = 'confirmed') OR ((?4 & 2) <> 0 AND state = "            \
                                     "'refunded') OR ((?4 & 4) <> 0 AND state = 'refused')) "                                  \
                                     "AND (?5 = 0 OR paid_ms = 0) ORDER BY number LIMIT ?6")                                   \
    /* One statement, so that inventory and orders are of the same instant; each part reads one index. */                      \
    X(ACCOUNTS,                                                                                                                \
      "SELECT activity, item, sum(listed), max(units_total), max(units_left), "                                                \
      "sum(CASE state WHEN 'confirmed' THEN n END), sum(CASE state WHEN 'refunded' THEN n END), "                              \
      "sum(CASE state WHEN 'refused' THEN n END), sum(CASE state WHEN 'confirmed' THEN q END), "                               \
      "sum(CASE state WHEN 'refunded' THEN q END), sum(CASE state WHEN 'refused' THEN q END), "                                \
      "sum(due), sum(unpaid), sum(unpaid_units) FROM ("                                                                        \
      "SELECT activity, item, 1 AS listed, units_total, units_left, NULL AS state, 0 AS n, 0 AS q, 0 AS due, 0 AS unpaid, "    \
      "0 AS unpaid_units FROM inventory WHERE " ORDERS_DB__NAMED                                                               \
      " UNION ALL SELECT activity, item, 0, NULL, NULL, state, count(*), sum(quantity), 0, 0, 0 FROM orders "                  \
      "WHERE " ORDERS_DB__NAMED " GROUP BY activity, item, state "                                                             \
      "UNION ALL SELECT activity, item, 0, NULL, NULL, NULL, 0, 0, count(*), 0, 0 FROM orders WHERE refund_due = 1 "           \
      "AND " ORDERS_DB__NAMED " GROUP BY activity, item " /* In the words of SQLite's index orders_unpaid. */                  \
      "UNION ALL SELECT activity, item, 0, NULL, NULL, NULL, 0, 0, 0, count(*), sum(quantity) FROM orders "                    \
      "WHERE state = 'confirmed' AND paid_ms = 0 AND refund_due = 0 AND " ORDERS_DB__NAMED " GROUP BY activity, item"          \
      ") AS parts GROUP BY activity, item ORDER BY 1, 2")

/* ---- statements that each engine words itself ----
 *
 *   SET_INVENTORY  sets an item's (?1, ?2) units_total and units_left to ?3 and ?4, in a new row if there is none
 *   GIVE_BACK_DUE  gives the units of order ?1 back to its item's inventory if it is confirmed and its refund is due
 *   REFUND_UNPAID  sets refund_due of the ?4 oldest orders of an item that are confirmed before ?3, unpaid and not due
 *   NOTE_REPLAYED  sets the epoch ?4 of an item's shard ?3, in a new row if there is none */
#define ORDERS_SQL_OWN(X) X(SET_INVENTORY, "") X(GIVE_BACK_DUE, "") X(REFUND_UNPAID, "") X(NOTE_REPLAYED, "")

enum {
#define ORDERS_SQL_NUMBER(name, sql) ORDERS_DB__##name,
    ORDERS_SQL_SHARED(ORDERS_SQL_NUMBER, "", "") ORDERS_SQL_OWN(ORDERS_SQL_NUMBER)
#undef ORDERS_SQL_NUMBER
        ORDERS_DB__STATEMENTS
};

/* An engine's table is {ORDERS_SQL_SHARED(ITS_TEXT, ...) and a line for each of its own statements}, ITS_TEXT(name, sql) such a
 * line too. */

#endif
