/* Tokens: issued and read back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base64.h"
#include "token/envelope.h"
#include "token/keyring.h"
#include "token/paseto.h"
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_round_trip(const seckill_keyring *issuer, const seckill_keyring *verifier, seckill_token_purpose purpose,
                             const seckill_reservation_ref *ref) {
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref back;
    size_t size = token_issue(issuer, purpose, ref, token);
    assert_int_equal(seckill_token_verify(verifier, purpose, token, size, ref->issued_ms, 0, &back), SECKILL_OK);
    assert_memory_equal(&back, ref, sizeof back);
}

static void what_goes_in_comes_out(void **state) {
    const token_fixture *f = *state;
    seckill_reservation_ref ref = token_usual_ref();
    check_round_trip(f->local, f->local, SECKILL_TOKEN_RESERVATION, &ref);
    check_round_trip(f->secret, f->secret, SECKILL_TOKEN_RESERVATION, &ref);
    check_round_trip(f->secret, f->public_half, SECKILL_TOKEN_RESERVATION, &ref);
    seckill_reservation_ref session;
    memset(&session, 0, sizeof session);
    memcpy(session.user, "bob", 3);
    session.user_size = 3;
    session.issued_ms = TOKEN_ISSUED_MS;
    session.valid_until_ms = TOKEN_ISSUED_MS + 86400000;
    check_round_trip(f->local, f->local, SECKILL_TOKEN_SESSION, &session);
    check_round_trip(f->secret, f->public_half, SECKILL_TOKEN_SESSION, &session);
}

static void check_ticket(const seckill_keyring *issuer, const seckill_keyring *verifier, const seckill_ticket *ticket) {
    char token[SECKILL_TOKEN_SIZE];
    seckill_ticket back;
    seckill_reservation_ref ref = token_usual_ref();
    size_t size = 0;
    assert_int_equal(seckill_ticket_issue(issuer, ticket, token, sizeof token, &size), SECKILL_OK);
    assert_int_equal(size, strlen(token));
    assert_int_equal(seckill_ticket_verify(verifier, token, size, TOKEN_ISSUED_MS, 0, &back), SECKILL_OK);
    assert_memory_equal(&back, ticket, sizeof back);
    assert_int_equal(seckill_ticket_verify(verifier, token, size, ticket->valid_until_ms + 1, 0, &back), SECKILL_TOKEN_EXPIRED);
    assert_memory_equal(&back, ticket, sizeof back);
    assert_int_equal(seckill_ticket_verify(verifier, token, size, ticket->valid_until_ms + 1, 1, &back), SECKILL_OK);
    assert_int_equal(token_verify(verifier, SECKILL_TOKEN_RESERVATION, token, size), SECKILL_TOKEN_PURPOSE);
    assert_int_equal(token_verify(verifier, SECKILL_TOKEN_SESSION, token, size), SECKILL_TOKEN_PURPOSE);
    assert_int_equal(token_verify(verifier, SECKILL_TOKEN_TICKET, token, size), SECKILL_INVALID);
    assert_int_equal(seckill_token_issue(issuer, SECKILL_TOKEN_TICKET, &ref, token, sizeof token, NULL), SECKILL_INVALID);
}

static void a_ticket_that_goes_in_comes_out(void **state) {
    const token_fixture *f = *state;
    seckill_ticket ticket = token_usual_ticket();
    check_ticket(f->local, f->local, &ticket);
    check_ticket(f->secret, f->public_half, &ticket);
    memset(ticket.user, 0xff, sizeof ticket.user);
    ticket.user_size = sizeof ticket.user;
    memset(ticket.activity, 'a', SECKILL_ID_MAX);
    memset(ticket.item, 'i', SECKILL_ID_MAX);
    ticket.quantity = UINT32_MAX;
    ticket.shard = SECKILL_SHARDS_MAX - 1;
    ticket.epoch = ticket.n = (uint64_t)SECKILL_AMOUNT_MAX;
    check_ticket(f->local, f->local, &ticket);
    ticket.epoch = ticket.n = 0; /* in a queue of the shop's own */
    check_ticket(f->local, f->local, &ticket);
}

