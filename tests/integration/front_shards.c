/* seckill-front where units are elsewhere: on other shards, on no shard any more, on servers that are named in a list, on
 * replicas that there are not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"

static front_answer answer; /* large: not on the stack */
static const char *const direct[] = {"--direct", NULL};

/* A request of a user of its own; `retry` NULL: does not say. */
static int ask(const front *one, int n, const char *retry) {
    char user[32], body[128];
    snprintf(user, sizeof user, "user-%d", n);
    snprintf(body, sizeof body, "{\"request_id\":\"r\"%s%s}", retry != NULL ? ",\"retry\":" : "", retry != NULL ? retry : "");
    return front_ask(one, "POST", REQUESTS, user, body, NULL, &answer);
}

/* Whichever shard a user is at home in: every unit is sold, and then it is sold out for all. */
static void test_units_come_from_other_shards(void **state) {
    (void)state;
    enum { UNITS = 40 };
    front *one = front_open_shards(UNITS, 1, 8, direct);
    for (int n = 0; n < UNITS; n++)
        assert_int_equal(ask(one, n, "false"), 200);
    for (int n = UNITS; n < UNITS + 8; n++) {
        ask(one, n, NULL);
        assert_true(front_says(&answer, 409, "sold_out"));
    }
    assert_true(front_wait_metric(one, "seckill_client_granted_total 40"));
    assert_true(front_metric(one, "seckill_client_transfers_total") > 0);
    assert_true(front_metric(one, "seckill_client_transferred_units_total") >=
                front_metric(one, "seckill_client_transfers_total"));
    assert_true(front_metric(one, "seckill_client_surveys_total") > 0);
    assert_int_equal(front_metric(one, "seckill_client_moved_total"), 0);
    assert_true(front_metric(one, "seckill_client_nodes") >= 1);
    sale_stock_answer stock = sale_stock(&one->sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.reserved, UNITS);
    front_close(one);
}

/* "retry":false may be refused without asking Redis; a request that may have been sent before never is. */
static void test_first_attempts_are_refused_from_memory(void **state) {
    (void)state;
    front *one = front_open(1, 1, (const char *const[]){"--direct", "--loops", "1", NULL});
    assert_int_equal(ask(one, 0, "false"), 200);
    for (int n = 1; n <= 40; n++) {
        ask(one, n, n % 2 == 0 ? "true" : NULL);
        assert_true(front_says(&answer, 409, "sold_out"));
    }
    assert_true(front_wait_metric(one, "seckill_client_refused_total 40"));
    assert_int_equal(front_metric(one, "seckill_client_from_memory_total"), 0);
    int64_t deadline = front_now_ms() + FRONT_PATIENCE_MS;
    for (int n = 100; front_metric(one, "seckill_client_from_memory_total") == 0; n++) {
        ask(one, n, "false");
        assert_true(front_says(&answer, 409, "sold_out"));
        assert_true(front_now_ms() < deadline);
    }
    /* The grant is found by whoever says that it may stand. */
    assert_int_equal(ask(one, 0, "true"), 200);
    front_close(one);
}

static void test_several_addresses(void **state) {
    (void)state;
    front *one = front_open(2, 1, direct);
    char redis[256];
    int out;
    snprintf(redis, sizeof redis, "unix:/nonexistent/socket,%s", redis_server_address(one->redis));
    const char *const good[] = {"--direct", "--redis", redis, NULL};
    assert_int_equal(kill(one->pid, SIGTERM), 0);
    assert_int_equal(front_wait(one->pid), 0);
    close(one->out);
    front_start(one, good);
    assert_true(front_wait_health(one, 200));
    assert_int_equal(ask(one, 0, "false"), 200);
    const char *const bad[] = {"--keys", one->keys, "--redis", "127.0.0.1:6379,,127.0.0.1:6380", NULL};
    assert_int_equal(front_wait(front_spawn(bad, &out)), 1);
    close(out);
    front_close(one);
}

/* There is no replica: whether a grant would outlive this server is not known, and so it is said. */
static void test_replicas(void **state) {
    (void)state;
    front *one = front_open(1, 1, (const char *const[]){"--direct", "--replicas", "1", "--timeout", "300ms", NULL});
    ask(one, 0, "false");
    assert_true(front_says(&answer, 504, "unknown"));
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_come_from_other_shards),
        cmocka_unit_test(test_first_attempts_are_refused_from_memory),
        cmocka_unit_test(test_several_addresses),
        cmocka_unit_test(test_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
