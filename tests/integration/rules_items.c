/* Items: define, get, list, pause, resume, end; what their keys are.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs a definition of another item of the same activity. */
static sale_item_answer define_named(rules *r, const char *name, uint32_t shards) {
    seckill_item *phone = r->sale.item;
    sale_item_answer answer;

    assert_status(seckill_item_open(r->sale.client, "sale", name, &r->sale.item), SECKILL_OK);
    answer = sale_define(&r->sale, shards, NULL);
    seckill_item_close(r->sale.item);
    r->sale.item = phone;
    return answer;
}

static void defaults_are_filled_in(void **state) {
    rules *r = *state;
    seckill_item_settings given = SECKILL_ITEM_SETTINGS_INIT;
    sale_item_answer answer;

    assert_status(sale_define(&r->sale, 0, &given).status, SECKILL_OK);
    answer = sale_get(&r->sale);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.settings.shards, 8);
    assert_int_equal(answer.settings.limit, 1);
    assert_int_equal(answer.settings.price, 0);
    assert_int_equal(answer.settings.start_ms, 0);
    assert_int_equal(answer.settings.end_ms, 0);
    assert_int_equal(answer.settings.hold_ms, 300000);
    assert_int_equal(answer.settings.grace_ms, 0);
    assert_int_equal(answer.settings.window_ms, 60000);
    assert_int_equal(answer.settings.remember_ms, 120000);
    assert_int_equal(answer.settings.max_skew_ms, 0);
    assert_int_equal(answer.settings.max_events, 1000000);
    assert_int_equal(answer.state, SECKILL_ITEM_ACTIVE);
    assert_int_equal(answer.version, 1);
}

/* The version of every shard. */
static void assert_shards_have(rules *r, uint64_t version) {
    sale_stock_answer stock = sale_stock(&r->sale);

    assert_status(stock.status, SECKILL_OK);
    for (size_t i = 0; i < stock.count; i++)
        assert_int_equal(stock.shards[i].settings_version, version);
}

static void the_version_rises_with_changes_only(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(2, 1000, 0);

    assert_int_equal(sale_define(&r->sale, 3, &settings).version, 1);
    assert_int_equal(sale_define(&r->sale, 3, &settings).version, 1);
    settings.price++;
    assert_int_equal(sale_define(&r->sale, 3, &settings).version, 2);
    assert_shards_have(r, 2);
    assert_int_equal(sale_pause(&r->sale).version, 3);
    assert_int_equal(sale_pause(&r->sale).version, 3);
    assert_int_equal(sale_define(&r->sale, 3, &settings).version, 3);
    assert_int_equal(sale_get(&r->sale).state, SECKILL_ITEM_PAUSED);
    assert_int_equal(sale_resume(&r->sale).version, 4);
    assert_int_equal(sale_resume(&r->sale).version, 4);
    assert_shards_have(r, 4);
}

static void the_number_of_shards_is_fixed(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(2, 1000, 0);
    sale_item_answer answer;
    char *before, *after;

    assert_status(sale_define(&r->sale, 4, &settings).status, SECKILL_OK);
    before = rules_everything(r);
    settings.price = 1;
    answer = sale_define(&r->sale, 5, &settings);
    assert_status(answer.status, SECKILL_CONFLICT);
    assert_int_equal(answer.outcomes, 0);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    /* 0 is "as defined". */
    assert_status(sale_define(&r->sale, 0, &settings).status, SECKILL_OK);
    assert_int_equal(sale_get(&r->sale).settings.shards, 4);
    r->sale.shards = 4;
    rules_check(r);
}

/* How long an id is remembered was promised when it was used. */
static void window_and_remember_are_fixed(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(2, 1000, 0);

    settings.window_ms = 1000;
    settings.remember_ms = 3000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    settings.window_ms = 2000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_CONFLICT);
    settings.window_ms = 1000;
    settings.remember_ms = 2000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_CONFLICT);
    /* 0 is "as defined". */
    settings.window_ms = settings.remember_ms = 0;
    settings.price++;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    assert_int_equal(sale_get(&r->sale).settings.window_ms, 1000);
    assert_int_equal(sale_get(&r->sale).settings.remember_ms, 3000);
    assert_int_equal(sale_get(&r->sale).version, 2);
}

