/* The HTTP server's clock, where connections ask for their next turn without a pause.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/connection.h"
#include "http/listen.h"
#include "http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

enum { TURNS_MAX = 1000, PATIENCE_MS = 20000 };

static uv_loop_t loop;
static uv_check_t check;
static http_server server;
static http_peers peers;
static int peer;
static bool refused;
static int turns;

static void on_request(http_exchange *exchange, void *user_data) {
    (void)exchange;
    (void)user_data;
    fail();
}

static void on_refused(const http_refusal *refusal, http_reply *reply, void *user_data) {
    (void)user_data;
    reply->status = refusal->status;
    refused = refusal->status == 408;
}

static void on_closed(void *user_data) {
    (void)user_data;
}

/* In each turn, when a millisecond has just begun, somebody wants the next turn. */
static void on_turn(uv_check_t *handle) {
    for (uint64_t now = uv_now(&loop); uv_now(&loop) == now;)
        uv_update_time(&loop);
    if (!refused && ++turns < TURNS_MAX) {
        http_server_tick_soon(&server);
        return;
    }
    uv_close((uv_handle_t *)handle, NULL);
    http_server_abort(&server);
}

static void open_server(void) {
    static const http_handlers handlers = {on_request, on_refused, on_closed};
    static const http_limits limits = {.target_bytes = 1024,
                                       .header_bytes = 2048,
                                       .body_bytes = 256,
                                       .requests = 100,
                                       .connections = 10,
                                       .header_timeout_ms = 20,
                                       .body_timeout_ms = 20,
                                       .idle_timeout_ms = PATIENCE_MS,
                                       .write_timeout_ms = PATIENCE_MS};
    listen_address address;
    char trouble[256];
    int sockets[1];
    assert_int_equal(listen_bind("127.0.0.1:0", sockets, 1, &address, trouble), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(http_peers_init(&peers), 0);
    assert_int_equal(http_server_open(&server, &loop, sockets[0], false, &limits, &peers, &handlers, NULL), 0);
}

/* Whose header does not come to its end. */
static void connect_slowly(void) {
    static const char begin[] = "GET / HTTP/1.1\r\n";
    struct sockaddr_storage name;
    int size = sizeof name;
    assert_int_equal(uv_tcp_getsockname(&server.listener.tcp, (struct sockaddr *)&name, &size), 0);
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peer, (const struct sockaddr *)&name, (socklen_t)size), 0);
    assert_int_equal(send(peer, begin, sizeof begin - 1, MSG_NOSIGNAL), sizeof begin - 1);
}

static void test_deadlines_are_kept(void **state) {
    (void)state;
    open_server();
    connect_slowly();
    assert_int_equal(uv_check_init(&loop, &check), 0);
    assert_int_equal(uv_check_start(&check, on_turn), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(refused);
    assert_int_equal(uv_loop_close(&loop), 0);
    http_peers_free(&peers);
    close(peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deadlines_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
