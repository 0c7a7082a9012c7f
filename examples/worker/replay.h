/* One page of a replay: orders of an item that Redis may have lost in a failover are read from the database, and Redis is told
 * again what became of each: confirmed (with SECKILL_CONFIRM_ORDERED), and where it is so refunded. Both are repeatable: what
 * Redis knows it answers as `replayed`. Loop's thread, but for what the database's jobs do.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_REPLAY_H
#define SECKILL_WORKER_REPLAY_H

#include "db_thread.h"

#include <seckill/seckill.h>
#include <stdbool.h>

enum { REPLAY_PAGE = 256 }; /* orders read at once, and under way at once for one item */

struct item;
struct replay_order;

/* What is known of a shard; see replayer.c. */
typedef struct {
    uint64_t seen;       /* its epoch when it was looked at last; 0: it was not yet */
    uint64_t remembered; /* the epoch that the database remembers; 0: none, or not known */
    uint64_t lost;       /* the first epoch seen since one was remembered: what is missing was lost before; 0: none */
    int64_t last_ms;     /* when an order of it changed last before that */
    uint64_t doubt;      /* orders of this epoch were written that Redis may not have known any more; 0: none */
    bool sought;         /* its last_ms is being looked for */
    bool due;            /* replay it, whatever is remembered */
    bool replaying;      /* its orders are being replayed */
    bool written;        /* a script has written its epoch since the replay began: it is not only computed any more */
    bool failed;         /* one of them has no final answer */
} replay_shard;

typedef struct replay replay;

struct replay {
    /* Set before replay_start; they must stay until `done`. */
    struct item *item;
    void (*done)(replay *replay);
    replay_shard *shards; /* orders of those that are `replaying` are replayed; `written` and `failed` are set */
    uint32_t shard_count;
    uint8_t seed[SECKILL_SEED_SIZE];
    orders_db_place after; /* the page begins behind it */
    int64_t last_number;   /* orders with higher numbers were written since the replay began */
    bool rehearsal;        /* the page is replayed once more: what is wrong with its orders is said then */

    /* Set when `done` is called. */
    orders_db_place end; /* of the page */
    size_t listed;       /* less than REPLAY_PAGE: it was the last one */
    size_t count;        /* of them, orders of these shards */
    size_t answered;     /* finally */
    size_t missing;      /* that Redis did not know any more */
    bool failed;         /* one at least has no final answer, or the database none at all */
    seckill_status failure;
    char message[200];

    /* The page's own. */
    db_job job;
    struct replay_order *orders;
    size_t under_way;
};

/* Replays a page, and calls `done` later: when each order has an answer, whichever. */
void replay_start(replay *replay);

#endif
