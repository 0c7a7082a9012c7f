/* seckill-front: what a request for units meets first.
 *
 * SPDX-License-Identifier: MIT
 */
#include "entry.h"

#include "problem.h"

bool entry_refuse(pending *one, const catalog_item *item, const wish *wanted) {
    front_loop *loop = one->loop;
    uint32_t retry_after_ms = 0;
    if (wanted->retry || item->base.status != SECKILL_OK)
        return false;
    seckill_status status = foreseen_state(&item->settings, item->state, catalog_server_time(item), &retry_after_ms);
    if (status == SECKILL_OK)
        status = foreseen_shortage(&item->units, (uint32_t)wanted->quantity, uv_now(&loop->uv));
    if (status == SECKILL_OK)
        return false;
    metrics_refused(&loop->metrics, REFUSED_FORESEEN);
    answer_status(loop, pending_end(one), status, NULL, retry_after_ms);
    return true;
}
