/* Purging: only what is settled, all of it, wherever it is interrupted; and what others see of it.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "fault_proxy.h"
#include "redis_cluster.h"
#include "rules_fixture.h"
#include "sale_queue.h"
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 3 };

/* ---- a sale that is over ---- */

static void acknowledge_all(sale *self) {
    static sale_events_answer events;
    static seckill_event_ack acks[SECKILL_BATCH_MAX];

    for (uint32_t shard = 0; shard < self->shards; shard++) {
        events = sale_events(self, shard, SECKILL_BATCH_MAX);
        assert_status(events.status, SECKILL_OK);
        for (size_t i = 0; i < events.count; i++) {
            acks[i].id = events.events[i].id;
            memcpy(acks[i].reservation_id, events.events[i].reservation_id, SECKILL_RESERVATION_ID_SIZE);
        }
        if (events.count > 0)
            assert_status(sale_ack(self, shard, acks, events.count).status, SECKILL_OK);
    }
}

/* Two live on each shard. */
static const char *buyer(rules *r, uint32_t n) {
    static char users[7][SECKILL_USER_MAX + 1];

    rules_user_of(r, n % SHARDS, n / SHARDS, users[n]);
    return users[n];
}

static const uint8_t *bought_by(rules *r, const char *user) {
    static sale_lookup_answer found;

    found = sale_lookup(&r->sale, user, "r");
    assert_status(found.status, SECKILL_OK);
    return found.reservations[0].id;
}

/* 12 units, 6 of them sold to buyers 0 to 5, one given back; the orders are written. */
static void sell_some(rules *r) {
    sale_answer answer;

    rules_sell_patiently(r, SHARDS, 2, 12);
    for (uint32_t i = 0; i < 7; i++) {
        const char *user = buyer(r, i);

        answer = sale_reserve(&r->sale, user, "r", 1);
        assert_status(answer.status, SECKILL_OK);
        if (i < 6)
            assert_status(sale_confirm(&r->sale, &answer.ref, user).status, SECKILL_OK);
        else
            assert_status(sale_cancel(&r->sale, user, answer.reservation.id).status, SECKILL_OK);
    }
    acknowledge_all(&r->sale);
}

static void end_sale(rules *r) {
    sell_some(r);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
}

static long long keys(rules *r) {
    return redis_server_integer(r->server, "DBSIZE");
}

static bool is_marked(rules *r) {
    return redis_server_integer(r->server, "HEXISTS seckill:{sale/phone}:map purging") == 1;
}

static void a_purge_leaves_nothing(void **state) {
    rules *r = *state;
    sale_item_answer answer;

    end_sale(r);
    answer = sale_purge(&r->sale);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.outcomes, SHARDS);
    assert_int_equal(keys(r), 0);
    assert_status(sale_purge(&r->sale).status, SECKILL_NOT_DEFINED);
    assert_status(sale_get(&r->sale).status, SECKILL_NOT_DEFINED);
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_NOT_DEFINED);
    assert_int_equal(keys(r), 0);
}

static void other_items_of_the_activity_stay(void **state) {
    rules *r = *state;
    sale other;

    rules_open_other(r, &other);
    seckill_item_close(other.item);
    assert_status(seckill_item_open(other.client, "sale", "tablet", &other.item), SECKILL_OK);
    assert_status(sale_define(&other, 2, NULL).status, SECKILL_OK);
    end_sale(r);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(redis_server_integer(r->server, "SCARD seckill:{sale}:items"), 1);
    assert_int_equal(redis_server_integer(r->server, "SISMEMBER seckill:{sale}:items tablet"), 1);
    assert_status(sale_reserve(&other, "u", "r", 1).status, SECKILL_SOLD_OUT);
    sale_close(&other);
}

/* ---- what is in the way ---- */

