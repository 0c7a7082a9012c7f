/* How many requests can be put into the queue in a second, and how many can be decided?
 *
 * Ours: seckill_enqueue by one client in a closed loop; then seckill_queue_process as a worker calls it, for each shard one
 * call at a time: it decides what was handed out by the one before, all of which is screened, and hands out the next. Each
 * request is granted, with a record and the end of its hold. The others: XADD of what a request is, pipelined; then two
 * consumers of a group, in turn, so that the server never waits: one round trip of each sends the one-user script for each of
 * the 100 requests that it has read, their XACK, and the next XREADGROUP.
 */
#include "one_user.h"
#include "shop.h"

#include <stdlib.h>
#include <string.h>

enum { SHARDS = 8, IN_FLIGHT = 8192, PIPELINE = 64, CONNECTIONS = 50, READ = 100, CONSUMERS = 2 };

typedef struct {
    bench_series enqueued, decided; /* a second */
} rates;

/* ---- ours: enqueue ---- */

typedef struct {
    sale *shop;
    uint64_t next, answered, count;
    char (*users)[SHOP_USER + 1]; /* made before the clock starts; request ids are the same */
    bool done;
} crowd;

static void ask(crowd *self);

static void on_ticket(const seckill_ticket_result *result, void *user_data) {
    crowd *self = user_data;

    if (result->status != SECKILL_OK || result->state != SECKILL_TICKET_QUEUED)
        bench_fail("enqueue: %s", result->message);
    self->answered++;
    if (self->next < self->count)
        ask(self);
    else
        self->done = self->answered == self->count;
}

static void ask(crowd *self) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;

    options.user.data = options.request_id.data = self->users[self->next++];
    options.user.size = options.request_id.size = SHOP_USER;
    if (seckill_enqueue(self->shop->item, &options, NULL, on_ticket, self) != SECKILL_OK)
        bench_fail("enqueue failed");
}

static double enqueue(sale *shop, uint64_t count) {
    crowd self = {.shop = shop, .count = count, .users = malloc(count * sizeof(*self.users))};
    double start;

    if (self.users == NULL)
        bench_fail("out of memory");
    for (uint64_t i = 0; i < count; i++)
        shop_user(i, self.users[i]);
    start = bench_now();
    uv_update_time(&shop->loop);
    for (uint64_t i = 0; i < IN_FLIGHT && i < count; i++)
        ask(&self);
    sale_run_until(shop, &self.done);
    free(self.users);
    return (double)count / (bench_now() - start);
}

/* ---- ours: process ---- */

typedef struct {
    sale *shop;
    uint64_t granted, count;
    bool done;
} work;

static void process(work *self, uint32_t shard, seckill_queue_id from, seckill_queue_id to, size_t screened);

/* The worker's round; here nobody is on the list, so nothing is looked up. */
static void on_decided(const seckill_queue_result *result, void *user_data) {
    seckill_queue_id none = {0, 0};
    work *self = user_data;

    if (result->status != SECKILL_OK || result->granted != result->decided)
        bench_fail("process: %s", result->message);
    self->granted += result->granted;
    if (result->count != 0)
        process(self, result->shard, result->entries[0].id, result->entries[result->count - 1].id, result->count);
    else if (self->granted < self->count && result->waiting != 0)
        process(self, result->shard, none, none, 0);
    self->done = self->granted == self->count;
}

static void process(work *self, uint32_t shard, seckill_queue_id from, seckill_queue_id to, size_t screened) {
    static const uint8_t verdicts[SECKILL_BATCH_MAX];
    seckill_queue_process_options options = SECKILL_QUEUE_PROCESS_OPTIONS_INIT;

    options.shard = shard;
    options.max = SECKILL_BATCH_MAX;
    options.from = from;
    options.to = to;
    options.blacklisted = verdicts;
    options.blacklisted_count = screened;
    if (seckill_queue_process(self->shop->item, &options, on_decided, self) != SECKILL_OK)
        bench_fail("process failed");
}

static double decide(sale *shop, uint64_t count) {
    work self = {.shop = shop, .count = count};
    seckill_queue_id none = {0, 0};
    double start = bench_now();

    for (uint32_t shard = 0; shard < SHARDS; shard++)
        process(&self, shard, none, none, 0);
    sale_run_until(shop, &self.done);
    return (double)count / (bench_now() - start);
}

static void ours(uint64_t count, rates *results) {
    redis_server *server = shop_server(shop_everysec);
    sale shop;

    shop_open(&shop, server, SHARDS, 2 * count); /* no shard may run dry: to send units about is another question */
    bench_add(&results->enqueued, enqueue(&shop, count));
    bench_add(&results->decided, decide(&shop, count));
    sale_close(&shop);
    redis_server_free(server);
}

/* ---- the other: what consumers do ---- */

typedef struct {
    redisContext *connection;
    int expected; /* replies of the scripts and of XACK, before that of XREADGROUP */
    bool done;
} consumer;

static void append(redisContext *connection, int argc, const char **argv, const size_t *sizes) {
    if (redisAppendCommandArgv(connection, argc, argv, sizes) != REDIS_OK)
        bench_fail("a consumer: %s", connection->errstr);
}

static redisReply *reply_of(redisContext *connection) {
    redisReply *reply = NULL;

    if (redisGetReply(connection, (void **)&reply) != REDIS_OK || reply->type == REDIS_REPLY_ERROR)
        bench_fail("a consumer: %s", reply != NULL ? reply->str : connection->errstr);
    return reply;
}

