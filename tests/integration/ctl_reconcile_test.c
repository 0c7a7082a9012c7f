/* seckill-ctl reconcile: faults that are planted on the shards are found, named, repaired where that is promised, and gone
 * then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_reconcile_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void are_repaired_by(const char *faults, const char *options) {
    const json_t *item = finds(faults, options);
    for (size_t i = 0; i < json_array_size(json_object_get(item, "faults")); i++) {
        assert_true(is_repaired(fault_of(item, i)));
        assert_null(json_object_get(fault_of(item, i), "not_repaired"));
    }
}

static void are_left_because(const char *faults, const char *options, const char *words) {
    const json_t *item = finds(faults, options);
    for (size_t i = 0; i < json_array_size(json_object_get(item, "faults")); i++) {
        is_left_because(fault_of(item, i), words);
    }
}

/* Found without a repair, and nothing is changed by that; then all of it repaired; then gone. */
static void is_found_and_repaired(const char *faults) {
    assert_null(json_object_get(fault_of(finds(faults, ""), 0), "not_repaired"));
    are_repaired_by(faults, "--repair");
    (void)adds_up("");
}

/* The same, where units become available by it. */
static void is_found_and_given_back(const char *faults) {
    (void)finds(faults, "");
    are_left_because(faults, "--repair", "--give-back");
    are_repaired_by(faults, "--repair --give-back");
    (void)adds_up("");
}

/* ---- a healthy item ---- */

static void a_healthy_item_adds_up(void **state) {
    books *b = *state;
    sell_some(b);
    const json_t *item = adds_up("");
    assert_string_equal(ctl_text(item, "item"), "phone");
    assert_int_equal(ctl_int(item, "total.loaded"), BOOKS_UNITS);
    assert_int_equal(ctl_int(item, "total.reserved"), 2);
    assert_int_equal(ctl_int(item, "total.sold"), 2);
    assert_int_equal(ctl_int(item, "total.available"), BOOKS_UNITS - 4);
    assert_int_equal(ctl_int(item, "total.users"), 4);
    assert_int_equal(ctl_int(item, "total.events"), 2);
    assert_int_equal(ctl_int(item, "total.in_transit"), 0);
    assert_int_equal(ctl_int(item, "total.owed"), 0);
    assert_int_equal(ctl_int(item, "total.overdue"), 0);
    assert_int_equal(ctl_int(item, "shards.0.sold"), 1);
    assert_int_equal(ctl_int(item, "shards.1.events"), 1);
    (void)adds_up("--repair");
    const ctl_outcome *outcome = ctl("reconcile sale/phone");
    assert_int_equal(outcome->code, 0);
    assert_non_null(strstr(outcome->out, "It adds up: 40 units loaded, 2 of them sold, 4 reservations\n"));
    assert_non_null(strstr(outcome->out, "shard  loaded  in  out  available  reserved  sold  users  events  queued  faults\n"));
    assert_non_null(strstr(outcome->out, "units in transit: 0; owed: 0; overdue: 0\n"));
    assert_string_equal(outcome->err, "");
}

static void all_items_of_an_activity(void **state) {
    books *b = *state;
    sell_some(b);
    ctl_json(0, "item define sale/pen");
    ctl_json(0, "stock load sale/pen 10 --operation in");
    const json_t *answer = ctl_json(0, "reconcile sale");
    assert_string_equal(ctl_text(answer, "items.0.item"), "pen");
    assert_string_equal(ctl_text(answer, "items.1.item"), "phone");
    assert_non_null(strstr(ctl_text(answer, "message"), "It adds up: 50 units loaded"));
    on_shard(b, 0, "HINCRBY", "stock", "sold 1");
    answer = ctl_json(4, "reconcile sale");
    assert_int_equal(ctl_int(answer, "items.0.fault_count"), 0);
    assert_string_equal(ctl_text(answer, "items.0.status"), "ok");
    assert_int_equal(ctl_int(answer, "items.1.fault_count"), 1);
    assert_string_equal(ctl_text(answer, "items.1.status"), "does_not_add_up");
    assert_int_equal(ctl_int(answer, "fault_count"), 1);
    assert_int_equal(json_array_size(json_object_get(ctl_json(0, "reconcile nothing"), "items")), 0);
}

/* ---- faults ---- */

