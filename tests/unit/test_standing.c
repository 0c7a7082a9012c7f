/* What the answers of all shards say together: sums, what is on its way, who has most, when nothing moved.
 *
 * SPDX-License-Identifier: MIT
 */
#include "engine/supply_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 4, ROWS = 8 };

typedef struct {
    sk__standing of[SHARDS];
    sk__row rows[SHARDS][ROWS];
    sk__tick tick, began;
} table;

static void begin(table *t) {
    memset(t, 0, sizeof(*t));
    for (uint32_t i = 0; i < SHARDS; i++)
        t->of[i].rows = t->rows[i];
}

static void begin_round(table *t) {
    t->began = ++t->tick;
    for (uint32_t i = 0; i < SHARDS; i++)
        t->of[i].unused = false; /* as the end of the round before leaves it */
}

static sk__tick ask(table *t) {
    return ++t->tick;
}

static void answer_with(table *t, uint32_t shard, sk__tick asked, int64_t available, uint64_t version, bool more) {
    sk__sight sight = {asked, ++t->tick, (int64_t)asked, 7, version, 100 + t->tick, available, more};

    sk__standing_note(&t->of[shard], &sight);
}

static void answer(table *t, uint32_t shard, int64_t available) {
    answer_with(t, shard, ask(t), available, 1, false);
}

static void round_of(table *t, const int64_t available[SHARDS]) {
    begin_round(t);
    for (uint32_t i = 0; i < SHARDS; i++)
        answer(t, i, available[i]);
}

static void add_row(table *t, uint32_t shard, uint32_t other, uint64_t sent, uint64_t taken) {
    sk__standing *standing = &t->of[shard];
    const sk__row row = {other, sent, taken};

    assert_true(standing->row_count < ROWS);
    standing->rows[standing->row_count++] = row;
    sk__rows_sort(standing->rows, standing->row_count);
}

static sk__sums sum(const table *t) {
    return sk__standings_sum(t->of, SHARDS, t->began);
}

/* ---- sums ---- */

static void units_and_debts_are_added_apart(void **state) {
    const int64_t available[] = {5, -3, 0, 7};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    assert_int_equal(sum(&t).units, 12);
    assert_int_equal(sum(&t).owed, 3);
    assert_int_equal(sum(&t).transit + sum(&t).unbooked + sum(&t).sent + sum(&t).taken, 0);
}

static void both_ways_at_once(void **state) {
    const int64_t available[] = {0, 0, 0, 0};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    add_row(&t, 0, 1, 10, 4); /* 10 sent, 8 arrived; */
    add_row(&t, 1, 0, 9, 8);  /* 9 sent back, 4 arrived */
    assert_int_equal(sum(&t).transit, 2 + 5);
    assert_int_equal(sum(&t).unbooked, 0);
    assert_int_equal(sum(&t).sent, 19);
    assert_int_equal(sum(&t).taken, 12);
}

static void a_row_on_one_side_only(void **state) {
    const int64_t available[] = {0, 0, 0, 0};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    add_row(&t, 2, 3, 6, 0);
    assert_int_equal(sum(&t).transit, 6);
    add_row(&t, 1, 0, 0, 4); /* a failover has lost what 0 sent */
    assert_int_equal(sum(&t).transit, 6);
    assert_int_equal(sum(&t).unbooked, 4);
    add_row(&t, 0, 1, 1, 0); /* a part of it is known */
    assert_int_equal(sum(&t).unbooked, 3);
}

/* What one shard has said is nothing against what another has not. */
static void stale_shards_do_not_count(void **state) {
    const int64_t available[] = {5, 6, 7, 8};
    table t;

    (void)state;
    begin(&t);
    assert_int_equal(sum(&t).units, 0); /* nobody has answered */
    round_of(&t, available);
    add_row(&t, 0, 1, 3, 0);
    begin_round(&t);
    assert_int_equal(sum(&t).units, 0);
    answer(&t, 0, 5);
    assert_int_equal(sum(&t).units, 5);
    assert_int_equal(sum(&t).transit, 0); /* 1 may have taken them */
    assert_int_equal(sum(&t).sent, 3);
    answer(&t, 1, 1);
    assert_int_equal(sum(&t).units, 6);
    assert_int_equal(sum(&t).transit, 3);
    assert_int_equal(sk__standings_sum(t.of, SHARDS, 0).units, 5 + 1 + 7 + 8); /* what each said last */
}

/* Numbers that no script of ours says: they may be wrong, but they lead nowhere outside. */
static void hostile_rows(void **state) {
    const int64_t available[] = {1, 1, 1, 1};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    add_row(&t, 0, 0, 50, 7);     /* about itself */
    add_row(&t, 0, SHARDS, 9, 9); /* about shards that there are not */
    add_row(&t, 0, 65535, 9, 9);
    add_row(&t, 0, UINT32_MAX, 9, 9);
    add_row(&t, 1, 2, 3, 0);
    add_row(&t, 1, 2, 3, 0); /* twice */
    assert_int_equal(sum(&t).unbooked, 0);
    assert_in_range(sum(&t).transit, 3, 6);
    assert_int_equal(sum(&t).units, 4);
    assert_null(sk__row_find(&t.of[0], 1));
    assert_int_equal(sk__row_find(&t.of[0], SHARDS)->sent, 9);
}

/* ---- differences ---- */

typedef struct {
    uint32_t count;
    uint64_t sent[SHARDS][SHARDS], taken[SHARDS][SHARDS];
} found;

