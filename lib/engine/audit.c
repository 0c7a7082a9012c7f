#include "engine/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sk__audit_begin(sk__audit_shard *audit, seckill_account *account) {
    memset(audit, 0, sizeof(*audit));
    audit->account = account;
    sk__cursor_begin(audit->cursor);
    audit->score[0] = '0';
    audit->expected = 1;
}

/* Whether to repair, as the scripts take it. */
static uint8_t flags_of(const sk__audit_run *run) {
    return (run->options.flags & SECKILL_RECONCILE_REPAIR) != 0;
}

/* ---- faults ---- */

const char *seckill_fault_name(seckill_fault_kind kind) {
    switch (kind) {
#define NAME(name, number, text, message)                                                                                      \
    case SECKILL_FAULT_##name:                                                                                                 \
        return text;
        SECKILL_FAULT_MAP(NAME)
#undef NAME
    }
    return "no_such_fault";
}

const char *seckill_fault_message(seckill_fault_kind kind) {
    switch (kind) {
#define MESSAGE(name, number, text, message)                                                                                   \
    case SECKILL_FAULT_##name:                                                                                                 \
        return message;
        SECKILL_FAULT_MAP(MESSAGE)
#undef MESSAGE
    }
    return "no such fault";
}

/* Which key a fault is about. */
static const char *key_of(const sk__audit_run *run, const seckill_fault *fault) {
    static const uint8_t places[] = {
        [SECKILL_FAULT_COUNTER] = 0,          [SECKILL_FAULT_RECORD] = 1,  [SECKILL_FAULT_HOME] = 1,
        [SECKILL_FAULT_NEVER_ENDS] = 1,       [SECKILL_FAULT_ENTRY] = 2,   [SECKILL_FAULT_TRANSFER] = 3,
        [SECKILL_FAULT_MISSING_REQUESTS] = 4, [SECKILL_FAULT_WAITING] = 4, [SECKILL_FAULT_EVENT] = 5,
    };

    return run->item->shards[fault->shard].keys[places[fault->kind]];
}

void sk__audit_tell(sk__audit_run *run, seckill_account *account, seckill_fault *fault) {
    uint64_t repaired = fault->repaired != 0;

    fault->key = key_of(run, fault);
    run->faults++;
    run->repaired += repaired;
    if (account != NULL) {
        account->faults++;
        account->repaired += repaired;
    }
    if (run->options.on_fault != NULL)
        run->options.on_fault(fault, run->user_data);
}

seckill_fault sk__audit_fault(const sk__audit_shard *audit, seckill_fault_kind kind, const char *what) {
    seckill_fault fault;

    memset(&fault, 0, sizeof(fault));
    fault.kind = kind;
    fault.shard = audit->account->shard;
    fault.what = what;
    return fault;
}

/* ---- what ends when ---- */

static void encode_expirations(const sk__audit_run *run, const sk__audit_shard *audit, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 4 + 4 + 1 + strlen(audit->score));

    sk__write_u32(&writer, audit->score_done);
    sk__write_u32(&writer, run->options.step);
    sk__write_u8(&writer, flags_of(run));
    sk__write_text(&writer, audit->score);
}

/* A score of Redis, as it writes it. */
static void read_score(sk__reader *reply, char score[SK__SCORE_SIZE]) {
    seckill_bytes text = sk__read_bytes(reply, sk__read_u8(reply));

    memset(score, 0, SK__SCORE_SIZE);
    if (text.size == 0 || text.size >= SK__SCORE_SIZE)
        reply->failed = true;
    else if (!reply->failed)
        memcpy(score, text.data, text.size);
}

static void take_entry(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    seckill_fault fault = sk__audit_fault(audit, SECKILL_FAULT_ENTRY, "");
    char score[SK__SCORE_SIZE], text[SK__SCORE_SIZE + 4];

    read_score(reply, score);
    (void)snprintf(text, sizeof(text), "at %s", score);
    fault.what = text;
    fault.repaired = sk__read_u8(reply) != 0;
    if (!reply->failed)
        sk__audit_tell(run, audit->account, &fault);
}

static void take_expirations(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    bool is_first = strcmp(audit->score, "0") == 0 && audit->score_done == 0;
    char highest[SK__SCORE_SIZE];
    bool is_end;
    uint32_t bad;

    audit->score_done = sk__read_u32(reply);
    is_end = sk__read_u8(reply) != 0;
    read_score(reply, audit->score);
    read_score(reply, highest);
    bad = sk__read_u32(reply);
    for (uint32_t i = 0; i < bad && !reply->failed; i++)
        take_entry(run, audit, reply);
    if (is_first)
        audit->highest = strtod(highest, NULL);
    if (is_end || strtod(audit->score, NULL) > audit->highest)
        audit->stage = SK__AUDIT_RECORDS;
}

/* ---- events ---- */

static void encode_events(const sk__audit_run *run, const sk__audit_shard *audit, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 8 + 8 + 4);

    sk__write_u64(&writer, audit->event.epoch);
    sk__write_u64(&writer, audit->event.n);
    sk__write_u32(&writer, run->options.step);
}

