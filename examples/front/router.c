/* seckill-front: which handler answers a request.
 *
 * SPDX-License-Identifier: MIT
 */
#include "router.h"

#include "common/options.h"
#include "gate.h"
#include "handlers.h"
#include "problem.h"

#include <string.h>

enum {
    WANTS_USER = 1, /* who asks must be known */
    TAKES_JSON = 2, /* has a body, and it is JSON */
    ALWAYS = 4      /* is answered however much is in progress: whoever watches the front must see it then of all times */
};

enum { GET = HTTP_VERB_GET | HTTP_VERB_HEAD, POST = HTTP_VERB_POST };

typedef struct {
    front_route id;
    unsigned verbs, flags;
    const char *segments[HTTP_SEGMENTS_MAX]; /* "A" and "I" stand for names, "T" for a ticket; NULL ends */
    void (*handle)(const front_call *call);
} route;

static const route routes[] = {
    {ROUTE_ITEM, GET, 0, {"v1", "activities", "A", "items", "I"}, handle_item},
    {ROUTE_REQUESTS, POST, WANTS_USER | TAKES_JSON, {"v1", "activities", "A", "items", "I", "requests"}, handle_request},
    {ROUTE_TICKETS, GET, WANTS_USER, {"v1", "tickets", "T"}, handle_ticket},
    {ROUTE_CAPTCHA, GET, WANTS_USER, {"v1", "captcha"}, handle_captcha},
    {ROUTE_ACTIVITY, GET, 0, {"v1", "activities", "A"}, handle_activity},
    {ROUTE_CART, GET, WANTS_USER, {"v1", "activities", "A", "cart"}, handle_cart},
    {ROUTE_ORDERS, POST, WANTS_USER | TAKES_JSON, {"v1", "orders"}, handle_order},
    {ROUTE_CANCELLATIONS, POST, WANTS_USER | TAKES_JSON, {"v1", "cancellations"}, handle_cancellation},
    {ROUTE_METRICS, GET, ALWAYS, {"metrics"}, handle_metrics},
    {ROUTE_HEALTH, GET, ALWAYS, {"healthz"}, handle_health},
};

/* Segments stand for others where they are one capital letter, which no fixed segment is. */
static bool is_open(const char *segment) {
    return segment[0] >= 'A' && segment[0] <= 'Z';
}

static bool fits(const route *one, const http_request *request) {
    for (uint32_t i = 0; i < request->segment_count; i++) {
        http_text text = http_request_text(request, request->segments[i]);
        const char *wanted = one->segments[i];
        if (wanted == NULL)
            return false;
        if (!is_open(wanted) && (strlen(wanted) != text.size || memcmp(wanted, text.data, text.size) != 0))
            return false;
    }
    return request->segment_count != 0 &&
           (request->segment_count == HTTP_SEGMENTS_MAX || one->segments[request->segment_count] == NULL);
}

static const route *find(const http_request *request) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (fits(&routes[i], request))
            return &routes[i];
    return NULL;
}

/* Ids are 1 to 64 of A-Za-z0-9._-; what is named otherwise cannot be there. */
static bool take_id(http_text text, char id[SECKILL_ID_MAX + 1]) {
    if (text.size == 0 || text.size > SECKILL_ID_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i], letter = (char)(c | 0x20);
        if (!((letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    memcpy(id, text.data, text.size);
    id[text.size] = '\0';
    return true;
}

static bool take_names(front_call *call, const route *one) {
    const http_request *request = call->exchange->request;
    for (uint32_t i = 0; i < request->segment_count; i++) {
        http_text text = http_request_text(request, request->segments[i]);
        char letter = is_open(one->segments[i]) ? one->segments[i][0] : '\0';
        if (letter == 'T')
            call->ticket = text;
        else if (letter != '\0' && !take_id(text, letter == 'A' ? call->activity : call->item)) {
            answer_status(call->loop, call->exchange, SECKILL_NOT_DEFINED, NULL, 0);
            return false;
        }
    }
    return true;
}

static bool take_user(front_call *call) {
    const char *detail;
    const char *trusted = call->loop->front->settings->trust_user_header;
    front_code code =
        sessions_identify(call->loop->sessions, call->exchange->request, trusted, options_now_ms(), &call->user, &detail);
    if (code != CODE_OK)
        answer_no_session(call->loop, call->exchange, code, detail);
    return code == CODE_OK;
}

static bool is_json(http_text type) {
    const char *semicolon = memchr(type.data, ';', type.size);
    if (semicolon != NULL)
        type.size = (size_t)(semicolon - type.data);
    while (type.size != 0 && (type.data[type.size - 1] == ' ' || type.data[type.size - 1] == '\t'))
        type.size--;
    return http_text_is(type, "application/json");
}

static bool take_body(front_call *call) {
    const http_request *request = call->exchange->request;
    http_text type;
    if (http_request_find(request, "Content-Type", &type) != 1 || !is_json(type)) {
        answer_problem(call->loop, call->exchange, CODE_MEDIA_TYPE, NULL);
        return false;
    }
    call->body = http_request_text(request, request->body);
    return true;
}

static bool take_place(const front_call *call) {
    if (call->loop->server.in_progress <= call->loop->front->settings->max_in_progress)
        return true;
    answer_status(call->loop, call->exchange, SECKILL_BUSY, "this front has as many requests in progress as it may have", 0);
    return false;
}

void router_request(front_loop *loop, http_exchange *exchange) {
    front_call call = {.loop = loop, .exchange = exchange};
    const route *one = find(exchange->request);
    bool always = one != NULL && (one->flags & ALWAYS) != 0;
    exchange->tag = one != NULL ? (int)one->id : ROUTE_NONE;
    if (!always && !gate_address(loop, exchange))
        return;
    if (one == NULL)
        answer_problem(loop, exchange, CODE_NO_SUCH_PATH, NULL);
    else if ((one->verbs & (unsigned)exchange->request->verb) == 0)
        answer_method(loop, exchange, one->verbs);
    else if ((always || take_place(&call)) && take_names(&call, one) &&
             ((one->flags & WANTS_USER) == 0 || (take_user(&call) && gate_user(&call))) &&
             ((one->flags & TAKES_JSON) == 0 || take_body(&call)))
        one->handle(&call);
}
