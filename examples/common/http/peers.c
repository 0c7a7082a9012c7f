/* See peers.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "peers.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct http_peer {
    http_peer *next;
    uint64_t network;
    uint32_t connections;
};

int http_peers_init(http_peers *peers) {
    memset(peers, 0, sizeof *peers);
    int error = uv_random(NULL, NULL, peers->seed, sizeof peers->seed, 0, NULL);
    return error != 0 ? error : uv_mutex_init(&peers->mutex);
}

void http_peers_free(http_peers *peers) {
    uv_mutex_destroy(&peers->mutex);
}

/* An IPv4 address as it stands in ::ffff:0:0/96, less its zeros in front: no peer has such a network in IPv6. */
static uint64_t network_of(const char *address) {
    unsigned char bytes[16] = {0};
    uint64_t network = 0;
    if (inet_pton(AF_INET, address, bytes + 4) == 1)
        bytes[2] = bytes[3] = 0xff;
    else
        (void)inet_pton(AF_INET6, address, bytes);
    for (int i = 0; i < 8; i++)
        network = network << 8 | bytes[i];
    return network;
}

static http_peer **bucket_of(http_peers *peers, uint64_t network) {
    uint64_t hash = (network ^ peers->seed[0]) * (peers->seed[1] | 1);
    return &peers->buckets[hash >> 32 & (HTTP_PEERS_BUCKETS - 1)];
}

/* A new one has no connections. */
static http_peer *find_or_add(http_peers *peers, uint64_t network) {
    http_peer **bucket = bucket_of(peers, network), *peer = *bucket;
    while (peer != NULL && peer->network != network)
        peer = peer->next;
    if (peer != NULL || (peer = calloc(1, sizeof *peer)) == NULL)
        return peer;
    peer->network = network;
    peer->next = *bucket;
    *bucket = peer;
    return peer;
}

http_peer *http_peers_enter(http_peers *peers, const char *address, uint32_t most) {
    uint64_t network = network_of(address);
    uv_mutex_lock(&peers->mutex);
    http_peer *peer = find_or_add(peers, network);
    if (peer != NULL && peer->connections >= most)
        peer = NULL;
    else if (peer != NULL)
        peer->connections++;
    uv_mutex_unlock(&peers->mutex);
    return peer;
}

void http_peers_leave(http_peers *peers, http_peer *peer) {
    uv_mutex_lock(&peers->mutex);
    if (--peer->connections == 0) {
        http_peer **at = bucket_of(peers, peer->network);
        while (*at != peer)
            at = &(*at)->next;
        *at = peer->next;
        free(peer);
    }
    uv_mutex_unlock(&peers->mutex);
}
