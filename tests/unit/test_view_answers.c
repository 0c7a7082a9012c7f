/* What a view reads of tickets, of users, of the blacklist and of errors: everything that a script can say, and nothing else.
 *
 * SPDX-License-Identifier: MIT
 */
#include "view_fixture.h"

#include <stdlib.h>
#include <string.h>

/* ---- tickets ---- */

static seckill_view_ticket ask(seckill_view *view, const seckill_ticket *ticket, const poll_says *says,
                               seckill_status expected) {
    const reply answer = poll_reply(says);
    seckill_view_ticket told;

    assert_status(take_ticket(view, ticket, &answer, answer.size, &told), expected);
    return told;
}

static void a_ticket_that_waits_has_a_position(void **state) {
    const poll_says says = {MAP_VERSION, 10, 20, 0, ANSWER_QUEUED, 0, 3, 17};
    const seckill_ticket ticket = ticket_of(3, 17);
    seckill_view *view = known_view();
    seckill_view_ticket told = ask(view, &ticket, &says, SECKILL_OK);

    (void)state;
    assert_int_equal(told.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(told.position, 7);
    assert_int_equal(told.wait_ms, 0);
    assert_int_equal(told.reason, SECKILL_OK);
    assert_int_equal(told.has_ref, 0);
    assert_int_equal(told.server_time_ms, NOW_MS);
    seckill_view_free(view);
}

static void one_in_the_shops_own_queue_has_none(void **state) {
    const poll_says says = {MAP_VERSION, 10, 20, 0, ANSWER_QUEUED, 0, 0, 0};
    const poll_says lost = {MAP_VERSION, 10, 20, SK__ANSWER_LOST, 0, 0, 0, 0};
    const seckill_ticket outside = ticket_of(0, 0), inside = ticket_of(3, 17);
    seckill_view *view = known_view();

    (void)state;
    assert_int_equal(ask(view, &outside, &says, SECKILL_OK).state, SECKILL_TICKET_QUEUED);
    assert_int_equal(ask(view, &outside, &says, SECKILL_OK).position, 0);
    (void)ask(view, &inside, &says, SECKILL_PROTOCOL); /* an answer to another kind of ticket */
    (void)ask(view, &outside, &lost, SECKILL_PROTOCOL);
    seckill_view_free(view);
}

static void a_granted_ticket_gives_its_token(void **state) {
    const poll_says says = {MAP_VERSION, 10, 20, 0, ANSWER_RECORD, SECKILL_RESERVED, 0, 0};
    const seckill_ticket ticket = ticket_of(3, 9);
    seckill_view *view = known_view();
    seckill_view_ticket told = ask(view, &ticket, &says, SECKILL_OK);

    (void)state;
    assert_int_equal(told.state, SECKILL_TICKET_GRANTED);
    assert_int_equal(told.reservation.quantity, 2);
    assert_int_equal(told.has_ref, 1);
    assert_string_equal(told.ref.activity, "sale");
    assert_string_equal(told.ref.item, "phone");
    assert_int_equal(told.ref.user_size, 5);
    assert_memory_equal(told.ref.user, "alice", 5);
    assert_memory_equal(told.ref.reservation_id, ticket.reservation_id, SECKILL_RESERVATION_ID_SIZE);
    assert_int_equal(told.ref.price, 4990);
    assert_int_equal(told.ref.issued_ms, NOW_MS);
    assert_int_equal(told.ref.hold_until_ms, NOW_MS + HOLD_MS);
    assert_int_equal(told.ref.valid_until_ms, NOW_MS + HOLD_MS + 5000);
    seckill_view_free(view);
}

static void another_tickets_reservation_is_not_told(void **state) {
    const poll_says says = {MAP_VERSION, 10, 20, 0, ANSWER_RECORD, SECKILL_RESERVED, 0, 0};
    seckill_ticket ticket = ticket_of(3, 9);
    seckill_view *view = known_view();
    seckill_view_ticket told;

    (void)state;
    ticket.reservation_id[15] ^= 1;
    told = ask(view, &ticket, &says, SECKILL_PROTOCOL);
    assert_int_equal(told.has_ref, 0);
    assert_int_equal(told.reservation.state, 0);
    seckill_view_free(view);
}

static void every_other_end_of_a_ticket_is_told(void **state) {
    static const struct {
        int status, flags;
        uint8_t record;
        seckill_status answered;
        int state;
        seckill_status reason;
    } ends[] = {
        {0, ANSWER_RECORD, SECKILL_RESERVATION_SOLD, SECKILL_OK, SECKILL_TICKET_SOLD, SECKILL_OK},
        {7, ANSWER_RECORD, SECKILL_RESERVATION_CANCELLED, SECKILL_OK, SECKILL_TICKET_CANCELLED, SECKILL_OK},
        {8, ANSWER_RECORD, SECKILL_RESERVATION_EXPIRED, SECKILL_OK, SECKILL_TICKET_EXPIRED, SECKILL_OK},
        {10, ANSWER_RECORD, SECKILL_RESERVATION_REFUNDED, SECKILL_OK, SECKILL_TICKET_REFUNDED, SECKILL_OK},
        {14, ANSWER_RECORD, SECKILL_RESERVATION_REFUSED, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_BLACKLISTED},
        {1, ANSWER_DECIDED, 0, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_SOLD_OUT},
        {3, ANSWER_DECIDED, 0, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_LIMIT_REACHED},
        {200, ANSWER_DECIDED, 0, SECKILL_OK, SECKILL_TICKET_REFUSED, SECKILL_BUSY},
        {12, 0, 0, SECKILL_TOO_OLD, 0, SECKILL_OK},
        {SK__ANSWER_LOST, 0, 0, SECKILL_OK, SECKILL_TICKET_LOST, SECKILL_OK},
        {SK__ANSWER_AGAIN, 0, 0, SECKILL_SERVER_BUSY, 0, SECKILL_OK},
        {SK__ANSWER_SHORT, 0, 0, SECKILL_PROTOCOL, 0, SECKILL_OK},
        {0, ANSWER_DECIDED, 0, SECKILL_PROTOCOL, 0, SECKILL_OK},
        {99, 0, 0, SECKILL_PROTOCOL, 0, SECKILL_OK},
        {0, ANSWER_RECORD, 0, SECKILL_PROTOCOL, 0, SECKILL_OK},
    };
    const seckill_ticket ticket = ticket_of(3, 9);
    seckill_view *view = known_view();

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const poll_says says = {MAP_VERSION, 10, 20, ends[i].status, ends[i].flags, ends[i].record, 0, 0};
        seckill_view_ticket told = ask(view, &ticket, &says, ends[i].answered);

        assert_int_equal(told.state, ends[i].state);
        assert_status(told.reason, ends[i].reason);
        assert_int_equal(told.has_ref, 0);
    }
    seckill_view_free(view);
}

