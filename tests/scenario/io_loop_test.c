/* Turns, alarms, closing, foreign loops and memory of lib/io: against a scripted server.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fixture.h"

#include "redis_server.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static sk__transport *transport_of(io_test *test) {
    return sk__io_transport(test->io);
}

static void wake(io_test *test) {
    transport_of(test)->wake(transport_of(test));
}

static void open_with(io_test *test, fake_redis_kind kind, const char *script) {
    io_test_fake(test, kind);
    fake_redis_script(test->fake, script);
    io_test_open(test);
    io_test_until(test, test->ups == 1);
}

/* ---- turns */

static void many_wakes_are_one_turn(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    for (int i = 0; i < 10; i++)
        wake(test);
    assert_int_equal(test->turns, 0);
    uv_run(&test->loop, UV_RUN_NOWAIT);
    assert_int_equal(test->turns, 1);
    for (int i = 0; i < 10; i++)
        uv_run(&test->loop, UV_RUN_NOWAIT);
    assert_int_equal(test->turns, 1);
}

static void wake_again(io_test *test) {
    if (test->turns < 5)
        wake(test);
}

/* The loop has nothing else to wake it: with a turn slept over, this runs into the guard. */
static void a_turn_may_ask_for_another(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    uv_timer_stop(&test->guard);
    test->then_turn = wake_again;
    wake(test);
    while (test->turns < 5)
        uv_run(&test->loop, UV_RUN_ONCE);
}

static void on_prepare(uv_prepare_t *prepare) {
    uv_prepare_stop(prepare);
    wake(prepare->data);
}

static void on_check(uv_check_t *check) {
    uv_check_stop(check);
    wake(check->data);
}

/* Just before the loop blocks, and just after. */
static void a_wake_from_anywhere_is_not_slept_over(void **state) {
    io_test *test = *state;
    uv_prepare_t prepare;
    uv_check_t check;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    uv_timer_stop(&test->guard);
    uv_prepare_init(&test->loop, &prepare);
    uv_check_init(&test->loop, &check);
    prepare.data = check.data = test;
    uv_prepare_start(&prepare, on_prepare);
    while (test->turns < 1)
        uv_run(&test->loop, UV_RUN_ONCE);
    uv_check_start(&check, on_check);
    wake(test);
    while (test->turns < 3)
        uv_run(&test->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&check, NULL);
    uv_run(&test->loop, UV_RUN_NOWAIT);
}

static void send_in_turn(io_test *test) {
    assert_int_equal(io_test_send(test, "PING"), SECKILL_OK);
}

/* What a turn sends is written before the loop blocks: the server has it after one round. */
static void a_turn_is_written_at_once(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect PING\n reply +PONG\n again");
    test->then_turn = send_in_turn;
    wake(test);
    uv_run(&test->loop, UV_RUN_NOWAIT);
    assert_int_equal(fake_redis_received(test->fake), 1);
    io_test_until(test, test->replied == 1);
}

/* ---- the clock */

static void an_alarm_rings_once(void **state) {
    io_test *test = *state;
    int64_t due;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    due = transport_of(test)->now_ms(transport_of(test)) + 20;
    transport_of(test)->alarm(transport_of(test), due);
    io_test_until(test, test->turns == 1);
    assert_true(transport_of(test)->now_ms(transport_of(test)) >= due);
    transport_of(test)->alarm(transport_of(test), INT64_MAX);
    for (int i = 0; i < 20; i++)
        io_test_run_once(test);
    assert_int_equal(test->turns, 1);
}

static void the_last_alarm_counts(void **state) {
    io_test *test = *state;
    int64_t now;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    now = transport_of(test)->now_ms(transport_of(test));
    transport_of(test)->alarm(transport_of(test), now + 5);
    transport_of(test)->alarm(transport_of(test), INT64_MAX);
    for (int i = 0; i < 10; i++)
        io_test_run_once(test);
    assert_int_equal(test->turns, 0);
    transport_of(test)->alarm(transport_of(test), now + 3600000);
    transport_of(test)->alarm(transport_of(test), now - 5);
    io_test_until(test, test->turns == 1);
    /* The same one again is a new one. */
    transport_of(test)->alarm(transport_of(test), now - 5);
    io_test_until(test, test->turns == 2);
}

