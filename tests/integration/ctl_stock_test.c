/* seckill-ctl stock ..., and account.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl_fixture.h"
#include "orders_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void loads_once(void **state) {
    (void)state;
    ctl_json(0, "item define s/one --shards 4");
    for (int i = 0; i < 2; i++) {
        const json_t *answer = ctl_json(0, "stock load s/one 10,001 --operation first");
        assert_int_equal(ctl_int(answer, "amount"), 10001);
        assert_string_equal(ctl_text(answer, "operation"), "first");
        assert_int_equal(json_array_size(json_object_get(answer, "outcomes")), 4);
    }
    assert_string_equal(ctl_text(ctl_json(1, "stock load s/one 5 --operation first"), "status"), "conflict");
    const json_t *answer = ctl_json(0, "stock get s/one");
    assert_int_equal(ctl_int(answer, "total.loaded"), 10001);
    assert_int_equal(ctl_int(answer, "total.available"), 10001);
    assert_string_equal(ctl_text(answer, "account"), "holds");
    assert_int_equal(ctl_int(answer, "shards.3.account_difference"), 0);
}

static void prints_a_new_operation_before_sending(void **state) {
    (void)state;
    char first[128] = "";
    ctl_json(0, "item define s/two");
    const ctl_outcome *outcome = ctl("stock load s/two 10 --redis unix:/nowhere/at.all --timeout 200ms");
    assert_int_equal(outcome->code, 3);
    assert_int_equal(sscanf(outcome->err, "operation %127[^:]:", first), 1);
    ctl_json(0, "stock load s/two 10 --operation %s", first);
    ctl_json(0, "stock load s/two 10 --operation %s", first);
    assert_int_equal(ctl_int(ctl_json(0, "stock get s/two"), "total.loaded"), 10);
}

static void withdraws_what_is_there(void **state) {
    (void)state;
    ctl_json(0, "item define s/three");
    ctl_json(0, "stock load s/three 10 --operation in");
    assert_int_equal(ctl_int(ctl_json(0, "stock withdraw s/three 30 --operation out"), "amount"), 10);
    assert_int_equal(ctl_int(ctl_json(0, "stock withdraw s/three 30 --operation out"), "amount"), 10);
    assert_int_equal(ctl_int(ctl_json(0, "stock get s/three"), "total.loaded"), 0);
    assert_int_equal(ctl("stock load s/three 0")->code, 2);
    assert_int_equal(ctl("stock load s/three x")->code, 2);
    assert_int_equal(ctl("stock load s/three 5 --operation a*b")->code, 2);
    assert_int_equal(ctl("stock load s/none 5")->code, 1);
}

/* Adds to a counter behind the library's back. */
static void tamper(const char *item, int shard, const char *counter, int by) {
    char tag[64];
    snprintf(tag, sizeof tag, "%s", ctl_text(ctl_json(0, "item get s/%s", item), shard ? "tags.1" : "tags.0"));
    assert_true(redis_server_integer(ctl_redis, "HEXISTS seckill:{s/%s/%s}:stock %s", item, tag, counter) == 1);
    redis_server_forget(redis_server_command(ctl_redis, "HINCRBY seckill:{s/%s/%s}:stock %s %d", item, tag, counter, by));
}

static void notices_a_shard_that_does_not_add_up(void **state) {
    (void)state;
    ctl_json(0, "item define s/four --shards 2");
    ctl_json(0, "stock load s/four 10 --operation in");
    tamper("four", 1, "available", 2);
    const json_t *answer = ctl_json(4, "stock get s/four");
    assert_string_equal(ctl_text(answer, "account"), "violated");
    assert_int_equal(ctl_int(answer, "shards.0.account_difference"), 0);
    assert_int_equal(ctl_int(answer, "shards.1.account_difference"), 2);
    assert_non_null(strstr(ctl("stock get s/four")->out, "VIOLATED: 2 units too many"));
    assert_int_equal(ctl("status s")->code, 4);
    tamper("four", 1, "available", -2);
    ctl_json(0, "stock get s/four");
    ctl_json(0, "status s");
}

