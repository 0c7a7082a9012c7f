/* See replayer.h.
 *
 * A round is a look at the shards' epochs, or one page of a replay. A replay goes:
 *
 *   look        the epochs of all shards. If some are not those that the database remembers ...
 *   first page  is replayed; and because a look alone does not write a new epoch, but the first writing script does: ...
 *   look        ... once more. What is read now stays, unless there is another failover, and what is replayed from now on is
 *   pages       replayed in this epoch: from the first page again, to the last order that was written when they began
 *   remember    the epochs of those shards in which every order got a final answer; the others begin again after a pause
 *   write       where a shard had no orders to replay nothing has written its epoch yet: what is overdue is expired once, which
 *               writes it and needs no replay before; then from the look on
 *
 * It may be cut off anywhere: the next worker finds the epoch not remembered, and begins again. Several workers at once replay
 * the same, which changes nothing.
 *
 * Why nothing is missed. An order is in the database when the replay begins, or it is written later. Then its event was read
 * from a server that had the shard as it is now, and with it the order; or it was read before the failover by a worker that was
 * slow to write it. Such a worker acknowledges its events to a server that does not have them: it has them replayed anew if
 * the epoch is not theirs (replayer_doubt). And if it died between writing and acknowledging: the next worker that starts
 * replays once, whatever is remembered.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include "log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 1000,        /* pause between two looks where no expirer tells of new epochs */
    LOOK_BACK_MAX = 100000 /* orders that are searched for the last one of each shard; without one all are replayed */
};

static replayer *of(task *t) {
    return (replayer *)((char *)t - offsetof(replayer, task));
}

static replayer *of_job(db_job *job) {
    return (replayer *)((char *)job - offsetof(replayer, job));
}

static seckill_client_stats stats_of(const worker *w) {
    seckill_client_stats stats = {.struct_size = sizeof stats};
    if (w->client) {
        (void)seckill_client_get_stats(w->client, &stats);
    }
    return stats;
}

static bool is_stale(const replay_shard *shard) {
    return shard->seen != 0 && (shard->due || shard->seen != shard->remembered);
}

static bool any_stale(const replayer *r) {
    bool stale = false;
    for (uint32_t i = 0; i < r->shard_count; i++) {
        stale = stale || is_stale(&r->shards[i]);
    }
    return stale;
}

static void submit(replayer *r, orders_db_status (*job)(orders_db *, db_job *), void (*done)(db_job *, bool), bool writes) {
    r->job = (db_job){.run = job, .done = done, .writes = writes};
    if (r->item->worker->db_stopping) {
        done(&r->job, false);
        return;
    }
    db_thread_submit(r->item->worker->db, &r->job);
}

/* ---- the end of a round ---- */

static void note_failure(replayer *r, seckill_status status, const char *message) {
    r->failure = status;
    (void)snprintf(r->message, sizeof r->message, "%s", message);
}

static void end_failed(replayer *r) {
    task_failed(&r->task, "replaying orders of", r->item->label, r->failure, r->message);
}

static void become_ready(replayer *r) {
    bool news = !r->ready;
    r->ready = true;
    r->connections = r->connections_then;
    if (news) {
        log_line(SECKILL_LOG_INFO, "%s: Redis knows every order", r->item->label);
        item_replayed(r->item);
    }
}

static void report(const replayer *r) {
    if (r->missing > 0) {
        log_line(SECKILL_LOG_WARNING,
                 "%s: a failover had lost %llu orders or refunds: Redis was told again (%llu were replayed)%s", r->item->label,
                 (unsigned long long)r->missing, (unsigned long long)r->replayed, r->failed ? "; not all are answered" : "");
    } else if (r->replayed > 0) {
        log_line(SECKILL_LOG_INFO, "%s: a new epoch: %llu orders were replayed, none was missing", r->item->label,
                 (unsigned long long)r->replayed);
    }
}

static void forget_progress(replayer *r) {
    r->paging = r->settled = r->failed = false;
    for (uint32_t i = 0; i < r->shard_count; i++) {
        r->shards[i].written = false;
    }
}

