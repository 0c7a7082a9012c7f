/* A node of a cluster stands still for a while under load, too short for another to take over: users of other shards are served
 * meanwhile as if nothing were, and its own afterwards.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cluster_sale_support.h"
#include "test_run.h"

#include <string.h>

enum { STOP_US = 2000000, MARGIN_US = 500000 };

typedef struct {
    redis_cluster *cluster;
    int node;
    int64_t stopped_us, resumed_us;
} halt;

static void stop_and_resume(crowd *c, void *context) {
    halt *self = context;
    int64_t now = sale_now_us();

    if (self->stopped_us == 0 && crowd_done(c) >= 20) {
        redis_cluster_pause(self->cluster, self->node);
        self->stopped_us = now;
    }
    if (self->stopped_us != 0 && self->resumed_us == 0 && now >= self->stopped_us + STOP_US) {
        redis_cluster_resume(self->cluster, self->node);
        self->resumed_us = now;
    }
}

static bool is_at(const halt *self, const uint8_t *seed, const crowd_user *user, const int *masters) {
    seckill_bytes name = {user->name, strlen(user->name)};

    return masters[seckill_shard_of(name, seed, 8)] == self->node;
}

typedef struct {
    uint32_t count, late;
    int64_t longest_us;
} waits;

static void add_wait(waits *self, int64_t us) {
    self->count++;
    self->late += us > MARGIN_US * (int64_t)slowness();
    if (us > self->longest_us)
        self->longest_us = us;
}

/* Those who came while it stood still, in time to be served before it went on. */
static void check_service(crowd *c, const halt *self, const int *masters) {
    sale_item_answer info = sale_get(&c->shop.sale);
    waits others[2] = {{0, 0, 0}, {0, 0, 0}}, own = {0, 0, 0}; /* others: at once, and by the queue */

    for (uint32_t i = 0; i < c->plan.users; i++) {
        const crowd_user *user = &c->users[i];
        const sale_claim *claim = &user->claim;
        int64_t took_us = claim->answered_us - claim->asked_us;

        if (claim->asked_us < self->stopped_us || claim->asked_us > self->resumed_us - MARGIN_US)
            continue;
        if (!is_at(self, info.seed, user, masters)) {
            add_wait(&others[user->queues], took_us);
            continue;
        }
        add_wait(&own, took_us);
        assert_true(claim->answered_us >= self->resumed_us);
    }
    print_message("of other shards %u users waited %lld ms at most and %u in queues %lld ms; %u waited for the node\n",
                  others[0].count, (long long)others[0].longest_us / 1000, others[1].count,
                  (long long)others[1].longest_us / 1000, own.count);
    assert_true(others[0].count > 50 && others[1].count > 50 && own.count > 20);
    assert_true(others[0].late == 0);
    assert_true(others[1].late == 0);
}

/* False: this process stood still for so long itself that it says nothing. */
static bool run_once(uint64_t seed) {
    redis_cluster *cluster = cluster_sale_start(0, 10000);
    crowd_plan plan = cluster_sale_plan(cluster, 1600, seed);
    halt self = {cluster, -1, 0, 0};
    int masters[8];
    bool counts;
    static crowd c;

    plan.units *= 2; /* nobody has to ask other shards */
    plan.timeout_ms = 5000;
    crowd_open(&c, &plan);
    for (uint32_t i = 0; i < 8; i++)
        masters[i] = redis_cluster_master_of(cluster, cluster_sale_slot(i));
    self.node = masters[0];
    crowd_run(&c, stop_and_resume, &self);
    assert_true(self.resumed_us != 0);
    counts = c.longest_turn_us < MARGIN_US / 4;
    if (counts)
        check_service(&c, &self, masters);
    else
        print_message("the machine was busy for %lld ms\n", (long long)c.longest_turn_us / 1000);
    crowd_finish_work(&c);
    crowd_check(&c);
    crowd_close(&c);
    redis_cluster_free(cluster);
    return counts;
}

static void others_are_served_meanwhile(void **state) {
    uint64_t seed = test_run_seed();
    int tries = 0;

    (void)state;
    while (!run_once(test_run_below(&seed, UINT32_MAX)) && ++tries < 5)
        continue;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_served_meanwhile),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
