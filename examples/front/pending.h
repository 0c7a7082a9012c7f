/* seckill-front: a request that waits: for a reading, for one operation of the library, or for one after the other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_PENDING_H
#define FRONT_PENDING_H

#include "front.h"

typedef struct pending pending;

/* A structure of the owner's may begin with it. */
struct pending {
    cache_waiter waiter; /* first, so that whom the cache calls finds the rest */
    front_loop *loop;
    http_exchange *exchange;
    captcha_check *check;    /* NULL: none is wanted, or it is over */
    seckill_op *op;          /* NULL: nothing was sent */
    struct publish_job *job; /* the same, to a broker; see publisher.h */
    void (*forget)(struct publish_job *job);
    void (*gone)(pending *one); /* the peer went away while the operation was under way; NULL: nobody needs to know */
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
};

/* `size` bytes, zero behind the pending. From now on, if the peer goes away the reading is forgotten, the operation detached
 * and this freed. Where memory is out the exchange is answered so, and NULL returned. */
void *pending_new(size_t size, front_loop *loop, http_exchange *exchange, const char *activity, const char *item);

/* Nothing is waited for any more: frees this and returns the exchange, which is to be answered. */
http_exchange *pending_end(pending *one);

#endif
