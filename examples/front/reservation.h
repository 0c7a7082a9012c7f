/* seckill-front: reservations as the handlers show them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_RESERVATION_H
#define FRONT_RESERVATION_H

#include <jansson.h>
#include <seckill/seckill.h>

enum { RESERVATION_TEXT = 2 * SECKILL_RESERVATION_ID_SIZE + 1 };

/* The word for what has become of a request or its reservation, as answers and metrics have it. */
const char *reservation_state(seckill_ticket_state state);

/* The id in hexadecimal. */
void reservation_text(const uint8_t id[SECKILL_RESERVATION_ID_SIZE], char text[RESERVATION_TEXT]);

/* Price times quantity; -1: beyond SECKILL_AMOUNT_MAX. */
int64_t reservation_total(const seckill_reservation *reservation);

/* "token" and "token_expires_at" into an object. */
seckill_status reservation_add_token(const seckill_keyring *ring, const seckill_reservation_ref *ref, json_t *object);

/* "state", "reservation", "quantity", "price" and "total": what every answer says of one. NULL: out of memory. */
json_t *reservation_object(seckill_ticket_state state, const seckill_reservation *reservation);

/* What the request for it is answered: with `ref`, which may be NULL, also "expires_at" and its token. `*object` is the
 * caller's on SECKILL_OK, else NULL. */
seckill_status reservation_answer(const seckill_keyring *ring, seckill_ticket_state state,
                                  const seckill_reservation *reservation, const seckill_reservation_ref *ref, int replayed,
                                  json_t **object);

#endif
