/* How fast a queue moves, by what replies say.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A queue in which others wait. */
static void note_waiting(sk__pace *pace, uint64_t decided, int64_t now_ms) {
    sk__pace_note(pace, decided, decided + 1, now_ms);
}

static void nothing_is_known_at_first(void **state) {
    sk__pace pace = {0, 0, false, 0};

    (void)state;
    assert_int_equal(sk__pace_wait_ms(&pace, 10), 0);
    note_waiting(&pace, 100, 5000);
    assert_int_equal(sk__pace_wait_ms(&pace, 10), 0);
    note_waiting(&pace, 150, 5100); /* too soon to tell */
    assert_int_equal(sk__pace_wait_ms(&pace, 10), 0);
}

static void the_wait_follows_from_what_was_decided(void **state) {
    sk__pace pace = {0, 0, false, 0};

    (void)state;
    note_waiting(&pace, 100, 5000);
    note_waiting(&pace, 300, 5200); /* 1,000 a second */
    assert_int_equal(sk__pace_wait_ms(&pace, 10), 10);
    assert_int_equal(sk__pace_wait_ms(&pace, 3000), 3000);
    assert_int_equal(sk__pace_wait_ms(&pace, 0), 0);
    note_waiting(&pace, 900, 5400); /* 3,000 a second: half-way there */
    assert_int_equal(sk__pace_wait_ms(&pace, 2000), 1000);
    note_waiting(&pace, 950, 5500); /* measured over 200 ms and more only */
    assert_int_equal(sk__pace_wait_ms(&pace, 2000), 1000);
}

static void a_queue_that_stands_still_has_no_end(void **state) {
    sk__pace pace = {0, 0, false, 0};

    (void)state;
    note_waiting(&pace, 0, 1000);
    note_waiting(&pace, 1000, 2000);
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 1000);
    note_waiting(&pace, 1000, 2200);
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 2000);
    for (int64_t i = 0; i < 10; i++)
        note_waiting(&pace, 1000, 3000 + 200 * i);
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 0);
    note_waiting(&pace, 3000, 5800); /* and goes on: no mean with the standing */
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 500);
}

/* What passes while nothing waits is no sign of slowness. */
static void an_empty_queue_is_not_slow(void **state) {
    sk__pace pace = {0, 0, false, 0};

    (void)state;
    note_waiting(&pace, 0, 1000);
    note_waiting(&pace, 1000, 2000);
    sk__pace_note(&pace, 1001, 1001, 4000); /* empty now: at least so fast */
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 1000);
    sk__pace_note(&pace, 1001, 1002, 8000); /* someone came: until now it was empty */
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 1000);
    sk__pace_note(&pace, 1001, 1002, 9000); /* and waits: it stands still */
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 2000);
    sk__pace_note(&pace, 3001, 3001, 10000); /* empty again: at least 2,000 a second */
    assert_int_equal(sk__pace_wait_ms(&pace, 1000), 500);
    sk__pace_note(&pace, 9001, 9001, 11000); /* from empty to empty it was faster than that */
    assert_int_equal(sk__pace_wait_ms(&pace, 6000), 1000);
}

static void a_queue_or_a_clock_that_went_back_is_measured_anew(void **state) {
    sk__pace pace = {0, 0, false, 0};

    (void)state;
    note_waiting(&pace, 1000, 1000);
    note_waiting(&pace, 2000, 2000);
    note_waiting(&pace, 1500, 3000);
    assert_int_equal(sk__pace_wait_ms(&pace, 1), 0);
    note_waiting(&pace, 1600, 4000);
    assert_int_equal(sk__pace_wait_ms(&pace, 100), 1000);
    note_waiting(&pace, 1700, 3000);
    assert_int_equal(sk__pace_wait_ms(&pace, 100), 0);
}

static void large_numbers_do_not_wrap(void **state) {
    sk__pace pace = {0, 0, false, 0};

    (void)state;
    note_waiting(&pace, 0, 1);
    note_waiting(&pace, 1, 1001);
    assert_int_equal(sk__pace_wait_ms(&pace, UINT64_MAX), UINT32_MAX);
    assert_int_equal(sk__pace_wait_ms(&pace, UINT64_C(1) << 53), UINT32_MAX);
    note_waiting(&pace, UINT64_C(1) << 53, 2001);
    assert_int_equal(sk__pace_wait_ms(&pace, 1), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(the_wait_follows_from_what_was_decided),
        cmocka_unit_test(a_queue_that_stands_still_has_no_end),
        cmocka_unit_test(an_empty_queue_is_not_slow),
        cmocka_unit_test(a_queue_or_a_clock_that_went_back_is_measured_anew),
        cmocka_unit_test(large_numbers_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
