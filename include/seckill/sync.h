/* SPDX-License-Identifier: MIT */
/** @defgroup sync sync.h: calls that block, for programs with threads
 *
 * All threads of a program share one seckill_sync: one client, on a loop of its own in a thread of its own. A thread that
 * calls hands its request over and sleeps until the answer is there. Requests that wait at the same time travel together, as
 * all requests of a client do: many threads get their answers for the price of a few scripts, over one connection for each
 * server, where a connection for each thread would cost a round trip and a script for each request.
 *
 *     seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
 *     seckill_sync *sync;
 *     seckill_sync_item *phone;
 *     ... seckill_sync_open(&options, &sync), seckill_sync_item_open(sync, "618", "phone", &phone) ...
 *
 *     in any thread:
 *     seckill_reserve_options wish = SECKILL_RESERVE_OPTIONS_INIT;
 *     seckill_sync_answer answer;
 *     ... wish.user, wish.request_id ...
 *     answer.struct_size = sizeof(answer);
 *     if (seckill_sync_reserve(phone, &wish, &answer) == SECKILL_OK)
 *         ... answer.reservation, and answer.ref for seckill_token_issue ...
 *
 * Threads. Every call may be made by any thread, by many at the same time, but not on the thread of the loop, where callbacks
 * run and the log is written: there a call that waits returns SECKILL_INVALID at once. A thread that waits must not be
 * cancelled (pthread_cancel). A forked child must not touch its parent's seckill_sync. All signals but those of a fault
 * (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT) are blocked on the loop's thread. The client's log callback runs there;
 * its allocator too, but for seckill_sync_open and seckill_sync_close, which call it on their caller's thread while the other
 * does not run: never on two threads at a time.
 *
 * Waiting ends with the operation's own deadline, the options' timeout_ms, at the latest.
 *
 * Each call of the request path takes the options of its asynchronous sibling and returns the status that its callback would
 * get, or that the sibling would return; SECKILL_CLOSED also where the call was made after seckill_sync_stop. Each fills an
 * answer of the caller's, who sets its struct_size first; NULL: only the status is wanted. A status of an answer is what the
 * call returned; its message is the cause, for a person. An answer holds no pointer into the library.
 * SECKILL_INVALID also: an answer's struct_size is impossible. Then the answer is untouched.
 * @{
 */
#ifndef SECKILL_SYNC_H
#define SECKILL_SYNC_H

#include "queue.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A client on a loop and a thread of its own, for calls that block. */
typedef struct seckill_sync seckill_sync;

/** An item, for calls that block. */
typedef struct seckill_sync_item seckill_sync_item;

/* ---- opening and closing ---- */

/**
 * Opens a client and starts its thread, which is called `seckill-sync` where threads have names. Connecting begins in the
 * background: calls may be made at once and wait for the connection.
 *
 * @param options  as for seckill_client_open; `loop` must be NULL
 * @param sync     gets it, to be closed with seckill_sync_close
 * @retval SECKILL_OK         it is open
 * @retval SECKILL_INVALID    a NULL argument, a loop, or an option that is malformed or out of range
 * @retval SECKILL_NO_MEMORY  out of memory, file descriptors or threads
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_open(const seckill_client_options *options, seckill_sync **sync);

/**
 * Ends all calls under way, from any thread, without waiting for that: they return SECKILL_UNKNOWN where their request may have
 * been sent, else SECKILL_CLOSED. Calls that are made from now on return SECKILL_CLOSED at once. So a program ends in three
 * steps: stop, join the threads that make calls, close. The loop's thread may call it too, a signal handler may not. Stopping
 * twice changes nothing.
 *
 * @param sync  may be NULL
 */
SECKILL_API void seckill_sync_stop(seckill_sync *sync);

/**
 * Stops, waits until every call under way has its answer and the loop's thread has ended, and frees everything, items included.
 * (A name that is being resolved is waited for.) Other threads may still wait in calls when this begins: they are woken, and
 * touch nothing of it any more. No call may begin once this has begun: where that is not sure, stop first, and join.
 *
 * @param sync  may be NULL; not to be used again
 * @retval SECKILL_OK       it is gone
 * @retval SECKILL_INVALID  on the loop's thread: nothing was done
 */
SECKILL_API seckill_status seckill_sync_close(seckill_sync *sync);

/**
 * Fills the counters of its client, as seckill_client_get_stats does; how well threads share batches is `batched / batches`.
 *
 * @param sync   open
 * @param stats  with struct_size set
 * @retval SECKILL_OK       filled
 * @retval SECKILL_INVALID  a NULL argument, an impossible size, or on the loop's thread
 * @retval SECKILL_CLOSED   it was stopped
 */
