/* Settings of an item: defaults, and the ends of every range.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/map_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint32_t week = 604800000;

static void zeros_become_defaults(void **state) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    (void)state;
    assert_true(sk__settings_complete(&settings));
    assert_int_equal(settings.shards, 0); /* "as defined": the definition decides */
    assert_int_equal(settings.limit, 1);
    assert_int_equal(settings.price, 0);
    assert_int_equal(settings.hold_ms, 300000);
    assert_int_equal(settings.grace_ms, 0);
    assert_int_equal(settings.window_ms, 60000);
    assert_int_equal(settings.remember_ms, 120000);
    assert_int_equal(settings.max_skew_ms, 0);
    assert_int_equal(settings.max_events, 1000000);
    assert_int_equal(settings.max_queue, 1000000);
}

static void memory_is_a_minute_longer_than_the_window(void **state) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    (void)state;
    settings.window_ms = 5;
    assert_true(sk__settings_complete(&settings));
    assert_int_equal(settings.remember_ms, 60005);
    settings.window_ms = week;
    settings.remember_ms = 0;
    assert_true(sk__settings_complete(&settings));
    assert_int_equal(settings.remember_ms, week + 60000);
}

#define ACCEPTS(change)                                                                                                        \
    do {                                                                                                                       \
        seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;                                                           \
        change;                                                                                                                \
        assert_true(sk__settings_complete(&settings));                                                                         \
    } while (0)
#define REFUSES(change)                                                                                                        \
    do {                                                                                                                       \
        seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;                                                           \
        change;                                                                                                                \
        assert_false(sk__settings_complete(&settings));                                                                        \
    } while (0)

static void amounts_have_their_ranges(void **state) {
    (void)state;
    ACCEPTS(settings.shards = SECKILL_SHARDS_MAX);
    REFUSES(settings.shards = SECKILL_SHARDS_MAX + 1);
    REFUSES(settings.shards = UINT32_MAX);
    ACCEPTS(settings.limit = 1000000);
    REFUSES(settings.limit = 1000001);
    ACCEPTS(settings.price = SECKILL_AMOUNT_MAX);
    REFUSES(settings.price = SECKILL_AMOUNT_MAX + 1);
    REFUSES(settings.price = -1);
    REFUSES(settings.price = INT64_MIN);
    ACCEPTS(settings.max_events = 1);
    ACCEPTS(settings.max_events = 16777216);
    REFUSES(settings.max_events = 16777217);
    ACCEPTS(settings.max_queue = 1);
    ACCEPTS(settings.max_queue = 16777216);
    REFUSES(settings.max_queue = 16777217);
}

static void durations_have_their_ranges(void **state) {
    (void)state;
    ACCEPTS(settings.hold_ms = 1);
    ACCEPTS(settings.hold_ms = week);
    REFUSES(settings.hold_ms = week + 1);
    ACCEPTS(settings.grace_ms = week);
    REFUSES(settings.grace_ms = week + 1);
    ACCEPTS(settings.window_ms = 1);
    ACCEPTS(settings.window_ms = week);
    REFUSES(settings.window_ms = week + 1);
    REFUSES(settings.window_ms = UINT32_MAX);
    ACCEPTS(settings.max_skew_ms = 3600000);
    REFUSES(settings.max_skew_ms = 3600001);
}

static void ids_are_remembered_for_longer_than_the_window(void **state) {
    (void)state;
    ACCEPTS(settings.window_ms = 1000; settings.remember_ms = 1001);
    REFUSES(settings.window_ms = 1000; settings.remember_ms = 1000);
    REFUSES(settings.remember_ms = 1);
    ACCEPTS(settings.remember_ms = 2); /* the window's default is half of it */
    ACCEPTS(settings.remember_ms = 60000);
    ACCEPTS(settings.remember_ms = 60001);
    ACCEPTS(settings.remember_ms = 2 * week);
    REFUSES(settings.remember_ms = 2 * week + 1);
}

static void a_sale_ends_after_it_starts(void **state) {
    (void)state;
    ACCEPTS(settings.start_ms = 1000; settings.end_ms = 1001);
    ACCEPTS(settings.start_ms = 1000);
    ACCEPTS(settings.end_ms = 1);
    REFUSES(settings.start_ms = 1000; settings.end_ms = 1000);
    REFUSES(settings.start_ms = 1000; settings.end_ms = 999);
    REFUSES(settings.start_ms = -1);
    REFUSES(settings.end_ms = -1);
    ACCEPTS(settings.start_ms = (INT64_C(1) << 47) - 2; settings.end_ms = (INT64_C(1) << 47) - 1);
    REFUSES(settings.end_ms = INT64_C(1) << 47);
    REFUSES(settings.start_ms = INT64_C(1) << 47);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_become_defaults),
        cmocka_unit_test(memory_is_a_minute_longer_than_the_window),
        cmocka_unit_test(amounts_have_their_ranges),
        cmocka_unit_test(durations_have_their_ranges),
        cmocka_unit_test(ids_are_remembered_for_longer_than_the_window),
        cmocka_unit_test(a_sale_ends_after_it_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
