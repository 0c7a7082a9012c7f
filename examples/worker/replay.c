/* See replay.h.
 *
 * Orders are confirmed and refunded by others meanwhile, and two of the meetings matter:
 *
 *   - An order is to be refunded: the refunder asks Redis, which has lost the order and says so; that is final. Only then comes
 *     our confirmation, made from what the database said before, and sells it for ever. So every order that was confirmed here
 *     is looked up once more afterwards, and what is not to stay sold is refunded here, too: asking twice refunds once.
 *   - An order is refunded already: it is confirmed and refunded all the same. A refund alone would leave no record where there
 *     is none, and another worker's confirmation, made from what the database said before the refund, would sell it again.
 *
 * Orders that are to be refunded and are not yet are left to the refunder, and to the first of these.
 *
 * SPDX-License-Identifier: MIT
 */
#include "replay.h"

#include "item.h"
#include "log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct replay_order {
    replay *replay;
    seckill_reservation_ref ref;
    uint32_t shard;
    bool missing;    /* Redis did not know it, or not that it was refunded */
    bool taken_back; /* it is not to stay sold */
    bool full;       /* Redis has no room for it among the records of its user */
} replay_order;

static replay *of_job(db_job *job) {
    return (replay *)((char *)job - offsetof(replay, job));
}

static void submit(replay *r, orders_db_status (*job)(orders_db *, db_job *), void (*done)(db_job *, bool)) {
    r->job = (db_job){.run = job, .done = done, .writes = false};
    if (r->item->worker->db_stopping) {
        done(&r->job, false);
        return;
    }
    db_thread_submit(r->item->worker->db, &r->job);
}

static void fail(replay *r, seckill_status status, const char *message) {
    r->failed = true;
    r->failure = status;
    (void)snprintf(r->message, sizeof r->message, "%s", message);
}

/* None of the page's orders counts as answered. */
static void fail_all(replay *r) {
    for (uint32_t i = 0; i < r->shard_count; i++) {
        r->shards[i].failed = true;
    }
    fail(r, SECKILL_CLOSED, "stopping");
}

static void finish(replay *r) {
    free(r->orders);
    r->orders = NULL;
    r->done(r);
}

/* ---- 3. once more: those that are not to stay sold ---- */

static bool is_final(seckill_status status) {
    return status == SECKILL_OK || (status > 0 && seckill_status_class(status) == SECKILL_CLASS_FINAL);
}

static void unanswered(replay_order *o, seckill_status status, const char *message) {
    o->replay->shards[o->shard].failed = true;
    fail(o->replay, status, message);
}

static void on_taken_back(const seckill_result *result, void *user_data);

static void refund(replay_order *o) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    options.user = (seckill_bytes){o->ref.user, o->ref.user_size};
    memcpy(options.reservation_id, o->ref.reservation_id, sizeof options.reservation_id);
    seckill_status status = seckill_refund(o->replay->item->handle, &options, NULL, on_taken_back, o);
    if (status == SECKILL_OK) {
        o->replay->under_way++;
    } else {
        unanswered(o, status, seckill_status_message(status));
    }
}

static void all_taken_back(replay *r) {
    if (--r->under_way == 0) {
        finish(r);
    }
}

static void note_missing(replay_order *o, const seckill_result *result) {
    bool missing = result->status == SECKILL_OK && !result->replayed;
    o->replay->missing += missing && !o->missing;
    o->missing = o->missing || missing;
}

static void on_taken_back(const seckill_result *result, void *user_data) {
    replay_order *o = user_data;
    /* Where there was no room for the order there is nothing to take back. */
    if (!is_final(result->status) && !(o->full && result->status == SECKILL_BUSY)) {
        unanswered(o, result->status, result->message);
    }
    note_missing(o, result);
    all_taken_back(o->replay);
}

static void look_at(const orders_db_order *order, void *user_data) {
    bool *taken_back = user_data;
    *taken_back = !orders_db_stays_sold(order);
}

