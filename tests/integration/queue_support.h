/* What the tests of the queue share: requests created now, what their answers should be, and workers that can be made to wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_QUEUE_SUPPORT_H
#define SK_TESTS_QUEUE_SUPPORT_H

#include "rules_fixture.h"
#include "sale_queue.h"

/* ---- users ---- */

/* Enqueues with `created` now; the clocks must have been stopped. */
sale_ticket_answer queue_enqueue(rules *r, const char *user, const char *request_id, uint32_t quantity);
/* Enqueues `count` requests of one unit in one turn: users PREFIX0, PREFIX1 ..., request id "r". The caller frees them. */
sale_ticket_answer *queue_enqueue_many(rules *r, const char *prefix, size_t count);
sale_ticket_answer queue_poll(rules *r, const sale_ticket_answer *from);

/* The number of a user that is one letter and a number; nothing ends it but its size. */
long queue_number_of(seckill_bytes user);

void queue_assert_queued(const sale_ticket_answer *answer, uint64_t position);
void queue_assert_state(const sale_ticket_answer *answer, seckill_ticket_state state);
void queue_assert_refused(const sale_ticket_answer *answer, seckill_status reason);
/* Polls, and the answer must be this. */
void queue_assert_poll(rules *r, const sale_ticket_answer *from, seckill_ticket_state state);
void queue_assert_poll_refused(rules *r, const sale_ticket_answer *from, seckill_status reason);

/* ---- workers ---- */

/* A worker of one shard: what it screened last, and its call under way. */
typedef struct {
    sale *sale;
    seckill_queue_process_options options; /* shard, max, timeout_ms are the test's; the rest is filled in */
    bool (*is_blacklisted)(seckill_bytes user);
    bool busy;
    uint32_t calls;
    /* The last answer. */
    seckill_status status, stopped;
    uint32_t decided, granted, refused, blacklisted;
    uint64_t waiting;
    size_t count; /* screened now */
    seckill_queue_id ids[SECKILL_BATCH_MAX];
    uint8_t verdicts[SECKILL_BATCH_MAX];
    uint8_t users[SECKILL_BATCH_MAX][SECKILL_USER_MAX];
    size_t user_sizes[SECKILL_BATCH_MAX];
    int64_t since_ms[SECKILL_BATCH_MAX];
    uint32_t quantities[SECKILL_BATCH_MAX];
    /* All answers. */
    uint64_t all_decided, all_granted, all_refused, all_blacklisted;
} queue_worker;

/* NULL: nobody is blacklisted. */
void queue_worker_init(queue_worker *worker, sale *from, uint32_t shard, uint32_t max,
                       bool (*is_blacklisted)(seckill_bytes user));
/* Starts a call that decides what was screened last, and screens what comes next. */
void queue_worker_start(queue_worker *worker);
/* The same, and waits for it. */
void queue_worker_step(queue_worker *worker);
/* Decides all that waits, as far as the sale allows. */
void queue_worker_finish(queue_worker *worker);

#endif
