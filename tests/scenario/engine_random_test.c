/* The engine alone under a random schedule of calls, answers, errors, losses, garbage, deadlines, and memory that runs out:
 * every call is answered exactly once and never after its deadline, and nothing leaks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"
#include "test_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASKS = 3000, USERS = 40 };

typedef struct {
    engine_test *test;
    uint64_t random;
    engine_ask asks[ASKS];
    int64_t deadline[ASKS];
    bool detached[ASKS];
    unsigned count;
    bool act_in_callbacks;
} schedule;

static uint32_t chance(schedule *run, uint32_t below) {
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return (uint32_t)(run->random >> 33) % below;
}

static schedule *current; /* for callbacks */

static void start_one(schedule *run);

static void maybe_act(engine_ask *ask) {
    (void)ask;
    if (current->act_in_callbacks && chance(current, 4) == 0)
        start_one(current);
}

/* Sometimes what waits, or did, and sometimes anything. */
static void start_process(schedule *run, engine_ask *ask, uint32_t timeout) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;
    static const uint8_t verdicts[4] = {0, 1, 0, 1};

    options.shard = chance(run, run->test->wire.shards + 1);
    options.max = chance(run, 20);
    options.timeout_ms = timeout;
    if (chance(run, 4) != 0) {
        options.from.epoch = options.to.epoch = 1;
        options.from.n = run->test->wire.queue_decided + 1 + (chance(run, 5) == 0);
        options.to.n = options.from.n + chance(run, 10);
        options.blacklisted = verdicts;
        options.blacklisted_count = chance(run, 5);
    }
    engine_process(run->test, ask, &options);
}

static void start_one(schedule *run) {
    static char users[USERS][8];
    engine_test *test = run->test;
    engine_ask *ask = &run->asks[run->count];
    char *user = users[chance(run, USERS)];
    uint32_t timeout = chance(run, 3) == 0 ? 1 + chance(run, 40) : 1 + chance(run, 2000);

    if (run->count == ASKS || test->item == NULL || test->engine->closing)
        return;
    run->deadline[run->count++] = test->wire.now_ms + timeout;
    (void)snprintf(user, sizeof(users[0]), "%u", (unsigned)((size_t)(user - users[0]) / sizeof(users[0])));
    ask->test = test;
    ask->then = maybe_act;
    switch (chance(run, 22)) {
    case 20:
        engine_refuse(test, ask, user, chance(run, 2) ? SECKILL_SOLD_OUT : SECKILL_BLACKLISTED, timeout);
        break;
    case 21:
        engine_poll(test, ask, user, 0, 0, timeout);
        break;
    case 0:
        engine_define(test, ask, timeout);
        break;
    case 1:
        engine_load(test, ask, chance(run, 2) ? 10 : -10, timeout);
        break;
    case 2:
        engine_expire(test, ask, timeout);
        break;
    case 3:
        if (chance(run, 2))
            engine_stock(test, ask, timeout);
        else
            engine_finish_transfers(test, ask, timeout);
        break;
    case 4:
        engine_lookup(test, ask, user, timeout);
        break;
    case 5:
    case 6:
        engine_cancel(test, ask, user, timeout);
        break;
    case 7:
    case 8:
        engine_enqueue(test, ask, user, timeout);
        break;
    case 9:
    case 10: /* half of them of another epoch: their places are lost */
        engine_poll(test, ask, user, 1 + chance(run, 2), 1 + chance(run, 40), timeout);
        break;
    case 11:
    case 12:
        start_process(run, ask, timeout);
        break;
    case 13:
        engine_confirm(test, ask, user, 1, timeout);
        break;
    default:
        engine_reserve_units(test, ask, user, 1, chance(run, 3) == 0 ? SECKILL_FIRST_ATTEMPT : 0, timeout);
        break;
    }
}

static void garbage(schedule *run, size_t index) {
    uint8_t bytes[300];
    size_t size = chance(run, sizeof(bytes));

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(chance(run, 3) == 0 ? chance(run, 256) : 0);
    fake_transport_answer(&run->test->wire, index, bytes, size);
}

/* Behind a header: to a batch of the queue, some lost, some refused, some waiting. */
static void mix_places(schedule *run, const fake_sent *sent, sk__writer *writer) {
    static const uint8_t kinds[][2] = {{SK__ANSWER_LOST, 0}, {SK__ANSWER_AGAIN, 0}, {SECKILL_SOLD_OUT, 8},
                                       {SECKILL_ENDED, 0},   {SECKILL_OK, 4},       {SECKILL_OK, 4}};
    size_t places = 0;

    fake_write_progress(writer, run->test->wire.queue_decided, run->test->wire.queue_enqueued);
    for (size_t i = 0; i < fake_sent_ops(sent); i++) {
        const uint8_t *kind = kinds[chance(run, sizeof(kinds) / sizeof(kinds[0]))];

        fake_write_answer(writer, kind[0], kind[1]);
        places += kind[1] == 4;
    }
    for (size_t i = 0; i < places; i++)
        fake_write_place(&run->test->wire, writer, 1, 1 + chance(run, 40));
}

