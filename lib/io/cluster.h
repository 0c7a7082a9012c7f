/* Which server of a Redis Cluster serves which slot, as far as is known: a table of slots and a table of servers. No sockets.
 *
 * Servers have numbers. Number 0 is the connection to the addresses that the client was given: it has the slots of which nobody
 * is known who serves them. The last number is nobody: it has the slots of servers for whom no number is left.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_CLUSTER_H
#define SK_IO_CLUSTER_H

#include "base/memory.h"
#include "io/redirection.h"

enum {
    SK__NODE_SEED = 0,
    SK__NODE_NOBODY = SECKILL_NODES_MAX - 1,
    SK__ASKS_MAX = 64,          /* slots on their way of which it is remembered who was named */
    SK__ASK_KEPT_MS = 60 * 1000 /* and for how long that keeps a server without slots from being forgotten */
};

typedef struct sk__cluster sk__cluster;

/* All slots are of number 0 at first. NULL: out of memory. */
sk__cluster *sk__cluster_new(const seckill_allocator *allocator);
void sk__cluster_free(sk__cluster *cluster); /* NULL is allowed */

/* The number of the server that serves a slot; that the last ASK about the slot named (else as before). */
uint32_t sk__cluster_node(const sk__cluster *cluster, uint32_t slot);
uint32_t sk__cluster_asked(const sk__cluster *cluster, uint32_t slot);

/* NULL: the number is free (or 0, or nobody's). Stays where it is until the number is forgotten. */
const sk__address *sk__cluster_address(const sk__cluster *cluster, uint32_t node);
uint32_t sk__cluster_slots(const sk__cluster *cluster, uint32_t node); /* how many it serves */
uint32_t sk__cluster_servers(const sk__cluster *cluster);              /* how many there are that serve slots */

typedef enum {
    SK__NEWS_NONE,
    SK__NEWS,        /* slots are served by others than before */
    SK__NEWS_BAD,    /* garbage, or of no use; nothing was changed */
    SK__NEWS_NO_ROOM /* out of memory; nothing was changed */
} sk__news;

/* Learns from MOVED, from ASK, and from the whole answer to CLUSTER NODES of the server at `from`. */
sk__news sk__cluster_moved(sk__cluster *cluster, const sk__redirection *moved);
sk__news sk__cluster_ask(sk__cluster *cluster, const sk__redirection *named, int64_t now_ms);
sk__news sk__cluster_read(sk__cluster *cluster, const char *text, size_t size, const sk__address *from);

/* Nobody is known any more who serves the slots of this one. */
sk__news sk__cluster_disown(sk__cluster *cluster, uint32_t node);

/* Whether nothing names the server any more: no slot, no ASK. Then its number can be forgotten, and be another's. */
bool sk__cluster_is_gone(const sk__cluster *cluster, uint32_t node, int64_t now_ms);
void sk__cluster_forget(sk__cluster *cluster, uint32_t node);

#endif
