/* What is paid, and what must be refunded; see orders_db.h.
 *
 * A payment and a deadline may meet at the same order from two processes. One transaction writes at a time, so one
 * of them comes second, and finds the other's note: the statements below change nothing then, and the tables' rules would not
 * let them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <string.h>

/* ---- payments ---- */

typedef struct {
    orders_db_state state;
    bool paid;
} payment;

static void read_payment(const orders_db_order *order, void *user_data) {
    payment *is = user_data;
    is->state = order->state;
    is->paid = order->paid_ms > 0;
}

/* Why an order was not marked: it is paid already, or cannot be. */
static orders_db_status not_marked(orders_db *db, const uint8_t *id) {
    payment is = {0};
    orders_db_status status = orders_db_find(db, id, read_payment, &is);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (is.state != ORDERS_DB_CONFIRMED) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "the order is %s: it cannot be paid", orders_db_state_name(is.state));
    }
    return is.paid ? ORDERS_DB_OK : orders_db__fail(db, ORDERS_DB_REFUSED, "the order's refund is due: it cannot be paid");
}

static orders_db_status mark_paid(orders_db *db, const uint8_t *id, int64_t at_ms) {
    orders_sql_statement *statement;
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__MARK_PAID, id, &statement);
    if (status == ORDERS_DB_OK) {
        status = orders_db__run_with(db, statement, 2, at_ms, "marking an order as paid");
    }
    return status != ORDERS_DB_OK || db->sql->changes(db) == 1 ? status : not_marked(db, id);
}

orders_db_status orders_db_mark_paid(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], int64_t at_ms) {
    bool own;
    if (at_ms <= 0) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "the time of a payment is out of range");
    }
    orders_db_status status = orders_db__begin_own(db, &own);
    return status == ORDERS_DB_OK ? orders_db__end_own(db, own, mark_paid(db, reservation_id, at_ms)) : status;
}

/* ---- the deadline ---- */

orders_db_status orders_db_refund_unpaid(orders_db *db, const char *activity, const char *item, int64_t confirmed_before_ms,
                                         uint32_t max, size_t *count) {
    bool own;
    *count = 0;
    if (!orders_db__is_item(activity, item)) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "an item's name is out of range");
    }
    orders_db_status status = orders_db__begin_own(db, &own);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__run_for_item(db, ORDERS_DB__REFUND_UNPAID, activity, item, confirmed_before_ms, max,
                                     "noting refunds of unpaid orders");
    size_t noted = status == ORDERS_DB_OK ? (size_t)db->sql->changes(db) : 0;
    status = orders_db__end_own(db, own, status);
    *count = status == ORDERS_DB_OK ? noted : 0;
    return status;
}

/* ---- refunds that Redis must still be told ---- */

static size_t read_refund(orders_db *db, orders_sql_statement *statement, orders_db_refund *refund) {
    seckill_bytes id = db->sql->column_data(statement, 0), user = db->sql->column_data(statement, 1);
    if (id.size != sizeof refund->reservation_id || !user.data || user.size > sizeof refund->user) {
        return 0;
    }
    memcpy(refund->reservation_id, id.data, id.size);
    memcpy(refund->user, user.data, user.size);
    refund->user_size = user.size;
    return 1;
}

orders_db_status orders_db_refunds_due(orders_db *db, const char *activity, const char *item, orders_db_refund *refunds,
                                       size_t room, size_t *count) {
    orders_sql_statement *statement;
    bool row;
    *count = 0;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__REFUNDS_DUE, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    db->sql->bind_int(statement, 3, (int64_t)room);
    while (*count < room && (status = db->sql->step(db, statement, "listing refunds", &row)) == ORDERS_DB_OK && row) {
        *count += read_refund(db, statement, &refunds[*count]);
    }
    db->sql->reset(statement);
    return status;
}

/* Runs a statement about one order; *changed says whether it did anything. */
static orders_db_status run_for_order(orders_db *db, int which, const uint8_t *id, const char *doing, bool *changed) {
    orders_sql_statement *statement;
    orders_db_status status = orders_db__use_for_order(db, which, id, &statement);
    if (status == ORDERS_DB_OK) {
        status = orders_db__run(db, statement, doing);
    }
    *changed = status == ORDERS_DB_OK && db->sql->changes(db) > 0;
    return status;
}

static orders_db_status move_to_refunded(orders_db *db, const uint8_t *id, int64_t at_ms) {
    orders_sql_statement *statement;
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__REFUND, id, &statement);
    return status == ORDERS_DB_OK ? orders_db__run_with(db, statement, 2, at_ms, "refunding an order") : status;
}

/* Only a confirmed order took units; one that is refused or refunded already just has nothing more to ask of Redis. */
static orders_db_status settle(orders_db *db, const uint8_t *id, int64_t at_ms, bool *refunded) {
    bool settled;
    orders_db_status status = run_for_order(db, ORDERS_DB__GIVE_BACK_DUE, id, "giving units back to the inventory", refunded);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    return *refunded ? move_to_refunded(db, id, at_ms)
                     : run_for_order(db, ORDERS_DB__REFUND_SETTLED, id, "noting that a refund is settled", &settled);
}

orders_db_status orders_db_refund_settled(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE],
                                          int64_t at_ms, bool *refunded) {
    bool own, moved = false;
    *refunded = false;
    if (at_ms <= 0) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "the time of a refund is out of range");
    }
    orders_db_status status = orders_db__begin_own(db, &own);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__end_own(db, own, settle(db, reservation_id, at_ms, &moved));
    *refunded = status == ORDERS_DB_OK && moved;
    return status;
}
