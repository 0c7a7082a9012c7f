/* SPDX-License-Identifier: MIT */
#include "engine_shards.h"

#include <string.h>

enum { REPLY_SIZE = 64 * 1024, PROVEN = 1, REPLAYED = 1, WITH_RECORD = 2 };

void engine_shards_init(engine_shards *shards, engine_test *test, const int64_t *available) {
    memset(shards, 0, sizeof(*shards));
    shards->test = test;
    for (uint32_t i = 0; i < test->wire.shards; i++) {
        shards->of[i].available = available[i];
        shards->of[i].version = 1;
        shards->of[i].epoch = 1;
        shards->loaded += available[i];
    }
}

uint32_t engine_shards_index(const engine_shards *shards, const fake_sent *sent) {
    const seckill_item *item = shards->test->item;
    uint32_t index = 0;

    while (index < shards->test->wire.shards && strcmp(sent->argv[3], item->shards[index].keys[0]) != 0)
        index++;
    assert_true(index < shards->test->wire.shards);
    return index;
}

/* ---- units ---- */

static void take(engine_shard *shard, const fake_sent *sent) {
    fake_supply supply = fake_sent_supply(sent);

    for (uint32_t i = 0; i < supply.count; i++) {
        uint64_t *taken = &shard->taken[supply.takes[i].from];

        if (supply.takes[i].total <= *taken)
            continue;
        shard->available += (int64_t)(supply.takes[i].total - *taken);
        *taken = supply.takes[i].total;
        shard->version++;
    }
}

static size_t find(const engine_shard *shard, const uint8_t *id) {
    size_t i = 0;

    while (i < shard->grant_count && memcmp(shard->grants[i].id, id, 16) != 0)
        i++;
    return i;
}

static void add_grant(engine_shard *shard, const uint8_t *id, uint32_t units, bool over) {
    size_t i = shard->grant_count++;

    assert_true(i < GRANTS_MAX);
    memcpy(shard->grants[i].id, id, 16);
    shard->grants[i].units = units;
    shard->grants[i].over = over;
    if (!over)
        shard->available -= units;
}

/* ---- scripts ---- */

static uint8_t reserve(engine_shard *shard, const fake_sent *sent, size_t op) {
    const uint8_t *id = fake_sent_id(sent, op);
    uint32_t units = fake_sent_units(sent, op);
    size_t found = find(shard, id);

    if (found < shard->grant_count)
        return shard->grants[found].over ? SECKILL_CANCELLED : SECKILL_OK;
    if (shard->available < (int64_t)units)
        return shard->available <= 0 ? SECKILL_SOLD_OUT : SECKILL_NOT_ENOUGH;
    add_grant(shard, id, units, false);
    return SECKILL_OK;
}

static bool is_proven(const engine_shard *shard, const fake_sent *sent, uint32_t units) {
    fake_supply proof = fake_sent_supply(sent);

    return units > proof.units && proof.epoch == shard->epoch && proof.version == shard->version;
}

static uint8_t confirm(engine_shard *shard, const fake_sent *sent, size_t op) {
    const uint8_t *id = fake_sent_id(sent, op);
    uint32_t units = fake_sent_units(sent, op);
    size_t found = find(shard, id);

    if (found < shard->grant_count)
        return shard->grants[found].over ? SECKILL_EXPIRED : SECKILL_OK;
    if (shard->available >= (int64_t)units) {
        add_grant(shard, id, units, false);
        return SECKILL_OK;
    }
    if (id[33] != PROVEN || !is_proven(shard, sent, units))
        return SK__ANSWER_SHORT;
    add_grant(shard, id, units, true);
    return SECKILL_EXPIRED;
}

static uint8_t cancel(engine_shard *shard, const fake_sent *sent, size_t op) {
    size_t found = find(shard, fake_sent_id(sent, op));

    if (found == shard->grant_count)
        return SECKILL_NO_RESERVATION;
    if (!shard->grants[found].over) {
        shard->grants[found].over = true;
        shard->available += shard->grants[found].units;
        shard->version++;
    }
    return SECKILL_OK;
}

static void answer_batch(const engine_shards *shards, engine_shard *shard, const fake_sent *sent, sk__writer *writer) {
    static const uint8_t states[] = {[SK__SCRIPT_reserve] = 1, [SK__SCRIPT_confirm] = 2, [SK__SCRIPT_cancel] = 3};
    size_t count = fake_sent_ops(sent);
    bool ok[64] = {false};

    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        bool known = find(shard, fake_sent_id(sent, i)) < shard->grant_count;
        uint8_t status = sent->script == SK__SCRIPT_reserve   ? reserve(shard, sent, i)
                         : sent->script == SK__SCRIPT_confirm ? confirm(shard, sent, i)
                                                              : cancel(shard, sent, i);

        ok[i] = status == SECKILL_OK;
        fake_write_answer(writer, status, (uint8_t)((known ? REPLAYED : 0) | (ok[i] ? WITH_RECORD : 0)));
    }
    for (size_t i = 0; i < count; i++) {
        if (ok[i])
            fake_write_record(&shards->test->wire, writer, fake_sent_id(sent, i), states[sent->script]);
    }
}

