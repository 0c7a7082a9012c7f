/* Where a shard's units come from when it has none: other shards. One search at a time for each item and client.
 *
 * Who is short of units leaves a want. A search goes in rounds; each asks every shard what it has (survey.lua). Then, in this
 * order:
 *
 *   its own shard has units meanwhile         it asks there again
 *   another has all that it needs             they are sent here; it asks again, and what was sent is taken in the step that
 *                                             serves it, so that nobody moves it on in between
 *   all together have as much, but none alone they are gathered at the lowest-numbered shard that has any: such moves go from
 *                                             higher to lower numbers only
 *   units have been on their way for long     whoever sent them is gone: they are taken where they were sent
 *   two rounds saw the same, and too little   it is proven that at an instant between them there were not as many
 *
 * It comes to an end: each full move ends in a grant, or its requester is gone; between two of them units only go down. A shard
 * that does not answer holds up proofs, but no moves between the others.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_ENGINE_SUPPLY_H
#define SK_ENGINE_SUPPLY_H

#include "engine/core.h"

struct seckill_item;

typedef struct sk__supply sk__supply;
typedef struct sk__want sk__want;

/* Units on their way to a shard: which others sent them, and the totals that each has sent. Any script that serves takes them.
 */
enum { SK__TAKES_MAX = 8, SK__TAKE_SIZE = 10 };

typedef struct {
    uint32_t count;
    uint32_t changes; /* so that a call can tell whether it carried them all */
    struct {
        uint32_t from;
        uint64_t total;
    } of[SK__TAKES_MAX];
} sk__takes;

/* It was proven that no more than `units` were left in all shards together: in this epoch, at this version of the shard, which
 * rises when units come to it; and of its queue for the requests up to `enqueued`. */
typedef struct {
    uint64_t epoch, version, units, enqueued;
} sk__proof;

enum { SK__PROOF_SIZE = 32 };

/* Someone who needs `units` at once in `shard`, which has not as many. In the list until it is told, or removed. */
struct sk__want {
    sk__link link;
    uint32_t shard;
    uint64_t units;
    uint64_t n;     /* of a queue: the request that needs them; 0: it is of none */
    uint64_t since; /* the search's tick when it came */
    bool decided;   /* not told yet */
    seckill_status status;
    /* SECKILL_OK: ask the shard again. SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH: proven while it waited, see sk__shard's proof.
     * Other: why it cannot be said. Out of the list by then. */
    void (*told)(sk__want *want, seckill_status status, const char *cause);
};

/* Of an item whose map is known. NULL: out of memory. */
sk__supply *sk__supply_new(struct seckill_item *item);
void sk__supply_free(sk__supply *supply);

/* Leaves a want; the search begins. In a turn or a reply. */
void sk__supply_add(sk__supply *supply, sk__want *want, uint32_t shard, uint64_t units);
void sk__want_remove(sk__want *want);

/* Leaves a want of another kind: that what is on its way now arrives, and what failovers lost is booked. Told SECKILL_OK then.
 */
void sk__supply_settle(sk__supply *supply, sk__want *want);

/* What the last round saw: units on their way, and units that shards owe. */
void sk__supply_look(const sk__supply *supply, uint64_t *transit, uint64_t *owed);

/* Whether it was proven within the last SK__MEMORY_MS that there are not so many; `status` gets how to say it. */
enum { SK__MEMORY_MS = 200 };
bool sk__supply_remembers(const sk__supply *supply, uint64_t units, seckill_status *status);

/* What is remembered has spared somebody the question: it is asked again before it is forgotten, or all who come then would ask
 * at once. */
void sk__supply_keep(sk__supply *supply);

/* Units may have come: nothing is remembered, nor what a round proves that asked before. */
void sk__supply_forget(sk__supply *supply);

/* Notes a total that another shard has sent; where there is no room it is found again by a later round. */
void sk__takes_add(sk__takes *takes, uint32_t from, uint64_t total);

/* What the serving scripts take as `supply.lua` says; and the list alone, as survey.lua takes it. */
void sk__encode_supply(sk__command *command, const sk__proof *proof, const sk__takes *takes);
void sk__encode_takes(sk__command *command, const sk__takes *takes);

#endif
