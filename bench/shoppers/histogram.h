/* A log-linear histogram, as HdrHistogram's: any value from 0 to 2^63 is counted in a bucket that is at most 1/64 of it wide,
 * in constant time and memory.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_HISTOGRAM_H
#define SECKILL_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 128 + 57 * 64 };

typedef struct {
    uint64_t count, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram;

void histogram_add(histogram *h, uint64_t value);

/* The smallest value that at least `share` of all values do not exceed, at most 1/64 too high; never above the maximum. 0 where
 * there is none.
 *   share   0 to 1: 0.99 for the 99th percentile */
uint64_t histogram_at(const histogram *h, double share);

#endif
