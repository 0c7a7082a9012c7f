/* What the tests of sales on a cluster share: where the shards are, and a master that is lost while users buy.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_CLUSTER_SALE_SUPPORT_H
#define SK_TESTS_CLUSTER_SALE_SUPPORT_H

#include "redis_cluster.h"
#include "sale_crowd.h"

/* Three masters with so many replicas each; NULL is never returned: the test fails. */
redis_cluster *cluster_sale_start(int replicas, int node_timeout_ms);

/* A plan for a crowd on it: eight shards, 400 users a second. */
crowd_plan cluster_sale_plan(redis_cluster *cluster, uint32_t users, uint64_t seed);

/* The slot of a shard of "sale/phone" of eight. */
int cluster_sale_slot(uint32_t shard);

/* What happens to the master of a shard, and when. After each turn of a crowd: */
typedef struct {
    redis_cluster *cluster;
    uint32_t shard;
    uint32_t at;    /* it is lost when so many percent of the users are done, ... */
    uint32_t aside; /* ... its replica having been stopped since so many were; 0: it is not */
    void (*lose)(redis_cluster *cluster, int node);
    bool (*find)(redis_cluster *cluster, int node); /* comes back, once another has taken over; NULL: it does not */

    int master, replica;
    int state;
    int64_t lost_us, next_us, served_us; /* when it was lost, and another was found to serve */
} cluster_sale_loss;

/* For crowd_run: a cluster_sale_loss. */
void cluster_sale_lose(crowd *self, void *context);

#endif
