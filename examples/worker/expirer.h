/* Gives the units of an item's expired reservations back, on time; and sees which shards have a new epoch.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_EXPIRER_H
#define SECKILL_WORKER_EXPIRER_H

#include "task.h"

struct item;

typedef struct {
    task task;
    struct item *item;
    int64_t server_ms; /* the servers' clock when one answered last: behind it, never ahead; 0: none has */
    uint64_t *epochs;  /* of the shards, when they answered last; 0: not yet */
    size_t epoch_count;
} expirer;

void expirer_start(expirer *expirer, struct item *item);

/* What held it back is over. */
void expirer_hurry(expirer *expirer);

void expirer_close(expirer *expirer);
void expirer_free(expirer *expirer); /* what it has; it is closed */

#endif
