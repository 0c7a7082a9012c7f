/* How lib/io follows a cluster: against scripted servers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fakes.h"

#include "redis_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- MOVED */

static void one_server_is_never_asked_for_a_map(void **state) {
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 1);
    io_fakes_ask(fakes, 16383, SK__REPLY_BYTES, "ok0");
    io_fakes_say(fakes->nodes[0].answer, "-ERR some error");
    io_fakes_ask(fakes, 1, SK__REPLY_ERROR, "ERR some error");
    io_fakes_settle(test);
    assert_int_equal(io_fakes_maps(fakes), 0);
    assert_int_equal(sk__io_servers(test->io), 1);
    assert_int_equal(sk__io_redirections(test->io), 0);
    assert_int_equal(test->moves, 0);
    io_fakes_close(fakes);
}

static uint32_t node_in_callback;

static void note_node(io_test *test) {
    const sk__transport *transport = sk__io_transport(test->io);

    node_in_callback = transport->node(transport, 5);
}

static void assert_address(const io_test *test, uint32_t node, const char *wanted) {
    const sk__transport *transport = sk__io_transport(test->io);
    char text[80] = "nothing was written";

    transport->address(transport, node, text, sizeof(text));
    assert_string_equal(text, wanted);
}

static void a_moved_slot_is_asked_where_it_is(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    io_test *test = *state;
    io_fakes *fakes;
    char moved[60];

    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    (void)snprintf(moved, sizeof(moved), "MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_say(fakes->nodes[0].answer, "-%s", moved);
    test->then_reply = note_node;
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, moved);
    assert_int_not_equal(node_in_callback, 0); /* it is noted before it is called back */
    test->then_reply = NULL;
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_test_until(test, test->moves > 0 && io_fakes_node(fakes, 0) != 0);
    io_fakes_say(fakes->nodes[0].answer, "+ok0");
    io_fakes_ask(fakes, 6, SK__REPLY_BYTES, "ok0");
    io_fakes_settle(test);
    assert_int_equal(io_fakes_maps(fakes), 1); /* it is good: nobody asks again */
    assert_int_equal(sk__io_redirections(test->io), 1);
    assert_int_equal(sk__io_servers(test->io), 2);
    assert_int_equal(sk__io_connections(test->io), 3); /* the seed, and each server */
    assert_true(sk__io_is_up(test->io));
    assert_int_equal(test->node_ups[io_fakes_node(fakes, 5)], 1);
    assert_address(test, 0, fake_redis_address(fakes->nodes[0].fake));
    assert_address(test, io_fakes_node(fakes, 5), fake_redis_address(fakes->nodes[1].fake));
    assert_address(test, SECKILL_NODES_MAX - 2, "");
    io_fakes_close(fakes);
}

static void without_a_host_it_is_the_same(void **state) {
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 2);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 :%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

static void host_names_are_resolved(void **state) {
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 2);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 localhost:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

/* A thousand replies in one burst are one on_moved, and few questions. */
static void a_storm_of_moved_is_followed_calmly(void **state) {
    static const char *const slots[] = {NULL, "0-16383"};
    io_test *test = *state;
    io_fakes *fakes;
    int64_t begin;

    test->config.reconnect_min_ms = 20;
    test->config.reconnect_max_ms = 40;
    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    fakes->nodes[0].answer[0] = '\0';
    for (uint32_t slot = 0; slot < 1000; slot++)
        assert_int_equal(io_test_send_slot(test, slot, "GET x"), SECKILL_OK);
    io_test_until(test, fakes->nodes[0].commands == 1000);
    begin = io_test_now_ms();
    for (uint32_t slot = 0; slot < 1000; slot++) {
        char moved[60];

        (void)snprintf(moved, sizeof(moved), "-MOVED %u 127.0.0.1:%d", (unsigned)slot, io_fakes_port(fakes, 1));
        fake_redis_reply_text(fakes->nodes[0].client, moved);
    }
    io_test_until(test, test->replied == 1000);
    assert_int_equal(sk__io_redirections(test->io), 1000);
    io_fakes_ask(fakes, 7, SK__REPLY_BYTES, "ok1");
    /* One for each turn of the loop at most: each reads 16 KiB of them, and some fit into a millisecond. */
    assert_in_range(test->moves, 1, 4 + (io_test_now_ms() - begin));
    assert_in_range(io_fakes_maps(fakes), 1, 2 + (io_test_now_ms() - begin) / 20);
    io_fakes_close(fakes);
}

