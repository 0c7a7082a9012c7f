/* Numbers of clients: their sum, and their text for Prometheus.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/histogram.h"
#include "client/client.h"

#include <seckill/metrics.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- what there is */

#define PLACE(member) offsetof(seckill_client_stats, member)

/* A gauge's name does not end in _total. NULL: the histogram of batches says it. */
static const struct {
    size_t place; /* of a uint64_t */
    const char *name, *help;
} numbers[] = {
    {PLACE(clients), "open", "Clients that are open."},
    {PLACE(operations), "operations_total", "Operations begun, those refused for memory included."},
    {PLACE(in_progress), "operations_in_progress", "Operations under way."},
    {PLACE(granted), "granted_total", "Requests that took units, by reserve and by processing the queue."},
    {PLACE(enqueued), "enqueued_total", "Requests put into the queue, counted again where their place was lost."},
    {PLACE(replayed), "replayed_total", "Answers that stood already."},
    {PLACE(refused), "refused_total", "Answers of the business other than ok."},
    {PLACE(from_memory), "from_memory_total", "First attempts refused without asking Redis."},
    {PLACE(failed), "failed_total", "Errors other than unknown."},
    {PLACE(unknown), "unknown_total", "Answers that never came."},
    {PLACE(repeated), "repeated_total", "Scripts whose answer was lost with the connection."},
    {PLACE(batches), NULL, NULL},
    {PLACE(batched), NULL, NULL},
    {PLACE(in_flight), "batches_in_flight", "Batches in flight, or waiting for the connection."},
    {PLACE(connections), "connections_total", "Connections made to Redis, the first included."},
    {PLACE(moved), "moved_total", "Redirections by a Redis Cluster: MOVED and ASK."},
    {PLACE(transfers), "transfers_total", "Times that units were moved from one shard to another."},
    {PLACE(transferred), "transferred_units_total", "Units moved so."},
    {PLACE(surveys), "surveys_total", "Rounds over all shards of an item, to find units or to prove that there are none."},
};

