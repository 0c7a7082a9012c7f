/* What the tests of the engine alone share: an engine on a fake transport, and a record of each callback.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_ENGINE_FIXTURE_H
#define SK_TESTS_ENGINE_FIXTURE_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "engine/op.h"
#include "engine/task.h"
#include "fake_transport.h"

#include <seckill/maintain.h>
#include <seckill/reserve.h>

typedef struct engine_test engine_test;
typedef struct engine_ask engine_ask;

/* One public call and what came of it. */
struct engine_ask {
    engine_test *test;
    seckill_op *op;
    seckill_status started, status;
    char message[256];
    int calls;
    int replayed;
    int64_t at_ms; /* when it was called back */
    seckill_reservation reservation;
    size_t outcomes;
    seckill_shard_outcome outcome[64];
    int64_t amount;
    int64_t transit, owed; /* finish_transfers */
    /* Enqueue and poll; a ticket and a ref are copied. */
    seckill_ticket_result placed;
    seckill_ticket ticket;
    seckill_reservation_ref ref;
    /* Queue_process; the first entries are copied, without their users' bytes. */
    seckill_queue_result processed;
    seckill_queue_entry entries[8];
    char users[8][SECKILL_USER_MAX + 1];
    void (*then)(engine_ask *ask); /* run inside the callback, where set */
    bool in_callback;
};

struct engine_test {
    fake_transport wire;
    seckill_allocator allocator;
    size_t outstanding; /* allocations not freed yet */
    size_t allocations, fail_at;
    sk__log log;
    char logged[512]; /* the last line */
    sk__engine_config config;
    sk__engine *engine;
    seckill_item *item; /* sale/phone */
    int in_call;        /* inside a public call: no callback may run */
};

/* cmocka's setup and teardown; the teardown finishes what is under way and fails on anything that was not freed. The engine:
 * timeout 1000 ms, 1000 operations, 2 batches of at most 4 ops. */
int engine_test_setup(void **state);
int engine_test_teardown(void **state);

/* Closes the engine as a client does. */
void engine_test_close(engine_test *test);
/* Begins again with test->config. */
void engine_test_open(engine_test *test);

/* Has the item's map read, and forgets what was sent for it. */
void engine_test_know_map(engine_test *test);

/* The n-th user whose home is this shard: "u" and a number; a static string. */
const char *engine_user(const engine_test *test, uint32_t shard, unsigned n);

/* Public calls; the request id is the user. timeout_ms 0: the engine's. */
void engine_reserve(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms);
/* The same for so many units; flags: SECKILL_FIRST_ATTEMPT. */
void engine_reserve_units(engine_test *test, engine_ask *ask, const char *user, uint32_t units, uint32_t flags,
                          uint32_t timeout_ms);
/* By a token of the user that stands for another hour. */
void engine_confirm(engine_test *test, engine_ask *ask, const char *user, uint32_t units, uint32_t timeout_ms);
void engine_finish_transfers(engine_test *test, engine_ask *ask, uint32_t timeout_ms);
void engine_lookup(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms);
void engine_cancel(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms);
void engine_enqueue(engine_test *test, engine_ask *ask, const char *user, uint32_t timeout_ms);
/* By a ticket of the user, place `n` of an epoch; both 0: in a queue of the shop's own. */
void engine_poll(engine_test *test, engine_ask *ask, const char *user, uint64_t epoch, uint64_t n, uint32_t timeout_ms);
void engine_refuse(engine_test *test, engine_ask *ask, const char *user, seckill_status reason, uint32_t timeout_ms);
void engine_process(engine_test *test, engine_ask *ask, const seckill_queue_process_options *options);
void engine_define(engine_test *test, engine_ask *ask, uint32_t timeout_ms);
void engine_purge(engine_test *test, engine_ask *ask, uint32_t timeout_ms);
void engine_load(engine_test *test, engine_ask *ask, int64_t units, uint32_t timeout_ms);
void engine_expire(engine_test *test, engine_ask *ask, uint32_t timeout_ms);
void engine_stock(engine_test *test, engine_ask *ask, uint32_t timeout_ms);

/* An ask is called back once, with this status. */
#define engine_assert_done(ask, expected)                                                                                      \
    do {                                                                                                                       \
        assert_int_equal((ask)->calls, 1);                                                                                     \
        assert_string_equal(seckill_status_name((ask)->status), seckill_status_name(expected));                                \
    } while (0)

/* The last command sent. */
const fake_sent *engine_last(const engine_test *test);

#endif
