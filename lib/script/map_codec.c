#include "script/map_codec.h"

#include "base/names.h"

#include <string.h>

enum { SETTINGS = 11, WEEK_MS = 604800000, HOUR_MS = 3600000, WAITING_MAX = 16777216 };

/* The one place that ties map.lua's NAMES to the public structure. */
static void settings_to_values(const seckill_item_settings *settings, int64_t values[SETTINGS]) {
    values[0] = settings->price;
    values[1] = settings->limit;
    values[2] = settings->start_ms;
    values[3] = settings->end_ms;
    values[4] = settings->hold_ms;
    values[5] = settings->grace_ms;
    values[6] = settings->window_ms;
    values[7] = settings->remember_ms;
    values[8] = settings->max_skew_ms;
    values[9] = settings->max_events;
    values[10] = settings->max_queue;
}

/* What does not fit its field would be cut to something else. */
static bool values_fit(const int64_t values[SETTINGS]) {
    static const bool is_wide[SETTINGS] = {true, false, true, true}; /* price, start, end */

    for (size_t i = 0; i < SETTINGS; i++) {
        if (values[i] < 0 || (!is_wide[i] && values[i] > UINT32_MAX))
            return false;
    }
    return true;
}

static void values_to_settings(const int64_t values[SETTINGS], seckill_item_settings *settings) {
    settings->price = values[0];
    settings->limit = (uint32_t)values[1];
    settings->start_ms = values[2];
    settings->end_ms = values[3];
    settings->hold_ms = (uint32_t)values[4];
    settings->grace_ms = (uint32_t)values[5];
    settings->window_ms = (uint32_t)values[6];
    settings->remember_ms = (uint32_t)values[7];
    settings->max_skew_ms = (uint32_t)values[8];
    settings->max_events = (uint32_t)values[9];
    settings->max_queue = (uint32_t)values[10];
}

bool sk__read_map(sk__reader *reader, sk__map *map) {
    int64_t values[SETTINGS];
    uint8_t state;

    memset(map, 0, sizeof(*map));
    map->version = sk__read_u64(reader);
    state = sk__read_u8(reader);
    map->settings.shards = sk__read_u32(reader);
    sk__read_into(reader, map->seed, sizeof(map->seed));
    for (size_t i = 0; i < SETTINGS; i++)
        values[i] = (int64_t)sk__read_u64(reader);
    map->tags = sk__read_bytes(reader, sk__reader_left(reader));
    if (!sk__reader_done(reader) || state > SECKILL_ITEM_ENDED || !values_fit(values))
        return false;
    map->state = (seckill_item_state)state;
    values_to_settings(values, &map->settings);
    return map->settings.shards != 0 && sk__settings_complete(&map->settings);
}

bool sk__split_tags(seckill_bytes joined, uint32_t count, char **tags, char *text) {
    uint32_t found = 0;

    if (joined.size != 0)
        memcpy(text, joined.data, joined.size);
    text[joined.size] = '\0';
    for (char *rest = text; rest != NULL && found < count; found++) {
        tags[found] = rest;
        rest = strchr(rest, ',');
        if (rest != NULL)
            *rest++ = '\0';
        if (!sk__tag_valid(tags[found]) || (found + 1 == count && rest != NULL))
            return false;
    }
    return found == count;
}

void sk__command_add_settings(sk__command *command, const seckill_item_settings *settings) {
    int64_t values[SETTINGS];

    settings_to_values(settings, values);
    for (size_t i = 0; i < SETTINGS; i++)
        sk__command_add_number(command, values[i]);
}

static void default_to(uint32_t *value, uint32_t otherwise) {
    if (*value == 0)
        *value = otherwise;
}

static bool times_are_in_range(const seckill_item_settings *settings) {
    return settings->hold_ms <= WEEK_MS && settings->grace_ms <= WEEK_MS && settings->window_ms >= 1 &&
           settings->window_ms <= WEEK_MS && settings->remember_ms <= 2 * WEEK_MS &&
           settings->remember_ms > settings->window_ms && settings->max_skew_ms <= HOUR_MS && settings->start_ms >= 0 &&
           settings->end_ms >= 0 && settings->start_ms < (INT64_C(1) << 47) && settings->end_ms < (INT64_C(1) << 47) &&
           (settings->end_ms == 0 || settings->end_ms > settings->start_ms);
}

bool sk__settings_complete(seckill_item_settings *settings) {
    default_to(&settings->limit, 1);
    default_to(&settings->hold_ms, 300000);
    /* Remembering half a minute must not need saying that the window is shorter, too. */
    default_to(&settings->window_ms,
               settings->remember_ms == 0 || settings->remember_ms > 60000 ? 60000 : settings->remember_ms / 2);
    default_to(&settings->max_events, 1000000);
    default_to(&settings->max_queue, 1000000);
    if (settings->window_ms <= WEEK_MS)
        default_to(&settings->remember_ms, settings->window_ms + 60000);
    return settings->shards <= SECKILL_SHARDS_MAX && settings->limit <= 1000000 && settings->price >= 0 &&
           settings->price <= SECKILL_AMOUNT_MAX && settings->max_events <= WAITING_MAX && settings->max_queue <= WAITING_MAX &&
           times_are_in_range(settings);
}
