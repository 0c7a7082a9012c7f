/* Several clients, several shards, quantities of one to three, and three times as many units asked for as there are: all are
 * sold but those that nobody who was refused could have used.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "supply_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 4, QUANTITY_MAX = 3 };

typedef struct {
    rules *r;
    sale clients[CLIENTS];
    uint32_t shards, units, count, started;
    sale_answer *answers;
    uint32_t *quantities;
} crowd;

static void begin(crowd *c, rules *r) {
    uint32_t asked = 0;

    memset(c, 0, sizeof(*c));
    c->r = r;
    c->shards = 1 + rules_below(r, 8);
    c->units = 1 + rules_below(r, 300);
    rules_sell_patiently(r, c->shards, QUANTITY_MAX, c->units);
    c->answers = calloc((size_t)3 * c->units, sizeof(*c->answers));
    c->quantities = calloc((size_t)3 * c->units, sizeof(*c->quantities));
    assert_true(c->answers != NULL && c->quantities != NULL);
    for (; asked < 3 * c->units; asked += c->quantities[c->count++])
        c->quantities[c->count] = 1 + rules_below(r, QUANTITY_MAX);
    for (uint32_t i = 0; i < CLIENTS; i++)
        rules_open_other(r, &c->clients[i]);
}

/* Some come from the users of one shard alone. */
static void start_one(crowd *c, bool at_one_shard) {
    char user[SECKILL_USER_MAX + 1];
    uint32_t i = c->started++;
    sale *client = &c->clients[rules_below(c->r, CLIENTS)];

    if (at_one_shard)
        rules_user_of(c->r, 0, i, user);
    else
        (void)snprintf(user, sizeof(user), "user-%u", i);
    assert_status(sale_start_reserve(client, user, "r", c->quantities[i], &c->answers[i]), SECKILL_OK);
}

static void run(crowd *c) {
    bool at_one_shard = rules_below(c->r, 2) == 0;
    uint32_t done = 0;

    while (done < c->count) {
        for (uint32_t more = rules_below(c->r, 40); more > 0 && c->started < c->count; more--)
            start_one(c, at_one_shard);
        for (uint32_t i = 0; i < CLIENTS; i++)
            (void)uv_run(&c->clients[i].loop, UV_RUN_NOWAIT);
        while (done < c->started && c->answers[done].calls != 0)
            done++;
    }
}

static void check(crowd *c) {
    uint32_t sold = 0, least_refused = QUANTITY_MAX + 1;
    supply_finished finished = supply_finish(&c->r->sale);
    seckill_stock total = sale_stock(&c->r->sale).total;

    for (uint32_t i = 0; i < c->count; i++) {
        assert_int_equal(c->answers[i].calls, 1);
        if (c->answers[i].status == SECKILL_OK) {
            sold += c->quantities[i];
            continue;
        }
        assert_true(c->answers[i].status == SECKILL_SOLD_OUT || c->answers[i].status == SECKILL_NOT_ENOUGH);
        if (c->quantities[i] < least_refused)
            least_refused = c->quantities[i];
    }
    assert_status(finished.status, SECKILL_OK);
    assert_int_equal(finished.transit + finished.owed, 0);
    assert_int_equal(total.reserved, sold);
    assert_int_equal(total.available, c->units - sold);
    assert_true(total.available < least_refused);
    assert_int_equal(total.transferred_in, total.transferred_out);
    rules_check(c->r);
}

static void all_is_sold_that_could_be(void **state) {
    rules *r = *state;
    uint32_t sales = rules_rounds(8, 300);

    for (uint32_t i = 0; i < sales; i++) {
        crowd c;

        (void)rules_teardown(state);
        (void)rules_setup(state);
        (void)printf("sale %u: SECKILL_TEST_SEED=%llu\n", i, (unsigned long long)r->random);
        begin(&c, r);
        run(&c);
        check(&c);
        for (uint32_t k = 0; k < CLIENTS; k++)
            sale_close(&c.clients[k]);
        free(c.answers);
        free(c.quantities);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(all_is_sold_that_could_be),
    };

    return RULES_RUN(tests);
}
