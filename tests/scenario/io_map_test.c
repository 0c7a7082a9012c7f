/* The map of a cluster: when lib/io asks for it, whom, and what it makes of the answers. Against scripted servers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fakes.h"

#include "redis_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Garbage is reported once, asked for again with pauses, and changes nothing. */
static void a_garbled_map_is_left_alone(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    static const char *const bad[] = {"garbage", "-ERR unknown command", ":5", "*-1", "$-1", "$0\r\n"};
    io_test *test = *state;
    io_fakes *fakes;
    uint32_t node;

    fakes = io_fakes_connect(test, 2);
    for (int i = 0; i < 2; i++)
        io_fakes_say(fakes->nodes[i].map, "garbage");
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    node = io_fakes_node(fakes, 5);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int maps = io_fakes_maps(fakes);

        io_fakes_say(fakes->nodes[0].map, "%s", bad[i]);
        io_fakes_say(fakes->nodes[1].map, "%s", bad[i]);
        io_test_until(test, io_fakes_maps(fakes) > maps + 2);
        assert_int_equal(io_fakes_node(fakes, 5), node);
        assert_int_equal(io_fakes_node(fakes, 6), 0);
        io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    }
    assert_non_null(strstr(test->logged, "the map of the cluster is of no use"));
    assert_null(strstr(strstr(test->logged, "is of no use") + 1, "is of no use"));
    assert_null(strstr(test->logged, "no map of the cluster"));
    io_fakes_map(fakes, slots);
    io_test_until(test, io_fakes_node(fakes, 6) != 0);
    assert_int_equal(io_fakes_node(fakes, 5), node);
    io_fakes_close(fakes);
}

/* An ACL may refuse CLUSTER: then MOVED alone has to do, with a question at most for each connection; and the seed is asked for
 * what a server had that is gone. */
static void a_refused_map_is_done_without(void **state) {
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 3);
    for (int i = 0; i < 3; i++)
        io_fakes_say(fakes->nodes[i].map, "-NOPERM this user has no permissions to run the 'cluster|nodes' command");
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_test_until(test, io_fakes_maps(fakes) > 0);
    fake_redis_refuse(fakes->nodes[1].fake);
    io_test_until(test, io_fakes_node(fakes, 5) == 0);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 2));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok2");
    io_fakes_settle(test);
    assert_in_range(io_fakes_maps(fakes), 1, test->ups);
    assert_non_null(strstr(test->logged, "CLUSTER NODES is refused"));
    assert_null(strstr(strstr(test->logged, "is refused") + 1, "is refused"));
    io_fakes_close(fakes);
}

/* The rights are mended while the client runs: the map is asked for after the next connection. */
static void a_refused_map_is_asked_for_after_a_reconnect(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    io_test *test = *state;
    io_fakes *fakes;
    int ups;

    fakes = io_fakes_connect(test, 2);
    for (int i = 0; i < 2; i++)
        io_fakes_say(fakes->nodes[i].map, "-NOPERM no map");
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_test_until(test, strstr(test->logged, "CLUSTER NODES is refused") != NULL);
    ups = test->ups;
    io_fakes_map(fakes, slots);
    fake_redis_end(fakes->nodes[0].client, true);
    io_test_until(test, test->ups > ups);
    io_fakes_ask(fakes, 6, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_test_until(test, io_fakes_node(fakes, 6) != 0);
    io_fakes_close(fakes);
}

/* It takes the question and says nothing: the next one is asked when the time is over, and others go on meanwhile. */
static void a_server_that_hangs_holds_up_nobody_else(void **state) {
    static const char *const slots[] = {"0-5000", "5001-10000", "10001-16383"};
    io_test *test = *state;
    io_fakes *fakes;
    uint32_t hung;
    int before;

    test->config.command_timeout_ms = 150;
    fakes = io_fakes_connect(test, 3);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5001 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5001, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_say(fakes->nodes[0].answer, "+ok0");
    io_test_until(test, io_fakes_node(fakes, 16383) != 0);
    io_fakes_ask(fakes, 5001, SK__REPLY_BYTES, "ok1");
    hung = io_fakes_node(fakes, 5001);
    fakes->nodes[1].answer[0] = fakes->nodes[1].map[0] = '\0';
    assert_int_equal(io_test_send_slot(test, 5001, "GET x"), SECKILL_OK);
    before = test->replied;
    while (test->node_downs[hung] == 0 && test->replied < before + 500) {
        const sk__sending how = {.slot = test->replied % 2 == 0 ? 1U : 16000U};
        int replied = test->replied;

        io_fakes_send(fakes, &how, "GET x");
        io_test_until(test, test->replied > replied);
    }
    assert_true(test->replied - before > 20);
    io_test_until(test, test->node_downs[hung] > 0);
    for (int i = before; i < test->replied; i++)
        assert_true(test->replies[i].kind == SK__REPLY_BYTES || test->replies[i].kind == SK__REPLY_LOST);
    assert_int_equal(test->downs, 1);
    assert_string_equal(test->cause, "no answer from Redis for 150 ms");
    io_fakes_close(fakes);
}

/* The map was asked of one that hangs: another is asked when that is given up. */
static void a_question_that_is_lost_is_put_to_another(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    io_test *test = *state;
    io_fakes *fakes;

    test->config.command_timeout_ms = 50;
    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    fakes->nodes[0].map[0] = '\0';
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_test_until(test, io_fakes_node(fakes, 6) != 0);
    assert_int_equal(fakes->nodes[0].maps, 1);
    assert_true(fakes->nodes[1].maps >= 1);
    io_fakes_close(fakes);
}

/* A dead host lets an attempt to connect hang for long: the map is asked for meanwhile, again and again, until it knows who
 * serves now. */
static void the_map_is_asked_for_while_a_server_is_down(void **state) {
    static const char *const slots[] = {"0-8000", "8001-16383", NULL}, *const after[] = {"0-8000", NULL, "8001-16383"};
    io_test *test = *state;
    io_fakes *fakes;
    int maps;

    test->config.password = "secret";
    test->config.reconnect_max_ms = 20;
    fakes = io_fakes_connect(test, 3);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 8001 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 8001, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 8001, SK__REPLY_BYTES, "ok1");
    io_test_until(test, io_fakes_node(fakes, 0) != 0);
    fakes->nodes[1].deaf = true;
    fake_redis_end(fakes->nodes[1].client, true);
    io_test_until(test, test->downs == 1);
    maps = io_fakes_maps(fakes);
    io_test_until(test, io_fakes_maps(fakes) > maps + 5);
    assert_int_equal(test->downs, 1);
    io_fakes_map(fakes, after);
    io_fakes_ask(fakes, 8001, SK__REPLY_BYTES, "ok2");
    io_fakes_close(fakes);
}

