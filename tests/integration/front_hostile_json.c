/* seckill-front and bodies that are no JSON, JSON that is meant to break its reader, and users who are no text: each is refused
 * or taken as it should be, and nothing is granted for a body that is refused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define NUMBER(text) "{\"request_id\":\"a\",\"quantity\":" text "}"
#define ID(text) "{\"request_id\":\"" text "\"}"
#define BODY(what, code, text)                                                                                                 \
    { what, code, text, sizeof(text) - 1 }

enum { UNITS = 5, BODY_BYTES = 8192 };

static front_answer answer; /* large: not on the stack */
static char session[SECKILL_TOKEN_SIZE];
static int honest; /* a connection that does nothing wrong */

static int open_front(void **state) {
    static const char *const options[] = {"--direct", NULL};
    *state = front_open(UNITS, 5, options);
    assert_true(front_wait_health(*state, 200));
    front_session(*state, "mallory", 600000, session);
    honest = front_connect(*state);
    return 0;
}

static int close_front(void **state) {
    close(honest);
    front_close(*state);
    return 0;
}

/* On one connection for all: a bad body leaves no doubt where the next request begins. */
static int post(int fd, const char *body, size_t size) {
    char head[SECKILL_TOKEN_SIZE + 256];
    snprintf(head, sizeof head,
             "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             session, size);
    assert_true(front_send(fd, head) && front_send_bytes(fd, body, size));
    front_read(fd, &answer);
    return answer.status;
}

/* `bad_request` is no JSON, `invalid` is JSON with something that is not wanted there. */
static const struct {
    const char *what, *code, *text;
    size_t size;
} bodies[] = {
    BODY("nothing", "bad_request", ""),
    BODY("blanks", "bad_request", " \r\n\t "),
    BODY("a byte order mark", "bad_request", "\xef\xbb\xbf" ID("a")),
    BODY("UTF-16", "bad_request", "{\0\"\0a\0\"\0:\0001\0}\0"),
    BODY("an array", "bad_request", "[" ID("a") "]"),
    BODY("a text", "bad_request", "\"request_id\""),
    BODY("null", "bad_request", "null"),
    BODY("two objects", "bad_request", ID("a") ID("a")),
    BODY("more behind it", "bad_request", ID("a") "x"),
    BODY("a NUL behind it", "bad_request", ID("a") "\0"),
    BODY("a NUL in front", "bad_request", "\0" ID("a")),
    BODY("no end", "bad_request", "{\"request_id\":\"a\""),
    BODY("no end of a text", "bad_request", "{\"request_id\":\"a"),
    BODY("no end of an escape", "bad_request", "{\"request_id\":\"a\\"),
    BODY("no end of a code point", "bad_request", "{\"request_id\":\"\\u00"),
    BODY("a comma too many", "bad_request", "{\"request_id\":\"a\",}"),
    BODY("a comma too few", "bad_request", "{\"request_id\":\"a\" \"quantity\":1}"),
    BODY("a comment", "bad_request", "{\"request_id\":\"a\"/* */}"),
    BODY("other quotes", "bad_request", "{'request_id':'a'}"),
    BODY("no quotes", "bad_request", "{request_id:\"a\"}"),
    BODY("a number for a name", "bad_request", "{1:\"a\"}"),
    BODY("form data", "bad_request", "request_id=a&quantity=1"),
    BODY("XML", "bad_request", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"),

    BODY("a member twice", "bad_request", "{\"request_id\":\"a\",\"quantity\":1,\"quantity\":5}"),
    BODY("a member twice, escaped", "bad_request", "{\"request_id\":\"a\",\"quantity\":1,\"\\u0071uantity\":5}"),
    BODY("a member twice, deep", "bad_request", "{\"request_id\":{\"a\":1,\"a\":2}}"),
    BODY("a name with a NUL", "bad_request", "{\"request_id\\u0000\":\"a\"}"),
    BODY("a name in capitals", "invalid", "{\"REQUEST_ID\":\"a\"}"),
    BODY("a name with a blank", "invalid", "{\"request_id \":\"a\"}"),
    BODY("an empty name", "invalid", "{\"\":1,\"request_id\":\"a\"}"),
    BODY("a prototype", "invalid", "{\"__proto__\":{\"quantity\":1},\"request_id\":\"a\"}"),
    BODY("an object for a text", "invalid", "{\"request_id\":{\"$ne\":\"\"}}"),
    BODY("an array for a text", "invalid", "{\"request_id\":[\"a\"]}"),

    BODY("1e999", "bad_request", NUMBER("1e999")),
    BODY("-1e999", "bad_request", NUMBER("-1e999")),
    BODY("2^63", "bad_request", NUMBER("9223372036854775808")),
    BODY("-2^63 - 1", "bad_request", NUMBER("-9223372036854775809")),
    BODY("2^63 - 1", "invalid", NUMBER("9223372036854775807")),
    BODY("2^32 + 1", "invalid", NUMBER("4294967297")),
    BODY("-0", "invalid", NUMBER("-0")),
    BODY("-1", "invalid", NUMBER("-1")),
    BODY("1.5", "invalid", NUMBER("1.5")),
    BODY("1.0", "invalid", NUMBER("1.0")),
    BODY("1e0", "invalid", NUMBER("1e0")),
    BODY("1e-999", "invalid", NUMBER("1e-999")),
    BODY("01", "bad_request", NUMBER("01")),
    BODY("+1", "bad_request", NUMBER("+1")),
    BODY("0x1", "bad_request", NUMBER("0x1")),
    BODY("1.", "bad_request", NUMBER("1.")),
    BODY(".1", "bad_request", NUMBER(".1")),
    BODY("1e", "bad_request", NUMBER("1e")),
    BODY("-", "bad_request", NUMBER("-")),
    BODY("NaN", "bad_request", NUMBER("NaN")),
    BODY("Infinity", "bad_request", NUMBER("Infinity")),
    BODY("a number as a text", "invalid", NUMBER("\"1\"")),
    BODY("true", "invalid", NUMBER("true")),
    BODY("True", "bad_request", NUMBER("True")),
    BODY("a time of 2^63 - 1", "invalid", "{\"request_id\":\"a\",\"created_at\":9223372036854775807}"),
    BODY("a time before 1970", "invalid", "{\"request_id\":\"a\",\"created_at\":-1}"),

    BODY("a byte of no UTF-8", "bad_request", ID("a\xff")),
    BODY("half a character", "bad_request", ID("a\xc3")),
    BODY("the other half", "bad_request", ID("a\xa9")),
    BODY("an overlong slash", "bad_request", ID("a\xc0\xaf")),
    BODY("an overlong NUL", "bad_request", ID("a\xc0\x80")),
    BODY("a surrogate in bytes", "bad_request", ID("a\xed\xa0\x80")),
    BODY("beyond Unicode", "bad_request", ID("a\xf4\x90\x80\x80")),
    BODY("five bytes", "bad_request", ID("a\xf8\x88\x80\x80\x80")),
    BODY("no UTF-8 in a name", "bad_request", "{\"\xff\":1}"),
    BODY("a NUL", "bad_request", ID("a\0b")),
    BODY("an escaped NUL", "bad_request", ID("a\\u0000b")),
    BODY("half a surrogate pair", "bad_request", ID("\\ud800")),
    BODY("the other half of a pair", "bad_request", ID("\\udc00")),
    BODY("a pair the wrong way round", "bad_request", ID("\\udc00\\ud800")),
    BODY("half a pair and a letter", "bad_request", ID("\\ud800\\u0041")),
    BODY("no hexadecimal digits", "bad_request", ID("\\u00zz")),
    BODY("an escape that is none", "bad_request", ID("\\x41")),
    BODY("a raw line end", "bad_request", ID("a\nb")),
    BODY("a raw tab", "bad_request", ID("a\tb")),
    BODY("an empty id", "invalid", ID("")),
};

static void assert_refused(const char *what, const char *code) {
    if (!front_says(&answer, 400, code) || front_has_field(&answer, "Connection: close") || answer.ended)
        fail_msg("%s", what);
}

static void assert_nothing_granted(void **state) {
    sale_stock_answer *stock = calloc(1, sizeof *stock);
    assert_non_null(stock);
    *stock = sale_stock(&((front *)*state)->sale);
    assert_true(sale_account_holds(stock));
    free(stock);
    assert_int_equal(front_ask(*state, "GET", "/v1/activities/sale/cart", "mallory", NULL, NULL, &answer), 200);
    assert_non_null(strstr(answer.body, "\"reservations\":[]"));
}

static void test_bodies(void **state) {
    int fd = front_connect(*state);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        post(fd, bodies[i].text, bodies[i].size);
        assert_refused(bodies[i].what, bodies[i].code);
        assert_true(hostile_asks(honest));
    }
    close(fd);
    assert_nothing_granted(state);
}

/* ---- as long as a body may be: `unit` again and again between `begin` and `end` */

static const struct {
    const char *what, *code, *begin, *unit, *end;
} repeated[] = {
    {"open arrays", "bad_request", "", "[", ""},
    {"open objects", "bad_request", "", "{\"a\":", ""},
    {"open arrays in a member", "bad_request", "{\"request_id\":", "[", ""},
    {"open objects and arrays", "bad_request", "{\"request_id\":", "[{\"a\":", ""},
    {"closed arrays", "bad_request", "{\"request_id\":", "]", ""},
    {"an array of arrays", "bad_request", "", "[],", ""},
    {"digits", "bad_request", "{\"request_id\":\"a\",\"quantity\":1", "0", "}"},
    {"digits behind the point", "invalid", "{\"request_id\":\"a\",\"quantity\":0.", "1", "}"},
    {"digits of an exponent", "bad_request", "{\"request_id\":\"a\",\"quantity\":1e", "9", "}"},
    {"zeros of an exponent", "invalid", "{\"request_id\":\"a\",\"quantity\":1e", "0", "}"},
    {"a long text", "invalid", "{\"request_id\":\"", "a", "\"}"},
    {"a long text of escapes", "invalid", "{\"request_id\":\"", "\\u00e9", "\"}"},
    {"a long name", "invalid", "{\"", "a", "\":1}"},
    {"a list", "invalid", "{\"request_id\":[0", ",0", "]}"},
    {"blanks", "bad_request", "", " ", ""},
    {"no end of a text", "bad_request", "{\"request_id\":\"", "a", ""},
    {"no UTF-8", "bad_request", "{\"request_id\":\"", "\xff", "\"}"},
};

static void test_repeated(void **state) {
    char text[BODY_BYTES + 1];
    int fd = front_connect(*state);
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        size_t size = (size_t)snprintf(text, sizeof text, "%s", repeated[i].begin);
        while (size + strlen(repeated[i].unit) + strlen(repeated[i].end) <= BODY_BYTES)
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", repeated[i].unit);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", repeated[i].end);
        post(fd, text, size);
        assert_refused(repeated[i].what, repeated[i].code);
        assert_true(hostile_asks(honest));
    }
    close(fd);
    assert_nothing_granted(state);
}

