/* Shards with stock, for tests of the engine: what reserve, confirm, cancel, survey and transfer_out do to units, in memory.
 *
 * Confirms are all late ones: of reservations whose hold is over. Everything else is answered as fake_transport_play does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_ENGINE_SHARDS_H
#define SK_TESTS_ENGINE_SHARDS_H

#include "engine_fixture.h"

enum { SHARDS_MAX = 8, GRANTS_MAX = 512 };

typedef struct {
    int64_t available;
    uint64_t version, epoch, enqueued;
    bool more; /* more is overdue than one survey takes back */
    uint64_t sent[SHARDS_MAX], taken[SHARDS_MAX];
    struct {
        uint8_t id[16];
        uint32_t units;
        bool over; /* cancelled, or expired for good */
    } grants[GRANTS_MAX];
    size_t grant_count;
} engine_shard;

typedef struct {
    engine_test *test;
    int64_t loaded;
    engine_shard of[SHARDS_MAX];
} engine_shards;

/* The item's map must be known; `available` has a number for each shard. */
void engine_shards_init(engine_shards *shards, engine_test *test, const int64_t *available);

/* The shard that a command is for. */
uint32_t engine_shards_index(const engine_shards *shards, const fake_sent *sent);

/* What happens on the server when a command comes: its reply, whether or not it arrives. */
size_t engine_shards_execute(engine_shards *shards, const fake_sent *sent, uint8_t *bytes, size_t size);

/* Executes and answers one; whatever waits and what comes of that, at this instant. */
void engine_shards_play(engine_shards *shards, size_t index);
void engine_shards_play_all(engine_shards *shards);
/* The same over time, until all these are called back; fails after `ms`. */
void engine_shards_run(engine_shards *shards, const engine_ask *asks, size_t count, int64_t ms);

/* The oldest command that waits is of this script: its index. */
size_t engine_shards_next(const engine_shards *shards, sk__script_id script);

/* How many commands of a script were sent since `first`. */
size_t engine_shards_count(const engine_shards *shards, size_t first, sk__script_id script);

int64_t engine_shards_available(const engine_shards *shards);
int64_t engine_shards_transit(const engine_shards *shards);
int64_t engine_shards_granted(const engine_shards *shards);
/* Fails the test unless every unit that was loaded is somewhere, once. */
void engine_shards_check(const engine_shards *shards);

#endif
