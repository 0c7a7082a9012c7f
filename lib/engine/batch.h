/* Batches: all ops of one kind that wait for one shard go in one script. A lone op goes in the turn it came in; what arrives
 * while max_batches are in flight forms the next ones. The next is always the line whose oldest op came first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_BATCH_H
#define SK_ENGINE_BATCH_H

#include "engine/op.h"

/* Puts an op into the line of its kind at its home shard; the item has its map. False: out of memory. */
bool sk__line_add(seckill_op *op);

/* The same, before all others of the line where it stood last. */
bool sk__line_add_first(seckill_op *op);

/* Takes it out of that line, of the item's, or of those who want units. */
void sk__line_remove(seckill_op *op);

/* Makes batches of what waits, as long as there is room for one. In a turn. */
void sk__batches_make(sk__engine *engine);

/* Slots are served by other nodes than before: every line that has ops goes to where its shard is now. */
void sk__lines_move(sk__engine *engine);

/* The op is over before its batch is: the batch goes on without it. */
void sk__batch_forget(seckill_op *op);

/* Whether an earlier sending of the batch was lost, and may have been executed. */
bool sk__batch_may_be_done(const sk__batch *batch);

seckill_status sk__batch_verdict(const sk__batch *batch);

#endif
