/* SPDX-License-Identifier: MIT */
/** @defgroup reserve reserve.h: a user's reservation, from reserve to confirm, cancel or refund
 *
 * Requests that arrive together travel together: all that wait for a shard go to it in one script. Each call is asynchronous: a
 * nonzero return says that nothing was sent and the callback never runs; zero says that it runs exactly once, later, on the
 * loop's thread. After SECKILL_UNKNOWN ask again with the same ids: what was done stays done, and is answered as `replayed`.
 * Until its deadline an operation is repeated by the library itself over lost connections and passing faults. Threads: as
 * client.h says, all on the one of the client.
 *
 * What every call may return, and every callback may give besides the statuses named at each call, is as in item.h:
 * SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY and SECKILL_CLOSED at once; SECKILL_NOT_DEFINED, SECKILL_UNKNOWN,
 * SECKILL_UNREACHABLE, SECKILL_SERVER_BUSY, SECKILL_SERVER_MEMORY, SECKILL_DENIED, SECKILL_DAMAGED, SECKILL_LAYOUT,
 * SECKILL_SERVER_ERROR, SECKILL_PROTOCOL, SECKILL_CLOSED and SECKILL_NO_MEMORY later.
 * @{
 */
#ifndef SECKILL_RESERVE_H
#define SECKILL_RESERVE_H

#include "item.h"
#include "token.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The states of a reservation. */
typedef enum {
    SECKILL_RESERVED = 1,              /**< holds its units until ends_ms */
    SECKILL_RESERVATION_SOLD = 2,      /**< confirmed */
    SECKILL_RESERVATION_CANCELLED = 3, /**< given back before it was confirmed */
    SECKILL_RESERVATION_EXPIRED = 4,   /**< its hold ended before it was confirmed */
    SECKILL_RESERVATION_REFUNDED = 5,  /**< given back after it was confirmed */
    SECKILL_RESERVATION_REFUSED = 7    /**< never was one: a request that was refused (see queue.h), remembered for a while */
} seckill_reservation_state;

/** A reservation, as its record says. */
typedef struct {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE]; /**< see seckill_reservation_id */
    seckill_reservation_state state;         /**< what has become of it */
    uint32_t quantity;                       /**< units */
    int64_t price;                           /**< of one unit when it was granted, minor units; refused: 0 */
    /** when it came into its state: granted, confirmed, cancelled, expired, refunded, refused at; server's clock */
    int64_t since_ms;
    int64_t ends_ms;       /**< reserved: when the hold ends; sold, refunded: 0; else: when its request id is forgotten */
    seckill_status reason; /**< refused: why, see seckill_refuse; else SECKILL_OK */
    uint64_t spare[2];     /**< 0: room for fields of later releases */
} seckill_reservation;

/** The result of reserve, confirm, cancel and refund. */
typedef struct {
    seckill_status status;              /**< what the answer is: see the call */
    const char *message;                /**< the cause, for a person; never NULL; valid during the callback */
    int replayed;                       /**< 1: it stood already, from this request or an earlier one */
    uint32_t retry_after_ms;            /**< a hint for SECKILL_CLASS_RETRYABLE and SECKILL_CLASS_UNKNOWN; else 0 */
    seckill_reservation reservation;    /**< on SECKILL_OK, and where the answer is about one; else id is zero and state 0 */
    const seckill_reservation_ref *ref; /**< while reserved, else NULL: for seckill_token_issue; valid during the callback */
} seckill_result;

/** Gets the result of an operation, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_result_cb)(const seckill_result *result, void *user_data);

/** Gets the result of seckill_reserve. */
typedef seckill_result_cb seckill_reserve_cb;

/** An operation under way. It lives until its callback returns, or until it is detached. */
typedef struct seckill_op seckill_op;

/** Flags of requests. */
enum {
    /** This request id was never sent before: that nothing is left may be answered from memory, at most 200 ms old by the
     * loop's clock (see seckill_client_open), instead of from Redis. Never set it on a retry: its grant may stand. */
    SECKILL_FIRST_ATTEMPT = 1
};

