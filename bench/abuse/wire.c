#include "wire.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { READ_SIZE = 65536 };

typedef struct {
    uv_write_t request;
    char data[];
} unwritten;

/* ---- its end ---- */

static void on_closed(uv_handle_t *handle) {
    wire *one = handle->data;

    free(one->body);
    free(one->unsent);
    one->body = one->unsent = NULL;
    one->body_size = one->body_room = one->unsent_size = 0;
    one->in_use = one->connected = one->closing = false;
    one->handlers->ended(one);
}

void wire_close(wire *one) {
    if (!one->in_use || one->closing)
        return;
    one->closing = true;
    uv_close((uv_handle_t *)&one->tcp, on_closed);
}

/* ---- answers ---- */

static int on_body(llhttp_t *parser, const char *at, size_t size) {
    wire *one = parser->data;

    if (one->body_size + size + 1 > one->body_room) {
        one->body_room = 2 * (one->body_size + size + 1);
        one->body = realloc(one->body, one->body_room);
        if (one->body == NULL)
            bench_fail("out of memory");
    }
    memcpy(one->body + one->body_size, at, size);
    one->body_size += size;
    return 0;
}

static int on_complete(llhttp_t *parser) {
    wire *one = parser->data;

    (void)on_body(parser, "", 0); /* there is room for the NUL */
    one->body[one->body_size] = '\0';
    one->handlers->answer(one, parser->status_code, one->body, one->body_size);
    one->body_size = 0;
    return one->closing ? HPE_PAUSED : HPE_OK;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    static char room[READ_SIZE]; /* what is read is parsed at once: one for all */

    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(room, sizeof(room));
}

/* What cannot be parsed ends the connection too: its owner then misses an answer. */
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    wire *one = stream->data;

    if (size < 0 || (size > 0 && llhttp_execute(&one->parser, buffer->base, (size_t)size) != HPE_OK))
        wire_close(one);
}

void wire_listen(wire *one, bool on) {
    one->deaf = !on;
    if (!one->connected || one->closing)
        return;
    if (on && uv_read_start((uv_stream_t *)&one->tcp, on_room, on_read) != 0)
        wire_close(one);
    if (!on)
        uv_read_stop((uv_stream_t *)&one->tcp);
}

/* ---- sending ---- */

static void on_written(uv_write_t *request, int status) {
    if (status < 0 && status != UV_ECANCELED)
        wire_close(request->handle->data);
    free(request);
}

static void write_rest(wire *one, const char *data, size_t size) {
    unwritten *rest = malloc(sizeof(*rest) + size);
    uv_buf_t part;

    if (rest == NULL)
        bench_fail("out of memory");
    memcpy(rest->data, data, size);
    part = uv_buf_init(rest->data, (unsigned)size);
    if (uv_write(&rest->request, (uv_stream_t *)&one->tcp, &part, 1, on_written) == 0)
        return;
    free(rest);
    wire_close(one);
}

static void keep(wire *one, const void *data, size_t size) {
    one->unsent = realloc(one->unsent, one->unsent_size + size);
    if (one->unsent == NULL)
        bench_fail("out of memory");
    memcpy(one->unsent + one->unsent_size, data, size);
    one->unsent_size += size;
}

void wire_send(wire *one, const void *data, size_t size) {
    uv_buf_t all = uv_buf_init((char *)(uintptr_t)data, (unsigned)size);
    int sent;

    if (!one->in_use || one->closing || size == 0)
        return;
    if (!one->connected) {
        keep(one, data, size);
        return;
    }
    sent = uv_try_write((uv_stream_t *)&one->tcp, &all, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        wire_close(one);
    else if (sent < (int)size)
        write_rest(one, (const char *)data + (sent > 0 ? sent : 0), size - (sent > 0 ? (size_t)sent : 0));
}

/* ---- its beginning ---- */

static void on_connected(uv_connect_t *request, int status) {
    wire *one = request->handle->data;

    if (one->closing)
        return;
    if (status < 0) {
        wire_close(one);
        return;
    }
    one->connected = true;
    (void)uv_tcp_nodelay(&one->tcp, 1);
    wire_listen(one, !one->deaf);
    wire_send(one, one->unsent, one->unsent_size);
    free(one->unsent);
    one->unsent = NULL;
    one->unsent_size = 0;
}

static void begin(wire *one) {
    static llhttp_settings_t settings; /* the same for all */

    llhttp_settings_init(&settings);
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    llhttp_init(&one->parser, HTTP_RESPONSE, &settings);
    one->parser.data = one;
    one->tcp.data = one;
    one->in_use = true;
}

void wire_open(wire *one, uv_loop_t *loop, uint32_t source, uint16_t port, const wire_handlers *handlers, void *user_data) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(source)}};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};

    memset(one, 0, sizeof(*one));
    one->handlers = handlers;
    one->user_data = user_data;
    if (uv_tcp_init(loop, &one->tcp) != 0)
        bench_fail("no connection can be made");
    begin(one);
    if (uv_tcp_bind(&one->tcp, (const struct sockaddr *)&from, 0) != 0 ||
        uv_tcp_connect(&one->connecting, &one->tcp, (const struct sockaddr *)&to, on_connected) != 0)
        wire_close(one);
}

void wire_raise_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
