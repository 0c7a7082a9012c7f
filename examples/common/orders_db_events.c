/* What writes: inventory and events; see orders_db.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <string.h>

enum { QUANTITY_MAX = 1000000 };

/* ---- inventory ---- */

typedef struct {
    bool found;
    int64_t total, left;
} inventory;

static orders_db_status read_inventory(orders_db *db, const char *activity, const char *item, inventory *has) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__INVENTORY, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = sqlite3_step(statement);
    has->found = code == SQLITE_ROW;
    has->total = has->found ? sqlite3_column_int64(statement, 0) : 0;
    has->left = has->found ? sqlite3_column_int64(statement, 1) : 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        status = orders_db__failed(db, code, "reading the inventory");
    }
    (void)sqlite3_reset(statement);
    return status;
}

static orders_db_status write_inventory(orders_db *db, const char *activity, const char *item, int64_t total, int64_t left) {
    return orders_db__run_for_item(db, ORDERS_DB__SET_INVENTORY, activity, item, total, left, "setting the inventory");
}

static orders_db_status set_inventory(orders_db *db, const char *activity, const char *item, int64_t total,
                                      orders_db_set_mode mode) {
    inventory has;
    orders_db_status status = read_inventory(db, activity, item, &has);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int64_t sold = has.total - has.left;
    if (has.found && (mode == ORDERS_DB_IF_ABSENT || (mode == ORDERS_DB_RAISE && has.total >= total))) {
        return ORDERS_DB_OK;
    }
    if (total < sold) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: %lld units are sold: the inventory cannot be %lld", activity,
                               item, (long long)sold, (long long)total);
    }
    return write_inventory(db, activity, item, total, total - sold);
}

orders_db_status orders_db_set_inventory(orders_db *db, const char *activity, const char *item, int64_t units_total,
                                         orders_db_set_mode mode) {
    if (!orders_db__is_item(activity, item) || units_total < 0 || units_total > SECKILL_AMOUNT_MAX) {
        return orders_db__fail(db, ORDERS_DB_INVALID, "an item's name or its units are out of range");
    }
    bool own;
    orders_db_status status = orders_db__begin_own(db, &own);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    return orders_db__end_own(db, own, set_inventory(db, activity, item, units_total, mode));
}

/* What an item's confirmed orders took. */
static orders_db_status read_sold(orders_db *db, const char *activity, const char *item, int64_t *sold) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__SOLD, activity, item, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = sqlite3_step(statement);
    *sold = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (code != SQLITE_ROW) {
        status = orders_db__failed(db, code, "adding up what is sold");
    }
    (void)sqlite3_reset(statement);
    return status;
}

static orders_db_status mend_inventory(orders_db *db, const char *activity, const char *item, int64_t *left, int64_t *mended) {
    inventory has;
    int64_t sold = 0;
    orders_db_status status = read_inventory(db, activity, item, &has);
    if (status == ORDERS_DB_OK) {
        status = read_sold(db, activity, item, &sold);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (!has.found) {
        return orders_db__fail(db, ORDERS_DB_NOT_FOUND, "%s/%s has no inventory", activity, item);
    }
    if (sold > has.total) {
        return orders_db__fail(db, ORDERS_DB_REFUSED, "%s/%s: %lld units are sold, of %lld", activity, item, (long long)sold,
                               (long long)has.total);
    }
    *left = has.left;
    *mended = has.total - sold;
    return *left == *mended ? ORDERS_DB_OK : write_inventory(db, activity, item, has.total, *mended);
}

orders_db_status orders_db_mend_inventory(orders_db *db, const char *activity, const char *item, int64_t *left,
                                          int64_t *mended) {
    bool own;
    *left = *mended = 0;
    orders_db_status status = orders_db__begin_own(db, &own);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    return orders_db__end_own(db, own, mend_inventory(db, activity, item, left, mended));
}

/* Takes units if there are that many: *taken. */
static orders_db_status take_units(orders_db *db, const orders_db_event *from, bool *taken) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__TAKE, from->activity, from->item, &statement);
    if (status == ORDERS_DB_OK) {
        status = orders_db__run_with(db, statement, 3, from->event.quantity, "taking units from the inventory");
    }
    *taken = status == ORDERS_DB_OK && sqlite3_changes(db->sqlite) == 1;
    return status;
}