static void tells_the_time(void **state) {
    io_test *test = *state;
    int64_t wall;

    test->config.address = "unix:/nonexistent/redis.sock";
    io_test_open(test);
    wall = transport_of(test)->wall_ms(transport_of(test));
    assert_true(wall / 1000 - (int64_t)time(NULL) <= 1 && (int64_t)time(NULL) - wall / 1000 <= 1);
}

/* ---- closing */

static void close_it(io_test *test) {
    sk__io *io = test->io;

    sk__io_close(io, io_test_on_close, test);
    sk__io_close(io, io_test_on_close, test); /* ignored */
    assert_int_equal(test->closes, 0);
    assert_int_equal(io_test_send(test, "GET x"), SECKILL_UNREACHABLE);
    wake(test);
    transport_of(test)->alarm(transport_of(test), 0);
}

/* No event after the close; everything outstanding has been called back before the callback. */
static void assert_closed(io_test *test, int replied) {
    int events = test->ups + test->downs + test->turns;

    io_test_until(test, test->closes == 1);
    assert_int_equal(test->ups + test->downs + test->turns, events);
    assert_int_equal(test->replied, replied);
}

static void closes_before_it_began(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    io_test_open(test);
    close_it(test);
    assert_closed(test, 0);
}

static void closes_while_it_connects(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_DEAF);
    io_test_open(test);
    for (int i = 0; i < 3; i++)
        io_test_run_once(test);
    close_it(test);
    assert_closed(test, 0);
    assert_int_equal(test->ups + test->downs, 0);
}

static void closes_while_it_logs_in(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_TCP);
    fake_redis_script(test->fake, "expect AUTH secret");
    test->config.password = "secret";
    io_test_open(test);
    io_test_until(test, fake_redis_received(test->fake) == 1);
    close_it(test);
    assert_closed(test, 0);
    assert_int_equal(test->ups + test->downs, 0);
}

static void closes_while_it_waits(void **state) {
    io_test *test = *state;

    test->config.address = "unix:/nonexistent/redis.sock";
    test->config.reconnect_min_ms = test->config.reconnect_max_ms = 3600000;
    io_test_open(test);
    io_test_until(test, test->downs == 1);
    close_it(test);
    assert_closed(test, 0);
}

static void closes_with_commands_outstanding(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP, "expect GET 1\n expect GET 2");
    assert_int_equal(io_test_send(test, "GET 1"), SECKILL_OK);
    assert_int_equal(io_test_send(test, "GET 2"), SECKILL_OK);
    io_test_until(test, fake_redis_received(test->fake) == 2);
    close_it(test);
    assert_int_equal(test->replied, 0);
    assert_closed(test, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(test->replies[i].kind, SK__REPLY_LOST);
        assert_string_equal(test->replies[i].text, "closed");
    }
    io_test_until(test, fake_redis_ended(test->fake) == 1);
}

static void close_on_first(io_test *test) {
    if (test->replied == 1)
        close_it(test);
}

/* Three replies have come in one piece: the rest of them is either answered or lost, but called back. */
static void closes_from_a_reply(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n expect GET 2\n raw +1\\r\\n+2\\r\\n");
    test->then_reply = close_on_first;
    assert_int_equal(io_test_send(test, "GET 1"), SECKILL_OK);
    assert_int_equal(io_test_send(test, "GET 2"), SECKILL_OK);
    assert_int_equal(io_test_send(test, "GET 3"), SECKILL_OK);
    io_test_until(test, test->replied > 0);
    assert_closed(test, 3);
    assert_string_equal(test->replies[0].text, "1");
    assert_string_equal(test->replies[2].text, "closed");
}

static void closes_from_a_lost_reply(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP, "expect GET 1\n expect GET 2\n reset");
    test->then_reply = close_on_first;
    assert_int_equal(io_test_send(test, "GET 1"), SECKILL_OK);
    assert_int_equal(io_test_send(test, "GET 2"), SECKILL_OK);
    io_test_until(test, test->replied > 0);
    assert_closed(test, 2);
    assert_int_equal(test->downs, 0);
}

