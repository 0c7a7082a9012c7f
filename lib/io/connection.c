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

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void on_timer(uv_timer_t *timer);

int64_t sk__connection_now_ms(const sk__connection *connection) {
    return (int64_t)uv_now(connection->loop);
}

void sk__connection_start_timer(sk__connection *connection, int64_t wait_ms) {
    (void)uv_timer_start(&connection->timer, on_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

const char *sk__connection_target(const sk__connection *connection, char text[SK__ADDRESS_TEXT_MAX + 1]) {
    const sk__address *address = sk__connection_address(connection);
    bool resolved = !address->is_unix && !address->is_numeric && connection->candidates > 0;

    sk__address_format(address, resolved ? connection->resolver.candidates[connection->candidate] : NULL, text,
                       SK__ADDRESS_TEXT_MAX + 1);
    return text;
}

/* ---- down */

/* FNV-1a. Source: Fowler, Noll, Vo. Two troubles with one hash cost a line of the log. */
static uint32_t hash(const char *text) {
    uint32_t value = 2166136261U;

    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * 16777619U;
    return value;
}

/* Whether the trouble at this address is another than the last one there. */
static bool is_news(sk__connection *connection) {
    uint32_t *told = &connection->told[connection->at % SECKILL_SEEDS_MAX], now = hash(connection->trouble);
    bool news = *told != now;

    *told = now;
    return news;
}

/* How long to wait: one failure more. All addresses are tried before the wait grows. */
static uint32_t next_wait_ms(sk__connection *connection) {
    const sk__connection_config *config = &connection->config;

    /* A server that takes connections only to drop them must not be asked every reconnect_min_ms. */
    if (connection->state == STATE_UP && sk__connection_now_ms(connection) - connection->up_since >= config->reconnect_max_ms)
        connection->failures = 0;
    if (connection->leaving && connection->failures + 1 < connection->partings)
        connection->failures = connection->partings - 1;
    if (connection->failures < UINT32_MAX)
        connection->failures++;
    return sk__backoff_ms(config->reconnect_min_ms, config->reconnect_max_ms,
                          (connection->failures - 1) / config->address_count + 1, randombytes_random());
}

/* The attempt failed or the connection broke; its context is gone. */
static void go_down(sk__connection *connection, const char *cause) {
    const sk__connection_config *config = &connection->config;
    uint32_t wait_ms = next_wait_ms(connection);
    seckill_status status;
    bool news;

    (void)snprintf(connection->trouble, sizeof(connection->trouble), "%s", cause);
    news = is_news(connection);
    if (connection->state != STATE_UP || !connection->answered || connection->leaving)
        connection->at = (connection->at + 1) % config->address_count;
    connection->state = STATE_WAITING;
    connection->unsent = false;
    connection->leaving = false;
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
    connection->answered = false;
    connection->up_since = sk__connection_now_ms(connection);
    memset(connection->told, 0, sizeof(connection->told));
    connection->count++;
    connection->trouble[0] = '\0';
    sk__log_line(connection->config.log, SECKILL_LOG_INFO, "connected to %s", sk__connection_target(connection, text));
    connection->config.events.on_up(connection->config.events.owner);
}

/* ---- events */

void sk__connection_settle(sk__connection *connection) {
    char cause[CAUSE_SIZE], text[SK__ADDRESS_TEXT_MAX + 1];

    if (connection->adapter == NULL)
        return;
    if (sk__adapter_context(connection->adapter) != NULL) {
        if (connection->state == STATE_CONNECTING && (sk__adapter_context(connection->adapter)->c.flags & REDIS_CONNECTED) != 0)
            sk__attempt_connected(connection);
        else if (connection->state == STATE_SECURING && !sk__adapter_is_securing(connection->adapter))
            sk__attempt_secured(connection);
        return;
    }
    /* Copied: `adapter` and `doom` are not to be used any more. */
    (void)snprintf(cause, sizeof(cause), "%s",
                   connection->doom[0] != '\0' ? connection->doom : sk__adapter_cause(connection->adapter));
    connection->adapter = NULL;
    if (connection->state == STATE_CONNECTING || connection->state == STATE_SECURING)
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
    connection->answered = false; /* what hangs is not tried again first */
    sk__socket_abandon((int)sk__adapter_context(connection->adapter)->c.fd);
    sk__connection_give_up(connection, "no answer from Redis for %u ms", (unsigned)connection->config.command_timeout_ms);
}

static void on_timer(uv_timer_t *timer) {
    sk__connection *connection = timer->data;
    unsigned limit = connection->config.connect_timeout_ms;
    char text[SK__ADDRESS_TEXT_MAX + 1], cause[96];

    switch (connection->state) {
    case STATE_WAITING:
        sk__attempt_begin(connection);
        break;
    case STATE_RESOLVING:
        sk__connection_give_up(connection, "cannot resolve %s: no answer within %u ms",
                               sk__connection_address(connection)->name, limit);
        break;
    case STATE_CONNECTING:
        (void)snprintf(cause, sizeof(cause), "no connection within %u ms", limit);
        sk__attempt_failed(connection, cause);
        break;
    case STATE_SECURING:
        (void)snprintf(cause, sizeof(cause), "no TLS handshake within %u ms (does the server speak TLS there?)", limit);
        sk__attempt_failed(connection, cause);
        break;
    case STATE_LOGGING_IN:
        sk__connection_give_up(connection, "no answer to %s from %s within %u ms",
                               connection->config.password != NULL ? "AUTH" : "PING", sk__connection_target(connection, text),
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

bool sk__connection_is_up(const sk__connection *connection) {
    return connection->state == STATE_UP;
}

bool sk__connection_is_idle(const sk__connection *connection) {
    return connection->pending.head == NULL;
}

const sk__address *sk__connection_address(const sk__connection *connection) {
    return &connection->config.addresses[connection->at];
}

uint32_t sk__connection_address_index(const sk__connection *connection) {
    return connection->at;
}

const char *sk__connection_trouble(const sk__connection *connection) {
    return connection->trouble;
}

uint64_t sk__connection_count(const sk__connection *connection) {
    return connection->count;
}

/* ---- birth and death */

void sk__connection_discard(sk__connection *connection) {
    sk__pending_clear(&connection->pending);
    sk__free(connection->config.allocator, connection->text);
    sk__free(connection->config.allocator, connection);
}

sk__connection *sk__connection_new(const sk__connection_config *config) {
    sk__connection *connection = sk__calloc(config->allocator, 1, sizeof(*connection));

    if (connection == NULL)
        return NULL;
    connection->config = *config;
    connection->at = config->first;
    sk__pending_init(&connection->pending, config->allocator);
    sk__resolver_init(&connection->resolver, sk__attempt_resolved, connection);
    (void)snprintf(connection->trouble, sizeof(connection->trouble), "not connected yet");
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
        sk__resolver_is_running(&connection->resolver))
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
