/* The engine alone, on a transport that the test plays: batches and deadlines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- batches ---- */

static void a_lone_op_goes_in_one_turn(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    seckill_bytes user = {engine_user(test, 2, 0), 0};

    engine_test_know_map(test);
    user.size = strlen(user.data);
    engine_reserve(test, &ask, user.data, 0);
    assert_int_equal(test->wire.count, 0);
    assert_true(test->wire.is_awake);
    test->wire.is_awake = false;
    sk__engine_turn(test->engine);
    assert_int_equal(test->wire.count, 1);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_reserve);
    assert_false(engine_last(test)->with_text);
    assert_int_equal(fake_sent_ops(engine_last(test)), 1);
    assert_string_equal(fake_sent_user(engine_last(test), 0), user.data);
    assert_int_equal(seckill_reservation_id("sale", "phone", user, user, id), SECKILL_OK);
    assert_memory_equal(fake_sent_id(engine_last(test), 0), id, sizeof(id));
    assert_int_equal(engine_last(test)->slot, seckill_slot(engine_last(test)->argv[3], engine_last(test)->sizes[3]));
    fake_transport_play(&test->wire, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_memory_equal(ask.reservation.id, id, sizeof(id));
    assert_int_equal(test->engine->stats.granted, 1);
}

static void ops_wait_for_the_map_and_then_go_together(void **state) {
    engine_test *test = *state;
    static engine_ask asks[3];

    for (unsigned i = 0; i < 3; i++)
        engine_reserve(test, &asks[i], engine_user(test, 1, i), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 1);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_map_get);
    fake_transport_play(&test->wire, 0);
    assert_int_equal(test->wire.count, 2);
    assert_int_equal(fake_sent_ops(engine_last(test)), 3);
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 3; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
}

static void what_arrives_meanwhile_forms_the_next_batches(void **state) {
    engine_test *test = *state;
    static engine_ask asks[12];

    engine_test_know_map(test);
    for (unsigned i = 0; i < 2; i++) {
        engine_reserve(test, &asks[i], engine_user(test, i, 0), 0);
        fake_transport_turn(&test->wire);
    }
    assert_int_equal(test->wire.count, 2);
    for (unsigned i = 2; i < 12; i++) {
        engine_reserve(test, &asks[i], engine_user(test, 0, i), 0);
        fake_transport_turn(&test->wire);
    }
    assert_int_equal(test->wire.count, 2); /* max_batches */
    fake_transport_play(&test->wire, 0);
    assert_int_equal(test->wire.count, 3);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4); /* max_batch */
    fake_transport_play(&test->wire, 1);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4);
    fake_transport_play(&test->wire, 2);
    assert_int_equal(fake_sent_ops(engine_last(test)), 2);
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 12; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
    assert_int_equal(test->engine->stats.batches, 6); /* with the lookup that read the map */
    assert_int_equal(test->engine->stats.batched, 13);
}

static void the_oldest_head_goes_first(void **state) {
    engine_test *test = *state;
    static const uint32_t order[] = {3, 1, 3, 0, 1, 2};
    static engine_ask blocker[2], asks[6];

    engine_test_know_map(test);
    for (unsigned i = 0; i < 2; i++) {
        engine_cancel(test, &blocker[i], engine_user(test, i, 0), 0);
        fake_transport_turn(&test->wire);
    }
    for (unsigned i = 0; i < 6; i++)
        engine_reserve(test, &asks[i], engine_user(test, order[i], i + 1), 0);
    for (unsigned i = 0; i < 6; i++)
        fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 2);
    fake_transport_play_all(&test->wire);
    assert_int_equal(test->wire.count, 6);
    assert_string_equal(fake_sent_user(&test->wire.sent[2], 0), engine_user(test, 3, 1));
    assert_int_equal(fake_sent_ops(&test->wire.sent[2]), 2);
    assert_string_equal(fake_sent_user(&test->wire.sent[3], 0), engine_user(test, 1, 2));
    assert_int_equal(fake_sent_ops(&test->wire.sent[3]), 2);
    assert_string_equal(fake_sent_user(&test->wire.sent[4], 0), engine_user(test, 0, 4));
    assert_string_equal(fake_sent_user(&test->wire.sent[5], 0), engine_user(test, 2, 6));
}

