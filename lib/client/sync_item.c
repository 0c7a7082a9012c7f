/* Blocking calls on items and their stock. */
#include "client/sync.h"

/* What they are told: one of the calls, and what it takes. */
typedef struct {
    uint32_t timeout_ms;
    seckill_status (*plain)(seckill_item *item, uint32_t timeout_ms, seckill_item_cb cb, void *user_data);
    seckill_status (*stock)(seckill_item *item, const char *operation_id, int64_t amount, uint32_t timeout_ms,
                            seckill_item_cb cb, void *user_data);
    const char *operation_id;
    int64_t amount;
    const seckill_item_settings *settings;
} wish;

static void give_settings(const seckill_item_info *info, seckill_item_settings *out) {
    seckill_item_settings settings = *info->settings;

    (void)sk__struct_fill(out, &settings, sizeof(settings)); /* its size was looked at before */
}

static void on_item(const seckill_item_result *result, void *user_data) {
    sk__sync_ask *ask = user_data;
    seckill_sync_item_answer *answer = ask->whole;

    answer->has_info = result->info != NULL;
    if (result->info != NULL) {
        answer->state = result->info->state;
        answer->version = result->info->version;
        if (answer->settings != NULL)
            give_settings(result->info, answer->settings);
    }
    answer->amount = result->amount;
    sk__sync_ask_done(ask, result->status, result->message);
}

static seckill_status start(sk__sync_ask *ask) {
    const wish *wished = ask->options;
    seckill_item *item = ask->item->item;

    if (wished->plain != NULL)
        return wished->plain(item, wished->timeout_ms, on_item, ask);
    if (wished->stock != NULL)
        return wished->stock(item, wished->operation_id, wished->amount, wished->timeout_ms, on_item, ask);
    return seckill_item_define(item, wished->settings, wished->timeout_ms, on_item, ask);
}

static seckill_status ask_item(seckill_sync_item *item, const wish *wished, seckill_sync_item_answer *answer) {
    static const sk__sync_shape shape = SK__SYNC_SHAPE(seckill_sync_item_answer, status);
    seckill_sync_item_answer whole;
    sk__sync_ask ask = {&shape, item, start, wished, &whole, NULL};

    /* Nothing else is looked at where the size is impossible, and an older caller's may end before it. */
    if (answer != NULL && sk__struct_size_valid(answer->struct_size, sizeof(whole)) &&
        answer->struct_size >= offsetof(seckill_sync_item_answer, status) && answer->settings != NULL &&
        !sk__struct_size_valid(answer->settings->struct_size, sizeof(seckill_item_settings)))
        return SECKILL_INVALID;
    return sk__sync_ask_run(&ask, answer);
}

seckill_status seckill_sync_item_define(seckill_sync_item *item, const seckill_item_settings *settings, uint32_t timeout_ms,
                                        seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, NULL, NULL, NULL, 0, settings};

    return ask_item(item, &wished, answer);
}

seckill_status seckill_sync_item_get(seckill_sync_item *item, uint32_t timeout_ms, seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, seckill_item_get, NULL, NULL, 0, NULL};

    return ask_item(item, &wished, answer);
}

seckill_status seckill_sync_item_pause(seckill_sync_item *item, uint32_t timeout_ms, seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, seckill_item_pause, NULL, NULL, 0, NULL};

    return ask_item(item, &wished, answer);
}

seckill_status seckill_sync_item_resume(seckill_sync_item *item, uint32_t timeout_ms, seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, seckill_item_resume, NULL, NULL, 0, NULL};

    return ask_item(item, &wished, answer);
}

seckill_status seckill_sync_item_end(seckill_sync_item *item, uint32_t timeout_ms, seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, seckill_item_end, NULL, NULL, 0, NULL};

    return ask_item(item, &wished, answer);
}

seckill_status seckill_sync_stock_load(seckill_sync_item *item, const char *operation_id, int64_t amount, uint32_t timeout_ms,
                                       seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, NULL, seckill_stock_load, operation_id, amount, NULL};

    return ask_item(item, &wished, answer);
}

seckill_status seckill_sync_stock_withdraw(seckill_sync_item *item, const char *operation_id, int64_t amount,
                                           uint32_t timeout_ms, seckill_sync_item_answer *answer) {
    wish wished = {timeout_ms, NULL, seckill_stock_withdraw, operation_id, amount, NULL};

    return ask_item(item, &wished, answer);
}

/* ---- stock ---- */

static void on_stock(const seckill_stock_result *result, void *user_data) {
    sk__sync_ask *ask = user_data;
    seckill_sync_stock_answer *answer = ask->whole;

    answer->count = (uint32_t)result->count;
    answer->server_time_ms = result->server_time_ms;
    answer->total = result->total;
    for (uint32_t i = 0; answer->shards != NULL && i < answer->count && i < answer->capacity; i++) {
        answer->shards[i] = result->shards[i];
        answer->shards[i].node = NULL; /* it is gone after this callback */
    }
    sk__sync_ask_done(ask, result->status, result->message);
}

static seckill_status start_stock(sk__sync_ask *ask) {
    return seckill_stock_get(ask->item->item, *(const uint32_t *)ask->options, on_stock, ask);
}

seckill_status seckill_sync_stock_get(seckill_sync_item *item, uint32_t timeout_ms, seckill_sync_stock_answer *answer) {
    static const sk__sync_shape shape = SK__SYNC_SHAPE(seckill_sync_stock_answer, count);
    seckill_sync_stock_answer whole;
    sk__sync_ask ask = {&shape, item, start_stock, &timeout_ms, &whole, NULL};

    return sk__sync_ask_run(&ask, answer);
}
