/* What happens where a key is not what it should be: of another type, gone, or with a field that is gone or no number. An
 * operation that needs it says so and names it, changes nothing, and leaves the other shards alone.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include <stdio.h>
#include <string.h>

static int set_up(void **state) {
    static fault_stage stage;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.timeout_ms = 1000;
    fault_stage_set(&stage, NULL, &options);
    /* From here on the client knows the item: a map that goes later is not missed until it is asked for. */
    fault_assert_status(fault_run(&stage, FAULT_LOOKUP), SECKILL_OK);
    *state = &stage;
    return 0;
}

static int tear_down(void **state) {
    fault_stage_strike(*state);
    return 0;
}

enum { SHARD_KEYS = 6, KEYS = SHARD_KEYS + 2, MAP = SHARD_KEYS, LIST };

static const char *name_of(fault_stage *stage, int key, char name[SECKILL_SHARD_KEY_SIZE]) {
    static const char *const names[SHARD_KEYS] = {"stock", "users", "expirations", "transfers", "queue", "events"};

    if (key == MAP)
        return "seckill:{sale/phone}:map";
    if (key == LIST)
        return "seckill:{sale}:items";
    return sale_key(&stage->sale, 0, names[key], name);
}

/* What an operation of several steps may have done before it met the damage, each of which is right to be repeated. */
static bool has_steps(fault_op op) {
    return op == FAULT_LOAD || op == FAULT_WITHDRAW || op == FAULT_EXPIRE || op == FAULT_DEFINE || op == FAULT_RESUME ||
           op == FAULT_RECONCILE;
}

/* Runs an operation on a damaged stage; it must be as good as before, or else say DAMAGED and name the key. True: it said so.
 */
static bool is_damaged(fault_stage *stage, fault_op op, const char *key, const char *what) {
    fault_picture *before = fault_picture_take(stage->server);
    int64_t started = fault_now_ms();
    fault_answer answer = fault_run(stage, op);
    bool damaged = answer.status == SECKILL_DAMAGED;

    if (!damaged && answer.status != SECKILL_OK)
        fail_msg("%s with %s %s: %s, %s", fault_op_name(op), key, what, seckill_status_name(answer.status), answer.message);
    if (damaged && strstr(answer.message, key) == NULL)
        fail_msg("%s with %s %s does not name it: %s", fault_op_name(op), key, what, answer.message);
    if (damaged && !has_steps(op) && !fault_picture_holds(before, stage->server, NULL))
        fail_msg("%s with %s %s is half done", fault_op_name(op), key, what);
    if (fault_now_ms() - started > 500)
        fail_msg("%s with %s %s took its whole time", fault_op_name(op), key, what);
    redis_server_forget(before);
    return damaged;
}

/* Operations on shard 0 that need the shard as a whole. */
static bool needs_shard(fault_op op) {
    return op <= FAULT_EVENTS;
}

static void the_other_shard_goes_on(fault_stage *stage) {
    fault_assert_status(fault_reserve(stage, stage->stranger), SECKILL_OK);
}

static void a_key_of_another_type(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    for (int key = 0; key < KEYS; key++) {
        char buffer[SECKILL_SHARD_KEY_SIZE];
        const char *name = name_of(stage, key, buffer);
        int damaged = 0;

        for (int op = 0; op < FAULT_OPS; op++) {
            fault_command(stage->server, "SET %s impostor", name);
            if (is_damaged(stage, (fault_op)op, name, "of another type"))
                damaged++;
            else if (key == 0 && needs_shard((fault_op)op))
                fail_msg("%s did not miss %s", fault_op_name((fault_op)op), name);
            if (key < SHARD_KEYS)
                the_other_shard_goes_on(stage);
            fault_picture_restore(picture, stage->server);
        }
        assert_true(damaged > 0);
    }
    redis_server_forget(picture);
}

static void a_key_that_is_gone(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    for (int key = 0; key < SHARD_KEYS; key++) {
        char buffer[SECKILL_SHARD_KEY_SIZE];
        const char *name = name_of(stage, key, buffer);

        for (int op = 0; op < FAULT_OPS; op++) {
            fault_command(stage->server, "DEL %s", name);
            if (!is_damaged(stage, (fault_op)op, name, "gone") && needs_shard((fault_op)op))
                fail_msg("%s did not miss %s", fault_op_name((fault_op)op), name);
            the_other_shard_goes_on(stage);
            fault_picture_restore(picture, stage->server);
        }
    }
    redis_server_forget(picture);
}

