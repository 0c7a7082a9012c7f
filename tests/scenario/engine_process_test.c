/* The engine alone: processing the queue of a shard, over one call or several.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN = SK__ANSWER_AGAIN, EPOCH = 1 };

static uint8_t reply[8192];

static seckill_queue_process_options options_of(uint64_t from, uint64_t to, uint32_t max) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = 1;
    options.max = max;
    options.from.n = from;
    options.to.n = to;
    options.from.epoch = options.to.epoch = from != 0 ? EPOCH : 0;
    return options;
}

static void start(engine_test *test, engine_ask *ask, uint64_t from, uint64_t to, uint32_t max) {
    seckill_queue_process_options options = options_of(from, to, max);

    engine_process(test, ask, &options);
    assert_int_equal(ask->started, SECKILL_OK);
    fake_transport_turn(&test->wire);
}

/* Decided so many of the requests up to 20, then stopped; hands out `entries` requests from `next` on. */
static size_t write_reply(engine_test *test, uint32_t granted, uint32_t refused, uint8_t stop, uint64_t next,
                          uint32_t entries) {
    sk__writer writer = sk__writer_of(reply, sizeof(reply));

    memset(reply, 0, sizeof(reply));
    test->wire.queue_decided = next - 1;
    test->wire.queue_enqueued = 20;
    fake_write_header(&test->wire, &writer, 1);
    fake_write_processed(&test->wire, &writer, granted, refused, stop, next);
    sk__write_u32(&writer, entries);
    for (uint32_t i = 0; i < entries; i++) {
        char user[8];

        (void)snprintf(user, sizeof(user), "w%u", (unsigned)(next + i));
        fake_write_entry(&test->wire, &writer, user);
    }
    assert_false(writer.failed);
    return writer.at;
}

static void answer(engine_test *test, uint32_t granted, uint32_t refused, uint8_t stop, uint64_t next, uint32_t entries) {
    size_t size = write_reply(test, granted, refused, stop, next, entries);

    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, size);
}

/* Every shard is asked what it has, until the queue's script is sent again; how many surveys that took. */
static size_t search(engine_test *test) {
    size_t surveys = 0;

    for (int ms = 0; ms < 1000; ms++) {
        size_t oldest;

        fake_transport_advance(&test->wire, ms != 0);
        while ((oldest = fake_transport_oldest(&test->wire)) < test->wire.count) {
            if (test->wire.sent[oldest].script != SK__SCRIPT_survey)
                return surveys;
            fake_transport_play(&test->wire, oldest);
            surveys++;
        }
    }
    fail_msg("it was not sent again");
    return 0;
}

static void assert_counts(const engine_ask *ask, uint32_t granted, uint32_t refused) {
    assert_int_equal(ask->processed.decided, granted + refused);
    assert_int_equal(ask->processed.granted, granted);
    assert_int_equal(ask->processed.refused, refused);
    assert_int_equal(ask->processed.blacklisted, 0);
}

/* ---- one call ---- */

static void what_is_sent(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint8_t verdicts[] = {0, 1, 0, 255};
    seckill_queue_process_options options = options_of(5, 8, 100);
    fake_process sent;

    engine_test_know_map(test);
    options.blacklisted = verdicts;
    options.blacklisted_count = sizeof(verdicts);
    engine_process(test, &ask, &options);
    memset(verdicts, 7, sizeof(verdicts)); /* they were copied */
    assert_int_equal(test->wire.count, 0);
    fake_transport_turn(&test->wire);
    assert_int_equal(test->wire.count, 1);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_queue_process);
    assert_non_null(strstr(engine_last(test)->argv[7], ":queue"));
    sent = fake_sent_process(engine_last(test));
    assert_int_equal(sent.from_epoch, 1);
    assert_int_equal(sent.from_n, 5);
    assert_int_equal(sent.to_n, 8);
    assert_int_equal(sent.verdicts_n, 5);
    assert_int_equal(fake_sent_supply(engine_last(test)).version, 0);
    assert_int_equal(fake_sent_supply(engine_last(test)).units,
                     SECKILL_AMOUNT_MAX); /* nothing is proven: nobody asks for more */
    assert_int_equal(fake_sent_supply(engine_last(test)).count, 0);
    assert_int_equal(sent.max, 100);
    assert_int_equal(sent.verdict_count, 4);
    assert_memory_equal(sent.verdicts, "\0\1\0\377", 4);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
}

