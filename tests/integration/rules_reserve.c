/* Reserve: a request id names one grant; limits, windows and states decide the rest.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_same_reservation(const sale_answer *a, const sale_answer *b) {
    assert_memory_equal(a->reservation.id, b->reservation.id, sizeof(a->reservation.id));
}

/* ---- one request id, one grant ---- */

static void a_request_id_names_one_grant(void **state) {
    rules *r = *state;
    sale_answer first, again;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    seckill_bytes user = {"alice", 5}, request_id = {"req-1", 5};

    rules_sell(r, 1, 5, 1000, 500, 10);
    rules_freeze(r);
    first = rules_reserve(r, "alice", "req-1", 2);
    assert_status(first.status, SECKILL_OK);
    assert_int_equal(first.replayed, 0);
    assert_int_equal(first.reservation.quantity, 2);
    assert_int_equal(first.reservation.price, 129900);
    assert_int_equal(first.reservation.since_ms, r->now_ms);
    assert_int_equal(first.reservation.ends_ms, r->now_ms + 1000);
    assert_true(first.has_ref);
    assert_int_equal(first.ref.valid_until_ms, r->now_ms + 1500);
    assert_status(seckill_reservation_id("sale", "phone", user, request_id, id), SECKILL_OK);
    assert_memory_equal(first.reservation.id, id, sizeof(id));
    rules_pass(r, 999);
    again = rules_reserve(r, "alice", "req-1", 2);
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.replayed, 1);
    assert_memory_equal(&again.reservation, &first.reservation, sizeof(first.reservation));
    assert_memory_equal(&again.ref, &first.ref, sizeof(first.ref));
    assert_int_equal(sale_stock(&r->sale).total.reserved, 2);
}

static void another_quantity_is_a_conflict(void **state) {
    rules *r = *state;
    sale_answer first;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    first = rules_reserve(r, "u", "r", 2);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_CONFLICT);
    assert_status(rules_reserve(r, "u", "r", 3).status, SECKILL_CONFLICT);
    assert_status(sale_confirm(&r->sale, &first.ref, "o").status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_CONFLICT);
    assert_status(rules_reserve(r, "u", "r", 2).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.sold, 2);
}

static void the_same_request_id_of_another_user_is_another_grant(void **state) {
    rules *r = *state;
    sale_answer a, b;

    rules_sell(r, 1, 1, 1000, 0, 10);
    a = sale_reserve(&r->sale, "a", "r", 1);
    b = sale_reserve(&r->sale, "b", "r", 1);
    assert_int_equal(b.replayed, 0);
    assert_memory_not_equal(a.reservation.id, b.reservation.id, sizeof(a.reservation.id));
}

static void a_refusal_is_not_remembered(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 1, 1000, 0, 0);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_SOLD_OUT);
    assert_status(sale_load(&r->sale, "late", 1).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
}

/* ---- the limit ---- */

static void the_limit_counts_units_reserved_and_sold(void **state) {
    rules *r = *state;
    sale_answer three, one;

    rules_sell(r, 1, 5, 1000, 0, 100);
    rules_freeze(r);
    assert_status(rules_reserve(r, "u", "six", 6).status, SECKILL_LIMIT_REACHED);
    three = rules_reserve(r, "u", "three", 3);
    assert_status(rules_reserve(r, "u", "three-more", 3).status, SECKILL_LIMIT_REACHED);
    assert_status(sale_confirm(&r->sale, &three.ref, "o").status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "three-more", 3).status, SECKILL_LIMIT_REACHED);
    one = rules_reserve(r, "u", "one", 1);
    assert_status(one.status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "last", 1).status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "none", 1).status, SECKILL_LIMIT_REACHED);
    assert_status(sale_cancel(&r->sale, "u", one.reservation.id).status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "again", 1).status, SECKILL_OK);
    assert_status(sale_refund(&r->sale, "u", three.reservation.id).status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "three-more", 3).status, SECKILL_OK);
    rules_check(r);
}

static void the_limit_comes_before_the_stock(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 1, 1000, 0, 1);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "u", "r2", 1).status, SECKILL_LIMIT_REACHED);
    assert_status(sale_reserve(&r->sale, "v", "r", 1).status, SECKILL_SOLD_OUT);
}

