/* Calls that cannot be served: bad arguments, items that are not defined, shards that are damaged.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- not defined ---- */

static void every_call_says_that_an_item_is_not_defined(void **state) {
    rules *r = *state;
    sale *s = &r->sale;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE] = {1};
    seckill_reservation_ref ref = {.user = "u", .user_size = 1, .activity = "sale", .item = "phone", .quantity = 1};
    seckill_event_ack ack = {{1, 1}, {0}};

    assert_status(sale_get(s).status, SECKILL_NOT_DEFINED);
    assert_status(sale_pause(s).status, SECKILL_NOT_DEFINED);
    assert_status(sale_resume(s).status, SECKILL_NOT_DEFINED);
    assert_status(sale_end(s).status, SECKILL_NOT_DEFINED);
    assert_status(sale_load(s, "op", 1).status, SECKILL_NOT_DEFINED);
    assert_status(sale_withdraw(s, "op", 1).status, SECKILL_NOT_DEFINED);
    assert_status(sale_stock(s).status, SECKILL_NOT_DEFINED);
    assert_status(sale_reserve(s, "u", "r", 1).status, SECKILL_NOT_DEFINED);
    assert_status(sale_confirm(s, &ref, "").status, SECKILL_NOT_DEFINED);
    assert_status(sale_cancel(s, "u", id).status, SECKILL_NOT_DEFINED);
    assert_status(sale_refund(s, "u", id).status, SECKILL_NOT_DEFINED);
    assert_status(sale_lookup(s, "u", NULL).status, SECKILL_NOT_DEFINED);
    assert_status(sale_lookup(s, "u", "r").status, SECKILL_NOT_DEFINED);
    assert_status(sale_expire(s).status, SECKILL_NOT_DEFINED);
    assert_status(sale_events(s, 0, 1).status, SECKILL_NOT_DEFINED);
    assert_status(sale_ack(s, 0, &ack, 1).status, SECKILL_NOT_DEFINED);
    assert_int_equal(redis_server_integer(r->server, "DBSIZE"), 0);
}

static void an_item_that_is_defined_later_is_found(void **state) {
    rules *r = *state;
    sale other;

    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_NOT_DEFINED);
    rules_open_other(r, &other);
    assert_status(sale_define(&other, 2, NULL).status, SECKILL_OK);
    sale_close(&other);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_SOLD_OUT);
}

/* ---- invalid ---- */

