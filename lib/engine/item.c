#include "engine/item.h"

#include "script/reading.h"

#include "base/names.h"

#include <seckill/shard.h>

#include <stdio.h>
#include <string.h>

/* ---- life ---- */

static seckill_item *find(const sk__engine *engine, const char *activity, const char *name) {
    for (sk__link *link = engine->items.next; link != &engine->items; link = link->next) {
        seckill_item *item = SK__CONTAINER(link, seckill_item, link);

        if (strcmp(item->activity, activity) == 0 && strcmp(item->name, name) == 0)
            return item;
    }
    return NULL;
}

static seckill_item *make(sk__engine *engine, const char *activity, const char *name) {
    seckill_item *item = sk__engine_alloc(engine, sizeof(*item));

    if (item == NULL)
        return NULL;
    item->engine = engine;
    (void)snprintf(item->activity, sizeof(item->activity), "%s", activity);
    (void)snprintf(item->name, sizeof(item->name), "%s", name);
    sk__map_key_write(engine->prefix, activity, name, item->map_key);
    sk__items_key_write(engine->prefix, activity, item->list_key);
    item->map_slot = seckill_slot(item->map_key, strlen(item->map_key));
    item->list_slot = seckill_slot(item->list_key, strlen(item->list_key));
    sk__pack_names(activity, name, &item->names);
    item->info.activity = item->activity;
    item->info.item = item->name;
    item->info.settings = &item->settings;
    sk__list_init(&item->waiting);
    sk__list_init(&item->link);
    sk__list_append(&engine->items, &item->link);
    return item;
}

seckill_status sk__item_open(sk__engine *engine, const char *activity, const char *name, seckill_item **item) {
    if (!sk__id_valid(activity) || !sk__id_valid(name))
        return SECKILL_INVALID;
    *item = find(engine, activity, name);
    if (*item == NULL)
        *item = make(engine, activity, name);
    if (*item == NULL)
        return SECKILL_NO_MEMORY;
    (*item)->handles++;
    return SECKILL_OK;
}

static void free_shards(sk__engine *engine, sk__shard *shards, uint32_t count) {
    if (shards == NULL)
        return;
    for (uint32_t i = 0; i < count; i++) {
        for (int kind = 0; kind < SK__OP_KINDS; kind++)
            sk__heap_remove(&engine->nodes[shards[i].lines[kind].node].ready, &shards[i].lines[kind].ready);
        sk__engine_release(engine, shards[i].keys[0]);
    }
    sk__engine_release(engine, shards);
}

static void drop_shards(seckill_item *item) {
    free_shards(item->engine, item->shards, item->settings.shards);
    sk__supply_free(item->supply);
    sk__engine_release(item->engine, item->tags);
    item->shards = NULL;
    item->supply = NULL;
    item->tags = NULL;
    item->info.tags = NULL;
}

void sk__item_free(seckill_item *item) {
    sk__engine *engine = item->engine;

    sk__list_remove(&item->link);
    drop_shards(item);
    sk__engine_release(engine, item);
}

static void free_if_unused(seckill_item *item) {
    if (item->handles == 0 && item->users == 0)
        sk__item_free(item);
}

void sk__item_close(seckill_item *item) {
    item->handles--;
    free_if_unused(item);
}

void sk__item_use(seckill_item *item) {
    item->users++;
}

void sk__item_unuse(seckill_item *item) {
    item->users--;
    free_if_unused(item);
}

/* ---- shards ---- */

static bool init_shard(seckill_item *item, sk__shard *shard, uint32_t index, const char *tag) {
    char *block = sk__engine_alloc(item->engine, SK__SHARD_KEYS_SIZE);

    shard->keys[0] = block;
    if (block == NULL || !sk__shard_keys_write(item->engine->prefix, item->activity, item->name, tag, block, shard->keys))
        return false;
    shard->item = item;
    shard->index = index;
    shard->slot = seckill_slot(shard->keys[0], strlen(shard->keys[0]));
    shard->proof.units = (uint64_t)SECKILL_AMOUNT_MAX; /* there is none: no request is for more */
    for (int kind = 0; kind < SK__OP_KINDS; kind++) {
        sk__list_init(&shard->lines[kind].ops);
        shard->lines[kind].shard = shard;
        shard->lines[kind].kind = (sk__op_kind)kind;
    }
    return true;
}

static sk__shard *make_shards(seckill_item *item, char *const *tags, uint32_t count) {
    sk__shard *shards = sk__engine_alloc(item->engine, count * sizeof(*shards));

    if (shards == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!init_shard(item, &shards[i], i, tags[i])) {
            free_shards(item->engine, shards, count);
            return NULL;
        }
    }
    return shards;
}

