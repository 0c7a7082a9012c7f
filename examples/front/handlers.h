/* seckill-front: the handlers, one for each path; each answers the call's exchange, now or later.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_HANDLERS_H
#define FRONT_HANDLERS_H

#include "router.h"

void handle_activity(const front_call *call);     /* GET /v1/activities/A */
void handle_item(const front_call *call);         /* GET /v1/activities/A/items/I */
void handle_request(const front_call *call);      /* POST /v1/activities/A/items/I/requests */
void handle_captcha(const front_call *call);      /* GET /v1/captcha */
void handle_ticket(const front_call *call);       /* GET /v1/tickets/T */
void handle_cart(const front_call *call);         /* GET /v1/activities/A/cart */
void handle_order(const front_call *call);        /* POST /v1/orders */
void handle_cancellation(const front_call *call); /* POST /v1/cancellations */
void handle_metrics(const front_call *call);      /* GET /metrics */
void handle_health(const front_call *call);       /* GET /healthz */

/* Forgets the metrics' text, so that it is written anew: in each tick of the loop, and at its end. */
void metrics_page_forget(front_loop *loop);

#endif
