/* What does an nginx edge take off the fronts, and what does that cost?
 *
 * Share: of a sale's requests those that the edge answers by itself. The sale is a script: everybody looks at the page before
 * it, a crowd buys (requests, polls, orders), as many requests have a forged session, and five times as many come and look when
 * all is gone. Speed: the edge's own answers on one processor, against the front's for the same routes.
 */
#define _GNU_SOURCE

#include "child.h"
#include "front_shop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 64, PAGE = 65536, LOOKS = 5, LATE = 5 };

typedef struct {
    front_shop front;
    pid_t pid;
    int words;
    uint16_t port, private;
} edge;

/* ---- the edge ---- */

static void edge_open(edge *self, const front_shop_options *options) {
    char keys[256], front[64], line[256];
    const char *arguments[] = {
        EDGE_RUN,          "--front",    front,      "--keys",          keys, "--redis",        NULL,
        "--library",       EDGE_LIBRARY, "--no-tls", "--workers",       "1",  "--address-rate", "10000000",
        "--address-burst", "10000000",   "--set",    "poll_min_ms=100", NULL};
    size_t size = 0;
    unsigned port, private;

    front_shop_open(&self->front, options);
    arguments[6] = redis_server_address(self->front.redis);
    (void)snprintf(keys, sizeof(keys), "%s/keys", redis_server_folder(self->front.redis));
    (void)snprintf(front, sizeof(front), "127.0.0.1:%u", (unsigned)self->front.port);
    self->pid = child_start(arguments, &self->words);
    while (size == 0 || line[size - 1] != '\n') {
        ssize_t got = read(self->words, line + size, sizeof(line) - 1 - size);

        if (got <= 0)
            bench_fail("the edge does not say where it listens: are nginx and libnginx-mod-http-lua installed?");
        size += (size_t)got;
    }
    line[size] = '\0';
    if (sscanf(line, "listening on http://127.0.0.1:%u, private on http://127.0.0.1:%u", &port, &private) != 2)
        bench_fail("the edge says: %s", line);
    self->port = (uint16_t)port;
    self->private = (uint16_t) private;
}

static void edge_close(edge *self) {
    child_stop(self->pid);
    (void)close(self->words);
    front_shop_close(&self->front);
}

/* The sum of a metric over all labels. */
static double metric(const edge *self, const char *name) {
    static const char ask[] = "GET /edge/metrics HTTP/1.0\r\n\r\n";
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(self->private), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char page[PAGE];
    size_t size = 0;
    ssize_t got;
    double sum = 0;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) < 0)
        bench_fail("/edge/metrics: %s", strerror(errno));
    while (size < sizeof(page) - 1 && (got = read(fd, page + size, sizeof(page) - 1 - size)) > 0)
        size += (size_t)got;
    page[size] = '\0';
    (void)close(fd);
    for (const char *line = page; (line = strstr(line, name)) != NULL; line++)
        if (line[-1] == '\n' && line[strlen(name)] == '{')
            sum += strtod(strchr(line, '}') + 1, NULL);
    return sum;
}

/* ---- requests ---- */

/* One request again and again. */
static http_load_requests repeated(const char *text) {
    return (http_load_requests){.text = strdup(text), .size = strlen(text), .count = 1};
}

static http_load_requests page_reads(void) {
    return repeated("GET /v1/activities/sale/items/phone HTTP/1.1\r\nHost: shop.example\r\n\r\n");
}

/* A request whose session token has one letter changed. */
static http_load_requests forged(const front_shop *front) {
    http_load_requests one = front_shop_requests(front, 2000000, 1);
    char *letter = strstr(one.text, "v4.local.") + 50;

    *letter = *letter == 'A' ? 'B' : 'A';
    return one;
}

/* Requests a second; `status` 0: any. */
static double drive(uint16_t port, const http_load_requests *requests, uint64_t count, int status) {
    http_load *load = http_load_open(port, CONNECTIONS);
    http_load_plan plan = {.requests = requests, .count = count, .status = status};
    http_load_outcome outcome = http_load_run(load, &plan);

    http_load_close(load);
    return (double)count / outcome.seconds;
}

/* ---- the share ---- */

static void buy(const edge *self, uint64_t shoppers) {
    char program[CHILD_PATH], address[64], keys[256], count[32];
    const char *arguments[] = {program,      "--front", address,          "--activity", "sale",     "--item",    "phone",
                               "--shoppers", count,     "--session-keys", keys,         "--report", "/dev/null", NULL};
    int status = -1, words;
    pid_t pid;

    child_find("SECKILL_SHOPPERS", "../bench/shoppers/seckill-shoppers", program);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)self->port);
    (void)snprintf(keys, sizeof(keys), "%s/keys", redis_server_folder(self->front.redis));
    (void)snprintf(count, sizeof(count), "%llu", (unsigned long long)shoppers);
    pid = child_start(arguments, &words);
    while (read(words, keys, sizeof(keys)) > 0) { /* nobody wants its report */
    }
    (void)close(words);
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        bench_fail("the shoppers saw something inconsistent");
}

