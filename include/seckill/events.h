/* libseckill: what the orders side must know. Confirm and refund write an event in the same atomic step; it stays with its
 * shard until it is acknowledged. Read, write the orders in a transaction of your own, then acknowledge: an event may be read
 * more than once, and is never lost.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EVENTS_H
#define SECKILL_EVENTS_H

#include "reserve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The place of an event in its shard: n is dense within an epoch. */
typedef struct {
    uint64_t epoch, n;
} seckill_event_id;

typedef enum {
    SECKILL_EVENT_CONFIRMED = 1, /* write the order, take its units from real inventory */
    SECKILL_EVENT_REFUNDED = 2   /* mark the order refunded, give its units back to real inventory */
} seckill_event_kind;

typedef struct {
    seckill_event_id id;
    seckill_event_kind kind;
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE];
    seckill_bytes user;
    seckill_bytes order_ref; /* as given to seckill_confirm; empty in a refund */
    uint32_t quantity;
    int64_t price; /* of one unit, minor units */
    int64_t at_ms; /* the server's clock */
} seckill_event;

typedef struct {
    seckill_status status;
    const char *message;
    uint32_t shard;
    const seckill_event *events; /* oldest first; valid during the callback */
    size_t count;
    uint64_t waiting; /* events of this shard that wait, these included */
} seckill_events_result;

typedef void (*seckill_events_cb)(const seckill_events_result *result, void *user_data);

/* Reads the oldest events of a shard that wait; several readers may get the same.
 *   shard   0 to the item's shards - 1; SECKILL_INVALID in the callback if it has fewer
 *   max     1 to SECKILL_BATCH_MAX
 * Statuses as in item.h. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_events_read(seckill_item *item, uint32_t shard, uint32_t max,
                                                               uint32_t timeout_ms, seckill_events_cb cb, void *user_data);

/* Which event is done. The id alone could name another one after a failover that lost writes. */
typedef struct {
    seckill_event_id id;
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE];
} seckill_event_ack;

/* Acknowledges events: removes those whose id and reservation both fit; others are left alone. Repeating is harmless.
 *   shard   0 to the item's shards - 1; SECKILL_INVALID in the callback if it has fewer
 *   acks    copied; count 1 to SECKILL_BATCH_MAX
 * The callback's result.amount: how many were removed; fewer where an earlier sending removed some, and its answer was lost.
 * Statuses as in item.h. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_events_ack(seckill_item *item, uint32_t shard, const seckill_event_ack *acks,
                                                              size_t count, uint32_t timeout_ms, seckill_item_cb cb,
                                                              void *user_data);

/* Writes the event of a settled reservation once more: confirmed if it is sold, refunded if it is refunded, with the time at
 * which it became so and without an order reference. For an orders side that has neither the order nor the event any more: see
 * reconcile.h. One that has it already must take it as a repetition.
 * The callback's status: SECKILL_OK. SECKILL_NO_RESERVATION: no such record. SECKILL_CONFLICT: it is neither sold nor refunded.
 * SECKILL_BUSY: too many events wait. Others as in item.h. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_event_repeat(seckill_item *item, const seckill_release_options *options,
                                                                seckill_item_cb cb, void *user_data);

#ifdef __cplusplus
}
#endif
#endif
