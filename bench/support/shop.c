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
    (void)snprintf(user, SHOP_USER + 1, "user%012llu", (unsigned long long)n % 1000000000000U);
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
    if (self->next < self->crowd->count)
        ask(self);
    else
        self->done = self->answered == self->crowd->count;
}

static void ask(selling *self) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    const char *user = self->users[self->next++];
    seckill_status status;

    options.user.data = options.request_id.data = user;
    options.user.size = options.request_id.size = SHOP_USER;
    options.flags = self->crowd->first_attempts ? SECKILL_FIRST_ATTEMPT : 0;
    status = seckill_reserve(self->shop->item, &options, NULL, on_answer, self);
    if (status != SECKILL_OK)
        bench_fail("reserve: %s", seckill_status_message(status));
}

shop_outcome shop_sell(sale *shop, const shop_crowd *crowd) {
    selling self = {.shop = shop, .crowd = crowd, .users = malloc((crowd->count + 1) * sizeof(*self.users))};
    double start;

    if (self.users == NULL)
        bench_fail("out of memory");
    for (uint64_t i = 0; i < crowd->count; i++)
        shop_user(crowd->first + i, self.users[i]);
    start = bench_now();
    uv_update_time(&shop->loop);
    for (uint64_t i = 0; i < crowd->in_flight && i < crowd->count; i++)
        ask(&self);
    sale_run_until(shop, &self.done);
    self.outcome.seconds = bench_now() - start;
    free(self.users);
    return self.outcome;
}
