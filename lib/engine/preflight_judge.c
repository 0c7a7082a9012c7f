/* What is found, check by check, and what to do about it: the order of the checks, what could not be seen, shards and item. */
#include "engine/preflight_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYOUT = SECKILL_KEY_LAYOUT };

static const char *const names[] = {
#define NAME(name, text) text,
    SECKILL_CHECK_MAP(NAME)
#undef NAME
};

enum { CHECKS = sizeof(names) / sizeof(names[0]), OF_SERVERS = 9, OF_SHARDS = 6, OF_ALL = 2 * CHECKS };

/* Checks of each server and of each shard make at most one finding for it; the others a few. */
size_t sk__findings_max(const sk__preflight *all) {
    size_t shards = all->info != NULL ? all->info->settings->shards : 0;

    return OF_SERVERS * (size_t)all->server_count + OF_SHARDS * shards + OF_ALL;
}

/* ---- noting ---- */

void sk__note(sk__findings *out, seckill_check check, seckill_level level, uint32_t shard, const char *server,
              const char *remedy, const char *format, ...) {
    va_list arguments;

    if (out->count == out->capacity)
        return;
    va_start(arguments, format);
    (void)vsnprintf(out->texts[out->count], sizeof(out->texts[0]), format, arguments);
    va_end(arguments);
    out->list[out->count] = (seckill_finding){.check = check,
                                              .name = names[check],
                                              .level = level,
                                              .shard = shard,
                                              .server = server,
                                              .found = out->texts[out->count],
                                              .remedy = level == SECKILL_LEVEL_OK ? "" : remedy};
    out->count++;
    if (level > out->worst)
        out->worst = level;
}

#define NOTE_SHARD(check, level, shard, ...)                                                                                   \
    sk__note(out, SECKILL_CHECK_##check, SECKILL_LEVEL_##level, shard, server_of(all, shard)->address, __VA_ARGS__)

static const sk__server *server_of(const sk__preflight *all, uint32_t shard) {
    return &all->servers[all->shards[shard].server];
}

static bool answered(const sk__preflight *all, uint32_t shard) {
    return all->shards[shard].status == SECKILL_OK;
}

/* ---- what could not be looked at ---- */

typedef struct {
    seckill_status status;
    seckill_check check;
    const char *remedy;
} obstacle;

static const obstacle obstacles[] = {
    {SECKILL_NOT_DEFINED, SECKILL_CHECK_ITEM, "define it, or name the prefix under which it is defined"},
    {SECKILL_DAMAGED, SECKILL_CHECK_ITEM,
     "restore the keys that are named from a backup, or remove the item and define it anew"},
    {SECKILL_LAYOUT, SECKILL_CHECK_LAYOUT, "use the release that wrote these keys, or remove the item and define it anew"},
    {SECKILL_DENIED, SECKILL_CHECK_ACL,
     "give the right login, and let the ACL allow on the keys of the prefix +@read +@write, and +@scripting +info +time +wait "
     "+asking +cluster|nodes +cluster|info"},
    {SECKILL_SERVER_ERROR, SECKILL_CHECK_VERSION,
     "see the server's log; before Redis 7.0 and Valkey 7.2 servers do not understand the scripts"},
};

static const obstacle *obstacle_of(seckill_status status) {
    static const obstacle other = {
        SECKILL_UNREACHABLE, SECKILL_CHECK_REACH,
        "see that the servers run, that this machine reaches them, and that the cluster is well; or allow more time"};

    for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
        if (obstacles[i].status == status)
            return &obstacles[i];
    }
    return &other;
}

static const char *cause_of(const sk__preflight *all, seckill_status status) {
    return status == all->status ? all->cause : seckill_status_message(status);
}

static void judge_obstacle(const sk__preflight *all, seckill_check check, sk__findings *out) {
    uint32_t failed = 0;

    for (uint32_t i = 0; i < sk__shards_of(all); i++) {
        seckill_status status = all->shards[i].status;

        failed += status != SECKILL_OK;
        if (status != SECKILL_OK && obstacle_of(status)->check == check)
            sk__note(out, check, SECKILL_LEVEL_FAILED, i, "", obstacle_of(status)->remedy, "the shard was not seen: %s",
                     cause_of(all, status));
    }
    if (failed == 0 && all->status != SECKILL_OK && obstacle_of(all->status)->check == check)
        sk__note(out, check, SECKILL_LEVEL_FAILED, SECKILL_NO_SHARD, "", obstacle_of(all->status)->remedy, "%s", all->cause);
}

