/* seckill-front and the blacklist: listed addresses and users are refused, and what was granted before stays theirs; a front is
 * ready when it has read the list, and goes on with its copy while Redis does not answer.
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
#include <unistd.h>

#define ITEM "/v1/activities/sale/items/phone"
#define REQUESTS ITEM "/requests"
#define CART "/v1/activities/sale/cart"

static front_answer answer; /* large: not on the stack */

static int reserve(const front *one, const char *user, const char *id, const char *retry) {
    char body[96];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\",\"retry\":%s}", id, retry);
    return front_ask(one, "POST", REQUESTS, user, body, NULL, &answer);
}

static int get(const front *one, const char *path, const char *user) {
    return front_ask(one, "GET", path, user, NULL, NULL, &answer);
}

/* ---- the list, as a person changes it */

static void on_changed(const seckill_blacklist_result *result, void *user_data) {
    sale_call *call = user_data;
    assert_int_equal(result->status, SECKILL_OK);
    call->done = true;
}

static void list(front *one, const char *kind, const char *value) {
    sale_call call = {NULL, false};
    seckill_blacklist_entry entry = {.subject = {kind, {value, strlen(value)}}, .reason = {"test", 4}};
    assert_int_equal(seckill_blacklist_add(one->sale.client, &entry, 1, 0, on_changed, &call), SECKILL_OK);
    sale_run_until(&one->sale, &call.done);
}

static void unlist(front *one, const char *kind, const char *value) {
    sale_call call = {NULL, false};
    seckill_subject subject = {kind, {value, strlen(value)}};
    assert_int_equal(seckill_blacklist_remove(one->sale.client, &subject, 1, 0, on_changed, &call), SECKILL_OK);
    sale_run_until(&one->sale, &call.done);
}

/* Until the front's copy has so many entries. */
static void wait_entries(const front *one, int count) {
    char line[64];
    snprintf(line, sizeof line, "seckill_front_blacklist_entries %d", count);
    assert_true(front_wait_metric(one, line));
}

static void test_address(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", NULL};
    front *one = front_open(10, 1, options);
    list(one, "address", "127.0.0.0/8");
    wait_entries(one, 1);
    assert_int_equal(get(one, ITEM, NULL), 403);
    assert_true(front_says(&answer, 403, "blacklisted"));
    assert_false(front_has_member(&answer, "retry_after_ms"));
    assert_int_equal(get(one, "/nothing", NULL), 403);
    assert_int_equal(get(one, CART, NULL), 403);
    assert_int_equal(reserve(one, "ann", "a", "true"), 403);
    assert_int_equal(front_ask(one, "POST", ITEM, NULL, NULL, NULL, &answer), 403);
    assert_int_equal(get(one, "/healthz", NULL), 200);
    assert_int_equal(front_metric(one, "seckill_front_refused_total{reason=\"address_listed\"}"), 5);
    unlist(one, "address", "127.0.0.0/8");
    list(one, "address", "127.0.0.2");
    for (int64_t end = front_now_ms() + FRONT_PATIENCE_MS; get(one, ITEM, NULL) == 403 && front_now_ms() < end;)
        front_sleep_ms(5);
    assert_int_equal(answer.status, 200);
    assert_int_equal(reserve(one, "ann", "a", "false"), 200);
    front_close(one);
}

static void test_user_direct(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", NULL};
    char body[SECKILL_TOKEN_SIZE + 32], token[SECKILL_TOKEN_SIZE];
    front *one = front_open(10, 2, options);
    assert_int_equal(reserve(one, "mal", "m", "false"), 200);
    list(one, "user", "mal");
    list(one, "user", "ma"); /* is another */
    wait_entries(one, 2);
    assert_int_equal(reserve(one, "mal", "n", "false"), 403);
    assert_true(front_says(&answer, 403, "blacklisted"));
    assert_int_equal(front_metric(one, "seckill_front_refused_total{reason=\"user_listed\"}"), 1);
    assert_int_equal(reserve(one, "mal", "n", "true"), 403); /* by the library, which has looked for a grant */
    assert_true(front_says(&answer, 403, "blacklisted"));
    assert_int_equal(front_metric(one, "seckill_front_refused_total{reason=\"user_listed\"}"), 1);
    assert_int_equal(reserve(one, "ann", "a", "false"), 200);
    assert_int_equal(reserve(one, "mal", "m", "true"), 200); /* is his */
    front_text(&answer, "token", token);
    assert_int_equal(get(one, CART, "mal"), 200);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    assert_int_equal(front_ask(one, "POST", "/v1/orders", "mal", body, NULL, &answer), 201);
    front_close(one);
}

