/* A connection to the front, from an address of its own: HTTP answers come in, any bytes go out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_WIRE_H
#define SECKILL_BENCH_WIRE_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* 127.A.B.C: the whole network is this machine's. */
#define WIRE_ADDRESS(a, b, c) (UINT32_C(127) << 24 | (uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))

typedef struct wire wire;

/* Both run on the loop, and may send and close. */
typedef struct {
    void (*answer)(wire *one, int status, const char *body, size_t size); /* the body ends with a NUL too */
    void (*ended)(wire *one); /* it is closed, by whomever, or could not be had; it may be opened again, or freed */
} wire_handlers;

/* Begins as zero. */
struct wire {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    llhttp_t parser;
    const wire_handlers *handlers;
    void *user_data;
    char *body, *unsent; /* what has come of an answer; what waits for the connection */
    size_t body_size, body_room, unsent_size;
    bool in_use, connected, closing, deaf;
};

/* Begins to connect from `source` (in the host's order) to a port of 127.0.0.1; ends at once, in the loop, where it cannot. */
void wire_open(wire *one, uv_loop_t *loop, uint32_t source, uint16_t port, const wire_handlers *handlers, void *user_data);

/* Sends a copy, when it is connected. Ignored where it is not open. */
void wire_send(wire *one, const void *data, size_t size);

/* Whether what comes is read; it is, unless somebody says otherwise. */
void wire_listen(wire *one, bool on);

/* Ends it, if it is open. `ended` follows. */
void wire_close(wire *one);

/* As many descriptors as this process may have. */
void wire_raise_limit(void);

#endif
