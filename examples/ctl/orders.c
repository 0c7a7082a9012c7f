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
    const char *path = ctl_value(ctl, "orders");
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db = NULL;
    if (!path) {
        ctl_usage_error(ctl, "name the orders database: --orders FILE");
        return NULL;
    }
    orders_db_status status = orders_db_open(path, flags, LOCK_WAIT_MS, &db, error);
    if (status != ORDERS_DB_OK) {
        orders_fail(ctl, status, error);
        return NULL;
    }
    return db;
}
