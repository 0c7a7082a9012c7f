/* The items of an activity. */
#include "engine/task.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    sk__task task;
    seckill_list_cb cb;
    char key[SECKILL_SHARD_KEY_SIZE];
    char *text;         /* the ids, each with its NUL; owned */
    const char **items; /* owned */
    size_t count;
} list_task;

static void next(sk__task *task) {
    const list_task *self = SK__CONTAINER(task, list_task, task);

    if (task->step++ == 0 && task->status == SECKILL_OK)
        sk__task_call_slot(task, seckill_slot(self->key, strlen(self->key)));
    else
        sk__task_finish(task);
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    (void)shard;
    sk__command_begin(command, SK__SCRIPT_items_list, with_text, 1);
    sk__command_add_text(command, SK__CONTAINER(task, list_task, task)->key);
}

static size_t count_lines(seckill_bytes bytes) {
    const char *text = bytes.data;
    size_t count = 0;

    for (size_t i = 0; i < bytes.size; i++)
        count += text[i] == '\n';
    return count;
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    list_task *self = SK__CONTAINER(task, list_task, task);
    seckill_bytes lines = sk__read_bytes(reply, sk__reader_left(reply));
    size_t count = count_lines(lines);
    char *rest;

    (void)shard;
    if (count == 0)
        return lines.size == 0 ? SECKILL_OK : SECKILL_PROTOCOL;
    self->text = sk__engine_alloc(task->engine, lines.size + 1);
    self->items = sk__engine_alloc(task->engine, count * sizeof(self->items[0]));
    if (self->text == NULL || self->items == NULL)
        return SECKILL_NO_MEMORY;
    memcpy(self->text, lines.data, lines.size);
    rest = self->text;
    for (; self->count < count; self->count++) {
        char *end = strchr(rest, '\n');

        if (end == NULL)
            return SECKILL_PROTOCOL;
        *end = '\0';
        self->items[self->count] = rest;
        rest = end + 1;
    }
    return SECKILL_OK;
}

static void report(sk__task *task) {
    list_task *self = SK__CONTAINER(task, list_task, task);
    seckill_list_result result = {task->status, sk__task_message(task), self->items, self->count};

    if (task->status != SECKILL_OK)
        result.count = 0;
    self->cb(&result, task->user_data);
}

static void release(sk__task *task) {
    list_task *self = SK__CONTAINER(task, list_task, task);

    sk__engine_release(task->engine, self->text);
    sk__engine_release(task->engine, (void *)self->items);
}

static const sk__task_kind list_kind = {next, encode, answer, report, release, false, true, false};

seckill_status sk__list_start(sk__engine *engine, const char *activity, uint32_t timeout_ms, seckill_list_cb cb,
                              void *user_data) {
    list_task *self = sk__engine_alloc(engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    (void)snprintf(self->key, sizeof(self->key), "%s:{%s}:items", engine->prefix, activity);
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, engine, NULL, &list_kind, timeout_ms);
}