SECKILL_API seckill_status seckill_sync_get_stats(seckill_sync *sync, seckill_client_stats *stats);

/**
 * Opens a handle, to be shared by all threads; no I/O, the item need not be defined yet. Keep handles: opening looks through
 * all that are open.
 *
 * @param sync      open
 * @param activity  a NUL-terminated id, copied
 * @param item      a NUL-terminated id, copied
 * @param handle    gets it; closed by seckill_sync_item_close, or by seckill_sync_close
 * @retval SECKILL_OK         open
 * @retval SECKILL_INVALID    a NULL argument, a malformed id, or on the loop's thread
 * @retval SECKILL_NO_MEMORY  out of memory
 * @retval SECKILL_CLOSED     it was stopped
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_item_open(seckill_sync *sync, const char *activity, const char *item,
                                                                  seckill_sync_item **handle);

/**
 * Closes a handle that no thread uses any more. After seckill_sync_stop, and on the loop's thread, it is left to
 * seckill_sync_close.
 *
 * @param item  may be NULL; not to be used again
 */
SECKILL_API void seckill_sync_item_close(seckill_sync_item *item);

/* ---- the request path ---- */

/** The answer to reserve, confirm, cancel and refund: what seckill_result says. */
typedef struct {
    size_t struct_size;                 /**< set by the caller: what the structure has room for */
    seckill_status status;              /**< what the call returned */
    int replayed;                       /**< 1: it stood already */
    uint32_t retry_after_ms;            /**< a hint for SECKILL_CLASS_RETRYABLE and SECKILL_CLASS_UNKNOWN; else 0 */
    int has_ref;                        /**< 1: it is reserved, and `ref` is for seckill_token_issue; else 0, and it is zero */
    char message[SECKILL_MESSAGE_SIZE]; /**< the cause, for a person */
    seckill_reservation reservation;    /**< where the answer is about one, else zero */
    seckill_reservation_ref ref;        /**< see `has_ref` */
} seckill_sync_answer;

/**
 * Takes units for a user, as seckill_reserve, with its statuses.
 *
 * @param item     the handle
 * @param options  what is asked for; all of it is read before this returns
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_reserve(seckill_sync_item *item, const seckill_reserve_options *options,
                                                                seckill_sync_answer *answer);

/**
 * Settles a reservation, as seckill_confirm, with its statuses.
 *
 * @param item     the handle
 * @param options  which, and the order's words
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_confirm(seckill_sync_item *item, const seckill_confirm_options *options,
                                                                seckill_sync_answer *answer);

/**
 * Gives a reservation's units back before it is confirmed, as seckill_cancel, with its statuses.
 *
 * @param item     the handle
 * @param options  whose, and which
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_cancel(seckill_sync_item *item, const seckill_release_options *options,
                                                               seckill_sync_answer *answer);

/**
 * Gives the units of a confirmed reservation back, as seckill_refund, with its statuses.
 *
 * @param item     the handle
 * @param options  whose, and which
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_refund(seckill_sync_item *item, const seckill_release_options *options,
                                                               seckill_sync_answer *answer);

/** The answer to lookup. The caller sets struct_size, both arrays and `capacity`. */
typedef struct {
    size_t struct_size;                 /**< set by the caller: what the structure has room for */
    seckill_reservation *reservations;  /**< gets the first `capacity` of them, oldest first; NULL: they are not wanted */
    seckill_reservation_ref *refs;      /**< as many, beside each: zero unless reserved; NULL: they are not wanted */
    uint32_t capacity;                  /**< of each array that is given; SECKILL_USER_RECORDS_MAX is always enough */
    uint32_t count;                     /**< how many there are, which may be more than `capacity` */
    int64_t server_time_ms;             /**< the server's clock; 0: no server answered */
    seckill_status status;              /**< what the call returned */
    char message[SECKILL_MESSAGE_SIZE]; /**< the cause, for a person */
} seckill_sync_lookup_answer;

