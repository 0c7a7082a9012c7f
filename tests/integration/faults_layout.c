/* Keys of a release with another layout: whatever they hold, every operation says which layout they have, which one it knows,
 * and where it saw that; and leaves them alone.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include <stdio.h>
#include <string.h>

static const char map[] = "seckill:{sale/phone}:map";

static int set_up(void **state) {
    static fault_stage stage;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.timeout_ms = 2000;
    fault_stage_set(&stage, NULL, &options);
    fault_assert_status(fault_run(&stage, FAULT_LOOKUP), SECKILL_OK); /* it knows the item */
    *state = &stage;
    return 0;
}

static int tear_down(void **state) {
    fault_stage_strike(*state);
    return 0;
}

static const char *key_of(fault_stage *stage, const char *name) {
    static char key[SECKILL_SHARD_KEY_SIZE];

    return sale_key(&stage->sale, 0, name, key);
}

static void assert_says_so(const char *what, seckill_status status, const char *message, const char *key) {
    char wanted[SECKILL_SHARD_KEY_SIZE + 64];

    (void)snprintf(wanted, sizeof(wanted), "these keys have layout %d, this release knows layout %d (%s)",
                   SECKILL_KEY_LAYOUT + 1, SECKILL_KEY_LAYOUT, key);
    if (status != SECKILL_LAYOUT || strcmp(message, wanted) != 0)
        fail_msg("%s: %s, %s", what, seckill_status_name(status), message);
}

/* What an operation of several steps does elsewhere before it comes here. */
static bool has_steps(fault_op op) {
    return op == FAULT_LOAD || op == FAULT_WITHDRAW || op == FAULT_EXPIRE || op == FAULT_DEFINE || op == FAULT_RESUME ||
           op == FAULT_RECONCILE;
}

static void assert_all_say_so(fault_stage *stage) {
    fault_picture *picture = fault_picture_take(stage->server);

    for (int op = 0; op <= FAULT_RESUME; op++) {
        fault_answer answer = fault_run(stage, (fault_op)op);

        assert_says_so(fault_op_name((fault_op)op), answer.status, answer.message, key_of(stage, "stock"));
        if (!has_steps((fault_op)op) && !fault_picture_holds(picture, stage->server, NULL))
            fail_msg("%s is half done", fault_op_name((fault_op)op));
        fault_assert_status(fault_reserve(stage, stage->stranger), SECKILL_OK); /* on the other shard */
        fault_picture_restore(picture, stage->server);
    }
    redis_server_forget(picture);
}

static void change_layout(fault_stage *stage, const char *key) {
    fault_command(stage->server, "HSET %s layout %d", key, SECKILL_KEY_LAYOUT + 1);
}

static void of_a_shard(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    change_layout(stage, key_of(stage, "stock"));
    assert_all_say_so(stage);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* Another layout may have other fields, other keys, and keep something else in those of the same name. */
static void of_a_shard_that_is_nothing_like_ours(void **state) {
    static const char *const others[] = {"users", "expirations", "transfers", "queue", "events"};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    for (int is_gone = 0; is_gone < 2; is_gone++) {
        fault_command(stage->server, "DEL %s", key_of(stage, "stock"));
        change_layout(stage, key_of(stage, "stock"));
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            fault_command(stage->server, "DEL %s", key_of(stage, others[i]));
            if (!is_gone)
                fault_command(stage->server, "SET %s other", key_of(stage, others[i]));
        }
        assert_all_say_so(stage);
        fault_picture_restore(picture, stage->server);
    }
    redis_server_forget(picture);
}

/* ---- what is not on the stage of faults: it is about the item as a whole ---- */

typedef struct {
    int calls;
    seckill_status status;
    char message[256];
    bool found; /* of a preflight: the layout has failed */
} answer;

static void on_read(const seckill_reservations_result *result, void *user_data) {
    answer *self = user_data;

    self->calls++;
    self->status = result->status;
    (void)snprintf(self->message, sizeof(self->message), "%s", result->message);
}

static void on_preflight(const seckill_preflight_result *result, void *user_data) {
    answer *self = user_data;

    self->calls++;
    for (size_t i = 0; i < result->count; i++) {
        const seckill_finding *one = &result->findings[i];

        if (one->check == SECKILL_CHECK_LAYOUT && one->level == SECKILL_LEVEL_FAILED) {
            self->found = true;
            (void)snprintf(self->message, sizeof(self->message), "%s", one->found);
        }
    }
}

static answer wait_for(fault_stage *stage, answer *self) {
    while (self->calls == 0)
        assert_true(uv_run(&stage->sale.loop, UV_RUN_ONCE) != 0 || self->calls != 0);
    return *self;
}

static answer read_reservations(fault_stage *stage) {
    seckill_reservations_cursor cursor = SECKILL_RESERVATIONS_CURSOR_INIT;
    answer self = {0, SECKILL_OK, "", false};

    assert_int_equal(seckill_reservations_read(stage->sale.item, 0, &cursor, 10, 0, on_read, &self), SECKILL_OK);
    return wait_for(stage, &self);
}

static answer preflight(fault_stage *stage) {
    answer self = {0, SECKILL_OK, "", false};

    assert_int_equal(seckill_preflight(stage->sale.item, NULL, on_preflight, &self), SECKILL_OK);
    return wait_for(stage, &self);
}

static void what_is_about_the_whole_item(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    sale_item_answer item;
    answer read, checked;

    fault_assert_status(sale_end(&stage->sale), SECKILL_OK);
    change_layout(stage, key_of(stage, "stock"));
    read = read_reservations(stage);
    assert_says_so("reservations_read", read.status, read.message, key_of(stage, "stock"));
    item = sale_purge(&stage->sale);
    assert_says_so("item_purge", item.status, item.message, key_of(stage, "stock"));
    checked = preflight(stage);
    assert_true(checked.found);
    assert_non_null(strstr(checked.message, "2"));
    assert_non_null(strstr(checked.message, "1"));
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

static void of_the_mapping_list(void **state) {
    static const fault_op ops[] = {FAULT_GET, FAULT_DEFINE, FAULT_RESUME, FAULT_LOAD, FAULT_WITHDRAW};
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server), *before;
    sale_item_answer item;

    fault_command(stage->server, "DEL %s", map);
    change_layout(stage, map);
    before = fault_picture_take(stage->server);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        fault_answer one = fault_run(stage, ops[i]);

        assert_says_so(fault_op_name(ops[i]), one.status, one.message, map);
    }
    item = sale_purge(&stage->sale);
    assert_says_so("item_purge", item.status, item.message, map);
    fault_stage_reopen(stage, NULL); /* one that does not know the item yet must read the list first, whatever it is about */
    assert_true(preflight(stage).found);
    for (int op = 0; op <= FAULT_GET; op++) {
        fault_answer one = fault_run(stage, (fault_op)op);

        assert_says_so(fault_op_name((fault_op)op), one.status, one.message, map);
    }
    assert_true(fault_picture_holds(before, stage->server, NULL));
    redis_server_forget(before);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_shard),
        cmocka_unit_test(of_a_shard_that_is_nothing_like_ours),
        cmocka_unit_test(what_is_about_the_whole_item),
        cmocka_unit_test(of_the_mapping_list),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
