/* seckill-front: what the body of a request for units says.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_WISH_H
#define FRONT_WISH_H

#include "router.h"

enum { WISH_CAPTCHA_MAX = 4096 }; /* bytes of a captcha's answer: Turnstile's are 2048 at most, reCAPTCHA's not much longer */

/* It owns its bytes. */
typedef struct {
    int64_t quantity, created_ms; /* created_ms 0: now */
    int retry;                    /* 0: this id was never sent before */
    size_t id_size;
    char id[SECKILL_REQUEST_ID_MAX];
} wish;

/* Reads it from body and header; `answer` gets the captcha's answer, "" where there is none. False: the exchange is answered
 * with what is wrong. */
bool wish_read(const front_call *call, wish *one, char answer[WISH_CAPTCHA_MAX + 1]);

seckill_bytes wish_id(const wish *one);

/* As the library takes it. Only a request that says it is no retry may be refused from memory: a retry's grant may stand. The
 * options point to `user` and `one`. */
seckill_reserve_options wish_options(const wish *one, const session_user *user);

#endif