/** What is asked for. Begin with SECKILL_RESERVE_OPTIONS_INIT. */
typedef struct {
    size_t struct_size; /**< SECKILL_RESERVE_OPTIONS_INIT sets it */
    seckill_bytes user; /**< 1 to SECKILL_USER_MAX bytes, copied */
    /** 1 to SECKILL_REQUEST_ID_MAX bytes, copied: the caller's idempotency key, kept before sending */
    seckill_bytes request_id;
    uint32_t quantity;   /**< 1 to 1,000,000; 0: one unit */
    uint32_t timeout_ms; /**< 1 to 3,600,000; 0: the client's default */
    uint32_t flags;      /**< SECKILL_FIRST_ATTEMPT */
    int64_t created_ms;  /**< when the user made the request, milliseconds since 1970; 0: now. Keep it over retries. */
} seckill_reserve_options;

/** No user, no request id; one unit. */
#define SECKILL_RESERVE_OPTIONS_INIT                                                                                           \
    { sizeof(seckill_reserve_options), {NULL, 0}, {NULL, 0}, 0, 0, 0, 0 }

/** Takes units for a user: available to reserved. Where the user's shard has too few, they are moved there from others.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: reserved (or, `replayed`, reserved or sold already under this request id)
 * - SECKILL_SOLD_OUT: at some instant since the call (or of the 200 ms before it) no shard had a unit, and none was on its way
 * - SECKILL_NOT_ENOUGH: the same for as many as were asked for: fewer were left in all
 * - SECKILL_LIMIT_REACHED: the user would hold more than settings.limit, or has SECKILL_USER_RECORDS_MAX sold and refunded
 *   records
 * - SECKILL_NOT_STARTED, SECKILL_PAUSED, SECKILL_ENDED: the sale is not on
 * - SECKILL_CANCELLED, SECKILL_EXPIRED, SECKILL_REFUNDED: this request id's reservation is over: use a new id to try again
 * - SECKILL_BLACKLISTED: the client follows the blacklist, the user is on it, and nothing was granted under this request id
 *   before
 * - SECKILL_CONFLICT: this request id was used with another quantity
 * - SECKILL_TOO_OLD: created longer ago than the item's window, or ahead of the server's clock by remember_ms - window_ms or
 *   more
 * - SECKILL_BUSY: with others that will end the user has SECKILL_USER_RECORDS_MAX records, or SECKILL_USER_UNSETTLED_MAX that
 *   are reserved or remembered
 *
 * `replayed` with SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_LIMIT_REACHED, SECKILL_ENDED or SECKILL_BLACKLISTED: this
 * request id was refused before, which is remembered (seckill_refuse, or by the queue's worker); the reservation is refused.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_reserve(seckill_item *item, const seckill_reserve_options *options,
                                                           seckill_op **op, seckill_reserve_cb cb, void *user_data);

/** Flags of confirmations. */
enum {
    /** The orders database has this order already. After a failover that lost the reservation or its confirmation this tells
     * Redis again: whatever limit, stock and time say the reservation is sold, without an event; where its units are gone
     * the shard owes them. Only for orders that are written: nothing is checked. */
    SECKILL_CONFIRM_ORDERED = 1
};

/** What is settled. Begin with SECKILL_CONFIRM_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;                 /**< SECKILL_CONFIRM_OPTIONS_INIT sets it */
    const seckill_reservation_ref *ref; /**< what the verified token says, copied; its activity and item must be the handle's */
    seckill_bytes order_ref;            /**< the shop's own words, 0 to SECKILL_ORDER_REF_MAX bytes, copied into the event */
    uint32_t timeout_ms;                /**< 1 to 3,600,000; 0: the client's default */
    uint32_t flags;                     /**< SECKILL_CONFIRM_ORDERED */
} seckill_confirm_options;

/** No token; no order reference. */
#define SECKILL_CONFIRM_OPTIONS_INIT                                                                                           \
    { sizeof(seckill_confirm_options), NULL, {NULL, 0}, 0, 0 }

