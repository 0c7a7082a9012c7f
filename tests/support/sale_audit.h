/* Reconciling in tests: what seckill_reconcile has found, kept.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_AUDIT_H
#define SK_TESTS_SALE_AUDIT_H

#include "sale.h"

enum { SALE_AUDIT_FAULTS = 64 };

typedef struct {
    seckill_fault_kind kind;
    uint32_t shard, other;
    char key[SECKILL_SHARD_KEY_SIZE], what[64], user[SECKILL_USER_MAX + 1];
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE];
    seckill_event_id event;
    int64_t found, expected;
    int repaired;
} sale_fault;

typedef struct {
    bool done;
    seckill_status status;
    char message[256];
    uint64_t faults, repaired;
    int64_t transit, owed, overdue;
    sale_fault list[SALE_AUDIT_FAULTS];
    size_t listed;
    size_t count;
    seckill_account shards[SECKILL_SHARDS_MAX];
    uint64_t shown_reservations, shown_events; /* how often the callbacks ran */
} sale_audit;

/* Starts one with this many users or entries in a step; `audit` is cleared first, and `done` when it is over. */
seckill_status sale_start_audit(sale *self, uint32_t flags, uint32_t step, sale_audit *audit);

/* The same, and waits. */
void sale_reconcile(sale *self, uint32_t flags, uint32_t step, sale_audit *audit);

/* Prints what was found. */
void sale_print_audit(const sale_audit *audit);

#endif
