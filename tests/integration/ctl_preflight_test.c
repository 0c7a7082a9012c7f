/* seckill-ctl preflight, against one server: each check made to fail by a real cause.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"
#include "orders_db.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder for the key file, the password and the orders database. */
static char folder[] = "/tmp/preflight.XXXXXX";
static char keys[64], orders[64], password[64];

/* ---- what was found ---- */

static const json_t *checks_of(const json_t *answer) {
    return json_object_get(answer, "checks");
}

static int rank_of(const char *level) {
    static const char *const levels[] = {"skipped", "ok", "warning", "failed"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(level, levels[i]) == 0) {
            return i;
        }
    }
    fail_msg("no level: %s", level);
    return -1;
}

/* The worst finding of a check; each has its remedy. */
static const json_t *finding(const json_t *answer, const char *check) {
    const json_t *worst = NULL;
    for (size_t i = 0; i < json_array_size(checks_of(answer)); i++) {
        const json_t *one = json_array_get(checks_of(answer), i);
        assert_true((rank_of(ctl_text(one, "level")) > 1) == (ctl_text(one, "remedy")[0] != '\0'));
        if (strcmp(ctl_text(one, "check"), check) == 0 &&
            (!worst || rank_of(ctl_text(one, "level")) > rank_of(ctl_text(worst, "level")))) {
            worst = one;
        }
    }
    if (!worst) {
        fail_msg("no finding about %s", check);
    }
    return worst;
}

static void assert_level(const json_t *answer, const char *check, const char *level) {
    const json_t *found = finding(answer, check);
    if (strcmp(ctl_text(found, "level"), level) != 0) {
        fail_msg("%s is %s, not %s: %s", check, ctl_text(found, "level"), level, ctl_text(found, "found"));
    }
}

/* That check alone is not ok. */
static void assert_only(const json_t *answer, const char *check, const char *level) {
    assert_level(answer, check, level);
    for (size_t i = 0; i < json_array_size(checks_of(answer)); i++) {
        const json_t *one = json_array_get(checks_of(answer), i);
        if (strcmp(ctl_text(one, "check"), check) != 0 && rank_of(ctl_text(one, "level")) > 1) {
            fail_msg("%s too is %s: %s", ctl_text(one, "check"), ctl_text(one, "level"), ctl_text(one, "found"));
        }
    }
}

/* ---- a sale for which all is right ---- */

