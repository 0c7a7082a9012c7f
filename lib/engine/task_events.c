/* Events: reading and acknowledging those of one shard; writing one again. */
#include "engine/task.h"

#include <string.h>

enum { EVENT_ID_SIZE = 16, ACK_SIZE = EVENT_ID_SIZE + SECKILL_RESERVATION_ID_SIZE };

/* Both begin so. */
typedef struct {
    sk__task task;
    uint32_t shard;
} shard_task;

static void next(sk__task *task) {
    uint32_t shard = SK__CONTAINER(task, shard_task, task)->shard;

    if (task->step++ != 0) {
        sk__task_finish(task);
    } else if (shard >= task->item->settings.shards) {
        sk__task_end(task, SECKILL_INVALID, "the item has no such shard");
    } else {
        sk__task_call_shard(task, shard);
    }
}

/* ---- reading ---- */

typedef struct {
    shard_task base;
    seckill_events_cb cb;
    uint32_t max;
    uint64_t waiting;
    seckill_event *events; /* owned, and so is `bytes` that they point into */
    uint8_t *bytes;
    size_t count;
} read_task;

static void read_encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_events_read, with_text);
    sk__command_add_number(command, SK__CONTAINER(task, read_task, base.task)->max);
}

/* The events outlive the reply: they are reported when the task ends. */
static seckill_status read_answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    read_task *self = SK__CONTAINER(task, read_task, base.task);
    uint64_t waiting = sk__read_u64(reply);
    uint32_t count = sk__read_u32(reply);
    seckill_bytes rest = sk__read_bytes(reply, sk__reader_left(reply));
    sk__reader reader;

    (void)shard;
    if (reply->failed || count > self->max || (count != 0 && rest.size == 0))
        return SECKILL_PROTOCOL;
    self->waiting = waiting;
    if (count == 0)
        return SECKILL_OK;
    self->events = sk__engine_alloc(task->engine, count * sizeof(self->events[0]));
    self->bytes = sk__engine_alloc(task->engine, rest.size);
    if (self->events == NULL || self->bytes == NULL)
        return SECKILL_NO_MEMORY;
    memcpy(self->bytes, rest.data, rest.size);
    reader = sk__reader_of(self->bytes, rest.size);
    for (uint32_t i = 0; i < count; i++)
        sk__read_event(&reader, &self->events[i]);
    if (!sk__reader_done(&reader))
        return SECKILL_PROTOCOL;
    self->count = count;
    return SECKILL_OK;
}

static void read_report(sk__task *task) {
    read_task *self = SK__CONTAINER(task, read_task, base.task);
    seckill_events_result result = {task->status, sk__task_message(task), self->base.shard, self->events,
                                    self->count,  self->waiting};

    self->cb(&result, task->user_data);
}

static void read_release(sk__task *task) {
    read_task *self = SK__CONTAINER(task, read_task, base.task);

    sk__engine_release(task->engine, self->events);
    sk__engine_release(task->engine, self->bytes);
}

static const sk__task_kind read_kind = {next, read_encode, read_answer, read_report, read_release, true, true, true};

seckill_status sk__events_read_start(seckill_item *item, uint32_t shard, uint32_t max, uint32_t timeout_ms,
                                     seckill_events_cb cb, void *user_data) {
    read_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->base.shard = shard;
    self->max = max;
    self->cb = cb;
    self->base.task.user_data = user_data;
    return sk__task_start(&self->base.task, item->engine, item, &read_kind, timeout_ms);
}

/* ---- acknowledging ---- */

typedef struct {
    shard_task base;
    seckill_item_cb cb;
    seckill_event_ack *acks; /* owned */
    size_t count;
    int64_t removed;
} ack_task;