/* Each says that the other has it: whoever asks on is not held up, and neither is bothered for maps more than is allowed. */
static void two_that_point_at_each_other(void **state) {
    static const char *const slots[] = {"0-9000", "9001-16383"};
    io_test *test = *state;
    io_fakes *fakes;
    int64_t begin = io_test_now_ms();

    test->config.reconnect_min_ms = 10;
    test->config.reconnect_max_ms = 10;
    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    for (int i = 0; i < 2; i++)
        io_fakes_say(fakes->nodes[i].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1 - i));
    for (int i = 0; i < 200; i++) {
        const sk__sending how = {.slot = 5};

        io_fakes_send(fakes, &how, "GET x");
        io_test_until(test, test->replied == i + 1);
        assert_int_equal(test->replies[i].kind, SK__REPLY_ERROR);
    }
    assert_true(fakes->nodes[0].commands > 10 && fakes->nodes[1].commands > 10);
    assert_in_range(io_fakes_maps(fakes), 1, 2 + (io_test_now_ms() - begin) / 10);
    assert_int_equal(sk__io_connections(test->io), 3);
    io_fakes_close(fakes);
}

/* Nobody listens where it sends us; the map knows better as soon as there is one. */
static void moved_to_nowhere_is_mended_by_the_map(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    io_test *test = *state;
    io_fakes *fakes;
    int nowhere = redis_server_free_port(), maps;
    uint32_t dead;

    test->config.reconnect_max_ms = 20;
    fakes = io_fakes_connect(test, 2);
    io_fakes_say(fakes->nodes[0].map, "%040d 127.0.0.1:%d@1 master - 0 0 1 connected 0-16383\n", 1, nowhere);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", nowhere);
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    dead = io_fakes_node(fakes, 5);
    assert_int_equal(io_test_send_slot(test, 5, "GET x"), SECKILL_UNREACHABLE);
    io_test_until(test, test->node_downs[dead] > 0);
    assert_non_null(strstr(sk__io_trouble(test->io), "Connection refused"));
    assert_false(sk__io_is_up(test->io));
    maps = fakes->nodes[0].maps;
    io_test_until(test, fakes->nodes[0].maps > maps + 3); /* it is asked for again and again */
    io_fakes_map(fakes, slots);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_fakes_say(fakes->nodes[0].answer, "+ok0");
    io_fakes_ask(fakes, 6, SK__REPLY_BYTES, "ok0");
    io_fakes_settle(test);
    assert_true(sk__io_is_up(test->io));
    maps = io_fakes_maps(fakes);
    for (int64_t begin = io_test_now_ms(); io_test_now_ms() - begin < 60;)
        io_test_run_once(test);
    assert_int_equal(io_fakes_maps(fakes), maps); /* all is well: nobody asks */
    io_fakes_close(fakes);
}

static void an_unreadable_moved_asks_for_the_map(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 over there");
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, "MOVED 5 over there");
    assert_non_null(strstr(test->logged, "it is not clear where: MOVED 5 over there"));
    io_test_until(test, io_fakes_node(fakes, 5) != 0);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

static void clusterdown_asks_somebody_else_again_and_again(void **state) {
    static const char *const slots[] = {"0-8000", "8001-16383"}, *const after[] = {"1-8000", "0 8001-16383"};
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-CLUSTERDOWN The cluster is down");
    io_fakes_ask(fakes, 0, SK__REPLY_ERROR, "CLUSTERDOWN The cluster is down");
    io_test_until(test, io_fakes_node(fakes, 16383) != 0);
    io_fakes_ask(fakes, 16383, SK__REPLY_BYTES, "ok1");
    fakes->nodes[0].maps = 0;
    io_fakes_map(fakes, after);
    io_fakes_say(fakes->nodes[0].map, "-CLUSTERDOWN no map");
    for (int before = test->moves; test->moves == before;) {
        const sk__sending how = {.slot = 0};
        int replied = test->replied;

        io_fakes_send(fakes, &how, "GET x");
        io_test_until(test, test->replied > replied);
    }
    io_fakes_ask(fakes, 0, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

/* ---- ASK */

static void ask_is_for_one_command(void **state) {
    static const char *const slots[] = {"0-16383", NULL};
    const sk__sending asking = {.slot = 5, .asking = true}, other = {.slot = 6, .asking = true};
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 2);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-ASK 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_say(fakes->nodes[1].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 0));
    io_fakes_say(fakes->nodes[1].after_asking, "+asked");
    /* The first map takes the slot from the seed, and with it what was named: it has to be there before. */
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_test_until(test, io_fakes_node(fakes, 5) != 0);
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_send(fakes, &asking, "GET x");
    io_test_until(test, test->replied == 3);
    assert_string_equal(test->replies[2].text, "asked");
    assert_int_equal(fakes->nodes[1].askings, 1);
    assert_int_equal(fakes->nodes[1].commands, 1);
    /* Without `asking` it goes where the slot still is; and so does another slot with it. */
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_say(fakes->nodes[0].after_asking, "+here");
    io_fakes_send(fakes, &other, "GET x");
    io_test_until(test, test->replied == 5);
    assert_string_equal(test->replies[4].text, "here");
    assert_int_equal(sk__io_redirections(test->io), 3);
    io_fakes_close(fakes);
}

