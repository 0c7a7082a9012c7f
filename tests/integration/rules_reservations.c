/* Reading all reservations: each user who is there, in pages, whatever the server does meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 900, ROUND = 300 };

typedef struct {
    bool done;
    seckill_status status;
    seckill_reservations_cursor next;
    int complete, restarted;
    uint32_t damaged;
    int64_t server_time_ms;
    size_t count;
    seckill_user_reservation found[2048];
    char users[2048][SECKILL_USER_MAX + 1];
} page_read;

static void on_page(const seckill_reservations_result *result, void *user_data) {
    page_read *page = user_data;

    page->done = true;
    page->status = result->status;
    page->next = result->next;
    page->complete = result->complete;
    page->restarted = result->restarted;
    page->damaged = result->damaged;
    page->server_time_ms = result->server_time_ms;
    page->count = result->count;
    for (size_t i = 0; i < result->count && i < 2048; i++) {
        page->found[i] = result->reservations[i];
        (void)snprintf(page->users[i], sizeof(page->users[i]), "%.*s", (int)result->reservations[i].user.size,
                       (const char *)result->reservations[i].user.data);
    }
}

static const seckill_reservations_cursor beginning = SECKILL_RESERVATIONS_CURSOR_INIT;

static const page_read *read_page(sale *self, uint32_t shard, const seckill_reservations_cursor *cursor, uint32_t max) {
    static page_read page;

    memset(&page, 0, sizeof(page));
    assert_status(seckill_reservations_read(self->item, shard, cursor, max, 0, on_page, &page), SECKILL_OK);
    sale_run_until(self, &page.done);
    assert_true(page.count < 2048);
    return &page;
}

/* "u0", "u1", ...: one unit each. */
static void reserve_all(rules *r) {
    static sale_answer answers[ROUND];

    for (int i = 0; i < USERS; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "u%d", i);
        if (i % ROUND == 0)
            memset(answers, 0, sizeof(answers));
        assert_status(sale_start_reserve(&r->sale, user, "r", 1, &answers[i % ROUND]), SECKILL_OK);
        if (i % ROUND == ROUND - 1)
            sale_wait(&r->sale, answers, ROUND);
    }
}

/* Walks over a shard, and notes whom it met. */
static unsigned walk(sale *self, uint32_t shard, uint32_t max, int seen[USERS]) {
    seckill_reservations_cursor cursor = beginning;
    unsigned pages = 0;
    const page_read *page;

    do {
        page = read_page(self, shard, &cursor, max);
        assert_status(page->status, SECKILL_OK);
        assert_false(page->restarted);
        for (size_t i = 0; i < page->count; i++)
            seen[atoi(page->users[i] + 1)]++;
        cursor = page->next;
        pages++;
    } while (!page->complete);
    return pages;
}

static void every_user_is_met_on_his_shard(void **state) {
    rules *r = *state;
    int seen[USERS] = {0};

    /* Redis hands out small hashes in one piece. */
    redis_server_forget(redis_server_command(r->server, "CONFIG SET hash-max-listpack-entries 64"));
    rules_sell_patiently(r, 3, 1, USERS);
    reserve_all(r);
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_true(walk(&r->sale, shard, 20, seen) >= 5);
        for (int i = 0; i < USERS; i++) {
            char user[16];

            (void)snprintf(user, sizeof(user), "u%d", i);
            if (rules_home_of(r, user) <= shard)
                assert_true(seen[i] >= 1);
            else
                assert_int_equal(seen[i], 0);
        }
    }
    memset(seen, 0, sizeof(seen));
    assert_true(walk(&r->sale, 0, SECKILL_BATCH_MAX, seen) <= 3);
}

