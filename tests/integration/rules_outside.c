/* Requests that wait in a queue of the shop's own: their tickets, and refusals that are remembered.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"
#include "sale_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const seckill_status reasons[] = {SECKILL_SOLD_OUT, SECKILL_NOT_ENOUGH, SECKILL_LIMIT_REACHED, SECKILL_ENDED,
                                         SECKILL_BLACKLISTED};
enum { REASONS = sizeof(reasons) / sizeof(reasons[0]) };

static sale_ticket_answer refuse(rules *r, const char *user, uint32_t quantity, seckill_status reason) {
    return sale_refuse(&r->sale, user, "r", quantity, r->now_ms, reason);
}

/* That it is refused as this, in whatever way it is said. */
static void assert_is_refusal(const seckill_reservation *shown, seckill_status reason) {
    assert_int_equal(shown->state, SECKILL_RESERVATION_REFUSED);
    assert_status(shown->reason, reason);
    assert_int_equal(shown->price, 0);
    assert_int_equal(shown->quantity, 2);
}

/* ---- what waits ---- */

static void a_ticket_outside_says_what_enqueue_would(void **state) {
    rules *r = *state;
    seckill_ticket outside;
    sale_ticket_answer inside;

    rules_sell(r, 3, 5, 1000, 500, 10);
    rules_freeze(r);
    outside = sale_outside(&r->sale, "ann", "r", 2, r->now_ms);
    inside = queue_enqueue(r, "ann", "r", 2);
    assert_true(outside.epoch == 0 && outside.n == 0);
    outside.epoch = inside.ticket.epoch;
    outside.n = inside.ticket.n;
    assert_memory_equal(&outside, &inside.ticket, sizeof(outside));
}

