/* seckill-front: the blacklist.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listed.h"

#include "common/options.h"

#include <string.h>

enum { BANS_MAX = 64, COMPLAINT_MS = 1000 };

static const char reason[] = "too many requests";

bool listed_follow(front_loop *loop) {
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    options.max_entries = loop->front->settings->blacklist_entries;
    return loop->front->settings->no_blacklist || seckill_blacklist_follow(loop->client, &options) == SECKILL_OK;
}

static seckill_blacklist_state state_of(const front_loop *loop) {
    seckill_blacklist_state state = {.struct_size = sizeof state, .behind_ms = -1};
    if (seckill_blacklist_get_state(loop->client, &state) != SECKILL_OK)
        state.is_loaded = 0;
    return state;
}

bool listed_ready(front_loop *loop) {
    if (!loop->list_loaded)
        loop->list_loaded = loop->front->settings->no_blacklist || state_of(loop).is_loaded;
    return loop->list_loaded;
}

bool listed_has(const front_loop *loop, const char *kind, seckill_bytes value) {
    seckill_subject subject = {kind, value};
    return seckill_blacklist_check_local(loop->client, &subject, NULL) == SECKILL_BLACKLISTED;
}

void listed_count(front_loop *loop) {
    bool ready = listed_ready(loop);
    seckill_blacklist_state state = state_of(loop);
    metrics_copy_list(&loop->metrics, ready, state.entries, state.behind_ms);
}

/* ---- bans */

/* Once a second says it: while Redis does not answer, each of them fails. */
static void ban_failed(front_loop *loop, seckill_status status) {
    uint64_t now = uv_now(&loop->uv);
    metrics_banned(&loop->metrics, BAN_FAILED);
    if (loop->ban_complained_ms != 0 && now - loop->ban_complained_ms < COMPLAINT_MS)
        return;
    loop->ban_complained_ms = now;
    front_log(SECKILL_LOG_WARNING, "who keeps on could not be blacklisted: %s", seckill_status_message(status));
}

static void on_banned(const seckill_blacklist_result *result, void *user_data) {
    front_loop *loop = user_data;
    loop->bans_under_way--;
    if (result->status == SECKILL_OK)
        metrics_banned(&loop->metrics, BAN_DONE);
    else
        ban_failed(loop, result->status);
}

void listed_ban(front_loop *loop, const char *kind, seckill_bytes value) {
    seckill_blacklist_entry entry = {.subject = {kind, value}, .reason = {reason, sizeof reason - 1}};
    entry.until_ms = options_now_ms() + loop->front->settings->ban_for_ms;
    entry.flags = SECKILL_BLACKLIST_LENGTHEN;
    if (loop->bans_under_way >= BANS_MAX) {
        metrics_banned(&loop->metrics, BAN_SKIPPED);
        return;
    }
    seckill_status status = seckill_blacklist_add(loop->client, &entry, 1, 0, on_banned, loop);
    if (status == SECKILL_OK)
        loop->bans_under_way++;
    else
        ban_failed(loop, status);
}
