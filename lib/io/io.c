/* The loop, its clock and its turns, around the connections.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "io/io.h"

#include "io/nodes.h"

#include <sodium.h>
#include <string.h>
#include <time.h>
#include <uv.h>

struct sk__io {
    sk__transport transport;
    sk__transport_events events;
    void *owner;
    const seckill_allocator *allocator;
    uv_loop_t *loop;
    bool own_loop;
    bool dispatching;
    bool awake;   /* on_turn is asked for */
    bool unsent;  /* a flush is */
    bool in_turn; /* what is asked for now is seen at the end of the turn */
    bool closing;
    bool closed; /* nothing of it is on the loop any more */
    int handles; /* not closed yet; the connections count as one */
    uv_idle_t turn;
    uv_timer_t alarm;
    int64_t alarm_ms; /* INT64_MAX: none */
    sk__nodes *nodes;
    sk__tls *tls; /* NULL: plain text */
    void (*close_cb)(void *context);
    void *close_context;
};

static sk__io *io_of(sk__transport *transport) {
    return (sk__io *)(void *)transport;
}

/* A loop of the io's own stands still between two dispatches, and its clock with it. */
static void update_time(const sk__io *io) {
    if (io->own_loop && !io->dispatching)
        uv_update_time(io->loop);
}

/* ---- turns */

static void on_turn_handle(uv_idle_t *handle);
static void begin_close(sk__io *io);

/* An idle handle, not a prepare handle: both run before the loop blocks, but while an idle handle is active the loop does not
 * block at all. So a turn that is asked for from a prepare handle of the host, or from within a turn, is not slept over, and
 * uv_backend_timeout says 0 for a foreign loop. */
static void ask_for_turn(sk__io *io) {
    if (!io->in_turn)
        (void)uv_idle_start(&io->turn, on_turn_handle);
}

static void run_turn(sk__io *io, bool tell) {
    io->in_turn = true;
    io->awake = false;
    sk__nodes_turn(io->nodes);
    if (tell && !io->closing)
        io->events.on_turn(io->owner);
    /* At once, for all that was sent: waiting for the socket to be reported writable would cost a round of the loop. */
    io->unsent = false;
    if (!io->closing)
        sk__nodes_flush(io->nodes);
    io->in_turn = false;
    if (io->awake || io->unsent || io->closing)
        ask_for_turn(io);
    else
        (void)uv_idle_stop(&io->turn);
}

static void on_turn_handle(uv_idle_t *handle) {
    sk__io *io = handle->data;

    if (io->closing)
        begin_close(io);
    else
        run_turn(io, io->awake);
}

static void on_alarm(uv_timer_t *timer) {
    sk__io *io = timer->data;

    io->alarm_ms = INT64_MAX;
    if (!io->closing)
        run_turn(io, true);
}

/* ---- the transport */

static const sk__io *const_io_of(const sk__transport *transport) {
    return (const sk__io *)(const void *)transport;
}

static uint32_t io_node(const sk__transport *transport, uint32_t slot) {
    return sk__nodes_node(const_io_of(transport)->nodes, slot);
}

static seckill_status io_send(sk__transport *transport, const sk__sending *sending, sk__reply_cb cb, void *context) {
    sk__io *io = io_of(transport);

    if (io->closing)
        return SECKILL_UNREACHABLE;
    update_time(io);
    return sk__nodes_send(io->nodes, sending, cb, context);
}

static const char *io_trouble(const sk__transport *transport, uint32_t node) {
    return sk__nodes_trouble(const_io_of(transport)->nodes, node);
}

static void io_address(const sk__transport *transport, uint32_t node, char *text, size_t size) {
    sk__nodes_address(const_io_of(transport)->nodes, node, text, size);
}

static void io_wake(sk__transport *transport) {
    sk__io *io = io_of(transport);

    if (io->awake || io->closing)
        return;
    io->awake = true;
    ask_for_turn(io);
}

