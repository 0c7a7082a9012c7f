/* See expirer.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

/* Room for the epochs of so many shards. Out of memory: then others must find out by themselves. */
static void grow(expirer *e, size_t count) {
    uint64_t *epochs = count > e->epoch_count ? realloc(e->epochs, count * sizeof *epochs) : NULL;
    if (epochs) {
        memset(&epochs[e->epoch_count], 0, (count - e->epoch_count) * sizeof *epochs);
        e->epochs = epochs;
        e->epoch_count = count;
    }
}

static void see_epochs(expirer *e, const seckill_expire_result *result) {
    bool news = false;
    grow(e, result->outcome_count);
    for (size_t i = 0; i < result->outcome_count && i < e->epoch_count; i++) {
        uint64_t epoch = result->outcomes[i].epoch;
        news = news || (epoch != 0 && e->epochs[i] != 0 && epoch != e->epochs[i]);
        e->epochs[i] = epoch ? epoch : e->epochs[i];
    }
    if (news && e->item->worker->settings->roles & ROLE_ORDERS) {
        replayer_hurry(&e->item->replayer);
    }
    if (news && e->item->worker->settings->roles & ROLE_TRANSFERS) {
        transferer_hurry(&e->item->transferer);
    }
}

static void on_expired(const seckill_expire_result *result, void *user_data) {
    expirer *e = user_data;
    worker *w = e->item->worker;
    w->counts.expired_reservations += (uint64_t)result->reservations;
    w->counts.expired_units += (uint64_t)result->units;
    e->server_ms = result->server_time_ms > 0 ? result->server_time_ms : e->server_ms;
    see_epochs(e, result);
    if (result->status != SECKILL_OK) {
        task_failed(&e->task, "expiring reservations of", e->item->label, result->status, result->message);
        return;
    }
    task_next(&e->task, next_look(result, w->settings));
}

static void run(task *t) {
    expirer *e = of(t);
    if (item_awaits_replay(e->item)) {
        task_next(t, e->item->worker->settings->expire_interval_ms);
        return;
    }
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

void expirer_hurry(expirer *e) {
    task_hurry(&e->task);
}

void expirer_close(expirer *e) {
    task_close(&e->task);
}

void expirer_free(expirer *e) {
    free(e->epochs);
}
