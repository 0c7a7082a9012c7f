/* lib/io with a real cluster.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_load.h"

#include "redis_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A failover takes some seconds, and more where the machine is busy: an election that fails is held again later. */
enum { SKIPPED = 77, LAST_SLOT = REDIS_CLUSTER_SLOTS - 1, FAILOVER_MS = 60000 };

static redis_cluster *start_with(io_test *test, const redis_cluster_options *options) {
    redis_cluster *cluster = redis_cluster_start(options);

    assert_non_null(cluster);
    test->config.address = redis_cluster_seeds(cluster);
    test->config.reconnect_min_ms = 5;
    test->config.reconnect_max_ms = 100;
    test->config.command_timeout_ms = 5000;
    test->config.connect_timeout_ms = 5000;
    test->log.level = SECKILL_LOG_WARNING;
    return cluster;
}

static redis_cluster *start(io_test *test, int masters, int replicas) {
    static const char *const lines[] = {"cluster-require-full-coverage no", NULL};
    const redis_cluster_options options = {.masters = masters, .replicas = replicas, .lines = lines};

    return start_with(test, &options);
}

static uint32_t node_of(const io_test *test, uint32_t slot) {
    const sk__transport *transport = sk__io_transport(test->io);

    return transport->node(transport, slot);
}

/* Every counter is what was answered, or more where an answer was lost: nothing is forgotten. */
static void assert_counted(const io_load *load) {
    for (int i = 0; i < load->count; i++)
        assert_in_range(load->jobs[i].counted, load->jobs[i].done, load->jobs[i].done + load->jobs[i].unknown);
}

/* Until every job was answered twice more; of the first of these answers the server that was killed may have been the author.
 */
static void await_failover(io_load *load) {
    int goals[JOBS_MAX];

    for (int i = 0; i < load->count; i++)
        goals[i] = load->jobs[i].done + 2;
    io_test_take_time(load->test, FAILOVER_MS);
    for (int i = 0; i < load->count; i++)
        io_test_until(load->test, (io_load_push(load), load->jobs[i].done >= goals[i]));
}

/* ---- */

static void finds_all_masters(void **state) {
    io_test *test = *state;
    redis_cluster *cluster = start(test, 3, 0);
    static io_load load;

    io_test_open(test);
    io_load_begin(&load, test, 60, false);
    io_load_run(&load, 20);
    io_load_stop(&load);
    assert_counted(&load);
    assert_int_equal(sk__io_servers(test->io), 3);
    assert_true(sk__io_is_up(test->io));
    assert_string_equal(sk__io_trouble(test->io), "");
    /* The seed is asked first and sends on what is not its own, once for each slot at most. */
    assert_in_range(load.moved, 1, 60);
    assert_int_equal(sk__io_redirections(test->io), load.moved);
    assert_int_equal(sk__io_connections(test->io), 4);
    assert_int_equal(test->downs, 0);
    assert_true(node_of(test, 0) != node_of(test, LAST_SLOT));
    for (uint32_t slot = 0; slot < REDIS_CLUSTER_SLOTS; slot++)
        assert_in_range(node_of(test, slot), 1, SECKILL_NODES_MAX - 2);
    redis_cluster_free(cluster);
}

static void a_killed_master_is_followed_by_its_replica(void **state) {
    io_test *test = *state;
    redis_cluster *cluster = start(test, 3, 1);
    static io_load load;
    int before[60], masters[60];

    io_test_open(test);
    io_load_begin(&load, test, 60, false);
    io_load_run(&load, 5);
    for (int i = 0; i < 60; i++) {
        masters[i] = redis_cluster_master_of(cluster, (int)load.jobs[i].slot);
        before[i] = load.jobs[i].done;
    }
    redis_cluster_kill(cluster, masters[0]);
    /* One answer may have been on its way. */
    io_test_take_time(test, FAILOVER_MS);
    io_test_until(test, (io_load_push(&load), load.jobs[0].done - before[0] >= 2));
    /* The others went on meanwhile. */
    for (int i = 0; i < 60; i++)
        assert_true(masters[i] == masters[0] || load.jobs[i].done - before[i] > 100);
    io_load_run(&load, 20);
    io_load_stop(&load);
    assert_true(sk__io_is_up(test->io));
    assert_int_equal(sk__io_servers(test->io), 3);
    redis_cluster_free(cluster);
}

