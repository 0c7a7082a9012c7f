/* A heap of nodes with the least key on top: deadlines by time, queues by age.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_HEAP_H
#define SK_BASE_HEAP_H

#include "base/memory.h"

#include <stdbool.h>

typedef struct {
    int64_t key;
    size_t place; /* in the heap, from 1; 0: in none */
} sk__heap_node;

typedef struct {
    const seckill_allocator *allocator;
    sk__heap_node **nodes;
    size_t count, capacity;
} sk__heap;

void sk__heap_init(sk__heap *heap, const seckill_allocator *allocator);
void sk__heap_free(sk__heap *heap);

/* Adds a node that is in no heap. False: out of memory. */
bool sk__heap_add(sk__heap *heap, sk__heap_node *node, int64_t key);

/* Removes a node; one that is in no heap is left alone. */
void sk__heap_remove(sk__heap *heap, sk__heap_node *node);

/* The node with the least key, or NULL. */
sk__heap_node *sk__heap_top(const sk__heap *heap);

#endif
