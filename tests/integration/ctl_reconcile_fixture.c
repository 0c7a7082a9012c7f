/* See ctl_reconcile_fixture.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_reconcile_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHARDS = 2, FAULTS_MAX = 32, WORDS_MAX = 8 };

static books the_books;

/* ---- the engine ---- */

#ifdef ORDERS_ON_MYSQL
#include "mariadb.h"

static mariadb_server *server;

static void stop_server(void) {
    mariadb_free(server);
}

static void no_step(const char *step, void *user_data) {
    (void)step;
    (void)user_data;
}

/* One server for all tests of the program. */
static void make_place(books *b) {
    char error[ORDERS_DB_ERROR_SIZE];
    if (!server) {
        if (!mariadb_available()) {
            exit(77);
        }
        server = mariadb_start(NULL);
        assert_non_null(server);
        assert_int_equal(atexit(stop_server), 0);
    }
    assert_true(mariadb_new_database(server, "books"));
    assert_true(mariadb_sql(server, "USE books"));
    snprintf(b->orders, sizeof b->orders, "%s", mariadb_where(server, "books", NULL));
    assert_int_equal(orders_db_migrate(b->orders, false, no_step, NULL, error), ORDERS_DB_OK);
}

static void remove_place(const books *b) {
    (void)b;
}

static void run_one(const books *b, const char *sql) {
    (void)b;
    assert_true(mariadb_sql(server, "%s", sql));
}
#else
#include <sqlite3.h>

static void make_place(books *b) {
    snprintf(b->orders, sizeof b->orders, "%s/orders.db", redis_server_folder(ctl_redis));
}

static void remove_place(const books *b) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s%s", b->orders, endings[i]);
        (void)unlink(path);
    }
}

