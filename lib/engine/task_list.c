/* The items of an activity. */
#include "engine/task.h"
#include "script/reading.h"

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
    sk__command_begin_key(command, SK__SCRIPT_items_list, with_text, SK__CONTAINER(task, list_task, task)->key);
}

/* How many ids follow. */
static size_t count_items(sk__reader reply) {
    seckill_bytes item;
    size_t count = 0;

    while (sk__read_item(&reply, &item))
        count++;
    return count;
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    list_task *self = SK__CONTAINER(task, list_task, task);
    size_t count = count_items(*reply);
    seckill_bytes item;
    char *text;

    (void)shard;
    if (count != 0) {
        self->text = sk__engine_alloc(task->engine, sk__reader_left(reply));
        self->items = sk__engine_alloc(task->engine, count * sizeof(self->items[0]));
        if (self->text == NULL || self->items == NULL)
            return SECKILL_NO_MEMORY;
    }
    text = self->text;
    while (sk__read_item(reply, &item)) {
        memcpy(text, item.data, item.size); /* and the NUL that is there already, in place of the newline */
        self->items[self->count++] = text;
        text += item.size + 1;
    }
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
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
    sk__items_key_write(engine->prefix, activity, self->key);
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, engine, NULL, &list_kind, timeout_ms);
}
