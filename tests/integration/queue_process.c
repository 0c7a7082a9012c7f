/* The queue's workers: order, ranges, limits, stock, and the sale's states.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static queue_worker *new_worker(rules *r, uint32_t max) {
    queue_worker *worker = malloc(sizeof(*worker));

    assert_non_null(worker);
    queue_worker_init(worker, &r->sale, 0, max, NULL);
    return worker;
}

/* ---- ranges ---- */

static void ranges_are_decided_in_order_and_never_beyond_to(void **state) {
    enum { REQUESTS = 200, STEP = 7 };
    rules *r = *state;
    queue_worker *worker = new_worker(r, STEP);
    sale_ticket_answer *answers;
    uint32_t decided = 0;

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    answers = queue_enqueue_many(r, "u", REQUESTS);
    queue_worker_step(worker);
    assert_int_equal(worker->decided, 0);
    assert_int_equal(worker->count, STEP);
    while (worker->count != 0) {
        uint32_t screened = (uint32_t)worker->count;

        assert_int_equal(worker->ids[0].n, answers[decided].ticket.n);
        decided += screened;
        queue_worker_step(worker);
        assert_int_equal(worker->decided, screened);
        assert_int_equal(worker->waiting, REQUESTS - decided);
        if (decided > 1)
            queue_assert_poll(r, &answers[decided < 100 ? decided - 1 : 99], SECKILL_TICKET_GRANTED);
        if (decided < REQUESTS)
            queue_assert_poll(r, &answers[decided], SECKILL_TICKET_QUEUED);
        rules_check(r); /* entries of 64 are cut wherever the range ends */
    }
    assert_int_equal(worker->all_granted, 100);
    assert_int_equal(worker->all_refused, 100);
    for (size_t i = 100; i < REQUESTS; i++)
        queue_assert_poll_refused(r, &answers[i], SECKILL_SOLD_OUT);
    free(answers);
    free(worker);
}

/* The next request is handed out all the same: that is how a worker finds its way back. */
static void assert_decides_nothing(rules *r, seckill_queue_id from, seckill_queue_id to, uint64_t next_n) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;
    sale_queue_answer *answer = malloc(sizeof(*answer));
    char *before = rules_everything(r), *after;

    assert_non_null(answer);
    options.max = 3;
    options.from = from;
    options.to = to;
    assert_status(sale_process(&r->sale, &options, answer), SECKILL_OK);
    after = rules_everything(r);
    assert_string_equal(before, after);
    assert_int_equal(answer->decided, 0);
    assert_int_equal(answer->entries[0].id.n, next_n);
    free(before);
    free(after);
    free(answer);
}

static void nothing_is_done_unless_from_is_the_next(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(r, 4);
    sale_ticket_answer *answers;
    seckill_queue_id none = {0, 0}, next, before, after, other_epoch, last;

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    answers = queue_enqueue_many(r, "u", 10);
    queue_worker_step(worker);
    queue_worker_step(worker);
    assert_int_equal(worker->decided, 4);
    next = worker->ids[0];
    assert_int_equal(next.n, answers[4].ticket.n);
    before = after = other_epoch = last = next;
    before.n--;
    after.n++;
    last.n += 5;
    assert_decides_nothing(r, none, none, next.n);
    assert_decides_nothing(r, before, last, next.n);
    assert_decides_nothing(r, after, last, next.n);
    last.epoch = --other_epoch.epoch;
    assert_decides_nothing(r, other_epoch, last, next.n);
    other_epoch.epoch += 2;
    assert_decides_nothing(r, other_epoch, other_epoch, next.n);
    queue_worker_step(worker);
    assert_int_equal(worker->decided, 4);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 8);
    free(answers);
    free(worker);
    rules_check(r);
}

/* A range of two epochs could name requests, on a server with more of the older one, that nobody has screened. */
static void what_is_handed_out_is_of_one_epoch(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(r, 100);

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    free(queue_enqueue_many(r, "old", 3));
    rules_set_field(r, 0, "epoch", rules_field(r, 0, "epoch") + 1);
    free(queue_enqueue_many(r, "new", 4));
    queue_worker_step(worker);
    assert_int_equal(worker->count, 3);
    assert_int_equal(worker->waiting, 7);
    queue_worker_step(worker);
    assert_int_equal(worker->decided, 3);
    assert_int_equal(worker->count, 4);
    assert_true(worker->ids[0].epoch == worker->ids[3].epoch);
    queue_worker_step(worker);
    assert_int_equal(worker->decided, 4);
    assert_int_equal(worker->count, 0);
    free(worker);
    rules_check(r);
}

