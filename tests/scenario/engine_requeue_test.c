/* The engine alone: polls of tickets whose place Redis has lost. The same op enqueues the request again, within the same
 * deadline.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

enum { QUEUED = 4, LOST = SK__ANSWER_LOST, OTHER_EPOCH = 5 };

/* The poll of a ticket that the fake server, in its own epoch, does not know. */
static void poll_lost(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms) {
    engine_poll(test, ask, user, OTHER_EPOCH, 3, timeout_ms);
}

/* Up to where the poll is answered; what comes then is not sent yet, since another batch is in flight. */
static void come_between(engine_test *test, engine_ask *ask, engine_ask *blocker, uint32_t timeout_ms) {
    size_t poll = test->wire.count;

    test->engine->config.max_batches = 2;
    poll_lost(test, ask, engine_user(test, 0, 0), timeout_ms);
    fake_transport_turn(&test->wire);
    engine_reserve(test, blocker, engine_user(test, 0, 1), 0);
    fake_transport_turn(&test->wire);
    test->engine->config.max_batches = 1;
    fake_transport_play(&test->wire, poll);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_reserve);
    assert_int_equal(ask->calls, 0);
}

static void it_is_enqueued_again_at_once(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint8_t id[16];
    int64_t since_ms;

    engine_test_know_map(test);
    poll_lost(test, &ask, engine_user(test, 1, 0), 0);
    since_ms = test->wire.wall_ms - 500; /* as its ticket says */
    fake_transport_advance(&test->wire, 30);
    memcpy(id, fake_sent_id(engine_last(test), 0), 16);
    fake_transport_play(&test->wire, 0);
    assert_int_equal(test->wire.count, 2);
    assert_int_equal(ask.calls, 0);
    assert_int_equal(test->wire.sent[1].script, SK__SCRIPT_enqueue);
    assert_int_equal(test->wire.sent[1].slot, test->wire.sent[0].slot);
    assert_memory_equal(fake_sent_id(&test->wire.sent[1], 0), id, 16);
    assert_string_equal(fake_sent_user(&test->wire.sent[1], 0), engine_user(test, 1, 0));
    {
        sk__reader reader = sk__reader_of(fake_sent_id(&test->wire.sent[1], 0) + 16, 10);

        assert_true(fake_sent_again(&test->wire.sent[1], 0));
        assert_int_equal(sk__read_u32(&reader), 1); /* quantity */
        assert_int_equal(sk__read_u48(&reader), since_ms);
    }
    fake_transport_play(&test->wire, 1);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(ask.placed.requeued, 1);
    assert_int_equal(ask.ticket.epoch, test->wire.queue_epoch);
    assert_int_equal(ask.ticket.n, 1);
    assert_int_equal(test->engine->stats.enqueued, 1);
    assert_int_equal(test->engine->stats.operations, 2); /* with the one that read the map */
}

/* Some of a batch are lost, others are not: each has its own answer, and those that are lost keep their order. */
static void some_of_a_batch_are(void **state) {
    engine_test *test = *state;
    static engine_ask asks[4];

    engine_test_know_map(test);
    test->wire.queue_enqueued = 5;
    for (unsigned i = 0; i < 4; i++)
        engine_poll(test, &asks[i], engine_user(test, 0, i), i % 2 == 0 ? OTHER_EPOCH : 1, 3, 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4);
    fake_transport_play(&test->wire, 0);
    assert_int_equal(asks[0].calls + asks[2].calls, 0);
    engine_assert_done(&asks[1], SECKILL_OK);
    engine_assert_done(&asks[3], SECKILL_OK);
    assert_int_equal(asks[1].placed.requeued, 0);
    assert_int_equal(fake_sent_ops(engine_last(test)), 2);
    for (unsigned i = 0; i < 2; i++)
        assert_string_equal(fake_sent_user(engine_last(test), i), engine_user(test, 0, 2 * i));
    fake_transport_play_all(&test->wire);
    assert_int_equal(asks[0].ticket.n, 6);
    assert_int_equal(asks[2].ticket.n, 7);
    assert_int_equal(asks[0].placed.requeued + asks[2].placed.requeued, 2);
}

