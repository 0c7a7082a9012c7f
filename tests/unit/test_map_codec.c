/* Mapping lists as they are read, and commands as they are put together.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/map_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEAD_SIZE = 8 + 1 + 4 + 16 + 11 * 8 };

static size_t write_map(uint8_t *bytes, size_t size, uint8_t state, uint32_t shards) {
    sk__writer writer = sk__writer_of(bytes, size);

    sk__write_u64(&writer, 77);
    sk__write_u8(&writer, state);
    sk__write_u32(&writer, shards);
    sk__write_bytes(&writer, "0123456789abcdef", 16);
    for (uint64_t i = 1; i <= 11; i++)
        sk__write_u64(&writer, i * 1000);
    sk__write_text(&writer, "0,1.x,2");
    assert_false(writer.failed);
    return writer.at;
}

static bool read_map(const uint8_t *bytes, size_t size, sk__map *map) {
    sk__reader reader = sk__reader_of(bytes, size);

    return sk__read_map(&reader, map);
}

static void a_map_is_read_whole(void **state) {
    uint8_t bytes[256];
    sk__map map;

    (void)state;
    assert_true(read_map(bytes, write_map(bytes, sizeof(bytes), SECKILL_ITEM_PAUSED, 3), &map));
    assert_int_equal(map.version, 77);
    assert_int_equal(map.state, SECKILL_ITEM_PAUSED);
    assert_int_equal(map.settings.struct_size, 0); /* who passes a copy on has to set it */
    assert_int_equal(map.settings.shards, 3);
    assert_memory_equal(map.seed, "0123456789abcdef", 16);
    assert_int_equal(map.settings.price, 1000);
    assert_int_equal(map.settings.limit, 2000);
    assert_int_equal(map.settings.start_ms, 3000);
    assert_int_equal(map.settings.end_ms, 4000);
    assert_int_equal(map.settings.hold_ms, 5000);
    assert_int_equal(map.settings.grace_ms, 6000);
    assert_int_equal(map.settings.window_ms, 7000);
    assert_int_equal(map.settings.remember_ms, 8000);
    assert_int_equal(map.settings.max_skew_ms, 9000);
    assert_int_equal(map.settings.max_events, 10000);
    assert_int_equal(map.settings.max_queue, 11000);
    assert_int_equal(map.tags.size, 7);
    assert_memory_equal(map.tags.data, "0,1.x,2", 7);
}

static void a_map_cut_short_is_none(void **state) {
    uint8_t bytes[256];
    sk__map map;

    (void)state;
    (void)write_map(bytes, sizeof(bytes), SECKILL_ITEM_ACTIVE, 3);
    for (size_t size = 0; size < HEAD_SIZE; size++) {
        uint8_t *exact = malloc(size + 1); /* a step too far is seen */

        assert_non_null(exact);
        memcpy(exact, bytes, size);
        assert_false(read_map(exact, size, &map));
        free(exact);
    }
    /* From there on it is the tags that are short, which is for who splits them to see. */
    assert_true(read_map(bytes, HEAD_SIZE, &map));
    assert_int_equal(map.tags.size, 0);
}

static void a_map_with_impossible_numbers_is_none(void **state) {
    uint8_t bytes[256];
    sk__map map;

    (void)state;
    assert_false(read_map(bytes, write_map(bytes, sizeof(bytes), SECKILL_ITEM_ENDED + 1, 3), &map));
    assert_false(read_map(bytes, write_map(bytes, sizeof(bytes), SECKILL_ITEM_ACTIVE, 0), &map));
    assert_true(read_map(bytes, write_map(bytes, sizeof(bytes), SECKILL_ITEM_ACTIVE, SECKILL_SHARDS_MAX), &map));
    assert_false(read_map(bytes, write_map(bytes, sizeof(bytes), SECKILL_ITEM_ACTIVE, SECKILL_SHARDS_MAX + 1), &map));
}

/* ---- commands ---- */

static sk__command command;

static void assert_argument(int at, const char *expected) {
    assert_int_equal(command.sizes[at], strlen(expected));
    assert_memory_equal(command.argv[at], expected, strlen(expected));
}

