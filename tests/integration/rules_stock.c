/* Loading and withdrawing: each operation id once, whatever fails between.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char map_key[] = "seckill:{sale/phone}:map";

static void a_load_is_spread_evenly(void **state) {
    static const int64_t amounts[] = {1, 6, 7, 8, 699, 1000000007};
    rules *r = *state;

    rules_sell(r, 7, 1, 1000, 0, 0);
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        char id[8];
        sale_item_answer answer;
        int64_t sum = 0;

        (void)snprintf(id, sizeof(id), "op%zu", i);
        answer = sale_load(&r->sale, id, amounts[i]);
        assert_status(answer.status, SECKILL_OK);
        assert_int_equal(answer.amount, amounts[i]);
        assert_int_equal(answer.outcomes, 7);
        for (uint32_t k = 0; k < 7; k++) {
            assert_status(answer.outcome[k], SECKILL_OK);
            assert_in_range(answer.outcome_amount[k], amounts[i] / 7, (amounts[i] + 6) / 7);
            sum += answer.outcome_amount[k];
        }
        assert_int_equal(sum, amounts[i]);
    }
    rules_check(r);
}

static void a_repetition_changes_nothing_and_says_the_same(void **state) {
    rules *r = *state;
    sale_item_answer answer;
    char *before, *after;

    rules_sell(r, 3, 1, 1000, 0, 100);
    assert_int_equal(sale_withdraw(&r->sale, "out", 30).amount, 30);
    before = rules_everything(r);
    answer = sale_load(&r->sale, "first-load", 100);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.amount, 100);
    answer = sale_withdraw(&r->sale, "out", 30);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.amount, 30);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_int_equal(sale_stock(&r->sale).total.loaded, 70);
}

static void an_id_used_for_something_else_is_a_conflict(void **state) {
    rules *r = *state;
    char *before, *after;

    rules_sell(r, 3, 1, 1000, 0, 100);
    assert_int_equal(sale_withdraw(&r->sale, "out", 30).amount, 30);
    before = rules_everything(r);
    assert_status(sale_load(&r->sale, "first-load", 101).status, SECKILL_CONFLICT);
    assert_status(sale_withdraw(&r->sale, "first-load", 100).status, SECKILL_CONFLICT);
    assert_status(sale_withdraw(&r->sale, "out", 31).status, SECKILL_CONFLICT);
    assert_status(sale_load(&r->sale, "out", 30).status, SECKILL_CONFLICT);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- two clients ---- */

typedef seckill_status (*stock_call)(seckill_item *item, const char *operation_id, int64_t amount, uint32_t timeout_ms,
                                     seckill_item_cb cb, void *user_data);

static void run_both(rules *r, stock_call call, const char *id, int64_t amount, sale_item_answer answers[2]) {
    sale_call calls[2] = {{&answers[0], false}, {&answers[1], false}};
    sale other;

    rules_open_other(r, &other);
    assert_status(call(r->sale.item, id, amount, 0, sale_on_item, &calls[0]), SECKILL_OK);
    assert_status(call(other.item, id, amount, 0, sale_on_item, &calls[1]), SECKILL_OK);
    while (!calls[0].done || !calls[1].done) {
        (void)uv_run(&r->sale.loop, UV_RUN_NOWAIT);
        (void)uv_run(&other.loop, UV_RUN_NOWAIT);
    }
    sale_close(&other);
    for (int i = 0; i < 2; i++)
        assert_status(answers[i].status, SECKILL_OK);
    assert_int_equal(answers[0].amount, answers[1].amount);
}

static void two_clients_with_one_id_do_it_once(void **state) {
    rules *r = *state;
    sale_item_answer answers[2];

    rules_sell(r, 5, 1, 1000, 0, 0);
    run_both(r, seckill_stock_load, "both", 1001, answers);
    assert_int_equal(answers[0].amount, 1001);
    assert_int_equal(sale_stock(&r->sale).total.available, 1001);
    run_both(r, seckill_stock_withdraw, "back", 500, answers);
    assert_int_equal(answers[0].amount, 500);
    assert_int_equal(sale_stock(&r->sale).total.available, 501);
    rules_check(r);
}

/* ---- withdrawing ---- */

static void a_withdrawal_takes_at_most_what_is_available(void **state) {
    rules *r = *state;
    sale_item_answer answer;

    rules_sell(r, 4, 1, 1000, 0, 10);
    answer = sale_withdraw(&r->sale, "all", 1000);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.amount, 10);
    /* The id has done its work: units that come later are not its own. */
    assert_int_equal(sale_load(&r->sale, "more", 10).amount, 10);
    assert_int_equal(sale_withdraw(&r->sale, "all", 1000).amount, 10);
    assert_int_equal(sale_stock(&r->sale).total.available, 10);
    assert_int_equal(sale_withdraw(&r->sale, "some", 3).amount, 3);
    assert_int_equal(sale_stock(&r->sale).total.loaded, 7);
    rules_check(r);
}

