/* See reconcile.h: shards against the orders database, while both go on.
 *
 * Confirming writes the record and its event in one step; a worker writes the order, and only then takes the event away. So
 * whoever reads records first, then events, then orders must find of each settled record the event or the order. The records
 * are walked over, and what has no fitting order at that moment is in doubt; the events that wait then clear what they tell of;
 * the orders of the rest are read once more. And an order stands for a record that was sold before it, and never is forgotten:
 * each order is read first, then its reservation.
 *
 * What a failover takes away in between would look like a fault of either kind. Before something is called one
 *   - both are read again, the order first: a record that is not in the state of then any more, or came into it at another
 *     time, is another run's matter;
 *   - that is done once more after a pause (--patience), in which a worker that finds that it wrote orders from events that are
 * lost begins to replay;
 *   - an order whose reservation is not as it should be on a shard whose epoch is not the one that the database remembers as
 *     replayed awaits its replay. Where no epoch is remembered at all nobody replays, and nothing is awaited.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "goods.h"
#include "orders.h"
#include "reconcile_pairs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- during the walk ---- */

void reconcile_see_record(reconciliation *r, const seckill_user_reservation *seen) {
    order_check *check = &r->check;
    pair p = {.user_size = seen->user.size, .record = seen->reservation};
    char what[160];
    if ((p.record.state != SECKILL_RESERVATION_SOLD && p.record.state != SECKILL_RESERVATION_REFUNDED) ||
        check->status != ORDERS_DB_OK) {
        return;
    }
    memcpy(p.id, seen->reservation.id, sizeof p.id);
    memcpy(p.user, seen->user.data, seen->user.size);
    check->records++;
    check->status = pair_read_order(r, &p);
    if (check->status != ORDERS_DB_OK) {
        snprintf(check->error, sizeof check->error, "%s", orders_db_error(r->db));
        return;
    }
    pair_verdict verdict = pair_judge(&p, what);
    if (verdict == PAIR_FITS || verdict == PAIR_RESERVATION_BEHIND) { /* the latter is found with the orders */
        doubts_settle(&check->doubts, p.id);
    } else {
        doubts_put(&check->doubts, p.id, seen->user, (uint8_t)p.record.state, p.record.since_ms);
    }
}

void reconcile_see_event(reconciliation *r, const seckill_event *event) {
    doubt *one = doubts_find(&r->check.doubts, event->reservation_id);
    uint8_t state = event->kind == SECKILL_EVENT_CONFIRMED ? SECKILL_RESERVATION_SOLD : SECKILL_RESERVATION_REFUNDED;
    if (one && one->state == state) {
        one->open = false;
    }
}

void reconcile_begin_orders(reconciliation *r) {
    doubts_free(&r->check.doubts);
    memset(&r->check, 0, sizeof r->check);
}

/* ---- the orders ---- */

typedef struct {
    reconciliation *r;
    pair pairs[PAIRS_MAX];
    size_t count;
    int64_t last_number;
} order_page;

static void on_listed(const orders_db_order *order, void *user_data) {
    order_page *page = user_data;
    pair *p = &page->pairs[page->count++];
    memset(p, 0, sizeof *p);
    pair_take_order(p, order, &page->r->ctl->name);
    page->last_number = order->number;
}

static void doubt_order(reconciliation *r, const pair *p) {
    char what[160];
    pair_verdict verdict = pair_judge(p, what);
    const doubt *already = doubts_find(&r->check.doubts, p->id);
    r->check.orders++;
    reconcile_progress(r);
    if ((verdict == PAIR_RESERVATION_MISSING || verdict == PAIR_RESERVATION_BEHIND) && !(already && already->open)) {
        doubts_put(&r->check.doubts, p->id, pair_user(p), 0, 0);
    }
}

/* Every order of the item, a page at a time. */
static int compare_orders(reconciliation *r) {
    static order_page page;
    orders_db_filter filter = {.activity = r->ctl->name.activity, .item = r->ctl->name.item, .limit = PAIRS_MAX};
    page.r = r;
    do {
        page.count = 0;
        orders_db_status status = orders_db_list(r->db, &filter, on_listed, &page);
        if (status != ORDERS_DB_OK) {
            orders_fail(r->ctl, status, orders_db_error(r->db));
            return 0;
        }
        if (!pairs_read_records(r, page.pairs, page.count)) {
            return 0;
        }
        for (size_t i = 0; i < page.count; i++) {
            doubt_order(r, &page.pairs[i]);
        }
        filter.after_number = page.last_number;
    } while (page.count == PAIRS_MAX);
    return 1;
}

/* ---- epochs and stock ---- */

static void on_stock(const seckill_stock_result *result, void *user_data) {
    reconciliation *r = user_data;
    for (size_t i = 0; i < result->count && i < SECKILL_SHARDS_MAX; i++) {
        r->check.epochs[i] = result->shards[i].epoch;
    }
    r->check.loaded = result->total.loaded;
    if (result->status != SECKILL_OK) {
        ctl_answer(r->ctl, result->status, result->message);
    }
    r->ctl->done = 1;
}

