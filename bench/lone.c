/* How long does one lone request take?
 *
 * Ours: seckill_reserve with nothing else in flight, from the call to the callback, the client driven by its libuv loop. The
 * other: EVALSHA of the common script for one user through hiredis, synchronous. Both on unix sockets of one server, in turn;
 * each figure is the median of a round.
 */
#include "one_user.h"
#include "shop.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

enum { SHARDS = 8, TRIPS_MAX = 5000, WARM = 100 };

typedef struct {
    double seconds[TRIPS_MAX];
    uint64_t trips, next; /* next: user */
} journey;

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median_us(journey *self) {
    qsort(self->seconds, self->trips, sizeof(self->seconds[0]), compare);
    return 1e6 * self->seconds[self->trips / 2];
}

/* ---- ours ---- */

typedef struct {
    double end;
    bool done;
} answer;

static void on_answer(const seckill_result *result, void *user_data) {
    answer *self = user_data;

    self->end = bench_now();
    self->done = true;
    if (result->status != SECKILL_OK)
        bench_fail("reserve: %s", result->message);
}

static double ask_ours(sale *shop, const char *user) {
    answer mine = {0};
    double start = bench_now();

    shop_ask(shop->item, user, 0, on_answer, &mine);
    sale_run_until(shop, &mine.done);
    return mine.end - start;
}

/* ---- the other ---- */

static double ask_other(redisContext *connection, const char *sha, const char *user) {
    double start = bench_now(), end;
    redisReply *reply = redisCommand(connection, "EVALSHA %s 2 %s %s %s", sha, ONE_USER_STOCK, ONE_USER_USERS, user);

    end = bench_now();
    if (reply == NULL || reply->integer != 1)
        bench_fail("EVALSHA: %s", reply == NULL ? connection->errstr : "no unit");
    freeReplyObject(reply);
    return end - start;
}

/* ---- in turn ---- */

typedef struct {
    redis_server *server;
    sale shop;
    redisContext *connection;
    char sha[41];
} market;

static void open_market(market *self, uint64_t units) {
    self->server = shop_server(shop_everysec);
    shop_open(&self->shop, self->server, SHARDS, units);
    one_user_prepare(self->server, units, self->sha);
    self->connection = redisConnectUnix(redis_server_socket(self->server));
    if (self->connection == NULL || self->connection->err != 0)
        bench_fail("no connection");
}

static void close_market(market *self) {
    redisFree(self->connection);
    sale_close(&self->shop);
    redis_server_free(self->server);
}

/* A few trips go uncounted: caches and the processor's clock are the other's, just after it had its turn. */
static double go(market *self, journey *trips, bool ours) {
    for (uint64_t i = 0; i < trips->trips + WARM; i++) {
        char user[SHOP_USER + 1];
        double seconds;

        shop_user(trips->next++, user);
        seconds = ours ? ask_ours(&self->shop, user) : ask_other(self->connection, self->sha, user);
        if (i >= WARM)
            trips->seconds[i - WARM] = seconds;
    }
    return median_us(trips);
}

int main(int argc, char **argv) {
    static journey ours, others;
    bench_options options = bench_parse(argc, argv, 15);
    bench_series mine = {0}, theirs = {0};
    market both;

    ours.trips = others.trips = bench_size(&options, TRIPS_MAX, TRIPS_MAX / 10);
    open_market(&both, 2 * (uint64_t)options.rounds * TRIPS_MAX);
    for (int i = 0; i < options.rounds; i++) {
        bench_add(&mine, go(&both, &ours, true));
        bench_add(&theirs, go(&both, &others, false));
        bench_say("ours: %.1f us, one-user script: %.1f us", mine.values[i], theirs.values[i]);
    }
    close_market(&both);
    bench_row_print(&(bench_row){.id = "5",
                                 .question = "one lone request, round trip",
                                 .unit = "us",
                                 .ours = &mine,
                                 .other = &theirs,
                                 .against = "one-user script through hiredis, synchronous",
                                 .goal = BENCH_RATIO_AT_MOST,
                                 .limit = 1.25,
                                 .note = "closed loop, one request in flight, medians; 8 shards; users and request ids of 16 "
                                         "bytes; unix sockets; AOF everysec"});
    return 0;
}
