/* seckill-front: the keys of --keys, which all loops use and SIGHUP reads again.
 *
 * A ring never changes: a new one takes its place. Each loop holds one and changes it in a turn of its own, so whatever a
 * handler does between two turns it does with one ring; a ring goes when the last loop has let go of it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_RING_H
#define FRONT_RING_H

#include <seckill/seckill.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct {
    seckill_keyring *keys;
    unsigned count;        /* keys */
    atomic_size_t holders; /* each lets go of it once */
    atomic_size_t missing; /* loops that do not use it yet */
} front_ring;

/* Reads a key file for so many loops, each of which holds the ring from now on. NULL with a sentence in `trouble` (256 bytes):
 * the file cannot be used, or none of its keys can issue: a front that cannot issue would take units and have no proof to
 * give. */
front_ring *front_ring_read(const char *path, size_t loops, char trouble[256]);

/* A loop uses it from now on. True: as the last one. */
bool front_ring_used(front_ring *ring);

/* A holder lets go of it. NULL is allowed. */
void front_ring_release(front_ring *ring);

#endif