static int read_stock(reconciliation *r) {
    return ctl_wait(r->ctl, seckill_stock_get(r->ctl->item, 0, on_stock, r)) && r->ctl->exit_code == CTL_OK;
}

static int read_replayed(reconciliation *r) {
    const options_name *name = &r->ctl->name;
    orders_db_status status = orders_db_replayed(r->db, name->activity, name->item, r->check.replayed, r->shards);
    if (status != ORDERS_DB_OK) {
        orders_fail(r->ctl, status, orders_db_error(r->db));
    }
    return status == ORDERS_DB_OK;
}

/* Whether a worker is yet to replay a shard's orders in its epoch. What is remembered was read before the records, the epochs
 * after them. */
static bool awaits_replay(const reconciliation *r, uint32_t shard) {
    bool anybody = false;
    for (uint32_t i = 0; i < r->shards; i++) {
        anybody = anybody || r->check.replayed[i] != 0;
    }
    return anybody && r->check.replayed[shard] != r->check.epochs[shard];
}

/* ---- what is in doubt ---- */

static const struct {
    const char *kind, *message, *done;
} kinds[] = {
    [PAIR_ORDER_MISSING] = {"order_missing",
                            "a settled reservation has no order, and no event waits that would make a worker write one",
                            "its event is written again; a worker will write the order"},
    [PAIR_ORDER_BEHIND] = {"order_behind", "a reservation is refunded and its order is not, and no event waits that says so",
                           "its event is written again; a worker will refund the order"},
    [PAIR_ORDER_DIFFERS] = {"order_differs", "a reservation and its order say different things", NULL},
    [PAIR_RESERVATION_MISSING] = {"reservation_missing", "an order has no reservation", "Redis is told of the order again"},
    [PAIR_RESERVATION_BEHIND] = {"reservation_behind", "a reservation is not in the state of its order",
                                 "Redis is told of the order again"},
};

static bool is_to_repair(const reconciliation *r) {
    return (r->options.flags & SECKILL_RECONCILE_REPAIR) != 0;
}

static void repair(reconciliation *r, const pair *p, bool is_of_reservation, named_fault *fault) {
    fault->why_not = is_of_reservation ? pair_confirm_again(r, p) : pair_repeat_event(r, p);
    fault->repaired = fault->why_not == NULL;
}

static void tell(reconciliation *r, const pair *p, pair_verdict verdict, const char *what) {
    bool is_of_reservation = verdict == PAIR_RESERVATION_MISSING || verdict == PAIR_RESERVATION_BEHIND;
    uint32_t shard = seckill_shard_of(pair_user(p), r->seed, r->shards);
    if (is_of_reservation && awaits_replay(r, shard)) {
        r->check.awaits_replay++;
        return;
    }
    named_fault fault = NAMED_FAULT(kinds[verdict].kind, kinds[verdict].message, what);
    fault.done = kinds[verdict].done;
    fault.shard = shard;
    fault.user = pair_user(p);
    fault.reservation_id = p->id;
    if (is_to_repair(r) && fault.done) {
        repair(r, p, is_of_reservation, &fault);
    }
    r->check.unsold_left += is_of_reservation && !fault.repaired;
    reconcile_tell(r, &fault);
}

/* As it is now. What is wrong with an order counts only if its record is still what it was. */
static pair_verdict judge_again(const pair *p, const doubt *one, char what[160]) {
    pair_verdict verdict = pair_judge(p, what);
    bool is_same = p->record.state == one->state && p->record.since_ms == one->since_ms;
    bool is_of_order = verdict == PAIR_ORDER_MISSING || verdict == PAIR_ORDER_BEHIND || verdict == PAIR_ORDER_DIFFERS;
    return is_of_order && !is_same ? PAIR_FITS : verdict;
}

/* Takes the next open doubts into pairs, from `*at` on; how many. */
static size_t take_doubts(const doubt_list *list, size_t *at, pair pairs[PAIRS_MAX], doubt *doubts[PAIRS_MAX]) {
    size_t count = 0;
    for (; *at < list->count && count < PAIRS_MAX; ++*at) {
        doubt *one = &list->all[*at];
        pair *p = &pairs[count];
        if (one->open) {
            memset(p, 0, sizeof *p);
            memcpy(p->id, one->id, sizeof p->id);
            memcpy(p->user, one->user, one->user_size);
            p->user_size = one->user_size;
            doubts[count++] = one;
        }
    }
    return count;
}

static int read_orders(reconciliation *r, pair *pairs, size_t count) {
    orders_db_status status = ORDERS_DB_OK;
    for (size_t i = 0; i < count && status == ORDERS_DB_OK; i++) {
        status = pair_read_order(r, &pairs[i]);
    }
    if (status != ORDERS_DB_OK) {
        orders_fail(r->ctl, status, orders_db_error(r->db));
    }
    return status == ORDERS_DB_OK;
}

/* Looks at all that is in doubt again: orders first, then records. `*left` gets how many do not fit; if it is the last look
 * they are told. */
