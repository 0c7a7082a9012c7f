/* See reader.h.
 *
 * Why nothing is lost and nothing done twice, whenever this process dies. A round goes:
 *
 *   1. events are read       dies: they stay in Redis, and are read again
 *   2. one transaction       writes the orders, takes their units from the inventory, and of each order that it refuses notes
 *                            that a refund is due. Dies before its commit: nothing of it stands, as in 1. Dies after it: the
 *                            events are read again, and each finds its order's row, which gives the same outcome
 *   3. events are            by id and reservation, only what the transaction has on record. Dies before or while: as after 2.
 *      acknowledged          After it they are gone from Redis, and all that is still to be done about them is in the database:
 *   4. refunds are asked     by the refunder, from the database's notes, until Redis gives a final answer, which is noted in
 * turn. Dies before that: the note stands, and any worker asks again; Redis refunds once and repeats itself
 *
 * Refunding before acknowledging would be safe as well, but could stand still for ever: a refund writes an event, Redis refuses
 * it while the shard's events are at their limit, and the events that fill it are those that wait for their refund.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include "log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    task task;
    batch_waiter waiter;
    item *item;
    uint32_t shard;
    uint64_t idle_ms; /* the pause while nothing comes: it doubles */
    batch *batch;     /* of this round; NULL: none yet */
    bool full;        /* more may wait than was read */
    size_t sent;      /* acknowledgements */
    char label[2 * SECKILL_ID_MAX + 24];
};

static reader *of(task *t) {
    return (reader *)((char *)t - offsetof(reader, task));
}

static void drop_batch(reader *r) {
    batch *b = r->batch;
    r->batch = NULL;
    if (b) {
        batch_give_back(&r->item->worker->pool, b);
    }
}

static void fail_round(reader *r, const char *what, seckill_status status, const char *message) {
    drop_batch(r);
    task_failed(&r->task, what, r->label, status, message);
}

static void end_round(reader *r, uint64_t delay_ms) {
    drop_batch(r);
    task_next(&r->task, delay_ms);
}

/* ---- 3. acknowledging ---- */

/* What was read from one server and cannot be acknowledged to another may be all that is known of these orders. */
static void doubt(const reader *r) {
    const batch *b = r->batch;
    replayer_doubt(&r->item->replayer, r->shard, b->events[0].event.id.epoch); /* the oldest */
}

static void on_acknowledged(const seckill_item_result *result, void *user_data) {
    reader *r = user_data;
    worker *w = r->item->worker;
    if (result->status != SECKILL_OK) {
        w->counts.unfinished = w->counts.unfinished || r->task.closing;
        doubt(r);
        fail_round(r, "acknowledging events of", result->status, result->message);
        return;
    }
    /* Fewer than were sent: another worker was faster, or a failover lost them. */
    w->counts.acknowledged += result->amount > 0 ? (uint64_t)result->amount : 0;
    if (result->amount < (int64_t)r->sent) {
        doubt(r);
    }
    r->idle_ms = w->settings->poll_min_ms;
    end_round(r, r->full ? 0 : r->idle_ms);
}

static size_t collect_acks(batch *b) {
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (orders_db_recorded(b->outcomes[i])) {
            const seckill_event *event = &b->events[i].event;
            b->acks[count].id = event->id;
            memcpy(b->acks[count].reservation_id, event->reservation_id, sizeof event->reservation_id);
            count++;
        }
    }
    return count;
}

static void acknowledge(reader *r) {
    worker *w = r->item->worker;
    size_t count = collect_acks(r->batch);
    if (!w->client) {
        w->counts.unfinished = true; /* the stop took too long */
        end_round(r, 0);
        return;
    }
    if (count == 0) {
        fail_round(r, "events without a place in the orders database block", SECKILL_CONFLICT, "see the lines above");
        return;
    }
    r->sent = count;
    seckill_status status = seckill_events_ack(r->item->handle, r->shard, r->batch->acks, count, 0, on_acknowledged, r);
    if (status != SECKILL_OK) {
        w->counts.unfinished = w->counts.unfinished || r->task.closing;
        fail_round(r, "acknowledging events of", status, NULL);
    }
}

/* ---- 2. writing ---- */

static void log_unrecorded(const reader *r, const orders_db_event *from, orders_db_outcome outcome) {
    char id[OPTIONS_TEXT];
    options_format_reservation_id(from->event.reservation_id, id);
    log_line(SECKILL_LOG_ERROR, "%s: event %llu-%llu of reservation %s %s; it is left in Redis", r->label,
             (unsigned long long)from->event.id.epoch, (unsigned long long)from->event.id.n, id,
             outcome == ORDERS_DB_DIFFERS ? "contradicts the order of that reservation" : "is like no order can be");
}

