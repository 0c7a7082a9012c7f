/* SPDX-License-Identifier: MIT */
/** @defgroup queue queue.h: the queue, for peaks far above what can be answered at once
 *
 * Requests wait in their home shard, workers decide them in the order in which they came, users poll:
 *
 * - seckill_enqueue: puts a request behind the others: a ticket says where it stands
 * - seckill_queue_process: a worker decides the next requests, in one atomic step with moving on: first come, first served
 * - seckill_poll: what has become of a ticket's request
 *
 * A shop with a queue of its own (RabbitMQ, Kafka) lets requests wait there; the library then holds no request that waits, but
 * still decides each exactly once, and users poll as always:
 *
 * - seckill_ticket_outside: the ticket of a request that waits in the shop's queue
 * - seckill_reserve: decides one that comes out of it: by its request id and created_ms it may come twice
 * - seckill_refuse: remembers that one was refused, and why, so that polls say so
 *
 * Nothing is acknowledged and nobody owns what waits: any number of workers may work on a shard, and one that is killed at any
 * instruction loses nothing and repeats nothing. Waiting costs nothing but memory in Redis, some 27 bytes and the user; each
 * poll is one read.
 *
 * A request waits until remember_ms (of the item's settings) after it was made at most: then it is refused as too old. Direct
 * reserves of the same item do not stand in the queue; they take what is available at once.
 *
 * Calls, callbacks, threads and the statuses of every call are as in reserve.h.
 * @{
 */
#ifndef SECKILL_QUEUE_H
#define SECKILL_QUEUE_H

#include "reserve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- for users: enqueue and poll ---- */

/** What has become of a request. */
typedef enum {
    SECKILL_TICKET_QUEUED = 1,    /**< it waits */
    SECKILL_TICKET_GRANTED = 2,   /**< reserved: `ref` is for its token */
    SECKILL_TICKET_SOLD = 3,      /**< reserved, and confirmed since */
    SECKILL_TICKET_CANCELLED = 4, /**< reserved, and cancelled since */
    SECKILL_TICKET_EXPIRED = 5,   /**< reserved, and expired since */
    SECKILL_TICKET_REFUNDED = 6,  /**< sold, and refunded since */
    SECKILL_TICKET_REFUSED = 7    /**< decided, and `reason` says why not */
} seckill_ticket_state;

/** The result of enqueue, poll and refuse. */
typedef struct {
    seckill_status status;      /**< SECKILL_OK: see `state`; else nothing is known of the request, or nothing was done */
    const char *message;        /**< the cause, for a person; never NULL; valid during the callback */
    uint32_t retry_after_ms;    /**< a hint for SECKILL_CLASS_RETRYABLE and SECKILL_CLASS_UNKNOWN; else 0 */
    seckill_ticket_state state; /**< on SECKILL_OK, else 0 */
    /** Refused: SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_LIMIT_REACHED, SECKILL_ENDED, SECKILL_BLACKLISTED,
     * SECKILL_BUSY (the user has too many records), SECKILL_CONFLICT. Where `reservation` is refused, too, that is remembered:
     * blacklisted ones are, whose user has room for a record, and those of seckill_refuse. Others are not: why is then judged
     * by how things stand when it is polled. Else SECKILL_OK. */
    seckill_status reason;
    int replayed; /**< enqueue, refuse: 1: the request id has been decided already */
    int requeued; /**< poll: 1: it was enqueued again */
    /** Queued: for seckill_ticket_issue; else NULL. Valid during the callback. Poll gives the one to go on with. */
    const seckill_ticket *ticket;
    uint64_t position; /**< queued: how many are decided until this one is, itself included; else, and in the shop's queue, 0 */
    uint32_t wait_ms;  /**< queued: how long that will take, by the speed that this client has seen; 0: not known */
    seckill_reservation reservation;    /**< where there is one, else zero */
    const seckill_reservation_ref *ref; /**< granted: for seckill_token_issue; else NULL. Valid during the callback. */
} seckill_ticket_result;

/** Gets what became of a request, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_ticket_cb)(const seckill_ticket_result *result, void *user_data);

/** Puts a request into its home shard's queue. Enqueued twice it may stand there twice, and is granted once. Whether units are
 * left is not looked at. A request that waits leaves no trace under its id: after SECKILL_UNKNOWN an earlier call may have
 * enqueued it, whatever a later one says; what it becomes is then found by seckill_lookup.
 *
 * @param item       an open handle
 * @param options    as for seckill_reserve
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: queued, or decided already (`replayed`)
 * - SECKILL_NOT_STARTED, SECKILL_PAUSED, SECKILL_ENDED, SECKILL_LIMIT_REACHED, SECKILL_TOO_OLD, SECKILL_CONFLICT: not enqueued
 *   by this call; each as in seckill_reserve
 * - SECKILL_BUSY: not enqueued by this call: settings.max_queue requests wait in this shard, or the user's records are full
 * - SECKILL_BLACKLISTED: the user is on the blacklist that the client follows, and nothing was granted under this request id
 *   before; where an earlier call has enqueued it, it waits on, and a worker refuses it that finds the user listed
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_enqueue(seckill_item *item, const seckill_reserve_options *options,
                                                           seckill_op **op, seckill_ticket_cb cb, void *user_data);

/** Which ticket. Begin with SECKILL_POLL_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;           /**< SECKILL_POLL_OPTIONS_INIT sets it */
    const seckill_ticket *ticket; /**< what the verified ticket says, copied; its activity and item must be the handle's */
    uint32_t timeout_ms;          /**< 1 to 3,600,000; 0: the client's default */
} seckill_poll_options;

