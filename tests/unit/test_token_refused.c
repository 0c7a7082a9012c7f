/* Tokens: refused for every reason.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"
#include "token/envelope.h"
#include "token/keyring.h"
#include "token/paseto.h"
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- what is changed or cut */

static void check_changed(const seckill_keyring *ring, char *token, size_t size, size_t at, int byte) {
    char was = token[at];
    if (was == (char)byte)
        return;
    token[at] = (char)byte;
    seckill_status status = token_verify(ring, SECKILL_TOKEN_RESERVATION, token, size);
    bool told = status == SECKILL_TOKEN_FORGED || status == SECKILL_TOKEN_GARBAGE || status == SECKILL_TOKEN_KEY ||
                status == SECKILL_TOKEN_TRUNCATED;
    if (!told)
        fail_msg("byte %zu changed to %d: %s", at, byte, seckill_status_name(status));
    token[at] = was;
}

/* Of a local token each character becomes each other byte; of a public one, which takes longer, each bit is flipped. */
static void no_changed_character_verifies(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    size_t size = token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token);
    for (size_t at = 0; at < size; at++)
        for (int byte = 0; byte < 256; byte++)
            check_changed(f->local, token, size, at, byte);
    size = token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, token);
    for (size_t at = 0; at < size; at++)
        for (unsigned bit = 1; bit < 256; bit <<= 1)
            check_changed(f->public_half, token, size, at, (int)((unsigned char)token[at] ^ bit));
}

/* The bits of the body itself, under the base64: always exactly "forged". */
static void each_bit_of_the_body_counts(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    uint8_t body[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    sk__envelope envelope;
    size_t size = token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token);
    assert_int_equal(sk__envelope_split(token, size, &envelope), SECKILL_OK);
    assert_int_equal(sk__envelope_body(&envelope, body), SECKILL_OK);
    size_t body_size = SK__BASE64_BYTES(envelope.body_size), start = strlen(SK__PASETO_LOCAL_HEADER);
    for (size_t bit = 0; bit < 8 * body_size; bit++) {
        body[bit / 8] = (uint8_t)(body[bit / 8] ^ 1U << bit % 8);
        sk__base64_encode(body, body_size, token + start);
        assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, size), SECKILL_TOKEN_FORGED);
        body[bit / 8] = (uint8_t)(body[bit / 8] ^ 1U << bit % 8);
    }
}

static void every_truncation_is_told(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    /* users of three sizes, so that the base64 ends in each of its ways */
    for (ref.user_size = 3; ref.user_size <= 5; ref.user_size++)
        for (int kind = 0; kind < 2; kind++) {
            const seckill_keyring *ring = kind == 0 ? f->local : f->secret;
            size_t size = token_issue(ring, SECKILL_TOKEN_RESERVATION, &ref, token);
            assert_int_equal(token_verify(ring, SECKILL_TOKEN_RESERVATION, token, 0), SECKILL_TOKEN_GARBAGE);
            for (size_t cut = 1; cut < size; cut++)
                assert_int_equal(token_verify(ring, SECKILL_TOKEN_RESERVATION, token, cut), SECKILL_TOKEN_TRUNCATED);
        }
}

static void garbage(void **state) {
    const token_fixture *f = *state;
    static const char *const texts[] = {"",
                                        " ",
                                        "w",
                                        "v5",
                                        "v3.local.AAAA",
                                        "V4.local.AAAA",
                                        "v4.secret.AAAA",
                                        "v4.local!AAAA",
                                        "v4.local.AA=A",
                                        "v4.local.AA A",
                                        "v4.local.AAAA.AAAA",
                                        "v4.local..",
                                        "v4.public.AAAA.",
                                        "v4.local.AAAA.AAAA.AAAA",
                                        "eyJhbGciOiJub25lIn0.e30.",
                                        "\xff\xff"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, texts[i], strlen(texts[i])), SECKILL_TOKEN_GARBAGE);
    char token[SECKILL_TOKEN_SIZE + 100];
    memset(token, 'A', sizeof token);
    memcpy(token, "v4.local.", 9);
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, SECKILL_TOKEN_SIZE), SECKILL_TOKEN_GARBAGE);
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, sizeof token), SECKILL_TOKEN_GARBAGE);
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, SECKILL_TOKEN_SIZE - 1), SECKILL_TOKEN_TRUNCATED);
    seckill_reservation_ref ref = token_usual_ref();
    size_t size = token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token);
    token[size] = '.';
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, size + 1), SECKILL_TOKEN_GARBAGE);
    token[size] = 'A';
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, size + 1), SECKILL_TOKEN_KEY);
}

/* ---- keys, purposes, time */

static void another_ring_does_not_know_the_key(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    size_t size = token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token);
    assert_int_equal(token_verify(f->secret, SECKILL_TOKEN_RESERVATION, token, size), SECKILL_TOKEN_KEY);
    size = token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, token);
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, size), SECKILL_TOKEN_KEY);
    assert_int_equal(seckill_token_issue(f->public_half, SECKILL_TOKEN_RESERVATION, &ref, token, sizeof token, NULL),
                     SECKILL_TOKEN_KEY);
}

