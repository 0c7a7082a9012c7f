/* A client of the library for tests, with every call made to wait: it runs the loop until the callback has run.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_H
#define SK_TESTS_SALE_H

#include "redis_server.h"

#include <seckill/seckill.h>
#include <stdbool.h>
#include <uv.h>

typedef struct {
    uv_loop_t loop;
    seckill_client *client;
    seckill_item *item;
    uint32_t shards; /* as sale_define was told */
} sale;

/* A result without pointers into what is gone. */
typedef struct {
    seckill_status status;
    char message[256];
    int replayed;
    uint32_t retry_after_ms;
    seckill_reservation reservation;
    bool has_ref;
    seckill_reservation_ref ref;
    int calls; /* of the callback */
} sale_answer;

typedef struct {
    seckill_status status;
    char message[256];
    int64_t amount;
    uint64_t version;
    seckill_item_state state;
    seckill_item_settings settings;
    uint8_t seed[SECKILL_SEED_SIZE];
    bool has_info;
    size_t outcomes;
    seckill_status outcome[SECKILL_SHARDS_MAX];
    int64_t outcome_amount[SECKILL_SHARDS_MAX];
} sale_item_answer;

typedef struct {
    seckill_status status;
    char message[256];
    seckill_stock total;
    size_t count;
    seckill_stock shards[SECKILL_SHARDS_MAX]; /* without node */
    char nodes[SECKILL_SHARDS_MAX][64];
} sale_stock_answer;

typedef struct {
    seckill_status status;
    size_t count;
    seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
    seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
} sale_lookup_answer;

typedef struct {
    seckill_status status;
    size_t count;
    uint64_t waiting;
    seckill_event events[SECKILL_BATCH_MAX]; /* without user and order_ref */
    char users[SECKILL_BATCH_MAX][SECKILL_USER_MAX + 1];
    char order_refs[SECKILL_BATCH_MAX][SECKILL_ORDER_REF_MAX + 1]; /* with a NUL behind; may contain others */
    size_t order_ref_sizes[SECKILL_BATCH_MAX];
} sale_events_answer;

typedef struct {
    seckill_status status;
    int64_t reservations, units, next_due_ms, server_time_ms;
} sale_expire_answer;

/* Opens a client and item "sale/phone". Aborts the process on failure, as all of these do: a test cannot go on. */
void sale_open(sale *self, const char *address);
void sale_open_with(sale *self, const seckill_client_options *options);
/* Closes and checks that the loop is clean. */
void sale_close(sale *self);

/* Runs the loop until *flag. */
void sale_run_until(sale *self, const bool *flag);

/* Defines the item: shards, limit 1, hold 60 s; settings may be NULL. */
sale_item_answer sale_define(sale *self, uint32_t shards, const seckill_item_settings *settings);
sale_item_answer sale_get(sale *self);
sale_item_answer sale_pause(sale *self);
sale_item_answer sale_resume(sale *self);
sale_item_answer sale_end(sale *self);
sale_item_answer sale_purge(sale *self);
sale_item_answer sale_load(sale *self, const char *operation_id, int64_t amount);
sale_item_answer sale_withdraw(sale *self, const char *operation_id, int64_t amount);
sale_stock_answer sale_stock(sale *self);

/* Users and request ids are strings. */
sale_answer sale_reserve(sale *self, const char *user, const char *request_id, uint32_t quantity);
sale_answer sale_reserve_at(sale *self, const char *user, const char *request_id, uint32_t quantity, int64_t created_ms);
sale_answer sale_confirm(sale *self, const seckill_reservation_ref *ref, const char *order_ref);
sale_answer sale_confirm_bytes(sale *self, const seckill_reservation_ref *ref, const void *order_ref, size_t size);
sale_answer sale_cancel(sale *self, const char *user, const uint8_t *reservation_id);
sale_answer sale_refund(sale *self, const char *user, const uint8_t *reservation_id);
sale_lookup_answer sale_lookup(sale *self, const char *user, const char *request_id_or_null);
sale_expire_answer sale_expire(sale *self);
sale_events_answer sale_events(sale *self, uint32_t shard, uint32_t max);
sale_item_answer sale_ack(sale *self, uint32_t shard, const seckill_event_ack *acks, size_t count);

/* Starts a reserve; answer->calls becomes 1. For many at once. */
seckill_status sale_start_reserve(sale *self, const char *user, const char *request_id, uint32_t quantity, sale_answer *answer);
seckill_status sale_start_reserve_at(sale *self, const char *user, const char *request_id, uint32_t quantity,
                                     int64_t created_ms, sale_answer *answer);
/* For calls of your own on the item: user_data is a sale_call whose `answer`, a sale_item_answer, is filled. */
typedef struct {
    void *answer;
    bool done;
} sale_call;
void sale_on_item(const seckill_item_result *result, void *call);

/* For callbacks of your own that fill a sale_answer. */
void sale_on_result(const seckill_result *result, void *answer);

/* Runs the loop until each of these has been called back. */
void sale_wait(sale *self, const sale_answer *answers, size_t count);

/* Whether the account holds on every shard: the counters' law, and no counter below zero. Prints what does not fit. */
bool sale_account_holds(const sale_stock_answer *stock);

/* The key of a shard of "sale/phone", as redis_server_command takes it: "seckill:{sale/phone/TAG}:NAME". */
const char *sale_key(const sale *self, uint32_t shard, const char *name, char key[SECKILL_SHARD_KEY_SIZE]);

#endif
