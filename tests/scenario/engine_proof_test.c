/* The engine alone: when it may say that there are not so many units, and for how long it remembers that.
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

static size_t play(sk__script_id script) {
    size_t index = engine_shards_next(&shards, script);

    engine_shards_play(&shards, index);
    return index;
}

/* Starts one that its shard is short for, and plays the first of the rounds. */
static void ask_and_look_once(engine_test *test, engine_ask *ask, uint32_t units) {
    engine_reserve_units(test, ask, engine_user(test, 0, 0), units, 0, 0);
    fake_transport_turn(&test->wire);
    (void)play(SK__SCRIPT_reserve);
    for (int i = 0; i < 4; i++)
        (void)play(SK__SCRIPT_survey);
}

static void one_round(engine_test *test) {
    int64_t ms = 0;

    while (fake_transport_waiting(&test->wire) == 0) {
        assert_true(ms < 200);
        fake_transport_advance(&test->wire, ms++ != 0);
    }
    for (int i = 0; i < 4; i++)
        (void)play(SK__SCRIPT_survey);
}

/* ---- what proves ---- */

static void two_rounds_prove(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    int64_t began = test->wire.now_ms;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1);
    assert_int_equal(ask.calls, 0);
    one_round(test);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
    assert_int_equal(ask.at_ms, began); /* the second follows at once */
    assert_int_equal(test->engine->stats.surveys, 2);
}

static void some_are_left_but_not_enough(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 1, 0, 2, 0);
    ask_and_look_once(test, &ask, 4);
    one_round(test);
    engine_assert_done(&ask, SECKILL_NOT_ENOUGH);
    assert_int_equal(engine_shards_count(&shards, 0, SK__SCRIPT_transfer_out), 0);
}

/* What each change between two rounds must do: there is no proof, until two have seen the same. */
static void any_change_in_between_prevents_it(void **state) {
    engine_test *test = *state;

    for (int change = 0; change < 5; change++) {
        static engine_ask ask;

        engine_test_close(test);
        engine_test_open(test);
        stock(test, 0, 0, 1, 0);
        if (change == 0)
            shards.of[3].more = true;
        ask_and_look_once(test, &ask, 2);
        shards.of[3].more = false;
        shards.of[3].version += change == 1;
        shards.of[3].epoch += change == 2;
        if (change == 3)
            shards.of[2].available = 0; /* given away: there was one in between */
        if (change == 4)
            shards.of[1].more = true;
        one_round(test);
        assert_int_equal(ask.calls, 0);
        shards.of[1].more = false;
        one_round(test);
        if (change == 0 || change == 4)
            assert_int_equal(ask.calls, change == 0);
        if (change == 4)
            one_round(test);
        engine_assert_done(&ask, change == 3 ? SECKILL_SOLD_OUT : SECKILL_NOT_ENOUGH);
        fake_transport_play_all(&test->wire);
        fake_transport_free(&test->wire);
    }
}

/* Units on their way are units. */
static void units_in_transit_are_counted(void **state) {
    engine_test *test = *state;
    static engine_ask ask, other;

    stock(test, 0, 0, 0, 1);
    shards.of[3].available = 0;
    shards.of[3].sent[2] = 1;
    engine_reserve_units(test, &other, engine_user(test, 1, 0), 2, 0, 0);
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 1, 0, 0);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, 1); /* both are short before anyone is asked */
    engine_shards_play(&shards, 0);
    one_round(test);
    one_round(test);
    engine_assert_done(&other, SECKILL_NOT_ENOUGH); /* of two, not sold out */
    assert_int_equal(ask.calls, 0);
    engine_shards_run(&shards, &ask, 1, 300);
    engine_assert_done(&ask, SECKILL_OK);
}