static void closes_from_on_up(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    test->then_up = close_it;
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_closed(test, 0);
}

static void closes_from_on_up_after_auth(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH secret\n reply +OK");
    test->config.password = "secret";
    test->then_up = close_it;
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_closed(test, 0);
}

static void closes_from_on_down(void **state) {
    io_test *test = *state;

    test->config.address = "unix:/nonexistent/redis.sock";
    test->then_down = close_it;
    io_test_open(test);
    io_test_until(test, test->downs == 1);
    assert_closed(test, 0);
}

static void closes_from_a_turn(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    test->then_turn = close_it;
    wake(test);
    io_test_until(test, test->turns == 1);
    assert_closed(test, 0);
}

static void closes_from_an_alarm(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    test->then_turn = close_it;
    transport_of(test)->alarm(transport_of(test), 1);
    io_test_until(test, test->turns == 1);
    assert_closed(test, 0);
}

/* ---- a loop of its own */

static void wait_for_io(io_test *test) {
    struct pollfd fds[2] = {{sk__io_fd(test->io), POLLIN, 0}, {uv_backend_fd(&test->loop), POLLIN, 0}};
    int timeout_ms = sk__io_timeout_ms(test->io), other_ms = uv_backend_timeout(&test->loop);

    if (timeout_ms < 0 || (other_ms >= 0 && other_ms < timeout_ms))
        timeout_ms = other_ms;
    assert_true(poll(fds, 2, timeout_ms) >= 0);
    uv_run(&test->loop, UV_RUN_NOWAIT);
    /* Only when it asks for it, as hosts do. */
    if (fds[0].revents != 0 || sk__io_timeout_ms(test->io) == 0)
        sk__io_dispatch(test->io);
}

static void runs_on_a_foreign_loop(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_TCP);
    fake_redis_script(test->fake, "expect AUTH secret\n reply +OK\n expect PING\n reply +PONG\n again");
    test->config.loop = NULL;
    test->config.password = "secret";
    io_test_open(test);
    assert_true(sk__io_fd(test->io) >= 0);
    while (test->ups == 0 && !test->late)
        wait_for_io(test);
    assert_int_equal(test->ups, 1);
    assert_int_equal(io_test_send(test, "PING"), SECKILL_OK);
    assert_int_equal(sk__io_timeout_ms(test->io), 0);
    while (test->replied == 0 && !test->late)
        wait_for_io(test);
    assert_int_equal(test->replies[0].kind, SK__REPLY_BYTES);
    wake(test);
    assert_int_equal(sk__io_timeout_ms(test->io), 0);
    sk__io_dispatch(test->io);
    assert_int_equal(test->turns, 1);
    assert_true(sk__io_timeout_ms(test->io) != 0);
}

/* The clock of a loop that is not dispatched stands still; a host may come back after long. */
static void a_foreign_loop_has_a_clock_that_goes(void **state) {
    io_test *test = *state;
    int64_t before, due;

    io_test_fake(test, FAKE_REDIS_UNIX);
    test->config.loop = NULL;
    io_test_open(test);
    while (test->ups == 0 && !test->late)
        wait_for_io(test);
    while (sk__io_timeout_ms(test->io) == 0)
        sk__io_dispatch(test->io); /* the socket's events are not registered yet */
    before = transport_of(test)->now_ms(transport_of(test));
    poll(NULL, 0, 30);
    due = transport_of(test)->now_ms(transport_of(test)) + 25;
    assert_true(due >= before + 30 + 25 - 1);
    transport_of(test)->alarm(transport_of(test), due);
    assert_in_range(sk__io_timeout_ms(test->io), 1, 25);
    poll(NULL, 0, 30);
    assert_int_equal(sk__io_timeout_ms(test->io), 0);
    sk__io_dispatch(test->io);
    assert_int_equal(test->turns, 1);
}

static void a_foreign_loop_resolves_names(void **state) {
    io_test *test = *state;
    char address[40];

    io_test_fake(test, FAKE_REDIS_TCP);
    (void)snprintf(address, sizeof(address), "localhost:%d", fake_redis_port(test->fake));
    test->config.address = address;
    test->config.loop = NULL;
    io_test_open(test);
    while (test->ups == 0 && !test->late)
        wait_for_io(test);
    assert_int_equal(test->ups, 1);
}

