#include "engine/once.h"

#include "engine/call.h"

#include <seckill/shard.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    PERIOD_MS = 600000, /* what ends within one is in one key ... */
    SLACK_MS = 60000,   /* ... which is kept for so long behind it: clocks differ */
    HASH_SIZE = 16,
    KEY_SIZE = SECKILL_PREFIX_MAX + 48,
    TAG_SIZE = 16
};

typedef struct once_batch once_batch;

/* Somebody who wants to use something. */
typedef struct {
    sk__link link; /* in engine->once; in none, as its batch carries it */
    sk__timer deadline;
    sk__engine *engine;
    seckill_once_cb cb;
    void *user_data;
    once_batch *batch;
    uint32_t place; /* in it */
    uint32_t part;
    int64_t period;
    uint8_t names[2 * HASH_SIZE]; /* what, by whom */
} once_op;

struct once_batch {
    sk__call call;
    uint32_t part, count;
    int64_t period;
    once_op *ops[SECKILL_BATCH_MAX]; /* NULL: nobody waits for it any more */
    uint8_t names[SECKILL_BATCH_MAX][2 * HASH_SIZE];
};

static uint32_t slot_of(uint32_t part) {
    char tag[TAG_SIZE];
    int size = snprintf(tag, sizeof(tag), "{once/%u}", (unsigned)part);

    return seckill_slot(tag, (size_t)size);
}

/* ---- the end of an op ---- */

static void finish(once_op *op, seckill_status status, const char *cause, bool again) {
    sk__engine *engine = op->engine;
    seckill_once_cb cb = op->cb;
    void *user_data = op->user_data;
    seckill_once_result result = {status, cause[0] != '\0' ? cause : seckill_status_message(status), again};

    sk__timer_stop(engine, &op->deadline);
    sk__list_remove(&op->link);
    if (op->batch != NULL)
        op->batch->ops[op->place] = NULL;
    sk__engine_leave(engine, status);
    sk__engine_release(engine, op);
    cb(&result, user_data);
}

static void on_deadline(sk__engine *engine, sk__timer *timer) {
    once_op *op = SK__CONTAINER(timer, once_op, deadline);
    uint32_t slot = slot_of(op->part);
    seckill_status status = op->batch != NULL ? sk__call_verdict(&op->batch->call) : sk__engine_trouble(engine, slot);

    if (engine->closing && status != SECKILL_UNKNOWN)
        status = SECKILL_CLOSED;
    finish(op, status, status == sk__engine_trouble(engine, slot) ? sk__engine_cause(engine, slot) : "", false);
}

/* ---- a batch ---- */

static bool is_wanted(const sk__call *call) {
    const once_batch *batch = SK__CONTAINER(call, once_batch, call);

    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->ops[i] != NULL)
            return true;
    }
    return false;
}

static void encode(sk__call *call, sk__command *command) {
    const once_batch *batch = SK__CONTAINER(call, once_batch, call);
    char key[KEY_SIZE];
    int size =
        snprintf(key, sizeof(key), "%s:{once/%u}:%lld", call->engine->prefix, (unsigned)batch->part, (long long)batch->period);
    sk__writer writer;

    sk__command_begin(command, SK__SCRIPT_once, call->with_text, 1);
    writer = sk__command_add_packed(command, (size_t)size);
    sk__write_bytes(&writer, key, (size_t)size);
    sk__command_add_number(command, (batch->period + 1) * PERIOD_MS + SLACK_MS);
    sk__command_add(command, batch->names, batch->count * sizeof(batch->names[0]));
}

enum { USED_NOW, USED_BEFORE, USED_BY_ANOTHER };

static void deliver(once_op *op, uint8_t said) {
    if (said > USED_BY_ANOTHER)
        finish(op, SECKILL_PROTOCOL, "", false);
    else
        finish(op, said == USED_BY_ANOTHER ? SECKILL_CONFLICT : SECKILL_OK, "", said == USED_BEFORE);
}

