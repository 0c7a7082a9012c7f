/* SPDX-License-Identifier: MIT */
/** @defgroup once once.h: what may be used once: the answer to a captcha, a link in a mail, a coupon
 *
 * Whoever comes first has it, and keeps it: asked again by the same holder the answer is the same; for all others it is used
 * up.
 *
 * Calls, callbacks, threads and the statuses of every call are as in item.h.
 * @{
 */
#ifndef SECKILL_ONCE_H
#define SECKILL_ONCE_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Limits. */
enum {
    SECKILL_ONCE_MAX = 128 /**< bytes of an id and of a holder: 1 to 128, any value */
};

/** Options. Begin with SECKILL_ONCE_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;   /**< SECKILL_ONCE_OPTIONS_INIT sets it */
    seckill_bytes id;     /**< what is used; of all kinds of things under this prefix no two may have the same */
    seckill_bytes holder; /**< by whom, or for what: a request's id, so that its repetition passes */
    /** until when it could be used, by the caller's clock, in the next 24 hours: so long it is remembered, and up to 11 minutes
     * longer. Always the same for the same id */
    int64_t until_ms;
    uint32_t timeout_ms; /**< 0: the client's */
} seckill_once_options;

/** No id, no holder, no end. */
#define SECKILL_ONCE_OPTIONS_INIT                                                                                              \
    { sizeof(seckill_once_options), {NULL, 0}, {NULL, 0}, 0, 0 }

/** Whose it is. */
typedef struct {
    seckill_status status; /**< SECKILL_OK: it is this holder's, now or since before; SECKILL_CONFLICT: it is another's */
    const char *message;   /**< the cause, for a person; never NULL */
    int again;             /**< 1: since before; else 0 */
} seckill_once_result;

/** Gets whose it is, once, on the loop's thread.
 *
 * @param result     valid during the call, with all that it points to
 * @param user_data  as given to the call
 */
typedef void (*seckill_once_cb)(const seckill_once_result *result, void *user_data);

/** Uses something. What comes while an answer is awaited travels together in the next script, up to SECKILL_BATCH_MAX. Some 100
 * bytes of Redis memory for each, until it is forgotten; on 16 slots.
 *
 * @param client     an open client
 * @param options    copied, with all that they point to; not NULL
 * @param cb         runs once with the result; not NULL
 * @param user_data  handed to the callback; may be NULL
 * @return SECKILL_OK: it is begun. Else nothing was sent: SECKILL_INVALID, SECKILL_BUSY, SECKILL_NO_MEMORY, SECKILL_CLOSED.
 *     SECKILL_INVALID: also an end more than 24 hours away
 *
 * The callback's status, besides those of every call (but never SECKILL_NOT_DEFINED or SECKILL_LAYOUT):
 * - SECKILL_OK: it is this holder's
 * - SECKILL_CONFLICT: it is another's
 * - SECKILL_INVALID: by the clock of Redis its time is over for so long that nothing is remembered of it
 * - SECKILL_UNKNOWN: it may be used by this holder now: ask again
 */
SECKILL_API SECKILL_CHECKED seckill_status seckill_once(seckill_client *client, const seckill_once_options *options,
                                                        seckill_once_cb cb, void *user_data);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
