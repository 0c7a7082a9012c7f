/* See watch.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "watch.h"

#include "item.h"
#include "log.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct activity activity;

struct activity {
    task task;
    worker *worker;
    const char *name; /* the settings' own */
    activity *next;
};

static activity *of(task *t) {
    return (activity *)((char *)t - offsetof(activity, task));
}

static bool is_of(const item *it, const activity *a) {
    return strcmp(it->name.activity, a->name) == 0;
}

static void end_unlisted(activity *a) {
    for (item *it = a->worker->items; it; it = it->next) {
        if (is_of(it, a) && !it->listed && !it->named && !it->closing) {
            log_line(SECKILL_LOG_INFO, "%s: no longer listed", it->label);
            item_end(it);
        }
    }
}

/* False: out of memory. */
static bool take_over(activity *a, const seckill_list_result *result) {
    bool complete = true;
    for (item *it = a->worker->items; it; it = it->next) {
        it->listed = it->listed && !is_of(it, a);
    }
    for (size_t i = 0; i < result->count; i++) {
        item *it = item_at_work(a->worker, a->name, result->items[i]);
        if (it) {
            it->listed = true;
        }
        complete = complete && it;
    }
    end_unlisted(a);
    return complete;
}

static void on_listed(const seckill_list_result *result, void *user_data) {
    activity *a = user_data;
    if (result->status != SECKILL_OK) {
        task_failed(&a->task, "listing the items of", a->name, result->status, result->message);
    } else if (!a->task.closing && !take_over(a, result)) {
        task_failed(&a->task, "working on the items of", a->name, SECKILL_NO_MEMORY, NULL);
    } else {
        task_next(&a->task, a->worker->settings->list_interval_ms);
    }
}

static void run(task *t) {
    activity *a = of(t);
    seckill_status status = seckill_item_list(a->worker->client, a->name, 0, on_listed, a);
    if (status != SECKILL_OK) {
        task_failed(t, "listing the items of", a->name, status, NULL);
    }
}

static void on_closed(task *t) {
    activity *a = of(t);
    worker *w = a->worker;
    for (activity **at = &w->activities; *at; at = &(*at)->next) {
        if (*at == a) {
            *at = a->next;
            break;
        }
    }
    free(a);
    w->activity_count--;
    worker_part_gone(w);
}

bool watch_activity(worker *w, const char *name) {
    activity *a = calloc(1, sizeof *a);
    if (!a) {
        return false;
    }
    a->worker = w;
    a->name = name;
    a->next = w->activities;
    w->activities = a;
    w->activity_count++;
    task_start(&w->loop, &a->task, run, on_closed);
    return true;
}

void watch_end_all(worker *w) {
    for (activity *a = w->activities; a; a = a->next) {
        task_close(&a->task);
    }
}