/* All data are gone: a client that still has the mapping list in memory must not make empty shards of it. */
static void what_is_lost_is_not_made_anew_from_memory(void **state) {
    rules *r = *state;

    rules_sell(r, 2, 5, 1000, 0, 10);
    redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_NOT_DEFINED);
    assert_int_equal(redis_server_integer(r->server, "DBSIZE"), 0);
}

/* Users have other homes now, and their limits are kept there: a client that still knows the old ones learns the new ones. */
static void an_item_that_was_defined_anew_is_found_by_open_handles(void **state) {
    rules *r = *state;
    sale_item_answer answer;
    sale other;

    rules_sell(r, 2, 5, 1000, 0, 10);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
    redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
    rules_open_other(r, &other);
    assert_status(sale_define(&other, 3, NULL).status, SECKILL_OK);
    assert_status(sale_pause(&other).status, SECKILL_OK);
    sale_close(&other);
    answer = sale_get(&r->sale);
    assert_status(answer.status, SECKILL_DAMAGED);
    assert_non_null(strstr(answer.message, "defined anew"));
    answer = sale_get(&r->sale);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.settings.shards, 3);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_PAUSED);
    assert_status(sale_load(&r->sale, "op", 3).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, 3);
}

/* The same at the same version: only the seed tells. What met it does not go on, what comes next does. */
static void an_item_that_was_defined_anew_alike_is_noticed_by_the_first_request(void **state) {
    rules *r = *state;
    sale_answer answer;
    sale other;

    rules_sell(r, 2, 5, 1000, 0, 10);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_OK);
    redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
    rules_open_other(r, &other);
    assert_status(sale_define(&other, 2, NULL).status, SECKILL_OK);
    assert_status(sale_load(&other, "load", 10).status, SECKILL_OK);
    answer = sale_reserve(&r->sale, "u", "r", 1);
    assert_status(answer.status, SECKILL_DAMAGED);
    assert_non_null(strstr(answer.message, "defined anew"));
    assert_status(sale_reserve(&other, "u", "r", 1).status, SECKILL_OK);
    answer = sale_reserve(&r->sale, "u", "r", 1);
    assert_status(answer.status, SECKILL_OK);
    assert_true(answer.replayed);
    assert_int_equal(sale_stock(&other).total.reserved, 1);
    sale_close(&other);
}

static void the_end_is_for_good(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(2, 1000, 0);

    rules_sell(r, 2, 2, 1000, 0, 10);
    assert_int_equal(sale_end(&r->sale).version, 2);
    assert_int_equal(sale_end(&r->sale).version, 2);
    assert_status(sale_resume(&r->sale).status, SECKILL_ENDED);
    assert_status(sale_pause(&r->sale).status, SECKILL_ENDED);
    settings.price = 5;
    assert_status(sale_define(&r->sale, 2, &settings).status, SECKILL_OK);
    assert_int_equal(sale_get(&r->sale).state, SECKILL_ITEM_ENDED);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_ENDED);
}

static void a_client_brings_an_older_shard_up_to_date(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    sale_answer answer;

    rules_sell(r, 1, 1, 1000, 0, 10);
    settings.price = 77;
    settings.limit = 3;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    /* As if the definition had died between the mapping list and the shard. */
    rules_set_field(r, 0, "settings", 1);
    rules_set_field(r, 0, "price", 129900);
    rules_set_field(r, 0, "limit", 1);
    answer = sale_reserve(&r->sale, "u", "r", 3);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.reservation.price, 77);
    assert_int_equal(rules_field(r, 0, "settings"), 2);
    assert_int_equal(rules_field(r, 0, "limit"), 3);
}

static void a_shard_that_is_missing_is_made_without_units(void **state) {
    rules *r = *state;
    static const char *const names[] = {"stock", "users", "expirations", "transfers", "queue", "events"};
    char key[SECKILL_SHARD_KEY_SIZE];

    rules_sell(r, 1, 1, 1000, 0, 10);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(redis_server_integer(r->server, "DEL %s", sale_key(&r->sale, 0, names[i], key)), 1);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_SOLD_OUT);
    rules_check(r);
}

