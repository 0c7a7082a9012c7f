/* Key rings, and keys as text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "token/keyring.h"

#include <sodium.h>
#include <string.h>

enum { NO_KEY = SECKILL_KEYS_MAX };

struct seckill_keyring {
    size_t count;
    size_t issuing; /* NO_KEY: none yet */
    sk__ring_key keys[SECKILL_KEYS_MAX];
};

/* The whole ring lies in one guarded, locked allocation, which sodium_free wipes. */
seckill_status seckill_keyring_new(seckill_keyring **ring) {
    if (ring == NULL)
        return SECKILL_INVALID;
    *ring = NULL;
    if (sodium_init() < 0)
        return SECKILL_NO_MEMORY;
    seckill_keyring *made = sodium_malloc(sizeof *made);
    if (made == NULL)
        return SECKILL_NO_MEMORY;
    memset(made, 0, sizeof *made);
    made->issuing = NO_KEY;
    *ring = made;
    return SECKILL_OK;
}

void seckill_keyring_free(seckill_keyring *ring) {
    sodium_free(ring);
}

static bool same_key(const sk__key *a, const sk__key *b) {
    return a->kind == b->kind && sodium_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool holds(const seckill_keyring *ring, const sk__key *key) {
    for (size_t i = 0; i < ring->count; i++)
        if (same_key(&ring->keys[i].key, key))
            return true;
    return false;
}

/* Half of all byte strings are no point of the curve: better refused here than with the first token. */
static bool usable(const sk__key *key) {
    return key->kind != SECKILL_KEY_PUBLIC || crypto_core_ed25519_is_valid_point(key->bytes) == 1;
}

static bool issues(const sk__key *key) {
    return key->kind == SECKILL_KEY_LOCAL || key->kind == SECKILL_KEY_SECRET;
}

/* The footer names the public half of a secret key. */
static void make_footer(sk__ring_key *entry) {
    char id[SK__KEY_ID_SIZE + 1];
    memcpy(id, entry->id, sizeof id);
    if (entry->key.kind == SECKILL_KEY_SECRET) {
        sk__key half = sk__key_public_half(&entry->key);
        sk__paserk_id(&half, id);
    }
    memcpy(entry->footer, "{\"kid\":\"", 8);
    memcpy(entry->footer + 8, id, SK__KEY_ID_SIZE);
    memcpy(entry->footer + 8 + SK__KEY_ID_SIZE, "\"}", 2);
    sk__base64_encode(entry->footer, SK__FOOTER_SIZE, entry->footer_text);
}

static void append(seckill_keyring *ring, const sk__key *key) {
    sk__ring_key *entry = &ring->keys[ring->count];
    entry->key = *key;
    sk__paserk_id(key, entry->id);
    make_footer(entry);
    if (ring->issuing == NO_KEY && issues(key))
        ring->issuing = ring->count;
    ring->count++;
}

static seckill_status add(seckill_keyring *ring, const sk__key *key) {
    if (!usable(key))
        return SECKILL_KEY_GARBAGE;
    if (holds(ring, key))
        return SECKILL_OK;
    if (ring->count == SECKILL_KEYS_MAX)
        return SECKILL_BUSY;
    append(ring, key);
    return SECKILL_OK;
}

seckill_status seckill_keyring_add(seckill_keyring *ring, const char *text, size_t size) {
    if (ring == NULL || text == NULL)
        return SECKILL_INVALID;
    sk__key key;
    if (!sk__paserk_read(text, size, &key))
        return SECKILL_KEY_GARBAGE;
    seckill_status status = add(ring, &key);
    sodium_memzero(&key, sizeof key);
    return status;
}

seckill_status seckill_keyring_issue_with(seckill_keyring *ring, const char *kid) {
    if (ring == NULL || kid == NULL)
        return SECKILL_INVALID;
    for (size_t i = 0; i < ring->count; i++) {
        if (strcmp(ring->keys[i].id, kid) != 0)
            continue;
        if (!issues(&ring->keys[i].key))
            return SECKILL_INVALID;
        ring->issuing = i;
        return SECKILL_OK;
    }
    return SECKILL_TOKEN_KEY;
}

const sk__ring_key *sk__ring_issuing(const seckill_keyring *ring) {
    return ring->issuing == NO_KEY ? NULL : &ring->keys[ring->issuing];
}

const sk__ring_key *sk__ring_find(const seckill_keyring *ring, seckill_key_kind kind, const char *text, size_t size) {
    if (size != SK__FOOTER_TEXT_SIZE)
        return NULL;
    for (size_t i = 0; i < ring->count; i++) {
        const sk__ring_key *entry = &ring->keys[i];
        bool local = entry->key.kind == SECKILL_KEY_LOCAL;
        if (local == (kind == SECKILL_KEY_LOCAL) && memcmp(entry->footer_text, text, size) == 0)
            return entry;
    }
    return NULL;
}

const uint8_t *sk__ring_public(const sk__ring_key *entry) {
    return entry->key.kind == SECKILL_KEY_SECRET ? entry->key.bytes + crypto_sign_SEEDBYTES : entry->key.bytes;
}

/* ---- keys as text, without a ring */

seckill_status seckill_key_generate(seckill_key_kind kind, char text[SECKILL_KEY_TEXT_SIZE]) {
    if (text == NULL || (kind != SECKILL_KEY_LOCAL && kind != SECKILL_KEY_SECRET))
        return SECKILL_INVALID;
    if (sodium_init() < 0)
        return SECKILL_NO_MEMORY;
    sk__key key;
    memset(&key, 0, sizeof key);
    key.kind = kind;
    uint8_t public_half[crypto_sign_PUBLICKEYBYTES];
    if (kind == SECKILL_KEY_LOCAL)
        randombytes_buf(key.bytes, sk__key_size(kind));
    else
        crypto_sign_keypair(public_half, key.bytes);
    sk__paserk_write(&key, text);
    sodium_memzero(&key, sizeof key);
    return SECKILL_OK;
}

static seckill_status read_key(const char *text, size_t size, const char *out, sk__key *key) {
    if (text == NULL || out == NULL)
        return SECKILL_INVALID;
    if (sodium_init() < 0)
        return SECKILL_NO_MEMORY;
    return sk__paserk_read(text, size, key) ? SECKILL_OK : SECKILL_KEY_GARBAGE;
}

seckill_status seckill_key_public(const char *secret_text, size_t size, char text[SECKILL_KEY_TEXT_SIZE]) {
    sk__key key;
    seckill_status status = read_key(secret_text, size, text, &key);
    if (status != SECKILL_OK)
        return status;
    if (key.kind == SECKILL_KEY_SECRET) {
        sk__key half = sk__key_public_half(&key);
        sk__paserk_write(&half, text);
    } else {
        status = SECKILL_KEY_GARBAGE;
    }
    sodium_memzero(&key, sizeof key);
    return status;
}

seckill_status seckill_key_id(const char *text, size_t size, char kid[SECKILL_KEY_TEXT_SIZE]) {
    _Static_assert(sizeof(char[SECKILL_KEY_TEXT_SIZE]) > SK__KEY_ID_SIZE, "an id fits");
    sk__key key;
    seckill_status status = read_key(text, size, kid, &key);
    if (status != SECKILL_OK)
        return status;
    sk__paserk_id(&key, kid);
    sodium_memzero(&key, sizeof key);
    return SECKILL_OK;
}
