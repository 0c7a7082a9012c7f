/* seckill-front and requests that two servers might read differently, or that are too large: each is refused as it should be,
 * its connection is closed where nobody can know what comes next, and what is right is followed by the right answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile.h"
#include "hostile_shapes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "Host: test\r\n"
#define POST "POST /v1/orders HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

enum { HEADER_BYTES = 4096, BODY_BYTES = 1024, TEXT = 64 * 1024 };

static front_answer answer; /* large: not on the stack */
static int honest;          /* a connection that does nothing wrong */

static int open_front(void **state) {
    static const char *const options[] = {
        "--max-target-bytes", "1024", "--max-header-bytes", "4096", "--max-body-bytes", "1024", "--loops", "1", NULL};
    *state = front_open(10, 5, options);
    assert_true(front_wait_health(*state, 200));
    honest = front_connect(*state);
    return 0;
}

static int close_front(void **state) {
    close(honest);
    front_close(*state);
    return 0;
}

static const char *code_of(int status) {
    static const struct {
        int status;
        const char *code;
    } codes[] = {{400, "bad_request"},      {413, "body_too_large"},  {414, "uri_too_long"}, {417, "expectation"},
                 {431, "header_too_large"}, {501, "not_implemented"}, {505, "http_version"}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].status == status)
            return codes[i].code;
    return "";
}

/* The answer that comes, and nothing behind it. */
static void assert_refused(int fd, const char *what, int status) {
    front_read(fd, &answer);
    if (!front_says(&answer, status, code_of(status)) || !front_has_field(&answer, "Connection: close") || !front_at_end(fd))
        fail_msg("%s: not refused", what);
}

static void assert_taken(int fd, const char *what, int status) {
    front_read(fd, &answer);
    if (answer.status != status || front_has_field(&answer, "Connection: close"))
        fail_msg("%s: wanted %d, got %d: %s", what, status, answer.status, answer.body);
    front_read(fd, &answer);
    if (!front_says(&answer, 404, "no_such_path"))
        fail_msg("%s: what comes behind it is answered wrongly", what);
}

static void test_shapes(void **state) {
    for (size_t i = 0; i < hostile_shape_count; i++) {
        const hostile_shape *shape = &hostile_shapes[i];
        int fd = front_connect(*state);
        assert_true(front_send_bytes(fd, shape->text, shape->size));
        front_send(fd, hostile_marker); /* may fail: it may be closed already */
        if (shape->refused)
            assert_refused(fd, shape->what, shape->status);
        else
            assert_taken(fd, shape->what, shape->status);
        close(fd);
        assert_true(hostile_asks(honest));
    }
}

/* ---- too much of everything: `begin`, then `unit` again and again; refused while it comes, however it ends */

static const struct {
    const char *what, *begin, *unit;
    int status;
} oversized[] = {
    {"a method", "", "G", 400},
    {"a target", "GET /", "a", 414},
    {"a query", "GET /?", "a=b&", 414},
    {"segments", "GET ", "/a", 414},
    {"one name", "GET /healthz HTTP/1.1\r\n" HOST, "X", 431},
    {"one value", "GET /healthz HTTP/1.1\r\n" HOST "X: ", "y", 431},
    {"spaces before a value", "GET /healthz HTTP/1.1\r\n" HOST "X:", " ", 431},
    {"fields", "GET /healthz HTTP/1.1\r\n" HOST, "X: y\r\n", 431},
    {"Hosts", "GET /healthz HTTP/1.1\r\n", HOST, 431},
    {"empty lines", "", "\r\n", 431},
    {"digits of a length", POST "Content-Length: ", "0", 431},
    {"a body", POST "Content-Length: 1024\r\n\r\n", NULL, 401},
    {"a longer body", POST "Content-Length: 1025\r\n\r\n", "{", 413},
    {"digits of a chunk's size", CHUNKED, "0", 413},
    {"a chunk", CHUNKED "400\r\n", NULL, 401},
    {"a longer chunk", CHUNKED "401\r\n", "{", 413},
    {"chunks", CHUNKED, "1\r\n{\r\n", 413},
    {"one extension", CHUNKED "1;", "e", 413},
    {"chunks with extensions", CHUNKED, "1;eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\r\n{\r\n", 413},
    {"one trailer", CHUNKED "0\r\nX: ", "y", 431},
    {"a trailer's name", CHUNKED "0\r\n", "X", 431},
    {"trailers", CHUNKED "0\r\n", "X: y\r\n", 431},
};

/* What is just not too much is filled up and taken; the rest goes on until it is refused. */
static void test_oversized(void **state) {
    static char text[TEXT + 256];
    for (size_t i = 0; i < sizeof oversized / sizeof *oversized; i++) {
        const char *unit = oversized[i].unit != NULL ? oversized[i].unit : "{";
        size_t size = strlen(oversized[i].begin), most = oversized[i].unit != NULL ? TEXT : size + BODY_BYTES;
        memcpy(text, oversized[i].begin, size + 1);
        while (size < most)
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", unit);
        if (strstr(oversized[i].begin, "400\r\n") != NULL)
            size += (size_t)snprintf(text + size, sizeof text - size, "\r\n0\r\n\r\n");
        int fd = front_connect(*state);
        front_send_bytes(fd, text, size);
        if (oversized[i].unit != NULL) {
            assert_refused(fd, oversized[i].what, oversized[i].status);
        } else {
            front_send(fd, hostile_marker);
            assert_taken(fd, oversized[i].what, oversized[i].status);
        }
        close(fd);
        assert_true(hostile_asks(honest));
    }
}

/* A header that is as long as it may be leaves no room for trailers. */
static void test_header_and_trailers(void **state) {
    static char text[2 * HEADER_BYTES];
    for (int room = 1; room <= 2; room++) {
        size_t size = (size_t)snprintf(text, sizeof text, POST "Transfer-Encoding: chunked\r\nX: ");
        while (size < HEADER_BYTES - 4 - (size_t)room)
            text[size++] = 'x';
        size += (size_t)snprintf(text + size, sizeof text - size, "\r\n\r\n0\r\n\r\n");
        int fd = front_connect(*state);
        assert_true(front_send_bytes(fd, text, size));
        front_send(fd, hostile_marker);
        if (room == 1)
            assert_refused(fd, "no room for trailers", 431);
        else
            assert_taken(fd, "room for the end of trailers", 401);
        close(fd);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_oversized),
        cmocka_unit_test(test_header_and_trailers),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
