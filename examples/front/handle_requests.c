/* seckill-front: POST /v1/activities/A/items/I/requests with --direct: answered in the response. See queue.h for the
 * other mode.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "pending.h"
#include "problem.h"
#include "queue.h"
#include "reservation.h"

/* Granted now or before; or, where the same request was confirmed meanwhile, sold, and there is no token any more. */
static void answer_grant(front_loop *loop, http_exchange *exchange, const seckill_result *result) {
    json_t *object = NULL;
    seckill_status status =
        reservation_answer(loop->front->ring, result->ref != NULL ? SECKILL_TICKET_GRANTED : SECKILL_TICKET_SOLD,
                           &result->reservation, result->ref, result->replayed, &object);
    if (status == SECKILL_OK)
        answer_json(loop, exchange, 200, object);
    else /* the units are taken, but their proof could not be made: asking again with the same id gives it */
        answer_status(loop, exchange, status, NULL, 0);
}

static void on_reserved(const seckill_result *result, void *user_data) {
    pending *one = user_data;
    front_loop *loop = one->loop;
    if (result->status == SECKILL_OK)
        catalog_prove(loop->catalog, one->activity, one->item);
    http_exchange *exchange = pending_end(one);
    if (result->status == SECKILL_OK)
        answer_grant(loop, exchange, result);
    else
        answer_result(loop, exchange, result->status, result->message, result->retry_after_ms);
}

static void reserve(const front_call *call, const wish *wanted) {
    pending *one = pending_new(sizeof *one, call->loop, call->exchange, call->activity, call->item);
    if (one == NULL)
        return;
    seckill_reserve_options options = wish_options(wanted, &call->user);
    seckill_status status;
    seckill_item *item = catalog_handle(call->loop->catalog, call->activity, call->item, &status);
    if (item != NULL)
        status = seckill_reserve(item, &options, &one->op, on_reserved, one);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}

void handle_request(const front_call *call) {
    wish wanted;
    if (!wish_read(call, &wanted))
        return;
    if (call->loop->front->settings->direct)
        reserve(call, &wanted);
    else
        queue_request(call, &wanted);
}
