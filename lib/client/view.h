/* What the calls of view.h share: a command that is shown to the host, and an item as it was read so far.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_CLIENT_VIEW_H
#define SK_CLIENT_VIEW_H

#include "base/memory.h"
#include "engine/pace.h"
#include "script/map_codec.h"
#include "script/reading.h"

#include <seckill/view.h>

/* ---- commands ---- */

/* What a seckill_command stands at the head of. */
typedef struct {
    seckill_command shown;
    const seckill_allocator *allocator;
    sk__command written;
    char keys[SK__SHARD_KEYS_SIZE]; /* that `written` points to */
    char *wire;                     /* owned */
    size_t capacity;
} sk__writing;

seckill_status sk__writing_new(const seckill_allocator *allocator, seckill_command **command);

/* Empties it, to write another. NULL: no command, or flags that are none. */
sk__writing *sk__writing_begin(seckill_command *command, uint32_t flags);

/* Adds an argument that is copied. */
void sk__writing_add(sk__writing *writing, seckill_bytes bytes);

/* Shows what was written, for this slot, or for that of the key that `keys` begins with. SECKILL_NO_MEMORY: it has not fitted,
 * and nothing is shown. */
seckill_status sk__writing_show(sk__writing *writing, uint32_t slot);
seckill_status sk__writing_show_key(sk__writing *writing);

/* The prefix that is meant, or NULL: it is none. */
const char *sk__view_prefix(const char *prefix);

/* ---- views ---- */

typedef struct {
    seckill_stock stock; /* as it was read ... */
    uint32_t round;      /* ... in this round; 0: never */
    sk__pace pace;
} sk__view_shard;

/* What a whole round adds up to. */
typedef struct {
    bool is_quiet;     /* nothing is overdue, no more was taken than sent, and there is no more than an item can have */
    uint64_t versions; /* of all shards together, and their epochs: each only rises */
    uint64_t epochs;
    int64_t units; /* available, or on their way; of a round that is not quiet it says nothing */
} sk__view_sum;

struct seckill_view {
    const seckill_allocator *allocator;
    char prefix[SECKILL_PREFIX_MAX + 1], activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
    sk__map map;            /* valid where there are shards */
    sk__view_shard *shards; /* map.settings.shards of them; owned; NULL: nothing is known */
    char **tags;            /* one block of pointers and text; owned */
    bool is_stale;
    bool is_begun;     /* a round, since these shards are known */
    uint32_t round;    /* the number of the last one */
    uint32_t answered; /* shards in it */
    int64_t begun_ms;  /* the host's clock */
    int64_t server_ms; /* of the last shard that answered in it */
    bool has_sum;      /* the round before was whole */
    sk__view_sum sum;  /* what that one added up to */
    bool is_proven;    /* that at `proven_ms` there were no more than `left` */
    int64_t left, proven_ms;
};

seckill_status sk__view_new(const seckill_allocator *allocator, const char *prefix, const char *activity, const char *item,
                            seckill_view **view);

/* What every call asks first: SECKILL_INVALID where there is no view or its other arguments are not good, SECKILL_NOT_DEFINED
 * where no mapping list is known. */
static inline seckill_status sk__view_check(const seckill_view *view, bool are_good) {
    if (view == NULL || !are_good)
        return SECKILL_INVALID;
    return view->shards != NULL ? SECKILL_OK : SECKILL_NOT_DEFINED;
}

/* Begins the command of a script of a shard. */
seckill_status sk__view_write_shard(const seckill_view *view, uint32_t shard, sk__script_id script, uint32_t flags,
                                    sk__writing *writing);

/* Notes what a good reply of a shard says about the age of our mapping list. */
void sk__view_saw(seckill_view *view, const sk__shard_header *header);

#endif
