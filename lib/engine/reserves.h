/* What goes out for a batch of requests for units; see reserve.lua and enqueue.lua. Most batches can be granted, or wait, as a
 * whole, which the script sees at one look if it is told what they have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_RESERVES_H
#define SK_ENGINE_RESERVES_H

#include "engine/op.h"
#include "script/command.h"

/* Adds the requests and their users: 1 to SECKILL_BATCH_MAX ops. */
void sk__reserves_encode(seckill_op *const *ops, uint32_t count, sk__command *command);
void sk__enqueues_encode(seckill_op *const *ops, uint32_t count, sk__command *command);

#endif
