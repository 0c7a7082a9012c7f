/* The engine alone, on shards that really hold stock, under random delays, losses and outages: units are neither made nor lost,
 * every call is answered once, and whoever is told that there are not so many was told the truth at an instant of his waiting.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_shards.h"
#include "test_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASKS = 300, STEPS = 2500, LOOKS = 4 * STEPS };

typedef struct {
    engine_ask ask;
    uint32_t units;
    int64_t least; /* units that there were, at the instant of its waiting at which there were fewest */
    int64_t due_ms;
    bool is_reserve, is_confirm;
} request;

typedef struct {
    engine_test *test;
    engine_shards shards;
    uint64_t random;
    request requests[ASKS];
    unsigned count;
    bool quiet; /* nothing is lost any more */
    struct {
        int64_t at_ms, units;
    } looks[LOOKS]; /* a ring */
    size_t look_count;
} schedule;

static uint32_t chance(schedule *run, uint32_t below) {
    return test_run_below(&run->random, below);
}

/* ---- what is true ---- */

/* All that could be given: debts are not taken off, since no shard knows of another's. */
static int64_t units_now(const schedule *run) {
    int64_t units = engine_shards_transit(&run->shards);

    for (uint32_t i = 0; i < run->test->wire.shards; i++)
        units += run->shards.of[i].available > 0 ? run->shards.of[i].available : 0;
    return units;
}

static void look(schedule *run) {
    int64_t units = units_now(run);

    engine_shards_check(&run->shards);
    run->looks[run->look_count % LOOKS].at_ms = run->test->wire.now_ms;
    run->looks[run->look_count++ % LOOKS].units = units;
    for (unsigned i = 0; i < run->count; i++) {
        if (run->requests[i].ask.calls == 0 && run->requests[i].least > units)
            run->requests[i].least = units;
    }
}

/* A reserve may be refused by what was true so long before it came. */
static int64_t least_remembered(const schedule *run) {
    int64_t least = INT64_MAX;

    for (size_t i = run->look_count; i > 0 && i + LOOKS > run->look_count; i--) {
        if (run->looks[(i - 1) % LOOKS].units < least)
            least = run->looks[(i - 1) % LOOKS].units;
        if (run->looks[(i - 1) % LOOKS].at_ms + SK__MEMORY_MS <= run->test->wire.now_ms)
            return least; /* as it was when that time began */
    }
    return least;
}

static void judge(schedule *run, const request *r, unsigned i) {
    bool short_of = r->ask.status == SECKILL_SOLD_OUT || r->ask.status == SECKILL_NOT_ENOUGH;

    if (r->ask.calls > 1 || (r->ask.calls == 0 && run->test->wire.now_ms > r->due_ms))
        fail_msg("call %u was called back %d times", i, r->ask.calls);
    if (r->ask.calls == 0 || (!r->is_reserve && !r->is_confirm))
        return;
    if (r->is_confirm && r->ask.status == SECKILL_EXPIRED && !r->ask.replayed)
        short_of = true;
    if (short_of && r->least >= (int64_t)r->units)
        fail_msg("call %u for %u units was refused, and there were never less than %" PRId64, i, r->units, r->least);
    if (r->ask.status == SECKILL_SOLD_OUT && r->least > 0)
        fail_msg("call %u was told \"sold out\" with %" PRId64 " left", i, r->least);
    if (run->quiet && !short_of && r->ask.status != SECKILL_OK && r->ask.status != SECKILL_UNKNOWN &&
        r->ask.status != SECKILL_UNREACHABLE && r->ask.status != SECKILL_SERVER_BUSY && r->ask.status != SECKILL_CANCELLED)
        fail_msg("call %u: %s", i, seckill_status_name(r->ask.status));
}

/* ---- what happens ---- */

