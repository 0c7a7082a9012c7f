/* Commands of lib/io whose answers wait for replicas: against scripted servers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fakes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sk__sending lasting = {.slot = 5, .lasting = true};

static io_fakes *open_fakes(io_test *test, int count, uint32_t replicas) {
    test->config.replicas = replicas;
    return io_fakes_connect(test, count);
}

static void assert_reply(io_test *test, int index, sk__reply_kind kind, const char *text) {
    io_test_until(test, test->replied > index);
    assert_int_equal(test->replies[index].kind, kind);
    assert_string_equal(test->replies[index].text, text);
}

/* ---- */

static void without_replicas_it_is_as_any_other(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 0);

    assert_int_equal(io_test_send_as(test, &lasting, "GET x"), SECKILL_OK);
    assert_reply(test, 0, SK__REPLY_BYTES, "ok0");
    assert_int_equal(fakes->nodes[0].waits, 0);
    assert_int_equal(sk__io_connections(test->io), 1);
    io_fakes_close(fakes);
}

static void it_has_a_connection_of_its_own(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 2);

    test->config.command_timeout_ms = 3000;
    io_fakes_say(fakes->nodes[0].waited, ":2");
    assert_int_equal(io_test_send_as(test, &lasting, "GET x"), SECKILL_UNREACHABLE);
    assert_false(sk__io_is_up(test->io));
    assert_string_equal(sk__io_trouble(test->io), "not connected yet");
    io_test_until(test, test->node_ups[0] == 2);
    assert_true(sk__io_is_up(test->io));
    assert_int_equal(io_test_send_as(test, &lasting, "GET x"), SECKILL_OK);
    assert_reply(test, 0, SK__REPLY_BYTES, "ok0");
    assert_int_equal(fakes->nodes[0].waits, 1);
    assert_int_equal(fake_redis_connections(fakes->nodes[0].fake), 2);
    /* Another one stays on the first. */
    assert_int_equal(io_test_send(test, "GET y"), SECKILL_OK);
    assert_reply(test, 1, SK__REPLY_BYTES, "ok0");
    assert_int_equal(fakes->nodes[0].waits, 1);
    io_fakes_close(fakes);
}

static void wait_has_half_of_the_time(void **state) {
    static const uint32_t timeouts[] = {1, 2, 3000};
    static const char *const wanted[] = {"WAIT 3 1", "WAIT 3 1", "WAIT 3 1500"};
    io_test *test = *state;

    for (int i = 0; i < 3; i++) {
        io_fakes *fakes;

        test->ups = test->replied = 0;
        test->config.command_timeout_ms = timeouts[i];
        fakes = open_fakes(test, 1, 3);
        io_fakes_say(fakes->nodes[0].waited, ":3");
        /* So short a time may be over before it is read. */
        for (int replied = -1; fakes->nodes[0].waits == 0;) {
            if (replied != test->replied)
                io_fakes_send(fakes, &lasting, "GET x");
            replied = test->replied;
            io_test_run_once(test);
            assert_false(test->late);
        }
        assert_string_equal(fakes->nodes[0].last_wait, wanted[i]);
        io_fakes_close(fakes);
    }
}

