/* Batches of the queue that go the short way, as a whole: that they are stored and answered like any other; and what makes them
 * go the long one.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROWD = 150, IN_AN_ENTRY = 64 };

static void begin(rules *r, uint32_t limit, int64_t units) {
    rules_sell(r, 1, limit, 60000, 500, units);
    rules_freeze(r);
}

/* The n-th user of a crowd, as long as a user can be, and how many units he asks for. */
static void user_of(uint32_t n, char user[SECKILL_USER_MAX + 1]) {
    (void)snprintf(user, SECKILL_USER_MAX + 1, "u%063u", n);
}

static uint32_t units_of(uint32_t n) {
    return 1 + n % 3;
}

/* Users from 0 on, in one batch, whose clock is ahead by so much; the caller frees the answers. */
static sale_ticket_answer *enqueue_crowd(rules *r, uint32_t count, int64_t ahead_ms) {
    sale_ticket_answer *answers = calloc(count, sizeof(*answers));

    assert_non_null(answers);
    for (uint32_t i = 0; i < count; i++) {
        char user[SECKILL_USER_MAX + 1];

        user_of(i, user);
        assert_status(sale_start_enqueue(&r->sale, user, "r", units_of(i), r->now_ms + ahead_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait_tickets(&r->sale, answers, count);
    return answers;
}

/* Every tenth, the seventh first. */
static bool is_bad(seckill_bytes user) {
    return ((const char *)user.data)[user.size - 1] == '7';
}

/* Decides all of it, so many at a time; the bad ones are blacklisted if there shall be any. */
static void decide_screened(rules *r, uint32_t max, uint64_t granted, uint64_t refused, uint64_t blacklisted) {
    queue_worker *worker = malloc(sizeof(*worker));

    assert_non_null(worker);
    queue_worker_init(worker, &r->sale, 0, max, blacklisted != 0 ? is_bad : NULL);
    queue_worker_finish(worker);
    assert_int_equal(worker->all_granted, granted);
    assert_int_equal(worker->all_refused, refused);
    assert_int_equal(worker->all_blacklisted, blacklisted);
    free(worker);
    rules_check(r);
}

static void decide(rules *r, uint32_t max, uint64_t granted, uint64_t refused) {
    decide_screened(r, max, granted, refused, 0);
}

/* ---- enqueue ---- */

static void a_crowd_stands_in_its_order(void **state) {
    static const int64_t ahead[] = {0, 400, -400};
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    uint64_t before = 0;

    begin(r, 3, 10000);
    for (size_t k = 0; k < sizeof(ahead) / sizeof(ahead[0]); k++, before += SECKILL_BATCH_MAX) {
        sale_ticket_answer *answers = enqueue_crowd(r, SECKILL_BATCH_MAX, ahead[k]);

        for (uint32_t i = 0; i < SECKILL_BATCH_MAX; i++) {
            queue_assert_queued(&answers[i], before + i + 1);
            assert_int_equal(answers[i].ticket.n, before + i + 1);
            assert_int_equal(answers[i].ticket.quantity, units_of(i));
            assert_true(answers[i].ticket.since_ms == r->now_ms + (ahead[k] < 0 ? ahead[k] : 0));
        }
        free(answers);
        assert_int_equal(redis_server_integer(r->server, "XLEN %s", sale_key(&r->sale, 0, "queue", key)),
                         (before + SECKILL_BATCH_MAX) / IN_AN_ENTRY);
        rules_check(r);
    }
}

static void who_is_known_is_answered_in_a_crowd(void **state) {
    rules *r = *state;
    sale_ticket_answer *first, *answers;

    begin(r, 3, 10000);
    first = enqueue_crowd(r, 1, 0);
    decide(r, 100, 1, 0);
    answers = enqueue_crowd(r, CROWD, 0);
    queue_assert_state(&answers[0], SECKILL_TICKET_GRANTED);
    assert_int_equal(answers[0].replayed, 1);
    for (uint32_t i = 1; i < CROWD; i++)
        queue_assert_queued(&answers[i], i);
    free(first);
    free(answers);
    decide(r, 100, CROWD - 1, 0);
}

static void the_last_place_is_taken_and_no_more(void **state) {
    rules *r = *state;
    sale_ticket_answer *answers;

    begin(r, 3, 10000);
    rules_set_field(r, 0, "max_queue", CROWD - 1);
    answers = enqueue_crowd(r, CROWD, 0);
    for (uint32_t i = 0; i < CROWD; i++)
        assert_status(answers[i].status, i < CROWD - 1 ? SECKILL_OK : SECKILL_BUSY);
    free(answers);
    rules_set_field(r, 0, "max_queue", 2 * CROWD - 1);
    answers = enqueue_crowd(r, CROWD, 0); /* who stands there twice is granted once */
    for (uint32_t i = 0; i < CROWD; i++)
        queue_assert_queued(&answers[i], CROWD + i);
    free(answers);
    decide(r, SECKILL_BATCH_MAX, CROWD, 0);
}

/* ---- process ---- */

static void a_crowd_is_granted(void **state) {
    static const uint32_t steps[] = {1, 50, 64, 65, SECKILL_BATCH_MAX};
    rules *r;

    for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
        sale_ticket_answer *answers;

        assert_int_equal(rules_teardown(state), 0);
        assert_int_equal(rules_setup(state), 0);
        r = *state;
        begin(r, 3, 10000);
        answers = enqueue_crowd(r, CROWD, 0);
        decide(r, steps[k], CROWD, 0);
        for (uint32_t i = 0; i < CROWD; i++) {
            rules_record records[SECKILL_USER_RECORDS_MAX];
            char user[SECKILL_USER_MAX + 1];

            user_of(i, user);
            queue_assert_poll(r, &answers[i], SECKILL_TICKET_GRANTED);
            assert_int_equal(rules_records(r, user, records), 1);
            assert_memory_equal(records[0].id, answers[i].ticket.reservation_id, sizeof(records[0].id));
            assert_int_equal(records[0].state, RECORD_RESERVED);
            assert_int_equal(records[0].quantity, units_of(i));
            assert_true(records[0].price == 129900 && records[0].since == r->now_ms && records[0].ends == r->now_ms + 60000);
            assert_int_equal(records[0].grace, 500);
        }
        free(answers);
        rules_pass(r, 60000);
        assert_int_equal(sale_expire(&r->sale).reservations, CROWD);
        rules_check(r);
    }
}

static void one_unit_too_few_is_refused_to_the_last(void **state) {
    rules *r = *state;
    sale_ticket_answer *answers;

    begin(r, 3, 2 * CROWD - 1);
    answers = enqueue_crowd(r, CROWD, 0);
    decide(r, SECKILL_BATCH_MAX, CROWD - 1, 1);
    queue_assert_poll_refused(r, &answers[CROWD - 1], SECKILL_NOT_ENOUGH);
    free(answers);
}

static void who_stands_in_it_twice_has_his_limit(void **state) {
    rules *r = *state;
    sale_ticket_answer *answers, again;
    char user[SECKILL_USER_MAX + 1];

    begin(r, 3, 10000);
    answers = enqueue_crowd(r, CROWD, 0);
    user_of(2, user);
    again = queue_enqueue(r, user, "another", 1);
    queue_assert_queued(&again, CROWD + 1);
    decide(r, SECKILL_BATCH_MAX, CROWD, 1);
    queue_assert_poll_refused(r, &again, SECKILL_LIMIT_REACHED);
    free(answers);
}

/* Who has a record already, who stands there twice under one id, who is blacklisted: the others are granted all the same. */
static void odd_ones_are_decided_among_a_crowd(void **state) {
    rules *r = *state;
    sale_ticket_answer *answers, known, twice;
    rules_record records[SECKILL_USER_RECORDS_MAX];
    char user[SECKILL_USER_MAX + 1];

    begin(r, 3, 10000);
    free(enqueue_crowd(r, 1, 0));
    decide(r, SECKILL_BATCH_MAX, 1, 0);
    answers = enqueue_crowd(r, CROWD, 0);
    user_of(0, user);
    known = queue_enqueue(r, user, "another", 2);
    user_of(5, user);
    twice = queue_enqueue(r, user, "r", units_of(5));
    decide_screened(r, SECKILL_BATCH_MAX, CROWD - 1 - 15 + 1, 0, 15);
    queue_assert_poll(r, &known, SECKILL_TICKET_GRANTED);
    queue_assert_poll(r, &twice, SECKILL_TICKET_GRANTED);
    queue_assert_poll_refused(r, &answers[7], SECKILL_BLACKLISTED);
    assert_int_equal(rules_records(r, user, records), 1);
    user_of(0, user);
    assert_int_equal(rules_records(r, user, records), 2);
    free(answers);
}

static void odd_ones_are_refused_with_the_others(void **state) {
    static const uint32_t steps[] = {7, 50, SECKILL_BATCH_MAX};
    rules *r;

    for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
        sale_ticket_answer *answers, again;
        char user[SECKILL_USER_MAX + 1];

        assert_int_equal(rules_teardown(state), 0);
        assert_int_equal(rules_setup(state), 0);
        r = *state;
        begin(r, 3, 2);
        answers = enqueue_crowd(r, CROWD, 0);
        user_of(140, user);
        again = queue_enqueue(r, user, "another", 1);
        decide_screened(r, steps[k], 2, CROWD + 1 - 2 - 15, 15); /* the first, and the fourth, who needs no more than one */
        queue_assert_poll(r, &answers[3], SECKILL_TICKET_GRANTED);
        queue_assert_poll_refused(r, &answers[1], SECKILL_SOLD_OUT);
        queue_assert_poll_refused(r, &answers[147], SECKILL_BLACKLISTED);
        queue_assert_poll_refused(r, &again, SECKILL_SOLD_OUT);
        free(answers);
    }
}

/* A worker may hear in between that a user is good after all. What he asked first is decided first. */
static void of_one_user_the_first_is_decided_first(void **state) {
    static const uint8_t verdicts[] = {1, 0, 0};
    rules *r = *state;
    sale_queue_answer *screened = malloc(sizeof(*screened)), *decided = malloc(sizeof(*decided));
    rules_record records[SECKILL_USER_RECORDS_MAX];

    assert_true(screened != NULL && decided != NULL);
    begin(r, 3, 10000);
    (void)queue_enqueue(r, "user", "first", 1);
    (void)queue_enqueue(r, "user", "first", 1);
    (void)queue_enqueue(r, "user", "second", 1);
    assert_status(sale_queue_read(&r->sale, 0, SECKILL_BATCH_MAX, screened), SECKILL_OK);
    assert_int_equal(screened->count, 3);
    assert_status(sale_decide(&r->sale, 0, screened, verdicts, 1, decided), SECKILL_OK);
    assert_int_equal(decided->decided, 2); /* the first said it for the one that repeated it */
    assert_int_equal(decided->blacklisted, 1);
    assert_int_equal(decided->granted, 1);
    assert_int_equal(rules_records(r, "user", records), 2);
    assert_int_equal(records[0].state, RECORD_REFUSED);
    assert_int_equal(records[1].state, RECORD_RESERVED);
    rules_check(r);
    free(screened);
    free(decided);
}

static void while_somebody_counts_records_are_stamped(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    uint8_t audit[58] = {0};
    redisReply *value;
    char user[SECKILL_USER_MAX + 1];

    begin(r, 3, 10000);
    free(enqueue_crowd(r, CROWD, 0));
    audit[7] = 3; /* the generation */
    audit[8] = 1; /* it is being counted */
    redis_server_forget(
        redis_server_command(r->server, "HSET %s audit %b", sale_key(&r->sale, 0, "stock", key), audit, sizeof(audit)));
    decide(r, SECKILL_BATCH_MAX, CROWD, 0);
    value = redis_server_command(r->server, "HGET %s audit", key);
    assert_int_equal(value->str[9 + 6] + 256 * value->str[9 + 5], 256 + 44); /* what is reserved: 50 times 1 + 2 + 3 */
    redis_server_forget(value);
    user_of(0, user);
    value = redis_server_command(r->server, "HGET %s %s", sale_key(&r->sale, 0, "users", key), user);
    assert_int_equal(value->str[16], 3 * 16 + RECORD_RESERVED);
    redis_server_forget(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_crowd_stands_in_its_order),
        RULES_TEST(who_is_known_is_answered_in_a_crowd),
        RULES_TEST(the_last_place_is_taken_and_no_more),
        RULES_TEST(a_crowd_is_granted),
        RULES_TEST(one_unit_too_few_is_refused_to_the_last),
        RULES_TEST(who_stands_in_it_twice_has_his_limit),
        RULES_TEST(odd_ones_are_decided_among_a_crowd),
        RULES_TEST(odd_ones_are_refused_with_the_others),
        RULES_TEST(of_one_user_the_first_is_decided_first),
        RULES_TEST(while_somebody_counts_records_are_stamped),
    };

    return RULES_RUN(tests);
}
