/* What the worker serves over HTTP, for those who watch it: GET /metrics and GET /healthz. To nobody else: there is no access
 * control, and no answer that a stranger needs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_WORKER_SERVE_H
#define SECKILL_WORKER_SERVE_H

#include "http/listen.h"
#include "http/server.h"

struct worker;

typedef struct {
    struct worker *worker; /* NULL: nothing is served */
    http_server http;
    http_peers peers;
    listen_address address;
} serve;

/* Listens where --listen says, if it does. False: that cannot be; it is logged. */
bool serve_start(serve *serve, struct worker *worker);

/* Closes what keeps the loop alive. Repeating is harmless. */
void serve_stop(serve *serve);

#endif
