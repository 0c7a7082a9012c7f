/* What the worker was told on its command line. `seckill-worker --help` is the manual; it stands in settings_help.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_SETTINGS_H
#define SECKILL_WORKER_SETTINGS_H

#include "options.h"
#include "redis_tls.h"

#include <stdbool.h>

enum { ACTIVITIES_MAX = 64, NAMED_ITEMS_MAX = 1024, INVENTORIES_MAX = 1024 };

/* How the worker ends. */
enum {
    EXIT_CLEAN = 0,     /* told to stop; everything in hand was written and acknowledged */
    EXIT_TROUBLE = 1,   /* out of memory, the loop could not be made, or --listen cannot be had */
    EXIT_USAGE = 2,     /* the command line, or a file that it names */
    EXIT_DATABASE = 3,  /* the orders database cannot be used: missing, not writable, damaged, of another release */
    EXIT_UNFINISHED = 4 /* told to stop; something in hand was not written or not acknowledged in time. Nothing is lost: the
                           next worker gets it again */
};

/* What a worker does. A bigger shop has workers for each of it, on machines of their own. */
enum {
    ROLE_DECIDE = 1,    /* decides the queue */
    ROLE_EXPIRE = 2,    /* gives the units of expired reservations back */
    ROLE_ORDERS = 4,    /* writes orders, and refunds; replays them to Redis after a failover */
    ROLE_TRANSFERS = 8, /* finishes what is half done between shards */
    ROLES_ALL = ROLE_DECIDE | ROLE_EXPIRE | ROLE_ORDERS | ROLE_TRANSFERS
};

typedef struct {
    options_name name;
    int64_t units;
} settings_inventory;

typedef struct {
    const char *redis, *redis_user, *prefix; /* NULL: the library's default */
    const char *redis_password_file;         /* NULL: SECKILL_REDIS_PASSWORD */
    redis_tls tls;                           /* to Redis */
    char password[OPTIONS_PASSWORD];         /* "": none */
    unsigned roles;
    const char *orders; /* NULL without that role */
    const char *queue;  /* "redis", or a broker's URL */
    const char *listen; /* NULL: no metrics over HTTP */
    const char *activities[ACTIVITIES_MAX];
    size_t activity_count;
    options_name items[NAMED_ITEMS_MAX];
    size_t item_count;
    settings_inventory inventories[INVENTORIES_MAX];
    size_t inventory_count;
    uint32_t batch, batches, decide_batch;
    uint32_t queue_length, queue_deliveries; /* of a broker's queue for an item */
    uint32_t prefetch;                       /* of its requests in hand at one time */
    uint32_t poll_min_ms, poll_max_ms, decide_poll_max_ms, expire_interval_ms, list_interval_ms;
    uint32_t transfers_interval_ms;
    uint32_t timeout_ms, busy_timeout_ms, stop_timeout_ms;
    uint32_t replicas;
    uint32_t replay_window_ms;       /* 0: all orders are replayed */
    uint32_t progress_ms;            /* 0: none */
    uint32_t refund_unpaid_after_ms; /* 0: never */
    uint32_t blacklist_entries;      /* kept in memory */
    bool no_blacklist;
    bool json;
    seckill_log_level log_level;
} settings;

/* The manual, to stdout. */
void settings_print_help(void);

/* Reads the command line. Returns 1; or 0 with *exit_code: something was printed, and the program is to end. The strings are
 * the command line's own. */
int settings_read(settings *settings, int argc, char **argv, int *exit_code);

#endif
