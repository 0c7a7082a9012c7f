/* See decider.h.
 *
 * A round is one call: it decides what was handed out and screened in the round before, and hands out what follows. Whenever
 * this process dies, what Redis has decided stands and the rest waits; nobody owned it. Another worker that was faster, a call
 * that is sent twice, a worker that slept for an hour: Redis decides nothing of a range that is not the next one.
 *
 * One worker is enough for a shard, whose decisions Redis makes one after another anyway, and to hand the same requests out to
 * many is work for Redis that helps nobody. So a worker whose range another one has decided stands by: it looks, with growing
 * pauses, whether the queue moves, and joins in again when it does not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "item.h"

#include "log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    /* Looks at idle queues that one worker makes in a second, over all shards: with more shards the pauses get longer. A look
     * takes Redis some 0.1 ms. */
    IDLE_LOOKS_A_SECOND = 1000
};

struct decider {
    task task;
    item *item;
    uint32_t shard;
    uint64_t pause_ms;         /* the next one while there is nothing to do: it doubles */
    seckill_queue_id from, to; /* screened, to be decided in the next round; n 0: nothing is */
    bool standing_by;          /* another worker is at this queue */
    uint64_t head;             /* then: the n of the next request as it was at the last look; 0: none waited */
    queue_view view;
    char label[2 * SECKILL_ID_MAX + 24];
    size_t verdict_count;
    uint8_t verdicts[SECKILL_BATCH_MAX];
    int64_t since_ms[SECKILL_BATCH_MAX]; /* as many */
};

static decider *of(task *t) {
    return (decider *)((char *)t - offsetof(decider, task));
}

queue_view decider_view(const decider *d) {
    return d->view;
}

void queue_view_add(queue_view *sum, queue_view one) {
    sum->waiting += one.waiting;
    sum->oldest_ms = one.oldest_ms > sum->oldest_ms ? one.oldest_ms : sum->oldest_ms;
    sum->stopped = sum->stopped || one.stopped;
}

/* ---- when to look again ---- */

static uint64_t longest_pause(const worker *w) {
    uint64_t fair = (uint64_t)w->decider_count * 1000 / IDLE_LOOKS_A_SECOND;
    return fair > w->settings->decide_poll_max_ms ? fair : w->settings->decide_poll_max_ms;
}

static uint64_t shortest_pause(const worker *w) {
    const settings *s = w->settings;
    return s->poll_min_ms < s->decide_poll_max_ms ? s->poll_min_ms : s->decide_poll_max_ms;
}

static void back_off(decider *d) {
    uint64_t limit = longest_pause(d->item->worker), pause = d->pause_ms;
    d->pause_ms = pause * 2 < limit ? pause * 2 : limit;
    task_next(&d->task, pause < limit ? pause : limit);
}

static void look_at_once(decider *d) {
    task_next(&d->task, 0);
}

/* ---- a round ---- */

static void drop_screened(decider *d) {
    d->from = d->to = (seckill_queue_id){0, 0};
    d->verdict_count = 0;
}

static void fail_round(decider *d, seckill_status status, const char *message) {
    drop_screened(d); /* perhaps it is decided, perhaps not: the next look shows it */
    task_failed(&d->task, "deciding the queue of", d->label, status, message);
}

/* Decisions are made in order. Those that are not counted, having been made before, are few: that the last ones of the range
 * then stand for them makes no difference. */
static void measure_decided(decider *d, const seckill_queue_result *result) {
    for (size_t i = 0; i < result->decided && i < d->verdict_count; i++) {
        int64_t waited = result->server_time_ms - d->since_ms[i];
        prometheus_count(&d->item->worker->decision_times, prometheus_slow, waited > 0 ? (uint64_t)waited * 1000 : 0);
    }
}

static void count_decided(decider *d, const seckill_queue_result *result) {
    worker *w = d->item->worker;
    queue_counts *sums[] = {&d->item->queue, &w->counts.queue};
    if (result->decided > 0) {
        w->counts.decided_until_ms = uv_now(&w->loop);
    }
    for (size_t i = 0; i < 2; i++) {
        sums[i]->decided += result->decided;
        sums[i]->granted += result->granted;
        sums[i]->refused += result->refused;
        sums[i]->blacklisted += result->blacklisted;
    }
}

