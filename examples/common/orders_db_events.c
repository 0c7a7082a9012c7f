/* What events do to orders; see orders_db.h.
 *
 * A chunk of events is decided in memory, between reading what stands and writing what is new: a few statements of many rows
 * each, so that an engine across a network costs a few round trips for a chunk, not for every event. The transaction holds the
 * lock all the while: what was read stands still.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders_db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTITY_MAX = 1000000, SLOTS = 2 * ORDERS_DB__CHUNK };

/* An order as it stands, or will stand when the chunk is written. */
typedef struct {
    const uint8_t *id;            /* of the first event about it */
    const orders_db_event *event; /* that makes it; NULL: it stands in the database */
    bool found, refunds, notes;   /* it is there; it is moved to refunded; a refund of it is noted as due */
    orders_db_state state;
    const char *refused_for; /* NULL: it was not */
    bool refund_due;
    int64_t number, confirmed_ms, refunded_ms; /* 0: never */
    uint32_t quantity;
    size_t user_size;
    uint8_t user[SECKILL_USER_MAX];
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
} standing;

typedef struct {
    const char *activity, *item;
    orders_db__inventory has;
    int64_t left; /* when the chunk is written */
} stock;

struct orders_db__work {
    size_t orders, stocks;
    standing order[ORDERS_DB__CHUNK];
    standing *of[ORDERS_DB__CHUNK]; /* each event's order; NULL: none can look like that */
    stock stock[ORDERS_DB__CHUNK];
    standing *slots[SLOTS]; /* of a hash of ids */
    standing *rows[ORDERS_DB__CHUNK];
};

/* ---- the chunk's orders ---- */

/* The place of an id's order: it is there, or belongs there. */
static standing **slot_of(orders_db__work *work, const uint8_t *id) {
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < SECKILL_RESERVATION_ID_SIZE; i++) {
        hash = (hash ^ id[i]) * 16777619U;
    }
    size_t at = hash % SLOTS;
    while (work->slots[at] && memcmp(work->slots[at]->id, id, SECKILL_RESERVATION_ID_SIZE) != 0) {
        at = (at + 1) % SLOTS;
    }
    return &work->slots[at];
}

static bool same_bytes(const void *a, size_t a_size, seckill_bytes b) {
    return a_size == b.size && (a_size == 0 || memcmp(a, b.data, a_size) == 0);
}

static bool is_about(const standing *order, const orders_db_event *event) {
    return order->quantity == event->event.quantity && same_bytes(order->user, order->user_size, event->event.user) &&
           strcmp(order->activity, event->activity) == 0 && strcmp(order->item, event->item) == 0;
}

static void keep_what_is_ordered(standing *order, const char *activity, const char *item, seckill_bytes user,
                                 uint32_t quantity) {
    order->found = true;
    order->quantity = quantity;
    order->user_size = user.size;
    memcpy(order->user, user.data, user.size);
    (void)snprintf(order->activity, sizeof order->activity, "%s", activity); /* neither is longer than SECKILL_ID_MAX */
    (void)snprintf(order->item, sizeof order->item, "%s", item);
}

/* What the tables would not take: asked first, since a broken rule would undo the whole transaction, again and again. */
static bool fits(const orders_db_event *from) {
    const seckill_event *event = &from->event;
    return orders_db__is_item(from->activity, from->item) && event->user.size >= 1 && event->user.size <= SECKILL_USER_MAX &&
           event->order_ref.size <= SECKILL_ORDER_REF_MAX && event->quantity >= 1 && event->quantity <= QUANTITY_MAX &&
           event->price >= 0 && event->price <= SECKILL_AMOUNT_MAX &&
           (event->kind == SECKILL_EVENT_CONFIRMED || event->kind == SECKILL_EVENT_REFUNDED);
}

static void gather(orders_db__work *work, const orders_db_event *events, size_t count) {
    work->orders = work->stocks = 0;
    memset(work->slots, 0, sizeof work->slots);
    for (size_t i = 0; i < count; i++) {
        work->of[i] = NULL;
        if (fits(&events[i])) {
            standing **slot = slot_of(work, events[i].event.reservation_id);
            if (!*slot) {
                *slot = &work->order[work->orders++];
                memset(*slot, 0, offsetof(standing, user));
                (*slot)->id = events[i].event.reservation_id;
            }
            work->of[i] = *slot;
        }
    }
}

