/* What the files of the engine MySQL share; see orders_sql.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_MYSQL_H
#define SECKILL_EXAMPLES_ORDERS_MYSQL_H

#include "orders_db_internal.h"

#include <mysql.h>

typedef struct {
    MYSQL mysql;
    bool connected, is_mariadb, read_only;
    bool in_transaction;
    bool failed; /* something of this transaction failed: it is rolled back, never committed */
    bool lost;   /* nothing more can be said with this connection */
    int64_t changes;
} orders_mysql_connection;

static inline orders_mysql_connection *orders_mysql_of(const orders_db *db) {
    return db->connection;
}

orders_db_status orders_mysql_check(orders_db *db, const char *where);

/* Connects, and sets the session up; db->connection is set in any case but one: out of memory. */
orders_db_status orders_mysql_connect(orders_db *db, const char *where, unsigned flags, uint32_t busy_timeout_ms);
void orders_mysql_disconnect(orders_db *db);

/* Notes what the server or the client library said, and what that is to the caller. */
orders_db_status orders_mysql_failed(orders_db *db, unsigned code, const char *message, const char *doing);

/* Runs SQL without parameters and rows. */
orders_db_status orders_mysql_exec(orders_db *db, const char *sql, const char *doing);

/* Runs SQL that gives one number: *found says whether there was a row. */
orders_db_status orders_mysql_number(orders_db *db, const char *sql, const char *doing, int64_t *number, bool *found);

/* The row that who writes locks, and the version in it: ORDERS_DB_SCHEMA where it is another one or there is none. */
orders_db_status orders_mysql_check_version(orders_db *db, bool lock);

orders_db_status orders_mysql_check_table(orders_db *db, const char *table);

orders_db_status orders_mysql_migrate(orders_db *db, bool dry_run, orders_db_step_cb cb, void *user_data);

#endif
