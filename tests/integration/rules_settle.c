/* Confirm, cancel, refund: each once, and what is final stays final.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_totals(rules *r, int64_t available, int64_t reserved, int64_t sold) {
    sale_stock_answer stock = sale_stock(&r->sale);

    assert_int_equal(stock.total.available, available);
    assert_int_equal(stock.total.reserved, reserved);
    assert_int_equal(stock.total.sold, sold);
    rules_check(r);
}

/* ---- confirm ---- */

static void a_confirm_happens_once(void **state) {
    rules *r = *state;
    sale_answer reserved, first, again;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 7);
    first = sale_confirm(&r->sale, &reserved.ref, "order-1");
    assert_status(first.status, SECKILL_OK);
    assert_int_equal(first.replayed, 0);
    assert_int_equal(first.reservation.state, SECKILL_RESERVATION_SOLD);
    assert_int_equal(first.reservation.since_ms, r->now_ms);
    assert_int_equal(first.reservation.ends_ms, 0);
    assert_false(first.has_ref);
    rules_pass(r, 100000);
    again = sale_confirm(&r->sale, &reserved.ref, "order-2");
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.replayed, 1);
    assert_memory_equal(&again.reservation, &first.reservation, sizeof(first.reservation));
    assert_int_equal(sale_stock(&r->sale).total.events, 1);
    assert_totals(r, 8, 0, 2);
}

static void one_token_many_times_in_one_batch_is_one_sale(void **state) {
    enum { TIMES = 100 };
    rules *r = *state;
    sale_answer answers[TIMES], reserved;
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    int fresh = 0;

    rules_sell(r, 1, 5, 1000, 0, 10);
    reserved = sale_reserve(&r->sale, "u", "r", 2);
    options.ref = &reserved.ref;
    memset(answers, 0, sizeof(answers));
    for (int i = 0; i < TIMES; i++)
        assert_status(seckill_confirm(r->sale.item, &options, NULL, sale_on_result, &answers[i]), SECKILL_OK);
    sale_wait(&r->sale, answers, TIMES);
    for (int i = 0; i < TIMES; i++) {
        assert_status(answers[i].status, SECKILL_OK);
        fresh += !answers[i].replayed;
    }
    assert_int_equal(fresh, 1);
    assert_int_equal(sale_stock(&r->sale).total.events, 1);
    assert_totals(r, 8, 0, 2);
}

static void a_token_with_another_quantity_is_a_conflict(void **state) {
    rules *r = *state;
    sale_answer reserved;

    rules_sell(r, 1, 5, 1000, 0, 10);
    reserved = sale_reserve(&r->sale, "u", "r", 2);
    reserved.ref.quantity = 1;
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_CONFLICT);
    assert_totals(r, 8, 2, 0);
}

static void a_late_confirm_takes_the_units_again(void **state) {
    rules *r = *state;
    sale_answer reserved, answer;

    rules_sell(r, 1, 5, 1000, 500, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1500); /* the last millisecond of the token */
    assert_int_equal(sale_expire(&r->sale).units, 2);
    answer = sale_confirm(&r->sale, &reserved.ref, "late");
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.replayed, 0);
    assert_memory_equal(answer.reservation.id, reserved.reservation.id, sizeof(answer.reservation.id));
    assert_int_equal(sale_confirm(&r->sale, &reserved.ref, "late").replayed, 1);
    assert_totals(r, 8, 0, 2);
}

static void past_its_end_a_token_is_expired(void **state) {
    rules *r = *state;
    sale_answer reserved;

    rules_sell(r, 1, 5, 1000, 500, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1501);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    assert_totals(r, 10, 0, 0);
    rules_pass(r, 10000); /* forgotten, and still not to be had */
    assert_int_equal(sale_expire(&r->sale).reservations, 0);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    assert_totals(r, 10, 0, 0);
}

