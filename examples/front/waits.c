/* seckill-front: how long clients are told to wait.
 *
 * SPDX-License-Identifier: MIT
 */
#include "waits.h"

static uint64_t clamp(uint64_t value, uint64_t min, uint64_t max) {
    return value < min ? min : value > max ? max : value;
}

uint32_t waits_spread(uint32_t wait_ms, uint32_t min_ms, uint32_t max_ms, uint32_t random) {
    uint64_t about = wait_ms == 0 ? max_ms : clamp(wait_ms, min_ms, max_ms);
    uint64_t low = clamp(about - about / 4, min_ms, max_ms), high = clamp(about + about / 4, min_ms, max_ms);
    return (uint32_t)(low + random % (high - low + 1));
}

uint32_t waits_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32);
}
