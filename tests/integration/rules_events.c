/* Events for the orders side, and lookups.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Large answers live on the heap. */
static sale_events_answer *read_events(rules *r, uint32_t shard, uint32_t max) {
    sale_events_answer *events = malloc(sizeof(*events));

    assert_non_null(events);
    *events = sale_events(&r->sale, shard, max);
    assert_status(events->status, SECKILL_OK);
    return events;
}

static sale_answer buy(rules *r, const char *user, const char *order_ref) {
    sale_answer answer = sale_reserve(&r->sale, user, "r", 1);

    assert_status(answer.status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &answer.ref, order_ref).status, SECKILL_OK);
    return answer;
}

static seckill_event_ack ack_of(const seckill_event *event) {
    seckill_event_ack ack = {event->id, {0}};

    memcpy(ack.reservation_id, event->reservation_id, sizeof(ack.reservation_id));
    return ack;
}

static void events_tell_of_each_sale_once_in_order(void **state) {
    rules *r = *state;
    sale_events_answer *events;
    sale_answer bought[5];

    rules_sell(r, 1, 1, 1000, 0, 10);
    rules_freeze(r);
    for (int i = 0; i < 5; i++) {
        char user[8], order[8];

        (void)snprintf(user, sizeof(user), "u%d", i);
        (void)snprintf(order, sizeof(order), "o%d", i);
        bought[i] = rules_reserve(r, user, "r", 1);
        rules_pass(r, 1);
        assert_status(sale_confirm(&r->sale, &bought[i].ref, order).status, SECKILL_OK);
        assert_status(sale_confirm(&r->sale, &bought[i].ref, "again").status, SECKILL_OK);
    }
    assert_status(sale_refund(&r->sale, "u2", bought[2].reservation.id).status, SECKILL_OK);
    assert_status(sale_refund(&r->sale, "u2", bought[2].reservation.id).status, SECKILL_OK);
    events = read_events(r, 0, 100);
    assert_int_equal(events->count, 6);
    assert_int_equal(events->waiting, 6);
    for (uint64_t i = 0; i < 6; i++) {
        uint64_t who = i < 5 ? i : 2;
        char user[8], order[8];

        (void)snprintf(user, sizeof(user), "u%d", (int)who);
        (void)snprintf(order, sizeof(order), "o%d", (int)who);
        assert_int_equal(events->events[i].id.n, i + 1);
        assert_int_equal(events->events[i].id.epoch, sale_stock(&r->sale).shards[0].epoch);
        assert_int_equal(events->events[i].kind, i < 5 ? SECKILL_EVENT_CONFIRMED : SECKILL_EVENT_REFUNDED);
        assert_memory_equal(events->events[i].reservation_id, bought[who].reservation.id, SECKILL_RESERVATION_ID_SIZE);
        assert_int_equal(events->events[i].quantity, 1);
        assert_int_equal(events->events[i].price, 129900);
        assert_string_equal(events->users[i], user);
        assert_string_equal(events->order_refs[i], i < 5 ? order : "");
    }
    assert_int_equal(events->events[4].at_ms, r->now_ms);
    free(events);
}

static void an_order_ref_is_any_bytes_up_to_128(void **state) {
    rules *r = *state;
    sale_events_answer *events;
    char bytes[SECKILL_ORDER_REF_MAX];

    rules_sell(r, 1, 1, 1000, 0, 200);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 2);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        char user[8];
        sale_answer answer;

        (void)snprintf(user, sizeof(user), "u%zu", size);
        answer = sale_reserve(&r->sale, user, "r", 1);
        assert_status(sale_confirm_bytes(&r->sale, &answer.ref, bytes, size).status, SECKILL_OK);
    }
    events = read_events(r, 0, 512);
    assert_int_equal(events->count, sizeof(bytes) + 1);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        assert_int_equal(events->order_ref_sizes[size], size);
        assert_memory_equal(events->order_refs[size], bytes, size);
    }
    free(events);
}

static void reading_gives_the_oldest_and_says_how_many_wait(void **state) {
    rules *r = *state;
    sale_events_answer *events;

    rules_sell(r, 1, 1, 1000, 0, 20);
    for (int i = 0; i < 20; i++) {
        char user[8];

        (void)snprintf(user, sizeof(user), "u%d", i);
        (void)buy(r, user, "o");
    }
    for (uint32_t max = 1; max <= 21; max += 5) {
        events = read_events(r, 0, max);
        assert_int_equal(events->count, max < 20 ? max : 20);
        assert_int_equal(events->waiting, 20);
        assert_string_equal(events->users[0], "u0");
        free(events);
    }
}