static void test_user_queued(void **state) {
    (void)state;
    char path[SECKILL_TOKEN_SIZE + 32], ticket[SECKILL_TOKEN_SIZE];
    front *one = front_open(10, 2, NULL);
    assert_int_equal(reserve(one, "mal", "m", "false"), 202);
    front_text(&answer, "ticket", ticket);
    list(one, "user", "mal");
    wait_entries(one, 1);
    assert_int_equal(reserve(one, "mal", "n", "false"), 403);
    assert_true(front_says(&answer, 403, "blacklisted"));
    assert_int_equal(reserve(one, "ann", "a", "false"), 202);
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    assert_int_equal(get(one, path, "mal"), 200);
    front_close(one);
}

static void test_not_followed(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--no-blacklist", NULL};
    front *one = front_open(10, 2, options);
    list(one, "user", "mal");
    list(one, "address", "127.0.0.1");
    assert_int_equal(reserve(one, "mal", "m", "false"), 200);
    assert_int_equal(front_metric(one, "seckill_front_blacklist_entries"), 0);
    front_close(one);
}

static void restart(front *one, const char *const *options) {
    kill(one->pid, SIGTERM);
    assert_int_equal(front_wait(one->pid), 0);
    close(one->out);
    front_start(one, options);
}

/* Before the list is read nobody gets a unit, since it may be one who is listed; afterwards the copy is enough, however old. */
static void test_redis_is_silent(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--loops", "2", "--timeout", "300ms", NULL};
    front *one = front_open(10, 1, options);
    list(one, "user", "mal");
    redis_server_pause(one->redis);
    kill(one->pid, SIGTERM);
    assert_int_equal(front_wait(one->pid), 0);
    close(one->out);
    front_start(one, options);
    assert_int_equal(get(one, "/healthz", NULL), 503);
    assert_int_equal(reserve(one, "ann", "a", "true"), 503);
    assert_true(front_says(&answer, 503, "server_busy"));
    assert_true(front_has_field(&answer, "Retry-After: 1"));
    assert_int_equal(front_metric(one, "seckill_front_blacklist_loaded"), 0);
    redis_server_resume(one->redis);
    assert_true(front_wait_health(one, 200));
    assert_int_equal(front_metric(one, "seckill_front_blacklist_loaded"), 2);
    wait_entries(one, 1);
    assert_int_equal(reserve(one, "ann", "a", "true"), 200);
    redis_server_pause(one->redis);
    for (int64_t end = front_now_ms() + FRONT_PATIENCE_MS;
         front_metric(one, "seckill_front_blacklist_behind_seconds") < 1 && front_now_ms() < end;)
        front_sleep_ms(20);
    assert_in_range(front_metric(one, "seckill_front_blacklist_behind_seconds"), 1, FRONT_PATIENCE_MS);
    assert_int_equal(front_metric(one, "seckill_front_blacklist_loaded"), 2);
    assert_int_equal(reserve(one, "mal", "m", "false"), 403);
    assert_int_not_equal(reserve(one, "bob", "b", "false"), 403);
    redis_server_resume(one->redis);
    assert_true(front_wait_health(one, 200));
    front_close(one);
}

/* Without Redis from the beginning: it comes up later. */
static void test_unready_without_redis(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--redis", "unix:/nonexistent/socket", NULL};
    static const char *const direct[] = {"--direct", NULL};
    front *one = front_open(10, 1, direct);
    restart(one, options);
    assert_int_equal(get(one, "/healthz", NULL), 503);
    assert_true(front_says(&answer, 503, "unreachable"));
    assert_int_equal(reserve(one, "ann", "a", "false"), 503);
    assert_true(front_says(&answer, 503, "server_busy"));
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),         cmocka_unit_test(test_user_direct),
        cmocka_unit_test(test_user_queued),     cmocka_unit_test(test_not_followed),
        cmocka_unit_test(test_redis_is_silent), cmocka_unit_test(test_unready_without_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
