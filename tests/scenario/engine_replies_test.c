/* The engine alone: answers that are none, callbacks that do what they like, and the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- answers that are none ---- */

static uint8_t reply[4096];

static void answer_all_with(engine_test *test, size_t size) {
    while (fake_transport_waiting(&test->wire) != 0)
        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, size);
}

/* A good reply to a batch of three reserves, cut or lengthened to every size. */
static void a_reply_of_another_size_is_no_answer_for_any_op(void **state) {
    engine_test *test = *state;
    static engine_ask asks[3];
    size_t right = 0;

    engine_test_know_map(test);
    for (size_t size = 0; size <= 200; size++) {
        sk__writer writer = sk__writer_of(reply, sizeof(reply));

        for (unsigned i = 0; i < 3; i++)
            engine_reserve(test, &asks[i], engine_user(test, 0, i), 0);
        fake_transport_turn(&test->wire);
        memset(reply, 0, sizeof(reply));
        fake_write_header(&test->wire, &writer, 1);
        for (unsigned i = 0; i < 3; i++)
            fake_write_answer(&writer, 0, 2);
        for (unsigned i = 0; i < 3; i++)
            fake_write_record(&test->wire, &writer, fake_sent_id(engine_last(test), i), 1);
        answer_all_with(test, size);
        right += size == writer.at;
        for (unsigned i = 0; i < 3; i++)
            engine_assert_done(&asks[i], size == writer.at ? SECKILL_OK : SECKILL_PROTOCOL);
    }
    assert_int_equal(right, 1);
    assert_int_equal(seckill_status_class(SECKILL_PROTOCOL), SECKILL_CLASS_UNKNOWN);
}

static void an_answer_out_of_range_is_no_answer(void **state) {
    engine_test *test = *state;
    /* status, flags, state of the record (0: none) */
    static const struct {
        uint8_t status, flags, state;
        seckill_status expected;
    } answers[] = {
        {0, 2, 1, SECKILL_OK},           {0, 0, 0, SECKILL_PROTOCOL},   {15, 0, 0, SECKILL_PROTOCOL},
        {255, 0, 0, SECKILL_PROTOCOL},   {202, 0, 0, SECKILL_PROTOCOL}, {1, 4, 0, SECKILL_PROTOCOL},
        {0, 2, 0, SECKILL_PROTOCOL},     {0, 2, 8, SECKILL_PROTOCOL},   {1, 0, 1, SECKILL_PROTOCOL},
        {200, 0, 0, SECKILL_BUSY},       {0, 2, 6, SECKILL_OK},         {12, 0, 0, SECKILL_TOO_OLD},
        {7, 3, 3, SECKILL_CANCELLED},    {13, 0, 0, SECKILL_CONFLICT},  {1, 128, 0, SECKILL_PROTOCOL},
        {14, 3, 7, SECKILL_BLACKLISTED}, {1, 8, 0, SECKILL_PROTOCOL},
    };
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        sk__writer writer = sk__writer_of(reply, sizeof(reply));

        engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
        fake_transport_turn(&test->wire);
        fake_write_header(&test->wire, &writer, 1);
        fake_write_answer(&writer, answers[i].status, answers[i].flags);
        if (answers[i].state != 0)
            fake_write_record(&test->wire, &writer, fake_sent_id(engine_last(test), 0), answers[i].state);
        answer_all_with(test, writer.at);
        engine_assert_done(&ask, answers[i].expected);
    }
}

static void another_type_of_reply_is_no_answer(void **state) {
    engine_test *test = *state;
    static engine_ask ask, task;

    engine_test_know_map(test);
    engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
    engine_stock(test, &task, 0);
    fake_transport_turn(&test->wire);
    while (fake_transport_waiting(&test->wire) != 0)
        fake_transport_other(&test->wire, fake_transport_oldest(&test->wire));
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    engine_assert_done(&task, SECKILL_PROTOCOL);
}