/** No ticket. */
#define SECKILL_POLL_OPTIONS_INIT                                                                                              \
    { sizeof(seckill_poll_options), NULL, 0 }

/** Asks what has become of a ticket's request: one read of its home shard, by its record first, so that a grant is seen
 * whatever happened to the queue. After a restart or failover of Redis, a place that still stands is kept; a request that
 * neither waits nor has a record is enqueued again, whatever the sale's state, with its first since_ms: its place was lost, or
 * it was refused before, which is then decided anew.
 *
 * One that waits in the shop's queue (see seckill_ticket_outside) and has no record is queued, at position 0; but where its
 * user has no room for a record, so that a refusal could not be remembered, it is refused as SECKILL_BUSY
 * (SECKILL_LIMIT_REACHED where they are all sold and refunded).
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: see `state`
 * - SECKILL_TOO_OLD: remember_ms have passed since since_ms, and there is no record of it: it was refused, or what it became is
 *   forgotten
 * - SECKILL_BUSY: it cannot be enqueued again, since twice max_queue requests wait; nothing was decided: poll again
 * - SECKILL_UNKNOWN: it may have been enqueued again; poll again with the same ticket
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_poll(seckill_item *item, const seckill_poll_options *options,
                                                        seckill_op **op, seckill_ticket_cb cb, void *user_data);

/* ---- for shops with a queue of their own ---- */

/** Makes the ticket of a request that waits in the shop's queue, for seckill_ticket_issue and seckill_poll: epoch and n are 0.
 * It takes no part in the shard's own queue, and is never put there. Give it to the user once the shop's queue has the request
 * for sure, and let that carry the ticket's since_ms: seckill_reserve and seckill_refuse take it as created_ms. A request can
 * be granted for window_ms after it was made: let that be as long as requests may wait. Its ticket says that it waits until it
 * has a record, so refuse what is not granted; or until remember_ms have passed. No I/O; on the loop's thread.
 *
 * @param item     an open handle
 * @param options  as for seckill_reserve; timeout_ms and flags say nothing here; created_ms 0: now, by the client's clock
 * @param ticket   filled on SECKILL_OK, else untouched
 * @retval SECKILL_OK           it is filled
 * @retval SECKILL_INVALID      an argument is missing or out of range
 * @retval SECKILL_NOT_DEFINED  this handle does not know the item's settings: let seckill_item_get (or any other call on it) be
 *     answered first
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_ticket_outside(const seckill_item *item,
                                                                  const seckill_reserve_options *options,
                                                                  seckill_ticket *ticket);

/** What was refused. Begin with SECKILL_REFUSE_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;       /**< SECKILL_REFUSE_OPTIONS_INIT sets it */
    seckill_bytes user;       /**< 1 to SECKILL_USER_MAX bytes, copied */
    seckill_bytes request_id; /**< 1 to SECKILL_REQUEST_ID_MAX bytes, copied */
    uint32_t quantity;        /**< 1 to 1,000,000; 0: one unit */
    uint32_t timeout_ms;      /**< 1 to 3,600,000; 0: the client's default */
    int64_t created_ms;       /**< when the user made the request: the ticket's since_ms; 0: now */
    /** SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_LIMIT_REACHED, SECKILL_ENDED or SECKILL_BLACKLISTED */
    seckill_status reason;
} seckill_refuse_options;

/** No user, no request id, no reason; one unit. */
#define SECKILL_REFUSE_OPTIONS_INIT                                                                                            \
    { sizeof(seckill_refuse_options), {NULL, 0}, {NULL, 0}, 0, 0, 0, SECKILL_OK }

