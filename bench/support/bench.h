/* What the benchmarks share: where they run, what they measure with, and how they say what came out.
 *
 * A program answers one question, or several that share their runs: it measures ours and the other in turn, a few rounds, and
 * prints a line of JSON on standard output for each row (bench_row_print) and for each point of a plot (bench_point_print).
 * What it is doing meanwhile goes to standard error. bench/run makes the table and the plots of these lines.
 *
 * Servers run on the first processor that the machine lets us use, the load on the second. What a process starts runs where it
 * does, so pin before a server is started.
 *
 * Nothing returns an error: a benchmark that cannot go on says why and ends.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_H
#define SECKILL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- how long it shall take ---- */

typedef struct {
    bool quick; /* as little as shows that it works; the figures mean nothing */
    int rounds; /* of ours and the other, 1 to BENCH_ROUNDS_MAX */
} bench_options;

enum { BENCH_ROUNDS_MAX = 32 };

/* Reads `--quick` and `--rounds N`; anything else ends the program. `rounds` is the default. */
bench_options bench_parse(int argc, char **argv, int rounds);

/* `full`, or with --quick `quick`. */
uint64_t bench_size(const bench_options *options, uint64_t full, uint64_t quick);

/* ---- where ---- */

/* Makes the calling thread, and what it starts from now on, run on one processor only. */
void bench_pin_to_server(void);
void bench_pin_to_load(void);

/* ---- clocks, in seconds ---- */

double bench_now(void);
/* The processor time that a process has used, all of its threads. */
double bench_cpu_time(pid_t pid);

/* ---- figures ---- */

typedef struct {
    int count;
    double values[BENCH_ROUNDS_MAX];
} bench_series;

void bench_add(bench_series *series, double value);
double bench_median(const bench_series *series);
double bench_lowest(const bench_series *series);
double bench_highest(const bench_series *series);
/* For each round `over` of `under`; both have as many. */
bench_series bench_ratios(const bench_series *over, const bench_series *under);

/* ---- what came out ---- */

typedef enum {
    BENCH_NO_GOAL,
    BENCH_RATIO_AT_LEAST, /* ours / other */
    BENCH_RATIO_AT_MOST,
    BENCH_OURS_AT_LEAST,
    BENCH_OURS_AT_MOST
} bench_goal;

typedef struct {
    const char *id;                   /* "1", "9a": what sorts and names it */
    const char *question;             /* "grants/s on one Redis core" */
    const char *against;              /* what the other is; NULL: there is none */
    const char *unit;                 /* of both: "1/s", "us", "bytes" */
    const bench_series *ours, *other; /* other: NULL where against is; else of as many rounds */
    bench_goal goal;
    double limit;     /* of the goal */
    const char *note; /* how it was measured: closed or open loop, ids, AOF; NULL: nothing to say */
} bench_row;

void bench_row_print(const bench_row *row);

/* One point of a plot; points of one name and series are joined in the order in which they come. */
void bench_point_print(const char *plot, const char *series, double x, double y);

/* "NAME: TEXT" on standard error. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and ends the program. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