static void survey(const engine_shards *shards, const engine_shard *shard, sk__writer *writer) {
    uint16_t rows = 0;

    sk__write_u64(writer, shard->epoch);
    sk__write_u64(writer, shard->version);
    sk__write_u64(writer, (uint64_t)shard->available);
    sk__write_u64(writer, shard->enqueued);
    sk__write_u8(writer, shard->more);
    for (uint32_t i = 0; i < shards->test->wire.shards; i++)
        rows = (uint16_t)(rows + (shard->sent[i] != 0 || shard->taken[i] != 0));
    sk__write_u16(writer, rows);
    for (uint32_t i = shards->test->wire.shards; i-- > 0;) { /* Lua's tables have no order either */
        if (shard->sent[i] == 0 && shard->taken[i] == 0)
            continue;
        sk__write_u16(writer, (uint16_t)i);
        sk__write_u64(writer, shard->sent[i]);
        sk__write_u64(writer, shard->taken[i]);
    }
}

static void transfer_out(engine_shard *shard, const fake_sent *sent, sk__writer *writer) {
    fake_move move = fake_sent_move(sent);
    uint64_t *row = &shard->sent[move.to];
    int64_t least = move.least > 1 ? (int64_t)move.least : 1, units = 0;

    if (move.taken > *row) {
        shard->available -= (int64_t)(move.taken - *row);
        *row = move.taken;
    }
    if (move.want > 0 && *row <= move.known && shard->available >= least) {
        units = (shard->available + 1) / 2;
        if (units < (int64_t)move.want)
            units = (int64_t)move.want;
        if (units > shard->available)
            units = shard->available;
        shard->available -= units;
        *row += (uint64_t)units;
        shard->version++;
    }
    sk__write_u64(writer, *row);
    sk__write_u64(writer, (uint64_t)units);
}

size_t engine_shards_execute(engine_shards *shards, const fake_sent *sent, uint8_t *bytes, size_t size) {
    sk__writer writer = sk__writer_of(bytes, size);
    engine_shard *shard;

    switch (sent->script) {
    case SK__SCRIPT_reserve:
    case SK__SCRIPT_confirm:
    case SK__SCRIPT_cancel:
    case SK__SCRIPT_survey:
    case SK__SCRIPT_transfer_out:
        break;
    default:
        return fake_transport_write_reply(&shards->test->wire, sent, bytes, size);
    }
    shard = &shards->of[engine_shards_index(shards, sent)];
    fake_write_header(&shards->test->wire, &writer, shards->test->wire.shard_version);
    if (sent->script == SK__SCRIPT_reserve || sent->script == SK__SCRIPT_confirm || sent->script == SK__SCRIPT_survey)
        take(shard, sent);
    if (sent->script == SK__SCRIPT_survey)
        survey(shards, shard, &writer);
    else if (sent->script == SK__SCRIPT_transfer_out)
        transfer_out(shard, sent, &writer);
    else
        answer_batch(shards, shard, sent, &writer);
    assert_false(writer.failed);
    return writer.at;
}

/* ---- playing ---- */

void engine_shards_play(engine_shards *shards, size_t index) {
    static uint8_t bytes[REPLY_SIZE];
    size_t size = engine_shards_execute(shards, &shards->test->wire.sent[index], bytes, sizeof(bytes));

    fake_transport_answer(&shards->test->wire, index, bytes, size);
}

void engine_shards_play_all(engine_shards *shards) {
    fake_transport *wire = &shards->test->wire;
    size_t oldest, limit = wire->count + 2000;

    fake_transport_turn(wire);
    while ((oldest = fake_transport_oldest(wire)) < wire->count) {
        assert_true(wire->count < limit); /* it would never come to rest */
        engine_shards_play(shards, oldest);
    }
}

void engine_shards_run(engine_shards *shards, const engine_ask *asks, size_t count, int64_t ms) {
    for (int64_t at = 0; at <= ms; at++) {
        size_t done = 0;

        fake_transport_advance(&shards->test->wire, at != 0);
        engine_shards_play_all(shards);
        fake_transport_advance(&shards->test->wire, 0);
        engine_shards_play_all(shards);
        for (size_t i = 0; i < count; i++)
            done += asks[i].calls != 0;
        if (done == count)
            return;
    }
    fail_msg("not done after %d ms", (int)ms);
}

size_t engine_shards_next(const engine_shards *shards, sk__script_id script) {
    const fake_transport *wire = &shards->test->wire;
    size_t oldest = fake_transport_oldest(wire);

    assert_true(oldest < wire->count);
    assert_string_equal(sk__script_of(wire->sent[oldest].script)->name, sk__script_of(script)->name);
    return oldest;
}

size_t engine_shards_count(const engine_shards *shards, size_t first, sk__script_id script) {
    size_t count = 0;

    for (size_t i = first; i < shards->test->wire.count; i++)
        count += shards->test->wire.sent[i].script == script;
    return count;
}

/* ---- the account ---- */

int64_t engine_shards_available(const engine_shards *shards) {
    int64_t units = 0;

    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        units += shards->of[i].available;
    return units;
}

int64_t engine_shards_transit(const engine_shards *shards) {
    int64_t units = 0;

    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        for (uint32_t k = 0; k < SHARDS_MAX; k++)
            units += (int64_t)shards->of[i].sent[k] - (int64_t)shards->of[k].taken[i];
    }
    return units;
}

int64_t engine_shards_granted(const engine_shards *shards) {
    int64_t units = 0;

    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        for (size_t k = 0; k < shards->of[i].grant_count; k++)
            units += shards->of[i].grants[k].over ? 0 : shards->of[i].grants[k].units;
    }
    return units;
}

void engine_shards_check(const engine_shards *shards) {
    assert_int_equal(engine_shards_available(shards) + engine_shards_transit(shards) + engine_shards_granted(shards),
                     shards->loaded);
}
