/* See watch.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "watch.h"

#include "../common/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const series_names[WATCH_SERIES] = {"granted/s", "sold/s", "returned/s", "queued"};

/* ---- samples ---- */

void watch_free(watch *self) {
    free(self->shards);
    self->shards = NULL;
    self->count = 0;
}

/* Units ever granted, paid, and come back: what is reserved or sold now was granted, and so was what came back since. */
static void totals_of(const seckill_stock *stock, int64_t totals[WATCH_QUEUE]) {
    totals[WATCH_RETURNED] = stock->cancelled + stock->expired + stock->refunded;
    totals[WATCH_SOLD] = stock->sold + stock->refunded;
    totals[WATCH_GRANTED] = stock->reserved + stock->sold + totals[WATCH_RETURNED];
}

/* A failover may take counters back: nothing happened less than not at all. */
static void rate(watch_shard *shard, const seckill_stock *stock, int64_t now_ms) {
    int64_t before[WATCH_QUEUE], after[WATCH_QUEUE];
    totals_of(&shard->stock, before);
    totals_of(stock, after);
    for (int i = 0; i < WATCH_QUEUE; i++) {
        double seconds = (double)(now_ms - shard->seen_ms) / 1000;
        shard->rates[i] = after[i] > before[i] && seconds > 0 ? (double)(after[i] - before[i]) / seconds : 0;
    }
}

static void take_shard(watch_shard *shard, const seckill_stock *stock, int64_t now_ms) {
    memset(shard->rates, 0, sizeof shard->rates);
    shard->status = stock->status == SECKILL_OK ? "ok" : seckill_status_name(stock->status);
    snprintf(shard->node, sizeof shard->node, "%s", stock->node ? stock->node : "");
    if (stock->status != SECKILL_OK) {
        return;
    }
    if (shard->seen_ms) {
        rate(shard, stock, now_ms);
    }
    shard->stock = *stock;
    shard->stock.node = shard->node;
    shard->seen_ms = now_ms;
}

static void push(watch *self, watch_series series, double value) {
    double *values = self->series[series];
    memmove(values, values + 1, (WATCH_SAMPLES - 1) * sizeof *values);
    values[WATCH_SAMPLES - 1] = value;
}

static void add(watch *self, const seckill_stock *stock) {
    seckill_stock *total = &self->total;
    total->loaded += stock->loaded;
    total->available += stock->available;
    total->reserved += stock->reserved;
    total->sold += stock->sold;
    total->users += stock->users;
    total->queued += stock->queued;
    total->events += stock->events;
    total->transferred_in += stock->transferred_in;
    total->transferred_out += stock->transferred_out;
    self->owed += stock->available < 0 ? -stock->available : 0;
}

/* Another number of shards is another item. */
static void make_room(watch *self, size_t count) {
    if (count == self->count) {
        return;
    }
    free(self->shards);
    self->shards = calloc(count, sizeof *self->shards);
    self->count = count;
    if (!self->shards) {
        fputs("out of memory\n", stderr);
        abort();
    }
}

void watch_take(watch *self, int64_t now_ms, const seckill_stock *shards, size_t count) {
    double sums[WATCH_SERIES] = {0};
    int is_first = 1;
    self->samples += self->samples < WATCH_SAMPLES;
    self->unread = count > 0 ? 0 : self->count;
    if (count > 0) {
        make_room(self, count);
        memset(&self->total, 0, sizeof self->total);
        self->owed = 0;
    }
    for (size_t i = 0; i < count; i++) {
        watch_shard *shard = &self->shards[i];
        is_first = is_first && !shard->seen_ms;
        take_shard(shard, &shards[i], now_ms);
        self->unread += shards[i].status != SECKILL_OK;
        add(self, &shard->stock);
        for (int k = 0; k < WATCH_QUEUE; k++) {
            sums[k] += shard->rates[k];
        }
    }
    sums[WATCH_QUEUE] = (double)self->total.queued;
    for (int k = 0; k < WATCH_SERIES; k++) {
        push(self, (watch_series)k, count == 0 || (is_first && k != WATCH_QUEUE) ? -1 : sums[k]);
    }
}

double watch_last(const watch *self, watch_series series) {
    double value = self->series[series][WATCH_SAMPLES - 1];
    return self->samples > 0 && value > 0 ? value : 0;
}

/* ---- the picture ---- */

typedef struct {
    const watch_screen *screen;
    FILE *out;
    int left; /* lines */
} watch_canvas;

/* Characters, not bytes. */
static void put_line(watch_canvas *canvas, const char *text) {
    int width = 0;
    if (canvas->left-- <= 0) {
        return;
    }
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
        if (width > canvas->screen->columns) {
            break;
        }
        fputc(*text, canvas->out);
    }
    fputc('\n', canvas->out);
}

static void grouped(char *text, size_t size, const char *name, int64_t value) {
    char number[OPTIONS_TEXT];
    size_t used = strlen(text);
    options_format_grouped(value, number);
    snprintf(text + used, size - used, "%s%s %s", used ? "   " : "", name, number);
}

static void put_totals(watch_canvas *canvas, const watch *self) {
    const seckill_stock *total = &self->total;
    char line[512] = "";
    grouped(line, sizeof line, "left", total->available);
    grouped(line, sizeof line, "reserved", total->reserved);
    grouped(line, sizeof line, "sold", total->sold);
    grouped(line, sizeof line, "users", total->users);
    put_line(canvas, line);
    line[0] = '\0';
    grouped(line, sizeof line, "queued", total->queued);
    grouped(line, sizeof line, "events", total->events);
    grouped(line, sizeof line, "in transit", total->transferred_out - total->transferred_in);
    grouped(line, sizeof line, "owed", self->owed);
    put_line(canvas, line);
}