/* It hangs: those that others serve go on, and it goes on when it does. A node timeout that is long, so that it stays master.
 */
static void a_master_that_hangs_holds_up_only_its_own(void **state) {
    static const char *const lines[] = {"cluster-require-full-coverage no", NULL};
    const redis_cluster_options options = {.masters = 3, .node_timeout_ms = 30000, .lines = lines};
    io_test *test = *state;
    redis_cluster *cluster = start_with(test, &options);
    static io_load load;
    int before[60], masters[60], hung, least;

    test->config.command_timeout_ms = 100;
    io_test_open(test);
    io_load_begin(&load, test, 60, false);
    io_load_run(&load, 5);
    hung = redis_cluster_master_of(cluster, (int)load.jobs[0].slot);
    for (int i = 0; i < 60; i++) {
        masters[i] = redis_cluster_master_of(cluster, (int)load.jobs[i].slot);
        before[i] = load.jobs[i].done;
    }
    io_test_take_time(test, FAILOVER_MS);
    redis_cluster_pause(cluster, hung);
    /* Long enough for its commands to be given up, and for the map to be asked of it in vain. */
    do {
        io_load_push(&load);
        io_test_run_once(test);
        least = 1 << 30;
        for (int i = 0; i < 60; i++)
            if (masters[i] != hung && load.jobs[i].done - before[i] < least)
                least = load.jobs[i].done - before[i];
        /* Its kernel goes on taking connections, which are up until their first command is given up. */
    } while ((least < 500 || test->downs < 3 || sk__io_is_up(test->io)) && !test->late);
    assert_true(least >= 500);
    assert_false(sk__io_is_up(test->io));
    assert_true(sk__io_trouble(test->io)[0] != '\0');
    for (int i = 0; i < 60; i++)
        assert_true(masters[i] != hung || load.jobs[i].done - before[i] <= 1);
    redis_cluster_resume(cluster, hung);
    io_load_run(&load, 20);
    io_load_stop(&load);
    assert_counted(&load);
    io_test_until(test, sk__io_is_up(test->io));
    redis_cluster_free(cluster);
}

/* Where one dead master takes all with it, as Redis has it by default, all wait, and go on by themselves. */
static void clusterdown_is_waited_for(void **state) {
    const redis_cluster_options options = {.masters = 3, .replicas = 1, .node_timeout_ms = 500};
    io_test *test = *state;
    redis_cluster *cluster = start_with(test, &options);
    static io_load load;

    io_test_open(test);
    io_load_begin(&load, test, 40, false);
    io_load_run(&load, 5);
    redis_cluster_kill(cluster, redis_cluster_master_of(cluster, (int)load.jobs[0].slot));
    await_failover(&load);
    io_load_run(&load, 20);
    io_load_stop(&load);
    assert_true(load.lost > 0);
    redis_cluster_free(cluster);
}

/* ---- slots that move */

static void a_slot_moves_while_it_is_used(void **state) {
    io_test *test = *state;
    redis_cluster *cluster = start(test, 3, 0);
    int slot, from, to, done;
    static io_load load;

    io_test_open(test);
    io_load_begin(&load, test, 30, true);
    io_load_run(&load, 5);
    slot = (int)load.jobs[0].slot;
    for (int round = 0; round < 3; round++) {
        int try_agains = load.try_agains, asks = load.asks;

        from = redis_cluster_master_of(cluster, slot);
        to = (from + 1) % 3;
        assert_true(redis_cluster_move_begin(cluster, slot, from, to));
        io_load_run_others(&load, 5, 0);
        /* One of the two keys is there, the other here. */
        assert_int_equal(redis_cluster_move_keys(cluster, slot, from, to, 1), 1);
        done = load.jobs[0].done;
        io_load_run_others(&load, 20, 0);
        assert_true(load.try_agains > try_agains);
        assert_in_range(load.jobs[0].done - done, 0, 1); /* what was on its way */
        assert_int_equal(redis_cluster_move_keys(cluster, slot, from, to, 100), 1);
        io_load_run(&load, 10); /* by ASK now */
        assert_true(load.asks - asks >= 9);
        assert_true(redis_cluster_move_end(cluster, slot, to));
        io_load_run(&load, 10);
        assert_true(node_of(test, (uint32_t)slot) != 0);
    }
    io_load_stop(&load);
    assert_counted(&load);
    assert_int_equal(load.lost, 0);
    assert_int_equal(test->downs, 0);
    redis_cluster_free(cluster);
}

