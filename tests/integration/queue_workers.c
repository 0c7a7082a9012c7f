/* The queue's workers: what they screened, several of them, any users, and what is overdue when units are short.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- verdicts ---- */

/* Users b0, b1 ... are blacklisted. */
static bool begins_with_b(seckill_bytes user) {
    return *(const char *)user.data == 'b';
}

static queue_worker *new_worker(sale *from, uint32_t max) {
    queue_worker *worker = malloc(sizeof(*worker));

    assert_non_null(worker);
    queue_worker_init(worker, from, 0, max, begins_with_b);
    return worker;
}

static void verdicts_are_by_place(void **state) {
    static const char *const users[] = {"a0", "b0", "a1", "b1", "b2", "a2", "a3", "b3"};
    rules *r = *state;
    queue_worker *worker = new_worker(&r->sale, 6);
    sale_ticket_answer answers[8];

    rules_sell(r, 1, 1, 60000, 0, 10);
    rules_freeze(r);
    for (int i = 0; i < 8; i++)
        answers[i] = queue_enqueue(r, users[i], "r", 1);
    queue_worker_step(worker);
    worker->options.max = 0;
    queue_worker_step(worker);
    assert_int_equal(worker->granted, 3);
    assert_int_equal(worker->blacklisted, 3);
    assert_int_equal(worker->waiting, 2);
    for (int i = 0; i < 6; i++) {
        if (users[i][0] == 'b')
            queue_assert_poll_refused(r, &answers[i], SECKILL_BLACKLISTED);
        else
            queue_assert_poll(r, &answers[i], SECKILL_TICKET_GRANTED);
    }
    queue_assert_poll(r, &answers[7], SECKILL_TICKET_QUEUED);
    free(worker);
    rules_check(r);
}

/* Where units are short the library goes on from the middle of the range: verdicts stay with those they are about. */
static void verdicts_keep_their_places_when_the_range_is_cut(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(&r->sale, 10);
    sale_ticket_answer granted, none, blacklisted, large, last;

    rules_sell(r, 1, 5, 60000, 0, 3);
    rules_freeze(r);
    granted = queue_enqueue(r, "a0", "r", 2);
    large = queue_enqueue(r, "a1", "r", 4);
    blacklisted = queue_enqueue(r, "b0", "r", 1);
    last = queue_enqueue(r, "a2", "r", 1);
    none = queue_enqueue(r, "a3", "r", 1);
    queue_worker_step(worker);
    queue_worker_step(worker);
    assert_int_equal(worker->decided, 5);
    assert_int_equal(worker->blacklisted, 1);
    assert_int_equal(worker->granted, 2);
    queue_assert_poll(r, &granted, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &large, SECKILL_SOLD_OUT);
    queue_assert_poll_refused(r, &blacklisted, SECKILL_BLACKLISTED);
    queue_assert_poll(r, &last, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &none, SECKILL_SOLD_OUT);
    free(worker);
    rules_check(r);
}

static void requests_beyond_the_verdicts_are_not_blacklisted(void **state) {
    static const uint8_t verdicts[] = {0, 1};
    rules *r = *state;
    sale_queue_answer *screened = malloc(sizeof(*screened)), *answer = malloc(sizeof(*answer));
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    assert_non_null(screened);
    assert_non_null(answer);
    rules_sell(r, 1, 1, 60000, 0, 10);
    rules_freeze(r);
    free(queue_enqueue_many(r, "u", 4));
    assert_status(sale_queue_read(&r->sale, 0, 4, screened), SECKILL_OK);
    options.from = screened->entries[0].id;
    options.to = screened->entries[3].id;
    options.blacklisted = verdicts;
    options.blacklisted_count = 2;
    assert_status(sale_process(&r->sale, &options, answer), SECKILL_OK);
    assert_int_equal(answer->granted, 3);
    assert_int_equal(answer->blacklisted, 1);
    free(screened);
    free(answer);
    rules_check(r);
}

/* ---- the blacklisted are remembered ---- */

