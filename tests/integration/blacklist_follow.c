/* The copy of the blacklist: it has what Redis has, whatever happens in between; and what is refused by it.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "blacklist_support.h"
#include "script/script.h"

#include <stdio.h>
#include <string.h>

static void what_is_listed_is_loaded_and_followed(void **state) {
    rules *r = *state;
    sale other;
    blacklist_list_users(&r->sale, "u", 3000);
    blacklist_list(&r->sale, "address", "192.0.2.0/24", NULL, 0, 0);
    blacklist_list(&r->sale, "user", "over", NULL, 1, 0);
    rules_open_other(r, &other);
    blacklist_follow(&other);
    assert_int_equal(blacklist_state(&other).entries, 3001);
    assert_int_equal(blacklist_state(&other).loads, 1);
    assert_status(blacklist_local(&other, "user", "u2999"), SECKILL_BLACKLISTED);
    assert_status(blacklist_local(&other, "address", "192.0.2.99"), SECKILL_BLACKLISTED);
    assert_status(blacklist_local(&other, "user", "over"), SECKILL_OK);
    assert_status(blacklist_local(&other, "user", "alice"), SECKILL_OK);
    blacklist_list(&r->sale, "user", "alice", NULL, 0, 0);
    blacklist_await(&other, "user", "alice", SECKILL_BLACKLISTED);
    blacklist_unlist(&r->sale, "user", "alice");
    blacklist_unlist(&r->sale, "address", "192.0.2.0/24");
    blacklist_await(&other, "user", "alice", SECKILL_OK);
    assert_status(blacklist_local(&other, "address", "192.0.2.99"), SECKILL_OK);
    assert_int_equal(blacklist_state(&other).loads, 1);
    sale_close(&other);
}

static void an_empty_list_is_followed_from_its_first_entry(void **state) {
    rules *r = *state;
    blacklist_follow(&r->sale);
    assert_int_equal(blacklist_state(&r->sale).entries, 0);
    assert_status(blacklist_local(&r->sale, "user", "alice"), SECKILL_OK);
    blacklist_list(&r->sale, "user", "alice", NULL, 0, 0);
    blacklist_await(&r->sale, "user", "alice", SECKILL_BLACKLISTED);
    assert_int_equal(blacklist_state(&r->sale).loads, 1);
    assert_int_equal(blacklist_state(&r->sale).changes, 1);
}

static void an_entry_ends_by_the_servers_clock(void **state) {
    rules *r = *state;
    seckill_subject mallory = subject("user", "mallory");
    int64_t until_ms = 0, ends;
    blacklist_follow(&r->sale);
    ends = blacklist_now(&r->sale) + 300;
    blacklist_list(&r->sale, "user", "mallory", NULL, ends, 0);
    blacklist_await(&r->sale, "user", "mallory", SECKILL_BLACKLISTED);
    assert_status(seckill_blacklist_check_local(r->sale.client, &mallory, &until_ms), SECKILL_BLACKLISTED);
    assert_int_equal(until_ms, ends);
    blacklist_await(&r->sale, "user", "mallory", SECKILL_OK);
    assert_true(blacklist_now(&r->sale) >= ends - 5); /* clocks are read to the millisecond */
}

/* No change is missed over lost connections, and nothing is read twice. */
static void it_goes_on_after_a_lost_connection(void **state) {
    rules *r = *state;
    sale other;
    rules_open_other(r, &other);
    blacklist_follow(&other);
    for (unsigned i = 0; i < 10; i++) {
        char user[16];
        redis_server_forget(redis_server_command(r->server, "CLIENT KILL TYPE normal SKIPME yes"));
        snprintf(user, sizeof user, "u%u", i);
        assert_status(blacklist_list(&r->sale, "user", user, NULL, 0, 0).status, SECKILL_OK);
        blacklist_await(&other, "user", user, SECKILL_BLACKLISTED);
    }
    assert_int_equal(blacklist_state(&other).entries, 10);
    assert_int_equal(blacklist_state(&other).loads, 1);
    assert_int_equal(blacklist_state(&other).changes, 10);
    sale_close(&other);
}

/* Wakes the loop, which has nothing else to do. */
static void on_tick(uv_timer_t *tick) {
    (void)tick;
}