static void keep_view(decider *d, const seckill_queue_result *result) {
    int64_t waited = result->count > 0 ? result->server_time_ms - result->entries[0].since_ms : 0;
    d->view = (queue_view){result->waiting, waited > 0 ? (uint64_t)waited : 0, result->stopped != SECKILL_OK};
}

static void screen(decider *d, const seckill_queue_result *result) {
    drop_screened(d);
    if (result->count == 0) {
        return;
    }
    d->from = result->entries[0].id;
    d->to = result->entries[result->count - 1].id;
    d->verdict_count = result->count;
    for (size_t i = 0; i < result->count; i++) {
        d->verdicts[i] = listed_has_user(d->item->worker, result->entries[i].user);
        d->since_ms[i] = result->entries[i].since_ms;
    }
}

/* The next round while another worker is, or was, at this queue. */
static void stand_by(decider *d, const seckill_queue_result *result) {
    uint64_t head = result->count > 0 ? result->entries[0].id.n : 0;
    bool moves = !d->standing_by || head != d->head;
    d->head = head;
    d->standing_by = head != 0 && moves;
    if (head != 0 && !moves) {
        screen(d, result);
        look_at_once(d);
    } else {
        drop_screened(d);
        back_off(d);
    }
}

static void next_round(decider *d, const seckill_queue_result *result) {
    bool beaten = d->from.n != 0 && result->decided == 0 && !d->view.stopped;
    if (!listed_ready(d->item->worker)) {
        back_off(d); /* nobody can be screened yet */
        return;
    }
    if (d->standing_by || beaten) {
        stand_by(d, result);
        return;
    }
    if (result->decided > 0) {
        d->pause_ms = shortest_pause(d->item->worker);
    }
    screen(d, result);
    if (result->count > 0 && !d->view.stopped) {
        look_at_once(d);
    } else {
        back_off(d);
    }
}

static void on_decided(const seckill_queue_result *result, void *user_data) {
    decider *d = user_data;
    count_decided(d, result); /* with a status other than ok too: a part may be decided */
    if (result->status != SECKILL_OK) {
        fail_round(d, result->status, result->message);
        return;
    }
    measure_decided(d, result);
    keep_view(d, result);
    next_round(d, result);
}

/* Where nothing can be decided now, one is handed out, to see when it can. */
static uint32_t wanted(const decider *d) {
    worker *w = d->item->worker;
    return d->view.stopped || d->standing_by || !listed_ready(w) ? 1 : w->settings->decide_batch;
}

static void run(task *t) {
    decider *d = of(t);
    worker *w = d->item->worker;
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;
    options.shard = d->shard;
    options.max = wanted(d);
    options.from = d->from;
    options.to = d->to;
    options.blacklisted = d->verdicts;
    options.blacklisted_count = d->verdict_count;
    if (d->from.n != 0 && w->counts.decided_from_ms == 0) {
        w->counts.decided_from_ms = uv_now(&w->loop);
    }
    seckill_status status = seckill_queue_process(d->item->handle, &options, on_decided, d);
    if (status != SECKILL_OK) {
        fail_round(d, status, NULL);
    }
}

/* ---- its life ---- */

static void on_closed(task *t) {
    decider *d = of(t);
    item *it = d->item;
    worker *w = it->worker;
    w->decider_count--;
    if (w->stopping) {
        queue_view_add(&w->counts.left, d->view);
    }
    free(d);
    item_task_closed(it);
}

decider *decider_start(item *it, uint32_t shard) {
    decider *d = calloc(1, sizeof *d);
    if (!d) {
        return NULL;
    }
    d->item = it;
    d->shard = shard;
    d->pause_ms = shortest_pause(it->worker);
    (void)snprintf(d->label, sizeof d->label, "%s, shard %u", it->label, (unsigned)shard);
    it->worker->decider_count++;
    task_start(&it->worker->loop, &d->task, run, on_closed);
    return d;
}

void decider_close(decider *d) {
    task_close(&d->task);
}
