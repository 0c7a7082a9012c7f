/* The engine alone: the steps of a purge, and answers that are none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

enum { SHARDS = 4 };

static uint8_t bytes[512];

/* The list as map_purge answers it. */
static size_t list_reply(engine_test *test, uint8_t purging) {
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    sk__write_u8(&writer, purging);
    fake_write_map(&test->wire, &writer);
    return writer.at;
}

static size_t shard_reply(engine_test *test, uint8_t done, uint64_t reserved, uint64_t sent, uint64_t taken) {
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    fake_write_header(&test->wire, &writer, test->wire.map_version);
    sk__write_u8(&writer, done);
    sk__write_u64(&writer, reserved);
    sk__write_u64(&writer, 0);
    sk__write_u64(&writer, 0);
    sk__write_u64(&writer, sent);
    sk__write_u64(&writer, taken);
    return writer.at;
}

static const fake_sent *oldest(engine_test *test) {
    size_t index = fake_transport_oldest(&test->wire);

    assert_true(index < test->wire.count);
    return &test->wire.sent[index];
}

static const char *argument(const fake_sent *sent, int from_end) {
    return sent->argv[sent->argc - from_end];
}

static void answer(engine_test *test, size_t size) {
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), bytes, size);
}

static void answer_list(engine_test *test, uint8_t purging) {
    assert_int_equal(oldest(test)->script, SK__SCRIPT_map_purge);
    answer(test, list_reply(test, purging));
}

/* Every shard is asked for this step; all are done. */
static void answer_shards(engine_test *test, const char *step) {
    for (int i = 0; i < SHARDS; i++) {
        assert_int_equal(oldest(test)->script, SK__SCRIPT_purge);
        assert_string_equal(argument(oldest(test), 1), step);
        answer(test, shard_reply(test, 1, 0, 7, 7));
    }
}

static void expect_note(engine_test *test, const char *before, const char *after) {
    assert_string_equal(argument(oldest(test), 2), before);
    assert_string_equal(argument(oldest(test), 1), after);
}

static void begin(engine_test *test, engine_ask *ask) {
    test->wire.shards = SHARDS;
    engine_purge(test, ask, 0);
    fake_transport_turn(&test->wire);
    assert_string_equal(argument(oldest(test), 1), "look");
}

static void finish(engine_test *test) {
    answer_shards(test, "remove");
    assert_int_equal(oldest(test)->script, SK__SCRIPT_items_remove);
    answer(test, 0);
    assert_int_equal(oldest(test)->script, SK__SCRIPT_map_purge);
    answer(test, 0);
}

static void it_looks_seals_and_removes(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    begin(test, &ask);
    answer_list(test, 0);
    assert_true(test->item->has_map);
    answer_shards(test, "look");
    expect_note(test, "0", "1");
    answer_list(test, 1);
    assert_false(test->item->has_map);
    answer_shards(test, "seal");
    expect_note(test, "1", "2");
    answer_list(test, 2);
    finish(test);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.outcomes, SHARDS);
    assert_false(test->item->has_map);
}

static void it_goes_on_where_another_has_stopped(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    begin(test, &ask);
    answer_list(test, 1);
    answer_shards(test, "seal");
    answer_list(test, 2);
    finish(test);
    engine_assert_done(&ask, SECKILL_OK);
    begin(test, &ask);
    answer_list(test, 2);
    assert_false(test->item->has_map);
    finish(test);
    engine_assert_done(&ask, SECKILL_OK);
}

static void what_is_seen_in_the_way_marks_nothing(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    begin(test, &ask);
    answer_list(test, 0);
    answer(test, shard_reply(test, 1, 0, 0, 0));
    answer(test, shard_reply(test, 0, 3, 0, 0));
    answer(test, shard_reply(test, 1, 0, 0, 0));
    answer(test, shard_reply(test, 1, 0, 0, 0));
    engine_assert_done(&ask, SECKILL_CONFLICT);
    assert_non_null(strstr(ask.message, "shard 1 is not done: 3 units"));
    assert_int_equal(ask.outcome[1].status, SECKILL_CONFLICT);
    assert_int_equal(ask.outcome[2].status, SECKILL_OK);
    assert_true(test->item->has_map);
}

static void units_between_the_shards_mark_nothing(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    begin(test, &ask);
    answer_list(test, 0);
    for (int i = 0; i < SHARDS; i++)
        answer(test, shard_reply(test, 1, 0, 5, i == 0 ? 4 : 5));
    engine_assert_done(&ask, SECKILL_CONFLICT);
    assert_non_null(strstr(ask.message, "20 were sent and 19 taken"));
}

/* The list is there again before it says so; where that fails it says what failed. */
static void what_comes_in_between_gives_it_up(void **state) {
    static const char *const errors[] = {NULL, "NOPERM no"};
    engine_test *test = *state;
    static engine_ask ask;

    for (size_t i = 0; i < 2; i++) {
        begin(test, &ask);
        answer_list(test, 1);
        for (int k = 0; k < SHARDS; k++)
            answer(test, shard_reply(test, k != 2, k == 2 ? 1 : 0, 0, 0));
        expect_note(test, "1", "0");
        if (errors[i] == NULL)
            answer_list(test, 0);
        else
            fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), errors[i]);
        engine_assert_done(&ask, errors[i] == NULL ? SECKILL_CONFLICT : SECKILL_DENIED);
        assert_non_null(strstr(ask.message, errors[i] == NULL ? "shard 2 is not done: 1 units" : "NOPERM"));
    }
}