/* ---- many rows with one statement ---- */

typedef orders_db_status (*rows_cb)(orders_db *db, orders_sql_statement *statement, standing *const *rows, size_t count);

/* Runs a statement for all of work->rows, as many at once as the engine takes. */
static orders_db_status for_rows(orders_db *db, int which, size_t count, rows_cb run) {
    orders_db_status status = ORDERS_DB_OK;
    for (size_t i = 0, some; i < count && status == ORDERS_DB_OK; i += some) {
        orders_sql_statement *statement;
        some = count - i < db->sql->rows ? count - i : db->sql->rows;
        status = orders_db__use_rows(db, which, some, &statement);
        if (status == ORDERS_DB_OK) {
            status = run(db, statement, db->work->rows + i, some);
        }
    }
    return status;
}

static void read_standing(orders_db *db, orders_sql_statement *statement, const orders_db_order *from) {
    static const char *const reasons[] = {"inventory", "item"};
    standing *order = *slot_of(db->work, from->reservation_id);
    const char *why = orders_db__text(db, statement, 10);
    keep_what_is_ordered(order, from->activity, from->item, from->user, from->quantity);
    order->state = from->state;
    order->refund_due = from->refund_due;
    order->number = from->number;
    order->refused_for = why || order->state == ORDERS_DB_REFUSED_ORDER ? reasons[why && strcmp(why, "item") == 0] : NULL;
}

static orders_db_status find_rows(orders_db *db, orders_sql_statement *statement, standing *const *rows, size_t count) {
    orders_db_status status;
    bool row = false;
    for (size_t i = 0; i < count; i++) {
        orders_db__bind_bytes(db, statement, (int)i + 1, rows[i]->id, SECKILL_RESERVATION_ID_SIZE);
    }
    while ((status = db->sql->step(db, statement, "looking for orders", &row)) == ORDERS_DB_OK && row) {
        orders_db_order order;
        status = orders_db__read_order(db, statement, &order);
        if (status != ORDERS_DB_OK) {
            break;
        }
        read_standing(db, statement, &order);
    }
    db->sql->reset(statement);
    return status;
}

static orders_db_status find(orders_db *db) {
    for (size_t i = 0; i < db->work->orders; i++) {
        db->work->rows[i] = &db->work->order[i];
    }
    return for_rows(db, ORDERS_DB__FIND_ALL, db->work->orders, find_rows);
}

/* ---- deciding ---- */

/* An item's inventory, read when it is first asked for. */
static orders_db_status stock_of(orders_db *db, const orders_db_event *event, stock **is) {
    orders_db__work *work = db->work;
    for (size_t i = 0; i < work->stocks; i++) {
        *is = &work->stock[i];
        if (strcmp((*is)->item, event->item) == 0 && strcmp((*is)->activity, event->activity) == 0) {
            return ORDERS_DB_OK;
        }
    }
    *is = &work->stock[work->stocks];
    (*is)->activity = event->activity;
    (*is)->item = event->item;
    orders_db_status status = orders_db__read_inventory(db, event->activity, event->item, &(*is)->has);
    (*is)->left = (*is)->has.left;
    work->stocks += status == ORDERS_DB_OK;
    return status;
}

static void make(standing *order, const orders_db_event *from, orders_db_state state) {
    keep_what_is_ordered(order, from->activity, from->item, from->event.user, from->event.quantity);
    order->event = from;
    order->state = state;
}

static orders_db_status make_confirmed(orders_db *db, standing *order, const orders_db_event *from,
                                       orders_db_outcome *outcome) {
    stock *is;
    orders_db_status status = stock_of(db, from, &is);
    if (status != ORDERS_DB_OK) {
        return status;
    }
    bool taken = is->left >= (int64_t)from->event.quantity;
    make(order, from, taken ? ORDERS_DB_CONFIRMED : ORDERS_DB_REFUSED_ORDER);
    order->confirmed_ms = from->event.at_ms;
    *outcome = taken ? ORDERS_DB_WRITTEN : is->has.found ? ORDERS_DB_NO_INVENTORY : ORDERS_DB_NO_ITEM;
    if (taken) {
        is->left -= from->event.quantity;
    } else {
        order->refused_for = is->has.found ? "inventory" : "item";
        order->refund_due = true;
    }
    return ORDERS_DB_OK;
}

