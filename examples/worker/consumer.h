/* The thread that takes requests out of RabbitMQ: one connection, a consumer for each item.
 *
 * What is delivered is handed to the loop in batches, as read, and stays in the broker until the loop has settled it. What is
 * no request of its item is poison: rejected to the dead letters, counted and logged. When the connection is lost everything in
 * hand is delivered again, to this worker or another, so it may be decided twice, which is harmless; what the loop settles of a
 * lost connection is forgotten. It is made again with growing pauses.
 *
 * All calls are for the loop's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_CONSUMER_H
#define SECKILL_WORKER_CONSUMER_H

#include "amqp_link.h"
#include "message.h"

#include <uv.h>

typedef struct consumer consumer;
typedef struct consumer_queue consumer_queue;
typedef struct delivery delivery;

typedef enum { DELIVERY_ACK, DELIVERY_REQUEUE, DELIVERY_REJECT } delivery_verdict;

/* A request in hand. The head is the loop's own to use until it is settled. */
struct delivery {
    delivery *next;
    void *owner;
    uint64_t due_ms;   /* when it is tried again */
    unsigned failures; /* how often it could not be decided, ... */
    unsigned unknown;  /* ... and of these, how often there was no such item */
    request_message request;
    bool redelivered; /* it was in somebody's hand before */
    /* the consumer's */
    uint32_t life; /* of the connection */
    uint64_t tag;
    delivery_verdict verdict;
};

/* What the thread says of a queue, on the loop's thread; `owner` is that of consumer_add. */
typedef struct {
    void (*delivered)(void *owner, delivery *first); /* a list, which is the owner's to settle, each */
    void (*lost)(void *owner);                       /* what came up to now will come again */
    void (*removed)(void *owner);                    /* after consumer_remove: the last call; the queue is freed */
} consumer_events;

typedef struct {
    uv_loop_t *loop;
    link_address address;
    link_queues queues;
    uint32_t timeout_ms; /* of what is asked of the broker */
    uint32_t prefetch;   /* requests of each item in hand at one time */
    consumer_events events;
    void (*stopped)(void *context); /* the thread is gone, the consumer freed */
    void *context;
} consumer_config;

/* Starts the thread; the configuration is copied. 0, or libuv's error. */
int consumer_start(const consumer_config *config, consumer **made);

/* Sends what was settled, closes the connection and ends the thread; all queues must be removed. Then `stopped` is called. */
void consumer_stop(consumer *consumer);

/* What waits for the broker waits no more; nothing is settled any more. */
void consumer_abort(consumer *consumer);

/* Begins to take an item's requests. NULL: out of memory. */
consumer_queue *consumer_add(consumer *consumer, const char *activity, const char *item, void *owner);

/* Takes no more of them. */
void consumer_remove(consumer_queue *queue);

/* Says what becomes of a request, which is the consumer's then. */
void consumer_settle(consumer *consumer, delivery *one, delivery_verdict verdict);

/* Whether a request is one of a connection that is lost. */
bool consumer_is_lost(const consumer *consumer, const delivery *one);

/* Requests that wait in the broker and are in nobody's hand, at the last look. */
uint64_t consumer_depth(const consumer_queue *queue);

typedef struct {
    bool connected;
    uint64_t delivered, redelivered, poison, connections;
} consumer_counts;

consumer_counts consumer_count(const consumer *consumer);

#endif
