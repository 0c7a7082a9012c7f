/* TLS on the connections to Redis, by OpenSSL.
 *
 * libhiredis_ssl is not used: it does not compare the server's name with its certificate; having read nothing it takes a full
 * socket for one that must be read first, so that the rest of a long command may wait for an answer that cannot come; it does
 * not say why a handshake failed; and it trips over errors that others left in OpenSSL's queue. So hiredis gets two functions
 * of ours, one that reads and one that writes, and the handshake is made before hiredis does either.
 *
 * tls.c is built where hiredis lets its functions be replaced (1.0 and later) and OpenSSL is there; else tls_none.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_IO_TLS_H
#define SK_IO_TLS_H

#include "base/log.h"
#include "base/memory.h"

#include <stdbool.h>

struct redisContext;

typedef struct sk__tls sk__tls;                 /* of a client: whom it trusts and who it is */
typedef struct sk__tls_session sk__tls_session; /* of a connection */

/* Files are PEM. */
typedef struct {
    const char *ca_file, *ca_folder;         /* both NULL: the system's */
    const char *certificate_file, *key_file; /* both NULL: none is shown */
    const char *server_name;                 /* that certificates must be for; NULL: the host of each address */
} sk__tls_config;

typedef enum { SK__TLS_DONE, SK__TLS_GOES_ON, SK__TLS_FAILED } sk__tls_step;

/* Whether this build has TLS. */
bool sk__tls_is_there(void);

/* Reads the files. SECKILL_INVALID: one cannot be used, or this build has no TLS; logged. SECKILL_NO_MEMORY. */
seckill_status sk__tls_new(const sk__tls_config *config, const seckill_allocator *allocator, const sk__log *log, sk__tls **out);
/* Sessions may outlive it. NULL is allowed. */
void sk__tls_free(sk__tls *tls);

/* From now on a connected context reads and writes by TLS, which begins with a handshake; `host` is of its address. NULL: out
 * of memory. It must not end before the context. Only writing may raise SIGPIPE. */
sk__tls_session *sk__tls_begin(const sk__tls *tls, const char *host, struct redisContext *context);
void sk__tls_end(sk__tls_session *session);

/* What can be done of the handshake now. Where it failed `cause` says why. */
sk__tls_step sk__tls_shake_hands(sk__tls_session *session, char *cause, size_t size);

/* Whether the handshake, or reading, waits until the socket can be written to. */
bool sk__tls_waits_to_write(const sk__tls_session *session);
/* Whether writing waits for something to be read: the rest of a message of TLS itself, such as a session ticket. */
bool sk__tls_waits_to_read(const sk__tls_session *session);
/* Whether some of what was taken from the socket has not been read yet: nobody would say that it is there. */
bool sk__tls_has_more(const sk__tls_session *session);
/* Bytes taken from the socket so far. */
uint64_t sk__tls_taken(const sk__tls_session *session);

#endif
