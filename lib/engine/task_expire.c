/* Expire: every shard, until none has anything overdue left. */
#include "engine/task.h"

#include <string.h>

typedef struct {
    sk__task task;
    seckill_expire_cb cb;
    int64_t reservations, units, next_due_ms;
} expire_task;

static void next(sk__task *task) {
    if (task->step++ != 0) {
        sk__task_finish(task);
        return;
    }
    if (sk__task_use_outcomes(task))
        sk__task_call_shards(task);
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_expire, with_text);
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    expire_task *self = SK__CONTAINER(task, expire_task, task);
    uint32_t reservations = sk__read_u32(reply);
    int64_t units = sk__read_units(reply);
    bool more = sk__read_u8(reply) != 0;
    int64_t next_due = (int64_t)sk__read_u48(reply);
    uint64_t epoch = sk__read_number(reply);

    if (!sk__reader_done(reply))
        return SECKILL_PROTOCOL;
    self->reservations += reservations;
    self->units += units;
    task->outcomes[shard].amount += units;
    task->outcomes[shard].epoch = epoch;
    if (more) {
        /* Another step of this shard, beside the others'; the one that ends now is still counted as pending. */
        sk__task_call_shard(task, shard);
        return SECKILL_OK;
    }
    if (next_due != 0 && (self->next_due_ms == 0 || next_due < self->next_due_ms))
        self->next_due_ms = next_due;
    return SECKILL_OK;
}

static void report(sk__task *task) {
    expire_task *self = SK__CONTAINER(task, expire_task, task);
    seckill_expire_result result;

    if (self->units != 0)
        sk__supply_forget(task->item->supply);
    memset(&result, 0, sizeof(result));
    result.status = task->status;
    result.message = sk__task_message(task);
    result.reservations = self->reservations;
    result.units = self->units;
    result.server_time_ms = task->header.now_ms;
    result.next_due_ms = self->next_due_ms;
    result.outcomes = task->outcomes;
    result.outcome_count = task->outcome_count;
    self->cb(&result, task->user_data);
}

static const sk__task_kind expire_kind = {next, encode, answer, report, NULL, true, false, false};

seckill_status sk__expire_start(seckill_item *item, uint32_t timeout_ms, seckill_expire_cb cb, void *user_data) {
    expire_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &expire_kind, timeout_ms);
}
