/* Processing the queue of one shard: decides what was screened, and hands out what comes next. */
#include "base/names.h"
#include "engine/task.h"

#include <string.h>

typedef struct {
    uint32_t decided, granted, refused, blacklisted;
} counts;

typedef struct {
    sk__task task;
    sk__want want; /* of units for the request that is next */
    uint32_t needs;
    uint32_t takes; /* which of the shard's the call carried */
    seckill_queue_cb cb;
    uint32_t shard, max;
    seckill_queue_id from; /* the first that is still to be decided of what was screened */
    uint64_t to_n;         /* the last */
    uint64_t verdicts_n;   /* the n that the first verdict is about */
    size_t verdict_count;
    bool again; /* another call is needed to get to the end */
    seckill_status stopped;
    counts counted;
    uint64_t waiting;
    seckill_queue_entry *entries; /* owned, and so is `bytes` that they point into */
    uint8_t *bytes;
    size_t count;
    uint8_t verdicts[]; /* verdict_count */
} process_task;

/* Units have come, or are on their way; or there are none, and the shard's proof says so. */
static void on_supply(sk__want *want, seckill_status status, const char *cause) {
    process_task *self = SK__CONTAINER(want, process_task, want);

    if (status != SECKILL_OK && status != SECKILL_SOLD_OUT && status != SECKILL_NOT_ENOUGH) {
        sk__task_end(&self->task, status, cause);
        return;
    }
    self->again = true;
    self->task.kind->next(&self->task);
}

static void search(process_task *self) {
    uint32_t units = self->needs;

    self->needs = 0;
    self->want.n = self->from.n;
    self->want.told = on_supply;
    sk__supply_add(self->task.item->supply, &self->want, self->shard, units);
}

static void next(sk__task *task) {
    process_task *self = SK__CONTAINER(task, process_task, task);

    if (task->status == SECKILL_OK && self->needs != 0) {
        search(self);
        return;
    }
    if (self->shard >= task->item->settings.shards) {
        sk__task_end(task, SECKILL_INVALID, "the item has no such shard");
    } else if (task->status == SECKILL_OK && (task->step++ == 0 || self->again)) {
        self->again = false;
        sk__task_call_shard(task, self->shard);
    } else {
        sk__task_finish(task);
    }
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    process_task *self = SK__CONTAINER(task, process_task, task);
    const sk__shard *home = &task->item->shards[shard];
    const uint64_t numbers[] = {self->from.epoch, self->from.n, self->to_n, self->verdicts_n};
    sk__writer writer;

    sk__shard_encode(home, command, SK__SCRIPT_queue_process, with_text);
    self->takes = sk__shard_encode_supply(home, command);
    writer = sk__command_add_packed(command, sizeof(numbers) + sizeof(uint32_t));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sk__write_u64(&writer, numbers[i]);
    sk__write_u32(&writer, self->max);
    sk__command_add(command, self->verdicts, self->verdict_count);
}

/* ---- what was handed out ---- */

static void read_entry(sk__reader *reader, seckill_queue_entry *entry) {
    sk__read_into(reader, entry->reservation_id, sizeof(entry->reservation_id));
    entry->quantity = sk__read_u32(reader);
    entry->since_ms = (int64_t)sk__read_u48(reader);
    entry->user = sk__read_bytes(reader, sk__read_u8(reader));
    if (entry->user.size == 0 || entry->user.size > SECKILL_USER_MAX)
        reader->failed = true;
}

static void drop_entries(process_task *self) {
    sk__engine_release(self->task.engine, self->entries);
    sk__engine_release(self->task.engine, self->bytes);
    self->entries = NULL;
    self->bytes = NULL;
    self->count = 0;
}

static bool is_place(seckill_queue_id id) {
    return sk__number_valid(id.epoch) && sk__number_valid(id.n) && sk__number_valid(id.n + SECKILL_BATCH_MAX);
}

/* They outlive the reply: they are reported when the task ends. */
static seckill_status take_entries(process_task *self, seckill_queue_id head, sk__reader *reply) {
    sk__engine *engine = self->task.engine;
    uint32_t count = sk__read_u32(reply);
    seckill_bytes rest = sk__read_bytes(reply, sk__reader_left(reply));
    sk__reader reader;

    drop_entries(self);
    if (reply->failed || count > self->max || (count == 0 && rest.size != 0) || (count != 0 && !is_place(head)))
        return SECKILL_PROTOCOL;
    if (count == 0)
        return SECKILL_OK;
    self->entries = sk__engine_alloc(engine, count * sizeof(self->entries[0]));
    self->bytes = sk__engine_alloc(engine, rest.size + 1);
    if (self->entries == NULL || self->bytes == NULL)
        return SECKILL_NO_MEMORY;
    if (rest.size != 0)
        memcpy(self->bytes, rest.data, rest.size);
    reader = sk__reader_of(self->bytes, rest.size);
    for (uint32_t i = 0; i < count; i++) {
        self->entries[i].id.epoch = head.epoch;
        self->entries[i].id.n = head.n + i;
        read_entry(&reader, &self->entries[i]);
    }
    if (!sk__reader_done(&reader))
        return SECKILL_PROTOCOL;
    self->count = count;
    return SECKILL_OK;
}

