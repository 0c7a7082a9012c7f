/* The blacklist in Redis: added, changed, removed, over, asked, read; and what stands in its keys.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "blacklist_support.h"

#include <stdio.h>
#include <string.h>

static void who_is_added_is_listed(void **state) {
    rules *r = *state;
    int64_t now = blacklist_now(&r->sale);
    blacklist_answer added = blacklist_list(&r->sale, "user", "mallory", "resells", now + 60000, 0);
    assert_status(added.status, SECKILL_OK);
    assert_int_equal(added.changed, 1);
    assert_int_equal(added.entries, 1);
    blacklist_found found = blacklist_ask(&r->sale, "user", "mallory");
    assert_status(found.status, SECKILL_BLACKLISTED);
    assert_true(found.is_listed);
    assert_int_equal(found.until_ms, now + 60000);
    assert_in_range(found.since_ms, now, added.now_ms);
    assert_string_equal(found.reason, "resells");
    assert_status(blacklist_ask(&r->sale, "user", "alice").status, SECKILL_OK);
    assert_status(blacklist_ask(&r->sale, "device", "mallory").status, SECKILL_OK); /* a kind of its own */
}

static void the_same_again_changes_nothing(void **state) {
    rules *r = *state;
    assert_int_equal(blacklist_list(&r->sale, "user", "mallory", "a", 0, 0).changed, 1);
    blacklist_answer again = blacklist_list(&r->sale, "user", "mallory", "a", 0, 0);
    assert_status(again.status, SECKILL_OK);
    assert_int_equal(again.changed, 0);
    assert_int_equal(again.entries, 1);
    assert_int_equal(redis_server_integer(r->server, "XLEN seckill:{blacklist}:log"), 1);
    assert_int_equal(blacklist_list(&r->sale, "user", "mallory", "b", 0, 0).changed, 1);
    assert_string_equal(blacklist_ask(&r->sale, "user", "mallory").reason, "b");
    assert_int_equal(blacklist_list(&r->sale, "user", "mallory", "b", again.now_ms + 60000, 0).changed, 1); /* shortened */
    assert_int_equal(blacklist_ask(&r->sale, "user", "mallory").until_ms, again.now_ms + 60000);
}

static void lengthening_never_shortens(void **state) {
    rules *r = *state;
    int64_t now = blacklist_now(&r->sale);
    blacklist_list(&r->sale, "user", "a", "long", now + 90000, 0);
    assert_int_equal(blacklist_list(&r->sale, "user", "a", "short", now + 60000, SECKILL_BLACKLIST_LENGTHEN).changed, 0);
    assert_string_equal(blacklist_ask(&r->sale, "user", "a").reason, "long");
    assert_int_equal(blacklist_list(&r->sale, "user", "a", "longer", now + 120000, SECKILL_BLACKLIST_LENGTHEN).changed, 1);
    assert_int_equal(blacklist_ask(&r->sale, "user", "a").until_ms, now + 120000);
    assert_int_equal(blacklist_list(&r->sale, "user", "a", "ever", 0, SECKILL_BLACKLIST_LENGTHEN).changed, 1);
    assert_int_equal(blacklist_list(&r->sale, "user", "a", "short", now + 1, SECKILL_BLACKLIST_LENGTHEN).changed, 0);
    assert_int_equal(blacklist_ask(&r->sale, "user", "a").until_ms, 0);
}

static void who_is_removed_is_not_listed(void **state) {
    rules *r = *state;
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_list(&r->sale, "user", "eve", NULL, 0, 0);
    blacklist_answer removed = blacklist_unlist(&r->sale, "user", "mallory");
    assert_status(removed.status, SECKILL_OK);
    assert_int_equal(removed.changed, 1);
    assert_int_equal(removed.entries, 1);
    assert_status(blacklist_ask(&r->sale, "user", "mallory").status, SECKILL_OK);
    assert_status(blacklist_ask(&r->sale, "user", "eve").status, SECKILL_BLACKLISTED);
    assert_int_equal(blacklist_unlist(&r->sale, "user", "mallory").changed, 0);
}

static void what_is_over_is_not_listed(void **state) {
    rules *r = *state;
    int64_t now = blacklist_now(&r->sale);
    blacklist_list(&r->sale, "user", "mallory", NULL, now > 0 ? 1 : 0, 0); /* in 1970 */
    assert_status(blacklist_ask(&r->sale, "user", "mallory").status, SECKILL_OK);
    assert_int_equal(blacklist_read_all(&r->sale, 10, NULL, NULL), 0);
}

