/* What may be used once.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    seckill_status status;
    int again;
    bool done;
} used;

static void on_used(const seckill_once_result *result, void *user_data) {
    *(used *)user_data = (used){result->status, result->again, true};
}

static seckill_once_options of(const char *id, const char *holder, int64_t until_ms) {
    seckill_once_options options = SECKILL_ONCE_OPTIONS_INIT;
    options.id = (seckill_bytes){id, strlen(id)};
    options.holder = (seckill_bytes){holder, strlen(holder)};
    options.until_ms = until_ms;
    return options;
}

static used use(sale *self, const char *id, const char *holder, int64_t until_ms) {
    seckill_once_options options = of(id, holder, until_ms);
    used answer = {0};
    answer.status = seckill_once(self->client, &options, on_used, &answer);
    if (answer.status == SECKILL_OK)
        sale_run_until(self, &answer.done);
    return answer;
}

static void whoever_comes_first_has_it(void **state) {
    rules *r = *state;
    int64_t until = rules_server_ms(r) + 60000;
    sale other;
    rules_open_other(r, &other);
    used first = use(&r->sale, "captcha", "alice", until);
    assert_status(first.status, SECKILL_OK);
    assert_false(first.again);
    assert_status(use(&other, "captcha", "mallory", until).status, SECKILL_CONFLICT);
    used again = use(&other, "captcha", "alice", until);
    assert_status(again.status, SECKILL_OK);
    assert_true(again.again);
    assert_status(use(&r->sale, "another", "mallory", until).status, SECKILL_OK);
    sale_close(&other);
}

/* All travel together; of two with the same id in one batch the first has it. */
static void a_crowd_is_served_in_batches(void **state) {
    enum { CROWD = 5000 };
    rules *r = *state;
    int64_t until = rules_server_ms(r) + 60000;
    used *answers = calloc(CROWD, sizeof *answers);
    unsigned won = 0, lost = 0;
    seckill_client_stats stats = {.struct_size = sizeof stats};
    assert_non_null(answers);
    for (unsigned i = 0; i < CROWD; i++) {
        char id[16], holder[16];
        snprintf(id, sizeof id, "id-%u", i / 5); /* five want each */
        snprintf(holder, sizeof holder, "h-%u", i);
        seckill_once_options options = of(id, holder, until);
        assert_status(seckill_once(r->sale.client, &options, on_used, &answers[i]), SECKILL_OK);
        assert_false(answers[i].done);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        sale_run_until(&r->sale, &answers[i].done);
        won += answers[i].status == SECKILL_OK;
        lost += answers[i].status == SECKILL_CONFLICT;
    }
    assert_int_equal(won, CROWD / 5);
    assert_int_equal(lost, CROWD - CROWD / 5);
    assert_status(seckill_client_get_stats(r->sale.client, &stats), SECKILL_OK);
    uint64_t scripts = 0;
    for (size_t i = 0; i < SECKILL_HISTOGRAM_BUCKETS; i++)
        scripts += stats.scripts.buckets[i];
    assert_in_range(scripts, 1, 64); /* of 16 parts */
    assert_in_range(redis_server_integer(r->server, "DBSIZE"), 1, 16);
    free(answers);
}

/* Where the next ten minutes begin in between, both are right. */
static void each_is_kept_for_its_time(void **state) {
    rules *r = *state;
    int64_t now = rules_server_ms(r), hour = 3600000;
    assert_status(use(&r->sale, "a", "alice", now + hour).status, SECKILL_OK);
    assert_status(use(&r->sale, "a", "mallory", now + hour).status, SECKILL_CONFLICT);
    redisReply *keys = redis_server_command(r->server, "KEYS *");
    assert_int_equal(keys->elements, 1);
    long long left = redis_server_integer(r->server, "PTTL %s", keys->element[0]->str);
    assert_in_range(left, hour - 1000, hour + 660000);
    redis_server_forget(keys);
}