static void expired_for_good_stays_so_when_units_come_back(void **state) {
    rules *r = *state;
    sale_answer reserved, rival;

    rules_sell(r, 1, 5, 1000, 100000, 2);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1000);
    rival = rules_reserve(r, "rival", "r", 2);
    assert_status(rival.status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    assert_status(sale_cancel(&r->sale, "rival", rival.reservation.id).status, SECKILL_OK);
    assert_totals(r, 2, 0, 0);
    /* To the last millisecond of the token, however short ids are remembered, and past it. */
    for (int i = 0; i < 102; i++) {
        assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
        rules_pass(r, i < 100 ? 1000 : 1);
    }
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    assert_totals(r, 2, 0, 0);
}

static void a_late_confirm_takes_back_what_is_overdue(void **state) {
    rules *r = *state;
    sale_answer reserved;

    rules_sell(r, 1, 5, 1000, 5000, 2);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1000);
    assert_status(rules_reserve(r, "rival", "r", 2).status, SECKILL_OK);
    rules_pass(r, 1000);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_OK);
    assert_totals(r, 0, 0, 2);
}

static void a_late_confirm_asks_for_the_limit_again(void **state) {
    rules *r = *state;
    sale_answer reserved;

    rules_sell(r, 1, 2, 1000, 5000, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1000);
    assert_status(rules_reserve(r, "u", "another", 1).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    assert_totals(r, 9, 1, 0);
}

static void a_pause_delays_a_late_confirm_only(void **state) {
    rules *r = *state;
    sale_answer late, intime, answer;

    rules_sell(r, 1, 5, 1000, 5000, 10);
    rules_freeze(r);
    late = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1000);
    intime = rules_reserve(r, "v", "r", 2);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &intime.ref, "o").status, SECKILL_OK);
    answer = sale_confirm(&r->sale, &late.ref, "late");
    assert_status(answer.status, SECKILL_PAUSED);
    assert_true(answer.retry_after_ms > 0);
    assert_status(sale_resume(&r->sale).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &late.ref, "late").status, SECKILL_OK);
    assert_totals(r, 6, 0, 4);
}

static void after_the_end_a_late_confirm_is_expired_and_one_in_time_is_not(void **state) {
    rules *r = *state;
    sale_answer late, intime;

    rules_sell(r, 1, 5, 1000, 5000, 10);
    rules_freeze(r);
    late = rules_reserve(r, "u", "r", 2);
    rules_pass(r, 1000);
    intime = rules_reserve(r, "v", "r", 2);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &intime.ref, "o").status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &late.ref, "late").status, SECKILL_EXPIRED);
    assert_totals(r, 8, 0, 2);
}

/* ---- a failover ---- */

/* As if no replica had the write that made the reservation. */
static void lose_reservation(rules *r, const char *user, int64_t quantity) {
    char key[SECKILL_SHARD_KEY_SIZE];

    assert_int_equal(redis_server_integer(r->server, "HDEL %s %s", sale_key(&r->sale, 0, "users", key), user), 1);
    sale_key(&r->sale, 0, "stock", key);
    (void)redis_server_integer(r->server, "HINCRBY %s reserved %lld", key, (long long)-quantity);
    (void)redis_server_integer(r->server, "HINCRBY %s available %lld", key, (long long)quantity);
}

static void a_lost_reservation_is_confirmed_from_its_token(void **state) {
    rules *r = *state;
    sale_answer reserved, answer;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    lose_reservation(r, "u", 2);
    assert_totals(r, 10, 0, 0);
    answer = sale_confirm(&r->sale, &reserved.ref, "o");
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.reservation.price, 129900);
    assert_int_equal(sale_confirm(&r->sale, &reserved.ref, "o").replayed, 1);
    assert_int_equal(sale_stock(&r->sale).total.events, 1);
    assert_totals(r, 8, 0, 2);
    /* Its request id is known again, too. */
    assert_int_equal(rules_reserve(r, "u", "r", 2).replayed, 1);
}

