/* What a sale must answer, in memory: the rules written down a second time, from their text and not from the scripts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_RULES_ORACLE_H
#define SK_TESTS_RULES_ORACLE_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum { ORACLE_SHARDS = 4, ORACLE_USERS = 8, ORACLE_EVENTS = 64, ORACLE_QUEUE = 512, ORACLE_EXPIRED_FOR_GOOD = 100 };

typedef struct {
    int request;
    int state; /* seckill_reservation_state or ORACLE_EXPIRED_FOR_GOOD */
    uint32_t quantity;
    int64_t price, since, ends, valid_until;
    seckill_status reason; /* of one that was refused */
} oracle_record;

typedef struct {
    uint32_t home;
    size_t count;
    oracle_record records[SECKILL_USER_RECORDS_MAX];
} oracle_user;

/* A request that was enqueued; the n-th is at n - 1, decided or not. */
typedef struct {
    int user, request;
    uint32_t quantity;
    int64_t since;
} oracle_waiting;

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
    uint64_t enqueued, decided;
    oracle_waiting queue[ORACLE_QUEUE];
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

/* ---- the queue ---- */

/* What enqueue and poll must answer. */
typedef struct {
    seckill_status status;
    seckill_ticket_state state;
    seckill_status reason;
    bool replayed;
    uint64_t n, position;
    const oracle_record *record;
} oracle_ticket;

typedef struct {
    seckill_status stopped;
    uint32_t decided, granted, refused, blacklisted;
} oracle_decisions;

oracle_ticket oracle_enqueue(oracle *o, int user, int request, uint32_t quantity, int64_t created);
oracle_ticket oracle_refuse(oracle *o, int user, int request, uint32_t quantity, int64_t created, seckill_status reason);
/* Of a copy: a poll changes nothing. n 0: the request waits in a queue of the shop's own. */
oracle_ticket oracle_poll(oracle *copy, int user, int request, uint32_t quantity, uint64_t n, int64_t since);
/* Decides from `from` to `to`, with one verdict for each of them. */
oracle_decisions oracle_process(oracle *o, uint32_t shard, uint64_t from, uint64_t to, const uint8_t *blacklisted);

/* ---- what both of the oracle's files use ---- */

seckill_status oracle_sale_status(const oracle *o);
/* The record of a request after time has done its work on the user; NULL: there is none. */
oracle_record *oracle_find(oracle *o, int user, int request);
/* Why the user may not have so much more; why the shards have not so much, after they took back what is overdue. Units that
 * others have are granted as if they had moved: `available` of a shard becomes negative, its sum is right. */
seckill_status oracle_refuse_user(const oracle *o, int user, uint32_t quantity);
seckill_status oracle_refuse_stock(oracle *o, int user, uint32_t quantity);
oracle_record *oracle_grant(oracle *o, int user, int request, uint32_t quantity);

#endif
