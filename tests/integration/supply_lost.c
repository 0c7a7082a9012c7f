/* Moves that are half done, and moves that a failover has lost: units are taken where they were sent, what was given twice is
 * owed and paid by what is freed next.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "supply_support.h"

#include <stdlib.h>
#include <string.h>

static supply_move move_of(uint32_t from, uint32_t to, uint64_t known, uint64_t least, uint64_t want, uint64_t taken) {
    supply_move move = {from, to, known, least, want, taken};

    return move;
}

static supply_moved send_units(rules *r, supply_move move) {
    supply_moved moved = supply_send(r, &move);

    assert_string_equal(moved.error, "");
    return moved;
}

static int64_t sum_of(rules *r) {
    seckill_stock total = sale_stock(&r->sale).total;

    return total.available + total.reserved + total.sold;
}

/* ---- a sender that died ---- */

static void the_next_request_takes_over(void **state) {
    rules *r = *state;

    rules_sell_patiently(r, 2, 8, 4);
    assert_int_equal(send_units(r, move_of(1, 0, 0, 2, 2, 0)).units, 2);
    assert_int_equal(sum_of(r), 2);
    assert_status(supply_reserve(r, 1, 0, 4).status, SECKILL_OK); /* all that there are */
    assert_int_equal(sum_of(r), 4);
    assert_int_equal(supply_read_totals(r, 0, 1).taken, 2);
    rules_check(r);
}

static void finishing_takes_over(void **state) {
    rules *r = *state;
    supply_finished finished;

    rules_sell_patiently(r, 4, 8, 40);
    (void)send_units(r, move_of(1, 0, 0, 1, 10, 0));
    (void)send_units(r, move_of(2, 0, 0, 1, 3, 0));
    (void)send_units(r, move_of(3, 2, 0, 1, 4, 0));
    finished = supply_finish(&r->sale);
    assert_status(finished.status, SECKILL_OK);
    assert_int_equal(finished.transit + finished.owed, 0);
    assert_int_equal(sale_stock(&r->sale).shards[0].available, 10 + 10 + 5); /* half of ten at least */
    assert_int_equal(sale_stock(&r->sale).shards[2].available, 5 + 5);
    assert_int_equal(sum_of(r), 40);
    rules_check(r);
}

/* Before that nobody is told "sold out". */
static void units_on_their_way_are_not_sold_out(void **state) {
    rules *r = *state;

    rules_sell_patiently(r, 3, 8, 3);
    assert_status(supply_reserve(r, 0, 0, 1).status, SECKILL_OK);
    assert_status(supply_reserve(r, 1, 0, 1).status, SECKILL_OK);
    assert_int_equal(send_units(r, move_of(2, 1, 0, 1, 1, 0)).units, 1);
    assert_status(supply_reserve(r, 0, 1, 2).status, SECKILL_NOT_ENOUGH);
    assert_status(supply_reserve(r, 0, 2, 1).status, SECKILL_OK);
    assert_status(supply_reserve(r, 0, 3, 1).status, SECKILL_SOLD_OUT);
    rules_check(r);
}

/* ---- the script ---- */

static void a_repetition_sends_nothing_twice(void **state) {
    rules *r = *state;
    supply_moved first;

    rules_sell_patiently(r, 2, 8, 40);
    first = send_units(r, move_of(0, 1, 0, 1, 5, 0));
    assert_int_equal(first.units, 10); /* half of twenty is more than five */
    for (int i = 0; i < 3; i++) {
        supply_moved again = send_units(r, move_of(0, 1, 0, 1, 5, 0));

        assert_int_equal(again.total, 10);
        assert_int_equal(again.units, 0);
    }
    assert_int_equal(send_units(r, move_of(0, 1, 10, 1, 8, 0)).total, 18);
    assert_int_equal(rules_field(r, 0, "available"), 2);
    assert_int_equal(rules_field(r, 0, "sent"), 18);
    assert_int_equal(rules_field(r, 0, "transfers"), 2);
}

