#include "client/client.h"

#include <poll.h>
#include <sodium.h>
#include <string.h>

/* ---- closing: engine first, then io, then memory ---- */

/* The end of a client. */
static void release(seckill_client *client) {
    seckill_allocator allocator = client->allocator;
    seckill_close_cb cb = client->close_cb;
    void *user_data = client->close_user_data;

    sk__free(&allocator, client);
    if (cb != NULL)
        cb(user_data);
}

static void on_io_closed(void *context) {
    seckill_client *client = context;

    sk__engine_free(client->engine);
    client->closed = true;
    if (!client->dispatching) /* else who dispatches it still holds it */
        release(client);
}

static void close_now(seckill_client *client) {
    client->io_closing = true;
    sk__engine_finish_all(client->engine);
    sk__io_close(client->io, on_io_closed, client);
}

/* ---- the transport's events ---- */

static void on_turn(void *owner) {
    seckill_client *client = owner;

    if (client->io_closing)
        return;
    if (client->closing)
        close_now(client);
    else
        sk__engine_turn(client->engine);
}

static void on_up(void *owner, uint32_t node) {
    seckill_client *client = owner;

    sk__engine_up(client->engine, node);
}

static void on_down(void *owner, uint32_t node, seckill_status status, const char *cause) {
    seckill_client *client = owner;

    (void)cause;
    sk__engine_down(client->engine, node, status);
}

static void on_moved(void *owner) {
    seckill_client *client = owner;

    sk__engine_moved(client->engine);
}

/* ---- opening ---- */

static seckill_status open_io(seckill_client *client, const seckill_client_options *options) {
    const sk__tls_config tls = {options->tls_ca_file, options->tls_ca_folder, options->tls_certificate_file,
                                options->tls_key_file, options->tls_server_name};
    sk__io_config config;

    memset(&config, 0, sizeof(config));
    config.tls = options->tls != 0 ? &tls : NULL;
    config.loop = options->loop;
    config.address = options->address;
    config.user = options->user;
    config.password = options->password;
    config.connect_timeout_ms = options->connect_timeout_ms;
    config.command_timeout_ms = options->command_timeout_ms;
    config.reconnect_min_ms = options->reconnect_min_ms;
    config.reconnect_max_ms = options->reconnect_max_ms;
    config.replicas = options->replicas;
    config.allocator = &client->allocator;
    config.log = &client->log;
    config.events.on_turn = on_turn;
    config.events.on_up = on_up;
    config.events.on_down = on_down;
    config.events.on_moved = on_moved;
    config.owner = client;
    return sk__io_open(&config, &client->io);
}

static seckill_status open_engine(seckill_client *client, const seckill_client_options *options) {
    sk__engine_config config;

    memset(&config, 0, sizeof(config));
    config.allocator = &client->allocator;
    config.log = &client->log;
    config.prefix = options->prefix;
    config.timeout_ms = options->timeout_ms;
    config.max_operations = options->max_operations;
    config.max_batches = options->max_batches;
    config.max_batch = options->max_batch;
    config.max_repeats = options->max_repeats;
    config.lasting = options->replicas != 0;
    config.replicas = options->replicas;
    randombytes_buf(&config.random_seed, sizeof(config.random_seed));
    return sk__engine_open(&config, &client->engine);
}

int seckill_has_tls(void) {
    return sk__tls_is_there();
}

seckill_status seckill_client_open(const seckill_client_options *options, seckill_client **out) {
    seckill_client_options complete;
    seckill_client *client;
    seckill_status status = out != NULL ? sk__client_options_complete(options, &complete) : SECKILL_INVALID;

    if (status != SECKILL_OK)
        return status;
    if (sodium_init() < 0)
        return SECKILL_NO_MEMORY;
    client = sk__calloc(complete.allocator, 1, sizeof(*client));
    if (client == NULL)
        return SECKILL_NO_MEMORY;
    client->allocator = *complete.allocator;
    client->log.cb = complete.log;
    client->log.user_data = complete.log_user_data;
    client->log.level = complete.log_level;
    status = open_engine(client, &complete);
    if (status == SECKILL_OK) {
        status = open_io(client, &complete);
        if (status != SECKILL_OK)
            sk__engine_free(client->engine);
        else
            client->engine->config.transport = sk__io_transport(client->io);
    }
    if (status != SECKILL_OK) {
        sk__free(&client->allocator, client);
        return status;
    }
    *out = client;
    return SECKILL_OK;
}

/* ---- closing, as asked for ---- */

static void dispatch_until_closed(seckill_client *client) {
    sk__io *io = client->io;

    client->dispatching = true;
    while (!client->closed) {
        struct pollfd watched = {sk__io_fd(io), POLLIN, 0};

        (void)poll(&watched, 1, sk__io_timeout_ms(io));
        sk__io_dispatch(io);
    }
    release(client);
}

void seckill_client_close(seckill_client *client, seckill_close_cb cb, void *user_data) {
    if (client == NULL || client->closing)
        return;
    client->closing = true;
    client->engine->closing = true;
    client->close_cb = cb;
    client->close_user_data = user_data;
    sk__engine_wake(client->engine);
    if (cb == NULL && !client->dispatching && sk__io_fd(client->io) >= 0)
        dispatch_until_closed(client);
}

/* ---- foreign loops ---- */

int seckill_client_fd(const seckill_client *client) {
    return sk__io_fd(client->io);
}

int seckill_client_timeout_ms(const seckill_client *client) {
    return sk__io_timeout_ms(client->io);
}

void seckill_client_dispatch(seckill_client *client) {
    client->dispatching = true;
    sk__io_dispatch(client->io);
    client->dispatching = false;
    if (client->closed)
        release(client);
    else if (client->closing && client->close_cb == NULL && sk__io_fd(client->io) >= 0)
        dispatch_until_closed(client); /* a callback closed it, and nobody would know when to stop dispatching */
}

/* ---- numbers ---- */

seckill_status seckill_client_get_stats(const seckill_client *client, seckill_client_stats *stats) {
    seckill_client_stats all;

    if (client == NULL)
        return SECKILL_INVALID;
    all = client->engine->stats;
    all.connections = sk__io_connections(client->io);
    all.in_flight = sk__engine_batches(client->engine);
    all.connected = sk__io_is_up(client->io);
    all.clients = 1;
    all.moved = sk__io_redirections(client->io);
    all.nodes = sk__io_servers(client->io);
    return sk__struct_fill(stats, &all, sizeof(all));
}

const char *seckill_client_trouble(const seckill_client *client) {
    return sk__io_trouble(client->io);
}
