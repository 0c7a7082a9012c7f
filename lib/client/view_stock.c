/* The numbers of an item's shards, in rounds, and when they prove that nothing is left: as examples/front/foreseen.h says it of
 * who has a client. */
#include "client/view.h"

#include "client/client.h"

#include <string.h>

/* Of the round that was begun last. */
static bool is_whole(const seckill_view *view) {
    return view->is_begun && view->answered == view->map.settings.shards;
}

static bool has_answered(const seckill_view *view, uint32_t shard) {
    return view->is_begun && view->shards[shard].round == view->round;
}

/* A round that is given up says nothing, and what was proven before it is not renewed. */
seckill_status seckill_view_begin(seckill_view *view, int64_t now_ms) {
    seckill_status status = sk__view_check(view, true);

    if (status != SECKILL_OK)
        return status;
    if (!is_whole(view))
        view->has_sum = view->is_proven = false;
    view->is_begun = true;
    view->round++;
    view->round += view->round == 0;
    view->answered = 0;
    view->begun_ms = now_ms;
    view->server_ms = 0;
    return SECKILL_OK;
}

seckill_status seckill_view_ask_shard(const seckill_view *view, uint32_t shard, uint32_t flags, seckill_command *command) {
    sk__writing *writing = sk__writing_begin(command, flags);
    seckill_status status = sk__view_check(view, writing != NULL);

    if (status != SECKILL_OK)
        return status;
    if (shard >= view->map.settings.shards || !view->is_begun)
        return SECKILL_INVALID;
    status = sk__view_write_shard(view, shard, SK__SCRIPT_stock, flags, writing);
    if (status == SECKILL_OK)
        status = sk__writing_show_key(writing);
    if (status == SECKILL_OK)
        command->round = view->round;
    return status;
}

/* ---- what a round adds up to ---- */

/* What shards owe is nobody's, so that it takes nothing off what others have. More taken than sent: a failover made a shard
 * forget what it sent, and nobody has booked it yet. More than any item has: damage, of which nothing is believed. */
static sk__view_sum sum_up(const seckill_view *view) {
    sk__view_sum sum = {true, 0, 0, 0};
    int64_t moving = 0;

    for (uint32_t i = 0; i < view->map.settings.shards; i++) {
        const seckill_stock *shard = &view->shards[i].stock;

        sum.is_quiet = sum.is_quiet && !shard->overdue;
        sum.versions += shard->version;
        sum.epochs += shard->epoch;
        sum.units += shard->available > 0 ? shard->available : 0;
        moving += shard->transferred_out - shard->transferred_in;
    }
    sum.is_quiet = sum.is_quiet && moving >= 0 && moving <= SECKILL_AMOUNT_MAX && sum.units <= SECKILL_AMOUNT_MAX;
    if (sum.is_quiet)
        sum.units += moving;
    return sum;
}

/* Both rounds saw the same, so that what the first one saw is the most there was when the second began. */
static void conclude(seckill_view *view) {
    sk__view_sum seen = sum_up(view);

    view->is_proven = view->has_sum && seen.is_quiet && view->sum.is_quiet && seen.versions == view->sum.versions &&
                      seen.epochs == view->sum.epochs;
    view->left = view->sum.units;
    view->proven_ms = view->begun_ms;
    view->sum = seen;
    view->has_sum = true;
}

seckill_status seckill_view_take_shard(seckill_view *view, uint32_t shard, uint32_t round, const char *reply, size_t size) {
    sk__reader reader = sk__reader_of(reply, size);
    seckill_status status = sk__view_check(view, reply != NULL);
    sk__shard_header header;
    seckill_stock stock;

    if (status != SECKILL_OK)
        return status;
    if (shard >= view->map.settings.shards)
        return SECKILL_INVALID;
    if (!view->is_begun || round != view->round || has_answered(view, shard))
        return SECKILL_CONFLICT;
    memset(&stock, 0, sizeof(stock));
    header = sk__read_shard_header(&reader);
    sk__read_stock(&reader, &stock);
    if (!sk__reader_done(&reader) || stock.transferred_in < 0 || stock.transferred_out < 0)
        return SECKILL_PROTOCOL;
    stock.shard = shard;
    stock.settings_version = header.settings_version;
    sk__view_saw(view, &header);
    view->shards[shard].stock = stock;
    view->shards[shard].round = round;
    view->server_ms = header.now_ms;
    view->answered++;
    if (is_whole(view))
        conclude(view);
    return SECKILL_OK;
}

/* ---- what is known ---- */

static void add_up(const seckill_view *view, seckill_view_stock *all) {
    seckill_stock total;

    memset(&total, 0, sizeof(total));
    for (uint32_t i = 0; i < view->map.settings.shards; i++) {
        const seckill_stock *shard = &view->shards[i].stock;

        if (!has_answered(view, i))
            continue;
        sk__stock_add(&total, shard);
        if (shard->queued > all->longest_queue)
            all->longest_queue = shard->queued;
    }
    all->loaded = total.loaded;
    all->available = total.available;
    all->reserved = total.reserved;
    all->sold = total.sold;
    all->moving = total.transferred_out - total.transferred_in;
    all->queued = total.queued;
    all->is_overdue = total.overdue;
}

seckill_status seckill_view_get_stock(const seckill_view *view, seckill_view_stock *stock) {
    seckill_status status = sk__view_check(view, stock != NULL);
    seckill_view_stock all;

    if (status != SECKILL_OK)
        return status;
    memset(&all, 0, sizeof(all));
    all.shards = view->map.settings.shards;
    all.missing = all.shards;
    if (view->is_begun) {
        all.missing -= view->answered;
        all.begun_ms = view->begun_ms;
        all.server_time_ms = view->server_ms;
        add_up(view, &all);
    }
    if (view->is_proven) {
        all.is_proven = 1;
        all.left = view->left;
        all.proven_ms = view->proven_ms;
    }
    return sk__struct_fill(stock, &all, sizeof(all));
}

seckill_status seckill_view_get_shard(const seckill_view *view, uint32_t shard, seckill_stock *stock) {
    seckill_status status = sk__view_check(view, stock != NULL);

    if (status != SECKILL_OK)
        return status;
    if (shard >= view->map.settings.shards)
        return SECKILL_INVALID;
    memset(stock, 0, sizeof(*stock));
    stock->shard = shard;
    stock->status = SECKILL_UNREACHABLE;
    if (has_answered(view, shard))
        *stock = view->shards[shard].stock;
    return SECKILL_OK;
}
