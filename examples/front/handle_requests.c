/* seckill-front: POST /v1/activities/A/items/I/requests with --direct: answered in the response. See queue.h for the
 * other mode.
 *
 * SPDX-License-Identifier: MIT
 */
#include "entry.h"
#include "gate.h"
#include "handlers.h"
#include "pending.h"
#include "problem.h"
#include "queue.h"
#include "reservation.h"

/* Granted now or before; or, where the same request was confirmed meanwhile, sold, and there is no token any more. */
static void answer_grant(front_loop *loop, http_exchange *exchange, const seckill_result *result) {
    json_t *object = NULL;
    seckill_status status =
        reservation_answer(loop->ring->keys, result->ref != NULL ? SECKILL_TICKET_GRANTED : SECKILL_TICKET_SOLD,
                           &result->reservation, result->ref, result->replayed, &object);
    if (status == SECKILL_OK)
        answer_json(loop, exchange, 200, object);
    else /* the units are taken, but their proof could not be made: asking again with the same id gives it */
        answer_status(loop, exchange, status, NULL, 0);
}

typedef struct {
    pending base;
    session_user user;
    wish wish;
} buyer;

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

static void reserve(pending *one, bool passed) {
    buyer *who = (buyer *)(void *)one;
    if (!passed)
        return;
    seckill_reserve_options options = wish_options(&who->wish, &who->user);
    seckill_status status;
    seckill_item *item = catalog_handle(one->loop->catalog, one->activity, one->item, &status);
    if (item != NULL)
        status = seckill_reserve(item, &options, &one->op, on_reserved, one);
    if (status != SECKILL_OK) {
        front_loop *loop = one->loop;
        answer_status(loop, pending_end(one), status, NULL, 0);
    }
}

/* A reading that failed says nothing. */
static void on_read(cache_waiter *waiter, cached *entry) {
    pending *one = (pending *)(void *)waiter;
    const buyer *who = (const buyer *)(const void *)one;
    if (!entry_refuse(one, (const catalog_item *)(const void *)entry, &who->wish))
        captcha_pass(one, reserve);
}

static void request_now(const front_call *call, const wish *wanted, const char *answer) {
    buyer *who = pending_new(sizeof *who, call->loop, call->exchange, call->activity, call->item);
    if (who == NULL)
        return;
    who->user = call->user;
    who->wish = *wanted;
    who->base.waiter.done = on_read;
    if (!captcha_begin(&who->base, &call->user, wish_id(wanted), answer))
        return;
    if (wanted->retry) { /* whatever the item's state is, Redis is asked */
        captcha_pass(&who->base, reserve);
        return;
    }
    seckill_status status = catalog_read_item_ahead(call->loop->catalog, call->activity, call->item, &who->base.waiter);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(&who->base), status, NULL, 0);
}

void handle_request(const front_call *call) {
    wish wanted;
    char answer[WISH_CAPTCHA_MAX + 1];
    if (!wish_read(call, &wanted, answer) || !gate_wish(call, &wanted))
        return;
    if (call->loop->front->settings->direct)
        request_now(call, &wanted, answer);
    else
        queue_request(call, &wanted, answer);
}
