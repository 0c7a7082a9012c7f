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

/* Sends the same and does not wait: the connection. */
static int send_as_number(const front *one, const char *name, int number) {
    char text[4096], user[32], session[SECKILL_TOKEN_SIZE];
    snprintf(user, sizeof user, "%s%d", name, number);
    front_session(one, user, 600000, session);
    snprintf(text, sizeof text,
             "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: 18\r\n\r\n{\"request_id\":\"r\"}",
             session);
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    return fd;
}

/* The item's readings of a loop live for 200 ms at most. */
static void wait_for_reading(void) {
    front_sleep_ms(220);
}

/* A request that is enqueued while a reading is under way is counted twice until the next one: then there may be room again. */
static int ask_twice(const front *one, const char *name, int number) {
    if (ask_as_number(one, name, number) == 429) {
        wait_for_reading();
        ask_as_number(one, name, number);
    }
    return answer.status;
}

static void enqueue(const front *one, const char *name, int number) {
    assert_int_equal(ask_twice(one, name, number), 202);
}

/* How many there is room for, up to `most`. */
static int fill(const front *one, const char *name, int most) {
    int count = 0;
    while (count < most && ask_twice(one, name, count) == 202)
        count++;
    return count;
}

/* How often a script was run. */
static long long scripts(front *one) {
    redisReply *reply = redis_server_command(one->redis, "INFO commandstats");
    const char *at = reply != NULL ? strstr(reply->str, "cmdstat_evalsha:calls=") : NULL;
    long long calls = at != NULL ? strtoll(at + strlen("cmdstat_evalsha:calls="), NULL, 10) : 0;
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
    assert_true(front_wait_metric(one, "seckill_client_enqueued_total 5")); /* the counters are copied a few times a second */
    int64_t batches = front_metric(one, "seckill_client_batch_operations_count");
    for (int i = 0; i < 20; i++) {
        ask_as_number(one, "late", i);
        assert_turned_away();
    }
    assert_int_equal(sale_stock(&one->sale).total.queued, 5);
    assert_int_equal(front_metric(one, TURNED_AWAY), 20);
    wait_for_reading(); /* it is Redis that says so now, no longer the loop's own count */
    ask_as(one, "later");
    assert_turned_away();
    assert_int_equal(front_metric(one, "seckill_client_batch_operations_count"),
                     batches); /* of requests; nothing was sent but readings */
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
    char line[64];
    int fds[CROWD], admitted = 0;
    assert_true(front_wait_health(one, 200));
    redis_server_pause(one->redis);
    for (int i = 0; i < CROWD; i++)
        fds[i] = send_as_number(one, "user", i);
    snprintf(line, sizeof line, "seckill_front_requests_in_progress %d", CROWD);
    assert_true(front_wait_metric(one, line));
    assert_true(front_wait_metric(one, "seckill_client_operations_in_progress 2")); /* settings and stock */
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
    static const char *const options[] = {"--no-blacklist", NULL}; /* whose scripts would be counted too */
    front *one = front_open(5, 1, options);
    assert_int_equal(ask_as(one, "ann"), 202);
    long long before = scripts(one);
    front_sleep_ms(120);
    assert_int_equal(ask_as(one, "bob"), 202); /* by the old reading; and begins the next */
    for (int64_t end = front_now_ms() + FRONT_PATIENCE_MS; scripts(one) < before + 3 && front_now_ms() < end;)
        front_sleep_ms(5);
    assert_int_equal(scripts(one), before + 3); /* bob, and the two of the reading */
    front_close(one);
}

/* ---- what is counted of those that were admitted */

/* Redis knows the scripts of a reading from now on. */
static void read_item(const front *one) {
    assert_int_equal(front_ask(one, "GET", "/v1/activities/sale/items/phone", "ann", NULL, NULL, &answer), 200);
}

/* Redis answers readings, whose scripts it knows, but no script that may write. */
static void pause_writes(front *one) {
    redis_server_forget(redis_server_command(one->redis, "CLIENT PAUSE 60000 WRITE"));
}

static void resume_writes(front *one) {
    redis_server_forget(redis_server_command(one->redis, "CLIENT UNPAUSE"));
    assert_true(front_wait_health(one, 200));
}

/* Who goes away while its request is with Redis takes a place until the next reading, and no longer. */
static void test_peers_gone(void **state) {
    (void)state;
    enum { GONE = 24, ROOM = 25 };
    static const char *const options[] = {"--queue-min", "25", "--queue-multiple", "0", "--timeout", "15s", NULL};
    front *one = front_open(1000, 1, options);
    char line[64];
    int fds[GONE];
    read_item(one);
    pause_writes(one);
    for (int i = 0; i < GONE; i++)
        fds[i] = send_as_number(one, "gone", i);
    snprintf(line, sizeof line, "seckill_front_requests_in_progress %d", GONE);
    assert_true(front_wait_metric(one, line));
    while (front_metric(one, "seckill_client_operations_in_progress") < 3) /* more than a reading: what was admitted is sent */
        front_sleep_ms(5);
    for (int i = 0; i < GONE; i++)
        front_reset(fds[i]);
    assert_true(front_wait_metric(one, "seckill_front_requests_in_progress 0"));
    resume_writes(one);
    assert_true(front_wait_metric(one, "seckill_client_operations_in_progress 0"));
    sale_decide_all(&one->sale);
    wait_for_reading();
    assert_int_equal(fill(one, "later", ROOM + 10), ROOM);
    front_close(one);
}

