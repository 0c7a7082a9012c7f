/* seckill-front: ALTCHA's proof of work: challenges, and whether an answer is one. Pure: no clock, no chance of its own, no
 * I/O.
 *
 * A challenge is SHA-256 of a salt and a number that only the front knows; whoever asks must find the number, trying one after
 * the other. Both challenge and salt are given away, and the challenge is signed (HMAC-SHA-256), so that nothing has to be
 * remembered. Whom and what it is for, and when it ends, stands in the salt:
 *
 *   0123456789abcdef01234567?expires=1893456000&a=618&u=00112233445566778899aabbccddeeff&
 *
 * `u` is a keyed hash: nobody reads the user's name in it. The & at the end keeps salt and number apart: without it digits
 * could be moved from the one to the other, and expires=1009 with the number 87 would be as good as expires=100987 (that was
 * CVE-2025-68113 in ALTCHA's own libraries).
 *
 * This is the classic protocol. The widget solves it by itself: all releases up to 3 do. The newer one derives keys: there the
 * server either tries the key derivation once itself, for each challenge that it makes or for each answer that it looks at,
 * which is what a flood would make it do, or uses a hash that is no dearer for the client than this one. Here a challenge
 * and an answer cost two or three short hashes each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_ALTCHA_H
#define FRONT_ALTCHA_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALTCHA_KEYS_MAX = 8,
    ALTCHA_KEY_MIN = 32,      /* bytes of a key's text */
    ALTCHA_KEY_MAX = 256,     /* a key that is longer is a mistake */
    ALTCHA_RANDOM = 20,       /* bytes by chance that a challenge takes */
    ALTCHA_HEX = 65,          /* of a hash, with its NUL */
    ALTCHA_SALT = 192,        /* of the longest salt, with its NUL */
    ALTCHA_PAYLOAD_MAX = 1024 /* bytes of an answer; what is longer is none */
};
#define ALTCHA_NUMBER_MAX 100000000u /* the highest difficulty */

/* Texts of any kind, used as they stand, as ALTCHA's libraries take them. The first signs, all verify. Begins as zero. */
typedef struct {
    size_t count;
    crypto_auth_hmacsha256_state keys[ALTCHA_KEYS_MAX]; /* as secret as the keys */
} altcha_keys;

/* 1; 0: too short, too long, or too many. */
int altcha_keys_add(altcha_keys *keys, const char *text, size_t size);

/* Whom and what an answer is for. The activity is an id: letters, digits and ._- */
typedef struct {
    const char *activity;
    const void *user;
    size_t user_size;
} altcha_purpose;

typedef struct {
    uint32_t max_number;
    char challenge[ALTCHA_HEX], salt[ALTCHA_SALT], signature[ALTCHA_HEX];
} altcha_challenge;

/* Makes a challenge that ends at a time in seconds since 1970. As many as `max_number` + 1 numbers have to be tried to find its
 * answer, half as many on average; ALTCHA_NUMBER_MAX at most. `random` must not be guessed, nor used twice. */
void altcha_make(const altcha_keys *keys, const altcha_purpose *purpose, int64_t expires, uint32_t max_number,
                 const uint8_t random[ALTCHA_RANDOM], altcha_challenge *one);

typedef enum {
    ALTCHA_OK,
    ALTCHA_GARBAGE, /* no answer to any challenge */
    ALTCHA_FORGED,  /* no key of these has signed the challenge */
    ALTCHA_WRONG,   /* the number, with this salt, does not solve it */
    ALTCHA_OTHER,   /* the answer is right, but the challenge was for another user or activity */
    ALTCHA_EXPIRED  /* it is right, and comes too late */
} altcha_status;

/* Of an answer that is genuine and right: for ALTCHA_OK and ALTCHA_EXPIRED. */
typedef struct {
    uint8_t id[crypto_hash_sha256_BYTES]; /* no two challenges have the same */
    int64_t expires;                      /* seconds since 1970; the answer still counts in this very moment */
} altcha_proof;

/* Reads an answer as the widget gives it: base64 of a JSON object with algorithm, challenge, number, salt and signature (what
 * else is in it is left alone). Whatever it holds, this takes no longer than for a right one. */
altcha_status altcha_verify(const altcha_keys *keys, const altcha_purpose *purpose, const char *payload, size_t size,
                            int64_t now_ms, altcha_proof *proof);

#endif
