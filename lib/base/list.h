/* An intrusive doubly linked list with a head: O(1) to add and to remove from the middle.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_BASE_LIST_H
#define SK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sk__link sk__link;

/* Both the head of a list and a place in one. A link that is in no list points at itself. */
struct sk__link {
    sk__link *next, *previous;
};

/* The structure that a link is a member of. */
#define SK__CONTAINER(link, type, member) ((type *)((uintptr_t)(link)-offsetof(type, member)))

static inline void sk__list_init(sk__link *link) {
    link->next = link;
    link->previous = link;
}

static inline bool sk__list_is_empty(const sk__link *head) {
    return head->next == head;
}

static inline void sk__list_insert_before(sk__link *place, sk__link *link) {
    link->next = place;
    link->previous = place->previous;
    place->previous->next = link;
    place->previous = link;
}

static inline void sk__list_append(sk__link *head, sk__link *link) {
    sk__list_insert_before(head, link);
}

static inline void sk__list_prepend(sk__link *head, sk__link *link) {
    sk__list_insert_before(head->next, link);
}

/* Removing what is in no list changes nothing. */
static inline void sk__list_remove(sk__link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    sk__list_init(link);
}

/* Moves everything to `to`, an uninitialised or empty head, so that callbacks may change `from` meanwhile. */
static inline void sk__list_move(sk__link *from, sk__link *to) {
    sk__list_init(to);
    if (sk__list_is_empty(from))
        return;
    to->next = from->next;
    to->previous = from->previous;
    to->next->previous = to;
    to->previous->next = to;
    sk__list_init(from);
}

#endif
