/* What hiredis does not set on its socket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_SOCKET_H
#define SK_IO_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Close-on-exec; for TCP also no delay, keepalive, and an end to sending again what the peer does not acknowledge. Hints: what
 * the system does not know is left out. */
void sk__socket_prepare(int fd, bool is_tcp, uint32_t command_timeout_ms);

/* What was written and has not left yet is thrown away when the socket is closed, and the peer's part with it: a command that
 * is about to be sent again elsewhere should not arrive late. No promise: it may be on its way, or in the server's hands. */
void sk__socket_abandon(int fd);

/* Whether the socket is connected to itself: connecting to a port of this host that nobody listens on, and that is of those
 * handed out to clients, can end so (TCP's simultaneous open). */
bool sk__socket_is_own_peer(int fd);

#endif
