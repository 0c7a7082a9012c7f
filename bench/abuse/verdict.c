#define _GNU_SOURCE /* usleep */

#include "verdict.h"

#include "bench.h"
#include "orders_db.h"
#include "sale_audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITTEN_WITHIN_S = 30, PAGE = 100000 };

typedef struct {
    place *place;
    const char *item;
    const shoppers *honest;
    int64_t orders, records;
    int wrong;
} looking;

/* A flood of the same is no news. */
#define WRONG(one, ...) ((one)->wrong++ < 10 ? bench_say("NOT EXPECTED: " __VA_ARGS__) : (void)0)

/* ---- orders ---- */

static orders_db *open_orders(const place *self) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;

    if (orders_db_open(self->orders, ORDERS_DB_READ_ONLY, 10000, &db, error) != ORDERS_DB_OK)
        bench_fail("%s: %s", self->orders, error);
    return db;
}

/* The worker is a moment behind what is sold in Redis. */
static void await_orders(const looking *one, orders_db *db) {
    double end = bench_now() + (double)WRITTEN_WITHIN_S;
    int64_t sold = sale_stock(&one->place->shop).total.sold;
    orders_db_item_account account;

    do {
        (void)uv_run(&one->place->shop.loop, UV_RUN_NOWAIT);
        if (orders_db_account(db, "sale", one->item, &account) != ORDERS_DB_OK)
            bench_fail("the orders cannot be read: %s", orders_db_error(db));
        if (account.units[ORDERS_DB_CONFIRMED] >= sold)
            return;
        (void)usleep(20000);
    } while (bench_now() < end);
}

static void write_hex(const uint8_t id[SECKILL_RESERVATION_ID_SIZE], char text[SHOPPERS_ID]) {
    sodium_bin2hex(text, SHOPPERS_ID, id, SECKILL_RESERVATION_ID_SIZE);
}

/* Each order is that of which its shopper was told, and so no shopper's twice. */
static void on_order(const orders_db_order *order, void *user_data) {
    looking *one = user_data;
    const shopper *who = shoppers_find(one->honest, shoppers_number(order->user.data, order->user.size));
    char id[SHOPPERS_ID];

    one->orders++;
    write_hex(order->reservation_id, id);
    if (who == NULL)
        WRONG(one, "%.*s, who is no honest shopper, has order %s", (int)order->user.size, (const char *)order->user.data, id);
    else if (who->outcome != SHOPPER_ORDERED || strcmp(who->order, id) != 0)
        WRONG(one, "%s has order %s, of which nobody was told", who->user, id);
    else if (order->state != ORDERS_DB_CONFIRMED || order->quantity != 1)
        WRONG(one, "order %s is %s, of %u units", id, orders_db_state_name(order->state), order->quantity);
}

static void look_at_orders(looking *one) {
    orders_db *db = open_orders(one->place);
    orders_db_filter filter = {.activity = "sale", .item = one->item, .limit = PAGE};

    await_orders(one, db);
    if (orders_db_list(db, &filter, on_order, one) != ORDERS_DB_OK)
        bench_fail("the orders cannot be read: %s", orders_db_error(db));
    orders_db_close(db);
    if (one->orders != one->place->units)
        WRONG(one, "%s: %" PRId64 " orders of %" PRId64 " units", one->item, one->orders, one->place->units);
}

/* ---- records ---- */

typedef struct {
    looking *one;
    seckill_reservations_cursor cursor;
    bool complete, done;
} walk;

static void look_at_record(looking *one, const seckill_user_reservation *seen) {
    const shopper *who = shoppers_find(one->honest, shoppers_number(seen->user.data, seen->user.size));
    char id[SHOPPERS_ID];

    one->records++;
    write_hex(seen->reservation.id, id);
    if (who == NULL)
        WRONG(one, "%.*s, who is no honest shopper, has reservation %s", (int)seen->user.size, (const char *)seen->user.data,
              id);
    else if (seen->reservation.state != SECKILL_RESERVATION_SOLD || strcmp(who->order, id) != 0)
        WRONG(one, "%s has reservation %s, which is not what was ordered", who->user, id);
}

static void on_page(const seckill_reservations_result *result, void *user_data) {
    walk *at = user_data;

    if (result->status != SECKILL_OK)
        bench_fail("the reservations cannot be read: %s", result->message);
    at->cursor = result->next;
    at->complete = result->complete;
    for (size_t i = 0; i < result->count; i++)
        look_at_record(at->one, &result->reservations[i]);
    at->done = true;
}

