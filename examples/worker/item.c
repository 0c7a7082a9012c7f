/* See item.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include "log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_MAX_MS = 10000 };

static item *of_settings(task *t) {
    return (item *)((char *)t - offsetof(item, settings));
}

static bool does(const item *it, unsigned role) {
    return it->worker->settings->roles & role;
}

/* ---- its end ---- */

static void unlink_item(item *it) {
    for (item **at = &it->worker->items; *at; at = &(*at)->next) {
        if (*at == it) {
            *at = it->next;
            break;
        }
    }
}

static void free_item(item *it) {
    worker *w = it->worker;
    if (w->client) {
        seckill_item_close(it->handle); /* else the client closes it, or has done so */
    }
    replayer_free(&it->replayer);
    expirer_free(&it->expirer);
    free(it->readers);
    free(it->deciders);
    free(it);
}

void item_task_closed(item *it) {
    worker *w = it->worker;
    if (--it->tasks > 0) {
        return;
    }
    unlink_item(it);
    free_item(it);
    w->item_count--;
    worker_part_gone(w);
}

void item_end(item *it) {
    if (it->closing) {
        return;
    }
    it->closing = true;
    task_close(&it->settings);
    if (does(it, ROLE_EXPIRE)) {
        expirer_close(&it->expirer);
    }
    if (does(it, ROLE_ORDERS)) {
        refunder_close(&it->refunder);
        replayer_close(&it->replayer);
    }
    if (does(it, ROLE_TRANSFERS)) {
        transferer_close(&it->transferer);
    }
    for (uint32_t i = 0; i < it->reader_count; i++) {
        reader_close(it->readers[i]);
    }
    for (uint32_t i = 0; i < it->decider_count; i++) {
        decider_close(it->deciders[i]);
    }
    if (it->intake) {
        intake_close(it->intake);
    }
}

static void on_settings_closed(task *t) {
    item_task_closed(of_settings(t));
}

/* ---- its shards ---- */

/* A reader and a decider for each shard. An item that was purged and defined anew with fewer shards leaves some that find
 * nothing: they look once in a while. */
static bool grow_readers(item *it, uint32_t shards) {
    if (shards <= it->reader_count) {
        return true;
    }
    reader **readers = realloc(it->readers, shards * sizeof(reader *));
    if (!readers) {
        return false;
    }
    it->readers = readers;
    while (it->reader_count < shards) {
        reader *r = reader_start(it, it->reader_count);
        if (!r) {
            return false;
        }
        it->readers[it->reader_count++] = r;
        it->tasks++;
    }
    return true;
}

static bool grow_deciders(item *it, uint32_t shards) {
    if (shards <= it->decider_count) {
        return true;
    }
    decider **deciders = realloc(it->deciders, shards * sizeof(decider *));
    if (!deciders) {
        return false;
    }
    it->deciders = deciders;
    while (it->decider_count < shards) {
        decider *d = decider_start(it, it->decider_count);
        if (!d) {
            return false;
        }
        it->deciders[it->decider_count++] = d;
        it->tasks++;
    }
    return true;
}

static bool grow(item *it, uint32_t shards) {
    return (!does(it, ROLE_ORDERS) || grow_readers(it, shards)) &&
           (!does(it, ROLE_DECIDE) || it->worker->consumer || grow_deciders(it, shards));
}

static void take_settings(item *it, const seckill_item_info *info) {
    bool news = it->shard_count == 0;
    it->max_skew_ms = info->settings->max_skew_ms;
    it->shard_count = info->settings->shards;
    memcpy(it->seed, info->seed, sizeof it->seed);
    if (news && does(it, ROLE_ORDERS)) {
        replayer_hurry(&it->replayer);
    }
}

static void on_settings(const seckill_item_result *result, void *user_data) {
    item *it = user_data;
    if (result->status != SECKILL_OK || !result->info) {
        task_failed(&it->settings, "reading the settings of", it->label, result->status, result->message);
    } else if (!it->closing && !grow(it, result->info->settings->shards)) {
        task_failed(&it->settings, "working on", it->label, SECKILL_NO_MEMORY, NULL);
    } else {
        take_settings(it, result->info);
        task_next(&it->settings, it->worker->settings->list_interval_ms);
    }
}

static void read_settings(task *t) {
    item *it = of_settings(t);
    seckill_status status = seckill_item_get(it->handle, 0, on_settings, it);
    if (status != SECKILL_OK) {
        task_failed(t, "reading the settings of", it->label, status, NULL);
    }
}

/* ---- what waits for a replay ---- */

bool item_awaits_replay(item *it) {
    uint64_t now = uv_now(&it->worker->loop);
    if (!does(it, ROLE_ORDERS) || replayer_ready(&it->replayer)) {
        it->held_since_ms = 0;
        it->held_too_long = false;
        return false;
    }
    if (!replayer_reached(&it->replayer)) {
        it->held_since_ms = 0;
        return true; /* what could expire is not there */
    }
    it->held_since_ms = it->held_since_ms ? it->held_since_ms : now;
    if (now - it->held_since_ms < HELD_MAX_MS) {
        return true;
    }
    if (!it->held_too_long) {
        log_line(SECKILL_LOG_WARNING, "%s: expires what is overdue though orders could not be replayed yet", it->label);
    }
    it->held_too_long = true;
    return false;
}

void item_replayed(item *it) {
    if (does(it, ROLE_EXPIRE)) {
        expirer_hurry(&it->expirer);
    }
    if (does(it, ROLE_TRANSFERS)) {
        transferer_hurry(&it->transferer);
    }
}

/* ---- its beginning ---- */

static void start_tasks(item *it) {
    task_start(&it->worker->loop, &it->settings, read_settings, on_settings_closed);
    it->tasks = 1;
    if (does(it, ROLE_EXPIRE)) {
        expirer_start(&it->expirer, it);
        it->tasks++;
    }
    if (does(it, ROLE_ORDERS)) {
        refunder_start(&it->refunder, it);
        replayer_start(&it->replayer, it);
        it->tasks += 2;
    }
    if (does(it, ROLE_TRANSFERS)) {
        transferer_start(&it->transferer, it);
        it->tasks++;
    }
    if (does(it, ROLE_DECIDE) && it->worker->consumer) {
        it->intake = intake_start(it);
        it->tasks += it->intake != NULL;
    }
}

static item *make_item(worker *w, const char *activity, const char *name) {
    item *it = calloc(1, sizeof *it);
    if (!it) {
        return NULL;
    }
    it->worker = w;
    (void)snprintf(it->name.activity, sizeof it->name.activity, "%s", activity);
    (void)snprintf(it->name.item, sizeof it->name.item, "%s", name);
    (void)snprintf(it->label, sizeof it->label, "%s/%s", it->name.activity, it->name.item);
    seckill_status status = seckill_item_open(w->client, activity, name, &it->handle);
    if (status != SECKILL_OK) {
        log_line(SECKILL_LOG_ERROR, "%s: %s", it->label, seckill_status_message(status));
        free(it);
        return NULL;
    }
    it->next = w->items;
    w->items = it;
    w->item_count++;
    start_tasks(it);
    log_line(SECKILL_LOG_INFO, "%s: at work", it->label);
    return it;
}

item *item_at_work(worker *w, const char *activity, const char *name) {
    for (item *it = w->items; it; it = it->next) {
        if (!it->closing && strcmp(it->name.activity, activity) == 0 && strcmp(it->name.item, name) == 0) {
            return it;
        }
    }
    return make_item(w, activity, name);
}
