/* An item as a host knows it that asks Redis itself: its mapping list, and what every command of its shards begins with. */
#include "client/view.h"

#include "base/names.h"
#include "client/client.h"

#include <stdio.h>
#include <string.h>

/* ---- life ---- */

seckill_status sk__view_new(const seckill_allocator *allocator, const char *prefix, const char *activity, const char *item,
                            seckill_view **view) {
    seckill_view *made;

    prefix = sk__view_prefix(prefix);
    if (view == NULL || prefix == NULL || !sk__id_valid(activity) || !sk__id_valid(item))
        return SECKILL_INVALID;
    made = sk__calloc(allocator, 1, sizeof(*made));
    if (made == NULL)
        return SECKILL_NO_MEMORY;
    made->allocator = allocator;
    (void)snprintf(made->prefix, sizeof(made->prefix), "%s", prefix);
    (void)snprintf(made->activity, sizeof(made->activity), "%s", activity);
    (void)snprintf(made->item, sizeof(made->item), "%s", item);
    *view = made;
    return SECKILL_OK;
}

seckill_status seckill_view_new(const char *prefix, const char *activity, const char *item, seckill_view **view) {
    return sk__view_new(&sk__default_allocator, prefix, activity, item, view);
}

/* Also what was known of rounds; their number goes on, so that replies on their way count for none of what comes. */
static void forget(seckill_view *view) {
    sk__free(view->allocator, view->shards);
    sk__free(view->allocator, (void *)view->tags);
    view->shards = NULL;
    view->tags = NULL;
    view->is_stale = view->is_begun = view->has_sum = view->is_proven = false;
}

void seckill_view_free(seckill_view *view) {
    if (view == NULL)
        return;
    forget(view);
    sk__free(view->allocator, view);
}

/* ---- the mapping list ---- */

seckill_status seckill_view_ask_item(const seckill_view *view, uint32_t flags, seckill_command *command) {
    sk__writing *writing = sk__writing_begin(command, flags);

    if (view == NULL || writing == NULL)
        return SECKILL_INVALID;
    sk__map_key_write(view->prefix, view->activity, view->item, writing->keys);
    sk__command_begin_key(&writing->written, SK__SCRIPT_map_get, flags != 0, writing->keys);
    return sk__writing_show_key(writing);
}

/* Takes over the shards that a list names. Where there is no memory for them the former ones stay. */
static seckill_status install(seckill_view *view, const sk__map *map) {
    uint32_t count = map->settings.shards;
    size_t table = count * sizeof(char *);
    char **tags = sk__malloc(view->allocator, table + map->tags.size + 1);
    sk__view_shard *shards = sk__calloc(view->allocator, count, sizeof(*shards));
    seckill_status status = tags != NULL && shards != NULL ? SECKILL_OK : SECKILL_NO_MEMORY;

    if (status == SECKILL_OK && !sk__split_tags(map->tags, count, tags, (char *)tags + table))
        status = SECKILL_PROTOCOL;
    if (status != SECKILL_OK) {
        sk__free(view->allocator, (void *)tags);
        sk__free(view->allocator, shards);
        return status;
    }
    forget(view);
    view->shards = shards;
    view->tags = tags;
    return SECKILL_OK;
}

static bool is_another(const seckill_view *view, const sk__map *map) {
    return view->shards == NULL || map->settings.shards != view->map.settings.shards ||
           memcmp(map->seed, view->map.seed, sizeof(map->seed)) != 0;
}

seckill_status seckill_view_take_item(seckill_view *view, const char *reply, size_t size) {
    sk__reader reader = sk__reader_of(reply, size);
    seckill_status status = SECKILL_OK;
    sk__map map;

    if (view == NULL || reply == NULL)
        return SECKILL_INVALID;
    if (size == 0) {
        forget(view);
        return SECKILL_NOT_DEFINED;
    }
    if (!sk__read_map(&reader, &map))
        return SECKILL_PROTOCOL;
    if (is_another(view, &map))
        status = install(view, &map);
    if (status != SECKILL_OK)
        return status;
    view->map = map;
    view->map.tags.data = NULL; /* it was the reply's */
    view->is_stale = false;
    return SECKILL_OK;
}

int32_t seckill_view_is_stale(const seckill_view *view) {
    return view != NULL && view->is_stale;
}

/* As the scripts judge it. */
static seckill_status sale_at(const sk__map *map, int64_t now_ms) {
    if (map->state == SECKILL_ITEM_ENDED || (map->settings.end_ms != 0 && now_ms >= map->settings.end_ms))
        return SECKILL_ENDED;
    if (now_ms < map->settings.start_ms)
        return SECKILL_NOT_STARTED;
    return map->state == SECKILL_ITEM_PAUSED ? SECKILL_PAUSED : SECKILL_OK;
}

seckill_status seckill_view_get_sale(const seckill_view *view, int64_t now_ms, seckill_view_sale *sale) {
    seckill_status status = sk__view_check(view, sale != NULL);
    seckill_view_sale all;

    if (status != SECKILL_OK)
        return status;
    memset(&all, 0, sizeof(all));
    all.settings = &view->map.settings;
    all.seed = view->map.seed;
    all.tags = (const char *const *)view->tags;
    all.version = view->map.version;
    all.shards = view->map.settings.shards;
    all.state = (int32_t)view->map.state;
    all.sale = sale_at(&view->map, now_ms);
    if (all.sale == SECKILL_NOT_STARTED)
        all.wait_ms = view->map.settings.start_ms - now_ms;
    return sk__struct_fill(sale, &all, sizeof(all));
}

/* ---- shards ---- */

seckill_status sk__view_write_shard(const seckill_view *view, uint32_t shard, sk__script_id script, uint32_t flags,
                                    sk__writing *writing) {
    const sk__known_item known = {view->map.version, view->map.seed, false};
    char *keys[SK__SHARD_KEYS];

    if (!sk__shard_keys_write(view->prefix, view->activity, view->item, view->tags[shard], writing->keys, keys))
        return SECKILL_INVALID;
    sk__command_begin_shard(&writing->written, script, flags != 0, keys, &known);
    return SECKILL_OK;
}

void sk__view_saw(seckill_view *view, const sk__shard_header *header) {
    if (header->settings_version > view->map.version)
        view->is_stale = true;
}
