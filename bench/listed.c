/* What does it cost to keep somebody out: a look into the copy of the blacklist with a million entries, and a limiter with a
 * million keys; what does such a copy take, and how long is it read from Redis?
 */
#include "shop.h"

#include <seckill/limiter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double ns_each(double began, uint64_t count) {
    return (bench_now() - began) * 1e9 / (double)count;
}

/* ---- the list ---- */

typedef struct {
    unsigned waiting;
    bool failed;
} adding;

static void on_added(const seckill_blacklist_result *result, void *user_data) {
    adding *all = user_data;

    all->waiting--;
    all->failed = all->failed || result->status != SECKILL_OK;
}

static void add_batch(seckill_client *client, uint64_t first, uint64_t count, adding *all) {
    seckill_blacklist_entry entries[SECKILL_BLACKLIST_BATCH];
    char users[SECKILL_BLACKLIST_BATCH][32];

    memset(entries, 0, sizeof(entries));
    for (uint64_t i = 0; i < count; i++) {
        int size = snprintf(users[i], sizeof(users[i]), "listed-%llu", (unsigned long long)(first + i));

        entries[i].subject.kind = SECKILL_KIND_USER;
        entries[i].subject.value = (seckill_bytes){users[i], (size_t)size};
    }
    if (seckill_blacklist_add(client, entries, (size_t)count, 0, on_added, all) != SECKILL_OK)
        bench_fail("cannot add to the blacklist");
    all->waiting++;
}

static void fill(sale *shop, uint64_t count) {
    adding all = {0, false};

    for (uint64_t first = 0; first < count; first += SECKILL_BLACKLIST_BATCH) {
        uint64_t left = count - first;

        add_batch(shop->client, first, left < SECKILL_BLACKLIST_BATCH ? left : SECKILL_BLACKLIST_BATCH, &all);
        while (all.waiting >= 8)
            uv_run(&shop->loop, UV_RUN_ONCE);
    }
    while (all.waiting != 0)
        uv_run(&shop->loop, UV_RUN_ONCE);
    if (all.failed)
        bench_fail("the blacklist could not be filled");
}

static void add_networks(sale *shop) {
    static const char *const networks[] = {"192.0.2.0/24", "198.51.100.7", "203.0.113.0/28", "2001:db8::/32", "2001:db9::1"};
    adding all = {0, false};

    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        seckill_blacklist_entry entry;

        memset(&entry, 0, sizeof(entry));
        entry.subject.kind = SECKILL_KIND_ADDRESS;
        entry.subject.value = (seckill_bytes){networks[i], strlen(networks[i])};
        if (seckill_blacklist_add(shop->client, &entry, 1, 0, on_added, &all) != SECKILL_OK)
            bench_fail("cannot add a network");
        all.waiting++;
    }
    while (all.waiting != 0)
        uv_run(&shop->loop, UV_RUN_ONCE);
}

static seckill_blacklist_state state_of(const sale *shop) {
    seckill_blacklist_state state = {.struct_size = sizeof(state)};

    if (seckill_blacklist_get_state(shop->client, &state) != SECKILL_OK)
        bench_fail("the blacklist has no state");
    return state;
}

/* Follows the list with a client of its own; how long it took, in seconds. */
static double load(sale *shop, const redis_server *server) {
    seckill_blacklist_options options = SECKILL_BLACKLIST_OPTIONS_INIT;
    double began;

    sale_open(shop, redis_server_address(server));
    began = bench_now();
    if (seckill_blacklist_follow(shop->client, &options) != SECKILL_OK)
        bench_fail("the blacklist cannot be followed");
    while (!state_of(shop).is_loaded)
        uv_run(&shop->loop, UV_RUN_ONCE);
    return bench_now() - began;
}

/* ---- looking ---- */

/* Who is asked for differs from look to look, so that each goes to another place in memory. */
static double look(const sale *shop, const char *kind, const char *stem, uint64_t looks, uint64_t modulus,
                   seckill_status expected) {
    double began = bench_now();
    uint64_t which = 1;

    for (uint64_t i = 0; i < looks; i++) {
        char text[40];
        seckill_subject subject = {kind, {text, 0}};

        which = which * UINT64_C(6364136223846793005) + 1442695040888963407;
        subject.value.size = (size_t)snprintf(text, sizeof(text), "%s%u", stem, (unsigned)((which >> 33) % modulus));
        if (seckill_blacklist_check_local(shop->client, &subject, NULL) != expected)
            bench_fail("the copy says something else than the list");
    }
    return ns_each(began, looks);
}

