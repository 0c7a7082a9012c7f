/* URLs that name a server.
 *
 * SPDX-License-Identifier: MIT
 */
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char secrets[] = "the file of secrets";

static url good(const char *text) {
    url parsed;
    char trouble[256] = "";
    if (!url_parse(text, secrets, &parsed, trouble)) {
        fail_msg("%s: %s", text, trouble);
    }
    return parsed;
}

static void bad(const char *text, const char *why) {
    url parsed;
    char trouble[256] = "";
    if (url_parse(text, secrets, &parsed, trouble) || !strstr(trouble, why)) {
        fail_msg("%s: %s", text, trouble);
    }
}

static void test_parts(void **state) {
    (void)state;
    url u = good("mysql://ann@db.internal:3307/shop?socket=/run/a.sock&timeout=5");
    assert_string_equal(u.scheme, "mysql");
    assert_string_equal(u.user, "ann");
    assert_string_equal(u.host, "db.internal");
    assert_int_equal(u.port, 3307);
    assert_true(u.has_path);
    assert_string_equal(u.path, "shop");
    assert_int_equal(u.queries, 2);
    assert_string_equal(url_query(&u, "socket"), "/run/a.sock");
    assert_string_equal(url_query(&u, "timeout"), "5");
    assert_null(url_query(&u, "other"));
    static const char *const some[] = {"timeout", NULL}, *const all[] = {"timeout", "socket", NULL};
    assert_string_equal(url_unknown_query(&u, some), "socket");
    assert_null(url_unknown_query(&u, all));
}

static void test_what_is_not_there(void **state) {
    (void)state;
    url u = good("amqp://h");
    assert_true(!*u.user && u.port == 0 && !u.has_path && !*u.path && u.queries == 0);
    u = good("amqp://h/");
    assert_true(u.has_path && !*u.path);
    u = good("amqp://h:/v?");
    assert_true(u.port == 0 && strcmp(u.path, "v") == 0 && u.queries == 0);
    u = good("mysql://u@/d?name");
    assert_true(!*u.host && strcmp(url_query(&u, "name"), "") == 0);
}

static void test_decodes(void **state) {
    (void)state;
    assert_string_equal(good("amqp://h/%2F").path, "/");
    assert_string_equal(good("amqp://h/a/b%20c").path, "a/b c");
    assert_string_equal(good("amqp://a%40b@h/").user, "a@b");
    assert_string_equal(good("amqp://[::1]:5672/").host, "::1");
    url u = good("mysql://h/d?f=%2Fa%26b+c");
    assert_string_equal(url_query(&u, "f"), "/a&b+c");
}

static void test_refuses(void **state) {
    char text[1200];
    (void)state;
    bad("mysql://ann:pw@h/d", secrets);
    bad("mysql://ann:@h/d", secrets);
    bad("mysql://ann%3Apw:x@h/d", secrets);
    bad("mysql://h:0/d", "port");
    bad("mysql://h:65536/d", "port");
    bad("mysql://h:123456789012345678901/d", "port");
    bad("mysql://h:x/d", "no URL");
    bad("mysql://h/a b", "no URL");
    bad("mysql://h/%zz", "no URL");
    bad("mysql://h/a%00b", "NUL");
    bad("mysql://h/d?socket=/a#b", "%23");
    bad("mysql://h/d?a=1&a=2", "twice");
    bad("mysql://h/d?1&2&3&4&5&6&7&8&9", "too long");
    bad("/a/path", "SCHEME://");
    bad("", "SCHEME://");
    bad("mailto:ann", "SCHEME://");
    (void)snprintf(text, sizeof text, "mysql://h/%0300d", 0);
    bad(text, "the path of the URL is too long");
    (void)snprintf(text, sizeof text, "mysql://%0300d@h/d", 0);
    bad(text, "the user of the URL is too long");
    (void)snprintf(text, sizeof text, "mysql://h/d?a=%0600d", 0);
    bad(text, "too long");
}

/* A refused password is not in the sentence. */
static void test_keeps_secrets(void **state) {
    (void)state;
    url parsed;
    char trouble[256];
    assert_false(url_parse("mysql://ann:hunter2@h/d", secrets, &parsed, trouble));
    assert_null(strstr(trouble, "hunter2"));
}

static void test_schemes(void **state) {
    (void)state;
    assert_true(url_has_scheme("amqp://h", "amqp"));
    assert_true(url_has_scheme("AMQP://h", "amqp"));
    assert_false(url_has_scheme("amqps://h", "amqp"));
    assert_false(url_has_scheme("amqp:h", "amqp"));
    assert_false(url_has_scheme("", "amqp"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),   cmocka_unit_test(test_what_is_not_there), cmocka_unit_test(test_decodes),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_keeps_secrets),     cmocka_unit_test(test_schemes),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
