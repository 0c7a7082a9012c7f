/* PASETO version 4 on raw bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/paseto.h"

#include "base/wire.h"

#include <sodium.h>
#include <string.h>

enum { COUNTER_NONCE_SIZE = crypto_stream_xchacha20_NONCEBYTES };

/* The keys of one v4.local token, derived from the key and its nonce. */
typedef struct {
    uint8_t encryption[32];
    uint8_t counter_nonce[COUNTER_NONCE_SIZE];
    uint8_t authentication[32];
} local_keys;

/* PAE ("pre-authentication encoding") counts and sizes each part, as 64 bits, little-endian. */
static void little_endian(uint64_t value, uint8_t out[8]) {
    for (size_t i = 0; i < 8; i++, value >>= 8)
        out[i] = (uint8_t)value;
}

static void derive(const uint8_t key[SK__PASETO_KEY_SIZE], const char *label, const uint8_t nonce[SK__PASETO_NONCE_SIZE],
                   uint8_t *out, size_t size) {
    uint8_t input[64];
    size_t label_size = strlen(label);
    memcpy(input, label, label_size);
    memcpy(input + label_size, nonce, SK__PASETO_NONCE_SIZE);
    crypto_generichash(out, size, input, label_size + SK__PASETO_NONCE_SIZE, key, SK__PASETO_KEY_SIZE);
}

static void derive_encryption(local_keys *keys, const uint8_t *key, const uint8_t *nonce) {
    uint8_t both[32 + COUNTER_NONCE_SIZE];
    derive(key, "paseto-encryption-key", nonce, both, sizeof both);
    memcpy(keys->encryption, both, sizeof keys->encryption);
    memcpy(keys->counter_nonce, both + sizeof keys->encryption, sizeof keys->counter_nonce);
    sodium_memzero(both, sizeof both);
}

static void derive_authentication(local_keys *keys, const uint8_t *key, const uint8_t *nonce) {
    derive(key, "paseto-auth-key-for-aead", nonce, keys->authentication, sizeof keys->authentication);
}

static void hash_part(crypto_generichash_state *state, const void *data, size_t size) {
    uint8_t length[8];
    little_endian(size, length);
    crypto_generichash_update(state, length, sizeof length);
    if (size != 0)
        crypto_generichash_update(state, data, size);
}

/* The tag of a body, nonce || ciphertext || ..., hashed part by part: PAE needs no buffer of its own here. */
static void tag_of(const local_keys *keys, seckill_bytes body, const sk__paseto_context *context,
                   uint8_t tag[SK__PASETO_TAG_SIZE]) {
    const uint8_t *nonce = body.data;
    uint8_t parts[8];
    little_endian(5, parts);
    crypto_generichash_state state;
    crypto_generichash_init(&state, keys->authentication, sizeof keys->authentication, SK__PASETO_TAG_SIZE);
    crypto_generichash_update(&state, parts, sizeof parts);
    hash_part(&state, SK__PASETO_LOCAL_HEADER, strlen(SK__PASETO_LOCAL_HEADER));
    hash_part(&state, nonce, SK__PASETO_NONCE_SIZE);
    hash_part(&state, nonce + SK__PASETO_NONCE_SIZE, body.size - SK__PASETO_OVERHEAD);
    hash_part(&state, context->footer.data, context->footer.size);
    hash_part(&state, context->implicit.data, context->implicit.size);
    crypto_generichash_final(&state, tag, SK__PASETO_TAG_SIZE);
    sodium_memzero(&state, sizeof state);
}

void sk__paseto_encrypt(const uint8_t key[SK__PASETO_KEY_SIZE], const uint8_t nonce[SK__PASETO_NONCE_SIZE],
                        seckill_bytes message, const sk__paseto_context *context, uint8_t *body) {
    local_keys keys;
    derive_encryption(&keys, key, nonce);
    derive_authentication(&keys, key, nonce);
    seckill_bytes whole = {body, message.size + SK__PASETO_OVERHEAD};
    uint8_t *ciphertext = body + SK__PASETO_NONCE_SIZE;
    memcpy(body, nonce, SK__PASETO_NONCE_SIZE);
    if (message.size != 0)
        crypto_stream_xchacha20_xor(ciphertext, message.data, message.size, keys.counter_nonce, keys.encryption);
    tag_of(&keys, whole, context, ciphertext + message.size);
    sodium_memzero(&keys, sizeof keys);
}

