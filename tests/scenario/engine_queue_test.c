/* The engine alone: requests that are put into the queue, and tickets that are polled.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

enum { REPLAYED = 1, WITH_RECORD = 2, QUEUED = 4, DECIDED = 8, LOST = SK__ANSWER_LOST };

static uint8_t reply[4096];

/* How the next reply to a batch of the queue begins. */
static sk__writer begin_reply(const engine_test *test, uint64_t decided, uint64_t enqueued) {
    sk__writer writer = sk__writer_of(reply, sizeof(reply));

    fake_write_header(&test->wire, &writer, 1);
    fake_write_progress(&writer, decided, enqueued);
    return writer;
}

static void answer_oldest(engine_test *test, const sk__writer *writer) {
    assert_false(writer->failed);
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, writer->at);
}

/* How the request of an op was sent: the time, and for enqueue what it is. */
static uint64_t sent_time(const fake_sent *sent, size_t op, bool *again) {
    sk__reader reader = sk__reader_of(fake_sent_id(sent, op), sent->script == SK__SCRIPT_enqueue ? 26 : 42);

    (void)sk__read_bytes(&reader, sent->script == SK__SCRIPT_enqueue ? 20 : 36);
    if (sent->script == SK__SCRIPT_enqueue)
        *again = fake_sent_again(sent, op);
    return sk__read_u48(&reader);
}

/* ---- batches ---- */

/* All that a ticket says but its reservation id; in shard 2, at the place 77-15. */
static void assert_ticket_of(const engine_test *test, const seckill_ticket *ticket, const char *user) {
    assert_int_equal(ticket->user_size, strlen(user));
    assert_memory_equal(ticket->user, user, strlen(user));
    assert_string_equal(ticket->activity, "sale");
    assert_string_equal(ticket->item, "phone");
    assert_int_equal(ticket->quantity, 1);
    assert_int_equal(ticket->shard, 2);
    assert_int_equal(ticket->epoch, 77);
    assert_int_equal(ticket->n, 15);
    assert_int_equal(ticket->since_ms, test->wire.wall_ms);
    assert_int_equal(ticket->valid_until_ms, test->wire.wall_ms + 120000 + 60000);
}

static void a_lone_enqueue_goes_in_one_turn(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    const char *user = engine_user(test, 2, 0);
    bool again = true;

    engine_test_know_map(test);
    test->wire.queue_epoch = 77;
    test->wire.queue_decided = 10;
    test->wire.queue_enqueued = 14;
    engine_enqueue(test, &ask, user, 0);
    assert_int_equal(test->wire.count, 0);
    test->wire.is_awake = false;
    sk__engine_turn(test->engine);
    assert_int_equal(test->wire.count, 1);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_enqueue);
    assert_int_equal(fake_sent_ops(engine_last(test)), 1);
    assert_string_equal(fake_sent_user(engine_last(test), 0), user);
    assert_int_equal(sent_time(engine_last(test), 0, &again), test->wire.wall_ms);
    assert_false(again);
    fake_transport_play(&test->wire, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(ask.placed.position, 5);
    assert_non_null(ask.placed.ticket);
    assert_memory_equal(ask.ticket.reservation_id, fake_sent_id(engine_last(test), 0), 16);
    assert_ticket_of(test, &ask.ticket, user);
    assert_int_equal(test->engine->stats.enqueued, 1);
    assert_int_equal(test->engine->stats.granted, 0);
}

static void enqueues_wait_for_the_map_and_travel_in_batches(void **state) {
    engine_test *test = *state;
    static engine_ask asks[12];

    for (unsigned i = 0; i < 12; i++)
        engine_enqueue(test, &asks[i], engine_user(test, i < 2 ? i : 0, i), 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_map_get);
    fake_transport_play(&test->wire, 0);
    assert_int_equal(test->wire.count, 3); /* max_batches */
    assert_int_equal(fake_sent_ops(&test->wire.sent[1]), 4);
    assert_int_equal(fake_sent_ops(&test->wire.sent[2]), 1);
    fake_transport_play(&test->wire, 2);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4); /* max_batch */
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(fake_sent_user(engine_last(test), i), engine_user(test, 0, i + 5));
    fake_transport_play_all(&test->wire);
    for (unsigned i = 0; i < 12; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
    assert_true(asks[0].ticket.n < asks[2].ticket.n && asks[4].ticket.n < asks[5].ticket.n);
    assert_int_equal(test->engine->stats.enqueued, 12);
    assert_int_equal(test->engine->stats.batched, 12);
}

