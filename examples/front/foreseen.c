/* seckill-front: what a first attempt can be told without asking Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#include "foreseen.h"

enum { NEAR_MS = 250 }; /* of a start or an end */

/* What a reading adds up to. What shards owe is nobody's, so that it takes nothing off what others have. */
static foreseen_units sum_up(const seckill_stock_result *result) {
    foreseen_units seen = {.is_whole = result->status == SECKILL_OK && result->count != 0, .shards = result->count};
    int64_t in = 0, out = 0;
    for (size_t i = 0; i < result->count; i++) {
        const seckill_stock *shard = &result->shards[i];
        seen.is_whole = seen.is_whole && !shard->overdue;
        seen.versions += shard->version;
        seen.epochs += shard->epoch;
        seen.units += shard->available > 0 ? (uint64_t)shard->available : 0;
        in += shard->transferred_in; /* at most SECKILL_AMOUNT_MAX of 1,024 shards: the sum fits */
        out += shard->transferred_out;
    }
    /* More taken than sent: a failover made a shard forget what it sent, and nobody has booked it yet. */
    seen.is_whole = seen.is_whole && out >= in;
    seen.units += out >= in ? (uint64_t)(out - in) : 0;
    return seen;
}

void foreseen_read(foreseen_units *known, const seckill_stock_result *result, uint64_t begun_ms) {
    foreseen_units seen = sum_up(result);
    seen.is_proven = seen.is_whole && known->is_whole && seen.shards == known->shards && seen.versions == known->versions &&
                     seen.epochs == known->epochs;
    seen.left = known->units;
    seen.proven_ms = begun_ms;
    *known = seen;
}

seckill_status foreseen_shortage(const foreseen_units *known, uint32_t quantity, uint64_t now_ms) {
    if (!known->is_proven || known->left >= quantity || now_ms - known->proven_ms >= FORESEEN_MEMORY_MS)
        return SECKILL_OK;
    return known->left == 0 ? SECKILL_SOLD_OUT : SECKILL_NOT_ENOUGH;
}

seckill_status foreseen_state(const seckill_item_settings *settings, seckill_item_state state, int64_t server_time_ms,
                              uint32_t *retry_after_ms) {
    int64_t wait = settings->start_ms - server_time_ms;
    *retry_after_ms = 0;
    if (state == SECKILL_ITEM_ENDED || (settings->end_ms != 0 && server_time_ms >= settings->end_ms + NEAR_MS))
        return SECKILL_ENDED;
    if (state == SECKILL_ITEM_PAUSED)
        return SECKILL_PAUSED;
    if (settings->start_ms == 0 || wait <= NEAR_MS)
        return SECKILL_OK;
    *retry_after_ms = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
    return SECKILL_NOT_STARTED;
}
