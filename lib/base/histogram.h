/* Histograms: how many of what was measured fall between which ends.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_HISTOGRAM_H
#define SK_BASE_HISTOGRAM_H

#include <seckill/client.h>

/* The upper ends of all buckets but the last, which has none. */
typedef uint32_t sk__ends[SECKILL_HISTOGRAM_BUCKETS - 1];

extern const sk__ends sk__time_ends; /* microseconds */
extern const sk__ends sk__size_ends; /* operations of a batch */

/* Counts one value; below 0 is 0: a clock that was read a little earlier than another. */
void sk__histogram_count(seckill_histogram *histogram, const sk__ends ends, int64_t value);

#endif
