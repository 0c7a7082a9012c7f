/* The blacklist: add, remove, check, read. */
#include "engine/blacklist.h"
#include "engine/task.h"

#include <string.h>

enum { ADD_SIZE = 9 }; /* bytes of an entry beside its subject and reason */

/* ---- subjects of a call ---- */

typedef struct {
    sk__subject subject;
    uint8_t flags, reason_size;
    uint8_t reason[SECKILL_REASON_MAX];
    uint64_t ends;
} named;

static bool is_same(const sk__subject *a, const sk__subject *b) {
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Scripts rely on it. There are at most 256. */
static bool all_differ(const named *subjects, size_t count) {
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (is_same(&subjects[i].subject, &subjects[j].subject))
                return false;
        }
    }
    return true;
}

static bool take_entry(const seckill_blacklist_entry *entry, named *out) {
    bool good = sk__subject_of(&entry->subject, &out->subject) && entry->reason.size <= SECKILL_REASON_MAX &&
                (entry->reason.size == 0 || entry->reason.data != NULL) && entry->until_ms >= 0 &&
                (uint64_t)entry->until_ms < SK__FOREVER && (entry->flags & ~(uint32_t)SECKILL_BLACKLIST_LENGTHEN) == 0 &&
                sk__is_zero(entry->spare, sizeof(entry->spare));

    if (!good)
        return false;
    out->flags = (uint8_t)entry->flags;
    out->ends = entry->until_ms != 0 ? (uint64_t)entry->until_ms : SK__FOREVER;
    out->reason_size = (uint8_t)entry->reason.size;
    if (out->reason_size != 0)
        memcpy(out->reason, entry->reason.data, out->reason_size);
    return true;
}

static size_t size_of(const named *subjects, size_t count, size_t beside) {
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += beside + subjects[i].subject.size + subjects[i].reason_size;
    return size;
}

/* What add and remove have in common with check: one call, to one slot. */
static void next(sk__task *task) {
    if (task->step++ == 0)
        sk__task_call_slot(task, sk__blacklist_slot());
    else
        sk__task_finish(task);
}

/* ---- add and remove ---- */

typedef struct {
    sk__task task;
    seckill_blacklist_cb cb;
    uint8_t tag[SK__TAG_SIZE];
    uint32_t changed;
    uint64_t entries;
    int64_t now_ms;
    size_t count;
    named subjects[];
} change_task;

static void encode_tag(const change_task *self, sk__script_id script, bool with_text, sk__command *command) {
    sk__blacklist_encode_keys(self->task.engine->prefix, script, with_text, command);
    sk__command_add(command, self->tag, sizeof(self->tag));
}

static void encode_add(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const change_task *self = SK__CONTAINER(task, change_task, task);
    sk__writer writer;

    (void)shard;
    encode_tag(self, SK__SCRIPT_blacklist_add, with_text, command);
    writer = sk__command_add_packed(command, size_of(self->subjects, self->count, ADD_SIZE));
    for (size_t i = 0; i < self->count; i++) {
        const named *one = &self->subjects[i];

        sk__write_u8(&writer, one->flags);
        sk__write_u48(&writer, one->ends);
        sk__write_subject(&writer, &one->subject);
        sk__write_u8(&writer, one->reason_size);
        sk__write_bytes(&writer, one->reason, one->reason_size);
    }
    command->failed = command->failed || writer.failed;
}

static void encode_subjects(const named *subjects, size_t count, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, size_of(subjects, count, 1));

    for (size_t i = 0; i < count; i++)
        sk__write_subject(&writer, &subjects[i].subject);
    command->failed = command->failed || writer.failed;
}

static void encode_remove(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const change_task *self = SK__CONTAINER(task, change_task, task);

    (void)shard;
    encode_tag(self, SK__SCRIPT_blacklist_remove, with_text, command);
    encode_subjects(self->subjects, self->count, command);
}

static seckill_status answer_change(sk__task *task, uint32_t shard, sk__reader *reply) {
    change_task *self = SK__CONTAINER(task, change_task, task);

    (void)shard;
    self->now_ms = (int64_t)sk__read_u48(reply);
    self->entries = sk__read_u64(reply);
    self->changed = sk__read_u32(reply);
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
}

