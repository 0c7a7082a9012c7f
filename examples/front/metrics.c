/* seckill-front: counters, and the text that Prometheus reads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "metrics.h"

#include "reservation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const route_names[ROUTE_COUNT] = {
    [ROUTE_NONE] = "none",
    [ROUTE_ACTIVITY] = "/v1/activities/A",
    [ROUTE_ITEM] = "/v1/activities/A/items/I",
    [ROUTE_REQUESTS] = "/v1/activities/A/items/I/requests",
    [ROUTE_TICKETS] = "/v1/tickets/T",
    [ROUTE_CART] = "/v1/activities/A/cart",
    [ROUTE_ORDERS] = "/v1/orders",
    [ROUTE_CANCELLATIONS] = "/v1/cancellations",
    [ROUTE_METRICS] = "/metrics",
    [ROUTE_HEALTH] = "/healthz",
};

/* The upper ends of the histogram's buckets. */
static const struct {
    uint64_t us;
    const char *text;
} ends[METRICS_BUCKETS] = {
    {250, "0.00025"}, {500, "0.0005"}, {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"}, {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"}, {250000, "0.25"}, {1000000, "1"},  {5000000, "5"},
};

typedef atomic_uint_least64_t counter;

static void add(counter *one, uint64_t value) {
    atomic_fetch_add_explicit(one, value, memory_order_relaxed);
}

static void set(counter *one, uint64_t value) {
    atomic_store_explicit(one, value, memory_order_relaxed);
}

void metrics_answer(metrics *one, front_route route, front_code code, uint64_t latency_ns) {
    uint64_t us = latency_ns / 1000;
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && us > ends[bucket].us)
        bucket++;
    add(&one->answers[route][code], 1);
    add(&one->buckets[route][bucket], 1);
    add(&one->latency_us[route], us);
}

void metrics_polled(metrics *one, seckill_ticket_state state) {
    add(&one->polls[state], 1);
}

void metrics_poll_after(metrics *one, uint32_t poll_after_ms) {
    add(&one->poll_after_ms, poll_after_ms);
    add(&one->poll_afters, 1);
}

void metrics_turned_away(metrics *one) {
    add(&one->requests_turned_away, 1);
}

void metrics_copy_stats(metrics *one, const seckill_client_stats *stats) {
    set(&one->operations, stats->operations);
    set(&one->granted, stats->granted);
    set(&one->enqueued, stats->enqueued);
    set(&one->replayed, stats->replayed);
    set(&one->refused, stats->refused);
    set(&one->failed, stats->failed);
    set(&one->unknown, stats->unknown);
    set(&one->batches, stats->batches);
    set(&one->batched, stats->batched);
    set(&one->repeated, stats->repeated);
    set(&one->redis_connections, stats->connections);
    set(&one->redis_in_progress, stats->in_progress);
    set(&one->redis_in_flight, stats->in_flight);
    set(&one->transfers, stats->transfers);
    set(&one->transferred, stats->transferred);
    set(&one->surveys, stats->surveys);
    set(&one->from_memory, stats->from_memory);
    set(&one->redis_moved, stats->moved);
    set(&one->redis_nodes, stats->nodes);
    atomic_store(&one->connected, stats->connected);
}

/* ---- the text */

typedef struct {
    FILE *out;
    const metrics *(*of_loop)(size_t loop, const void *user_data);
    const void *user_data;
    size_t loops;
} text_page;

/* The sum over all loops of the counter at a place within metrics. */
static uint64_t sum(const text_page *page, size_t place) {
    uint64_t total = 0;
    for (size_t i = 0; i < page->loops; i++) {
        const char *one = (const char *)page->of_loop(i, page->user_data);
        total += atomic_load_explicit((const counter *)(const void *)(one + place), memory_order_relaxed);
    }
    return total;
}

static void head(const text_page *page, const char *name, const char *type, const char *about) {
    fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", name, about, name, type);
}

static void write_answers(const text_page *page) {
    head(page, "seckill_front_requests_total", "counter", "Requests answered, by path and code.");
    for (size_t route = 0; route < ROUTE_COUNT; route++) {
        for (size_t code = 0; code < CODE_COUNT; code++) {
            uint64_t count = sum(page, offsetof(metrics, answers) + (route * CODE_COUNT + code) * sizeof(counter));
            if (count != 0)
                fprintf(page->out, "seckill_front_requests_total{route=\"%s\",code=\"%s\"} %" PRIu64 "\n", route_names[route],
                        front_code_of((front_code)code)->name, count);
        }
    }
}

static void write_route_latency(const text_page *page, size_t route) {
    static const char name[] = "seckill_front_request_seconds";
    uint64_t count = 0;
    uint64_t us = sum(page, offsetof(metrics, latency_us) + route * sizeof(counter));
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += sum(page, offsetof(metrics, buckets) + (route * (METRICS_BUCKETS + 1) + i) * sizeof(counter));
        fprintf(page->out, "%s_bucket{route=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, route_names[route],
                i < METRICS_BUCKETS ? ends[i].text : "+Inf", count);
    }
    fprintf(page->out, "%s_sum{route=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n", name, route_names[route], us / 1000000,
            us % 1000000);
    fprintf(page->out, "%s_count{route=\"%s\"} %" PRIu64 "\n", name, route_names[route], count);
}

