/* A client for a command that makes one call after another: it opens, runs until an answer is there, and closes. It has no loop
 * of its own and needs none: the library gives a file descriptor and a timeout, and poll does the rest.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_RUN_H
#define SECKILL_EXAMPLES_RUN_H

#include "redis_tls.h"

/* Where Redis is and how to log in. NULL and 0: the library's default. */
typedef struct {
    const char *redis;         /* --redis, SECKILL_REDIS: one address, or several with commas between */
    const char *user;          /* --redis-user */
    const char *password_file; /* --redis-password-file: its first line; NULL: SECKILL_REDIS_PASSWORD */
    const char *prefix;        /* --prefix, SECKILL_PREFIX */
    uint32_t timeout_ms;       /* --timeout */
    uint32_t replicas;         /* --replicas */
    redis_tls tls;             /* --redis-tls and its like */
} run_connection;

/* What the environment says: SECKILL_REDIS and SECKILL_PREFIX. */
run_connection run_connection_from_environment(void);

/* Opens a client that the caller closes with run_close. NULL with a sentence in `trouble`. */
seckill_client *run_open(const run_connection *connection, char trouble[256]);

/* Runs the client until a callback has set `*done`. */
void run_until(seckill_client *client, const int *done);

/* Runs the client for a while. */
void run_for(seckill_client *client, uint32_t ms);

/* Closes it; what is under way is called back first. NULL is allowed. */
void run_close(seckill_client *client);

#endif
