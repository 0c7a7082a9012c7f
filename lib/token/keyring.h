/* The inside of a key ring, for issuing and verifying.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_KEYRING_H
#define SK_TOKEN_KEYRING_H

#include "base/base64.h"
#include "token/paserk.h"

enum {
    SK__FOOTER_SIZE = SK__KEY_ID_SIZE + 10, /* {"kid":"..."} */
    SK__FOOTER_TEXT_SIZE = SK__BASE64_TEXT(SK__FOOTER_SIZE)
};

/* A key with what is needed for each token, made once: a token's footer is found by comparing its text, undecoded. */
typedef struct {
    sk__key key;
    char id[SK__KEY_ID_SIZE + 1];
    char footer[SK__FOOTER_SIZE];
    char footer_text[SK__FOOTER_TEXT_SIZE];
} sk__ring_key;

/* The key that issues, or NULL. */
const sk__ring_key *sk__ring_issuing(const seckill_keyring *ring);

/* The key whose footer has this text and which verifies this kind of token (SECKILL_KEY_LOCAL or SECKILL_KEY_PUBLIC), or NULL.
 * A key is never used for the other kind, whatever the token says. */
const sk__ring_key *sk__ring_find(const seckill_keyring *ring, seckill_key_kind kind, const char *text, size_t size);

/* The public key of a key that is not local. */
const uint8_t *sk__ring_public(const sk__ring_key *entry);

#endif