/* As many members as fit, each with a name of its own. */
static void test_members(void **state) {
    char text[BODY_BYTES + 1];
    size_t size = (size_t)snprintf(text, sizeof text, "{\"request_id\":\"a\"");
    for (int i = 0; size < BODY_BYTES - 16; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, ",\"m%d\":%d", i, i);
    size += (size_t)snprintf(text + size, sizeof text - size, "}");
    int fd = front_connect(*state);
    post(fd, text, size);
    assert_refused("many members", "invalid");
    close(fd);
    assert_true(hostile_asks(honest));
}

/* What is odd, and right: these take the units. */
static void test_taken(void **state) {
    static const char *const good[] = {
        " \r\n{ \"request_id\" :\t\"plain\" } \n",
        "{\"\\u0072equest_id\":\"es\\u0063\\/aped\"}",
        "{\"request_id\":\"\\ud83d\\ude00 caf\xc3\xa9\",\"quantity\":1}",
    };
    int fd = front_connect(*state);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (post(fd, good[i], strlen(good[i])) != 200)
            fail_msg("%s: %s", good[i], answer.body);
    close(fd);
}

/* ---- users whom a gateway names: any bytes that a header field may have */

static void ask_as(const front *one, const char *user) {
    char text[512];
    snprintf(text, sizeof text,
             "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nX-User: %s\r\nContent-Type: application/json\r\n"
             "Content-Length: 18\r\n\r\n{\"request_id\":\"r\"}",
             user);
    front_exchange(one, text, &answer);
}

