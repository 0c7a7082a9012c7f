/* Blocking calls: what all of them stand on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_CLIENT_SYNC_H
#define SK_CLIENT_SYNC_H

#include "client/client.h"
#include "io/background.h"

#include <seckill/sync.h>

struct seckill_sync {
    seckill_allocator allocator;
    sk__background *background;
    seckill_client *client;
    sk__link items; /* the loop's thread's */
};

struct seckill_sync_item {
    sk__link link;
    seckill_sync *sync;
    seckill_item *item;
};

/* On the stack of who waits. */
struct seckill_sync_call {
    sk__errand errand; /* the first */
    seckill_sync *sync;
    seckill_sync_start_cb start;
    void *user_data;
};

/* What all answers begin and end with: where it is in them. */
typedef struct {
    size_t size;   /* of the answer as this release knows it */
    size_t inputs; /* bytes at its beginning that are the caller's */
    size_t status, message;
} sk__sync_shape;

#define SK__SYNC_SHAPE(type, first_output)                                                                                     \
    { sizeof(type), offsetof(type, first_output), offsetof(type, status), offsetof(type, message) }

typedef struct sk__sync_ask sk__sync_ask;

/* A call on an item, while its caller waits. `start` runs on the loop's thread; the callback that it names fills `whole`. */
struct sk__sync_ask {
    const sk__sync_shape *shape;
    seckill_sync_item *item;
    seckill_status (*start)(sk__sync_ask *ask);
    const void *options; /* of its kind */
    void *whole;         /* the answer of its kind: the caller's own may be smaller */
    seckill_sync_call *call;
};

/* Runs the ask, and gives the caller's answer (NULL: nothing) what came; its status. */
seckill_status sk__sync_ask_run(sk__sync_ask *ask, void *answer);

/* At the end of the callback: the end of the ask; a message that is too long is cut. */
void sk__sync_ask_done(sk__sync_ask *ask, seckill_status status, const char *message);

#endif