static void tell(const char *command) {
    redisReply *reply = redis_server_command(ctl_redis, command);
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fail_msg("%s: %s", command, reply ? reply->str : "no answer");
    }
    redis_server_forget(reply);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_true(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static int group_setup(void **state) {
    static const char *const lines[] = {"maxmemory 500mb", "enable-debug-command yes", NULL};
    const redis_server_options options = {.durable = true, .lines = lines};
    (void)state;
    ctl_redis = redis_server_start(&options);
    if (!ctl_redis || !mkdtemp(folder) || setenv("SECKILL_REDIS", redis_server_address(ctl_redis), 1) != 0) {
        return -1;
    }
    snprintf(keys, sizeof keys, "%s/keys", folder);
    snprintf(orders, sizeof orders, "%s/orders.db", folder);
    snprintf(password, sizeof password, "%s/password", folder);
    write_file(password, "secret\n");
    return 0;
}

static int group_teardown(void **state) {
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return ctl_stop_redis(state) + (system(line) != 0);
}

static void set_inventory(int64_t units, orders_db_set_mode mode) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db = NULL;
    assert_int_equal(orders_db_open(orders, ORDERS_DB_CREATE, 1000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_set_inventory(db, "s", "phone", units, mode), ORDERS_DB_OK);
    orders_db_close(db);
}

static int setup(void **state) {
    (void)state;
    tell("FLUSHALL");
    unlink(keys);
    ctl_json(0, "keys new --out %s", keys);
    ctl_json(0, "item define s/phone --shards 4 --start +1h --end +2h");
    ctl_json(0, "stock load s/phone 1000 --operation first");
    set_inventory(1000, ORDERS_DB_EXACTLY);
    return 0;
}

#define ALL "--users 100000 --units 1000 --keys %s --orders %s --strict", keys, orders

/* ---- tests ---- */

static void all_is_right(void **state) {
    (void)state;
    tell("SCRIPT FLUSH");
    const json_t *answer = ctl_json(0, "preflight s/phone " ALL);
    assert_string_equal(ctl_text(answer, "status"), "ok");
    for (size_t i = 0; i < json_array_size(checks_of(answer)); i++) {
        assert_string_equal(ctl_text(json_array_get(checks_of(answer), i), "level"), "ok");
    }
    assert_string_equal(ctl_text(finding(answer, "version"), "server"), redis_server_address(ctl_redis));
    assert_non_null(strstr(ctl_text(finding(answer, "persistence"), "found"), "synced at every write"));
    for (int id = 0; id < SK__SCRIPT_COUNT; id++) {
        redisReply *reply = redis_server_command(ctl_redis, "SCRIPT EXISTS %s", sk__script_of((sk__script_id)id)->sha1);
        assert_int_equal(reply->element[0]->integer, 1);
        redis_server_forget(reply);
    }
}

static void changes_nothing(void **state) {
    (void)state;
    redisReply *before = redis_server_command(ctl_redis, "DEBUG DIGEST");
    ctl_json(0, "preflight s/phone " ALL);
    redisReply *after = redis_server_command(ctl_redis, "DEBUG DIGEST");
    assert_true(before->type == REDIS_REPLY_STATUS || before->type == REDIS_REPLY_STRING);
    assert_string_equal(before->str, after->str);
    redis_server_forget(before);
    redis_server_forget(after);
}

/* What breaks one thing, and what mends it. */
static void each_fault_of_the_server_is_found(void **state) {
    static const struct {
        const char *fault, *mended, *options, *check, *level;
    } faults[] = {
        {"CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET maxmemory-policy noeviction", "", "eviction", "failed"},
        {"CONFIG SET maxmemory 20mb", "CONFIG SET maxmemory 500mb", "--users 100000", "memory", "failed"},
        {"CONFIG SET maxmemory 28mb", "CONFIG SET maxmemory 500mb", "--users 100000", "memory", "warning"},
        {"PING", "PING", "--users 100000000", "memory", "failed"},
        {"CONFIG SET appendonly no", "CONFIG SET appendonly yes", "", "persistence", "failed"},
        {"CONFIG SET appendonly no", "CONFIG SET appendonly yes", "--no-persistence", "persistence", "ok"},
        {"CONFIG SET appendfsync no", "CONFIG SET appendfsync always", "", "persistence", "warning"},
        {"PING", "PING", "--replicas 1", "replicas", "failed"},
        {"PING", "PING", "--users 400004", "users", "warning"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        int bad = rank_of(faults[i].level) - 1; /* 0 ok, 1 warning, 2 failed */
        tell(faults[i].fault);
        const json_t *answer = ctl_json(bad > 1 ? 4 : 0, "preflight s/phone %s", faults[i].options);
        assert_level(answer, faults[i].check, faults[i].level);
        assert_string_equal(ctl_text(answer, "status"), bad > 1 ? "not_ready" : "ok");
        if (strcmp(faults[i].options, "--users 100000000") != 0) {
            assert_only(answer, faults[i].check, faults[i].level);
        }
        ctl_json(bad > 0 ? 4 : 0, "preflight s/phone --strict %s", faults[i].options);
        tell(faults[i].mended);
    }
    ctl_json(0, "preflight s/phone " ALL);
}

static void a_policy_that_evicts_is_a_warning_without_a_bound(void **state) {
    (void)state;
    tell("CONFIG SET maxmemory-policy allkeys-lru");
    tell("CONFIG SET maxmemory 0");
    assert_level(ctl_json(0, "preflight s/phone"), "eviction", "warning");
    tell("CONFIG SET maxmemory-policy noeviction");
    tell("CONFIG SET maxmemory 500mb");
}

/* The rights that the remedy names are enough; each one that is taken away is found. */
static void each_right_that_is_missing_is_found(void **state) {
    static const struct {
        const char *taken, *given, *check, *level, *words;
    } rights[] = {
        {"-hdel", "+hdel", "acl", "failed", "HDEL"},
        {"-xadd", "+xadd", "acl", "failed", "XADD"},
        {"-sadd", "+sadd", "acl", "failed", "SADD"},
        {"-zrangebyscore -persist", "+zrangebyscore +persist", "acl", "failed", "PERSIST ZRANGEBYSCORE"},
        {"-evalsha", "+evalsha", "acl", "failed", "evalsha"},
        {"-info", "+info", "acl", "failed", "INFO"},
        {"resetkeys ~other:*", "resetkeys ~seckill:*", "acl", "failed", "key"},
        {"-config|get", "+config|get", "persistence", "warning", "could not be read"},
        {"-script|load", "+script|load", "warm", "warning", "could not be loaded"},
    };
    char command[256];
    (void)state;
    tell("ACL SETUSER app on >secret ~seckill:* -@all +@read +@write +@scripting +info +time +wait +asking +cluster|nodes "
         "+cluster|info "
         "+config|get");
    ctl_json(0, "item define s/new --redis-user app --redis-password-file %s", password);
    ctl_json(0, "stock load s/new 10 --redis-user app --redis-password-file %s", password);
    setenv("SECKILL_REDIS_PASSWORD", "secret", 1); /* where there is no file */
    ctl_json(0, "stock get s/new --redis-user app");
    setenv("SECKILL_REDIS_PASSWORD", "wrong", 1);
    ctl_json(4, "stock get s/new --redis-user app --timeout 500ms");
    ctl_json(0, "stock get s/new --redis-user app --redis-password-file %s", password);
    unsetenv("SECKILL_REDIS_PASSWORD");
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        assert_only(ctl_json(0, "preflight s/phone --redis-user app --redis-password-file %s", password), "acl", "ok");
        snprintf(command, sizeof command, "ACL SETUSER app %s", rights[i].taken);
        tell(command);
        const json_t *answer = ctl_json(strcmp(rights[i].level, "failed") == 0 ? 4 : 0,
                                        "preflight s/phone --redis-user app --redis-password-file %s", password);
        assert_level(answer, rights[i].check, rights[i].level);
        if (!strstr(ctl_text(finding(answer, rights[i].check), "found"), rights[i].words)) {
            fail_msg("%s: %s", rights[i].words, ctl_text(finding(answer, rights[i].check), "found"));
        }
        snprintf(command, sizeof command, "ACL SETUSER app %s", rights[i].given);
        tell(command);
    }
    tell("ACL SETUSER app -wait");
    const json_t *answer = ctl_json(4, "preflight s/phone --replicas 1 --redis-user app --redis-password-file %s", password);
    assert_non_null(strstr(ctl_text(finding(answer, "acl"), "found"), "WAIT"));
    write_file(password, "wrong\n");
    assert_level(ctl_json(4, "preflight s/phone --redis-user app --redis-password-file %s --timeout 500ms", password), "acl",
                 "failed");
    write_file(password, "secret\n");
}

/* One shard, behind the library's back. */
static void tell_shard(const char *command, const char *rest) {
    char line[256], tag[64];
    snprintf(tag, sizeof tag, "%s", ctl_text(ctl_json(0, "item get s/phone"), "tags.2"));
    snprintf(line, sizeof line, "%s seckill:{s/phone/%s}:%s", command, tag, rest);
    tell(line);
}

static void each_fault_of_a_shard_is_found(void **state) {
    static const struct {
        const char *command, *rest, *check, *level, *words;
    } faults[] = {
        {"HSET", "stock layout 2", "layout", "failed", "layout is 2"},
        {"DEL", "events", "keys", "failed", "events is missing"},
        {"DEL", "stock", "keys", "failed", "stock is missing"},
        {"RENAME", "users seckill:{s/phone/%s}:queue", "keys", "failed", "users is missing, queue is a hash"},
        {"HSET", "stock settings 0", "settings", "warning", "version 0"},
        {"HSET", "stock seed 0123456789abcdef", "settings", "failed", "another item"},
        {"HINCRBY", "stock available 3", "stock", "failed", "3 units are too many"},
    };
    char rest[128], tag[64];
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        setup(state);
        snprintf(tag, sizeof tag, "%s", ctl_text(ctl_json(0, "item get s/phone"), "tags.2"));
        const char *hole = strstr(faults[i].rest, "%s");
        snprintf(rest, sizeof rest, "%.*s%s%s", hole ? (int)(hole - faults[i].rest) : (int)strlen(faults[i].rest),
                 faults[i].rest, hole ? tag : "", hole ? hole + 2 : "");
        tell_shard(faults[i].command, rest);
        const json_t *answer = ctl_json(strcmp(faults[i].level, "failed") == 0 ? 4 : 0, "preflight s/phone");
        assert_only(answer, faults[i].check, faults[i].level);
        assert_int_equal(ctl_int(finding(answer, faults[i].check), "shard"), 2);
        if (!strstr(ctl_text(finding(answer, faults[i].check), "found"), faults[i].words)) {
            fail_msg("%s: %s", faults[i].words, ctl_text(finding(answer, faults[i].check), "found"));
        }
    }
}