/* Without its list an item is not defined; who knows it already goes on with its shards. */
static void a_mapping_list_that_is_gone(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    static const fault_op asking[] = {FAULT_GET, FAULT_RESUME, FAULT_LOAD, FAULT_WITHDRAW};

    fault_command(stage->server, "DEL seckill:{sale/phone}:map");
    for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
        fault_assert_status(fault_run(stage, asking[i]), SECKILL_NOT_DEFINED);
    fault_assert_status(fault_run(stage, FAULT_RESERVE), SECKILL_OK);
    fault_picture_restore(picture, stage->server);

    /* Defined anew, it has other homes for the users: a client that knows the old ones refuses to mix them. */
    fault_command(stage->server, "DEL seckill:{sale/phone}:map");
    fault_assert_status(fault_run(stage, FAULT_DEFINE), SECKILL_DAMAGED);
    fault_picture_restore(picture, stage->server);

    fault_command(stage->server, "DEL seckill:{sale}:items");
    {
        fault_answer list = fault_run(stage, FAULT_LIST);

        fault_assert_status(list, SECKILL_OK);
        assert_int_equal(list.amount, 0);
    }
    fault_assert_status(fault_run(stage, FAULT_DEFINE), SECKILL_OK);
    assert_int_equal(fault_run(stage, FAULT_LIST).amount, 1);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

static void the_fields_of(fault_stage *stage, const char *key, bool is_map) {
    fault_picture *picture = fault_picture_take(stage->server);
    redisReply *fields = redis_server_command(stage->server, "HKEYS %s", key);

    assert_non_null(fields);
    assert_true(fields->elements > 15);
    for (size_t i = 0; i < fields->elements; i++) {
        const char *field = fields->element[i]->str;
        /* The server's name of its life is a word; operations are looked for one by one; tags are words; nobody reads the
         * empty. */
        bool is_word = field[0] == '\0' || strcmp(field, "run") == 0 || strcmp(field, "tags") == 0 ||
                       strncmp(field, "op:", 3) == 0 || strcmp(field, "operations") == 0 || strcmp(field, "planned") == 0;

        for (int how = 0; how < 2; how++) {
            for (int op = 0; op < FAULT_OPS; op++) {
                bool expected = is_map ? op == FAULT_GET || op == FAULT_RESUME || op == FAULT_LOAD : needs_shard((fault_op)op);

                if (is_word || (strcmp(field, "layout") == 0 && how == 1))
                    continue;
                if (how == 0)
                    fault_command(stage->server, "HDEL %s %s", key, field);
                else
                    fault_command(stage->server, "HSET %s %s many", key, field);
                if (!is_damaged(stage, (fault_op)op, key, field) && expected)
                    fail_msg("%s did not miss %s of %s", fault_op_name((fault_op)op), field, key);
                if (!is_map && op == 0)
                    the_other_shard_goes_on(stage);
                fault_picture_restore(picture, stage->server);
            }
        }
    }
    redis_server_forget(fields);
    redis_server_forget(picture);
}

static void fields_of_stock(void **state) {
    fault_stage *stage = *state;
    char key[SECKILL_SHARD_KEY_SIZE];

    the_fields_of(stage, sale_key(&stage->sale, 0, "stock", key), false);
}

static void fields_of_the_mapping_list(void **state) {
    the_fields_of(*state, "seckill:{sale/phone}:map", true);
}

/* What an operation left for its repetition. */
static void the_traces_of_an_operation(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    char key[SECKILL_SHARD_KEY_SIZE];

    fault_assert_status(fault_run(stage, FAULT_LOAD), SECKILL_OK);
    fault_command(stage->server, "HSET %s op:more many", sale_key(&stage->sale, 0, "stock", key));
    assert_true(is_damaged(stage, FAULT_LOAD, key, "with traces that are no number"));
    fault_picture_restore(picture, stage->server);
    fault_assert_status(fault_run(stage, FAULT_LOAD), SECKILL_OK);
    fault_command(stage->server, "HSET seckill:{sale/phone}:map op:more many");
    assert_true(is_damaged(stage, FAULT_LOAD, "seckill:{sale/phone}:map", "with traces that are none"));
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

static void records_that_are_none(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    char key[SECKILL_SHARD_KEY_SIZE];
    const char *users = sale_key(&stage->sale, 0, "users", key);

    fault_command(stage->server, "HSET %s %s garbage", users, stage->payer);
    assert_true(is_damaged(stage, FAULT_CONFIRM, users, "with garbage"));
    assert_true(is_damaged(stage, FAULT_LOOKUP, users, "with garbage"));
    assert_false(is_damaged(stage, FAULT_CANCEL, users, "with garbage of another user"));
    the_other_shard_goes_on(stage);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_another_type),       cmocka_unit_test(a_key_that_is_gone),
        cmocka_unit_test(a_mapping_list_that_is_gone), cmocka_unit_test(fields_of_stock),
        cmocka_unit_test(fields_of_the_mapping_list),  cmocka_unit_test(the_traces_of_an_operation),
        cmocka_unit_test(records_that_are_none),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
