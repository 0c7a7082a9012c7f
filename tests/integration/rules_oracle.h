/* What a sale must answer, in memory: the rules written down a second time, from their text and not from the scripts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_RULES_ORACLE_H
#define SK_TESTS_RULES_ORACLE_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum { ORACLE_SHARDS = 4, ORACLE_USERS = 8, ORACLE_EVENTS = 64, ORACLE_EXPIRED_FOR_GOOD = 100 };

typedef struct {
    int request;
    int state; /* seckill_reservation_state or ORACLE_EXPIRED_FOR_GOOD */
    uint32_t quantity;
    int64_t price, since, ends, valid_until;
} oracle_record;

typedef struct {
    uint32_t home;
    size_t count;
    oracle_record records[SECKILL_USER_RECORDS_MAX];
} oracle_user;

typedef struct {
    int64_t loaded, available, reserved, sold, cancelled, expired, refunded;
    uint64_t events_ever;
    size_t event_count;
    struct {
        seckill_event_kind kind;
        int user, request;
        uint32_t quantity;
        uint64_t n;
    } events[ORACLE_EVENTS];
} oracle_shard;

typedef struct {
    seckill_item_settings settings;
    seckill_item_state state;
    int64_t now;
    oracle_shard shards[ORACLE_SHARDS];
    oracle_user users[ORACLE_USERS];
} oracle;

/* What a call must answer. `record` is what it is about, or NULL. */
typedef struct {
    seckill_status status;
    bool replayed;
    const oracle_record *record;
} oracle_answer;

oracle_answer oracle_reserve(oracle *o, int user, int request, uint32_t quantity, int64_t created);
oracle_answer oracle_confirm(oracle *o, int user, int request, uint32_t quantity, int64_t price, int64_t valid_until);
oracle_answer oracle_cancel(oracle *o, int user, int request);
oracle_answer oracle_refund(oracle *o, int user, int request);
/* The units that came back. */
int64_t oracle_expire(oracle *o);
void oracle_load(oracle *o, int64_t units);
int64_t oracle_withdraw(oracle *o, int64_t units);

/* What a lookup shows: the user's records as of now; a copy. */
oracle_user oracle_lookup(const oracle *o, int user);

#endif