static void report_change(sk__task *task) {
    const change_task *self = SK__CONTAINER(task, change_task, task);
    seckill_blacklist_result result = {task->status, sk__task_message(task), self->changed, self->entries, self->now_ms};

    self->cb(&result, task->user_data);
}

static const sk__task_kind add_kind = {next, encode_add, answer_change, report_change, NULL, false, false, true};
static const sk__task_kind remove_kind = {next, encode_remove, answer_change, report_change, NULL, false, false, true};

static change_task *change_new(sk__engine *engine, size_t count, seckill_blacklist_cb cb, void *user_data) {
    change_task *self = sk__engine_alloc(engine, sizeof(*self) + count * sizeof(self->subjects[0]));
    uint64_t tag = sk__engine_random(engine);

    if (self == NULL)
        return NULL;
    memcpy(self->tag, &tag, sizeof(self->tag));
    self->count = count;
    self->cb = cb;
    self->task.user_data = user_data;
    return self;
}

seckill_status sk__blacklist_add_start(sk__engine *engine, const seckill_blacklist_entry *entries, size_t count,
                                       uint32_t timeout_ms, seckill_blacklist_cb cb, void *user_data) {
    change_task *self = change_new(engine, count, cb, user_data);
    bool good = true;

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        good = good && take_entry(&entries[i], &self->subjects[i]);
    if (!good || !all_differ(self->subjects, count)) {
        sk__engine_release(engine, self);
        return SECKILL_INVALID;
    }
    return sk__task_start(&self->task, engine, NULL, &add_kind, timeout_ms);
}

static bool take_subjects(const seckill_subject *subjects, size_t count, named *out) {
    for (size_t i = 0; i < count; i++) {
        if (!sk__subject_of(&subjects[i], &out[i].subject))
            return false;
    }
    return true;
}

seckill_status sk__blacklist_remove_start(sk__engine *engine, const seckill_subject *subjects, size_t count,
                                          uint32_t timeout_ms, seckill_blacklist_cb cb, void *user_data) {
    change_task *self = change_new(engine, count, cb, user_data);

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    if (!take_subjects(subjects, count, self->subjects) || !all_differ(self->subjects, count)) {
        sk__engine_release(engine, self);
        return SECKILL_INVALID;
    }
    return sk__task_start(&self->task, engine, NULL, &remove_kind, timeout_ms);
}

/* ---- check ---- */

typedef struct {
    sk__task task;
    seckill_blacklist_check_cb cb;
    int64_t now_ms;
    bool answered, any;
    size_t count;
    seckill_blacklist_finding *findings; /* owned, and so is `reasons`, which they point into */
    uint8_t *reasons;
    named subjects[];
} check_task;

static void encode_check(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const check_task *self = SK__CONTAINER(task, check_task, task);

    (void)shard;
    sk__blacklist_encode_keys(task->engine->prefix, SK__SCRIPT_blacklist_check, with_text, command);
    encode_subjects(self->subjects, self->count, command);
}

static void take_finding(check_task *self, size_t i, sk__reader *reply) {
    seckill_blacklist_finding *one = &self->findings[i];
    uint8_t *reason = self->reasons + i * UINT8_MAX;

    sk__read_finding(reply, one);
    if (one->reason.size != 0)
        memcpy(reason, one->reason.data, one->reason.size);
    one->reason.data = reason;
    self->any = self->any || one->is_listed;
}

static seckill_status answer_check(sk__task *task, uint32_t shard, sk__reader *reply) {
    check_task *self = SK__CONTAINER(task, check_task, task);

    (void)shard;
    self->now_ms = (int64_t)sk__read_u48(reply);
    for (size_t i = 0; i < self->count; i++)
        take_finding(self, i, reply);
    self->answered = sk__reader_done(reply);
    return self->answered ? SECKILL_OK : SECKILL_PROTOCOL;
}

static void report_check(sk__task *task) {
    const check_task *self = SK__CONTAINER(task, check_task, task);
    seckill_status status = task->status == SECKILL_OK && self->any ? SECKILL_BLACKLISTED : task->status;
    seckill_blacklist_check_result result = {status, sk__task_message(task), NULL, 0, self->now_ms};

    if (status == SECKILL_BLACKLISTED)
        result.message = seckill_status_message(status);
    if (task->status == SECKILL_OK) {
        result.findings = self->findings;
        result.count = self->count;
    }
    self->cb(&result, task->user_data);
}

