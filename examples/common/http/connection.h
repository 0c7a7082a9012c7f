/* http: one connection of an HTTP server; only server.c and accept.c use this.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "server.h"

typedef enum {
    CONNECTION_READING,   /* a request, or waiting for one */
    CONNECTION_ANSWERING, /* a request is with its handler */
    CONNECTION_WRITING,   /* an answer did not fit into the socket at once */
    CONNECTION_LINGERING, /* the last answer is written: waits for the peer to close, so that it can read that answer */
    CONNECTION_CLOSING
} connection_state;

/* An idle connection has no memory besides this. */
typedef struct http_connection {
    http_stream stream;
    http_server *server;
    struct http_connection *next, *previous;
    deadline deadline;
    http_parser parser;
    http_request request;
    http_exchange exchange;
    union {
        uv_write_t write;
        uv_shutdown_t shutdown;
    } pending;
    char *out;  /* what is being written, while CONNECTION_WRITING */
    char *kept; /* what was read behind the request that is being answered */
    size_t kept_size;
    size_t lingered;
    uv_os_fd_t fd;
    char address[HTTP_ADDRESS_TEXT]; /* the peer's, as text; "": a unix socket's, which has none */
    http_peer *peer;                 /* the address that it is counted for; NULL: none */
    uint32_t requests;
    uint32_t burst; /* requests since others had a turn */
    connection_state state;
    bool in_request;  /* its first byte has come */
    bool taking;      /* input is being taken, further up the stack */
    bool reading;     /* libuv reads */
    bool ended;       /* the peer sends no more */
    bool last;        /* the answer that comes closes the connection */
    bool turned_away; /* it came beyond the limit */
} http_connection;

/* Takes a connection from the server's listener. False: out of memory, it must be tried again. */
bool http_connection_accept(http_server *server);

/* For accept.c: waits for the first request; or answers, instead of a request, that there will be none. */
void http_connection_begin(http_connection *connection);
void http_connection_refuse(http_connection *connection, const http_refusal *refusal);

/* Closes now, whatever is under way. */
void http_connection_close(http_connection *connection);

/* Its deadline has passed. */
void http_connection_overdue(http_connection *connection);

/* For connection.c: a connection is gone; look for deadlines in the next turn of the loop or soon after. */
void http_server_connection_closed(http_server *server);
void http_server_tick_soon(http_server *server);

#endif
