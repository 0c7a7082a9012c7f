/* seckill-front's paths in direct mode: what each answers when all is well, and when it is not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEM "/v1/activities/sale/items/phone"
#define REQUESTS ITEM "/requests"
#define CART "/v1/activities/sale/cart"

enum { UNITS = 12, FAR_MS = 3600000 };

static front_answer answer; /* large: not on the stack */

static int open_front(void **state) {
    static const char *const options[] = {"--direct", NULL};
    *state = front_open(UNITS, 2, options);
    return 0;
}

static int close_front(void **state) {
    front_close(*state);
    return 0;
}

static int get(void **state, const char *path, const char *user) {
    return front_ask(*state, "GET", path, user, NULL, NULL, &answer);
}

static int post(void **state, const char *path, const char *user, const char *body) {
    return front_ask(*state, "POST", path, user, body, NULL, &answer);
}

/* Takes one unit and remembers its token. */
static void take(void **state, const char *user, const char *id, char token[SECKILL_TOKEN_SIZE]) {
    char body[128];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\",\"retry\":false}", id);
    assert_int_equal(post(state, REQUESTS, user, body), 200);
    front_text(&answer, "token", token);
}

static const char *with_token(const char *token, const char *more) {
    static char body[SECKILL_TOKEN_SIZE + 256];
    snprintf(body, sizeof body, "{\"token\":\"%s\"%s}", token, more);
    return body;
}

static int64_t left(void **state) {
    front_sleep_ms(220); /* older than what is remembered */
    assert_int_equal(get(state, ITEM, NULL), 200);
    return front_number(&answer, "stock_left");
}

/* ---- looking */

static void test_looking(void **state) {
    char text[SECKILL_TOKEN_SIZE];
    assert_int_equal(get(state, "/v1/activities/sale", NULL), 200);
    assert_string_equal(answer.body, "{\"activity\":\"sale\",\"items\":[\"phone\"]}");
    assert_int_equal(get(state, ITEM, NULL), 200);
    assert_true(front_has_field(&answer, "Content-Type: application/json"));
    assert_true(front_has_field(&answer, "Cache-Control: no-store"));
    assert_true(front_has_field(&answer, "X-Content-Type-Options: nosniff"));
    assert_string_equal(front_text(&answer, "state", text), "active");
    assert_int_equal(front_number(&answer, "price"), 1999);
    assert_int_equal(front_number(&answer, "limit"), 2);
    assert_int_equal(front_number(&answer, "hold_ms"), 60000);
    assert_int_equal(front_number(&answer, "stock_left"), UNITS);
    int64_t server = front_number(&answer, "server_time"), now = (int64_t)time(NULL) * 1000;
    assert_true(server > now - 5000 && server < now + 5000);
}

static void test_not_there(void **state) {
    static const char *const items[] = {
        "none", "a%2Fb", "%20", "", "caf%C3%A9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    char path[256];
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        snprintf(path, sizeof path, "/v1/activities/sale/items/%s", items[i]);
        get(state, path, NULL);
        assert_true(front_says(&answer, 404, "not_defined"));
        snprintf(path, sizeof path, "/v1/activities/sale/items/%s/requests", items[i]);
        post(state, path, "alice", "{\"request_id\":\"x\"}");
        assert_true(front_says(&answer, 404, "not_defined"));
    }
    get(state, "/v1/activities/none", NULL);
    assert_true(front_says(&answer, 404, "not_defined"));
    get(state, "/v1/activities/none/cart", "alice");
    assert_true(front_says(&answer, 404, "not_defined"));
    static const char *const paths[] = {
        "/", "/v1", "/v2/orders", "/v1/orders/", "/v1//orders", "/V1/orders", (ITEM "/requests/more"), "/1/2/3/4/5/6/7/8/9"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        get(state, paths[i], NULL);
        assert_true(front_says(&answer, 404, "no_such_path"));
    }
}

