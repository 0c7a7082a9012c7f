/* Gives the units of an item's expired reservations back, on time.
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
} expirer;

void expirer_start(expirer *expirer, struct item *item);
void expirer_close(expirer *expirer);

#endif
