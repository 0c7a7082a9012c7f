/* Define, get, pause, resume, end: the activity's list first (it may be full), then the mapping list, then every shard. */
#include "engine/task.h"

#include <string.h>

enum { STEP_LIST, STEP_MAP, STEP_SHARDS, STEP_DONE };

/* What a definition insists on, as map_define.lua counts it. */
enum { INSIST_SHARDS = 1, INSIST_WINDOW = 2, INSIST_REMEMBER = 4 };

typedef struct {
    sk__task task;
    seckill_item_cb cb;
    sk__script_id map_script;        /* map_define, map_state or map_get */
    seckill_item_state state;        /* map_state */
    seckill_item_settings settings;  /* map_define */
    int insist;                      /* on what cannot change */
    uint8_t seed[SECKILL_SEED_SIZE]; /* of a new item */
    char *tags;                      /* of a new item, joined by commas; owned */
} item_task;

/* ---- steps ---- */

static void next(sk__task *task) {
    item_task *self = SK__CONTAINER(task, item_task, task);

    if (task->step == STEP_LIST && self->map_script != SK__SCRIPT_map_define)
        task->step = STEP_MAP;
    if (task->status != SECKILL_OK || task->step == STEP_DONE ||
        (task->step == STEP_SHARDS && self->map_script == SK__SCRIPT_map_get)) {
        sk__task_finish(task);
        return;
    }
    switch (task->step++) {
    case STEP_LIST:
        sk__task_call_slot(task, task->item->list_slot);
        return;
    case STEP_MAP:
        sk__task_call_slot(task, task->item->map_slot);
        return;
    default:
        if (sk__task_use_outcomes(task))
            sk__task_call_shards(task);
        return;
    }
}

static void encode_map(item_task *self, bool with_text, sk__command *command) {
    sk__command_begin(command, self->map_script, with_text, 1);
    sk__command_add_text(command, self->task.item->map_key);
    if (self->map_script == SK__SCRIPT_map_state)
        sk__command_add_number(command, self->state);
    if (self->map_script != SK__SCRIPT_map_define)
        return;
    sk__command_add_number(command, self->settings.shards);
    sk__command_add_number(command, self->insist);
    sk__command_add(command, self->seed, sizeof(self->seed));
    sk__command_add_text(command, self->tags);
    sk__command_add_settings(command, &self->settings);
}

/* The step's number is already that of the next one. */
static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    item_task *self = SK__CONTAINER(task, item_task, task);

    if (shard != SK__NO_SHARD) {
        sk__shard_encode_define(&task->item->shards[shard], command, with_text);
        return;
    }
    if (task->step == STEP_MAP + 1) {
        encode_map(self, with_text, command);
        return;
    }
    sk__command_begin(command, SK__SCRIPT_items_add, with_text, 1);
    sk__command_add_text(command, task->item->list_key);
    sk__command_add_text(command, task->item->name);
    sk__command_add_number(command, SECKILL_ITEMS_MAX);
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    const char *cause;
    seckill_status status;

    if (shard != SK__NO_SHARD || task->step != STEP_MAP + 1)
        return SECKILL_OK;
    status = sk__item_take_map(task->item, reply, &cause);
    if (status != SECKILL_OK)
        sk__task_fail(task, status, cause);
    return status;
}

static void report(sk__task *task) {
    item_task *self = SK__CONTAINER(task, item_task, task);
    seckill_item_result result = sk__task_item_result(task);

    if (task->step <= STEP_MAP)
        result.info = NULL;
    self->cb(&result, task->user_data);
}

static void release(sk__task *task) {
    sk__engine_release(task->engine, SK__CONTAINER(task, item_task, task)->tags);
}

static const sk__task_kind item_task_kind = {next, encode, answer, report, release, false, false, true};

/* Get is a change that changes nothing. */
static const sk__task_kind get_kind = {next, encode, answer, report, release, false, true, false};

/* ---- starting ---- */

static item_task *make(seckill_item *item, sk__script_id map_script, seckill_item_cb cb, void *user_data) {
    item_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->map_script = map_script;
    self->cb = cb;
    self->task.user_data = user_data;
    return self;
}

static bool choose_tags(item_task *self, seckill_item *item) {
    uint32_t shards = self->settings.shards;
    size_t size = 0;

    self->tags = sk__engine_alloc(item->engine, (size_t)shards * (SECKILL_TAG_SIZE + 1));
    if (self->tags == NULL)
        return false;
    for (uint32_t i = 0; i < shards; i++) {
        if (i != 0)
            self->tags[size++] = ',';
        if (seckill_shard_tag(item->activity, item->name, i, shards, self->tags + size) != SECKILL_OK)
            return false;
        size += strlen(self->tags + size);
    }
    return true;
}

static void choose_seed(item_task *self, sk__engine *engine) {
    for (size_t i = 0; i < sizeof(self->seed); i += sizeof(uint64_t)) {
        uint64_t chance = sk__engine_random(engine);

        memcpy(self->seed + i, &chance, sizeof(chance));
    }
}

static int insistence(const seckill_item_settings *settings) {
    return (settings->shards != 0 ? INSIST_SHARDS : 0) | (settings->window_ms != 0 ? INSIST_WINDOW : 0) |
           (settings->remember_ms != 0 ? INSIST_REMEMBER : 0);
}

seckill_status sk__define_start(seckill_item *item, const seckill_item_settings *settings, uint32_t timeout_ms,
                                seckill_item_cb cb, void *user_data) {
    enum { DEFAULT_SHARDS = 8 };
    item_task *self = make(item, SK__SCRIPT_map_define, cb, user_data);

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->settings = *settings;
    self->insist = insistence(settings);
    if (settings->shards == 0)
        self->settings.shards = DEFAULT_SHARDS;
    if (!sk__settings_complete(&self->settings)) {
        sk__engine_release(item->engine, self);
        return SECKILL_INVALID;
    }
    choose_seed(self, item->engine);
    if (!choose_tags(self, item)) {
        sk__engine_release(item->engine, self->tags);
        sk__engine_release(item->engine, self);
        return SECKILL_NO_MEMORY;
    }
    return sk__task_start(&self->task, item->engine, item, &item_task_kind, timeout_ms);
}

seckill_status sk__get_start(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    item_task *self = make(item, SK__SCRIPT_map_get, cb, user_data);

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    return sk__task_start(&self->task, item->engine, item, &get_kind, timeout_ms);
}

seckill_status sk__state_start(seckill_item *item, seckill_item_state state, uint32_t timeout_ms, seckill_item_cb cb,
                               void *user_data) {
    item_task *self = make(item, SK__SCRIPT_map_state, cb, user_data);

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->state = state;
    return sk__task_start(&self->task, item->engine, item, &item_task_kind, timeout_ms);
}
