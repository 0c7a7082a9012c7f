/* What only reads: accounts and orders; see orders_db.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <string.h>

enum { LIST_DEFAULT = 100, LIST_MAX = 100000 };

static const char *const state_names[ORDERS_DB_STATES] = {"confirmed", "refunded", "refused"};

const char *orders_db_state_name(orders_db_state state) {
    return (unsigned)state < ORDERS_DB_STATES ? state_names[state] : "no_such_state";
}

/* ---- orders ---- */

static seckill_bytes bytes_of(sqlite3_stmt *statement, int column) {
    const void *data = sqlite3_column_blob(statement, column); /* before the size, which it may change */
    return (seckill_bytes){data, (size_t)sqlite3_column_bytes(statement, column)};
}

static bool state_of(const char *name, orders_db_state *state) {
    for (int i = 0; name && i < ORDERS_DB_STATES; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *state = (orders_db_state)i;
            return true;
        }
    }
    return false;
}

orders_db_status orders_db__read_order(orders_db *db, sqlite3_stmt *statement, orders_db_order *order) {
    seckill_bytes id = bytes_of(statement, 0);
    order->activity = (const char *)sqlite3_column_text(statement, 1);
    order->item = (const char *)sqlite3_column_text(statement, 2);
    order->user = bytes_of(statement, 3);
    order->order_ref = bytes_of(statement, 4);
    order->quantity = (uint32_t)sqlite3_column_int64(statement, 6);
    order->price = sqlite3_column_int64(statement, 7);
    order->confirmed_ms = sqlite3_column_int64(statement, 8); /* NULL gives 0 */
    order->refunded_ms = sqlite3_column_int64(statement, 9);
    order->number = sqlite3_column_int64(statement, 11);
    order->paid_ms = sqlite3_column_int64(statement, 12);
    order->refund_due = sqlite3_column_int(statement, 13) != 0;
    if (!order->activity || !order->item || !order->user.data || id.size != sizeof order->reservation_id ||
        !state_of((const char *)sqlite3_column_text(statement, 5), &order->state)) {
        /* The tables' rules let no such row in; out of memory while a column is converted looks like this too. */
        return sqlite3_errcode(db->sqlite) == SQLITE_NOMEM
                   ? orders_db__failed(db, SQLITE_NOMEM, "reading an order")
                   : orders_db__fail(db, ORDERS_DB_CORRUPT, "an order's row is damaged");
    }
    memcpy(order->reservation_id, id.data, id.size);
    return ORDERS_DB_OK;
}

orders_db_status orders_db__each_order(orders_db *db, sqlite3_stmt *statement, orders_db_order_cb cb, void *user_data,
                                       size_t *count) {
    orders_db_status status = ORDERS_DB_OK;
    int code;
    for (*count = 0; status == ORDERS_DB_OK && (code = sqlite3_step(statement)) != SQLITE_DONE; ++*count) {
        orders_db_order order;
        status =
            code == SQLITE_ROW ? orders_db__read_order(db, statement, &order) : orders_db__failed(db, code, "reading orders");
        if (status == ORDERS_DB_OK) {
            cb(&order, user_data);
        }
    }
    (void)sqlite3_reset(statement);
    return status;
}

orders_db_status orders_db_find(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], orders_db_order_cb cb,
                                void *user_data) {
    sqlite3_stmt *statement;
    size_t count;
    orders_db_status status = orders_db__use(db, ORDERS_DB__FIND, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = orders_db__bind_bytes(statement, 1, reservation_id, SECKILL_RESERVATION_ID_SIZE);
    if (code != SQLITE_OK) {
        return orders_db__failed(db, code, "looking for an order");
    }
    status = orders_db__each_order(db, statement, cb, user_data, &count);
    return status == ORDERS_DB_OK && count == 0 ? orders_db__fail(db, ORDERS_DB_NOT_FOUND, "no such order") : status;
}

/* ---- lists: rare, so their statements are not kept ---- */

static orders_db_status prepare(orders_db *db, const char *sql, sqlite3_stmt **statement) {
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, statement, NULL);
    return code == SQLITE_OK ? ORDERS_DB_OK : orders_db__failed(db, code, "preparing a query");
}

/* By number, so that a page costs what it reads, wherever it begins. */
static const char list_sql[] = ORDERS_DB__ORDER_COLUMNS
    " FROM orders WHERE number > ?1 AND (?2 IS NULL OR activity = ?2) AND (?3 IS NULL OR item = ?3) "
    "AND ((?4 & 1 AND state = 'confirmed') OR (?4 & 2 AND state = 'refunded') OR (?4 & 4 AND state = 'refused')) "
    "AND (?6 = 0 OR paid_ms = 0) "
    "ORDER BY number LIMIT ?5";

static int bind_filter(sqlite3_stmt *statement, const orders_db_filter *filter) {
    int codes[] = {
        sqlite3_bind_int64(statement, 1, filter->after_number),
        orders_db__bind_text(statement, 2, filter->activity), /* NULL binds NULL */
        orders_db__bind_text(statement, 3, filter->item),
        sqlite3_bind_int64(statement, 4, filter->states ? filter->states : 7),
        sqlite3_bind_int64(statement, 5, filter->limit ? filter->limit : LIST_DEFAULT),
        sqlite3_bind_int(statement, 6, filter->unpaid),
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != SQLITE_OK) {
            return codes[i];
        }
    }
    return SQLITE_OK;
}

