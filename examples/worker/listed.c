/* See listed.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listed.h"

#include "log.h"
#include "worker.h"

#include <inttypes.h>

enum {
    OLD_MS = 5000,  /* so old a copy is worth a warning ... */
    FRESH_MS = 1000 /* ... and so fresh one the end of it */
};

static bool follows(const worker *w) {
    return (w->settings->roles & ROLE_DECIDE) && !w->settings->no_blacklist;
}

seckill_status listed_follow(worker *w) {
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    options.max_entries = w->settings->blacklist_entries;
    return follows(w) ? seckill_blacklist_follow(w->client, &options) : SECKILL_OK;
}

seckill_blacklist_state listed_state(const worker *w) {
    seckill_blacklist_state state = {.struct_size = sizeof state, .behind_ms = -1};
    if (w->client) {
        (void)seckill_blacklist_get_state(w->client, &state);
    }
    return state;
}

static void complain(worker *w, const seckill_blacklist_state *state) {
    listed_said *said = &w->listed;
    if (!said->behind && state->behind_ms >= OLD_MS) {
        log_line(SECKILL_LOG_WARNING, "the copy of the blacklist is %" PRId64 " s old; it is used on", state->behind_ms / 1000);
        said->behind = true;
    } else if (said->behind && state->behind_ms <= FRESH_MS) {
        log_line(SECKILL_LOG_WARNING, "the copy of the blacklist has caught up");
        said->behind = false;
    }
    if (!said->dropped && state->dropped > 0) {
        log_line(SECKILL_LOG_WARNING, "%" PRIu64 " entries of the blacklist have no room here: raise --blacklist-entries",
                 state->dropped);
    }
    said->dropped = state->dropped > 0;
}

bool listed_ready(worker *w) {
    if (!follows(w)) {
        return true;
    }
    seckill_blacklist_state state = listed_state(w);
    if (state.is_loaded) {
        complain(w, &state);
    } else if (!w->listed.waited) {
        log_line(SECKILL_LOG_INFO, "nothing is decided before the blacklist is loaded");
        w->listed.waited = true;
    }
    return state.is_loaded;
}

bool listed_has_user(const worker *w, seckill_bytes user) {
    seckill_subject subject = {SECKILL_KIND_USER, user};
    return w->client && seckill_blacklist_check_local(w->client, &subject, NULL) == SECKILL_BLACKLISTED;
}
