/* Reservation ids of one item: what seckill_reservation_id makes, without packing the item's names and checking them each time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SHARD_RESERVATION_ID_H
#define SK_SHARD_RESERVATION_ID_H

#include <seckill/shard.h>

/* Activity and item, packed: what is hashed begins with it. */
typedef struct {
    uint8_t bytes[2 + 2 * SECKILL_ID_MAX];
    size_t size;
} sk__packed_names;

/* The names are valid. */
void sk__pack_names(const char *activity, const char *item, sk__packed_names *names);

/* User and request id are valid, and libsodium is initialised. */
void sk__reservation_id(const sk__packed_names *names, seckill_bytes user, seckill_bytes request_id,
                        uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

#endif