/* The tags as an array of strings, in one block. SECKILL_PROTOCOL: not `count` good ones. */
static seckill_status split_tags(sk__engine *engine, seckill_bytes joined, uint32_t count, char ***tags) {
    size_t table_size = count * sizeof(char *);
    char **table = sk__engine_alloc(engine, table_size + joined.size + 1);

    if (table == NULL)
        return SECKILL_NO_MEMORY;
    if (!sk__split_tags(joined, count, table, (char *)table + table_size)) {
        sk__engine_release(engine, table);
        return SECKILL_PROTOCOL;
    }
    *tags = table;
    return SECKILL_OK;
}

/* ---- the mapping list ---- */

static seckill_status install_shards(seckill_item *item, const sk__map *map) {
    char **tags = NULL;
    seckill_status status = split_tags(item->engine, map->tags, map->settings.shards, &tags);

    if (status != SECKILL_OK)
        return status;
    item->shards = make_shards(item, tags, map->settings.shards);
    if (item->shards == NULL) {
        sk__engine_release(item->engine, tags);
        return SECKILL_NO_MEMORY;
    }
    item->tags = tags;
    item->info.tags = (const char *const *)tags;
    memcpy(item->info.seed, map->seed, sizeof(map->seed));
    item->settings.shards = map->settings.shards;
    item->supply = sk__supply_new(item);
    if (item->supply != NULL)
        return SECKILL_OK;
    drop_shards(item);
    return SECKILL_NO_MEMORY;
}

static bool is_another(const seckill_item *item, const sk__map *map) {
    return map->settings.shards != item->settings.shards || memcmp(map->seed, item->info.seed, sizeof(map->seed)) != 0;
}

/* Whether somebody relies on the shards: is in line for one, waits for its answer, or counts on their number. */
static bool is_held(const seckill_item *item) {
    uint32_t others = item->aside;

    for (const sk__link *link = item->waiting.next; link != &item->waiting; link = link->next)
        others++;
    return item->users > others;
}

/* Defined anew, the item has other homes for its users, and keeps their limits there: who began with the former shards must not
 * go on with these. Who does not know yet that the former list is gone is told so once: it may have been lost, not purged. */
static seckill_status set_map(seckill_item *item, sk__reader *reply) {
    sk__map map;
    seckill_status status;

    if (!sk__read_map(reply, &map))
        return SECKILL_PROTOCOL;
    if (item->shards != NULL && is_another(item, &map)) {
        bool is_news = item->has_map;

        item->has_map = false;
        if (is_news || is_held(item))
            return SECKILL_DAMAGED;
        drop_shards(item);
    }
    if (item->shards == NULL) {
        status = install_shards(item, &map);
        if (status != SECKILL_OK)
            return status;
    }
    item->settings = map.settings;
    item->info.state = map.state;
    item->info.version = map.version;
    item->has_map = true;
    item->refresh = false;
    return SECKILL_OK;
}

seckill_status sk__item_take_map(seckill_item *item, sk__reader *reply, const char **cause) {
    seckill_status status = sk__reader_left(reply) != 0 ? set_map(item, reply) : SECKILL_NOT_DEFINED;

    *cause = status == SECKILL_DAMAGED ? "the item was defined anew: the next call finds it" : seckill_status_message(status);
    return status;
}

/* Tells everyone who waits for the map how it went. */
static void tell_waiting(seckill_item *item, seckill_status status, const char *cause) {
    sk__link line;

    sk__list_move(&item->waiting, &line);
    while (!sk__list_is_empty(&line)) {
        sk__waiter *waiter = SK__CONTAINER(line.next, sk__waiter, link);

        sk__list_remove(&waiter->link);
        waiter->told(waiter, status, cause);
    }
}

typedef struct {
    sk__call call;
    seckill_item *item;
} map_call;

static bool map_is_wanted(const sk__call *call) {
    const seckill_item *item = SK__CONTAINER(call, map_call, call)->item;

    return item->refresh || !sk__list_is_empty(&item->waiting);
}

static void encode_map_get(const seckill_item *item, sk__command *command, bool with_text) {
    sk__command_begin_key(command, SK__SCRIPT_map_get, with_text, item->map_key);
}

static void map_encode(sk__call *call, sk__command *command) {
    encode_map_get(SK__CONTAINER(call, map_call, call)->item, command, call->with_text);
}

static void map_end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    map_call *self = SK__CONTAINER(call, map_call, call);
    seckill_item *item = self->item;

    item->map_call = NULL;
    if (status == SECKILL_OK)
        status = sk__item_take_map(item, reply, &cause);
    item->refresh = false;
    item->aside--;
    sk__engine_release(item->engine, self);
    tell_waiting(item, status, cause);
    sk__item_unuse(item);
}

