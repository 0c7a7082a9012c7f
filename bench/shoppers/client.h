/* An HTTP client for many requests: a fixed number of keep-alive connections, each with one request under way. One thread, one
 * libuv loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_CLIENT_H
#define SECKILL_BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum { CLIENT_REQUEST_MAX = 4096, CLIENT_BODY_MAX = 16384 };

/* An answer. It is valid during the callback. */
typedef struct {
    int code;            /* HTTP status; 0: none came: refused, disconnected, timed out, or garbage */
    int64_t retry_after; /* seconds; -1: none was given */
    const char *body;    /* NUL-terminated too */
    size_t size;
    uint64_t microseconds; /* from sending to the answer's last byte; connecting counts where it was needed */
} client_answer;

/* With a NULL answer: a connection is free again. */
typedef void (*client_cb)(const client_answer *answer, void *about, void *user_data);

typedef struct http_client http_client;

/* Makes a client that connects when it has something to send.
 *   address       "host:port" with a numeric host, or "unix:/path", or a path that begins with / or .
 *   connections   how many at most
 *   timeout_ms    a request without an answer after this is given up with its connection
 *   on_answer     runs once for each request, from the loop
 * NULL: the address is malformed, or out of memory. */
http_client *client_new(uv_loop_t *loop, const char *address, unsigned connections, uint64_t timeout_ms, client_cb on_answer,
                        void *user_data);

/* Whether a request can be sent now. */
int client_ready(const http_client *client);

/* Sends a request on an idle connection; `client_ready` must hold.
 *   head    request line and headers, each ended by \r\n, without Host, Content-Type and Content-Length
 *   body    JSON; its size is strlen(body); "": none
 *   about   given to the callback
 * 0: too long, and nothing was sent. */
int client_send(http_client *client, const char *head, const char *body, void *about);

/* Connections that were made, and that ended while a request was under way. */
uint64_t client_connected(const http_client *client);
uint64_t client_disconnected(const http_client *client);

/* Closes all; no callback runs any more. Run the loop once more to its end, then client_free. */
void client_close(http_client *client);
void client_free(http_client *client);

#endif
