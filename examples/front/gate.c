/* seckill-front: who may come in, and how often.
 *
 * SPDX-License-Identifier: MIT
 */
#include "gate.h"

#include "listed.h"
#include "peer.h"
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its number is that of its reason to refuse. */
typedef enum { LIMIT_USER, LIMIT_ADDRESS, LIMIT_ACTIVITY, LIMITS } limit_id;

/* What http_exchange.numbers has: the limit to tell of, plus 1; what is left of it; milliseconds until there is one more. */
enum { TOLD_LIMIT, TOLD_LEFT, TOLD_NEXT };

static const char *const names[LIMITS] = {"user", "address", "activity"};

typedef struct {
    const front_limit *rule;
    seckill_limiter *limiter; /* NULL: there is no such limit */
    uv_mutex_t mutex;
} limit;

struct gate {
    limit limits[LIMITS];
    int mutexes; /* that are made */
};

/* ---- making */

static bool init_limit(gate *one, limit_id id, const front_limit *rule, const front_rate *refusals, uint32_t keys) {
    seckill_limiter_options options = SECKILL_LIMITER_OPTIONS_INIT;
    limit *made = &one->limits[id];
    made->rule = rule;
    if (uv_mutex_init(&made->mutex) != 0)
        return false;
    one->mutexes++;
    options.count = rule->rate.count;
    options.period_ms = rule->rate.period_ms;
    options.burst = rule->burst;
    options.max_keys = keys;
    options.refusals = refusals->count;
    options.refusals_period_ms = refusals->period_ms;
    return rule->rate.count == 0 || seckill_limiter_new(&options, &made->limiter) == SECKILL_OK;
}

gate *gate_new(const front_settings *settings) {
    static const front_rate nobody = {0, 0};
    gate *one = calloc(1, sizeof *one);
    uint32_t keys = settings->limit_keys;
    if (one == NULL)
        return NULL;
    if (!init_limit(one, LIMIT_USER, &settings->user_limit, &settings->ban_refusals, keys) ||
        !init_limit(one, LIMIT_ADDRESS, &settings->address_limit, &settings->ban_refusals, keys) ||
        !init_limit(one, LIMIT_ACTIVITY, &settings->activity_limit, &nobody, keys)) {
        gate_free(one);
        return NULL;
    }
    return one;
}

void gate_free(gate *one) {
    for (int i = 0; one != NULL && i < LIMITS; i++)
        seckill_limiter_free(one->limits[i].limiter);
    for (int i = 0; one != NULL && i < one->mutexes; i++)
        uv_mutex_destroy(&one->limits[i].mutex);
    free(one);
}

/* ---- limits */

/* The time is read where nobody else can come between: so it never goes back. */
static seckill_status take(limit *one, seckill_bytes key, seckill_limit *said) {
    uv_mutex_lock(&one->mutex);
    seckill_status status = seckill_limiter_take(one->limiter, key, 1, (int64_t)(uv_hrtime() / 1000000), said);
    uv_mutex_unlock(&one->mutex);
    return status;
}

static uint32_t burst_of(const front_limit *rule) {
    return rule->burst != 0 ? rule->burst : rule->rate.count;
}

/* Milliseconds in which so many may be done, rounded up. */
static uint64_t ms_for(const front_limit *rule, uint64_t many) {
    return (many * rule->rate.period_ms + rule->rate.count - 1) / rule->rate.count;
}

static void tell(http_exchange *exchange, limit_id id, const front_limit *rule, const seckill_limit *said) {
    uint64_t others = ms_for(rule, burst_of(rule) - 1 - said->remaining);
    exchange->numbers[TOLD_LIMIT] = (uint32_t)id + 1;
    exchange->numbers[TOLD_LEFT] = (uint32_t)said->remaining;
    exchange->numbers[TOLD_NEXT] = said->retry_after_ms != 0 ? said->retry_after_ms
                                   : said->reset_ms > others ? (uint32_t)(said->reset_ms - others)
                                                             : 1;
}

