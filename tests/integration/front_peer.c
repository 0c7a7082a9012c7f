/* The address that a request comes from: what is one, what a header field says, what one limit is for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static http_text text_of(const char *text) {
    return (http_text){text, strlen(text)};
}

/* NULL: it is none. */
static void check(const char *text, const char *address, const char *network) {
    char made[PEER_NETWORK_TEXT];
    peer one;
    if (peer_read(text_of(text), &one) != (address != NULL))
        fail_msg("%s", text);
    if (address == NULL)
        return;
    assert_string_equal(one.text, address);
    peer_network_text(&one, made);
    assert_string_equal(made, network);
    assert_int_equal(peer_network(&one).size, one.size == 4 ? 4 : 8);
}

static void test_addresses(void **state) {
    (void)state;
    check("192.0.2.7", "192.0.2.7", "192.0.2.7");
    check("255.255.255.255", "255.255.255.255", "255.255.255.255");
    check("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7");
    check("::FFFF:c000:0207", "192.0.2.7", "192.0.2.7");
    check("2001:DB8::0:1", "2001:db8::1", "2001:db8::/64");
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    check("fff1:fff2:fff3:fff4:fff5:fff6:fff7:fff8", "fff1:fff2:fff3:fff4:fff5:fff6:fff7:fff8", "fff1:fff2:fff3:fff4::/64");
    check("::", "::", "::/64");
    check("::192.0.2.7", "::192.0.2.7", "::/64");
    static const char *const none[] = {"",
                                       " ",
                                       "192.0.2",
                                       "192.0.2.07",
                                       "192.0.2.7 ",
                                       " 192.0.2.7",
                                       "192.0.2.",
                                       "192.0.2.7:80",
                                       "[2001:db8::1]",
                                       "fe80::1%eth0",
                                       "1::2::3",
                                       "localhost",
                                       "2001:db8:1:2:3:4:255.255.255.255.255.255.255.255",
                                       "192.0.2.7/32"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        check(none[i], NULL, NULL);
    peer one;
    assert_false(peer_read((http_text){"192.0.2.7\0x", 11}, &one)); /* what looks good to who stops at a NUL */
    assert_int_equal(one.size, 0);
}

static void test_networks(void **state) {
    (void)state;
    peer one, other;
    assert_true(peer_read(text_of("2001:db8:1:2::1"), &one) && peer_read(text_of("2001:db8:1:2:ffff::1"), &other));
    assert_memory_equal(peer_network(&one).data, peer_network(&other).data, 8);
    assert_true(peer_read(text_of("2001:db8:1:3::1"), &other));
    assert_memory_not_equal(peer_network(&one).data, peer_network(&other).data, 8);
}

static void add_field(http_request *request, const char *name, const char *value) {
    assert_true(http_request_add_field(request));
    http_field *field = &request->fields[request->field_count - 1];
    assert_true(http_request_append(request, &field->name, name, strlen(name)));
    assert_true(http_request_append(request, &field->value, value, strlen(value)));
}

/* `address` NULL: what is wrong is said. */
static void check_fields(const char *first, const char *second, const char *address) {
    http_request request = {0};
    peer one;
    add_field(&request, "Host", "192.0.2.99");
    if (first != NULL)
        add_field(&request, "X-Forwarded-For", first);
    if (second != NULL)
        add_field(&request, "x-forwarded-for", second);
    add_field(&request, "X-Forwarded-For-Not", "192.0.2.98");
    const char *wrong = peer_read_field(&request, "X-Forwarded-For", &one);
    if ((wrong == NULL) != (address != NULL))
        fail_msg("%s, %s: %s", first, second, wrong);
    if (address != NULL)
        assert_string_equal(one.text, address);
    http_request_clear(&request);
}

static void test_fields(void **state) {
    (void)state;
    check_fields("192.0.2.1", NULL, "192.0.2.1");
    check_fields("192.0.2.1, 192.0.2.2", NULL, "192.0.2.2");
    check_fields("192.0.2.1,192.0.2.2", NULL, "192.0.2.2");
    check_fields("192.0.2.1, 192.0.2.2, 192.0.2.3", NULL, "192.0.2.3");
    check_fields("192.0.2.1", "192.0.2.2, unknown, 192.0.2.4", "192.0.2.4");
    check_fields("unknown,\t 2001:db8::2 \t", NULL, "2001:db8::2");
    check_fields("192.0.2.1", "192.0.2.2", "192.0.2.2");
    check_fields("192.0.2.1", "", NULL);
    check_fields("192.0.2.1, unknown", NULL, NULL);
    check_fields("192.0.2.1,", NULL, NULL);
    check_fields(",", NULL, NULL);
    check_fields("", NULL, NULL);
    check_fields(NULL, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