/* The message names it, and nothing was changed. */
static void assert_refused(rules *r, const char *what) {
    char *before = rules_everything(r), *after;
    sale_item_answer answer = sale_purge(&r->sale);

    assert_status(answer.status, SECKILL_CONFLICT);
    if (strstr(answer.message, what) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", answer.message, what);
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_status(sale_get(&r->sale).status, SECKILL_OK);
}

static void a_sale_that_goes_on_is_not_purged(void **state) {
    rules *r = *state;

    sell_some(r);
    assert_refused(r, "has not ended");
    assert_status(sale_pause(&r->sale).status, SECKILL_OK);
    assert_refused(r, "has not ended");
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
}

static void what_is_reserved_is_in_the_way(void **state) {
    rules *r = *state;
    char text[64];
    sale_answer answer;

    sell_some(r);
    answer = sale_reserve(&r->sale, "late", "r", 2);
    assert_status(answer.status, SECKILL_OK);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    (void)snprintf(text, sizeof(text), "shard %u is not done: 2 units", (unsigned)rules_home_of(r, "late"));
    assert_refused(r, text);
    assert_status(sale_cancel(&r->sale, "late", answer.reservation.id).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 0);
}

static void an_event_that_waits_is_in_the_way(void **state) {
    rules *r = *state;
    const char *user;

    end_sale(r);
    user = buyer(r, 1);
    assert_status(sale_refund(&r->sale, user, bought_by(r, user)).status, SECKILL_OK);
    assert_refused(r, "shard 1 is not done: 0 units are reserved, 1 events");
    acknowledge_all(&r->sale);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 0);
}

static void a_request_that_waits_is_in_the_way(void **state) {
    rules *r = *state;

    sell_some(r);
    assert_status(sale_enqueue(&r->sale, "late", "r", 1).status, SECKILL_OK);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_refused(r, "1 requests");
    assert_int_equal(sale_decide_all(&r->sale), 1);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 0);
}

static void units_on_their_way_are_in_the_way(void **state) {
    rules *r = *state;

    end_sale(r);
    rules_set_field(r, 1, "sent", rules_field(r, 1, "sent") + 1);
    rules_set_field(r, 1, "available", rules_field(r, 1, "available") - 1);
    assert_refused(r, "between the shards");
}

static void a_forbidden_command_is_found_before_anything_is_marked(void **state) {
    rules *r = *state;
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    sale_item_answer answer;
    sale other;

    end_sale(r);
    redis_server_forget(redis_server_command(r->server, "ACL SETUSER weak on >secret ~* &* +@all -unlink"));
    options.address = redis_server_address(r->server);
    options.user = "weak";
    options.password = "secret";
    sale_open_with(&other, &options);
    answer = sale_purge(&other);
    assert_status(answer.status, SECKILL_DENIED);
    assert_non_null(strstr(answer.message, "UNLINK"));
    assert_false(is_marked(r));
    assert_status(sale_get(&other).status, SECKILL_OK);
    sale_close(&other);
    redis_server_forget(redis_server_command(r->server, "ACL DELUSER weak"));
}

/* ---- interrupted ---- */

/* One purge through a proxy that stops at its k-th script. False: it came to its end before. */
static bool purge_until(const rules *r, uint64_t k, fault_moment moment, seckill_status *status) {
    fault_proxy *proxy = fault_proxy_start(redis_server_address(r->server));
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    bool stopped;
    sale self;

    assert_non_null(proxy);
    options.address = fault_proxy_address(proxy);
    options.timeout_ms = 250;
    sale_open_with(&self, &options);
    fault_proxy_stop_at(proxy, "EVAL", k, moment, NULL, NULL);
    *status = sale_purge(&self).status;
    stopped = fault_proxy_has_stopped(proxy);
    sale_close(&self);
    fault_proxy_free(proxy);
    return stopped;
}