/* Behind those who came to be enqueued first, but in the turn of a poll that is older than they. */
static void it_stands_behind_who_waits_to_be_enqueued(void **state) {
    engine_test *test = *state;
    static engine_ask ask, blocker, others[2];

    engine_test_know_map(test);
    come_between(test, &ask, &blocker, 0);
    for (unsigned i = 0; i < 2; i++)
        engine_enqueue(test, &others[i], engine_user(test, 0, 2 + i), 0);
    fake_transport_turn(&test->wire);
    fake_transport_play_all(&test->wire);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_enqueue);
    assert_int_equal(fake_sent_ops(engine_last(test)), 3);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.requeued, 1);
    for (unsigned i = 0; i < 2; i++) {
        engine_assert_done(&others[i], SECKILL_OK);
        assert_int_equal(others[i].placed.requeued, 0);
    }
}

/* It was decided between the two, or its ticket is of too long ago: then it is not in the queue again. */
static void the_second_answer_may_say_something_else(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint8_t bytes[128];

    engine_test_know_map(test);
    for (int i = 0; i < 2; i++) {
        sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

        poll_lost(test, &ask, engine_user(test, 0, 0), 0);
        fake_transport_turn(&test->wire);
        fake_transport_play(&test->wire, test->wire.count - 1);
        fake_write_header(&test->wire, &writer, 1);
        fake_write_progress(&writer, 1, 1);
        fake_write_answer(&writer, i == 0 ? 0 : SECKILL_TOO_OLD, i == 0 ? 3 : 0);
        if (i == 0)
            fake_write_record(&test->wire, &writer, fake_sent_id(engine_last(test), 0), 1);
        fake_transport_answer(&test->wire, test->wire.count - 1, bytes, writer.at);
        engine_assert_done(&ask, i == 0 ? SECKILL_OK : SECKILL_TOO_OLD);
        assert_int_equal(ask.placed.state, i == 0 ? SECKILL_TICKET_GRANTED : 0);
        assert_int_equal(ask.placed.requeued + ask.placed.replayed, 0);
        assert_int_equal(ask.placed.ref != NULL, i == 0);
        assert_null(ask.placed.ticket);
    }
    assert_int_equal(test->engine->stats.enqueued, 0);
}

/* ---- between the two ---- */

static void the_deadline_is_that_of_the_poll(void **state) {
    engine_test *test = *state;
    static engine_ask sent, waiting, blocker;

    engine_test_know_map(test);
    poll_lost(test, &sent, engine_user(test, 0, 0), 50);
    fake_transport_advance(&test->wire, 30);
    fake_transport_play(&test->wire, 0);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_enqueue);
    fake_transport_advance(&test->wire, 19);
    assert_int_equal(sent.calls, 0);
    fake_transport_advance(&test->wire, 1);
    engine_assert_done(&sent, SECKILL_UNKNOWN); /* it may stand in the queue now */
    fake_transport_play_all(&test->wire);
    assert_int_equal(sent.calls, 1);

    fake_transport_mend(&test->wire);
    come_between(test, &waiting, &blocker, 50);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&waiting, SECKILL_SERVER_BUSY); /* nothing was sent that could have put it there */
    fake_transport_play_all(&test->wire);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_reserve);
    assert_int_equal(waiting.calls, 1);
}

static void the_answer_is_lost(void **state) {
    engine_test *test = *state;
    static engine_ask patient, impatient;

    engine_test_know_map(test);
    poll_lost(test, &patient, engine_user(test, 0, 0), 500);
    poll_lost(test, &impatient, engine_user(test, 0, 1), 50);
    fake_transport_turn(&test->wire);
    fake_transport_play(&test->wire, 0);
    assert_int_equal(fake_sent_ops(engine_last(test)), 2);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&impatient, SECKILL_UNKNOWN);
    fake_transport_mend(&test->wire);
    assert_int_equal(test->wire.count, 3);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_enqueue);
    assert_int_equal(fake_sent_ops(engine_last(test)), 1);
    fake_transport_error(&test->wire, 2, "OOM command not allowed"); /* the first sending may have been executed */
    engine_assert_done(&patient, SECKILL_UNKNOWN);
    assert_int_equal(test->wire.count, 3);
}

/* What was lost of the poll was a question: an error on the enqueue says that nothing was done. */
static void a_poll_that_was_lost_leaves_nothing_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    poll_lost(test, &ask, engine_user(test, 0, 0), 500);
    fake_transport_turn(&test->wire);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_mend(&test->wire);
    fake_transport_play(&test->wire, 1);
    fake_transport_error(&test->wire, 2, "OOM command not allowed");
    engine_assert_done(&ask, SECKILL_SERVER_MEMORY);
}

