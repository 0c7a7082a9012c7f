/* The engine alone: requests that wait in a queue of the shop's own are polled, and refused for good.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

enum { REPLAYED = 1, WITH_RECORD = 2, QUEUED = 4, DECIDED = 8, LOST = SK__ANSWER_LOST, SHORT = SK__ANSWER_SHORT };

static uint8_t reply[1024];

/* Answers the oldest command, which carries one op: status, flags, and what belongs to them. A record says `reason`; a place is
 * `n` of epoch n. */
static void answer_one(engine_test *test, uint8_t status, uint8_t flags, uint64_t reason, uint64_t n) {
    const fake_sent *sent = &test->wire.sent[fake_transport_oldest(&test->wire)];
    sk__writer writer = sk__writer_of(reply, sizeof(reply));

    fake_write_header(&test->wire, &writer, 1);
    if (sent->script != SK__SCRIPT_reserve)
        fake_write_progress(&writer, 4, 8);
    fake_write_answer(&writer, status, flags);
    if ((flags & WITH_RECORD) != 0)
        fake_write_refused(&test->wire, &writer, fake_sent_id(sent, 0), reason);
    if ((flags & QUEUED) != 0)
        fake_write_place(&test->wire, &writer, n, n);
    assert_false(writer.failed);
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, writer.at);
}

/* ---- refuse ---- */

static void refusals_travel_in_batches_with_their_reasons(void **state) {
    engine_test *test = *state;
    static const seckill_status reasons[] = {SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_ENDED, SECKILL_BLACKLISTED};
    static engine_ask asks[4];

    engine_test_know_map(test);
    for (unsigned i = 0; i < 4; i++)
        engine_refuse(test, &asks[i], engine_user(test, 1, i), reasons[i], 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 1);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_refuse);
    assert_int_equal(fake_sent_ops(engine_last(test)), 4);
    for (unsigned i = 0; i < 4; i++) {
        sk__reader reader = sk__reader_of(fake_sent_id(engine_last(test), i) + 16, 10);

        assert_string_equal(fake_sent_user(engine_last(test), i), engine_user(test, 1, i));
        assert_int_equal(sk__read_u32(&reader), 1);
        assert_int_equal(sk__read_u48(&reader), test->wire.wall_ms);
        assert_int_equal(fake_sent_reason(engine_last(test), i), i == 3 ? 0 : reasons[i]);
    }
    fake_transport_play(&test->wire, 0);
    for (unsigned i = 0; i < 4; i++) {
        engine_assert_done(&asks[i], SECKILL_OK);
        assert_int_equal(asks[i].placed.state, SECKILL_TICKET_REFUSED);
        assert_int_equal(asks[i].placed.reason, reasons[i]);
        assert_int_equal(asks[i].placed.replayed, 0);
        assert_int_equal(asks[i].reservation.reason, reasons[i]);
        assert_int_equal(asks[i].reservation.price, 0);
        assert_string_equal(asks[i].message, seckill_status_message(reasons[i]));
    }
    assert_int_equal(test->engine->stats.replayed + test->engine->stats.refused, 0);
}

typedef struct {
    uint8_t status, flags;
    uint64_t reason;
    seckill_status expected, shown;
} sample;

static void what_refuse_is_answered(void **state) {
    engine_test *test = *state;
    static const sample samples[] = {
        {0, WITH_RECORD, 1, SECKILL_OK, SECKILL_SOLD_OUT},
        {1, WITH_RECORD | REPLAYED, 1, SECKILL_OK, SECKILL_SOLD_OUT},
        {14, WITH_RECORD | REPLAYED, 0, SECKILL_OK, SECKILL_BLACKLISTED},
        {14, WITH_RECORD | REPLAYED, 99, SECKILL_OK, SECKILL_BLACKLISTED},
        {14, WITH_RECORD | REPLAYED, (UINT64_C(1) << 56) - 1, SECKILL_OK, SECKILL_BLACKLISTED},
        {200, 0, 0, SECKILL_BUSY, SECKILL_OK},
        {12, 0, 0, SECKILL_TOO_OLD, SECKILL_OK},
        {13, 0, 0, SECKILL_CONFLICT, SECKILL_OK},
        {0, 0, 0, SECKILL_PROTOCOL, SECKILL_OK},
        {0, QUEUED, 0, SECKILL_PROTOCOL, SECKILL_OK},
        {1, DECIDED, 0, SECKILL_PROTOCOL, SECKILL_OK},
        {LOST, 0, 0, SECKILL_PROTOCOL, SECKILL_OK},
        {SHORT, 0, 0, SECKILL_PROTOCOL, SECKILL_OK},
    };
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        engine_refuse(test, &ask, engine_user(test, 0, 0), SECKILL_SOLD_OUT, 0);
        fake_transport_turn(&test->wire);
        answer_one(test, samples[i].status, samples[i].flags, samples[i].reason, 7);
        engine_assert_done(&ask, samples[i].expected);
        assert_int_equal(ask.placed.reason, samples[i].shown);
        assert_int_equal(ask.placed.replayed, samples[i].expected == SECKILL_OK && (samples[i].flags & REPLAYED) != 0);
        assert_null(ask.placed.ticket);
    }
}

