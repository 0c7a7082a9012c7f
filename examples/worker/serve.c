/* See serve.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve.h"

#include "intake.h"
#include "log.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

/* For a few scrapers and a health check. */
static const http_limits limits = {
    .target_bytes = 1024,
    .header_bytes = 8192,
    .body_bytes = 256,
    .requests = 100000,
    .connections = 64,
    .header_timeout_ms = 5000,
    .body_timeout_ms = 5000,
    .idle_timeout_ms = 120000, /* longer than scrapers usually pause */
    .write_timeout_ms = 10000,
};

/* ---- answers ---- */

static void set_body(http_reply *reply, const char *type, const char *text) {
    reply->content_type = type;
    reply->body = strdup(text);
    reply->body_size = reply->body ? strlen(text) : 0;
}

/* RFC 9457, as the front's. `code` is a name that stays. */
static http_reply problem(int status, const char *code, const char *detail) {
    http_reply reply = {.status = status};
    char text[512];
    (void)snprintf(text, sizeof text, "{\"type\":\"about:blank\",\"status\":%d,\"detail\":\"%s\",\"code\":\"%s\"}", status,
                   detail, code);
    set_body(&reply, "application/problem+json", text);
    return reply;
}

static http_reply metrics(const worker *w) {
    http_reply reply = {.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    reply.body = metrics_text(w, &reply.body_size);
    return reply.body ? reply : problem(503, "no_memory", "out of memory");
}

static bool is_connected(const worker *w) {
    seckill_client_stats stats = {.struct_size = sizeof stats};
    return w->client && seckill_client_get_stats(w->client, &stats) == SECKILL_OK && stats.connected != 0;
}

/* Ready: the orders database was opened (before that there is no client), Redis is there, and the worker is not stopping. */
static http_reply health(const worker *w) {
    http_reply reply = {.status = 200};
    if (w->stopping) {
        return problem(503, "overloaded", "this worker is stopping");
    }
    if (!is_connected(w)) {
        return problem(503, "unreachable", "there is no connection to Redis");
    }
    if (!intake_connected(w)) {
        return problem(503, "unreachable", "there is no connection to the queue");
    }
    set_body(&reply, "application/json", "{\"status\":\"ready\"}");
    return reply;
}

/* ---- requests ---- */

static bool asks_for(const http_request *request, const char *path) {
    http_text segment = http_request_text(request, request->segments[0]);
    return request->segment_count == 1 && segment.size == strlen(path) && memcmp(segment.data, path, segment.size) == 0;
}

static void on_request(http_exchange *exchange, void *user_data) {
    const serve *s = user_data;
    const http_request *request = exchange->request;
    bool wants_metrics = asks_for(request, "metrics");
    http_reply reply;
    if (!wants_metrics && !asks_for(request, "healthz")) {
        reply = problem(404, "no_such_path", "there are /metrics and /healthz");
    } else if ((request->verb & (HTTP_VERB_GET | HTTP_VERB_HEAD)) == 0) {
        reply = problem(405, "method_not_allowed", "it can be read only");
        (void)snprintf(reply.fields, sizeof reply.fields, "Allow: GET, HEAD\r\n");
    } else {
        reply = wants_metrics ? metrics(s->worker) : health(s->worker);
    }
    http_exchange_reply(exchange, &reply);
}

static void on_refused(const http_refusal *refusal, http_reply *reply, void *user_data) {
    (void)user_data;
    *reply = problem(refusal->status, "bad_request", refusal->detail);
}

static void on_closed(void *user_data) {
    const serve *s = user_data;
    listen_remove(&s->address);
}

/* ---- its life ---- */

bool serve_start(serve *s, worker *w) {
    static const http_handlers handlers = {on_request, on_refused, on_closed};
    const char *wanted = w->settings->listen;
    char trouble[256];
    int socket;
    if (!wanted) {
        return true;
    }
    if (listen_bind_alone(wanted, &socket, &s->address, trouble) != 0) {
        log_line(SECKILL_LOG_ERROR, "--listen: %s", trouble);
        return false;
    }
    int error = http_peers_init(&s->peers);
    if (!error) {
        s->worker = w;
        error = http_server_open(&s->http, &w->loop, socket, s->address.is_unix, &limits, &s->peers, &handlers, s);
    }
    if (error) {
        log_line(SECKILL_LOG_ERROR, "--listen: cannot listen on %s: %s", wanted, uv_strerror(error));
        return false;
    }
    log_line(SECKILL_LOG_INFO, "listening on %s", s->address.text);
    return true;
}

void serve_stop(serve *s) {
    if (s->worker) {
        http_server_abort(&s->http);
    }
}