static void a_ticket_tells_how_long_it_takes(void **state) {
    poll_says says = {MAP_VERSION, 10, 1000, 0, ANSWER_QUEUED, 0, 3, 500};
    const seckill_ticket ticket = ticket_of(3, 500), outside = ticket_of(0, 0);
    seckill_view *view = known_view();
    reply later;
    seckill_view_ticket told;

    (void)state;
    (void)ask(view, &ticket, &says, SECKILL_OK);
    says.decided = 110; /* a hundred more, ... */
    later = poll_reply(&says);
    later.bytes[12] = (uint8_t)(later.bytes[12] + 4); /* ... and 1024 ms of the server's clock */
    assert_status(take_ticket(view, &ticket, &later, later.size, &told), SECKILL_OK);
    assert_int_equal(told.position, 390);
    assert_in_range(told.wait_ms, 390 * 1000 / 98, 390 * 1000 / 97);
    says = (poll_says){MAP_VERSION, 110, 1000, 0, ANSWER_QUEUED, 0, 0, 0};
    later = poll_reply(&says);
    later.bytes[12] = (uint8_t)(later.bytes[12] + 4);
    assert_status(take_ticket(view, &outside, &later, later.size, &told), SECKILL_OK);
    assert_int_equal(told.wait_ms, 0); /* in the shop's own queue: nobody knows */
    seckill_view_free(view);
}

