/* How long a broker's queues are, as a front knows it: between two readings, how fast, for how long, and for how many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "depths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void a_queue(void **state) {
    depths *all = depths_new(4);
    depth *one = depths_of(all, "a", "i", 1000);
    assert_non_null(one);
    assert_int_equal(depths_waiting(one), 0);
    assert_int_equal(depths_wait_ms(one), 0);
    assert_ptr_equal(depths_due(all, 1000), one); /* never read */
    depths_read(one, 100, 1000);
    assert_int_equal(depths_waiting(one), 100);
    assert_null(depths_due(all, 1000 + DEPTHS_READ_MS - 1));
    assert_ptr_equal(depths_due(all, 1000 + DEPTHS_READ_MS), one);
    one->sent += 10;
    one->under_way += 5;
    assert_int_equal(depths_waiting(one), 115);
    depths_read(one, 60, 1200); /* 50 of 110 are gone in 200 ms; what is under way may be in it or not */
    assert_int_equal(depths_waiting(one), 65);
    assert_int_equal(one->per_second, 250);
    assert_int_equal(depths_wait_ms(one), 65 * 1000 / 250);
    depths_read(one, 200, 1400); /* other fronts' requests: it only seems slower */
    assert_int_equal(one->per_second, 125);
    depths_read(one, 100, 9000); /* too long ago to say anything */
    assert_int_equal(one->per_second, 0);
    assert_int_equal(depths_wait_ms(one), 0);
    depths_free(all);
    (void)state;
}

static void only_while_somebody_asks(void **state) {
    depths *all = depths_new(4);
    depth *one = depths_of(all, "a", "i", 1000);
    depths_read(one, 1, 1000);
    assert_ptr_equal(depths_due(all, 1000 + DEPTHS_INTEREST_MS - 1), one);
    assert_null(depths_due(all, 1000 + DEPTHS_INTEREST_MS));
    assert_ptr_equal(depths_find(all, "a", "i"), one); /* which is no asking */
    assert_null(depths_due(all, 1000 + DEPTHS_INTEREST_MS));
    depths_free(all);
    (void)state;
}

static void the_one_read_longest_ago_is_due_first(void **state) {
    depths *all = depths_new(4);
    depths_read(depths_of(all, "a", "1", 1000), 1, 1000);
    depths_read(depths_of(all, "a", "2", 1000), 1, 900);
    assert_string_equal(depths_due(all, 1300)->key, "a/2");
    depths_free(all);
    (void)state;
}

static void the_oldest_makes_room(void **state) {
    char item[16];
    depths *all = depths_new(3);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(item, sizeof item, "%d", i);
        depths_of(all, "a", item, (uint64_t)(1000 + i))->ready = 7;
    }
    depths_of(all, "a", "0", 2000);
    assert_non_null(depths_of(all, "a", "3", 2001));
    assert_null(depths_find(all, "a", "1"));
    assert_non_null(depths_find(all, "a", "0"));
    assert_int_equal(depths_of(all, "a", "1", 2002)->ready, 0);
    depths_free(all);
    (void)state;
}

static void long_names_are_none(void **state) {
    char name[2 * SECKILL_ID_MAX + 8];
    depths *all = depths_new(1);
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_null(depths_of(all, name, "i", 1));
    assert_null(depths_find(all, name, "i"));
    depths_free(all);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue),
        cmocka_unit_test(only_while_somebody_asks),
        cmocka_unit_test(the_one_read_longest_ago_is_due_first),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(long_names_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
