/* seckill-front: who may come in, and how often. It stands before everything that costs: a request is refused here without a
 * message to Redis, or anything read of it but its header.
 *
 * In this order: the address (listed in the blacklist, its limit), then, where the route wants one, the user (its limit), and
 * of a request for units the user again (listed) and the activity's limit. The limits are of the whole process: its loops share
 * them. The blacklist is each loop's own copy.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_GATE_H
#define FRONT_GATE_H

#include "router.h"
#include "wish.h"

typedef struct gate gate;

/* NULL: out of memory. */
gate *gate_new(const front_settings *settings);
void gate_free(gate *one);

/* Each says whether the request may go on; else it is answered. By its address: for everything but what is always answered. */
bool gate_address(front_loop *loop, http_exchange *exchange);

/* By its user: for everything that wants one. */
bool gate_user(const front_call *call);

/* By its user and its activity: for what asks for units. Who is listed gets none; what he may have been granted before, a
 * repetition finds. */
bool gate_wish(const front_call *call, const wish *wanted);

/* Adds to an answer what the request's limit is (RateLimit-Policy, RateLimit), if that is to be said. */
void gate_add_fields(const front_loop *loop, const http_exchange *exchange, http_reply *reply);

#endif
