/* SPDX-License-Identifier: MIT */
/** @mainpage libseckill
 *
 * Stock for flash sales on Redis: never oversold, never stranded, exactly once. `#include <seckill/seckill.h>` includes all of
 * its headers, of which each says what its calls do, when they call back and what each answer means.
 *
 * A program opens a client for each of its threads (client.h), a handle for each item (item.h), and reserves and confirms
 * (reserve.h), with a signed token between the two (token.h); or it lets requests wait in the queue (queue.h). Threads that
 * wait for their answers share one seckill_sync instead, whose calls block (sync.h). Something has to end what is not paid for
 * and to finish what is half done: seckill_expire and seckill_transfers_finish (maintain.h). The orders side reads what was
 * confirmed (events.h).
 *
 *     cc program.c $(pkg-config --cflags --libs libseckill) -o program
 *
 * - Every answer has a seckill_status, and seckill_status_class says what to do with it: leave it, try again later, or ask
 *   again with the same id (status.h).
 * - Who asks chooses a request id and keeps it before sending: asked again with it, the answer is the same.
 * - Calls are asynchronous: a nonzero return says that nothing was sent and the callback never runs; zero says that it runs
 *   once, later, on the thread that runs the client's loop. Pure functions say so; they may be called from any thread.
 * - What is given is copied, and what a callback is given is valid while it runs, where nothing else is said.
 * - Options begin with struct_size and are made by their macro SECKILL_..._OPTIONS_INIT, so that a program and a library of
 *   different releases understand each other.
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
#include "sync.h"
#include "token.h"
#include "view.h"

#endif
