/* SPDX-License-Identifier: MIT */
#include "fuzz_engine.h"

#include "engine/op.h"

enum { REPLY_SIZE = 64 * 1024, PLAYS_MAX = 64, STEP_MS = 16 };

static void on_log(seckill_log_level level, const char *line, void *user_data) {
    (void)level;
    (void)user_data;
    fuzz_read(line, strlen(line));
}

static void know_map(fuzz_engine *test) {
    fuzz_engine_call(test, 4, 0); /* a lookup */
    fake_transport_play_all(&test->wire);
    fuzz_check(test->asks[0].told == 1);
}

void fuzz_engine_open(fuzz_engine *test, fuzz_input *input) {
    uint8_t flags = fuzz_u8(input), fail_at = fuzz_u8(input);
    sk__engine_config config = {
        .allocator = &test->allocator,
        .log = &test->log,
        .transport = &test->wire.transport,
        .prefix = "seckill",
        .timeout_ms = 1000,
        .max_operations = 8,
        .max_batches = 2,
        .max_batch = 4,
        .max_repeats = 1000000,
        .random_seed = 1,
        .lasting = (flags & FUZZ_LASTING) != 0,
        .replicas = 1,
    };

    memset(test, 0, sizeof(*test));
    fake_transport_init(&test->wire);
    test->wire.shards = 1 + (flags & FUZZ_SHARDS);
    test->wire.nodes = (flags & FUZZ_NODES) != 0 ? 2 : 0;
    test->raw_maps = (flags & FUZZ_RAW_MAPS) != 0;
    test->allocator = failing_memory_allocator(&test->memory);
    test->log = (sk__log){on_log, NULL, SECKILL_LOG_DEBUG};
    fuzz_check(sk__engine_open(&config, &test->engine) == SECKILL_OK);
    test->wire.engine = test->engine;
    fuzz_check(sk__item_open(test->engine, "sale", "phone", &test->item) == SECKILL_OK);
    if (!test->raw_maps)
        know_map(test);
    test->memory.fail_on = (flags & FUZZ_FAIL_ON) != 0;
    test->memory.fail_at = fail_at != 0 ? test->memory.made + fail_at : SIZE_MAX;
}

/* ---- replies */

/* The command that waits: 0 the oldest; wire.count: none. */
static size_t waiting_at(const fake_transport *wire, unsigned place) {
    size_t last = wire->count;

    for (size_t i = 0; i < wire->count; i++) {
        if (wire->sent[i].is_over)
            continue;
        last = i;
        if (place-- == 0)
            break;
    }
    return last;
}

static void give(fuzz_engine *test, size_t index, sk__reply_kind kind, fuzz_input bytes) {
    fake_transport *wire = &test->wire;
    char *copy = fuzz_copy(bytes);
    sk__reply reply = {kind, copy, bytes.size};
    fake_sent *sent;

    if (index < wire->count) {
        sent = &wire->sent[index];
        sent->is_over = true;
        sent->cb(sent->context, &reply); /* may send, and so move wire->sent */
    }
    free(copy);
    fake_transport_turn(wire);
}

/* u8: how many bytes to change (two bits: 0 to 3), how many to cut off (three bits), how many to add (three bits); for each one
 * to change u16 where and u8 what to; what is added. */
static size_t edit(uint8_t *bytes, size_t size, fuzz_input *input) {
    uint8_t plan = fuzz_u8(input), cut = plan >> 2 & 7;
    fuzz_input more;

    for (unsigned i = 0; i < (plan & 3U); i++) {
        uint16_t at = fuzz_u16(input);
        uint8_t value = fuzz_u8(input);

        if (size != 0)
            bytes[at % size] = value;
    }
    size -= cut < size ? cut : size;
    more = fuzz_take(input, plan >> 5);
    if (more.size != 0)
        memcpy(bytes + size, more.data, more.size);
    return size + more.size;
}