/**
 * Reads a user's reservations, as seckill_lookup, with its statuses.
 *
 * @param item     the handle
 * @param options  whose
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_lookup(seckill_sync_item *item, const seckill_lookup_options *options,
                                                               seckill_sync_lookup_answer *answer);

/** The answer to enqueue, poll and refuse: what seckill_ticket_result says. */
typedef struct {
    size_t struct_size;         /**< set by the caller: what the structure has room for */
    seckill_status status;      /**< what the call returned */
    seckill_ticket_state state; /**< on SECKILL_OK, else 0 */
    seckill_status reason;      /**< refused: why */
    int replayed;               /**< enqueue, refuse: 1: the request id has been decided already */
    int requeued;               /**< poll: 1: it was enqueued again */
    uint32_t retry_after_ms;    /**< a hint for SECKILL_CLASS_RETRYABLE and SECKILL_CLASS_UNKNOWN; else 0 */
    uint32_t wait_ms;           /**< queued: how long until it is decided; 0: not known */
    uint64_t position;          /**< queued: how many are decided until this one is, itself included */
    int has_ticket;             /**< 1: it is queued, and `ticket` is for seckill_ticket_issue; else 0, and it is zero */
    int has_ref;                /**< 1: it is granted, and `ref` is for seckill_token_issue; else 0, and it is zero */
    char message[SECKILL_MESSAGE_SIZE]; /**< the cause, for a person */
    seckill_reservation reservation;    /**< where there is one, else zero */
    seckill_reservation_ref ref;        /**< see `has_ref` */
    seckill_ticket ticket;              /**< see `has_ticket` */
} seckill_sync_ticket_answer;

/**
 * Puts a request into its queue, as seckill_enqueue, with its statuses.
 *
 * @param item     the handle
 * @param options  what is asked for
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_enqueue(seckill_sync_item *item, const seckill_reserve_options *options,
                                                                seckill_sync_ticket_answer *answer);

/**
 * Asks once what has become of a ticket's request, as seckill_poll, with its statuses. It does not wait for the decision.
 *
 * @param item     the handle
 * @param options  the ticket
 * @param answer   filled, or NULL; its ticket may be the one that the options name
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_poll(seckill_sync_item *item, const seckill_poll_options *options,
                                                             seckill_sync_ticket_answer *answer);

/**
 * Remembers that a request was refused, as seckill_refuse, with its statuses.
 *
 * @param item     the handle
 * @param options  which, and why
 * @param answer   filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_refuse(seckill_sync_item *item, const seckill_refuse_options *options,
                                                               seckill_sync_ticket_answer *answer);

/* ---- the item ---- */

/** The answer to calls on an item: what seckill_item_result says, but for the shards. The caller sets struct_size and
 * `settings`.
 */
typedef struct {
    size_t struct_size; /**< set by the caller: what the structure has room for */
    /** the caller's, with its struct_size set: filled where has_info is 1; NULL: not wanted */
    seckill_item_settings *settings;
    seckill_status status;              /**< what the call returned */
    int has_info;                       /**< 1: the mapping list was read: state, version and settings; else 0 */
    seckill_item_state state;           /**< of the item */
    uint64_t version;                   /**< of settings and state */
    int64_t amount;                     /**< load, withdraw: the units of all shards that are done */
    char message[SECKILL_MESSAGE_SIZE]; /**< the cause, for a person */
} seckill_sync_item_answer;

