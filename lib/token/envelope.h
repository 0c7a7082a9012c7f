/* The text of a token: HEADER base64url(body) . base64url(footer).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_ENVELOPE_H
#define SK_TOKEN_ENVELOPE_H

#include "base/wire.h"
#include "seckill/token.h"

/* The parts of a token, inside its text; nothing is decoded but the header. */
typedef struct {
    seckill_key_kind kind; /* SECKILL_KEY_LOCAL or SECKILL_KEY_PUBLIC */
    const char *body;
    size_t body_size;
    const char *footer; /* NULL: no second dot */
    size_t footer_size;
} sk__envelope;

/* Splits a token.
 * SECKILL_TOKEN_GARBAGE: does not begin with `v4.local.` or `v4.public.` (nor is the beginning of these), is empty, or has
 * more parts. SECKILL_TOKEN_TRUNCATED: one of these headers, or less, and nothing more. */
SECKILL_CHECKED seckill_status sk__envelope_split(const char *token, size_t size, sk__envelope *envelope);

/* Decodes the body to SK__BASE64_BYTES(body_size) bytes.
 * SECKILL_TOKEN_TRUNCATED: it is the last part, well-formed so far, but no whole encoding or shorter than any body.
 * SECKILL_TOKEN_GARBAGE: not base64url, or too short although a footer follows. */
SECKILL_CHECKED seckill_status sk__envelope_body(const sk__envelope *envelope, uint8_t *body);

/* Writes a token without a NUL. `footer` is encoded already. */
void sk__envelope_write(sk__writer *writer, seckill_key_kind kind, seckill_bytes body, const char *footer, size_t footer_size);

#endif
