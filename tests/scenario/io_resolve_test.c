/* A host with several addresses: lib/io with a resolver that says what the test wants.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* RTLD_NEXT, usleep */
#include "io_fixture.h"

#include "redis_server.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the resolver of this program: libuv's threads call it */

typedef int (*resolve)(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found);

static const char *const *answers; /* of "many.test", NULL at the end */
static _Atomic int answer_error;
static _Atomic bool answers_wait;
static _Atomic int asked, answered;

static int resolve_really(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    resolve really;

    memcpy(&really, &symbol, sizeof(really));
    return really(host, service, hints, found);
}

int getaddrinfo(const char *restrict host, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found) {
    if (host == NULL || strcmp(host, "many.test") != 0)
        return resolve_really(host, service, hints, found);
    asked++;
    while (answers_wait)
        (void)usleep(500);
    answered++;
    if (answer_error != 0)
        return answer_error;
    for (int i = 0; answers[i] != NULL; i++) {
        int error = resolve_really(answers[i], service, hints, found);
        if (error != 0)
            return error;
        found = &(*found)->ai_next;
    }
    return 0;
}

/* ---- */

/* Connections are made by the kernel; nobody needs to accept them. */
static int listen_at(const char *ip, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    assert_int_equal(inet_pton(AF_INET, ip, &address.sin_addr), 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void open_many(io_test *test, int port, char address[40], const char *const *ips) {
    answers = ips;
    answer_error = 0;
    (void)snprintf(address, 40, "many.test:%d", port);
    test->config.address = address;
    io_test_open(test);
}

static void tries_each_address_in_turn(void **state) {
    static const char *const ips[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", NULL};
    io_test *test = *state;
    int port = redis_server_free_port(), fd = listen_at("127.0.0.4", port);
    char address[40];

    open_many(test, port, address, ips);
    io_test_until(test, test->ups == 1);
    assert_int_equal(test->downs, 0);
    assert_non_null(strstr(test->logged, "connected to 127.0.0.4:"));
    close(fd);
}

static void names_the_last_of_them_all(void **state) {
    static const char *const ips[] = {"127.0.0.2", "127.0.0.3", NULL};
    io_test *test = *state;
    char address[40];

    open_many(test, redis_server_free_port(), address, ips);
    io_test_until(test, test->downs == 2);
    assert_non_null(strstr(test->cause, "cannot connect to 127.0.0.3:"));
}

/* The first one never answers: it is given its part of the time, not all of it. */
static void an_address_that_is_deaf_does_not_hide_the_next(void **state) {
    static const char *const ips[] = {"127.0.0.1", "127.0.0.2", NULL};
    io_test *test = *state;
    int port, fd;
    char address[40];

    io_test_fake(test, FAKE_REDIS_DEAF);
    port = fake_redis_port(test->fake);
    fd = listen_at("127.0.0.2", port);
    test->config.connect_timeout_ms = 400;
    open_many(test, port, address, ips);
    io_test_until(test, test->ups == 1);
    assert_int_equal(test->downs, 0);
    close(fd);
}

/* More than are kept: the rest is left out. */
static void a_host_may_have_many_addresses(void **state) {
    static const char *const ips[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4",  "127.0.0.5",  "127.0.0.6", "127.0.0.7",
                                      "127.0.0.8", "127.0.0.9", "127.0.0.10", "127.0.0.11", NULL};
    io_test *test = *state;
    char address[40];

    open_many(test, redis_server_free_port(), address, ips);
    io_test_until(test, test->downs == 1);
    assert_non_null(strstr(test->cause, "cannot connect to 127.0.0.9:"));
}

static void comes_back_when_the_name_does(void **state) {
    static const char *const ips[] = {"127.0.0.2", NULL};
    io_test *test = *state;
    int port = redis_server_free_port(), fd = listen_at("127.0.0.2", port);
    char address[40];

    open_many(test, port, address, ips);
    answer_error = EAI_AGAIN; /* nothing has been asked yet */
    io_test_until(test, test->downs == 2);
    assert_string_equal(test->cause, "cannot resolve many.test: temporary failure");
    answer_error = 0; /* a question may be under way: then this is for the next */
    io_test_until(test, test->ups == 1);
    close(fd);
}

/* A thread that asks cannot be stopped: its request is memory of the connection. */
static void closing_waits_for_the_resolver(void **state) {
    static const char *const ips[] = {"127.0.0.2", NULL};
    io_test *test = *state;
    char address[40];

    asked = answered = 0;
    answers_wait = true;
    open_many(test, redis_server_free_port(), address, ips);
    io_test_until(test, asked == 1);
    sk__io_close(test->io, io_test_on_close, test);
    for (int i = 0; i < 10; i++)
        io_test_run_once(test);
    assert_int_equal(test->closes, 0);
    answers_wait = false;
    io_test_until(test, test->closes == 1);
    assert_int_equal(test->ups + test->downs, 0);
}

/* It belongs to an attempt that was given up: nothing is connected before the wait is over. */
static void a_late_answer_is_left_alone(void **state) {
    static const char *const ips[] = {"127.0.0.2", NULL};
    io_test *test = *state;
    int port = redis_server_free_port(), fd = listen_at("127.0.0.2", port);
    char address[40];

    asked = answered = 0;
    answers_wait = true;
    test->config.connect_timeout_ms = 20;
    test->config.reconnect_min_ms = test->config.reconnect_max_ms = 3600000;
    open_many(test, port, address, ips);
    io_test_until(test, test->downs == 1);
    assert_string_equal(test->cause, "cannot resolve many.test: no answer within 20 ms");
    answers_wait = false;
    io_test_until(test, answered == 1);
    for (int i = 0; i < 10; i++)
        io_test_run_once(test);
    assert_int_equal(test->ups, 0);
    assert_int_equal(test->downs, 1);
    close(fd);
}

/* A name that takes long is left for the next one, which is asked for as soon as the thread is free. */
static void the_next_name_gets_its_turn(void **state) {
    static const char *const ips[] = {"127.0.0.2", NULL};
    io_test *test = *state;
    char seeds[80];

    io_test_fake(test, FAKE_REDIS_TCP);
    answers = ips;
    answer_error = 0;
    asked = answered = 0;
    answers_wait = true;
    (void)snprintf(seeds, sizeof(seeds), "many.test:%d,localhost:%d", redis_server_free_port(), fake_redis_port(test->fake));
    test->config.address = seeds;
    test->config.connect_timeout_ms = 30;
    io_test_open(test);
    io_test_until(test, test->downs == 4);
    assert_int_equal(asked, 1);
    assert_non_null(strstr(test->logged, "cannot resolve many.test: no answer within 30 ms"));
    assert_non_null(strstr(test->logged, "cannot resolve localhost: no answer within 30 ms"));
    assert_int_equal(test->ups, 0);
    answers_wait = false;
    io_test_until(test, test->ups == 1);
    assert_non_null(strstr(test->logged, "connected to 127.0.0.1:"));
}

static void closing_asks_for_no_other_name(void **state) {
    static const char *const ips[] = {"127.0.0.2", NULL};
    io_test *test = *state;

    answers = ips;
    asked = answered = 0;
    answers_wait = true;
    test->config.address = "many.test:1,localhost:1";
    test->config.connect_timeout_ms = 20;
    io_test_open(test);
    io_test_until(test, test->downs == 1 && asked == 1);
    for (int64_t begin = io_test_now_ms(); io_test_now_ms() - begin < 10;)
        io_test_run_once(test); /* the second name is wanted by now */
    sk__io_close(test->io, io_test_on_close, test);
    io_test_run_once(test);
    answers_wait = false;
    io_test_until(test, test->closes == 1);
    assert_int_equal(test->ups, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tries_each_address_in_turn),
        TEST(names_the_last_of_them_all),
        TEST(an_address_that_is_deaf_does_not_hide_the_next),
        TEST(a_host_may_have_many_addresses),
        TEST(comes_back_when_the_name_does),
        TEST(closing_waits_for_the_resolver),
        TEST(a_late_answer_is_left_alone),
        TEST(the_next_name_gets_its_turn),
        TEST(closing_asks_for_no_other_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
