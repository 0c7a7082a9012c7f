/* The model's moves of the queue. */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_model.h"

#include <string.h>

static void compare_ticket(int user, const sale_ticket_answer *answer, const oracle_ticket *expected) {
    assert_status(answer->status, expected->status);
    assert_int_equal(answer->state, expected->state);
    assert_status(answer->reason, expected->reason);
    assert_int_equal(answer->replayed, expected->replayed);
    assert_int_equal(answer->requeued, 0);
    assert_int_equal(answer->position, expected->position);
    assert_int_equal(answer->has_ticket, expected->state == SECKILL_TICKET_QUEUED);
    assert_int_equal(answer->has_ref, expected->state == SECKILL_TICKET_GRANTED);
    if (answer->has_ticket)
        assert_int_equal(answer->ticket.n, expected->n);
    if (expected->record != NULL)
        model_compare_record(user, &answer->reservation, expected->record);
    else
        assert_int_equal(answer->reservation.state, 0);
}

static void keep_ticket(game *g, int user, int request, const seckill_ticket *ticket) {
    size_t place = g->ticket_count < TOKENS ? g->ticket_count++ : rules_below(g->r, TOKENS);

    g->tickets[place].user = user;
    g->tickets[place].request = request;
    g->tickets[place].ticket = *ticket;
}

int model_enqueue(game *g) {
    int user = (int)rules_below(g->r, ORACLE_USERS), request = (int)rules_below(g->r, REQUESTS);
    uint32_t quantity = 1 + rules_below(g->r, 3);
    int64_t created = g->o.now - (rules_below(g->r, 5) == 0 ? (int64_t)rules_below(g->r, 700) : 0);
    sale_ticket_answer answer =
        sale_enqueue_at(&g->r->sale, model_name('u', user), model_name('r', request), quantity, created);
    oracle_ticket expected = oracle_enqueue(&g->o, user, request, quantity, created);

    compare_ticket(user, &answer, &expected);
    if (answer.has_ref)
        model_keep_token(g, user, request, &answer.ref);
    if (answer.has_ticket)
        keep_ticket(g, user, request, &answer.ticket);
    return user;
}

int model_refuse(game *g) {
    static const seckill_status reasons[] = {SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_LIMIT_REACHED, SECKILL_ENDED,
                                             SECKILL_BLACKLISTED};
    int user = (int)rules_below(g->r, ORACLE_USERS), request = (int)rules_below(g->r, REQUESTS);
    uint32_t quantity = 1 + rules_below(g->r, 3);
    int64_t created = g->o.now - (rules_below(g->r, 5) == 0 ? (int64_t)rules_below(g->r, 1100) : 0);
    seckill_status reason = reasons[rules_below(g->r, 5)];
    sale_ticket_answer answer =
        sale_refuse(&g->r->sale, model_name('u', user), model_name('r', request), quantity, created, reason);
    oracle_ticket expected = oracle_refuse(&g->o, user, request, quantity, created, reason);

    compare_ticket(user, &answer, &expected);
    if (answer.has_ref)
        model_keep_token(g, user, request, &answer.ref);
    return user;
}

void model_wait_outside(game *g) {
    int user = (int)rules_below(g->r, ORACLE_USERS), request = (int)rules_below(g->r, REQUESTS);
    seckill_ticket ticket =
        sale_outside(&g->r->sale, model_name('u', user), model_name('r', request), 1 + rules_below(g->r, 3), g->o.now);

    keep_ticket(g, user, request, &ticket);
}

int model_poll(game *g) {
    uint32_t place = rules_below(g->r, (uint32_t)g->ticket_count);
    const seckill_ticket *ticket = &g->tickets[place].ticket;
    int user = g->tickets[place].user, request = g->tickets[place].request;
    sale_ticket_answer answer = sale_poll(&g->r->sale, ticket);
    oracle copy = g->o;
    oracle_ticket expected = oracle_poll(&copy, user, request, ticket->quantity, ticket->n, ticket->since_ms);

    compare_ticket(user, &answer, &expected);
    if (answer.has_ref)
        model_keep_token(g, user, request, &answer.ref);
    return user;
}

static void compare_waiting(game *g, uint32_t k, uint32_t max) {
    const oracle_shard *shard = &g->o.shards[k];
    uint64_t waiting = shard->enqueued - shard->decided;

    assert_int_equal(g->queue.waiting, waiting);
    assert_int_equal(g->queue.count, waiting < max ? waiting : max);
    for (size_t i = 0; i < g->queue.count; i++) {
        const oracle_waiting *expected = &shard->queue[shard->decided + i];

        assert_int_equal(g->queue.entries[i].id.n, shard->decided + i + 1);
        assert_int_equal(g->queue.entries[i].quantity, expected->quantity);
        assert_int_equal(g->queue.entries[i].since_ms, expected->since);
        assert_string_equal(g->queue.users[i], model_name('u', expected->user));
    }
}

/* Sometimes the worker forgets what it is handed out, and comes back with what it screened before. */
void model_process(game *g) {
    uint32_t k = rules_below(g->r, g->o.settings.shards);
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;
    uint8_t verdicts[16];
    oracle_decisions expected;

    for (size_t i = 0; i < sizeof(verdicts); i++)
        verdicts[i] = rules_below(g->r, 6) == 0;
    options.shard = k;
    options.max = rules_below(g->r, sizeof(verdicts) + 1);
    options.from = g->screened[k][0];
    options.to = g->screened[k][1];
    options.blacklisted = verdicts;
    options.blacklisted_count = sizeof(verdicts);
    assert_status(sale_process(model_newcomer(g), &options, &g->queue), SECKILL_OK);
    expected = oracle_process(&g->o, k, options.from.n, options.to.n, verdicts);
    assert_status(g->queue.stopped, expected.stopped);
    assert_int_equal(g->queue.decided, expected.decided);
    assert_int_equal(g->queue.granted, expected.granted);
    assert_int_equal(g->queue.refused, expected.refused);
    assert_int_equal(g->queue.blacklisted, expected.blacklisted);
    compare_waiting(g, k, options.max);
    if (g->queue.count == 0 || rules_below(g->r, 4) == 0)
        return;
    g->screened[k][0] = g->queue.entries[0].id;
    g->screened[k][1] = g->queue.entries[g->queue.count - 1].id;
}
