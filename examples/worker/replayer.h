/* Tells Redis again what a failover made it forget: when a shard has another epoch than the database remembers, the item's
 * recent orders of that shard are replayed (see replay.h), and then the epoch is remembered.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_REPLAYER_H
#define SECKILL_WORKER_REPLAYER_H

#include "replay.h"
#include "task.h"

struct item;

typedef struct {
    task task;
    db_job job;
    struct item *item;
    replay_shard *shards;
    uint64_t *loaded; /* what the database remembers of each, while it is read */
    uint32_t shard_count;
    int64_t server_ms;          /* the servers' clock at the last look */
    uint32_t sought;            /* shards whose last order is being looked for ... */
    int64_t max_skew_ms;        /* ... with the item's as it was then */
    bool all_read, reached;     /* the last look saw every shard; one at least */
    bool paging;                /* the next round is a page, not a look */
    bool settled;               /* the epochs that were looked at last are written, not only computed */
    bool failed;                /* one of the shards, in this replay */
    uint64_t connections_then;  /* when the last look began */
    bool ready;                 /* every shard's epoch was remembered ... */
    uint64_t connections;       /* ... when the client had made so many connections */
    uint64_t replayed, missing; /* in this replay */
    replay replay;
    seckill_status failure; /* of the last look, or of a page */
    char message[200];
} replayer;

void replayer_start(replayer *replayer, struct item *item);

/* A shard has another epoch than before, or its item's settings were read. */
void replayer_hurry(replayer *replayer);

/* Whether Redis knows all orders, as far as can be known without asking it. If it is not known a look is made at once. */
bool replayer_ready(replayer *replayer);

/* Whether any shard could be read at the last look. */
bool replayer_reached(const replayer *replayer);

/* Orders were written from events of `epoch`, which were gone from Redis when they were acknowledged: another worker was
 * faster, or a failover lost them, and then with them what they were about. */
void replayer_doubt(replayer *replayer, uint32_t shard, uint64_t epoch);

void replayer_close(replayer *replayer);
void replayer_free(replayer *replayer); /* what it has; it is closed */

#endif