static void units_on_their_way_are_accounted_for(void **state) {
    (void)state;
    tell_shard("HINCRBY", "stock sent 3");
    tell_shard("HINCRBY", "stock available -5");
    tell_shard("HINCRBY", "stock taken 1");
    tell_shard("HINCRBY", "stock reserved 1");
    tell_shard("HINCRBY", "stock sold 2");
    assert_only(ctl_json(0, "preflight s/phone"), "stock", "ok");
}

static void the_sale_itself_is_looked_at(void **state) {
    (void)state;
    ctl_json(0, "item define s/phone --start now");
    assert_only(ctl_json(0, "preflight s/phone"), "sale", "warning");
    ctl_json(0, "item define s/phone --start -2h --end -1h");
    assert_only(ctl_json(4, "preflight s/phone"), "sale", "failed");
    ctl_json(0, "item define s/phone --start +1h --end none");
    ctl_json(0, "item pause s/phone");
    assert_only(ctl_json(0, "preflight s/phone"), "sale", "warning");
    ctl_json(0, "item end s/phone");
    assert_only(ctl_json(4, "preflight s/phone"), "sale", "failed");
    ctl_json(0, "item define s/empty --start +1h");
    assert_only(ctl_json(4, "preflight s/empty"), "stock", "failed");
    assert_level(ctl_json(4, "preflight s/phone --units 999"), "units", "failed");
    assert_level(ctl_json(4, "preflight s/none --units 999"), "units", "failed"); /* there is no stock to compare */
}

