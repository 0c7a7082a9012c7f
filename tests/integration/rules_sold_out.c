/* Never oversold, never stranded: what a shard answers as its units run out, for crowds.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sold_out_or_not_enough_and_never_a_part(void **state) {
    rules *r = *state;
    sale other;

    rules_sell(r, 1, 10, 1000, 0, 3);
    rules_open_other(r, &other);
    assert_status(sale_reserve(&r->sale, "a", "r", 4).status, SECKILL_NOT_ENOUGH);
    assert_int_equal(sale_stock(&r->sale).total.available, 3);
    assert_status(sale_reserve(&r->sale, "b", "r", 2).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "a", "r", 2).status, SECKILL_NOT_ENOUGH);
    assert_status(sale_reserve(&r->sale, "c", "r", 1).status, SECKILL_OK);
    /* A client remembers for a moment that there was one left; one that has asked for nothing yet does not. */
    assert_status(sale_reserve(&other, "a", "r", 2).status, SECKILL_SOLD_OUT);
    assert_status(sale_reserve(&r->sale, "a", "r", 1).status, SECKILL_SOLD_OUT);
    sale_close(&other);
    rules_check(r);
}

static void a_batch_stops_at_the_last_unit(void **state) {
    rules *r = *state;
    sale_answer *answers;

    rules_sell(r, 1, 1, 1000, 0, 100);
    rules_freeze(r);
    answers = rules_reserve_all(r, "u", 700, 1);
    assert_int_equal(rules_count_of(answers, 700, SECKILL_OK), 100);
    assert_int_equal(rules_count_of(answers, 700, SECKILL_SOLD_OUT), 600);
    /* First come, first served. */
    for (int i = 0; i < 100; i++)
        assert_status(answers[i].status, SECKILL_OK);
    free(answers);
    rules_check(r);
}

static void before_it_says_empty_a_shard_takes_back_what_is_overdue(void **state) {
    rules *r = *state;
    sale_answer *answers;

    rules_sell(r, 1, 1, 1000, 0, 20);
    rules_freeze(r);
    free(rules_reserve_all(r, "early", 20, 1));
    rules_pass(r, 999);
    assert_status(rules_reserve(r, "late", "r", 1).status, SECKILL_SOLD_OUT);
    rules_pass(r, 1);
    answers = rules_reserve_all(r, "late", 30, 1);
    assert_int_equal(rules_count_of(answers, 30, SECKILL_OK), 20);
    assert_int_equal(rules_count_of(answers, 30, SECKILL_SOLD_OUT), 10);
    free(answers);
    rules_check(r);
}

/* More users than one script takes back: the script answers "again" until the last unit is found. */
static void overdue_units_of_many_users_are_all_found(void **state) {
    enum { USERS = 2000 };
    rules *r = *state;
    sale_answer *answers;
    sale_answer all;

    rules_sell(r, 1, USERS, 1000, 0, USERS);
    rules_freeze(r);
    answers = rules_reserve_all(r, "early", USERS, 1);
    assert_int_equal(rules_count_of(answers, USERS, SECKILL_OK), USERS);
    free(answers);
    rules_pass(r, 1000);
    all = rules_reserve(r, "rich", "r", USERS);
    assert_status(all.status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.expired, USERS);
    assert_int_equal(sale_stock(&r->sale).total.available, 0);
    rules_check(r);
}

static void a_batch_that_waits_for_overdue_units_keeps_its_order(void **state) {
    enum { USERS = 1200 };
    rules *r = *state;
    sale_answer *answers;
    uint32_t granted;

    rules_sell(r, 1, 3, 1000, 0, USERS);
    rules_freeze(r);
    free(rules_reserve_all(r, "early", USERS, 1));
    rules_pass(r, 1000);
    answers = rules_reserve_all(r, "late", 600, 3);
    granted = rules_count_of(answers, 600, SECKILL_OK);
    assert_int_equal(granted, USERS / 3);
    assert_int_equal(rules_count_of(answers, 600, SECKILL_SOLD_OUT), 600 - granted);
    free(answers);
    rules_check(r);
}

/* ---- crowds ---- */

/* Now that nothing moves any more: who was granted has it, and who was not gets nothing. */
static void asked_again_they_are_told_the_same(rules *r, const sale_answer *answers, uint32_t users, uint32_t tries) {
    for (uint32_t i = 0; i < users; i++) {
        const sale_answer *grant = NULL;
        sale_answer again;
        char user[16];

        for (uint32_t k = 0; k < tries && grant == NULL; k++)
            grant = answers[k * users + i].status == SECKILL_OK ? &answers[k * users + i] : NULL;
        (void)snprintf(user, sizeof(user), "user-%u", i);
        again = sale_reserve(&r->sale, user, "the-request", 1);
        assert_status(again.status, grant != NULL ? SECKILL_OK : SECKILL_SOLD_OUT);
        if (grant != NULL)
            assert_memory_equal(again.reservation.id, grant->reservation.id, sizeof(again.reservation.id));
    }
}

