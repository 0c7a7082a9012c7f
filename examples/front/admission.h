/* seckill-front: whether one more request may join an item's queue. Pure: no clock, no I/O.
 *
 * A request is turned away where at least max(min, multiple * left) others wait. `left` is every unit that a request may still
 * get: available, on its way between shards, and reserved, because a reservation may be cancelled or expire. Sold units are not
 * among them; those that are refunded are available again in the next reading.
 *
 * No unit is stranded by it: when those who wait are decided, granted or refused, the queue is short and the front admits
 * again. That `min` is at least 1 is all that this needs: the queue of a sale that is on always comes to an end. It is no
 * promise that those who wait come before who is turned away: each shard has a queue of its own, and several of the places may
 * be one user's.
 *
 * Between two readings each loop counts what it enqueues itself, so that a stampede cannot overshoot by more than what the
 * other loops and fronts, which have bounds of their own, let in within the life of a reading. What is enqueued while a reading
 * is under way may be in it or not: it is counted twice rather than not at all. Where some shards cannot be read, all counts
 * are those of the others.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_ADMISSION_H
#define FRONT_ADMISSION_H

#include <seckill/seckill.h>
#include <stdbool.h>

typedef struct {
    uint32_t min, multiple; /* min at least 1 */
} admission_rules;

/* What a loop knows of an item's queue; begins as zero. */
typedef struct {
    uint64_t waiting, left;     /* as they were read */
    uint64_t came, came_next;   /* requests that the loop enqueued since that reading began; since the next one began */
    uint64_t sent;              /* requests that it admitted and that are not answered */
    uint64_t away;              /* requests that it turned away since that reading came */
    uint64_t read_ms, begun_ms; /* when that reading began, when the next one did; 0: none did */
    uint64_t per_second;        /* requests by which the queue shrinks, smoothed; 0: not known, or it does not */
} admission;

/* A reading begins. */
void admission_begin(admission *one, uint64_t now_ms);

/* It has come. */
void admission_read(admission *one, const seckill_stock *total);

/* Of a queue elsewhere: how many wait there now, with all that were sent, and by how many it shrinks (0: not known). */
void admission_set(admission *one, uint64_t waiting, uint64_t per_second);

/* Whether a request may be enqueued now. True: it is counted as sent. False: it is counted as turned away, and `wait_ms` gets
 * about how long it takes until there is room for it; 0: not known. */
bool admission_admit(admission *one, const admission_rules *rules, uint32_t *wait_ms);

/* What was sent is answered, or nobody waits for its answer any more; `queued`: it stands in the queue, or may. */
void admission_answered(admission *one, bool queued);

#endif