static void what_is_handed_out(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    start(test, &ask, 3, 4, 5);
    answer(test, 1, 1, 0, 5, 5);
    engine_assert_done(&ask, SECKILL_OK);
    assert_counts(&ask, 1, 1);
    assert_int_equal(ask.processed.shard, 1);
    assert_int_equal(ask.processed.stopped, SECKILL_OK);
    assert_int_equal(ask.processed.waiting, 16);
    assert_int_equal(ask.processed.server_time_ms, test->wire.wall_ms);
    assert_int_equal(ask.processed.count, 5);
    for (unsigned i = 0; i < 5; i++) {
        char user[8];

        (void)snprintf(user, sizeof(user), "w%u", 5 + i);
        assert_string_equal(ask.users[i], user);
        assert_int_equal(ask.entries[i].id.epoch, EPOCH);
        assert_int_equal(ask.entries[i].id.n, 5 + i);
        assert_int_equal(ask.entries[i].quantity, 1);
        assert_int_equal(ask.entries[i].since_ms, test->wire.wall_ms);
        assert_memory_equal(ask.entries[i].reservation_id, "0123456789abcdef", 16);
    }
    assert_int_equal(test->engine->stats.granted, 1);
}

/* From nothing to nothing, as a worker does it. */
static void a_worker_goes_through_the_queue(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    test->wire.queue_enqueued = 7;
    start(test, &ask, 0, 0, 3);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.processed.count, 3);
    for (uint64_t decided = 0; ask.processed.count != 0;) {
        uint64_t from = ask.entries[0].id.n, count = ask.processed.count;

        decided += count;
        start(test, &ask, from, from + count - 1, 3);
        fake_transport_play_all(&test->wire);
        engine_assert_done(&ask, SECKILL_OK);
        assert_int_equal(ask.processed.decided, count);
        assert_int_equal(ask.processed.waiting, 7 - decided);
    }
    assert_int_equal(test->wire.queue_decided, 7);
    assert_null(ask.processed.entries);
    assert_int_equal(test->engine->stats.granted, 7);
}

static void a_sale_that_is_not_on_stops_it(void **state) {
    engine_test *test = *state;
    static const seckill_status stops[] = {SECKILL_NOT_STARTED, SECKILL_PAUSED};
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < 2; i++) {
        start(test, &ask, 3, 8, 4);
        answer(test, 0, 0, (uint8_t)stops[i], 3, 4);
        engine_assert_done(&ask, SECKILL_OK);
        assert_int_equal(ask.processed.stopped, stops[i]);
        assert_counts(&ask, 0, 0);
        assert_int_equal(ask.processed.count, 4);
    }
    assert_int_equal(test->wire.count, 2);
}

static void an_item_that_has_fewer_shards(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    seckill_queue_process_options options = options_of(0, 0, 1);

    options.shard = test->wire.shards;
    engine_process(test, &ask, &options);
    assert_int_equal(ask.started, SECKILL_OK);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_INVALID);
    assert_int_equal(ask.processed.shard, options.shard);
    assert_int_equal(test->wire.count, 1); /* the mapping list */
}

/* ---- several calls ---- */

/* Where units are short the script wants to be told so, by someone who has seen that there are none anywhere. */
static void it_goes_on_with_a_proof(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    int64_t began;
    fake_process sent;
    fake_supply proof;

    engine_test_know_map(test);
    start(test, &ask, 3, 12, 4);
    began = test->wire.now_ms;
    answer(test, 2, 1, SECKILL_SOLD_OUT, 6, 4);
    assert_int_equal(ask.calls, 0);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_survey); /* in the same turn */
    assert_int_equal(search(test), 8);                              /* all shards, twice */
    assert_int_equal(test->wire.now_ms, began);
    assert_int_equal(ask.calls, 0);
    sent = fake_sent_process(engine_last(test));
    assert_int_equal(sent.from_epoch, EPOCH);
    assert_int_equal(sent.from_n, 6);
    assert_int_equal(sent.to_n, 12);
    assert_int_equal(sent.verdicts_n, 3);
    proof = fake_sent_supply(engine_last(test));
    assert_int_equal(proof.epoch, EPOCH);
    assert_int_equal(proof.version, 1);
    assert_int_equal(proof.units, 0);
    assert_int_equal(proof.enqueued, 20);
    answer(test, 1, 6, 0, 13, 2);
    engine_assert_done(&ask, SECKILL_OK);
    assert_counts(&ask, 3, 7);
    assert_int_equal(ask.processed.count, 2);
    assert_int_equal(ask.entries[0].id.n, 13);
    assert_string_equal(ask.users[1], "w14");
    assert_int_equal(ask.processed.waiting, 8);
    assert_int_equal(test->engine->stats.granted, 3);

    start(test, &ask, 13, 14, 0); /* the next call knows already */
    proof = fake_sent_supply(engine_last(test));
    assert_int_equal(proof.version, 1);
    assert_int_equal(proof.units, 0);
    assert_int_equal(proof.enqueued, 20);
    answer(test, 0, 2, 0, 15, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.processed.count, 0);
    assert_int_equal(ask.processed.waiting, 6);
}

