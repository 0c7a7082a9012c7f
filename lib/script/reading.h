/* What the scripts take and say that only look: an item's mapping list and its shards' numbers, the items of an activity, the
 * blacklist. Both who has a client and who has none (client/view.h) read with these.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_SCRIPT_READING_H
#define SK_SCRIPT_READING_H

#include "base/subject.h"
#include "script/command.h"
#include "script/record.h"
#include "shard/keys.h"

#include <seckill/item.h>

/* ---- what goes out ---- */

/* What a client knows of an item when it asks a shard. */
typedef struct {
    uint64_t version; /* of the settings */
    const uint8_t *seed;
    bool lasting; /* the answer waits for the replicas */
} sk__known_item;

/* Begins the command of a script of a shard: its keys, which stay where they are, and what is known. */
void sk__command_begin_shard(sk__command *command, sk__script_id script, bool with_text, char *const keys[SK__SHARD_KEYS],
                             const sk__known_item *known);

/* The whole command of a script that has one key and nothing else: map_get, items_list. */
void sk__command_begin_key(sk__command *command, sk__script_id script, bool with_text, const char *key);

/* ---- the numbers of a shard ---- */

/* Reads what stands behind the header; the caller sees whether all was there. */
void sk__read_stock(sk__reader *reply, seckill_stock *stock);
void sk__stock_add(seckill_stock *total, const seckill_stock *shard);

/* ---- items ---- */

/* The next id of items_list, in the reply. False: there is none, or what is there is none; the reader's `failed` tells. */
bool sk__read_item(sk__reader *reply, seckill_bytes *item);

/* ---- the blacklist ---- */

enum { SK__BLACKLIST_PARTS = 16 };

/* The slot that all its keys are in. */
uint32_t sk__blacklist_slot(void);

/* Adds the key of this name, of a part of the list unless `part` is negative. */
void sk__blacklist_add_key(const char *prefix, const char *name, int part, sk__command *command);

/* Begins the command of a script that looks at subjects: all keys. */
void sk__blacklist_encode_keys(const char *prefix, sk__script_id script, bool with_text, sk__command *command);

void sk__write_subject(sk__writer *writer, const sk__subject *subject);

/* What is said of one subject; its reason stays in the reply. */
void sk__read_finding(sk__reader *reply, seckill_blacklist_finding *finding);

#endif
