/* PASERK: keys and their ids as text. Source: https://github.com/paseto-standard/paserk, types local, secret, public, lid,
 * sid and pid, version 4. Texts of keys are encoded in constant time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_PASERK_H
#define SK_TOKEN_PASERK_H

#include "seckill/token.h"

#include <stdbool.h>

enum {
    SK__KEY_BYTES_MAX = 64, /* bytes of the longest key: Ed25519 seed and public key */
    SK__KEY_ID_SIZE = 51    /* characters of "k4.lid." and 44 of base64url */
};

typedef struct {
    seckill_key_kind kind;
    uint8_t bytes[SK__KEY_BYTES_MAX]; /* of which sk__key_size(kind) count; the rest is zero */
} sk__key;

/* Bytes of a key of a kind; 0 for no kind. */
size_t sk__key_size(seckill_key_kind kind);

/* Reads a key. The caller wipes it. False: no PASERK key of version 4, another size, a secret key whose halves do not fit.
 * Needs sodium_init. */
bool sk__paserk_read(const char *text, size_t size, sk__key *key);

/* Writes a key's text with its NUL. */
void sk__paserk_write(const sk__key *key, char text[SECKILL_KEY_TEXT_SIZE]);

/* Writes a key's id with its NUL. Needs sodium_init. */
void sk__paserk_id(const sk__key *key, char id[SK__KEY_ID_SIZE + 1]);

/* The public half of a secret key. */
sk__key sk__key_public_half(const sk__key *secret);

#endif
