/* See metrics.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "metrics.h"

#include "item.h"
#include "prometheus.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The counters of the whole worker: as the last line names them, and as Prometheus does. */
static const struct {
    const char *name, *metric, *about;
    size_t place;
} rows[] = {
    {"events_read", "seckill_worker_events_read_total", "Order events read, those that Redis handed out again included.",
     offsetof(worker_counts, events_read)},
    {"orders_written", "seckill_worker_orders_written_total", "Confirmations that became orders.",
     offsetof(worker_counts, orders_written)},
    {"orders_refunded", "seckill_worker_orders_refunded_total", "Orders that became refunded.",
     offsetof(worker_counts, orders_refunded)},
    {"refused", "seckill_worker_orders_refused_total", "Confirmations that the real inventory could not serve.",
     offsetof(worker_counts, refused)},
    {"not_recorded", "seckill_worker_events_not_recorded_total", "Events that no order can look like, or that contradict one.",
     offsetof(worker_counts, not_recorded)},
    {"acknowledged", "seckill_worker_events_acknowledged_total", "Events removed from Redis.",
     offsetof(worker_counts, acknowledged)},
    {"refunds", "seckill_worker_refunds_total", "Final answers of Redis to refunds.", offsetof(worker_counts, refunds)},
    {"unpaid_refunded", "seckill_worker_orders_unpaid_total", "Orders to be refunded because they were not paid in time.",
     offsetof(worker_counts, unpaid_refunded)},
    {"expired_reservations", "seckill_worker_expired_reservations_total", "Reservations that expired.",
     offsetof(worker_counts, expired_reservations)},
    {"expired_units", "seckill_worker_expired_units_total", "Units that expired reservations gave back.",
     offsetof(worker_counts, expired_units)},
    {"orders_replayed", "seckill_worker_orders_replayed_total", "Orders that Redis was told again, after a failover.",
     offsetof(worker_counts, orders_replayed)},
    {"orders_missing", "seckill_worker_orders_missing_total", "Orders and refunds that a failover of Redis had lost.",
     offsetof(worker_counts, orders_missing)},
    {"transfer_checks", "seckill_worker_transfer_checks_total", "Times that an item's transfers were found, or made, complete.",
     offsetof(worker_counts, transfer_checks)},
    {"transactions", "seckill_worker_transactions_total", "Transactions that wrote to the orders database.",
     offsetof(worker_counts, transactions)},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static uint64_t value_of(const worker_counts *counts, size_t row) {
    return *(const uint64_t *)(const void *)((const char *)counts + rows[row].place);
}

static uint64_t transactions(const worker *w) {
    return w->db ? db_thread_transactions(w->db) : w->counts.transactions;
}

static queue_view queue_of(const item *it) {
    queue_view sum = {0};
    if (it->intake && !it->closing) {
        return intake_view(it->intake);
    }
    for (uint32_t i = 0; i < it->decider_count; i++) {
        queue_view_add(&sum, decider_view(it->deciders[i]));
    }
    return sum;
}

queue_view metrics_queues(const worker *w) {
    queue_view sum = {0};
    for (const item *it = w->items; it; it = it->next) {
        if (!it->closing) {
            queue_view_add(&sum, queue_of(it));
        }
    }
    return sum;
}

/* ---- Prometheus ---- */

/* Ids are of A-Za-z0-9._-, so that nothing in them needs escaping. */
static void write_labels(FILE *out, const char *metric, const item *it, const char *more) {
    (void)fprintf(out, "%s{activity=\"%s\",item=\"%s\"%s} ", metric, it->name.activity, it->name.item, more);
}

static void write_lengths(FILE *out, const worker *w) {
    static const char name[] = "seckill_worker_queue_length";
    prometheus_head(out, name, "gauge", "Requests that wait.");
    for (const item *it = w->items; it; it = it->next) {
        write_labels(out, name, it, "");
        (void)fprintf(out, "%" PRIu64 "\n", queue_of(it).waiting);
    }
}

static void write_waits(FILE *out, const worker *w) {
    static const char name[] = "seckill_worker_queue_oldest_seconds";
    prometheus_head(out, name, "gauge", "How long the request that came first has waited.");
    for (const item *it = w->items; it; it = it->next) {
        uint64_t ms = queue_of(it).oldest_ms;
        write_labels(out, name, it, "");
        (void)fprintf(out, "%" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
    }
}

static void write_stopped(FILE *out, const worker *w) {
    static const char name[] = "seckill_worker_queue_stopped";
    prometheus_head(out, name, "gauge", "1 if requests wait because the sale has not begun or is paused.");
    for (const item *it = w->items; it; it = it->next) {
        write_labels(out, name, it, "");
        (void)fprintf(out, "%d\n", queue_of(it).stopped);
    }
}

static void write_decided(FILE *out, const worker *w) {
    static const char name[] = "seckill_worker_queue_decided_total";
    prometheus_head(out, name, "counter", "Requests of the queue that this worker decided.");
    for (const item *it = w->items; it; it = it->next) {
        write_labels(out, name, it, ",result=\"granted\"");
        (void)fprintf(out, "%" PRIu64 "\n", it->queue.granted);
        write_labels(out, name, it, ",result=\"refused\"");
        (void)fprintf(out, "%" PRIu64 "\n", it->queue.refused);
        write_labels(out, name, it, ",result=\"blacklisted\"");
        (void)fprintf(out, "%" PRIu64 "\n", it->queue.blacklisted);
    }
}

static void write_blacklist(FILE *out, const worker *w) {
    static const char behind[] = "seckill_worker_blacklist_behind_seconds";
    seckill_blacklist_state state = listed_state(w);
    uint64_t ms = state.behind_ms > 0 ? (uint64_t)state.behind_ms : 0;
    prometheus_value(out, "seckill_worker_blacklist_loaded", "gauge",
                     "1 if the whole blacklist was read; nothing is decided before.", state.is_loaded ? 1 : 0);
    prometheus_value(out, "seckill_worker_blacklist_entries", "gauge", "Entries of the blacklist in memory.", state.entries);
    prometheus_value(out, "seckill_worker_blacklist_dropped", "gauge", "Entries for which there is no room.", state.dropped);
    prometheus_head(out, behind, "gauge", "How old the copy of the blacklist is.");
    (void)fprintf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", behind, ms / 1000, ms % 1000);
}

static void write_transfers(FILE *out, const worker *w) {
    static const char owed[] = "seckill_worker_units_owed", transit[] = "seckill_worker_units_in_transit";
    prometheus_head(out, owed, "gauge",
                    "Units that are promised beyond what there is, since a failover lost what was known of them.");
    for (const item *it = w->items; it; it = it->next) {
        write_labels(out, owed, it, "");
        (void)fprintf(out, "%" PRId64 "\n", it->transferer.owed);
    }
    prometheus_head(out, transit, "gauge", "Units on their way between shards.");
    for (const item *it = w->items; it; it = it->next) {
        write_labels(out, transit, it, "");
        (void)fprintf(out, "%" PRId64 "\n", it->transferer.transit);
    }
}

/* Until the stock was read for the first time there is nothing to say. */
static void write_units(FILE *out, const char *metric, const item *it, const char *more, int64_t value) {
    if (it->transferer.has_stock) {
        write_labels(out, metric, it, more);
        (void)fprintf(out, "%" PRId64 "\n", value);
    }
}

static void write_stock(FILE *out, const worker *w) {
    static const char units[] = "seckill_worker_units", loaded[] = "seckill_worker_units_loaded",
                      events[] = "seckill_worker_events_waiting";
    prometheus_head(out, loaded, "gauge", "Units loaded less units withdrawn.");
    for (const item *it = w->items; it; it = it->next) {
        write_units(out, loaded, it, "", it->transferer.stock.loaded);
    }
    prometheus_head(out, units, "gauge", "Where the units are: those on their way are units_in_transit.");
    for (const item *it = w->items; it; it = it->next) {
        write_units(out, units, it, ",state=\"available\"", it->transferer.stock.available);
        write_units(out, units, it, ",state=\"reserved\"", it->transferer.stock.reserved);
        write_units(out, units, it, ",state=\"sold\"", it->transferer.stock.sold);
    }
    prometheus_head(out, events, "gauge", "Events in Redis that wait to be written to the orders database.");
    for (const item *it = w->items; it; it = it->next) {
        write_units(out, events, it, "", it->transferer.stock.events);
    }
}

static void write_trouble(FILE *out, const worker *w) {
    static const char failing[] = "seckill_worker_orders_failing_seconds";
    db_thread_trouble trouble = {0};
    if (w->db) {
        trouble = db_thread_troubles(w->db);
    }
    prometheus_value(out, "seckill_worker_orders_failures_total", "counter",
                     "Times that the orders database could not be opened or written; what failed is tried again.",
                     trouble.failures);
    prometheus_head(out, failing, "gauge", "For how long the orders database has not worked; 0: it does.");
    (void)fprintf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", failing, trouble.failing_ms / 1000, trouble.failing_ms % 1000);
}

static void write_times(FILE *out, const worker *w) {
    static const char decision[] = "seckill_worker_decision_seconds", age[] = "seckill_worker_event_age_seconds",
                      transaction[] = "seckill_worker_transaction_seconds";
    if (w->settings->roles & ROLE_DECIDE) {
        prometheus_head(out, decision, "histogram", "From a request's enqueue to its decision, by the server's clock.");
        prometheus_write_times(out, decision, "", prometheus_slow, &w->decision_times);
    }
    if (w->settings->roles & ROLE_ORDERS) {
        prometheus_times times = {0};
        if (w->db) {
            times = db_thread_times(w->db);
        }
        prometheus_head(out, age, "histogram",
                        "From the event to its order or refund, by the server's clock and the worker's.");
        prometheus_write_times(out, age, "", prometheus_slow, &w->event_ages);
        prometheus_head(out, transaction, "histogram", "Transactions that wrote to the orders database, with their commit.");
        prometheus_write_times(out, transaction, "", prometheus_quick, &times);
        write_trouble(out, w);
    }
}

static void write_counters(FILE *out, const worker *w) {
    worker_counts counts = w->counts;
    counts.transactions = transactions(w);
    for (size_t i = 0; i < ROWS; i++) {
        prometheus_value(out, rows[i].metric, "counter", rows[i].about, value_of(&counts, i));
    }
}

static bool write_client(FILE *out, const worker *w) {
    seckill_client_stats stats = {.struct_size = sizeof stats};
    if (w->client) {
        (void)seckill_client_get_stats(w->client, &stats);
    }
    return prometheus_client(out, &stats);
}

static bool write_all(FILE *out, const worker *w) {
    prometheus_program(out, "seckill_worker_build_info", w->started);
    prometheus_value(out, "seckill_worker_items", "gauge", "Items at work.", w->item_count);
    if (w->settings->roles & ROLE_DECIDE) {
        write_lengths(out, w);
        write_waits(out, w);
        write_stopped(out, w);
        write_decided(out, w);
        if (!w->settings->no_blacklist) {
            write_blacklist(out, w);
        }
        intake_write_metrics(w, out);
    }
    if (w->settings->roles & ROLE_TRANSFERS) {
        write_transfers(out, w);
        write_stock(out, w);
    }
    write_times(out, w);
    write_counters(out, w);
    return write_client(out, w);
}

char *metrics_text(const worker *w, size_t *size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out) {
        return NULL;
    }
    bool failed = !write_all(out, w) || ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- lines ---- */

void metrics_progress(const worker *w, uint64_t elapsed_ms, uint64_t *decided) {
    const worker_counts *c = &w->counts;
    queue_view queues = metrics_queues(w);
    uint64_t news = c->queue.decided - *decided;
    *decided = c->queue.decided;
    (void)fprintf(stderr,
                  "%zu items: %" PRIu64 " waiting%s, the first for %" PRIu64 ".%03" PRIu64 " s, %" PRIu64 " decided/s, %" PRIu64
                  " granted, %" PRIu64 " refused, %" PRIu64 " blacklisted; ",
                  w->item_count, queues.waiting, queues.stopped ? " (not started, or paused)" : "", queues.oldest_ms / 1000,
                  queues.oldest_ms % 1000, elapsed_ms > 0 ? news * 1000 / elapsed_ms : 0, c->queue.granted, c->queue.refused,
                  c->queue.blacklisted);
    (void)fprintf(stderr,
                  "%" PRIu64 " events read, %" PRIu64 " orders, %" PRIu64 " refused, %" PRIu64 " refunded, %" PRIu64
                  " unpaid, %" PRIu64 " expired, %" PRIu64 " replayed, %" PRIu64 " missing, %" PRIu64 " transactions%s%s\n",
                  c->events_read, c->orders_written, c->refused, c->orders_refunded, c->unpaid_refunded,
                  c->expired_reservations, c->orders_replayed, c->orders_missing, transactions(w),
                  w->client ? "" : ", no client", w->stopping ? ", stopping" : "");
}

/* Over the time from the first request that was sent to be decided to the last one that was. */
static uint64_t decided_per_second(const worker_counts *c) {
    uint64_t ms = c->decided_until_ms > c->decided_from_ms ? c->decided_until_ms - c->decided_from_ms : 0;
    return ms > 0 ? c->queue.decided * 1000 / ms : 0;
}

static void print_json(const worker_counts *c, int exit_code) {
    (void)printf("{\"queue_decided\":%" PRIu64 ",\"queue_granted\":%" PRIu64 ",\"queue_refused\":%" PRIu64
                 ",\"queue_blacklisted\":%" PRIu64 ",\"queue_decided_per_second\":%" PRIu64 ",\"queue_length\":%" PRIu64
                 ",\"queue_oldest_ms\":%" PRIu64,
                 c->queue.decided, c->queue.granted, c->queue.refused, c->queue.blacklisted, decided_per_second(c),
                 c->left.waiting, c->left.oldest_ms);
    for (size_t i = 0; i < ROWS; i++) {
        (void)printf(",\"%s\":%" PRIu64, rows[i].name, value_of(c, i));
    }
    (void)printf(",\"exit_code\":%d}\n", exit_code);
}

static void print_text(const worker_counts *c) {
    (void)printf("%" PRIu64 " requests decided: %" PRIu64 " granted, %" PRIu64 " refused, %" PRIu64 " blacklisted; %" PRIu64
                 " waiting\n",
                 c->queue.decided, c->queue.granted, c->queue.refused, c->queue.blacklisted, c->left.waiting);
    (void)printf("%" PRIu64 " events read, %" PRIu64 " orders written and %" PRIu64 " refunded in %" PRIu64
                 " transactions, %" PRIu64 " refused, %" PRIu64 " not paid in time, %" PRIu64 " reservations expired (%" PRIu64
                 " units), %" PRIu64 " orders replayed (%" PRIu64 " were missing in Redis)\n",
                 c->events_read, c->orders_written, c->orders_refunded, c->transactions, c->refused, c->unpaid_refunded,
                 c->expired_reservations, c->expired_units, c->orders_replayed, c->orders_missing);
}

void metrics_last_line(const worker_counts *counts, bool json, int exit_code) {
    if (json) {
        print_json(counts, exit_code);
    } else {
        print_text(counts);
    }
}
