#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include "test_run.h"

#include "base/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- life ---- */

int rules_group_setup(void **state) {
    static const char *const lines[] = {"enable-debug-command yes", NULL}; /* for rules_everything */
    redis_server_options options = {false, false, lines};
    rules *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return -1;
    *state = r;
    r->server = redis_server_start(&options);
    rules_seed(r);
    return r->server != NULL ? 0 : -1;
}

int rules_group_teardown(void **state) {
    rules *r = *state;

    redis_server_free(r->server);
    free(r);
    return 0;
}

int rules_setup(void **state) {
    rules *r = *state;

    redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
    r->now_ms = 0;
    sale_open(&r->sale, redis_server_address(r->server));
    return 0;
}

int rules_teardown(void **state) {
    rules *r = *state;

    sale_close(&r->sale);
    return 0;
}

void rules_open_other(const rules *r, sale *other) {
    sale_open(other, redis_server_address(r->server));
    other->shards = r->sale.shards;
}

seckill_item_settings rules_settings(uint32_t limit, uint32_t hold_ms, uint32_t grace_ms) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    settings.limit = limit;
    settings.price = 129900;
    settings.hold_ms = hold_ms;
    settings.grace_ms = grace_ms;
    settings.window_ms = 1000;
    settings.remember_ms = 2000;
    return settings;
}

static void sell(rules *r, uint32_t shards, const seckill_item_settings *settings, int64_t units) {
    assert_status(sale_define(&r->sale, shards, settings).status, SECKILL_OK);
    if (units > 0)
        assert_status(sale_load(&r->sale, "first-load", units).status, SECKILL_OK);
}

void rules_sell(rules *r, uint32_t shards, uint32_t limit, uint32_t hold_ms, uint32_t grace_ms, int64_t units) {
    seckill_item_settings settings = rules_settings(limit, hold_ms, grace_ms);

    sell(r, shards, &settings, units);
}

void rules_sell_patiently(rules *r, uint32_t shards, uint32_t limit, int64_t units) {
    seckill_item_settings settings = rules_settings(limit, 600000, 0);

    settings.window_ms = 300000;
    settings.remember_ms = 600000;
    sell(r, shards, &settings, units);
}

/* ---- time ---- */

int64_t rules_server_ms(const rules *r) {
    redisReply *reply = redis_server_command(r->server, "TIME");
    int64_t ms;

    assert_non_null(reply);
    assert_int_equal(reply->elements, 2);
    ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 + strtoll(reply->element[1]->str, NULL, 10) / 1000;
    redis_server_forget(reply);
    return ms;
}

static void set_clocks(rules *r) {
    for (uint32_t i = 0; i < r->sale.shards; i++)
        rules_set_field(r, i, "clock", r->now_ms);
}

void rules_freeze(rules *r) {
    r->now_ms = rules_server_ms(r) + 3600000;
    set_clocks(r);
}

void rules_pass(rules *r, int64_t ms) {
    r->now_ms += ms;
    set_clocks(r);
}

sale_answer rules_reserve(rules *r, const char *user, const char *request_id, uint32_t quantity) {
    assert_true(r->now_ms != 0);
    return sale_reserve_at(&r->sale, user, request_id, quantity, r->now_ms);
}

/* ---- what is stored ---- */

/* Starts a reserve for each of these users and waits for all. */
sale_answer *rules_reserve_all(rules *r, const char *stem, uint32_t count, uint32_t quantity) {
    sale_answer *answers = calloc(count, sizeof(*answers));

    assert_non_null(answers);
    for (uint32_t i = 0; i < count; i++) {
        char user[32];

        (void)snprintf(user, sizeof(user), "%s%u", stem, i);
        assert_status(sale_start_reserve_at(&r->sale, user, "r", quantity, r->now_ms, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, count);
    return answers;
}

uint32_t rules_count_of(const sale_answer *answers, uint32_t count, seckill_status status) {
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++)
        found += answers[i].status == status;
    return found;
}

long long rules_field(rules *r, uint32_t shard, const char *field) {
    char key[SECKILL_SHARD_KEY_SIZE];

    return redis_server_integer(r->server, "HGET %s %s", sale_key(&r->sale, shard, "stock", key), field);
}

void rules_set_field(rules *r, uint32_t shard, const char *field, long long value) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply =
        redis_server_command(r->server, "HSET %s %s %lld", sale_key(&r->sale, shard, "stock", key), field, value);

    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    redis_server_forget(reply);
}

