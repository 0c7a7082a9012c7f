/* seckill-front: what a first attempt can be told without asking Redis, from the item's last readings. Pure: time is an
 * argument.
 *
 * Paused, ended, not started: as the settings say that were read last, by the servers' clock; near its start and its end Redis
 * is asked, since clocks are only so exact.
 *
 * Sold out: proven by two readings of all shards, one after the other, as the library proves it for itself: where no shard's
 * version has changed, which rises whenever units come to a shard or are sent to it, each stood still, or lost units, from
 * before the second reading began. At that instant there were no more units than the first one saw. It is told for 200 ms.
 * Whoever waits in the queue then has come before.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_FORESEEN_H
#define FRONT_FORESEEN_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum { FORESEEN_MEMORY_MS = 200 };

/* What is known of an item's units; begins as zero. */
typedef struct {
    bool is_whole;     /* the last reading saw every shard, and nothing overdue */
    uint64_t versions; /* its shards' versions and epochs together: each only rises */
    uint64_t epochs;
    uint64_t units; /* available in it, or on their way */
    size_t shards;
    bool is_proven; /* that at `proven_ms` there were no more than `left` */
    uint64_t left, proven_ms;
} foreseen_units;

/* A reading has come that began at `begun_ms`. */
void foreseen_read(foreseen_units *known, const seckill_stock_result *result, uint64_t begun_ms);

/* SECKILL_SOLD_OUT or SECKILL_NOT_ENOUGH; SECKILL_OK: it is not known. */
seckill_status foreseen_shortage(const foreseen_units *known, uint32_t quantity, uint64_t now_ms);

/* SECKILL_PAUSED, SECKILL_ENDED, or SECKILL_NOT_STARTED with how long it takes; SECKILL_OK: the sale may be on. */
seckill_status foreseen_state(const seckill_item_settings *settings, seckill_item_state state, int64_t server_time_ms,
                              uint32_t *retry_after_ms);

#endif
