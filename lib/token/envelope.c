/* The text of a token.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/envelope.h"

#include "base/base64.h"
#include "token/paseto.h"

#include <string.h>

static const char *header_of(seckill_key_kind kind) {
    return kind == SECKILL_KEY_LOCAL ? SK__PASETO_LOCAL_HEADER : SK__PASETO_PUBLIC_HEADER;
}

/* OK: the token begins with the kind's header. TRUNCATED: the token is a beginning of it. */
static seckill_status match_header(const char *token, size_t size, seckill_key_kind kind) {
    const char *header = header_of(kind);
    size_t length = strlen(header);
    if (memcmp(token, header, size < length ? size : length) != 0)
        return SECKILL_TOKEN_GARBAGE;
    return size > length ? SECKILL_OK : SECKILL_TOKEN_TRUNCATED;
}

static void split_parts(const char *rest, size_t size, sk__envelope *envelope) {
    const char *dot = memchr(rest, '.', size);
    envelope->body = rest;
    envelope->body_size = dot != NULL ? (size_t)(dot - rest) : size;
    envelope->footer = dot != NULL ? dot + 1 : NULL;
    envelope->footer_size = dot != NULL ? size - envelope->body_size - 1 : 0;
}

seckill_status sk__envelope_split(const char *token, size_t size, sk__envelope *envelope) {
    if (size == 0)
        return SECKILL_TOKEN_GARBAGE;
    envelope->kind = SECKILL_KEY_LOCAL;
    seckill_status status = match_header(token, size, SECKILL_KEY_LOCAL);
    if (status == SECKILL_TOKEN_GARBAGE) {
        envelope->kind = SECKILL_KEY_PUBLIC;
        status = match_header(token, size, SECKILL_KEY_PUBLIC);
    }
    if (status != SECKILL_OK)
        return status;
    size_t header = strlen(header_of(envelope->kind));
    split_parts(token + header, size - header, envelope);
    if (envelope->footer_size != 0 && memchr(envelope->footer, '.', envelope->footer_size) != NULL)
        return SECKILL_TOKEN_GARBAGE;
    return SECKILL_OK;
}

seckill_status sk__envelope_body(const sk__envelope *envelope, uint8_t *body) {
    sk__base64_result result = sk__base64_decode(envelope->body, envelope->body_size, body);
    bool whole = result == SK__BASE64_OK && SK__BASE64_BYTES(envelope->body_size) >= SK__PASETO_OVERHEAD;
    if (whole)
        return SECKILL_OK;
    return result == SK__BASE64_BAD || envelope->footer != NULL ? SECKILL_TOKEN_GARBAGE : SECKILL_TOKEN_TRUNCATED;
}

void sk__envelope_write(sk__writer *writer, seckill_key_kind kind, seckill_bytes body, const char *footer, size_t footer_size) {
    sk__write_text(writer, header_of(kind));
    uint8_t *text = sk__write_space(writer, SK__BASE64_TEXT(body.size));
    if (text != NULL)
        sk__base64_encode(body.data, body.size, (char *)text);
    if (footer_size == 0)
        return;
    sk__write_text(writer, ".");
    sk__write_bytes(writer, footer, footer_size);
}
