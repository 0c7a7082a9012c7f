/* See prometheus.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "prometheus.h"

#include <inttypes.h>
#include <stdlib.h>

const prometheus_ends prometheus_quick = {250,    500,    1000,   2500,    5000,    10000,   25000,   50000,
                                          100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
const prometheus_ends prometheus_slow = {10000,   25000,    50000,    100000,   250000,    500000,    1000000,  2500000,
                                         5000000, 10000000, 30000000, 60000000, 120000000, 300000000, 600000000};

size_t prometheus_bucket(const prometheus_ends ends, uint64_t us) {
    size_t bucket = 0;
    while (bucket < PROMETHEUS_BUCKETS - 1 && us > ends[bucket]) {
        bucket++;
    }
    return bucket;
}

void prometheus_count(prometheus_times *times, const prometheus_ends ends, uint64_t us) {
    times->buckets[prometheus_bucket(ends, us)]++;
    times->sum_us += us;
}

void prometheus_head(FILE *page, const char *name, const char *type, const char *help) {
    (void)fprintf(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void prometheus_value(FILE *page, const char *name, const char *type, const char *help, uint64_t value) {
    prometheus_head(page, name, type, help);
    (void)fprintf(page, "%s %" PRIu64 "\n", name, value);
}

/* Without zeros behind: by hand, since printf writes another point in some countries. */
static void write_seconds(FILE *page, uint64_t us) {
    uint64_t fraction = us % 1000000;
    int digits = 6;
    for (; digits > 0 && fraction % 10 == 0; digits--) {
        fraction /= 10;
    }
    (void)fprintf(page, "%" PRIu64, us / 1000000);
    if (digits > 0) {
        (void)fprintf(page, ".%0*" PRIu64, digits, fraction);
    }
}

void prometheus_write_times(FILE *page, const char *name, const char *labels, const prometheus_ends ends,
                            const prometheus_times *times) {
    const char *comma = labels[0] ? "," : "", *open = labels[0] ? "{" : "", *close = labels[0] ? "}" : "";
    uint64_t count = 0;
    for (size_t i = 0; i < PROMETHEUS_BUCKETS - 1; i++) {
        count += times->buckets[i];
        (void)fprintf(page, "%s_bucket{%s%sle=\"", name, labels, comma);
        write_seconds(page, ends[i]);
        (void)fprintf(page, "\"} %" PRIu64 "\n", count);
    }
    count += times->buckets[PROMETHEUS_BUCKETS - 1];
    (void)fprintf(page, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n%s_sum%s%s%s ", name, labels, comma, count, name, open, labels,
                  close);
    write_seconds(page, times->sum_us);
    (void)fprintf(page, "\n%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

void prometheus_program(FILE *page, const char *build_info, int64_t since) {
    prometheus_head(page, build_info, "gauge", "1; the versions of the program and of the library that runs.");
    (void)fprintf(page, "%s{version=\"%s\",library=\"%s\"} 1\n", build_info, SECKILL_VERSION_STRING, seckill_version());
    prometheus_value(page, "process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.",
                     (uint64_t)since);
}

bool prometheus_client(FILE *page, const seckill_client_stats *stats) {
    size_t size = seckill_metrics_write(stats, NULL, 0);
    char *text = malloc(size + 1);
    if (!text) {
        return false;
    }
    (void)seckill_metrics_write(stats, text, size + 1);
    (void)fputs(text, page);
    free(text);
    return true;
}