static void with_max_0_what_waits_is_counted_and_decided(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(r, 0);
    sale_ticket_answer *answers;

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    queue_worker_step(worker);
    assert_int_equal(worker->waiting, 0);
    answers = queue_enqueue_many(r, "u", 100);
    queue_worker_step(worker);
    assert_int_equal(worker->waiting, 100);
    assert_int_equal(worker->count, 0);
    assert_int_equal(worker->decided, 0);
    worker->options.max = SECKILL_BATCH_MAX;
    queue_worker_step(worker);
    assert_int_equal(worker->count, 100);
    worker->options.max = 0;
    queue_worker_step(worker);
    assert_int_equal(worker->granted, 100);
    assert_int_equal(worker->count, 0);
    assert_int_equal(worker->waiting, 0);
    free(answers);
    free(worker);
    rules_check(r);
}

static void as_many_as_a_batch_holds(void **state) {
    enum { REQUESTS = SECKILL_BATCH_MAX * 2 + 5 };
    rules *r = *state;
    queue_worker *worker = new_worker(r, SECKILL_BATCH_MAX);

    rules_sell(r, 1, 1, 60000, 0, REQUESTS);
    rules_freeze(r);
    free(queue_enqueue_many(r, "u", REQUESTS));
    queue_worker_step(worker);
    assert_int_equal(worker->count, SECKILL_BATCH_MAX);
    queue_worker_step(worker);
    assert_int_equal(worker->granted, SECKILL_BATCH_MAX);
    assert_int_equal(worker->count, SECKILL_BATCH_MAX);
    rules_check(r);
    queue_worker_step(worker);
    assert_int_equal(worker->granted, SECKILL_BATCH_MAX);
    assert_int_equal(worker->count, 5);
    queue_worker_step(worker);
    assert_int_equal(worker->granted, 5);
    free(worker);
    rules_check(r);
}

static void a_shard_that_the_item_has_not_is_invalid(void **state) {
    rules *r = *state;
    sale_queue_answer *answer = malloc(sizeof(*answer));

    assert_non_null(answer);
    rules_sell_patiently(r, 2, 1, 1);
    assert_status(sale_queue_read(&r->sale, 1, 5, answer), SECKILL_OK);
    assert_status(sale_queue_read(&r->sale, 2, 5, answer), SECKILL_INVALID);
    assert_true(strlen(answer->message) != 0);
    free(answer);
}

/* ---- limit and quantity ---- */

static void limit_and_stock_are_those_of_the_moment(void **state) {
    rules *r = *state;
    sale_ticket_answer a, b, c, d, e, f;

    rules_sell(r, 1, 3, 60000, 0, 6);
    rules_freeze(r);
    a = queue_enqueue(r, "u", "a", 2);
    b = queue_enqueue(r, "u", "b", 2); /* two and two are over the limit */
    c = queue_enqueue(r, "u", "c", 1);
    d = queue_enqueue(r, "v", "d", 2);
    e = queue_enqueue(r, "w", "e", 2); /* one is left */
    f = queue_enqueue(r, "x", "f", 1); /* behind one that was too large */
    assert_int_equal(sale_decide_all(&r->sale), 6);
    queue_assert_poll(r, &a, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &b, SECKILL_LIMIT_REACHED);
    queue_assert_poll(r, &c, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &d, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &f, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &e, SECKILL_SOLD_OUT);
    assert_status(sale_load(&r->sale, "more", 1).status, SECKILL_OK);
    queue_assert_poll_refused(r, &e, SECKILL_NOT_ENOUGH);
    assert_int_equal(sale_stock(&r->sale).total.available, 1);
    rules_check(r);
}

static void a_user_with_full_records_is_refused_when_decided(void **state) {
    rules *r = *state;
    sale_ticket_answer waiting;

    rules_sell(r, 1, 1000, 60000, 0, 1000);
    rules_freeze(r);
    waiting = queue_enqueue(r, "u", "waits", 1);
    for (int i = 0; i < SECKILL_USER_UNSETTLED_MAX; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "a%d", i);
        assert_status(rules_reserve(r, "u", id, 1).status, SECKILL_OK);
    }
    assert_int_equal(sale_decide_all(&r->sale), 1);
    queue_assert_poll_refused(r, &waiting, SECKILL_BUSY);
    rules_check(r);
}

