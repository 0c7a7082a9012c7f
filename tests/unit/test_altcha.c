/* ALTCHA's challenges and answers, as the front makes and reads them; the vectors are from the npm package altcha-lib 2.8.0
 * (altcha-lib/v1).
 *
 * SPDX-License-Identifier: MIT
 */
#include "altcha.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EXPIRES INT64_C(1893456000)
#define BEFORE ((EXPIRES - 60) * 1000)

static const char key_text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* What altcha-lib made of key_text, number 4711, ann and 618. */
static const char vector_salt[] = "000102030405060708090a0b?expires=1893456000&a=618&u=df4987514b49edb9243aae15ac1038ef&";
static const char vector_challenge[] = "ff4abf9a01e05a8ac994beffe03bc92a49f37041ad98b6d800bc9a6ca65dd395";
static const char vector_signature[] = "44c29f2877bdcd15c2a0485b8a30a374f7556e7fb5d3228b94eb0e2591ca5573";
static const char vector_payload[] =
    "eyJhbGdvcml0aG0iOiJTSEEtMjU2IiwiY2hhbGxlbmdlIjoiZmY0YWJmOWEwMWUwNWE4YWM5OTRiZWZmZTAzYmM5MmE0OWYzNzA0MWFkOThiNmQ4MDBiYzlh"
    "NmNhNjVkZDM5NSIsIm51bWJlciI6NDcxMSwic2FsdCI6IjAwMDEwMjAzMDQwNTA2MDcwODA5MGEwYj9leHBpcmVzPTE4OTM0NTYwMDAmYT02MTgmdT1kZjQ5"
    "ODc1MTRiNDllZGI5MjQzYWFlMTVhYzEwMzhlZiYiLCJzaWduYXR1cmUiOiI0NGMyOWYyODc3YmRjZDE1YzJhMDQ4NWI4YTMwYTM3NGY3NTU2ZTdmYjVkMzIy"
    "OGI5NGViMGUyNTkxY2E1NTczIn0=";

static const altcha_purpose ann = {"618", "ann", 3};

static altcha_keys keys_of(const char *text) {
    altcha_keys keys = {0};
    assert_true(altcha_keys_add(&keys, text, strlen(text)));
    return keys;
}

static altcha_status verify_as(const altcha_purpose *purpose, const char *payload, int64_t now_ms) {
    altcha_keys keys = keys_of(key_text);
    altcha_proof proof;
    return altcha_verify(&keys, purpose, payload, strlen(payload), now_ms, &proof);
}

static altcha_status verify(const char *payload) {
    return verify_as(&ann, payload, BEFORE);
}

/* Base64 of any text. */
static const char *wrap(const char *text, size_t size) {
    static char payload[8192];
    sodium_bin2base64(payload, sizeof payload, (const unsigned char *)text, size, sodium_base64_VARIANT_ORIGINAL);
    return payload;
}

static const char *payload_of(const char *challenge, const char *number, const char *salt, const char *signature) {
    char text[4096];
    int size = snprintf(text, sizeof text,
                        "{\"algorithm\":\"SHA-256\",\"challenge\":\"%s\",\"number\":%s,\"salt\":\"%s\",\"signature\":\"%s\"}",
                        challenge, number, salt, signature);
    return wrap(text, (size_t)size);
}

/* The answer, by trying; as the widget does. */
static uint32_t solve(const altcha_challenge *one) {
    char text[ALTCHA_SALT + 16], hex[ALTCHA_HEX];
    uint8_t hash[crypto_hash_sha256_BYTES];
    for (uint32_t number = 0; number <= one->max_number; number++) {
        int size = snprintf(text, sizeof text, "%s%u", one->salt, (unsigned)number);
        crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned long long)size);
        if (strcmp(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash), one->challenge) == 0)
            return number;
    }
    fail();
    return 0;
}

static const char *answer_to(const altcha_challenge *one) {
    char number[16];
    snprintf(number, sizeof number, "%u", (unsigned)solve(one));
    return payload_of(one->challenge, number, one->salt, one->signature);
}

static void make(const char *key, const altcha_purpose *purpose, uint32_t max_number, altcha_challenge *one) {
    altcha_keys keys = keys_of(key);
    uint8_t random[ALTCHA_RANDOM];
    randombytes_buf(random, sizeof random);
    altcha_make(&keys, purpose, EXPIRES, max_number, random, one);
}

/* ---- vectors */

static void test_makes_what_altcha_lib_makes(void **state) {
    (void)state;
    altcha_keys keys = keys_of(key_text);
    altcha_challenge one;
    uint8_t random[ALTCHA_RANDOM] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    uint64_t number = UINT64_C(10001) * 123456789 + 4711; /* modulo 10001 it is the vector's */
    memcpy(random + 12, &number, sizeof number);
    altcha_make(&keys, &ann, EXPIRES, 10000, random, &one);
    assert_string_equal(one.salt, vector_salt);
    assert_string_equal(one.challenge, vector_challenge);
    assert_string_equal(one.signature, vector_signature);
    assert_int_equal(one.max_number, 10000);
}