/* For every redelivery too: a refund that was settled may have been lost by Redis since, and asking twice is harmless. */
static void note_refund_due(standing *order) {
    order->notes = order->notes || (!order->event && !order->refund_due);
    order->refund_due = true;
}

static orders_db_status apply_confirmed(orders_db *db, standing *order, const orders_db_event *from,
                                        orders_db_outcome *outcome) {
    if (!order->found) {
        return make_confirmed(db, order, from, outcome);
    }
    if (order->state == ORDERS_DB_CONFIRMED) {
        *outcome = ORDERS_DB_ALREADY;
        return ORDERS_DB_OK;
    }
    *outcome = order->state == ORDERS_DB_REFUNDED        ? ORDERS_DB_AFTER_REFUND
               : strcmp(order->refused_for, "item") == 0 ? ORDERS_DB_NO_ITEM
                                                         : ORDERS_DB_NO_INVENTORY;
    note_refund_due(order);
    return ORDERS_DB_OK;
}

static orders_db_status give_units_back(orders_db *db, const orders_db_event *to) {
    stock *is;
    orders_db_status status = stock_of(db, to, &is);
    if (status == ORDERS_DB_OK && !is->has.found) {
        status = orders_db__fail(db, ORDERS_DB_CORRUPT, "%s/%s has confirmed orders but no inventory", to->activity, to->item);
    }
    if (status == ORDERS_DB_OK) {
        is->left += to->event.quantity;
    }
    return status;
}

static orders_db_status apply_refunded(orders_db *db, standing *order, const orders_db_event *from,
                                       orders_db_outcome *outcome) {
    orders_db_status status = ORDERS_DB_OK;
    *outcome = order->found && order->state == ORDERS_DB_REFUNDED ? ORDERS_DB_ALREADY : ORDERS_DB_WRITTEN;
    if (*outcome == ORDERS_DB_ALREADY) {
        return status;
    }
    if (!order->found) {
        make(order, from, ORDERS_DB_REFUNDED);
    } else if (order->state == ORDERS_DB_CONFIRMED) {
        status = give_units_back(db, from); /* only a confirmed order ever took units */
    }
    order->refunds = !order->event;
    order->notes = order->refund_due = false;
    order->state = ORDERS_DB_REFUNDED;
    order->refunded_ms = from->event.at_ms;
    return status;
}

static orders_db_status decide(orders_db *db, standing *order, const orders_db_event *event, orders_db_outcome *outcome) {
    if (!order || (order->found && !is_about(order, event))) {
        *outcome = order ? ORDERS_DB_DIFFERS : ORDERS_DB_UNFIT;
        return ORDERS_DB_OK;
    }
    return event->event.kind == SECKILL_EVENT_CONFIRMED ? apply_confirmed(db, order, event, outcome)
                                                        : apply_refunded(db, order, event, outcome);
}

/* ---- writing ---- */

static void bind_time(orders_db *db, orders_sql_statement *statement, int index, bool there, int64_t at_ms) {
    if (there) {
        db->sql->bind_int(statement, index, at_ms);
    } else {
        orders_db__bind_null(db, statement, index);
    }
}

static void bind_new(orders_db *db, orders_sql_statement *statement, int at, const standing *order) {
    const seckill_event *event = &order->event->event;
    db->sql->bind_int(statement, at, order->number);
    orders_db__bind_bytes(db, statement, at + 1, order->id, SECKILL_RESERVATION_ID_SIZE);
    orders_db__bind_text(db, statement, at + 2, order->activity);
    orders_db__bind_text(db, statement, at + 3, order->item);
    orders_db__bind_bytes(db, statement, at + 4, order->user, order->user_size);
    orders_db__bind_bytes(db, statement, at + 5, event->order_ref.data, event->order_ref.size);
    orders_db__bind_text(db, statement, at + 6, orders_db_state_name(order->state));
    db->sql->bind_int(statement, at + 7, order->quantity);
    db->sql->bind_int(statement, at + 8, event->price);
    bind_time(db, statement, at + 9, event->kind == SECKILL_EVENT_CONFIRMED, order->confirmed_ms);
    bind_time(db, statement, at + 10, order->state == ORDERS_DB_REFUNDED, order->refunded_ms);
    orders_db__bind_text(db, statement, at + 11, order->refused_for);
    db->sql->bind_int(statement, at + 12, order->refund_due);
}

