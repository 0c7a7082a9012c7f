/* How long to wait before trying again: exponential backoff with jitter.
 *
 * Source: "Exponential Backoff and Jitter", AWS Architecture Blog (2015).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/backoff.h"

uint32_t sk__backoff_ceiling_ms(uint32_t min_ms, uint32_t max_ms, uint32_t failures) {
    uint64_t ceiling;

    if (max_ms <= min_ms)
        return min_ms;
    ceiling = (uint64_t)min_ms << (failures < 31 ? failures : 31);
    return ceiling < max_ms ? (uint32_t)ceiling : max_ms;
}

uint32_t sk__backoff_ms(uint32_t min_ms, uint32_t max_ms, uint32_t failures, uint32_t random) {
    uint32_t ceiling = sk__backoff_ceiling_ms(min_ms, max_ms, failures);
    uint64_t span = (uint64_t)ceiling - min_ms + 1;

    return min_ms + (uint32_t)(span * random >> 32);
}
