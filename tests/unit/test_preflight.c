/* Judging before a sale: what servers say of themselves, and what is made of it.
 *
 * SPDX-License-Identifier: MIT
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "engine/preflight_parts.h"
#include "script/script.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- a stage on which all is well: 6 shards on 3 masters ---- */

enum { SERVERS = 3, SHARDS = 6, HOUR_MS = 3600000 };

typedef struct {
    sk__preflight all;
    seckill_item_settings settings;
    seckill_item_info info; /* shows them */
    sk__server servers[SERVERS];
    sk__shard_facts shards[SHARDS];
    seckill_finding list[200];
    char texts[200][SK__FOUND_TEXT];
    sk__findings found;
} stage;

static const char info_of_redis[] =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:3223617ac524d1c8d12c84bc8a39d695a521463a\r\n"
    "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n"
    "total_system_memory:17179869184\r\nmaxmemory:1073741824\r\n"
    "maxmemory_human:1.00G\r\nmaxmemory_policy:noeviction\r\n"
    "# Persistence\r\nrdb_last_bgsave_status:ok\r\naof_enabled:1\r\naof_last_write_status:ok\r\n"
    "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n"
    "slave0:ip=127.0.0.1,port=7001,state=online,offset=14,lag=0\r\n"
    "slave1:ip=127.0.0.1,port=7002,state=wait_bgsave,offset=0,lag=0\r\n"
    "slave2:ip=127.0.0.1,port=7003,state=online,offset=14,lag=1\r\n"
    "# Cluster\r\ncluster_enabled:1";

static const char cluster_of_redis[] = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n"
                                       "cluster_slots_fail:0\r\ncluster_known_nodes:6\r\ncluster_size:3\r\n";

static int setup(void **state) {
    static stage one;

    memset(&one, 0, sizeof(one));
    one.info.settings = &one.settings;
    one.settings.shards = SHARDS;
    one.settings.window_ms = 60000;
    one.settings.remember_ms = 120000;
    one.settings.start_ms = 2 * HOUR_MS;
    one.info.version = 3;
    one.all.info = &one.info;
    one.all.cause = "done";
    one.all.server_time_ms = HOUR_MS;
    one.all.servers = one.servers;
    one.all.shards = one.shards;
    one.all.server_count = SERVERS;
    one.all.scripts = 20;
    (void)snprintf(one.all.sync, sizeof(one.all.sync), "always");
    for (uint32_t i = 0; i < SERVERS; i++) {
        sk__server_read_info(&one.servers[i], info_of_redis, sizeof(info_of_redis) - 1);
        sk__server_read_cluster(&one.servers[i], cluster_of_redis, sizeof(cluster_of_redis) - 1);
        (void)snprintf(one.servers[i].address, sizeof(one.servers[i].address), "10.0.0.%u:6379", (unsigned)i);
        one.servers[i].low_ms = -1;
        one.servers[i].high_ms = 2;
        one.servers[i].shards = SHARDS / SERVERS;
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        one.shards[i].server = i % SERVERS;
        one.shards[i].settings = 3;
        one.shards[i].is_ours = true;
        one.shards[i].loaded = 10;
        (void)snprintf(one.shards[i].layout, sizeof(one.shards[i].layout), "1");
    }
    one.found.list = one.list;
    one.found.texts = one.texts;
    *state = &one;
    return 0;
}

static void judge(stage *s) {
    s->found.capacity = sk__findings_max(&s->all);
    assert_true(s->found.capacity <= sizeof(s->list) / sizeof(s->list[0]));
    sk__preflight_judge(&s->all, &s->found);
    assert_true(s->found.count > 0 && s->found.count < s->found.capacity);
    for (size_t i = 0; i < s->found.count; i++) {
        const seckill_finding *one = &s->list[i];

        assert_true(i == 0 || one->check >= s->list[i - 1].check);
        assert_true((one->level == SECKILL_LEVEL_OK) == (one->remedy[0] == '\0'));
        assert_true(one->found[0] != '\0' && one->level <= s->found.worst);
    }
}

