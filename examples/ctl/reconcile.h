/* What the parts of `seckill-ctl reconcile` share.
 *
 * commands_reconcile.c   the command: items, the library's part, the sentence at the end
 * reconcile_faults.c     what was found, into the answer and, where it was repaired, into the log
 * reconcile_counters.c   which counters are mended when, and why others are not
 * reconcile_orders.c     shards against the orders database; see there why nothing that is on its way is taken for a fault
 * reconcile_pairs.c      a reservation and its order, read, judged and told to each other
 * reconcile_doubts.c     what is to be looked at again
 * reconcile_show.c       the tables
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_RECONCILE_H
#define SECKILL_CTL_RECONCILE_H

#include "../common/orders_db.h"
#include "ctl.h"
#include "reconcile_doubts.h"

/* What the comparison with the orders database knows of the item at hand. */
typedef struct {
    doubt_list doubts;
    orders_db_status status;                                           /* of the first query that failed ... */
    char error[ORDERS_DB_ERROR_SIZE];                                  /* ... and why */
    int64_t records, orders;                                           /* compared */
    int64_t awaits_replay;                                             /* orders that a worker is about to tell Redis again */
    int64_t unsold_left;                                               /* orders whose reservation is not sold, still */
    bool is_complete;                                                  /* all were compared */
    uint64_t replayed[SECKILL_SHARDS_MAX], epochs[SECKILL_SHARDS_MAX]; /* remembered; the shards' own */
    int64_t loaded;                                                    /* on all shards */
    orders_db_item_account account;
} order_check;

/* What was found on one shard of the item at hand. */
typedef struct {
    int64_t found, repaired; /* faults that were told */
    int64_t counters;        /* of them the library's about counters that are not repaired, and: */
    bool gains;              /* units would become available if they were */
    bool is_damaged;         /* a record is */
    bool is_of_second_pass;  /* `counters` and `gains` are */
} shard_findings;

/* A run over one item or several. While an item is at hand ctl->out is its own object. */
typedef struct {
    ctl_run *ctl;
    seckill_reconcile_options options;
    orders_db *db;                     /* NULL: without --orders */
    uint32_t patience_ms;              /* before an order is called wrong */
    bool gives_back;                   /* --give-back */
    int64_t max_faults, named;         /* faults, of all items: named at most; named */
    int64_t found, repaired;           /* counted */
    int64_t item_found, item_repaired; /* of this one */
    uint8_t seed[SECKILL_SEED_SIZE];   /* of this one, and: */
    uint32_t shards;
    shard_findings findings[SECKILL_SHARDS_MAX];
    bool has_strange_events;           /* that no record confirms */
    const char *held_back;             /* why nothing is given back; NULL: it is */
    int64_t seen_records, seen_events; /* for who waits at a terminal */
    int64_t shown_ms;
    order_check check;
} reconciliation;

/* ---- reconcile_faults.c ---- */

/* A fault as it is named. What does not belong to its kind is NULL, zero, or -1 where that is said. */
typedef struct {
    const char *kind, *message, *what;
    const char *done; /* what a repair of this kind did, in words; NULL: the numbers say it */
    int64_t shard;    /* -1: of none */
    const char *key;
    seckill_bytes user;
    const uint8_t *reservation_id;
    seckill_event_id event;
    int64_t other_shard; /* -1 */
    bool has_numbers;
    int64_t found, expected;
    int64_t ends_ms;
    bool repaired;
    const char *why_not; /* NULL: not known, or it is */
} named_fault;

#define NAMED_FAULT(kind_, message_, what_)                                                                                    \
    { .kind = (kind_), .message = (message_), .what = (what_), .shard = -1, .other_shard = -1 }

/* Counts a fault, names it in the item's "faults" while there is room, and logs its repair. */
void reconcile_tell(reconciliation *r, const named_fault *fault);

void reconcile_on_fault(const seckill_fault *fault, void *reconciliation);

/* How far it is, on a terminal's last line; the line is wiped. */
void reconcile_progress(reconciliation *r);
void reconcile_progress_end(void);

/* ---- reconcile_counters.c ---- */

/* For each fault of the library's, before it is told. */
void reconcile_note(reconciliation *r, const seckill_fault *fault);

/* Whether units are to be given back: after the orders were compared. */
bool reconcile_wants_second_pass(reconciliation *r);
void reconcile_on_second_fault(const seckill_fault *fault, void *reconciliation);

/* At the item's end: why counters are left as they were, and how much each shard has. */
void reconcile_explain(reconciliation *r);

/* ---- reconcile_orders.c ---- */

/* For the walk over the item's shards. */
void reconcile_see_record(reconciliation *r, const seckill_user_reservation *seen);
void reconcile_see_event(reconciliation *r, const seckill_event *event);

void reconcile_begin_orders(reconciliation *r);
/* After the walk: judges. What cannot be read ends it, and is the item's status. */
void reconcile_finish_orders(reconciliation *r);

/* ---- reconcile_show.c ---- */

void reconcile_show(json_t *out);

#endif
