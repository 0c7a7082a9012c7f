/* watch: one item, all the time.
 *
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE

#include "ctl.h"
#include "model.h"
#include "watch.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 50, TIMEOUT_MIN_MS = 1000, TIMEOUT_MAX_MS = 3000 };

typedef struct {
    ctl_run *ctl;
    watch seen;
    uint32_t interval_ms, timeout_ms;
    int64_t count;
    int is_terminal;
    watch_screen screen;
    seckill_status status; /* of the last sample */
} watch_run;

/* ---- Ctrl-C: the terminal is left as it was ---- */

static const char hide_cursor[] = "\033[?25l", show_cursor[] = "\033[?25h";
static volatile sig_atomic_t stopped, hidden;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
    if (hidden) {
        (void)!write(STDOUT_FILENO, show_cursor, sizeof show_cursor - 1);
    }
}

/* The second time it ends the program. */
static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* ---- sampling ---- */

static int64_t steady_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

static void note_trouble(watch_run *run, seckill_status status, const char *message) {
    run->status = status;
    if (status != SECKILL_OK) {
        snprintf(run->seen.trouble, sizeof run->seen.trouble, "%s (%s)", message, seckill_status_name(status));
    }
}

static void on_item(const seckill_item_result *result, void *user_data) {
    watch_run *run = user_data;
    note_trouble(run, result->status, result->message);
    if (result->info && result->status == SECKILL_OK) {
        snprintf(run->seen.phase, sizeof run->seen.phase, "%s", model_phase_name(result->info));
    }
    run->ctl->done = 1;
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    watch_run *run = user_data;
    note_trouble(run, result->status, result->message);
    watch_take(&run->seen, steady_ms(), result->shards, result->count);
    run->ctl->done = 1;
}

/* 0: the library would not even begin, and that was said. */
static int sample(watch_run *run) {
    ctl_run *ctl = run->ctl;
    run->seen.trouble[0] = '\0';
    options_format_time(options_now_ms(), run->seen.time);
    if (!ctl_wait(ctl, seckill_item_get(ctl->item, run->timeout_ms, on_item, run))) {
        return 0;
    }
    if (run->status != SECKILL_OK) {
        watch_take(&run->seen, steady_ms(), NULL, 0);
        return 1;
    }
    return ctl_wait(ctl, seckill_stock_get(ctl->item, run->timeout_ms, on_stock, run));
}

/* ---- showing ---- */

/* A terminal may have another size each time. */
static void measure(watch_run *run) {
    struct winsize size;
    run->screen.columns = 80;
    run->screen.rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1) {
        run->screen.columns = size.ws_col;
        run->screen.rows = size.ws_row;
    }
    run->screen.rows--; /* the cursor stands on the last */
}

/* From the top, each line to its end, then what is below: nothing flickers. */
static void draw(watch_run *run) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) {
        return;
    }
    measure(run);
    watch_draw(&run->seen, &run->screen, memory);
    fclose(memory);
    hidden = 1;
    printf("%s\033[H", hide_cursor);
    for (size_t i = 0; i < size; i++) {
        fputs(text[i] == '\n' ? "\033[K\n" : "", stdout);
        if (text[i] != '\n') {
            putchar(text[i]);
        }
    }
    fputs("\033[J", stdout);
    free(text);
}

static void print_json(const watch_run *run) {
    const seckill_stock *total = &run->seen.total;
    json_t *object = json_out_object();
    json_out_text(object, "time", run->seen.time);
    json_out_text(object, "item", run->seen.name);
    json_out_text(object, "phase", run->seen.phase);
    json_out_status(object, run->status, *run->seen.trouble ? run->seen.trouble : NULL);
    json_out_int(object, "unread_shards", (int64_t)run->seen.unread);
    json_out_int(object, "available", total->available);
    json_out_int(object, "reserved", total->reserved);
    json_out_int(object, "sold", total->sold);
    json_out_int(object, "users", total->users);
    json_out_int(object, "queued", total->queued);
    json_out_int(object, "events", total->events);
    json_out_int(object, "in_transit", total->transferred_out - total->transferred_in);
    json_out_int(object, "owed", run->seen.owed);
    json_out_real(object, "granted_per_s", watch_last(&run->seen, WATCH_GRANTED));
    json_out_real(object, "sold_per_s", watch_last(&run->seen, WATCH_SOLD));
    json_out_real(object, "returned_per_s", watch_last(&run->seen, WATCH_RETURNED));
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static void show(watch_run *run) {
    if (run->ctl->json) {
        print_json(run);
    } else if (run->is_terminal) {
        draw(run);
    } else {
        watch_line(&run->seen, stdout);
    }
    fflush(stdout);
}

/* ---- the command ---- */

static void pause_until(watch_run *run, int64_t due_ms) {
    int64_t left;
    while (!stopped && (left = due_ms - steady_ms()) > 0) {
        run_for(run->ctl->client, left < SLICE_MS ? (uint32_t)left : SLICE_MS);
    }
}

static void follow(watch_run *run) {
    int64_t due_ms = steady_ms();
    for (int64_t i = 1; !stopped; i++) {
        if (!sample(run)) {
            return;
        }
        show(run);
        if (ferror(stdout)) {
            json_out_text(run->ctl->out, "status", "output");
            ctl_fault(run->ctl, "standard output cannot be written");
            return;
        }
        if (i == run->count) {
            break;
        }
        due_ms += run->interval_ms;
        if (due_ms < steady_ms()) {
            due_ms = steady_ms(); /* a sample took longer: they are not made up for */
        }
        pause_until(run, due_ms);
    }
    run->ctl->printed = 1;
    run->ctl->exit_code = stopped ? CTL_OK : ctl_exit_code(run->status);
}

void ctl_watch(ctl_run *ctl) {
    watch_run run = {.ctl = ctl, .interval_ms = 1000};
    if (!ctl_duration(ctl, "interval", 3600000, &run.interval_ms) ||
        !ctl_whole(ctl, "count", 1, INT64_C(1) << 40, &run.count) || !ctl_open_item(ctl)) {
        return;
    }
    if (run.interval_ms < 100) {
        ctl_usage_error(ctl, "--interval: at least 100ms");
        return;
    }
    run.timeout_ms = run.interval_ms < TIMEOUT_MIN_MS   ? TIMEOUT_MIN_MS
                     : run.interval_ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS
                                                        : run.interval_ms;
    setlocale(LC_CTYPE, "");
    run.screen.ascii = ctl_value(ctl, "ascii") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    run.is_terminal = isatty(STDOUT_FILENO);
    snprintf(run.seen.name, sizeof run.seen.name, "%s/%s", ctl->name.activity, ctl->name.item);
    snprintf(run.seen.phase, sizeof run.seen.phase, "?");
    catch_signals();
    follow(&run);
    if (hidden) {
        fputs(show_cursor, stdout);
    }
    watch_free(&run.seen);
}

const ctl_option ctl_watch_options[] = {
    {"interval", "DURATION", "between samples, 100ms to 1h; default 1s"},
    {"count", "N", "stop after so many samples; default: at Ctrl-C"},
    {"ascii", NULL, "draw with ASCII alone, as where the locale is not UTF-8"},
    {NULL, NULL, NULL},
};
