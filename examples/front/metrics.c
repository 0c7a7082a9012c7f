/* seckill-front: counters, and the text that Prometheus reads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "metrics.h"

#include "reservation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const route_names[ROUTE_COUNT] = {
    [ROUTE_NONE] = "none",
    [ROUTE_ACTIVITY] = "/v1/activities/A",
    [ROUTE_ITEM] = "/v1/activities/A/items/I",
    [ROUTE_CAPTCHA] = "/v1/captcha",
    [ROUTE_REQUESTS] = "/v1/activities/A/items/I/requests",
    [ROUTE_TICKETS] = "/v1/tickets/T",
    [ROUTE_CART] = "/v1/activities/A/cart",
    [ROUTE_ORDERS] = "/v1/orders",
    [ROUTE_CANCELLATIONS] = "/v1/cancellations",
    [ROUTE_METRICS] = "/metrics",
    [ROUTE_HEALTH] = "/healthz",
};

typedef atomic_uint_least64_t counter;

/* Only the loop itself counts, so that nothing can come between; others read. */
static void add(counter *one, uint64_t value) {
    atomic_store_explicit(one, atomic_load_explicit(one, memory_order_relaxed) + value, memory_order_relaxed);
}

static void set(counter *one, uint64_t value) {
    atomic_store_explicit(one, value, memory_order_relaxed);
}

