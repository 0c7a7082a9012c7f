/* The table of slots and servers.
 *
 * SPDX-License-Identifier: MIT
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "io/cluster.h"
#include "test_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE(place, slots) "07c37dfeb235213a872192d90877d0cd55635b91 " place " master - 0 0 4 connected " slots "\n"

static const sk__address from = {false, true, 7009, "10.0.0.9"};

/* ---- an allocator that can be told to fail */

static size_t fail_at, allocations, outstanding;

static void *allocate(size_t size, void *user_data) {
    void *memory = ++allocations == fail_at ? NULL : malloc(size);

    (void)user_data;
    outstanding += memory != NULL;
    return memory;
}

static void *reallocate(void *memory, size_t size, void *user_data) {
    (void)memory;
    (void)size;
    (void)user_data;
    return NULL;
}

static void release(void *memory, void *user_data) {
    (void)user_data;
    outstanding--;
    free(memory);
}

static const seckill_allocator allocator = {allocate, reallocate, release, NULL};

static int setup(void **state) {
    fail_at = allocations = outstanding = 0;
    *state = sk__cluster_new(&allocator);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state) {
    sk__cluster_free(*state);
    return outstanding == 0 ? 0 : -1;
}

/* ---- */

static sk__redirection to(uint32_t slot, const char *address) {
    sk__redirection redirection = {.slot = slot, .names_host = true};

    assert_int_equal(sk__address_parse(address, &redirection.address), SECKILL_OK);
    return redirection;
}

static sk__news moved(sk__cluster *cluster, uint32_t slot, const char *address) {
    sk__redirection redirection = to(slot, address);

    return sk__cluster_moved(cluster, &redirection);
}

static sk__news asked(sk__cluster *cluster, uint32_t slot, const char *address, int64_t now_ms) {
    sk__redirection redirection = to(slot, address);

    return sk__cluster_ask(cluster, &redirection, now_ms);
}

static sk__news read_text(sk__cluster *cluster, const char *text) {
    return sk__cluster_read(cluster, text, strlen(text), &from);
}

static void assert_serves(const sk__cluster *cluster, uint32_t slot, const char *wanted) {
    const sk__address *address = sk__cluster_address(cluster, sk__cluster_node(cluster, slot));
    char text[SK__ADDRESS_TEXT_MAX + 1];

    assert_non_null(address);
    sk__address_format(address, NULL, text, sizeof(text));
    assert_string_equal(text, wanted);
}

static uint32_t sum_of_slots(const sk__cluster *cluster) {
    uint32_t sum = 0;

    for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++)
        sum += sk__cluster_slots(cluster, i);
    return sum;
}

/* ---- */

static void at_first_the_seed_has_all(void **state) {
    sk__cluster *cluster = *state;

    for (uint32_t slot = 0; slot < SK__SLOTS; slot++) {
        assert_int_equal(sk__cluster_node(cluster, slot), SK__NODE_SEED);
        assert_int_equal(sk__cluster_asked(cluster, slot), SK__NODE_SEED);
    }
    assert_int_equal(sk__cluster_slots(cluster, SK__NODE_SEED), SK__SLOTS);
    assert_int_equal(sk__cluster_servers(cluster), 0);
    assert_null(sk__cluster_address(cluster, SK__NODE_SEED));
    assert_null(sk__cluster_address(cluster, SK__NODE_NOBODY));
    assert_null(sk__cluster_address(cluster, UINT32_MAX));
}

static void a_moved_slot_is_its_new_owners(void **state) {
    sk__cluster *cluster = *state;

    assert_int_equal(moved(cluster, 5, "a:1"), SK__NEWS);
    assert_int_equal(moved(cluster, 5, "a:1"), SK__NEWS_NONE);
    assert_int_equal(moved(cluster, 6, "a:1"), SK__NEWS);
    assert_int_equal(moved(cluster, 7, "a:2"), SK__NEWS);
    assert_int_equal(sk__cluster_node(cluster, 5), sk__cluster_node(cluster, 6));
    assert_serves(cluster, 5, "a:1");
    assert_serves(cluster, 7, "a:2");
    assert_int_equal(sk__cluster_node(cluster, 8), SK__NODE_SEED);
    assert_int_equal(sk__cluster_slots(cluster, sk__cluster_node(cluster, 5)), 2);
    assert_int_equal(sk__cluster_servers(cluster), 2);
    assert_int_equal(sum_of_slots(cluster), SK__SLOTS);
}

static void a_map_replaces_all(void **state) {
    sk__cluster *cluster = *state;
    uint32_t first;

    assert_int_equal(moved(cluster, 5, "9.9.9.9:9"), SK__NEWS);
    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2", "0-8000") LINE("1.2.3.4:2@3", "8001-16382")), SK__NEWS);
    assert_serves(cluster, 0, "1.2.3.4:1");
    assert_serves(cluster, 5, "1.2.3.4:1");
    assert_serves(cluster, 16382, "1.2.3.4:2");
    assert_int_equal(sk__cluster_node(cluster, 16383), SK__NODE_SEED);
    assert_int_equal(sum_of_slots(cluster), SK__SLOTS);
    assert_int_equal(sk__cluster_servers(cluster), 2);
    first = sk__cluster_node(cluster, 0);
    assert_int_equal(read_text(cluster, LINE("1.2.3.4:2@3", "8001-16382") LINE("1.2.3.4:1@2", "0-8000")), SK__NEWS_NONE);
    assert_int_equal(sk__cluster_node(cluster, 0), first); /* it keeps its number */
}