static void judge_reach(const sk__preflight *all, sk__findings *out) {
    if (all->status == SECKILL_OK)
        SK__NOTE(out, REACH, OK, "", "", "all %" PRIu32 " shards answered, on %" PRIu32 " %s", sk__shards_of(all),
                 all->server_count, sk__servers_word(all->server_count));
}

static void judge_item(const sk__preflight *all, sk__findings *out) {
    const seckill_item_settings *settings = all->info->settings;

    SK__NOTE(out, ITEM, OK, "", "",
             "%" PRIu32 " shards, %" PRIu32 " for each user at %" PRId64 ", held for %" PRIu32 " + %" PRIu32 " s",
             settings->shards, settings->limit, settings->price, settings->hold_ms / 1000, settings->grace_ms / 1000);
}

/* ---- each shard ---- */

/* True: it is as it should be. */
typedef bool (*judge_shard)(const sk__preflight *all, uint32_t shard, sk__findings *out);

static bool judge_keys_of(const sk__preflight *all, uint32_t shard, sk__findings *out) {
    const sk__shard_facts *facts = &all->shards[shard];

    if (facts->wrong_keys[0] != '\0')
        NOTE_SHARD(
            KEYS, FAILED, shard,
            "restore these keys from a backup, or remove the item and define it anew: nothing else may write under the prefix",
            "%s", facts->wrong_keys);
    return facts->wrong_keys[0] == '\0';
}

static bool judge_layout_of(const sk__preflight *all, uint32_t shard, sk__findings *out) {
    const char *layout = all->shards[shard].layout;

    if (layout[0] == '\0' ? all->shards[shard].wrong_keys[0] != '\0' : strtol(layout, NULL, 10) == LAYOUT)
        return true;
    NOTE_SHARD(LAYOUT, FAILED, shard, obstacle_of(SECKILL_LAYOUT)->remedy, "the layout is %s, not %d",
               layout[0] != '\0' ? layout : "not said", LAYOUT);
    return false;
}

static bool judge_settings_of(const sk__preflight *all, uint32_t shard, sk__findings *out) {
    const sk__shard_facts *facts = &all->shards[shard];
    uint64_t version = all->info->version;

    if (facts->wrong_keys[0] != '\0')
        return true;
    if (!facts->is_ours)
        NOTE_SHARD(SETTINGS, FAILED, shard, "remove what is left of the earlier item of this name, then define it again",
                   "the shard is of another item of this name");
    else if (facts->settings < version)
        NOTE_SHARD(SETTINGS, WARNING, shard, "define the item again: a call that was broken off is finished by repeating it",
                   "version %" PRIu64 " of the settings, not %" PRIu64, facts->settings, version);
    return facts->is_ours && facts->settings >= version;
}

static bool judge_account(const sk__preflight *all, uint32_t shard, sk__findings *out) {
    int64_t excess = all->shards[shard].excess;

    if (excess != 0)
        NOTE_SHARD(STOCK, FAILED, shard, "reconcile the item", "the account does not hold: %" PRId64 " units are %s",
                   excess > 0 ? excess : -excess, excess > 0 ? "missing" : "too many");
    return excess == 0;
}

/* The users that a shard gets: those that are planned, or those that it has. */
static int64_t users_of(const sk__preflight *all, uint32_t shard) {
    int64_t planned = all->options.users / sk__shards_of(all), has = all->shards[shard].users;

    return planned > has ? planned : has;
}

/* Whether all are, and all were seen. */
static bool each_shard(const sk__preflight *all, judge_shard judge, sk__findings *out) {
    bool sound = all->server_count > 0;

    for (uint32_t i = 0; i < sk__shards_of(all); i++) {
        if (!answered(all, i) || !judge(all, i, out))
            sound = false;
    }
    return sound;
}

/* ---- the item as a whole ---- */

static void judge_keys(const sk__preflight *all, sk__findings *out) {
    if (each_shard(all, judge_keys_of, out))
        SK__NOTE(out, KEYS, OK, "", "", "every shard has its six keys");
}

static void judge_layouts(const sk__preflight *all, sk__findings *out) {
    if (each_shard(all, judge_layout_of, out))
        SK__NOTE(out, LAYOUT, OK, "", "", "layout %d", LAYOUT);
}

static void judge_settings(const sk__preflight *all, sk__findings *out) {
    if (each_shard(all, judge_settings_of, out))
        SK__NOTE(out, SETTINGS, OK, "", "", "every shard has the settings");
}

