/* Do masters add up? What a grant costs all masters of a Cluster together, with 1, 2 and 3 of them.
 *
 * Cost is the processor time of all servers for each grant. The machine has too few cores to let three masters work at once,
 * so that what a second and a third add cannot be shown as a rate.
 */
#include "redis_cluster.h"
#include "shop.h"

#include <string.h>

enum { CLUSTERS = 3, SHARDS = 24, IN_FLIGHT = 32768 };

typedef struct {
    redis_cluster *cluster;
    sale shop;
    uint64_t users;
} market;

static void market_open(market *self, int masters) {
    const redis_cluster_options options = {.masters = masters, .node_timeout_ms = 15000, .lines = shop_everysec};
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    memset(self, 0, sizeof(*self));
    bench_pin_to_server();
    self->cluster = redis_cluster_start(&options);
    bench_pin_to_load();
    if (self->cluster == NULL)
        bench_fail("no cluster");
    settings.limit = 1;
    sale_open(&self->shop, redis_cluster_seeds(self->cluster));
    if (sale_define(&self->shop, SHARDS, &settings).status != SECKILL_OK ||
        sale_load(&self->shop, "all", 100000000).status != SECKILL_OK)
        bench_fail("the item could not be put on sale");
}

static void market_close(market *self) {
    sale_close(&self->shop);
    redis_cluster_free(self->cluster);
}

static double cpu_time(const redis_cluster *cluster) {
    double used = 0;

    for (int i = 0; i < redis_cluster_count(cluster); i++)
        used += bench_cpu_time(redis_server_pid(redis_cluster_node(cluster, i)));
    return used;
}

/* Microseconds of all masters' processors for each grant. */
static double cost(market *self, uint64_t grants) {
    shop_crowd crowd = {.first = self->users, .count = grants, .in_flight = IN_FLIGHT};
    double before = cpu_time(self->cluster);
    double used;

    if (shop_sell(&self->shop, &crowd).granted != grants)
        bench_fail("not everybody was granted a unit");
    used = (cpu_time(self->cluster) - before) * 1e6 / (double)grants;
    self->users += grants;
    bench_say("%d masters: %.3f us", redis_cluster_count(self->cluster), used);
    return used;
}

static void print(const char *id, const char *question, const bench_series *ours, const bench_series *other) {
    bench_row_print(&(bench_row){.id = id,
                                 .question = question,
                                 .against = "on a Cluster of 1",
                                 .unit = "us",
                                 .ours = ours,
                                 .other = other,
                                 .goal = BENCH_RATIO_AT_MOST,
                                 .limit = 1.1,
                                 .note =
                                     "processor time of all masters for each grant; one client, closed loop, 32,768 requests "
                                     "under way, 24 shards; users and request ids of 16 bytes; AOF everysec; TCP"});
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 9);
    uint64_t grants = bench_size(&options, 50000, 2000);
    bench_series used[CLUSTERS] = {{0}};
    market markets[CLUSTERS];

    for (int i = 0; i < CLUSTERS; i++) {
        market_open(&markets[i], i + 1);
        (void)cost(&markets[i], grants); /* connects, learns the slots, and has the first records */
    }
    for (int round = 0; round < options.rounds; round++)
        for (int i = 0; i < CLUSTERS; i++)
            bench_add(&used[i], cost(&markets[i], grants));
    for (int i = 0; i < CLUSTERS; i++) {
        bench_point_print("cost of a grant by masters", "us", i + 1, bench_median(&used[i]));
        market_close(&markets[i]);
    }
    print("17a", "cost of a grant on a Cluster of 2 masters", &used[1], &used[0]);
    print("17b", "cost of a grant on a Cluster of 3 masters", &used[2], &used[0]);
    return 0;
}
