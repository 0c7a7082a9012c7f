/* seckill-front: what first attempts are told from the item's last readings, in both modes, and that repetitions reach Redis.
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

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define FORESEEN "seckill_front_refused_total{reason=\"foreseen\"}"

static front_answer answer; /* large: not on the stack */
static const char *const queued[] = {"--user-limit", "none", NULL};
static const char *const direct[] = {"--direct", "--user-limit", "none", NULL};

/* Each with an id of its own: nobody's grant stands. */
static int ask(const front *one, const char *user, bool first, unsigned quantity) {
    static unsigned number;
    char body[96];
    snprintf(body, sizeof body, "{\"request_id\":\"r-%u\",\"retry\":%s,\"quantity\":%u}", number++, first ? "false" : "true",
             quantity);
    return front_ask(one, "POST", REQUESTS, user, body, NULL, &answer);
}

/* First attempts until one is refused so from the readings; how many that takes is all that the time decides. */
static void await_foreseen(const front *one, unsigned quantity, int status, const char *code) {
    int64_t before, limit = front_now_ms() + FRONT_PATIENCE_MS;
    char wanted[48];
    snprintf(wanted, sizeof wanted, "\"code\":\"%s\"", code);
    do {
        assert_true(front_now_ms() < limit);
        before = front_metric(one, FORESEEN);
        ask(one, "eager", true, quantity);
    } while (strstr(answer.body, wanted) == NULL || front_metric(one, FORESEEN) == before);
    assert_true(front_says(&answer, status, code));
}

static void define_from(front *one, int64_t start_ms, int64_t end_ms) {
    seckill_item_settings settings = sale_get(&one->sale).settings;
    settings.struct_size = sizeof settings;
    settings.start_ms = start_ms;
    settings.end_ms = end_ms;
    assert_int_equal(sale_define(&one->sale, settings.shards, &settings).status, SECKILL_OK);
}

static int64_t server_now(front *one) {
    return sale_expire(&one->sale).server_time_ms;
}

static void states_are_foreseen(const char *const *options, int good) {
    front *one = front_open(100, 10, options);
    assert_int_equal(ask(one, "ann", true, 1), good);

    assert_int_equal(sale_pause(&one->sale).status, SECKILL_OK);
    await_foreseen(one, 1, 409, "paused");
    int64_t counted = front_metric(one, FORESEEN);
    ask(one, "ann", false, 1); /* says the same, having asked Redis */
    assert_true(front_says(&answer, 409, "paused"));
    assert_int_equal(front_metric(one, FORESEEN), counted);
    assert_int_equal(sale_resume(&one->sale).status, SECKILL_OK);

    define_from(one, server_now(one) + 3600000, 0);
    await_foreseen(one, 1, 409, "not_started");
    assert_in_range(front_number(&answer, "retry_after_ms"), 3600000 - 60000, 3600000);
    define_from(one, 0, server_now(one) - 1000);
    await_foreseen(one, 1, 410, "ended");
    define_from(one, 0, 0);
    int64_t limit = front_now_ms() + FRONT_PATIENCE_MS;
    while (ask(one, "bob", true, 1) != good)
        assert_true(front_now_ms() < limit);
    front_close(one);
}

static void test_states_queued(void **state) {
    (void)state;
    states_are_foreseen(queued, 202);
}

static void test_states_direct(void **state) {
    (void)state;
    states_are_foreseen(direct, 200);
}

/* Reserved is not available: nobody waits for what may come back, but it is served when it does. */
static void shortage_is_foreseen(const char *const *options, int good) {
    front *one = front_open_shards(10, 10, 4, options);
    sale_answer held[3];
    assert_int_equal((held[0] = sale_reserve(&one->sale, "a", "1", 4)).status, SECKILL_OK);
    assert_int_equal((held[1] = sale_reserve(&one->sale, "b", "1", 4)).status, SECKILL_OK);
    await_foreseen(one, 3, 409, "not_enough");
    assert_int_equal((held[2] = sale_reserve(&one->sale, "c", "1", 2)).status, SECKILL_OK);
    await_foreseen(one, 1, 409, "sold_out");

    int64_t counted = front_metric(one, FORESEEN);
    ask(one, "ann", false, 1); /* a repetition: Redis is asked */
    assert_int_equal(answer.status, good == 202 ? 202 : 409);
    assert_int_equal(front_metric(one, FORESEEN), counted);

    assert_int_equal(sale_cancel(&one->sale, "b", held[1].reservation.id).status, SECKILL_OK);
    int64_t limit = front_now_ms() + FRONT_PATIENCE_MS;
    while (ask(one, "bob", true, 1) != good)
        assert_true(front_now_ms() < limit);
    front_close(one);
}

static void test_shortage_queued(void **state) {
    (void)state;
    shortage_is_foreseen(queued, 202);
}

static void test_shortage_direct(void **state) {
    (void)state;
    shortage_is_foreseen(direct, 200);
}

/* Holds that are over are units that come back to whoever asks: nothing is foreseen, and the next request gets them. */
static void test_what_is_overdue_is_asked_for(void **state) {
    (void)state;
    front *one = front_open(1, 10, direct);
    seckill_item_settings settings = sale_get(&one->sale).settings;
    settings.struct_size = sizeof settings;
    settings.hold_ms = 1500;
    assert_int_equal(sale_define(&one->sale, settings.shards, &settings).status, SECKILL_OK);
    assert_int_equal(sale_reserve(&one->sale, "a", "1", 1).status, SECKILL_OK);
    int64_t limit = front_now_ms() + FRONT_PATIENCE_MS;
    int status;
    /* Nobody expires anything here: who asks does. */
    while ((status = ask(one, "bob", true, 1)) != 200) {
        assert_true(front_says(&answer, 409, "sold_out"));
        assert_true(front_now_ms() < limit);
    }
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_queued),
        cmocka_unit_test(test_states_direct),
        cmocka_unit_test(test_shortage_queued),
        cmocka_unit_test(test_shortage_direct),
        cmocka_unit_test(test_what_is_overdue_is_asked_for),
    };
    return redis_server_available() ? cmocka_run_group_tests_name("front_early", tests, NULL, NULL) : 77;
}
