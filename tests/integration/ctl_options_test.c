/* What people type, and back: examples/common/options.
 *
 * SPDX-License-Identifier: MIT
 */
#include "../../examples/common/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void reads_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {{"300ms", 300},
                {"5s", 5000},
                {"10m", 600000},
                {"2h", 7200000},
                {"7d", 604800000},
                {"1h30m", 5400000},
                {"1d2h3m4s5ms", 93784005},
                {"0", 0},
                {"0s", 0},
                {"", -1},
                {"5", -1},
                {"s", -1},
                {"5 s", -1},
                {"-5s", -1},
                {"5sec", -1},
                {"1.5s", -1},
                {"1s1s", -1},
                {"1m1h", -1},
                {"5s ", -1},
                {"1mms", -1},
                {"9999999999999999s", -1},
                {"99999999999999d", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        if (options_duration(rows[i].text, &ms) != (rows[i].ms >= 0) || ms != rows[i].ms) {
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
        }
    }
}

static void reads_times(void **state) {
    (void)state;
    const int64_t now = 1000000000123;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {{"now", 1000000000123},
                {"+10m", 1000000600123},
                {"-1s", 999999999123},
                {"1970-01-01T00:00:00Z", 0},
                {"2026-11-11T00:00:00+08:00", 1794326400000},
                {"2026-11-10T16:00:00Z", 1794326400000},
                {"2026-11-10T11:30:00.25-04:30", 1794326400250},
                {"2024-02-29T23:59:59.999Z", 1709251199999},
                {"2000-02-29T00:00:00Z", 951782400000},
                {"2023-02-29T00:00:00Z", -1},
                {"1900-01-01T00:00:00Z", -1},
                {"2026-11-11T00:00:00", -1},
                {"2026-11-11", -1},
                {"2026-11-11T24:00:00Z", -1},
                {"2026-13-11T00:00:00Z", -1},
                {"2026-1-11T00:00:00Z", -1},
                {"2026-11-11T00:00:00.Z", -1},
                {"2026-11-11T00:00:00+08", -1},
                {"2026-11-11T00:00:00Zx", -1},
                {"+", -1},
                {"tomorrow", -1},
                {"", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        if (options_time(rows[i].text, now, &ms) != (rows[i].ms >= 0) || ms != rows[i].ms) {
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
        }
    }
}

static void reads_numbers(void **state) {
    (void)state;
    int64_t value = 7;
    double share = 7;
    assert_true(options_whole("10,000", 0, 10000, &value) && value == 10000);
    assert_true(options_whole("1_000_000", 0, SECKILL_AMOUNT_MAX, &value) && value == 1000000);
    assert_true(options_whole("9007199254740991", 0, SECKILL_AMOUNT_MAX, &value) && value == SECKILL_AMOUNT_MAX);
    static const char *const bad[] = {
        "", ",1", "1,", "1,,0", "-1", "+1", "0x10", "1e3", "9007199254740992", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 7;
        assert_false(options_whole(bad[i], 0, SECKILL_AMOUNT_MAX, &value));
        assert_int_equal(value, 7);
    }
    assert_false(options_whole("5", 6, 7, &value));
    assert_true(options_share("5%", &share) && share > 0.0499 && share < 0.0501);
    assert_true(options_share("0.25", &share) && share > 0.2499 && share < 0.2501);
    assert_true(options_share("100%", &share) && share > 0.999);
    static const char *const no_shares[] = {"", "%", "101%", "1.1", "-1%", "5%%", "nan", "inf", "x"};
    for (size_t i = 0; i < sizeof no_shares / sizeof no_shares[0]; i++) {
        assert_false(options_share(no_shares[i], &share));
    }
}

static void reads_rates(void **state) {
    (void)state;
    uint32_t count = 7, period_ms = 7;
    assert_true(options_rate("20/1s", &count, &period_ms) && count == 20 && period_ms == 1000);
    assert_true(options_rate("1/1ms", &count, &period_ms) && count == 1 && period_ms == 1);
    assert_true(options_rate("1,000,000/1d", &count, &period_ms) && count == 1000000 && period_ms == 86400000);
    assert_true(options_rate("3/1m30s", &count, &period_ms) && count == 3 && period_ms == 90000);
    static const char *const bad[] = {"",
                                      "/",
                                      "20",
                                      "20/",
                                      "/1s",
                                      "0/1s",
                                      "20/0",
                                      "20/1",
                                      "20/-1s",
                                      "-1/1s",
                                      "1.5/1s",
                                      "1000001/1s",
                                      "20/1d1ms",
                                      "1/1s/1s",
                                      "20 /1s",
                                      " 1/1s",
                                      "20/ 1s",
                                      "none",
                                      "1111111111111111111111111111111111111111111111111111111111111111111111/1s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        count = period_ms = 7;
        if (options_rate(bad[i], &count, &period_ms)) {
            fail_msg("%s", bad[i]);
        }
        assert_true(count == 7 && period_ms == 7);
    }
}

static void reads_names(void **state) {
    (void)state;
    options_name name;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    char text[OPTIONS_TEXT];
    assert_true(options_item_name("618/phone", &name));
    assert_string_equal(name.activity, "618");
    assert_string_equal(name.item, "phone");
    assert_false(options_item_name("618", &name) || options_item_name("/x", &name) || options_item_name("x/", &name));
    char longest[2 * SECKILL_ID_MAX + 3];
    memset(longest, 'x', sizeof longest);
    longest[SECKILL_ID_MAX] = '/';
    longest[2 * SECKILL_ID_MAX + 1] = '\0';
    assert_true(options_item_name(longest, &name) && strlen(name.activity) == SECKILL_ID_MAX &&
                strcmp(name.activity, name.item) == 0);
    longest[2 * SECKILL_ID_MAX + 1] = 'x';
    longest[2 * SECKILL_ID_MAX + 2] = '\0';
    assert_false(options_item_name(longest, &name) || options_item_name(longest + SECKILL_ID_MAX, &name));
    static const char *const bad[] = {"", "a b", "a/b", "a:b", "a*", "{a}", "caf\xc3\xa9", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char first[32], second[32];
        snprintf(first, sizeof first, "%s/phone", bad[i]);
        snprintf(second, sizeof second, "618/%s", bad[i]);
        assert_false(options_is_id(bad[i]) || options_item_name(first, &name) || options_item_name(second, &name));
    }
    assert_true(options_is_id("AZaz09._-"));
    assert_true(options_reservation_id("00112233445566778899aAbBcCdDeEfF", id));
    options_format_reservation_id(id, text);
    assert_string_equal(text, "00112233445566778899aabbccddeeff");
    assert_false(options_reservation_id("0011", id) || options_reservation_id("0011223344556677889 aabbccddeeff", id));
}

static void writes_them_back(void **state) {
    (void)state;
    char text[OPTIONS_TEXT];
    options_format_duration(93784005, text);
    assert_string_equal(text, "1d2h3m4s5ms");
    options_format_duration(0, text);
    assert_string_equal(text, "0");
    options_format_time(1794326400000, text);
    assert_string_equal(text, "2026-11-10T16:00:00Z");
    options_format_time(1794326400007, text);
    assert_string_equal(text, "2026-11-10T16:00:00.007Z");
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {1234567, "1,234,567"}, {-999, "-999"}, {-123456, "-123,456"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        options_format_grouped(rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void takes_empty_for_unset(void **state) {
    (void)state;
    assert_int_equal(setenv("SECKILL_TEST_VALUE", "", 1), 0);
    assert_null(options_environment("SECKILL_TEST_VALUE"));
    assert_int_equal(setenv("SECKILL_TEST_VALUE", "x", 1), 0);
    assert_string_equal(options_environment("SECKILL_TEST_VALUE"), "x");
    assert_int_equal(unsetenv("SECKILL_TEST_VALUE"), 0);
    assert_null(options_environment("SECKILL_TEST_VALUE"));
}

static void makes_ids_that_differ(void **state) {
    (void)state;
    char one[OPTIONS_TEXT], two[OPTIONS_TEXT];
    assert_true(options_new_id("load-", one) && options_new_id("load-", two));
    assert_int_equal(strlen(one), 21);
    assert_string_not_equal(one, two);
}

static void reads_key_files(void **state) {
    (void)state;
    char path[] = "/tmp/keys.XXXXXX", trouble[256], key[SECKILL_KEY_TEXT_SIZE], token[SECKILL_TOKEN_SIZE];
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, key), SECKILL_OK);
    fprintf(file, "# the keys of June\r\n\r\n%s\r\n", key);
    fclose(file);
    seckill_keyring *ring = options_keyring(path, trouble);
    assert_non_null(ring);
    seckill_reservation_ref ref = {.user = {'u'}, .user_size = 1, .issued_ms = 1, .valid_until_ms = 2};
    assert_int_equal(seckill_token_issue(ring, SECKILL_TOKEN_SESSION, &ref, token, sizeof token, NULL), SECKILL_OK);
    seckill_keyring_free(ring);
    file = fopen(path, "a");
    fputs("rubbish", file);
    fclose(file);
    assert_null(options_keyring(path, trouble));
    assert_non_null(strstr(trouble, "line 4"));
    file = fopen(path, "w");
    fputs("# nothing", file);
    fclose(file);
    assert_null(options_keyring(path, trouble));
    remove(path);
    assert_null(options_keyring(path, trouble));
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void reads_first_lines(void **state) {
    (void)state;
    char path[] = "/tmp/seckill-line-XXXXXX", trouble[256], line[8];
    close(mkstemp(path));
    static const struct {
        const char *text, *line; /* NULL: refused */
    } rows[] = {{"secret\nmore", "secret"}, {"secret\r\n", "secret"}, {"a b", "a b"},
                {"1234567", "1234567"},     {"12345678", NULL},       {"", NULL},
                {"\nsecret", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_file(path, rows[i].text);
        assert_int_equal(options_first_line(path, line, sizeof line, trouble), rows[i].line != NULL);
        if (rows[i].line) {
            assert_string_equal(line, rows[i].line);
        } else {
            assert_non_null(strstr(trouble, "must have 1 to 7 bytes"));
            assert_null(strstr(trouble, "secret"));
        }
    }
    remove(path);
    assert_int_equal(options_first_line(path, line, sizeof line, trouble), 0);
    assert_non_null(strstr(trouble, "cannot open"));
}

static void reads_the_password_of_redis(void **state) {
    (void)state;
    char path[] = "/tmp/seckill-line-XXXXXX", trouble[256], password[OPTIONS_PASSWORD], text[OPTIONS_PASSWORD + 1];
    close(mkstemp(path));
    write_file(path, "of the file");
    unsetenv("SECKILL_REDIS_PASSWORD");
    assert_int_equal(options_redis_password(NULL, password, trouble), 1);
    assert_string_equal(password, "");
    setenv("SECKILL_REDIS_PASSWORD", "of the environment", 1);
    assert_int_equal(options_redis_password(NULL, password, trouble), 1);
    assert_string_equal(password, "of the environment");
    assert_int_equal(options_redis_password(path, password, trouble), 1);
    assert_string_equal(password, "of the file");
    write_file(path, "");
    assert_int_equal(options_redis_password(path, password, trouble), 0); /* not the other one instead */
    memset(text, 'x', OPTIONS_PASSWORD);
    text[OPTIONS_PASSWORD] = '\0';
    setenv("SECKILL_REDIS_PASSWORD", text, 1);
    assert_int_equal(options_redis_password(NULL, password, trouble), 0);
    assert_null(strstr(trouble, "xx"));
    setenv("SECKILL_REDIS_PASSWORD", text + 1, 1);
    assert_int_equal(options_redis_password(NULL, password, trouble), 1);
    unsetenv("SECKILL_REDIS_PASSWORD");
    remove(path);
}

static void sees_files_that_are_open_to_others(void **state) {
    (void)state;
    char path[] = "/tmp/seckill-line-XXXXXX", trouble[256] = "";
    close(mkstemp(path));
    assert_int_equal(options_exposed(path, trouble), 0);
    static const struct {
        mode_t mode;
        const char *text; /* NULL: it is not */
    } rows[] = {{0600, NULL}, {0400, NULL}, {0700, NULL}, {0640, "(mode 0640)"}, {0604, "(mode 0604)"}, {0602, "(mode 0602)"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(chmod(path, rows[i].mode), 0);
        assert_int_equal(options_exposed(path, trouble), rows[i].text != NULL);
        assert_true(!rows[i].text || (strstr(trouble, rows[i].text) && strstr(trouble, path)));
    }
    chmod(path, 0640);
    static const struct {
        const char *folder;
        int exposed;
    } handed[] = {{"/tmp", 0}, {"/tm", 1}, {"/run", 1}, {"", 1}};
    for (size_t i = 0; i < sizeof handed / sizeof handed[0]; i++) {
        setenv("CREDENTIALS_DIRECTORY", handed[i].folder, 1);
        assert_int_equal(options_exposed(path, trouble), handed[i].exposed);
    }
    unsetenv("CREDENTIALS_DIRECTORY");
    remove(path);
    assert_int_equal(options_exposed(path, trouble), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(reads_times),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(reads_rates),
        cmocka_unit_test(reads_names),
        cmocka_unit_test(writes_them_back),
        cmocka_unit_test(makes_ids_that_differ),
        cmocka_unit_test(reads_key_files),
        cmocka_unit_test(reads_first_lines),
        cmocka_unit_test(reads_the_password_of_redis),
        cmocka_unit_test(sees_files_that_are_open_to_others),
        cmocka_unit_test(takes_empty_for_unset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