/* Every task on every script, with garbage of every size in place of each answer in turn. */
static void tasks_survive_garbage(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    for (int kind = 0; kind < 5; kind++) {
        for (size_t garbled = 0; garbled < 12; garbled++) {
            for (size_t size = 0; size < 140; size += 7) {
                size_t answered = 0;

                switch (kind) {
                case 0:
                    engine_define(test, &ask, 0);
                    break;
                case 1:
                    engine_load(test, &ask, 10, 0);
                    break;
                case 2:
                    engine_load(test, &ask, -10, 0);
                    break;
                case 3:
                    engine_expire(test, &ask, 0);
                    break;
                default:
                    engine_stock(test, &ask, 0);
                    break;
                }
                memset(reply, (int)size, sizeof(reply));
                fake_transport_turn(&test->wire);
                for (; fake_transport_waiting(&test->wire) != 0 && answered < 100; answered++) {
                    if (answered == garbled)
                        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, size);
                    else
                        fake_transport_play(&test->wire, fake_transport_oldest(&test->wire));
                }
                assert_int_equal(ask.calls, 1);
                if (answered < garbled)
                    engine_assert_done(&ask, SECKILL_OK);
            }
        }
    }
}

/* Maps that lie: no op is let through on one of them. */
static void a_map_that_is_none_is_refused(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    static const uint32_t shards[] = {0, 3, 5, 1025, UINT32_MAX};

    for (size_t i = 0; i < sizeof(shards) / sizeof(shards[0]); i++) {
        sk__writer writer = sk__writer_of(reply, sizeof(reply));

        engine_reserve(test, &ask, "somebody", 0);
        fake_transport_turn(&test->wire);
        fake_write_map(&test->wire, &writer); /* of four shards */
        for (unsigned k = 0; k < 4; k++)
            reply[9 + k] = (uint8_t)(shards[i] >> (24 - 8 * k));
        answer_all_with(test, writer.at);
        engine_assert_done(&ask, SECKILL_PROTOCOL);
    }
    engine_reserve(test, &ask, "somebody", 0);
    fake_transport_turn(&test->wire);
    answer_all_with(test, 0);
    engine_assert_done(&ask, SECKILL_NOT_DEFINED);
}

/* With another seed users have other homes, where their limits are kept: what has begun does not go on there. */
static void a_map_that_contradicts_is_not_taken_over_while_the_old_one_is_in_use(void **state) {
    engine_test *test = *state;
    static engine_ask ask, sent, later;

    engine_test_know_map(test);
    engine_reserve(test, &sent, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    test->wire.seed[0] = 1;
    test->wire.map_version = 9;
    engine_define(test, &ask, 0);
    fake_transport_turn(&test->wire);
    while (ask.calls == 0)
        fake_transport_play(&test->wire, test->wire.count - 1);
    engine_assert_done(&ask, SECKILL_DAMAGED);
    assert_int_equal(test->item->info.version, 1);
    assert_int_equal(test->item->info.seed[0], 0);
    assert_false(test->item->has_map);
    engine_define(test, &ask, 0);
    fake_transport_turn(&test->wire);
    while (ask.calls == 0)
        fake_transport_play(&test->wire, test->wire.count - 1);
    engine_assert_done(&ask, SECKILL_DAMAGED);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&sent, SECKILL_OK);
    /* Now nobody minds; and it may have other shards. */
    test->wire.shards = 7;
    engine_reserve(test, &later, "somebody", 0);
    engine_define(test, &ask, 0);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    engine_assert_done(&later, SECKILL_OK);
    assert_int_equal(test->item->info.seed[0], 1);
    assert_int_equal(test->item->settings.shards, 7);
}

/* ---- detaching ---- */

static void a_detached_op_is_not_called_back(void **state) {
    engine_test *test = *state;
    static engine_ask before, after, lookup, lost;

    engine_test_know_map(test);
    engine_reserve(test, &before, engine_user(test, 0, 0), 0);
    seckill_op_detach(before.op);
    fake_transport_turn(&test->wire);
    engine_reserve(test, &after, engine_user(test, 1, 0), 0);
    engine_lookup(test, &lookup, engine_user(test, 2, 0), 0);
    engine_reserve(test, &lost, engine_user(test, 3, 0), 20);
    fake_transport_turn(&test->wire);
    seckill_op_detach(after.op);
    seckill_op_detach(lookup.op);
    seckill_op_detach(lost.op);
    seckill_op_detach(NULL);
    fake_transport_advance(&test->wire, 20);
    fake_transport_play_all(&test->wire);
    assert_int_equal(before.calls + after.calls + lookup.calls + lost.calls, 0);
    assert_int_equal(test->engine->stats.in_progress, 0);
    assert_int_equal(test->engine->stats.granted, 2);
}

/* ---- callbacks that act ---- */

static engine_ask more[2000];
static unsigned started;

