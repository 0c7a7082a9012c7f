/* Commands and replies of lib/io, and how replies are lost: against a scripted server.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fixture.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 10 * 1024 * 1024 };

static void open_with(io_test *test, fake_redis_kind kind, const char *script) {
    io_test_fake(test, kind);
    fake_redis_script(test->fake, script);
    io_test_open(test);
    io_test_until(test, test->ups == 1);
}

static void send_words(io_test *test, const char *words) {
    int before = test->replied;

    assert_int_equal(io_test_send(test, words), SECKILL_OK);
    assert_int_equal(test->replied, before);
}

static void assert_reply(const io_test *test, int index, sk__reply_kind kind, const char *text) {
    assert_true(index < test->replied);
    assert_int_equal(test->replies[index].kind, kind);
    assert_string_equal(test->replies[index].text, text);
}

/* ---- replies */

static void tells_the_kinds_of_replies_apart(void **state) {
    static const char *const replies[] = {"+OK",
                                          "$5\\r\\nhello",
                                          "$0\\r\\n",
                                          "-ERR no such thing",
                                          "-NOAUTH Authentication required.",
                                          ":7",
                                          "$-1",
                                          "*-1",
                                          "*2\\r\\n+a\\r\\n:1",
                                          "*0",
                                          "*2\\r\\n$1\\r\\na\\r\\n$2\\r\\nbc"};
    static const sk__reply_kind kinds[] = {SK__REPLY_BYTES, SK__REPLY_BYTES, SK__REPLY_BYTES, SK__REPLY_ERROR,
                                           SK__REPLY_ERROR, SK__REPLY_OTHER, SK__REPLY_OTHER, SK__REPLY_OTHER,
                                           SK__REPLY_OTHER, SK__REPLY_OTHER, SK__REPLY_BYTES};
    static const char *const texts[] = {"OK", "hello", "",  "ERR no such thing", "NOAUTH Authentication required.", "", "", "",
                                        "",   "",      "bc"};
    enum { COUNT = sizeof(replies) / sizeof(*replies) };
    io_test *test = *state;
    char script[1000] = "";

    for (int i = 0; i < COUNT; i++)
        (void)snprintf(script + strlen(script), sizeof(script) - strlen(script), "expect GET %d\n reply %s\n", i, replies[i]);
    open_with(test, FAKE_REDIS_TCP, script);
    for (int i = 0; i < COUNT; i++) {
        char words[20];
        (void)snprintf(words, sizeof(words), "GET %d", i);
        send_words(test, words);
    }
    io_test_until(test, test->replied == COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_reply(test, i, kinds[i], texts[i]);
    assert_int_equal(test->downs, 0);
    assert_string_equal(fake_redis_failure(test->fake), "");
}

static void bytes_are_bytes(void **state) {
    io_test *test = *state;
    const fake_redis_command *command;

    open_with(test, FAKE_REDIS_UNIX, "expect SET a\\x00\\r\\nb\n reply $4\\r\\n\\x00\\r\\n\\xff");
    assert_int_equal(io_test_send_bytes(test, "SET", "a\0\r\nb", 5), SECKILL_OK);
    io_test_until(test, test->replied == 1);
    command = fake_redis_command_at(test->fake, 0);
    assert_int_equal(command->sizes[1], 5);
    assert_memory_equal(command->argv[1], "a\0\r\nb", 5);
    assert_int_equal(test->replies[0].size, 4);
    assert_string_equal(fake_redis_failure(test->fake), "");
}

static void replies_come_in_order_byte_by_byte(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP,
              "expect GET 1\n drip $5\\r\\nfirst\n expect GET 2\n drip -ERR second\n expect GET 3\n drip +third");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    send_words(test, "GET 3");
    io_test_until(test, test->replied == 3);
    assert_reply(test, 0, SK__REPLY_BYTES, "first");
    assert_reply(test, 1, SK__REPLY_ERROR, "ERR second");
    assert_reply(test, 2, SK__REPLY_BYTES, "third");
}

