/* An HTTP/1.1 server on one libuv loop: listening, deadlines, stopping.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server.h"

#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    TICK_MS = 50,    /* how often deadlines are looked at */
    REST_MS = 1,     /* how long a connection rests that has had its turn */
    LINGER_MS = 1000 /* how long a peer that got its last answer may take to close */
};

static void on_connection(uv_stream_t *listener, int status) {
    http_server *server = listener->data;
    if (status == 0 && !server->stopping && !http_connection_accept(server))
        server->accept_again = true;
}

static void on_tick(uv_timer_t *timer) {
    http_server *server = timer->data;
    uint64_t now = uv_now(server->loop);
    deadline *due;
    while ((due = deadlines_take(&server->deadlines, now)) != NULL)
        http_connection_overdue((http_connection *)(void *)((char *)due - offsetof(http_connection, deadline)));
    if (server->accept_again && !server->stopping)
        server->accept_again = !http_connection_accept(server);
}

/* Never later than it would be: or who makes connections rest one after the other puts off everybody's deadlines. */
void http_server_tick_soon(http_server *server) {
    if (uv_timer_get_due_in(&server->timer) > REST_MS)
        uv_timer_start(&server->timer, on_tick, REST_MS, TICK_MS);
}

/* ---- closing: the listener at once, the timer when the last connection is gone */

static void on_handle_closed(uv_handle_t *handle) {
    http_server *server = handle->data;
    if (--server->open_handles != 0)
        return;
    free(server->read_buffer);
    server->read_buffer = NULL;
    server->handlers.closed(server->user_data);
}

static void close_when_empty(http_server *server) {
    uv_handle_t *timer = (uv_handle_t *)&server->timer;
    if (server->stopping && server->count == 0 && !uv_is_closing(timer))
        uv_close(timer, on_handle_closed);
}

void http_server_connection_closed(http_server *server) {
    close_when_empty(server);
}

void http_server_stop(http_server *server) {
    if (server->stopping)
        return;
    server->stopping = true;
    uv_close(&server->listener.handle, on_handle_closed);
    for (http_connection *each = server->connections; each != NULL; each = each->next)
        if (each->state == CONNECTION_READING && !each->in_request)
            http_connection_close(each);
    close_when_empty(server);
}

void http_server_abort(http_server *server) {
    http_server_stop(server);
    for (http_connection *each = server->connections; each != NULL; each = each->next)
        http_connection_close(each);
}

/* ---- opening */

static int open_listener(http_server *server, int socket, bool unix_socket) {
    server->listener.handle.data = server;
    int error =
        unix_socket ? uv_pipe_init(server->loop, &server->listener.pipe, 0) : uv_tcp_init(server->loop, &server->listener.tcp);
    if (error == 0)
        error = unix_socket ? uv_pipe_open(&server->listener.pipe, socket) : uv_tcp_open(&server->listener.tcp, socket);
    if (error != 0)
        close(socket);
    if (error == 0)
        error = uv_listen(&server->listener.stream, BACKLOG, on_connection);
    return error;
}

static void init_deadlines(http_server *server) {
    const http_limits *limits = &server->limits;
    uint32_t wait_ms[DEADLINE_KINDS] = {
        [DEADLINE_REST] = REST_MS,
        [DEADLINE_IDLE] = limits->idle_timeout_ms,
        [DEADLINE_HEADER] = limits->header_timeout_ms,
        [DEADLINE_BODY] = limits->body_timeout_ms,
        [DEADLINE_WRITE] = limits->write_timeout_ms,
        [DEADLINE_LINGER] = LINGER_MS,
    };
    deadlines_init(&server->deadlines, wait_ms);
}

int http_server_open(http_server *server, uv_loop_t *loop, int socket, bool unix_socket, const http_limits *limits,
                     http_peers *peers, const http_handlers *handlers, void *user_data) {
    memset(server, 0, sizeof *server);
    server->loop = loop;
    server->limits = *limits;
    server->handlers = *handlers;
    server->user_data = user_data;
    server->peers = peers;
    server->open_handles = 2;
    init_deadlines(server);
    uv_timer_init(loop, &server->timer);
    server->timer.data = server;
    int error = open_listener(server, socket, unix_socket);
    server->read_buffer = malloc(HTTP_READ_BUFFER);
    if (error == 0 && server->read_buffer == NULL)
        error = UV_ENOMEM;
    if (error == 0)
        error = uv_timer_start(&server->timer, on_tick, TICK_MS, TICK_MS);
    if (error != 0)
        http_server_stop(server);
    return error;
}
