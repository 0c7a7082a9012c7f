/* What every randomized or long test shares: which seed this run has, whether long loops run whole, and numbers by chance.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_TEST_RUN_H
#define SK_TESTS_TEST_RUN_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* SECKILL_TEST_SEED repeats a run; else each takes another. It is printed, so that what failed can be repeated. */
static inline uint64_t test_run_seed(void) {
    const char *given = getenv("SECKILL_TEST_SEED");
    struct timespec now;
    uint64_t seed;

    (void)timespec_get(&now, TIME_UTC);
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    (void)printf("SECKILL_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

/* SECKILL_TESTS_FULL=1: long loops run whole, else they are sampled. */
static inline bool test_run_is_full(void) {
    const char *full = getenv("SECKILL_TESTS_FULL");

    return full != NULL && strcmp(full, "1") == 0;
}

/* Of a loop that is sampled one turn of so many runs; fewer under a sanitizer, all where loops run whole. */
static inline size_t test_run_step(size_t step) {
#ifdef __SANITIZE_ADDRESS__
    step *= 4;
#endif
    return test_run_is_full() ? 1 : step;
}

/* SplitMix64: the next number, from 0 to limit - 1. */
static inline uint32_t test_run_below(uint64_t *state, uint32_t limit) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % limit);
}

#endif