static void the_key_file_is_looked_at(void **state) {
    char public[64];
    (void)state;
    assert_level(ctl_json(0, "preflight s/phone"), "key file", "skipped");
    assert_only(ctl_json(4, "preflight s/phone --keys %s/none", folder), "key file", "failed");
    assert_int_equal(chmod(keys, 0640), 0);
    assert_only(ctl_json(0, "preflight s/phone --keys %s", keys), "key file", "warning");
    assert_int_equal(chmod(keys, 0644), 0);
    assert_only(ctl_json(4, "preflight s/phone --keys %s", keys), "key file", "failed");
    write_file(keys, "k4.local.short\n");
    assert_only(ctl_json(4, "preflight s/phone --keys %s", keys), "key file", "failed");
    unlink(keys);
    ctl_json(0, "keys new --public --out %s", keys);
    snprintf(public, sizeof public, "%s/public", folder);
    const char *half = ctl_text(ctl_json(0, "keys public %s", keys), "keys.0");
    write_file(public, half);
    assert_int_equal(chmod(public, 0600), 0);
    assert_non_null(strstr(ctl_text(finding(ctl_json(4, "preflight s/phone --keys %s", public), "key file"), "found"),
                           "no key that can issue"));
    ctl_json(0, "preflight s/phone --keys %s", keys);
}

static void the_orders_database_is_compared(void **state) {
    (void)state;
    set_inventory(1001, ORDERS_DB_EXACTLY);
    assert_only(ctl_json(0, "preflight s/phone --orders %s", orders), "inventory", "warning");
    set_inventory(999, ORDERS_DB_EXACTLY);
    assert_only(ctl_json(4, "preflight s/phone --orders %s", orders), "inventory", "failed");
    ctl_json(0, "item define s/other --start +1h");
    ctl_json(0, "stock load s/other 5 --operation first");
    assert_only(ctl_json(4, "preflight s/other --orders %s", orders), "inventory", "failed");
    assert_only(ctl_json(4, "preflight s/other --orders %s/none.db", folder), "orders", "failed");
    assert_only(ctl_json(4, "preflight s/other --orders %s", keys), "orders", "failed");
    assert_level(ctl_json(4, "preflight s/phone --units 1000000000000 --orders %s", orders), "disk", "failed");
}