/* An item's readings are shared, and never older than they may be. */
static void test_fresh(void **state) {
    char token[SECKILL_TOKEN_SIZE];
    int64_t before = left(state);
    take(state, "fresh", "f1", token);
    assert_int_equal(left(state), before - 1);
    assert_int_equal(sale_pause(&((front *)*state)->sale).status, SECKILL_OK);
    front_sleep_ms(220);
    get(state, ITEM, NULL);
    assert_string_equal(front_text(&answer, "state", token), "paused");
    post(state, REQUESTS, "other", "{\"request_id\":\"p\"}");
    assert_true(front_says(&answer, 409, "paused"));
    assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
    assert_true(front_number(&answer, "retry_after_ms") > 0);
    assert_int_equal(sale_resume(&((front *)*state)->sale).status, SECKILL_OK);
    front_sleep_ms(220); /* first attempts are told what was read last */
}

/* ---- asking */

static void test_granted(void **state) {
    char text[SECKILL_TOKEN_SIZE], id[SECKILL_TOKEN_SIZE], token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref;
    assert_int_equal(post(state, REQUESTS, "grace", "{\"quantity\":2,\"request_id\":\"g1\",\"retry\":false}"), 200);
    assert_string_equal(front_text(&answer, "state", text), "granted");
    assert_int_equal(front_number(&answer, "quantity"), 2);
    assert_int_equal(front_number(&answer, "price"), 1999);
    assert_int_equal(front_number(&answer, "total"), 3998);
    assert_int_equal(strlen(front_text(&answer, "reservation", id)), 32);
    assert_non_null(strstr(answer.body, "\"replayed\":false"));
    front_text(&answer, "token", token);
    assert_int_equal(seckill_token_verify(((front *)*state)->ring, SECKILL_TOKEN_RESERVATION, token, strlen(token),
                                          (int64_t)time(NULL) * 1000, 0, &ref),
                     SECKILL_OK);
    assert_memory_equal(ref.user, "grace", 5);
    assert_int_equal(front_number(&answer, "expires_at"), ref.hold_until_ms);
    assert_int_equal(front_number(&answer, "token_expires_at"), ref.valid_until_ms);
    /* The same request again, told apart by its id alone: in the body, in the header, in both, quoted. */
    static const char *const fields[] = {"Idempotency-Key: g1\r\n", "Idempotency-Key: \"g1\"\r\n", "idempotency-key:g1\r\n"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *body = i == 0 ? "{\"quantity\":2,\"request_id\":\"g1\"}" : "{\"quantity\":2}";
        assert_int_equal(front_ask(*state, "POST", REQUESTS, "grace", body, fields[i], &answer), 200);
        assert_string_equal(front_text(&answer, "reservation", text), id);
        assert_non_null(strstr(answer.body, "\"replayed\":true"));
    }
}

static void test_refused(void **state) {
    post(state, REQUESTS, "grace", "{\"quantity\":1,\"request_id\":\"g1\"}");
    assert_true(front_says(&answer, 422, "conflict"));
    post(state, REQUESTS, "grace", "{\"request_id\":\"g2\"}");
    assert_true(front_says(&answer, 403, "limit_reached"));
    post(state, REQUESTS, "old", "{\"request_id\":\"o\",\"created_at\":1600000000000}");
    assert_true(front_says(&answer, 409, "too_old"));
    front_ask(*state, "POST", REQUESTS, "x", "{\"request_id\":\"a\"}", "Idempotency-Key: b\r\n", &answer);
    assert_true(front_says(&answer, 400, "invalid"));
    front_ask(*state, "POST", REQUESTS, "x", "{}", "Idempotency-Key: b\r\nIdempotency-Key: b\r\n", &answer);
    assert_true(front_says(&answer, 400, "invalid"));
    front_ask(*state, "POST", REQUESTS, "x", "{}", "Idempotency-Key: \"\"\r\n", &answer);
    assert_true(front_says(&answer, 400, "invalid"));
}

