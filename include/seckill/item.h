/* libseckill: items: one product sold in an activity, its settings, its state and its stock.
 *
 * All calls are asynchronous: a nonzero return says that nothing was sent and the callback never runs; zero says that the
 * callback runs exactly once, later, on the loop's thread. What it is given is valid during the callback only. Every call that
 * spans several shards reports an outcome for each, and can be repeated: what is done already stays done.
 *
 * Statuses that every callback may give, besides those named at each call: SECKILL_NOT_DEFINED, SECKILL_UNKNOWN,
 * SECKILL_UNREACHABLE, SECKILL_SERVER_BUSY, SECKILL_SERVER_MEMORY, SECKILL_DENIED, SECKILL_DAMAGED, SECKILL_LAYOUT,
 * SECKILL_SERVER_ERROR, SECKILL_PROTOCOL, SECKILL_CLOSED, SECKILL_NO_MEMORY. Every call may return SECKILL_INVALID (a NULL or
 * malformed argument), SECKILL_BUSY (the client's max_operations) and SECKILL_NO_MEMORY.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_ITEM_H
#define SECKILL_ITEM_H

#include "client.h"
#include "shard.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct seckill_item seckill_item;

/* Opens a handle: cheap, no I/O. The item's mapping list is read when first needed, kept, and read again when a shard says that
 * it is newer. The item need not be defined yet, and may be purged and defined anew. Opened twice, it is the same pointer, to
 * be closed twice. A client looks through its open items at each opening: keep handles, thousands of them at most.
 *   activity, item   NUL-terminated ids, copied
 * SECKILL_INVALID: an id is malformed. SECKILL_NO_MEMORY. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_open(seckill_client *client, const char *activity, const char *item,
                                                             seckill_item **handle);

/* Closes a handle; operations under way go on and are called back. NULL is allowed. */
SECKILL_API void seckill_item_close(seckill_item *item);

/* The ids of a handle; valid as long as it is open. */
SECKILL_API const char *seckill_item_activity(const seckill_item *item);
SECKILL_API const char *seckill_item_name(const seckill_item *item);

/* What is sold, and how. Begin with SECKILL_ITEM_SETTINGS_INIT. Times are milliseconds since 1970 by the servers' clocks. */
typedef struct {
    size_t struct_size;
    uint32_t shards;    /* 1 to SECKILL_SHARDS_MAX; fixed by the first definition; 0: as defined, or 8 if it is new */
    uint32_t limit;     /* units that a user may hold, reserved and sold together, 1 to 1,000,000; 0: 1 */
    int64_t price;      /* of one unit, in minor units (cents, fen), 0 to SECKILL_AMOUNT_MAX */
    int64_t start_ms;   /* requests before it are SECKILL_NOT_STARTED, below 2^47; 0: at once */
    int64_t end_ms;     /* requests from it on are SECKILL_ENDED, later than start_ms and below 2^47; 0: never */
    uint32_t hold_ms;   /* how long a reservation holds its units, 1 to 604,800,000 (7 days); 0: 300,000 */
    uint32_t grace_ms;  /* how long past the hold its token can still confirm, if there are units, to 604,800,000; default 0 */
    uint32_t window_ms; /* requests created longer ago are SECKILL_TOO_OLD, 1 to 604,800,000; fixed by the first definition;
                           0: as defined, or 60,000 if it is new */
    uint32_t remember_ms; /* how long the request ids of cancelled and expired reservations are remembered, and how long
                             after it was made a request may wait in the queue, pauses included; more than window_ms, to
                             1,209,600,000; fixed by the first definition; 0: as defined, or window_ms + 60,000 if it is new.
                             Requests from a clock that is ahead by remember_ms - window_ms or more are SECKILL_TOO_OLD too */
    uint32_t max_skew_ms; /* how far the clocks of Redis servers may differ, to 3,600,000; default 0. After a restart or
                             failover nothing expires for this long, and request ids are remembered so much longer */
    uint32_t max_events;  /* events of one shard that may wait for the orders side; beyond it confirm and refund are
                             SECKILL_BUSY, 1 to 16,777,216; 0: 1,000,000 */
    uint32_t max_queue;   /* requests of one shard that may wait in its queue; beyond it enqueue is SECKILL_BUSY, 1 to
                             16,777,216; 0: 1,000,000 */
} seckill_item_settings;

