/* Purge: everything of an item is removed, in steps that can stop anywhere and be repeated.
 *
 *   list     is read: the sale must have ended
 *   look     at every shard: nothing may be left to do there
 *   begin    is noted in the list: from here on it is as if there were none
 *   seal     every shard, looking again; where something has come meanwhile, the purge is given up and the list is back
 *   commit   is noted in the list: from here on it can only be finished; unless a failover has lost a seal, and with it brought
 *            back, or let in, something that somebody must still see: then it is given up as well
 *   remove   the shards, then the entry in the activity's list, then the list itself, which knows what is left to do
 */
#include "engine/task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum {
    STEP_BEFORE,
    STEP_LIST,
    STEP_LOOK,
    STEP_BEGIN,
    STEP_SEAL,
    STEP_COMMIT,
    STEP_SHARDS,
    STEP_ENTRY,
    STEP_END,
    STEP_DONE,
    STEP_GIVE_UP
} purge_step;

/* What the list says of a purge, as map.lua counts it. */
enum { NOT_PURGING, SEALING, REMOVING };

typedef struct {
    sk__task task; /* its step is the one under way */
    seckill_item_cb cb;
    uint8_t purging; /* as the list has it, when it is read and when the purge is given up */
    uint8_t seed[SECKILL_SEED_SIZE];
    uint64_t version;
    int64_t sent, taken; /* between the shards, as the last step saw them */
    seckill_status why;  /* it was given up */
    char why_text[sizeof(((sk__task *)NULL)->cause)];
} purge_task;

/* ---- steps ---- */

static bool is_of_shards(int step) {
    return step == STEP_LOOK || step == STEP_SEAL || step == STEP_SHARDS;
}

static int following(const purge_task *self) {
    static const purge_step resume[] = {STEP_LOOK, STEP_SEAL, STEP_SHARDS};

    return self->task.step == STEP_LIST ? (int)resume[self->purging] : self->task.step + 1;
}

static void begin(purge_task *self, int step) {
    sk__task *task = &self->task;

    task->step = step;
    self->sent = self->taken = 0;
    if (!is_of_shards(step))
        sk__task_call_slot(task, step == STEP_ENTRY ? task->item->list_slot : task->item->map_slot);
    else if (task->outcomes != NULL || sk__task_use_outcomes(task))
        sk__task_call_shards(task);
}

/* Sealed shards stand still, so all that was sent must have arrived. */
static void check_moves(purge_task *self) {
    char text[sizeof(self->why_text)];

    if (self->sent == self->taken || self->task.step == STEP_SHARDS)
        return;
    (void)snprintf(text, sizeof(text),
                   "units are between the shards, %" PRId64 " were sent and %" PRId64 " taken: finish transfers", self->sent,
                   self->taken);
    sk__task_fail(&self->task, SECKILL_CONFLICT, text);
}

/* What must not be done yet is found when sealing; or when removing, where a failover has lost the seal. */
static bool is_refused(const sk__task *task) {
    return task->step == STEP_SEAL ? task->status != SECKILL_OK : task->step == STEP_SHARDS && task->status == SECKILL_CONFLICT;
}

static void give_up(purge_task *self) {
    sk__task *task = &self->task;

    self->purging = task->step == STEP_SEAL ? SEALING : REMOVING;
    self->why = task->status;
    memcpy(self->why_text, task->cause, sizeof(task->cause));
    task->status = SECKILL_OK;
    task->cause[0] = '\0';
    begin(self, STEP_GIVE_UP);
}

static void next(sk__task *task) {
    purge_task *self = SK__CONTAINER(task, purge_task, task);

    if (task->status == SECKILL_OK && is_of_shards(task->step))
        check_moves(self);
    if (task->step == STEP_GIVE_UP)
        sk__task_end(task, self->why, self->why_text);
    else if (is_refused(task))
        give_up(self);
    else if (task->status != SECKILL_OK || following(self) == STEP_DONE)
        sk__task_finish(task);
    else
        begin(self, following(self));
}

/* ---- commands ---- */

static void encode_shard(const sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_purge, with_text);
    sk__command_add_text(command, task->step == STEP_LOOK ? "look" : task->step == STEP_SEAL ? "seal" : "remove");
}

