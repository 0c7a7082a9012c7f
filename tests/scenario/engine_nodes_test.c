/* The engine alone, with several servers: what waits for one holds up nobody who waits for another, and what servers say about
 * where things are is followed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <string.h>

enum { NODES = 2 };

static uint32_t node_of(const engine_test *test, uint32_t shard) {
    return test->item->shards[shard].slot * test->wire.nodes / 16384;
}

/* A shard of this node. */
static uint32_t shard_of(const engine_test *test, uint32_t node) {
    uint32_t shard = 0;

    while (shard < test->wire.shards && node_of(test, shard) != node)
        shard++;
    assert_true(shard < test->wire.shards);
    return shard;
}

static void use_nodes(engine_test *test, uint32_t nodes) {
    engine_test_know_map(test);
    test->wire.nodes = nodes;
    sk__engine_moved(test->engine);
    for (uint32_t i = 0; i < nodes; i++)
        sk__engine_up(test->engine, i);
}

static size_t count_of(const engine_test *test, uint32_t node) {
    size_t count = 0;

    for (size_t i = 0; i < test->wire.count; i++)
        count += test->wire.sent[i].slot * test->wire.nodes / 16384 == node;
    return count;
}

static void give_unreplicated(engine_test *test, size_t index) {
    const sk__reply reply = {SK__REPLY_UNREPLICATED, "0 of 1 replicas", 15};
    fake_sent *sent = &test->wire.sent[index];

    assert_false(sent->is_over);
    sent->is_over = true;
    sent->cb(sent->context, &reply);
    fake_transport_turn(&test->wire);
}

/* ---- lines and places ---- */

static void a_dead_node_holds_up_only_its_own(void **state) {
    engine_test *test = *state;
    static engine_ask dead[20], live[20];
    uint32_t gone, other;

    use_nodes(test, NODES);
    gone = shard_of(test, 0);
    other = shard_of(test, 1);
    test->wire.down_nodes = 1;
    for (unsigned i = 0; i < 20; i++)
        engine_reserve(test, &dead[i], engine_user(test, gone, i), 500);
    for (unsigned i = 0; i < 20; i++)
        engine_reserve(test, &live[i], engine_user(test, other, i), 500);
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 20; i++) {
        engine_assert_done(&live[i], SECKILL_OK);
        assert_int_equal(dead[i].calls, 0);
    }
    test->wire.down_nodes = 0;
    sk__engine_up(test->engine, 0);
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 20; i++)
        engine_assert_done(&dead[i], SECKILL_OK);
    assert_int_equal(sk__engine_batches(test->engine), 0);
}

/* One that takes what it is sent and does not answer, too. */
static void each_node_has_places_of_its_own(void **state) {
    engine_test *test = *state;
    static engine_ask asks[NODES][20];

    use_nodes(test, NODES);
    for (uint32_t node = 0; node < NODES; node++) {
        for (unsigned i = 0; i < 20; i++)
            engine_reserve(test, &asks[node][i], engine_user(test, shard_of(test, node), i), 0);
    }
    fake_transport_turn(&test->wire);
    for (uint32_t node = 0; node < NODES; node++)
        assert_int_equal(count_of(test, node), 2);
    assert_int_equal(sk__engine_batches(test->engine), 4);
    for (int i = 0; i < 10; i++) { /* only one of them answers */
        for (size_t k = 0; k < test->wire.count; k++) {
            if (!test->wire.sent[k].is_over && test->wire.sent[k].slot * NODES / 16384 == 1)
                fake_transport_play(&test->wire, k);
        }
    }
    for (unsigned i = 0; i < 20; i++) {
        engine_assert_done(&asks[1][i], SECKILL_OK);
        assert_int_equal(asks[0][i].calls, 0);
    }
    assert_int_equal(count_of(test, 0), 2);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&asks[0][19], SECKILL_OK);
}