/**
 * Defines an item or changes its settings, as seckill_item_define, with its statuses.
 *
 * @param item        the handle
 * @param settings    all of them
 * @param timeout_ms  of the whole call; 0: the client's default
 * @param answer      filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_item_define(seckill_sync_item *item,
                                                                    const seckill_item_settings *settings, uint32_t timeout_ms,
                                                                    seckill_sync_item_answer *answer);

/**
 * Reads settings and state, as seckill_item_get, with its statuses.
 *
 * @param item        the handle
 * @param timeout_ms  0: the client's default
 * @param answer      filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_item_get(seckill_sync_item *item, uint32_t timeout_ms,
                                                                 seckill_sync_item_answer *answer);

/**
 * Stops new reservations, as seckill_item_pause, with its statuses.
 *
 * @param item        the handle
 * @param timeout_ms  of the whole call; 0: the client's default
 * @param answer      filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_item_pause(seckill_sync_item *item, uint32_t timeout_ms,
                                                                   seckill_sync_item_answer *answer);

/**
 * Starts new reservations again, as seckill_item_resume, with its statuses.
 *
 * @param item        the handle
 * @param timeout_ms  of the whole call; 0: the client's default
 * @param answer      filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_item_resume(seckill_sync_item *item, uint32_t timeout_ms,
                                                                    seckill_sync_item_answer *answer);

/**
 * Ends the sale for good, as seckill_item_end, with its statuses.
 *
 * @param item        the handle
 * @param timeout_ms  of the whole call; 0: the client's default
 * @param answer      filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_item_end(seckill_sync_item *item, uint32_t timeout_ms,
                                                                 seckill_sync_item_answer *answer);

/**
 * Loads units, as seckill_stock_load, with its statuses.
 *
 * @param item          the handle
 * @param operation_id  NUL-terminated; names this load for ever
 * @param amount        1 to SECKILL_AMOUNT_MAX
 * @param timeout_ms    of the whole call; 0: the client's default
 * @param answer        filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_stock_load(seckill_sync_item *item, const char *operation_id,
                                                                   int64_t amount, uint32_t timeout_ms,
                                                                   seckill_sync_item_answer *answer);

/**
 * Withdraws available units, as seckill_stock_withdraw, with its statuses.
 *
 * @param item          the handle
 * @param operation_id  NUL-terminated; names this withdrawal for ever
 * @param amount        at most so many, 1 to SECKILL_AMOUNT_MAX; answer->amount says how many it were
 * @param timeout_ms    of the whole call; 0: the client's default
 * @param answer        filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_stock_withdraw(seckill_sync_item *item, const char *operation_id,
                                                                       int64_t amount, uint32_t timeout_ms,
                                                                       seckill_sync_item_answer *answer);

/** The answer to seckill_sync_stock_get. The caller sets struct_size, `shards` and `capacity`. */
typedef struct {
    size_t struct_size;     /**< set by the caller: what the structure has room for */
    seckill_stock *shards;  /**< gets the first `capacity` of them, each with a NULL `node`; NULL: only the sum is wanted */
    uint32_t capacity;      /**< of `shards`; SECKILL_SHARDS_MAX is always enough */
    uint32_t count;         /**< how many shards there are, which may be more than `capacity` */
    int64_t server_time_ms; /**< of the last shard that answered; 0: none has */
    seckill_status status;  /**< what the call returned */
    char message[SECKILL_MESSAGE_SIZE]; /**< the cause, for a person */
    seckill_stock total;                /**< of the shards that were read */
} seckill_sync_stock_answer;

/**
 * Reads the stock of every shard, as seckill_stock_get, with its statuses.
 *
 * @param item        the handle
 * @param timeout_ms  of the whole call; 0: the client's default
 * @param answer      filled, or NULL
 * @return the status
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_stock_get(seckill_sync_item *item, uint32_t timeout_ms,
                                                                  seckill_sync_stock_answer *answer);

/* ---- everything else ---- */

/** A thread that waits in seckill_sync_run. */
typedef struct seckill_sync_call seckill_sync_call;

/**
 * What seckill_sync_run runs, on the loop's thread: it starts one asynchronous call or several, and must not block. Here and in
 * their callbacks everything that client.h and its companions offer may be used, but seckill_client_close.
 *
 * @param client     the client
 * @param call       for seckill_sync_done; valid until that was called
 * @param user_data  as given
 * @return SECKILL_OK: seckill_sync_done was called or will be, once; anything else ends the call with this status
 */
typedef seckill_status (*seckill_sync_start_cb)(seckill_client *client, seckill_sync_call *call, void *user_data);

/**
 * Runs anything with the client, and waits until it is done: all that has no call of its own here. To expire an item, for
 * example:
 *
 *     static void on_expired(const seckill_expire_result *result, void *call) {
 *         seckill_sync_done(call, result->status);
 *     }
 *     static seckill_status start(seckill_client *client, seckill_sync_call *call, void *item) {
 *         return seckill_expire(seckill_sync_item_handle(item), 0, on_expired, call);
 *     }
 *     status = seckill_sync_run(sync, start, item);
 *
 * @param sync       open
 * @param start      what to run
 * @param user_data  of `start`; what it points at may stand on the caller's stack
 * @return what `start` returned, if that is not SECKILL_OK, or else what seckill_sync_done was given; SECKILL_INVALID also: a
 *         NULL argument, or on the loop's thread; SECKILL_CLOSED also: it was stopped before `start` ran, or before
 *         seckill_sync_done was called (by then every callback of the client has run)
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_sync_run(seckill_sync *sync, seckill_sync_start_cb start, void *user_data);

/**
 * Ends a call of seckill_sync_run, once, on the loop's thread: from any callback, or from the function that starts it.
 *
 * @param call    the call; not to be used again
 * @param status  what seckill_sync_run returns
 */
SECKILL_API void seckill_sync_done(seckill_sync_call *call, seckill_status status);

/**
 * The client's own handle of an item, for calls on the loop's thread.
 *
 * @param item  open
 * @return a handle that is closed with `item`, and not before
 */
SECKILL_API seckill_item *seckill_sync_item_handle(const seckill_sync_item *item);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
