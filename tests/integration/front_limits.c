/* seckill-front's limits: of a user, an address, an activity; what its answers say of them; who keeps on is blacklisted.
 *
 * Rates of a few things a day make what is said exact, however slow the machine is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ITEM "/v1/activities/sale/items/phone"
#define REQUESTS ITEM "/requests"
#define CART "/v1/activities/sale/cart"

static front_answer answer; /* large: not on the stack */

static int reserve(const front *one, const char *user, const char *id, const char *fields) {
    char body[96];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\",\"retry\":false}", id);
    return front_ask(one, "POST", REQUESTS, user, body, fields, &answer);
}

static int get(const front *one, const char *path, const char *user, const char *fields) {
    return front_ask(one, "GET", path, user, NULL, fields, &answer);
}

/* The number behind `name` in the field that begins with these words; -1: there is none. */
static long in_field(const char *words, const char *name) {
    char field[128];
    snprintf(field, sizeof field, "\r\n%s", words);
    const char *begin = strstr(answer.head, field), *end = begin != NULL ? strstr(begin + 2, "\r\n") : NULL;
    const char *at = begin != NULL ? strstr(begin, name) : NULL;
    return at != NULL && at < end ? strtol(at + strlen(name), NULL, 10) : -1;
}

/* 429, and three times the same: in the problem, in Retry-After, and as what is left of the limit. */
static void check_limited(const char *name, const char *policy, long at_most_s) {
    char words[64];
    assert_true(front_says(&answer, 429, "rate_limited"));
    assert_true(front_has_field(&answer, policy));
    snprintf(words, sizeof words, "RateLimit: \"%s\";r=0;t=", name);
    long seconds = in_field(words, ";t=");
    assert_in_range(seconds, at_most_s - 60, at_most_s);
    assert_int_equal(in_field("Retry-After: ", ": "), seconds);
    assert_in_range(front_number(&answer, "retry_after_ms"), seconds * 1000 - 999, seconds * 1000);
}

static void check_refused(const front *one, const char *reason, int64_t count) {
    char name[96];
    snprintf(name, sizeof name, "seckill_front_refused_total{reason=\"%s\"}", reason);
    assert_int_equal(front_metric(one, name), count);
}

static void test_user(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--user-limit", "1/24h", "--user-burst", "4", NULL};
    static const char policy[] = "RateLimit-Policy: \"user\";q=4;w=345600";
    front *one = front_open(10, 1, options);
    assert_int_equal(reserve(one, "ann", "a", NULL), 200);
    assert_true(front_has_field(&answer, policy));
    assert_true(front_has_field(&answer, "RateLimit: \"user\";r=3;t=86400"));
    assert_int_equal(get(one, CART, "ann", NULL), 200); /* counts, but says nothing */
    assert_null(strstr(answer.head, "RateLimit"));
    assert_int_equal(get(one, ITEM, "ann", NULL), 200);    /* wants no user */
    assert_int_equal(reserve(one, "ann", "b", NULL), 403); /* also on an answer that is a no */
    assert_true(front_says(&answer, 403, "limit_reached"));
    assert_true(front_has_field(&answer, policy));
    assert_int_equal(in_field("RateLimit: \"user\";r=1;t=", ";r="), 1);
    assert_int_equal(get(one, "/v1/tickets/none", "ann", NULL), 400);
    assert_int_equal(reserve(one, "ann", "a", NULL), 429);
    check_limited("user", policy, 86400);
    assert_int_equal(get(one, CART, "ann", NULL), 429);
    check_limited("user", policy, 86400);
    check_refused(one, "user_limit", 2);
    assert_int_equal(reserve(one, "bob", "c", NULL), 200);
    assert_true(front_has_field(&answer, "RateLimit: \"user\";r=3;t=86400"));
    assert_int_equal(get(one, CART, NULL, NULL), 401); /* is nobody's */
    assert_null(strstr(answer.head, "RateLimit"));
    check_refused(one, "user_limit", 2);
    front_close(one);
}

/* Who comes when he was told to is served, and not before. */
static void test_recovery(void **state) {
    (void)state;
    static const char *const options[] = {"--user-limit", "2/1s", "--user-burst", "1", NULL};
    front *one = front_open(10, 1, options);
    int64_t refused = 0, wait_ms = 0, end = front_now_ms() + FRONT_PATIENCE_MS;
    while (wait_ms == 0 && front_now_ms() < end) {
        refused = front_now_ms();
        if (get(one, CART, "ann", NULL) == 429)
            wait_ms = front_number(&answer, "retry_after_ms");
    }
    assert_in_range(wait_ms, 1, 500);
    while (get(one, CART, "ann", NULL) == 429 && front_now_ms() < end)
        front_sleep_ms(5);
    assert_int_equal(answer.status, 200);
    assert_true(front_now_ms() - refused >= wait_ms);
    front_close(one);
}