static void append_read(redisContext *connection, const char *name) {
    if (redisAppendCommand(connection, "XREADGROUP GROUP workers %s COUNT %d STREAMS {other}:queue >", name, READ) != REDIS_OK)
        bench_fail("a consumer: %s", connection->errstr);
}

/* An entry is an id and its fields, of which the second is the user. */
static void append_decisions(consumer *self, const char *sha, const redisReply *entries) {
    const char *script[] = {"EVALSHA", sha, "2", ONE_USER_STOCK, ONE_USER_USERS, NULL};
    size_t script_sizes[] = {7, 40, 1, strlen(ONE_USER_STOCK), strlen(ONE_USER_USERS), 0};
    const char *ack[3 + READ] = {"XACK", "{other}:queue", "workers"};
    size_t ack_sizes[3 + READ] = {4, 13, 7};

    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *id = entries->element[i]->element[0], *user = entries->element[i]->element[1]->element[1];

        script[5] = user->str;
        script_sizes[5] = user->len;
        append(self->connection, 6, script, script_sizes);
        ack[3 + i] = id->str;
        ack_sizes[3 + i] = id->len;
    }
    append(self->connection, 3 + (int)entries->elements, ack, ack_sizes);
    self->expected = (int)entries->elements + 1;
}

static void flush(redisContext *connection) {
    int done = 0;

    while (done == 0)
        if (redisBufferWrite(connection, &done) != REDIS_OK)
            bench_fail("a consumer: %s", connection->errstr);
}

/* A round trip: what was sent is answered, the next is sent. How many requests came; none: it is done. */
static size_t consume(consumer *self, const char *name, const char *sha) {
    redisReply *read;
    size_t count = 0;

    for (; self->expected > 0; self->expected--)
        freeReplyObject(reply_of(self->connection));
    read = reply_of(self->connection);
    if (read->type == REDIS_REPLY_ARRAY) {
        const redisReply *entries = read->element[0]->element[1];

        count = entries->elements;
        append_decisions(self, sha, entries);
        append_read(self->connection, name);
        flush(self->connection);
    }
    self->done = count == 0;
    freeReplyObject(read);
    return count;
}

static double consume_all(redis_server *server, uint64_t count, const char *sha) {
    static const char *const names[CONSUMERS] = {"one", "two"};
    consumer consumers[CONSUMERS];
    uint64_t decided = 0;
    double start = bench_now(), rate;

    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i] = (consumer){.connection = redisConnectUnix(redis_server_socket(server))};
        if (consumers[i].connection == NULL || consumers[i].connection->err != 0)
            bench_fail("no connection");
        append_read(consumers[i].connection, names[i]);
        flush(consumers[i].connection);
    }
    while (!consumers[0].done || !consumers[1].done)
        for (int i = 0; i < CONSUMERS; i++)
            if (!consumers[i].done)
                decided += consume(&consumers[i], names[i], sha);
    rate = (double)decided / (bench_now() - start);
    for (int i = 0; i < CONSUMERS; i++)
        redisFree(consumers[i].connection);
    if (decided < count)
        bench_fail("%llu of %llu requests were read", (unsigned long long)decided, (unsigned long long)count);
    return rate;
}

static void others(uint64_t count, rates *results) {
    redis_server *server = shop_server(shop_everysec);
    char sha[41];

    one_user_prepare(server, 2 * count, sha);
    redis_server_forget(redis_server_command(server, "XGROUP CREATE {other}:queue workers 0 MKSTREAM"));
    bench_add(
        &results->enqueued,
        one_user_tool(server, count, CONNECTIONS, PIPELINE,
                      "XADD {other}:queue '*' user user__rand_int__ request user__rand_int__ quantity 1 time 1795000000000"));
    bench_add(&results->decided, consume_all(server, count, sha));
    redis_server_free(server);
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 5);
    uint64_t count = bench_size(&options, 200000, 4000);
    rates mine = {0}, theirs = {0};

    for (int i = 0; i < options.rounds; i++) {
        ours(count, &mine);
        others(count, &theirs);
        bench_say("enqueued: %.0f/s, other %.0f/s; decided: %.0f/s, other %.0f/s", mine.enqueued.values[i],
                  theirs.enqueued.values[i], mine.decided.values[i], theirs.decided.values[i]);
    }
    bench_row_print(&(bench_row){.id = "9a",
                                 .question = "requests put into the queue, one Redis core",
                                 .unit = "1/s",
                                 .ours = &mine.enqueued,
                                 .other = &theirs.enqueued,
                                 .against = "XADD, 50 connections, pipelined by 64",
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 1.5,
                                 .note = "closed loop, 8,192 requests in flight, 8 shards; users and request ids of 16 bytes; "
                                         "AOF everysec"});
    bench_row_print(
        &(bench_row){.id = "9b",
                     .question = "queued requests decided, one Redis core",
                     .unit = "1/s",
                     .ours = &mine.decided,
                     .other = &theirs.decided,
                     .against = "XREADGROUP COUNT 100, one-user script for each, XACK; pipelined, two consumers",
                     .goal = BENCH_RATIO_AT_LEAST,
                     .limit = 2,
                     .note = "closed loop, one call under way for each of 8 shards; all are granted; AOF everysec"});
    return 0;
}
