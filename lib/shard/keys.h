/* The names of an item's keys: see lib/README.md, "Keys". What is given is valid, but for a shard's tag, which a server has
 * said.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SHARD_KEYS_H
#define SK_SHARD_KEYS_H

#include <seckill/shard.h>
#include <stdbool.h>

enum { SK__SHARD_KEYS = 6, SK__SHARD_KEYS_SIZE = SK__SHARD_KEYS * SECKILL_SHARD_KEY_SIZE };

/* Writes the names of all keys of a shard, in the order in which scripts take them, into a block of SK__SHARD_KEYS_SIZE bytes;
 * the first is where the block begins. False: no tag. */
bool sk__shard_keys_write(const char *prefix, const char *activity, const char *item, const char *tag, char *block,
                          char *keys[SK__SHARD_KEYS]);

/* Of the mapping list; of the items of an activity. */
void sk__map_key_write(const char *prefix, const char *activity, const char *item, char key[SECKILL_SHARD_KEY_SIZE]);
void sk__items_key_write(const char *prefix, const char *activity, char key[SECKILL_SHARD_KEY_SIZE]);

#endif