static void look_at_shard(looking *one, uint32_t shard) {
    walk at = {.one = one, .cursor = SECKILL_RESERVATIONS_CURSOR_INIT};

    while (!at.complete) {
        at.done = false;
        if (seckill_reservations_read(one->place->shop.item, shard, &at.cursor, SECKILL_BATCH_MAX, 0, on_page, &at) !=
            SECKILL_OK)
            bench_fail("the reservations cannot be read");
        sale_run_until(&one->place->shop, &at.done);
    }
}

/* ---- the account ---- */

static void look_at_account(looking *one) {
    static sale_stock_answer stock; /* large, as the next one */
    static sale_audit audit;
    int64_t units = one->place->units;

    stock = sale_stock(&one->place->shop);
    if (stock.status != SECKILL_OK || !sale_account_holds(&stock))
        WRONG(one, "%s: the account does not hold: %s", one->item, stock.message);
    if (stock.total.loaded != units || stock.total.sold != units || stock.total.available != 0 || stock.total.reserved != 0)
        WRONG(one, "%s: of %" PRId64 " units %" PRId64 " are sold, %" PRId64 " available, %" PRId64 " reserved", one->item,
              units, stock.total.sold, stock.total.available, stock.total.reserved);
    sale_reconcile(&one->place->shop, 0, 0, &audit);
    if (audit.status == SECKILL_OK && audit.faults == 0)
        return;
    WRONG(one, "%s: seckill_reconcile found %" PRIu64 " faults: %s", one->item, audit.faults, audit.message);
    sale_print_audit(&audit);
}

int verdict_of_item(place *self, int item, const shoppers *honest) {
    looking one = {.place = self, .item = place_items[item], .honest = honest};

    self->shop.item = self->items[item];
    look_at_orders(&one);
    for (uint32_t shard = 0; shard < self->shop.shards; shard++)
        look_at_shard(&one, shard);
    if (one.records != self->units)
        WRONG(&one, "%s: %" PRId64 " reservations of %" PRId64 " units", one.item, one.records, self->units);
    look_at_account(&one);
    if (honest->outcomes[SHOPPER_ORDERED] != (uint32_t)self->units)
        WRONG(&one, "%s: %" PRIu32 " shoppers were told that they have one of %" PRId64 " units", one.item,
              honest->outcomes[SHOPPER_ORDERED], self->units);
    if (honest->outcomes[SHOPPER_ORDERED] + honest->outcomes[SHOPPER_SOLD_OUT] != honest->count)
        WRONG(&one, "%s: %" PRIu32 " of %" PRIu32 " honest shoppers were turned away", one.item,
              honest->outcomes[SHOPPER_TURNED_AWAY], honest->count);
    return one.wrong;
}

/* ---- bans ---- */

typedef struct {
    int wrong;
    bool done;
} checking;

static void on_checked(const seckill_blacklist_check_result *result, void *user_data) {
    checking *one = user_data;

    for (size_t i = 0; i < result->count && result->findings != NULL; i++)
        if (!result->findings[i].is_listed)
            WRONG(one, "number %zu of %zu who were much too fast is not on the blacklist", i + 1, result->count);
    if (result->findings == NULL)
        WRONG(one, "the blacklist cannot be asked: %s", result->message);
    one->done = true;
}

int verdict_of_bans(place *self) {
    char users[ABUSERS_FAST][CRAFT_USER], addresses[ABUSERS_FAST][20];
    seckill_subject subjects[2 * ABUSERS_FAST];
    checking one = {0};

    for (uint32_t i = 0; i < ABUSERS_FAST; i++) {
        abusers_fast_user(i, users[i]);
        abusers_fast_address(i, addresses[i]);
        subjects[2 * i] = (seckill_subject){SECKILL_KIND_USER, {users[i], strlen(users[i])}};
        subjects[2 * i + 1] = (seckill_subject){SECKILL_KIND_ADDRESS, {addresses[i], strlen(addresses[i])}};
    }
    if (seckill_blacklist_check(self->shop.client, subjects, 2 * ABUSERS_FAST, 0, on_checked, &one) != SECKILL_OK)
        bench_fail("the blacklist cannot be asked");
    sale_run_until(&self->shop, &one.done);
    return one.wrong;
}
