/* What is attacked: a private Redis, a worker with its orders database, and a front that has all its defences on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_PLACE_H
#define SECKILL_BENCH_PLACE_H

#include "abusers.h"
#include "sale.h"

enum { PLACE_CALM, PLACE_ATTACKED, PLACE_OVERLOADED, PLACE_ITEMS };
enum { PLACE_FRONT, PLACE_WORKER, PLACE_REDIS, PLACE_PROGRAMS };

extern const char *const place_items[PLACE_ITEMS]; /* of activity "sale" */
extern const char *const place_programs[PLACE_PROGRAMS];

typedef struct {
    redis_server *redis;
    sale shop; /* its item is one of `items` */
    seckill_item *items[PLACE_ITEMS];
    craft craft;
    pid_t pids[PLACE_PROGRAMS];
    int words[PLACE_PROGRAMS]; /* what they write on standard output */
    uint16_t port;
    char orders[128];
    int64_t units;
} place;

/* Starts all of it with so many units of each item. Who is to be listed is listed when it returns. */
void place_open(place *self, int64_t units);

/* Ends worker and front; false: one of them did not end well. */
bool place_stop(place *self);

void place_close(place *self);

/* ---- memory ---- */

/* Never more than this, in MiB. The front by what it is allowed, each at its worst at once: 1,024 connections, each 1.4 KiB,
 * and a request's header of 16 KiB and body of 8 KiB, or 16 KiB that wait behind a request and an answer of some 30 KiB that is
 * not taken: 48 MiB; limits of 3 * 65,536 places of 16 bytes: 3 MiB; 4,096 sessions of 450 bytes: 2 MiB; the blacklist, twice
 * 96 bytes an entry: 1 MiB; the program, its libraries and a client: 8 MiB. The worker: SQLite's pages 64 MiB, events 11 MiB,
 * the program and the blacklist. Redis: its maxmemory of 32 MiB, the program, buffers of clients and of its log. */
extern const int place_bounds_mib[PLACE_PROGRAMS];

/* KiB by /proc/PID/status: what a process has now ("VmRSS"), the most that it ever had ("VmHWM"). */
long place_memory_kib(pid_t pid, const char *name);

#endif
