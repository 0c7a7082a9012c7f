/* Reconcile: what each shard has taken from others; then each shard by itself, all side by side; then what each has sent.
 * Receivers are read before those who give: what was taken must have been sent by then. */
#include "engine/audit.h"
#include "engine/supply.h"
#include "engine/task.h"

#include <stdlib.h>
#include <string.h>

/* What is under way. */
enum { STEP_BEGIN, STEP_TAKEN, STEP_SHARDS, STEP_SENT };

/* What a shard had taken from another when it was read first, and what that one had sent when it was read last. */
typedef struct {
    uint32_t to, from;
    uint64_t taken, sent;
} pair;

typedef struct {
    sk__task task;
    sk__audit_run run;
    seckill_reconcile_cb cb;
    seckill_account *accounts; /* one for each shard, and so the next; both owned */
    sk__audit_shard *audits;
    pair *pairs; /* sorted once all are there; owned */
    size_t pair_count, pair_room;
    uint64_t transit; /* sent less taken */
    int64_t owed;
    sk__want want;
} reconcile_task;

static reconcile_task *self_of(sk__task *task) {
    return SK__CONTAINER(task, reconcile_task, task);
}

/* ---- transfers between shards ---- */

static bool add_pair(reconcile_task *self, uint32_t to, uint32_t from, uint64_t taken) {
    sk__engine *engine = self->task.engine;

    if (self->pair_count == self->pair_room) {
        size_t room = self->pair_room == 0 ? 64 : 2 * self->pair_room;
        pair *pairs = sk__engine_alloc(engine, room * sizeof(*pairs));

        if (pairs == NULL)
            return false;
        if (self->pair_count != 0)
            memcpy(pairs, self->pairs, self->pair_count * sizeof(*pairs));
        sk__engine_release(engine, self->pairs);
        self->pairs = pairs;
        self->pair_room = room;
    }
    self->pairs[self->pair_count++] = (pair){to, from, taken, 0};
    return true;
}

static int compare_pairs(const void *left, const void *right) {
    const pair *a = left, *b = right;

    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->to < b->to ? -1 : a->to > b->to;
}

static void note_sent(reconcile_task *self, uint32_t from, uint32_t to, uint64_t sent) {
    pair wanted = {to, from, 0, 0};
    pair *found = NULL;

    if (self->pair_count != 0)
        found = bsearch(&wanted, self->pairs, self->pair_count, sizeof(wanted), compare_pairs);
    if (found != NULL)
        found->sent = sent;
}

static seckill_status take_rows(reconcile_task *self, uint32_t shard, sk__reader *reply) {
    int64_t available;
    uint32_t count;
    bool is_first = self->task.step == STEP_TAKEN;

    available = sk__read_units(reply);
    count = sk__read_u16(reply);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = sk__read_u16(reply);
        uint64_t sent = sk__read_total(reply), taken = sk__read_total(reply);

        if (is_first && taken > 0 && !add_pair(self, shard, other, taken))
            return SECKILL_NO_MEMORY;
        if (!is_first) {
            note_sent(self, shard, other, sent);
            self->transit += sent - taken;
        }
    }
    if (!is_first && available < 0)
        self->owed -= available;
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
}

static bool is_unbooked(const pair *one) {
    return one->taken > one->sent;
}

/* A field may name a shard that the item has not: nobody can book it there. */
static bool can_be_booked(const reconcile_task *self, const pair *one) {
    return one->from < self->task.outcome_count && one->from != one->to;
}

static bool has_to_book(const reconcile_task *self) {
    for (size_t i = 0; i < self->pair_count; i++)
        if (is_unbooked(&self->pairs[i]) && can_be_booked(self, &self->pairs[i]))
            return true;
    return false;
}

static void tell_unbooked(reconcile_task *self, bool repaired) {
    for (size_t i = 0; i < self->pair_count; i++) {
        const pair *one = &self->pairs[i];
        seckill_fault fault;

        if (!is_unbooked(one))
            continue;
        memset(&fault, 0, sizeof(fault));
        fault.kind = SECKILL_FAULT_TRANSFER;
        fault.what = can_be_booked(self, one) ? "" : "the item has no other shard of this number";
        fault.shard = one->to;
        fault.other = one->from;
        fault.found = (int64_t)one->taken;
        fault.expected = (int64_t)one->sent;
        fault.repaired = repaired && can_be_booked(self, one);
        sk__audit_tell(&self->run, &self->accounts[one->to], &fault);
    }
}

/* The item's search books what a failover made a shard forget, when somebody asks it to finish what is half done. */
static void on_settled(sk__want *want, seckill_status status, const char *cause) {
    reconcile_task *self = SK__CONTAINER(want, reconcile_task, want);
    uint64_t transit = 0, owed = 0;

    sk__supply_look(self->task.item->supply, &transit, &owed);
    self->transit = transit;
    self->owed = (int64_t)owed;
    tell_unbooked(self, status == SECKILL_OK);
    sk__task_end(&self->task, status, cause);
}

