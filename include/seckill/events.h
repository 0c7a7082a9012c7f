/* SPDX-License-Identifier: MIT */
/** @defgroup events events.h: what the orders side must know
 *
 * Confirm and refund write an event in the same atomic step; it stays with its shard until it is acknowledged. Read, write the
 * orders in a transaction of your own, then acknowledge: an event may be read more than once, and is never lost.
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h.
 * @{
 */
#ifndef SECKILL_EVENTS_H
#define SECKILL_EVENTS_H

#include "reserve.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The place of an event in its shard. */
typedef struct {
    uint64_t epoch; /**< which life of the server; rises */
    uint64_t n;     /**< its number in that; dense */
} seckill_event_id;

/** What happened. */
typedef enum {
    SECKILL_EVENT_CONFIRMED = 1, /**< write the order, take its units from real inventory */
    SECKILL_EVENT_REFUNDED = 2   /**< mark the order refunded, give its units back to real inventory */
} seckill_event_kind;

/** What happened to a reservation. */
typedef struct {
    seckill_event_id id;                                 /**< its place */
    seckill_event_kind kind;                             /**< what happened */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /**< of which reservation */
    seckill_bytes user;                                  /**< whose it is; 1 to SECKILL_USER_MAX bytes */
    seckill_bytes order_ref;                             /**< as given to seckill_confirm; empty in a refund */
    uint32_t quantity;                                   /**< units */
    int64_t price;                                       /**< of one unit, minor units */
    int64_t at_ms;                                       /**< the server's clock */
    uint64_t spare[2];                                   /**< 0: room for fields of later releases */
} seckill_event;

/** The events of a shard that wait. */
typedef struct {
    seckill_status status;       /**< SECKILL_OK: they were read */
    const char *message;         /**< the cause, for a person; never NULL */
    uint32_t shard;              /**< which one was asked */
    const seckill_event *events; /**< oldest first; valid during the callback */
    size_t count;                /**< 0 to the `max` of the call */
    uint64_t waiting;            /**< events of this shard that wait, these included */
} seckill_events_result;

/** Gets the events of a shard, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_events_cb)(const seckill_events_result *result, void *user_data);

/** Reads the oldest events of a shard that wait; several readers may get the same. Changes nothing.
 *
 * @param item        an open handle
 * @param shard       0 to the item's shards - 1
 * @param max         how many at most, 1 to SECKILL_BATCH_MAX
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: they were read; there may be none
 * - SECKILL_INVALID: the item has no such shard
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_events_read(seckill_item *item, uint32_t shard, uint32_t max,
                                                               uint32_t timeout_ms, seckill_events_cb cb, void *user_data);

/** Which event is done. The id alone could name another one after a failover that lost writes. */
typedef struct {
    seckill_event_id id;                                 /**< its place */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE]; /**< what it tells of */
} seckill_event_ack;

/** Acknowledges events: removes those whose id and reservation both fit; others are left alone. Repeating is harmless. The
 * result's amount says how many were removed; fewer where an earlier sending removed some, and its answer was lost.
 *
 * @param item        an open handle
 * @param shard       0 to the item's shards - 1
 * @param acks        copied
 * @param count       of them, 1 to SECKILL_BATCH_MAX
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: they are removed, as far as they were there
 * - SECKILL_INVALID: the item has no such shard
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_events_ack(seckill_item *item, uint32_t shard, const seckill_event_ack *acks,
                                                              size_t count, uint32_t timeout_ms, seckill_item_cb cb,
                                                              void *user_data);

/** Writes the event of a settled reservation once more: confirmed if it is sold, refunded if it is refunded, with the time at
 * which it became so and without an order reference. For an orders side that has neither the order nor the event any more: see
 * reconcile.h. One that has it already must take it as a repetition.
 *
 * @param item       an open handle
 * @param options    copied; not NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: it waits
 * - SECKILL_NO_RESERVATION: no such record
 * - SECKILL_CONFLICT: it is neither sold nor refunded
 * - SECKILL_BUSY: too many events wait (settings.max_events)
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_event_repeat(seckill_item *item, const seckill_release_options *options,
                                                                seckill_item_cb cb, void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
