/* See reconcile_pairs.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reconcile_pairs.h"

#include "model.h"

#include <stdio.h>
#include <string.h>

/* Look-ups under way. */
struct pair_reading {
    ctl_run *ctl;
    size_t left;
    seckill_status status;
    char message[256];
};

seckill_bytes pair_user(const pair *p) {
    seckill_bytes user = {p->user, p->user_size};
    return user;
}

/* ---- orders ---- */

void pair_take_order(pair *p, const orders_db_order *order, const options_name *name) {
    if (p->user_size == 0) {
        memcpy(p->id, order->reservation_id, sizeof p->id);
        memcpy(p->user, order->user.data, order->user.size);
        p->user_size = order->user.size;
    }
    p->has_order = true;
    p->is_stranger = strcmp(order->activity, name->activity) != 0 || strcmp(order->item, name->item) != 0 ||
                     order->user.size != p->user_size || memcmp(order->user.data, p->user, p->user_size) != 0;
    p->refund_due = order->refund_due;
    p->state = order->state;
    p->quantity = order->quantity;
    p->price = order->price;
}

typedef struct {
    pair *pair;
    const options_name *name;
} found_order;

static void on_order(const orders_db_order *order, void *user_data) {
    found_order *found = user_data;
    pair_take_order(found->pair, order, found->name);
}

orders_db_status pair_read_order(const reconciliation *r, pair *p) {
    found_order found = {p, &r->ctl->name};
    p->has_order = false;
    orders_db_status status = orders_db_find(r->db, p->id, on_order, &found);
    return status == ORDERS_DB_NOT_FOUND ? ORDERS_DB_OK : status;
}

/* ---- records ---- */

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    pair *p = user_data;
    struct pair_reading *reading = p->reading;
    memset(&p->record, 0, sizeof p->record);
    for (size_t i = 0; i < result->count; i++) {
        if (memcmp(result->reservations[i].id, p->id, sizeof p->id) == 0) {
            p->record = result->reservations[i];
        }
    }
    if (result->status != SECKILL_OK && reading->status == SECKILL_OK) {
        reading->status = result->status;
        snprintf(reading->message, sizeof reading->message, "%s", result->message);
    }
    reading->ctl->done = --reading->left == 0;
}

int pairs_read_records(reconciliation *r, pair *pairs, size_t count) {
    ctl_run *ctl = r->ctl;
    struct pair_reading reading = {.ctl = ctl, .status = SECKILL_OK};
    seckill_status status = SECKILL_OK;
    for (size_t i = 0; i < count && status == SECKILL_OK; i++) {
        seckill_lookup_options options = SECKILL_LOOKUP_OPTIONS_INIT;
        options.user = pair_user(&pairs[i]);
        pairs[i].reading = &reading;
        status = seckill_lookup(ctl->item, &options, NULL, on_lookup, &pairs[i]);
        reading.left += status == SECKILL_OK;
    }
    if (reading.left > 0) {
        ctl_wait(ctl, SECKILL_OK); /* also before a failure is said: the answers need the pairs */
    }
    if (status != SECKILL_OK || reading.status != SECKILL_OK) {
        ctl_answer(ctl, status != SECKILL_OK ? status : reading.status, status != SECKILL_OK ? NULL : reading.message);
        return 0;
    }
    return 1;
}

/* ---- judging ---- */

/* The record is refunded. A refund that is due was asked for, and its answer is on its way. */
static pair_verdict judge_refunded(const pair *p) {
    return !p->has_order ? PAIR_ORDER_MISSING : p->state == ORDERS_DB_REFUNDED || p->refund_due ? PAIR_FITS : PAIR_ORDER_BEHIND;
}

static pair_verdict judge_sold(const pair *p) {
    return !p->has_order                                      ? PAIR_ORDER_MISSING
           : p->state == ORDERS_DB_CONFIRMED || p->refund_due ? PAIR_FITS
                                                              : PAIR_RESERVATION_BEHIND;
}

/* The record is in no state that has an order. Only an order that is to stay sold needs one that has: of others the last word
 * may have been that there is nothing to refund. */
