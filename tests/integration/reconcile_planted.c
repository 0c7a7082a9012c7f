/* Reconcile finds what is wrong, names it, mends what is proven, and is content with what it has mended.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "base/wire.h"
#include "queue_support.h"
#include "sale_audit.h"
#include "supply_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 2, UNITS = 40, GIVING_BACK = SECKILL_RECONCILE_REPAIR | SECKILL_RECONCILE_GIVE_BACK };

static sale_audit audit; /* large, and of one test at a time */

static const sale_audit *run(rules *r, uint32_t flags) {
    sale_reconcile(&r->sale, flags, 3, &audit);
    assert_status(audit.status, SECKILL_OK);
    return &audit;
}

static void assert_clean(rules *r) {
    if (run(r, 0)->faults != 0) {
        sale_print_audit(&audit);
        fail();
    }
}

/* One fault of the kind on the shard; the place of it. */
static const sale_fault *assert_found(const sale_audit *found, seckill_fault_kind kind, uint32_t shard) {
    const sale_fault *one = NULL;

    for (size_t i = 0; i < found->listed; i++)
        if (found->list[i].kind == kind && found->list[i].shard == shard && one == NULL)
            one = &found->list[i];
    if (one == NULL) {
        sale_print_audit(found);
        fail_msg("no %s on shard %u", seckill_fault_name(kind), shard);
    }
    return one;
}

static size_t count_found(const sale_audit *found, seckill_fault_kind kind) {
    size_t count = 0;

    for (size_t i = 0; i < found->listed; i++)
        count += found->list[i].kind == kind;
    return count;
}

/* A sale with a record in every state on both shards, events, and a queue. */
static void sell_some(rules *r) {
    char user[SECKILL_USER_MAX + 1];
    sale_answer answer;

    rules_sell(r, SHARDS, 4, 60000, 0, UNITS);
    rules_freeze(r);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        for (uint32_t n = 0; n < 6; n++) {
            rules_user_of(r, shard, n, user);
            answer = rules_reserve(r, user, "r", 1 + n % 3);
            assert_status(answer.status, SECKILL_OK);
            if (n == 1 || n == 2 || n == 3)
                assert_status(sale_confirm(&r->sale, &answer.ref, "").status, SECKILL_OK);
            if (n == 2)
                assert_status(sale_refund(&r->sale, user, answer.reservation.id).status, SECKILL_OK);
            if (n == 4)
                assert_status(sale_cancel(&r->sale, user, answer.reservation.id).status, SECKILL_OK);
        }
        for (uint32_t n = 10; n < 15; n++) {
            rules_user_of(r, shard, n, user);
            assert_status(queue_enqueue(r, user, "q", 1).status, SECKILL_OK);
        }
    }
    rules_check(r);
}

static void a_healthy_item_is_clean_and_shown_whole(void **state) {
    rules *r = *state;
    sale_stock_answer stock;

    sell_some(r);
    for (int i = 0; i < 40; i++) /* stamps come round */
        assert_clean(r);
    stock = sale_stock(&r->sale);
    assert_int_equal(audit.count, SHARDS);
    assert_int_equal(audit.shown_reservations, 12);
    assert_int_equal(audit.shown_events, 2 * 4);
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_int_equal(audit.shards[i].loaded, stock.shards[i].loaded);
        assert_int_equal(audit.shards[i].available, stock.shards[i].available);
        assert_int_equal(audit.shards[i].reserved, stock.shards[i].reserved);
        assert_int_equal(audit.shards[i].sold, stock.shards[i].sold);
        assert_int_equal(audit.shards[i].refunded, stock.shards[i].refunded);
        assert_int_equal(audit.shards[i].users, 6);
        assert_int_equal(audit.shards[i].queued, 5);
        assert_true(audit.shards[i].epoch == stock.shards[i].epoch);
    }
    rules_check(r);
}

/* ---- counters */

