/* A request for units as it waits in a queue of the shop's own (RabbitMQ): one JSON object.
 *
 *   {"version":1,"activity":"618","item":"phone","user":"alice","request_id":"r-1","quantity":1,"created_ms":1730000000000}
 *
 * A user or request id that is no UTF-8, or has a NUL, stands as base64 in "user64" or "request_id64" instead. Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_MESSAGE_H
#define SECKILL_EXAMPLES_MESSAGE_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum {
    MESSAGE_VERSION = 1,
    MESSAGE_MAX = 2048, /* bytes that hold any message; longer ones are none */
    MESSAGE_TROUBLE = 192
};

/* Self-contained: it owns its bytes. */
typedef struct {
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
    uint8_t user[SECKILL_USER_MAX];
    size_t user_size; /* 1 to SECKILL_USER_MAX */
    uint8_t request_id[SECKILL_REQUEST_ID_MAX];
    size_t request_id_size; /* 1 to SECKILL_REQUEST_ID_MAX */
    uint32_t quantity;      /* 1 to 1,000,000 */
    int64_t created_ms;     /* when the user made it, milliseconds since 1970; 1 to 2^47 - 1 */
} request_message;

/* Writes a message, without a NUL. Its size; 0: out of memory. */
size_t message_encode(const request_message *one, char out[MESSAGE_MAX]);

/* Reads one that anybody may have written. False with the cause in `trouble`, in which nothing of the text is repeated but
 * names of members. */
bool message_decode(const void *text, size_t size, request_message *one, char trouble[MESSAGE_TROUBLE]);

#endif
