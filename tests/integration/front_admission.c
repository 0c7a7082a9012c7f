/* seckill-front in queued mode: whom it turns away before anything is sent to Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"
#include "sale_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define TURNED_AWAY "seckill_front_requests_turned_away_total"

static front_answer answer; /* large: not on the stack */

static int ask_as(const front *one, const char *user) {
    return front_ask(one, "POST", REQUESTS, user, "{\"request_id\":\"r\"}", NULL, &answer);
}

static int ask_as_number(const front *one, const char *name, int number) {
    char user[32];
    snprintf(user, sizeof user, "%s%d", name, number);
    return ask_as(one, user);
}

/* The item's readings of a loop live for 200 ms at most. */
static void wait_for_reading(void) {
    front_sleep_ms(220);
}

/* A request that is enqueued while a reading is under way is counted twice until the next one. */
static void enqueue(const front *one, const char *name, int number) {
    if (ask_as_number(one, name, number) == 429) {
        wait_for_reading();
        ask_as_number(one, name, number);
    }
    assert_int_equal(answer.status, 202);
}

/* How often a script was run. */
static long long scripts(front *one) {
    redisReply *reply = redis_server_command(one->redis, "INFO commandstats");
    const char *at = reply != NULL ? strstr(reply->str, "cmdstat_evalsha:calls=") : NULL;
    long long calls = at != NULL ? atoll(at + strlen("cmdstat_evalsha:calls=")) : 0;
    redis_server_forget(reply);
    return calls;
}

static void assert_turned_away(void) {
    assert_true(front_says(&answer, 429, "busy"));
    assert_non_null(strstr(answer.body, "\"class\":\"retryable\""));
    assert_in_range(front_number(&answer, "retry_after_ms"), 1000, 30000);
    char line[48];
    snprintf(line, sizeof line, "Retry-After: %d", (int)(front_number(&answer, "retry_after_ms") + 999) / 1000);
    assert_true(front_has_field(&answer, line));
}

static void test_queue_min(void **state) {
    (void)state;
    static const char *const options[] = {"--queue-min", "5", "--queue-multiple", "2", NULL};
    front *one = front_open(2, 1, options);
    for (int i = 0; i < 5; i++)
        enqueue(one, "early", i);
    assert_true(front_wait_metric(one, "seckill_enqueued_total 5")); /* the counters are copied a few times a second */
    int64_t batches = front_metric(one, "seckill_batches_total");
    for (int i = 0; i < 20; i++) {
        ask_as_number(one, "late", i);
        assert_turned_away();
    }
    assert_int_equal(sale_stock(&one->sale).total.queued, 5);
    assert_int_equal(front_metric(one, TURNED_AWAY), 20);
    wait_for_reading(); /* it is Redis that says so now, no longer the loop's own count */
    ask_as(one, "later");
    assert_turned_away();
    assert_int_equal(front_metric(one, "seckill_batches_total"), batches); /* of requests; nothing was sent but readings */
    assert_int_equal(sale_decide_all(&one->sale), 5);
    wait_for_reading();
    assert_int_equal(ask_as(one, "later"), 202);
    front_close(one);
}

/* The queue may be as long as the multiple of what is left: available, or reserved, since that may come back. */
static void test_queue_multiple(void **state) {
    (void)state;
    static const char *const options[] = {"--queue-min", "1", "--queue-multiple", "3", NULL};
    front *one = front_open(4, 1, options);
    char token[SECKILL_TOKEN_SIZE], body[SECKILL_TOKEN_SIZE + 32];
    for (int i = 0; i < 12; i++)
        enqueue(one, "first", i);
    ask_as(one, "more");
    assert_turned_away();
    sale_decide_all(&one->sale); /* four are granted, the others refused */
    wait_for_reading();
    for (int i = 0; i < 12; i++)
        enqueue(one, "second", i);
    ask_as(one, "more");
    assert_turned_away();
    sale_decide_all(&one->sale);

    /* All sold: one at a time, so that whatever is refunded meets somebody. */
    wait_for_reading();
    for (int i = 0; i < 4; i++) {
        char user[16];
        snprintf(user, sizeof user, "first%d", i);
        assert_int_equal(ask_as(one, user), 200);
        snprintf(body, sizeof body, "{\"token\":\"%s\"}", front_text(&answer, "token", token));
        assert_int_equal(front_ask(one, "POST", "/v1/orders", user, body, NULL, &answer), 201);
    }
    wait_for_reading();
    assert_int_equal(ask_as(one, "third"), 202);
    ask_as(one, "more");
    assert_turned_away();
    front_close(one);
}