static void each_counter_off_by_one_is_named_and_mended(void **state) {
    static const char *const names[] = {"loaded", "available", "reserved", "sold", "refunded", "taken", "sent"};
    rules *r = *state;

    sell_some(r);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (long long off = -1; off <= 1; off += 2) {
            uint32_t shard = (uint32_t)i % SHARDS;
            long long right = rules_field(r, shard, names[i]);
            const sale_fault *fault;

            rules_set_field(r, shard, names[i], right + off);
            fault = assert_found(run(r, 0), SECKILL_FAULT_COUNTER, shard);
            assert_int_equal(audit.faults, 1);
            assert_string_equal(fault->what, names[i]);
            assert_int_equal(fault->found, right + off);
            assert_int_equal(fault->expected, right);
            assert_false(fault->repaired);
            assert_int_equal(rules_field(r, shard, names[i]), right + off);

            if (strcmp(names[i], "available") == 0 && off < 0) {
                assert_int_equal(run(r, SECKILL_RECONCILE_REPAIR)->repaired, 0); /* who knows whether it was not sold */
                assert_int_equal(rules_field(r, shard, names[i]), right + off);
            }
            fault = assert_found(run(r, GIVING_BACK), SECKILL_FAULT_COUNTER, shard);
            assert_string_equal(fault->what, names[i]);
            assert_int_equal(fault->found, right + off);
            assert_int_equal(fault->expected, right);
            assert_true(fault->repaired);
            assert_int_equal(rules_field(r, shard, names[i]), right);
            assert_clean(r);
        }
    }
    rules_check(r);
}

/* ---- records */

static void write_record(rules *r, uint32_t shard, const char *user, const rules_record *records, size_t count, size_t cut) {
    uint8_t bytes[44 * 8];
    sk__writer writer = sk__writer_of(bytes, sizeof(bytes));
    char key[SECKILL_SHARD_KEY_SIZE];

    for (size_t i = 0; i < count; i++) {
        sk__write_bytes(&writer, records[i].id, sizeof(records[i].id));
        sk__write_u8(&writer, (uint8_t)records[i].state);
        sk__write_u32(&writer, records[i].quantity);
        sk__write_u56(&writer, (uint64_t)records[i].price);
        sk__write_u48(&writer, (uint64_t)records[i].since);
        sk__write_u48(&writer, (uint64_t)records[i].ends);
        sk__write_u32(&writer, records[i].grace);
    }
    redis_server_forget(redis_server_command(r->server, "HSET %s %s %b", sale_key(&r->sale, shard, "users", key), user, bytes,
                                             writer.at - cut));
}

static const rules_record sold_one = {{7, 7, 7}, RECORD_SOLD, 2, 5, 1000, 0, 0};

static void a_record_without_counter_is_found_whatever_its_stamp(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1];
    const sale_fault *fault;

    sell_some(r);
    rules_user_of(r, 1, 20, user);
    for (int runs = 0; runs < 17; runs++) { /* with every stamp that the others may have */
        write_record(r, 1, user, &sold_one, 1, 0);
        fault = assert_found(run(r, 0), SECKILL_FAULT_COUNTER, 1);
        assert_string_equal(fault->what, "sold");
        assert_int_equal(fault->expected - fault->found, 2);
        assert_int_equal(audit.faults, 2); /* available, too */
        redis_server_forget(
            redis_server_command(r->server, "HDEL %s %s", sale_key(&r->sale, 1, "users", (char[300]){0}), user));
        assert_clean(r);
    }
    write_record(r, 1, user, &sold_one, 1, 0);
    assert_int_equal(run(r, SECKILL_RECONCILE_REPAIR)->repaired, 2);
    assert_clean(r);
    rules_check(r);
}

static void a_counter_without_record_is_mended(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1], key[SECKILL_SHARD_KEY_SIZE];
    long long available;

    sell_some(r);
    rules_user_of(r, 0, 0, user); /* one unit reserved */
    available = rules_field(r, 0, "available");
    redis_server_forget(redis_server_command(r->server, "HDEL %s %s", sale_key(&r->sale, 0, "users", key), user));
    assert_int_equal(run(r, SECKILL_RECONCILE_REPAIR)->repaired, 0);
    assert_int_equal(rules_field(r, 0, "available"), available);
    assert_int_equal(run(r, GIVING_BACK)->repaired, 2);
    assert_int_equal(rules_field(r, 0, "available"), available + 1);
    assert_clean(r);
}

