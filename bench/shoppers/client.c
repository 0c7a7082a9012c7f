/* See client.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "client.h"

#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { READ_SIZE = 65536, SWEEP_MS = 100 };

/* What a connection waits for. CLOSING: its handle is being closed; then it is idle again, or reconnects for what it has. */
typedef enum { IDLE, CONNECTING, WAITING, CLOSING } phase;

typedef struct {
    http_client *client;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_connect_t connecting;
    uv_write_t writing;
    llhttp_t parser;
    phase phase;
    int open;     /* the connection stands */
    int complete; /* the answer's last byte was parsed */
    int in_retry_after;
    int code; /* of the answer that is given on when the connection is closed */
    int64_t retry_after;
    void *about;
    uint64_t sent_at; /* microseconds */
    char request[CLIENT_REQUEST_MAX];
    size_t request_size;
    char body[CLIENT_BODY_MAX + 1];
    size_t body_size;
} connection;

struct http_client {
    uv_loop_t *loop;
    uv_timer_t sweep;
    int is_unix;
    struct sockaddr_storage address;
    char path[108];
    char host[128];
    uint64_t timeout_ms;
    client_cb on_answer;
    void *user_data;
    connection *all, **idle;
    unsigned count, idle_count;
    int closing;
    uint64_t connected, disconnected;
    llhttp_settings_t settings;
    char buffer[READ_SIZE]; /* what is read is parsed at once: one for all */
};

static uint64_t now_us(void) {
    return uv_hrtime() / 1000;
}

/* Gives the answer on and the connection back. The callback may send on it at once, so it comes last. */
static void answer(connection *c) {
    client_answer given = {c->code, c->retry_after, c->body, c->body_size, now_us() - c->sent_at};
    http_client *owner = c->client;
    void *about = c->about;
    c->body[c->body_size] = '\0';
    c->about = NULL;
    c->phase = IDLE;
    owner->idle[owner->idle_count++] = c;
    owner->on_answer(&given, about, owner->user_data);
}

static void on_closed(uv_handle_t *handle) {
    connection *c = handle->data;
    c->open = 0;
    c->phase = IDLE;
    if (c->client->closing) {
        return;
    }
    if (c->about) {
        answer(c);
    } else {
        c->client->idle[c->client->idle_count++] = c;
        c->client->on_answer(NULL, NULL, c->client->user_data);
    }
}

/* Ends a connection; a request that is under way is answered with 0 when it is closed. */
static void disconnect(connection *c) {
    http_client *owner = c->client;
    if (c->phase == CLOSING || uv_is_closing(&c->uv.handle)) {
        return;
    }
    owner->disconnected += c->about != NULL;
    for (unsigned i = 0; c->phase == IDLE && i < owner->idle_count; i++) {
        if (owner->idle[i] == c) {
            owner->idle[i] = owner->idle[--owner->idle_count];
        }
    }
    c->phase = CLOSING;
    c->code = 0;
    c->body_size = 0;
    c->retry_after = -1;
    uv_close(&c->uv.handle, on_closed);
}

/* ---- parsing ---- */

static int on_header_field(llhttp_t *parser, const char *at, size_t size) {
    connection *c = parser->data;
    /* A field that comes in two pieces is not recognised: a hint is lost, no more. */
    c->in_retry_after = size == 11 && strncasecmp(at, "retry-after", 11) == 0;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size) {
    connection *c = parser->data;
    if (c->in_retry_after && size > 0 && size < 8) {
        int64_t seconds = 0;
        for (size_t i = 0; i < size; i++) {
            if (at[i] < '0' || at[i] > '9') {
                return 0;
            }
            seconds = seconds * 10 + (at[i] - '0');
        }
        c->retry_after = seconds;
    }
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size) {
    connection *c = parser->data;
    if (size > CLIENT_BODY_MAX - c->body_size) {
        return -1;
    }
    memcpy(c->body + c->body_size, at, size);
    c->body_size += size;
    return 0;
}

