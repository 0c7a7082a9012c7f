/* Batches that are granted at one look: which these are, that they are stored like any other, and that whatever is unusual goes
 * the long way and gets the right answers.
 *
 * Which way a batch went shows in the server's statistics: only the long way asks for HLEN.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROWD = 150 };

static void forget_ways(rules *r) {
    redis_server_forget(redis_server_command(r->server, "CONFIG RESETSTAT"));
}

static bool went_the_long_way(rules *r) {
    redisReply *reply = redis_server_command(r->server, "INFO commandstats");
    bool found = strstr(reply->str, "cmdstat_hlen:") != NULL;

    redis_server_forget(reply);
    return found;
}

static void begin(rules *r, uint32_t limit, int64_t units) {
    rules_sell(r, 1, limit, 60000, 500, units);
    rules_freeze(r);
    (void)rules_reserve(r, "the first", "r", 1); /* what a new server is told first */
    forget_ways(r);
}

static void one_look_grants_a_crowd(void **state) {
    rules *r = *state;
    sale_answer *answers;
    sale_stock_answer stock;

    begin(r, 5, 1000);
    answers = rules_reserve_all(r, "user-", CROWD, 3);
    assert_false(went_the_long_way(r));
    for (uint32_t i = 0; i < CROWD; i++) {
        rules_record records[SECKILL_USER_RECORDS_MAX];
        char user[24];

        (void)snprintf(user, sizeof(user), "user-%u", i);
        assert_status(answers[i].status, SECKILL_OK);
        assert_true(answers[i].has_ref);
        assert_int_equal(answers[i].replayed, 0);
        assert_int_equal(rules_records(r, user, records), 1);
        assert_memory_equal(records[0].id, answers[i].reservation.id, sizeof(records[0].id));
        assert_int_equal(records[0].state, RECORD_RESERVED);
        assert_int_equal(records[0].quantity, 3);
        assert_true(records[0].price == 129900 && answers[i].reservation.price == 129900);
        assert_true(records[0].since == r->now_ms && answers[i].reservation.since_ms == r->now_ms);
        assert_true(records[0].ends == r->now_ms + 60000 && answers[i].reservation.ends_ms == records[0].ends);
        assert_true(answers[i].ref.valid_until_ms == records[0].ends + 500);
        assert_int_equal(records[0].grace, 500);
    }
    free(answers);
    stock = sale_stock(&r->sale);
    assert_int_equal(stock.total.reserved, 3 * CROWD + 1);
    assert_int_equal(stock.total.available, 1000 - 3 * CROWD - 1);
    rules_check(r);
    rules_pass(r, 60000);
    assert_int_equal(sale_expire(&r->sale).units, 3 * CROWD + 1);
    rules_check(r);
}

static void the_last_unit_is_granted_and_no_more(void **state) {
    rules *r = *state;
    sale_answer *answers;

    begin(r, 1, CROWD + 1);
    answers = rules_reserve_all(r, "user-", CROWD, 1);
    assert_int_equal(rules_count_of(answers, CROWD, SECKILL_OK), CROWD);
    assert_false(went_the_long_way(r));
    free(answers);
    answers = rules_reserve_all(r, "late-", 2, 1);
    assert_int_equal(rules_count_of(answers, 2, SECKILL_SOLD_OUT), 2);
    free(answers);
    rules_check(r);
}

static void one_too_many_goes_the_long_way(void **state) {
    rules *r = *state;
    sale_answer *answers;

    begin(r, 1, CROWD);
    answers = rules_reserve_all(r, "user-", CROWD, 1);
    assert_int_equal(rules_count_of(answers, CROWD, SECKILL_OK), CROWD - 1);
    assert_int_equal(rules_count_of(answers, CROWD, SECKILL_SOLD_OUT), 1);
    assert_true(went_the_long_way(r));
    free(answers);
    rules_check(r);
}

static void who_is_known_goes_the_long_way(void **state) {
    rules *r = *state;
    sale_answer *first, *answers;

    begin(r, 1, 1000);
    first = rules_reserve_all(r, "user-7", 1, 1);
    forget_ways(r);
    answers = rules_reserve_all(r, "user-", CROWD, 1);
    assert_true(went_the_long_way(r));
    assert_int_equal(rules_count_of(answers, CROWD, SECKILL_OK), CROWD);
    for (uint32_t i = 0; i < CROWD; i++)
        assert_int_equal(answers[i].replayed, i == 70);
    assert_memory_equal(answers[70].reservation.id, first->reservation.id, sizeof(first->reservation.id));
    free(first);
    free(answers);
    rules_check(r);
}

static void who_stands_in_it_twice_goes_the_long_way(void **state) {
    rules *r = *state;
    sale_answer answers[3];

    begin(r, 2, 1000);
    memset(answers, 0, sizeof(answers));
    assert_status(sale_start_reserve_at(&r->sale, "twin", "a", 1, r->now_ms, &answers[0]), SECKILL_OK);
    assert_status(sale_start_reserve_at(&r->sale, "other", "a", 1, r->now_ms, &answers[1]), SECKILL_OK);
    assert_status(sale_start_reserve_at(&r->sale, "twin", "b", 1, r->now_ms, &answers[2]), SECKILL_OK);
    sale_wait(&r->sale, answers, 3);
    assert_true(went_the_long_way(r));
    assert_int_equal(rules_count_of(answers, 3, SECKILL_OK), 3);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 4);
    rules_check(r);
}

