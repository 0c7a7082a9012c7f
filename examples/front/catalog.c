/* seckill-front: the items and activities that a loop knows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A shard that does not answer holds up its own users only: what the others say comes without it. A few shards are asked at a
 * time. */
enum { READ_TIMEOUT_MS = 250, READ_SHARD_MS = 2 };

static uint32_t read_timeout(const catalog_item *item) {
    return READ_TIMEOUT_MS + READ_SHARD_MS * item->settings.shards;
}

struct catalog {
    uv_loop_t *loop;
    seckill_client *client;
    cache *items, *activities;
    bool closing; /* the client has closed the handles */
};

/* ---- reading an item: its settings and its stock, at the same time */

static void on_info(const seckill_item_result *result, void *user_data) {
    catalog_item *item = user_data;
    if (result->status == SECKILL_OK && result->info != NULL) {
        item->settings = *result->info->settings;
        item->state = result->info->state;
        item->version = result->info->version;
    }
    cache_part_done(item->catalog->items, &item->base, result->status);
}

/* Some shard answered: those that did stand for all, so that one that is damaged does not open the queue. */
static bool counted(const seckill_stock_result *result) {
    for (size_t i = 0; i < result->count; i++)
        if (result->shards[i].status == SECKILL_OK)
            return true;
    return false;
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    catalog_item *item = user_data;
    item->counted = counted(result);
    foreseen_read(&item->units, result, item->admission.begun_ms);
    if (item->counted)
        admission_read(&item->admission, &result->total);
    if (result->status == SECKILL_OK) {
        item->stock_left = result->total.available;
        item->server_time_ms = result->server_time_ms;
        item->server_read_ms = uv_now(item->catalog->loop);
    }
    cache_part_done(item->catalog->items, &item->base, result->status);
}

static void started(cached *entry, seckill_status status) {
    if (status == SECKILL_OK)
        entry->pending++;
    else if (entry->failure == SECKILL_OK)
        entry->failure = status;
}

static void begin_item(cached *entry, void *owner) {
    catalog_item *item = (catalog_item *)(void *)entry;
    const catalog *all = owner;
    admission_begin(&item->admission, uv_now(all->loop));
    started(entry, seckill_item_get(item->handle, read_timeout(item), on_info, item));
    started(entry, seckill_stock_get(item->handle, read_timeout(item), on_stock, item));
}

static void drop_item(cached *entry, void *owner) {
    const catalog *all = owner;
    if (!all->closing)
        seckill_item_close(((catalog_item *)(void *)entry)->handle);
}

/* ---- reading an activity: the names of its items */

void catalog_names_hold(catalog_names *names) {
    names->holders++;
}

void catalog_names_release(catalog_names *names) {
    if (names != NULL && --names->holders == 0)
        free(names);
}

static catalog_names *copy_names(const seckill_list_result *result) {
    catalog_names *names = malloc(sizeof *names + result->count * sizeof names->names[0]);
    if (names == NULL)
        return NULL;
    names->holders = 1;
    names->count = result->count;
    for (size_t i = 0; i < result->count; i++)
        snprintf(names->names[i], sizeof names->names[i], "%s", result->items[i]);
    return names;
}

/* An activity is there because it has items: one without any is as good as not defined. */
static void on_list(const seckill_list_result *result, void *user_data) {
    catalog_activity *activity = user_data;
    seckill_status status = result->status;
    if (status == SECKILL_OK) {
        catalog_names_release(activity->names);
        activity->names = result->count != 0 ? copy_names(result) : NULL;
        if (activity->names == NULL)
            status = result->count != 0 ? SECKILL_NO_MEMORY : SECKILL_NOT_DEFINED;
    }
    cache_part_done(activity->catalog->activities, &activity->base, status);
}

static void begin_activity(cached *entry, void *owner) {
    const catalog *all = owner;
    started(entry, seckill_item_list(all->client, entry->key, 0, on_list, entry));
}

static void drop_activity(cached *entry, void *owner) {
    (void)owner;
    catalog_names_release(((catalog_activity *)(void *)entry)->names);
}

