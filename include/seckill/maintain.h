/* libseckill: what some process must do all the time so that nothing is stranded: a worker, or a timer in the shop's service.
 * Any number of processes may do it at once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_MAINTAIN_H
#define SECKILL_MAINTAIN_H

#include "item.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    seckill_status status; /* SECKILL_OK: no shard has anything overdue left */
    const char *message;
    int64_t reservations;   /* that expired now */
    int64_t units;          /* that came back */
    int64_t server_time_ms; /* of the last shard that answered */
    int64_t next_due_ms;    /* when the next thing ends, by the servers' clock, or when a shard's max_skew_ms is over
                               that holds it back; 0: nothing is to come */
    const seckill_shard_outcome *outcomes;
    size_t outcome_count;
} seckill_expire_result;

typedef void (*seckill_expire_cb)(const seckill_expire_result *result, void *user_data);

/* Ends what is overdue on every shard of an item, in steps of at most SECKILL_BATCH_MAX users each: reservations whose hold is
 * over give their units back, and remembered request ids whose time is over are forgotten. What an earlier sending ended whose
 * answer was lost is not counted. Statuses as in item.h. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_expire(seckill_item *item, uint32_t timeout_ms, seckill_expire_cb cb,
                                                          void *user_data);

typedef struct {
    seckill_status status; /* SECKILL_OK: what was on its way has arrived */
    const char *message;
    int64_t transit; /* units on their way as they were seen last: of moves that went on meanwhile */
    int64_t owed;    /* units that shards gave and, by a failover that lost it, did not know of: they come out of the next ones
                        that are freed there */
} seckill_transfers_result;

typedef void (*seckill_transfers_cb)(const seckill_transfers_result *result, void *user_data);

/* Finishes what is half done between shards: units that were sent to a shard by a process that has died since are taken there,
 * and what a failover made a shard forget to have sent is booked. Requests that need units do the same by themselves; this is
 * for when nobody asks. Units are left to whoever moves them for a tenth of a second, so that it takes as long where there are
 * any. Statuses as in item.h. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_transfers_finish(seckill_item *item, uint32_t timeout_ms,
                                                                    seckill_transfers_cb cb, void *user_data);

#ifdef __cplusplus
}
#endif
#endif