static void an_event_is_acknowledged_by_id_and_reservation(void **state) {
    rules *r = *state;
    sale_events_answer *events;
    seckill_event_ack acks[4];

    rules_sell(r, 1, 1, 1000, 0, 20);
    (void)buy(r, "a", "o");
    (void)buy(r, "b", "o");
    (void)buy(r, "c", "o");
    events = read_events(r, 0, 10);
    acks[0] = ack_of(&events->events[1]);
    acks[0].reservation_id[15] ^= 1;
    assert_int_equal(sale_ack(&r->sale, 0, acks, 1).amount, 0);
    acks[0] = ack_of(&events->events[1]);
    acks[0].id.n++;
    assert_int_equal(sale_ack(&r->sale, 0, acks, 1).amount, 0);
    acks[0].id.n--;
    acks[0].id.epoch--;
    assert_int_equal(sale_ack(&r->sale, 0, acks, 1).amount, 0);
    acks[0] = ack_of(&events->events[1]);
    acks[1] = acks[0]; /* twice in one call */
    acks[2] = ack_of(&events->events[0]);
    acks[2].id.epoch = acks[2].id.n = UINT64_MAX;
    acks[3] = ack_of(&events->events[2]);
    assert_int_equal(sale_ack(&r->sale, 0, acks, 4).amount, 2);
    assert_int_equal(sale_ack(&r->sale, 0, acks, 4).amount, 0);
    free(events);
    events = read_events(r, 0, 10);
    assert_int_equal(events->count, 1);
    assert_string_equal(events->users[0], "a");
    free(events);
    /* The next one goes on counting. */
    (void)buy(r, "d", "o");
    events = read_events(r, 0, 10);
    assert_int_equal(events->events[1].id.n, 4);
    free(events);
}

static void events_stay_with_their_shard(void **state) {
    rules *r = *state;
    sale_events_answer *events;
    char user[SECKILL_USER_MAX + 1];
    seckill_event_ack ack;

    rules_sell(r, 3, 1, 1000, 0, 30);
    rules_user_of(r, 1, 0, user);
    (void)buy(r, user, "o");
    for (uint32_t k = 0; k < 3; k++) {
        events = read_events(r, k, 10);
        assert_int_equal(events->count, k == 1);
        if (k == 1)
            ack = ack_of(&events->events[0]);
        free(events);
    }
    assert_int_equal(sale_ack(&r->sale, 0, &ack, 1).amount, 0);
    assert_int_equal(sale_ack(&r->sale, 2, &ack, 1).amount, 0);
    assert_int_equal(sale_ack(&r->sale, 1, &ack, 1).amount, 1);
}

static void where_too_many_events_wait_nothing_is_settled(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(5, 60000, 0);
    sale_answer bought, reserved;
    sale_events_answer *events;
    seckill_event_ack ack;
    char *before, *after;

    settings.max_events = 2;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", 10).status, SECKILL_OK);
    bought = buy(r, "a", "o");
    (void)buy(r, "b", "o");
    reserved = sale_reserve(&r->sale, "c", "r", 1);
    before = rules_everything(r);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_BUSY);
    assert_status(sale_refund(&r->sale, "a", bought.reservation.id).status, SECKILL_BUSY);
    /* What needs no event is still answered. */
    assert_status(sale_confirm(&r->sale, &bought.ref, "o").status, SECKILL_OK);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    events = read_events(r, 0, 10);
    ack = ack_of(&events->events[0]);
    free(events);
    assert_int_equal(sale_ack(&r->sale, 0, &ack, 1).amount, 1);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "o").status, SECKILL_OK);
    rules_check(r);
}

