/* What a program shows Prometheus, in its text format 0.0.4: a page of metrics, each with its HELP and TYPE.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EXAMPLES_PROMETHEUS_H
#define EXAMPLES_PROMETHEUS_H

#include <seckill/metrics.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PROMETHEUS_BUCKETS = 16 };

/* The upper ends of all buckets but the last, in microseconds. */
typedef uint32_t prometheus_ends[PROMETHEUS_BUCKETS - 1];

extern const prometheus_ends prometheus_quick; /* 0.25 ms to 10 s: what a machine does while somebody waits */
extern const prometheus_ends prometheus_slow;  /* 10 ms to 10 minutes: what waits in a queue */

typedef struct {
    uint64_t buckets[PROMETHEUS_BUCKETS]; /* each value is in one */
    uint64_t sum_us;
} prometheus_times;

/* Which bucket a time is counted in; counts it. */
size_t prometheus_bucket(const prometheus_ends ends, uint64_t us);
void prometheus_count(prometheus_times *times, const prometheus_ends ends, uint64_t us);

/* Writes the HELP and TYPE of a metric; those of one with a single sample, and the sample. */
void prometheus_head(FILE *page, const char *name, const char *type, const char *help);
void prometheus_value(FILE *page, const char *name, const char *type, const char *help, uint64_t value);

/* Writes the samples of a histogram, after its head.
 *   labels   `name="value"`, with commas between; "": none */
void prometheus_write_times(FILE *page, const char *name, const char *labels, const prometheus_ends ends,
                            const prometheus_times *times);

/* Which program this is, and since when it has been running (seconds since 1970). */
void prometheus_program(FILE *page, const char *build_info, int64_t since);

/* The library's own metrics. False: out of memory. */
bool prometheus_client(FILE *page, const seckill_client_stats *stats);

#endif
