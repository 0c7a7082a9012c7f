/* PASERK: keys and their ids as text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/paserk.h"

#include "base/wire.h"

#include <sodium.h>
#include <string.h>

enum {
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    ID_HASH_SIZE = 33 /* BLAKE2b with 264 bits: 44 characters without a spare bit */
};

typedef struct {
    seckill_key_kind kind;
    size_t size;
    const char *header;
    const char *id_header;
} key_type;

static const key_type types[] = {{SECKILL_KEY_LOCAL, 32, "k4.local.", "k4.lid."},
                                 {SECKILL_KEY_SECRET, 64, "k4.secret.", "k4.sid."},
                                 {SECKILL_KEY_PUBLIC, 32, "k4.public.", "k4.pid."}};

enum { TYPES = sizeof types / sizeof *types };

static const key_type *type_of(seckill_key_kind kind) {
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].kind == kind)
            return &types[i];
    return NULL;
}

static const key_type *type_of_text(const char *text, size_t size) {
    for (size_t i = 0; i < TYPES; i++) {
        size_t header = strlen(types[i].header);
        if (size > header && memcmp(text, types[i].header, header) == 0)
            return &types[i];
    }
    return NULL;
}

size_t sk__key_size(seckill_key_kind kind) {
    const key_type *type = type_of(kind);
    return type != NULL ? type->size : 0;
}

/* A secret key is the seed and the public key that follows from it. With another public half its signatures would not verify;
 * and two signatures of one message under two public halves give the secret away. */
static bool halves_fit(const sk__key *secret) {
    uint8_t public_half[crypto_sign_PUBLICKEYBYTES], whole[crypto_sign_SECRETKEYBYTES];
    bool fit = crypto_sign_seed_keypair(public_half, whole, secret->bytes) == 0 &&
               sodium_memcmp(whole, secret->bytes, sizeof whole) == 0;
    sodium_memzero(whole, sizeof whole);
    return fit;
}

/* libsodium 1.0.18 takes some bytes from 0x80 on for letters of base64. In constant time, as the text is secret. */
static bool is_ascii(const char *text, size_t size) {
    unsigned char all = 0;
    for (size_t i = 0; i < size; i++)
        all |= (unsigned char)text[i];
    return all < 0x80;
}

bool sk__paserk_read(const char *text, size_t size, sk__key *key) {
    memset(key, 0, sizeof *key);
    const key_type *type = type_of_text(text, size);
    if (type == NULL || !is_ascii(text, size))
        return false;
    size_t header = strlen(type->header), written = 0;
    const char *end = NULL;
    int result = sodium_base642bin(key->bytes, sizeof key->bytes, text + header, size - header, NULL, &written, &end, BASE64);
    key->kind = type->kind;
    bool whole = result == 0 && end == text + size && written == type->size;
    if (whole && (type->kind != SECKILL_KEY_SECRET || halves_fit(key)))
        return true;
    sodium_memzero(key, sizeof *key);
    return false;
}

void sk__paserk_write(const sk__key *key, char text[SECKILL_KEY_TEXT_SIZE]) {
    _Static_assert(SECKILL_KEY_TEXT_SIZE > sizeof "k4.secret." + sodium_base64_ENCODED_LEN(SK__KEY_BYTES_MAX, BASE64),
                   "the longest key fits");
    const key_type *type = type_of(key->kind);
    size_t header = strlen(type->header);
    memcpy(text, type->header, header);
    sodium_bin2base64(text + header, SECKILL_KEY_TEXT_SIZE - header, key->bytes, type->size, BASE64);
}

/* id = header || base64url(BLAKE2b-264(header || text of the key)) */
void sk__paserk_id(const sk__key *key, char id[SK__KEY_ID_SIZE + 1]) {
    const key_type *type = type_of(key->kind);
    size_t header = strlen(type->id_header);
    char text[SECKILL_KEY_TEXT_SIZE];
    sk__paserk_write(key, text);
    uint8_t hash[ID_HASH_SIZE];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const uint8_t *)type->id_header, header);
    crypto_generichash_update(&state, (const uint8_t *)text, strlen(text));
    crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(id, type->id_header, header);
    sodium_bin2base64(id + header, SK__KEY_ID_SIZE + 1 - header, hash, sizeof hash, BASE64);
    sodium_memzero(text, sizeof text);
    sodium_memzero(&state, sizeof state);
}

sk__key sk__key_public_half(const sk__key *secret) {
    sk__key half;
    memset(&half, 0, sizeof half);
    half.kind = SECKILL_KEY_PUBLIC;
    memcpy(half.bytes, secret->bytes + crypto_sign_SEEDBYTES, crypto_sign_PUBLICKEYBYTES);
    return half;
}
