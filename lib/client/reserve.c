/* Public calls of users: they check what they are given, and start the engine's ops. */
#include "client/client.h"

#include <string.h>

/* What every op's options must have. */
static bool op_valid(const seckill_item *item, seckill_bytes user, uint32_t timeout_ms, bool has_callback) {
    return item != NULL && has_callback && sk__bytes_valid(user, SECKILL_USER_MAX, false) && sk__timeout_valid(timeout_ms);
}

void sk__wish_begin(sk__op_wish *wish, sk__op_kind kind, seckill_bytes user, uint32_t timeout_ms, void *user_data) {
    memset(wish, 0, sizeof(*wish));
    wish->kind = kind;
    wish->user = user;
    wish->timeout_ms = timeout_ms;
    wish->user_data = user_data;
}

static int64_t wall_ms(const seckill_item *item) {
    sk__transport *transport = item->engine->config.transport;

    return transport->wall_ms(transport);
}

bool sk__time_valid(int64_t time_ms) {
    return time_ms >= 0 && time_ms < (INT64_C(1) << 47);
}

bool sk__quantity_valid(uint32_t quantity) {
    return quantity >= 1 && quantity <= SECKILL_QUANTITY_MAX;
}

bool sk__names_item(const char *activity, const char *item, const char given_activity[SECKILL_ID_MAX + 1],
                    const char given_item[SECKILL_ID_MAX + 1]) {
    return strncmp(given_activity, activity, SECKILL_ID_MAX + 1) == 0 && strncmp(given_item, item, SECKILL_ID_MAX + 1) == 0;
}

bool sk__units_given(const seckill_item *item, const seckill_reserve_options *options, bool has_callback,
                     seckill_reserve_options *given) {
    return sk__options_copy(given, sizeof(*given), options) && op_valid(item, given->user, given->timeout_ms, has_callback) &&
           sk__bytes_valid(given->request_id, SECKILL_REQUEST_ID_MAX, false) && given->quantity <= SECKILL_QUANTITY_MAX &&
           (given->flags & ~(uint32_t)SECKILL_FIRST_ATTEMPT) == 0 && sk__time_valid(given->created_ms);
}

uint32_t sk__units_quantity(const seckill_reserve_options *given) {
    return given->quantity != 0 ? given->quantity : 1;
}

int64_t sk__units_created(const seckill_item *item, const seckill_reserve_options *given) {
    return given->created_ms != 0 ? given->created_ms : wall_ms(item);
}

seckill_status sk__units_start(seckill_item *item, const seckill_reserve_options *given, sk__op_wish *wish, seckill_op **op) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];

    sk__reservation_id(&item->names, given->user, given->request_id, id);
    wish->id = id;
    wish->quantity = sk__units_quantity(given);
    wish->time_ms = wish->listed ? SK__ALWAYS_TOO_OLD : sk__units_created(item, given);
    return sk__op_start(item, wish, op);
}

/* A first attempt that can be refused from memory; `refusal` gets how. */
static bool is_refused(seckill_item *item, const seckill_reserve_options *given, bool listed, seckill_status *refusal) {
    if ((given->flags & SECKILL_FIRST_ATTEMPT) == 0)
        return false;
    *refusal = SECKILL_BLACKLISTED;
    return listed || sk__op_is_foreseen(item, sk__units_quantity(given), refusal);
}

/* What is refused from memory needs no id, and is not kept. */
seckill_status seckill_reserve(seckill_item *item, const seckill_reserve_options *options, seckill_op **op,
                               seckill_reserve_cb cb, void *user_data) {
    seckill_reserve_options given;
    seckill_status refusal;
    sk__op_wish wish;
    bool listed;

    if (!sk__units_given(item, options, cb != NULL, &given))
        return SECKILL_INVALID;
    listed = sk__is_listed(item, given.user);
    if (is_refused(item, &given, listed, &refusal))
        return sk__op_start_refused(item, refusal, cb, NULL, user_data, op);
    sk__wish_begin(&wish, SK__RESERVE, given.user, given.timeout_ms, user_data);
    wish.result_cb = cb;
    wish.listed = listed;
    return sk__units_start(item, &given, &wish, op);
}