static void a_poll_that_is_cut_is_no_answer(void **state) {
    const poll_says records = {MAP_VERSION, 10, 20, 0, ANSWER_RECORD, SECKILL_RESERVED, 0, 0};
    const poll_says places = {MAP_VERSION + 1, 10, 20, 0, ANSWER_QUEUED, 0, 3, 17};
    const reply answers[] = {poll_reply(&records), poll_reply(&places)};
    const seckill_ticket ticket = ticket_of(3, 17);
    seckill_view *view = known_view();
    seckill_view_ticket told;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t size = 0; size < answers[i].size; size++) {
            assert_status(take_ticket(view, &ticket, &answers[i], size, &told), SECKILL_PROTOCOL);
            assert_int_equal(told.state, 0);
            assert_int_equal(told.server_time_ms, 0);
        }
        assert_status(take_ticket(view, &ticket, &answers[i], answers[i].size + 1, &told), SECKILL_PROTOCOL);
    }
    assert_int_equal(seckill_view_is_stale(view), 0);
    assert_status(take_ticket(view, &ticket, &answers[1], answers[1].size, &told), SECKILL_OK);
    assert_int_equal(seckill_view_is_stale(view), 1);
    seckill_view_free(view);
}

/* ---- users ---- */

static reply user_reply(uint8_t count, uint8_t first_state) {
    reply self = {.size = 0};
    sk__writer writer = sk__writer_of(self.bytes, sizeof(self.bytes));

    write_header(&writer, MAP_VERSION);
    sk__write_u8(&writer, count);
    for (uint8_t i = 0; i < count; i++)
        write_record(&writer, i == 0 ? first_state : SECKILL_RESERVATION_SOLD);
    reply_end(&self, &writer);
    return self;
}

static seckill_status take_user(seckill_view *view, const reply *from, size_t size, uint32_t *count) {
    static seckill_reservation reservations[SECKILL_USER_RECORDS_MAX];
    static seckill_reservation_ref refs[SECKILL_USER_RECORDS_MAX];
    char *copy = malloc(size + (size == 0));
    seckill_status status;

    assert_non_null(copy);
    memcpy(copy, from->bytes, size);
    *count = 77;
    status = seckill_view_take_user(view, "alice", 5, copy, size, reservations, refs, count);
    free(copy);
    if (status == SECKILL_OK && *count > 1) {
        assert_int_equal(reservations[0].state, SECKILL_RESERVED);
        assert_memory_equal(refs[0].user, "alice", 5);
        assert_int_equal(reservations[1].state, SECKILL_RESERVATION_SOLD);
        assert_int_equal(refs[1].user_size, 0);
    }
    return status;
}

static void a_users_records_are_read(void **state) {
    const reply all = user_reply(SECKILL_USER_RECORDS_MAX, SECKILL_RESERVED), none = user_reply(0, 0);
    reply many = user_reply(SECKILL_USER_RECORDS_MAX + 1, SECKILL_RESERVED);
    const reply bad = user_reply(1, 0);
    seckill_view *view = known_view();
    uint32_t count;

    (void)state;
    assert_status(take_user(view, &none, none.size, &count), SECKILL_OK);
    assert_int_equal(count, 0);
    assert_status(take_user(view, &all, all.size, &count), SECKILL_OK);
    assert_int_equal(count, SECKILL_USER_RECORDS_MAX);
    assert_status(take_user(view, &many, many.size, &count), SECKILL_PROTOCOL);
    assert_status(take_user(view, &bad, bad.size, &count), SECKILL_PROTOCOL);
    for (size_t size = 0; size < all.size; size += 7) {
        assert_status(take_user(view, &all, size, &count), SECKILL_PROTOCOL);
        assert_int_equal(count, 0);
    }
    seckill_view_free(view);
}

/* ---- items and the blacklist ---- */