/* Adding clears away what is over: the list cannot fill with it. */
static void what_is_over_is_cleared_away(void **state) {
    rules *r = *state;
    uint64_t entries = 0;
    for (unsigned i = 0; i < 200; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%u", i);
        entries = blacklist_list(&r->sale, "user", user, NULL, 1, 0).entries;
    }
    assert_in_range(entries, 1, 16); /* at most the last of each part */
    blacklist_list(&r->sale, "address", "192.0.2.0/24", NULL, 1, 0);
    blacklist_list_users(&r->sale, "v", 256); /* touches all parts */
    assert_int_equal(blacklist_list(&r->sale, "user", "w", NULL, 0, 0).entries, 257);
    assert_int_equal(redis_server_integer(r->server, "HGET seckill:{blacklist}:head p120"), 0);
}

static void addresses_are_found_by_their_networks(void **state) {
    rules *r = *state;
    int64_t now = blacklist_now(&r->sale);
    blacklist_list(&r->sale, "address", "192.0.2.0/24", "net", now + 90000, 0);
    blacklist_list(&r->sale, "address", "192.0.2.7", "host", now + 60000, 0);
    blacklist_list(&r->sale, "address", "2001:db8::/33", "six", 0, 0);
    assert_string_equal(blacklist_ask(&r->sale, "address", "192.0.2.7").reason, "net"); /* it lasts longer */
    assert_string_equal(blacklist_ask(&r->sale, "address", "::ffff:192.0.2.9").reason, "net");
    assert_string_equal(blacklist_ask(&r->sale, "address", "2001:db8:7fff::").reason, "six");
    assert_false(blacklist_ask(&r->sale, "address", "2001:db8:8000::").is_listed);
    assert_false(blacklist_ask(&r->sale, "address", "192.0.3.7").is_listed);
    blacklist_unlist(&r->sale, "address", "192.0.2.0/24");
    assert_string_equal(blacklist_ask(&r->sale, "address", "192.0.2.7").reason, "host");
    assert_false(blacklist_ask(&r->sale, "address", "192.0.2.8").is_listed);
}

static void gather(const seckill_blacklist_entry *entry, void *context) {
    char *text = context;
    size_t used = strlen(text);
    snprintf(text + used, 4096 - used, "%s %.*s (%.*s)\n", entry->subject.kind, (int)entry->subject.value.size,
             (const char *)entry->subject.value.data, (int)entry->reason.size, (const char *)entry->reason.data);
}

static void all_of_it_can_be_read(void **state) {
    rules *r = *state;
    char text[4096] = "";
    blacklist_list(&r->sale, "address", "192.0.2.0/24", "net", 0, 0);
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    assert_int_equal(blacklist_read_all(&r->sale, 1, gather, text), 2);
    assert_non_null(strstr(text, "address 192.0.2.0/24 (net)\n"));
    assert_non_null(strstr(text, "user mallory ()\n"));
    blacklist_list_users(&r->sale, "u", 3000);
    assert_in_range(blacklist_read_all(&r->sale, 100, NULL, NULL), 3002, 3002); /* nothing moves: each once */
}

static void calls_are_checked(void **state) {
    rules *r = *state;
    seckill_blacklist_entry entries[2] = {{.subject = {"user", {"a", 1}}}, {.subject = {"user", {"a", 1}}}};
    char long_reason[SECKILL_REASON_MAX + 1];
    seckill_blacklist_cursor cursor;
    memset(long_reason, 'x', sizeof long_reason);
    assert_status(blacklist_add_many(&r->sale, entries, 2).status, SECKILL_INVALID); /* twice the same */
    assert_status(blacklist_add_many(&r->sale, entries, 0).status, SECKILL_INVALID);
    assert_status(blacklist_add_many(&r->sale, entries, SECKILL_BLACKLIST_BATCH + 1).status, SECKILL_INVALID);
    entries[0].flags = 2;
    assert_status(blacklist_add_many(&r->sale, entries, 1).status, SECKILL_INVALID);
    entries[0].flags = 0;
    entries[0].until_ms = -1;
    assert_status(blacklist_add_many(&r->sale, entries, 1).status, SECKILL_INVALID);
    entries[0].until_ms = 0;
    entries[0].reason = (seckill_bytes){long_reason, sizeof long_reason};
    assert_status(blacklist_add_many(&r->sale, entries, 1).status, SECKILL_INVALID);
    assert_status(blacklist_ask(&r->sale, "address", "nowhere").status, SECKILL_INVALID);
    assert_status(blacklist_unlist(&r->sale, "address", "192.0.2.1/24").status, SECKILL_INVALID);
    memset(&cursor, 'x', sizeof cursor);
    assert_status(seckill_blacklist_read(r->sale.client, &cursor, 10, 0, (seckill_blacklist_read_cb)1, NULL), SECKILL_INVALID);
    assert_int_equal(redis_server_integer(r->server, "DBSIZE"), 0);
}