static void a_lost_reservation_whose_units_were_sold_is_expired(void **state) {
    rules *r = *state;
    sale_answer reserved;

    rules_sell(r, 1, 5, 1000, 0, 2);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    lose_reservation(r, "u", 2);
    assert_status(rules_reserve(r, "rival", "r", 1).status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_EXPIRED);
    rules_pass(r, 1000);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_EXPIRED);
    assert_int_equal(sale_expire(&r->sale).units, 1);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_EXPIRED);
    assert_totals(r, 2, 0, 0);
}

/* ---- settings that change while tokens stand ---- */

static void a_shorter_grace_does_not_touch_tokens_that_stand(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(5, 1000, 0);
    sale_answer reserved, again;
    sale_lookup_answer *found = malloc(sizeof(*found));

    assert_non_null(found);
    rules_sell(r, 1, 5, 1000, 10000, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    again = rules_reserve(r, "u", "r", 2);
    assert_memory_equal(&again.ref, &reserved.ref, sizeof(reserved.ref));
    *found = sale_lookup(&r->sale, "u", "r");
    assert_memory_equal(&found->refs[0], &reserved.ref, sizeof(reserved.ref));
    free(found);
    /* Cancelled is remembered while the token could still pass. */
    assert_status(sale_cancel(&r->sale, "u", reserved.reservation.id).status, SECKILL_OK);
    rules_pass(r, 10999);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_CANCELLED);
    assert_totals(r, 10, 0, 0);
}

/* ---- cancel and refund ---- */

static void a_cancel_gives_the_units_back_once(void **state) {
    rules *r = *state;
    sale_answer reserved, first, again;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    first = sale_cancel(&r->sale, "u", reserved.reservation.id);
    assert_status(first.status, SECKILL_OK);
    assert_int_equal(first.replayed, 0);
    assert_int_equal(first.reservation.state, SECKILL_RESERVATION_CANCELLED);
    again = sale_cancel(&r->sale, "u", reserved.reservation.id);
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.replayed, 1);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_CANCELLED);
    assert_status(sale_refund(&r->sale, "u", reserved.reservation.id).status, SECKILL_CANCELLED);
    assert_int_equal(sale_stock(&r->sale).total.cancelled, 2);
    assert_totals(r, 10, 0, 0);
}

static void what_is_over_cannot_be_cancelled(void **state) {
    rules *r = *state;
    sale_answer sold, overdue;
    uint8_t unknown[SECKILL_RESERVATION_ID_SIZE] = {7};

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    sold = rules_reserve(r, "u", "sold", 2);
    assert_status(sale_confirm(&r->sale, &sold.ref, "o").status, SECKILL_OK);
    assert_status(sale_cancel(&r->sale, "u", sold.reservation.id).status, SECKILL_SOLD);
    overdue = rules_reserve(r, "u", "overdue", 1);
    rules_pass(r, 1000);
    assert_status(sale_cancel(&r->sale, "u", overdue.reservation.id).status, SECKILL_EXPIRED);
    assert_status(sale_refund(&r->sale, "u", overdue.reservation.id).status, SECKILL_EXPIRED);
    assert_status(sale_cancel(&r->sale, "u", unknown).status, SECKILL_NO_RESERVATION);
    assert_status(sale_refund(&r->sale, "u", unknown).status, SECKILL_NO_RESERVATION);
    /* Another user's. */
    assert_status(sale_cancel(&r->sale, "v", sold.reservation.id).status, SECKILL_NO_RESERVATION);
    assert_status(sale_refund(&r->sale, "v", sold.reservation.id).status, SECKILL_NO_RESERVATION);
    assert_totals(r, 8, 0, 2);
}

