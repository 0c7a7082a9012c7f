/* Arguments that no call of the queue takes: nothing is sent, and no callback runs.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"

#include <stdlib.h>
#include <string.h>

static void never(const seckill_ticket_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

static void never_queue(const seckill_queue_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

#define assert_invalid(call) assert_status(call, SECKILL_INVALID)

static void enqueue_refuses_bad_arguments(void **state) {
    rules *r = *state;
    seckill_reserve_options good = SECKILL_RESERVE_OPTIONS_INIT, bad;

    good.user.data = good.request_id.data = "u";
    good.user.size = good.request_id.size = 1;
    assert_invalid(seckill_enqueue(NULL, &good, NULL, never, NULL));
    assert_invalid(seckill_enqueue(r->sale.item, NULL, NULL, never, NULL));
    assert_invalid(seckill_enqueue(r->sale.item, &good, NULL, NULL, NULL));
#define WITH(change) (bad = good, change, assert_invalid(seckill_enqueue(r->sale.item, &bad, NULL, never, NULL)))
    WITH(bad.struct_size = 3);
    WITH(bad.user.size = 0);
    WITH(bad.user.size = SECKILL_USER_MAX + 1);
    WITH(bad.user.data = NULL);
    WITH(bad.request_id.size = 0);
    WITH(bad.request_id.size = SECKILL_REQUEST_ID_MAX + 1);
    WITH(bad.quantity = 1000001);
    WITH(bad.timeout_ms = 3600001);
    WITH(bad.flags = 2);
    WITH(bad.created_ms = -1);
    WITH(bad.created_ms = INT64_C(1) << 47);
#undef WITH
    rules_sell(r, 1, 1, 1000, 0, 1); /* turns of the loop, after which a callback would have come */
}

static void poll_refuses_bad_arguments(void **state) {
    rules *r = *state;
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    seckill_ticket good, bad;

    rules_sell(r, 1, 1, 1000, 0, 1);
    good = sale_enqueue(&r->sale, "u", "r", 1).ticket;
    assert_invalid(seckill_poll(r->sale.item, &options, NULL, never, NULL));
    options.ticket = &good;
    assert_invalid(seckill_poll(NULL, &options, NULL, never, NULL));
    assert_invalid(seckill_poll(r->sale.item, NULL, NULL, never, NULL));
    assert_invalid(seckill_poll(r->sale.item, &options, NULL, NULL, NULL));
    options.timeout_ms = 3600001;
    assert_invalid(seckill_poll(r->sale.item, &options, NULL, never, NULL));
    options.timeout_ms = 0;
    options.ticket = &bad;
#define WITH(change) (bad = good, change, assert_invalid(seckill_poll(r->sale.item, &options, NULL, never, NULL)))
    WITH(bad.user_size = 0);
    WITH(bad.user_size = SECKILL_USER_MAX + 1);
    WITH(bad.activity[0] = 'S');
    WITH(bad.item[0] = 'P');
    WITH(bad.item[5] = '2');
    WITH(bad.quantity = 0);
    WITH(bad.quantity = 1000001);
    WITH(bad.epoch = 0);
    WITH(bad.epoch = (uint64_t)SECKILL_AMOUNT_MAX + 1);
    WITH(bad.n = 0);
    WITH(bad.n = UINT64_MAX);
    WITH(bad.since_ms = -1);
    WITH(bad.since_ms = INT64_C(1) << 47);
#undef WITH
    bad = good;
    bad.epoch = bad.n = 0; /* in a queue of the shop's own */
    assert_status(sale_poll(&r->sale, &bad).status, SECKILL_OK);
    assert_status(sale_poll(&r->sale, &good).status, SECKILL_OK);
}

static void refuse_refuses_bad_arguments(void **state) {
    static const seckill_status none[] = {
        SECKILL_OK,           SECKILL_NOT_STARTED, SECKILL_PAUSED,         SECKILL_CANCELLED,        SECKILL_EXPIRED,
        SECKILL_SOLD,         SECKILL_REFUNDED,    SECKILL_NO_RESERVATION, SECKILL_TOO_OLD,          SECKILL_CONFLICT,
        SECKILL_RATE_LIMITED, SECKILL_BUSY,        SECKILL_INVALID,        (seckill_status)(1 << 20)};
    rules *r = *state;
    seckill_refuse_options good = SECKILL_REFUSE_OPTIONS_INIT, bad;

    good.user.data = good.request_id.data = "u";
    good.user.size = good.request_id.size = 1;
    good.reason = SECKILL_SOLD_OUT;
    assert_invalid(seckill_refuse(NULL, &good, NULL, never, NULL));
    assert_invalid(seckill_refuse(r->sale.item, NULL, NULL, never, NULL));
    assert_invalid(seckill_refuse(r->sale.item, &good, NULL, NULL, NULL));
#define WITH(change) (bad = good, change, assert_invalid(seckill_refuse(r->sale.item, &bad, NULL, never, NULL)))
    WITH(bad.struct_size = 3);
    WITH(bad.user.size = 0);
    WITH(bad.user.size = SECKILL_USER_MAX + 1);
    WITH(bad.user.data = NULL);
    WITH(bad.request_id.size = 0);
    WITH(bad.request_id.size = SECKILL_REQUEST_ID_MAX + 1);
    WITH(bad.quantity = 1000001);
    WITH(bad.timeout_ms = 3600001);
    WITH(bad.created_ms = -1);
    WITH(bad.created_ms = INT64_C(1) << 47);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        WITH(bad.reason = none[i]);
#undef WITH
    rules_sell(r, 1, 1, 1000, 0, 1);
}