static void reasons_may_be_as_long_as_they_may(void **state) {
    rules *r = *state;
    char reason[SECKILL_REASON_MAX + 1] = {0};
    seckill_blacklist_entry entries[SECKILL_BLACKLIST_BATCH];
    char users[SECKILL_BLACKLIST_BATCH][SECKILL_SUBJECT_MAX + 1];
    memset(reason, 'r', SECKILL_REASON_MAX);
    memset(entries, 0, sizeof entries);
    for (unsigned i = 0; i < SECKILL_BLACKLIST_BATCH; i++) {
        snprintf(users[i], sizeof users[i], "%064u", i);
        entries[i].subject = subject("sixteen_letters_", users[i]);
        entries[i].reason = (seckill_bytes){reason, SECKILL_REASON_MAX};
    }
    assert_int_equal(blacklist_add_many(&r->sale, entries, SECKILL_BLACKLIST_BATCH).changed, SECKILL_BLACKLIST_BATCH);
    assert_string_equal(blacklist_ask(&r->sale, "sixteen_letters_", users[255]).reason, reason);
    assert_int_equal(blacklist_read_all(&r->sale, SECKILL_BATCH_MAX, NULL, NULL), SECKILL_BLACKLIST_BATCH);
}

static void damage_is_said_before_anything_is_written(void **state) {
    static const char *const keys[] = {"head", "log", "entries:3", "ends:3"};
    rules *r = *state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
        blacklist_list_users(&r->sale, "u", 200);
        redis_server_forget(redis_server_command(r->server, "DEL seckill:{blacklist}:%s", keys[i]));
        redis_server_forget(redis_server_command(r->server, "SET seckill:{blacklist}:%s x", keys[i]));
        long long before = redis_server_integer(r->server, "HGET seckill:{blacklist}:head n");
        seckill_blacklist_entry entries[100];
        char users[100][16];
        memset(entries, 0, sizeof entries);
        for (unsigned j = 0; j < 100; j++) {
            snprintf(users[j], sizeof users[j], "v%u", j);
            entries[j].subject = subject("user", users[j]);
        }
        assert_status(blacklist_add_many(&r->sale, entries, 100).status, SECKILL_DAMAGED);
        assert_int_equal(redis_server_integer(r->server, "HGET seckill:{blacklist}:head n"), before);
        if (i != 0)
            assert_int_equal(redis_server_integer(r->server, "HGET seckill:{blacklist}:head entries"), 200);
    }
    redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
    blacklist_list_users(&r->sale, "u", 2);
    redis_server_forget(redis_server_command(r->server, "DEL seckill:{blacklist}:head"));
    blacklist_answer answer = blacklist_list(&r->sale, "user", "x", NULL, 0, 0);
    assert_status(answer.status, SECKILL_DAMAGED);
    assert_non_null(strstr(answer.message, "{blacklist}:head"));
}

static void another_layout_is_left_alone(void **state) {
    rules *r = *state;
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "HSET seckill:{blacklist}:head layout 2"));
    assert_status(blacklist_list(&r->sale, "user", "x", NULL, 0, 0).status, SECKILL_LAYOUT);
    assert_status(blacklist_unlist(&r->sale, "user", "mallory").status, SECKILL_LAYOUT);
    assert_status(blacklist_ask(&r->sale, "user", "mallory").status, SECKILL_LAYOUT);
}

static void a_full_server_can_still_take_off(void **state) {
    rules *r = *state;
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "CONFIG SET maxmemory 1"));
    assert_status(blacklist_list(&r->sale, "user", "eve", NULL, 0, 0).status, SECKILL_SERVER_MEMORY);
    assert_status(blacklist_unlist(&r->sale, "user", "mallory").status, SECKILL_OK);
    assert_status(blacklist_ask(&r->sale, "user", "mallory").status, SECKILL_OK);
    redis_server_forget(redis_server_command(r->server, "CONFIG SET maxmemory 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(who_is_added_is_listed),
        RULES_TEST(the_same_again_changes_nothing),
        RULES_TEST(lengthening_never_shortens),
        RULES_TEST(who_is_removed_is_not_listed),
        RULES_TEST(what_is_over_is_not_listed),
        RULES_TEST(what_is_over_is_cleared_away),
        RULES_TEST(addresses_are_found_by_their_networks),
        RULES_TEST(all_of_it_can_be_read),
        RULES_TEST(calls_are_checked),
        RULES_TEST(reasons_may_be_as_long_as_they_may),
        RULES_TEST(damage_is_said_before_anything_is_written),
        RULES_TEST(another_layout_is_left_alone),
        RULES_TEST(a_full_server_can_still_take_off),
    };
    return RULES_RUN(tests);
}