static const sk__call_kind map_kind = {map_is_wanted, map_encode, map_end, NULL, NULL};

/* Begins to read the mapping list, unless that is under way. False: out of memory. */
static bool load(seckill_item *item) {
    map_call *self;

    if (item->map_call != NULL)
        return true;
    self = sk__engine_alloc(item->engine, sizeof(*self));
    if (self == NULL)
        return false;
    self->item = item;
    item->map_call = &self->call;
    sk__item_use(item);
    item->aside++;
    sk__call_start(&self->call, item->engine, &map_kind, item->map_slot);
    self->call.changes_nothing = true;
    return true;
}

bool sk__item_wait(seckill_item *item, sk__waiter *waiter) {
    if (!load(item))
        return false;
    sk__list_append(&item->waiting, &waiter->link);
    return true;
}

void sk__item_saw_version(seckill_item *item, uint64_t version) {
    if (version <= item->info.version || item->engine->closing)
        return;
    item->refresh = true;
    (void)load(item); /* the next answer says the same again */
}

/* ---- bringing a shard up to date ---- */

void sk__shard_encode(const sk__shard *shard, sk__command *command, sk__script_id script, bool with_text) {
    const seckill_item_info *info = &shard->item->info;
    const sk__known_item known = {info->version, info->seed, shard->item->engine->config.lasting};

    sk__command_begin_shard(command, script, with_text, shard->keys, &known);
}

uint32_t sk__shard_encode_supply(const sk__shard *shard, sk__command *command) {
    sk__encode_supply(command, &shard->proof, &shard->takes);
    return shard->takes.changes;
}

void sk__shard_took(sk__shard *shard, uint32_t changes) {
    if (shard->takes.changes == changes)
        shard->takes.count = 0;
}

void sk__shard_encode_define(const sk__shard *shard, sk__command *command, bool with_text) {
    sk__shard_encode(shard, command, SK__SCRIPT_define, with_text);
    sk__command_add_number(command, shard->item->info.state);
    sk__command_add_settings(command, &shard->item->settings);
}

/* First the mapping list is read again: it may be newer than ours, or gone with everything else; then the shard gets it. */
typedef struct {
    sk__call call;
    sk__shard *shard;
    sk__call *asker;
    bool map_is_read;
} update_call;

static bool update_is_wanted(const sk__call *call) {
    const sk__call *asker = SK__CONTAINER(call, update_call, call)->asker;

    return asker->kind->is_wanted(asker);
}

static void update_encode(sk__call *call, sk__command *command) {
    update_call *self = SK__CONTAINER(call, update_call, call);

    if (self->map_is_read)
        sk__shard_encode_define(self->shard, command, call->with_text);
    else
        encode_map_get(self->shard->item, command, call->with_text);
}

static const sk__call_kind update_kind;

static void update_end(sk__call *call, seckill_status status, sk__reader *reply, const char *cause) {
    update_call *self = SK__CONTAINER(call, update_call, call);
    seckill_item *item = self->shard->item;
    sk__call *asker = self->asker;

    if (status == SECKILL_OK && !self->map_is_read) {
        status = sk__item_take_map(item, reply, &cause);
        if (status == SECKILL_NOT_DEFINED)
            item->has_map = false; /* the shard is gone, and so is the list: it was purged */
        if (status == SECKILL_OK) {
            self->map_is_read = true;
            sk__call_start(call, item->engine, &update_kind, self->shard->slot);
            return;
        }
    }
    if (status != SECKILL_OK && status != SECKILL_CLOSED)
        sk__log_line(item->engine->config.log, SECKILL_LOG_WARNING, "%s/%s: shard %u keeps older settings: %s", item->activity,
                     item->name, (unsigned)self->shard->index, cause);
    sk__engine_release(item->engine, self);
    sk__call_updated(asker, status, cause);
    sk__item_unuse(item);
}

static const sk__call_kind update_kind = {update_is_wanted, update_encode, update_end, NULL, NULL};

bool sk__shard_update(sk__shard *shard, sk__call *asker) {
    sk__engine *engine = shard->item->engine;
    update_call *self = sk__engine_alloc(engine, sizeof(*self));

    if (self == NULL) {
        asker->trouble = SECKILL_NO_MEMORY;
        return false;
    }
    self->shard = shard;
    self->asker = asker;
    sk__item_use(shard->item);
    sk__call_start(&self->call, engine, &update_kind, shard->item->map_slot);
    return true;
}