/* The only server that was in use dies, and so does the seed: one is asked that nobody has needed so far. */
static void somebody_is_found_to_ask(void **state) {
    static const char *const slots[] = {NULL, "0-8000", "8001-16383"}, *const after[] = {NULL, NULL, "0-16383"};
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 3);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_test_until(test, io_fakes_node(fakes, 16383) != 0);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    assert_int_equal(fake_redis_connections(fakes->nodes[2].fake), 0);
    io_fakes_map(fakes, after);
    fake_redis_refuse(fakes->nodes[0].fake);
    fake_redis_refuse(fakes->nodes[1].fake);
    io_test_until(test, test->downs >= 2);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok2");
    io_fakes_close(fakes);
}

/* Only that server dies. The seed runs on, and what it says is of no use (`map`; NULL: the map as it was). */
static void a_useless_seed_is_not_all_there_is(io_test *test, const char *map) {
    static const char *const slots[] = {NULL, "0-5000", "5001-10000", "10001-16383"}, *const after[] = {NULL, NULL,
                                                                                                        "5001-10000",
                                                                                                        "0-5000 10001-16383"};
    io_fakes *fakes;

    test->config.reconnect_max_ms = 20;
    fakes = io_fakes_connect(test, 4);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_test_until(test, io_fakes_node(fakes, 16383) != 0);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    if (map != NULL)
        io_fakes_say(fakes->nodes[0].map, "%s", map);
    for (int i = 1; i < 4; i++)
        io_fakes_say(fakes->nodes[i].map, "%s", fakes->nodes[0].map);
    fake_redis_refuse(fakes->nodes[1].fake);
    /* One more is asked each time, until one of them knows. */
    io_test_until(test, fakes->nodes[2].maps > 0 && fakes->nodes[3].maps > 0);
    assert_int_equal(fake_redis_connections(fakes->nodes[2].fake), 1);
    assert_int_equal(fake_redis_connections(fakes->nodes[3].fake), 1);
    (void)snprintf(fakes->nodes[1].map, sizeof(fakes->nodes[1].map), "%s", fakes->nodes[0].map);
    io_fakes_map(fakes, after);
    (void)snprintf(fakes->nodes[0].map, sizeof(fakes->nodes[0].map), "%s", fakes->nodes[1].map);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok3");
    io_fakes_close(fakes);
}

/* CLUSTER FORGET and CLUSTER RESET: it knows of nobody. */
static void a_seed_that_was_thrown_out(void **state) {
    a_useless_seed_is_not_all_there_is(*state,
                                       "0000000000000000000000000000000000000000 :1@1 myself,master - 0 0 0 connected\n");
}

static void a_seed_that_answers_with_errors(void **state) {
    a_useless_seed_is_not_all_there_is(*state, "-ERR unknown command");
}

/* Cut off from the others, it says what it knew then. */
static void a_seed_that_is_cut_off(void **state) {
    a_useless_seed_is_not_all_there_is(*state, NULL);
}

/* While all is well nobody is connected that is not needed, whatever the answers are. */
static void nobody_is_bothered_without_need(void **state) {
    static const char *const slots[] = {NULL, "0-8000", "8001-16383"};
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 3);
    io_fakes_map(fakes, slots);
    for (int i = 0; i < 20; i++) {
        const int maps = io_fakes_maps(fakes);
        const sk__sending how = {.slot = 5};

        io_fakes_say(fakes->nodes[1].answer, "-CLUSTERDOWN The cluster is down");
        io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
        io_fakes_send(fakes, &how, "GET x");
        io_test_until(test, io_fakes_maps(fakes) > maps);
    }
    assert_int_equal(fake_redis_connections(fakes->nodes[2].fake), 0);
    io_fakes_close(fakes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_garbled_map_is_left_alone),
        TEST(a_refused_map_is_done_without),
        TEST(a_refused_map_is_asked_for_after_a_reconnect),
        TEST(a_server_that_hangs_holds_up_nobody_else),
        TEST(a_question_that_is_lost_is_put_to_another),
        TEST(the_map_is_asked_for_while_a_server_is_down),
        TEST(somebody_is_found_to_ask),
        TEST(a_seed_that_was_thrown_out),
        TEST(a_seed_that_answers_with_errors),
        TEST(a_seed_that_is_cut_off),
        TEST(nobody_is_bothered_without_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
