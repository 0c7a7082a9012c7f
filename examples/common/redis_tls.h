/* The options of TLS to Redis, which front, worker and ctl share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_REDIS_TLS_H
#define SECKILL_EXAMPLES_REDIS_TLS_H

#include <seckill/seckill.h>

/* As they were typed; NULL and 0: they were not. */
typedef struct {
    int on;                        /* --redis-tls */
    const char *ca;                /* --redis-ca: a file, or a folder of them */
    const char *certificate, *key; /* --redis-cert, --redis-key */
    const char *server_name;       /* --redis-server-name */
} redis_tls;

/* Takes one of them, by its name without "--"; other names are passed over. */
void redis_tls_take(redis_tls *tls, const char *option, const char *value);

/* What is wrong with them, in a sentence; NULL: nothing. */
const char *redis_tls_wrong(const redis_tls *tls);

void redis_tls_apply(const redis_tls *tls, seckill_client_options *options);

#endif