/* The worst that was found of a check; that check alone is not ok. */
static const seckill_finding *only(stage *s, seckill_check check, seckill_level level) {
    const seckill_finding *worst = NULL;

    judge(s);
    for (size_t i = 0; i < s->found.count; i++) {
        const seckill_finding *one = &s->list[i];

        if (one->level != SECKILL_LEVEL_OK && one->check != check)
            fail_msg("%s is not ok: %s", one->name, one->found);
        if (one->check == check && (worst == NULL || one->level > worst->level))
            worst = one;
    }
    assert_non_null(worst);
    if (worst->level != level)
        fail_msg("level %d, not %d: %s", (int)worst->level, (int)level, worst->found);
    assert_int_equal(s->found.worst, level);
    return worst;
}

static size_t count_of(const stage *s, seckill_check check, seckill_level level) {
    size_t count = 0;

    for (size_t i = 0; i < s->found.count; i++)
        count += s->list[i].check == check && s->list[i].level == level;
    return count;
}

#define ONLY(check, level) only(s, SECKILL_CHECK_##check, SECKILL_LEVEL_##level)

/* ---- reading ---- */

static void reads_what_servers_say(void **state) {
    const stage *s = *state;
    const sk__server *server = &s->servers[0];
    sk__server valkey = {0}, nothing = {0};
    static const char info[] = "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.1\naof_last_write_status:err";

    assert_string_equal(server->run_id, "3223617ac524d1c8d12c84bc8a39d695a521463a");
    assert_string_equal(server->version, "7.0.15");
    assert_string_equal(server->policy, "noeviction");
    assert_int_equal(server->max_memory, 1073741824);
    assert_int_equal(server->used_memory, 1048576);
    assert_int_equal(server->system_memory, INT64_C(17179869184));
    assert_true(server->has_log && !server->log_fails && !server->snapshot_fails && server->is_cluster && !server->is_valkey);
    assert_int_equal(server->replicas, 2);
    assert_string_equal(server->cluster_state, "ok");
    assert_int_equal(server->slots, 16384);
    assert_int_equal(server->masters, 3);
    sk__server_read_info(&valkey, info, sizeof(info) - 1);
    assert_true(valkey.is_valkey && valkey.log_fails && !valkey.has_log);
    assert_string_equal(valkey.version, "8.1.1");
    sk__server_read_info(&nothing, NULL, 0);
    assert_string_equal(nothing.version, "");
}

/* Only those that say how far they are; of as many as can be wanted, and with the longest host. */
static void counts_the_replicas_that_are_in_step(void **state) {
    char info[SECKILL_REPLICAS_MAX * 400];
    sk__server server = {0};
    size_t size = 0;

    (void)state;
    for (int i = 0; i < SECKILL_REPLICAS_MAX; i++)
        size += (size_t)snprintf(info + size, sizeof(info) - size,
                                 "slave%d:ip=%0255d,port=6379,state=online,offset=1,lag=%d\r\n", i, i,
                                 i == 3   ? 11
                                 : i == 4 ? 10
                                          : 1);
    sk__server_read_info(&server, info, size);
    assert_int_equal(server.replicas, SECKILL_REPLICAS_MAX - 1);
}

/* However a text is cut, nothing behind its end is read. */
static void reads_only_what_is_there(void **state) {
    (void)state;
    for (size_t size = 0; size < sizeof(info_of_redis); size++) {
        char copy[sizeof(info_of_redis)];
        sk__server server = {0};

        memcpy(copy, info_of_redis, size);
        memset(copy + size, '9', sizeof(copy) - size);
        sk__server_read_info(&server, copy, size);
        assert_true(server.max_memory <= 1073741824);
    }
}

