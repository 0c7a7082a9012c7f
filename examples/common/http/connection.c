/* http: one connection of an HTTP server: reading, answering in order, writing, closing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "connection.h"

#include "reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    JOINED_MAX = 4096, /* bytes of an answer's body that are copied behind its header: one part is written faster than two */
    LINGER_MAX = 64 * 1024, /* bytes that a peer may still send after its last answer before it is cut off */
    BURST = 4               /* requests of one connection that are answered before all others have had a turn */
};

static void resume_input(http_connection *connection);

static uint64_t now_ms(const http_connection *connection) {
    return uv_now(connection->server->loop);
}

static void wait_for(http_connection *connection, int kind) {
    deadline_set(&connection->server->deadlines, &connection->deadline, kind, now_ms(connection));
}

/* ---- closing */

static void on_closed(uv_handle_t *handle) {
    http_connection *connection = handle->data;
    http_server *server = connection->server;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    server->count--;
    if (connection->turned_away)
        server->turned_away--;
    else
        atomic_fetch_sub(&server->peers->connections, 1);
    if (connection->peer != NULL)
        http_peers_leave(server->peers, connection->peer);
    http_request_clear(&connection->request);
    free(connection->kept);
    free(connection->out);
    free(connection);
    http_server_connection_closed(server);
}

void http_connection_close(http_connection *connection) {
    connection_state state = connection->state;
    if (state == CONNECTION_CLOSING)
        return;
    connection->state = CONNECTION_CLOSING;
    deadline_clear(&connection->deadline);
    if (state == CONNECTION_ANSWERING) {
        connection->server->in_progress--;
        if (connection->exchange.abandoned != NULL)
            connection->exchange.abandoned(&connection->exchange);
    }
    uv_close(&connection->stream.handle, on_closed);
}

/* ---- reading on and off */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)suggested;
    http_connection *connection = handle->data;
    *buffer = uv_buf_init(connection->server->read_buffer, HTTP_READ_BUFFER);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void read_on(http_connection *connection) {
    if (connection->reading || connection->ended)
        return;
    if (uv_read_start(&connection->stream.stream, on_room, on_read) != 0)
        http_connection_close(connection);
    else
        connection->reading = true;
}

static void read_off(http_connection *connection) {
    if (connection->reading)
        uv_read_stop(&connection->stream.stream);
    connection->reading = false;
}

/* ---- the end of a connection: the peer must get its last answer, so the socket is not closed over bytes that were not read */

static void on_shutdown(uv_shutdown_t *request, int status) {
    (void)request;
    (void)status; /* the peer's end, or the deadline, closes */
}

static void linger(http_connection *connection) {
    http_request_clear(&connection->request);
    free(connection->kept);
    connection->kept = NULL;
    connection->kept_size = 0;
    connection->state = CONNECTION_LINGERING;
    if (connection->ended || uv_shutdown(&connection->pending.shutdown, &connection->stream.stream, on_shutdown) != 0) {
        http_connection_close(connection);
        return;
    }
    wait_for(connection, DEADLINE_LINGER);
    read_on(connection);
}

/* ---- writing */

static void wait_for_request(http_connection *connection) {
    http_request_clear(&connection->request);
    connection->state = CONNECTION_READING;
    connection->in_request = false;
    wait_for(connection, DEADLINE_IDLE);
    if (!connection->taking)
        resume_input(connection);
}

static void answer_written(http_connection *connection) {
    if (connection->last)
        linger(connection);
    else
        wait_for_request(connection);
}

static void on_write(uv_write_t *request, int status) {
    http_connection *connection = request->handle->data;
    free(connection->out);
    connection->out = NULL;
    if (connection->state == CONNECTION_CLOSING)
        return;
    if (status != 0)
        http_connection_close(connection);
    else
        answer_written(connection);
}

/* Writes what the socket did not take at once: the parts from `sent` on, copied together. */
static void write_rest(http_connection *connection, const uv_buf_t parts[2], size_t sent) {
    size_t total = parts[0].len + parts[1].len, size = 0;
    char *out = malloc(total);
    if (out == NULL) {
        http_connection_close(connection);
        return;
    }
    for (int i = 0; i < 2; i++) {
        size_t skipped = sent < parts[i].len ? sent : parts[i].len;
        if (parts[i].len != skipped)
            memcpy(out + size, parts[i].base + skipped, parts[i].len - skipped);
        size += parts[i].len - skipped;
        sent -= skipped;
    }
    connection->out = out;
    connection->state = CONNECTION_WRITING;
    wait_for(connection, DEADLINE_WRITE);
    uv_buf_t rest = uv_buf_init(out, (unsigned)size);
    if (uv_write(&connection->pending.write, &connection->stream.stream, &rest, 1, on_write) != 0)
        http_connection_close(connection);
}