/* The counters know of units that a damaged record may stand for. */
static void nothing_is_sold_again_beside_it(rules *r, const char *user) {
    long long sold = rules_field(r, 0, "sold"), available = rules_field(r, 0, "available");

    rules_set_field(r, 0, "sold", sold + 2);
    (void)run(r, GIVING_BACK);
    assert_string_equal(assert_found(&audit, SECKILL_FAULT_COUNTER, 0)->what, "sold");
    assert_string_equal(assert_found(&audit, SECKILL_FAULT_RECORD, 0)->user, user);
    assert_int_equal(audit.repaired, 0);
    assert_int_equal(rules_field(r, 0, "sold"), sold + 2);
    assert_int_equal(rules_field(r, 0, "available"), available);
    rules_set_field(r, 0, "sold", sold);
}

static void damaged_records_are_named_and_left(void **state) {
    static const struct {
        rules_record record;
        size_t cut;
        const char *what;
    } cases[] = {
        {{{1}, 8, 1, 5, 1000, 0, 0}, 0, "its state is none"},
        {{{1}, 0, 1, 5, 1000, 0, 0}, 0, "its state is none"},
        {{{1}, RECORD_CANCELLED, 0, 5, 1000, 9000, 0}, 0, "its quantity is out of range"},
        {{{1}, RECORD_CANCELLED, 1000001, 5, 1000, 9000, 0}, 0, "its quantity is out of range"},
        {{{1}, RECORD_SOLD, 1, 5, 1000, 9000, 0}, 0, "it ends, though it is sold or refunded"},
        {{{1}, RECORD_SOLD, 1, 5, 1000, 0, 0}, 1, "what is stored is no list of records"},
    };
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1], key[SECKILL_SHARD_KEY_SIZE];

    sell_some(r);
    rules_user_of(r, 0, 20, user);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const sale_fault *fault;

        write_record(r, 0, user, &cases[i].record, 1, cases[i].cut);
        fault = assert_found(run(r, 0), SECKILL_FAULT_RECORD, 0);
        assert_int_equal(count_found(&audit, SECKILL_FAULT_RECORD), 1); /* also the first time, when it is walked twice */
        assert_string_equal(fault->what, cases[i].what);
        assert_string_equal(fault->user, user);
        assert_non_null(strstr(fault->key, ":users"));
        nothing_is_sold_again_beside_it(r, user);
        redis_server_forget(redis_server_command(r->server, "HDEL %s %s", sale_key(&r->sale, 0, "users", key), user));
        assert_clean(r);
    }
}

static void a_record_twice_and_one_away_from_home_are_named(void **state) {
    rules *r = *state;
    rules_record twice[2] = {sold_one, sold_one};
    char user[SECKILL_USER_MAX + 1];

    sell_some(r);
    rules_user_of(r, 0, 20, user);
    write_record(r, 0, user, twice, 2, 0);
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_RECORD, 0)->what, "it stands there twice");
    rules_user_of(r, 0, 21, user);
    write_record(r, 1, user, &sold_one, 1, 0);
    assert_int_equal(assert_found(run(r, 0), SECKILL_FAULT_HOME, 1)->other, 0);
    assert_string_equal(assert_found(&audit, SECKILL_FAULT_HOME, 1)->user, user);
}

/* ---- what ends when */

static void a_reservation_without_entry_is_found_and_ends_again(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1], key[SECKILL_SHARD_KEY_SIZE];
    long long reserved;
    const sale_fault *fault;

    sell_some(r);
    reserved = rules_field(r, 0, "reserved");
    assert_true(reserved > 0);
    redis_server_forget(
        redis_server_command(r->server, "ZREMRANGEBYSCORE %s -inf (inf", sale_key(&r->sale, 0, "expirations", key)));
    rules_user_of(r, 0, 0, user);
    (void)run(r, 0);
    assert_int_equal(audit.faults, 3); /* two reservations, a cancelled one */
    fault = assert_found(&audit, SECKILL_FAULT_NEVER_ENDS, 0);
    assert_true(fault->expected > r->now_ms);
    rules_pass(r, 125000);
    assert_int_equal(sale_expire(&r->sale).reservations, 2); /* those of the other shard */
    assert_int_equal(run(r, SECKILL_RECONCILE_REPAIR)->repaired, 3);
    assert_clean(r);
    assert_int_equal(audit.overdue, reserved);
    assert_int_equal(sale_expire(&r->sale).units, reserved);
    assert_clean(r);
    rules_check(r);
}