static orders_db_status insert_rows(orders_db *db, orders_sql_statement *statement, standing *const *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bind_new(db, statement, (int)(13 * i) + 1, rows[i]);
    }
    return orders_db__run(db, statement, "writing orders");
}

static orders_db_status refund_rows(orders_db *db, orders_sql_statement *statement, standing *const *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        db->sql->bind_int(statement, (int)(2 * i) + 1, rows[i]->number);
        db->sql->bind_int(statement, (int)(2 * i) + 2, rows[i]->refunded_ms);
        db->sql->bind_int(statement, (int)(2 * count + i) + 1, rows[i]->number);
    }
    return orders_db__run(db, statement, "refunding orders");
}

static orders_db_status note_rows(orders_db *db, orders_sql_statement *statement, standing *const *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        db->sql->bind_int(statement, (int)i + 1, rows[i]->number);
    }
    return orders_db__run(db, statement, "noting refunds");
}

/* Numbers are taken inside the transaction, so they are dense and in the order of the commits. */
static orders_db_status insert_new(orders_db *db) {
    orders_db__work *work = db->work;
    size_t count = 0;
    int64_t last = 0;
    for (size_t i = 0; i < work->orders; i++) {
        if (work->order[i].event) {
            work->rows[count++] = &work->order[i];
        }
    }
    orders_db_status status = count > 0 ? orders_db_last_number(db, &last) : ORDERS_DB_OK;
    for (size_t i = 0; i < count; i++) {
        work->rows[i]->number = last + 1 + (int64_t)i;
    }
    return status == ORDERS_DB_OK ? for_rows(db, ORDERS_DB__INSERT, count, insert_rows) : status;
}

static orders_db_status write_moved(orders_db *db, int which, size_t flag, rows_cb run) {
    orders_db__work *work = db->work;
    size_t count = 0;
    for (size_t i = 0; i < work->orders; i++) {
        if (*(const bool *)((const char *)&work->order[i] + flag)) {
            work->rows[count++] = &work->order[i];
        }
    }
    return for_rows(db, which, count, run);
}

static orders_db_status write_stock(orders_db *db, const stock *is) {
    orders_sql_statement *statement;
    orders_db_status status = orders_db__use_for_item(db, ORDERS_DB__TAKE, is->activity, is->item, &statement);
    return status == ORDERS_DB_OK ? orders_db__run_with(db, statement, 3, is->left, "writing the inventory") : status;
}

static orders_db_status write_chunk(orders_db *db) {
    orders_db_status status = insert_new(db);
    if (status == ORDERS_DB_OK) {
        status = write_moved(db, ORDERS_DB__REFUND_ALL, offsetof(standing, refunds), refund_rows);
    }
    if (status == ORDERS_DB_OK) { /* after these, which take the note back */
        status = write_moved(db, ORDERS_DB__DUE_ALL, offsetof(standing, notes), note_rows);
    }
    for (size_t i = 0; i < db->work->stocks && status == ORDERS_DB_OK; i++) {
        const stock *is = &db->work->stock[i];
        status = is->left != is->has.left ? write_stock(db, is) : ORDERS_DB_OK;
    }
    return status;
}

/* ---- chunks ---- */

static orders_db_status add_chunk(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes) {
    gather(db->work, events, count);
    orders_db_status status = find(db);
    for (size_t i = 0; i < count && status == ORDERS_DB_OK; i++) {
        status = decide(db, db->work->of[i], &events[i], &outcomes[i]);
    }
    return status == ORDERS_DB_OK ? write_chunk(db) : status;
}

orders_db_status orders_db_add(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes) {
    orders_db_status status = ORDERS_DB_OK;
    if (!db->work) {
        db->work = malloc(sizeof *db->work);
    }
    if (!db->work) {
        return orders_db__fail(db, ORDERS_DB_NO_MEMORY, "out of memory");
    }
    for (size_t some; count > 0 && status == ORDERS_DB_OK; events += some, outcomes += some, count -= some) {
        some = count < ORDERS_DB__CHUNK ? count : ORDERS_DB__CHUNK;
        status = add_chunk(db, events, some, outcomes);
    }
    return status;
}
