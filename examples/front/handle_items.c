/* seckill-front: GET /v1/activities/A and GET /v1/activities/A/items/I.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "pending.h"
#include "problem.h"

static const char *state_name(seckill_item_state state) {
    switch (state) {
    case SECKILL_ITEM_ACTIVE:
        return "active";
    case SECKILL_ITEM_PAUSED:
        return "paused";
    case SECKILL_ITEM_ENDED:
        return "ended";
    }
    return "ended";
}

static json_t *item_object(const catalog_item *item) {
    const seckill_item_settings *settings = &item->settings;
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "activity", seckill_item_activity(item->handle), "item",
                     seckill_item_name(item->handle), "state", state_name(item->state), "price", (json_int_t)settings->price,
                     "limit", (json_int_t)settings->limit, "start_at", (json_int_t)settings->start_ms, "end_at",
                     (json_int_t)settings->end_ms, "hold_ms", (json_int_t)settings->hold_ms, "version",
                     (json_int_t)item->version, "stock_left", (json_int_t)item->stock_left, "server_time",
                     (json_int_t)catalog_server_time(item));
}

static void on_item(cache_waiter *waiter, cached *entry) {
    pending *one = (pending *)(void *)waiter;
    front_loop *loop = one->loop;
    http_exchange *exchange = pending_end(one);
    if (entry->status == SECKILL_OK)
        answer_json(loop, exchange, 200, item_object((const catalog_item *)(const void *)entry));
    else
        answer_status(loop, exchange, entry->status, NULL, 0);
}

void handle_item(const front_call *call) {
    pending *one = pending_new(sizeof *one, call->loop, call->exchange, call->activity, call->item);
    if (one == NULL)
        return;
    one->waiter.done = on_item;
    seckill_status status = catalog_read_item(call->loop->catalog, call->activity, call->item, &one->waiter);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}

static json_t *activity_object(const catalog_activity *activity) {
    json_t *items = json_array();
    for (size_t i = 0; i < activity->names->count; i++)
        if (json_array_append_new(items, json_string(activity->names->names[i])) != 0) {
            json_decref(items);
            return NULL;
        }
    return json_pack("{s:s,s:o}", "activity", activity->base.key, "items", items);
}

static void on_activity(cache_waiter *waiter, cached *entry) {
    pending *one = (pending *)(void *)waiter;
    front_loop *loop = one->loop;
    http_exchange *exchange = pending_end(one);
    if (entry->status == SECKILL_OK)
        answer_json(loop, exchange, 200, activity_object((const catalog_activity *)(const void *)entry));
    else
        answer_status(loop, exchange, entry->status, entry->status == SECKILL_NOT_DEFINED ? "the activity has no items" : NULL,
                      0);
}

void handle_activity(const front_call *call) {
    pending *one = pending_new(sizeof *one, call->loop, call->exchange, call->activity, call->item);
    if (one == NULL)
        return;
    one->waiter.done = on_activity;
    seckill_status status = catalog_read_activity(call->loop->catalog, call->activity, &one->waiter);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}