static void shows_the_shards_that_failed(void **state) {
    (void)state;
    char tag[64];
    ctl_json(0, "item define s/five --shards 2");
    ctl_json(0, "stock load s/five 10 --operation in");
    snprintf(tag, sizeof tag, "%s", ctl_text(ctl_json(0, "item get s/five"), "tags.1"));
    redis_server_forget(redis_server_command(ctl_redis, "DEL seckill:{s/five/%s}:stock", tag));
    const json_t *answer = ctl_json(4, "stock get s/five");
    assert_string_equal(ctl_text(answer, "shards.0.status"), "ok");
    assert_string_equal(ctl_text(answer, "shards.1.status"), "damaged");
    assert_string_equal(ctl_text(answer, "account"), "unread");
    assert_int_equal(ctl_int(answer, "total.available"), 5);
    const ctl_outcome *outcome = ctl("item pause s/five");
    assert_int_equal(outcome->code, 4);
    assert_non_null(strstr(outcome->out, "1 of 2 shards"));
    assert_non_null(strstr(outcome->out, "damaged"));
    redis_server_forget(redis_server_command(ctl_redis, "DEL seckill:{s/five}:map"));
}

/* A user whose home is a shard of an item of two, for as many as are asked for. */
static void user_of(const char *item, int shard, int nth, char user[32]) {
    for (int n = 0; nth >= 0; n++) {
        snprintf(user, 32, "u%d", n);
        nth -= ctl_int(ctl_json(0, "shard of s/%s %s", item, user), "shard") == shard;
    }
}

/* Ten units in two shards; seven users of the first one want them. */
static void shows_what_moved(void **state) {
    (void)state;
    char user[32];
    ctl_json(0, "item define s/moved --shards 2");
    ctl_json(0, "stock load s/moved 10 --operation in");
    for (int n = 0; n < 7; n++) {
        user_of("moved", 0, n, user);
        ctl_json(0, "reserve s/moved %s --request r", user);
    }
    const json_t *answer = ctl_json(0, "stock get s/moved");
    long long moved = ctl_int(answer, "total.transferred_out");
    assert_true(moved >= 2 && moved <= 5);
    assert_int_equal(ctl_int(answer, "total.transferred_in"), moved);
    assert_int_equal(ctl_int(answer, "shards.1.transferred_out"), moved);
    assert_int_equal(ctl_int(answer, "shards.0.transferred_in"), moved);
    assert_true(ctl_int(answer, "total.transfers") >= 1);
    assert_int_equal(ctl_int(answer, "shards.1.transfers"), ctl_int(answer, "total.transfers"));
    assert_int_equal(ctl_int(answer, "total.in_transit"), 0);
    assert_int_equal(ctl_int(answer, "total.owed"), 0);
    assert_string_equal(ctl_text(answer, "account"), "holds");
    const ctl_outcome *outcome = ctl("stock get s/moved");
    assert_non_null(strstr(outcome->out, "units moved between shards: "));
    assert_non_null(strstr(outcome->out, "owed: 0"));
}

