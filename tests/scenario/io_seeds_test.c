/* Several addresses: one server serves, the others are dead, deaf or replicas. Against scripted and real servers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fakes.h"

#include "redis_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char seeds[600];

/* All of the fakes, in their order, after `first` (NULL: nothing). */
static void use_seeds(io_fakes *fakes, const char *first) {
    (void)snprintf(seeds, sizeof(seeds), "%s", first != NULL ? first : "");
    for (int i = 0; i < fakes->count; i++)
        (void)snprintf(seeds + strlen(seeds), sizeof(seeds) - strlen(seeds), "%s%s", seeds[0] != '\0' ? ", " : "",
                       fake_redis_address(fakes->nodes[i].fake));
    fakes->test->config.address = seeds;
}

static void refuses_bad_lists(void **state) {
    io_test *test = *state;
    static const char *const bad[] = {"a,", "a,,b", "a,b:0", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        test->config.address = bad[i];
        assert_int_equal(sk__io_open(&test->config, &test->io), SECKILL_INVALID);
    }
    assert_int_equal(test->outstanding, 0);
}

/* The name has a label of 64 bytes: the resolver says no without asking a name server. */
static void a_dead_one_is_passed_over(void **state) {
    io_test *test = *state;
    io_fakes *fakes = io_fakes_open(test, 1);

    use_seeds(fakes, "unix:/nonexistent/redis.sock, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid");
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_int_equal(test->downs, 2);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok0");
    io_fakes_close(fakes);
}

static void all_are_tried_before_the_wait_grows(void **state) {
    io_test *test = *state;
    unsigned wait_ms, count = 0;

    test->config.address = "unix:/nonexistent/1,unix:/nonexistent/2,unix:/nonexistent/3";
    test->config.reconnect_min_ms = 1;
    test->config.reconnect_max_ms = 1000;
    test->log.level = SECKILL_LOG_DEBUG;
    io_test_open(test);
    io_test_until(test, test->downs == 9);
    for (const char *at = strstr(test->logged, "again in "); at != NULL; at = strstr(at + 1, "again in "), count++) {
        assert_int_equal(sscanf(at, "again in %u ms", &wait_ms), 1);
        assert_in_range(wait_ms, 1, 2U << (count / 3)); /* 2, 4, 8 */
    }
    assert_int_equal(count, 9);
    /* Each one's trouble is news once. */
    for (int i = 1; i <= 3; i++) {
        char text[60];
        const char *at;

        (void)snprintf(text, sizeof(text), "1 cannot connect to unix:/nonexistent/%d", i);
        at = strstr(test->logged, text);
        assert_non_null(at);
        assert_null(strstr(at + 1, text));
    }
}

