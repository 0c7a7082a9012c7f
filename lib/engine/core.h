/* What the parts of the engine share: the engine's own structure, memory, time, chance, deadlines, admission.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_CORE_H
#define SK_ENGINE_CORE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/log.h"
#include "engine/retry.h"
#include "engine/transport.h"
#include "script/command.h"

#include <seckill/client.h>

typedef struct sk__engine sk__engine;
typedef struct sk__timer sk__timer;

enum { SK__ONCE_PARTS = 16 };

/* Something with a deadline. `fire` runs in a turn, with the timer stopped. It stands in the heap, or in line. */
struct sk__timer {
    sk__heap_node node; /* key: when */
    sk__link link;      /* in engine->in_line; zero: it never stood there */
    void (*fire)(sk__engine *engine, sk__timer *timer);
};

typedef struct {
    const seckill_allocator *allocator; /* these three outlive the engine */
    const sk__log *log;
    sk__transport *transport;
    const char *prefix;
    uint32_t timeout_ms, max_operations, max_batches, max_batch, max_repeats;
    bool lasting;         /* replicas are to be waited for, ... */
    uint32_t replicas;    /* ... so many */
    uint64_t random_seed; /* of backoff's jitter and of the seeds of new items */
} sk__engine_config;

/* A server, by the transport's number. What waits for one holds up nobody who waits for another. */
typedef struct {
    sk__heap ready;   /* lines with waiting ops, the oldest head first */
    uint32_t batches; /* under way */
    uint32_t steps;   /* of tasks over many shards, sent and not answered yet */
    bool is_down;     /* nothing can be sent until on_up or on_moved */
    /* Why what waits to be sent has to wait: SECKILL_UNREACHABLE or SECKILL_DENIED while the connection is down,
     * SECKILL_NO_MEMORY while what was last to be sent found none, else SECKILL_SERVER_BUSY. */
    seckill_status trouble;
} sk__node;

struct sk__engine {
    sk__engine_config config;
    char prefix[SECKILL_PREFIX_MAX + 1];
    sk__heap timers;
    sk__link in_line;                /* timers of those who wait for config.timeout_ms, as most do: in order by themselves */
    sk__link items;                  /* every item with a handle or a user */
    sk__link calls;                  /* that wait to be sent */
    struct sk__blacklist *blacklist; /* NULL: it is not followed */
    sk__link once[SK__ONCE_PARTS];   /* who wants to use something once, by the part it is in; */
    uint32_t once_busy;              /* a bit for each part that a batch is under way for */
    sk__link refused;                /* ops that were refused from memory, to be called back in the next turn */
    uint64_t sequence;               /* of ops, so that the oldest can be told */
    uint64_t random;
    int64_t now_us; /* as of this turn, or this reply */
    bool closing;
    sk__budget repeats;
    seckill_client_stats stats;
    sk__command command; /* the one being put together */
    uint32_t node_count; /* one more than the highest number seen */
    sk__node nodes[SECKILL_NODES_MAX];
};

/* Memory, times and chance, for the engine's own files. */
void *sk__engine_alloc(sk__engine *engine, size_t size); /* zeroed */
void sk__engine_release(sk__engine *engine, void *memory);
int64_t sk__engine_now(const sk__engine *engine);
int64_t sk__engine_now_us(const sk__engine *engine); /* only to measure with */
void sk__engine_wake(sk__engine *engine);
uint64_t sk__engine_random(sk__engine *engine);

/* Sets a timer; false: out of memory. Stopping one that is not set changes nothing. */
bool sk__timer_start(sk__engine *engine, sk__timer *timer, int64_t due_ms, void (*fire)(sk__engine *engine, sk__timer *timer));
void sk__timer_stop(sk__engine *engine, sk__timer *timer);

/* The same for who waits from now on: cheaper where that is for config.timeout_ms. */
bool sk__timer_start_wait(sk__engine *engine, sk__timer *timer, uint32_t wait_ms,
                          void (*fire)(sk__engine *engine, sk__timer *timer));

/* The timer that is due first, or NULL. */
sk__timer *sk__timer_next(const sk__engine *engine);

/* The number of the server of a slot, and the server. */
uint32_t sk__engine_node_of(sk__engine *engine, uint32_t slot);
sk__node *sk__engine_node(sk__engine *engine, uint32_t slot);

/* Why what is for this slot waits, and the same for a person. */
seckill_status sk__engine_trouble(sk__engine *engine, uint32_t slot);
const char *sk__engine_cause(sk__engine *engine, uint32_t slot);

/* Takes one place of max_operations, or gives it back. False: none is free. */
bool sk__engine_enter(sk__engine *engine);
void sk__engine_leave(sk__engine *engine, seckill_status status);

#endif
