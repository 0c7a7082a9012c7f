/* The pure parts of lib/io: addresses and backoff.
 *
 * SPDX-License-Identifier: MIT
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/backoff.h"
#include "io/address.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *text, *name, *formatted;
    unsigned port;
    bool is_unix, is_numeric;
} good_address;

static void reads_addresses(void **state) {
    static const good_address good[] = {
        {"redis.example:6380", "redis.example", "redis.example:6380", 6380, false, false},
        {"redis_1", "redis_1", "redis_1:6379", 6379, false, false},
        {"h:1", "h", "h:1", 1, false, false},
        {"h:65535", "h", "h:65535", 65535, false, false},
        {"h:00080", "h", "h:80", 80, false, false},
        {"127.0.0.1:7000", "127.0.0.1", "127.0.0.1:7000", 7000, false, true},
        {"127.0.0.1", "127.0.0.1", "127.0.0.1:6379", 6379, false, true},
        {"127.1", "127.1", "127.1:6379", 6379, false, false},
        {"[::1]:7000", "::1", "[::1]:7000", 7000, false, true},
        {"[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:6379", 6379, false, true},
        {"[fe80::1%eth0]:1", "fe80::1%eth0", "[fe80::1%eth0]:1", 1, false, true},
        {"unix:/run/redis.sock", "/run/redis.sock", "unix:/run/redis.sock", 0, true, false},
        {"unix:/with:colon [x]", "/with:colon [x]", "unix:/with:colon [x]", 0, true, false},
        {"unix", "unix", "unix:6379", 6379, false, false},
    };
    sk__address address;
    char text[SK__ADDRESS_TEXT_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(sk__address_parse(good[i].text, &address), SECKILL_OK);
        assert_string_equal(address.name, good[i].name);
        assert_int_equal(address.port, good[i].port);
        assert_int_equal(address.is_unix, good[i].is_unix);
        assert_int_equal(address.is_numeric, good[i].is_numeric);
        sk__address_format(&address, NULL, text, sizeof(text));
        assert_string_equal(text, good[i].formatted);
    }
}

static void refuses_what_is_none(void **state) {
    static const char *const bad[] = {
        "",       ":",         ":6379",    "h:",        "h:0",  "h:65536",     "h:99999999999999999999",
        "h:-1",   "h:+1",      "h: 1",     "h:1 ",      "h:1x", "h:1:2",       "::1",
        "[::1",   "[::1]x",    "[::1]:",   "[::1]:0",   "[]",   "[]:1",        "[h]:1",
        "[::1]]", "[1.2.3.4]", "[::1%]:1", "a b:1",     "a\tb", "user@host:1", "redis://h:1",
        "h/0",    "unix:",     "unix:a",   "unix:./a",  " h",   "h\x7f",       "[",
        "]",      "unix:6379", "[::g]:1",  "[%eth0]:1", "h[",
    };
    sk__address address;

    (void)state;
    assert_int_equal(sk__address_parse(NULL, &address), SECKILL_INVALID);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (sk__address_parse(bad[i], &address) != SECKILL_INVALID)
            fail_msg("taken for an address: %s", bad[i]);
}

static void knows_how_long_is_too_long(void **state) {
    char text[400];
    sk__address address;

    (void)state;
    memset(text, 'h', sizeof(text));
    text[253] = '\0';
    assert_int_equal(sk__address_parse(text, &address), SECKILL_OK);
    assert_int_equal(strlen(address.name), 253);
    text[253] = 'h';
    text[254] = '\0';
    assert_int_equal(sk__address_parse(text, &address), SECKILL_INVALID);
    memset(text, 'h', sizeof(text));
    memcpy(text, "unix:/", 6);
    text[5 + 106] = '\0';
    assert_int_equal(sk__address_parse(text, &address), SECKILL_OK);
    text[5 + 106] = 'h';
    text[5 + 107] = '\0';
    assert_int_equal(sk__address_parse(text, &address), SECKILL_INVALID);
    memset(text, '1', sizeof(text));
    memcpy(text, "[::1%", 5);
    text[398] = ']';
    text[399] = '\0';
    assert_int_equal(sk__address_parse(text, &address), SECKILL_INVALID);
}

/* ---- lists */

static void reads_lists(void **state) {
    static const char *const texts[] = {"a", "a,b:1", " a , b:1 ", "  a,b:1,[::1]:7000 ,unix:/run/a b.sock  "};
    static const uint32_t counts[] = {1, 2, 2, 4};
    sk__address list[4];
    uint32_t count;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sk__address_parse_list(texts[i], list, 4, &count), SECKILL_OK);
        assert_int_equal(count, counts[i]);
        assert_string_equal(list[0].name, "a");
        if (count > 1)
            assert_int_equal(list[1].port, 1);
    }
    assert_string_equal(list[2].name, "::1");
    assert_string_equal(list[3].name, "/run/a b.sock");
}

