/* The laws that hold at any time: see rules_check. */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include "base/wire.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t ends;
    char user[SECKILL_USER_MAX + 1];
} entry;

typedef struct {
    entry *all;
    size_t count, capacity;
} entries;

static int compare(const void *a, const void *b) {
    const entry *left = a, *right = b;

    if (left->ends != right->ends)
        return left->ends < right->ends ? -1 : 1;
    return strcmp(left->user, right->user);
}

static void add_entry(entries *list, int64_t ends, const char *user, size_t size) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity != 0 ? list->capacity * 2 : 256;
        list->all = realloc(list->all, list->capacity * sizeof(list->all[0]));
        assert_non_null(list->all);
    }
    assert_in_range(size, 1, SECKILL_USER_MAX);
    memset(&list->all[list->count], 0, sizeof(list->all[0]));
    list->all[list->count].ends = ends;
    memcpy(list->all[list->count].user, user, size);
    list->count++;
}

static void add_member(entries *list, const redisReply *member, const redisReply *score) {
    sk__reader reader = sk__reader_of(member->str, member->len);
    int64_t ends = (int64_t)sk__read_u48(&reader);

    assert_true(ends == strtoll(score->str, NULL, 10));
    while (sk__reader_left(&reader) != 0) {
        uint8_t size = sk__read_u8(&reader);
        seckill_bytes user = sk__read_bytes(&reader, size);

        assert_false(reader.failed);
        add_entry(list, ends, user.data, user.size);
    }
}

static entries read_expirations(rules *r, uint32_t shard) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply =
        redis_server_command(r->server, "ZRANGE %s 0 -1 WITHSCORES", sale_key(&r->sale, shard, "expirations", key));
    entries list = {NULL, 0, 0};

    assert_non_null(reply);
    assert_true(reply->elements >= 2);
    /* The member that stands for "empty" is the last for ever. */
    assert_int_equal(reply->element[reply->elements - 2]->len, 0);
    assert_string_equal(reply->element[reply->elements - 1]->str, "inf");
    for (size_t i = 0; i + 2 < reply->elements; i += 2)
        add_member(&list, reply->element[i], reply->element[i + 1]);
    redis_server_forget(reply);
    if (list.count != 0)
        qsort(list.all, list.count, sizeof(list.all[0]), compare);
    return list;
}

typedef struct {
    int64_t reserved, sold, users;
} sums;

/* A request id that was granted twice would stand there twice. */
static void check_ids(const rules_record *records, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(records[i].id, records[k].id, sizeof(records[i].id));
    }
}

static void add_user(const redisReply *user, const redisReply *value, const entries *expirations, sums *sum) {
    rules_record records[SECKILL_USER_RECORDS_MAX];
    size_t count = rules_parse_records(value, records);

    assert_in_range(count, 1, SECKILL_USER_RECORDS_MAX);
    check_ids(records, count);
    for (size_t i = 0; i < count; i++) {
        entry wanted;

        sum->reserved += records[i].state == RECORD_RESERVED ? records[i].quantity : 0;
        sum->sold += records[i].state == RECORD_SOLD ? records[i].quantity : 0;
        assert_in_range(records[i].state, RECORD_RESERVED, RECORD_REFUSED);
        assert_true((records[i].ends == 0) == (records[i].state == RECORD_SOLD || records[i].state == RECORD_REFUNDED));
        if (records[i].ends == 0)
            continue;
        memset(&wanted, 0, sizeof(wanted));
        wanted.ends = records[i].ends;
        memcpy(wanted.user, user->str, user->len);
        assert_non_null(expirations->count != 0
                            ? bsearch(&wanted, expirations->all, expirations->count, sizeof(expirations->all[0]), compare)
                            : NULL);
    }
    sum->users++;
}

static sums add_users(rules *r, uint32_t shard, const entries *expirations) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply = redis_server_command(r->server, "HGETALL %s", sale_key(&r->sale, shard, "users", key));
    sums sum = {0, 0, 0};

    assert_non_null(reply);
    for (size_t i = 0; i < reply->elements; i += 2) {
        if (reply->element[i]->len != 0)
            add_user(reply->element[i], reply->element[i + 1], expirations, &sum);
    }
    redis_server_forget(reply);
    return sum;
}

