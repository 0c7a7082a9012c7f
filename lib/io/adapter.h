/* A hiredis context on a libuv loop.
 *
 * hiredis' own adapter returns early when poll reports an error, so that a refused or reset connection is never noticed; this
 * one then feeds hiredis the events that it asked for. It also keeps SIGPIPE from the host, and asks libuv for a change of
 * events only after a burst of work: a command that is written at once costs no epoll_ctl.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_ADAPTER_H
#define SK_IO_ADAPTER_H

#include "base/memory.h"
#include "io/tls.h"

#include <hiredis/async.h>
#include <stdbool.h>
#include <uv.h>

typedef struct sk__adapter sk__adapter;

typedef struct {
    /* hiredis has handled what the socket had; see sk__adapter_context for what became of the connection. */
    void (*on_event)(void *owner);
    /* The adapter's memory was freed: no handle of it is left on the loop. */
    void (*on_closed)(void *owner);
    void *owner;
} sk__adapter_events;

/* Takes over a context that is connecting, without an error (one with an error crashes when it is freed attached). NULL, out of
 * memory or libuv's error: the context is still the caller's. */
sk__adapter *sk__adapter_attach(uv_loop_t *loop, redisAsyncContext *context, const seckill_allocator *allocator,
                                const sk__adapter_events *events);

/* A context that is connected is to speak TLS from now on; `host` is of its address. False: out of memory. */
bool sk__adapter_secure(sk__adapter *adapter, const sk__tls *tls, const char *host);
/* Whether the handshake goes on. */
bool sk__adapter_is_securing(const sk__adapter *adapter);

/* NULL once hiredis has freed it, after an error. Nothing but sk__adapter_cause may be called then; on_closed comes by itself.
 */
redisAsyncContext *sk__adapter_context(const sk__adapter *adapter);
/* What hiredis said of the error; valid until on_closed. */
const char *sk__adapter_cause(const sk__adapter *adapter);

/* Writes what waits in the output buffer, unless the socket is known to be full. Not from a callback of hiredis. */
void sk__adapter_write(sk__adapter *adapter);

/* Reads what has arrived up to now, and no more: before giving up a connection on which answers may just be waiting to be read.
 * Ends early when `enough` says so. Not from a callback of hiredis. */
void sk__adapter_drain(sk__adapter *adapter, bool (*enough)(void *owner));

/* Frees the context; on_closed comes later, on_event not any more. Not from a callback of hiredis. */
void sk__adapter_close(sk__adapter *adapter);

#endif