/* What others say of an item of which a purge has done a part: all of it stands, or there is none. */
static void assert_whole_or_gone(rules *r) {
    seckill_status status = sale_reserve(&r->sale, "u0", "again", 1).status;
    bool marked = is_marked(r);
    sale other;

    assert_true(status == SECKILL_ENDED || status == SECKILL_NOT_DEFINED);
    rules_open_other(r, &other);
    if (marked) {
        assert_status(sale_get(&other).status, SECKILL_NOT_DEFINED);
        assert_status(sale_define(&other, SHARDS, NULL).status, SECKILL_CONFLICT);
        assert_status(sale_load(&other, "more", 1).status, SECKILL_NOT_DEFINED);
        assert_status(sale_pause(&other).status, SECKILL_NOT_DEFINED);
        assert_status(sale_reserve(&other, "u0", "again", 1).status, SECKILL_NOT_DEFINED);
    } else if (keys(r) != 0) {
        assert_int_equal(sale_stock(&other).total.sold, 6);
    }
    sale_close(&other);
}

static void assert_repeated(rules *r, fault_moment moment) {
    seckill_status status = sale_purge(&r->sale).status;

    assert_true(status == SECKILL_OK || (status == SECKILL_NOT_DEFINED && moment == FAULT_AFTER));
}

static void interrupted(rules *r, fault_moment moment) {
    seckill_status status = SECKILL_UNKNOWN;
    uint64_t k = 0;

    while (status != SECKILL_OK) { /* on a busy machine it may also be late without having been stopped: then this k again */
        redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
        end_sale(r);
        if (purge_until(r, k + 1, moment, &status))
            k++;
        if (status != SECKILL_OK) {
            /* Where the last answer was lost it does not know better. */
            assert_true(status == SECKILL_UNKNOWN || status == SECKILL_UNREACHABLE);
            assert_whole_or_gone(r);
            assert_repeated(r, moment);
        }
        assert_int_equal(keys(r), 0);
        assert_status(sale_reserve(&r->sale, "u0", "again", 1).status, SECKILL_NOT_DEFINED);
        assert_int_equal(keys(r), 0);
    }
    assert_true(k >= 5 + 3 * SHARDS); /* its scripts */
}

static void it_may_stop_before_any_step_and_be_repeated(void **state) {
    interrupted(*state, FAULT_BEFORE);
}

static void it_may_stop_behind_any_step_and_be_repeated(void **state) {
    interrupted(*state, FAULT_AFTER);
}

/* ---- what comes in between ---- */

static void where_something_comes_in_between_it_is_given_up(void **state) {
    rules *r = *state;
    sale_item_answer answer;
    seckill_status status;
    uint64_t version;
    const char *refunded, *sealed;

    end_sale(r);
    sealed = buyer(r, 0);
    refunded = buyer(r, 2);
    version = sale_get(&r->sale).version;
    /* Behind the first note, when only shard 0 is sealed. An open handle still knows the others. */
    assert_true(purge_until(r, 1 + SHARDS + 1 + 2, FAULT_BEFORE, &status));
    assert_true(is_marked(r));
    assert_status(sale_refund(&r->sale, refunded, bought_by(r, refunded)).status, SECKILL_OK);
    assert_status(sale_lookup(&r->sale, sealed, NULL).status, SECKILL_NOT_DEFINED);
    answer = sale_purge(&r->sale);
    assert_status(answer.status, SECKILL_CONFLICT);
    assert_non_null(strstr(answer.message, "1 events"));
    /* All is as it was, and the shards that were sealed serve again. */
    assert_false(is_marked(r));
    answer = sale_get(&r->sale);
    assert_status(answer.status, SECKILL_OK);
    assert_int_equal(answer.version, version + 1);
    assert_int_equal(answer.state, SECKILL_ITEM_ENDED);
    assert_int_equal(sale_stock(&r->sale).total.sold, 5);
    assert_int_equal(sale_lookup(&r->sale, sealed, NULL).count, 1);
    rules_check(r);
    acknowledge_all(&r->sale);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 0);
}

