#include "engine/batch.h"

#include "base/histogram.h"
#include "engine/reserves.h"
#include "script/ticket.h"

#include <string.h>

struct sk__batch {
    sk__call call;
    sk__line *line;
    uint32_t node;  /* where it is counted */
    uint32_t count; /* of ops; NULL where one is over */
    uint32_t live;
    uint32_t takes; /* which of the shard's it carried */
    seckill_op *ops[];
};

/* ---- lines ---- */

/* Puts the line where its server and the age of its head say. False: out of memory. */
static bool set_ready(sk__engine *engine, sk__line *line) {
    const seckill_op *head;

    sk__heap_remove(&engine->nodes[line->node].ready, &line->ready);
    if (sk__list_is_empty(&line->ops))
        return true;
    head = SK__CONTAINER(line->ops.next, seckill_op, line.link);
    line->node = sk__engine_node_of(engine, line->shard->slot);
    return sk__heap_add(&engine->nodes[line->node].ready, &line->ready, (int64_t)head->sequence);
}

bool sk__line_add(seckill_op *op) {
    sk__line *line = &op->item->shards[sk__home_of(op)].lines[op->kind];

    op->at = line;
    sk__list_append(&line->ops, &op->line.link);
    if (line->ready.place != 0 || set_ready(op->item->engine, line))
        return true;
    sk__list_remove(&op->line.link);
    return false;
}

bool sk__line_add_first(seckill_op *op) {
    sk__line *line = op->at;

    sk__list_prepend(&line->ops, &op->line.link);
    if (set_ready(op->item->engine, line))
        return true;
    sk__list_remove(&op->line.link);
    return false;
}

void sk__line_remove(seckill_op *op) {
    sk__list_remove(&op->line.link);
    if (op->at != NULL && sk__list_is_empty(&op->at->ops))
        sk__heap_remove(&op->item->engine->nodes[op->at->node].ready, &op->at->ready);
}

/* ---- what goes out ---- */

/* What the script of a kind takes for each request, besides the user. */
enum { CONFIRM_PROVEN = 1, CONFIRM_ORDERED = 2 }; /* as confirm.lua says */

static void write_confirm(sk__writer *writer, const seckill_op *op) {
    sk__write_u32(writer, op->quantity);
    sk__write_u56(writer, (uint64_t)op->about.price);
    sk__write_u48(writer, (uint64_t)op->time_ms);
    sk__write_u8(writer, op->ordered ? CONFIRM_ORDERED : op->proven ? CONFIRM_PROVEN : 0);
}

static void write_poll(sk__writer *writer, const seckill_op *op) {
    const sk__place place = {op->about.place.epoch, op->about.place.n, op->time_ms};

    sk__write_polled(writer, op->quantity, &place);
}

/* As records have it: blacklisted is 0. */
static void write_refuse(sk__writer *writer, const seckill_op *op) {
    sk__write_u32(writer, op->quantity);
    sk__write_u48(writer, (uint64_t)op->time_ms);
    sk__write_u8(writer, op->about.reason == SECKILL_BLACKLISTED ? 0 : (uint8_t)op->about.reason);
}

static void write_nothing(sk__writer *writer, const seckill_op *op) {
    (void)writer;
    (void)op;
}

static const struct kind {
    /* All of the requests and their users; NULL: each is written by the next. */
    void (*encode)(seckill_op *const *ops, uint32_t count, sk__command *command);
    void (*write)(sk__writer *writer, const seckill_op *op);
    size_t size; /* of a request, its id included; 0: the user is all */
    sk__script_id script;
    bool changes_nothing;
    bool serves; /* it takes what is on its way to the shard */
} kinds[SK__OP_KINDS] = {
    [SK__RESERVE] = {sk__reserves_encode, NULL, 0, SK__SCRIPT_reserve, false, true},
    [SK__CONFIRM] = {NULL, write_confirm, 34, SK__SCRIPT_confirm, false, true},
    [SK__CANCEL] = {NULL, write_nothing, 16, SK__SCRIPT_cancel, false, false},
    [SK__REFUND] = {NULL, write_nothing, 16, SK__SCRIPT_refund, false, false},
    [SK__LOOKUP] = {NULL, NULL, 0, SK__SCRIPT_lookup, true, false},
    [SK__ENQUEUE] = {sk__enqueues_encode, NULL, 0, SK__SCRIPT_enqueue, false, false},
    [SK__POLL] = {NULL, write_poll, SK__POLLED_SIZE, SK__SCRIPT_poll, true, false},
    [SK__REFUSE] = {NULL, write_refuse, 27, SK__SCRIPT_refuse, false, false},
};

