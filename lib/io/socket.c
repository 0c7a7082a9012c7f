/* What hiredis does not set on its socket.
 *
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE /* TCP_KEEPIDLE and its like */
#include "io/socket.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* A connection that nothing is sent on is found dead after 15 + 3 * 5 seconds. */
enum { KEEPALIVE_IDLE_S = 15, KEEPALIVE_INTERVAL_S = 5, KEEPALIVE_PROBES = 3 };

static void set(int fd, int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void sk__socket_prepare(int fd, bool is_tcp, uint32_t command_timeout_ms) {
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (!is_tcp)
        return;
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
#endif
#ifdef TCP_USER_TIMEOUT
    /* Twice, so that the deadline of a command comes first: its message says more. */
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, command_timeout_ms < INT_MAX / 2 ? (int)command_timeout_ms * 2 : INT_MAX);
#endif
}

void sk__socket_abandon(int fd) {
    struct linger at_once = {1, 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

bool sk__socket_is_own_peer(int fd) {
    struct sockaddr_storage own, peer;
    socklen_t own_size = sizeof(own), peer_size = sizeof(peer);

    memset(&own, 0, sizeof(own));
    memset(&peer, 0, sizeof(peer));
    return getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 &&
           (own.ss_family == AF_INET || own.ss_family == AF_INET6) && own_size == peer_size &&
           memcmp(&own, &peer, own_size) == 0;
}
