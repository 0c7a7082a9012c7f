/* seckill-front: reservations as the handlers show them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reservation.h"

const char *reservation_state(seckill_ticket_state state) {
    switch (state) {
    case SECKILL_TICKET_QUEUED:
        return "queued";
    case SECKILL_TICKET_GRANTED:
        return "granted";
    case SECKILL_TICKET_SOLD:
        return "sold";
    case SECKILL_TICKET_CANCELLED:
        return "cancelled";
    case SECKILL_TICKET_EXPIRED:
        return "expired";
    case SECKILL_TICKET_REFUNDED:
        return "refunded";
    case SECKILL_TICKET_REFUSED:
        return "refused";
    }
    return "refused";
}

void reservation_text(const uint8_t id[SECKILL_RESERVATION_ID_SIZE], char text[RESERVATION_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SECKILL_RESERVATION_ID_SIZE; i++) {
        text[2 * i] = digits[id[i] >> 4];
        text[2 * i + 1] = digits[id[i] & 15];
    }
    text[RESERVATION_TEXT - 1] = '\0';
}

int64_t reservation_total(const seckill_reservation *reservation) {
    if (reservation->quantity != 0 && reservation->price > SECKILL_AMOUNT_MAX / reservation->quantity)
        return -1;
    return reservation->price * reservation->quantity;
}

json_t *reservation_object(seckill_ticket_state state, const seckill_reservation *reservation) {
    char text[RESERVATION_TEXT];
    int64_t total = reservation_total(reservation);
    reservation_text(reservation->id, text);
    json_t *object = json_pack("{s:s,s:s,s:I,s:I}", "state", reservation_state(state), "reservation", text, "quantity",
                               (json_int_t)reservation->quantity, "price", (json_int_t)reservation->price);
    if (json_object_set_new(object, "total", total >= 0 ? json_integer(total) : json_null()) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

seckill_status reservation_add_token(const seckill_keyring *ring, const seckill_reservation_ref *ref, json_t *object) {
    char token[SECKILL_TOKEN_SIZE];
    seckill_status status = seckill_token_issue(ring, SECKILL_TOKEN_RESERVATION, ref, token, sizeof token, NULL);
    if (status != SECKILL_OK)
        return status;
    int failed = json_object_set_new(object, "token", json_string(token)) != 0 ||
                 json_object_set_new(object, "token_expires_at", json_integer(ref->valid_until_ms)) != 0;
    return failed ? SECKILL_NO_MEMORY : SECKILL_OK;
}

seckill_status reservation_answer(const seckill_keyring *ring, seckill_ticket_state state,
                                  const seckill_reservation *reservation, const seckill_reservation_ref *ref, int replayed,
                                  json_t **object) {
    json_t *made = reservation_object(state, reservation);
    int failed = json_object_set_new(made, "replayed", json_boolean(replayed)) != 0 ||
                 (ref != NULL && json_object_set_new(made, "expires_at", json_integer(reservation->ends_ms)) != 0);
    seckill_status status = failed ? SECKILL_NO_MEMORY : SECKILL_OK;
    if (status == SECKILL_OK && ref != NULL)
        status = reservation_add_token(ring, ref, made);
    if (status != SECKILL_OK) {
        json_decref(made);
        made = NULL;
    }
    *object = made;
    return status;
}