static void start_another(engine_ask *ask) {
    engine_test *test = ask->test;

    if (started == sizeof(more) / sizeof(more[0]))
        return;
    more[started].test = test;
    more[started].then = start_another;
    engine_reserve(test, &more[started], engine_user(test, started % 4, started % 50), 0);
    assert_int_equal(more[started].started, SECKILL_OK);
    started++;
}

static void a_callback_may_start_the_next_op(void **state) {
    engine_test *test = *state;

    started = 0;
    memset(more, 0, sizeof(more));
    for (int i = 0; i < 7; i++)
        start_another(&(engine_ask){.test = test});
    fake_transport_play_all(&test->wire);
    assert_int_equal(started, 2000);
    for (unsigned i = 0; i < started; i++)
        engine_assert_done(&more[i], SECKILL_OK);
}

/* A callback that starts an op which fails at once must not keep the others waiting. */
static void ops_that_fail_in_callbacks_do_not_hold_up_the_turn(void **state) {
    engine_test *test = *state;

    started = 0;
    memset(more, 0, sizeof(more));
    test->wire.is_defined = false;
    for (int i = 0; i < 3; i++)
        start_another(&(engine_ask){.test = test});
    fake_transport_play_all(&test->wire);
    assert_int_equal(started, 2000);
    for (unsigned i = 0; i < started; i++)
        engine_assert_done(&more[i], SECKILL_NOT_DEFINED);
}

static void close_item(engine_ask *ask) {
    if (ask->test->item != NULL)
        sk__item_close(ask->test->item);
    ask->test->item = NULL;
}

static void a_callback_may_close_the_item(void **state) {
    engine_test *test = *state;
    static engine_ask asks[4];

    for (unsigned i = 0; i < 4; i++) {
        asks[i].test = test;
        asks[i].then = close_item;
        engine_reserve(test, &asks[i], engine_user(test, 0, i), 0);
    }
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 4; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
    assert_true(sk__list_is_empty(&test->engine->items));
}

/* ---- the end ---- */

static void when_it_closes_everything_is_called_back_once(void **state) {
    engine_test *test = *state;
    static engine_ask sent[3], waiting[3], tasks[3], refused;

    engine_test_know_map(test);
    for (unsigned i = 0; i < 3; i++)
        engine_reserve(test, &sent[i], engine_user(test, i % 2, i), 0);
    fake_transport_turn(&test->wire);
    for (unsigned i = 0; i < 3; i++)
        engine_reserve(test, &waiting[i], engine_user(test, 2, i), 0);
    engine_load(test, &tasks[0], 5, 0);
    fake_transport_turn(&test->wire);
    engine_define(test, &tasks[1], 0);
    engine_expire(test, &tasks[2], 0);
    test->engine->closing = true; /* as seckill_client_close says */
    engine_reserve(test, &refused, engine_user(test, 0, 9), 0);
    assert_int_equal(refused.started, SECKILL_CLOSED);
    engine_test_close(test);
    for (unsigned i = 0; i < 3; i++) {
        engine_assert_done(&sent[i], SECKILL_UNKNOWN);
        engine_assert_done(&waiting[i], SECKILL_CLOSED);
    }
    engine_assert_done(&tasks[0], SECKILL_UNKNOWN);
    engine_assert_done(&tasks[1], SECKILL_CLOSED);
    engine_assert_done(&tasks[2], SECKILL_CLOSED);
    assert_int_equal(refused.calls, 0);
}

/* In each state that a call can be in: in line, in backoff, waiting for an update, waiting for the map, lost. */
static void it_closes_from_every_state(void **state) {
    engine_test *test = *state;
    static engine_ask ask, other;

    for (int i = 0; i < 6; i++) {
        if (test->engine == NULL)
            engine_test_open(test);
        test->wire.up = true;
        if (i != 5)
            engine_test_know_map(test);
        engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
        if (i == 1)
            fake_transport_break(&test->wire, "reset");
        fake_transport_turn(&test->wire);
        engine_load(test, &other, 8, 0);
        if (i == 2)
            fake_transport_error(&test->wire, 0, "LOADING");
        if (i == 3 || i == 4)
            fake_transport_error(&test->wire, 0, "OLDER");
        if (i == 4)
            fake_transport_break(&test->wire, "reset");
        fake_transport_turn(&test->wire);
        engine_test_close(test);
        assert_int_equal(ask.calls, 1);
        assert_int_equal(other.calls, 1);
        assert_true(ask.status == SECKILL_UNKNOWN || ask.status == SECKILL_CLOSED || ask.status == SECKILL_SERVER_BUSY);
    }
}

