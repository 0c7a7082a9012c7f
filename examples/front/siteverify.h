/* seckill-front: asks a provider elsewhere what an answer is worth, by the protocol that reCAPTCHA, hCaptcha and Turnstile
 * share: a form with `secret`, `response` and `remoteip` is sent by POST, and JSON comes back. On libcurl and the loop; so many
 * at one time, each in so much time, to the one URL and to nowhere it redirects.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_SITEVERIFY_H
#define FRONT_SITEVERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum {
    SITEVERIFY_REPLY_MAX = 16 * 1024 /* bytes of what comes back; what is longer is none */
};

typedef enum {
    SITEVERIFY_RIGHT,
    SITEVERIFY_WRONG,
    SITEVERIFY_EXPIRED,    /* or used before */
    SITEVERIFY_SECRET,     /* our secret is not taken: nobody's answer will be */
    SITEVERIFY_UNAVAILABLE /* it could not be asked, or said nothing that can be understood */
} siteverify_verdict;

typedef struct siteverify siteverify;

/* `trouble`: of SITEVERIFY_UNAVAILABLE and _SECRET, for the log. `since_ms`: when the captcha was answered, as the provider
 * says; 0: it does not. */
typedef void (*siteverify_cb)(siteverify_verdict verdict, int64_t since_ms, const char *trouble, void *user_data);

/* The texts must outlive it. NULL: out of memory. */
siteverify *siteverify_open(uv_loop_t *loop, const char *url, uint32_t timeout_ms, uint32_t most);

/* Gives up all that is being asked (their callbacks run, with SITEVERIFY_UNAVAILABLE), and frees itself once the loop has let
 * go of it. */
void siteverify_close(siteverify *all);

/* `remoteip` may be "". False: as much is being asked as may be, or there is no memory; then the callback never runs. Otherwise
 * it runs once, later. */
bool siteverify_ask(siteverify *all, const char *secret, const char *response, const char *remoteip, siteverify_cb cb,
                    void *user_data);

/* What a provider's reply says; pure. */
siteverify_verdict siteverify_read(const char *reply, size_t size, int64_t *since_ms);

#endif
