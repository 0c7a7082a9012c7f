/* seckill-front: POST /v1/activities/A/items/I/requests in queued mode: admitted or turned away, enqueued, answered with a
 * ticket.
 *
 * Whether a request is admitted is decided by the item's last reading, which all requests share: one that comes while there is
 * none waits for it, and so it does only after a pause, since readings are renewed before they are too old.
 *
 * SPDX-License-Identifier: MIT
 */
#include "problem.h"
#include "queue.h"
#include "waits.h"

#include <stdio.h>
#include <stdlib.h>

/* What Retry-After may say. */
enum { RETRY_MIN_MS = 1000, RETRY_MAX_MS = 30000 };

/* A request on its way into the queue. */
typedef struct {
    cache_waiter waiter;
    front_loop *loop;
    http_exchange *exchange;
    seckill_op *op; /* NULL: not sent */
    bool admitted;  /* and counted so, until it is answered */
    char activity[SECKILL_ID_MAX + 1], item[SECKILL_ID_MAX + 1];
    session_user user;
    wish wish;
} entrant;

/* The item's counts are looked up again, since its place in the catalog may have gone to another meanwhile. */
static void count_answer(const entrant *one, bool queued) {
    admission *counts = one->admitted ? catalog_admission(one->loop->catalog, one->activity, one->item) : NULL;
    if (counts != NULL)
        admission_answered(counts, queued);
}

/* What was sent may be enqueued all the same: the user asks again with the same request id. */
static void on_abandoned(http_exchange *exchange) {
    entrant *one = exchange->user_data;
    cache_forget(&one->waiter);
    if (one->op != NULL) {
        count_answer(one, true);
        seckill_op_detach(one->op);
    }
    free(one);
}

static entrant *entrant_new(const front_call *call, const wish *wanted) {
    entrant *one = calloc(1, sizeof *one);
    if (one == NULL) {
        answer_status(call->loop, call->exchange, SECKILL_NO_MEMORY, NULL, 0);
        return NULL;
    }
    one->loop = call->loop;
    one->exchange = call->exchange;
    snprintf(one->activity, sizeof one->activity, "%s", call->activity);
    snprintf(one->item, sizeof one->item, "%s", call->item);
    one->user = call->user;
    one->wish = *wanted;
    call->exchange->user_data = one;
    call->exchange->abandoned = on_abandoned;
    return one;
}

static http_exchange *entrant_end(entrant *one) {
    http_exchange *exchange = one->exchange;
    exchange->user_data = NULL;
    exchange->abandoned = NULL;
    free(one);
    return exchange;
}

/* ---- enqueueing */

static void on_enqueued(const seckill_ticket_result *result, void *user_data) {
    entrant *one = user_data;
    front_loop *loop = one->loop;
    count_answer(one, result->status == SECKILL_UNKNOWN || result->state == SECKILL_TICKET_QUEUED);
    queue_answer(loop, entrant_end(one), result, true);
}

static void enqueue(entrant *one) {
    front_loop *loop = one->loop;
    seckill_reserve_options options = wish_options(&one->wish, &one->user);
    seckill_status status;
    seckill_item *item = catalog_handle(loop->catalog, one->activity, one->item, &status);
    if (item != NULL)
        status = seckill_enqueue(item, &options, &one->op, on_enqueued, one);
    if (status == SECKILL_OK)
        return;
    count_answer(one, false);
    answer_status(loop, entrant_end(one), status, NULL, 0);
}

/* ---- admission */

static void turn_away(entrant *one, uint32_t wait_ms) {
    front_loop *loop = one->loop;
    uint32_t about = wait_ms != 0 ? wait_ms : loop->front->settings->poll_max_ms;
    uint32_t retry_after_ms = waits_spread(about, RETRY_MIN_MS, RETRY_MAX_MS, waits_random(&loop->random));
    metrics_turned_away(&loop->metrics);
    answer_status(loop, entrant_end(one), SECKILL_BUSY, "the queue is as long as it may be for the units that are left",
                  retry_after_ms);
}

/* The item could not be read. Where Redis does not answer, the request would only wait a second time; nothing of it was sent,
 * so that it is not unknown what became of it. What is wrong with one shard need not be wrong with the user's: there is no
 * admission then, and the item's own bound of the queue remains. */
static void without_reading(entrant *one, seckill_status status) {
    front_loop *loop = one->loop;
    if (status == SECKILL_UNKNOWN)
        status = SECKILL_UNREACHABLE;
    if (status == SECKILL_NOT_DEFINED || seckill_status_class(status) == SECKILL_CLASS_RETRYABLE)
        answer_status(loop, entrant_end(one), status, NULL, 0);
    else
        enqueue(one);
}

static void on_read(cache_waiter *waiter, const cached *entry) {
    entrant *one = (entrant *)(void *)waiter;
    const front_settings *settings = one->loop->front->settings;
    uint32_t wait_ms = 0;
    if (entry->status != SECKILL_OK) {
        without_reading(one, entry->status);
        return;
    }
    admission *counts = catalog_admission(one->loop->catalog, one->activity, one->item);
    one->admitted = counts != NULL && admission_admit(counts, &settings->admission, &wait_ms);
    if (one->admitted || counts == NULL)
        enqueue(one);
    else
        turn_away(one, wait_ms);
}

void queue_request(const front_call *call, const wish *wanted) {
    entrant *one = entrant_new(call, wanted);
    if (one == NULL)
        return;
    one->waiter.done = on_read;
    seckill_status status = catalog_read_item_ahead(call->loop->catalog, call->activity, call->item, &one->waiter);
    if (status != SECKILL_OK)
        answer_status(call->loop, entrant_end(one), status, NULL, 0);
}
