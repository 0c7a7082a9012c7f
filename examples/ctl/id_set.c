/* See id_set.h. Open addressing; ids are hashes already, so their first bytes tell the place. Zeros mark a free one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "id_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID = SECKILL_RESERVATION_ID_SIZE, FIRST = 1024 };

struct id_set {
    uint8_t (*places)[ID];
    size_t room, used; /* room is a power of two */
    int has_zero;
};

static void *zeroed(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

id_set *id_set_new(void) {
    id_set *set = zeroed(1, sizeof *set);
    set->room = FIRST;
    set->places = zeroed(set->room, ID);
    return set;
}

void id_set_free(id_set *set) {
    free(set->places);
    free(set);
}

static const uint8_t none[ID];

/* Where an id is, or belongs. */
static size_t find(const id_set *set, const uint8_t *id) {
    uint64_t hash;
    memcpy(&hash, id, sizeof hash);
    size_t at = (size_t)hash & (set->room - 1);
    while (memcmp(set->places[at], none, ID) != 0 && memcmp(set->places[at], id, ID) != 0) {
        at = (at + 1) & (set->room - 1);
    }
    return at;
}

static void grow(id_set *set) {
    id_set larger = {zeroed(2 * set->room, ID), 2 * set->room, set->used, set->has_zero};
    for (size_t i = 0; i < set->room; i++) {
        if (memcmp(set->places[i], none, ID) != 0) {
            memcpy(larger.places[find(&larger, set->places[i])], set->places[i], ID);
        }
    }
    free(set->places);
    *set = larger;
}

int id_set_add(id_set *set, const uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    if (memcmp(id, none, ID) == 0) {
        int is_new = !set->has_zero;
        set->has_zero = 1;
        return is_new;
    }
    size_t at = find(set, id);
    if (memcmp(set->places[at], id, ID) == 0) {
        return 0;
    }
    memcpy(set->places[at], id, ID);
    if (2 * ++set->used > set->room) {
        grow(set);
    }
    return 1;
}
