/* The intrusive list.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct {
    int before;
    sk__link link;
    int number;
} thing;

static thing things[10];
static sk__link head;

static int setup(void **state) {
    (void)state;
    sk__list_init(&head);
    for (int i = 0; i < 10; i++) {
        sk__list_init(&things[i].link);
        things[i].number = i;
    }
    return 0;
}

/* Forwards and backwards; `expected` ends with -1. */
static void assert_list(const sk__link *list, const int *expected) {
    const sk__link *link = list->next;
    size_t count = 0;

    for (; expected[count] != -1; count++, link = link->next) {
        assert_ptr_not_equal(link, list);
        assert_int_equal(SK__CONTAINER(link, const thing, link)->number, expected[count]);
    }
    assert_ptr_equal(link, list);
    for (link = list->previous; count > 0; link = link->previous)
        assert_int_equal(SK__CONTAINER(link, const thing, link)->number, expected[--count]);
    assert_ptr_equal(link, list);
}

#define assert_numbers(list, ...) assert_list(list, (const int[]){__VA_ARGS__})

static void a_new_list_is_empty(void **state) {
    (void)state;
    assert_true(sk__list_is_empty(&head));
    assert_numbers(&head, -1);
}

static void links_go_to_either_end_and_between(void **state) {
    (void)state;
    sk__list_append(&head, &things[1].link);
    sk__list_append(&head, &things[2].link);
    sk__list_prepend(&head, &things[0].link);
    sk__list_insert_before(&things[2].link, &things[5].link);
    assert_false(sk__list_is_empty(&head));
    assert_numbers(&head, 0, 1, 5, 2, -1);
}

static void removing_works_anywhere_and_twice(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++)
        sk__list_append(&head, &things[i].link);
    sk__list_remove(&things[2].link);
    sk__list_remove(&things[2].link);
    sk__list_remove(&things[9].link);
    assert_true(sk__list_is_empty(&things[2].link));
    assert_numbers(&head, 0, 1, 3, 4, -1);
    sk__list_remove(&things[0].link);
    sk__list_remove(&things[4].link);
    assert_numbers(&head, 1, 3, -1);
    sk__list_append(&head, &things[0].link);
    assert_numbers(&head, 1, 3, 0, -1);
    sk__list_remove(&things[1].link);
    sk__list_remove(&things[3].link);
    sk__list_remove(&things[0].link);
    assert_numbers(&head, -1);
}

static void moving_takes_everything_in_order(void **state) {
    sk__link other;

    (void)state;
    for (int i = 0; i < 3; i++)
        sk__list_append(&head, &things[i].link);
    sk__list_move(&head, &other);
    assert_numbers(&head, -1);
    assert_numbers(&other, 0, 1, 2, -1);
    /* While one is walked, the other may grow. */
    sk__list_append(&head, &things[7].link);
    sk__list_remove(&things[1].link);
    assert_numbers(&head, 7, -1);
    assert_numbers(&other, 0, 2, -1);
}

static void moving_nothing_gives_an_empty_list(void **state) {
    sk__link other = {NULL, NULL};

    (void)state;
    sk__list_move(&head, &other);
    assert_numbers(&head, -1);
    assert_numbers(&other, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_list_is_empty, setup),
        cmocka_unit_test_setup(links_go_to_either_end_and_between, setup),
        cmocka_unit_test_setup(removing_works_anywhere_and_twice, setup),
        cmocka_unit_test_setup(moving_takes_everything_in_order, setup),
        cmocka_unit_test_setup(moving_nothing_gives_an_empty_list, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
