/* See captcha_support.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "captcha_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static front_answer given; /* large: not on the stack */

void captcha_rewrite(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void captcha_write(char path[64], const char *text) {
    snprintf(path, 64, "/tmp/seckill-captcha-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    captcha_rewrite(path, text);
}

bool captcha_solve(const char *challenge, const char *salt, const char *signature, int64_t max_number,
                   char payload[CAPTCHA_TEXT]) {
    char text[1024], hex[ALTCHA_HEX];
    uint8_t hash[crypto_hash_sha256_BYTES];
    for (int64_t number = 0; number <= max_number; number++) {
        int size = snprintf(text, sizeof text, "%s%lld", salt, (long long)number);
        crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned long long)size);
        if (strcmp(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash), challenge) != 0)
            continue;
        size = snprintf(
            text, sizeof text,
            "{\"algorithm\":\"SHA-256\",\"challenge\":\"%s\",\"number\":%lld,\"salt\":\"%s\",\"signature\":\"%s\",\"took\":1}",
            challenge, (long long)number, salt, signature);
        sodium_bin2base64(payload, CAPTCHA_TEXT, (const unsigned char *)text, (size_t)size, sodium_base64_VARIANT_ORIGINAL);
        return true;
    }
    return false;
}

void captcha_answer(const front *one, const char *user, char payload[CAPTCHA_TEXT]) {
    char challenge[SECKILL_TOKEN_SIZE], salt[SECKILL_TOKEN_SIZE], signature[SECKILL_TOKEN_SIZE];
    assert_int_equal(front_ask(one, "GET", "/v1/captcha?activity=sale", user, NULL, NULL, &given), 200);
    front_text(&given, "challenge", challenge);
    front_text(&given, "salt", salt);
    front_text(&given, "signature", signature);
    assert_true(captcha_solve(challenge, salt, signature, front_number(&given, "maxnumber"), payload));
}

void captcha_made(const char *key, const char *user, const char *activity, int64_t expires, char payload[CAPTCHA_TEXT]) {
    altcha_keys keys = {0};
    altcha_purpose purpose = {activity, user, strlen(user)};
    altcha_challenge one;
    uint8_t random[ALTCHA_RANDOM];
    assert_true(altcha_keys_add(&keys, key, strlen(key)));
    randombytes_buf(random, sizeof random);
    altcha_make(&keys, &purpose, expires, 100, random, &one);
    assert_true(captcha_solve(one.challenge, one.salt, one.signature, one.max_number, payload));
}

int captcha_ask(const front *one, const char *user, const char *id, const char *captcha, const char *more,
                front_answer *answer) {
    char body[CAPTCHA_TEXT + 256];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\"%s%s%s%s}", id, captcha != NULL ? ",\"captcha\":\"" : "",
             captcha != NULL ? captcha : "", captcha != NULL ? "\"" : "", more != NULL ? more : "");
    return front_ask(one, "POST", CAPTCHA_REQUESTS, user, body, NULL, answer);
}