static const struct kind *kind_of(const sk__batch *batch) {
    return &kinds[batch->line->kind];
}

/* Ops that are over leave their places before the batch is sent (again): the answers are counted by place. */
static void close_ranks(sk__batch *batch) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->ops[i] == NULL)
            continue;
        batch->ops[kept] = batch->ops[i];
        batch->ops[kept]->place = kept;
        kept++;
    }
    batch->count = kept;
}

static void add_bytes(sk__command *command, seckill_bytes bytes) {
    sk__command_add(command, bytes.data, bytes.size);
}

static void encode_requests(const sk__batch *batch, sk__command *command) {
    const struct kind *kind = kind_of(batch);
    sk__writer writer = sk__command_add_packed(command, batch->count * kind->size);

    for (uint32_t i = 0; i < batch->count; i++) {
        sk__write_bytes(&writer, batch->ops[i]->id, sizeof(batch->ops[i]->id));
        kind->write(&writer, batch->ops[i]);
    }
    command->failed = command->failed || writer.failed || writer.at != batch->count * kind->size;
}

static void encode(sk__call *call, sk__command *command) {
    sk__batch *batch = SK__CONTAINER(call, sk__batch, call);

    close_ranks(batch);
    sk__shard_encode(batch->line->shard, command, kind_of(batch)->script, call->with_text);
    if (kind_of(batch)->serves)
        batch->takes = sk__shard_encode_supply(batch->line->shard, command);
    if (kind_of(batch)->encode != NULL) {
        kind_of(batch)->encode(batch->ops, batch->count, command);
        return;
    }
    if (kind_of(batch)->size != 0)
        encode_requests(batch, command);
    for (uint32_t i = 0; i < batch->count; i++)
        add_bytes(command, sk__op_user(batch->ops[i]));
    for (uint32_t i = 0; batch->line->kind == SK__CONFIRM && i < batch->count; i++)
        add_bytes(command, sk__op_order_ref(batch->ops[i]));
}

static void sent(sk__call *call) {
    seckill_client_stats *stats = &call->engine->stats;
    uint32_t count = SK__CONTAINER(call, sk__batch, call)->count;

    stats->batches++;
    stats->batched += count;
    sk__histogram_count(&stats->batch_sizes, sk__size_ends, count);
}

/* ---- what comes back ---- */

static uint32_t count_waiting(const sk__line *line, uint32_t max) {
    uint32_t count = 0;

    for (const sk__link *link = line->ops.next; link != &line->ops && count < max; link = link->next)
        count++;
    return count;
}

/* An op that an earlier batch carried may be done all the same, unless a later one says what it found. */
static seckill_status status_for(const seckill_op *op, seckill_status status) {
    return op->may_be_done && seckill_status_class(status) == SECKILL_CLASS_RETRYABLE ? SECKILL_UNKNOWN : status;
}

/* Without memory to go on, whoever waits is told at once; nobody would try again before the deadlines. */
static void fail_waiting(sk__engine *engine, sk__line *line) {
    seckill_item *item = line->shard->item;

    sk__item_use(item);
    for (uint32_t count = count_waiting(line, UINT32_MAX); count > 0 && !sk__list_is_empty(&line->ops); count--) {
        seckill_op *op = SK__CONTAINER(line->ops.next, seckill_op, line.link);
        seckill_status status = status_for(op, SECKILL_NO_MEMORY);

        sk__op_fail(op, status, seckill_status_message(status));
    }
    (void)set_ready(engine, line); /* what callbacks have added put it there */
    sk__item_unuse(item);
    sk__engine_wake(engine);
}

/* Back to the front of their line, in order: more was overdue than one script takes back. */
static void back_in_line(sk__batch *batch, sk__reader reply) {
    sk__line *line = batch->line;
    const uint8_t *answers = sk__read_bytes(&reply, batch->count * (size_t)SK__ANSWER_SIZE).data;
    bool any = false;

    for (uint32_t i = batch->count; i-- > 0;) {
        seckill_op *op = batch->ops[i];

        if (op == NULL || answers[i * SK__ANSWER_SIZE] != SK__ANSWER_AGAIN)
            continue;
        sk__batch_forget(op);
        sk__list_prepend(&line->ops, &op->line.link);
        any = true;
    }
    if (any && !set_ready(batch->call.engine, line))
        fail_waiting(batch->call.engine, line);
}

