/* The status table: names, messages, classes, version.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seckill/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    seckill_status status;
    int number;
    seckill_class status_class;
    const char *name;
    const char *message;
} row;

static const row rows[] = {
#define ROW(name, number, status_class, text, message) {SECKILL_##name, number, SECKILL_CLASS_##status_class, text, message},
    SECKILL_STATUS_MAP(ROW)
#undef ROW
};

enum { ROWS = sizeof rows / sizeof *rows };

static void each_row_is_answered(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(rows[i].status, rows[i].number);
        assert_string_equal(seckill_status_name(rows[i].status), rows[i].name);
        assert_string_equal(seckill_status_message(rows[i].status), rows[i].message);
        assert_int_equal(seckill_status_class(rows[i].status), rows[i].status_class);
    }
}

static void names_and_numbers_are_unique(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = i + 1; j < ROWS; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
            assert_string_not_equal(rows[i].name, rows[j].name);
            assert_string_not_equal(rows[i].message, rows[j].message);
        }
}

/* Names travel in HTTP answers and metrics: lower case and underscores only. Messages are one line without a full stop. */
static void names_and_messages_have_their_form(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(strspn(rows[i].name, "abcdefghijklmnopqrstuvwxyz_"), strlen(rows[i].name));
        size_t size = strlen(rows[i].message);
        assert_true(size > 0 && rows[i].message[size - 1] != '.');
        assert_null(strchr(rows[i].message, '\n'));
    }
}

static void what_is_no_status(void **state) {
    (void)state;
    static const int numbers[] = {16, 100, -5, -21, -49, -1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        seckill_status status = (seckill_status)numbers[i];
        assert_string_equal(seckill_status_name(status), "no_such_status");
        assert_true(strlen(seckill_status_message(status)) > 0);
        assert_int_equal(seckill_status_class(status), SECKILL_CLASS_UNKNOWN);
    }
}

/* What a caller relies on: ok is zero, answers are positive, and only what was sent can be unknown. */
static void signs_mean_what_the_header_says(void **state) {
    (void)state;
    assert_int_equal(SECKILL_OK, 0);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].status_class == SECKILL_CLASS_UNKNOWN)
            assert_true(rows[i].status == SECKILL_UNKNOWN || rows[i].status == SECKILL_PROTOCOL);
    assert_true(SECKILL_SOLD_OUT > 0 && SECKILL_CONFLICT > 0 && SECKILL_INVALID < 0 && SECKILL_KEY_GARBAGE < 0);
}

static void the_version_is_the_headers(void **state) {
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", SECKILL_VERSION_MAJOR, SECKILL_VERSION_MINOR, SECKILL_VERSION_PATCH);
    assert_string_equal(seckill_version(), expected);
    assert_string_equal(seckill_version(), SECKILL_VERSION_STRING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_answered),
        cmocka_unit_test(names_and_numbers_are_unique),
        cmocka_unit_test(names_and_messages_have_their_form),
        cmocka_unit_test(what_is_no_status),
        cmocka_unit_test(signs_mean_what_the_header_says),
        cmocka_unit_test(the_version_is_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
