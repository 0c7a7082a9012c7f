/* See reconcile_doubts.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reconcile_doubts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where an id stands, or would stand. Ids are hashes themselves. */
static uint32_t *place_of(const doubt_list *list, const uint8_t *id) {
    uint64_t hash;
    memcpy(&hash, id, sizeof hash);
    for (size_t at = hash % (2 * list->room);; at = (at + 1) % (2 * list->room)) {
        uint32_t place = list->places[at];
        if (place == 0 || memcmp(list->all[place - 1].id, id, SECKILL_RESERVATION_ID_SIZE) == 0) {
            return &list->places[at];
        }
    }
}

doubt *doubts_find(doubt_list *list, const uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    uint32_t place = list->room ? *place_of(list, id) : 0;
    return place ? &list->all[place - 1] : NULL;
}

static void grow(doubt_list *list) {
    size_t room = list->room ? 2 * list->room : 512;
    doubt *all = realloc(list->all, room * sizeof *all);
    uint32_t *places = calloc(2 * room, sizeof *places);
    if (!all || !places) {
        fputs("out of memory\n", stderr);
        abort();
    }
    free(list->places);
    list->all = all;
    list->places = places;
    list->room = room;
    for (size_t i = 0; i < list->count; i++) {
        *place_of(list, all[i].id) = (uint32_t)i + 1;
    }
}

void doubts_put(doubt_list *list, const uint8_t id[SECKILL_RESERVATION_ID_SIZE], seckill_bytes user, uint8_t state,
                int64_t since_ms) {
    doubt *one = doubts_find(list, id);
    if (!one && list->count == DOUBTS_MAX) {
        list->left_out++;
        return;
    }
    if (!one) {
        if (!list->all || list->count == list->room) {
            grow(list);
        }
        one = &list->all[list->count++];
        memcpy(one->id, id, sizeof one->id);
        *place_of(list, id) = (uint32_t)list->count;
    }
    memcpy(one->user, user.data, user.size);
    one->user_size = (uint8_t)user.size;
    one->state = state;
    one->since_ms = since_ms;
    one->open = true;
}

void doubts_settle(doubt_list *list, const uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    doubt *one = doubts_find(list, id);
    if (one) {
        one->open = false;
    }
}

void doubts_free(doubt_list *list) {
    free(list->all);
    free(list->places);
    memset(list, 0, sizeof *list);
}