/* 20 in a second, and 40 at once: an honest shopper does not meet them, also where he has several requests. */
static void test_defaults(void **state) {
    (void)state;
    static const char *const options[] = {"--user-limit", "20/1s", NULL};
    front *one = front_open(10, 1, options);
    for (int i = 0; i < 40; i++)
        assert_int_equal(get(one, CART, "ann", NULL), 200);
    assert_int_equal(front_ask(one, "POST", REQUESTS, "bob", "{\"request_id\":\"b\"}", NULL, &answer), 202);
    assert_true(front_has_field(&answer, "RateLimit-Policy: \"user\";q=40;w=2"));
    assert_true(front_has_field(&answer, "RateLimit: \"user\";r=39;t=1"));
    front_close(one);
}

/* One table for all loops: whichever of them a connection comes to. */
static void test_loops_share(void **state) {
    (void)state;
    static const char *const options[] = {"--loops", "4", "--user-limit", "1/24h", "--user-burst", "7", NULL};
    front *one = front_open(10, 1, options);
    int granted = 0;
    for (int i = 0; i < 40; i++)
        granted += get(one, CART, "ann", NULL) == 200;
    assert_int_equal(granted, 7);
    front_close(one);
}

/* Asks from another address of this machine. */
static int get_from(const front *one, const char *address, const char *path) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    char text[256];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &from.sin_addr);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)strtol(strrchr(one->address, ':') + 1, NULL, 10));
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
    assert_true(front_send(fd, text));
    front_read(fd, &answer);
    close(fd);
    return answer.status;
}

static void test_address(void **state) {
    (void)state;
    static const char *const options[] = {"--address-limit", "3/24h", NULL};
    static const char policy[] = "RateLimit-Policy: \"address\";q=3;w=86400";
    front *one = front_open(10, 1, options);
    assert_int_equal(get(one, ITEM, NULL, NULL), 200);
    assert_null(strstr(answer.head, "RateLimit"));
    assert_int_equal(get(one, "/nothing", NULL, NULL), 404);
    assert_int_equal(get(one, CART, NULL, NULL), 401);
    assert_int_equal(get(one, ITEM, NULL, NULL), 429);
    check_limited("address", policy, 28800);
    assert_int_equal(get(one, "/nothing", NULL, NULL), 429);
    assert_int_equal(reserve(one, "ann", "a", NULL), 429);
    check_limited("address", policy, 28800);
    assert_int_equal(front_ask(one, "POST", ITEM, NULL, NULL, NULL, &answer), 429);
    check_refused(one, "address_limit", 4);
    assert_int_equal(get(one, "/healthz", NULL, NULL), 200);
    assert_int_equal(get_from(one, "127.0.0.2", ITEM), 200);
    front_close(one);
}

static void test_activity(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--activity-limit", "24/24h", "--activity-burst", "2", NULL};
    static const char policy[] = "RateLimit-Policy: \"activity\";q=2;w=7200";
    front *one = front_open(10, 1, options);
    assert_int_equal(reserve(one, "ann", "a", NULL), 200);
    assert_null(strstr(answer.head, "RateLimit")); /* of the user's limit, which there is none */
    assert_int_equal(reserve(one, "bob", "b", NULL), 200);
    assert_int_equal(reserve(one, "cid", "c", NULL), 429);
    check_limited("activity", policy, 3600);
    check_refused(one, "activity_limit", 1);
    assert_int_equal(get(one, CART, "ann", NULL), 200);
    assert_int_equal(get(one, "/v1/activities/sale", NULL, NULL), 200);
    assert_int_equal(front_ask(one, "POST", "/v1/activities/other/items/phone/requests", "cid",
                               "{\"request_id\":\"c\",\"retry\":false}", NULL, &answer),
                     404);
    front_close(one);
}

/* ---- the address that a gateway names */

