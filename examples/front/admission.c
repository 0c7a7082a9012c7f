/* seckill-front: whether one more request may join an item's queue.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admission.h"

enum { MEASURE_MAX_MS = 5000 }; /* readings that are further apart say nothing about how fast the queue is now */

void admission_begin(admission *one, uint64_t now_ms) {
    one->begun_ms = now_ms;
    one->came_next = 0;
}

/* How fast the queue shrank between the beginnings of two readings. What other loops enqueued meanwhile is not known and makes
 * it seem slower: then clients are told to wait for longer, within bounds. */
static uint64_t measure(const admission *one, uint64_t waiting) {
    uint64_t passed = one->begun_ms - one->read_ms;
    uint64_t expected = one->waiting + one->came - one->came_next;
    if (one->read_ms == 0 || passed == 0 || passed > MEASURE_MAX_MS)
        return 0;
    uint64_t measured = expected > waiting ? (expected - waiting) * 1000 / passed : 0;
    return one->per_second == 0 ? measured : (one->per_second + measured) / 2;
}

static uint64_t not_below_zero(int64_t value) {
    return value > 0 ? (uint64_t)value : 0;
}

void admission_read(admission *one, const seckill_stock *total) {
    uint64_t waiting = not_below_zero(total->queued);
    one->per_second = measure(one, waiting);
    one->waiting = waiting;
    /* Shards are read at slightly different times, so that the units on their way may come out as less than none. */
    one->left = not_below_zero(total->available) + not_below_zero(total->reserved) +
                not_below_zero(total->transferred_out - total->transferred_in);
    one->came = one->came_next;
    one->away = 0;
    one->read_ms = one->begun_ms;
}

void admission_set(admission *one, uint64_t waiting, uint64_t per_second) {
    one->waiting = waiting;
    one->per_second = per_second;
    one->came = one->came_next = 0;
}

static uint64_t bound(const admission *one, const admission_rules *rules) {
    uint64_t most = rules->multiple != 0 && one->left > UINT64_MAX / rules->multiple ? UINT64_MAX : one->left * rules->multiple;
    return most > rules->min ? most : rules->min;
}

/* Until this many have left the queue. */
static uint32_t time_for(const admission *one, uint64_t count) {
    if (one->per_second == 0)
        return 0;
    uint64_t wait = count > UINT64_MAX / 1000 ? UINT64_MAX : count * 1000 / one->per_second;
    return wait == 0 ? 1 : wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
}

bool admission_admit(admission *one, const admission_rules *rules, uint32_t *wait_ms) {
    uint64_t waiting = one->waiting + one->came + one->sent, most = bound(one, rules);
    if (waiting < most) {
        one->sent++;
        return true;
    }
    /* Those who were turned away before come back too, and want the same room. */
    *wait_ms = time_for(one, waiting - most + ++one->away);
    return false;
}

/* The counts of an item that was forgotten in between begin anew: then there is nothing to take off. */
void admission_answered(admission *one, bool queued) {
    one->sent -= one->sent != 0;
    one->came += queued;
    one->came_next += queued;
}
