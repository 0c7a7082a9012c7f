/* A load of HTTP requests on one thread: prepared bytes go out over kept connections, one request at a time on each, and little
 * is read of the answers, so that it takes a fraction of what any server takes for them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_HTTP_LOAD_H
#define SECKILL_BENCH_HTTP_LOAD_H

#include <stddef.h>
#include <stdint.h>

/* Requests one after another, all of the same size. */
typedef struct {
    char *text;
    size_t size;
    uint64_t count;
} http_load_requests;

typedef struct http_load http_load;

typedef struct {
    const http_load_requests *requests;
    uint64_t first, count; /* which of them are sent; those beyond requests->count are the first again */
    int status;            /* that every answer should have; 0: any, to warm up */
    double rate;           /* an open loop of as many requests a second, evenly; 0: a closed loop over all connections */
} http_load_plan;

typedef struct {
    uint64_t
        good; /* answers with that status: more than one in a hundred without it end the program, as does a lost connection */
    double seconds;
    double busy;   /* which share of the time this thread used its processor; an open loop always does */
    double p50_us; /* from when a request was due: when it was sent, or in an open loop should have been */
    double p99_us;
} http_load_outcome;

/* Opens connections to a port of 127.0.0.1. The process may need as many descriptors: the limit is raised as far as it goes. */
http_load *http_load_open(uint16_t port, int connections);
void http_load_close(http_load *load);

/* Sends requests, each over the connection that has been idle for the longest time. */
http_load_outcome http_load_run(http_load *load, const http_load_plan *plan);

#endif