static void release_check(sk__task *task) {
    const check_task *self = SK__CONTAINER(task, check_task, task);

    sk__engine_release(task->engine, self->findings);
    sk__engine_release(task->engine, self->reasons);
}

static const sk__task_kind check_kind = {next, encode_check, answer_check, report_check, release_check, false, true, false};

seckill_status sk__blacklist_check_start(sk__engine *engine, const seckill_subject *subjects, size_t count, uint32_t timeout_ms,
                                         seckill_blacklist_check_cb cb, void *user_data) {
    check_task *self = sk__engine_alloc(engine, sizeof(*self) + count * sizeof(self->subjects[0]));
    seckill_status status = SECKILL_OK;

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->count = count;
    self->cb = cb;
    self->task.engine = engine;
    self->task.user_data = user_data;
    self->findings = sk__engine_alloc(engine, count * sizeof(self->findings[0]));
    self->reasons = sk__engine_alloc(engine, count * UINT8_MAX);
    if (self->findings == NULL || self->reasons == NULL)
        status = SECKILL_NO_MEMORY;
    else if (!take_subjects(subjects, count, self->subjects))
        status = SECKILL_INVALID;
    if (status != SECKILL_OK) {
        release_check(&self->task);
        sk__engine_release(engine, self);
        return status;
    }
    return sk__task_start(&self->task, engine, NULL, &check_kind, timeout_ms);
}

/* ---- read ---- */

/* What is in a public cursor. All zeros: where a walk begins. */
typedef struct {
    char text[SK__CURSOR_SIZE];
    uint64_t server;
    uint64_t part;
} place;

_Static_assert(sizeof(place) == sizeof(seckill_blacklist_cursor), "a cursor is what the caller keeps for us");

/* One entry of a page, with its bytes. */
typedef struct {
    char kind[SECKILL_KIND_MAX + 1], text[SK__NETWORK_TEXT_SIZE];
    uint8_t subject[SK__SUBJECT_SIZE], reason[UINT8_MAX];
} listed;

typedef struct {
    sk__task task;
    seckill_blacklist_read_cb cb;
    sk__blacklist_walk walk, after;
    uint32_t max;
    sk__log_position at;
    bool has_position, restarted;
    int64_t now_ms;
    seckill_blacklist_entry *entries; /* owned, and so is what they point into */
    listed *bytes;
    size_t count;
} read_task;

/* The first step asks where the log is, so that the second one gets a page and no changes but the latest. */
static void next_read(sk__task *task) {
    const read_task *self = SK__CONTAINER(task, read_task, task);

    if (task->status == SECKILL_OK && (task->step++ == 0 || self->entries == NULL))
        sk__task_call_slot(task, sk__blacklist_slot());
    else
        sk__task_finish(task);
}

static void encode_read(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    const read_task *self = SK__CONTAINER(task, read_task, task);

    (void)shard;
    sk__blacklist_encode_step(task->engine, self->has_position ? &self->at : NULL, self->has_position ? &self->walk : NULL,
                              self->max, with_text, command);
}

/* False: it is no entry. What is over is left out. */
static bool take_listed(read_task *self, sk__reader *reply) {
    sk__blacklist_found found = sk__blacklist_read_found(reply);
    listed *bytes = &self->bytes[self->count];
    seckill_blacklist_entry *entry = &self->entries[self->count];
    seckill_bytes subject = {bytes->subject, found.subject.size};

    if (reply->failed || found.subject.size == 0 || found.subject.size > sizeof(bytes->subject))
        return false;
    memcpy(bytes->subject, found.subject.data, found.subject.size);
    if (!sk__subject_tell(subject, bytes->kind, bytes->text, &entry->subject))
        return false;
    if (found.reason.size != 0)
        memcpy(bytes->reason, found.reason.data, found.reason.size);
    entry->reason.data = bytes->reason;
    entry->reason.size = found.reason.size;
    entry->until_ms = found.ends == SK__FOREVER ? 0 : (int64_t)found.ends;
    entry->since_ms = (int64_t)found.since;
    self->count += found.ends > (uint64_t)self->now_ms;
    return true;
}

