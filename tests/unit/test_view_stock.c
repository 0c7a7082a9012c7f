/* The numbers of shards as a view takes them: rounds, and when two of them prove that nothing is left.
 *
 * SPDX-License-Identifier: MIT
 */
#include "view_fixture.h"

#include <string.h>

static seckill_view_stock stock_of(const seckill_view *view) {
    seckill_view_stock stock = {.struct_size = sizeof(stock)};

    assert_status(seckill_view_get_stock(view, &stock), SECKILL_OK);
    return stock;
}

static uint32_t begin(seckill_view *view, int64_t now_ms) {
    seckill_command *command = NULL;
    uint32_t round;

    assert_status(seckill_view_begin(view, now_ms), SECKILL_OK);
    assert_status(seckill_command_new(&command), SECKILL_OK);
    assert_status(seckill_view_ask_shard(view, 0, 0, command), SECKILL_OK);
    round = command->round;
    seckill_command_free(command);
    return round;
}

static seckill_status take(seckill_view *view, uint32_t shard, uint32_t round, const stock_says *says) {
    const reply answer = stock_reply(says);

    return take_shard(view, shard, round, &answer, answer.size);
}

/* A whole round in which the shards say this. */
static void read_round(seckill_view *view, int64_t now_ms, const stock_says says[SHARDS]) {
    uint32_t round = begin(view, now_ms);

    for (uint32_t i = 0; i < SHARDS; i++)
        assert_status(take(view, i, round, &says[i]), SECKILL_OK);
}

/* ---- rounds ---- */

static void a_round_adds_up(void **state) {
    const stock_says says[SHARDS] = {{MAP_VERSION, 5, 100, 70, 1, 3, 40, 20, 8, 9, 0},
                                     {MAP_VERSION, 6, 100, 30, 2, 0, 10, 12, 10, 4, 1}};
    seckill_view *view = known_view();
    seckill_view_stock stock = stock_of(view);
    seckill_stock shard;
    uint32_t round;

    (void)state;
    assert_int_equal(stock.missing, SHARDS);
    assert_int_equal(stock.begun_ms, 0);
    round = begin(view, 500);
    assert_status(take(view, 1, round, &says[1]), SECKILL_OK);
    stock = stock_of(view);
    assert_int_equal(stock.missing, 1);
    assert_int_equal(stock.available, 10);
    assert_status(seckill_view_get_shard(view, 0, &shard), SECKILL_OK);
    assert_status(shard.status, SECKILL_UNREACHABLE);
    assert_status(seckill_view_get_shard(view, 1, &shard), SECKILL_OK);
    assert_status(shard.status, SECKILL_OK);
    assert_int_equal(shard.version, 6);
    assert_int_equal(shard.transfers, 6);
    assert_status(take(view, 0, round, &says[0]), SECKILL_OK);
    stock = stock_of(view);
    assert_int_equal(stock.shards, SHARDS);
    assert_int_equal(stock.missing, 0);
    assert_int_equal(stock.begun_ms, 500);
    assert_int_equal(stock.server_time_ms, NOW_MS);
    assert_int_equal(stock.loaded, 100);
    assert_int_equal(stock.available, 50);
    assert_int_equal(stock.reserved, 32);
    assert_int_equal(stock.sold, 18);
    assert_int_equal(stock.moving, 0);
    assert_int_equal(stock.queued, 13);
    assert_int_equal(stock.longest_queue, 9);
    assert_int_equal(stock.is_overdue, 1);
    assert_int_equal(stock.is_proven, 0);
    seckill_view_free(view);
}