/* The place of a ticket is lost: the same op enqueues the request again. */
static void enqueue_again(seckill_op *op) {
    sk__batch_forget(op);
    op->kind = SK__ENQUEUE;
    op->again = true;
    if (!sk__line_add(op))
        sk__op_fail(op, SECKILL_NO_MEMORY, seckill_status_message(SECKILL_NO_MEMORY));
}

/* A shard alone cannot refuse for stock; but what it remembers as refused is. */
static bool is_short(const seckill_op *op, const sk__answer *answer) {
    if (op->kind == SK__RESERVE)
        return !answer->has_record && (answer->status == SECKILL_SOLD_OUT || answer->status == SECKILL_NOT_ENOUGH);
    return (int)answer->status == SK__ANSWER_SHORT;
}

/* Whether it can be an answer to such a request. */
static bool fits(const seckill_op *op, const sk__answer *answer) {
    if (op->kind == SK__POLL)
        return sk__fits_poll(answer, sk__op_is_outside(op));
    if ((int)answer->status == SK__ANSWER_LOST)
        return false;
    if ((int)answer->status == SK__ANSWER_SHORT)
        return op->kind == SK__CONFIRM;
    if (op->kind == SK__REFUSE && (answer->queued || answer->decided))
        return false;
    return !answer->queued || answer->place.n != 0;
}

static void deliver_one(const sk__batch *batch, seckill_op *op, const sk__answer *answer, const sk__progress *progress) {
    if (!fits(op, answer))
        sk__op_fail(op, SECKILL_PROTOCOL, "an answer to another kind of request");
    else if ((int)answer->status == SK__ANSWER_LOST)
        enqueue_again(op);
    else if (is_short(op, answer))
        sk__op_short(op);
    else if (sk__is_of_queue(batch->line->kind))
        sk__op_placed(op, answer, batch->line->shard, progress);
    else
        sk__op_answer(op, answer);
}

/* Callbacks may do anything, but they end no other op: what is NULL here was over before, or is back in its line. */
static void deliver(sk__batch *batch, sk__reader *reply, const sk__progress *progress) {
    sk__reader bodies = *reply;

    back_in_line(batch, *reply);
    (void)sk__read_bytes(&bodies, batch->count * (size_t)SK__ANSWER_SIZE);
    for (uint32_t i = 0; i < batch->count; i++) {
        sk__answer answer = sk__read_answer(reply, &bodies);

        if (batch->ops[i] != NULL)
            deliver_one(batch, batch->ops[i], &answer, progress);
    }
}

/* Everybody got the same. */
static void deliver_alike(sk__batch *batch, sk__answer *answer) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->ops[i] == NULL)
            continue;
        memcpy(answer->record.shown.id, batch->ops[i]->id, sizeof(batch->ops[i]->id));
        sk__op_answer(batch->ops[i], answer);
    }
}

/* Everybody got a place, one behind the other. */
static void deliver_places(sk__batch *batch, const sk__answer *answer, const sk__progress *progress) {
    for (uint32_t i = 0; i < batch->count; i++) {
        seckill_op *op = batch->ops[i];
        sk__answer own = *answer;

        if (op == NULL)
            continue;
        own.place.n += i;
        if (op->time_ms < own.place.since_ms)
            own.place.since_ms = op->time_ms;
        sk__op_placed(op, &own, batch->line->shard, progress);
    }
}

static void deliver_lookups(sk__batch *batch, sk__reader *reply, int64_t now_ms) {
    for (uint32_t i = 0; i < batch->count; i++) {
        sk__record found[SECKILL_USER_RECORDS_MAX];
        uint8_t count = sk__read_lookup(reply, found);

        if (batch->ops[i] != NULL)
            sk__op_found(batch->ops[i], now_ms, found, count);
    }
}

static void fail_all(sk__batch *batch, seckill_status status, const char *cause) {
    for (uint32_t i = 0; i < batch->count; i++) {
        seckill_op *op = batch->ops[i];

        if (op != NULL)
            sk__op_fail(op, status_for(op, status), cause);
    }
}

