/* The engine alone: the search for units in other shards, rule by rule; see lib/engine/supply.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_shards.h"

#include <string.h>

static engine_shards shards;

static void stock(engine_test *test, int64_t a, int64_t b, int64_t c, int64_t d) {
    const int64_t available[] = {a, b, c, d};

    engine_test_know_map(test);
    engine_shards_init(&shards, test, available);
}

/* Plays the oldest command, which is of this script; its index. */
static size_t play(sk__script_id script) {
    size_t index = engine_shards_next(&shards, script);

    engine_shards_play(&shards, index);
    return index;
}

static void play_round(void) {
    for (uint32_t i = 0; i < shards.test->wire.shards; i++)
        (void)play(SK__SCRIPT_survey);
}

/* The reserve that waits now, and what it carries. */
static fake_supply carried(sk__script_id script) {
    return fake_sent_supply(&shards.test->wire.sent[engine_shards_next(&shards, script)]);
}

/* ---- where units come from ---- */

static void a_full_move_is_taken_in_the_step_that_serves(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    fake_supply supply;
    fake_move move;
    size_t out;

    stock(test, 0, 6, 20, 0);
    shards.of[2].sent[0] = 30; /* of old, and taken long ago */
    shards.of[0].taken[2] = 30;
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 5, 0, 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    play_round();
    out = engine_shards_next(&shards, SK__SCRIPT_transfer_out);
    assert_int_equal(engine_shards_index(&shards, &test->wire.sent[out]), 2); /* the richest */
    assert_true(test->wire.sent[out].lasting);
    move = fake_sent_move(&test->wire.sent[out]);
    assert_int_equal(move.to, 0);
    assert_int_equal(move.known, 30);
    assert_int_equal(move.taken, 30);
    assert_int_equal(move.least, 5);
    assert_int_equal(move.want, 5);
    engine_shards_play(&shards, out);
    supply = carried(SK__SCRIPT_reserve);
    assert_int_equal(supply.count, 1);
    assert_int_equal(supply.takes[0].from, 2);
    assert_int_equal(supply.takes[0].total, 40); /* half of what it had */
    engine_shards_play_all(&shards);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(shards.of[0].available, 5);
    engine_shards_check(&shards);
    assert_int_equal(test->engine->stats.transfers, 1);
    assert_int_equal(test->engine->stats.transferred, 10);
    engine_reserve_units(test, &ask, engine_user(test, 0, 1), 1, 0, 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(carried(SK__SCRIPT_reserve).count, 0); /* it has arrived */
    engine_shards_play_all(&shards);
    engine_assert_done(&ask, SECKILL_OK);
}

static void all_that_wait_at_a_shard_get_one_move(void **state) {
    engine_test *test = *state;
    static engine_ask asks[4];
    fake_move move;

    stock(test, 0, 0, 0, 8);
    for (unsigned i = 0; i < 4; i++)
        engine_reserve_units(test, &asks[i], engine_user(test, 1, i), 1 + i % 2, 0, 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    play_round();
    move = fake_sent_move(&test->wire.sent[engine_shards_next(&shards, SK__SCRIPT_transfer_out)]);
    assert_int_equal(move.least, 1);
    assert_int_equal(move.want, 6);
    engine_shards_play_all(&shards);
    for (unsigned i = 0; i < 4; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
    assert_int_equal(test->engine->stats.surveys, 1); /* one round for all of them */
    assert_int_equal(engine_shards_count(&shards, 0, SK__SCRIPT_transfer_out), 1);
    assert_int_equal(shards.of[3].available, 2);
    /* In the order in which they came. */
    assert_string_equal(fake_sent_user(engine_last(test), 0), engine_user(test, 1, 0));
    assert_string_equal(fake_sent_user(engine_last(test), 3), engine_user(test, 1, 3));
    engine_shards_check(&shards);
}

/* What is planned to leave a donor is not planned again. */
static void a_donor_is_asked_for_what_it_has(void **state) {
    engine_test *test = *state;
    static engine_ask asks[2];

    stock(test, 0, 0, 0, 8);
    for (unsigned i = 0; i < 2; i++)
        engine_reserve_units(test, &asks[i], engine_user(test, i, 0), 6, 0, 0);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, 1); /* both are short before anyone is asked */
    engine_shards_play(&shards, 0);
    play_round();
    if (asks[0].calls + asks[1].calls == 0 && engine_shards_count(&shards, 0, SK__SCRIPT_transfer_out) == 0)
        play_round(); /* the one that came during the round is there now */
    assert_int_equal(engine_shards_count(&shards, 0, SK__SCRIPT_transfer_out), 1);
    engine_shards_run(&shards, asks, 2, 100);
    assert_true((asks[0].status == SECKILL_OK) != (asks[1].status == SECKILL_OK));
    assert_true((asks[0].status == SECKILL_NOT_ENOUGH) != (asks[1].status == SECKILL_NOT_ENOUGH));
    engine_shards_check(&shards);
}

/* Units came to its own shard while the others were asked. */
static void its_own_shard_is_asked_again(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 9, 0, 0, 0);
    engine_reserve(test, &ask, engine_user(test, 2, 0), 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    shards.of[2].available++;
    shards.loaded++;
    play_round();
    assert_int_equal(carried(SK__SCRIPT_reserve).count, 0);
    engine_shards_play_all(&shards);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(engine_shards_count(&shards, 0, SK__SCRIPT_transfer_out), 0);
}

/* What the shard owes is needed on top. */
static void debts_are_paid_first(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    fake_move move;

    stock(test, -3, 0, 4, 6);
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 2, 0, 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    play_round();
    move = fake_sent_move(&test->wire.sent[engine_shards_next(&shards, SK__SCRIPT_transfer_out)]);
    assert_int_equal(move.least, 5);
    assert_int_equal(move.want, 5);
    engine_shards_play_all(&shards);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(shards.of[0].available, 0);
}

/* Only downwards, until one has enough. */
static void what_no_shard_has_alone_is_gathered(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 1, 2, 3);
    engine_reserve_units(test, &ask, engine_user(test, 3, 0), 5, 0, 0);
    engine_shards_run(&shards, &ask, 1, 50);
    engine_assert_done(&ask, SECKILL_OK);
    for (size_t i = 0; i < test->wire.count; i++) {
        fake_move move;

        if (test->wire.sent[i].script != SK__SCRIPT_transfer_out)
            continue;
        move = fake_sent_move(&test->wire.sent[i]);
        if (move.least == 1)
            assert_true(move.to < engine_shards_index(&shards, &test->wire.sent[i]));
        else
            assert_int_equal(move.to, 3); /* the last one, in full */
    }
    engine_shards_check(&shards);
    assert_int_equal(engine_shards_available(&shards), 1);
}

/* The first of them asks for more than there is; that is not the next one's trouble. */
static void who_cannot_be_served_holds_up_nobody(void **state) {
    engine_test *test = *state;
    static engine_ask asks[2];

    stock(test, 0, 1, 1, 1);
    engine_reserve_units(test, &asks[0], engine_user(test, 0, 0), 50, 0, 0);
    engine_reserve_units(test, &asks[1], engine_user(test, 0, 1), 2, 0, 0);
    engine_shards_run(&shards, asks, 2, 100);
    engine_assert_done(&asks[0], SECKILL_NOT_ENOUGH);
    engine_assert_done(&asks[1], SECKILL_OK);
    engine_shards_check(&shards);
}

/* ---- takes ---- */

/* The batch that carries them is lost: the next carries them again. */
static void takes_go_until_they_have_arrived(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 8);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    play_round();
    (void)play(SK__SCRIPT_transfer_out);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(carried(SK__SCRIPT_reserve).count, 1);
        fake_transport_break(&test->wire, "reset by the test");
        fake_transport_mend(&test->wire);
    }
    assert_int_equal(carried(SK__SCRIPT_reserve).takes[0].total, 4);
    engine_shards_play_all(&shards);
    engine_assert_done(&ask, SECKILL_OK);
    engine_shards_check(&shards);
}