static void requests_of_one_user_in_one_batch_keep_the_limit(void **state) {
    enum { REQUESTS = 200, LIMIT = 3 };
    rules *r = *state;
    sale_answer *answers = calloc(REQUESTS, sizeof(*answers));
    int granted = 0;

    assert_non_null(answers);
    rules_sell(r, 1, LIMIT, 1000, 0, 1000);
    for (int i = 0; i < REQUESTS; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "r%d", i);
        assert_status(sale_start_reserve(&r->sale, "u", id, 1, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(answers[i].calls, 1);
        granted += answers[i].status == SECKILL_OK;
        if (answers[i].status != SECKILL_OK)
            assert_status(answers[i].status, SECKILL_LIMIT_REACHED);
    }
    assert_int_equal(granted, LIMIT);
    assert_int_equal(sale_stock(&r->sale).total.reserved, LIMIT);
    free(answers);
    rules_check(r);
}

static void one_request_id_many_times_in_one_batch_is_one_grant(void **state) {
    enum { REQUESTS = 200 };
    rules *r = *state;
    sale_answer *answers = calloc(REQUESTS, sizeof(*answers));
    int fresh = 0;

    assert_non_null(answers);
    rules_sell(r, 1, 100, 1000, 0, 1000);
    for (int i = 0; i < REQUESTS; i++)
        assert_status(sale_start_reserve(&r->sale, "u", "r", 1, &answers[i]), SECKILL_OK);
    sale_wait(&r->sale, answers, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        assert_status(answers[i].status, SECKILL_OK);
        assert_same_reservation(&answers[i], &answers[0]);
        fresh += !answers[i].replayed;
    }
    assert_int_equal(fresh, 1);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 1);
    free(answers);
    rules_check(r);
}

/* ---- time ---- */

/* Else its id would be forgotten while the request is still new. */
static void a_request_from_a_clock_far_ahead_is_refused(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(2, 1000, 0);

    settings.window_ms = 1000;
    settings.remember_ms = 3000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", 10).status, SECKILL_OK);
    rules_freeze(r);
    assert_status(sale_reserve_at(&r->sale, "u", "b", 1, r->now_ms + 2000).status, SECKILL_TOO_OLD);
    assert_status(sale_reserve_at(&r->sale, "u", "a", 1, r->now_ms + 1999).status, SECKILL_OK);
}

/* To the millisecond: as long as a request is new, its id is remembered. */
static void no_id_is_forgotten_while_its_request_is_new(void **state) {
    rules *r = *state;
    int64_t created;
    sale_answer first;

    rules_sell(r, 1, 2, 1000, 0, 10);
    rules_freeze(r);
    created = r->now_ms + 999; /* as far ahead as may be: remember 2,000, window 1,000 */
    first = sale_reserve_at(&r->sale, "u", "a", 1, created);
    assert_status(first.status, SECKILL_OK);
    assert_status(sale_cancel(&r->sale, "u", first.reservation.id).status, SECKILL_OK);
    rules_pass(r, 1999);
    assert_status(sale_reserve_at(&r->sale, "u", "a", 1, created).status, SECKILL_CANCELLED);
    rules_pass(r, 1);
    assert_status(sale_reserve_at(&r->sale, "u", "a", 1, created).status, SECKILL_TOO_OLD);
}

/* A server whose clock is behind by max_skew_ms goes on with these records. */
static void ids_are_remembered_longer_where_clocks_differ(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    sale_answer first;

    settings.max_skew_ms = 500;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", 10).status, SECKILL_OK);
    rules_freeze(r);
    first = rules_reserve(r, "u", "a", 1);
    first = sale_cancel(&r->sale, "u", first.reservation.id);
    assert_int_equal(first.reservation.ends_ms, r->now_ms + 2000 + 500);
}

static void a_request_from_before_the_window_is_too_old(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 9, 60000, 0, 10);
    rules_freeze(r);
    assert_status(sale_reserve_at(&r->sale, "u", "a", 1, r->now_ms - 1001).status, SECKILL_TOO_OLD);
    assert_status(sale_reserve_at(&r->sale, "u", "b", 1, r->now_ms - 1000).status, SECKILL_OK);
    /* What was granted is answered however old the request is by now. */
    rules_pass(r, 30000);
    assert_status(sale_reserve_at(&r->sale, "u", "b", 1, r->now_ms - 31000).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 1);
}

static void a_cancelled_request_id_is_remembered_then_forgotten(void **state) {
    rules *r = *state;
    sale_answer first, again;

    rules_sell(r, 1, 1, 500, 0, 10);
    rules_freeze(r);
    first = rules_reserve(r, "u", "r", 1);
    assert_status(sale_cancel(&r->sale, "u", first.reservation.id).status, SECKILL_OK);
    rules_pass(r, 1999);
    again = rules_reserve(r, "u", "r", 1);
    assert_status(again.status, SECKILL_CANCELLED);
    assert_int_equal(again.replayed, 1);
    assert_same_reservation(&first, &again);
    assert_status(rules_reserve(r, "u", "r", 2).status, SECKILL_CONFLICT);
    rules_pass(r, 2);
    /* Nobody may ask so late with the old request: it is older than the window. A new one may use the id. */
    assert_status(sale_reserve_at(&r->sale, "u", "r", 1, r->now_ms - 2001).status, SECKILL_TOO_OLD);
    again = rules_reserve(r, "u", "r", 1);
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.replayed, 0);
    rules_check(r);
}