static void on_answers(sk__batch *batch, sk__reader *reply) {
    const struct kind *kind = kind_of(batch);
    sk__shard_header header = sk__read_shard_header(reply);
    sk__progress progress = {0, 0};
    bool is_lookup = batch->line->kind == SK__LOOKUP, of_queue = sk__is_of_queue(batch->line->kind);
    bool is_alike = false;
    sk__answer alike;
    bool sound;

    if (of_queue)
        progress = sk__read_progress(reply);
    if (kind->encode != NULL)
        is_alike = sk__answers_are_alike(*reply);
    if (is_alike && of_queue)
        sound = sk__read_alike_places(reply, batch->count, header.now_ms, &progress, &alike);
    else if (is_alike)
        sound = sk__read_alike(reply, &alike);
    else
        sound = is_lookup ? sk__lookups_are_sound(*reply, batch->count) : sk__answers_are_sound(*reply, batch->count, of_queue);
    if (reply->failed || !sound) {
        fail_all(batch, SECKILL_PROTOCOL, "a reply that is no answer to this batch");
        return;
    }
    sk__item_saw_version(batch->line->shard->item, header.settings_version);
    if (kind->serves)
        sk__shard_took(batch->line->shard, batch->takes);
    if (of_queue)
        sk__pace_note(&batch->line->shard->pace, progress.decided, progress.enqueued, header.now_ms);
    if (is_alike && of_queue)
        deliver_places(batch, &alike, &progress);
    else if (is_alike)
        deliver_alike(batch, &alike);
    else if (is_lookup)
        deliver_lookups(batch, reply, header.now_ms);
    else
        deliver(batch, reply, &progress);
}

static void end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    sk__batch *batch = SK__CONTAINER(call, sk__batch, call);
    sk__engine *engine = call->engine;
    seckill_item *item = batch->line->shard->item;

    engine->nodes[batch->node].batches--;
    if (status == SECKILL_OK)
        on_answers(batch, reply);
    else
        fail_all(batch, status, cause);
    sk__engine_release(engine, batch);
    sk__item_unuse(item);
}

static bool is_wanted(const sk__call *call) {
    return SK__CONTAINER(call, sk__batch, call)->live != 0;
}

static bool update_shard(sk__call *call) {
    return sk__shard_update(SK__CONTAINER(call, sk__batch, call)->line->shard, call);
}

static const sk__call_kind batch_kind = {is_wanted, encode, end, sent, update_shard};

/* ---- making them ---- */

static bool make(sk__engine *engine, sk__line *line) {
    uint32_t count = count_waiting(line, engine->config.max_batch);
    sk__batch *batch = sk__engine_alloc(engine, sizeof(*batch) + count * sizeof(batch->ops[0]));

    if (batch == NULL)
        return false;
    batch->line = line;
    for (; batch->count < count; batch->count++) {
        seckill_op *op = SK__CONTAINER(line->ops.next, seckill_op, line.link);

        sk__list_remove(&op->line.link);
        op->batch = batch;
        op->place = batch->count;
        batch->ops[batch->count] = op;
    }
    batch->live = count;
    batch->node = line->node;
    engine->nodes[batch->node].batches++;
    sk__item_use(line->shard->item);
    if (!set_ready(engine, line))
        fail_waiting(engine, line);
    sk__call_start(&batch->call, engine, &batch_kind, line->shard->slot);
    batch->call.changes_nothing = kind_of(batch)->changes_nothing;
    batch->call.lasting = true;
    return true;
}

void sk__batches_make(sk__engine *engine) {
    for (uint32_t i = 0; i < engine->node_count; i++) {
        const sk__node *node = &engine->nodes[i];
        sk__heap_node *oldest;

        while (node->batches < engine->config.max_batches && (oldest = sk__heap_top(&node->ready)) != NULL) {
            sk__line *line = SK__CONTAINER(oldest, sk__line, ready);

            if (!make(engine, line)) {
                fail_waiting(engine, line);
                return;
            }
        }
    }
}

static void move_lines(seckill_item *item) {
    for (uint32_t i = 0; i < item->settings.shards; i++) {
        for (int kind = 0; kind < SK__OP_KINDS; kind++) {
            sk__line *line = &item->shards[i].lines[kind];

            if (line->ready.place != 0 && !set_ready(item->engine, line))
                fail_waiting(item->engine, line);
        }
    }
}

void sk__lines_move(sk__engine *engine) {
    sk__link *link = engine->items.next;

    while (link != &engine->items) {
        seckill_item *item = SK__CONTAINER(link, seckill_item, link);

        sk__item_use(item); /* callbacks may close it */
        if (item->shards != NULL)
            move_lines(item);
        link = link->next;
        sk__item_unuse(item);
    }
}

void sk__batch_forget(seckill_op *op) {
    sk__batch *batch = op->batch;

    op->may_be_done = op->may_be_done || batch->call.may_be_done;
    batch->ops[op->place] = NULL;
    batch->live--;
    op->batch = NULL;
}

bool sk__batch_may_be_done(const sk__batch *batch) {
    return batch->call.may_be_done;
}

seckill_status sk__batch_verdict(const sk__batch *batch) {
    return sk__call_verdict(&batch->call);
}
