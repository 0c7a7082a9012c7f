/* What the tests of moving units share: requests of users of a shard, moves by hand, and the totals as they are stored.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SUPPLY_SUPPORT_H
#define SK_TESTS_SUPPLY_SUPPORT_H

#include "rules_fixture.h"

/* The n-th user of a shard asks for so many units, request id "r". */
sale_answer supply_reserve(rules *r, uint32_t shard, uint32_t n, uint32_t quantity);

/* transfer_out as a process sends it that dies before it does anything else. */
typedef struct {
    uint32_t from, to;
    uint64_t known, least, want, taken;
} supply_move;

typedef struct {
    char error[200]; /* "": there is none */
    uint64_t total, units;
} supply_moved;

supply_moved supply_send(rules *r, const supply_move *move);

/* A shard's totals with another, as :transfers has them; none: zeros. */
typedef struct {
    uint64_t sent, taken;
} supply_totals;

supply_totals supply_read_totals(rules *r, uint32_t shard, uint32_t other);
/* Writes a field of :transfers as it is given. */
void supply_write_field(rules *r, uint32_t shard, const char *field, const void *value, size_t size);

/* seckill_transfers_finish, with the client's time. */
typedef struct {
    seckill_status status;
    char message[256];
    int64_t transit, owed;
} supply_finished;

supply_finished supply_finish(sale *self);

/* A shard's :stock and :transfers as they are now, to be brought back later: what a failover may do. */
typedef struct {
    uint32_t shard;
    redisReply *dumps[2];
} supply_past;

supply_past supply_remember(rules *r, uint32_t shard);
void supply_bring_back(rules *r, supply_past *past);

#endif