static void io_alarm(sk__transport *transport, int64_t due_ms) {
    sk__io *io = io_of(transport);
    int64_t now;

    if (due_ms == io->alarm_ms || io->closing)
        return;
    io->alarm_ms = due_ms;
    if (due_ms == INT64_MAX) {
        (void)uv_timer_stop(&io->alarm);
        return;
    }
    now = (int64_t)uv_now(io->loop);
    (void)uv_timer_start(&io->alarm, on_alarm, due_ms > now ? (uint64_t)(due_ms - now) : 0, 0);
}

static int64_t io_now_ms(sk__transport *transport) {
    const sk__io *io = io_of(transport);

    update_time(io);
    return (int64_t)uv_now(io->loop);
}

static int64_t io_wall_ms(sk__transport *transport) {
    struct timespec now;

    (void)transport;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t io_now_us(sk__transport *transport) {
    (void)transport;
    return (int64_t)(uv_hrtime() / 1000);
}

/* ---- what the connections tell */

static void on_up(void *owner, uint32_t node) {
    const sk__io *io = owner;

    if (!io->closing)
        io->events.on_up(io->owner, node);
}

static void on_down(void *owner, uint32_t node, seckill_status status, const char *cause) {
    const sk__io *io = owner;

    if (!io->closing)
        io->events.on_down(io->owner, node, status, cause);
}

static void on_moved(void *owner) {
    const sk__io *io = owner;

    if (!io->closing)
        io->events.on_moved(io->owner);
}

static void on_wish(void *owner) {
    sk__io *io = owner;

    io->unsent = true;
    ask_for_turn(io);
}

/* ---- closing */

static void finish(sk__io *io) {
    const seckill_allocator *allocator = io->allocator;
    void (*cb)(void *context) = io->close_cb;
    void *context = io->close_context;

    if (io->own_loop) {
        (void)uv_loop_close(io->loop);
        sk__free(allocator, io->loop);
    }
    sk__tls_free(io->tls);
    sk__free(allocator, io);
    if (cb != NULL)
        cb(context);
}

/* A loop of its own cannot be freed while it runs: sk__io_dispatch does that. */
static void count_closed(sk__io *io) {
    if (--io->handles > 0)
        return;
    io->closed = true;
    if (!io->own_loop)
        finish(io);
}

static void on_handle_closed(uv_handle_t *handle) {
    count_closed(handle->data);
}

static void on_nodes_closed(void *owner) {
    count_closed(owner);
}

static void begin_close(sk__io *io) {
    sk__nodes_close(io->nodes);
    uv_close((uv_handle_t *)&io->turn, on_handle_closed);
    uv_close((uv_handle_t *)&io->alarm, on_handle_closed);
}

void sk__io_close(sk__io *io, void (*cb)(void *context), void *context) {
    if (io->closing)
        return;
    io->closing = true;
    io->close_cb = cb;
    io->close_context = context;
    ask_for_turn(io);
}

/* ---- opening */

static const sk__transport transport_of_io = {io_node,  io_send,   io_trouble, io_address, io_wake,
                                              io_alarm, io_now_ms, io_wall_ms, io_now_us};

static sk__nodes *make_nodes(const sk__io_config *config, const sk__address *seeds, uint32_t seed_count, sk__io *io) {
    sk__nodes_config nodes;

    memset(&nodes, 0, sizeof(nodes));
    nodes.seeds = seeds;
    nodes.seed_count = seed_count;
    nodes.replicas = config->replicas;
    nodes.connection.user = config->user;
    nodes.connection.password = config->password;
    nodes.connection.tls = io->tls;
    nodes.connection.connect_timeout_ms = config->connect_timeout_ms;
    nodes.connection.command_timeout_ms = config->command_timeout_ms;
    nodes.connection.reconnect_min_ms = config->reconnect_min_ms;
    nodes.connection.reconnect_max_ms = config->reconnect_max_ms;
    nodes.connection.allocator = config->allocator;
    nodes.connection.log = config->log;
    nodes.events = (sk__nodes_events){on_up, on_down, on_moved, on_wish, on_nodes_closed, io};
    return sk__nodes_new(&nodes);
}

/* All that can fail, before anything is on a loop. */
static seckill_status allocate(const sk__io_config *config, const sk__address *seeds, uint32_t seed_count, sk__io *io) {
    seckill_status status = SECKILL_OK;

    if (config->tls != NULL)
        status = sk__tls_new(config->tls, config->allocator, config->log, &io->tls);
    if (status != SECKILL_OK)
        return status;
    io->nodes = make_nodes(config, seeds, seed_count, io);
    io->loop = config->loop;
    io->own_loop = config->loop == NULL;
    if (io->nodes == NULL || sodium_init() < 0)
        return SECKILL_NO_MEMORY;
    if (!io->own_loop)
        return SECKILL_OK;
    io->loop = sk__malloc(config->allocator, sizeof(*io->loop));
    if (io->loop == NULL)
        return SECKILL_NO_MEMORY;
    if (uv_loop_init(io->loop) != 0) {
        sk__free(config->allocator, io->loop);
        return SECKILL_NO_MEMORY;
    }
    return SECKILL_OK;
}

static void start(sk__io *io) {
    /* The host may not have run its loop for long: a stale clock would cut the first deadlines short. */
    uv_update_time(io->loop);
    (void)uv_idle_init(io->loop, &io->turn);
    (void)uv_timer_init(io->loop, &io->alarm);
    io->turn.data = io;
    io->alarm.data = io;
    io->alarm_ms = INT64_MAX;
    io->handles = 3;
    sk__nodes_start(io->nodes, io->loop);
}

/* Redis speaks no TLS there, and whoever asks for it must not get plain text. */
static bool has_unix_socket(const sk__address *seeds, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (seeds[i].is_unix)
            return true;
    }
    return false;
}