static void run_one(const books *b, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(b->orders, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
#endif

void run_sql(const books *b, const char *trigger, const char *sql) {
    char drop[100];
    if (trigger) {
        snprintf(drop, sizeof drop, "DROP TRIGGER %s", trigger);
        run_one(b, drop);
    }
    run_one(b, sql);
}

/* ---- the shop ---- */

int books_open(void **state) {
    books *b = &the_books;
    char error[ORDERS_DB_ERROR_SIZE];
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    memset(b, 0, sizeof *b);
    redis_server_forget(redis_server_command(ctl_redis, "FLUSHALL"));
    settings.limit = 5;
    settings.price = 700;
    sale_open(&b->sale, redis_server_address(ctl_redis));
    assert_int_equal(sale_define(&b->sale, SHARDS, &settings).status, SECKILL_OK);
    assert_int_equal(sale_load(&b->sale, "first", BOOKS_UNITS).status, SECKILL_OK);
    memcpy(b->seed, sale_get(&b->sale).seed, sizeof b->seed);
    make_place(b);
    assert_int_equal(orders_db_open(b->orders, ORDERS_DB_CREATE, 1000, &b->db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_set_inventory(b->db, "sale", "phone", BOOKS_UNITS, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    *state = b;
    return 0;
}

int books_close(void **state) {
    books *b = *state;
    orders_db_close(b->db);
    remove_place(b);
    sale_close(&b->sale);
    return 0;
}

/* ---- selling ---- */

const char *user_of(const books *b, uint32_t shard, uint32_t n) {
    static char user[32];
    for (unsigned i = 0;; i++) {
        snprintf(user, sizeof user, "user-%u", i);
        if (seckill_shard_of((seckill_bytes){user, strlen(user)}, b->seed, SHARDS) == shard && n-- == 0) {
            return user;
        }
    }
}

sale_answer reserve_for(books *b, uint32_t shard, uint32_t n) {
    sale_answer answer = sale_reserve(&b->sale, user_of(b, shard, n), "request", 1);
    assert_int_equal(answer.status, SECKILL_OK);
    return answer;
}

sale_answer sell_to(books *b, uint32_t shard, uint32_t n) {
    sale_answer answer = reserve_for(b, shard, n);
    answer = sale_confirm(&b->sale, &answer.ref, "ref");
    assert_int_equal(answer.status, SECKILL_OK);
    return answer;
}

void sell_some(books *b) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        (void)reserve_for(b, shard, 0);
        (void)sell_to(b, shard, 1);
    }
}

void write_orders(books *b) {
    static sale_events_answer waiting;
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        waiting = sale_events(&b->sale, shard, SECKILL_BATCH_MAX);
        assert_int_equal(waiting.status, SECKILL_OK);
        for (size_t i = 0; i < waiting.count; i++) {
            orders_db_event event = {"sale", "phone", waiting.events[i]};
            seckill_event_ack ack = {waiting.events[i].id, {0}};
            orders_db_outcome outcome;
            event.event.user = (seckill_bytes){waiting.users[i], strlen(waiting.users[i])};
            event.event.order_ref = (seckill_bytes){waiting.order_refs[i], waiting.order_ref_sizes[i]};
            assert_int_equal(orders_db_apply(b->db, &event, 1, &outcome), ORDERS_DB_OK);
            assert_true(orders_db_recorded(outcome));
            memcpy(ack.reservation_id, event.event.reservation_id, sizeof ack.reservation_id);
            assert_int_equal(sale_ack(&b->sale, shard, &ack, 1).status, SECKILL_OK);
        }
    }
}

/* ---- planting ---- */

static void big_endian(uint8_t *at, size_t size, uint64_t value) {
    while (size-- > 0) {
        at[size] = (uint8_t)value;
        value >>= 8;
    }
}

void pack_record(uint8_t bytes[44], uint8_t id, uint8_t state, uint32_t quantity, int64_t since_ms, int64_t ends_ms) {
    memset(bytes, id, 16);
    bytes[16] = state;
    big_endian(bytes + 17, 4, quantity);
    big_endian(bytes + 21, 7, 700);
    big_endian(bytes + 28, 6, (uint64_t)since_ms);
    big_endian(bytes + 34, 6, (uint64_t)ends_ms);
    big_endian(bytes + 40, 4, 0);
}

void put_record(books *b, uint32_t shard, const char *user, const uint8_t *bytes, size_t size) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redis_server_forget(
        redis_server_command(ctl_redis, "HSET %s %s %b", sale_key(&b->sale, shard, "users", key), user, bytes, size));
}

static long long number_of(redisReply *reply) {
    assert_true(reply && reply->type != REDIS_REPLY_ERROR);
    long long number = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : reply->integer;
    redis_server_forget(reply);
    return number;
}

long long on_shard(books *b, uint32_t shard, const char *command, const char *key, const char *format, ...) {
    char full[SECKILL_SHARD_KEY_SIZE], text[256], *rest = NULL;
    const char *words[WORDS_MAX];
    size_t sizes[WORDS_MAX];
    int count = 0;
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    words[count++] = command;
    words[count++] = sale_key(&b->sale, shard, key, full);
    for (char *word = strtok_r(text, " ", &rest); word && count < WORDS_MAX; word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    for (int i = 0; i < count; i++) {
        sizes[i] = strlen(words[i]);
    }
    return number_of(redis_server_command_argv(ctl_redis, count, words, sizes));
}

void forget(books *b, uint32_t shard, uint32_t n) {
    assert_int_equal(on_shard(b, shard, "HDEL", "users", "%s", user_of(b, shard, n)), 1);
    on_shard(b, shard, "HINCRBY", "stock", "sold -1");
    on_shard(b, shard, "HINCRBY", "stock", "available 1");
}

/* ---- what the command says ---- */

static int compare_texts(const void *left, const void *right) {
    return strcmp(left, right);
}

const json_t *fault_of(const json_t *item, size_t n) {
    const json_t *fault = json_array_get(json_object_get(item, "faults"), n);
    assert_non_null(fault);
    return fault;
}

bool is_repaired(const json_t *fault) {
    return json_is_true(json_object_get(fault, "repaired"));
}

void is_left_because(const json_t *fault, const char *words) {
    assert_false(is_repaired(fault));
    if (!strstr(ctl_text(fault, "not_repaired"), words)) {
        fail_msg("%s", ctl_text(fault, "not_repaired"));
    }
}

/* The faults of an item as one text. */
static const char *faults_of(const json_t *item) {
    static char all[FAULTS_MAX * 200];
    static char texts[FAULTS_MAX][200];
    const json_t *faults = json_object_get(item, "faults");
    size_t count = json_array_size(faults), size = 0;
    assert_true(count <= FAULTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *fault = json_array_get(faults, i);
        snprintf(texts[i], sizeof texts[i], "%s %s", ctl_text(fault, "kind"), ctl_text(fault, "what"));
    }
    qsort(texts, count, sizeof texts[0], compare_texts);
    all[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(all + size, sizeof all - size, "%s%s", i ? ", " : "", texts[i]);
    }
    return all;
}

static const json_t *ask(const char *faults, const char *more) {
    const json_t *answer = ctl_json(*faults ? 4 : 0, "reconcile sale/phone %s", more);
    const json_t *item = json_array_get(json_object_get(answer, "items"), 0);
    assert_string_equal(faults_of(item), faults);
    assert_int_equal(ctl_int(answer, "fault_count"), json_array_size(json_object_get(item, "faults")));
    assert_string_equal(ctl_text(answer, "status"), *faults ? "does_not_add_up" : "ok");
    return item;
}

const json_t *adds_up(const char *more) {
    return ask("", more);
}

const json_t *finds(const char *faults, const char *more) {
    return ask(faults, more);
}

static const json_t *ask_with_orders(const books *b, const char *faults, const char *more) {
    char line[512];
    snprintf(line, sizeof line, BOOKS_ORDERS " %s", b->orders, more);
    line[strlen(line) - (*more ? 0 : 1)] = '\0'; /* words are separated by single spaces */
    return ask(faults, line);
}

const json_t *adds_up_with_orders(const books *b, const char *more) {
    return ask_with_orders(b, "", more);
}

const json_t *finds_with_orders(const books *b, const char *faults, const char *more) {
    return ask_with_orders(b, faults, more);
}
