/* What the files of the orders database share; see orders_db.h for what it is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_DB_INTERNAL_H
#define SECKILL_EXAMPLES_ORDERS_DB_INTERNAL_H

#include "orders_db.h"

#include <sqlite3.h>

/* What orders_db__read_order reads. */
#define ORDERS_DB__ORDER_COLUMNS                                                                                               \
    "SELECT reservation_id, activity, item, user, order_ref, state, quantity, price, confirmed_ms, refunded_ms, "              \
    "refused_for, number, paid_ms, refund_due"

/* When an order changed last, in the words of the index orders_by_change. */
#define ORDERS_DB__CHANGED "max(coalesce(confirmed_ms, 0), coalesce(refunded_ms, 0))"

/* The statements that are kept prepared: X(NAME, sql). */
#define ORDERS_DB_STATEMENT_MAP(X)                                                                                             \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                                \
    X(COMMIT, "COMMIT")                                                                                                        \
    X(INVENTORY, "SELECT units_total, units_left FROM inventory WHERE activity = ?1 AND item = ?2")                            \
    X(SET_INVENTORY, "INSERT INTO inventory (activity, item, units_total, units_left) VALUES (?1, ?2, ?3, ?4) "                \
                     "ON CONFLICT (activity, item) DO UPDATE SET units_total = ?3, units_left = ?4")                           \
    X(SOLD, "SELECT coalesce(sum(quantity), 0) FROM orders WHERE activity = ?1 AND item = ?2 AND state = 'confirmed'")         \
    X(TAKE, "UPDATE inventory SET units_left = units_left - ?3 WHERE activity = ?1 AND item = ?2 AND units_left >= ?3")        \
    X(GIVE_BACK, "UPDATE inventory SET units_left = units_left + ?3 WHERE activity = ?1 AND item = ?2")                        \
    X(FIND, ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE reservation_id = ?1")                                                 \
    X(INSERT, "INSERT INTO orders (reservation_id, activity, item, user, order_ref, state, quantity, price, confirmed_ms, "    \
              "refunded_ms, refused_for, refund_due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")              \
    X(REFUND, "UPDATE orders SET state = 'refunded', refunded_ms = ?2, refund_due = 0 WHERE reservation_id = ?1")              \
    X(REFUND_DUE, "UPDATE orders SET refund_due = 1 WHERE reservation_id = ?1 AND refund_due = 0")                             \
    X(REFUND_SETTLED,                                                                                                          \
      "UPDATE orders SET refund_due = 0 WHERE reservation_id = ?1 AND refund_due = 1 AND state <> 'confirmed'")                \
    X(GIVE_BACK_DUE, "UPDATE inventory SET units_left = units_left + o.quantity FROM orders o WHERE o.reservation_id = ?1 "    \
                     "AND o.state = 'confirmed' AND o.refund_due = 1 AND inventory.activity = o.activity "                     \
                     "AND inventory.item = o.item")                                                                            \
    X(MARK_PAID, "UPDATE orders SET paid_ms = ?2 WHERE reservation_id = ?1 AND state = 'confirmed' AND refund_due = 0 "        \
                 "AND paid_ms = 0")                                                                                            \
    X(REFUND_UNPAID, "UPDATE orders SET refund_due = 1 WHERE number IN (SELECT number FROM orders WHERE activity = ?1 "        \
                     "AND item = ?2 AND state = 'confirmed' AND paid_ms = 0 AND refund_due = 0 AND confirmed_ms < ?3 "         \
                     "ORDER BY confirmed_ms LIMIT ?4)")                                                                        \
    X(REFUNDS_DUE, "SELECT reservation_id, user FROM orders WHERE refund_due = 1 AND activity = ?1 AND item = ?2 LIMIT ?3")    \
    X(REPLAYED, "SELECT shard, epoch FROM replays WHERE activity = ?1 AND item = ?2")                                          \
    X(NOTE_REPLAYED, "INSERT INTO replays (activity, item, shard, epoch) VALUES (?1, ?2, ?3, ?4) "                             \
                     "ON CONFLICT (activity, item, shard) DO UPDATE SET epoch = ?4")                                           \
    X(LAST_NUMBER, "SELECT coalesce(max(number), 0) FROM orders")                                                              \
    X(LIST_CHANGED, ORDERS_DB__ORDER_COLUMNS                                                                                   \
      " FROM orders WHERE activity = ?1 AND item = ?2 AND " ORDERS_DB__CHANGED " >= ?3 "                                       \
      "AND (" ORDERS_DB__CHANGED " > ?3 OR number > ?4) AND number <= ?5 ORDER BY " ORDERS_DB__CHANGED ", number LIMIT ?6")    \
    X(LOOK_BACK, ORDERS_DB__ORDER_COLUMNS " FROM orders WHERE activity = ?1 AND item = ?2 AND " ORDERS_DB__CHANGED             \
                                          " < ?3 ORDER BY " ORDERS_DB__CHANGED " DESC LIMIT ?4")

enum {
#define ORDERS_DB_STATEMENT_ENUM(name, sql) ORDERS_DB__##name,
    ORDERS_DB_STATEMENT_MAP(ORDERS_DB_STATEMENT_ENUM)
#undef ORDERS_DB_STATEMENT_ENUM
        ORDERS_DB__STATEMENTS
};

struct orders_db {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[ORDERS_DB__STATEMENTS]; /* NULL until first used */
    char error[ORDERS_DB_ERROR_SIZE];
};

/* Notes why a call of SQLite failed and says what that is to the caller. `doing` begins the sentence: "writing an order". */
orders_db_status orders_db__failed(orders_db *db, int code, const char *doing);

/* Notes a failure that is not SQLite's. */
orders_db_status orders_db__fail(orders_db *db, orders_db_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs SQL without parameters and rows. */
orders_db_status orders_db__exec(orders_db *db, const char *sql, const char *doing);

/* A kept statement, ready to be bound. */
orders_db_status orders_db__use(orders_db *db, int which, sqlite3_stmt **statement);

/* Runs a bound statement that gives no rows, and resets it. */
orders_db_status orders_db__run(orders_db *db, sqlite3_stmt *statement, const char *doing);

/* A kept statement whose first parameters are an item's two names, or whose first one is a reservation's id. */
orders_db_status orders_db__use_for_item(orders_db *db, int which, const char *activity, const char *item,
                                         sqlite3_stmt **statement);
orders_db_status orders_db__use_for_order(orders_db *db, int which, const uint8_t *id, sqlite3_stmt **statement);

/* Binds a number and runs. */
orders_db_status orders_db__run_with(orders_db *db, sqlite3_stmt *statement, int index, int64_t value, const char *doing);

/* Runs a statement about an item whose third and fourth parameters are numbers. */
orders_db_status orders_db__run_for_item(orders_db *db, int which, const char *activity, const char *item, int64_t third,
                                         int64_t fourth, const char *doing);

/* Around what needs a transaction: begins one unless one was begun (*own), and ends it if it is its own. */
orders_db_status orders_db__begin_own(orders_db *db, bool *own);
orders_db_status orders_db__end_own(orders_db *db, bool own, orders_db_status status);

/* Whether both are ids that an item can have. */
bool orders_db__is_item(const char *activity, const char *item);

/* Binding: each gives SQLite's code; the text and the bytes must stay until the statement is reset. */
int orders_db__bind_text(sqlite3_stmt *statement, int index, const char *text);
int orders_db__bind_bytes(sqlite3_stmt *statement, int index, const void *data, size_t size); /* no bytes: an empty blob */

/* Makes the tables of a new database, or checks that an old one is ours and of this release, or brings it there. */
orders_db_status orders_db__prepare_schema(orders_db *db, bool read_only);

/* Reads the columns of ORDERS_DB__ORDER_COLUMNS from the row at hand. What it points to is valid until the statement moves on.
 */
orders_db_status orders_db__read_order(orders_db *db, sqlite3_stmt *statement, orders_db_order *order);

/* Gives every row of a bound statement with those columns to the callback, and resets it. */
orders_db_status orders_db__each_order(orders_db *db, sqlite3_stmt *statement, orders_db_order_cb cb, void *user_data,
                                       size_t *count);

#endif