static void check_keys(rules *r, uint32_t shard) {
    static const char *const keys[][2] = {{"stock", "hash"},     {"users", "hash"},   {"expirations", "zset"},
                                          {"transfers", "hash"}, {"queue", "stream"}, {"events", "stream"}};
    char key[SECKILL_SHARD_KEY_SIZE];

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        redisReply *reply = redis_server_command(r->server, "TYPE %s", sale_key(&r->sale, shard, keys[i][0], key));

        assert_non_null(reply);
        assert_string_equal(reply->str, keys[i][1]);
        redis_server_forget(reply);
    }
}

/* ---- the queue ---- */

/* What was read of a shard's stream so far. */
typedef struct {
    uint64_t decided, epoch, n, waiting;
    int64_t clock;
} stream;

static void check_request(stream *s, sk__reader *reader) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    uint32_t quantity;
    int64_t enqueued;
    uint8_t size;

    sk__read_into(reader, id, sizeof(id));
    quantity = sk__read_u32(reader);
    enqueued = (int64_t)sk__read_u48(reader);
    size = sk__read_u8(reader);
    (void)sk__read_bytes(reader, size);
    assert_false(reader->failed);
    assert_in_range(size, 1, SECKILL_USER_MAX);
    assert_in_range(quantity, 1, 1000000);
    assert_in_range(enqueued, 1, s->clock);
    s->n++;
    s->waiting += s->n > s->decided;
}

/* An entry is one field, `e`, of 1 to 64 requests; its id is the epoch and the n of the first of them. */
static void check_stream_entry(stream *s, const redisReply *found) {
    const redisReply *fields = found->element[1];
    uint64_t epoch, first = s->n;
    char *end;
    sk__reader reader;

    assert_int_equal(fields->elements, 2);
    assert_string_equal(fields->element[0]->str, "e");
    epoch = strtoull(found->element[0]->str, &end, 10);
    assert_true(epoch >= s->epoch);
    s->epoch = epoch;
    if (s->n == 0)
        first = s->n = strtoull(end + 1, NULL, 10) - 1;
    assert_int_equal(strtoull(end + 1, NULL, 10), s->n + 1); /* dense, over epochs too */
    reader = sk__reader_of(fields->element[1]->str, fields->element[1]->len);
    while (sk__reader_left(&reader) != 0)
        check_request(s, &reader);
    assert_in_range(s->n - first, 1, 64);
    assert_true(s->n > s->decided); /* else it should be gone */
}

/* All requests between the two cursors stand in the stream, once each and in order, and none that is decided but those that
 * share an entry with one that waits. */
static void check_queue(rules *r, uint32_t shard) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply = redis_server_command(r->server, "XRANGE %s - +", sale_key(&r->sale, shard, "queue", key));
    stream s = {(uint64_t)rules_field(r, shard, "decided"), 0, 0, 0, rules_field(r, shard, "clock")};

    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < reply->elements; i++)
        check_stream_entry(&s, reply->element[i]);
    redis_server_forget(reply);
    assert_int_equal(rules_field(r, shard, "enqueued") - (long long)s.decided, s.waiting);
    assert_int_equal(s.n != 0 ? s.n : s.decided, rules_field(r, shard, "enqueued"));
    assert_true(s.epoch <= (uint64_t)rules_field(r, shard, "epoch"));
}

void rules_check(rules *r) {
    sale_stock_answer stock = sale_stock(&r->sale);

    assert_true(sale_account_holds(&stock));
    for (uint32_t i = 0; i < stock.count; i++) {
        entries expirations = read_expirations(r, i);
        sums sum = add_users(r, i, &expirations);

        check_keys(r, i);
        check_queue(r, i);
        free(expirations.all);
        assert_int_equal(sum.reserved, stock.shards[i].reserved);
        assert_int_equal(sum.sold, stock.shards[i].sold);
        assert_int_equal(sum.users, stock.shards[i].users);
    }
}