static void play(fuzz_engine *test, size_t index, fuzz_input *edits) {
    static uint8_t bytes[REPLY_SIZE];
    fuzz_input reply = {bytes, 0};

    if (index < test->wire.count)
        reply.size = fake_transport_write_reply(&test->wire, &test->wire.sent[index], bytes, sizeof(bytes) - 8);
    if (edits != NULL)
        reply.size = edit(bytes, reply.size, edits);
    give(test, index, SK__REPLY_BYTES, reply);
}

static bool is_of_map(sk__script_id script) {
    return script == SK__SCRIPT_map_get || script == SK__SCRIPT_map_define || script == SK__SCRIPT_map_state;
}

static void play_maps(fuzz_engine *test) {
    fake_transport *wire = &test->wire;

    for (size_t i = 0, plays = 0; i < wire->count && plays < PLAYS_MAX; i++) {
        if (!wire->sent[i].is_over && is_of_map(wire->sent[i].script)) {
            play(test, i, NULL);
            plays++;
        }
    }
}

static void lose(fuzz_engine *test, size_t index) {
    give(test, index, SK__REPLY_LOST, (fuzz_input){(const uint8_t *)"lost", 4});
}

/* ---- events */

static void call(fuzz_engine *test, fuzz_input *input) {
    uint8_t number = fuzz_u8(input), argument = fuzz_u8(input);

    fuzz_engine_call(test, number, argument);
    fake_transport_turn(&test->wire);
}

static void do_event(fuzz_engine *test, fuzz_input *input) {
    fake_transport *wire = &test->wire;
    uint8_t code = fuzz_u8(input);
    size_t index = waiting_at(wire, code >> 4);

    switch ((fuzz_event)(code & 15)) {
    case FUZZ_BYTES:
        give(test, index, SK__REPLY_BYTES, fuzz_take(input, fuzz_u16(input)));
        return;
    case FUZZ_PLAY:
        play(test, index, NULL);
        return;
    case FUZZ_EDIT:
        play(test, index, input);
        return;
    case FUZZ_ERROR:
        give(test, index, SK__REPLY_ERROR, fuzz_take(input, fuzz_u8(input)));
        return;
    case FUZZ_FEW:
        if (index < wire->count && wire->sent[index].lasting)
            give(test, index, SK__REPLY_UNREPLICATED, (fuzz_input){(const uint8_t *)"few", 3});
        return;
    case FUZZ_OTHER:
        give(test, index, SK__REPLY_OTHER, (fuzz_input){NULL, 0});
        return;
    case FUZZ_ADVANCE:
        fake_transport_advance(wire, (int64_t)fuzz_u8(input) * STEP_MS);
        return;
    case FUZZ_CALL:
        call(test, input);
        return;
    case FUZZ_BREAK:
        fake_transport_break(wire, "broken");
        return;
    case FUZZ_MEND:
        fake_transport_mend(wire);
        return;
    case FUZZ_MOVED:
        wire->nodes = wire->nodes == 2 ? 3 : 2;
        sk__engine_moved(test->engine);
        fake_transport_turn(wire);
        return;
    case FUZZ_LOST:
    default:
        lose(test, index);
        return;
    }
}

void fuzz_engine_run(fuzz_engine *test, fuzz_input *input) {
    while (input->size != 0) {
        do_event(test, input);
        if (!test->raw_maps)
            play_maps(test);
    }
}

void fuzz_engine_close(fuzz_engine *test) {
    fake_transport *wire = &test->wire;

    sk__item_close(test->item);
    sk__engine_finish_all(test->engine);
    for (size_t i = 0; i < wire->count; i++) {
        sk__reply lost = {SK__REPLY_LOST, "closed", 6};

        if (!wire->sent[i].is_over) {
            wire->sent[i].is_over = true;
            wire->sent[i].cb(wire->sent[i].context, &lost);
        }
    }
    fuzz_check(test->engine->stats.in_progress == 0);
    sk__engine_free(test->engine);
    for (size_t i = 0; i < test->count; i++)
        fuzz_check(test->asks[i].told == (test->asks[i].started ? 1 : 0));
    fuzz_check(test->memory.outstanding == 0);
    fake_transport_free(wire);
}
