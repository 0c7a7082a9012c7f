#include "base/histogram.h"

const sk__ends sk__time_ends = {100,   250,    500,    1000,   2500,    5000,    10000,   25000,
                                50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

const sk__ends sk__size_ends = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, SECKILL_BATCH_MAX};

/* From the lowest: what is measured most often lies there, and sixteen comparisons are nothing beside one operation. */
void sk__histogram_count(seckill_histogram *histogram, const sk__ends ends, int64_t value) {
    uint64_t amount = value > 0 ? (uint64_t)value : 0;
    int bucket = 0;

    while (bucket < SECKILL_HISTOGRAM_BUCKETS - 1 && amount > ends[bucket])
        bucket++;
    histogram->buckets[bucket]++;
    histogram->sum += amount;
}
