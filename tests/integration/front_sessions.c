/* seckill-front: who may ask for whom. Every path that wants a user, with another's session, ticket, token or cart; what was
 * good once, shown again; users that a gateway names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "front_harness.h"
#include "sale_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUESTS "/v1/activities/sale/items/phone/requests"
#define CART "/v1/activities/sale/cart"
#define ORDERS "/v1/orders"
#define CANCELLATIONS "/v1/cancellations"

enum { FAR_MS = 3600000 };

typedef char token_text[SECKILL_TOKEN_SIZE];

static front_answer answer; /* large: not on the stack */

static int64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_front(void **state) {
    static const char *const options[] = {"--leeway", "0", "--user-limit", "none", NULL};
    *state = front_open(1000, 3, options);
    return front_wait_health(*state, 200) ? 0 : -1;
}

static int close_front(void **state) {
    front_close(*state);
    return 0;
}

/* ---- what people have */

static void enqueue(const front *one, const char *user, const char *id, token_text ticket) {
    char body[96];
    snprintf(body, sizeof body, "{\"request_id\":\"%s\"}", id);
    assert_int_equal(front_ask(one, "POST", REQUESTS, user, body, NULL, &answer), 202);
    front_text(&answer, "ticket", ticket);
}

static seckill_reservation_ref reserve(front *one, const char *user, const char *id) {
    sale_answer taken = sale_reserve(&one->sale, user, id, 1);
    assert_int_equal(taken.status, SECKILL_OK);
    return taken.ref;
}

static void issue(const seckill_keyring *ring, seckill_token_purpose purpose, const seckill_reservation_ref *ref,
                  token_text token) {
    assert_int_equal(seckill_token_issue(ring, purpose, ref, token, SECKILL_TOKEN_SIZE, NULL), SECKILL_OK);
}

static void take(front *one, const char *user, const char *id, token_text token) {
    seckill_reservation_ref ref = reserve(one, user, id);
    issue(one->ring, SECKILL_TOKEN_RESERVATION, &ref, token);
}

static seckill_keyring *other_shop(void) {
    seckill_keyring *ring;
    char key[SECKILL_KEY_TEXT_SIZE];
    assert_int_equal(seckill_key_generate(SECKILL_KEY_LOCAL, key), SECKILL_OK);
    assert_int_equal(seckill_keyring_new(&ring), SECKILL_OK);
    assert_int_equal(seckill_keyring_add(ring, key, strlen(key)), SECKILL_OK);
    return ring;
}

/* The same token with one bit of its body changed. */
static void forge(const char *token, token_text forged) {
    snprintf(forged, SECKILL_TOKEN_SIZE, "%s", token);
    forged[60] = forged[60] == 'A' ? 'B' : 'A';
}

/* ---- asking */

static int ask_as(const front *one, const char *method, const char *path, const char *session, const char *body) {
    char fields[SECKILL_TOKEN_SIZE + 64];
    snprintf(fields, sizeof fields, "Authorization: Bearer %s\r\n", session);
    return front_ask(one, method, path, NULL, body, fields, &answer);
}

static int post_token(const front *one, const char *path, const char *user, const char *token) {
    char body[SECKILL_TOKEN_SIZE + 32];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return front_ask(one, "POST", path, user, body, NULL, &answer);
}

static int poll_ticket(const front *one, const char *user, const char *ticket) {
    char path[2 * SECKILL_TOKEN_SIZE + 32];
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    return front_ask(one, "GET", path, user, NULL, NULL, &answer);
}

/* How many reservations of one state a user has. */
static int count(front *one, const char *user, seckill_reservation_state state) {
    sale_lookup_answer *found = calloc(1, sizeof *found);
    int all = 0;
    *found = sale_lookup(&one->sale, user, NULL);
    assert_int_equal(found->status, SECKILL_OK);
    for (size_t i = 0; i < found->count; i++)
        all += found->reservations[i].state == state;
    free(found);
    return all;
}

/* ---- every path that wants a user, and sessions that are none */

