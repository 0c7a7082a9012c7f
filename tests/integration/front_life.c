/* seckill-front's life: starting, stopping, Redis gone and back, peers gone, gateways.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"
#include "sale_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"

static front_answer answer; /* large: not on the stack */

/* Sends a request for a unit and does not wait. */
static int begin(const front *one, const char *user, const char *id) {
    char text[4096], token[SECKILL_TOKEN_SIZE], body[128];
    front_session(one, user, 600000, token);
    snprintf(body, sizeof body, "{\"request_id\":\"%s\"}", id);
    snprintf(text, sizeof text,
             "POST " REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             token, strlen(body), body);
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    return fd;
}

static void wait_for_health(const front *one, int wanted) {
    assert_true(front_wait_health(one, wanted));
}

/* Waits until so many requests are in progress. */
static void wait_in_progress(const front *one, int wanted) {
    char line[80];
    snprintf(line, sizeof line, "seckill_client_operations_in_progress %d", wanted);
    assert_true(front_wait_metric(one, line));
}

/* ---- stopping */

static void test_stop_answers_first(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--loops", "2", "--timeout", "15s", NULL};
    front *one = front_open(5, 1, options);
    wait_for_health(one, 200);
    int idle = front_connect(one), partial = front_connect(one);
    front_send(partial, "GET /healthz HTTP/1.1\r\nHo");
    redis_server_pause(one->redis);
    int fd = begin(one, "stella", "s1");
    wait_in_progress(one, 1);
    kill(one->pid, SIGTERM);
    assert_true(front_at_end(idle));
    front_send(partial, "st: test\r\n\r\n"); /* begun before the signal: answered, and told that it is the last */
    front_read(partial, &answer);
    assert_int_equal(answer.status, 503);
    assert_true(front_has_field(&answer, "Connection: close"));
    redis_server_resume(one->redis);
    front_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(front_has_field(&answer, "Connection: close"));
    assert_true(front_at_end(fd));
    assert_int_equal(front_wait(one->pid), 0);
    one->pid = 0;
    close(idle);
    close(partial);
    close(fd);
    front_close(one);
}

/* What cannot be answered does not keep the program. */
static void test_stop_is_bounded(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--stop-timeout", "300ms", "--timeout", "1h", NULL};
    front *one = front_open(5, 1, options);
    wait_for_health(one, 200);
    redis_server_pause(one->redis);
    int fd = begin(one, "stella", "s1");
    wait_in_progress(one, 1);
    int64_t begun = front_now_ms();
    kill(one->pid, SIGINT);
    assert_true(front_at_end(fd));
    assert_int_equal(front_wait(one->pid), 0);
    assert_in_range(front_now_ms() - begun, 250, 8000);
    one->pid = 0;
    redis_server_resume(one->redis);
    close(fd);
    front_close(one);
}

static int send_poll(const front *one, const char *user, const char *ticket) {
    char text[4096], session[SECKILL_TOKEN_SIZE];
    front_session(one, user, 600000, session);
    snprintf(text, sizeof text, "GET /v1/tickets/%s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n\r\n", ticket,
             session);
    int fd = front_connect(one);
    assert_true(front_send(fd, text));
    return fd;
}

static void enqueue(const front *one, const char *user, char ticket[SECKILL_TOKEN_SIZE]) {
    assert_int_equal(front_ask(one, "POST", REQUESTS, user, "{\"request_id\":\"r\"}", NULL, &answer), 202);
    front_text(&answer, "ticket", ticket);
}

/* In queued mode: a request and a poll that are with Redis when the signal comes are answered. */
static void test_stop_with_queued(void **state) {
    (void)state;
    static const char *const options[] = {"--timeout", "15s", NULL};
    static const int wanted[] = {202, 200};
    front *one = front_open(5, 1, options);
    char ticket[SECKILL_TOKEN_SIZE];
    enqueue(one, "ann", ticket);
    redis_server_forget(redis_server_command(one->redis, "CLIENT PAUSE 60000 WRITE")); /* readings are answered */
    int fds[] = {begin(one, "stella", "s1"), 0};
    wait_in_progress(one, 1); /* admitted, and sent */
    fds[1] = send_poll(one, "ann", ticket);
    wait_in_progress(one, 2);
    int idle = front_connect(one);
    kill(one->pid, SIGTERM);
    assert_true(front_at_end(idle)); /* the signal has been seen */
    close(idle);
    redis_server_forget(redis_server_command(one->redis, "CLIENT UNPAUSE"));
    for (int i = 0; i < 2; i++) {
        front_read(fds[i], &answer);
        assert_int_equal(answer.status, wanted[i]);
        assert_non_null(strstr(answer.body, "\"state\":\"queued\""));
        assert_true(front_has_field(&answer, "Connection: close"));
        close(fds[i]);
    }
    assert_int_equal(front_wait(one->pid), 0);
    one->pid = 0;
    assert_int_equal(sale_decide_all(&one->sale), 2);
    front_close(one);
}