static void judge_sale(const sk__preflight *all, sk__findings *out) {
    const seckill_item_settings *settings = all->info->settings;
    int64_t now = all->server_time_ms;

    if (now == 0)
        return;
    if (all->info->state == SECKILL_ITEM_ENDED)
        SK__NOTE(out, SALE, FAILED, "", "an item that has ended stays so: define another one", "the item has ended for good");
    else if (settings->end_ms != 0 && settings->end_ms <= now)
        SK__NOTE(out, SALE, FAILED, "", "define the item again with a later end", "its end is past");
    else if (all->info->state == SECKILL_ITEM_PAUSED)
        SK__NOTE(out, SALE, WARNING, "", "resume the item before the start", "the item is paused");
    else if (settings->start_ms <= now)
        SK__NOTE(out, SALE, WARNING, "", "if that is not meant, define the item again with a later start",
                 "the item is on sale already");
    else
        SK__NOTE(out, SALE, OK, "", "", "it starts in %" PRId64 " seconds", (settings->start_ms - now + 999) / 1000);
}

static void judge_stock(const sk__preflight *all, sk__findings *out) {
    int64_t loaded = 0;

    if (!each_shard(all, judge_account, out))
        return;
    for (uint32_t i = 0; i < sk__shards_of(all); i++)
        loaded += answered(all, i) ? all->shards[i].loaded : 0;
    if (loaded > 0)
        SK__NOTE(out, STOCK, OK, "", "", "%" PRId64 " units are loaded, and the account holds", loaded);
    else
        SK__NOTE(out, STOCK, FAILED, "", "load the units that are to be sold", "no unit is loaded");
}

static void judge_users(const sk__preflight *all, sk__findings *out) {
    int64_t most = 0;

    if (all->server_count == 0)
        return;
    for (uint32_t i = 0; i < sk__shards_of(all); i++)
        most = users_of(all, i) > most ? users_of(all, i) : most;
    if (most > SECKILL_USERS_PER_SHARD)
        SK__NOTE(out, USERS, WARNING, "", "define the item with more shards: their number is fixed once it is defined",
                 "%" PRId64 " users on a shard, more than %d: moving its slot would stop its server for a second", most,
                 SECKILL_USERS_PER_SHARD);
    else
        SK__NOTE(out, USERS, OK, "", "", "up to %" PRId64 " users on a shard", most);
}

static void judge_warmth(const sk__preflight *all, sk__findings *out) {
    if (all->status != SECKILL_OK)
        return;
    if (all->scripts_lack != NULL)
        SK__NOTE(out, WARM, WARNING, "",
                 "let the ACL allow +script|load; or do nothing: the first request of each kind brings its script along",
                 "the scripts could not be loaded: %s", all->scripts_lack);
    else
        SK__NOTE(out, WARM, OK, "", "",
                 "%" PRIu32 " scripts are loaded on %" PRIu32 " %s, and this client is connected to each", all->scripts,
                 all->server_count, sk__servers_word(all->server_count));
}

/* ---- all of it ---- */

typedef void (*judge_whole)(const sk__preflight *all, sk__findings *out);

/* By check; NULL: there is only what servers say. */
static const judge_whole judges[CHECKS] = {
    [SECKILL_CHECK_REACH] = judge_reach,       [SECKILL_CHECK_ITEM] = judge_item,   [SECKILL_CHECK_CLOCK] = sk__judge_clocks,
    [SECKILL_CHECK_SPREAD] = sk__judge_spread, [SECKILL_CHECK_KEYS] = judge_keys,   [SECKILL_CHECK_LAYOUT] = judge_layouts,
    [SECKILL_CHECK_SETTINGS] = judge_settings, [SECKILL_CHECK_SALE] = judge_sale,   [SECKILL_CHECK_STOCK] = judge_stock,
    [SECKILL_CHECK_USERS] = judge_users,       [SECKILL_CHECK_WARM] = judge_warmth,
};

void sk__preflight_judge(const sk__preflight *all, sk__findings *out) {
    out->count = 0;
    out->worst = SECKILL_LEVEL_OK;
    for (int check = 0; check < CHECKS; check++) {
        judge_obstacle(all, (seckill_check)check, out);
        sk__judge_servers(all, (seckill_check)check, out);
        if (judges[check] != NULL && all->info != NULL)
            judges[check](all, out);
    }
}
