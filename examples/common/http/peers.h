/* http: the connections of all servers of a process: how many there are, and how many have come from each address. Threads may
 * use it at the same time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { HTTP_PEERS_BUCKETS = 4096 };

/* An address with connections; its memory is there only while it has some. */
typedef struct http_peer http_peer;

typedef struct {
    atomic_size_t connections;
    uv_mutex_t mutex; /* of what follows */
    uint64_t seed[2]; /* chosen by chance: nobody knows which addresses meet in one bucket */
    http_peer *buckets[HTTP_PEERS_BUCKETS];
} http_peers;

/* 0, or a libuv error. */
int http_peers_init(http_peers *peers);
void http_peers_free(http_peers *peers);

/* Counts a connection from this address, as text; those of one IPv6 network of 64 bits are one, as one subscriber has them all.
 * NULL: it has as many as it may have, or there is no memory. */
http_peer *http_peers_enter(http_peers *peers, const char *address, uint32_t most);
void http_peers_leave(http_peers *peers, http_peer *peer);

#endif