/** Remembers for remember_ms that a request was refused, and why: polls say so, and seckill_reserve and seckill_enqueue with
 * its id, `replayed`; a redelivered request is therefore refused again, even if units have come back. The reason is the
 * caller's (most often what seckill_reserve answered), and is not judged. Can be repeated: whatever stands under the id
 * already, a grant too, is not changed, and is what the answer says. A remembered refusal counts among the user's unsettled
 * records.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: see `state`, `reason` and `reservation`: refused, or what stood there before (`replayed`)
 * - SECKILL_BUSY: nothing was remembered: the user has SECKILL_USER_RECORDS_MAX records, or SECKILL_USER_UNSETTLED_MAX that are
 *   reserved or remembered: while that is so polls say so
 * - SECKILL_TOO_OLD: nothing was remembered: created remember_ms ago or longer (polls say so), or ahead of the server's clock
 *   by remember_ms - window_ms or more
 * - SECKILL_CONFLICT: nothing was remembered: this request id was used with another quantity
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_refuse(seckill_item *item, const seckill_refuse_options *options,
                                                          seckill_op **op, seckill_ticket_cb cb, void *user_data);

/* ---- for workers ---- */

/** The place of a request: n rises by one from request to request for as long as the item lives. */
typedef struct {
    uint64_t epoch; /**< which life of the server; rises */
    uint64_t n;     /**< its number, from 1 */
} seckill_queue_id;

/** A request that waits. */
typedef struct {
    seckill_queue_id id;                                 /**< its place */
    seckill_bytes user;                                  /**< who asks; 1 to SECKILL_USER_MAX bytes */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /**< what it becomes if it is granted */
    uint32_t quantity;                                   /**< units */
    int64_t since_ms;  /**< when it was enqueued, or made if that was earlier; the server's clock */
    uint64_t spare[2]; /**< 0: room for fields of later releases */
} seckill_queue_entry;

/** What was screened, and how many to hand out. Begin with SECKILL_QUEUE_PROCESS_OPTIONS_INIT. */
typedef struct {
    size_t struct_size; /**< SECKILL_QUEUE_PROCESS_OPTIONS_INIT sets it */
    uint32_t shard;     /**< 0 to the item's shards - 1; SECKILL_INVALID in the callback if it has fewer */
    uint32_t max;       /**< requests to hand out next, to SECKILL_BATCH_MAX; 0: none: what waits is still counted */

    seckill_queue_id from; /**< the first one screened; n 0: nothing was */
    /** the last one screened, of the same epoch; n 0: nothing was. At most SECKILL_BATCH_MAX from the one to the other */
    seckill_queue_id to;
    const uint8_t *blacklisted; /**< one byte for each of them, in their order: not 0 refuses it; copied. NULL: none */
    size_t blacklisted_count;   /**< bytes; requests beyond it are not refused */
    uint32_t timeout_ms;        /**< 1 to 3,600,000; 0: the client's default */
} seckill_queue_process_options;

/** Nothing screened, nothing to hand out, shard 0. */
#define SECKILL_QUEUE_PROCESS_OPTIONS_INIT                                                                                     \
    { sizeof(seckill_queue_process_options), 0, 0, {0, 0}, {0, 0}, NULL, 0, 0 }

/** What a call decided, and what is to be screened next. */
typedef struct {
    /** SECKILL_OK: what was screened is decided, as far as the sale allows and nobody else came before; what of it still waits
     * is handed out again. */
    seckill_status status;
    const char *message; /**< the cause, for a person; never NULL */
    uint32_t shard;      /**< which one was asked */
    /** Why requests up to `to` still wait: SECKILL_NOT_STARTED, SECKILL_PAUSED; else SECKILL_OK. */
    seckill_status stopped;

    /** requests that this call decided. Those whose id was decided before are passed over and not counted; nor is what a
     * sending decided whose answer was lost */
    uint32_t decided;
    uint32_t granted;                   /**< of these: reserved */
    uint32_t refused;                   /**< of these: refused, but for the blacklisted */
    uint32_t blacklisted;               /**< of these: refused as blacklisted */
    const seckill_queue_entry *entries; /**< the next ones, to be screened, all of one epoch; valid during the callback */
    size_t count;                       /**< of them; 0 with a status other than SECKILL_OK */
    uint64_t waiting;                   /**< requests of this shard that wait, these included */
    int64_t server_time_ms;             /**< the server's clock */
} seckill_queue_result;

/** Gets what was decided and what waits, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_queue_cb)(const seckill_queue_result *result, void *user_data);

/** Decides the requests from `from` to `to`, in order, and hands out the next. Begin with nothing screened; then screen what is
 * handed out (is the user blacklisted?), and call again with its first and last id. A request is granted where sale, limit and
 * stock allow, as by seckill_reserve; else it is refused. Nothing is done unless `from` is the next request to be decided, and
 * nothing is decided beyond `to`: a worker that comes late decides nothing that it has not seen, and two workers never decide
 * the same. Before the start and while the sale is paused requests go on waiting; after its end they are refused. Blacklisted
 * requests are remembered for remember_ms, where their user has room for a record, so that tickets say why.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: see the result
 * - SECKILL_INVALID: the item has no such shard
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_queue_process(seckill_item *item,
                                                                 const seckill_queue_process_options *options,
                                                                 seckill_queue_cb cb, void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
