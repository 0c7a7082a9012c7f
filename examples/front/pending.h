/* seckill-front: a request that waits for one operation of the library.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_PENDING_H
#define FRONT_PENDING_H

#include "front.h"

typedef struct {
    front_loop *loop;
    http_exchange *exchange;
    seckill_op *op;
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
} pending;

/* From now on, if the peer goes away the operation is detached and this freed. Where memory is out the exchange is answered so,
 * and NULL returned. */
pending *pending_new(front_loop *loop, http_exchange *exchange, const char *activity, const char *item);

/* The operation is over, or was never started: frees this and returns the exchange, which is to be answered. */
http_exchange *pending_end(pending *one);

#endif