/* What waits for its place and for a poll's answer when the time is over is given up, and freed. */
static void test_stop_gives_up_queued(void **state) {
    (void)state;
    static const char *const options[] = {"--stop-timeout", "300ms", "--timeout", "1h", NULL};
    front *one = front_open(5, 1, options);
    char ticket[SECKILL_TOKEN_SIZE];
    enqueue(one, "ann", ticket);
    redis_server_forget(redis_server_command(one->redis, "CLIENT PAUSE 60000 WRITE"));
    int fds[] = {begin(one, "stella", "s1"), 0};
    wait_in_progress(one, 1);
    redis_server_pause(one->redis);
    fds[1] = send_poll(one, "ann", ticket);
    wait_in_progress(one, 2);
    kill(one->pid, SIGTERM);
    for (int i = 0; i < 2; i++) {
        assert_true(front_at_end(fds[i]));
        close(fds[i]);
    }
    assert_int_equal(front_wait(one->pid), 0);
    one->pid = 0;
    redis_server_resume(one->redis);
    redis_server_forget(redis_server_command(one->redis, "CLIENT UNPAUSE"));
    front_close(one);
}

static void test_second_signal(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--stop-timeout", "1h", "--timeout", "1h", NULL};
    front *one = front_open(5, 1, options);
    wait_for_health(one, 200);
    redis_server_pause(one->redis);
    int fd = begin(one, "stella", "s1"), idle = front_connect(one);
    wait_in_progress(one, 1);
    kill(one->pid, SIGTERM);
    assert_true(front_at_end(idle)); /* the first one has been seen */
    kill(one->pid, SIGTERM);
    assert_true(front_at_end(fd));
    assert_int_equal(front_wait(one->pid), 0);
    one->pid = 0;
    redis_server_resume(one->redis);
    close(fd);
    close(idle);
    front_close(one);
}

/* ---- Redis gone, hanging, back */

static void test_redis_away(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--timeout", "400ms", NULL};
    front *one = front_open(5, 1, options);
    wait_for_health(one, 200);
    redis_server_stop(one->redis);
    wait_for_health(one, 503);
    front_ask(one, "GET", "/healthz", NULL, NULL, NULL, &answer);
    assert_true(front_says(&answer, 503, "unreachable"));
    front_ask(one, "POST", REQUESTS, "rita", "{\"request_id\":\"r\"}", NULL, &answer);
    assert_true(front_says(&answer, 503, "unreachable"));
    assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
    front_ask(one, "GET", "/v1/activities/sale/items/phone", NULL, NULL, NULL, &answer);
    assert_int_equal(answer.status, 503);
    front_ask(one, "GET", "/v1/activities/sale/cart", "rita", NULL, NULL, &answer);
    assert_int_equal(answer.status, 503);
    assert_true(redis_server_restart(one->redis));
    wait_for_health(one, 200);
    front_close(one);
}

