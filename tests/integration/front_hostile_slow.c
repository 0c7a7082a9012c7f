/* seckill-front and peers that are slow, never end, or do not read: each is cut off in time, and an honest peer is answered
 * meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: test\r\n"
#define POST "POST /v1/orders HTTP/1.1\r\n" HOST

enum { PEERS = 200, PAUSE_MS = 10 };

static front_answer answer; /* large: not on the stack */
static int honest;          /* a connection that does nothing wrong */

static int open_front(void **state) {
    static const char *const options[] = {"--header-timeout",
                                          "500ms",
                                          "--body-timeout",
                                          "500ms",
                                          "--write-timeout",
                                          "500ms",
                                          "--idle-timeout",
                                          "10s",
                                          "--max-connections-per-address",
                                          "0",
                                          NULL};
    *state = front_open(10, 5, options);
    assert_true(front_wait_health(*state, 200));
    return 0;
}

static int close_front(void **state) {
    front_close(*state);
    return 0;
}

static int connect_honest(void **state) {
    honest = front_connect(*state);
    return 0;
}

static int close_honest(void **state) {
    (void)state;
    close(honest);
    return 0;
}

/* ---- many that send a byte now and then, and never end */

static const struct {
    const char *what, *begin, *drip; /* the drip begins again at its end */
} slow[] = {
    {"request lines", "",
     "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"empty lines", "", "\r\n"},
    {"fields", "GET /healthz HTTP/1.1\r\n" HOST, "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"},
    {"bodies", POST "Content-Length: 8000\r\n\r\n", " "},
    {"chunks", POST "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
    {"extensions", POST "Transfer-Encoding: chunked\r\n\r\n1;", "e"},
    {"trailers", POST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"},
    {"bodies that were invited", POST "Expect: 100-continue\r\nContent-Length: 8000\r\n\r\n", " "},
};

static bool cut_off(int fd) {
    front_read(fd, &answer);
    return front_says(&answer, 408, "request_timeout") && front_has_field(&answer, "Connection: close");
}

static int begin(const front *one, const char *text) {
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    if (strstr(text, "100-continue") != NULL) {
        front_read_head(fd, &answer);
        assert_int_equal(answer.status, 100);
    }
    return fd;
}

/* Sends one byte on each that got no answer yet; returns how many those are. */
static int drip_round(const int *fds, char byte) {
    int left = 0;
    char first;
    for (int i = 0; i < PEERS; i++) {
        if (recv(fds[i], &first, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN)
            continue;
        left++;
        front_send_bytes(fds[i], &byte, 1);
    }
    return left;
}

static void test_slow_requests(void **state) {
    int fds[PEERS];
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        const char *drip = slow[i].drip;
        for (int k = 0; k < PEERS; k++)
            fds[k] = begin(*state, slow[i].begin);
        int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
        for (size_t round = 0; drip_round(fds, drip[round % strlen(drip)]) != 0; round++) {
            assert_true(hostile_asks(honest));
            if (front_now_ms() > end)
                fail_msg("%s: not cut off", slow[i].what);
            front_sleep_ms(PAUSE_MS);
        }
        for (int k = 0; k < PEERS; k++) {
            if (k % 20 == 0 && !cut_off(fds[k]))
                fail_msg("%s: not told so", slow[i].what);
            close(fds[k]);
        }
    }
}

/* ---- who asks and does not read, or reads as little as can be */

static const char metrics[] = "GET /metrics HTTP/1.1\r\n" HOST "\r\n";

/* Asks until nothing more can be sent for a while. */
static int ask_without_reading(const front *one) {
    int fd = front_connect(one), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct pollfd watched = {fd, POLLOUT, 0};
    while (poll(&watched, 1, 200) == 1 && (watched.revents & (POLLERR | POLLHUP)) == 0)
        if (send(fd, metrics, sizeof metrics - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            break;
    return fd;
}

/* Until the front has no connections but those that ask for this. */
static void wait_for_none(void **state) {
    assert_true(front_wait_metric(*state, "seckill_front_connections 0"));
}

static void test_no_reader(void **state) {
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = ask_without_reading(*state);
        assert_true(hostile_asks(honest));
    }
    close(honest);
    wait_for_none(state);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    honest = front_connect(*state);
}

/* A few bytes at a time are not enough: the time is for all of an answer. */
static void test_slow_reader(void **state) {
    int fd = ask_without_reading(*state);
    char byte;
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    close(honest);
    while (front_metric(*state, "seckill_front_connections") != 0) {
        assert_true(front_now_ms() < end);
        for (int i = 0; i < 4; i++)
            (void)recv(fd, &byte, 1, MSG_DONTWAIT);
        front_sleep_ms(PAUSE_MS);
    }
    close(fd);
    honest = front_connect(*state);
}

/* ---- who goes in the middle of something */

static const char *const halves[] = {
    "G",
    "GET /v1/activities/sale HTTP/1.1\r\nHo",
    POST "Content-Length: 500\r\n\r\n{\"token\":",
    POST "Transfer-Encoding: chunked\r\n\r\n1ff\r\n{",
    POST "Expect: 100-continue\r\nContent-Length: 500\r\n\r\n",
    "GET /metrics HTTP/1.1\r\n" HOST "\r\nGET /metrics HTTP/1.1\r\n" HOST "\r\nGET",
    "GET /v1/activities/none HTTP/1.1\r\n" HOST "\r\n",
    "nonsense\r\n\r\n",
};

enum { HALVES = sizeof halves / sizeof *halves };

static void test_gone(void **state) {
    for (int i = 0; i < 600; i++) {
        int fd = front_connect(*state);
        front_send(fd, halves[i % HALVES]);
        if (i % 3 == 0)
            front_reset(fd);
        else if (i % 3 == 1)
            close(fd);
        else {
            shutdown(fd, SHUT_RD);
            close(fd);
        }
        if (i % 20 == 0)
            assert_true(hostile_asks(honest));
    }
    close(honest);
    wait_for_none(state);
    honest = front_connect(*state);
}

/* Only the half that sends is closed: what is asked completely is answered, then, or without it, the connection ends. */
static void test_half_closed(void **state) {
    for (int i = 0; i < HALVES; i++) {
        int fd = front_connect(*state);
        front_send(fd, halves[i]);
        shutdown(fd, SHUT_WR);
        do
            front_read(fd, &answer);
        while (!answer.ended);
        close(fd);
    }
    assert_true(hostile_asks(honest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slow_requests, connect_honest, close_honest),
        cmocka_unit_test_setup_teardown(test_no_reader, connect_honest, close_honest),
        cmocka_unit_test_setup_teardown(test_slow_reader, connect_honest, close_honest),
        cmocka_unit_test_setup_teardown(test_gone, connect_honest, close_honest),
        cmocka_unit_test_setup_teardown(test_half_closed, connect_honest, close_honest),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