/* What was proven for one shard is proven for all, each at its own version. */
static void a_proof_is_of_all_shards(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    seckill_queue_process_options options = options_of(3, 12, 4);

    engine_test_know_map(test);
    start(test, &ask, 3, 12, 4);
    answer(test, 0, 0, SECKILL_NOT_ENOUGH, 3, 4);
    (void)search(test);
    answer(test, 0, 10, 0, 13, 4);
    engine_assert_done(&ask, SECKILL_OK);
    options.shard = 2;
    engine_process(test, &ask, &options);
    fake_transport_turn(&test->wire);
    assert_int_equal(fake_sent_supply(engine_last(test)).units, 0);
    fake_transport_play_all(&test->wire);
}

/* Units came meanwhile: all are asked again, and the next proof is of another version. */
static void units_that_come_meanwhile_are_granted(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t surveys;

    engine_test_know_map(test);
    start(test, &ask, 3, 12, 0);
    answer(test, 1, 0, SECKILL_SOLD_OUT, 4, 0);
    (void)search(test);
    assert_int_equal(fake_sent_supply(engine_last(test)).version, 1);
    answer(test, 5, 0, SECKILL_SOLD_OUT, 9, 0);
    test->wire.shard_version = test->wire.map_version = 9;
    surveys = search(test);
    fake_transport_play(&test->wire, fake_transport_oldest(&test->wire)); /* the mapping list, which is newer too */
    assert_int_equal(surveys + search(test), 8);
    assert_int_equal(fake_sent_supply(engine_last(test)).version, 9);
    assert_int_equal(fake_sent_process(engine_last(test)).from_n, 9);
    answer(test, 0, 4, 0, 13, 0);
    engine_assert_done(&ask, SECKILL_OK);
    assert_counts(&ask, 6, 4);
}

static void more_overdue_than_one_script_takes_back(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    uint64_t next = 3;

    engine_test_know_map(test);
    start(test, &ask, 3, 12, 1);
    for (int i = 0; i < 5; i++) {
        answer(test, 1, 0, AGAIN, ++next, 1);
        assert_int_equal(ask.calls, 0);
        assert_int_equal(fake_sent_process(engine_last(test)).from_n, next);
        assert_int_equal(fake_sent_supply(engine_last(test)).units, SECKILL_AMOUNT_MAX); /* that is no shortage */
    }
    answer(test, 5, 0, 0, 13, 1);
    engine_assert_done(&ask, SECKILL_OK);
    assert_counts(&ask, 10, 0);
    assert_string_equal(ask.users[0], "w13");
    assert_int_equal(test->wire.count, 6);
}

/* Paused in between: what was decided before it counts. */
static void it_is_paused_in_between(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    start(test, &ask, 3, 12, 8);
    answer(test, 2, 0, AGAIN, 5, 8);
    answer(test, 0, 0, SECKILL_PAUSED, 5, 3);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.processed.stopped, SECKILL_PAUSED);
    assert_counts(&ask, 2, 0);
    assert_int_equal(ask.processed.count, 3);
}

/* ---- what is lost, late, or out of date ---- */

