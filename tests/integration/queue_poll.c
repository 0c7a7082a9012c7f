/* What a poll answers: every state of a request, and tickets of another life of Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- states ---- */

static void a_poll_changes_nothing(void **state) {
    rules *r = *state;
    sale_ticket_answer waiting, granted, expired, refused;
    char *before, *after;

    rules_sell(r, 1, 1, 1000, 0, 2);
    rules_freeze(r);
    expired = queue_enqueue(r, "early", "r", 1);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    rules_pass(r, 500);
    granted = queue_enqueue(r, "u", "r", 1);
    refused = queue_enqueue(r, "v", "r", 1);
    assert_int_equal(sale_decide_all(&r->sale), 2);
    waiting = queue_enqueue(r, "w", "r", 1);
    rules_pass(r, 500); /* overdue, and nobody has looked */
    before = rules_everything(r);
    queue_assert_poll(r, &waiting, SECKILL_TICKET_QUEUED);
    queue_assert_poll(r, &granted, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &expired, SECKILL_TICKET_EXPIRED);
    queue_assert_poll_refused(r, &refused, SECKILL_SOLD_OUT);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    rules_check(r);
}

/* From the grant to the end of its memory; a late confirm takes an expired one again. */
static void a_ticket_follows_its_reservation(void **state) {
    rules *r = *state;
    sale_ticket_answer a, b, polled;

    rules_sell(r, 1, 1, 1000, 500, 2);
    rules_freeze(r);
    a = queue_enqueue(r, "a", "r", 1);
    b = queue_enqueue(r, "b", "r", 1);
    assert_int_equal(sale_decide_all(&r->sale), 2);
    polled = queue_poll(r, &a);
    rules_pass(r, 999);
    queue_assert_poll(r, &a, SECKILL_TICKET_GRANTED);
    rules_pass(r, 1);
    queue_assert_poll(r, &a, SECKILL_TICKET_EXPIRED);
    assert_status(sale_confirm(&r->sale, &polled.ref, "o").status, SECKILL_OK);
    queue_assert_poll(r, &a, SECKILL_TICKET_SOLD);
    assert_int_equal(sale_expire(&r->sale).units, 1);
    rules_pass(r, 1999); /* b is remembered from when it ended */
    queue_assert_poll(r, &b, SECKILL_TICKET_EXPIRED);
    rules_pass(r, 1);
    polled = queue_poll(r, &b);
    assert_status(polled.status, SECKILL_TOO_OLD);
    queue_assert_poll(r, &a, SECKILL_TICKET_SOLD);
    rules_check(r);
}

/* Whatever became of the queue, and by whichever way it was granted. */
static void a_grant_is_seen_before_the_queue(void **state) {
    rules *r = *state;
    sale_ticket_answer ticket;

    rules_sell(r, 1, 2, 60000, 0, 5);
    rules_freeze(r);
    ticket = queue_enqueue(r, "u", "r", 1);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_OK); /* directly, with the same id */
    queue_assert_poll(r, &ticket, SECKILL_TICKET_GRANTED);
    assert_int_equal(sale_decide_all(&r->sale), 0);
    queue_assert_poll(r, &ticket, SECKILL_TICKET_GRANTED);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 1);
    rules_set_field(r, 0, "epoch", rules_field(r, 0, "epoch") + 1);
    queue_assert_poll(r, &ticket, SECKILL_TICKET_GRANTED);
    ticket.ticket.n = 99; /* a place that never was */
    queue_assert_poll(r, &ticket, SECKILL_TICKET_GRANTED);
    ticket.ticket.quantity = 2;
    queue_assert_poll_refused(r, &ticket, SECKILL_CONFLICT);
    rules_check(r);
}

/* A refusal is not remembered: units that come back do not make it a grant, nor a place. */
static void a_refusal_stays_one(void **state) {
    rules *r = *state;
    sale_ticket_answer refused;

    rules_sell(r, 1, 2, 60000, 0, 0);
    rules_freeze(r);
    refused = queue_enqueue(r, "u", "r", 2);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    queue_assert_poll_refused(r, &refused, SECKILL_SOLD_OUT);
    assert_status(sale_load(&r->sale, "more", 1).status, SECKILL_OK);
    queue_assert_poll_refused(r, &refused, SECKILL_NOT_ENOUGH);
    assert_status(sale_load(&r->sale, "yet-more", 9).status, SECKILL_OK);
    queue_assert_poll_refused(r, &refused, SECKILL_SOLD_OUT);
    assert_status(rules_reserve(r, "u", "other", 1).status, SECKILL_OK);
    queue_assert_poll_refused(r, &refused, SECKILL_LIMIT_REACHED);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    queue_assert_poll_refused(r, &refused, SECKILL_LIMIT_REACHED);
    assert_status(sale_stock(&r->sale).status, SECKILL_OK);
    rules_check(r);
}