static seckill_status take_page(read_task *self, sk__reader *reply) {
    uint32_t count;
    seckill_status status = SECKILL_OK;

    self->after = self->walk;
    count = sk__blacklist_read_page(reply, &self->after, &self->restarted);
    if (reply->failed || count > sk__reader_left(reply))
        return SECKILL_PROTOCOL;
    self->entries = sk__engine_alloc(self->task.engine, (count + 1U) * sizeof(self->entries[0]));
    self->bytes = sk__engine_alloc(self->task.engine, (count + 1U) * sizeof(self->bytes[0]));
    if (self->entries == NULL || self->bytes == NULL)
        return SECKILL_NO_MEMORY;
    for (uint32_t i = 0; i < count && status == SECKILL_OK; i++) {
        if (!take_listed(self, reply))
            status = reply->failed ? SECKILL_PROTOCOL : SECKILL_DAMAGED;
    }
    return status == SECKILL_OK && !sk__reader_done(reply) ? SECKILL_PROTOCOL : status;
}

static seckill_status answer_read(sk__task *task, uint32_t shard, sk__reader *reply) {
    read_task *self = SK__CONTAINER(task, read_task, task);
    sk__blacklist_step step = sk__blacklist_read_step(reply);
    sk__subject subject;
    uint64_t ends;

    (void)shard;
    self->now_ms = step.now_ms;
    self->at = step.at;
    self->has_position = true;
    for (uint32_t i = 0; i < step.changes && !reply->failed; i++)
        (void)sk__blacklist_read_change(reply, &subject, &ends);
    if (sk__read_u8(reply) != 0)
        return take_page(self, reply);
    return reply->failed ? SECKILL_PROTOCOL : SECKILL_OK;
}

static void report_read(sk__task *task) {
    const read_task *self = SK__CONTAINER(task, read_task, task);
    bool is_read = task->status == SECKILL_OK;
    const sk__blacklist_walk *walk = is_read ? &self->after : &self->walk;
    seckill_blacklist_read_result result;
    place where;

    memset(&result, 0, sizeof(result));
    memset(&where, 0, sizeof(where));
    memcpy(where.text, walk->cursor, sizeof(where.text));
    where.server = walk->server;
    where.part = walk->part;
    memcpy(&result.next, &where, sizeof(result.next));
    result.status = task->status;
    result.message = sk__task_message(task);
    result.complete = is_read && walk->at_end;
    result.restarted = is_read && self->restarted;
    result.server_time_ms = self->now_ms;
    if (is_read && self->count != 0) {
        result.entries = self->entries;
        result.count = self->count;
    }
    self->cb(&result, task->user_data);
}

static void release_read(sk__task *task) {
    const read_task *self = SK__CONTAINER(task, read_task, task);

    sk__engine_release(task->engine, self->entries);
    sk__engine_release(task->engine, self->bytes);
}

static const sk__task_kind read_kind = {next_read, encode_read, answer_read, report_read, release_read, false, true, false};

/* It was in the caller's hands. */
static bool take_cursor(read_task *self, const seckill_blacklist_cursor *cursor) {
    place where;

    memcpy(&where, cursor, sizeof(where));
    memcpy(self->walk.cursor, where.text, sizeof(where.text));
    self->walk.server = where.server;
    self->walk.part = (uint32_t)where.part;
    if (where.text[0] == '\0')
        sk__cursor_begin(self->walk.cursor);
    return where.part < SK__BLACKLIST_PARTS && sk__cursor_valid(self->walk.cursor);
}

seckill_status sk__blacklist_read_start(sk__engine *engine, const seckill_blacklist_cursor *cursor, uint32_t max,
                                        uint32_t timeout_ms, seckill_blacklist_read_cb cb, void *user_data) {
    read_task *self = sk__engine_alloc(engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    if (!take_cursor(self, cursor)) {
        sk__engine_release(engine, self);
        return SECKILL_INVALID;
    }
    self->max = max;
    self->cb = cb;
    self->task.user_data = user_data;
    return sk__task_start(&self->task, engine, NULL, &read_kind, timeout_ms);
}