/* As a failover leaves it that made the giver forget: the taker has taken what was never sent. */
static void finishes_transfers(void **state) {
    (void)state;
    char tag[64];
    ctl_json(0, "item define s/forgot --shards 2");
    ctl_json(0, "stock load s/forgot 10 --operation in");
    const json_t *answer = ctl_json(0, "transfers finish s/forgot");
    assert_int_equal(ctl_int(answer, "transit"), 0);
    assert_int_equal(ctl_int(answer, "owed"), 0);
    snprintf(tag, sizeof tag, "%s", ctl_text(ctl_json(0, "item get s/forgot"), "tags.0"));
    /* Shard 0 has seven of shard 1's five, which knows nothing of it. */
    redis_server_forget(redis_server_command(ctl_redis, "HSET seckill:{s/forgot/%s}:transfers 1 %b", tag,
                                             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7", (size_t)16));
    tamper("forgot", 0, "taken", 7);
    tamper("forgot", 0, "available", 7);
    answer = ctl_json(0, "stock get s/forgot");
    assert_int_equal(ctl_int(answer, "total.in_transit"), -7);
    assert_string_equal(ctl_text(answer, "account"), "holds");
    answer = ctl_json(0, "transfers finish s/forgot");
    assert_int_equal(ctl_int(answer, "owed"), 2);
    assert_non_null(strstr(ctl("transfers finish s/forgot")->out, "owed: 2"));
    answer = ctl_json(0, "stock get s/forgot");
    assert_int_equal(ctl_int(answer, "total.in_transit"), 0);
    assert_int_equal(ctl_int(answer, "total.owed"), 2);
    assert_int_equal(ctl_int(answer, "shards.1.owed"), 2);
    assert_int_equal(ctl_int(answer, "shards.1.available"), -2);
    assert_int_equal(ctl_int(answer, "shards.0.owed"), 0);
    assert_int_equal(ctl_int(answer, "total.available"), 10);
    assert_string_equal(ctl_text(answer, "account"), "holds");
    assert_non_null(strstr(ctl("stock get s/forgot")->out, "owed: 2"));
    assert_int_equal(ctl("transfers finish s/never")->code, 1);
    assert_int_equal(ctl("transfers finish s/forgot --redis unix:/nowhere/at.all --timeout 200ms")->code, 3);
    assert_int_equal(ctl("transfers")->code, 2);
}

static void takes_addresses_and_replicas(void **state) {
    (void)state;
    const char *address = redis_server_address(ctl_redis);
    ctl_json(0, "stock get s/moved --redis unix:/nowhere/at.all,%s", address);
    ctl_json(0, "stock get s/moved --redis %s,unix:/nowhere/at.all", address);
    assert_int_equal(ctl("stock get s/moved --redis %s,", address)->code, 2);
    assert_int_equal(ctl("stock get s/moved --redis a:b:c,%s", address)->code, 2);
    assert_int_equal(ctl("stock get s/moved --replicas 17")->code, 2);
    assert_int_equal(ctl("stock get s/moved --replicas -1")->code, 2);
    ctl_json(0, "stock get s/moved --replicas 0");
    /* There is no replica: what must be on one is not known to be done. */
    assert_int_equal(ctl("stock load s/moved 1 --operation lasting --replicas 1 --timeout 300ms")->code, 3);
    assert_non_null(strstr(ctl("help stock get")->out, "--replicas"));
}

/* ---- account ---- */

static char orders[512];

/* Writes what a worker would: the inventory, and the orders of all events that wait. */
static orders_db *open_orders(const char *item, int64_t units) {
    orders_db *db;
    char error[ORDERS_DB_ERROR_SIZE];
    snprintf(orders, sizeof orders, "%s/%s.db", redis_server_folder(ctl_redis), item);
    assert_int_equal(orders_db_open(orders, ORDERS_DB_CREATE, 1000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_set_inventory(db, "s", item, units, ORDERS_DB_EXACTLY), ORDERS_DB_OK);
    return db;
}

static void write_order(orders_db *db, const char *item, uint8_t id) {
    orders_db_outcome outcome;
    orders_db_event event = {"s", item, {{1, id}, SECKILL_EVENT_CONFIRMED, {id}, {"u", 1}, {"", 0}, 1, 5, 1000, {0}}};
    assert_int_equal(orders_db_apply(db, &event, 1, &outcome), ORDERS_DB_OK);
    assert_int_equal(outcome, ORDERS_DB_WRITTEN);
}

static void accounts_for_an_item_without_orders(void **state) {
    (void)state;
    ctl_json(0, "item define s/six");
    ctl_json(0, "stock load s/six 10 --operation in");
    orders_db_close(open_orders("six", 10));
    const json_t *answer = ctl_json(0, "account s/six --orders %s --seen-orders 0 --wait 1s", orders);
    assert_int_equal(ctl_int(answer, "orders.inventory"), 10);
    for (size_t i = 0; i < json_array_size(json_object_get(answer, "checks")); i++) {
        const json_t *check = json_array_get(json_object_get(answer, "checks"), i);
        assert_string_equal(json_string_value(json_object_get(check, "result")), "holds");
    }
    assert_non_null(strstr(ctl("account s/six --orders %s", orders)->out, "nothing oversold"));
}

static void account_leaves_open_what_is_on_its_way(void **state) {
    (void)state;
    ctl_json(0, "item define s/seven");
    ctl_json(0, "stock load s/seven 8 --operation in");
    ctl_json(0, "reserve s/seven ann --request 1");
    ctl_json(0, "confirm s/seven --user ann --request 1");
    orders_db_close(open_orders("seven", 8));
    const json_t *answer = ctl_json(0, "account s/seven --orders %s", orders);
    assert_string_equal(ctl_text(answer, "checks.4.result"), "open");
    ctl_json(4, "account s/seven --orders %s --wait 300ms", orders);
}

static void account_notices_what_is_missing_or_too_much(void **state) {
    (void)state;
    ctl_json(0, "item define s/eight --shards 2");
    ctl_json(0, "stock load s/eight 1 --operation in");
    orders_db *db = open_orders("eight", 10);
    ctl_json(0, "account s/eight --orders %s", orders);
    ctl_json(4, "account s/eight --orders %s --seen-orders 1", orders);
    write_order(db, "eight", 1);
    const json_t *unsold = ctl_json(4, "account s/eight --orders %s", orders); /* an order that Redis did not sell */
    assert_int_equal(ctl_int(unsold, "orders.unpaid_orders"), 1);
    write_order(db, "eight", 2);
    const json_t *answer = ctl_json(4, "account s/eight --orders %s", orders); /* and one more than was loaded */
    assert_string_equal(ctl_text(answer, "status"), "does_not_add_up");
    assert_non_null(strstr(ctl("account s/eight --orders %s", orders)->out, "VIOLATED"));
    orders_db_close(db);
}

static void account_needs_its_database(void **state) {
    (void)state;
    ctl_json(0, "item define s/nine");
    assert_int_equal(ctl("account s/nine")->code, 2);
    assert_int_equal(ctl("account s/nine --orders /nowhere/orders.db")->code, 2);
    assert_int_equal(ctl("account s/nine --orders /nowhere/orders.db --wait x")->code, 2);
    orders_db_close(open_orders("ten", 1));
    assert_int_equal(ctl("account s/none --orders %s", orders)->code, 1);
    ctl_json(4, "account s/nine --orders %s", orders); /* it has no inventory there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_once),
        cmocka_unit_test(prints_a_new_operation_before_sending),
        cmocka_unit_test(withdraws_what_is_there),
        cmocka_unit_test(notices_a_shard_that_does_not_add_up),
        cmocka_unit_test(shows_the_shards_that_failed),
        cmocka_unit_test(shows_what_moved),
        cmocka_unit_test(finishes_transfers),
        cmocka_unit_test(takes_addresses_and_replicas),
        cmocka_unit_test(accounts_for_an_item_without_orders),
        cmocka_unit_test(account_leaves_open_what_is_on_its_way),
        cmocka_unit_test(account_notices_what_is_missing_or_too_much),
        cmocka_unit_test(account_needs_its_database),
    };
    unsetenv("SECKILL_PREFIX");
    return cmocka_run_group_tests(tests, ctl_start_redis, ctl_stop_redis);
}
