#define _GNU_SOURCE

#include "front_shop.h"

#include "child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the front ---- */

static void make_keys(front_shop *self, char path[]) {
    char text[SECKILL_KEY_TEXT_SIZE];
    FILE *file = fopen(path, "we");

    if (seckill_key_generate(SECKILL_KEY_LOCAL, text) != SECKILL_OK || seckill_keyring_new(&self->ring) != SECKILL_OK ||
        seckill_keyring_add(self->ring, text, strlen(text)) != SECKILL_OK)
        bench_fail("no key could be made");
    if (file == NULL || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

static void start_front(front_shop *self, const front_shop_options *options) {
    char program[CHILD_PATH], keys[256], connections[16];
    const char *arguments[] = {program,
                               "--keys",
                               keys,
                               "--redis",
                               redis_server_address(self->redis),
                               "--listen",
                               "127.0.0.1:0",
                               "--loops",
                               "1",
                               "--log-level",
                               "error",
                               "--max-requests",
                               "100000000",
                               "--max-connections",
                               connections,
                               "--max-connections-per-address",
                               "0",
                               options->direct ? "--direct" : NULL,
                               NULL};

    child_find("SECKILL_FRONT", "front/seckill-front", program);
    (void)snprintf(keys, sizeof(keys), "%s/keys", redis_server_folder(self->redis));
    (void)snprintf(connections, sizeof(connections), "%u", options->connections);
    make_keys(self, keys);
    self->front = child_start(arguments, &self->words);
    self->port = child_port(self->words);
    child_await(self->port);
}

/* On the load's processor. */
static redis_server *server_beside(void) {
    redis_server *server = redis_server_start(&(redis_server_options){.lines = shop_everysec});

    if (server == NULL)
        bench_fail("no server");
    return server;
}

void front_shop_open(front_shop *self, const front_shop_options *options) {
    memset(self, 0, sizeof(*self));
    bench_pin_to_load();
    self->redis = options->redis_beside ? server_beside() : shop_server(shop_everysec);
    shop_open(&self->shop, self->redis, options->shards, options->units);
    start_front(self, options);
}

void front_shop_close(front_shop *self) {
    child_stop(self->front);
    (void)close(self->words);
    seckill_keyring_free(self->ring);
    sale_close(&self->shop);
    redis_server_free(self->redis);
}

/* ---- the crowd ---- */

static void make_session(const front_shop *self, const char *user, char token[SECKILL_TOKEN_SIZE]) {
    seckill_reservation_ref ref = {.user_size = SHOP_USER, .issued_ms = (int64_t)time(NULL) * 1000};

    memcpy(ref.user, user, SHOP_USER);
    ref.valid_until_ms = ref.issued_ms + 3600000;
    if (seckill_token_issue(self->ring, SECKILL_TOKEN_SESSION, &ref, token, SECKILL_TOKEN_SIZE, NULL) != SECKILL_OK)
        bench_fail("no session could be issued");
}

static size_t make_request(const front_shop *self, uint64_t n, char *text, size_t room) {
    char user[SHOP_USER + 1], token[SECKILL_TOKEN_SIZE], body[128];
    int body_size, size;

    shop_user(n, user);
    make_session(self, user, token);
    body_size = snprintf(body, sizeof(body), "{\"request_id\":\"%s\",\"quantity\":1,\"retry\":false}", user);
    size = snprintf(text, room,
                    "POST /v1/activities/sale/items/phone/requests HTTP/1.1\r\n"
                    "Host: 127.0.0.1:%u\r\n"
                    "Authorization: Bearer %s\r\n"
                    "Content-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    (unsigned)self->port, token, body_size, body);
    if (size < 0 || (size_t)size >= room)
        bench_fail("a request has no room");
    return (size_t)size;
}

http_load_requests front_shop_requests(const front_shop *self, uint64_t first, uint64_t count) {
    char text[2048];
    http_load_requests all = {.size = make_request(self, first, text, sizeof(text)), .count = count};

    all.text = malloc(count * all.size + sizeof(text));
    if (all.text == NULL)
        bench_fail("out of memory");
    for (uint64_t i = 0; i < count; i++)
        if (make_request(self, first + i, all.text + i * all.size, sizeof(text)) != all.size)
            bench_fail("requests are not of one size");
    return all;
}
