/* The engine alone: how it follows the blacklist, how the tasks on it and what may be used once go, and answers that are none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine/blacklist.h"
#include "engine/once.h"
#include "engine_fixture.h"

#include <string.h>

enum { POLL_MS = 100 };

static uint8_t bytes[4096];

static seckill_subject user(const char *name) {
    return (seckill_subject){SECKILL_KIND_USER, {name, strlen(name)}};
}

static void write_subject(sk__writer *writer, const char *name) {
    seckill_subject given = user(name);
    sk__subject made;

    assert_true(sk__subject_of(&given, &made));
    sk__write_u8(writer, made.size);
    sk__write_bytes(writer, made.bytes, made.size);
}

/* The beginning of a step's answer, up to the number of changes. */
static sk__writer step(const engine_test *test, bool is_lost, uint64_t n, bool has_more, uint32_t changes) {
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    sk__write_u48(&writer, (uint64_t)test->wire.wall_ms);
    sk__write_u64(&writer, 0);
    sk__write_u8(&writer, is_lost);
    sk__write_u64(&writer, n);
    sk__write_bytes(&writer, "tag-tag-", 8);
    sk__write_u8(&writer, has_more);
    sk__write_u32(&writer, changes);
    return writer;
}

static void write_change(sk__writer *writer, const char *name, uint64_t ends) {
    sk__write_u48(writer, ends);
    write_subject(writer, name);
}

static void write_page(sk__writer *writer, const char *cursor, const char *name) {
    sk__write_u8(writer, 1);
    sk__write_u64(writer, 77); /* the server */
    sk__write_u8(writer, 0);
    sk__write_u8(writer, (uint8_t)strlen(cursor));
    sk__write_text(writer, cursor);
    sk__write_u32(writer, name != NULL);
    if (name == NULL)
        return;
    write_subject(writer, name);
    sk__write_u48(writer, SK__FOREVER);
    sk__write_u48(writer, 1);
    sk__write_u8(writer, 3);
    sk__write_text(writer, "why");
}

static void answer(engine_test *test, const sk__writer *writer) {
    assert_false(writer->failed);
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), bytes, writer->at);
}

/* The step that asks where the log is. */
static void answer_first(engine_test *test, uint64_t n) {
    sk__writer writer = step(test, true, n, false, 0);

    sk__write_u8(&writer, 0);
    answer(test, &writer);
}

static void answer_page(engine_test *test, const char *cursor, const char *name) {
    sk__writer writer = step(test, false, 5, false, 0);

    write_page(&writer, cursor, name);
    answer(test, &writer);
}

static seckill_blacklist_state state_of(const engine_test *test) {
    seckill_blacklist_state state;

    memset(&state, 0, sizeof(state));
    sk__blacklist_look(test->engine->blacklist, &state);
    return state;
}

static bool is_listed(const engine_test *test, const char *name) {
    return sk__blacklist_has_user(test->engine->blacklist, (seckill_bytes){name, strlen(name)});
}

static void begin(engine_test *test) {
    assert_int_equal(sk__blacklist_follow(test->engine, POLL_MS, 1000), SECKILL_OK);
    fake_transport_advance(&test->wire, 50);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
}

/* Follows a list of 16 parts, of which the first has one user. */
static void load(engine_test *test) {
    begin(test);
    answer_first(test, 5);
    answer_page(test, "0", "mallory");
    for (int part = 1; part < SK__BLACKLIST_PARTS; part++) {
        fake_transport_advance(&test->wire, 5);
        answer_page(test, "0", NULL);
    }
    assert_true(state_of(test).is_loaded);
}

static void it_is_loaded_step_by_step_and_then_polled(void **state) {
    engine_test *test = *state;

    begin(test);
    assert_string_equal(engine_last(test)->argv[0], "EVALSHA");
    assert_int_equal(engine_last(test)->slot, sk__blacklist_slot());
    assert_int_equal(state_of(test).behind_ms, -1);
    answer_first(test, 5);
    assert_int_equal(fake_transport_waiting(&test->wire), 1); /* at once */
    assert_string_equal(engine_last(test)->argv[engine_last(test)->argc - 3], "0");
    answer_page(test, "123", "mallory");
    assert_true(is_listed(test, "mallory")); /* what is known counts */
    assert_string_equal(engine_last(test)->argv[engine_last(test)->argc - 3], "123");
    answer_page(test, "0", "eve");
    for (int part = 1; part < SK__BLACKLIST_PARTS; part++) {
        assert_false(state_of(test).is_loaded);
        answer_page(test, "0", NULL);
    }
    assert_true(state_of(test).is_loaded);
    assert_int_equal(state_of(test).entries, 2);
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
    fake_transport_advance(&test->wire, POLL_MS - 1);
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
    fake_transport_advance(&test->wire, 1);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
    assert_int_equal(state_of(test).behind_ms, POLL_MS);
}

