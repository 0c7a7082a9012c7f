/* seckill-front with --captcha altcha: challenges, and which answers count: once, for one request, of one user, in one
 * activity, on whichever front.
 *
 * SPDX-License-Identifier: MIT
 */
#include "captcha_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static front_answer answer; /* large: not on the stack */
static char key_path[64];
static char payload[CAPTCHA_TEXT], other[CAPTCHA_TEXT];

/* The options of a front with a captcha that is easy; the last is the mode's. */
static const char *options_of[2][20] = {
    {"--captcha", "altcha", "--captcha-key", key_path, "--captcha-difficulty", "500", "--user-limit", "none", "--no-blacklist",
     NULL},
    {"--captcha", "altcha", "--captcha-key", key_path, "--captcha-difficulty", "500", "--user-limit", "none", "--no-blacklist",
     "--direct", NULL},
};

/* Both modes; what stands for "it passed". */
static const int good[2] = {202, 200};

static front *open_front(int mode) {
    captcha_write(key_path, "# of a test\n" CAPTCHA_KEY "\n");
    return front_open(1000, 100, options_of[mode]);
}

static void close_front(front *one) {
    front_close(one);
    unlink(key_path);
}

static int64_t seconds_from_now(int64_t seconds) {
    return (int64_t)time(NULL) + seconds;
}

static int ask(const front *one, const char *user, const char *id, const char *captcha) {
    return captcha_ask(one, user, id, captcha, NULL, &answer);
}

static void refused(const front *one, const char *user, const char *id, const char *captcha, const char *code) {
    ask(one, user, id, captcha);
    assert_true(front_says(&answer, 403, code));
}

/* ---- challenges */

static void test_challenge(void **state) {
    (void)state;
    front *one = open_front(1);
    char text[SECKILL_TOKEN_SIZE];
    assert_int_equal(front_ask(one, "GET", "/v1/captcha?activity=sale", "ann", NULL, NULL, &answer), 200);
    assert_true(front_has_field(&answer, "Cache-Control: no-store"));
    assert_true(front_has_field(&answer, "Content-Type: application/json"));
    assert_string_equal(front_text(&answer, "algorithm", text), "SHA-256");
    assert_int_equal(strlen(front_text(&answer, "challenge", text)), 64);
    assert_int_equal(strlen(front_text(&answer, "signature", text)), 64);
    assert_int_equal(front_number(&answer, "maxnumber"), 500);
    assert_non_null(strstr(front_text(&answer, "salt", text), "&a=sale&u="));
    assert_int_equal(text[strlen(text) - 1], '&');
    assert_null(strstr(text, "ann"));
    json_t *body = front_json(&answer);
    assert_int_equal(json_object_size(body), 5);
    json_decref(body);
    close_front(one);
}

/* An id of 64 bytes. */
#define LONGEST "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"

static void test_challenge_refused(void **state) {
    (void)state;
    static const char *const paths[] = {"/v1/captcha",
                                        "/v1/captcha?",
                                        "/v1/captcha?activity",
                                        "/v1/captcha?activity=",
                                        "/v1/captcha?activity=a%20b",
                                        "/v1/captcha?activity=a&activity=b",
                                        "/v1/captcha?activities=a",
                                        "/v1/captcha?x=activity=a",
                                        "/v1/captcha?activity=" LONGEST "m"};
    front *one = open_front(1);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        front_ask(one, "GET", paths[i], "ann", NULL, NULL, &answer);
        assert_true(front_says(&answer, 400, "invalid"));
    }
    assert_int_equal(front_ask(one, "GET", "/v1/captcha?x=1&activity=sa%6ce&y", "ann", NULL, NULL, &answer), 200);
    assert_non_null(strstr(answer.body, "&a=sale&"));
    front_ask(one, "GET", "/v1/captcha?activity=" LONGEST, "ann", NULL, NULL, &answer);
    assert_non_null(strstr(answer.body, "&a=" LONGEST "&"));
    front_ask(one, "GET", "/v1/captcha?activity=sale", NULL, NULL, NULL, &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    front_ask(one, "POST", "/v1/captcha?activity=sale", "ann", "{}", NULL, &answer);
    assert_true(front_says(&answer, 405, "method_not_allowed"));
    close_front(one);
}

