/* Connections counted by address, without a socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static http_peers peers; /* large: not on the stack */

static int open_peers(void **state) {
    (void)state;
    return http_peers_init(&peers);
}

static int close_peers(void **state) {
    (void)state;
    for (size_t i = 0; i < HTTP_PEERS_BUCKETS; i++)
        assert_null(peers.buckets[i]); /* who is gone takes no memory */
    http_peers_free(&peers);
    return 0;
}

/* Whether the second one is counted with the first, of whom there are as many as there may be. */
static bool are_one(const char *first, const char *second) {
    http_peer *one = http_peers_enter(&peers, first, 1), *other = http_peers_enter(&peers, second, 1);
    assert_non_null(one);
    http_peers_leave(&peers, one);
    if (other != NULL)
        http_peers_leave(&peers, other);
    return other == NULL;
}

static void test_addresses(void **state) {
    (void)state;
    assert_true(are_one("192.0.2.7", "192.0.2.7"));
    assert_false(are_one("192.0.2.7", "192.0.2.8"));
    assert_false(are_one("0.0.0.0", "255.255.255.255"));
    assert_true(are_one("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_false(are_one("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert_false(are_one("::1", "0.0.0.0"));
    assert_false(are_one("::1", "127.0.0.1"));
}

static void test_bound(void **state) {
    (void)state;
    http_peer *held[3];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            assert_non_null(held[i] = http_peers_enter(&peers, "192.0.2.7", 3));
        assert_null(http_peers_enter(&peers, "192.0.2.7", 3));
        http_peers_leave(&peers, held[0]);
        assert_non_null(held[0] = http_peers_enter(&peers, "192.0.2.7", 3));
        assert_null(http_peers_enter(&peers, "192.0.2.7", 3));
        for (int i = 0; i < 3; i++)
            http_peers_leave(&peers, held[i]);
    }
}

/* More addresses than there are buckets, in an order that meets each bucket's list everywhere. */
static void test_many(void **state) {
    (void)state;
    enum { MANY = 4 * HTTP_PEERS_BUCKETS };
    static http_peer *held[MANY];
    char text[64];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "2001:db8:%x:%x::1", i >> 8, i & 255);
        assert_non_null(held[i] = http_peers_enter(&peers, text, 1));
        assert_null(http_peers_enter(&peers, text, 1));
    }
    for (unsigned i = 0, at = 0; i < MANY; i++, at = (at + 4099) % MANY)
        http_peers_leave(&peers, held[at]);
}

/* ---- from several threads */

enum { THREADS = 4, ROUNDS = 20000, MOST = 2 };

static atomic_int inside, worst;

static void come_and_go(void *argument) {
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        http_peer *peer = http_peers_enter(&peers, "192.0.2.9", MOST);
        if (peer == NULL)
            continue;
        int now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&worst);
        while (now > most && !atomic_compare_exchange_weak(&worst, &most, now))
            continue;
        atomic_fetch_sub(&inside, 1);
        http_peers_leave(&peers, peer);
    }
}

static void test_threads(void **state) {
    (void)state;
    uv_thread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], come_and_go, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    assert_in_range(atomic_load(&worst), 1, MOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, open_peers, close_peers);
}