static void a_reservation_without_end_gets_one(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1];
    rules_record endless = {{3}, RECORD_RESERVED, 1, 5, 1000, 0, 0};

    sell_some(r);
    rules_user_of(r, 1, 20, user);
    write_record(r, 1, user, &endless, 1, 0);
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_NEVER_ENDS, 1)->what, "it has no end");
    assert_true(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_NEVER_ENDS, 1)->repaired);
    assert_clean(r);
    rules_pass(r, 60001);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    assert_int_equal(rules_field(r, 1, "reserved"), 0);
    rules_check(r);
}

static void entries_that_name_no_users_are_removed(void **state) {
    static const struct {
        const char *score, *member;
        size_t size;
    } cases[] = {
        {"5", "short", 5},
        {"6", "\0\0\0\0\0\7\1u", 8},    /* another time than its score */
        {"7", "\0\0\0\0\0\7", 6},       /* nobody */
        {"7", "\0\0\0\0\0\7\0", 7},     /* a user without a name */
        {"7", "\0\0\0\0\0\7\5abc", 10}, /* cut off */
        {"7", "\0\0\0\0\0\7\101u", 8},  /* a size that no user has */
        {"inf", "\0\0\0\0\0\7\1u", 8},
    };
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];

    sell_some(r);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        redis_server_forget(redis_server_command(r->server, "ZADD %s %s %b", sale_key(&r->sale, 1, "expirations", key),
                                                 cases[i].score, cases[i].member, cases[i].size));
        if (run(r, 0)->faults != 1)
            fail_msg("entry %u: %u faults", (unsigned)i, (unsigned)audit.faults);
        (void)assert_found(&audit, SECKILL_FAULT_ENTRY, 1);
        assert_int_equal(run(r, SECKILL_RECONCILE_REPAIR)->repaired, 1);
        assert_clean(r);
    }
    rules_check(r);
}

/* ---- events */

static void an_event_without_record_is_named(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1], key[SECKILL_SHARD_KEY_SIZE];

    sell_some(r);
    rules_user_of(r, 0, 1, user); /* sold */
    redis_server_forget(redis_server_command(r->server, "HSET %s %s damaged", sale_key(&r->sale, 0, "users", key), user));
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_EVENT, 0)->user, user);
    assert_int_equal(audit.shards[0].queued, 5); /* what comes behind it is looked at */
    redis_server_forget(redis_server_command(r->server, "HDEL %s %s", sale_key(&r->sale, 0, "users", key), user));
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_EVENT, 0)->user, user);
    assert_true(assert_found(&audit, SECKILL_FAULT_EVENT, 0)->event.n > 0);
    redis_server_forget(
        redis_server_command(r->server, "XADD %s 9999999999999-1 e nothing", sale_key(&r->sale, 1, "events", key)));
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_EVENT, 1)->what, "it is no event");
}

static void an_event_of_another_quantity_is_named(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1];
    rules_record records[SECKILL_USER_RECORDS_MAX];

    sell_some(r);
    rules_user_of(r, 0, 1, user);
    assert_int_equal(rules_records(r, user, records), 1);
    records[0].quantity++;
    write_record(r, 0, user, records, 1, 0);
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_EVENT, 0)->what, "the record's quantity or price is another one");
}

static void on_repeated(const seckill_item_result *result, void *user_data) {
    sale_call *call = user_data;

    *(seckill_status *)call->answer = result->status;
    call->done = true;
}

static seckill_status repeat(rules *r, const char *user, const uint8_t *id) {
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;
    seckill_status status = SECKILL_PROTOCOL;
    sale_call call = {&status, false};

    options.user.data = user;
    options.user.size = strlen(user);
    memcpy(options.reservation_id, id, sizeof(options.reservation_id));
    assert_status(seckill_event_repeat(r->sale.item, &options, on_repeated, &call), SECKILL_OK);
    sale_run_until(&r->sale, &call.done);
    return status;
}

