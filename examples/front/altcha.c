/* See altcha.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "altcha.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    SALT_RANDOM = 12, /* of the random bytes; the others make the number */
    SALT_RANDOM_HEX = 2 * SALT_RANDOM,
    USER_BYTES = 16, /* of the user's hash */
    NUMBER_TEXT = 24,
    JSON_MAX = ALTCHA_PAYLOAD_MAX / 4 * 3,
    HEX_DIGITS = ALTCHA_HEX - 1
};

static const char expires_name[] = "?expires=";

int altcha_keys_add(altcha_keys *keys, const char *text, size_t size) {
    if (size < ALTCHA_KEY_MIN || size > ALTCHA_KEY_MAX || keys->count == ALTCHA_KEYS_MAX)
        return 0;
    crypto_auth_hmacsha256_init(&keys->keys[keys->count++], (const unsigned char *)text, size);
    return 1;
}

/* ---- hashes */

/* The state of a key that has hashed nothing is kept and copied: that spares two of the hash's rounds each time. */
static void sign(const altcha_keys *keys, size_t key, const char *challenge, char signature[ALTCHA_HEX]) {
    crypto_auth_hmacsha256_state state = keys->keys[key];
    uint8_t hash[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)challenge, HEX_DIGITS);
    crypto_auth_hmacsha256_final(&state, hash);
    sodium_bin2hex(signature, ALTCHA_HEX, hash, sizeof hash);
}

/* Begins with what is no challenge, so that nobody can have a user "signed" whose name is one. */
static void hash_user(const altcha_keys *keys, size_t key, const altcha_purpose *purpose, char text[2 * USER_BYTES + 1]) {
    static const char label[] = "user of a captcha:";
    crypto_auth_hmacsha256_state state = keys->keys[key];
    uint8_t hash[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, sizeof label);
    crypto_auth_hmacsha256_update(&state, purpose->user, purpose->user_size);
    crypto_auth_hmacsha256_final(&state, hash);
    sodium_bin2hex(text, 2 * USER_BYTES + 1, hash, USER_BYTES);
}

static void write_salt(const altcha_keys *keys, size_t key, const altcha_purpose *purpose, const char *random, int64_t expires,
                       char salt[ALTCHA_SALT]) {
    char user[2 * USER_BYTES + 1];
    hash_user(keys, key, purpose, user);
    snprintf(salt, ALTCHA_SALT, "%.*s%s%" PRId64 "&a=%s&u=%s&", (int)SALT_RANDOM_HEX, random, expires_name, expires,
             purpose->activity, user);
}

static void solve(const char *salt, size_t size, int64_t number, uint8_t hash[crypto_hash_sha256_BYTES],
                  char challenge[ALTCHA_HEX]) {
    char text[NUMBER_TEXT];
    crypto_hash_sha256_state state;
    int digits = snprintf(text, sizeof text, "%" PRId64, number);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)salt, size);
    crypto_hash_sha256_update(&state, (const unsigned char *)text, (unsigned long long)digits);
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(challenge, ALTCHA_HEX, hash, crypto_hash_sha256_BYTES);
}

/* ---- making */

void altcha_make(const altcha_keys *keys, const altcha_purpose *purpose, int64_t expires, uint32_t max_number,
                 const uint8_t random[ALTCHA_RANDOM], altcha_challenge *one) {
    char hex[SALT_RANDOM_HEX + 1];
    uint8_t hash[crypto_hash_sha256_BYTES];
    uint64_t number;
    memcpy(&number, random + SALT_RANDOM, sizeof number);
    sodium_bin2hex(hex, sizeof hex, random, SALT_RANDOM);
    write_salt(keys, 0, purpose, hex, expires, one->salt);
    one->max_number = max_number;
    solve(one->salt, strlen(one->salt), (int64_t)(number % ((uint64_t)max_number + 1)), hash, one->challenge);
    sign(keys, 0, one->challenge, one->signature);
}

/* ---- verifying */

typedef struct {
    const char *challenge, *signature, *salt; /* the first two have HEX_DIGITS */
    size_t salt_size;
    int64_t number;
} answer;

static const char *text_of(const json_t *object, const char *name, size_t least, size_t most) {
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) && json_string_length(value) >= least && json_string_length(value) <= most
               ? json_string_value(value)
               : NULL;
}