static void assert_blacklisted_everywhere(rules *r, const sale_ticket_answer *ticket, const char *user) {
    seckill_reservation_ref ref = {.user_size = strlen(user), .activity = "sale", .item = "phone", .quantity = 1};
    sale_lookup_answer *found = malloc(sizeof(*found));
    sale_ticket_answer answer;

    assert_non_null(found);
    memcpy(ref.user, user, strlen(user));
    memcpy(ref.reservation_id, ticket->ticket.reservation_id, sizeof(ref.reservation_id));
    ref.valid_until_ms = r->now_ms + 60000;
    queue_assert_poll_refused(r, ticket, SECKILL_BLACKLISTED);
    answer = queue_enqueue(r, user, "r", 1);
    queue_assert_refused(&answer, SECKILL_BLACKLISTED);
    assert_int_equal(answer.reservation.state, SECKILL_RESERVATION_REFUSED);
    assert_status(rules_reserve(r, user, "r", 1).status, SECKILL_BLACKLISTED);
    assert_status(rules_reserve(r, user, "r", 2).status, SECKILL_CONFLICT);
    assert_status(sale_confirm(&r->sale, &ref, "o").status, SECKILL_BLACKLISTED);
    assert_status(sale_cancel(&r->sale, user, ref.reservation_id).status, SECKILL_BLACKLISTED);
    assert_status(sale_refund(&r->sale, user, ref.reservation_id).status, SECKILL_BLACKLISTED);
    *found = sale_lookup(&r->sale, user, "r");
    assert_status(found->status, SECKILL_OK);
    assert_int_equal(found->reservations[0].state, SECKILL_RESERVATION_REFUSED);
    assert_int_equal(found->refs[0].quantity, 0);
    free(found);
}

static void blacklisted_requests_are_remembered_then_forgotten(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(&r->sale, 10);
    sale_ticket_answer ticket;

    rules_sell(r, 1, 1, 60000, 0, 10);
    rules_freeze(r);
    ticket = queue_enqueue(r, "bob", "r", 1);
    queue_worker_step(worker);
    rules_pass(r, 500);
    queue_worker_step(worker);
    assert_int_equal(worker->blacklisted, 1);
    assert_blacklisted_everywhere(r, &ticket, "bob");
    assert_int_equal(sale_stock(&r->sale).total.available, 10);
    rules_check(r);
    rules_pass(r, 1999);
    assert_blacklisted_everywhere(r, &ticket, "bob");
    assert_status(rules_reserve(r, "bob", "another", 1).status, SECKILL_OK); /* requests are refused, users are not */
    rules_pass(r, 1);
    assert_status(queue_poll(r, &ticket).status, SECKILL_TOO_OLD);
    assert_status(sale_lookup(&r->sale, "bob", "r").status, SECKILL_NO_RESERVATION);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.users, 1);
    free(worker);
    rules_check(r);
}

/* Where the user's records are full nothing is remembered; refused it is all the same. */
static void blacklisted_without_room_for_it(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(&r->sale, 100);
    rules_record records[SECKILL_USER_RECORDS_MAX];
    sale_ticket_answer answers[SECKILL_USER_UNSETTLED_MAX + 1];

    rules_sell(r, 1, 100, 60000, 0, 100);
    rules_freeze(r);
    for (int i = 0; i <= SECKILL_USER_UNSETTLED_MAX; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "r%d", i);
        answers[i] = queue_enqueue(r, "bob", id, 1);
    }
    queue_worker_finish(worker);
    assert_int_equal(worker->all_blacklisted, SECKILL_USER_UNSETTLED_MAX + 1);
    assert_int_equal(rules_records(r, "bob", records), SECKILL_USER_UNSETTLED_MAX);
    queue_assert_poll_refused(r, &answers[0], SECKILL_BLACKLISTED);
    queue_assert_poll_refused(r, &answers[SECKILL_USER_UNSETTLED_MAX], SECKILL_BUSY);
    free(worker);
    rules_check(r);
}