static void test_users(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--trust-user-header", "X-User", NULL};
    static const char *const odd[] = {"\xff\xfe", "\xc0\xaf", "a\x80", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "..",
                                      "%00",      "a b",      "{}"};
    static const struct {
        const char *user;
        int status;
    } refused[] = {{"", 401},     {" \t ", 401}, {"a\x01", 400}, {"a\x7f", 400}, {"a\r\nX-User: b", 401},
                   {"a\rb", 400}, {"a\nb", 400}};
    front *one = front_open(20, 1, options);
    assert_true(front_wait_health(one, 200));
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        ask_as(one, odd[i]);
        assert_int_equal(answer.status, 200);
        front_text(&answer, "token", token); /* the answer is JSON, whatever the user is */
        assert_int_equal(seckill_token_verify(one->ring, SECKILL_TOKEN_RESERVATION, token, strlen(token),
                                              (int64_t)time(NULL) * 1000, 5000, &ref),
                         SECKILL_OK);
        assert_int_equal(ref.user_size, strlen(odd[i]));
        assert_memory_equal(ref.user, odd[i], ref.user_size);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ask_as(one, refused[i].user);
        assert_int_equal(answer.status, refused[i].status);
    }
    ask_as(one, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); /* 65 */
    assert_int_equal(answer.status, 401);
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies), cmocka_unit_test(test_repeated), cmocka_unit_test(test_members),
        cmocka_unit_test(test_taken),  cmocka_unit_test(test_users),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