static void records_are_shown_as_they_stand(void **state) {
    rules *r = *state;
    const page_read *page;
    sale_answer answer;

    rules_sell(r, 1, 5, 1000, 0, 10);
    rules_freeze(r);
    answer = rules_reserve(r, "u", "kept", 3);
    assert_status(answer.status, SECKILL_OK);
    page = read_page(&r->sale, 0, &beginning, 10);
    assert_true(page->complete);
    assert_int_equal(page->count, 1);
    assert_string_equal(page->users[0], "u");
    assert_memory_equal(page->found[0].reservation.id, answer.reservation.id, SECKILL_RESERVATION_ID_SIZE);
    assert_int_equal(page->found[0].reservation.quantity, 3);
    assert_int_equal(page->found[0].reservation.price, 129900);
    assert_int_equal(page->found[0].reservation.ends_ms, answer.reservation.ends_ms);
    assert_true(page->found[0].reservation.ends_ms > page->server_time_ms);
    /* Overdue, it is not ended by being read: the stock says so too. */
    rules_pass(r, 1500);
    page = read_page(&r->sale, 0, &beginning, 10);
    assert_int_equal(page->found[0].reservation.state, SECKILL_RESERVED);
    assert_true(page->found[0].reservation.ends_ms < page->server_time_ms);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 3);
    assert_status(sale_expire(&r->sale).status, SECKILL_OK);
    page = read_page(&r->sale, 0, &beginning, 10);
    assert_int_equal(page->found[0].reservation.state, SECKILL_RESERVATION_EXPIRED);
    rules_check(r);
}

static void of_another_server_the_walk_begins_anew(void **state) {
    rules *r = *state;
    seckill_reservations_cursor cursor;
    const page_read *page;

    rules_sell_patiently(r, 1, 1, USERS);
    reserve_all(r);
    redis_server_forget(redis_server_command(r->server, "SAVE"));
    cursor = read_page(&r->sale, 0, &beginning, 20)->next;
    page = read_page(&r->sale, 0, &cursor, 20);
    assert_false(page->restarted || page->complete);
    assert_true(redis_server_restart(r->server));
    cursor = page->next;
    page = read_page(&r->sale, 0, &cursor, 20);
    assert_status(page->status, SECKILL_OK);
    assert_true(page->restarted);
    assert_false(page->complete);
    /* Nothing was written in this life of the server: the walk goes on all the same. */
    cursor = page->next;
    assert_false(read_page(&r->sale, 0, &cursor, 20)->restarted);
}

static void what_is_damaged_is_left_out_and_counted(void **state) {
    rules *r = *state;
    char key[SECKILL_SHARD_KEY_SIZE];
    const page_read *page;

    rules_sell_patiently(r, 1, 1, 10);
    assert_status(sale_reserve(&r->sale, "good", "r", 1).status, SECKILL_OK);
    redis_server_forget(redis_server_command(r->server, "HSET %s bad xyz", sale_key(&r->sale, 0, "users", key)));
    /* As long as a record, but of no state. */
    redis_server_forget(redis_server_command(r->server, "HSET %s worse %044d", key, 0));
    page = read_page(&r->sale, 0, &beginning, 10);
    assert_status(page->status, SECKILL_OK);
    assert_int_equal(page->damaged, 2);
    assert_int_equal(page->count, 1);
    assert_string_equal(page->users[0], "good");
}

static void arguments_are_checked(void **state) {
    rules *r = *state;
    seckill_reservations_cursor nonsense;
    seckill_item *item = r->sale.item;
    page_read unused;

    rules_sell_patiently(r, 2, 1, 10);
    memset(&nonsense, 'x', sizeof(nonsense));
    assert_status(seckill_reservations_read(NULL, 0, &beginning, 1, 0, on_page, &unused), SECKILL_INVALID);
    assert_status(seckill_reservations_read(item, SECKILL_SHARDS_MAX, &beginning, 1, 0, on_page, &unused), SECKILL_INVALID);
    assert_status(seckill_reservations_read(item, 0, NULL, 1, 0, on_page, &unused), SECKILL_INVALID);
    assert_status(seckill_reservations_read(item, 0, &nonsense, 1, 0, on_page, &unused), SECKILL_INVALID);
    assert_status(seckill_reservations_read(item, 0, &beginning, 0, 0, on_page, &unused), SECKILL_INVALID);
    assert_status(seckill_reservations_read(item, 0, &beginning, SECKILL_BATCH_MAX + 1, 0, on_page, &unused), SECKILL_INVALID);
    assert_status(seckill_reservations_read(item, 0, &beginning, 1, 0, NULL, &unused), SECKILL_INVALID);
    assert_status(read_page(&r->sale, 2, &beginning, 1)->status, SECKILL_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(every_user_is_met_on_his_shard),          RULES_TEST(records_are_shown_as_they_stand),
        RULES_TEST(what_is_damaged_is_left_out_and_counted), RULES_TEST(arguments_are_checked),
        RULES_TEST(of_another_server_the_walk_begins_anew),
    };

    return RULES_RUN(tests);
}