static void a_counter_off_by_one(void **state) {
    static const char *const names[] = {"loaded", "available", "reserved", "sold", "refunded", "taken", "sent"};
    books *b = *state;
    sell_some(b);
    for (uint32_t i = 0; i < 2 * (sizeof names / sizeof names[0]); i++) {
        const char *name = names[i / 2];
        char faults[64];
        long long right = on_shard(b, i % 2, "HGET", "stock", "%s", name), off = i < 7 ? 1 : -1;
        snprintf(faults, sizeof faults, "counter %s", name);
        on_shard(b, i % 2, "HINCRBY", "stock", "%s %lld", name, off);
        const json_t *fault = fault_of(finds(faults, ""), 0);
        assert_int_equal(ctl_int(fault, "shard"), i % 2);
        assert_int_equal(ctl_int(fault, "found"), right + off);
        assert_int_equal(ctl_int(fault, "expected"), right);
        assert_non_null(strstr(ctl_text(fault, "key"), ":stock"));
        assert_true(json_is_false(json_object_get(fault, "repaired")));
        assert_int_equal(on_shard(b, i % 2, "HGET", "stock", "%s", name), right + off);
        is_found_and_repaired(faults);
        assert_int_equal(on_shard(b, i % 2, "HGET", "stock", "%s", name), right);
    }
}

static void a_record_without_counter(void **state) {
    books *b = *state;
    uint8_t record[44];
    sell_some(b);
    pack_record(record, 9, SECKILL_RESERVATION_SOLD, 2, 1700000000000, 0);
    put_record(b, 1, user_of(b, 1, 9), record, sizeof record);
    is_found_and_repaired("counter available, counter sold");
    assert_int_equal(on_shard(b, 1, "HGET", "stock", "sold"), 3);
}

static void a_counter_without_record(void **state) {
    books *b = *state;
    sell_some(b);
    on_shard(b, 0, "HDEL", "users", "%s", user_of(b, 0, 0)); /* reserved */
    is_found_and_given_back("counter available, counter reserved");
    assert_int_equal(on_shard(b, 0, "HGET", "stock", "reserved"), 0);
    on_shard(b, 1, "HINCRBY", "stock", "available -1");
    is_found_and_given_back("counter available");
    on_shard(b, 1, "HINCRBY", "stock", "available -1");
    assert_non_null(strstr(ctl("reconcile sale/phone --repair")->out, "no: units would become available: see --give-back\n"));
}

static void a_counter_beside_a_damaged_record(void **state) {
    books *b = *state;
    uint8_t record[44];
    sell_some(b);
    pack_record(record, 9, SECKILL_RESERVATION_SOLD, 1, 1700000000000, 1800000000000);
    put_record(b, 1, user_of(b, 1, 9), record, sizeof record);
    on_shard(b, 1, "HINCRBY", "stock", "sold 1");
    on_shard(b, 1, "HINCRBY", "stock", "available -1");
    is_left_because(fault_of(finds("record it ends, though it is sold or refunded", "--repair"), 0), "not known");
    on_shard(b, 0, "HINCRBY", "stock", "available -1");
    on_shard(b, 1, "HINCRBY", "stock", "refunded 1");
    const json_t *item =
        finds("counter available, counter refunded, record it ends, though it is sold or refunded", "--repair --give-back");
    for (size_t i = 0; i < 3; i++) {
        if (ctl_int(fault_of(item, i), "shard") == 0) {
            assert_true(is_repaired(fault_of(item, i)));
        } else if (strcmp(ctl_text(fault_of(item, i), "kind"), "counter") == 0) {
            is_left_because(fault_of(item, i), "a record of the shard is damaged");
        }
    }
    assert_int_equal(ctl_int(item, "shards.0.repaired_count"), 1);
    assert_int_equal(ctl_int(item, "shards.1.fault_count"), 2);
    assert_int_equal(on_shard(b, 1, "HGET", "stock", "refunded"), 1);
}

static void put_row(books *b, uint32_t shard, uint32_t other, uint8_t sent, uint8_t taken) {
    char key[SECKILL_SHARD_KEY_SIZE];
    const uint8_t row[16] = {[7] = sent, [15] = taken};
    redis_server_forget(
        redis_server_command(ctl_redis, "HSET %s %u %b", sale_key(&b->sale, shard, "transfers", key), other, row, sizeof row));
}

static void a_transfer_that_is_in_no_counter(void **state) {
    books *b = *state;
    sell_some(b);
    put_row(b, 0, 1, 3, 0);
    (void)finds("counter available, counter sent", "");
    is_found_and_repaired("counter available, counter sent");
    assert_int_equal(ctl_int(adds_up(""), "total.in_transit"), 3);
    ctl_json(0, "transfers finish sale/phone");
    assert_int_equal(ctl_int(adds_up(""), "total.in_transit"), 0);
}

