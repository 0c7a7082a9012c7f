/* What the files of the engine SQLite share; see orders_sql.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_SQLITE_H
#define SECKILL_EXAMPLES_ORDERS_SQLITE_H

#include "orders_db_internal.h"

#include <sqlite3.h>

/* When an order changed last, in the words of the index orders_by_change. */
#define ORDERS_SQLITE_CHANGED "max(coalesce(confirmed_ms, 0), coalesce(refunded_ms, 0))"

/* SQLite's handle. */
sqlite3 *orders_sqlite_of(const orders_db *db);

/* Notes why a call of SQLite failed and says what that is to the caller. */
orders_db_status orders_sqlite_failed(orders_db *db, int code, const char *doing);

/* Makes the tables of a new file, or checks that an old one is ours and of this release, or brings it there. */
orders_db_status orders_sqlite_prepare_schema(orders_db *db, bool read_only);

/* The same, and tells what it does. */
orders_db_status orders_sqlite_migrate(orders_db *db, bool dry_run, orders_db_step_cb cb, void *user_data);

#endif