static void test_without(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--no-blacklist", NULL};
    front *one = front_open(10, 5, options);
    front_ask(one, "GET", "/v1/captcha?activity=sale", "ann", NULL, NULL, &answer);
    assert_true(front_says(&answer, 404, "no_such_path"));
    assert_int_equal(ask(one, "ann", "r1", NULL), 200);
    assert_int_equal(ask(one, "ann", "r2", "any words"), 200);
    front_close(one);
}

/* ---- answers */

static void test_none_or_wrong(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode);
        char longest[5000];
        memset(longest, 'A', sizeof longest);
        refused(one, "ann", "r", NULL, "captcha_missing");
        refused(one, "ann", "r", "", "captcha_missing");
        refused(one, "ann", "r", "no answer", "captcha_wrong");
        captcha_made(CAPTCHA_KEY_2, "ann", "sale", seconds_from_now(60), payload);
        refused(one, "ann", "r", payload, "captcha_wrong");
        longest[4096] = '\0';
        refused(one, "ann", "r", longest, "captcha_wrong");
        longest[4096] = 'A';
        longest[4097] = '\0';
        ask(one, "ann", "r", longest);
        assert_true(front_says(&answer, 400, "invalid"));
        for (int retry = 0; retry < 2; retry++) { /* who says that it is a repetition is believed no more */
            captcha_ask(one, "ann", "r", NULL, retry ? ",\"retry\":true" : ",\"retry\":false", &answer);
            assert_true(front_says(&answer, 403, "captcha_missing"));
        }
        assert_int_equal(sale_stock(&one->sale).total.available, 1000);
        close_front(one);
    }
}

static void test_once(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode);
        captcha_answer(one, "ann", payload);
        assert_int_equal(ask(one, "ann", "r1", payload), good[mode]);
        refused(one, "ann", "r2", payload, "captcha_used");
        assert_int_equal(ask(one, "ann", "r1", payload), good[mode]); /* repeated: retry is true where it is not said */
        assert_int_equal(captcha_ask(one, "ann", "r1", payload, ",\"retry\":false", &answer), good[mode]);
        captcha_answer(one, "ann", other); /* repeated with another answer, which is then used too */
        if (mode == 1) {
            assert_int_equal(ask(one, "ann", "r1", other), good[mode]);
            assert_true(strstr(answer.body, "\"replayed\":true") != NULL);
            refused(one, "ann", "r3", other, "captcha_used");
        }
        close_front(one);
    }
}

/* Two fronts know of each other by Redis only. */
static void test_on_another_front(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode), second = *one;
        front_start(&second, options_of[mode]);
        captcha_answer(&second, "ann", payload);
        assert_int_equal(ask(one, "ann", "r1", payload), good[mode]);
        refused(&second, "ann", "r2", payload, "captcha_used");
        assert_int_equal(ask(&second, "ann", "r1", payload), good[mode]);
        kill(second.pid, SIGTERM);
        assert_int_equal(front_wait(second.pid), 0);
        close(second.out);
        close_front(one);
    }
}

static void test_for_somebody_else(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode);
        captcha_answer(one, "bob", payload);
        refused(one, "ann", "r", payload, "captcha_wrong");
        captcha_made(CAPTCHA_KEY, "ann", "another-sale", seconds_from_now(60), other);
        refused(one, "ann", "r", other, "captcha_wrong");
        assert_int_equal(ask(one, "bob", "r", payload), good[mode]); /* nobody has used it up */
        close_front(one);
    }
}

static void test_expired(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode);
        captcha_made(CAPTCHA_KEY, "ann", "sale", seconds_from_now(-1), payload);
        refused(one, "ann", "r", payload, "captcha_expired");
        captcha_made(CAPTCHA_KEY, "ann", "sale", seconds_from_now(60), payload);
        assert_int_equal(ask(one, "ann", "r", payload), good[mode]);
        close_front(one);
    }
}

