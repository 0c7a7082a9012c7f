/* Everything at once: requests, polls, workers of which some stall, direct reserves, payments, cancellations, time, pauses and
 * lost connections, from two clients in random order. What each answers is judged by queue_checker.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_checker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 30, CALLS = 60, WORKERS = 6, TOKENS = 200, RECENT = 80, LIMIT = 6, HOLD_MS = 700, GRACE_MS = 400 };

typedef enum { IDLE, ENQUEUE, POLL, RESULT } call_kind;

typedef struct {
    call_kind kind;
    checker_start start;
    seckill_ticket ticket;
    sale_ticket_answer placed;
    sale_answer answer;
} call;

typedef struct {
    checker_request *request;
    seckill_reservation_ref ref;
} token;

typedef struct {
    rules *r;
    sale other;
    checker c;
    call calls[CALLS];
    queue_worker workers[WORKERS];
    checker_start worker_starts[WORKERS];
    bool at_work[WORKERS];
    uint32_t stalled[WORKERS]; /* turns for which it does nothing */
    token tokens[TOKENS];
    size_t token_count;
    uint32_t operations;
    bool with_kills;
} storm;

static bool is_bad(seckill_bytes user) {
    return queue_number_of(user) % 10 == 9;
}

static sale *any_client(storm *s) {
    return rules_below(s->r, 2) != 0 ? &s->r->sale : &s->other;
}

/* ---- calls of users ---- */

static checker_request *any_request(storm *s) {
    size_t count = s->c.count, recent = count < RECENT ? count : RECENT;

    if (count == 0 || rules_below(s->r, 2) == 0)
        return checker_new_request(&s->c, (int)rules_below(s->r, USERS), 1 + rules_below(s->r, 3));
    return &s->c.requests[count - 1 - rules_below(s->r, (uint32_t)recent)];
}

static void name_request(const checker_request *request, char user[16], char id[16]) {
    (void)snprintf(user, 16, "u%d", request->user);
    (void)snprintf(id, 16, "r%d", request->name);
}

static void start_enqueue(storm *s, call *made) {
    checker_request *request = any_request(s);
    char user[16], id[16];

    name_request(request, user, id);
    request->enqueues++;
    made->kind = ENQUEUE;
    made->start = checker_start_of(&s->c, request, 0);
    assert_status(sale_start_enqueue(any_client(s), user, id, request->quantity, request->created, &made->placed), SECKILL_OK);
}

static void start_poll(storm *s, call *made) {
    checker_request *request = any_request(s);

    if (!request->has_ticket)
        return;
    made->kind = POLL;
    made->ticket = request->ticket;
    made->start = checker_start_of(&s->c, request, 0);
    assert_status(sale_start_poll(any_client(s), &made->ticket, &made->placed), SECKILL_OK);
}

static void start_reserve(storm *s, call *made) {
    checker_request *request = any_request(s);
    char user[16], id[16];

    name_request(request, user, id);
    request->reserves++;
    made->kind = RESULT;
    made->start = checker_start_of(&s->c, request, 0);
    assert_status(sale_start_reserve_at(any_client(s), user, id, request->quantity, request->created, &made->answer),
                  SECKILL_OK);
}

static void start_settle(storm *s, call *made) {
    const token *chosen = &s->tokens[rules_below(s->r, (uint32_t)s->token_count)];
    seckill_confirm_options confirm = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_release_options release = SECKILL_RELEASE_OPTIONS_INIT;
    seckill_item *item = any_client(s)->item;
    uint32_t chance = rules_below(s->r, 3);
    seckill_status status;

    made->kind = RESULT;
    made->start = checker_start_of(&s->c, chosen->request, 0);
    memset(&made->answer, 0, sizeof(made->answer));
    confirm.ref = &chosen->ref;
    release.user.data = chosen->ref.user;
    release.user.size = chosen->ref.user_size;
    memcpy(release.reservation_id, chosen->ref.reservation_id, sizeof(release.reservation_id));
    if (chance == 0)
        status = seckill_confirm(item, &confirm, NULL, sale_on_result, &made->answer);
    else if (chance == 1)
        status = seckill_cancel(item, &release, NULL, sale_on_result, &made->answer);
    else
        status = seckill_refund(item, &release, NULL, sale_on_result, &made->answer);
    assert_status(status, SECKILL_OK);
}