static void test_trusted_address(void **state) {
    (void)state;
    static const char *const options[] = {"--trust-address-header", "X-Forwarded-For", "--address-limit", "1/24h", NULL};
    static const struct {
        const char *fields;
        int status;
    } rows[] = {
        {"X-Forwarded-For: 192.0.2.1\r\n", 200},
        {"X-Forwarded-For: 192.0.2.1\r\n", 429},
        {"x-forwarded-for: 10.9.8.7, 192.0.2.1\r\n", 429}, /* what stands before is the client's own words */
        {"X-Forwarded-For: 192.0.2.1,\t192.0.2.2 \r\n", 200},
        {"X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-For: 192.0.2.3\r\n", 200},
        {"X-Forwarded-For: 192.0.2.4\r\nX-Forwarded-For: 192.0.2.3\r\n", 429},
        {"X-Forwarded-For: ::ffff:192.0.2.3\r\n", 429},
        {"X-Forwarded-For: 2001:db8:1:2::1\r\n", 200},
        {"X-Forwarded-For: 2001:DB8:1:2:ffff::9\r\n", 429}, /* of the same /64 */
        {"X-Forwarded-For: 2001:db8:1:3::1\r\n", 200},
        {NULL, 400},
        {"X-Forwarded-For:\r\n", 400},
        {"X-Forwarded-For: 192.0.2.9,\r\n", 400},
        {"X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: \r\n", 400},
        {"X-Forwarded-For: unknown\r\n", 400},
        {"X-Forwarded-For: 192.0.2.9:80\r\n", 400},
        {"X-Forwarded-For: 192.0.2.9 1\r\n", 400},
        {"X-Forwarded-For: 192.0.2.256\r\n", 400},
        {"X-Forwarded-For: [2001:db8::1]\r\n", 400},
        {"X-Forwarded-For: fe80::1%eth0\r\n", 400},
        {"Forwarded: for=192.0.2.9\r\n", 400},
        {"X-Forwarded-For: 192.0.2.9\r\n", 200}, /* nothing of this was counted for it */
    };
    front *one = front_open(10, 1, options);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (get(one, ITEM, NULL, rows[i].fields) != rows[i].status)
            fail_msg("%s: %d: %s", rows[i].fields, answer.status, answer.body);
        if (rows[i].status == 400)
            assert_true(front_says(&answer, 400, "bad_request") && strstr(answer.body, "gateway") != NULL);
    }
    front_close(one);
}

static void test_unix_socket(void **state) {
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "unix:/tmp/seckill-front-limits-%d.sock", (int)getpid());
    const char *plain[] = {"--listen", path, "--address-limit", "1/24h", NULL};
    const char *named[] = {"--listen", path, "--address-limit", "1/24h", "--trust-address-header", "X-Real-IP", NULL};
    front *one = front_open(10, 1, plain);
    for (int i = 0; i < 3; i++)
        assert_int_equal(get(one, ITEM, NULL, NULL), 200); /* nobody has an address */
    kill(one->pid, SIGTERM);
    assert_int_equal(front_wait(one->pid), 0);
    close(one->out);
    front_start(one, named);
    assert_true(front_wait_health(one, 200));
    assert_int_equal(get(one, ITEM, NULL, "X-Real-IP: 192.0.2.1\r\n"), 200);
    assert_int_equal(get(one, ITEM, NULL, "X-Real-IP: 192.0.2.1\r\n"), 429);
    assert_int_equal(get(one, ITEM, NULL, NULL), 400);
    front_close(one);
}

/* ---- who keeps on */

static void wait_status(const front *one, const char *path, const char *user, const char *fields, int status) {
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
    while (get(one, path, user, fields) != status && front_now_ms() < end)
        front_sleep_ms(5);
    assert_int_equal(answer.status, status);
}

/* A second front on the same Redis. */
static void begin_other(const front *one, front *other, const char *const *options) {
    *other = *one;
    front_start(other, options);
    assert_true(front_wait_health(other, 200));
}

static void end_other(front *other) {
    kill(other->pid, SIGTERM);
    assert_int_equal(front_wait(other->pid), 0);
    close(other->out);
}

static void test_user_who_keeps_on(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--user-limit",   "1/24h", "--user-burst",
                                          "1",        "--ban-refusals", "3/24h", NULL};
    static const char *const direct[] = {"--direct", NULL};
    front *one = front_open(10, 2, options), other;
    begin_other(one, &other, direct);
    assert_int_equal(reserve(one, "mal", "m", NULL), 200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(reserve(one, "mal", "m", NULL), 429);
    assert_int_equal(front_metric(one, "seckill_front_bans_total{result=\"done\"}"), 0);
    assert_int_equal(reserve(&other, "mal", "n", NULL), 200); /* not yet */
    assert_int_equal(get(one, CART, "mal", NULL), 429);
    assert_true(front_wait_metric(one, "seckill_front_bans_total{result=\"done\"} 1"));
    assert_true(front_wait_metric(&other, "seckill_front_blacklist_entries 1"));
    assert_int_equal(reserve(&other, "mal", "o", NULL), 403);
    assert_true(front_says(&answer, 403, "blacklisted"));
    check_refused(&other, "user_listed", 1);
    assert_int_equal(reserve(&other, "ann", "a", NULL), 200);
    assert_int_equal(front_ask(&other, "POST", REQUESTS, "mal", "{\"request_id\":\"m\"}", NULL, &answer), 200);
    assert_int_equal(get(&other, CART, "mal", NULL), 200);
    assert_int_equal(front_metric(one, "seckill_front_bans_total{result=\"done\"}"), 1);
    end_other(&other);
    front_close(one);
}