static void start_one(schedule *run) {
    engine_test *test = run->test;
    request *r = &run->requests[run->count];
    uint32_t timeout = chance(run, 4) == 0 ? 1 + chance(run, 60) : 400 + chance(run, 1500);
    char user[16];

    if (run->count == ASKS)
        return;
    (void)snprintf(user, sizeof(user), "u%u", chance(run, 6) == 0 ? chance(run, run->count + 1) : run->count);
    run->count++;
    r->ask.test = test;
    r->units = 1;
    r->due_ms = test->wire.now_ms + timeout;
    r->least = INT64_MAX;
    switch (chance(run, 12)) {
    case 0:
        engine_cancel(test, &r->ask, user, timeout);
        break;
    case 1:
        engine_finish_transfers(test, &r->ask, timeout);
        break;
    case 2:
        r->is_confirm = true;
        engine_confirm(test, &r->ask, user, 1, timeout);
        break;
    default:
        r->is_reserve = true;
        /* One quantity for each user, so that nobody's request contradicts an earlier one of his. */
        r->units = 1 + (uint32_t)strtoul(user + 1, NULL, 10) * 7 % 5;
        r->least = least_remembered(run);
        engine_reserve_units(test, &r->ask, user, r->units, chance(run, 3) == 0 ? SECKILL_FIRST_ATTEMPT : 0, timeout);
        break;
    }
    look(run);
}

/* Another client takes and gives: it sends to a shard and dies, or takes there, or serves, or cancels. */
static void act_of_another(schedule *run) {
    uint32_t count = run->test->wire.shards, from = chance(run, count), to = chance(run, count);
    engine_shard *donor = &run->shards.of[from], *other = &run->shards.of[to];

    switch (chance(run, 4)) {
    case 0:
        if (donor->available > 0 && from != to) {
            int64_t units = 1 + chance(run, (uint32_t)donor->available);

            donor->available -= units;
            donor->sent[to] += (uint64_t)units;
            donor->version++;
        }
        break;
    case 1:
        if (from != to && donor->sent[to] > other->taken[from]) {
            other->available += (int64_t)(donor->sent[to] - other->taken[from]);
            other->taken[from] = donor->sent[to];
            other->version++;
        }
        break;
    case 2:
        if (donor->available > 0) {
            donor->available--;
            run->shards.loaded--;
        }
        break;
    default:
        if (chance(run, 4) == 0) {
            donor->available++;
            donor->version++;
            run->shards.loaded++;
        }
        break;
    }
    look(run);
}

static bool is_down(const schedule *run, const fake_sent *sent) {
    return (run->test->wire.down_nodes >> (sent->slot * run->test->wire.nodes / 16384) & 1) != 0;
}

/* Nodes answer in any order; a reply may be lost, with its command or without. */
static void answer_one(schedule *run) {
    fake_transport *wire = &run->test->wire;
    const sk__reply lost = {SK__REPLY_LOST, "lost by the test", 16};
    size_t waiting = fake_transport_waiting(wire), index;
    uint8_t bytes[4096];

    if (waiting == 0)
        return;
    index = fake_transport_oldest(wire);
    for (uint32_t skip = chance(run, 2) ? chance(run, (uint32_t)waiting) : 0; skip > 0; skip--) {
        do
            index++;
        while (wire->sent[index].is_over);
    }
    if (is_down(run, &wire->sent[index]))
        return;
    if (run->quiet || chance(run, 15) != 0) {
        engine_shards_play(&run->shards, index);
    } else {
        if (chance(run, 2) == 0)
            (void)engine_shards_execute(&run->shards, &wire->sent[index], bytes, sizeof(bytes));
        wire->sent[index].is_over = true;
        wire->sent[index].cb(wire->sent[index].context, &lost);
        fake_transport_turn(wire);
    }
    look(run);
}