uint32_t rules_home_of(rules *r, const char *user) {
    sale_item_answer info = sale_get(&r->sale);
    seckill_bytes bytes = {user, strlen(user)};

    return seckill_shard_of(bytes, info.seed, info.settings.shards);
}

void rules_user_of(rules *r, uint32_t shard, uint32_t n, char user[SECKILL_USER_MAX + 1]) {
    sale_item_answer info = sale_get(&r->sale);

    for (uint32_t i = 0, found = 0; found <= n; i++) {
        int size = snprintf(user, SECKILL_USER_MAX + 1, "user-%u", i);
        seckill_bytes bytes = {user, (size_t)size};

        found += seckill_shard_of(bytes, info.seed, info.settings.shards) == shard;
    }
}

size_t rules_parse_records(const redisReply *value, rules_record records[SECKILL_USER_RECORDS_MAX]) {
    sk__reader reader = sk__reader_of(value->str, value->len);
    size_t count = 0;

    for (; sk__reader_left(&reader) != 0 && count < SECKILL_USER_RECORDS_MAX; count++) {
        rules_record *record = &records[count];

        sk__read_into(&reader, record->id, sizeof(record->id));
        record->state = sk__read_u8(&reader) % 16; /* above it stands the audit's stamp */
        record->quantity = sk__read_u32(&reader);
        record->price = (int64_t)sk__read_u56(&reader);
        record->since = (int64_t)sk__read_u48(&reader);
        record->ends = (int64_t)sk__read_u48(&reader);
        record->grace = sk__read_u32(&reader);
    }
    assert_true(sk__reader_done(&reader));
    return count;
}

size_t rules_records(rules *r, const char *user, rules_record records[SECKILL_USER_RECORDS_MAX]) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply =
        redis_server_command(r->server, "HGET %s %s", sale_key(&r->sale, rules_home_of(r, user), "users", key), user);
    size_t count = 0;

    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_STRING)
        count = rules_parse_records(reply, records);
    redis_server_forget(reply);
    return count;
}

/* ---- everything ---- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *rules_everything(rules *r) {
    redisReply *keys = redis_server_command(r->server, "KEYS *");
    char **lines = calloc(keys->elements + 1, sizeof(*lines));
    char *all;
    size_t size = 1, at = 0;

    assert_non_null(lines);
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *digest = redis_server_command(r->server, "DEBUG DIGEST-VALUE %s", keys->element[i]->str);
        size_t room = keys->element[i]->len + 64;

        assert_int_equal(digest->elements, 1);
        lines[i] = malloc(room);
        assert_non_null(lines[i]);
        size += (size_t)snprintf(lines[i], room, "%s %s\n", keys->element[i]->str, digest->element[0]->str);
        redis_server_forget(digest);
    }
    qsort(lines, keys->elements, sizeof(*lines), compare_texts);
    all = calloc(1, size);
    assert_non_null(all);
    for (size_t i = 0; i < keys->elements; i++) {
        at += (size_t)snprintf(all + at, size - at, "%s", lines[i]);
        free(lines[i]);
    }
    free(lines);
    redis_server_forget(keys);
    return all;
}

/* ---- chance ---- */

void rules_seed(rules *r) {
    r->random = test_run_seed();
}

uint32_t rules_below(rules *r, uint32_t limit) {
    return test_run_below(&r->random, limit);
}

uint32_t rules_rounds(uint32_t sampled, uint32_t full) {
    return test_run_is_full() ? full : sampled;
}