static void write_latencies(const text_page *page) {
    head(page, "seckill_front_request_seconds", "histogram", "From the last byte of a request to its answer.");
    for (size_t route = ROUTE_NONE + 1; route < ROUTE_COUNT; route++)
        write_route_latency(page, route);
}

static void write_tickets(const text_page *page) {
    head(page, "seckill_front_polls_total", "counter", "Polls of tickets, by what they said.");
    for (int state = SECKILL_TICKET_QUEUED; state < METRICS_TICKET_STATES; state++)
        fprintf(page->out, "seckill_front_polls_total{state=\"%s\"} %" PRIu64 "\n",
                reservation_state((seckill_ticket_state)state),
                sum(page, offsetof(metrics, polls) + (size_t)state * sizeof(counter)));
    uint64_t ms = sum(page, offsetof(metrics, poll_after_ms));
    head(page, "seckill_front_poll_after_seconds", "summary", "What holders of tickets were told to wait.");
    fprintf(page->out, "seckill_front_poll_after_seconds_sum %" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
    fprintf(page->out, "seckill_front_poll_after_seconds_count %" PRIu64 "\n", sum(page, offsetof(metrics, poll_afters)));
}

static void write_sums(const text_page *page) {
    static const struct {
        const char *name, *type, *about;
        size_t place;
    } rows[] = {
        {"seckill_front_connections", "gauge", "Open connections.", offsetof(metrics, connections)},
        {"seckill_front_connections_turned_away_total", "counter", "Connections beyond --max-connections.",
         offsetof(metrics, turned_away)},
        {"seckill_front_requests_turned_away_total", "counter", "Requests for which the queue was too long.",
         offsetof(metrics, requests_turned_away)},
        {"seckill_front_requests_in_progress", "gauge", "Requests without an answer.", offsetof(metrics, in_progress)},
        {"seckill_operations_total", "counter", "Operations of the library that were started.", offsetof(metrics, operations)},
        {"seckill_granted_total", "counter", "Reserves that took units.", offsetof(metrics, granted)},
        {"seckill_enqueued_total", "counter", "Requests put into the queue.", offsetof(metrics, enqueued)},
        {"seckill_replayed_total", "counter", "Answers that stood already.", offsetof(metrics, replayed)},
        {"seckill_refused_total", "counter", "Answers of the business other than ok.", offsetof(metrics, refused)},
        {"seckill_failed_total", "counter", "Errors other than unknown.", offsetof(metrics, failed)},
        {"seckill_unknown_total", "counter", "Answers that never came.", offsetof(metrics, unknown)},
        {"seckill_batches_total", "counter", "Scripts sent for batches of operations.", offsetof(metrics, batches)},
        {"seckill_batched_total", "counter", "Operations in these batches.", offsetof(metrics, batched)},
        {"seckill_repeated_total", "counter", "Operations sent again.", offsetof(metrics, repeated)},
        {"seckill_redis_connections_total", "counter", "Connections made to Redis.", offsetof(metrics, redis_connections)},
        {"seckill_operations_in_progress", "gauge", "Operations under way.", offsetof(metrics, redis_in_progress)},
        {"seckill_batches_in_flight", "gauge", "Batches without an answer.", offsetof(metrics, redis_in_flight)},
        {"seckill_transfers_total", "counter", "Times that units were moved between shards.", offsetof(metrics, transfers)},
        {"seckill_transferred_units_total", "counter", "Units moved so.", offsetof(metrics, transferred)},
        {"seckill_surveys_total", "counter", "Rounds over all shards of an item, to find units.", offsetof(metrics, surveys)},
        {"seckill_from_memory_total", "counter", "Requests refused without asking Redis.", offsetof(metrics, from_memory)},
        {"seckill_redis_moved_total", "counter", "Redirections by a Redis Cluster.", offsetof(metrics, redis_moved)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        head(page, rows[i].name, rows[i].type, rows[i].about);
        fprintf(page->out, "%s %" PRIu64 "\n", rows[i].name, sum(page, rows[i].place));
    }
}

static void write_connected(const text_page *page) {
    head(page, "seckill_redis_connected", "gauge", "1 if the loop's connection to Redis is up.");
    for (size_t i = 0; i < page->loops; i++)
        fprintf(page->out, "seckill_redis_connected{loop=\"%zu\"} %d\n", i,
                atomic_load(&page->of_loop(i, page->user_data)->connected));
    head(page, "seckill_redis_nodes", "gauge", "Redis servers that the loop knows.");
    for (size_t i = 0; i < page->loops; i++)
        fprintf(page->out, "seckill_redis_nodes{loop=\"%zu\"} %" PRIu64 "\n", i,
                (uint64_t)atomic_load(&page->of_loop(i, page->user_data)->redis_nodes));
}

char *metrics_text(const metrics *(*of_loop)(size_t loop, const void *user_data), size_t loops, const void *user_data,
                   size_t *size) {
    char *text = NULL;
    text_page page = {open_memstream(&text, size), of_loop, user_data, loops};
    if (page.out == NULL)
        return NULL;
    write_answers(&page);
    write_latencies(&page);
    write_tickets(&page);
    write_sums(&page);
    write_connected(&page);
    int failed = ferror(page.out);
    if (fclose(page.out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
