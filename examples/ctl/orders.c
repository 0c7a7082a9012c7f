/* See orders.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders.h"

enum { LOCK_WAIT_MS = 5000 };

static int exit_code(orders_db_status status) {
    switch (status) {
    case ORDERS_DB_NOT_FOUND:
    case ORDERS_DB_REFUSED:
        return CTL_NO;
    case ORDERS_DB_BUSY:
    case ORDERS_DB_UNREACHABLE:
        return CTL_AGAIN;
    case ORDERS_DB_MISSING:
    case ORDERS_DB_INVALID:
        return CTL_USAGE;
    default:
        return CTL_FAULT;
    }
}

void orders_fail(ctl_run *ctl, orders_db_status status, const char *cause) {
    ctl->exit_code = exit_code(status);
    /* The answers that are no trouble of the file have names of their own. */
    json_out_text(ctl->out, "status", ctl->exit_code == CTL_NO ? orders_db_status_name(status) : "orders_database");
    json_out_text(ctl->out, "class", ctl->exit_code == CTL_AGAIN ? "retryable" : "final");
    json_out_text(ctl->out, "message", cause);
}

orders_db *orders_open(ctl_run *ctl, unsigned flags) {
    const char *where = ctl_value(ctl, "orders");
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db = NULL;
    if (!where) {
        ctl_usage_error(ctl, "name the orders database: --orders FILE, or mysql://USER@HOST/DATABASE");
        return NULL;
    }
    orders_db_status status = orders_db_open(where, flags, LOCK_WAIT_MS, &db, error);
    if (status != ORDERS_DB_OK) {
        orders_fail(ctl, status, error);
        return NULL;
    }
    return db;
}

json_t *orders_model(const orders_db_item_account *account) {
    json_t *orders = json_out_object();
    for (int i = 0; i < ORDERS_DB_STATES; i++) {
        json_t *state = json_out_object();
        json_out_int(state, "orders", account->orders[i]);
        json_out_int(state, "units", account->units[i]);
        json_out_value(orders, orders_db_state_name((orders_db_state)i), state);
    }
    json_out_int(orders, "inventory", account->units_total);
    json_out_int(orders, "left", account->units_left);
    json_out_int(orders, "refunds_due", account->refunds_due);
    json_out_int(orders, "unpaid_orders", account->unpaid_orders);
    json_out_int(orders, "unpaid_units", account->unpaid_units);
    return orders;
}
