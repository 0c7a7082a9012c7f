/* The heap against a sorted array.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/heap.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "test_run.h"

enum { NODES = 500 };

static uint64_t chance;

static uint32_t below(uint32_t limit) {
    chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(chance >> 33) % limit;
}

static int setup(void **state) {
    (void)state;
    chance = test_run_seed();
    return 0;
}

static void an_empty_heap_has_no_top(void **state) {
    sk__heap heap;
    sk__heap_node node = {0, 0};

    (void)state;
    sk__heap_init(&heap, &sk__default_allocator);
    assert_null(sk__heap_top(&heap));
    sk__heap_remove(&heap, &node); /* in no heap: left alone */
    assert_true(sk__heap_add(&heap, &node, 5));
    assert_ptr_equal(sk__heap_top(&heap), &node);
    sk__heap_remove(&heap, &node);
    sk__heap_remove(&heap, &node);
    assert_null(sk__heap_top(&heap));
    assert_int_equal(node.place, 0);
    sk__heap_free(&heap);
    assert_null(sk__heap_top(&heap));
}

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void what_goes_in_comes_out_sorted(void **state) {
    sk__heap heap;
    sk__heap_node nodes[NODES];
    int64_t keys[NODES];

    (void)state;
    sk__heap_init(&heap, &sk__default_allocator);
    for (int round = 0; round < 20; round++) {
        uint32_t count = 1 + below(NODES), range = 1 + below(1000);

        for (uint32_t i = 0; i < count; i++) {
            keys[i] = (int64_t)below(range) - (int64_t)(range / 2);
            assert_true(sk__heap_add(&heap, &nodes[i], keys[i]));
        }
        qsort(keys, count, sizeof(keys[0]), compare);
        for (uint32_t i = 0; i < count; i++) {
            sk__heap_node *top = sk__heap_top(&heap);

            assert_true(top->key == keys[i]);
            sk__heap_remove(&heap, top);
            assert_int_equal(top->place, 0);
        }
        assert_null(sk__heap_top(&heap));
    }
    sk__heap_free(&heap);
}

/* Every node knows its place, and no child is less than its parent. */
static void check(const sk__heap *heap) {
    for (size_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->nodes[i]->place, i + 1);
        if (i > 0)
            assert_true(heap->nodes[(i + 1) / 2 - 1]->key <= heap->nodes[i]->key);
    }
}

static void nodes_leave_from_the_middle(void **state) {
    sk__heap heap;
    sk__heap_node nodes[NODES] = {{0, 0}};

    (void)state;
    sk__heap_init(&heap, &sk__default_allocator);
    for (int step = 0; step < 5000; step++) {
        sk__heap_node *node = &nodes[below(NODES)];
        const sk__heap_node *least = NULL;

        if (node->place != 0)
            sk__heap_remove(&heap, node);
        else
            assert_true(sk__heap_add(&heap, node, (int64_t)below(100)));
        for (int i = 0; i < NODES; i++) {
            if (nodes[i].place != 0 && (least == NULL || nodes[i].key < least->key))
                least = &nodes[i];
        }
        assert_true((sk__heap_top(&heap) == NULL) == (least == NULL));
        if (least != NULL)
            assert_true(sk__heap_top(&heap)->key == least->key);
        if (step % 50 == 0)
            check(&heap);
    }
    sk__heap_free(&heap);
}

static void extreme_keys_are_in_order(void **state) {
    static const int64_t keys[] = {INT64_MAX, 0, INT64_MIN, -1, 1};
    static const int64_t sorted[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    sk__heap heap;
    sk__heap_node nodes[5];

    (void)state;
    sk__heap_init(&heap, &sk__default_allocator);
    for (int i = 0; i < 5; i++)
        assert_true(sk__heap_add(&heap, &nodes[i], keys[i]));
    for (int i = 0; i < 5; i++) {
        assert_true(sk__heap_top(&heap)->key == sorted[i]);
        sk__heap_remove(&heap, sk__heap_top(&heap));
    }
    sk__heap_free(&heap);
}

/* ---- memory ---- */

static void *refuse(void *memory, size_t size, void *user_data) {
    int *left = user_data;

    return (*left)-- > 0 ? realloc(memory, size) : NULL;
}

static void *refuse_new(size_t size, void *user_data) {
    return refuse(NULL, size, user_data);
}

static void give_back(void *memory, void *user_data) {
    (void)user_data;
    free(memory);
}

static void out_of_memory_leaves_the_heap_as_it_was(void **state) {
    int left = 1;
    seckill_allocator allocator = {refuse_new, refuse, give_back, &left};
    sk__heap heap;
    sk__heap_node nodes[NODES] = {{0, 0}};
    size_t count = 0;

    (void)state;
    sk__heap_init(&heap, &allocator);
    while (count < NODES && sk__heap_add(&heap, &nodes[count], -(int64_t)count))
        count++;
    assert_in_range(count, 1, NODES - 1);
    assert_int_equal(nodes[count].place, 0);
    assert_int_equal(heap.count, count);
    check(&heap);
    left = 1;
    assert_true(sk__heap_add(&heap, &nodes[count], -(int64_t)count));
    assert_ptr_equal(sk__heap_top(&heap), &nodes[count]);
    sk__heap_free(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_top),
        cmocka_unit_test(what_goes_in_comes_out_sorted),
        cmocka_unit_test(nodes_leave_from_the_middle),
        cmocka_unit_test(extreme_keys_are_in_order),
        cmocka_unit_test(out_of_memory_leaves_the_heap_as_it_was),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
