/* Memory that runs out on the ways that a request takes when something goes wrong with a server: each allocation fails once,
 * and in some runs all that follow until the calls are answered, while several calls are under way at a time. Two scripted
 * servers play it, the same every time. No call may be lost, called back twice or leak, and all of them succeed afterwards.
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
#include "fake_redis.h"
#include "fake_transport.h"
#include "test_run.h"

#include <seckill/seckill.h>
#include <stdio.h>
#include <string.h>

enum { CALLS = 9, REPLY_SIZE = 64 * 1024 };

/* What the first server says to the first few scripts that come to it. */
typedef struct {
    const char *name;
    const char *error; /* "%u 127.0.0.1:%d": a slot and where the other one is; NULL: it ends the connection */
    int times;         /* -1: always */
    uint32_t replicas; /* that the client waits for */
} trouble;

static const trouble troubles[] = {
    {"a lost connection", NULL, 2, 0},
    {"a lost connection, with replicas", NULL, 2, 1},
    {"unknown scripts", "-NOSCRIPT No matching script", 3, 0},
    {"a slot that has moved", "-MOVED %u 127.0.0.1:%d", -1, 0},
    {"a slot that has moved, with replicas", "-MOVED %u 127.0.0.1:%d", -1, 1},
    {"a slot that is moving", "-ASK %u 127.0.0.1:%d", 4, 0},
    {"a server that loads", "-LOADING Redis is loading", 2, 0},
    {"a replica", "-READONLY You can't write against a read only replica", -1, 0},
    {"shards that are behind", "-OLDER", 2, 0},
};

static struct {
    uv_loop_t loop;
    fake_transport wire; /* what the servers answer, as if all they know were one's */
    fake_redis *servers[2];
    const trouble *trouble;
    int times; /* that it is still played */
    failing_memory memory;
    seckill_client *client;
    seckill_item *item;
    int called[CALLS];
    seckill_status status[CALLS];
} all;

/* ---- the servers ---- */

static void play(fake_redis_client *client, const fake_redis_command *command) {
    static uint8_t bytes[REPLY_SIZE];
    fake_sent sent;
    size_t size;

    fake_sent_init(&sent, command->argc, (const char *const *)command->argv, command->sizes);
    size = fake_transport_write_reply(&all.wire, &sent, bytes, sizeof(bytes));
    fake_sent_free(&sent);
    fake_redis_reply_bulk(client, bytes, size);
}

static bool is(const fake_redis_command *command, const char *word) {
    return strcmp(command->argv[0], word) == 0;
}

/* OLDER is said by scripts of shards, and NOSCRIPT of what comes without its text. */
static bool is_in_trouble(const fake_redis_command *command) {
    const char *error = all.trouble->error != NULL ? all.trouble->error : "";

    if (all.times == 0 || (strncmp(error, "-NOSCRIPT", 9) == 0 && is(command, "EVAL")) ||
        (strcmp(error, "-OLDER") == 0 && strcmp(command->argv[2], "6") != 0))
        return false;
    all.times -= all.times > 0;
    return true;
}

static void on_command(void *context, fake_redis_client *client, const fake_redis_command *command) {
    bool is_first = *(fake_redis *const *)context == all.servers[0];
    char text[200];

    if (is(command, "CLUSTER")) {
        (void)snprintf(text, sizeof(text), "%040d 127.0.0.1:%d@1 master - 0 0 1 connected 0-16383\n", 1,
                       fake_redis_port(all.servers[1]));
        fake_redis_reply_bulk(client, text, strlen(text));
    } else if (is(command, "WAIT")) {
        fake_redis_reply_text(client, ":1");
    } else if (is(command, "ASKING")) {
        fake_redis_reply_text(client, "+OK");
    } else if (!is_first || !is_in_trouble(command)) {
        play(client, command);
    } else if (all.trouble->error == NULL) {
        fake_redis_end(client, true);
    } else {
        unsigned slot = seckill_slot(command->argv[3], command->sizes[3]);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(text, sizeof(text), all.trouble->error, slot, fake_redis_port(all.servers[1]));
#pragma GCC diagnostic pop
        fake_redis_reply_text(client, text);
    }
}

static void open_servers(void) {
    for (int i = 0; i < 2; i++) {
        all.servers[i] = fake_redis_open(&all.loop, FAKE_REDIS_TCP);
        assert_non_null(all.servers[i]);
        fake_redis_handle(all.servers[i], on_command, &all.servers[i]);
    }
}

/* ---- the calls, all at a time ---- */

static void note(void *user_data, seckill_status status) {
    size_t i = (size_t)((seckill_status *)user_data - all.status);

    all.called[i]++;
    all.status[i] = status;
}

static void on_result(const seckill_result *result, void *user_data) {
    note(user_data, result->status);
}

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    note(user_data, result->status);
}

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    note(user_data, result->status);
}

static void on_queue(const seckill_queue_result *result, void *user_data) {
    note(user_data, result->status);
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    note(user_data, result->status);
}

static void on_expire(const seckill_expire_result *result, void *user_data) {
    note(user_data, result->status);
}