static void only_the_round_under_way_is_taken(void **state) {
    const stock_says says = SOLD_OUT_STOCK;
    seckill_view *view = known_view();
    uint32_t first, second;

    (void)state;
    assert_status(take(view, 0, 0, &says), SECKILL_CONFLICT);
    assert_status(take(view, 0, 1, &says), SECKILL_CONFLICT);
    first = begin(view, 1);
    assert_status(take(view, 0, first, &says), SECKILL_OK);
    assert_status(take(view, 0, first, &says), SECKILL_CONFLICT);
    second = begin(view, 2);
    assert_int_not_equal(first, second);
    assert_status(take(view, 1, first, &says), SECKILL_CONFLICT);
    assert_int_equal(stock_of(view).missing, SHARDS);
    assert_status(take(view, SHARDS, second, &says), SECKILL_INVALID);
    assert_status(take(view, 1, second, &says), SECKILL_OK);
    assert_int_equal(stock_of(view).missing, 1);
    seckill_view_free(view);
}

static void the_number_of_a_round_is_never_0(void **state) {
    const stock_says says = SOLD_OUT_STOCK;
    seckill_view *view = known_view();

    (void)state;
    view->round = UINT32_MAX;
    assert_int_equal(begin(view, 1), 1);
    assert_status(take(view, 0, 0, &says), SECKILL_CONFLICT);
    seckill_view_free(view);
}

static void a_shard_is_asked_only_in_a_round(void **state) {
    seckill_view *view = known_view(), *unknown = NULL;
    seckill_command *command = NULL;
    seckill_view_stock stock = {.struct_size = sizeof(stock)};
    seckill_stock shard;

    (void)state;
    assert_status(seckill_command_new(&command), SECKILL_OK);
    assert_status(seckill_view_new(NULL, "sale", "phone", &unknown), SECKILL_OK);
    assert_status(seckill_view_ask_shard(view, 0, 0, command), SECKILL_INVALID);
    assert_status(seckill_view_begin(unknown, 1), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_ask_shard(unknown, 0, 0, command), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_take_shard(unknown, 0, 1, "", 0), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_get_stock(unknown, &stock), SECKILL_NOT_DEFINED);
    assert_status(seckill_view_get_shard(unknown, 0, &shard), SECKILL_NOT_DEFINED);
    (void)begin(view, 1);
    assert_status(seckill_view_ask_shard(view, SHARDS, 0, command), SECKILL_INVALID);
    assert_int_equal(command->argc, 0);
    assert_status(seckill_view_ask_shard(view, SHARDS - 1, 0, command), SECKILL_OK);
    assert_status(seckill_view_get_shard(view, SHARDS, &shard), SECKILL_INVALID);
    seckill_command_free(command);
    seckill_view_free(unknown);
    seckill_view_free(view);
}

static void what_is_cut_or_too_long_is_no_answer(void **state) {
    const stock_says says = SOLD_OUT_STOCK;
    reply answer = stock_reply(&says);
    seckill_view *view = known_view();
    uint32_t round = begin(view, 1);

    (void)state;
    for (size_t size = 0; size < answer.size; size++)
        assert_status(take_shard(view, 0, round, &answer, size), SECKILL_PROTOCOL);
    assert_status(take_shard(view, 0, round, &answer, answer.size + 1), SECKILL_PROTOCOL);
    answer.bytes[14] = 0x7f; /* loaded: more units than there can be */
    assert_status(take_shard(view, 0, round, &answer, answer.size), SECKILL_PROTOCOL);
    assert_int_equal(stock_of(view).missing, SHARDS);
    assert_status(take(view, 0, round, &says), SECKILL_OK);
    seckill_view_free(view);
}

static void newer_settings_are_noticed(void **state) {
    stock_says says = SOLD_OUT_STOCK;
    map_says list = USUAL_MAP;
    seckill_view *view = known_view();
    reply map;

    (void)state;
    assert_status(take(view, 0, begin(view, 1), &says), SECKILL_OK);
    assert_int_equal(seckill_view_is_stale(view), 0);
    says.settings_version = MAP_VERSION + 1;
    assert_status(take(view, 0, begin(view, 2), &says), SECKILL_OK);
    assert_int_equal(seckill_view_is_stale(view), 1);
    list.version++;
    map = map_reply(&list);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    assert_int_equal(seckill_view_is_stale(view), 0);
    assert_int_equal(stock_of(view).missing, SHARDS - 1); /* the shards are the same, and so is the round */
    seckill_view_free(view);
}

