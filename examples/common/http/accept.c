/* http: how a connection begins: it is taken, counted, and turned away where there are too many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { TURNED_AWAY_MAX = 64 }; /* connections beyond the limits that are told so at one time; more are just closed */

static void insert(http_server *server, http_connection *connection) {
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->connections = connection;
    server->count++;
}

static int init_stream(http_server *server, http_connection *connection) {
    connection->stream.handle.data = connection;
    if (server->listener.handle.type == UV_TCP)
        return uv_tcp_init(server->loop, &connection->stream.tcp);
    return uv_pipe_init(server->loop, &connection->stream.pipe, 0);
}

static bool write_address(http_connection *connection, int family, const void *bytes) {
    return inet_ntop(family, bytes, connection->address, sizeof connection->address) != NULL;
}

/* An IPv4 peer of a socket that serves both is ::ffff:192.0.2.7 there. False: the peer is gone already. */
static bool take_address(http_connection *connection) {
    struct sockaddr_in6 peer = {0}; /* large enough for both */
    socklen_t size = sizeof peer;
    if (connection->server->listener.handle.type != UV_TCP)
        return true;
    if (getpeername(connection->fd, (struct sockaddr *)&peer, &size) != 0)
        return false;
    if (peer.sin6_family == AF_INET)
        return write_address(connection, AF_INET, &((const struct sockaddr_in *)(const void *)&peer)->sin_addr);
    if (IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr))
        return write_address(connection, AF_INET, &peer.sin6_addr.s6_addr[12]);
    return write_address(connection, AF_INET6, &peer.sin6_addr);
}

static void turn_away(http_connection *connection, const http_refusal *refusal) {
    http_server *server = connection->server;
    atomic_fetch_sub(&server->peers->connections, 1);
    connection->turned_away = true;
    server->refused++;
    if (++server->turned_away > TURNED_AWAY_MAX)
        http_connection_close(connection);
    else
        http_connection_refuse(connection, refusal);
}

/* False: its address has as many as it may have. */
static bool count_address(http_connection *connection) {
    http_server *server = connection->server;
    uint32_t most = server->limits.address_connections;
    if (most == 0 || connection->address[0] == '\0')
        return true;
    connection->peer = http_peers_enter(server->peers, connection->address, most);
    return connection->peer != NULL;
}

static void begin_or_turn_away(http_connection *connection, bool too_many) {
    static const http_refusal all = {503, "this server has as many connections as it may have"};
    static const http_refusal address = {429, "this address has as many connections as it may have"};
    if (too_many || !count_address(connection))
        turn_away(connection, too_many ? &all : &address);
    else
        http_connection_begin(connection);
}

bool http_connection_accept(http_server *server) {
    http_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return false;
    connection->server = server;
    connection->state = CONNECTION_READING;
    deadline_init(&connection->deadline);
    if (init_stream(server, connection) != 0) {
        free(connection);
        return false;
    }
    bool too_many = atomic_fetch_add(&server->peers->connections, 1) >= server->limits.connections;
    insert(server, connection);
    if (uv_accept(&server->listener.stream, &connection->stream.stream) != 0 ||
        uv_fileno(&connection->stream.handle, &connection->fd) != 0 || !take_address(connection))
        http_connection_close(connection);
    else
        begin_or_turn_away(connection, too_many);
    return true;
}