static void start_call(storm *s, call *made) {
    uint32_t chance = rules_below(s->r, 100);

    if (chance < 40)
        start_enqueue(s, made);
    else if (chance < 75)
        start_poll(s, made);
    else if (chance < 80)
        start_reserve(s, made);
    else if (s->token_count != 0)
        start_settle(s, made);
}

static void keep_token(storm *s, checker_request *request, const seckill_reservation_ref *ref) {
    token *place = &s->tokens[s->token_count < TOKENS ? s->token_count++ : rules_below(s->r, TOKENS)];

    place->request = request;
    place->ref = *ref;
}

static void take_call(storm *s, call *made) {
    checker_request *request = made->start.request;

    if (made->kind == RESULT && made->answer.calls != 0) {
        checker_take_result(&s->c, &made->start, &made->answer);
        if (made->answer.has_ref)
            keep_token(s, request, &made->answer.ref);
        made->kind = IDLE;
    } else if (made->kind != IDLE && made->kind != RESULT && made->placed.calls != 0) {
        if (made->kind == ENQUEUE)
            checker_take_enqueue(&s->c, &made->start, &made->placed);
        else
            checker_take_poll(&s->c, &made->start, &made->ticket, &made->placed);
        if (made->placed.has_ref)
            keep_token(s, request, &made->placed.ref);
        made->kind = IDLE;
    }
}

/* ---- workers ---- */

static void start_worker(storm *s, uint32_t i) {
    queue_worker *worker = &s->workers[i];

    if (s->stalled[i] != 0) {
        s->stalled[i]--;
        return;
    }
    if (rules_below(s->r, 8) == 0)
        worker->count = 0; /* it was killed, and another takes its place */
    if (worker->count != 0)
        checker_will_decide(&s->c, worker->options.shard, worker->ids[worker->count - 1].n);
    s->worker_starts[i] = checker_start_of(&s->c, NULL, worker->options.shard);
    s->at_work[i] = true;
    queue_worker_start(worker);
}

static void take_worker(storm *s, uint32_t i) {
    checker_take_process(&s->c, &s->worker_starts[i], &s->workers[i]);
    s->at_work[i] = false;
    s->stalled[i] = rules_below(s->r, 4) == 0 ? rules_below(s->r, 60) : rules_below(s->r, 4);
}

/* ---- the weather ---- */

static void change_something(storm *s) {
    char id[16];

    switch (rules_below(s->r, 40)) {
    case 0:
        s->c.pauses++;
        s->c.paused = true;
        assert_status(sale_pause(&s->r->sale).status, SECKILL_OK);
        return;
    case 1:
    case 2:
        assert_status(sale_resume(&s->r->sale).status, SECKILL_OK);
        s->c.paused = false;
        return;
    case 3:
        (void)snprintf(id, sizeof(id), "load%u", s->operations++);
        assert_status(sale_load(&s->r->sale, id, 1 + (int64_t)rules_below(s->r, 5)).status, SECKILL_OK);
        return;
    case 4:
        if (s->with_kills) {
            s->c.kills++;
            redis_server_forget(redis_server_command(s->r->server, "CLIENT KILL TYPE normal SKIPME yes"));
        }
        return;
    case 5:
        assert_status(sale_expire(&s->r->sale).status, SECKILL_OK);
        return;
    default:
        if (rules_below(s->r, 3) == 0)
            rules_pass(s->r, 1 + (int64_t)rules_below(s->r, rules_below(s->r, 10) == 0 ? 700 : 30));
    }
}

