#include "engine/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What repairs and does not is said by one bit everywhere: see the scripts. */
enum { MENDED = 4, OVERDUE_MS = 60000 };

void sk__audit_begin(sk__audit_shard *audit, seckill_account *account) {
    memset(audit, 0, sizeof(*audit));
    audit->account = account;
    sk__cursor_begin(audit->cursor);
    audit->score[0] = '0';
    audit->expected = 1;
}

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

static seckill_fault fault_of(const sk__audit_shard *audit, seckill_fault_kind kind, const char *what) {
    seckill_fault fault;

    memset(&fault, 0, sizeof(fault));
    fault.kind = kind;
    fault.shard = audit->account->shard;
    fault.what = what;
    return fault;
}

static void tell_about_user(sk__audit_run *run, sk__audit_shard *audit, seckill_fault_kind kind, const char *what,
                            seckill_bytes user, const uint8_t *reservation_id) {
    seckill_fault fault = fault_of(audit, kind, what);

    fault.user = user;
    if (reservation_id != NULL)
        memcpy(fault.reservation_id, reservation_id, sizeof(fault.reservation_id));
    sk__audit_tell(run, audit->account, &fault);
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
    seckill_fault fault = fault_of(audit, SECKILL_FAULT_ENTRY, "");
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

/* ---- records ---- */

static void encode_records(const sk__audit_run *run, const sk__audit_shard *audit, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 8 + 8 + 4 + 1);

    sk__write_u64(&writer, audit->generation);
    sk__write_u64(&writer, audit->account->epoch);
    sk__write_u32(&writer, run->options.step);
    sk__write_u8(&writer, (uint8_t)run->options.flags);
    sk__command_add_text(command, audit->cursor);
}

/* What the words about a record say that is no record. NULL: it is one. */
static const char *look_at_record(const uint8_t *packed, const seckill_reservation *reservation) {
    uint8_t state = sk__record_state(packed);
    bool stays = state == SECKILL_RESERVATION_SOLD || state == SECKILL_RESERVATION_REFUNDED;

    if (reservation->quantity < 1 || reservation->quantity > SECKILL_QUANTITY_MAX)
        return "its quantity is out of range";
    if (stays && reservation->ends_ms != 0)
        return "it ends, though it is sold or refunded";
    return NULL;
}

static bool is_repeated(const sk__walked *walked, uint32_t place) {
    const uint8_t *records = walked->records.data;

    for (uint32_t i = 0; i < place; i++)
        if (memcmp(records + (size_t)i * SK__RECORD_SIZE, records + (size_t)place * SK__RECORD_SIZE,
                   SECKILL_RESERVATION_ID_SIZE) == 0)
            return true;
    return false;
}

static void show_reservation(sk__audit_run *run, const sk__audit_shard *audit, seckill_bytes user,
                             const seckill_reservation *reservation) {
    seckill_seen_reservation seen;

    seen.shard = audit->account->shard;
    seen.user = user;
    seen.reservation = *reservation;
    if (run->options.on_reservation != NULL)
        run->options.on_reservation(&seen, run->user_data);
}

static void take_record(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, const sk__walked *walked, uint32_t place) {
    const uint8_t *packed = (const uint8_t *)walked->records.data + (size_t)place * SK__RECORD_SIZE;
    sk__reader reader = sk__reader_of(packed, SK__RECORD_SIZE);
    sk__record record;
    const char *wrong;

    sk__read_record(&reader, &record);
    wrong = reader.failed ? "its state is none" : look_at_record(packed, &record.shown);
    if (wrong == NULL && is_repeated(walked, place))
        wrong = "it stands there twice";
    audit->account->reservations++;
    if (wrong != NULL)
        tell_about_user(run, audit, SECKILL_FAULT_RECORD, wrong, walked->user, record.shown.id);
    if (reader.failed)
        return;
    if (record.shown.state == SECKILL_RESERVED && record.shown.ends_ms > 0 && record.shown.ends_ms + OVERDUE_MS < now_ms)
        audit->overdue += record.shown.quantity;
    show_reservation(run, audit, walked->user, &record.shown);
}

static void check_home(sk__audit_run *run, sk__audit_shard *audit, seckill_bytes user) {
    const seckill_item_info *info = &run->item->info;
    seckill_fault fault = fault_of(audit, SECKILL_FAULT_HOME, "");

    fault.user = user;
    fault.other = seckill_shard_of(user, info->seed, info->settings.shards);
    if (fault.other != fault.shard)
        sk__audit_tell(run, audit->account, &fault);
}

static void take_user(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, const sk__walked *walked) {
    audit->account->users++;
    check_home(run, audit, walked->user);
    if (walked->damaged)
        tell_about_user(run, audit, SECKILL_FAULT_RECORD, "what is stored is no list of records", walked->user, NULL);
    for (uint32_t i = 0; i < walked->count; i++)
        take_record(run, audit, now_ms, walked, i);
}