static void a_client_with_an_old_map_reads_it_again(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    sale_answer answer;
    sale other;

    rules_sell(r, 1, 1, 1000, 0, 10);
    rules_open_other(r, &other);
    assert_status(sale_reserve(&other, "a", "r", 1).status, SECKILL_OK);
    settings.start_ms = rules_server_ms(r) + 3600000;
    assert_status(sale_define(&r->sale, 1, &settings).status, SECKILL_OK);
    /* The shard decides at once; how long to wait is known once the map was read. */
    answer = sale_reserve(&other, "b", "r", 1);
    assert_status(answer.status, SECKILL_NOT_STARTED);
    for (int i = 0; i < 1000 && answer.retry_after_ms < 3000000; i++)
        answer = sale_reserve(&other, "b", "r", 1);
    assert_in_range(answer.retry_after_ms, 3000000, 3600000);
    sale_close(&other);
}

static void two_clients_may_define_at_once(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    sale_item_answer first, second;
    sale_call calls[2] = {{&first, false}, {&second, false}};
    sale other;

    rules_open_other(r, &other);
    r->sale.shards = other.shards = settings.shards = 4;
    assert_status(seckill_item_define(r->sale.item, &settings, 0, sale_on_item, &calls[0]), SECKILL_OK);
    assert_status(seckill_item_define(other.item, &settings, 0, sale_on_item, &calls[1]), SECKILL_OK);
    while (!calls[0].done || !calls[1].done) {
        (void)uv_run(&r->sale.loop, UV_RUN_NOWAIT);
        (void)uv_run(&other.loop, UV_RUN_NOWAIT);
    }
    assert_status(first.status, SECKILL_OK);
    assert_status(second.status, SECKILL_OK);
    /* One seed for all users' homes, for ever. */
    assert_memory_equal(first.seed, second.seed, sizeof(first.seed));
    assert_int_equal(first.version, 1);
    sale_close(&other);
    rules_check(r);
}

/* ---- the list ---- */

typedef struct {
    seckill_status status;
    size_t count;
    char items[8][SECKILL_ID_MAX + 1];
    bool done;
} listed;

static void on_list(const seckill_list_result *result, void *user_data) {
    listed *list = user_data;

    list->status = result->status;
    list->count = result->count;
    for (size_t i = 0; i < result->count && i < 8; i++)
        (void)snprintf(list->items[i], sizeof(list->items[i]), "%s", result->items[i]);
    list->done = true;
}

static listed list_items(rules *r, const char *activity) {
    listed list;

    memset(&list, 0, sizeof(list));
    assert_status(seckill_item_list(r->sale.client, activity, 0, on_list, &list), SECKILL_OK);
    sale_run_until(&r->sale, &list.done);
    return list;
}

static void the_list_is_sorted_and_names_each_item_once(void **state) {
    rules *r = *state;
    listed list = list_items(r, "sale");

    assert_status(list.status, SECKILL_OK);
    assert_int_equal(list.count, 0);
    assert_status(define_named(r, "b", 1).status, SECKILL_OK);
    assert_status(define_named(r, "a.2", 2).status, SECKILL_OK);
    assert_status(define_named(r, "A", 1).status, SECKILL_OK);
    assert_status(define_named(r, "b", 1).status, SECKILL_OK);
    list = list_items(r, "sale");
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0], "A");
    assert_string_equal(list.items[1], "a.2");
    assert_string_equal(list.items[2], "b");
    assert_int_equal(list_items(r, "other").count, 0);
}

static void an_activity_has_at_most_so_many_items(void **state) {
    rules *r = *state;

    for (int i = 0; i < SECKILL_ITEMS_MAX; i++)
        redis_server_forget(redis_server_command(r->server, "SADD seckill:{sale}:items item-%d", i));
    assert_status(define_named(r, "item-5", 1).status, SECKILL_OK);
    assert_status(define_named(r, "one-more", 1).status, SECKILL_BUSY);
    assert_int_equal(redis_server_integer(r->server, "EXISTS seckill:{sale/one-more}:map"), 0);
    assert_int_equal(list_items(r, "sale").count, SECKILL_ITEMS_MAX);
    /* Where there is room again the same call is repeated. */
    redis_server_forget(redis_server_command(r->server, "SREM seckill:{sale}:items item-7"));
    assert_status(define_named(r, "one-more", 1).status, SECKILL_OK);
}

/* ---- keys ---- */