static orders_db_status give_units_back(orders_db *db, const orders_db_event *to) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__GIVE_BACK, to->activity, to->item, &statement);
    if (status == ORDERS_DB_OK) {
        status = orders_db__run_with(db, statement, 3, to->event.quantity, "giving units back to the inventory");
    }
    if (status == ORDERS_DB_OK && sqlite3_changes(db->sqlite) != 1) {
        status = orders_db__fail(db, ORDERS_DB_CORRUPT, "%s/%s has confirmed orders but no inventory", to->activity, to->item);
    }
    return status;
}

/* ---- events ---- */

/* The order that stands, as far as events look at it. */
typedef struct {
    bool found, same; /* same: user, item and quantity are the event's */
    orders_db_state state;
    bool for_item; /* refused because the item had no inventory row, not because it had too little */
} standing;

static bool same_bytes(seckill_bytes a, seckill_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static orders_db_status compare(orders_db *db, sqlite3_stmt *statement, const orders_db_event *from, standing *is) {
    orders_db_order order;
    orders_db_status status = orders_db__read_order(db, statement, &order);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    const unsigned char *why = sqlite3_column_text(statement, 10);
    is->found = true;
    is->state = order.state;
    is->for_item = why && strcmp((const char *)why, "item") == 0;
    is->same = order.quantity == from->event.quantity && same_bytes(order.user, from->event.user) &&
               strcmp(order.activity, from->activity) == 0 && strcmp(order.item, from->item) == 0;
    return ORDERS_DB_OK;
}

static orders_db_status find(orders_db *db, const orders_db_event *from, standing *is) {
    sqlite3_stmt *statement;
    memset(is, 0, sizeof *is);
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__FIND, from->event.reservation_id, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        status = compare(db, statement, from, is);
    } else if (code != SQLITE_DONE) {
        status = orders_db__failed(db, code, "looking for an order");
    }
    (void)sqlite3_reset(statement);
    return status;
}

/* What of a new row is not the event's own. */
typedef struct {
    const char *state, *refused_for; /* refused_for: NULL unless refused */
    bool refund_due;
} new_order;

static int bind_new_order(sqlite3_stmt *statement, const orders_db_event *from, const new_order *order) {
    const seckill_event *event = &from->event;
    bool refunded = event->kind == SECKILL_EVENT_REFUNDED;
    int codes[] = {
        orders_db__bind_text(statement, 2, from->activity),
        orders_db__bind_text(statement, 3, from->item),
        orders_db__bind_bytes(statement, 4, event->user.data, event->user.size),
        orders_db__bind_bytes(statement, 5, event->order_ref.data, event->order_ref.size),
        orders_db__bind_text(statement, 6, order->state),
        sqlite3_bind_int64(statement, 7, event->quantity),
        sqlite3_bind_int64(statement, 8, event->price),
        refunded ? sqlite3_bind_null(statement, 9) : sqlite3_bind_int64(statement, 9, event->at_ms),
        refunded ? sqlite3_bind_int64(statement, 10, event->at_ms) : sqlite3_bind_null(statement, 10),
        orders_db__bind_text(statement, 11, order->refused_for),
        sqlite3_bind_int(statement, 12, order->refund_due),
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != SQLITE_OK) {
            return codes[i];
        }
    }
    return SQLITE_OK;
}

static orders_db_status insert(orders_db *db, const orders_db_event *from, const new_order *order) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__INSERT, from->event.reservation_id, &statement);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    int code = bind_new_order(statement, from, order);
    return code == SQLITE_OK ? orders_db__run(db, statement, "writing an order")
                             : orders_db__failed(db, code, "writing an order");
}

static orders_db_status write_new(orders_db *db, const orders_db_event *from, orders_db_outcome *outcome) {
    bool taken = false;
    inventory has = {true, 0, 0};
    orders_db_status status = take_units(db, from, &taken);
    if (status == ORDERS_DB_OK && !taken) {
        status = read_inventory(db, from->activity, from->item, &has);
    }
    if (status != ORDERS_DB_OK) {
        return status;
    }
    *outcome = taken ? ORDERS_DB_WRITTEN : has.found ? ORDERS_DB_NO_INVENTORY : ORDERS_DB_NO_ITEM;
    return insert(db, from,
                  &(new_order){.state = taken ? "confirmed" : "refused",
                               .refused_for = taken       ? NULL
                                              : has.found ? "inventory"
                                                          : "item",
                               .refund_due = !taken});
}