static void test_redis_hangs(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--timeout", "400ms", "--max-in-progress", "2", NULL};
    front *one = front_open(5, 1, options);
    wait_for_health(one, 200);
    assert_int_equal(front_ask(one, "POST", REQUESTS, "ida", "{\"request_id\":\"i\"}", NULL, &answer), 200);
    redis_server_pause(one->redis);
    int first = begin(one, "hank", "h1"), second = begin(one, "hugo", "h1");
    wait_in_progress(one, 2);
    front_ask(one, "POST", REQUESTS, "hera", "{\"request_id\":\"h\"}", NULL, &answer);
    assert_true(front_says(&answer, 429, "busy"));
    assert_true(front_has_field(&answer, "Retry-After: 1"));
    front_read(first, &answer);
    assert_true(front_says(&answer, 504, "unknown"));
    assert_non_null(strstr(answer.body, "\"class\":\"unknown\""));
    front_read(second, &answer);
    assert_true(front_says(&answer, 504, "unknown"));
    redis_server_resume(one->redis);
    /* Asked again with the same id, it is granted, now or before; and once. */
    assert_int_equal(front_ask(one, "POST", REQUESTS, "hank", "{\"request_id\":\"h1\",\"retry\":true}", NULL, &answer), 200);
    sale_lookup_answer *found = calloc(1, sizeof *found);
    *found = sale_lookup(&one->sale, "hank", NULL);
    assert_int_equal(found->count, 1);
    free(found);
    close(first);
    close(second);
    front_close(one);
}

/* ---- peers that go away while their request is with Redis */

static void test_peers_gone(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", NULL};
    front *one = front_open(40, 1, options);
    char user[16];
    int fds[30];
    wait_for_health(one, 200);
    redis_server_pause(one->redis);
    for (int i = 0; i < 30; i++) {
        snprintf(user, sizeof user, "gone%d", i);
        fds[i] = begin(one, user, "g");
    }
    wait_in_progress(one, 30);
    for (int i = 0; i < 30; i++) {
        if (i % 2 == 0)
            front_reset(fds[i]);
        else
            close(fds[i]);
    }
    front_sleep_ms(100);
    redis_server_resume(one->redis);
    assert_int_equal(front_ask(one, "POST", REQUESTS, "gone0", "{\"request_id\":\"g\"}", NULL, &answer), 200);
    front_ask(one, "GET", "/v1/activities/sale/cart", "gone1", NULL, NULL, &answer);
    assert_int_equal(answer.status, 200);
    front_close(one);
}

/* ---- other ways in */

