/* Acknowledging many deliveries of an AMQP channel: each exactly once, whatever the order, and by the rules of the broker.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test_run.h"
#include "unsettled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TAGS = 5000 };

/* What a broker keeps, and what the consumer knows. */
typedef struct {
    bool in_broker[TAGS + 1], in_hand[TAGS + 1];
    uint64_t last;
    uint64_t words; /* acknowledgements that were sent */
} channel;

/* As RabbitMQ does it: a tag that is not there is an error, "all up to it" takes all that are there. */
static void acknowledge(channel *one, uint64_t tag, bool multiple) {
    assert_true(tag >= 1 && tag <= one->last && one->in_broker[tag]);
    for (uint64_t at = multiple ? 1 : tag; at <= tag; at++) {
        assert_false(one->in_hand[at]); /* nothing that is not decided */
        one->in_broker[at] = false;
    }
    one->words++;
}

static void deliver(channel *one, unsettled *all) {
    uint64_t tag = unsettled_add(all);
    assert_int_equal(tag, ++one->last);
    one->in_broker[tag] = one->in_hand[tag] = true;
}

static void flush(channel *one, unsettled *all) {
    uint64_t tag;
    bool multiple;
    while (unsettled_next(all, &tag, &multiple))
        acknowledge(one, tag, multiple);
    for (uint64_t at = 1; at <= one->last; at++)
        assert_int_equal(one->in_broker[at], one->in_hand[at]);
}

static void one_word_says_it_of_many(void **state) {
    static channel one;
    unsettled all = {0};
    for (int i = 0; i < 2000; i++)
        deliver(&one, &all);
    for (uint64_t tag = 1; tag <= 2000; tag++) {
        one.in_hand[tag] = false;
        unsettled_ready(&all, tag);
    }
    flush(&one, &all);
    assert_int_equal(one.words, 1);
    unsettled_free(&all);
    (void)state;
}

/* The first one stays in hand. */
static void what_is_in_hand_stays(void **state) {
    static channel one;
    unsettled all = {0};
    for (int i = 0; i < 100; i++)
        deliver(&one, &all);
    for (uint64_t tag = 2; tag <= 100; tag++) {
        one.in_hand[tag] = false;
        unsettled_ready(&all, tag);
    }
    flush(&one, &all);
    assert_true(one.in_broker[1]);
    one.in_hand[1] = false;
    unsettled_ready(&all, 1);
    flush(&one, &all);
    assert_false(one.in_broker[1]);
    unsettled_free(&all);
    (void)state;
}

static void in_any_order(void **state) {
    uint64_t chance = test_run_seed();
    static channel one;
    unsettled all = {0};
    uint64_t settled = 0;
    while (settled < TAGS) {
        if (one.last < TAGS && test_run_below(&chance, 3) != 0)
            deliver(&one, &all);
        if (one.last == 0)
            continue;
        uint64_t from = one.last > 50 ? one.last - 50 : 0,
                 tag = from + 1 + test_run_below(&chance, (uint32_t)(one.last - from));
        if (one.last == TAGS)
            tag = 1 + test_run_below(&chance, TAGS);
        if (one.in_hand[tag]) {
            one.in_hand[tag] = false;
            settled++;
            if (test_run_below(&chance, 4) == 0) { /* rejected */
                one.in_broker[tag] = false;
                unsettled_gone(&all, tag);
            } else {
                unsettled_ready(&all, tag);
            }
        }
        if (test_run_below(&chance, 20) == 0)
            flush(&one, &all);
    }
    flush(&one, &all);
    assert_true(all.first == TAGS + 1 && all.room < TAGS * 2);
    unsettled_clear(&all);
    assert_int_equal(unsettled_add(&all), 1);
    unsettled_free(&all);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_word_says_it_of_many),
        cmocka_unit_test(what_is_in_hand_stays),
        cmocka_unit_test(in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
