/* How many users can be granted a unit in a second, where each grant is on disk before it is answered?
 *
 * Ours: seckill_reserve by one client in a closed loop, as in grants.c. The other: the common script for one user, over 50
 * connections. Both servers run with `appendfsync always`: one sync for whatever one turn of the server's loop has executed.
 */
#include "one_user.h"
#include "shop.h"

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 5);
    uint64_t users = bench_size(&options, 200000, 4000), others = bench_size(&options, 15000, 400);
    bench_series mine = {0}, theirs = {0};

    for (int i = 0; i < options.rounds; i++) {
        bench_add(&mine, shop_grant_rate(shop_always, users));
        bench_add(&theirs, one_user_rate(shop_always, others, 50, 1));
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
