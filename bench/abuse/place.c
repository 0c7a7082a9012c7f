#include "place.h"

#include "bench.h"
#include "child.h"
#include "slow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const place_items[PLACE_ITEMS] = {"tablet", "phone", "watch"};
const char *const place_programs[PLACE_PROGRAMS] = {"seckill-front", "seckill-worker", "Redis"};
const int place_bounds_mib[PLACE_PROGRAMS] = {64, 96, 64};

static const char *const redis_lines[] = {"appendonly yes", "appendfsync everysec", "maxmemory 32mb",
                                          "maxmemory-policy noeviction", NULL};

/* ---- the items ---- */

static void put_on_sale(place *self, int number) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    if (seckill_item_open(self->shop.client, "sale", place_items[number], &self->items[number]) != SECKILL_OK)
        bench_fail("an item could not be opened");
    settings.limit = 1;
    settings.price = 129900;
    self->shop.item = self->items[number];
    if (sale_define(&self->shop, 8, &settings).status != SECKILL_OK ||
        sale_load(&self->shop, "all", self->units).status != SECKILL_OK)
        bench_fail("%s could not be put on sale", place_items[number]);
}

static void open_items(place *self) {
    sale_open(&self->shop, redis_server_address(self->redis));
    seckill_item_close(self->shop.item);
    for (int i = 0; i < PLACE_ITEMS; i++)
        put_on_sale(self, i);
}

/* ---- who is listed ---- */

typedef struct {
    seckill_status status;
    bool done;
} listing;

static void on_listed(const seckill_blacklist_result *result, void *user_data) {
    listing *one = user_data;

    one->status = result->status;
    one->done = true;
}

static void list(place *self, const seckill_blacklist_entry *entries, size_t count) {
    listing one = {0};

    one.status = seckill_blacklist_add(self->shop.client, entries, count, 0, on_listed, &one);
    if (one.status == SECKILL_OK)
        sale_run_until(&self->shop, &one.done);
    if (one.status != SECKILL_OK)
        bench_fail("the blacklist: %s", seckill_status_message(one.status));
}

static seckill_blacklist_entry entry_of(const char *kind, const char *text) {
    return (seckill_blacklist_entry){.subject = {kind, {text, strlen(text)}}, .reason = {"known", 5}};
}

static void list_users(place *self) {
    char users[SECKILL_BLACKLIST_BATCH][CRAFT_USER];
    seckill_blacklist_entry entries[SECKILL_BLACKLIST_BATCH];

    for (uint32_t first = 0; first < ABUSERS_LISTED_USERS; first += SECKILL_BLACKLIST_BATCH) {
        uint32_t count = 0;

        for (; count < SECKILL_BLACKLIST_BATCH && first + count < ABUSERS_LISTED_USERS; count++) {
            abusers_listed_user(first + count, users[count]);
            entries[count] = entry_of(SECKILL_KIND_USER, users[count]);
        }
        list(self, entries, count);
    }
}

static void list_addresses(place *self) {
    char addresses[ABUSERS_LISTED_ADDRESSES][20];
    seckill_blacklist_entry entries[ABUSERS_LISTED_ADDRESSES + 1];

    for (uint32_t i = 0; i < ABUSERS_LISTED_ADDRESSES; i++) {
        abusers_listed_address(i, addresses[i]);
        entries[i] = entry_of(SECKILL_KIND_ADDRESS, addresses[i]);
    }
    entries[ABUSERS_LISTED_ADDRESSES] = entry_of(SECKILL_KIND_ADDRESS, ABUSERS_LISTED_NETWORK);
    list(self, entries, ABUSERS_LISTED_ADDRESSES + 1);
}

/* ---- programs ---- */