/* Requests that come at the same moment, none of which has been answered, count as well; and all wait for the one reading. */
static void test_stampede(void **state) {
    (void)state;
    enum { CROWD = 60, ROOM = 7 };
    static const char *const options[] = {"--queue-min", "7", "--queue-multiple", "0", "--timeout", "15s", NULL};
    front *one = front_open(1000, 1, options);
    char text[4096], user[16], session[SECKILL_TOKEN_SIZE], line[64];
    int fds[CROWD], admitted = 0;
    assert_true(front_wait_health(one, 200));
    redis_server_pause(one->redis);
    for (int i = 0; i < CROWD; i++) {
        snprintf(user, sizeof user, "user%d", i);
        front_session(one, user, 600000, session);
        snprintf(text, sizeof text,
                 "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                 "Content-Length: 18\r\n\r\n{\"request_id\":\"r\"}",
                 session);
        fds[i] = front_connect(one);
        assert_true(front_send(fds[i], text));
    }
    snprintf(line, sizeof line, "seckill_front_requests_in_progress %d", CROWD);
    assert_true(front_wait_metric(one, line));
    assert_true(front_wait_metric(one, "seckill_operations_in_progress 2")); /* settings and stock */
    redis_server_resume(one->redis);
    for (int i = 0; i < CROWD; i++) {
        front_read(fds[i], &answer);
        if (answer.status == 202)
            admitted++;
        else
            assert_turned_away();
        close(fds[i]);
    }
    assert_int_equal(admitted, ROOM);
    assert_int_equal(sale_stock(&one->sale).total.queued, ROOM);
    front_close(one);
}

/* Requests for items that are not there cost a reading each, and no memory: the loop forgets them, and none is enqueued. */
static void test_made_up_names(void **state) {
    (void)state;
    static const char *const options[] = {"--item-cache", "16", NULL};
    front *one = front_open(5, 1, options);
    char path[96];
    assert_int_equal(ask_as(one, "ann"), 202);
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof path, "/v1/activities/sale/items/none%d/requests", i);
        front_ask(one, "POST", path, "ann", "{\"request_id\":\"r\"}", NULL, &answer);
        assert_true(front_says(&answer, 404, "not_defined"));
    }
    assert_int_equal(ask_as(one, "bob"), 202);
    front_close(one);
}

/* Nobody waits for a reading but after a pause: it is renewed before it is too old. */
static void test_readings_are_renewed(void **state) {
    (void)state;
    front *one = front_open(5, 1, NULL);
    assert_int_equal(ask_as(one, "ann"), 202);
    long long before = scripts(one);
    front_sleep_ms(120);
    assert_int_equal(ask_as(one, "bob"), 202); /* by the old reading; and begins the next */
    for (int64_t end = front_now_ms() + FRONT_PATIENCE_MS; scripts(one) < before + 3 && front_now_ms() < end;)
        front_sleep_ms(5);
    assert_int_equal(scripts(one), before + 3); /* bob, and the two of the reading */
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_min),     cmocka_unit_test(test_queue_multiple),       cmocka_unit_test(test_stampede),
        cmocka_unit_test(test_made_up_names), cmocka_unit_test(test_readings_are_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
