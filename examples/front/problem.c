/* seckill-front: how requests are answered.
 *
 * SPDX-License-Identifier: MIT
 */
#include "problem.h"

#include "gate.h"
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_MS = 1000,        /* where the library gives no hint */
    RETRY_MAX_MS = 86400000 /* more than a day says nothing to a client */
};

/* What is answered when there is no memory for an answer. */
static const char no_memory[] = "{\"type\":\"about:blank\",\"title\":\"Service "
                                "Unavailable\",\"status\":503,\"code\":\"no_memory\",\"class\":\"retryable\"}";

static void send_reply(front_loop *loop, http_exchange *exchange, front_code code, http_reply *reply) {
    metrics_answer(&loop->metrics, (front_route)exchange->tag, code, uv_hrtime() - exchange->begun_ns);
    gate_add_fields(loop, exchange, reply);
    http_exchange_reply(exchange, reply);
}

static char *copy_of(const char *text) {
    return strdup(text);
}

static void add_field(http_reply *reply, const char *name, const char *value) {
    size_t used = strlen(reply->fields);
    snprintf(reply->fields + used, sizeof reply->fields - used, "%s: %s\r\n", name, value);
}

/* Whole seconds, rounded up: a client that comes back too early has asked for nothing. */
static void add_retry_after(http_reply *reply, uint32_t retry_after_ms) {
    char text[16];
    snprintf(text, sizeof text, "%u", (unsigned)((retry_after_ms + 999) / 1000));
    add_field(reply, "Retry-After", text);
}

/* ---- what went well */

void answer_json_wait(front_loop *loop, http_exchange *exchange, int http, json_t *value, uint32_t retry_after_ms) {
    char *body = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (body == NULL) {
        answer_status(loop, exchange, SECKILL_NO_MEMORY, NULL, 0);
        return;
    }
    http_reply reply = {.status = http, .body = body, .body_size = strlen(body)};
    if (retry_after_ms != 0)
        add_retry_after(&reply, retry_after_ms);
    send_reply(loop, exchange, CODE_OK, &reply);
}

void answer_json(front_loop *loop, http_exchange *exchange, int http, json_t *value) {
    answer_json_wait(loop, exchange, http, value, 0);
}

void answer_text(front_loop *loop, http_exchange *exchange, const char *content_type, char *body, size_t size) {
    if (body == NULL) {
        answer_status(loop, exchange, SECKILL_NO_MEMORY, NULL, 0);
        return;
    }
    http_reply reply = {.status = 200, .content_type = content_type, .body_size = size};
    reply.body = body;
    send_reply(loop, exchange, CODE_OK, &reply);
}

/* ---- problems */

const char *answer_class(seckill_class status_class) {
    static const char *const names[] = {"final", "retryable", "unknown"};
    return names[status_class];
}

static json_t *problem_object(int http, front_code code, const char *detail, uint32_t retry_after_ms) {
    const front_code_info *info = front_code_of(code);
    json_t *object = json_pack("{s:s,s:s,s:i,s:s,s:s,s:s}", "type", "about:blank", "title", http_status_phrase(http), "status",
                               http, "detail", detail != NULL ? detail : info->message, "code", info->name, "class",
                               answer_class(info->status_class));
    if (object != NULL && retry_after_ms != 0)
        json_object_set_new(object, "retry_after_ms", json_integer((json_int_t)retry_after_ms));
    return object;
}

static http_reply problem_reply(int http, front_code code, const char *detail, uint32_t hint_ms) {
    http_reply reply = {.status = http, .content_type = "application/problem+json"};
    uint32_t retry_after_ms = 0;
    if (front_code_of(code)->status_class != SECKILL_CLASS_FINAL) {
        retry_after_ms = hint_ms == 0 ? RETRY_MS : hint_ms < RETRY_MAX_MS ? hint_ms : RETRY_MAX_MS;
        add_retry_after(&reply, retry_after_ms);
    }
    json_t *object = problem_object(http, code, detail, retry_after_ms);
    reply.body = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (reply.body == NULL) {
        reply.status = 503;
        reply.body = copy_of(no_memory);
    }
    reply.body_size = reply.body != NULL ? strlen(reply.body) : 0;
    return reply;
}

void answer_problem(front_loop *loop, http_exchange *exchange, front_code code, const char *detail) {
    http_reply reply = problem_reply(front_code_http(code), code, detail, 0);
    send_reply(loop, exchange, code, &reply);
}

void answer_status(front_loop *loop, http_exchange *exchange, seckill_status status, const char *detail,
                   uint32_t retry_after_ms) {
    front_code code = front_code_from(status);
    http_reply reply = problem_reply(front_code_http(code), code, detail, retry_after_ms);
    send_reply(loop, exchange, code, &reply);
}

/* A fault that a person must look at; once a second says it. */
static void complain(front_loop *loop, seckill_status status, const char *message) {
    uint64_t now = uv_now(&loop->uv);
    if (loop->complained_ms != 0 && now - loop->complained_ms < 1000)
        return;
    loop->complained_ms = now;
    front_log(SECKILL_LOG_ERROR, "%s: %s", seckill_status_name(status), message);
}

void answer_result(front_loop *loop, http_exchange *exchange, seckill_status status, const char *message,
                   uint32_t retry_after_ms) {
    bool final = seckill_status_class(status) == SECKILL_CLASS_FINAL;
    if (status == SECKILL_PROTOCOL || (final && front_code_http(front_code_from(status)) >= 500))
        complain(loop, status, message);
    answer_status(loop, exchange, status, status > 0 ? message : NULL, retry_after_ms);
}

void answer_no_session(front_loop *loop, http_exchange *exchange, front_code code, const char *detail) {
    http_reply reply = problem_reply(401, code, detail, 0);
    add_field(&reply, "WWW-Authenticate", code == CODE_NO_SESSION ? "Bearer" : "Bearer error=\"invalid_token\"");
    send_reply(loop, exchange, code, &reply);
}

void answer_method(front_loop *loop, http_exchange *exchange, unsigned verbs) {
    http_reply reply = problem_reply(405, CODE_METHOD_NOT_ALLOWED, NULL, 0);
    add_field(&reply, "Allow", (verbs & HTTP_VERB_GET) != 0 ? "GET, HEAD" : "POST");
    send_reply(loop, exchange, CODE_METHOD_NOT_ALLOWED, &reply);
}

void answer_refusal(front_loop *loop, const http_refusal *refusal, http_reply *reply) {
    front_code code = front_code_from_http(refusal->status);
    *reply = problem_reply(front_code_http(code), code, refusal->detail, 0);
    metrics_answer(&loop->metrics, ROUTE_NONE, code, 0);
}