/* Each kind of answer to the command, each to WAIT. */
static void both_answers_count(void **state) {
    static const struct {
        const char *answer, *waited;
        sk__reply_kind kind;
        const char *text;
    } cases[] = {
        {"+done", ":2", SK__REPLY_BYTES, "done"},
        {"+done", ":7", SK__REPLY_BYTES, "done"},
        {"$0\r\n", ":2", SK__REPLY_BYTES, ""},
        {":5", ":2", SK__REPLY_OTHER, ""},
        {"+done", ":1", SK__REPLY_UNREPLICATED, "1 of 2 replicas have it"},
        {"+done", ":0", SK__REPLY_UNREPLICATED, "0 of 2 replicas have it"},
        {":5", ":0", SK__REPLY_UNREPLICATED, "0 of 2 replicas have it"},
        {"+done", "-UNBLOCKED force unblock", SK__REPLY_UNREPLICATED, "WAIT was answered by UNBLOCKED force unblock"},
        {"+done", "-NOPERM no WAIT", SK__REPLY_UNREPLICATED, "WAIT was answered by NOPERM no WAIT"},
        {"+done", "+2", SK__REPLY_UNREPLICATED, "WAIT was answered by 2"},
        {"+done", "*1\r\n:2", SK__REPLY_UNREPLICATED, "WAIT was answered by something odd"},
        {"+done", "$-1", SK__REPLY_UNREPLICATED, "WAIT was answered by something odd"},
        {"+done", ":-3", SK__REPLY_UNREPLICATED, "WAIT was answered by something odd"},
        {"-ERR no", ":2", SK__REPLY_ERROR, "ERR no"},
        {"-ERR no", ":0", SK__REPLY_ERROR, "ERR no"},
        {"-NOSCRIPT No matching script.", "-ERR no", SK__REPLY_ERROR, "NOSCRIPT No matching script."},
    };
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 2);

    for (int i = 0; i < (int)(sizeof(cases) / sizeof(*cases)); i++) {
        io_fakes_say(fakes->nodes[0].answer, "%s", cases[i].answer);
        io_fakes_say(fakes->nodes[0].waited, "%s", cases[i].waited);
        io_fakes_send(fakes, &lasting, "GET x");
        assert_reply(test, i, cases[i].kind, cases[i].text);
        io_test_until(test, fakes->nodes[0].waits == i + 1);
    }
    assert_int_equal(test->downs, 0);
    io_fakes_close(fakes);
}

static void nothing_is_answered_before_wait(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);

    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, fakes->nodes[0].waits == 1);
    /* Ordinary ones go on meanwhile. */
    for (int i = 0; i < 20; i++) {
        assert_int_equal(io_test_send(test, "GET y"), SECKILL_OK);
        assert_reply(test, i, SK__REPLY_BYTES, "ok0");
    }
    io_fakes_say(fakes->nodes[0].waited, ":1");
    io_fakes_send(fakes, &lasting, "GET z"); /* so that `client` is this connection's */
    io_test_until(test, fakes->nodes[0].waits == 2);
    /* The answer to the first WAIT is the one that came now; the second one is open. */
    io_test_until(test, test->replied == 21);
    fake_redis_reply_text(fakes->nodes[0].client, ":1");
    io_fakes_close(fakes);
}

static void lost_between_both_is_lost(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);

    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, fakes->nodes[0].waits == 1);
    fake_redis_end(fakes->nodes[0].client, true);
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 1);
    assert_int_equal(test->lost_before_down, 1);
    assert_int_equal(test->replies[0].kind, SK__REPLY_LOST);
    io_test_until(test, test->ups == 3);
    io_fakes_close(fakes);
}

static void lost_before_both_is_lost_once(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);

    fakes->nodes[0].hangs_up = true;
    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 1);
    assert_int_equal(test->replies[0].kind, SK__REPLY_LOST);
    io_fakes_close(fakes);
}

static void an_error_is_told_once(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);

    io_fakes_say(fakes->nodes[0].answer, "-NOSCRIPT no");
    io_fakes_send(fakes, &lasting, "GET x");
    assert_reply(test, 0, SK__REPLY_ERROR, "NOSCRIPT no"); /* WAIT is still open */
    io_test_until(test, fakes->nodes[0].waits == 1);
    fake_redis_end(fakes->nodes[0].client, true);
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replied, 1);
    io_fakes_close(fakes);
}

/* Each is held up by the WAIT of the one before it: its own time begins when that is over. */
static void waiting_in_line_takes_no_time(void **state) {
    io_test *test = *state;
    io_fakes *fakes;

    test->config.command_timeout_ms = 600;
    fakes = open_fakes(test, 1, 1);
    for (int i = 0; i < 4; i++)
        io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, fakes->nodes[0].waits >= 1);
    /* The fake has answered all commands by now, so the io takes each second answer for WAIT's. Only time matters here. */
    for (int i = 1; i <= 4; i++) {
        for (int64_t begin = io_test_now_ms(); io_test_now_ms() - begin < 300;)
            io_test_run_once(test);
        fake_redis_reply_text(fakes->nodes[0].client, ":1");
    }
    io_test_until(test, test->replied == 4);
    assert_int_equal(test->downs, 0);
    /* But one that does not end at all is given up. */
    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, test->downs == 1);
    assert_string_equal(test->cause, "no answer from Redis for 600 ms");
    io_fakes_close(fakes);
}

