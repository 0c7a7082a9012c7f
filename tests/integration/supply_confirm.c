/* Late confirms take units from other shards too, and expire only where it is proven that there are none; orders that stand are
 * brought back whatever the stock says.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "supply_support.h"

#include <string.h>

enum { HOLD = 1000, GRACE = 100000 };

static sale_answer confirm_ordered(rules *r, const seckill_reservation_ref *ref) {
    seckill_confirm_options options = SECKILL_CONFIRM_OPTIONS_INIT;
    sale_answer answer;

    memset(&answer, 0, sizeof(answer));
    options.ref = ref;
    options.order_ref.data = "order";
    options.order_ref.size = 5;
    options.flags = SECKILL_CONFIRM_ORDERED;
    assert_status(seckill_confirm(r->sale.item, &options, NULL, sale_on_result, &answer), SECKILL_OK);
    sale_wait(&r->sale, &answer, 1);
    return answer;
}

static int64_t events_of_all(rules *r) {
    return sale_stock(&r->sale).total.events;
}

/* ---- late confirms ---- */

static void units_are_moved_in(void **state) {
    rules *r = *state;
    sale_answer reserved, answer;

    rules_sell(r, 2, 5, HOLD, GRACE, 4);
    rules_freeze(r);
    reserved = supply_reserve(r, 0, 0, 2);
    assert_status(reserved.status, SECKILL_OK);
    rules_pass(r, HOLD);
    assert_status(supply_reserve(r, 0, 1, 2).status, SECKILL_OK); /* all that shard 0 has */
    answer = sale_confirm(&r->sale, &reserved.ref, "late");
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.replayed, 0);
    assert_int_equal(sale_confirm(&r->sale, &reserved.ref, "late").replayed, 1);
    assert_int_equal(sale_stock(&r->sale).shards[0].sold, 2);
    assert_int_equal(sale_stock(&r->sale).total.transferred_in, 2);
    assert_int_equal(events_of_all(r), 1);
    rules_check(r);
}

/* Also those that somebody who died has left on their way. */
static void units_on_their_way_are_waited_for(void **state) {
    rules *r = *state;
    const supply_move move = {1, 2, 0, 1, 1, 0};
    sale_answer reserved;

    rules_sell(r, 3, 5, HOLD, GRACE, 3);
    rules_freeze(r);
    reserved = supply_reserve(r, 0, 0, 1);
    rules_pass(r, HOLD);
    assert_status(supply_reserve(r, 0, 1, 2).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, 1);
    for (uint32_t from = 0; from < 3; from++) { /* wherever the last one is */
        supply_move last = move;

        if (rules_field(r, from, "available") == 0)
            continue;
        last.from = from;
        last.to = (from + 1) % 3;
        last.known = supply_read_totals(r, from, last.to).sent;
        last.taken = supply_read_totals(r, last.to, from).taken;
        assert_int_equal(supply_send(r, &last).units, 1);
        break;
    }
    assert_int_equal(sale_stock(&r->sale).total.available, 0);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_OK);
    rules_check(r);
}

static void it_expires_for_good_with_a_proof(void **state) {
    rules *r = *state;
    rules_record records[SECKILL_USER_RECORDS_MAX];
    char user[SECKILL_USER_MAX + 1];
    sale_answer reserved, rivals[2];

    rules_sell(r, 2, 5, HOLD, GRACE, 4);
    rules_freeze(r);
    reserved = supply_reserve(r, 0, 0, 2);
    rules_pass(r, HOLD);
    for (uint32_t i = 0; i < 2; i++) {
        rivals[i] = supply_reserve(r, i, 1, 2);
        assert_status(rivals[i].status, SECKILL_OK);
    }
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    rules_user_of(r, 0, 0, user);
    assert_int_equal(rules_records(r, user, records), 1);
    assert_int_equal(records[0].state, RECORD_VOID);
    for (uint32_t i = 0; i < 2; i++) {
        rules_user_of(r, i, 1, user);
        assert_status(sale_cancel(&r->sale, user, rivals[i].reservation.id).status, SECKILL_OK);
    }
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
    assert_int_equal(sale_stock(&r->sale).total.available, 4);
    assert_int_equal(events_of_all(r), 0);
    rules_check(r);
}

/* What is overdue in other shards counts: it is taken back before anybody says that there is nothing. */
static void what_is_overdue_elsewhere_is_not_sold_out(void **state) {
    rules *r = *state;
    sale_answer reserved;

    rules_sell(r, 4, 5, HOLD, GRACE, 4);
    rules_freeze(r);
    reserved = supply_reserve(r, 0, 0, 1);
    rules_pass(r, HOLD / 2);
    for (uint32_t i = 1; i < 4; i++)
        assert_status(supply_reserve(r, i, 0, 1).status, SECKILL_OK);
    rules_pass(r, HOLD / 2);
    assert_status(supply_reserve(r, 0, 1, 1).status, SECKILL_OK);
    rules_pass(r, HOLD / 2);
    assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, 2);
    rules_check(r);
}

/* ---- orders that stand ---- */

/* The states that a record of an order may be found in. */
enum { IS_UNKNOWN, IS_RESERVED, IS_CANCELLED, IS_EXPIRED, IS_VOID, IS_REFUNDED, IS_SOLD, SITUATIONS };