/* Run for every redelivery too: a refund that was settled may have been lost by Redis since, and asking twice is harmless. */
static orders_db_status note_refund_due(orders_db *db, const uint8_t *id) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__REFUND_DUE, id, &statement);
    return status == ORDERS_DB_OK ? orders_db__run(db, statement, "noting a refund") : status;
}

static orders_db_status apply_confirmed(orders_db *db, const orders_db_event *from, const standing *is,
                                        orders_db_outcome *outcome) {
    if (!is->found) {
        return write_new(db, from, outcome);
    }
    switch (is->state) {
    case ORDERS_DB_REFUSED_ORDER:
        *outcome = is->for_item ? ORDERS_DB_NO_ITEM : ORDERS_DB_NO_INVENTORY;
        return note_refund_due(db, from->event.reservation_id);
    case ORDERS_DB_REFUNDED:
        *outcome = ORDERS_DB_AFTER_REFUND;
        return note_refund_due(db, from->event.reservation_id);
    default:
        *outcome = ORDERS_DB_ALREADY;
        return ORDERS_DB_OK;
    }
}

static orders_db_status move_to_refunded(orders_db *db, const orders_db_event *from) {
    sqlite3_stmt *statement;
    orders_db_status status = orders_db__use_for_order(db, ORDERS_DB__REFUND, from->event.reservation_id, &statement);
    return status == ORDERS_DB_OK ? orders_db__run_with(db, statement, 2, from->event.at_ms, "refunding an order") : status;
}

static orders_db_status apply_refunded(orders_db *db, const orders_db_event *from, const standing *is,
                                       orders_db_outcome *outcome) {
    *outcome = ORDERS_DB_WRITTEN;
    if (!is->found) {
        return insert(db, from, &(new_order){.state = "refunded"});
    }
    if (is->state == ORDERS_DB_REFUNDED) {
        *outcome = ORDERS_DB_ALREADY;
        return ORDERS_DB_OK;
    }
    /* Only a confirmed order ever took units. */
    orders_db_status status = is->state == ORDERS_DB_CONFIRMED ? give_units_back(db, from) : ORDERS_DB_OK;
    return status == ORDERS_DB_OK ? move_to_refunded(db, from) : status;
}

/* What the tables would not take: asked first, since a broken rule would undo the whole transaction, again and again. */
static bool fits(const orders_db_event *from) {
    const seckill_event *event = &from->event;
    return orders_db__is_item(from->activity, from->item) && event->user.size >= 1 && event->user.size <= SECKILL_USER_MAX &&
           event->order_ref.size <= SECKILL_ORDER_REF_MAX && event->quantity >= 1 && event->quantity <= QUANTITY_MAX &&
           event->price >= 0 && event->price <= SECKILL_AMOUNT_MAX &&
           (event->kind == SECKILL_EVENT_CONFIRMED || event->kind == SECKILL_EVENT_REFUNDED);
}

static orders_db_status apply_one(orders_db *db, const orders_db_event *from, orders_db_outcome *outcome) {
    standing is;
    if (!fits(from)) {
        *outcome = ORDERS_DB_UNFIT;
        return ORDERS_DB_OK;
    }
    orders_db_status status = find(db, from, &is);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    if (is.found && !is.same) {
        *outcome = ORDERS_DB_DIFFERS;
        return ORDERS_DB_OK;
    }
    return from->event.kind == SECKILL_EVENT_CONFIRMED ? apply_confirmed(db, from, &is, outcome)
                                                       : apply_refunded(db, from, &is, outcome);
}

bool orders_db_recorded(orders_db_outcome outcome) {
    return outcome != ORDERS_DB_DIFFERS && outcome != ORDERS_DB_UNFIT;
}

orders_db_status orders_db_add(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes) {
    orders_db_status status = ORDERS_DB_OK;
    for (size_t i = 0; i < count && status == ORDERS_DB_OK; i++) {
        status = apply_one(db, &events[i], &outcomes[i]);
    }
    return status;
}

orders_db_status orders_db_apply(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes) {
    orders_db_status status = orders_db_begin(db);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    status = orders_db_add(db, events, count, outcomes);
    if (status == ORDERS_DB_OK) {
        status = orders_db_commit(db);
    }
    orders_db_rollback(db); /* nothing is left to roll back after a commit */
    return status;
}
