/* How long to wait before trying again: exponential backoff with jitter.
 *
 * Source: "Exponential Backoff and Jitter", AWS Architecture Blog (2015).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_BACKOFF_H
#define SK_BASE_BACKOFF_H

#include <stdint.h>

/* The longest wait after `failures` failed attempts in a row (1 and more): twice `min_ms`, doubled with each further failure,
 * at most `max_ms`. */
uint32_t sk__backoff_ceiling_ms(uint32_t min_ms, uint32_t max_ms, uint32_t failures);

/* The wait: anywhere between `min_ms` and that, so that clients that lost the same server do not come back in step. `random` is
 * any number. */
uint32_t sk__backoff_ms(uint32_t min_ms, uint32_t max_ms, uint32_t failures, uint32_t random);

#endif