static void an_expired_request_id_is_remembered_then_forgotten(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 1, 500, 0, 10);
    rules_freeze(r);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_OK);
    rules_pass(r, 499);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_OK);
    rules_pass(r, 1);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_EXPIRED);
    assert_int_equal(sale_stock(&r->sale).total.available, 10);
    rules_pass(r, 1999);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_EXPIRED);
    rules_pass(r, 2);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_OK);
    rules_check(r);
}

/* Otherwise the token of a forgotten reservation would pass for one that a failover lost. */
static void a_request_id_is_remembered_to_the_end_of_its_token(void **state) {
    rules *r = *state;
    sale_answer first;

    rules_sell(r, 1, 1, 5000, 5000, 10);
    rules_freeze(r);
    first = rules_reserve(r, "u", "r", 1);
    assert_status(sale_cancel(&r->sale, "u", first.reservation.id).status, SECKILL_OK);
    for (int i = 0; i < 10; i++) {
        rules_pass(r, 1000);
        assert_status(sale_confirm(&r->sale, &first.ref, "o").status, SECKILL_CANCELLED);
    }
    rules_pass(r, 1);
    assert_status(sale_confirm(&r->sale, &first.ref, "o").status, SECKILL_EXPIRED);
    assert_int_equal(sale_stock(&r->sale).total.sold, 0);
    rules_check(r);
}

static void the_sale_starts_and_ends_on_the_millisecond(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(9, 1000, 0);
    sale_answer answer;

    rules_sell(r, 1, 9, 1000, 0, 10);
    rules_freeze(r);
    settings.start_ms = r->now_ms + 10;
    settings.end_ms = r->now_ms + 20;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    rules_pass(r, 9);
    answer = rules_reserve(r, "u", "a", 1);
    assert_status(answer.status, SECKILL_NOT_STARTED);
    assert_true(answer.retry_after_ms > 0);
    rules_pass(r, 1);
    assert_status(rules_reserve(r, "u", "a", 1).status, SECKILL_OK);
    rules_pass(r, 9);
    assert_status(rules_reserve(r, "u", "b", 1).status, SECKILL_OK);
    rules_pass(r, 1);
    assert_status(rules_reserve(r, "u", "c", 1).status, SECKILL_ENDED);
    assert_status(rules_reserve(r, "u", "a", 1).status, SECKILL_OK);
}

static void what_stands_is_answered_while_paused_and_after_the_end(void **state) {
    rules *r = *state;
    sale_answer first, answer;

    rules_sell_patiently(r, 1, 9, 10);
    first = sale_reserve(&r->sale, "u", "a", 1);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    answer = sale_reserve(&r->sale, "u", "b", 1);
    assert_status(answer.status, SECKILL_PAUSED);
    assert_true(answer.retry_after_ms > 0);
    answer = sale_reserve(&r->sale, "u", "a", 1);
    assert_status(answer.status, SECKILL_OK);
    assert_same_reservation(&first, &answer);
    assert_status(sale_resume(&r->sale).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "u", "b", 1).status, SECKILL_OK);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "u", "c", 1).status, SECKILL_ENDED);
    assert_int_equal(sale_reserve(&r->sale, "u", "b", 1).replayed, 1);
}

/* ---- bounds of a user's records ---- */

static void a_user_has_at_most_16_unsettled_records(void **state) {
    rules *r = *state;
    sale_answer first;

    rules_sell(r, 1, 1000, 1000, 0, 1000);
    rules_freeze(r);
    for (int i = 0; i < SECKILL_USER_UNSETTLED_MAX; i++) {
        char id[16];
        sale_answer answer;

        (void)snprintf(id, sizeof(id), "r%d", i);
        answer = rules_reserve(r, "u", id, 1);
        assert_status(answer.status, SECKILL_OK);
        if (i == 0)
            first = answer;
        else if (i % 2 == 0)
            assert_status(sale_cancel(&r->sale, "u", answer.reservation.id).status, SECKILL_OK);
    }
    assert_status(rules_reserve(r, "u", "more", 1).status, SECKILL_BUSY);
    assert_status(rules_reserve(r, "u", "r3", 1).status, SECKILL_OK);
    assert_status(rules_reserve(r, "v", "more", 1).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &first.ref, "o").status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "more", 1).status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "yet-more", 1).status, SECKILL_BUSY);
    rules_pass(r, 1999); /* what was cancelled is remembered, what was not is overdue, and remembered then */
    assert_status(rules_reserve(r, "u", "yet-more", 1).status, SECKILL_BUSY);
    rules_pass(r, 1);
    assert_status(rules_reserve(r, "u", "yet-more", 1).status, SECKILL_OK);
    rules_check(r);
}

