/* SPDX-License-Identifier: MIT */
/** @defgroup shard shard.h: where things lie
 *
 * Pure functions: no I/O, no state, any thread.
 *
 * An item's stock is split over n shards. All keys of a shard share a hash tag, so that they lie in one slot of a Redis
 * Cluster; the tags are chosen so that shard k of n lies in the k-th n-th of the 16384 slots. Each user has one home shard.
 * @{
 */
#ifndef SECKILL_SHARD_H
#define SECKILL_SHARD_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Sizes. What is written needs no more. */
enum {
    SECKILL_SLOTS = 16384,       /**< slots of a Redis Cluster */
    SECKILL_SEED_SIZE = 16,      /**< bytes of an item's seed for the user -> shard hash */
    SECKILL_TAG_SIZE = 16,       /**< bytes of the longest tag with its NUL: "k" or "k.suffix" */
    SECKILL_SHARD_KEY_SIZE = 288 /**< bytes of the longest key of a shard with its NUL */
};

/** The slot of a key: CRC16 (XMODEM) of its hash tag, or of the whole key where it has none, modulo 16384. Source: the Redis
 * Cluster specification, "Key distribution model" and "Hash tags".
 *
 * @param key   any bytes; NULL only where `size` is 0
 * @param size  how many
 * @return 0 to SECKILL_SLOTS - 1
 */
SECKILL_API uint32_t seckill_slot(const void *key, size_t size);

/** Writes the tag of one shard of an item, a string of A-Za-z0-9._- with its NUL. The tag depends on nothing else, but clients
 * read it from the mapping list: it is fixed when the item is defined.
 *
 * @param activity  a NUL-terminated id
 * @param item      a NUL-terminated id
 * @param shard     0 to shards - 1
 * @param shards    1 to SECKILL_SHARDS_MAX
 * @param tag       gets it
 * @retval SECKILL_OK       it is written
 * @retval SECKILL_INVALID  an id is malformed, a number out of range, or an argument NULL
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_shard_tag(const char *activity, const char *item, uint32_t shard,
                                                             uint32_t shards, char tag[SECKILL_TAG_SIZE]);

/** Writes the name of a key of a shard, `PREFIX:{activity/item/tag}:name`, with its NUL.
 *
 * @param prefix    of all keys, NUL-terminated
 * @param activity  a NUL-terminated id
 * @param item      a NUL-terminated id
 * @param tag       of the shard, as seckill_shard_tag writes it or the mapping list says
 * @param name      "stock", "users", "expirations", "transfers", "queue" or "events"
 * @param key       gets it
 * @retval SECKILL_OK       it is written
 * @retval SECKILL_INVALID  an argument is malformed or NULL
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_shard_key(const char *prefix, const char *activity, const char *item,
                                                             const char *tag, const char *name,
                                                             char key[SECKILL_SHARD_KEY_SIZE]);

/** The home shard of a user: SipHash-2-4 of the user under the item's seed, its upper 32 bits multiplied by `shards` and
 * shifted right by 32. The same on every machine and in every release. Sources: Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF" (2012); Lemire, "Fast random integer generation in an interval" (2019) for the multiplication.
 *
 * @param user    1 to SECKILL_USER_MAX bytes (other sizes hash as well; the calls that take users refuse them)
 * @param seed    of the item, from its mapping list
 * @param shards  1 to SECKILL_SHARDS_MAX
 * @return 0 to shards - 1; 0 where `shards` is 0
 */
SECKILL_API uint32_t seckill_shard_of(seckill_bytes user, const uint8_t seed[SECKILL_SEED_SIZE], uint32_t shards);

/** The id of a reservation: BLAKE2b with 128 bits of output over activity, item, user and request id, each preceded by its size
 * in one byte. A request id therefore always names the same reservation, before and after a failover. Source: RFC 7693.
 *
 * @param activity    a NUL-terminated id
 * @param item        a NUL-terminated id
 * @param user        1 to SECKILL_USER_MAX bytes
 * @param request_id  1 to SECKILL_REQUEST_ID_MAX bytes
 * @param id          gets it
 * @retval SECKILL_OK         it is written
 * @retval SECKILL_INVALID    an argument is malformed or NULL
 * @retval SECKILL_NO_MEMORY  libsodium could not start
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_reservation_id(const char *activity, const char *item, seckill_bytes user,
                                                                  seckill_bytes request_id,
                                                                  uint8_t id[SECKILL_RESERVATION_ID_SIZE]);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