static void a_clock_is_known_to_the_narrowest_round_trip(void **state) {
    sk__server server = {0};

    (void)state;
    sk__server_read_clock(&server, 1000, 1500, 1040); /* ahead by 460 to 501 */
    assert_int_equal(server.low_ms, 460);
    assert_int_equal(server.high_ms, 501);
    sk__server_read_clock(&server, 2000, 2480, 2100);
    assert_int_equal(server.low_ms, 460);
    assert_int_equal(server.high_ms, 481);
    sk__server_read_clock(&server, 3000, 9000, 3000); /* somebody has set our own clock */
    assert_true(server.low_ms <= server.high_ms);
}

static void the_worst_appendfsync_counts(void **state) {
    sk__preflight all = {0};

    (void)state;
    sk__preflight_read_sync(&all, "always", 6);
    assert_string_equal(all.sync, "always");
    sk__preflight_read_sync(&all, "no", 2);
    sk__preflight_read_sync(&all, "everysec", 8);
    assert_string_equal(all.sync, "no");
    sk__preflight_read_sync(&all, NULL, 0); /* a server that says nothing */
    assert_string_equal(all.sync, "no");
}

/* ---- judging ---- */

static void all_is_well(void **state) {
    stage *s = *state;
    bool seen[SECKILL_CHECK_WARM + 1] = {false};

    s->all.options.users = 600000;
    s->all.options.replicas = 2;
    judge(s);
    assert_int_equal(s->found.worst, SECKILL_LEVEL_OK);
    for (size_t i = 0; i < s->found.count; i++)
        seen[s->list[i].check] = true;
    for (int i = 0; i <= SECKILL_CHECK_WARM; i++)
        assert_true(seen[i]); /* nothing is left out */
}

static void version(void **state) {
    stage *s = *state;

    (void)snprintf(s->servers[1].version, sizeof(s->servers[1].version), "6.2.7");
    assert_string_equal(ONLY(VERSION, FAILED)->server, "10.0.0.1:6379");
    s->servers[1].is_valkey = true;
    (void)snprintf(s->servers[1].version, sizeof(s->servers[1].version), "7.2.0");
    (void)ONLY(VERSION, OK);
    s->servers[1].version[0] = '\0';
    (void)ONLY(VERSION, FAILED);
}

static void eviction(void **state) {
    stage *s = *state;

    (void)snprintf(s->servers[2].policy, sizeof(s->servers[2].policy), "allkeys-lru");
    (void)ONLY(EVICTION, FAILED);
    s->servers[2].max_memory = 0;
    (void)ONLY(EVICTION, WARNING);
    s->servers[2].policy[0] = '\0';
    (void)ONLY(EVICTION, WARNING);
}

/* A GiB, a MiB used: what is left is enough for 4,190,208 users of 256 bytes, and each server has a third of them. */
static void memory(void **state) {
    stage *s = *state;

    s->settings.shards = SHARDS;
    s->all.options.users = 600000;
    s->servers[0].max_memory = (1 << 20) + 200000 * 256 - 1;
    (void)ONLY(MEMORY, FAILED);
    s->servers[0].users = 1; /* that is there already */
    (void)ONLY(MEMORY, WARNING);
    s->servers[0].users = 0;
    s->servers[0].max_memory += 1;
    (void)ONLY(MEMORY, WARNING);
    s->servers[0].max_memory = 2 * ((1 << 20) + 200000 * 256);
    (void)ONLY(MEMORY, OK);
    s->servers[0].max_memory = 0; /* half of the machine */
    s->servers[0].system_memory = 2 * ((1 << 20) + 200000 * 256);
    (void)ONLY(MEMORY, OK);
    s->servers[0].system_memory -= 2;
    (void)ONLY(MEMORY, WARNING);
    s->servers[0].system_memory = 1 << 20;
    (void)ONLY(MEMORY, FAILED);
    s->servers[0].system_memory = 0;
    (void)ONLY(MEMORY, WARNING);
}

static void no_number_of_users_is_too_large_to_count(void **state) {
    stage *s = *state;

    s->all.options.users = SECKILL_AMOUNT_MAX;
    judge(s);
    assert_int_equal(s->found.worst, SECKILL_LEVEL_FAILED);
}

