/* seckill_preflight as a call: its arguments, memory that runs out at each allocation, a client that is closed meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "failing_memory.h"
#include "sale.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

typedef struct {
    bool done;
    seckill_status status;
    seckill_level worst;
    size_t count;
    uint32_t servers, shards;
} answer;

static void on_preflight(const seckill_preflight_result *result, void *user_data) {
    answer *out = user_data;

    assert_false(out->done);
    out->done = true;
    out->status = result->status;
    out->worst = result->worst;
    out->count = result->count;
    out->servers = result->servers;
    out->shards = result->shards;
    assert_true(result->message[0] != '\0');
    for (size_t i = 0; i < result->count; i++)
        assert_true(result->findings[i].found[0] != '\0' && result->findings[i].name[0] != '\0');
}

static answer preflight(sale *one, const seckill_preflight_options *options) {
    answer out = {0};

    assert_int_equal(seckill_preflight(one->item, options, on_preflight, &out), SECKILL_OK);
    assert_false(out.done);
    sale_run_until(one, &out.done);
    return out;
}

static redis_server *server;

static int set_up(void **state) {
    static sale one;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    server = redis_server_start(NULL);
    if (server == NULL)
        return -1;
    sale_open(&one, redis_server_address(server));
    assert_int_equal(sale_define(&one, 3, &settings).status, SECKILL_OK);
    *state = &one;
    return 0;
}

static int tear_down(void **state) {
    sale_close(*state);
    redis_server_free(server);
    return 0;
}

static void arguments_are_checked(void **state) {
    sale *one = *state;
    seckill_preflight_options options = SECKILL_PREFLIGHT_OPTIONS_INIT;
    answer out = preflight(one, NULL);

    assert_int_equal(out.status, SECKILL_OK);
    assert_int_equal(out.worst, SECKILL_LEVEL_FAILED); /* no log, no stock */
    assert_int_equal(out.servers, 1);
    assert_int_equal(out.shards, 3);
    assert_int_equal(seckill_preflight(NULL, NULL, on_preflight, &out), SECKILL_INVALID);
    assert_int_equal(seckill_preflight(one->item, NULL, NULL, &out), SECKILL_INVALID);
    options.users = -1;
    assert_int_equal(seckill_preflight(one->item, &options, on_preflight, &out), SECKILL_INVALID);
    options.users = SECKILL_AMOUNT_MAX;
    options.replicas = SECKILL_REPLICAS_MAX + 1;
    assert_int_equal(seckill_preflight(one->item, &options, on_preflight, &out), SECKILL_INVALID);
    options.replicas = SECKILL_REPLICAS_MAX;
    options.max_skew_ms = 3600001;
    assert_int_equal(seckill_preflight(one->item, &options, on_preflight, &out), SECKILL_INVALID);
    options.max_skew_ms = 3600000;
    options.flags = 2;
    assert_int_equal(seckill_preflight(one->item, &options, on_preflight, &out), SECKILL_INVALID);
    options.flags = SECKILL_PREFLIGHT_VOLATILE;
    options.struct_size = 3;
    assert_int_equal(seckill_preflight(one->item, &options, on_preflight, &out), SECKILL_INVALID);
    options.struct_size = sizeof(options);
    assert_int_equal(preflight(one, &options).status, SECKILL_OK);
}

/* ---- memory that runs out ---- */

/* One after another: the one that fails is the call's or the connection's. */
static void each_allocation_may_fail(void **state) {
    failing_memory all = {0};
    seckill_allocator allocator = failing_memory_allocator(&all);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    size_t refused = 0, last;
    sale one;

    (void)state;
    options.address = redis_server_address(server);
    options.allocator = &allocator;
    sale_open_with(&one, &options);
    do {
        answer out = {0};
        seckill_status started;

        all.fail_at = refused + 1;
        all.made = 0;
        started = seckill_preflight(one.item, NULL, on_preflight, &out);
        if (started == SECKILL_OK)
            sale_run_until(&one, &out.done);
        last = all.made;
        all.fail_at = 0;
        if (started != SECKILL_OK || out.status != SECKILL_OK)
            assert_true(started == SECKILL_NO_MEMORY || out.status == SECKILL_NO_MEMORY);
        assert_int_equal(preflight(&one, NULL).status, SECKILL_OK);
    } while (refused++ < last);
    assert_true(refused > 10);
    sale_close(&one);
    assert_int_equal(all.outstanding, 0);
}

/* Whatever it has come to by then. */
static void closing_ends_it(void **state) {
    (void)state;
    for (int turns = 0; turns < 60; turns++) {
        answer out = {0};
        sale one;

        sale_open(&one, redis_server_address(server));
        assert_int_equal(seckill_preflight(one.item, NULL, on_preflight, &out), SECKILL_OK);
        for (int i = 0; i < turns && !out.done; i++)
            (void)uv_run(&one.loop, UV_RUN_ONCE);
        sale_close(&one);
        assert_true(out.done);
        assert_true(out.status == SECKILL_OK || out.status == SECKILL_CLOSED);
        if (turns == 0)
            assert_int_equal(out.status, SECKILL_CLOSED);
    }
}

/* A server that hangs: what has been seen by the deadline is judged. */
static void a_server_that_hangs_is_a_finding(void **state) {
    seckill_preflight_options options = SECKILL_PREFLIGHT_OPTIONS_INIT;
    answer out;

    options.timeout_ms = 200;
    redis_server_pause(server);
    out = preflight(*state, &options);
    redis_server_resume(server);
    assert_true(out.status == SECKILL_UNREACHABLE || out.status == SECKILL_SERVER_BUSY);
    assert_int_equal(out.worst, SECKILL_LEVEL_FAILED);
    assert_int_equal(out.shards, 0);
    assert_true(out.count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(closing_ends_it),
        cmocka_unit_test(a_server_that_hangs_is_a_finding),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, set_up, tear_down) : 77;
}