static void a_lost_answer_is_asked_for_again(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    start(test, &ask, 3, 4, 5);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_mend(&test->wire);
    assert_int_equal(test->wire.count, 2);
    for (int i = 0; i < test->wire.sent[0].argc; i++) {
        assert_int_equal(test->wire.sent[0].sizes[i], test->wire.sent[1].sizes[i]);
        assert_memory_equal(test->wire.sent[0].argv[i], test->wire.sent[1].argv[i], test->wire.sent[0].sizes[i]);
    }
    answer(test, 0, 0, 0, 5, 2); /* the first sending decided them */
    engine_assert_done(&ask, SECKILL_OK);
    assert_counts(&ask, 0, 0);
    assert_int_equal(ask.processed.count, 2);
    assert_int_equal(test->engine->stats.repeated, 1);
}

static void an_error_after_a_loss_is_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    start(test, &ask, 3, 4, 5);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_mend(&test->wire);
    fake_transport_error(&test->wire, 1, "DAMAGED no such key (x)");
    engine_assert_done(&ask, SECKILL_UNKNOWN);
    assert_string_equal(ask.message, "no such key (x)");
}

static void deadlines(void **state) {
    engine_test *test = *state;
    static engine_ask sent, between, unsent;
    seckill_queue_process_options options = options_of(3, 8, 5);

    engine_test_know_map(test);
    options.timeout_ms = 50;
    engine_process(test, &sent, &options);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&sent, SECKILL_UNKNOWN);
    fake_transport_play_all(&test->wire);
    assert_int_equal(sent.calls, 1);

    engine_process(test, &between, &options);
    fake_transport_advance(&test->wire, 30);
    answer(test, 2, 1, AGAIN, 6, 5);
    fake_transport_advance(&test->wire, 19);
    assert_int_equal(between.calls, 0);
    fake_transport_break(&test->wire, "reset by the test");
    fake_transport_advance(&test->wire, 1);
    engine_assert_done(&between, SECKILL_UNKNOWN);
    assert_counts(&between, 2, 1);
    assert_int_equal(between.processed.count, 0);
    assert_null(between.processed.entries);

    engine_process(test, &unsent, &options);
    fake_transport_advance(&test->wire, 50);
    engine_assert_done(&unsent, SECKILL_UNREACHABLE);
    assert_string_equal(unsent.message, "reset by the test");
    assert_counts(&unsent, 0, 0);
    fake_transport_mend(&test->wire);
    fake_transport_play_all(&test->wire);
}

/* An error where something was decided before is not "nothing was done". */
static void an_error_in_between(void **state) {
    static const struct {
        const char *text;
        seckill_status alone, between;
    } errors[] = {
        {"OOM command not allowed", SECKILL_SERVER_MEMORY, SECKILL_UNKNOWN},
        {"NOPERM no", SECKILL_DENIED, SECKILL_DENIED},
        {"DAMAGED x", SECKILL_DAMAGED, SECKILL_DAMAGED},
    };
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        start(test, &ask, 3, 8, 5);
        fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), errors[i].text);
        engine_assert_done(&ask, errors[i].alone);
        start(test, &ask, 3, 8, 5);
        answer(test, 2, 0, AGAIN, 5, 5);
        fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), errors[i].text);
        engine_assert_done(&ask, errors[i].between);
        assert_counts(&ask, 2, 0);
        assert_int_equal(ask.processed.count, 0);
        assert_null(ask.processed.entries);
        assert_int_equal(ask.processed.stopped, SECKILL_OK);
    }
}

static void an_older_shard_is_brought_up_to_date_first(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    static const sk__script_id scripts[] = {SK__SCRIPT_queue_process, SK__SCRIPT_map_get, SK__SCRIPT_define,
                                            SK__SCRIPT_queue_process};

    engine_test_know_map(test);
    start(test, &ask, 3, 8, 5);
    fake_transport_error(&test->wire, 0, "OLDER settings (x)");
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(test->wire.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(test->wire.sent[i].script, scripts[i]);
}

static void it_closes_from_every_state(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    for (int i = 0; i < 6; i++) {
        if (test->engine == NULL)
            engine_test_open(test);
        test->wire.up = true;
        if (i != 0)
            engine_test_know_map(test);
        start(test, &ask, 3, 8, 5);
        if (i == 2)
            answer(test, 2, 0, AGAIN, 5, 5);
        if (i == 3)
            fake_transport_break(&test->wire, "reset");
        if (i == 4)
            fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "LOADING");
        if (i == 5)
            fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "OLDER");
        engine_test_close(test);
        assert_int_equal(ask.calls, 1);
        if (i <= 3)
            assert_int_equal(ask.status, i == 0 ? SECKILL_CLOSED : SECKILL_UNKNOWN);
        assert_int_equal(ask.processed.decided, i == 2 ? 2 : 0);
        fake_transport_free(&test->wire);
    }
}