/* By its own time, too. */
static void test_time_of_a_challenge(void **state) {
    (void)state;
    captcha_write(key_path, CAPTCHA_KEY "\n");
    const char *options[] = {"--captcha", "altcha", "--captcha-key", key_path, "--captcha-time", "2h", NULL};
    front *one = front_open(10, 5, options);
    char salt[SECKILL_TOKEN_SIZE];
    int64_t before = seconds_from_now(7200);
    assert_int_equal(front_ask(one, "GET", "/v1/captcha?activity=sale", "ann", NULL, NULL, &answer), 200);
    const char *expires = strstr(front_text(&answer, "salt", salt), "?expires=");
    assert_non_null(expires);
    assert_in_range(strtoll(expires + strlen("?expires="), NULL, 10), before, seconds_from_now(7200));
    assert_int_equal(front_number(&answer, "maxnumber"), 50000);
    close_front(one);
}

/* ---- keys */

static void wait_until_wrong(const front *one, const char *key) {
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    do {
        captcha_made(key, "ann", "sale", seconds_from_now(60), payload);
        ask(one, "ann", "w", payload);
    } while (answer.status != 403 && front_now_ms() < end);
    assert_true(front_says(&answer, 403, "captcha_wrong"));
}

static void test_rotation(void **state) {
    (void)state;
    front *one = open_front(1);
    captcha_made(CAPTCHA_KEY_2, "ann", "sale", seconds_from_now(60), other);
    refused(one, "ann", "r", other, "captcha_wrong");
    captcha_rewrite(key_path, CAPTCHA_KEY_2 "\n" CAPTCHA_KEY "\n");
    kill(one->pid, SIGHUP);
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (ask(one, "ann", "r", other) != 200 && front_now_ms() < end)
        ;
    assert_int_equal(answer.status, 200);
    captcha_made(CAPTCHA_KEY, "ann", "sale", seconds_from_now(60), other); /* what the old one signed still counts */
    assert_int_equal(ask(one, "ann", "r2", other), 200);
    captcha_rewrite(key_path, "too short\n"); /* is refused, and nothing changes */
    kill(one->pid, SIGHUP);
    captcha_rewrite(key_path, CAPTCHA_KEY_2 "\n");
    kill(one->pid, SIGHUP);
    wait_until_wrong(one, CAPTCHA_KEY);
    captcha_made(CAPTCHA_KEY_2, "ann", "sale", seconds_from_now(60), other);
    assert_int_equal(ask(one, "ann", "r3", other), 200);
    close_front(one);
}

/* ---- Redis in trouble */

/* As a server that stands still: what changes something is not answered. */
static void pause_writes(front *one) {
    redis_server_forget(redis_server_command(one->redis, "CLIENT PAUSE 60000 WRITE"));
}

static void resume_writes(front *one) {
    redis_server_forget(redis_server_command(one->redis, "CLIENT UNPAUSE"));
}

/* The answer is lost, whatever became of it: the same request with the same answer passes. */
static void test_unknown(void **state) {
    (void)state;
    const char *options[] = {"--captcha", "altcha",   "--captcha-key", key_path, "--captcha-difficulty",
                             "500",       "--direct", "--timeout",     "300ms",  NULL};
    captcha_write(key_path, CAPTCHA_KEY "\n");
    front *one = front_open(10, 5, options);
    captcha_answer(one, "ann", payload);
    pause_writes(one);
    ask(one, "ann", "r1", payload);
    assert_true(front_says(&answer, 504, "unknown"));
    resume_writes(one);
    assert_int_equal(ask(one, "ann", "r1", payload), 200);
    refused(one, "ann", "r2", payload, "captcha_used");
    close_front(one);
}

