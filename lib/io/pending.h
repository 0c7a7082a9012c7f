/* The commands of one connection that wait for their reply, in the order in which they were sent.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_PENDING_H
#define SK_IO_PENDING_H

#include "base/memory.h"
#include "engine/transport.h"

typedef struct sk__pending {
    struct sk__pending *next;
    sk__reply_cb cb;
    void *context;
    int64_t deadline_ms;
} sk__pending;

typedef struct {
    sk__pending *head, *tail;
    sk__pending *spare; /* kept for the next commands: a busy connection allocates nothing */
    uint32_t spares;
    const seckill_allocator *allocator;
} sk__pending_queue;

void sk__pending_init(sk__pending_queue *queue, const seckill_allocator *allocator);

/* A node that is in no queue yet; NULL: out of memory. */
sk__pending *sk__pending_take(sk__pending_queue *queue);
void sk__pending_give_back(sk__pending_queue *queue, sk__pending *node);

void sk__pending_push(sk__pending_queue *queue, sk__pending *node);

/* Calls back the oldest, which must be there. */
void sk__pending_answer(sk__pending_queue *queue, const sk__reply *reply);

/* Calls back all that are there now as SK__REPLY_LOST, oldest first. */
void sk__pending_lose(sk__pending_queue *queue, const char *cause);

/* Frees what is kept; no command may be waiting. */
void sk__pending_clear(sk__pending_queue *queue);

#endif