static void nothing_to_withdraw_is_no_error(void **state) {
    rules *r = *state;

    rules_sell(r, 4, 1, 1000, 0, 0);
    for (int i = 0; i < 2; i++) {
        sale_item_answer answer = sale_withdraw(&r->sale, "none", 5);

        assert_status(answer.status, SECKILL_OK);
        assert_int_equal(answer.amount, 0);
    }
    rules_check(r);
}

static void a_withdrawal_leaves_reservations_alone(void **state) {
    rules *r = *state;
    sale_answer reserved, sold;
    sale_stock_answer stock;

    rules_sell(r, 1, 5, 1000, 0, 10);
    reserved = sale_reserve(&r->sale, "a", "r", 3);
    sold = sale_reserve(&r->sale, "b", "r", 2);
    assert_status(sale_confirm(&r->sale, &sold.ref, "o").status, SECKILL_OK);
    assert_int_equal(sale_withdraw(&r->sale, "all", 10).amount, 5);
    stock = sale_stock(&r->sale);
    assert_int_equal(stock.total.loaded, 5);
    assert_int_equal(stock.total.reserved, 3);
    assert_int_equal(stock.total.sold, 2);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_OK);
    rules_check(r);
}

/* ---- bounds ---- */

static void the_sum_stays_under_two_to_the_53(void **state) {
    rules *r = *state;
    sale_item_answer answer;

    rules_sell(r, 1, 1, 1000, 0, 0);
    answer = sale_load(&r->sale, "most", SECKILL_AMOUNT_MAX);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.amount, SECKILL_AMOUNT_MAX);
    assert_int_equal(sale_stock(&r->sale).total.available, SECKILL_AMOUNT_MAX);
    assert_status(sale_load(&r->sale, "one-more", 1).status, SECKILL_INVALID);
    assert_status(sale_load(&r->sale, "most-more", SECKILL_AMOUNT_MAX).status, SECKILL_INVALID);
    /* Every digit is right all the way. */
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, SECKILL_AMOUNT_MAX - 1);
    assert_int_equal(rules_field(r, 0, "available"), SECKILL_AMOUNT_MAX - 1);
    rules_check(r);
}

static void an_item_has_at_most_so_many_operations(void **state) {
    rules *r = *state;
    char id[16];

    rules_sell(r, 1, 1, 1000, 0, 0);
    for (int i = 0; i < SECKILL_OPERATIONS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "op-%d", i);
        assert_status(sale_load(&r->sale, id, 1).status, SECKILL_OK);
    }
    assert_status(sale_load(&r->sale, "one-more", 1).status, SECKILL_BUSY);
    assert_status(sale_withdraw(&r->sale, "one-more", 1).status, SECKILL_BUSY);
    assert_status(sale_load(&r->sale, "op-77", 1).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, SECKILL_OPERATIONS_MAX);
}

/* ---- a crash between ---- */

/* Takes what an operation did back from a shard: as if its client had died before it came to it. */
static void undo_on(rules *r, uint32_t shard, const char *id, int64_t units) {
    char key[SECKILL_SHARD_KEY_SIZE];

    sale_key(&r->sale, shard, "stock", key);
    assert_int_equal(redis_server_integer(r->server, "HDEL %s op:%s", key, id), 1);
    (void)redis_server_integer(r->server, "HINCRBY %s loaded %lld", key, (long long)-units);
    (void)redis_server_integer(r->server, "HINCRBY %s available %lld", key, (long long)-units);
}

static void another_client_finishes_a_load(void **state) {
    rules *r = *state;
    sale_item_answer done, again;
    sale other;

    rules_sell(r, 4, 1, 1000, 0, 0);
    done = sale_load(&r->sale, "load", 10);
    undo_on(r, 1, "load", done.outcome_amount[1]);
    undo_on(r, 3, "load", done.outcome_amount[3]);
    assert_int_equal(sale_stock(&r->sale).total.available, 10 - done.outcome_amount[1] - done.outcome_amount[3]);
    rules_open_other(r, &other);
    again = sale_load(&other, "load", 10);
    sale_close(&other);
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.amount, 10);
    assert_memory_equal(again.outcome_amount, done.outcome_amount, 4 * sizeof(int64_t));
    assert_int_equal(sale_stock(&r->sale).total.available, 10);
    rules_check(r);
}

static void another_client_finishes_a_withdrawal(void **state) {
    rules *r = *state;
    sale_item_answer done, again;
    sale other;

    rules_sell(r, 4, 1, 1000, 0, 40);
    done = sale_withdraw(&r->sale, "out", 25);
    assert_int_equal(done.outcome_amount[1], 10);
    undo_on(r, 1, "out", -10);
    rules_open_other(r, &other);
    again = sale_withdraw(&other, "out", 25);
    sale_close(&other);
    assert_int_equal(again.amount, 25);
    assert_int_equal(sale_stock(&r->sale).total.loaded, 15);
    rules_check(r);
}

