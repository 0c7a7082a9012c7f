/* A blocking call on an item: its way to the loop's thread, and what comes back. */
#include "client/sync.h"

#include <stdio.h>
#include <string.h>

static void say(const sk__sync_ask *ask, const char *text) {
    (void)snprintf((char *)ask->whole + ask->shape->message, SECKILL_MESSAGE_SIZE, "%s", text);
}

void sk__sync_ask_done(sk__sync_ask *ask, seckill_status status, const char *message) {
    say(ask, message);
    seckill_sync_done(ask->call, status);
}

static seckill_status start(seckill_client *client, seckill_sync_call *call, void *user_data) {
    sk__sync_ask *ask = user_data;

    (void)client;
    ask->call = call;
    return ask->start(ask);
}

/* Nothing but what is the caller's. */
static bool begin(const sk__sync_ask *ask, const void *answer) {
    const sk__sync_shape *shape = ask->shape;
    size_t size;

    memset(ask->whole, 0, shape->size);
    if (answer == NULL)
        return true;
    memcpy(&size, answer, sizeof(size));
    if (!sk__struct_size_valid(size, shape->size))
        return false;
    memcpy(ask->whole, answer, size < shape->inputs ? size : shape->inputs);
    return true;
}

/* Where no callback ran, the status says all that is known. */
static void complete(const sk__sync_ask *ask, seckill_status status) {
    char *whole = ask->whole;

    if (whole[ask->shape->message] == '\0')
        say(ask, seckill_status_message(status));
    memcpy(whole + ask->shape->status, &status, sizeof(status));
}

seckill_status sk__sync_ask_run(sk__sync_ask *ask, void *answer) {
    seckill_status status = SECKILL_INVALID;

    if (!begin(ask, answer))
        return SECKILL_INVALID;
    if (ask->item != NULL)
        status = seckill_sync_run(ask->item->sync, start, ask);
    if (answer != NULL) {
        complete(ask, status);
        (void)sk__struct_fill(answer, ask->whole, ask->shape->size);
    }
    return status;
}