/* ---- several workers ---- */

/* Both screened the same, and decide it at the same time; each request is decided once, by the one or the other. */
static void two_workers_with_the_same_range(void **state) {
    enum { REQUESTS = 300, STEP = 40 };
    rules *r = *state;
    sale other;
    queue_worker *a, *b;

    rules_sell(r, 1, 1, 60000, 0, 100);
    rules_freeze(r);
    rules_open_other(r, &other);
    a = new_worker(&r->sale, STEP);
    b = new_worker(&other, STEP);
    free(queue_enqueue_many(r, "a", REQUESTS));
    do {
        queue_worker_start(a);
        queue_worker_start(b);
        while (a->busy || b->busy) {
            (void)uv_run(&a->sale->loop, UV_RUN_NOWAIT);
            (void)uv_run(&b->sale->loop, UV_RUN_NOWAIT);
        }
        assert_true(a->decided == 0 || b->decided == 0);
    } while (a->count != 0 || b->count != 0);
    assert_int_equal(a->all_decided + b->all_decided, REQUESTS);
    assert_int_equal(a->all_granted + b->all_granted, 100);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 100);
    sale_close(&other);
    free(a);
    free(b);
    rules_check(r);
}

/* A worker whose range another has begun starts anew; its verdicts do not slip to others. */
static void a_range_that_others_have_begun(void **state) {
    rules *r = *state;
    queue_worker *slow = new_worker(&r->sale, 6), *fast = new_worker(&r->sale, 2);
    static const char *const users[] = {"b0", "b1", "a0", "a1", "b2", "a2"};
    sale_ticket_answer answers[6];

    rules_sell(r, 1, 1, 60000, 0, 10);
    rules_freeze(r);
    for (int i = 0; i < 6; i++)
        answers[i] = queue_enqueue(r, users[i], "r", 1);
    queue_worker_step(slow);
    queue_worker_step(fast);
    queue_worker_step(fast);
    assert_int_equal(fast->blacklisted, 2);
    queue_worker_step(slow);
    assert_int_equal(slow->decided, 0);
    assert_int_equal(slow->count, 4);
    queue_worker_step(slow);
    assert_int_equal(slow->granted, 3);
    assert_int_equal(slow->blacklisted, 1);
    queue_worker_step(fast);
    assert_int_equal(fast->decided, 0);
    for (int i = 0; i < 6; i++) {
        if (users[i][0] == 'b')
            queue_assert_poll_refused(r, &answers[i], SECKILL_BLACKLISTED);
        else
            queue_assert_poll(r, &answers[i], SECKILL_TICKET_GRANTED);
    }
    free(slow);
    free(fast);
    rules_check(r);
}

/* ---- any bytes ---- */

static void on_any(const seckill_ticket_result *result, void *user_data) {
    sale_ticket_answer *answer = user_data;

    answer->status = result->status;
    answer->has_ticket = result->ticket != NULL;
    if (result->ticket != NULL)
        answer->ticket = *result->ticket;
    answer->calls = 1;
}

static void any_bytes_are_a_user(void **state) {
    rules *r = *state;
    queue_worker *worker = new_worker(&r->sale, 512);
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    sale_ticket_answer answers[256 + 64];
    uint8_t users[256 + 64][SECKILL_USER_MAX];

    rules_sell(r, 1, 1, 60000, 0, 1000);
    rules_freeze(r);
    for (size_t i = 0; i < 256 + 64; i++) {
        options.user.data = users[i];
        options.user.size = i < 256 ? 1 : SECKILL_USER_MAX;
        users[i][0] = (uint8_t)(i == 'b' ? 'c' : i); /* nobody is blacklisted here; "c" comes twice */
        for (size_t k = 1; k < options.user.size; k++)
            users[i][k] = (uint8_t)rules_below(r, 256);
        options.request_id.data = users[i];
        options.request_id.size = options.user.size;
        options.created_ms = r->now_ms;
        memset(&answers[i], 0, sizeof(answers[i]));
        assert_status(seckill_enqueue(r->sale.item, &options, NULL, on_any, &answers[i]), SECKILL_OK);
    }
    sale_wait_tickets(&r->sale, answers, 256 + 64);
    queue_worker_step(worker);
    assert_int_equal(worker->count, 256 + 64);
    for (size_t i = 0; i < 256 + 64; i++) {
        assert_int_equal(worker->user_sizes[i], i < 256 ? 1 : SECKILL_USER_MAX);
        assert_memory_equal(worker->users[i], users[i], worker->user_sizes[i]);
        assert_int_equal(worker->since_ms[i], r->now_ms);
        worker->verdicts[i] = 0;
    }
    worker->options.max = 0;
    queue_worker_step(worker);
    assert_int_equal(worker->granted, 256 + 64 - 1);
    for (size_t i = 0; i < 256 + 64; i++)
        queue_assert_poll(r, &answers[i], SECKILL_TICKET_GRANTED);
    free(worker);
}

