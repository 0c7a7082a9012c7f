/* Decides the requests that wait in the queue of one shard.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_DECIDER_H
#define SECKILL_WORKER_DECIDER_H

#include <stdbool.h>
#include <stdint.h>

struct item;

typedef struct decider decider;

/* NULL: out of memory. The decider frees itself when it is closed, and tells its item (item_task_closed). */
decider *decider_start(struct item *item, uint32_t shard);

void decider_close(decider *decider);

/* What was decided since the start. A request that another call had decided before is not counted again. */
typedef struct {
    uint64_t decided, granted, refused, blacklisted;
} queue_counts;

/* A queue as it was when it was looked at last; or several of them together. */
typedef struct {
    uint64_t waiting;   /* requests */
    uint64_t oldest_ms; /* how long the first of them had waited, by the server's clock; the longest of several */
    bool stopped;       /* they wait because the sale has not begun or is paused */
} queue_view;

queue_view decider_view(const decider *decider);

/* Adds one to others. */
void queue_view_add(queue_view *sum, queue_view one);

#endif
