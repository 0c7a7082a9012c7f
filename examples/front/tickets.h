/* seckill-front: how users are told what has become of a request that was enqueued.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_TICKETS_H
#define FRONT_TICKETS_H

#include "front.h"

/* Answers with what enqueue (`enqueued`) or poll said. */
void ticket_answer(front_loop *loop, http_exchange *exchange, const seckill_ticket_result *result, bool enqueued);

#endif
