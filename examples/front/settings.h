/* seckill-front: what the command line says.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_SETTINGS_H
#define FRONT_SETTINGS_H

#include "admission.h"
#include "http/limits.h"

#include <seckill/seckill.h>

typedef struct {
    const char *listen; /* "host:port", "[v6]:port" or "unix:/path" */
    const char *redis, *redis_user, *redis_password_file, *prefix;
    const char *keys;
    const char *trust_user_header; /* NULL: users prove themselves with session tokens */
    http_limits http;
    uint32_t loops;
    uint32_t ready_fd;
    uint32_t timeout_ms;               /* of each operation on Redis */
    uint32_t replicas;                 /* that have what an answer says */
    uint32_t leeway_ms;                /* clocks of the fronts differ by this much at most */
    uint32_t stop_timeout_ms;          /* for requests in progress when the program is told to stop */
    uint32_t max_in_progress;          /* requests of one loop */
    uint32_t session_cache;            /* verified session tokens that one loop remembers */
    uint32_t item_cache;               /* items whose reading one loop remembers */
    uint32_t direct;                   /* 1: answer in the response; 0: requests wait in the queue */
    admission_rules admission;         /* of requests to the queue */
    uint32_t poll_min_ms, poll_max_ms; /* what holders of tickets are told to wait */
    seckill_log_level log_level;
} front_settings;

/* Reads the command line over the defaults. Returns 1; 0 if the program has done what was asked (--help, --version); -1 after
 * a line on stderr that says what is wrong. The texts stay those of argv and of the environment. */
int front_settings_read(front_settings *settings, int argc, char **argv);

#endif