void metrics_answer(metrics *one, front_route route, front_code code, uint64_t latency_ns) {
    uint64_t us = latency_ns / 1000;
    add(&one->answers[route][code], 1);
    add(&one->buckets[route][prometheus_bucket(prometheus_quick, us)], 1);
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

void metrics_refused(metrics *one, front_refused why) {
    add(&one->refused[why], 1);
}

void metrics_banned(metrics *one, front_ban what) {
    add(&one->bans[what], 1);
}

void metrics_copy_list(metrics *one, bool loaded, uint64_t entries, int64_t behind_ms) {
    set(&one->list_loaded, loaded);
    set(&one->list_entries, entries);
    set(&one->list_behind_ms, behind_ms > 0 ? (uint64_t)behind_ms : 0);
}

bool metrics_list_loaded(const metrics *one) {
    return atomic_load_explicit(&one->list_loaded, memory_order_relaxed) != 0;
}

void metrics_copy_stats(metrics *one, const seckill_client_stats *stats) {
    uint64_t words[METRICS_STATS_WORDS];
    memcpy(words, stats, sizeof words);
    for (size_t i = 0; i < METRICS_STATS_WORDS; i++)
        set(&one->stats[i], words[i]);
}

static seckill_client_stats stats_of(const metrics *one) {
    seckill_client_stats stats;
    uint64_t words[METRICS_STATS_WORDS];
    for (size_t i = 0; i < METRICS_STATS_WORDS; i++)
        words[i] = atomic_load_explicit(&one->stats[i], memory_order_relaxed);
    memcpy(&stats, words, sizeof stats);
    return stats;
}

bool metrics_connected(const metrics *one) {
    return stats_of(one).connected != 0;
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

static void write_answers(const text_page *page) {
    prometheus_head(page->out, "seckill_front_requests_total", "counter", "Requests answered, by path and code.");
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
    char label[64];
    prometheus_times times = {.sum_us = sum(page, offsetof(metrics, latency_us) + route * sizeof(counter))};
    for (size_t i = 0; i < PROMETHEUS_BUCKETS; i++)
        times.buckets[i] = sum(page, offsetof(metrics, buckets) + (route * PROMETHEUS_BUCKETS + i) * sizeof(counter));
    snprintf(label, sizeof label, "route=\"%s\"", route_names[route]);
    prometheus_write_times(page->out, "seckill_front_request_seconds", label, prometheus_quick, &times);
}

static void write_latencies(const text_page *page) {
    prometheus_head(page->out, "seckill_front_request_seconds", "histogram", "From the last byte of a request to its answer.");
    for (size_t route = ROUTE_NONE + 1; route < ROUTE_COUNT; route++)
        write_route_latency(page, route);
}

static void write_tickets(const text_page *page) {
    prometheus_head(page->out, "seckill_front_polls_total", "counter", "Polls of tickets, by what they said.");
    for (int state = SECKILL_TICKET_QUEUED; state < METRICS_TICKET_STATES; state++)
        fprintf(page->out, "seckill_front_polls_total{state=\"%s\"} %" PRIu64 "\n",
                reservation_state((seckill_ticket_state)state),
                sum(page, offsetof(metrics, polls) + (size_t)state * sizeof(counter)));
    uint64_t ms = sum(page, offsetof(metrics, poll_after_ms));
    prometheus_head(page->out, "seckill_front_poll_after_seconds", "summary", "What holders of tickets were told to wait.");
    fprintf(page->out, "seckill_front_poll_after_seconds_sum %" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
    fprintf(page->out, "seckill_front_poll_after_seconds_count %" PRIu64 "\n", sum(page, offsetof(metrics, poll_afters)));
}

static void write_gate(const text_page *page) {
    static const char *const reasons[REFUSED_COUNT] = {"user_limit",     "address_limit", "activity_limit",
                                                       "address_listed", "user_listed",   "foreseen"};
    prometheus_head(page->out, "seckill_front_refused_total", "counter",
                    "Requests that a limit, the blacklist or the item's last reading refused.");
    for (size_t i = 0; i < REFUSED_COUNT; i++)
        fprintf(page->out, "seckill_front_refused_total{reason=\"%s\"} %" PRIu64 "\n", reasons[i],
                sum(page, offsetof(metrics, refused) + i * sizeof(counter)));
}

/* Of a gauge that is the same of all loops, but for the time of reading: the greatest. */
static uint64_t greatest(const text_page *page, size_t place) {
    uint64_t most = 0;
    for (size_t i = 0; i < page->loops; i++) {
        const char *one = (const char *)page->of_loop(i, page->user_data);
        uint64_t value = atomic_load_explicit((const counter *)(const void *)(one + place), memory_order_relaxed);
        most = value > most ? value : most;
    }
    return most;
}

static void write_list(const text_page *page) {
    static const char *const what[BAN_COUNT] = {"done", "failed", "skipped"};
    uint64_t behind_ms = greatest(page, offsetof(metrics, list_behind_ms));
    prometheus_head(page->out, "seckill_front_bans_total", "counter", "Who kept on and was to be blacklisted.");
    for (size_t i = 0; i < BAN_COUNT; i++)
        fprintf(page->out, "seckill_front_bans_total{result=\"%s\"} %" PRIu64 "\n", what[i],
                sum(page, offsetof(metrics, bans) + i * sizeof(counter)));
    prometheus_value(page->out, "seckill_front_blacklist_loaded", "gauge", "Loops that need not wait for the blacklist.",
                     sum(page, offsetof(metrics, list_loaded)));
    prometheus_value(page->out, "seckill_front_blacklist_entries", "gauge", "Entries in a loop's copy of the blacklist.",
                     greatest(page, offsetof(metrics, list_entries)));
    prometheus_head(page->out, "seckill_front_blacklist_behind_seconds", "gauge", "The age of the oldest copy.");
    fprintf(page->out, "seckill_front_blacklist_behind_seconds %" PRIu64 ".%03" PRIu64 "\n", behind_ms / 1000,
            behind_ms % 1000);
}

static void write_sums(const text_page *page) {
    static const struct {
        const char *name, *type, *about;
        size_t place;
    } rows[] = {
        {"seckill_front_connections", "gauge", "Open connections.", offsetof(metrics, connections)},
        {"seckill_front_connections_turned_away_total", "counter", "Connections beyond --max-connections[-per-address].",
         offsetof(metrics, turned_away)},
        {"seckill_front_requests_turned_away_total", "counter", "Requests for which the queue was too long.",
         offsetof(metrics, requests_turned_away)},
        {"seckill_front_requests_in_progress", "gauge", "Requests without an answer.", offsetof(metrics, in_progress)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        prometheus_value(page->out, rows[i].name, rows[i].type, rows[i].about, sum(page, rows[i].place));
}

/* Of a loop that has not begun there is nothing to add. */
static bool write_clients(const text_page *page) {
    seckill_client_stats total = {.struct_size = sizeof total};
    for (size_t i = 0; i < page->loops; i++) {
        seckill_client_stats one = stats_of(page->of_loop(i, page->user_data));
        (void)seckill_metrics_add(&total, &one);
    }
    return prometheus_client(page->out, &total);
}

char *metrics_text(const metrics *(*of_loop)(size_t loop, const void *user_data),
                   void (*more)(FILE *out, const void *user_data), size_t loops, const void *user_data, int64_t since,
                   size_t *size) {
    char *text = NULL;
    text_page page = {open_memstream(&text, size), of_loop, user_data, loops};
    if (page.out == NULL)
        return NULL;
    prometheus_program(page.out, "seckill_front_build_info", since);
    write_answers(&page);
    write_latencies(&page);
    write_tickets(&page);
    write_gate(&page);
    write_list(&page);
    write_sums(&page);
    more(page.out, user_data);
    int failed = !write_clients(&page) || ferror(page.out);
    if (fclose(page.out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
