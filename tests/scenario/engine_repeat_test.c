/* The engine alone: what it does when an answer is lost, an error, or says that something is out of date.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- repetitions ---- */

static void what_is_lost_is_sent_again_without_ops_that_are_over(void **state) {
    engine_test *test = *state;
    static engine_ask asks[4];
    uint8_t ids[4][16];

    engine_test_know_map(test);
    for (unsigned i = 0; i < 4; i++)
        engine_reserve(test, &asks[i], engine_user(test, 0, i), i == 1 ? 50 : 500);
    fake_transport_turn(&test->wire);
    for (unsigned i = 0; i < 4; i++)
        memcpy(ids[i], fake_sent_id(&test->wire.sent[0], i), 16);
    fake_transport_break(&test->wire, "reset by the test");
    assert_int_equal(test->wire.count, 1);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&asks[1], SECKILL_UNKNOWN);
    fake_transport_mend(&test->wire);
    assert_int_equal(test->wire.count, 2);
    assert_int_equal(fake_sent_ops(engine_last(test)), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_memory_equal(fake_sent_id(engine_last(test), i), ids[i == 0 ? 0 : i + 1], 16);
    assert_string_equal(fake_sent_user(engine_last(test), 1), engine_user(test, 0, 2));
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 4; i++) {
        if (i != 1)
            engine_assert_done(&asks[i], SECKILL_OK);
    }
    assert_memory_equal(asks[3].reservation.id, ids[3], 16);
    assert_int_equal(test->engine->stats.repeated, 1);
}

/* What is down is not sent to: nothing counts as a batch that was never sent. */
static void only_what_was_sent_is_counted(void **state) {
    engine_test *test = *state;
    static engine_ask ask, other;
    uint64_t batches;

    engine_test_know_map(test);
    batches = test->engine->stats.batches;
    fake_transport_break(&test->wire, "refused");
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    for (int i = 0; i < 5; i++) {
        engine_lookup(test, &other, engine_user(test, 1, 0), 10);
        fake_transport_advance(&test->wire, 10);
    }
    fake_transport_mend(&test->wire);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(test->engine->stats.batches, batches + 1);
    assert_int_equal(test->engine->stats.batched, batches + 1);
}

static void an_unknown_script_is_sent_as_text(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_error(&test->wire, 0, "NOSCRIPT No matching script. Please use EVAL.");
    assert_int_equal(test->wire.count, 2);
    assert_true(engine_last(test)->with_text);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_reserve);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
}

static void a_loading_server_is_asked_again_ever_more_seldom(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t early, late;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 20000);
    fake_transport_turn(&test->wire);
    for (int64_t ms = 0; ms < 1000; ms++) {
        if (fake_transport_waiting(&test->wire) != 0)
            fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "LOADING the dataset");
        fake_transport_advance(&test->wire, 1);
    }
    early = test->wire.count;
    for (int64_t ms = 0; ms < 10000; ms++) {
        if (fake_transport_waiting(&test->wire) != 0)
            fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "LOADING the dataset");
        fake_transport_advance(&test->wire, 1);
    }
    late = test->wire.count - early;
    assert_in_range(early, 4, 100);
    assert_in_range(late, 20, 1001); /* 10 s at 500 ms at most, at 10 ms at least */
    assert_int_equal(ask.calls, 0);
    fake_transport_advance(&test->wire, 1000);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
}

static void a_loading_server_at_the_deadline_is_busy(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 3);
    fake_transport_turn(&test->wire);
    fake_transport_error(&test->wire, 0, "LOADING Redis is loading the dataset in memory");
    fake_transport_advance(&test->wire, 3);
    engine_assert_done(&ask, SECKILL_SERVER_BUSY); /* it answered: nothing was done */
}

/* The first sending may have been executed: an error on the second does not say that nothing was done. */
static void an_error_after_a_loss_is_unknown(void **state) {
    static const char *const errors[] = {"OOM command not allowed", "NOPERM no", "DAMAGED x", "WRONGTYPE x", "ERR what"};
    engine_test *test = *state;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        static engine_ask ask;

        engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
        fake_transport_turn(&test->wire);
        fake_transport_break(&test->wire, "reset");
        fake_transport_mend(&test->wire);
        fake_transport_error(&test->wire, test->wire.count - 1, errors[i]);
        engine_assert_done(&ask, SECKILL_UNKNOWN);
        assert_non_null(strstr(ask.message, strchr(errors[i], ' ') + 1)); /* the cause is told all the same */
    }
}

