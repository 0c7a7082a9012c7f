/* The numbers of clients: in which bucket a value is, how numbers are added, and their text for Prometheus.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/histogram.h"

#include <seckill/metrics.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAST = SECKILL_HISTOGRAM_BUCKETS - 1, TEXT_MAX = 32768 };

/* ---- buckets */

static void check_ends(const sk__ends ends) {
    seckill_histogram histogram;
    uint64_t sum = 0;

    memset(&histogram, 0, sizeof(histogram));
    for (int i = 0; i < LAST; i++) {
        assert_true(i == 0 || ends[i] > ends[i - 1]);
        sk__histogram_count(&histogram, ends, ends[i]); /* an end belongs to its bucket */
        assert_int_equal(histogram.buckets[i], i == 0 ? 1 : 2);
        sk__histogram_count(&histogram, ends, (int64_t)ends[i] + 1);
        assert_int_equal(histogram.buckets[i + 1], 1);
        sum += 2 * (uint64_t)ends[i] + 1;
    }
    assert_int_equal(histogram.sum, sum);
}

static void a_value_is_in_the_first_bucket_that_it_does_not_pass(void **state) {
    seckill_histogram histogram;

    (void)state;
    check_ends(sk__time_ends);
    check_ends(sk__size_ends);
    memset(&histogram, 0, sizeof(histogram));
    sk__histogram_count(&histogram, sk__time_ends, 0);
    sk__histogram_count(&histogram, sk__time_ends, -5); /* two readings of a clock the wrong way round */
    assert_int_equal(histogram.buckets[0], 2);
    assert_int_equal(histogram.sum, 0);
    sk__histogram_count(&histogram, sk__time_ends, INT64_MAX);
    assert_int_equal(histogram.buckets[LAST], 1);
    assert_int_equal(histogram.sum, INT64_MAX);
}

/* The largest batch there is must not look as if it were beyond measure. */
static void the_sizes_reach_to_the_largest_batch(void **state) {
    (void)state;
    assert_int_equal(sk__size_ends[LAST - 1], SECKILL_BATCH_MAX);
}

/* ---- adding */

/* Each number its own, so that one in another's place is seen. */
static seckill_client_stats some_stats(uint64_t salt) {
    seckill_client_stats stats;
    uint64_t *words = (uint64_t *)(void *)&stats;

    for (size_t i = 0; i < sizeof(stats) / sizeof(*words); i++)
        words[i] = salt + i;
    stats.struct_size = sizeof(stats);
    stats.connected = 1;
    stats.nodes = salt;
    return stats;
}

static void all_numbers_are_added(void **state) {
    seckill_client_stats total = {0}, one = some_stats(1000), other = some_stats(50);
    const uint64_t *sums = (const uint64_t *)(const void *)&total, *a = (const uint64_t *)(const void *)&one,
                   *b = (const uint64_t *)(const void *)&other;

    (void)state;
    total.struct_size = sizeof(total);
    assert_int_equal(seckill_metrics_add(&total, &one), SECKILL_OK);
    assert_memory_equal(&total, &one, sizeof(total));
    assert_int_equal(seckill_metrics_add(&total, &other), SECKILL_OK);
    for (size_t i = 1; i < sizeof(total) / sizeof(*sums); i++) {
        if (i * sizeof(*sums) != offsetof(seckill_client_stats, connected) &&
            i * sizeof(*sums) != offsetof(seckill_client_stats, nodes))
            assert_int_equal(sums[i], a[i] + b[i]);
    }
    assert_int_equal(total.connected, 2);
    assert_int_equal(total.nodes, 1000); /* not the same servers twice */
    assert_int_equal(total.struct_size, sizeof(total));
}

