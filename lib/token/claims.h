/* What a token says, as JSON: the payload of a token.
 *
 *   claim   reservation, ticket                                    session
 *   sub     the user, where it is printable UTF-8 ...              same
 *   sub64   ... else its bytes in base64url: always exactly one    same
 *   aud     "activity/item"                                        -
 *   jti     the reservation's id, 32 hexadecimal digits, lower     -
 *   iat     issued_ms, ISO 8601 with milliseconds, UTC             same
 *   hold    hold_until_ms, likewise                                -
 *   exp     valid_until_ms, likewise                               same
 *   qty     units                                                  -
 *   price   of one unit, minor units                               -
 *
 * Reading is strict: each claim of the purpose once, no other claim, each value in the one form that writing gives it; but
 * order, spaces and escapes are free, since another program may hold the key.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_CLAIMS_H
#define SK_TOKEN_CLAIMS_H

#include "base/wire.h"
#include "seckill/token.h"

enum { SK__CLAIMS_MAX = 640 }; /* bytes that hold the JSON of any ref */

/* Whether every field that the purpose uses is in its range: 0 <= issued < valid until, and where there is a hold,
 * issued <= hold until <= valid until. */
bool sk__claims_valid(seckill_token_purpose purpose, const seckill_reservation_ref *ref);

/* Writes the claims of a valid ref. */
void sk__claims_write(seckill_token_purpose purpose, const seckill_reservation_ref *ref, sk__writer *writer);

/* Reads claims; sets every field of `ref`, those that the purpose does not use to zero. False: no JSON, or not the purpose's
 * claims; then `ref` is zero. */
SECKILL_CHECKED bool sk__claims_read(seckill_token_purpose purpose, const uint8_t *json, size_t size,
                                     seckill_reservation_ref *ref);

#endif
