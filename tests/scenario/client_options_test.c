/* The public client: its options, and what it says about itself: causes, counters, the log.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "client_fixture.h"

#include "fake_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- options ---- */

static void fails(const seckill_client_options *options) {
    seckill_client *client = NULL;

    assert_int_equal(seckill_client_open(options, &client), SECKILL_INVALID);
    assert_null(client);
}

static void *no_allocate(size_t size, void *user_data) {
    (void)size;
    (void)user_data;
    return NULL;
}

static void each_bad_option_is_refused(void **state) {
    static const char *const addresses[] = {"",      ":6379", "host:",  "host:0", "host:65536", "host:x",
                                            "unix:", "[::1",  "[::1]x", "a,",     "a,,b",       "a,b:0"};
    static const char *const prefixes[] = {"", "a b", "a{b", "a}b", "\xc3\xa9"};
    seckill_client_options good = client_test_options(), bad;
    char long_prefix[SECKILL_PREFIX_MAX + 2];

    (void)state;
    fails(NULL);
    assert_int_equal(seckill_client_open(&good, NULL), SECKILL_INVALID);
#define BAD(field, value) (bad = good, bad.field = (value), fails(&bad))
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        BAD(address, addresses[i]);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        BAD(prefix, prefixes[i]);
    memset(long_prefix, 'p', sizeof(long_prefix));
    long_prefix[SECKILL_PREFIX_MAX + 1] = '\0';
    BAD(prefix, long_prefix);
    BAD(user, "without a password");
    BAD(timeout_ms, 3600001);
    BAD(connect_timeout_ms, 3600001);
    BAD(command_timeout_ms, 3600001);
    BAD(reconnect_min_ms, 3600001);
    BAD(reconnect_max_ms, 3600001);
    BAD(max_operations, 16777217);
    BAD(max_batches, 65);
    BAD(max_batch, SECKILL_BATCH_MAX + 1);
    BAD(replicas, SECKILL_REPLICAS_MAX + 1);
    BAD(log_level, (seckill_log_level)4);
    bad = good;
    bad.reconnect_min_ms = 50;
    bad.reconnect_max_ms = 49;
    fails(&bad);
    {
        seckill_allocator half = {no_allocate, NULL, NULL, NULL}, none = {no_allocate, NULL, NULL, NULL};

        BAD(allocator, &half);
        none.reallocate = (void *(*)(void *, size_t, void *))0;
        BAD(allocator, &none);
    }
    BAD(struct_size, 0);
    BAD(struct_size, sizeof(size_t) - 1);
    BAD(struct_size, SIZE_MAX);
}

/* A caller of an older release has a smaller structure, one of a newer release a larger one. */
static void structures_of_other_releases(void **state) {
    struct {
        seckill_client_options known;
        char unknown[64];
    } newer;
    seckill_client_options older = client_test_options();
    seckill_client *client;

    (void)state;
    memset(&newer, 0, sizeof(newer));
    newer.known = client_test_options();
    newer.known.struct_size = sizeof(newer);
    assert_int_equal(seckill_client_open(&newer.known, &client), SECKILL_OK);
    seckill_client_close(client, NULL, NULL);
    newer.unknown[3] = 1; /* an option that this release does not know must not be taken for granted */
    fails(&newer.known);
    older.struct_size = offsetof(seckill_client_options, timeout_ms);
    older.timeout_ms = 4000000; /* not looked at */
    assert_int_equal(seckill_client_open(&older, &client), SECKILL_OK);
    {
        union {
            seckill_client_stats stats;
            unsigned char bytes[sizeof(seckill_client_stats) + 32];
        } given;

        memset(&given, 0xee, sizeof(given));
        given.stats.struct_size = offsetof(seckill_client_stats, batches);
        assert_int_equal(seckill_client_get_stats(client, &given.stats), SECKILL_OK);
        assert_int_equal(given.stats.unknown, 0);
        assert_int_equal(given.bytes[offsetof(seckill_client_stats, batches)], 0xee);
        given.stats.struct_size = sizeof(given);
        assert_int_equal(seckill_client_get_stats(client, &given.stats), SECKILL_OK);
        assert_int_equal(given.stats.struct_size, sizeof(seckill_client_stats));
        assert_int_equal(given.bytes[sizeof(seckill_client_stats)], 0xee);
        given.stats.struct_size = 0;
        assert_int_equal(seckill_client_get_stats(client, &given.stats), SECKILL_INVALID);
        assert_int_equal(seckill_client_get_stats(NULL, &given.stats), SECKILL_INVALID);
        assert_int_equal(seckill_client_get_stats(client, NULL), SECKILL_INVALID);
    }
    seckill_client_close(client, NULL, NULL);
}

/* ---- what a client says about itself ---- */

