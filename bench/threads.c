/* What do threads that block get from one shared loop?
 *
 * So many threads ask for a unit for one new user after the other, and each waits for its answer: a closed loop. Ours: all
 * share one seckill_sync. The others: each thread has a client of ours for itself, its own connection, driven by poll; and what
 * people do without a library: each thread has a connection of hiredis, and sends EVALSHA of the common script for one user.
 * All are measured in turn on one server, for a fixed time; a request is timed from the call to its return.
 */
#include "one_user.h"
#include "shop.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 8, COUNTS = 5, THREADS_MAX = 256, QUICK_MAX = 16, WARM = 3, UNITS = 1000000000 };

static const int counts[COUNTS] = {1, 4, 16, 64, 256};

typedef enum { SHARED, SHARED_ONE_SHARD, CLIENT_EACH, ONE_USER, WAYS } way;

static const char *const names[WAYS] = {"one shared loop", "one shared loop, an item of one shard", "a client for each thread",
                                        "one-user script, a connection for each thread"};

typedef struct {
    way how;
    const char *address, *socket;
    char sha[41];
    seckill_sync *sync;
    seckill_sync_item *items[2]; /* of 8 shards, of one */
    double duration;
    pthread_barrier_t ready;
} market;

typedef struct {
    market *place;
    uint64_t next; /* user */
    double *seconds;
    size_t count, room;
    double end;
    pthread_t thread;
    /* a connection for each thread */
    seckill_client *client;
    seckill_item *item;
    redisContext *connection;
} worker;

/* ---- one request ---- */

static void wish_for(const char *user, seckill_reserve_options *options) {
    *options = (seckill_reserve_options)SECKILL_RESERVE_OPTIONS_INIT;
    options->user.data = options->request_id.data = user;
    options->user.size = options->request_id.size = SHOP_USER;
}

static void ask_shared(worker *self, const char *user) {
    seckill_sync_answer answer = {.struct_size = sizeof(answer)};
    seckill_reserve_options options;

    wish_for(user, &options);
    if (seckill_sync_reserve(self->place->items[self->place->how], &options, &answer) != SECKILL_OK)
        bench_fail("reserve: %s", answer.message);
}

static void on_answer(const seckill_result *result, void *done) {
    if (result->status != SECKILL_OK)
        bench_fail("reserve: %s", result->message);
    *(bool *)done = true;
}

static void ask_client(worker *self, const char *user) {
    seckill_reserve_options options;
    bool done = false;

    wish_for(user, &options);
    if (seckill_reserve(self->item, &options, NULL, on_answer, &done) != SECKILL_OK)
        bench_fail("reserve failed");
    while (!done) {
        struct pollfd watched = {seckill_client_fd(self->client), POLLIN, 0};

        (void)poll(&watched, 1, seckill_client_timeout_ms(self->client));
        seckill_client_dispatch(self->client);
    }
}

static void ask_script(worker *self, const char *user) {
    redisReply *reply =
        redisCommand(self->connection, "EVALSHA %s 2 %s %s %s", self->place->sha, ONE_USER_STOCK, ONE_USER_USERS, user);

    if (reply == NULL || reply->integer != 1)
        bench_fail("EVALSHA: %s", reply == NULL ? self->connection->errstr : "no unit");
    freeReplyObject(reply);
}

static void ask(worker *self) {
    static void (*const asks[WAYS])(worker * self, const char *user) = {ask_shared, ask_shared, ask_client, ask_script};
    char user[SHOP_USER + 1];

    shop_user(self->next++, user);
    asks[self->place->how](self, user);
}

/* ---- one thread ---- */

static void connect_thread(worker *self) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.address = self->place->address;
    if (self->place->how == CLIENT_EACH && (seckill_client_open(&options, &self->client) != SECKILL_OK ||
                                            seckill_item_open(self->client, "sale", "phone", &self->item) != SECKILL_OK))
        bench_fail("no client");
    if (self->place->how == ONE_USER) {
        self->connection = redisConnectUnix(self->place->socket);
        if (self->connection == NULL || self->connection->err != 0)
            bench_fail("no connection");
    }
}

static void keep(worker *self, double seconds) {
    if (self->count == self->room) {
        self->room = self->room != 0 ? 2 * self->room : 1024;
        self->seconds = realloc(self->seconds, self->room * sizeof(*self->seconds));
        if (self->seconds == NULL)
            bench_fail("out of memory");
    }
    self->seconds[self->count++] = seconds;
}

static void *work(void *context) {
    worker *self = context;
    double start, before;

    connect_thread(self);
    for (int i = 0; i < WARM; i++)
        ask(self);
    (void)pthread_barrier_wait(&self->place->ready);
    start = before = self->end = bench_now();
    while (self->end < start + self->place->duration) {
        ask(self);
        self->end = bench_now();
        keep(self, self->end - before);
        before = self->end;
    }
    seckill_client_close(self->client, NULL, NULL);
    if (self->connection != NULL)
        redisFree(self->connection);
    return NULL;
}

/* ---- all of them ---- */

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

typedef struct {
    bench_series rate, p99; /* a second; us */
} figures;

static void sum_up(const worker *workers, int count, double start, figures *into) {
    double *all, end = start;
    size_t total = 0, at = 0;

    for (int i = 0; i < count; i++) {
        total += workers[i].count;
        end = workers[i].end > end ? workers[i].end : end;
    }
    all = malloc(total * sizeof(*all));
    if (all == NULL)
        bench_fail("out of memory");
    for (int i = 0; i < count; i++) {
        memcpy(all + at, workers[i].seconds, workers[i].count * sizeof(*all));
        at += workers[i].count;
    }
    qsort(all, total, sizeof(*all), compare);
    bench_add(&into->rate, (double)total / (end - start));
    bench_add(&into->p99, 1e6 * all[total * 99 / 100]);
    free(all);
}