/* ---- what is overdue ---- */

static void reserve_many(rules *r, const char *prefix, int count, bool cancel) {
    for (int i = 0; i < count; i++) {
        char user[16];
        sale_answer answer;

        (void)snprintf(user, sizeof(user), "%s%d", prefix, i);
        answer = rules_reserve(r, user, "r", 1);
        assert_status(answer.status, SECKILL_OK);
        if (cancel)
            assert_status(sale_cancel(&r->sale, user, answer.reservation.id).status, SECKILL_OK);
    }
}

static void overdue_units_come_back_before_anybody_is_refused(void **state) {
    enum { RESERVED = 1300 };
    rules *r = *state;
    sale_ticket_answer answer, more;

    rules_sell(r, 1, RESERVED, 1000, 0, RESERVED);
    rules_freeze(r);
    reserve_many(r, "u", RESERVED, false);
    rules_pass(r, 999);
    answer = queue_enqueue(r, "late", "r", RESERVED - 10);
    more = queue_enqueue(r, "later", "r", 10);
    rules_pass(r, 1);
    assert_int_equal(sale_decide_all(&r->sale), 2);
    queue_assert_poll(r, &answer, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &more, SECKILL_TICKET_GRANTED);
    rules_check(r);
}

/* More is due than one run of a script looks at, and the first of it are only ids to be forgotten: no unit comes back in the
 * first run. That the client has seen the shard empty, at this version, must not count before the rest is looked at. */
static void what_was_short_before_is_looked_for_again(void **state) {
    enum { REMEMBERED = 600 };
    rules *r = *state;
    sale_ticket_answer refused, answer;

    rules_sell(r, 1, 1, 1000, 0, 1);
    rules_freeze(r);
    reserve_many(r, "gone", REMEMBERED, true);
    rules_pass(r, 1500);
    assert_status(rules_reserve(r, "holder", "r", 1).status, SECKILL_OK); /* until 2,500 */
    refused = queue_enqueue(r, "a", "r", 1);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    queue_assert_poll_refused(r, &refused, SECKILL_SOLD_OUT);
    answer = queue_enqueue(r, "b", "r", 1);
    rules_pass(r, 1000);
    assert_int_equal(sale_decide_all(&r->sale), 1);
    queue_assert_poll(r, &answer, SECKILL_TICKET_GRANTED);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(verdicts_are_by_place),
        RULES_TEST(verdicts_keep_their_places_when_the_range_is_cut),
        RULES_TEST(requests_beyond_the_verdicts_are_not_blacklisted),
        RULES_TEST(blacklisted_requests_are_remembered_then_forgotten),
        RULES_TEST(blacklisted_without_room_for_it),
        RULES_TEST(two_workers_with_the_same_range),
        RULES_TEST(a_range_that_others_have_begun),
        RULES_TEST(any_bytes_are_a_user),
        RULES_TEST(overdue_units_come_back_before_anybody_is_refused),
        RULES_TEST(what_was_short_before_is_looked_for_again),
    };

    return RULES_RUN(tests);
}
