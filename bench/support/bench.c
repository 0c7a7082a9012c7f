#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- options ---- */

bench_options bench_parse(int argc, char **argv, int rounds) {
    static const struct option known[] = {{"quick", no_argument, NULL, 'q'}, {"rounds", required_argument, NULL, 'r'}, {0}};
    bench_options options = {false, rounds};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'q') {
            options.quick = true;
            options.rounds = 1;
        } else if (option == 'r') {
            char *end;

            options.rounds = (int)strtol(optarg, &end, 10);
            if (*end != '\0' || options.rounds < 1 || options.rounds > BENCH_ROUNDS_MAX)
                bench_fail("--rounds takes 1 to %d", BENCH_ROUNDS_MAX);
        } else {
            bench_fail("usage: %s [--quick] [--rounds N]", argv[0]);
        }
    }
    if (optind < argc)
        bench_fail("usage: %s [--quick] [--rounds N]", argv[0]);
    return options;
}

uint64_t bench_size(const bench_options *options, uint64_t full, uint64_t quick) {
    return options->quick ? quick : full;
}

/* ---- processors ---- */

/* The n-th processor that we had at the start; where there are too few, the last. */
static size_t nth_processor(int n) {
    static cpu_set_t ours;
    size_t found = 0;

    if (CPU_COUNT(&ours) == 0 && sched_getaffinity(0, sizeof(ours), &ours) != 0)
        bench_fail("sched_getaffinity: %s", strerror(errno));
    for (size_t cpu = 0; cpu < CPU_SETSIZE && n >= 0; cpu++) {
        if (CPU_ISSET(cpu, &ours)) {
            found = cpu;
            n--;
        }
    }
    return found;
}

static void pin(int n) {
    cpu_set_t only;

    CPU_ZERO(&only);
    CPU_SET(nth_processor(n), &only);
    if (sched_setaffinity(0, sizeof(only), &only) != 0)
        bench_fail("sched_setaffinity: %s", strerror(errno));
}

void bench_pin_to_server(void) {
    pin(0);
}

void bench_pin_to_load(void) {
    pin(1);
}

/* ---- clocks ---- */

static double seconds_of(clockid_t clock) {
    struct timespec now;

    if (clock_gettime(clock, &now) != 0)
        bench_fail("clock_gettime: %s", strerror(errno));
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_now(void) {
    return seconds_of(CLOCK_MONOTONIC);
}

double bench_cpu_time(pid_t pid) {
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0)
        bench_fail("there is no process %d", (int)pid);
    return seconds_of(clock);
}

/* ---- figures ---- */

void bench_add(bench_series *series, double value) {
    if (series->count == BENCH_ROUNDS_MAX)
        bench_fail("more than %d rounds", BENCH_ROUNDS_MAX);
    series->values[series->count++] = value;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static bench_series sorted(const bench_series *series) {
    bench_series copy = *series;

    if (copy.count == 0)
        bench_fail("nothing was measured");
    qsort(copy.values, (size_t)copy.count, sizeof(copy.values[0]), compare);
    return copy;
}

double bench_median(const bench_series *series) {
    bench_series s = sorted(series);

    return (s.values[(s.count - 1) / 2] + s.values[s.count / 2]) / 2;
}

double bench_lowest(const bench_series *series) {
    return sorted(series).values[0];
}

double bench_highest(const bench_series *series) {
    return sorted(series).values[series->count - 1];
}

bench_series bench_ratios(const bench_series *over, const bench_series *under) {
    bench_series ratios = {0};

    if (over->count != under->count)
        bench_fail("%d rounds of ours, %d of the other", over->count, under->count);
    for (int i = 0; i < over->count; i++)
        bench_add(&ratios, over->values[i] / under->values[i]);
    return ratios;
}

/* ---- rows ---- */

static bool is_met(bench_goal goal, double limit, double ours, double ratio) {
    switch (goal) {
    case BENCH_RATIO_AT_LEAST:
        return ratio >= limit;
    case BENCH_RATIO_AT_MOST:
        return ratio <= limit;
    case BENCH_OURS_AT_LEAST:
        return ours >= limit;
    case BENCH_OURS_AT_MOST:
        return ours <= limit;
    default:
        return true;
    }
}

static json_t *goal_text(const bench_row *row) {
    bool of_ratio = row->goal == BENCH_RATIO_AT_LEAST || row->goal == BENCH_RATIO_AT_MOST;
    bool at_least = row->goal == BENCH_RATIO_AT_LEAST || row->goal == BENCH_OURS_AT_LEAST;

    if (row->goal == BENCH_NO_GOAL)
        return json_null();
    return json_sprintf("%s %.10g%s%s", at_least ? ">=" : "<=", row->limit, of_ratio ? "x" : " ", of_ratio ? "" : row->unit);
}

static void put_series(json_t *line, const char *name, const bench_series *series) {
    char member[32];

    (void)json_object_set_new(line, name, series == NULL ? json_null() : json_real(bench_median(series)));
    (void)snprintf(member, sizeof(member), "%s_lowest", name);
    (void)json_object_set_new(line, member, series == NULL ? json_null() : json_real(bench_lowest(series)));
    (void)snprintf(member, sizeof(member), "%s_highest", name);
    (void)json_object_set_new(line, member, series == NULL ? json_null() : json_real(bench_highest(series)));
}

static void print(json_t *line) {
    if (json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7)) != 0 || putchar('\n') == EOF || fflush(stdout) != 0)
        bench_fail("cannot write: %s", strerror(errno));
    json_decref(line);
}

void bench_row_print(const bench_row *row) {
    json_t *line = json_object();
    bench_series ratios = row->other != NULL ? bench_ratios(row->ours, row->other) : (bench_series){1, {0}};

    (void)json_object_set_new(line, "id", json_string(row->id));
    (void)json_object_set_new(line, "question", json_string(row->question));
    (void)json_object_set_new(line, "unit", json_string(row->unit));
    put_series(line, "ours", row->ours);
    (void)json_object_set_new(line, "against", row->against == NULL ? json_null() : json_string(row->against));
    put_series(line, "other", row->other);
    put_series(line, "ratio", row->other == NULL ? NULL : &ratios);
    (void)json_object_set_new(line, "goal", goal_text(row));
    (void)json_object_set_new(line, "met",
                              row->goal == BENCH_NO_GOAL ? json_null()
                                                         : json_boolean(is_met(row->goal, row->limit, bench_median(row->ours),
                                                                               bench_median(&ratios))));
    (void)json_object_set_new(line, "rounds", json_integer(row->ours->count));
    (void)json_object_set_new(line, "note", row->note == NULL ? json_null() : json_string(row->note));
    print(line);
}

void bench_point_print(const char *plot, const char *series, double x, double y) {
    json_t *line = json_object();

    (void)json_object_set_new(line, "plot", json_string(plot));
    (void)json_object_set_new(line, "series", json_string(series));
    (void)json_object_set_new(line, "x", json_real(x));
    (void)json_object_set_new(line, "y", json_real(y));
    print(line);
}

/* ---- words ---- */

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list arguments) {
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void bench_say(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void bench_fail(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    exit(1);
}