static void send_again(io_test *test) {
    if (test->replied < 1000)
        send_words(test, "INCR counter");
}

static void a_callback_sends_again(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect INCR counter\n reply +OK\n again");
    test->then_reply = send_again;
    send_again(test);
    io_test_until(test, test->replied == 1000);
    /* Nodes are used again, and room for a command: the io, its connection, the address of the first attempt, one of each, and
     * the server's own nothing. */
    assert_true(test->allocations < 10);
}

static void send_on_up(io_test *test) {
    send_words(test, "PING");
}

static void on_up_sends_in_the_midst_of_auth(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH secret\n reply +OK\n expect PING\n reply +PONG");
    test->config.password = "secret";
    test->then_up = send_on_up;
    io_test_open(test);
    io_test_until(test, test->replied == 1);
    assert_reply(test, 0, SK__REPLY_BYTES, "PONG");
}

static void echo(void *context, fake_redis_client *client, const fake_redis_command *command) {
    (void)context;
    if (command->argc > 1)
        fake_redis_reply_bulk(client, command->argv[1], command->sizes[1]);
    else
        fake_redis_end(client, false);
}

/* The server's answers are computed, not scripted. */
static void answers_belong_to_their_questions(void **state) {
    io_test *test = *state;
    char words[20];

    io_test_fake(test, FAKE_REDIS_TCP);
    fake_redis_handle(test->fake, echo, NULL);
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(words, sizeof(words), "ECHO %d", i);
        send_words(test, words);
    }
    send_words(test, "QUIT");
    io_test_until(test, test->replied == 501);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(words, sizeof(words), "%d", i);
        assert_reply(test, i, SK__REPLY_BYTES, words);
    }
    assert_int_equal(test->replies[500].kind, SK__REPLY_LOST);
}

/* ---- large ones */

static void large_arguments_and_replies_pass(void **state) {
    io_test *test = *state;
    char *big = malloc(BIG);
    const fake_redis_command *command;

    assert_non_null(big);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
    open_with(test, FAKE_REDIS_TCP, "expect SET *\n bulk-of 10485760\n expect SET *\n reply +OK\n expect PING\n reply +PONG");
    assert_int_equal(io_test_send_bytes(test, "SET", big, BIG), SECKILL_OK);
    assert_int_equal(io_test_send_bytes(test, "SET", big, BIG), SECKILL_OK);
    send_words(test, "PING");
    io_test_until(test, test->replied == 3);
    assert_int_equal(test->replies[0].size, BIG);
    assert_reply(test, 1, SK__REPLY_BYTES, "OK");
    assert_reply(test, 2, SK__REPLY_BYTES, "PONG");
    command = fake_redis_command_at(test->fake, 1);
    assert_int_equal(command->sizes[1], BIG);
    assert_memory_equal(command->argv[1], big, BIG);
    free(big);
}

static void a_command_beyond_all_bounds_is_refused(void **state) {
    const char *argv[] = {"SET", ""};
    size_t sizes[] = {3, SIZE_MAX};
    io_test *test = *state;
    const sk__sending sending = {.argc = 2, .argv = argv, .sizes = sizes};
    sk__transport *transport;

    open_with(test, FAKE_REDIS_UNIX, "expect ...");
    transport = sk__io_transport(test->io);
    assert_int_equal(transport->send(transport, &sending, io_test_on_reply, test), SECKILL_NO_MEMORY);
    sizes[1] = (size_t)1 << 31;
    assert_int_equal(transport->send(transport, &sending, io_test_on_reply, test), SECKILL_NO_MEMORY);
    assert_int_equal(test->replied, 0);
}

/* ---- lost ones */

/* The connection broke with two commands outstanding, of which the first may have been answered. */
static void assert_lost(io_test *test, const char *cause) {
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 2);
    assert_int_equal(test->lost_before_down, 2);
    assert_reply(test, 1, SK__REPLY_LOST, test->cause);
    assert_non_null(strstr(test->cause, cause));
    io_test_until(test, test->ups == 2);
}