/* While one batch carries what came first, more comes: the answer to that batch does not say that this has arrived. */
static void takes_that_came_later_are_kept(void **state) {
    engine_test *test = *state;
    static engine_ask first, second;
    size_t held;

    stock(test, 0, 0, 20, 30);
    engine_reserve(test, &first, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    play_round();
    (void)play(SK__SCRIPT_transfer_out);
    held = engine_shards_next(&shards, SK__SCRIPT_reserve);
    engine_reserve_units(test, &second, engine_user(test, 0, 1), 17, 0, 0);
    fake_transport_turn(&test->wire);
    while (test->wire.sent[test->wire.count - 1].script != SK__SCRIPT_transfer_out) {
        for (size_t i = held + 1, last = test->wire.count; i < last; i++) {
            if (!test->wire.sent[i].is_over)
                engine_shards_play(&shards, i);
        }
        fake_transport_advance(&test->wire, 0);
    }
    engine_shards_play(&shards, test->wire.count - 1);
    assert_int_equal(test->wire.sent[test->wire.count - 1].script, SK__SCRIPT_reserve);
    fake_transport_error(&test->wire, test->wire.count - 1, "NOSCRIPT No matching script."); /* so that it is made anew */
    engine_shards_play(&shards, held);
    engine_assert_done(&first, SECKILL_OK);
    fake_transport_error(&test->wire, test->wire.count - 1, "NOSCRIPT No matching script.");
    assert_int_equal(carried(SK__SCRIPT_reserve).takes[carried(SK__SCRIPT_reserve).count - 1].from, 2);
    engine_shards_play_all(&shards);
    engine_assert_done(&second, SECKILL_OK);
    engine_shards_check(&shards);
}

/* A reply of a move is lost: it is sent again as it was, and moves nothing twice. */
static void a_lost_move_is_repeated(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint8_t bytes[64];
    size_t out;

    stock(test, 0, 0, 0, 8);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    play_round();
    out = engine_shards_next(&shards, SK__SCRIPT_transfer_out);
    (void)engine_shards_execute(&shards, &test->wire.sent[out], bytes, sizeof(bytes));
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_mend(&test->wire);
    assert_int_equal(fake_sent_move(&test->wire.sent[engine_shards_next(&shards, SK__SCRIPT_transfer_out)]).known, 0);
    engine_shards_play_all(&shards);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(shards.of[3].sent[0], 4);
    engine_shards_check(&shards);
}

/* ---- units of somebody who is gone, or has forgotten ---- */

static void units_adrift_are_left_alone_for_a_while(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    int64_t began;

    stock(test, 0, 0, 0, 3);
    shards.of[3].available = 0; /* sent to 1, and nobody takes them there */
    shards.of[3].sent[1] = 3;
    engine_reserve_units(test, &ask, engine_user(test, 2, 0), 3, 0, 0);
    began = test->wire.now_ms;
    engine_shards_run(&shards, &ask, 1, 400);
    engine_assert_done(&ask, SECKILL_OK);
    assert_in_range(ask.at_ms - began, 100, 160);
    assert_int_equal(shards.of[3].sent[1], 3);
    assert_int_equal(shards.of[1].taken[3], 3);
    engine_shards_check(&shards);
}

/* As long as anything moves, somebody may be about to serve. */
static void moving_units_are_not_adrift(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 100);
    shards.of[3].available = 0;
    engine_reserve(test, &ask, engine_user(test, 2, 0), 1000);
    for (int i = 0; i < 60; i++) {
        shards.of[3].sent[1]++; /* another client goes on */
        shards.of[3].version++;
        shards.loaded++;
        fake_transport_advance(&test->wire, 10);
        engine_shards_play_all(&shards);
        assert_int_equal(shards.of[1].taken[3], 0);
    }
    assert_int_equal(ask.calls, 0); /* and nothing is proven while they are there */
    shards.loaded -= 100;
    engine_shards_run(&shards, &ask, 1, 300);
    engine_assert_done(&ask, SECKILL_OK);
    engine_shards_check(&shards);
}

