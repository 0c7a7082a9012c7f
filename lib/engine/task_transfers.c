/* Finishing transfers: the item's search does it; this waits for it. */
#include "engine/task.h"

#include <string.h>

typedef struct {
    sk__task task;
    sk__want want;
    seckill_transfers_cb cb;
} transfers_task;

static void on_settled(sk__want *want, seckill_status status, const char *cause) {
    sk__task_end(&SK__CONTAINER(want, transfers_task, want)->task, status, cause);
}

static void next(sk__task *task) {
    transfers_task *self = SK__CONTAINER(task, transfers_task, task);

    self->want.told = on_settled;
    sk__supply_settle(task->item->supply, &self->want);
}

static void report(sk__task *task) {
    const transfers_task *self = SK__CONTAINER(task, transfers_task, task);
    seckill_transfers_result result = {task->status, sk__task_message(task), 0, 0};
    uint64_t transit = 0, owed = 0;

    if (task->item->supply != NULL)
        sk__supply_look(task->item->supply, &transit, &owed);
    result.transit = (int64_t)transit;
    result.owed = (int64_t)owed;
    self->cb(&result, task->user_data);
}

static void release(sk__task *task) {
    sk__want_remove(&SK__CONTAINER(task, transfers_task, task)->want);
}

static const sk__task_kind transfers_kind = {next, NULL, NULL, report, release, true, true, false};

seckill_status sk__transfers_start(seckill_item *item, uint32_t timeout_ms, seckill_transfers_cb cb, void *user_data) {
    transfers_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    sk__list_init(&self->want.link);
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &transfers_kind, timeout_ms);
}