static void a_reset_in_mid_reply_loses_what_is_outstanding(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP, "expect GET 1\n reply +one\n expect GET 2\n raw $5\\r\\ntw\n reset");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "lost the connection to 127.0.0.1:");
    assert_int_equal(test->replies[1].kind, SK__REPLY_LOST);
}

static void a_closed_connection_loses_what_is_outstanding(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n reply +one\n expect GET 2\n close");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "Server closed the connection");
    assert_reply(test, 0, SK__REPLY_BYTES, "one");
}

static void a_half_closed_connection_is_given_up(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP, "expect GET 1\n reply +one\n expect GET 2\n half-close");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "Server closed the connection");
    assert_int_equal(fake_redis_ended(test->fake), 1);
}

static void an_idle_connection_that_ends_is_noticed(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP, "wait\n close");
    fake_redis_go(test->fake);
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 0);
}

static void garbage_drops_the_connection(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_TCP, "expect GET 1\n reply +one\n expect GET 2\n raw HTTP/1.1 400 Bad Request\\r\\n\\r\\n");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "Protocol error");
}

/* More replies than commands would make hiredis abort the process. */
static void a_reply_too_many_drops_the_connection(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n raw +one\\r\\n+two\\r\\n+three\\r\\n");
    send_words(test, "GET 1");
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 1);
    assert_reply(test, 0, SK__REPLY_BYTES, "one");
    assert_string_equal(test->cause, "Redis said what it was not asked: a reply");
    io_test_until(test, test->ups == 2);
}

/* hiredis would allocate 16 GB, and 0.14 abort where it cannot. */
static void an_array_of_billions_drops_the_connection(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n reply +one\n expect GET 2\n reply *2000000000");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "a reply of 2000000000 elements");
}

static void no_answer_in_time_drops_the_connection(void **state) {
    io_test *test = *state;
    int64_t begin;

    test->config.command_timeout_ms = 50;
    open_with(test, FAKE_REDIS_TCP, "expect GET 1\n expect GET 2\n expect ...");
    begin = io_test_now_ms();
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "no answer from Redis for 50 ms");
    assert_true(io_test_now_ms() - begin >= 49);
    assert_reply(test, 0, SK__REPLY_LOST, "no answer from Redis for 50 ms");
}

/* The first is answered late but in time, the second not: its time counts from when it was sent. */
static void the_oldest_command_counts(void **state) {
    io_test *test = *state;

    test->config.command_timeout_ms = 60;
    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n wait\n reply +one\n expect ...");
    send_words(test, "GET 1");
    for (int64_t begin = io_test_now_ms(); io_test_now_ms() - begin < 20;)
        uv_run(&test->loop, UV_RUN_NOWAIT);
    send_words(test, "GET 2");
    fake_redis_go(test->fake);
    assert_lost(test, "no answer from Redis for 60 ms");
    assert_reply(test, 0, SK__REPLY_BYTES, "one");
}

/* A host that does not run its loop for long must not lose the answers that have arrived meanwhile. */
static void a_loop_that_was_held_up_is_no_timeout(void **state) {
    io_test *test = *state;

    test->config.command_timeout_ms = 30;
    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n bulk-of 100000\n expect GET 2\n reply +two");
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    uv_run(&test->loop, UV_RUN_NOWAIT); /* writes; the server reads and answers in the same round or the next */
    while (fake_redis_received(test->fake) < 2)
        uv_run(&test->loop, UV_RUN_NOWAIT);
    poll(NULL, 0, 50);
    io_test_until(test, test->replied == 2);
    assert_int_equal(test->downs, 0);
    assert_int_equal(test->replies[0].size, 100000);
}