/* By the server's clock and this machine's. */
static void measure_age(reader *r, const seckill_event *event) {
    int64_t age = options_now_ms() - event->at_ms;
    prometheus_count(&r->item->worker->event_ages, prometheus_slow, age > 0 ? (uint64_t)age * 1000 : 0);
}

/* Whether a refund is due. */
static bool count_outcome(reader *r, const orders_db_event *from, orders_db_outcome outcome) {
    worker_counts *counts = &r->item->worker->counts;
    switch (outcome) {
    case ORDERS_DB_WRITTEN:
        counts->orders_written += from->event.kind == SECKILL_EVENT_CONFIRMED;
        counts->orders_refunded += from->event.kind == SECKILL_EVENT_REFUNDED;
        measure_age(r, &from->event);
        return false;
    case ORDERS_DB_NO_INVENTORY:
    case ORDERS_DB_NO_ITEM:
        counts->refused++;
        return true;
    case ORDERS_DB_AFTER_REFUND:
        return true;
    case ORDERS_DB_DIFFERS:
    case ORDERS_DB_UNFIT:
        counts->not_recorded++;
        log_unrecorded(r, from, outcome);
        return false;
    case ORDERS_DB_ALREADY:
        break;
    }
    return false;
}

static void on_written(db_job *job, bool committed) {
    batch *b = (batch *)((char *)job - offsetof(batch, job));
    reader *r = b->owner;
    bool refund = false;
    if (!committed) {
        /* Only while stopping: the events are still in Redis. */
        r->item->worker->counts.unfinished = true;
        end_round(r, 0);
        return;
    }
    for (size_t i = 0; i < b->count; i++) {
        refund = count_outcome(r, &b->events[i], b->outcomes[i]) || refund;
    }
    if (refund) {
        refunder_hurry(&r->item->refunder);
    }
    acknowledge(r);
}

static orders_db_status write_batch(orders_db *db, db_job *job) {
    batch *b = (batch *)((char *)job - offsetof(batch, job));
    return orders_db_add(db, b->events, b->count, b->outcomes);
}

static void hand_to_database(reader *r, const seckill_events_result *result) {
    worker *w = r->item->worker;
    batch *b = r->batch;
    /* The names stay with the item, which stays as long as it has a reader. */
    batch_fill(b, r->item->name.activity, r->item->name.item, result->events, result->count);
    w->counts.events_read += result->count;
    r->full = result->waiting > result->count;
    b->owner = r;
    b->job = (db_job){.run = write_batch, .done = on_written, .writes = true};
    db_thread_submit(w->db, &b->job);
}

/* ---- 1. reading ---- */

static void on_read(const seckill_events_result *result, void *user_data) {
    reader *r = user_data;
    const settings *s = r->item->worker->settings;
    if (result->status != SECKILL_OK) {
        fail_round(r, "reading events of", result->status, result->message);
    } else if (r->task.closing) {
        end_round(r, 0); /* whatever came is for the next worker */
    } else if (result->count == 0) {
        end_round(r, r->idle_ms);
        r->idle_ms = r->idle_ms * 2 < s->poll_max_ms ? r->idle_ms * 2 : s->poll_max_ms;
    } else {
        hand_to_database(r, result);
    }
}

static void on_batch(batch_waiter *waiter, batch *b) {
    reader *r = (reader *)((char *)waiter - offsetof(reader, waiter));
    r->batch = b;
    if (r->task.closing) {
        end_round(r, 0);
        return;
    }
    seckill_status status = SECKILL_NO_MEMORY;
    if (b) {
        status = seckill_events_read(r->item->handle, r->shard, r->item->worker->settings->batch, 0, on_read, r);
    }
    if (status != SECKILL_OK) {
        fail_round(r, "reading events of", status, NULL);
    }
}

static void run(task *t) {
    reader *r = of(t);
    batch_take(&r->item->worker->pool, &r->waiter, on_batch);
}

static void on_closed(task *t) {
    reader *r = of(t);
    item *it = r->item;
    free(r);
    item_task_closed(it);
}

reader *reader_start(item *it, uint32_t shard) {
    reader *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    r->item = it;
    r->shard = shard;
    r->idle_ms = it->worker->settings->poll_min_ms;
    (void)snprintf(r->label, sizeof r->label, "%s, shard %u", it->label, (unsigned)shard);
    task_start(&it->worker->loop, &r->task, run, on_closed);
    return r;
}

void reader_close(reader *r) {
    task_close(&r->task);
}