static void a_command_begins_with_its_script(void **state) {
    const sk__script *reserve = sk__script_of(SK__SCRIPT_reserve);

    (void)state;
    sk__command_begin(&command, SK__SCRIPT_reserve, false, 6);
    assert_int_equal(command.argc, 3);
    assert_argument(0, "EVALSHA");
    assert_argument(1, reserve->sha1);
    assert_int_equal(strlen(reserve->sha1), 40);
    assert_argument(2, "6");
    sk__command_begin(&command, SK__SCRIPT_reserve, true, 1);
    assert_argument(0, "EVAL");
    assert_argument(1, reserve->text);
    assert_int_equal(*reserve->size, strlen(reserve->text));
    assert_argument(2, "1");
    assert_false(command.failed);
}

static void numbers_are_written_in_full(void **state) {
    (void)state;
    sk__command_begin(&command, SK__SCRIPT_stock, false, 0);
    sk__command_add_number(&command, 0);
    sk__command_add_number(&command, -1);
    sk__command_add_number(&command, SECKILL_AMOUNT_MAX);
    sk__command_add_number(&command, INT64_MIN);
    sk__command_add(&command, NULL, 0);
    assert_argument(3, "0");
    assert_argument(4, "-1");
    assert_argument(5, "9007199254740991");
    assert_argument(6, "-9223372036854775808");
    assert_non_null(command.argv[7]);
    assert_int_equal(command.sizes[7], 0);
}

static void settings_are_written_in_the_order_of_the_scripts(void **state) {
    seckill_item_settings settings = {0, 99, 2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11};

    (void)state;
    sk__command_begin(&command, SK__SCRIPT_map_define, false, 0);
    sk__command_add_settings(&command, &settings);
    assert_int_equal(command.argc, 14);
    for (int i = 0; i < 11; i++)
        assert_argument(3 + i, (const char *const[]){"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}[i]);
}

static void one_argument_too_many_fails_and_writes_nothing(void **state) {
    (void)state;
    sk__command_begin(&command, SK__SCRIPT_reserve, false, 6);
    while (command.argc < SK__COMMAND_ARGUMENTS)
        sk__command_add_text(&command, "x");
    assert_false(command.failed);
    sk__command_add_text(&command, "y");
    assert_true(command.failed);
    assert_int_equal(command.argc, SK__COMMAND_ARGUMENTS);
    sk__command_begin(&command, SK__SCRIPT_reserve, false, 6);
    assert_false(command.failed);
}

static void an_argument_that_does_not_fit_fails_and_so_does_its_writer(void **state) {
    sk__writer writer;

    (void)state;
    sk__command_begin(&command, SK__SCRIPT_reserve, false, 6);
    writer = sk__command_add_packed(&command, SK__COMMAND_SPACE - 1); /* "6" took one byte */
    assert_false(command.failed);
    assert_non_null(sk__write_space(&writer, SK__COMMAND_SPACE - 1));
    assert_null(sk__write_space(&writer, 1));
    writer = sk__command_add_packed(&command, 1);
    assert_true(command.failed);
    sk__write_u8(&writer, 1);
    assert_true(writer.failed);
    sk__command_begin(&command, SK__SCRIPT_reserve, false, 6);
    sk__command_add_packed(&command, SIZE_MAX);
    assert_true(command.failed);
}

/* The limits that the interface documents. */
static void the_largest_batch_and_the_largest_plan_fit(void **state) {
    sk__writer writer;

    (void)state;
    sk__command_begin(&command, SK__SCRIPT_confirm, true, 6);
    for (int i = 0; i < 6; i++)
        sk__command_add_text(&command, "key");
    sk__command_add_number(&command, INT64_MAX);
    writer = sk__command_add_packed(&command, SECKILL_BATCH_MAX * 33);
    for (int i = 0; i < 2 * SECKILL_BATCH_MAX; i++)
        sk__command_add_text(&command, "user or order reference");
    assert_false(command.failed || writer.failed);
    sk__command_begin(&command, SK__SCRIPT_plan, true, 1);
    sk__command_add_number(&command, INT64_MIN);
    writer = sk__command_add_packed(&command, SECKILL_SHARDS_MAX * sizeof(int64_t));
    assert_false(command.failed || writer.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_read_whole),
        cmocka_unit_test(a_map_cut_short_is_none),
        cmocka_unit_test(a_map_with_impossible_numbers_is_none),
        cmocka_unit_test(a_command_begins_with_its_script),
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(settings_are_written_in_the_order_of_the_scripts),
        cmocka_unit_test(one_argument_too_many_fails_and_writes_nothing),
        cmocka_unit_test(an_argument_that_does_not_fit_fails_and_so_does_its_writer),
        cmocka_unit_test(the_largest_batch_and_the_largest_plan_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