static void step(schedule *run) {
    fake_transport *wire = &run->test->wire;

    switch (chance(run, 24)) {
    case 0:
        wire->down_nodes = chance(run, 4) == 0 && !run->quiet ? UINT64_C(1) << chance(run, wire->nodes) : 0;
        for (uint32_t i = 0; i < wire->nodes; i++) {
            if ((wire->down_nodes >> i & 1) == 0)
                sk__engine_up(run->test->engine, i);
        }
        fake_transport_turn(wire);
        break;
    case 1:
    case 2:
    case 3:
        start_one(run);
        break;
    case 4:
        act_of_another(run);
        break;
    case 5:
    case 6:
    case 7:
        fake_transport_advance(wire, chance(run, 20) == 0 ? chance(run, 250) : chance(run, 4));
        break;
    case 8:
        run->shards.of[chance(run, wire->shards)].more = chance(run, 10) == 0 && !run->quiet;
        break;
    default:
        answer_one(run);
        break;
    }
}

/* Whoever asks now, when all is quiet, is answered by what there is. */
static void at_the_end(schedule *run) {
    static engine_ask ask;
    engine_test *test = run->test;
    int64_t units;

    run->quiet = true;
    test->wire.down_nodes = 0;
    for (uint32_t i = 0; i < test->wire.nodes; i++)
        sk__engine_up(test->engine, i);
    for (uint32_t i = 0; i < test->wire.shards; i++)
        run->shards.of[i].more = false;
    for (int ms = 0; ms < 2500; ms++) {
        while (fake_transport_waiting(&test->wire) != 0)
            answer_one(run);
        fake_transport_advance(&test->wire, 1);
    }
    for (unsigned i = 0; i < run->count; i++)
        assert_int_equal(run->requests[i].ask.calls, run->requests[i].ask.started == SECKILL_OK);
    units = units_now(run);
    for (uint32_t asked = (uint32_t)units + 1; asked >= (units > 0 ? (uint32_t)units : 1U); asked--) {
        engine_reserve_units(test, &ask, asked > units ? "greedy" : "content", asked, 0, 3000);
        engine_shards_run(&run->shards, &ask, 1, 2500);
        engine_assert_done(&ask, asked <= units ? SECKILL_OK : units > 0 ? SECKILL_NOT_ENOUGH : SECKILL_SOLD_OUT);
    }
    engine_shards_check(&run->shards);
    assert_int_equal(sk__engine_batches(test->engine), 0);
    assert_int_equal(test->engine->stats.in_progress, 0);
}

static void play(engine_test *test, uint64_t seed) {
    schedule *run = calloc(1, sizeof(*run));
    int64_t available[SHARDS_MAX] = {0};

    assert_non_null(run);
    run->test = test;
    run->random = seed;
    test->wire.shards = 1 + chance(run, SHARDS_MAX);
    test->config.random_seed = seed;
    test->config.max_batches = 1 + chance(run, 3);
    engine_test_open(test);
    engine_test_know_map(test);
    for (uint32_t i = 0; i < test->wire.shards; i++)
        available[i] = chance(run, 3) == 0 ? chance(run, 30) : 0;
    engine_shards_init(&run->shards, test, available);
    test->wire.nodes = 1 + chance(run, 6);
    sk__engine_moved(test->engine);
    for (int i = 0; i < STEPS; i++) {
        step(run);
        for (unsigned k = 0; i % 20 == 0 && k < run->count; k++)
            judge(run, &run->requests[k], k);
    }
    if (chance(run, 4) != 0)
        at_the_end(run);
    engine_test_close(test);
    for (unsigned k = 0; k < run->count; k++)
        assert_int_equal(run->requests[k].ask.calls, run->requests[k].ask.started == SECKILL_OK);
    free(run);
}

static void units_are_neither_made_nor_lost(void **state) {
    engine_test *test = *state;
    uint64_t seed = test_run_seed();
    int runs = test_run_is_full() ? 5000 : 100;

    engine_test_close(test);
    for (int i = 0; i < runs; i++) {
        fake_transport_free(&test->wire);
        fake_transport_init(&test->wire);
        play(test, seed + (uint64_t)i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(units_are_neither_made_nor_lost, engine_test_setup, engine_test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
