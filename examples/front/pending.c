/* seckill-front: a request that waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "pending.h"

#include "problem.h"

#include <stdlib.h>
#include <string.h>

/* What was sent may still happen: the user asks again with the same request id and finds it. */
static void on_abandoned(http_exchange *exchange) {
    pending *one = exchange->user_data;
    cache_forget(&one->waiter);
    captcha_forget(one);
    if (one->op != NULL)
        seckill_op_detach(one->op);
    if (one->job != NULL)
        one->forget(one->job);
    if ((one->op != NULL || one->job != NULL) && one->gone != NULL)
        one->gone(one);
    free(one);
}

void *pending_new(size_t size, front_loop *loop, http_exchange *exchange, const char *activity, const char *item) {
    pending *one = calloc(1, size);
    if (one == NULL) {
        answer_status(loop, exchange, SECKILL_NO_MEMORY, NULL, 0);
        return NULL;
    }
    one->loop = loop;
    one->exchange = exchange;
    memcpy(one->activity, activity, strlen(activity) + 1);
    memcpy(one->item, item, strlen(item) + 1);
    exchange->user_data = one;
    exchange->abandoned = on_abandoned;
    return one;
}

http_exchange *pending_end(pending *one) {
    http_exchange *exchange = one->exchange;
    exchange->user_data = NULL;
    exchange->abandoned = NULL;
    captcha_forget(one);
    free(one);
    return exchange;
}
