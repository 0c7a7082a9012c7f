/* The engine alone: what is asked before a sale, of whom, and what becomes of answers that are none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <seckill/preflight.h>
#include <stdio.h>
#include <string.h>

enum { SHARDS = 4, SERVERS = 2 };

typedef struct {
    int calls;
    seckill_status status;
    uint32_t servers, shards;
    size_t count;
    char addresses[SERVERS][32]; /* of the findings about versions */
    seckill_level levels[SECKILL_CHECK_WARM + 1];
    char found[SECKILL_CHECK_WARM + 1][320]; /* the last of each check */
} look;

static void on_preflight(const seckill_preflight_result *result, void *user_data) {
    look *out = user_data;
    size_t versions = 0;

    out->calls++;
    out->status = result->status;
    out->servers = result->servers;
    out->shards = result->shards;
    out->count = result->count;
    for (size_t i = 0; i < result->count; i++) {
        const seckill_finding *one = &result->findings[i];

        if (one->check == SECKILL_CHECK_VERSION && versions < SERVERS)
            (void)snprintf(out->addresses[versions++], sizeof(out->addresses[0]), "%s", one->server);
        if (one->level > out->levels[one->check])
            out->levels[one->check] = one->level;
        (void)snprintf(out->found[one->check], sizeof(out->found[0]), "%s", one->found);
    }
}

static void write_text(sk__writer *writer, const char *text) {
    sk__write_u16(writer, (uint16_t)strlen(text));
    sk__write_text(writer, text);
}

/* What a sound shard of this server answers; its size. */
static size_t write_reply(const engine_test *test, uint32_t server, uint8_t out[600]) {
    sk__writer writer = sk__writer_of(out, 600);
    char info[300];

    (void)snprintf(info, sizeof(info),
                   "run_id:%040u\r\nredis_version:7.0.15\r\nused_memory:1\r\nmaxmemory:1000000000\r\n"
                   "maxmemory_policy:noeviction\r\naof_enabled:1\r\n",
                   (unsigned)server + 1);
    sk__write_u64(&writer, test->wire.shard_version);
    sk__write_u48(&writer, (uint64_t)test->wire.wall_ms);
    sk__write_u8(&writer, 1);
    sk__write_u64(&writer, 10);
    sk__write_u64(&writer, 0);
    sk__write_u64(&writer, 0);
    write_text(&writer, "1");
    write_text(&writer, "");
    write_text(&writer, "");
    write_text(&writer, info);
    write_text(&writer, "");
    assert_false(writer.failed);
    return sk__written(&writer).size;
}

static void begin(engine_test *test, look *out) {
    memset(out, 0, sizeof(*out));
    test->wire.nodes = SERVERS;
    engine_test_know_map(test);
    assert_int_equal(sk__engine_node_of(test->engine, 0), 0);
    assert_int_equal(seckill_preflight(test->item, NULL, on_preflight, out), SECKILL_OK);
    fake_transport_turn(&test->wire);
}

static uint32_t server_of(const engine_test *test, const fake_sent *sent) {
    return test->wire.transport.node(&test->wire.transport, sent->slot);
}

/* All shards, as they are asked: two of each server at a time. */
static void answer_shards(engine_test *test) {
    uint8_t reply[600];

    for (int i = 0; i < SHARDS; i++) {
        size_t at = fake_transport_oldest(&test->wire);

        assert_int_equal(test->wire.sent[at].script, SK__SCRIPT_preflight);
        fake_transport_answer(&test->wire, at, reply, write_reply(test, server_of(test, &test->wire.sent[at]), reply));
    }
}

/* The plain commands of one step, one for each server, answered with a text; an error where it begins with '-'. */
static void answer_servers(engine_test *test, const char *first_word, const char *answer) {
    uint32_t asked = 0;

    assert_int_equal(fake_transport_waiting(&test->wire), SERVERS);
    for (int i = 0; i < SERVERS; i++) {
        size_t at = fake_transport_oldest(&test->wire);
        const fake_sent *sent = &test->wire.sent[at];

        assert_string_equal(sent->argv[0], first_word);
        asked |= 1U << server_of(test, sent);
        if (answer[0] == '-')
            fake_transport_error(&test->wire, at, answer + 1);
        else
            fake_transport_answer(&test->wire, at, answer, strlen(answer));
    }
    assert_int_equal(asked, (1U << SERVERS) - 1);
}