static void a_transfer_that_was_taken_and_never_sent(void **state) {
    books *b = *state;
    sell_some(b);
    put_row(b, 0, 1, 0, 5);
    on_shard(b, 0, "HINCRBY", "stock", "taken 5");
    on_shard(b, 0, "HINCRBY", "stock", "available 5");
    const json_t *fault = fault_of(finds("transfer from shard 1", ""), 0);
    assert_int_equal(ctl_int(fault, "shard"), 0);
    assert_int_equal(ctl_int(fault, "other_shard"), 1);
    assert_int_equal(ctl_int(fault, "found"), 5);
    assert_int_equal(ctl_int(fault, "expected"), 0);
    is_found_and_repaired("transfer from shard 1");
    assert_int_equal(on_shard(b, 1, "HGET", "stock", "sent"), 5);
}

static void a_reservation_that_never_expires(void **state) {
    books *b = *state;
    sale_answer answer = reserve_for(b, 0, 0);
    uint8_t endless[44];
    on_shard(b, 0, "ZREMRANGEBYSCORE", "expirations", "-inf (inf");
    const json_t *fault = fault_of(finds("never_ends no entry says when it ends", ""), 0);
    assert_string_equal(ctl_text(fault, "user"), user_of(b, 0, 0));
    assert_int_equal(ctl_int(fault, "ends_ms"), answer.reservation.ends_ms);
    assert_int_equal(strlen(ctl_text(fault, "reservation_id")), 32);
    is_found_and_repaired("never_ends no entry says when it ends");
    pack_record(endless, 4, SECKILL_RESERVED, 1, 1700000000000, 0);
    put_record(b, 1, user_of(b, 1, 5), endless, sizeof endless);
    on_shard(b, 1, "HINCRBY", "stock", "reserved 1");
    on_shard(b, 1, "HINCRBY", "stock", "available -1");
    is_found_and_repaired("never_ends it has no end");
}

static void what_cannot_be_known_is_left(void **state) {
    books *b = *state;
    uint8_t record[44];
    sell_some(b);
    pack_record(record, 9, SECKILL_RESERVATION_SOLD, 1, 1700000000000, 0);
    put_record(b, 1, user_of(b, 1, 9), record, sizeof record - 1);
    for (int i = 0; i < 2; i++) {
        const json_t *fault = fault_of(finds("record what is stored is no list of records", "--repair"), 0);
        assert_string_equal(ctl_text(fault, "user"), user_of(b, 1, 9));
        is_left_because(fault, "not known");
    }
    on_shard(b, 1, "HDEL", "users", "%s", user_of(b, 1, 9));
    on_shard(b, 0, "HDEL", "users", "%s", user_of(b, 0, 1)); /* sold, and its event waits */
    static const char all[] = "counter available, counter sold, event no record is in the state that it tells of";
    (void)finds(all, "--repair");
    (void)finds(all, "--repair --give-back");
    const json_t *fault = fault_of(finds("event no record is in the state that it tells of", "--repair"), 0);
    assert_int_equal(ctl_int(fault, "event_n"), 1);
    assert_string_equal(ctl_text(fault, "user"), user_of(b, 0, 1));
    put_record(b, 1, user_of(b, 0, 8), record, sizeof record);
    (void)finds("counter available, counter sold, event no record is in the state that it tells of, home the home is shard 0",
                "");
}

static void damaged_entries_and_queues(void **state) {
    books *b = *state;
    sell_some(b);
    on_shard(b, 0, "ZADD", "expirations", "5 short");
    is_found_and_repaired("entry at 5");
    on_shard(b, 1, "HINCRBY", "stock", "enqueued 2");
    is_found_and_repaired("missing_requests 2 from number 1 on");
    on_shard(b, 1, "HINCRBY", "stock", "enqueued 1");
    on_shard(b, 1, "XADD", "queue", "1-3 r nothing");
    is_found_and_repaired("missing_requests 1 from number 3 on, waiting the one of number 3");
}

/* ---- what it says, and to whom ---- */

static void each_repair_is_logged(void **state) {
    books *b = *state;
    sell_some(b);
    on_shard(b, 1, "HINCRBY", "stock", "sold 3");
    on_shard(b, 0, "ZADD", "expirations", "5 short");
    const ctl_outcome *outcome = ctl("reconcile sale/phone --repair");
    assert_int_equal(outcome->code, 4);
    assert_non_null(strstr(outcome->err, "Z repaired sale/phone: counter, shard 1, seckill:{sale/phone/"));
    assert_non_null(strstr(outcome->err, ":stock: sold: from 4 to 1\n"));
    assert_non_null(strstr(outcome->err, ":expirations: at 5: removed\n"));
    assert_non_null(strstr(outcome->err, "2 faults, 2 repaired: run it again to see that it adds up (does_not_add_up)\n"));
    assert_non_null(strstr(outcome->out, "fault    shard  key"));
    assert_non_null(strstr(outcome->out, "yes\n"));
    assert_int_equal(ctl("reconcile sale/phone --repair")->code, 0);
}