static void what_a_donor_gives(void **state) {
    rules *r = *state;
    long long version;

    rules_sell_patiently(r, 2, 8, 20);
    version = rules_field(r, 0, "version");
    assert_int_equal(send_units(r, move_of(0, 1, 0, 11, 11, 0)).units, 0); /* it has not as many as are of use */
    assert_int_equal(send_units(r, move_of(0, 1, 0, 1, 0, 0)).units, 0);   /* none are wanted */
    assert_int_equal(rules_field(r, 0, "version"), version);
    assert_int_equal(send_units(r, move_of(0, 1, 0, 1, 9, 0)).units, 9);
    assert_int_equal(rules_field(r, 0, "version"), version + 1);
    assert_int_equal(send_units(r, move_of(0, 1, 9, 1, 100, 0)).units, 1);
    assert_int_equal(send_units(r, move_of(0, 1, 10, 1, 100, 0)).units, 0);
    assert_int_equal(send_units(r, move_of(0, 1, 10, 0, 100, 0)).units, 0);
    assert_int_equal(supply_read_totals(r, 0, 1).sent, 10);
    assert_status(supply_finish(&r->sale).status, SECKILL_OK);
    rules_check(r);
}

/* A donor takes back what is overdue before it says that it has too little. */
static void a_donor_takes_back_what_is_overdue(void **state) {
    rules *r = *state;

    rules_sell(r, 2, 8, 1000, 0, 8);
    rules_freeze(r);
    assert_status(supply_reserve(r, 0, 0, 4).status, SECKILL_OK);
    rules_pass(r, 1000);
    assert_int_equal(send_units(r, move_of(0, 1, 0, 3, 3, 0)).units, 3);
    assert_int_equal(rules_field(r, 0, "available"), 1);
    assert_status(supply_finish(&r->sale).status, SECKILL_OK);
    rules_check(r);
}

