/* item define, get, list, pause, resume, end, purge.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "ctl.h"
#include "model.h"
#include "show.h"

#include <string.h>
#include <unistd.h>

enum { WEEK_MS = 604800000 };

/* ---- define ---- */

typedef struct {
    ctl_run *ctl;
    seckill_item_settings settings;
    seckill_status status;
} item_definition;

static void on_stored(const seckill_item_result *result, void *user_data) {
    item_definition *definition = user_data;
    definition->status = result->status;
    if (result->status == SECKILL_OK) {
        definition->settings = *result->info->settings;
        definition->settings.struct_size = sizeof definition->settings;
    } else if (result->status != SECKILL_NOT_DEFINED) {
        ctl_answer(definition->ctl, result->status, result->message);
    }
    definition->ctl->done = 1;
}

/* Reads what the command line says into the settings: what it does not name stays as it is. */
static int read_settings(ctl_run *ctl, seckill_item_settings *settings) {
    int64_t shards = settings->shards, limit = settings->limit, events = settings->max_events, queue = settings->max_queue;
    if (ctl_value(ctl, "window") && !ctl_value(ctl, "remember")) {
        settings->remember_ms = 0; /* its default follows the window */
    }
    int fine = ctl_whole(ctl, "shards", 1, SECKILL_SHARDS_MAX, &shards) && ctl_whole(ctl, "limit", 1, 1000000, &limit) &&
               ctl_whole(ctl, "price", 0, SECKILL_AMOUNT_MAX, &settings->price) &&
               ctl_whole(ctl, "max-events", 1, 16777216, &events) && ctl_whole(ctl, "max-queue", 1, 16777216, &queue) &&
               ctl_time(ctl, "start", "none", &settings->start_ms) && ctl_time(ctl, "end", "none", &settings->end_ms) &&
               ctl_duration(ctl, "hold", WEEK_MS, &settings->hold_ms) &&
               ctl_duration(ctl, "grace", WEEK_MS, &settings->grace_ms) &&
               ctl_duration(ctl, "window", WEEK_MS, &settings->window_ms) &&
               ctl_duration(ctl, "remember", 2 * (int64_t)WEEK_MS, &settings->remember_ms) &&
               ctl_duration(ctl, "max-skew", 3600000, &settings->max_skew_ms);
    settings->shards = (uint32_t)shards;
    settings->limit = (uint32_t)limit;
    settings->max_events = (uint32_t)events;
    settings->max_queue = (uint32_t)queue;
    return fine;
}

static void define(ctl_run *ctl) {
    seckill_item_settings initial = SECKILL_ITEM_SETTINGS_INIT;
    item_definition definition = {ctl, initial, SECKILL_OK};
    if (!read_settings(ctl, &initial) || !ctl_open_item(ctl) ||
        !ctl_wait(ctl, seckill_item_get(ctl->item, 0, on_stored, &definition))) {
        return;
    }
    if (definition.status != SECKILL_OK && definition.status != SECKILL_NOT_DEFINED) {
        return;
    }
    if (read_settings(ctl, &definition.settings)) {
        ctl_wait(ctl, seckill_item_define(ctl->item, &definition.settings, 0, model_on_item, ctl));
    }
}

static const ctl_option define_options[] = {
    {"shards", "N", "parts of the stock, 1 to 1024, fixed for good by the first definition; default 8"},
    {"price", "AMOUNT", "of one unit in minor units (cents, fen); default 0"},
    {"limit", "N", "units that a user may hold; default 1"},
    {"start", "TIME", "requests before it are refused; \"none\": at once (default)"},
    {"end", "TIME", "requests from it on are refused; \"none\": never (default)"},
    {"hold", "DURATION", "how long a reservation waits for its payment; default 5m"},
    {"grace", "DURATION", "how long past the hold its token can still pay, if there are units; default 0"},
    {"window", "DURATION", "requests made longer ago are refused as too old; cannot change later; default 1m"},
    {"remember", "DURATION",
     "of request ids of what was cancelled or expired, and the longest wait in the queue; cannot change later; default: the "
     "window and 1m"},
    {"max-skew", "DURATION", "after a restart of Redis nothing expires for so long; default 0"},
    {"max-events", "N", "order events of a shard that may wait; default 1,000,000"},
    {"max-queue", "N", "requests that may wait in the queue of a shard; default 1,000,000"},
    {NULL, NULL, NULL},
};

