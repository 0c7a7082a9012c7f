/* How many users can be granted a unit in a second, where each grant is on disk before it is answered?
 *
 * Ours: seckill_reserve by one client in a closed loop, as in grants.c. The other: the common script for one user, over 50
 * connections. Both servers run with `appendfsync always`: one sync for whatever one turn of the server's loop has executed.
 */
#include "one_user.h"
#include "shop.h"

enum { SHARDS = 8, IN_FLIGHT = 8192 };

static double ours(uint64_t users) {
    redis_server *server = shop_server(shop_always);
    shop_crowd crowd = {.count = users, .in_flight = IN_FLIGHT};
    shop_outcome outcome;
    double cpu;
    sale shop;

    shop_open(&shop, server, SHARDS, users);
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

static double other(uint64_t users) {
    redis_server *server = shop_server(shop_always);
    char sha[41];
    double rate;

    one_user_prepare(server, users, sha);
    rate = one_user_benchmark(server, sha, users, 50, 1);
    bench_say("one-user script: %.0f/s", rate);
    redis_server_free(server);
    return rate;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 5);
    uint64_t users = bench_size(&options, 200000, 4000), others = bench_size(&options, 15000, 400);
    bench_series mine = {0}, theirs = {0};

    for (int i = 0; i < options.rounds; i++) {
        bench_add(&mine, ours(users));
        bench_add(&theirs, other(others));
    }
    bench_row_print(&(bench_row){.id = "4",
                                 .question = "grants, each on disk before its answer",
                                 .unit = "1/s",
                                 .ours = &mine,
                                 .other = &theirs,
                                 .against = "one-user script, 50 connections",
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 25,
                                 .note = "closed loop, 8,192 requests in flight, 8 shards; users and request ids of 16 bytes; "
                                         "AOF always on both servers"});
    return 0;
}