static void test_reads_what_altcha_lib_answers(void **state) {
    (void)state;
    altcha_keys keys = keys_of(key_text);
    altcha_proof proof;
    char id[ALTCHA_HEX];
    assert_int_equal(altcha_verify(&keys, &ann, vector_payload, strlen(vector_payload), BEFORE, &proof), ALTCHA_OK);
    assert_int_equal(proof.expires, EXPIRES);
    assert_string_equal(sodium_bin2hex(id, sizeof id, proof.id, sizeof proof.id), vector_challenge);
}

/* The widget adds how long it took. */
static void test_other_members_are_left_alone(void **state) {
    (void)state;
    char text[1024];
    int size = snprintf(
        text, sizeof text,
        "{\"algorithm\":\"SHA-256\",\"challenge\":\"%s\",\"number\":4711,\"salt\":\"%s\",\"signature\":\"%s\",\"took\":812.5}",
        vector_challenge, vector_salt, vector_signature);
    assert_int_equal(verify(wrap(text, (size_t)size)), ALTCHA_OK);
}

/* ---- forging */

static void test_every_bit_counts(void **state) {
    (void)state;
    unsigned char text[1024], changed[1024];
    size_t size;
    assert_int_equal(sodium_base642bin(text, sizeof text, vector_payload, strlen(vector_payload), NULL, &size, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        memcpy(changed, text, size);
        changed[bit / 8] = (unsigned char)(changed[bit / 8] ^ 1u << bit % 8);
        assert_int_not_equal(verify(wrap((const char *)changed, size)), ALTCHA_OK);
    }
}

static void test_every_bit_of_the_base64_counts(void **state) {
    (void)state;
    char changed[sizeof vector_payload];
    for (size_t bit = 0; bit < (sizeof vector_payload - 1) * 8; bit++) {
        memcpy(changed, vector_payload, sizeof changed);
        changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
        altcha_keys keys = keys_of(key_text);
        altcha_proof proof;
        assert_int_not_equal(altcha_verify(&keys, &ann, changed, sizeof changed - 1, BEFORE, &proof), ALTCHA_OK);
    }
}

static void test_cut_anywhere(void **state) {
    (void)state;
    altcha_keys keys = keys_of(key_text);
    altcha_proof proof;
    for (size_t size = 0; size < strlen(vector_payload); size++)
        assert_int_equal(altcha_verify(&keys, &ann, vector_payload, size, BEFORE, &proof), ALTCHA_GARBAGE);
}

static void test_another_key(void **state) {
    (void)state;
    altcha_keys keys = keys_of("another key of thirty-two bytes and more");
    altcha_proof proof;
    assert_int_equal(altcha_verify(&keys, &ann, vector_payload, strlen(vector_payload), BEFORE, &proof), ALTCHA_FORGED);
    keys.count = 0;
    assert_int_equal(altcha_verify(&keys, &ann, vector_payload, strlen(vector_payload), BEFORE, &proof), ALTCHA_FORGED);
}

static void test_wrong_number(void **state) {
    (void)state;
    assert_int_equal(verify(payload_of(vector_challenge, "4712", vector_salt, vector_signature)), ALTCHA_WRONG);
    assert_int_equal(verify(payload_of(vector_challenge, "0", vector_salt, vector_signature)), ALTCHA_WRONG);
    assert_int_equal(verify(payload_of(vector_challenge, "4711", vector_salt, vector_signature)), ALTCHA_OK);
}

/* Digits of the number moved to the end of the salt, or the other way, make the same hash. */
static void test_splicing(void **state) {
    (void)state;
    char salt[256];
    snprintf(salt, sizeof salt, "%s4", vector_salt);
    assert_int_equal(verify(payload_of(vector_challenge, "711", salt, vector_signature)), ALTCHA_GARBAGE);
    snprintf(salt, sizeof salt, "%s47", vector_salt);
    assert_int_equal(verify(payload_of(vector_challenge, "11", salt, vector_signature)), ALTCHA_GARBAGE);
    snprintf(salt, sizeof salt, "%s4711&", vector_salt);
    assert_int_equal(verify(payload_of(vector_challenge, "0", salt, vector_signature)), ALTCHA_WRONG);
    assert_int_equal(verify(payload_of(vector_challenge, "04711", vector_salt, vector_signature)), ALTCHA_GARBAGE);
}

/* The time of a salt made longer, with the right signature of the challenge that was. */
static void test_longer_time(void **state) {
    (void)state;
    const char salt[] = "000102030405060708090a0b?expires=2893456000&a=618&u=df4987514b49edb9243aae15ac1038ef&";
    assert_int_equal(verify(payload_of(vector_challenge, "4711", salt, vector_signature)), ALTCHA_WRONG);
}

/* Salts of others who sign with the same key are no challenges of ours. */
static void test_genuine_but_not_ours(void **state) {
    (void)state;
    /* altcha-lib's own order of parameters */
    assert_int_equal(verify(payload_of("214b9ea7daadfa3a59b43b96a193d93fc36d1914233484d9e279c21bd3031f76", "7",
                                       "000102030405060708090a0b?a=618&u=df4987514b49edb9243aae15ac1038ef&expires=1893456000&",
                                       "8368dc33ef5558858fea717b7f5429c893eed6ba47ae399c0052c2b51527c903")),
                     ALTCHA_OTHER);
}

/* ---- whom, what, until when */

static void test_other_user_or_activity(void **state) {
    (void)state;
    static const altcha_purpose others[] = {{"618", "anna", 4}, {"618", "an", 2}, {"618", "", 0},   {"6180", "ann", 3},
                                            {"61", "ann", 3},   {"", "ann", 3},   {"618", "Ann", 3}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(verify_as(&others[i], vector_payload, BEFORE), ALTCHA_OTHER);
}

static void test_user_is_not_readable(void **state) {
    (void)state;
    altcha_purpose somebody = {"618", "somebody@example.org", 20};
    altcha_challenge one, other;
    make(key_text, &somebody, 100, &one);
    assert_null(strstr(one.salt, "somebody"));
    make("another key of thirty-two bytes and more", &somebody, 100, &other);
    assert_string_not_equal(strstr(one.salt, "&u="), strstr(other.salt, "&u=")); /* nobody without the key can compute it */
}

static void test_expiry(void **state) {
    (void)state;
    assert_int_equal(verify_as(&ann, vector_payload, 0), ALTCHA_OK);
    assert_int_equal(verify_as(&ann, vector_payload, EXPIRES * 1000), ALTCHA_OK);
    assert_int_equal(verify_as(&ann, vector_payload, EXPIRES * 1000 + 1), ALTCHA_EXPIRED);
    assert_int_equal(verify_as(&ann, vector_payload, INT64_MAX), ALTCHA_EXPIRED);
}

static void test_made_and_solved(void **state) {
    (void)state;
    altcha_purpose longest = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._", NULL, 64};
    uint8_t user[64];
    altcha_challenge one;
    memset(user, 0xff, sizeof user);
    longest.user = user;
    for (uint32_t i = 0; i < 200; i++) {
        make(key_text, &longest, i, &one);
        assert_int_equal(verify_as(&longest, answer_to(&one), BEFORE), ALTCHA_OK);
    }
}

/* Two challenges with all the same but chance. */
static void test_no_two_alike(void **state) {
    (void)state;
    altcha_challenge one, other;
    make(key_text, &ann, 0, &one);
    make(key_text, &ann, 0, &other);
    assert_string_not_equal(one.challenge, other.challenge);
}

/* ---- keys */

static void test_rotation(void **state) {
    (void)state;
    static const char fresh[] = "a fresh key of thirty-two bytes and more";
    altcha_keys keys = keys_of(fresh);
    altcha_challenge one;
    altcha_proof proof;
    uint8_t random[ALTCHA_RANDOM] = {0};
    assert_true(altcha_keys_add(&keys, key_text, strlen(key_text)));
    assert_int_equal(altcha_verify(&keys, &ann, vector_payload, strlen(vector_payload), BEFORE, &proof), ALTCHA_OK);
    altcha_make(&keys, &ann, EXPIRES, 100, random, &one); /* the first signs */
    const char *payload = answer_to(&one);
    altcha_keys only_fresh = keys_of(fresh);
    assert_int_equal(altcha_verify(&only_fresh, &ann, payload, strlen(payload), BEFORE, &proof), ALTCHA_OK);
    assert_int_equal(altcha_verify(&only_fresh, &ann, vector_payload, strlen(vector_payload), BEFORE, &proof), ALTCHA_FORGED);
    assert_int_equal(verify(payload), ALTCHA_FORGED);
}

static void test_keys_that_are_none(void **state) {
    (void)state;
    altcha_keys keys = {0};
    char text[ALTCHA_KEY_MAX + 1];
    memset(text, 'k', sizeof text);
    assert_false(altcha_keys_add(&keys, text, 0));
    assert_false(altcha_keys_add(&keys, text, ALTCHA_KEY_MIN - 1));
    assert_false(altcha_keys_add(&keys, text, ALTCHA_KEY_MAX + 1));
    for (int i = 0; i < ALTCHA_KEYS_MAX; i++)
        assert_true(altcha_keys_add(&keys, text, i % 2 == 0 ? ALTCHA_KEY_MIN : ALTCHA_KEY_MAX));
    assert_false(altcha_keys_add(&keys, text, ALTCHA_KEY_MIN));
    assert_int_equal(keys.count, ALTCHA_KEYS_MAX);
}

/* ---- garbage */

static void test_numbers(void **state) {
    (void)state;
    static const char *const numbers[] = {
        "-1", "100000001", "9223372036854775807",        "1e3",   "4711.0", "\"4711\"", "null", "[4711]",
        "{}", "true",      "99999999999999999999999999", "1e999", "0x1267", "+4711",    ""};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(verify(payload_of(vector_challenge, numbers[i], vector_salt, vector_signature)), ALTCHA_GARBAGE);
    assert_int_equal(verify(payload_of(vector_challenge, "100000000", vector_salt, vector_signature)), ALTCHA_WRONG);
}

static void test_texts_that_are_no_answer(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "null",
        "[]",
        "{}",
        "4711",
        "\"SHA-256\"",
        "{\"algorithm\":\"SHA-256\"}",
        "{\"a\":",
        "[[[[[[[[[[[[[[[[",
        "\xff\xfe",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(verify(wrap(texts[i], strlen(texts[i]))), ALTCHA_GARBAGE);
    assert_int_equal(verify("no base64"), ALTCHA_GARBAGE);
    assert_int_equal(verify("{\"algorithm\":\"SHA-256\"}"), ALTCHA_GARBAGE);
}

static void test_members_that_are_wrong(void **state) {
    (void)state;
    char upper[ALTCHA_HEX];
    for (size_t i = 0; i < sizeof upper; i++)
        upper[i] = (char)(vector_signature[i] >= 'a' ? vector_signature[i] - 32 : vector_signature[i]);
    assert_int_equal(verify(payload_of(vector_challenge, "4711", vector_salt, upper)), ALTCHA_FORGED);
    assert_int_equal(verify(payload_of(vector_challenge, "4711", vector_salt, "")), ALTCHA_GARBAGE);
    assert_int_equal(verify(payload_of("", "4711", vector_salt, vector_signature)), ALTCHA_GARBAGE);
    assert_int_equal(verify(payload_of(vector_challenge, "4711", "", vector_signature)), ALTCHA_GARBAGE);
    assert_int_equal(verify(payload_of(vector_challenge, "4711", "&", vector_signature)), ALTCHA_GARBAGE);
    assert_int_equal(verify(payload_of(vector_challenge, "4711,\"number\":4711", vector_salt, vector_signature)),
                     ALTCHA_GARBAGE);
}

static void test_algorithms(void **state) {
    (void)state;
    static const char *const names[] = {"SHA-1", "SHA-512", "sha-256", "SHA-384", "none", ""};
    char text[1024];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int size = snprintf(text, sizeof text,
                            "{\"algorithm\":\"%s\",\"challenge\":\"%s\",\"number\":4711,\"salt\":\"%s\",\"signature\":\"%s\"}",
                            names[i], vector_challenge, vector_salt, vector_signature);
        assert_int_equal(verify(wrap(text, (size_t)size)), ALTCHA_GARBAGE);
    }
}

/* A right answer, made longer than any answer is, up to the bound and beyond it. */
static void test_size(void **state) {
    (void)state;
    char text[2048];
    for (int blanks = 0; blanks < 1000; blanks++) {
        int size =
            snprintf(text, sizeof text,
                     "{\"algorithm\":\"SHA-256\",\"challenge\":\"%s\",\"number\":4711,\"salt\":\"%s\",\"signature\":\"%s\"%*s}",
                     vector_challenge, vector_salt, vector_signature, blanks, "");
        const char *payload = wrap(text, (size_t)size);
        assert_int_equal(verify(payload), strlen(payload) <= ALTCHA_PAYLOAD_MAX ? ALTCHA_OK : ALTCHA_GARBAGE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_what_altcha_lib_makes),
        cmocka_unit_test(test_reads_what_altcha_lib_answers),
        cmocka_unit_test(test_other_members_are_left_alone),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_every_bit_of_the_base64_counts),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_another_key),
        cmocka_unit_test(test_wrong_number),
        cmocka_unit_test(test_splicing),
        cmocka_unit_test(test_longer_time),
        cmocka_unit_test(test_genuine_but_not_ours),
        cmocka_unit_test(test_other_user_or_activity),
        cmocka_unit_test(test_user_is_not_readable),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_made_and_solved),
        cmocka_unit_test(test_no_two_alike),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts_that_are_no_answer),
        cmocka_unit_test(test_members_that_are_wrong),
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
