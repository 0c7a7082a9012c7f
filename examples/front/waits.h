/* seckill-front: how long clients are told to wait. Pure: no clock, no chance of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_WAITS_H
#define FRONT_WAITS_H

#include <stdint.h>

/* How long to wait before asking again, for something that takes about `wait_ms` (0: nobody knows): from `min_ms` to `max_ms`,
 * and within these bounds up to a quarter less or more, by `random`, any number: a crowd that came together is spread, and
 * does not ask together. Unknown is `max_ms`, less up to a quarter. */
uint32_t waits_spread(uint32_t wait_ms, uint32_t min_ms, uint32_t max_ms, uint32_t random);

/* The next number by chance (SplitMix64); good enough to spread a crowd, for nothing else. */
uint32_t waits_random(uint64_t *state);

#endif