static void start_next(engine_ask *ask) {
    seckill_queue_process_options options = options_of(0, 0, 2);

    if (ask->processed.status == SECKILL_OK && ask->processed.count != 0) {
        options.from = ask->entries[0].id;
        options.to = ask->entries[ask->processed.count - 1].id;
        engine_process(ask->test, ask, &options);
    }
}

/* The callback of one starts the next, and the last closes the item. */
static void callbacks_act(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    test->wire.queue_enqueued = 9;
    ask.test = test;
    ask.then = start_next;
    start(test, &ask, 0, 0, 2);
    fake_transport_play_all(&test->wire);
    assert_int_equal(test->wire.queue_decided, 9);
    assert_int_equal(ask.status, SECKILL_OK);
    assert_int_equal(test->engine->stats.in_progress, 0);
    ask.then = NULL;
    start(test, &ask, 0, 0, 2);
    sk__item_close(test->item);
    test->item = NULL;
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_true(sk__list_is_empty(&test->engine->items));
}

/* Each allocation fails in turn, in a processing of two calls that hand out requests. */
static void memory_runs_out(void **state) {
    engine_test *test = *state;
    size_t failed = 0;

    for (size_t after = 1; after < 14; after++) {
        static engine_ask ask;
        seckill_queue_process_options options = options_of(3, 8, 5);

        engine_test_close(test);
        engine_test_open(test);
        engine_test_know_map(test);
        test->fail_at = test->allocations + after;
        engine_process(test, &ask, &options);
        fake_transport_turn(&test->wire);
        if (fake_transport_waiting(&test->wire) != 0)
            answer(test, 2, 0, AGAIN, 5, 5);
        if (fake_transport_waiting(&test->wire) != 0)
            answer(test, 4, 0, 0, 9, 5);
        test->fail_at = 0;
        failed += ask.started != SECKILL_OK || ask.status != SECKILL_OK;
        assert_int_equal(ask.calls, ask.started == SECKILL_OK);
        if (ask.calls == 1 && ask.status != SECKILL_OK) {
            assert_int_equal(ask.status, ask.processed.decided == 0 ? SECKILL_NO_MEMORY : SECKILL_UNKNOWN);
            assert_int_equal(ask.processed.count, 0);
        }
        if (ask.calls == 1 && ask.status == SECKILL_OK)
            assert_counts(&ask, 6, 0);
        assert_int_equal(test->engine->stats.in_progress, 0);
    }
    assert_in_range(failed, 6, 13);
}

/* ---- answers that are none ---- */

static void assert_nothing_is_believed(engine_test *test, const engine_ask *ask) {
    engine_assert_done(ask, SECKILL_PROTOCOL);
    assert_counts(ask, 0, 0);
    assert_int_equal(ask->processed.count + ask->processed.waiting, 0);
    assert_null(ask->processed.entries);
    assert_int_equal(test->engine->stats.granted, 0);
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
}

/* A good reply, cut or lengthened to every size. */
static void a_reply_of_another_size_is_no_answer(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t right = 0;

    engine_test_know_map(test);
    for (size_t size = 0; right == 0 || size < 260; size++) {
        start(test, &ask, 3, 4, 5);
        if (write_reply(test, 0, 2, 0, 5, 3) == size)
            right++;
        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, size);
        if (ask.status == SECKILL_OK)
            engine_assert_done(&ask, SECKILL_OK);
        else
            assert_nothing_is_believed(test, &ask);
        assert_int_equal(ask.status == SECKILL_OK, write_reply(test, 0, 2, 0, 5, 3) == size);
    }
    assert_int_equal(right, 1);
}

/* Where in the reply: behind the header, the counts. */
enum {
    STOP_AT = 14 + 16,
    PROGRESS_AT = STOP_AT + 5,
    COUNT_AT = PROGRESS_AT + 32,
    ENTRY_AT = COUNT_AT + 4,
    USER_AT = ENTRY_AT + 26
};

