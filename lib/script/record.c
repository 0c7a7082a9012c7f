#include "script/record.h"

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

/* Where a record says 'expired for good', users of the library see 'expired'. */
enum { VOID = 6 };

void sk__read_record(sk__reader *reader, sk__record *record) {
    seckill_reservation *reservation = &record->shown;
    uint8_t state;

    sk__read_into(reader, reservation->id, sizeof(reservation->id));
    state = sk__read_u8(reader);
    reservation->quantity = sk__read_u32(reader);
    reservation->price = (int64_t)sk__read_u56(reader);
    reservation->since_ms = (int64_t)sk__read_u48(reader);
    reservation->ends_ms = (int64_t)sk__read_u48(reader);
    record->grace_ms = sk__read_u32(reader);
    if (state < SECKILL_RESERVED || state > VOID)
        reader->failed = true;
    reservation->state = state == VOID ? SECKILL_RESERVATION_EXPIRED : (seckill_reservation_state)state;
}

enum { WIRE_BUSY = 200, REPLAYED = 1, WITH_RECORD = 2 };

sk__answer sk__read_answer(sk__reader *reader) {
    sk__answer answer;
    uint8_t status = sk__read_u8(reader);
    uint8_t flags = sk__read_u8(reader);

    if (status == WIRE_BUSY)
        answer.status = SECKILL_BUSY;
    else if (status <= SECKILL_CONFLICT || status == SK__ANSWER_AGAIN)
        answer.status = (seckill_status)status;
    else
        answer.status = SECKILL_PROTOCOL;
    if (answer.status == SECKILL_PROTOCOL)
        reader->failed = true;
    if ((flags & ~(REPLAYED | WITH_RECORD)) != 0)
        reader->failed = true;
    answer.replayed = (flags & REPLAYED) != 0;
    answer.has_record = (flags & WITH_RECORD) != 0;
    return answer;
}

bool sk__answers_are_sound(sk__reader reader, size_t count) {
    size_t records = 0;
    sk__record record;

    for (size_t i = 0; i < count; i++) {
        sk__answer answer = sk__read_answer(&reader);

        records += answer.has_record;
        /* An ok without its record would leave the caller without what was granted. */
        if (answer.status == SECKILL_OK && !answer.has_record)
            reader.failed = true;
    }
    for (size_t i = 0; i < records; i++)
        sk__read_record(&reader, &record);
    return sk__reader_done(&reader);
}
