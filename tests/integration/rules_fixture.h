/* What the tests of the rules share: one private server, its clock in the test's hand, and the laws that hold at any time.
 *
 * Scripts never let a shard's clock go back, so a test that writes the field `clock` far ahead decides what time it is: the
 * shards stand still at that millisecond until the test moves them on. Nothing sleeps, and what ends ends exactly.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_RULES_FIXTURE_H
#define SK_TESTS_RULES_FIXTURE_H

#include "redis_server.h"
#include "sale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct {
    redis_server *server;
    sale sale;
    int64_t now_ms; /* where the shards' clocks stand, once rules_freeze was called */
    uint64_t random;
} rules;

/* The states of a record as :users has them. */
enum { RECORD_RESERVED = 1, RECORD_SOLD, RECORD_CANCELLED, RECORD_EXPIRED, RECORD_REFUNDED, RECORD_VOID, RECORD_REFUSED };

typedef struct {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    int state;
    uint32_t quantity;
    int64_t price, since, ends;
    uint32_t grace;
} rules_record;

/* For cmocka: a server for the group; an empty server and a client for each test. */
int rules_group_setup(void **state);
int rules_group_teardown(void **state);
int rules_setup(void **state);
int rules_teardown(void **state);

#define RULES_TEST(test) cmocka_unit_test_setup_teardown(test, rules_setup, rules_teardown)
#define RULES_RUN(tests)                                                                                                       \
    (redis_server_available() ? cmocka_run_group_tests(tests, rules_group_setup, rules_group_teardown) : 77)

/* A second client of the same item. */
void rules_open_other(const rules *r, sale *other);

/* Defines "sale/phone" with a limit, a hold and a grace, and loads units. */
void rules_sell(rules *r, uint32_t shards, uint32_t limit, uint32_t hold_ms, uint32_t grace_ms, int64_t units);
/* The same for a test that leaves the clock running: hold and window are minutes, so that no answer depends on the machine's
 * speed. */
void rules_sell_patiently(rules *r, uint32_t shards, uint32_t limit, int64_t units);
/* Settings with a window of 1,000 ms and a memory of 2,000 ms. */
seckill_item_settings rules_settings(uint32_t limit, uint32_t hold_ms, uint32_t grace_ms);

/* Stops the shards' clocks an hour ahead of the server's. */
void rules_freeze(rules *r);
/* Moves them on. */
void rules_pass(rules *r, int64_t ms);
int64_t rules_server_ms(const rules *r);

/* Reserves with `created` now; the clocks must have been stopped. */
sale_answer rules_reserve(rules *r, const char *user, const char *request_id, uint32_t quantity);

/* Reserves for the users STEM0, STEM1 ..., all with the request id "r", in one turn; the caller frees the answers. The clocks
 * must have been stopped. */
sale_answer *rules_reserve_all(rules *r, const char *stem, uint32_t count, uint32_t quantity);
/* How many of these answers have a status. */
uint32_t rules_count_of(const sale_answer *answers, uint32_t count, seckill_status status);

/* One counter or setting of a shard's :stock. */
long long rules_field(rules *r, uint32_t shard, const char *field);
void rules_set_field(rules *r, uint32_t shard, const char *field, long long value);

/* The n-th user (from 0) whose home is `shard`. */
void rules_user_of(rules *r, uint32_t shard, uint32_t n, char user[SECKILL_USER_MAX + 1]);
uint32_t rules_home_of(rules *r, const char *user);

/* A user's records as they are stored; how many. */
size_t rules_records(rules *r, const char *user, rules_record records[SECKILL_USER_RECORDS_MAX]);

size_t rules_parse_records(const redisReply *value, rules_record records[SECKILL_USER_RECORDS_MAX]);

/* Fails the test unless on each shard: all keys stand and have their type; the account holds; reserved and sold are the sums
 * of the records; each record that ends has its entry in :expirations; no user has more records than allowed, nor two of one
 * id; what waits in the queue is what its two counters say, in order. */
void rules_check(rules *r);

/* Every key, in one string to compare before and after: sorted names, each with the digest of its value. The caller frees
 * it. */
char *rules_everything(rules *r);

/* Chance, from SECKILL_TEST_SEED or the clock; prints the seed. */
void rules_seed(rules *r);
uint32_t rules_below(rules *r, uint32_t limit);
/* `sampled` by default, `full` where SECKILL_TESTS_FULL=1. */
uint32_t rules_rounds(uint32_t sampled, uint32_t full);

#define assert_status(answered, expected) assert_string_equal(seckill_status_name(answered), seckill_status_name(expected))

#endif