static void test_trusted_header(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--trust-user-header", "X-User", NULL};
    front *one = front_open(5, 1, options);
    front_ask(one, "POST", REQUESTS, "session", "{\"request_id\":\"t\"}", NULL, &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    front_ask(one, "POST", REQUESTS, NULL, "{\"request_id\":\"t\"}", "X-User: a\r\nX-User: b\r\n", &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    front_ask(one, "POST", REQUESTS, NULL, "{\"request_id\":\"t\"}", "X-User: \r\n", &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    assert_int_equal(front_ask(one, "POST", REQUESTS, NULL, "{\"request_id\":\"t\"}", "x-user: trudy\r\n", &answer), 200);
    sale_lookup_answer *found = calloc(1, sizeof *found);
    *found = sale_lookup(&one->sale, "trudy", "t");
    assert_int_equal(found->count, 1);
    free(found);
    front_close(one);
}

static void test_unix_socket(void **state) {
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "unix:/tmp/seckill-front-%d.sock", (int)getpid());
    const char *options[] = {"--direct", "--listen", path, "--loops", "2", NULL};
    front *one = front_open(5, 1, options);
    assert_string_equal(one->address, path);
    wait_for_health(one, 200);
    assert_int_equal(front_ask(one, "POST", REQUESTS, "una", "{\"request_id\":\"u\"}", NULL, &answer), 200);
    kill(one->pid, SIGKILL); /* leaves the socket's name behind, which does not hinder the next one */
    assert_int_equal(front_wait(one->pid), -1);
    close(one->out);
    front_start(one, options);
    wait_for_health(one, 200);
    front_close(one);
    assert_int_not_equal(access(path + 5, F_OK), 0);
}

/* A front that listens no more but still answers leaves the name to its successor, which has taken it meanwhile. */
static void test_unix_successor(void **state) {
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "unix:/tmp/seckill-front-%d.sock", (int)getpid());
    const char *options[] = {"--direct", "--listen", path, "--timeout", "1h", "--stop-timeout", "1h", NULL};
    front *one = front_open(5, 1, options);
    wait_for_health(one, 200);
    redis_server_pause(one->redis);
    int fd = begin(one, "una", "u"), idle = front_connect(one), out = one->out;
    pid_t first = one->pid;
    wait_in_progress(one, 1);
    kill(first, SIGTERM);
    assert_true(front_at_end(idle));
    front_start(one, options);
    redis_server_resume(one->redis);
    front_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(front_wait(first), 0);
    assert_int_equal(access(path + 5, F_OK), 0);
    wait_for_health(one, 200);
    close(out);
    close(idle);
    close(fd);
    front_close(one);
    assert_int_not_equal(access(path + 5, F_OK), 0);
}

static void test_options(void **state) {
    (void)state;
    static const struct {
        const char *options[7];
        int code;
    } rows[] = {
        {{"--help"}, 0},
        {{"--version"}, 0},
        {{NULL}, 2},
        {{"--keys", "/nonexistent/keys"}, 1},
        {{"--nonsense"}, 2},
        {{"--keys", "/dev/null", "more"}, 2},
        {{"--keys", "/dev/null"}, 1},
        {{"--keys", "/dev/null", "--loops", "0"}, 2},
        {{"--keys", "/dev/null", "--timeout", "5"}, 2},
        {{"--keys", "/dev/null", "--redis-user", "a"}, 2},
        {{"--keys", "/dev/null", "--replicas", "17"}, 2},
        {{"--keys", "/dev/null", "--replicas", "16"}, 1},
        {{"--keys", "/dev/null", "--direct=1"}, 2},
        {{"--keys", "/dev/null", "--queue-min", "0"}, 2},
        {{"--keys", "/dev/null", "--queue-multiple", "-1"}, 2},
        {{"--keys", "/dev/null", "--poll-min", "0"}, 2},
        {{"--keys", "/dev/null", "--poll-max", "1d"}, 2},
        {{"--keys", "/dev/null", "--max-connections-per-address", "-1"}, 2},
        {{"--keys", "/dev/null", "--max-connections-per-address", "0"}, 1},
        {{"--keys", "/dev/null", "--poll-min", "4s"}, 2},
        {{"--keys", "/dev/null", "--max-target-bytes", "1023"}, 2}, /* no ticket would pass */
        {{"--keys", "/dev/null", "--max-target-bytes", "1024", "--max-header-bytes", "2047"}, 2},
        {{"--keys", "/dev/null", "--max-target-bytes", "1024", "--max-header-bytes", "2048"}, 1},
        {{"--keys", "/dev/null", "--poll-min", "4s", "--poll-max", "4s"}, 1}, /* good: it is the keys that are missing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int out;
        pid_t pid = front_spawn(rows[i].options, &out);
        assert_int_equal(front_wait(pid), rows[i].code);
        close(out);
    }
}

/* A front whose keys cannot issue, or whose address is taken, says so and ends. */
static void test_cannot_start(void **state) {
    (void)state;
    front *one = front_open(1, 1, NULL);
    char secret[SECKILL_KEY_TEXT_SIZE], key[SECKILL_KEY_TEXT_SIZE], path[128];
    assert_int_equal(seckill_key_generate(SECKILL_KEY_SECRET, secret), SECKILL_OK);
    assert_int_equal(seckill_key_public(secret, strlen(secret), key), SECKILL_OK);
    snprintf(path, sizeof path, "%s/public", one->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", key);
    fclose(file);
    const char *const rows[][6] = {
        {"--keys", path, "--listen", "127.0.0.1:0", NULL},
        {"--keys", one->keys, "--listen", "nonsense", NULL},
        {"--keys", one->keys, "--listen", "192.0.2.1:80", NULL},
        {"--keys", one->keys, "--listen", "unix:/nonexistent/socket", NULL},
        {"--keys", one->keys, "--redis", "a:b:c", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int out;
        pid_t pid = front_spawn(rows[i], &out);
        assert_int_equal(front_wait(pid), 1);
        close(out);
    }
    unlink(path);
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_answers_first), cmocka_unit_test(test_stop_is_bounded),
        cmocka_unit_test(test_stop_with_queued),   cmocka_unit_test(test_stop_gives_up_queued),
        cmocka_unit_test(test_second_signal),      cmocka_unit_test(test_redis_away),
        cmocka_unit_test(test_redis_hangs),        cmocka_unit_test(test_peers_gone),
        cmocka_unit_test(test_trusted_header),     cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_unix_successor),     cmocka_unit_test(test_options),
        cmocka_unit_test(test_cannot_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