/* The text alone, to be taken off. */
static double write_texts(const char *stem, uint64_t looks, uint64_t modulus) {
    double began = bench_now();
    volatile char sink = 0;
    uint64_t which = 1;

    for (uint64_t i = 0; i < looks; i++) {
        char text[40];

        which = which * UINT64_C(6364136223846793005) + 1442695040888963407;
        (void)snprintf(text, sizeof(text), "%s%u", stem, (unsigned)((which >> 33) % modulus));
        sink = text[0];
    }
    (void)sink;
    return ns_each(began, looks);
}

static double take(uint64_t keys, uint64_t takes) {
    seckill_limiter_options options = SECKILL_LIMITER_OPTIONS_INIT;
    seckill_limiter *limiter;
    uint64_t which = 1;
    double began;

    options.count = 10;
    options.max_keys = (uint32_t)keys;
    if (seckill_limiter_new(&options, &limiter) != SECKILL_OK)
        bench_fail("no limiter");
    began = bench_now();
    for (uint64_t i = 0; i < takes; i++) {
        uint64_t key;
        seckill_status status;

        which = which * UINT64_C(6364136223846793005) + 1442695040888963407;
        key = (which >> 33) % keys;
        status = seckill_limiter_take(limiter, (seckill_bytes){&key, sizeof(key)}, 1, (int64_t)(i / 1000), NULL);
        if (status != SECKILL_OK && status != SECKILL_RATE_LIMITED)
            bench_fail("the limiter fails");
    }
    began = ns_each(began, takes);
    seckill_limiter_free(limiter);
    return began;
}

static void print(const char *id, const char *question, const char *unit, const bench_series *ours, double limit,
                  const char *note) {
    bench_row row = {id, question, NULL, unit, ours, NULL, BENCH_OURS_AT_MOST, limit, note};

    bench_row_print(&row);
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 5);
    uint64_t entries = bench_size(&options, 1000000, 5000), looks = bench_size(&options, 1000000, 5000);
    bench_series user = {0}, listed = {0}, address = {0}, taken = {0}, seconds = {0}, bytes = {0};
    redis_server *server;
    sale shop;

    bench_pin_to_server();
    server = shop_server(NULL);
    bench_pin_to_load();
    sale_open(&shop, redis_server_address(server));
    bench_say("listing %llu users", (unsigned long long)entries);
    fill(&shop, entries);
    add_networks(&shop);
    sale_close(&shop);
    bench_add(&seconds, load(&shop, server));
    bench_add(&bytes, (double)state_of(&shop).bytes / (double)state_of(&shop).entries);
    for (int round = 0; round < options.rounds; round++) {
        double texts = write_texts("listed-", looks, entries), addresses = write_texts("10.1.1.", looks, 256);

        bench_add(&user, look(&shop, SECKILL_KIND_USER, "honest-", looks, entries, SECKILL_OK) - texts);
        bench_add(&listed, look(&shop, SECKILL_KIND_USER, "listed-", looks, entries, SECKILL_BLACKLISTED) - texts);
        bench_add(&address, look(&shop, SECKILL_KIND_ADDRESS, "10.1.1.", looks, 256, SECKILL_OK) - addresses);
        bench_add(&taken, take(entries, looks));
    }
    print("18a", "a look into the blacklist of 1,000,000, who is not on it", "ns", &user, 500, "users at random");
    print("18b", "the same, who is on it", "ns", &listed, 500, "users at random");
    print("18c", "the same, an address, with 5 lengths of prefixes", "ns", &address, 1000, "its text is read each time");
    print("18d", "bytes of the copy for each entry", "bytes", &bytes, 44, "as seckill_blacklist_get_state says");
    print("18e", "seconds to read 1,000,000 entries", "s", &seconds, 10, "in steps of some 512, one at a time");
    print("18f", "a limiter of 1,000,000 keys, one question", "ns", &taken, 500, "keys at random");
    sale_close(&shop);
    redis_server_free(server);
    return 0;
}
