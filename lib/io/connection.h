/* The life of one connection to Redis: resolve, connect, TLS, AUTH, serve, fail, wait, again.
 *
 * Where it has several addresses, a failed attempt is followed by one at the next: the first servers that answer are kept. One
 * that was lost after it had answered is tried again first: most come back at once, and the next may be its replica.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_CONNECTION_H
#define SK_IO_CONNECTION_H

#include "base/log.h"
#include "base/memory.h"
#include "engine/transport.h"
#include "io/address.h"
#include "io/tls.h"

#include <stdbool.h>
#include <uv.h>

typedef struct sk__connection sk__connection;

typedef struct {
    void (*on_up)(void *owner);
    /* After the replies that are lost. SECKILL_UNREACHABLE or SECKILL_DENIED. */
    void (*on_down)(void *owner, seckill_status status, const char *cause);
    void (*on_error)(void *owner, const char *text, size_t size); /* an error reply has come; its callback is next */
    void (*on_idle)(void *owner);                                 /* the last reply that was outstanding has been called back */
    void (*on_unsent)(void *owner);                               /* wants sk__connection_flush before the loop blocks */
    void (*on_closed)(void *owner);                               /* memory is freed */
    void *owner;
} sk__connection_events;

typedef struct {
    const sk__address *addresses;  /* outlive the connection */
    uint32_t address_count, first; /* which of them to begin with */
    bool patient;         /* commands may be held up by those before them: each one's time begins when it is the oldest */
    const char *user;     /* outlive it too; NULL: none */
    const char *password; /* NULL: no AUTH */
    const sk__tls *tls;   /* outlives it too; NULL: plain text */
    uint32_t connect_timeout_ms, command_timeout_ms;
    uint32_t reconnect_min_ms, reconnect_max_ms;
    const seckill_allocator *allocator;
    const sk__log *log;
    sk__connection_events events;
} sk__connection_config;

/* NULL: out of memory. Until it is started it can be discarded. */
sk__connection *sk__connection_new(const sk__connection_config *config);
void sk__connection_discard(sk__connection *connection);

/* Begins to connect on the loop's next turn, and keeps at it until it is closed. */
void sk__connection_start(sk__connection *connection, uv_loop_t *loop);

/* As `send` of sk__transport. The bytes go out with the next flush. */
seckill_status sk__connection_send(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes,
                                   sk__reply_cb cb, void *context);

/* Inside the callback of a reply that is SK__REPLY_OTHER: the integer that it is, or -1. */
int64_t sk__connection_integer(const sk__connection *connection);

/* Writes what was sent. Must not be called from a reply's callback or an event. */
void sk__connection_flush(sk__connection *connection);

/* This server will not do: when what is outstanding has been answered the connection is given up, and tried at the next
 * address. From on_error only. */
__attribute__((format(printf, 2, 3))) void sk__connection_leave(sk__connection *connection, const char *format, ...);

bool sk__connection_is_up(const sk__connection *connection);
bool sk__connection_is_idle(const sk__connection *connection);               /* nothing is outstanding */
const sk__address *sk__connection_address(const sk__connection *connection); /* that is tried or connected */
uint32_t sk__connection_address_index(const sk__connection *connection);
const char *sk__connection_trouble(const sk__connection *connection); /* "" while it is up */
uint64_t sk__connection_count(const sk__connection *connection);      /* how often it came up */

/* Loses what is outstanding ("closed") before it returns; on_closed, and no other event, comes later. Must not be called from a
 * reply's callback or an event. */
void sk__connection_close(sk__connection *connection);

#endif