static void items_are_lines(void **state) {
    static const char text[] = "camera\nphone\n";
    seckill_bytes items[2];
    uint32_t count;

    (void)state;
    assert_status(seckill_view_take_items(text, sizeof(text) - 1, items, 2, &count), SECKILL_OK);
    assert_int_equal(count, 2);
    assert_int_equal(items[1].size, 5);
    assert_memory_equal(items[1].data, "phone", 5);
    assert_status(seckill_view_take_items("", 0, items, 2, &count), SECKILL_OK);
    assert_int_equal(count, 0);
    assert_status(seckill_view_take_items("", 0, NULL, 0, &count), SECKILL_OK);
    assert_status(seckill_view_take_items(text, sizeof(text) - 1, items, 1, &count), SECKILL_NO_SPACE);
    assert_int_equal(count, 0);
    assert_status(seckill_view_take_items(text, sizeof(text) - 2, items, 2, &count), SECKILL_PROTOCOL);
    assert_int_equal(count, 0);
    assert_status(seckill_view_take_items(NULL, 0, items, 2, &count), SECKILL_INVALID);
    assert_status(seckill_view_take_items(text, 1, items, 2, NULL), SECKILL_INVALID);
}

static void write_finding(sk__writer *writer, uint64_t until, const char *reason) {
    sk__write_u48(writer, until);
    sk__write_u48(writer, until != 0 ? 1000 : 0);
    sk__write_u8(writer, (uint8_t)strlen(reason));
    sk__write_text(writer, reason);
}

static void findings_are_in_the_order_of_the_subjects(void **state) {
    reply answer = {.size = 0};
    sk__writer writer = sk__writer_of(answer.bytes, sizeof(answer.bytes));
    const char *bytes = (const char *)answer.bytes;
    seckill_blacklist_finding findings[3];
    int64_t now_ms;

    (void)state;
    sk__write_u48(&writer, (uint64_t)NOW_MS);
    write_finding(&writer, 0, "");
    write_finding(&writer, SK__FOREVER, "scalper");
    write_finding(&writer, (uint64_t)NOW_MS + 1, "");
    reply_end(&answer, &writer);
    assert_status(seckill_view_take_listed(bytes, answer.size, findings, 3, &now_ms), SECKILL_BLACKLISTED);
    assert_int_equal(now_ms, NOW_MS);
    assert_int_equal(findings[0].is_listed, 0);
    assert_int_equal(findings[1].is_listed, 1);
    assert_int_equal(findings[1].until_ms, 0);
    assert_int_equal(findings[1].since_ms, 1000);
    assert_memory_equal(findings[1].reason.data, "scalper", 7);
    assert_int_equal(findings[2].until_ms, NOW_MS + 1);
    for (size_t size = 0; size < answer.size; size++) {
        assert_status(seckill_view_take_listed(bytes, size, findings, 3, NULL), SECKILL_PROTOCOL);
        assert_int_equal(findings[1].is_listed, 0);
    }
    assert_status(seckill_view_take_listed(bytes, answer.size, findings, 2, &now_ms), SECKILL_PROTOCOL);
    assert_int_equal(now_ms, 0);
    assert_status(seckill_view_take_listed(bytes, 6 + 13, findings, 1, NULL), SECKILL_OK);
    assert_status(seckill_view_take_listed(bytes, answer.size, findings, 0, NULL), SECKILL_INVALID);
}

/* ---- errors ---- */

static seckill_reply_error error_of(const char *text) {
    seckill_reply_error error = {.struct_size = sizeof(error)};

    assert_status(seckill_view_read_error(text, strlen(text), &error), SECKILL_OK);
    return error;
}