/** Settles a reservation: reserved to sold, once, with an event for the orders side in the same atomic step. A reservation that
 * has expired, or that a failover lost (even if its request was refused since, unless as blacklisted), is taken again if the
 * token is still valid by the server's clock, the sale is on, and limit and stock allow; units are moved in from other shards
 * where its own has too few.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: sold (`replayed`: it was already; with another order_ref than now the first one stands)
 * - SECKILL_EXPIRED: for good
 * - SECKILL_CANCELLED, SECKILL_REFUNDED: it was given back
 * - SECKILL_BLACKLISTED: its request was refused so since a failover lost the reservation
 * - SECKILL_CONFLICT: the record says another quantity than the token
 * - SECKILL_PAUSED, SECKILL_NOT_STARTED: the hold is over, and nothing is taken again now
 * - SECKILL_BUSY: too many events wait (settings.max_events), or the record is lost and the user has SECKILL_USER_RECORDS_MAX
 *   others
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_confirm(seckill_item *item, const seckill_confirm_options *options,
                                                           seckill_op **op, seckill_result_cb cb, void *user_data);

/** What is given back. Begin with SECKILL_RELEASE_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;                                  /**< SECKILL_RELEASE_OPTIONS_INIT sets it */
    seckill_bytes user;                                  /**< 1 to SECKILL_USER_MAX bytes, copied */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /**< from the token, the reservation or the event */
    uint32_t timeout_ms;                                 /**< 1 to 3,600,000; 0: the client's default */
} seckill_release_options;

/** No user; no reservation. */
#define SECKILL_RELEASE_OPTIONS_INIT                                                                                           \
    { sizeof(seckill_release_options), {NULL, 0}, {0}, 0 }

/** Gives a reservation's units back before it is confirmed: reserved to available.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: cancelled (`replayed`: it was already)
 * - SECKILL_SOLD: it is confirmed: refund it instead
 * - SECKILL_EXPIRED: its units went back already
 * - SECKILL_REFUNDED: it was confirmed and given back
 * - SECKILL_BLACKLISTED: it never was granted
 * - SECKILL_NO_RESERVATION: no such record, or it was refused for another reason, which the reservation says
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_cancel(seckill_item *item, const seckill_release_options *options,
                                                          seckill_op **op, seckill_result_cb cb, void *user_data);

/** Gives the units of a confirmed reservation back: sold to available; the user's limit too; with an event for the orders side.
 * The record stays, as refunded. Its event needs room: a worker that refunds what the orders side refused acknowledges the
 * events that it has written first.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: refunded (`replayed`: it was already)
 * - SECKILL_CANCELLED, SECKILL_EXPIRED, SECKILL_BLACKLISTED: it was never confirmed
 * - SECKILL_CONFLICT: it is still reserved: cancel it
 * - SECKILL_NO_RESERVATION: as of seckill_cancel
 * - SECKILL_BUSY: too many events wait (settings.max_events)
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_refund(seckill_item *item, const seckill_release_options *options,
                                                          seckill_op **op, seckill_result_cb cb, void *user_data);

/** Whose reservations. Begin with SECKILL_LOOKUP_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;       /**< SECKILL_LOOKUP_OPTIONS_INIT sets it */
    seckill_bytes user;       /**< 1 to SECKILL_USER_MAX bytes, copied */
    seckill_bytes request_id; /**< size 0: all of the user's reservations of this item */
    uint32_t timeout_ms;      /**< 1 to 3,600,000; 0: the client's default */
} seckill_lookup_options;

/** No user; all reservations. */
#define SECKILL_LOOKUP_OPTIONS_INIT                                                                                            \
    { sizeof(seckill_lookup_options), {NULL, 0}, {NULL, 0}, 0 }

/** A user's reservations. */
typedef struct {
    seckill_status status;                   /**< SECKILL_OK: they were read */
    const char *message;                     /**< the cause, for a person; never NULL */
    int64_t server_time_ms;                  /**< the server's clock; 0: no server answered */
    const seckill_reservation *reservations; /**< oldest first; what is overdue is shown as expired */
    const seckill_reservation_ref *refs;     /**< beside each: what seckill_token_issue takes; zero unless reserved */
    size_t count;                            /**< 0 to SECKILL_USER_RECORDS_MAX */
} seckill_lookup_result;

/** Gets a user's reservations, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_lookup_cb)(const seckill_lookup_result *result, void *user_data);

/** Reads a user's reservations; changes nothing.
 *
 * @param item       an open handle
 * @param options    copied, with all that they point to; not NULL
 * @param op         gets the operation, for seckill_op_detach; may be NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: they were read, also if there are none
 * - SECKILL_NO_RESERVATION: with a request id: it has no record
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_lookup(seckill_item *item, const seckill_lookup_options *options,
                                                          seckill_op **op, seckill_lookup_cb cb, void *user_data);

/** The callback of this operation is not called any more, and `op` must not be used again. What was asked may still happen, now
 * or later, and counts as under way until then. On the client's thread; returns at once.
 *
 * @param op  one whose callback has not returned; NULL is allowed
 */
SECKILL_API void seckill_op_detach(seckill_op *op);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