/* A definition as it comes from a client that has read the list before: of shard 0, with this version and the item's seed. The
 * error, or "". */
static const char *define_late(rules *r, uint64_t version, const uint8_t seed[SECKILL_SEED_SIZE]) {
    static const char *const names[] = {"stock", "users", "expirations", "transfers", "queue", "events"};
    static const char *const settings[] = {"2", "129900", "2",    "0", "0",       "60000",
                                           "0", "1000",   "2000", "0", "1000000", "1000000"};
    static char text[256];
    const sk__script *script = sk__script_of(SK__SCRIPT_define);
    char keys[6][SECKILL_SHARD_KEY_SIZE];
    uint8_t identity[8 + SECKILL_SEED_SIZE + 1] = {0};
    const char *argv[22] = {"EVAL", script->text, "6"};
    size_t sizes[22] = {4, *script->size, 1};
    redisReply *reply;

    for (int i = 0; i < 6; i++) {
        argv[3 + i] = sale_key(&r->sale, 0, names[i], keys[i]);
        sizes[3 + i] = strlen(argv[3 + i]);
    }
    for (int i = 0; i < 8; i++)
        identity[i] = (uint8_t)(version >> (56 - 8 * i));
    memcpy(identity + 8, seed, SECKILL_SEED_SIZE);
    argv[9] = (const char *)identity;
    sizes[9] = sizeof(identity);
    for (int i = 0; i < 12; i++) {
        argv[10 + i] = settings[i];
        sizes[10 + i] = strlen(settings[i]);
    }
    reply = redis_server_command_argv(r->server, 22, argv, sizes);
    assert_non_null(reply);
    (void)snprintf(text, sizeof(text), "%s", reply->type == REDIS_REPLY_ERROR ? reply->str : "");
    freeReplyObject(reply);
    return text;
}

/* A sealed shard is nobody's: neither whoever knows it changes it, nor does a late definition open it. */
static void nothing_changes_in_a_sealed_shard(void **state) {
    rules *r = *state;
    const char *users[SHARDS];
    seckill_status status;
    char *before, *after;
    sale_item_answer known;

    end_sale(r);
    known = sale_get(&r->sale);
    assert_string_equal(define_late(r, known.version, known.seed), "");
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        users[shard] = buyer(r, shard);
    assert_true(purge_until(r, 1 + SHARDS + 1 + SHARDS + 1, FAULT_BEFORE, &status)); /* before the second note */
    before = rules_everything(r);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        assert_status(sale_lookup(&r->sale, users[shard], NULL).status, SECKILL_NOT_DEFINED);
        assert_status(sale_reserve(&r->sale, users[shard], "r", 1).status, SECKILL_NOT_DEFINED);
    }
    assert_status(sale_end(&r->sale).status, SECKILL_NOT_DEFINED);
    assert_non_null(strstr(define_late(r, known.version, known.seed), "PURGED"));
    after = rules_everything(r);
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 0);
}

/* ---- defined anew ---- */

static void it_can_be_defined_anew_and_open_handles_find_it(void **state) {
    rules *r = *state;
    sale other;

    end_sale(r);
    rules_open_other(r, &other);
    assert_status(sale_get(&other).status, SECKILL_OK);
    assert_status(sale_reserve(&other, "u0", "again", 1).status, SECKILL_ENDED);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_status(sale_reserve(&other, "u0", "again", 1).status, SECKILL_NOT_DEFINED);
    rules_sell_patiently(r, 5, 2, 10);
    assert_status(sale_reserve(&other, "u0", "again", 2).status, SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "u0", "more", 1).status, SECKILL_LIMIT_REACHED);
    assert_int_equal(sale_stock(&other).count, 5);
    sale_close(&other);
    rules_check(r);
}