static void kinds_travel_apart(void **state) {
    engine_test *test = *state;
    static engine_ask reserve, cancel, lookup;

    test->engine->config.max_batches = 8;
    engine_test_know_map(test);
    engine_reserve(test, &reserve, engine_user(test, 0, 0), 0);
    engine_cancel(test, &cancel, engine_user(test, 0, 1), 0);
    engine_lookup(test, &lookup, engine_user(test, 0, 2), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 3);
    assert_int_equal(test->wire.sent[0].script, SK__SCRIPT_reserve);
    assert_int_equal(test->wire.sent[1].script, SK__SCRIPT_cancel);
    assert_int_equal(test->wire.sent[2].script, SK__SCRIPT_lookup);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&reserve, SECKILL_OK);
    engine_assert_done(&cancel, SECKILL_OK);
    engine_assert_done(&lookup, SECKILL_OK);
}

static void one_more_than_max_operations_is_busy(void **state) {
    engine_test *test = *state;
    static engine_ask asks[3], task;

    test->engine->config.max_operations = 2;
    for (unsigned i = 0; i < 3; i++)
        engine_reserve(test, &asks[i], engine_user(test, 0, i), 0);
    engine_expire(test, &task, 0);
    assert_int_equal(asks[1].started, SECKILL_OK);
    assert_int_equal(asks[2].started, SECKILL_BUSY);
    assert_int_equal(task.started, SECKILL_BUSY);
    fake_transport_play_all(&test->wire);
    assert_int_equal(asks[2].calls, 0);
    assert_int_equal(task.calls, 0);
    engine_reserve(test, &asks[2], engine_user(test, 0, 2), 0);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&asks[2], SECKILL_OK);
}

/* ---- deadlines ---- */

static void a_deadline_before_sending_is_unreachable_and_says_why(void **state) {
    engine_test *test = *state;
    static engine_ask ask, task;

    fake_transport_break(&test->wire, "connection refused by the test");
    engine_reserve(test, &ask, "somebody", 50);
    engine_expire(test, &task, 60);
    fake_transport_advance(&test->wire, 49);
    assert_int_equal(ask.calls, 0);
    fake_transport_advance(&test->wire, 1);
    engine_assert_done(&ask, SECKILL_UNREACHABLE);
    assert_string_equal(ask.message, "connection refused by the test");
    fake_transport_advance(&test->wire, 10);
    engine_assert_done(&task, SECKILL_UNREACHABLE);
    assert_string_equal(task.message, "connection refused by the test");
    assert_int_equal(test->wire.count, 0);
    assert_int_equal(test->engine->stats.failed, 2);
    fake_transport_mend(&test->wire); /* nobody wants the map any more */
    assert_int_equal(test->wire.count, 0);
}

static void a_deadline_after_sending_is_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask ask, behind[2];

    engine_test_know_map(test);
    test->engine->config.max_batches = 1;
    engine_reserve(test, &ask, engine_user(test, 0, 0), 50);
    fake_transport_turn(&test->wire);
    engine_reserve(test, &behind[0], engine_user(test, 0, 1), 60);
    engine_reserve(test, &behind[1], engine_user(test, 0, 2), 600);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&ask, SECKILL_UNKNOWN);
    fake_transport_advance(&test->wire, 10);
    engine_assert_done(&behind[0], SECKILL_UNREACHABLE);
    assert_int_equal(test->engine->stats.unknown, 1);
    fake_transport_play(&test->wire, 0); /* too late, and harmless */
    assert_int_equal(fake_sent_ops(engine_last(test)), 1);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&behind[1], SECKILL_OK);
    assert_int_equal(ask.calls, 1);
    assert_int_equal(test->engine->stats.granted, 1);
}

