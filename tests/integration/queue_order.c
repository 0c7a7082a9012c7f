/* First come, first served, at scale: several clients enqueue while several workers of each shard decide; then everybody is
 * asked what became of him, and the places of each shard, and what is left, say whether that was right.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 3, SHARDS = 4, WORKERS = CLIENTS * SHARDS, BURST = 150, BAD = 11, IDS_OF_USER = 6 };

typedef struct {
    int user, id;
    uint32_t quantity;
    sale_ticket_answer answer, polled;
} request;

typedef struct {
    rules *r;
    sale others[CLIENTS - 1];
    queue_worker workers[WORKERS];
    uint32_t users, limit;
    int64_t units;            /* that are left, for the oracle */
    uint32_t refused[SHARDS]; /* the least that was refused for stock in each shard; 0: nothing was */
    size_t count, next;
    request *requests;
} crowd;

static bool is_bad(seckill_bytes user) {
    return queue_number_of(user) % BAD == 0;
}

static sale *client(crowd *c, uint32_t i) {
    return i == 0 ? &c->r->sale : &c->others[i - 1];
}

/* ---- the crowd ---- */

/* An id mostly asks for one quantity; users come back with another id, or with the same. */
static void start_request(crowd *c, request *q) {
    char user[16], id[16];

    q->user = (int)rules_below(c->r, c->users);
    q->id = (int)rules_below(c->r, IDS_OF_USER);
    q->quantity = rules_below(c->r, 20) == 0 ? 1 + rules_below(c->r, 3) : 1 + (uint32_t)q->id % 3;
    (void)snprintf(user, sizeof(user), "u%d", q->user);
    (void)snprintf(id, sizeof(id), "r%d", q->id);
    assert_status(sale_start_enqueue(client(c, rules_below(c->r, CLIENTS)), user, id, q->quantity, c->r->now_ms, &q->answer),
                  SECKILL_OK);
}

static void begin(crowd *c, rules *r) {

    c->r = r;
    c->count = rules_rounds(4000, 100000);
    c->users = 1 + (uint32_t)c->count / (1 + rules_below(r, 6));
    c->limit = 1 + rules_below(r, 5);
    c->requests = calloc(c->count, sizeof(*c->requests));
    assert_non_null(c->requests);
    rules_sell(r, SHARDS, c->limit, 60000, 0, 1 + (int64_t)rules_below(r, (uint32_t)c->count));
    rules_freeze(r);
    c->units = sale_stock(&r->sale).total.available;
    for (uint32_t i = 0; i + 1 < CLIENTS; i++)
        rules_open_other(r, &c->others[i]);
    for (uint32_t i = 0; i < WORKERS; i++)
        queue_worker_init(&c->workers[i], client(c, i % CLIENTS), i / CLIENTS, 1 + rules_below(r, 200), is_bad);
}

static void start_workers(crowd *c) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (!c->workers[i].busy && rules_below(c->r, 3) == 0)
            queue_worker_start(&c->workers[i]);
    }
}

/* As long as anything waits for them. */
static void finish_workers(crowd *c) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (!c->workers[i].busy && c->workers[i].waiting != 0)
            queue_worker_start(&c->workers[i]);
    }
}

static void run_all(crowd *c) {
    for (uint32_t i = 0; i < CLIENTS; i++)
        (void)uv_run(&client(c, i)->loop, UV_RUN_NOWAIT);
}

static bool all_done(const crowd *c) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (c->workers[i].busy || c->workers[i].waiting != 0)
            return false;
    }
    return true;
}