static void every_error_says_what_to_do(void **state) {
    static const struct {
        const char *text;
        int32_t then;
        seckill_status status;
    } known[] = {
        {"NOSCRIPT No matching script. Please use EVAL.", SECKILL_THEN_SEND_TEXT, SECKILL_SERVER_BUSY},
        {"OLDER settings (key)", SECKILL_THEN_ASK_ITEM, SECKILL_SERVER_BUSY},
        {"AGAIN more is overdue", SECKILL_THEN_REPEAT, SECKILL_SERVER_BUSY},
        {"LOADING Redis is loading the dataset in memory", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"BUSY Redis is busy running a script.", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"CLUSTERDOWN The cluster is down", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"TRYAGAIN Multiple keys request during rehashing of slot", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"READONLY this server is a replica (INFO)", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"DAMAGED no field layout (key)", SECKILL_THEN_GIVE_UP, SECKILL_DAMAGED},
        {"LAYOUT these keys have layout 2", SECKILL_THEN_GIVE_UP, SECKILL_LAYOUT},
        {"NOPERM this user has no permissions", SECKILL_THEN_GIVE_UP, SECKILL_DENIED},
        {"OOM command not allowed when used memory > 'maxmemory'.", SECKILL_THEN_GIVE_UP, SECKILL_SERVER_MEMORY},
        {"ERR something else", SECKILL_THEN_GIVE_UP, SECKILL_SERVER_ERROR},
        {"", SECKILL_THEN_GIVE_UP, SECKILL_SERVER_ERROR},
        {"MOVED nowhere", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"MOVED 3999 ?:6381", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
        {"ASK 16384 127.0.0.1:6381", SECKILL_THEN_TRY_LATER, SECKILL_SERVER_BUSY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        seckill_reply_error error = error_of(known[i].text);

        assert_int_equal(error.then, known[i].then);
        assert_status(error.status, known[i].status);
        assert_int_equal(error.port, 0);
        assert_string_equal(error.host, "");
    }
    assert_string_equal(error_of("DAMAGED no field layout (key)").message, "no field layout (key)");
}

static void a_redirection_says_where_to(void **state) {
    seckill_reply_error error = error_of("MOVED 3999 127.0.0.1:6381");

    (void)state;
    assert_int_equal(error.then, SECKILL_THEN_GO_TO);
    assert_int_equal(error.slot, 3999);
    assert_int_equal(error.port, 6381);
    assert_string_equal(error.host, "127.0.0.1");
    error = error_of("ASK 12 ::1:7000");
    assert_int_equal(error.then, SECKILL_THEN_ASK_AT);
    assert_int_equal(error.slot, 12);
    assert_string_equal(error.host, "::1");
    error = error_of("MOVED 0 :7001"); /* the host that says so, on another port */
    assert_int_equal(error.then, SECKILL_THEN_GO_TO);
    assert_string_equal(error.host, "");
    assert_int_equal(error.port, 7001);
    error = error_of("MOVED 1 redis-2.example.org:7002");
    assert_string_equal(error.host, "redis-2.example.org");
}

static void a_long_error_is_cut(void **state) {
    char text[2 * SECKILL_MESSAGE_SIZE];
    seckill_reply_error error = {.struct_size = sizeof(error)};

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_status(seckill_view_read_error(text, sizeof(text), &error), SECKILL_OK);
    assert_int_equal(strlen(error.message), SECKILL_MESSAGE_SIZE - 1);
    error.struct_size = 1;
    assert_status(seckill_view_read_error(text, sizeof(text), &error), SECKILL_INVALID);
    assert_status(seckill_view_read_error(NULL, 0, &error), SECKILL_INVALID);
    assert_status(seckill_view_read_error(text, 1, NULL), SECKILL_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_that_waits_has_a_position),
        cmocka_unit_test(one_in_the_shops_own_queue_has_none),
        cmocka_unit_test(a_granted_ticket_gives_its_token),
        cmocka_unit_test(another_tickets_reservation_is_not_told),
        cmocka_unit_test(every_other_end_of_a_ticket_is_told),
        cmocka_unit_test(a_ticket_tells_how_long_it_takes),
        cmocka_unit_test(a_poll_that_is_cut_is_no_answer),
        cmocka_unit_test(a_users_records_are_read),
        cmocka_unit_test(items_are_lines),
        cmocka_unit_test(findings_are_in_the_order_of_the_subjects),
        cmocka_unit_test(every_error_says_what_to_do),
        cmocka_unit_test(a_redirection_says_where_to),
        cmocka_unit_test(a_long_error_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