static void all_items_of_an_activity_are_looked_at(void **state) {
    (void)state;
    ctl_json(0, "item define s/other --start +1h");
    const json_t *answer = ctl_json(4, "preflight s");
    assert_only(answer, "stock", "failed");
    assert_string_equal(ctl_text(finding(answer, "stock"), "item"), "other");
    ctl_json(0, "stock load s/other 5 --operation first");
    ctl_json(0, "preflight s");
    assert_level(ctl_json(4, "preflight nobody"), "item", "failed");
    assert_int_equal(ctl("preflight s/phone/x")->code, 2);
    assert_int_equal(ctl("preflight a*b")->code, 2);
}

static void what_cannot_be_asked_is_said(void **state) {
    (void)state;
    assert_level(ctl_json(4, "preflight s/none"), "item", "failed");
    assert_level(ctl_json(4, "preflight s/phone --prefix other"), "item", "failed");
    assert_level(ctl_json(4, "preflight s/phone --redis unix:/nowhere/at.all --timeout 200ms"), "reach", "failed");
    assert_level(ctl_json(4, "preflight s --redis unix:/nowhere/at.all --timeout 200ms"), "reach", "failed");
    tell("HSET seckill:{s/phone}:map layout 9");
    assert_only(ctl_json(4, "preflight s/phone"), "layout", "failed");
}

static void people_see_the_remedy(void **state) {
    (void)state;
    tell("CONFIG SET appendonly no");
    const ctl_outcome *outcome = ctl("preflight s/phone");
    assert_int_equal(outcome->code, 4);
    assert_non_null(strstr(outcome->out, "FAILED"));
    assert_non_null(strstr(outcome->out, "-> CONFIG SET appendonly yes"));
    assert_non_null(strstr(outcome->out, "not ready"));
    tell("CONFIG SET appendonly yes");
}

/* Servers with clocks of their own, ahead of ours. */
static void a_wrong_clock_is_found(void **state) {
    static const struct {
        const char *ahead, *level;
        int code;
    } clocks[] = {{"3", "warning", 0}, {"-3", "warning", 0}, {"600", "failed", 4}, {"-600", "failed", 4}};
    const redis_server_options options = {.durable = true};
    (void)state;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        setenv("LD_PRELOAD", WRONG_CLOCK, 1);
        setenv("SECKILL_TEST_CLOCK", clocks[i].ahead, 1);
        redis_server *server = redis_server_start(&options);
        unsetenv("LD_PRELOAD");
        unsetenv("SECKILL_TEST_CLOCK");
        assert_non_null(server);
        const char *address = redis_server_address(server);
        ctl_json(0, "item define s/phone --start +1h --redis %s", address);
        ctl_json(0, "stock load s/phone 10 --operation first --redis %s", address);
        assert_only(ctl_json(clocks[i].code, "preflight s/phone --redis %s", address), "clock", clocks[i].level);
        if (clocks[i].code == 0) {
            assert_only(ctl_json(0, "preflight s/phone --max-skew 5s --redis %s", address), "clock", "ok");
        }
        redis_server_free(server);
    }
}

#define TEST(test) cmocka_unit_test_setup(test, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_is_right),
        TEST(changes_nothing),
        TEST(each_fault_of_the_server_is_found),
        TEST(a_policy_that_evicts_is_a_warning_without_a_bound),
        TEST(each_right_that_is_missing_is_found),
        TEST(each_fault_of_a_shard_is_found),
        TEST(units_on_their_way_are_accounted_for),
        TEST(the_sale_itself_is_looked_at),
        TEST(the_key_file_is_looked_at),
        TEST(the_orders_database_is_compared),
        TEST(all_items_of_an_activity_are_looked_at),
        TEST(what_cannot_be_asked_is_said),
        TEST(people_see_the_remedy),
        TEST(a_wrong_clock_is_found),
    };
    return redis_server_available() ? cmocka_run_group_tests(tests, group_setup, group_teardown) : 77;
}
