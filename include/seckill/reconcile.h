/* SPDX-License-Identifier: MIT */
/** @defgroup reconcile reconcile.h: the proof (对账), while the sale goes on, that no unit is lost and none is there twice
 *
 * For each shard it is shown that `loaded + transferred in - transferred out == available + reserved + sold`, that each counter
 * is the sum of what it counts (loads, transfers, and every single record, counted anew), that everything that ends by itself
 * will end, that each event and each request of the queue is what it should be; and between the shards that nothing was taken
 * that was not sent. What does not fit is named: a fault.
 *
 * It is exact though nothing stops: each user's records are stamped and added up in one step, and from then on whatever script
 * changes them keeps the sum; when all are stamped one step holds the sums against the counters. All steps are bounded. What
 * lives outside of Redis, such as an orders database, can be compared by the caller from what on_reservation and on_event are
 * shown: records are read before events, so a reservation that is seen sold has its event among those shown later, or its order
 * stands already. `seckill-ctl reconcile` does that, and is an example.
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h.
 * @{
 */
#ifndef SECKILL_RECONCILE_H
#define SECKILL_RECONCILE_H

#include "events.h"
#include "reservations.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What can be wrong: X(NAME, number, "stable_name", "message"). SECKILL_RECONCILE_REPAIR sets right what is proven:
 * - counter: it becomes the sum of what it counts, and available what is left: where no record of the shard is damaged, and, if
 *   units become available by it, only with SECKILL_RECONCILE_GIVE_BACK
 * - never_ends: it ends when it says; a reservation without an end after a whole hold from now, an id after its memory
 * - entry: it is removed; what it stood for is then found as never_ends, and mended by the same run
 * - missing_requests: at the queue's head they count as decided, so that those behind them are; who waits asks again
 * - waiting: where what it hid counts as decided it is removed
 * - transfer: it is booked where it was sent from; where the units are gone that shard owes them
 *
 * The others it leaves: what was true is not known.
 */
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

/** What can be wrong: SECKILL_FAULT_COUNTER, SECKILL_FAULT_RECORD ... as SECKILL_FAULT_MAP lists them. */
typedef enum {
#define SECKILL_FAULT_ENUM(name, number, text, message) SECKILL_FAULT_##name = (number),
    SECKILL_FAULT_MAP(SECKILL_FAULT_ENUM)
#undef SECKILL_FAULT_ENUM
} seckill_fault_kind;

/** The stable name of a kind, such as "counter". Any thread.
 *
 * @param kind  any number
 * @return a static string; "no_such_fault" for a number that is no kind
 */
SECKILL_API const char *seckill_fault_name(seckill_fault_kind kind);

/** What a kind means, as one English sentence for a person. Any thread.
 *
 * @param kind  any number
 * @return a static string without a full stop; another sentence for a number that is no kind
 */
SECKILL_API const char *seckill_fault_message(seckill_fault_kind kind);

/** One fault. What does not belong to its kind is zero, empty or NULL. Valid during the callback. */
typedef struct {
    seckill_fault_kind kind; /**< what is wrong */
    uint32_t shard;          /**< where */
    const char *key;         /**< the full name of the Redis key */
    /** COUNTER: its name; else more precisely what is wrong; never NULL */
    const char *what;
    seckill_bytes user;                                  /**< RECORD, HOME, NEVER_ENDS, EVENT */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /**< NEVER_ENDS, EVENT, and RECORD where it is about one of several */
    seckill_event_id event;                              /**< EVENT */
    uint32_t other;                                      /**< TRANSFER: the shard that should have sent. HOME: the home */
    /** COUNTER: what it says. TRANSFER: units taken, ever. MISSING_REQUESTS: the first one's number. NEVER_ENDS: 0 */
    int64_t found;
    /** COUNTER: what it counts. TRANSFER: units sent, ever. MISSING_REQUESTS: how many. NEVER_ENDS: the time at which it should
     * end (0: none is known) */
    int64_t expected;
    int repaired; /**< 1: it is mended; else 0 */
} seckill_fault;

/** Gets a fault when it is found.
 *
 * @param fault      valid during the call
 * @param user_data  as given to seckill_reconcile
 */
typedef void (*seckill_fault_cb)(const seckill_fault *fault, void *user_data);

/** Gets a reservation as the walk meets it.
 *
 * @param shard      where it is
 * @param seen       valid during the call
 * @param user_data  as given to seckill_reconcile
 */
typedef void (*seckill_seen_reservation_cb)(uint32_t shard, const seckill_user_reservation *seen, void *user_data);

/** Gets an event that waits.
 *
 * @param shard      where it is
 * @param event      valid during the call
 * @param user_data  as given to seckill_reconcile
 */
typedef void (*seckill_seen_event_cb)(uint32_t shard, const seckill_event *event, void *user_data);