/* As uv_try_write, but not by way of the file layer. Nothing is ever queued before. */
static ssize_t send_now(const http_connection *connection, uv_buf_t part) {
    ssize_t sent = send(connection->fd, part.base, part.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? sent : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void write_parts(http_connection *connection, const uv_buf_t parts[2]) {
    ssize_t sent = send_now(connection, parts[0]), more = 0;
    if (sent == (ssize_t)parts[0].len && parts[1].len != 0)
        more = send_now(connection, parts[1]);
    if (sent < 0 || more < 0)
        http_connection_close(connection);
    else if ((size_t)(sent + more) == parts[0].len + parts[1].len)
        answer_written(connection);
    else
        write_rest(connection, parts, (size_t)(sent + more));
}

static void write_reply(http_connection *connection, http_reply *reply) {
    const http_request *request = &connection->request;
    char head[HTTP_REPLY_HEAD_MAX + JOINED_MAX];
    const char *token = connection->last ? "close" : request->version_10 ? "keep-alive" : NULL;
    bool with_body = request->verb != HTTP_VERB_HEAD && reply->body != NULL;
    uv_buf_t parts[2] = {
        uv_buf_init(head, (unsigned)http_reply_head(reply, token, head)),
        uv_buf_init(reply->body, with_body ? (unsigned)reply->body_size : 0),
    };
    if (with_body && reply->body_size <= JOINED_MAX) {
        memcpy(head + parts[0].len, reply->body, reply->body_size);
        parts[0].len += parts[1].len;
        parts[1].len = 0;
    }
    deadline_clear(&connection->deadline);
    write_parts(connection, parts);
    free(reply->body);
    reply->body = NULL;
}

/* ---- answering */

static http_connection *connection_of(http_exchange *exchange) {
    return (http_connection *)(void *)((char *)exchange - offsetof(http_connection, exchange));
}

void http_exchange_reply(http_exchange *exchange, http_reply *reply) {
    http_connection *connection = connection_of(exchange);
    http_server *server = connection->server;
    server->in_progress--;
    connection->state = CONNECTION_WRITING;
    if (!connection->request.keep_alive || server->stopping || connection->requests >= server->limits.requests)
        connection->last = true;
    write_reply(connection, reply);
}

static void answer(http_connection *connection) {
    http_server *server = connection->server;
    connection->state = CONNECTION_ANSWERING;
    deadline_clear(&connection->deadline);
    connection->requests++;
    connection->burst++;
    server->in_progress++;
    connection->exchange =
        (http_exchange){.request = &connection->request, .begun_ns = uv_hrtime(), .address = connection->address};
    server->handlers.request(&connection->exchange, server->user_data);
    if (connection->state == CONNECTION_ANSWERING) /* not answered yet: nobody reads the text any more */
        http_request_forget(&connection->request);
}

/* What comes behind no acceptable request cannot be understood, so the connection ends. */
void http_connection_refuse(http_connection *connection, const http_refusal *refusal) {
    http_reply reply = {0};
    connection->server->handlers.refused(refusal, &reply, connection->server->user_data);
    connection->state = CONNECTION_WRITING;
    connection->last = true;
    write_reply(connection, &reply);
}

/* ---- taking input */

static void header_complete(http_connection *connection, bool body_seen) {
    static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!connection->parser.expect_continue || body_seen)
        return;
    uv_buf_t part = uv_buf_init(text, sizeof text - 1);
    if (send_now(connection, part) != (ssize_t)part.len)
        http_connection_close(connection); /* a new request, and no room in the socket: the peer does not read */
}

static void begin_request(http_connection *connection) {
    connection->in_request = true;
    http_parser_begin(&connection->parser, &connection->server->limits, &connection->request);
}

/* Most requests come in one piece, and need no time limit of their own. */
static void wait_for_rest(http_connection *connection) {
    int kind = connection->parser.part == HTTP_PART_HEADER ? DEADLINE_HEADER : DEADLINE_BODY;
    if (connection->deadline.kind != kind)
        wait_for(connection, kind);
}

/* Feeds the parser; returns how much it took. */
static size_t feed(http_connection *connection, const char *data, size_t size) {
    http_parser *parser = &connection->parser;
    size_t used, more = 0;
    http_feed outcome = http_parser_feed(parser, data, size, &used);
    if (outcome == HTTP_FEED_HEADER) {
        header_complete(connection, used < size);
        if (connection->state == CONNECTION_READING)
            outcome = http_parser_feed(parser, data + used, size - used, &more);
    }
    if (outcome == HTTP_FEED_DONE)
        answer(connection);
    else if (outcome == HTTP_FEED_REFUSED)
        http_connection_refuse(connection, &parser->refusal);
    return used + more;
}

/* What comes behind a request waits for its answer, and nothing more is read until then. */
static void keep(http_connection *connection, const char *data, size_t size) {
    read_off(connection);
    connection->kept = malloc(size);
    if (connection->kept == NULL) {
        http_connection_close(connection);
        return;
    }
    memcpy(connection->kept, data, size);
    connection->kept_size = size;
}

/* A peer that sends many requests at once could keep the loop to itself: the others come first. */
static void rest(http_connection *connection, const char *data, size_t size) {
    read_off(connection);
    wait_for(connection, DEADLINE_REST);
    http_server_tick_soon(connection->server);
    if (size != 0)
        keep(connection, data, size);
}

static void take_input(http_connection *connection, const char *data, size_t size) {
    connection->taking = true;
    while (size != 0 && connection->state == CONNECTION_READING && connection->burst < BURST) {
        if (!connection->in_request)
            begin_request(connection);
        size_t used = feed(connection, data, size);
        data += used;
        size -= used;
    }
    connection->taking = false;
    if (connection->state == CONNECTION_READING && connection->in_request)
        wait_for_rest(connection);
    else if (connection->state == CONNECTION_READING && connection->burst >= BURST)
        rest(connection, data, size);
    if (size != 0 && (connection->state == CONNECTION_ANSWERING || connection->state == CONNECTION_WRITING))
        keep(connection, data, size);
}

/* After an answer: what was kept, then what comes. */
static void resume_input(http_connection *connection) {
    char *kept = connection->kept;
    if (kept != NULL) {
        size_t size = connection->kept_size;
        connection->kept = NULL;
        connection->kept_size = 0;
        take_input(connection, kept, size);
        free(kept);
    }
    if (connection->state != CONNECTION_READING || connection->deadline.kind == DEADLINE_REST)
        return;
    if (connection->ended || (connection->server->stopping && !connection->in_request))
        http_connection_close(connection);
    else
        read_on(connection);
}

static void rested(http_connection *connection) {
    connection->burst = 0;
    wait_for(connection, DEADLINE_IDLE);
    resume_input(connection);
}

/* The peer sends no more. It may still read: an answer under way is given to it. */
static void input_ended(http_connection *connection) {
    connection->ended = true;
    read_off(connection);
    if (connection->state == CONNECTION_READING || connection->state == CONNECTION_LINGERING)
        http_connection_close(connection);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    http_connection *connection = stream->data;
    if (size < HTTP_READ_BUFFER) /* there is no more: a turn of the loop has passed, or will */
        connection->burst = 0;
    if (connection->state == CONNECTION_CLOSING || size == 0)
        return;
    if (size == UV_EOF)
        input_ended(connection);
    else if (size < 0)
        http_connection_close(connection);
    else if (connection->state == CONNECTION_READING)
        take_input(connection, buffer->base, (size_t)size);
    else if (connection->state != CONNECTION_LINGERING)
        keep(connection, buffer->base, (size_t)size);
    else if ((connection->lingered += (size_t)size) > LINGER_MAX)
        http_connection_close(connection);
}

void http_connection_overdue(http_connection *connection) {
    static const http_refusal header = {408, "the request's header did not come in time"};
    static const http_refusal body = {408, "the request's body did not come in time"};
    if (connection->deadline.kind == DEADLINE_REST)
        rested(connection);
    else if (connection->deadline.kind == DEADLINE_HEADER)
        http_connection_refuse(connection, &header);
    else if (connection->deadline.kind == DEADLINE_BODY)
        http_connection_refuse(connection, &body);
    else
        http_connection_close(connection);
}

void http_connection_begin(http_connection *connection) {
    if (connection->server->listener.handle.type == UV_TCP)
        uv_tcp_nodelay(&connection->stream.tcp, 1);
    wait_for(connection, DEADLINE_IDLE);
    read_on(connection);
}
