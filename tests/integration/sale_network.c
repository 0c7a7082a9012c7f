/* A sale of two clients and a worker, each behind a network that fails at random: late, cut, split, deaf in one direction or in
 * both. Nobody sees more of it than a status that is documented, and every promise holds.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "fault_proxy.h"
#include "sale_crowd.h"
#include "test_run.h"

enum { PATHS = 3, FAULTS = 9 };

typedef struct {
    fault_proxy *paths[PATHS]; /* of two clients and the worker */
    int64_t next_us[PATHS];    /* when each fails, or is healed, next */
    bool failing[PATHS];
    uint32_t count[FAULTS];
    uint64_t random;
} network;

static fault_direction any_direction(network *self) {
    return (fault_direction)(1 + test_run_below(&self->random, 3));
}

/* One of all the things that networks do. Whether it lasts. */
static bool break_path(network *self, fault_proxy *path, uint32_t fault) {
    self->count[fault]++;
    switch (fault) {
    case 0:
        fault_proxy_delay(path, any_direction(self), 1 + test_run_below(&self->random, 60));
        return true;
    case 1:
        fault_proxy_hold(path, any_direction(self), true);
        return true;
    case 2:
        fault_proxy_swallow(path, FAULT_BOTH);
        return true;
    case 3:
        fault_proxy_swallow(path, FAULT_ANSWERS);
        return true;
    case 4:
        fault_proxy_swallow(path, FAULT_REQUESTS);
        return true;
    case 5:
        fault_proxy_refuse(path);
        fault_proxy_reset(path);
        return true;
    case 6:
        fault_proxy_cut(path, any_direction(self), test_run_below(&self->random, 2000));
        return true;
    case 7:
        fault_proxy_half_close(path, any_direction(self));
        return false;
    default:
        fault_proxy_reset(path);
        return false;
    }
}

static void let_fail(crowd *c, void *context) {
    network *self = context;
    int64_t now = sale_now_us();

    (void)c;
    for (int i = 0; i < PATHS; i++) {
        if (now < self->next_us[i])
            continue;
        if (self->failing[i])
            fault_proxy_heal(self->paths[i]);
        self->failing[i] = !self->failing[i] && break_path(self, self->paths[i], test_run_below(&self->random, FAULTS));
        /* Most are over soon; some last until commands and connections are given up. */
        self->next_us[i] =
            now + 1000 * (int64_t)(10 + test_run_below(&self->random, test_run_below(&self->random, 4) == 0 ? 700 : 100));
    }
}

static void heal_all(network *self) {
    for (int i = 0; i < PATHS; i++)
        fault_proxy_heal(self->paths[i]);
}

static void run_once(redis_server *server, uint64_t seed) {
    network net = {.random = seed};
    crowd_plan plan = {.users = 900, .shards = 4, .most = 3, .units = 900, .clients = 2, .seed = seed, .server = server};
    static crowd c;

    for (int i = 0; i < PATHS; i++) {
        net.paths[i] = fault_proxy_start(redis_server_address(server));
        assert_non_null(net.paths[i]);
        net.next_us[i] = sale_now_us() + 200000;
    }
    plan.each_second = 450;
    plan.addresses[0] = fault_proxy_address(net.paths[0]);
    plan.addresses[1] = fault_proxy_address(net.paths[1]);
    plan.worker_address = fault_proxy_address(net.paths[2]);
    plan.timeout_ms = 400;
    plan.command_timeout_ms = 150;
    crowd_open(&c, &plan);
    crowd_run(&c, let_fail, &net);
    heal_all(&net);
    crowd_finish_work(&c);
    crowd_check(&c);
    crowd_close(&c);
    for (int i = 0; i < PATHS; i++)
        fault_proxy_free(net.paths[i]);
    print_message("late %u, held %u, black holes %u, deaf %u and %u, refused %u, cut %u, half closed %u, reset %u\n",
                  net.count[0], net.count[1], net.count[2], net.count[3], net.count[4], net.count[5], net.count[6],
                  net.count[7], net.count[8]);
}

static void a_network_that_fails(void **state) {
    uint64_t seed = test_run_seed();

    (void)state;
    for (int i = 0; i < (test_run_is_full() ? 40 : 2); i++) {
        redis_server *server = redis_server_start(NULL);

        assert_non_null(server);
        run_once(server, test_run_below(&seed, UINT32_MAX));
        redis_server_free(server);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_that_fails),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