/* It takes connections and never answers: the next one is tried when the time is over. */
static void a_deaf_one_is_left(void **state) {
    io_test *test = *state;
    io_fakes *fakes = io_fakes_open(test, 2);

    use_seeds(fakes, NULL);
    test->config.command_timeout_ms = 50;
    fakes->nodes[0].answer[0] = '\0';
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_int_equal(io_test_send(test, "GET x"), SECKILL_OK);
    io_test_until(test, test->ups == 2);
    assert_int_equal(test->replies[0].kind, SK__REPLY_LOST);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

/* It has answered once, and then hangs: that is not one to go back to first. */
static void one_that_hangs_is_left_at_once(void **state) {
    io_test *test = *state;
    io_fakes *fakes = io_fakes_open(test, 2);

    use_seeds(fakes, NULL);
    test->config.command_timeout_ms = 50;
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok0");
    fakes->nodes[0].answer[0] = '\0';
    assert_int_equal(io_test_send(test, "GET x"), SECKILL_OK);
    io_test_until(test, test->ups == 2);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok1");
    assert_int_equal(fake_redis_connections(fakes->nodes[0].fake), 1);
    io_fakes_close(fakes);
}

/* Most servers that are lost come back at once; the next in the list may be its replica. */
static void a_lost_one_is_tried_again_first(void **state) {
    io_test *test = *state;
    io_fakes *fakes = io_fakes_open(test, 2);

    use_seeds(fakes, NULL);
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok0");
    fake_redis_end(fakes->nodes[0].client, true);
    io_test_until(test, test->ups == 2);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok0");
    fake_redis_refuse(fakes->nodes[0].fake);
    io_test_until(test, test->ups == 3);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok1");
    assert_int_equal(fake_redis_connections(fakes->nodes[0].fake), 2);
    io_fakes_close(fakes);
}

static int downs_at_reply;

static void note_downs(io_test *test) {
    downs_at_reply = test->downs;
}

/* What was sent to it is heard out first; meanwhile nothing more is sent. */
static void a_replica_is_left(void **state) {
    static const char *const words[] = {"READONLY You can't write against a read only replica.",
                                        "READONLY this server is a replica", "READONLY",
                                        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."};
    io_test *test = *state;

    for (int i = 0; i < 4; i++) {
        io_fakes *fakes = io_fakes_open(test, 2);

        test->ups = test->downs = test->replied = 0;
        use_seeds(fakes, NULL);
        io_fakes_say(fakes->nodes[0].answer, "-%s", words[i]);
        io_test_open(test);
        io_test_until(test, test->ups == 1);
        test->then_reply = note_downs;
        assert_int_equal(io_test_send(test, "GET x"), SECKILL_OK);
        assert_int_equal(io_test_send(test, "GET y"), SECKILL_OK);
        io_test_until(test, test->downs == 1);
        assert_int_equal(test->replied, 2);
        assert_int_equal(downs_at_reply, 0);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(test->replies[j].kind, SK__REPLY_ERROR);
            assert_string_equal(test->replies[j].text, words[i]);
        }
        assert_int_equal(test->down_status, SECKILL_UNREACHABLE);
        assert_non_null(strstr(test->cause, " is a replica: "));
        assert_non_null(strstr(test->cause, words[i]));
        io_test_until(test, test->ups == 2);
        io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok1");
        assert_int_equal(test->moves, 0);
        test->then_reply = NULL;
        io_fakes_close(fakes);
    }
}

static void send_in_vain(io_test *test) {
    assert_int_equal(io_test_send(test, "GET again"), SECKILL_UNREACHABLE);
}

static void nothing_more_is_sent_to_a_replica(void **state) {
    io_test *test = *state;
    io_fakes *fakes = io_fakes_open(test, 2);

    use_seeds(fakes, NULL);
    io_fakes_say(fakes->nodes[0].answer, "-READONLY no");
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_int_equal(io_test_send(test, "GET x"), SECKILL_OK);
    assert_int_equal(io_test_send(test, "GET y"), SECKILL_OK);
    test->then_reply = send_in_vain;
    io_test_until(test, test->downs == 1);
    test->then_reply = NULL;
    assert_int_equal(fakes->nodes[0].commands, 2);
    io_fakes_close(fakes);
}

/* It says that it is a replica, and then hangs. */
static void a_replica_that_hangs_is_left_too(void **state) {
    io_test *test = *state;
    io_fakes *fakes = io_fakes_open(test, 2);

    use_seeds(fakes, NULL);
    test->config.command_timeout_ms = 50;
    fakes->nodes[0].answer[0] = '\0';
    io_test_open(test);
    io_test_until(test, test->ups == 1);
    assert_int_equal(io_test_send(test, "GET x"), SECKILL_OK);
    assert_int_equal(io_test_send(test, "GET y"), SECKILL_OK);
    io_test_until(test, fakes->nodes[0].commands == 2);
    fake_redis_reply_text(fakes->nodes[0].client, "-READONLY no");
    io_test_until(test, test->downs == 1);
    assert_int_equal(test->replies[0].kind, SK__REPLY_ERROR);
    assert_int_equal(test->replies[1].kind, SK__REPLY_LOST);
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

/* Where all are replicas, as in the midst of a failover, the wait grows although each connection succeeds. */
static void replicas_alone_are_asked_ever_more_rarely(void **state) {
    io_test *test = *state;

    for (int count = 1; count <= 2; count++) {
        io_fakes *fakes = io_fakes_open(test, count);
        unsigned wait_ms = 0, longest_ms = 0;

        test->ups = test->downs = test->replied = 0;
        test->logged[0] = '\0';
        use_seeds(fakes, NULL);
        test->config.reconnect_min_ms = 1;
        test->config.reconnect_max_ms = 64;
        test->config.user = "bob";
        test->config.password = "secret";
        for (int i = 0; i < count; i++)
            io_fakes_say(fakes->nodes[i].answer, "-READONLY no");
        io_test_open(test);
        while (test->downs < 8 * count) {
            int downs = test->downs;

            io_fakes_ask(fakes, 0, SK__REPLY_ERROR, "READONLY no");
            io_test_until(test, test->downs > downs);
            if (sscanf(strstr(test->logged, "again in "), "again in %u ms", &wait_ms) == 1 && wait_ms > longest_ms)
                longest_ms = wait_ms;
            test->logged[0] = '\0';
        }
        assert_true(longest_ms > 8); /* see a_revolving_door_is_not_pushed */
        /* One is promoted: all is well again, and forgotten. */
        io_fakes_say(fakes->nodes[0].answer, "+ok0");
        test->logged[0] = '\0';
        for (bool served = false; !served;) {
            const sk__sending how = {0};
            int before = test->replied;

            io_fakes_send(fakes, &how, "GET x");
            io_test_until(test, test->replied > before);
            served = test->replies[before].kind == SK__REPLY_BYTES;
        }
        io_fakes_close(fakes);
    }
}

/* ---- a real pair */

static void a_replica_that_is_promoted_by_hand_is_found(void **state) {
    static const char *const lines[] = {"repl-diskless-sync-delay 0", NULL};
    static const redis_server_options options = {true, false, lines};
    io_test *test = *state;
    redis_server *servers[2] = {redis_server_start(&options), redis_server_start(&options)};
    const sk__sending how = {0};

    assert_true(servers[0] != NULL && servers[1] != NULL);
    redis_server_forget(redis_server_command(servers[1], "REPLICAOF 127.0.0.1 %d", redis_server_port(servers[0])));
    (void)snprintf(seeds, sizeof(seeds), "%s,%s", redis_server_tcp_address(servers[0]), redis_server_tcp_address(servers[1]));
    test->config.address = seeds;
    test->config.replicas = 1;
    test->config.command_timeout_ms = 1000;
    io_test_open(test);
    for (int round = 0; round < 4; round++) {
        redis_server *master = servers[round % 2];
        bool served = false;

        while (!served) {
            const sk__sending lasting = {.lasting = true};
            int before = test->replied;

            io_test_until(test, io_test_send_as(test, round % 2 == 0 ? &how : &lasting, "SET key value") == SECKILL_OK);
            io_test_until(test, test->replied > before);
            served = test->replies[before].kind == SK__REPLY_BYTES || test->replies[before].kind == SK__REPLY_UNREPLICATED;
        }
        assert_int_equal(redis_server_integer(master, "EXISTS key"), 1);
        /* Roles are changed. */
        redis_server_forget(redis_server_command(servers[1 - round % 2], "REPLICAOF NO ONE"));
        redis_server_forget(redis_server_command(servers[1 - round % 2], "DEL key"));
        redis_server_forget(redis_server_command(master, "REPLICAOF 127.0.0.1 %d", redis_server_port(servers[1 - round % 2])));
    }
    io_test_close(test);
    redis_server_free(servers[0]);
    redis_server_free(servers[1]);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(refuses_bad_lists),
        TEST(a_dead_one_is_passed_over),
        TEST(all_are_tried_before_the_wait_grows),
        TEST(a_deaf_one_is_left),
        TEST(one_that_hangs_is_left_at_once),
        TEST(a_lost_one_is_tried_again_first),
        TEST(a_replica_is_left),
        TEST(nothing_more_is_sent_to_a_replica),
        TEST(a_replica_that_hangs_is_left_too),
        TEST(replicas_alone_are_asked_ever_more_rarely),
        TEST(a_replica_that_is_promoted_by_hand_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
