/* What the tests of lib/io share: a loop with an io on it, and a record of all that the io called.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_IO_FIXTURE_H
#define SK_TESTS_IO_FIXTURE_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "fake_redis.h"
#include "io/io.h"

#include <stdbool.h>
#include <uv.h>

enum { REPLIES_MAX = 4096, TEXT_MAX = 400, GUARD_MS = 20000 };

typedef struct io_test io_test;

typedef struct {
    sk__reply_kind kind;
    char text[TEXT_MAX + 1]; /* its beginning */
    size_t size;
} io_test_reply;

struct io_test {
    uv_loop_t loop;
    int64_t begin_ms, guard_ms;
    uv_timer_t guard; /* a test that waits in vain fails instead of hanging */
    sk__io_config config;
    sk__io *io;
    fake_redis *fake;
    bool late;
    int ups, downs, turns, closes, moves;
    int node_ups[SECKILL_NODES_MAX], node_downs[SECKILL_NODES_MAX];
    seckill_status down_status; /* both of the last on_down */
    char cause[600];
    io_test_reply replies[REPLIES_MAX];
    int replied;
    int lost_before_down; /* how many replies were lost when on_down came last */
    /* Called after the record is made, where set. */
    void (*then_up)(io_test *test);
    void (*then_down)(io_test *test);
    void (*then_turn)(io_test *test);
    void (*then_reply)(io_test *test);
    /* Called by the teardown, where set. */
    void (*at_end)(io_test *test);
    void *end_context;
    /* The allocator: fails the allocation number `fail_at` (1 is the first), and all that follow if `fail_on`. */
    seckill_allocator allocator;
    sk__log log;
    size_t allocations, fail_at, outstanding;
    bool fail_on;
    char logged[4096];
};

/* cmocka's setup and teardown. The teardown closes what is open and fails on anything that was not freed. */
int io_test_setup(void **state);
int io_test_teardown(void **state);

/* Starts a fake server, and takes its address for the configuration. */
fake_redis *io_test_fake(io_test *test, fake_redis_kind kind);

/* Opens the io with test->config. */
void io_test_open(io_test *test);

/* Runs the loop until the condition holds; fails after GUARD_MS. */
#define io_test_until(test, condition)                                                                                         \
    do {                                                                                                                       \
        while (!(condition)) {                                                                                                 \
            if ((test)->late)                                                                                                  \
                fail_msg("in vain: %s (down because: %s)", #condition, (test)->cause);                                         \
            io_test_run_once(test);                                                                                            \
        }                                                                                                                      \
    } while (0)
void io_test_run_once(io_test *test);

/* Sends a command given as words; the reply goes to the record. */
seckill_status io_test_send(io_test *test, const char *words);
seckill_status io_test_send_slot(io_test *test, uint32_t slot, const char *words);
seckill_status io_test_send_as(io_test *test, const sk__sending *how, const char *words); /* slot, asking, lasting */
seckill_status io_test_send_bytes(io_test *test, const char *name, const char *bytes, size_t size);
void io_test_on_reply(void *context, const sk__reply *reply);

/* Closes the io and waits for the callback. */
void io_test_close(io_test *test);
void io_test_on_close(void *context);

/* GUARD_MS from now on, for tests with servers that take their time. */
void io_test_more_time(io_test *test);
/* The same with so much time. */
void io_test_take_time(io_test *test, int64_t ms);

int64_t io_test_now_ms(void);

#endif