static const struct {
    size_t place; /* of a seckill_histogram */
    const char *name, *kind, *help;
    const sk__ends *ends;
} histograms[] = {
    {PLACE(reserves), "operation_seconds", "reserve",
     "From the start of an operation to its callback, but for those refused from memory.", &sk__time_ends},
    {PLACE(confirms), "operation_seconds", "confirm", NULL, &sk__time_ends},
    {PLACE(cancels), "operation_seconds", "cancel", NULL, &sk__time_ends},
    {PLACE(refunds), "operation_seconds", "refund", NULL, &sk__time_ends},
    {PLACE(lookups), "operation_seconds", "lookup", NULL, &sk__time_ends},
    {PLACE(enqueues), "operation_seconds", "enqueue", NULL, &sk__time_ends},
    {PLACE(polls), "operation_seconds", "poll", NULL, &sk__time_ends},
    {PLACE(refuses), "operation_seconds", "refuse", NULL, &sk__time_ends},
    {PLACE(scripts), "script_seconds", NULL, "From handing a script to its connection to the answer.", &sk__time_ends},
    {PLACE(batch_sizes), "batch_operations", NULL, "Operations of a batch that was sent.", &sk__size_ends},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t *number_at(seckill_client_stats *stats, size_t place) {
    return (uint64_t *)(void *)((char *)stats + place);
}

static seckill_histogram *histogram_at(seckill_client_stats *stats, size_t place) {
    return (seckill_histogram *)(void *)((char *)stats + place);
}

/* Stats of any release: what they do not have is 0. */
static bool take(seckill_client_stats *all, const seckill_client_stats *given) {
    return sk__options_copy(all, sizeof(*all), given);
}

/* ---- the sum */

static void add_histogram(seckill_histogram *total, const seckill_histogram *one) {
    for (size_t i = 0; i < SECKILL_HISTOGRAM_BUCKETS; i++)
        total->buckets[i] += one->buckets[i];
    total->sum += one->sum;
}

seckill_status seckill_metrics_add(seckill_client_stats *total, const seckill_client_stats *one) {
    seckill_client_stats sum, more;

    if (!take(&sum, total) || !take(&more, one))
        return SECKILL_INVALID;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        *number_at(&sum, numbers[i].place) += *number_at(&more, numbers[i].place);
    for (size_t i = 0; i < COUNT_OF(histograms); i++)
        add_histogram(histogram_at(&sum, histograms[i].place), histogram_at(&more, histograms[i].place));
    sum.connected += more.connected;
    sum.nodes = more.nodes > sum.nodes ? more.nodes : sum.nodes;
    return sk__struct_fill(total, &sum, sizeof(sum));
}

/* ---- the text */

typedef struct {
    char *buffer;
    size_t size, length;
} page;

__attribute__((format(printf, 2, 3))) static void put(page *out, const char *format, ...) {
    size_t room = out->length < out->size ? out->size - out->length : 0;
    va_list arguments;

    va_start(arguments, format);
    out->length += (size_t)vsnprintf(room != 0 ? out->buffer + out->length : NULL, room, format, arguments);
    va_end(arguments);
}

static void put_head(page *out, const char *name, const char *type, const char *help) {
    put(out, "# HELP seckill_client_%s %s\n# TYPE seckill_client_%s %s\n", name, help, name, type);
}

static void put_number(page *out, const char *name, const char *help, uint64_t value) {
    size_t size = strlen(name);
    bool is_counter = size > 6 && strcmp(name + size - 6, "_total") == 0;

    put_head(out, name, is_counter ? "counter" : "gauge", help);
    put(out, "seckill_client_%s %" PRIu64 "\n", name, value);
}

/* Microseconds as seconds, as short as can be; by hand, since printf writes another point in some countries. */
static void put_amount(page *out, const sk__ends *ends, uint64_t amount) {
    unsigned digits = 6, fraction = (unsigned)(amount % 1000000);

    if (ends == &sk__size_ends) {
        put(out, "%" PRIu64, amount);
        return;
    }
    for (; digits > 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    put(out, "%" PRIu64, amount / 1000000);
    if (digits > 0)
        put(out, ".%0*u", (int)digits, fraction);
}

static void put_histogram(page *out, size_t row, const seckill_histogram *histogram) {
    const char *name = histograms[row].name, *kind = histograms[row].kind;
    const sk__ends *ends = histograms[row].ends;
    char label[32] = "", only_label[sizeof(label) + 2] = "";
    uint64_t count = 0;

    if (kind != NULL) {
        (void)snprintf(label, sizeof(label), "kind=\"%s\",", kind);
        (void)snprintf(only_label, sizeof(only_label), "{kind=\"%s\"}", kind);
    }
    if (histograms[row].help != NULL)
        put_head(out, name, "histogram", histograms[row].help);
    for (size_t i = 0; i < SECKILL_HISTOGRAM_BUCKETS - 1; i++) {
        count += histogram->buckets[i];
        put(out, "seckill_client_%s_bucket{%sle=\"", name, label);
        put_amount(out, ends, (*ends)[i]);
        put(out, "\"} %" PRIu64 "\n", count);
    }
    count += histogram->buckets[SECKILL_HISTOGRAM_BUCKETS - 1];
    put(out, "seckill_client_%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", name, label, count);
    put(out, "seckill_client_%s_sum%s ", name, only_label);
    put_amount(out, ends, histogram->sum);
    put(out, "\nseckill_client_%s_count%s %" PRIu64 "\n", name, only_label, count);
}

size_t seckill_metrics_write(const seckill_client_stats *stats, char *buffer, size_t size) {
    page out = {buffer, size, 0};
    seckill_client_stats all;

    if (size > 0)
        buffer[0] = '\0';
    if (!take(&all, stats))
        return 0;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (numbers[i].name != NULL)
            put_number(&out, numbers[i].name, numbers[i].help, *number_at(&all, numbers[i].place));
    put_number(&out, "connected", "Clients all of whose connections to Redis are up.", (uint64_t)all.connected);
    put_number(&out, "nodes", "Redis servers known.", all.nodes);
    for (size_t i = 0; i < COUNT_OF(histograms); i++)
        put_histogram(&out, i, histogram_at(&all, histograms[i].place));
    return out.length;
}
