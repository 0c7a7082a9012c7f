/* Slots of a cluster move from node to node while users buy: every answer is right, and the account holds.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cluster_sale_support.h"
#include "test_run.h"

#include <string.h>

enum { PLACES = 10, STEP_US = 15000, KEYS_AT_ONCE = 2 };

/* The slots of the item: its shards', its mapping list's, its activity's. One moves at a time, a few keys at a time, so that
 * requests meet every stage of it. */
typedef struct {
    redis_cluster *cluster;
    int slots[PLACES];
    int slot, from, to; /* of the one that moves; slot -1: none does */
    int64_t next_us;
    uint32_t moved;
    uint64_t random;
} migration;

static int slot_of(const char *key) {
    return (int)seckill_slot(key, strlen(key));
}

static void init(migration *self, redis_cluster *cluster, uint64_t seed) {
    memset(self, 0, sizeof(*self));
    self->cluster = cluster;
    for (uint32_t i = 0; i < 8; i++)
        self->slots[i] = cluster_sale_slot(i);
    self->slots[8] = slot_of("seckill:{sale/phone}:map");
    self->slots[9] = slot_of("seckill:{sale}:items");
    self->slot = -1;
    self->random = seed;
}

static void begin(migration *self) {
    self->slot = self->slots[test_run_below(&self->random, PLACES)];
    self->from = redis_cluster_master_of(self->cluster, self->slot);
    assert_in_range(self->from, 0, 2);
    self->to = (self->from + 1 + (int)test_run_below(&self->random, 2)) % 3;
    assert_true(redis_cluster_move_begin(self->cluster, self->slot, self->from, self->to));
}

static void go_on(migration *self) {
    int keys = redis_cluster_move_keys(self->cluster, self->slot, self->from, self->to, KEYS_AT_ONCE);

    assert_true(keys >= 0);
    if (keys != 0)
        return;
    assert_true(redis_cluster_move_end(self->cluster, self->slot, self->to));
    self->slot = -1;
    self->moved++;
}

static void move_slots(crowd *c, void *context) {
    migration *self = context;

    (void)c;
    if (sale_now_us() < self->next_us)
        return;
    if (self->slot < 0)
        begin(self);
    else
        go_on(self);
    self->next_us = sale_now_us() + STEP_US;
}

static void run_once(uint64_t seed) {
    redis_cluster *cluster = cluster_sale_start(0, 2000);
    crowd_plan plan = cluster_sale_plan(cluster, 1600, seed);
    static crowd c;
    migration self;

    init(&self, cluster, seed);
    plan.units = 1500; /* short in the end: shards ask each other while they move */
    crowd_open(&c, &plan);
    crowd_run(&c, move_slots, &self);
    while (self.slot >= 0)
        go_on(&self);
    crowd_finish_work(&c);
    crowd_check(&c);
    print_message("%u slots were moved\n", self.moved);
    assert_true(self.moved > 10);
    crowd_close(&c);
    redis_cluster_free(cluster);
}

static void slots_move_under_load(void **state) {
    uint64_t seed = test_run_seed();

    (void)state;
    for (int i = 0; i < (test_run_is_full() ? 20 : 1); i++)
        run_once(test_run_below(&seed, UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_move_under_load),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
