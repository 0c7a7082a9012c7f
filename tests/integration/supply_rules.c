/* Units move to where they are asked for, and nobody is turned away while any shard has one.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "queue_support.h"
#include "rules_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t count_of(const sale_answer *answers, uint32_t count, seckill_status status) {
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++)
        found += answers[i].status == status;
    return found;
}

/* Users whose home is one shard ask at once. */
static sale_answer *reserve_at(rules *r, uint32_t shard, uint32_t first, uint32_t count, uint32_t quantity) {
    sale_answer *answers = calloc(count, sizeof(*answers));

    assert_non_null(answers);
    for (uint32_t i = 0; i < count; i++) {
        char user[SECKILL_USER_MAX + 1];

        rules_user_of(r, shard, first + i, user);
        assert_status(sale_start_reserve(&r->sale, user, "r", quantity, &answers[i]), SECKILL_OK);
    }
    sale_wait(&r->sale, answers, count);
    return answers;
}

static seckill_status reserve_one(rules *r, uint32_t shard, uint32_t user, uint32_t quantity) {
    sale_answer *answers = reserve_at(r, shard, user, 1, quantity);
    seckill_status status = answers[0].status;

    free(answers);
    return status;
}

static void all_demand_on_one_shard_of_eight(void **state) {
    rules *r = *state;
    sale_answer *answers;
    sale_stock_answer stock;

    rules_sell_patiently(r, 8, 1, 1000);
    answers = reserve_at(r, 3, 0, 1500, 1);
    assert_int_equal(count_of(answers, 1500, SECKILL_OK), 1000);
    assert_int_equal(count_of(answers, 1500, SECKILL_SOLD_OUT), 500);
    free(answers);
    stock = sale_stock(&r->sale);
    assert_int_equal(stock.shards[3].reserved, 1000);
    assert_int_equal(stock.total.available, 0);
    assert_int_equal(stock.total.transferred_in, 875);
    assert_int_equal(stock.total.transferred_out, 875);
    assert_in_range(stock.total.transfers, 7, 60);
    rules_check(r);
}

static void a_queue_on_one_shard_of_eight(void **state) {
    rules *r = *state;
    queue_worker worker;
    sale_ticket_answer *asked = calloc(300, sizeof(*asked));

    assert_non_null(asked);
    rules_sell_patiently(r, 8, 1, 200);
    for (uint32_t i = 0; i < 300; i++) {
        char user[SECKILL_USER_MAX + 1];

        rules_user_of(r, 5, i, user);
        asked[i] = sale_enqueue(&r->sale, user, "r", 1);
        queue_assert_queued(&asked[i], i + 1);
    }
    queue_worker_init(&worker, &r->sale, 5, 64, NULL);
    queue_worker_finish(&worker);
    assert_int_equal(worker.all_granted, 200);
    assert_int_equal(worker.all_refused, 100);
    for (uint32_t i = 0; i < 300; i++) {
        if (i < 200)
            queue_assert_poll(r, &asked[i], SECKILL_TICKET_GRANTED); /* first come, first served */
        else
            queue_assert_poll_refused(r, &asked[i], SECKILL_SOLD_OUT);
    }
    free(asked);
    rules_check(r);
}

static void units_of_many_shards_for_one_request(void **state) {
    rules *r = *state;

    rules_sell_patiently(r, 8, 8, 8); /* one in each */
    assert_status(reserve_one(r, 6, 0, 5), SECKILL_OK);
    assert_status(reserve_one(r, 2, 0, 4), SECKILL_NOT_ENOUGH);
    assert_status(reserve_one(r, 2, 1, 3), SECKILL_OK);
    assert_status(reserve_one(r, 1, 0, 1), SECKILL_SOLD_OUT);
    rules_check(r);
    assert_int_equal(sale_stock(&r->sale).total.reserved, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(all_demand_on_one_shard_of_eight),
        RULES_TEST(a_queue_on_one_shard_of_eight),
        RULES_TEST(units_of_many_shards_for_one_request),
    };

    return RULES_RUN(tests);
}
