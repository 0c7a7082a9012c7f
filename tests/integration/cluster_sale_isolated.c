/* A master of a cluster is cut off from everybody while users buy, goes on alone for a while, and comes back when another has
 * taken its place: nothing is lost that anybody was told, and nothing that it believed alone counts.
 *
 * All of it is in a network of its own, where nft drops what goes to or comes from that node: its ports, and the address from
 * which it connects. Where that cannot be had the test is skipped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster_sale_support.h"
#include "test_run.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE "127.0.0.77" /* from which the node that is cut off connects to others */

/* ---- a network of our own ---- */

static bool run(const char *command) {
    return system(command) == 0;
}

/* Before any thread is there. A user who is not root is root in it. */
static bool has_own_network(void) {
    char map[64];
    unsigned uid = geteuid();
    FILE *file;

    if (uid == 0)
        return unshare(CLONE_NEWNET) == 0 && run("{ ip link set lo up && nft list ruleset && ss -H; } >/dev/null 2>&1");
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || (file = fopen("/proc/self/uid_map", "we")) == NULL)
        return false;
    (void)snprintf(map, sizeof(map), "0 %u 1", uid);
    (void)fputs(map, file);
    return fclose(file) == 0 && run("{ ip link set lo up && nft list ruleset && ss -H; } >/dev/null 2>&1");
}

static int port_of(redis_cluster *cluster, int node) {
    return (int)strtol(strchr(redis_cluster_address(cluster, node), ':') + 1, NULL, 10);
}

static int bus_port_of(redis_cluster *cluster, int node) {
    redisReply *reply = redis_server_command(redis_cluster_node(cluster, node), "CLUSTER NODES");
    const char *at;
    char address[32];
    int port;

    assert_non_null(reply);
    (void)snprintf(address, sizeof(address), "%s@", redis_cluster_address(cluster, node));
    at = strstr(reply->str, address);
    assert_non_null(at);
    port = (int)strtol(at + strlen(address), NULL, 10);
    redis_server_forget(reply);
    return port;
}

static void configure(redis_cluster *cluster, int node, const char *name, const char *value) {
    redisReply *reply = redis_server_command(redis_cluster_node(cluster, node), "CONFIG SET %s %s", name, value);

    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    redis_server_forget(reply);
}

/* The local ports of its connections, in and out, with commas between. */
static void list_ports(redis_cluster *cluster, int node, char *list, size_t size) {
    FILE *lines = popen("ss -tnpH state established", "re");
    char line[512], whose[32];
    int at = snprintf(list, size, "%d, %d", port_of(cluster, node), bus_port_of(cluster, node));

    assert_non_null(lines);
    (void)snprintf(whose, sizeof(whose), "pid=%d,", (int)redis_server_pid(redis_cluster_node(cluster, node)));
    while (fgets(line, sizeof(line), lines) != NULL) {
        const char *local = strstr(line, "127.0.0.1:"); /* its own side comes first */

        if (strstr(line, whose) != NULL && local != NULL)
            at += snprintf(list + at, size - (size_t)at, ", %ld", strtol(strchr(local, ':') + 1, NULL, 10));
        assert_in_range(at, 1, size - 16);
    }
    assert_int_equal(pclose(lines), 0);
}

/* Connections that it makes from now on come from an address of their own; those that are there are known by their ports. */
static void cut_off(redis_cluster *cluster, int node) {
    char ports[4096], rules[9000];

    configure(cluster, node, "cluster-announce-ip", "127.0.0.1");
    configure(cluster, node, "bind-source-addr", SOURCE);
    list_ports(cluster, node, ports, sizeof(ports));
    (void)snprintf(rules, sizeof(rules),
                   "nft 'add table ip cut; add chain ip cut in { type filter hook input priority 0; };"
                   "add rule ip cut in ip saddr " SOURCE " drop; add rule ip cut in ip daddr " SOURCE " drop;"
                   "add rule ip cut in tcp sport { %s } drop; add rule ip cut in tcp dport { %s } drop'",
                   ports, ports);
    assert_true(run(rules));
}

static bool says(redis_cluster *cluster, int node, const char *command, const char *text) {
    redisReply *reply = redis_server_command(redis_cluster_node(cluster, node), command);
    bool found = reply != NULL && strstr(reply->str, text) != NULL;

    redis_server_forget(reply);
    return found;
}

/* It is still the master of its slots, and alone. */
static bool rejoin(redis_cluster *cluster, int node) {
    assert_true(says(cluster, node, "INFO replication", "role:master"));
    assert_true(says(cluster, node, "CLUSTER INFO", "cluster_state:fail"));
    return run("nft delete table ip cut");
}

/* ---- */

static void run_once(uint64_t seed) {
    redis_cluster *cluster = cluster_sale_start(1, 1000);
    cluster_sale_loss loss = {.cluster = cluster, .shard = (uint32_t)(seed % 8), .at = 30};
    crowd_plan plan = cluster_sale_plan(cluster, 1600, seed);
    static crowd c;

    loss.lose = cut_off;
    loss.find = rejoin;
    plan.replicas = 1;
    crowd_open(&c, &plan);
    crowd_run(&c, cluster_sale_lose, &loss);
    assert_true(loss.served_us != 0);
    print_message("the master was cut off; another served %lld ms later\n", (long long)(loss.served_us - loss.lost_us) / 1000);
    assert_true(redis_cluster_await_well(cluster));
    assert_true(says(cluster, loss.master, "INFO replication", "role:slave"));
    crowd_finish_work(&c);
    crowd_check(&c);
    crowd_close(&c);
    redis_cluster_free(cluster);
}

static void a_master_is_cut_off_and_comes_back(void **state) {
    uint64_t seed = test_run_seed();

    (void)state;
    for (int i = 0; i < (test_run_is_full() ? 10 : 1); i++)
        run_once(test_run_below(&seed, UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_master_is_cut_off_and_comes_back),
    };

    if (!redis_server_available() || !has_own_network())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
