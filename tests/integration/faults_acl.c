/* What happens where Redis forbids something: every operation with every command that the scripts use forbidden in turn.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include "script/script.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- what the scripts use: taken from their texts, so that the list stays complete ---- */

typedef struct {
    char names[64][24];
    size_t count;
} command_list;

/* Beside each of commands_of_all: whether some operation was refused for lack of it. */
static bool was_needed[64];

static void add_command(command_list *list, const char *name, size_t size) {
    char upper[24];

    if (size == 0 || size >= sizeof(upper))
        return;
    for (size_t i = 0; i < size; i++) {
        if (!isupper((unsigned char)name[i]))
            return; /* not a command */
    }
    (void)snprintf(upper, sizeof(upper), "%.*s", (int)size, name);
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], upper) == 0)
            return;
    }
    assert_true(list->count < 64);
    memcpy(list->names[list->count++], upper, sizeof(upper));
}

static void add_commands_of(command_list *list, const char *text) {
    static const char *const before[] = {"call('", "permit('", "read('", "acl_check_cmd('"};

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        const char *at = text;

        while ((at = strstr(at, before[i])) != NULL) {
            at += strlen(before[i]);
            add_command(list, at, strcspn(at, "'"));
        }
    }
}

static command_list commands_of_all(void) {
    command_list list;

    memset(&list, 0, sizeof(list));
    for (int id = 0; id < SK__SCRIPT_COUNT; id++)
        add_commands_of(&list, sk__script_of((sk__script_id)id)->text);
    add_command(&list, "EVAL", 4);
    add_command(&list, "EVALSHA", 7);
    assert_true(list.count > 15);
    return list;
}

/* ---- the stage, acted on by a user whose rights change ---- */

static int set_up(void **state) {
    static fault_stage stage;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.user = "app";
    options.password = "secret";
    options.timeout_ms = 2000;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 5;
    fault_stage_set(&stage, NULL, &options);
    fault_command(stage.server, "ACL SETUSER app on >secret ~seckill:* +@all");
    *state = &stage;
    return 0;
}

static int tear_down(void **state) {
    fault_stage_strike(*state);
    return 0;
}

static bool names(const char *message, const char *command) {
    size_t size = strlen(command);

    for (; *message != '\0'; message++) {
        if (strncasecmp(message, command, size) == 0 && !isalpha((unsigned char)message[size]))
            return true;
    }
    return false;
}

/* One operation with one command forbidden: whether it was refused. Whatever it says, it has done all or nothing. */
static bool is_refused(fault_stage *stage, const fault_picture *picture, fault_op op, const char *command) {
    fault_answer answer;
    bool refused;

    fault_command(stage->server, "ACL SETUSER app -%s", command);
    if (strcmp(command, "EVAL") == 0)
        fault_command(stage->server, "SCRIPT FLUSH");
    answer = fault_run(stage, op);
    refused = answer.status != SECKILL_OK;
    if (refused) {
        if (answer.status != SECKILL_DENIED || !names(answer.message, command))
            fail_msg("%s without %s: %s, %s", fault_op_name(op), command, seckill_status_name(answer.status), answer.message);
        if (op == FAULT_LOAD || op == FAULT_WITHDRAW || op == FAULT_RECONCILE) {
            /* Of several steps: the plan may be stored, records may be stamped; what counts is that it is carried out once
             * (below). */
        } else if (!fault_picture_holds(picture, stage->server, NULL)) {
            fail_msg("%s without %s is half done", fault_op_name(op), command);
        }
    }
    fault_command(stage->server, "ACL SETUSER app +%s", command);
    if (refused) {
        answer = fault_run(stage, op);
        if (answer.status != SECKILL_OK)
            fail_msg("%s with %s again: %s, %s", fault_op_name(op), command, seckill_status_name(answer.status),
                     answer.message);
    }
    {
        sale_stock_answer stock = sale_stock(&stage->sale);

        assert_true(sale_account_holds(&stock));
        if (op == FAULT_LOAD)
            assert_int_equal(stock.total.loaded, 8 + 6);
        if (op == FAULT_WITHDRAW)
            assert_int_equal(stock.total.loaded, 8 - 2);
    }
    fault_picture_restore(picture, stage->server);
    return refused;
}

/* What a script needs only where its client waits for replicas. */
static bool is_for_replicas(const char *command) {
    return strcmp(command, "PEXPIRE") == 0 || strcmp(command, "PERSIST") == 0;
}

static void each_command_forbidden_for_each_operation(void **state) {
    fault_stage *stage = *state;
    command_list commands = commands_of_all();
    fault_picture *picture = fault_picture_take(stage->server);
    /* What changes a key is refused for lack of any of these, however little of them it would need this time. */
    static const char *const always[] = {"HSET", "HDEL", "ZADD", "ZREM", "HMGET", "TIME", "INFO", "EXISTS", "EVALSHA"};

    for (size_t i = 0; i < commands.count; i++) {
        int refused = 0;

        if (is_for_replicas(commands.names[i]))
            continue;
        for (int op = 0; op < FAULT_OPS; op++)
            refused += is_refused(stage, picture, (fault_op)op, commands.names[i]);
        if (refused == 0 && !was_needed[i])
            fail_msg("no operation needs %s", commands.names[i]);
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        for (fault_op op = FAULT_RESERVE; op <= FAULT_WITHDRAW; op++) {
            if (!is_refused(stage, picture, op, always[i]))
                fail_msg("%s works without %s", fault_op_name(op), always[i]);
        }
    }
    redis_server_forget(picture);
}

