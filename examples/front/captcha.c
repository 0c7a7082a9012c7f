/* seckill-front: the captcha. See captcha.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "captcha.h"

#include "handlers.h"
#include "peer.h"
#include "pending.h"
#include "problem.h"

#include "common/options.h"

#ifdef FRONT_HAS_CURL
#include <curl/curl.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is read from files */

int captcha_secrets_open(captcha_secrets *secrets) {
#ifdef FRONT_HAS_CURL
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return UV_ENOMEM;
#endif
    return sodium_init() < 0 ? UV_ENOSYS : uv_rwlock_init(&secrets->lock);
}

void captcha_secrets_close(captcha_secrets *secrets) {
#ifdef FRONT_HAS_CURL
    curl_global_cleanup();
#endif
    uv_rwlock_destroy(&secrets->lock);
    sodium_memzero(&secrets->keys, sizeof secrets->keys);
    sodium_memzero(secrets->secret, sizeof secrets->secret);
}

typedef struct {
    altcha_keys *keys;
    bool refused;
} key_reading;

static seckill_status add_key(const char *text, size_t size, void *user_data) {
    key_reading *one = user_data;
    one->refused = !altcha_keys_add(one->keys, text, size);
    return one->refused ? SECKILL_INVALID : SECKILL_OK;
}

static bool read_keys(altcha_keys *keys, const char *path, char trouble[256]) {
    key_reading one = {keys, false};
    if (options_each_key(path, add_key, &one, trouble))
        return true;
    if (one.refused)
        snprintf(trouble, 256, "%s must hold 1 to %d keys, one a line, each of %d to %d bytes", path, ALTCHA_KEYS_MAX,
                 ALTCHA_KEY_MIN, ALTCHA_KEY_MAX);
    return false;
}

bool captcha_secrets_read(captcha_secrets *secrets, const captcha_settings *settings, char trouble[256]) {
    captcha_secrets fresh = {0};
    bool good = (settings->key == NULL || read_keys(&fresh.keys, settings->key, trouble)) &&
                (settings->secret == NULL || options_first_line(settings->secret, fresh.secret, CAPTCHA_SECRET, trouble));
    if (good) {
        uv_rwlock_wrlock(&secrets->lock);
        secrets->keys = fresh.keys;
        memcpy(secrets->secret, fresh.secret, CAPTCHA_SECRET);
        uv_rwlock_wrunlock(&secrets->lock);
    }
    sodium_memzero(&fresh, sizeof fresh);
    return good;
}

/* ---- a loop's */

static const captcha_provider *provider_of(const captcha_settings *settings) {
#ifdef FRONT_HAS_CURL
    if (settings->verify != NULL)
        return &captcha_siteverify;
#endif
    return settings->kind != NULL ? &captcha_altcha : NULL;
}

bool captcha_open(front_loop *loop) {
    const captcha_provider *provider = provider_of(&loop->front->settings->captcha);
    if (provider != NULL && provider->open != NULL && !provider->open(loop))
        return false;
    loop->captcha.provider = provider;
    return true;
}

void captcha_close(front_loop *loop) {
    if (loop->captcha.provider != NULL && loop->captcha.provider->close != NULL)
        loop->captcha.provider->close(loop);
}

void handle_captcha(const front_call *call) {
    front_loop *loop = call->loop;
    const captcha_provider *provider = loop->captcha.provider;
    char activity[SECKILL_ID_MAX + 1];
    if (provider == NULL || provider->challenge == NULL)
        answer_problem(loop, call->exchange, CODE_NO_SUCH_PATH, NULL);
    else if (http_request_query(call->exchange->request, "activity", activity, sizeof activity) != 1 ||
             !options_is_id(activity))
        answer_status(loop, call->exchange, SECKILL_INVALID, "the query must name one activity: ?activity=A", 0);
    else
        provider->challenge(loop, call->exchange, &call->user, activity);
}

/* ---- from a request's answer to its end */

static void hash_part(crypto_hash_sha256_state *state, const void *data, size_t size) {
    uint8_t length = (uint8_t)size; /* of each part at most 128 */
    crypto_hash_sha256_update(state, &length, 1);
    crypto_hash_sha256_update(state, data, size);
}