bool sk__paseto_authentic(const uint8_t key[SK__PASETO_KEY_SIZE], seckill_bytes body, const sk__paseto_context *context) {
    if (body.size < SK__PASETO_OVERHEAD)
        return false;
    local_keys keys;
    uint8_t tag[SK__PASETO_TAG_SIZE];
    derive_authentication(&keys, key, body.data);
    tag_of(&keys, body, context, tag);
    const uint8_t *given = (const uint8_t *)body.data + body.size - SK__PASETO_TAG_SIZE;
    bool equal = sodium_memcmp(tag, given, sizeof tag) == 0;
    sodium_memzero(&keys.authentication, sizeof keys.authentication);
    return equal;
}

bool sk__paseto_decrypt(const uint8_t key[SK__PASETO_KEY_SIZE], seckill_bytes body, const sk__paseto_context *context,
                        uint8_t *message) {
    if (!sk__paseto_authentic(key, body, context))
        return false;
    const uint8_t *nonce = body.data;
    size_t size = body.size - SK__PASETO_OVERHEAD;
    if (size == 0)
        return true;
    local_keys keys;
    derive_encryption(&keys, key, nonce);
    crypto_stream_xchacha20_xor(message, nonce + SK__PASETO_NONCE_SIZE, size, keys.counter_nonce, keys.encryption);
    sodium_memzero(&keys, sizeof keys);
    return true;
}

/* Ed25519 needs what it signs in one piece. */
enum { SIGNED_BUFFER = 5 * 8 + sizeof SK__PASETO_PUBLIC_HEADER - 1 + SK__PASETO_SIGNED_MAX };

static void write_part(sk__writer *writer, const void *data, size_t size) {
    uint8_t length[8];
    little_endian(size, length);
    sk__write_bytes(writer, length, sizeof length);
    sk__write_bytes(writer, data, size);
}

/* The size of what is signed; 0 where it does not fit. */
static size_t signed_bytes(seckill_bytes message, const sk__paseto_context *context, uint8_t buffer[SIGNED_BUFFER]) {
    sk__writer writer = sk__writer_of(buffer, SIGNED_BUFFER);
    uint8_t parts[8];
    little_endian(4, parts);
    sk__write_bytes(&writer, parts, sizeof parts);
    write_part(&writer, SK__PASETO_PUBLIC_HEADER, strlen(SK__PASETO_PUBLIC_HEADER));
    write_part(&writer, message.data, message.size);
    write_part(&writer, context->footer.data, context->footer.size);
    write_part(&writer, context->implicit.data, context->implicit.size);
    return writer.failed ? 0 : writer.at;
}

bool sk__paseto_sign(const uint8_t secret[64], seckill_bytes message, const sk__paseto_context *context, uint8_t *body) {
    uint8_t buffer[SIGNED_BUFFER];
    size_t size = signed_bytes(message, context, buffer);
    if (size == 0)
        return false;
    if (message.size != 0)
        memcpy(body, message.data, message.size);
    return crypto_sign_detached(body + message.size, NULL, buffer, size, secret) == 0;
}

bool sk__paseto_verify(const uint8_t public_key[SK__PASETO_KEY_SIZE], seckill_bytes body, const sk__paseto_context *context) {
    if (body.size < SK__PASETO_OVERHEAD)
        return false;
    uint8_t buffer[SIGNED_BUFFER];
    seckill_bytes message = {body.data, body.size - SK__PASETO_OVERHEAD};
    size_t size = signed_bytes(message, context, buffer);
    if (size == 0)
        return false;
    return crypto_sign_verify_detached((const uint8_t *)body.data + message.size, buffer, size, public_key) == 0;
}
