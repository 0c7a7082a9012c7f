/* A hiredis context on a libuv loop.
 *
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE
#include "io/adapter.h"

#include "io/sigpipe.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    ELEMENTS_MAX = 1024 * 1024, /* of one array in a reply */
    READ_SIZE = 16 * 1024       /* what hiredis reads at a time */
};

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct sk__adapter {
    uv_poll_t poll;
    redisAsyncContext *context;
    int wanted;               /* the events that hiredis asked for */
    int watched;              /* those that libuv was asked for */
    sk__tls_session *session; /* NULL: plain text */
    bool securing;            /* its handshake goes on */
    redisReplyObjectFunctions functions;
    void *(*create_array)(const redisReadTask *, element_count);
    const seckill_allocator *allocator;
    sk__adapter_events events;
    char cause[128];
};

/* ---- what hiredis calls */

static void add_read(void *data) {
    ((sk__adapter *)data)->wanted |= UV_READABLE;
}

static void delete_read(void *data) {
    ((sk__adapter *)data)->wanted &= ~UV_READABLE;
}

static void add_write(void *data) {
    ((sk__adapter *)data)->wanted |= UV_WRITABLE;
}

static void delete_write(void *data) {
    ((sk__adapter *)data)->wanted &= ~UV_WRITABLE;
}

static void on_poll_closed(uv_handle_t *handle) {
    sk__adapter *adapter = handle->data;
    sk__adapter_events events = adapter->events;

    if (adapter->session != NULL)
        sk__tls_end(adapter->session);
    sk__free(adapter->allocator, adapter);
    events.on_closed(events.owner);
}

/* The context is about to go, and its socket after it: the poll handle must let go of the socket first. */
static void clean_up(void *data) {
    sk__adapter *adapter = data;

    if (adapter->context == NULL)
        return;
    if (adapter->context->c.err != 0 && adapter->cause[0] == '\0')
        (void)snprintf(adapter->cause, sizeof(adapter->cause), "%s", adapter->context->c.errstr);
    adapter->context = NULL;
    uv_close((uv_handle_t *)&adapter->poll, on_poll_closed);
}

/* No answer to a command of ours is a large array, and hiredis allocates what the header promises before an element has come
 * (0.14 aborts the process where that fails). NULL is "out of memory" to hiredis, which then drops the connection. */
static void *create_array(const redisReadTask *task, element_count elements) {
    sk__adapter *adapter = task->privdata;

    if (elements <= ELEMENTS_MAX)
        return adapter->create_array(task, elements);
    (void)snprintf(adapter->cause, sizeof(adapter->cause), "a reply of %llu elements", (unsigned long long)elements);
    return NULL;
}

static void limit_arrays(sk__adapter *adapter, redisReader *reader) {
    adapter->functions = *reader->fn;
    adapter->create_array = adapter->functions.createArray;
    adapter->functions.createArray = create_array;
    reader->fn = &adapter->functions;
    reader->privdata = adapter;
}

/* ---- events of the socket */

static void on_poll(uv_poll_t *poll, int status, int events);

/* What hiredis wants; with TLS reading may have to wait until the socket can be written to, and writing until it can be read
 * (watched for writing meanwhile, the loop would spin). */
static int wanted_now(const sk__adapter *adapter) {
    int to_write = adapter->session != NULL && sk__tls_waits_to_write(adapter->session) ? UV_WRITABLE : 0;

    if (adapter->securing)
        return to_write != 0 ? to_write : UV_READABLE;
    if (adapter->session != NULL && sk__tls_waits_to_read(adapter->session))
        return UV_READABLE;
    return adapter->wanted | to_write;
}

/* Brings what libuv watches in line with what is wanted. */
static void apply(sk__adapter *adapter) {
    int wanted = wanted_now(adapter);

    if (adapter->context == NULL || wanted == adapter->watched)
        return;
    adapter->watched = wanted;
    if (wanted == 0)
        (void)uv_poll_stop(&adapter->poll);
    else if (uv_poll_start(&adapter->poll, wanted, on_poll) != 0)
        sk__adapter_close(adapter);
}

static void write_now(sk__adapter *adapter) {
    sk__sigpipe held;

    sk__sigpipe_hold(&held);
    redisAsyncHandleWrite(adapter->context);
    sk__sigpipe_release(&held, adapter->context == NULL);
}

