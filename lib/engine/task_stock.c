/* Stock: reading it; loading and withdrawing, the plan first, then every shard, then the note that it is done. */
#include "engine/task.h"
#include "script/reading.h"

#include <stdio.h>
#include <string.h>

static void encode_stock(const sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_stock, with_text);
}

/* ---- reading ---- */

enum { NODE_TEXT = 272 }; /* a host name, the longest address, is of 253 bytes at most; then its port */

typedef struct {
    sk__task task;
    seckill_stock_cb cb;
    seckill_stock *shards;    /* owned */
    char (*nodes)[NODE_TEXT]; /* of the shards; owned */
} stock_task;

static void stock_next(sk__task *task) {
    stock_task *self = SK__CONTAINER(task, stock_task, task);
    uint32_t count = task->item->settings.shards;

    if (task->step++ != 0) {
        sk__task_finish(task);
        return;
    }
    if (!sk__task_use_outcomes(task))
        return;
    self->shards = sk__engine_alloc(task->engine, count * sizeof(self->shards[0]));
    self->nodes = sk__engine_alloc(task->engine, count * sizeof(self->nodes[0]));
    if (self->shards == NULL || self->nodes == NULL) {
        sk__task_end(task, SECKILL_NO_MEMORY, "");
        return;
    }
    sk__task_call_shards(task);
}

static void stock_encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    encode_stock(task, shard, with_text, command);
}

static seckill_status stock_answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    seckill_stock *stock = &SK__CONTAINER(task, stock_task, task)->shards[shard];

    stock->settings_version = task->header.settings_version;
    sk__read_stock(reply, stock);
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
}

static const char *node_of(const stock_task *self, uint32_t shard) {
    sk__transport *transport = self->task.engine->config.transport;
    uint32_t node = sk__engine_node_of(self->task.engine, self->task.item->shards[shard].slot);

    transport->address(transport, node, self->nodes[shard], sizeof(self->nodes[shard]));
    return self->nodes[shard];
}

static void stock_report(sk__task *task) {
    stock_task *self = SK__CONTAINER(task, stock_task, task);
    seckill_stock_result result;

    memset(&result, 0, sizeof(result));
    result.status = task->status;
    result.message = sk__task_message(task);
    result.server_time_ms = task->header.now_ms;
    result.total.status = task->status;
    result.shards = self->shards;
    result.count = self->shards != NULL && self->nodes != NULL ? task->outcome_count : 0;
    for (size_t i = 0; i < result.count; i++) {
        self->shards[i].shard = (uint32_t)i;
        self->shards[i].status = task->outcomes[i].status;
        self->shards[i].node = node_of(self, (uint32_t)i);
        if (self->shards[i].status == SECKILL_OK)
            sk__stock_add(&result.total, &self->shards[i]);
    }
    self->cb(&result, task->user_data);
}

static void stock_release(sk__task *task) {
    const stock_task *self = SK__CONTAINER(task, stock_task, task);

    sk__engine_release(task->engine, self->shards);
    sk__engine_release(task->engine, self->nodes);
}

static const sk__task_kind stock_kind = {stock_next,    stock_encode, stock_answer, stock_report,
                                         stock_release, true,         true,         false};

seckill_status sk__stock_start(seckill_item *item, uint32_t timeout_ms, seckill_stock_cb cb, void *user_data) {
    stock_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &stock_kind, timeout_ms);
}

/* ---- loading and withdrawing ---- */

enum { STEP_READ, STEP_PLAN, STEP_APPLY, STEP_NOTE, STEP_DONE };

typedef struct {
    sk__task task;
    seckill_item_cb cb;
    char operation_id[SECKILL_OPERATION_ID_MAX + 1];
    int64_t units;  /* negative: withdraw */
    int64_t *plan;  /* for each shard; owned. While reading: what is available there */
    int64_t amount; /* of the shards that are done */
} load_task;

static void plan_load(load_task *self, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        self->plan[i] = self->units / count + (i < self->units % count);
}

/* From what was available as it was read; where a shard has less by then, it gives less. */
static void plan_withdrawal(load_task *self, uint32_t count) {
    int64_t wanted = -self->units;

    for (uint32_t i = 0; i < count; i++) {
        int64_t share = self->plan[i] < 0 ? 0 : self->plan[i];

        if (share > wanted)
            share = wanted;
        wanted -= share;
        self->plan[i] = -share;
    }
}