static void say_closing(engine_ask *ask) {
    ask->test->engine->closing = true; /* as seckill_client_close says */
}

/* The others were sent, and their answer was lost: nobody may be told that nothing happened. */
static void closing_in_a_deadline_leaves_what_was_lost_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask impatient, lost[2];

    engine_test_know_map(test);
    impatient.then = say_closing;
    engine_reserve(test, &impatient, engine_user(test, 0, 0), 10);
    for (unsigned i = 0; i < 2; i++)
        engine_reserve(test, &lost[i], engine_user(test, 0, i + 1), 0);
    fake_transport_turn(&test->wire);
    fake_transport_break(&test->wire, "reset");
    fake_transport_advance(&test->wire, 10);
    engine_assert_done(&impatient, SECKILL_UNKNOWN);
    assert_int_equal(lost[0].calls, 0);
    engine_test_close(test);
    engine_assert_done(&lost[0], SECKILL_UNKNOWN);
    engine_assert_done(&lost[1], SECKILL_UNKNOWN);
    impatient.then = NULL;
}

/* One task over many shards does not stand before everyone else. */
static void a_task_asks_a_few_shards_at_a_time(void **state) {
    engine_test *test = *state;
    static engine_ask stock;

    engine_test_know_map(test);
    assert_true(test->item->settings.shards > 2);
    engine_stock(test, &stock, 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(fake_transport_waiting(&test->wire), 2);
    fake_transport_play(&test->wire, fake_transport_oldest(&test->wire));
    assert_int_equal(fake_transport_waiting(&test->wire), 2);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&stock, SECKILL_OK);
    assert_int_equal(test->wire.count, test->item->settings.shards);
}

static size_t count_calls(const engine_test *test) {
    size_t count = 0;

    for (const sk__link *link = test->engine->calls.next; link != &test->engine->calls; link = link->next)
        count++;
    return count;
}

/* While the connection is down, calls of tasks that are over do not pile up behind one that still waits. */
static void what_nobody_wants_leaves_the_line(void **state) {
    engine_test *test = *state;
    static engine_ask patient, stock;

    engine_test_know_map(test);
    fake_transport_break(&test->wire, "reset");
    engine_expire(test, &patient, 100000);
    fake_transport_turn(&test->wire);
    for (int i = 0; i < 20; i++) {
        engine_stock(test, &stock, 10);
        fake_transport_advance(&test->wire, 10);
        assert_int_equal(stock.status, SECKILL_UNREACHABLE);
        stock.calls = 0;
    }
    fake_transport_turn(&test->wire);
    assert_in_range(count_calls(test), 1, 4);
    fake_transport_mend(&test->wire);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&patient, SECKILL_OK);
}

static void lookup_without_patience(engine_ask *ask) {
    if (ask->calls < 5000)
        engine_stock(ask->test, ask, 1);
}

/* A callback that starts again at once what ends at once does not keep the turn from ending. */
static void what_is_started_in_a_callback_waits_for_the_next_turn(void **state) {
    engine_test *test = *state;
    static engine_ask again;

    engine_test_know_map(test);
    fake_transport_break(&test->wire, "reset");
    again.then = lookup_without_patience;
    engine_stock(test, &again, 1);
    for (int i = 0; i < 20; i++)
        fake_transport_advance(&test->wire, 1);
    assert_in_range(again.calls, 1, 100);
    again.then = NULL;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_reply_of_another_size_is_no_answer_for_any_op),
        TEST(an_answer_out_of_range_is_no_answer),
        TEST(another_type_of_reply_is_no_answer),
        TEST(tasks_survive_garbage),
        TEST(a_map_that_is_none_is_refused),
        TEST(a_map_that_contradicts_is_not_taken_over_while_the_old_one_is_in_use),
        TEST(a_detached_op_is_not_called_back),
        TEST(a_callback_may_start_the_next_op),
        TEST(ops_that_fail_in_callbacks_do_not_hold_up_the_turn),
        TEST(a_callback_may_close_the_item),
        TEST(when_it_closes_everything_is_called_back_once),
        TEST(it_closes_from_every_state),
        TEST(closing_in_a_deadline_leaves_what_was_lost_unknown),
        TEST(a_task_asks_a_few_shards_at_a_time),
        TEST(what_nobody_wants_leaves_the_line),
        TEST(what_is_started_in_a_callback_waits_for_the_next_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
