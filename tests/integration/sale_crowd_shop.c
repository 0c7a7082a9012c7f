/* A crowd of users who buy while something fails: the shop around them, and what must hold in the end. */
#include "sale_crowd.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- life ---- */

static void open_folder(shop *s) {
    const char *base = getenv("TMPDIR");

    (void)snprintf(s->folder, sizeof(s->folder), "%s/crowd-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(s->folder));
    (void)snprintf(s->orders, sizeof(s->orders), "%s/orders.db", s->folder);
}

static seckill_client_options client_options(crowd *self, const char *address) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.loop = &self->shop.sale.loop;
    options.address = address;
    options.replicas = self->plan.replicas;
    options.timeout_ms = self->plan.timeout_ms;
    options.command_timeout_ms = self->plan.command_timeout_ms;
    options.reconnect_max_ms = 100;
    return options;
}

static void open_sale(crowd *self) {
    seckill_client_options options = client_options(self, self->plan.address);
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    options.timeout_ms = 30000;
    sale_open_with(&self->shop.sale, &options);
    settings.limit = self->plan.most;
    settings.hold_ms = settings.window_ms = 3600000;
    settings.remember_ms = 2 * 3600000;
    settings.max_skew_ms = self->plan.max_skew_ms;
    assert_status(sale_define(&self->shop.sale, self->plan.shards, &settings).status, SECKILL_OK);
    assert_status(sale_load(&self->shop.sale, "first", self->plan.units).status, SECKILL_OK);
}

static void open_clients(crowd *self) {
    for (uint32_t i = 0; i < self->plan.clients; i++) {
        const char *address = self->plan.addresses[i] != NULL ? self->plan.addresses[i] : self->plan.address;
        seckill_client_options options = client_options(self, address);

        assert_status(seckill_client_open(&options, &self->clients[i]), SECKILL_OK);
        assert_status(seckill_item_open(self->clients[i], "sale", "phone", &self->items[i]), SECKILL_OK);
    }
}

void crowd_start_worker(crowd *self) {
    const char *address = self->plan.worker_address != NULL ? self->plan.worker_address : self->plan.address;
    char inventory[64], replicas[16];
    const char *const more[] = {"--redis", address,      "--inventory", inventory,   "--replicas",
                                replicas,  "--poll-max", "20ms",        "--verbose", NULL};

    (void)snprintf(inventory, sizeof(inventory), "sale/phone=%" PRId64, self->plan.units);
    (void)snprintf(replicas, sizeof(replicas), "%" PRIu32, self->plan.replicas);
    self->worker = worker_start(&self->shop, more);
    worker_wait_log(&self->worker, "at work");
}

void crowd_open(crowd *self, const crowd_plan *plan) {
    memset(self, 0, sizeof(*self));
    self->plan = *plan;
    self->random = plan->seed;
    self->shop.server = plan->server;
    if (plan->address == NULL)
        self->plan.address = redis_server_address(plan->server);
    self->users = calloc(plan->users, sizeof(*self->users));
    assert_non_null(self->users);
    open_folder(&self->shop);
    open_sale(self);
    open_clients(self);
    assert_int_equal(uv_timer_init(&self->shop.sale.loop, &self->arrivals), 0);
    self->arrivals.data = self;
    crowd_start_worker(self);
}

void crowd_close(crowd *self) {
    uv_close((uv_handle_t *)&self->arrivals, NULL);
    for (uint32_t i = 0; i < self->come; i++)
        uv_close((uv_handle_t *)&self->users[i].timer, NULL);
    for (uint32_t i = 0; i < self->plan.clients; i++) {
        seckill_item_close(self->items[i]);
        seckill_client_close(self->clients[i], NULL, NULL);
    }
    self->shop.server = NULL; /* it is the test's */
    shop_close(&self->shop);
    free(self->users);
}

/* ---- the end ---- */

