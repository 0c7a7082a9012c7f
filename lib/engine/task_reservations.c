/* Reservations: a page of those of one shard. */
#include "engine/task.h"
#include "script/scan.h"

#include <string.h>

/* What is in a public cursor. All zeros: where a walk begins. */
typedef struct {
    char text[SK__CURSOR_SIZE];
    uint64_t server;
} place;

_Static_assert(sizeof(place) == sizeof(seckill_reservations_cursor), "a cursor is what the caller keeps for us");

typedef struct {
    sk__task task;
    seckill_reservations_cb cb;
    uint32_t shard, max;
    place at, next;
    bool complete, restarted;
    uint32_t damaged;
    seckill_user_reservation *found; /* owned, and so is `bytes` with their users */
    uint8_t *bytes;
    size_t count;
} page_task;

static void next(sk__task *task) {
    const page_task *self = SK__CONTAINER(task, page_task, task);

    if (task->step++ != 0)
        sk__task_finish(task);
    else if (self->shard >= task->item->settings.shards)
        sk__task_end(task, SECKILL_INVALID, "the item has no such shard");
    else
        sk__task_call_shard(task, self->shard);
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const page_task *self = SK__CONTAINER(task, page_task, task);
    sk__writer writer;

    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_reservations, with_text);
    sk__command_add_text(command, self->at.text);
    sk__command_add_number(command, self->max);
    writer = sk__command_add_packed(command, sizeof(self->at.server));
    sk__write_u64(&writer, self->at.server);
}

/* How many records follow; the reader's `failed` where they are none. */
static size_t count_records(sk__reader reader, uint32_t users) {
    size_t count = 0;

    for (uint32_t i = 0; i < users && !reader.failed; i++)
        count += sk__read_walked(&reader).count;
    return count;
}

/* As long as records, they may be none all the same. */
static bool is_damaged(const sk__walked *walked) {
    const uint8_t *record = walked->records.data;

    for (uint32_t i = 0; i < walked->count; i++, record += SK__RECORD_SIZE) {
        if (!sk__state_valid(sk__record_state(record)))
            return true;
    }
    return walked->damaged;
}

static void take_user(page_task *self, sk__reader *reader) {
    sk__walked walked = sk__read_walked(reader);
    sk__reader records = sk__reader_of(walked.records.data, walked.records.size);

    if (reader->failed)
        return;
    if (is_damaged(&walked)) {
        self->damaged++;
        return;
    }
    for (uint32_t i = 0; i < walked.count; i++) {
        sk__record record;

        sk__read_record(&records, &record);
        self->found[self->count].user = walked.user;
        self->found[self->count].reservation = record.shown;
        self->count++;
    }
    reader->failed = reader->failed || records.failed;
}

/* They outlive the reply: they are reported when the task ends. */
static seckill_status take_page(page_task *self, seckill_bytes rest, uint32_t users) {
    sk__engine *engine = self->task.engine;
    sk__reader reader;
    size_t count;

    if (users == 0)
        return rest.size == 0 ? SECKILL_OK : SECKILL_PROTOCOL;
    self->bytes = sk__engine_alloc(engine, rest.size + 1);
    if (self->bytes == NULL)
        return SECKILL_NO_MEMORY;
    if (rest.size != 0)
        memcpy(self->bytes, rest.data, rest.size);
    reader = sk__reader_of(self->bytes, rest.size);
    count = count_records(reader, users);
    self->found = sk__engine_alloc(engine, (count + 1) * sizeof(self->found[0]));
    if (self->found == NULL)
        return SECKILL_NO_MEMORY;
    for (uint32_t i = 0; i < users && !reader.failed; i++)
        take_user(self, &reader);
    return sk__reader_done(&reader) ? SECKILL_OK : SECKILL_PROTOCOL;
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    page_task *self = SK__CONTAINER(task, page_task, task);
    seckill_status status;
    sk__walk_step step;

    (void)shard;
    self->next.server = sk__read_u64(reply);
    self->restarted = sk__read_u8(reply) != 0;
    step = sk__read_walk_step(reply);
    if (reply->failed)
        return SECKILL_PROTOCOL;
    memcpy(self->next.text, step.cursor, sizeof(step.cursor));
    self->complete = step.complete;
    status = take_page(self, sk__read_bytes(reply, sk__reader_left(reply)), step.count);
    if (status != SECKILL_OK)
        self->count = 0;
    return status;
}

static void report(sk__task *task) {
    page_task *self = SK__CONTAINER(task, page_task, task);
    bool is_read = task->status == SECKILL_OK;
    seckill_reservations_result result;

    memset(&result, 0, sizeof(result));
    result.status = task->status;
    result.message = sk__task_message(task);
    result.shard = self->shard;
    result.server_time_ms = task->header.now_ms;
    memcpy(&result.next, is_read ? &self->next : &self->at, sizeof(result.next));
    result.complete = is_read && self->complete;
    result.restarted = is_read && self->restarted;
    result.damaged = is_read ? self->damaged : 0;
    result.count = self->count;
    result.reservations = self->count != 0 ? self->found : NULL;
    self->cb(&result, task->user_data);
}

static void release(sk__task *task) {
    const page_task *self = SK__CONTAINER(task, page_task, task);

    sk__engine_release(task->engine, self->found);
    sk__engine_release(task->engine, self->bytes);
}

static const sk__task_kind page_kind = {next, encode, answer, report, release, true, true, false};

/* It was in the caller's hands: a cursor, or all zeros. */
static bool take_cursor(page_task *self, const seckill_reservations_cursor *cursor) {
    memcpy(&self->at, cursor, sizeof(self->at));
    if (self->at.text[0] == '\0')
        sk__cursor_begin(self->at.text);
    return sk__cursor_valid(self->at.text);
}

seckill_status sk__reservations_start(seckill_item *item, uint32_t shard, const seckill_reservations_cursor *cursor,
                                      uint32_t max, uint32_t timeout_ms, seckill_reservations_cb cb, void *user_data) {
    page_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    if (!take_cursor(self, cursor)) {
        sk__engine_release(item->engine, self);
        return SECKILL_INVALID;
    }
    self->shard = shard;
    self->max = max;
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &page_kind, timeout_ms);
}
