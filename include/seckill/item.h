/* SPDX-License-Identifier: MIT */
/** @defgroup item item.h: one product sold in an activity, its settings, its state and its stock
 *
 * All calls are asynchronous: a nonzero return says that nothing was sent and the callback never runs; zero says that the
 * callback runs exactly once, later, on the loop's thread. What it is given is valid during the callback only. Every call that
 * spans several shards reports an outcome for each, and can be repeated: what is done already stays done. Threads: as client.h
 * says, all on the one of the client.
 *
 * Every call may return, and has not sent anything then:
 * - SECKILL_INVALID: an argument is NULL where that is not allowed, malformed or out of range
 * - SECKILL_BUSY: the client's max_operations are under way
 * - SECKILL_NO_MEMORY: out of memory
 * - SECKILL_CLOSED: the client is being closed
 *
 * Every callback may give these statuses, besides those named at each call:
 * - SECKILL_NOT_DEFINED: there is no such item, or it is being purged
 * - SECKILL_UNKNOWN: it was sent, and no answer came before the deadline: repeat it
 * - SECKILL_UNREACHABLE: Redis could not be reached before the deadline
 * - SECKILL_SERVER_BUSY: until the deadline Redis was loading, failing over, busy or a replica
 * - SECKILL_SERVER_MEMORY: Redis has reached maxmemory
 * - SECKILL_DENIED: the login, or a command that the ACL does not allow
 * - SECKILL_DAMAGED: a key is missing, of the wrong type, or holds what it must not; the message names it
 * - SECKILL_LAYOUT: the keys are of a release with another key layout
 * - SECKILL_SERVER_ERROR: Redis answered with an error that is none of these
 * - SECKILL_PROTOCOL: Redis answered with something that is no answer
 * - SECKILL_CLOSED: the client was closed before it was sent
 * - SECKILL_NO_MEMORY: out of memory; nothing was done, or a part that a repetition completes
 * @{
 */
#ifndef SECKILL_ITEM_H
#define SECKILL_ITEM_H

#include "client.h"
#include "shard.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A handle of an item, of one client. */
typedef struct seckill_item seckill_item;

/** Opens a handle: cheap, no I/O. The item's mapping list is read when first needed, kept, and read again when a shard says
 * that it is newer. The item need not be defined yet, and may be purged and defined anew. Opened twice, it is the same pointer,
 * to be closed twice. A client looks through its open items at each opening: keep handles, thousands of them at most.
 *
 * @param client    an open client
 * @param activity  a NUL-terminated id, copied
 * @param item      a NUL-terminated id, copied
 * @param handle    gets it on SECKILL_OK
 * @retval SECKILL_OK         it is open, and the caller's to close
 * @retval SECKILL_INVALID    an id is malformed, or an argument NULL
 * @retval SECKILL_NO_MEMORY  out of memory
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_open(seckill_client *client, const char *activity, const char *item,
                                                             seckill_item **handle);

/** Closes a handle; operations under way go on and are called back.
 *
 * @param item  NULL is allowed
 */
SECKILL_API void seckill_item_close(seckill_item *item);

/** The activity's id.
 *
 * @param item  an open handle
 * @return NUL-terminated; valid as long as the handle is open
 */
SECKILL_API const char *seckill_item_activity(const seckill_item *item);

/** The item's id.
 *
 * @param item  an open handle
 * @return NUL-terminated; valid as long as the handle is open
 */
SECKILL_API const char *seckill_item_name(const seckill_item *item);