static void test_no_session_of_this_shop(void **state) {
    front *one = *state;
    seckill_keyring *others = other_shop();
    seckill_reservation_ref ref = reserve(one, "vera", "v1"), session = ref;
    token_text token, ticket, good, forged, foreign, ended;
    char path[SECKILL_TOKEN_SIZE + 32], body[SECKILL_TOKEN_SIZE + 32];
    issue(one->ring, SECKILL_TOKEN_RESERVATION, &ref, token);
    issue(others, SECKILL_TOKEN_SESSION, &session, foreign);
    enqueue(one, "vera", "v2", ticket);
    front_session(one, "vera", FAR_MS, good);
    front_session(one, "vera", -1, ended);
    forge(good, forged);
    snprintf(path, sizeof path, "/v1/tickets/%s", ticket);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    const struct {
        const char *method, *path, *body;
    } paths[] = {
        {"POST", REQUESTS, "{\"request_id\":\"v3\"}"},
        {"GET", path, NULL},
        {"GET", CART, NULL},
        {"POST", ORDERS, body},
        {"POST", CANCELLATIONS, body},
    };
    const struct {
        const char *session, *code;
    } sessions[] = {
        {token, "token_purpose"}, {ticket, "token_purpose"},     {foreign, "token_key"}, {ended, "token_expired"},
        {forged, "token_forged"}, {"nonsense", "token_garbage"}, {"", "no_session"},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t j = 0; j < sizeof sessions / sizeof *sessions; j++) {
            ask_as(one, paths[i].method, paths[i].path, sessions[j].session, paths[i].body);
            if (!front_says(&answer, 401, sessions[j].code))
                fail_msg("%s %.20s", paths[i].method, paths[i].path);
            assert_false(front_has_member(&answer, "token"));
        }
    assert_int_equal(count(one, "vera", SECKILL_RESERVED), 1); /* neither ordered nor cancelled, and no request more */
    sale_decide_all(&one->sale);
    assert_int_equal(count(one, "vera", SECKILL_RESERVED), 2);
    assert_int_equal(ask_as(one, "POST", ORDERS, good, body), 201);
    seckill_keyring_free(others);
}

/* ---- another's */

static const char *const strangers[] = {"mallory", "olgb", "plga", "olg", "olgaa", "Olga", "olga ", "ol"};

static void test_anothers_ticket(void **state) {
    front *one = *state;
    token_text ticket;
    enqueue(one, "olga", "t1", ticket);
    for (int decided = 0; decided < 2; decided++) {
        for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
            poll_ticket(one, strangers[i], ticket);
            assert_true(front_says(&answer, 403, "not_yours"));
            assert_false(front_has_member(&answer, "token"));
            assert_false(front_has_member(&answer, "position"));
        }
        assert_int_equal(poll_ticket(one, "olga", ticket), 200);
        sale_decide_all(&one->sale);
    }
    assert_true(front_has_member(&answer, "token")); /* hers alone */
}

static void test_anothers_token(void **state) {
    static const char *const paths[] = {ORDERS, CANCELLATIONS};
    front *one = *state;
    token_text token;
    take(one, "olga", "t2", token);
    int reserved = count(one, "olga", SECKILL_RESERVED);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        for (size_t j = 0; j < 2; j++) {
            post_token(one, paths[j], strangers[i], token);
            assert_true(front_says(&answer, 403, "not_yours"));
        }
    assert_int_equal(count(one, "olga", SECKILL_RESERVED), reserved);
    assert_int_equal(post_token(one, ORDERS, "olga", token), 201);
    for (size_t j = 0; j < 2; j++) { /* nor when it is an order */
        post_token(one, paths[j], "mallory", token);
        assert_true(front_says(&answer, 403, "not_yours"));
    }
}

