/* base64url without padding (RFC 4648, section 5), for what is no secret: the steps depend on the data. Keys go through
 * libsodium's constant-time codec instead, which takes several times as long.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_BASE64_H
#define SK_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The characters for `size` bytes, and the bytes that `size` characters hold. */
#define SK__BASE64_TEXT(size) (((size) / 3) * 4 + ((size) % 3 == 0 ? 0 : (size) % 3 + 1))
#define SK__BASE64_BYTES(size) (((size) / 4) * 3 + ((size) % 4) * 3 / 4)

typedef enum {
    SK__BASE64_OK,
    SK__BASE64_CUT, /* only characters of the alphabet, but no whole encoding: what a truncated one looks like */
    SK__BASE64_BAD  /* another character */
} sk__base64_result;

/* Writes SK__BASE64_TEXT(size) characters, without a NUL. `text` must not overlap `data`. */
void sk__base64_encode(const void *data, size_t size, char *text);

/* Writes SK__BASE64_BYTES(size) bytes. Strict: each byte range has exactly one text (spare bits of the last character must be
 * zero), so that no character of a signed text can be changed without changing its meaning. */
sk__base64_result sk__base64_decode(const char *text, size_t size, uint8_t *data);

/* Whether all characters are of the alphabet. */
bool sk__base64_alphabet(const char *text, size_t size);

#endif
