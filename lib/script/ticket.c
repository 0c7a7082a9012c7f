#include "script/ticket.h"

#include <string.h>

void sk__write_polled(sk__writer *writer, uint32_t quantity, const sk__place *place) {
    sk__write_u32(writer, quantity);
    sk__write_u64(writer, place->epoch);
    sk__write_u64(writer, place->n);
    sk__write_u48(writer, (uint64_t)place->since_ms);
}

bool sk__fits_poll(const sk__answer *answer, bool is_outside) {
    if ((int)answer->status == SK__ANSWER_LOST)
        return !is_outside;
    if ((int)answer->status == SK__ANSWER_SHORT)
        return false;
    return !answer->queued || is_outside == (answer->place.n == 0);
}

static seckill_ticket_state state_of(const sk__record *record) {
    switch (record->shown.state) {
    case SECKILL_RESERVED:
        return SECKILL_TICKET_GRANTED;
    case SECKILL_RESERVATION_SOLD:
        return SECKILL_TICKET_SOLD;
    case SECKILL_RESERVATION_CANCELLED:
        return SECKILL_TICKET_CANCELLED;
    case SECKILL_RESERVATION_EXPIRED:
        return SECKILL_TICKET_EXPIRED;
    case SECKILL_RESERVATION_REFUNDED:
        return SECKILL_TICKET_REFUNDED;
    case SECKILL_RESERVATION_REFUSED:
        break;
    }
    return SECKILL_TICKET_REFUSED;
}

seckill_ticket_state sk__ticket_state(const sk__answer *answer, seckill_status *reason) {
    *reason = SECKILL_OK;
    if (answer->has_record) {
        *reason = answer->record.shown.reason;
        return state_of(&answer->record);
    }
    if (answer->queued)
        return SECKILL_TICKET_QUEUED;
    if (!answer->decided)
        return (seckill_ticket_state)0;
    *reason = answer->status;
    return SECKILL_TICKET_REFUSED;
}

uint64_t sk__ticket_position(const sk__place *place, const sk__progress *progress) {
    if (place->n == 0)
        return 0;
    return place->n > progress->decided ? place->n - progress->decided : 1;
}

void sk__record_ref(const sk__record *record, seckill_bytes user, const char activity[SECKILL_ID_MAX + 1],
                    const char item[SECKILL_ID_MAX + 1], seckill_reservation_ref *ref) {
    const seckill_reservation *reservation = &record->shown;

    memset(ref, 0, sizeof(*ref));
    memcpy(ref->user, user.data, user.size);
    ref->user_size = user.size;
    memcpy(ref->activity, activity, sizeof(ref->activity));
    memcpy(ref->item, item, sizeof(ref->item));
    memcpy(ref->reservation_id, reservation->id, sizeof(ref->reservation_id));
    ref->quantity = reservation->quantity;
    ref->price = reservation->price;
    ref->issued_ms = reservation->since_ms;
    ref->hold_until_ms = reservation->ends_ms;
    ref->valid_until_ms = reservation->ends_ms + record->grace_ms;
}

bool sk__lookups_are_sound(sk__reader reader, uint32_t count) {
    sk__record records[SECKILL_USER_RECORDS_MAX];

    for (uint32_t i = 0; i < count && !reader.failed; i++)
        (void)sk__read_lookup(&reader, records);
    return sk__reader_done(&reader);
}

uint8_t sk__read_lookup(sk__reader *reader, sk__record records[SECKILL_USER_RECORDS_MAX]) {
    uint8_t count = sk__read_u8(reader);

    if (count > SECKILL_USER_RECORDS_MAX) {
        reader->failed = true;
        return 0;
    }
    for (uint8_t i = 0; i < count; i++)
        sk__read_record(reader, &records[i]);
    return count;
}