static void test_bodies(void **state) {
    static const struct {
        const char *body, *code, *says;
    } rows[] = {
        {"", "bad_request", "line 1"},
        {"{", "bad_request", "line 1, column 1"},
        {"{\n \"request_id\": tru}", "bad_request", "line 2, column "},
        {"[]", "bad_request", "an object is wanted"},
        {"7", "bad_request", "line 1"},
        {"{} {}", "bad_request", "more text follows"},
        {"{\"request_id\":\"a\",\"request_id\":\"a\"}", "bad_request", "a member stands twice"},
        {"{\"request_id\":\"a\\u0000\"}", "bad_request", "line 1"},
        {"{\"request_id\":\"\xff\"}", "bad_request", "not UTF-8"},
        {"{\"request_id\":\"a\",\"user\":\"b\"}", "invalid", "there is no member \\\"user\\\""},
        {"{\"request_id\":\"a\",\"<b>\":1}", "invalid", "unknown name"},
        {"{\"request_id\":7}", "invalid", "request_id"},
        {"{\"request_id\":\"\"}", "invalid", "request_id"},
        {"{\"request_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "invalid", "1 to 64 bytes"},
        {"{\"request_id\":\"a\",\"quantity\":0}", "invalid", "quantity"},
        {"{\"request_id\":\"a\",\"quantity\":1000001}", "invalid", "quantity"},
        {"{\"request_id\":\"a\",\"quantity\":1.0}", "invalid", "quantity"},
        {"{\"request_id\":\"a\",\"quantity\":99999999999999999999}", "bad_request", "line 1"},
        {"{\"request_id\":\"a\",\"quantity\":null}", "invalid", "quantity"},
        {"{\"request_id\":\"a\",\"retry\":0}", "invalid", "retry"},
        {"{}", "invalid", "the request has no id"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        post(state, REQUESTS, "bodies", rows[i].body);
        if (!front_says(&answer, 400, rows[i].code) || strstr(answer.body, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].body, answer.body);
    }
    front_ask(*state, "POST", REQUESTS, "bodies", NULL, "Content-Length: 2\r\n\r\n{}", &answer);
    assert_true(front_says(&answer, 415, "media_type"));
    front_ask(*state, "POST", REQUESTS, "bodies", NULL, "Content-Type: text/plain\r\nContent-Length: 0\r\n", &answer);
    assert_true(front_says(&answer, 415, "media_type"));
    front_ask(*state, "POST", REQUESTS, "bodies", NULL, "Content-Type: application/json; charset=utf-8\r\n", &answer);
    assert_true(front_says(&answer, 400, "bad_request"));
}

static void test_methods(void **state) {
    front_ask(*state, "GET", REQUESTS, NULL, NULL, NULL, &answer);
    assert_true(front_says(&answer, 405, "method_not_allowed"));
    assert_true(front_has_field(&answer, "Allow: POST"));
    front_ask(*state, "DELETE", ITEM, NULL, NULL, NULL, &answer);
    assert_true(front_says(&answer, 405, "method_not_allowed"));
    assert_true(front_has_field(&answer, "Allow: GET, HEAD"));
}

/* ---- who asks */

static void ask_with(void **state, const char *field) {
    char text[4096];
    snprintf(text, sizeof text, "GET " CART " HTTP/1.1\r\nHost: test\r\n%s\r\n", field);
    front_exchange(*state, text, &answer);
}

static void test_sessions(void **state) {
    char token[SECKILL_TOKEN_SIZE], field[SECKILL_TOKEN_SIZE * 2 + 64];
    ask_with(state, "");
    assert_true(front_says(&answer, 401, "no_session"));
    assert_true(front_has_field(&answer, "WWW-Authenticate: Bearer"));
    ask_with(state, "Authorization: Basic YTpi\r\n");
    assert_true(front_says(&answer, 401, "no_session"));
    ask_with(state, "Authorization: Bearer nonsense\r\n");
    assert_true(front_says(&answer, 401, "token_garbage"));
    assert_true(front_has_field(&answer, "WWW-Authenticate: Bearer error=\"invalid_token\""));
    front_session(*state, "ann", -60000, token);
    snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token);
    ask_with(state, field);
    assert_true(front_says(&answer, 401, "token_expired"));
    front_session(*state, "ann", FAR_MS, token);
    snprintf(field, sizeof field, "authorization: bearer %s\r\n", token);
    for (int i = 0; i < 3; i++) { /* verified, then remembered */
        ask_with(state, field);
        assert_int_equal(answer.status, 200);
    }
    snprintf(field, sizeof field, "Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n", token, token);
    ask_with(state, field);
    assert_true(front_says(&answer, 401, "no_session"));
    token[40] = token[40] == 'A' ? 'B' : 'A';
    snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token);
    ask_with(state, field);
    assert_true(front_says(&answer, 401, "token_forged"));
    take(state, "ann", "s1", token);
    snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token);
    ask_with(state, field);
    assert_true(front_says(&answer, 401, "token_purpose"));
}

