/* The public calls of the queue: what they refuse, structures of other releases, counters, detaching, and a whole conversation
 * over a socket on which everything goes wrong once.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "client_fixture.h"

#include "fake_redis.h"
#include "fake_transport.h"
#include "sale_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int called;

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    (void)user_data;
    assert_non_null(result->message);
    called++;
}

static void on_queue(const seckill_queue_result *result, void *user_data) {
    (void)user_data;
    assert_non_null(result->message);
    called++;
}

/* ---- what is refused ---- */

static sale opened;

static int open_sale(void **state) {
    seckill_client_options options = client_test_options();

    (void)state;
    sale_open_with(&opened, &options);
    opened.shards = 2;
    called = 0;
    return 0;
}

static int close_sale(void **state) {
    (void)state;
    sale_close(&opened);
    return 0;
}

static seckill_status enqueue(const seckill_reserve_options *options) {
    return seckill_enqueue(opened.item, options, NULL, on_ticket, NULL);
}

static seckill_reserve_options good_request(void) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = "somebody";
    options.user.size = options.request_id.size = 8;
    return options;
}

static void each_bad_enqueue_is_refused(void **state) {
    static const char long_text[65] = "";
    const seckill_reserve_options good = good_request();
    seckill_reserve_options bad;

    (void)state;
#define BAD(field, value) (bad = good, bad.field = (value), assert_int_equal(enqueue(&bad), SECKILL_INVALID))
    BAD(user.size, 0);
    BAD(user.data, NULL);
    bad = good;
    bad.user.data = bad.request_id.data = long_text;
    bad.user.size = 65;
    assert_int_equal(enqueue(&bad), SECKILL_INVALID);
    bad.user.size = 64;
    bad.request_id.size = 65;
    assert_int_equal(enqueue(&bad), SECKILL_INVALID);
    BAD(request_id.size, 0);
    BAD(request_id.data, NULL);
    BAD(quantity, 1000001);
    BAD(timeout_ms, 3600001);
    BAD(flags, 2);
    BAD(created_ms, -1);
    BAD(created_ms, INT64_C(1) << 47);
    BAD(struct_size, 0);
    BAD(struct_size, sizeof(size_t) - 1);
    BAD(struct_size, SIZE_MAX);
#undef BAD
    assert_int_equal(enqueue(NULL), SECKILL_INVALID);
    assert_int_equal(seckill_enqueue(NULL, &good, NULL, on_ticket, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_enqueue(opened.item, &good, NULL, NULL, NULL), SECKILL_INVALID);
    assert_int_equal(called, 0);
}

static seckill_ticket good_ticket(void) {
    seckill_ticket ticket;

    memset(&ticket, 0, sizeof(ticket));
    ticket.user_size = 8;
    memcpy(ticket.user, "somebody", 8);
    memcpy(ticket.activity, "sale", sizeof("sale"));
    memcpy(ticket.item, "phone", sizeof("phone"));
    ticket.quantity = 1;
    ticket.epoch = ticket.n = 1;
    ticket.since_ms = 1;
    return ticket;
}

static seckill_status poll_ticket(const seckill_ticket *ticket) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;

    options.ticket = ticket;
    return seckill_poll(opened.item, &options, NULL, on_ticket, NULL);
}

static void each_bad_ticket_is_refused(void **state) {
    const seckill_ticket good = good_ticket();
    seckill_ticket bad;

    (void)state;
#define BAD(field, value) (bad = good, bad.field = (value), assert_int_equal(poll_ticket(&bad), SECKILL_INVALID))
    BAD(user_size, 0);
    BAD(user_size, 65);
    BAD(activity[0], 'S');
    BAD(activity[4], 's');
    BAD(item[0], '\0');
    BAD(item[5], 's');
    BAD(quantity, 0);
    BAD(quantity, 1000001);
    BAD(epoch, 0);
    BAD(epoch, (uint64_t)SECKILL_AMOUNT_MAX + 1);
    BAD(n, 0);
    BAD(n, (uint64_t)SECKILL_AMOUNT_MAX + 1);
    BAD(n, UINT64_MAX);
    BAD(since_ms, -1);
    BAD(since_ms, INT64_C(1) << 47);
#undef BAD
    bad = good; /* names without an end */
    memset(bad.item, 'p', sizeof(bad.item));
    assert_int_equal(poll_ticket(&bad), SECKILL_INVALID);
    assert_int_equal(poll_ticket(NULL), SECKILL_INVALID);
    assert_int_equal(called, 0);
}

