/* seckill-front: requests wait in the queues of their shards, in Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#include "queue.h"

static void on_enqueued(const seckill_ticket_result *result, void *user_data) {
    queue_answer(user_data, result);
}

static void put(entrant *one) {
    pending *base = &one->base;
    seckill_reserve_options options = wish_options(&one->wish, &one->user);
    seckill_status status;
    seckill_item *item = catalog_handle(base->loop->catalog, base->activity, base->item, &status);
    if (item != NULL)
        status = seckill_enqueue(item, &options, &base->op, on_enqueued, one);
    if (status != SECKILL_OK)
        queue_fail(one, status, NULL, 0);
}

const queue_kind queue_redis = {.put = put};