static void a_reply_out_of_range_is_no_answer(void **state) {
    /* A byte of the good reply, and what stands there instead. */
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {STOP_AT, SECKILL_LIMIT_REACHED},
        {STOP_AT, SECKILL_ENDED},
        {STOP_AT, SECKILL_SOLD_OUT}, /* but it needs none */
        {STOP_AT, SECKILL_NOT_ENOUGH},
        {STOP_AT, SK__ANSWER_SHORT},
        {STOP_AT, SECKILL_CONFLICT},
        {STOP_AT, SK__ANSWER_LOST},
        {STOP_AT, 200},
        {STOP_AT, 255},
        {PROGRESS_AT + 7, 21},
        {PROGRESS_AT + 8, 1},
        {PROGRESS_AT + 15, 3},
        {PROGRESS_AT, 255},
        {COUNT_AT, 1},
        {COUNT_AT, 255},
        {COUNT_AT + 3, 0},
        {COUNT_AT + 3, 2},
        {COUNT_AT + 3, 4},
        {COUNT_AT + 3, 5},
        {COUNT_AT + 3, 6},
        {COUNT_AT + 3, 255},
        {USER_AT, 0},
        {USER_AT, 1},
        {USER_AT, 65},
        {USER_AT, 255},
    };
    engine_test *test = *state;
    static engine_ask ask;
    size_t size;

    engine_test_know_map(test);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        start(test, &ask, 3, 4, 5);
        size = write_reply(test, 2, 0, 0, 5, 3);
        assert_int_equal(reply[COUNT_AT + 3], 3);
        assert_int_equal(reply[USER_AT], 2);
        reply[changes[i].at] = changes[i].value;
        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, size);
        assert_nothing_is_believed(test, &ask);
    }
}

static void more_than_was_asked_for_is_no_answer(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    for (uint32_t max = 0; max < 4; max++) {
        start(test, &ask, 3, 4, max);
        answer(test, 2, 0, 0, 5, max + 1);
        assert_nothing_is_believed(test, &ask);
    }
}

static void users_of_every_size(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    for (size_t length = 0; length <= 100; length++) {
        sk__writer writer = sk__writer_of(reply, sizeof(reply));
        char user[101];

        memset(user, 'u', sizeof(user));
        user[length] = '\0';
        start(test, &ask, 0, 0, 1);
        fake_write_header(&test->wire, &writer, 1);
        fake_write_processed(&test->wire, &writer, 0, 0, 0, 1);
        sk__write_u32(&writer, 1);
        fake_write_entry(&test->wire, &writer, user);
        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), reply, writer.at);
        engine_assert_done(&ask, length >= 1 && length <= SECKILL_USER_MAX ? SECKILL_OK : SECKILL_PROTOCOL);
        if (ask.status == SECKILL_OK)
            assert_string_equal(ask.users[0], user);
    }
}

/* The first call's answer stands, the second's is none. */
static void garbage_in_between(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    engine_test_know_map(test);
    start(test, &ask, 3, 8, 5);
    answer(test, 2, 1, AGAIN, 6, 5);
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), "garbage", 7);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    assert_counts(&ask, 2, 1);
    assert_int_equal(ask.processed.count, 0);
    start(test, &ask, 3, 8, 5);
    fake_transport_other(&test->wire, fake_transport_oldest(&test->wire));
    engine_assert_done(&ask, SECKILL_PROTOCOL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_sent),
        TEST(what_is_handed_out),
        TEST(a_worker_goes_through_the_queue),
        TEST(a_sale_that_is_not_on_stops_it),
        TEST(an_item_that_has_fewer_shards),
        TEST(it_goes_on_with_a_proof),
        TEST(a_proof_is_of_all_shards),
        TEST(units_that_come_meanwhile_are_granted),
        TEST(more_overdue_than_one_script_takes_back),
        TEST(it_is_paused_in_between),
        TEST(a_lost_answer_is_asked_for_again),
        TEST(an_error_after_a_loss_is_unknown),
        TEST(deadlines),
        TEST(an_error_in_between),
        TEST(an_older_shard_is_brought_up_to_date_first),
        TEST(it_closes_from_every_state),
        TEST(callbacks_act),
        TEST(memory_runs_out),
        TEST(a_reply_of_another_size_is_no_answer),
        TEST(a_reply_out_of_range_is_no_answer),
        TEST(more_than_was_asked_for_is_no_answer),
        TEST(users_of_every_size),
        TEST(garbage_in_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
