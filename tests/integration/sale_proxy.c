/* The proxy that the tests of sales put between clients and Redis: each of its faults is what it says it is.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "fault_proxy.h"
#include "redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

typedef struct {
    redis_server *server;
    fault_proxy *proxy;
} stage;

static int set_up(void **state) {
    static stage s;

    s.server = redis_server_start(NULL);
    assert_non_null(s.server);
    s.proxy = fault_proxy_start(redis_server_address(s.server));
    assert_non_null(s.proxy);
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    stage *s = *state;

    fault_proxy_free(s->proxy);
    redis_server_free(s->server);
    return 0;
}

static long long now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static redisContext *try_link(const stage *s) {
    long port = strtol(strchr(fault_proxy_address(s->proxy), ':') + 1, NULL, 10);
    redisContext *context = redisConnect("127.0.0.1", (int)port);

    assert_non_null(context);
    return context;
}

/* A connection through the proxy that waits for an answer for so long. */
static redisContext *open_link(const stage *s, int patience_ms) {
    const struct timeval limit = {patience_ms / 1000, (patience_ms % 1000) * 1000};
    redisContext *context = try_link(s);

    assert_int_equal(context->err, 0);
    assert_int_equal(redisSetTimeout(context, limit), REDIS_OK);
    return context;
}

/* The answer's integer; -1: none came. */
static long long ask(redisContext *context, const char *command) {
    redisReply *reply = redisCommand(context, command);
    long long value = reply != NULL ? reply->integer : -1;

    if (reply != NULL)
        freeReplyObject(reply);
    return value;
}

/* It is reset within connecting, or soon after. */
static void assert_refused(const stage *s) {
    redisContext *context = try_link(s);

    if (context->err == 0)
        assert_int_equal(ask(context, "INCR a"), -1);
    redisFree(context);
}

static long long stored(const stage *s, const char *key) {
    return redis_server_integer(s->server, "GET %s", key);
}

/* ---- what passes ---- */

static void passes_everything_on(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);
    enum { SIZE = 3000000 };
    char *big = malloc(SIZE);
    redisReply *reply;

    assert_non_null(big);
    memset(big, '\n', SIZE);
    reply = redisCommand(context, "SET big %b", big, (size_t)SIZE);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    reply = redisCommand(context, "EVAL %s 1 big", "return {redis.call('GET', KEYS[1]), {1, {}, false, 'x'}, {err = 'no'}}");
    assert_int_equal(reply->elements, 3);
    assert_int_equal(reply->element[0]->len, SIZE);
    assert_memory_equal(reply->element[0]->str, big, SIZE);
    freeReplyObject(reply);
    assert_int_equal(fault_proxy_commands(s->proxy), 2);
    assert_int_equal(fault_proxy_answers(s->proxy), 2);
    assert_int_equal(fault_proxy_connections(s->proxy), 1);
    redisFree(context);
    free(big);
}

static void counts_what_is_sent_in_one_piece(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);

    for (int i = 0; i < 500; i++)
        assert_int_equal(redisAppendCommand(context, "INCR a"), REDIS_OK);
    for (int i = 0; i < 500; i++) {
        void *reply;

        assert_int_equal(redisGetReply(context, &reply), REDIS_OK);
        assert_int_equal(((redisReply *)reply)->integer, i + 1);
        freeReplyObject(reply);
    }
    assert_int_equal(fault_proxy_commands(s->proxy), 500);
    redisFree(context);
}

/* ---- faults ---- */

static void delays(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);
    long long since;

    fault_proxy_delay(s->proxy, FAULT_REQUESTS, 30);
    fault_proxy_delay(s->proxy, FAULT_ANSWERS, 50);
    since = now_ms();
    assert_int_equal(ask(context, "INCR a"), 1);
    assert_in_range(now_ms() - since, 80, 10000);
    fault_proxy_heal(s->proxy);
    assert_int_equal(ask(context, "INCR a"), 2);
    redisFree(context);
}

static void holds_back_and_lets_go(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);
    void *reply;
    int sent = 0;

    fault_proxy_hold(s->proxy, FAULT_REQUESTS, true);
    assert_int_equal(redisAppendCommand(context, "INCR a"), REDIS_OK);
    while (sent == 0)
        assert_int_equal(redisBufferWrite(context, &sent), REDIS_OK);
    assert_int_equal(fault_proxy_commands(s->proxy), 0);
    fault_proxy_hold(s->proxy, FAULT_REQUESTS, false);
    assert_int_equal(redisGetReply(context, &reply), REDIS_OK);
    freeReplyObject(reply);
    assert_int_equal(stored(s, "a"), 1);
    redisFree(context);
}

static void resets(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000), *after;

    assert_int_equal(ask(context, "INCR a"), 1);
    fault_proxy_reset(s->proxy);
    assert_int_equal(fault_proxy_connections(s->proxy), 0);
    assert_int_equal(ask(context, "INCR a"), -1);
    assert_int_equal(stored(s, "a"), 1);
    after = open_link(s, 10000);
    assert_int_equal(ask(after, "INCR a"), 2);
    fault_proxy_refuse(s->proxy);
    assert_refused(s);
    assert_int_equal(ask(after, "INCR a"), 3); /* it was there before */
    redisFree(after);
    redisFree(context);
}

