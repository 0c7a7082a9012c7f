/* The life of one connection to Redis.
 *
 * hiredis calls back from within its own work and frees its context there. So what it calls only takes notes; `settle` looks at
 * them when hiredis has returned, and moves from state to state.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/connection_parts.h"

#include "base/backoff.h"
#include "io/socket.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { COMMAND_MAX = INT_MAX / 2 }; /* bytes of one command: hiredis 0.14 counts in an int */

static void on_timer(uv_timer_t *timer);

int64_t sk__connection_now_ms(const sk__connection *connection) {
    return (int64_t)uv_now(connection->loop);
}

void sk__connection_start_timer(sk__connection *connection, int64_t wait_ms) {
    (void)uv_timer_start(&connection->timer, on_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

const char *sk__connection_target(const sk__connection *connection, char text[SK__ADDRESS_TEXT_MAX + 1]) {
    const sk__address *address = &connection->config.address;
    bool resolved = !address->is_unix && !address->is_numeric && connection->candidates > 0;

    sk__address_format(address, resolved ? connection->resolver.candidates[connection->candidate] : NULL, text,
                       SK__ADDRESS_TEXT_MAX + 1);
    return text;
}

/* ---- down */

/* The attempt failed or the connection broke; its context is gone. */
static void go_down(sk__connection *connection, const char *cause) {
    const sk__connection_config *config = &connection->config;
    bool news = strcmp(cause, connection->trouble) != 0;
    seckill_status status;
    uint32_t wait_ms;

    /* A server that takes connections only to drop them must not be asked every reconnect_min_ms. */
    if (connection->state == STATE_UP && sk__connection_now_ms(connection) - connection->up_since >= config->reconnect_max_ms)
        connection->failures = 0;
    if (connection->failures < UINT32_MAX)
        connection->failures++;
    (void)snprintf(connection->trouble, sizeof(connection->trouble), "%s", cause);
    connection->state = STATE_WAITING;
    connection->unsent = false;
    wait_ms = sk__backoff_ms(config->reconnect_min_ms, config->reconnect_max_ms, connection->failures, randombytes_random());
    sk__connection_start_timer(connection, wait_ms);
    sk__log_line(config->log, news ? SECKILL_LOG_WARNING : SECKILL_LOG_DEBUG, "%s; trying again in %u ms", connection->trouble,
                 (unsigned)wait_ms);
    sk__pending_lose(&connection->pending, connection->trouble);
    status = connection->denied ? SECKILL_DENIED : SECKILL_UNREACHABLE;
    connection->denied = false;
    config->events.on_down(config->events.owner, status, connection->trouble);
}

void sk__connection_let_go(sk__connection *connection) {
    sk__adapter *adapter = connection->adapter;

    connection->adapter = NULL;
    if (adapter != NULL)
        sk__adapter_close(adapter);
}

void sk__connection_give_up(sk__connection *connection, const char *format, ...) {
    char cause[CAUSE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(cause, sizeof(cause), format, arguments);
    va_end(arguments);
    sk__connection_let_go(connection);
    go_down(connection, cause);
}

void sk__connection_doom(sk__connection *connection, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(connection->doom, sizeof(connection->doom), format, arguments);
    va_end(arguments);
    redisAsyncFree(sk__adapter_context(connection->adapter));
}

/* ---- up */

void sk__connection_go_up(sk__connection *connection) {
    char text[SK__ADDRESS_TEXT_MAX + 1];

    (void)uv_timer_stop(&connection->timer);
    connection->state = STATE_UP;
    connection->up_since = sk__connection_now_ms(connection);
    connection->count++;
    connection->trouble[0] = '\0';
    sk__log_line(connection->config.log, SECKILL_LOG_INFO, "connected to %s", sk__connection_target(connection, text));
    connection->config.events.on_up(connection->config.events.owner);
}

static sk__reply read_reply(const redisReply *from) {
    sk__reply reply = {SK__REPLY_OTHER, "", 0};

    switch (from->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        reply.kind = SK__REPLY_BYTES;
        break;
    case REDIS_REPLY_ERROR:
        reply.kind = SK__REPLY_ERROR;
        break;
    default:
        return reply;
    }
    reply.bytes = from->str;
    reply.size = (size_t)from->len;
    return reply;
}

/* All commands share this callback, and hiredis' list of them merely counts: `pending` knows whose turn it is. */
static void on_reply(redisAsyncContext *context, void *data, void *user_data) {
    sk__connection *connection = user_data;
    const redisReply *from = data;
    sk__reply reply;

    (void)context;
    if (from == NULL)
        return; /* the context goes; go_down calls back what is pending */
    reply = read_reply(from);
    if (connection->pending.head == NULL) {
        sk__connection_doom(connection, "Redis said what it was not asked: %s",
                            reply.kind == SK__REPLY_ERROR ? reply.bytes : "a reply");
        return;
    }
    if (connection->state == STATE_UP)
        connection->failures = 0;
    sk__pending_answer(&connection->pending, &reply);
}

/* A reply that nobody waits for makes hiredis abort the process (an assertion). One callback more than there are commands, made
 * by a command of no bytes, gets such a reply here instead. */
bool sk__connection_expect_the_unexpected(sk__connection *connection) {
    redisAsyncContext *context = sk__adapter_context(connection->adapter);

    return redisAsyncFormattedCommand(context, on_reply, connection, "*1\r\n$4\r\nPING\r\n", 0) == REDIS_OK;
}

seckill_status sk__connection_append(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes,
                                     sk__reply_cb cb, void *context) {
    sk__pending *node = sk__pending_take(&connection->pending);
    const char **arguments;

    if (node == NULL)
        return SECKILL_NO_MEMORY;
    /* hiredis does not write to the vector; it only lacks the const. */
    memcpy(&arguments, &argv, sizeof(arguments));
    if (redisAsyncCommandArgv(sk__adapter_context(connection->adapter), on_reply, connection, argc, arguments, sizes) !=
        REDIS_OK) {
        /* hiredis 1.x may have queued a part; then the next write drops the connection. */
        connection->unsent = true;
        sk__pending_give_back(&connection->pending, node);
        return SECKILL_NO_MEMORY;
    }
    node->cb = cb;
    node->context = context;
    node->deadline_ms = sk__connection_now_ms(connection) + connection->config.command_timeout_ms;
    sk__pending_push(&connection->pending, node);
    connection->unsent = true;
    return SECKILL_OK;
}

/* ---- events */

void sk__connection_settle(sk__connection *connection) {
    char cause[CAUSE_SIZE], text[SK__ADDRESS_TEXT_MAX + 1];

    if (connection->adapter == NULL)
        return;
    if (sk__adapter_context(connection->adapter) != NULL) {
        if (connection->state == STATE_CONNECTING && (sk__adapter_context(connection->adapter)->c.flags & REDIS_CONNECTED) != 0)
            sk__attempt_connected(connection);
        return;
    }
    /* Copied: `adapter` and `doom` are not to be used any more. */
    (void)snprintf(cause, sizeof(cause), "%s",
                   connection->doom[0] != '\0' ? connection->doom : sk__adapter_cause(connection->adapter));
    connection->adapter = NULL;
    if (connection->state == STATE_CONNECTING)
        sk__attempt_failed(connection, cause);
    else if (connection->doom[0] != '\0')
        go_down(connection, cause);
    else
        sk__connection_give_up(connection, "lost the connection to %s: %s", sk__connection_target(connection, text), cause);
}

static bool nothing_overdue(void *owner) {
    const sk__connection *connection = owner;

    return connection->pending.head == NULL || connection->pending.head->deadline_ms > sk__connection_now_ms(connection);
}

/* The loop may have been kept from reading: only what is not there yet is too late. */
static void check_deadline(sk__connection *connection) {
    if (!nothing_overdue(connection)) {
        sk__adapter_drain(connection->adapter, nothing_overdue);
        sk__connection_settle(connection);
    }
    if (connection->state != STATE_UP || connection->pending.head == NULL)
        return;
    if (nothing_overdue(connection)) {
        sk__connection_start_timer(connection, connection->pending.head->deadline_ms - sk__connection_now_ms(connection));
        return;
    }
    sk__socket_abandon((int)sk__adapter_context(connection->adapter)->c.fd);
    sk__connection_give_up(connection, "no answer from Redis for %u ms", (unsigned)connection->config.command_timeout_ms);
}

static void on_timer(uv_timer_t *timer) {
    sk__connection *connection = timer->data;
    unsigned limit = connection->config.connect_timeout_ms;
    char text[SK__ADDRESS_TEXT_MAX + 1], cause[64];

    switch (connection->state) {
    case STATE_WAITING:
        sk__attempt_begin(connection);
        break;
    case STATE_RESOLVING:
        sk__connection_give_up(connection, "cannot resolve %s: no answer within %u ms", connection->config.address.name, limit);
        break;
    case STATE_CONNECTING:
        (void)snprintf(cause, sizeof(cause), "no connection within %u ms", limit);
        sk__attempt_failed(connection, cause);
        break;
    case STATE_LOGGING_IN:
        sk__connection_give_up(connection, "no answer to AUTH from %s within %u ms", sk__connection_target(connection, text),
                               limit);
        break;
    case STATE_UP:
        check_deadline(connection);
        break;
    case STATE_CLOSED:
        break;
    }
}

/* ---- what io calls */

static bool fits(int argc, const size_t *sizes) {
    size_t left = COMMAND_MAX;

    for (int i = 0; i < argc; i++) {
        if (sizes[i] > left - 32) /* "$2147483647\r\n" and "\r\n" */
            return false;
        left -= sizes[i] + 32;
        if (left < 32)
            return false;
    }
    return argc > 0;
}

seckill_status sk__connection_send(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes,
                                   sk__reply_cb cb, void *context) {
    bool was_unsent = connection->unsent;
    seckill_status status;

    /* A doomed one takes no more; hiredis is still in the callback that found out. */
    if (connection->state != STATE_UP || connection->doom[0] != '\0')
        return SECKILL_UNREACHABLE;
    if (!fits(argc, sizes))
        return SECKILL_NO_MEMORY;
    status = sk__connection_append(connection, argc, argv, sizes, cb, context);
    /* The timer runs for the oldest command only, and is looked at when it ends: a command costs no timer of its own. */
    if (status == SECKILL_OK && !uv_is_active((uv_handle_t *)&connection->timer))
        sk__connection_start_timer(connection, connection->config.command_timeout_ms);
    if (connection->unsent && !was_unsent)
        connection->config.events.on_unsent(connection->config.events.owner);
    return status;
}

void sk__connection_flush(sk__connection *connection) {
    if (!connection->unsent || connection->adapter == NULL)
        return;
    connection->unsent = false;
    sk__adapter_write(connection->adapter);
    sk__connection_settle(connection);
}

bool sk__connection_is_up(const sk__connection *connection) {
    return connection->state == STATE_UP;
}

const char *sk__connection_trouble(const sk__connection *connection) {
    return connection->trouble;
}

uint64_t sk__connection_count(const sk__connection *connection) {
    return connection->count;
}

/* ---- birth and death */

static void wipe(const seckill_allocator *allocator, char *secret) {
    if (secret != NULL)
        sodium_memzero(secret, strlen(secret));
    sk__free(allocator, secret);
}

void sk__connection_discard(sk__connection *connection) {
    const seckill_allocator *allocator = connection->config.allocator;

    wipe(allocator, connection->user);
    wipe(allocator, connection->password);
    sk__pending_clear(&connection->pending);
    sk__free(allocator, connection);
}

sk__connection *sk__connection_new(const sk__connection_config *config) {
    sk__connection *connection = sk__calloc(config->allocator, 1, sizeof(*connection));

    if (connection == NULL)
        return NULL;
    connection->config = *config;
    sk__pending_init(&connection->pending, config->allocator);
    sk__resolver_init(&connection->resolver, sk__attempt_resolved, connection);
    (void)snprintf(connection->trouble, sizeof(connection->trouble), "not connected yet");
    if (config->user != NULL)
        connection->user = sk__strdup(config->allocator, config->user);
    if (config->password != NULL)
        connection->password = sk__strdup(config->allocator, config->password);
    if ((config->user != NULL && connection->user == NULL) || (config->password != NULL && connection->password == NULL)) {
        sk__connection_discard(connection);
        return NULL;
    }
    return connection;
}

void sk__connection_start(sk__connection *connection, uv_loop_t *loop) {
    connection->loop = loop;
    (void)uv_timer_init(loop, &connection->timer);
    connection->timer.data = connection;
    sk__connection_start_timer(connection, 0);
}

/* Nothing on the loop may refer to the connection when it goes: timer, sockets of earlier attempts, a resolver's thread. */
void sk__connection_finish_close(sk__connection *connection) {
    sk__connection_events events = connection->config.events;

    if (connection->state != STATE_CLOSED || !connection->timer_closed || connection->adapters > 0 ||
        connection->resolver.running)
        return;
    sk__connection_discard(connection);
    events.on_closed(events.owner);
}

static void on_timer_closed(uv_handle_t *handle) {
    sk__connection *connection = handle->data;

    connection->timer_closed = true;
    sk__connection_finish_close(connection);
}

void sk__connection_close(sk__connection *connection) {
    connection->state = STATE_CLOSED;
    (void)snprintf(connection->trouble, sizeof(connection->trouble), "closed");
    sk__connection_let_go(connection);
    sk__pending_lose(&connection->pending, "closed");
    sk__resolver_cancel(&connection->resolver);
    uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}