/* ---- what becomes of it */

/* The token was issued to "olga". */
static void assert_only_hers(void **state, const char *path, const char *token) {
    static const char *const strangers[] = {"mallory", "eric", "olgb", "plga", "olg", "olgaa"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        post(state, path, strangers[i], with_token(token, ""));
        assert_true(front_says(&answer, 403, "not_yours"));
    }
}

static void test_orders(void **state) {
    char token[SECKILL_TOKEN_SIZE], id[SECKILL_TOKEN_SIZE], text[SECKILL_TOKEN_SIZE];
    take(state, "olga", "o1", token);
    front_text(&answer, "reservation", id);
    assert_only_hers(state, "/v1/orders", token);
    assert_int_equal(post(state, "/v1/orders", "olga", with_token(token, ",\"order_ref\":\"basket 7\"")), 201);
    assert_string_equal(front_text(&answer, "order", text), id);
    assert_string_equal(front_text(&answer, "state", text), "sold");
    assert_string_equal(front_text(&answer, "item", text), "phone");
    assert_int_equal(front_number(&answer, "total"), 1999);
    int64_t at = front_number(&answer, "ordered_at");
    assert_int_equal(post(state, "/v1/orders", "olga", with_token(token, "")), 200);
    assert_string_equal(front_text(&answer, "order", text), id);
    assert_int_equal(front_number(&answer, "ordered_at"), at);
    post(state, "/v1/cancellations", "olga", with_token(token, ""));
    assert_true(front_says(&answer, 409, "sold"));
    assert_int_equal(post(state, REQUESTS, "olga", "{\"request_id\":\"o1\"}"), 200);
    assert_string_equal(front_text(&answer, "state", text), "sold");
    assert_string_equal(front_text(&answer, "token", text), "(nothing)");
    sale_events_answer *events = calloc(1, sizeof *events);
    *events = sale_events(&((front *)*state)->sale, 0, 10);
    assert_int_equal(events->count, 1);
    assert_string_equal(events->order_refs[0], "basket 7");
    free(events);
}

static void test_cancellations(void **state) {
    char token[SECKILL_TOKEN_SIZE], text[SECKILL_TOKEN_SIZE];
    take(state, "olga", "c1", token);
    int64_t before = left(state);
    assert_only_hers(state, "/v1/cancellations", token);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(post(state, "/v1/cancellations", "olga", with_token(token, "")), 200);
        assert_string_equal(front_text(&answer, "state", text), "cancelled");
    }
    assert_int_equal(left(state), before + 1);
    post(state, "/v1/orders", "olga", with_token(token, ""));
    assert_true(front_says(&answer, 409, "cancelled"));
    post(state, "/v1/cancellations", "olga", with_token(token, ",\"order_ref\":\"x\""));
    assert_true(front_says(&answer, 400, "invalid"));
}

static void test_bad_tokens(void **state) {
    char token[SECKILL_TOKEN_SIZE];
    static const char *const paths[] = {"/v1/orders", "/v1/cancellations"};
    for (size_t i = 0; i < 2; i++) {
        post(state, paths[i], "tina", "{}");
        assert_true(front_says(&answer, 400, "invalid"));
        post(state, paths[i], "tina", with_token("nonsense", ""));
        assert_true(front_says(&answer, 400, "token_garbage"));
        front_session(*state, "tina", FAR_MS, token);
        post(state, paths[i], "tina", with_token(token, ""));
        assert_true(front_says(&answer, 403, "token_purpose"));
    }
}

/* A reservation's token that ended: by its own words, whatever Redis would say. */
static void test_expired_token(void **state) {
    const front *one = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref;
    take(state, "tom", "t1", token);
    assert_int_equal(
        seckill_token_verify(one->ring, SECKILL_TOKEN_RESERVATION, token, strlen(token), (int64_t)time(NULL) * 1000, 0, &ref),
        SECKILL_OK);
    assert_int_equal(post(state, "/v1/cancellations", "tom", with_token(token, "")), 200);
    ref.issued_ms -= FAR_MS;
    ref.hold_until_ms -= FAR_MS;
    ref.valid_until_ms -= FAR_MS;
    assert_int_equal(seckill_token_issue(one->ring, SECKILL_TOKEN_RESERVATION, &ref, token, sizeof token, NULL), SECKILL_OK);
    post(state, "/v1/orders", "tom", with_token(token, ""));
    assert_true(front_says(&answer, 409, "token_expired"));
}

