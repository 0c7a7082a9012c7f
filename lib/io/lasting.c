/* A command whose answer waits until replicas have what it saw and wrote.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "io/lasting.h"

#include <stdio.h>
#include <string.h>

/* What is known of the two answers. Freed with the second. */
typedef struct {
    const seckill_allocator *allocator;
    sk__connection *connection;
    uint32_t replicas;
    sk__reply_cb cb; /* NULL: called back already */
    void *context;
    bool alone;      /* WAIT could not be sent */
    sk__reply reply; /* the command's; its bytes are a copy, NULL: there was no memory for one */
} both;

/* Calls back, once. */
static void answer(both *pair, const sk__reply *reply) {
    sk__reply_cb cb = pair->cb;

    pair->cb = NULL;
    if (cb != NULL)
        cb(pair->context, reply);
}

static void answer_unreplicated(both *pair, const char *cause) {
    sk__reply reply = {SK__REPLY_UNREPLICATED, cause, strlen(cause)};

    answer(pair, &reply);
}

static void release(both *pair) {
    char *copy;

    memcpy(&copy, &pair->reply.bytes, sizeof(copy)); /* it only lacks the const */
    sk__free(pair->allocator, copy);
    sk__free(pair->allocator, pair);
}

static void keep(both *pair, const sk__reply *reply) {
    char *copy = sk__malloc(pair->allocator, reply->size + 1);

    pair->reply = *reply;
    pair->reply.bytes = copy;
    if (copy != NULL && reply->size > 0)
        memcpy(copy, reply->bytes, reply->size);
    if (copy != NULL)
        copy[reply->size] = '\0'; /* as hiredis leaves it */
}

/* The command's answer. Where the connection is lost WAIT's answer is lost too, right after. */
static void on_answer(void *context, const sk__reply *reply) {
    both *pair = context;

    if (reply->kind == SK__REPLY_LOST || reply->kind == SK__REPLY_ERROR)
        answer(pair, reply);
    else if (pair->alone)
        answer_unreplicated(pair, "out of memory");
    else
        keep(pair, reply);
    if (pair->alone)
        release(pair);
}

static void judge(both *pair, int64_t count) {
    char cause[64];

    if (pair->reply.bytes == NULL)
        answer_unreplicated(pair, "out of memory");
    else if (count >= (int64_t)pair->replicas)
        answer(pair, &pair->reply);
    else {
        (void)snprintf(cause, sizeof(cause), "%lld of %u replicas have it", (long long)count, (unsigned)pair->replicas);
        answer_unreplicated(pair, cause);
    }
}

/* WAIT's. */
static void on_wait(void *context, const sk__reply *reply) {
    both *pair = context;
    int64_t count = reply->kind == SK__REPLY_OTHER ? sk__connection_integer(pair->connection) : -1;
    char cause[200];

    if (pair->cb == NULL) {
        /* answered already */
    } else if (reply->kind == SK__REPLY_LOST)
        answer(pair, reply);
    else if (count >= 0)
        judge(pair, count);
    else {
        (void)snprintf(cause, sizeof(cause), "WAIT was answered by %.*s",
                       reply->kind == SK__REPLY_OTHER || reply->size > 150 ? 150 : (int)reply->size,
                       reply->kind == SK__REPLY_OTHER ? "something odd" : reply->bytes);
        answer_unreplicated(pair, cause);
    }
    release(pair);
}

static seckill_status send_wait(const sk__lasting *lasting, sk__connection *connection, both *pair) {
    char replicas[12], timeout[12];
    const char *argv[] = {"WAIT", replicas, timeout};
    size_t sizes[3] = {4};

    sizes[1] = (size_t)snprintf(replicas, sizeof(replicas), "%u", (unsigned)lasting->replicas);
    sizes[2] = (size_t)snprintf(timeout, sizeof(timeout), "%u", (unsigned)lasting->timeout_ms);
    return sk__connection_send(connection, 3, argv, sizes, on_wait, pair);
}

seckill_status sk__lasting_send(const sk__lasting *lasting, sk__connection *connection, const sk__sending *sending,
                                sk__reply_cb cb, void *context) {
    both *pair = sk__calloc(lasting->allocator, 1, sizeof(*pair));
    seckill_status status;

    if (pair == NULL)
        return SECKILL_NO_MEMORY;
    pair->allocator = lasting->allocator;
    pair->connection = connection;
    pair->replicas = lasting->replicas;
    pair->cb = cb;
    pair->context = context;
    status = sk__connection_send(connection, sending->argc, sending->argv, sending->sizes, on_answer, pair);
    if (status == SECKILL_OK)
        pair->alone = send_wait(lasting, connection, pair) != SECKILL_OK;
    else
        release(pair);
    return status;
}
