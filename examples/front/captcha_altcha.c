/* seckill-front: --captcha altcha: our own challenges, which the ALTCHA widget solves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "captcha.h"
#include "problem.h"

#include "common/options.h"

#include <string.h>

/* An answer that comes at the very end is remembered for a moment. */
enum { MOMENT_MS = 1000 };

static altcha_purpose purpose_of(const session_user *user, const char *activity) {
    return (altcha_purpose){activity, user->bytes, user->size};
}

static void challenge(front_loop *loop, http_exchange *exchange, const session_user *user, const char *activity) {
    const captcha_settings *settings = &loop->front->settings->captcha;
    captcha_secrets *secrets = &loop->front->captcha;
    altcha_purpose purpose = purpose_of(user, activity);
    altcha_challenge one;
    uint8_t random[ALTCHA_RANDOM];
    randombytes_buf(random, sizeof random);
    uv_rwlock_rdlock(&secrets->lock);
    altcha_make(&secrets->keys, &purpose, (options_now_ms() + settings->time_ms) / 1000, settings->difficulty, random, &one);
    uv_rwlock_rdunlock(&secrets->lock);
    answer_json(loop, exchange, 200,
                json_pack("{s:s,s:s,s:I,s:s,s:s}", "algorithm", "SHA-256", "challenge", one.challenge, "maxnumber",
                          (json_int_t)one.max_number, "salt", one.salt, "signature", one.signature));
}

static void check(captcha_check *one) {
    static const front_code codes[] = {
        [ALTCHA_OK] = CODE_OK,
        [ALTCHA_GARBAGE] = CODE_CAPTCHA_WRONG,
        [ALTCHA_FORGED] = CODE_CAPTCHA_WRONG,
        [ALTCHA_WRONG] = CODE_CAPTCHA_WRONG,
        [ALTCHA_OTHER] = CODE_CAPTCHA_WRONG,
        [ALTCHA_EXPIRED] = CODE_CAPTCHA_EXPIRED,
    };
    captcha_secrets *secrets = &one->loop->front->captcha;
    altcha_purpose purpose = purpose_of(&one->user, one->activity);
    altcha_proof proof;
    uv_rwlock_rdlock(&secrets->lock);
    altcha_status status = altcha_verify(&secrets->keys, &purpose, one->answer, one->size, options_now_ms(), &proof);
    uv_rwlock_rdunlock(&secrets->lock);
    if (status == ALTCHA_OK) {
        memcpy(one->id, proof.id, sizeof one->id);
        one->until_ms = proof.expires * 1000 + MOMENT_MS;
    }
    captcha_checked(one, codes[status]);
}

const captcha_provider captcha_altcha = {challenge, check, NULL, NULL};
