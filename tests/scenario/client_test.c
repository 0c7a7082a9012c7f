/* The public client on loops: the host's own, foreign ones, and how it closes on each.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "client_fixture.h"

#include <stdlib.h>
#include <string.h>

/* ---- foreign loops ---- */

static void a_host_with_poll(void **state) {
    seckill_client_options options = client_test_options();
    client_ask ask;
    int closed = 0;

    (void)state;
    client_test_open(&ask, &options);
    client_test_reserve(&ask, 0);
    assert_int_equal(seckill_client_timeout_ms(ask.client), 0);
    while (ask.calls == 0)
        client_test_poll(ask.client);
    assert_int_equal(ask.status, SECKILL_OK);
    assert_string_equal(seckill_client_trouble(ask.client), "");
    ask.calls = 0;
    client_test_reserve(&ask, 0); /* while the loop stood still, nothing is late */
    assert_int_equal(seckill_client_timeout_ms(ask.client), 0);
    while (ask.calls == 0)
        client_test_poll(ask.client);
    assert_int_equal(ask.status, SECKILL_OK);
    seckill_item_close(ask.item);
    seckill_client_close(ask.client, client_test_on_closed, &closed);
    seckill_client_close(ask.client, client_test_on_closed, &closed); /* ignored */
    assert_int_equal(closed, 0);
    while (closed == 0)
        client_test_poll(ask.client);
    assert_int_equal(closed, 1);
}

static void a_host_that_does_not_wait_for_the_end(void **state) {
    seckill_client_options options = client_test_options();
    client_ask ask;

    (void)state;
    client_test_open(&ask, &options);
    client_test_reserve(&ask, 0);
    seckill_client_close(ask.client, NULL, NULL); /* closed when it returns, callbacks included; the item with it */
    assert_int_equal(ask.calls, 1);
    assert_int_equal(ask.status, SECKILL_CLOSED);
    client_test_open(&ask, &options);
    seckill_client_close(ask.client, NULL, NULL);
    seckill_client_close(NULL, NULL, NULL);
}

static int closed_inside;

static void close_with_callback(client_ask *ask) {
    seckill_client_close(ask->client, client_test_on_closed, &closed_inside);
    assert_int_equal(closed_inside, 0);
}

static void close_without_callback(client_ask *ask) {
    seckill_client_close(ask->client, NULL, NULL);
}

static size_t blocks;

static void *count_allocate(size_t size, void *user_data) {
    (void)user_data;
    blocks++;
    return malloc(size);
}

static void *count_reallocate(void *block, size_t size, void *user_data) {
    (void)user_data;
    blocks += block == NULL;
    return realloc(block, size);
}

static void count_release(void *block, void *user_data) {
    (void)user_data;
    blocks--;
    free(block);
}

static void closing_inside_a_callback(void **state) {
    seckill_client_options options = client_test_options();
    seckill_allocator counting = {count_allocate, count_reallocate, count_release, NULL};
    client_ask ask;

    (void)state;
    closed_inside = 0;
    options.allocator = &counting;
    client_test_open(&ask, &options);
    ask.then = close_with_callback;
    client_test_reserve(&ask, 0);
    while (closed_inside == 0)
        client_test_poll(ask.client);
    assert_int_equal(ask.calls, 1);
    assert_int_equal(blocks, 0);

    client_test_open(&ask, &options);
    ask.then = close_without_callback;
    client_test_reserve(&ask, 0);
    while (ask.calls == 0)
        client_test_poll(ask.client);
    assert_int_equal(ask.status, SECKILL_OK);
    assert_int_equal(blocks, 0); /* there is nobody to tell when */
}

/* ---- a libuv loop of the host ---- */

static void two_clients_on_one_loop(void **state) {
    seckill_client_options options = client_test_options();
    uv_loop_t loop;
    client_ask asks[2];
    int closed = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    options.loop = &loop;
    for (int i = 0; i < 2; i++)
        client_test_open(&asks[i], &options);
    assert_int_equal(seckill_client_fd(asks[0].client), -1);
    assert_int_equal(seckill_client_timeout_ms(asks[0].client), -1);
    seckill_client_dispatch(asks[0].client); /* nothing to do */
    for (int i = 0; i < 2; i++)
        client_test_reserve(&asks[i], 0);
    while (asks[0].calls + asks[1].calls < 2)
        assert_int_not_equal(uv_run(&loop, UV_RUN_ONCE), 0);
    seckill_client_close(asks[0].client, client_test_on_closed, &closed);
    while (closed == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    asks[1].calls = 0;
    client_test_reserve(&asks[1], 0); /* the other one goes on */
    while (asks[1].calls == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(asks[1].status, SECKILL_OK);
    seckill_client_close(asks[1].client, client_test_on_closed, &closed);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* nothing keeps the loop alive */
    assert_int_equal(closed, 2);
    assert_int_equal(uv_loop_close(&loop), 0);
}

enum { MANY = 40 };

static void closing_with_operations_in_flight(void **state) {
    seckill_client_options options = client_test_options();
    uv_loop_t loop;
    client_ask warm, asks[MANY];
    int closed = 0, unknown = 0, never_sent = 0;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    options.loop = &loop;
    options.max_batch = 4;
    client_test_open(&warm, &options);
    client_test_reserve(&warm, 0);
    while (warm.calls == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    redis_server_pause(client_test_server);
    for (int i = 0; i < MANY; i++) {
        asks[i] = warm;
        asks[i].calls = 0;
        client_test_reserve(&asks[i], 0);
    }
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    seckill_client_close(warm.client, client_test_on_closed, &closed);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    redis_server_resume(client_test_server);
    assert_int_equal(closed, 1);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(asks[i].calls, 1);
        unknown += asks[i].status == SECKILL_UNKNOWN;
        never_sent += asks[i].status == SECKILL_CLOSED;
    }
    assert_int_equal(unknown, 8); /* two batches of four */
    assert_int_equal(never_sent, MANY - 8);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_with_poll),
        cmocka_unit_test(a_host_that_does_not_wait_for_the_end),
        cmocka_unit_test(closing_inside_a_callback),
        cmocka_unit_test(two_clients_on_one_loop),
        cmocka_unit_test(closing_with_operations_in_flight),
    };

    return cmocka_run_group_tests(tests, client_test_start, client_test_stop);
}
