/* Reading without a client on a Redis Cluster: a host that knows one server finds the others by what errors say, while a slot
 * moves, and when a master dies.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "redis_cluster.h"
#include "view_host.h"

#include <stdio.h>
#include <string.h>

enum { SHARDS = 3, UNITS = 30 };

typedef struct {
    redis_cluster *cluster;
    sale sale;
    view_host host;
    seckill_view *view;
    seckill_ticket ticket; /* bob's */
    unsigned writers;
} group;

static int setup(void **state) {
    static group all;
    const redis_cluster_options options = {.masters = 3, .replicas = 1};
    seckill_client_options client = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    memset(&all, 0, sizeof all);
    all.cluster = redis_cluster_start(&options);
    if (all.cluster == NULL)
        return -1;
    client.address = redis_cluster_seeds(all.cluster);
    client.timeout_ms = 30000;
    client.replicas = 1; /* so that nothing is lost with a master */
    sale_open_with(&all.sale, &client);
    settings.limit = 10;
    settings.hold_ms = 3600000;
    settings.window_ms = 3600000;
    assert_status(sale_define(&all.sale, SHARDS, &settings).status, SECKILL_OK);
    assert_status(sale_load(&all.sale, "load", UNITS).status, SECKILL_OK);
    assert_status(sale_reserve(&all.sale, "alice", "r", 2).status, SECKILL_OK);
    all.ticket = sale_enqueue(&all.sale, "bob", "waits", 1).ticket;
    view_host_open(&all.host);
    for (int node = 0; node < 3; node++)
        view_host_seed(&all.host, redis_cluster_address(all.cluster, node));
    assert_status(seckill_view_new(NULL, "sale", "phone", &all.view), SECKILL_OK);
    *state = &all;
    return 0;
}

static int teardown(void **state) {
    group *all = *state;
    seckill_view_free(all->view);
    view_host_close(&all->host);
    sale_close(&all->sale);
    redis_cluster_free(all->cluster);
    return 0;
}

/* Shards whose server is another, and that were not written to since, have no epoch yet: each reading says another. */
static void write_to_all_shards(group *all) {
    seckill_view_sale says = {.struct_size = sizeof says};
    char user[16];
    assert_status(seckill_view_get_sale(all->view, 0, &says), SECKILL_OK);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        do {
            snprintf(user, sizeof user, "w%u", all->writers++);
        } while (seckill_shard_of((seckill_bytes){user, strlen(user)}, says.seed, SHARDS) != shard);
        const sale_answer answer = sale_reserve(&all->sale, user, "r", 1);
        assert_status(answer.status, SECKILL_OK);
        assert_status(sale_cancel(&all->sale, user, answer.reservation.id).status, SECKILL_OK);
    }
}

/* All that a host can read, and that it is what a client reads. */
static void compare(group *all) {
    assert_status(view_host_item(&all->host, all->view), SECKILL_OK);
    write_to_all_shards(all);
    view_assert_item(all->view, &all->sale);
    assert_status(view_host_round(&all->host, all->view, 1), SECKILL_OK);
    view_assert_stock(all->view, &all->sale);
    view_assert_user(&all->host, all->view, "alice", &all->sale);
    view_assert_ticket(&all->host, all->view, &all->ticket, &all->sale);
}

static int slot_of_bob(group *all) {
    char key[SECKILL_SHARD_KEY_SIZE];
    (void)sale_key(&all->sale, all->ticket.shard, "stock", key);
    return (int)seckill_slot(key, strlen(key));
}

static void it_is_found_by_moved(void **state) {
    group *all = *state;
    compare(all);
    assert_in_range(all->host.moved, 1, 4); /* the list's slot and three shards': each once at most */
    const unsigned moved = all->host.moved;
    compare(all);
    assert_int_equal(all->host.moved, moved);
}

static void it_is_read_while_its_slot_moves(void **state) {
    group *all = *state;
    const int slot = slot_of_bob(all), from = redis_cluster_master_of(all->cluster, slot), to = (from + 1) % 3;
    const unsigned moved = all->host.moved;
    assert_true(redis_cluster_move_begin(all->cluster, slot, from, to));
    compare(all); /* nothing has gone yet */
    assert_int_equal(all->host.asked, 0);
    while (redis_cluster_move_keys(all->cluster, slot, from, to, 100) > 0) {
    }
    compare(all); /* all has gone, and the old server says where */
    assert_true(all->host.asked > 0);
    assert_int_equal(all->host.moved, moved);
    assert_true(redis_cluster_move_end(all->cluster, slot, to));
    compare(all);
    assert_int_equal(all->host.moved, moved + 1);
}

static void it_is_read_again_behind_a_failover(void **state) {
    group *all = *state;
    const int slot = slot_of_bob(all), master = redis_cluster_master_of(all->cluster, slot);
    assert_true(redis_cluster_await_well(all->cluster));
    redis_cluster_kill(all->cluster, master);
    assert_true(redis_cluster_await_failover(all->cluster, slot, master) >= 0);
    assert_true(redis_cluster_restart(all->cluster, master)); /* as the replica that the client waits for */
    compare(all);
    assert_true(all->host.lost > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found_by_moved),
        cmocka_unit_test(it_is_read_while_its_slot_moves),
        cmocka_unit_test(it_is_read_again_behind_a_failover),
    };
    return redis_server_available() ? cmocka_run_group_tests(tests, setup, teardown) : 77;
}
