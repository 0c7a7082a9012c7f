/* seckill-front: POST /v1/activities/A/items/I/requests, answered in the response. (With a queue, the same request is answered
 * 202 with a ticket: another handler in the router's table.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "handlers.h"
#include "pending.h"
#include "problem.h"
#include "reservation.h"

#include "common/json.h"

#include <string.h>

enum { QUANTITY_MAX = 1000000 };

/* What the body says. */
typedef struct {
    int64_t quantity, created_ms;
    const char *id; /* NULL: not here */
    size_t id_size;
    int retry;
} wish_body;

static int read_wish(json_t *object, wish_body *wish, char trouble[JSON_TROUBLE]) {
    const json_field fields[] = {
        {"quantity", JSON_FIELD_WHOLE, 0, 1, QUANTITY_MAX, {.whole = &wish->quantity}},
        {"request_id", JSON_FIELD_TEXT, 0, 1, SECKILL_REQUEST_ID_MAX, {.text = {&wish->id, &wish->id_size}}},
        {"retry", JSON_FIELD_BOOL, 0, 0, 0, {.truth = &wish->retry}},
        {"created_at", JSON_FIELD_WHOLE, 0, 1, SECKILL_AMOUNT_MAX, {.whole = &wish->created_ms}},
    };
    return json_read_fields(object, fields, sizeof fields / sizeof *fields, trouble);
}

/* The draft of Idempotency-Key has it as a quoted string; most who send it leave the quotes out. Both are taken. */
static http_text without_quotes(http_text text) {
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        return (http_text){text.data + 1, text.size - 2};
    return text;
}

/* The request id, from the header or the body. NULL: good; otherwise what is wrong. */
static const char *find_id(const http_request *request, const wish_body *wish, seckill_bytes *id) {
    http_text field = {NULL, 0};
    unsigned count = http_request_find(request, "Idempotency-Key", &field);
    if (count > 1)
        return "there is more than one Idempotency-Key";
    field = without_quotes(field);
    if (count == 1 && (field.size == 0 || field.size > SECKILL_REQUEST_ID_MAX))
        return "the Idempotency-Key must be 1 to 64 bytes";
    if (count == 0 && wish->id == NULL)
        return "the request has no id: give \"request_id\" or Idempotency-Key";
    *id = count == 1 ? (seckill_bytes){field.data, field.size} : (seckill_bytes){wish->id, wish->id_size};
    if (count == 1 && wish->id != NULL && (wish->id_size != field.size || memcmp(wish->id, field.data, field.size) != 0))
        return "\"request_id\" and Idempotency-Key differ";
    return NULL;
}

/* Granted now or before; or, where the same request was confirmed meanwhile, sold, and there is no token any more. */
static void answer_grant(front_loop *loop, http_exchange *exchange, const seckill_result *result) {
    const seckill_reservation *reservation = &result->reservation;
    json_t *object = reservation_object(result->ref != NULL ? "granted" : "sold", reservation);
    seckill_status status = SECKILL_OK;
    json_object_set_new(object, "replayed", json_boolean(result->replayed));
    if (object != NULL && result->ref != NULL) {
        json_object_set_new(object, "expires_at", json_integer(reservation->ends_ms));
        status = reservation_add_token(loop->front->ring, result->ref, object);
    }
    if (status == SECKILL_OK) {
        answer_json(loop, exchange, 200, object);
        return;
    }
    /* The units are taken, but their proof could not be made: asking again with the same id gives it. */
    json_decref(object);
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

/* Only a request that says it is no retry may be refused from memory: a retry's grant may stand. */
static void reserve(const front_call *call, const wish_body *wish, seckill_bytes id) {
    pending *one = pending_new(call->loop, call->exchange, call->activity, call->item);
    if (one == NULL)
        return;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    options.user = (seckill_bytes){call->user.bytes, call->user.size};
    options.request_id = id;
    options.quantity = (uint32_t)wish->quantity;
    options.created_ms = wish->created_ms;
    options.flags = wish->retry ? 0 : SECKILL_FIRST_ATTEMPT;
    seckill_status status;
    seckill_item *item = catalog_handle(call->loop->catalog, call->activity, call->item, &status);
    if (item != NULL)
        status = seckill_reserve(item, &options, &one->op, on_reserved, one);
    if (status != SECKILL_OK)
        answer_status(call->loop, pending_end(one), status, NULL, 0);
}

void handle_request(const front_call *call) {
    char trouble[JSON_TROUBLE];
    const char *wrong = trouble;
    front_code code = CODE_BAD_REQUEST;
    seckill_bytes id;
    wish_body wish = {.quantity = 1, .retry = 1};
    json_t *object = json_read_object(call->body.data, call->body.size, trouble);
    if (object != NULL) {
        code = CODE_INVALID;
        if (read_wish(object, &wish, trouble))
            wrong = find_id(call->exchange->request, &wish, &id);
    }
    if (wrong != NULL)
        answer_problem(call->loop, call->exchange, code, wrong);
    else
        reserve(call, &wish, id);
    json_decref(object);
}
