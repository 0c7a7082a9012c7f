/* Abusers that hold connections: what they send comes byte by byte, they do not read, or they do nothing at all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_SLOW_H
#define SECKILL_BENCH_SLOW_H

#include "tally.h"
#include "wire.h"

/* What the front is told. */
enum {
    SLOW_HEADER_MS = 2000,
    SLOW_BODY_MS = 2000,
    SLOW_WRITE_MS = 1500,
    SLOW_IDLE_MS = 5000,
    SLOW_CONNECTIONS = 16 /* of an address */
};

enum { SLOW_HEADER, SLOW_BODY, SLOW_READER, SLOW_IDLE, SLOW_KINDS };

typedef struct slow_peer slow_peer;

typedef struct {
    uv_loop_t *loop;
    uint16_t port;
    tally tallies[SLOW_KINDS];
    slow_peer *peers;
    uint32_t alive;
    bool stopping, done;
} slow_peers;

/* Begins: `loop` and `port` are set, the rest is zero. Whoever is closed comes again. */
void slow_start(slow_peers *self);

/* Whether each kind has ended at least once as it should. */
bool slow_have_enough(const slow_peers *self);

/* Nobody comes again, and all end now; `done` when they have. */
void slow_stop(slow_peers *self);

void slow_free(slow_peers *self);

#endif