orders_db_status orders_db_list(orders_db *db, const orders_db_filter *filter, orders_db_order_cb cb, void *user_data) {
    sqlite3_stmt *statement;
    size_t count;
    if (filter->limit > LIST_MAX || filter->states >= 1U << ORDERS_DB_STATES || (filter->item && !filter->activity)) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "a filter is out of range");
    }
    orders_db_status status = prepare(db, list_sql, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = bind_filter(statement, filter);
    status = code == SQLITE_OK ? orders_db__each_order(db, statement, cb, user_data, &count)
                               : orders_db__failed(db, code, "listing orders");
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- accounts ---- */

/* One statement, so that inventory and orders are of the same instant. */
static const char accounts_sql[] =
    "WITH o AS (SELECT activity, item, state, count(*) AS n, sum(quantity) AS q FROM orders GROUP BY activity, item, state), "
    "d AS (SELECT activity, item, count(*) AS n FROM orders WHERE refund_due = 1 GROUP BY activity, item), "
    /* In the words of the index orders_unpaid, which alone is read for it. */
    "u AS (SELECT activity, item, count(*) AS n, sum(quantity) AS q FROM orders "
    "WHERE state = 'confirmed' AND paid_ms = 0 AND refund_due = 0 GROUP BY activity, item), "
    "k AS (SELECT activity, item FROM inventory UNION SELECT activity, item FROM o) "
    "SELECT k.activity, k.item, i.activity IS NOT NULL, i.units_total, i.units_left, "
    "sum(o.n) FILTER (WHERE o.state = 'confirmed'), sum(o.n) FILTER (WHERE o.state = 'refunded'), "
    "sum(o.n) FILTER (WHERE o.state = 'refused'), "
    "sum(o.q) FILTER (WHERE o.state = 'confirmed'), sum(o.q) FILTER (WHERE o.state = 'refunded'), "
    "sum(o.q) FILTER (WHERE o.state = 'refused'), d.n, u.n, u.q "
    "FROM k LEFT JOIN inventory i USING (activity, item) LEFT JOIN o USING (activity, item) LEFT JOIN d USING (activity, item) "
    "LEFT JOIN u USING (activity, item) "
    "WHERE (?1 IS NULL OR k.activity = ?1) AND (?2 IS NULL OR k.item = ?2) GROUP BY k.activity, k.item ORDER BY 1, 2";

bool orders_db_adds_up(const orders_db_item_account *account) {
    return account->units_total == account->units_left + account->units[ORDERS_DB_CONFIRMED];
}

static void read_account(sqlite3_stmt *statement, orders_db_item_account *account) {
    account->activity = (const char *)sqlite3_column_text(statement, 0);
    account->item = (const char *)sqlite3_column_text(statement, 1);
    account->has_inventory = sqlite3_column_int(statement, 2) != 0;
    account->units_total = sqlite3_column_int64(statement, 3); /* NULL gives 0, here and below */
    account->units_left = sqlite3_column_int64(statement, 4);
    for (int state = 0; state < ORDERS_DB_STATES; state++) {
        account->orders[state] = sqlite3_column_int64(statement, 5 + state);
        account->units[state] = sqlite3_column_int64(statement, 5 + ORDERS_DB_STATES + state);
    }
    account->refunds_due = sqlite3_column_int64(statement, 5 + 2 * ORDERS_DB_STATES);
    account->unpaid_orders = sqlite3_column_int64(statement, 6 + 2 * ORDERS_DB_STATES);
    account->unpaid_units = sqlite3_column_int64(statement, 7 + 2 * ORDERS_DB_STATES);
}

static orders_db_status each_account(orders_db *db, const char *activity, const char *item, orders_db_account_cb cb,
                                     void *user_data) {
    sqlite3_stmt *statement;
    orders_db_status status = prepare(db, accounts_sql, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = orders_db__bind_text(statement, 1, activity);
    if (code == SQLITE_OK) {
        code = orders_db__bind_text(statement, 2, item);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        orders_db_item_account account;
        read_account(statement, &account);
        code = account.activity && account.item ? SQLITE_OK : SQLITE_NOMEM;
        if (code == SQLITE_OK) {
            cb(&account, user_data);
        }
    }
    if (code != SQLITE_DONE) {
        status = orders_db__failed(db, code, "reading the accounts");
    }
    (void)sqlite3_finalize(statement);
    return status;
}

orders_db_status orders_db_accounts(orders_db *db, const char *activity, orders_db_account_cb cb, void *user_data) {
    return each_account(db, activity, NULL, cb, user_data);
}

static void keep_account(const orders_db_item_account *account, void *user_data) {
    orders_db_item_account *kept = user_data;
    *kept = *account;
}

orders_db_status orders_db_account(orders_db *db, const char *activity, const char *item, orders_db_item_account *account) {
    memset(account, 0, sizeof *account);
    if (!activity || !item) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "an item's name is missing");
    }
    orders_db_status status = each_account(db, activity, item, keep_account, account);
    if (status == ORDERS_DB_OK && !account->activity) {
        return orders_db__fail(db, ORDERS_DB_NOT_FOUND, "%s/%s: no such item", activity, item);
    }
    account->activity = activity;
    account->item = item;
    return status;
}