static void asking_without_a_cluster_changes_nothing(void **state) {
    const sk__sending asking = {.slot = 5, .asking = true};
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 1);
    io_fakes_send(fakes, &asking, "GET x");
    io_test_until(test, test->replied == 1);
    assert_string_equal(test->replies[0].text, "ok0");
    assert_int_equal(fakes->nodes[0].askings, 0);
    io_fakes_close(fakes);
}

/* ---- servers that come and go */

/* What is outstanding is heard out; then its connection is closed, and its number is another's. */
static void a_server_that_is_gone_is_left_when_it_has_answered(void **state) {
    static const char *const slots[] = {"0-8000", "8001-16383", NULL}, *const after[] = {"0-16383", NULL, NULL},
                             *const last[] = {"0-8000", NULL, "8001-16383"};
    const sk__sending lasting = {.slot = 8001, .lasting = true};
    io_test *test = *state;
    io_fakes *fakes;
    uint32_t node;
    int moves;

    test->config.replicas = 1;

    fakes = io_fakes_connect(test, 3);
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 8001 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 8001, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_fakes_ask(fakes, 8001, SK__REPLY_BYTES, "ok1");
    io_test_until(test, io_fakes_node(fakes, 0) != 0);
    node = io_fakes_node(fakes, 8001);
    io_fakes_send(fakes, &lasting, "GET late");
    io_test_until(test, fakes->nodes[1].waits == 1);
    /* Its slots go to another. */
    io_fakes_map(fakes, after);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 8002 127.0.0.1:%d", io_fakes_port(fakes, 0));
    io_fakes_ask(fakes, 0, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_test_until(test, io_fakes_node(fakes, 8001) == io_fakes_node(fakes, 0));
    io_fakes_settle(test);
    assert_int_equal(fake_redis_ended(fakes->nodes[1].fake), 0);
    fake_redis_reply_text(fakes->nodes[1].client, ":1");
    io_test_until(test, fake_redis_ended(fakes->nodes[1].fake) == 2);
    assert_string_equal(test->replies[test->replied - 1].text, "ok1");
    assert_int_equal(sk__io_servers(test->io), 1);
    assert_int_equal(test->downs, 0); /* nobody minds */
    /* A third comes: the number is free again. */
    moves = test->moves;
    io_fakes_map(fakes, last);
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 8002 127.0.0.1:%d", io_fakes_port(fakes, 2));
    io_fakes_ask(fakes, 0, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    io_test_until(test, test->moves > moves && io_fakes_node(fakes, 8001) == io_fakes_node(fakes, 8002));
    assert_int_equal(io_fakes_node(fakes, 8001), node);
    io_fakes_ask(fakes, 8001, SK__REPLY_BYTES, "ok2");
    assert_int_equal(sk__io_connections(test->io), 5);
    io_fakes_close(fakes);
}

/* It flaps: gone and back, whatever its connection is about. */
static void a_server_may_come_back_at_once(void **state) {
    io_test *test = *state;
    io_fakes *fakes;

    fakes = io_fakes_connect(test, 2);
    for (int i = 0; i < 50; i++) {
        io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
        io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
        io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
        io_fakes_say(fakes->nodes[1].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 0));
        io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[1].answer + 1);
        io_fakes_say(fakes->nodes[0].answer, "+ok0");
        io_fakes_say(fakes->nodes[1].answer, "+ok1");
        for (int j = 0; j < i % 5; j++)
            io_test_run_once(test);
        io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok0");
    }
    io_fakes_close(fakes);
}

/* One reply takes a server's only slot, and in the round of the loop in which its connection is closed another gives it back,
 * or names it. */
