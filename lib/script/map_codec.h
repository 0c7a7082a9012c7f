/* The mapping list of an item, between its scripts and C.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_MAP_CODEC_H
#define SK_SCRIPT_MAP_CODEC_H

#include "script/command.h"

#include <seckill/item.h>

/* A mapping list as it was read. `tags` are joined by commas and lie in the reply. */
typedef struct {
    uint64_t version;
    seckill_item_state state;
    seckill_item_settings settings;
    uint8_t seed[SECKILL_SEED_SIZE];
    seckill_bytes tags;
} sk__map;

/* Reads the whole reply of a map script that was not empty. False: it is none. */
bool sk__read_map(sk__reader *reader, sk__map *map);

/* Copies the tags to `text`, of one byte more than they have, and points to each of them. False: not `count` good ones. */
bool sk__split_tags(seckill_bytes joined, uint32_t count, char **tags, char *text);

/* Adds price, limit, ... max_queue in the order of map.lua's NAMES, as decimal arguments. */
void sk__command_add_settings(sk__command *command, const seckill_item_settings *settings);

/* Fills in the defaults and checks the ranges that item.h documents. False: out of range. */
bool sk__settings_complete(seckill_item_settings *settings);

#endif
