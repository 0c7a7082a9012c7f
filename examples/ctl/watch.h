/* What `watch` shows: samples of an item's stock come in, text goes out. Knows no terminal, no clock and no Redis.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_WATCH_H
#define SECKILL_CTL_WATCH_H

#include <seckill/seckill.h>
#include <stdio.h>

enum { WATCH_SAMPLES = 60, WATCH_TEXT = 256 };

/* What is kept of the last samples. */
typedef enum { WATCH_GRANTED, WATCH_SOLD, WATCH_RETURNED, WATCH_QUEUE, WATCH_SERIES } watch_series;

typedef struct {
    seckill_stock stock; /* as it was read last; its node is `node` */
    char node[WATCH_TEXT];
    const char *status;        /* of the last sample: "ok", or why it was not read */
    int64_t seen_ms;           /* when it was read last; 0: never */
    double rates[WATCH_QUEUE]; /* units in a second, since the sample before */
} watch_shard;

typedef struct {
    char name[WATCH_TEXT];
    char phase[WATCH_TEXT];   /* "on sale" ... */
    char time[WATCH_TEXT];    /* of the last sample */
    char trouble[WATCH_TEXT]; /* why it is not complete; "" */
    watch_shard *shards;
    size_t count, unread;
    seckill_stock total; /* of all, as they were read last */
    int64_t owed;
    double series[WATCH_SERIES][WATCH_SAMPLES]; /* the newest last; below 0: not known */
    size_t samples;                             /* of them that there are */
} watch;

/* Begin with zeros. Frees what it holds. */
void watch_free(watch *self);

/* Takes a sample, read at `now_ms` of a steady clock, above 0. No shards (count 0): nothing could be read. Copies. Out of
 * memory ends the program. */
void watch_take(watch *self, int64_t now_ms, const seckill_stock *shards, size_t count);

/* The whole picture: at most `rows` lines of at most `columns` characters. `ascii`: no others. */
typedef struct {
    int columns, rows;
    int ascii;
} watch_screen;

void watch_draw(const watch *self, const watch_screen *screen, FILE *out);

/* One line, for a log. */
void watch_line(const watch *self, FILE *out);

/* The last value of a series; 0 where it is not known. */
double watch_last(const watch *self, watch_series series);

#endif