/* Programs that were built with another release. */
static void what_has_no_room_is_left_out(void **state) {
    seckill_client_stats total, one = some_stats(7);

    (void)state;
    memset(&total, 0, sizeof(total));
    total.struct_size = offsetof(seckill_client_stats, enqueued);
    assert_int_equal(seckill_metrics_add(&total, &one), SECKILL_OK);
    assert_int_equal(total.granted, one.granted);
    assert_int_equal(total.enqueued, 0);
    assert_int_equal(total.struct_size, offsetof(seckill_client_stats, enqueued));
    total.struct_size = sizeof(total);
    one.struct_size = offsetof(seckill_client_stats, reserves);
    assert_int_equal(seckill_metrics_add(&total, &one), SECKILL_OK);
    assert_int_equal(total.granted, 2 * one.granted);
    assert_int_equal(total.enqueued, one.enqueued);
    assert_int_equal(total.reserves.sum, 0);
    assert_int_equal(seckill_metrics_add(NULL, &one), SECKILL_INVALID);
    assert_int_equal(seckill_metrics_add(&total, NULL), SECKILL_INVALID);
    one.struct_size = 0;
    assert_int_equal(seckill_metrics_add(&total, &one), SECKILL_INVALID);
    assert_int_equal(seckill_metrics_add(&one, &total), SECKILL_INVALID);
}

/* ---- writing */

static const char *written(const seckill_client_stats *stats) {
    static char text[TEXT_MAX];
    size_t size = seckill_metrics_write(stats, text, sizeof(text));

    assert_in_range(size, 1, sizeof(text) - 1);
    assert_int_equal(strlen(text), size);
    assert_int_equal(text[size - 1], '\n');
    return text;
}

static void the_text_is_cut_where_the_buffer_ends(void **state) {
    seckill_client_stats stats = some_stats(123456789);
    char whole[TEXT_MAX], part[TEXT_MAX];
    size_t size = seckill_metrics_write(&stats, NULL, 0);

    (void)state;
    (void)snprintf(whole, sizeof(whole), "%s", written(&stats));
    assert_int_equal(size, strlen(whole));
    for (size_t room = 1; room <= size + 2; room += room < 200 || room + 200 > size ? 1 : 97) {
        size_t kept = room <= size ? room - 1 : size;

        memset(part, 'x', sizeof(part));
        assert_int_equal(seckill_metrics_write(&stats, part, room), size);
        assert_int_equal(strlen(part), kept);
        assert_memory_equal(part, whole, kept);
        assert_int_equal(part[kept + 1], 'x'); /* nothing behind the end */
    }
}

static void without_numbers_there_is_no_text(void **state) {
    seckill_client_stats stats;
    char text[8] = "before";

    (void)state;
    memset(&stats, 0, sizeof(stats));
    assert_int_equal(seckill_metrics_write(&stats, text, sizeof(text)), 0);
    assert_string_equal(text, "");
    assert_int_equal(seckill_metrics_write(NULL, NULL, 0), 0);
}

/* The number behind a sample; a missing one fails. */
static double sample(const char *text, const char *name) {
    char line[128];
    const char *at;

    (void)snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text, line);
    if (at != NULL)
        return strtod(at + strlen(line), NULL);
    fail_msg("there is no %s", name);
    return -1;
}

static void each_number_stands_under_its_name(void **state) {
    seckill_client_stats stats = some_stats(100);
    const char *text = written(&stats);

    (void)state;
    assert_true(sample(text, "seckill_client_operations_total") == (double)stats.operations);
    assert_true(sample(text, "seckill_client_operations_in_progress") == (double)stats.in_progress);
    assert_true(sample(text, "seckill_client_granted_total") == (double)stats.granted);
    assert_true(sample(text, "seckill_client_transferred_units_total") == (double)stats.transferred);
    assert_true(sample(text, "seckill_client_open") == (double)stats.clients);
    assert_true(sample(text, "seckill_client_connected") == 1);
    assert_true(sample(text, "seckill_client_nodes") == (double)stats.nodes);
    assert_non_null(strstr(text, "\n# TYPE seckill_client_granted_total counter\n"));
    assert_non_null(strstr(text, "\n# TYPE seckill_client_connected gauge\n"));
    assert_non_null(strstr(text, "\n# TYPE seckill_client_operation_seconds histogram\n"));
}