/* Many tickets of all states in one batch: each gets its own answer. */
static void a_batch_of_polls(void **state) {
    enum { REQUESTS = 400, UNITS = 100, DECIDED = 250 };
    rules *r = *state;
    queue_worker *worker = malloc(sizeof(*worker));
    sale_ticket_answer *tickets, *polled = calloc(REQUESTS, sizeof(*polled));
    uint32_t refused[2] = {0, 0}, granted = 0;

    assert_true(worker != NULL && polled != NULL);
    rules_sell(r, 2, 1, 60000, 0, UNITS);
    rules_freeze(r);
    tickets = queue_enqueue_many(r, "u", REQUESTS);
    for (uint32_t shard = 0; shard < 2; shard++) {
        queue_worker_init(worker, &r->sale, shard, DECIDED / 2, NULL);
        queue_worker_step(worker);
        queue_worker_step(worker);
    }
    for (size_t i = 0; i < REQUESTS; i++)
        assert_status(sale_start_poll(&r->sale, &tickets[i].ticket, &polled[i]), SECKILL_OK);
    sale_wait_tickets(&r->sale, polled, REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        uint64_t n = tickets[i].ticket.n;

        if (n > DECIDED / 2) {
            queue_assert_queued(&polled[i], n - DECIDED / 2);
        } else if (polled[i].state == SECKILL_TICKET_GRANTED) {
            granted++;
            assert_int_equal(refused[tickets[i].ticket.shard], 0); /* first come, first served: units that moved here too */
        } else {
            queue_assert_refused(&polled[i], SECKILL_SOLD_OUT);
            refused[tickets[i].ticket.shard]++;
        }
    }
    assert_int_equal(granted, UNITS);
    free(worker);
    free(tickets);
    free(polled);
    rules_check(r);
}

/* ---- another life of Redis ---- */

/* As a restart leaves it whose first script has run: the test's clock goes on. */
static void next_epoch(rules *r) {
    rules_set_field(r, 0, "epoch", rules_field(r, 0, "epoch") + 1);
}

/* As if the last requests, which share the last entry, had been lost. */
static void lose_last_entry(rules *r, long long requests) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *last = redis_server_command(r->server, "XREVRANGE %s + - COUNT 1", sale_key(&r->sale, 0, "queue", key));

    assert_int_equal(last->elements, 1);
    assert_int_equal(redis_server_integer(r->server, "XDEL %s %s", key, last->element[0]->element[0]->str), 1);
    rules_set_field(r, 0, "enqueued", rules_field(r, 0, "enqueued") - requests);
    redis_server_forget(last);
}

static void assert_requeued(const sale_ticket_answer *answer, const sale_ticket_answer *from, uint64_t position) {
    queue_assert_queued(answer, position);
    assert_int_equal(answer->requeued, 1);
    assert_true(answer->ticket.epoch > from->ticket.epoch);
    assert_int_equal(answer->ticket.since_ms, from->ticket.since_ms);
    assert_int_equal(answer->ticket.valid_until_ms, from->ticket.valid_until_ms);
    assert_memory_equal(answer->ticket.reservation_id, from->ticket.reservation_id, SECKILL_RESERVATION_ID_SIZE);
}

static void what_survived_keeps_its_place(void **state) {
    rules *r = *state;
    sale_ticket_answer a, b, c, late, polled;

    rules_sell(r, 1, 1, 60000, 0, 5);
    rules_freeze(r);
    a = queue_enqueue(r, "a", "r", 1);
    b = queue_enqueue(r, "b", "r", 1);
    c = queue_enqueue(r, "c", "r", 1);
    lose_last_entry(r, 1);
    next_epoch(r);
    late = queue_enqueue(r, "late", "r", 1); /* gets the number that c had */
    assert_int_equal(late.ticket.n, c.ticket.n);
    polled = queue_poll(r, &b);
    queue_assert_queued(&polled, 2);
    assert_int_equal(polled.requeued, 0);
    assert_memory_equal(&polled.ticket, &b.ticket, sizeof(b.ticket));
    rules_pass(r, 10);
    polled = queue_poll(r, &c);
    assert_requeued(&polled, &c, 4);
    queue_assert_poll(r, &late, SECKILL_TICKET_QUEUED);
    rules_check(r);
    assert_int_equal(sale_decide_all(&r->sale), 4);
    queue_assert_poll(r, &a, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &c, SECKILL_TICKET_GRANTED);
    rules_check(r);
}