/* What the script saw that only it can see: a byte for each record of the users that it read. */
static void take_marks(sk__audit_run *run, sk__audit_shard *audit, const sk__walked *walked, sk__reader *marks) {
    enum { NO_ENTRY = 1, NO_END = 2 };

    for (uint32_t i = 0; i < walked->count; i++) {
        uint8_t mark = sk__read_u8(marks);
        sk__reader reader = sk__reader_of((const uint8_t *)walked->records.data + (size_t)i * SK__RECORD_SIZE, SK__RECORD_SIZE);
        sk__record record;
        seckill_fault fault;

        if (mark == 0)
            continue;
        sk__read_record(&reader, &record);
        fault =
            fault_of(audit, SECKILL_FAULT_NEVER_ENDS, (mark & NO_ENTRY) != 0 ? "no entry says when it ends" : "it has no end");
        fault.user = walked->user;
        memcpy(fault.reservation_id, record.shown.id, sizeof(fault.reservation_id));
        fault.expected = record.shown.ends_ms;
        fault.repaired = (mark & MENDED) != 0;
        sk__audit_tell(run, audit->account, &fault);
    }
}

/* The counters, each with what it said too much: in the order of AUDITED in shard.lua. */
static void take_counters(sk__audit_run *run, sk__audit_shard *audit, sk__reader *reply) {
    seckill_account *account = audit->account;
    const struct {
        const char *name;
        int64_t *counter;
    } counters[] = {
        {"reserved", &account->reserved},    {"sold", &account->sold},
        {"refunded", &account->refunded},    {"loaded", &account->loaded},
        {"taken", &account->transferred_in}, {"sent", &account->transferred_out},
        {"available", &account->available},
    };
    bool repaired = sk__read_u8(reply) != 0;

    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        int64_t excess = sk__read_units(reply);
        int64_t now = sk__read_units(reply);
        seckill_fault fault = fault_of(audit, SECKILL_FAULT_COUNTER, counters[i].name);

        *counters[i].counter = now;
        fault.found = repaired ? now + excess : now;
        fault.expected = fault.found - excess;
        fault.repaired = repaired;
        if (excess != 0 && !reply->failed)
            sk__audit_tell(run, account, &fault);
    }
}

/* The first walk of all is followed by a second one at once: see audit.lua. What it meets is told by that. */
enum { REHEARSAL = 1 };

/* The users first, then a byte for each of their records: two readers walk side by side. */
static void take_users(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, uint32_t count, sk__reader *reply) {
    sk__reader marks = *reply;

    for (uint32_t i = 0; i < count && !marks.failed; i++)
        (void)sk__read_walked(&marks);
    for (uint32_t i = 0; i < count && !marks.failed; i++) {
        sk__walked walked = sk__read_walked(reply);

        if (audit->generation == REHEARSAL) {
            (void)sk__read_bytes(&marks, walked.count);
            continue;
        }
        take_user(run, audit, now_ms, &walked);
        take_marks(run, audit, &walked, &marks);
    }
    *reply = marks;
}

/* Another walk begins, for the first time or after a failover: what was counted so far is of no use. */
static void walk_anew(sk__audit_shard *audit) {
    sk__cursor_begin(audit->cursor);
    audit->account->users = audit->account->reservations = 0;
    audit->overdue = 0;
}

static void take_records(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, sk__reader *reply) {
    enum { GOES_ON = 0, BEGINS = 1, COMPLETE = 2 };
    uint8_t state;
    sk__walk_step step;

    audit->generation = sk__read_number(reply);
    audit->account->epoch = sk__read_number(reply);
    state = sk__read_u8(reply);
    if (state == BEGINS) {
        walk_anew(audit);
        return;
    }
    step = sk__read_walk_step(reply);
    memcpy(audit->cursor, step.cursor, sizeof(audit->cursor));
    take_users(run, audit, now_ms, step.count, reply);
    if (state == COMPLETE) {
        take_counters(run, audit, reply);
        audit->stage = SK__AUDIT_EVENTS;
    } else if (state != GOES_ON || step.complete) {
        reply->failed = true;
    }
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
        fault = fault_of(audit, SECKILL_FAULT_EVENT, what_of_event(verdict));
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
    bool is_missing = (what & ~MENDED) == MISSING;
    seckill_fault fault = fault_of(audit, is_missing ? SECKILL_FAULT_MISSING_REQUESTS : SECKILL_FAULT_WAITING, "");

    fault.repaired = (what & MENDED) != 0;
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
    static void (*const encoders[])(const sk__audit_run *, const sk__audit_shard *,
                                    sk__command *) = {encode_expirations, encode_records, encode_events, encode_queue};

    sk__shard_encode(&run->item->shards[audit->account->shard], command, scripts[audit->stage], with_text);
    encoders[audit->stage](run, audit, command);
}

seckill_status sk__audit_take(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, sk__reader *reply) {
    switch (audit->stage) {
    case SK__AUDIT_EXPIRATIONS:
        take_expirations(run, audit, reply);
        break;
    case SK__AUDIT_RECORDS:
        take_records(run, audit, now_ms, reply);
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
