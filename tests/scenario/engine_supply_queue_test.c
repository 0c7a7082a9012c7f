/* The engine alone: a queue whose next request needs units that its shard has not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_shards.h"

#include <string.h>

enum { HOME = 1, FIRST = 3, LAST = 12 };

static engine_shards shards;

static void stock(engine_test *test, int64_t a, int64_t b, int64_t c, int64_t d) {
    const int64_t available[] = {a, b, c, d};

    engine_test_know_map(test);
    engine_shards_init(&shards, test, available);
    shards.of[HOME].enqueued = 20;
    test->wire.queue_enqueued = 20;
}

static void start(engine_test *test, engine_ask *ask, uint32_t timeout) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = HOME;
    options.from.epoch = options.to.epoch = 1;
    options.from.n = FIRST;
    options.to.n = LAST;
    options.timeout_ms = timeout;
    engine_process(test, ask, &options);
    fake_transport_turn(&test->wire);
}

/* The queue's script granted so many, and stopped before `next` or got to the end (0). */
static void answer(engine_test *test, size_t index, uint32_t granted, uint32_t refused, uint8_t stop, uint64_t next) {
    uint8_t bytes[512];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    test->wire.queue_decided = (next != 0 ? next : LAST + 1) - 1;
    fake_write_header(&test->wire, &writer, 1);
    fake_write_processed(&test->wire, &writer, granted, refused, stop, next);
    sk__write_u32(&writer, 0);
    assert_string_equal(sk__script_of(test->wire.sent[index].script)->name, "queue_process");
    fake_transport_answer(&test->wire, index, bytes, writer.at);
}

/* Answers all others over time, until the queue's script is sent again; SIZE_MAX: it was not. But for what was sent to one
 * shard, which takes so long. */
static size_t search(engine_test *test, uint32_t slow, int64_t takes_ms, int64_t ms) {
    for (int64_t at = 0; at <= ms; at++) {
        fake_transport_advance(&test->wire, at != 0);
        for (size_t i = 0; i < test->wire.count; i++) {
            const fake_sent *sent = &test->wire.sent[i];

            if (sent->is_over)
                continue;
            if (sent->script == SK__SCRIPT_queue_process)
                return i;
            if (engine_shards_index(&shards, sent) != slow || sent->at_ms + takes_ms <= test->wire.now_ms)
                engine_shards_play(&shards, i);
        }
    }
    return SIZE_MAX;
}

static void units_of_others_are_taken_with_the_next_call(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    fake_supply supply;
    size_t index;

    stock(test, 0, 0, 0, 8);
    start(test, &ask, 0);
    answer(test, 0, 1, 0, SECKILL_SOLD_OUT, 4);
    index = search(test, SHARDS_MAX, 0, 0);
    assert_true(index != SIZE_MAX);
    supply = fake_sent_supply(&test->wire.sent[index]);
    assert_int_equal(supply.count, 1);
    assert_int_equal(supply.takes[0].from, 3);
    assert_int_equal(supply.takes[0].total, 4);
    assert_int_equal(supply.units, SECKILL_AMOUNT_MAX); /* no proof */
    assert_int_equal(fake_sent_process(&test->wire.sent[index]).from_n, 4);
    answer(test, index, 4, 0, SECKILL_SOLD_OUT, 8);
    shards.of[HOME].taken[3] = 4;
    shards.of[HOME].version++;
    index = search(test, SHARDS_MAX, 0, 50);
    supply = fake_sent_supply(&test->wire.sent[index]);
    assert_int_equal(supply.count, 1);
    assert_int_equal(supply.takes[0].total, 6); /* the next half */
    answer(test, index, 5, 0, 0, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.processed.granted, 10);
    shards.of[HOME].taken[3] = 6;
    start(test, &ask, 0);
    assert_int_equal(fake_sent_supply(engine_last(test)).count, 0); /* all have arrived */
    fake_transport_play_all(&test->wire);
}

/* Who only looks takes nothing, so what is on its way goes on with the next who decides. */
static void a_look_takes_nothing(void **state) {
    engine_test *test = *state;
    static engine_ask ask, look;
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;
    size_t index;

    stock(test, 0, 0, 0, 8);
    start(test, &ask, 0);
    answer(test, 0, 0, 0, SECKILL_SOLD_OUT, 3);
    index = search(test, SHARDS_MAX, 0, 0);
    options.shard = HOME;
    engine_process(test, &look, &options);
    fake_transport_turn(&test->wire);
    assert_int_equal(fake_sent_process(engine_last(test)).from_n, 0);
    fake_transport_play(&test->wire, test->wire.count - 1);
    engine_assert_done(&look, SECKILL_OK);
    fake_transport_error(&test->wire, index, "NOSCRIPT No matching script.");
    index = search(test, SHARDS_MAX, 0, 0);
    assert_int_equal(fake_sent_supply(&test->wire.sent[index]).count, 1);
    answer(test, index, 10, 0, 0, 0);
    engine_assert_done(&ask, SECKILL_OK);
}

