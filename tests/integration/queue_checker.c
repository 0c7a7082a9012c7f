#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void checker_begin(checker *c, rules *r) {
    sale_item_answer info = sale_get(&r->sale);

    memset(c, 0, sizeof(*c));
    c->r = r;
    memcpy(c->seed, info.seed, sizeof(c->seed));
    c->requests = calloc(CHECKER_REQUESTS, sizeof(*c->requests));
    assert_non_null(c->requests);
}

void checker_end(checker *c) {
    free(c->requests);
}

checker_request *checker_new_request(checker *c, int user, uint32_t quantity) {
    checker_request *request = &c->requests[c->count];
    char name[16];
    seckill_bytes bytes = {name, 0};

    assert_true(c->count < CHECKER_REQUESTS);
    request->user = user;
    request->name = (int)c->count++;
    request->quantity = quantity;
    request->created = c->r->now_ms;
    bytes.size = (size_t)snprintf(name, sizeof(name), "u%d", user);
    request->shard = seckill_shard_of(bytes, c->seed, c->r->sale.shards);
    return request;
}

checker_start checker_start_of(checker *c, checker_request *request, uint32_t shard) {
    checker_start start;

    memset(&start, 0, sizeof(start));
    start.request = request;
    if (request != NULL) {
        start.state = request->state;
        start.refused = request->refused;
        start.lives_until = request->lives_until;
        shard = request->shard;
    }
    start.clock = c->r->now_ms;
    start.decided = c->decided[shard];
    start.seen = c->seen[shard];
    start.pauses = c->pauses;
    start.kills = c->kills;
    start.paused = c->paused;
    return start;
}

void checker_will_decide(checker *c, uint32_t shard, uint64_t to_n) {
    if (to_n > c->may_decide[shard])
        c->may_decide[shard] = to_n;
}

/* ---- the queue's two ends ---- */

static void raise_to(uint64_t *what, uint64_t to) {
    if (to > *what)
        *what = to;
}

/* The cursor never goes back, and nothing but a worker's call moves it. */
static void take_cursor(checker *c, const checker_start *start, uint32_t shard, uint64_t decided) {
    assert_true(decided >= start->decided);
    assert_true(decided <= c->may_decide[shard]);
    raise_to(&c->decided[shard], decided);
}

static void take_place(checker *c, const checker_start *start, const sale_ticket_answer *answer) {
    uint32_t shard = start->request->shard;

    assert_int_equal(answer->ticket.shard, shard);
    assert_true(answer->position >= 1 && answer->position <= answer->ticket.n);
    take_cursor(c, start, shard, answer->ticket.n - answer->position);
    raise_to(&c->seen[shard], answer->ticket.n);
}

/* ---- records ---- */

/* What may become of a record that was seen in a state. */
static bool may_become(int from, int to) {
    switch (from) {
    case 0:
    case SECKILL_TICKET_GRANTED:
        return true;
    case SECKILL_TICKET_EXPIRED: /* a late confirm takes it again */
        return to == SECKILL_TICKET_EXPIRED || to == SECKILL_TICKET_SOLD || to == SECKILL_TICKET_REFUNDED;
    case SECKILL_TICKET_SOLD:
        return to == SECKILL_TICKET_SOLD || to == SECKILL_TICKET_REFUNDED;
    default:
        return to == from;
    }
}

static int state_of(const seckill_reservation *record) {
    return record->state == SECKILL_RESERVATION_REFUSED ? SECKILL_TICKET_REFUSED : (int)record->state + 1;
}

static int64_t life_of(const seckill_reservation *record) {
    if (record->state == SECKILL_RESERVATION_SOLD || record->state == SECKILL_RESERVATION_REFUNDED)
        return INT64_MAX;
    return record->state == SECKILL_RESERVED ? record->ends_ms + CHECKER_REMEMBER_MS : record->ends_ms;
}

/* Whether it can have been granted by now: somebody was asked to decide a place of it, or it was reserved directly. */
static bool may_be_decided(const checker *c, const checker_request *request) {
    if (request->reserves != 0 || request->enqueues > 1 || c->kills != 0 || !request->has_ticket)
        return true;
    return request->ticket.n <= c->may_decide[request->shard];
}

static void take_record(checker *c, const checker_start *start, const seckill_reservation *record) {
    checker_request *request = start->request;
    int state = state_of(record);

    c->states[state]++;
    assert_true(may_become(start->state, state));
    assert_true(may_be_decided(c, request));
    assert_int_equal(record->quantity, request->quantity);
    /* Once forgotten it never comes back; refused at its only place it never was granted. */
    if (start->state == SECKILL_TICKET_CANCELLED || start->state == SECKILL_TICKET_REFUSED)
        assert_true(start->clock < start->lives_until); /* others are ended when somebody looks: no sooner, maybe later */
    if (start->refused && request->enqueues == 1 && request->reserves == 0 && c->kills == 0)
        assert_int_equal(state, SECKILL_TICKET_REFUSED);
    if (state == SECKILL_TICKET_GRANTED) {
        assert_true(request->granted_at == 0 || request->granted_at == record->since_ms); /* one grant for ever */
        request->granted_at = record->since_ms;
    }
    if (!may_become(request->state, state)) /* a call that overlapped has seen more */
        return;
    request->state = state;
    request->lives_until = life_of(record);
}

