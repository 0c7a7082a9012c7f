/* PASETO version 4 on raw bytes: no text, no claims, no keys' ids. Everything random is an argument.
 *
 * Source: https://github.com/paseto-standard/paseto-spec, docs/01-Protocol-Versions/Version4.md.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TOKEN_PASETO_H
#define SK_TOKEN_PASETO_H

#include "seckill/base.h"

#include <stdbool.h>

#define SK__PASETO_LOCAL_HEADER "v4.local."
#define SK__PASETO_PUBLIC_HEADER "v4.public."

enum {
    SK__PASETO_KEY_SIZE = 32,
    SK__PASETO_NONCE_SIZE = 32,
    SK__PASETO_TAG_SIZE = 32,
    SK__PASETO_SIGNATURE_SIZE = 64,
    SK__PASETO_OVERHEAD = 64,    /* what a body has more than its message, of either kind: nonce and tag, or signature */
    SK__PASETO_SIGNED_MAX = 4096 /* bytes of message, footer and implicit assertion together that can be signed */
};

/* What is authenticated beside the message. */
typedef struct {
    seckill_bytes footer;
    seckill_bytes implicit;
} sk__paseto_context;

/* Encrypts: writes message.size + SK__PASETO_OVERHEAD bytes, nonce || ciphertext || tag. The nonce must never be used twice
 * with one key for different messages; but for tests, it is random. `body` must not overlap the message. */
void sk__paseto_encrypt(const uint8_t key[SK__PASETO_KEY_SIZE], const uint8_t nonce[SK__PASETO_NONCE_SIZE],
                        seckill_bytes message, const sk__paseto_context *context, uint8_t *body);

/* Checks the tag, in constant time, and only then decrypts body.size - SK__PASETO_OVERHEAD bytes. */
SECKILL_CHECKED bool sk__paseto_decrypt(const uint8_t key[SK__PASETO_KEY_SIZE], seckill_bytes body,
                                        const sk__paseto_context *context, uint8_t *message);

/* Checks the tag alone. */
SECKILL_CHECKED bool sk__paseto_authentic(const uint8_t key[SK__PASETO_KEY_SIZE], seckill_bytes body,
                                          const sk__paseto_context *context);

/* Signs with Ed25519 (64 bytes, seed and public key): writes message.size + SK__PASETO_OVERHEAD bytes, message || signature.
 * False: longer than SK__PASETO_SIGNED_MAX. */
SECKILL_CHECKED bool sk__paseto_sign(const uint8_t secret[64], seckill_bytes message, const sk__paseto_context *context,
                                     uint8_t *body);

/* Checks the signature; the message is body.data, body.size - SK__PASETO_OVERHEAD. False also: too long. */
SECKILL_CHECKED bool sk__paseto_verify(const uint8_t public_key[SK__PASETO_KEY_SIZE], seckill_bytes body,
                                       const sk__paseto_context *context);

#endif