/* Everything is remembered, or tried. */
static void settle(replayer *r) {
    const settings *s = r->item->worker->settings;
    uint32_t pause = s->list_interval_ms;
    bool failed = r->failed || !r->all_read;
    report(r);
    forget_progress(r);
    r->replayed = r->missing = 0;
    if (!any_stale(r) && r->all_read) {
        become_ready(r);
    }
    if (failed) {
        end_failed(r);
        return;
    }
    task_next(&r->task, s->roles & ROLE_EXPIRE || pause < LOOK_MS ? pause : LOOK_MS);
}

/* ---- writing the epochs of shards without orders ---- */

static bool any_unwritten(const replayer *r) {
    bool unwritten = false;
    for (uint32_t i = 0; i < r->shard_count; i++) {
        unwritten = unwritten || (is_stale(&r->shards[i]) && !r->shards[i].written);
    }
    return unwritten;
}

static void on_expired(const seckill_expire_result *result, void *user_data) {
    replayer *r = user_data;
    worker_counts *counts = &r->item->worker->counts;
    counts->expired_reservations += (uint64_t)result->reservations;
    counts->expired_units += (uint64_t)result->units;
    for (size_t i = 0; i < result->outcome_count; i++) {
        const seckill_shard_outcome *outcome = &result->outcomes[i];
        if (outcome->shard < r->shard_count && outcome->epoch != 0) {
            r->shards[outcome->shard].written = true;
        }
    }
    if (any_unwritten(r)) {
        note_failure(r, result->status, result->message);
        r->failed = true;
        settle(r);
        return;
    }
    r->paging = false;
    task_next(&r->task, 0); /* what was lost between the replay and now is found by the next look */
}

static void write_epochs(replayer *r) {
    seckill_status status = seckill_expire(r->item->handle, 0, on_expired, r);
    if (status != SECKILL_OK) {
        note_failure(r, status, seckill_status_message(status));
        r->failed = true;
        settle(r);
    }
}

/* ---- remembering ---- */

static bool is_replayed(const replay_shard *shard) {
    return shard->replaying && !shard->failed && shard->written;
}

static orders_db_status remember(orders_db *db, db_job *job) {
    replayer *r = of_job(job);
    const options_name *name = &r->item->name;
    orders_db_status status = ORDERS_DB_OK;
    for (uint32_t i = 0; i < r->shard_count && status == ORDERS_DB_OK; i++) {
        if (is_replayed(&r->shards[i])) {
            status = orders_db_note_replayed(db, name->activity, name->item, i, r->shards[i].seen);
        }
    }
    return status;
}

static void on_remembered(db_job *job, bool committed) {
    replayer *r = of_job(job);
    for (uint32_t i = 0; i < r->shard_count; i++) {
        replay_shard *shard = &r->shards[i];
        if (is_replayed(shard) && committed) {
            shard->remembered = shard->seen;
            shard->lost = 0;
            shard->due = false;
        }
        shard->replaying = false;
    }
    /* Only where every shard is replayed: else it would expire what is about to be sold. */
    if (committed && !r->failed && r->all_read && any_unwritten(r) && !r->task.closing && r->item->worker->client) {
        write_epochs(r);
    } else {
        settle(r);
    }
}

/* ---- pages ---- */

static int64_t until(const replayer *r);

static void on_page(replay *page) {
    replayer *r = (replayer *)((char *)page - offsetof(replayer, replay));
    worker_counts *counts = &r->item->worker->counts;
    r->missing += page->missing;
    counts->orders_missing += page->missing;
    if (page->failed) {
        r->failed = true;
        note_failure(r, page->failure, page->message);
    }
    if (!r->settled && page->count > 0) {
        r->settled = true;
        r->paging = false;
    } else {
        r->replayed += page->answered;
        counts->orders_replayed += page->answered;
        bool listed = page->listed > 0 || !page->failed; /* out of memory: this page once more */
        r->replay.after = page->listed > 0 ? page->end : page->after;
        if (listed && (page->listed < REPLAY_PAGE || page->end.changed_ms > until(r))) {
            submit(r, remember, on_remembered, true);
            return;
        }
    }
    if (page->failed) {
        end_failed(r);
    } else {
        task_next(&r->task, 0);
    }
}

/* Changes since then are replayed. A new epoch's number is the time at which something was written in it first, perhaps long
 * after the loss: what was lost is not much older than the last order before it. */
