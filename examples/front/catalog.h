/* seckill-front: the items and activities that a loop knows: their handles, and readings at most 200 ms old.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_CATALOG_H
#define FRONT_CATALOG_H

#include "admission.h"
#include "cache.h"
#include "foreseen.h"

typedef struct catalog catalog;

/* An item as it was read last; valid where base.status is SECKILL_OK, and the admission where it is counted. */
typedef struct {
    cached base;
    catalog *catalog;
    seckill_item *handle;
    seckill_item_settings settings;
    seckill_item_state state;
    uint64_t version;
    int64_t stock_left;
    admission admission;
    foreseen_units units;
    bool counted;            /* the last reading of the stock told at least one shard's counts, which admission goes by */
    int64_t server_time_ms;  /* when the stock was read, by the servers' clock ... */
    uint64_t server_read_ms; /* ... and by the loop's */
} catalog_item;

/* The names of an activity's items; shared by all who hold it. */
typedef struct {
    unsigned holders;
    size_t count;
    char names[][SECKILL_ID_MAX + 1];
} catalog_names;

typedef struct {
    cached base;
    catalog *catalog;
    catalog_names *names; /* NULL: there are none */
} catalog_activity;

/* `max` items and as many activities are remembered. NULL: out of memory. */
catalog *catalog_new(uv_loop_t *loop, seckill_client *client, uint32_t max);

/* After the client is closed, which has closed the handles. NULL is allowed. */
void catalog_free(catalog *all);

/* The handle of an item, valid until the next call of the catalog; what is under way on it goes on. NULL with a status: the
 * names are malformed (SECKILL_NOT_DEFINED: nothing can have such a name), or there is no room. */
seckill_item *catalog_handle(catalog *all, const char *activity, const char *item, seckill_status *status);

/* Redis gave an answer that only a defined item gives. */
void catalog_prove(catalog *all, const char *activity, const char *item);

/* Reads; `waiter->done` gets a catalog_item, now or later. A status other than SECKILL_OK: it is never called. */
seckill_status catalog_read_item(catalog *all, const char *activity, const char *item, cache_waiter *waiter);

/* As catalog_read_item, and the next reading begins before this one is too old. */
seckill_status catalog_read_item_ahead(catalog *all, const char *activity, const char *item, cache_waiter *waiter);

/* What is known of an item's queue; valid until the next call of the catalog. NULL: nothing. */
admission *catalog_find_admission(const catalog *all, const char *activity, const char *item);

/* As catalog_read_item, with a catalog_activity. */
seckill_status catalog_read_activity(catalog *all, const char *activity, cache_waiter *waiter);

/* The servers' clock now, as far as it can be told. */
int64_t catalog_server_time(const catalog_item *item);

/* For who keeps the names longer than the call that gave them. */
void catalog_names_hold(catalog_names *names);
void catalog_names_release(catalog_names *names);

#endif