/* A load that could not send anything has not done anything; and one that has is unknown. */
/* Whether they wait for the client's own timeout, 1,000 ms here, or for another, and whoever came first. */
static void each_ends_at_its_own_deadline(void **state) {
    static const uint32_t timeouts[] = {0, 900, 0, 1000, 1500, 400, 0, 950};
    engine_test *test = *state;
    static engine_ask asks[8];
    int64_t due[8];

    engine_test_know_map(test);
    for (unsigned i = 0; i < 8; i++) {
        fake_transport_advance(&test->wire, 10);
        due[i] = test->wire.now_ms + (timeouts[i] != 0 ? timeouts[i] : 1000);
        engine_reserve(test, &asks[i], engine_user(test, 0, i), timeouts[i]);
    }
    fake_transport_advance(&test->wire, 2000);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(asks[i].calls, 1);
        assert_int_equal(asks[i].at_ms, due[i]);
    }
}

static void a_tasks_deadline_says_whether_anything_was_sent(void **state) {
    engine_test *test = *state;
    static engine_ask load, half, define;

    engine_test_know_map(test);
    fake_transport_break(&test->wire, "connection refused by the test");
    engine_load(test, &load, 10, 50);
    engine_define(test, &define, 50);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&load, SECKILL_UNREACHABLE);
    assert_string_equal(load.message, "connection refused by the test");
    engine_assert_done(&define, SECKILL_UNREACHABLE);
    fake_transport_mend(&test->wire);
    engine_load(test, &half, 10, 50);
    fake_transport_turn(&test->wire);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_plan);
    fake_transport_play(&test->wire, test->wire.count - 1);
    fake_transport_play(&test->wire, fake_transport_oldest(&test->wire));
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&half, SECKILL_UNKNOWN);
    assert_int_equal(half.outcomes, 4);
    assert_int_equal(half.outcome[0].status, SECKILL_OK);
    assert_int_equal(half.outcome[0].amount, 3);
    assert_int_equal(half.outcome[1].status, SECKILL_UNKNOWN);
}

/* The plan is stored, and then nothing more can be sent: that is no longer nothing. */
static void a_task_that_stops_between_two_steps_is_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask load;

    engine_test_know_map(test);
    engine_load(test, &load, 10, 50);
    fake_transport_turn(&test->wire);
    test->wire.up = false;
    fake_transport_play(&test->wire, 0);
    assert_int_equal(test->wire.count, 1);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&load, SECKILL_UNKNOWN);
    assert_int_equal(load.outcome[0].status, SECKILL_UNREACHABLE);
}

/* What is left of a batch that waits out its backoff gives its place back when nobody wants it any more. */
static void an_unwanted_batch_makes_room_for_the_next(void **state) {
    engine_test *test = *state;
    static engine_ask ask, behind;

    engine_test_know_map(test);
    test->engine->config.max_batches = 1;
    engine_reserve(test, &ask, engine_user(test, 0, 0), 5);
    fake_transport_turn(&test->wire);
    fake_transport_error(&test->wire, 0, "LOADING Redis is loading the dataset in memory");
    engine_reserve(test, &behind, engine_user(test, 1, 0), 900);
    fake_transport_advance(&test->wire, 600); /* more than the longest backoff */
    engine_assert_done(&ask, SECKILL_SERVER_BUSY);
    assert_int_equal(test->wire.count, 2);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&behind, SECKILL_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_lone_op_goes_in_one_turn),
        TEST(ops_wait_for_the_map_and_then_go_together),
        TEST(what_arrives_meanwhile_forms_the_next_batches),
        TEST(the_oldest_head_goes_first),
        TEST(kinds_travel_apart),
        TEST(one_more_than_max_operations_is_busy),
        TEST(a_deadline_before_sending_is_unreachable_and_says_why),
        TEST(a_deadline_after_sending_is_unknown),
        TEST(each_ends_at_its_own_deadline),
        TEST(a_tasks_deadline_says_whether_anything_was_sent),
        TEST(a_task_that_stops_between_two_steps_is_unknown),
        TEST(an_unwanted_batch_makes_room_for_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
