#include "base/heap.h"

void sk__heap_init(sk__heap *heap, const seckill_allocator *allocator) {
    heap->allocator = allocator;
    heap->nodes = NULL;
    heap->count = 0;
    heap->capacity = 0;
}

void sk__heap_free(sk__heap *heap) {
    sk__free(heap->allocator, heap->nodes);
    sk__heap_init(heap, heap->allocator);
}

/* Places are counted from 1, as in a binary tree whose children of i are 2i and 2i + 1. */
static void put(sk__heap *heap, sk__heap_node *node, size_t place) {
    heap->nodes[place - 1] = node;
    node->place = place;
}

static void rise(sk__heap *heap, sk__heap_node *node) {
    size_t place = node->place;

    while (place > 1 && heap->nodes[place / 2 - 1]->key > node->key) {
        put(heap, heap->nodes[place / 2 - 1], place);
        place /= 2;
    }
    put(heap, node, place);
}

static void sink(sk__heap *heap, sk__heap_node *node) {
    size_t place = node->place;

    for (;;) {
        size_t child = place * 2;

        if (child > heap->count)
            break;
        if (child < heap->count && heap->nodes[child]->key < heap->nodes[child - 1]->key)
            child++;
        if (heap->nodes[child - 1]->key >= node->key)
            break;
        put(heap, heap->nodes[child - 1], place);
        place = child;
    }
    put(heap, node, place);
}

static bool grow(sk__heap *heap) {
    size_t capacity = heap->capacity != 0 ? heap->capacity * 2 : 64;
    sk__heap_node **nodes = sk__realloc(heap->allocator, heap->nodes, capacity * sizeof(*nodes));

    if (nodes == NULL)
        return false;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return true;
}

bool sk__heap_add(sk__heap *heap, sk__heap_node *node, int64_t key) {
    if (heap->count == heap->capacity && !grow(heap))
        return false;
    node->key = key;
    heap->count++;
    put(heap, node, heap->count);
    rise(heap, node);
    return true;
}

void sk__heap_remove(sk__heap *heap, sk__heap_node *node) {
    size_t place = node->place;
    sk__heap_node *last;

    if (place == 0)
        return;
    node->place = 0;
    last = heap->nodes[heap->count - 1];
    heap->count--;
    if (last == node)
        return;
    put(heap, last, place);
    rise(heap, last);
    sink(heap, last);
}

sk__heap_node *sk__heap_top(const sk__heap *heap) {
    return heap->count != 0 ? heap->nodes[0] : NULL;
}
