/* The connections to all servers: one to the addresses that the client was given, and once one of these says that it is of a
 * Redis Cluster, one to each server that serves slots which somebody asks for; made when they are first needed. With `replicas`
 * each has a second one beside it, for commands whose answers wait (see lasting.h).
 *
 * What is known of the cluster begins with the first MOVED, ASK or CLUSTERDOWN; until then it costs nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_NODES_H
#define SK_IO_NODES_H

#include "io/connection.h"

typedef struct sk__nodes sk__nodes;

typedef struct {
    void (*on_up)(void *owner, uint32_t node);
    void (*on_down)(void *owner, uint32_t node, seckill_status status, const char *cause);
    void (*on_moved)(void *owner);
    void (*on_wish)(void *owner);   /* wants sk__nodes_turn and sk__nodes_flush before the loop blocks */
    void (*on_closed)(void *owner); /* memory is freed */
    void *owner;
} sk__nodes_events;

typedef struct {
    const sk__address *seeds; /* copied */
    uint32_t seed_count;
    uint32_t replicas;
    sk__connection_config connection; /* of each, but for addresses and events */
    sk__nodes_events events;
} sk__nodes_config;

/* NULL: out of memory. Until they are started they can be discarded. */
sk__nodes *sk__nodes_new(const sk__nodes_config *config);
void sk__nodes_discard(sk__nodes *nodes);

void sk__nodes_start(sk__nodes *nodes, uv_loop_t *loop);

/* As those of sk__transport. */
uint32_t sk__nodes_node(const sk__nodes *nodes, uint32_t slot);
seckill_status sk__nodes_send(sk__nodes *nodes, const sk__sending *sending, sk__reply_cb cb, void *context);
const char *sk__nodes_trouble(const sk__nodes *nodes, uint32_t number);
void sk__nodes_address(const sk__nodes *nodes, uint32_t number, char *text, size_t size);

/* Tells what has moved and closes what is not needed any more; writes what was sent. Neither from a reply's callback or an
 * event. */
void sk__nodes_turn(sk__nodes *nodes);
void sk__nodes_flush(sk__nodes *nodes);

/* Numbers. */
bool sk__nodes_are_up(const sk__nodes *nodes);               /* every connection that is needed is up, and there is one */
const char *sk__nodes_first_trouble(const sk__nodes *nodes); /* of one that is needed; "" */
uint64_t sk__nodes_connections(const sk__nodes *nodes);      /* made */
uint64_t sk__nodes_redirections(const sk__nodes *nodes);
uint64_t sk__nodes_known(const sk__nodes *nodes);

/* Loses what is outstanding ("closed") before it returns; on_closed, and no other event, comes later. Not from a reply's
 * callback or an event. */
void sk__nodes_close(sk__nodes *nodes);

#endif
