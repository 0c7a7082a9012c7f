/* An item as this client knows it: its mapping list, its shards, what waits for it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_ITEM_H
#define SK_ENGINE_ITEM_H

#include "engine/call.h"
#include "engine/pace.h"
#include "engine/supply.h"
#include "script/map_codec.h"
#include "shard/keys.h"
#include "shard/reservation_id.h"

typedef enum {
    SK__RESERVE,
    SK__CONFIRM,
    SK__CANCEL,
    SK__REFUND,
    SK__LOOKUP,
    SK__ENQUEUE,
    SK__POLL,
    SK__REFUSE,
    SK__OP_KINDS
} sk__op_kind;

/* Whether they are answered as tickets are, by a script of the queue. */
static inline bool sk__is_of_queue(sk__op_kind kind) {
    return kind == SK__ENQUEUE || kind == SK__POLL || kind == SK__REFUSE;
}

typedef struct sk__shard sk__shard;
typedef struct sk__waiter sk__waiter;

/* Someone's place in a line. In the item's, until its mapping list is known, `told` says how that went: SECKILL_OK, or `cause`
 * says why not; the waiter is out of the line by then. */
struct sk__waiter {
    sk__link link;
    void (*told)(sk__waiter *waiter, seckill_status status, const char *cause);
};

/* The ops of one kind that wait for one shard, first come first served. */
typedef struct {
    sk__heap_node ready; /* in its server's `ready` while it has ops; key: the sequence of its head */
    uint32_t node;       /* that server */
    sk__link ops;
    sk__shard *shard;
    sk__op_kind kind;
} sk__line;

struct sk__shard {
    seckill_item *item;
    uint32_t index, slot;
    char *keys[SK__SHARD_KEYS]; /* stock, users, expirations, transfers, queue, events; one allocation, begun by the first */
    sk__line lines[SK__OP_KINDS];
    sk__pace pace;   /* of its queue of requests */
    sk__proof proof; /* the last one that it was part of */
    sk__takes takes; /* units on their way to who is served here next */
};

struct seckill_item {
    sk__engine *engine;
    sk__link link;           /* in engine->items */
    uint32_t handles, users; /* freed when both are 0; users are ops, tasks and calls */
    uint32_t aside;          /* users that do not mind if the shards become others; so do those that wait */
    char activity[SECKILL_ID_MAX + 1], name[SECKILL_ID_MAX + 1];
    sk__packed_names names; /* both, for the ids of reservations */
    char map_key[SECKILL_SHARD_KEY_SIZE], list_key[SECKILL_SHARD_KEY_SIZE];
    uint32_t map_slot, list_slot;
    bool has_map;       /* the rest is valid */
    bool refresh;       /* a shard said that it is newer */
    sk__call *map_call; /* reading the mapping list, or NULL */
    seckill_item_settings settings;
    seckill_item_info info; /* shows them */
    char **tags;            /* what info.tags shows: one block of pointers and text */
    sk__shard *shards;      /* settings.shards of them */
    sk__supply *supply;     /* there as soon as the shards are */
    sk__link waiting;       /* until there is a map */
};

/* Finds or makes an item and takes a handle of it. SECKILL_INVALID, SECKILL_NO_MEMORY. */
seckill_status sk__item_open(sk__engine *engine, const char *activity, const char *name, seckill_item **item);
void sk__item_close(seckill_item *item);

/* A user keeps an item after its last handle is closed. */
void sk__item_use(seckill_item *item);
void sk__item_unuse(seckill_item *item);

/* Frees an item whatever uses it; only from sk__engine_free. */
void sk__item_free(seckill_item *item);

/* Waits until there is a mapping list, which begins to be read unless it is. False: out of memory. */
bool sk__item_wait(seckill_item *item, sk__waiter *waiter);

/* Takes over what a map script answered. SECKILL_NOT_DEFINED: nothing. SECKILL_NO_MEMORY, SECKILL_PROTOCOL, or SECKILL_DAMAGED
 * where the item was defined anew, if that is news or somebody still uses its former shards; `cause` says why. */
seckill_status sk__item_take_map(seckill_item *item, sk__reader *reply, const char **cause);

/* What the header of a shard's reply says about the age of our map. */
void sk__item_saw_version(seckill_item *item, uint64_t version);

/* Sends the settings to a shard that has older ones; `asker` waits for it, see sk__call_updated. False: out of memory. */
bool sk__shard_update(sk__shard *shard, sk__call *asker);

/* Adds what the script `define` takes: keys, and the settings as arguments. */
void sk__shard_encode_define(const sk__shard *shard, sk__command *command, bool with_text);

/* Begins a shard's command: script, six keys, what tells which item and settings we know. */
void sk__shard_encode(const sk__shard *shard, sk__command *command, sk__script_id script, bool with_text);

/* Adds what the serving scripts take: the proof and the takes of the shard. Returns how often the takes had changed; when the
 * call is answered that number says that they have been taken. */
uint32_t sk__shard_encode_supply(const sk__shard *shard, sk__command *command);
void sk__shard_took(sk__shard *shard, uint32_t changes);

#endif