/* Peers that go away while their answers are being used leave no place in the queue taken. */
static void test_peers_gone(void **state) {
    (void)state;
    enum { GONE = 3 }; /* as many as there is room for */
    const char *options[] = {"--captcha",
                             "altcha",
                             "--captcha-key",
                             key_path,
                             "--captcha-difficulty",
                             "500",
                             "--no-blacklist",
                             "--queue-min",
                             "3",
                             "--queue-multiple",
                             "0",
                             NULL};
    captcha_write(key_path, CAPTCHA_KEY "\n");
    front *one = front_open(1000, 100, options);
    char text[CAPTCHA_TEXT * 2], body[CAPTCHA_TEXT], session[SECKILL_TOKEN_SIZE], user[16];
    int fds[GONE];
    assert_int_equal(front_ask(one, "GET", "/v1/activities/sale/items/phone", NULL, NULL, NULL, &answer), 200);
    captcha_answer(one, "dora", other);
    pause_writes(one);
    for (int i = 0; i < GONE; i++) {
        snprintf(user, sizeof user, "gone%d", i);
        captcha_answer(one, user, payload);
        front_session(one, user, 600000, session);
        snprintf(body, sizeof body, "{\"request_id\":\"r\",\"captcha\":\"%.1000s\"}", payload);
        snprintf(text, sizeof text,
                 "POST " CAPTCHA_REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 session, strlen(body), body);
        fds[i] = front_connect(one);
        assert_true(front_send(fds[i], text));
    }
    assert_true(front_wait_metric(one, "seckill_front_requests_in_progress 3"));
    for (int i = 0; i < GONE; i++)
        front_reset(fds[i]);
    assert_true(front_wait_metric(one, "seckill_front_requests_in_progress 0"));
    resume_writes(one);
    assert_int_equal(ask(one, "dora", "r", other), 202);
    close_front(one);
}

/* The program ends while answers are being used. */
static void test_stopped_meanwhile(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        front *one = open_front(mode);
        char text[CAPTCHA_TEXT * 2], body[CAPTCHA_TEXT], session[SECKILL_TOKEN_SIZE];
        captcha_answer(one, "ann", payload);
        pause_writes(one);
        front_session(one, "ann", 600000, session);
        snprintf(body, sizeof body, "{\"request_id\":\"r\",\"captcha\":\"%.1000s\"}", payload);
        snprintf(text, sizeof text,
                 "POST " CAPTCHA_REQUESTS " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 session, strlen(body), body);
        int fd = front_connect(one);
        assert_true(front_send(fd, text));
        assert_true(front_wait_metric(one, "seckill_front_requests_in_progress 1"));
        kill(one->pid, SIGTERM);
        kill(one->pid, SIGINT); /* another signal, since two that are the same may be seen as one */
        assert_int_equal(front_wait(one->pid), 0);
        one->pid = 0;
        close(fd);
        resume_writes(one);
        close_front(one);
    }
}

/* ---- the command line */

static void exits(int code, const char *const *options) {
    int out;
    pid_t pid = front_spawn(options, &out);
    assert_int_equal(front_wait(pid), code);
    close(out);
}

static void test_command_line(void **state) {
    (void)state;
    captcha_write(key_path, "too short\n");
    front *one = front_open(0, 0, NULL);
    const char *const wrong[][12] = {
        {"--keys", one->keys, "--captcha", "recaptcha", "--captcha-key", key_path, NULL},
        {"--keys", one->keys, "--captcha", "altcha", NULL},
        {"--keys", one->keys, "--captcha-key", key_path, NULL},
        {"--keys", one->keys, "--captcha", "altcha", "--captcha-key", key_path, "--captcha-verify", "https://localhost/",
         "--captcha-secret", key_path, NULL},
        {"--keys", one->keys, "--captcha-verify", "https://localhost/", NULL},
        {"--keys", one->keys, "--captcha-secret", key_path, NULL},
        {"--keys", one->keys, "--captcha-verify", "ftp://localhost/", "--captcha-secret", key_path, NULL},
        {"--keys", one->keys, "--captcha-difficulty", "0", NULL},
        {"--keys", one->keys, "--captcha-difficulty", "100000001", NULL},
        {"--keys", one->keys, "--captcha-time", "13h", NULL},
        {"--keys", one->keys, "--captcha-time", "999ms", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        exits(2, wrong[i]);
    const char *const keys[] = {"--keys", one->keys, "--captcha", "altcha", "--captcha-key", key_path, NULL};
    exits(1, keys);
    captcha_rewrite(key_path, "# nothing\n");
    exits(1, keys);
    unlink(key_path);
    exits(1, keys);
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_challenge_refused),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_none_or_wrong),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_on_another_front),
        cmocka_unit_test(test_for_somebody_else),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_time_of_a_challenge),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_peers_gone),
        cmocka_unit_test(test_stopped_meanwhile),
        cmocka_unit_test(test_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