static void read_now(sk__adapter *adapter) {
    do
        redisAsyncHandleRead(adapter->context);
    while (adapter->context != NULL && adapter->session != NULL && sk__tls_has_more(adapter->session));
}

static void shake_hands(sk__adapter *adapter) {
    sk__tls_step step = sk__tls_shake_hands(adapter->session, adapter->cause, sizeof(adapter->cause));

    adapter->securing = step == SK__TLS_GOES_ON;
    if (step == SK__TLS_FAILED)
        sk__adapter_close(adapter);
}

/* Reading first: a peer that answered and then closed is heard out, where writing would fail at once. */
static void handle(sk__adapter *adapter, int events) {
    if (adapter->session != NULL && sk__tls_waits_to_write(adapter->session))
        events |= UV_READABLE;
    if ((events & UV_READABLE) != 0)
        read_now(adapter);
    if ((events & adapter->wanted & UV_WRITABLE) != 0 && adapter->context != NULL)
        write_now(adapter);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    sk__adapter *adapter = poll->data;

    if (status < 0) {
        /* libuv has stopped the handle. What hiredis waits for will tell it what is wrong. */
        adapter->watched = 0;
        events = wanted_now(adapter);
    }
    if (adapter->securing)
        shake_hands(adapter);
    else
        handle(adapter, events);
    apply(adapter);
    adapter->events.on_event(adapter->events.owner);
}

/* ---- what the connection calls */

sk__adapter *sk__adapter_attach(uv_loop_t *loop, redisAsyncContext *context, const seckill_allocator *allocator,
                                const sk__adapter_events *events) {
    sk__adapter *adapter = sk__calloc(allocator, 1, sizeof(*adapter));

    if (adapter == NULL)
        return NULL;
    if (uv_poll_init(loop, &adapter->poll, (int)context->c.fd) != 0) {
        sk__free(allocator, adapter);
        return NULL;
    }
    adapter->poll.data = adapter;
    adapter->context = context;
    adapter->allocator = allocator;
    adapter->events = *events;
    limit_arrays(adapter, context->c.reader);
    context->ev.data = adapter;
    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    context->ev.cleanup = clean_up;
    adapter->wanted = UV_WRITABLE; /* it is connected when it can be written to */
    apply(adapter);
    return adapter;
}

bool sk__adapter_secure(sk__adapter *adapter, const sk__tls *tls, const char *host) {
    adapter->session = sk__tls_begin(tls, host, &adapter->context->c);
    if (adapter->session == NULL)
        return false;
    shake_hands(adapter);
    apply(adapter);
    return true;
}

bool sk__adapter_is_securing(const sk__adapter *adapter) {
    return adapter->securing;
}

redisAsyncContext *sk__adapter_context(const sk__adapter *adapter) {
    return adapter->context;
}

const char *sk__adapter_cause(const sk__adapter *adapter) {
    return adapter->cause[0] != '\0' ? adapter->cause : "the socket failed";
}

void sk__adapter_write(sk__adapter *adapter) {
    if (adapter->context == NULL || adapter->securing || (adapter->watched & UV_WRITABLE) != 0)
        return;
    write_now(adapter);
    apply(adapter);
}

/* Reads once; how many bytes that took from the socket. */
static int64_t take(sk__adapter *adapter) {
    uint64_t before;

    if (adapter->session == NULL) {
        read_now(adapter);
        return READ_SIZE;
    }
    before = sk__tls_taken(adapter->session);
    read_now(adapter);
    return (int64_t)(sk__tls_taken(adapter->session) - before);
}

void sk__adapter_drain(sk__adapter *adapter, bool (*enough)(void *owner)) {
    int64_t left, took = 1;
    int arrived = 0;

    if (adapter->context == NULL || ioctl((int)adapter->context->c.fd, FIONREAD, &arrived) != 0)
        return;
    for (left = arrived; left > 0 && took > 0 && adapter->context != NULL && !enough(adapter->events.owner); left -= took)
        took = take(adapter);
    apply(adapter);
}

void sk__adapter_close(sk__adapter *adapter) {
    if (adapter->context != NULL)
        redisAsyncFree(adapter->context);
}