/** Flags of seckill_reconcile. */
enum {
    /** Mend what can be mended; each time the script that writes has seen by itself that it must. */
    SECKILL_RECONCILE_REPAIR = 1,
    /** With it: mend counters also where more units become available. That a record which is missing was never sold is not
     * known to Redis: look first whether an order stands for it (confirm that with SECKILL_CONFIRM_ORDERED). */
    SECKILL_RECONCILE_GIVE_BACK = 2
};

/** Defaults of seckill_reconcile. */
enum {
    SECKILL_RECONCILE_TIMEOUT_MS = 600000, /**< of the whole */
    SECKILL_RECONCILE_STEP = 128           /**< users or entries that one script looks at */
};

/** How to look, and whom to tell. Begin with SECKILL_RECONCILE_OPTIONS_INIT.
 *
 * The three callbacks may be NULL; they run on the loop's thread, before the result, and may make every call. A shard whose
 * walk has to begin again (a failover; another who begins to reconcile after the first has finished) is shown again, and so are
 * its faults, which count again; so are users whom Redis shows twice because their table grew. */
typedef struct {
    size_t struct_size;  /**< SECKILL_RECONCILE_OPTIONS_INIT sets it */
    uint32_t timeout_ms; /**< of the whole, 1 to 3,600,000; 0: SECKILL_RECONCILE_TIMEOUT_MS, whatever the client's default is */
    uint32_t flags;      /**< SECKILL_RECONCILE_REPAIR, or that and SECKILL_RECONCILE_GIVE_BACK; else 0 */
    /** users or entries that one script looks at (of a small table that Redis hands out as a whole all), 1 to
     * SECKILL_BATCH_MAX; 0: SECKILL_RECONCILE_STEP */
    uint32_t step;

    seckill_fault_cb on_fault;                  /**< for each fault */
    seckill_seen_reservation_cb on_reservation; /**< for each reservation */
    seckill_seen_event_cb on_event;             /**< for each event that waits */
} seckill_reconcile_options;

/** All defaults; nothing is repaired, nobody is told. */
#define SECKILL_RECONCILE_OPTIONS_INIT                                                                                         \
    { sizeof(seckill_reconcile_options), 0, 0, 0, NULL, NULL, NULL }

/** One shard, as the step saw it that ended its walk. */
typedef struct {
    uint32_t shard;          /**< which one, from 0 */
    seckill_status status;   /**< SECKILL_OK: it was looked through as a whole */
    uint64_t epoch;          /**< one life of its server */
    int64_t loaded;          /**< units loaded less withdrawn; like the others after a repair */
    int64_t transferred_in;  /**< units that came from other shards, ever */
    int64_t transferred_out; /**< units that were sent to other shards, ever */
    int64_t available;       /**< units that can be reserved; negative where the shard owes some */
    int64_t reserved;        /**< units reserved, and not confirmed yet */
    int64_t sold;            /**< units confirmed, and not refunded */
    int64_t refunded;        /**< units that came back so, ever */
    uint64_t users;          /**< walked over */
    uint64_t reservations;   /**< walked over */
    uint64_t events;         /**< looked at */
    uint64_t queued;         /**< requests of the queue that were looked at */
    uint64_t faults;         /**< found */
    uint64_t repaired;       /**< of these: mended */
    uint64_t spare[4];       /**< 0: room for fields of later releases */
} seckill_account;

/** What a run has found. */
typedef struct {
    seckill_status status;  /**< SECKILL_OK: every shard was looked through, whatever was found */
    const char *message;    /**< the cause, for a person; never NULL */
    int64_t server_time_ms; /**< of the last shard that answered */
    uint64_t faults;        /**< found, those between shards included */
    uint64_t repaired;      /**< of these: mended */
    int64_t transit;        /**< units on their way between shards as they were seen at the end: they are no fault */
    int64_t owed;           /**< units that shards gave away and, by a failover, had forgotten: no fault any more */
    /** units of reservations whose hold was over by more than a minute: nobody expires. No fault: they come back when
     * somebody does */
    int64_t overdue;
    const seckill_account *shards; /**< one for each; NULL where the item is not known */
    size_t count;                  /**< of the shards */
} seckill_reconcile_result;

/** Gets what a run has found, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_reconcile_cb)(const seckill_reconcile_result *result, void *user_data);

/** Reconciles an item, also while it is sold, and by several at the same time: they share the counting, and where one of them
 * wishes for repairs all report them. Who begins again and again, faster than others can walk, holds them up. It costs Redis
 * about as much as two more requests of each user who ever had a reservation, and rewrites each user's records once; the first
 * time it does so twice. What somebody changes by hand while it runs may be found by the next run only.
 *
 * @param item       an open handle
 * @param options    copied; not NULL
 * @param cb         runs once, after all others of the options; not NULL
 * @param user_data  handed to every callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: every shard was looked through, whatever was found
 * - SECKILL_DAMAGED: a shard is so damaged that something could not be read: the message says what, and each shard's status
 *   which
 * - SECKILL_UNKNOWN, SECKILL_UNREACHABLE: the deadline came first
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_reconcile(seckill_item *item, const seckill_reconcile_options *options,
                                                             seckill_reconcile_cb cb, void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