static void other_quantities_go_the_long_way(void **state) {
    rules *r = *state;
    sale_answer answers[2];

    begin(r, 2, 1000);
    memset(answers, 0, sizeof(answers));
    assert_status(sale_start_reserve_at(&r->sale, "one", "a", 1, r->now_ms, &answers[0]), SECKILL_OK);
    assert_status(sale_start_reserve_at(&r->sale, "two", "a", 2, r->now_ms, &answers[1]), SECKILL_OK);
    sale_wait(&r->sale, answers, 2);
    assert_true(went_the_long_way(r));
    assert_int_equal(answers[0].reservation.quantity, 1);
    assert_int_equal(answers[1].reservation.quantity, 2);
    rules_check(r);
}

static void the_rules_are_kept(void **state) {
    static const struct {
        const char *field;
        long long value, back;
        uint32_t quantity;
        seckill_status status;
    } cases[] = {
        {"limit", 1, 5, 2, SECKILL_LIMIT_REACHED},
        {"state", 1, 0, 1, SECKILL_PAUSED},
        {"state", 2, 0, 1, SECKILL_ENDED},
        {"end", 1, 0, 1, SECKILL_ENDED},
        {"start", 1LL << 50, 0, 1, SECKILL_NOT_STARTED},
        {"available", -3, 999, 1, SECKILL_SOLD_OUT},
    };
    rules *r = *state;

    begin(r, 5, 1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sale_answer *answers;

        rules_set_field(r, 0, cases[i].field, cases[i].value);
        forget_ways(r);
        answers = rules_reserve_all(r, cases[i].field, 3, cases[i].quantity);
        rules_set_field(r, 0, cases[i].field, cases[i].back);
        assert_int_equal(rules_count_of(answers, 3, cases[i].status), 3);
        assert_true(went_the_long_way(r));
        free(answers);
        rules_check(r);
    }
}

static void one_that_is_too_old_does_not_hide_in_a_crowd(void **state) {
    rules *r = *state;
    sale_answer answers[3];

    begin(r, 1, 1000);
    memset(answers, 0, sizeof(answers));
    assert_status(sale_start_reserve_at(&r->sale, "new", "a", 1, r->now_ms, &answers[0]), SECKILL_OK);
    assert_status(sale_start_reserve_at(&r->sale, "old", "a", 1, r->now_ms - 1001, &answers[1]), SECKILL_OK);
    assert_status(sale_start_reserve_at(&r->sale, "ahead", "a", 1, r->now_ms + 1000, &answers[2]), SECKILL_OK);
    sale_wait(&r->sale, answers, 3);
    assert_status(answers[0].status, SECKILL_OK);
    assert_status(answers[1].status, SECKILL_TOO_OLD);
    assert_status(answers[2].status, SECKILL_TOO_OLD);
    rules_check(r);
}

static void another_life_begins_an_epoch(void **state) {
    rules *r = *state;
    long long epoch;
    char key[SECKILL_SHARD_KEY_SIZE];

    begin(r, 1, 1000);
    epoch = rules_field(r, 0, "epoch");
    redis_server_forget(redis_server_command(r->server, "HSET %s run %s", sale_key(&r->sale, 0, "stock", key),
                                             "0123456789012345678901234567890123456789"));
    free(rules_reserve_all(r, "user-", 3, 1));
    assert_true(went_the_long_way(r));
    assert_true(rules_field(r, 0, "epoch") > epoch);
    rules_check(r);
}

static void while_somebody_counts_it_goes_the_long_way(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    uint8_t audit[58] = {0};

    begin(r, 1, 1000);
    audit[7] = 3; /* the generation */
    audit[8] = 1; /* it is being counted */
    redis_server_forget(
        redis_server_command(r->server, "HSET %s audit %b", sale_key(&r->sale, 0, "stock", key), audit, sizeof(audit)));
    free(rules_reserve_all(r, "user-", 3, 1));
    assert_true(went_the_long_way(r));
    audit[8] = 0;
    redis_server_forget(redis_server_command(r->server, "HSET %s audit %b", key, audit, sizeof(audit)));
    forget_ways(r);
    free(rules_reserve_all(r, "other-", 3, 1));
    assert_false(went_the_long_way(r));
    rules_check(r);
}

static void what_is_no_number_is_damage(void **state) {
    static const char *const fields[] = {"available", "reserved", "clock",    "price", "hold",
                                         "grace",     "window",   "remember", "limit"};
    static const char *const values[] = {"inf", "-inf", "nan", "", "many", "9007199254740992"};
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];

    begin(r, 1, 1000);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            long long before = rules_field(r, 0, fields[i]);
            char *all, *after;
            sale_answer *answer;

            (void)sale_key(&r->sale, 0, "stock", key);
            redis_server_forget(redis_server_command(r->server, "HSET %s %s %s", key, fields[i], values[k]));
            all = rules_everything(r);
            answer = rules_reserve_all(r, "user-", 1, 1);
            assert_status(answer->status, SECKILL_DAMAGED);
            after = rules_everything(r);
            assert_string_equal(all, after);
            free(all);
            free(after);
            free(answer);
            rules_set_field(r, 0, fields[i], before);
        }
    }
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(one_look_grants_a_crowd),
        RULES_TEST(the_last_unit_is_granted_and_no_more),
        RULES_TEST(one_too_many_goes_the_long_way),
        RULES_TEST(who_is_known_goes_the_long_way),
        RULES_TEST(who_stands_in_it_twice_goes_the_long_way),
        RULES_TEST(other_quantities_go_the_long_way),
        RULES_TEST(the_rules_are_kept),
        RULES_TEST(one_that_is_too_old_does_not_hide_in_a_crowd),
        RULES_TEST(another_life_begins_an_epoch),
        RULES_TEST(while_somebody_counts_it_goes_the_long_way),
        RULES_TEST(what_is_no_number_is_damage),
    };

    return RULES_RUN(tests);
}