/* ---- the proof ---- */

/* What two rounds prove: -1: nothing. */
static int64_t proven(const stock_says first[SHARDS], const stock_says second[SHARDS]) {
    seckill_view *view = known_view();
    seckill_view_stock stock;

    read_round(view, 1000, first);
    assert_int_equal(stock_of(view).is_proven, 0);
    read_round(view, 1100, second);
    stock = stock_of(view);
    assert_int_equal(stock.proven_ms, stock.is_proven ? 1100 : 0);
    assert_true(stock.is_proven || stock.left == 0);
    seckill_view_free(view);
    return stock.is_proven ? stock.left : -1;
}

#define SOLD_OUT_ROUND                                                                                                         \
    { SOLD_OUT_STOCK, SOLD_OUT_STOCK }

static void two_rounds_that_see_the_same_prove_it(void **state) {
    const stock_says all[SHARDS] = SOLD_OUT_ROUND;

    (void)state;
    assert_int_equal(proven(all, all), 0);
}

/* Each of these alone makes two rounds prove nothing. */
static void each_rule_alone_ends_the_proof(void **state) {
    static const stock_says usual = SOLD_OUT_STOCK;
    struct {
        stock_says first, second;
    } broken[] = {{usual, usual}, {usual, usual}, {usual, usual}, {usual, usual}, {usual, usual}, {usual, usual}};

    (void)state;
    broken[0].second.version++;  /* units have come */
    broken[1].second.epoch++;    /* another life of the server */
    broken[2].first.overdue = 1; /* units may come back at once */
    broken[3].second.overdue = 1;
    broken[4].first.taken = 1; /* more taken than sent: somebody has forgotten what it sent */
    broken[5].second.taken = 1;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        for (size_t shard = 0; shard < SHARDS; shard++) {
            stock_says first[SHARDS] = SOLD_OUT_ROUND, second[SHARDS] = SOLD_OUT_ROUND;

            first[shard] = broken[i].first;
            second[shard] = broken[i].second;
            assert_int_equal(proven(first, second), -1);
        }
    }
}

static void what_is_there_or_on_its_way_is_left(void **state) {
    stock_says first[SHARDS] = SOLD_OUT_ROUND, second[SHARDS] = SOLD_OUT_ROUND;

    (void)state;
    first[1].available = 3;
    assert_int_equal(proven(first, second), 3); /* as many as the first round saw, though they are gone by now */
    first[0].sent = 4;
    first[1].taken = 2;
    assert_int_equal(proven(first, second), 5);
    first[0].available = -7; /* what a shard owes takes nothing off what others have */
    assert_int_equal(proven(first, second), 5);
}

/* As many shards as an item may have, each with numbers that one alone might say: no item has so much, and no sum runs over. */
static void numbers_that_no_item_has_prove_nothing(void **state) {
    char tags[2 * SECKILL_SHARDS_MAX];
    map_says list = USUAL_MAP;
    stock_says says = SOLD_OUT_STOCK;
    seckill_view *view = known_view();
    reply map;

    (void)state;
    memset(tags, ',', sizeof(tags));
    for (size_t i = 0; i < sizeof(tags); i += 2)
        tags[i] = '0';
    tags[sizeof(tags) - 1] = '\0';
    list.shards = SECKILL_SHARDS_MAX;
    list.tags = tags;
    map = map_reply(&list);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    says.available = says.sent = SECKILL_AMOUNT_MAX;
    says.taken = 0;
    for (int64_t now_ms = 1; now_ms <= 2; now_ms++) {
        uint32_t round = begin(view, now_ms);

        for (uint32_t i = 0; i < SECKILL_SHARDS_MAX; i++)
            assert_status(take(view, i, round, &says), SECKILL_OK);
        assert_int_equal(stock_of(view).missing, 0);
        assert_int_equal(stock_of(view).moving, SECKILL_SHARDS_MAX * SECKILL_AMOUNT_MAX);
    }
    assert_int_equal(stock_of(view).is_proven, 0);
    seckill_view_free(view);
}

