/* seckill-front: how long the queues of a broker are; see depths.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "depths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, MEASURE_MAX_MS = 5000 }; /* readings that are further apart say nothing about how fast it is now */

struct depths {
    uint32_t count, max;
    depth *buckets[BUCKETS];
};

depths *depths_new(uint32_t max) {
    depths *all = calloc(1, sizeof *all);
    if (all != NULL)
        all->max = max;
    return all;
}

void depths_free(depths *all) {
    for (size_t i = 0; all != NULL && i < BUCKETS; i++) {
        while (all->buckets[i] != NULL) {
            depth *one = all->buckets[i];
            all->buckets[i] = one->next;
            free(one);
        }
    }
    free(all);
}

/* FNV-1a: the names are of items that are defined, so that no stranger chooses them. */
static depth **bucket_of(depths *all, const char *key) {
    uint32_t hash = UINT32_C(2166136261);
    for (const char *at = key; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT32_C(16777619);
    return &all->buckets[(hash ^ hash >> 16) % BUCKETS];
}

static void drop_oldest(depths *all) {
    depth **oldest = NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        for (depth **at = &all->buckets[i]; *at != NULL; at = &(*at)->next)
            if (oldest == NULL || (*at)->asked_ms < (*oldest)->asked_ms)
                oldest = at;
    depth *one = *oldest;
    *oldest = one->next;
    free(one);
    all->count--;
}

/* "activity/item". False: the names are longer than any that is good. */
static bool make_key(char key[DEPTHS_KEY], const char *activity, const char *item) {
    int size = snprintf(key, DEPTHS_KEY, "%s/%s", activity, item);
    return size > 0 && size < DEPTHS_KEY;
}

static depth *find(depth *one, const char *key) {
    while (one != NULL && strcmp(one->key, key) != 0)
        one = one->next;
    return one;
}

depth *depths_find(depths *all, const char *activity, const char *item) {
    char key[DEPTHS_KEY];
    return make_key(key, activity, item) ? find(*bucket_of(all, key), key) : NULL;
}

static depth *add(depths *all, const char *key) {
    if (all->count == all->max)
        drop_oldest(all);
    depth *one = calloc(1, sizeof *one), **bucket = bucket_of(all, key);
    if (one == NULL)
        return NULL;
    memcpy(one->key, key, strlen(key) + 1);
    one->next = *bucket;
    *bucket = one;
    all->count++;
    return one;
}

depth *depths_of(depths *all, const char *activity, const char *item, uint64_t now_ms) {
    char key[DEPTHS_KEY];
    if (!make_key(key, activity, item))
        return NULL;
    depth *one = find(*bucket_of(all, key), key);
    if (one == NULL)
        one = add(all, key);
    if (one != NULL)
        one->asked_ms = now_ms;
    return one;
}

/* `now_ms` may be one that is still to come. */
static bool is_due(const depth *one, uint64_t now_ms) {
    bool asked = now_ms < one->asked_ms + DEPTHS_INTEREST_MS;
    return asked && (one->read_ms == 0 || now_ms >= one->read_ms + DEPTHS_READ_MS);
}

depth *depths_due(depths *all, uint64_t now_ms) {
    depth *due = NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        for (depth *one = all->buckets[i]; one != NULL; one = one->next)
            if (is_due(one, now_ms) && (due == NULL || one->read_ms < due->read_ms))
                due = one;
    return due;
}

void depths_read(depth *one, uint64_t ready, uint64_t now_ms) {
    uint64_t passed = now_ms - one->read_ms, expected = one->ready + one->sent, measured = 0;
    if (one->read_ms != 0 && passed != 0 && passed <= MEASURE_MAX_MS) {
        measured = expected > ready ? (expected - ready) * 1000 / passed : 0;
        one->per_second = one->per_second == 0 ? measured : (one->per_second + measured) / 2;
    } else {
        one->per_second = 0;
    }
    one->ready = ready;
    one->sent = 0;
    one->read_ms = now_ms;
}

uint64_t depths_waiting(const depth *one) {
    return one->ready + one->sent + one->under_way;
}

uint32_t depths_wait_ms(const depth *one) {
    uint64_t waiting = depths_waiting(one);
    if (one->per_second == 0)
        return 0;
    uint64_t ms = waiting > UINT64_MAX / 1000 ? UINT64_MAX : waiting * 1000 / one->per_second;
    return ms == 0 ? 1 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

void depths_forget(depths *all) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (depth *one = all->buckets[i]; one != NULL; one = one->next) {
            one->is_declared = false;
            one->failed_ms = 0;
        }
    }
}