static void test_address_that_keeps_on(void **state) {
    (void)state;
    static const char *const options[] = {
        "--trust-address-header", "X-Real-IP", "--address-limit", "1/24h", "--ban-refusals", "1/24h", "--ban-for", "5s", NULL};
    static const char bad[] = "X-Real-IP: 2001:db8:1:2::1\r\n", neighbour[] = "X-Real-IP: 2001:db8:1:2::ff\r\n";
    front *one = front_open(10, 1, options);
    assert_int_equal(get(one, ITEM, NULL, bad), 200);
    assert_int_equal(get(one, ITEM, NULL, bad), 429);
    assert_int_equal(get(one, ITEM, NULL, neighbour), 429);
    wait_status(one, "/nothing", NULL, neighbour, 403);
    assert_true(front_says(&answer, 403, "blacklisted"));
    assert_int_equal(get(one, ITEM, NULL, bad), 403); /* whose /64 it is */
    assert_int_equal(get(one, ITEM, NULL, "X-Real-IP: 2001:db8:1:3::1\r\n"), 200);
    assert_int_equal(get(one, ITEM, NULL, "X-Real-IP: 192.0.2.1\r\n"), 200);
    wait_status(one, ITEM, NULL, bad, 429); /* the ban has ended; the limit has not */
    front_close(one);
}

/* Bans that Redis does not take are given up and counted; the limits do not need it. */
static void test_bans_without_redis(void **state) {
    (void)state;
    static const char *const options[] = {"--user-limit", "1/24h",     "--user-burst", "1", "--ban-refusals",
                                          "1/24h",        "--timeout", "100ms",        NULL};
    front *one = front_open(10, 1, options);
    redis_server_pause(one->redis);
    assert_int_equal(front_ask(one, "POST", "/v1/cancellations", "mal", "{}", NULL, &answer), 400);
    for (int i = 0; i < 2 * 70; i++) /* each second refusal is one too many */
        assert_int_equal(get(one, CART, "mal", NULL), 429);
    int64_t end = front_now_ms() + FRONT_PATIENCE_MS, ended = 0;
    while (ended != 70 && front_now_ms() < end)
        ended = front_metric(one, "seckill_front_bans_total{result=\"failed\"}") +
                front_metric(one, "seckill_front_bans_total{result=\"skipped\"}");
    assert_int_equal(ended, 70);
    redis_server_resume(one->redis);
    front_close(one);
}

/* ---- the command line */

static void test_bad_options(void **state) {
    (void)state;
    static const char *const rows[][7] = {
        {"--user-limit", "5"},
        {"--user-limit", "0/1s"},
        {"--user-limit", "5/0"},
        {"--user-limit", "5/1"},
        {"--user-limit", "/1s"},
        {"--user-limit", "1000001/1s"},
        {"--user-limit", "5/25h"},
        {"--user-limit", "None"},
        {"--user-burst", "0"},
        {"--address-limit", "-5/1s"},
        {"--activity-burst", "1000000001"},
        {"--limit-keys", "0"},
        {"--ban-for", "0"},
        {"--ban-for", "31d"},
        {"--trust-address-header", ""},
        {"--ban-refusals", "5/1s", "--user-limit", "none"},
        {"--ban-refusals", "5/1s", "--no-blacklist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *options[9] = {"--keys", "/nonexistent"};
        int out;
        memcpy(options + 2, rows[i], sizeof rows[i]);
        pid_t pid = front_spawn(options, &out);
        if (front_wait(pid) != 2)
            fail_msg("%s %s is taken", rows[i][0], rows[i][1]);
        close(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_loops_share),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_activity),
        cmocka_unit_test(test_trusted_address),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_user_who_keeps_on),
        cmocka_unit_test(test_address_that_keeps_on),
        cmocka_unit_test(test_bans_without_redis),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
