/* The engine alone: the search for units where shards answer late or not at all, and how often it asks them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_shards.h"

static engine_shards shards;

static void stock(engine_test *test, int64_t a, int64_t b, int64_t c, int64_t d) {
    const int64_t available[] = {a, b, c, d};

    engine_test_know_map(test);
    engine_shards_init(&shards, test, available);
}

static bool is_of_node(const engine_test *test, const fake_sent *sent, uint32_t node) {
    return sent->slot * test->wire.nodes / 16384 == node;
}

/* Plays what waits, but for what a node was sent that does not answer any more. */
static void play_others(engine_test *test, uint32_t silent) {
    for (size_t i = 0; i < test->wire.count; i++) {
        if (!test->wire.sent[i].is_over && !is_of_node(test, &test->wire.sent[i], silent))
            engine_shards_play(&shards, i);
    }
}

static void run_others(engine_test *test, uint32_t silent, int64_t ms) {
    for (int64_t at = 0; at <= ms; at++) {
        fake_transport_advance(&test->wire, at != 0);
        play_others(test, silent);
    }
}

/* Where this shard is. */
static uint32_t node_of(engine_test *test, uint32_t shard) {
    return test->item->shards[shard].slot * test->wire.nodes / 16384;
}

static uint32_t seen_of(uint64_t nodes) {
    uint32_t count = 0;

    for (; nodes != 0; nodes &= nodes - 1)
        count++;
    return count;
}

/* Enough nodes that each shard has its own. */
static void spread(engine_test *test) {
    uint64_t seen = 0;

    for (test->wire.nodes = 4; test->wire.nodes < 60; test->wire.nodes++) {
        seen = 0;
        for (uint32_t i = 0; i < 4; i++)
            seen |= UINT64_C(1) << node_of(test, i);
        if (seen_of(seen) == 4)
            break;
    }
    assert_int_equal(seen_of(seen), 4);
    sk__engine_moved(test->engine);
    for (uint32_t i = 0; i < test->wire.nodes; i++)
        sk__engine_up(test->engine, i);
}

/* ---- shards that do not answer ---- */

static void a_dead_shard_holds_up_no_move_between_others(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 4, 0, 9);
    spread(test);
    test->wire.down_nodes = UINT64_C(1) << node_of(test, 3);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    engine_shards_run(&shards, &ask, 1, 60);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(shards.of[1].sent[0], 2);
    engine_shards_check(&shards);
}

/* One that takes what it is sent and says nothing is no better than one that cannot be reached. */
static void a_silent_shard_holds_up_proofs(void **state) {
    engine_test *test = *state;
    static engine_ask ask, other;

    stock(test, 0, 0, 0, 9);
    spread(test);
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 1, 0, 800);
    engine_finish_transfers(test, &other, 700);
    run_others(test, node_of(test, 3), 699);
    assert_int_equal(ask.calls + other.calls, 0);
    run_others(test, node_of(test, 3), 110);
    engine_assert_done(&other, SECKILL_SERVER_BUSY); /* it has not looked everywhere: nothing is finished */
    engine_assert_done(&ask, SECKILL_SERVER_BUSY);
}

static void it_goes_on_when_the_shard_answers(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 9);
    spread(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    run_others(test, node_of(test, 3), 300);
    assert_int_equal(ask.calls, 0);
    engine_shards_run(&shards, &ask, 1, 60);
    engine_assert_done(&ask, SECKILL_OK);
    engine_shards_check(&shards);
}

/* The richest has answered, and dies before it sends: another has units, too. */
static void a_donor_that_dies_is_given_up(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 4, 0, 9);
    spread(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 900);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_reserve));
    for (int i = 0; i < 4; i++)
        engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_survey));
    (void)engine_shards_next(&shards, SK__SCRIPT_transfer_out);
    run_others(test, node_of(test, 3), 300);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(shards.of[1].sent[0], 2);
    engine_shards_play_all(&shards); /* it sends after all */
    engine_shards_check(&shards);
    assert_int_equal(engine_shards_transit(&shards), 5);
    engine_finish_transfers(test, &ask, 0);
    engine_shards_run(&shards, &ask, 1, 400);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(engine_shards_transit(&shards), 0);
}

/* Without the dead shard nobody can be told that there are too few for him; who needs less is served all the same. */
static void who_waits_for_a_proof_holds_up_nobody(void **state) {
    engine_test *test = *state;
    static engine_ask greedy, gone, modest;

    stock(test, 0, 1, 1, 9);
    spread(test);
    test->wire.down_nodes = UINT64_C(1) << node_of(test, 3);
    engine_reserve_units(test, &greedy, engine_user(test, 0, 0), 50, 0, 900);
    engine_shards_play_all(&shards);
    engine_reserve_units(test, &gone, engine_user(test, 3, 0), 2, 0, 900);
    engine_reserve_units(test, &modest, engine_user(test, 0, 1), 2, 0, 900);
    engine_shards_run(&shards, &modest, 1, 300);
    engine_assert_done(&modest, SECKILL_OK);
    assert_int_equal(greedy.calls + gone.calls, 0);
    engine_shards_check(&shards);
}

/* Nothing is moved for somebody whose own shard does not answer: he could not be served with it. */
static void nothing_is_gathered_for_a_silent_shard(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 1, 1, 0);
    spread(test);
    engine_reserve_units(test, &ask, engine_user(test, 3, 0), 2, 0, 900);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_reserve));
    run_others(test, node_of(test, 3), 300);
    assert_int_equal(engine_shards_count(&shards, 0, SK__SCRIPT_transfer_out), 0);
    engine_shards_run(&shards, &ask, 1, 100);
    engine_assert_done(&ask, SECKILL_OK);
    engine_shards_check(&shards);
}

