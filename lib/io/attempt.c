/* One attempt of a connection: resolve, try the addresses in turn, begin TLS, log in.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/connection_parts.h"

#include "io/socket.h"

#include <stdio.h>
#include <string.h>

static void on_login(void *context, const sk__reply *reply) {
    sk__connection *connection = context;
    char text[SK__ADDRESS_TEXT_MAX + 1];

    if (reply->kind == SK__REPLY_LOST)
        return;
    if (reply->kind == SK__REPLY_BYTES) {
        connection->failures = 0;
        sk__connection_go_up(connection);
    } else {
        connection->denied = true;
        sk__connection_doom(connection, "%s refused AUTH: %s", sk__connection_target(connection, text),
                            reply->kind == SK__REPLY_ERROR ? reply->bytes : "not in words");
    }
}

/* Whatever the answer is: the server talks to us. */
static void on_greeted(void *context, const sk__reply *reply) {
    sk__connection *connection = context;

    if (reply->kind == SK__REPLY_LOST)
        return;
    connection->failures = 0;
    sk__connection_go_up(connection);
}

/* Sends the first command, which must be answered before the attempt's time is over. */
static void ask_first(sk__connection *connection, int argc, const char *const *argv, sk__reply_cb cb) {
    size_t sizes[3];

    for (int i = 0; i < argc; i++)
        sizes[i] = strlen(argv[i]);
    connection->state = STATE_LOGGING_IN;
    sk__connection_start_timer(connection, connection->attempt_until - sk__connection_now_ms(connection));
    if (sk__connection_append(connection, argc, argv, sizes, cb, connection) != SECKILL_OK)
        sk__connection_give_up(connection, "out of memory");
    else
        sk__connection_flush(connection);
}

static void log_in(sk__connection *connection) {
    const char *argv[3] = {"AUTH"};
    int argc = 1;

    if (connection->config.user != NULL)
        argv[argc++] = connection->config.user;
    argv[argc++] = connection->config.password;
    ask_first(connection, argc, argv, on_login);
}

/* A handshake of TLS 1.3 is done for us before the server has looked at our certificate: only an answer says that it took it.
 */
static void greet(sk__connection *connection) {
    static const char *const argv[] = {"PING"};

    ask_first(connection, 1, argv, on_greeted);
}

void sk__attempt_connected(sk__connection *connection) {
    char text[SK__ADDRESS_TEXT_MAX + 1];

    if (sk__socket_is_own_peer((int)sk__adapter_context(connection->adapter)->c.fd))
        sk__connection_give_up(connection, "cannot connect to %s: nobody listens there",
                               sk__connection_target(connection, text));
    else if (connection->config.tls == NULL)
        sk__attempt_secured(connection);
    else if (!sk__adapter_secure(connection->adapter, connection->config.tls, sk__connection_address(connection)->name))
        sk__connection_give_up(connection, "out of memory");
    else {
        connection->state = STATE_SECURING;
        sk__connection_settle(connection);
    }
}

void sk__attempt_secured(sk__connection *connection) {
    if (!sk__connection_expect_the_unexpected(connection))
        sk__connection_give_up(connection, "out of memory");
    else if (connection->config.password != NULL)
        log_in(connection);
    else if (connection->config.tls != NULL)
        greet(connection);
    else
        sk__connection_go_up(connection);
}

static void on_adapter_event(void *owner) {
    sk__connection_settle(owner);
}

static void on_adapter_closed(void *owner) {
    sk__connection *connection = owner;

    connection->adapters--;
    sk__connection_finish_close(connection);
}

/* Starts to connect to one address. False: it failed at once, `cause` says how. */
static bool dial(sk__connection *connection, char cause[CAUSE_SIZE]) {
    const sk__connection_config *config = &connection->config;
    const sk__address *address = sk__connection_address(connection);
    const sk__adapter_events events = {on_adapter_event, on_adapter_closed, connection};
    bool is_unix = address->is_unix;
    const char *name = is_unix || address->is_numeric ? address->name : connection->resolver.candidates[connection->candidate];
    redisAsyncContext *context = is_unix ? redisAsyncConnectUnix(name) : redisAsyncConnect(name, address->port);

    (void)snprintf(cause, CAUSE_SIZE, "%s", context != NULL && context->c.err != 0 ? context->c.errstr : "out of memory");
    if (context != NULL && context->c.err == 0) {
        sk__socket_prepare((int)context->c.fd, !is_unix, config->command_timeout_ms);
        connection->doom[0] = '\0';
        connection->adapter = sk__adapter_attach(connection->loop, context, config->allocator, &events);
        if (connection->adapter != NULL) {
            connection->adapters++;
            return true;
        }
    }
    if (context != NULL)
        redisAsyncFree(context);
    return false;
}

/* Tries the addresses from `candidate` on. Each gets an equal part of the time that is left, so that one which drops packets
 * does not keep the next from being tried. */
static void connect_next(sk__connection *connection) {
    char cause[CAUSE_SIZE], text[SK__ADDRESS_TEXT_MAX + 1];

    connection->state = STATE_CONNECTING;
    while (!dial(connection, cause)) {
        if (connection->candidate + 1 == connection->candidates) {
            sk__connection_give_up(connection, "cannot connect to %s: %s", sk__connection_target(connection, text), cause);
            return;
        }
        connection->candidate++;
    }
    sk__connection_start_timer(connection, (connection->attempt_until - sk__connection_now_ms(connection)) /
                                               (connection->candidates - connection->candidate));
    sk__connection_settle(connection);
}

/* The address that was tried does not answer. */
void sk__attempt_failed(sk__connection *connection, const char *cause) {
    char text[SK__ADDRESS_TEXT_MAX + 1];

    sk__connection_let_go(connection);
    if (connection->candidate + 1 < connection->candidates) {
        connection->candidate++;
        connect_next(connection);
    } else
        sk__connection_give_up(connection, "cannot connect to %s: %s", sk__connection_target(connection, text), cause);
}

void sk__attempt_resolved(void *owner, int error) {
    sk__connection *connection = owner;

    if (connection->state == STATE_CLOSED) {
        sk__connection_finish_close(connection);
        return;
    }
    if (connection->state != STATE_RESOLVING)
        return; /* too late for that attempt; the next one asks again */
    connection->candidate = 0;
    connection->candidates = connection->resolver.count;
    if (error != 0)
        sk__connection_give_up(connection, "cannot resolve %s: %s", sk__connection_address(connection)->name,
                               uv_strerror(error));
    else
        connect_next(connection);
}

void sk__attempt_begin(sk__connection *connection) {
    const sk__address *address = sk__connection_address(connection);
    int error;

    connection->attempt_until = sk__connection_now_ms(connection) + connection->config.connect_timeout_ms;
    connection->candidate = 0;
    connection->candidates = 1;
    if (address->is_unix || address->is_numeric) {
        connect_next(connection);
        return;
    }
    connection->state = STATE_RESOLVING;
    connection->candidates = 0;
    sk__connection_start_timer(connection, connection->config.connect_timeout_ms);
    error = sk__resolver_start(&connection->resolver, connection->loop, address);
    if (error != 0)
        sk__connection_give_up(connection, "cannot resolve %s: %s", address->name, uv_strerror(error));
}
