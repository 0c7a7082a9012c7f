/* Tokens: u8 of flags, then a token's text, or the claims that are sealed with a key of the ring, so that their reader is
 * reached. What is accepted says the same when it is issued again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"
#include "token/claims.h"
#include "token/envelope.h"
#include "token/keyring.h"
#include "token/paseto.h"

#include <sodium.h>

enum { SEALED = 1, SIGNED = 2, NOW_SHIFT = 4, JSON_MAX = 900 };

typedef struct {
    seckill_keyring *local, *secret; /* each with both keys; which issues is the difference */
} rings;

static seckill_keyring *ring_of(const sk__key *first, const sk__key *second) {
    char text[SECKILL_KEY_TEXT_SIZE];
    seckill_keyring *ring;

    fuzz_check(seckill_keyring_new(&ring) == SECKILL_OK);
    sk__paserk_write(first, text);
    fuzz_check(seckill_keyring_add(ring, text, strlen(text)) == SECKILL_OK);
    sk__paserk_write(second, text);
    fuzz_check(seckill_keyring_add(ring, text, strlen(text)) == SECKILL_OK);
    return ring;
}

/* Always the same keys, so that the corpus holds. */
static const rings *known_rings(void) {
    static rings made;
    sk__key local = {SECKILL_KEY_LOCAL, "a key that everybody may know..."}, secret = {SECKILL_KEY_SECRET, {0}};
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];

    if (made.local != NULL)
        return &made;
    fuzz_check(sodium_init() >= 0);
    fuzz_check(crypto_sign_seed_keypair(public_key, secret.bytes, local.bytes) == 0);
    made.local = ring_of(&local, &secret);
    made.secret = ring_of(&secret, &local);
    return &made;
}

/* As token.c does, but for any claims, and always with the same nonce. */
static size_t seal(const seckill_keyring *ring, unsigned purpose, fuzz_input claims, char out[SECKILL_TOKEN_SIZE]) {
    static const char *const names[] = {"reservation", "ticket", "session"};
    static const uint8_t nonce[SK__PASETO_NONCE_SIZE] = {1};
    const sk__ring_key *key = sk__ring_issuing(ring);
    sk__paseto_context context = {{key->footer, SK__FOOTER_SIZE}, {names[purpose], strlen(names[purpose])}};
    uint8_t body[JSON_MAX + SK__PASETO_OVERHEAD];
    sk__writer writer = sk__writer_of(out, SECKILL_TOKEN_SIZE);
    seckill_bytes plain = {claims.data, claims.size < JSON_MAX ? claims.size : JSON_MAX}, sealed = {body, 0};
    bool is_local = key->key.kind == SECKILL_KEY_LOCAL;

    if (is_local)
        sk__paseto_encrypt(key->key.bytes, nonce, plain, &context, body);
    else
        fuzz_check(sk__paseto_sign(key->key.bytes, plain, &context, body));
    sealed.size = plain.size + SK__PASETO_OVERHEAD;
    sk__envelope_write(&writer, is_local ? SECKILL_KEY_LOCAL : SECKILL_KEY_PUBLIC, sealed, key->footer_text,
                       SK__FOOTER_TEXT_SIZE);
    fuzz_check(!writer.failed);
    return writer.at;
}

/* ---- verifying */

static bool is_zero(const void *data, size_t size) {
    return sodium_is_zero(data, size) == 1;
}

static void verify_ref(const seckill_keyring *ring, seckill_token_purpose purpose, const char *text, size_t size,
                       int64_t now_ms) {
    seckill_reservation_ref ref, again;
    char out[SECKILL_TOKEN_SIZE];
    size_t written;
    seckill_status status = seckill_token_verify(ring, purpose, text, size, now_ms, 0, &ref);

    if (status != SECKILL_OK) {
        fuzz_check(status == SECKILL_TOKEN_EXPIRED || is_zero(&ref, sizeof(ref)));
        return;
    }
    fuzz_check(seckill_token_issue(ring, purpose, &ref, out, sizeof(out), &written) == SECKILL_OK);
    fuzz_check(seckill_token_verify(ring, purpose, out, written, now_ms, 0, &again) == SECKILL_OK);
    fuzz_check(memcmp(&ref, &again, sizeof(ref)) == 0); /* both begin as zero, padding too */
}

static void verify_ticket(const seckill_keyring *ring, const char *text, size_t size, int64_t now_ms) {
    seckill_ticket ticket, again;
    char out[SECKILL_TOKEN_SIZE];
    size_t written;
    seckill_status status = seckill_ticket_verify(ring, text, size, now_ms, 0, &ticket);

    if (status != SECKILL_OK) {
        fuzz_check(status == SECKILL_TOKEN_EXPIRED || is_zero(&ticket, sizeof(ticket)));
        return;
    }
    fuzz_check(seckill_ticket_issue(ring, &ticket, out, sizeof(out), &written) == SECKILL_OK);
    fuzz_check(seckill_ticket_verify(ring, out, written, now_ms, 0, &again) == SECKILL_OK);
    fuzz_check(memcmp(&ticket, &again, sizeof(ticket)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    uint8_t flags = fuzz_u8(&input);
    const seckill_keyring *ring = (flags & SIGNED) != 0 ? known_rings()->secret : known_rings()->local;
    int64_t now_ms = (int64_t)(flags >> NOW_SHIFT & 7) * INT64_C(500000000000);
    char token[SECKILL_TOKEN_SIZE], *text;

    if ((flags & SEALED) != 0) {
        unsigned purpose = fuzz_u8(&input) % 3;

        input.size = seal(ring, purpose, input, token);
        input.data = (const uint8_t *)token;
    }
    text = fuzz_copy(input);
    verify_ref(ring, SECKILL_TOKEN_RESERVATION, text, input.size, now_ms);
    verify_ref(ring, SECKILL_TOKEN_SESSION, text, input.size, now_ms);
    verify_ticket(ring, text, input.size, now_ms);
    free(text);
    return 0;
}
