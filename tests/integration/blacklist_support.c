/* See blacklist_support.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "blacklist_support.h"

#include <stdio.h>
#include <string.h>

seckill_subject subject(const char *kind, const char *value) {
    return (seckill_subject){kind, {value, strlen(value)}};
}

static void on_changed(const seckill_blacklist_result *result, void *user_data) {
    blacklist_answer *answer = user_data;
    answer->status = result->status;
    snprintf(answer->message, sizeof answer->message, "%s", result->message);
    answer->changed = result->changed;
    answer->entries = result->entries;
    answer->now_ms = result->server_time_ms;
    answer->done = true;
}

static blacklist_answer wait_for(sale *self, seckill_status started, blacklist_answer *answer) {
    if (started == SECKILL_OK)
        sale_run_until(self, &answer->done);
    else
        answer->status = started;
    return *answer;
}

blacklist_answer blacklist_add_many(sale *self, const seckill_blacklist_entry *entries, size_t count) {
    blacklist_answer answer = {0};
    return wait_for(self, seckill_blacklist_add(self->client, entries, count, 0, on_changed, &answer), &answer);
}

blacklist_answer blacklist_list(sale *self, const char *kind, const char *value, const char *reason, int64_t until_ms,
                                uint32_t flags) {
    seckill_blacklist_entry entry = {.subject = subject(kind, value), .until_ms = until_ms, .flags = flags};
    if (reason != NULL)
        entry.reason = (seckill_bytes){reason, strlen(reason)};
    return blacklist_add_many(self, &entry, 1);
}

blacklist_answer blacklist_unlist(sale *self, const char *kind, const char *value) {
    seckill_subject one = subject(kind, value);
    blacklist_answer answer = {0};
    return wait_for(self, seckill_blacklist_remove(self->client, &one, 1, 0, on_changed, &answer), &answer);
}

static void on_checked(const seckill_blacklist_check_result *result, void *user_data) {
    blacklist_found *found = user_data;
    found->status = result->status;
    if (result->count == 1) {
        const seckill_blacklist_finding *said = result->findings;
        found->is_listed = said->is_listed;
        found->until_ms = said->until_ms;
        found->since_ms = said->since_ms;
        snprintf(found->reason, sizeof found->reason, "%.*s", (int)said->reason.size, (const char *)said->reason.data);
    }
    found->done = true;
}

blacklist_found blacklist_ask(sale *self, const char *kind, const char *value) {
    seckill_subject one = subject(kind, value);
    blacklist_found found = {0};
    found.status = seckill_blacklist_check(self->client, &one, 1, 0, on_checked, &found);
    if (found.status == SECKILL_OK)
        sale_run_until(self, &found.done);
    return found;
}

void blacklist_list_users(sale *self, const char *stem, unsigned count) {
    for (unsigned first = 0; first < count; first += SECKILL_BLACKLIST_BATCH) {
        seckill_blacklist_entry entries[SECKILL_BLACKLIST_BATCH];
        char users[SECKILL_BLACKLIST_BATCH][40];
        unsigned size = 0;
        memset(entries, 0, sizeof entries);
        for (; size < SECKILL_BLACKLIST_BATCH && first + size < count; size++) {
            snprintf(users[size], sizeof users[size], "%s%u", stem, first + size);
            entries[size].subject = subject(SECKILL_KIND_USER, users[size]);
        }
        assert_int_equal(blacklist_add_many(self, entries, size).status, SECKILL_OK);
    }
}

/* ---- reading */

typedef struct {
    seckill_blacklist_cursor next;
    bool done, complete;
    size_t count;
    void (*each)(const seckill_blacklist_entry *entry, void *context);
    void *context;
} reading;

static void on_page(const seckill_blacklist_read_result *result, void *user_data) {
    reading *all = user_data;
    assert_int_equal(result->status, SECKILL_OK);
    for (size_t i = 0; i < result->count && all->each != NULL; i++)
        all->each(&result->entries[i], all->context);
    all->count += result->count;
    all->complete = result->complete;
    all->next = result->next;
    all->done = true;
}

size_t blacklist_read_all(sale *self, uint32_t max, void (*each)(const seckill_blacklist_entry *entry, void *context),
                          void *context) {
    reading all = {.each = each, .context = context};
    while (!all.complete) {
        all.done = false;
        assert_int_equal(seckill_blacklist_read(self->client, &all.next, max, 0, on_page, &all), SECKILL_OK);
        sale_run_until(self, &all.done);
    }
    return all.count;
}

/* ---- the copy */

int64_t blacklist_now(sale *self) {
    blacklist_answer answer = blacklist_unlist(self, "nobody", "nobody");
    assert_int_equal(answer.status, SECKILL_OK);
    return answer.now_ms;
}

seckill_blacklist_state blacklist_state(const sale *self) {
    seckill_blacklist_state state = {.struct_size = sizeof state};
    assert_int_equal(seckill_blacklist_get_state(self->client, &state), SECKILL_OK);
    return state;
}

/* The client's own timers wake the loop. */
static void run_until_loaded(sale *self) {
    uint64_t limit = uv_hrtime() + UINT64_C(20000000000);
    while (!blacklist_state(self).is_loaded) {
        assert_true(uv_hrtime() < limit);
        uv_run(&self->loop, UV_RUN_ONCE);
    }
}

void blacklist_follow(sale *self) {
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    options.poll_ms = 5;
    assert_int_equal(seckill_blacklist_follow(self->client, &options), SECKILL_OK);
    run_until_loaded(self);
}

seckill_status blacklist_local(const sale *self, const char *kind, const char *value) {
    seckill_subject one = subject(kind, value);
    return seckill_blacklist_check_local(self->client, &one, NULL);
}

void blacklist_await(sale *self, const char *kind, const char *value, seckill_status status) {
    uint64_t limit = uv_hrtime() + UINT64_C(10000000000);
    while (blacklist_local(self, kind, value) != status) {
        assert_true(uv_hrtime() < limit);
        uv_run(&self->loop, UV_RUN_ONCE);
    }
}

void blacklist_catch_up(sale *self) {
    uint64_t limit = uv_hrtime() + UINT64_C(20000000000);
    int64_t from = (int64_t)uv_now(&self->loop);
    while (!blacklist_state(self).is_loaded || (int64_t)uv_now(&self->loop) - blacklist_state(self).behind_ms <= from) {
        assert_true(uv_hrtime() < limit);
        uv_run(&self->loop, UV_RUN_ONCE);
    }
}
