/* How fast what failed may be sent again: the budget of a client, and backoff.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine/retry.h"

#include "test_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BEGAN = 1000000 };

static sk__budget budget_of(uint32_t per_second) {
    sk__budget budget = {per_second, 0};

    return budget;
}

/* After a quiet second as many as a second has may go at once; the next ones go at the pace of the budget. */
static void a_burst_and_then_the_pace(void **state) {
    sk__budget budget = budget_of(100);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(sk__budget_take(&budget, BEGAN), BEGAN);
    for (int i = 1; i <= 500; i++)
        assert_int_equal(sk__budget_take(&budget, BEGAN), BEGAN + 10 * i);
}

static void it_refills_with_time_and_holds_no_more_than_a_second(void **state) {
    sk__budget budget = budget_of(10);

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(sk__budget_take(&budget, BEGAN), BEGAN);
    assert_int_equal(sk__budget_take(&budget, BEGAN + 100), BEGAN + 100);
    assert_int_equal(sk__budget_take(&budget, BEGAN + 100), BEGAN + 200);
    for (int i = 0; i < 10; i++) /* an hour later there are ten, not 36,000 */
        assert_int_equal(sk__budget_take(&budget, BEGAN + 3600000), BEGAN + 3600000);
    assert_int_equal(sk__budget_take(&budget, BEGAN + 3600000), BEGAN + 3600100);
}

/* What it says is never in the past, never earlier than what it said before, and no window of time gets more than it may. */
static void no_second_has_more_than_twice_the_budget(void **state) {
    enum { TAKEN = 5000 };
    static int64_t at[TAKEN];
    uint64_t random = test_run_seed();

    (void)state;
    for (int run = 0; run < 50; run++) {
        sk__budget budget = budget_of(1 + test_run_below(&random, 2000));
        int64_t now = test_run_below(&random, 2) ? 0 : BEGAN;

        for (int i = 0; i < TAKEN; i++) {
            now += test_run_below(&random, 50) == 0 ? test_run_below(&random, 1500) : 0;
            at[i] = sk__budget_take(&budget, now);
            assert_true(at[i] >= now);
            assert_true(i == 0 || at[i] >= at[i - 1] || at[i] == now);
            /* A burst of a full budget, and what came in since; a millisecond for rounding. */
            if (i >= 2 * (int)budget.per_second + 1)
                assert_true(at[i] - at[i - 2 * (int)budget.per_second - 1] >= 999);
        }
    }
}

static void one_in_a_second_is_possible(void **state) {
    sk__budget budget = budget_of(1);

    (void)state;
    assert_int_equal(sk__budget_take(&budget, BEGAN), BEGAN);
    assert_int_equal(sk__budget_take(&budget, BEGAN), BEGAN + 1000);
    assert_int_equal(sk__budget_take(&budget, BEGAN + 5000), BEGAN + 5000);
}

/* The clock's zero is nothing special: a client may be as young as its machine. */
static void the_first_second_of_the_clock(void **state) {
    sk__budget budget = budget_of(5);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_in_range(sk__budget_take(&budget, 0), 0, 1000);
    assert_in_range(sk__budget_take(&budget, 0), 1, 2000);
}

static void backoff_stays_within_its_bounds(void **state) {
    uint64_t random = test_run_seed();

    (void)state;
    for (uint32_t attempts = 1; attempts < 100; attempts++) {
        sk__budget budget = budget_of(1000000);
        int64_t least = INT64_MAX, most = 0;

        for (int i = 0; i < 300; i++) {
            int64_t ms = sk__retry_at(&budget, BEGAN, attempts, test_run_below(&random, UINT32_MAX)) - BEGAN;

            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        assert_in_range(least, 1, 500);
        assert_in_range(most, 5, 500);
        if (attempts == 1)
            assert_true(most <= 20);
        if (attempts > 10)
            assert_true(most > 250);
        assert_true(least < most); /* not all at once */
    }
}

/* Whatever the backoff says, the budget has the last word. */
static void a_spent_budget_holds_up_a_retry(void **state) {
    sk__budget budget = budget_of(1);

    (void)state;
    for (int i = 0; i < 20; i++)
        (void)sk__budget_take(&budget, BEGAN);
    assert_true(sk__retry_at(&budget, BEGAN, 1, 0) >= BEGAN + 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_and_then_the_pace),
        cmocka_unit_test(it_refills_with_time_and_holds_no_more_than_a_second),
        cmocka_unit_test(no_second_has_more_than_twice_the_budget),
        cmocka_unit_test(one_in_a_second_is_possible),
        cmocka_unit_test(the_first_second_of_the_clock),
        cmocka_unit_test(backoff_stays_within_its_bounds),
        cmocka_unit_test(a_spent_budget_holds_up_a_retry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
