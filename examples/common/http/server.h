/* An HTTP/1.1 server on one libuv loop. It knows nothing of what it serves.
 *
 * Requests of one connection are answered one after another: while one is being answered, what comes behind it waits, and
 * reading pauses. Everything here runs on the loop's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "deadlines.h"
#include "limits.h"
#include "parser.h"
#include "peers.h"
#include "request.h"

#include <stdatomic.h>
#include <uv.h>

enum {
    HTTP_READ_BUFFER = 16 * 1024, /* bytes that are read at one time; what a pipelining peer may have waiting */
    HTTP_ADDRESS_TEXT = 46        /* of an address, with its NUL */
};

/* An answer. Begin with {0}; what is not set has a sensible default. */
typedef struct {
    int status;
    const char *content_type; /* a static string; NULL: application/json */
    char fields[256];         /* further header fields, each with its CR LF */
    char *body;               /* from malloc; taken over by http_exchange_reply; may be NULL */
    size_t body_size;
} http_reply;

/* One request and its answer. It exists from the call of handlers.request until it is answered or abandoned. */
typedef struct http_exchange http_exchange;

struct http_exchange {
    const http_request *request; /* its text is there only until handlers.request returns */
    uint64_t begun_ns;           /* uv_hrtime when the request was complete */
    const char *address;         /* the peer's: 192.0.2.7, 2001:db8::1; "" where it has none: a unix socket's */

    /* The handler's own. */
    void *user_data;
    int tag;
    uint32_t numbers[3];

    /* The handler's too: called if the peer is gone, or the server gives up, before there is an answer. The exchange must not
     * be used again after it. */
    void (*abandoned)(http_exchange *exchange);
};

typedef struct {
    /* A complete request. It must be answered once, now or later, by http_exchange_reply. */
    void (*request)(http_exchange *exchange, void *user_data);
    /* Fills in the answer to what was no acceptable request. */
    void (*refused)(const http_refusal *refusal, http_reply *reply, void *user_data);
    /* The server is closed and may be freed. */
    void (*closed)(void *user_data);
} http_handlers;

typedef union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
} http_stream;

typedef struct http_server {
    uv_loop_t *loop;
    http_stream listener;
    uv_timer_t timer;
    deadlines deadlines;
    http_limits limits;
    http_handlers handlers;
    void *user_data;
    struct http_connection *connections; /* a list */
    size_t count;                        /* of them */
    size_t turned_away;                  /* of them: those beyond the limit, on their way out */
    size_t in_progress;                  /* exchanges without an answer */
    http_peers *peers;                   /* of all servers of the process */
    uint64_t refused;                    /* connections turned away so far */
    char *read_buffer;
    int open_handles;  /* of the server's own */
    bool accept_again; /* a connection could not be accepted for want of memory */
    bool stopping;
} http_server;

/* Serves a bound socket, which the server owns from then on, also on failure. `unix_socket`: it is of that kind, not TCP.
 * `peers` is shared by all servers of the process and must outlive them. Returns 0, or a libuv error; then handlers.closed is
 * called nevertheless, later. */
int http_server_open(http_server *server, uv_loop_t *loop, int socket, bool unix_socket, const http_limits *limits,
                     http_peers *peers, const http_handlers *handlers, void *user_data);

/* Accepts no more, closes connections without a request, and the others when their answer is written. */
void http_server_stop(http_server *server);

/* Closes all connections now; exchanges are abandoned. */
void http_server_abort(http_server *server);

/* Answers an exchange; `reply->body` is taken over. The exchange must not be used again. */
void http_exchange_reply(http_exchange *exchange, http_reply *reply);

#endif