/* A token of a foreign issuer whose footer is another one's, and one that claims a key that it was not made with. */
static void a_footer_of_another_key_is_forged(void **state) {
    const token_fixture *f = *state;
    char other_text[SECKILL_KEY_TEXT_SIZE], token[SECKILL_TOKEN_SIZE], other_token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, other_text), SECKILL_OK);
    seckill_keyring *both = token_ring_of(other_text);
    size_t size = token_issue(both, SECKILL_TOKEN_RESERVATION, &ref, other_token);
    assert_int_equal(seckill_keyring_add(both, f->local_text, strlen(f->local_text)), SECKILL_OK);
    assert_int_equal(token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token), size);
    assert_int_equal(token_verify(both, SECKILL_TOKEN_RESERVATION, token, size), SECKILL_OK);
    memcpy(strrchr(token, '.'), strrchr(other_token, '.'), SK__FOOTER_TEXT_SIZE + 1);
    assert_int_equal(token_verify(both, SECKILL_TOKEN_RESERVATION, token, size), SECKILL_TOKEN_FORGED);
    seckill_keyring_free(both);
}

/* A v4.local token must not be verified as v4.public with the same bytes as key, nor the other way round. */
static void headers_cannot_be_exchanged(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE], changed[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token);
    int size = snprintf(changed, sizeof changed, "v4.public.%s", token + 9);
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_RESERVATION, changed, (size_t)size), SECKILL_TOKEN_KEY);
    token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, token);
    size = snprintf(changed, sizeof changed, "v4.local.%s", token + 10);
    assert_int_equal(token_verify(f->public_half, SECKILL_TOKEN_RESERVATION, changed, (size_t)size), SECKILL_TOKEN_KEY);
}

/* Tickets have calls of their own. */
static seckill_status verify_as(const seckill_keyring *ring, seckill_token_purpose purpose, const char *token, size_t size) {
    seckill_ticket ticket;
    return purpose == SECKILL_TOKEN_TICKET ? seckill_ticket_verify(ring, token, size, TOKEN_ISSUED_MS, 0, &ticket)
                                           : token_verify(ring, purpose, token, size);
}

static void one_purpose_never_passes_for_another(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    seckill_ticket ticket = token_usual_ticket();
    for (int kind = 0; kind < 2; kind++)
        for (int made = SECKILL_TOKEN_RESERVATION; made <= SECKILL_TOKEN_SESSION; made++) {
            const seckill_keyring *ring = kind == 0 ? f->local : f->secret;
            size_t size = 0;
            if (made == SECKILL_TOKEN_TICKET)
                assert_int_equal(seckill_ticket_issue(ring, &ticket, token, sizeof token, &size), SECKILL_OK);
            else
                size = token_issue(ring, (seckill_token_purpose)made, &ref, token);
            for (int asked = SECKILL_TOKEN_RESERVATION; asked <= SECKILL_TOKEN_SESSION; asked++)
                assert_int_equal(verify_as(ring, (seckill_token_purpose)asked, token, size),
                                 asked == made ? SECKILL_OK : SECKILL_TOKEN_PURPOSE);
        }
}

static void check_at(const token_fixture *f, const char *token, int64_t now_ms, uint32_t leeway_ms, seckill_status expected) {
    seckill_reservation_ref ref = token_usual_ref(), back;
    assert_int_equal(seckill_token_verify(f->local, SECKILL_TOKEN_RESERVATION, token, strlen(token), now_ms, leeway_ms, &back),
                     expected);
    assert_memory_equal(&back, &ref, sizeof ref); /* filled when expired, too */
}

static void tokens_end_after_the_leeway(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token);
    const int64_t end = ref.valid_until_ms;
    check_at(f, token, INT64_MIN, 0, SECKILL_OK); /* there is no "not before" */
    check_at(f, token, end, 0, SECKILL_OK);
    check_at(f, token, end + 1, 0, SECKILL_TOKEN_EXPIRED);
    check_at(f, token, end + 1, 1, SECKILL_OK);
    check_at(f, token, end + 5000, 5000, SECKILL_OK);
    check_at(f, token, end + 5001, 5000, SECKILL_TOKEN_EXPIRED);
    check_at(f, token, INT64_MAX, 3600000, SECKILL_TOKEN_EXPIRED);
}