static void a_batch_fills_the_events_to_the_brim_and_no_further(void **state) {
    enum { USERS = 60, ROOM = 25 };
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 60000, 0);
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    sale_answer answers[USERS];
    uint32_t done = 0;

    settings.max_events = ROOM;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_status(sale_load(&r->sale, "load", USERS).status, SECKILL_OK);
    memset(answers, 0, sizeof(answers));
    for (int i = 0; i < USERS; i++) {
        char user[8];
        sale_answer reserved;

        (void)snprintf(user, sizeof(user), "u%d", i);
        reserved = sale_reserve(&r->sale, user, "r", 1);
        options.ref = &reserved.ref;
        assert_status(seckill_confirm(r->sale.item, &options, NULL, sale_on_result, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, USERS);
    for (int i = 0; i < USERS; i++) {
        done += answers[i].status == SECKILL_OK;
        if (answers[i].status != SECKILL_OK)
            assert_status(answers[i].status, SECKILL_BUSY);
    }
    assert_int_equal(done, ROOM);
    assert_int_equal(sale_stock(&r->sale).total.events, ROOM);
    rules_check(r);
}

/* ---- lookup ---- */

static void a_lookup_shows_every_state_and_changes_nothing(void **state) {
    rules *r = *state;
    sale_lookup_answer *found = malloc(sizeof(*found));
    sale_answer answers[4];
    char *before, *after;
    static const seckill_reservation_state expected[] = {SECKILL_RESERVATION_SOLD, SECKILL_RESERVATION_REFUNDED,
                                                         SECKILL_RESERVATION_CANCELLED, SECKILL_RESERVED};

    assert_non_null(found);
    rules_sell(r, 1, 100, 1000, 500, 100);
    rules_freeze(r);
    *found = sale_lookup(&r->sale, "u", NULL);
    assert_status(found->status, SECKILL_OK);
    assert_int_equal(found->count, 0);
    for (int i = 0; i < 4; i++) {
        char id[8];

        (void)snprintf(id, sizeof(id), "r%d", i);
        answers[i] = rules_reserve(r, "u", id, (uint32_t)i + 1);
    }
    assert_status(sale_confirm(&r->sale, &answers[0].ref, "o").status, SECKILL_OK);
    assert_status(sale_confirm(&r->sale, &answers[1].ref, "o").status, SECKILL_OK);
    assert_status(sale_refund(&r->sale, "u", answers[1].reservation.id).status, SECKILL_OK);
    assert_status(sale_cancel(&r->sale, "u", answers[2].reservation.id).status, SECKILL_OK);
    before = rules_everything(r);
    *found = sale_lookup(&r->sale, "u", NULL);
    assert_int_equal(found->count, 4);
    for (int i = 0; i < 4; i++) {
        static const seckill_reservation_ref none;

        assert_memory_equal(found->reservations[i].id, answers[i].reservation.id, SECKILL_RESERVATION_ID_SIZE);
        assert_int_equal(found->reservations[i].state, expected[i]);
        assert_int_equal(found->reservations[i].quantity, i + 1);
        /* A token can be issued again, and says the same; for what is over there is none. */
        assert_memory_equal(&found->refs[i], i == 3 ? &answers[3].ref : &none, sizeof(none));
    }
    *found = sale_lookup(&r->sale, "u", "r1");
    assert_int_equal(found->count, 1);
    assert_memory_equal(found->reservations[0].id, answers[1].reservation.id, SECKILL_RESERVATION_ID_SIZE);
    assert_status(sale_lookup(&r->sale, "u", "r9").status, SECKILL_NO_RESERVATION);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    free(found);
}

static void a_lookup_shows_the_overdue_as_expired_without_writing_it(void **state) {
    rules *r = *state;
    sale_lookup_answer *found = malloc(sizeof(*found));
    rules_record records[SECKILL_USER_RECORDS_MAX];

    assert_non_null(found);
    rules_sell(r, 1, 1, 1000, 500, 100);
    rules_freeze(r);
    assert_status(rules_reserve(r, "u", "r", 1).status, SECKILL_OK);
    rules_pass(r, 1000);
    *found = sale_lookup(&r->sale, "u", "r");
    assert_int_equal(found->count, 1);
    assert_int_equal(found->reservations[0].state, SECKILL_RESERVATION_EXPIRED);
    assert_int_equal(found->refs[0].user_size, 0);
    assert_int_equal(rules_records(r, "u", records), 1);
    assert_int_equal(records[0].state, RECORD_RESERVED);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 1);
    rules_pass(r, 4000); /* what would have been forgotten by now, had it been written */
    *found = sale_lookup(&r->sale, "u", "r");
    assert_int_equal(found->reservations[0].state, SECKILL_RESERVATION_EXPIRED);
    free(found);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(events_tell_of_each_sale_once_in_order),
        RULES_TEST(an_order_ref_is_any_bytes_up_to_128),
        RULES_TEST(reading_gives_the_oldest_and_says_how_many_wait),
        RULES_TEST(an_event_is_acknowledged_by_id_and_reservation),
        RULES_TEST(events_stay_with_their_shard),
        RULES_TEST(where_too_many_events_wait_nothing_is_settled),
        RULES_TEST(a_batch_fills_the_events_to_the_brim_and_no_further),
        RULES_TEST(a_lookup_shows_every_state_and_changes_nothing),
        RULES_TEST(a_lookup_shows_the_overdue_as_expired_without_writing_it),
    };

    return RULES_RUN(tests);
}