static void ack_encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const ack_task *self = SK__CONTAINER(task, ack_task, base.task);
    sk__writer writer;

    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_events_ack, with_text);
    writer = sk__command_add_packed(command, self->count * ACK_SIZE);
    for (size_t i = 0; i < self->count; i++) {
        sk__write_u64(&writer, self->acks[i].id.epoch);
        sk__write_u64(&writer, self->acks[i].id.n);
        sk__write_bytes(&writer, self->acks[i].reservation_id, sizeof(self->acks[i].reservation_id));
    }
}

static seckill_status ack_answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    (void)shard;
    SK__CONTAINER(task, ack_task, base.task)->removed = sk__read_u32(reply);
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
}

static void ack_report(sk__task *task) {
    ack_task *self = SK__CONTAINER(task, ack_task, base.task);
    seckill_shard_outcome outcome = {.shard = self->base.shard, .status = task->status, .amount = self->removed};
    seckill_item_result result = {task->status, sk__task_message(task), NULL, &outcome, 1, self->removed};

    self->cb(&result, task->user_data);
}

static void ack_release(sk__task *task) {
    sk__engine_release(task->engine, SK__CONTAINER(task, ack_task, base.task)->acks);
}

static const sk__task_kind ack_kind = {next, ack_encode, ack_answer, ack_report, ack_release, true, false, false};

seckill_status sk__events_ack_start(seckill_item *item, uint32_t shard, const seckill_event_ack *acks, size_t count,
                                    uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    ack_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->acks = sk__engine_alloc(item->engine, count * sizeof(acks[0]));
    if (self->acks == NULL) {
        sk__engine_release(item->engine, self);
        return SECKILL_NO_MEMORY;
    }
    memcpy(self->acks, acks, count * sizeof(acks[0]));
    self->count = count;
    self->base.shard = shard;
    self->cb = cb;
    self->base.task.user_data = user_data;
    return sk__task_start(&self->base.task, item->engine, item, &ack_kind, timeout_ms);
}

/* ---- repeating ---- */

typedef struct {
    sk__task task;
    seckill_item_cb cb;
    uint8_t user[SECKILL_USER_MAX], reservation_id[SECKILL_RESERVATION_ID_SIZE];
    size_t user_size;
} repeat_task;

static void repeat_next(sk__task *task) {
    const repeat_task *self = SK__CONTAINER(task, repeat_task, task);
    const seckill_item_info *info = &task->item->info;
    seckill_bytes user = {self->user, self->user_size};

    if (task->step++ != 0)
        sk__task_finish(task);
    else
        sk__task_call_shard(task, seckill_shard_of(user, info->seed, info->settings->shards));
}

static void repeat_encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const repeat_task *self = SK__CONTAINER(task, repeat_task, task);

    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_events_repeat, with_text);
    sk__command_add(command, self->reservation_id, sizeof(self->reservation_id));
    sk__command_add(command, self->user, self->user_size);
}

static seckill_status repeat_answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    sk__reader bodies = *reply;

    (void)task;
    (void)shard;
    if (!sk__answers_are_sound(*reply, 1, false))
        return SECKILL_PROTOCOL;
    (void)sk__read_bytes(&bodies, SK__ANSWER_SIZE);
    return sk__read_answer(reply, &bodies).status;
}

static void repeat_report(sk__task *task) {
    seckill_item_result result = {task->status, sk__task_message(task), NULL, NULL, 0, 0};

    SK__CONTAINER(task, repeat_task, task)->cb(&result, task->user_data);
}

static const sk__task_kind repeat_kind = {repeat_next, repeat_encode, repeat_answer, repeat_report, NULL, true, false, true};

seckill_status sk__event_repeat_start(seckill_item *item, seckill_bytes user,
                                      const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], uint32_t timeout_ms,
                                      seckill_item_cb cb, void *user_data) {
    repeat_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    memcpy(self->user, user.data, user.size);
    self->user_size = user.size;
    memcpy(self->reservation_id, reservation_id, sizeof(self->reservation_id));
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &repeat_kind, timeout_ms);
}
