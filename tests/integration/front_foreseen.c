/* seckill-front: what it tells first attempts without asking Redis. Pure functions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "foreseen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A reading of two shards. */
typedef struct {
    seckill_stock shards[2];
    seckill_stock_result result;
} reading;

static reading of(int64_t first, int64_t second) {
    reading one;
    memset(&one, 0, sizeof one);
    one.shards[0].available = first;
    one.shards[1].available = second;
    one.result.count = 2;
    return one;
}

static void read_at(foreseen_units *known, reading *one, uint64_t begun_ms) {
    one->result.shards = one->shards;
    foreseen_read(known, &one->result, begun_ms);
}

static void nothing_is_known_after_one_reading(void **state) {
    foreseen_units known = {0};
    reading none = of(0, 0);
    (void)state;
    assert_int_equal(foreseen_shortage(&known, 1, 1000), SECKILL_OK);
    read_at(&known, &none, 1000);
    assert_int_equal(foreseen_shortage(&known, 1, 1001), SECKILL_OK);
    read_at(&known, &none, 1100);
    assert_int_equal(foreseen_shortage(&known, 1, 1101), SECKILL_SOLD_OUT);
}

static void it_is_told_for_as_long_as_promised(void **state) {
    foreseen_units known = {0};
    reading none = of(0, 0);
    (void)state;
    read_at(&known, &none, 1000);
    read_at(&known, &none, 1100);
    assert_int_equal(foreseen_shortage(&known, 1, 1299), SECKILL_SOLD_OUT);
    assert_int_equal(foreseen_shortage(&known, 1, 1300), SECKILL_OK);
}

/* The first reading counts: what went between the two may have been there at the instant that both are about. */
static void as_many_are_left_as_the_first_saw(void **state) {
    foreseen_units known = {0};
    reading some = of(2, 1), none = of(0, 0);
    (void)state;
    read_at(&known, &some, 1000);
    read_at(&known, &none, 1100);
    assert_int_equal(foreseen_shortage(&known, 3, 1101), SECKILL_OK);
    assert_int_equal(foreseen_shortage(&known, 4, 1101), SECKILL_NOT_ENOUGH);
    read_at(&known, &none, 1200);
    assert_int_equal(foreseen_shortage(&known, 1, 1201), SECKILL_SOLD_OUT);
}

/* Each of these could be a unit: nothing is proven. */
static void whatever_may_bring_units_spoils_the_proof(void **state) {
    reading rows[10];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rows[i] = of(0, 0);
    rows[count++].shards[1].version = 1;
    rows[count++].shards[0].epoch = 7;
    rows[count++].shards[0].overdue = 1;
    rows[count].shards[0].transferred_out = 1;
    rows[count++].shards[1].version = 1; /* as sending does */
    rows[count++].shards[0].transferred_in = 1;
    rows[count++].result.status = SECKILL_UNREACHABLE;
    rows[count++].result.count = 1;
    rows[count++].result.count = 0;
    for (size_t i = 0; i < count; i++) {
        foreseen_units known = {0};
        reading none = of(0, 0);
        read_at(&known, &none, 1000);
        read_at(&known, &rows[i], 1100);
        assert_int_equal(foreseen_shortage(&known, 1, 1101), SECKILL_OK);
    }
}

static void what_is_overdue_at_first_spoils_it_too(void **state) {
    foreseen_units known = {0};
    reading due = of(0, 0), none = of(0, 0);
    (void)state;
    due.shards[0].overdue = 1;
    read_at(&known, &due, 1000);
    read_at(&known, &none, 1100);
    assert_int_equal(foreseen_shortage(&known, 1, 1101), SECKILL_OK);
}

static void units_on_their_way_are_left(void **state) {
    foreseen_units known = {0};
    reading moving = of(0, 0);
    (void)state;
    moving.shards[0].transferred_out = 5;
    moving.shards[1].transferred_in = 3;
    read_at(&known, &moving, 1000);
    read_at(&known, &moving, 1100);
    assert_int_equal(foreseen_shortage(&known, 2, 1101), SECKILL_OK);
    assert_int_equal(foreseen_shortage(&known, 3, 1101), SECKILL_NOT_ENOUGH);
}

/* What one shard owes is not taken off what another has. */
static void debts_hide_no_units(void **state) {
    foreseen_units known = {0};
    reading owing = of(-5, 2);
    (void)state;
    read_at(&known, &owing, 1000);
    read_at(&known, &owing, 1100);
    assert_int_equal(foreseen_shortage(&known, 2, 1101), SECKILL_OK);
    assert_int_equal(foreseen_shortage(&known, 3, 1101), SECKILL_NOT_ENOUGH);
}

static void states_are_told(void **state) {
    static const struct {
        int64_t start, end, now;
        seckill_item_state item;
        seckill_status status;
        uint32_t retry_after_ms;
    } rows[] = {
        {0, 0, 1000000, SECKILL_ITEM_ACTIVE, SECKILL_OK, 0},
        {0, 0, 1000000, SECKILL_ITEM_PAUSED, SECKILL_PAUSED, 0},
        {0, 0, 1000000, SECKILL_ITEM_ENDED, SECKILL_ENDED, 0},
        {1000000, 0, 999000, SECKILL_ITEM_ACTIVE, SECKILL_NOT_STARTED, 1000},
        {1000000, 0, 999749, SECKILL_ITEM_ACTIVE, SECKILL_NOT_STARTED, 251},
        {1000000, 0, 999750, SECKILL_ITEM_ACTIVE, SECKILL_OK, 0}, /* so near, Redis says it */
        {1000000, 0, 1000001, SECKILL_ITEM_ACTIVE, SECKILL_OK, 0},
        {1000000, 2000000, 2000249, SECKILL_ITEM_ACTIVE, SECKILL_OK, 0},
        {1000000, 2000000, 2000250, SECKILL_ITEM_ACTIVE, SECKILL_ENDED, 0},
        {1000000, 2000000, 3000000, SECKILL_ITEM_PAUSED, SECKILL_ENDED, 0},
        {1000000, 0, 1000, SECKILL_ITEM_PAUSED, SECKILL_PAUSED, 0},
        {INT64_C(1) << 46, 0, 1000, SECKILL_ITEM_ACTIVE, SECKILL_NOT_STARTED, UINT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        seckill_item_settings settings = {.start_ms = rows[i].start, .end_ms = rows[i].end};
        uint32_t retry_after_ms = 1;
        assert_int_equal(foreseen_state(&settings, rows[i].item, rows[i].now, &retry_after_ms), rows[i].status);
        assert_int_equal(retry_after_ms, rows[i].retry_after_ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_after_one_reading),
        cmocka_unit_test(it_is_told_for_as_long_as_promised),
        cmocka_unit_test(as_many_are_left_as_the_first_saw),
        cmocka_unit_test(whatever_may_bring_units_spoils_the_proof),
        cmocka_unit_test(what_is_overdue_at_first_spoils_it_too),
        cmocka_unit_test(units_on_their_way_are_left),
        cmocka_unit_test(debts_hide_no_units),
        cmocka_unit_test(states_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
