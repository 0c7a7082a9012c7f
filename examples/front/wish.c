/* seckill-front: what the body of a request for units says.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wish.h"

#include "problem.h"

#include "common/json.h"

#include <string.h>

enum { QUANTITY_MAX = 1000000 };

/* The draft of Idempotency-Key has it as a quoted string; most who send it leave the quotes out. Both are taken. */
static http_text without_quotes(http_text text) {
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        return (http_text){text.data + 1, text.size - 2};
    return text;
}

/* Chooses between the id of the header and that of the body (NULL: not there). NULL: good; otherwise what is wrong. */
static const char *choose_id(const http_request *request, http_text body, http_text *id) {
    http_text field = {NULL, 0};
    unsigned count = http_request_find(request, "Idempotency-Key", &field);
    if (count > 1)
        return "there is more than one Idempotency-Key";
    field = without_quotes(field);
    if (count == 1 && (field.size == 0 || field.size > SECKILL_REQUEST_ID_MAX))
        return "the Idempotency-Key must be 1 to 64 bytes";
    if (count == 0 && body.data == NULL)
        return "the request has no id: give \"request_id\" or Idempotency-Key";
    if (count == 1 && body.data != NULL && (body.size != field.size || memcmp(body.data, field.data, field.size) != 0))
        return "\"request_id\" and Idempotency-Key differ";
    *id = count == 1 ? field : body;
    return NULL;
}

/* NULL: good; otherwise what is wrong, a static string or `trouble`. */
static const char *read_members(const front_call *call, json_t *object, wish *one, char answer[WISH_CAPTCHA_MAX + 1],
                                char trouble[JSON_TROUBLE]) {
    http_text body = {NULL, 0}, id = {"", 0}, text = {"", 0};
    const json_field fields[] = {
        {"quantity", JSON_FIELD_WHOLE, 0, 1, QUANTITY_MAX, {.whole = &one->quantity}},
        {"request_id", JSON_FIELD_TEXT, 0, 1, SECKILL_REQUEST_ID_MAX, {.text = {&body.data, &body.size}}},
        {"retry", JSON_FIELD_BOOL, 0, 0, 0, {.truth = &one->retry}},
        {"created_at", JSON_FIELD_WHOLE, 0, 1, SECKILL_AMOUNT_MAX, {.whole = &one->created_ms}},
        {"captcha", JSON_FIELD_TEXT, 0, 0, WISH_CAPTCHA_MAX, {.text = {&text.data, &text.size}}},
    };
    if (!json_read_fields(object, fields, sizeof fields / sizeof *fields, trouble))
        return trouble;
    const char *wrong = choose_id(call->exchange->request, body, &id);
    memcpy(one->id, id.data, id.size);
    one->id_size = id.size;
    memcpy(answer, text.data, text.size);
    answer[text.size] = '\0';
    return wrong;
}

bool wish_read(const front_call *call, wish *one, char answer[WISH_CAPTCHA_MAX + 1]) {
    char trouble[JSON_TROUBLE];
    const char *wrong = trouble;
    front_code code = CODE_BAD_REQUEST;
    *one = (wish){.quantity = 1, .retry = 1};
    json_t *object = json_read_object(call->body.data, call->body.size, trouble);
    if (object != NULL) {
        code = CODE_INVALID;
        wrong = read_members(call, object, one, answer, trouble);
        json_decref(object);
    }
    if (wrong != NULL)
        answer_problem(call->loop, call->exchange, code, wrong);
    return wrong == NULL;
}

seckill_bytes wish_id(const wish *one) {
    return (seckill_bytes){one->id, one->id_size};
}

seckill_reserve_options wish_options(const wish *one, const session_user *user) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    options.user = (seckill_bytes){user->bytes, user->size};
    options.request_id = wish_id(one);
    options.quantity = (uint32_t)one->quantity;
    options.created_ms = one->created_ms;
    options.flags = one->retry ? 0 : SECKILL_FIRST_ATTEMPT;
    return options;
}
