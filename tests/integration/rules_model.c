/* Random sales, step by step against the oracle: every answer, every counter, every record and every event.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "rules_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *model_name(char letter, int number) {
    static char names[4][8];
    static unsigned at;
    char *text = names[at++ % 4];

    (void)snprintf(text, sizeof(names[0]), "%c%d", letter, number);
    return text;
}

/* ---- the beginning ---- */

static void choose_settings(game *g) {
    static const uint32_t holds[] = {5, 100, 1000, 100000};
    seckill_item_settings *settings = &g->o.settings;

    settings->limit = 1 + rules_below(g->r, 30);
    settings->price = (int64_t)rules_below(g->r, 100000);
    settings->hold_ms = holds[rules_below(g->r, 4)];
    settings->grace_ms = rules_below(g->r, 2) != 0 ? holds[rules_below(g->r, 4)] : 0;
    settings->max_queue = 1 + rules_below(g->r, 30);
    settings->max_events = 1 + rules_below(g->r, ORACLE_EVENTS);
    settings->start_ms = rules_below(g->r, 4) == 0 ? g->o.now + 50 : 0;
    settings->end_ms = 0;
}

static void define(game *g) {
    assert_status(sale_define(&g->r->sale, g->o.settings.shards, &g->o.settings).status, SECKILL_OK);
}

static void begin(game *g, rules *r) {
    memset(g, 0, sizeof(*g));
    g->r = r;
    g->o.settings.struct_size = sizeof(g->o.settings);
    g->o.settings.shards = 1 + rules_below(r, ORACLE_SHARDS);
    g->o.settings.window_ms = 50 + rules_below(r, 500);
    g->o.settings.remember_ms = g->o.settings.window_ms + 1 + rules_below(r, 500);
    choose_settings(g);
    g->o.settings.start_ms = 0;
    define(g);
    rules_freeze(r);
    g->o.now = r->now_ms;
    assert_status(sale_load(&r->sale, "first", FIRST_UNITS).status, SECKILL_OK);
    oracle_load(&g->o, FIRST_UNITS);
    for (int i = 0; i < ORACLE_USERS; i++)
        g->o.users[i].home = rules_home_of(r, model_name('u', i));
}

/* ---- comparing ---- */

void model_compare_record(int user, const seckill_reservation *shown, const oracle_record *expected) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    const char *user_name = model_name('u', user), *request_name = model_name('r', expected->request);
    seckill_bytes user_bytes = {user_name, strlen(user_name)}, request_bytes = {request_name, strlen(request_name)};
    int state = expected->state == ORACLE_EXPIRED_FOR_GOOD ? SECKILL_RESERVATION_EXPIRED : expected->state;

    assert_status(seckill_reservation_id("sale", "phone", user_bytes, request_bytes, id), SECKILL_OK);
    assert_memory_equal(shown->id, id, sizeof(id));
    assert_int_equal(shown->state, state);
    assert_int_equal(shown->quantity, expected->quantity);
    assert_int_equal(shown->price, expected->price);
    assert_int_equal(shown->since_ms, expected->since);
    assert_int_equal(shown->ends_ms, expected->ends);
    assert_status(shown->reason, expected->reason);
}

static void compare_answer(int user, const sale_answer *answer, const oracle_answer *expected) {
    assert_status(answer->status, expected->status);
    assert_int_equal(answer->replayed, expected->replayed);
    if (expected->record == NULL) {
        assert_int_equal(answer->reservation.state, 0);
        return;
    }
    model_compare_record(user, &answer->reservation, expected->record);
    assert_int_equal(answer->has_ref, expected->record->state == SECKILL_RESERVED);
    if (answer->has_ref)
        assert_int_equal(answer->ref.valid_until_ms, expected->record->valid_until);
}

/* How many there are is told; where they are is for the shards to say. */
static void adopt_moves(game *g, const sale_stock_answer *stock) {
    int64_t expected = 0;

    for (uint32_t i = 0; i < g->o.settings.shards; i++) {
        expected += g->o.shards[i].available;
        g->o.shards[i].available = stock->shards[i].available;
    }
    assert_int_equal(stock->total.available, expected);
    assert_int_equal(stock->total.transferred_in, stock->total.transferred_out);
}

static void compare_stock(game *g) {
    sale_stock_answer stock = sale_stock(&g->r->sale);

    assert_status(stock.status, SECKILL_OK);
    assert_true(sale_account_holds(&stock));
    adopt_moves(g, &stock);
    for (uint32_t i = 0; i < g->o.settings.shards; i++) {
        const seckill_stock *shown = &stock.shards[i];
        const oracle_shard *expected = &g->o.shards[i];
        int64_t users = 0;

        for (int k = 0; k < ORACLE_USERS; k++)
            users += g->o.users[k].home == i && g->o.users[k].count != 0;
        assert_int_equal(shown->loaded, expected->loaded);
        assert_int_equal(shown->reserved, expected->reserved);
        assert_int_equal(shown->sold, expected->sold);
        assert_int_equal(shown->cancelled, expected->cancelled);
        assert_int_equal(shown->expired, expected->expired);
        assert_int_equal(shown->refunded, expected->refunded);
        assert_int_equal(shown->events, expected->event_count);
        assert_int_equal(shown->queued, expected->enqueued - expected->decided);
        assert_int_equal(shown->users, users);
    }
}

