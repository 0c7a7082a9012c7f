/* What a token says, as JSON: the payload of a token.
 *
 *   claim   reservation                                            ticket        session
 *   sub     the user, where it is printable UTF-8 ...              same          same
 *   sub64   ... else its bytes in base64url: always exactly one    same          same
 *   aud     "activity/item"                                        same          -
 *   jti     the reservation's id, 32 hexadecimal digits, lower     same          -
 *   hold    hold_until_ms, ISO 8601 with milliseconds, UTC         -             -
 *   qty     units                                                  same          -
 *   price   of one unit, minor units                               -             -
 *   shard   -                                                      whose queue   -
 *   epoch   -                                                      its place     -
 *   n       -                                                      its place     -
 *           (both 0: in a queue of the shop's own)
 *   iat     issued_ms, a time as above                             since_ms      issued_ms
 *   exp     valid_until_ms, likewise                               same          same
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

enum { SK__CLAIMS_MAX = 640 }; /* bytes that hold the JSON of any claims */

/* What a token of any purpose says. */
typedef struct {
    seckill_reservation_ref ref; /* of a ticket: issued_ms is since when it waits; no hold and no price */
    uint32_t shard;              /* this and what follows: of a ticket */
    uint64_t epoch, n;
} sk__claims;

/* Whether every field that the purpose uses is in its range: 0 <= issued < valid until, and where there is a hold,
 * issued <= hold until <= valid until. */
bool sk__claims_valid(seckill_token_purpose purpose, const sk__claims *claims);

/* Writes valid claims. */
void sk__claims_write(seckill_token_purpose purpose, const sk__claims *claims, sk__writer *writer);

/* Reads claims; sets every field, those that the purpose does not use to zero. False: no JSON, or not the purpose's claims;
 * then all is zero. */
SECKILL_CHECKED bool sk__claims_read(seckill_token_purpose purpose, const uint8_t *json, size_t size, sk__claims *claims);

#endif