seckill_status sk__io_open(const sk__io_config *config, sk__io **out) {
    sk__address seeds[SECKILL_SEEDS_MAX];
    uint32_t seed_count;
    seckill_status status;
    sk__io *io;

    *out = NULL;
    if (sk__address_parse_list(config->address, seeds, SECKILL_SEEDS_MAX, &seed_count) != SECKILL_OK ||
        (config->user != NULL && config->password == NULL))
        return SECKILL_INVALID;
    if (config->tls != NULL && has_unix_socket(seeds, seed_count)) {
        sk__log_line(config->log, SECKILL_LOG_ERROR, "TLS: Redis does not speak it on a unix socket");
        return SECKILL_INVALID;
    }
    io = sk__calloc(config->allocator, 1, sizeof(*io));
    if (io == NULL)
        return SECKILL_NO_MEMORY;
    io->transport = transport_of_io;
    io->events = config->events;
    io->owner = config->owner;
    io->allocator = config->allocator;
    status = allocate(config, seeds, seed_count, io);
    if (status != SECKILL_OK) {
        if (io->nodes != NULL)
            sk__nodes_discard(io->nodes);
        sk__tls_free(io->tls);
        sk__free(config->allocator, io);
        return status;
    }
    start(io);
    *out = io;
    return SECKILL_OK;
}

/* ---- looking */

sk__transport *sk__io_transport(sk__io *io) {
    return &io->transport;
}

const char *sk__io_trouble(const sk__io *io) {
    return sk__nodes_first_trouble(io->nodes);
}

int sk__io_is_up(const sk__io *io) {
    return sk__nodes_are_up(io->nodes);
}

uint64_t sk__io_connections(const sk__io *io) {
    return sk__nodes_connections(io->nodes);
}

uint64_t sk__io_redirections(const sk__io *io) {
    return sk__nodes_redirections(io->nodes);
}

uint64_t sk__io_servers(const sk__io *io) {
    return sk__nodes_known(io->nodes);
}

/* ---- a loop of its own */

int sk__io_fd(const sk__io *io) {
    return io->own_loop ? uv_backend_fd(io->loop) : -1;
}

int sk__io_timeout_ms(const sk__io *io) {
    if (!io->own_loop)
        return -1;
    update_time(io);
    return uv_backend_timeout(io->loop);
}

void sk__io_dispatch(sk__io *io) {
    if (!io->own_loop || io->dispatching)
        return;
    io->dispatching = true;
    (void)uv_run(io->loop, UV_RUN_NOWAIT);
    io->dispatching = false;
    if (io->closed)
        finish(io);
}