static void conclude(reconcile_task *self) {
    if (self->task.status == SECKILL_OK && has_to_book(self) && (self->run.options.flags & SECKILL_RECONCILE_REPAIR) != 0) {
        self->want.told = on_settled;
        sk__supply_settle(self->task.item->supply, &self->want);
        return;
    }
    if (self->task.status == SECKILL_OK)
        tell_unbooked(self, false);
    sk__task_finish(&self->task);
}

/* ---- the task ---- */

static bool begin(reconcile_task *self) {
    sk__task *task = &self->task;

    if (!sk__task_use_outcomes(task))
        return false;
    self->accounts = sk__engine_alloc(task->engine, task->outcome_count * sizeof(self->accounts[0]));
    self->audits = sk__engine_alloc(task->engine, task->outcome_count * sizeof(self->audits[0]));
    if (self->accounts == NULL || self->audits == NULL) {
        sk__task_end(task, SECKILL_NO_MEMORY, "");
        return false;
    }
    self->run.item = task->item;
    self->run.user_data = task->user_data;
    for (uint32_t i = 0; i < task->outcome_count; i++) {
        self->accounts[i].shard = i;
        sk__audit_begin(&self->audits[i], &self->accounts[i]);
    }
    return true;
}

static void next(sk__task *task) {
    reconcile_task *self = self_of(task);

    if (task->step == STEP_BEGIN && !begin(self))
        return;
    if (task->step == STEP_TAKEN && self->pair_count != 0)
        qsort(self->pairs, self->pair_count, sizeof(pair), compare_pairs);
    if (task->step == STEP_SENT) {
        conclude(self);
        return;
    }
    task->step++;
    sk__task_call_shards(task);
}

static void encode(sk__task *task, uint32_t shard, bool with_text, sk__command *command) {
    reconcile_task *self = self_of(task);

    if (task->step == STEP_SHARDS) {
        sk__audit_encode(&self->run, &self->audits[shard], with_text, command);
        return;
    }
    sk__shard_encode(&task->item->shards[shard], command, SK__SCRIPT_audit_transfers, with_text);
}

static seckill_status answer(sk__task *task, uint32_t shard, sk__reader *reply) {
    reconcile_task *self = self_of(task);
    sk__audit_shard *audit = &self->audits[shard];
    seckill_status status;

    if (task->step != STEP_SHARDS)
        return take_rows(self, shard, reply);
    status = sk__audit_take(&self->run, audit, task->header.now_ms, reply);
    if (status == SECKILL_OK && audit->stage != SK__AUDIT_DONE)
        sk__task_call_shard(task, shard);
    return status;
}

static void report(sk__task *task) {
    reconcile_task *self = self_of(task);
    seckill_reconcile_result result;

    memset(&result, 0, sizeof(result));
    result.status = task->status;
    result.message = sk__task_message(task);
    result.server_time_ms = task->header.now_ms;
    result.faults = self->run.faults;
    result.repaired = self->run.repaired;
    result.transit = (int64_t)self->transit > 0 ? (int64_t)self->transit : 0;
    result.owed = self->owed;
    result.shards = self->accounts;
    result.count = self->accounts != NULL && self->audits != NULL ? task->outcome_count : 0;
    for (size_t i = 0; i < result.count; i++) {
        self->accounts[i].status = task->outcomes[i].status;
        result.overdue += self->audits[i].overdue;
    }
    self->cb(&result, task->user_data);
}

static void release(sk__task *task) {
    reconcile_task *self = self_of(task);

    sk__want_remove(&self->want);
    sk__engine_release(task->engine, self->accounts);
    sk__engine_release(task->engine, self->audits);
    sk__engine_release(task->engine, self->pairs);
}

static const sk__task_kind reconcile_kind = {next, encode, answer, report, release, true, false, false};

static void fill_in_defaults(seckill_reconcile_options *options) {
    if (options->timeout_ms == 0)
        options->timeout_ms = SECKILL_RECONCILE_TIMEOUT_MS;
    if (options->step == 0)
        options->step = SECKILL_RECONCILE_STEP;
}

seckill_status sk__reconcile_start(seckill_item *item, const seckill_reconcile_options *options, seckill_reconcile_cb cb,
                                   void *user_data) {
    reconcile_task *self = sk__engine_alloc(item->engine, sizeof(*self));

    if (self == NULL)
        return SECKILL_NO_MEMORY;
    self->run.options = *options;
    fill_in_defaults(&self->run.options);
    self->cb = cb;
    sk__list_init(&self->want.link);
    self->task.user_data = user_data;
    return sk__task_start(&self->task, item->engine, item, &reconcile_kind, self->run.options.timeout_ms);
}