static void persistence(void **state) {
    stage *s = *state;

    (void)snprintf(s->all.sync, sizeof(s->all.sync), "everysec");
    assert_non_null(strstr(ONLY(PERSISTENCE, OK)->found, "every second"));
    (void)snprintf(s->all.sync, sizeof(s->all.sync), "no");
    (void)ONLY(PERSISTENCE, WARNING);
    s->all.sync[0] = '\0';
    (void)ONLY(PERSISTENCE, WARNING);
    (void)snprintf(s->all.sync, sizeof(s->all.sync), "always");
    s->servers[0].has_log = false;
    (void)ONLY(PERSISTENCE, FAILED);
    s->all.options.flags = SECKILL_PREFLIGHT_VOLATILE;
    (void)ONLY(PERSISTENCE, OK);
    s->servers[0].snapshot_fails = true;
    (void)ONLY(PERSISTENCE, FAILED);
    s->servers[0].snapshot_fails = false;
    s->servers[0].log_fails = true;
    (void)ONLY(PERSISTENCE, FAILED);
}

static void replicas(void **state) {
    stage *s = *state;

    s->all.options.replicas = 3;
    (void)ONLY(REPLICAS, FAILED);
}

static void clocks_of_servers(void **state) {
    stage *s = *state;

    s->servers[1].low_ms = 503;
    s->servers[1].high_ms = 900;
    s->servers[0].high_ms = 2;
    s->all.options.max_skew_ms = 0;
    assert_string_equal(ONLY(CLOCK, FAILED)->server, "10.0.0.1:6379");
    s->all.options.max_skew_ms = 503;
    (void)ONLY(CLOCK, OK);
    s->all.options.max_skew_ms = 0;
    s->settings.max_skew_ms = 600;
    (void)ONLY(CLOCK, OK);
    s->settings.max_skew_ms = 0;
    s->servers[2].high_ms = 5000; /* it answered slowly: nothing is certain of it */
    assert_string_equal(ONLY(CLOCK, FAILED)->server, "10.0.0.1:6379");
}

static void set_clocks(stage *s, int64_t ms) {
    for (int i = 0; i < SERVERS; i++) {
        s->servers[i].low_ms = ms - 1;
        s->servers[i].high_ms = ms + 1;
    }
}

static void our_own_clock(void **state) {
    stage *s = *state;
    static const struct {
        int64_t ahead; /* the servers */
        seckill_level level;
    } cases[] = {
        {501, SECKILL_LEVEL_OK},         {502, SECKILL_LEVEL_WARNING},   {60000, SECKILL_LEVEL_WARNING},
        {60001, SECKILL_LEVEL_FAILED},   {-501, SECKILL_LEVEL_OK},       {-502, SECKILL_LEVEL_WARNING},
        {-60000, SECKILL_LEVEL_WARNING}, {-60001, SECKILL_LEVEL_FAILED}, {INT64_C(1) << 40, SECKILL_LEVEL_FAILED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_clocks(s, cases[i].ahead);
        (void)only(s, SECKILL_CHECK_CLOCK, cases[i].level);
    }
}

static void acl(void **state) {
    stage *s = *state;

    (void)snprintf(s->servers[1].forbidden, sizeof(s->servers[1].forbidden), "HDEL XADD");
    assert_non_null(strstr(ONLY(ACL, FAILED)->found, "HDEL XADD"));
}

static void cluster(void **state) {
    stage *s = *state;

    (void)snprintf(s->servers[0].cluster_state, sizeof(s->servers[0].cluster_state), "fail");
    (void)ONLY(CLUSTER, FAILED);
    (void)snprintf(s->servers[0].cluster_state, sizeof(s->servers[0].cluster_state), "ok");
    s->servers[0].slots = 16383;
    (void)ONLY(CLUSTER, FAILED);
    s->servers[0].cluster_state[0] = '\0';
    (void)ONLY(CLUSTER, WARNING);
}

static void spread(void **state) {
    stage *s = *state;
    static const struct {
        uint32_t on[SERVERS], masters;
        seckill_level level;
    } cases[] = {
        {{2, 2, 2}, 3, SECKILL_LEVEL_OK},      {{3, 2, 1}, 3, SECKILL_LEVEL_OK},      {{4, 1, 1}, 3, SECKILL_LEVEL_WARNING},
        {{3, 3, 0}, 3, SECKILL_LEVEL_WARNING}, {{2, 2, 2}, 4, SECKILL_LEVEL_WARNING}, {{2, 2, 2}, 7, SECKILL_LEVEL_WARNING},
        {{1, 2, 3}, 0, SECKILL_LEVEL_OK},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int at = 0; at < SERVERS; at++) {
            s->servers[at].shards = cases[i].on[at];
            s->servers[at].masters = cases[i].masters;
        }
        (void)only(s, SECKILL_CHECK_SPREAD, cases[i].level);
    }
}