/* Enqueue and poll stand in the same line as the other kinds, by the age of their oldest. */
static void kinds_take_turns(void **state) {
    engine_test *test = *state;
    static engine_ask blocker[2], asks[6];
    static const sk__script_id order[] = {SK__SCRIPT_poll, SK__SCRIPT_reserve, SK__SCRIPT_enqueue, SK__SCRIPT_poll};

    engine_test_know_map(test);
    for (unsigned i = 0; i < 2; i++) {
        engine_cancel(test, &blocker[i], engine_user(test, i, 0), 0);
        fake_transport_turn(&test->wire);
    }
    engine_poll(test, &asks[0], engine_user(test, 0, 1), 1, 1, 0);
    engine_reserve(test, &asks[1], engine_user(test, 0, 2), 0);
    engine_enqueue(test, &asks[2], engine_user(test, 0, 3), 0);
    engine_poll(test, &asks[3], engine_user(test, 1, 4), 1, 1, 0);
    engine_enqueue(test, &asks[4], engine_user(test, 0, 5), 0);
    engine_poll(test, &asks[5], engine_user(test, 0, 6), 1, 1, 0);
    fake_transport_play_all(&test->wire);
    assert_int_equal(test->wire.count, 6);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(test->wire.sent[i + 2].script, order[i]);
    assert_int_equal(fake_sent_ops(&test->wire.sent[2]), 2);
    assert_int_equal(fake_sent_ops(&test->wire.sent[4]), 2);
    for (unsigned i = 0; i < 6; i++)
        engine_assert_done(&asks[i], SECKILL_OK);
}

/* ---- what answers say ---- */

typedef struct {
    uint8_t status, flags, record; /* the state of the record, 0: none */
    bool is_poll;
    seckill_status expected;
    seckill_ticket_state state;
    seckill_status reason;
} sample;

static void assert_shown(const engine_ask *ask, const sample *expected) {
    const seckill_ticket_result *shown = &ask->placed;
    bool queued = expected->state == SECKILL_TICKET_QUEUED, granted = expected->state == SECKILL_TICKET_GRANTED;
    seckill_reservation none;

    memset(&none, 0, sizeof(none));
    engine_assert_done(ask, expected->expected);
    assert_int_equal(shown->state, expected->state);
    assert_int_equal(shown->reason, expected->reason);
    assert_int_equal(shown->requeued, 0);
    assert_int_equal(shown->replayed, (expected->flags & REPLAYED) != 0 && !expected->is_poll);
    assert_int_equal(shown->ticket != NULL, queued);
    assert_int_equal(shown->position, queued ? 3 : 0);
    assert_int_equal(shown->wait_ms, 0);
    assert_int_equal(shown->ref != NULL, granted);
    if (expected->record == 0)
        assert_memory_equal(&shown->reservation, &none, sizeof(none));
    else
        assert_int_equal(shown->reservation.quantity, 1);
    assert_int_equal(shown->retry_after_ms != 0, seckill_status_class(expected->expected) != SECKILL_CLASS_FINAL);
    assert_string_equal(ask->message,
                        seckill_status_message(expected->reason != SECKILL_OK ? expected->reason : expected->expected));
}

static void answer_with(engine_test *test, const sample *given) {
    sk__writer writer = begin_reply(test, 4, 8);

    fake_write_answer(&writer, given->status, given->flags);
    if (given->record != 0)
        fake_write_record(&test->wire, &writer, fake_sent_id(engine_last(test), 0), given->record);
    if ((given->flags & QUEUED) != 0)
        fake_write_place(&test->wire, &writer, 1, 7);
    answer_oldest(test, &writer);
}