static void never_item(const seckill_item_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

static void never_result(const seckill_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

static void never_lookup(const seckill_lookup_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

static void never_list(const seckill_list_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

static void never_events(const seckill_events_result *result, void *user_data) {
    (void)result;
    (void)user_data;
    abort();
}

#define assert_invalid(call) assert_status(call, SECKILL_INVALID)

/* Turns of the loop, after which a callback would have come. */
static void let_it_run(rules *r) {
    assert_status(sale_define(&r->sale, 2, NULL).status, SECKILL_OK);
}

static void bad_ids_open_nothing(void **state) {
    static const char *const bad[] = {
        "", "a b", "a/b", "a{b", "a}b", "\xc3\xa9", "a\n", "12345678901234567890123456789012345678901234567890123456789012345"};
    rules *r = *state;
    seckill_item *item;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_invalid(seckill_item_open(r->sale.client, bad[i], "phone", &item));
        assert_invalid(seckill_item_open(r->sale.client, "sale", bad[i], &item));
        assert_invalid(seckill_item_list(r->sale.client, bad[i], 0, never_list, NULL));
        assert_invalid(seckill_stock_load(r->sale.item, bad[i], 1, 0, never_item, NULL));
        assert_invalid(seckill_stock_withdraw(r->sale.item, bad[i], 1, 0, never_item, NULL));
    }
    assert_invalid(seckill_item_open(r->sale.client, NULL, "phone", &item));
    assert_invalid(seckill_item_open(r->sale.client, "sale", NULL, &item));
    assert_invalid(seckill_item_open(NULL, "sale", "phone", &item));
    assert_invalid(seckill_item_open(r->sale.client, "sale", "phone", NULL));
    assert_invalid(seckill_item_list(r->sale.client, NULL, 0, never_list, NULL));
    let_it_run(r);
}

static void item_calls_refuse_bad_arguments(void **state) {
    rules *r = *state;
    seckill_item *item = r->sale.item;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    const uint32_t too_long = 3600001;

    assert_invalid(seckill_item_define(NULL, &settings, 0, never_item, NULL));
    assert_invalid(seckill_item_define(item, NULL, 0, never_item, NULL));
    assert_invalid(seckill_item_define(item, &settings, 0, NULL, NULL));
    assert_invalid(seckill_item_define(item, &settings, too_long, never_item, NULL));
    settings.shards = SECKILL_SHARDS_MAX + 1;
    assert_invalid(seckill_item_define(item, &settings, 0, never_item, NULL));
    assert_invalid(seckill_item_get(NULL, 0, never_item, NULL));
    assert_invalid(seckill_item_get(item, too_long, never_item, NULL));
    assert_invalid(seckill_item_get(item, 0, NULL, NULL));
    assert_invalid(seckill_item_pause(NULL, 0, never_item, NULL));
    assert_invalid(seckill_item_resume(item, 0, NULL, NULL));
    assert_invalid(seckill_item_end(item, too_long, never_item, NULL));
    assert_invalid(seckill_item_list(NULL, "sale", 0, never_list, NULL));
    assert_invalid(seckill_item_list(r->sale.client, "sale", 0, NULL, NULL));
    assert_invalid(seckill_stock_load(item, NULL, 1, 0, never_item, NULL));
    assert_invalid(seckill_stock_load(item, "op", 0, 0, never_item, NULL));
    assert_invalid(seckill_stock_load(item, "op", -1, 0, never_item, NULL));
    assert_invalid(seckill_stock_load(item, "op", SECKILL_AMOUNT_MAX + 1, 0, never_item, NULL));
    assert_invalid(seckill_stock_withdraw(item, "op", 0, 0, never_item, NULL));
    assert_invalid(seckill_stock_withdraw(item, "op", INT64_MIN, 0, never_item, NULL));
    assert_invalid(seckill_stock_get(item, 0, NULL, NULL));
    assert_invalid(seckill_expire(item, 0, NULL, NULL));
    let_it_run(r);
}

static void event_calls_refuse_bad_arguments(void **state) {
    rules *r = *state;
    seckill_item *item = r->sale.item;
    seckill_event_ack acks[1] = {{{1, 1}, {0}}};

    assert_invalid(seckill_events_read(item, 0, 0, 0, never_events, NULL));
    assert_invalid(seckill_events_read(item, 0, SECKILL_BATCH_MAX + 1, 0, never_events, NULL));
    assert_invalid(seckill_events_read(item, SECKILL_SHARDS_MAX, 1, 0, never_events, NULL));
    assert_invalid(seckill_events_read(NULL, 0, 1, 0, never_events, NULL));
    assert_invalid(seckill_events_ack(item, 0, NULL, 1, 0, never_item, NULL));
    assert_invalid(seckill_events_ack(item, 0, acks, 0, 0, never_item, NULL));
    assert_invalid(seckill_events_ack(item, 0, acks, SECKILL_BATCH_MAX + 1, 0, never_item, NULL));
    assert_invalid(seckill_events_ack(item, SECKILL_SHARDS_MAX, acks, 1, 0, never_item, NULL));
    let_it_run(r);
    /* How many shards there are is known only from the map. */
    assert_status(sale_events(&r->sale, 2, 1).status, SECKILL_INVALID);
    assert_status(sale_ack(&r->sale, 2, acks, 1).status, SECKILL_INVALID);
}

static seckill_reserve_options good_wish(void) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = "12345678901234567890123456789012345678901234567890123456789012345";
    options.user.size = options.request_id.size = 4;
    return options;
}

static void reserve_refuses_bad_arguments(void **state) {
    rules *r = *state;
    seckill_item *item = r->sale.item;
    seckill_reserve_options options;

#define REFUSES(change)                                                                                                        \
    options = good_wish();                                                                                                     \
    change;                                                                                                                    \
    assert_invalid(seckill_reserve(item, &options, NULL, never_result, NULL))
    REFUSES(options.user.size = 0);
    REFUSES(options.user.size = 65);
    REFUSES(options.user.data = NULL);
    REFUSES(options.request_id.size = 0);
    REFUSES(options.request_id.size = 65);
    REFUSES(options.request_id.data = NULL);
    REFUSES(options.quantity = 1000001);
    REFUSES(options.timeout_ms = 3600001);
    REFUSES(options.flags = 2);
    REFUSES(options.created_ms = -1);
    REFUSES(options.created_ms = INT64_MAX);
    REFUSES(options.struct_size = 0);
#undef REFUSES
    options = good_wish();
    assert_invalid(seckill_reserve(NULL, &options, NULL, never_result, NULL));
    assert_invalid(seckill_reserve(item, NULL, NULL, never_result, NULL));
    assert_invalid(seckill_reserve(item, &options, NULL, NULL, NULL));
    let_it_run(r);
}

static void confirm_refuses_bad_arguments(void **state) {
    static const seckill_reservation_ref good = {
        .user = "u", .user_size = 1, .activity = "sale", .item = "phone", .quantity = 1, .valid_until_ms = 1};
    rules *r = *state;
    seckill_reservation_ref ref;
    seckill_confirm_options options;

#define REFUSES(change)                                                                                                        \
    ref = good;                                                                                                                \
    memset(&options, 0, sizeof(options));                                                                                      \
    options.struct_size = sizeof(options);                                                                                     \
    options.ref = &ref;                                                                                                        \
    change;                                                                                                                    \
    assert_invalid(seckill_confirm(r->sale.item, &options, NULL, never_result, NULL))
    REFUSES(options.ref = NULL);
    REFUSES(ref.user_size = 0);
    REFUSES(ref.user_size = 65);
    REFUSES(ref.activity[0] = 'S');
    REFUSES(ref.item[5] = 's');
    REFUSES(ref.quantity = 0);
    REFUSES(ref.quantity = 1000001);
    REFUSES(ref.price = -1);
    REFUSES(ref.price = SECKILL_AMOUNT_MAX + 1);
    REFUSES(ref.valid_until_ms = -1);
    REFUSES(options.order_ref.size = 129; options.order_ref.data = good_wish().user.data);
    REFUSES(options.order_ref.size = 1);
    REFUSES(options.timeout_ms = 3600001);
    REFUSES(options.struct_size = 1);
#undef REFUSES
    let_it_run(r);
}

static void releases_and_lookups_refuse_bad_arguments(void **state) {
    rules *r = *state;
    seckill_release_options release = SECKILL_RELEASE_OPTIONS_INIT;
    seckill_lookup_options lookup = SECKILL_LOOKUP_OPTIONS_INIT;

    assert_invalid(seckill_cancel(r->sale.item, &release, NULL, never_result, NULL));
    assert_invalid(seckill_refund(r->sale.item, &release, NULL, never_result, NULL));
    assert_invalid(seckill_lookup(r->sale.item, &lookup, NULL, never_lookup, NULL));
    release.user = lookup.user = good_wish().user;
    lookup.request_id.size = 65;
    assert_invalid(seckill_lookup(r->sale.item, &lookup, NULL, never_lookup, NULL));
    lookup.request_id.size = 1;
    assert_invalid(seckill_lookup(r->sale.item, &lookup, NULL, never_lookup, NULL));
    assert_invalid(seckill_cancel(NULL, &release, NULL, never_result, NULL));
    assert_invalid(seckill_refund(r->sale.item, NULL, NULL, never_result, NULL));
    let_it_run(r);
}

/* ---- damaged ---- */

static void run(rules *r, const char *command, uint32_t shard, const char *name, const char *rest) {
    char key[SECKILL_SHARD_KEY_SIZE], format[64];

    (void)snprintf(format, sizeof(format), "%s %%s %s", command, rest);
    redis_server_forget(redis_server_command(r->server, format, sale_key(&r->sale, shard, name, key)));
}

static void assert_only_shard_2_failed(const sale_item_answer *answer, seckill_status expected) {
    assert_status(answer->status, expected);
    assert_int_equal(answer->outcomes, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_status(answer->outcome[i], i == 2 ? expected : SECKILL_OK);
}

static void a_definition_reports_a_damaged_shard_and_can_be_repeated(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    sale_item_answer answer;

    rules_sell(r, 4, 1, 1000, 0, 40);
    run(r, "DEL", 2, "queue", "");
    settings.price = 5;
    answer = sale_define(&r->sale, 4, &settings);
    assert_only_shard_2_failed(&answer, SECKILL_DAMAGED);
    assert_int_equal(rules_field(r, 1, "price"), 5);
    assert_int_equal(rules_field(r, 2, "price"), 129900); /* all or nothing, in each script */
    run(r, "XADD", 2, "queue", "0-1 e v");
    run(r, "XDEL", 2, "queue", "0-1");
    answer = sale_define(&r->sale, 4, &settings);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.version, 2);
    assert_int_equal(rules_field(r, 2, "price"), 5);
    rules_check(r);
}

static void a_key_of_the_wrong_type_is_damage(void **state) {
    static const char *const names[] = {"stock", "users", "expirations", "transfers", "queue", "events"};
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);

    for (size_t i = 0; i < 6; i++) {
        char key[SECKILL_SHARD_KEY_SIZE], user[SECKILL_USER_MAX + 1];
        sale_item_answer answer;

        (void)rules_teardown(state);
        (void)rules_setup(state);
        rules_sell(r, 4, 1, 1000, 0, 40);
        rules_user_of(r, 2, 0, user);
        run(r, "DEL", 2, names[i], "");
        run(r, "SET", 2, names[i], "spoiled");
        settings.price = (int64_t)i;
        answer = sale_define(&r->sale, 4, &settings);
        assert_only_shard_2_failed(&answer, SECKILL_DAMAGED);
        assert_non_null(strstr(answer.message, sale_key(&r->sale, 2, names[i], key)));
        if (i < 3)
            assert_status(sale_reserve(&r->sale, user, "r", 1).status, SECKILL_DAMAGED);
    }
}

static void a_stock_without_a_counter_is_damage(void **state) {
    rules *r = *state;

    rules_sell(r, 1, 1, 1000, 0, 40);
    run(r, "HDEL", 0, "stock", "reserved");
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_DAMAGED);
    assert_status(sale_stock(&r->sale).status, SECKILL_DAMAGED);
    assert_status(sale_expire(&r->sale).status, SECKILL_DAMAGED);
    run(r, "HSET", 0, "stock", "reserved many");
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_DAMAGED);
}

