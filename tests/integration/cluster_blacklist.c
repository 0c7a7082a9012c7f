/* The blacklist, and what may be used once, on a Redis Cluster: while their slots move, and when their master dies.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "blacklist_support.h"
#include "redis_cluster.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    redis_cluster *cluster;
    sale writer, reader;
} group;

static int setup(void **state) {
    static group all;
    const redis_cluster_options options = {.masters = 3, .replicas = 1};
    seckill_client_options client = SECKILL_CLIENT_OPTIONS_INIT;
    memset(&all, 0, sizeof all);
    all.cluster = redis_cluster_start(&options);
    if (all.cluster == NULL)
        return -1;
    client.address = redis_cluster_seeds(all.cluster);
    client.timeout_ms = 30000;
    client.replicas = 1;
    sale_open_with(&all.writer, &client);
    client.replicas = 0;
    sale_open_with(&all.reader, &client);
    *state = &all;
    return 0;
}

static int teardown(void **state) {
    group *all = *state;
    sale_close(&all->writer);
    sale_close(&all->reader);
    redis_cluster_free(all->cluster);
    return 0;
}

static int slot_of(const char *key) {
    return (int)seckill_slot(key, strlen(key));
}

static void list_one(group *all, unsigned number) {
    char user[16];
    snprintf(user, sizeof user, "u%u", number);
    assert_status(blacklist_list(&all->writer, "user", user, NULL, 0, 0).status, SECKILL_OK);
}

static void check_all(group *all, unsigned count) {
    char user[16];
    blacklist_catch_up(&all->reader);
    for (unsigned i = 0; i < count; i++) {
        snprintf(user, sizeof user, "u%u", i);
        assert_status(blacklist_local(&all->reader, "user", user), SECKILL_BLACKLISTED);
    }
    assert_int_equal(blacklist_read_all(&all->writer, 50, NULL, NULL), count);
}

static void it_is_followed_while_its_slot_moves(void **state) {
    group *all = *state;
    int slot = slot_of("seckill:{blacklist}:head"), from = redis_cluster_master_of(all->cluster, slot), to = (from + 1) % 3;
    unsigned count = 0;
    for (; count < 40; count++)
        list_one(all, count);
    blacklist_follow(&all->reader);
    assert_true(redis_cluster_move_begin(all->cluster, slot, from, to));
    /* Before the first key has gone, and after the last: in between Redis says TRYAGAIN to who names several. */
    for (; count < 50; count++)
        list_one(all, count);
    while (redis_cluster_move_keys(all->cluster, slot, from, to, 100) > 0) {
    }
    for (; count < 60; count++)
        list_one(all, count);
    assert_true(redis_cluster_move_end(all->cluster, slot, to));
    for (; count < 70; count++)
        list_one(all, count);
    check_all(all, count);
    assert_int_equal(blacklist_state(&all->reader).loads, 1);
}

/* With `replicas` what was answered is with the replica: nothing is lost, and the copy need not be read anew. */
static void it_survives_its_master(void **state) {
    group *all = *state;
    int slot = slot_of("seckill:{blacklist}:head"), master = redis_cluster_master_of(all->cluster, slot);
    unsigned count = 70;
    assert_true(redis_cluster_await_well(all->cluster));
    redis_cluster_kill(all->cluster, master);
    assert_true(redis_cluster_await_failover(all->cluster, slot, master) >= 0);
    assert_true(redis_cluster_restart(all->cluster, master)); /* as the replica that the writer waits for */
    list_one(all, count++);
    check_all(all, count);
    assert_int_equal(blacklist_state(&all->reader).loads, 1);
}

typedef struct {
    seckill_status status;
    bool done;
} used;

static void on_used(const seckill_once_result *result, void *user_data) {
    *(used *)user_data = (used){result->status, true};
}

static seckill_status use(sale *self, const char *id, const char *holder, int64_t until_ms) {
    seckill_once_options options = SECKILL_ONCE_OPTIONS_INIT;
    used answer = {0};
    options.id = (seckill_bytes){id, strlen(id)};
    options.holder = (seckill_bytes){holder, strlen(holder)};
    options.until_ms = until_ms;
    assert_status(seckill_once(self->client, &options, on_used, &answer), SECKILL_OK);
    sale_run_until(self, &answer.done);
    return answer.status;
}

static void what_is_used_is_used_on_all_masters(void **state) {
    group *all = *state;
    int64_t until = blacklist_now(&all->writer) + 300000;
    for (unsigned i = 0; i < 64; i++) {
        char id[16];
        snprintf(id, sizeof id, "id-%u", i);
        assert_status(use(&all->writer, id, "alice", until), SECKILL_OK);
        assert_status(use(&all->reader, id, "mallory", until), SECKILL_CONFLICT);
        assert_status(use(&all->reader, id, "alice", until), SECKILL_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_followed_while_its_slot_moves),
        cmocka_unit_test(it_survives_its_master),
        cmocka_unit_test(what_is_used_is_used_on_all_masters),
    };
    return redis_server_available() ? cmocka_run_group_tests(tests, setup, teardown) : 77;
}
