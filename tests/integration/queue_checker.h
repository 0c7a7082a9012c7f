/* Judges the answers of a storm: calls overlap, so what each must say is not known, but what it can say is. An answer is about
 * some moment between the call's start and its end: it must fit what every call that had ended before the start has shown, and
 * may show nothing that no call begun before its end can have brought about.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_QUEUE_CHECKER_H
#define SK_TESTS_QUEUE_CHECKER_H

#include "queue_support.h"

enum { CHECKER_SHARDS = 4, CHECKER_REQUESTS = 20000, CHECKER_REMEMBER_MS = 2000, CHECKER_WINDOW_MS = 1000 };

/* A request id, and what is known of it. */
typedef struct {
    int user, name;
    uint32_t shard, quantity;
    int64_t created;
    int enqueues, reserves; /* calls begun that can bring it about */
    bool refused;           /* an answer said so */
    int state;              /* seckill_ticket_state of its record as last seen; 0: none was seen */
    int64_t granted_at;     /* since_ms of its grant; 0: not seen */
    int64_t lives_until;    /* its record is not forgotten before */
    bool has_ticket;
    seckill_ticket ticket;
} checker_request;

/* What was known when a call began. */
typedef struct {
    checker_request *request;
    int state;
    bool refused;
    int64_t lives_until, clock;
    uint64_t decided, seen; /* at least so many were decided, and had come */
    uint32_t pauses, kills;
    bool paused;
} checker_start;

typedef struct {
    rules *r;
    uint8_t seed[SECKILL_SEED_SIZE];
    checker_request *requests;
    size_t count;
    /* Of each shard: n's that have been seen decided and seen at all, and that any call begun may decide at most. */
    uint64_t decided[CHECKER_SHARDS], seen[CHECKER_SHARDS], may_decide[CHECKER_SHARDS];
    uint32_t pauses, kills; /* begun so far */
    bool paused;
    uint64_t states[8]; /* how often each state was answered; 0: none */
} checker;

/* The item must be defined. */
void checker_begin(checker *c, rules *r);
void checker_end(checker *c);
checker_request *checker_new_request(checker *c, int user, uint32_t quantity);

/* Before a call about this request (NULL for a worker's) begins. */
checker_start checker_start_of(checker *c, checker_request *request, uint32_t shard);
/* A worker is about to ask for its range to be decided. */
void checker_will_decide(checker *c, uint32_t shard, uint64_t to_n);

/* Each fails the test if the answer was not possible. */
void checker_take_enqueue(checker *c, const checker_start *start, const sale_ticket_answer *answer);
void checker_take_poll(checker *c, const checker_start *start, const seckill_ticket *ticket, const sale_ticket_answer *answer);
/* Of reserve, confirm, cancel and refund. */
void checker_take_result(checker *c, const checker_start *start, const sale_answer *answer);
void checker_take_process(checker *c, const checker_start *start, const queue_worker *worker);

#endif