static void nobody_at_the_address(void **state) {
    seckill_client_options options = client_test_options();
    char address[40];
    struct timespec before, after;
    client_ask ask;
    int64_t took;

    (void)state;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", redis_server_free_port());
    options.address = address;
    options.reconnect_max_ms = 30;
    client_test_open(&ask, &options);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    client_test_reserve(&ask, 100);
    while (ask.calls == 0)
        client_test_poll(ask.client);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    took = (int64_t)(after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    assert_int_equal(ask.status, SECKILL_UNREACHABLE);
    assert_in_range(took, 98, 350);
    assert_non_null(strstr(ask.message, "refused"));
    assert_non_null(strstr(ask.message, address));
    assert_non_null(strstr(seckill_client_trouble(ask.client), "refused"));
    seckill_client_close(ask.client, NULL, NULL);
}

static void a_server_that_says_nonsense(void **state) {
    static const char *const scripts[] = {
        "expect EVALSHA ...\n reply +OK\n again",   "expect EVALSHA ...\n reply :1\n again",
        "expect EVALSHA ...\n reply *0\n again",    "expect EVALSHA ...\n reply $-1\n again",
        "expect EVALSHA ...\n bulk-of 500\n again", "expect EVALSHA ...\n reply -\n again",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        seckill_client_options options = client_test_options();
        uv_loop_t loop;
        fake_redis *fake;
        client_ask ask;
        int closed = 0;

        assert_int_equal(uv_loop_init(&loop), 0);
        fake = fake_redis_open(&loop, FAKE_REDIS_UNIX);
        assert_non_null(fake);
        fake_redis_script(fake, scripts[i]);
        options.address = fake_redis_address(fake);
        options.loop = &loop;
        client_test_open(&ask, &options);
        client_test_reserve(&ask, 2000);
        while (ask.calls == 0)
            (void)uv_run(&loop, UV_RUN_ONCE);
        assert_true(ask.status == SECKILL_PROTOCOL || ask.status == SECKILL_SERVER_ERROR);
        seckill_client_close(ask.client, client_test_on_closed, &closed);
        fake_redis_close(fake);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(closed, 1);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

static void counters(void **state) {
    static sale on;
    seckill_client_options options = client_test_options();
    seckill_client_stats stats = {0};
    sale_answer granted;

    (void)state;
    sale_open_with(&on, &options);
    on.shards = 2;
    granted = sale_reserve(&on, "counted", "counted", 1);
    assert_int_equal(granted.status, SECKILL_OK);
    assert_int_equal(sale_reserve(&on, "counted", "counted", 1).replayed, 1);
    assert_int_equal(sale_reserve(&on, "counted", "another", 1).status, SECKILL_LIMIT_REACHED);
    assert_int_equal(sale_cancel(&on, "counted", granted.reservation.id).status, SECKILL_OK);
    assert_int_equal(sale_stock(&on).status, SECKILL_OK);
    stats.struct_size = sizeof(stats);
    assert_int_equal(seckill_client_get_stats(on.client, &stats), SECKILL_OK);
    assert_int_equal(stats.operations, 5);
    assert_int_equal(stats.granted, 1);
    assert_int_equal(stats.replayed, 1);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.failed, 0);
    assert_int_equal(stats.unknown, 0);
    assert_in_range(stats.batches, 4, 8); /* one more for each script that the server did not know */
    assert_int_equal(stats.batched, stats.batches);
    assert_int_equal(stats.repeated, 0);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.in_progress, 0);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.connected, 1);
    assert_int_equal(stats.nodes, 1);
    assert_int_equal(stats.moved, 0);
    redis_server_forget(redis_server_command(client_test_server, "CLIENT KILL TYPE normal SKIPME yes"));
    assert_int_equal(sale_reserve(&on, "counted", "third", 1).status, SECKILL_OK);
    assert_int_equal(seckill_client_get_stats(on.client, &stats), SECKILL_OK);
    assert_int_equal(stats.connections, 2);
    sale_close(&on);
}

static char lines[8192];

static void on_log(seckill_log_level level, const char *line, void *user_data) {
    size_t used = strlen(lines);

    assert_ptr_equal(user_data, lines);
    assert_null(strchr(line, '\n'));
    assert_true(line[0] != '\0');
    (void)snprintf(lines + used, sizeof(lines) - used, "%d %s\n", (int)level, line);
}

static void the_log(void **state) {
    static sale on;
    seckill_client_options options = client_test_options();

    (void)state;
    options.log = on_log;
    options.log_user_data = lines;
    options.log_level = SECKILL_LOG_INFO;
    options.password = "hunter2-is-a-secret";
    redis_server_forget(redis_server_command(client_test_server, "CONFIG SET requirepass %s", options.password));
    lines[0] = '\0';
    sale_open_with(&on, &options);
    assert_int_equal(sale_reserve(&on, "logged", "logged", 1).status, SECKILL_OK);
    redis_server_forget(redis_server_command(client_test_server, "CLIENT KILL TYPE normal SKIPME yes"));
    assert_int_equal(sale_reserve(&on, "logged", "logged", 1).status, SECKILL_OK);
    sale_close(&on);
    redis_server_forget(redis_server_command(client_test_server, "CONFIG SET requirepass %s", ""));
    assert_non_null(strstr(lines, "2 connected"));
    assert_non_null(strstr(lines, "1 ")); /* the lost connection is a warning */
    assert_null(strstr(lines, "\n3 "));   /* more detailed than client_ask for */
    assert_null(strstr(lines, options.password));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_option_is_refused),
        cmocka_unit_test(structures_of_other_releases),
        cmocka_unit_test(nobody_at_the_address),
        cmocka_unit_test(a_server_that_says_nonsense),
        cmocka_unit_test(counters),
        cmocka_unit_test(the_log),
    };

    return cmocka_run_group_tests(tests, client_test_start, client_test_stop);
}
