/* The official vectors of PASETO version 4. They are not part of this project: SECKILL_PASETO_VECTORS names the file (v4.json
 * of https://github.com/paseto-standard/test-vectors); without it the test is skipped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"
#include "token/envelope.h"
#include "token/paseto.h"

#include <jansson.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BUFFER = 4096 };

typedef struct {
    const char *name, *token, *payload; /* payload is NULL where the token must fail */
    sk__paseto_context context;
    bool local, must_fail;
    uint8_t key[32], nonce[32], secret[64], public_key[32];
} vector;

static json_t *tests_of_file(void) {
    const char *path = getenv("SECKILL_PASETO_VECTORS");
    if (path == NULL || *path == '\0') {
        print_message("skipped: SECKILL_PASETO_VECTORS does not name the file with the official vectors (v4.json)\n");
        skip();
    }
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL)
        fail_msg("%s: %s", path, error.text);
    return file;
}

static bool hex(const json_t *test, const char *name, uint8_t *out, size_t size) {
    const char *text = json_string_value(json_object_get(test, name));
    size_t written = 0;
    if (text == NULL)
        return false;
    assert_int_equal(sodium_hex2bin(out, size, text, strlen(text), NULL, &written, NULL), 0);
    assert_int_equal(written, size);
    return true;
}

static seckill_bytes bytes(const json_t *test, const char *name) {
    const json_t *value = json_object_get(test, name);
    seckill_bytes range = {json_string_value(value), json_string_length(value)};
    return range;
}

static vector vector_of(const json_t *test) {
    vector result;
    memset(&result, 0, sizeof result);
    result.name = json_string_value(json_object_get(test, "name"));
    result.token = json_string_value(json_object_get(test, "token"));
    result.payload = json_string_value(json_object_get(test, "payload"));
    result.must_fail = json_is_true(json_object_get(test, "expect-fail"));
    result.context.footer = bytes(test, "footer");
    result.context.implicit = bytes(test, "implicit-assertion");
    result.local = hex(test, "key", result.key, sizeof result.key);
    if (result.local)
        hex(test, "nonce", result.nonce, sizeof result.nonce);
    else
        assert_true(hex(test, "public-key", result.public_key, sizeof result.public_key) &&
                    hex(test, "secret-key", result.secret, sizeof result.secret));
    assert_non_null(result.name);
    assert_non_null(result.token);
    return result;
}

/* Whether the token is one of the vector's key and context; then `message` has its payload. */
static bool read_token(const vector *v, uint8_t *message, size_t *size) {
    sk__envelope envelope;
    uint8_t body[BUFFER], footer[BUFFER];
    if (strlen(v->token) > BUFFER || sk__envelope_split(v->token, strlen(v->token), &envelope) != SECKILL_OK)
        return false;
    if ((envelope.kind == SECKILL_KEY_LOCAL) != v->local || sk__envelope_body(&envelope, body) != SECKILL_OK)
        return false;
    if (sk__base64_decode(envelope.footer, envelope.footer_size, footer) != SK__BASE64_OK)
        return false;
    size_t footer_size = SK__BASE64_BYTES(envelope.footer_size);
    if (footer_size != v->context.footer.size || memcmp(footer, v->context.footer.data, footer_size) != 0)
        return false;
    seckill_bytes range = {body, SK__BASE64_BYTES(envelope.body_size)};
    *size = range.size - SK__PASETO_OVERHEAD;
    if (v->local)
        return sk__paseto_decrypt(v->key, range, &v->context, message);
    memcpy(message, body, *size);
    return sk__paseto_verify(v->public_key, range, &v->context);
}

static void check_reads(const vector *v) {
    uint8_t message[BUFFER];
    size_t size = 0;
    bool good = read_token(v, message, &size);
    if (v->must_fail) {
        if (good)
            fail_msg("%s must fail", v->name);
        return;
    }
    if (!good)
        fail_msg("%s must be read", v->name);
    assert_int_equal(size, strlen(v->payload));
    assert_memory_equal(message, v->payload, size);
}