static void a_ticket_out_of_range_is_not_issued(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_ticket bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = token_usual_ticket();
    bad[0].user_size = 0;
    bad[1].activity[0] = '/';
    bad[2].quantity = 0;
    bad[3].shard = SECKILL_SHARDS_MAX;
    bad[4].epoch = 0;
    bad[5].n = 0;
    bad[6].n = UINT64_MAX;
    bad[7].valid_until_ms = bad[7].since_ms;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(seckill_ticket_issue(f->local, &bad[i], token, sizeof token, NULL), SECKILL_INVALID);
    seckill_ticket ticket = token_usual_ticket();
    assert_int_equal(seckill_ticket_issue(NULL, &ticket, token, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_ticket_issue(f->local, NULL, token, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_ticket_issue(f->local, &ticket, token, 10, NULL), SECKILL_NO_SPACE);
    assert_int_equal(seckill_ticket_issue(f->public_half, &ticket, token, sizeof token, NULL), SECKILL_TOKEN_KEY);
}

/* A session says only who and when, whatever else stands in the ref. */
static void a_session_ignores_the_other_fields(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref(), back;
    memset(ref.activity, '/', sizeof ref.activity);
    ref.price = -1;
    size_t size = token_issue(f->local, SECKILL_TOKEN_SESSION, &ref, token);
    assert_int_equal(seckill_token_verify(f->local, SECKILL_TOKEN_SESSION, token, size, TOKEN_ISSUED_MS, 0, &back), SECKILL_OK);
    assert_string_equal(back.activity, "");
    assert_true(back.price == 0 && back.quantity == 0 && back.hold_until_ms == 0);
}

static void extremes(void **state) {
    const token_fixture *f = *state;
    seckill_reservation_ref ref = token_usual_ref();
    memset(ref.user, '"', sizeof ref.user); /* each needs an escape */
    ref.user_size = sizeof ref.user;
    memset(ref.activity, 'a', SECKILL_ID_MAX);
    memset(ref.item, '-', SECKILL_ID_MAX);
    ref.activity[SECKILL_ID_MAX] = ref.item[SECKILL_ID_MAX] = '\0';
    ref.quantity = UINT32_MAX;
    ref.price = SECKILL_AMOUNT_MAX;
    ref.issued_ms = 0;
    ref.hold_until_ms = ref.valid_until_ms = INT64_C(253402300799999);
    check_round_trip(f->local, f->local, SECKILL_TOKEN_RESERVATION, &ref);
    check_round_trip(f->secret, f->public_half, SECKILL_TOKEN_RESERVATION, &ref);
    ref.price = 0;
    ref.quantity = 1;
    ref.hold_until_ms = ref.issued_ms;
    ref.valid_until_ms = 1;
    check_round_trip(f->local, f->local, SECKILL_TOKEN_RESERVATION, &ref);
}

/* The payload of a v4.public token, which anyone can read, has a part. */
static bool payload_has(const char *token, const char *part) {
    sk__envelope envelope;
    uint8_t body[SECKILL_TOKEN_SIZE];
    assert_int_equal(sk__envelope_split(token, strlen(token), &envelope), SECKILL_OK);
    assert_int_equal(sk__envelope_body(&envelope, body), SECKILL_OK);
    body[SK__BASE64_BYTES(envelope.body_size) - SK__PASETO_OVERHEAD] = '\0';
    return strstr((const char *)body, part) != NULL;
}

static void check_user(const token_fixture *f, const char *user, size_t size, bool text) {
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    memset(ref.user, 0, sizeof ref.user);
    memcpy(ref.user, user, size);
    ref.user_size = size;
    check_round_trip(f->local, f->local, SECKILL_TOKEN_RESERVATION, &ref);
    token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, token);
    assert_int_equal(payload_has(token, "\"sub\":\""), text);
    assert_int_equal(payload_has(token, "\"sub64\":\""), !text);
}

static void any_bytes_can_be_a_user(void **state) {
    const token_fixture *f = *state;
    char user[SECKILL_USER_MAX];
    for (int byte = 0; byte < 256; byte++) {
        user[0] = (char)byte;
        check_user(f, user, 1, byte >= 0x20 && byte < 0x7f);
    }
    static const struct {
        char bytes[16];
        bool text;
    } users[] = {{"\"", true},
                 {"\\\"\\u0041", true},
                 {"\xe7\xa7\x92\xe6\x9d\x80", true},
                 {"\xc2\x80", false},
                 {"\xc0\xaf", false},
                 {"\xed\xa0\x80", false},
                 {"\xf0\x9f\x98\x80", true},
                 {"\xf4\x90\x80\x80", false},
                 {"a\xe7\xa7", false},
                 {"a\nb", false},
                 {"</script>", true},
                 {"\xe2\x80\xa8", true}};
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        check_user(f, users[i].bytes, strlen(users[i].bytes), users[i].text);
    memset(user, 0xff, sizeof user);
    check_user(f, user, sizeof user, false);
    memset(user, '\\', sizeof user);
    check_user(f, user, sizeof user, true);
}

static void fields_out_of_range_are_refused(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    for (int field = 0; field < 15; field++) {
        seckill_reservation_ref ref = token_usual_ref();
        switch (field) {
        case 0:
            ref.user_size = 0;
            break;
        case 1:
            ref.user_size = SECKILL_USER_MAX + 1;
            break;
        case 2:
            ref.activity[0] = '\0';
            break;
        case 3:
            ref.item[0] = '\0';
            break;
        case 4:
            ref.item[1] = '/';
            break;
        case 5:
            memset(ref.item, 'x', sizeof ref.item);
            break; /* without a NUL */
        case 6:
            ref.quantity = 0;
            break;
        case 7:
            ref.price = -1;
            break;
        case 8:
            ref.price = SECKILL_AMOUNT_MAX + 1;
            break;
        case 9:
            ref.issued_ms = -1;
            break;
        case 10:
            ref.valid_until_ms = ref.issued_ms;
            break;
        case 11:
            ref.valid_until_ms = INT64_C(253402300800000);
            break;
        case 12:
            ref.hold_until_ms = ref.issued_ms - 1;
            break;
        case 13:
            ref.hold_until_ms = ref.valid_until_ms + 1;
            break;
        default:
            ref.valid_until_ms = INT64_MAX;
            break;
        }
        assert_int_equal(seckill_token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, token, sizeof token, NULL),
                         SECKILL_INVALID);
    }
}