static void a_refund_gives_units_and_limit_back_once(void **state) {
    rules *r = *state;
    sale_answer reserved, first, again;

    rules_sell(r, 1, 2, 1000, 0, 10);
    rules_freeze(r);
    reserved = rules_reserve(r, "u", "r", 2);
    assert_status(sale_refund(&r->sale, "u", reserved.reservation.id).status, SECKILL_CONFLICT);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_OK);
    assert_status(rules_reserve(r, "u", "r2", 1).status, SECKILL_LIMIT_REACHED);
    first = sale_refund(&r->sale, "u", reserved.reservation.id);
    assert_status(first.status, SECKILL_OK);
    assert_int_equal(first.reservation.state, SECKILL_RESERVATION_REFUNDED);
    again = sale_refund(&r->sale, "u", reserved.reservation.id);
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.replayed, 1);
    assert_int_equal(sale_stock(&r->sale).total.events, 2);
    assert_totals(r, 10, 0, 0);
    rules_pass(r, 1000000);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    /* The record is final. */
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_REFUNDED);
    assert_status(sale_cancel(&r->sale, "u", reserved.reservation.id).status, SECKILL_REFUNDED);
    assert_status(rules_reserve(r, "u", "r", 2).status, SECKILL_REFUNDED);
    assert_status(rules_reserve(r, "u", "r2", 2).status, SECKILL_OK);
    assert_totals(r, 8, 2, 0);
}

static void calls_for_one_reservation_in_one_turn_end_in_one_state(void **state) {
    rules *r = *state;
    seckill_confirm_options confirm = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_release_options release = SECKILL_RELEASE_OPTIONS_INIT;
    sale_answer answers[3], reserved;

    rules_sell_patiently(r, 1, 5, 10);
    for (int i = 0; i < 20; i++) {
        char id[8];

        (void)snprintf(id, sizeof(id), "r%d", i);
        reserved = sale_reserve(&r->sale, id, id, 1);
        assert_status(reserved.status, SECKILL_OK);
        confirm.ref = &reserved.ref;
        release.user.data = id;
        release.user.size = strlen(id);
        memcpy(release.reservation_id, reserved.reservation.id, sizeof(release.reservation_id));
        memset(answers, 0, sizeof(answers));
        assert_status(seckill_cancel(r->sale.item, &release, NULL, sale_on_result, &answers[0]), SECKILL_OK);
        assert_status(seckill_confirm(r->sale.item, &confirm, NULL, sale_on_result, &answers[1]), SECKILL_OK);
        assert_status(seckill_refund(r->sale.item, &release, NULL, sale_on_result, &answers[2]), SECKILL_OK);
        sale_wait(&r->sale, answers, 3);
        assert_true((answers[0].status == SECKILL_OK) != (answers[1].status == SECKILL_OK));
        if (answers[1].status == SECKILL_OK)
            assert_true(answers[0].status == SECKILL_SOLD || answers[0].status == SECKILL_REFUNDED);
        else
            assert_status(answers[1].status, SECKILL_CANCELLED);
        if (sale_stock(&r->sale).total.available == 0)
            break;
    }
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_confirm_happens_once),
        RULES_TEST(one_token_many_times_in_one_batch_is_one_sale),
        RULES_TEST(a_token_with_another_quantity_is_a_conflict),
        RULES_TEST(a_late_confirm_takes_the_units_again),
        RULES_TEST(past_its_end_a_token_is_expired),
        RULES_TEST(expired_for_good_stays_so_when_units_come_back),
        RULES_TEST(a_late_confirm_takes_back_what_is_overdue),
        RULES_TEST(a_late_confirm_asks_for_the_limit_again),
        RULES_TEST(a_pause_delays_a_late_confirm_only),
        RULES_TEST(after_the_end_a_late_confirm_is_expired_and_one_in_time_is_not),
        RULES_TEST(a_lost_reservation_is_confirmed_from_its_token),
        RULES_TEST(a_lost_reservation_whose_units_were_sold_is_expired),
        RULES_TEST(a_shorter_grace_does_not_touch_tokens_that_stand),
        RULES_TEST(a_cancel_gives_the_units_back_once),
        RULES_TEST(what_is_over_cannot_be_cancelled),
        RULES_TEST(a_refund_gives_units_and_limit_back_once),
        RULES_TEST(calls_for_one_reservation_in_one_turn_end_in_one_state),
    };

    return RULES_RUN(tests);
}