static void what_is_over_cannot_be_used(void **state) {
    rules *r = *state;
    int64_t now = rules_server_ms(r);
    assert_status(use(&r->sale, "a", "alice", now - 1200000).status, SECKILL_INVALID);
    assert_status(use(&r->sale, "a", "alice", now + 86400000 + 60000).status, SECKILL_INVALID);
    assert_status(use(&r->sale, "a", "alice", 0).status, SECKILL_INVALID);
    assert_int_equal(redis_server_integer(r->server, "DBSIZE"), 0);
}

static void calls_are_checked(void **state) {
    rules *r = *state;
    char text[SECKILL_ONCE_MAX + 2];
    int64_t until = rules_server_ms(r) + 60000;
    memset(text, 'x', sizeof text);
    text[SECKILL_ONCE_MAX + 1] = '\0';
    assert_status(use(&r->sale, text, "a", until).status, SECKILL_INVALID);
    assert_status(use(&r->sale, "a", text, until).status, SECKILL_INVALID);
    assert_status(use(&r->sale, "", "a", until).status, SECKILL_INVALID);
    assert_status(use(&r->sale, "a", "", until).status, SECKILL_INVALID);
    text[SECKILL_ONCE_MAX] = '\0';
    assert_status(use(&r->sale, text, text, until).status, SECKILL_OK);
    assert_status(seckill_once(r->sale.client, NULL, on_used, NULL), SECKILL_INVALID);
    assert_status(seckill_once(NULL, NULL, on_used, NULL), SECKILL_INVALID);
}

/* Whether it was used is not known: the same holder asks again. */
static void an_answer_that_is_lost_is_unknown(void **state) {
    rules *r = *state;
    int64_t until = rules_server_ms(r) + 60000;
    seckill_once_options options = of("captcha", "alice", until);
    used answer = {0};
    assert_status(use(&r->sale, "warm", "up", until).status, SECKILL_OK);
    options.timeout_ms = 150;
    redis_server_pause(r->server);
    assert_status(seckill_once(r->sale.client, &options, on_used, &answer), SECKILL_OK);
    sale_run_until(&r->sale, &answer.done);
    assert_status(answer.status, SECKILL_UNKNOWN);
    redis_server_resume(r->server);
    assert_status(use(&r->sale, "captcha", "alice", until).status, SECKILL_OK);
    assert_status(use(&r->sale, "captcha", "mallory", until).status, SECKILL_CONFLICT);
}

static void damage_is_said(void **state) {
    rules *r = *state;
    int64_t until = rules_server_ms(r) + 3600000;
    assert_status(use(&r->sale, "a", "alice", until).status, SECKILL_OK);
    redisReply *keys = redis_server_command(r->server, "KEYS *");
    redis_server_forget(redis_server_command(r->server, "SET %s x", keys->element[0]->str));
    redis_server_forget(keys);
    assert_status(use(&r->sale, "a", "alice", until).status, SECKILL_DAMAGED);
}

static void on_closed(const seckill_once_result *result, void *user_data) {
    *(used *)user_data = (used){result->status, 0, true};
}

static void closing_answers_who_waits(void **state) {
    rules *r = *state;
    used answers[100] = {{0}};
    sale other;
    rules_open_other(r, &other);
    for (unsigned i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", i);
        seckill_once_options options = of(id, "alice", rules_server_ms(r) + 60000);
        assert_status(seckill_once(other.client, &options, on_closed, &answers[i]), SECKILL_OK);
    }
    sale_close(&other);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(answers[i].done);
        assert_true(answers[i].status == SECKILL_CLOSED || answers[i].status == SECKILL_UNKNOWN);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(whoever_comes_first_has_it),
        RULES_TEST(a_crowd_is_served_in_batches),
        RULES_TEST(each_is_kept_for_its_time),
        RULES_TEST(what_is_over_cannot_be_used),
        RULES_TEST(calls_are_checked),
        RULES_TEST(an_answer_that_is_lost_is_unknown),
        RULES_TEST(damage_is_said),
        RULES_TEST(closing_answers_who_waits),
    };
    return RULES_RUN(tests);
}
