/* libseckill: stock for flash sales, never oversold, never stranded, exactly once. This header includes all others.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_SECKILL_H
#define SECKILL_SECKILL_H

#include "base.h"
#include "blacklist.h"
#include "client.h"
#include "events.h"
#include "item.h"
#include "limiter.h"
#include "maintain.h"
#include "metrics.h"
#include "once.h"
#include "preflight.h"
#include "queue.h"
#include "reconcile.h"
#include "reservations.h"
#include "reserve.h"
#include "shard.h"
#include "status.h"
#include "token.h"
#include "view.h"

#endif