static bool pass(front_loop *loop, http_exchange *exchange, limit_id id, seckill_bytes key, int *keeps_on) {
    static const char *const details[LIMITS] = {"this user has sent too many requests in too little time",
                                                "too many requests have come from this address in too little time",
                                                "too many requests have come for this activity in too little time"};
    limit *one = &loop->front->gate->limits[id];
    seckill_limit said;
    *keeps_on = 0;
    if (one->limiter == NULL)
        return true;
    bool granted = take(one, key, &said) == SECKILL_OK;
    if (!granted || (id == LIMIT_USER && exchange->tag == ROUTE_REQUESTS))
        tell(exchange, id, one->rule, &said);
    if (granted)
        return true;
    *keeps_on = said.keeps_on;
    metrics_refused(&loop->metrics, (front_refused)id);
    answer_status(loop, exchange, SECKILL_RATE_LIMITED, details[id], said.retry_after_ms);
    return false;
}

/* As draft-ietf-httpapi-ratelimit-headers-11 has it: `q` may be done at once, and all of it again after `w` seconds; of this
 * `r` is left, and no more within `t` seconds. Of several limits one is told of: the one that refused, else the user's. */
void gate_add_fields(const front_loop *loop, const http_exchange *exchange, http_reply *reply) {
    const uint32_t *numbers = exchange->numbers;
    size_t used = strlen(reply->fields);
    if (numbers[TOLD_LIMIT] == 0)
        return;
    limit_id id = (limit_id)(numbers[TOLD_LIMIT] - 1);
    const front_limit *rule = loop->front->gate->limits[id].rule;
    uint64_t burst = burst_of(rule);
    snprintf(reply->fields + used, sizeof reply->fields - used,
             "RateLimit-Policy: \"%s\";q=%llu;w=%llu\r\nRateLimit: \"%s\";r=%u;t=%u\r\n", names[id], (unsigned long long)burst,
             (unsigned long long)((ms_for(rule, burst) + 999) / 1000), names[id], (unsigned)numbers[TOLD_LEFT],
             (unsigned)(((uint64_t)numbers[TOLD_NEXT] + 999) / 1000));
}

/* ---- the gate */

static bool pass_list(front_loop *loop, http_exchange *exchange, const char *kind, seckill_bytes value, front_refused why) {
    if (!listed_has(loop, kind, value))
        return true;
    metrics_refused(&loop->metrics, why);
    answer_status(loop, exchange, SECKILL_BLACKLISTED,
                  why == REFUSED_ADDRESS_LISTED ? "the address is blacklisted" : "the user is blacklisted", 0);
    return false;
}

static void ban_network(front_loop *loop, const peer *from) {
    char network[PEER_NETWORK_TEXT];
    peer_network_text(from, network);
    listed_ban(loop, SECKILL_KIND_ADDRESS, (seckill_bytes){network, strlen(network)});
}

bool gate_address(front_loop *loop, http_exchange *exchange) {
    const char *field = loop->front->settings->trust_address_header, *wrong = NULL;
    int keeps_on;
    peer from;
    if (field != NULL)
        wrong = peer_read_field(exchange->request, field, &from);
    else
        peer_read((http_text){exchange->address, strlen(exchange->address)}, &from);
    if (wrong != NULL) {
        answer_problem(loop, exchange, CODE_BAD_REQUEST, wrong);
        return false;
    }
    if (from.size == 0)
        return true;
    seckill_bytes text = {from.text, strlen(from.text)};
    if (!pass_list(loop, exchange, SECKILL_KIND_ADDRESS, text, REFUSED_ADDRESS_LISTED))
        return false;
    if (pass(loop, exchange, LIMIT_ADDRESS, peer_network(&from), &keeps_on))
        return true;
    if (keeps_on)
        ban_network(loop, &from);
    return false;
}

bool gate_user(const front_call *call) {
    seckill_bytes user = {call->user.bytes, call->user.size};
    int keeps_on;
    bool granted = pass(call->loop, call->exchange, LIMIT_USER, user, &keeps_on);
    if (keeps_on)
        listed_ban(call->loop, SECKILL_KIND_USER, user);
    return granted;
}

bool gate_wish(const front_call *call, const wish *wanted) {
    seckill_bytes activity = {call->activity, strlen(call->activity)};
    seckill_bytes user = {call->user.bytes, call->user.size};
    int keeps_on;
    if (!listed_ready(call->loop)) {
        answer_status(call->loop, call->exchange, SECKILL_SERVER_BUSY, "the blacklist is not loaded yet", 0);
        return false;
    }
    if (!wanted->retry && !pass_list(call->loop, call->exchange, SECKILL_KIND_USER, user, REFUSED_USER_LISTED))
        return false;
    return pass(call->loop, call->exchange, LIMIT_ACTIVITY, activity, &keeps_on);
}
