/* The audit of a shard's records: each of them looked at, and all of them added up against the counters. */
#include "engine/audit.h"

#include <string.h>

enum { OVERDUE_MS = 60000 }; /* nobody expires any more */

/* ---- what a record should be ---- */

static void tell_damaged(sk__audit_run *run, sk__audit_shard *audit, const char *what, seckill_bytes user,
                         const uint8_t *reservation_id) {
    seckill_fault fault = sk__audit_fault(audit, SECKILL_FAULT_RECORD, what);

    fault.user = user;
    if (reservation_id != NULL)
        memcpy(fault.reservation_id, reservation_id, sizeof(fault.reservation_id));
    sk__audit_tell(run, audit->account, &fault);
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
    seckill_user_reservation seen;

    memset(&seen, 0, sizeof(seen));
    seen.user = user;
    seen.reservation = *reservation;
    if (run->options.on_reservation != NULL)
        run->options.on_reservation(audit->account->shard, &seen, run->user_data);
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
        tell_damaged(run, audit, wrong, walked->user, record.shown.id);
    if (reader.failed)
        return;
    if (record.shown.state == SECKILL_RESERVED && record.shown.ends_ms > 0 && record.shown.ends_ms + OVERDUE_MS < now_ms)
        audit->overdue += record.shown.quantity;
    show_reservation(run, audit, walked->user, &record.shown);
}

static void check_home(sk__audit_run *run, sk__audit_shard *audit, seckill_bytes user) {
    const seckill_item_info *info = &run->item->info;
    seckill_fault fault = sk__audit_fault(audit, SECKILL_FAULT_HOME, "");

    fault.user = user;
    fault.other = seckill_shard_of(user, info->seed, info->settings->shards);
    if (fault.other != fault.shard)
        sk__audit_tell(run, audit->account, &fault);
}

static void take_user(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, const sk__walked *walked) {
    audit->account->users++;
    check_home(run, audit, walked->user);
    if (walked->damaged)
        tell_damaged(run, audit, "what is stored is no list of records", walked->user, NULL);
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
        fault = sk__audit_fault(audit, SECKILL_FAULT_NEVER_ENDS,
                                (mark & NO_ENTRY) != 0 ? "no entry says when it ends" : "it has no end");
        fault.user = walked->user;
        memcpy(fault.reservation_id, record.shown.id, sizeof(fault.reservation_id));
        fault.expected = record.shown.ends_ms;
        fault.repaired = (mark & SK__AUDIT_MENDED) != 0;
        sk__audit_tell(run, audit->account, &fault);
    }
}

/* ---- a step of the walk ---- */

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
        seckill_fault fault = sk__audit_fault(audit, SECKILL_FAULT_COUNTER, counters[i].name);

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

void sk__audit_encode_records(const sk__audit_run *run, const sk__audit_shard *audit, sk__command *command) {
    sk__writer writer = sk__command_add_packed(command, 8 + 8 + 4 + 1);

    sk__write_u64(&writer, audit->generation);
    sk__write_u64(&writer, audit->account->epoch);
    sk__write_u32(&writer, run->options.step);
    sk__write_u8(&writer, (uint8_t)run->options.flags);
    sk__command_add_text(command, audit->cursor);
}

void sk__audit_take_records(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, sk__reader *reply) {
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