/* Whatever becomes of the server and the sale: it waits, at a place that nobody knows, and is put into no queue. */
static void assert_waits_outside(rules *r, const seckill_ticket *ticket) {
    char *before = rules_everything(r);
    sale_ticket_answer polled = sale_poll(&r->sale, ticket);
    char *after = rules_everything(r);

    queue_assert_queued(&polled, 0);
    assert_int_equal(polled.wait_ms, 0);
    assert_int_equal(polled.requeued, 0);
    assert_memory_equal(&polled.ticket, ticket, sizeof(*ticket));
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_request_outside_waits_until_it_is_decided(void **state) {
    rules *r = *state;
    seckill_ticket ticket;
    sale_ticket_answer polled;
    sale_answer answer;

    rules_sell(r, 1, 5, 1000, 500, 10);
    rules_freeze(r);
    ticket = sale_outside(&r->sale, "ann", "r", 2, r->now_ms);
    assert_waits_outside(r, &ticket);
    rules_set_field(r, 0, "epoch", rules_field(r, 0, "epoch") + 1);
    assert_waits_outside(r, &ticket);
    polled = queue_enqueue(r, "bob", "b", 1);
    queue_assert_queued(&polled, 1);
    assert_waits_outside(r, &ticket);
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_waits_outside(r, &ticket);
    assert_status(sale_resume(&r->sale).status, SECKILL_OK);

    answer = rules_reserve(r, "ann", "r", 2);
    assert_status(answer.status, SECKILL_OK);
    polled = sale_poll(&r->sale, &ticket);
    queue_assert_state(&polled, SECKILL_TICKET_GRANTED);
    assert_memory_equal(&polled.ref, &answer.ref, sizeof(answer.ref));
    assert_status(sale_confirm(&r->sale, &answer.ref, "o").status, SECKILL_OK);
    polled = sale_poll(&r->sale, &ticket);
    queue_assert_state(&polled, SECKILL_TICKET_SOLD);
    rules_check(r);
}

static void a_request_outside_waits_for_so_long(void **state) {
    rules *r = *state;
    seckill_ticket ticket;

    rules_sell(r, 1, 5, 1000, 500, 10);
    rules_freeze(r);
    ticket = sale_outside(&r->sale, "ann", "r", 2, r->now_ms);
    rules_pass(r, 1999);
    assert_waits_outside(r, &ticket);
    rules_pass(r, 1);
    assert_status(sale_poll(&r->sale, &ticket).status, SECKILL_TOO_OLD);
    assert_status(sale_refuse(&r->sale, "ann", "r", 2, ticket.since_ms, SECKILL_SOLD_OUT).status, SECKILL_TOO_OLD);
    assert_int_equal(rules_field(r, 0, "enqueued"), 0);
    rules_check(r);
}

/* ---- what was refused ---- */

/* Every call says so, and changes nothing. */
static void assert_stays_refused(rules *r, const char *user, seckill_status reason) {
    seckill_status to_release = reason == SECKILL_BLACKLISTED ? reason : SECKILL_NO_RESERVATION;
    seckill_ticket ticket = sale_outside(&r->sale, user, "r", 2, r->now_ms);
    seckill_reservation_ref ref = {.quantity = 2, .price = 9, .activity = "sale", .item = "phone"};
    char *before = rules_everything(r), *after;
    sale_ticket_answer tickets[4] = {sale_poll(&r->sale, &ticket), queue_enqueue(r, user, "r", 2), refuse(r, user, 2, reason),
                                     refuse(r, user, 2, reasons[0] == reason ? reasons[1] : reasons[0])};
    sale_answer answers[4];
    size_t count = reason == SECKILL_BLACKLISTED ? 4 : 3; /* a token for another one is of a grant that is lost */
    sale_lookup_answer found = sale_lookup(&r->sale, user, "r");

    memcpy(ref.user, user, strlen(user));
    ref.user_size = strlen(user);
    memcpy(ref.reservation_id, ticket.reservation_id, sizeof(ref.reservation_id));
    ref.valid_until_ms = r->now_ms + 1000;
    answers[0] = rules_reserve(r, user, "r", 2);
    answers[1] = sale_cancel(&r->sale, user, ticket.reservation_id);
    answers[2] = sale_refund(&r->sale, user, ticket.reservation_id);
    if (count == 4)
        answers[3] = sale_confirm(&r->sale, &ref, "o");
    after = rules_everything(r);
    for (size_t i = 0; i < 4; i++) {
        queue_assert_refused(&tickets[i], reason);
        assert_is_refusal(&tickets[i].reservation, reason);
        assert_int_equal(tickets[i].replayed, i != 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert_status(answers[i].status, i == 0 ? reason : to_release);
        assert_is_refusal(&answers[i].reservation, reason);
        assert_int_equal(answers[i].replayed, 1);
    }
    assert_int_equal(found.count, 1);
    assert_is_refusal(&found.reservations[0], reason);
    assert_status(refuse(r, user, 1, reason).status, SECKILL_CONFLICT);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_refusal_is_remembered_with_its_reason(void **state) {
    static const char *const users[REASONS] = {"a", "b", "c", "d", "e"};
    rules *r = *state;
    sale_ticket_answer late;

    rules_sell(r, 3, 5, 1000, 500, 100);
    rules_freeze(r);
    for (size_t i = 0; i < REASONS; i++) {
        sale_ticket_answer answer = refuse(r, users[i], 2, reasons[i]);
        rules_record records[SECKILL_USER_RECORDS_MAX];

        queue_assert_refused(&answer, reasons[i]);
        assert_int_equal(answer.replayed, 0);
        assert_is_refusal(&answer.reservation, reasons[i]);
        assert_int_equal(answer.reservation.since_ms, r->now_ms);
        assert_int_equal(answer.reservation.ends_ms, r->now_ms + 2000);
        assert_int_equal(rules_records(r, users[i], records), 1);
        assert_int_equal(records[0].state, RECORD_REFUSED);
        assert_int_equal(records[0].price, reasons[i] == SECKILL_BLACKLISTED ? 0 : reasons[i]);
        assert_stays_refused(r, users[i], reasons[i]);
    }
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_stays_refused(r, "a", SECKILL_SOLD_OUT);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_stays_refused(r, "b", SECKILL_NOT_ENOUGH);
    late = refuse(r, "f", 2, SECKILL_ENDED);
    queue_assert_refused(&late, SECKILL_ENDED);
    assert_int_equal(sale_stock(&r->sale).total.available, 100);
    rules_check(r);
}

/* A failover lost the grant, and its request found no unit when it came again: the token counts all the same. */
static void a_token_of_a_lost_grant_counts(void **state) {
    rules *r = *state;
    seckill_reservation_ref ref = {
        .quantity = 2, .price = 9, .activity = "sale", .item = "phone", .user = "ann", .user_size = 3};
    sale_answer answer;

    rules_sell(r, 1, 5, 1000, 500, 3);
    rules_freeze(r);
    assert_status(refuse(r, "ann", 2, SECKILL_SOLD_OUT).status, SECKILL_OK);
    seckill_ticket ticket = sale_outside(&r->sale, "ann", "r", 2, r->now_ms);
    memcpy(ref.reservation_id, ticket.reservation_id, sizeof(ref.reservation_id));
    ref.valid_until_ms = r->now_ms + 1000;
    answer = sale_confirm(&r->sale, &ref, "o");
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.reservation.state, SECKILL_RESERVATION_SOLD);
    assert_int_equal(answer.reservation.price, 9);
    assert_int_equal(answer.replayed, 0);
    assert_int_equal(sale_confirm(&r->sale, &ref, "o").replayed, 1);
    /* And where there is still none, it is over for good. */
    assert_status(refuse(r, "bob", 2, SECKILL_SOLD_OUT).status, SECKILL_OK);
    ticket = sale_outside(&r->sale, "bob", "r", 2, r->now_ms);
    memcpy(ref.user, "bob", 3);
    memcpy(ref.reservation_id, ticket.reservation_id, sizeof(ref.reservation_id));
    assert_status(sale_confirm(&r->sale, &ref, "o").status, SECKILL_EXPIRED);
    assert_status(sale_poll(&r->sale, &ticket).status, SECKILL_OK);
    assert_int_equal(sale_poll(&r->sale, &ticket).state, SECKILL_TICKET_EXPIRED);
    assert_int_equal(sale_stock(&r->sale).total.sold, 2);
    rules_check(r);
}

static void it_is_forgotten_when_its_id_is_too_old(void **state) {
    rules *r = *state;
    int64_t created;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    created = r->now_ms;
    assert_status(refuse(r, "ann", 2, SECKILL_SOLD_OUT).status, SECKILL_OK);
    rules_pass(r, 1999);
    assert_status(sale_reserve_at(&r->sale, "ann", "r", 2, created).status, SECKILL_SOLD_OUT);
    rules_pass(r, 1);
    assert_status(sale_reserve_at(&r->sale, "ann", "r", 2, created).status, SECKILL_TOO_OLD);
    assert_status(sale_poll_outside(&r->sale, "ann", "r", 2, created).status, SECKILL_TOO_OLD);
    assert_int_equal(sale_expire(&r->sale).units, 0);
    assert_int_equal(rules_records(r, "ann", (rules_record[SECKILL_USER_RECORDS_MAX]){{{0}, 0, 0, 0, 0, 0, 0}}), 0);
    assert_status(sale_refuse(&r->sale, "ann", "r", 2, r->now_ms + 1001, SECKILL_SOLD_OUT).status, SECKILL_TOO_OLD);
    assert_status(sale_refuse(&r->sale, "ann", "r", 2, r->now_ms + 999, SECKILL_SOLD_OUT).status, SECKILL_OK);
    rules_check(r);
}

/* What is remembered says nothing of the stock: nobody looks for units, and nobody else is refused for it. */
static void a_remembered_refusal_says_nothing_of_the_stock(void **state) {
    rules *r = *state;
    seckill_client_stats before = {.struct_size = sizeof(before)}, after = {.struct_size = sizeof(after)};
    seckill_reserve_options first = SECKILL_RESERVE_OPTIONS_INIT;
    sale_answer answer = {0};

    rules_sell(r, 3, 5, 1000, 0, 100);
    rules_freeze(r);
    assert_status(refuse(r, "a", 2, SECKILL_SOLD_OUT).status, SECKILL_OK);
    assert_status(refuse(r, "b", 2, SECKILL_NOT_ENOUGH).status, SECKILL_OK);
    assert_status(seckill_client_get_stats(r->sale.client, &before), SECKILL_OK);
    assert_status(rules_reserve(r, "a", "r", 2).status, SECKILL_SOLD_OUT);
    assert_status(rules_reserve(r, "b", "r", 2).status, SECKILL_NOT_ENOUGH);
    first.user.data = first.request_id.data = "c";
    first.user.size = first.request_id.size = 1;
    first.flags = SECKILL_FIRST_ATTEMPT;
    first.created_ms = r->now_ms;
    assert_status(seckill_reserve(r->sale.item, &first, NULL, sale_on_result, &answer), SECKILL_OK);
    sale_wait(&r->sale, &answer, 1);
    assert_status(answer.status, SECKILL_OK);
    assert_status(seckill_client_get_stats(r->sale.client, &after), SECKILL_OK);
    assert_int_equal(after.surveys, before.surveys);
    assert_int_equal(after.from_memory, before.from_memory);
    assert_int_equal(after.replayed, before.replayed + 2);
    rules_check(r);
}

/* ---- what stands there ---- */

static void assert_stands(rules *r, const char *user, seckill_ticket_state expected) {
    char *before = rules_everything(r);
    sale_ticket_answer answer = refuse(r, user, 2, SECKILL_SOLD_OUT), other = refuse(r, user, 1, SECKILL_SOLD_OUT);
    char *after = rules_everything(r);

    queue_assert_state(&answer, expected);
    assert_int_equal(answer.replayed, 1);
    assert_int_equal(answer.reservation.quantity, 2);
    assert_status(other.status, SECKILL_CONFLICT);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void what_is_decided_stands(void **state) {
    rules *r = *state;
    sale_answer sold, refunded, cancelled;

    rules_sell(r, 1, 5, 500, 0, 100);
    rules_freeze(r);
    (void)rules_reserve(r, "expired", "r", 2);
    rules_pass(r, 501);
    assert_int_equal(sale_expire(&r->sale).units, 2);
    assert_status(rules_reserve(r, "granted", "r", 2).status, SECKILL_OK);
    sold = rules_reserve(r, "sold", "r", 2);
    cancelled = rules_reserve(r, "cancelled", "r", 2);
    refunded = rules_reserve(r, "refunded", "r", 2);
    assert_status(sale_confirm(&r->sale, &sold.ref, "o").status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &refunded.ref, "o").status, SECKILL_OK);
    assert_status(sale_refund(&r->sale, "refunded", refunded.reservation.id).status, SECKILL_OK);
    assert_status(sale_cancel(&r->sale, "cancelled", cancelled.reservation.id).status, SECKILL_OK);
    assert_stands(r, "granted", SECKILL_TICKET_GRANTED);
    assert_stands(r, "sold", SECKILL_TICKET_SOLD);
    assert_stands(r, "cancelled", SECKILL_TICKET_CANCELLED);
    assert_stands(r, "expired", SECKILL_TICKET_EXPIRED);
    assert_stands(r, "refunded", SECKILL_TICKET_REFUNDED);
    rules_check(r);
}

static void an_order_that_stands_restores_what_was_refused(void **state) {
    rules *r = *state;
    sale_ticket_answer refused;
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    seckill_reservation_ref ref = {
        .user = "ann", .user_size = 3, .activity = "sale", .item = "phone", .quantity = 2, .price = 77};
    sale_answer answer = {0};

    rules_sell(r, 1, 5, 500, 0, 100);
    rules_freeze(r);
    refused = refuse(r, "ann", 2, SECKILL_SOLD_OUT);
    memcpy(ref.reservation_id, refused.reservation.id, sizeof(ref.reservation_id));
    options.ref = &ref;
    options.flags = SECKILL_CONFIRM_ORDERED;
    assert_status(seckill_confirm(r->sale.item, &options, NULL, sale_on_result, &answer), SECKILL_OK);
    sale_wait(&r->sale, &answer, 1);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.reservation.state, SECKILL_RESERVATION_SOLD);
    assert_int_equal(answer.reservation.price, 77);
    assert_status(answer.reservation.reason, SECKILL_OK);
    rules_check(r);
}

/* ---- limits ---- */

static void a_user_without_room_is_told_busy(void **state) {
    rules *r = *state;
    char id[16];

    rules_sell(r, 1, 1000, 60000, 0, 1000);
    rules_freeze(r);
    for (int i = 0; i < SECKILL_USER_UNSETTLED_MAX; i++) {
        (void)snprintf(id, sizeof(id), "a%d", i);
        assert_status(sale_refuse(&r->sale, "many", id, 1, r->now_ms, SECKILL_NOT_ENOUGH).status, SECKILL_OK);
    }
    for (int i = 0; i < SECKILL_USER_RECORDS_MAX; i++) {
        sale_answer answer;

        (void)snprintf(id, sizeof(id), "b%d", i);
        answer = rules_reserve(r, "buyer", id, 1);
        assert_status(sale_confirm(&r->sale, &answer.ref, "o").status, SECKILL_OK);
    }
    assert_status(refuse(r, "many", 2, SECKILL_SOLD_OUT).status, SECKILL_BUSY);
    assert_status(refuse(r, "buyer", 2, SECKILL_SOLD_OUT).status, SECKILL_BUSY);
    assert_status(sale_refuse(&r->sale, "many", "a3", 1, r->now_ms, SECKILL_SOLD_OUT).reason, SECKILL_NOT_ENOUGH);
    assert_status(sale_poll_outside(&r->sale, "many", "r", 2, r->now_ms).reason, SECKILL_BUSY);
    assert_status(sale_poll_outside(&r->sale, "buyer", "r", 2, r->now_ms).reason, SECKILL_LIMIT_REACHED);
    rules_check(r);
    rules_pass(r, 2000);
    assert_status(refuse(r, "many", 2, SECKILL_SOLD_OUT).status, SECKILL_OK);
    rules_check(r);
}

/* More than one script takes, some of one user: a batch decides on one table. */
static void many_are_refused_in_batches(void **state) {
    enum { REQUESTS = 1200, OF_ONE = 40 };
    rules *r = *state;
    sale_ticket_answer *answers = calloc(REQUESTS, sizeof(*answers));
    uint32_t busy = 0;

    assert_non_null(answers);
    rules_sell(r, 1, 5, 60000, 0, 10);
    rules_freeze(r);
    for (int i = 0; i < REQUESTS; i++) {
        char user[16], id[16];

        (void)snprintf(user, sizeof(user), "u%d", i < OF_ONE ? 0 : i);
        (void)snprintf(id, sizeof(id), "r%d", i);
        assert_status(sale_start_refuse(&r->sale, user, id, 2, r->now_ms, reasons[i % REASONS], &answers[i]), SECKILL_OK);
    }
    sale_wait_tickets(&r->sale, answers, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        if (i >= SECKILL_USER_UNSETTLED_MAX && i < OF_ONE) {
            assert_status(answers[i].status, SECKILL_BUSY);
            busy++;
            continue;
        }
        queue_assert_refused(&answers[i], reasons[i % REASONS]);
    }
    assert_int_equal(busy, OF_ONE - SECKILL_USER_UNSETTLED_MAX);
    free(answers);
    rules_check(r);
    rules_pass(r, 2000);
    assert_int_equal(sale_expire(&r->sale).next_due_ms, 0);
    assert_int_equal(sale_stock(&r->sale).total.users, 0);
    rules_check(r);
}

/* ---- damage ---- */

static void write_price(rules *r, const char *user, uint64_t price) {
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *reply = redis_server_command(r->server, "HGET %s %s", sale_key(&r->sale, 0, "users", key), user);

    assert_non_null(reply);
    assert_int_equal(reply->len, 44);
    for (int i = 0; i < 7; i++)
        reply->str[21 + i] = (char)(price >> (48 - 8 * i));
    redis_server_forget(redis_server_command(r->server, "HSET %s %s %b", key, user, reply->str, (size_t)reply->len));
    redis_server_forget(reply);
}

/* Somebody else wrote it, or a release that knows more reasons: it was refused, that is sure. */
static void a_reason_that_is_none_is_read_as_blacklisted(void **state) {
    static const uint64_t none[] = {
        4, 5, 7, 12, 13, 14, 15, 200, 255, 256, 257, 1 << 20, (uint64_t)SECKILL_AMOUNT_MAX, (UINT64_C(1) << 56) - 1};
    rules *r = *state;
    sale_audit *audit = calloc(1, sizeof(*audit));

    assert_non_null(audit);
    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    assert_status(refuse(r, "ann", 2, SECKILL_SOLD_OUT).status, SECKILL_OK);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        write_price(r, "ann", none[i]);
        assert_stays_refused(r, "ann", SECKILL_BLACKLISTED);
    }
    sale_reconcile(&r->sale, 0, 0, audit);
    assert_status(audit->status, SECKILL_OK);
    assert_int_equal(audit->faults, 0);
    free(audit);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_ticket_outside_says_what_enqueue_would),
        RULES_TEST(a_request_outside_waits_until_it_is_decided),
        RULES_TEST(a_request_outside_waits_for_so_long),
        RULES_TEST(a_refusal_is_remembered_with_its_reason),
        RULES_TEST(a_token_of_a_lost_grant_counts),
        RULES_TEST(it_is_forgotten_when_its_id_is_too_old),
        RULES_TEST(a_remembered_refusal_says_nothing_of_the_stock),
        RULES_TEST(what_is_decided_stands),
        RULES_TEST(an_order_that_stands_restores_what_was_refused),
        RULES_TEST(a_user_without_room_is_told_busy),
        RULES_TEST(many_are_refused_in_batches),
        RULES_TEST(a_reason_that_is_none_is_read_as_blacklisted),
    };

    return RULES_RUN(tests);
}
