/* A blocking call on an item: its way to the loop's thread, and what comes back. */
#include "client/sync.h"

#include <stdio.h>
#include <string.h>

void sk__sync_say(char message[SECKILL_MESSAGE_SIZE], const char *text) {
    (void)snprintf(message, SECKILL_MESSAGE_SIZE, "%s", text);
}

void sk__sync_ask_done(sk__sync_ask *ask, seckill_status status) {
    seckill_sync_done(ask->call, status);
}

static seckill_status start(seckill_client *client, seckill_sync_call *call, void *user_data) {
    sk__sync_ask *ask = user_data;

    (void)client;
    ask->call = call;
    return ask->start(ask);
}

/* Nothing but what is the caller's. */
static bool begin(const void *answer, const sk__sync_shape *shape, void *whole) {
    size_t size;

    memset(whole, 0, shape->size);
    if (answer == NULL)
        return true;
    memcpy(&size, answer, sizeof(size));
    if (!sk__struct_size_valid(size, shape->size))
        return false;
    memcpy(whole, answer, size < shape->inputs ? size : shape->inputs);
    return true;
}

/* Where no callback ran, the status says all that is known. */
static void complete(const sk__sync_shape *shape, void *whole, seckill_status status) {
    char *message = (char *)whole + shape->message;

    if (message[0] == '\0')
        sk__sync_say(message, seckill_status_message(status));
    memcpy((char *)whole + shape->status, &status, sizeof(status));
}

seckill_status sk__sync_ask_run(sk__sync_ask *ask, const sk__sync_shape *shape, void *answer) {
    seckill_status status = SECKILL_INVALID;

    if (!begin(answer, shape, ask->whole))
        return SECKILL_INVALID;
    if (ask->item != NULL)
        status = seckill_sync_run(ask->item->sync, start, ask);
    if (answer != NULL) {
        complete(shape, ask->whole, status);
        (void)sk__struct_fill(answer, ask->whole, shape->size);
    }
    return status;
}
