/* An item at work: its tasks, and when they come and go.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_ITEM_H
#define SECKILL_WORKER_ITEM_H

#include "decider.h"
#include "expirer.h"
#include "reader.h"
#include "refunder.h"
#include "task.h"
#include "worker.h"

typedef struct item item;

struct item {
    worker *worker;
    options_name name;
    char label[2 * SECKILL_ID_MAX + 2]; /* "activity/item" */
    seckill_item *handle;
    bool named;    /* by --item: it stays, whatever an activity's list says */
    bool listed;   /* while a list is gone through */
    bool closing;  /* its tasks are ending; then it is freed */
    size_t tasks;  /* that are not closed yet */
    task settings; /* looks at the item's settings: how many shards there are */
    expirer expirer;
    refunder refunder;
    reader **readers; /* one for each shard */
    uint32_t reader_count;
    decider **deciders; /* one for each shard */
    uint32_t decider_count;
    queue_counts queue;
    uint32_t max_skew_ms; /* of its settings; known when there are readers */
    item *next;
};

/* The item of that name that is at work; makes it if there is none. NULL: out of memory. */
item *item_at_work(worker *worker, const char *activity, const char *name);

/* Ends its tasks; then it is freed. Repeating is harmless. */
void item_end(item *item);

/* For its tasks: one is closed. The last one frees the item. */
void item_task_closed(item *item);

#endif
