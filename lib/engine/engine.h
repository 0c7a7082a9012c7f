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
 *   core    what these share (core.h)
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_ENGINE_H
#define SK_ENGINE_ENGINE_H

#include "engine/core.h"

/* SECKILL_NO_MEMORY is the only failure. */
seckill_status sk__engine_open(const sk__engine_config *config, sk__engine **out);

/* What a client does when it closes: finishes every op and task, as SECKILL_UNKNOWN or SECKILL_CLOSED. Not from a public call.
 */
void sk__engine_finish_all(sk__engine *engine);

/* Frees the engine and all items, after every outstanding reply was given up as lost. */
void sk__engine_free(sk__engine *engine);

/* The transport's events. */
void sk__engine_turn(sk__engine *engine);
void sk__engine_up(sk__engine *engine, uint32_t node);
void sk__engine_down(sk__engine *engine, uint32_t node, seckill_status status);
void sk__engine_moved(sk__engine *engine);

/* Batches in flight or waiting for a connection. */
uint64_t sk__engine_batches(const sk__engine *engine);

#endif
