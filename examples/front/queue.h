/* seckill-front: requests on their way into the queue, and what holders of tickets are told of it.
 *
 * Where requests wait is one of a few kinds: the shards' own queues in Redis (queue_redis.c), or RabbitMQ (queue_amqp.c). All
 * else, from admission to the answers, is the same for all of them. README.md says how to add one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_QUEUE_H
#define FRONT_QUEUE_H

#include "pending.h"
#include "wish.h"

#include <stdio.h>

/* A request that is to wait. */
typedef struct {
    pending base;
    bool admitted; /* and counted so, until it is answered */
    session_user user;
    wish wish;
    seckill_ticket ticket; /* for a kind's own use */
} entrant;

/* What a kind does; any but `put` may be NULL: nothing is to be done. `put` is the promise that all else stands on: 202 is
 * answered only once the request is stored as safely as the queue stores anything, and a request that is put twice may be
 * decided twice. */
typedef struct queue_kind {
    /* Before and after there are loops. False with a sentence in `trouble`. */
    bool (*start)(front_state *front, char trouble[256]);
    void (*stop)(front_state *front); /* when the loops are over, before they are closed */
    void (*drop)(front_state *front); /* when they are closed */
    /* At a loop's start, 0 or libuv's error; and at its end, when its thread is over. */
    int (*open)(front_loop *loop);
    void (*close)(front_loop *loop);
    /* Puts an admitted request in, now or later, and ends it: queue_answer, queue_fail. */
    void (*put)(entrant *one);
    /* Takes over into the item's admission how many wait, where that does not come from the item's reading. */
    void (*measure)(front_loop *loop, catalog_item *item);
    /* Completes what a poll says of a request that waits: position, wait_ms. */
    void (*place)(front_loop *loop, const char *activity, const char *item, seckill_ticket_result *result);
    /* Whether requests can be put in, as /healthz says; what there is for /metrics. */
    bool (*connected)(const front_state *front);
    void (*write_metrics)(const front_state *front, FILE *out);
} queue_kind;

/* That of the settings. */
const queue_kind *queue_choose(const front_settings *settings);

extern const queue_kind queue_redis;
extern const queue_kind queue_amqp;

/* Admits a request, puts it in and answers with its ticket, or turns it away. `answer`: to the captcha, as it came. */
void queue_request(const front_call *call, const wish *wanted, const char *answer);

/* For kinds: it is over, with what enqueue or poll would say; it is not, with a status. Each ends the entrant. */
void queue_answer(entrant *one, const seckill_ticket_result *result);
void queue_fail(entrant *one, seckill_status status, const char *detail, uint32_t retry_after_ms);

#endif