/* Some refused now, or before, or not at all, and some whose id was granted. Also to a reserve. */
static void mix_refused(schedule *run, const fake_sent *sent, sk__writer *writer) {
    static const uint8_t kinds[][2] = {{SECKILL_OK, 2}, {SECKILL_SOLD_OUT, 3}, {SECKILL_NOT_ENOUGH, 3}, {SECKILL_ENDED, 3},
                                       {200, 0},        {SECKILL_TOO_OLD, 0},  {SK__ANSWER_AGAIN, 0},   {SECKILL_OK, 3}};
    uint8_t chosen[SECKILL_BATCH_MAX];
    size_t ops = fake_sent_ops(sent);

    if (sent->script == SK__SCRIPT_refuse)
        fake_write_progress(writer, run->test->wire.queue_decided, run->test->wire.queue_enqueued);
    for (size_t i = 0; i < ops; i++) {
        chosen[i] = (uint8_t)chance(run, sizeof(kinds) / sizeof(kinds[0]));
        fake_write_answer(writer, kinds[chosen[i]][0], kinds[chosen[i]][1]);
    }
    for (size_t i = 0; i < ops; i++) {
        if (kinds[chosen[i]][1] != 0)
            fake_write_refused(&run->test->wire, writer, fake_sent_id(sent, i), chance(run, 300));
    }
}

/* Some of it decided, and a reason to stop. */
static void mix_processed(schedule *run, sk__writer *writer) {
    static const uint8_t stops[] = {0, SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_PAUSED, SK__ANSWER_AGAIN, SECKILL_ENDED};

    fake_write_processed(&run->test->wire, writer, chance(run, 3), chance(run, 3), stops[chance(run, sizeof(stops))],
                         1 + chance(run, 40));
    sk__write_u32(writer, chance(run, 2));
    if (chance(run, 2))
        fake_write_entry(&run->test->wire, writer, "somebody");
}

/* Units somewhere, on their way, or owed; whatever was moved before. */
static void mix_survey(schedule *run, sk__writer *writer) {
    uint16_t rows = (uint16_t)chance(run, 4);

    fake_write_survey(&run->test->wire, writer, (int64_t)chance(run, 6) - 1);
    sk__write_u16(writer, rows);
    for (uint16_t i = 0; i < rows; i++) {
        sk__write_u16(writer, (uint16_t)chance(run, 6)); /* also of shards that there are not, and twice */
        sk__write_u64(writer, chance(run, 9));
        sk__write_u64(writer, chance(run, 9));
    }
}

static void mix_move(schedule *run, sk__writer *writer) {
    uint64_t units = chance(run, 4);

    sk__write_u64(writer, units + chance(run, 9));
    sk__write_u64(writer, units);
}

/* A sound answer mostly, some of it AGAIN, some refusals. */
static void mixed(schedule *run, size_t index) {
    static uint8_t bytes[40000];
    fake_transport *wire = &run->test->wire;
    const fake_sent *sent = &wire->sent[index];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    fake_write_header(wire, &writer, wire->shard_version);
    switch (sent->script) {
    case SK__SCRIPT_refuse:
        mix_refused(run, sent, &writer);
        break;
    case SK__SCRIPT_reserve:
        if (chance(run, 3) == 0) {
            mix_refused(run, sent, &writer);
            break;
        }
        for (size_t i = 0; i < fake_sent_ops(sent); i++)
            fake_write_answer(&writer, chance(run, 2) ? SK__ANSWER_AGAIN : (uint8_t)(1 + chance(run, 6)), 0);
        break;
    case SK__SCRIPT_survey:
        mix_survey(run, &writer);
        break;
    case SK__SCRIPT_transfer_out:
        mix_move(run, &writer);
        break;
    case SK__SCRIPT_enqueue:
    case SK__SCRIPT_poll:
        mix_places(run, sent, &writer);
        break;
    case SK__SCRIPT_queue_process:
        mix_processed(run, &writer);
        break;
    default:
        fake_transport_play(wire, index);
        return;
    }
    fake_transport_answer(wire, index, bytes, writer.at);
}

