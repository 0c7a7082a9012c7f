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

static bool ticket_valid(const seckill_item *item, const seckill_ticket *ticket) {
    return ticket != NULL && ticket->user_size >= 1 && ticket->user_size <= SECKILL_USER_MAX &&
           sk__names_item(item, ticket->activity, ticket->item) && sk__quantity_valid(ticket->quantity) &&
           sk__number_valid(ticket->epoch) && sk__number_valid(ticket->n) && sk__time_valid(ticket->since_ms);
}

seckill_status seckill_poll(seckill_item *item, const seckill_poll_options *options, seckill_op **op, seckill_ticket_cb cb,
                            void *user_data) {
    seckill_poll_options given;
    seckill_bytes user;
    sk__op_wish wish;

    if (item == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options) || !ticket_valid(item, given.ticket) ||
        !sk__timeout_valid(given.timeout_ms))
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
