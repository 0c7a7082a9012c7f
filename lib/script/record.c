#include "script/record.h"

#include "base/names.h"

#include <string.h>

sk__shard_header sk__read_shard_header(sk__reader *reader) {
    sk__shard_header header;

    header.settings_version = sk__read_u64(reader);
    header.now_ms = (int64_t)sk__read_u48(reader);
    return header;
}

int64_t sk__read_units(sk__reader *reader) {
    int64_t units = (int64_t)sk__read_u64(reader);

    if (units >= -SECKILL_AMOUNT_MAX && units <= SECKILL_AMOUNT_MAX)
        return units;
    reader->failed = true;
    return 0;
}

uint64_t sk__read_total(sk__reader *reader) {
    uint64_t total = sk__read_u64(reader);

    if (total > (uint64_t)SECKILL_AMOUNT_MAX)
        reader->failed = true;
    return total;
}

/* The byte of the state holds the audit's stamp above it. */
enum { STATES = 16 };

/* Where a record says 'expired for good', users of the library see 'expired'. */
enum { VOID = 6 };

static seckill_reservation_state state_of(uint8_t state) {
    return state == VOID ? SECKILL_RESERVATION_EXPIRED : (seckill_reservation_state)state;
}

uint8_t sk__record_state(const uint8_t *record) {
    return record[SECKILL_RESERVATION_ID_SIZE] % STATES;
}

bool sk__state_valid(uint8_t state) {
    return state >= SECKILL_RESERVED && state <= SECKILL_RESERVATION_REFUSED;
}

bool sk__reason_valid(seckill_status reason) {
    return reason == SECKILL_SOLD_OUT || reason == SECKILL_NOT_ENOUGH || reason == SECKILL_LIMIT_REACHED ||
           reason == SECKILL_ENDED || reason == SECKILL_BLACKLISTED;
}

/* What a refused request has in place of a price. As the scripts see it: what is no reason says 'blacklisted'. */
static void read_reason(seckill_reservation *reservation) {
    bool is_known = reservation->price <= SECKILL_BLACKLISTED && sk__reason_valid((seckill_status)reservation->price);

    reservation->reason = is_known ? (seckill_status)reservation->price : SECKILL_BLACKLISTED;
    reservation->price = 0;
}

/* All of it but the id. */
static void read_record_end(sk__reader *reader, sk__record *record) {
    seckill_reservation *reservation = &record->shown;
    uint8_t state;

    state = sk__read_u8(reader) % STATES;
    reservation->quantity = sk__read_u32(reader);
    reservation->price = (int64_t)sk__read_u56(reader);
    reservation->since_ms = (int64_t)sk__read_u48(reader);
    reservation->ends_ms = (int64_t)sk__read_u48(reader);
    record->grace_ms = sk__read_u32(reader);
    if (!sk__state_valid(state))
        reader->failed = true;
    reservation->state = state_of(state);
    reservation->reason = SECKILL_OK;
    if (reservation->state == SECKILL_RESERVATION_REFUSED)
        read_reason(reservation);
}

void sk__read_record(sk__reader *reader, sk__record *record) {
    memset(record, 0, sizeof(*record));
    sk__read_into(reader, record->shown.id, sizeof(record->shown.id));
    read_record_end(reader, record);
}

static seckill_bytes read_sized(sk__reader *reader) {
    return sk__read_bytes(reader, sk__read_u8(reader));
}

void sk__read_event(sk__reader *reader, seckill_event *event) {
    size_t size, end;
    uint8_t kind;

    memset(event, 0, sizeof(*event));
    event->id.epoch = sk__read_u64(reader);
    event->id.n = sk__read_u64(reader);
    size = sk__read_u16(reader);
    end = reader->at + size;
    kind = sk__read_u8(reader);
    sk__read_into(reader, event->reservation_id, sizeof(event->reservation_id));
    event->quantity = sk__read_u32(reader);
    event->price = (int64_t)sk__read_u56(reader);
    event->at_ms = (int64_t)sk__read_u48(reader);
    event->user = read_sized(reader);
    event->order_ref = read_sized(reader);
    event->kind = (seckill_event_kind)kind;
    if (reader->at != end || (kind != SECKILL_EVENT_CONFIRMED && kind != SECKILL_EVENT_REFUNDED))
        reader->failed = true;
}