static int read_answer(const json_t *object, answer *one) {
    const json_t *number = json_object_get(object, "number");
    const char *algorithm = text_of(object, "algorithm", 7, 7);
    one->challenge = text_of(object, "challenge", HEX_DIGITS, HEX_DIGITS);
    one->signature = text_of(object, "signature", HEX_DIGITS, HEX_DIGITS);
    one->salt = text_of(object, "salt", SALT_RANDOM_HEX + sizeof expires_name, ALTCHA_SALT - 1);
    one->number = json_is_integer(number) ? json_integer_value(number) : -1;
    if (algorithm == NULL || one->challenge == NULL || one->signature == NULL || one->salt == NULL || one->number < 0 ||
        one->number > (int64_t)ALTCHA_NUMBER_MAX)
        return 0;
    one->salt_size = strlen(one->salt);
    return strcmp(algorithm, "SHA-256") == 0 && one->salt[one->salt_size - 1] == '&';
}

/* The key that has signed the challenge, or keys->count. All are tried, so that the time does not say which. */
static size_t signer_of(const altcha_keys *keys, const answer *one) {
    char signature[ALTCHA_HEX];
    size_t found = keys->count;
    for (size_t i = 0; i < keys->count; i++) {
        sign(keys, i, one->challenge, signature);
        if (sodium_memcmp(signature, one->signature, HEX_DIGITS) == 0)
            found = i;
    }
    return found;
}

/* Seconds as they stand in a salt; -1: there are none. */
static int64_t expires_of(const char *salt) {
    const char *at = salt + SALT_RANDOM_HEX;
    int64_t value = 0;
    if (strncmp(at, expires_name, sizeof expires_name - 1) != 0)
        return -1;
    for (at += sizeof expires_name - 1; *at >= '0' && *at <= '9' && value < INT64_C(1000000000000); at++)
        value = value * 10 + (*at - '0');
    return *at == '&' ? value : -1;
}

/* The salt is what such a challenge's salt must be, to the last byte: whoever has the key may have signed others too. */
static altcha_status check_salt(const altcha_keys *keys, size_t key, const altcha_purpose *purpose, const answer *one,
                                int64_t expires) {
    char salt[ALTCHA_SALT];
    if (expires < 0)
        return ALTCHA_OTHER;
    write_salt(keys, key, purpose, one->salt, expires, salt);
    return strlen(salt) == one->salt_size && sodium_memcmp(salt, one->salt, one->salt_size) == 0 ? ALTCHA_OK : ALTCHA_OTHER;
}

static altcha_status check(const altcha_keys *keys, const altcha_purpose *purpose, const json_t *object, int64_t now_ms,
                           altcha_proof *proof) {
    char challenge[ALTCHA_HEX];
    answer one;
    if (!read_answer(object, &one))
        return ALTCHA_GARBAGE;
    size_t key = signer_of(keys, &one);
    if (key == keys->count)
        return ALTCHA_FORGED;
    solve(one.salt, one.salt_size, one.number, proof->id, challenge);
    if (sodium_memcmp(challenge, one.challenge, HEX_DIGITS) != 0)
        return ALTCHA_WRONG;
    proof->expires = expires_of(one.salt);
    altcha_status status = check_salt(keys, key, purpose, &one, proof->expires);
    return status == ALTCHA_OK && now_ms > proof->expires * 1000 ? ALTCHA_EXPIRED : status;
}

altcha_status altcha_verify(const altcha_keys *keys, const altcha_purpose *purpose, const char *payload, size_t size,
                            int64_t now_ms, altcha_proof *proof) {
    unsigned char text[JSON_MAX];
    size_t used;
    /* What is longer than ALTCHA_PAYLOAD_MAX does not fit. */
    if (sodium_base642bin(text, sizeof text, payload, size, NULL, &used, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return ALTCHA_GARBAGE;
    json_t *object = json_loadb((const char *)text, used, JSON_REJECT_DUPLICATES, NULL);
    altcha_status status = json_is_object(object) ? check(keys, purpose, object, now_ms, proof) : ALTCHA_GARBAGE;
    json_decref(object);
    return status;
}