/* Slots that are spread evenly carry shards that are nearly so. */
static void many_shards_need_not_be_spread_to_the_last_one(void **state) {
    stage *s = *state;
    static const struct {
        uint32_t on[SERVERS];
        seckill_level level;
    } cases[] = {
        {{342, 341, 341}, SECKILL_LEVEL_OK},      {{376, 324, 324}, SECKILL_LEVEL_OK}, {{377, 324, 323}, SECKILL_LEVEL_WARNING},
        {{358, 360, 306}, SECKILL_LEVEL_WARNING}, {{358, 359, 307}, SECKILL_LEVEL_OK},
    };

    s->settings.shards = 1024;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int at = 0; at < SERVERS; at++)
            s->servers[at].shards = cases[i].on[at];
        s->found.count = 0;
        s->found.capacity = 1;
        sk__judge_spread(&s->all, &s->found);
        assert_int_equal(s->list[0].level, cases[i].level);
    }
}

static void each_shard(void **state) {
    stage *s = *state;

    (void)snprintf(s->shards[4].layout, sizeof(s->shards[4].layout), "2");
    assert_int_equal(ONLY(LAYOUT, FAILED)->shard, 4);
    (void)snprintf(s->shards[4].layout, sizeof(s->shards[4].layout), "1");
    s->shards[4].settings = 2;
    (void)ONLY(SETTINGS, WARNING);
    s->shards[4].settings = 4; /* newer than ours: somebody has just defined it again */
    (void)ONLY(SETTINGS, OK);
    s->shards[4].is_ours = false;
    (void)ONLY(SETTINGS, FAILED);
    s->shards[4].is_ours = true;
    s->shards[4].excess = -2;
    assert_non_null(strstr(ONLY(STOCK, FAILED)->found, "2 units are too many"));
    s->shards[4].excess = 0;
    /* A stock that is gone says nothing of itself: that is one fault, not four. */
    (void)snprintf(s->shards[4].wrong_keys, sizeof(s->shards[4].wrong_keys), "stock is missing");
    s->shards[4].layout[0] = '\0';
    s->shards[4].settings = 0;
    s->shards[4].is_ours = false;
    assert_string_equal(ONLY(KEYS, FAILED)->server, "10.0.0.1:6379");
}

static void the_item(void **state) {
    stage *s = *state;

    s->settings.start_ms = HOUR_MS;
    (void)ONLY(SALE, WARNING);
    s->info.state = SECKILL_ITEM_PAUSED;
    (void)ONLY(SALE, WARNING);
    s->settings.end_ms = HOUR_MS;
    (void)ONLY(SALE, FAILED);
    s->settings.end_ms = 0;
    s->info.state = SECKILL_ITEM_ENDED;
    (void)ONLY(SALE, FAILED);
    s->info.state = SECKILL_ITEM_ACTIVE;
    s->settings.start_ms = 2 * HOUR_MS;
    for (int i = 0; i < SHARDS; i++)
        s->shards[i].loaded = 0;
    (void)ONLY(STOCK, FAILED);
}

static void users(void **state) {
    stage *s = *state;

    s->all.options.users = SHARDS * (SECKILL_USERS_PER_SHARD + 1);
    (void)ONLY(USERS, WARNING);
    s->all.options.users = 0;
    s->shards[5].users = SECKILL_USERS_PER_SHARD + 1;
    (void)ONLY(USERS, WARNING);
}