/* While the server hangs the copy is used on, and says how old it is. */
static void it_says_how_far_it_is_behind(void **state) {
    rules *r = *state;
    static uv_timer_t tick; /* closed when the loop runs next */
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_follow(&r->sale);
    uv_timer_init(&r->sale.loop, &tick);
    uv_timer_start(&tick, on_tick, 10, 10);
    redis_server_pause(r->server);
    while (blacklist_state(&r->sale).behind_ms < 400)
        uv_run(&r->sale.loop, UV_RUN_ONCE);
    assert_status(blacklist_local(&r->sale, "user", "mallory"), SECKILL_BLACKLISTED);
    redis_server_resume(r->server);
    blacklist_catch_up(&r->sale);
    assert_int_equal(blacklist_state(&r->sale).loads, 1);
    uv_close((uv_handle_t *)&tick, NULL);
}

/* More changes than the log keeps: all is read anew, and the old copy is used until then. */
static void what_the_log_has_no_more_is_read_anew(void **state) {
    rules *r = *state;
    sale other;
    blacklist_list(&r->sale, "user", "stays", NULL, 0, 0);
    blacklist_list(&r->sale, "user", "goes", NULL, 0, 0);
    rules_open_other(r, &other);
    blacklist_follow(&other);
    /* as if 65,536 others had come since */
    blacklist_unlist(&r->sale, "user", "goes");
    blacklist_list(&r->sale, "user", "comes", NULL, 0, 0);
    blacklist_list(&r->sale, "user", "last", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "XTRIM seckill:{blacklist}:log MAXLEN 1"));
    while (blacklist_state(&other).loads < 2) {
        assert_status(blacklist_local(&other, "user", "stays"), SECKILL_BLACKLISTED);
        uv_run(&other.loop, UV_RUN_ONCE);
    }
    assert_status(blacklist_local(&other, "user", "stays"), SECKILL_BLACKLISTED);
    assert_status(blacklist_local(&other, "user", "comes"), SECKILL_BLACKLISTED);
    assert_status(blacklist_local(&other, "user", "goes"), SECKILL_OK);
    assert_int_equal(blacklist_state(&other).entries, 3);
    sale_close(&other);
}

/* The same for a copy that has seen nothing yet. */
static void from_an_empty_list_too(void **state) {
    rules *r = *state;
    sale other;
    rules_open_other(r, &other);
    blacklist_follow(&other);
    blacklist_list(&r->sale, "user", "first", NULL, 0, 0); /* the other's loop does not run meanwhile */
    blacklist_list(&r->sale, "user", "last", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "XTRIM seckill:{blacklist}:log MAXLEN 1"));
    blacklist_await(&other, "user", "last", SECKILL_BLACKLISTED);
    blacklist_catch_up(&other);
    assert_status(blacklist_local(&other, "user", "first"), SECKILL_BLACKLISTED);
    sale_close(&other);
}

static void the_log_is_bounded(void **state) {
    rules *r = *state;
    blacklist_list_users(&r->sale, "u", 66000);
    assert_in_range(redis_server_integer(r->server, "XLEN seckill:{blacklist}:log"), 256, 257);
    blacklist_follow(&r->sale);
    assert_int_equal(blacklist_state(&r->sale).entries, 66000);
}

/* A failover that lost changes: others have the same numbers now. */
static void lost_changes_are_unlearnt(void **state) {
    rules *r = *state;
    sale other;
    blacklist_list(&r->sale, "user", "kept", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "SAVE"));
    rules_open_other(r, &other);
    blacklist_follow(&other);
    blacklist_list(&r->sale, "user", "lost", NULL, 0, 0);
    blacklist_await(&other, "user", "lost", SECKILL_BLACKLISTED);
    assert_true(redis_server_restart(r->server)); /* killed: back to what was saved */
    assert_status(blacklist_list(&r->sale, "user", "instead", NULL, 0, 0).status, SECKILL_OK);
    blacklist_await(&other, "user", "lost", SECKILL_OK);
    assert_status(blacklist_local(&other, "user", "instead"), SECKILL_BLACKLISTED);
    assert_status(blacklist_local(&other, "user", "kept"), SECKILL_BLACKLISTED);
    assert_int_equal(blacklist_state(&other).loads, 2);
    sale_close(&other);
}