static void steps_of_tasks_are_counted_for_each_node(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t of_node[NODES];

    use_nodes(test, NODES);
    test->engine->config.max_batches = 1;
    engine_stock(test, &ask, 0);
    fake_transport_turn(&test->wire);
    for (uint32_t node = 0; node < NODES; node++)
        assert_int_equal(count_of(test, node), 1);
    for (size_t k = 0; k < test->wire.count; k++) { /* all of node 1's, one after the other */
        if (!test->wire.sent[k].is_over && test->wire.sent[k].slot * NODES / 16384 == 1)
            fake_transport_play(&test->wire, k);
    }
    for (uint32_t node = 0; node < NODES; node++) {
        of_node[node] = 0;
        for (uint32_t i = 0; i < test->wire.shards; i++)
            of_node[node] += node_of(test, i) == node;
    }
    assert_int_equal(count_of(test, 1), of_node[1]);
    assert_int_equal(count_of(test, 0), 1);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    for (uint32_t node = 0; node < NODES; node++)
        assert_int_equal(test->engine->nodes[node].steps, 0);
}

/* A slot moves away from a node that is gone: who waits for it goes with it, in order. */
static void lines_follow_their_slots(void **state) {
    engine_test *test = *state;
    static engine_ask asks[12];
    uint32_t moving;

    use_nodes(test, NODES);
    moving = shard_of(test, 1);
    for (unsigned i = 0; i < 12; i++)
        engine_reserve(test, &asks[i], engine_user(test, moving, i), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 2); /* the last four have no place there */
    test->wire.nodes = 1;                  /* all is 0's now */
    sk__engine_moved(test->engine);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 3);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4);
    assert_string_equal(fake_sent_user(engine_last(test), 0), engine_user(test, moving, 8));
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 12; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
    assert_int_equal(sk__engine_batches(test->engine), 0);
}

/* ---- where things are ---- */

static void moved_is_sent_again_at_once(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    int64_t began = test->wire.now_ms;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_error(&test->wire, 0, "MOVED 3999 127.0.0.1:6381");
    assert_int_equal(test->wire.count, 2);
    assert_false(engine_last(test)->asking);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(test->wire.now_ms, began);
}

/* It goes where ASK said, once. */
static void ask_is_followed_once(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    assert_false(engine_last(test)->asking);
    fake_transport_error(&test->wire, 0, "ASK 3999 127.0.0.1:6381");
    assert_int_equal(test->wire.count, 2);
    assert_true(engine_last(test)->asking);
    assert_int_equal(engine_last(test)->slot, test->wire.sent[0].slot);
    fake_transport_error(&test->wire, 1, "TRYAGAIN Multiple keys request during rehashing of slot");
    fake_transport_advance(&test->wire, 30);
    assert_int_equal(test->wire.count, 3);
    assert_false(engine_last(test)->asking); /* what the owner says now counts */
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
}

/* Who was named cannot be reached: it is the slot's own server that is asked again, or its batch would hold a place there. */
static void ask_that_names_a_dead_server(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    test->wire.refuse = SECKILL_UNREACHABLE;
    fake_transport_error(&test->wire, 0, "ASK 3999 127.0.0.1:6381");
    assert_int_equal(test->wire.count, 1);
    assert_int_equal(ask.calls, 0);
    fake_transport_advance(&test->wire, 30);
    assert_int_equal(test->wire.count, 2);
    assert_false(engine_last(test)->asking);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
}

static void nobody_is_unknown_who_was_sent_elsewhere(void **state) {
    static const char *const errors[] = {"MOVED 1 a:1",   "ASK 1 a:1",  "TRYAGAIN x",
                                         "CLUSTERDOWN x", "READONLY x", "MASTERDOWN x"};
    engine_test *test = *state;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        static engine_ask ask;

        engine_reserve(test, &ask, engine_user(test, 0, 0), 40);
        for (int ms = 0; ms <= 40; ms++) {
            fake_transport_advance(&test->wire, ms != 0);
            if (ms < 40 && fake_transport_waiting(&test->wire) != 0)
                fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), errors[i]);
        }
        assert_int_equal(ask.calls, 1);
        /* The last one may be on its way. */
        assert_true(ask.status == SECKILL_SERVER_BUSY || fake_transport_waiting(&test->wire) != 0);
        fake_transport_play_all(&test->wire);
    }
}

