/* Issuing and verifying tokens.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seckill/token.h"

#include "base/memory.h"
#include "token/claims.h"
#include "token/envelope.h"
#include "token/keyring.h"
#include "token/paseto.h"

#include <sodium.h>
#include <string.h>

enum { LEEWAY_MAX = 3600000 };

/* The implicit assertion of each purpose. */
static const char *const purpose_names[] = {"reservation", "ticket", "session"};

/* Whether a reservation's ref says it all; tickets say more. */
static bool is_said_by_ref(seckill_token_purpose purpose) {
    return purpose == SECKILL_TOKEN_RESERVATION || purpose == SECKILL_TOKEN_SESSION;
}

static sk__paseto_context context_of(const sk__ring_key *key, seckill_token_purpose purpose) {
    const char *name = purpose_names[purpose - SECKILL_TOKEN_RESERVATION];
    sk__paseto_context context = {{key->footer, SK__FOOTER_SIZE}, {name, strlen(name)}};
    return context;
}

/* ---- issuing */

/* Writes the body and tells its kind. */
static bool seal(const sk__ring_key *key, seckill_token_purpose purpose, seckill_bytes claims, uint8_t *body,
                 seckill_key_kind *kind) {
    sk__paseto_context context = context_of(key, purpose);
    *kind = key->key.kind == SECKILL_KEY_LOCAL ? SECKILL_KEY_LOCAL : SECKILL_KEY_PUBLIC;
    if (*kind == SECKILL_KEY_PUBLIC)
        return sk__paseto_sign(key->key.bytes, claims, &context, body);
    uint8_t nonce[SK__PASETO_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    sk__paseto_encrypt(key->key.bytes, nonce, claims, &context, body);
    return true;
}

static seckill_status write_token(const sk__ring_key *key, seckill_token_purpose purpose, const sk__claims *claims,
                                  sk__writer *out) {
    uint8_t json[SK__CLAIMS_MAX], body[SK__CLAIMS_MAX + SK__PASETO_OVERHEAD];
    sk__writer writer = sk__writer_of(json, sizeof json);
    sk__claims_write(purpose, claims, &writer);
    seckill_key_kind kind;
    if (writer.failed || !seal(key, purpose, sk__written(&writer), body, &kind))
        return SECKILL_INVALID; /* cannot happen: valid claims fit */
    seckill_bytes sealed = {body, writer.at + SK__PASETO_OVERHEAD};
    sk__envelope_write(out, kind, sealed, key->footer_text, SK__FOOTER_TEXT_SIZE);
    sk__write_u8(out, 0);
    return out->failed ? SECKILL_NO_SPACE : SECKILL_OK;
}

static seckill_status issue(const seckill_keyring *ring, seckill_token_purpose purpose, const sk__claims *claims, char *out,
                            size_t out_size, size_t *written) {
    _Static_assert(SECKILL_TOKEN_SIZE > sizeof SK__PASETO_PUBLIC_HEADER +
                                            SK__BASE64_TEXT(SK__CLAIMS_MAX + SK__PASETO_OVERHEAD) + 1 + SK__FOOTER_TEXT_SIZE,
                   "any token fits");
    if (!sk__claims_valid(purpose, claims))
        return SECKILL_INVALID;
    const sk__ring_key *key = sk__ring_issuing(ring);
    if (key == NULL)
        return SECKILL_TOKEN_KEY;
    sk__writer writer = sk__writer_of(out, out_size);
    seckill_status status = write_token(key, purpose, claims, &writer);
    if (status != SECKILL_OK && out_size > 0)
        out[0] = '\0'; /* no half of a token */
    if (status == SECKILL_OK && written != NULL)
        *written = writer.at - 1;
    return status;
}

seckill_status seckill_token_issue(const seckill_keyring *ring, seckill_token_purpose purpose,
                                   const seckill_reservation_ref *ref, char *out, size_t out_size, size_t *written) {
    if (ring == NULL || ref == NULL || out == NULL || !is_said_by_ref(purpose) || !sk__is_zero(ref->spare, sizeof ref->spare))
        return SECKILL_INVALID;
    sk__claims claims = {.ref = *ref};
    return issue(ring, purpose, &claims, out, out_size, written);
}

static sk__claims claims_of(const seckill_ticket *ticket) {
    sk__claims claims = {.shard = ticket->shard, .epoch = ticket->epoch, .n = ticket->n};
    seckill_reservation_ref *ref = &claims.ref;
    memcpy(ref->user, ticket->user, sizeof ref->user);
    ref->user_size = ticket->user_size;
    memcpy(ref->activity, ticket->activity, sizeof ref->activity);
    memcpy(ref->item, ticket->item, sizeof ref->item);
    memcpy(ref->reservation_id, ticket->reservation_id, sizeof ref->reservation_id);
    ref->quantity = ticket->quantity;
    ref->issued_ms = ticket->since_ms;
    ref->valid_until_ms = ticket->valid_until_ms;
    return claims;
}

seckill_status seckill_ticket_issue(const seckill_keyring *ring, const seckill_ticket *ticket, char *out, size_t out_size,
                                    size_t *written) {
    if (ring == NULL || ticket == NULL || out == NULL || !sk__is_zero(ticket->spare, sizeof ticket->spare))
        return SECKILL_INVALID;
    sk__claims claims = claims_of(ticket);
    return issue(ring, SECKILL_TOKEN_TICKET, &claims, out, out_size, written);
}

/* ---- verifying */

/* How every footer begins: base64url of `{"kid":"k`. */
static const char footer_start[] = "eyJraWQiOiJr";

/* Why no key was found: is the footer cut short, or does it name another key? */
static seckill_status why_no_key(const sk__envelope *envelope) {
    if (envelope->footer_size == 0)
        return SECKILL_TOKEN_TRUNCATED;
    if (!sk__base64_alphabet(envelope->footer, envelope->footer_size))
        return SECKILL_TOKEN_GARBAGE;
    size_t start = sizeof footer_start - 1;
    if (envelope->footer_size < start)
        start = envelope->footer_size;
    bool cut = envelope->footer_size < SK__FOOTER_TEXT_SIZE && memcmp(envelope->footer, footer_start, start) == 0;
    return cut ? SECKILL_TOKEN_TRUNCATED : SECKILL_TOKEN_KEY;
}

/* Authenticates the body for one purpose and gives the claims: for v4.local decrypted into `plain`, which has room. */
static bool open_body(const sk__ring_key *key, seckill_token_purpose purpose, seckill_bytes body, uint8_t *plain,
                      seckill_bytes *claims) {
    sk__paseto_context context = context_of(key, purpose);
    bool local = key->key.kind == SECKILL_KEY_LOCAL;
    claims->data = local ? plain : body.data;
    claims->size = body.size - SK__PASETO_OVERHEAD;
    return local ? sk__paseto_decrypt(key->key.bytes, body, &context, plain)
                 : sk__paseto_verify(sk__ring_public(key), body, &context);
}

static bool authentic(const sk__ring_key *key, seckill_token_purpose purpose, seckill_bytes body) {
    sk__paseto_context context = context_of(key, purpose);
    return key->key.kind == SECKILL_KEY_LOCAL ? sk__paseto_authentic(key->key.bytes, body, &context)
                                              : sk__paseto_verify(sk__ring_public(key), body, &context);
}

/* Authentication failed: is it genuine for another purpose? This makes a forged token cost up to three checks. */
static seckill_status why_not_authentic(const sk__ring_key *key, seckill_token_purpose purpose, seckill_bytes body) {
    for (int other = SECKILL_TOKEN_RESERVATION; other <= SECKILL_TOKEN_SESSION; other++)
        if (other != (int)purpose && authentic(key, (seckill_token_purpose)other, body))
            return SECKILL_TOKEN_PURPOSE;
    return SECKILL_TOKEN_FORGED;
}

static seckill_status open_token(const seckill_keyring *ring, seckill_token_purpose purpose, const char *token, size_t size,
                                 sk__claims *claims) {
    uint8_t decoded[SK__BASE64_BYTES(SECKILL_TOKEN_SIZE)], plain[SK__BASE64_BYTES(SECKILL_TOKEN_SIZE)];
    sk__envelope envelope;
    seckill_status status = sk__envelope_split(token, size, &envelope);
    if (status == SECKILL_OK)
        status = sk__envelope_body(&envelope, decoded);
    if (status != SECKILL_OK)
        return status;
    const sk__ring_key *key = sk__ring_find(ring, envelope.kind, envelope.footer, envelope.footer_size);
    if (key == NULL)
        return why_no_key(&envelope);
    seckill_bytes body = {decoded, SK__BASE64_BYTES(envelope.body_size)}, json;
    if (!open_body(key, purpose, body, plain, &json))
        return why_not_authentic(key, purpose, body);
    return sk__claims_read(purpose, json.data, json.size, claims) ? SECKILL_OK : SECKILL_TOKEN_CLAIMS;
}

/* The claims are zero unless they were read. */
static seckill_status verify(const seckill_keyring *ring, seckill_token_purpose purpose, const char *token, size_t size,
                             int64_t now_ms, uint32_t leeway_ms, sk__claims *claims) {
    memset(claims, 0, sizeof *claims);
    if (size >= SECKILL_TOKEN_SIZE)
        return SECKILL_TOKEN_GARBAGE;
    seckill_status status = open_token(ring, purpose, token, size, claims);
    if (status == SECKILL_OK && now_ms > claims->ref.valid_until_ms + (int64_t)leeway_ms)
        return SECKILL_TOKEN_EXPIRED;
    return status;
}

seckill_status seckill_token_verify(const seckill_keyring *ring, seckill_token_purpose purpose, const char *token, size_t size,
                                    int64_t now_ms, uint32_t leeway_ms, seckill_reservation_ref *ref) {
    if (ring == NULL || token == NULL || ref == NULL || !is_said_by_ref(purpose) || leeway_ms > LEEWAY_MAX)
        return SECKILL_INVALID;
    sk__claims claims;
    seckill_status status = verify(ring, purpose, token, size, now_ms, leeway_ms, &claims);
    *ref = claims.ref;
    return status;
}

static void ticket_of(const sk__claims *claims, seckill_ticket *ticket) {
    const seckill_reservation_ref *ref = &claims->ref;
    memset(ticket, 0, sizeof *ticket);
    memcpy(ticket->user, ref->user, sizeof ticket->user);
    ticket->user_size = ref->user_size;
    memcpy(ticket->activity, ref->activity, sizeof ticket->activity);
    memcpy(ticket->item, ref->item, sizeof ticket->item);
    memcpy(ticket->reservation_id, ref->reservation_id, sizeof ticket->reservation_id);
    ticket->quantity = ref->quantity;
    ticket->shard = claims->shard;
    ticket->epoch = claims->epoch;
    ticket->n = claims->n;
    ticket->since_ms = ref->issued_ms;
    ticket->valid_until_ms = ref->valid_until_ms;
}

seckill_status seckill_ticket_verify(const seckill_keyring *ring, const char *token, size_t size, int64_t now_ms,
                                     uint32_t leeway_ms, seckill_ticket *ticket) {
    if (ring == NULL || token == NULL || ticket == NULL || leeway_ms > LEEWAY_MAX)
        return SECKILL_INVALID;
    sk__claims claims;
    seckill_status status = verify(ring, SECKILL_TOKEN_TICKET, token, size, now_ms, leeway_ms, &claims);
    ticket_of(&claims, ticket);
    return status;
}
