/* The engine alone: the search for units where shards say what is no answer, where time or memory runs out, and where the
 * client closes.
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

/* ---- what is no answer ---- */

static void a_damaged_shard_says_so_to_whom_the_others_cannot_help(void **state) {
    static const struct {
        const char *text;
        seckill_status status;
    } errors[] = {
        {"DAMAGED no such key (x)", SECKILL_DAMAGED}, {"NOPERM no", SECKILL_DENIED}, {"WRONGTYPE x", SECKILL_DAMAGED}};
    engine_test *test = *state;

    stock(test, 0, 1, 0, 0);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        static engine_ask asks[2];

        shards.of[1].available = 1;
        shards.loaded = 1 + engine_shards_granted(&shards);
        engine_reserve_units(test, &asks[0], engine_user(test, 0, 2 * (unsigned)i), 1, 0, 0);
        engine_reserve_units(test, &asks[1], engine_user(test, 0, 2 * (unsigned)i + 1), 5, 0, 0);
        for (int ms = 0; ms < 100; ms++) {
            size_t oldest;

            while ((oldest = fake_transport_oldest(&test->wire)) < test->wire.count) {
                const fake_sent *sent = &test->wire.sent[oldest];

                if (sent->script == SK__SCRIPT_survey && engine_shards_index(&shards, sent) == 2)
                    fake_transport_error(&test->wire, oldest, errors[i].text);
                else
                    engine_shards_play(&shards, oldest);
            }
            fake_transport_advance(&test->wire, 1);
        }
        engine_assert_done(&asks[1], errors[i].status);
        assert_non_null(strstr(asks[1].message, strchr(errors[i].text, ' ') + 1));
        assert_true(asks[0].status == SECKILL_OK || asks[0].status == errors[i].status);
        shards.of[0].available = 0;
    }
}

/* A donor that answers surveys, but cannot send. */
static void a_move_that_is_refused_ends_the_search(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t moves = 0;

    stock(test, 0, 4, 0, 0);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 900);
    for (int ms = 0; ms < 300 && ask.calls == 0; ms++) {
        size_t oldest;

        fake_transport_advance(&test->wire, ms != 0);
        while ((oldest = fake_transport_oldest(&test->wire)) < test->wire.count) {
            if (test->wire.sent[oldest].script != SK__SCRIPT_transfer_out) {
                engine_shards_play(&shards, oldest);
                continue;
            }
            assert_true(++moves < 20);
            fake_transport_error(&test->wire, oldest, "NOPERM no permission for HSET");
        }
    }
    engine_assert_done(&ask, SECKILL_DENIED);
    assert_non_null(strstr(ask.message, "HSET"));
    engine_shards_check(&shards);
}

/* Every size and some garbage: of a survey, then of a move. */
static void replies_of_another_size_are_none(void **state) {
    engine_test *test = *state;
    uint8_t bytes[512];

    for (int of_move = 0; of_move < 2; of_move++) {
        for (size_t cut = 0; cut < 90; cut++) {
            static engine_ask ask;
            sk__script_id script = of_move ? SK__SCRIPT_transfer_out : SK__SCRIPT_survey;
            bool is_cut = false;
            size_t size;

            engine_test_close(test);
            fake_transport_free(&test->wire);
            engine_test_open(test);
            stock(test, 0, 4, 0, 0);
            engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
            fake_transport_turn(&test->wire);
            while (ask.calls == 0 && !is_cut) {
                size_t oldest = fake_transport_oldest(&test->wire);

                assert_true(oldest < test->wire.count);
                size = engine_shards_execute(&shards, &test->wire.sent[oldest], bytes, sizeof(bytes));
                is_cut = test->wire.sent[oldest].script == script;
                if (is_cut && size == cut)
                    break;
                fake_transport_answer(&test->wire, oldest, bytes, is_cut ? cut : size);
            }
            for (int ms = 0; ms < 50 && ask.calls == 0; ms++) {
                engine_shards_play_all(&shards);
                fake_transport_advance(&test->wire, 1);
            }
            engine_shards_play_all(&shards);
            assert_int_equal(ask.calls, 1);
            assert_true(ask.status == SECKILL_OK || ask.status == SECKILL_PROTOCOL || ask.status == SECKILL_SOLD_OUT);
            engine_shards_check(&shards);
        }
    }
}

/* ---- time ---- */

