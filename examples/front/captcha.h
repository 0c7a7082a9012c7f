/* seckill-front: the captcha: who wants units answers one first, and each answer is used once.
 *
 * What the providers of captchas differ in is a captcha_provider. A shop with another one adds a file like captcha_altcha.c and
 * names it in captcha_open (captcha.c). All else is the same for each: an answer that its provider finds right is used in Redis
 * (seckill_once) by one request of one user, on whichever front, and passes again when that request is repeated.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_CAPTCHA_H
#define FRONT_CAPTCHA_H

#include "altcha.h"
#include "codes.h"
#include "http/server.h"
#include "session.h"
#include "settings.h"

struct front_loop;
struct pending;

enum {
    CAPTCHA_ID = crypto_hash_sha256_BYTES, /* bytes of what is used once */
    CAPTCHA_SECRET = 512                   /* of the secret for a provider elsewhere, with its NUL */
};

/* ---- for handlers */

/* Keeps what a request was sent with as its answer, with a pending that waits for nothing yet. False: there is none, or no
 * memory; then the exchange is answered so, and the pending gone. `user` and `request_id` are whose request it is. */
bool captcha_begin(struct pending *one, const session_user *user, seckill_bytes request_id, const char *answer);

/* Has the answer checked and used, then calls `done`, now or later; or, where the peer goes away meanwhile, before that.
 * Passed: go on. Not passed: the exchange is answered and the pending freed when `done` returns. Without a captcha all pass. */
void captcha_pass(struct pending *one, void (*done)(struct pending *one, bool passed));

/* Nobody waits for it any more: the pending ends. */
void captcha_forget(struct pending *one);

/* ---- for loops, and for who starts them */

/* What is read from files; all loops share it. */
typedef struct {
    uv_rwlock_t lock;
    altcha_keys keys;
    char secret[CAPTCHA_SECRET];
} captcha_secrets;

/* Once, before there are threads. 0, or a libuv error. */
int captcha_secrets_open(captcha_secrets *secrets);
void captcha_secrets_close(captcha_secrets *secrets);

/* Reads what the settings name, at first and again at any time; without a captcha there is nothing to read. False with a
 * sentence in `trouble`: what was there stays. */
bool captcha_secrets_read(captcha_secrets *secrets, const captcha_settings *settings, char trouble[256]);

typedef struct captcha_provider captcha_provider;

/* A loop's; begins as zero. */
typedef struct {
    const captcha_provider *provider; /* NULL: no captcha is wanted */
    void *state;                      /* the provider's own */
} captcha;

/* False: it cannot be had, and the log says why. */
bool captcha_open(struct front_loop *loop);

/* Before the loop's client is closed. What is being checked is given up. */
void captcha_close(struct front_loop *loop);

/* ---- for providers */

/* An answer that is being checked. */
typedef struct {
    struct front_loop *loop;
    struct pending *owner; /* NULL: nobody waits any more */
    void (*done)(struct pending *one, bool passed);
    char activity[SECKILL_ID_MAX + 1];
    char address[HTTP_ADDRESS_TEXT]; /* the peer's; "": not known */
    session_user user;
    uint8_t holder[CAPTCHA_ID]; /* user, item and request id */
    uint8_t id[CAPTCHA_ID];     /* from the provider: no two right answers have the same */
    int64_t until_ms;           /* from it too: when this answer counts no more, at most a day ahead; always the same for it */
    size_t size;
    char answer[]; /* with a NUL; from the peer */
} captcha_check;

struct captcha_provider {
    /* Answers GET /v1/captcha with a challenge. NULL: challenges do not come from here. */
    void (*challenge)(struct front_loop *loop, http_exchange *exchange, const session_user *user, const char *activity);
    /* Has captcha_checked called, now or later. */
    void (*check)(captcha_check *one);
    /* What a loop needs for it; NULL: nothing. After `close`, nothing is being checked. */
    bool (*open)(struct front_loop *loop);
    void (*close)(struct front_loop *loop);
};

/* The answer is right (CODE_OK, with `id` and `until_ms`), or why it does not count. */
void captcha_checked(captcha_check *check, front_code code);

extern const captcha_provider captcha_altcha, captcha_siteverify;

#endif
