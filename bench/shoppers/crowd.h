/* The crowd: what each shopper does next. It sends through the HTTP client, and ends the loop's work when all are done.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_CROWD_H
#define SECKILL_BENCH_CROWD_H

#include "shoppers.h"

#include <uv.h>

typedef struct shopper_crowd shopper_crowd;

/* NULL: the front's address is malformed, or out of memory. Both pointers must stay. */
shopper_crowd *crowd_new(uv_loop_t *loop, const shop_settings *settings, shop_counts *counts);

/* Lets them all in. When the last one is done, everything is closed and the loop has nothing left to do. */
void crowd_start(shopper_crowd *crowd);

void crowd_free(shopper_crowd *crowd);

#endif
