/* A server that hangs (SIGSTOP): answers that never come are unknown at the deadline, neither earlier nor later, and asked
 * again with the same ids nothing is taken twice.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "faults_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 200, TIMEOUT_MS = 150, LATE_MS = 250 /* on a busy machine */ };

typedef struct {
    redis_server *server;
    sale sale;
} hanging;

static seckill_client_options client_options(const redis_server *server, uint32_t command_timeout_ms) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.address = redis_server_address(server);
    options.timeout_ms = TIMEOUT_MS;
    options.command_timeout_ms = command_timeout_ms;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 20;
    return options;
}

static int set_up(void **state) {
    static hanging test;
    seckill_client_options options;

    test.server = redis_server_start(NULL);
    assert_non_null(test.server);
    options = client_options(test.server, 60000);
    options.timeout_ms = 20000;
    sale_open_with(&test.sale, &options);
    assert_int_equal(sale_define(&test.sale, 4, NULL).status, SECKILL_OK);
    assert_int_equal(sale_load(&test.sale, "first", 4 * USERS).status, SECKILL_OK);
    sale_close(&test.sale);
    *state = &test;
    return 0;
}

static int tear_down(void **state) {
    hanging *test = *state;

    redis_server_free(test->server);
    return 0;
}

static void open_hanging(hanging *test, uint32_t command_timeout_ms) {
    seckill_client_options options = client_options(test->server, command_timeout_ms);

    sale_open_with(&test->sale, &options);
    test->sale.shards = 4;
}

/* A deadline counts from the time of the loop's turn, as libuv's own timers do; this one stood still while the test waited. */
static int64_t begin(hanging *test) {
    uv_update_time(&test->sale.loop);
    return fault_now_ms();
}

static void assert_at_the_deadline(int64_t started) {
    int64_t took = fault_now_ms() - started;

    /* The loop's clock is cut to whole milliseconds. */
    assert_in_range(took, TIMEOUT_MS - 2, TIMEOUT_MS + LATE_MS);
}

/* The connection stands (SECKILL_SERVER_BUSY), or was given up. */
static bool was_never_sent(seckill_status status) {
    return status == SECKILL_SERVER_BUSY || status == SECKILL_UNREACHABLE;
}

/* Everyone asks until it is known; with the same ids. */
static void ask_until_known(hanging *test, const char *prefix, int64_t reserved_before) {
    static sale_answer answers[USERS];
    char user[32];
    sale_stock_answer stock;

    for (unsigned i = 0; i < USERS; i++) {
        (void)snprintf(user, sizeof(user), "%s%u", prefix, i);
        do
            answers[i] = sale_reserve(&test->sale, user, user, 1);
        while (seckill_status_class(answers[i].status) != SECKILL_CLASS_FINAL);
        assert_int_equal(answers[i].status, SECKILL_OK);
    }
    stock = sale_stock(&test->sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.reserved, reserved_before + USERS);
    assert_int_equal(stock.total.users, reserved_before + USERS);
}

static void hang_in_mid_batch(hanging *test, const char *prefix, uint32_t command_timeout_ms) {
    static sale_answer answers[USERS];
    static char users[USERS][32];
    int64_t started, before;
    unsigned unknown = 0;

    open_hanging(test, command_timeout_ms);
    before = sale_stock(&test->sale).total.reserved;
    for (unsigned i = 0; i < USERS; i++)
        (void)snprintf(users[i], sizeof(users[i]), "%s%u", prefix, i);
    /* The first is answered, so the connection is up; of the others some are on their way when the server stops. */
    assert_int_equal(sale_reserve(&test->sale, users[0], users[0], 1).status, SECKILL_OK);
    started = begin(test);
    for (unsigned i = 0; i < USERS; i++)
        assert_int_equal(sale_start_reserve(&test->sale, users[i], users[i], 1, &answers[i]), SECKILL_OK);
    redis_server_pause(test->server);
    (void)uv_run(&test->sale.loop, UV_RUN_NOWAIT);
    sale_wait(&test->sale, answers, USERS);
    assert_at_the_deadline(started);
    for (unsigned i = 0; i < USERS; i++) {
        if (answers[i].status == SECKILL_UNKNOWN)
            unknown++;
        else
            assert_true(was_never_sent(answers[i].status)); /* it waited behind two batches */
        assert_int_equal(answers[i].calls, 1);
        assert_true(answers[i].retry_after_ms > 0);
    }
    assert_true(unknown > 0);
    redis_server_resume(test->server);
    ask_until_known(test, prefix, before);
    sale_close(&test->sale);
}

static void a_server_that_stops_in_mid_batch(void **state) {
    hang_in_mid_batch(*state, "a", 60000);
}

/* Meanwhile the client gives up the connection, makes others, and sends again on them. */
static void a_server_that_stops_longer_than_a_command_may_take(void **state) {
    hang_in_mid_batch(*state, "b", 30);
}