static void each_bad_poll_is_refused(void **state) {
    const seckill_ticket ticket = good_ticket();
    seckill_poll_options good = SECKILL_POLL_OPTIONS_INIT, bad;

    (void)state;
    good.ticket = &ticket;
#define BAD(field, value)                                                                                                      \
    (bad = good, bad.field = (value), assert_int_equal(seckill_poll(opened.item, &bad, NULL, on_ticket, NULL), SECKILL_INVALID))
    BAD(timeout_ms, 3600001);
    BAD(struct_size, 0);
    BAD(struct_size, offsetof(seckill_poll_options, ticket));
    BAD(struct_size, SIZE_MAX);
#undef BAD
    assert_int_equal(seckill_poll(opened.item, NULL, NULL, on_ticket, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_poll(NULL, &good, NULL, on_ticket, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_poll(opened.item, &good, NULL, NULL, NULL), SECKILL_INVALID);
    assert_int_equal(called, 0);
}

static seckill_status process(const seckill_queue_process_options *options) {
    return seckill_queue_process(opened.item, options, on_queue, NULL);
}

static seckill_queue_process_options good_range(uint64_t from_epoch, uint64_t from, uint64_t to_epoch, uint64_t to) {
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.from.epoch = from_epoch;
    options.from.n = from;
    options.to.epoch = to_epoch;
    options.to.n = to;
    return options;
}

static void each_bad_range_is_refused(void **state) {
    static const struct {
        uint64_t from_epoch, from, to_epoch, to;
        bool good;
    } ranges[] = {
        {0, 0, 0, 0, true},
        {7, 0, 7, 0, true}, /* nothing was screened, whatever the epochs say */
        {1, 1, 1, 1, true},
        {1, 1, 1, SECKILL_BATCH_MAX, true},
        {(uint64_t)SECKILL_AMOUNT_MAX, (uint64_t)SECKILL_AMOUNT_MAX, (uint64_t)SECKILL_AMOUNT_MAX, (uint64_t)SECKILL_AMOUNT_MAX,
         true},
        {1, 1, 2, 2, false}, /* what is handed out is of one epoch */
        {1, 1, 1, SECKILL_BATCH_MAX + 1, false},
        {0, 0, 1, 1, false},
        {1, 2, 1, 1, false},
        {1, 2, 1, 0, false},
        {2, 1, 1, 2, false},
        {0, 1, 1, 1, false},
        {1, 1, 0, 1, false},
        {1, (uint64_t)SECKILL_AMOUNT_MAX + 1, 1, (uint64_t)SECKILL_AMOUNT_MAX + 1, false},
        {1, 1, (uint64_t)SECKILL_AMOUNT_MAX + 1, 1, false},
        {1, 1, 1, UINT64_MAX, false},
    };
    int good = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        seckill_queue_process_options options =
            good_range(ranges[i].from_epoch, ranges[i].from, ranges[i].to_epoch, ranges[i].to);

        assert_int_equal(process(&options), ranges[i].good ? SECKILL_OK : SECKILL_INVALID);
        good += ranges[i].good;
    }
    while (called < good)
        (void)uv_run(&opened.loop, UV_RUN_ONCE);
}

static void each_bad_processing_is_refused(void **state) {
    static const uint8_t verdicts[SECKILL_BATCH_MAX + 1];
    seckill_queue_process_options good = good_range(1, 1, 1, 2), bad;

    (void)state;
    good.blacklisted = verdicts;
    good.blacklisted_count = 2;
#define BAD(field, value) (bad = good, bad.field = (value), assert_int_equal(process(&bad), SECKILL_INVALID))
    BAD(shard, SECKILL_SHARDS_MAX);
    BAD(shard, UINT32_MAX);
    BAD(max, SECKILL_BATCH_MAX + 1);
    BAD(blacklisted_count, SECKILL_BATCH_MAX + 1);
    BAD(blacklisted_count, SIZE_MAX);
    BAD(timeout_ms, 3600001);
    BAD(struct_size, 0);
    BAD(struct_size, SIZE_MAX);
#undef BAD
    assert_int_equal(process(NULL), SECKILL_INVALID);
    assert_int_equal(seckill_queue_process(NULL, &good, on_queue, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_queue_process(opened.item, &good, NULL, NULL), SECKILL_INVALID);
    assert_int_equal(called, 0);
}

/* ---- structures of other releases ---- */

static void wait_for_calls(int count) {
    while (called < count)
        (void)uv_run(&opened.loop, UV_RUN_ONCE);
    assert_int_equal(called, count);
}

/* What a caller of an older release does not have is not looked at. */
static void callers_of_older_releases(void **state) {
    seckill_reserve_options request = good_request();
    const seckill_ticket ticket = good_ticket();
    seckill_poll_options poll = SECKILL_POLL_OPTIONS_INIT;
    seckill_queue_process_options range = good_range(1, 1, 1, 2);

    (void)state;
    request.struct_size = offsetof(seckill_reserve_options, created_ms);
    request.created_ms = -1;
    assert_int_equal(enqueue(&request), SECKILL_OK);
    poll.ticket = &ticket;
    poll.struct_size = offsetof(seckill_poll_options, timeout_ms);
    poll.timeout_ms = UINT32_MAX;
    assert_int_equal(seckill_poll(opened.item, &poll, NULL, on_ticket, NULL), SECKILL_OK);
    range.struct_size = offsetof(seckill_queue_process_options, blacklisted);
    range.blacklisted = (const uint8_t *)1;
    range.blacklisted_count = SIZE_MAX;
    range.timeout_ms = UINT32_MAX;
    assert_int_equal(process(&range), SECKILL_OK);
    range.struct_size = sizeof(size_t); /* the first shard, nothing screened, nothing handed out */
    assert_int_equal(process(&range), SECKILL_OK);
    wait_for_calls(4);
}

/* An option that this release does not know must not be taken for granted. */
static void callers_of_newer_releases(void **state) {
    const seckill_ticket ticket = good_ticket();
    struct {
        seckill_reserve_options known;
        char unknown[32];
    } request;
    struct {
        seckill_poll_options known;
        char unknown[32];
    } poll;
    struct {
        seckill_queue_process_options known;
        char unknown[32];
    } range;

    (void)state;
    memset(&request, 0, sizeof(request));
    memset(&poll, 0, sizeof(poll));
    memset(&range, 0, sizeof(range));
    request.known = good_request();
    poll.known.ticket = &ticket;
    request.known.struct_size = sizeof(request);
    poll.known.struct_size = sizeof(poll);
    range.known.struct_size = sizeof(range);
    for (int i = 0; i < 2; i++) {
        seckill_status expected = i == 0 ? SECKILL_OK : SECKILL_INVALID;

        request.unknown[31] = poll.unknown[31] = range.unknown[31] = (char)i;
        assert_int_equal(enqueue(&request.known), expected);
        assert_int_equal(seckill_poll(opened.item, &poll.known, NULL, on_ticket, NULL), expected);
        assert_int_equal(process(&range.known), expected);
    }
    wait_for_calls(3);
}

/* ---- operations under way ---- */

static void one_more_than_max_operations_is_busy(void **state) {
    seckill_client_options options = client_test_options();
    const seckill_reserve_options request = good_request();
    const seckill_ticket ticket = good_ticket();
    const seckill_queue_process_options range = good_range(0, 0, 0, 0);

    (void)state;
    sale_close(&opened);
    options.max_operations = 1;
    sale_open_with(&opened, &options);
    assert_int_equal(enqueue(&request), SECKILL_OK);
    assert_int_equal(enqueue(&request), SECKILL_BUSY);
    assert_int_equal(poll_ticket(&ticket), SECKILL_BUSY);
    assert_int_equal(process(&range), SECKILL_BUSY);
    wait_for_calls(1);
    assert_int_equal(process(&range), SECKILL_OK);
    wait_for_calls(2);
}

static void what_is_detached_happens_all_the_same(void **state) {
    seckill_reserve_options request = good_request();
    seckill_op *op = NULL;
    sale_ticket_answer found;

    (void)state;
    (void)sale_decide_all(&opened);
    request.user.data = request.request_id.data = "detached";
    assert_int_equal(seckill_enqueue(opened.item, &request, &op, on_ticket, NULL), SECKILL_OK);
    assert_non_null(op);
    seckill_op_detach(op);
    found = sale_enqueue(&opened, "behind", "behind", 1); /* maybe of the other shard */
    assert_int_equal(found.state, SECKILL_TICKET_QUEUED);
    while (sale_stock(&opened).total.queued != 2)
        continue;
    assert_int_equal(sale_decide_all(&opened), 2);
    assert_int_equal(called, 0);
    found = sale_enqueue(&opened, "detached", "detached", 1);
    assert_int_equal(found.state, SECKILL_TICKET_GRANTED);
    assert_int_equal(found.replayed, 1);
}

static void counters(void **state) {
    seckill_client_stats stats = {0};
    sale_ticket_answer queued, polled;

    (void)state;
    (void)sale_decide_all(&opened);
    sale_close(&opened);
    (void)open_sale(state);
    queued = sale_enqueue(&opened, "counted", "counted", 1);
    assert_int_equal(queued.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(sale_enqueue(&opened, "counted", "counted", 1).position, 2); /* it stands there twice */
    assert_int_equal(sale_enqueue(&opened, "counted", "greedy", 1).position, 3);
    assert_int_equal(sale_decide_all(&opened), 2);
    stats.struct_size = sizeof(stats);
    assert_int_equal(seckill_client_get_stats(opened.client, &stats), SECKILL_OK);
    assert_int_equal(stats.enqueued, 3);
    assert_int_equal(stats.granted, 1);
    assert_int_equal(stats.replayed, 0);
    assert_int_equal(stats.refused, 0); /* the one that was refused did not ask this way */
    polled = sale_poll(&opened, &queued.ticket);
    assert_int_equal(polled.state, SECKILL_TICKET_GRANTED);
    assert_int_equal(polled.replayed, 0);
    assert_int_equal(sale_enqueue(&opened, "counted", "counted", 1).replayed, 1);
    assert_int_equal(sale_enqueue(&opened, "counted", "third", 1).status, SECKILL_LIMIT_REACHED);
    queued.ticket.n += 1000; /* a place that this server never gave */
    memcpy(queued.ticket.user, "another", 7);
    assert_int_equal(sale_poll(&opened, &queued.ticket).requeued, 1);
    assert_int_equal(seckill_client_get_stats(opened.client, &stats), SECKILL_OK);
    assert_int_equal(stats.enqueued, 4);
    assert_int_equal(stats.granted, 1);
    assert_int_equal(stats.replayed, 1);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.failed + stats.unknown + stats.in_progress, 0);
}

/* ---- a conversation ---- */

typedef enum { ANSWERS, NOSCRIPT, LOADING, DIES_BEFORE, DIES_BEHIND } reaction;

typedef struct {
    sk__script_id script;
    bool with_text;
    reaction then; /* dies before it executes, or behind that and before it answers */
} turn;

static const turn conversation[] = {
    {SK__SCRIPT_map_get, false, NOSCRIPT},
    {SK__SCRIPT_map_get, true, ANSWERS},
    /* enqueue */
    {SK__SCRIPT_enqueue, false, NOSCRIPT},
    {SK__SCRIPT_enqueue, true, LOADING},
    {SK__SCRIPT_enqueue, true, DIES_BEHIND},
    {SK__SCRIPT_enqueue, true, ANSWERS}, /* it stands there twice */
    /* process */
    {SK__SCRIPT_queue_process, false, DIES_BEFORE},
    {SK__SCRIPT_queue_process, false, NOSCRIPT},
    {SK__SCRIPT_queue_process, true, ANSWERS},
    {SK__SCRIPT_queue_process, false, DIES_BEHIND},
    {SK__SCRIPT_queue_process, false, LOADING},
    {SK__SCRIPT_queue_process, false, ANSWERS},
    /* poll */
    {SK__SCRIPT_poll, false, NOSCRIPT},
    {SK__SCRIPT_poll, true, DIES_BEFORE},
    {SK__SCRIPT_poll, true, LOADING},
    {SK__SCRIPT_poll, true, ANSWERS},
    /* poll, of a place that is lost */
    {SK__SCRIPT_poll, false, ANSWERS},
    {SK__SCRIPT_enqueue, false, DIES_BEHIND},
    {SK__SCRIPT_enqueue, false, NOSCRIPT},
    {SK__SCRIPT_enqueue, true, ANSWERS},
    /* poll, of what waits outside */
    {SK__SCRIPT_poll, false, LOADING},
    {SK__SCRIPT_poll, false, ANSWERS},
    /* refuse */
    {SK__SCRIPT_refuse, false, NOSCRIPT},
    {SK__SCRIPT_refuse, true, LOADING},
    {SK__SCRIPT_refuse, true, DIES_BEHIND},
    {SK__SCRIPT_refuse, true, DIES_BEFORE},
    {SK__SCRIPT_refuse, true, ANSWERS},
};

enum { TURNS = sizeof(conversation) / sizeof(conversation[0]) };

typedef struct {
    fake_transport server; /* what it answers */
    size_t turns;
} talk;

static void on_command(void *context, fake_redis_client *client, const fake_redis_command *command) {
    static uint8_t bytes[4096];
    talk *self = context;
    const turn *now = &conversation[self->turns];
    fake_sent sent;
    size_t size = 0;

    assert_true(self->turns++ < TURNS);
    fake_sent_init(&sent, command->argc, (const char *const *)command->argv, command->sizes);
    assert_string_equal(sk__script_of(sent.script)->name, sk__script_of(now->script)->name);
    assert_int_equal(sent.with_text, now->with_text);
    if (now->then == ANSWERS || now->then == DIES_BEHIND)
        size = fake_transport_write_reply(&self->server, &sent, bytes, sizeof(bytes));
    if (now->then == ANSWERS)
        fake_redis_reply_bulk(client, bytes, size);
    else if (now->then == NOSCRIPT)
        fake_redis_reply_text(client, "-NOSCRIPT No matching script. Please use EVAL.");
    else if (now->then == LOADING)
        fake_redis_reply_text(client, "-LOADING Redis is loading the dataset in memory");
    else
        fake_redis_end(client, true);
    fake_sent_free(&sent);
}

static void converse(sale *on, talk *self) {
    sale_queue_answer *answers = calloc(2, sizeof(*answers));
    sale_ticket_answer queued, polled;

    assert_non_null(answers);
    queued = sale_enqueue(on, "somebody", "once", 1);
    assert_int_equal(queued.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(queued.position, 2);
    assert_int_equal(sale_queue_read(on, 0, 10, &answers[0]), SECKILL_OK);
    assert_int_equal(answers[0].count, 2);
    assert_string_equal(answers[0].users[1], "somebody");
    assert_int_equal(sale_decide(on, 0, &answers[0], NULL, 10, &answers[1]), SECKILL_OK);
    assert_int_equal(answers[1].decided + answers[1].waiting, 0); /* decided by the sending whose answer was lost */
    polled = sale_poll(on, &queued.ticket);
    assert_int_equal(polled.state, SECKILL_TICKET_GRANTED);
    assert_memory_equal(polled.ref.reservation_id, queued.ticket.reservation_id, SECKILL_RESERVATION_ID_SIZE);
    self->server.queue_epoch++;
    polled = sale_poll(on, &queued.ticket);
    assert_int_equal(polled.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(polled.requeued, 1);
    assert_int_equal(polled.ticket.epoch, self->server.queue_epoch);
    polled = sale_poll_outside(on, "somebody", "outside", 1, 1);
    assert_int_equal(polled.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(polled.position, 0);
    polled = sale_refuse(on, "somebody", "outside", 1, 1, SECKILL_NOT_ENOUGH);
    assert_int_equal(polled.state, SECKILL_TICKET_REFUSED);
    assert_int_equal(polled.reason, SECKILL_NOT_ENOUGH);
    free(answers);
}

static void everything_goes_wrong_once(void **state) {
    static sale on;
    static talk self;
    seckill_client_options options = client_test_options();
    seckill_client_stats stats = {0};
    fake_redis *fake;

    (void)state;
    memset(&self, 0, sizeof(self));
    fake_transport_init(&self.server);
    assert_int_equal(uv_loop_init(&on.loop), 0);
    fake = fake_redis_open(&on.loop, FAKE_REDIS_TCP);
    assert_non_null(fake);
    fake_redis_handle(fake, on_command, &self);
    options.address = fake_redis_address(fake);
    options.loop = &on.loop;
    options.timeout_ms = 10000;
    options.reconnect_min_ms = 1;
    assert_int_equal(seckill_client_open(&options, &on.client), SECKILL_OK);
    assert_int_equal(seckill_item_open(on.client, "sale", "phone", &on.item), SECKILL_OK);
    converse(&on, &self);
    assert_int_equal(self.turns, TURNS);
    stats.struct_size = sizeof(stats);
    assert_int_equal(seckill_client_get_stats(on.client, &stats), SECKILL_OK);
    assert_int_equal(stats.connections, 8);
    assert_int_equal(stats.repeated, 7);
    assert_int_equal(stats.failed + stats.unknown + stats.in_progress, 0);
    seckill_client_close(on.client, NULL, NULL);
    fake_redis_close(fake);
    assert_int_equal(uv_run(&on.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&on.loop), 0);
    fake_transport_free(&self.server);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_sale, close_sale)
    const struct CMUnitTest tests[] = {
        TEST(each_bad_enqueue_is_refused),
        TEST(each_bad_ticket_is_refused),
        TEST(each_bad_poll_is_refused),
        TEST(each_bad_range_is_refused),
        TEST(each_bad_processing_is_refused),
        TEST(callers_of_older_releases),
        TEST(callers_of_newer_releases),
        TEST(one_more_than_max_operations_is_busy),
        TEST(what_is_detached_happens_all_the_same),
        TEST(counters),
        cmocka_unit_test(everything_goes_wrong_once),
    };

    return cmocka_run_group_tests(tests, client_test_start, client_test_stop);
}
