/* seckill-front: asks a provider of captchas, with libcurl's multi interface on the loop. See siteverify.h.
 *
 * libcurl says which sockets it wants watched and when it wants to be called; polls and one timer of the loop do that.
 *
 * SPDX-License-Identifier: MIT
 */
#include "siteverify.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

typedef struct asking asking;

struct asking {
    siteverify *all;
    CURL *easy;
    asking *next; /* in the list of all, which is short */
    siteverify_cb cb;
    void *user_data;
    char *reply;
    size_t size;
};

struct siteverify {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    const char *url;
    uint32_t timeout_ms, most, count;
    bool unreached; /* the last one that ended had found no way there; then one at a time tries again */
    asking *first;
};

typedef struct {
    uv_poll_t poll;
    siteverify *all;
    curl_socket_t socket;
} watched;

/* ---- one that is asked */

static void remove_one(asking *one) {
    asking **at = &one->all->first;
    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
}

/* A look-up of the name that takes too long goes on in its thread: many at a time would become more and more of them. */
static bool is_unreached(CURL *easy, CURLcode result) {
    const char *address = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    return result != CURLE_OK && (address == NULL || *address == '\0');
}

/* One that is removed. */
static void end(asking *one, CURLcode result) {
    long status = 0;
    int64_t since_ms = 0;
    const char *trouble = curl_easy_strerror(result);
    siteverify_verdict verdict = SITEVERIFY_UNAVAILABLE;
    curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK) {
        verdict = siteverify_read(one->reply, one->size, &since_ms);
        if (status != 200 && (verdict == SITEVERIFY_RIGHT || status != 400)) /* with 400 too they say why it is no */
            verdict = SITEVERIFY_UNAVAILABLE;
        trouble = verdict == SITEVERIFY_SECRET ? "it does not take our secret" : "it gave no answer that can be understood";
    }
    one->all->count--;
    one->all->unreached = is_unreached(one->easy, result);
    curl_multi_remove_handle(one->all->multi, one->easy);
    curl_easy_cleanup(one->easy);
    one->cb(verdict, since_ms, trouble, one->user_data);
    free(one->reply);
    free(one);
}

static void end_finished(siteverify *all) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(all->multi, &left)) != NULL) {
        asking *one = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &one);
        remove_one(one);
        end(one, result);
    }
}

/* ---- what libcurl wants of the loop */

static void on_socket(uv_poll_t *poll, int status, int events) {
    watched *one = poll->data;
    siteverify *all = one->all;
    int running, what = status < 0 ? CURL_CSELECT_ERR : 0;
    what |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    what |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(all->multi, one->socket, what, &running);
    end_finished(all);
}

static void on_poll_closed(uv_handle_t *handle) {
    free(handle->data);
}

static watched *watch(siteverify *all, curl_socket_t socket) {
    watched *one = calloc(1, sizeof *one);
    if (one == NULL || uv_poll_init_socket(all->loop, &one->poll, socket) != 0) {
        free(one);
        return NULL;
    }
    one->poll.data = one;
    one->all = all;
    one->socket = socket;
    curl_multi_assign(all->multi, socket, one);
    return one;
}

static int want_socket(CURL *easy, curl_socket_t socket, int what, void *user_data, void *socket_data) {
    watched *one = socket_data;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (one != NULL)
            uv_close((uv_handle_t *)&one->poll, on_poll_closed);
        curl_multi_assign(((siteverify *)user_data)->multi, socket, NULL);
        return 0;
    }
    if (one == NULL && (one = watch(user_data, socket)) == NULL)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&one->poll, events, on_socket) == 0 ? 0 : -1;
}

