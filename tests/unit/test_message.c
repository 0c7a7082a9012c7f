/* Requests as they wait in a shop's own queue: what is written is read again, and what nobody could have written is refused,
 * with its cause.
 *
 * SPDX-License-Identifier: MIT
 */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const request_message plain = {.activity = "618",
                                      .item = "phone",
                                      .user = "alice",
                                      .user_size = 5,
                                      .request_id = "r-1",
                                      .request_id_size = 3,
                                      .quantity = 2,
                                      .created_ms = 1730000000000};

static void check_round(const request_message *one) {
    char text[MESSAGE_MAX], trouble[MESSAGE_TROUBLE] = "";
    request_message read;
    size_t size = message_encode(one, text);
    assert_true(size > 0 && size <= MESSAGE_MAX);
    if (!message_decode(text, size, &read, trouble))
        fail_msg("%.*s: %s", (int)size, text, trouble);
    assert_memory_equal(&read, one, sizeof read);
}

static void what_is_written_is_read(void **state) {
    char text[MESSAGE_MAX];
    static const char expected[] =
        "{\"version\":1,\"activity\":\"618\",\"item\":\"phone\",\"user\":\"alice\",\"request_id\":\"r-1\","
        "\"quantity\":2,\"created_ms\":1730000000000}";
    size_t size = message_encode(&plain, text);
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(text, expected, size);
    check_round(&plain);
    (void)state;
}

/* Every byte, in every place where bytes are free, as long as they may be. */
static void any_bytes_go_through(void **state) {
    for (int byte = 0; byte < 256; byte++) {
        request_message one = plain;
        memset(one.user, byte, sizeof one.user);
        one.user_size = SECKILL_USER_MAX;
        memset(one.request_id, 255 - byte, sizeof one.request_id);
        one.request_id_size = SECKILL_REQUEST_ID_MAX;
        check_round(&one);
        one.user_size = one.request_id_size = 1;
        memset(one.user + 1, 0, sizeof one.user - 1);
        memset(one.request_id + 1, 0, sizeof one.request_id - 1);
        check_round(&one);
    }
    request_message most = plain;
    memset(most.activity, 'a', SECKILL_ID_MAX);
    memset(most.item, 'i', SECKILL_ID_MAX);
    most.quantity = 1000000;
    most.created_ms = (INT64_C(1) << 47) - 1;
    check_round(&most);
    (void)state;
}

typedef struct {
    const char *text, *cause;
} wrong;

/* With `about` in the place of what is good. */
#define WITH(about) "{\"version\":1,\"activity\":\"a\",\"item\":\"i\"," about "}"
#define USER "\"user\":\"u\","
#define ID "\"request_id\":\"r\","
#define REST "\"quantity\":1,\"created_ms\":1"

static const wrong wrongs[] = {
    {"", "line"},
    {"{", "line"},
    {"[]", "an object is wanted"},
    {"\xff", "line"},
    {"{}", "version"},
    {"{\"version\":2,\"activity\":\"a\",\"item\":\"i\"," USER ID REST "}", "version"},
    {"{\"version\":1,\"activity\":\"a b\",\"item\":\"i\"," USER ID REST "}", "activity"},
    {"{\"version\":1,\"activity\":\"a\",\"item\":\"\"," USER ID REST "}", "item"},
    {"{\"version\":1,\"activity\":7,\"item\":\"i\"," USER ID REST "}", "activity"},
    {WITH(ID REST), "user"},
    {WITH(USER REST), "request_id"},
    {WITH(USER "\"user64\":\"dQ==\"," ID REST), "user"},
    {WITH("\"user64\":\"dQ=\"," ID REST), "user64"},
    {WITH("\"user64\":\"dQ=!\"," ID REST), "user"},
    {WITH("\"user64\":\"====\"," ID REST), "user"},
    {WITH("\"user\":\"\"," ID REST), "user"},
    {WITH("\"user\":\"0123456789012345678901234567890123456789012345678901234567890123x\"," ID REST), "user"},
    {WITH(USER "\"request_id\":\"a\\u0000b\"," REST), "NUL"},
    {WITH(USER ID "\"quantity\":0,\"created_ms\":1"), "quantity"},
    {WITH(USER ID "\"quantity\":1000001,\"created_ms\":1"), "quantity"},
    {WITH(USER ID "\"quantity\":1.5,\"created_ms\":1"), "quantity"},
    {WITH(USER ID "\"quantity\":1,\"created_ms\":0"), "created_ms"},
    {WITH(USER ID "\"quantity\":1,\"created_ms\":140737488355328"), "created_ms"},
    {WITH(USER ID "\"quantity\":1"), "created_ms"},
    {WITH(USER ID REST ",\"more\":1"), "more"},
    {WITH(USER USER ID REST), "twice"},
    {WITH(USER ID REST) "x", "more text follows"},
};

static void wrong_ones_are_refused(void **state) {
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        char trouble[MESSAGE_TROUBLE] = "";
        request_message one;
        if (message_decode(wrongs[i].text, strlen(wrongs[i].text), &one, trouble))
            fail_msg("taken: %s", wrongs[i].text);
        if (strstr(trouble, wrongs[i].cause) == NULL)
            fail_msg("%s: \"%s\" does not name %s", wrongs[i].text, trouble, wrongs[i].cause);
    }
    (void)state;
}

static void long_ones_are_refused(void **state) {
    char text[MESSAGE_MAX + 1], trouble[MESSAGE_TROUBLE] = "";
    request_message one;
    size_t size = message_encode(&plain, text);
    memset(text + size, ' ', sizeof text - size);
    assert_true(message_decode(text, MESSAGE_MAX, &one, trouble));
    assert_false(message_decode(text, MESSAGE_MAX + 1, &one, trouble));
    assert_non_null(strstr(trouble, "too long"));
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(any_bytes_go_through),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(long_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
