/* The connections to all servers.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/nodes_parts.h"

#include <sodium.h>
#include <string.h>

int64_t sk__nodes_now_ms(const sk__nodes *nodes) {
    return (int64_t)uv_now(nodes->loop);
}

void sk__nodes_wish(const sk__nodes *nodes) {
    nodes->config.events.on_wish(nodes->config.events.owner);
}

/* ---- what a connection tells */

static void on_up(void *owner) {
    sk__lane *lane = owner;
    sk__nodes *nodes = lane->node->nodes;

    lane->down = false;
    if (nodes->closing)
        return;
    sk__refresh_up(nodes);
    nodes->config.events.on_up(nodes->config.events.owner, lane->node->number);
}

static void on_down(void *owner, seckill_status status, const char *cause) {
    sk__lane *lane = owner;
    sk__nodes *nodes = lane->node->nodes;

    lane->down = true;
    if (nodes->closing)
        return;
    sk__follow_down(lane);
    nodes->config.events.on_down(nodes->config.events.owner, lane->node->number, status, cause);
}

static void on_error(void *owner, const char *text, size_t size) {
    sk__follow_error(owner, text, size);
}

static void on_idle(void *owner) {
    const sk__lane *lane = owner;
    sk__nodes *nodes = lane->node->nodes;

    if (nodes->some_gone)
        sk__nodes_wish(nodes);
}

static void on_unsent(void *owner) {
    sk__nodes_wish(((const sk__lane *)owner)->node->nodes);
}

static void on_closed(void *owner);

/* ---- making them */

static sk__peer *new_node(sk__nodes *nodes, uint32_t number) {
    sk__peer *made = sk__calloc(nodes->config.connection.allocator, 1, sizeof(*made));

    if (made == NULL)
        return NULL;
    made->nodes = nodes;
    made->number = number;
    for (int i = 0; i < KINDS; i++) {
        made->lanes[i].node = made;
        made->lanes[i].kind = (sk__lane_kind)i;
    }
    nodes->nodes[number] = made;
    if (nodes->end <= number)
        nodes->end = number + 1;
    return made;
}

static bool make_connection(sk__lane *lane) {
    sk__nodes *nodes = lane->node->nodes;
    sk__connection_config config = nodes->config.connection;
    const sk__connection *other = lane->node->lanes[PLAIN].connection;

    config.events = (sk__connection_events){on_up, on_down, on_error, on_idle, on_unsent, on_closed, lane};
    config.patient = lane->kind == LASTING;
    if (lane->node->number == SK__NODE_SEED) {
        config.addresses = nodes->seeds;
        config.address_count = nodes->config.seed_count;
        /* Beside the other: the server where that one is, is the one that serves. */
        config.first = other != NULL ? sk__connection_address_index(other) : 0;
    } else {
        config.addresses = sk__cluster_address(nodes->cluster, lane->node->number);
        config.address_count = 1;
        config.first = 0;
    }
    lane->connection = sk__connection_new(&config);
    lane->down = false;
    lane->wanted = false;
    return lane->connection != NULL;
}

sk__connection *sk__nodes_demand(sk__nodes *nodes, uint32_t number, sk__lane_kind kind, seckill_status *status) {
    sk__peer *node = nodes->nodes[number] != NULL ? nodes->nodes[number] : new_node(nodes, number);
    sk__lane *lane = node != NULL ? &node->lanes[kind] : NULL;

    *status = SECKILL_OK;
    if (lane != NULL && lane->connection != NULL)
        return lane->connection;
    if (lane != NULL && lane->closing) {
        lane->wanted = true;
        *status = SECKILL_UNREACHABLE;
        return NULL;
    }
    if (lane == NULL || !make_connection(lane)) {
        *status = SECKILL_NO_MEMORY;
        return NULL;
    }
    sk__connection_start(lane->connection, nodes->loop);
    return lane->connection;
}

/* ---- sending */

uint32_t sk__nodes_node(const sk__nodes *nodes, uint32_t slot) {
    return nodes->cluster != NULL ? sk__cluster_node(nodes->cluster, slot) : SK__NODE_SEED;
}

/* The command behind it speaks for both. */
static void on_asking(void *context, const sk__reply *reply) {
    (void)context;
    (void)reply;
}