static void on_time(uv_timer_t *timer) {
    siteverify *all = timer->data;
    int running;
    curl_multi_socket_action(all->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_finished(all);
}

/* Not at once where it is 0: libcurl must not be called out of its own call. */
static int want_time(CURLM *multi, long timeout_ms, void *user_data) {
    siteverify *all = user_data;
    (void)multi;
    if (timeout_ms < 0)
        return uv_timer_stop(&all->timer);
    return uv_timer_start(&all->timer, on_time, (uint64_t)timeout_ms, 0);
}

/* ---- asking */

static size_t on_reply(char *data, size_t one, size_t size, void *user_data) {
    asking *asked = user_data;
    (void)one; /* is 1 */
    if (size > SITEVERIFY_REPLY_MAX - asked->size)
        return 0; /* which is an error for libcurl */
    char *reply = realloc(asked->reply, asked->size + size);
    if (reply == NULL)
        return 0;
    memcpy(reply + asked->size, data, size);
    asked->reply = reply;
    asked->size += size;
    return size;
}

/* The form; each value is escaped. False: out of memory. libcurl copies it. */
static bool set_form(CURL *easy, const char *secret, const char *response, const char *remoteip) {
    const char *const names[] = {"secret=", "&response=", "&remoteip="}, *const values[] = {secret, response, remoteip};
    size_t room = 64 + 3 * (strlen(secret) + strlen(response) + strlen(remoteip)), used = 0;
    char *form = malloc(room);
    bool good = form != NULL;
    for (size_t i = 0; i < 3 && good; i++) {
        char *escaped = *values[i] != '\0' ? curl_easy_escape(easy, values[i], 0) : NULL;
        good = escaped != NULL || *values[i] == '\0';
        if (escaped != NULL) {
            size_t name = strlen(names[i]), size = strlen(escaped);
            memcpy(form + used, names[i], name);
            memcpy(form + used + name, escaped, size);
            used += name + size;
        }
        curl_free(escaped);
    }
    good = good && curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)used) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, form) == CURLE_OK;
    if (form != NULL) {
        memset(form, 0, room);
        free(form);
    }
    return good;
}

/* Who gives up must not wait for the thread that looks the name up (QUICK_EXIT): the resolver may take half a minute, and the
 * loop has others to serve. */
static bool set_up(asking *one) {
    const siteverify *all = one->all;
    CURL *easy = one->easy;
    return curl_easy_setopt(easy, CURLOPT_URL, all->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)all->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "seckill-front") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_reply) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, one) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, one) == CURLE_OK;
}

static void insert(siteverify *all, asking *one) {
    one->next = all->first;
    all->first = one;
    all->count++;
}

bool siteverify_ask(siteverify *all, const char *secret, const char *response, const char *remoteip, siteverify_cb cb,
                    void *user_data) {
    uint32_t most = all->unreached ? 1 : all->most;
    asking *one = all->count < most ? calloc(1, sizeof *one) : NULL;
    if (one == NULL)
        return false;
    one->all = all;
    one->cb = cb;
    one->user_data = user_data;
    one->easy = curl_easy_init();
    if (one->easy != NULL && set_up(one) && set_form(one->easy, secret, response, remoteip) &&
        curl_multi_add_handle(all->multi, one->easy) == CURLM_OK) {
        insert(all, one);
        return true;
    }
    curl_easy_cleanup(one->easy);
    free(one);
    return false;
}

/* ---- the whole */

siteverify *siteverify_open(uv_loop_t *loop, const char *url, uint32_t timeout_ms, uint32_t most) {
    siteverify *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    *all = (siteverify){.loop = loop, .url = url, .timeout_ms = timeout_ms, .most = most, .multi = curl_multi_init()};
    if (all->multi == NULL || uv_timer_init(loop, &all->timer) != 0) {
        curl_multi_cleanup(all->multi);
        free(all);
        return NULL;
    }
    all->timer.data = all;
    curl_multi_setopt(all->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(all->multi, CURLMOPT_SOCKETDATA, all);
    curl_multi_setopt(all->multi, CURLMOPT_TIMERFUNCTION, want_time);
    curl_multi_setopt(all->multi, CURLMOPT_TIMERDATA, all);
    return all;
}

static void on_timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

void siteverify_close(siteverify *all) {
    for (asking *one; (one = all->first) != NULL;) {
        all->first = one->next;
        end(one, CURLE_ABORTED_BY_CALLBACK);
    }
    curl_multi_cleanup(all->multi);
    uv_close((uv_handle_t *)&all->timer, on_timer_closed);
}