static int on_message_complete(llhttp_t *parser) {
    connection *c = parser->data;
    c->complete = 1;
    return 0;
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer) {
    connection *c = handle->data;
    (void)size;
    *buffer = uv_buf_init(c->client->buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    connection *c = stream->data;
    if (size == 0) {
        return;
    }
    /* Bytes that nobody asked for are as bad as none. */
    if (size < 0 || c->phase != WAITING || llhttp_execute(&c->parser, buffer->base, (size_t)size) != HPE_OK) {
        disconnect(c);
        return;
    }
    if (c->complete) {
        c->code = c->parser.status_code;
        c->complete = 0;
        if (llhttp_should_keep_alive(&c->parser)) {
            answer(c);
        } else {
            c->phase = CLOSING;
            uv_close(&c->uv.handle, on_closed);
        }
    }
}

/* ---- sending ---- */

static void on_written(uv_write_t *request, int status) {
    connection *c = request->data;
    if (status < 0) {
        disconnect(c);
    }
}

static void write_request(connection *c) {
    uv_buf_t all = uv_buf_init(c->request, (unsigned)c->request_size);
    c->phase = WAITING;
    c->body_size = 0;
    c->retry_after = -1;
    llhttp_init(&c->parser, HTTP_RESPONSE, &c->client->settings);
    c->parser.data = c;
    int written = uv_try_write(&c->uv.stream, &all, 1);
    if (written == (int)c->request_size) {
        return;
    }
    if (written < 0 && written != UV_EAGAIN) {
        disconnect(c);
        return;
    }
    size_t done = written < 0 ? 0 : (size_t)written;
    all = uv_buf_init(c->request + done, (unsigned)(c->request_size - done));
    c->writing.data = c;
    if (uv_write(&c->writing, &c->uv.stream, &all, 1, on_written) != 0) {
        disconnect(c);
    }
}

static void on_connected(uv_connect_t *request, int status) {
    connection *c = request->data;
    if (status < 0 || c->phase != CONNECTING) {
        disconnect(c);
        return;
    }
    c->open = 1;
    c->client->connected++;
    if (!c->client->is_unix) {
        uv_tcp_nodelay(&c->uv.tcp, 1);
    }
    if (uv_read_start(&c->uv.stream, on_alloc, on_read) != 0) {
        disconnect(c);
        return;
    }
    write_request(c);
}

static void connect_to(connection *c) {
    http_client *owner = c->client;
    int failed = 0;
    c->phase = CONNECTING;
    c->connecting.data = c;
    if (owner->is_unix) {
        uv_pipe_init(owner->loop, &c->uv.pipe, 0);
        c->uv.handle.data = c;
        uv_pipe_connect(&c->connecting, &c->uv.pipe, owner->path, on_connected);
    } else {
        uv_tcp_init(owner->loop, &c->uv.tcp);
        c->uv.handle.data = c;
        failed = uv_tcp_connect(&c->connecting, &c->uv.tcp, (const struct sockaddr *)&owner->address, on_connected);
    }
    if (failed) {
        disconnect(c);
    }
}

int client_ready(const http_client *client) {
    return client->idle_count > 0;
}

int client_send(http_client *client, const char *head, const char *body, void *about) {
    connection *c = client->idle[client->idle_count - 1];
    char content[96] = "";
    if (*body) {
        snprintf(content, sizeof content, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    }
    int size = snprintf(c->request, sizeof c->request, "%sHost: %s\r\n%s\r\n%s", head, client->host, content, body);
    if (size < 0 || (size_t)size >= sizeof c->request) {
        return 0;
    }
    client->idle_count--;
    c->request_size = (size_t)size;
    c->about = about;
    c->complete = 0;
    c->sent_at = now_us();
    if (c->open) {
        write_request(c);
    } else {
        connect_to(c);
    }
    return 1;
}

/* ---- the client ---- */

static void on_sweep(uv_timer_t *timer) {
    http_client *owner = timer->data;
    uint64_t limit = owner->timeout_ms * 1000, now = now_us();
    for (unsigned i = 0; i < owner->count; i++) {
        connection *c = &owner->all[i];
        if (c->about && now - c->sent_at > limit) {
            disconnect(c);
        }
    }
}

static int parse_address(http_client *client, const char *address) {
    const char *path = strncmp(address, "unix:", 5) == 0 ? address + 5 : address;
    const char *colon = strrchr(address, ':');
    char host[64];
    if (path != address || *address == '/' || *address == '.') {
        client->is_unix = 1;
        snprintf(client->host, sizeof client->host, "localhost");
        return snprintf(client->path, sizeof client->path, "%s", path) < (int)sizeof client->path;
    }
    snprintf(client->host, sizeof client->host, "%s", address);
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof host) {
        return 0;
    }
    char *end;
    int bracket = *address == '[' && colon[-1] == ']';
    long number = strtol(colon + 1, &end, 10);
    int port = *end || number < 1 || number > 65535 ? 0 : (int)number;
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - 2 * bracket, address + bracket);
    return port != 0 && (uv_ip4_addr(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port,
                                     (struct sockaddr_in *)&client->address) == 0 ||
                         uv_ip6_addr(host, port, (struct sockaddr_in6 *)&client->address) == 0);
}

static void prepare(http_client *client) {
    llhttp_settings_init(&client->settings);
    client->settings.on_header_field = on_header_field;
    client->settings.on_header_value = on_header_value;
    client->settings.on_body = on_body;
    client->settings.on_message_complete = on_message_complete;
    for (unsigned i = 0; i < client->count; i++) {
        client->all[i].client = client;
        client->idle[client->idle_count++] = &client->all[i];
    }
    uv_timer_init(client->loop, &client->sweep);
    client->sweep.data = client;
    uv_timer_start(&client->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

http_client *client_new(uv_loop_t *loop, const char *address, unsigned connections, uint64_t timeout_ms, client_cb on_answer,
                        void *user_data) {
    http_client *made = calloc(1, sizeof *made);
    if (!made) {
        return NULL;
    }
    made->loop = loop;
    made->timeout_ms = timeout_ms;
    made->on_answer = on_answer;
    made->user_data = user_data;
    made->count = connections;
    made->all = calloc(connections, sizeof *made->all);
    made->idle = calloc(connections, sizeof(connection *));
    if (!made->all || !made->idle || !parse_address(made, address)) {
        client_free(made);
        return NULL;
    }
    prepare(made);
    return made;
}

uint64_t client_connected(const http_client *client) {
    return client->connected;
}

uint64_t client_disconnected(const http_client *client) {
    return client->disconnected;
}

void client_close(http_client *client) {
    client->closing = 1;
    uv_close((uv_handle_t *)&client->sweep, NULL);
    for (unsigned i = 0; i < client->count; i++) {
        connection *c = &client->all[i];
        if (c->open || c->phase == CONNECTING) {
            c->about = NULL;
            disconnect(c);
        }
    }
}

void client_free(http_client *client) {
    free(client->all);
    free(client->idle);
    free(client);
}