/* A failover of 3 has lost that it sent 5: it books them, and owes what it gave away again. */
static void what_was_taken_and_not_sent_is_booked(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 3);
    shards.of[1].taken[3] = 5;
    shards.loaded -= 5;
    engine_reserve(test, &ask, engine_user(test, 2, 0), 0);
    engine_shards_run(&shards, &ask, 1, 200);
    assert_int_equal(shards.of[3].sent[1], 5);
    engine_shards_check(&shards);
    assert_true(ask.status == SECKILL_OK || ask.status == SECKILL_SOLD_OUT); /* its last three may go before it is known */
    engine_finish_transfers(test, &ask, 0);
    engine_shards_run(&shards, &ask, 1, 400);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.transit, 0);
    assert_true(shards.of[3].available < 0);
    assert_int_equal(ask.owed, -shards.of[3].available);
}

static void transfers_are_finished_though_nobody_asks(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 4, 0, 0, 7);
    shards.of[3].available = 0;
    shards.of[3].sent[0] = 7;
    engine_finish_transfers(test, &ask, 0);
    engine_shards_run(&shards, &ask, 1, 400);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.transit + ask.owed, 0);
    assert_int_equal(shards.of[0].available, 11);
    engine_shards_check(&shards);
    engine_finish_transfers(test, &ask, 0);
    engine_shards_run(&shards, &ask, 1, 0); /* nothing to do: one round */
    engine_assert_done(&ask, SECKILL_OK);
}