static void it_is_detached(void **state) {
    engine_test *test = *state;
    static engine_ask before, between, after, blocker;

    engine_test_know_map(test);
    poll_lost(test, &before, engine_user(test, 1, 0), 0);
    seckill_op_detach(before.op);
    fake_transport_play_all(&test->wire);
    come_between(test, &between, &blocker, 0);
    seckill_op_detach(between.op);
    fake_transport_play_all(&test->wire);
    poll_lost(test, &after, engine_user(test, 2, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_play(&test->wire, test->wire.count - 1);
    seckill_op_detach(after.op);
    fake_transport_play_all(&test->wire);
    assert_int_equal(before.calls + between.calls + after.calls, 0);
    assert_int_equal(test->engine->stats.enqueued, 3); /* it happens all the same */
    assert_int_equal(test->engine->stats.in_progress, 0);
}

static void the_client_is_closed(void **state) {
    engine_test *test = *state;
    static engine_ask ask, blocker;

    engine_test_know_map(test);
    come_between(test, &ask, &blocker, 0);
    engine_test_close(test);
    engine_assert_done(&ask, SECKILL_CLOSED);
    engine_test_open(test);
    fake_transport_free(&test->wire);
    engine_test_know_map(test);
    poll_lost(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_play(&test->wire, test->wire.count - 1);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_enqueue);
    engine_test_close(test);
    engine_assert_done(&ask, SECKILL_UNKNOWN);
}

static void say_closing(engine_ask *ask) {
    ask->test->engine->closing = true; /* as seckill_client_close says */
}

/* The callback of another op of the same batch closes the client, before this one is looked at. */
static void the_client_is_closed_by_a_neighbour(void **state) {
    engine_test *test = *state;
    static engine_ask neighbour, ask;

    engine_test_know_map(test);
    test->wire.queue_enqueued = 5;
    neighbour.test = test;
    neighbour.then = say_closing;
    engine_poll(test, &neighbour, engine_user(test, 0, 0), 1, 3, 0);
    poll_lost(test, &ask, engine_user(test, 0, 1), 0);
    fake_transport_turn(&test->wire);
    fake_transport_play(&test->wire, 0);
    engine_assert_done(&neighbour, SECKILL_OK);
    assert_int_equal(ask.calls, 0);
    assert_int_equal(test->wire.count, 1);
    engine_test_close(test);
    engine_assert_done(&ask, SECKILL_CLOSED);
    neighbour.then = NULL;
}

static void close_item(engine_ask *ask) {
    sk__item_close(ask->test->item);
    ask->test->item = NULL;
}

static void the_item_is_closed_by_a_neighbour(void **state) {
    engine_test *test = *state;
    static engine_ask neighbour, ask;

    engine_test_know_map(test);
    test->wire.queue_enqueued = 5;
    neighbour.test = test;
    neighbour.then = close_item;
    engine_poll(test, &neighbour, engine_user(test, 0, 0), 1, 3, 0);
    poll_lost(test, &ask, engine_user(test, 0, 1), 0);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.requeued, 1);
    assert_true(sk__list_is_empty(&test->engine->items));
    neighbour.then = NULL;
}

/* Each allocation from the poll's answer on fails in turn: one that cannot go on says so at once. */
static void memory_runs_out(void **state) {
    engine_test *test = *state;
    int failed = 0;

    for (size_t after = 1; after < 6; after++) {
        static engine_ask asks[2];

        engine_test_close(test);
        engine_test_open(test);
        engine_test_know_map(test);
        for (unsigned i = 0; i < 2; i++)
            poll_lost(test, &asks[i], engine_user(test, 0, i), 500);
        fake_transport_turn(&test->wire);
        test->fail_at = test->allocations + after;
        fake_transport_play(&test->wire, test->wire.count - 1);
        fake_transport_play_all(&test->wire);
        test->fail_at = 0;
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(asks[i].calls, 1); /* without the clock's moving */
            assert_true(asks[i].status == SECKILL_OK || asks[i].status == SECKILL_NO_MEMORY);
            failed += asks[i].status != SECKILL_OK;
        }
        assert_int_equal(test->engine->stats.in_progress, 0);
    }
    assert_true(failed > 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_enqueued_again_at_once),
        TEST(some_of_a_batch_are),
        TEST(it_stands_behind_who_waits_to_be_enqueued),
        TEST(the_second_answer_may_say_something_else),
        TEST(the_deadline_is_that_of_the_poll),
        TEST(the_answer_is_lost),
        TEST(a_poll_that_was_lost_leaves_nothing_unknown),
        TEST(it_is_detached),
        TEST(the_client_is_closed),
        TEST(the_client_is_closed_by_a_neighbour),
        TEST(the_item_is_closed_by_a_neighbour),
        TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
