/* Connections to Redis on a libuv loop: the only layer that knows hiredis and libuv.
 *
 * The transport's clock, timer and sockets live here. One loop, one thread. Closing is asynchronous, as libuv's own handles
 * are: memory is freed in or after the last close callback.
 */
#ifndef SK_IO_IO_H
#define SK_IO_IO_H

#include "base/log.h"
#include "base/memory.h"
#include "engine/transport.h"
#include "io/tls.h"

struct uv_loop_s;

typedef struct sk__io sk__io;

typedef struct {
    struct uv_loop_s *loop;    /* NULL: make one, driven through sk__io_fd, sk__io_timeout_ms, sk__io_dispatch */
    const char *address;       /* "host:port", "[v6]:port", "host", "unix:/path", or several with commas; strings are copied */
    const char *user;          /* NULL or an ACL user */
    const char *password;      /* NULL: no AUTH */
    const sk__tls_config *tls; /* NULL: plain text */
    uint32_t connect_timeout_ms;
    uint32_t command_timeout_ms;
    uint32_t reconnect_min_ms, reconnect_max_ms;
    uint32_t replicas;                  /* that must have what a lasting command saw and wrote; 0: it is as any other */
    const seckill_allocator *allocator; /* outlives the io */
    const sk__log *log;                 /* outlives the io */
    sk__transport_events events;
    void *owner; /* first argument of the events */
} sk__io_config;

/* SECKILL_INVALID: the address is malformed, or a unix socket where TLS is asked for; a file of TLS cannot be used, or this
 * build has no TLS (both logged); or there is a user without a password. SECKILL_NO_MEMORY (with a loop of its own: or out of
 * file descriptors). Connecting begins on the loop's next turn. */
seckill_status sk__io_open(const sk__io_config *config, sk__io **out);

sk__transport *sk__io_transport(sk__io *io);

/* Why a connection that is needed is down, for a person; "" while all are up. */
const char *sk__io_trouble(const sk__io *io);
/* Whether every connection that is needed is up, and there is one. */
int sk__io_is_up(const sk__io *io);
/* Connections made so far; redirections (MOVED and ASK) followed so far; servers known. */
uint64_t sk__io_connections(const sk__io *io);
uint64_t sk__io_redirections(const sk__io *io);
uint64_t sk__io_servers(const sk__io *io);

/* Closes: from the loop's next turn on, replies that are outstanding are called back as SK__REPLY_LOST ("closed"), then every
 * handle is closed, memory freed, and `cb` runs, once. No event is raised after this call. May be called from inside any
 * callback. With a loop of its own the io must be dispatched until `cb` has run. */
void sk__io_close(sk__io *io, void (*cb)(void *context), void *context);

/* For a loop of its own (config.loop NULL). */
int sk__io_fd(const sk__io *io);
int sk__io_timeout_ms(const sk__io *io);
void sk__io_dispatch(sk__io *io);

#endif
