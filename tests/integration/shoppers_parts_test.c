/* The parts of seckill-shoppers that count and wait.
 *
 * SPDX-License-Identifier: MIT
 */
#include "../../bench/shoppers/histogram.h"
#include "../../bench/shoppers/waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

static histogram h;

static void counts_small_values_exactly(void **state) {
    (void)state;
    assert_int_equal(histogram_at(&h, 0.5), 0);
    for (uint64_t i = 1; i <= 100; i++) {
        histogram_add(&h, i);
    }
    assert_int_equal(histogram_at(&h, 0), 1);
    assert_int_equal(histogram_at(&h, 0.5), 50);
    assert_int_equal(histogram_at(&h, 0.99), 99);
    assert_int_equal(histogram_at(&h, 1), 100);
}

/* Every value comes back at most 1/64 too high, up to the largest. */
static void is_precise_everywhere(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 63; bit++) {
        for (uint64_t offset = 0; offset < 3; offset++) {
            uint64_t value = (UINT64_C(1) << bit) - 1 + offset;
            h = (histogram){0};
            histogram_add(&h, value);
            histogram_add(&h, UINT64_MAX / 2);
            uint64_t got = histogram_at(&h, 0.5);
            assert_true(got >= value && got - value <= value / 64);
        }
    }
    assert_int_equal(h.max, UINT64_MAX / 2);
    assert_int_equal(histogram_at(&h, 1), UINT64_MAX / 2);
}

static void wakes_in_order(void **state) {
    (void)state;
    enum { COUNT = 2000 };
    wait_heap waits = {0};
    uint32_t who, taken = 0;
    uint64_t random = 1, last = 0;
    assert_int_equal(waits_next(&waits), UINT64_MAX);
    for (uint32_t i = 0; i < COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        assert_true(waits_add(&waits, random >> 50, i));
    }
    for (uint64_t now = 0; now < UINT64_C(1) << 14; now += 7) {
        while (waits_take(&waits, now, &who)) {
            taken++;
        }
        assert_true(waits_next(&waits) > now && waits_next(&waits) >= last);
        last = waits_next(&waits);
    }
    while (waits_take(&waits, UINT64_MAX - 1, &who)) {
        taken++;
    }
    assert_int_equal(taken, COUNT);
    waits_free(&waits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_small_values_exactly),
        cmocka_unit_test(is_precise_everywhere),
        cmocka_unit_test(wakes_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
