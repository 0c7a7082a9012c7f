/* Public calls of the queue: they check what they are given, and start the engine's ops and tasks. */
#include "client/client.h"

#include "base/names.h"
#include "engine/task.h"

seckill_status seckill_enqueue(seckill_item *item, const seckill_reserve_options *options, seckill_op **op,
                               seckill_ticket_cb cb, void *user_data) {
    seckill_reserve_options given;
    sk__op_wish wish;
    bool listed;

    if (!sk__units_given(item, options, cb != NULL, &given))
        return SECKILL_INVALID;
    listed = sk__is_listed(item, given.user);
    if (listed && (given.flags & SECKILL_FIRST_ATTEMPT) != 0)
        return sk__op_start_refused(item, SECKILL_BLACKLISTED, NULL, cb, user_data, op);
    sk__wish_begin(&wish, SK__ENQUEUE, given.user, given.timeout_ms, user_data);
    wish.ticket_cb = cb;
    wish.listed = listed;
    return sk__units_start(item, &given, &wish, op);
}

bool sk__ticket_valid(const seckill_ticket *ticket, const char *activity, const char *item) {
    return ticket != NULL && ticket->user_size >= 1 && ticket->user_size <= SECKILL_USER_MAX &&
           sk__names_item(activity, item, ticket->activity, ticket->item) && sk__quantity_valid(ticket->quantity) &&
           sk__place_valid(ticket->epoch, ticket->n) && sk__time_valid(ticket->since_ms) &&
           sk__is_zero(ticket->spare, sizeof(ticket->spare));
}

seckill_status seckill_poll(seckill_item *item, const seckill_poll_options *options, seckill_op **op, seckill_ticket_cb cb,
                            void *user_data) {
    seckill_poll_options given;
    seckill_bytes user;
    sk__op_wish wish;

    if (item == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options) ||
        !sk__ticket_valid(given.ticket, item->activity, item->name) || !sk__timeout_valid(given.timeout_ms))
        return SECKILL_INVALID;
    user.data = given.ticket->user;
    user.size = given.ticket->user_size;
    sk__wish_begin(&wish, SK__POLL, user, given.timeout_ms, user_data);
    wish.id = given.ticket->reservation_id;
    wish.quantity = given.ticket->quantity;
    wish.time_ms = given.ticket->since_ms;
    wish.about.place.epoch = given.ticket->epoch;
    wish.about.place.n = given.ticket->n;
    wish.ticket_cb = cb;
    return sk__op_start(item, &wish, op);
}

seckill_status seckill_ticket_outside(const seckill_item *item, const seckill_reserve_options *options,
                                      seckill_ticket *ticket) {
    seckill_reserve_options given;
    sk__place outside = {0, 0, 0};
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];

    if (!sk__units_given(item, options, ticket != NULL, &given))
        return SECKILL_INVALID;
    if (!item->has_map)
        return SECKILL_NOT_DEFINED;
    outside.since_ms = sk__units_created(item, &given);
    sk__reservation_id(&item->names, given.user, given.request_id, id);
    sk__ticket_make(item, given.user, id, sk__units_quantity(&given), &outside, ticket);
    return SECKILL_OK;
}

seckill_status seckill_refuse(seckill_item *item, const seckill_refuse_options *options, seckill_op **op, seckill_ticket_cb cb,
                              void *user_data) {
    seckill_reserve_options asked = SECKILL_RESERVE_OPTIONS_INIT, request;
    seckill_refuse_options given;
    sk__op_wish wish;

    if (!sk__options_copy(&given, sizeof(given), options) || !sk__reason_valid(given.reason))
        return SECKILL_INVALID;
    asked.user = given.user;
    asked.request_id = given.request_id;
    asked.quantity = given.quantity;
    asked.timeout_ms = given.timeout_ms;
    asked.created_ms = given.created_ms;
    if (!sk__units_given(item, &asked, cb != NULL, &request))
        return SECKILL_INVALID;
    sk__wish_begin(&wish, SK__REFUSE, request.user, request.timeout_ms, user_data);
    wish.about.reason = given.reason;
    wish.ticket_cb = cb;
    return sk__units_start(item, &request, &wish, op);
}

/* Nothing screened, or as many requests as one script decides: n is dense. */
static bool range_valid(seckill_queue_id from, seckill_queue_id to) {
    if (from.n == 0)
        return to.n == 0;
    return sk__number_valid(from.epoch) && sk__number_valid(from.n) && from.epoch == to.epoch && from.n <= to.n &&
           to.n - from.n < SECKILL_BATCH_MAX;
}

seckill_status seckill_queue_process(seckill_item *item, const seckill_queue_process_options *options, seckill_queue_cb cb,
                                     void *user_data) {
    seckill_queue_process_options given;

    if (item == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options) || given.shard >= SECKILL_SHARDS_MAX ||
        given.max > SECKILL_BATCH_MAX || !range_valid(given.from, given.to) ||
        (given.blacklisted != NULL && given.blacklisted_count > SECKILL_BATCH_MAX) || !sk__timeout_valid(given.timeout_ms))
        return SECKILL_INVALID;
    return sk__queue_process_start(item, &given, cb, user_data);
}
