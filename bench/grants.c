/* How many users can one Redis core grant a unit in a second?
 *
 * Ours: seckill_reserve by one client in a closed loop: every user new, with his record, the limit, the end of his hold and the
 * idempotency of his request id. The others: the common script for one user, over 50 connections and pipelined by 64; and the
 * floor: HSET of one field of a record's size for each user, 512 in a command, which decides nothing.
 */
#include "one_user.h"
#include "shop.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 512, VALUE = 44, AHEAD = 2 };

/* ---- the floor ---- */

static void append_fields(redisContext *connection, uint64_t first) {
    static char users[FIELDS][SHOP_USER + 1], value[VALUE];
    const char *arguments[2 + 2 * FIELDS] = {"HSET", "floor"};
    size_t sizes[2 + 2 * FIELDS] = {4, 5};

    for (size_t i = 0; i < FIELDS; i++) {
        shop_user(first + i, users[i]);
        arguments[2 + 2 * i] = users[i];
        sizes[2 + 2 * i] = SHOP_USER;
        arguments[3 + 2 * i] = value;
        sizes[3 + 2 * i] = VALUE;
    }
    if (redisAppendCommandArgv(connection, 2 + 2 * FIELDS, arguments, sizes) != REDIS_OK)
        bench_fail("HSET: %s", connection->errstr);
}

static void expect_fields(redisContext *connection) {
    void *reply = NULL;

    if (redisGetReply(connection, &reply) != REDIS_OK || ((redisReply *)reply)->integer != FIELDS)
        bench_fail("HSET: %s", connection->errstr);
    freeReplyObject(reply);
}

static double floor_rate(uint64_t users) {
    redis_server *server = shop_server(shop_everysec);
    redisContext *connection = redisConnectUnix(redis_server_socket(server));
    uint64_t commands = (users + FIELDS - 1) / FIELDS, sent = 0;
    double start = bench_now(), rate;
    int wait = 0;

    if (connection == NULL || connection->err != 0)
        bench_fail("no connection");
    for (uint64_t answered = 0; answered < commands; answered++) {
        while (sent < commands && sent < answered + AHEAD)
            append_fields(connection, FIELDS * sent++);
        while (wait == 0)
            if (redisBufferWrite(connection, &wait) != REDIS_OK)
                bench_fail("HSET: %s", connection->errstr);
        wait = 0;
        expect_fields(connection);
    }
    rate = (double)(commands * FIELDS) / (bench_now() - start);
    bench_say("floor: %.0f/s", rate);
    redisFree(connection);
    redis_server_free(server);
    return rate;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 5);
    uint64_t users = bench_size(&options, 400000, 4000);
    static const char note[] =
        "closed loop, 8,192 requests in flight, 8 shards; users and request ids of 16 bytes; AOF everysec";
    bench_series mine = {0}, plain = {0}, pipelined = {0}, lowest = {0};

    for (int i = 0; i < options.rounds; i++) {
        bench_add(&mine, shop_grant_rate(shop_everysec, users));
        bench_add(&plain, one_user_rate(shop_everysec, users / 2, 50, 1));
        bench_add(&pipelined, one_user_rate(shop_everysec, users, 50, 64));
        bench_add(&lowest, floor_rate(users));
    }
    bench_row_print(&(bench_row){.id = "1",
                                 .question = "grants on one Redis core",
                                 .unit = "1/s",
                                 .ours = &mine,
                                 .other = &plain,
                                 .against = "one-user script, 50 connections",
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 8,
                                 .note = note});
    bench_row_print(&(bench_row){.id = "2",
                                 .question = "grants on one Redis core",
                                 .unit = "1/s",
                                 .ours = &mine,
                                 .other = &pipelined,
                                 .against = "one-user script, pipelined by 64",
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 2.5,
                                 .note = note});
    bench_row_print(&(bench_row){.id = "3",
                                 .question = "grants on one Redis core",
                                 .unit = "1/s",
                                 .ours = &mine,
                                 .other = &lowest,
                                 .against = "HSET of one field for each user, 512 a command",
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 0.75,
                                 .note = note});
    return 0;
}
