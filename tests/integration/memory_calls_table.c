/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "memory_calls.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

static void note(fault_answer *answer, seckill_status status, const char *message) {
    answer->calls++;
    answer->status = status;
    (void)snprintf(answer->message, sizeof(answer->message), "%s", message);
}

static seckill_status start_fault(memory_stage *on, int op, fault_answer *answer) {
    return fault_start(&on->stage, (fault_op)op, answer);
}

/* ---- what the stage has no operation for ---- */

static void on_item(const seckill_item_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static seckill_status start_pause(memory_stage *on, int op, fault_answer *answer) {
    (void)op;
    return seckill_item_pause(on->stage.sale.item, 0, on_item, answer);
}

static seckill_status start_end(memory_stage *on, int op, fault_answer *answer) {
    (void)op;
    return seckill_item_end(on->stage.sale.item, 0, on_item, answer);
}

/* A purge whose answer was lost is done all the same. */
static void on_purged(const seckill_item_result *result, void *user_data) {
    note(user_data, result->status == SECKILL_NOT_DEFINED ? SECKILL_OK : result->status, result->message);
}

static seckill_status start_purge(memory_stage *on, int op, fault_answer *answer) {
    seckill_item *over = NULL;
    seckill_status status = seckill_item_open(on->stage.sale.client, "sale", "over", &over);

    (void)op;
    if (status != SECKILL_OK)
        return status;
    status = seckill_item_purge(over, 0, on_purged, answer);
    seckill_item_close(over);
    return status;
}

static void on_read(const seckill_blacklist_read_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static seckill_status start_blacklist_read(memory_stage *on, int op, fault_answer *answer) {
    const seckill_blacklist_cursor beginning = {{0}};

    (void)op;
    return seckill_blacklist_read(on->stage.sale.client, &beginning, 10, 0, on_read, answer);
}

static void on_reservations(const seckill_reservations_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static seckill_status start_reservations(memory_stage *on, int op, fault_answer *answer) {
    const seckill_reservations_cursor beginning = SECKILL_RESERVATIONS_CURSOR_INIT;

    (void)op;
    return seckill_reservations_read(on->stage.sale.item, 0, &beginning, 10, 0, on_reservations, answer);
}

static void on_preflight(const seckill_preflight_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

static seckill_status start_preflight(memory_stage *on, int op, fault_answer *answer) {
    (void)op;
    return seckill_preflight(on->stage.sale.item, NULL, on_preflight, answer);
}

/* ---- what is called back never, or by nobody ---- */

static void never(const seckill_result *result, void *user_data) {
    (void)user_data;
    fail_msg("called back though it was detached: %s", seckill_status_name(result->status));
}

static seckill_reserve_options request(memory_stage *on) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = on->stage.stranger;
    options.user.size = options.request_id.size = strlen(on->stage.stranger);
    return options;
}

static seckill_client_stats stats_of(const seckill_client *client) {
    seckill_client_stats stats;

    stats.struct_size = sizeof(stats);
    assert_int_equal(seckill_client_get_stats(client, &stats), SECKILL_OK);
    assert_non_null(seckill_client_trouble(client));
    return stats;
}

static seckill_status run_detached(memory_stage *on) {
    const seckill_reserve_options options = request(on);
    seckill_op *op = NULL;
    seckill_status status = seckill_reserve(on->stage.sale.item, &options, &op, never, NULL);

    if (status != SECKILL_OK)
        return status;
    seckill_op_detach(op);
    while (stats_of(on->stage.sale.client).in_progress > 0)
        (void)uv_run(&on->stage.sale.loop, UV_RUN_ONCE);
    return SECKILL_OK;
}

static bool is_out_of_memory(const memory_stage *on) {
    return on->memory.fail_on && on->memory.fail_at != 0 && on->memory.made >= on->memory.fail_at;
}

/* Followed until it is loaded; without memory it never is, and goes on trying. */
static seckill_status run_follow(memory_stage *on) {
    const seckill_subject listed = {SECKILL_KIND_USER, {"listed", 6}};
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    seckill_client *client = on->stage.sale.client;
    seckill_blacklist_state state;
    seckill_status status;

    options.poll_ms = 1;
    status = seckill_blacklist_follow(client, &options);
    if (status != SECKILL_OK && status != SECKILL_CONFLICT) /* that it follows already */
        return status;
    do {
        for (int turns = 0; is_out_of_memory(on) && turns < 5; turns++)
            (void)uv_run(&on->stage.sale.loop, UV_RUN_ONCE);
        if (is_out_of_memory(on))
            return SECKILL_NO_MEMORY;
        (void)uv_run(&on->stage.sale.loop, UV_RUN_ONCE);
        state.struct_size = sizeof(state);
        assert_int_equal(seckill_blacklist_get_state(client, &state), SECKILL_OK);
    } while (!state.is_loaded);
    assert_true(seckill_blacklist_check_local(client, &listed, NULL) == SECKILL_BLACKLISTED || state.dropped > 0);
    return SECKILL_OK;
}

static void on_result(const seckill_result *result, void *user_data) {
    note(user_data, result->status, result->message);
}

/* A client that its host drives, from its opening to its end. */
static seckill_status live_by_hand(memory_stage *on, seckill_client *client) {
    const seckill_reserve_options options = request(on);
    fault_answer answer = {0};
    seckill_item *item = NULL;
    seckill_status status = seckill_item_open(client, "sale", "phone", &item);

    if (status != SECKILL_OK)
        return status;
    status = seckill_reserve(item, &options, NULL, on_result, &answer);
    while (status == SECKILL_OK && answer.calls == 0) {
        struct pollfd watched = {seckill_client_fd(client), POLLIN, 0};

        (void)poll(&watched, 1, seckill_client_timeout_ms(client));
        seckill_client_dispatch(client);
    }
    seckill_item_close(item);
    return status == SECKILL_OK ? answer.status : status;
}

static seckill_status run_by_hand(memory_stage *on) {
    seckill_allocator allocator = failing_memory_allocator(&on->memory);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_client *client = NULL;
    seckill_status status;

    options.address = redis_server_address(on->stage.server);
    options.allocator = &allocator;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 2;
    options.timeout_ms = 300;
    status = seckill_client_open(&options, &client);
    if (status != SECKILL_OK)
        return status;
    status = live_by_hand(on, client);
    seckill_client_close(client, NULL, NULL);
    return status;
}

/* What needs no memory, once the item is known. */
static seckill_status run_known(memory_stage *on) {
    seckill_item *item = on->stage.sale.item, *again = NULL;
    const seckill_reserve_options options = request(on);
    fault_answer known = fault_run(&on->stage, FAULT_GET);
    seckill_ticket ticket;
    size_t made = on->memory.made;

    if (known.status != SECKILL_OK)
        return known.status;
    assert_int_equal(seckill_item_open(on->stage.sale.client, "sale", "phone", &again), SECKILL_OK);
    assert_ptr_equal(again, item);
    assert_string_equal(seckill_item_activity(again), "sale");
    assert_string_equal(seckill_item_name(again), "phone");
    seckill_item_close(again);
    assert_int_equal(seckill_ticket_outside(item, &options, &ticket), SECKILL_OK);
    (void)stats_of(on->stage.sale.client);
    assert_int_equal(on->memory.made, made);
    return SECKILL_OK;
}

/* ---- the table ---- */

const memory_call *memory_calls(void) {
    static const memory_call calls[] = {
        {"seckill_reserve", start_fault, NULL, FAULT_RESERVE, false},
        {"seckill_confirm", start_fault, NULL, FAULT_CONFIRM, true},
        {"seckill_cancel", start_fault, NULL, FAULT_CANCEL, true},
        {"seckill_refund", start_fault, NULL, FAULT_REFUND, true},
        {"seckill_lookup", start_fault, NULL, FAULT_LOOKUP, true},
        {"seckill_enqueue", start_fault, NULL, FAULT_ENQUEUE, true},
        {"seckill_refuse", start_fault, NULL, FAULT_REFUSE, true},
        {"seckill_poll", start_fault, NULL, FAULT_POLL, true},
        {"seckill_poll", start_fault, NULL, FAULT_REQUEUE, true},
        {"seckill_queue_process", start_fault, NULL, FAULT_PROCESS, true},
        {"seckill_expire", start_fault, NULL, FAULT_EXPIRE, false},
        {"seckill_stock_load", start_fault, NULL, FAULT_LOAD, false},
        {"seckill_stock_withdraw", start_fault, NULL, FAULT_WITHDRAW, false},
        {"seckill_stock_get", start_fault, NULL, FAULT_STOCK, true},
        {"seckill_transfers_finish", start_fault, NULL, FAULT_FINISH, false},
        {"seckill_reconcile", start_fault, NULL, FAULT_RECONCILE, false},
        {"seckill_event_repeat", start_fault, NULL, FAULT_REPEAT, true},
        {"seckill_events_ack", start_fault, NULL, FAULT_ACK, true},
        {"seckill_events_read", start_fault, NULL, FAULT_EVENTS, true},
        {"seckill_item_define", start_fault, NULL, FAULT_DEFINE, false},
        {"seckill_item_resume", start_fault, NULL, FAULT_RESUME, false},
        {"seckill_item_pause", start_pause, NULL, 0, false},
        {"seckill_item_end", start_end, NULL, 0, false},
        {"seckill_item_get", start_fault, NULL, FAULT_GET, true},
        {"seckill_item_list", start_fault, NULL, FAULT_LIST, true},
        {"seckill_item_purge", start_purge, NULL, 0, false},
        {"seckill_blacklist_add", start_fault, NULL, FAULT_BLACKLIST, true},
        {"seckill_blacklist_remove", start_fault, NULL, FAULT_UNLIST, true},
        {"seckill_blacklist_check", start_fault, NULL, FAULT_CHECK, true},
        {"seckill_blacklist_read", start_blacklist_read, NULL, 0, true},
        {"seckill_once", start_fault, NULL, FAULT_ONCE, true},
        {"seckill_reservations_read", start_reservations, NULL, 0, true},
        {"seckill_preflight", start_preflight, NULL, 0, false},
        {"seckill_op_detach", NULL, run_detached, 0, false},
        {"seckill_blacklist_follow seckill_blacklist_get_state seckill_blacklist_check_local", NULL, run_follow, 0, false},
        {"seckill_client_open seckill_client_close seckill_client_fd seckill_client_timeout_ms seckill_client_dispatch", NULL,
         run_by_hand, 0, false},
        {"seckill_item_open seckill_item_close seckill_item_activity seckill_item_name seckill_ticket_outside "
         "seckill_client_get_stats seckill_client_trouble",
         NULL, run_known, 0, false},
        {NULL, NULL, NULL, 0, false},
    };

    return calls;
}

/* ---- asking ---- */

void memory_calls_prepare(memory_stage *on) {
    seckill_item *phone = on->stage.sale.item;

    assert_int_equal(seckill_item_open(on->stage.sale.client, "sale", "over", &on->stage.sale.item), SECKILL_OK);
    assert_int_equal(sale_define(&on->stage.sale, 2, NULL).status, SECKILL_OK);
    assert_int_equal(sale_end(&on->stage.sale).status, SECKILL_OK);
    seckill_item_close(on->stage.sale.item);
    on->stage.sale.item = phone;
}

fault_answer memory_calls_ask(memory_stage *on, const memory_call *call) {
    fault_answer *answer = &on->answers[on->asked++];
    seckill_status status;

    memset(answer, 0, sizeof(*answer));
    if (call->run != NULL) {
        note(answer, call->run(on), "");
        return *answer;
    }
    status = call->start(on, call->op, answer);
    assert_int_equal(answer->calls, 0);
    if (status != SECKILL_OK) /* and then it is never called back: a second one would be counted */
        note(answer, status, "not started");
    while (answer->calls == 0)
        assert_true(uv_run(&on->stage.sale.loop, UV_RUN_ONCE) != 0 || answer->calls != 0);
    return *answer;
}