/* A failover has lost its seal. What merely failed is no reason: the purge goes on with its repetition. */
static void what_is_back_when_it_removes_gives_it_up_too(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    begin(test, &ask);
    answer_list(test, 2);
    for (int k = 0; k < SHARDS; k++)
        answer(test, shard_reply(test, k != 2, k == 2 ? 1 : 0, 0, 0));
    expect_note(test, "2", "0");
    answer_list(test, 0);
    engine_assert_done(&ask, SECKILL_CONFLICT);
    assert_non_null(strstr(ask.message, "shard 2 is not done: 1 units"));
    begin(test, &ask);
    answer_list(test, 2);
    fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "NOPERM no");
    for (int k = 1; k < SHARDS; k++)
        answer(test, shard_reply(test, 1, 0, 0, 0));
    engine_assert_done(&ask, SECKILL_DENIED);
}

static void an_answer_that_is_none_is_noticed(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t right = 0, size;

    begin(test, &ask);
    answer_list(test, 3);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    begin(test, &ask);
    answer(test, 1);
    engine_assert_done(&ask, SECKILL_PROTOCOL);
    begin(test, &ask);
    answer(test, 0);
    engine_assert_done(&ask, SECKILL_NOT_DEFINED);
    for (size = 0; size < 80; size++) {
        begin(test, &ask);
        answer_list(test, 0);
        for (int i = 0; i < SHARDS; i++) {
            size_t whole = shard_reply(test, 1, 0, 0, 0);

            answer(test, i == 0 ? size : whole);
            right += i == 0 && size == whole;
        }
        if (ask.calls == 0)
            answer(test, 0); /* the list is gone: somebody else did it */
        assert_int_equal(ask.calls, 1);
        assert_true(ask.status == SECKILL_PROTOCOL || ask.status == SECKILL_NOT_DEFINED);
        right += ask.status == SECKILL_NOT_DEFINED;
    }
    assert_int_equal(right, 2);
}

static void at_its_deadline_it_is_unknown(void **state) {
    engine_test *test = *state;
    static engine_ask ask;

    begin(test, &ask);
    answer_list(test, 0);
    answer_shards(test, "look");
    fake_transport_advance(&test->wire, 1000);
    engine_assert_done(&ask, SECKILL_UNKNOWN);
    fake_transport_play_all(&test->wire);
}

/* Answers whatever is asked, as servers would of which one note after the other is taken. */
static void play(engine_test *test, uint8_t *purging) {
    size_t index;

    while (fake_transport_turn(&test->wire), (index = fake_transport_oldest(&test->wire)) < test->wire.count) {
        const fake_sent *sent = &test->wire.sent[index];

        if (sent->script == SK__SCRIPT_purge) {
            answer(test, shard_reply(test, 1, 0, 0, 0));
        } else if (sent->script == SK__SCRIPT_items_remove) {
            answer(test, 0);
        } else if (strcmp(argument(sent, 1), "look") == 0) {
            answer(test, list_reply(test, *purging));
        } else if (strcmp(argument(sent, 2), "remove") == 0) {
            *purging = 0;
            answer(test, 0);
        } else {
            *purging = (uint8_t)(argument(sent, 1)[0] - '0');
            answer(test, list_reply(test, *purging));
        }
    }
}

static void where_memory_runs_out_it_can_be_repeated(void **state) {
    engine_test *test = *state;
    static engine_ask ask;
    size_t failed = 0;
    bool all = false;

    test->wire.shards = SHARDS;
    for (size_t k = 1; !all; k++) {
        uint8_t purging = 0;

        test->fail_at = test->allocations + k;
        engine_purge(test, &ask, 0);
        play(test, &purging);
        all = test->allocations < test->fail_at;
        test->fail_at = 0;
        if (ask.started == SECKILL_OK)
            assert_int_equal(ask.calls, 1);
        if (ask.started == SECKILL_OK && ask.status == SECKILL_OK)
            continue;
        failed++;
        assert_int_equal(ask.started == SECKILL_OK ? ask.status : ask.started, SECKILL_NO_MEMORY);
        engine_purge(test, &ask, 0);
        play(test, &purging);
        engine_assert_done(&ask, SECKILL_OK);
        assert_int_equal(purging, 0);
    }
    assert_true(failed > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_looks_seals_and_removes, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(it_goes_on_where_another_has_stopped, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(what_is_seen_in_the_way_marks_nothing, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(units_between_the_shards_mark_nothing, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(what_comes_in_between_gives_it_up, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(what_is_back_when_it_removes_gives_it_up_too, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_is_none_is_noticed, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(at_its_deadline_it_is_unknown, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(where_memory_runs_out_it_can_be_repeated, engine_test_setup, engine_test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