/* Totals only rise. */
static void a_total_below_nothing_is_no_answer(void **state) {
    stock_says taken = SOLD_OUT_STOCK, sent = SOLD_OUT_STOCK;
    seckill_view *view = known_view();
    uint32_t round = begin(view, 1);

    (void)state;
    taken.taken = -1;
    sent.sent = -1;
    assert_status(take(view, 0, round, &taken), SECKILL_PROTOCOL);
    assert_status(take(view, 0, round, &sent), SECKILL_PROTOCOL);
    assert_int_equal(stock_of(view).missing, SHARDS);
    seckill_view_free(view);
}

static void a_round_that_is_given_up_ends_the_proof(void **state) {
    const stock_says all[SHARDS] = SOLD_OUT_ROUND;
    seckill_view *view = known_view();
    uint32_t round;

    (void)state;
    read_round(view, 1000, all);
    read_round(view, 1100, all);
    assert_int_equal(stock_of(view).is_proven, 1);
    round = begin(view, 1200);
    assert_int_equal(stock_of(view).is_proven, 1); /* it stands while the next is under way, ... */
    assert_int_equal(stock_of(view).proven_ms, 1100);
    assert_status(take(view, 0, round, &all[0]), SECKILL_OK);
    (void)begin(view, 1300); /* ... and not when that is given up */
    assert_int_equal(stock_of(view).is_proven, 0);
    read_round(view, 1400, all);
    assert_int_equal(stock_of(view).is_proven, 0); /* one whole round proves nothing, */
    read_round(view, 1500, all);
    assert_int_equal(stock_of(view).is_proven, 1); /* two do */
    assert_int_equal(stock_of(view).proven_ms, 1500);
    seckill_view_free(view);
}

static void another_item_of_the_name_begins_anew(void **state) {
    const stock_says all[SHARDS] = SOLD_OUT_ROUND;
    const map_says anew = {MAP_VERSION, SECKILL_ITEM_ACTIVE, SHARDS, "fedcba9876543210", "0,1.x"};
    const reply map = map_reply(&anew);
    seckill_view *view = known_view();
    uint32_t round;

    (void)state;
    read_round(view, 1000, all);
    read_round(view, 1100, all);
    round = begin(view, 1200);
    assert_status(take(view, 0, round, &all[0]), SECKILL_OK);
    assert_status(take_item(view, &map, map.size), SECKILL_OK);
    assert_int_equal(stock_of(view).is_proven, 0);
    assert_int_equal(stock_of(view).missing, SHARDS);
    assert_status(take(view, 1, round, &all[1]), SECKILL_CONFLICT); /* it comes from the former shards */
    assert_int_not_equal(begin(view, 1300), round);
    read_round(view, 1400, all);
    assert_int_equal(stock_of(view).is_proven, 0);
    seckill_view_free(view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_adds_up),
        cmocka_unit_test(only_the_round_under_way_is_taken),
        cmocka_unit_test(the_number_of_a_round_is_never_0),
        cmocka_unit_test(a_shard_is_asked_only_in_a_round),
        cmocka_unit_test(what_is_cut_or_too_long_is_no_answer),
        cmocka_unit_test(newer_settings_are_noticed),
        cmocka_unit_test(two_rounds_that_see_the_same_prove_it),
        cmocka_unit_test(each_rule_alone_ends_the_proof),
        cmocka_unit_test(what_is_there_or_on_its_way_is_left),
        cmocka_unit_test(numbers_that_no_item_has_prove_nothing),
        cmocka_unit_test(a_total_below_nothing_is_no_answer),
        cmocka_unit_test(a_round_that_is_given_up_ends_the_proof),
        cmocka_unit_test(another_item_of_the_name_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