/* A character for each of the last `width` samples, as high as its share of the highest. */
static void sparkline(const watch *self, watch_series series, size_t width, int ascii, char text[WATCH_SAMPLES * 3 + 1]) {
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    size_t count = self->samples < width ? self->samples : width;
    const double *values = self->series[series] + WATCH_SAMPLES - count;
    double highest = 0;
    for (size_t i = 0; i < count; i++) {
        highest = values[i] > highest ? values[i] : highest;
    }
    *text = '\0';
    for (size_t i = 0; i < count; i++) {
        int level = highest > 0 && values[i] > 0 ? (int)(values[i] / highest * 7 + 0.5) : 0;
        text += sprintf(text, "%s", values[i] < 0 ? " " : (ascii ? letters : blocks)[level]);
    }
}

static void put_series(watch_canvas *canvas, const watch *self, watch_series series) {
    char spark[WATCH_SAMPLES * 3 + 1], line[sizeof spark + 64];
    int width = canvas->screen->columns - 24;
    sparkline(self, series,
              width < 0               ? 0
              : width > WATCH_SAMPLES ? WATCH_SAMPLES
                                      : (size_t)width,
              canvas->screen->ascii, spark);
    snprintf(line, sizeof line, "%-10s %11.*f  %s", series_names[series], series == WATCH_QUEUE ? 0 : 1,
             watch_last(self, series), spark);
    put_line(canvas, line);
}

/* What a person wants to see first: what cannot be read, then what is busiest, then whose queue is longest, then who has most.
 */
static int by_interest(const void *a, const void *b) {
    const watch_shard *one = *(const watch_shard *const *)a, *other = *(const watch_shard *const *)b;
    int bad = (strcmp(other->status, "ok") != 0) - (strcmp(one->status, "ok") != 0);
    double busy = other->rates[WATCH_GRANTED] + other->rates[WATCH_SOLD] - one->rates[WATCH_GRANTED] - one->rates[WATCH_SOLD];
    int64_t queue = other->stock.queued - one->stock.queued, units = other->stock.available - one->stock.available;
    if (bad || busy != 0) {
        return bad ? bad : busy > 0 ? 1 : -1;
    }
    if (queue != 0 || units != 0) {
        return (queue ? queue : units) > 0 ? 1 : -1;
    }
    return one < other ? -1 : 1;
}

static int by_place(const void *a, const void *b) {
    const watch_shard *one = *(const watch_shard *const *)a, *other = *(const watch_shard *const *)b;
    return one < other ? -1 : one > other;
}

static void put_shard(watch_canvas *canvas, const watch *self, const watch_shard *shard) {
    const seckill_stock *stock = &shard->stock;
    char line[640];
    int is_bad = strcmp(shard->status, "ok") != 0;
    snprintf(line, sizeof line, "%5d %10" PRId64 " %9" PRId64 " %10" PRId64 " %8" PRId64 " %8" PRId64 " %9.1f  %s%s%s",
             (int)(shard - self->shards), stock->available, stock->reserved, stock->sold, stock->queued, stock->events,
             shard->rates[WATCH_GRANTED], is_bad ? shard->status : "", is_bad ? " " : "", shard->node);
    put_line(canvas, line);
}

/* As many as there is room for, in their order. */
static void put_shards(watch_canvas *canvas, const watch *self) {
    size_t room = canvas->left > 1 ? (size_t)canvas->left - 1 : 0, shown = self->count;
    const watch_shard **order = calloc(self->count + 1, sizeof *order);
    char line[128];
    for (size_t i = 0; order && i < self->count; i++) {
        order[i] = &self->shards[i];
    }
    if (!order || room == 0) {
        free(order);
        return;
    }
    if (self->count > room) {
        shown = room - 1;
        qsort(order, self->count, sizeof *order, by_interest);
        qsort(order, shown, sizeof *order, by_place);
    }
    snprintf(line, sizeof line, "%5s %10s %9s %10s %8s %8s %9s  %s", "shard", "available", "reserved", "sold", "queued",
             "events", "granted/s", "node");
    put_line(canvas, line);
    for (size_t i = 0; i < shown; i++) {
        put_shard(canvas, self, order[i]);
    }
    if (shown < self->count) {
        snprintf(line, sizeof line, "and %zu quieter shards", self->count - shown);
        put_line(canvas, line);
    }
    free(order);
}

void watch_draw(const watch *self, const watch_screen *screen, FILE *out) {
    watch_canvas canvas = {screen, out, screen->rows};
    char line[4 * WATCH_TEXT];
    snprintf(line, sizeof line, "%s   %s   %s", self->name, self->phase, self->time);
    put_line(&canvas, line);
    if (*self->trouble) {
        snprintf(line, sizeof line, "TROUBLE: %s", self->trouble);
        put_line(&canvas, line);
    }
    put_totals(&canvas, self);
    put_line(&canvas, "");
    for (int i = 0; i < WATCH_SERIES; i++) {
        put_series(&canvas, self, (watch_series)i);
    }
    put_line(&canvas, "");
    put_shards(&canvas, self);
}

void watch_line(const watch *self, FILE *out) {
    const seckill_stock *total = &self->total;
    fprintf(out,
            "%s %s left=%" PRId64 " reserved=%" PRId64 " sold=%" PRId64 " queued=%" PRId64 " events=%" PRId64
            " granted/s=%.1f sold/s=%.1f returned/s=%.1f",
            self->time, self->name, total->available, total->reserved, total->sold, total->queued, total->events,
            watch_last(self, WATCH_GRANTED), watch_last(self, WATCH_SOLD), watch_last(self, WATCH_RETURNED));
    if (*self->trouble) {
        fprintf(out, " trouble: %s", self->trouble);
    }
    fputc('\n', out);
}
