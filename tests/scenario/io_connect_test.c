/* How lib/io connects, logs in, and comes back: against a scripted server.
 *
 * Waits that must not happen are longer than the test's guard: the timeouts of the fixture are.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fixture.h"

#include "redis_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- up */

static void connects_over_a_unix_socket(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    io_test_open(test);
    assert_false(sk__io_is_up(test->io));
    assert_string_equal(sk__io_trouble(test->io), "not connected yet");
    io_test_until(test, test->ups == 1);
    assert_true(sk__io_is_up(test->io));
    assert_string_equal(sk__io_trouble(test->io), "");
    assert_int_equal(sk__io_connections(test->io), 1);
    assert_non_null(strstr(test->logged, "2 connected to unix:/"));
}

static void connects_over_tcp(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_TCP);
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_int_equal(test->downs, 0);
}

/* Where localhost has an IPv6 address too, nobody listens on that: the next address is tried. */
static void connects_to_a_host_name(void **state) {
    io_test *test = *state;
    char address[40];

    io_test_fake(test, FAKE_REDIS_TCP);
    (void)snprintf(address, sizeof(address), "localhost:%d", fake_redis_port(test->fake));
    test->config.address = address;
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_int_equal(test->downs, 0);
    assert_non_null(strstr(test->logged, "connected to 127.0.0.1:"));
}

/* ---- not up */

static void a_refused_connection_is_noticed_at_once(void **state) {
    io_test *test = *state;
    char address[40];

    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", redis_server_free_port());
    test->config.address = address;
    io_test_open(test);
    io_test_until(test, test->downs >= 3);
    assert_int_equal(test->ups, 0);
    assert_non_null(strstr(test->cause, "cannot connect to 127.0.0.1:"));
    assert_non_null(strstr(test->cause, "Connection refused"));
    assert_string_equal(sk__io_trouble(test->io), test->cause);
    /* The same trouble is news once. */
    assert_null(strstr(strstr(test->logged, "refused") + 1, "refused"));
}

static void a_missing_unix_socket_is_noticed_at_once(void **state) {
    io_test *test = *state;

    test->config.address = "unix:/nonexistent/redis.sock";
    io_test_open(test);
    io_test_until(test, test->downs >= 3);
    assert_string_equal(test->cause, "cannot connect to unix:/nonexistent/redis.sock: No such file or directory");
}

static void an_unknown_host_is_named(void **state) {
    io_test *test = *state;

    /* A label of 64 bytes: the resolver says no without asking a name server. */
    test->config.address = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid";
    io_test_open(test);
    io_test_until(test, test->downs >= 2);
    assert_non_null(strstr(test->cause, "cannot resolve aaaa"));
}

/* ---- a resolver that hangs: libuv's only thread is held until `mutex` is free */

typedef struct {
    uv_work_t work;
    uv_sem_t begun;
    uv_mutex_t mutex;
} held_thread;

static void on_held(uv_work_t *work) {
    held_thread *held = work->data;

    uv_sem_post(&held->begun);
    uv_mutex_lock(&held->mutex);
    uv_mutex_unlock(&held->mutex);
}

/* Returns when the thread is held. Else it could look up a name first, although that is asked for later: where the test before
 * cancelled a look-up that had not begun, its place in libuv's queue is still there, and the next look-up gets it. */
static void hold_thread(io_test *test, held_thread *held) {
    uv_sem_init(&held->begun, 0);
    uv_mutex_init(&held->mutex);
    uv_mutex_lock(&held->mutex);
    held->work.data = held;
    assert_int_equal(uv_queue_work(&test->loop, &held->work, on_held, NULL), 0);
    uv_sem_wait(&held->begun);
    uv_sem_destroy(&held->begun);
}

