#include "engine/task.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    sk__call call;
    sk__link link;  /* in task->calls */
    sk__task *task; /* NULL: it has finished */
    seckill_item *item;
    uint32_t shard; /* or SK__NO_SHARD */
} task_call;

/* ---- who relies on the item's shards ---- */

static void stand_aside(sk__task *task) {
    task->aside = true;
    task->item->aside++;
}

void sk__task_hold_shards(sk__task *task) {
    if (task->aside)
        task->item->aside--;
    task->aside = false;
}

/* ---- life ---- */

static void on_deadline(sk__engine *engine, sk__timer *timer);

static void on_map(sk__waiter *waiter, seckill_status status, const char *cause) {
    sk__task *task = SK__CONTAINER(waiter, sk__task, waiter);

    if (status == SECKILL_OK)
        task->kind->next(task);
    else
        sk__task_end(task, status, cause);
}

/* Steps run in a turn, so that nothing is called back from inside the public call. */
static void on_begin(sk__engine *engine, sk__timer *timer) {
    sk__task *task = SK__CONTAINER(timer, sk__task, deadline);

    if (engine->closing)
        sk__task_end(task, SECKILL_CLOSED, "");
    else if (!sk__timer_start(engine, &task->deadline, task->due_ms, on_deadline))
        sk__task_end(task, SECKILL_NO_MEMORY, "");
    else if (!task->kind->needs_map || task->item->has_map)
        task->kind->next(task);
    else if (!sk__item_wait(task->item, &task->waiter))
        sk__task_end(task, SECKILL_NO_MEMORY, "");
}

seckill_status sk__task_start(sk__task *task, sk__engine *engine, seckill_item *item, const sk__task_kind *kind,
                              uint32_t timeout_ms) {
    int64_t now = sk__engine_now(engine);
    seckill_status status = engine->closing ? SECKILL_CLOSED : SECKILL_OK;

    task->engine = engine;
    task->item = item;
    task->kind = kind;
    sk__list_init(&task->waiter.link);
    task->waiter.told = on_map;
    sk__list_init(&task->calls);
    if (status == SECKILL_OK && !sk__engine_enter(engine))
        status = SECKILL_BUSY;
    task->due_ms = now + (timeout_ms != 0 ? timeout_ms : engine->config.timeout_ms);
    if (status == SECKILL_OK && !sk__timer_start(engine, &task->deadline, now, on_begin)) {
        sk__engine_leave(engine, SECKILL_NO_MEMORY);
        status = SECKILL_NO_MEMORY;
    }
    if (status != SECKILL_OK) {
        if (kind->release != NULL)
            kind->release(task);
        sk__engine_release(engine, task);
        return status;
    }
    if (item != NULL) {
        sk__item_use(item);
        if (!kind->needs_map)
            stand_aside(task);
    }
    sk__engine_wake(engine);
    return SECKILL_OK;
}

void sk__task_fail(sk__task *task, seckill_status status, const char *cause) {
    if (task->status != SECKILL_OK)
        return;
    task->status = status;
    (void)snprintf(task->cause, sizeof(task->cause), "%s", cause);
}

const char *sk__task_message(const sk__task *task) {
    return task->cause[0] != '\0' ? task->cause : seckill_status_message(task->status);
}

seckill_item_result sk__task_item_result(const sk__task *task) {
    seckill_item_result result;

    memset(&result, 0, sizeof(result));
    result.status = task->status;
    result.message = sk__task_message(task);
    result.info = task->item->has_map ? &task->item->info : NULL;
    result.outcomes = task->outcomes;
    result.outcome_count = task->outcome_count;
    return result;
}

/* Calls that are still under way go on, since what they do may be half of something; nobody waits for them. */
static void let_go_of_calls(sk__task *task) {
    while (!sk__list_is_empty(&task->calls)) {
        task_call *call = SK__CONTAINER(task->calls.next, task_call, link);

        sk__list_remove(&call->link);
        call->task = NULL;
    }
}

void sk__task_finish(sk__task *task) {
    sk__engine *engine = task->engine;
    seckill_item *item = task->item;

    sk__timer_stop(engine, &task->deadline);
    sk__list_remove(&task->waiter.link);
    sk__task_hold_shards(task);
    let_go_of_calls(task);
    sk__engine_leave(engine, task->status);
    task->kind->report(task);
    if (task->kind->release != NULL)
        task->kind->release(task);
    sk__engine_release(engine, task->outcomes);
    sk__engine_release(engine, task);
    if (item != NULL)
        sk__item_unuse(item);
}

void sk__task_end(sk__task *task, seckill_status status, const char *cause) {
    sk__task_fail(task, status, cause);
    sk__task_finish(task);
}

bool sk__task_use_outcomes(sk__task *task) {
    uint32_t count = task->item->settings.shards;

    task->outcomes = sk__engine_alloc(task->engine, count * sizeof(task->outcomes[0]));
    if (task->outcomes == NULL) {
        sk__task_end(task, SECKILL_NO_MEMORY, "");
        return false;
    }
    task->outcome_count = count;
    for (uint32_t i = 0; i < count; i++) {
        task->outcomes[i].shard = i;
        task->outcomes[i].status = SECKILL_UNREACHABLE;
    }
    return true;
}

