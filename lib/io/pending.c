/* The commands of one connection that wait for their reply.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/pending.h"

#include <string.h>

enum { SPARES_MAX = 64 };

void sk__pending_init(sk__pending_queue *queue, const seckill_allocator *allocator) {
    memset(queue, 0, sizeof(*queue));
    queue->allocator = allocator;
}

sk__pending *sk__pending_take(sk__pending_queue *queue) {
    sk__pending *node = queue->spare;

    if (node == NULL)
        return sk__malloc(queue->allocator, sizeof(*node));
    queue->spare = node->next;
    queue->spares--;
    return node;
}

void sk__pending_give_back(sk__pending_queue *queue, sk__pending *node) {
    if (queue->spares == SPARES_MAX) {
        sk__free(queue->allocator, node);
        return;
    }
    node->next = queue->spare;
    queue->spare = node;
    queue->spares++;
}

void sk__pending_push(sk__pending_queue *queue, sk__pending *node) {
    node->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = node;
    else
        queue->head = node;
    queue->tail = node;
}

void sk__pending_answer(sk__pending_queue *queue, const sk__reply *reply) {
    sk__pending *node = queue->head;
    sk__pending done = *node;

    queue->head = node->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    /* Before the callback: the command that it may send takes this node again. */
    sk__pending_give_back(queue, node);
    done.cb(done.context, reply);
}

void sk__pending_lose(sk__pending_queue *queue, const char *cause) {
    sk__reply lost = {SK__REPLY_LOST, cause, strlen(cause)};
    sk__pending *last = queue->tail;

    /* What a callback sends comes after `last` and is not of those that are lost. */
    for (const sk__pending *node = NULL; last != NULL && node != last;) {
        node = queue->head;
        sk__pending_answer(queue, &lost);
    }
}

void sk__pending_clear(sk__pending_queue *queue) {
    while (queue->spare != NULL) {
        sk__pending *node = queue->spare;
        queue->spare = node->next;
        sk__free(queue->allocator, node);
    }
    queue->spares = 0;
}