/* Repeated over lost connections; what an earlier sending did is found. */
static void a_lost_answer_is_asked_for_again(void **state) {
    static const sample seconds[] = {
        {1, WITH_RECORD | REPLAYED, 1, SECKILL_OK, SECKILL_SOLD_OUT},
        {200, 0, 0, SECKILL_BUSY, SECKILL_OK},
        {12, 0, 0, SECKILL_TOO_OLD, SECKILL_OK},
    };
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        engine_refuse(test, &ask, engine_user(test, 0, 0), SECKILL_SOLD_OUT, 0);
        fake_transport_turn(&test->wire);
        fake_transport_break(&test->wire, "gone");
        fake_transport_mend(&test->wire);
        while (fake_transport_waiting(&test->wire) == 0)
            fake_transport_advance(&test->wire, 1);
        assert_int_equal(ask.calls, 0);
        answer_one(test, seconds[i].status, seconds[i].flags, seconds[i].reason, 0);
        engine_assert_done(&ask, seconds[i].expected);
        assert_int_equal(ask.placed.reason, seconds[i].shown);
    }
    engine_refuse(test, &ask, engine_user(test, 0, 0), SECKILL_SOLD_OUT, 200);
    fake_transport_turn(&test->wire);
    fake_transport_break(&test->wire, "gone");
    fake_transport_advance(&test->wire, 300);
    engine_assert_done(&ask, SECKILL_UNKNOWN);
}

/* ---- polls ---- */

static void a_poll_of_what_waits_outside(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    const char *user = engine_user(test, 2, 0);

    engine_test_know_map(test);
    engine_poll(test, &ask, user, 0, 0, 0);
    fake_transport_turn(&test->wire);
    answer_one(test, SECKILL_OK, QUEUED, 0, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(ask.placed.position + ask.placed.wait_ms, 0);
    assert_non_null(ask.placed.ticket);
    assert_true(ask.ticket.epoch == 0 && ask.ticket.n == 0 && ask.ticket.shard == 2);
    engine_poll(test, &ask, user, 0, 0, 0);
    fake_transport_turn(&test->wire);
    answer_one(test, SECKILL_NOT_ENOUGH, WITH_RECORD | REPLAYED, SECKILL_NOT_ENOUGH, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.reason, SECKILL_NOT_ENOUGH);
    assert_int_equal(ask.placed.replayed, 0);
    assert_int_equal(test->engine->stats.enqueued, 0);
}

/* A place inside for who waits outside, and the other way; nor is who waits outside ever put into the queue. */
static void places_fit_their_requests(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    const char *user = engine_user(test, 0, 0);

    engine_test_know_map(test);
    engine_poll(test, &ask, user, 0, 0, 0);
    fake_transport_turn(&test->wire);
    answer_one(test, SECKILL_OK, QUEUED, 0, 7);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    engine_poll(test, &ask, user, 0, 0, 0);
    fake_transport_turn(&test->wire);
    answer_one(test, LOST, 0, 0, 0);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    engine_poll(test, &ask, user, 7, 7, 0);
    fake_transport_turn(&test->wire);
    answer_one(test, SECKILL_OK, QUEUED, 0, 0);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    engine_enqueue(test, &ask, user, 0);
    fake_transport_turn(&test->wire);
    answer_one(test, SECKILL_OK, QUEUED, 0, 0);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    assert_int_equal(test->engine->stats.enqueued, 0);
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
}

/* ---- reserve ---- */

/* It is final, and says nothing of the stock: no shard is asked, and nobody is refused for it from memory. */
static void what_was_refused_is_no_shortage(void **state) {
    engine_test *test = *state;
    static engine_ask ask, other;

    engine_test_know_map(test);
    for (int i = SECKILL_SOLD_OUT; i <= SECKILL_NOT_ENOUGH; i++) {
        uint8_t status = (uint8_t)i;

        engine_reserve(test, &ask, engine_user(test, 0, 0), 0);
        fake_transport_turn(&test->wire);
        answer_one(test, status, WITH_RECORD | REPLAYED, status, 0);
        engine_assert_done(&ask, (seckill_status)status);
        assert_int_equal(ask.replayed, 1);
        assert_int_equal(ask.reservation.state, SECKILL_RESERVATION_REFUSED);
        assert_int_equal(ask.reservation.reason, status);
        assert_int_equal(fake_transport_waiting(&test->wire), 0);
        engine_reserve_units(test, &other, engine_user(test, 0, 1), 1, SECKILL_FIRST_ATTEMPT, 0);
        fake_transport_turn(&test->wire);
        assert_int_equal(engine_last(test)->script, SK__SCRIPT_reserve);
        fake_transport_play_all(&test->wire);
        engine_assert_done(&other, SECKILL_OK);
    }
    assert_int_equal(test->engine->stats.surveys + test->engine->stats.from_memory, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(refusals_travel_in_batches_with_their_reasons),
        TEST(what_refuse_is_answered),
        TEST(a_lost_answer_is_asked_for_again),
        TEST(a_poll_of_what_waits_outside),
        TEST(places_fit_their_requests),
        TEST(what_was_refused_is_no_shortage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