static void come_back_while_closing(io_test *test, const char *how) {
    const sk__sending asking = {.slot = 5, .asking = true};
    io_fakes *fakes = test->end_context;
    char text[60];

    if (test->replied == 2) {
        (void)snprintf(text, sizeof(text), "-%s 5 127.0.0.1:%d", how, io_fakes_port(fakes, 1));
        fake_redis_reply_text(fakes->nodes[0].client, text);
    } else if (test->replied == 3)
        assert_int_equal(io_test_send_as(test, &asking, "GET x"), SECKILL_UNREACHABLE);
}

static void come_back(io_test *test) {
    come_back_while_closing(test, "MOVED");
}

static int moves_before;

static void come_back_in_vain(io_test *test) {
    come_back_while_closing(test, "ASK");
    if (test->replied == 3) {
        test->fail_at = test->allocations + 1;
        moves_before = test->moves;
    }
}

/* Until that has begun. The number of the server that comes back. */
static uint32_t leave_and(io_test *test, void (*come)(io_test *test)) {
    io_fakes *fakes;
    uint32_t node;

    /* The map is asked for once. */
    test->config.reconnect_min_ms = test->config.reconnect_max_ms = 2 * GUARD_MS;
    fakes = io_fakes_connect(test, 2);
    io_fakes_say(fakes->nodes[0].map, "-NOPERM no map");
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    node = io_fakes_node(fakes, 5);
    fakes->nodes[0].answer[0] = '\0';
    assert_int_equal(io_test_send_slot(test, 9, "GET held"), SECKILL_OK);
    assert_int_equal(io_test_send_slot(test, 5, "GET x"), SECKILL_UNREACHABLE);
    io_test_until(test, test->node_ups[node] == 1 && fakes->nodes[0].commands == 2);
    io_fakes_say(fakes->nodes[1].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 0));
    test->then_reply = come;
    assert_int_equal(io_test_send_slot(test, 5, "GET x"), SECKILL_OK);
    io_test_until(test, test->replied == 3);
    test->then_reply = NULL;
    io_fakes_say(fakes->nodes[1].answer, "+ok1");
    return node;
}

static void a_server_may_come_back_while_it_is_closed(void **state) {
    io_test *test = *state;
    uint32_t node = leave_and(test, come_back);
    io_fakes *fakes = test->end_context;

    io_test_until(test, test->node_ups[node] == 2); /* nobody has sent again */
    assert_int_equal(io_fakes_node(fakes, 5), node);
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_fakes_close(fakes);
}

/* The connection that was wanted cannot be made: whoever waits for it is told to send again. */
static void a_server_comes_back_while_memory_is_short(void **state) {
    const sk__sending asking = {.slot = 5, .asking = true};
    io_test *test = *state;
    uint32_t node = leave_and(test, come_back_in_vain);
    io_fakes *fakes = test->end_context;

    io_test_until(test, test->moves > moves_before);
    assert_true(test->allocations >= test->fail_at);
    assert_int_equal(test->node_ups[node], 1);
    io_fakes_send(fakes, &asking, "GET x");
    io_test_until(test, test->replied == 4);
    assert_string_equal(test->replies[3].text, "ok1");
    assert_int_equal(test->node_ups[node], 2);
    io_fakes_close(fakes);
}

static void more_servers_than_numbers(void **state) {
    io_test *test = *state;
    sk__transport *transport;
    io_fakes *fakes;
    uint32_t last = SECKILL_NODES_MAX - 1;

    fakes = io_fakes_connect(test, 1);
    for (uint32_t slot = 0; slot < SECKILL_NODES_MAX; slot++) {
        io_fakes_say(fakes->nodes[0].answer, "-MOVED %u 127.0.0.1:%u", (unsigned)slot, 1 + (unsigned)slot);
        io_fakes_ask(fakes, slot == 0 ? 0 : 16383, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
    }
    assert_int_equal(io_fakes_node(fakes, SECKILL_NODES_MAX - 1), last);
    assert_int_equal(io_test_send_slot(test, SECKILL_NODES_MAX - 1, "GET x"), SECKILL_UNREACHABLE);
    io_test_until(test, test->node_downs[last] == 1);
    assert_non_null(strstr(test->cause, "more servers than SECKILL_NODES_MAX"));
    transport = sk__io_transport(test->io);
    assert_non_null(strstr(transport->trouble(transport, last), "more servers than SECKILL_NODES_MAX"));
    assert_non_null(strstr(test->logged, "0 the cluster has more servers than SECKILL_NODES_MAX allows: 1 slots"));
    io_fakes_say(fakes->nodes[0].answer, "+ok0");
    io_fakes_ask(fakes, 16383, SK__REPLY_BYTES, "ok0");
    io_fakes_close(fakes);
}

/* ---- closing, memory */

static void closes_in_the_midst_of_it(void **state) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    io_test *test = *state;
    io_fakes *fakes;

    for (int rounds = 0; rounds < 12; rounds++) {
        memset(test->node_ups, 0, sizeof(test->node_ups));
        test->ups = test->replied = 0;
        fakes = io_fakes_connect(test, 2);
        io_fakes_map(fakes, slots);
        if (rounds % 2 == 0)
            fakes->nodes[0].map[0] = '\0'; /* the question is outstanding */
        io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
        io_fakes_ask(fakes, 5, SK__REPLY_ERROR, fakes->nodes[0].answer + 1);
        (void)io_test_send_slot(test, 5, "GET x");
        for (int i = 0; i < rounds; i++)
            io_test_run_once(test);
        (void)io_test_send_slot(test, 5, "GET x");
        io_fakes_close(fakes);
        assert_int_equal(test->outstanding, 0);
    }
}

