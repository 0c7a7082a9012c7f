/* Expiring: units come back by themselves, in steps, and not too early after a restart.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void units_come_back_on_the_millisecond(void **state) {
    rules *r = *state;
    sale_expire_answer expired;
    sale_stock_answer stock;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    expired = sale_expire(&r->sale);
    assert_int_equal(expired.next_due_ms, 0);
    assert_int_equal(expired.server_time_ms, r->now_ms);
    assert_status(rules_reserve(r, "a", "r", 2).status, SECKILL_OK);
    rules_pass(r, 1);
    assert_status(rules_reserve(r, "b", "r", 3).status, SECKILL_OK);
    rules_pass(r, 998);
    expired = sale_expire(&r->sale);
    assert_int_equal(expired.reservations, 0);
    assert_int_equal(expired.next_due_ms, r->now_ms + 1);
    rules_pass(r, 1);
    expired = sale_expire(&r->sale);
    assert_int_equal(expired.reservations, 1);
    assert_int_equal(expired.units, 2);
    assert_int_equal(expired.next_due_ms, r->now_ms + 1);
    rules_pass(r, 1);
    assert_int_equal(sale_expire(&r->sale).units, 3);
    stock = sale_stock(&r->sale);
    assert_int_equal(stock.total.available, 10);
    assert_int_equal(stock.total.expired, 5);
    rules_check(r);
}

static void what_is_overdue_is_said(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    assert_status(rules_reserve(r, "a", "r", 2).status, SECKILL_OK);
    rules_pass(r, 999);
    assert_int_equal(sale_stock(&r->sale).total.overdue, 0);
    rules_pass(r, 1);
    assert_int_equal(sale_stock(&r->sale).total.overdue, 1);
    assert_int_equal(sale_stock(&r->sale).shards[0].overdue, 1);
    assert_int_equal(sale_stock(&r->sale).total.available, 8);
    assert_int_equal(sale_expire(&r->sale).units, 2);
    assert_int_equal(sale_stock(&r->sale).total.overdue, 0);
}

static void expiring_twice_gives_nothing_twice(void **state) {
    rules *r = *state;
    char *before, *after;

    rules_sell(r, 3, 5, 1000, 0, 60); /* enough, wherever the users live */
    rules_freeze(r);
    for (int i = 0; i < 20; i++) {
        char user[8];

        (void)snprintf(user, sizeof(user), "u%d", i);
        (void)rules_reserve(r, user, "r", 1);
    }
    rules_pass(r, 1000);
    assert_int_equal(sale_expire(&r->sale).units, 20);
    before = rules_everything(r);
    assert_int_equal(sale_expire(&r->sale).units, 0);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void what_is_remembered_is_forgotten_in_the_end(void **state) {
    rules *r = *state;
    sale_answer cancelled, sold;
    sale_expire_answer expired;
    char key[SECKILL_SHARD_KEY_SIZE];

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    cancelled = rules_reserve(r, "a", "r", 2);
    sold = rules_reserve(r, "b", "r", 3);
    assert_status(rules_reserve(r, "c", "r", 3).status, SECKILL_OK);
    assert_status(sale_cancel(&r->sale, "a", cancelled.reservation.id).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &sold.ref, "o").status, SECKILL_OK);
    rules_pass(r, 1000);
    assert_int_equal(sale_expire(&r->sale).reservations, 1);
    assert_int_equal(sale_stock(&r->sale).total.users, 3);
    rules_pass(r, 1000);
    expired = sale_expire(&r->sale);
    assert_int_equal(expired.reservations, 0);
    assert_int_equal(expired.next_due_ms, r->now_ms + 1000);
    assert_int_equal(sale_stock(&r->sale).total.users, 2);
    rules_pass(r, 1000);
    expired = sale_expire(&r->sale);
    assert_int_equal(expired.next_due_ms, 0);
    /* Only what was sold stays; nothing is left in :expirations. */
    assert_int_equal(sale_stock(&r->sale).total.users, 1);
    assert_int_equal(redis_server_integer(r->server, "ZCARD %s", sale_key(&r->sale, 0, "expirations", key)), 1);
    rules_check(r);
}

