/* seckill-front: GET /v1/tickets/T: what has become of a request that was enqueued.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "pending.h"
#include "problem.h"
#include "queue.h"
#include "tickets.h"

#include "common/options.h"

static void on_polled(const seckill_ticket_result *result, void *user_data) {
    pending *one = user_data;
    front_loop *loop = one->loop;
    if (result->status == SECKILL_OK) {
        catalog_prove(loop->catalog, one->activity, one->item);
        metrics_polled(&loop->metrics, result->state);
    }
    const queue_kind *queue = loop->front->queue;
    seckill_ticket_result said = *result;
    if (said.state == SECKILL_TICKET_QUEUED && said.ticket->n == 0 && queue->place != NULL)
        queue->place(loop, one->activity, one->item, &said);
    ticket_answer(loop, pending_end(one), &said, false);
}

static void poll_ticket(const front_call *call, const seckill_ticket *ticket) {
    pending *one = pending_new(sizeof *one, call->loop, call->exchange, ticket->activity, ticket->item);
    if (one == NULL)
        return;
    seckill_poll_options options = SECKILL_POLL_OPTIONS_INIT;
    options.ticket = ticket;
    seckill_status status;
    seckill_item *item = catalog_handle(call->loop->catalog, one->activity, one->item, &status);
    if (item != NULL)
        status = seckill_poll(item, &options, &one->op, on_polled, one);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}

/* The ticket must be genuine, and the caller's own. */
void handle_ticket(const front_call *call) {
    const front_state *front = call->loop->front;
    seckill_ticket ticket;
    seckill_status status = seckill_ticket_verify(call->loop->ring->keys, call->ticket.data, call->ticket.size,
                                                  options_now_ms(), front->settings->leeway_ms, &ticket);
    if (status != SECKILL_OK)
        answer_status(call->loop, call->exchange, status, NULL, 0);
    else if (!session_is(&call->user, ticket.user, ticket.user_size))
        answer_problem(call->loop, call->exchange, CODE_NOT_YOURS, NULL);
    else
        poll_ticket(call, &ticket);
}