/* In another epoch the cursor proves nothing about a ticket; decided again, it is refused by a decision. */
static void nobody_is_refused_by_a_cursor_of_another_epoch(void **state) {
    rules *r = *state;
    sale_ticket_answer a, again;

    rules_sell(r, 1, 1, 60000, 0, 0);
    rules_freeze(r);
    a = queue_enqueue(r, "a", "r", 1);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    next_epoch(r);
    again = queue_poll(r, &a);
    assert_requeued(&again, &a, 1);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    queue_assert_poll_refused(r, &again, SECKILL_SOLD_OUT);
    rules_check(r);
}

/* Neither the sale's state nor the window nor max_queue itself stand in its way; only the end of its time does. */
static void what_was_promised_is_enqueued_again_always(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 60000, 0);
    sale_ticket_answer a, again;

    settings.max_queue = 1;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    rules_freeze(r);
    a = queue_enqueue(r, "a", "r", 1);
    lose_last_entry(r, 1);
    next_epoch(r);
    assert_status(queue_enqueue(r, "b", "r", 1).status, SECKILL_OK);
    assert_status(queue_enqueue(r, "c", "r", 1).status, SECKILL_BUSY);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    rules_pass(r, 1999);
    again = queue_poll(r, &a);
    assert_requeued(&again, &a, 2);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    next_epoch(r);
    lose_last_entry(r, 1);
    again = queue_poll(r, &a);
    assert_requeued(&again, &a, 2);
    next_epoch(r);
    lose_last_entry(r, 1);
    rules_pass(r, 1);
    assert_status(queue_poll(r, &a).status, SECKILL_TOO_OLD);
    assert_int_equal(sale_stock(&r->sale).total.queued, 1);
    rules_check(r);
}

/* Polls of one old ticket, many times at once, cannot fill the server's memory. */
static void a_ticket_polled_again_and_again_fills_no_queue(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 60000, 0);
    static sale_ticket_answer polled[20];
    sale_ticket_answer a;
    uint32_t busy = 0;

    settings.max_queue = 3;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    rules_freeze(r);
    a = queue_enqueue(r, "a", "r", 1);
    lose_last_entry(r, 1);
    next_epoch(r);
    for (size_t i = 0; i < 20; i++)
        assert_status(sale_start_poll(&r->sale, &a.ticket, &polled[i]), SECKILL_OK);
    sale_wait_tickets(&r->sale, polled, 20);
    for (size_t i = 0; i < 20; i++)
        busy += polled[i].status == SECKILL_BUSY;
    assert_int_equal(busy, 20 - 2 * 3);
    assert_int_equal(sale_stock(&r->sale).total.queued, 2 * 3);
    assert_int_equal(sale_decide_all(&r->sale), 6);
    rules_check(r);
}

/* How many scripts the server has run. */
static long long scripts_run(rules *r) {
    redisReply *info = redis_server_command(r->server, "INFO commandstats");
    const char *found = info != NULL ? strstr(info->str, "cmdstat_evalsha:calls=") : NULL;
    long long calls = found != NULL ? strtoll(found + strlen("cmdstat_evalsha:calls="), NULL, 10) : 0;

    redis_server_forget(info);
    return calls;
}

/* A poll that finds a place lost is two scripts. Between them the ticket's time ends. */
static void time_ends_before_it_is_enqueued_again(void **state) {
    rules *r = *state;
    sale_ticket_answer a, polled;
    long long before;

    rules_sell(r, 1, 1, 60000, 0, 5);
    rules_freeze(r);
    a = queue_enqueue(r, "a", "r", 1);
    (void)queue_poll(r, &a); /* so that the server knows the script */
    lose_last_entry(r, 1);
    next_epoch(r);
    rules_pass(r, 1999);
    before = scripts_run(r);
    assert_status(sale_start_poll(&r->sale, &a.ticket, &polled), SECKILL_OK);
    while (scripts_run(r) == before)
        (void)uv_run(&r->sale.loop, UV_RUN_NOWAIT);
    rules_pass(r, 1);
    sale_wait_tickets(&r->sale, &polled, 1);
    assert_int_equal(scripts_run(r), before + 2);
    assert_status(polled.status, SECKILL_TOO_OLD);
    assert_int_equal(sale_stock(&r->sale).total.queued, 0);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_poll_changes_nothing),
        RULES_TEST(a_ticket_follows_its_reservation),
        RULES_TEST(a_grant_is_seen_before_the_queue),
        RULES_TEST(a_refusal_stays_one),
        RULES_TEST(a_batch_of_polls),
        RULES_TEST(what_survived_keeps_its_place),
        RULES_TEST(nobody_is_refused_by_a_cursor_of_another_epoch),
        RULES_TEST(what_was_promised_is_enqueued_again_always),
        RULES_TEST(a_ticket_polled_again_and_again_fills_no_queue),
        RULES_TEST(time_ends_before_it_is_enqueued_again),
    };

    return RULES_RUN(tests);
}