static void start_worker(place *self) {
    char program[CHILD_PATH], inventories[PLACE_ITEMS][64];
    const char *arguments[] = {program,
                               "--redis",
                               redis_server_address(self->redis),
                               "--activity",
                               "sale",
                               "--orders",
                               self->orders,
                               "--inventory",
                               inventories[PLACE_CALM],
                               "--inventory",
                               inventories[PLACE_ATTACKED],
                               "--inventory",
                               inventories[PLACE_OVERLOADED],
                               NULL};

    child_find("SECKILL_WORKER", "worker/seckill-worker", program);
    (void)snprintf(self->orders, sizeof(self->orders), "%s/orders.db", redis_server_folder(self->redis));
    for (int i = 0; i < PLACE_ITEMS; i++)
        (void)snprintf(inventories[i], sizeof(inventories[i]), "sale/%s=%" PRId64, place_items[i], self->units);
    self->pids[PLACE_WORKER] = child_start(arguments, &self->words[PLACE_WORKER]);
}

static void start_front(place *self) {
    char program[CHILD_PATH], connections[16], header[16], body[16], written[16], idle[16];
    const char *arguments[] = {program, "--redis", redis_server_address(self->redis), "--keys", self->craft.keys, "--listen",
                               "127.0.0.1:0", "--loops", "1", "--log-level", "error",
                               /* the captcha is not dear: it is its absence that is tried */
                               "--captcha", "altcha", "--captcha-key", self->craft.captcha_key, "--captcha-difficulty", "1000",
                               /* an honest shopper needs 10 requests a second at most; who is refused 50 times keeps on */
                               "--user-limit", "20/1s", "--user-burst", "40", "--address-limit", "50/1s", "--address-burst",
                               "100", "--ban-refusals", "50/10s", "--ban-for", "10m", "--max-connections", "1024",
                               "--max-connections-per-address", connections, "--session-cache", "4096", "--header-timeout",
                               header, "--body-timeout", body, "--write-timeout", written, "--idle-timeout", idle, "--poll-min",
                               "100ms", "--poll-max", "1s", NULL};

    child_find("SECKILL_FRONT", "front/seckill-front", program);
    (void)snprintf(connections, sizeof(connections), "%d", SLOW_CONNECTIONS);
    (void)snprintf(header, sizeof(header), "%dms", SLOW_HEADER_MS);
    (void)snprintf(body, sizeof(body), "%dms", SLOW_BODY_MS);
    (void)snprintf(written, sizeof(written), "%dms", SLOW_WRITE_MS);
    (void)snprintf(idle, sizeof(idle), "%dms", SLOW_IDLE_MS);
    self->pids[PLACE_FRONT] = child_start(arguments, &self->words[PLACE_FRONT]);
    self->port = child_port(self->words[PLACE_FRONT]);
    child_await(self->port);
}

static bool stop(pid_t *pid, const char *name) {
    int status = child_stop(*pid);

    *pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    bench_say("NOT EXPECTED: %s ended with status %#x", name, (unsigned)status);
    return false;
}

bool place_stop(place *self) {
    bool good = stop(&self->pids[PLACE_FRONT], place_programs[PLACE_FRONT]);

    return stop(&self->pids[PLACE_WORKER], place_programs[PLACE_WORKER]) && good;
}

void place_open(place *self, int64_t units) {
    memset(self, 0, sizeof(*self));
    self->units = units;
    bench_pin_to_server();
    self->redis = redis_server_start(&(redis_server_options){.lines = redis_lines});
    bench_pin_to_load();
    if (self->redis == NULL)
        bench_fail("no server");
    self->pids[PLACE_REDIS] = redis_server_pid(self->redis);
    craft_open(&self->craft, redis_server_folder(self->redis));
    open_items(self);
    list_users(self);
    list_addresses(self);
    start_worker(self);
    start_front(self);
}

void place_close(place *self) {
    (void)close(self->words[PLACE_FRONT]);
    (void)close(self->words[PLACE_WORKER]);
    craft_close(&self->craft);
    self->shop.item = self->items[PLACE_CALM];
    for (int i = PLACE_CALM + 1; i < PLACE_ITEMS; i++)
        seckill_item_close(self->items[i]);
    sale_close(&self->shop);
    redis_server_free(self->redis);
}

/* ---- memory ---- */

long place_memory_kib(pid_t pid, const char *name) {
    char path[64], line[256];
    size_t size = strlen(name);
    long kib = -1;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file != NULL && kib < 0 && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, size) == 0 && line[size] == ':')
            kib = strtol(line + size + 1, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    if (kib < 0)
        bench_fail("%s: there is no %s", path, name);
    return kib;
}