static void copy_shard(rules *r, uint32_t shard, const char *from, const char *to) {
    static const char *const names[] = {"stock", "users", "expirations", "transfers", "queue", "events"};
    char key[SECKILL_SHARD_KEY_SIZE];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)sale_key(&r->sale, shard, names[i], key);
        assert_int_equal(redis_server_integer(r->server, "COPY %s%s %s%s REPLACE", key, from, key, to), 1);
    }
}

/* What a definition that was late, or a failover, has brought back is no obstacle; what somebody may need is. */
static void remains_make_room_where_nothing_is_lost(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];

    rules_sell_patiently(r, SHARDS, 2, 0);
    copy_shard(r, 1, "", ":unused");
    redis_server_forget(redis_server_command(r->server, "FLUSHDB"));
    assert_status(sale_reserve(&r->sale, "u", "r", 1).status, SECKILL_NOT_DEFINED);
    rules_sell_patiently(r, SHARDS, 2, 0);
    copy_shard(r, 1, "", ":late");
    assert_status(sale_load(&r->sale, "load", 12).status, SECKILL_OK);
    copy_shard(r, 1, "", ":used");
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    copy_shard(r, 1, ":late", "");
    rules_sell_patiently(r, SHARDS, 2, 12);
    rules_check(r);
    assert_status(sale_end(&r->sale).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    copy_shard(r, 1, ":used", "");
    assert_status(sale_define(&r->sale, SHARDS, NULL).status, SECKILL_DAMAGED);
    redis_server_forget(redis_server_command(r->server, "HSET %s seed purging:12345678", sale_key(&r->sale, 1, "stock", key)));
    assert_status(sale_define(&r->sale, SHARDS, NULL).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, 0);
}

/* ---- a failover while it is under way ---- */

/* The scripts of a purge: the list, each shard, a note, each shard, a note, each shard, the entry, the list. */
enum { SECOND_NOTE = 1 + SHARDS + 1 + SHARDS + 1, SECOND_REMOVAL = SECOND_NOTE + 2 };

static void where_the_note_is_lost_it_can_be_repeated(void **state) {
    rules *r = *state;
    seckill_status status;

    end_sale(r);
    assert_true(purge_until(r, SECOND_NOTE, FAULT_BEFORE, &status));
    assert_int_equal(redis_server_integer(r->server, "HDEL seckill:{sale/phone}:map purging"), 1);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 0);
}

/* The shard is again as it was before: with an event that somebody has to read first. Shard 0 is gone already. */
static void where_a_seal_is_lost_and_something_is_there_again_it_is_given_up(void **state) {
    rules *r = *state;
    sale_item_answer answer;
    seckill_status status;
    const char *user;

    end_sale(r);
    user = buyer(r, 1);
    assert_status(sale_refund(&r->sale, user, bought_by(r, user)).status, SECKILL_OK);
    copy_shard(r, 1, "", ":before");
    acknowledge_all(&r->sale);
    assert_true(purge_until(r, SECOND_REMOVAL, FAULT_BEFORE, &status));
    copy_shard(r, 1, ":before", "");
    answer = sale_purge(&r->sale);
    assert_status(answer.status, SECKILL_CONFLICT);
    assert_non_null(strstr(answer.message, "1 events"));
    assert_false(is_marked(r));
    assert_status(sale_get(&r->sale).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.events, 1);
    acknowledge_all(&r->sale);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_int_equal(keys(r), 6); /* the copy */
}

/* The last step of a purge, as it comes from a client that has lost its way: the error, or "". */
static const char *remove_list(rules *r, uint64_t version, const uint8_t seed[SECKILL_SEED_SIZE]) {
    static char text[256];
    const sk__script *script = sk__script_of(SK__SCRIPT_map_purge);
    uint8_t identity[SECKILL_SEED_SIZE + 8];
    const char *argv[] = {"EVAL", script->text, "1", "seckill:{sale/phone}:map", "remove", (const char *)identity};
    const size_t sizes[] = {4, *script->size, 1, strlen(argv[3]), 6, sizeof(identity)};
    redisReply *reply;

    memcpy(identity, seed, SECKILL_SEED_SIZE);
    for (int i = 0; i < 8; i++)
        identity[SECKILL_SEED_SIZE + i] = (uint8_t)(version >> (56 - 8 * i));
    reply = redis_server_command_argv(r->server, 6, argv, sizes);
    assert_non_null(reply);
    (void)snprintf(text, sizeof(text), "%s", reply->type == REDIS_REPLY_ERROR ? reply->str : "");
    freeReplyObject(reply);
    return text;
}

