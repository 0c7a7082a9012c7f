/* seckill-front: how long it tells clients to wait, and whom it turns away. Pure functions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admission.h"
#include "waits.h"

#include "test_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MIN_MS = 500, MAX_MS = 3000 };

/* ---- waits */

static void test_waits_stay_within_their_bounds(void **state) {
    (void)state;
    uint64_t random = test_run_seed();
    for (int i = 0; i < 100000; i++) {
        uint32_t wait = test_run_below(&random, 2) ? test_run_below(&random, 5000) : waits_random(&random);
        uint32_t min = 1 + test_run_below(&random, 4000), max = min + test_run_below(&random, 4000);
        uint32_t told = waits_spread(wait, min, max, waits_random(&random));
        assert_in_range(told, min, max);
        if (wait >= min && wait <= max)
            assert_in_range(told, wait - wait / 4, wait + wait / 4);
    }
}

static void test_waits_follow_the_queue(void **state) {
    (void)state;
    for (uint32_t random = 0; random < 10000; random++) {
        assert_in_range(waits_spread(0, MIN_MS, MAX_MS, random), MAX_MS - MAX_MS / 4, MAX_MS); /* nobody knows */
        assert_in_range(waits_spread(1, MIN_MS, MAX_MS, random), MIN_MS, MIN_MS + MIN_MS / 4);
        assert_in_range(waits_spread(1200, MIN_MS, MAX_MS, random), 900, 1500);
        assert_in_range(waits_spread(UINT32_MAX, MIN_MS, MAX_MS, random), MAX_MS - MAX_MS / 4, MAX_MS);
    }
    assert_int_equal(waits_spread(7, MIN_MS, MIN_MS, 12345), MIN_MS);
    assert_int_equal(waits_spread(0, UINT32_MAX, UINT32_MAX, UINT32_MAX), UINT32_MAX);
}

/* A crowd that came together does not poll together: in no tenth of the time is more than a fifth of it. */
static void test_waits_spread_a_crowd(void **state) {
    (void)state;
    enum { CROWD = 10000, SLOTS = 10 };
    static const uint32_t waits[] = {0, 1, 500, 1000, 3000, 60000};
    uint64_t random = test_run_seed();
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        uint32_t told[CROWD], low = UINT32_MAX, high = 0, slots[SLOTS] = {0};
        for (int k = 0; k < CROWD; k++) {
            told[k] = waits_spread(waits[i], MIN_MS, MAX_MS, waits_random(&random));
            low = told[k] < low ? told[k] : low;
            high = told[k] > high ? told[k] : high;
        }
        assert_true(high - low >= 100);
        for (int k = 0; k < CROWD; k++)
            slots[(told[k] - low) * SLOTS / (high - low + 1)]++;
        for (int k = 0; k < SLOTS; k++)
            assert_in_range(slots[k], 1, CROWD / 5);
    }
}

/* ---- admission */

static const admission_rules rules = {10, 2};

static void reading(admission *one, uint64_t at_ms, int64_t queued, int64_t available, int64_t reserved) {
    seckill_stock total = {.queued = queued, .available = available, .reserved = reserved};
    admission_begin(one, at_ms);
    admission_read(one, &total);
}

/* How many are admitted, at most `most`, before one is turned away. */
static int admit(admission *one, int most) {
    uint32_t wait_ms;
    int count = 0;
    while (count < most && admission_admit(one, &rules, &wait_ms))
        count++;
    return count;
}