/* Numbers of users are never used twice: each thread takes its own million, from one measuring to the next. */
static void measure(market *place, int count, figures *into) {
    static worker workers[THREADS_MAX];
    static uint64_t millions;
    double start;

    (void)pthread_barrier_init(&place->ready, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        workers[i] = (worker){.place = place, .next = 1000000 * ++millions};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            bench_fail("no thread");
    }
    (void)pthread_barrier_wait(&place->ready);
    start = bench_now();
    for (int i = 0; i < count; i++)
        (void)pthread_join(workers[i].thread, NULL);
    (void)pthread_barrier_destroy(&place->ready);
    sum_up(workers, count, start, into);
    for (int i = 0; i < count; i++)
        free(workers[i].seconds);
}

static seckill_sync_item *put_on_sale(seckill_sync *sync, const char *name, uint32_t shards) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    seckill_sync_item *item;

    settings.shards = shards;
    settings.price = 129900;
    if (seckill_sync_item_open(sync, "sale", name, &item) != SECKILL_OK ||
        seckill_sync_item_define(item, &settings, 0, NULL) != SECKILL_OK ||
        seckill_sync_stock_load(item, "all", UNITS, 0, NULL) != SECKILL_OK)
        bench_fail("the item could not be put on sale");
    return item;
}

static void open_market(market *self, redis_server *server) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    self->address = options.address = redis_server_address(server);
    self->socket = redis_server_socket(server);
    one_user_prepare(server, UNITS, self->sha);
    if (seckill_sync_open(&options, &self->sync) != SECKILL_OK)
        bench_fail("no loop");
    self->items[SHARED] = put_on_sale(self->sync, "phone", SHARDS);
    self->items[SHARED_ONE_SHARD] = put_on_sale(self->sync, "one", 1);
}

static double in_a_script(const market *self, seckill_client_stats *before) {
    seckill_client_stats now = {.struct_size = sizeof(now)};
    double batches, batched;

    (void)seckill_sync_get_stats(self->sync, &now);
    batches = (double)(now.batches - before->batches);
    batched = (double)(now.batched - before->batched);
    *before = now;
    return batches > 0 ? batched / batches : 1;
}

static void measure_all(const bench_options *options, figures all[WAYS][COUNTS]) {
    redis_server *server = shop_server(shop_everysec);
    market place = {.duration = (double)bench_size(options, 300, 5) / 1000};
    seckill_client_stats stats = {0};

    open_market(&place, server);
    for (int round = 0; round < options->rounds; round++) {
        for (int i = 0; i < COUNTS; i++) {
            for (place.how = 0; place.how < WAYS; place.how++) {
                figures *now = &all[place.how][i];

                measure(&place, options->quick && counts[i] > QUICK_MAX ? QUICK_MAX : counts[i], now);
                bench_say("%d threads, %s: %.0f/s, p99 %.0f us, %.1f in a script", counts[i], names[place.how],
                          now->rate.values[round], now->p99.values[round], in_a_script(&place, &stats));
            }
        }
    }
    (void)seckill_sync_close(place.sync);
    redis_server_free(server);
}

/* ---- what came out ---- */

static const char note[] =
    "closed loop: each thread waits for its answer; 0.3 s a round; 8 shards, limit 1, new users; users and request ids of 16 "
    "bytes; unix sockets; AOF everysec; the server on one processor, all threads on the other";

static void print_points(figures all[WAYS][COUNTS]) {
    for (int how = 0; how < WAYS; how++) {
        for (int i = 0; i < COUNTS; i++) {
            bench_point_print("decided by threads that wait", names[how], counts[i], bench_median(&all[how][i].rate));
            bench_point_print("p99 of threads that wait", names[how], counts[i], bench_median(&all[how][i].p99) / 1000);
        }
    }
}

typedef struct {
    const char *id;
    int count; /* which */
    way ours, other;
    bool is_p99;
    double goal;
} asked;

static void print_row(figures all[WAYS][COUNTS], const asked *row) {
    const figures *ours = &all[row->ours][row->count], *other = &all[row->other][row->count];
    int threads = counts[row->count];
    char question[128];

    (void)snprintf(question, sizeof(question), "%d thread%s, %s: %s", threads, threads == 1 ? "" : "s", names[row->ours],
                   row->is_p99 ? "p99" : "decided");
    bench_row_print(&(bench_row){.id = row->id,
                                 .question = question,
                                 .against = names[row->other],
                                 .unit = row->is_p99 ? "us" : "1/s",
                                 .ours = row->is_p99 ? &ours->p99 : &ours->rate,
                                 .other = row->is_p99 ? &other->p99 : &other->rate,
                                 .goal = row->goal > 0 ? BENCH_RATIO_AT_LEAST : BENCH_NO_GOAL,
                                 .limit = row->goal,
                                 .note = note});
}

int main(int argc, char **argv) {
    static const asked rows[] = {
        {"20a", 0, SHARED, ONE_USER, false, 0},
        {"20b", 2, SHARED, ONE_USER, false, 0},
        {"20c", 2, SHARED_ONE_SHARD, ONE_USER, false, 0},
        {"20d", 3, SHARED, ONE_USER, false, 0},
        {"20e", 3, SHARED, ONE_USER, true, 0},
        {"20f", 4, SHARED, ONE_USER, false, 0},
        {"20g", 4, SHARED, ONE_USER, true, 0},
        {"20h", 4, SHARED, CLIENT_EACH, false, 0},
    };
    static figures all[WAYS][COUNTS];
    bench_options options = bench_parse(argc, argv, 5);

    measure_all(&options, all);
    print_points(all);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        print_row(all, &rows[i]);
    return 0;
}
