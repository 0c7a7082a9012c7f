/* libseckill: reconcile (对账): the proof, shard by shard and while the sale goes on, that no unit is lost and none is there
 * twice.
 *
 * For each shard it is shown that `loaded + transferred in - transferred out == available + reserved + sold`, that each counter
 * is the sum of what it counts (loads, transfers, and every single record, counted anew), that everything that ends by itself
 * will end, that each event and each request of the queue is what it should be; and between the shards that nothing was taken
 * that was not sent. What does not fit is named: a fault.
 *
 * It is exact though nothing stops: each user's records are stamped and added up in one step, and from then on whatever
 * script changes them keeps the sum; when all are stamped one step holds the sums against the counters. All steps are bounded.
 * What lives outside of Redis, such as an orders database, can be compared by the caller from what on_reservation and on_event
 * are shown: records are read before events, so a reservation that is seen sold has its event among those shown later, or its
 * order stands already. `seckill-ctl reconcile` does that, and is an example.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_RECONCILE_H
#define SECKILL_RECONCILE_H

#include "events.h"
#include "reservations.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What can be wrong: X(name, number, text, message). SECKILL_RECONCILE_REPAIR sets right what is proven:
 *   counter            it becomes the sum of what it counts, and available what is left: where no record of the shard is
 *                      damaged, and, if units become available by it, only with SECKILL_RECONCILE_GIVE_BACK
 *   never_ends         it ends when it says; a reservation without an end after a whole hold from now, an id after its memory
 *   entry              it is removed; what it stood for is then found as never_ends, and mended by the same run
 *   missing_requests   at the queue's head they count as decided, so that those behind them are; who waits asks again
 *   waiting            where what it hid counts as decided it is removed
 *   transfer           it is booked where it was sent from; where the units are gone that shard owes them
 * The others it leaves: what was true is not known. */
#define SECKILL_FAULT_MAP(X)                                                                                                   \
    X(COUNTER, 1, "counter", "a counter is not the sum of what it counts")                                                     \
    X(RECORD, 2, "record", "a record is damaged")                                                                              \
    X(HOME, 3, "home", "a record lies on a shard that is not its user's home")                                                 \
    X(NEVER_ENDS, 4, "never_ends", "a record that should end by itself never will")                                            \
    X(ENTRY, 5, "entry", "an entry of what ends when names no users")                                                          \
    X(EVENT, 6, "event", "an event tells of what no record confirms")                                                          \
    X(MISSING_REQUESTS, 7, "missing_requests", "requests that should wait are not in the queue")                               \
    X(WAITING, 8, "waiting", "an entry of the queue is no list of requests, and stops it")                                     \
    X(TRANSFER, 9, "transfer", "units were taken that were never sent")

typedef enum {
#define SECKILL_FAULT_ENUM(name, number, text, message) SECKILL_FAULT_##name = (number),
    SECKILL_FAULT_MAP(SECKILL_FAULT_ENUM)
#undef SECKILL_FAULT_ENUM
} seckill_fault_kind;

/* The stable name of a kind, such as "counter", and one English sentence; "no_such_fault" for another number. Static strings;
 * any thread. */
SECKILL_API const char *seckill_fault_name(seckill_fault_kind kind);
SECKILL_API const char *seckill_fault_message(seckill_fault_kind kind);

/* One fault. What does not belong to its kind is zero, empty or NULL. Valid during the callback. */
typedef struct {
    seckill_fault_kind kind;
    uint32_t shard;
    const char *key;                                     /* the full name of the Redis key */
    const char *what;                                    /* COUNTER: its name; else more precisely what is wrong; never NULL */
    seckill_bytes user;                                  /* RECORD, HOME, NEVER_ENDS, EVENT */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /* NEVER_ENDS, EVENT, and RECORD where it is about one of several */
    seckill_event_id event;                              /* EVENT */
    uint32_t other;                                      /* TRANSFER: the shard that should have sent. HOME: the home */
    /* COUNTER: what it says, what it counts. TRANSFER: units taken, units sent, ever. MISSING_REQUESTS: the first one's number,
     * how many. NEVER_ENDS: 0, the time at which it should end (0: none is known). */
    int64_t found;
    int64_t expected;
    int repaired;
} seckill_fault;