static pair_verdict judge_unsold(const pair *p) {
    bool is_to_be_sold = p->has_order && !p->is_stranger && p->state == ORDERS_DB_CONFIRMED && !p->refund_due;
    return !is_to_be_sold ? PAIR_FITS : p->record.state == 0 ? PAIR_RESERVATION_MISSING : PAIR_RESERVATION_BEHIND;
}

pair_verdict pair_judge(const pair *p, char what[160]) {
    bool is_settled = p->record.state == SECKILL_RESERVATION_SOLD || p->record.state == SECKILL_RESERVATION_REFUNDED;
    if (is_settled && p->has_order && p->is_stranger) {
        snprintf(what, 160, "the order is of another user or item");
        return PAIR_ORDER_DIFFERS;
    }
    if (is_settled && p->has_order && (p->quantity != p->record.quantity || p->price != p->record.price)) {
        snprintf(what, 160, "reservation: %u at %lld; order: %u at %lld", p->record.quantity, (long long)p->record.price,
                 p->quantity, (long long)p->price);
        return PAIR_ORDER_DIFFERS;
    }
    snprintf(what, 160, "the reservation is %s, the order %s",
             p->record.state != 0 ? model_state_name(p->record.state) : "not there",
             p->has_order ? orders_db_state_name(p->state) : "not there");
    return !is_settled ? judge_unsold(p) : p->record.state == SECKILL_RESERVATION_REFUNDED ? judge_refunded(p) : judge_sold(p);
}

/* ---- repairing ---- */

typedef struct {
    ctl_run *ctl;
    seckill_status status;
} repair_call;

static void on_repeated(const seckill_item_result *result, void *user_data) {
    repair_call *call = user_data;
    call->status = result->status;
    call->ctl->done = 1;
}

static void on_told(const seckill_result *result, void *user_data) {
    repair_call *call = user_data;
    call->status = result->status;
    call->ctl->done = 1;
}

/* NULL: it was done; else its status in words. */
static const char *wait_for(repair_call *call, seckill_status started) {
    if (started == SECKILL_OK) {
        ctl_wait(call->ctl, started);
        started = call->status;
    }
    return started == SECKILL_OK ? NULL : seckill_status_message(started);
}

static seckill_release_options release_of(const pair *p) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    options.user = pair_user(p);
    memcpy(options.reservation_id, p->id, sizeof options.reservation_id);
    return options;
}

const char *pair_repeat_event(reconciliation *r, const pair *p) {
    repair_call call = {.ctl = r->ctl};
    seckill_release_options options = release_of(p);
    return wait_for(&call, seckill_event_repeat(r->ctl->item, &options, on_repeated, &call));
}

typedef struct {
    seckill_reservation_ref ref;
    bool is_due, stays_sold;
} order_to_tell;

static void on_order_to_tell(const orders_db_order *order, void *user_data) {
    order_to_tell *told = user_data;
    told->ref = orders_db_ref_of(order);
    told->is_due = order->refund_due;
    told->stays_sold = orders_db_stays_sold(order);
}

/* As a worker's replay does: confirmed, and then, as the order stands by then, refunded. An order whose refund is due is left
 * to the worker. */
const char *pair_confirm_again(reconciliation *r, const pair *p) {
    repair_call call = {.ctl = r->ctl};
    order_to_tell told;
    seckill_confirm_options confirm = SECKILL_CONFIRM_OPTIONS_INIT;
    if (orders_db_find(r->db, p->id, on_order_to_tell, &told) != ORDERS_DB_OK) {
        return orders_db_error(r->db);
    }
    if (told.is_due) {
        return "its refund is due by now: a worker's matter";
    }
    confirm.ref = &told.ref;
    confirm.flags = SECKILL_CONFIRM_ORDERED;
    const char *why_not = wait_for(&call, seckill_confirm(r->ctl->item, &confirm, NULL, on_told, &call));
    if (why_not) {
        return why_not;
    }
    if (orders_db_find(r->db, p->id, on_order_to_tell, &told) != ORDERS_DB_OK) {
        return orders_db_error(r->db);
    }
    seckill_release_options refund = release_of(p);
    return told.stays_sold ? NULL : wait_for(&call, seckill_refund(r->ctl->item, &refund, NULL, on_told, &call));
}
