/* Watches an activity's list of items: new ones get to work, those that are gone end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_WATCH_H
#define SECKILL_WORKER_WATCH_H

#include "worker.h"

/* False: out of memory. */
bool watch_activity(worker *worker, const char *activity);

void watch_end_all(worker *worker);

#endif