static void a_ticket_outside_needs_good_arguments_and_known_settings(void **state) {
    rules *r = *state;
    seckill_reserve_options good = SECKILL_RESERVE_OPTIONS_INIT, bad;
    seckill_ticket ticket, untouched;
    sale other;

    memset(&ticket, 0xee, sizeof(ticket));
    untouched = ticket;
    good.user.data = good.request_id.data = "u";
    good.user.size = good.request_id.size = 1;
    assert_status(seckill_ticket_outside(r->sale.item, &good, &ticket), SECKILL_NOT_DEFINED);
    rules_sell(r, 1, 1, 1000, 0, 1);
    assert_invalid(seckill_ticket_outside(NULL, &good, &ticket));
    assert_invalid(seckill_ticket_outside(r->sale.item, NULL, &ticket));
    assert_invalid(seckill_ticket_outside(r->sale.item, &good, NULL));
#define WITH(change) (bad = good, change, assert_invalid(seckill_ticket_outside(r->sale.item, &bad, &ticket)))
    WITH(bad.struct_size = 3);
    WITH(bad.user.size = 0);
    WITH(bad.user.size = SECKILL_USER_MAX + 1);
    WITH(bad.request_id.data = NULL);
    WITH(bad.quantity = 1000001);
    WITH(bad.created_ms = -1);
    WITH(bad.created_ms = INT64_C(1) << 47);
#undef WITH
    assert_memory_equal(&ticket, &untouched, sizeof(ticket));
    rules_open_other(r, &other);
    assert_status(seckill_ticket_outside(other.item, &good, &ticket), SECKILL_NOT_DEFINED);
    assert_memory_equal(&ticket, &untouched, sizeof(ticket));
    assert_status(sale_get(&other).status, SECKILL_OK);
    assert_status(seckill_ticket_outside(other.item, &good, &ticket), SECKILL_OK);
    sale_close(&other);
    assert_in_range(ticket.since_ms, rules_server_ms(r) - 60000, rules_server_ms(r) + 1000); /* now */
}

static void process_refuses_bad_arguments(void **state) {
    static const uint8_t verdicts[SECKILL_BATCH_MAX + 1];
    rules *r = *state;
    seckill_queue_process_options good = SECKILL_QUEUE_PROCESS_OPTIONS_INIT, bad;

    rules_sell(r, 1, 1, 1000, 0, 1);
    good.from.epoch = good.from.n = good.to.epoch = 1;
    good.to.n = SECKILL_BATCH_MAX;
    assert_invalid(seckill_queue_process(NULL, &good, never_queue, NULL));
    assert_invalid(seckill_queue_process(r->sale.item, NULL, never_queue, NULL));
    assert_invalid(seckill_queue_process(r->sale.item, &good, NULL, NULL));
#define WITH(change) (bad = good, change, assert_invalid(seckill_queue_process(r->sale.item, &bad, never_queue, NULL)))
    WITH(bad.struct_size = 3);
    WITH(bad.shard = SECKILL_SHARDS_MAX);
    WITH(bad.max = SECKILL_BATCH_MAX + 1);
    WITH(bad.from.n = 0);
    WITH(bad.from.epoch = 0);
    WITH(bad.to.epoch = 0);
    WITH(bad.from.epoch = 2);
    WITH(bad.to.n = 0);
    WITH(bad.to.n = SECKILL_BATCH_MAX + 1);
    WITH(bad.from.n = SECKILL_BATCH_MAX + 1);
    WITH(bad.to.epoch = UINT64_MAX);
    WITH((bad.blacklisted = verdicts, bad.blacklisted_count = SECKILL_BATCH_MAX + 1));
    WITH(bad.timeout_ms = 3600001);
#undef WITH
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(enqueue_refuses_bad_arguments), RULES_TEST(poll_refuses_bad_arguments),
        RULES_TEST(refuse_refuses_bad_arguments),  RULES_TEST(a_ticket_outside_needs_good_arguments_and_known_settings),
        RULES_TEST(process_refuses_bad_arguments),
    };

    return RULES_RUN(tests);
}