static void a_shard_with_older_settings_is_brought_up_to_date_first(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 3, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_error(&test->wire, 0, "OLDER settings (seckill:{sale/phone/3}:stock)");
    assert_int_equal(test->wire.count, 2);
    assert_int_equal(test->wire.sent[1].script, SK__SCRIPT_map_get); /* it may be newer than ours, or gone */
    fake_transport_play(&test->wire, 1);
    assert_int_equal(test->wire.sent[2].script, SK__SCRIPT_define);
    assert_string_equal(test->wire.sent[2].argv[3], test->wire.sent[0].argv[3]);
    fake_transport_error(&test->wire, 2, "NOSCRIPT No matching script.");
    assert_int_equal(test->wire.count, 4);
    assert_int_equal(test->wire.sent[3].script, SK__SCRIPT_define);
    fake_transport_play(&test->wire, 3);
    assert_int_equal(test->wire.sent[4].script, SK__SCRIPT_reserve);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(test->wire.count, 5);
}

/* Where the shard cannot be brought up to date, whoever waits is told why, and does not wait for the deadline. */
static void a_shard_that_refuses_the_update_says_why(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 3, 0), 900);
    fake_transport_turn(&test->wire);
    for (int ms = 0; ms < 300 && ask.calls == 0; ms++) {
        while (fake_transport_waiting(&test->wire) != 0) {
            size_t oldest = fake_transport_oldest(&test->wire);
            sk__script_id script = test->wire.sent[oldest].script;

            if (script == SK__SCRIPT_map_get)
                fake_transport_play(&test->wire, oldest);
            else
                fake_transport_error(&test->wire, oldest,
                                     script == SK__SCRIPT_define ? "NOPERM the ACL forbids HSET (x)" : "OLDER settings (x)");
        }
        fake_transport_advance(&test->wire, 1);
    }
    engine_assert_done(&ask, SECKILL_DENIED);
    assert_non_null(strstr(ask.message, "HSET"));
}

static void a_newer_version_makes_the_map_be_read_again(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    test->wire.map_version = test->wire.shard_version = 7;
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_play(&test->wire, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_map_get);
    fake_transport_play_all(&test->wire);
    assert_int_equal(test->item->info.version, 7);
    engine_reserve(test, &ask, engine_user(test, 0, 1), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(engine_last(test)->argv[9][7], 7); /* the version, I8, before the seed */
    fake_transport_play_all(&test->wire);
    assert_int_equal(test->wire.count, 3);
}

static void again_goes_back_to_the_front_in_order(void **state) {
    engine_test *test = *state;
    static engine_ask asks[6];
    uint8_t bytes[512];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    engine_test_know_map(test);
    test->engine->config.max_batches = 1;
    for (unsigned i = 0; i < 6; i++)
        engine_reserve(test, &asks[i], engine_user(test, 0, i), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(fake_sent_ops(&test->wire.sent[0]), 4);
    fake_write_header(&test->wire, &writer, 1);
    for (unsigned i = 0; i < 4; i++)
        fake_write_answer(&writer, i % 2 == 0 ? SK__ANSWER_AGAIN : SECKILL_LIMIT_REACHED, 0);
    fake_transport_answer(&test->wire, 0, bytes, writer.at);
    engine_assert_done(&asks[1], SECKILL_LIMIT_REACHED);
    engine_assert_done(&asks[3], SECKILL_LIMIT_REACHED);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4);
    for (unsigned i = 0; i < 4; i++) {
        static const unsigned order[] = {0, 2, 4, 5};

        assert_string_equal(fake_sent_user(engine_last(test), i), engine_user(test, 0, order[i]));
    }
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(asks[i].calls, 1);
    engine_assert_done(&asks[0], SECKILL_OK);
}

/* ---- want of memory ---- */

static void run_out(engine_test *test) {
    test->wire.refuse = SECKILL_NO_MEMORY;
    test->wire.keeps_refusing = true;
}

/* Whoever waits for what could not be sent is told why: here the mapping list. */
static void without_memory_for_the_map_it_is_said_at_the_deadline(void **state) {
    engine_test *test = *state;
    static engine_ask op, task, later;

    run_out(test);
    engine_lookup(test, &op, "u1", 500);
    engine_stock(test, &task, 500);
    fake_transport_advance(&test->wire, 500);
    engine_assert_done(&op, SECKILL_NO_MEMORY);
    engine_assert_done(&task, SECKILL_NO_MEMORY);
    test->wire.refuse = SECKILL_OK;
    engine_lookup(test, &later, "u1", 0);
    fake_transport_advance(&test->wire, 500); /* what is sent again waits for its turn */
    fake_transport_play_all(&test->wire);
    engine_assert_done(&later, SECKILL_OK);
}

/* And once there is memory, a server that does not answer is what it was. */
static void memory_that_is_back_is_no_trouble_any_more(void **state) {
    engine_test *test = *state;
    static engine_ask first, second;

    engine_test_know_map(test);
    run_out(test);
    engine_lookup(test, &first, engine_user(test, 0, 0), 100);
    fake_transport_advance(&test->wire, 100);
    engine_assert_done(&first, SECKILL_NO_MEMORY);
    test->wire.refuse = SECKILL_OK;
    for (unsigned i = 0; i < 2; i++) {
        engine_lookup(test, &first, engine_user(test, 0, i), 0);
        fake_transport_turn(&test->wire);
    }
    engine_lookup(test, &second, engine_user(test, 0, 2), 50); /* no place for another batch */
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&second, SECKILL_SERVER_BUSY);
}