static void refuses_bad_lists(void **state) {
    static const char *const bad[] = {"", " ", ",", "a,", ",a", "a,,b", "a, ,b", "a,b:0", "a b", "a,b c", "a\t,b", "a,b,c,d,e"};
    sk__address list[4];
    uint32_t count;
    char text[600];

    (void)state;
    assert_int_equal(sk__address_parse_list(NULL, list, 4, &count), SECKILL_INVALID);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(sk__address_parse_list(bad[i], list, 4, &count), SECKILL_INVALID);
    memset(text, 'h', sizeof(text));
    text[599] = '\0';
    assert_int_equal(sk__address_parse_list(text, list, 4, &count), SECKILL_INVALID);
    text[300] = ',';
    assert_int_equal(sk__address_parse_list(text, list, 4, &count), SECKILL_INVALID);
}

/* ---- hosts, as nodes of a cluster name each other */

static void takes_hosts_as_they_are(void **state) {
    static const char *const bad[] = {"", "a b", "[::1]", "a:b", ":", "a/b", "unix:/a", "::g", "a,b@"};
    sk__address one, other;

    (void)state;
    assert_int_equal(sk__address_from_host("::1,", 3, 7000, &one), SECKILL_OK);
    assert_true(one.is_numeric);
    assert_int_equal(sk__address_parse("[::1]:7000", &other), SECKILL_OK);
    assert_true(sk__address_equal(&one, &other));
    other.port++;
    assert_false(sk__address_equal(&one, &other));
    assert_int_equal(sk__address_from_host("node-1", 6, 1, &one), SECKILL_OK);
    assert_false(one.is_numeric);
    assert_false(sk__address_equal(&one, &other));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(sk__address_from_host(bad[i], strlen(bad[i]), 1, &one), SECKILL_INVALID);
    assert_int_equal(sk__address_from_host("h", 1, 0, &one), SECKILL_INVALID);
    assert_int_equal(sk__address_from_host("h", 1, 65536, &one), SECKILL_INVALID);
    assert_int_equal(sk__address_from_host("h\0h", 3, 1, &one), SECKILL_INVALID);
}

static void formats_within_bounds(void **state) {
    sk__address address;
    char text[8];

    (void)state;
    assert_int_equal(sk__address_parse("redis.example:6380", &address), SECKILL_OK);
    sk__address_format(&address, "10.0.0.1", text, sizeof(text));
    assert_string_equal(text, "10.0.0.");
}

static void waits_longer_each_time(void **state) {
    (void)state;
    assert_int_equal(sk__backoff_ceiling_ms(20, 1000, 1), 40);
    assert_int_equal(sk__backoff_ceiling_ms(20, 1000, 2), 80);
    assert_int_equal(sk__backoff_ceiling_ms(20, 1000, 5), 640);
    assert_int_equal(sk__backoff_ceiling_ms(20, 1000, 6), 1000);
    assert_int_equal(sk__backoff_ceiling_ms(20, 1000, UINT32_MAX), 1000);
    assert_int_equal(sk__backoff_ceiling_ms(3600000, 3600000, 40), 3600000);
    assert_int_equal(sk__backoff_ceiling_ms(1, UINT32_MAX, 31), 0x80000000u);
    assert_int_equal(sk__backoff_ceiling_ms(50, 10, 3), 50);
}

static void waits_anywhere_between(void **state) {
    (void)state;
    assert_int_equal(sk__backoff_ms(20, 1000, 3, 0), 20);
    assert_int_equal(sk__backoff_ms(20, 1000, 3, UINT32_MAX), 160);
    assert_int_equal(sk__backoff_ms(20, 1000, 3, 0x80000000u), 20 + 141 / 2);
    assert_int_equal(sk__backoff_ms(20, 20, 9, UINT32_MAX), 20);
    assert_int_equal(sk__backoff_ms(0, UINT32_MAX, 40, UINT32_MAX), 0);
    assert_int_equal(sk__backoff_ms(1, UINT32_MAX, 40, UINT32_MAX), 0x80000000u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(knows_how_long_is_too_long),
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(refuses_bad_lists),
        cmocka_unit_test(takes_hosts_as_they_are),
        cmocka_unit_test(formats_within_bounds),
        cmocka_unit_test(waits_longer_each_time),
        cmocka_unit_test(waits_anywhere_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