static void many_users_are_expired_in_steps(void **state) {
    enum { USERS = 5000 };
    rules *r = *state;
    sale_answer *answers = calloc(USERS, sizeof(*answers));
    sale_expire_answer expired;

    assert_non_null(answers);
    rules_sell(r, 3, 1, 1000, 0, 3 * USERS);
    rules_freeze(r);
    for (int i = 0; i < USERS; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "u%d", i);
        assert_status(sale_start_reserve_at(&r->sale, user, "r", 1, r->now_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, USERS);
    free(answers);
    rules_check(r);
    rules_pass(r, 1000);
    expired = sale_expire(&r->sale);
    assert_status(expired.status, SECKILL_OK);
    assert_int_equal(expired.reservations, USERS);
    assert_int_equal(expired.units, USERS);
    assert_int_equal(expired.next_due_ms, r->now_ms + 2000);
    rules_check(r);
    rules_pass(r, 2000);
    assert_int_equal(sale_expire(&r->sale).next_due_ms, 0);
    assert_int_equal(sale_stock(&r->sale).total.users, 0);
    rules_check(r);
}

/* Each user alone in its member of :expirations, at a millisecond of its own. */
static void many_members_are_expired_in_steps(void **state) {
    enum { USERS = 1100 };
    rules *r = *state;

    rules_sell(r, 1, 1, 5000, 0, USERS);
    rules_freeze(r);
    for (int i = 0; i < USERS; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "u%d", i);
        assert_status(rules_reserve(r, user, "r", 1).status, SECKILL_OK);
        rules_pass(r, 1);
    }
    rules_pass(r, 5000);
    assert_int_equal(sale_expire(&r->sale).reservations, USERS);
    rules_check(r);
}

static void two_clients_expire_each_unit_once(void **state) {
    enum { USERS = 1500 };
    rules *r = *state;
    sale_answer *answers = calloc(USERS, sizeof(*answers));
    sale other;
    int64_t units;

    assert_non_null(answers);
    rules_sell(r, 2, 1, 1000, 0, 2 * USERS);
    rules_freeze(r);
    for (int i = 0; i < USERS; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "u%d", i);
        assert_status(sale_start_reserve_at(&r->sale, user, "r", 1, r->now_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, USERS);
    free(answers);
    rules_pass(r, 1000);
    rules_open_other(r, &other);
    units = sale_expire(&other).units + sale_expire(&r->sale).units;
    sale_close(&other);
    assert_int_equal(units, USERS);
    assert_int_equal(sale_stock(&r->sale).total.available, 2 * USERS);
    rules_check(r);
}

/* ---- clocks and epochs ---- */

static void within_an_epoch_the_clock_never_goes_back(void **state) {
    rules *r = *state;
    sale_answer answer;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    answer = rules_reserve(r, "u", "r", 1);
    assert_int_equal(rules_field(r, 0, "clock"), r->now_ms);
    assert_status(sale_cancel(&r->sale, "u", answer.reservation.id).status, SECKILL_OK);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    assert_int_equal(rules_field(r, 0, "clock"), r->now_ms);
    assert_int_equal(sale_expire(&r->sale).server_time_ms, r->now_ms);
    /* Behind the server's, it catches up. */
    rules_set_field(r, 0, "clock", 5);
    assert_status(sale_reserve(&r->sale, "v", "r", 1).status, SECKILL_OK);
    assert_in_range(rules_field(r, 0, "clock"), rules_server_ms(r) - 5000, rules_server_ms(r));
}

static char *field_text(rules *r, const char *field) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply = redis_server_command(r->server, "HGET %s %s", sale_key(&r->sale, 0, "stock", key), field);
    char *text = strdup(reply->str);

    redis_server_forget(reply);
    return text;
}

static void restart(rules *r) {
    assert_true(redis_server_restart(r->server));
}

/* With a server of its own, which keeps what it acknowledged. */
static int setup_durable(void **state) {
    redis_server_options options = {false, true, NULL};
    rules *shared = *state, *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return -1;
    *r = *shared;
    r->server = redis_server_start(&options);
    *state = r;
    if (r->server == NULL)
        return -1;
    sale_open(&r->sale, redis_server_address(r->server));
    return 0;
}

static int teardown_durable(void **state) {
    rules *r = *state;

    sale_close(&r->sale);
    redis_server_free(r->server);
    free(r);
    return 0;
}

