/* Options: of older and newer callers, their defaults, their ranges.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    size_t struct_size;
    uint32_t first, second;
    uint64_t third;
} known_options;

static void the_same_size_is_copied_whole(void **state) {
    known_options given = {sizeof(given), 1, 2, 3}, out;

    (void)state;
    assert_true(sk__options_copy(&out, sizeof(out), &given));
    assert_memory_equal(&out, &given, sizeof(out));
}

/* Of every size that there can be; malloc of the exact size lets a sanitizer see a step too far. */
static void an_older_caller_leaves_the_rest_zero(void **state) {
    known_options full = {0, 0x11111111, 0x22222222, UINT64_C(0x3333333333333333)}, out;

    (void)state;
    for (size_t size = sizeof(size_t); size < sizeof(full); size += sizeof(size_t)) {
        uint8_t *given = malloc(size);
        const uint8_t *bytes = (const uint8_t *)&out;

        assert_non_null(given);
        full.struct_size = size;
        memcpy(given, &full, size);
        memset(&out, 0xff, sizeof(out));
        assert_true(sk__options_copy(&out, sizeof(out), given));
        assert_int_equal(out.struct_size, sizeof(out));
        assert_memory_equal(bytes + sizeof(size_t), given + sizeof(size_t), size - sizeof(size_t));
        for (size_t i = size; i < sizeof(out); i++)
            assert_int_equal(bytes[i], 0);
        free(given);
    }
}

static void a_newer_caller_may_set_nothing_that_is_not_known(void **state) {
    struct {
        known_options known;
        uint8_t more[40];
    } given;
    known_options out;

    (void)state;
    memset(&given, 0, sizeof(given));
    given.known.struct_size = sizeof(given);
    given.known.first = 7;
    assert_true(sk__options_copy(&out, sizeof(out), &given));
    assert_int_equal(out.first, 7);
    assert_int_equal(out.struct_size, sizeof(out));
    for (size_t i = 0; i < sizeof(given.more); i++) {
        given.more[i] = 1;
        assert_false(sk__options_copy(&out, sizeof(out), &given));
        given.more[i] = 0;
    }
}

static void impossible_sizes_are_refused(void **state) {
    known_options given = {0, 1, 2, 3}, out;

    (void)state;
    assert_false(sk__options_copy(&out, sizeof(out), NULL));
    for (size_t size = 0; size < sizeof(given); size++) {
        given.struct_size = size;
        assert_int_equal(sk__options_copy(&out, sizeof(out), &given), size != 0 && size % sizeof(size_t) == 0);
    }
    /* Not even looked behind. */
    given.struct_size = sizeof(given) + 4096 + sizeof(size_t);
    assert_false(sk__options_copy(&out, sizeof(out), &given));
    given.struct_size = SIZE_MAX;
    assert_false(sk__options_copy(&out, sizeof(out), &given));
}

/* ---- of a client ---- */

static void a_client_has_its_defaults(void **state) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT, out;

    (void)state;
    assert_int_equal(sk__client_options_complete(&options, &out), SECKILL_OK);
    assert_string_equal(out.address, "127.0.0.1:6379");
    assert_string_equal(out.prefix, "seckill");
    assert_null(out.user);
    assert_null(out.password);
    assert_int_equal(out.timeout_ms, 3000);
    assert_int_equal(out.connect_timeout_ms, 1000);
    assert_int_equal(out.command_timeout_ms, 1000);
    assert_int_equal(out.reconnect_min_ms, 20);
    assert_int_equal(out.reconnect_max_ms, 1000);
    assert_int_equal(out.max_operations, 65536);
    assert_int_equal(out.max_batches, 2);
    assert_int_equal(out.max_batch, SECKILL_BATCH_MAX);
    assert_int_equal(out.log_level, SECKILL_LOG_ERROR);
    assert_non_null(out.allocator);
    /* The caller's are not touched. */
    assert_null(options.address);
    assert_int_equal(options.timeout_ms, 0);
}

#define EXPECTS(status, change)                                                                                                \
    do {                                                                                                                       \
        seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT, out;                                                     \
        change;                                                                                                                \
        assert_int_equal(sk__client_options_complete(&options, &out), status);                                                 \
    } while (0)

static void numbers_of_a_client_have_their_ranges(void **state) {
    (void)state;
    EXPECTS(SECKILL_OK, options.timeout_ms = 1);
    EXPECTS(SECKILL_OK, options.timeout_ms = 3600000);
    EXPECTS(SECKILL_INVALID, options.timeout_ms = 3600001);
    EXPECTS(SECKILL_INVALID, options.connect_timeout_ms = 3600001);
    EXPECTS(SECKILL_INVALID, options.command_timeout_ms = 3600001);
    EXPECTS(SECKILL_INVALID, options.reconnect_min_ms = 3600001);
    EXPECTS(SECKILL_INVALID, options.reconnect_max_ms = 3600001);
    EXPECTS(SECKILL_OK, options.reconnect_min_ms = 3600000);
    EXPECTS(SECKILL_OK, options.reconnect_min_ms = options.reconnect_max_ms = 5);
    EXPECTS(SECKILL_INVALID, options.reconnect_min_ms = 6; options.reconnect_max_ms = 5);
    EXPECTS(SECKILL_OK, options.max_operations = 16777216);
    EXPECTS(SECKILL_INVALID, options.max_operations = 16777217);
    EXPECTS(SECKILL_OK, options.max_batches = 64);
    EXPECTS(SECKILL_INVALID, options.max_batches = 65);
    EXPECTS(SECKILL_OK, options.max_batch = 1);
    EXPECTS(SECKILL_INVALID, options.max_batch = SECKILL_BATCH_MAX + 1);
    EXPECTS(SECKILL_INVALID, options.log_level = (seckill_log_level)4);
}

static void texts_of_a_client_are_checked(void **state) {
    (void)state;
    EXPECTS(SECKILL_OK, options.prefix = "a:b._-9");
    EXPECTS(SECKILL_INVALID, options.prefix = "");
    EXPECTS(SECKILL_INVALID, options.prefix = "a{b");
    EXPECTS(SECKILL_INVALID, options.prefix = "a b");
    EXPECTS(SECKILL_OK, options.prefix = "1234567890123456789012345678901234567890123456789012345678901234");
    EXPECTS(SECKILL_INVALID, options.prefix = "12345678901234567890123456789012345678901234567890123456789012345");
    EXPECTS(SECKILL_OK, options.password = "secret");
    EXPECTS(SECKILL_OK, options.user = "shop"; options.password = "secret");
    EXPECTS(SECKILL_INVALID, options.user = "shop");
}

static void *allocate(size_t size, void *user_data) {
    (void)user_data;
    return malloc(size);
}

static void an_allocator_has_all_three(void **state) {
    seckill_allocator allocator = {allocate, NULL, NULL, NULL};

    (void)state;
    EXPECTS(SECKILL_INVALID, options.allocator = &allocator);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_size_is_copied_whole),
        cmocka_unit_test(an_older_caller_leaves_the_rest_zero),
        cmocka_unit_test(a_newer_caller_may_set_nothing_that_is_not_known),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_client_has_its_defaults),
        cmocka_unit_test(numbers_of_a_client_have_their_ranges),
        cmocka_unit_test(texts_of_a_client_are_checked),
        cmocka_unit_test(an_allocator_has_all_three),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