static seckill_status send_asking(sk__connection *connection) {
    static const char *const argv[] = {"ASKING"};
    static const size_t sizes[] = {6};

    return sk__connection_send(connection, 1, argv, sizes, on_asking, NULL);
}

seckill_status sk__nodes_send(sk__nodes *nodes, const sk__sending *sending, sk__reply_cb cb, void *context) {
    bool asking = sending->asking && nodes->cluster != NULL, lasting = sending->lasting && nodes->config.replicas > 0;
    uint32_t number = asking ? sk__cluster_asked(nodes->cluster, sending->slot) : sk__nodes_node(nodes, sending->slot);
    sk__connection *connection;
    seckill_status status;

    if (number == SK__NODE_NOBODY) {
        nodes->nobody_asked = true;
        sk__nodes_wish(nodes);
        return SECKILL_UNREACHABLE;
    }
    connection = sk__nodes_demand(nodes, number, lasting ? LASTING : PLAIN, &status);
    if (connection != NULL && asking)
        status = send_asking(connection);
    if (connection == NULL || status != SECKILL_OK)
        return status;
    if (lasting)
        return sk__lasting_send(&nodes->lasting, connection, sending, cb, context);
    return sk__connection_send(connection, sending->argc, sending->argv, sending->sizes, cb, context);
}

void sk__nodes_flush(sk__nodes *nodes) {
    for (uint32_t i = 0; i < nodes->end; i++) {
        for (int kind = 0; kind < KINDS && nodes->nodes[i] != NULL; kind++) {
            if (nodes->nodes[i]->lanes[kind].connection != NULL)
                sk__connection_flush(nodes->nodes[i]->lanes[kind].connection);
        }
    }
}

/* ---- closing what is not needed any more */

static bool is_gone(const sk__nodes *nodes, uint32_t number) {
    return nodes->cluster != NULL && number != SK__NODE_SEED && number != SK__NODE_NOBODY &&
           sk__cluster_is_gone(nodes->cluster, number, sk__nodes_now_ms(nodes));
}

static void close_lane(sk__lane *lane) {
    lane->node->nodes->connections_before += sk__connection_count(lane->connection);
    lane->closing = true;
    lane->wanted = false;
    lane->down = false;
    sk__connection_close(lane->connection);
    lane->connection = NULL;
}

/* Frees the node and its number, if nothing is left of it. */
static void forget(sk__nodes *nodes, uint32_t number) {
    sk__peer *node = nodes->nodes[number];

    for (int i = 0; i < KINDS && node != NULL; i++) {
        if (node->lanes[i].connection != NULL || node->lanes[i].closing)
            return;
    }
    sk__free(nodes->config.connection.allocator, node);
    nodes->nodes[number] = NULL;
    if (nodes->cluster != NULL && number != SK__NODE_SEED && !nodes->closing)
        sk__cluster_forget(nodes->cluster, number);
}

/* True: nothing of it is outstanding, and it is closed or about to be. */
static bool close_gone(sk__nodes *nodes, uint32_t number) {
    sk__peer *node = nodes->nodes[number];

    for (int i = 0; i < KINDS && node != NULL; i++) {
        if (node->lanes[i].connection != NULL && !sk__connection_is_idle(node->lanes[i].connection))
            return false;
    }
    for (int i = 0; i < KINDS && node != NULL; i++) {
        if (node->lanes[i].connection != NULL)
            close_lane(&node->lanes[i]);
    }
    forget(nodes, number);
    return true;
}

static void sweep(sk__nodes *nodes) {
    nodes->some_gone = false;
    for (uint32_t i = SK__NODE_SEED + 1; i < SK__NODE_NOBODY; i++) {
        if (is_gone(nodes, i) && !close_gone(nodes, i))
            nodes->some_gone = true;
    }
}

static void report_closed(sk__nodes *nodes);

static void on_closed(void *owner) {
    sk__lane *lane = owner;
    sk__nodes *nodes = lane->node->nodes;
    uint32_t number = lane->node->number;
    seckill_status status;

    lane->closing = false;
    if (nodes->closing) {
        forget(nodes, number);
        report_closed(nodes);
    } else if (is_gone(nodes, number))
        forget(nodes, number);
    else if (lane->wanted && sk__nodes_demand(nodes, number, lane->kind, &status) == NULL) {
        /* Whoever wanted it waits for on_up, and there is nothing now that would come up: let them send again. */
        nodes->moved = true;
        sk__nodes_wish(nodes);
    }
}

