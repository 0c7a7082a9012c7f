/* Public calls on the blacklist, and on what may be used once. */
#include "engine/blacklist.h"
#include "client/client.h"
#include "engine/once.h"

#include <string.h>

enum { POLL_MS = 100, MINUTE_MS = 60000, DAY_MS = 86400000, ENTRIES = 4000000, ENTRIES_MAX = 67108864 };

static bool call_valid(const seckill_client *client, const void *subjects, size_t count, uint32_t timeout_ms,
                       bool has_callback) {
    return client != NULL && subjects != NULL && count >= 1 && count <= SECKILL_BLACKLIST_BATCH && has_callback &&
           sk__timeout_valid(timeout_ms);
}

seckill_status seckill_blacklist_add(seckill_client *client, const seckill_blacklist_entry *entries, size_t count,
                                     uint32_t timeout_ms, seckill_blacklist_cb cb, void *user_data) {
    if (!call_valid(client, entries, count, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__blacklist_add_start(client->engine, entries, count, timeout_ms, cb, user_data);
}

seckill_status seckill_blacklist_remove(seckill_client *client, const seckill_subject *subjects, size_t count,
                                        uint32_t timeout_ms, seckill_blacklist_cb cb, void *user_data) {
    if (!call_valid(client, subjects, count, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__blacklist_remove_start(client->engine, subjects, count, timeout_ms, cb, user_data);
}

seckill_status seckill_blacklist_check(seckill_client *client, const seckill_subject *subjects, size_t count,
                                       uint32_t timeout_ms, seckill_blacklist_check_cb cb, void *user_data) {
    if (!call_valid(client, subjects, count, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__blacklist_check_start(client->engine, subjects, count, timeout_ms, cb, user_data);
}

seckill_status seckill_blacklist_read(seckill_client *client, const seckill_blacklist_cursor *cursor, uint32_t max,
                                      uint32_t timeout_ms, seckill_blacklist_read_cb cb, void *user_data) {
    if (client == NULL || cursor == NULL || max < 1 || max > SECKILL_BATCH_MAX || cb == NULL || !sk__timeout_valid(timeout_ms))
        return SECKILL_INVALID;
    return sk__blacklist_read_start(client->engine, cursor, max, timeout_ms, cb, user_data);
}

seckill_status seckill_blacklist_follow(seckill_client *client, const seckill_blacklist_options *options) {
    seckill_blacklist_options given;

    if (client == NULL || !sk__options_copy(&given, sizeof(given), options) || given.poll_ms > MINUTE_MS ||
        given.max_entries > ENTRIES_MAX)
        return SECKILL_INVALID;
    return sk__blacklist_follow(client->engine, given.poll_ms != 0 ? given.poll_ms : POLL_MS,
                                given.max_entries != 0 ? given.max_entries : ENTRIES);
}

seckill_status seckill_blacklist_check_local(const seckill_client *client, const seckill_subject *subject, int64_t *until_ms) {
    sk__subject made;
    uint64_t ends;

    if (client == NULL || client->engine->blacklist == NULL || subject == NULL || !sk__subject_of(subject, &made))
        return SECKILL_INVALID;
    ends = sk__blacklist_find(client->engine->blacklist, &made);
    if (until_ms != NULL)
        *until_ms = ends == SK__FOREVER ? 0 : (int64_t)ends;
    return ends != 0 ? SECKILL_BLACKLISTED : SECKILL_OK;
}

seckill_status seckill_blacklist_get_state(const seckill_client *client, seckill_blacklist_state *state) {
    seckill_blacklist_state all;

    if (client == NULL)
        return SECKILL_INVALID;
    memset(&all, 0, sizeof(all));
    sk__blacklist_look(client->engine->blacklist, &all);
    return sk__struct_fill(state, &all, sizeof(all));
}

seckill_status seckill_once(seckill_client *client, const seckill_once_options *options, seckill_once_cb cb, void *user_data) {
    seckill_once_options given;
    int64_t now;

    if (client == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options) ||
        !sk__bytes_valid(given.id, SECKILL_ONCE_MAX, false) || !sk__bytes_valid(given.holder, SECKILL_ONCE_MAX, false) ||
        !sk__timeout_valid(given.timeout_ms))
        return SECKILL_INVALID;
    now = client->engine->config.transport->wall_ms(client->engine->config.transport);
    if (given.until_ms < 1 || given.until_ms > now + DAY_MS)
        return SECKILL_INVALID;
    return sk__once_start(client->engine, &given, cb, user_data);
}