static void times_are_written_in_seconds(void **state) {
    seckill_client_stats stats;
    const char *text;

    (void)state;
    memset(&stats, 0, sizeof(stats));
    stats.struct_size = sizeof(stats);
    sk__histogram_count(&stats.confirms, sk__time_ends, 260);
    sk__histogram_count(&stats.confirms, sk__time_ends, 2000000);
    sk__histogram_count(&stats.batch_sizes, sk__size_ends, 512);
    text = written(&stats);
    assert_true(sample(text, "seckill_client_operation_seconds_bucket{kind=\"confirm\",le=\"0.0001\"}") == 0);
    assert_true(sample(text, "seckill_client_operation_seconds_bucket{kind=\"confirm\",le=\"0.00025\"}") == 0);
    assert_true(sample(text, "seckill_client_operation_seconds_bucket{kind=\"confirm\",le=\"0.0005\"}") == 1);
    assert_true(sample(text, "seckill_client_operation_seconds_bucket{kind=\"confirm\",le=\"1\"}") == 1);
    assert_true(sample(text, "seckill_client_operation_seconds_bucket{kind=\"confirm\",le=\"2.5\"}") == 2);
    assert_true(sample(text, "seckill_client_operation_seconds_bucket{kind=\"confirm\",le=\"10\"}") == 2);
    assert_non_null(strstr(text, "\nseckill_client_operation_seconds_sum{kind=\"confirm\"} 2.00026\n"));
    assert_true(sample(text, "seckill_client_batch_operations_bucket{le=\"256\"}") == 0);
    assert_true(sample(text, "seckill_client_batch_operations_bucket{le=\"512\"}") == 1);
    assert_true(sample(text, "seckill_client_batch_operations_sum") == 512);
}

/* Of every histogram: the buckets rise, and the last one is the count. */
static void histograms_are_cumulative(void **state) {
    static const size_t places[] = {offsetof(seckill_client_stats, reserves), offsetof(seckill_client_stats, polls),
                                    offsetof(seckill_client_stats, scripts), offsetof(seckill_client_stats, batch_sizes)};
    seckill_client_stats stats;
    uint32_t random = 12345;
    double before = 0, total = 0;
    int histograms = 0;

    (void)state;
    memset(&stats, 0, sizeof(stats));
    stats.struct_size = sizeof(stats);
    for (int i = 0; i < 4000; i++) {
        random = random * 1664525 + 1013904223;
        sk__histogram_count((seckill_histogram *)(void *)((char *)&stats + places[i % 4]),
                            i % 4 == 3 ? sk__size_ends : sk__time_ends, random >> (random % 32));
    }
    for (const char *line = written(&stats); *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t size = strcspn(line, "{ "), length = strcspn(line, "\n");
        double value = strtod(line + size + strcspn(line + size, " "), NULL);
        const char *infinity = strstr(line, "le=\"+Inf\"");

        if (size > 7 && strncmp(line + size - 7, "_bucket", 7) == 0) {
            assert_true(value >= before);
            before = infinity != NULL && infinity < line + length ? 0 : value;
            total = before == 0 ? value : total;
        } else if (size > 6 && strncmp(line + size - 6, "_count", 6) == 0) {
            assert_true(value == total);
            histograms++;
        }
    }
    assert_int_equal(histograms, 10);
    assert_true(sample(written(&stats), "seckill_client_script_seconds_count") == 1000);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_in_the_first_bucket_that_it_does_not_pass),
        cmocka_unit_test(the_sizes_reach_to_the_largest_batch),
        cmocka_unit_test(all_numbers_are_added),
        cmocka_unit_test(what_has_no_room_is_left_out),
        cmocka_unit_test(the_text_is_cut_where_the_buffer_ends),
        cmocka_unit_test(without_numbers_there_is_no_text),
        cmocka_unit_test(each_number_stands_under_its_name),
        cmocka_unit_test(times_are_written_in_seconds),
        cmocka_unit_test(histograms_are_cumulative),
    };

    if (argc == 2 && strcmp(argv[1], "--print") == 0) { /* for a parser of Prometheus' own */
        seckill_client_stats stats = some_stats(1);

        return fputs(written(&stats), stdout) < 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
