/* The engine: what decides. It knows items, shards, operations, batches and deadlines; it has no socket, no loop and no clock.
 * The transport gives it those, and tells it when to turn.
 *
 * One natural way: a public call puts an operation or a task into the engine and asks for a turn; the turn puts what waits into
 * calls and sends them; a reply finishes operations and asks for the next turn. Callbacks of users run from replies and turns
 * only, never from inside a public call.
 *
 *   op      one request of one user (op.h)
 *   batch   the ops of one shard and kind that travel in one script (batch.h)
 *   task    a call of an operator over one or more scripts: define, load, expire, ... (task.h)
 *   call    one script on its way, sent again until it is answered (call.h): what a batch and each step of a task are
 *   item    the mapping list and the shards of one item (item.h)
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_ENGINE_H
#define SK_ENGINE_ENGINE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/log.h"
#include "engine/transport.h"
#include "script/command.h"

#include <seckill/client.h>

typedef struct sk__engine sk__engine;
typedef struct sk__timer sk__timer;

/* Something with a deadline. `fire` runs in a turn, with the timer out of the heap. */
struct sk__timer {
    sk__heap_node node; /* key: when */
    void (*fire)(sk__engine *engine, sk__timer *timer);
};

typedef struct {
    const seckill_allocator *allocator; /* these three outlive the engine */
    const sk__log *log;
    sk__transport *transport;
    const char *prefix;
    uint32_t timeout_ms, max_operations, max_batches, max_batch;
    uint64_t random_seed; /* of backoff's jitter and of the seeds of new items */
} sk__engine_config;

struct sk__engine {
    sk__engine_config config;
    char prefix[SECKILL_PREFIX_MAX + 1];
    sk__heap timers;
    sk__heap ready;       /* queues with waiting ops and no backoff, the oldest head first */
    sk__link items;       /* every item with a handle or a user */
    sk__link calls;       /* calls that wait to be sent */
    sk__link outstanding; /* calls that wait for their reply */
    sk__link tasks;
    uint64_t sequence; /* of ops, so that the oldest can be told */
    uint64_t random;
    uint32_t batches; /* under way */
    bool closing;
    seckill_client_stats stats;
    char trouble[200];   /* why the connection is down */
    sk__command command; /* the one being put together */
};

/* SECKILL_NO_MEMORY is the only failure. */
seckill_status sk__engine_open(const sk__engine_config *config, sk__engine **engine);

/* What a client does when it closes: finishes every op and task, as SECKILL_UNKNOWN or SECKILL_CLOSED. Not from a public call.
 */
void sk__engine_finish_all(sk__engine *engine);

/* Frees the engine and all items, after every outstanding reply was given up as lost. */
void sk__engine_free(sk__engine *engine);

/* The transport's events. */
void sk__engine_turn(sk__engine *engine);
void sk__engine_up(sk__engine *engine);
void sk__engine_down(sk__engine *engine, const char *cause);

/* Memory, times and chance, for the engine's own files. */
void *sk__engine_alloc(sk__engine *engine, size_t size); /* zeroed */
void sk__engine_release(sk__engine *engine, void *memory);
int64_t sk__engine_now(const sk__engine *engine);
void sk__engine_wake(sk__engine *engine);
uint64_t sk__engine_random(sk__engine *engine);

/* Sets a timer; false: out of memory. Stopping one that is not set changes nothing. */
bool sk__timer_start(sk__engine *engine, sk__timer *timer, int64_t due_ms, void (*fire)(sk__engine *engine, sk__timer *timer));
void sk__timer_stop(sk__engine *engine, sk__timer *timer);

/* Takes one place of max_operations, or gives it back. False: none is free. */
bool sk__engine_enter(sk__engine *engine);
void sk__engine_leave(sk__engine *engine, seckill_status status);

#endif