static const char *what_of_event(uint8_t verdict) {
    static const char *const whats[] = {"", "no record is in the state that it tells of",
                                        "the record's quantity or price is another one", "it is no event"};

    return whats[verdict <= 3 ? verdict : 3];
}

static void take_event(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    enum { FITS = 0, GARBAGE = 3 };
    uint8_t verdict = sk__read_u8(reply);
    seckill_event event;
    seckill_fault fault;

    memset(&event, 0, sizeof(event));
    if (verdict == GARBAGE) {
        event.id.epoch = sk__read_u64(reply);
        event.id.n = sk__read_u64(reply);
        (void)sk__read_u16(reply);
    } else {
        sk__read_event(reply, &event);
    }
    if (reply->failed)
        return;
    audit->event = event.id;
    audit->account->events++;
    if (verdict != FITS) {
        fault = sk__audit_fault(audit, SECKILL_FAULT_EVENT, what_of_event(verdict));
        fault.user = event.user;
        fault.event = event.id;
        memcpy(fault.reservation_id, event.reservation_id, sizeof(fault.reservation_id));
        sk__audit_tell(run, audit->account, &fault);
    }
    if (verdict != GARBAGE && run->options.on_event != NULL)
        run->options.on_event(audit->account->shard, &event, run->user_data);
}

static bool is_before(seckill_event_id left, seckill_event_id right) {
    return left.epoch != right.epoch ? left.epoch < right.epoch : left.n < right.n;
}

static void take_events(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    bool is_first = audit->event.epoch == 0;
    seckill_event_id last;
    uint32_t count;

    last.epoch = sk__read_u64(reply);
    last.n = sk__read_u64(reply);
    count = sk__read_u32(reply);
    if (is_first)
        audit->last_event = last;
    for (uint32_t i = 0; i < count && !reply->failed; i++)
        take_event(run, audit, reply);
    if (count < run->options.step || !is_before(audit->event, audit->last_event))
        audit->stage = SK__AUDIT_QUEUE;
}

/* ---- the queue ---- */

enum { ENTRIES_MAX = 8 }; /* of up to 64 requests each: SECKILL_BATCH_MAX */

static void encode_queue(const sk__audit_run *run, const sk__audit_shard *audit, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 8 + 8 + 8 + 4 + 1);

    sk__write_u64(&writer, audit->entry.epoch);
    sk__write_u64(&writer, audit->entry.n);
    sk__write_u64(&writer, audit->expected);
    sk__write_u32(&writer, ENTRIES_MAX);
    sk__write_u8(&writer, flags_of(run));
}

static void take_fault_of_queue(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    enum { MISSING = 1 };
    uint8_t what = sk__read_u8(reply);
    bool is_missing = (what & ~SK__AUDIT_MENDED) == MISSING;
    seckill_fault fault = sk__audit_fault(audit, is_missing ? SECKILL_FAULT_MISSING_REQUESTS : SECKILL_FAULT_WAITING, "");

    fault.repaired = (what & SK__AUDIT_MENDED) != 0;
    fault.found = sk__read_units(reply);
    fault.expected = sk__read_units(reply);
    if (!reply->failed)
        sk__audit_tell(run, audit->account, &fault);
}

static void take_queue(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    bool is_first = audit->expected == 1;
    uint64_t last_request = sk__read_u64(reply);
    uint32_t faults;
    bool is_end;

    if (is_first)
        audit->last_request = last_request;
    audit->entry.epoch = sk__read_u64(reply);
    audit->entry.n = sk__read_u64(reply);
    audit->expected = sk__read_u64(reply);
    is_end = sk__read_u8(reply) != 0;
    audit->account->queued += sk__read_u32(reply);
    faults = sk__read_u32(reply);
    for (uint32_t i = 0; i < faults && !reply->failed; i++)
        take_fault_of_queue(run, audit, reply);
    if (is_end || audit->expected > audit->last_request)
        audit->stage = SK__AUDIT_DONE;
}

/* ---- the stages ---- */

void sk__audit_encode(const sk__audit_run *run, const sk__audit_shard *audit, bool with_text, sk__command *command) {
    static const sk__script_id scripts[] = {SK__SCRIPT_audit_expirations, SK__SCRIPT_audit, SK__SCRIPT_audit_events,
                                            SK__SCRIPT_audit_queue};
    static void (*const encoders[])(const sk__audit_run *, const sk__audit_shard *, sk__command *) = {
        encode_expirations, sk__audit_encode_records, encode_events, encode_queue};

    sk__shard_encode(&run->item->shards[audit->account->shard], command, scripts[audit->stage], with_text);
    encoders[audit->stage](run, audit, command);
}

seckill_status sk__audit_take(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, sk__reader *reply) {
    switch (audit->stage) {
    case SK__AUDIT_EXPIRATIONS:
        take_expirations(run, audit, reply);
        break;
    case SK__AUDIT_RECORDS:
        sk__audit_take_records(run, audit, now_ms, reply);
        break;
    case SK__AUDIT_EVENTS:
        take_events(run, audit, reply);
        break;
    case SK__AUDIT_QUEUE:
        take_queue(run, audit, reply);
        break;
    case SK__AUDIT_DONE:
        break;
    }
    return sk__reader_done(reply) ? SECKILL_OK : SECKILL_PROTOCOL;
}
