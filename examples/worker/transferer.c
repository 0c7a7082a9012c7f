/* See transferer.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include "log.h"

#include <stddef.h>

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
    task_next(&tr->task, w->settings->transfers_interval_ms);
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