/* More made-up names than a loop remembers do not hinder the real one. */
static void test_made_up_names(void **state) {
    char path[96];
    for (int i = 0; i < 700; i++) {
        snprintf(path, sizeof path, "/v1/activities/sale/items/none%d", i);
        get(state, path, NULL);
        assert_true(front_says(&answer, 404, "not_defined"));
    }
    assert_int_equal(get(state, ITEM, NULL), 200);
}

static void test_cart(void **state) {
    char token[SECKILL_TOKEN_SIZE];
    assert_int_equal(get(state, CART, "kay"), 200);
    json_t *cart = front_json(&answer);
    assert_int_equal(json_array_size(json_object_get(cart, "reservations")), 0);
    json_decref(cart);
    take(state, "kay", "k1", token);
    take(state, "kay", "k2", token);
    assert_int_equal(post(state, "/v1/cancellations", "kay", with_token(token, "")), 200);
    assert_int_equal(get(state, CART, "kay"), 200);
    cart = front_json(&answer);
    json_t *one = json_array_get(json_object_get(cart, "reservations"), 0);
    assert_int_equal(json_array_size(json_object_get(cart, "reservations")), 1);
    assert_string_equal(json_string_value(json_object_get(one, "item")), "phone");
    snprintf(token, sizeof token, "%s", json_string_value(json_object_get(one, "token")));
    json_decref(cart);
    assert_int_equal(post(state, "/v1/orders", "kay", with_token(token, "")), 201);
    assert_int_equal(get(state, CART, "kay"), 200);
    assert_non_null(strstr(answer.body, "\"reservations\":[]"));
}

/* The last ones: no unit too many, none too few. */
static void test_sold_out(void **state) {
    char user[16];
    int64_t granted = 0, wanted = left(state);
    for (int i = 0; i < 2 * UNITS; i++) {
        snprintf(user, sizeof user, "last%d", i);
        if (post(state, REQUESTS, user, "{\"request_id\":\"l\",\"retry\":false}") == 200)
            granted++;
        else
            assert_true(front_says(&answer, 409, "sold_out"));
    }
    assert_int_equal(granted, wanted);
    assert_int_equal(left(state), 0);
    sale_stock_answer *stock = calloc(1, sizeof *stock);
    *stock = sale_stock(&((front *)*state)->sale);
    assert_true(sale_account_holds(stock));
    free(stock);
}

static void test_ended(void **state) {
    assert_int_equal(sale_end(&((front *)*state)->sale).status, SECKILL_OK);
    post(state, REQUESTS, "late", "{\"request_id\":\"e\"}");
    assert_true(front_says(&answer, 410, "ended"));
}

static void test_metrics(void **state) {
    assert_int_equal(get(state, "/metrics", NULL), 200);
    assert_true(front_has_field(&answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    static const char *const lines[] = {
        "\nseckill_front_requests_total{route=\"/v1/activities/A/items/I/requests\",code=\"sold_out\"} ",
        "\nseckill_front_requests_total{route=\"/v1/orders\",code=\"not_yours\"} ",
        "\nseckill_front_request_seconds_bucket{route=\"/v1/orders\",le=\"+Inf\"} ",
        "\nseckill_client_connected 1\n",
        "\nseckill_client_unknown_total 0\n",
        "\nseckill_client_nodes ",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strstr(answer.body, lines[i]) == NULL)
            fail_msg("%s is missing", lines[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looking),       cmocka_unit_test(test_not_there),  cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_granted),       cmocka_unit_test(test_refused),    cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_methods),       cmocka_unit_test(test_sessions),   cmocka_unit_test(test_orders),
        cmocka_unit_test(test_cancellations), cmocka_unit_test(test_bad_tokens), cmocka_unit_test(test_expired_token),
        cmocka_unit_test(test_made_up_names), cmocka_unit_test(test_cart),       cmocka_unit_test(test_sold_out),
        cmocka_unit_test(test_ended),         cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