static void every_server_is_asked_once_and_gets_every_script(void **state) {
    engine_test *test = *state;
    static look out;

    begin(test, &out);
    answer_shards(test);
    answer_servers(test, "CONFIG", "everysec");
    for (int id = 0; id < SK__SCRIPT_COUNT; id++) {
        const sk__script *script = sk__script_of((sk__script_id)id);
        const fake_sent *sent = &test->wire.sent[fake_transport_oldest(&test->wire)];

        assert_int_equal(sent->argc, 3);
        assert_string_equal(sent->argv[1], "LOAD");
        assert_string_equal(sent->argv[2], script->text);
        assert_int_equal(out.calls, 0);
        answer_servers(test, "SCRIPT", script->sha1);
    }
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.status, SECKILL_OK);
    assert_int_equal(out.servers, SERVERS);
    assert_int_equal(out.shards, SHARDS);
    assert_int_not_equal(strcmp(out.addresses[0], out.addresses[1]), 0);
    assert_true(strncmp(out.addresses[0], "node:", 5) == 0 && strncmp(out.addresses[1], "node:", 5) == 0);
    for (int check = 0; check <= SECKILL_CHECK_WARM; check++) {
        if (check != SECKILL_CHECK_SALE && out.levels[check] != SECKILL_LEVEL_OK)
            fail_msg("%s", out.found[check]);
    }
}

/* Else each of a thousand shards would be told that it is missing, and bring it along. */
static void a_missing_script_is_brought_before_others_miss_it(void **state) {
    engine_test *test = *state;
    const fake_sent *next;
    look out = {0};
    size_t first;

    engine_test_know_map(test);
    assert_int_equal(seckill_preflight(test->item, NULL, on_preflight, &out), SECKILL_OK);
    fake_transport_turn(&test->wire);
    assert_true(fake_transport_waiting(&test->wire) < SHARDS);
    first = fake_transport_oldest(&test->wire);
    fake_transport_error(&test->wire, first, "NOSCRIPT No matching script. Please use EVAL.");
    fake_transport_turn(&test->wire);
    next = &test->wire.sent[test->wire.count - 1];
    assert_true(next->with_text);
    assert_int_equal(next->slot, test->wire.sent[first].slot);
    engine_test_close(test);
    assert_int_equal(out.calls, 1);
}

static void what_is_forbidden_beside_the_scripts_is_a_warning(void **state) {
    engine_test *test = *state;
    static look out;

    begin(test, &out);
    answer_shards(test);
    answer_servers(test, "CONFIG", "-NOPERM this user has no permissions to run the 'config|get' command");
    answer_servers(test, "SCRIPT", "-NOPERM this user has no permissions to run the 'script|load' command");
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.status, SECKILL_OK);
    assert_int_equal(out.levels[SECKILL_CHECK_PERSISTENCE], SECKILL_LEVEL_WARNING);
    assert_int_equal(out.levels[SECKILL_CHECK_WARM], SECKILL_LEVEL_WARNING);
    assert_non_null(strstr(out.found[SECKILL_CHECK_WARM], "script|load"));
    assert_int_equal(out.levels[SECKILL_CHECK_ACL], SECKILL_LEVEL_OK);
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
}

/* A shard's reply that is cut, or has something behind it: nothing of it is believed. */
static void half_a_reply_is_none(void **state) {
    engine_test *test = *state;
    static look out;
    uint8_t reply[601] = {0};

    for (size_t size = 0; size <= 600; size++) {
        size_t whole, at;

        begin(test, &out);
        at = fake_transport_oldest(&test->wire);
        whole = write_reply(test, server_of(test, &test->wire.sent[at]), reply);
        if (size == whole)
            size++;
        if (size > whole + 1)
            break;
        fake_transport_answer(&test->wire, at, reply, size);
        for (int i = 1; i < SHARDS; i++) {
            at = fake_transport_oldest(&test->wire);
            whole = write_reply(test, server_of(test, &test->wire.sent[at]), reply);
            fake_transport_answer(&test->wire, at, reply, whole);
        }
        assert_int_equal(out.calls, 1);
        assert_int_equal(out.status, SECKILL_PROTOCOL);
        assert_int_equal(out.shards, SHARDS - 1);
        assert_int_equal(out.servers, SERVERS);
        assert_int_equal(out.levels[SECKILL_CHECK_REACH], SECKILL_LEVEL_FAILED);
    }
    if (out.calls == 0) /* the one that the loop ended with */
        fake_transport_advance(&test->wire, 5000);
}

static void the_deadline_ends_it_with_what_was_seen(void **state) {
    engine_test *test = *state;
    static look out;
    uint8_t reply[600];
    size_t at;

    begin(test, &out);
    at = fake_transport_oldest(&test->wire);
    fake_transport_answer(&test->wire, at, reply, write_reply(test, server_of(test, &test->wire.sent[at]), reply));
    fake_transport_advance(&test->wire, 1001);
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.shards, 1);
    assert_int_equal(out.servers, 1);
    assert_int_equal(out.levels[SECKILL_CHECK_REACH], SECKILL_LEVEL_FAILED);
    assert_int_equal(out.levels[SECKILL_CHECK_VERSION], SECKILL_LEVEL_OK);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, engine_test_setup, engine_test_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_server_is_asked_once_and_gets_every_script),  TEST(a_missing_script_is_brought_before_others_miss_it),
        TEST(what_is_forbidden_beside_the_scripts_is_a_warning), TEST(half_a_reply_is_none),
        TEST(the_deadline_ends_it_with_what_was_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
