/* seckill-front: what the command line says.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_SETTINGS_H
#define FRONT_SETTINGS_H

#include "admission.h"
#include "common/redis_tls.h"
#include "http/limits.h"

#include <seckill/seckill.h>

typedef struct {
    uint32_t count, period_ms; /* count 0: none */
} front_rate;

typedef struct {
    front_rate rate;
    uint32_t burst; /* 0: as rate.count */
} front_limit;

/* Of the captcha; none is wanted where neither `kind` nor `verify` is there. */
typedef struct {
    const char *kind; /* "altcha", with `key` */
    const char *key;
    const char *verify, *secret; /* a provider elsewhere: its URL, and the file of our secret */
    uint32_t difficulty;         /* the highest number of a challenge */
    uint32_t time_ms;            /* how long a challenge is valid */
    uint32_t timeout_ms, most;   /* of a question to the provider; questions of a loop at one time */
} captcha_settings;

typedef struct {
    const char *listen; /* "host:port", "[v6]:port" or "unix:/path" */
    const char *redis, *redis_user, *redis_password_file, *prefix;
    redis_tls tls; /* to Redis */
    const char *keys;
    const char *trust_user_header;    /* NULL: users prove themselves with session tokens */
    const char *trust_address_header; /* NULL: the address is the connection's */
    front_limit user_limit, address_limit, activity_limit;
    uint32_t limit_keys;     /* of each limit */
    front_rate ban_refusals; /* who is refused more often is blacklisted ... */
    uint32_t ban_for_ms;     /* ... for so long */
    uint32_t no_blacklist;
    uint32_t blacklist_entries; /* that one loop keeps */
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
    const char *queue;                 /* "redis", or a broker's URL */
    uint32_t queue_length;             /* of a broker's queue for an item: requests that may wait there ... */
    uint32_t queue_deliveries;         /* ... and how often one is delivered again */
    uint32_t queue_in_progress;        /* requests that the broker has not confirmed */
    uint32_t poll_min_ms, poll_max_ms; /* what holders of tickets are told to wait */
    captcha_settings captcha;
    seckill_log_level log_level;
} front_settings;

/* Reads the command line over the defaults. Returns 1; 0 if the program has done what was asked (--help, --version); -1 after
 * a line on stderr that says what is wrong. The texts stay those of argv and of the environment. */
int front_settings_read(front_settings *settings, int argc, char **argv);

#endif
