/* What the tests of lib/io share.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the allocator */

static bool may_allocate(io_test *test) {
    test->allocations++;
    return test->fail_at == 0 || (test->fail_on ? test->allocations < test->fail_at : test->allocations != test->fail_at);
}

static void *allocate(size_t size, void *user_data) {
    io_test *test = user_data;
    void *memory = may_allocate(test) ? malloc(size) : NULL;

    if (memory != NULL)
        test->outstanding++;
    return memory;
}

static void *reallocate(void *memory, size_t size, void *user_data) {
    io_test *test = user_data;
    void *moved;

    if (memory == NULL)
        return allocate(size, user_data);
    moved = may_allocate(test) ? realloc(memory, size) : NULL;
    return moved;
}

static void release(void *memory, void *user_data) {
    io_test *test = user_data;

    assert_non_null(memory);
    test->outstanding--;
    free(memory);
}

/* ---- the record */

static void on_up(void *owner, uint32_t node) {
    io_test *test = owner;

    assert_true(node < SECKILL_NODES_MAX);
    test->ups++;
    test->node_ups[node]++;
    if (test->then_up != NULL)
        test->then_up(test);
}

static void on_down(void *owner, uint32_t node, seckill_status status, const char *cause) {
    io_test *test = owner;

    assert_true(node < SECKILL_NODES_MAX);
    test->downs++;
    test->node_downs[node]++;
    test->down_status = status;
    (void)snprintf(test->cause, sizeof(test->cause), "%s", cause);
    test->lost_before_down = test->replied;
    if (test->then_down != NULL)
        test->then_down(test);
}

static void on_moved(void *owner) {
    ((io_test *)owner)->moves++;
}

static void on_turn(void *owner) {
    io_test *test = owner;

    test->turns++;
    if (test->then_turn != NULL)
        test->then_turn(test);
}

void io_test_on_reply(void *context, const sk__reply *reply) {
    io_test *test = context;
    io_test_reply *record = &test->replies[test->replied];

    assert_true(test->replied < REPLIES_MAX);
    record->kind = reply->kind;
    record->size = reply->size;
    (void)snprintf(record->text, sizeof(record->text), "%.*s", reply->size < TEXT_MAX ? (int)reply->size : TEXT_MAX,
                   reply->bytes);
    test->replied++;
    if (test->then_reply != NULL)
        test->then_reply(test);
}

void io_test_on_close(void *context) {
    io_test *test = context;

    test->closes++;
    test->io = NULL;
}

static void on_log(seckill_log_level level, const char *line, void *user_data) {
    io_test *test = user_data;
    size_t size = strlen(test->logged);

    (void)snprintf(test->logged + size, sizeof(test->logged) - size, "%d %s\n", (int)level, line);
}

static void on_guard(uv_timer_t *timer) {
    io_test *test = timer->data;

    test->late = io_test_now_ms() - test->begin_ms > test->guard_ms;
}

/* ---- */

int io_test_setup(void **state) {
    io_test *test = calloc(1, sizeof(*test));

    if (test == NULL || uv_loop_init(&test->loop) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(&test->loop, &test->guard);
    test->guard.data = test;
    /* It ticks: a loop that runs once, and does all there is to do in its timers, would go on to sleep. */
    uv_timer_start(&test->guard, on_guard, 5, 5);
    io_test_more_time(test);
    uv_unref((uv_handle_t *)&test->guard);
    test->allocator = (seckill_allocator){allocate, reallocate, release, test};
    test->log = (sk__log){on_log, test, SECKILL_LOG_INFO};
    test->config = (sk__io_config){
        .loop = &test->loop,
        .connect_timeout_ms = 2 * GUARD_MS,
        .command_timeout_ms = 2 * GUARD_MS,
        .reconnect_min_ms = 1,
        .reconnect_max_ms = 4,
        .allocator = &test->allocator,
        .log = &test->log,
        .events = {on_turn, on_up, on_down, on_moved},
        .owner = test,
    };
    *state = test;
    return 0;
}

fake_redis *io_test_fake(io_test *test, fake_redis_kind kind) {
    test->fake = fake_redis_open(&test->loop, kind);
    assert_non_null(test->fake);
    test->config.address = fake_redis_address(test->fake);
    return test->fake;
}

void io_test_open(io_test *test) {
    assert_int_equal(sk__io_open(&test->config, &test->io), SECKILL_OK);
    assert_non_null(test->io);
}

/* An io with a loop of its own is driven beside the loop of the test. */
void io_test_run_once(io_test *test) {
    bool foreign = test->io != NULL && sk__io_fd(test->io) >= 0;

    uv_run(&test->loop, foreign ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    if (foreign)
        sk__io_dispatch(test->io);
}

seckill_status io_test_send_as(io_test *test, const sk__sending *how, const char *words) {
    char copy[200], *rest = NULL;
    const char *argv[20];
    size_t sizes[20];
    sk__transport *transport = sk__io_transport(test->io);
    sk__sending sending = *how;

    (void)snprintf(copy, sizeof(copy), "%s", words);
    sending.argc = 0;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        argv[sending.argc] = word;
        sizes[sending.argc++] = strlen(word);
    }
    sending.argv = argv;
    sending.sizes = sizes;
    return transport->send(transport, &sending, io_test_on_reply, test);
}

seckill_status io_test_send(io_test *test, const char *words) {
    sk__sending how = {0};

    return io_test_send_as(test, &how, words);
}

seckill_status io_test_send_slot(io_test *test, uint32_t slot, const char *words) {
    sk__sending how = {.slot = slot};

    return io_test_send_as(test, &how, words);
}

seckill_status io_test_send_bytes(io_test *test, const char *name, const char *bytes, size_t size) {
    const char *argv[] = {name, bytes};
    size_t sizes[] = {strlen(name), size};
    sk__transport *transport = sk__io_transport(test->io);
    sk__sending sending = {.argc = 2, .argv = argv, .sizes = sizes};

    return transport->send(transport, &sending, io_test_on_reply, test);
}

void io_test_close(io_test *test) {
    int before = test->closes;

    sk__io_close(test->io, io_test_on_close, test);
    io_test_until(test, test->closes > before);
}

int io_test_teardown(void **state) {
    io_test *test = *state;
    int result;

    if (test->io != NULL)
        io_test_close(test);
    if (test->at_end != NULL)
        test->at_end(test);
    fake_redis_close(test->fake);
    uv_close((uv_handle_t *)&test->guard, NULL);
    uv_run(&test->loop, UV_RUN_DEFAULT);
    result = uv_loop_close(&test->loop);
    if (test->outstanding != 0)
        fprintf(stderr, "%zu allocations were not freed\n", test->outstanding);
    result = result != 0 || test->outstanding != 0 ? -1 : 0;
    free(test);
    return result;
}

void io_test_take_time(io_test *test, int64_t ms) {
    test->guard_ms = ms;
    test->begin_ms = io_test_now_ms();
    test->late = false;
}

void io_test_more_time(io_test *test) {
    io_test_take_time(test, GUARD_MS);
}

int64_t io_test_now_ms(void) {
    return (int64_t)(uv_hrtime() / 1000000);
}
