/* seckill-ctl preflight, against a cluster: what only several servers can have wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"
#include "redis_cluster.h"

#include <stdlib.h>
#include <string.h>

/* ---- what was found ---- */

/* The findings of a check at a level: how many; `*last` gets the last of them. */
static int count(const json_t *answer, const char *check, const char *level, const json_t **last) {
    const json_t *checks = json_object_get(answer, "checks");
    int found = 0;
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *one = json_array_get(checks, i);
        if ((!check || strcmp(ctl_text(one, "check"), check) == 0) && strcmp(ctl_text(one, "level"), level) == 0) {
            *last = one;
            found++;
        }
    }
    return found;
}

static const json_t *wanted(const json_t *answer, const char *check, const char *level) {
    const json_t *found = NULL;
    if (count(answer, check, level, &found) == 0) {
        fail_msg("%s is not %s", check, level);
    }
    return found;
}

/* ---- the cluster ---- */

static redis_cluster *start(int replicas) {
    static const char *const lines[] = {"appendonly yes", NULL};
    const redis_cluster_options options = {.masters = 3, .replicas = replicas, .lines = lines};
    redis_cluster *cluster = redis_cluster_start(&options);
    assert_non_null(cluster);
    assert_int_equal(setenv("SECKILL_REDIS", redis_cluster_seeds(cluster), 1), 0);
    return cluster;
}

static void sell(void) {
    ctl_json(0, "item define s/phone --shards 12 --start +1h");
    ctl_json(0, "stock load s/phone 1200 --operation first");
}

static void all_is_right_with_replicas(void **state) {
    redis_cluster *cluster = start(1);
    const json_t *last = NULL;
    (void)state;
    sell();
    const json_t *answer = ctl_json(0, "preflight s/phone --strict --replicas 1");
    assert_int_equal(count(answer, NULL, "failed", &last) + count(answer, NULL, "warning", &last), 0);
    assert_int_equal(count(answer, "version", "ok", &last), 3); /* each server once */
    assert_int_equal(count(answer, "replicas", "ok", &last), 3);
    for (int i = 0; i < 3; i++) {
        int named = 0;
        for (size_t at = 0; at < json_array_size(json_object_get(answer, "checks")); at++) {
            const json_t *one = json_array_get(json_object_get(answer, "checks"), at);
            named += strcmp(ctl_text(one, "check"), "memory") == 0 &&
                     strcmp(ctl_text(one, "server"), redis_cluster_address(cluster, i)) == 0;
        }
        assert_int_equal(named, 1);
        assert_true(
            redis_server_integer(redis_cluster_node(cluster, i), "EVAL %s 0",
                                 "return string.match(redis.call('INFO', 'memory'), 'number_of_cached_scripts:(%d+)')") > 20);
    }
    assert_non_null(strstr(ctl_text(wanted(answer, "spread", "ok"), "found"), "4 to 4"));
    redis_cluster_free(cluster);
}

static void faults_of_several_servers(void **state) {
    redis_cluster *cluster = start(0);
    const json_t *last = NULL;
    (void)state;
    /* One clock is ahead by 3 s. It is the node's from its start, and an item of it after that. */
    redis_cluster_kill(cluster, 1);
    setenv("LD_PRELOAD", WRONG_CLOCK, 1);
    setenv("SECKILL_TEST_CLOCK", "3", 1);
    assert_true(redis_cluster_restart(cluster, 1));
    unsetenv("LD_PRELOAD");
    unsetenv("SECKILL_TEST_CLOCK");
    assert_true(redis_cluster_await_well(cluster));
    sell();
    const json_t *answer = ctl_json(4, "preflight s/phone");
    assert_string_equal(ctl_text(wanted(answer, "clock", "failed"), "server"), redis_cluster_address(cluster, 1));
    assert_int_equal(count(answer, NULL, "failed", &last), 1);
    answer = ctl_json(0, "preflight s/phone --max-skew 5s");
    assert_int_equal(count(answer, "clock", "ok", &last), 2);
    assert_int_equal(count(answer, "replicas", "ok", &last), 3);

    /* Of 12 shards two masters have 4 and 8 now, and one has none. */
    assert_true(redis_cluster_move(cluster, 5500, 10900, 2));
    answer = ctl_json(0, "preflight s/phone --max-skew 5s");
    assert_string_equal(ctl_text(wanted(answer, "spread", "warning"), "server"), redis_cluster_address(cluster, 2));

    /* A master without a replica dies: its slots are nobody's. */
    redis_cluster_kill(cluster, 0);
    answer = ctl_json(4, "preflight s/phone --max-skew 5s --timeout 6s");
    assert_true(count(answer, "reach", "failed", &last) >= 1);
    redis_cluster_free(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_right_with_replicas),
        cmocka_unit_test(faults_of_several_servers),
    };
    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
