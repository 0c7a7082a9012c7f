/* The copy of the blacklist in memory, against a plain list that does the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine/blacklist_copy.h"
#include "failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static sk__subject user_of(unsigned number) {
    char text[32];
    seckill_subject given = {SECKILL_KIND_USER, {text, 0}};
    sk__subject made;
    given.value.size = (size_t)snprintf(text, sizeof text, "user-%u", number);
    assert_true(sk__subject_of(&given, &made));
    return made;
}

static sk__subject network(const char *text) {
    seckill_subject given = {SECKILL_KIND_ADDRESS, {text, strlen(text)}};
    sk__subject made;
    assert_true(sk__subject_of(&given, &made));
    return made;
}

static sk__blacklist_copy *open_copy(uint64_t max) {
    sk__blacklist_copy *copy = sk__blacklist_copy_new(&sk__default_allocator, max);
    assert_non_null(copy);
    return copy;
}

static uint64_t find_at(const sk__blacklist_copy *copy, const char *address, uint64_t now) {
    sk__subject subject = network(address);
    return sk__blacklist_copy_find(copy, &subject, now);
}

static void list(sk__blacklist_copy *copy, const char *address, uint64_t ends) {
    sk__subject subject = network(address);
    sk__blacklist_copy_set(copy, &subject, ends);
}

static void unlist(sk__blacklist_copy *copy, const char *address) {
    sk__subject subject = network(address);
    sk__blacklist_copy_remove(copy, &subject);
}

enum { MODEL = 5000, STEPS = 200000 };

static void it_says_what_a_plain_list_says(void **state) {
    static uint64_t ends[MODEL]; /* 0: not listed */
    sk__blacklist_copy *copy = open_copy(MODEL);
    uint64_t now = 1000, listed = 0;
    uint32_t random = 1;
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1664525U + 1013904223U;
        unsigned which = (random >> 8) % MODEL;
        sk__subject subject = user_of(which);
        switch (random >> 30) {
        case 0:
            sk__blacklist_copy_remove(copy, &subject);
            ends[which] = 0;
            break;
        case 1:
            ends[which] = (random >> 29 & 1) != 0 ? SK__FOREVER : now + (random >> 4) % 300;
            sk__blacklist_copy_set(copy, &subject, ends[which]);
            break;
        default:
            now += (random & 15) == 0;
            sk__blacklist_copy_sweep(copy, now);
        }
        assert_int_equal(sk__blacklist_copy_find(copy, &subject, now), ends[which] > now ? ends[which] : 0);
    }
    for (unsigned i = 0; i < SK__SEGMENTS; i++)
        sk__blacklist_copy_sweep(copy, now);
    for (unsigned which = 0; which < MODEL; which++) {
        sk__subject subject = user_of(which);
        assert_int_equal(sk__blacklist_copy_find(copy, &subject, now), ends[which] > now ? ends[which] : 0);
        listed += ends[which] > now;
    }
    assert_int_equal(copy->entries, listed);
    assert_int_equal(copy->dropped, 0);
    sk__blacklist_copy_free(copy);
}

static void an_end_is_an_end(void **state) {
    sk__blacklist_copy *copy = open_copy(10);
    (void)state;
    list(copy, "192.0.2.7", 500);
    assert_int_equal(find_at(copy, "192.0.2.7", 499), 500);
    assert_int_equal(find_at(copy, "192.0.2.7", 500), 0);
    sk__blacklist_copy_free(copy);
}

/* What Redis says is not to be believed: a prefix longer than an address makes a subject of no kind that is known. */
static void a_prefix_that_is_none_harms_nothing(void **state) {
    sk__blacklist_copy *copy = open_copy(10);
    (void)state;
    for (unsigned prefix = SK__ADDRESS_BITS + 1; prefix <= UINT8_MAX; prefix += 63) {
        sk__subject damaged = network("2001:db8::1");
        uint8_t said = 0;
        damaged.bytes[damaged.size - 1] = (uint8_t)prefix;
        assert_false(sk__subject_is_address(&damaged, &said));
        sk__blacklist_copy_set(copy, &damaged, SK__FOREVER);
        assert_int_equal(copy->entries, 1);
        assert_int_equal(find_at(copy, "2001:db8::1", 0), 0);
        sk__blacklist_copy_remove(copy, &damaged);
        assert_int_equal(copy->entries, 0);
    }
    sk__blacklist_copy_free(copy);
}

