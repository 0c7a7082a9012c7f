/* An item at work: its tasks, and when they come and go.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_ITEM_H
#define SECKILL_WORKER_ITEM_H

#include "decider.h"
#include "expirer.h"
#include "intake.h"
#include "reader.h"
#include "refunder.h"
#include "replayer.h"
#include "task.h"
#include "transferer.h"
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
    replayer replayer;
    transferer transferer;
    reader **readers; /* one for each shard */
    uint32_t reader_count;
    decider **deciders; /* one for each shard */
    uint32_t decider_count;
    intake *intake; /* in their place, where requests wait in a broker; else NULL */
    queue_counts queue;
    /* Of its settings. */
    uint32_t shard_count; /* 0: they are not known yet */
    uint32_t max_skew_ms;
    uint8_t seed[SECKILL_SEED_SIZE];
    uint64_t held_since_ms; /* what is overdue stays so, until orders are replayed; 0: it does not */
    bool held_too_long;
    item *next;
};

/* The item of that name that is at work; makes it if there is none. NULL: out of memory. */
item *item_at_work(worker *worker, const char *activity, const char *name);

/* Whether what is overdue must stay so for now: what a failover lost is sold, perhaps, and the worker that knows it is about to
 * say so. Not for ever: what expires wrongly is sold again by the replay, and may be owed then. */
bool item_awaits_replay(item *item);

/* For its replayer: everything is replayed. */
void item_replayed(item *item);

/* Ends its tasks; then it is freed. Repeating is harmless. */
void item_end(item *item);

/* For its tasks: one is closed. The last one frees the item. */
void item_task_closed(item *item);

#endif
