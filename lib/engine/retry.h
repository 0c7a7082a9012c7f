/* How fast what failed may be sent again: backoff with jitter for each call, and one budget for all calls of a client, so that
 * a trouble of many shards does not become a storm of repetitions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_RETRY_H
#define SK_ENGINE_RETRY_H

#include <stdint.h>

/* A token bucket, as the theoretical arrival time of GCRA. Source: ITU-T I.371 (the generic cell rate algorithm): one number
 * instead of a level and a time. */
typedef struct {
    uint32_t per_second; /* repetitions; as many may come at once after a quiet second */
    int64_t spent_us;    /* up to when the budget is spent, in microseconds of the clock */
} sk__budget;

/* Takes one repetition out of the budget. When it may be sent: `now_ms`, or later where the budget is spent. */
int64_t sk__budget_take(sk__budget *budget, int64_t now_ms);

/* When a call may be sent again that failed `attempts` times in a row, at least once: with backoff between 10 and 500 ms. */
int64_t sk__retry_at(sk__budget *budget, int64_t now_ms, uint32_t attempts, uint32_t chance);

#endif