static int64_t since(const replayer *r) {
    int64_t window_ms = r->item->worker->settings->replay_window_ms, at_ms = r->server_ms;
    for (uint32_t i = 0; i < r->shard_count; i++) {
        const replay_shard *shard = &r->shards[i];
        if (shard->replaying && shard->last_ms < at_ms) {
            at_ms = shard->last_ms;
        }
    }
    at_ms -= window_ms + r->item->max_skew_ms;
    return window_ms > 0 && at_ms > 0 ? at_ms : 0;
}

/* What was confirmed behind it was confirmed in this epoch, by whichever clock: that may be ahead, too. */
static int64_t until(const replayer *r) {
    int64_t window_ms = r->item->worker->settings->replay_window_ms, until_ms = 0;
    if (window_ms == 0) {
        return INT64_MAX;
    }
    for (uint32_t i = 0; i < r->shard_count; i++) {
        const replay_shard *shard = &r->shards[i];
        if (shard->replaying && (int64_t)shard->seen > until_ms) {
            until_ms = (int64_t)shard->seen;
        }
    }
    return until_ms + window_ms + r->item->max_skew_ms;
}

static void start_page(replayer *r) {
    r->replay.rehearsal = !r->settled;
    replay_start(&r->replay);
}

static void begin_pages(replayer *r) {
    r->paging = true;
    r->failed = false;
    r->replay.item = r->item;
    r->replay.done = on_page;
    r->replay.shards = r->shards;
    r->replay.after = (orders_db_place){since(r), 0};
    start_page(r);
}

/* ---- looking ---- */

/* Before this a shard's orders were confirmed in an epoch before the one that lost some, by whichever clock. */
static int64_t before(const replayer *r, const replay_shard *shard) {
    return (int64_t)shard->lost - r->max_skew_ms;
}

/* Takes the order for its shard's last one, unless one is known. */
static bool look_at(const orders_db_order *order, void *user_data) {
    replayer *r = user_data;
    int64_t changed_ms = orders_db_place_of(order).changed_ms;
    replay_shard *shard = &r->shards[seckill_shard_of(order->user, r->replay.seed, r->replay.shard_count)];
    if (shard->sought && changed_ms < before(r, shard)) {
        shard->sought = false;
        shard->last_ms = changed_ms;
        r->sought--;
    }
    return r->sought > 0;
}

/* The time from which a shard's orders are replayed is that of its own last order: while one shard is out, others may sell. */
static orders_db_status find_last(orders_db *db, replayer *r) {
    const options_name *name = &r->item->name;
    int64_t before_ms = 0;
    size_t count;
    r->sought = 0;
    for (uint32_t i = 0; i < r->shard_count; i++) {
        replay_shard *shard = &r->shards[i];
        bool stale = shard->seen != 0 && (shard->due || shard->seen != r->loaded[i]);
        shard->last_ms = (int64_t)shard->lost;
        shard->sought = stale && i < r->replay.shard_count;
        r->sought += shard->sought;
        before_ms = shard->sought && before(r, shard) > before_ms ? before(r, shard) : before_ms;
    }
    if (r->sought == 0 || r->item->worker->settings->replay_window_ms == 0) {
        return ORDERS_DB_OK;
    }
    orders_db_status status = orders_db_look_back(db, name->activity, name->item, before_ms, LOOK_BACK_MAX, look_at, r, &count);
    for (uint32_t i = 0; i < r->shard_count && status == ORDERS_DB_OK && count == LOOK_BACK_MAX; i++) {
        r->shards[i].last_ms = r->shards[i].sought ? 0 : r->shards[i].last_ms;
    }
    return status;
}

static orders_db_status load(orders_db *db, db_job *job) {
    replayer *r = of_job(job);
    const options_name *name = &r->item->name;
    orders_db_status status = orders_db_last_number(db, &r->replay.last_number);
    if (status == ORDERS_DB_OK) {
        status = orders_db_replayed(db, name->activity, name->item, r->loaded, r->shard_count);
    }
    return status == ORDERS_DB_OK ? find_last(db, r) : status;
}

static void on_loaded(db_job *job, bool committed) {
    replayer *r = of_job(job);
    bool any = false;
    for (uint32_t i = 0; i < r->shard_count && committed; i++) {
        replay_shard *shard = &r->shards[i];
        shard->remembered = r->loaded[i];
        shard->replaying = is_stale(shard);
        shard->lost = shard->replaying ? shard->lost : 0;
        shard->failed = false;
        any = any || shard->replaying;
    }
    if (any && !r->task.closing) {
        begin_pages(r);
    } else {
        settle(r);
    }
}

