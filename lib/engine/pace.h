/* How fast a shard's queue is decided, by what its replies say about it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_PACE_H
#define SK_ENGINE_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t decided;    /* where the queue stood when it was measured last */
    int64_t since_ms;    /* and when that was, by the server's clock; 0: never */
    bool was_empty;      /* nothing waited then */
    uint64_t per_second; /* requests decided, smoothed; 0: not known, or the queue stands still */
} sk__pace;

/* Notes what a reply says: so many were decided by then, and so many had come. While nothing waits nothing can be decided, so
 * that what passed then says only that it is no slower. A queue that went back (a server that lost writes) is measured anew. */
void sk__pace_note(sk__pace *pace, uint64_t decided, uint64_t enqueued, int64_t now_ms);

/* How long until so many more are decided, in milliseconds, at least 1; 0: not known. Of none nothing is known: a request that
 * waits in a queue of the shop's own has no position. */
uint32_t sk__pace_wait_ms(const sk__pace *pace, uint64_t count);

#endif
