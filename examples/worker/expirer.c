/* See expirer.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include <stddef.h>

static expirer *of(task *t) {
    return (expirer *)((char *)t - offsetof(expirer, task));
}

/* When the next thing ends, if that is soon; else after the longest pause, since a shorter hold may begin any moment. */
static uint64_t next_look(const seckill_expire_result *result, const settings *s) {
    int64_t soon = result->next_due_ms - result->server_time_ms;
    if (result->next_due_ms == 0 || soon >= (int64_t)s->expire_interval_ms) {
        return s->expire_interval_ms;
    }
    if (soon > 0) {
        return (uint64_t)soon;
    }
    /* Something is overdue and stays so: after a restart of Redis nothing expires for a while (max_skew_ms). */
    return result->reservations > 0 ? 1 : s->expire_interval_ms;
}

static void on_expired(const seckill_expire_result *result, void *user_data) {
    expirer *e = user_data;
    worker *w = e->item->worker;
    w->counts.expired_reservations += (uint64_t)result->reservations;
    w->counts.expired_units += (uint64_t)result->units;
    e->server_ms = result->server_time_ms > 0 ? result->server_time_ms : e->server_ms;
    if (result->status != SECKILL_OK) {
        task_failed(&e->task, "expiring reservations of", e->item->label, result->status, result->message);
        return;
    }
    task_next(&e->task, next_look(result, w->settings));
}

static void run(task *t) {
    expirer *e = of(t);
    seckill_status status = seckill_expire(e->item->handle, 0, on_expired, e);
    if (status != SECKILL_OK) {
        task_failed(t, "expiring reservations of", e->item->label, status, NULL);
    }
}

static void on_closed(task *t) {
    item_task_closed(of(t)->item);
}

void expirer_start(expirer *e, item *it) {
    e->item = it;
    task_start(&it->worker->loop, &e->task, run, on_closed);
}

void expirer_close(expirer *e) {
    task_close(&e->task);
}
