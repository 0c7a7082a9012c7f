/* Does a grant cost more where there are more shards, more clients, or more users on record?
 *
 * Cost is the processor time of the server for each grant. Each row sets the larger against the smaller, measured in turn.
 * `--users N` measures only the last row, from N users on instead of a million: eight million take a minute or two, and 3 GB.
 */
#include "shop.h"

#include <stdlib.h>
#include <string.h>

enum { SHARDS = 8, CLIENTS_MAX = 16, IN_FLIGHT = 32768 };

/* Clients of one item on one loop. */
typedef struct {
    sale shop;
    seckill_client *clients[CLIENTS_MAX];
    seckill_item *items[CLIENTS_MAX];
    uint32_t count;
    redis_server *server;
    uint64_t users; /* on record */
} market;

static void market_open(market *self, uint32_t shards, uint32_t clients) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    memset(self, 0, sizeof(*self));
    self->server = shop_server(shop_everysec);
    shop_open(&self->shop, self->server, shards, 100000000);
    options.address = redis_server_address(self->server);
    options.loop = &self->shop.loop;
    options.timeout_ms = 20000;
    self->items[0] = self->shop.item;
    for (self->count = 1; self->count < clients; self->count++) {
        if (seckill_client_open(&options, &self->clients[self->count]) != SECKILL_OK ||
            seckill_item_open(self->clients[self->count], "sale", "phone", &self->items[self->count]) != SECKILL_OK)
            bench_fail("no client");
    }
}

static void market_close(market *self) {
    for (uint32_t i = 1; i < self->count; i++) {
        seckill_item_close(self->items[i]);
        seckill_client_close(self->clients[i], NULL, NULL);
    }
    sale_close(&self->shop);
    redis_server_free(self->server);
}

/* Microseconds of the server's processor for each of so many more grants. */
static double cost(market *self, uint64_t grants, uint32_t in_flight) {
    shop_crowd crowd = {
        .first = self->users, .count = grants, .in_flight = in_flight, .items = self->items, .item_count = self->count};
    double before = bench_cpu_time(redis_server_pid(self->server));

    if (shop_sell(&self->shop, &crowd).granted != grants)
        bench_fail("not everybody was granted a unit");
    self->users += grants;
    return (bench_cpu_time(redis_server_pid(self->server)) - before) * 1e6 / (double)grants;
}

static void print(bench_row row, const bench_series *ours, const bench_series *other) {
    row.unit = "us";
    row.ours = ours;
    row.other = other;
    row.goal = BENCH_RATIO_AT_MOST;
    row.limit = 1.15;
    bench_row_print(&row);
}

/* ---- shards and clients ---- */

enum { ONE, EIGHT, SIXTY_FOUR, SIXTEEN_CLIENTS, MARKETS };

/* Connects, and goes beyond the 512 users for which Redis keeps a hash of small values as a list: each look at it is a walk. */
static void warm_up(market *self) {
    enum { EACH = 100, STEPS = 7 };

    for (int i = 0; i < STEPS; i++) {
        double used = cost(self, (uint64_t)EACH * self->shop.shards, IN_FLIGHT);

        if (self->shop.shards == 64)
            bench_point_print("cost of a grant by users on record in each of 64 shards", "us",
                              (double)self->users / self->shop.shards, used);
    }
}

/* All markets grow together, in turn, so that none of them is measured at another time than the others. */
static void measure(const bench_options *options, uint64_t grants, bench_series used[MARKETS]) {
    static const uint32_t shards[MARKETS] = {1, 8, 64, 8}, clients[MARKETS] = {1, 1, 1, 16};
    market markets[MARKETS];

    for (int i = 0; i < MARKETS; i++) {
        market_open(&markets[i], shards[i], clients[i]);
        warm_up(&markets[i]);
    }
    for (int round = 0; round < options->rounds; round++) {
        for (int i = 0; i < MARKETS; i++)
            bench_add(&used[i], cost(&markets[i], grants, IN_FLIGHT));
        bench_say("1 shard: %.3f us; 8 shards: %.3f us; 64 shards: %.3f us; 16 clients: %.3f us", used[ONE].values[round],
                  used[EIGHT].values[round], used[SIXTY_FOUR].values[round], used[SIXTEEN_CLIENTS].values[round]);
    }
    for (int i = 0; i < MARKETS; i++)
        market_close(&markets[i]);
}

