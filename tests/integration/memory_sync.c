/* Memory that runs out under the calls that block: one life of a seckill_sync with every call in it, once for each allocation,
 * with that one failing. Each call says so at once or succeeds, and succeeds when it is made again; nothing leaks.
 *
 * With --calls it prints which calls these are: see tests/package/memory.test.sh.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "failing_memory.h"
#include "redis_server.h"
#include "test_run.h"

#include <seckill/seckill.h>
#include <stdio.h>
#include <string.h>

static redis_server *server;
static failing_memory memory;
static seckill_sync *sync_;
static seckill_sync_item *item;

/* What failed is made again. */
static bool is_first(const char *call, seckill_status status) {
    if (status == SECKILL_OK)
        return false;
    if (status != SECKILL_NO_MEMORY && status != SECKILL_UNKNOWN)
        fail_msg("allocation %zu: %s: %s", memory.fail_at, call, seckill_status_name(status));
    return true;
}

#define SURVIVES(call)                                                                                                         \
    do {                                                                                                                       \
        if (is_first(#call, call))                                                                                             \
            assert_string_equal(seckill_status_name(call), "ok");                                                              \
    } while (0)

static seckill_status try_to_open(void) {
    seckill_allocator allocator = failing_memory_allocator(&memory);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_status status;

    options.address = redis_server_address(server);
    options.allocator = &allocator;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 2;
    status = seckill_sync_open(&options, &sync_);
    if (status != SECKILL_OK)
        assert_int_equal(memory.outstanding, 0);
    return status;
}

/* ---- the calls ---- */

static void define(void) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    seckill_sync_item_answer answer = {.struct_size = sizeof(answer)};
    seckill_sync_stock_answer stock = {.struct_size = sizeof(stock)};

    settings.shards = 2;
    settings.limit = 3;
    SURVIVES(seckill_sync_item_define(item, &settings, 0, &answer));
    SURVIVES(seckill_sync_stock_load(item, "first", 8, 0, &answer));
    SURVIVES(seckill_sync_stock_withdraw(item, "less", 2, 0, &answer));
    SURVIVES(seckill_sync_item_get(item, 0, &answer));
    SURVIVES(seckill_sync_item_pause(item, 0, &answer));
    SURVIVES(seckill_sync_item_resume(item, 0, &answer));
    SURVIVES(seckill_sync_stock_get(item, 0, &stock));
    assert_int_equal(stock.total.available, 6);
}

static void sell(void) {
    seckill_reserve_options wish = SECKILL_RESERVE_OPTIONS_INIT;
    seckill_confirm_options payment = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_release_options release = SECKILL_RELEASE_OPTIONS_INIT;
    seckill_lookup_options question = SECKILL_LOOKUP_OPTIONS_INIT;
    seckill_sync_answer answer = {.struct_size = sizeof(answer)};
    seckill_sync_lookup_answer found = {.struct_size = sizeof(found)};

    wish.user = release.user = question.user = (seckill_bytes){"alice", 5};
    wish.request_id = (seckill_bytes){"one", 3};
    SURVIVES(seckill_sync_reserve(item, &wish, &answer));
    assert_int_equal(answer.has_ref, 1);
    payment.ref = &answer.ref;
    memcpy(release.reservation_id, answer.reservation.id, sizeof(release.reservation_id));
    {
        seckill_sync_answer paid = {.struct_size = sizeof(paid)};

        SURVIVES(seckill_sync_confirm(item, &payment, &paid));
        SURVIVES(seckill_sync_refund(item, &release, &paid));
    }
    wish.request_id = (seckill_bytes){"two", 3};
    SURVIVES(seckill_sync_reserve(item, &wish, &answer));
    memcpy(release.reservation_id, answer.reservation.id, sizeof(release.reservation_id));
    SURVIVES(seckill_sync_cancel(item, &release, &answer));
    SURVIVES(seckill_sync_lookup(item, &question, &found));
    assert_int_equal(found.count, 2);
}

static void wait_in_line(void) {
    seckill_reserve_options wish = SECKILL_RESERVE_OPTIONS_INIT;
    seckill_refuse_options refusal = SECKILL_REFUSE_OPTIONS_INIT;
    seckill_poll_options question = SECKILL_POLL_OPTIONS_INIT;
    seckill_sync_ticket_answer answer = {.struct_size = sizeof(answer)}, later = {.struct_size = sizeof(later)};

    wish.user = refusal.user = (seckill_bytes){"bob", 3};
    wish.request_id = (seckill_bytes){"one", 3};
    SURVIVES(seckill_sync_enqueue(item, &wish, &answer));
    assert_int_equal(answer.has_ticket, 1);
    question.ticket = &answer.ticket;
    SURVIVES(seckill_sync_poll(item, &question, &later));
    assert_int_equal(later.state, SECKILL_TICKET_QUEUED);
    refusal.request_id = (seckill_bytes){"two", 3};
    refusal.reason = SECKILL_SOLD_OUT;
    SURVIVES(seckill_sync_refuse(item, &refusal, &later));
}

static void on_expired(const seckill_expire_result *result, void *user_data) {
    seckill_sync_done(user_data, result->status);
}

static seckill_status expire(seckill_client *client, seckill_sync_call *call, void *user_data) {
    (void)client;
    return seckill_expire(seckill_sync_item_handle(user_data), 0, on_expired, call);
}

static void live(void) {
    seckill_sync_item_answer answer = {.struct_size = sizeof(answer)};
    seckill_client_stats stats;

    SURVIVES(try_to_open());
    SURVIVES(seckill_sync_item_open(sync_, "sale", "phone", &item));
    define();
    sell();
    wait_in_line();
    SURVIVES(seckill_sync_run(sync_, expire, item));
    SURVIVES(seckill_sync_item_end(item, 0, &answer));
    stats.struct_size = sizeof(stats);
    assert_int_equal(seckill_sync_get_stats(sync_, &stats), SECKILL_OK);
    seckill_sync_item_close(item);
    seckill_sync_stop(sync_);
    assert_int_equal(seckill_sync_close(sync_), SECKILL_OK);
    assert_int_equal(memory.outstanding, 0);
}

static const char names[] = "seckill_sync_open seckill_sync_stop seckill_sync_close seckill_sync_get_stats seckill_sync_run "
                            "seckill_sync_done seckill_sync_item_open seckill_sync_item_close seckill_sync_item_handle "
                            "seckill_sync_item_define seckill_sync_item_get seckill_sync_item_pause seckill_sync_item_resume "
                            "seckill_sync_item_end seckill_sync_stock_load seckill_sync_stock_withdraw seckill_sync_stock_get "
                            "seckill_sync_reserve seckill_sync_confirm seckill_sync_cancel seckill_sync_refund "
                            "seckill_sync_lookup seckill_sync_enqueue seckill_sync_poll seckill_sync_refuse";

static void each_allocation_fails_once(void **state) {
    size_t failing = 1, made;

    (void)state;
    do {
        redis_server_forget(redis_server_command(server, "FLUSHALL"));
        memory = (failing_memory){.fail_at = failing};
        live();
        made = memory.made;
        failing += test_run_is_full() || failing < 40 ? 1 : 3; /* the first are those of opening it */
    } while (made >= failing);
    assert_true(failing > 50);
}

static int set_up(void **state) {
    (void)state;
    server = redis_server_start(NULL);
    return server != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    redis_server_free(server);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};

    if (argc == 2 && strcmp(argv[1], "--calls") == 0)
        return puts(names) < 0;
    return redis_server_available() ? cmocka_run_group_tests(tests, set_up, tear_down) : 77;
}