static int look_again(reconciliation *r, bool is_last, size_t *left) {
    static pair pairs[PAIRS_MAX];
    doubt *doubts[PAIRS_MAX];
    size_t count, at = 0;
    char what[160];
    *left = 0;
    while ((count = take_doubts(&r->check.doubts, &at, pairs, doubts)) > 0) {
        if (!read_orders(r, pairs, count) || !read_replayed(r) || !pairs_read_records(r, pairs, count) || !read_stock(r)) {
            return 0;
        }
        for (size_t i = 0; i < count; i++) {
            pair_verdict verdict = judge_again(&pairs[i], doubts[i], what);
            doubts[i]->open = verdict != PAIR_FITS;
            *left += doubts[i]->open;
            if (is_last && doubts[i]->open) {
                tell(r, &pairs[i], verdict, what);
            }
        }
    }
    return 1;
}

/* ---- the inventory ---- */

static int read_account(reconciliation *r) {
    const options_name *name = &r->ctl->name;
    orders_db_status status = orders_db_account(r->db, name->activity, name->item, &r->check.account);
    if (status != ORDERS_DB_OK && status != ORDERS_DB_NOT_FOUND) {
        orders_fail(r->ctl, status, orders_db_error(r->db));
        return 0;
    }
    return 1;
}

static void mend_inventory(reconciliation *r, named_fault *fault) {
    const options_name *name = &r->ctl->name;
    int64_t left, mended;
    if (orders_db_mend_inventory(r->db, name->activity, name->item, &left, &mended) != ORDERS_DB_OK) {
        fault->why_not = orders_db_error(r->db);
        return;
    }
    fault->repaired = true;
    fault->found = left;
    fault->expected = r->check.account.units_left = mended;
}

static void tell_inventory(reconciliation *r) {
    const orders_db_item_account *account = &r->check.account;
    char what[160];
    named_fault fault =
        NAMED_FAULT("inventory", "what is left of the real inventory is not its total less what orders took", what);
    snprintf(what, sizeof what, "left: of %" PRId64 " units, %" PRId64 " in orders", account->units_total,
             account->units[ORDERS_DB_CONFIRMED]);
    fault.has_numbers = true;
    fault.found = account->units_left;
    fault.expected = account->units_total - account->units[ORDERS_DB_CONFIRMED];
    if (is_to_repair(r)) {
        mend_inventory(r, &fault);
    }
    reconcile_tell(r, &fault);
}

static void tell_total(reconciliation *r) {
    const orders_db_item_account *account = &r->check.account;
    named_fault fault = NAMED_FAULT(
        "inventory_total", "more units are on sale than the real inventory ever had: what is sold beyond it is refunded",
        account->has_inventory ? "raise the inventory, or take units back: seckill-ctl stock withdraw"
                               : "the item has no inventory: give it one, with seckill-worker --inventory");
    fault.has_numbers = true;
    fault.found = r->check.loaded;
    fault.expected = account->units_total;
    reconcile_tell(r, &fault);
}

/* What was begun and is not finished is no fault: before the end of a load, as after the beginning of a return, the real
 * inventory has more than is on sale. */
static void name_operations(reconciliation *r, json_t *orders) {
    json_t *open;
    orders_db_status status = goods_open_operations(r->db, &r->ctl->name, ctl_value(r->ctl, "orders"), &open);
    if (status != ORDERS_DB_OK) {
        orders_fail(r->ctl, status, orders_db_error(r->db));
    }
    json_out_value(orders, "unfinished", open);
}

static bool sells_too_much(const reconciliation *r) {
    return r->check.loaded > r->check.account.units_total;
}

/* ---- all of it ---- */

/* What does not fit at once gets a second look after the pause. */
static int compare(reconciliation *r) {
    size_t left = 0;
    if (!compare_orders(r) || !look_again(r, false, &left) || !read_stock(r) || !read_account(r)) {
        return 0;
    }
    if (left > 0 || sells_too_much(r)) {
        run_for(r->ctl->client, r->patience_ms);
        if (!look_again(r, true, &left) || !read_stock(r) || !read_account(r)) {
            return 0;
        }
    }
    return 1;
}

void reconcile_finish_orders(reconciliation *r) {
    order_check *check = &r->check;
    json_t *out = r->ctl->out;
    if (check->status != ORDERS_DB_OK) {
        orders_fail(r->ctl, check->status, check->error);
        return;
    }
    if (!compare(r)) {
        return;
    }
    if (!orders_db_adds_up(&check->account)) {
        tell_inventory(r);
    }
    if (sells_too_much(r)) {
        tell_total(r);
    }
    json_t *orders = orders_model(&check->account);
    json_out_int(orders, "records_compared", check->records);
    json_out_int(orders, "orders_compared", check->orders);
    json_out_int(orders, "awaiting_replay", check->awaits_replay);
    json_out_int(orders, "not_compared", check->doubts.left_out);
    name_operations(r, orders);
    json_out_value(out, "orders", orders);
    check->is_complete = check->doubts.left_out == 0;
    if (!check->is_complete) {
        ctl_answer(r->ctl, SECKILL_BUSY, "too many orders are not written yet: let the workers catch up, and ask again");
    }
}
