/* How many refusals can one core give from memory in a second, when everything is sold?
 *
 * Each request is a first attempt of a new user: seckill_reserve and its callback, in a closed loop. What is remembered is at
 * most 200 ms old: Redis, on the other core, is asked again and again meanwhile, as always. There is no other.
 */
#include "shop.h"

#include <string.h>

enum { SHARDS = 8, UNITS = 1000, ID = 16, TURNS = 1024 };

typedef struct {
    sale *shop;
    uint64_t next, in_flight;
    double until;
    bool over, done;
} crowd;

static void ask(crowd *self);

static void on_answer(const seckill_result *result, void *user_data) {
    crowd *self = user_data;

    if (result->status != SECKILL_SOLD_OUT)
        bench_fail("reserve: %s", result->message);
    /* The clock is looked at rarely: it costs as much as a part of what is measured. */
    if (self->next % TURNS == 0)
        self->over = self->over || bench_now() >= self->until;
    if (!self->over)
        ask(self);
    else
        self->done = --self->in_flight == 0;
}

/* Ids of 16 bytes, of which each is used once. */
static void ask(crowd *self) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    char id[ID] = "user";

    memcpy(id + ID - sizeof(self->next), &self->next, sizeof(self->next));
    self->next++;
    options.user.data = options.request_id.data = id;
    options.user.size = options.request_id.size = ID;
    options.flags = SECKILL_FIRST_ATTEMPT;
    if (seckill_reserve(self->shop->item, &options, NULL, on_answer, self) != SECKILL_OK)
        bench_fail("reserve failed");
}

static uint64_t from_memory(const sale *shop) {
    seckill_client_stats stats;

    stats.struct_size = sizeof(stats);
    if (seckill_client_get_stats(shop->client, &stats) != SECKILL_OK)
        bench_fail("no stats");
    return stats.from_memory;
}

/* Refusals from memory in a second, with so many requests under way. */
static double refuse(sale *shop, uint64_t first, uint64_t in_flight, double seconds) {
    double start = bench_now(), rate;
    crowd self = {.shop = shop, .next = first, .in_flight = in_flight, .until = start + seconds};
    uint64_t before = from_memory(shop);

    uv_update_time(&shop->loop);
    for (uint64_t i = 0; i < in_flight; i++)
        ask(&self);
    sale_run_until(shop, &self.done);
    rate = (double)(from_memory(shop) - before) / (bench_now() - start);
    bench_say("%llu under way: %.0f/s, %.2f %% of all", (unsigned long long)in_flight, rate,
              100 * (double)(from_memory(shop) - before) / (double)(self.next - first));
    return rate;
}

static void sell_out(sale *shop) {
    shop_crowd buyers = {.count = 2 * UNITS, .in_flight = UNITS};

    if (shop_sell(shop, &buyers).granted != UNITS)
        bench_fail("the units were not sold");
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 5);
    double seconds = options.quick ? 0.02 : 1;
    static const uint64_t widths[] = {1, 4, 16, 64, 256, 1024, 4096, 16384};
    redis_server *server = shop_server(shop_everysec);
    bench_series rates = {0};
    sale shop;

    shop_open(&shop, server, SHARDS, UNITS);
    sell_out(&shop);
    for (int i = 0; i < options.rounds; i++)
        bench_add(&rates, refuse(&shop, (uint64_t)i << 40, 512, seconds));
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        bench_point_print("refusals from memory by requests under way", "refusals/s", (double)widths[i],
                          refuse(&shop, (uint64_t)(BENCH_ROUNDS_MAX + i) << 40, widths[i], seconds / 4));
    bench_row_print(&(bench_row){.id = "7",
                                 .question = "refusals from memory on one core",
                                 .unit = "1/s",
                                 .ours = &rates,
                                 .goal = BENCH_OURS_AT_LEAST,
                                 .limit = 1e7,
                                 .note = "closed loop, 512 requests under way, each a first attempt after everything was sold; "
                                         "public calls and callbacks; 8 shards, Redis on the other core refreshes what is "
                                         "remembered; users and request ids of 16 bytes; AOF everysec"});
    sale_close(&shop);
    redis_server_free(server);
    return 0;
}