static bool load_begin(load_task *self, uint32_t count) {
    sk__task *task = &self->task;

    self->plan = sk__engine_alloc(task->engine, count * sizeof(self->plan[0]));
    if (self->plan == NULL) {
        sk__task_end(task, SECKILL_NO_MEMORY, "");
        return false;
    }
    if (self->units > 0) {
        plan_load(self, count);
        task->step = STEP_PLAN;
    }
    return true;
}

static void load_next(sk__task *task) {
    load_task *self = SK__CONTAINER(task, load_task, task);
    uint32_t count = task->item->settings.shards;

    if (task->status != SECKILL_OK || task->step == STEP_DONE) {
        sk__task_finish(task);
        return;
    }
    if (task->step == STEP_READ && !load_begin(self, count))
        return;
    switch (task->step++) {
    case STEP_READ:
        sk__task_call_shards(task);
        return;
    case STEP_PLAN:
        if (self->units < 0)
            plan_withdrawal(self, count);
        sk__task_call_slot(task, task->item->map_slot);
        return;
    case STEP_APPLY:
        if (sk__task_use_outcomes(task))
            sk__task_call_shards(task);
        return;
    default:
        sk__task_call_slot(task, task->item->map_slot);
        return;
    }
}

static void encode_plan(const load_task *self, bool with_text, sk__command *command) {
    const sk__task *task = &self->task;
    uint32_t count = task->item->settings.shards;
    bool is_note = task->step == STEP_NOTE + 1;
    sk__writer writer;

    sk__command_begin(command, is_note ? SK__SCRIPT_plan_done : SK__SCRIPT_plan, with_text, 1);
    sk__command_add_text(command, task->item->map_key);
    sk__command_add_text(command, self->operation_id);
    if (is_note)
        return;
    sk__command_add_number(command, self->units);
    writer = sk__command_add_packed(command, count * sizeof(int64_t));
    for (uint32_t i = 0; i < count; i++)
        sk__write_u64(&writer, (uint64_t)self->plan[i]);
}

/* The step's number is already that of the next one. */
static void load_encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const load_task *self = SK__CONTAINER(task, load_task, task);

    if (task->step == STEP_READ + 1) {
        encode_stock(task, shard, with_text, command);
    } else if (task->step == STEP_APPLY + 1) {
        sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_load, with_text);
        sk__command_add_text(command, self->operation_id);
        sk__command_add_number(command, self->plan[shard]);
    } else {
        encode_plan(self, with_text, command);
    }
}

/* The plan that counts is the first one stored under this id. */
static seckill_status take_plan(load_task *self, sk__reader *reply) {
    uint32_t count = self->task.item->settings.shards;

    if (sk__reader_left(reply) == 0)
        return SECKILL_NOT_DEFINED;
    for (uint32_t i = 0; i < count; i++)
        self->plan[i] = sk__read_units(reply);
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
}

static seckill_status load_answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    load_task *self = SK__CONTAINER(task, load_task, task);
    seckill_stock stock;

    if (task->step == STEP_READ + 1) {
        sk__read_stock(reply, &stock);
        self->plan[shard] = stock.available;
        return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
    }
    if (task->step == STEP_APPLY + 1) {
        int64_t units = sk__read_units(reply);

        task->outcomes[shard].amount = units < 0 ? -units : units;
        self->amount += task->outcomes[shard].amount;
        return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
    }
    return task->step == STEP_PLAN + 1 ? take_plan(self, reply) : SECKILL_OK;
}

static void load_report(sk__task *task) {
    load_task *self = SK__CONTAINER(task, load_task, task);
    seckill_item_result result = sk__task_item_result(task);

    sk__supply_forget(task->item->supply);
    result.amount = self->amount;
    self->cb(&result, task->user_data);
}

static void load_release(sk__task *task) {
    sk__engine_release(task->engine, SK__CONTAINER(task, load_task, task)->plan);
}

static const sk__task_kind load_kind = {load_next, load_encode, load_answer, load_report, load_release, true, false, true};

seckill_status sk__load_start(seckill_item *item, const char *operation_id, int64_t units, uint32_t timeout_ms,
                              seckill_item_cb cb, void *user_data) {
    load_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    (void)snprintf(self->operation_id, sizeof(self->operation_id), "%s", operation_id);
    self->units = units;
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &load_kind, timeout_ms);
}
