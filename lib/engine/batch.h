/* Batches: all ops of one kind that wait for one shard go in one script. A lone op goes in the turn it came in; what arrives
 * while max_batches are in flight forms the next ones. The next is always the queue whose oldest op came first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_BATCH_H
#define SK_ENGINE_BATCH_H

#include "engine/op.h"

/* Puts an op into the queue of its home shard; the item has its map. False: out of memory. */
bool sk__queue_add(seckill_op *op);

/* Takes it out of its queue, or of the item's line. */
void sk__queue_remove(seckill_op *op);

/* Makes batches of what waits, as long as there is room for one. In a turn. */
void sk__batches_make(sk__engine *engine);

/* The op is over before its batch is: the batch goes on without it. */
void sk__batch_forget(seckill_op *op);

seckill_status sk__batch_verdict(const sk__batch *batch);

#endif
