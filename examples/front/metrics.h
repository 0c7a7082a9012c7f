/* seckill-front: counters, and the text that Prometheus reads. Each loop counts for itself; any thread may read.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_METRICS_H
#define FRONT_METRICS_H

#include "codes.h"

#include "common/prometheus.h"

#include <stdatomic.h>
#include <stddef.h>

typedef enum {
    ROUTE_NONE, /* no path that is served, or no request at all */
    ROUTE_ACTIVITY,
    ROUTE_ITEM,
    ROUTE_CAPTCHA,
    ROUTE_REQUESTS,
    ROUTE_TICKETS,
    ROUTE_CART,
    ROUTE_ORDERS,
    ROUTE_CANCELLATIONS,
    ROUTE_METRICS,
    ROUTE_HEALTH,
    ROUTE_COUNT
} front_route;

/* Why a request was refused before it cost anything. The first three are the limits of gate.c. */
typedef enum {
    REFUSED_USER_LIMIT,
    REFUSED_ADDRESS_LIMIT,
    REFUSED_ACTIVITY_LIMIT,
    REFUSED_ADDRESS_LISTED,
    REFUSED_USER_LISTED,
    REFUSED_FORESEEN, /* not started, paused, ended, sold out, as the item was read last */
    REFUSED_COUNT
} front_refused;

/* What became of putting somebody on the blacklist. */
typedef enum { BAN_DONE, BAN_FAILED, BAN_SKIPPED, BAN_COUNT } front_ban;

enum {
    METRICS_TICKET_STATES = SECKILL_TICKET_REFUSED + 1, /* seckill_ticket_state is from 1 */
    METRICS_STATS_WORDS = sizeof(seckill_client_stats) / sizeof(uint64_t)
};

typedef struct {
    atomic_uint_least64_t answers[ROUTE_COUNT][CODE_COUNT];
    atomic_uint_least64_t buckets[ROUTE_COUNT][PROMETHEUS_BUCKETS];
    atomic_uint_least64_t latency_us[ROUTE_COUNT];
    atomic_uint_least64_t polls[METRICS_TICKET_STATES];
    atomic_uint_least64_t poll_after_ms, poll_afters; /* the sum, and how many */
    atomic_uint_least64_t requests_turned_away;
    atomic_uint_least64_t refused[REFUSED_COUNT];
    atomic_uint_least64_t bans[BAN_COUNT];
    /* gauges and copies, renewed by the loop a few times a second */
    atomic_uint_least64_t connections, turned_away, in_progress;
    atomic_uint_least64_t list_loaded, list_entries, list_behind_ms;
    atomic_uint_least64_t stats[METRICS_STATS_WORDS]; /* the client's */
} metrics;

/* Counts an answer. */
void metrics_answer(metrics *one, front_route route, front_code code, uint64_t latency_ns);

/* Counts a poll, by what it said; what a client was told to wait until the next one; a request that the queue had no room for.
 */
void metrics_polled(metrics *one, seckill_ticket_state state);
void metrics_poll_after(metrics *one, uint32_t poll_after_ms);
void metrics_turned_away(metrics *one);

/* Counts a request that the gate refused. */
void metrics_refused(metrics *one, front_refused why);
void metrics_banned(metrics *one, front_ban what);

/* Copies what there is to say of the blacklist's copy; says whether it was loaded. */
void metrics_copy_list(metrics *one, bool loaded, uint64_t entries, int64_t behind_ms);
bool metrics_list_loaded(const metrics *one);

/* Copies the numbers of a client; says whether it had all its connections to Redis. */
void metrics_copy_stats(metrics *one, const seckill_client_stats *stats);
bool metrics_connected(const metrics *one);

/* Writes the text for all loops; from malloc. NULL: out of memory. `of_loop` gives the metrics of a loop; `more` writes others;
 * `since`: when the process started, in seconds since 1970. */
char *metrics_text(const metrics *(*of_loop)(size_t loop, const void *user_data),
                   void (*more)(FILE *out, const void *user_data), size_t loops, const void *user_data, int64_t since,
                   size_t *size);

#endif
