/* Answers to captchas: u8 of flags, then the answer's text, its JSON, or (signed) the salt and number of a challenge, so that
 * all checks are reached.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include "altcha.h"

#include <stdio.h>

enum { AS_TEXT, AS_JSON, SIGNED, KINDS, TEXT_MAX = 2048, EXPIRES = 1700000000 };

static const char key[] = "a key that everybody may know, for tests";
static const altcha_purpose purpose = {"618", "alice", 5};

static altcha_status verify(const altcha_keys *keys, fuzz_input answer, int64_t now_ms) {
    char *copy = fuzz_copy(answer);
    altcha_proof proof = {{0}, 0};
    altcha_status status = altcha_verify(keys, &purpose, copy, answer.size, now_ms, &proof);

    fuzz_check(answer.size <= ALTCHA_PAYLOAD_MAX || status == ALTCHA_GARBAGE);
    fuzz_check(status != ALTCHA_OK || now_ms <= proof.expires * 1000);
    free(copy);
    return status;
}

static altcha_status verify_json(const altcha_keys *keys, fuzz_input json, int64_t now_ms) {
    char text[TEXT_MAX];

    if (json.size > sodium_base64_ENCODED_LEN(0, sodium_base64_VARIANT_ORIGINAL) + TEXT_MAX / 2)
        json.size = TEXT_MAX / 2;
    sodium_bin2base64(text, sizeof(text), json.data, json.size, sodium_base64_VARIANT_ORIGINAL);
    return verify(keys, (fuzz_input){(const uint8_t *)text, strlen(text)}, now_ms);
}

/* A salt of printable characters, so that the JSON around it holds. */
static void write_salt(fuzz_input bytes, char salt[ALTCHA_SALT]) {
    size_t size = 0;

    for (size_t i = 0; i < bytes.size && size < ALTCHA_SALT - 1; i++) {
        char c = (char)(bytes.data[i] & 0x7f);

        salt[size++] = (char)(c < ' ' || c == '"' || c == '\\' || c == 0x7f ? '.' : c);
    }
    salt[size] = '\0';
}

/* Whoever has the key signs what he likes: only the salt of a challenge of ours is taken. */
static void verify_signed(const altcha_keys *keys, fuzz_input input, int64_t now_ms) {
    uint32_t number = fuzz_u16(&input);
    char salt[ALTCHA_SALT], challenge[ALTCHA_HEX], signature[ALTCHA_HEX], json[TEXT_MAX], text[ALTCHA_SALT + 16];
    uint8_t hash[crypto_hash_sha256_BYTES], tag[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state = keys->keys[0];
    int size;

    write_salt(input, salt);
    size = snprintf(text, sizeof(text), "%s%u", salt, (unsigned)number);
    (void)crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned long long)size);
    sodium_bin2hex(challenge, sizeof(challenge), hash, sizeof(hash));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)challenge, strlen(challenge));
    (void)crypto_auth_hmacsha256_final(&state, tag);
    sodium_bin2hex(signature, sizeof(signature), tag, sizeof(tag));
    size = snprintf(json, sizeof(json),
                    "{\"algorithm\":\"SHA-256\",\"challenge\":\"%s\",\"number\":%u,\"salt\":\"%s\",\"signature\":\"%s\"}",
                    challenge, (unsigned)number, salt, signature);
    fuzz_check(size > 0 && (size_t)size < sizeof(json));
    altcha_status status = verify_json(keys, (fuzz_input){(const uint8_t *)json, (size_t)size}, now_ms);
    fuzz_check(status != ALTCHA_FORGED && status != ALTCHA_WRONG);
    if (status == ALTCHA_OK || status == ALTCHA_EXPIRED)
        fuzz_check(strstr(salt, "&a=618&u=") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    uint8_t flags = fuzz_u8(&input);
    int64_t now_ms = (flags & 128) != 0 ? INT64_C(1000) * EXPIRES : 0;
    altcha_keys keys = {0};

    fuzz_check(sodium_init() >= 0 && altcha_keys_add(&keys, key, sizeof(key) - 1) == 1);
    if (flags % KINDS == AS_TEXT)
        (void)verify(&keys, input, now_ms);
    else if (flags % KINDS == AS_JSON)
        (void)verify_json(&keys, input, now_ms);
    else
        verify_signed(&keys, input, now_ms);
    return 0;
}
