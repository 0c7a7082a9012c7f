/* How much of what a front can answer at all remains when it lets requests into the queue?
 *
 * Ours: seckill-front in its queued mode: each request with a session of its own, which is checked, admitted, enqueued, and
 * answered with a ticket. The other: the front's own empty answer, GET /healthz. The front has one core; Redis shares the other
 * with the load.
 */
#include "front_shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 512 };

static http_load_requests empty_requests(const front_shop *front) {
    char text[256];
    http_load_requests all = {.count = 1};

    all.size =
        (size_t)snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", (unsigned)front->port);
    all.text = strdup(text);
    if (all.text == NULL)
        bench_fail("out of memory");
    return all;
}

/* Requests in a second of the front's own processor time: what one core does as long as nobody holds it up. The first tenth
 * warms up. */
static double drive(const front_shop *front, const char *name, const http_load_requests *requests, uint64_t count, int status) {
    http_load *load = http_load_open(front->port, CONNECTIONS);
    http_load_plan plan = {.requests = requests, .count = count / 10};
    http_load_outcome outcome;
    double cpu;

    (void)http_load_run(load, &plan);
    plan.status = status;
    plan.first = plan.count;
    plan.count = count - plan.count;
    cpu = bench_cpu_time(front->front);
    outcome = http_load_run(load, &plan);
    cpu = bench_cpu_time(front->front) - cpu;
    bench_say(
        "%s: %.0f/s, p50 %.0f us, p99 %.0f us; a request took %.1f us of the front's processor, of which %.0f %% were used",
        name, (double)plan.count / outcome.seconds, outcome.p50_us, outcome.p99_us, cpu / (double)plan.count * 1e6,
        100 * cpu / outcome.seconds);
    http_load_close(load);
    return (double)outcome.good / cpu;
}

int main(int argc, char **argv) {
    bench_options options = bench_parse(argc, argv, 4);
    bench_series queued = {0}, empty = {0};
    uint64_t count = bench_size(&options, 120000, 4000);

    for (int i = 0; i < options.rounds; i++) {
        front_shop front;
        http_load_requests requests, nothing;

        front_shop_open(&front, &(front_shop_options){.redis_beside = true, .units = count, .connections = 2 * CONNECTIONS});
        requests = front_shop_requests(&front, 0, count);
        nothing = empty_requests(&front);
        bench_add(&queued, drive(&front, "queued", &requests, count, 202));
        bench_add(&empty, drive(&front, "empty", &nothing, count, 200));
        free(requests.text);
        free(nothing.text);
        front_shop_close(&front);
    }
    bench_row_print(&(bench_row){
        .id = "15",
        .question = "front, queued mode, sessions checked, requests on one core",
        .unit = "1/s",
        .ours = &queued,
        .other = &empty,
        .against = "the front's own empty answer",
        .goal = BENCH_RATIO_AT_LEAST,
        .limit = 0.6,
        .note = "closed loop, 512 connections of TCP; users, request ids of 16 bytes, a session of his own "
                "for each user; 8 shards; AOF everysec; Redis shares the load's core; by the front's processor time"});
    return 0;
}