/* A call of seckill_blacklist_add that lists one user, as it goes out, and again after its answer was lost. */
static void add_as_it_went_out(rules *r, const char *user) {
    enum { KEYS = 34 };
    const sk__script *script = sk__script_of(SK__SCRIPT_blacklist_add);
    char keys[KEYS][64], packed[64] = {0, '\xff', '\xff', '\xff', '\xff', '\xff', '\xff'}; /* for ever */
    const char *argv[3 + KEYS + 2] = {"EVAL", script->text, "34"};
    size_t sizes[3 + KEYS + 2] = {4, *script->size, 2};
    int at = 7 + snprintf(packed + 7, sizeof packed - 7, "%c\4user%s", (int)(5 + strlen(user)), user) + 1; /* and no reason */
    for (int i = 0; i < KEYS; i++) {
        if (i < 2)
            snprintf(keys[i], sizeof keys[i], "seckill:{blacklist}:%s", i == 0 ? "head" : "log");
        else
            snprintf(keys[i], sizeof keys[i], "seckill:{blacklist}:%s:%d", i < 18 ? "entries" : "ends", (i - 2) % 16);
        argv[3 + i] = keys[i];
        sizes[3 + i] = strlen(keys[i]);
    }
    argv[3 + KEYS] = "same-tag";
    sizes[3 + KEYS] = 8;
    argv[4 + KEYS] = packed;
    sizes[4 + KEYS] = (size_t)at;
    redisReply *reply = redis_server_command_argv(r->server, 3 + KEYS + 2, argv, sizes);
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    redis_server_forget(reply);
}

/* The last change that was lost came again, with the same number: what stood before it is another. */
static void a_lost_change_that_came_again_hides_nothing(void **state) {
    rules *r = *state;
    sale other;
    blacklist_list(&r->sale, "user", "kept", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "SAVE"));
    rules_open_other(r, &other);
    blacklist_follow(&other);
    blacklist_list(&r->sale, "user", "lost", NULL, 0, 0);
    add_as_it_went_out(r, "again");
    blacklist_await(&other, "user", "again", SECKILL_BLACKLISTED);
    assert_true(redis_server_restart(r->server));
    blacklist_list(&r->sale, "user", "instead", NULL, 0, 0);
    add_as_it_went_out(r, "again");
    blacklist_catch_up(&other);
    blacklist_await(&other, "user", "lost", SECKILL_OK);
    assert_status(blacklist_local(&other, "user", "instead"), SECKILL_BLACKLISTED);
    assert_status(blacklist_local(&other, "user", "again"), SECKILL_BLACKLISTED);
    assert_int_equal(blacklist_state(&other).loads, 2);
    sale_close(&other);
}

/* All would be read anew for ever, as fast as Redis answers: it is said, and asked again after a pause. */
static void a_log_without_its_end_is_damage(void **state) {
    rules *r = *state;
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    redis_server_forget(redis_server_command(r->server, "XTRIM seckill:{blacklist}:log MAXLEN 0"));
    uint64_t limit = uv_hrtime() + UINT64_C(10000000000);
    assert_status(seckill_blacklist_follow(r->sale.client, &options), SECKILL_OK);
    while (redis_server_integer(r->server, "EVAL %s 0",
                                "return tonumber(string.match(redis.call('INFO', 'errorstats'), "
                                "'errorstat_DAMAGED:count=(%d+)') or 0)") < 1) {
        assert_true(uv_hrtime() < limit);
        uv_run(&r->sale.loop, UV_RUN_NOWAIT);
    }
    assert_false(blacklist_state(&r->sale).is_loaded);
    blacklist_list(&r->sale, "user", "eve", NULL, 0, 0); /* the next change mends it */
    blacklist_await(&r->sale, "user", "mallory", SECKILL_BLACKLISTED);
    blacklist_catch_up(&r->sale);
    assert_int_equal(blacklist_state(&r->sale).entries, 2);
}

/* A restart that lost nothing costs nothing. */
static void a_restart_without_loss_is_followed_over(void **state) {
    rules *r = *state;
    blacklist_list(&r->sale, "user", "kept", NULL, 0, 0);
    blacklist_follow(&r->sale);
    redis_server_forget(redis_server_command(r->server, "SAVE"));
    assert_true(redis_server_restart(r->server));
    blacklist_list(&r->sale, "user", "new", NULL, 0, 0);
    blacklist_await(&r->sale, "user", "new", SECKILL_BLACKLISTED);
    assert_int_equal(blacklist_state(&r->sale).loads, 1);
}

static void a_list_that_is_gone_is_gone(void **state) {
    rules *r = *state;
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_follow(&r->sale);
    redis_server_forget(redis_server_command(r->server, "FLUSHALL"));
    blacklist_await(&r->sale, "user", "mallory", SECKILL_OK);
    blacklist_list(&r->sale, "user", "eve", NULL, 0, 0);
    blacklist_await(&r->sale, "user", "eve", SECKILL_BLACKLISTED);
}