static void retries_of_a_crowd_get_the_same_and_no_unit_more(void **state) {
    enum { USERS = 2000, TRIES = 3, SHARDS = 8, UNITS = 1000 };
    rules *r = *state;
    sale_answer *answers = calloc((size_t)USERS * TRIES, sizeof(*answers));
    sale_stock_answer stock;
    int granted = 0;

    assert_non_null(answers);
    rules_sell_patiently(r, SHARDS, 1, UNITS);
    for (uint32_t i = 0; i < USERS * TRIES; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "user-%u", i % USERS);
        assert_status(sale_start_reserve(&r->sale, user, "the-request", 1, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, (size_t)USERS * TRIES);
    /* A refusal is not remembered: of tries at the same time one may be refused and another granted. But all that are granted
     * are the same reservation. */
    for (uint32_t i = 0; i < USERS; i++) {
        const sale_answer *grant = NULL;

        for (uint32_t k = 0; k < TRIES; k++) {
            const sale_answer *one = &answers[k * USERS + i];

            assert_int_equal(one->calls, 1);
            if (one->status != SECKILL_OK)
                assert_status(one->status, SECKILL_SOLD_OUT);
            if (one->status == SECKILL_OK && grant == NULL)
                grant = one;
            else if (one->status == SECKILL_OK)
                assert_memory_equal(one->reservation.id, grant->reservation.id, sizeof(grant->reservation.id));
        }
        granted += grant != NULL;
    }
    assert_int_equal(granted, UNITS);
    asked_again_they_are_told_the_same(r, answers, USERS, TRIES);
    stock = sale_stock(&r->sale);
    assert_int_equal(stock.total.reserved, UNITS);
    assert_int_equal(stock.total.available, 0);
    free(answers);
    rules_check(r);
}

static void several_clients_share_the_last_units(void **state) {
    enum { CLIENTS = 4, EACH = 300, UNITS = 500 };
    rules *r = *state;
    sale others[CLIENTS];
    sale_answer *answers = calloc((size_t)CLIENTS * EACH, sizeof(*answers));
    uint32_t done = 0;

    assert_non_null(answers);
    rules_sell_patiently(r, 1, 1, UNITS);
    for (uint32_t c = 0; c < CLIENTS; c++) {
        rules_open_other(r, &others[c]);
        for (uint32_t i = 0; i < EACH; i++) {
            char user[16];

            (void)snprintf(user, sizeof(user), "%u-%u", c, i);
            assert_status(sale_start_reserve(&others[c], user, "r", 1, &answers[c * EACH + i]), SECKILL_OK);
        }
    }
    while (done < CLIENTS * EACH) {
        done = 0;
        for (uint32_t c = 0; c < CLIENTS; c++)
            (void)uv_run(&others[c].loop, UV_RUN_NOWAIT);
        for (uint32_t i = 0; i < CLIENTS * EACH; i++)
            done += answers[i].calls != 0;
    }
    assert_int_equal(rules_count_of(answers, CLIENTS * EACH, SECKILL_OK), UNITS);
    assert_int_equal(rules_count_of(answers, CLIENTS * EACH, SECKILL_SOLD_OUT), CLIENTS * EACH - UNITS);
    for (uint32_t c = 0; c < CLIENTS; c++)
        sale_close(&others[c]);
    free(answers);
    rules_check(r);
}

static void random_quantities_keep_the_account(void **state) {
    rules *r = *state;
    uint32_t rounds = rules_rounds(30, 1000);
    int64_t taken = 0;

    rules_sell(r, 1 + rules_below(r, 4), 3, 1000, 0, 400);
    rules_freeze(r);
    for (uint32_t i = 0; i < rounds; i++) {
        char stem[16];
        sale_stock_answer stock;
        uint32_t quantity = 1 + rules_below(r, 3), users = 1 + rules_below(r, 30);
        sale_answer *answers;

        (void)snprintf(stem, sizeof(stem), "s%u-", i);
        answers = rules_reserve_all(r, stem, users, quantity);
        taken += (int64_t)rules_count_of(answers, users, SECKILL_OK) * quantity;
        free(answers);
        stock = sale_stock(&r->sale);
        assert_true(sale_account_holds(&stock));
        if (i % 10 == 9) {
            rules_pass(r, 1000);
            assert_int_equal(sale_expire(&r->sale).units, taken);
            taken = 0;
        } else {
            assert_int_equal(stock.total.reserved, taken);
        }
    }
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(sold_out_or_not_enough_and_never_a_part),
        RULES_TEST(a_batch_stops_at_the_last_unit),
        RULES_TEST(before_it_says_empty_a_shard_takes_back_what_is_overdue),
        RULES_TEST(overdue_units_of_many_users_are_all_found),
        RULES_TEST(a_batch_that_waits_for_overdue_units_keeps_its_order),
        RULES_TEST(retries_of_a_crowd_get_the_same_and_no_unit_more),
        RULES_TEST(several_clients_share_the_last_units),
        RULES_TEST(random_quantities_keep_the_account),
    };

    return RULES_RUN(tests);
}
