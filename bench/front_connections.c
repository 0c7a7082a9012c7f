/* What do 10,000 open connections cost a front?
 *
 * Memory: how much more of its own the front has with them than with 100, all of which have had a request answered. Time: p99
 * of requests at a fixed rate, spread over all 10,000, and over 100. Requests are granted directly, each with a session of its
 * own; the front has one core with Redis.
 */
#define _GNU_SOURCE

#include "front_shop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 100, RATE = 5000, WARMING_RATE = 20000 };

/* Memory that the process has for itself, in bytes. */
static double private_memory(pid_t pid) {
    char path[64], line[256];
    double kib = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        bench_fail("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "Private_", 8) == 0)
            kib += strtod(strchr(line, ':') + 1, NULL);
    (void)fclose(file);
    return kib * 1024;
}

typedef struct {
    front_shop front;
    http_load_requests requests;
    uint64_t sent;
} stage;

/* Sends `count` requests of users that have not asked yet. */
static double p99(stage *self, http_load *load, uint64_t count, double rate) {
    http_load_plan plan = {&self->requests, self->sent, count, 200, rate};
    http_load_outcome outcome = http_load_run(load, &plan);

    self->sent += count;
    return outcome.p99_us;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 8);
    uint64_t count = bench_size(&options, 5000, 1000), rounds = (uint64_t)options.rounds;
    uint32_t connections = (uint32_t)bench_size(&options, 10000, 1000);
    bench_series many_us = {0}, few_us = {0}, bytes = {0};
    uint64_t users = connections + FEW + 2 * rounds * count;
    stage self = {0};
    http_load *few, *many;
    double before;

    front_shop_open(&self.front, &(front_shop_options){.direct = true, .units = users, .connections = connections + FEW});
    self.requests = front_shop_requests(&self.front, 0, users);
    few = http_load_open(self.front.port, FEW);
    (void)p99(&self, few, FEW, WARMING_RATE);
    before = private_memory(self.front.front);
    many = http_load_open(self.front.port, (int)connections);
    (void)p99(&self, many, connections, WARMING_RATE);
    bench_add(&bytes, (private_memory(self.front.front) - before) / connections);
    for (int i = 0; i < options.rounds; i++) {
        bench_add(&many_us, p99(&self, many, count, RATE));
        bench_add(&few_us, p99(&self, few, count, RATE));
        bench_say("p99 over %u connections %.0f us, over %d %.0f us", connections, many_us.values[i], (int)FEW,
                  few_us.values[i]);
    }
    http_load_close(many);
    http_load_close(few);
    free(self.requests.text);
    front_shop_close(&self.front);
    bench_row_print(&(bench_row){.id = "16a",
                                 .question = "front, memory of each of 10,000 open connections",
                                 .unit = "bytes",
                                 .ours = &bytes,
                                 .goal = BENCH_OURS_AT_MOST,
                                 .limit = 8192,
                                 .note =
                                     "private memory of the process; each connection has had a request granted, with a session "
                                     "of its own, which is remembered"});
    bench_row_print(
        &(bench_row){.id = "16b",
                     .question = "front, p99 over 10,000 connections",
                     .unit = "us",
                     .ours = &many_us,
                     .other = &few_us,
                     .against = "over 100 connections, at the same rate",
                     .goal = BENCH_RATIO_AT_MOST,
                     .limit = 2,
                     .note = "open loop, 5,000 requests/s, latency from when each was due; direct mode, the front and Redis "
                             "on one core; 8 shards; AOF everysec"});
    return 0;
}
