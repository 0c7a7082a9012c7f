/* A private Redis Cluster (or Valkey's) for tests: servers of redis_server.h, joined by commands.
 *
 *     const redis_cluster_options options = {.masters = 3, .replicas = 1};
 *     redis_cluster *cluster = redis_cluster_start(&options);
 *     ... connect to redis_cluster_seeds(cluster) ...
 *     redis_cluster_kill(cluster, redis_cluster_master_of(cluster, slot));
 *     redis_cluster_free(cluster);
 *
 * Nodes have indices: the masters first, in the order of their slots; then a replica of each, then a second one of each; then
 * what was added. Calls that change something wait until all nodes that run know of it, and fail after 30 s, with the reason on
 * stderr. Nothing here depends on cmocka.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_REDIS_CLUSTER_H
#define SK_TESTS_REDIS_CLUSTER_H

#include "redis_server.h"

enum { REDIS_CLUSTER_MAX = 32, REDIS_CLUSTER_SLOTS = 16384 };

typedef struct redis_cluster redis_cluster;

typedef struct {
    int masters;              /* 0: 3 */
    int replicas;             /* of each */
    int node_timeout_ms;      /* 0: 1000; a dead master's slots are served again after two to three times as long */
    const char *const *lines; /* more lines of redis.conf of each, NULL at the end; NULL: none */
    bool tls;                 /* all speak TLS only; `lines` name the certificates */
} redis_cluster_options;

/* Starts the servers and waits until all slots are served and all replicas are in step. NULL, with the reason on stderr. */
redis_cluster *redis_cluster_start(const redis_cluster_options *options);

/* Kills and removes all of it. NULL is allowed. */
void redis_cluster_free(redis_cluster *cluster);

int redis_cluster_count(const redis_cluster *cluster);
redis_server *redis_cluster_node(const redis_cluster *cluster, int node);  /* for commands; those below for its life */
const char *redis_cluster_address(const redis_cluster *cluster, int node); /* "127.0.0.1:port" */
const char *redis_cluster_seeds(const redis_cluster *cluster);             /* of the masters at the start, with commas */
bool redis_cluster_runs(const redis_cluster *cluster, int node);           /* neither killed nor paused */

/* SIGKILL; SIGSTOP and SIGCONT; again on the same data and port. */
void redis_cluster_kill(redis_cluster *cluster, int node);
void redis_cluster_pause(redis_cluster *cluster, int node);
void redis_cluster_resume(redis_cluster *cluster, int node);
bool redis_cluster_restart(redis_cluster *cluster, int node);

/* Which node serves a slot: what all that run say, -1 if they do not agree or it is not one that runs. Does not wait, so that a
 * test can run its loop meanwhile. */
int redis_cluster_master_of(const redis_cluster *cluster, int slot);
/* Whether all that run say that all is well, and every replica that runs has its master. Does not wait. */
bool redis_cluster_is_well(const redis_cluster *cluster);

/* Waits until a slot is served by another than `before`; its index, or -1. */
int redis_cluster_await_failover(redis_cluster *cluster, int slot, int before);
bool redis_cluster_await_well(redis_cluster *cluster);

/* Starts a master without slots and lets it join; its index, or -1. And makes a node a replica of another. */
int redis_cluster_add(redis_cluster *cluster);
bool redis_cluster_replicate(redis_cluster *cluster, int node, int master);
/* Lets all forget a node that has no slots, and kills it. */
bool redis_cluster_remove(redis_cluster *cluster, int node);

/* Moves slots step by step: begin (from now on ASK and TRYAGAIN are answered), keys as often as wanted (moves up to `max`; how
 * many there were, -1 on an error), end (all masters are told). Or all at once. */
bool redis_cluster_move_begin(redis_cluster *cluster, int slot, int from, int to);
int redis_cluster_move_keys(redis_cluster *cluster, int slot, int from, int to, int max);
bool redis_cluster_move_end(redis_cluster *cluster, int slot, int to);
bool redis_cluster_move(redis_cluster *cluster, int first, int last, int to);

#endif