static orders_db_status look_again(orders_db *db, db_job *job) {
    replay *r = of_job(job);
    orders_db_status status = ORDERS_DB_OK;
    for (size_t i = 0; i < r->count && status == ORDERS_DB_OK; i++) {
        status = orders_db_find(db, r->orders[i].ref.reservation_id, look_at, &r->orders[i].taken_back);
    }
    return status;
}

static void on_looked_again(db_job *job, bool committed) {
    replay *r = of_job(job);
    r->under_way = 1; /* so that it cannot become 0 before all are asked */
    if (!committed) {
        fail_all(r);
    }
    for (size_t i = 0; i < r->count && committed; i++) {
        if (r->orders[i].taken_back) {
            refund(&r->orders[i]);
        }
    }
    all_taken_back(r);
}

/* ---- 2. asking Redis ---- */

static void answered(replay *r) {
    if (--r->under_way == 0) {
        submit(r, look_again, on_looked_again);
    }
}

/* What no replay can mend is for a person: Redis knows this reservation as something else, or its user has as many records as
 * one may have, which are of other reservations. */
static void log_contradiction(const replay_order *o, seckill_status status) {
    char id[OPTIONS_TEXT];
    if (o->replay->rehearsal) {
        return;
    }
    options_format_reservation_id(o->ref.reservation_id, id);
    log_line(SECKILL_LOG_ERROR, "%s: the order of reservation %s cannot be replayed: %s", o->replay->item->label, id,
             seckill_status_name(status));
}

static void on_replayed(const seckill_result *result, void *user_data) {
    replay_order *o = user_data;
    replay *r = o->replay;
    o->full = result->status == SECKILL_BUSY;
    if (!is_final(result->status) && !o->full) {
        unanswered(o, result->status, result->message);
    } else {
        r->answered++;
        r->shards[o->shard].written = true;
        note_missing(o, result);
        /* Refunded: the database knows, or its event is on its way there. */
        if (result->status != SECKILL_OK && result->status != SECKILL_REFUNDED) {
            log_contradiction(o, result->status);
        }
    }
    answered(r);
}

static void ask(replay_order *o) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    options.ref = &o->ref;
    options.flags = SECKILL_CONFIRM_ORDERED;
    seckill_status status = seckill_confirm(o->replay->item->handle, &options, NULL, on_replayed, o);
    if (status == SECKILL_OK) {
        o->replay->under_way++;
    } else {
        unanswered(o, status, seckill_status_message(status));
    }
}

static void on_listed(db_job *job, bool committed) {
    replay *r = of_job(job);
    if (!committed || !r->item->worker->client) {
        fail_all(r);
        r->count = 0;
    }
    if (r->count == 0) {
        finish(r);
        return;
    }
    r->under_way = 1;
    for (size_t i = 0; i < r->count; i++) {
        ask(&r->orders[i]);
    }
    answered(r);
}

/* ---- 1. the page ---- */

static void keep(const orders_db_order *order, void *user_data) {
    replay *r = user_data;
    uint32_t shard = seckill_shard_of(order->user, r->seed, r->shard_count);
    r->listed++;
    r->end = orders_db_place_of(order);
    if (r->shards[shard].replaying && !order->refund_due) {
        r->orders[r->count++] = (replay_order){.replay = r, .ref = orders_db_ref_of(order), .shard = shard};
    }
}

static orders_db_status list(orders_db *db, db_job *job) {
    replay *r = of_job(job);
    r->listed = r->count = 0; /* it may be run again */
    return orders_db_list_changed(db, r->item->name.activity, r->item->name.item, r->after, r->last_number, REPLAY_PAGE, keep,
                                  r);
}

void replay_start(replay *r) {
    r->listed = r->count = r->answered = r->missing = 0;
    r->failed = false;
    r->orders = calloc(REPLAY_PAGE, sizeof *r->orders);
    if (!r->orders) {
        fail(r, SECKILL_NO_MEMORY, seckill_status_message(SECKILL_NO_MEMORY));
        r->done(r);
        return;
    }
    submit(r, list, on_listed);
}
