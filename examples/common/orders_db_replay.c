/* What was replayed to Redis, and what is to be; see orders_db.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 100000 };

/* ---- telling Redis again ---- */

seckill_reservation_ref orders_db_ref_of(const orders_db_order *order) {
    seckill_reservation_ref ref = {.quantity = order->quantity, .price = order->price, .user_size = order->user.size};
    memcpy(ref.user, order->user.data, order->user.size);
    (void)snprintf(ref.activity, sizeof ref.activity, "%s", order->activity);
    (void)snprintf(ref.item, sizeof ref.item, "%s", order->item);
    memcpy(ref.reservation_id, order->reservation_id, sizeof ref.reservation_id);
    /* The token is long gone, and its times do not count for an order that is written. */
    ref.issued_ms = ref.hold_until_ms = order->confirmed_ms;
    ref.valid_until_ms = order->confirmed_ms + 1;
    return ref;
}

bool orders_db_stays_sold(const orders_db_order *order) {
    return order->state == ORDERS_DB_CONFIRMED && !order->refund_due;
}

/* ---- epochs ---- */

orders_db_status orders_db_replayed(orders_db *db, const char *activity, const char *item, uint64_t *epochs, uint32_t shards) {
    orders_sql_statement *statement;
    bool row = false;
    memset(epochs, 0, shards * sizeof epochs[0]);
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__REPLAYED, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    while ((status = db->sql->step(db, statement, "reading which epochs were replayed", &row)) == ORDERS_DB_OK && row) {
        int64_t shard = db->sql->column_int(statement, 0);
        if (shard >= 0 && shard < shards) {
            epochs[shard] = (uint64_t)db->sql->column_int(statement, 1);
        }
    }
    db->sql->reset(statement);
    return status;
}

static orders_db_status note_replayed(orders_db *db, const char *activity, const char *item, uint32_t shard, uint64_t epoch) {
    return orders_db__run_for_item(db, ORDERS_DB__NOTE_REPLAYED, activity, item, shard, (int64_t)epoch,
                                   "noting a replayed epoch");
}

orders_db_status orders_db_note_replayed(orders_db *db, const char *activity, const char *item, uint32_t shard,
                                         uint64_t epoch) {
    bool own;
    if (!orders_db__is_item(activity, item) || epoch == 0 || epoch > SECKILL_AMOUNT_MAX) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "an item's name or an epoch is out of range");
    }
    orders_db_status status = orders_db__begin_own(db, &own);
    return status == ORDERS_DB_OK ? orders_db__end_own(db, own, note_replayed(db, activity, item, shard, epoch)) : status;
}

/* ---- orders ---- */

orders_db_status orders_db_last_number(orders_db *db, int64_t *number) {
    orders_sql_statement *statement;
    bool row;
    *number = 0;
    orders_db_status status = orders_db__use(db, ORDERS_DB__LAST_NUMBER, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db__first(db, statement, "looking for the last order", &row);
    *number = row ? db->sql->column_int(statement, 0) : 0;
    db->sql->reset(statement);
    return status;
}

orders_db_place orders_db_place_of(const orders_db_order *order) {
    int64_t changed_ms = order->confirmed_ms > order->refunded_ms ? order->confirmed_ms : order->refunded_ms;
    return (orders_db_place){changed_ms, order->number};
}

static void bind_place(orders_db *db, orders_sql_statement *statement, orders_db_place after, int64_t last_number,
                       uint32_t limit) {
    const int64_t values[] = {after.changed_ms, after.number, last_number, limit};
    for (int i = 0; i < 4; i++) {
        db->sql->bind_int(statement, 3 + i, values[i]);
    }
}

orders_db_status orders_db_list_changed(orders_db *db, const char *activity, const char *item, orders_db_place after,
                                        int64_t last_number, uint32_t limit, orders_db_order_cb cb, void *user_data) {
    orders_sql_statement *statement;
    size_t count;
    if (limit == 0 || limit > LIST_MAX) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "a page's size is out of range");
    }
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__LIST_CHANGED, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    bind_place(db, statement, after, last_number, limit);
    return orders_db__every_order(db, statement, cb, user_data, &count);
}

orders_db_status orders_db_look_back(orders_db *db, const char *activity, const char *item, int64_t before_ms, uint32_t limit,
                                     orders_db_look_cb cb, void *user_data, size_t *count) {
    orders_sql_statement *statement;
    *count = 0;
    if (limit == 0 || limit > LIST_MAX) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "a list's size is out of range");
    }
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__LOOK_BACK, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    db->sql->bind_int(statement, 3, before_ms);
    db->sql->bind_int(statement, 4, limit);
    return orders_db__each_order(db, statement, cb, user_data, count);
}
