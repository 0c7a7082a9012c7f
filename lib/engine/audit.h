/* The audit of one shard: a walk in bounded steps over what it holds. Each step is one script; what it says is judged here, and
 * faults are told as they are found.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_AUDIT_H
#define SK_ENGINE_AUDIT_H

#include "engine/item.h"
#include "script/scan.h"

#include <seckill/reconcile.h>

enum {
    SK__SCORE_SIZE = 32, /* bytes of a score of Redis with its NUL */
    SK__AUDIT_MENDED = 4 /* added by the scripts to what they say is wrong, where they have mended it */
};

/* What is looked through, in this order. Entries of what ends come before the records, so that a repair of both is one run;
 * records come before events, for who compares them with orders. */
typedef enum { SK__AUDIT_EXPIRATIONS, SK__AUDIT_RECORDS, SK__AUDIT_EVENTS, SK__AUDIT_QUEUE, SK__AUDIT_DONE } sk__audit_stage;

/* What all shards of one run share. */
typedef struct {
    const seckill_item *item;
    seckill_reconcile_options options; /* its defaults filled in */
    void *user_data;
    uint64_t faults, repaired;
} sk__audit_run;

typedef struct {
    sk__audit_stage stage;
    seckill_account *account;
    /* where the stage goes on */
    char score[SK__SCORE_SIZE];
    uint32_t score_done; /* members with that score */
    double highest;      /* score, last event and last request when their stage began: what comes meanwhile is not waited for */
    uint64_t generation;
    char cursor[SK__CURSOR_SIZE];
    seckill_event_id event, last_event, entry;
    uint64_t expected, last_request;
    int64_t overdue;
} sk__audit_shard;

/* `account` names the shard, and is kept. */
void sk__audit_begin(sk__audit_shard *audit, seckill_account *account);

/* The command of the next step. */
void sk__audit_encode(const sk__audit_run *run, const sk__audit_shard *audit, bool with_text, sk__command *command);

/* Takes what the step answered, behind its header. SECKILL_OK, SECKILL_PROTOCOL. */
seckill_status sk__audit_take(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, sk__reader *reply);

/* A fault of the shard that is looked at, all else to be filled in. */
seckill_fault sk__audit_fault(const sk__audit_shard *audit, seckill_fault_kind kind, const char *what);

/* Counts a fault, and tells it. `fault` has all but its key filled in; `account` may be NULL. */
void sk__audit_tell(sk__audit_run *run, seckill_account *account, seckill_fault *fault);

/* audit_records.c: the stage of the records. */
void sk__audit_encode_records(const sk__audit_run *run, const sk__audit_shard *audit, sk__command *command);
void sk__audit_take_records(sk__audit_run *run, sk__audit_shard *audit, int64_t now_ms, sk__reader *reply);

#endif