static void an_event_is_written_again_as_the_record_has_it(void **state) {
    static const seckill_status expected[] = {SECKILL_CONFLICT, SECKILL_OK, SECKILL_OK, SECKILL_OK, SECKILL_CONFLICT};
    rules *r = *state;
    sale_events_answer before, after;
    char user[SECKILL_USER_MAX + 1];
    rules_record records[SECKILL_USER_RECORDS_MAX];

    sell_some(r);
    before = sale_events(&r->sale, 0, 100);
    rules_pass(r, 5000);
    for (uint32_t n = 0; n < 5; n++) {
        rules_user_of(r, 0, n, user);
        assert_int_equal(rules_records(r, user, records), 1);
        assert_status(repeat(r, user, records[0].id), expected[n]);
    }
    assert_status(repeat(r, user, (const uint8_t *)"no such reservation"), SECKILL_NO_RESERVATION);
    after = sale_events(&r->sale, 0, 100);
    assert_int_equal(after.count, before.count + 3);
    /* confirmed, then refunded of the second user: the refund is what stands */
    assert_int_equal(after.events[before.count + 1].kind, SECKILL_EVENT_REFUNDED);
    assert_int_equal(after.events[before.count].kind, SECKILL_EVENT_CONFIRMED);
    assert_true(after.events[before.count].at_ms == before.events[0].at_ms);
    assert_true(after.events[before.count].quantity == before.events[0].quantity);
    assert_clean(r);
}

/* ---- the queue */

static void requests_that_are_missing_are_named_and_passed_over_at_the_head(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    const sale_fault *fault;
    queue_worker worker;

    sell_some(r);
    redis_server_forget(redis_server_command(r->server, "XTRIM %s MAXLEN 3", sale_key(&r->sale, 0, "queue", key)));
    fault = assert_found(run(r, 0), SECKILL_FAULT_MISSING_REQUESTS, 0);
    assert_int_equal(audit.faults, 1);
    assert_int_equal(fault->found, 1);
    assert_int_equal(fault->expected, 2);
    assert_true(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_MISSING_REQUESTS, 0)->repaired);
    assert_clean(r);
    queue_worker_init(&worker, &r->sale, 0, 10, NULL);
    queue_worker_finish(&worker);
    assert_int_equal(worker.all_granted, 3);
    assert_clean(r);
    redis_server_forget(redis_server_command(r->server, "XTRIM %s MAXLEN 0", sale_key(&r->sale, 1, "queue", key)));
    assert_int_equal(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_MISSING_REQUESTS, 1)->expected, 5);
    assert_clean(r);
    rules_check(r);
}

/* In the middle nothing is stopped yet: it is named, and mended once it is at the head. */
static void requests_missing_in_the_middle_wait_for_their_turn(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE], id[64];
    queue_worker worker;
    redisReply *entries;

    sell_some(r);
    entries = redis_server_command(r->server, "XRANGE %s - +", sale_key(&r->sale, 0, "queue", key));
    assert_int_equal(entries->elements, 5);
    (void)snprintf(id, sizeof(id), "%s", entries->element[2]->element[0]->str);
    redis_server_forget(entries);
    redis_server_forget(redis_server_command(r->server, "XDEL %s %s", key, id));
    assert_false(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_MISSING_REQUESTS, 0)->repaired);
    assert_int_equal(audit.list[0].found, 3);
    assert_int_equal(audit.list[0].expected, 1);
    queue_worker_init(&worker, &r->sale, 0, 1, NULL);
    while (worker.status == SECKILL_OK && worker.all_decided < 2)
        queue_worker_step(&worker);
    assert_true(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_MISSING_REQUESTS, 0)->repaired);
    assert_clean(r);
}

static void an_entry_that_is_no_list_of_requests_is_named(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    redisReply *entries;
    queue_worker worker;

    sell_some(r);
    redis_server_forget(
        redis_server_command(r->server, "XADD %s 9999999999999-6 e nothing", sale_key(&r->sale, 1, "queue", key)));
    assert_int_equal(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_WAITING, 1)->found, 6);
    assert_int_equal(audit.repaired, 0);
    /* In the place of the first request it stops the queue: it is removed, and what it hid counts as decided. */
    entries = redis_server_command(r->server, "XRANGE %s - +", sale_key(&r->sale, 0, "queue", key));
    assert_int_equal(entries->elements, 5);
    redis_server_forget(redis_server_command(r->server, "DEL %s", key));
    for (size_t i = 0; i < 5; i++) {
        const redisReply *entry = entries->element[i];

        redis_server_forget(redis_server_command(r->server, "XADD %s %s e %b", key, entry->element[0]->str,
                                                 i == 0 ? "nothing" : entry->element[1]->element[1]->str,
                                                 i == 0 ? (size_t)7 : entry->element[1]->element[1]->len));
    }
    redis_server_forget(entries);
    assert_true(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_WAITING, 0)->repaired);
    assert_true(assert_found(&audit, SECKILL_FAULT_MISSING_REQUESTS, 0)->repaired);
    queue_worker_init(&worker, &r->sale, 0, 10, NULL);
    queue_worker_finish(&worker);
    assert_int_equal(worker.all_granted, 4);
}