static void changes_are_taken_in_their_order(void **state) {
    engine_test *test = *state;
    sk__writer writer;

    load(test);
    fake_transport_advance(&test->wire, POLL_MS);
    writer = step(test, false, 9, true, 3);
    write_change(&writer, "eve", SK__FOREVER);
    write_change(&writer, "mallory", 0);
    write_change(&writer, "eve", 0);
    sk__write_u8(&writer, 0);
    answer(test, &writer);
    assert_false(is_listed(test, "eve"));
    assert_false(is_listed(test, "mallory"));
    assert_int_equal(state_of(test).behind_ms, POLL_MS + 5); /* since the last step was asked for: there is more */
    fake_transport_advance(&test->wire, 2);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
    writer = step(test, false, 10, false, 1);
    write_change(&writer, "trudy", SK__FOREVER);
    sk__write_u8(&writer, 0);
    answer(test, &writer);
    assert_true(is_listed(test, "trudy"));
    assert_int_equal(state_of(test).behind_ms, 0);
    assert_int_equal(state_of(test).changes, 4);
}

/* While all is read anew the old copy is used, and learns what changes. */
static void a_lost_position_is_made_good_beside_the_old_copy(void **state) {
    engine_test *test = *state;
    sk__writer writer;

    load(test);
    fake_transport_advance(&test->wire, POLL_MS);
    answer_first(test, 2);
    assert_true(is_listed(test, "mallory"));
    fake_transport_advance(&test->wire, 2);
    writer = step(test, false, 3, false, 1);
    write_change(&writer, "eve", SK__FOREVER);
    write_page(&writer, "0", NULL);
    answer(test, &writer);
    assert_true(is_listed(test, "mallory"));
    assert_true(is_listed(test, "eve"));
    for (int part = 1; part < SK__BLACKLIST_PARTS; part++) {
        fake_transport_advance(&test->wire, 2);
        answer_page(test, "0", NULL);
    }
    assert_false(is_listed(test, "mallory")); /* nobody lists her any more */
    assert_true(is_listed(test, "eve"));
    assert_int_equal(state_of(test).loads, 2);
}

/* Cut short or too long, wherever: the copy that is there stays, and all is read anew a second later. */
static void an_answer_of_another_size_is_none(void **state) {
    engine_test *test = *state;
    size_t whole;
    sk__writer writer;

    load(test);
    fake_transport_advance(&test->wire, POLL_MS);
    writer = step(test, false, 9, false, 1);
    write_change(&writer, "eve", 0);
    sk__write_u8(&writer, 0);
    whole = writer.at;
    for (size_t size = 0; size < whole + 3; size++) {
        writer = step(test, false, 9, false, 1);
        write_change(&writer, "eve", 0);
        sk__write_u8(&writer, 0);
        fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), bytes, size);
        assert_true(is_listed(test, "mallory"));
        if (size == whole) {
            fake_transport_advance(&test->wire, POLL_MS);
            continue;
        }
        assert_string_equal(test->logged[0] != '\0' ? "warned" : "", "warned");
        fake_transport_advance(&test->wire, 999);
        assert_int_equal(fake_transport_waiting(&test->wire), 0);
        fake_transport_advance(&test->wire, 1);
        assert_int_equal(engine_last(test)->sizes[engine_last(test)->argc - 5], 0); /* without a position */
        answer_first(test, 5);
        for (int part = 0; part < SK__BLACKLIST_PARTS; part++) {
            fake_transport_advance(&test->wire, 2);
            answer_page(test, "0", part == 3 ? "mallory" : NULL);
        }
        fake_transport_advance(&test->wire, POLL_MS);
    }
}

static void what_redis_refuses_is_tried_again(void **state) {
    engine_test *test = *state;

    load(test);
    fake_transport_advance(&test->wire, POLL_MS);
    fake_transport_error(&test->wire, fake_transport_oldest(&test->wire), "NOPERM no");
    assert_true(is_listed(test, "mallory"));
    fake_transport_advance(&test->wire, 1000);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
    assert_int_equal(engine_last(test)->sizes[engine_last(test)->argc - 5], 16); /* it knows where it is */
    fake_transport_break(&test->wire, "gone");
    fake_transport_advance(&test->wire, 5000);
    assert_true(state_of(test).behind_ms > 5000);
    assert_true(is_listed(test, "mallory"));
    fake_transport_mend(&test->wire);
    fake_transport_advance(&test->wire, 100);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
}

