/* Public calls on items: they check what they are given, and start the engine's tasks. */
#include "client/client.h"

#include "base/names.h"
#include "engine/task.h"

static bool call_valid(const seckill_item *item, uint32_t timeout_ms, bool has_callback) {
    return item != NULL && has_callback && sk__timeout_valid(timeout_ms);
}

seckill_status seckill_item_open(seckill_client *client, const char *activity, const char *item, seckill_item **handle) {
    if (client == NULL || handle == NULL)
        return SECKILL_INVALID;
    return sk__item_open(client->engine, activity, item, handle);
}

void seckill_item_close(seckill_item *item) {
    if (item != NULL)
        sk__item_close(item);
}

const char *seckill_item_activity(const seckill_item *item) {
    return item->activity;
}

const char *seckill_item_name(const seckill_item *item) {
    return item->name;
}

seckill_status seckill_item_define(seckill_item *item, const seckill_item_settings *settings, uint32_t timeout_ms,
                                   seckill_item_cb cb, void *user_data) {
    seckill_item_settings given;

    if (!call_valid(item, timeout_ms, cb != NULL) || !sk__options_copy(&given, sizeof(given), settings))
        return SECKILL_INVALID;
    return sk__define_start(item, &given, timeout_ms, cb, user_data);
}

seckill_status seckill_item_get(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__get_start(item, timeout_ms, cb, user_data);
}

static seckill_status set_state(seckill_item *item, seckill_item_state state, uint32_t timeout_ms, seckill_item_cb cb,
                                void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__state_start(item, state, timeout_ms, cb, user_data);
}

seckill_status seckill_item_pause(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    return set_state(item, SECKILL_ITEM_PAUSED, timeout_ms, cb, user_data);
}

seckill_status seckill_item_resume(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    return set_state(item, SECKILL_ITEM_ACTIVE, timeout_ms, cb, user_data);
}

seckill_status seckill_item_end(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    return set_state(item, SECKILL_ITEM_ENDED, timeout_ms, cb, user_data);
}

seckill_status seckill_item_purge(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__purge_start(item, timeout_ms, cb, user_data);
}

seckill_status seckill_item_list(seckill_client *client, const char *activity, uint32_t timeout_ms, seckill_list_cb cb,
                                 void *user_data) {
    if (client == NULL || cb == NULL || !sk__id_valid(activity) || !sk__timeout_valid(timeout_ms))
        return SECKILL_INVALID;
    return sk__list_start(client->engine, activity, timeout_ms, cb, user_data);
}

static seckill_status change_stock(seckill_item *item, const char *operation_id, int64_t amount, int sign, uint32_t timeout_ms,
                                   seckill_item_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL) || !sk__id_valid(operation_id) || amount < 1 || amount > SECKILL_AMOUNT_MAX)
        return SECKILL_INVALID;
    return sk__load_start(item, operation_id, sign * amount, timeout_ms, cb, user_data);
}

seckill_status seckill_stock_load(seckill_item *item, const char *operation_id, int64_t amount, uint32_t timeout_ms,
                                  seckill_item_cb cb, void *user_data) {
    return change_stock(item, operation_id, amount, 1, timeout_ms, cb, user_data);
}

seckill_status seckill_stock_withdraw(seckill_item *item, const char *operation_id, int64_t amount, uint32_t timeout_ms,
                                      seckill_item_cb cb, void *user_data) {
    return change_stock(item, operation_id, amount, -1, timeout_ms, cb, user_data);
}

seckill_status seckill_stock_get(seckill_item *item, uint32_t timeout_ms, seckill_stock_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__stock_start(item, timeout_ms, cb, user_data);
}

seckill_status seckill_expire(seckill_item *item, uint32_t timeout_ms, seckill_expire_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__expire_start(item, timeout_ms, cb, user_data);
}

seckill_status seckill_transfers_finish(seckill_item *item, uint32_t timeout_ms, seckill_transfers_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    return sk__transfers_start(item, timeout_ms, cb, user_data);
}

static bool reconcile_flags_valid(uint32_t flags) {
    return flags == 0 || flags == SECKILL_RECONCILE_REPAIR || flags == (SECKILL_RECONCILE_REPAIR | SECKILL_RECONCILE_GIVE_BACK);
}

seckill_status seckill_reconcile(seckill_item *item, const seckill_reconcile_options *options, seckill_reconcile_cb cb,
                                 void *user_data) {
    seckill_reconcile_options all = SECKILL_RECONCILE_OPTIONS_INIT;

    if (item == NULL || cb == NULL || !sk__options_copy(&all, sizeof(all), options) || !sk__timeout_valid(all.timeout_ms) ||
        !reconcile_flags_valid(all.flags) || all.step > SECKILL_BATCH_MAX)
        return SECKILL_INVALID;
    return sk__reconcile_start(item, &all, cb, user_data);
}

seckill_status seckill_preflight(seckill_item *item, const seckill_preflight_options *options, seckill_preflight_cb cb,
                                 void *user_data) {
    static const seckill_preflight_options defaults = SECKILL_PREFLIGHT_OPTIONS_INIT;
    seckill_preflight_options given;

    if (item == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options != NULL ? options : &defaults) ||
        given.users < 0 || given.users > SECKILL_AMOUNT_MAX || given.replicas > SECKILL_REPLICAS_MAX ||
        given.max_skew_ms > 3600000 || !sk__timeout_valid(given.timeout_ms) || given.flags > SECKILL_PREFLIGHT_VOLATILE)
        return SECKILL_INVALID;
    return sk__preflight_start(item, &given, cb, user_data);
}

seckill_status seckill_reservations_read(seckill_item *item, uint32_t shard, const seckill_reservations_cursor *cursor,
                                         uint32_t max, uint32_t timeout_ms, seckill_reservations_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL) || shard >= SECKILL_SHARDS_MAX || cursor == NULL || max < 1 ||
        max > SECKILL_BATCH_MAX)
        return SECKILL_INVALID;
    return sk__reservations_start(item, shard, cursor, max, timeout_ms, cb, user_data);
}

seckill_status seckill_events_read(seckill_item *item, uint32_t shard, uint32_t max, uint32_t timeout_ms, seckill_events_cb cb,
                                   void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL) || shard >= SECKILL_SHARDS_MAX || max < 1 || max > SECKILL_BATCH_MAX)
        return SECKILL_INVALID;
    return sk__events_read_start(item, shard, max, timeout_ms, cb, user_data);
}

seckill_status seckill_event_repeat(seckill_item *item, const seckill_release_options *options, seckill_item_cb cb,
                                    void *user_data) {
    seckill_release_options given;

    if (item == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options) ||
        !sk__timeout_valid(given.timeout_ms) || !sk__bytes_valid(given.user, SECKILL_USER_MAX, false))
        return SECKILL_INVALID;
    return sk__event_repeat_start(item, given.user, given.reservation_id, given.timeout_ms, cb, user_data);
}

seckill_status seckill_events_ack(seckill_item *item, uint32_t shard, const seckill_event_ack *acks, size_t count,
                                  uint32_t timeout_ms, seckill_item_cb cb, void *user_data) {
    if (!call_valid(item, timeout_ms, cb != NULL) || shard >= SECKILL_SHARDS_MAX || acks == NULL || count < 1 ||
        count > SECKILL_BATCH_MAX)
        return SECKILL_INVALID;
    return sk__events_ack_start(item, shard, acks, count, timeout_ms, cb, user_data);
}
