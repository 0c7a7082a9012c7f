/* Memory that runs out, call by call: the whole life of each public call that needs a client (opened, asked, answered, closed)
 * once for each allocation in it, with that one failing, and some that follow; and without any memory from that one on. No call
 * may be lost, called back twice or leak; once there is memory again the same call succeeds on the same client.
 *
 * With --calls it prints which calls these are; what needs no client is in tests/unit/test_memory.c, and
 * tests/package/memory.test.sh sees that none is missing.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "memory_calls.h"
#include "failing_memory.h"
#include "faults_support.h"
#include "test_run.h"

#include <stdio.h>
#include <string.h>

static memory_stage all;
static fault_picture *picture, *picture_behind;

static int set_up(void **state) {
    (void)state;
    fault_stage_set(&all.stage, NULL, NULL);
    memory_calls_prepare(&all);
    sale_close(&all.stage.sale);
    picture = fault_picture_take(all.stage.server);
    fault_command(all.stage.server, "HINCRBY seckill:{sale/phone}:map version 1");
    picture_behind = fault_picture_take(all.stage.server);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    redis_server_forget(picture);
    redis_server_forget(picture_behind);
    redis_server_free(all.stage.server);
    return 0;
}

static seckill_status try_to_open(uint32_t timeout_ms) {
    seckill_allocator allocator = failing_memory_allocator(&all.memory);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    sale *on = &all.stage.sale;
    seckill_status status;

    options.address = redis_server_address(all.stage.server);
    options.allocator = &allocator;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 2;
    options.loop = &on->loop;
    options.timeout_ms = timeout_ms;
    status = seckill_client_open(&options, &on->client);
    if (status != SECKILL_OK)
        return status;
    status = seckill_item_open(on->client, "sale", "phone", &on->item);
    if (status != SECKILL_OK)
        seckill_client_close(on->client, NULL, NULL);
    return status;
}

static void memory_is_back(void) {
    all.memory.fail_at = 0;
    all.memory.fail_on = false;
}

static void open_client(uint32_t timeout_ms) {
    seckill_status status = try_to_open(timeout_ms);

    if (status == SECKILL_OK)
        return;
    assert_int_equal(status, SECKILL_NO_MEMORY);
    (void)uv_run(&all.stage.sale.loop, UV_RUN_DEFAULT);
    assert_int_equal(all.memory.outstanding, 0);
    memory_is_back();
    assert_int_equal(try_to_open(timeout_ms), SECKILL_OK);
}

static void on_closed(void *user_data) {
    ++*(int *)user_data;
}

static void close_client(void) {
    int closed = 0;

    seckill_client_close(all.stage.sale.client, on_closed, &closed);
    assert_int_equal(uv_run(&all.stage.sale.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(closed, 1);
    for (int i = 0; i < all.asked; i++)
        assert_int_equal(all.answers[i].calls, 1);
    assert_int_equal(uv_loop_close(&all.stage.sale.loop), 0);
    assert_int_equal(all.memory.outstanding, 0);
}

/* Whether this status may come of a want of memory. Without any for the connection nobody is reached. */
static bool is_want(const fault_answer *answer) {
    return answer->status == SECKILL_NO_MEMORY || answer->status == SECKILL_UNKNOWN ||
           (answer->status == SECKILL_UNREACHABLE && strstr(answer->message, "out of memory") != NULL);
}

/* Some calls find shards that are behind the mapping list, and have to be brought up to date on the way. */
static bool is_behind(const memory_call *call) {
    return (call - memory_calls()) % 4 == 0;
}

/* One call that finds a want of memory somewhere, and then the same with enough of it. */
static void ask_twice(const memory_call *call) {
    size_t failing = all.memory.fail_at;
    fault_answer answer = memory_calls_ask(&all, call);
    bool wanted = is_want(&answer);

    memory_is_back();
    if (answer.status == SECKILL_NO_MEMORY && call->in_one_step && !is_behind(call))
        assert_true(fault_picture_holds(picture, all.stage.server, "seckill:{sale}:items")); /* a set has no order */
    if (wanted)
        answer = memory_calls_ask(&all, call);
    if (answer.status != SECKILL_OK)
        fail_msg("%s, allocation %zu, asked %d times: %s, %s", call->name, failing, all.asked,
                 seckill_status_name(answer.status), answer.message);
}