/* Whatever allocation fails, it is loaded in the end, and nothing is lost that it does not say. */
static void following_survives_want_of_memory(void **state) {
    engine_test *test = *state;
    bool all = false;

    for (size_t k = 1; !all; k++) {
        engine_test_close(test);
        engine_test_open(test);
        test->fail_at = test->allocations + k;
        if (sk__blacklist_follow(test->engine, POLL_MS, 1000) == SECKILL_OK) {
            for (int i = 0; i < 100 && !state_of(test).is_loaded; i++) {
                fake_transport_advance(&test->wire, 1000);
                if (fake_transport_waiting(&test->wire) == 0)
                    continue;
                if (engine_last(test)->sizes[engine_last(test)->argc - 5] == 0)
                    answer_first(test, 5);
                else
                    answer_page(test, "0", "mallory");
            }
            assert_true(state_of(test).is_loaded);
            assert_true(is_listed(test, "mallory") || state_of(test).dropped != 0);
        }
        all = test->allocations < test->fail_at;
        test->fail_at = 0;
    }
}

/* ---- tasks */

static struct {
    int calls;
    seckill_status status;
    uint32_t changed;
    size_t count;
} said;

static void on_changed(const seckill_blacklist_result *result, void *user_data) {
    (void)user_data;
    said.calls++;
    said.status = result->status;
    said.changed = result->changed;
}

static void on_checked(const seckill_blacklist_check_result *result, void *user_data) {
    (void)user_data;
    said.calls++;
    said.status = result->status;
    said.count = result->count;
}

static void on_page(const seckill_blacklist_read_result *result, void *user_data) {
    (void)user_data;
    said.calls++;
    said.status = result->status;
    said.count = result->count;
}

static void on_used(const seckill_once_result *result, void *user_data) {
    (void)user_data;
    said.calls++;
    said.status = result->status;
}

typedef seckill_status (*start)(engine_test *test);

static seckill_status start_add(engine_test *test) {
    seckill_blacklist_entry entry = {.subject = user("eve"), .reason = {"why", 3}};

    return sk__blacklist_add_start(test->engine, &entry, 1, 0, on_changed, NULL);
}

static seckill_status start_remove(engine_test *test) {
    seckill_subject eve = user("eve");

    return sk__blacklist_remove_start(test->engine, &eve, 1, 0, on_changed, NULL);
}

static seckill_status start_check(engine_test *test) {
    seckill_subject eve = user("eve");

    return sk__blacklist_check_start(test->engine, &eve, 1, 0, on_checked, NULL);
}

static seckill_status start_read(engine_test *test) {
    seckill_blacklist_cursor beginning;

    memset(&beginning, 0, sizeof(beginning));
    return sk__blacklist_read_start(test->engine, &beginning, 10, 0, on_page, NULL);
}

static seckill_status start_once(engine_test *test) {
    seckill_once_options options = SECKILL_ONCE_OPTIONS_INIT;

    options.id = (seckill_bytes){"captcha", 7};
    options.holder = (seckill_bytes){"eve", 3};
    options.until_ms = test->wire.wall_ms + 1000;
    return sk__once_start(test->engine, &options, on_used, NULL);
}

/* What the server says, of which the first `size` bytes come (SIZE_MAX: all); the number of bytes that there would be. */
static size_t answer_with(engine_test *test, const sk__writer *writer, size_t size) {
    size_t whole = writer->at;

    assert_false(writer->failed);
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), bytes, size < sizeof(bytes) ? size : whole);
    return whole;
}

static sk__writer reply_to(const engine_test *test, start started) {
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    memset(bytes, 0, sizeof(bytes));
    if (started == start_once) {
        sk__write_u8(&writer, 0);
    } else if (started == start_read) {
        writer = step(test, false, 5, false, 0);
        write_page(&writer, "0", "eve");
    } else if (started == start_check) {
        sk__write_u48(&writer, 1);
        sk__write_u48(&writer, SK__FOREVER);
        sk__write_u48(&writer, 1);
        sk__write_u8(&writer, 3);
        sk__write_text(&writer, "why");
    } else {
        sk__write_u48(&writer, 1);
        sk__write_u64(&writer, 1);
        sk__write_u32(&writer, 1);
    }
    return writer;
}

