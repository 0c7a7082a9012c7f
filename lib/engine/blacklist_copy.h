/* The copy of the blacklist in a client's memory: a set of hashes. Pure: time is an argument.
 *
 * A subject is 72 bits of its SipHash with a secret key: nobody can find two that are alike, and by chance, a million looks a
 * second into a million entries meet such two once in some hundred years. 64 of them are stored, the others name one of 256
 * segments, which grow one by one, so that no step takes long however many entries there are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_BLACKLIST_COPY_H
#define SK_ENGINE_BLACKLIST_COPY_H

#include "base/memory.h"
#include "base/subject.h"

enum { SK__SEGMENTS = 256, SK__HASH_SIZE = 16 };

typedef struct {
    uint64_t hash; /* 0: free */
    uint64_t ends; /* by the server's clock, and above it the length of an address' prefix */
} sk__listed;

typedef struct {
    sk__listed *places;
    uint32_t room, used; /* room: a power of two, or 0 */
} sk__segment;

typedef struct {
    const seckill_allocator *allocator;
    uint8_t key[SK__HASH_SIZE];
    uint64_t entries, max, bytes, dropped;
    uint32_t swept;                          /* the segment that is looked through next */
    uint32_t prefixes[SK__ADDRESS_BITS + 1]; /* entries with a prefix of that length, ... */
    uint8_t lengths[SK__ADDRESS_BITS + 1];   /* ... and the lengths that there are, */
    uint32_t length_count;                   /* so many */
    sk__segment segments[SK__SEGMENTS];
} sk__blacklist_copy;

/* `allocator` must outlive it. NULL: out of memory. */
sk__blacklist_copy *sk__blacklist_copy_new(const seckill_allocator *allocator, uint64_t max);
void sk__blacklist_copy_free(sk__blacklist_copy *copy);

/* Lists a subject until `ends`, or anew; what there is no room for is counted in `dropped`. */
void sk__blacklist_copy_set(sk__blacklist_copy *copy, const sk__subject *subject, uint64_t ends);
void sk__blacklist_copy_remove(sk__blacklist_copy *copy, const sk__subject *subject);

/* When it ends that a subject is listed, of an address the last end of its networks; 0: it is not listed at `now`. */
uint64_t sk__blacklist_copy_find(const sk__blacklist_copy *copy, const sk__subject *subject, uint64_t now);

/* Clears away what is over in one more segment. */
void sk__blacklist_copy_sweep(sk__blacklist_copy *copy, uint64_t now);

#endif
