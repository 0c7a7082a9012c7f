/* What the tests of sales on a cluster share. */
#include "cluster_sale_support.h"

#include <string.h>

enum { SHARDS = 8, LOOK_US = 50000, ASIDE_US = 300000 };

/* What comes next. */
enum { WAITS, REPLICA_IS_ASIDE, IS_LOST, IS_BACK };

redis_cluster *cluster_sale_start(int replicas, int node_timeout_ms) {
    static const char *const lines[] = {"cluster-require-full-coverage no", NULL};
    const redis_cluster_options options = {
        .masters = 3, .replicas = replicas, .node_timeout_ms = node_timeout_ms, .lines = lines};
    redis_cluster *cluster = redis_cluster_start(&options);

    assert_non_null(cluster);
    return cluster;
}

crowd_plan cluster_sale_plan(redis_cluster *cluster, uint32_t users, uint64_t seed) {
    crowd_plan plan = {.users = users, .each_second = 400, .shards = SHARDS, .most = 2, .units = users, .clients = 2};

    plan.server = redis_cluster_node(cluster, 0);
    plan.address = redis_cluster_seeds(cluster);
    plan.timeout_ms = 1000;
    plan.command_timeout_ms = 300;
    plan.seed = seed;
    return plan;
}

int cluster_sale_slot(uint32_t shard) {
    char tag[SECKILL_TAG_SIZE], key[SECKILL_SHARD_KEY_SIZE];

    assert_status(seckill_shard_tag("sale", "phone", shard, SHARDS, tag), SECKILL_OK);
    assert_status(seckill_shard_key("seckill", "sale", "phone", tag, "stock", key), SECKILL_OK);
    return (int)seckill_slot(key, strlen(key));
}

/* Its replica says so; what the lost one says does not count. */
static bool has_new_master(const cluster_sale_loss *loss) {
    redisReply *info = redis_server_command(redis_cluster_node(loss->cluster, loss->replica), "INFO replication");
    bool leads = info != NULL && strstr(info->str, "role:master") != NULL;

    redis_server_forget(info);
    return leads;
}

/* Its replica has nothing of what the master does from now on; others do not miss it for so short a time. */
static void put_aside(cluster_sale_loss *loss) {
    loss->master = redis_cluster_master_of(loss->cluster, cluster_sale_slot(loss->shard));
    assert_in_range(loss->master, 0, 2);
    loss->replica = loss->master + 3;
    if (loss->aside == 0)
        return;
    redis_cluster_pause(loss->cluster, loss->replica);
    /* Else it would find in its socket what was sent to it. */
    redis_server_forget(redis_server_command(redis_cluster_node(loss->cluster, loss->master), "CLIENT KILL TYPE replica"));
}

void cluster_sale_lose(crowd *self, void *context) {
    cluster_sale_loss *loss = context;
    int64_t now = sale_now_us();

    if (loss->state == WAITS && crowd_done(self) >= (loss->aside != 0 ? loss->aside : loss->at)) {
        put_aside(loss);
        loss->state = REPLICA_IS_ASIDE;
        loss->next_us = now + ASIDE_US;
    }
    if (loss->state == REPLICA_IS_ASIDE && (crowd_done(self) >= loss->at || (loss->aside != 0 && now >= loss->next_us))) {
        loss->lose(loss->cluster, loss->master);
        if (loss->aside != 0)
            redis_cluster_resume(loss->cluster, loss->replica);
        loss->lost_us = now;
        loss->state = IS_LOST;
    }
    if (loss->state != IS_LOST || now < loss->next_us)
        return;
    loss->next_us = now + LOOK_US;
    if (!has_new_master(loss))
        return;
    loss->served_us = now;
    loss->state = IS_BACK;
    if (loss->find != NULL)
        assert_true(loss->find(loss->cluster, loss->master));
}