/* Encrypts with the given nonce, or signs, and compares the whole token. */
static void check_writes(const vector *v) {
    uint8_t body[BUFFER];
    char footer[BUFFER], token[BUFFER];
    seckill_bytes payload = {v->payload, strlen(v->payload)};
    if (v->local)
        sk__paseto_encrypt(v->key, v->nonce, payload, &v->context, body);
    else
        assert_true(sk__paseto_sign(v->secret, payload, &v->context, body));
    sk__base64_encode(v->context.footer.data, v->context.footer.size, footer);
    sk__writer writer = sk__writer_of(token, sizeof token);
    seckill_bytes whole = {body, payload.size + SK__PASETO_OVERHEAD};
    sk__envelope_write(&writer, v->local ? SECKILL_KEY_LOCAL : SECKILL_KEY_PUBLIC, whole, footer,
                       SK__BASE64_TEXT(v->context.footer.size));
    sk__write_u8(&writer, 0);
    assert_false(writer.failed);
    assert_string_equal(token, v->token);
}

static void official_vectors(void **state) {
    (void)state;
    json_t *file = tests_of_file();
    size_t at, local = 0, signed_ones = 0, failing = 0;
    json_t *test;
    json_array_foreach(json_object_get(file, "tests"), at, test) {
        vector v = vector_of(test);
        check_reads(&v);
        if (!v.must_fail)
            check_writes(&v);
        failing += v.must_fail;
        local += !v.must_fail && v.local;
        signed_ones += !v.must_fail && !v.local;
    }
    print_message("%zu encrypted, %zu signed, %zu refused\n", local, signed_ones, failing);
    assert_true(local > 0 && signed_ones > 0 && failing > 0);
    json_decref(file);
}

/* Each byte of what is authenticated counts: message, footer, implicit assertion, nonce, tag. */
static void other_contexts_are_refused(void **state) {
    (void)state;
    const uint8_t key[32] = {1}, nonce[32] = {2};
    uint8_t body[5 + SK__PASETO_OVERHEAD], out[5];
    const seckill_bytes message = {"hello", 5}, whole = {body, sizeof body};
    const sk__paseto_context context = {{"ab", 2}, {"c", 1}}, moved = {{"a", 1}, {"bc", 2}}, none = {{NULL, 0}, {NULL, 0}};
    sk__paseto_encrypt(key, nonce, message, &context, body);
    assert_true(sk__paseto_decrypt(key, whole, &context, out));
    assert_memory_equal(out, "hello", 5);
    assert_false(sk__paseto_decrypt(key, whole, &moved, out));
    assert_false(sk__paseto_decrypt(key, whole, &none, out));
    for (size_t bit = 0; bit < 8 * sizeof body; bit++) {
        body[bit / 8] = (uint8_t)(body[bit / 8] ^ 1U << bit % 8);
        assert_false(sk__paseto_authentic(key, whole, &context));
        body[bit / 8] = (uint8_t)(body[bit / 8] ^ 1U << bit % 8);
    }
    for (size_t size = 0; size < sizeof body; size++) {
        seckill_bytes cut = {body, size};
        assert_false(sk__paseto_decrypt(key, cut, &context, out));
    }
}

static void empty_messages_and_too_long_ones(void **state) {
    (void)state;
    uint8_t body[SK__PASETO_OVERHEAD], out[1], public_key[32], secret[64] = {0};
    static uint8_t long_message[SK__PASETO_SIGNED_MAX + 1], long_body[sizeof long_message + SK__PASETO_OVERHEAD];
    const seckill_bytes none = {NULL, 0}, whole = {body, sizeof body}, too_long = {long_message, sizeof long_message};
    const sk__paseto_context context = {{NULL, 0}, {NULL, 0}};
    sk__paseto_encrypt(secret, secret, none, &context, body);
    assert_true(sk__paseto_decrypt(secret, whole, &context, out));
    crypto_sign_keypair(public_key, secret);
    assert_true(sk__paseto_sign(secret, none, &context, body));
    assert_true(sk__paseto_verify(public_key, whole, &context));
    assert_false(sk__paseto_sign(secret, too_long, &context, long_body));
    seckill_bytes body_too_long = {long_body, sizeof long_body};
    assert_false(sk__paseto_verify(public_key, body_too_long, &context));
}

static int start(void **state) {
    (void)state;
    return sodium_init() < 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_vectors),
        cmocka_unit_test(other_contexts_are_refused),
        cmocka_unit_test(empty_messages_and_too_long_ones),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
