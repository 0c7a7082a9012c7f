/* The engine alone: a page of reservations, and answers that are none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"
#include "script/scan.h"

#include <string.h>

static const seckill_reservations_cursor beginning = SECKILL_RESERVATIONS_CURSOR_INIT;

static struct {
    int calls;
    seckill_status status;
    size_t count;
    uint32_t damaged;
    int complete;
    seckill_reservations_cursor next;
    char user[8];
} page;

static void on_page(const seckill_reservations_result *result, void *user_data) {
    (void)user_data;
    page.calls++;
    page.status = result->status;
    page.count = result->count;
    page.damaged = result->damaged;
    page.complete = result->complete;
    page.next = result->next;
    if (result->count != 0) {
        assert_true(result->reservations[0].user.size < sizeof(page.user));
        memcpy(page.user, result->reservations[0].user.data, result->reservations[0].user.size);
    }
}

static seckill_status read_page(engine_test *test, const seckill_reservations_cursor *cursor) {
    seckill_status started;

    memset(&page, 0, sizeof(page));
    started = seckill_reservations_read(test->item, 1, cursor, 10, 0, on_page, NULL);
    fake_transport_turn(&test->wire);
    return started;
}

static uint8_t bytes[512];

/* A user with two records, and one whose are damaged. */
static size_t reply_with(engine_test *test, const char *cursor, uint8_t state) {
    static const uint8_t id[SECKILL_RESERVATION_ID_SIZE] = {1};
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));

    fake_write_header(&test->wire, &writer, test->wire.map_version);
    sk__write_u64(&writer, 77);
    sk__write_u8(&writer, 0);
    sk__write_u8(&writer, (uint8_t)strlen(cursor));
    sk__write_text(&writer, cursor);
    sk__write_u32(&writer, 2);
    sk__write_u8(&writer, 3);
    sk__write_text(&writer, "ann");
    sk__write_u8(&writer, 2);
    fake_write_record(&test->wire, &writer, id, 1);
    fake_write_record(&test->wire, &writer, id, state);
    sk__write_u8(&writer, 3);
    sk__write_text(&writer, "bob");
    sk__write_u8(&writer, 255);
    assert_false(writer.failed);
    return writer.at;
}

static void answer(engine_test *test, size_t size) {
    fake_transport_answer(&test->wire, fake_transport_oldest(&test->wire), bytes, size);
}

static void a_page_has_records_and_what_comes_next(void **state) {
    engine_test *test = *state;

    engine_test_know_map(test);
    assert_int_equal(read_page(test, &beginning), SECKILL_OK);
    assert_int_equal(engine_last(test)->script, SK__SCRIPT_reservations);
    assert_string_equal(engine_last(test)->argv[engine_last(test)->argc - 3], "0");
    answer(test, reply_with(test, "1234", 2));
    assert_int_equal(page.status, SECKILL_OK);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.damaged, 1);
    assert_false(page.complete);
    assert_string_equal(page.user, "ann");
    assert_int_equal(read_page(test, &(seckill_reservations_cursor){{page.next.opaque[0], page.next.opaque[1],
                                                                     page.next.opaque[2], page.next.opaque[3]}}),
                     SECKILL_OK);
    assert_string_equal(engine_last(test)->argv[engine_last(test)->argc - 3], "1234");
    assert_int_equal(engine_last(test)->argv[engine_last(test)->argc - 1][7], 77);
    answer(test, reply_with(test, "0", 2));
    assert_true(page.complete);
    /* A state that is none is damage, too, and of this user alone. */
    assert_int_equal(read_page(test, &beginning), SECKILL_OK);
    answer(test, reply_with(test, "1234", 9));
    assert_int_equal(page.status, SECKILL_OK);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.damaged, 2);
}

static void a_page_of_another_size_is_none(void **state) {
    engine_test *test = *state;
    size_t whole = reply_with(test, "1234", 2), right = 0;

    engine_test_know_map(test);
    for (size_t size = 0; size < whole + 20; size++) {
        assert_int_equal(read_page(test, &beginning), SECKILL_OK);
        (void)reply_with(test, "1234", 2);
        answer(test, size);
        assert_int_equal(page.calls, 1);
        assert_int_equal(page.status, size == whole ? SECKILL_OK : SECKILL_PROTOCOL);
        if (size != whole) {
            assert_int_equal(page.count, 0);
            assert_memory_equal(&page.next, &(sk__walk_step){.cursor = "0"}.cursor, SK__CURSOR_SIZE); /* the beginning again */
        }
        right += size == whole;
    }
    assert_int_equal(right, 1);
    assert_int_equal(read_page(test, &beginning), SECKILL_OK);
    answer(test, reply_with(test, "123456789012345678901234", 2));
    assert_int_equal(page.status, SECKILL_PROTOCOL);
}

static void where_memory_runs_out_it_says_so(void **state) {
    engine_test *test = *state;
    size_t failed = 0;
    bool all = false;

    engine_test_know_map(test);
    for (size_t k = 1; !all; k++) {
        seckill_status started;

        test->fail_at = test->allocations + k;
        started = read_page(test, &beginning);
        if (fake_transport_waiting(&test->wire) != 0)
            answer(test, reply_with(test, "1234", 2));
        all = test->allocations < test->fail_at;
        test->fail_at = 0;
        if (started == SECKILL_OK)
            assert_int_equal(page.calls, 1);
        if (started == SECKILL_OK && page.status == SECKILL_OK)
            continue;
        failed++;
        assert_int_equal(started == SECKILL_OK ? page.status : started, SECKILL_NO_MEMORY);
        assert_int_equal(page.count, 0);
    }
    assert_true(failed > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_has_records_and_what_comes_next, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(a_page_of_another_size_is_none, engine_test_setup, engine_test_teardown),
        cmocka_unit_test_setup_teardown(where_memory_runs_out_it_says_so, engine_test_setup, engine_test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