sk__progress sk__read_progress(sk__reader *reader) {
    sk__progress progress;

    progress.decided = sk__read_u64(reader);
    progress.enqueued = sk__read_u64(reader);
    if (progress.decided > progress.enqueued || progress.enqueued > (uint64_t)SECKILL_AMOUNT_MAX)
        reader->failed = true;
    return progress;
}

uint64_t sk__read_number(sk__reader *reader) {
    uint64_t number = sk__read_u64(reader);

    if (!sk__number_valid(number))
        reader->failed = true;
    return number;
}

static void read_place(sk__reader *reader, sk__place *place) {
    place->epoch = sk__read_u64(reader);
    place->n = sk__read_u64(reader);
    if (!sk__place_valid(place->epoch, place->n))
        reader->failed = true;
    place->since_ms = (int64_t)sk__read_u48(reader);
}

enum { WIRE_BUSY = 200, REPLAYED = 1, WITH_RECORD = 2, QUEUED = 4, DECIDED = 8 };

static seckill_status read_status(sk__reader *reader) {
    uint8_t status = sk__read_u8(reader);

    if (status == WIRE_BUSY)
        return SECKILL_BUSY;
    if (status <= SECKILL_BLACKLISTED || status == SK__ANSWER_AGAIN || status == SK__ANSWER_LOST || status == SK__ANSWER_SHORT)
        return (seckill_status)status;
    reader->failed = true;
    return SECKILL_PROTOCOL;
}

sk__answer sk__read_answer(sk__reader *answers, sk__reader *bodies) {
    sk__answer answer;
    uint8_t flags;

    memset(&answer, 0, sizeof(answer));
    answer.status = read_status(answers);
    flags = sk__read_u8(answers);
    if ((flags & ~(REPLAYED | WITH_RECORD | QUEUED | DECIDED)) != 0 ||
        (flags & (WITH_RECORD | QUEUED)) == (WITH_RECORD | QUEUED))
        answers->failed = true;
    answer.replayed = (flags & REPLAYED) != 0;
    answer.has_record = (flags & WITH_RECORD) != 0;
    answer.queued = (flags & QUEUED) != 0;
    answer.decided = (flags & DECIDED) != 0;
    if (answer.has_record)
        sk__read_record(bodies, &answer.record);
    if (answer.queued)
        read_place(bodies, &answer.place);
    /* An ok without anything would leave the caller without what was granted; nor can an ok be why something was refused. */
    if (answer.status == SECKILL_OK && ((!answer.has_record && !answer.queued) || answer.decided))
        answers->failed = true;
    return answer;
}

bool sk__answers_are_alike(sk__reader reader) {
    return sk__read_u8(&reader) == SK__ANSWER_ALIKE;
}

bool sk__read_alike(sk__reader *reader, sk__answer *answer) {
    memset(answer, 0, sizeof(*answer));
    if (sk__read_u8(reader) != SK__ANSWER_ALIKE)
        return false;
    answer->status = SECKILL_OK;
    answer->has_record = true;
    read_record_end(reader, &answer->record);
    return sk__reader_done(reader) && answer->record.shown.state == SECKILL_RESERVED;
}

bool sk__read_alike_places(sk__reader *reader, size_t count, int64_t now_ms, const sk__progress *progress, sk__answer *answer) {
    memset(answer, 0, sizeof(*answer));
    if (sk__read_u8(reader) != SK__ANSWER_ALIKE || progress->enqueued - progress->decided < count)
        return false;
    answer->status = SECKILL_OK;
    answer->queued = true;
    answer->place.epoch = sk__read_number(reader);
    answer->place.n = progress->enqueued - count + 1;
    answer->place.since_ms = now_ms;
    return sk__reader_done(reader);
}

bool sk__answers_are_sound(sk__reader reader, size_t count, bool of_queue) {
    sk__reader bodies = reader;

    (void)sk__read_bytes(&bodies, count * SK__ANSWER_SIZE);
    for (size_t i = 0; i < count; i++) {
        sk__answer answer = sk__read_answer(&reader, &bodies);

        if (!of_queue && (answer.queued || answer.decided || (int)answer.status == SK__ANSWER_LOST))
            return false;
    }
    return !reader.failed && sk__reader_done(&bodies);
}
