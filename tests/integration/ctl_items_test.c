/* seckill-ctl item ..., status, and what is common to all commands: help, usage, exit codes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"

#include <stdlib.h>
#include <string.h>

static void defines_with_defaults(void **state) {
    (void)state;
    const json_t *answer = ctl_json(0, "item define a/one --price 1_990");
    assert_string_equal(ctl_text(answer, "status"), "ok");
    answer = ctl_json(0, "item get a/one");
    assert_int_equal(ctl_int(answer, "shard_count"), 8);
    assert_int_equal(ctl_int(answer, "limit"), 1);
    assert_int_equal(ctl_int(answer, "price"), 1990);
    assert_int_equal(ctl_int(answer, "hold_ms"), 300000);
    assert_int_equal(ctl_int(answer, "window_ms"), 60000);
    assert_int_equal(ctl_int(answer, "remember_ms"), 120000);
    assert_int_equal(ctl_int(answer, "start_ms"), 0);
    assert_string_equal(ctl_text(answer, "state"), "active");
    assert_string_equal(ctl_text(answer, "phase"), "on sale");
    assert_int_equal(ctl_text(answer, "tags.7")[0], '7');
}

static void changes_only_what_is_named(void **state) {
    (void)state;
    ctl_json(0, "item define a/two --shards 3 --limit 2 --price 500 --hold 1m30s --grace 2m --window 5m "
                "--end 2099-01-01T00:00:00+08:00");
    ctl_json(0, "item define a/two --price 600 --window 5m");
    const json_t *answer = ctl_json(0, "item get a/two");
    assert_int_equal(ctl_int(answer, "shard_count"), 3);
    assert_int_equal(ctl_int(answer, "limit"), 2);
    assert_int_equal(ctl_int(answer, "price"), 600);
    assert_int_equal(ctl_int(answer, "hold_ms"), 90000);
    assert_int_equal(ctl_int(answer, "grace_ms"), 120000);
    assert_int_equal(ctl_int(answer, "remember_ms"), 360000);
    assert_string_equal(ctl_text(answer, "end"), "2098-12-31T16:00:00Z");
    assert_int_equal(ctl_int(answer, "end_ms"), 4070880000000);
    ctl_json(0, "item define a/two --end none");
    assert_int_equal(ctl_int(ctl_json(0, "item get a/two"), "end_ms"), 0);
    assert_string_equal(ctl_text(ctl_json(1, "item define a/two --shards 4"), "status"), "conflict");
    assert_string_equal(ctl_text(ctl_json(1, "item define a/two --window 6m"), "status"), "conflict");
    assert_string_equal(ctl_text(ctl_json(1, "item define a/two --remember 7m"), "status"), "conflict");
}

static void lists_and_shows_an_activity(void **state) {
    (void)state;
    ctl_json(0, "item define list/b --start +1h");
    ctl_json(0, "item define list/a");
    ctl_json(0, "stock load list/a 1000 --operation l");
    const json_t *answer = ctl_json(0, "item list list");
    assert_string_equal(ctl_text(answer, "items.0"), "a");
    assert_string_equal(ctl_text(answer, "items.1"), "b");
    answer = ctl_json(0, "status list");
    assert_int_equal(ctl_int(answer, "items.0.total.available"), 1000);
    assert_string_equal(ctl_text(answer, "items.0.account"), "holds");
    assert_string_equal(ctl_text(answer, "items.1.phase"), "not started");
    assert_non_null(strstr(ctl("status list")->out, "1,000"));
    assert_int_equal(json_array_size(json_object_get(ctl_json(0, "item list empty"), "items")), 0);
    assert_int_equal(ctl("status empty")->code, 0);
}

static void pauses_resumes_ends(void **state) {
    (void)state;
    ctl_json(0, "item define a/three");
    ctl_json(0, "item pause a/three");
    assert_string_equal(ctl_text(ctl_json(0, "item get a/three"), "state"), "paused");
    ctl_json(0, "item resume a/three");
    assert_string_equal(ctl_text(ctl_json(0, "item get a/three"), "state"), "active");
    assert_string_equal(ctl("item end a/three")->out, "ended for good on all 8 shards\n");
    assert_string_equal(ctl_text(ctl_json(1, "item resume a/three"), "status"), "ended");
    assert_string_equal(ctl_text(ctl_json(0, "item get a/three"), "phase"), "ended");
}

static void says_what_is_wrong_with_the_command_line(void **state) {
    (void)state;
    static const char *const lines[] = {
        "",
        "item",
        "item frobnicate a/b",
        "frobnicate",
        "item get",
        "item get a/b c",
        "item get ab",
        "item get a/b/c",
        "item get a/b*",
        "item get /b",
        "item get a/b --nonsense",
        "item get a/b --timeout 5",
        "item get a/b --timeout 0",
        "item get a/b --redis [::1",
        "item get a/b --redis-user me",
        "item get a/b --redis-password-file /nowhere",
        "item define a/b --hold",
        "item define a/b --hold 5",
        "item define a/b --hold 8d",
        "item define a/b --hold 1s1m",
        "item define a/b --start tomorrow",
        "item define a/b --start 2026-11-11T00:00:00",
        "item define a/b --start 2026-02-30T00:00:00Z",
        "item define a/b --shards 0",
        "item define a/b --shards 1025",
        "item define a/b --price -1",
        "item define a/b --price 9007199254740992",
        "item define a/b --window 5m --remember 4m",
        "item list a/b",
        "help frobnicate",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const ctl_outcome *outcome = ctl("%s", lines[i]);
        if (outcome->code != 2 || outcome->err[0] == '\0' || outcome->out[0] != '\0') {
            fail_msg("\"%s\": exit code %d\n%s%s", lines[i], outcome->code, outcome->out, outcome->err);
        }
    }
    assert_string_equal(ctl_text(ctl_json(2, "item get ab"), "status"), "invalid");
}

static void helps(void **state) {
    (void)state;
    static const char *const lines[] = {
        "help", "--help", "help item", "item --help", "help item define", "item get --help", "--version", "stock --help"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const ctl_outcome *outcome = ctl("%s", lines[i]);
        if (outcome->code != 0 || outcome->err[0] != '\0' || outcome->out[0] == '\0') {
            fail_msg("\"%s\": exit code %d\n%s%s", lines[i], outcome->code, outcome->out, outcome->err);
        }
    }
    assert_non_null(strstr(ctl("help item define")->out, "--hold"));
    assert_non_null(strstr(ctl("help")->out, "Exit codes"));
}

static void prints_one_field(void **state) {
    (void)state;
    ctl_json(0, "item define a/four --price 7");
    assert_string_equal(ctl("item get a/four --field price")->out, "7\n");
    assert_string_equal(ctl("item get a/four --field state")->out, "active\n");
    assert_string_equal(ctl("item get a/none --field status")->out, "not_defined\n");
    const ctl_outcome *refused = ctl("item get a/none --field price");
    assert_int_equal(refused->code, 1);
    assert_string_equal(refused->out, "");
    assert_non_null(strstr(refused->err, "(not_defined)"));
    assert_non_null(strstr(ctl("item get a/none --field status")->err, "(not_defined)"));
    assert_string_equal(ctl("item get a/four --field price")->err, "");
    assert_int_equal(ctl("item get a/four --field no.such")->code, 2);
    assert_int_equal(ctl("--timeout 2s --prefix other item get a/four --json")->code, 1);
}

static void says_when_redis_is_not_there(void **state) {
    (void)state;
    int port = redis_server_free_port();
    const json_t *answer = ctl_json(3, "stock get a/one --redis 127.0.0.1:%d --timeout 300ms", port);
    assert_string_equal(ctl_text(answer, "status"), "unreachable");
    assert_string_equal(ctl_text(answer, "class"), "retryable");
    assert_int_equal(ctl("item list a --redis unix:/nowhere/at.all --timeout 200ms")->code, 3);
    redis_server_pause(ctl_redis);
    const ctl_outcome *outcome = ctl("item pause a/one --timeout 300ms");
    redis_server_resume(ctl_redis);
    assert_int_equal(outcome->code, 3);
}

static void says_when_the_login_is_refused(void **state) {
    (void)state;
    redis_server_forget(redis_server_command(ctl_redis, "CONFIG SET requirepass secret"));
    const ctl_outcome *outcome = ctl("item get a/one --timeout 500ms");
    redis_server_forget(redis_server_command(ctl_redis, "AUTH secret"));
    redis_server_forget(redis_server_command(ctl_redis, "CONFIG SET requirepass %s", ""));
    assert_int_equal(outcome->code, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defines_with_defaults),
        cmocka_unit_test(changes_only_what_is_named),
        cmocka_unit_test(lists_and_shows_an_activity),
        cmocka_unit_test(pauses_resumes_ends),
        cmocka_unit_test(says_what_is_wrong_with_the_command_line),
        cmocka_unit_test(helps),
        cmocka_unit_test(prints_one_field),
        cmocka_unit_test(says_when_redis_is_not_there),
        cmocka_unit_test(says_when_the_login_is_refused),
    };
    unsetenv("SECKILL_PREFIX");
    unsetenv("SECKILL_KEYS");
    return cmocka_run_group_tests(tests, ctl_start_redis, ctl_stop_redis);
}
