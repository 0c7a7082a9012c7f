/* What may be used once. What comes while an answer is awaited forms the next batch of its part, as with the batches of ops.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_ONCE_H
#define SK_ENGINE_ONCE_H

#include "engine/core.h"

#include <seckill/once.h>

/* The caller has checked the options. SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED. */
seckill_status sk__once_start(sk__engine *engine, const seckill_once_options *options, seckill_once_cb cb, void *user_data);

/* Makes batches of what waits. In a turn. */
void sk__once_make(sk__engine *engine);

#endif
