/* What something costs Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_COST_H
#define SECKILL_BENCH_COST_H

#include "place.h"

/* Commands that a request may cost that is refused from memory: what proves that all is sold is read some times a second, for
 * all who ask. */
#define COST_MAX 0.1

typedef struct {
    double commands; /* that were sent to Redis: the library calls scripts only */
    double inner;    /* all that were executed: these, and what the scripts call */
    double processor, seconds;
} cost;

/* Since Redis was started. */
cost cost_of_redis(place *self);

/* `one` less `times` the other. */
cost cost_less(cost one, cost other, double times);

/* Of a second in which nobody comes. */
cost cost_of_idling(place *self);

/* Of one request that is enqueued, alone. */
cost cost_of_enqueue(place *self);

#endif
