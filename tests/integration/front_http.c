/* seckill-front as an HTTP server: what it takes, what it refuses, and when it has had enough.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: test\r\n"
#define GET_SALE "GET /v1/activities/sale HTTP/1.1\r\n" HOST "\r\n"

static int open_front(void **state) {
    static const char *const options[] = {"--header-timeout",
                                          "400ms",
                                          "--body-timeout",
                                          "400ms",
                                          "--idle-timeout",
                                          "700ms",
                                          "--write-timeout",
                                          "400ms",
                                          "--max-connections",
                                          "8",
                                          "--max-requests",
                                          "200",
                                          "--max-target-bytes",
                                          "1024",
                                          "--max-header-bytes",
                                          "2048",
                                          "--max-body-bytes",
                                          "512",
                                          NULL};
    *state = front_open(10, 5, options);
    return 0;
}

static int close_front(void **state) {
    front_close(*state);
    return 0;
}

static front_answer answer; /* large: not on the stack */

/* ---- what must be refused, and how */

static const struct {
    const char *what, *text;
    int status;
    const char *code;
} refused[] = {
    {"length and coding",
     "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     "bad_request"},
    {"coding and length",
     "POST /v1/orders HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400,
     "bad_request"},
    {"two lengths", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
     "bad_request"},
    {"one length twice", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400,
     "bad_request"},
    {"a list of lengths", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400, "bad_request"},
    {"a length with a sign", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400, "bad_request"},
    {"a negative length", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", 400, "bad_request"},
    {"a huge length", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\nabc", 400,
     "bad_request"},
    {"two codings",
     "POST /v1/orders HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     "bad_request"},
    {"chunked is not last", "POST /v1/orders HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400, "bad_request"},
    {"another coding", "POST /v1/orders HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
     "not_implemented"},
    {"coding in 1.0", "POST /v1/orders HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"},
    {"a bad chunk size", "POST /v1/orders HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400,
     "bad_request"},
    {"a space before the colon", "GET / HTTP/1.1\r\nHost : test\r\n\r\n", 400, "bad_request"},
    {"no Host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 400, "bad_request"},
    {"two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, "bad_request"},
    {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_request"},
    {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_request"},
    {"a bad escape", "GET /v1/activities/%zz HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"a short escape", "GET /v1/activities/a%2 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"a bad escape in the query", "GET /healthz?a=%g0 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"a NUL in the path", "GET /v1/activities/a%00 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"a fragment", "GET /healthz#x HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"a raw byte in the path", "GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"no path", "GET healthz HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"a space in the path", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"bare line feeds", "GET /healthz HTTP/1.1\nHost: test\n\n", 400, "bad_request"},
    {"one bare line feed", "GET /healthz HTTP/1.1\n" HOST "\r\n", 400, "bad_request"},
    {"a bare carriage return", "GET /healthz HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400, "bad_request"},
    {"a folded line", "GET /healthz HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, "bad_request"},
    {"a control character",
     "GET /healthz HTTP/1.1\r\n" HOST "X: a\x01"
     "b\r\n\r\n",
     400, "bad_request"},
    {"a field without a name", "GET /healthz HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400, "bad_request"},
    {"a line without a colon", "GET /healthz HTTP/1.1\r\n" HOST "nothing\r\n\r\n", 400, "bad_request"},
    {"no such method", "BREW /healthz HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"},
    {"not HTTP", "\x16\x03\x01\x02rest of a TLS greeting\r\n\r\n", 400, "bad_request"},
    {"more behind the version", "GET /healthz HTTP/1.1 x\r\n" HOST "\r\n", 400, "bad_request"},
    {"HTTP/0.9", "GET /healthz\r\n\r\n", 505, "http_version"},
    {"HTTP/1.2", "GET /healthz HTTP/1.2\r\n" HOST "\r\n", 505, "http_version"},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version"},
    {"a proxy", "CONNECT example.org:443 HTTP/1.1\r\n" HOST "\r\n", 501, "not_implemented"},
    {"another expectation", "POST /v1/orders HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 2\r\n\r\n{}", 417,
     "expectation"},
    {"too large a body", "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 513\r\n\r\n", 413, "body_too_large"},
};

static void test_refused(void **state) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int fd = front_connect(*state);
        assert_true(front_send(fd, refused[i].text));
        front_read(fd, &answer);
        if (!front_says(&answer, refused[i].status, refused[i].code))
            fail_msg("%s", refused[i].what);
        assert_true(front_has_field(&answer, "Connection: close"));
        assert_true(front_at_end(fd)); /* and what stood behind it was not taken for a request */
        close(fd);
    }
}

/* The same, a byte at a time: it must not matter how the bytes arrive. */
static void test_refused_in_pieces(void **state) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i += 5) {
        int fd = front_connect(*state);
        for (const char *at = refused[i].text; *at != '\0' && front_send_bytes(fd, at, 1); at++)
            front_sleep_ms(1);
        front_read(fd, &answer);
        if (!front_says(&answer, refused[i].status, refused[i].code))
            fail_msg("%s", refused[i].what);
        close(fd);
    }
}

/* ---- limits */

static void test_large(void **state) {
    char text[8192], long_text[4096];
    memset(long_text, 'a', sizeof long_text);
    snprintf(text, sizeof text, "GET /%.1024s HTTP/1.1\r\n" HOST "\r\n", long_text);
    front_exchange(*state, text, &answer);
    assert_true(front_says(&answer, 414, "uri_too_long"));
    snprintf(text, sizeof text, "GET /%.1023s HTTP/1.1\r\n" HOST "\r\n", long_text);
    front_exchange(*state, text, &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "X: %.2100s\r\n\r\n", long_text);
    front_exchange(*state, text, &answer);
    assert_true(front_says(&answer, 431, "header_too_large"));
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "X: %.1900s\r\n\r\n", long_text);
    front_exchange(*state, text, &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    size_t size = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 70; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "X%d: 1\r\n", i);
    snprintf(text + size, sizeof text - size, "\r\n");
    front_exchange(*state, text, &answer);
    assert_true(front_says(&answer, 431, "header_too_large"));
}

static void test_chunks(void **state) {
    static const char head[] =
        "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    char text[8192];
    snprintf(text, sizeof text, "%s1;x=\"y\"\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n", head);
    front_exchange(*state, text, &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    int fd = front_connect(*state);
    front_send(fd, head);
    memset(text, ' ', 600);
    memcpy(text, "300\r\n", 5);
    front_send_bytes(fd, text, 600);
    front_read(fd, &answer);
    assert_true(front_says(&answer, 413, "body_too_large"));
    close(fd);
    /* Chunks of one byte with long extensions cost more than they carry. */
    fd = front_connect(*state);
    front_send(fd, head);
    memset(text, 'e', sizeof text);
    memcpy(text, "1;", 2);
    memcpy(text + sizeof text - 5, "\r\n{\r\n", 5);
    front_send_bytes(fd, text, sizeof text);
    front_read(fd, &answer);
    assert_true(front_says(&answer, 413, "body_too_large"));
    close(fd);
}

static void test_connections(void **state) {
    int held[8];
    for (int i = 0; i < 8; i++) {
        held[i] = front_connect(*state);
        front_send(held[i], GET_SALE);
        front_read(held[i], &answer);
        assert_int_equal(answer.status, 200);
    }
    int fd = front_connect(*state);
    front_send(fd, GET_SALE);
    front_read(fd, &answer);
    assert_true(front_says(&answer, 503, "overloaded"));
    assert_true(front_has_field(&answer, "Retry-After: 1"));
    assert_true(front_at_end(fd));
    close(fd);
    close(held[0]);
    front_sleep_ms(100);
    front_exchange(*state, GET_SALE, &answer);
    assert_int_equal(answer.status, 200);
    for (int i = 1; i < 8; i++)
        close(held[i]);
    front_sleep_ms(100);
}

static void test_requests_per_connection(void **state) {
    int fd = front_connect(*state);
    for (int i = 1; i <= 200; i++) {
        assert_true(front_send(fd, GET_SALE));
        front_read(fd, &answer);
        assert_int_equal(answer.status, 200);
        assert_int_equal(front_has_field(&answer, "Connection: close"), i == 200);
    }
    assert_true(front_at_end(fd));
    close(fd);
}

/* ---- deadlines */

/* Sends a byte now and then until the peer answers or closes; returns how long that took. */
static int64_t drip(int fd, const char *text) {
    int64_t begun = front_now_ms();
    char byte;
    for (; front_now_ms() - begun < FRONT_PATIENCE_MS; text += *text != '\0' && text[1] != '\0') {
        front_send_bytes(fd, text, 1);
        front_sleep_ms(30);
        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
            break;
    }
    return front_now_ms() - begun;
}

static void test_slow_header(void **state) {
    int fd = front_connect(*state);
    int64_t took = drip(fd, "GET / HTTP/1.1\r\n" HOST "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_in_range(took, 350, 5000);
    front_read(fd, &answer);
    assert_true(front_says(&answer, 408, "request_timeout"));
    assert_true(front_has_field(&answer, "Connection: close"));
    close(fd);
    /* Empty lines before a request are no way around it. */
    fd = front_connect(*state);
    took = drip(fd, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
    assert_in_range(took, 350, 5000);
    close(fd);
}

static void test_slow_body(void **state) {
    int fd = front_connect(*state);
    front_send(fd, "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 400\r\n\r\n");
    int64_t took = drip(fd, "                                                                   ");
    assert_in_range(took, 350, 5000);
    front_read(fd, &answer);
    assert_true(front_says(&answer, 408, "request_timeout"));
    close(fd);
}

static void test_idle(void **state) {
    int64_t begun = front_now_ms();
    int silent = front_connect(*state), used = front_connect(*state);
    front_send(used, GET_SALE);
    front_read(used, &answer);
    assert_true(front_at_end(silent));
    assert_true(front_at_end(used));
    assert_in_range(front_now_ms() - begun, 600, 8000);
    close(silent);
    close(used);
}

/* Who asks for more than he reads is cut off, and costs no more than the one answer that does not fit. */
static void test_slow_reader(void **state) {
    static const char request[] = "GET /metrics HTTP/1.1\r\n" HOST "\r\n";
    int fd = front_connect(*state), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    int64_t begun = front_now_ms();
    bool gone = false;
    while (!gone && front_now_ms() - begun < FRONT_PATIENCE_MS) {
        ssize_t sent = send(fd, request, sizeof request - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            front_sleep_ms(50);
        front_ask(*state, "GET", "/metrics", NULL, NULL, NULL, &answer);
        gone = sent < 0 && strstr(answer.body, "\nseckill_front_requests_in_progress 0\n") != NULL &&
               strstr(answer.body, "\nseckill_front_connections 0\n") != NULL;
    }
    assert_true(gone);
    close(fd);
}

/* The metrics are dear, and nobody is refused them: in a flood most get what was written for others. Each text that is written
 * anew has counted more answers. */
static void test_metrics_flood(void **state) {
    enum { TIMES = 400, TICK_MS = 100, EACH_TICK = 10 };
    static const char name[] = "{route=\"/metrics\",code=\"ok\"} ";
    int64_t begun = front_now_ms(), texts = 0;
    long before = -1;
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(front_ask(*state, "GET", "/metrics", NULL, NULL, NULL, &answer), 200);
        const char *at = strstr(answer.body, name);
        long count = at != NULL ? strtol(at + sizeof name - 1, NULL, 10) : 0;
        texts += count != before;
        before = count;
    }
    assert_in_range(texts, 1, ((front_now_ms() - begun) / TICK_MS + 2) * EACH_TICK);
}

/* ---- what must work */

static void test_pipelined(void **state) {
    char text[4096];
    size_t size = 0;
    for (int i = 0; i < 20; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s",
                                 i % 2 == 0 ? "GET /none HTTP/1.1\r\n" HOST "\r\n" : GET_SALE);
    snprintf(text + size, sizeof text - size,
             "GET /v1/activities/sale/items/phone HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /v1");
    int fd = front_connect(*state);
    assert_true(front_send(fd, text));
    for (int i = 0; i < 20; i++) {
        front_read(fd, &answer);
        assert_int_equal(answer.status, i % 2 == 0 ? 404 : 200);
    }
    front_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(front_number(&answer, "price"), 1999);
    assert_true(front_has_field(&answer, "Connection: close"));
    assert_true(front_at_end(fd));
    close(fd);
}

/* A peer that has sent all it wants to send may close that side and still read. */
static void test_half_closed(void **state) {
    int fd = front_connect(*state);
    assert_true(front_send(fd, GET_SALE "GET /v1/activities/sale/items/phone HTTP/1.1\r\n" HOST "\r\n"));
    shutdown(fd, SHUT_WR);
    front_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    front_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(front_at_end(fd));
    close(fd);
}

static void test_expect(void **state) {
    int fd = front_connect(*state);
    front_send(fd, "POST /v1/orders HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    front_read_head(fd, &answer);
    assert_int_equal(answer.status, 100);
    front_send(fd, "{}");
    front_read(fd, &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    /* Too large: the final answer comes at once, and the body need not be sent. */
    front_send(fd, "POST /v1/orders HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 9999\r\n\r\n");
    front_read(fd, &answer);
    assert_true(front_says(&answer, 413, "body_too_large"));
    close(fd);
}

static void test_head(void **state) {
    int fd = front_connect(*state);
    front_send(fd, "HEAD /v1/activities/sale HTTP/1.1\r\n" HOST "\r\n");
    front_read_head(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(front_has_field(&answer, "Content-Length: 37"));
    front_send(fd, GET_SALE); /* and what comes next is its answer, not a body */
    front_read(fd, &answer);
    assert_string_equal(answer.body, "{\"activity\":\"sale\",\"items\":[\"phone\"]}");
    front_send(fd, "HEAD /v1/orders HTTP/1.1\r\n" HOST "\r\n");
    front_read_head(fd, &answer);
    assert_int_equal(answer.status, 405);
    close(fd);
}

static void test_versions(void **state) {
    int fd = front_connect(*state);
    front_send(fd, "GET /v1/activities/sale HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    front_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(front_has_field(&answer, "Connection: keep-alive"));
    front_send(fd, "GET /v1/activities/sale HTTP/1.0\r\n\r\n");
    front_read(fd, &answer);
    assert_true(front_has_field(&answer, "Connection: close"));
    assert_true(front_at_end(fd));
    close(fd);
}

static void test_forms(void **state) {
    front_exchange(*state, "GET http://test/v1/activities/sale?x=%20 HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 200);
    front_exchange(*state, "GET /v1/activities/s%61le HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 200);
    front_exchange(*state, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    front_exchange(*state, "GET /v1/activities/sale HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", &answer);
    assert_int_equal(answer.status, 200);
    front_exchange(*state, "\r\n\r\n" GET_SALE, &answer);
    assert_int_equal(answer.status, 200);
}

/* Bytes without sense, from a seed that is always the same. */
static void test_noise(void **state) {
    static const char *const words[] = {"GET ",       "POST ",
                                        "/v1/orders", " HTTP/1.1\r\n",
                                        HOST,         "Content-Length: 5\r\n",
                                        "\r\n",       "\r",
                                        "\n",         ":",
                                        "%",          "Transfer-Encoding: chunked\r\n",
                                        "5\r\n",      "{\"",
                                        "\x00\xff",   "Expect: 100-continue\r\n"};
    unsigned seed = 1;
    for (int round = 0; round < 300; round++) {
        int fd = front_connect(*state);
        for (int i = 0; i < 12; i++) {
            seed = seed * 1103515245U + 12345U;
            const char *word = words[seed >> 16 & 15];
            if (!front_send_bytes(fd, word, word[0] == '\0' ? 2 : strlen(word)))
                break;
        }
        close(fd);
    }
    /* Those before may still be being closed. */
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    do
        front_exchange(*state, GET_SALE, &answer);
    while (answer.status != 200 && front_now_ms() < end);
    assert_int_equal(answer.status, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_refused_in_pieces),
        cmocka_unit_test(test_large),         cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_connections),   cmocka_unit_test(test_requests_per_connection),
        cmocka_unit_test(test_slow_header),   cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_idle),          cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_metrics_flood), cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_half_closed),   cmocka_unit_test(test_expect),
        cmocka_unit_test(test_head),          cmocka_unit_test(test_versions),
        cmocka_unit_test(test_forms),         cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