static void assert_keys_of(rules *r, uint32_t shards) {
    static const char *const names[] = {"stock", "users", "expirations", "transfers", "queue", "events"};
    char key[SECKILL_SHARD_KEY_SIZE];

    assert_int_equal(redis_server_integer(r->server, "DBSIZE"), 6 * shards + 2);
    assert_int_equal(redis_server_integer(r->server, "EXISTS seckill:{sale/phone}:map seckill:{sale}:items"), 2);
    for (uint32_t k = 0; k < shards; k++) {
        for (size_t i = 0; i < 6; i++) {
            uint32_t slot = 0;

            sale_key(&r->sale, k, names[i], key);
            assert_int_equal(redis_server_integer(r->server, "EXISTS %s", key), 1);
            assert_memory_equal(key, "seckill:{sale/phone/", 20);
            slot = seckill_slot(key, strlen(key));
            assert_int_equal(slot * shards / SECKILL_SLOTS, k);
        }
    }
}

static void keys_are_those_of_the_protocol_each_in_its_part_of_the_slots(void **state) {
    static const uint32_t counts[] = {1, 2, 3, 8, 100};
    rules *r = *state;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        (void)rules_teardown(state);
        (void)rules_setup(state);
        assert_status(sale_define(&r->sale, counts[i], NULL).status, SECKILL_OK);
        assert_keys_of(r, counts[i]);
    }
}

static void an_item_may_have_the_most_shards(void **state) {
    rules *r = *state;
    sale_item_answer answer = sale_define(&r->sale, SECKILL_SHARDS_MAX, NULL);

    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.outcomes, SECKILL_SHARDS_MAX);
    assert_int_equal(redis_server_integer(r->server, "DBSIZE"), 6 * SECKILL_SHARDS_MAX + 2);
    answer = sale_load(&r->sale, "all", 2 * SECKILL_SHARDS_MAX + 1);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.outcome_amount[0], 3);
    assert_int_equal(answer.outcome_amount[SECKILL_SHARDS_MAX - 1], 2);
    answer = sale_withdraw(&r->sale, "back", SECKILL_AMOUNT_MAX);
    assert_int_equal(answer.amount, 2 * SECKILL_SHARDS_MAX + 1);
}

static void no_key_is_ever_missing(void **state) {
    rules *r = *state;
    sale_answer answer;
    sale_events_answer *events;
    seckill_event_ack ack;

    rules_sell(r, 1, 1, 1000, 0, 1);
    rules_freeze(r);
    answer = rules_reserve(r, "u", "r", 1);
    assert_status(sale_cancel(&r->sale, "u", answer.reservation.id).status, SECKILL_OK);
    rules_pass(r, 10000);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    assert_keys_of(r, 1);
    answer = rules_reserve(r, "u", "r", 1);
    assert_status(sale_confirm(&r->sale, &answer.ref, "o").status, SECKILL_OK);
    events = malloc(sizeof(*events));
    assert_non_null(events);
    *events = sale_events(&r->sale, 0, 10);
    assert_int_equal(events->count, 1);
    ack.id = events->events[0].id;
    memcpy(ack.reservation_id, events->events[0].reservation_id, sizeof(ack.reservation_id));
    free(events);
    assert_int_equal(sale_ack(&r->sale, 0, &ack, 1).amount, 1);
    assert_keys_of(r, 1);
    rules_check(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(defaults_are_filled_in),
        RULES_TEST(the_version_rises_with_changes_only),
        RULES_TEST(the_number_of_shards_is_fixed),
        RULES_TEST(window_and_remember_are_fixed),
        RULES_TEST(what_is_lost_is_not_made_anew_from_memory),
        RULES_TEST(an_item_that_was_defined_anew_is_found_by_open_handles),
        RULES_TEST(an_item_that_was_defined_anew_alike_is_noticed_by_the_first_request),
        RULES_TEST(the_end_is_for_good),
        RULES_TEST(a_client_brings_an_older_shard_up_to_date),
        RULES_TEST(a_shard_that_is_missing_is_made_without_units),
        RULES_TEST(a_client_with_an_old_map_reads_it_again),
        RULES_TEST(two_clients_may_define_at_once),
        RULES_TEST(the_list_is_sorted_and_names_each_item_once),
        RULES_TEST(an_activity_has_at_most_so_many_items),
        RULES_TEST(keys_are_those_of_the_protocol_each_in_its_part_of_the_slots),
        RULES_TEST(an_item_may_have_the_most_shards),
        RULES_TEST(no_key_is_ever_missing),
    };

    return RULES_RUN(tests);
}