/* One shard of the others needs three rounds for each of its answers: they count when they come. */
static void a_slow_shard_proves_too(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 0);
    spread(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    for (int round = 0; round < 4 && ask.calls == 0; round++) {
        run_others(test, node_of(test, 3), 100);
        for (size_t i = 0; i < test->wire.count; i++) {
            if (!test->wire.sent[i].is_over && test->wire.sent[i].at_ms + 100 <= test->wire.now_ms)
                engine_shards_play(&shards, i);
        }
    }
    run_others(test, node_of(test, 3), 60);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
}

/* While nothing can be found out Redis is not asked without end. */
static void rounds_keep_a_distance(void **state) {
    engine_test *test = *state;
    static engine_ask ask, adrift;
    size_t first, surveys;

    stock(test, 0, 0, 0, 0);
    spread(test);
    engine_reserve_units(test, &ask, engine_user(test, 0, 0), 1, 0, 20000);
    run_others(test, node_of(test, 3), 1000);
    first = test->wire.count;
    run_others(test, node_of(test, 3), 10000);
    surveys = engine_shards_count(&shards, first, SK__SCRIPT_survey);
    assert_in_range(surveys, 3 * 100, 3 * 210); /* every 50 to 100 ms */
    engine_shards_run(&shards, &ask, 1, 200);
    engine_assert_done(&ask, SECKILL_SOLD_OUT);

    /* Versions that change all the time prove nothing either. */
    engine_reserve_units(test, &adrift, engine_user(test, 1, 0), 1, 0, 5000);
    fake_transport_advance(&test->wire, 300);
    first = test->wire.count;
    for (int ms = 0; ms < 2000; ms++) {
        fake_transport_advance(&test->wire, 1);
        for (; fake_transport_waiting(&test->wire) != 0; shards.of[2].version++)
            engine_shards_play(&shards, fake_transport_oldest(&test->wire));
    }
    assert_int_equal(adrift.calls, 0);
    assert_in_range(engine_shards_count(&shards, first, SK__SCRIPT_survey), 4 * 20, 4 * 60);
}

/* Proofs for a stream of queued requests or confirms are not all that Redis does. */
static void proofs_keep_a_distance(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint64_t rounds;

    stock(test, 0, 0, 0, 0);
    rounds = test->engine->stats.surveys;
    for (unsigned i = 0; i < 20; i++) {
        engine_confirm(test, &ask, engine_user(test, 0, i), 1, 0);
        shards.of[0].version++; /* the last proof is of no use for the next */
        engine_shards_run(&shards, &ask, 1, 200);
        engine_assert_done(&ask, SECKILL_EXPIRED);
    }
    assert_in_range(test->engine->stats.surveys - rounds, 20, 61);
    assert_true(test->wire.now_ms - 1000 >= 19 * 20);
}

/* Runs until it is answered; the answers of one shard take some time. */
static void run_slowly(engine_test *test, uint32_t slow, int64_t takes, const engine_ask *ask, int64_t ms) {
    for (int64_t at = 0; at <= ms && ask->calls == 0; at++) {
        fake_transport_advance(&test->wire, at != 0);
        for (size_t i = 0; i < test->wire.count; i++) {
            const fake_sent *sent = &test->wire.sent[i];

            if (!sent->is_over && (engine_shards_index(&shards, sent) != slow || sent->at_ms + takes <= test->wire.now_ms))
                engine_shards_play(&shards, i);
        }
    }
}

/* Slower than a round waits for it: what it says comes between two rounds, and counts all the same. */
static void a_slow_shard_gives_and_takes(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    for (int64_t takes = 20; takes <= 150; takes += 13) {
        for (uint32_t slow = 0; slow < 4; slow += 3) {
            engine_test_close(test);
            fake_transport_free(&test->wire);
            engine_test_open(test);
            stock(test, 0, 0, 0, 50);
            spread(test);
            engine_reserve(test, &ask, engine_user(test, 0, 0), 3000);
            run_slowly(test, slow, takes, &ask, 3000);
            engine_assert_done(&ask, SECKILL_OK);
        }
    }
}

static void what_is_adrift_arrives_at_a_slow_shard(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    for (int64_t takes = 20; takes <= 150; takes += 13) {
        engine_test_close(test);
        fake_transport_free(&test->wire);
        engine_test_open(test);
        stock(test, 0, 4, 0, 7);
        shards.of[3].available = 0;
        shards.of[3].sent[0] = 7;
        spread(test);
        engine_finish_transfers(test, &ask, 3000);
        run_slowly(test, 0, takes, &ask, 3000);
        engine_assert_done(&ask, SECKILL_OK);
        assert_int_equal(shards.of[0].available, 7);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dead_shard_holds_up_no_move_between_others),
        TEST(a_silent_shard_holds_up_proofs),
        TEST(a_slow_shard_gives_and_takes),
        TEST(what_is_adrift_arrives_at_a_slow_shard),
        TEST(it_goes_on_when_the_shard_answers),
        TEST(a_donor_that_dies_is_given_up),
        TEST(who_waits_for_a_proof_holds_up_nobody),
        TEST(nothing_is_gathered_for_a_silent_shard),
        TEST(a_slow_shard_proves_too),
        TEST(rounds_keep_a_distance),
        TEST(proofs_keep_a_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
