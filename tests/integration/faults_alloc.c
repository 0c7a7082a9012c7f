/* Memory that runs out: a whole scenario against a real server, once for each allocation that it makes, with that one failing.
 * Each failure is survived, each call refused or called back once, and the same call right afterwards succeeds.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "failing_memory.h"
#include "faults_support.h"
#include "test_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fault_stage stage;
static fault_picture *picture;
static failing_memory all;

static int set_up(void **state) {
    (void)state;
    fault_stage_set(&stage, NULL, NULL);
    sale_close(&stage.sale);
    picture = fault_picture_take(stage.server);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    redis_server_forget(picture);
    redis_server_free(stage.server);
    return 0;
}

static seckill_status try_to_open(void) {
    seckill_allocator allocator = failing_memory_allocator(&all);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_status status;

    options.address = redis_server_address(stage.server);
    options.allocator = &allocator;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 2;
    options.loop = &stage.sale.loop;
    options.timeout_ms = 3000;
    status = seckill_client_open(&options, &stage.sale.client);
    if (status != SECKILL_OK)
        return status;
    status = seckill_item_open(stage.sale.client, "sale", "phone", &stage.sale.item);
    if (status != SECKILL_OK)
        seckill_client_close(stage.sale.client, NULL, NULL);
    (void)uv_run(&stage.sale.loop, UV_RUN_NOWAIT);
    return status;
}

static void open_client(void) {
    seckill_status status = try_to_open();

    if (status == SECKILL_OK)
        return;
    assert_int_equal(status, SECKILL_NO_MEMORY);
    (void)uv_run(&stage.sale.loop, UV_RUN_DEFAULT);
    assert_int_equal(all.outstanding, 0);
    assert_int_equal(try_to_open(), SECKILL_OK);
}

/* One of the scenario's calls: it works, or it says that memory ran out, at once; and then it works. */
static void call(fault_op op) {
    int64_t started = fault_now_ms();
    fault_answer answer = fault_run(&stage, op);

    assert_int_equal(answer.calls, 1);
    if (answer.status != SECKILL_OK) {
        if (answer.status != SECKILL_NO_MEMORY && answer.status != SECKILL_UNKNOWN)
            fail_msg("%s, allocation %zu: %s, %s", fault_op_name(op), all.fail_at, seckill_status_name(answer.status),
                     answer.message);
        answer = fault_run(&stage, op);
    }
    if (answer.status != SECKILL_OK)
        fail_msg("%s again after allocation %zu: %s, %s", fault_op_name(op), all.fail_at, seckill_status_name(answer.status),
                 answer.message);
    if (fault_now_ms() - started > 1000)
        fail_msg("%s hung after allocation %zu", fault_op_name(op), all.fail_at);
}

static void play(void) {
    sale_stock_answer stock;

    fault_picture_restore(picture, stage.server);
    assert_int_equal(uv_loop_init(&stage.sale.loop), 0);
    open_client();
    /* One that lets the shard be brought up to date on the way. */
    fault_command(stage.server, "HINCRBY seckill:{sale/phone}:map version 1");
    for (int op = 0; op < FAULT_OPS; op++)
        call((fault_op)op);
    all.fail_at = 0;
    stock = sale_stock(&stage.sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.loaded, 8 + 6 - 2);
    assert_int_equal(stock.total.sold, 1);
    assert_int_equal(stock.total.refunded, 1);
    assert_int_equal(stock.total.cancelled, 1);
    seckill_item_close(stage.sale.item);
    seckill_client_close(stage.sale.client, NULL, NULL);
    assert_int_equal(uv_run(&stage.sale.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&stage.sale.loop), 0);
    assert_int_equal(all.outstanding, 0);
}

static void each_allocation_fails_once(void **state) {
    size_t failing = 0, made;

    (void)state;
    do {
        memset(&all, 0, sizeof(all));
        all.fail_at = ++failing;
        play();
        made = all.made;
    } while (made >= failing);
    print_message("%zu allocations\n", failing - 1);
    assert_true(failing > 50);
}

/* From some allocation on there is no memory at all, until the client is closed: nobody hangs, nothing leaks. */
static void memory_does_not_come_back(void **state) {
    (void)state;
    for (size_t failing = 1; failing < 120; failing += test_run_is_full() ? 1 : 7) {
        memset(&all, 0, sizeof(all));
        all.fail_at = failing;
        all.fail_on = true;
        fault_picture_restore(picture, stage.server);
        assert_int_equal(uv_loop_init(&stage.sale.loop), 0);
        if (try_to_open() == SECKILL_OK) {
            for (int op = 0; op < FAULT_OPS; op++) {
                fault_answer answer;

                if (all.made >= failing && op % 4 != 0)
                    continue; /* each may take its time to fail */
                answer = fault_run(&stage, (fault_op)op);
                assert_int_equal(answer.calls, 1);
            }
            seckill_client_close(stage.sale.client, NULL, NULL);
        }
        (void)uv_run(&stage.sale.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&stage.sale.loop), 0);
        assert_int_equal(all.outstanding, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(memory_does_not_come_back),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