static void scripts_that_could_not_be_loaded(void **state) {
    stage *s = *state;

    s->all.scripts_lack = "NOPERM";
    (void)ONLY(WARM, WARNING);
}

static void what_was_not_seen(void **state) {
    stage *s = *state;
    static const struct {
        seckill_status status;
        seckill_check check;
    } cases[] = {
        {SECKILL_UNREACHABLE, SECKILL_CHECK_REACH}, {SECKILL_SERVER_BUSY, SECKILL_CHECK_REACH},
        {SECKILL_DENIED, SECKILL_CHECK_ACL},        {SECKILL_LAYOUT, SECKILL_CHECK_LAYOUT},
        {SECKILL_DAMAGED, SECKILL_CHECK_ITEM},      {SECKILL_SERVER_ERROR, SECKILL_CHECK_VERSION},
        {SECKILL_NOT_DEFINED, SECKILL_CHECK_ITEM},
    };

    s->all.cause = "the cause";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const seckill_finding *found;

        s->all.status = s->shards[2].status = cases[i].status;
        found = only(s, cases[i].check, SECKILL_LEVEL_FAILED);
        assert_int_equal(found->shard, 2);
        assert_non_null(strstr(found->found, "the cause"));
        assert_int_equal(count_of(s, cases[i].check, SECKILL_LEVEL_FAILED), 1);
        assert_int_equal(count_of(s, SECKILL_CHECK_KEYS, SECKILL_LEVEL_OK), 0); /* not all were seen */
    }
    /* Nothing at all was seen. */
    s->all.info = NULL;
    s->all.server_count = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->all.status = cases[i].status;
        assert_int_equal(only(s, cases[i].check, SECKILL_LEVEL_FAILED)->shard, SECKILL_NO_SHARD);
        assert_int_equal(s->found.count, 1);
    }
}

/* ---- what the script asks about ---- */

static void assert_asked(const char *script, const char *name, size_t size) {
    char quoted[32];

    (void)snprintf(quoted, sizeof(quoted), "{ '%.*s'", (int)size, name);
    if (strstr(sk__script_of(SK__SCRIPT_preflight)->text, quoted) == NULL)
        fail_msg("%s uses %.*s, and preflight does not ask whether that is allowed", script, (int)size, name);
}

/* Every command that some script names, so that the list stays complete. */
static void every_command_of_every_script_is_asked_about(void **state) {
    static const char *const before[] = {"call('", "permit('", "read('"};
    size_t count = 0;

    (void)state;
    for (int id = 0; id < SK__SCRIPT_COUNT; id++) {
        const sk__script *script = sk__script_of((sk__script_id)id);

        for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
            for (const char *at = script->text; (at = strstr(at, before[i])) != NULL; count++) {
                at += strlen(before[i]);
                if (isupper((unsigned char)*at))
                    assert_asked(script->name, at, strcspn(at, "'"));
            }
        }
    }
    assert_true(count > 100);
}

#define TEST(test) cmocka_unit_test_setup(test, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_what_servers_say),
        TEST(counts_the_replicas_that_are_in_step),
        TEST(reads_only_what_is_there),
        TEST(a_clock_is_known_to_the_narrowest_round_trip),
        TEST(the_worst_appendfsync_counts),
        TEST(all_is_well),
        TEST(version),
        TEST(eviction),
        TEST(memory),
        TEST(no_number_of_users_is_too_large_to_count),
        TEST(persistence),
        TEST(replicas),
        TEST(clocks_of_servers),
        TEST(our_own_clock),
        TEST(acl),
        TEST(cluster),
        TEST(spread),
        TEST(many_shards_need_not_be_spread_to_the_last_one),
        TEST(each_shard),
        TEST(the_item),
        TEST(users),
        TEST(scripts_that_could_not_be_loaded),
        TEST(what_was_not_seen),
        TEST(every_command_of_every_script_is_asked_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
