/* Redis at its maxmemory: what takes memory is refused and nothing is half done; what settles or frees goes on.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include <stdio.h>
#include <string.h>

static int set_up(void **state) {
    static fault_stage stage;
    static const char *const lines[] = {"maxmemory-policy noeviction", NULL};
    redis_server_options server = {false, false, lines};
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.timeout_ms = 1000;
    fault_stage_set(&stage, &server, &options);
    *state = &stage;
    return 0;
}

static int tear_down(void **state) {
    fault_stage_strike(*state);
    return 0;
}

static const fault_op refused[] = {FAULT_RESERVE, FAULT_LOAD, FAULT_ENQUEUE, FAULT_REFUSE, FAULT_REQUEUE};
static const fault_op served[] = {FAULT_CONFIRM,   FAULT_CANCEL, FAULT_PROCESS, FAULT_REFUND, FAULT_EXPIRE,
                                  FAULT_RECONCILE, FAULT_REPEAT, FAULT_ACK,     FAULT_LOOKUP, FAULT_POLL,
                                  FAULT_STOCK,     FAULT_EVENTS, FAULT_GET,     FAULT_RESUME, FAULT_LIST};

static void without_memory(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        fault_answer answer;

        fault_command(stage->server, "CONFIG SET maxmemory 1");
        answer = fault_run(stage, refused[i]);
        if (answer.status != SECKILL_SERVER_MEMORY || strstr(answer.message, "OOM") == NULL)
            fail_msg("%s: %s, %s", fault_op_name(refused[i]), seckill_status_name(answer.status), answer.message);
        assert_true(fault_picture_holds(picture, stage->server, NULL));
        fault_command(stage->server, "CONFIG SET maxmemory 0");
        fault_assert_status(fault_run(stage, refused[i]), SECKILL_OK);
        fault_picture_restore(picture, stage->server);
    }
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
        sale_stock_answer stock;
        fault_answer answer;

        fault_command(stage->server, "CONFIG SET maxmemory 1");
        answer = fault_run(stage, served[i]);
        if (answer.status != SECKILL_OK)
            fail_msg("%s: %s, %s", fault_op_name(served[i]), seckill_status_name(answer.status), answer.message);
        stock = sale_stock(&stage->sale);
        assert_true(sale_account_holds(&stock));
        fault_command(stage->server, "CONFIG SET maxmemory 0");
        fault_picture_restore(picture, stage->server);
    }
    redis_server_forget(picture);
}

/* Pausing and ending must work just then; and so must what follows, on shards that were paused without memory. */
static void a_pause_without_memory(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);

    fault_command(stage->server, "CONFIG SET maxmemory 1");
    assert_int_equal(sale_pause(&stage->sale).status, SECKILL_OK);
    assert_int_equal(sale_reserve(&stage->sale, stage->buyer, "again", 1).status, SECKILL_SERVER_MEMORY);
    fault_assert_status(fault_run(stage, FAULT_CONFIRM), SECKILL_OK);
    fault_assert_status(fault_run(stage, FAULT_CANCEL), SECKILL_OK);
    fault_command(stage->server, "CONFIG SET maxmemory 0");
    assert_int_equal(sale_reserve(&stage->sale, stage->buyer, "again", 1).status, SECKILL_PAUSED);
    assert_int_equal(sale_resume(&stage->sale).status, SECKILL_OK);
    fault_assert_status(fault_run(stage, FAULT_RESERVE), SECKILL_OK);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

/* What waits is decided all the same, since that frees what the queue takes, and tickets say how; nobody joins meanwhile. */
static void a_queue_without_memory(void **state) {
    fault_stage *stage = *state;
    fault_picture *picture = fault_picture_take(stage->server);
    sale_ticket_answer polled;

    fault_command(stage->server, "CONFIG SET maxmemory 1");
    polled = sale_poll(&stage->sale, &stage->waits);
    assert_int_equal(polled.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(polled.position, 1);
    fault_assert_status(fault_run(stage, FAULT_ENQUEUE), SECKILL_SERVER_MEMORY);
    assert_int_equal(sale_decide_all(&stage->sale), 1);
    polled = sale_poll(&stage->sale, &stage->waits);
    assert_int_equal(polled.state, SECKILL_TICKET_GRANTED);
    assert_int_equal(sale_confirm(&stage->sale, &polled.ref, "order").status, SECKILL_OK);
    assert_int_equal(sale_poll(&stage->sale, &stage->waits).state, SECKILL_TICKET_SOLD);
    fault_command(stage->server, "CONFIG SET maxmemory 0");
    fault_assert_status(fault_run(stage, FAULT_ENQUEUE), SECKILL_OK);
    fault_picture_restore(picture, stage->server);
    redis_server_forget(picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory),
        cmocka_unit_test(a_pause_without_memory),
        cmocka_unit_test(a_queue_without_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