/* ---- transfers */

static void a_transfer_booked_on_one_side_is_found(void **state) {
    rules *r = *state;
    supply_move move = {0, 1, 0, 1, 4, 0};
    supply_past past;
    uint64_t row[2];

    sell_some(r);
    past = supply_remember(r, 0);
    (void)supply_send(r, &move);
    assert_clean(r); /* on its way: no fault */
    assert_true(audit.transit > 0);
    assert_int_equal(supply_finish(&r->sale).status, SECKILL_OK);
    assert_clean(r);
    assert_int_equal(audit.transit, 0);
    supply_bring_back(r, &past); /* the shard that gave has forgotten it */
    assert_int_equal(assert_found(run(r, 0), SECKILL_FAULT_TRANSFER, 1)->other, 0);
    assert_true(assert_found(&audit, SECKILL_FAULT_TRANSFER, 1)->found > 0);
    assert_int_equal(assert_found(&audit, SECKILL_FAULT_TRANSFER, 1)->expected, 0);
    assert_true(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_TRANSFER, 1)->repaired);
    assert_clean(r);
    rules_check(r);

    /* Units from a shard that there is not. */
    memset(row, 0, sizeof(row));
    row[1] = UINT64_C(0x0300000000000000);
    supply_write_field(r, 0, "7", row, sizeof(row));
    assert_false(assert_found(run(r, SECKILL_RECONCILE_REPAIR), SECKILL_FAULT_TRANSFER, 0)->repaired);
    assert_int_equal(assert_found(&audit, SECKILL_FAULT_TRANSFER, 0)->other, 7);
    redis_server_forget(redis_server_command(r->server, "HDEL %s 7", sale_key(&r->sale, 0, "transfers", (char[300]){0})));
    assert_clean(r);

    /* Totals that no counter knows of. */
    memset(row, 0, sizeof(row));
    row[0] = UINT64_C(0x0300000000000000); /* 3, big-endian */
    supply_write_field(r, 1, "0", row, sizeof(row));
    (void)assert_found(run(r, 0), SECKILL_FAULT_COUNTER, 1);
}

/* ---- what cannot be read */

static void a_shard_that_cannot_be_read_is_said_and_the_others_are_proven(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];

    static const char *const fields[] = {"audit x", "op:x nan", "op:x 1e3", "op:x 99999999999999999", "sold inf", "sold 1e17"};

    sell_some(r);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char name[8], value[32];
        redisReply *before;

        (void)sscanf(fields[i], "%7s %31s", name, value);
        before = redis_server_command(r->server, "DUMP %s", sale_key(&r->sale, 0, "stock", key));
        redis_server_forget(redis_server_command(r->server, "HSET %s %s %s", key, name, value));
        sale_reconcile(&r->sale, GIVING_BACK, 0, &audit);
        assert_status(audit.status, SECKILL_DAMAGED);
        assert_non_null(strstr(audit.message, name));
        assert_status(audit.shards[0].status, SECKILL_DAMAGED);
        assert_status(audit.shards[1].status, SECKILL_OK);
        assert_int_equal(audit.shards[1].users, 6);
        redis_server_forget(redis_server_command(r->server, "RESTORE %s 0 %b REPLACE", key, before->str, before->len));
        redis_server_forget(before);
        assert_clean(r);
    }
}

