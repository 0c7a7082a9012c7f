/* seckill-front: readings of Redis that are shared by all who want the same within 200 ms. One reading at most is under way for
 * each entry; who comes meanwhile waits for it. The number of entries is bounded: the one that was used longest ago makes room,
 * and entries of which nobody knows yet that they exist in Redis may fill a quarter only, so that asking for made-up names does
 * not push the real ones out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_CACHE_H
#define FRONT_CACHE_H

#include <seckill/seckill.h>
#include <stdbool.h>
#include <uv.h>

enum { CACHE_FRESH_MS = 200, CACHE_KEY_SIZE = 2 * SECKILL_ID_MAX + 2 };

typedef struct cached cached;
typedef struct cache cache;

/* Who waits for a reading. */
typedef struct cache_waiter {
    struct cache_waiter *next, *previous;
    cached *entry; /* NULL: waits for nothing */
    void (*done)(struct cache_waiter *waiter, cached *entry);
} cache_waiter;

/* What an entry begins with; the rest is its owner's. */
struct cached {
    cached *chain;              /* with the same hash */
    cached *newer, *older;      /* by use */
    cache_waiter waiters;       /* head of a ring */
    uint64_t read_ms, begun_ms; /* when the last reading began, when the one under way did; the loop's clock */
    unsigned pending;           /* parts of the reading that are under way */
    bool read;                  /* there was a reading */
    bool proven;                /* it exists in Redis */
    seckill_status status;      /* of the last reading */
    seckill_status failure;     /* of the reading under way: the first that is not ok */
    char key[CACHE_KEY_SIZE];
};

typedef struct {
    uv_loop_t *loop;   /* whose clock counts */
    size_t entry_size; /* of the owner's structure, which begins with `cached` and is zero at first */
    /* Begins a reading: starts its parts and counts each in `pending`; sets `failure` for one that cannot be started. */
    void (*begin)(cached *entry, void *owner);
    /* Frees what the owner has put in. */
    void (*drop)(cached *entry, void *owner);
    void *owner;
} cache_kind;

/* NULL: out of memory. */
cache *cache_new(const cache_kind *kind, uint32_t max);

/* Drops everything; nobody waits any more. NULL is allowed. */
void cache_free(cache *all);

/* Finds an entry or makes one. NULL: out of memory, or every entry that could make room is in use. */
cached *cache_entry(cache *all, const char *key);

/* Finds an entry, which does not count as using it. NULL: there is none. */
cached *cache_find(const cache *all, const char *key);

/* Calls `waiter->done` with a reading that is fresh, now or later. */
void cache_read(cache *all, cached *entry, cache_waiter *waiter);

/* Begins a reading, unless one is under way, once the last is half as old as it may be: who asks all the time never waits. */
void cache_renew(cache *all, cached *entry);

/* The waiter is not called any more. */
void cache_forget(cache_waiter *waiter);

/* A part of a reading is over. */
void cache_part_done(cache *all, cached *entry, seckill_status status);

/* Redis knows this entry. */
void cache_prove(cache *all, cached *entry);

#endif