/* The slots of the first jobs go to a new node, then to a newer one, and the first new one goes. */
static void a_node_comes_and_another_goes(void **state) {
    io_test *test = *state;
    redis_cluster *cluster = start(test, 3, 0);
    int fresh = 0, before = 0;
    static io_load load;

    io_test_open(test);
    io_load_begin(&load, test, 60, false);
    io_load_run(&load, 5);
    for (int round = 0; round < 2; round++) {
        before = fresh;
        fresh = redis_cluster_add(cluster);
        assert_int_equal(fresh, 3 + round);
        for (int i = 0; i < 15; i++) {
            assert_true(redis_cluster_move(cluster, (int)load.jobs[i].slot, (int)load.jobs[i].slot, fresh));
            io_load_run(&load, 2);
        }
        io_test_until(test, (io_load_push(&load), sk__io_servers(test->io) == 4));
        assert_int_equal(node_of(test, load.jobs[0].slot), node_of(test, load.jobs[14].slot));
    }
    assert_true(redis_cluster_remove(cluster, before));
    io_load_run(&load, 20);
    io_test_until(test, (io_load_push(&load), sk__io_servers(test->io) == 4 && sk__io_is_up(test->io)));
    io_load_stop(&load);
    assert_counted(&load);
    assert_int_equal(load.lost, 0); /* its connection was closed before it went */
    redis_cluster_free(cluster);
}

/* ---- replicas */

/* What was answered is with the replica: nothing of it is missing after its master is killed. */
static void what_lasts_survives_a_failover(void **state) {
    io_test *test = *state;
    redis_cluster *cluster = start(test, 3, 1);
    static io_load load;

    test->config.replicas = 1;
    io_test_open(test);
    io_load_begin(&load, test, 60, false);
    for (int i = 0; i < 60; i++)
        load.jobs[i].lasting = true;
    io_load_run(&load, 50);
    for (int round = 0; round < 2; round++) {
        int master = redis_cluster_master_of(cluster, (int)load.jobs[round].slot);

        redis_cluster_kill(cluster, master);
        assert_true(redis_cluster_await_failover(cluster, (int)load.jobs[round].slot, master) >= 0);
        io_test_more_time(test);
        /* Alone, it has no replica. */
        io_test_until(test, (io_load_push(&load), load.unreplicated > 0));
        assert_true(redis_cluster_restart(cluster, master));
        assert_true(redis_cluster_await_well(cluster));
        io_load_run(&load, 50);
        load.unreplicated = 0;
    }
    io_load_stop(&load);
    assert_counted(&load);
    redis_cluster_free(cluster);
}

/* ---- rights */

static void a_client_that_may_not_ask_for_the_map(void **state) {
    io_test *test = *state;
    redis_cluster *cluster = start(test, 3, 1);
    static io_load load;
    int killed;

    for (int i = 0; i < redis_cluster_count(cluster); i++)
        redis_server_forget(
            redis_server_command(redis_cluster_node(cluster, i), "ACL SETUSER alice on >wonderland ~* +@all -cluster"));
    test->config.user = "alice";
    test->config.password = "wonderland";
    io_test_open(test);
    io_load_begin(&load, test, 60, false);
    io_load_run(&load, 5);
    assert_non_null(strstr(test->logged, "CLUSTER NODES is refused"));
    assert_null(strstr(strstr(test->logged, "is refused") + 1, "is refused"));
    /* Not the seed's: that has to send on. */
    killed = redis_cluster_master_of(cluster, REDIS_CLUSTER_SLOTS - 1);
    redis_cluster_kill(cluster, killed);
    await_failover(&load);
    io_load_run(&load, 20);
    io_load_stop(&load);
    redis_cluster_free(cluster);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(finds_all_masters),
        TEST(a_killed_master_is_followed_by_its_replica),
        TEST(a_master_that_hangs_holds_up_only_its_own),
        TEST(clusterdown_is_waited_for),
        TEST(a_slot_moves_while_it_is_used),
        TEST(a_node_comes_and_another_goes),
        TEST(what_lasts_survives_a_failover),
        TEST(a_client_that_may_not_ask_for_the_map),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
