/* seckill-front: POST /v1/orders and POST /v1/cancellations: what becomes of a reservation, on the strength of its token.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "pending.h"
#include "problem.h"
#include "reservation.h"

#include "common/json.h"
#include "common/options.h"

#include <string.h>

/* What the body says; the texts live as long as `object`. */
typedef struct {
    json_t *object;
    const char *token, *order_ref;
    size_t token_size, order_ref_size;
    seckill_reservation_ref ref;
} token_claim;

enum { CLAIM_FIELDS = 2 };

/* Reads the body: a token, and in an order the shop's own words. 0: answered. */
static int read_claim(const front_call *call, token_claim *claim, int is_order) {
    char trouble[JSON_TROUBLE];
    const json_field fields[CLAIM_FIELDS] = {
        {"token", JSON_FIELD_TEXT, 1, 1, SECKILL_TOKEN_SIZE, {.text = {&claim->token, &claim->token_size}}},
        {"order_ref", JSON_FIELD_TEXT, 0, 0, SECKILL_ORDER_REF_MAX, {.text = {&claim->order_ref, &claim->order_ref_size}}},
    };
    claim->object = json_read_object(call->body.data, call->body.size, trouble);
    if (claim->object != NULL && json_read_fields(claim->object, fields, is_order ? CLAIM_FIELDS : 1, trouble))
        return 1;
    answer_problem(call->loop, call->exchange, claim->object != NULL ? CODE_INVALID : CODE_BAD_REQUEST, trouble);
    return 0;
}

/* The token must be genuine, for a reservation, and the caller's own. 0: answered. */
static int verify_claim(const front_call *call, token_claim *claim) {
    const front_state *front = call->loop->front;
    seckill_status status = seckill_token_verify(call->loop->ring->keys, SECKILL_TOKEN_RESERVATION, claim->token,
                                                 claim->token_size, options_now_ms(), front->settings->leeway_ms, &claim->ref);
    if (status != SECKILL_OK) {
        answer_status(call->loop, call->exchange, status, NULL, 0);
        return 0;
    }
    if (!session_is(&call->user, claim->ref.user, claim->ref.user_size)) {
        answer_problem(call->loop, call->exchange, CODE_NOT_YOURS, NULL);
        return 0;
    }
    return 1;
}

/* ---- orders */

/* The order's id is its reservation's: one reservation becomes one order. */
static json_t *order_object(const pending *one, const seckill_reservation *reservation) {
    char id[RESERVATION_TEXT];
    json_t *object = reservation_object(SECKILL_TICKET_SOLD, reservation);
    reservation_text(reservation->id, id);
    int failed = json_object_set_new(object, "order", json_string(id)) != 0 ||
                 json_object_set_new(object, "activity", json_string(one->activity)) != 0 ||
                 json_object_set_new(object, "item", json_string(one->item)) != 0 ||
                 json_object_set_new(object, "ordered_at", json_integer(reservation->since_ms)) != 0;
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static void on_confirmed(const seckill_result *result, void *user_data) {
    pending *one = user_data;
    front_loop *loop = one->loop;
    json_t *order = result->status == SECKILL_OK ? order_object(one, &result->reservation) : NULL;
    http_exchange *exchange = pending_end(one);
    if (result->status == SECKILL_OK)
        answer_json(loop, exchange, result->replayed ? 200 : 201, order);
    else
        answer_result(loop, exchange, result->status, result->message, result->retry_after_ms);
}

static void confirm(const front_call *call, const token_claim *claim) {
    pending *one = pending_new(sizeof *one, call->loop, call->exchange, claim->ref.activity, claim->ref.item);
    if (one == NULL)
        return;
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    options.ref = &claim->ref;
    options.order_ref = (seckill_bytes){claim->order_ref, claim->order_ref_size};
    seckill_status status;
    seckill_item *item = catalog_handle(call->loop->catalog, one->activity, one->item, &status);
    if (item != NULL)
        status = seckill_confirm(item, &options, &one->op, on_confirmed, one);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}

void handle_order(const front_call *call) {
    token_claim claim = {0};
    if (read_claim(call, &claim, 1) && verify_claim(call, &claim))
        confirm(call, &claim);
    json_decref(claim.object);
}

/* ---- cancellations */

static void on_cancelled(const seckill_result *result, void *user_data) {
    pending *one = user_data;
    front_loop *loop = one->loop;
    http_exchange *exchange = pending_end(one);
    if (result->status == SECKILL_OK)
        answer_json(loop, exchange, 200, reservation_object(SECKILL_TICKET_CANCELLED, &result->reservation));
    else
        answer_result(loop, exchange, result->status, result->message, result->retry_after_ms);
}

static void cancel(const front_call *call, const token_claim *claim) {
    pending *one = pending_new(sizeof *one, call->loop, call->exchange, claim->ref.activity, claim->ref.item);
    if (one == NULL)
        return;
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    options.user = (seckill_bytes){call->user.bytes, call->user.size};
    memcpy(options.reservation_id, claim->ref.reservation_id, sizeof options.reservation_id);
    seckill_status status;
    seckill_item *item = catalog_handle(call->loop->catalog, one->activity, one->item, &status);
    if (item != NULL)
        status = seckill_cancel(item, &options, &one->op, on_cancelled, one);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}

void handle_cancellation(const front_call *call) {
    token_claim claim = {0};
    if (read_claim(call, &claim, 0) && verify_claim(call, &claim))
        cancel(call, &claim);
    json_decref(claim.object);
}