/* The same of the item's end. */
static bool purge_is_refused(fault_stage *stage, const char *command) {
    sale_item_answer answer;

    assert_int_equal(sale_end(&stage->sale).status, SECKILL_OK);
    fault_command(stage->server, "ACL SETUSER app -%s", command);
    answer = sale_purge(&stage->sale);
    if (answer.status != SECKILL_OK && (answer.status != SECKILL_DENIED || !names(answer.message, command)))
        fail_msg("purge without %s: %s, %s", command, seckill_status_name(answer.status), answer.message);
    fault_command(stage->server, "ACL SETUSER app +%s", command);
    if (answer.status != SECKILL_OK)
        assert_int_equal(sale_purge(&stage->sale).status, SECKILL_OK);
    assert_int_equal(sale_get(&stage->sale).status, SECKILL_NOT_DEFINED);
    return answer.status != SECKILL_OK;
}

/* A new item: nothing of a shard is there, and each of its keys is made at once or not at all. */
static void what_is_forbidden_to_a_definition_or_a_purge_can_be_repeated(void **state) {
    fault_stage *stage = *state;
    command_list commands = commands_of_all();
    fault_picture *picture = fault_picture_take(stage->server);

    for (size_t i = 0; i < commands.count; i++) {
        seckill_item *first = stage->sale.item;
        fault_answer answer;
        char name[32];
        long long keys;

        if (strcmp(commands.names[i], "EVAL") == 0)
            continue;
        (void)snprintf(name, sizeof(name), "new-%s", commands.names[i]);
        assert_int_equal(seckill_item_open(stage->sale.client, "sale", name, &stage->sale.item), SECKILL_OK);
        fault_command(stage->server, "ACL SETUSER app -%s", commands.names[i]);
        answer = fault_run(stage, FAULT_DEFINE);
        was_needed[i] = answer.status != SECKILL_OK;
        if (answer.status != SECKILL_OK && (answer.status != SECKILL_DENIED || !names(answer.message, commands.names[i])))
            fail_msg("define without %s: %s, %s", commands.names[i], seckill_status_name(answer.status), answer.message);
        keys = redis_server_integer(stage->server, "EVAL %s 1 %s",
                                    "return #redis.call('KEYS', 'seckill:{sale/' .. KEYS[1] .. '/*')", name);
        assert_true(keys % 6 == 0);
        fault_command(stage->server, "ACL SETUSER app +%s", commands.names[i]);
        answer = fault_run(stage, FAULT_DEFINE);
        fault_assert_status(answer, SECKILL_OK);
        was_needed[i] = purge_is_refused(stage, commands.names[i]) || was_needed[i];
        seckill_item_close(stage->sale.item);
        stage->sale.item = first;
    }
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

static void keys_outside_of_what_is_allowed(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    static const char *const keys[] = {"~other:*", "~seckill:{sale}:items", "~seckill:*:stock ~seckill:*:users",
                                       "%R~seckill:*"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        bool may_read = keys[i][0] == '%';

        fault_command(stage->server, "ACL SETUSER app resetkeys %s", keys[i]);
        for (int op = 0; op < FAULT_OPS; op++) {
            fault_answer answer;

            if (op == FAULT_LIST && i == 1)
                continue;
            answer = fault_run(stage, (fault_op)op);
            if (answer.status != SECKILL_DENIED && !(may_read && answer.status == SECKILL_OK))
                fail_msg("%s with only %s: %s, %s", fault_op_name((fault_op)op), keys[i], seckill_status_name(answer.status),
                         answer.message);
            assert_true(fault_picture_holds(picture, stage->server, NULL));
        }
    }
    fault_command(stage->server, "ACL SETUSER app resetkeys ~seckill:*");
    fault_assert_status(fault_run(stage, FAULT_RESERVE), SECKILL_OK);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* A password that is wrong is told as the cause; when it becomes right, the same client goes on. */
static void a_wrong_password_then_right(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    fault_answer answer;

    options.user = "app";
    options.password = "changed";
    options.timeout_ms = 100;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 5;
    fault_stage_reopen(stage, &options);
    answer = fault_run(stage, FAULT_RESERVE);
    fault_assert_status(answer, SECKILL_DENIED);
    assert_non_null(strstr(answer.message, "WRONGPASS"));
    assert_non_null(strstr(seckill_client_trouble(stage->sale.client), "WRONGPASS"));
    assert_true(fault_picture_holds(picture, stage->server, NULL));
    fault_command(stage->server, "ACL SETUSER app >changed");
    answer = fault_run(stage, FAULT_RESERVE);
    fault_assert_status(answer, SECKILL_OK);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* A server that wants a password from a client that has none. */
static void no_password_where_one_is_wanted(void **state) {
    fault_stage *stage = *state;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    fault_answer answer;

    fault_stage_reopen(stage, &options);
    fault_command(stage->server, "CONFIG SET requirepass hush");
    answer = fault_run(stage, FAULT_RESERVE);
    fault_assert_status(answer, SECKILL_DENIED);
    assert_non_null(strstr(answer.message, "NOAUTH"));
    fault_command(stage->server, "CONFIG SET requirepass %s", "\"\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_forbidden_to_a_definition_or_a_purge_can_be_repeated),
        cmocka_unit_test(each_command_forbidden_for_each_operation),
        cmocka_unit_test(keys_outside_of_what_is_allowed),
        cmocka_unit_test(a_wrong_password_then_right),
        cmocka_unit_test(no_password_where_one_is_wanted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