static void compare_markets(const bench_options *options, uint64_t grants) {
    static const char note[] =
        "processor time of the server; closed loop, 32,768 requests under way in all; users and request ids "
        "of 16 bytes; AOF everysec";
    bench_series used[MARKETS] = {{0}};

    measure(options, grants, used);
    bench_point_print("cost of a grant by shards", "us", 1, bench_median(&used[ONE]));
    bench_point_print("cost of a grant by shards", "us", 8, bench_median(&used[EIGHT]));
    bench_point_print("cost of a grant by shards", "us", 64, bench_median(&used[SIXTY_FOUR]));
    bench_point_print("cost of a grant by clients", "us", 1, bench_median(&used[EIGHT]));
    bench_point_print("cost of a grant by clients", "us", 16, bench_median(&used[SIXTEEN_CLIENTS]));
    print((bench_row){.id = "12a", .question = "cost of a grant with 8 shards", .against = "with 1 shard", .note = note},
          &used[EIGHT], &used[ONE]);
    print((bench_row){.id = "12b", .question = "cost of a grant with 64 shards", .against = "with 1 shard", .note = note},
          &used[SIXTY_FOUR], &used[ONE]);
    print((bench_row){.id = "12c", .question = "cost of a grant with 16 clients", .against = "with 1 client", .note = note},
          &used[SIXTEEN_CLIENTS], &used[EIGHT]);
}

/* ---- users on record ---- */

enum { SMALLER = 128, MARKETS_OF_FEW = 16, IN_FLIGHT_OF_FEW = 1024 };

/* Hash tables double as they grow, and that costs: all are measured while their users become twice as many, slice by slice, and
 * have numbers that differ by a power of two. And batches must be as large: so many requests are under way in each. */
static void grow(const bench_options *options, uint64_t users, bench_series *few, bench_series *many) {
    uint64_t slice = users / (uint64_t)options->rounds;
    market large, small[MARKETS_OF_FEW];

    market_open(&large, SHARDS, 1);
    (void)cost(&large, users, IN_FLIGHT);
    for (int i = 0; i < MARKETS_OF_FEW; i++) {
        market_open(&small[i], SHARDS, 1);
        (void)cost(&small[i], users / SMALLER, IN_FLIGHT);
    }
    for (int round = 0; round < options->rounds; round++) {
        double sum = 0;

        for (int i = 0; i < MARKETS_OF_FEW; i++)
            sum += cost(&small[i], slice / SMALLER, IN_FLIGHT_OF_FEW);
        bench_add(few, sum / (double)MARKETS_OF_FEW);
        bench_add(many, cost(&large, slice, IN_FLIGHT_OF_FEW));
        bench_say("up to %llu users: %.3f us; up to %llu: %.3f us", (unsigned long long)small[0].users, few->values[round],
                  (unsigned long long)large.users, many->values[round]);
    }
    for (int i = 0; i < MARKETS_OF_FEW; i++)
        market_close(&small[i]);
    market_close(&large);
}

static void compare_users(const bench_options *options, uint64_t users) {
    bench_series few = {0}, many = {0};
    char question[96], against[96];

    grow(options, users, &few, &many);
    bench_point_print("cost of a grant by users on record", "us", (double)(users / SMALLER), bench_median(&few));
    bench_point_print("cost of a grant by users on record", "us", (double)users, bench_median(&many));
    (void)snprintf(question, sizeof(question), "cost of a grant with %llu users on record, until there are twice as many",
                   (unsigned long long)users);
    (void)snprintf(against, sizeof(against), "with %llu, until there are twice as many", (unsigned long long)(users / SMALLER));
    print((bench_row){.id = "12d",
                      .question = question,
                      .against = against,
                      .note =
                          "processor time of the server; closed loop, 1,024 requests under way, 8 shards; users and request "
                          "ids of 16 bytes; AOF everysec"},
          &many, &few);
}

int main(int argc, char **argv) {
    uint64_t users = 0, grants;
    bench_options options;

    if (argc == 3 && strcmp(argv[1], "--users") == 0) {
        users = strtoull(argv[2], NULL, 10);
        argc = 1;
    }
    options = bench_parse(argc, argv, 5);
    grants = bench_size(&options, 30000, 2000);
    if (users == 0)
        compare_markets(&options, grants);
    compare_users(&options, users != 0 ? users : bench_size(&options, 1 << 20, 1 << 12));
    return 0;
}
