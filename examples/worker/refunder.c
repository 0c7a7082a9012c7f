/* See refunder.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUNDS = 256 }; /* under way at once for one item; Redis gets them in batches */

typedef struct refund {
    orders_db_refund due;
    refunder *refunder;
    bool final;
    int64_t at_ms; /* final: when it was refunded */
} refund;

static refunder *of(task *t) {
    return (refunder *)((char *)t - offsetof(refunder, task));
}

static refunder *of_job(db_job *job) {
    return (refunder *)((char *)job - offsetof(refunder, job));
}

static void release(refunder *f) {
    free(f->refunds);
    f->refunds = NULL;
    f->count = 0;
}

/* A job of the database's, unless it takes none any more. */
static void submit(refunder *f, orders_db_status (*job)(orders_db *, db_job *), void (*done)(db_job *, bool), bool writes) {
    f->job = (db_job){.run = job, .done = done, .writes = writes};
    if (f->item->worker->db_stopping) {
        done(&f->job, false);
        return;
    }
    db_thread_submit(f->item->worker->db, &f->job);
}

/* ---- the end of a round ---- */

static void finish(refunder *f) {
    bool failed = f->failed, more = f->count == REFUNDS;
    release(f);
    if (failed) {
        task_failed(&f->task, "refunding orders of", f->item->label, f->failure, f->message);
    } else {
        task_next(&f->task, more ? 0 : f->item->worker->settings->list_interval_ms);
    }
}

static orders_db_status settle(orders_db *db, db_job *job) {
    refunder *f = of_job(job);
    orders_db_status status = ORDERS_DB_OK;
    f->refunded = 0;
    for (size_t i = 0; i < f->count && status == ORDERS_DB_OK; i++) {
        bool moved = false;
        if (f->refunds[i].final) {
            status = orders_db_refund_settled(db, f->refunds[i].due.reservation_id, f->refunds[i].at_ms, &moved);
        }
        f->refunded += moved;
    }
    return status;
}

static void on_settled(db_job *job, bool committed) {
    refunder *f = of_job(job);
    if (committed) { /* if not, the refunds stay due, and are asked again */
        f->item->worker->counts.orders_refunded += f->refunded;
    }
    finish(f);
}

static void on_all_answered(refunder *f) {
    size_t final = 0;
    for (size_t i = 0; i < f->count; i++) {
        final += f->refunds[i].final;
    }
    f->item->worker->counts.refunds += final;
    if (final > 0) {
        submit(f, settle, on_settled, true);
    } else {
        finish(f);
    }
}

/* ---- asking Redis ---- */

static bool is_final(seckill_status status) {
    switch (status) {
    case SECKILL_OK:
    case SECKILL_REFUNDED:
    case SECKILL_CANCELLED:
    case SECKILL_EXPIRED:
    case SECKILL_NO_RESERVATION:
        return true;
    case SECKILL_BLACKLISTED:
        return true;
    case SECKILL_CONFLICT:
        /* Reserved: Redis lost the confirmation in a failover. The hold will end; a new confirmation gets a new event, and for
         * that one a refund is due again. */
        return true;
    default:
        return false; /* it may pass, or a person must act: access denied, item not defined, ... */
    }
}

static void note_failure(refunder *f, seckill_status status, const char *message) {
    f->failed = true;
    f->failure = status;
    (void)snprintf(f->message, sizeof f->message, "%s", message);
}

static void answered(refunder *f) {
    if (--f->under_way == 0) {
        on_all_answered(f);
    }
}

static void on_refunded(const seckill_result *result, void *user_data) {
    refund *r = user_data;
    r->final = is_final(result->status);
    /* Where Redis has nothing refunded (a failover lost the confirmation) it knows no time either. */
    r->at_ms = result->reservation.state == SECKILL_RESERVATION_REFUNDED ? result->reservation.since_ms : options_now_ms();
    if (!r->final) {
        note_failure(r->refunder, result->status, result->message);
    }
    answered(r->refunder);
}

static void ask(refunder *f, refund *r) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    options.user = (seckill_bytes){r->due.user, r->due.user_size};
    memcpy(options.reservation_id, r->due.reservation_id, sizeof options.reservation_id);
    seckill_status status = seckill_refund(f->item->handle, &options, NULL, on_refunded, r);
    if (status == SECKILL_OK) {
        f->under_way++;
    } else {
        note_failure(f, status, seckill_status_message(status));
    }
}

/* ---- asking the database ---- */

static orders_db_status note_unpaid(orders_db *db, refunder *f) {
    const options_name *name = &f->item->name;
    f->unpaid = 0;
    if (f->unpaid_before_ms <= 0) {
        return ORDERS_DB_OK;
    }
    return orders_db_refund_unpaid(db, name->activity, name->item, f->unpaid_before_ms, REFUNDS, &f->unpaid);
}

static orders_db_status list_due(orders_db *db, db_job *job) {
    refunder *f = of_job(job);
    const options_name *name = &f->item->name;
    orders_db_refund due[REFUNDS];
    orders_db_status status = note_unpaid(db, f);
    job->writes = f->unpaid > 0;
    if (status == ORDERS_DB_OK) {
        status = orders_db_refunds_due(db, name->activity, name->item, due, REFUNDS, &f->count);
    }
    for (size_t i = 0; status == ORDERS_DB_OK && i < f->count; i++) {
        f->refunds[i] = (refund){.due = due[i], .refunder = f};
    }
    return status;
}

static void on_listed(db_job *job, bool committed) {
    refunder *f = of_job(job);
    if (committed) {
        f->item->worker->counts.unpaid_refunded += f->unpaid;
    }
    if (!committed || f->task.closing) {
        f->count = 0;
    }
    f->under_way = 1; /* so that it cannot become 0 before all are asked */
    for (size_t i = 0; i < f->count; i++) {
        ask(f, &f->refunds[i]);
    }
    answered(f);
}

/* Orders confirmed before this and not paid are to be refunded; 0 where that is not known yet, or never.
 *
 * A confirmation bears the time of the server that took it, so the deadline goes by the servers' clocks as well: this machine's
 * may be ahead by anything, and would refund what still has time. What a server said last is behind its clock, which only makes
 * a refund a little late. After a failover, or with several servers, the one that answered may be ahead of the one that
 * confirmed by max_skew_ms. */
static int64_t unpaid_before(const item *it) {
    int64_t after_ms = it->worker->settings->refund_unpaid_after_ms;
    bool known = it->expirer.server_ms > 0 && it->reader_count > 0;
    return after_ms > 0 && known ? it->expirer.server_ms - it->max_skew_ms - after_ms : 0;
}

static void run(task *t) {
    refunder *f = of(t);
    f->failed = false;
    f->unpaid_before_ms = unpaid_before(f->item);
    f->count = 0;
    f->refunds = calloc(REFUNDS, sizeof *f->refunds);
    if (!f->refunds) {
        task_failed(t, "refunding orders of", f->item->label, SECKILL_NO_MEMORY, NULL);
        return;
    }
    submit(f, list_due, on_listed, false);
}

static void on_closed(task *t) {
    item_task_closed(of(t)->item);
}

void refunder_start(refunder *r, item *it) {
    r->item = it;
    task_start(&it->worker->loop, &r->task, run, on_closed);
}

void refunder_hurry(refunder *r) {
    task_hurry(&r->task);
}

void refunder_close(refunder *r) {
    task_close(&r->task);
}
