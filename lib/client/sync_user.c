/* Blocking calls of the request path. */
#include "client/sync.h"

/* ---- reserve, confirm, cancel, refund ---- */

static void on_result(const seckill_result *result, void *user_data) {
    sk__sync_ask *ask = user_data;
    seckill_sync_answer *answer = ask->whole;

    answer->replayed = result->replayed;
    answer->retry_after_ms = result->retry_after_ms;
    answer->reservation = result->reservation;
    answer->has_ref = result->ref != NULL;
    if (result->ref != NULL)
        answer->ref = *result->ref;
    sk__sync_ask_done(ask, result->status, result->message);
}

static seckill_status ask_result(seckill_sync_item *item, seckill_status (*start)(sk__sync_ask *ask), const void *options,
                                 seckill_sync_answer *answer) {
    static const sk__sync_shape shape = SK__SYNC_SHAPE(seckill_sync_answer, status);
    seckill_sync_answer whole;
    sk__sync_ask ask = {&shape, item, start, options, &whole, NULL};

    return sk__sync_ask_run(&ask, answer);
}

static seckill_status start_reserve(sk__sync_ask *ask) {
    return seckill_reserve(ask->item->item, ask->options, NULL, on_result, ask);
}

seckill_status seckill_sync_reserve(seckill_sync_item *item, const seckill_reserve_options *options,
                                    seckill_sync_answer *answer) {
    return ask_result(item, start_reserve, options, answer);
}

static seckill_status start_confirm(sk__sync_ask *ask) {
    return seckill_confirm(ask->item->item, ask->options, NULL, on_result, ask);
}

seckill_status seckill_sync_confirm(seckill_sync_item *item, const seckill_confirm_options *options,
                                    seckill_sync_answer *answer) {
    return ask_result(item, start_confirm, options, answer);
}

static seckill_status start_cancel(sk__sync_ask *ask) {
    return seckill_cancel(ask->item->item, ask->options, NULL, on_result, ask);
}

seckill_status seckill_sync_cancel(seckill_sync_item *item, const seckill_release_options *options,
                                   seckill_sync_answer *answer) {
    return ask_result(item, start_cancel, options, answer);
}

static seckill_status start_refund(sk__sync_ask *ask) {
    return seckill_refund(ask->item->item, ask->options, NULL, on_result, ask);
}

seckill_status seckill_sync_refund(seckill_sync_item *item, const seckill_release_options *options,
                                   seckill_sync_answer *answer) {
    return ask_result(item, start_refund, options, answer);
}

/* ---- lookup ---- */

static void on_lookup(const seckill_lookup_result *result, void *user_data) {
    sk__sync_ask *ask = user_data;
    seckill_sync_lookup_answer *answer = ask->whole;

    answer->count = (uint32_t)result->count;
    answer->server_time_ms = result->server_time_ms;
    for (uint32_t i = 0; i < answer->count && i < answer->capacity; i++) {
        if (answer->reservations != NULL)
            answer->reservations[i] = result->reservations[i];
        if (answer->refs != NULL)
            answer->refs[i] = result->refs[i];
    }
    sk__sync_ask_done(ask, result->status, result->message);
}

static seckill_status start_lookup(sk__sync_ask *ask) {
    return seckill_lookup(ask->item->item, ask->options, NULL, on_lookup, ask);
}

seckill_status seckill_sync_lookup(seckill_sync_item *item, const seckill_lookup_options *options,
                                   seckill_sync_lookup_answer *answer) {
    static const sk__sync_shape shape = SK__SYNC_SHAPE(seckill_sync_lookup_answer, count);
    seckill_sync_lookup_answer whole;
    sk__sync_ask ask = {&shape, item, start_lookup, options, &whole, NULL};

    return sk__sync_ask_run(&ask, answer);
}

/* ---- enqueue, poll, refuse ---- */

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    sk__sync_ask *ask = user_data;
    seckill_sync_ticket_answer *answer = ask->whole;

    answer->state = result->state;
    answer->reason = result->reason;
    answer->replayed = result->replayed;
    answer->requeued = result->requeued;
    answer->retry_after_ms = result->retry_after_ms;
    answer->wait_ms = result->wait_ms;
    answer->position = result->position;
    answer->reservation = result->reservation;
    answer->has_ticket = result->ticket != NULL;
    if (result->ticket != NULL)
        answer->ticket = *result->ticket;
    answer->has_ref = result->ref != NULL;
    if (result->ref != NULL)
        answer->ref = *result->ref;
    sk__sync_ask_done(ask, result->status, result->message);
}

static seckill_status ask_ticket(seckill_sync_item *item, seckill_status (*start)(sk__sync_ask *ask), const void *options,
                                 seckill_sync_ticket_answer *answer) {
    static const sk__sync_shape shape = SK__SYNC_SHAPE(seckill_sync_ticket_answer, status);
    seckill_sync_ticket_answer whole;
    sk__sync_ask ask = {&shape, item, start, options, &whole, NULL};

    return sk__sync_ask_run(&ask, answer);
}

static seckill_status start_enqueue(sk__sync_ask *ask) {
    return seckill_enqueue(ask->item->item, ask->options, NULL, on_ticket, ask);
}

seckill_status seckill_sync_enqueue(seckill_sync_item *item, const seckill_reserve_options *options,
                                    seckill_sync_ticket_answer *answer) {
    return ask_ticket(item, start_enqueue, options, answer);
}

static seckill_status start_poll(sk__sync_ask *ask) {
    return seckill_poll(ask->item->item, ask->options, NULL, on_ticket, ask);
}

seckill_status seckill_sync_poll(seckill_sync_item *item, const seckill_poll_options *options,
                                 seckill_sync_ticket_answer *answer) {
    return ask_ticket(item, start_poll, options, answer);
}

static seckill_status start_refuse(sk__sync_ask *ask) {
    return seckill_refuse(ask->item->item, ask->options, NULL, on_ticket, ask);
}

seckill_status seckill_sync_refuse(seckill_sync_item *item, const seckill_refuse_options *options,
                                   seckill_sync_ticket_answer *answer) {
    return ask_ticket(item, start_refuse, options, answer);
}