/* The field may be lost, and with it the generation; the stamps are still there. */
static void stamps_that_are_left_over_are_not_believed(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];

    sell_some(r);
    for (int runs = 0; runs < 17; runs++) {
        for (int i = 0; i <= runs % 3; i++)
            assert_clean(r);
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            redis_server_forget(redis_server_command(r->server, "HDEL %s audit", sale_key(&r->sale, shard, "stock", key)));
        assert_int_equal(run(r, GIVING_BACK)->faults, 0);
    }
    rules_check(r);
}

/* Somebody has begun to count and is gone; what was counted is gone since, too. */
static void a_count_that_was_given_up_is_not_gone_on_with(void **state) {
    rules *r = *state;
    char user[SECKILL_USER_MAX + 1], key[SECKILL_SHARD_KEY_SIZE];
    sale other;

    redis_server_forget(redis_server_command(r->server, "CONFIG SET hash-max-listpack-entries 0"));
    sell_some(r);
    assert_clean(r);
    rules_open_other(r, &other);
    assert_status(sale_start_audit(&other, 0, 1, &audit), SECKILL_OK);
    for (int i = 0; i < 12; i++)
        (void)uv_run(&other.loop, UV_RUN_ONCE);
    assert_false(audit.done);
    sale_close(&other);
    rules_pass(r, 3000);
    rules_user_of(r, 0, 0, user);
    redis_server_forget(redis_server_command(r->server, "HDEL %s %s", sale_key(&r->sale, 0, "users", key), user));
    assert_string_equal(assert_found(run(r, 0), SECKILL_FAULT_COUNTER, 0)->what, "reserved");
    redis_server_forget(redis_server_command(r->server, "HINCRBY %s reserved -1", sale_key(&r->sale, 0, "stock", key)));
    redis_server_forget(redis_server_command(r->server, "HINCRBY %s available 1", key));
    assert_int_equal(run(r, GIVING_BACK)->faults, 0);
    rules_check(r);
}

static void arguments_are_checked(void **state) {
    rules *r = *state;
    seckill_reconcile_options options = SECKILL_RECONCILE_OPTIONS_INIT;

    sell_some(r);
    assert_status(seckill_reconcile(r->sale.item, &options, NULL, NULL), SECKILL_INVALID);
    assert_status(seckill_reconcile(r->sale.item, NULL, NULL, NULL), SECKILL_INVALID);
    assert_status(sale_start_audit(&r->sale, 2, 0, &audit), SECKILL_INVALID);
    assert_status(sale_start_audit(&r->sale, 0, SECKILL_BATCH_MAX + 1, &audit), SECKILL_INVALID);
    assert_string_equal(seckill_fault_name((seckill_fault_kind)0), "no_such_fault");
    assert_string_equal(seckill_fault_name(SECKILL_FAULT_NEVER_ENDS), "never_ends");
    assert_true(strlen(seckill_fault_message(SECKILL_FAULT_TRANSFER)) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_healthy_item_is_clean_and_shown_whole),
        RULES_TEST(each_counter_off_by_one_is_named_and_mended),
        RULES_TEST(a_record_without_counter_is_found_whatever_its_stamp),
        RULES_TEST(a_counter_without_record_is_mended),
        RULES_TEST(damaged_records_are_named_and_left),
        RULES_TEST(a_record_twice_and_one_away_from_home_are_named),
        RULES_TEST(a_reservation_without_entry_is_found_and_ends_again),
        RULES_TEST(a_reservation_without_end_gets_one),
        RULES_TEST(entries_that_name_no_users_are_removed),
        RULES_TEST(an_event_without_record_is_named),
        RULES_TEST(an_event_of_another_quantity_is_named),
        RULES_TEST(an_event_is_written_again_as_the_record_has_it),
        RULES_TEST(requests_that_are_missing_are_named_and_passed_over_at_the_head),
        RULES_TEST(requests_missing_in_the_middle_wait_for_their_turn),
        RULES_TEST(an_entry_that_is_no_list_of_requests_is_named),
        RULES_TEST(a_transfer_booked_on_one_side_is_found),
        RULES_TEST(a_shard_that_cannot_be_read_is_said_and_the_others_are_proven),
        RULES_TEST(stamps_that_are_left_over_are_not_believed),
        RULES_TEST(a_count_that_was_given_up_is_not_gone_on_with),
        RULES_TEST(arguments_are_checked),
    };

    return RULES_RUN(tests);
}