static void without_memory_for_a_shards_update_it_is_said_at_the_deadline(void **state) {
    engine_test *test = *state;
    static engine_ask unsent, unmade;

    engine_test_know_map(test);
    engine_lookup(test, &unsent, engine_user(test, 0, 0), 100);
    fake_transport_turn(&test->wire);
    run_out(test);
    fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "OLDER settings (x)");
    fake_transport_advance(&test->wire, 100);
    engine_assert_done(&unsent, SECKILL_NO_MEMORY);
    test->wire.refuse = SECKILL_OK;
    engine_lookup(test, &unmade, engine_user(test, 1, 0), 9); /* sooner than anything is sent again */
    fake_transport_turn(&test->wire);
    test->fail_at = test->allocations + 1;
    fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "OLDER settings (x)");
    fake_transport_advance(&test->wire, 9);
    engine_assert_done(&unmade, SECKILL_NO_MEMORY);
}

/* With replicas there are two connections: what one of them has no memory for does not say that the other is up. */
static void memory_for_one_connection_says_nothing_of_the_other(void **state) {
    engine_test *test = *state;
    static engine_ask ask, task;

    test->engine->config.lasting = true;
    engine_test_know_map(test);
    test->engine->nodes[0].is_down = true;
    sk__engine_down(test->engine, 0, SECKILL_UNREACHABLE);
    engine_lookup(test, &ask, engine_user(test, 0, 0), 0);
    test->wire.refuse = SECKILL_NO_MEMORY;
    fake_transport_advance(&test->wire, 100); /* sent again, now with memory */
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    engine_stock(test, &task, 50);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&task, SECKILL_UNREACHABLE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_lost_is_sent_again_without_ops_that_are_over),
        TEST(only_what_was_sent_is_counted),
        TEST(an_unknown_script_is_sent_as_text),
        TEST(a_loading_server_is_asked_again_ever_more_seldom),
        TEST(a_loading_server_at_the_deadline_is_busy),
        TEST(an_error_after_a_loss_is_unknown),
        TEST(a_shard_with_older_settings_is_brought_up_to_date_first),
        TEST(a_shard_that_refuses_the_update_says_why),
        TEST(a_newer_version_makes_the_map_be_read_again),
        TEST(again_goes_back_to_the_front_in_order),
        TEST(without_memory_for_the_map_it_is_said_at_the_deadline),
        TEST(memory_that_is_back_is_no_trouble_any_more),
        TEST(without_memory_for_a_shards_update_it_is_said_at_the_deadline),
        TEST(memory_for_one_connection_says_nothing_of_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
