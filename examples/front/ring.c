/* seckill-front: the keys of --keys.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ring.h"

#include "common/options.h"

#include <stdio.h>
#include <stdlib.h>

static bool issues(const seckill_keyring *keys) {
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = {.user = {'x'}, .user_size = 1, .issued_ms = 1, .valid_until_ms = 2};
    return seckill_token_issue(keys, SECKILL_TOKEN_SESSION, &ref, token, sizeof token, NULL) == SECKILL_OK;
}

static seckill_status add_key(const char *text, size_t size, void *user_data) {
    front_ring *ring = user_data;
    ring->count++;
    return seckill_keyring_add(ring->keys, text, size);
}

static bool fill(front_ring *ring, const char *path, char trouble[256]) {
    seckill_status status = seckill_keyring_new(&ring->keys);
    if (status != SECKILL_OK) {
        snprintf(trouble, 256, "%s", seckill_status_message(status));
        return false;
    }
    if (!options_each_key(path, add_key, ring, trouble))
        return false;
    if (issues(ring->keys))
        return true;
    snprintf(trouble, 256, "no key of %s can issue tokens: a k4.local or k4.secret key is wanted", path);
    return false;
}

front_ring *front_ring_read(const char *path, size_t loops, char trouble[256]) {
    front_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL) {
        snprintf(trouble, 256, "out of memory");
        return NULL;
    }
    if (!fill(ring, path, trouble)) {
        seckill_keyring_free(ring->keys);
        free(ring);
        return NULL;
    }
    atomic_init(&ring->holders, loops);
    atomic_init(&ring->missing, loops);
    return ring;
}

bool front_ring_used(front_ring *ring) {
    return atomic_fetch_sub(&ring->missing, 1) == 1;
}

void front_ring_release(front_ring *ring) {
    if (ring == NULL || atomic_fetch_sub(&ring->holders, 1) != 1)
        return;
    seckill_keyring_free(ring->keys);
    free(ring);
}