static void waits_for_a_slow_resolver(void **state) {
    io_test *test = *state;
    held_thread held;
    char address[40];

    hold_thread(test, &held);
    io_test_fake(test, FAKE_REDIS_TCP);
    (void)snprintf(address, sizeof(address), "localhost:%d", fake_redis_port(test->fake));
    test->config.address = address;
    test->config.connect_timeout_ms = 20;
    io_test_open(test);
    io_test_until(test, test->downs == 3);
    assert_string_equal(test->cause, "cannot resolve localhost: no answer within 20 ms");
    uv_mutex_unlock(&held.mutex);
    io_test_until(test, test->ups == 1);
    uv_mutex_destroy(&held.mutex);
}

static void closes_while_it_resolves(void **state) {
    io_test *test = *state;
    held_thread held;

    hold_thread(test, &held);
    test->config.address = "localhost";
    io_test_open(test);
    for (int i = 0; i < 5; i++)
        uv_run(&test->loop, UV_RUN_NOWAIT);
    io_test_close(test);
    uv_mutex_unlock(&held.mutex);
    uv_run(&test->loop, UV_RUN_DEFAULT);
    assert_int_equal(test->ups + test->downs, 0);
    uv_mutex_destroy(&held.mutex);
}

static void a_host_that_does_not_answer_is_given_up(void **state) {
    io_test *test = *state;
    int64_t begin = io_test_now_ms();

    io_test_fake(test, FAKE_REDIS_DEAF);
    test->config.connect_timeout_ms = 50;
    io_test_open(test);
    io_test_until(test, test->downs == 1);
    assert_true(io_test_now_ms() - begin >= 49);
    assert_non_null(strstr(test->cause, "no connection within 50 ms"));
}

static void refuses_bad_configurations(void **state) {
    io_test *test = *state;

    test->config.address = "host:0";
    assert_int_equal(sk__io_open(&test->config, &test->io), SECKILL_INVALID);
    assert_null(test->io);
    test->config.address = "host";
    test->config.user = "bob";
    assert_int_equal(sk__io_open(&test->config, &test->io), SECKILL_INVALID);
    assert_null(test->io);
}

/* ---- AUTH */

static void logs_in_with_a_password(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH secret\n wait\n drip +OK");
    test->config.password = "secret";
    io_test_open(test);
    io_test_until(test, fake_redis_received(test->fake) == 1);
    assert_int_equal(test->ups, 0);
    assert_false(sk__io_is_up(test->io));
    fake_redis_go(test->fake);
    io_test_until(test, test->ups == 1);
    assert_string_equal(fake_redis_failure(test->fake), "");
}

static void logs_in_as_a_user(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_TCP);
    fake_redis_script(test->fake, "expect AUTH bob se\\x20cret\n reply +OK");
    test->config.user = "bob";
    test->config.password = "se cret";
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_string_equal(fake_redis_failure(test->fake), "");
}

static void tries_again_after_a_wrong_password(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH secret\n reply -WRONGPASS invalid username-password pair");
    fake_redis_script(test->fake, "expect AUTH secret\n reply +OK");
    test->config.password = "secret";
    io_test_open(test);
    io_test_until(test, test->downs == 1);
    assert_non_null(strstr(test->cause, "refused AUTH: WRONGPASS invalid username-password pair"));
    assert_int_equal(test->down_status, SECKILL_DENIED);
    assert_int_equal(test->ups, 0);
    io_test_until(test, test->ups == 1);
    assert_string_equal(fake_redis_failure(test->fake), "");
    assert_null(strstr(test->logged, "secret"));
}

static void an_odd_answer_to_auth_is_no_login(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH secret\n reply :1");
    test->config.password = "secret";
    io_test_open(test);
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->ups, 0);
}

static void a_server_that_stalls_at_auth_is_given_up(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_TCP);
    fake_redis_script(test->fake, "expect AUTH secret");
    test->config.password = "secret";
    test->config.connect_timeout_ms = 50;
    io_test_open(test);
    io_test_until(test, test->downs == 2);
    assert_int_equal(test->ups, 0);
    assert_non_null(strstr(test->cause, "no answer to AUTH from 127.0.0.1:"));
    assert_non_null(strstr(test->cause, "within 50 ms"));
}

