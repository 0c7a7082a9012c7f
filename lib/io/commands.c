/* What is asked and answered on a connection that is up.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/connection_parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    COMMAND_MAX = INT_MAX / 2, /* bytes of one command: hiredis 0.14 counts in an int */
    FRAME = 32                 /* around an argument at most: "$2147483647\r\n" and "\r\n" */
};

/* ---- replies */

/* A name and its value, as CONFIG GET answers. */
static bool is_pair(const redisReply *from) {
    return from->type == REDIS_REPLY_ARRAY && from->elements == 2 && from->element[0]->type == REDIS_REPLY_STRING &&
           from->element[1]->type == REDIS_REPLY_STRING;
}

static sk__reply read_reply(const redisReply *from) {
    sk__reply reply = {SK__REPLY_OTHER, "", 0};

    if (is_pair(from))
        from = from->element[1];
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

/* What a reply says about the server, before its own callback hears of it. */
static void take_note(sk__connection *connection, const sk__reply *reply) {
    const sk__connection_events *events = &connection->config.events;

    if (connection->state != STATE_UP)
        return;
    connection->answered = true;
    if (reply->kind == SK__REPLY_ERROR)
        events->on_error(events->owner, reply->bytes, reply->size);
    else
        connection->partings = 0;
    connection->failures = 0; /* where it is left, `partings` counts instead */
}

/* The reply has been called back: what of those that are still outstanding? */
static void look_at_the_rest(sk__connection *connection) {
    const sk__connection_events *events = &connection->config.events;
    sk__pending *next = connection->pending.head;
    int64_t deadline = sk__connection_now_ms(connection) + connection->config.command_timeout_ms;

    if (next != NULL && connection->config.patient && next->deadline_ms < deadline)
        next->deadline_ms = deadline;
    if (next != NULL || connection->state != STATE_UP)
        return;
    if (connection->leaving)
        sk__connection_doom(connection, "%s", connection->parting);
    else
        events->on_idle(events->owner);
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
    take_note(connection, &reply);
    connection->integer = from->type == REDIS_REPLY_INTEGER ? from->integer : -1;
    sk__pending_answer(&connection->pending, &reply);
    look_at_the_rest(connection);
}

/* A reply that nobody waits for makes hiredis abort the process (an assertion). One callback more than there are commands, made
 * by a command of no bytes, gets such a reply here instead. */
bool sk__connection_expect_the_unexpected(sk__connection *connection) {
    redisAsyncContext *context = sk__adapter_context(connection->adapter);

    return redisAsyncFormattedCommand(context, on_reply, connection, "*1\r\n$4\r\nPING\r\n", 0) == REDIS_OK;
}

int64_t sk__connection_integer(const sk__connection *connection) {
    return connection->integer;
}

void sk__connection_leave(sk__connection *connection, const char *format, ...) {
    va_list arguments;

    if (connection->leaving)
        return;
    connection->leaving = true;
    if (connection->partings < UINT32_MAX)
        connection->partings++;
    va_start(arguments, format);
    (void)vsnprintf(connection->parting, sizeof(connection->parting), format, arguments);
    va_end(arguments);
}

/* ---- commands */

/* Writes "*12\r\n" or "$12\r\n"; where it ends. */
static char *put_count(char *at, char kind, size_t count) {
    char digits[20]; /* 2^64 - 1 has 20 */
    size_t left = 0;

    do
        digits[left++] = (char)('0' + count % 10);
    while ((count /= 10) != 0);
    *at++ = kind;
    while (left > 0)
        *at++ = digits[--left];
    memcpy(at, "\r\n", 2);
    return at + 2;
}

/* hiredis formats too, but takes ten times as long for it. There is room. A NUL stands behind it, where hiredis looks on. */
static size_t format(char *text, int argc, const char *const *argv, const size_t *sizes) {
    char *at = put_count(text, '*', (size_t)argc);

    for (int i = 0; i < argc; i++) {
        at = put_count(at, '$', sizes[i]);
        memcpy(at, argv[i], sizes[i]);
        memcpy(at + sizes[i], "\r\n", 2);
        at += sizes[i] + 2;
    }
    *at = '\0';
    return (size_t)(at - text);
}

/* Room for one command, which is kept for the next. False: out of memory. */
static bool make_room(sk__connection *connection, int argc, const size_t *sizes) {
    size_t room = FRAME + 1;
    char *text;

    for (int i = 0; i < argc; i++)
        room += sizes[i] + FRAME;
    if (room <= connection->room)
        return true;
    text = sk__realloc(connection->config.allocator, connection->text, room);
    if (text == NULL)
        return false;
    connection->text = text;
    connection->room = room;
    return true;
}

/* Hands it to hiredis, which copies it. False: out of memory. */
static bool append(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes) {
    return make_room(connection, argc, sizes) &&
           redisAsyncFormattedCommand(sk__adapter_context(connection->adapter), on_reply, connection, connection->text,
                                      format(connection->text, argc, argv, sizes)) == REDIS_OK;
}

seckill_status sk__connection_append(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes,
                                     sk__reply_cb cb, void *context) {
    sk__pending *node = sk__pending_take(&connection->pending);

    if (node == NULL)
        return SECKILL_NO_MEMORY;
    if (!append(connection, argc, argv, sizes)) {
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

static bool fits(int argc, const size_t *sizes) {
    size_t left = COMMAND_MAX;

    for (int i = 0; i < argc; i++) {
        if (sizes[i] > left - FRAME)
            return false;
        left -= sizes[i] + FRAME;
        if (left < FRAME)
            return false;
    }
    return argc > 0;
}

seckill_status sk__connection_send(sk__connection *connection, int argc, const char *const *argv, const size_t *sizes,
                                   sk__reply_cb cb, void *context) {
    bool was_unsent = connection->unsent;
    seckill_status status;

    /* A doomed one takes no more; hiredis is still in the callback that found out. */
    if (connection->state != STATE_UP || connection->doom[0] != '\0' || connection->leaving)
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
