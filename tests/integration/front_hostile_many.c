/* seckill-front and masses: connections from one address, floods of pipelined requests, thousands of hostile connections. Its
 * memory stays bounded, and an honest peer is answered meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile.h"
#include "hostile_shapes.h"
#include "process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: test\r\n"
#define MANY "GET /many HTTP/1.1\r\n" HOST "\r\n"
#define HEALTH "GET /healthz HTTP/1.1\r\n" HOST "\r\n"
#define TURNED_AWAY "seckill_front_connections_turned_away_total"

enum {
    PEERS = 200,
    MORE_KIB =
        24 * 1024 /* of memory that any of this may take: for each of the PEERS at most 50, the rest is the allocator's */
};

static front_answer answer; /* large: not on the stack */
static int honest;          /* a connection that does nothing wrong */

static int open_front(void **state) {
    static const char *const options[] = {"--max-connections-per-address", "0", NULL};
    *state = front_open(10, 5, options);
    assert_true(front_wait_health(*state, 200));
    honest = front_connect(*state);
    return 0;
}

static int close_front(void **state) {
    close(honest);
    front_close(*state);
    return 0;
}

static void assert_memory(const front *one, int64_t before) {
    int64_t now = hostile_memory(one);
    if (now > before + MORE_KIB)
        fail_msg("%lld KiB, and %lld before", (long long)now, (long long)before);
}

/* ---- connections from one address */

static void assert_turned_away(int fd) {
    front_read(fd, &answer);
    assert_true(front_says(&answer, 429, "too_many_connections"));
    assert_true(front_has_field(&answer, "Retry-After: 1"));
    assert_true(front_has_field(&answer, "Connection: close"));
    assert_true(front_at_end(fd));
    close(fd);
}

/* Opens connections until `most` are answered; the next one is not. */
static void fill(const front *one, const char *address, int *fds, int most) {
    for (int i = 0; i < most; i++)
        assert_true(hostile_asks(fds[i] = hostile_connect_from(one, address)));
    assert_turned_away(hostile_connect_from(one, address));
}

static void close_all(const int *fds, int count) {
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

/* Half of them with a reset, half in order. */
static void drop_all(const int fds[PEERS]) {
    for (int i = 0; i < PEERS; i++)
        if (i % 2 == 0)
            front_reset(fds[i]);
        else
            close(fds[i]);
}

static void test_one_address(void **state) {
    (void)state;
    static const char *const options[] = {"--max-connections-per-address", "4", "--loops", "3", NULL};
    front *one = front_open(5, 1, options);
    int first[4], second[4];
    fill(one, "127.0.0.2", first, 4); /* of all loops together */
    fill(one, "127.0.0.3", second, 4);
    for (int i = 0; i < 4; i++)
        assert_true(hostile_asks(first[i]) && hostile_asks(second[i]));
    close_all(first, 4);
    assert_true(front_wait_metric(one, "seckill_front_connections 4"));
    assert_int_equal(front_metric(one, TURNED_AWAY), 2);
    fill(one, "127.0.0.2", first, 4); /* all of its places are free again */
    close_all(first, 4);
    close_all(second, 4);
    front_close(one);
}

/* Those that are turned away are counted for nobody, however many come, and whether they wait for an answer or not. */
static void test_turned_away(void **state) {
    (void)state;
    static const char *const options[] = {"--max-connections-per-address", "2", "--max-connections", "4", NULL};
    front *one = front_open(5, 1, options);
    int held[2], fds[PEERS];
    fill(one, "127.0.0.2", held, 2);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < PEERS; i++) {
            fds[i] = hostile_connect_from(one, "127.0.0.2");
            front_send(fds[i], MANY);
        }
        assert_true(hostile_asks(held[0]) && hostile_asks(held[1]));
        int other = hostile_connect_from(one, "127.0.0.3");
        assert_true(hostile_asks(other));
        close(other);
        drop_all(fds);
    }
    close_all(held, 2);
    assert_true(front_wait_metric(one, "seckill_front_connections 0"));
    front_close(one);
}

/* The default is some hundreds; behind a gateway, which has all connections, it is none. */
static void test_default(void **state) {
    (void)state;
    static const char *const gateway[] = {"--trust-user-header", "X-User", NULL};
    int fds[256 + PEERS];
    front *one = front_open(5, 1, NULL);
    fill(one, "127.0.0.2", fds, 256);
    close_all(fds, 256);
    front_close(one);
    one = front_open(5, 1, gateway);
    for (int i = 0; i < 256 + PEERS; i++)
        assert_true(hostile_asks(fds[i] = hostile_connect_from(one, "127.0.0.2")));
    close_all(fds, 256 + PEERS);
    front_close(one);
}

/* ---- many requests at once */

