/* See histogram.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "histogram.h"

/* Values below 128 have a bucket each; above, each power of two has 64. */
static unsigned index_of(uint64_t value) {
    unsigned shift = 0;
    while (value >> shift >= 128) {
        shift++;
    }
    unsigned top = (unsigned)(value >> shift);
    return shift == 0 ? top : 128 + (shift - 1) * 64 + (top - 64);
}

/* The highest value that falls into a bucket. */
static uint64_t highest(unsigned index) {
    if (index < 128) {
        return index;
    }
    unsigned shift = (index - 128) / 64 + 1;
    return ((uint64_t)((index - 128) % 64 + 64 + 1) << shift) - 1;
}

void histogram_add(histogram *h, uint64_t value) {
    h->buckets[index_of(value)]++;
    h->count++;
    h->max = value > h->max ? value : h->max;
}

uint64_t histogram_at(const histogram *h, double share) {
    uint64_t seen = 0;
    double wanted = share * (double)h->count;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            return highest(i) < h->max ? highest(i) : h->max;
        }
    }
    return h->max;
}
