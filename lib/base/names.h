/* The names that may stand in a key, and the numbers that name a place.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_NAMES_H
#define SK_BASE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Whether `id` names an activity, an item or a stock operation: 1 to SECKILL_ID_MAX of A-Za-z0-9._- . NULL is none. Never
 * reads more than SECKILL_ID_MAX + 1 bytes, so that a fixed array without its NUL is refused and not overrun. */
bool sk__id_valid(const char *id);

/* Whether `prefix` can stand before every key: 1 to SECKILL_PREFIX_MAX of A-Za-z0-9._:- . No brace, so that the hash tag is
 * the first one. */
bool sk__prefix_valid(const char *prefix);

/* Whether `tag` can be a shard's tag: 1 to SECKILL_TAG_SIZE - 1 of A-Za-z0-9._- . */
bool sk__tag_valid(const char *tag);

/* Whether `name` can be the last part of a shard's key: 1 to SK__KEY_NAME_MAX of a-z. */
bool sk__key_name_valid(const char *name);

enum { SK__KEY_NAME_MAX = 32 };

/* Whether `number` can be an epoch or an n: 1 to SECKILL_AMOUNT_MAX. */
bool sk__number_valid(uint64_t number);

/* Whether they can be a place in the queue: an epoch and an n, or both 0, which is in a queue of the shop's own. */
bool sk__place_valid(uint64_t epoch, uint64_t n);

#endif
