/* libseckill: where things lie. Pure functions: no I/O, no state, any thread.
 *
 * An item's stock is split over n shards. All keys of a shard share a hash tag, so that they lie in one slot of a Redis
 * Cluster; the tags are chosen so that shard k of n lies in the k-th n-th of the 16384 slots. Each user has one home shard.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_SHARD_H
#define SECKILL_SHARD_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SECKILL_SLOTS = 16384,       /* slots of a Redis Cluster */
    SECKILL_SEED_SIZE = 16,      /* bytes of an item's seed for the user -> shard hash */
    SECKILL_TAG_SIZE = 16,       /* bytes of the longest tag with its NUL: "k" or "k.suffix" */
    SECKILL_SHARD_KEY_SIZE = 288 /* bytes of the longest key of a shard with its NUL */
};

/* The slot of a key, 0 to 16383: CRC16 (XMODEM) of its hash tag, or of the whole key where it has none, modulo 16384.
 * Source: the Redis Cluster specification, "Key distribution model" and "Hash tags". */
SECKILL_API uint32_t seckill_slot(const void *key, size_t size);

/* Writes the tag of one shard of an item, a string of A-Za-z0-9._- with its NUL.
 *   activity, item   NUL-terminated ids
 *   shard            0 to shards - 1
 *   shards           1 to SECKILL_SHARDS_MAX
 * The tag depends on nothing else, but clients read it from the mapping list: it is fixed when the item is defined.
 * SECKILL_INVALID: an id is malformed, or a number out of range. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_shard_tag(const char *activity, const char *item, uint32_t shard,
                                                             uint32_t shards, char tag[SECKILL_TAG_SIZE]);

/* Writes the name of a key of a shard, `PREFIX:{activity/item/tag}:name`, with its NUL.
 *   name   "stock", "users", "expirations", "transfers", "queue" or "events"
 * SECKILL_INVALID: an argument is malformed. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_shard_key(const char *prefix, const char *activity, const char *item,
                                                             const char *tag, const char *name,
                                                             char key[SECKILL_SHARD_KEY_SIZE]);

/* The home shard of a user, 0 to shards - 1: SipHash-2-4 of the user under the item's seed (from its mapping list), its upper
 * 32 bits multiplied by `shards` and shifted right by 32. The same on every machine and in every release.
 *   user     1 to SECKILL_USER_MAX bytes (other sizes hash as well; the calls that take users refuse them)
 *   shards   1 to SECKILL_SHARDS_MAX; 0 gives 0
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); Lemire, "Fast random integer generation in an
 * interval" (2019) for the multiplication. */
SECKILL_API uint32_t seckill_shard_of(seckill_bytes user, const uint8_t seed[SECKILL_SEED_SIZE], uint32_t shards);

/* The id of a reservation: BLAKE2b with 128 bits of output over activity, item, user and request id, each preceded by its size
 * in one byte. A request id therefore always names the same reservation, before and after a failover. Source: RFC 7693.
 *   activity, item     NUL-terminated ids
 * SECKILL_INVALID: an argument is malformed. SECKILL_NO_MEMORY: libsodium could not start. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_reservation_id(const char *activity, const char *item, seckill_bytes user,
                                                                  seckill_bytes request_id,
                                                                  uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
