/* The body of a request for units, as the front reads it: u8 size of an Idempotency-Key (0: none), the key, the body.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include "front/problem.h"
#include "front/wish.h"

static int problems;

/* Stands in for the front's own. */
void answer_problem(front_loop *loop, http_exchange *exchange, front_code code, const char *detail) {
    (void)loop;
    (void)exchange;
    fuzz_check(code == CODE_BAD_REQUEST || code == CODE_INVALID);
    fuzz_check(detail != NULL && detail[0] != '\0');
    fuzz_read(detail, strlen(detail));
    problems++;
}

static void add_key(http_request *request, fuzz_input key) {
    http_field *field;

    if (key.size == 0)
        return;
    fuzz_check(http_request_add_field(request));
    field = &request->fields[0];
    fuzz_check(http_request_append(request, &field->name, "Idempotency-Key", 15));
    fuzz_check(http_request_append(request, &field->value, (const char *)key.data, key.size));
}

static void check_wish(const wish *one) {
    session_user user = {.size = 1};
    seckill_reserve_options options = wish_options(one, &user);

    fuzz_check(one->id_size >= 1 && one->id_size <= SECKILL_REQUEST_ID_MAX);
    fuzz_check(one->quantity >= 1 && one->quantity <= 1000000 && options.quantity == (uint32_t)one->quantity);
    fuzz_check(one->created_ms >= 0);
    fuzz_read(options.request_id.data, options.request_id.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size}, key = fuzz_take(&input, fuzz_u8(&input));
    http_request request = {0};
    http_exchange exchange = {.request = &request};
    front_call call = {.exchange = &exchange};
    char *body = fuzz_copy(input), answer[WISH_CAPTCHA_MAX + 1];
    wish one;
    bool good;

    add_key(&request, key);
    call.body = (http_text){body, input.size};
    problems = 0;
    good = wish_read(&call, &one, answer);
    fuzz_check(problems == !good);
    if (good) {
        check_wish(&one);
        fuzz_check(strlen(answer) <= WISH_CAPTCHA_MAX);
    }
    http_request_clear(&request);
    free(body);
    return 0;
}