static void a_user_has_at_most_64_records(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 1000, 1000, 0, 1000);
    for (int i = 0; i < SECKILL_USER_RECORDS_MAX; i++) {
        char id[16];
        sale_answer answer;

        (void)snprintf(id, sizeof(id), "r%d", i);
        answer = sale_reserve(&r->sale, "u", id, 1);
        assert_status(answer.status, SECKILL_OK);
        assert_status(sale_confirm(&r->sale, &answer.ref, id).status, SECKILL_OK);
    }
    /* For good, since what is sold stays; while some of them can still end it is busy. */
    assert_status(sale_reserve(&r->sale, "u", "more", 1).status, SECKILL_LIMIT_REACHED);
    assert_int_equal(sale_lookup(&r->sale, "u", NULL).count, SECKILL_USER_RECORDS_MAX);
    assert_status(sale_reserve(&r->sale, "u", "r63", 1).status, SECKILL_OK);
    rules_check(r);
}

/* ---- ids are bytes ---- */

static void users_and_request_ids_are_any_bytes(void **state) {
    rules *r = *state;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    sale_answer answers[256];
    uint8_t bytes[256][2];

    rules_sell(r, 3, 1, 1000, 0, 3000);
    for (int i = 0; i < 256; i++) {
        memset(&answers[i], 0, sizeof(answers[i]));
        bytes[i][0] = (uint8_t)i;
        bytes[i][1] = (uint8_t)(255 - i);
        options.user.data = options.request_id.data = bytes[i];
        options.user.size = options.request_id.size = 1 + (size_t)(i % 2);
        assert_status(seckill_reserve(r->sale.item, &options, NULL, sale_on_result, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, 256);
    for (int i = 0; i < 256; i++) {
        assert_status(answers[i].status, SECKILL_OK);
        assert_int_equal(answers[i].ref.user_size, 1 + i % 2);
        assert_memory_equal(answers[i].ref.user, bytes[i], answers[i].ref.user_size);
    }
    assert_int_equal(sale_stock(&r->sale).total.users, 256);
}

static void ids_of_the_greatest_size_fit(void **state) {
    static const char longest[] = "1234567890123456789012345678901234567890123456789012345678901234";
    rules *r = *state;
    sale_answer answer;

    rules_sell(r, 1, 1000000, 1000, 0, 2000000);
    rules_freeze(r);
    answer = rules_reserve(r, longest, longest, 1000000);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.reservation.quantity, 1000000);
    rules_check(r);
    rules_pass(r, 1000);
    assert_int_equal(sale_expire(&r->sale).units, 1000000);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_request_id_names_one_grant),
        RULES_TEST(another_quantity_is_a_conflict),
        RULES_TEST(the_same_request_id_of_another_user_is_another_grant),
        RULES_TEST(a_refusal_is_not_remembered),
        RULES_TEST(the_limit_counts_units_reserved_and_sold),
        RULES_TEST(the_limit_comes_before_the_stock),
        RULES_TEST(requests_of_one_user_in_one_batch_keep_the_limit),
        RULES_TEST(one_request_id_many_times_in_one_batch_is_one_grant),
        RULES_TEST(a_request_from_before_the_window_is_too_old),
        RULES_TEST(a_request_from_a_clock_far_ahead_is_refused),
        RULES_TEST(no_id_is_forgotten_while_its_request_is_new),
        RULES_TEST(ids_are_remembered_longer_where_clocks_differ),
        RULES_TEST(a_cancelled_request_id_is_remembered_then_forgotten),
        RULES_TEST(an_expired_request_id_is_remembered_then_forgotten),
        RULES_TEST(a_request_id_is_remembered_to_the_end_of_its_token),
        RULES_TEST(the_sale_starts_and_ends_on_the_millisecond),
        RULES_TEST(what_stands_is_answered_while_paused_and_after_the_end),
        RULES_TEST(a_user_has_at_most_16_unsettled_records),
        RULES_TEST(a_user_has_at_most_64_records),
        RULES_TEST(users_and_request_ids_are_any_bytes),
        RULES_TEST(ids_of_the_greatest_size_fit),
    };

    return RULES_RUN(tests);
}