static void end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    once_batch *batch = SK__CONTAINER(call, once_batch, call);
    sk__engine *engine = call->engine;
    char why[256];

    (void)snprintf(why, sizeof(why), "%s", cause); /* callbacks may do anything */
    if (status == SECKILL_OK && sk__reader_left(reply) != batch->count)
        status = SECKILL_PROTOCOL;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint8_t said = sk__read_u8(reply);

        if (batch->ops[i] == NULL)
            continue;
        if (status == SECKILL_OK)
            deliver(batch->ops[i], said);
        else
            finish(batch->ops[i], status, why, false);
    }
    engine->once_busy &= ~(UINT32_C(1) << batch->part);
    sk__engine_release(engine, batch);
    if (!engine->closing) /* else there may be no loop any more */
        sk__engine_wake(engine);
}

static const sk__call_kind once_kind = {is_wanted, encode, end, NULL, NULL};

static void board(once_batch *batch, once_op *op) {
    sk__list_remove(&op->link);
    op->batch = batch;
    op->place = batch->count;
    memcpy(batch->names[batch->count], op->names, sizeof(op->names));
    batch->ops[batch->count++] = op;
}

/* Nothing was sent; who comes while they are told waits for the next turn. */
static void fail_all(sk__link *waiting) {
    sk__link line;

    sk__list_move(waiting, &line);
    while (!sk__list_is_empty(&line))
        finish(SK__CONTAINER(line.next, once_op, link), SECKILL_NO_MEMORY, "", false);
}

/* All of a part that end in the same period as its first; one batch of a part at a time. */
static void make_batch(sk__engine *engine, uint32_t part) {
    sk__link *waiting = &engine->once[part], *link = waiting->next;
    once_batch *batch = sk__engine_alloc(engine, sizeof(*batch));

    if (batch == NULL) {
        fail_all(waiting);
        return;
    }
    batch->part = part;
    batch->period = SK__CONTAINER(link, once_op, link)->period;
    while (link != waiting && batch->count < engine->config.max_batch) {
        once_op *op = SK__CONTAINER(link, once_op, link);

        link = link->next;
        if (op->period == batch->period)
            board(batch, op);
    }
    engine->once_busy |= UINT32_C(1) << part;
    sk__call_start(&batch->call, engine, &once_kind, slot_of(part));
    batch->call.lasting = true;
}

void sk__once_make(sk__engine *engine) {
    for (uint32_t part = 0; part < SK__ONCE_PARTS; part++) {
        if ((engine->once_busy >> part & 1) == 0 && !sk__list_is_empty(&engine->once[part]))
            make_batch(engine, part);
    }
}

/* ---- the beginning ---- */

static void hash(seckill_bytes bytes, uint8_t out[HASH_SIZE]) {
    (void)crypto_generichash(out, HASH_SIZE, bytes.data, bytes.size, NULL, 0);
}

seckill_status sk__once_start(sk__engine *engine, const seckill_once_options *options, seckill_once_cb cb, void *user_data) {
    uint32_t timeout = options->timeout_ms != 0 ? options->timeout_ms : engine->config.timeout_ms;
    once_op *op;

    if (engine->closing)
        return SECKILL_CLOSED;
    if (!sk__engine_enter(engine))
        return SECKILL_BUSY;
    op = sk__engine_alloc(engine, sizeof(*op));
    if (op == NULL || !sk__timer_start_wait(engine, &op->deadline, timeout, on_deadline)) {
        sk__engine_release(engine, op);
        sk__engine_leave(engine, SECKILL_NO_MEMORY);
        return SECKILL_NO_MEMORY;
    }
    op->engine = engine;
    op->cb = cb;
    op->user_data = user_data;
    op->period = options->until_ms / PERIOD_MS;
    hash(options->id, op->names);
    hash(options->holder, op->names + HASH_SIZE);
    op->part = op->names[0] % SK__ONCE_PARTS;
    sk__list_append(&engine->once[op->part], &op->link);
    sk__engine_wake(engine);
    return SECKILL_OK;
}
