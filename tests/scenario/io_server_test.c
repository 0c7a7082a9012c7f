/* lib/io with a real server.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fixture.h"

#include "redis_server.h"

#include <string.h>

enum { SKIPPED = 77 };

static const char *const acl[] = {"user default on nopass ~* +@all", "user alice on >wonderland ~* +@all", NULL};

static redis_server *start(io_test *test, bool tcp) {
    const redis_server_options options = {tcp, false, acl};
    redis_server *server = redis_server_start(&options);

    assert_non_null(server);
    test->config.address = tcp ? redis_server_tcp_address(server) : redis_server_address(server);
    return server;
}

static void ask(io_test *test, const char *words, sk__reply_kind kind, const char *text) {
    int before = test->replied;

    assert_int_equal(io_test_send(test, words), SECKILL_OK);
    io_test_until(test, test->replied > before);
    assert_int_equal(test->replies[before].kind, kind);
    assert_string_equal(test->replies[before].text, text);
}

static void talks_to_redis(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, true);

    io_test_open(test);
    io_test_until(test, test->ups == 1);
    ask(test, "SET key value", SK__REPLY_BYTES, "OK");
    ask(test, "GET key", SK__REPLY_BYTES, "value");
    ask(test, "GET nothing", SK__REPLY_OTHER, "");
    ask(test, "HGET key field", SK__REPLY_ERROR, "WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_int_equal(test->downs, 0);
    redis_server_free(server);
}

static void logs_in_to_redis(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, false);

    test->config.user = "alice";
    test->config.password = "wonderland";
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    ask(test, "ACL WHOAMI", SK__REPLY_BYTES, "alice");
    redis_server_free(server);
}

static void logs_in_once_the_password_is_right(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, false);

    test->config.user = "alice";
    test->config.password = "looking-glass";
    io_test_open(test);
    io_test_until(test, test->downs >= 2);
    assert_non_null(strstr(test->cause, "refused AUTH: WRONGPASS"));
    assert_int_equal(test->ups, 0);
    redis_server_forget(redis_server_command(server, "ACL SETUSER alice >looking-glass"));
    io_test_until(test, test->ups == 1);
    ask(test, "ACL WHOAMI", SK__REPLY_BYTES, "alice");
    redis_server_free(server);
}

static void passes_on_what_redis_refuses(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, false);

    redis_server_forget(redis_server_command(server, "ACL SETUSER default resetpass"));
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    ask(test, "GET key", SK__REPLY_ERROR, "NOAUTH Authentication required.");
    assert_int_equal(test->downs, 0);
    redis_server_free(server);
}

static void survives_a_crash_and_a_restart(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, true);

    io_test_open(test);
    io_test_until(test, test->ups == 1);
    ask(test, "PING", SK__REPLY_BYTES, "PONG");
    redis_server_pause(server); /* so that it takes the command and does not answer */
    assert_int_equal(io_test_send(test, "PING"), SECKILL_OK);
    for (int i = 0; i < 3; i++)
        io_test_run_once(test);
    redis_server_kill(server);
    io_test_until(test, test->downs >= 3);
    assert_int_equal(test->replies[1].kind, SK__REPLY_LOST);
    assert_non_null(strstr(test->cause, "Connection refused"));
    assert_true(redis_server_restart(server));
    io_test_until(test, test->ups == 2);
    ask(test, "PING", SK__REPLY_BYTES, "PONG");
    redis_server_free(server);
}

static void gives_up_on_a_server_that_hangs(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, false);

    test->config.command_timeout_ms = 100;
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    redis_server_pause(server);
    assert_int_equal(io_test_send(test, "PING"), SECKILL_OK);
    io_test_until(test, test->downs == 1);
    assert_string_equal(test->cause, "no answer from Redis for 100 ms");
    redis_server_resume(server);
    io_test_until(test, test->ups >= 2);
    ask(test, "PING", SK__REPLY_BYTES, "PONG");
    redis_server_free(server);
}

static void on_late(uv_timer_t *timer) {
    *(bool *)timer->data = true;
    uv_stop(timer->loop);
}

/* Nothing else is on the loop that would. */
static void keeps_the_loop_alive_while_it_is_idle(void **state) {
    io_test *test = *state;
    redis_server *server = start(test, false);
    uv_timer_t timer;
    bool late = false;

    io_test_open(test);
    io_test_until(test, test->ups == 1);
    uv_timer_init(&test->loop, &timer);
    timer.data = &late;
    uv_timer_start(&timer, on_late, 30, 0);
    uv_unref((uv_handle_t *)&timer);
    uv_run(&test->loop, UV_RUN_DEFAULT);
    assert_true(late);
    uv_close((uv_handle_t *)&timer, NULL);
    io_test_close(test);
    redis_server_free(server);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(talks_to_redis),
        TEST(logs_in_to_redis),
        TEST(logs_in_once_the_password_is_right),
        TEST(passes_on_what_redis_refuses),
        TEST(survives_a_crash_and_a_restart),
        TEST(gives_up_on_a_server_that_hangs),
        TEST(keeps_the_loop_alive_while_it_is_idle),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