static bool is_quiet(shop *s, const void *unused) {
    sale_stock_answer stock = sale_stock(&s->sale);
    orders_db_item_account account;

    (void)unused;
    return stock.status == SECKILL_OK && stock.total.queued == 0 && stock.total.events == 0 && shop_account(s, &account) &&
           account.refunds_due == 0;
}

void crowd_finish_work(crowd *self) {
    if (self->worker.pid == 0)
        crowd_start_worker(self);
    shop_wait(&self->shop, is_quiet, NULL, "the worker to do everything");
    assert_int_equal(worker_end(&self->worker, SIGTERM).exit_code, 0);
}

static seckill_reservation_state state_of(const crowd_user *user) {
    if (!user->settled)
        return SECKILL_RESERVED;
    return user->wish == CROWD_CONFIRMS ? SECKILL_RESERVATION_SOLD : SECKILL_RESERVATION_CANCELLED;
}

/* Whether the record is there, and is what the user was told. */
static bool has_it(crowd *self, const crowd_user *user) {
    sale_lookup_answer found = sale_lookup(&self->shop.sale, user->name, user->name);

    return found.status == SECKILL_OK && found.count == 1 && found.reservations[0].state == state_of(user) &&
           found.reservations[0].quantity == user->grant.quantity &&
           memcmp(found.reservations[0].id, user->grant.id, sizeof(user->grant.id)) == 0 &&
           (user->settled || found.reservations[0].since_ms == user->grant.since_ms);
}

/* Asked again with the same id it is told the same. */
static void check_repeated(crowd *self, const crowd_user *user) {
    sale_answer again = sale_reserve_at(&self->shop.sale, user->name, user->name, user->claim.quantity, user->created_ms);

    assert_status(again.status, user->settled && user->wish == CROWD_CANCELS ? SECKILL_CANCELLED : SECKILL_OK);
    assert_true(again.replayed);
    assert_memory_equal(again.reservation.id, user->grant.id, sizeof(user->grant.id));
}

static void check_user(crowd *self, const crowd_user *user) {
    bool ordered = user->settled && user->wish == CROWD_CONFIRMS;

    if (!user->granted)
        return;
    if (!has_it(self, user))
        fail_msg("%s was told more than there is", user->name);
    check_repeated(self, user);
    assert_int_equal(shop_order_state(&self->shop, user->grant.id), ordered ? ORDERS_DB_CONFIRMED : -1);
}

static sale_claim *claims_of(const crowd *self) {
    sale_claim *claims = calloc(self->plan.users, sizeof(*claims));

    assert_non_null(claims);
    for (uint32_t i = 0; i < self->plan.users; i++)
        claims[i] = self->users[i].claim;
    return claims;
}

static void check_orders(crowd *self, int64_t sold) {
    orders_db_item_account account;

    assert_true(shop_account(&self->shop, &account));
    assert_int_equal(account.units[ORDERS_DB_CONFIRMED], sold);
    assert_int_equal(account.units_total - account.units_left, sold);
}

void crowd_check(crowd *self) {
    sale_claim *claims = claims_of(self);
    int64_t kept = sale_check_claims(claims, self->plan.users, self->plan.units);
    sale_stock_answer stock = sale_check_account(&self->shop.sale, self->plan.units);

    free(claims);
    assert_int_equal(stock.total.reserved + stock.total.sold, kept);
    check_orders(self, stock.total.sold);
    for (uint32_t i = 0; i < self->plan.users; i++)
        check_user(self, &self->users[i]);
    sale_check_rest(&self->shop.sale, "later", stock.total.available);
    print_message("%" PRId64 " units sold, %" PRId64 " reserved, %" PRId64 " left, moved %" PRId64 " times\n", stock.total.sold,
                  stock.total.reserved, stock.total.available, stock.total.transfers);
}

int64_t crowd_count_lost(crowd *self, int64_t *units) {
    int64_t count = 0;

    *units = 0;
    for (uint32_t i = 0; i < self->plan.users; i++) {
        const crowd_user *user = &self->users[i];

        if (!user->granted || has_it(self, user))
            continue;
        count++;
        *units += user->claim.quantity;
    }
    return count;
}
