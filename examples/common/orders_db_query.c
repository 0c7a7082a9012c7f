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

static bool state_of(const char *name, orders_db_state *state) {
    for (int i = 0; name && i < ORDERS_DB_STATES; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *state = (orders_db_state)i;
            return true;
        }
    }
    return false;
}

orders_db_status orders_db__read_order(orders_db *db, orders_sql_statement *statement, orders_db_order *order) {
    const orders_sql *sql = db->sql;
    seckill_bytes id = sql->column_data(statement, 0);
    order->activity = orders_db__text(db, statement, 1);
    order->item = orders_db__text(db, statement, 2);
    order->user = sql->column_data(statement, 3);
    order->order_ref = sql->column_data(statement, 4);
    order->quantity = (uint32_t)sql->column_int(statement, 6);
    order->price = sql->column_int(statement, 7);
    order->confirmed_ms = sql->column_int(statement, 8); /* NULL gives 0 */
    order->refunded_ms = sql->column_int(statement, 9);
    order->number = sql->column_int(statement, 11);
    order->paid_ms = sql->column_int(statement, 12);
    order->refund_due = sql->column_int(statement, 13) != 0;
    if (!order->activity || !order->item || !order->user.data || order->user.size > SECKILL_USER_MAX ||
        strlen(order->activity) > SECKILL_ID_MAX || strlen(order->item) > SECKILL_ID_MAX ||
        id.size != sizeof order->reservation_id || !state_of(orders_db__text(db, statement, 5), &order->state)) {
        /* The tables' rules let no such row in; out of memory while a column is converted looks like this too. */
        return orders_db__fail(db, ORDERS_DB_CORRUPT, "an order's row is damaged");
    }
    memcpy(order->reservation_id, id.data, id.size);
    return ORDERS_DB_OK;
}

orders_db_status orders_db__each_order(orders_db *db, orders_sql_statement *statement, orders_db_look_cb cb, void *user_data,
                                       size_t *count) {
    orders_db_status status;
    bool more = true, row = false;
    *count = 0;
    while (more && (status = db->sql->step(db, statement, "reading orders", &row)) == ORDERS_DB_OK && row) {
        orders_db_order order;
        status = orders_db__read_order(db, statement, &order);
        more = status == ORDERS_DB_OK && cb(&order, user_data);
        *count += status == ORDERS_DB_OK;
    }
    db->sql->reset(statement);
    return status;
}

/* A callback that sees all. */
typedef struct {
    orders_db_order_cb cb;
    void *user_data;
} every;

static bool see(const orders_db_order *order, void *user_data) {
    const every *all = user_data;
    all->cb(order, all->user_data);
    return true;
}

orders_db_status orders_db__every_order(orders_db *db, orders_sql_statement *statement, orders_db_order_cb cb, void *user_data,
                                        size_t *count) {
    return orders_db__each_order(db, statement, see, &(every){cb, user_data}, count);
}

orders_db_status orders_db_find(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], orders_db_order_cb cb,
                                void *user_data) {
    orders_sql_statement *statement;
    size_t count;
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__FIND, reservation_id, &statement);
    if (status == ORDERS_DB_OK) {
        status = orders_db__every_order(db, statement, cb, user_data, &count);
    }
    return status == ORDERS_DB_OK && count == 0 ? orders_db__fail(db, ORDERS_DB_NOT_FOUND, "no such order") : status;
}

static void bind_filter(orders_db *db, orders_sql_statement *statement, const orders_db_filter *filter) {
    const int64_t values[] = {filter->after_number, filter->states ? filter->states : 7, filter->unpaid,
                              filter->limit ? filter->limit : LIST_DEFAULT};
    for (int i = 0; i < 4; i++) {
        db->sql->bind_int(statement, 3 + i, values[i]);
    }
}

orders_db_status orders_db_list(orders_db *db, const orders_db_filter *filter, orders_db_order_cb cb, void *user_data) {
    orders_sql_statement *statement;
    size_t count;
    if (filter->limit > LIST_MAX || filter->states >= 1U << ORDERS_DB_STATES || (filter->item && !filter->activity)) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "a filter is out of range");
    }
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__LIST, filter->activity, filter->item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    bind_filter(db, statement, filter);
    return orders_db__every_order(db, statement, cb, user_data, &count);
}

/* ---- accounts ---- */

bool orders_db_adds_up(const orders_db_item_account *account) {
    return account->units_total == account->units_left + account->units[ORDERS_DB_CONFIRMED];
}

static void read_account(orders_db *db, orders_sql_statement *statement, orders_db_item_account *account) {
    int64_t numbers[6 + 2 * ORDERS_DB_STATES]; /* NULL gives 0 */
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++) {
        numbers[i] = db->sql->column_int(statement, 2 + i);
    }
    account->activity = orders_db__text(db, statement, 0);
    account->item = orders_db__text(db, statement, 1);
    account->has_inventory = numbers[0] > 0;
    account->units_total = numbers[1];
    account->units_left = numbers[2];
    memcpy(account->orders, numbers + 3, sizeof account->orders);
    memcpy(account->units, numbers + 3 + ORDERS_DB_STATES, sizeof account->units);
    account->refunds_due = numbers[3 + 2 * ORDERS_DB_STATES];
    account->unpaid_orders = numbers[4 + 2 * ORDERS_DB_STATES];
    account->unpaid_units = numbers[5 + 2 * ORDERS_DB_STATES];
}

static orders_db_status each_account(orders_db *db, const char *activity, const char *item, orders_db_account_cb cb,
                                     void *user_data) {
    orders_sql_statement *statement;
    bool row = false;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__ACCOUNTS, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    while ((status = db->sql->step(db, statement, "reading the accounts", &row)) == ORDERS_DB_OK && row) {
        orders_db_item_account account;
        read_account(db, statement, &account);
        if (!account.activity || !account.item) {
            status = orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
            break;
        }
        cb(&account, user_data);
    }
    db->sql->reset(statement);
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
