/* A build without TLS: asking for it is refused, and nothing else is ever called.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/tls.h"

bool sk__tls_is_there(void) {
    return false;
}

seckill_status sk__tls_new(const sk__tls_config *config, const seckill_allocator *allocator, const sk__log *log,
                           sk__tls **out) {
    (void)config, (void)allocator, (void)out;
    sk__log_line(log, SECKILL_LOG_ERROR, "TLS: this build of libseckill has none (it needs hiredis 1.0 and OpenSSL 3.0)");
    return SECKILL_INVALID;
}

void sk__tls_free(sk__tls *tls) {
    (void)tls;
}

sk__tls_session *sk__tls_begin(const sk__tls *tls, const char *host, struct redisContext *context) {
    (void)tls, (void)host, (void)context;
    return NULL;
}

void sk__tls_end(sk__tls_session *session) {
    (void)session;
}

sk__tls_step sk__tls_shake_hands(sk__tls_session *session, char *cause, size_t size) {
    (void)session;
    if (size > 0)
        cause[0] = '\0';
    return SK__TLS_FAILED;
}

bool sk__tls_waits_to_write(const sk__tls_session *session) {
    (void)session;
    return false;
}

bool sk__tls_waits_to_read(const sk__tls_session *session) {
    (void)session;
    return false;
}

bool sk__tls_has_more(const sk__tls_session *session) {
    (void)session;
    return false;
}

uint64_t sk__tls_taken(const sk__tls_session *session) {
    (void)session;
    return 0;
}
