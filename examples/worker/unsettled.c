/* See unsettled.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "unsettled.h"

#include <stdlib.h>

enum { IN_HAND, READY, GONE };
enum { ROOM_MIN = 1024 };

static uint8_t *state_of(const unsettled *all, uint64_t tag) {
    return &all->states[tag & (all->room - 1)];
}

static bool grow(unsettled *all) {
    unsettled more = *all;
    more.room = all->room ? 2 * all->room : ROOM_MIN;
    more.states = malloc(more.room);
    if (!more.states) {
        return false;
    }
    for (uint64_t tag = all->first; tag < all->next; tag++) {
        *state_of(&more, tag) = *state_of(all, tag);
    }
    free(all->states);
    *all = more;
    return true;
}

uint64_t unsettled_add(unsettled *all) {
    if (all->next == 0) {
        all->first = all->next = all->looked = 1;
    }
    if (all->next - all->first == all->room && !grow(all)) {
        return 0;
    }
    *state_of(all, all->next) = IN_HAND;
    return all->next++;
}

void unsettled_ready(unsettled *all, uint64_t tag) {
    *state_of(all, tag) = READY;
    all->ready++;
    all->looked = tag < all->looked ? tag : all->looked;
}

static void skip_settled(unsettled *all) {
    while (all->first < all->next && *state_of(all, all->first) == GONE) {
        all->first++;
    }
    all->looked = all->looked < all->first ? all->first : all->looked;
}

void unsettled_gone(unsettled *all, uint64_t tag) {
    *state_of(all, tag) = GONE;
    skip_settled(all);
}

/* The last ready one of those in front of which nothing is in hand; 0: none. All of these are settled with it. */
static uint64_t take_front(unsettled *all, size_t *count) {
    uint64_t last = 0;
    *count = 0;
    for (uint64_t tag = all->first; tag < all->next && *state_of(all, tag) != IN_HAND; tag++) {
        if (*state_of(all, tag) == READY) {
            last = tag;
            ++*count;
            *state_of(all, tag) = GONE;
        }
    }
    return last;
}

bool unsettled_next(unsettled *all, uint64_t *tag, bool *multiple) {
    size_t count = 0;
    if (all->ready == 0) {
        return false;
    }
    *tag = take_front(all, &count);
    *multiple = count > 1;
    if (count == 0) {
        for (*tag = all->looked; *state_of(all, *tag) != READY; ++*tag) {
        }
        *state_of(all, *tag) = GONE;
        all->looked = *tag + 1;
        count = 1;
    }
    all->ready -= count;
    skip_settled(all);
    if (all->ready == 0) {
        all->looked = all->next;
    }
    return true;
}

void unsettled_clear(unsettled *all) {
    all->first = all->next = all->looked = 0;
    all->ready = 0;
}

void unsettled_free(unsettled *all) {
    free(all->states);
    *all = (unsettled){0};
}