void sk__nodes_turn(sk__nodes *nodes) {
    if (nodes->some_gone)
        sweep(nodes);
    if (nodes->moved) {
        nodes->moved = false;
        nodes->config.events.on_moved(nodes->config.events.owner);
    }
    if (nodes->nobody_asked && !nodes->closing) {
        nodes->nobody_asked = false;
        nodes->config.events.on_down(nodes->config.events.owner, SK__NODE_NOBODY, SECKILL_UNREACHABLE,
                                     sk__nodes_trouble(nodes, SK__NODE_NOBODY));
    }
}

/* ---- birth and death */

static void wipe(const seckill_allocator *allocator, char *secret) {
    if (secret != NULL)
        sodium_memzero(secret, strlen(secret));
    sk__free(allocator, secret);
}

void sk__nodes_discard(sk__nodes *nodes) {
    const seckill_allocator *allocator = nodes->config.connection.allocator;

    for (uint32_t i = 0; i < nodes->end; i++) {
        for (int kind = 0; kind < KINDS && nodes->nodes[i] != NULL; kind++) {
            if (nodes->nodes[i]->lanes[kind].connection != NULL)
                sk__connection_discard(nodes->nodes[i]->lanes[kind].connection);
        }
        sk__free(allocator, nodes->nodes[i]);
    }
    sk__cluster_free(nodes->cluster);
    wipe(allocator, nodes->user);
    wipe(allocator, nodes->password);
    sk__free(allocator, nodes);
}

/* For connections that are made later, too. */
static bool copy_login(sk__nodes *nodes) {
    sk__connection_config *config = &nodes->config.connection;

    nodes->user = config->user != NULL ? sk__strdup(config->allocator, config->user) : NULL;
    nodes->password = config->password != NULL ? sk__strdup(config->allocator, config->password) : NULL;
    if ((nodes->user == NULL) != (config->user == NULL) || (nodes->password == NULL) != (config->password == NULL))
        return false;
    config->user = nodes->user;
    config->password = nodes->password;
    return true;
}

sk__nodes *sk__nodes_new(const sk__nodes_config *config) {
    sk__nodes *nodes = sk__calloc(config->connection.allocator, 1, sizeof(*nodes));
    uint32_t half = config->connection.command_timeout_ms / 2;

    if (nodes == NULL)
        return NULL;
    nodes->config = *config;
    memcpy(nodes->seeds, config->seeds, config->seed_count * sizeof(*config->seeds));
    nodes->config.seeds = nodes->seeds;
    nodes->lasting = (sk__lasting){config->replicas, half > 0 ? half : 1, config->connection.allocator};
    if (!copy_login(nodes) || new_node(nodes, SK__NODE_SEED) == NULL ||
        !make_connection(&nodes->nodes[SK__NODE_SEED]->lanes[PLAIN])) {
        sk__nodes_discard(nodes);
        return NULL;
    }
    return nodes;
}

void sk__nodes_start(sk__nodes *nodes, uv_loop_t *loop) {
    nodes->loop = loop;
    sk__refresh_start(nodes);
    sk__connection_start(nodes->nodes[SK__NODE_SEED]->lanes[PLAIN].connection, loop);
}

static void on_timer_closed(uv_handle_t *handle) {
    sk__nodes *nodes = handle->data;

    nodes->timer_closed = true;
    report_closed(nodes);
}

/* The last one out. */
static void report_closed(sk__nodes *nodes) {
    sk__nodes_events events = nodes->config.events;

    for (uint32_t i = 0; i < nodes->end; i++) {
        if (nodes->nodes[i] != NULL)
            return;
    }
    if (!nodes->timer_closed)
        return;
    sk__nodes_discard(nodes);
    events.on_closed(events.owner);
}

void sk__nodes_close(sk__nodes *nodes) {
    nodes->closing = true;
    uv_close((uv_handle_t *)&nodes->refresh.timer, on_timer_closed);
    for (uint32_t i = 0; i < nodes->end; i++) {
        for (int kind = 0; kind < KINDS && nodes->nodes[i] != NULL; kind++) {
            if (nodes->nodes[i]->lanes[kind].connection != NULL)
                close_lane(&nodes->nodes[i]->lanes[kind]);
        }
        forget(nodes, i); /* one without any connection */
    }
}