static void what_is_set_when_it_is_decided_counts(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(4, 7000, 70);
    sale_ticket_answer a, b, polled;

    rules_sell(r, 1, 2, 60000, 0, 10);
    rules_freeze(r);
    a = queue_enqueue(r, "u", "a", 2);
    b = queue_enqueue(r, "u", "b", 2);
    settings.price = 77;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_int_equal(sale_decide_all(&r->sale), 2);
    queue_assert_poll(r, &a, SECKILL_TICKET_GRANTED);
    polled = queue_poll(r, &b);
    queue_assert_state(&polled, SECKILL_TICKET_GRANTED);
    assert_int_equal(polled.ref.price, 77);
    assert_int_equal(polled.ref.hold_until_ms, r->now_ms + 7000);
    assert_int_equal(polled.ref.valid_until_ms, r->now_ms + 7070);
    settings.limit = 1;
    a = queue_enqueue(r, "v", "a", 2);
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    queue_assert_poll_refused(r, &a, SECKILL_LIMIT_REACHED);
    rules_check(r);
}

/* ---- the sale's states ---- */

/* What was screened waits, is handed out again, and nothing moves. */
static void assert_stops(rules *r, queue_worker *worker, seckill_status why) {
    size_t count = worker->count;
    seckill_queue_id first = worker->ids[0];
    char *before = rules_everything(r), *after;

    queue_worker_step(worker);
    after = rules_everything(r);
    assert_status(worker->status, SECKILL_OK);
    assert_status(worker->stopped, why);
    assert_int_equal(worker->decided, 0);
    assert_int_equal(worker->count, count);
    assert_memory_equal(&worker->ids[0], &first, sizeof(first));
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_sale_that_is_not_on_keeps_its_queue(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 60000, 0);
    queue_worker *worker = new_worker(r, 5);
    sale_ticket_answer *answers;

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    answers = queue_enqueue_many(r, "u", 10);
    queue_worker_step(worker);
    settings.start_ms = r->now_ms + 10;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_stops(r, worker, SECKILL_NOT_STARTED);
    rules_pass(r, 10);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_stops(r, worker, SECKILL_PAUSED);
    queue_assert_poll(r, &answers[0], SECKILL_TICKET_QUEUED);
    assert_status(sale_resume(&r->sale).status, SECKILL_OK);
    queue_worker_step(worker);
    assert_status(worker->stopped, SECKILL_OK);
    assert_int_equal(worker->granted, 5);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    queue_worker_step(worker);
    assert_status(worker->stopped, SECKILL_OK);
    assert_int_equal(worker->refused, 5);
    assert_int_equal(worker->waiting, 0);
    queue_assert_poll(r, &answers[4], SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &answers[5], SECKILL_ENDED);
    free(answers);
    free(worker);
    rules_check(r);
}

/* Its id might have been granted and forgotten meanwhile: on the millisecond. */
static void a_request_waits_for_remember_ms_at_most(void **state) {
    rules *r = *state;
    sale_ticket_answer first, second, polled;

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    first = queue_enqueue(r, "u", "r", 1);
    rules_pass(r, 1);
    second = queue_enqueue(r, "v", "r", 1);
    rules_pass(r, 1998);
    queue_assert_poll(r, &first, SECKILL_TICKET_QUEUED);
    rules_pass(r, 1);
    polled = queue_poll(r, &first);
    assert_status(polled.status, SECKILL_TOO_OLD);
    assert_int_equal(polled.state, 0);
    queue_assert_poll(r, &second, SECKILL_TICKET_QUEUED);
    assert_int_equal(sale_decide_all(&r->sale), 2);
    assert_status(queue_poll(r, &first).status, SECKILL_TOO_OLD);
    queue_assert_poll(r, &second, SECKILL_TICKET_GRANTED);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 1);
    rules_pass(r, 30000);
    queue_assert_poll(r, &second, SECKILL_TICKET_GRANTED);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(ranges_are_decided_in_order_and_never_beyond_to),
        RULES_TEST(nothing_is_done_unless_from_is_the_next),
        RULES_TEST(what_is_handed_out_is_of_one_epoch),
        RULES_TEST(with_max_0_what_waits_is_counted_and_decided),
        RULES_TEST(as_many_as_a_batch_holds),
        RULES_TEST(a_shard_that_the_item_has_not_is_invalid),
        RULES_TEST(limit_and_stock_are_those_of_the_moment),
        RULES_TEST(a_user_with_full_records_is_refused_when_decided),
        RULES_TEST(what_is_set_when_it_is_decided_counts),
        RULES_TEST(a_sale_that_is_not_on_keeps_its_queue),
        RULES_TEST(a_request_waits_for_remember_ms_at_most),
    };

    return RULES_RUN(tests);
}
