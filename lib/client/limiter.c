/* The limiter. It needs no engine, no clock and no client: it stands here because it is a public call.
 *
 * Nothing is ever rounded. Time is counted in units of 1 / count milliseconds, so that a millisecond is `count` of them, and
 * two things are `period_ms` of them apart: whole numbers both, whatever the options are. A whole burst is below 2^57 units.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/memory.h"
#include "client/client.h"

#include <seckill/limiter.h>
#include <sodium.h>
#include <string.h>

enum { PLACES = 4, LINE_SIZE = 64, DAY_MS = 86400000, COUNT_MAX = 1000000000, KEYS_MAX = 268435456, REFUSALS_MAX = 1000000 };

#define NOW_MAX ((int64_t)1 << 53)
#define STEP_MAX ((int64_t)1 << 61) /* units; long before that every key can do its whole burst again */

/* `time` is when the key can do its whole burst again; from then on the place is free. */
typedef struct {
    uint64_t hash;
    int64_t time;
} place;

typedef struct {
    place places[PLACES]; /* one line of the processor's cache */
} set;

/* One rule, and what it remembers. All times are units since the limiter was made. */
typedef struct {
    int64_t count, period, burst; /* units of a millisecond, of one thing, of a whole burst */
    int64_t now;
    size_t set_count;
    set *sets;
    void *memory; /* `sets`, from a bit before */
} meter;

struct seckill_limiter {
    seckill_allocator allocator;
    int64_t seen_ms; /* the caller's clock, last time */
    meter rate;
    meter refusals; /* no sets: nobody counts them */
    uint8_t secret[crypto_shorthash_KEYBYTES];
};

/* ---- making and freeing ---- */

static seckill_status meter_init(meter *made, const seckill_allocator *allocator, uint32_t count, uint32_t period_ms,
                                 uint32_t burst, uint32_t max_keys) {
    size_t misplaced;

    made->count = count;
    made->period = period_ms;
    made->burst = (int64_t)burst * period_ms;
    made->set_count = (max_keys + PLACES - 1) / PLACES;
    made->memory = sk__calloc(allocator, made->set_count + 1, sizeof(set));
    if (made->memory == NULL)
        return SECKILL_NO_MEMORY;
    misplaced = (uintptr_t)made->memory % LINE_SIZE;
    made->sets = (set *)(void *)((char *)made->memory + (misplaced != 0 ? LINE_SIZE - misplaced : 0));
    return SECKILL_OK;
}

static bool complete(uint32_t *value, uint32_t otherwise, uint32_t max) {
    if (*value == 0)
        *value = otherwise;
    return *value <= max;
}

static bool options_complete(seckill_limiter_options *given) {
    return given->count != 0 && given->count <= COUNT_MAX && complete(&given->period_ms, 1000, DAY_MS) &&
           complete(&given->burst, given->count, COUNT_MAX) && complete(&given->max_keys, 65536, KEYS_MAX) &&
           given->refusals <= REFUSALS_MAX && complete(&given->refusals_period_ms, 60000, DAY_MS) &&
           given->count <= (uint64_t)given->period_ms * 1000000 && sk__allocator_valid(given->allocator);
}

seckill_status seckill_limiter_new(const seckill_limiter_options *options, seckill_limiter **limiter) {
    seckill_limiter_options given;
    seckill_limiter *made;
    seckill_status status;

    if (limiter == NULL)
        return SECKILL_INVALID;
    *limiter = NULL;
    if (!sk__options_copy(&given, sizeof(given), options) || !options_complete(&given))
        return SECKILL_INVALID;
    if (given.allocator == NULL)
        given.allocator = &sk__default_allocator;
    made = sodium_init() >= 0 ? sk__calloc(given.allocator, 1, sizeof(*made)) : NULL;
    if (made == NULL)
        return SECKILL_NO_MEMORY;
    made->allocator = *given.allocator;
    made->seen_ms = NOW_MAX;
    crypto_shorthash_keygen(made->secret);
    status = meter_init(&made->rate, &made->allocator, given.count, given.period_ms, given.burst, given.max_keys);
    if (status == SECKILL_OK && given.refusals != 0)
        status = meter_init(&made->refusals, &made->allocator, given.refusals, given.refusals_period_ms, given.refusals,
                            given.max_keys);
    if (status != SECKILL_OK) {
        seckill_limiter_free(made);
        return status;
    }
    *limiter = made;
    return SECKILL_OK;
}

void seckill_limiter_free(seckill_limiter *limiter) {
    seckill_allocator allocator;

    if (limiter == NULL)
        return;
    allocator = limiter->allocator;
    sk__free(&allocator, limiter->rate.memory);
    sk__free(&allocator, limiter->refusals.memory);
    sk__free(&allocator, limiter);
}

static size_t meter_size(const meter *one) {
    return one->memory != NULL ? (one->set_count + 1) * sizeof(set) : 0;
}

