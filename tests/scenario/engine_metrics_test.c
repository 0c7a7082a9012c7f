/* The engine alone: what its histograms say of operations, scripts and batches. The transport's clock moves by whole
 * milliseconds, when the test says so.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine_fixture.h"

#include <string.h>

static uint64_t count_of(const seckill_histogram *histogram) {
    uint64_t count = 0;

    for (int i = 0; i < SECKILL_HISTOGRAM_BUCKETS; i++)
        count += histogram->buckets[i];
    return count;
}

#define assert_measured(histogram, count, ms)                                                                                  \
    do {                                                                                                                       \
        assert_int_equal(count_of(histogram), count);                                                                          \
        assert_int_equal((histogram)->sum, (ms)*1000);                                                                         \
    } while (0)

static void an_operation_is_measured_from_its_start_to_its_callback(void **state) {
    engine_test *test = *state;
    const seckill_client_stats *stats = &test->engine->stats;
    static engine_ask first, second, lookup;

    engine_test_know_map(test);
    memset(&test->engine->stats, 0, sizeof(test->engine->stats));
    engine_reserve(test, &first, engine_user(test, 0, 0), 0);
    fake_transport_advance(&test->wire, 0);
    fake_transport_advance(&test->wire, 2);
    engine_reserve(test, &second, engine_user(test, 0, 1), 0);
    fake_transport_advance(&test->wire, 3);
    assert_int_equal(count_of(&stats->reserves), 0);
    fake_transport_play(&test->wire, 0);
    assert_measured(&stats->reserves, 1, 5);
    assert_measured(&stats->scripts, 1, 5);
    fake_transport_advance(&test->wire, 40);
    fake_transport_play_all(&test->wire);
    assert_measured(&stats->reserves, 2, 5 + 43);
    assert_int_equal(stats->reserves.buckets[5], 1); /* up to 5 ms */
    assert_int_equal(stats->reserves.buckets[8], 1); /* up to 50 ms */
    assert_int_equal(count_of(&stats->scripts), 2);
    engine_lookup(test, &lookup, engine_user(test, 0, 0), 0);
    fake_transport_turn(&test->wire);
    fake_transport_advance(&test->wire, 7);
    fake_transport_play_all(&test->wire);
    assert_measured(&stats->lookups, 1, 7);
    assert_measured(&stats->reserves, 2, 48);
}

static void a_batch_is_measured_when_it_is_sent(void **state) {
    engine_test *test = *state;
    const seckill_client_stats *stats = &test->engine->stats;
    static engine_ask asks[5];

    engine_test_know_map(test);
    memset(&test->engine->stats, 0, sizeof(test->engine->stats));
    for (unsigned i = 0; i < 5; i++)
        engine_reserve(test, &asks[i], engine_user(test, 0, i), 0);
    fake_transport_turn(&test->wire);
    fake_transport_play_all(&test->wire);
    assert_int_equal(stats->batch_sizes.buckets[3], 1); /* of four, the most that a batch takes here */
    assert_int_equal(stats->batch_sizes.buckets[0], 1);
    assert_int_equal(stats->batch_sizes.sum, stats->batched);
    assert_int_equal(count_of(&stats->batch_sizes), stats->batches);
    assert_int_equal(count_of(&stats->reserves), 5);
}

/* Whatever becomes of it. A script without an answer says nothing of how long answers take. */
static void a_lost_script_is_not_measured_but_its_operation_is(void **state) {
    engine_test *test = *state;
    const seckill_client_stats *stats = &test->engine->stats;
    static engine_ask ask;

    engine_test_know_map(test);
    memset(&test->engine->stats, 0, sizeof(test->engine->stats));
    engine_cancel(test, &ask, engine_user(test, 0, 0), 200);
    fake_transport_turn(&test->wire);
    fake_transport_advance(&test->wire, 50);
    fake_transport_break(&test->wire, "gone");
    fake_transport_advance(&test->wire, 500);
    engine_assert_done(&ask, SECKILL_UNKNOWN);
    assert_int_equal(count_of(&stats->scripts), 0);
    assert_measured(&stats->cancels, 1, 200);
}

static void a_poll_that_enqueues_again_is_a_poll(void **state) {
    engine_test *test = *state;
    const seckill_client_stats *stats = &test->engine->stats;
    static engine_ask ask;

    engine_test_know_map(test);
    engine_poll(test, &ask, engine_user(test, 1, 0), 5, 3, 0); /* of another epoch */
    fake_transport_turn(&test->wire);
    fake_transport_advance(&test->wire, 3);
    fake_transport_play(&test->wire, 0);
    fake_transport_advance(&test->wire, 4);
    fake_transport_play_all(&test->wire);
    engine_assert_done(&ask, SECKILL_OK);
    assert_int_equal(ask.placed.requeued, 1);
    assert_measured(&stats->polls, 1, 7);
    assert_int_equal(count_of(&stats->enqueues), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_test_setup, engine_test_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_operation_is_measured_from_its_start_to_its_callback),
        TEST(a_batch_is_measured_when_it_is_sent),
        TEST(a_lost_script_is_not_measured_but_its_operation_is),
        TEST(a_poll_that_enqueues_again_is_a_poll),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