static void another_layout_is_left_alone(void **state) {
    rules *r = *state;
    seckill_item_settings settings = rules_settings(1, 1000, 0);
    sale_item_answer answer;
    char *before, *after;

    rules_sell(r, 4, 1, 1000, 0, 40);
    rules_set_field(r, 2, "layout", 2);
    settings.price = 5;
    answer = sale_define(&r->sale, 4, &settings);
    assert_only_shard_2_failed(&answer, SECKILL_LAYOUT);
    assert_int_equal(rules_field(r, 2, "price"), 129900);
    redis_server_forget(redis_server_command(r->server, "HSET seckill:{sale/phone}:map layout 9"));
    before = rules_everything(r);
    assert_status(sale_define(&r->sale, 4, &settings).status, SECKILL_LAYOUT);
    assert_status(sale_get(&r->sale).status, SECKILL_LAYOUT);
    assert_status(sale_pause(&r->sale).status, SECKILL_LAYOUT);
    assert_status(sale_load(&r->sale, "op", 4).status, SECKILL_LAYOUT);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(every_call_says_that_an_item_is_not_defined),
        RULES_TEST(an_item_that_is_defined_later_is_found),
        RULES_TEST(bad_ids_open_nothing),
        RULES_TEST(item_calls_refuse_bad_arguments),
        RULES_TEST(event_calls_refuse_bad_arguments),
        RULES_TEST(reserve_refuses_bad_arguments),
        RULES_TEST(confirm_refuses_bad_arguments),
        RULES_TEST(releases_and_lookups_refuse_bad_arguments),
        RULES_TEST(a_definition_reports_a_damaged_shard_and_can_be_repeated),
        RULES_TEST(a_key_of_the_wrong_type_is_damage),
        RULES_TEST(a_stock_without_a_counter_is_damage),
        RULES_TEST(another_layout_is_left_alone),
    };

    return RULES_RUN(tests);
}