#define SECKILL_ITEM_SETTINGS_INIT                                                                                             \
    { sizeof(seckill_item_settings), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

typedef enum {
    SECKILL_ITEM_ACTIVE = 0,
    SECKILL_ITEM_PAUSED = 1, /* no new reservations; what is reserved can be confirmed and cancelled */
    SECKILL_ITEM_ENDED = 2   /* as paused, for good */
} seckill_item_state;

/* An item as its mapping list has it. */
typedef struct {
    const char *activity, *item;
    seckill_item_settings settings; /* every default filled in */
    seckill_item_state state;
    uint64_t version; /* of settings and state; rises with every change */
    uint8_t seed[SECKILL_SEED_SIZE];
    const char *const *tags; /* settings.shards of them, NUL-terminated */
} seckill_item_info;

/* The outcome of one shard. */
typedef struct {
    uint32_t shard;
    seckill_status status;
    int64_t amount; /* load, withdraw: units that this shard got or gave; expire: that came back; events_ack: events; else 0 */
    uint64_t epoch; /* expire: the shard's, where it answered: another one than before says that its server was restarted, or
                       that another has taken over, and what was written last may be lost; else 0 */
} seckill_shard_outcome;

/* The result of a call on an item. */
typedef struct {
    seckill_status status;
    const char *message;           /* the cause, for a person; never NULL */
    const seckill_item_info *info; /* NULL unless the mapping list was read */
    const seckill_shard_outcome *outcomes;
    size_t outcome_count; /* 0 if no shard was asked */
    int64_t amount;       /* of load and withdraw: the units of all shards that are done */
} seckill_item_result;

typedef void (*seckill_item_cb)(const seckill_item_result *result, void *user_data);

/* Defines an item, or changes its settings: writes the activity's list, then the mapping list, then every shard. What differs
 * from the stored settings raises the version; shards, window_ms and remember_ms cannot change. An ended item stays ended.
 *   timeout_ms   of the whole call; 0: the client's default
 * SECKILL_CONFLICT: other shards, window_ms or remember_ms than defined; or a purge of it is unfinished. SECKILL_BUSY: the
 * activity has SECKILL_ITEMS_MAX items. Where only some shards could be written, the status is that of the first that failed:
 * repeat the call. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_define(seckill_item *item, const seckill_item_settings *settings,
                                                               uint32_t timeout_ms, seckill_item_cb cb, void *user_data);

/* Reads settings and state. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_get(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                            void *user_data);

/* Stops new reservations, starts them again, ends the sale for good; on every shard. Repeating changes nothing.
 * resume: SECKILL_ENDED if it has ended for good; so does pause. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_pause(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                              void *user_data);
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_resume(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                               void *user_data);
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_end(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                            void *user_data);

/* Removes everything of an item whose sale has ended and is settled: its shards, its mapping list, its entry in the activity's
 * list. Orders stay where the orders side has them; what Redis knows of who bought what is gone, so the account can no longer
 * be proven. A token or a ticket of this sale that is still valid would be good for an item that is defined anew under this
 * name: let hold_ms, grace_ms and remember_ms pass first. Where the orders side tells Redis again what a failover has lost, as
 * seckill-worker does, it would tell the new item of the old orders: use another name, or other orders. Before anything is
 * removed every shard is looked at, then sealed: from then on the item is SECKILL_NOT_DEFINED for every call, of every client,
 * until it is defined anew (with another seed); open handles find it then (the first call of one that was idle all the while
 * says SECKILL_DAMAGED: it could not know of the purge). Where a purge ends half done repeat it, from any client, until it is
 * SECKILL_OK, or SECKILL_NOT_DEFINED because it was done. SECKILL_CONFLICT: the sale has not ended; or units are reserved or
 * between the shards, or events or requests wait: the message says what and where, and the item is as it was. Also where its
 * settings were changed, or it was purged by another, meanwhile. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_purge(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                              void *user_data);

/* The items of an activity. */
typedef struct {
    seckill_status status;
    const char *message;
    const char *const *items; /* NUL-terminated ids, sorted */
    size_t count;
} seckill_list_result;

typedef void (*seckill_list_cb)(const seckill_list_result *result, void *user_data);

/* Lists the items of an activity; an activity without items has none, and is SECKILL_OK. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_list(seckill_client *client, const char *activity, uint32_t timeout_ms,
                                                             seckill_list_cb cb, void *user_data);

/* Loads units, spread evenly over the shards, or withdraws available ones; also while the sale runs.
 *   operation_id   NUL-terminated, 1 to SECKILL_OPERATION_ID_MAX of A-Za-z0-9._-: names this load for ever. The plan is stored
 *                  under it before any shard is touched, and each shard applies it once: after any failure repeat the call with
 *                  the same id and amount, from any client, until it is SECKILL_OK.
 *   amount         1 to SECKILL_AMOUNT_MAX. A withdrawal takes at most this many of what is available; result.amount says how
 *                  many, and a repetition with the same id says the same.
 * SECKILL_CONFLICT: the id was used with another amount or for the other operation. SECKILL_INVALID (in the callback): the
 * total would pass SECKILL_AMOUNT_MAX. SECKILL_BUSY: the item has SECKILL_OPERATIONS_MAX operations. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_stock_load(seckill_item *item, const char *operation_id, int64_t amount,
                                                              uint32_t timeout_ms, seckill_item_cb cb, void *user_data);
SECKILL_API SECKILL_CHECKED seckill_status seckill_stock_withdraw(seckill_item *item, const char *operation_id, int64_t amount,
                                                                  uint32_t timeout_ms, seckill_item_cb cb, void *user_data);

/* The stock of one shard, or the sum of all. The account holds where
 * loaded + transferred_in - transferred_out == available + reserved + sold. Available units are negative where a shard owes
 * some: a failover lost that it gave them away. The next that are freed there pay for it. */
typedef struct {
    uint32_t shard;
    seckill_status status; /* SECKILL_OK: the numbers were read */
    int64_t loaded;        /* loaded less withdrawn */
    int64_t transferred_in, transferred_out;
    int64_t available, reserved, sold;
    int64_t cancelled, expired, refunded; /* units that came back so far; for information, not part of the account */
    int64_t users;                        /* users with records */
    int64_t events;                       /* events that wait for the orders side */
    int64_t queued;                       /* requests that wait in the queue */
    int64_t transfers;                    /* times that units were sent from here to another shard */
    uint64_t version;                     /* rises when available units rise, or units on their way */
    uint64_t settings_version;            /* of the settings that the shard works with */
    uint64_t epoch;
    int overdue;      /* something is overdue and not ended yet, so that units may come back as soon as somebody looks */
    const char *node; /* where the server listens that serves the shard, also one that does not answer: "host:port", "[v6]:port"
                         or "unix:/path"; valid during the callback. "": not known; NULL in the sum */
} seckill_stock;

typedef struct {
    seckill_status status; /* SECKILL_OK: every shard was read */
    const char *message;
    int64_t server_time_ms;      /* of the last shard that answered */
    seckill_stock total;         /* of the shards that were read; its version, epoch and shard are 0; overdue: somewhere */
    const seckill_stock *shards; /* each as one script saw it; different shards at slightly different times */
    size_t count;
} seckill_stock_result;

typedef void (*seckill_stock_cb)(const seckill_stock_result *result, void *user_data);

/* Reads the stock of every shard. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_stock_get(seckill_item *item, uint32_t timeout_ms, seckill_stock_cb cb,
                                                             void *user_data);

#ifdef __cplusplus
}
#endif
#endif