static void compare_user(game *g, int user) {
    oracle_user expected = oracle_lookup(&g->o, user);

    g->found = sale_lookup(&g->r->sale, model_name('u', user), NULL);
    assert_status(g->found.status, SECKILL_OK);
    assert_int_equal(g->found.count, expected.count);
    for (size_t i = 0; i < expected.count; i++)
        model_compare_record(user, &g->found.reservations[i], &expected.records[i]);
}

/* ---- moves ---- */

/* The model's clock jumps, and what a client has found out about the stock is as old as its own clock says: whoever is refused
 * for stock here knows nothing from before. */
sale *model_newcomer(game *g) {
    if (g->has_newcomer)
        sale_close(&g->newcomer);
    g->has_newcomer = true;
    rules_open_other(g->r, &g->newcomer);
    return &g->newcomer;
}

void model_keep_token(game *g, int user, int request, const seckill_reservation_ref *ref) {
    size_t place = g->token_count < TOKENS ? g->token_count++ : rules_below(g->r, TOKENS);

    g->tokens[place].user = user;
    g->tokens[place].request = request;
    g->tokens[place].ref = *ref;
}

static int move_reserve(game *g) {
    int user = (int)rules_below(g->r, ORACLE_USERS), request = (int)rules_below(g->r, REQUESTS);
    uint32_t quantity = 1 + rules_below(g->r, 3);
    int64_t created = g->o.now - (rules_below(g->r, 5) == 0 ? (int64_t)rules_below(g->r, 700) : 0);
    sale *newcomer = model_newcomer(g);
    sale_answer answer = sale_reserve_at(newcomer, model_name('u', user), model_name('r', request), quantity, created);
    oracle_answer expected = oracle_reserve(&g->o, user, request, quantity, created);

    compare_answer(user, &answer, &expected);
    if (answer.has_ref)
        model_keep_token(g, user, request, &answer.ref);
    return user;
}

static int move_confirm(game *g) {
    const token *chosen = &g->tokens[rules_below(g->r, (uint32_t)g->token_count)];
    seckill_reservation_ref ref = chosen->ref;
    sale_answer answer;
    oracle_answer expected;

    if (rules_below(g->r, 30) == 0)
        ref.quantity++;
    answer = sale_confirm(model_newcomer(g), &ref, model_name('o', chosen->request));
    expected = oracle_confirm(&g->o, chosen->user, chosen->request, ref.quantity, ref.price, ref.valid_until_ms);
    compare_answer(chosen->user, &answer, &expected);
    return chosen->user;
}

static int move_release(game *g, bool is_refund) {
    const token *chosen = &g->tokens[rules_below(g->r, (uint32_t)g->token_count)];
    const char *user = model_name('u', chosen->user);
    sale_answer answer = is_refund ? sale_refund(&g->r->sale, user, chosen->ref.reservation_id)
                                   : sale_cancel(&g->r->sale, user, chosen->ref.reservation_id);
    oracle_answer expected =
        is_refund ? oracle_refund(&g->o, chosen->user, chosen->request) : oracle_cancel(&g->o, chosen->user, chosen->request);

    compare_answer(chosen->user, &answer, &expected);
    return chosen->user;
}

static void move_time(game *g) {
    static const uint32_t most[] = {1, 10, 200, 2000};
    int64_t ms = 1 + (int64_t)rules_below(g->r, most[rules_below(g->r, 4)]);

    rules_pass(g->r, ms);
    g->o.now += ms;
}

static void move_stock(game *g) {
    const char *id = model_name('s', (int)g->operations++);
    int64_t units = 1 + (int64_t)rules_below(g->r, 12);

    if (rules_below(g->r, 3) != 0) {
        assert_int_equal(sale_load(&g->r->sale, id, units).amount, units);
        oracle_load(&g->o, units);
    } else {
        assert_int_equal(sale_withdraw(&g->r->sale, id, units).amount, oracle_withdraw(&g->o, units));
    }
}