static void a_bad_map_changes_nothing(void **state) {
    static const char *const bad[] = {"",
                                      "\n",
                                      "OK",
                                      LINE("1.2.3.4:1@2", ""),                               /* no slots at all */
                                      LINE("1.2.3.4:7@2", "0-5") "x",                        /* good, then garbage */
                                      LINE("1.2.3.4:7@2", "0-5") LINE("1.2.3.4:8@2", "6-x"), /* in the last word */
                                      LINE("1.2.3.4:7@2", "0-16384")};
    sk__cluster *cluster = *state;

    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2", "0-16383")), SK__NEWS);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(read_text(cluster, bad[i]), SK__NEWS_BAD);
        for (uint32_t slot = 0; slot < SK__SLOTS; slot++)
            assert_serves(cluster, slot, "1.2.3.4:1");
    }
}

static void an_ask_is_remembered_for_a_while(void **state) {
    sk__cluster *cluster = *state;
    uint32_t node;

    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2", "0-16383")), SK__NEWS);
    assert_int_equal(asked(cluster, 5, "1.2.3.4:2", 1000), SK__NEWS_NONE);
    node = sk__cluster_asked(cluster, 5);
    assert_true(node != sk__cluster_node(cluster, 5));
    assert_serves(cluster, 5, "1.2.3.4:1");
    assert_int_equal(sk__cluster_asked(cluster, 6), sk__cluster_node(cluster, 6));
    assert_false(sk__cluster_is_gone(cluster, node, 1000 + SK__ASK_KEPT_MS - 1));
    assert_true(sk__cluster_is_gone(cluster, node, 1000 + SK__ASK_KEPT_MS));
    sk__cluster_forget(cluster, node);
    assert_int_equal(sk__cluster_asked(cluster, 5), sk__cluster_node(cluster, 5));
}

static void a_slot_that_has_moved_is_not_asked_elsewhere(void **state) {
    sk__cluster *cluster = *state;

    assert_int_equal(asked(cluster, 5, "a:2", 0), SK__NEWS_NONE);
    assert_int_equal(moved(cluster, 5, "a:3"), SK__NEWS);
    assert_int_equal(sk__cluster_asked(cluster, 5), sk__cluster_node(cluster, 5));
    assert_int_equal(asked(cluster, 5, "a:2", 0), SK__NEWS_NONE);
    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2", "0-16383")), SK__NEWS);
    assert_int_equal(sk__cluster_asked(cluster, 5), sk__cluster_node(cluster, 5));
}

/* The table is small: old ones make room, and the newest of a slot counts. */
static void many_asks_are_bounded(void **state) {
    sk__cluster *cluster = *state;

    for (uint32_t slot = 0; slot < 1000; slot++)
        assert_int_equal(asked(cluster, slot, slot % 2 == 0 ? "a:1" : "a:2", 0), SK__NEWS_NONE);
    assert_int_equal(sk__cluster_asked(cluster, 0), SK__NODE_SEED);
    assert_true(sk__cluster_asked(cluster, 999) != SK__NODE_SEED);
    assert_true(sk__cluster_asked(cluster, 998) != sk__cluster_asked(cluster, 999));
    assert_int_equal(asked(cluster, 999, "a:1", 0), SK__NEWS_NONE);
    assert_int_equal(sk__cluster_asked(cluster, 998), sk__cluster_asked(cluster, 999));
}

static void numbers_run_out(void **state) {
    sk__cluster *cluster = *state;
    char address[40];

    for (uint32_t i = 1; i <= 300; i++) {
        (void)snprintf(address, sizeof(address), "h:%u", (unsigned)i);
        assert_int_equal(moved(cluster, i, address), SK__NEWS);
    }
    for (uint32_t i = 1; i <= 300; i++)
        assert_int_equal(sk__cluster_node(cluster, i) == SK__NODE_NOBODY, i > SECKILL_NODES_MAX - 2);
    assert_int_equal(sk__cluster_slots(cluster, SK__NODE_NOBODY), 300 - (SECKILL_NODES_MAX - 2));
    assert_int_equal(asked(cluster, 9, "other:1", 0), SK__NEWS_BAD);
    assert_int_equal(sk__cluster_asked(cluster, 9), sk__cluster_node(cluster, 9));
    /* One goes, and its number is the next one's. */
    assert_int_equal(moved(cluster, 1, "h:2"), SK__NEWS);
    assert_true(sk__cluster_is_gone(cluster, 1, 0));
    sk__cluster_forget(cluster, 1);
    assert_int_equal(moved(cluster, 300, "h:300"), SK__NEWS);
    assert_int_equal(sk__cluster_node(cluster, 300), 1);
    assert_int_equal(sum_of_slots(cluster), SK__SLOTS);
}