/* One life with a cluster, in which one allocation fails: what fails is tried again. */
static void live(io_test *test) {
    static const char *const slots[] = {"0-4 6-16383", "5"};
    const sk__sending asking = {.slot = 7, .asking = true, .lasting = true}, lasting = {.slot = 5, .lasting = true};
    io_fakes *fakes;

    fakes = io_fakes_open(test, 2);
    test->replied = 0;
    if (sk__io_open(&test->config, &test->io) != SECKILL_OK) {
        assert_int_equal(test->outstanding, 0);
        io_fakes_close(fakes);
        return;
    }
    io_fakes_map(fakes, slots);
    io_fakes_say(fakes->nodes[0].waited, ":1");
    io_fakes_say(fakes->nodes[1].waited, ":1");
    io_fakes_say(fakes->nodes[1].after_asking, "+asked");
    io_fakes_say(fakes->nodes[0].answer, "-MOVED 5 127.0.0.1:%d", io_fakes_port(fakes, 1));
    while (io_fakes_node(fakes, 5) == 0) {
        const sk__sending how = {.slot = 5};
        int before = test->replied;

        io_fakes_send(fakes, &how, "GET x");
        io_test_until(test, test->replied > before);
    }
    io_fakes_ask(fakes, 5, SK__REPLY_BYTES, "ok1");
    io_fakes_send(fakes, &lasting, "GET x");
    io_test_until(test, test->replied > 0 && io_fakes_node(fakes, 7) != 0);
    io_fakes_say(fakes->nodes[0].answer, "-ASK 7 127.0.0.1:%d", io_fakes_port(fakes, 1));
    for (int asked = fakes->nodes[1].askings; fakes->nodes[1].askings == asked;) {
        const sk__sending how = {.slot = 7};
        int before = test->replied;

        io_fakes_send(fakes, &how, "GET x");
        io_test_until(test, test->replied > before);
        before = test->replied;
        io_fakes_send(fakes, &asking, "GET x");
        io_test_until(test, test->replied > before);
    }
    io_fakes_close(fakes);
    assert_int_equal(test->outstanding, 0);
}

static void each_allocation_may_fail_once(void **state) {
    io_test *test = *state;
    size_t needed;

    test->config.replicas = 1;
    test->config.user = "bob";
    test->config.password = "secret";
    live(test);
    needed = test->allocations;
    assert_true(needed > 10);
    for (size_t n = 1; n <= needed; n++) {
        test->allocations = 0;
        test->fail_at = n;
        live(test);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_test_setup, io_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_server_is_never_asked_for_a_map),
        TEST(a_moved_slot_is_asked_where_it_is),
        TEST(without_a_host_it_is_the_same),
        TEST(host_names_are_resolved),
        TEST(a_storm_of_moved_is_followed_calmly),
        TEST(two_that_point_at_each_other),
        TEST(moved_to_nowhere_is_mended_by_the_map),
        TEST(an_unreadable_moved_asks_for_the_map),
        TEST(clusterdown_asks_somebody_else_again_and_again),
        TEST(ask_is_for_one_command),
        TEST(asking_without_a_cluster_changes_nothing),
        TEST(a_server_that_is_gone_is_left_when_it_has_answered),
        TEST(a_server_may_come_back_at_once),
        TEST(a_server_may_come_back_while_it_is_closed),
        TEST(a_server_comes_back_while_memory_is_short),
        TEST(more_servers_than_numbers),
        TEST(closes_in_the_midst_of_it),
        TEST(each_allocation_may_fail_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