size_t seckill_limiter_size(const seckill_limiter *limiter) {
    return limiter != NULL ? sizeof(*limiter) + meter_size(&limiter->rate) + meter_size(&limiter->refusals) : 0;
}

/* ---- time ---- */

/* All times become smaller, so that they never overflow: after 2^62 units, 53 days with the greatest count. */
static void meter_rebase(meter *one) {
    for (size_t i = 0; i < one->set_count * PLACES; i++) {
        place *each = &one->sets[i / PLACES].places[i % PLACES];

        each->time = each->time > one->now ? each->time - one->now : 0;
    }
    one->now = 0;
}

static void meter_advance(meter *one, int64_t ms) {
    int64_t step = ms < STEP_MAX / one->count ? ms * one->count : STEP_MAX;

    if (one->now > 2 * STEP_MAX - step)
        meter_rebase(one);
    one->now += step;
}

/* Only the steps forward are counted. Where the clock went back, by however much, time goes on from where it was. */
static void advance(seckill_limiter *limiter, int64_t now_ms) {
    if (now_ms > limiter->seen_ms) {
        meter_advance(&limiter->rate, now_ms - limiter->seen_ms);
        if (limiter->refusals.sets != NULL)
            meter_advance(&limiter->refusals, now_ms - limiter->seen_ms);
    }
    limiter->seen_ms = now_ms;
}

/* ---- taking ---- */

static uint64_t hash_of(const seckill_limiter *limiter, seckill_bytes key) {
    uint64_t hash;
    uint8_t bytes[crypto_shorthash_BYTES];

    crypto_shorthash(bytes, key.data, key.size, limiter->secret);
    memcpy(&hash, bytes, sizeof(hash));
    return hash;
}

/* The place of a key, or the one that it may take: of its set the one whose time is least, which is a free one if there is. */
static place *find(const meter *one, uint64_t hash) {
    set *own = &one->sets[(hash >> 32) * one->set_count >> 32];
    place *least = &own->places[0];

    for (size_t i = 0; i < PLACES; i++) {
        if (own->places[i].hash == hash)
            return &own->places[i];
        if (own->places[i].time < least->time)
            least = &own->places[i];
    }
    return least;
}

static bool meter_take(meter *one, uint64_t hash, uint32_t cost, int64_t *time, int64_t *late) {
    place *found = find(one, hash);

    *time = found->hash == hash && found->time > one->now ? found->time : one->now;
    *late = *time + cost * one->period - one->now - one->burst;
    if (*late > 0)
        return false;
    if (cost != 0) {
        *time += cost * one->period;
        *found = (place){hash, *time};
    }
    return true;
}

/* Whole milliseconds, rounded up; UINT32_MAX is for all that is later. */
static uint32_t ms_of(const meter *one, int64_t units) {
    int64_t ms = (units + one->count - 1) / one->count;

    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static bool keeps_on(meter *refusals, uint64_t hash) {
    int64_t time, late;

    if (refusals->sets == NULL || meter_take(refusals, hash, 1, &time, &late))
        return false;
    find(refusals, hash)->time = 0;
    return true;
}

seckill_status seckill_limiter_take(seckill_limiter *limiter, seckill_bytes key, uint32_t cost, int64_t now_ms,
                                    seckill_limit *limit) {
    seckill_limit said = {0};
    uint64_t hash;
    int64_t time, late;
    bool granted;

    if (limiter == NULL || !sk__bytes_valid(key, SECKILL_LIMITER_KEY_MAX, true) || now_ms < 0 || now_ms > NOW_MAX)
        return SECKILL_INVALID;
    advance(limiter, now_ms);
    hash = hash_of(limiter, key);
    granted = meter_take(&limiter->rate, hash, cost, &time, &late);
    said.remaining = (uint64_t)((limiter->rate.burst - (time - limiter->rate.now)) / limiter->rate.period);
    said.reset_ms = ms_of(&limiter->rate, time - limiter->rate.now);
    if (!granted) {
        bool never = cost * limiter->rate.period > limiter->rate.burst;

        said.retry_after_ms = never ? UINT32_MAX : ms_of(&limiter->rate, late);
        said.keeps_on = keeps_on(&limiter->refusals, hash);
    }
    if (limit != NULL)
        *limit = said;
    return granted ? SECKILL_OK : SECKILL_RATE_LIMITED;
}

void seckill_limiter_forget(seckill_limiter *limiter, seckill_bytes key) {
    uint64_t hash;

    if (limiter == NULL || !sk__bytes_valid(key, SECKILL_LIMITER_KEY_MAX, true))
        return;
    hash = hash_of(limiter, key);
    if (find(&limiter->rate, hash)->hash == hash)
        find(&limiter->rate, hash)->time = 0;
    if (limiter->refusals.sets != NULL && find(&limiter->refusals, hash)->hash == hash)
        find(&limiter->refusals, hash)->time = 0;
}