static void test_admission_counts_all_that_may_come_back(void **state) {
    (void)state;
    static const struct {
        seckill_stock total;
        int admitted;
    } rows[] = {
        {{.available = 0}, 10}, /* never closed for good: what is refunded meets somebody */
        {{.available = 100}, 200},
        {{.reserved = 100}, 200},
        {{.available = 30, .reserved = 20, .sold = 1000}, 100},
        {{.available = 30, .queued = 55}, 5},
        {{.available = 30, .queued = 60}, 0},
        {{.queued = 9}, 1},
        {{.queued = 1000}, 0},
        {{.transferred_out = 50, .transferred_in = 20}, 60}, /* 30 are on their way */
        {{.available = 10, .transferred_out = 20, .transferred_in = 50}, 20},
        {{.available = SECKILL_AMOUNT_MAX, .queued = 5000}, 1000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        admission one = {0};
        admission_begin(&one, 1000);
        admission_read(&one, &rows[i].total);
        assert_int_equal(admit(&one, 1000), rows[i].admitted);
    }
}

static void test_admission_without_multiple(void **state) {
    (void)state;
    static const admission_rules alone = {3, 0}, huge = {1, UINT32_MAX};
    uint32_t wait_ms;
    admission one = {0};
    reading(&one, 1000, 2, 1000, 0);
    assert_true(admission_admit(&one, &alone, &wait_ms));
    assert_false(admission_admit(&one, &alone, &wait_ms));
    reading(&one, 1200, 1 << 30, SECKILL_AMOUNT_MAX, SECKILL_AMOUNT_MAX);
    assert_true(admission_admit(&one, &huge, &wait_ms));
}

/* A stampede between two readings does not pass the bound, whichever way its requests are answered. */
static void test_admission_counts_its_own(void **state) {
    (void)state;
    admission one = {0};
    reading(&one, 1000, 0, 50, 0);
    assert_int_equal(admit(&one, 1000), 100);
    for (int i = 0; i < 60; i++)
        admission_answered(&one, true);
    assert_int_equal(admit(&one, 1000), 0);
    for (int i = 0; i < 40; i++)
        admission_answered(&one, false); /* refused, or decided before: they take no place */
    assert_int_equal(admit(&one, 1000), 40);

    /* What is enqueued while a reading is under way may not be in it. */
    for (int i = 0; i < 20; i++)
        admission_answered(&one, true);
    seckill_stock total = {.queued = 80, .available = 50};
    admission_begin(&one, 1100);
    for (int i = 0; i < 15; i++)
        admission_answered(&one, true);
    admission_read(&one, &total);
    assert_int_equal(admit(&one, 1000), 0); /* 80, 15 that came, 5 under way */
    reading(&one, 1200, 90, 50, 0);
    assert_int_equal(admit(&one, 1000), 5);

    /* An item that was forgotten in between has nothing under way. */
    admission fresh = {0};
    admission_answered(&fresh, false);
    assert_int_equal(fresh.sent, 0);
}

static uint32_t wait_of(admission *one) {
    uint32_t wait_ms = UINT32_MAX;
    assert_false(admission_admit(one, &rules, &wait_ms));
    return wait_ms;
}

static void test_admission_knows_the_speed(void **state) {
    (void)state;
    admission one = {0};
    reading(&one, 1000, 1000, 0, 0);
    assert_int_equal(wait_of(&one), 0); /* one reading says nothing */
    reading(&one, 1200, 900, 0, 0);     /* 500 a second */
    assert_int_equal(wait_of(&one), (900 - 10 + 1) * 1000 / 500);
    assert_int_equal(wait_of(&one), (900 - 10 + 2) * 1000 / 500); /* behind the one before */
    reading(&one, 1400, 900, 0, 0);                               /* stands still: half of what it was, and again */
    assert_int_equal(wait_of(&one), (900 - 10 + 1) * 1000 / 250);
    for (int i = 0; i < 20; i++)
        reading(&one, 1600 + 200 * (uint64_t)i, 900, 0, 0);
    assert_int_equal(wait_of(&one), 0);
    reading(&one, 1000000, 800, 0, 0); /* too far apart */
    assert_int_equal(wait_of(&one), 0);

    /* What the loop enqueued itself does not hide how much was decided. */
    admission busy = {0};
    reading(&busy, 1000, 0, 500, 0);
    assert_int_equal(admit(&busy, 100), 100);
    for (int i = 0; i < 100; i++)
        admission_answered(&busy, true);
    reading(&busy, 2000, 40, 0, 0);
    assert_int_equal(wait_of(&busy), (40 - 10 + 1) * 1000 / 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_stay_within_their_bounds), cmocka_unit_test(test_waits_follow_the_queue),
        cmocka_unit_test(test_waits_spread_a_crowd),           cmocka_unit_test(test_admission_counts_all_that_may_come_back),
        cmocka_unit_test(test_admission_without_multiple),     cmocka_unit_test(test_admission_counts_its_own),
        cmocka_unit_test(test_admission_knows_the_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
