/* SPDX-License-Identifier: MIT */
/** @defgroup reservations reservations.h: all reservations of an item, to export or to search them
 *
 * For one user there is seckill_lookup. A header of its own: reserve.h is what a shopper's request needs, this is what an
 * operator needs.
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h.
 * @{
 */
#ifndef SECKILL_RESERVATIONS_H
#define SECKILL_RESERVATIONS_H

#include "item.h"
#include "reserve.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where a walk over the users of one shard is. Begin with SECKILL_RESERVATIONS_CURSOR_INIT; what is in it is the library's. It
 * needs no freeing, and may be kept for as long as the walk takes. */
typedef struct {
    uint64_t opaque[4]; /**< the library's */
} seckill_reservations_cursor;

/** At the beginning of a shard. */
#define SECKILL_RESERVATIONS_CURSOR_INIT                                                                                       \
    {                                                                                                                          \
        { 0, 0, 0, 0 }                                                                                                         \
    }

/** A reservation, and whose it is. */
typedef struct {
    seckill_bytes user; /**< any bytes */
    /** as it stands in its record: one that is overdue is reserved until somebody ends it, and its units count as reserved
     * until then; so what is read adds up to seckill_stock_get */
    seckill_reservation reservation;
    uint64_t spare[2]; /**< 0: room for fields of later releases */
} seckill_user_reservation;

/** A page of a shard's reservations. */
typedef struct {
    seckill_status status;            /**< SECKILL_OK: the page was read */
    const char *message;              /**< the cause, for a person; never NULL */
    uint32_t shard;                   /**< which one was asked */
    int64_t server_time_ms;           /**< reserved with an ends_ms before it: overdue */
    seckill_reservations_cursor next; /**< for the next page; where this one failed, the cursor that was given */
    uint8_t complete;                 /**< nonzero: there is no next page */
    /** nonzero: the server was restarted or another has taken over, and this is the first page of a new walk: what was read
     * before is read again, as far as it is still there */
    uint8_t restarted;
    uint32_t damaged;                             /**< users of this page whose records cannot be read: left out */
    const seckill_user_reservation *reservations; /**< those of one user stand together */
    size_t count;                                 /**< may be 0 before the walk is complete */
} seckill_reservations_result;

/** Gets a page of reservations, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_reservations_cb)(const seckill_reservations_result *result, void *user_data);

/** Reads a page of the reservations of one shard; changes nothing, and may be done while the sale goes on. A walk, from an
 * initial cursor until `complete`, reads each user at least once who is there all the time; some twice, and who comes or goes
 * meanwhile perhaps not: tell reservations apart by their ids. A page may have a few users more than `max`, and of a shard with
 * few users (512, unless the server's hash-max-listpack-entries says otherwise) all.
 *
 * @param item        an open handle
 * @param shard       0 to the item's shards - 1
 * @param cursor      copied; of an earlier result of this shard, or initial
 * @param max         how many users a page is to have, 1 to SECKILL_BATCH_MAX
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED.
 *     SECKILL_INVALID: also a cursor that is none
 *
 * The callback's status, besides those of every call:
 * - SECKILL_OK: the page was read
 * - SECKILL_INVALID: the item has no such shard
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_reservations_read(seckill_item *item, uint32_t shard,
                                                                     const seckill_reservations_cursor *cursor, uint32_t max,
                                                                     uint32_t timeout_ms, seckill_reservations_cb cb,
                                                                     void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