/* Somebody lists and removes all the time while it is loaded, in small steps. */
static void it_is_exact_while_much_changes(void **state) {
    enum { USERS = 4000 };
    static bool listed[USERS];
    rules *r = *state;
    sale other;
    uint32_t random = 7;
    blacklist_list_users(&r->sale, "u", USERS);
    for (unsigned i = 0; i < USERS; i++)
        listed[i] = true;
    rules_open_other(r, &other);
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    options.poll_ms = 1;
    assert_status(seckill_blacklist_follow(other.client, &options), SECKILL_OK);
    for (unsigned step = 0; step < 600; step++) {
        char user[16];
        random = random * 1664525U + 1013904223U;
        unsigned which = (random >> 8) % USERS;
        snprintf(user, sizeof user, "u%u", which);
        assert_status(listed[which] ? blacklist_unlist(&r->sale, "user", user).status
                                    : blacklist_list(&r->sale, "user", user, NULL, 0, 0).status,
                      SECKILL_OK);
        listed[which] = !listed[which];
        uv_run(&other.loop, UV_RUN_NOWAIT);
        if (step == 300) /* in the middle of it all is read anew, beside what is there */
            redis_server_forget(redis_server_command(r->server, "XTRIM seckill:{blacklist}:log MAXLEN 0"));
    }
    blacklist_catch_up(&other);
    for (unsigned i = 0; i < USERS; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%u", i);
        assert_status(blacklist_local(&other, "user", user), listed[i] ? SECKILL_BLACKLISTED : SECKILL_OK);
    }
    assert_int_equal(blacklist_state(&other).entries, blacklist_read_all(&r->sale, 512, NULL, NULL));
    sale_close(&other);
}

static void beyond_its_bound_it_says_so(void **state) {
    rules *r = *state;
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    blacklist_list_users(&r->sale, "u", 100);
    options.max_entries = 60;
    assert_status(seckill_blacklist_follow(r->sale.client, &options), SECKILL_OK);
    blacklist_catch_up(&r->sale);
    assert_int_equal(blacklist_state(&r->sale).entries, 60);
    assert_int_equal(blacklist_state(&r->sale).dropped, 40);
}

static void it_is_followed_once(void **state) {
    rules *r = *state;
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    seckill_subject alice = subject("user", "alice"), nowhere = subject("address", "nowhere");
    assert_status(seckill_blacklist_check_local(r->sale.client, &alice, NULL), SECKILL_INVALID);
    assert_int_equal(blacklist_state(&r->sale).is_following, 0);
    assert_int_equal(blacklist_state(&r->sale).behind_ms, -1);
    options.poll_ms = 60001;
    assert_status(seckill_blacklist_follow(r->sale.client, &options), SECKILL_INVALID);
    options.poll_ms = 0;
    assert_status(seckill_blacklist_follow(r->sale.client, &options), SECKILL_OK);
    assert_status(seckill_blacklist_follow(r->sale.client, &options), SECKILL_CONFLICT);
    assert_int_equal(blacklist_state(&r->sale).behind_ms, -1); /* not loaded yet */
    assert_status(seckill_blacklist_check_local(r->sale.client, &nowhere, NULL), SECKILL_INVALID);
}

/* ---- what is refused by it */

static void who_is_listed_gets_nothing(void **state) {
    rules *r = *state;
    sale_answer answer;
    rules_sell_patiently(r, 4, 2, 100);
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_follow(&r->sale);
    answer = sale_reserve(&r->sale, "mallory", "r1", 1); /* a repetition: it reaches Redis, and finds nothing */
    assert_status(answer.status, SECKILL_BLACKLISTED);
    assert_false(answer.has_ref);
    assert_status(sale_reserve(&r->sale, "alice", "r1", 1).status, SECKILL_OK);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 1);
    blacklist_unlist(&r->sale, "user", "mallory");
    blacklist_await(&r->sale, "user", "mallory", SECKILL_OK);
    assert_status(sale_reserve(&r->sale, "mallory", "r1", 1).status, SECKILL_OK);
}

static void what_was_granted_before_stands(void **state) {
    rules *r = *state;
    sale_answer before, again;
    rules_sell_patiently(r, 4, 5, 100);
    before = sale_reserve(&r->sale, "mallory", "r1", 2);
    assert_status(before.status, SECKILL_OK);
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_follow(&r->sale);
    again = sale_reserve(&r->sale, "mallory", "r1", 2);
    assert_status(again.status, SECKILL_OK);
    assert_true(again.replayed);
    assert_memory_equal(again.reservation.id, before.reservation.id, sizeof before.reservation.id);
    assert_status(sale_reserve(&r->sale, "mallory", "r1", 1).status, SECKILL_CONFLICT);
    assert_status(sale_reserve(&r->sale, "mallory", "r2", 1).status, SECKILL_BLACKLISTED);
    assert_status(sale_confirm(&r->sale, &before.ref, "").status, SECKILL_OK);
}