/* ---- the whole */

catalog *catalog_new(uv_loop_t *loop, seckill_client *client, uint32_t max) {
    catalog *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->loop = loop;
    all->client = client;
    all->items = cache_new(&(cache_kind){loop, sizeof(catalog_item), begin_item, drop_item, all}, max);
    all->activities = cache_new(&(cache_kind){loop, sizeof(catalog_activity), begin_activity, drop_activity, all}, max);
    if (all->items == NULL || all->activities == NULL) {
        catalog_free(all);
        return NULL;
    }
    return all;
}

void catalog_free(catalog *all) {
    if (all == NULL)
        return;
    all->closing = true;
    cache_free(all->items);
    cache_free(all->activities);
    free(all);
}

/* "activity/item". False: the names are longer than any that is good. */
static bool make_key(char key[CACHE_KEY_SIZE], const char *activity, const char *item) {
    size_t first = strlen(activity), second = strlen(item);
    if (first + second + 2 > CACHE_KEY_SIZE)
        return false;
    memcpy(key, activity, first);
    key[first] = '/';
    memcpy(key + first + 1, item, second + 1);
    return true;
}

/* The entry of an item, with its handle. */
static catalog_item *item_entry(catalog *all, const char *activity, const char *item, seckill_status *status) {
    char key[CACHE_KEY_SIZE];
    *status = SECKILL_NOT_DEFINED;
    if (!make_key(key, activity, item))
        return NULL;
    catalog_item *entry = (catalog_item *)(void *)cache_entry(all->items, key);
    *status = entry != NULL ? SECKILL_OK : SECKILL_BUSY;
    if (entry == NULL || entry->handle != NULL)
        return entry;
    entry->catalog = all;
    *status = seckill_item_open(all->client, activity, item, &entry->handle);
    if (*status == SECKILL_OK)
        return entry;
    entry->handle = NULL;
    if (*status == SECKILL_INVALID)
        *status = SECKILL_NOT_DEFINED;
    return NULL;
}

seckill_item *catalog_handle(catalog *all, const char *activity, const char *item, seckill_status *status) {
    catalog_item *entry = item_entry(all, activity, item, status);
    return entry != NULL ? entry->handle : NULL;
}

void catalog_prove(catalog *all, const char *activity, const char *item) {
    seckill_status status;
    catalog_item *entry = item_entry(all, activity, item, &status);
    if (entry != NULL)
        cache_prove(all->items, &entry->base);
}

seckill_status catalog_read_item(catalog *all, const char *activity, const char *item, cache_waiter *waiter) {
    seckill_status status;
    catalog_item *entry = item_entry(all, activity, item, &status);
    if (entry != NULL)
        cache_read(all->items, &entry->base, waiter);
    return status;
}

seckill_status catalog_read_item_ahead(catalog *all, const char *activity, const char *item, cache_waiter *waiter) {
    seckill_status status;
    catalog_item *entry = item_entry(all, activity, item, &status);
    if (entry == NULL)
        return status;
    cache_renew(all->items, &entry->base);
    cache_read(all->items, &entry->base, waiter);
    return SECKILL_OK;
}

admission *catalog_find_admission(const catalog *all, const char *activity, const char *item) {
    char key[CACHE_KEY_SIZE];
    catalog_item *entry = make_key(key, activity, item) ? (catalog_item *)(void *)cache_find(all->items, key) : NULL;
    return entry != NULL ? &entry->admission : NULL;
}

seckill_status catalog_read_activity(catalog *all, const char *activity, cache_waiter *waiter) {
    catalog_activity *entry = (catalog_activity *)(void *)cache_entry(all->activities, activity);
    if (entry == NULL)
        return SECKILL_BUSY;
    entry->catalog = all;
    cache_read(all->activities, &entry->base, waiter);
    return SECKILL_OK;
}

int64_t catalog_server_time(const catalog_item *item) {
    return item->server_time_ms + (int64_t)(uv_now(item->catalog->loop) - item->server_read_ms);
}