static void arguments_are_checked(void **state) {
    const token_fixture *f = *state;
    const seckill_token_purpose purpose = SECKILL_TOKEN_RESERVATION;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref(), back;
    size_t size = token_issue(f->local, purpose, &ref, token);
    assert_int_equal(seckill_token_issue(NULL, purpose, &ref, token, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_token_issue(f->local, purpose, NULL, token, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_token_issue(f->local, purpose, &ref, NULL, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_token_issue(f->local, (seckill_token_purpose)0, &ref, token, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_token_issue(f->local, (seckill_token_purpose)4, &ref, token, sizeof token, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_token_verify(NULL, purpose, token, size, 0, 0, &back), SECKILL_INVALID);
    assert_int_equal(seckill_token_verify(f->local, purpose, NULL, size, 0, 0, &back), SECKILL_INVALID);
    assert_int_equal(seckill_token_verify(f->local, purpose, token, size, 0, 0, NULL), SECKILL_INVALID);
    assert_int_equal(seckill_token_verify(f->local, (seckill_token_purpose)4, token, size, 0, 0, &back), SECKILL_INVALID);
    assert_int_equal(seckill_token_verify(f->local, purpose, token, size, 0, 3600001, &back), SECKILL_INVALID);
    assert_int_equal(seckill_token_verify(f->local, purpose, token, size, 0, 3600000, &back), SECKILL_OK);
}

static void a_buffer_too_small_is_told(void **state) {
    const token_fixture *f = *state;
    char token[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    size_t size = token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, token), written = 7;
    for (size_t room = 0; room <= size; room += room < 70 ? 1 : size - room > 100 ? 61 : 1) {
        char *out = malloc(room + 1);
        assert_non_null(out);
        assert_int_equal(seckill_token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, out + 1, room, &written),
                         SECKILL_NO_SPACE);
        assert_true(written == 7 && (room == 0 || out[1] == '\0'));
        free(out);
    }
    char again[SECKILL_TOKEN_SIZE];
    assert_int_equal(seckill_token_issue(f->secret, SECKILL_TOKEN_RESERVATION, &ref, again, size + 1, NULL), SECKILL_OK);
    assert_string_equal(again, token); /* signing is deterministic */
}

static void local_tokens_never_repeat(void **state) {
    const token_fixture *f = *state;
    char one[SECKILL_TOKEN_SIZE], other[SECKILL_TOKEN_SIZE];
    seckill_reservation_ref ref = token_usual_ref();
    token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, one);
    token_issue(f->local, SECKILL_TOKEN_RESERVATION, &ref, other);
    assert_string_not_equal(one, other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(a_ticket_that_goes_in_comes_out),
        cmocka_unit_test(a_ticket_out_of_range_is_not_issued),
        cmocka_unit_test(a_session_ignores_the_other_fields),
        cmocka_unit_test(extremes),
        cmocka_unit_test(any_bytes_can_be_a_user),
        cmocka_unit_test(fields_out_of_range_are_refused),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_buffer_too_small_is_told),
        cmocka_unit_test(local_tokens_never_repeat),
    };
    return cmocka_run_group_tests(tests, token_set_up, token_tear_down);
}
