/* seckill-front: requests that wait in the queue, and their tickets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_QUEUE_H
#define FRONT_QUEUE_H

#include "wish.h"

/* Enqueues a request and answers with its ticket, or turns it away. */
void queue_request(const front_call *call, const wish *wanted);

/* Answers with what enqueue (`enqueued`) or poll said. */
void queue_answer(front_loop *loop, http_exchange *exchange, const seckill_ticket_result *result, bool enqueued);

#endif
