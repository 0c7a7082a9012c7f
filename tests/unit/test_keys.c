/* PASERK keys and ids, and key rings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seckill/token.h"
#include "token/paserk.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The key of a kind with bytes from hexadecimal, as text. */
static const char *text_of(seckill_key_kind kind, const char *hex, char text[SECKILL_KEY_TEXT_SIZE]) {
    sk__key key;
    memset(&key, 0, sizeof key);
    key.kind = kind;
    assert_int_equal(sodium_hex2bin(key.bytes, sizeof key.bytes, hex, strlen(hex), NULL, NULL, NULL), 0);
    sk__paserk_write(&key, text);
    return text;
}

static void check_id(seckill_key_kind kind, const char *hex, const char *expected) {
    char text[SECKILL_KEY_TEXT_SIZE], id[SECKILL_KEY_TEXT_SIZE];
    text_of(kind, hex, text);
    assert_int_equal(seckill_key_id(text, strlen(text), id), SECKILL_OK);
    assert_string_equal(id, expected);
}

/* Known answers of PASERK's own vectors: k4.lid-1, k4.pid-1 and -2, k4.sid-1 and -2. */
static void ids_are_those_of_paserk(void **state) {
    (void)state;
    check_id(SECKILL_KEY_LOCAL, "0000000000000000000000000000000000000000000000000000000000000000",
             "k4.lid.bqltbNc4JLUAmc9Xtpok-fBuI0dQN5_m3CD9W_nbh559");
    check_id(SECKILL_KEY_PUBLIC, "0000000000000000000000000000000000000000000000000000000000000000",
             "k4.pid.S_XQmeEwHbbvRmiyfXfHYpLGjXGzjTRSDoT1YtTakWFE");
    check_id(SECKILL_KEY_PUBLIC, "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f",
             "k4.pid.9ShR3xc8-qVJ_di0tc9nx0IDIqbatdeM2mqLFBJsKRHs");
    check_id(SECKILL_KEY_SECRET,
             "0000000000000000000000000000000000000000000000000000000000000000"
             "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
             "k4.sid.YujQ-NvcGquQ0Q-arRf8iYEcXiSOKg2Vk5az-n1lxiUd");
    check_id(SECKILL_KEY_SECRET,
             "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
             "1ce56a48c82ff99162a14bc544612674e5d61fb9317e65d4055780fdbcb4dc35",
             "k4.sid.gHYyx8y5YzqKEZeYoMDqUOKejdSnY_AWhYZiSCMjR1V5");
}

static void texts_are_header_and_base64url(void **state) {
    (void)state;
    char text[SECKILL_KEY_TEXT_SIZE];
    text_of(SECKILL_KEY_LOCAL, "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f", text);
    assert_string_equal(text, "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8");
    sk__key key;
    assert_true(sk__paserk_read(text, strlen(text), &key));
    assert_int_equal(key.kind, SECKILL_KEY_LOCAL);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(key.bytes[i], 0x70 + i);
}

static void generated_keys_are_whole_and_new(void **state) {
    (void)state;
    char one[SECKILL_KEY_TEXT_SIZE], other[SECKILL_KEY_TEXT_SIZE], half[SECKILL_KEY_TEXT_SIZE];
    sk__key key;
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, one), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, other), SECKILL_OK);
    assert_string_not_equal(one, other);
    assert_true(sk__paserk_read(one, strlen(one), &key));
    assert_int_equal(seckill_key_public(one, strlen(one), half), SECKILL_KEY_GARBAGE);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_SECRET, one), SECKILL_OK);
    assert_true(sk__paserk_read(one, strlen(one), &key));
    assert_int_equal(seckill_key_public(one, strlen(one), half), SECKILL_OK);
    sk__key public_half;
    assert_true(sk__paserk_read(half, strlen(half), &public_half));
    assert_int_equal(public_half.kind, SECKILL_KEY_PUBLIC);
    assert_memory_equal(public_half.bytes, key.bytes + 32, 32);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_PUBLIC, one), SECKILL_INVALID);
    assert_int_equal(seckill_key_generate((seckill_key_kind)0, one), SECKILL_INVALID);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, NULL), SECKILL_INVALID);
}

static void garbage_is_no_key(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "k4",
        "k4.local.",
        "k3.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        "k4.lid.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        "K4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjg",    /* 31 bytes */
        "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8A",  /* 33 bytes */
        "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo9",   /* a spare bit */
        "k4.local.cHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKi4yNjo8",   /* base64, not base64url */
        "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8=",  /* padding */
        "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8\n", /* a line's end */
        "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yN\xa0o8",
        "k4.secret.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8", /* the seed alone */
    };
    seckill_keyring *ring;
    char id[SECKILL_KEY_TEXT_SIZE];
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(seckill_keyring_add(ring, texts[i], strlen(texts[i])), SECKILL_KEY_GARBAGE);
        assert_int_equal(seckill_key_id(texts[i], strlen(texts[i]), id), SECKILL_KEY_GARBAGE);
        assert_int_equal(seckill_key_public(texts[i], strlen(texts[i]), id), SECKILL_KEY_GARBAGE);
    }
    seckill_keyring_free(ring);
}