/* Bursts of requests while the workers go on; then the workers alone. */
static void rush(crowd *c) {
    size_t answered = 0;

    while (answered < c->count) {
        for (uint32_t i = rules_below(c->r, BURST); i > 0 && c->next < c->count && c->next - answered < 1000; i--)
            start_request(c, &c->requests[c->next++]);
        start_workers(c);
        run_all(c);
        while (answered < c->next && c->requests[answered].answer.calls != 0)
            answered++;
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        c->workers[i].waiting = 1; /* perhaps: what it saw last is old */
    while (!all_done(c)) {
        finish_workers(c);
        run_all(c);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_status(c->workers[i].status, SECKILL_OK);
}

/* ---- who must have been granted ---- */

typedef struct {
    int64_t held;
    uint32_t quantity[IDS_OF_USER]; /* of the record of an id; 0: there is none */
    bool blacklisted[IDS_OF_USER];
    uint32_t granted[IDS_OF_USER]; /* what its tickets say that it was granted */
} person;

static int by_place(const void *a, const void *b) {
    const request *left = *(request *const *)a, *right = *(request *const *)b;

    if (left->answer.ticket.shard != right->answer.ticket.shard)
        return left->answer.ticket.shard < right->answer.ticket.shard ? -1 : 1;
    return left->answer.ticket.n < right->answer.ticket.n ? -1 : 1;
}

typedef struct {
    uint64_t decided, granted, blacklisted;
} outcome;

/* What a decision in this place does, by the rules and not by the scripts. Who was refused for stock the shards together
 * decide, and their places have no order; but units only become fewer, so nobody behind him got as many. */
static void decide(crowd *c, const request *q, person *who, outcome *o) {
    uint32_t *refused = &c->refused[q->answer.ticket.shard];
    bool bad = q->user % BAD == 0, granted = who->granted[q->id] == q->quantity;

    if (who->quantity[q->id] != 0)
        return;
    o->decided++;
    o->blacklisted += bad;
    if (!bad && who->held + q->quantity > c->limit)
        return;
    if (!bad && !granted) {
        if (*refused == 0 || *refused > q->quantity)
            *refused = q->quantity;
        return;
    }
    if (!bad && *refused != 0 && *refused <= q->quantity)
        fail_msg("place %u of shard %u was granted past someone who was refused", (unsigned)q->answer.ticket.n,
                 (unsigned)q->answer.ticket.shard);
    who->quantity[q->id] = q->quantity;
    who->blacklisted[q->id] = bad;
    if (bad)
        return;
    o->granted++;
    who->held += q->quantity;
    c->units -= q->quantity;
}

static outcome decide_all(crowd *c, person *people) {
    request **queued = calloc(c->count, sizeof(*queued));
    outcome o = {0, 0, 0};
    size_t count = 0;

    assert_non_null(queued);
    for (size_t i = 0; i < c->count; i++) {
        if (c->requests[i].answer.has_ticket)
            queued[count++] = &c->requests[i];
    }
    assert_true(count != 0);
    qsort(queued, count, sizeof(*queued), by_place);
    for (size_t i = 0; i < count; i++) {
        bool first = i == 0 || queued[i]->answer.ticket.shard != queued[i - 1]->answer.ticket.shard;

        assert_int_equal(queued[i]->answer.ticket.n, first ? 1 : queued[i - 1]->answer.ticket.n + 1);
        decide(c, queued[i], &people[queued[i]->user], &o);
    }
    free(queued);
    return o;
}

static void check_answer(const request *q, const person *who) {
    uint32_t granted = who->quantity[q->id];

    if (granted == 0)
        queue_assert_state(&q->polled, SECKILL_TICKET_REFUSED);
    else if (granted != q->quantity)
        queue_assert_refused(&q->polled, SECKILL_CONFLICT);
    else if (who->blacklisted[q->id])
        queue_assert_refused(&q->polled, SECKILL_BLACKLISTED);
    else
        queue_assert_state(&q->polled, SECKILL_TICKET_GRANTED);
}

/* Enqueue may have known already what its id, or the user's limit, had come to. */
static void check_unqueued(const crowd *c, const request *q, const person *who) {
    switch (q->answer.status) {
    case SECKILL_OK:
        assert_int_equal(q->answer.replayed, 1);
        assert_int_equal(who->quantity[q->id], q->quantity);
        return;
    case SECKILL_CONFLICT:
        assert_true(who->quantity[q->id] != 0 && who->quantity[q->id] != q->quantity);
        return;
    default:
        assert_status(q->answer.status, SECKILL_LIMIT_REACHED);
        assert_true(who->held + q->quantity > c->limit);
    }
}

static void ask_everybody(crowd *c, person *people) {
    for (size_t i = 0; i < c->count; i++) {
        request *q = &c->requests[i];

        if (!q->answer.has_ticket)
            continue;
        assert_status(sale_start_poll(&c->r->sale, &q->answer.ticket, &q->polled), SECKILL_OK);
        if (i % BURST == 0)
            sale_wait_tickets(&c->r->sale, &q->polled, 1);
    }
    for (size_t i = 0; i < c->count; i++) {
        request *q = &c->requests[i];

        if (!q->answer.has_ticket)
            continue;
        sale_wait_tickets(&c->r->sale, &q->polled, 1);
        if (q->polled.state == SECKILL_TICKET_GRANTED)
            people[q->user].granted[q->id] = q->quantity;
    }
}

static void check_answers(const crowd *c, const person *people) {
    for (size_t i = 0; i < c->count; i++) {
        const request *q = &c->requests[i];

        if (q->answer.has_ticket)
            check_answer(q, &people[q->user]);
        else
            check_unqueued(c, q, &people[q->user]);
    }
}

static void check_sums(crowd *c, const outcome *expected) {
    outcome sum = {0, 0, 0};
    sale_stock_answer stock = sale_stock(&c->r->sale);

    for (uint32_t i = 0; i < WORKERS; i++) {
        sum.decided += c->workers[i].all_decided;
        sum.granted += c->workers[i].all_granted;
        sum.blacklisted += c->workers[i].all_blacklisted;
    }
    assert_int_equal(sum.decided, expected->decided);
    assert_int_equal(sum.granted, expected->granted);
    assert_int_equal(sum.blacklisted, expected->blacklisted);
    assert_int_equal(stock.total.available, c->units);
    assert_int_equal(stock.total.transferred_out, stock.total.transferred_in);
    /* Nobody was refused for stock who could have had what is left. */
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_true(c->refused[i] == 0 || c->refused[i] > c->units);
}

static void the_order_alone_says_who_is_granted(void **state) {
    crowd *c = calloc(1, sizeof(*c));
    person *people;
    outcome expected;

    assert_non_null(c);
    begin(c, *state);
    people = calloc(c->users, sizeof(*people));
    assert_non_null(people);
    rush(c);
    rules_check(c->r);
    ask_everybody(c, people);
    expected = decide_all(c, people);
    check_sums(c, &expected);
    check_answers(c, people);
    for (uint32_t i = 0; i + 1 < CLIENTS; i++)
        sale_close(&c->others[i]);
    free(people);
    free(c->requests);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(the_order_alone_says_who_is_granted),
        RULES_TEST(the_order_alone_says_who_is_granted),
        RULES_TEST(the_order_alone_says_who_is_granted),
    };

    return RULES_RUN(tests);
}