static void who_has_no_slots_is_gone(void **state) {
    sk__cluster *cluster = *state;
    uint32_t first;

    assert_int_equal(moved(cluster, 1, "a:1"), SK__NEWS);
    first = sk__cluster_node(cluster, 1);
    assert_false(sk__cluster_is_gone(cluster, first, 0));
    assert_int_equal(moved(cluster, 1, "a:2"), SK__NEWS);
    assert_true(sk__cluster_is_gone(cluster, first, 0));
    assert_false(sk__cluster_is_gone(cluster, SK__NODE_SEED, 0));
    assert_false(sk__cluster_is_gone(cluster, 200, 0));
}

static void a_disowned_server_has_no_slots(void **state) {
    sk__cluster *cluster = *state;
    uint32_t node;

    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2", "0-8000") LINE("1.2.3.4:2@3", "8001-16383")), SK__NEWS);
    node = sk__cluster_node(cluster, 0);
    assert_int_equal(sk__cluster_disown(cluster, node), SK__NEWS);
    assert_int_equal(sk__cluster_node(cluster, 0), SK__NODE_SEED);
    assert_serves(cluster, 16383, "1.2.3.4:2");
    assert_true(sk__cluster_is_gone(cluster, node, 0));
    assert_int_equal(sk__cluster_disown(cluster, node), SK__NEWS_NONE);
}

/* Where redirections name hosts, the IP addresses of the map may lead nowhere. */
static void names_are_preferred_once_they_were_used(void **state) {
    sk__cluster *cluster = *state;

    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2,one", "0-16383")), SK__NEWS);
    assert_serves(cluster, 0, "1.2.3.4:1");
    assert_int_equal(moved(cluster, 0, "one:1"), SK__NEWS);
    assert_int_equal(read_text(cluster, LINE("1.2.3.4:1@2,one", "0-16383")), SK__NEWS);
    assert_serves(cluster, 1, "one:1");
    assert_int_equal(sk__cluster_servers(cluster), 1);
}

static void memory_may_run_out_anywhere(void **state) {
    sk__cluster *cluster = *state;
    static const char map[] = LINE("1.2.3.4:1@2", "0-8000") LINE("1.2.3.4:2@3", "8001-16383");

    fail_at = allocations + 1;
    assert_null(sk__cluster_new(&allocator));
    fail_at = allocations + 1;
    assert_int_equal(moved(cluster, 1, "a:1"), SK__NEWS_NO_ROOM);
    assert_int_equal(sk__cluster_node(cluster, 1), SK__NODE_SEED);
    fail_at = allocations + 1;
    assert_int_equal(asked(cluster, 1, "a:1", 0), SK__NEWS_NO_ROOM);
    fail_at = allocations + 2;
    assert_int_equal(read_text(cluster, map), SK__NEWS_NO_ROOM);
    assert_int_equal(sk__cluster_slots(cluster, SK__NODE_SEED), SK__SLOTS);
    assert_int_equal(read_text(cluster, map), SK__NEWS);
}

/* Any order of what peers may say: the counts stay true, and nobody is forgotten who has slots. */
static void a_random_walk_keeps_the_books(void **state) {
    sk__cluster *cluster = *state;
    uint64_t seed = test_run_seed();
    char text[400];

    for (int step = 0; step < 20000; step++) {
        unsigned r = test_run_below(&seed, 16), port = 1 + test_run_below(&seed, 300), slot = test_run_below(&seed, SK__SLOTS);

        (void)snprintf(text, sizeof(text), "h:%u", port);
        if (r < 8)
            (void)moved(cluster, slot, text);
        else if (r < 12)
            (void)asked(cluster, slot, text, step);
        else if (r == 12) {
            (void)snprintf(text, sizeof(text), LINE("1.2.3.4:%u@2", "%u-16383"), port, slot);
            (void)read_text(cluster, text);
        } else {
            for (uint32_t i = 0; i < SECKILL_NODES_MAX; i++)
                if (sk__cluster_is_gone(cluster, i, step))
                    sk__cluster_forget(cluster, i);
        }
        if (step % 100 == 0) {
            assert_int_equal(sum_of_slots(cluster), SK__SLOTS);
            for (uint32_t i = 0; i < SK__SLOTS; i++) {
                uint32_t node = sk__cluster_node(cluster, i);
                assert_true(node == SK__NODE_SEED || node == SK__NODE_NOBODY || sk__cluster_address(cluster, node) != NULL);
            }
        }
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(at_first_the_seed_has_all),
        TEST(a_moved_slot_is_its_new_owners),
        TEST(a_map_replaces_all),
        TEST(a_bad_map_changes_nothing),
        TEST(an_ask_is_remembered_for_a_while),
        TEST(a_slot_that_has_moved_is_not_asked_elsewhere),
        TEST(many_asks_are_bounded),
        TEST(numbers_run_out),
        TEST(who_has_no_slots_is_gone),
        TEST(a_disowned_server_has_no_slots),
        TEST(names_are_preferred_once_they_were_used),
        TEST(memory_may_run_out_anywhere),
        TEST(a_random_walk_keeps_the_books),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