static void note(void *context, uint32_t from, uint32_t to, uint64_t sent, uint64_t taken) {
    found *all = context;

    assert_true(from < SHARDS && to < SHARDS && from != to && sent != taken);
    all->count++;
    assert_true(all->sent[from][to] == 0 && all->taken[from][to] == 0); /* each pair once */
    all->sent[from][to] = sent;
    all->taken[from][to] = taken;
}

static void each_pair_that_differs_is_told_once(void **state) {
    const int64_t available[] = {0, 0, 0, 0};
    found all = {0, {{0}}, {{0}}};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    add_row(&t, 0, 1, 10, 0);
    add_row(&t, 1, 0, 0, 10); /* the same on both sides */
    add_row(&t, 0, 2, 5, 3);
    add_row(&t, 2, 0, 3, 2); /* one way on its way, the other way settled */
    add_row(&t, 3, 1, 0, 8); /* taken, and not known to be sent */
    sk__standings_differences(t.of, SHARDS, t.began, note, &all);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.sent[0][2], 5);
    assert_int_equal(all.taken[0][2], 2);
    assert_int_equal(all.sent[1][3], 0);
    assert_int_equal(all.taken[1][3], 8);
}

/* ---- the richest ---- */

static void the_richest_of_those_that_answered(void **state) {
    const int64_t available[] = {4, 9, 9, -1};
    table t;

    (void)state;
    begin(&t);
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 1, SHARDS), SHARDS);
    round_of(&t, available);
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 1, SHARDS), 1);
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 1, 1), 2);
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 9, 0), 1);
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 10, 0), SHARDS);
    t.of[1].left = 3; /* as moves are planned */
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 1, SHARDS), 2);
    begin_round(&t);
    answer(&t, 0, 4);
    assert_int_equal(sk__standings_richest(t.of, SHARDS, t.began, 1, SHARDS), 0);
}

/* ---- standing still ---- */

static const sk__standing *still(const table *t) {
    return sk__standings_stood_still(t->of, SHARDS);
}

static void two_rounds_that_saw_the_same(void **state) {
    const int64_t available[] = {0, 2, 0, 0};
    const sk__standing *instant;
    table t;

    (void)state;
    begin(&t);
    assert_null(still(&t));
    round_of(&t, available);
    assert_null(still(&t));
    round_of(&t, available);
    instant = still(&t);
    assert_non_null(instant);
    /* It lies between the rounds: behind the last answer of the first, before the first question of the second. */
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_true(t.of[i].before.answered <= instant->now.asked && instant->now.asked <= t.of[i].now.asked);
        assert_int_equal(sk__standing_enqueued(&t.of[i], instant->now.asked), t.of[i].before.enqueued);
    }
}

static void rounds_that_saw_something_else(void **state) {
    const int64_t available[] = {0, 2, 0, 0};

    (void)state;
    for (int change = 0; change < 5; change++) {
        table t;

        begin(&t);
        round_of(&t, available);
        if (change == 4)
            t.of[2].now.more = true; /* more was overdue */
        begin_round(&t);
        for (uint32_t i = 0; i < SHARDS; i++) {
            bool here = i == 2;

            answer_with(&t, i, ask(&t), available[i] + (here && change == 0), here && change == 1 ? 2 : 1, here && change == 2);
            if (here && change == 3)
                t.of[i].since = t.of[i].now.answered; /* as another epoch does */
        }
        assert_null(still(&t));
        round_of(&t, available);
        assert_int_equal(still(&t) != NULL, change == 3 || change == 4);
        if (change != 1)
            round_of(&t, available);
        assert_int_equal(still(&t) != NULL, change != 1); /* version 1 again is no better than 2 */
    }
}

/* Units that were given away between the rounds were there in between: what the second saw is no bound for that time. */
static void units_that_went_meanwhile_are_no_proof(void **state) {
    const int64_t first[] = {1, 0, 0, 0}, second[] = {0, 0, 0, 0};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, first);
    round_of(&t, second);
    assert_null(still(&t));
    round_of(&t, second);
    assert_non_null(still(&t));
}

static void another_epoch_is_another_life(void **state) {
    const int64_t available[] = {0, 0, 0, 0};
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    round_of(&t, available);
    t.of[1].now.epoch++;
    round_of(&t, available);
    assert_null(still(&t));
}

/* One that answers seldom: the others may have been asked many times in between. */
static void a_slow_shard_proves_with_the_others(void **state) {
    const int64_t available[] = {0, 0, 0, 0};
    sk__tick asked;
    table t;

    (void)state;
    begin(&t);
    round_of(&t, available);
    asked = ask(&t);
    for (int i = 0; i < 3; i++) {
        begin_round(&t);
        for (uint32_t k = 1; k < SHARDS; k++)
            answer(&t, k, 0);
    }
    assert_null(still(&t)); /* it has answered only once, before the others had */
    answer_with(&t, 0, asked, 0, 1, false);
    assert_non_null(still(&t));
    assert_int_equal(still(&t)->now.asked, asked);
    answer_with(&t, 1, ask(&t), 3, 2, false); /* from now on it is not known how that one stood then */
    assert_null(still(&t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_and_debts_are_added_apart),
        cmocka_unit_test(both_ways_at_once),
        cmocka_unit_test(a_row_on_one_side_only),
        cmocka_unit_test(stale_shards_do_not_count),
        cmocka_unit_test(hostile_rows),
        cmocka_unit_test(each_pair_that_differs_is_told_once),
        cmocka_unit_test(the_richest_of_those_that_answered),
        cmocka_unit_test(two_rounds_that_saw_the_same),
        cmocka_unit_test(rounds_that_saw_something_else),
        cmocka_unit_test(units_that_went_meanwhile_are_no_proof),
        cmocka_unit_test(another_epoch_is_another_life),
        cmocka_unit_test(a_slow_shard_proves_with_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
