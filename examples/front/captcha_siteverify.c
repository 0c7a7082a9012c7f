/* seckill-front: --captcha-verify: captchas of a provider elsewhere, whose widget gives the challenges.
 *
 * An answer that the provider has called right once it calls used the next time. So the repetition of a request needs a new
 * answer here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "captcha.h"
#include "front.h"
#include "siteverify.h"

#include "common/options.h"

#include <string.h>

/* How long after it was given an answer counts (the providers say 2 to 5 minutes). Where nobody says when that was it is
 * remembered until the end of the next period of the clock, so that it has the same end whenever it is seen; but for the turn
 * of a period, where that it is used once is left to the provider. */
enum { COUNTS_MS = 10 * 60000, ROUND_MS = 6 * 3600000 };

/* 0: it does not count any more. */
static int64_t until_of(int64_t since_ms, int64_t now_ms) {
    if (since_ms == 0)
        return (now_ms / ROUND_MS + 2) * ROUND_MS;
    return since_ms + COUNTS_MS > now_ms && since_ms <= now_ms + COUNTS_MS ? since_ms + COUNTS_MS : 0;
}

/* Once a second, or a flood of answers floods the log. */
static void complain(front_loop *loop, const char *trouble) {
    uint64_t now = uv_now(&loop->uv);
    if (loop->complained_ms != 0 && now - loop->complained_ms < 1000)
        return;
    loop->complained_ms = now;
    front_log(SECKILL_LOG_ERROR, "--captcha-verify: %s", trouble);
}

static void on_verdict(siteverify_verdict verdict, int64_t since_ms, const char *trouble, void *user_data) {
    static const front_code codes[] = {
        [SITEVERIFY_RIGHT] = CODE_OK,
        [SITEVERIFY_WRONG] = CODE_CAPTCHA_WRONG,
        [SITEVERIFY_EXPIRED] = CODE_CAPTCHA_EXPIRED,
        [SITEVERIFY_SECRET] = CODE_CAPTCHA_UNAVAILABLE,
        [SITEVERIFY_UNAVAILABLE] = CODE_CAPTCHA_UNAVAILABLE,
    };
    captcha_check *one = user_data;
    front_code code = codes[verdict];
    if (code == CODE_CAPTCHA_UNAVAILABLE)
        complain(one->loop, trouble);
    if (code == CODE_OK) {
        one->until_ms = until_of(since_ms, options_now_ms());
        crypto_hash_sha256(one->id, (const unsigned char *)one->answer, one->size);
        code = one->until_ms != 0 ? CODE_OK : CODE_CAPTCHA_EXPIRED;
    }
    captcha_checked(one, code);
}

static void check(captcha_check *one) {
    captcha_secrets *secrets = &one->loop->front->captcha;
    char secret[CAPTCHA_SECRET];
    uv_rwlock_rdlock(&secrets->lock);
    memcpy(secret, secrets->secret, sizeof secret);
    uv_rwlock_rdunlock(&secrets->lock);
    bool asked = siteverify_ask(one->loop->captcha.state, secret, one->answer, one->address, on_verdict, one);
    sodium_memzero(secret, sizeof secret);
    if (!asked)
        captcha_checked(one, CODE_BUSY);
}

static bool open_asking(front_loop *loop) {
    const captcha_settings *settings = &loop->front->settings->captcha;
    loop->captcha.state = siteverify_open(&loop->uv, settings->verify, settings->timeout_ms, settings->most);
    if (loop->captcha.state == NULL)
        front_log(SECKILL_LOG_ERROR, "--captcha-verify: out of memory");
    return loop->captcha.state != NULL;
}

static void close_asking(front_loop *loop) {
    siteverify_close(loop->captcha.state);
}

const captcha_provider captcha_siteverify = {NULL, check, open_asking, close_asking};
