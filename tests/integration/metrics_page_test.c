/* How the example programs write their own metrics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_buckets(const prometheus_ends ends) {
    prometheus_times times = {.sum_us = 0};
    uint64_t sum = 0;
    for (size_t i = 0; i < PROMETHEUS_BUCKETS - 1; i++) {
        assert_true(i == 0 || ends[i] > ends[i - 1]);
        assert_int_equal(prometheus_bucket(ends, ends[i]), i);
        assert_int_equal(prometheus_bucket(ends, (uint64_t)ends[i] + 1), i + 1);
        prometheus_count(&times, ends, ends[i]);
        assert_int_equal(times.buckets[i], 1);
        sum += ends[i];
    }
    assert_int_equal(times.sum_us, sum);
    assert_int_equal(prometheus_bucket(ends, 0), 0);
    assert_int_equal(prometheus_bucket(ends, UINT64_MAX), PROMETHEUS_BUCKETS - 1);
}

static void test_buckets(void **state) {
    (void)state;
    check_buckets(prometheus_quick);
    check_buckets(prometheus_slow);
}

static char *written(const char *labels, const prometheus_times *times) {
    char *text = NULL;
    size_t size = 0;
    FILE *page = open_memstream(&text, &size);
    assert_non_null(page);
    prometheus_write_times(page, "m", labels, prometheus_quick, times);
    assert_int_equal(fclose(page), 0);
    return text;
}

static void test_times(void **state) {
    prometheus_times times = {.sum_us = 0};
    (void)state;
    prometheus_count(&times, prometheus_quick, 251);
    prometheus_count(&times, prometheus_quick, 1000000);
    prometheus_count(&times, prometheus_quick, 11000000);
    char *text = written("a=\"b\"", &times);
    assert_int_equal(strncmp(text, "m_bucket{a=\"b\",le=\"0.00025\"} 0\nm_bucket{a=\"b\",le=\"0.0005\"} 1\n", 60), 0);
    assert_non_null(
        strstr(text, "\nm_bucket{a=\"b\",le=\"0.5\"} 1\nm_bucket{a=\"b\",le=\"1\"} 2\nm_bucket{a=\"b\",le=\"2.5\"} 2\n"));
    assert_non_null(strstr(text, "\nm_bucket{a=\"b\",le=\"10\"} 2\nm_bucket{a=\"b\",le=\"+Inf\"} 3\n"
                                 "m_sum{a=\"b\"} 12.000251\nm_count{a=\"b\"} 3\n"));
    free(text);
    text = written("", &times);
    assert_non_null(strstr(text, "m_bucket{le=\"+Inf\"} 3\nm_sum 12.000251\nm_count 3\n"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_buckets), cmocka_unit_test(test_times)};
    return cmocka_run_group_tests_name("metrics_page", tests, NULL, NULL);
}