static void an_address_is_found_by_its_networks(void **state) {
    sk__blacklist_copy *copy = open_copy(100);
    (void)state;
    list(copy, "192.0.2.0/24", 1000);
    list(copy, "192.0.0.0/16", 900);
    list(copy, "192.0.2.7", 800);
    list(copy, "2001:db8::/33", SK__FOREVER);
    assert_int_equal(find_at(copy, "192.0.2.7", 0), 1000); /* the last of three ends */
    assert_int_equal(find_at(copy, "192.0.2.8", 950), 1000);
    assert_int_equal(find_at(copy, "192.0.3.8", 0), 900);
    assert_int_equal(find_at(copy, "192.1.2.8", 0), 0);
    assert_int_equal(find_at(copy, "2001:db8:7fff::1", 0), SK__FOREVER);
    assert_int_equal(find_at(copy, "2001:db8:8000::1", 0), 0);
    /* a network is in a larger one, and in no smaller one */
    assert_int_equal(find_at(copy, "192.0.2.0/25", 0), 1000);
    assert_int_equal(find_at(copy, "192.0.2.0/23", 0), 900);
    assert_int_equal(find_at(copy, "192.0.0.0/15", 0), 0);
    unlist(copy, "192.0.2.0/24");
    assert_int_equal(find_at(copy, "192.0.2.7", 0), 900);
    unlist(copy, "192.0.0.0/16");
    assert_int_equal(find_at(copy, "192.0.2.7", 0), 800);
    assert_int_equal(find_at(copy, "192.0.2.8", 0), 0);
    list(copy, "0.0.0.0/0", 700);
    assert_int_equal(find_at(copy, "203.0.113.1", 0), 700);
    assert_int_equal(find_at(copy, "2001:db8:8000::1", 0), 0); /* that is all of IPv4 */
    list(copy, "::/0", 600);
    assert_int_equal(find_at(copy, "2001:db8:8000::1", 0), 600);
    sk__blacklist_copy_free(copy);
}

static void lengths_go_with_their_last_entry(void **state) {
    sk__blacklist_copy *copy = open_copy(100);
    (void)state;
    list(copy, "192.0.2.0/24", 10);
    list(copy, "198.51.100.0/24", 20);
    list(copy, "203.0.113.0/28", 30);
    assert_int_equal(copy->length_count, 2);
    for (unsigned i = 0; i < SK__SEGMENTS; i++)
        sk__blacklist_copy_sweep(copy, 10);
    assert_int_equal(copy->length_count, 2);
    list(copy, "203.0.113.0/28", 40); /* listed already: counted once */
    unlist(copy, "203.0.113.0/28");
    assert_int_equal(copy->length_count, 1);
    unlist(copy, "198.51.100.0/24");
    unlist(copy, "198.51.100.0/24");
    assert_int_equal(copy->length_count, 0);
    assert_int_equal(copy->entries, 0);
    sk__blacklist_copy_free(copy);
}

static void beyond_its_bound_nothing_is_kept(void **state) {
    sk__blacklist_copy *copy = open_copy(3);
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        sk__subject subject = user_of(i);
        sk__blacklist_copy_set(copy, &subject, 100);
    }
    sk__subject first = user_of(0), last = user_of(4);
    assert_int_equal(copy->entries, 3);
    assert_int_equal(copy->dropped, 2);
    assert_int_equal(sk__blacklist_copy_find(copy, &last, 0), 0);
    sk__blacklist_copy_set(copy, &first, 200); /* who is in can be changed */
    assert_int_equal(sk__blacklist_copy_find(copy, &first, 0), 200);
    assert_int_equal(copy->dropped, 2);
    sk__blacklist_copy_remove(copy, &first);
    sk__blacklist_copy_set(copy, &last, 100);
    assert_int_equal(sk__blacklist_copy_find(copy, &last, 0), 100);
    sk__blacklist_copy_free(copy);
}

/* Whatever allocation fails: it is counted, nothing else is lost, nothing leaks. */
static void it_survives_want_of_memory(void **state) {
    (void)state;
    for (size_t fails = 1;; fails++) {
        failing_memory memory = {.fail_at = fails};
        seckill_allocator allocator = failing_memory_allocator(&memory);
        sk__blacklist_copy *copy = sk__blacklist_copy_new(&allocator, 1000);
        uint64_t kept = 0;
        for (unsigned i = 0; copy != NULL && i < 300; i++) {
            sk__subject subject = user_of(i);
            sk__blacklist_copy_set(copy, &subject, 100);
            kept += sk__blacklist_copy_find(copy, &subject, 0) == 100;
        }
        if (copy != NULL)
            assert_int_equal(kept + copy->dropped, 300);
        bool is_over = copy != NULL && copy->dropped == 0;
        sk__blacklist_copy_free(copy);
        assert_int_equal(memory.outstanding, 0);
        if (is_over)
            break;
    }
}

/* What is documented: 21 to 43 bytes for each entry. */
static void memory_is_as_documented(void **state) {
    (void)state;
    for (unsigned count = 100000; count <= 200000; count += 20000) {
        sk__blacklist_copy *copy = open_copy(count);
        for (unsigned i = 0; i < count; i++) {
            sk__subject subject = user_of(i);
            sk__blacklist_copy_set(copy, &subject, 100);
        }
        assert_int_equal(copy->entries, count);
        assert_in_range(copy->bytes / count, 21, 43);
        sk__blacklist_copy_free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_a_plain_list_says),      cmocka_unit_test(an_end_is_an_end),
        cmocka_unit_test(an_address_is_found_by_its_networks), cmocka_unit_test(a_prefix_that_is_none_harms_nothing),
        cmocka_unit_test(lengths_go_with_their_last_entry),    cmocka_unit_test(beyond_its_bound_nothing_is_kept),
        cmocka_unit_test(it_survives_want_of_memory),          cmocka_unit_test(memory_is_as_documented),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
