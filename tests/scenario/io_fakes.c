/* Several scripted servers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io_fakes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is(const fake_redis_command *command, const char *word) {
    return command->argc > 0 && strcmp(command->argv[0], word) == 0;
}

static void describe(const fake_redis_command *command, char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; i < command->argc; i++)
        (void)snprintf(text + strlen(text), size - strlen(text), "%s%s", i > 0 ? " " : "", command->argv[i]);
}

static void answer(fake_redis_client *client, const char *text, bool bulk) {
    if (text[0] == '\0')
        return;
    if (strchr("+-:$*", text[0]) != NULL || !bulk)
        fake_redis_reply_text(client, text);
    else
        fake_redis_reply_bulk(client, text, strlen(text));
}

static void on_command(void *context, fake_redis_client *client, const fake_redis_command *command) {
    io_fake *node = context;

    if (is(command, "CLUSTER")) {
        node->maps++;
        answer(client, node->map, true);
    } else if (is(command, "AUTH")) {
        answer(client, node->deaf ? "" : "+OK", false);
    } else if (is(command, "WAIT")) {
        node->waits++;
        describe(command, node->last_wait, sizeof(node->last_wait));
        answer(client, node->waited, false);
    } else if (is(command, "ASKING")) {
        node->askings++;
        node->asking = true;
        answer(client, "+OK", false);
    } else {
        node->commands++;
        node->client = client;
        describe(command, node->last, sizeof(node->last));
        if (node->hangs_up)
            fake_redis_end(client, false);
        else
            answer(client, node->asking && node->after_asking[0] != '\0' ? node->after_asking : node->answer, false);
        node->asking = false;
    }
}

static void at_end(io_test *test) {
    io_fakes_close(test->end_context);
}

io_fakes *io_fakes_open(io_test *test, int count) {
    io_fakes *fakes = calloc(1, sizeof(*fakes));

    assert_non_null(fakes);
    test->at_end = at_end;
    test->end_context = fakes;
    fakes->test = test;
    fakes->count = count;
    for (int i = 0; i < count; i++) {
        io_fake *node = &fakes->nodes[i];

        node->fake = fake_redis_open(&test->loop, FAKE_REDIS_TCP);
        assert_non_null(node->fake);
        fake_redis_handle(node->fake, on_command, node);
        io_fakes_say(node->answer, "+ok%d", i);
        io_fakes_say(node->map, "-ERR no map");
    }
    test->config.address = fake_redis_address(fakes->nodes[0].fake);
    return fakes;
}

void io_fakes_close(io_fakes *fakes) {
    io_test *test = fakes->test;

    test->at_end = NULL;
    if (test->io != NULL)
        io_test_close(test);
    for (int i = 0; i < fakes->count; i++)
        fake_redis_close(fakes->nodes[i].fake);
    free(fakes);
}

int io_fakes_port(const io_fakes *fakes, int node) {
    return fake_redis_port(fakes->nodes[node].fake);
}

void io_fakes_map(io_fakes *fakes, const char *const *slots) {
    char map[ANSWER_MAX] = "";

    for (int i = 0; i < fakes->count; i++) {
        if (slots[i] != NULL)
            (void)snprintf(map + strlen(map), sizeof(map) - strlen(map),
                           "%040d 127.0.0.1:%d@%d,,tls-port=0 master - 0 0 %d connected %s\n", i, io_fakes_port(fakes, i),
                           io_fakes_port(fakes, i), i, slots[i]);
    }
    for (int i = 0; i < fakes->count; i++)
        io_fakes_say(fakes->nodes[i].map, "%s", map);
}

uint32_t io_fakes_node(const io_fakes *fakes, uint32_t slot) {
    const sk__transport *transport = sk__io_transport(fakes->test->io);

    return transport->node(transport, slot);
}

/* As the contract of the transport has it: what is unreachable is not tried again before on_up or on_moved. */
void io_fakes_send(io_fakes *fakes, const sk__sending *how, const char *words) {
    io_test *test = fakes->test;
    seckill_status status;

    do {
        int ups = test->ups, moves = test->moves;

        status = io_test_send_as(test, how, words);
        if (status == SECKILL_UNREACHABLE)
            io_test_until(test, test->ups > ups || test->moves > moves);
        else if (status != SECKILL_OK)
            io_test_run_once(test);
    } while (status != SECKILL_OK);
}

void io_fakes_ask(io_fakes *fakes, uint32_t slot, sk__reply_kind kind, const char *text) {
    io_test *test = fakes->test;
    const sk__sending how = {.slot = slot};
    int before = test->replied;

    io_fakes_send(fakes, &how, "GET x");
    io_test_until(test, test->replied > before);
    assert_int_equal(test->replies[before].kind, kind);
    assert_string_equal(test->replies[before].text, text);
}

io_fakes *io_fakes_connect(io_test *test, int count) {
    io_fakes *fakes = io_fakes_open(test, count);

    io_test_open(test);
    io_test_until(test, test->ups == 1);
    return fakes;
}

int io_fakes_maps(const io_fakes *fakes) {
    int sum = 0;

    for (int i = 0; i < fakes->count; i++)
        sum += fakes->nodes[i].maps;
    return sum;
}

void io_fakes_settle(io_test *test) {
    for (int i = 0; i < 20; i++)
        io_test_run_once(test);
}