static void swallows_both_ways_or_one(void **state) {
    stage *s = *state;
    redisContext *both = open_link(s, 50), *one;

    fault_proxy_swallow(s->proxy, FAULT_BOTH);
    assert_int_equal(ask(both, "INCR a"), -1);
    assert_int_equal(both->err, REDIS_ERR_IO); /* nothing came */
    assert_int_equal(stored(s, "a"), -1);
    fault_proxy_heal(s->proxy);
    one = open_link(s, 50);
    fault_proxy_swallow(s->proxy, FAULT_ANSWERS);
    assert_int_equal(ask(one, "INCR a"), -1);
    assert_int_equal(stored(s, "a"), 1);
    redisFree(both);
    redisFree(one);
}

static void half_closes(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);
    const char command[] = "INCR a\r\n";
    char byte;

    assert_int_equal(ask(context, "INCR a"), 1);
    fault_proxy_half_close(s->proxy, FAULT_ANSWERS);
    assert_int_equal(recv(context->fd, &byte, 1, 0), 0);
    assert_int_equal(send(context->fd, command, sizeof(command) - 1, MSG_NOSIGNAL), sizeof(command) - 1);
    while (stored(s, "a") != 2)
        continue;
    redisFree(context);
    context = open_link(s, 10000);
    assert_int_equal(ask(context, "INCR a"), 3);
    fault_proxy_half_close(s->proxy, FAULT_REQUESTS);
    assert_int_equal(ask(context, "INCR a"), -1);
    assert_int_equal(stored(s, "a"), 3);
    redisFree(context);
}

static void cuts_within_an_answer(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);

    fault_proxy_cut(s->proxy, FAULT_ANSWERS, 2);
    assert_int_equal(ask(context, "INCR a"), -1);
    assert_int_equal(stored(s, "a"), 1);
    redisFree(context);
    fault_proxy_heal(s->proxy);
    fault_proxy_cut(s->proxy, FAULT_REQUESTS, 10);
    context = open_link(s, 10000);
    assert_int_equal(ask(context, "INCR a"), -1);
    assert_int_equal(stored(s, "a"), 1);
    redisFree(context);
}

/* ---- stops ---- */

static void note_value(void *context) {
    const stage *s = ((void **)context)[0];

    *(long long *)((void **)context)[1] = stored(s, "a");
}

/* At the fifth of ten commands that are sent in one piece: how many were executed when it stopped, and answered. */
static void stop_at_the_fifth(stage *s, fault_moment moment, long long executed, int answered) {
    redisContext *context = open_link(s, 10000);
    long long seen = -2;
    void *what[] = {s, &seen};
    void *reply;
    char text[64];

    redis_server_forget(redis_server_command(s->server, "DEL a"));
    fault_proxy_stop_at(s->proxy, NULL, 5, moment, note_value, what);
    for (int i = 0; i < 10; i++)
        assert_int_equal(redisAppendCommand(context, "INCR a"), REDIS_OK);
    for (int i = 0; i < answered; i++) {
        assert_int_equal(redisGetReply(context, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
    assert_int_equal(redisGetReply(context, &reply), REDIS_ERR);
    assert_true(fault_proxy_wait_stop(s->proxy, 10000));
    assert_true(fault_proxy_has_stopped(s->proxy));
    assert_int_equal(seen, executed);
    assert_int_equal(stored(s, "a"), executed);
    fault_proxy_stopped_command(s->proxy, text, sizeof(text));
    assert_string_equal(text, "*2 $4 INCR $1 a ");
    redisFree(context);
    assert_refused(s);
    fault_proxy_heal(s->proxy);
    context = open_link(s, 10000);
    assert_int_equal(ask(context, "INCR a"), executed + 1);
    redisFree(context);
}

static void stops_exactly_where_it_is_told_to(void **state) {
    stop_at_the_fifth(*state, FAULT_BEFORE, 4, 4);
    stop_at_the_fifth(*state, FAULT_AFTER, 5, 4);
    stop_at_the_fifth(*state, FAULT_BEHIND, 5, 5);
}

static void stops_at_commands_of_a_kind(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);

    fault_proxy_stop_at(s->proxy, "INCRBY", 2, FAULT_AFTER, NULL, NULL);
    assert_int_equal(ask(context, "INCR a"), 1);
    assert_int_equal(ask(context, "INCRBY a 1"), 2);
    assert_int_equal(ask(context, "INCR a"), 3);
    assert_int_equal(ask(context, "INCRBY a 1"), -1);
    assert_true(fault_proxy_has_stopped(s->proxy));
    assert_int_equal(stored(s, "a"), 4);
    redisFree(context);
}

static void a_stop_that_does_not_come(void **state) {
    stage *s = *state;
    redisContext *context = open_link(s, 10000);

    fault_proxy_stop_at(s->proxy, NULL, 2, FAULT_BEFORE, NULL, NULL);
    assert_int_equal(ask(context, "INCR a"), 1);
    assert_false(fault_proxy_wait_stop(s->proxy, 1));
    fault_proxy_stop_at(s->proxy, NULL, 0, FAULT_BEFORE, NULL, NULL);
    assert_int_equal(ask(context, "INCR a"), 2);
    assert_false(fault_proxy_has_stopped(s->proxy));
    redisFree(context);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(passes_everything_on),
        TEST(counts_what_is_sent_in_one_piece),
        TEST(delays),
        TEST(holds_back_and_lets_go),
        TEST(resets),
        TEST(swallows_both_ways_or_one),
        TEST(half_closes),
        TEST(cuts_within_an_answer),
        TEST(stops_exactly_where_it_is_told_to),
        TEST(stops_at_commands_of_a_kind),
        TEST(a_stop_that_does_not_come),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
