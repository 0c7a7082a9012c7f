/* What the answers of all shards say together. */
#include "engine/supply_parts.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    const sk__row *left = a, *right = b;

    return (left->other > right->other) - (left->other < right->other);
}

void sk__rows_sort(sk__row *rows, uint32_t count) {
    if (count > 1)
        qsort(rows, count, sizeof(rows[0]), compare);
}

const sk__row *sk__row_find(const sk__standing *standing, uint32_t other) {
    const sk__row wanted = {other, 0, 0};

    if (standing->row_count == 0)
        return NULL;
    return bsearch(&wanted, standing->rows, standing->row_count, sizeof(wanted), compare);
}

void sk__standings_differences(const sk__standing *standings, uint32_t count, sk__tick began,
                               void (*found)(void *context, uint32_t from, uint32_t to, uint64_t sent, uint64_t taken),
                               void *context) {
    for (uint32_t shard = 0; shard < count; shard++) {
        const sk__standing *standing = &standings[shard];

        for (uint32_t i = 0; sk__is_fresh(standing, began) && i < standing->row_count; i++) {
            const sk__row *row = &standing->rows[i], *back;
            uint64_t taken;

            if (row->other >= count || row->other == shard || !sk__is_fresh(&standings[row->other], began))
                continue;
            back = sk__row_find(&standings[row->other], shard);
            taken = back != NULL ? back->taken : 0;
            if (row->sent != taken)
                found(context, shard, row->other, row->sent, taken);
            /* The other has no row at all about what it sent here. */
            if (back == NULL && row->taken != 0)
                found(context, row->other, shard, 0, row->taken);
        }
    }
}

static void add_transit(void *context, uint32_t from, uint32_t to, uint64_t sent, uint64_t taken) {
    sk__sums *sums = context;

    (void)from;
    (void)to;
    if (sent > taken)
        sums->transit += sent - taken;
    else
        sums->unbooked += taken - sent;
}

sk__sums sk__standings_sum(const sk__standing *standings, uint32_t count, sk__tick began) {
    sk__sums sums = {0, 0, 0, 0, 0, 0};

    for (uint32_t shard = 0; shard < count; shard++) {
        const sk__standing *standing = &standings[shard];

        if (!sk__is_fresh(standing, began))
            continue;
        if (standing->now.available > 0)
            sums.units += (uint64_t)standing->now.available;
        else
            sums.owed += (uint64_t)-standing->now.available;
        for (uint32_t i = 0; i < standing->row_count; i++) {
            sums.sent += standing->rows[i].sent;
            sums.taken += standing->rows[i].taken;
        }
    }
    sk__standings_differences(standings, count, began, add_transit, &sums);
    return sums;
}

uint32_t sk__standings_richest(const sk__standing *standings, uint32_t count, sk__tick began, int64_t least, uint32_t except) {
    uint32_t best = count;

    for (uint32_t shard = 0; shard < count; shard++) {
        const sk__standing *standing = &standings[shard];

        if (shard == except || !sk__is_fresh(standing, began) || standing->left < least)
            continue;
        if (best == count || standing->left > standings[best].left)
            best = shard;
    }
    return best;
}

void sk__standing_note(sk__standing *standing, const sk__sight *sight) {
    const sk__sight *before = &standing->now;
    /* Versions tell only of units that came: with some gone meanwhile, there were more before than are seen now. */
    bool same = before->answered != 0 && sight->epoch == before->epoch && sight->version == before->version &&
                sight->available == before->available && !sight->more && !before->more;

    if (!same)
        standing->since = sight->answered;
    standing->before = standing->now;
    standing->now = *sight;
    standing->left = sight->available;
    standing->unused = true;
}

const sk__standing *sk__standings_stood_still(const sk__standing *standings, uint32_t count) {
    const sk__standing *first = &standings[0];
    sk__tick since = 0;

    for (uint32_t shard = 0; shard < count; shard++) {
        if (standings[shard].since > since)
            since = standings[shard].since;
        if (standings[shard].now.asked < first->now.asked)
            first = &standings[shard];
    }
    return first->now.asked != 0 && since <= first->now.asked ? first : NULL;
}

uint64_t sk__standing_enqueued(const sk__standing *standing, sk__tick instant) {
    return standing->before.answered <= instant ? standing->before.enqueued : 0;
}