static void nothing_is_sent_while_it_is_down(void **state) {
    io_test *test = *state;

    io_test_fake(test, FAKE_REDIS_UNIX);
    fake_redis_script(test->fake, "expect AUTH *\n wait\n reply +OK\n expect ...");
    test->config.password = "secret";
    io_test_open(test);
    assert_int_equal(io_test_send(test, "GET 1"), SECKILL_UNREACHABLE);
    io_test_until(test, fake_redis_received(test->fake) == 1);
    assert_int_equal(io_test_send(test, "GET 1"), SECKILL_UNREACHABLE);
    fake_redis_go(test->fake);
    io_test_until(test, test->ups == 1);
    assert_int_equal(fake_redis_received(test->fake), 1);
    assert_int_equal(test->replied, 0);
}

static void send_in_vain(io_test *test) {
    assert_int_equal(io_test_send(test, "GET again"), SECKILL_UNREACHABLE);
}

static void a_lost_reply_cannot_be_sent_again_at_once(void **state) {
    io_test *test = *state;

    open_with(test, FAKE_REDIS_UNIX, "expect GET 1\n expect GET 2\n close");
    test->then_reply = send_in_vain;
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    assert_lost(test, "");
}

/* ---- SIGPIPE */

static bool sigpipe_is_pending(void) {
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

/* Writing to a peer that has gone: with the default action the signal would end this process. */
static void write_to_the_gone(io_test *test, fake_redis_kind kind) {
    open_with(test, kind, "wait\n close");
    signal(SIGPIPE, SIG_DFL);
    fake_redis_go(test->fake);
    /* The fake closes at once; the io has not looked yet when it writes. */
    sk__io_transport(test->io)->wake(sk__io_transport(test->io));
    send_words(test, "GET 1");
    send_words(test, "GET 2");
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 2);
    assert_reply(test, 0, SK__REPLY_LOST, test->cause);
}

static void a_broken_pipe_raises_no_signal(void **state) {
    io_test *test = *state;

    write_to_the_gone(test, FAKE_REDIS_UNIX);
    assert_non_null(strstr(test->cause, "Broken pipe"));
    assert_false(sigpipe_is_pending());
    signal(SIGPIPE, SIG_IGN);
}

static void a_host_that_blocks_sigpipe_gets_none(void **state) {
    io_test *test = *state;
    sigset_t set, before;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    write_to_the_gone(test, FAKE_REDIS_UNIX);
    assert_false(sigpipe_is_pending());
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void a_sigpipe_of_the_host_stays_pending(void **state) {
    static const struct timespec at_once = {0, 0};
    io_test *test = *state;
    sigset_t set, before;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    write_to_the_gone(test, FAKE_REDIS_UNIX);
    assert_true(sigpipe_is_pending());
    sigtimedwait(&set, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tells_the_kinds_of_replies_apart),
        TEST(bytes_are_bytes),
        TEST(replies_come_in_order_byte_by_byte),
        TEST(a_callback_sends_again),
        TEST(on_up_sends_in_the_midst_of_auth),
        TEST(answers_belong_to_their_questions),
        TEST(large_arguments_and_replies_pass),
        TEST(a_command_beyond_all_bounds_is_refused),
        TEST(a_reset_in_mid_reply_loses_what_is_outstanding),
        TEST(a_closed_connection_loses_what_is_outstanding),
        TEST(a_half_closed_connection_is_given_up),
        TEST(an_idle_connection_that_ends_is_noticed),
        TEST(garbage_drops_the_connection),
        TEST(a_reply_too_many_drops_the_connection),
        TEST(an_array_of_billions_drops_the_connection),
        TEST(no_answer_in_time_drops_the_connection),
        TEST(the_oldest_command_counts),
        TEST(a_loop_that_was_held_up_is_no_timeout),
        TEST(nothing_is_sent_while_it_is_down),
        TEST(a_lost_reply_cannot_be_sent_again_at_once),
        TEST(a_broken_pipe_raises_no_signal),
        TEST(a_host_that_blocks_sigpipe_gets_none),
        TEST(a_sigpipe_of_the_host_stays_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