static seckill_status ask(engine_test *test, start started) {
    seckill_status status;

    memset(&said, 0, sizeof(said));
    status = started(test);
    fake_transport_turn(&test->wire);
    if (started == start_read && fake_transport_waiting(&test->wire) != 0)
        answer_first(test, 5);
    return status;
}

static const start starts[] = {start_add, start_remove, start_check, start_read, start_once};
enum { STARTS = sizeof(starts) / sizeof(starts[0]) };

static void answers_of_another_size_are_none(void **state) {
    engine_test *test = *state;

    for (size_t i = 0; i < STARTS; i++) {
        size_t whole = SIZE_MAX, right = 0;

        for (size_t size = 0; whole == SIZE_MAX || size < whole + 2; size++) {
            sk__writer writer;

            assert_int_equal(ask(test, starts[i]), SECKILL_OK);
            writer = reply_to(test, starts[i]);
            whole = answer_with(test, &writer, size);
            assert_int_equal(said.calls, 1);
            assert_true(size == whole || said.status == SECKILL_PROTOCOL || said.status == SECKILL_DAMAGED);
            right += said.status == SECKILL_OK || said.status == SECKILL_BLACKLISTED;
        }
        assert_int_equal(right, 1);
    }
}

static void where_memory_runs_out_they_say_so(void **state) {
    engine_test *test = *state;

    for (size_t i = 0; i < STARTS; i++) {
        size_t failed = 0;
        bool all = false;

        for (size_t k = 1; !all; k++) {
            seckill_status started;

            test->fail_at = test->allocations + k;
            started = ask(test, starts[i]);
            if (fake_transport_waiting(&test->wire) != 0) {
                sk__writer writer = reply_to(test, starts[i]);
                (void)answer_with(test, &writer, SIZE_MAX);
            }
            all = test->allocations < test->fail_at;
            test->fail_at = 0;
            if (started == SECKILL_OK)
                assert_int_equal(said.calls, 1);
            if (started == SECKILL_OK && (said.status == SECKILL_OK || said.status == SECKILL_BLACKLISTED))
                continue;
            failed++;
            assert_true(started == SECKILL_NO_MEMORY || said.status == SECKILL_NO_MEMORY);
        }
        assert_true(failed >= 2);
    }
}

static void a_lost_answer_is_unknown_where_something_may_be_done(void **state) {
    engine_test *test = *state;

    for (size_t i = 0; i < STARTS; i++) {
        bool changes = starts[i] == start_add || starts[i] == start_remove || starts[i] == start_once;

        assert_int_equal(ask(test, starts[i]), SECKILL_OK);
        fake_transport_advance(&test->wire, 1500);
        assert_int_equal(said.calls, 1);
        assert_int_equal(said.status == SECKILL_UNKNOWN, changes);
        fake_transport_break(&test->wire, "gone"); /* what is under way ends */
        fake_transport_mend(&test->wire);
        fake_transport_advance(&test->wire, 1500);
        assert_int_equal(said.calls, 1);
    }
}

/* One batch of a part at a time; what comes meanwhile forms the next. */
static void what_may_be_used_once_travels_together(void **state) {
    engine_test *test = *state;
    sk__writer writer;

    memset(&said, 0, sizeof(said));
    assert_int_equal(start_once(test), SECKILL_OK);
    fake_transport_turn(&test->wire);
    for (int i = 0; i < 3; i++)
        assert_int_equal(start_once(test), SECKILL_OK);
    fake_transport_turn(&test->wire);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
    writer = reply_to(test, start_once);
    (void)answer_with(test, &writer, SIZE_MAX);
    assert_int_equal(said.calls, 1);
    assert_int_equal(fake_transport_waiting(&test->wire), 1);
    assert_int_equal(engine_last(test)->sizes[engine_last(test)->argc - 1], 3 * 32);
    memset(bytes, 0, sizeof(bytes));
    bytes[1] = 2;
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), bytes, 3);
    assert_int_equal(said.calls, 4);
    assert_int_equal(fake_transport_waiting(&test->wire), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_loaded_step_by_step_and_then_polled),
        TEST(changes_are_taken_in_their_order),
        TEST(a_lost_position_is_made_good_beside_the_old_copy),
        TEST(an_answer_of_another_size_is_none),
        TEST(what_redis_refuses_is_tried_again),
        TEST(following_survives_want_of_memory),
        TEST(answers_of_another_size_are_none),
        TEST(where_memory_runs_out_they_say_so),
        TEST(a_lost_answer_is_unknown_where_something_may_be_done),
        TEST(what_may_be_used_once_travels_together),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