static bool ref_valid(const seckill_item *item, const seckill_reservation_ref *ref) {
    return ref != NULL && ref->user_size >= 1 && ref->user_size <= SECKILL_USER_MAX &&
           sk__names_item(item->activity, item->name, ref->activity, ref->item) && sk__quantity_valid(ref->quantity) &&
           ref->price >= 0 && ref->price <= SECKILL_AMOUNT_MAX && sk__time_valid(ref->valid_until_ms) &&
           sk__is_zero(ref->spare, sizeof(ref->spare));
}

seckill_status seckill_confirm(seckill_item *item, const seckill_confirm_options *options, seckill_op **op,
                               seckill_result_cb cb, void *user_data) {
    seckill_confirm_options given;
    seckill_bytes user;
    sk__op_wish wish;

    if (item == NULL || cb == NULL || !sk__options_copy(&given, sizeof(given), options) || !ref_valid(item, given.ref) ||
        !sk__bytes_valid(given.order_ref, SECKILL_ORDER_REF_MAX, true) || !sk__timeout_valid(given.timeout_ms) ||
        (given.flags & ~(uint32_t)SECKILL_CONFIRM_ORDERED) != 0)
        return SECKILL_INVALID;
    user.data = given.ref->user;
    user.size = given.ref->user_size;
    sk__wish_begin(&wish, SK__CONFIRM, user, given.timeout_ms, user_data);
    wish.order_ref = given.order_ref;
    wish.id = given.ref->reservation_id;
    wish.quantity = given.ref->quantity;
    wish.about.price = given.ref->price;
    wish.time_ms = given.ref->valid_until_ms;
    wish.ordered = (given.flags & SECKILL_CONFIRM_ORDERED) != 0;
    wish.result_cb = cb;
    return sk__op_start(item, &wish, op);
}

static seckill_status release(seckill_item *item, sk__op_kind kind, const seckill_release_options *options, seckill_op **op,
                              seckill_result_cb cb, void *user_data) {
    seckill_release_options given;
    sk__op_wish wish;

    if (!sk__options_copy(&given, sizeof(given), options) || !op_valid(item, given.user, given.timeout_ms, cb != NULL))
        return SECKILL_INVALID;
    sk__wish_begin(&wish, kind, given.user, given.timeout_ms, user_data);
    wish.id = given.reservation_id;
    wish.result_cb = cb;
    return sk__op_start(item, &wish, op);
}

seckill_status seckill_cancel(seckill_item *item, const seckill_release_options *options, seckill_op **op, seckill_result_cb cb,
                              void *user_data) {
    return release(item, SK__CANCEL, options, op, cb, user_data);
}

seckill_status seckill_refund(seckill_item *item, const seckill_release_options *options, seckill_op **op, seckill_result_cb cb,
                              void *user_data) {
    return release(item, SK__REFUND, options, op, cb, user_data);
}

seckill_status seckill_lookup(seckill_item *item, const seckill_lookup_options *options, seckill_op **op, seckill_lookup_cb cb,
                              void *user_data) {
    seckill_lookup_options given;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    sk__op_wish wish;

    if (!sk__options_copy(&given, sizeof(given), options) || !op_valid(item, given.user, given.timeout_ms, cb != NULL) ||
        !sk__bytes_valid(given.request_id, SECKILL_REQUEST_ID_MAX, true))
        return SECKILL_INVALID;
    sk__wish_begin(&wish, SK__LOOKUP, given.user, given.timeout_ms, user_data);
    wish.lookup_cb = cb;
    if (given.request_id.size != 0) {
        sk__reservation_id(&item->names, given.user, given.request_id, id);
        wish.id = id;
        wish.one_record = true;
    }
    return sk__op_start(item, &wish, op);
}