static void begin_load(replayer *r) {
    r->replay.shard_count = r->item->shard_count < r->shard_count ? r->item->shard_count : r->shard_count;
    memcpy(r->replay.seed, r->item->seed, sizeof r->replay.seed);
    r->max_skew_ms = r->item->max_skew_ms;
    submit(r, load, on_loaded, false);
}

static void see(replay_shard *shard, uint64_t epoch) {
    shard->seen = epoch;
    shard->due = shard->due || (shard->doubt != 0 && shard->doubt != epoch);
    shard->doubt = 0;
    if (!is_stale(shard)) {
        shard->lost = 0;
    } else if (shard->lost == 0 || epoch < shard->lost) {
        shard->lost = epoch;
    }
}

static void on_looked(const seckill_stock_result *result, void *user_data) {
    replayer *r = user_data;
    r->all_read = result->status == SECKILL_OK;
    r->reached = false;
    r->server_ms = result->server_time_ms > 0 ? result->server_time_ms : r->server_ms;
    if (!r->all_read) {
        note_failure(r, result->status, result->message);
    }
    for (size_t i = 0; i < result->count && i < r->shard_count; i++) {
        if (result->shards[i].status == SECKILL_OK) {
            see(&r->shards[i], result->shards[i].epoch);
            r->reached = true;
        }
    }
    for (size_t i = result->count; i < r->shard_count && r->all_read; i++) {
        r->shards[i].seen = 0; /* defined anew with fewer */
    }
    r->ready = r->ready && !any_stale(r);
    if (!r->reached) {
        forget_progress(r); /* nobody can be asked, and who is there next may be another one */
        end_failed(r);
    } else if (any_stale(r) && !r->task.closing) {
        begin_load(r);
    } else {
        settle(r);
    }
}

/* Room for as many shards as the item has. */
static bool grow(replayer *r, uint32_t shards) {
    if (shards <= r->shard_count) {
        return true;
    }
    replay_shard *states = realloc(r->shards, shards * sizeof *states);
    r->shards = states ? states : r->shards;
    uint64_t *loaded = realloc(r->loaded, shards * sizeof *loaded);
    r->loaded = loaded ? loaded : r->loaded;
    if (!states || !loaded) {
        return false;
    }
    for (uint32_t i = r->shard_count; i < shards; i++) {
        states[i] = (replay_shard){.due = true};
    }
    r->shard_count = shards;
    return true;
}

static void look(replayer *r) {
    seckill_status status = SECKILL_NO_MEMORY;
    r->connections_then = stats_of(r->item->worker).connections;
    if (grow(r, r->item->shard_count)) {
        status = seckill_stock_get(r->item->handle, 0, on_looked, r);
    }
    if (status != SECKILL_OK) {
        note_failure(r, status, seckill_status_message(status));
        end_failed(r);
    }
}

static void run(task *t) {
    replayer *r = of(t);
    if (r->item->shard_count == 0) {
        task_next(t, r->item->worker->settings->list_interval_ms); /* the settings are not read yet */
    } else if (r->paging) {
        start_page(r);
    } else {
        look(r);
    }
}

/* ---- for the others ---- */

bool replayer_ready(replayer *r) {
    seckill_client_stats stats = stats_of(r->item->worker);
    /* A failover takes the connection away; what is asked meanwhile would be the first thing on the new one. */
    if (r->ready && (stats.connections != r->connections || !stats.connected)) {
        r->ready = false;
        replayer_hurry(r);
    }
    return r->ready;
}

bool replayer_reached(const replayer *r) {
    return r->reached;
}

void replayer_doubt(replayer *r, uint32_t shard, uint64_t epoch) {
    if (shard < r->shard_count) {
        r->shards[shard].doubt = epoch;
    }
}

void replayer_hurry(replayer *r) {
    task_hurry(&r->task);
}

static void on_closed(task *t) {
    item_task_closed(of(t)->item);
}

void replayer_start(replayer *r, item *it) {
    r->item = it;
    task_start(&it->worker->loop, &r->task, run, on_closed);
}

void replayer_close(replayer *r) {
    task_close(&r->task);
}

void replayer_free(replayer *r) {
    free(r->shards);
    free(r->loaded);
}
