/* http: when connections must have got on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "deadlines.h"

#include <stddef.h>

void deadlines_init(deadlines *all, const uint32_t wait_ms[DEADLINE_KINDS]) {
    for (int kind = 0; kind < DEADLINE_KINDS; kind++) {
        all->heads[kind].next = all->heads[kind].previous = &all->heads[kind];
        all->wait_ms[kind] = wait_ms[kind];
    }
}

void deadline_init(deadline *one) {
    one->next = one->previous = NULL;
    one->kind = DEADLINE_NONE;
}

static void unlink_one(deadline *one) {
    if (one->next == NULL)
        return;
    one->next->previous = one->previous;
    one->previous->next = one->next;
    one->next = one->previous = NULL;
}

void deadline_clear(deadline *one) {
    unlink_one(one);
    one->kind = DEADLINE_NONE;
}

void deadline_set(deadlines *all, deadline *one, int kind, uint64_t now_ms) {
    unlink_one(one);
    deadline *head = &all->heads[kind];
    one->kind = kind;
    one->due_ms = now_ms + all->wait_ms[kind];
    one->next = head;
    one->previous = head->previous;
    head->previous->next = one;
    head->previous = one;
}

deadline *deadlines_take(deadlines *all, uint64_t now_ms) {
    for (int kind = 0; kind < DEADLINE_KINDS; kind++) {
        deadline *one = all->heads[kind].next;
        if (one != &all->heads[kind] && one->due_ms <= now_ms) {
            unlink_one(one);
            return one;
        }
    }
    return NULL;
}