static void a_client_that_gave_up_leaves_a_plan_for_the_next(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    sale_item_answer answer;

    rules_sell(r, 4, 1, 1000, 0, 0);
    sale_key(&r->sale, 2, "queue", key);
    assert_int_equal(redis_server_integer(r->server, "RENAME %s %s:away", key, key), 0);
    answer = sale_load(&r->sale, "load", 41);
    assert_status(answer.status, SECKILL_DAMAGED);
    assert_int_equal(answer.amount, 31);
    assert_status(answer.outcome[2], SECKILL_DAMAGED);
    assert_status(answer.outcome[3], SECKILL_OK);
    assert_int_equal(redis_server_integer(r->server, "RENAME %s:away %s", key, key), 0);
    answer = sale_load(&r->sale, "load", 41);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.amount, 41);
    assert_int_equal(sale_stock(&r->sale).total.available, 41);
}

/* ---- units that are overdue ---- */

static void store_plan(rules *r, const char *id, int64_t units) {
    unsigned char plan[17] = {'p'};
    redisReply *reply;

    for (int i = 0; i < 8; i++)
        plan[1 + i] = plan[9 + i] = (unsigned char)((uint64_t)units >> (56 - 8 * i));
    reply = redis_server_command(r->server, "HSET %s op:%s %b operations 1", map_key, id, plan, sizeof(plan));
    assert_non_null(reply);
    redis_server_forget(reply);
}

/* The plan was made while the units were there; then users took them, and did not pay. */
static void a_withdrawal_takes_back_what_is_overdue(void **state) {
    enum { USERS = 1500 };
    rules *r = *state;
    sale_answer *answers = calloc(USERS, sizeof(*answers));
    sale_item_answer answer;

    assert_non_null(answers);
    rules_sell(r, 1, 1, 1000, 0, USERS);
    rules_freeze(r);
    for (int i = 0; i < USERS; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "u%d", i);
        assert_status(sale_start_reserve_at(&r->sale, user, "r", 1, r->now_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, USERS);
    free(answers);
    assert_int_equal(sale_stock(&r->sale).total.available, 0);
    store_plan(r, "out", -USERS);
    rules_pass(r, 1000);
    answer = sale_withdraw(&r->sale, "out", USERS);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.amount, USERS);
    assert_int_equal(sale_stock(&r->sale).total.loaded, 0);
    rules_check(r);
}

static void a_shard_gives_no_more_than_it_has_whatever_the_plan_says(void **state) {
    rules *r = *state;

    rules_sell_patiently(r, 1, 6, 10);
    assert_status(sale_reserve(&r->sale, "u", "r", 6).status, SECKILL_OK);
    store_plan(r, "out", -10);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sale_withdraw(&r->sale, "out", 10).amount, 4);
    assert_int_equal(sale_stock(&r->sale).total.loaded, 6);
    rules_check(r);
}

static void random_operations_with_repetitions_keep_the_account(void **state) {
    rules *r = *state;
    int64_t stands[64] = {0}; /* the result of each id, as first given */
    int64_t asked[64] = {0};
    int64_t loaded = 0;
    uint32_t rounds = rules_rounds(200, 5000);

    rules_sell(r, 1 + rules_below(r, 6), 1, 1000, 0, 0);
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t k = rules_below(r, 64);
        int64_t amount = asked[k] != 0 ? asked[k] : 1 + (int64_t)rules_below(r, 50);
        char id[8];
        sale_item_answer answer;

        (void)snprintf(id, sizeof(id), "op%u", k);
        answer = k % 2 == 0 ? sale_load(&r->sale, id, amount) : sale_withdraw(&r->sale, id, amount);
        assert_status(answer.status, SECKILL_OK);
        if (asked[k] != 0) {
            assert_int_equal(answer.amount, stands[k]);
        } else {
            int64_t expected = k % 2 == 0 || amount < loaded ? amount : loaded;

            assert_int_equal(answer.amount, expected);
            asked[k] = amount;
            stands[k] = answer.amount;
            loaded += k % 2 == 0 ? answer.amount : -answer.amount;
        }
        assert_int_equal(sale_stock(&r->sale).total.available, loaded);
    }
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_load_is_spread_evenly),
        RULES_TEST(a_repetition_changes_nothing_and_says_the_same),
        RULES_TEST(an_id_used_for_something_else_is_a_conflict),
        RULES_TEST(two_clients_with_one_id_do_it_once),
        RULES_TEST(a_withdrawal_takes_at_most_what_is_available),
        RULES_TEST(nothing_to_withdraw_is_no_error),
        RULES_TEST(a_withdrawal_leaves_reservations_alone),
        RULES_TEST(the_sum_stays_under_two_to_the_53),
        RULES_TEST(an_item_has_at_most_so_many_operations),
        RULES_TEST(another_client_finishes_a_load),
        RULES_TEST(another_client_finishes_a_withdrawal),
        RULES_TEST(a_client_that_gave_up_leaves_a_plan_for_the_next),
        RULES_TEST(a_withdrawal_takes_back_what_is_overdue),
        RULES_TEST(a_shard_gives_no_more_than_it_has_whatever_the_plan_says),
        RULES_TEST(random_operations_with_repetitions_keep_the_account),
    };

    return RULES_RUN(tests);
}