/** What is sold, and how. Begin with SECKILL_ITEM_SETTINGS_INIT. Times are milliseconds since 1970 by the servers' clocks. */
typedef struct {
    size_t struct_size; /**< SECKILL_ITEM_SETTINGS_INIT sets it */
    uint32_t shards;    /**< 1 to SECKILL_SHARDS_MAX; fixed by the first definition; 0: as defined, or 8 if it is new */
    uint32_t limit;     /**< units that a user may hold, reserved and sold together, 1 to 1,000,000; 0: 1 */
    int64_t price;      /**< of one unit, in minor units (cents, fen), 0 to SECKILL_AMOUNT_MAX */
    int64_t start_ms;   /**< requests before it are SECKILL_NOT_STARTED, below 2^47; 0: at once */
    int64_t end_ms;     /**< requests from it on are SECKILL_ENDED, later than start_ms and below 2^47; 0: never */
    uint32_t hold_ms;   /**< how long a reservation holds its units, 1 to 604,800,000 (7 days); 0: 300,000 */
    /** how long past the hold its token can still confirm, if there are units, to 604,800,000; default 0 */
    uint32_t grace_ms;
    /** requests created longer ago are SECKILL_TOO_OLD, 1 to 604,800,000; fixed by the first definition; 0: as defined, or
     * 60,000 if it is new */
    uint32_t window_ms;
    /** how long the request ids of cancelled and expired reservations are remembered, and how long after it was made a request
     * may wait in the queue, pauses included; more than window_ms, to 1,209,600,000; fixed by the first definition; 0: as
     * defined, or window_ms + 60,000 if it is new. Requests from a clock that is ahead by remember_ms - window_ms or more are
     * SECKILL_TOO_OLD too */
    uint32_t remember_ms;
    /** how far the clocks of Redis servers may differ, to 3,600,000; default 0. After a restart or failover nothing expires for
     * this long, and request ids are remembered so much longer */
    uint32_t max_skew_ms;
    /** events of one shard that may wait for the orders side; beyond it confirm and refund are SECKILL_BUSY, 1 to 16,777,216;
     * 0: 1,000,000 */
    uint32_t max_events;
    /** requests of one shard that may wait in its queue; beyond it enqueue is SECKILL_BUSY, 1 to 16,777,216; 0: 1,000,000 */
    uint32_t max_queue;
} seckill_item_settings;