/* Neither enough to pay and to serve, nor too little by itself: what there is pays, and then it is proven that nothing is left.
 */
static void a_shard_that_owes_is_paid(void **state) {
    engine_test *test = *state;
    static const int64_t stocks[][4] = {{-1, 1, 0, 0}, {-5, 3, 2, 0}, {-10, 4, 0, 1}};
    static engine_ask ask;

    for (size_t i = 0; i < sizeof(stocks) / sizeof(stocks[0]); i++) {
        engine_test_close(test);
        fake_transport_free(&test->wire);
        engine_test_open(test);
        stock(test, stocks[i][0], stocks[i][1], stocks[i][2], stocks[i][3]);
        engine_reserve_units(test, &ask, engine_user(test, 0, 0), 1, 0, 0);
        engine_shards_run(&shards, &ask, 1, 1000);
        engine_assert_done(&ask, SECKILL_SOLD_OUT);
        assert_int_equal(shards.of[1].available + shards.of[2].available + shards.of[3].available, 0);
        engine_shards_check(&shards);
    }
}

static void a_shard_that_owes_is_paid_and_serves(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, -2, 2, 1, 0);
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 1, 0, 0);
    engine_shards_run(&shards, &ask, 1, 1000);
    engine_assert_done(&ask, SECKILL_OK);
    engine_shards_check(&shards);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_full_move_is_taken_in_the_step_that_serves),
        TEST(all_that_wait_at_a_shard_get_one_move),
        TEST(a_donor_is_asked_for_what_it_has),
        TEST(its_own_shard_is_asked_again),
        TEST(debts_are_paid_first),
        TEST(what_no_shard_has_alone_is_gathered),
        TEST(who_cannot_be_served_holds_up_nobody),
        TEST(takes_go_until_they_have_arrived),
        TEST(takes_that_came_later_are_kept),
        TEST(a_lost_move_is_repeated),
        TEST(units_adrift_are_left_alone_for_a_while),
        TEST(moving_units_are_not_adrift),
        TEST(what_was_taken_and_not_sent_is_booked),
        TEST(transfers_are_finished_though_nobody_asks),
        TEST(a_shard_that_owes_is_paid),
        TEST(a_shard_that_owes_is_paid_and_serves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