/* All are answered, in their order, with others in between. */
static void test_pipelined(void **state) {
    enum { REQUESTS = 3000 };
    static char text[REQUESTS * sizeof HEALTH];
    size_t size = 0;
    for (int i = 0; i < REQUESTS; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", i % 3 == 0 ? HEALTH : MANY);
    int fd = front_connect(*state);
    assert_true(front_send_bytes(fd, text, size));
    for (int i = 0; i < REQUESTS; i++) {
        front_read(fd, &answer);
        assert_int_equal(answer.status, i % 3 == 0 ? 200 : 404);
        if (i % 100 == 0)
            assert_true(hostile_asks(honest));
    }
    close(fd);
}

/* Fills `text` with as many requests as fit; returns its size. */
static size_t repeat(const char *request, char *text, size_t room) {
    size_t size = 0;
    while (size + strlen(request) < room)
        size += (size_t)snprintf(text + size, room - size, "%s", request);
    return size;
}

/* All wait for the front at one time, the honest one behind all others: it is not the last to be answered. */
static void test_turns(void **state) {
    static char text[1500 * sizeof MANY];
    static const char ask[] = "GET /metrics HTTP/1.1\r\n" HOST "\r\n";
    static const char counted[] = "{route=\"none\",code=\"no_such_path\"} ";
    const front *one = *state;
    int fds[PEERS];
    long long sent = 0, before = front_metric(one, "seckill_front_requests_total{route=\"none\",code=\"no_such_path\"}");
    size_t size = repeat(MANY, text, sizeof text);
    for (int i = 0; i < PEERS; i++)
        assert_true(hostile_asks(fds[i] = front_connect(one)));
    assert_true(process_pause(one->pid));
    for (int i = 0; i < PEERS; i++) {
        ssize_t went = send(fds[i], text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(went > 0);
        sent += went / (ssize_t)strlen(MANY);
    }
    assert_true(front_send(honest, ask));
    assert_int_equal(kill(one->pid, SIGCONT), 0);
    front_read(honest, &answer);
    const char *line = strstr(answer.body, counted);
    long long answered = line != NULL ? strtoll(line + strlen(counted), NULL, 10) - before : 0;
    if (answered > sent / 4)
        fail_msg("%lld of %lld came first", answered, sent);
    close_all(fds, PEERS);
    assert_true(hostile_asks(honest));
}

/* Sends on each connection what goes; reads what has come, or does not. */
static void flood_round(struct pollfd *watched, const char *text, size_t size, bool reads) {
    static char sink[1 << 16];
    assert_true(poll(watched, PEERS, 0) >= 0);
    for (int i = 0; i < PEERS; i++) {
        if ((watched[i].revents & POLLIN) != 0 && reads)
            (void)recv(watched[i].fd, sink, sizeof sink, MSG_DONTWAIT);
        if ((watched[i].revents & POLLOUT) != 0)
            (void)send(watched[i].fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* Who sends requests as fast as can be, and reads the answers or not. */
static void flood(void **state, bool reads) {
    static char text[500 * sizeof MANY];
    struct pollfd watched[PEERS];
    int64_t before = hostile_memory(*state);
    size_t size = repeat(MANY, text, sizeof text);
    for (int i = 0; i < PEERS; i++)
        watched[i] = (struct pollfd){front_connect(*state), POLLIN | POLLOUT, 0};
    for (int round = 0; round < 40; round++) {
        flood_round(watched, text, size, reads);
        assert_true(hostile_asks(honest));
    }
    assert_memory(*state, before);
    for (int i = 0; i < PEERS; i++)
        close(watched[i].fd);
    assert_true(hostile_asks(honest));
}

static void test_flood(void **state) {
    flood(state, true);
}

static void test_flood_unread(void **state) {
    flood(state, false);
}

/* ---- memory */

/* As much as one connection can make the front keep. */
static void test_full(void **state) {
    static char text[40 * 1024];
    int fds[PEERS];
    int64_t before = hostile_memory(*state);
    size_t size = (size_t)snprintf(text, sizeof text, "POST /v1/orders HTTP/1.1\r\n" HOST "Content-Length: 8192\r\nX: ");
    while (size < 16000)
        text[size++] = 'x';
    size += (size_t)snprintf(text + size, sizeof text - size, "\r\n\r\n");
    while (size < 16000 + 8000)
        text[size++] = ' ';
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < PEERS; i++) {
            fds[i] = front_connect(*state);
            assert_true(
                front_send_bytes(fds[i], text, size - (size_t)(i % 2) * 10000)); /* a body, or a header, without its end */
        }
        assert_true(hostile_asks(honest));
        assert_memory(*state, before);
        close_all(fds, PEERS);
    }
    assert_true(hostile_asks(honest));
}

static void test_thousands(void **state) {
    enum { ROUNDS = 20 };
    int fds[PEERS];
    int64_t before = hostile_memory(*state);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PEERS; i++) {
            const hostile_shape *shape = &hostile_shapes[(size_t)(round * PEERS + i) % hostile_shape_count];
            fds[i] = front_connect(*state);
            front_send_bytes(fds[i], shape->text, shape->size);
            front_send(fds[i], hostile_marker);
        }
        assert_true(hostile_asks(honest));
        drop_all(fds);
        assert_memory(*state, before);
    }
    assert_true(front_wait_metric(*state, "seckill_front_connections 1")); /* the honest one */
    assert_true(hostile_asks(honest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_address),  cmocka_unit_test(test_turned_away), cmocka_unit_test(test_default),
        cmocka_unit_test(test_turns),        cmocka_unit_test(test_pipelined),   cmocka_unit_test(test_flood),
        cmocka_unit_test(test_flood_unread), cmocka_unit_test(test_full),        cmocka_unit_test(test_thousands),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