/* The proof says up to which request it holds: the queue may have grown since. */
static void a_proof_holds_for_who_stood_in_the_queue(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t index;

    stock(test, 0, 0, 0, 0);
    start(test, &ask, 0);
    answer(test, 0, 0, 0, SECKILL_SOLD_OUT, 3);
    for (int i = 0; i < 4; i++)
        engine_shards_play(&shards, engine_shards_next(&shards, SK__SCRIPT_survey));
    shards.of[HOME].enqueued = 35; /* after the first of the two rounds */
    index = search(test, SHARDS_MAX, 0, 20);
    assert_int_equal(fake_sent_supply(&test->wire.sent[index]).enqueued, 20);
    answer(test, index, 0, 10, 0, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.processed.refused, 10);
}

/* One shard is so slow that the others are asked several times before it answers: what is proven holds for the request that
 * waits all the same, or it would wait without end. */
static void a_slow_shard_does_not_stop_a_queue(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t index;

    for (int64_t takes_ms = 20; takes_ms <= 400; takes_ms += 20) {
        engine_test_close(test);
        fake_transport_free(&test->wire);
        engine_test_open(test);
        stock(test, 0, 0, 0, 0);
        start(test, &ask, 10000);
        answer(test, 0, 0, 0, SECKILL_SOLD_OUT, 3);
        index = search(test, 3, takes_ms, 5 * takes_ms + 200);
        assert_true(index != SIZE_MAX);
        assert_int_equal(fake_sent_supply(&test->wire.sent[index]).units, 0);
        assert_in_range(fake_sent_supply(&test->wire.sent[index]).enqueued, 3, 20);
        answer(test, index, 0, 10, 0, 0);
        engine_assert_done(&ask, SECKILL_OK);
    }
}

static void it_ends_while_it_searches(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 0);
    start(test, &ask, 50);
    answer(test, 0, 2, 0, SECKILL_SOLD_OUT, 5);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&ask, SECKILL_UNKNOWN); /* some of it is decided */
    assert_int_equal(ask.processed.granted, 2);
    engine_shards_play_all(&shards);
    start(test, &ask, 0);
    answer(test, test->wire.count - 1, 0, 0, SECKILL_SOLD_OUT, 3);
    engine_test_close(test);
    assert_int_equal(ask.calls, 1);
    assert_int_equal(ask.processed.granted, 0);
}

/* What a damaged shard says ends it, and what was decided counts. */
static void trouble_ends_it(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    stock(test, 0, 0, 0, 0);
    start(test, &ask, 0);
    answer(test, 0, 2, 0, SECKILL_SOLD_OUT, 5);
    for (int i = 0; i < 4; i++)
        fake_transport_error(&test->wire, engine_shards_next(&shards, SK__SCRIPT_survey), "DAMAGED no such key (x)");
    engine_assert_done(&ask, SECKILL_DAMAGED);
    assert_string_equal(ask.message, "no such key (x)");
    assert_int_equal(ask.processed.granted, 2);
}

static void memory_runs_out(void **state) {
    engine_test *test = *state;
    size_t failed = 0;

    for (size_t after = 1; after < 50; after++) {
        static engine_ask ask;
        size_t index;

        engine_test_close(test);
        fake_transport_free(&test->wire);
        engine_test_open(test);
        stock(test, 0, 0, 0, 0);
        test->fail_at = test->allocations + after;
        start(test, &ask, 900);
        if (ask.started == SECKILL_OK && ask.calls == 0 && fake_transport_waiting(&test->wire) != 0)
            answer(test, 0, 0, 0, SECKILL_SOLD_OUT, 3);
        index = ask.started == SECKILL_OK && ask.calls == 0 ? search(test, SHARDS_MAX, 0, 300) : SIZE_MAX;
        if (index != SIZE_MAX)
            answer(test, index, 0, 10, 0, 0);
        test->fail_at = 0;
        failed += ask.started != SECKILL_OK || ask.status != SECKILL_OK;
        assert_int_equal(ask.calls, ask.started == SECKILL_OK);
        assert_true(ask.calls == 0 || ask.status == SECKILL_OK || ask.status == SECKILL_NO_MEMORY);
        assert_int_equal(test->engine->stats.in_progress, 0);
    }
    assert_in_range(failed, 8, 48);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(units_of_others_are_taken_with_the_next_call),
        TEST(a_look_takes_nothing),
        TEST(a_proof_holds_for_who_stood_in_the_queue),
        TEST(a_slow_shard_does_not_stop_a_queue),
        TEST(it_ends_while_it_searches),
        TEST(trouble_ends_it),
        TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