static void answer_one(schedule *run) {
    static const char *const errors[] = {"NOSCRIPT No matching script",
                                         "LOADING",
                                         "OLDER settings",
                                         "OLDER no such shard",
                                         "AGAIN more",
                                         "OOM no",
                                         "NOPERM no",
                                         "DAMAGED",
                                         "BUSY script",
                                         "ERR what",
                                         "",
                                         "TRYAGAIN",
                                         "CONFLICT",
                                         "MISCONF x"};
    fake_transport *wire = &run->test->wire;
    size_t waiting = fake_transport_waiting(wire), index = 0;
    uint32_t at;

    if (waiting == 0)
        return;
    /* One server answers in order; several would not. */
    at = chance(run, 3) == 0 ? chance(run, (uint32_t)waiting) : 0;
    for (index = fake_transport_oldest(wire); at > 0; at--) {
        do
            index++;
        while (wire->sent[index].is_over);
    }
    switch (chance(run, 12)) {
    case 0:
    case 1:
        fake_transport_error(wire, index, errors[chance(run, sizeof(errors) / sizeof(errors[0]))]);
        break;
    case 2:
        garbage(run, index);
        break;
    case 3:
        mixed(run, index);
        break;
    case 4:
        if (wire->sent[index].script == SK__SCRIPT_reserve || wire->sent[index].script == SK__SCRIPT_survey) {
            mixed(run, index);
            break;
        }
        if (chance(run, 8) == 0)
            fake_transport_other(wire, index);
        break;
    default:
        fake_transport_play(wire, index);
        break;
    }
}

static void step(schedule *run) {
    engine_test *test = run->test;
    fake_transport *wire = &test->wire;

    switch (chance(run, 20)) {
    case 0:
        if (wire->up && chance(run, 4) == 0)
            fake_transport_break(wire, "reset by the test");
        break;
    case 1:
        if (!wire->up)
            fake_transport_mend(wire);
        break;
    case 2:
        wire->shard_version += chance(run, 10) == 0;
        if (chance(run, 2))
            wire->map_version = wire->shard_version;
        break;
    case 3:
    case 4:
        fake_transport_advance(wire, chance(run, 10) == 0 ? chance(run, 600) : chance(run, 5));
        break;
    case 5:
        if (run->count != 0) {
            unsigned i = chance(run, run->count);

            if (run->asks[i].op != NULL && run->asks[i].calls == 0) {
                seckill_op_detach(run->asks[i].op);
                run->asks[i].op = NULL;
                run->detached[i] = true;
            }
        }
        break;
    case 6:
        if (chance(run, 4) == 0)
            wire->refuse = SECKILL_NO_MEMORY;
        else if (chance(run, 4) == 0)
            test->fail_at = test->allocations + 1 + chance(run, 5);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        start_one(run);
        break;
    case 11:
        fake_transport_turn(wire);
        break;
    default:
        answer_one(run);
        break;
    }
}

static void check(const schedule *run, bool at_the_end) {
    for (unsigned i = 0; i < run->count; i++) {
        const engine_ask *ask = &run->asks[i];
        int most = ask->started == SECKILL_OK && !run->detached[i];

        if (ask->calls > most || (at_the_end && ask->calls != most))
            fail_msg("call %u was called back %d times, not %d", i, ask->calls, most);
        if (ask->calls == 1 && ask->at_ms > run->deadline[i])
            fail_msg("call %u was called back %" PRId64 " ms after its deadline", i, ask->at_ms - run->deadline[i]);
        if (!at_the_end && most == 1 && ask->calls == 0 && run->test->wire.now_ms > run->deadline[i])
            fail_msg("call %u waits past its deadline", i);
    }
}

static void play(engine_test *test, uint64_t seed) {
    schedule *run = calloc(1, sizeof(*run));

    assert_non_null(run);
    run->test = test;
    run->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    run->act_in_callbacks = chance(run, 2);
    current = run;
    test->config.max_batches = 1 + chance(run, 4);
    test->config.max_batch = 1 + chance(run, 6);
    test->config.max_operations = 10 + chance(run, 200);
    test->config.random_seed = seed;
    engine_test_open(test);
    for (int i = 0; i < 3000; i++) {
        step(run);
        if (i % 100 == 0)
            check(run, false);
    }
    /* Half of them come to rest, half are closed in the midst of it. */
    if (chance(run, 2)) {
        test->fail_at = 0;
        if (!test->wire.up)
            fake_transport_mend(&test->wire);
        run->act_in_callbacks = false;
        for (int i = 0; i < 20; i++) {
            fake_transport_play_all(&test->wire);
            fake_transport_advance(&test->wire, 200);
        }
        check(run, true);
        assert_int_equal(sk__engine_batches(test->engine), 0);
        assert_int_equal(test->engine->stats.in_progress, 0);
    }
    engine_test_close(test);
    check(run, true);
    free(run);
}

static void every_call_is_answered_once_whatever_happens(void **state) {
    engine_test *test = *state;
    uint64_t seed = test_run_seed();
    int runs = test_run_is_full() ? 2000 : 60;

    engine_test_close(test);
    for (int i = 0; i < runs; i++) {
        fake_transport_free(&test->wire);
        fake_transport_init(&test->wire);
        test->fail_at = 0;
        play(test, seed + (uint64_t)i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_call_is_answered_once_whatever_happens, engine_test_setup, engine_test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
