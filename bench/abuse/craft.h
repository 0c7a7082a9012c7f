/* Sessions, tokens, captchas and requests, right ones and others.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_CRAFT_H
#define SECKILL_BENCH_CRAFT_H

#include "front/altcha.h"

#include <seckill/seckill.h>
#include <stdbool.h>

enum {
    CRAFT_USER = 24,      /* bytes of a user with its NUL */
    CRAFT_CAPTCHA = 1024, /* of a captcha's answer */
    CRAFT_REQUEST = 8192  /* of any request */
};

/* What is wrong with a session, a token or a captcha's answer. */
typedef enum {
    CRAFT_GOOD,
    CRAFT_NONE,
    CRAFT_GARBAGE,
    CRAFT_TRUNCATED,
    CRAFT_FORGED,    /* a good one with another letter in it; a captcha: another number */
    CRAFT_OTHER_KEY, /* signed with a key that the front does not have */
    CRAFT_EXPIRED,
    CRAFT_OTHER, /* for something else: another purpose, another activity */
    CRAFT_STOLEN /* good, but somebody else's: the caller has it */
} craft_fault;

typedef struct {
    seckill_keyring *ring, *other_ring;
    altcha_keys captchas, other_captchas;
    char keys[128], captcha_key[128]; /* files, for the front */
} craft;

/* Makes the keys, and files of them in a folder. */
void craft_open(craft *self, const char *folder);
void craft_close(craft *self);

/* Tokens of a user, with this fault. */
void craft_session(const craft *self, const char *user, craft_fault fault, char token[SECKILL_TOKEN_SIZE]);
void craft_reservation(const craft *self, const char *user, craft_fault fault, char token[SECKILL_TOKEN_SIZE]);
void craft_ticket(const craft *self, const char *user, craft_fault fault, char token[SECKILL_TOKEN_SIZE]);

/* An answer to a captcha, without having asked for one. */
void craft_captcha(const craft *self, const char *user, craft_fault fault, char answer[CRAFT_CAPTCHA]);

/* The answer to a challenge as it came, by trying all numbers. False: it is no challenge. */
bool craft_solve(const char *challenge, size_t size, char answer[CRAFT_CAPTCHA]);

/* A whole request. session "": none; body NULL: none. Returns its size. */
size_t craft_request(char text[CRAFT_REQUEST], const char *method, const char *path, const char *session, const char *body);

#endif