static void move_state(game *g) {
    uint32_t chance = rules_below(g->r, 6);

    if (g->o.state == SECKILL_ITEM_ENDED) {
        assert_status(chance == 0 ? sale_pause(&g->r->sale).status : sale_resume(&g->r->sale).status, SECKILL_ENDED);
        return;
    }
    switch (chance) {
    case 0:
        assert_status(sale_pause(&g->r->sale).status, SECKILL_OK);
        g->o.state = SECKILL_ITEM_PAUSED;
        return;
    case 1:
        choose_settings(g);
        define(g);
        return;
    default:
        assert_status(sale_resume(&g->r->sale).status, SECKILL_OK);
        g->o.state = SECKILL_ITEM_ACTIVE;
        return;
    }
}

static void move_events(game *g) {
    uint32_t k = rules_below(g->r, g->o.settings.shards), max = 1 + rules_below(g->r, ORACLE_EVENTS);
    oracle_shard *shard = &g->o.shards[k];
    size_t count = shard->event_count < max ? shard->event_count : max;
    seckill_event_ack acks[ORACLE_EVENTS];

    g->events = sale_events(&g->r->sale, k, max);
    assert_int_equal(g->events.count, count);
    assert_int_equal(g->events.waiting, shard->event_count);
    for (size_t i = 0; i < count; i++) {
        const seckill_event *event = &g->events.events[i];

        assert_int_equal(event->kind, shard->events[i].kind);
        assert_int_equal(event->id.n, shard->events[i].n);
        assert_int_equal(event->quantity, shard->events[i].quantity);
        assert_string_equal(g->events.users[i], model_name('u', shard->events[i].user));
        assert_string_equal(g->events.order_refs[i],
                            event->kind == SECKILL_EVENT_CONFIRMED ? model_name('o', shard->events[i].request) : "");
        acks[i].id = event->id;
        memcpy(acks[i].reservation_id, event->reservation_id, sizeof(acks[i].reservation_id));
    }
    if (count == 0)
        return;
    assert_int_equal(sale_ack(&g->r->sale, k, acks, count).amount, count);
    shard->event_count -= count;
    memmove(shard->events, shard->events + count, shard->event_count * sizeof(shard->events[0]));
}

static int move(game *g) {
    uint32_t chance = rules_below(g->r, 155);

    if (chance >= 145)
        return model_refuse(g);
    if (chance >= 140) {
        model_wait_outside(g);
        return (int)rules_below(g->r, ORACLE_USERS);
    }
    if (chance >= 120)
        return model_enqueue(g);
    if (chance >= 112 && g->ticket_count != 0)
        return model_poll(g);
    if (chance >= 100) {
        model_process(g);
        return (int)rules_below(g->r, ORACLE_USERS);
    }
    if (chance < 35 || g->token_count == 0)
        return move_reserve(g);
    if (chance < 55)
        return move_confirm(g);
    if (chance < 65)
        return move_release(g, false);
    if (chance < 73)
        return move_release(g, true);
    if (chance < 83)
        move_time(g);
    else if (chance < 87)
        move_stock(g);
    else if (chance < 91)
        move_state(g);
    else if (chance < 96)
        move_events(g);
    else
        assert_int_equal(sale_expire(&g->r->sale).units, oracle_expire(&g->o));
    return (int)rules_below(g->r, ORACLE_USERS);
}

static void play(game *g, uint32_t moves) {
    for (uint32_t i = 0; i < moves; i++) {
        int user = move(g);

        compare_stock(g);
        compare_user(g, user);
        if (i % 100 == 99)
            rules_check(g->r);
    }
}

/* Everything is accounted for when all is over. */
static void finish(game *g) {
    assert_status(sale_end(&g->r->sale).status, SECKILL_OK);
    g->o.state = SECKILL_ITEM_ENDED;
    play(g, 20);
    for (int i = 0; i < 2; i++) { /* what expires, and then is forgotten */
        rules_pass(g->r, 2000000);
        g->o.now += 2000000;
        assert_int_equal(sale_expire(&g->r->sale).units, oracle_expire(&g->o));
    }
    assert_int_equal(sale_expire(&g->r->sale).next_due_ms, 0);
    compare_stock(g);
    for (int i = 0; i < ORACLE_USERS; i++)
        compare_user(g, i);
    rules_check(g->r);
    if (g->has_newcomer)
        sale_close(&g->newcomer);
}

static void random_sales_go_as_the_oracle_says(void **state) {
    rules *r = *state;
    uint32_t sales = rules_rounds(12, 400);
    game *g = malloc(sizeof(*g));

    assert_non_null(g);
    for (uint32_t i = 0; i < sales; i++) {
        uint64_t seed = r->random;

        (void)rules_teardown(state);
        (void)rules_setup(state);
        (void)printf("sale %u: SECKILL_TEST_SEED=%" PRIu64 "\n", i, seed);
        begin(g, r);
        play(g, 400);
        finish(g);
    }
    free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULES_TEST(random_sales_go_as_the_oracle_says),
    };

    return RULES_RUN(tests);
}