static void what_enqueue_is_answered(void **state) {
    engine_test *test = *state;
    static const sample samples[] = {
        {0, QUEUED, 0, false, SECKILL_OK, SECKILL_TICKET_QUEUED, SECKILL_OK},
        {0, REPLAYED | WITH_RECORD, 1, false, SECKILL_OK, SECKILL_TICKET_GRANTED, SECKILL_OK},
        {0, REPLAYED | WITH_RECORD, 2, false, SECKILL_OK, SECKILL_TICKET_SOLD, SECKILL_OK},
        {7, REPLAYED | WITH_RECORD, 3, false, SECKILL_OK, SECKILL_TICKET_CANCELLED, SECKILL_OK},
        {8, REPLAYED | WITH_RECORD, 4, false, SECKILL_OK, SECKILL_TICKET_EXPIRED, SECKILL_OK},
        {8, REPLAYED | WITH_RECORD, 6, false, SECKILL_OK, SECKILL_TICKET_EXPIRED, SECKILL_OK},
        {10, REPLAYED | WITH_RECORD, 5, false, SECKILL_OK, SECKILL_TICKET_REFUNDED, SECKILL_OK},
        {14, REPLAYED | WITH_RECORD, 7, false, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_BLACKLISTED},
        {3, 0, 0, false, SECKILL_LIMIT_REACHED, 0, SECKILL_OK},
        {4, 0, 0, false, SECKILL_NOT_STARTED, 0, SECKILL_OK},
        {5, 0, 0, false, SECKILL_PAUSED, 0, SECKILL_OK},
        {6, 0, 0, false, SECKILL_ENDED, 0, SECKILL_OK},
        {12, 0, 0, false, SECKILL_TOO_OLD, 0, SECKILL_OK},
        {13, 0, 0, false, SECKILL_CONFLICT, 0, SECKILL_OK},
        {200, 0, 0, false, SECKILL_BUSY, 0, SECKILL_OK},
        {0, 0, 0, false, SECKILL_PROTOCOL, 0, SECKILL_OK},
        {LOST, 0, 0, false, SECKILL_PROTOCOL, 0, SECKILL_OK},
        {0, QUEUED | WITH_RECORD, 1, false, SECKILL_PROTOCOL, 0, SECKILL_OK},
    };
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        sample expected = samples[i];

        engine_enqueue(test, &ask, engine_user(test, 0, 0), 0);
        fake_transport_turn(&test->wire);
        answer_with(test, &samples[i]);
        if (expected.expected == SECKILL_PROTOCOL) {
            engine_assert_done(&ask, SECKILL_PROTOCOL);
            continue;
        }
        assert_shown(&ask, &expected);
    }
    assert_int_equal(test->engine->stats.enqueued, 1);
    assert_int_equal(test->engine->stats.replayed, 7);
    assert_int_equal(test->engine->stats.in_progress, 0);
}

static void what_poll_is_answered(void **state) {
    engine_test *test = *state;
    static const sample samples[] = {
        {0, QUEUED, 0, true, SECKILL_OK, SECKILL_TICKET_QUEUED, SECKILL_OK},
        {0, REPLAYED | WITH_RECORD, 1, true, SECKILL_OK, SECKILL_TICKET_GRANTED, SECKILL_OK},
        {0, REPLAYED | WITH_RECORD, 2, true, SECKILL_OK, SECKILL_TICKET_SOLD, SECKILL_OK},
        {14, REPLAYED | WITH_RECORD, 7, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_BLACKLISTED},
        {1, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_SOLD_OUT},
        {2, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_NOT_ENOUGH},
        {3, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_LIMIT_REACHED},
        {6, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_ENDED},
        {12, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_TOO_OLD},
        {13, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_CONFLICT},
        {200, DECIDED, 0, true, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_BUSY},
        {12, 0, 0, true, SECKILL_TOO_OLD, 0, SECKILL_OK},
    };
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        engine_poll(test, &ask, engine_user(test, 0, 0), 1, 7, 0);
        fake_transport_turn(&test->wire);
        assert_int_equal(engine_last(test)->script, SK__SCRIPT_poll);
        answer_with(test, &samples[i]);
        assert_shown(&ask, &samples[i]);
    }
    assert_int_equal(test->engine->stats.enqueued + test->engine->stats.replayed, 0);
}

/* What was decided behind the back of an old reply: a place is never behind the last that was decided. */
static void a_position_is_at_least_one(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    sk__writer writer;

    engine_test_know_map(test);
    engine_poll(test, &ask, engine_user(test, 0, 0), 1, 7, 0);
    fake_transport_turn(&test->wire);
    writer = begin_reply(test, 9, 9);
    fake_write_answer(&writer, 0, QUEUED);
    fake_write_place(&test->wire, &writer, 1, 7);
    answer_oldest(test, &writer);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.position, 1);
}