/* What went wrong once stays, whatever later steps say; until something is said it is unreachable. */
static void set_outcome(sk__task *task, uint32_t shard, seckill_status status) {
    if (task->outcomes != NULL && shard != SK__NO_SHARD &&
        (task->outcomes[shard].status == SECKILL_OK || task->outcomes[shard].status == SECKILL_UNREACHABLE))
        task->outcomes[shard].status = status;
}

/* ---- the deadline ---- */

/* Of a task that has no call under way: what it waits for. */
static uint32_t task_slot(const sk__task *task) {
    return task->item != NULL ? task->item->map_slot : 0;
}

static void on_deadline(sk__engine *engine, sk__timer *timer) {
    sk__task *task = SK__CONTAINER(timer, sk__task, deadline);

    /* What was done in part is unknown as a whole. */
    uint32_t slot = task_slot(task);
    seckill_status worst = task->answered && !task->kind->changes_nothing ? SECKILL_UNKNOWN : sk__engine_trouble(engine, slot);

    for (const sk__link *link = task->calls.next; link != &task->calls; link = link->next) {
        const task_call *call = SK__CONTAINER(link, task_call, link);
        seckill_status status = sk__call_verdict(&call->call);

        set_outcome(task, call->shard, status);
        if (worst != SECKILL_UNKNOWN) {
            worst = status;
            slot = call->call.slot;
        }
    }
    if (engine->closing && worst != SECKILL_UNKNOWN)
        worst = SECKILL_CLOSED;
    sk__task_end(task, worst, worst == sk__engine_trouble(engine, slot) ? sk__engine_cause(engine, slot) : "");
}

/* ---- calls ---- */

static bool is_wanted(const sk__call *call) {
    return SK__CONTAINER(call, task_call, call)->task != NULL;
}

static void encode(sk__call *call, sk__command *command) {
    task_call *self = SK__CONTAINER(call, task_call, call);

    self->task->kind->encode(self->task, self->shard, call->with_text, command);
}

static seckill_status take_answer(task_call *self, sk__reader *reply) {
    sk__task *task = self->task;

    if (self->shard != SK__NO_SHARD) {
        task->header = sk__read_shard_header(reply);
        if (reply->failed)
            return SECKILL_PROTOCOL;
        sk__item_saw_version(task->item, task->header.settings_version);
    }
    return task->kind->answer(task, self->shard, reply);
}

static void end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    task_call *self = SK__CONTAINER(call, task_call, call);
    sk__engine *engine = call->engine;
    sk__task *task = self->task;
    seckill_item *item = self->item;
    uint32_t shard = self->shard;

    if (task != NULL) {
        /* Before the answer is taken, which may start this shard's next call, and note that it could not. */
        set_outcome(task, shard, status);
        if (status == SECKILL_OK) {
            task->answered = true;
            status = take_answer(self, reply);
        }
        if (status != SECKILL_OK)
            set_outcome(task, shard, status);
    }
    sk__list_remove(&self->link);
    sk__engine_release(engine, self);
    if (item != NULL && shard == SK__NO_SHARD)
        item->aside--;
    if (task != NULL) {
        if (status != SECKILL_OK)
            sk__task_fail(task, status, cause);
        task->pending--;
        if (task->pending == 0)
            task->kind->next(task);
    }
    if (item != NULL)
        sk__item_unuse(item);
}

static bool update_shard(sk__call *call) {
    const task_call *self = SK__CONTAINER(call, task_call, call);

    return self->shard != SK__NO_SHARD && sk__shard_update(&self->item->shards[self->shard], call);
}

static const sk__call_kind task_call_kind = {is_wanted, encode, end, NULL, update_shard};

static void start_call(sk__task *task, uint32_t slot, uint32_t shard) {
    task_call *self = sk__engine_alloc(task->engine, sizeof(*self));

    if (self == NULL) {
        set_outcome(task, shard, SECKILL_NO_MEMORY);
        sk__task_fail(task, SECKILL_NO_MEMORY, "");
        return;
    }
    self->task = task;
    self->item = task->item;
    self->shard = shard;
    sk__list_init(&self->link);
    sk__list_append(&task->calls, &self->link);
    if (task->item != NULL) {
        sk__item_use(task->item);
        task->item->aside += shard == SK__NO_SHARD;
    }
    task->pending++;
    sk__call_start(&self->call, task->engine, &task_call_kind, slot);
    self->call.changes_nothing = task->kind->changes_nothing;
    self->call.lasting = task->kind->lasting;
    self->call.is_step = shard != SK__NO_SHARD;
}

/* Where no call could be started nothing would ever go on. */
static void finish_if_stuck(sk__task *task) {
    if (task->pending == 0)
        sk__task_finish(task);
}

void sk__task_call_shard(sk__task *task, uint32_t shard) {
    start_call(task, task->item->shards[shard].slot, shard);
    finish_if_stuck(task);
}

void sk__task_call_shards(sk__task *task) {
    for (uint32_t shard = 0; shard < task->item->settings.shards; shard++)
        start_call(task, task->item->shards[shard].slot, shard);
    finish_if_stuck(task);
}

void sk__task_call_slot(sk__task *task, uint32_t slot) {
    sk__task_call_slots(task, &slot, 1);
}

void sk__task_call_slots(sk__task *task, const uint32_t *slots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        start_call(task, slots[i], SK__NO_SHARD);
    finish_if_stuck(task);
}
