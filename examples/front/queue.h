/* seckill-front: requests on their way into the queue.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRONT_QUEUE_H
#define FRONT_QUEUE_H

#include "wish.h"

/* Enqueues a request and answers with its ticket, or turns it away. `answer`: to the captcha, as it came. */
void queue_request(const front_call *call, const wish *wanted, const char *answer);

#endif
