/* How long do 99 of 100 requests take at most, at half of the top rate?
 *
 * The top rate is found first, by a closed loop. Then requests come at half of it, whether or not those before are answered, at
 * random times as of users who do not know of each other (a Poisson process); each is timed from when it was due, so that what
 * waits before it is sent counts too. Ours: seckill_reserve by one client. The other: EVALSHA of the common script for one user
 * over 50 connections, one request at a time on each; who finds all of them taken waits for the first that is free. Both loads
 * look for what is due and for what is answered without ever sleeping.
 */
#include "one_user.h"
#include "shop.h"

#include <hiredis/hiredis.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SHARDS = 8, IN_FLIGHT = 8192, CONNECTIONS = 50 };

static const double percents[] = {1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.9, 99.95, 99.99};
enum { PERCENTS = sizeof(percents) / sizeof(percents[0]), P50 = 4, P99 = 9 };

/* ---- arrivals ---- */

typedef struct {
    uint64_t first, count, sent, answered; /* first: user */
    double start;
    double *times; /* of each request: when it is due, from the start; once it is answered, how long that took */
} timetable;

/* rate 0: all are due at once. */
static timetable plan(uint64_t first, uint64_t count, double rate) {
    timetable self = {.first = first, .count = count, .times = calloc(count + 1, sizeof(double))};
    uint64_t random = 88172645463325252; /* Xorshift. Source: Marsaglia. The same arrivals in each run. */
    double due = 0;

    if (self.times == NULL)
        bench_fail("out of memory");
    for (uint64_t i = 0; rate > 0 && i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        due -= log(((double)(random >> 11) + 1) / 9007199254740993.0) / rate;
        self.times[i] = due;
    }
    self.start = bench_now();
    return self;
}

static bool is_due(const timetable *self) {
    return self->sent < self->count && self->start + self->times[self->sent] <= bench_now();
}

static void answered(timetable *self, double *time) {
    *time = bench_now() - (self->start + *time);
    self->answered++;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* In ms; ends the plan. */
static void take_percentiles(timetable *self, bench_series percentiles[PERCENTS]) {
    qsort(self->times, self->count, sizeof(self->times[0]), compare);
    for (int i = 0; i < PERCENTS; i++)
        bench_add(&percentiles[i], 1e3 * self->times[(uint64_t)(percents[i] / 100 * (double)(self->count - 1))]);
    free(self->times);
}

/* ---- ours ---- */

static timetable *asked; /* by the one client that there is */

static void on_answer(const seckill_result *result, void *time) {
    if (result->status != SECKILL_OK)
        bench_fail("reserve: %s", result->message);
    answered(asked, time);
}

static void ask_ours(sale *shop, timetable *self) {
    asked = self;
    while (self->answered < self->count) {
        while (is_due(self)) {
            char user[SHOP_USER + 1];

            shop_user(self->first + self->sent, user);
            shop_ask(shop->item, user, 0, on_answer, &self->times[self->sent++]);
        }
        (void)uv_run(&shop->loop, UV_RUN_NOWAIT);
    }
}

static double ours(const bench_options *options, bench_series percentiles[PERCENTS]) {
    redis_server *server = shop_server(shop_everysec);
    shop_crowd crowd = {.count = bench_size(options, 150000, 4000), .in_flight = IN_FLIGHT};
    double seconds = (double)bench_size(options, 1000, 20) / 1000, rate;
    timetable half;
    sale shop;

    shop_open(&shop, server, SHARDS, 10 * crowd.count);
    rate = (double)crowd.count / shop_sell(&shop, &crowd).seconds / 2;
    half = plan(crowd.count, (uint64_t)(rate * seconds), rate);
    ask_ours(&shop, &half);
    take_percentiles(&half, percentiles);
    sale_close(&shop);
    redis_server_free(server);
    return rate;
}

/* ---- the other ---- */

typedef struct {
    redisContext *context;
    double *time; /* of the request that is under way; NULL: it is free */
} connection;

typedef struct {
    connection connections[CONNECTIONS];
    int epoll;
    char sha[41];
    const char *arguments[6];
} other_pool;

static void connect_pool(other_pool *self, redis_server *server, uint64_t units) {
    static const char *const command[6] = {"EVALSHA", "", "2", ONE_USER_STOCK, ONE_USER_USERS, ""};

    one_user_prepare(server, units, self->sha);
    memcpy(self->arguments, command, sizeof(command));
    self->arguments[1] = self->sha;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &self->connections[i]};
        redisContext *context = redisConnectUnixNonBlock(redis_server_socket(server));

        self->connections[i] = (connection){context, NULL};
        if (context == NULL || context->err != 0 || epoll_ctl(self->epoll, EPOLL_CTL_ADD, (int)context->fd, &event) != 0)
            bench_fail("no connection");
    }
}

