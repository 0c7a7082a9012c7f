#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- users ---- */

sale_ticket_answer queue_enqueue(rules *r, const char *user, const char *request_id, uint32_t quantity) {
    assert_true(r->now_ms != 0);
    return sale_enqueue_at(&r->sale, user, request_id, quantity, r->now_ms);
}

sale_ticket_answer *queue_enqueue_many(rules *r, const char *prefix, size_t count) {
    sale_ticket_answer *answers = calloc(count, sizeof(*answers));

    assert_non_null(answers);
    for (size_t i = 0; i < count; i++) {
        char user[SECKILL_USER_MAX + 1];

        (void)snprintf(user, sizeof(user), "%s%zu", prefix, i);
        assert_status(sale_start_enqueue(&r->sale, user, "r", 1, r->now_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait_tickets(&r->sale, answers, count);
    return answers;
}

sale_ticket_answer queue_poll(rules *r, const sale_ticket_answer *from) {
    assert_true(from->has_ticket);
    return sale_poll(&r->sale, &from->ticket);
}

void queue_assert_queued(const sale_ticket_answer *answer, uint64_t position) {
    queue_assert_state(answer, SECKILL_TICKET_QUEUED);
    assert_int_equal(answer->position, position);
}

/* What comes with each state, and nothing else. */
long queue_number_of(seckill_bytes user) {
    char text[SECKILL_USER_MAX + 1];

    (void)snprintf(text, sizeof(text), "%.*s", (int)user.size, (const char *)user.data);
    return strtol(text + 1, NULL, 10);
}

void queue_assert_state(const sale_ticket_answer *answer, seckill_ticket_state state) {
    bool has_record = state != SECKILL_TICKET_QUEUED && state != SECKILL_TICKET_REFUSED;

    assert_int_equal(answer->calls, 1);
    assert_status(answer->status, SECKILL_OK);
    assert_int_equal(answer->state, state);
    assert_int_equal(answer->has_ticket, state == SECKILL_TICKET_QUEUED);
    assert_int_equal(answer->has_ref, state == SECKILL_TICKET_GRANTED);
    assert_int_equal(answer->position != 0, state == SECKILL_TICKET_QUEUED && answer->ticket.n != 0);
    assert_int_equal(answer->reason != SECKILL_OK, state == SECKILL_TICKET_REFUSED);
    if (has_record)
        assert_int_equal(answer->reservation.state, (int)state - 1);
}

void queue_assert_refused(const sale_ticket_answer *answer, seckill_status reason) {
    queue_assert_state(answer, SECKILL_TICKET_REFUSED);
    assert_status(answer->reason, reason);
}

void queue_assert_poll(rules *r, const sale_ticket_answer *from, seckill_ticket_state state) {
    sale_ticket_answer answer = queue_poll(r, from);

    queue_assert_state(&answer, state);
}

void queue_assert_poll_refused(rules *r, const sale_ticket_answer *from, seckill_status reason) {
    sale_ticket_answer answer = queue_poll(r, from);

    queue_assert_refused(&answer, reason);
}

/* ---- workers ---- */

void queue_worker_init(queue_worker *worker, sale *from, uint32_t shard, uint32_t max,
                       bool (*is_blacklisted)(seckill_bytes user)) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    memset(worker, 0, sizeof(*worker));
    worker->sale = from;
    worker->options = options;
    worker->options.shard = shard;
    worker->options.max = max;
    worker->is_blacklisted = is_blacklisted;
}

static void screen(queue_worker *worker, const seckill_queue_result *result) {
    for (size_t i = 0; i < result->count; i++) {
        const seckill_queue_entry *entry = &result->entries[i];

        worker->ids[i] = entry->id;
        memcpy(worker->users[i], entry->user.data, entry->user.size);
        worker->user_sizes[i] = entry->user.size;
        worker->since_ms[i] = entry->since_ms;
        worker->quantities[i] = entry->quantity;
        worker->verdicts[i] = worker->is_blacklisted != NULL && worker->is_blacklisted(entry->user);
    }
    worker->count = result->count;
}

static void on_queue(const seckill_queue_result *result, void *user_data) {
    queue_worker *worker = user_data;

    worker->busy = false;
    worker->calls++;
    worker->status = result->status;
    worker->stopped = result->stopped;
    worker->decided = result->decided;
    worker->granted = result->granted;
    worker->refused = result->refused;
    worker->blacklisted = result->blacklisted;
    worker->waiting = result->waiting;
    worker->all_decided += result->decided;
    worker->all_granted += result->granted;
    worker->all_refused += result->refused;
    worker->all_blacklisted += result->blacklisted;
    assert_int_equal(result->shard, worker->options.shard);
    assert_int_equal(result->decided, result->granted + result->refused + result->blacklisted);
    screen(worker, result);
}

void queue_worker_start(queue_worker *worker) {
    static const seckill_queue_id none;
    bool any = worker->count != 0;

    assert_false(worker->busy);
    worker->options.from = any ? worker->ids[0] : none;
    worker->options.to = any ? worker->ids[worker->count - 1] : none;
    worker->options.blacklisted = any && worker->is_blacklisted != NULL ? worker->verdicts : NULL;
    worker->options.blacklisted_count = worker->options.blacklisted != NULL ? worker->count : 0;
    worker->busy = true;
    assert_status(seckill_queue_process(worker->sale->item, &worker->options, on_queue, worker), SECKILL_OK);
}

void queue_worker_step(queue_worker *worker) {
    queue_worker_start(worker);
    while (worker->busy)
        (void)uv_run(&worker->sale->loop, UV_RUN_ONCE);
}

void queue_worker_finish(queue_worker *worker) {
    do {
        queue_worker_step(worker);
        assert_status(worker->status, SECKILL_OK);
    } while (worker->count != 0 && worker->stopped == SECKILL_OK);
}