/* Users who differ in one byte, and one who is a beginning of the others, each see what they have and nothing else. */
static void test_carts(void **state) {
    static const char *const users[] = {"al", "alice", "alicf", "alicee"};
    front *one = *state;
    token_text token;
    for (size_t i = 0; i < 4; i++)
        for (size_t n = 0; n < i; n++) {
            char id[16];
            snprintf(id, sizeof id, "same%zu", n);
            take(one, users[i], id, token);
        }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(front_ask(one, "GET", CART, users[i], NULL, NULL, &answer), 200);
        json_t *cart = front_json(&answer), *all = json_object_get(cart, "reservations");
        assert_int_equal(json_array_size(all), i);
        for (size_t n = 0; n < i; n++) {
            seckill_reservation_ref ref;
            const char *text = json_string_value(json_object_get(json_array_get(all, n), "token"));
            assert_int_equal(seckill_token_verify(one->ring, SECKILL_TOKEN_RESERVATION, text, strlen(text), wall_ms(), 0, &ref),
                             SECKILL_OK);
            assert_int_equal(ref.user_size, strlen(users[i]));
            assert_memory_equal(ref.user, users[i], ref.user_size);
        }
        json_decref(cart);
    }
    front_ask(one, "GET", "/v1/activities/other/cart", "alice", NULL, NULL, &answer);
    assert_true(front_says(&answer, 404, "not_defined"));
}

/* ---- tokens that are none for this */

static void test_wrong_tokens(void **state) {
    static const char *const paths[] = {ORDERS, CANCELLATIONS};
    front *one = *state;
    seckill_keyring *others = other_shop();
    seckill_reservation_ref ref = reserve(one, "rita", "r1"), old = ref;
    token_text token, ticket, session, foreign, forged, ended;
    old.issued_ms -= FAR_MS;
    old.hold_until_ms -= FAR_MS;
    old.valid_until_ms -= FAR_MS;
    issue(one->ring, SECKILL_TOKEN_RESERVATION, &ref, token);
    issue(one->ring, SECKILL_TOKEN_RESERVATION, &old, ended);
    issue(others, SECKILL_TOKEN_RESERVATION, &ref, foreign);
    front_session(one, "rita", FAR_MS, session);
    enqueue(one, "rita", "r2", ticket);
    forge(token, forged);
    const struct {
        const char *token;
        int status;
        const char *code;
    } rows[] = {
        {session, 403, "token_purpose"}, {ticket, 403, "token_purpose"}, {foreign, 403, "token_key"},
        {forged, 403, "token_forged"},   {ended, 409, "token_expired"},  {"v4.local", 400, "token_truncated"},
        {"none", 400, "token_garbage"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < 2; j++) {
            post_token(one, paths[j], "rita", rows[i].token);
            assert_true(front_says(&answer, rows[i].status, rows[i].code));
        }
    const char *const no_tickets[] = {session, token};
    for (size_t i = 0; i < 2; i++) {
        poll_ticket(one, "rita", no_tickets[i]);
        assert_true(front_says(&answer, 403, "token_purpose"));
    }
    seckill_ticket place;
    assert_int_equal(seckill_ticket_verify(one->ring, ticket, strlen(ticket), wall_ms(), 0, &place), SECKILL_OK);
    assert_int_equal(seckill_ticket_issue(others, &place, foreign, sizeof foreign, NULL), SECKILL_OK);
    poll_ticket(one, "rita", foreign);
    assert_true(front_says(&answer, 403, "token_key"));
    assert_int_equal(count(one, "rita", SECKILL_RESERVED), 1);
    seckill_keyring_free(others);
}

/* A token is good for what it names, and for nothing else: even if the key holder himself mixed it up. */
static void test_tokens_of_something_else(void **state) {
    static const char *const paths[] = {ORDERS, CANCELLATIONS};
    front *one = *state;
    seckill_reservation_ref hers = reserve(one, "sara", "s1"), his = reserve(one, "tim", "s1"), mixed;
    token_text token;
    for (size_t j = 0; j < 2; j++) {
        mixed = hers;
        snprintf(mixed.item, sizeof mixed.item, "tablet");
        issue(one->ring, SECKILL_TOKEN_RESERVATION, &mixed, token);
        post_token(one, paths[j], "sara", token);
        assert_true(front_says(&answer, 404, "not_defined"));
        mixed = hers;
        snprintf(mixed.activity, sizeof mixed.activity, "other");
        issue(one->ring, SECKILL_TOKEN_RESERVATION, &mixed, token);
        post_token(one, paths[j], "sara", token);
        assert_true(front_says(&answer, 404, "not_defined"));
    }
    mixed = hers; /* her name on his reservation */
    memcpy(mixed.reservation_id, his.reservation_id, sizeof mixed.reservation_id);
    issue(one->ring, SECKILL_TOKEN_RESERVATION, &mixed, token);
    post_token(one, CANCELLATIONS, "sara", token);
    assert_true(front_says(&answer, 404, "no_reservation"));
    assert_int_equal(count(one, "sara", SECKILL_RESERVED), 1);
    assert_int_equal(count(one, "tim", SECKILL_RESERVED), 1);
}

/* ---- what was good once */

static void test_replays(void **state) {
    front *one = *state;
    token_text bought, given_back, order, again;
    take(one, "uma", "u1", bought);
    take(one, "uma", "u2", given_back);
    assert_int_equal(post_token(one, ORDERS, "uma", bought), 201);
    front_text(&answer, "order", order);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(post_token(one, ORDERS, "uma", bought), 200);
        assert_string_equal(front_text(&answer, "order", again), order);
        post_token(one, CANCELLATIONS, "uma", bought);
        assert_true(front_says(&answer, 409, "sold"));
    }
    assert_int_equal(post_token(one, CANCELLATIONS, "uma", given_back), 200);
    for (int i = 0; i < 3; i++) {
        post_token(one, ORDERS, "uma", given_back);
        assert_true(front_says(&answer, 409, "cancelled"));
        assert_int_equal(post_token(one, CANCELLATIONS, "uma", given_back), 200);
    }
    assert_int_equal(count(one, "uma", SECKILL_RESERVATION_SOLD), 1);
    sale_events_answer *events = calloc(1, sizeof *events);
    *events = sale_events(&one->sale, 0, SECKILL_BATCH_MAX);
    int orders = 0;
    for (size_t i = 0; i < events->count; i++)
        orders += strcmp(events->users[i], "uma") == 0 && events->events[i].kind == SECKILL_EVENT_CONFIRMED;
    assert_int_equal(orders, 1);
    free(events);
}