/* ---- get, pause, resume, end ---- */

static void get(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_item_get(ctl->item, 0, model_on_item, ctl));
    }
}

static void pause_item(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_item_pause(ctl->item, 0, model_on_item, ctl));
    }
}

static void resume_item(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_item_resume(ctl->item, 0, model_on_item, ctl));
    }
}

static void end_item(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_item_end(ctl->item, 0, model_on_item, ctl));
    }
}

static void show_defined(json_t *out) {
    show_outcomes(out, "defined");
}

static void show_paused(json_t *out) {
    show_outcomes(out, "paused");
}

static void show_resumed(json_t *out) {
    show_outcomes(out, "resumed");
}

static void show_ended(json_t *out) {
    show_outcomes(out, "ended for good");
}

/* ---- list ---- */

static void list(ctl_run *ctl) {
    json_out_text(ctl->out, "activity", ctl->operands[0]);
    if (ctl_open_client(ctl)) {
        ctl_wait(ctl, seckill_item_list(ctl->client, ctl->operands[0], 0, model_on_list, ctl));
    }
}

static void show_list(json_t *out) {
    const json_t *items = json_object_get(out, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        puts(json_string_value(json_array_get(items, i)));
    }
}

/* ---- purge ---- */

/* Nobody purges by a slip of the fingers: a person types the name once more, a script says --yes. */
static int is_meant(ctl_run *ctl) {
    char line[2 * SECKILL_ID_MAX + 4] = "";
    if (ctl_value(ctl, "yes")) {
        return 1;
    }
    if (!isatty(STDIN_FILENO)) {
        ctl_usage_error(ctl, "this cannot be undone: add --yes");
        return 0;
    }
    fprintf(stderr, "What Redis knows of who bought %s will be gone. Type its name to purge it: ", ctl->operands[0]);
    if (!fgets(line, sizeof line, stdin)) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, ctl->operands[0]) == 0) {
        return 1;
    }
    ctl_usage_error(ctl, "that is another name: nothing was purged");
    return 0;
}

static void purge_item(ctl_run *ctl) {
    if (ctl_open_item(ctl) && is_meant(ctl)) {
        ctl_wait(ctl, seckill_item_purge(ctl->item, 0, model_on_item, ctl));
    }
}

/* A conflict says what is in the way, and where; the shards that had nothing in the way are as they were, too. */
static void show_purged(json_t *out) {
    if (strcmp(show_text(out, "status"), seckill_status_name(SECKILL_CONFLICT)) == 0) {
        puts("nothing was purged");
        return;
    }
    show_outcomes(out, "purged");
}

static const ctl_option purge_options[] = {
    {"yes", NULL, "do not ask"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_item_commands[] = {
    {"item define", "A/I", 1, "define an item, or change its settings",
     "A new item begins with the defaults below. Of one that is defined, what no option names stays as it is.\n"
     "Where some shards could not be reached the exit code is 3: repeat the command.\n"
     "Times: 2026-11-11T00:00:00+08:00 (with its zone), now, +10m. Durations: 300ms, 5s, 10m, 2h, 1h30m, 7d.",
     define_options, define, show_defined},
    {"item get", "A/I", 1, "its settings and state", NULL, NULL, get, NULL},
    {"item list", "A", 1, "the items of an activity", NULL, NULL, list, show_list},
    {"item pause", "A/I", 1, "no new reservations until it is resumed", "What is reserved can still be paid and cancelled.",
     NULL, pause_item, show_paused},
    {"item resume", "A/I", 1, "sell on", NULL, NULL, resume_item, show_resumed},
    {"item end", "A/I", 1, "end the sale for good", "Cannot be taken back. What is reserved can still be paid and cancelled.",
     NULL, end_item, show_ended},
    {"item purge", "A/I", 1, "after the sale: remove everything of it from Redis",
     "The sale must have ended, and nothing may be reserved, between the shards, or waiting: else exit code 1 says what is in "
     "the way.\n"
     "Orders stay in the orders database; reservations are gone: export them first (reservations export). Wait until hold and "
     "grace of\n"
     "the last reservation are over before an item of this name is defined anew: older tokens would be good for it. With the "
     "same\n"
     "orders database take another name: the worker would tell the new item of the old orders.\n"
     "After any failure repeat the command: it finishes what is left.",
     purge_options, purge_item, show_purged},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