/* A changed character is another key of the same kind or none; for a secret key the halves tell. */
static void a_changed_secret_key_is_refused(void **state) {
    (void)state;
    char text[SECKILL_KEY_TEXT_SIZE];
    assert_int_equal(seckill_key_generate(SECKILL_KEY_SECRET, text), SECKILL_OK);
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        sk__key key;
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_false(sk__paserk_read(text, size, &key));
        for (size_t byte = 0; byte < sizeof key.bytes; byte++)
            assert_int_equal(key.bytes[byte], 0);
        text[i] = was;
        assert_false(sk__paserk_read(text, i, &key));
    }
}

static void a_public_key_must_be_a_point(void **state) {
    (void)state;
    char text[SECKILL_KEY_TEXT_SIZE];
    seckill_keyring *ring;
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    text_of(SECKILL_KEY_PUBLIC, "0000000000000000000000000000000000000000000000000000000000000000", text); /* small order */
    assert_int_equal(seckill_keyring_add(ring, text, strlen(text)), SECKILL_KEY_GARBAGE);
    text_of(SECKILL_KEY_PUBLIC, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", text); /* not reduced */
    assert_int_equal(seckill_keyring_add(ring, text, strlen(text)), SECKILL_KEY_GARBAGE);
    text_of(SECKILL_KEY_PUBLIC, "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29", text);
    assert_int_equal(seckill_keyring_add(ring, text, strlen(text)), SECKILL_OK);
    seckill_keyring_free(ring);
}

static void a_ring_is_bounded_and_knows_its_keys(void **state) {
    (void)state;
    char text[SECKILL_KEY_TEXT_SIZE], first[SECKILL_KEY_TEXT_SIZE], id[SECKILL_KEY_TEXT_SIZE];
    seckill_keyring *ring;
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, first), SECKILL_OK);
    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(seckill_keyring_add(ring, first, strlen(first)), SECKILL_OK);
    for (int i = 1; i < SECKILL_KEYS_MAX; i++) {
        assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, text), SECKILL_OK);
        assert_int_equal(seckill_keyring_add(ring, text, strlen(text)), SECKILL_OK);
    }
    assert_int_equal(seckill_key_id(text, strlen(text), id), SECKILL_OK);
    assert_int_equal(seckill_keyring_issue_with(ring, id), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, text), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, text, strlen(text)), SECKILL_BUSY);
    assert_int_equal(seckill_keyring_add(ring, first, strlen(first)), SECKILL_OK);
    assert_int_equal(seckill_key_id(text, strlen(text), id), SECKILL_OK);
    assert_int_equal(seckill_keyring_issue_with(ring, id), SECKILL_TOKEN_KEY);
    seckill_keyring_free(ring);
}

static void a_public_key_cannot_issue(void **state) {
    (void)state;
    char secret[SECKILL_KEY_TEXT_SIZE], half[SECKILL_KEY_TEXT_SIZE], id[SECKILL_KEY_TEXT_SIZE];
    seckill_keyring *ring;
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_key_generate(SECKILL_KEY_SECRET, secret), SECKILL_OK);
    assert_int_equal(seckill_key_public(secret, strlen(secret), half), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, half, strlen(half)), SECKILL_OK);
    assert_int_equal(seckill_key_id(half, strlen(half), id), SECKILL_OK);
    assert_int_equal(seckill_keyring_issue_with(ring, id), SECKILL_INVALID);
    assert_int_equal(seckill_keyring_issue_with(ring, "k4.lid.x"), SECKILL_TOKEN_KEY);
    assert_int_equal(seckill_keyring_issue_with(ring, ""), SECKILL_TOKEN_KEY);
    seckill_keyring_free(ring);
}

static void null_arguments(void **state) {
    (void)state;
    char text[SECKILL_KEY_TEXT_SIZE];
    seckill_keyring *ring;
    assert_int_equal(seckill_keyring_new(NULL), SECKILL_INVALID);
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(NULL, "k", 1), SECKILL_INVALID);
    assert_int_equal(seckill_keyring_add(ring, NULL, 1), SECKILL_INVALID);
    assert_int_equal(seckill_keyring_issue_with(NULL, "k"), SECKILL_INVALID);
    assert_int_equal(seckill_keyring_issue_with(ring, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_key_id(NULL, 1, text), SECKILL_INVALID);
    assert_int_equal(seckill_key_id("k", 1, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_key_public(NULL, 1, text), SECKILL_INVALID);
    assert_int_equal(seckill_key_public("k", 1, NULL), SECKILL_INVALID);
    seckill_keyring_free(NULL);
    seckill_keyring_free(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_paserk),
        cmocka_unit_test(texts_are_header_and_base64url),
        cmocka_unit_test(generated_keys_are_whole_and_new),
        cmocka_unit_test(garbage_is_no_key),
        cmocka_unit_test(a_changed_secret_key_is_refused),
        cmocka_unit_test(a_public_key_must_be_a_point),
        cmocka_unit_test(a_ring_is_bounded_and_knows_its_keys),
        cmocka_unit_test(a_public_key_cannot_issue),
        cmocka_unit_test(null_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