/* Whoever comes in the midst of the second round was not there at the instant that is proven. */
static void it_holds_for_who_came_before(void **state) {
    engine_test *test = *state;
    static engine_ask early, late;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &early, 1);
    fake_transport_advance(&test->wire, 0);
    assert_int_equal(engine_shards_next(&shards, SK__SCRIPT_survey), engine_shards_next(&shards, SK__SCRIPT_survey));
    engine_reserve(test, &late, engine_user(test, 1, 0), 0);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, test->wire.count - 1); /* short before the surveys have answered */
    assert_int_equal(test->wire.sent[test->wire.count - 1].script, SK__SCRIPT_reserve);
    for (int i = 0; i < 4; i++)
        (void)play(SK__SCRIPT_survey);
    engine_assert_done(&early, SECKILL_SOLD_OUT);
    assert_int_equal(late.calls, 0);
    engine_shards_run(&shards, &late, 1, 100);
    engine_assert_done(&late, SECKILL_SOLD_OUT);
    assert_int_equal(test->engine->stats.surveys, 3); /* the second of them is the first of the next proof */
}

/* ---- memory ---- */

/* What the first shard says that was asked to end what is overdue; the others have nothing. */
static void answer_expire(engine_test *test, uint64_t units) {
    uint8_t bytes[64];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    fake_transport_turn(&test->wire);
    fake_write_header(&test->wire, &writer, 1);
    sk__write_u32(&writer, (uint32_t)units);
    sk__write_u64(&writer, units);
    sk__write_u8(&writer, 0);
    sk__write_u48(&writer, 0);
    sk__write_u64(&writer, 1);
    fake_transport_answer(&test->wire, engine_shards_next(&shards, SK__SCRIPT_expire), bytes, writer.at);
}

static void first_attempts_are_refused_without_a_command(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    seckill_histogram measured;
    size_t sent;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1);
    one_round(test);
    sent = test->wire.count;
    measured = test->engine->stats.reserves;
    fake_transport_advance(&test->wire, 150);
    engine_reserve_units(test, &ask, engine_user(test, 3, 0), 1, SECKILL_FIRST_ATTEMPT, 0);
    assert_int_equal(ask.calls, 0); /* never inside of the call */
    fake_transport_turn(&test->wire);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
    assert_int_equal(test->wire.count, sent);
    assert_int_equal(test->engine->stats.from_memory, 1);
    assert_int_equal(test->engine->stats.in_progress, 0);
    assert_memory_equal(&test->engine->stats.reserves, &measured, sizeof(measured)); /* nor is the clock looked at */
    /* Any other may have been granted already: its shard is asked, but no other. */
    engine_reserve(test, &ask, engine_user(test, 3, 0), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, sent + 1);
    (void)play(SK__SCRIPT_reserve);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
    assert_int_equal(test->wire.count, sent + 1);
}

static void it_is_forgotten_after_200_ms(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 1, 0, 0, 0);
    ask_and_look_once(test, &ask, 2);
    one_round(test);
    engine_assert_done(&ask, SECKILL_NOT_ENOUGH);
    fake_transport_advance(&test->wire, 199);
    engine_reserve_units(test, &ask, engine_user(test, 1, 0), 2, SECKILL_FIRST_ATTEMPT, 0);
    fake_transport_turn(&test->wire);
    engine_assert_done(&ask, SECKILL_NOT_ENOUGH);
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 1, SECKILL_FIRST_ATTEMPT, 0); /* it was not about one */
    engine_shards_run(&shards, &ask, 1, 0);
    engine_assert_done(&ask, SECKILL_OK);
    fake_transport_advance(&test->wire, 1);
    engine_reserve_units(test, &ask, engine_user(test, 1, 1), 2, SECKILL_FIRST_ATTEMPT, 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(ask.calls, 0);
    engine_shards_run(&shards, &ask, 1, 100);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
}