static void a_reply_of_another_size_is_no_answer(void **state) {
    engine_test *test = *state;
    static engine_ask asks[3];
    size_t right = 0;

    engine_test_know_map(test);
    for (size_t size = 0; size <= 150; size++) {
        sk__writer writer;

        for (unsigned i = 0; i < 3; i++)
            engine_enqueue(test, &asks[i], engine_user(test, 0, i), 0);
        fake_transport_turn(&test->wire);
        memset(reply, 0, sizeof(reply));
        writer = begin_reply(test, 1, 4);
        for (unsigned i = 0; i < 3; i++)
            fake_write_answer(&writer, 0, QUEUED);
        for (unsigned i = 0; i < 3; i++)
            fake_write_place(&test->wire, &writer, 1, 2 + i);
        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, size);
        right += size == writer.at;
        for (unsigned i = 0; i < 3; i++)
            engine_assert_done(&asks[i], size == writer.at ? SECKILL_OK : SECKILL_PROTOCOL);
    }
    assert_int_equal(right, 1);
    assert_int_equal(test->engine->stats.enqueued, 3);
}

static void more_decided_than_came_is_no_answer(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    sk__writer writer;

    engine_test_know_map(test);
    engine_enqueue(test, &ask, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    writer = begin_reply(test, 6, 5);
    fake_write_answer(&writer, 0, QUEUED);
    fake_write_place(&test->wire, &writer, 1, 7);
    answer_oldest(test, &writer);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
}

/* By what replies say of the queue, and by nothing else. */
static void how_long_it_takes_is_told(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    test->wire.queue_enqueued = 10000;
    engine_poll(test, &ask, engine_user(test, 0, 0), 1, 3000, 0);
    fake_transport_play_all(&test->wire);
    assert_int_equal(ask.placed.wait_ms, 0);
    fake_transport_advance(&test->wire, 500);
    test->wire.queue_decided = 1000; /* 2,000 a second */
    engine_poll(test, &ask, engine_user(test, 0, 0), 1, 3000, 0);
    fake_transport_play_all(&test->wire);
    assert_int_equal(ask.placed.position, 2000);
    assert_int_equal(ask.placed.wait_ms, 1000);
    engine_enqueue(test, &ask, engine_user(test, 0, 1), 0);
    fake_transport_play_all(&test->wire);
    assert_int_equal(ask.placed.wait_ms, 9001 / 2);
    engine_poll(test, &ask, engine_user(test, 1, 0), 1, 3000, 0); /* each shard has its own */
    fake_transport_play_all(&test->wire);
    assert_int_equal(ask.placed.wait_ms, 0);
}

/* ---- what is lost, late, or out of date ---- */

static void a_lost_answer_is_asked_for_again(void **state) {
    engine_test *test = *state;
    static engine_ask enqueue, poll;
    uint8_t ids[2][16];

    engine_test_know_map(test);
    engine_enqueue(test, &enqueue, engine_user(test, 0, 0), 0);
    engine_poll(test, &poll, engine_user(test, 0, 1), 1, 1, 0);
    fake_transport_turn(&test->wire);
    for (unsigned i = 0; i < 2; i++)
        memcpy(ids[i], fake_sent_id(&test->wire.sent[i], 0), 16);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_advance(&test->wire, 20);
    fake_transport_mend(&test->wire);
    assert_int_equal(test->wire.count, 4);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(test->wire.sent[i + 2].script, test->wire.sent[i].script);
        assert_memory_equal(fake_sent_id(&test->wire.sent[i + 2], 0), ids[i], 16);
        assert_memory_equal(test->wire.sent[i + 2].argv[10], test->wire.sent[i].argv[10], test->wire.sent[i].sizes[10]);
    }
    fake_transport_play_all(&test->wire);
    engine_assert_done(&enqueue, SECKILL_OK);
    engine_assert_done(&poll, SECKILL_OK);
}

/* What waits leaves no record: that it was not enqueued now does not say that the first sending has not enqueued it. Only a
 * record says what holds for both. */