static void encode_entry(const sk__task *task, bool with_text, sk__command *command) {
    sk__command_begin(command, SK__SCRIPT_items_remove, with_text, 1);
    sk__command_add_text(command, task->item->list_key);
    sk__command_add_text(command, task->item->name);
}

static void encode_note(const purge_task *self, sk__command *command) {
    int step = self->task.step;

    sk__command_add_number(command, step == STEP_BEGIN ? NOT_PURGING : step == STEP_COMMIT ? SEALING : self->purging);
    sk__command_add_number(command, step == STEP_BEGIN ? SEALING : step == STEP_COMMIT ? REMOVING : NOT_PURGING);
}

static void encode_list(const purge_task *self, bool with_text, sk__command *command) {
    int step = self->task.step;
    sk__writer writer;

    sk__command_begin(command, SK__SCRIPT_map_purge, with_text, 1);
    sk__command_add_text(command, self->task.item->map_key);
    sk__command_add_text(command, step == STEP_LIST ? "look" : step == STEP_END ? "remove" : "note");
    if (step == STEP_LIST)
        return;
    writer = sk__command_add_packed(command, SECKILL_SEED_SIZE + sizeof(self->version));
    sk__write_bytes(&writer, self->seed, sizeof(self->seed));
    sk__write_u64(&writer, self->version);
    if (step != STEP_END)
        encode_note(self, command);
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    if (shard != SK__NO_SHARD)
        encode_shard(task, shard, with_text, command);
    else if (task->step == STEP_ENTRY)
        encode_entry(task, with_text, command);
    else
        encode_list(SK__CONTAINER(task, purge_task, task), with_text, command);
}

/* ---- answers ---- */

static seckill_status take_list(purge_task *self, sk__reader *reply) {
    sk__task *task = &self->task;
    seckill_status status;
    const char *cause;

    if (sk__reader_left(reply) != 0)
        self->purging = sk__read_u8(reply);
    status = self->purging > REMOVING ? SECKILL_PROTOCOL : sk__item_take_map(task->item, reply, &cause);
    if (status != SECKILL_OK) {
        sk__task_fail(task, status, status == SECKILL_PROTOCOL ? "" : cause);
        return status;
    }
    sk__task_hold_shards(task);
    task->item->has_map = self->purging == NOT_PURGING;
    self->version = task->item->info.version;
    memcpy(self->seed, task->item->info.seed, sizeof(self->seed));
    return SECKILL_OK;
}

/* The list is as it should be; or gone, by somebody else who has done all this meanwhile. From the first note on no other call
 * finds it any more; after giving up the next one does. */
static seckill_status take_note(purge_task *self, const sk__reader *reply) {
    bool is_gone = sk__reader_left(reply) == 0;

    self->task.item->has_map = false;
    return is_gone && self->task.step != STEP_END ? SECKILL_NOT_DEFINED : SECKILL_OK;
}

static seckill_status take_shard(purge_task *self, uint32_t shard, sk__reader *reply) {
    char text[sizeof(self->why_text)];
    bool is_done = sk__read_u8(reply) != 0;
    int64_t reserved = sk__read_units(reply), events = sk__read_units(reply), queued = sk__read_units(reply);

    self->sent += sk__read_units(reply);
    self->taken += sk__read_units(reply);
    if (!sk__reader_done(reply))
        return SECKILL_PROTOCOL;
    if (is_done)
        return SECKILL_OK;
    (void)snprintf(text, sizeof(text),
                   "shard %u is not done: %" PRId64 " units are reserved, %" PRId64 " events and %" PRId64 " requests wait",
                   (unsigned)shard, reserved, events, queued);
    sk__task_fail(&self->task, SECKILL_CONFLICT, text);
    return SECKILL_CONFLICT;
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    purge_task *self = SK__CONTAINER(task, purge_task, task);

    if (shard != SK__NO_SHARD)
        return take_shard(self, shard, reply);
    if (task->step == STEP_ENTRY)
        return SECKILL_OK;
    return task->step == STEP_LIST ? take_list(self, reply) : take_note(self, reply);
}

static void report(sk__task *task) {
    purge_task *self = SK__CONTAINER(task, purge_task, task);
    seckill_item_result result = sk__task_item_result(task);

    self->cb(&result, task->user_data);
}

static const sk__task_kind purge_kind = {next, encode, answer, report, NULL, false, false, true};

seckill_status sk__purge_start(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    purge_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &purge_kind, timeout_ms);
}