static sale_answer bring_into(rules *r, int situation, const char *user) {
    sale_answer reserved = rules_reserve(r, user, "r", 2), rival;

    assert_status(reserved.status, SECKILL_OK);
    switch (situation) {
    case IS_CANCELLED:
        assert_status(sale_cancel(&r->sale, user, reserved.reservation.id).status, SECKILL_OK);
        break;
    case IS_EXPIRED:
        rules_pass(r, HOLD);
        assert_int_equal(sale_expire(&r->sale).units, 2);
        break;
    case IS_VOID:
        rules_pass(r, HOLD);
        rival = rules_reserve(r, "rival", "r", 5);
        assert_status(rival.status, SECKILL_OK);
        assert_status(sale_confirm(&r->sale, &reserved.ref, "late").status, SECKILL_EXPIRED);
        assert_status(sale_cancel(&r->sale, "rival", rival.reservation.id).status, SECKILL_OK);
        break;
    case IS_REFUNDED:
    case IS_SOLD:
        assert_status(sale_confirm(&r->sale, &reserved.ref, "order").status, SECKILL_OK);
        if (situation == IS_REFUNDED)
            assert_status(sale_refund(&r->sale, user, reserved.reservation.id).status, SECKILL_OK);
        break;
    default:
        break;
    }
    return reserved;
}

static void forget_user(rules *r, const char *user) {
    char key[SECKILL_SHARD_KEY_SIZE];
    uint32_t home = rules_home_of(r, user);

    redis_server_forget(redis_server_command(r->server, "HDEL %s %s", sale_key(&r->sale, home, "users", key), user));
    rules_set_field(r, home, "reserved", rules_field(r, home, "reserved") - 2);
    rules_set_field(r, home, "available", rules_field(r, home, "available") + 2);
}

static void an_order_stands_in_every_state_of_its_record(void **state) {
    rules *r = *state;

    for (int situation = 0; situation < SITUATIONS; situation++) {
        rules_record records[SECKILL_USER_RECORDS_MAX];
        seckill_status expected = situation == IS_REFUNDED ? SECKILL_REFUNDED : SECKILL_OK;
        sale_answer reserved, answer;
        seckill_reservation_ref other;
        int64_t events;

        (void)rules_teardown(state);
        (void)rules_setup(state);
        rules_sell(r, 1, 5, HOLD, GRACE, 5);
        rules_freeze(r);
        reserved = bring_into(r, situation, "u");
        if (situation == IS_UNKNOWN)
            forget_user(r, "u");
        events = events_of_all(r);
        other = reserved.ref;
        other.quantity = 1;
        if (situation != IS_UNKNOWN)
            assert_status(confirm_ordered(r, &other).status, SECKILL_CONFLICT);
        answer = confirm_ordered(r, &reserved.ref);
        assert_status(answer.status, expected);
        assert_int_equal(answer.replayed, situation == IS_SOLD || situation == IS_REFUNDED);
        assert_int_equal(rules_records(r, "u", records), 1);
        assert_int_equal(records[0].state, situation == IS_REFUNDED ? RECORD_REFUNDED : RECORD_SOLD);
        assert_int_equal(records[0].quantity, 2);
        assert_int_equal(events_of_all(r), events); /* the orders side has it already */
        assert_status(confirm_ordered(r, &reserved.ref).status, expected);
        assert_int_equal(sale_stock(&r->sale).total.sold, situation == IS_REFUNDED ? 0 : 2);
        assert_int_equal(sale_stock(&r->sale).total.available, situation == IS_REFUNDED ? 5 : 3);
        assert_int_equal(sale_stock(&r->sale).total.reserved, 0);
        rules_pass(r, 10000000); /* nothing of it ends any more */
        (void)sale_expire(&r->sale);
        assert_int_equal(sale_stock(&r->sale).total.sold, situation == IS_REFUNDED ? 0 : 2);
        rules_check(r);
    }
}

/* Neither limit nor time nor state of the sale nor the stock is asked. What was not there is owed. */
static void an_order_stands_whatever_the_rules_say(void **state) {
    rules *r = *state;
    seckill_reservation_ref ref;
    sale_answer reserved, rival;

    rules_sell(r, 2, 3, HOLD, 0, 6);
    rules_freeze(r);
    reserved = supply_reserve(r, 0, 0, 2);
    rules_pass(r, HOLD);
    rival = supply_reserve(r, 0, 1, 3);
    assert_status(rival.status, SECKILL_OK);
    rules_pass(r, 60000); /* forgotten, and its token ended long ago */
    (void)sale_expire(&r->sale);
    assert_status(supply_reserve(r, 0, 0, 3).status, SECKILL_OK); /* another one of his, up to the limit */
    assert_status(supply_reserve(r, 0, 2, 3).status, SECKILL_OK);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    ref = reserved.ref;
    memset(ref.reservation_id, 7, sizeof(ref.reservation_id));
    assert_status(confirm_ordered(r, &ref).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, -2);
    assert_int_equal(sale_stock(&r->sale).total.sold, 2);
    assert_int_equal(supply_finish(&r->sale).owed, 2);
    assert_int_equal(events_of_all(r), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(units_are_moved_in),
        RULES_TEST(units_on_their_way_are_waited_for),
        RULES_TEST(it_expires_for_good_with_a_proof),
        RULES_TEST(what_is_overdue_elsewhere_is_not_sold_out),
        RULES_TEST(an_order_stands_in_every_state_of_its_record),
        RULES_TEST(an_order_stands_whatever_the_rules_say),
    };

    return RULES_RUN(tests);
}
