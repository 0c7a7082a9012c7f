/* See transferer.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include "log.h"

#include <stddef.h>

enum { STOCK_INTERVAL_MS = 5000 };

static transferer *of(task *t) {
    return (transferer *)((char *)t - offsetof(transferer, task));
}

/* Said when it is found out and whenever it gets more, not each time that some of it is paid back. */
static void say_owed(const transferer *tr, int64_t owed) {
    if (owed > tr->owed) {
        log_line(SECKILL_LOG_WARNING,
                 "%s: %lld units more are promised than there are, after a failover lost what was known of them; the next ones "
                 "that come free make up for it",
                 tr->item->label, (long long)owed);
    } else if (owed == 0 && tr->owed > 0) {
        log_line(SECKILL_LOG_INFO, "%s: no units are owed any more", tr->item->label);
    }
}

/* Where it could not be read, the numbers stay as they were until the next time. */
static void on_stock(const seckill_stock_result *result, void *user_data) {
    transferer *tr = user_data;
    if (result->status == SECKILL_OK) {
        tr->stock = result->total;
        tr->has_stock = true;
    }
    task_next(&tr->task, tr->item->worker->settings->transfers_interval_ms);
}

/* Nobody asks for it but those who look at the metrics. */
static bool read_stock(transferer *tr) {
    const worker *w = tr->item->worker;
    uint64_t now = uv_now(&w->loop);
    if (!w->settings->listen || tr->task.closing || now < tr->stock_due_ms ||
        seckill_stock_get(tr->item->handle, 0, on_stock, tr) != SECKILL_OK) {
        return false;
    }
    tr->stock_due_ms = now + STOCK_INTERVAL_MS;
    return true;
}

static void on_finished(const seckill_transfers_result *result, void *user_data) {
    transferer *tr = user_data;
    worker *w = tr->item->worker;
    if (result->status != SECKILL_OK) {
        task_failed(&tr->task, "finishing transfers of", tr->item->label, result->status, result->message);
        return;
    }
    say_owed(tr, result->owed);
    tr->owed = result->owed;
    tr->transit = result->transit;
    w->counts.transfer_checks++;
    if (!read_stock(tr)) {
        task_next(&tr->task, w->settings->transfers_interval_ms);
    }
}

static void run(task *t) {
    transferer *tr = of(t);
    worker *w = tr->item->worker;
    /* Looking for units takes back what is overdue, as the expirer does. */
    if (item_awaits_replay(tr->item)) {
        task_next(t, w->settings->transfers_interval_ms);
        return;
    }
    seckill_status status = seckill_transfers_finish(tr->item->handle, 0, on_finished, tr);
    if (status != SECKILL_OK) {
        task_failed(t, "finishing transfers of", tr->item->label, status, NULL);
    }
}

static void on_closed(task *t) {
    item_task_closed(of(t)->item);
}

void transferer_start(transferer *tr, item *it) {
    tr->item = it;
    task_start(&it->worker->loop, &tr->task, run, on_closed);
}

void transferer_hurry(transferer *tr) {
    task_hurry(&tr->task);
}

void transferer_close(transferer *tr) {
    task_close(&tr->task);
}
