/* The parser of the HTTP server by itself, without a socket: it must not matter in which pieces bytes arrive, and nothing is
 * taken that belongs to the next request.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile_shapes.h"
#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const http_limits limits = {.target_bytes = 2048, .header_bytes = 16384, .body_bytes = 8192};

typedef struct {
    http_parser parser;
    http_request request;
    http_feed outcome;
    size_t taken;
} reading;

static void begin(reading *one) {
    memset(one, 0, sizeof *one);
    http_parser_begin(&one->parser, &limits, &one->request);
}

/* Feeds one piece, as a connection does, from memory of its own, so that nothing is read beside it unseen. */
static void feed(reading *one, const char *data, size_t size) {
    char *copy = malloc(size != 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    size_t at = 0, used;
    do {
        one->outcome = http_parser_feed(&one->parser, copy + at, size - at, &used);
        assert_true(used <= size - at);
        at += used;
    } while (one->outcome == HTTP_FEED_HEADER);
    one->taken += at;
    free(copy);
}

static void assert_outcome(reading *one, const hostile_shape *shape) {
    int status = one->parser.refusal.status;
    if (shape->refused ? one->outcome != HTTP_FEED_REFUSED || status != shape->status
                       : one->outcome != HTTP_FEED_DONE || one->taken != shape->size)
        fail_msg("%s: outcome %d, status %d, %zu of %zu bytes", shape->what, (int)one->outcome, status, one->taken,
                 shape->size);
    http_request_clear(&one->request);
}

/* The shape with another request behind it. */
static size_t join(const hostile_shape *shape, char text[1024]) {
    assert_true(shape->size + strlen(hostile_marker) < 1024);
    memcpy(text, shape->text, shape->size);
    memcpy(text + shape->size, hostile_marker, strlen(hostile_marker));
    return shape->size + strlen(hostile_marker);
}

static void test_whole(void **state) {
    (void)state;
    char text[1024];
    for (size_t i = 0; i < hostile_shape_count; i++) {
        reading one;
        begin(&one);
        feed(&one, text, join(&hostile_shapes[i], text));
        assert_outcome(&one, &hostile_shapes[i]);
    }
}

static void test_two_pieces(void **state) {
    (void)state;
    char text[1024];
    for (size_t i = 0; i < hostile_shape_count; i++) {
        size_t size = join(&hostile_shapes[i], text);
        for (size_t cut = 1; cut < hostile_shapes[i].size; cut++) {
            reading one;
            begin(&one);
            feed(&one, text, cut);
            if (one.outcome == HTTP_FEED_MORE)
                feed(&one, text + cut, size - cut);
            assert_outcome(&one, &hostile_shapes[i]);
        }
    }
}

static void test_single_bytes(void **state) {
    (void)state;
    char text[1024];
    for (size_t i = 0; i < hostile_shape_count; i++) {
        size_t size = join(&hostile_shapes[i], text);
        reading one;
        begin(&one);
        for (size_t at = 0; at < size && one.outcome == HTTP_FEED_MORE; at++)
            feed(&one, text + at, 1);
        assert_outcome(&one, &hostile_shapes[i]);
    }
}

/* What is refused stays refused. */
static void test_refused_for_good(void **state) {
    (void)state;
    for (size_t i = 0; i < hostile_shape_count; i++) {
        reading one;
        if (!hostile_shapes[i].refused)
            continue;
        begin(&one);
        feed(&one, hostile_shapes[i].text, hostile_shapes[i].size);
        feed(&one, hostile_marker, strlen(hostile_marker));
        assert_outcome(&one, &hostile_shapes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_two_pieces),
        cmocka_unit_test(test_single_bytes),
        cmocka_unit_test(test_refused_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