/** All defaults; a price of 0. */
#define SECKILL_ITEM_SETTINGS_INIT                                                                                             \
    { sizeof(seckill_item_settings), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Whether an item is sold. Its start and end are another matter. */
typedef enum {
    SECKILL_ITEM_ACTIVE = 0, /**< sold from its start to its end */
    SECKILL_ITEM_PAUSED = 1, /**< no new reservations; what is reserved can be confirmed and cancelled */
    SECKILL_ITEM_ENDED = 2   /**< as paused, for good */
} seckill_item_state;

/** An item as its mapping list has it. */
typedef struct {
    const char *activity; /**< NUL-terminated id */
    const char *item;     /**< NUL-terminated id */
    /** every default filled in. Its struct_size is 0: who gives a copy to seckill_item_define sets it to the size of that */
    const seckill_item_settings *settings;
    seckill_item_state state;        /**< whether it is paused or ended */
    uint64_t version;                /**< of settings and state; rises with every change */
    uint8_t seed[SECKILL_SEED_SIZE]; /**< what the users' home shards depend on, see seckill_shard_of */
    const char *const *tags;         /**< settings->shards of them, NUL-terminated */
} seckill_item_info;

/** The outcome of one shard. */
typedef struct {
    uint32_t shard;        /**< which one, from 0 */
    seckill_status status; /**< SECKILL_OK: it is done there; SECKILL_UNREACHABLE also where it was not asked any more */
    /** load, withdraw: units that this shard got or gave; expire: that came back; events_ack: events; else 0 */
    int64_t amount;
    /** expire: the shard's, where it answered: another one than before says that its server was restarted, or that another has
     * taken over, and what was written last may be lost; else 0 */
    uint64_t epoch;
    uint64_t spare[2]; /**< 0: room for fields of later releases */
} seckill_shard_outcome;

/** The result of a call on an item. */
typedef struct {
    seckill_status status;                 /**< SECKILL_OK: all is done; else why the first that failed did */
    const char *message;                   /**< the cause, for a person; never NULL */
    const seckill_item_info *info;         /**< NULL unless the mapping list was read */
    const seckill_shard_outcome *outcomes; /**< one for each shard; of seckill_events_ack one */
    size_t outcome_count;                  /**< 0 if no shard was asked */
    int64_t amount;                        /**< of load and withdraw: the units of all shards that are done */
} seckill_item_result;

/** Gets the result of a call on an item, once.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_item_cb)(const seckill_item_result *result, void *user_data);

/** Defines an item, or changes its settings: writes the activity's list, then the mapping list, then every shard. What differs
 * from the stored settings raises the version; shards, window_ms and remember_ms cannot change. An ended item stays ended.
 *
 * @param item        an open handle
 * @param settings    copied; not NULL
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: every shard has these settings
 * - SECKILL_CONFLICT: other shards, window_ms or remember_ms than defined; or a purge of it is unfinished
 * - SECKILL_BUSY: the activity has SECKILL_ITEMS_MAX items
 *
 * Where only some shards could be written, the status is that of the first that failed: repeat the call.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_define(seckill_item *item, const seckill_item_settings *settings,
                                                               uint32_t timeout_ms, seckill_item_cb cb, void *user_data);

/** Reads settings and state: the result's info.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status: as every call.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_get(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                            void *user_data);

/** Stops new reservations, on every shard; what is reserved can be confirmed and cancelled. Repeating changes nothing.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call: SECKILL_OK. SECKILL_ENDED: it has ended for good.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_pause(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                              void *user_data);

/** Lets a paused item be reserved again, on every shard. Repeating changes nothing.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call: SECKILL_OK. SECKILL_ENDED: it has ended for good.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_resume(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                               void *user_data);

/** Ends the sale for good, on every shard. Repeating changes nothing.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status: as every call.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_end(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                            void *user_data);

/** Removes everything of an item whose sale has ended and is settled: its shards, its mapping list, its entry in the activity's
 * list. Orders stay where the orders side has them; what Redis knows of who bought what is gone, so the account can no longer
 * be proven. A token or a ticket of this sale that is still valid would be good for an item that is defined anew under this
 * name: let hold_ms, grace_ms and remember_ms pass first. Where the orders side tells Redis again what a failover has lost, as
 * seckill-worker does, it would tell the new item of the old orders: use another name, or other orders.
 *
 * Before anything is removed every shard is looked at, then sealed: from then on the item is SECKILL_NOT_DEFINED for every
 * call, of every client, until it is defined anew (with another seed); open handles find it then (the first call of one that
 * was idle all the while says SECKILL_DAMAGED: it could not know of the purge). Where a purge ends half done repeat it, from
 * any client, until it is SECKILL_OK, or SECKILL_NOT_DEFINED because it was done.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: nothing of it is left
 * - SECKILL_CONFLICT: the sale has not ended; or units are reserved or between the shards, or events or requests wait: the
 *   message says what and where, and the item is as it was. Also where its settings were changed, or it was purged by another,
 *   meanwhile
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_purge(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb,
                                                              void *user_data);

/** The items of an activity. */
typedef struct {
    seckill_status status;    /**< SECKILL_OK: the list was read */
    const char *message;      /**< the cause, for a person; never NULL */
    const char *const *items; /**< NUL-terminated ids, sorted */
    size_t count;             /**< 0 to SECKILL_ITEMS_MAX */
} seckill_list_result;

/** Gets the items of an activity, once.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_list_cb)(const seckill_list_result *result, void *user_data);

/** Lists the items of an activity; an activity without items has none, and is SECKILL_OK.
 *
 * @param client      an open client
 * @param activity    a NUL-terminated id
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status: as every call, but never SECKILL_NOT_DEFINED.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_item_list(seckill_client *client, const char *activity, uint32_t timeout_ms,
                                                             seckill_list_cb cb, void *user_data);

/** Loads units, spread evenly over the shards; also while the sale runs. The plan is stored under the operation's id before any
 * shard is touched, and each shard applies it once: after any failure repeat the call with the same id and amount, from any
 * client, until it is SECKILL_OK.
 *
 * @param item          an open handle
 * @param operation_id  names this load for ever: NUL-terminated, 1 to SECKILL_OPERATION_ID_MAX of A-Za-z0-9._-
 * @param amount        units, 1 to SECKILL_AMOUNT_MAX
 * @param timeout_ms    of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb            runs once with the result; not NULL
 * @param user_data     handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: every shard has its part, now or since an earlier call
 * - SECKILL_CONFLICT: the id was used with another amount, or for a withdrawal
 * - SECKILL_INVALID: with this one all loads, ever, would pass SECKILL_AMOUNT_MAX units
 * - SECKILL_BUSY: the item has SECKILL_OPERATIONS_MAX operations
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_stock_load(seckill_item *item, const char *operation_id, int64_t amount,
                                                              uint32_t timeout_ms, seckill_item_cb cb, void *user_data);

/** Withdraws available units; also while the sale runs. It takes at most `amount` of what is available: result.amount says how
 * many, and a repetition with the same id says the same. Repeat it as seckill_stock_load.
 *
 * @param item          an open handle
 * @param operation_id  names this withdrawal for ever: NUL-terminated, 1 to SECKILL_OPERATION_ID_MAX of A-Za-z0-9._-
 * @param amount        units, 1 to SECKILL_AMOUNT_MAX
 * @param timeout_ms    of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb            runs once with the result; not NULL
 * @param user_data     handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: every shard has given its part, now or since an earlier call
 * - SECKILL_CONFLICT: the id was used with another amount, or for a load
 * - SECKILL_BUSY: the item has SECKILL_OPERATIONS_MAX operations
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_stock_withdraw(seckill_item *item, const char *operation_id, int64_t amount,
                                                                  uint32_t timeout_ms, seckill_item_cb cb, void *user_data);

/** The stock of one shard, or the sum of all. The account holds where
 * loaded + transferred_in - transferred_out == available + reserved + sold. Available units are negative where a shard owes
 * some: a failover lost that it gave them away. The next that are freed there pay for it. */
typedef struct {
    uint32_t shard;            /**< which one, from 0; 0 in the sum */
    seckill_status status;     /**< SECKILL_OK: the numbers were read */
    int64_t loaded;            /**< loaded less withdrawn */
    int64_t transferred_in;    /**< units that came from other shards, ever */
    int64_t transferred_out;   /**< units that were sent to other shards, ever */
    int64_t available;         /**< units that can be reserved; negative where the shard owes some */
    int64_t reserved;          /**< units reserved, and not confirmed yet */
    int64_t sold;              /**< units confirmed, and not refunded */
    int64_t cancelled;         /**< units that came back so, ever; for information, not part of the account */
    int64_t expired;           /**< as `cancelled` */
    int64_t refunded;          /**< as `cancelled` */
    int64_t users;             /**< users with records */
    int64_t events;            /**< events that wait for the orders side */
    int64_t queued;            /**< requests that wait in the queue */
    int64_t transfers;         /**< times that units were sent from here to another shard */
    uint64_t version;          /**< rises when available units rise, or units on their way */
    uint64_t settings_version; /**< of the settings that the shard works with */
    uint64_t epoch;            /**< one life of the Redis server that serves the shard; 0 in the sum */
    int overdue; /**< something is overdue and not ended yet, so that units may come back as soon as somebody looks */
    /** where the server listens that serves the shard, also one that does not answer: "host:port", "[v6]:port" or "unix:/path";
     * valid during the callback. "": not known; NULL in the sum */
    const char *node;
    uint64_t spare[4]; /**< 0: room for fields of later releases */
} seckill_stock;

/** The stock of an item. */
typedef struct {
    seckill_status status;       /**< SECKILL_OK: every shard was read */
    const char *message;         /**< the cause, for a person; never NULL */
    int64_t server_time_ms;      /**< of the last shard that answered */
    seckill_stock total;         /**< of the shards that were read; its version, epoch and shard are 0; overdue: somewhere */
    const seckill_stock *shards; /**< each as one script saw it; different shards at slightly different times */
    size_t count;                /**< of the shards */
} seckill_stock_result;

/** Gets the stock of an item, once.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_stock_cb)(const seckill_stock_result *result, void *user_data);

/** Reads the stock of every shard. Changes nothing.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status: as every call; with SECKILL_UNKNOWN and the like some shards may have been read.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_stock_get(seckill_item *item, uint32_t timeout_ms, seckill_stock_cb cb,
                                                             void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