static void a_server_that_stopped_before_the_client_came(void **state) {
    hanging *test = *state;
    int64_t started, before;
    sale_answer answer;

    open_hanging(test, 60000);
    before = sale_stock(&test->sale).total.reserved;
    sale_close(&test->sale);
    redis_server_pause(test->server);
    open_hanging(test, 60000);
    started = begin(test);
    answer = sale_reserve(&test->sale, "c0", "c0", 1);
    assert_true(was_never_sent(answer.status)); /* the mapping list was not read */
    assert_at_the_deadline(started);
    redis_server_resume(test->server);
    ask_until_known(test, "c", before);
    sale_close(&test->sale);
}

static void tasks_on_a_server_that_stops(void **state) {
    hanging *test = *state;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    int64_t started, loaded;
    sale_item_answer answer;
    sale_stock_answer stock;

    open_hanging(test, 60000);
    loaded = sale_stock(&test->sale).total.loaded;
    settings.hold_ms = 60000;
    settings.price = 5;
    for (int i = 0; i < 3; i++) {
        redis_server_pause(test->server);
        started = begin(test);
        answer = i == 0   ? sale_load(&test->sale, "second", 10)
                 : i == 1 ? sale_define(&test->sale, 4, &settings)
                          : sale_withdraw(&test->sale, "third", 6);
        assert_string_equal(seckill_status_name(answer.status), "unknown");
        assert_at_the_deadline(started);
        redis_server_resume(test->server);
        do
            answer = i == 0   ? sale_load(&test->sale, "second", 10)
                     : i == 1 ? sale_define(&test->sale, 4, &settings)
                              : sale_withdraw(&test->sale, "third", 6);
        while (seckill_status_class(answer.status) != SECKILL_CLASS_FINAL);
        assert_int_equal(answer.status, SECKILL_OK);
        assert_int_equal(answer.amount, i == 0 ? 10 : i == 1 ? 0 : 6);
    }
    stock = sale_stock(&test->sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.loaded, loaded + 4);
    assert_int_equal(sale_get(&test->sale).settings.price, 5);
    sale_close(&test->sale);
}

static void hang_while_enqueueing(hanging *test, sale_ticket_answer *queued) {
    int64_t started;

    redis_server_pause(test->server);
    started = begin(test);
    assert_string_equal(seckill_status_name(sale_enqueue(&test->sale, "late", "late", 1).status), "unknown");
    assert_at_the_deadline(started);
    redis_server_resume(test->server);
    do
        *queued = sale_enqueue(&test->sale, "late", "late", 1);
    while (seckill_status_class(queued->status) != SECKILL_CLASS_FINAL);
    assert_int_equal(queued->state, SECKILL_TICKET_QUEUED);
    assert_in_range(queued->position, 1, 2); /* it may stand there twice */
}

/* A poll reads: nothing is unknown of it. */
static void hang_while_polling(hanging *test, const seckill_ticket *ticket) {
    int64_t started;

    redis_server_pause(test->server);
    started = begin(test);
    assert_true(was_never_sent(sale_poll(&test->sale, ticket).status));
    assert_at_the_deadline(started);
    redis_server_resume(test->server);
}

/* What was sent is executed when the server goes on. */
static void hang_while_processing(hanging *test, uint32_t shard) {
    sale_queue_answer *answers = calloc(2, sizeof(*answers)), *screened = answers, *decided = answers + 1;
    int64_t started;

    assert_non_null(answers);
    while (sale_queue_read(&test->sale, shard, 10, screened) != SECKILL_OK)
        assert_int_equal(screened->status, SECKILL_UNKNOWN);
    assert_in_range(screened->count, 1, 2);
    redis_server_pause(test->server);
    started = begin(test);
    assert_string_equal(seckill_status_name(sale_decide(&test->sale, shard, screened, NULL, 10, decided)), "unknown");
    assert_at_the_deadline(started);
    assert_int_equal(decided->count + decided->decided, 0);
    redis_server_resume(test->server);
    while (sale_decide(&test->sale, shard, screened, NULL, 10, decided) != SECKILL_OK)
        assert_int_equal(decided->status, SECKILL_UNKNOWN);
    assert_int_equal(decided->waiting, 0);
    free(answers);
}

static void the_queue_of_a_server_that_stops(void **state) {
    hanging *test = *state;
    sale_ticket_answer queued, polled;
    sale_stock_answer stock;
    int64_t before;

    open_hanging(test, 60000);
    before = sale_stock(&test->sale).total.reserved;
    hang_while_enqueueing(test, &queued);
    hang_while_polling(test, &queued.ticket);
    hang_while_processing(test, queued.ticket.shard);
    polled = sale_poll(&test->sale, &queued.ticket);
    assert_int_equal(polled.state, SECKILL_TICKET_GRANTED);
    assert_memory_equal(polled.ref.reservation_id, queued.ticket.reservation_id, SECKILL_RESERVATION_ID_SIZE);
    stock = sale_stock(&test->sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.reserved, before + 1);
    assert_int_equal(stock.total.queued, 0);
    sale_close(&test->sale);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_stops_in_mid_batch),
        cmocka_unit_test(a_server_that_stops_longer_than_a_command_may_take),
        cmocka_unit_test(a_server_that_stopped_before_the_client_came),
        cmocka_unit_test(tasks_on_a_server_that_stops),
        cmocka_unit_test(the_queue_of_a_server_that_stops),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