/* ---- what was decided ---- */

/* A reply, but for the requests that it hands out. */
typedef struct {
    counts counted;
    uint8_t stop;   /* why it did not get to the last that was screened: a status, or SK__ANSWER_AGAIN; SECKILL_OK: it did */
    uint32_t needs; /* units, of the next request, where it stopped for them */
    sk__progress progress;
    seckill_queue_id head;
} processed;

static void read_processed(sk__reader *reply, processed *done) {
    done->counted.decided = sk__read_u32(reply);
    done->counted.granted = sk__read_u32(reply);
    done->counted.refused = sk__read_u32(reply);
    done->counted.blacklisted = sk__read_u32(reply);
    done->stop = sk__read_u8(reply);
    done->needs = sk__read_u32(reply);
    done->progress = sk__read_progress(reply);
    done->head.epoch = sk__read_u64(reply);
    done->head.n = sk__read_u64(reply);
}

static void add_counts(process_task *self, const counts *more) {
    self->counted.decided += more->decided;
    self->counted.granted += more->granted;
    self->counted.refused += more->refused;
    self->counted.blacklisted += more->blacklisted;
    self->task.engine->stats.granted += more->granted;
}

/* Where units are short they are searched for in the other shards; the script refuses nobody for stock without a proof that
 * they have none. False: it cannot stop for such a reason. */
static bool take_stop(process_task *self, const processed *done) {
    switch ((int)done->stop) {
    case SECKILL_OK:
        return true;
    case SECKILL_NOT_STARTED:
    case SECKILL_PAUSED:
        self->stopped = (seckill_status)done->stop;
        return true;
    case SECKILL_SOLD_OUT:
    case SECKILL_NOT_ENOUGH:
        self->needs = done->needs;
        if (done->needs == 0)
            return false;
        break;
    case SK__ANSWER_AGAIN:
        break;
    default:
        return false;
    }
    self->again = true;
    self->from = done->head; /* it stands within what was screened: there it stopped */
    return true;
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    process_task *self = SK__CONTAINER(task, process_task, task);
    sk__shard *home = &task->item->shards[shard];
    processed done;
    seckill_status status;

    read_processed(reply, &done);
    status = take_entries(self, done.head, reply);
    if (status == SECKILL_PROTOCOL || !take_stop(self, &done))
        return SECKILL_PROTOCOL; /* and none of it is believed */
    if (self->from.n != 0)       /* who only looks takes nothing */
        sk__shard_took(home, self->takes);
    add_counts(self, &done.counted);
    self->waiting = done.progress.enqueued - done.progress.decided;
    sk__pace_note(&home->pace, done.progress.decided, done.progress.enqueued, task->header.now_ms);
    return status;
}

/* What decided something and then failed has not done nothing. */
static seckill_status final_status(const process_task *self) {
    seckill_status status = self->task.status;

    return self->counted.decided != 0 && seckill_status_class(status) == SECKILL_CLASS_RETRYABLE ? SECKILL_UNKNOWN : status;
}

static void report(sk__task *task) {
    process_task *self = SK__CONTAINER(task, process_task, task);
    seckill_queue_result result;

    memset(&result, 0, sizeof(result));
    result.status = final_status(self);
    result.message = sk__task_message(task);
    result.shard = self->shard;
    result.stopped = self->stopped;
    result.decided = self->counted.decided;
    result.granted = self->counted.granted;
    result.refused = self->counted.refused;
    result.blacklisted = self->counted.blacklisted;
    if (task->status == SECKILL_OK) {
        result.entries = self->entries;
        result.count = self->count;
    }
    result.waiting = self->waiting;
    result.server_time_ms = task->header.now_ms;
    self->cb(&result, task->user_data);
}

static void release(sk__task *task) {
    sk__want_remove(&SK__CONTAINER(task, process_task, task)->want);
    drop_entries(SK__CONTAINER(task, process_task, task));
}

static const sk__task_kind process_kind = {next, encode, answer, report, release, true, false, true};

seckill_status sk__queue_process_start(seckill_item *item, const seckill_queue_process_options *options, seckill_queue_cb cb,
                                       void *user_data) {
    size_t verdicts = options->blacklisted != NULL ? options->blacklisted_count : 0;
    process_task *self = sk__engine_alloc(item->engine, sizeof(*self) + verdicts);

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->cb = cb;
    sk__list_init(&self->want.link);
    self->shard = options->shard;
    self->max = options->max;
    self->from = options->from;
    self->to_n = options->to.n;
    self->verdicts_n = options->from.n;
    self->verdict_count = verdicts;
    if (verdicts != 0)
        memcpy(self->verdicts, options->blacklisted, verdicts);
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &process_kind, options->timeout_ms);
}