typedef struct {
    seckill_status status;
    bool done;
} said;

static void on_enqueued(const seckill_ticket_result *result, void *user_data) {
    *(said *)user_data = (said){result->status, true};
}

/* The queue, too: what was granted is found, and told as the ticket's. */
static void what_the_queue_granted_before_stands(void **state) {
    rules *r = *state;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    said enqueue = {0};
    rules_sell_patiently(r, 1, 5, 100);
    assert_status(sale_reserve(&r->sale, "mallory", "r1", 1).status, SECKILL_OK);
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_follow(&r->sale);
    options.user = (seckill_bytes){"mallory", 7};
    options.request_id = (seckill_bytes){"r1", 2};
    assert_status(seckill_enqueue(r->sale.item, &options, NULL, on_enqueued, &enqueue), SECKILL_OK);
    sale_run_until(&r->sale, &enqueue.done);
    assert_status(enqueue.status, SECKILL_OK);
}

static void on_reserved(const seckill_result *result, void *user_data) {
    *(said *)user_data = (said){result->status, true};
}

/* From memory: Redis is not asked, nor even there. */
static void first_attempts_are_refused_from_memory(void **state) {
    rules *r = *state;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    said reserve = {0}, enqueue = {0};
    rules_sell_patiently(r, 4, 2, 100);
    blacklist_list(&r->sale, "user", "mallory", NULL, 0, 0);
    blacklist_follow(&r->sale);
    options.user = (seckill_bytes){"mallory", 7};
    options.request_id = (seckill_bytes){"r1", 2};
    options.flags = SECKILL_FIRST_ATTEMPT;
    redis_server_pause(r->server);
    assert_status(seckill_reserve(r->sale.item, &options, NULL, on_reserved, &reserve), SECKILL_OK);
    assert_status(seckill_enqueue(r->sale.item, &options, NULL, on_enqueued, &enqueue), SECKILL_OK);
    assert_false(reserve.done || enqueue.done); /* never inside the call */
    sale_run_until(&r->sale, &reserve.done);
    sale_run_until(&r->sale, &enqueue.done);
    redis_server_resume(r->server);
    assert_status(reserve.status, SECKILL_BLACKLISTED);
    assert_status(enqueue.status, SECKILL_BLACKLISTED);
    seckill_client_stats stats = {.struct_size = sizeof stats};
    assert_status(seckill_client_get_stats(r->sale.client, &stats), SECKILL_OK);
    assert_int_equal(stats.from_memory, 2);
    options.flags = 0; /* now Redis is asked: nothing was granted, and nothing is put into the queue */
    enqueue.done = false;
    assert_status(seckill_enqueue(r->sale.item, &options, NULL, on_enqueued, &enqueue), SECKILL_OK);
    sale_run_until(&r->sale, &enqueue.done);
    assert_status(enqueue.status, SECKILL_BLACKLISTED);
    assert_int_equal(sale_stock(&r->sale).total.queued, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(what_is_listed_is_loaded_and_followed),
        RULES_TEST(an_empty_list_is_followed_from_its_first_entry),
        RULES_TEST(an_entry_ends_by_the_servers_clock),
        RULES_TEST(it_goes_on_after_a_lost_connection),
        RULES_TEST(it_says_how_far_it_is_behind),
        RULES_TEST(what_the_log_has_no_more_is_read_anew),
        RULES_TEST(from_an_empty_list_too),
        RULES_TEST(the_log_is_bounded),
        RULES_TEST(lost_changes_are_unlearnt),
        RULES_TEST(a_lost_change_that_came_again_hides_nothing),
        RULES_TEST(a_log_without_its_end_is_damage),
        RULES_TEST(a_restart_without_loss_is_followed_over),
        RULES_TEST(a_list_that_is_gone_is_gone),
        RULES_TEST(it_is_exact_while_much_changes),
        RULES_TEST(beyond_its_bound_it_says_so),
        RULES_TEST(it_is_followed_once),
        RULES_TEST(who_is_listed_gets_nothing),
        RULES_TEST(what_was_granted_before_stands),
        RULES_TEST(what_the_queue_granted_before_stands),
        RULES_TEST(first_attempts_are_refused_from_memory),
    };
    return RULES_RUN(tests);
}
