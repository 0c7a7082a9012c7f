/* libseckill: what may be used once: the answer to a captcha, a link in a mail, a coupon. Whoever comes first has it, and keeps
 * it: asked again by the same holder the answer is the same; for all others it is used up.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_ONCE_H
#define SECKILL_ONCE_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SECKILL_ONCE_MAX = 128 }; /* bytes of an id and of a holder: 1 to 128, any value */

/* Options. Begin with SECKILL_ONCE_OPTIONS_INIT. */
typedef struct {
    size_t struct_size;
    seckill_bytes id;     /* what is used; of all kinds of things under this prefix no two may have the same */
    seckill_bytes holder; /* by whom, or for what: a request's id, so that its repetition passes */
    int64_t until_ms; /* until when it could be used, by the caller's clock, in the next 24 hours: so long it is remembered, and
                         up to 11 minutes longer. Always the same for the same id */
    uint32_t timeout_ms; /* 0: the client's */
} seckill_once_options;

#define SECKILL_ONCE_OPTIONS_INIT                                                                                              \
    { sizeof(seckill_once_options), {0, 0}, {0, 0}, 0, 0 }

typedef struct {
    seckill_status status; /* SECKILL_OK: it is this holder's, now or since before; SECKILL_CONFLICT: it is another's */
    const char *message;
    int again; /* since before */
} seckill_once_result;

typedef void (*seckill_once_cb)(const seckill_once_result *result, void *user_data);

/* Uses something. What comes while an answer is awaited travels together in the next script, up to SECKILL_BATCH_MAX. Some 100
 * bytes of Redis memory for each, until it is forgotten; on 16 slots.
 * SECKILL_INVALID: an argument is missing or out of range. SECKILL_BUSY: the client's max_operations are under way.
 * SECKILL_NO_MEMORY, SECKILL_CLOSED. The callback: also SECKILL_INVALID (by the clock of Redis its time is over for so long
 * that nothing is remembered of it), SECKILL_UNREACHABLE, SECKILL_SERVER_BUSY, SECKILL_SERVER_MEMORY, SECKILL_UNKNOWN (it may
 * be used by this holder now: ask again), SECKILL_DENIED, SECKILL_DAMAGED, SECKILL_SERVER_ERROR, SECKILL_PROTOCOL. */
SECKILL_API SECKILL_CHECKED seckill_status seckill_once(seckill_client *client, const seckill_once_options *options,
                                                        seckill_once_cb cb, void *user_data);

#ifdef __cplusplus
}
#endif
#endif