/* Two keys: the old one verifies on after the new one issues; when it is gone, its tokens name an unknown key. */
static void keys_rotate(void **state) {
    const token_fixture *f = *state;
    char old_token[SECKILL_TOKEN_SIZE], new_token[SECKILL_TOKEN_SIZE], kid[SECKILL_KEY_TEXT_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    seckill_keyring *ring = token_ring_of(f->local_text);
    assert_int_equal(seckill_keyring_add(ring, f->secret_text, strlen(f->secret_text)), SECKILL_OK);
    size_t old_size = token_issue(ring, SECKILL_TOKEN_RESERVATION, &ref, old_token);
    assert_memory_equal(old_token, "v4.local.", 9);
    assert_int_equal(seckill_key_id(f->secret_text, strlen(f->secret_text), kid), SECKILL_OK);
    assert_int_equal(seckill_keyring_issue_with(ring, kid), SECKILL_OK);
    size_t new_size = token_issue(ring, SECKILL_TOKEN_RESERVATION, &ref, new_token);
    assert_memory_equal(new_token, "v4.public.", 10);
    assert_int_equal(token_verify(ring, SECKILL_TOKEN_RESERVATION, old_token, old_size), SECKILL_OK);
    assert_int_equal(token_verify(ring, SECKILL_TOKEN_RESERVATION, new_token, new_size), SECKILL_OK);
    assert_int_equal(token_verify(f->secret, SECKILL_TOKEN_RESERVATION, old_token, old_size), SECKILL_TOKEN_KEY);
    seckill_keyring_free(ring);
}

/* The footer is what the header promises: {"kid":"..."} with the id of the local key, or of the public half. */
static void the_footer_names_the_key(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE], kid[SECKILL_KEY_TEXT_SIZE], expected[SECKILL_KEY_TEXT_SIZE + 16];
    uint8_t footer[SK__FOOTER_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    for (int kind = 0; kind < 2; kind++) {
        const char *text = kind == 0 ? f->local_text : f->public_text;
        token_issue(kind == 0 ? f->local : f->secret, SECKILL_TOKEN_RESERVATION, &ref, token);
        assert_int_equal(seckill_key_id(text, strlen(text), kid), SECKILL_OK);
        int size = snprintf(expected, sizeof expected, "{\"kid\":\"%s\"}", kid);
        assert_int_equal(size, SK__FOOTER_SIZE);
        assert_int_equal(sk__base64_decode(strrchr(token, '.') + 1, SK__FOOTER_TEXT_SIZE, footer), SK__BASE64_OK);
        assert_memory_equal(footer, expected, sizeof footer);
    }
}

/* ---- genuine, but of another issuer */

/* Makes a token of any payload with the token_fixture's local key. */
static size_t seal(const token_fixture *f, const char *payload, char token[SECKILL_TOKEN_SIZE]) {
    const sk__ring_key *key = sk__ring_issuing(f->local);
    const uint8_t nonce[SK__PASETO_NONCE_SIZE] = {1};
    uint8_t body[SECKILL_TOKEN_SIZE];
    seckill_bytes message = {payload, strlen(payload)}, whole = {body, message.size + SK__PASETO_OVERHEAD};
    sk__paseto_context context = {{key->footer, SK__FOOTER_SIZE}, {"session", 7}};
    sk__paseto_encrypt(key->key.bytes, nonce, message, &context, body);
    sk__writer writer = sk__writer_of(token, SECKILL_TOKEN_SIZE);
    sk__envelope_write(&writer, SECKILL_KEY_LOCAL, whole, key->footer_text, SK__FOOTER_TEXT_SIZE);
    assert_false(writer.failed);
    return writer.at;
}

static void claims_of_another_issuer(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    static const char *const wrong[] = {
        "",
        "{}",
        "[]",
        "\"\"",
        "{\"sub\":\"alice\"}",
        "{\"sub\":\"alice\",\"iat\":\"2026-11-22T17:11:21+00:00\",\"exp\":\"2026-11-23T17:11:21.123Z\"}",
        "{\"sub\":\"alice\",\"iat\":\"2026-11-22T17:11:21.123Z\",\"exp\":\"2026-11-21T17:11:21.123Z\"}"};
    size_t size =
        seal(f, "{\"exp\":\"2026-11-23T17:11:21.123Z\", \"iat\":\"2026-11-22T17:11:21.123Z\", \"sub\":\"alice\"}", token);
    assert_int_equal(token_verify(f->local, SECKILL_TOKEN_SESSION, token, size), SECKILL_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size = seal(f, wrong[i], token);
        assert_int_equal(token_verify(f->local, SECKILL_TOKEN_SESSION, token, size), SECKILL_TOKEN_CLAIMS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_changed_character_verifies),      cmocka_unit_test(each_bit_of_the_body_counts),
        cmocka_unit_test(every_truncation_is_told),           cmocka_unit_test(garbage),
        cmocka_unit_test(another_ring_does_not_know_the_key), cmocka_unit_test(a_footer_of_another_key_is_forged),
        cmocka_unit_test(headers_cannot_be_exchanged),        cmocka_unit_test(one_purpose_never_passes_for_another),
        cmocka_unit_test(tokens_end_after_the_leeway),        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(the_footer_names_the_key),           cmocka_unit_test(claims_of_another_issuer),
    };
    return cmocka_run_group_tests(tests, token_set_up, token_tear_down);
}