static void what_may_bring_units_makes_it_forget(void **state) {
    engine_test *test = *state;

    for (int what = 0; what < 4; what++) {
        static engine_ask ask, other;

        engine_test_close(test);
        fake_transport_free(&test->wire);
        engine_test_open(test);
        stock(test, 0, 0, 0, 0);
        ask_and_look_once(test, &ask, 1);
        one_round(test);
        engine_assert_done(&ask, SECKILL_SOLD_OUT);
        if (what == 0)
            engine_load(test, &other, 10, 0);
        else if (what == 1)
            engine_cancel(test, &other, engine_user(test, 2, 0), 0);
        else
            engine_expire(test, &other, 0);
        if (what >= 2)
            answer_expire(test, what == 2 ? 5 : 0);
        engine_shards_play_all(&shards);
        assert_int_equal(other.calls, 1);
        engine_reserve_units(test, &ask, engine_user(test, 0, 1), 1, SECKILL_FIRST_ATTEMPT, 0);
        fake_transport_turn(&test->wire);
        assert_int_equal(ask.calls, what == 3); /* where nothing expired nothing has come */
        engine_shards_run(&shards, &ask, 1, 100);
        engine_assert_done(&ask, SECKILL_SOLD_OUT);
    }
}

/* What a round saw before that proves nothing for who comes after it. */
static void what_may_bring_units_counts_while_a_round_is_under_way(void **state) {
    engine_test *test = *state;
    static engine_ask ask, other, late;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1); /* now the second round is under way */
    engine_cancel(test, &other, engine_user(test, 2, 0), 0);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, test->wire.count - 1);
    assert_int_equal(other.calls, 1);
    one_round(test);
    engine_reserve_units(test, &late, engine_user(test, 0, 1), 1, SECKILL_FIRST_ATTEMPT, 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(late.calls, 0);
    engine_shards_run(&shards, &late, 1, 100);
    engine_assert_done(&late, SECKILL_SOLD_OUT);
}

/* The engine closes while one that was refused from memory waits for its callback. */
static void closing_calls_back_who_was_refused(void **state) {
    engine_test *test = *state;
    static engine_ask ask, detached;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1);
    one_round(test);
    engine_reserve_units(test, &ask, engine_user(test, 3, 0), 1, SECKILL_FIRST_ATTEMPT, 0);
    engine_reserve_units(test, &detached, engine_user(test, 3, 1), 1, SECKILL_FIRST_ATTEMPT, 0);
    seckill_op_detach(detached.op);
    engine_test_close(test);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
    assert_int_equal(detached.calls, 0);
}

static void ask_again(engine_ask *ask) {
    if (ask->then != NULL && ask->test->wire.now_ms < 2000)
        engine_reserve_units(ask->test, ask, "somebody", 1, SECKILL_FIRST_ATTEMPT, 0);
}

/* Who asks again from the callback is refused in the next turn, not in this one: the loop goes on. */
static void refusals_from_memory_do_not_hold_up_a_turn(void **state) {
    engine_test *test = *state;
    static engine_ask ask, again;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1);
    one_round(test);
    again.test = test;
    again.then = ask_again;
    engine_reserve_units(test, &again, "somebody", 1, SECKILL_FIRST_ATTEMPT, 0);
    for (int i = 0; i < 10; i++) {
        uint64_t refused = test->engine->stats.from_memory;

        test->wire.is_awake = false;
        sk__engine_turn(test->engine);
        assert_int_equal(test->engine->stats.from_memory, refused + 1);
    }
    again.then = NULL;
    fake_transport_turn(&test->wire);
}

/* One first attempt in each of so many milliseconds; the shards answer at once. Returns how many of them Redis was asked for.
 */
static size_t stream(engine_test *test, int64_t ms) {
    size_t first = test->wire.count;

    for (int64_t at = 0; at < ms; at++) {
        static engine_ask ask;

        fake_transport_advance(&test->wire, 1);
        engine_shards_play_all(&shards);
        engine_reserve_units(test, &ask, engine_user(test, (uint32_t)(at % 4), 0), 1, SECKILL_FIRST_ATTEMPT, 0);
        engine_shards_run(&shards, &ask, 1, 50);
        assert_int_equal(ask.calls, 1);
    }
    return engine_shards_count(&shards, first, SK__SCRIPT_reserve);
}