/* Nodes that send each other's slots to and fro: the budget is what holds them apart. */
static void a_storm_of_redirections_keeps_to_the_budget(void **state) {
    engine_test *test = *state;
    static engine_ask asks[8];
    size_t sent;

    engine_test_close(test);
    test->config.max_repeats = 20;
    engine_test_open(test);
    engine_test_know_map(test);
    for (unsigned i = 0; i < 8; i++)
        engine_reserve(test, &asks[i], engine_user(test, i % 4, i / 4), 5000);
    for (int ms = 0; ms < 2000; ms++) {
        fake_transport_advance(&test->wire, ms != 0);
        for (size_t k = 0, last = test->wire.count; k < last; k++) {
            if (!test->wire.sent[k].is_over)
                fake_transport_error(&test->wire, k, "MOVED 1 127.0.0.1:6381");
        }
    }
    sent = test->wire.count;
    assert_in_range(sent, 4 + 40, 4 + 20 + 40 + 4); /* a burst, and what two seconds allow */
    fake_transport_advance(&test->wire, 1000);
    for (int ms = 0; ms < 1000; ms++) {
        fake_transport_play_all(&test->wire);
        fake_transport_advance(&test->wire, 1);
    }
    for (unsigned i = 0; i < 8; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
}

/* ---- replicas ---- */

static void what_replicas_lack_is_sent_again(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t sent;

    test->engine->config.lasting = true;
    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    assert_true(engine_last(test)->lasting);
    give_unreplicated(test, 0);
    assert_int_equal(test->wire.count, 1); /* not at once */
    for (sent = 1; sent < 4; sent++) {
        int64_t began = test->wire.now_ms;

        while (test->wire.count == sent)
            fake_transport_advance(&test->wire, 1);
        assert_in_range(test->wire.now_ms - began, 1, 500);
        assert_memory_equal(fake_sent_id(engine_last(test), 0), fake_sent_id(&test->wire.sent[0], 0), 16);
        if (sent < 3)
            give_unreplicated(test, sent);
    }
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
}

static void what_replicas_lack_at_the_deadline_is_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 300);
    fake_transport_turn(&test->wire);
    for (int ms = 0; ms < 300; ms++) {
        fake_transport_advance(&test->wire, ms != 0);
        if (fake_transport_waiting(&test->wire) != 0)
            give_unreplicated(test, fake_transport_oldest(&test->wire));
    }
    assert_int_equal(ask.calls, 0);
    fake_transport_advance(&test->wire, 1);
    engine_assert_done(&ask, SECKILL_UNKNOWN);
    /* An error after it does not say that nothing was done. */
    engine_reserve(test, &ask, engine_user(test, 1, 0), 0);
    fake_transport_turn(&test->wire);
    give_unreplicated(test, test->wire.count - 1);
    fake_transport_advance(&test->wire, 30);
    fake_transport_error(&test->wire, test->wire.count - 1, "OOM command not allowed");
    engine_assert_done(&ask, SECKILL_UNKNOWN);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dead_node_holds_up_only_its_own),
        TEST(each_node_has_places_of_its_own),
        TEST(steps_of_tasks_are_counted_for_each_node),
        TEST(lines_follow_their_slots),
        TEST(moved_is_sent_again_at_once),
        TEST(ask_is_followed_once),
        TEST(ask_that_names_a_dead_server),
        TEST(nobody_is_unknown_who_was_sent_elsewhere),
        TEST(a_storm_of_redirections_keeps_to_the_budget),
        TEST(what_replicas_lack_is_sent_again),
        TEST(what_replicas_lack_at_the_deadline_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
