/* seckill-front: readings of Redis that are shared.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

struct cache {
    cache_kind kind;
    size_t max, count, unproven;
    uint64_t seed;
    size_t mask;
    cached **table;
    cached ends; /* ends.older: used last; ends.newer: used first, unproven ones behind all others */
};

cache *cache_new(const cache_kind *kind, uint32_t max) {
    cache *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->kind = *kind;
    all->max = max;
    all->mask = 1;
    while (all->mask < max)
        all->mask *= 2;
    all->table = calloc(all->mask, sizeof *all->table);
    all->mask--;
    all->ends.newer = all->ends.older = &all->ends;
    if (all->table == NULL || uv_random(NULL, NULL, &all->seed, sizeof all->seed, 0, NULL) != 0) {
        cache_free(all);
        return NULL;
    }
    return all;
}

/* ---- finding */

static cached **chain_of(const cache *all, const char *key) {
    uint64_t hash = UINT64_C(14695981039346656037) ^ all->seed;
    for (const char *at = key; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return &all->table[(hash ^ hash >> 32) & all->mask];
}

cached *cache_find(const cache *all, const char *key) {
    cached *entry = *chain_of(all, key);
    while (entry != NULL && strcmp(entry->key, key) != 0)
        entry = entry->chain;
    return entry;
}

/* ---- the order of use */

static void unlink_use(cached *entry) {
    entry->newer->older = entry->older;
    entry->older->newer = entry->newer;
}

static void link_behind(cached *place, cached *entry) {
    entry->newer = place;
    entry->older = place->older;
    place->older->newer = entry;
    place->older = entry;
}

static void used(cache *all, cached *entry) {
    unlink_use(entry);
    link_behind(entry->proven ? &all->ends : all->ends.newer, entry);
}

void cache_prove(cache *all, cached *entry) {
    if (entry->proven)
        return;
    entry->proven = true;
    all->unproven--;
    used(all, entry);
}

static void disprove(cache *all, cached *entry) {
    if (!entry->proven)
        return;
    entry->proven = false;
    all->unproven++;
    used(all, entry);
}

/* ---- making room */

static bool idle(const cached *entry) {
    return entry->pending == 0 && entry->waiters.next == &entry->waiters;
}

/* Takes an entry out of everything. */
static void detach(cache *all, cached *entry) {
    cached **chain = chain_of(all, entry->key);
    while (*chain != entry)
        chain = &(*chain)->chain;
    *chain = entry->chain;
    unlink_use(entry);
    all->count--;
    all->unproven -= !entry->proven;
    all->kind.drop(entry, all->kind.owner);
}

void cache_free(cache *all) {
    if (all == NULL)
        return;
    for (cached *each = all->ends.newer, *next; each != &all->ends; each = next) {
        next = each->newer;
        detach(all, each);
        free(each);
    }
    free(all->table);
    free(all);
}

/* The entry that was used longest ago and is idle; where it is crowded, one that is not proven. NULL: all are in use. */
static cached *find_idle(const cache *all, bool crowded) {
    for (cached *each = all->ends.newer; each != &all->ends && !(crowded && each->proven); each = each->newer)
        if (idle(each))
            return each;
    return NULL;
}

/* Memory for one more that is not proven: new, or that of one which makes room. */
static cached *take_room(cache *all) {
    bool crowded = all->unproven >= all->max / 4;
    if (!crowded && all->count < all->max)
        return calloc(1, all->kind.entry_size);
    cached *old = find_idle(all, crowded);
    if (old != NULL) {
        detach(all, old);
        memset(old, 0, all->kind.entry_size);
    }
    return old;
}

cached *cache_entry(cache *all, const char *key) {
    size_t size = strlen(key) + 1;
    cached *entry = cache_find(all, key);
    if (entry != NULL) {
        used(all, entry);
        return entry;
    }
    if (size > CACHE_KEY_SIZE || (entry = take_room(all)) == NULL)
        return NULL;
    memcpy(entry->key, key, size);
    cached **chain = chain_of(all, key);
    entry->chain = *chain;
    *chain = entry;
    entry->waiters.next = entry->waiters.previous = &entry->waiters;
    link_behind(all->ends.newer, entry);
    all->count++;
    all->unproven++;
    return entry;
}

/* ---- reading */

void cache_forget(cache_waiter *waiter) {
    if (waiter->entry == NULL)
        return;
    waiter->next->previous = waiter->previous;
    waiter->previous->next = waiter->next;
    waiter->entry = NULL;
}

/* Those who answer may bring new waiters, which want the next reading if this one has gone stale: only those who wait now are
 * served, and each is taken off first, because it may be freed. */
static void serve(cached *entry) {
    const cache_waiter *last = entry->waiters.previous;
    while (entry->waiters.next != &entry->waiters) {
        cache_waiter *waiter = entry->waiters.next;
        bool over = waiter == last;
        cache_forget(waiter);
        waiter->done(waiter, entry);
        if (over)
            break;
    }
}

static void begin(cache *all, cached *entry) {
    entry->begun_ms = uv_now(all->kind.loop);
    entry->failure = SECKILL_OK;
    entry->pending = 1; /* this function's own, so that parts may be over before all are started */
    all->kind.begin(entry, all->kind.owner);
    cache_part_done(all, entry, SECKILL_OK);
}

static void finish(cache *all, cached *entry) {
    entry->read = true;
    entry->read_ms = entry->begun_ms;
    entry->status = entry->failure;
    if (entry->status == SECKILL_OK)
        cache_prove(all, entry);
    else if (entry->status == SECKILL_NOT_DEFINED)
        disprove(all, entry);
    entry->pending = 1; /* keeps it from being dropped */
    serve(entry);
    entry->pending = 0;
    if (entry->waiters.next != &entry->waiters)
        begin(all, entry);
}

void cache_part_done(cache *all, cached *entry, seckill_status status) {
    if (entry->failure == SECKILL_OK)
        entry->failure = status;
    if (--entry->pending == 0)
        finish(all, entry);
}

void cache_read(cache *all, cached *entry, cache_waiter *waiter) {
    if (entry->read && uv_now(all->kind.loop) - entry->read_ms < CACHE_FRESH_MS) {
        waiter->entry = NULL;
        waiter->done(waiter, entry);
        return;
    }
    waiter->entry = entry;
    waiter->next = &entry->waiters;
    waiter->previous = entry->waiters.previous;
    waiter->previous->next = waiter;
    entry->waiters.previous = waiter;
    if (entry->pending == 0)
        begin(all, entry);
}

void cache_renew(cache *all, cached *entry) {
    if (entry->pending == 0 && (!entry->read || uv_now(all->kind.loop) - entry->read_ms >= CACHE_FRESH_MS / 2))
        begin(all, entry);
}