static void totals_out_of_range_are_refused(void **state) {
    rules *r = *state;
    const uint64_t numbers[] = {UINT64_C(1) << 53, UINT64_MAX};
    char *before, *after;

    rules_sell(r, 2, 8, 60000, 0, 8);
    rules_freeze(r);
    before = rules_everything(r);
    for (int i = 0; i < 4; i++) {
        supply_move move = move_of(0, 1, i % 2 == 0 ? numbers[i / 2] : 0, 1, 1, i % 2 == 0 ? 0 : numbers[i / 2]);
        supply_moved moved = supply_send(r, &move);

        assert_memory_equal(moved.error, "RANGE ", 6);
    }
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- a sending that was lost ---- */

/* Shard 1 sent its two units to 0, where they were sold, and a failover has made it forget that: it sells them again. */
static void lose_a_sending(rules *r) {
    supply_past past;

    rules_sell_patiently(r, 2, 8, 4);
    past = supply_remember(r, 1);
    assert_status(supply_reserve(r, 0, 0, 4).status, SECKILL_OK);
    assert_int_equal(supply_read_totals(r, 1, 0).sent, 2);
    supply_bring_back(r, &past);
    assert_int_equal(supply_read_totals(r, 1, 0).sent, 0);
    assert_int_equal(rules_field(r, 1, "available"), 2);
}

static void what_was_lost_is_booked_and_owed(void **state) {
    rules *r = *state;
    supply_finished finished;
    sale_answer sold[2];

    lose_a_sending(r);
    for (uint32_t i = 0; i < 2; i++) {
        sold[i] = supply_reserve(r, 1, i, 1);
        assert_status(sold[i].status, SECKILL_OK);
    }
    finished = supply_finish(&r->sale);
    assert_status(finished.status, SECKILL_OK);
    assert_int_equal(finished.owed, 2);
    assert_int_equal(finished.transit, 0);
    assert_int_equal(rules_field(r, 1, "available"), -2);
    assert_int_equal(rules_field(r, 1, "sent"), 2);
    assert_int_equal(sum_of(r), 4);
    /* What is freed there pays, before anybody gets one. */
    for (uint32_t i = 0; i < 2; i++) {
        char user[SECKILL_USER_MAX + 1];

        assert_status(supply_reserve(r, i, 10 + i, 1).status, SECKILL_SOLD_OUT);
        rules_user_of(r, 1, i, user);
        assert_status(sale_cancel(&r->sale, user, sold[i].reservation.id).status, SECKILL_OK);
        assert_int_equal(rules_field(r, 1, "available"), (long long)i - 1);
    }
    assert_status(supply_reserve(r, 1, 20, 1).status, SECKILL_SOLD_OUT);
    assert_int_equal(supply_finish(&r->sale).owed, 0);
    assert_int_equal(sale_load(&r->sale, "more", 1).amount, 1);
    assert_status(supply_reserve(r, 1, 21, 1).status, SECKILL_OK);
    rules_check(r);
}

/* Nobody has sold them a second time: who looks for three finds two in shard 1, and that they are not there. */
static void what_was_lost_is_found_by_the_next_request(void **state) {
    rules *r = *state;

    lose_a_sending(r);
    assert_status(supply_reserve(r, 0, 5, 3).status, SECKILL_SOLD_OUT);
    assert_int_equal(rules_field(r, 1, "available"), 0);
    assert_int_equal(supply_finish(&r->sale).owed, 0);
    assert_int_equal(sum_of(r), 4);
    rules_check(r);
}

/* A receiver that forgot what it took: it is on its way again. */
static void a_take_that_was_lost_is_taken_again(void **state) {
    rules *r = *state;
    supply_past past;

    rules_sell_patiently(r, 2, 8, 4);
    (void)send_units(r, move_of(1, 0, 0, 2, 2, 0));
    past = supply_remember(r, 0);
    assert_status(supply_finish(&r->sale).status, SECKILL_OK);
    assert_int_equal(rules_field(r, 0, "available"), 4);
    supply_bring_back(r, &past);
    assert_int_equal(rules_field(r, 0, "available"), 2);
    assert_status(supply_reserve(r, 1, 0, 4).status, SECKILL_OK);
    assert_int_equal(sum_of(r), 4);
    rules_check(r);
}

/* A debt is nothing that could be withdrawn, nor does it take from what others have. */
static void a_withdrawal_while_a_shard_owes(void **state) {
    rules *r = *state;
    sale_item_answer withdrawn;

    lose_a_sending(r);
    for (uint32_t i = 0; i < 2; i++)
        assert_status(supply_reserve(r, 1, i, 1).status, SECKILL_OK);
    assert_int_equal(supply_finish(&r->sale).owed, 2);
    assert_int_equal(sale_load(&r->sale, "more", 10).amount, 10);
    assert_int_equal(rules_field(r, 1, "available"), 3);
    assert_status(supply_reserve(r, 1, 5, 8).status, SECKILL_OK);
    assert_int_equal(sum_of(r), 14);
    rules_set_field(r, 1, "sold", rules_field(r, 1, "sold") + 3); /* as orders that stand are brought back */
    rules_set_field(r, 1, "available", rules_field(r, 1, "available") - 3);
    withdrawn = sale_withdraw(&r->sale, "less", 100);
    assert_status(withdrawn.status, SECKILL_OK);
    assert_in_range(withdrawn.amount, 0, 100);
    assert_int_equal(sum_of(r), 14 - withdrawn.amount);
    assert_true(rules_field(r, 0, "available") >= 0);
    assert_true(rules_field(r, 1, "available") >= -3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(the_next_request_takes_over),
        RULES_TEST(finishing_takes_over),
        RULES_TEST(units_on_their_way_are_not_sold_out),
        RULES_TEST(a_repetition_sends_nothing_twice),
        RULES_TEST(what_a_donor_gives),
        RULES_TEST(a_donor_takes_back_what_is_overdue),
        RULES_TEST(totals_out_of_range_are_refused),
        RULES_TEST(what_was_lost_is_booked_and_owed),
        RULES_TEST(what_was_lost_is_found_by_the_next_request),
        RULES_TEST(a_take_that_was_lost_is_taken_again),
        RULES_TEST(a_withdrawal_while_a_shard_owes),
    };

    return RULES_RUN(tests);
}
