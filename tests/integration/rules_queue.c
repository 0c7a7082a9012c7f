/* The queue's first half: what enqueue answers, and that what it refuses leaves no trace.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the whole way ---- */

static void requests_wait_are_decided_in_order_and_polled(void **state) {
    rules *r = *state;
    sale_ticket_answer a, b, c, polled;

    rules_sell(r, 1, 1, 1000, 500, 2);
    rules_freeze(r);
    a = queue_enqueue(r, "ann", "a", 1);
    b = queue_enqueue(r, "bob", "b", 1);
    c = queue_enqueue(r, "cid", "c", 1);
    queue_assert_queued(&a, 1);
    queue_assert_queued(&b, 2);
    queue_assert_queued(&c, 3);
    assert_int_equal(c.ticket.n, a.ticket.n + 2);
    assert_int_equal(a.ticket.since_ms, r->now_ms);
    assert_int_equal(a.ticket.valid_until_ms, r->now_ms + 2000 + 1000 + 500);
    polled = queue_poll(r, &c);
    queue_assert_queued(&polled, 3);
    assert_memory_equal(&polled.ticket, &c.ticket, sizeof(c.ticket));
    assert_int_equal(sale_stock(&r->sale).total.queued, 3);

    assert_int_equal(sale_decide_all(&r->sale), 3);
    assert_int_equal(sale_stock(&r->sale).total.queued, 0);
    polled = queue_poll(r, &a);
    queue_assert_state(&polled, SECKILL_TICKET_GRANTED);
    assert_memory_equal(polled.ref.reservation_id, a.ticket.reservation_id, sizeof(a.ticket.reservation_id));
    assert_int_equal(polled.ref.hold_until_ms, r->now_ms + 1000);
    queue_assert_poll(r, &b, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &c, SECKILL_SOLD_OUT);

    assert_status(sale_confirm(&r->sale, &polled.ref, "o").status, SECKILL_OK);
    queue_assert_poll(r, &a, SECKILL_TICKET_SOLD);
    assert_status(sale_cancel(&r->sale, "bob", b.ticket.reservation_id).status, SECKILL_OK);
    queue_assert_poll(r, &b, SECKILL_TICKET_CANCELLED);
    assert_status(sale_refund(&r->sale, "ann", a.ticket.reservation_id).status, SECKILL_OK);
    queue_assert_poll(r, &a, SECKILL_TICKET_REFUNDED);
    rules_check(r);
}

/* ---- what is decided already ---- */

/* It is answered as decided, whatever the sale's state, and nothing is written. */
static void assert_replayed(rules *r, const char *user, seckill_ticket_state expected, seckill_status reason) {
    char *before = rules_everything(r);
    sale_ticket_answer answer = queue_enqueue(r, user, "r", 2);
    sale_ticket_answer other = queue_enqueue(r, user, "r", 3);
    char *after = rules_everything(r);

    queue_assert_state(&answer, expected);
    assert_status(answer.reason, reason);
    assert_int_equal(answer.replayed, 1);
    assert_int_equal(answer.reservation.quantity, 2);
    assert_status(other.status, SECKILL_CONFLICT);
    assert_int_equal(other.state, 0);
    assert_false(other.has_ticket || other.has_ref || other.replayed);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void blacklist_one(rules *r, const char *user) {
    static const uint8_t verdict[] = {1};
    sale_queue_answer *answers = calloc(2, sizeof(*answers));
    sale_ticket_answer ticket = queue_enqueue(r, user, "r", 2);

    assert_non_null(answers);
    queue_assert_queued(&ticket, 1);
    assert_status(sale_queue_read(&r->sale, 0, 1, &answers[0]), SECKILL_OK);
    assert_status(sale_decide(&r->sale, 0, &answers[0], verdict, 0, &answers[1]), SECKILL_OK);
    assert_int_equal(answers[1].blacklisted, 1);
    free(answers);
}

static void assert_all_replayed(rules *r) {
    assert_replayed(r, "granted", SECKILL_TICKET_GRANTED, SECKILL_OK);
    assert_replayed(r, "sold", SECKILL_TICKET_SOLD, SECKILL_OK);
    assert_replayed(r, "cancelled", SECKILL_TICKET_CANCELLED, SECKILL_OK);
    assert_replayed(r, "expired", SECKILL_TICKET_EXPIRED, SECKILL_OK);
    assert_replayed(r, "void", SECKILL_TICKET_EXPIRED, SECKILL_OK);
    assert_replayed(r, "refunded", SECKILL_TICKET_REFUNDED, SECKILL_OK);
    assert_replayed(r, "blacklisted", SECKILL_TICKET_REFUSED, SECKILL_BLACKLISTED);
}

static void what_is_decided_is_answered_from_its_record(void **state) {
    rules *r = *state;
    sale_answer sold, refunded, cancelled, expired;

    rules_sell(r, 1, 3, 500, 0, 100);
    rules_freeze(r);
    (void)rules_reserve(r, "expired", "r", 2);
    expired = rules_reserve(r, "void", "r", 2);
    rules_pass(r, 501);
    assert_status(sale_confirm(&r->sale, &expired.ref, "o").status, SECKILL_EXPIRED);
    assert_status(rules_reserve(r, "granted", "r", 2).status, SECKILL_OK);
    sold = rules_reserve(r, "sold", "r", 2);
    cancelled = rules_reserve(r, "cancelled", "r", 2);
    refunded = rules_reserve(r, "refunded", "r", 2);
    assert_status(sale_confirm(&r->sale, &sold.ref, "o").status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &refunded.ref, "o").status, SECKILL_OK);
    assert_status(sale_refund(&r->sale, "refunded", refunded.reservation.id).status, SECKILL_OK);
    assert_status(sale_cancel(&r->sale, "cancelled", cancelled.reservation.id).status, SECKILL_OK);
    blacklist_one(r, "blacklisted");
    assert_int_equal(sale_expire(&r->sale).units, 2);
    assert_all_replayed(r);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_all_replayed(r);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_all_replayed(r);
    rules_check(r);
}