static pid_t start_worker(const edge *self, int *words) {
    char program[CHILD_PATH];
    const char *arguments[] = {
        program, "--redis", redis_server_address(self->front.redis), "--activity", "sale", "--roles", "decide,expire", NULL};

    child_find("SECKILL_WORKER", "worker/seckill-worker", program);
    return child_start(arguments, words);
}

/* In per cent. */
static double share(const bench_options *options) {
    uint64_t crowd = bench_size(options, 5000, 500);
    edge self = {0};
    http_load_requests page = page_reads(), bad, late;
    double answered, passed;
    pid_t worker;
    int words;

    edge_open(&self, &(front_shop_options){.units = crowd / 10, .connections = 4096});
    worker = start_worker(&self, &words);
    (void)drive(self.port, &page, crowd * LOOKS, 200);
    bad = forged(&self.front);
    (void)drive(self.port, &bad, crowd, 401);
    buy(&self, crowd);
    late = front_shop_requests(&self.front, 1000000, crowd);
    (void)drive(self.port, &late, crowd * LATE, 0);
    (void)drive(self.port, &page, crowd * LATE, 200);
    answered = metric(&self, "seckill_edge_answers_total");
    passed = metric(&self, "seckill_edge_passed_total");
    bench_say("of %.0f requests the edge answered %.0f", answered + passed, answered);
    child_stop(worker);
    (void)close(words);
    free(page.text);
    free(bad.text);
    free(late.text);
    edge_close(&self);
    return 100 * answered / (answered + passed);
}

/* ---- the speed ---- */

typedef struct {
    bench_series edge, front;
} versus;

static void compare(versus *pair, const edge *self, const http_load_requests *requests, uint64_t count, int status,
                    const char *what) {
    (void)drive(self->port, requests, count / 10, 0);
    bench_add(&pair->edge, drive(self->port, requests, count, status));
    (void)drive(self->front.port, requests, count / 10, 0);
    bench_add(&pair->front, drive(self->front.port, requests, count, status));
    bench_say("%s: edge %.0f/s, front %.0f/s", what, pair->edge.values[pair->edge.count - 1],
              pair->front.values[pair->front.count - 1]);
}

static void speeds(const bench_options *options, versus *reads, versus *refusals) {
    uint64_t count = bench_size(options, 40000, 2000), users = bench_size(options, 8000, 500);
    edge self = {0};
    http_load_requests page = page_reads(), late;

    edge_open(&self, &(front_shop_options){.direct = true, .units = 1, .connections = 4096});
    late = front_shop_requests(&self.front, 0, users);
    (void)drive(self.port, &late, users, 0); /* sold out by now, and all sessions are remembered */
    for (int i = 0; i < options->rounds; i++) {
        compare(reads, &self, &page, count, 200, "pages");
        compare(refusals, &self, &late, count, 409, "refusals");
    }
    free(page.text);
    free(late.text);
    edge_close(&self);
}

int main(int argc, char **argv) {
    static const char against[] = "the front's own answer, with nothing before it";
    bench_options options = bench_parse(argc, argv, 5);
    bench_series parts = {0};
    versus reads = {0}, refusals = {0};

    speeds(&options, &reads, &refusals);
    bench_add(&parts, share(&options));
    bench_row_print(
        &(bench_row){.id = "19a",
                     .question = "of a sale's requests those that no front sees",
                     .unit = "%",
                     .ours = &parts,
                     .goal = BENCH_OURS_AT_LEAST,
                     .limit = 90,
                     .note = "5,000 shoppers, 500 units, each looks at the page 5 times before and 5 times after; as "
                             "many requests with forged sessions; 5 late first attempts for each shopper; queued mode"});
    bench_row_print(&(bench_row){.id = "19b",
                                 .question = "edge, item read",
                                 .unit = "1/s",
                                 .ours = &reads.edge,
                                 .other = &reads.front,
                                 .against = against,
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 0.5,
                                 .note =
                                     "closed loop, 64 connections of TCP, no TLS; one nginx worker or one loop, with Redis on "
                                     "one processor"});
    bench_row_print(&(bench_row){.id = "19c",
                                 .question = "edge, sold-out refusal, sessions checked",
                                 .unit = "1/s",
                                 .ours = &refusals.edge,
                                 .other = &refusals.front,
                                 .against = against,
                                 .goal = BENCH_RATIO_AT_LEAST,
                                 .limit = 0.5,
                                 .note = "as 19b; first attempts of 8,000 users, whose sessions are remembered"});
    return 0;
}
