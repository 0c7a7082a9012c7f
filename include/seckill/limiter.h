/* libseckill: a limiter: how often somebody may do something. Pure: no I/O, no clock, no thread; a caller with several threads
 * keeps one for each, or guards it.
 *
 * The rule is GCRA, the generic cell rate algorithm (ITU-T I.371; the leaky bucket as a meter): of each key it keeps one time.
 * A key that has been quiet may do `burst` things at once, and `count` more in each `period_ms`, evenly.
 *
 * Its memory is allocated once and never grows. A key that could do its whole burst again needs no place. Where more keys than
 * there are places are below their burst, the one that is nearest to it is forgotten: at the limit of memory somebody is let
 * through rather than somebody else refused. Keys are found by a hash with a secret key (SipHash), so that nobody can choose
 * whose place he takes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_LIMITER_H
#define SECKILL_LIMITER_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SECKILL_LIMITER_KEY_MAX = 256 }; /* bytes of a key: 0 to 256, any value */

/* Options. Begin with SECKILL_LIMITER_OPTIONS_INIT; 0 means the default, where there is one. */
typedef struct {
    size_t struct_size;
    uint32_t count;                     /* so many ...                      1 to 1,000,000,000, of which a millisecond
                                           may have 1,000,000; no default */
    uint32_t period_ms;                 /* ... in so many milliseconds      1 to 86,400,000; default 1,000 */
    uint32_t burst;                     /* at once, after a pause           1 to 1,000,000,000; default `count` */
    uint32_t max_keys;                  /* places, 16 bytes each            1 to 268,435,456; default 65,536. Rounded up */
    uint32_t refusals;                  /* who is refused so often ...      0 to 1,000,000; 0: nobody is told from others */
    uint32_t refusals_period_ms;        /* ... in so many milliseconds      1 to 86,400,000; default 60,000 */
    const seckill_allocator *allocator; /* copied; NULL: malloc and free */
} seckill_limiter_options;

#define SECKILL_LIMITER_OPTIONS_INIT                                                                                           \
    { sizeof(seckill_limiter_options), 0, 0, 0, 0, 0, 0, 0 }

typedef struct seckill_limiter seckill_limiter;

/* What is said to one request, and what its answer may tell the client (draft-ietf-httpapi-ratelimit-headers). */
typedef struct {
    uint64_t remaining;      /* that could be done at once after this */
    uint32_t retry_after_ms; /* refused: when as much can be done again; UINT32_MAX: not before that, or never, as it is more
                                than the burst. Else 0 */
    uint32_t reset_ms;       /* when the whole burst can be done again; UINT32_MAX: not before that */
    int keeps_on; /* refused, and that was one refusal more than `refusals` allows: time to blacklist. Said once; then
                     refusals are counted anew */
} seckill_limit;

/* Makes a limiter; free it with seckill_limiter_free. SECKILL_INVALID: a NULL argument, or an option is out of range.
 * SECKILL_NO_MEMORY. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_limiter_new(const seckill_limiter_options *options,
                                                               seckill_limiter **limiter);

/* Frees it. NULL is allowed. */
SECKILL_API void seckill_limiter_free(seckill_limiter *limiter);

/* Asks for `cost` things at once for a key.
 *   cost    0: looks only, and counts nothing; more than the burst is always refused
 *   now_ms  any clock that seldom goes back, 0 to 2^53; where it does nothing is refused that would not have been
 *   limit   filled on SECKILL_OK and SECKILL_RATE_LIMITED; may be NULL
 * SECKILL_OK: it is done and counted. SECKILL_RATE_LIMITED: too soon; nothing is counted but the refusal. SECKILL_INVALID: a
 * NULL argument, a key that is too long, a time out of range. Allocates nothing; a fraction of a microsecond. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_limiter_take(seckill_limiter *limiter, seckill_bytes key, uint32_t cost,
                                                                int64_t now_ms, seckill_limit *limit);

/* Forgets a key: it may do its whole burst again. */
SECKILL_API void seckill_limiter_forget(seckill_limiter *limiter, seckill_bytes key);

/* Bytes that a limiter takes. */
SECKILL_API size_t seckill_limiter_size(const seckill_limiter *limiter);

#ifdef __cplusplus
}
#endif
#endif