/* ---- refused ---- */

static void assert_not_enqueued(rules *r, const char *user, const char *id, uint32_t quantity, int64_t created,
                                seckill_status expected) {
    char *before = rules_everything(r);
    sale_ticket_answer answer = sale_enqueue_at(&r->sale, user, id, quantity, created);
    char *after = rules_everything(r);

    assert_status(answer.status, expected);
    assert_int_equal(answer.state, 0);
    assert_false(answer.has_ticket || answer.has_ref || answer.replayed || answer.requeued);
    assert_int_equal(answer.retry_after_ms != 0, seckill_status_class(expected) == SECKILL_CLASS_RETRYABLE);
    assert_int_equal(answer.position, 0);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void refused_requests_leave_nothing(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(2, 60000, 0);
    sale_ticket_answer answer;

    rules_sell(r, 1, 2, 60000, 0, 100);
    rules_freeze(r);
    assert_status(rules_reserve(r, "has-two", "x", 2).status, SECKILL_OK);
    assert_status(rules_reserve(r, "has-one", "x", 1).status, SECKILL_OK);
    assert_not_enqueued(r, "u", "r", 3, r->now_ms, SECKILL_LIMIT_REACHED);
    assert_not_enqueued(r, "has-two", "r", 1, r->now_ms, SECKILL_LIMIT_REACHED);
    assert_not_enqueued(r, "has-one", "r", 2, r->now_ms, SECKILL_LIMIT_REACHED);
    assert_not_enqueued(r, "u", "r", 1, r->now_ms - 1001, SECKILL_TOO_OLD);
    assert_not_enqueued(r, "u", "r", 1, r->now_ms + 1001, SECKILL_TOO_OLD);
    settings.start_ms = r->now_ms + 10;
    settings.end_ms = r->now_ms + 20;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_not_enqueued(r, "u", "r", 1, r->now_ms, SECKILL_NOT_STARTED);
    rules_pass(r, 10);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_not_enqueued(r, "u", "r", 1, r->now_ms, SECKILL_PAUSED);
    assert_status(sale_resume(&r->sale).status, SECKILL_OK);
    answer = sale_enqueue_at(&r->sale, "u", "late", 1, r->now_ms - 1000);
    queue_assert_queued(&answer, 1);
    rules_pass(r, 10);
    assert_not_enqueued(r, "u", "r", 1, r->now_ms, SECKILL_ENDED);
    settings.end_ms = 0;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    answer = sale_enqueue_at(&r->sale, "u", "early", 1, r->now_ms + 999);
    queue_assert_queued(&answer, 2);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_not_enqueued(r, "u", "r", 1, r->now_ms, SECKILL_ENDED);
    rules_check(r);
}

static void a_user_whose_records_are_full_does_not_queue(void **state) {
    rules *r = *state;
    char id[16];

    rules_sell(r, 1, 1000, 60000, 0, 1000);
    rules_freeze(r);
    for (int i = 0; i < SECKILL_USER_UNSETTLED_MAX; i++) {
        (void)snprintf(id, sizeof(id), "a%d", i);
        assert_status(rules_reserve(r, "many", id, 1).status, SECKILL_OK);
    }
    for (int i = 0; i < SECKILL_USER_RECORDS_MAX; i++) {
        sale_answer answer;

        (void)snprintf(id, sizeof(id), "b%d", i);
        answer = rules_reserve(r, "buyer", id, 1);
        assert_status(sale_confirm(&r->sale, &answer.ref, "o").status, SECKILL_OK);
    }
    assert_not_enqueued(r, "many", "r", 1, r->now_ms, SECKILL_BUSY);
    assert_not_enqueued(r, "buyer", "r", 1, r->now_ms, SECKILL_LIMIT_REACHED);
    rules_check(r);
}

/* Also in the middle of one batch. */
static void the_queue_is_bounded(void **state) {
    enum { REQUESTS = 10, ROOM = 6 };
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 60000, 0);
    sale_ticket_answer *answers;

    settings.max_queue = ROOM;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    rules_freeze(r);
    answers = queue_enqueue_many(r, "u", REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        if (i < ROOM)
            queue_assert_queued(&answers[i], i + 1);
        else
            assert_status(answers[i].status, SECKILL_BUSY);
    }
    assert_not_enqueued(r, "v", "r", 1, r->now_ms, SECKILL_BUSY);
    for (size_t i = 0; i < ROOM; i++)
        queue_assert_poll(r, &answers[i], SECKILL_TICKET_QUEUED);
    free(answers);
    assert_int_equal(sale_stock(&r->sale).total.queued, ROOM);
    assert_int_equal(sale_decide_all(&r->sale), ROOM);
    answers = queue_enqueue_many(r, "w", ROOM);
    for (size_t i = 0; i < ROOM; i++)
        queue_assert_queued(&answers[i], i + 1);
    free(answers);
    rules_check(r);
}