/* The same id of two users is two requests: neither learns of the other's, nor gets it. */
static void test_anothers_request_id(void **state) {
    front *one = *state;
    token_text tickets[2];
    seckill_ticket says[2];
    static const char *const users[] = {"wanda", "walter"};
    for (int i = 0; i < 2; i++) {
        enqueue(one, users[i], "shared", tickets[i]);
        assert_int_equal(seckill_ticket_verify(one->ring, tickets[i], strlen(tickets[i]), wall_ms(), 0, &says[i]), SECKILL_OK);
        assert_memory_equal(says[i].user, users[i], says[i].user_size);
    }
    assert_memory_not_equal(says[0].reservation_id, says[1].reservation_id, SECKILL_RESERVATION_ID_SIZE);
    sale_decide_all(&one->sale);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(count(one, users[i], SECKILL_RESERVED), 1);
        poll_ticket(one, users[1 - i], tickets[i]);
        assert_true(front_says(&answer, 403, "not_yours"));
    }
}

/* A session that somebody has captured is of no use once it has ended, remembered or not. */
static void test_captured_session(void **state) {
    front *one = *state;
    token_text session;
    int64_t end = wall_ms() + 1500;
    front_session(one, "xena", 1500, session);
    do
        ask_as(one, "GET", CART, session, NULL); /* verified, then remembered */
    while (answer.status == 200 && wall_ms() < end - 500);
    assert_int_equal(answer.status, 200);
    while (wall_ms() <= end + 1)
        front_sleep_ms(20);
    for (int i = 0; i < 2; i++) { /* from memory, then by its own words */
        ask_as(one, "GET", CART, session, NULL);
        assert_true(front_says(&answer, 401, "token_expired"));
    }
}

/* ---- users that a gateway names */

static int ask_with(const front *one, const char *fields) {
    return front_ask(one, "GET", CART, NULL, NULL, fields, &answer);
}

#define TEXT_60 "123456789012345678901234567890123456789012345678901234567890"