static void a_restart_begins_an_epoch(void **state) {
    rules *r = *state;
    sale_answer first, second;
    sale_events_answer *events = malloc(sizeof(*events));
    char *run_before, *run_after;
    long long epoch;

    assert_non_null(events);
    rules_sell_patiently(r, 1, 5, 10);
    first = sale_reserve(&r->sale, "u", "r", 1);
    assert_status(sale_confirm(&r->sale, &first.ref, "o").status, SECKILL_OK);
    second = sale_reserve(&r->sale, "v", "r", 1);
    epoch = rules_field(r, 0, "epoch");
    run_before = field_text(r, "run");
    restart(r);
    /* Reading alone does not write the new epoch. */
    assert_int_equal(sale_stock(&r->sale).shards[0].reserved, 1);
    assert_int_equal(rules_field(r, 0, "epoch"), epoch);
    assert_status(sale_confirm(&r->sale, &second.ref, "o").status, SECKILL_OK);
    run_after = field_text(r, "run");
    assert_string_not_equal(run_before, run_after);
    assert_true(rules_field(r, 0, "epoch") > epoch);
    assert_int_equal(rules_field(r, 0, "epoch"), rules_field(r, 0, "epoch_start"));
    *events = sale_events(&r->sale, 0, 10);
    assert_int_equal(events->count, 2);
    assert_int_equal(events->events[0].id.epoch, epoch);
    assert_int_equal(events->events[0].id.n, 1);
    assert_int_equal(events->events[1].id.epoch, rules_field(r, 0, "epoch"));
    assert_int_equal(events->events[1].id.n, 1);
    free(run_before);
    free(run_after);
    free(events);
    rules_check(r);
}

/* Even where the new server's clock is behind. */
static void epochs_rise_when_the_clock_does_not(void **state) {
    rules *r = *state;
    long long ahead;

    rules_sell_patiently(r, 1, 5, 10);
    ahead = rules_server_ms(r) + 7200000;
    rules_set_field(r, 0, "epoch", ahead);
    restart(r);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
    assert_int_equal(rules_field(r, 0, "epoch"), ahead + 1);
    assert_true(rules_field(r, 0, "epoch_start") < ahead);
}

static void after_a_restart_nothing_expires_for_the_skew(void **state) {
    enum { SKEW_MS = 300 };
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 20, 0);
    sale_lookup_answer *found = malloc(sizeof(*found));
    sale_answer late;
    sale_expire_answer expired;

    assert_non_null(found);
    settings.max_skew_ms = SKEW_MS;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", 1).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
    restart(r);
    late = sale_reserve(&r->sale, "late", "r", 1); /* the first to write in the epoch */
    while (rules_server_ms(r) < rules_field(r, 0, "epoch_start") + 30) {
    }
    *found = sale_lookup(&r->sale, "u", "r");
    expired = sale_expire(&r->sale);
    /* On a machine so slow that the skew is over by now, nothing can be said. */
    if (rules_server_ms(r) < rules_field(r, 0, "epoch_start") + SKEW_MS) {
        assert_status(late.status, SECKILL_SOLD_OUT);
        assert_int_equal(found->reservations[0].state, SECKILL_RESERVED);
        assert_int_equal(expired.units, 0);
        assert_int_equal(expired.next_due_ms, rules_field(r, 0, "epoch_start") + SKEW_MS);
    }
    while (expired.units == 0)
        expired = sale_expire(&r->sale);
    assert_true(expired.server_time_ms >= rules_field(r, 0, "epoch_start") + SKEW_MS);
    assert_status(sale_reserve(&r->sale, "late", "r", 1).status, SECKILL_OK);
    free(found);
    rules_check(r);
}

static void while_nothing_expires_a_hold_that_is_over_can_still_be_confirmed(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 20, 0);
    sale_answer reserved;

    settings.max_skew_ms = 3600000;
    settings.grace_ms = 600000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", 1).status, SECKILL_OK);
    reserved = sale_reserve(&r->sale, "u", "r", 1);
    restart(r);
    while (rules_server_ms(r) <= reserved.ref.hold_until_ms) {
    }
    assert_status(sale_reserve(&r->sale, "late", "r", 1).status, SECKILL_SOLD_OUT);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_OK);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(units_come_back_on_the_millisecond),
        RULES_TEST(what_is_overdue_is_said),
        RULES_TEST(expiring_twice_gives_nothing_twice),
        RULES_TEST(what_is_remembered_is_forgotten_in_the_end),
        RULES_TEST(many_users_are_expired_in_steps),
        RULES_TEST(many_members_are_expired_in_steps),
        RULES_TEST(two_clients_expire_each_unit_once),
        RULES_TEST(within_an_epoch_the_clock_never_goes_back),
        cmocka_unit_test_setup_teardown(a_restart_begins_an_epoch, setup_durable, teardown_durable),
        cmocka_unit_test_setup_teardown(epochs_rise_when_the_clock_does_not, setup_durable, teardown_durable),
        cmocka_unit_test_setup_teardown(after_a_restart_nothing_expires_for_the_skew, setup_durable, teardown_durable),
        cmocka_unit_test_setup_teardown(while_nothing_expires_a_hold_that_is_over_can_still_be_confirmed, setup_durable,
                                        teardown_durable),
    };

    return RULES_RUN(tests);
}
