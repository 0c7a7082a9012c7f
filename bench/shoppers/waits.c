/* See waits.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "waits.h"

#include <stdlib.h>

static void exchange(struct wait *a, struct wait *b) {
    struct wait kept = *a;
    *a = *b;
    *b = kept;
}

int waits_add(wait_heap *w, uint64_t due, uint32_t who) {
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 256;
        struct wait *heap = realloc(w->heap, room * sizeof *heap);
        if (!heap) {
            return 0;
        }
        w->heap = heap;
        w->room = room;
    }
    size_t at = w->count++;
    w->heap[at].due = due;
    w->heap[at].who = who;
    for (; at > 0 && w->heap[(at - 1) / 2].due > w->heap[at].due; at = (at - 1) / 2) {
        exchange(&w->heap[at], &w->heap[(at - 1) / 2]);
    }
    return 1;
}

static void sink(wait_heap *w, size_t at) {
    for (;;) {
        size_t least = at, left = 2 * at + 1, right = 2 * at + 2;
        least = left < w->count && w->heap[left].due < w->heap[least].due ? left : least;
        least = right < w->count && w->heap[right].due < w->heap[least].due ? right : least;
        if (least == at) {
            return;
        }
        exchange(&w->heap[at], &w->heap[least]);
        at = least;
    }
}

int waits_take(wait_heap *w, uint64_t now, uint32_t *who) {
    if (w->count == 0 || w->heap[0].due > now) {
        return 0;
    }
    *who = w->heap[0].who;
    w->heap[0] = w->heap[--w->count];
    sink(w, 0);
    return 1;
}

uint64_t waits_next(const wait_heap *w) {
    return w->count > 0 ? w->heap[0].due : UINT64_MAX;
}

void waits_free(wait_heap *w) {
    free(w->heap);
}