static void begin(const memory_call *call, size_t failing, bool fail_on, uint32_t timeout_ms) {
    fault_picture_restore(is_behind(call) ? picture_behind : picture, all.stage.server);
    assert_int_equal(uv_loop_init(&all.stage.sale.loop), 0);
    all.memory = (failing_memory){.fail_at = failing, .fail_on = fail_on};
    all.asked = 0;
    open_client(timeout_ms);
}

/* With `more` that follow; each step-th allocation in turn. */
static void through_all(size_t more, size_t step) {
    const memory_call *calls = memory_calls();

    for (size_t i = 0; calls[i].name != NULL; i++) {
        size_t failing = 1 + i % step, made;

        for (;; failing += step) {
            begin(&calls[i], failing, false, 3000);
            all.memory.fail_more = more;
            ask_twice(&calls[i]);
            made = all.memory.made;
            close_client();
            if (made < failing)
                break;
        }
        if (failing < 10)
            fail_msg("%s: %zu allocations in a whole life?", calls[i].name, failing);
    }
}

static void each_allocation_fails_once(void **state) {
    (void)state;
    through_all(0, test_run_step(1));
}

/* So that what is tried again fails again. Each takes its time: never all of them, as the stage's requests grow old. */
static void some_fail_in_a_row(void **state) {
    (void)state;
    through_all(2, test_run_is_full() ? 4 : test_run_step(40));
}

/* From some allocation on there is none, and nobody gets further than his deadline: each is told so. */
static size_t stay_away(const memory_call *call, bool connected, size_t failing) {
    fault_answer answer;

    begin(call, connected ? 0 : failing, !connected, 20);
    if (connected) {
        (void)fault_run(&all.stage, FAULT_LIST);
        all.memory.made = 0;
        all.memory.fail_at = failing;
        all.memory.fail_on = true;
    }
    answer = memory_calls_ask(&all, call);
    if (answer.status != SECKILL_OK && seckill_status_class(answer.status) == SECKILL_CLASS_FINAL)
        fail_msg("%s, allocation %zu: %s, %s", call->name, failing, seckill_status_name(answer.status), answer.message);
    close_client();
    return all.memory.made;
}

static void memory_stays_away(void **state) {
    const memory_call *calls = memory_calls();

    (void)state;
    for (size_t failing = 1; stay_away(&calls[0], false, failing) >= failing; failing++)
        ;
    for (size_t i = 0; calls[i].name != NULL; i++) {
        size_t step = test_run_step(8), failing = i % step + 1;

        if (calls[i].op == FAULT_RECONCILE)
            continue; /* its deadline is its own, and long */
        while (stay_away(&calls[i], true, failing) >= failing)
            failing += step;
    }
}

/* Closing needs none, and every call is called back, however far it has come. */
static void memory_is_gone_when_it_is_closed(void **state) {
    (void)state;
    for (const memory_call *call = memory_calls(); call->name != NULL; call++) {
        for (int turns = 0; turns < (call->start != NULL ? 8 : 0); turns++) {
            fault_answer answer = {0};

            begin(call, 0, false, 3000);
            assert_int_equal(fault_run(&all.stage, FAULT_LIST).status, SECKILL_OK);
            if (call->start(&all, call->op, &answer) != SECKILL_OK)
                fail_msg("%s was not started", call->name);
            all.memory.fail_at = all.memory.made + 1;
            all.memory.fail_on = true;
            for (int turn = 0; turn < turns; turn++)
                (void)uv_run(&all.stage.sale.loop, UV_RUN_NOWAIT);
            close_client();
            assert_int_equal(answer.calls, 1);
        }
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_fails_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(some_fail_in_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_stays_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_gone_when_it_is_closed, set_up, tear_down),
    };

    if (argc == 2 && strcmp(argv[1], "--calls") == 0) {
        for (const memory_call *call = memory_calls(); call->name != NULL; call++)
            (void)printf("%s\n", call->name);
        return 0;
    }
    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