static void a_no_after_a_lost_answer_is_unknown(void **state) {
    static const struct {
        uint8_t status;
        seckill_status expected;
    } answers[] = {{SECKILL_PAUSED, SECKILL_UNKNOWN},        {SECKILL_ENDED, SECKILL_UNKNOWN},
                   {SECKILL_TOO_OLD, SECKILL_UNKNOWN},       {200 /* busy */, SECKILL_UNKNOWN},
                   {SECKILL_LIMIT_REACHED, SECKILL_UNKNOWN}, {SECKILL_CONFLICT, SECKILL_CONFLICT}};
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        for (int is_lost = 0; is_lost < 2; is_lost++) {
            sk__writer writer;

            engine_enqueue(test, &ask, engine_user(test, 0, 0), 0);
            fake_transport_turn(&test->wire);
            if (is_lost) {
                fake_transport_break(&test->wire, "reset by the test");
                fake_transport_advance(&test->wire, 20);
                fake_transport_mend(&test->wire);
            }
            writer = begin_reply(test, 0, 0);
            fake_write_answer(&writer, answers[i].status, 0);
            answer_oldest(test, &writer);
            if (is_lost)
                engine_assert_done(&ask, answers[i].expected);
            else
                assert_int_equal(ask.placed.status, answers[i].status == 200 ? (int)SECKILL_BUSY : answers[i].status);
        }
    }
}

/* A poll changes nothing: nothing is unknown when nobody answers. */
static void the_deadline_of_what_was_sent(void **state) {
    engine_test *test = *state;
    static engine_ask enqueue, poll;

    engine_test_know_map(test);
    fake_transport_mend(&test->wire);
    engine_enqueue(test, &enqueue, engine_user(test, 0, 0), 50);
    engine_poll(test, &poll, engine_user(test, 0, 1), 1, 1, 50);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&enqueue, SECKILL_UNKNOWN);
    engine_assert_done(&poll, SECKILL_SERVER_BUSY);
    assert_int_equal(enqueue.placed.state + poll.placed.state, 0);
    assert_true(enqueue.placed.retry_after_ms != 0 && poll.placed.retry_after_ms != 0);
    engine_enqueue(test, &enqueue, engine_user(test, 0, 0), 100);
    engine_poll(test, &poll, engine_user(test, 0, 1), 1, 1, 100);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_advance(&test->wire, 100);
    engine_assert_done(&enqueue, SECKILL_UNREACHABLE);
    engine_assert_done(&poll, SECKILL_UNREACHABLE);
    assert_string_equal(poll.message, "reset by the test");
}

static void an_older_shard_is_brought_up_to_date_first(void **state) {
    engine_test *test = *state;
    static engine_ask asks[2];
    static const sk__script_id scripts[] = {SK__SCRIPT_enqueue, SK__SCRIPT_poll};

    engine_test_know_map(test);
    for (unsigned i = 0; i < 2; i++) {
        size_t first = test->wire.count;

        if (i == 0)
            engine_enqueue(test, &asks[i], engine_user(test, 3, 0), 0);
        else
            engine_poll(test, &asks[i], engine_user(test, 3, 0), 1, 1, 0);
        fake_transport_turn(&test->wire);
        fake_transport_error(&test->wire, first, "OLDER settings (x)");
        fake_transport_play_all(&test->wire);
        assert_int_equal(test->wire.count, first + 4);
        assert_int_equal(test->wire.sent[first + 1].script, SK__SCRIPT_map_get);
        assert_int_equal(test->wire.sent[first + 2].script, SK__SCRIPT_define);
        assert_int_equal(test->wire.sent[first + 3].script, scripts[i]);
        engine_assert_done(&asks[i], SECKILL_OK);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_lone_enqueue_goes_in_one_turn),
        TEST(enqueues_wait_for_the_map_and_travel_in_batches),
        TEST(kinds_take_turns),
        TEST(what_enqueue_is_answered),
        TEST(what_poll_is_answered),
        TEST(a_position_is_at_least_one),
        TEST(a_reply_of_another_size_is_no_answer),
        TEST(more_decided_than_came_is_no_answer),
        TEST(how_long_it_takes_is_told),
        TEST(a_lost_answer_is_asked_for_again),
        TEST(a_no_after_a_lost_answer_is_unknown),
        TEST(the_deadline_of_what_was_sent),
        TEST(an_older_shard_is_brought_up_to_date_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
