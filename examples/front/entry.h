/* seckill-front: what a request for units meets first, in both modes: the item's last reading.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_ENTRY_H
#define FRONT_ENTRY_H

#include "catalog.h"
#include "pending.h"
#include "wish.h"

/* Whether the reading says that a first attempt gets nothing: not started, paused, ended, sold out. Then it is answered so, and
 * the pending is gone. A repetition must ask Redis, where its grant may stand. */
bool entry_refuse(pending *one, const catalog_item *item, const wish *wanted);

#endif