/* For what an answer is used: the request, as the library tells requests apart. */
static void hash_request(const pending *one, const session_user *user, seckill_bytes request_id, uint8_t holder[CAPTCHA_ID]) {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    hash_part(&state, one->activity, strlen(one->activity));
    hash_part(&state, one->item, strlen(one->item));
    hash_part(&state, user->bytes, user->size);
    hash_part(&state, request_id.data, request_id.size);
    crypto_hash_sha256_final(&state, holder);
}

/* As the limits take it: the socket's, or what the trusted gateway says. */
static void take_address(captcha_check *check, const http_exchange *exchange) {
    const char *field = check->loop->front->settings->trust_address_header;
    peer who = {0};
    if (field == NULL)
        snprintf(check->address, sizeof check->address, "%s", exchange->address);
    else if (peer_read_field(exchange->request, field, &who) == NULL)
        memcpy(check->address, who.text, sizeof who.text);
}

bool captcha_begin(pending *one, const session_user *user, seckill_bytes request_id, const char *answer) {
    front_loop *loop = one->loop;
    size_t size = strlen(answer);
    if (loop->captcha.provider == NULL)
        return true;
    if (size == 0) {
        answer_problem(loop, pending_end(one), CODE_CAPTCHA_MISSING, NULL);
        return false;
    }
    captcha_check *check = calloc(1, sizeof *check + size + 1);
    if (check == NULL) {
        answer_status(loop, pending_end(one), SECKILL_NO_MEMORY, NULL, 0);
        return false;
    }
    check->loop = loop;
    check->owner = one;
    memcpy(check->activity, one->activity, sizeof check->activity);
    take_address(check, one->exchange);
    check->user = *user;
    hash_request(one, user, request_id, check->holder);
    check->size = size;
    memcpy(check->answer, answer, size);
    one->check = check;
    return true;
}

void captcha_pass(pending *one, void (*done)(pending *one, bool passed)) {
    captcha_check *check = one->check;
    if (check == NULL) {
        done(one, true);
        return;
    }
    check->done = done;
    one->loop->captcha.provider->check(check);
}

/* What is on its way is not called back; who it belongs to is told now, since nobody else will. */
void captcha_forget(pending *one) {
    captcha_check *check = one->check;
    one->check = NULL;
    if (check != NULL && check->done != NULL) {
        check->owner = NULL;
        check->done(one, false);
    } else {
        free(check);
    }
}

/* The check is over: tells who waits for it, and returns the exchange that is to be answered now; NULL: none. */
static http_exchange *end(captcha_check *check, bool passed) {
    pending *owner = check->owner;
    void (*done)(pending * one, bool passed) = check->done;
    free(check);
    if (owner == NULL)
        return NULL;
    owner->check = NULL;
    done(owner, passed);
    return passed ? NULL : pending_end(owner);
}

static void refuse(captcha_check *check, front_code code) {
    front_loop *loop = check->loop;
    http_exchange *exchange = end(check, false);
    if (exchange != NULL)
        answer_problem(loop, exchange, code, NULL);
}

static void on_used(const seckill_once_result *result, void *user_data) {
    captcha_check *check = user_data;
    front_loop *loop = check->loop;
    http_exchange *exchange = end(check, result->status == SECKILL_OK);
    if (exchange == NULL)
        return;
    if (result->status == SECKILL_CONFLICT)
        answer_problem(loop, exchange, CODE_CAPTCHA_USED, NULL);
    else
        answer_result(loop, exchange, result->status, result->message, 0);
}

/* Ids of other things that are used once begin otherwise. */
static void use(captcha_check *check) {
    static const char kind[] = "captcha:";
    uint8_t id[sizeof kind - 1 + CAPTCHA_ID];
    seckill_once_options options = SECKILL_ONCE_OPTIONS_INIT;
    memcpy(id, kind, sizeof kind - 1);
    memcpy(id + sizeof kind - 1, check->id, CAPTCHA_ID);
    options.id = (seckill_bytes){id, sizeof id};
    options.holder = (seckill_bytes){check->holder, sizeof check->holder};
    options.until_ms = check->until_ms;
    seckill_status status = seckill_once(check->loop->client, &options, on_used, check);
    if (status != SECKILL_OK)
        refuse(check, front_code_from(status));
}

void captcha_checked(captcha_check *check, front_code code) {
    if (code == CODE_OK && check->owner != NULL)
        use(check);
    else
        refuse(check, code);
}
