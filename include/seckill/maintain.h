/* SPDX-License-Identifier: MIT */
/** @defgroup maintain maintain.h: what some process must do all the time so that nothing is stranded
 *
 * A worker does it, or a timer in the shop's service; any number of processes at once.
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h.
 * @{
 */
#ifndef SECKILL_MAINTAIN_H
#define SECKILL_MAINTAIN_H

#include "item.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What ended, and when the next does. */
typedef struct {
    seckill_status status;  /**< SECKILL_OK: no shard has anything overdue left */
    const char *message;    /**< the cause, for a person; never NULL */
    int64_t reservations;   /**< that expired now */
    int64_t units;          /**< that came back */
    int64_t server_time_ms; /**< of the last shard that answered */
    /** when the next thing ends, by the servers' clock, or when a shard's max_skew_ms is over that holds it back; 0: nothing is
     * to come */
    int64_t next_due_ms;
    const seckill_shard_outcome *outcomes; /**< one for each shard */
    size_t outcome_count;                  /**< 0 if no shard was asked */
} seckill_expire_result;

/** Gets what ended, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_expire_cb)(const seckill_expire_result *result, void *user_data);

/** Ends what is overdue on every shard of an item, in steps of at most SECKILL_BATCH_MAX users each: reservations whose hold is
 * over give their units back, and remembered request ids whose time is over are forgotten. What an earlier sending ended whose
 * answer was lost is not counted.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status, besides those of every call: SECKILL_OK: nothing overdue is left. Where some shards failed it is that
 * of the first, and the others are done: their outcomes say so.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_expire(seckill_item *item, uint32_t timeout_ms, seckill_expire_cb cb,
                                                          void *user_data);

/** What is on its way between shards. */
typedef struct {
    seckill_status status; /**< SECKILL_OK: what was on its way has arrived */
    const char *message;   /**< the cause, for a person; never NULL */
    int64_t transit;       /**< units on their way as they were seen last: of moves that went on meanwhile */
    /** units that shards gave and, by a failover that lost it, did not know of: they come out of the next ones that are
     * freed there */
    int64_t owed;
} seckill_transfers_result;

/** Gets what is still on its way, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_transfers_cb)(const seckill_transfers_result *result, void *user_data);

/** Finishes what is half done between shards: units that were sent to a shard by a process that has died since are taken there,
 * and what a failover made a shard forget to have sent is booked. Requests that need units do the same by themselves; this is
 * for when nobody asks. Units are left to whoever moves them for a tenth of a second, so that it takes as long where there are
 * any.
 *
 * @param item        an open handle
 * @param timeout_ms  of the whole call, 1 to 3,600,000; 0: the client's default
 * @param cb          runs once with the result; not NULL
 * @param user_data   handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED
 *
 * The callback's status: as every call; SECKILL_OK: nothing is half done.
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_transfers_finish(seckill_item *item, uint32_t timeout_ms,
                                                                    seckill_transfers_cb cb, void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
