/* Subjects of the blacklist: what is one, how addresses are written, and what a network has in it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static seckill_subject of(const char *kind, const char *value) {
    return (seckill_subject){kind, {value, strlen(value)}};
}

static bool makes(const char *kind, const char *value, sk__subject *out) {
    seckill_subject given = of(kind, value);
    return sk__subject_of(&given, out);
}

/* A subject as it is told again: "kind value". */
static const char *told(const sk__subject *subject, char out[256]) {
    char kind[SECKILL_KIND_MAX + 1], text[SK__NETWORK_TEXT_SIZE];
    seckill_subject said;
    if (!sk__subject_tell((seckill_bytes){subject->bytes, subject->size}, kind, text, &said))
        return "none";
    (void)snprintf(out, 256, "%s %.*s", said.kind, (int)said.value.size, (const char *)said.value.data);
    return out;
}

static void good_ones_are_told_again(void **state) {
    static const char *const rows[][3] = {
        {"user", "alice", "user alice"},
        {"device-1._X", "a b", "device-1._X a b"},
        {"address", "192.0.2.7", "address 192.0.2.7"},
        {"address", "192.0.2.7/32", "address 192.0.2.7"},
        {"address", "192.0.2.0/24", "address 192.0.2.0/24"},
        {"address", "0.0.0.0/0", "address 0.0.0.0/0"},
        {"address", "::ffff:192.0.2.7", "address 192.0.2.7"},
        {"address", "::ffff:192.0.2.0/120", "address 192.0.2.0/24"},
        {"address", "2001:DB8:0:0::1", "address 2001:db8::1"},
        {"address", "2001:db8::/32", "address 2001:db8::/32"},
        {"address", "2001:db8::/127", "address 2001:db8::/127"},
        {"address", "::/0", "address ::/0"},
        {"address", "::1/128", "address ::1"},
        /* an address is one only by its kind */
        {"addresses", "no address", "addresses no address"},
        {"sixteen_letters_", "x", "sixteen_letters_ x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sk__subject made;
        char text[256];
        assert_true(makes(rows[i][0], rows[i][1], &made));
        assert_string_equal(told(&made, text), rows[i][2]);
    }
}

static void bad_ones_are_refused(void **state) {
    static const char *const rows[][2] = {
        {"", "x"},
        {"seventeen_letters", "x"},
        {"with space", "x"},
        {"umlaut\xc3\xa4", "x"},
        {"user", ""},
        {"user", "12345678901234567890123456789012345678901234567890123456789012345"},
        {"address", "192.0.2"},
        {"address", "192.0.2.256"},
        {"address", "192.0.2.7/33"},
        {"address", "192.0.2.7/24"},
        {"address", "192.0.2.7/"},
        {"address", "192.0.2.0/024"},
        {"address", "192.0.2.0/+24"},
        {"address", "192.0.2.0/24 "},
        {"address", " 192.0.2.0"},
        {"address", "192.0.2.0/24/24"},
        {"address", "192.0.2.0/999999999999999999999"},
        {"address", "2001:db8::1/64"},
        {"address", "2001:db8::/129"},
        {"address", "fe80::1%eth0"},
        {"address", "::ffff:192.0.2.7/120"},
        {"address", "localhost"},
    };
    sk__subject made;
    seckill_subject odd = {"user", {NULL, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(makes(rows[i][0], rows[i][1], &made));
    assert_false(sk__subject_of(&odd, &made));
    odd = (seckill_subject){NULL, {"x", 1}};
    assert_false(sk__subject_of(&odd, &made));
    odd = (seckill_subject){"address", {"192.0.2.7\0", 10}};
    assert_false(sk__subject_of(&odd, &made));
}

static void users_are_any_bytes(void **state) {
    static const uint8_t bytes[] = {0, 255, '/', '\n'};
    seckill_subject given = {"user", {bytes, sizeof bytes}}, said;
    char kind[SECKILL_KIND_MAX + 1], text[SK__NETWORK_TEXT_SIZE];
    sk__subject made;
    (void)state;
    assert_true(sk__subject_of(&given, &made));
    assert_true(sk__subject_tell((seckill_bytes){made.bytes, made.size}, kind, text, &said));
    assert_int_equal(said.value.size, sizeof bytes);
    assert_memory_equal(said.value.data, bytes, sizeof bytes);
}

static void what_is_none_is_not_told(void **state) {
    char kind[SECKILL_KIND_MAX + 1], text[SK__NETWORK_TEXT_SIZE];
    uint8_t bytes[SK__SUBJECT_SIZE];
    seckill_subject said;
    sk__subject made;
    (void)state;
    assert_true(makes("address", "192.0.2.7", &made));
    for (size_t size = 0; size < made.size; size++) /* cut short */
        assert_false(sk__subject_tell((seckill_bytes){made.bytes, size}, kind, text, &said));
    memcpy(bytes, made.bytes, made.size);
    bytes[made.size - 1] = 129; /* of 128 bits */
    assert_false(sk__subject_tell((seckill_bytes){bytes, made.size}, kind, text, &said));
    bytes[0] = SECKILL_KIND_MAX + 1;
    assert_false(sk__subject_tell((seckill_bytes){bytes, made.size}, kind, text, &said));
    assert_false(sk__subject_tell((seckill_bytes){"\4us\1rx", 6}, kind, text, &said));
}

static void an_address_is_shortened_to_its_networks(void **state) {
    static const struct {
        const char *address, *network;
        uint8_t bits;
    } rows[] = {
        {"192.0.2.255", "address 192.0.2.254/31", 127},
        {"192.0.2.255", "address 192.0.2.0/24", 120},
        {"192.0.2.255", "address 128.0.0.0/1", 97},
        {"192.0.2.255", "address 0.0.0.0/0", 96},
        {"192.0.2.255", "address ::/64", 64},
        {"2001:db8::ffff", "address 2001:db8::/64", 64},
        {"ffff::", "address e000::/3", 3},
        {"ffff::", "address ::/0", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sk__subject made;
        char text[256];
        uint8_t prefix;
        assert_true(makes("address", rows[i].address, &made));
        assert_true(sk__subject_is_address(&made, &prefix));
        assert_int_equal(prefix, 128);
        sk__subject_shorten(&made, rows[i].bits);
        assert_string_equal(told(&made, text), rows[i].network);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_told_again),
        cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(users_are_any_bytes),
        cmocka_unit_test(what_is_none_is_not_told),
        cmocka_unit_test(an_address_is_shortened_to_its_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