/* A list that is back is not said to be gone; that of an item that was defined meanwhile is none of the purge's. */
static void the_list_goes_only_while_it_is_marked(void **state) {
    rules *r = *state;
    sale_item_answer known;

    end_sale(r);
    known = sale_get(&r->sale);
    assert_non_null(strstr(remove_list(r, known.version, known.seed), "CONFLICT"));
    assert_status(sale_get(&r->sale).status, SECKILL_OK);
    assert_status(sale_purge(&r->sale).status, SECKILL_OK);
    assert_string_equal(remove_list(r, known.version, known.seed), "");
    rules_sell_patiently(r, SHARDS, 2, 12);
    assert_string_equal(remove_list(r, known.version, known.seed), "");
    assert_status(sale_get(&r->sale).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.available, 12);
}

/* ---- a cluster ---- */

static void in_a_cluster_it_reaches_every_node(void **state) {
    const redis_cluster_options options = {.masters = 3, .replicas = 0};
    redis_cluster *cluster = redis_cluster_start(&options);
    sale_stock_answer stock;
    sale self;

    (void)state;
    assert_non_null(cluster);
    sale_open(&self, redis_cluster_seeds(cluster));
    assert_status(sale_define(&self, 6, NULL).status, SECKILL_OK);
    assert_status(sale_load(&self, "load", 60).status, SECKILL_OK);
    stock = sale_stock(&self);
    for (uint32_t i = 0; i < 6; i++) /* shard k lies in the k-th sixth of the slots, and so on the master of k / 2 */
        assert_string_equal(stock.nodes[i], redis_cluster_address(cluster, (int)i / 2));
    assert_status(sale_purge(&self).status, SECKILL_CONFLICT);
    assert_status(sale_end(&self).status, SECKILL_OK);
    assert_status(sale_purge(&self).status, SECKILL_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(redis_server_integer(redis_cluster_node(cluster, i), "DBSIZE"), 0);
    sale_close(&self);
    redis_cluster_free(cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(a_purge_leaves_nothing),
        RULES_TEST(other_items_of_the_activity_stay),
        RULES_TEST(a_sale_that_goes_on_is_not_purged),
        RULES_TEST(what_is_reserved_is_in_the_way),
        RULES_TEST(an_event_that_waits_is_in_the_way),
        RULES_TEST(a_request_that_waits_is_in_the_way),
        RULES_TEST(units_on_their_way_are_in_the_way),
        RULES_TEST(a_forbidden_command_is_found_before_anything_is_marked),
        RULES_TEST(it_may_stop_before_any_step_and_be_repeated),
        RULES_TEST(it_may_stop_behind_any_step_and_be_repeated),
        RULES_TEST(where_something_comes_in_between_it_is_given_up),
        RULES_TEST(nothing_changes_in_a_sealed_shard),
        RULES_TEST(it_can_be_defined_anew_and_open_handles_find_it),
        RULES_TEST(remains_make_room_where_nothing_is_lost),
        RULES_TEST(where_the_note_is_lost_it_can_be_repeated),
        RULES_TEST(where_a_seal_is_lost_and_something_is_there_again_it_is_given_up),
        RULES_TEST(the_list_goes_only_while_it_is_marked),
        cmocka_unit_test(in_a_cluster_it_reaches_every_node),
    };

    return RULES_RUN(tests);
}
