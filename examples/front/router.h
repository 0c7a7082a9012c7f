/* seckill-front: which handler answers a request.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_ROUTER_H
#define FRONT_ROUTER_H

#include "front.h"

/* A request on its way to its handler; valid during the handler's call. */
typedef struct {
    front_loop *loop;
    http_exchange *exchange;
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1]; /* from the path; "" where it has none */
    session_user user;                                           /* where the route wants one */
    http_text ticket;                                            /* from the path, anything; where the route has one */
    http_text body;                                              /* where the route takes one */
} front_call;

/* For http_handlers.request: finds the handler and calls it, or answers with what is wrong. */
void router_request(front_loop *loop, http_exchange *exchange);

#endif