/* A survey is lost with its connection, and before it can be sent again nobody waits any more. */
static void what_was_lost_of_one_search_is_no_trouble_of_the_next(void **state) {
    engine_test *test = *state;
    static engine_ask early, late;

    stock(test, 0, 0, 5, 0);
    engine_reserve(test, &early, engine_user(test, 0, 0), 50);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_reserve));
    (void)engine_shards_next(&shards, SK__SCRIPT_survey);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_advance(&test->wire, 50);
    assert_int_equal(early.calls, 1);
    assert_int_equal(early.status, SECKILL_UNREACHABLE);
    fake_transport_mend(&test->wire);
    engine_reserve(test, &late, engine_user(test, 0, 1), 0);
    engine_shards_run(&shards, &late, 1, 100);
    engine_assert_done(&late, SECKILL_OK);
    engine_shards_check(&shards);
}

/* At each step of a search its deadline comes, or it is let go of; then another is served. */
static void it_ends_at_every_step(void **state) {
    engine_test *test = *state;

    for (int how = 0; how < 3; how++) {
        for (int steps = 0; steps < 12; steps++) {
            static engine_ask ask, next;

            engine_test_close(test);
            fake_transport_free(&test->wire);
            engine_test_open(test);
            stock(test, 0, 3, 3, 0);
            engine_reserve_units(test, &ask, engine_user(test, 3, 0), 4, 0, 30);
            fake_transport_turn(&test->wire);
            for (int i = 0; i < steps && fake_transport_waiting(&test->wire) != 0; i++)
                engine_shards_play(&shards, fake_transport_oldest(&test->wire));
            if (how == 0 && ask.calls == 0)
                seckill_op_detach(ask.op);
            if (how == 1) {
                engine_test_close(test);
                assert_int_equal(ask.calls, 1);
                continue;
            }
            fake_transport_advance(&test->wire, 31);
            if (how == 2)
                assert_int_equal(ask.calls, 1);
            engine_reserve_units(test, &next, engine_user(test, 2, 0), 1, 0, 0);
            engine_shards_run(&shards, &next, 1, 300);
            engine_assert_done(&next, SECKILL_OK);
            engine_shards_check(&shards);
        }
    }
}

/* The item's last handle is closed while its search goes on. */
static void the_item_is_closed_meanwhile(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 0);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_reserve));
    sk__item_close(test->item);
    for (int i = 0; i < 2; i++) {
        fake_transport_advance(&test->wire, 0);
        while (fake_transport_waiting(&test->wire) != 0)
            engine_shards_play(&shards, fake_transport_oldest(&test->wire));
    }
    test->item = NULL;
    engine_assert_done(&ask, SECKILL_SOLD_OUT);
    assert_true(sk__list_is_empty(&test->engine->items));
}

/* ---- memory ---- */

/* The only one who waits is told that there is no memory for the next round; the item goes with him. */
static void a_closed_item_runs_out_of_memory(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 0);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_reserve));
    for (int i = 0; i < 3; i++)
        engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_survey));
    sk__item_close(test->item);
    test->fail_at = test->allocations + 1;
    engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_survey)); /* the next round begins at once */
    test->fail_at = 0;
    test->item = NULL;
    engine_assert_done(&ask, SECKILL_NO_MEMORY);
    assert_true(sk__list_is_empty(&test->engine->items));
}

/* Each allocation fails in turn, in a search that gathers, moves, serves, and proves for another. */
static void memory_runs_out(void **state) {
    engine_test *test = *state;
    size_t failed = 0;

    for (size_t after = 1; after < 90; after++) {
        static engine_ask asks[3];
        engine_ask *settle = &asks[2];

        engine_test_close(test);
        fake_transport_free(&test->wire);
        engine_test_open(test);
        stock(test, 0, 3, 3, 2);
        shards.of[3].available = 0;
        shards.of[3].sent[2] = 2;
        test->fail_at = test->allocations + after;
        engine_reserve_units(test, &asks[0], engine_user(test, 3, 0), 6, 0, 700);
        engine_reserve_units(test, &asks[1], engine_user(test, 0, 0), 9, 0, 700);
        engine_finish_transfers(test, settle, 700);
        for (int i = 0; i < 3; i++)
            asks[i].calls += asks[i].started != SECKILL_OK;
        engine_shards_run(&shards, asks, 3, 650); /* none waits for its deadline */
        test->fail_at = 0;
        for (int i = 0; i < 3; i++)
            failed += asks[i].started == SECKILL_NO_MEMORY || asks[i].status == SECKILL_NO_MEMORY;
        engine_shards_check(&shards);
        assert_int_equal(test->engine->stats.in_progress, 0);
    }
    assert_in_range(failed, 20, 200);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_shard_says_so_to_whom_the_others_cannot_help),
        TEST(a_move_that_is_refused_ends_the_search),
        TEST(replies_of_another_size_are_none),
        TEST(what_was_lost_of_one_search_is_no_trouble_of_the_next),
        TEST(it_ends_at_every_step),
        TEST(the_item_is_closed_meanwhile),
        TEST(a_closed_item_runs_out_of_memory),
        TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
