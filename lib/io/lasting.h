/* A command whose answer waits until replicas have what it saw and wrote: the command and WAIT, written together.
 *
 * WAIT covers what its own connection has written, and holds up what comes behind it: so such commands have a connection of
 * their own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_LASTING_H
#define SK_IO_LASTING_H

#include "io/connection.h"

typedef struct {
    uint32_t replicas;   /* that must have it, 1 and more */
    uint32_t timeout_ms; /* how long the server waits for them, 1 and more */
    const seckill_allocator *allocator;
} sk__lasting;

/* As `send` of sk__transport. The reply is called back when both answers have come on this connection: as it is, or as
 * SK__REPLY_UNREPLICATED where fewer replicas have it in time. An error is called back at once: it has written nothing, and who
 * is told MOVED or NOSCRIPT has no use for waiting. */
seckill_status sk__lasting_send(const sk__lasting *lasting, sk__connection *connection, const sk__sending *sending,
                                sk__reply_cb cb, void *context);

#endif
