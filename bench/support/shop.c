#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const shop_everysec[] = {"appendonly yes", "appendfsync everysec", NULL};
const char *const shop_always[] = {"appendonly yes", "appendfsync always", NULL};

redis_server *shop_server(const char *const *lines) {
    redis_server_options options = {.lines = lines};
    redis_server *server;

    bench_pin_to_server();
    server = redis_server_start(&options);
    bench_pin_to_load();
    if (server == NULL)
        bench_fail("no server");
    return server;
}

void shop_open(sale *shop, const redis_server *server, uint32_t shards, uint64_t units) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    settings.limit = 1;
    settings.price = 129900;
    sale_open(shop, redis_server_address(server));
    if (sale_define(shop, shards, &settings).status != SECKILL_OK ||
        sale_load(shop, "all", (int64_t)units).status != SECKILL_OK)
        bench_fail("the item could not be put on sale");
}

void shop_user(uint64_t n, char user[SHOP_USER + 1]) {
    memcpy(user, "user", 4);
    user[SHOP_USER] = '\0';
    for (int i = SHOP_USER - 1; i >= 4; i--, n /= 10) /* no printf, which would cost as much as what is measured */
        user[i] = (char)('0' + n % 10);
}

void shop_ask(seckill_item *item, const char *user, uint32_t flags, seckill_result_cb cb, void *user_data) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    seckill_status status;

    options.user.data = options.request_id.data = user;
    options.user.size = options.request_id.size = SHOP_USER;
    options.flags = flags;
    status = seckill_reserve(item, &options, NULL, cb, user_data);
    if (status != SECKILL_OK)
        bench_fail("reserve: %s", seckill_status_message(status));
}

/* ---- a crowd ---- */

typedef struct {
    sale *shop;
    const shop_crowd *crowd;
    shop_outcome outcome;
    uint64_t next, answered;
    char (*users)[SHOP_USER + 1]; /* made before the clock starts */
    bool done;
} selling;

static void ask(selling *self);

static void on_answer(const seckill_result *result, void *user_data) {
    selling *self = user_data;

    if (result->status == SECKILL_OK)
        self->outcome.granted++;
    else if (result->status == SECKILL_SOLD_OUT)
        self->outcome.refused++;
    else
        bench_fail("reserve: %s", result->message);
    self->answered++;
    if (self->crowd->on_answer != NULL)
        self->crowd->on_answer(&self->outcome, self->crowd->user_data);
    if (self->next < self->crowd->count)
        ask(self);
    else
        self->done = self->answered == self->crowd->count;
}

static void ask(selling *self) {
    const shop_crowd *crowd = self->crowd;
    seckill_item *item = crowd->items != NULL ? crowd->items[self->next % crowd->item_count] : self->shop->item;

    shop_ask(item, self->users[self->next++], crowd->first_attempts ? SECKILL_FIRST_ATTEMPT : 0, on_answer, self);
}

shop_outcome shop_sell(sale *shop, const shop_crowd *crowd) {
    selling self = {.shop = shop, .crowd = crowd, .users = malloc((crowd->count + 1) * sizeof(*self.users))};

    if (self.users == NULL)
        bench_fail("out of memory");
    for (uint64_t i = 0; i < crowd->count; i++)
        shop_user(crowd->first + i, self.users[i]);
    self.outcome.start = bench_now();
    uv_update_time(&shop->loop);
    for (uint64_t i = 0; i < crowd->in_flight && i < crowd->count; i++)
        ask(&self);
    sale_run_until(shop, &self.done);
    self.outcome.seconds = bench_now() - self.outcome.start;
    free(self.users);
    return self.outcome;
}

double shop_grant_rate(const char *const *lines, uint64_t users) {
    redis_server *server = shop_server(lines);
    shop_crowd crowd = {.count = users, .in_flight = 8192};
    shop_outcome outcome;
    double cpu;
    sale shop;

    shop_open(&shop, server, 8, users);
    cpu = bench_cpu_time(redis_server_pid(server));
    outcome = shop_sell(&shop, &crowd);
    cpu = bench_cpu_time(redis_server_pid(server)) - cpu;
    if (outcome.granted != users)
        bench_fail("%llu of %llu users were granted a unit", (unsigned long long)outcome.granted, (unsigned long long)users);
    bench_say("ours: %.0f/s, the server's processor %.0f %% used", (double)users / outcome.seconds,
              100 * cpu / outcome.seconds);
    sale_close(&shop);
    redis_server_free(server);
    return (double)users / outcome.seconds;
}
