/* seckill-front: how users are told what has become of a request that was enqueued.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tickets.h"

#include "problem.h"
#include "reservation.h"
#include "waits.h"

static json_t *queued_object(const seckill_ticket_result *result, uint32_t poll_after_ms) {
    return json_pack("{s:s,s:I,s:I}", "state", reservation_state(SECKILL_TICKET_QUEUED), "position",
                     (json_int_t)result->position, "poll_after_ms", (json_int_t)poll_after_ms);
}

static seckill_status add_ticket(const front_loop *loop, const seckill_ticket *ticket, json_t *object) {
    char text[SECKILL_TOKEN_SIZE];
    seckill_status status = seckill_ticket_issue(loop->ring->keys, ticket, text, sizeof text, NULL);
    if (status != SECKILL_OK)
        return status;
    int failed = json_object_set_new(object, "ticket", json_string(text)) != 0 ||
                 json_object_set_new(object, "ticket_expires_at", json_integer(ticket->valid_until_ms)) != 0;
    return failed ? SECKILL_NO_MEMORY : SECKILL_OK;
}

/* A ticket goes out where it is a new one. Without its ticket a request stands in the queue all the same: asked again with the
 * same id, the user gets one. */
static void answer_queued(front_loop *loop, http_exchange *exchange, const seckill_ticket_result *result, bool enqueued) {
    const front_settings *settings = loop->front->settings;
    /* Who is next need not wait for long, even where nobody knows how fast the queue is: it may just have been empty. */
    uint32_t about_ms = result->wait_ms == 0 && result->position == 1 ? settings->poll_min_ms : result->wait_ms;
    uint32_t poll_after_ms = waits_spread(about_ms, settings->poll_min_ms, settings->poll_max_ms, waits_random(&loop->random));
    json_t *object = queued_object(result, poll_after_ms);
    seckill_status status = SECKILL_OK;
    if (object != NULL && (enqueued || result->requeued))
        status = add_ticket(loop, result->ticket, object);
    if (enqueued && status == SECKILL_OK)
        json_object_set_new(object, "replayed", json_false());
    if (status == SECKILL_OK) {
        metrics_poll_after(&loop->metrics, poll_after_ms);
        answer_json_wait(loop, exchange, enqueued ? 202 : 200, object, poll_after_ms);
        return;
    }
    json_decref(object);
    answer_status(loop, exchange, status, NULL, 0);
}

static json_t *refused_object(seckill_status reason) {
    return json_pack("{s:s,s:s,s:s}", "state", reservation_state(SECKILL_TICKET_REFUSED), "reason", seckill_status_name(reason),
                     "class", answer_class(seckill_status_class(reason)));
}

/* A reservation stood already, whoever asks: so polls and repeated requests are answered the same. */
static void answer_decided(front_loop *loop, http_exchange *exchange, const seckill_ticket_result *result) {
    json_t *object = NULL;
    seckill_status status = SECKILL_OK;
    if (result->state == SECKILL_TICKET_REFUSED)
        object = refused_object(result->reason);
    else
        status = reservation_answer(loop->ring->keys, result->state, &result->reservation, result->ref, 1, &object);
    if (status == SECKILL_OK)
        answer_json(loop, exchange, 200, object);
    else /* asking again gives it */
        answer_status(loop, exchange, status, NULL, 0);
}

void ticket_answer(front_loop *loop, http_exchange *exchange, const seckill_ticket_result *result, bool enqueued) {
    if (result->status != SECKILL_OK)
        answer_result(loop, exchange, result->status, result->message, result->retry_after_ms);
    else if (result->state == SECKILL_TICKET_QUEUED)
        answer_queued(loop, exchange, result, enqueued);
    else
        answer_decided(loop, exchange, result);
}