/* What is refused takes no place. */
static void test_refused_take_no_place(void **state) {
    (void)state;
    enum { ROOM = 3, REFUSED = 8 };
    static const char *const options[] = {"--queue-min", "3", "--queue-multiple", "0", NULL};
    front *one = front_open(5, 1, options);
    char text[REFUSED * 2048], session[SECKILL_TOKEN_SIZE];
    size_t size = 0;
    assert_int_equal(ask_as(one, "ann"), 202);
    sale_decide_all(&one->sale);
    wait_for_reading();
    front_session(one, "ann", 600000, session);
    for (int i = 0; i < REFUSED; i++) /* in one go, so that all are answered within the life of a reading */
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n"
                                 "Content-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"request_id\":\"%d\"}",
                                 session, i);
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    for (int i = 0; i < REFUSED; i++) {
        front_read(fd, &answer);
        assert_true(front_says(&answer, 403, "limit_reached"));
    }
    close(fd);
    wait_for_reading();
    assert_int_equal(fill(one, "later", ROOM + 3), ROOM);
    front_close(one);
}

/* One round: as many as there is room for are sent and not answered in time; is the next one turned away? It is not where the
 * reading is too old by then. */
static bool unknown_take_places(front *one, const char *name) {
    enum { ROOM = 5 };
    int fds[ROOM], unknown = 0;
    wait_for_reading();
    pause_writes(one);
    for (int i = 0; i < ROOM; i++)
        fds[i] = send_as_number(one, name, i);
    for (int i = 0; i < ROOM; i++) {
        front_read(fds[i], &answer);
        unknown += answer.status == 504;
        close(fds[i]);
    }
    bool turned_away = ask_as(one, name) == 429;
    resume_writes(one);
    sale_decide_all(&one->sale);
    return turned_away && unknown == ROOM;
}

/* What may be enqueued takes a place until a reading says whether it is. */
static void test_unknown_take_places(void **state) {
    (void)state;
    enum { ROUNDS = 30 };
    static const char *const options[] = {"--queue-min", "5", "--queue-multiple", "0", "--timeout", "100ms", NULL};
    front *one = front_open(1000, 1, options);
    char name[16];
    bool good = false;
    read_item(one);
    for (int i = 0; i < ROUNDS && !good; i++) {
        snprintf(name, sizeof name, "round%d-", i);
        good = unknown_take_places(one, name);
    }
    assert_true(good);
    front_close(one);
}

/* Who is turned away is told how long the queue takes to shrink, once that is known. */
static void test_told_when_there_is_room(void **state) {
    (void)state;
    enum { CROWD = 100 };
    static const char *const options[] = {"--queue-min", "2", "--queue-multiple", "0", "--poll-min", "20s", "--poll-max",
                                          "20s",         NULL};
    front *one = front_open(5, 1, options);
    sale_queue_answer *screened = calloc(2, sizeof *screened);
    char user[16];
    for (int i = 0; i < CROWD; i++) {
        snprintf(user, sizeof user, "early%d", i);
        assert_int_equal(sale_enqueue(&one->sale, user, "e", 1).status, SECKILL_OK);
    }
    ask_as(one, "ann");
    assert_turned_away();
    assert_in_range(front_number(&answer, "retry_after_ms"), 15000, 25000);
    assert_int_equal(sale_queue_read(&one->sale, 0, CROWD / 2, &screened[0]), SECKILL_OK);
    assert_int_equal(sale_decide(&one->sale, 0, &screened[0], NULL, 0, &screened[1]), SECKILL_OK);
    free(screened);
    wait_for_reading();
    ask_as(one, "ann");
    assert_turned_away();
    assert_in_range(front_number(&answer, "retry_after_ms"), 1000, 10000);
    front_close(one);
}

/* ---- shards that are damaged */

static void damage(front *one, uint32_t shard, const char *name) {
    char key[SECKILL_SHARD_KEY_SIZE];
    sale_key(&one->sale, shard, name, key);
    redis_server_forget(redis_server_command(one->redis, "DEL %s", key));
    redis_server_forget(redis_server_command(one->redis, "SET %s nonsense", key));
}

/* The others go on, and by what they say the queue stays closed when it is full. */
static void test_one_shard_is_damaged(void **state) {
    (void)state;
    enum { ROOM = 3, CROWD = 40 };
    static const char *const options[] = {"--queue-min", "3", "--queue-multiple", "0", NULL};
    front *one = front_open_shards(40, 1, 4, options);
    int admitted = 0;
    damage(one, 2, "stock");
    for (int i = 0; i < CROWD; i++) {
        ask_as_number(one, "user", i);
        admitted += answer.status == 202;
        if (answer.status != 202 && answer.status != 429)
            assert_true(front_says(&answer, 500, "damaged"));
        if (i % 10 == 9)
            wait_for_reading();
    }
    assert_int_equal(admitted, ROOM);
    ask_as(one, "ann");
    assert_turned_away();
    front_close(one);
}

/* Where nobody can say how many wait, there is no admission. */
static void test_nothing_can_be_counted(void **state) {
    (void)state;
    static const char *const options[] = {"--queue-min", "1", "--queue-multiple", "0", NULL};
    front *one = front_open(5, 1, options);
    damage(one, 0, "events"); /* which a reading counts, and a request that is enqueued leaves alone */
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask_as_number(one, "user", i), 202);
    assert_int_equal(front_metric(one, TURNED_AWAY), 0);
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_min),
        cmocka_unit_test(test_queue_multiple),
        cmocka_unit_test(test_stampede),
        cmocka_unit_test(test_made_up_names),
        cmocka_unit_test(test_readings_are_renewed),
        cmocka_unit_test(test_peers_gone),
        cmocka_unit_test(test_refused_take_no_place),
        cmocka_unit_test(test_unknown_take_places),
        cmocka_unit_test(test_told_when_there_is_room),
        cmocka_unit_test(test_one_shard_is_damaged),
        cmocka_unit_test(test_nothing_can_be_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