static void names_no_more_than_asked_for(void **state) {
    books *b = *state;
    for (uint32_t n = 0; n < 5; n++) {
        (void)reserve_for(b, 0, n);
    }
    on_shard(b, 0, "ZREMRANGEBYSCORE", "expirations", "-inf (inf");
    const json_t *answer = ctl_json(4, "reconcile sale/phone --max-faults 2");
    assert_int_equal(json_array_size(json_object_get(json_array_get(json_object_get(answer, "items"), 0), "faults")), 2);
    assert_int_equal(ctl_int(answer, "fault_count"), 5);
    assert_int_equal(ctl_int(answer, "unnamed"), 3);
    assert_non_null(strstr(ctl("reconcile sale/phone --max-faults 2")->out, "3 more faults"));
    assert_int_equal(ctl_int(ctl_json(4, "reconcile sale/phone --max-faults 0 --repair"), "repaired_count"), 5);
    (void)adds_up("");
}

/* What is found on one shard is said, though another cannot be read. */
static void a_shard_that_cannot_be_read(void **state) {
    books *b = *state;
    sell_some(b);
    on_shard(b, 0, "HINCRBY", "stock", "sold 1");
    on_shard(b, 1, "HSET", "stock", "op:strange many");
    const json_t *item = finds("counter sold", "");
    assert_string_equal(ctl_text(item, "shards.0.status"), "ok");
    assert_string_equal(ctl_text(item, "shards.1.status"), "damaged");
    assert_non_null(strstr(ctl_text(item, "incomplete"), "op:strange"));
    const ctl_outcome *outcome = ctl("reconcile sale/phone");
    assert_int_equal(outcome->code, 4);
    assert_non_null(strstr(outcome->out, "not all of it was looked at: "));
}

static void exit_codes(void **state) {
    books *b = *state;
    static const char *const wrong[] = {"reconcile",
                                        "reconcile a/b/c",
                                        "reconcile sale/phone --max-faults 100001",
                                        "reconcile sale/phone --within 2h",
                                        "reconcile sale/phone --patience 11m",
                                        "reconcile sale/phone --give-back",
                                        "reconcile sale/phone --orders /nowhere/orders.db",
                                        "reconcile sale/phone --repair --orders /nowhere/orders.db"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ctl("%s", wrong[i])->code, 2);
    }
    assert_int_equal(ctl("reconcile sale/never")->code, 1);
    assert_string_equal(ctl_text(ctl_json(1, "reconcile sale/never"), "status"), "not_defined");
    assert_int_equal(ctl("reconcile sale/phone --redis unix:/nowhere/at.all --timeout 200ms --within 200ms")->code, 3);
    assert_int_equal(ctl("reconcile sale --redis unix:/nowhere/at.all --timeout 200ms")->code, 3);
    assert_int_equal(on_shard(b, 1, "DEL", "transfers", "%s", ""), 1);
    const json_t *answer = ctl_json(4, "reconcile sale/phone");
    assert_string_equal(ctl_text(answer, "status"), "damaged");
    assert_non_null(strstr(ctl("reconcile sale/phone")->out, ":transfers"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOOKS_TEST(a_healthy_item_adds_up),
        BOOKS_TEST(all_items_of_an_activity),
        BOOKS_TEST(a_counter_off_by_one),
        BOOKS_TEST(a_record_without_counter),
        BOOKS_TEST(a_counter_without_record),
        BOOKS_TEST(a_counter_beside_a_damaged_record),
        BOOKS_TEST(a_transfer_that_is_in_no_counter),
        BOOKS_TEST(a_transfer_that_was_taken_and_never_sent),
        BOOKS_TEST(a_reservation_that_never_expires),
        BOOKS_TEST(what_cannot_be_known_is_left),
        BOOKS_TEST(damaged_entries_and_queues),
        BOOKS_TEST(each_repair_is_logged),
        BOOKS_TEST(names_no_more_than_asked_for),
        BOOKS_TEST(a_shard_that_cannot_be_read),
        BOOKS_TEST(exit_codes),
    };
    unsetenv("SECKILL_PREFIX");
    return cmocka_run_group_tests(tests, ctl_start_redis, ctl_stop_redis);
}