static void send_one(other_pool *self, connection *free_one, timetable *arrivals) {
    char user[SHOP_USER + 1];
    int sent = 0;

    shop_user(arrivals->first + arrivals->sent, user);
    self->arguments[5] = user;
    free_one->time = &arrivals->times[arrivals->sent++];
    if (redisAppendCommandArgv(free_one->context, 6, self->arguments, NULL) != REDIS_OK)
        bench_fail("EVALSHA: %s", free_one->context->errstr);
    while (sent == 0)
        if (redisBufferWrite(free_one->context, &sent) != REDIS_OK)
            bench_fail("EVALSHA: %s", free_one->context->errstr);
}

static void read_one(connection *readable, timetable *arrivals) {
    void *reply = NULL;

    if (redisBufferRead(readable->context) != REDIS_OK || redisGetReplyFromReader(readable->context, &reply) != REDIS_OK)
        bench_fail("EVALSHA: %s", readable->context->errstr);
    if (reply == NULL)
        return;
    if (((redisReply *)reply)->integer != 1)
        bench_fail("EVALSHA: no unit");
    freeReplyObject(reply);
    answered(arrivals, readable->time);
    readable->time = NULL;
}

static void ask_other(other_pool *self, timetable *arrivals) {
    while (arrivals->answered < arrivals->count) {
        struct epoll_event events[CONNECTIONS];
        int count;

        for (size_t i = 0; i < CONNECTIONS && is_due(arrivals); i++) {
            if (self->connections[i].time == NULL)
                send_one(self, &self->connections[i], arrivals);
        }
        count = epoll_wait(self->epoll, events, CONNECTIONS, 0);
        for (int i = 0; i < count; i++)
            read_one(events[i].data.ptr, arrivals);
    }
}

static void close_pool(other_pool *self) {
    for (size_t i = 0; i < CONNECTIONS; i++)
        redisFree(self->connections[i].context);
    (void)close(self->epoll);
}

static double other(const bench_options *options, bench_series percentiles[PERCENTS]) {
    redis_server *server = shop_server(shop_everysec);
    uint64_t count = bench_size(options, 60000, 2000);
    double seconds = (double)bench_size(options, 1000, 20) / 1000, rate;
    timetable closed, half;
    other_pool pool;

    connect_pool(&pool, server, 10 * count);
    closed = plan(0, count, 0);
    ask_other(&pool, &closed);
    rate = (double)count / (bench_now() - closed.start) / 2;
    free(closed.times);
    half = plan(count, (uint64_t)(rate * seconds), rate);
    ask_other(&pool, &half);
    take_percentiles(&half, percentiles);
    close_pool(&pool);
    redis_server_free(server);
    return rate;
}

/* ---- what came out ---- */

static void print_points(const char *series, const bench_series percentiles[PERCENTS]) {
    for (int i = 0; i < PERCENTS; i++)
        bench_point_print("latency", series, bench_median(&percentiles[i]), percents[i]);
}

int main(int argc, char **argv) {
    static bench_series mine[PERCENTS], theirs[PERCENTS];
    bench_options options = bench_parse(argc, argv, 5);
    bench_series my_rate = {0}, their_rate = {0};
    char note[256];

    for (int i = 0; i < options.rounds; i++) {
        bench_add(&my_rate, ours(&options, mine));
        bench_add(&their_rate, other(&options, theirs));
        bench_say("ours: at %.0f/s p50 %.3f ms, p99 %.3f ms; one-user script: at %.0f/s p50 %.3f ms, p99 %.3f ms",
                  my_rate.values[i], mine[P50].values[i], mine[P99].values[i], their_rate.values[i], theirs[P50].values[i],
                  theirs[P99].values[i]);
    }
    print_points("ours", mine);
    print_points("one-user script, 50 connections", theirs);
    (void)snprintf(
        note, sizeof(note),
        "open loop, Poisson arrivals, timed from when they were due: %.0f/s for ours, %.0f/s for the other; 8 shards; "
        "users and request ids of 16 bytes; AOF everysec",
        bench_median(&my_rate), bench_median(&their_rate));
    bench_row_print(&(bench_row){.id = "6",
                                 .question = "p99 at half of the top rate",
                                 .unit = "ms",
                                 .ours = &mine[P99],
                                 .other = &theirs[P99],
                                 .against = "one-user script, 50 connections, at half of its own top rate",
                                 .goal = BENCH_RATIO_AT_MOST,
                                 .limit = 1,
                                 .note = note});
    return 0;
}