static void turn(storm *s) {
    (void)uv_run(&s->r->sale.loop, UV_RUN_NOWAIT);
    (void)uv_run(&s->other.loop, UV_RUN_NOWAIT);
    for (int i = 0; i < CALLS; i++)
        take_call(s, &s->calls[i]);
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (s->at_work[i] && !s->workers[i].busy)
            take_worker(s, i);
    }
}

static bool is_calm(const storm *s) {
    for (int i = 0; i < CALLS; i++) {
        if (s->calls[i].kind != IDLE)
            return false;
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (s->at_work[i])
            return false;
    }
    return true;
}

static void blow(storm *s, uint32_t turns) {
    for (uint32_t t = 0; t < turns; t++) {
        for (int i = 0; i < CALLS; i++) {
            if (s->calls[i].kind == IDLE && rules_below(s->r, 4) == 0)
                start_call(s, &s->calls[i]);
        }
        for (uint32_t i = 0; i < WORKERS; i++) {
            if (!s->at_work[i])
                start_worker(s, i);
        }
        if (rules_below(s->r, 2) == 0)
            change_something(s);
        turn(s);
    }
    while (!is_calm(s))
        turn(s);
}

/* ---- a storm ---- */

static void begin(storm *s, rules *r, bool with_kills) {
    uint32_t shards = 1 + rules_below(r, 3);

    memset(s, 0, sizeof(*s));
    s->r = r;
    s->with_kills = with_kills;
    rules_sell(r, shards, LIMIT, HOLD_MS, GRACE_MS, 20 + (int64_t)rules_below(r, 200));
    checker_begin(&s->c, r);
    rules_freeze(r);
    rules_open_other(r, &s->other);
    for (uint32_t i = 0; i < WORKERS; i++)
        queue_worker_init(&s->workers[i], i % 2 != 0 ? &r->sale : &s->other, i % shards, 1 + rules_below(r, 30), is_bad);
}

/* When all is decided nobody waits, and everybody who was granted still is. */
static void settle(storm *s) {
    assert_status(sale_resume(&s->r->sale).status, SECKILL_OK);
    for (uint32_t k = 0; k < s->r->sale.shards; k++)
        checker_will_decide(&s->c, k, s->c.seen[k] + 1000000);
    (void)sale_decide_all(&s->r->sale);
    assert_int_equal(sale_stock(&s->r->sale).total.queued, 0);
    for (size_t i = 0; i < s->c.count; i++) {
        checker_request *request = &s->c.requests[i];
        checker_start start = checker_start_of(&s->c, request, 0);
        sale_ticket_answer answer;

        if (!request->has_ticket)
            continue;
        answer = sale_poll(&s->r->sale, &request->ticket);
        assert_int_not_equal(answer.state, SECKILL_TICKET_QUEUED);
        checker_take_poll(&s->c, &start, &request->ticket, &answer);
    }
    rules_check(s->r);
}

static void run_storm(void **state, bool with_kills) {
    rules *r = *state;
    storm *s = malloc(sizeof(*s));
    uint32_t parts = rules_rounds(6, 60);

    assert_non_null(s);
    (void)printf("storm: SECKILL_TEST_SEED=%" PRIu64 "\n", r->random);
    begin(s, r, with_kills);
    for (uint32_t i = 0; i < parts; i++) {
        blow(s, 120);
        rules_check(r);
    }
    settle(s);
    for (int i = 0; i < 8; i++)
        (void)printf("%s%" PRIu64 "%s", i == 0 ? "states answered: " : " ", s->c.states[i], i == 7 ? "\n" : "");
    sale_close(&s->other);
    checker_end(&s->c);
    free(s);
}

static void no_answer_is_impossible(void **state) {
    run_storm(state, false);
}

static void no_answer_is_impossible_where_connections_are_lost(void **state) {
    run_storm(state, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(no_answer_is_impossible),
        RULES_TEST(no_answer_is_impossible),
        RULES_TEST(no_answer_is_impossible_where_connections_are_lost),
        RULES_TEST(no_answer_is_impossible_where_connections_are_lost),
    };

    return RULES_RUN(tests);
}