/* ---- places ---- */

static void the_same_id_twice_stands_twice_and_is_granted_once(void **state) {
    rules *r = *state;
    sale_ticket_answer first, second, other;

    rules_sell(r, 1, 5, 60000, 0, 10);
    rules_freeze(r);
    first = queue_enqueue(r, "u", "r", 2);
    second = queue_enqueue(r, "u", "r", 2);
    other = queue_enqueue(r, "u", "r", 1); /* nobody knows yet that the id is for two */
    queue_assert_queued(&first, 1);
    queue_assert_queued(&second, 2);
    queue_assert_queued(&other, 3);
    assert_memory_equal(first.ticket.reservation_id, second.ticket.reservation_id, sizeof(first.ticket.reservation_id));
    assert_int_equal(sale_decide_all(&r->sale), 1); /* what stood already is not counted */
    queue_assert_poll(r, &first, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &second, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &other, SECKILL_CONFLICT);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 2);
    assert_int_equal(sale_stock(&r->sale).total.queued, 0);
    rules_check(r);
}

/* A batch decides on one table for each user; places follow the order in which they were asked. */
static void one_user_many_times_in_one_batch(void **state) {
    enum { REQUESTS = 300, LIMIT = 7 };
    rules *r = *state;
    sale_ticket_answer *answers = calloc(REQUESTS, sizeof(*answers));
    char key[SECKILL_SHARD_KEY_SIZE], id[16];

    assert_non_null(answers);
    rules_sell(r, 1, LIMIT, 60000, 0, 1000);
    rules_freeze(r);
    for (int i = 0; i < REQUESTS; i++) {
        (void)snprintf(id, sizeof(id), "r%d", i);
        assert_status(sale_start_enqueue(&r->sale, "u", id, 1, r->now_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait_tickets(&r->sale, answers, REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        queue_assert_queued(&answers[i], i + 1);
        assert_int_equal(answers[i].ticket.n, answers[0].ticket.n + i);
    }
    assert_int_equal(sale_stock(&r->sale).total.queued, REQUESTS);
    assert_in_range(redis_server_integer(r->server, "XLEN %s", sale_key(&r->sale, 0, "queue", key)), 5, 7);
    rules_check(r);
    assert_int_equal(sale_decide_all(&r->sale), REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        if (i < LIMIT)
            queue_assert_poll(r, &answers[i], SECKILL_TICKET_GRANTED);
        else
            queue_assert_poll_refused(r, &answers[i], SECKILL_LIMIT_REACHED);
    }
    assert_int_equal(redis_server_integer(r->server, "XLEN %s", sale_key(&r->sale, 0, "queue", key)), 0);
    free(answers);
    rules_check(r);
}

/* Each shard has a queue of its own, and numbers of its own. */
static void shards_count_for_themselves(void **state) {
    rules *r = *state;
    sale_stock_answer stock;

    rules_sell(r, 3, 1, 60000, 0, 9);
    rules_freeze(r);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t k = 0; k <= i; k++) {
            char user[SECKILL_USER_MAX + 1];
            sale_ticket_answer answer;

            rules_user_of(r, i, k, user);
            answer = queue_enqueue(r, user, "r", 1);
            queue_assert_queued(&answer, k + 1);
            assert_int_equal(answer.ticket.n, k + 1);
            assert_int_equal(answer.ticket.shard, i);
        }
    }
    stock = sale_stock(&r->sale);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(stock.shards[i].queued, i + 1);
    assert_int_equal(stock.total.queued, 6);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(requests_wait_are_decided_in_order_and_polled),
        RULES_TEST(what_is_decided_is_answered_from_its_record),
        RULES_TEST(refused_requests_leave_nothing),
        RULES_TEST(a_user_whose_records_are_full_does_not_queue),
        RULES_TEST(the_queue_is_bounded),
        RULES_TEST(the_same_id_twice_stands_twice_and_is_granted_once),
        RULES_TEST(one_user_many_times_in_one_batch),
        RULES_TEST(shards_count_for_themselves),
    };

    return RULES_RUN(tests);
}