static void test_trusted_header(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--trust-user-header", "X-User", NULL};
    front *one = front_open(10, 1, options);
    assert_true(front_wait_health(one, 200));
    static const char *const refused[] = {
        "",
        "X-User: a\r\nX-User: a\r\n",
        "X-User: a\r\nx-user: b\r\n",
        "X-User:\r\n",
        "X-User:  \t \r\n",
        "X-User: " TEXT_60 "12345\r\n",
        "X-User: " TEXT_60 TEXT_60 TEXT_60 "\r\n",
        "X-User: a\tb\r\n",
        "X-Users: a\r\n",
        "X_User: a\r\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ask_with(one, refused[i]);
        if (!front_says(&answer, 401, "no_session"))
            fail_msg("%s", refused[i]);
    }
    static const char *const malformed[] = {"X-User: a\001b\r\n", "X-User: a\x1b[2J\r\n", "X-User: a\x7f\r\n",
                                            "X-User: a\n b\r\n",  "X-User : a\r\n",       "X-User: a\r\n b\r\n"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        ask_with(one, malformed[i]);
        if (!front_says(&answer, 400, "bad_request"))
            fail_msg("%zu", i);
    }
    /* A session says nothing here. */
    front_ask(one, "GET", CART, "anna", NULL, NULL, &answer);
    assert_true(front_says(&answer, 401, "no_session"));
    assert_int_equal(ask_with(one, "X-User: " TEXT_60 "1234\r\n"), 200);
    assert_int_equal(ask_with(one, "X-User: \t a b \r\n"), 200); /* white space around it is not the user's */
    front_close(one);
}

/* Bytes above 127 are taken as they are: one user is one text, whatever its characters. */
static void test_trusted_bytes(void **state) {
    (void)state;
    static const char *const options[] = {"--direct", "--trust-user-header", "X-User", NULL};
    static const char *const users[] = {"\xe5\xbc\xa0\xe4\xb8\x89", "\xe5\xbc\xa0\xe4\xb8\x8a", "ren\xe9", "ren\xc3\xa9",
                                        "\xff\xfe"};
    enum { USERS = sizeof users / sizeof *users };
    front *one = front_open(USERS, 1, options);
    assert_true(front_wait_health(one, 200));
    token_text tokens[USERS];
    char fields[128], body[SECKILL_TOKEN_SIZE + 32];
    for (size_t i = 0; i < USERS; i++) {
        seckill_reservation_ref ref;
        snprintf(fields, sizeof fields, "X-User: %s\r\n", users[i]);
        assert_int_equal(front_ask(one, "POST", REQUESTS, NULL, "{\"request_id\":\"b\"}", fields, &answer), 200);
        front_text(&answer, "token", tokens[i]);
        assert_int_equal(
            seckill_token_verify(one->ring, SECKILL_TOKEN_RESERVATION, tokens[i], strlen(tokens[i]), wall_ms(), 0, &ref),
            SECKILL_OK);
        assert_int_equal(ref.user_size, strlen(users[i]));
        assert_memory_equal(ref.user, users[i], ref.user_size);
    }
    for (size_t i = 0; i < USERS * USERS; i++) {
        snprintf(fields, sizeof fields, "X-User: %s\r\n", users[i / USERS]);
        snprintf(body, sizeof body, "{\"token\":\"%s\"}", tokens[i % USERS]);
        front_ask(one, "POST", CANCELLATIONS, NULL, body, fields, &answer);
        if (i / USERS == i % USERS)
            assert_int_equal(answer.status, 200);
        else
            assert_true(front_says(&answer, 403, "not_yours"));
    }
    front_close(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_session_of_this_shop),
        cmocka_unit_test(test_anothers_ticket),
        cmocka_unit_test(test_anothers_token),
        cmocka_unit_test(test_carts),
        cmocka_unit_test(test_wrong_tokens),
        cmocka_unit_test(test_tokens_of_something_else),
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_anothers_request_id),
        cmocka_unit_test(test_captured_session),
        cmocka_unit_test(test_trusted_header),
        cmocka_unit_test(test_trusted_bytes),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
