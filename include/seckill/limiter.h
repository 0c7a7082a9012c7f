/* SPDX-License-Identifier: MIT */
/** @defgroup limiter limiter.h: how often somebody may do something
 *
 * Pure: no I/O, no clock, no thread; a caller with several threads keeps a limiter for each, or guards it.
 *
 * The rule is GCRA, the generic cell rate algorithm (ITU-T I.371; the leaky bucket as a meter): of each key it keeps one time.
 * A key that has been quiet may do `burst` things at once, and `count` more in each `period_ms`, evenly.
 *
 * Its memory is allocated once and never grows. A key that could do its whole burst again needs no place. Where more keys than
 * there are places are below their burst, the one that is nearest to it is forgotten: at the limit of memory somebody is let
 * through rather than somebody else refused. Keys are found by a hash with a secret key (SipHash), so that nobody can choose
 * whose place he takes.
 * @{
 */
#ifndef SECKILL_LIMITER_H
#define SECKILL_LIMITER_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Limits. */
enum {
    SECKILL_LIMITER_KEY_MAX = 256 /**< bytes of a key: 0 to 256, any value */
};

/** Options. Begin with SECKILL_LIMITER_OPTIONS_INIT; 0 means the default, where there is one. */
typedef struct {
    size_t struct_size;          /**< SECKILL_LIMITER_OPTIONS_INIT sets it */
    uint32_t count;              /**< so many ...: 1 to 1,000,000,000, and 1,000,000 for a millisecond at most; no default */
    uint32_t period_ms;          /**< ... in so many milliseconds: 1 to 86,400,000; default 1,000 */
    uint32_t burst;              /**< at once, after a pause: 1 to 1,000,000,000; default `count` */
    uint32_t max_keys;           /**< places, 16 bytes each: 1 to 268,435,456; default 65,536. Rounded up */
    uint32_t refusals;           /**< who is refused so often ...: 0 to 1,000,000; 0: nobody is told from others */
    uint32_t refusals_period_ms; /**< ... in so many milliseconds: 1 to 86,400,000; default 60,000 */
    const seckill_allocator *allocator; /**< copied; NULL: malloc and free */
} seckill_limiter_options;

/** All defaults; `count` must be set. */
#define SECKILL_LIMITER_OPTIONS_INIT                                                                                           \
    { sizeof(seckill_limiter_options), 0, 0, 0, 0, 0, 0, NULL }

/** A limiter: one rule, and what it remembers. */
typedef struct seckill_limiter seckill_limiter;

/** What is said to one request, and what its answer may tell the client (draft-ietf-httpapi-ratelimit-headers). */
typedef struct {
    uint64_t remaining; /**< that could be done at once after this */
    /** refused: when as much can be done again; UINT32_MAX: not before that, or never, as it is more than the burst. Else 0 */
    uint32_t retry_after_ms;
    uint32_t reset_ms; /**< when the whole burst can be done again; UINT32_MAX: not before that */
    /** 1: refused, and that was one refusal more than `refusals` allows: time to blacklist. Said once, then refusals are
     * counted anew; else 0 */
    int keeps_on;
    uint64_t spare[2]; /**< 0: room for fields of later releases */
} seckill_limit;

/** Makes a limiter.
 *
 * @param options  copied; not NULL
 * @param limiter  gets it, and is the caller's to free with seckill_limiter_free; NULL where it could not be made
 * @retval SECKILL_OK         it is made
 * @retval SECKILL_INVALID    a NULL argument, or an option is out of range
 * @retval SECKILL_NO_MEMORY  out of memory, or libsodium could not start
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_limiter_new(const seckill_limiter_options *options,
                                                               seckill_limiter **limiter);

/** Frees a limiter.
 *
 * @param limiter  NULL is allowed
 */
SECKILL_API void seckill_limiter_free(seckill_limiter *limiter);

/** Asks for `cost` things at once for a key. Allocates nothing; a fraction of a microsecond.
 *
 * @param limiter  not NULL
 * @param key      who asks; 0 to SECKILL_LIMITER_KEY_MAX bytes
 * @param cost     0: looks only, and counts nothing; more than the burst is always refused
 * @param now_ms   any clock that seldom goes back, 0 to 2^53; where it does nothing is refused that would not have been
 * @param limit    filled on SECKILL_OK and SECKILL_RATE_LIMITED; may be NULL
 * @retval SECKILL_OK            it is done and counted
 * @retval SECKILL_RATE_LIMITED  too soon; nothing is counted but the refusal
 * @retval SECKILL_INVALID       a NULL argument, a key that is too long, a time out of range
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_limiter_take(seckill_limiter *limiter, seckill_bytes key, uint32_t cost,
                                                                int64_t now_ms, seckill_limit *limit);

/** Forgets a key: it may do its whole burst again.
 *
 * @param limiter  NULL is allowed
 * @param key      who; one that is too long is ignored
 */
SECKILL_API void seckill_limiter_forget(seckill_limiter *limiter, seckill_bytes key);

/** What a limiter takes.
 *
 * @param limiter  NULL is allowed
 * @return bytes of memory; 0 for NULL
 */
SECKILL_API size_t seckill_limiter_size(const seckill_limiter *limiter);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
