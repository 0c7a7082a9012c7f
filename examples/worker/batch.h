/* The batches of events that are on their way through the worker: read, written, not yet acknowledged. Their number is fixed,
 * and with it the worker's memory: who finds none free waits in line, and reads nothing meanwhile. Loop's thread only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_BATCH_H
#define SECKILL_WORKER_BATCH_H

#include "db_thread.h"

/* What an event points to, kept beside it. */
typedef struct {
    uint8_t user[SECKILL_USER_MAX];
    uint8_t order_ref[SECKILL_ORDER_REF_MAX];
} batch_bytes;

typedef struct batch batch;

struct batch {
    db_job job; /* writes the events */
    void *owner;
    size_t count;
    orders_db_event *events; /* room for as many as the pool was made for; this array and those below */
    orders_db_outcome *outcomes;
    batch_bytes *bytes;
    seckill_event_ack *acks;
    batch *next;
};

/* Who waits for a batch; embedded. */
typedef struct batch_waiter batch_waiter;
struct batch_waiter {
    void (*got)(batch_waiter *waiter, batch *batch);
    batch_waiter *next;
};

typedef struct {
    size_t limit, room; /* batches at most, and events in each */
    size_t made;
    batch *free;
    batch_waiter *first, **end;
    bool giving;
} batch_pool;

void batch_pool_init(batch_pool *pool, size_t limit, size_t room);

/* Frees the batches, all of which must have been given back. */
void batch_pool_free(batch_pool *pool);

/* Calls `got` with a batch: at once, or when one is given back. First come, first served. Out of memory for another batch
 * counts as none free, but for the first one: then `got` gets NULL. */
void batch_take(batch_pool *pool, batch_waiter *waiter, void (*got)(batch_waiter *waiter, batch *batch));

/* Gives a batch back. May call the `got` of one who waits. */
void batch_give_back(batch_pool *pool, batch *batch);

/* Copies events of one item into a batch. At most the pool's room. */
void batch_fill(batch *batch, const char *activity, const char *item, const seckill_event *events, size_t count);

#endif