typedef void (*seckill_fault_cb)(const seckill_fault *fault, void *user_data);

/* A reservation as the walk meets it, and an event as it waits. */
typedef void (*seckill_seen_reservation_cb)(uint32_t shard, const seckill_user_reservation *seen, void *user_data);
typedef void (*seckill_seen_event_cb)(uint32_t shard, const seckill_event *event, void *user_data);

enum {
    /* Mend what can be mended; each time the script that writes has seen by itself that it must. */
    SECKILL_RECONCILE_REPAIR = 1,
    /* With it: mend counters also where more units become available. That a record which is missing was never sold is not known
     * to Redis: look first whether an order stands for it (confirm that with SECKILL_CONFIRM_ORDERED). */
    SECKILL_RECONCILE_GIVE_BACK = 2
};

enum {
    SECKILL_RECONCILE_TIMEOUT_MS = 600000, /* by default */
    SECKILL_RECONCILE_STEP = 128           /* by default */
};

typedef struct {
    size_t struct_size;
    uint32_t timeout_ms; /* of the whole, 1 to 3,600,000; 0: SECKILL_RECONCILE_TIMEOUT_MS, whatever the client's default is */
    uint32_t flags;      /* SECKILL_RECONCILE_REPAIR, or that and SECKILL_RECONCILE_GIVE_BACK; else 0 */
    uint32_t step; /* users or entries that one script looks at (of a small table that Redis hands out as a whole all), 1 to
                      SECKILL_BATCH_MAX; 0: SECKILL_RECONCILE_STEP */
    /* Any of them may be NULL; they run on the loop's thread, before the result, and may make every call. A shard whose walk
     * has to begin again (a failover; another who begins to reconcile after the first has finished) is shown again, and so are
     * its faults, which count again; so are users whom Redis shows twice because their table grew. */
    seckill_fault_cb on_fault;
    seckill_seen_reservation_cb on_reservation;
    seckill_seen_event_cb on_event;
} seckill_reconcile_options;

#define SECKILL_RECONCILE_OPTIONS_INIT                                                                                         \
    { sizeof(seckill_reconcile_options), 0, 0, 0, 0, 0, 0 }

/* One shard, as the step saw it that ended its walk. */
typedef struct {
    uint32_t shard;
    seckill_status status; /* SECKILL_OK: it was looked through as a whole */
    uint64_t epoch;
    int64_t loaded, transferred_in, transferred_out, available, reserved, sold, refunded; /* after a repair */
    uint64_t users, reservations;                                                         /* walked over */
    uint64_t events, queued;                                                              /* looked at */
    uint64_t faults, repaired;
} seckill_account;

typedef struct {
    seckill_status status; /* SECKILL_OK: every shard was looked through, whatever was found */
    const char *message;
    int64_t server_time_ms;    /* of the last shard that answered */
    uint64_t faults, repaired; /* those between shards included */
    int64_t transit;           /* units on their way between shards as they were seen at the end: they are no fault */
    int64_t owed;              /* units that shards gave away and, by a failover, had forgotten: no fault any more */
    int64_t overdue; /* units of reservations whose hold was over by more than a minute: nobody expires. No fault: they come
                        back when somebody does */
    const seckill_account *shards;
    size_t count;
} seckill_reconcile_result;

typedef void (*seckill_reconcile_cb)(const seckill_reconcile_result *result, void *user_data);

/* Reconciles an item, also while it is sold, and by several at the same time: they share the counting, and where one of
 * them wishes for repairs all report them. Who begins again and again, faster than others can walk, holds them up. It costs
 * Redis about as much as two more requests of each user who ever had a reservation, and rewrites each user's records once;
 * the first time it does so twice. What somebody changes by hand while it runs may be found by the next run only.
 *   options   copied; not NULL
 * The callback's status: SECKILL_OK. SECKILL_DAMAGED where a shard is so damaged that something could not be read: the
 * message says what, and each shard's status which. SECKILL_UNKNOWN or SECKILL_UNREACHABLE at the deadline. Others as in
 * item.h. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_reconcile(seckill_item *item, const seckill_reconcile_options *options,
                                                             seckill_reconcile_cb cb, void *user_data);

#ifdef __cplusplus
}
#endif
#endif
