/* Who waits until when: a heap of numbers by their time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_WAITS_H
#define SECKILL_BENCH_WAITS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    struct wait {
        uint64_t due;
        uint32_t who;
    } * heap;
    size_t count, room;
} wait_heap;

/* 0: out of memory. */
int waits_add(wait_heap *waits, uint64_t due, uint32_t who);

/* Takes the first one that is due at `now`. 0: none is. */
int waits_take(wait_heap *waits, uint64_t now, uint32_t *who);

/* When the first one is due; UINT64_MAX: nobody waits. */
uint64_t waits_next(const wait_heap *waits);

void waits_free(wait_heap *waits);

#endif