static void the_one_may_be_down_while_the_other_is_up(void **state) {
    const sk__transport *transport;
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);

    io_fakes_say(fakes->nodes[0].waited, ":1");
    test->config.reconnect_min_ms = 1;
    io_fakes_send(fakes, &lasting, "GET x");
    assert_reply(test, 0, SK__REPLY_BYTES, "ok0");
    fake_redis_end(fakes->nodes[0].client, true);
    io_test_until(test, test->downs == 1);
    transport = sk__io_transport(test->io);
    assert_non_null(strstr(transport->trouble(transport, 0), "lost the connection"));
    assert_false(sk__io_is_up(test->io));
    assert_int_equal(io_test_send_as(test, &lasting, "GET x"), SECKILL_UNREACHABLE);
    assert_int_equal(io_test_send(test, "GET y"), SECKILL_OK);
    assert_reply(test, 1, SK__REPLY_BYTES, "ok0");
    io_test_until(test, test->ups == 3);
    assert_true(sk__io_is_up(test->io));
    io_fakes_close(fakes);
}

/* ---- with a cluster */

static void it_follows_redirections(void **state) {
    const sk__sending asking = {.slot = 5, .lasting = true, .asking = true};
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 3, 1);

    for (int i = 0; i < 3; i++)
        io_fakes_say(fakes->nodes[i].waited, ":1");
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_send(fakes, &lasting, "GET x");
    assert_reply(test, 0, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_send(fakes, &lasting, "GET x");
    assert_reply(test, 1, SK__REPLY_BYTES, "ok1");
    io_fakes_say(fakes->nodes[1].answer, "-ASK 5 127.0.0.1:%d", io_fakes_port(fakes, 2));
    io_fakes_say(fakes->nodes[2].after_asking, "+asked");
    io_fakes_send(fakes, &lasting, "GET x");
    assert_reply(test, 2, SK__REPLY_ERROR, fakes->nodes[1].answer + 1);
    io_fakes_send(fakes, &asking, "GET x");
    assert_reply(test, 3, SK__REPLY_BYTES, "asked");
    assert_int_equal(fakes->nodes[2].waits, 1);
    assert_int_equal(fakes->nodes[2].askings, 1);
    io_fakes_close(fakes);
}

/* ---- memory */

/* Where there is no room for the reply, or for WAIT, it is not known whether it lasts. */
static void without_memory_it_is_not_replicated(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);
    int sent = 0, unreplicated = 0;
    size_t needed;

    io_fakes_say(fakes->nodes[0].waited, ":1");
    io_fakes_send(fakes, &lasting, "GET x"); /* so that there is a connection */
    io_test_until(test, test->replied == 1);
    needed = test->allocations;
    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, test->replied == 2);
    needed = test->allocations - needed;
    assert_in_range(needed, 2, 4);
    for (size_t n = 1; n <= needed; n++) {
        int before = test->replied;

        test->allocations = 0;
        test->fail_at = n;
        if (io_test_send_as(test, &lasting, "GET x") != SECKILL_OK)
            continue;
        sent++;
        io_test_until(test, test->replied > before);
        unreplicated += test->replies[before].kind == SK__REPLY_UNREPLICATED;
    }
    assert_int_equal(sent, unreplicated);
    assert_true(sent > 0);
    test->fail_at = 0;
    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, test->replies[test->replied - 1].kind == SK__REPLY_BYTES);
    io_fakes_close(fakes);
}

static void closes_with_both_outstanding(void **state) {
    io_test *test = *state;
    io_fakes *fakes = open_fakes(test, 1, 1);

    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, fakes->nodes[0].waits == 1);
    io_fakes_send(fakes, &lasting, "GET y"); /* neither of its two is sent yet */
    io_test_close(test);
    assert_int_equal(test->replied, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(test->replies[i].kind, SK__REPLY_LOST);
        assert_string_equal(test->replies[i].text, "closed");
    }
    io_fakes_close(fakes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_replicas_it_is_as_any_other),
        TEST(it_has_a_connection_of_its_own),
        TEST(wait_has_half_of_the_time),
        TEST(both_answers_count),
        TEST(nothing_is_answered_before_wait),
        TEST(lost_between_both_is_lost),
        TEST(lost_before_both_is_lost_once),
        TEST(an_error_is_told_once),
        TEST(waiting_in_line_takes_no_time),
        TEST(the_one_may_be_down_while_the_other_is_up),
        TEST(it_follows_redirections),
        TEST(without_memory_it_is_not_replicated),
        TEST(closes_with_both_outstanding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