static void a_connection_closed_at_auth_is_given_up(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH *\n close");
    test->config.password = "secret";
    io_test_open(test);
    io_test_until(test, test->downs == 2);
    assert_int_equal(test->ups, 0);
    assert_non_null(strstr(test->cause, "lost the connection to unix:/"));
}

static void a_full_server_is_heard(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "reply -ERR max number of clients reached\n close");
    io_test_open(test);
    io_test_until(test, test->downs == 1);
    assert_string_equal(test->cause, "Redis said what it was not asked: ERR max number of clients reached");
}

/* ---- again */

static void comes_back_when_the_server_does(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_TCP);
    fake_redis_script(test->fake, "expect PING\n reply +PONG\n again");
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    fake_redis_refuse(test->fake);
    io_test_until(test, test->downs >= 3);
    assert_int_equal(test->ups, 1);
    fake_redis_listen(test->fake);
    io_test_until(test, test->ups == 2);
    assert_int_equal(io_test_send(test, "PING"), SECKILL_OK);
    io_test_until(test, test->replied == 1);
    assert_int_equal(test->replies[0].kind, SK__REPLY_BYTES);
    assert_int_equal(sk__io_connections(test->io), 2);
}

/* Each wait is at least the minimum, and at most what the number of failures allows (see io_address_test). */
static void waits_between_attempts(void **state) {
    io_test *test = *state;
    int64_t begin = io_test_now_ms();

    test->config.address = "unix:/nonexistent/redis.sock";
    test->config.reconnect_min_ms = 20;
    test->config.reconnect_max_ms = 20;
    io_test_open(test);
    io_test_until(test, test->downs == 5);
    assert_true(io_test_now_ms() - begin >= 4 * 20 - 4);
}

/* A server that drops every connection at once is not asked every reconnect_min_ms: coming up alone does not end the backoff.
 */
static void a_revolving_door_is_not_pushed(void **state) {
    io_test *test = *state;
    unsigned wait_ms = 0, longest_ms = 0;
    const char *at;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "close");
    test->config.reconnect_min_ms = 1;
    test->config.reconnect_max_ms = 4096;
    test->log.level = SECKILL_LOG_DEBUG;
    io_test_open(test);
    io_test_until(test, test->downs == 8);
    assert_int_equal(test->ups, 8);
    for (at = strstr(test->logged, "again in "); at != NULL; at = strstr(at + 1, "again in "))
        if (sscanf(at, "again in %u ms", &wait_ms) == 1 && wait_ms > longest_ms)
            longest_ms = wait_ms;
    /* The eighth wait alone is above 8 with a probability of 97 %, all of them together with practical certainty. */
    assert_true(longest_ms > 8);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(connects_over_a_unix_socket),
        TEST(connects_over_tcp),
        TEST(connects_to_a_host_name),
        TEST(a_refused_connection_is_noticed_at_once),
        TEST(a_missing_unix_socket_is_noticed_at_once),
        TEST(an_unknown_host_is_named),
        TEST(waits_for_a_slow_resolver),
        TEST(closes_while_it_resolves),
        TEST(a_host_that_does_not_answer_is_given_up),
        TEST(refuses_bad_configurations),
        TEST(logs_in_with_a_password),
        TEST(logs_in_as_a_user),
        TEST(tries_again_after_a_wrong_password),
        TEST(an_odd_answer_to_auth_is_no_login),
        TEST(a_server_that_stalls_at_auth_is_given_up),
        TEST(a_connection_closed_at_auth_is_given_up),
        TEST(a_full_server_is_heard),
        TEST(comes_back_when_the_server_does),
        TEST(waits_between_attempts),
        TEST(a_revolving_door_is_not_pushed),
    };

    setenv("UV_THREADPOOL_SIZE", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