static void a_foreign_loop_closes(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    test->config.loop = NULL;
    test->then_up = close_it;
    io_test_open(test);
    while (test->closes == 0 && !test->late)
        wait_for_io(test);
    assert_int_equal(test->closes, 1);
    assert_int_equal(test->outstanding, 0);
}

static void a_loop_of_the_host_is_not_foreign(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    io_test_open(test);
    assert_int_equal(sk__io_fd(test->io), -1);
    assert_int_equal(sk__io_timeout_ms(test->io), -1);
    sk__io_dispatch(test->io);
}

/* ---- memory */

/* One life of an io: connect, log in, ask, lose, come back, close. What fails is tried again, so it ends well unless nothing
 * can be allocated any more. */
static void live(io_test *test, struct uv_loop_s *loop) {
    test->config.loop = loop;
    test->replied = 0;
    if (sk__io_open(&test->config, &test->io) != SECKILL_OK) {
        assert_null(test->io);
        assert_int_equal(test->outstanding, 0);
        return;
    }
    int ups = test->ups;
    io_test_until(test, test->ups > ups);
    while (io_test_send(test, "PING") != SECKILL_OK)
        io_test_run_once(test);
    io_test_until(test, test->replied > 0);
    io_test_close(test);
    assert_int_equal(test->outstanding, 0);
}

static void each_allocation_may_fail_once(void **state) {
    io_test *test = *state;
    size_t needed;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH bob secret\n reply +OK\n expect PING\n reply +PONG");
    test->config.user = "bob";
    test->config.password = "secret";
    for (int own = 0; own < 2; own++) {
        test->allocations = test->fail_at = 0;
        live(test, own ? NULL : &test->loop);
        needed = test->allocations;
        assert_true(needed > 4);
        for (size_t n = 1; n <= needed; n++) {
            test->allocations = 0;
            test->fail_at = n;
            live(test, own ? NULL : &test->loop);
        }
    }
    assert_string_equal(fake_redis_failure(test->fake), "");
}

/* Memory that stays away keeps it down, and closing needs none. */
static void without_memory_it_stays_down(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    io_test_open(test);
    test->fail_at = test->allocations + 1;
    test->fail_on = true;
    io_test_until(test, test->downs == 5);
    assert_non_null(strstr(test->cause, "out of memory"));
    io_test_close(test);
}

static void without_memory_nothing_is_sent(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    test->fail_at = test->allocations + 1;
    test->fail_on = true;
    assert_int_equal(io_test_send(test, "PING"), SECKILL_NO_MEMORY);
    for (int i = 0; i < 5; i++)
        io_test_run_once(test);
    assert_int_equal(fake_redis_received(test->fake), 0);
    assert_int_equal(test->replied, 0);
    assert_int_equal(test->downs, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(many_wakes_are_one_turn),
        TEST(a_turn_may_ask_for_another),
        TEST(a_wake_from_anywhere_is_not_slept_over),
        TEST(a_turn_is_written_at_once),
        TEST(an_alarm_rings_once),
        TEST(the_last_alarm_counts),
        TEST(tells_the_time),
        TEST(closes_before_it_began),
        TEST(closes_while_it_connects),
        TEST(closes_while_it_logs_in),
        TEST(closes_while_it_waits),
        TEST(closes_with_commands_outstanding),
        TEST(closes_from_a_reply),
        TEST(closes_from_a_lost_reply),
        TEST(closes_from_on_up),
        TEST(closes_from_on_up_after_auth),
        TEST(closes_from_on_down),
        TEST(closes_from_a_turn),
        TEST(closes_from_an_alarm),
        TEST(runs_on_a_foreign_loop),
        TEST(a_foreign_loop_has_a_clock_that_goes),
        TEST(a_foreign_loop_resolves_names),
        TEST(a_foreign_loop_closes),
        TEST(a_loop_of_the_host_is_not_foreign),
        TEST(each_allocation_may_fail_once),
        TEST(without_memory_it_stays_down),
        TEST(without_memory_nothing_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