static seckill_status start_request(bool queued, const char *user, seckill_status *out) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = user;
    options.user.size = options.request_id.size = strlen(user);
    return queued ? seckill_enqueue(all.item, &options, NULL, on_ticket, out)
                  : seckill_reserve(all.item, &options, NULL, on_result, out);
}

/* Its place is of another epoch, so it is enqueued again. */
static seckill_status start_poll(seckill_status *out) {
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    seckill_ticket ticket = {.user = "carol", .user_size = 5, .activity = "sale", .item = "phone", .quantity = 1};

    ticket.epoch = all.wire.queue_epoch + 1;
    ticket.n = 1;
    ticket.since_ms = ticket.valid_until_ms = INT64_C(4000000000000);
    options.ticket = &ticket;
    return seckill_poll(all.item, &options, NULL, on_ticket, out);
}

static seckill_status start(int call, seckill_status *out) {
    seckill_release_options release = SECKILL_RELEASE_OPTIONS_INIT;
    seckill_lookup_options lookup = SECKILL_LOOKUP_OPTIONS_INIT;
    seckill_queue_process_options process = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    release.user = lookup.user = (seckill_bytes){"alice", 5};
    process.max = 4;
    switch (call) {
    case 0:
        return start_request(false, "alice", out);
    case 1:
        return start_request(false, "bob", out);
    case 2:
        return start_request(true, "carol", out);
    case 3:
        return start_poll(out);
    case 4:
        return seckill_cancel(all.item, &release, NULL, on_result, out);
    case 5:
        return seckill_lookup(all.item, &lookup, NULL, on_lookup, out);
    case 6:
        return seckill_queue_process(all.item, &process, on_queue, out);
    case 7:
        return seckill_stock_get(all.item, 0, on_stock, out);
    default:
        return seckill_expire(all.item, 0, on_expire, out);
    }
}

static bool are_answered(void) {
    for (int i = 0; i < CALLS; i++) {
        if (all.called[i] == 0)
            return false;
    }
    return true;
}

/* True: all of them succeed. */
static bool ask(void) {
    bool good = true;

    for (int i = 0; i < CALLS; i++) {
        all.called[i] = 0;
        all.status[i] = start(i, &all.status[i]);
        all.called[i] += all.status[i] != SECKILL_OK; /* it is called back never */
    }
    while (!are_answered())
        assert_int_not_equal(uv_run(&all.loop, UV_RUN_ONCE), 0);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(all.called[i], 1);
        if (all.status[i] != SECKILL_OK && all.status[i] != SECKILL_NO_MEMORY && all.status[i] != SECKILL_UNKNOWN)
            fail_msg("%s, call %d: %s", all.trouble->name, i, seckill_status_name(all.status[i]));
        good = good && all.status[i] == SECKILL_OK;
    }
    return good;
}

/* ---- lives ---- */

static void open_client(void) {
    seckill_allocator allocator = failing_memory_allocator(&all.memory);
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    char addresses[80];

    (void)snprintf(addresses, sizeof(addresses), "%s,%s", fake_redis_address(all.servers[0]),
                   fake_redis_address(all.servers[1]));
    options.loop = &all.loop;
    options.address = addresses;
    options.allocator = &allocator;
    options.timeout_ms = 5000;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 2;
    options.replicas = all.trouble->replicas;
    assert_int_equal(seckill_client_open(&options, &all.client), SECKILL_OK);
    assert_int_equal(seckill_item_open(all.client, "sale", "phone", &all.item), SECKILL_OK);
}

static void on_closed(void *user_data) {
    ++*(int *)user_data;
}

static void close_client(void) {
    int closed = 0;

    seckill_item_close(all.item);
    seckill_client_close(all.client, on_closed, &closed);
    while (closed == 0)
        (void)uv_run(&all.loop, UV_RUN_ONCE);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(all.called[i], 1);
    assert_int_equal(all.memory.outstanding, 0);
}

/* How many allocations were asked for behind the opening. */
static size_t live(const trouble *one, size_t failing, size_t more) {
    size_t opened, made;

    all.trouble = one;
    all.times = one->times;
    all.memory = (failing_memory){0};
    open_client();
    opened = all.memory.made;
    all.memory.fail_at = opened + failing;
    all.memory.fail_more = more;
    if (!ask()) {
        all.memory.fail_at = 0;
        if (!ask())
            fail_msg("%s, allocation %zu and %zu more: in vain with memory, too", one->name, failing, more);
    }
    made = all.memory.made - opened;
    close_client();
    return made;
}

static void through_all(size_t more, size_t step) {
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        for (size_t failing = 1 + i % step; live(&troubles[i], failing, more) >= failing; failing += step)
            ;
    }
}

static void each_allocation_fails_once(void **state) {
    (void)state;
    through_all(0, test_run_step(3));
}

static void some_fail_in_a_row(void **state) {
    (void)state;
    through_all(4, test_run_step(13));
}

static int set_up(void **state) {
    (void)state;
    if (uv_loop_init(&all.loop) != 0)
        return -1;
    fake_transport_init(&all.wire);
    all.wire.shards = 2;
    open_servers();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        fake_redis_close(all.servers[i]);
    (void)uv_run(&all.loop, UV_RUN_DEFAULT);
    fake_transport_free(&all.wire);
    return uv_loop_close(&all.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(some_fail_in_a_row),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