/* Or all would ask Redis at once whenever it is forgotten. It costs a round each 100 ms, while anybody comes. */
static void what_is_relied_on_is_renewed(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint64_t rounds;
    size_t sent;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1);
    one_round(test);
    rounds = test->engine->stats.surveys;
    assert_int_equal(stream(test, 2000), 0);
    assert_in_range(test->engine->stats.surveys - rounds, 18, 20);
    fake_transport_advance(&test->wire, 100); /* the last time for who came last */
    engine_shards_play_all(&shards);
    sent = test->wire.count;
    fake_transport_advance(&test->wire, 1000);
    assert_int_equal(test->wire.count, sent);
}

static void units_that_are_seen_make_it_forget(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 0);
    ask_and_look_once(test, &ask, 1);
    one_round(test);
    (void)stream(test, 50);
    shards.of[1].available = 1; /* another client's user has cancelled */
    shards.of[1].version++;
    shards.loaded++;
    assert_int_equal(stream(test, 30), 0);
    assert_true(stream(test, 50) > 0);
    assert_int_equal(engine_shards_granted(&shards), 1);
}

/* Who needs units does not wait until it is renewed. */
static void a_search_does_not_wait_for_the_renewal(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 5, 0);
    ask_and_look_once(test, &ask, 6);
    one_round(test);
    engine_assert_done(&ask, SECKILL_NOT_ENOUGH);
    engine_reserve_units(test, &ask, engine_user(test, 1, 0), 6, SECKILL_FIRST_ATTEMPT, 0);
    fake_transport_advance(&test->wire, 40); /* past the pause that follows a proof */
    engine_assert_done(&ask, SECKILL_NOT_ENOUGH);
    engine_reserve(test, &ask, engine_user(test, 0, 1), 0);
    engine_shards_run(&shards, &ask, 1, 0);
    engine_assert_done(&ask, SECKILL_OK);
}

/* ---- late confirms ---- */

static void a_late_confirm_moves_units_in(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 5, 0);
    engine_confirm(test, &ask, engine_user(test, 1, 0), 3, 0);
    engine_shards_run(&shards, &ask, 1, 50);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_confirm);
    assert_int_equal(fake_sent_id(engine_last(test), 0)[33], 0); /* nothing is proven */
    assert_int_equal(shards.of[1].available, 0);
    engine_shards_check(&shards);
}

/* Only a proof makes it expire for good, and it is the script that keeps that. */
static void a_late_confirm_expires_with_a_proof(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    const uint8_t *request;
    size_t sent;

    stock(test, 0, 1, 1, 0);
    engine_confirm(test, &ask, engine_user(test, 1, 0), 3, 0);
    fake_transport_turn(&test->wire);
    request = fake_sent_id(&test->wire.sent[0], 0);
    assert_int_equal(request[33], 0);
    (void)play(SK__SCRIPT_confirm);
    one_round(test);
    one_round(test);
    sent = engine_shards_next(&shards, SK__SCRIPT_confirm);
    assert_int_equal(fake_sent_id(&test->wire.sent[sent], 0)[33], 1);
    assert_int_equal(fake_sent_supply(&test->wire.sent[sent]).units, 2);
    shards.of[1].version++; /* units came and went: the proof does not hold any more */
    engine_shards_play(&shards, sent);
    assert_int_equal(ask.calls, 0);
    engine_shards_run(&shards, &ask, 1, 200);
    engine_assert_done(&ask, SECKILL_EXPIRED);
    assert_int_equal(engine_shards_available(&shards), 2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(two_rounds_prove),
        TEST(some_are_left_but_not_enough),
        TEST(any_change_in_between_prevents_it),
        TEST(units_in_transit_are_counted),
        TEST(it_holds_for_who_came_before),
        TEST(first_attempts_are_refused_without_a_command),
        TEST(it_is_forgotten_after_200_ms),
        TEST(what_may_bring_units_makes_it_forget),
        TEST(what_may_bring_units_counts_while_a_round_is_under_way),
        TEST(closing_calls_back_who_was_refused),
        TEST(refusals_from_memory_do_not_hold_up_a_turn),
        TEST(what_is_relied_on_is_renewed),
        TEST(units_that_are_seen_make_it_forget),
        TEST(a_search_does_not_wait_for_the_renewal),
        TEST(a_late_confirm_moves_units_in),
        TEST(a_late_confirm_expires_with_a_proof),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