/* No record: none can have been seen before but one that time has taken. */
static void take_no_record(checker *c, const checker_start *start) {
    c->states[0]++;
    assert_true(start->state == 0 || c->r->now_ms >= start->lives_until);
}

/* ---- answers ---- */

static bool was_paused(const checker *c, const checker_start *start) {
    return start->paused || c->pauses != start->pauses;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void take_refusal(checker *c, const checker_start *start, seckill_status status) {
    take_no_record(c, start);
    if (status == SECKILL_PAUSED)
        assert_true(was_paused(c, start));
    else if (status == SECKILL_TOO_OLD)
        assert_true(start->request->created + CHECKER_WINDOW_MS < c->r->now_ms);
    else
        assert_true(status == SECKILL_SOLD_OUT || status == SECKILL_NOT_ENOUGH || status == SECKILL_LIMIT_REACHED ||
                    status == SECKILL_BUSY || status == SECKILL_NO_RESERVATION || status == SECKILL_EXPIRED);
}

void checker_take_enqueue(checker *c, const checker_start *start, const sale_ticket_answer *answer) {
    checker_request *request = start->request;

    assert_int_equal(answer->calls, 1);
    assert_int_equal(answer->requeued, 0);
    if (answer->status == SECKILL_UNKNOWN)
        return; /* not enqueued by the last sending; maybe by one whose answer was lost */
    if (answer->status != SECKILL_OK) {
        assert_false(answer->status == SECKILL_SOLD_OUT || answer->status == SECKILL_NOT_ENOUGH);
        take_refusal(c, start, answer->status);
        return;
    }
    assert_int_equal(answer->replayed, answer->state != SECKILL_TICKET_QUEUED);
    if (answer->state != SECKILL_TICKET_QUEUED) {
        take_record(c, start, &answer->reservation);
        return;
    }
    take_no_record(c, start);
    assert_true(answer->ticket.n > start->seen); /* behind all that had come */
    assert_false(start->paused && c->paused && c->pauses == start->pauses);
    assert_true(start->clock <= request->created + CHECKER_WINDOW_MS);
    assert_in_range(answer->ticket.since_ms, smaller(request->created, start->clock), smaller(request->created, c->r->now_ms));
    take_place(c, start, answer);
    c->states[SECKILL_TICKET_QUEUED]++;
    request->has_ticket = true;
    request->ticket = answer->ticket;
}

void checker_take_poll(checker *c, const checker_start *start, const seckill_ticket *ticket, const sale_ticket_answer *answer) {
    int64_t too_old = ticket->since_ms + CHECKER_REMEMBER_MS;

    assert_int_equal(answer->calls, 1);
    assert_int_equal(answer->requeued, 0); /* there is one epoch here */
    if (answer->reservation.state != 0) {
        take_record(c, start, &answer->reservation);
        return;
    }
    take_no_record(c, start);
    if (answer->status == SECKILL_TOO_OLD) {
        assert_true(c->r->now_ms >= too_old);
        return;
    }
    assert_status(answer->status, SECKILL_OK);
    assert_true(start->clock < too_old);
    if (answer->state == SECKILL_TICKET_QUEUED) {
        assert_memory_equal(&answer->ticket, ticket, sizeof(*ticket));
        take_place(c, start, answer);
    } else {
        assert_int_equal(answer->state, SECKILL_TICKET_REFUSED);
        assert_true(ticket->n <= c->may_decide[start->request->shard]); /* somebody has been asked to decide it */
        assert_true(answer->reason == SECKILL_SOLD_OUT || answer->reason == SECKILL_NOT_ENOUGH ||
                    answer->reason == SECKILL_LIMIT_REACHED || answer->reason == SECKILL_BUSY);
        start->request->refused = true;
    }
    c->states[answer->state]++;
}

void checker_take_result(checker *c, const checker_start *start, const sale_answer *answer) {
    assert_int_equal(answer->calls, 1);
    if (answer->reservation.state != 0)
        take_record(c, start, &answer->reservation);
    else if (answer->status == SECKILL_PAUSED)
        assert_true(was_paused(c, start)); /* a late confirm says so of a record that it leaves as it is */
    else
        take_refusal(c, start, answer->status);
}

void checker_take_process(checker *c, const checker_start *start, const queue_worker *worker) {
    uint32_t shard = worker->options.shard;
    uint64_t before = c->seen[shard];

    assert_status(worker->status, SECKILL_OK);
    if (worker->stopped != SECKILL_OK) {
        assert_status(worker->stopped, SECKILL_PAUSED);
        assert_true(was_paused(c, start));
    }
    assert_true(worker->count <= worker->waiting);
    for (size_t i = 1; i < worker->count; i++)
        assert_int_equal(worker->ids[i].n, worker->ids[i - 1].n + 1);
    if (worker->count != 0) {
        take_cursor(c, start, shard, worker->ids[0].n - 1);
        raise_to(&c->seen[shard], worker->ids[0].n - 1 + worker->waiting);
        /* What it says that it has decided does not wait. Others may have begun its range, or cut it where units were short. */
        if (worker->decided != 0)
            assert_true(worker->ids[0].n >= worker->options.from.n + worker->decided);
    } else if (worker->waiting == 0) {
        assert_true(start->seen <= c->may_decide[shard]);
        raise_to(&c->decided[shard], start->seen);
    }
    assert_true(c->seen[shard] >= before);
}
