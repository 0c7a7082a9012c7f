/* How much memory does a reservation take in Redis, and a request under way in the client?
 *
 * Redis: what it says that it uses, before and after so many reservations; and what it says of each key (MEMORY USAGE). The
 * client: what its allocator has given out, as malloc rounds it up, while so many requests wait for a server that stands still.
 */
#include "shop.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 8 };

/* ---- Redis ---- */

static double used_memory(redis_server *server) {
    redisReply *reply = redis_server_command(server, "INFO memory");
    const char *line = reply != NULL && reply->str != NULL ? strstr(reply->str, "used_memory:") : NULL;
    double used = line != NULL ? strtod(line + strlen("used_memory:"), NULL) : 0;

    redis_server_forget(reply);
    if (used <= 0)
        bench_fail("INFO memory has no used_memory");
    return used;
}

static double memory_of_keys(redis_server *server) {
    redisReply *keys = redis_server_command(server, "KEYS *");
    double bytes = 0;

    for (size_t i = 0; keys != NULL && i < keys->elements; i++)
        bytes += (double)redis_server_integer(server, "MEMORY USAGE %s SAMPLES 0", keys->element[i]->str);
    redis_server_forget(keys);
    return bytes;
}

/* Grows to so many reservations, in steps: hash tables double, so that it matters how many there are. */
static void reserve(uint64_t users, uint64_t step, bench_series *used, bench_series *keys) {
    redis_server *server = shop_server(shop_everysec);
    double before;
    sale shop;

    shop_open(&shop, server, SHARDS, users);
    before = used_memory(server);
    for (uint64_t reserved = 0; reserved < users; reserved += step) {
        shop_crowd crowd = {.first = reserved, .count = step, .in_flight = 8192};

        if (shop_sell(&shop, &crowd).granted != step)
            bench_fail("not everybody was granted a unit");
        bench_add(used, (used_memory(server) - before) / (double)(reserved + step));
        bench_point_print("memory of a reservation in Redis", "bytes", (double)(reserved + step),
                          used->values[used->count - 1]);
    }
    bench_add(keys, memory_of_keys(server) / (double)users);
    bench_say("%llu reservations: %.1f bytes each, at most %.1f from %llu on; the keys alone %.1f", (unsigned long long)users,
              used->values[used->count - 1], bench_highest(used), (unsigned long long)step, keys->values[0]);
    sale_close(&shop);
    redis_server_free(server);
}

/* ---- the client ---- */

/* As glibc's malloc does it: what can be used, and the word before it. */
static size_t size_of(void *memory) {
    return memory != NULL ? malloc_usable_size(memory) + sizeof(size_t) : 0;
}

static void *allocate(size_t size, void *user_data) {
    void *memory = malloc(size);

    *(size_t *)user_data += size_of(memory);
    return memory;
}

static void *reallocate(void *memory, size_t size, void *user_data) {
    size_t before = size_of(memory);
    void *moved = realloc(memory, size);

    if (moved != NULL)
        *(size_t *)user_data += size_of(moved) - before;
    return moved;
}

static void release(void *memory, void *user_data) {
    *(size_t *)user_data -= size_of(memory);
    free(memory);
}

static void on_answer(const seckill_result *result, void *user_data) {
    (void)result;
    ++*(uint64_t *)user_data;
}

static void open_counting(sale *shop, const redis_server *server, size_t *bytes) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_allocator counting = {allocate, reallocate, release, bytes};

    options.address = redis_server_address(server);
    options.timeout_ms = 60000;
    options.command_timeout_ms = 60000;
    options.allocator = &counting;
    sale_open_with(shop, &options);
    if (sale_define(shop, SHARDS, NULL).status != SECKILL_OK)
        bench_fail("the item could not be defined");
}

/* Bytes of the client for each of so many requests under way. */
static double under_way(uint64_t requests) {
    redis_server *server = shop_server(shop_everysec);
    size_t bytes = 0, before;
    uint64_t answered = 0;
    char user[SHOP_USER + 1];
    double each;
    sale shop;

    open_counting(&shop, server, &bytes);
    before = bytes;
    redis_server_pause(server);
    for (uint64_t i = 0; i < requests; i++) {
        shop_user(i, user);
        shop_ask(shop.item, user, 0, on_answer, &answered);
        if (i % 1000 == 0)
            (void)uv_run(&shop.loop, UV_RUN_NOWAIT); /* some are on their way, as in a sale */
    }
    (void)uv_run(&shop.loop, UV_RUN_NOWAIT);
    each = (double)(bytes - before) / (double)requests;
    if (answered != 0)
        bench_fail("the server did not stand still");
    bench_say("%llu requests under way: %.1f bytes each", (unsigned long long)requests, each);
    redis_server_resume(server);
    while (answered < requests)
        (void)uv_run(&shop.loop, UV_RUN_ONCE);
    sale_close(&shop);
    if (bytes != 0)
        bench_fail("%zu bytes were not given back", bytes);
    redis_server_free(server);
    return each;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 1);
    static const uint64_t requests[] = {1000, 2000, 5000, 10000, 20000, 50000};
    bench_series used = {0}, keys = {0}, client = {0};

    reserve(bench_size(&options, 480000, 4000), bench_size(&options, 24000, 4000), &used, &keys);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        uint64_t count = bench_size(&options, requests[i], 1000);

        bench_add(&client, under_way(count));
        bench_point_print("memory of a request under way", "bytes", (double)count, client.values[client.count - 1]);
    }
    bench_row_print(
        &(bench_row){.id = "11a",
                     .question = "Redis memory for each reservation, all keys",
                     .unit = "bytes",
                     .ours = &used,
                     .goal = BENCH_OURS_AT_MOST,
                     .limit = 160,
                     .note = "what used_memory has grown by, after 24,000, 48,000 ... 480,000 reservations on 8 shards: "
                             "the median, lowest and highest of these; users and request ids of 16 bytes; AOF everysec"});
    bench_row_print(&(bench_row){.id = "11b",
                                 .question = "the same by MEMORY USAGE of all keys",
                                 .unit = "bytes",
                                 .ours = &keys,
                                 .goal = BENCH_OURS_AT_MOST,
                                 .limit = 160,
                                 .note = "at the last of these; SAMPLES 0, the empty keys included"});
    bench_row_print(&(bench_row){.id = "11c",
                                 .question = "client memory for each request under way",
                                 .unit = "bytes",
                                 .ours = &client,
                                 .goal = BENCH_OURS_AT_MOST,
                                 .limit = 256,
                                 .note =
                                     "all that the client's allocator has given out beyond an idle client's, as glibc's malloc "
                                     "rounds it up, while 1,000 to 50,000 requests wait for a server that stands still: the "
                                     "median, lowest and highest; users of 16 bytes; hiredis' buffers, of two batches, are not "
                                     "in it"});
    return 0;
}
