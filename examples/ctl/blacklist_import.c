/* blacklist import: all lines are looked at, then all are sent.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "blacklist.h"
#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULTS_SHOWN = 10 };

static const int64_t max_entries = 10000000, entries_limit = 1000000000;

typedef struct {
    ctl_run *ctl;
    const char *name; /* of the file, for a person */
    FILE *file;
    off_t begin;          /* of the file; -1: it cannot be read twice ... */
    FILE *kept;           /* ... and its entries are kept here */
    blacklist_line terms; /* with --kind: of each line; else its kind is "" */
    uint32_t flags;
    int64_t max_entries;
    char text[BLACKLIST_LINE_MAX + 1];
    size_t size;
    int64_t number; /* of the line */
    int64_t entries, faults;
    blacklist_line lines[SECKILL_BLACKLIST_BATCH]; /* that are sent next */
    size_t count;
    int64_t sent, changed, listed, started_ms, shown_ms;
} import_run;

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

/* The second time it ends the program. What whoever started it ignores (nohup) is left so. */
static void catch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

/* ---- lines ---- */

/* The byte order mark, which some editors write in front of UTF-8. A line that is too long stays so. */
static void skip_mark(import_run *run) {
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    if (run->size >= sizeof mark && run->size <= BLACKLIST_LINE_MAX && memcmp(run->text, mark, sizeof mark) == 0) {
        run->size -= sizeof mark;
        memmove(run->text, run->text + sizeof mark, run->size);
    }
}

/* The next line without its end; of one that is too long one byte more than may be. 0: there is none. */
static int next_line(import_run *run) {
    int c;
    run->size = 0;
    run->number++;
    while ((c = getc_unlocked(run->file)) != EOF && c != '\n') {
        if (run->size < sizeof run->text) {
            run->text[run->size++] = (char)c;
        }
    }
    if (run->number == 1) {
        skip_mark(run);
    }
    return c != EOF || run->size > 0;
}

static int read_line(const import_run *run, blacklist_line *line, char trouble[BLACKLIST_TROUBLE]) {
    if (run->size > BLACKLIST_LINE_MAX) {
        snprintf(trouble, BLACKLIST_TROUBLE, "a line has at most %d bytes", BLACKLIST_LINE_MAX);
        return BLACKLIST_LINE_FAULT;
    }
    return run->terms.kind[0] ? blacklist_line_plain(run->text, run->size, &run->terms, line, trouble)
                              : blacklist_line_json(run->text, run->size, line, trouble);
}

/* ---- looking at all of them ---- */

static void note_fault(import_run *run, const char *trouble) {
    json_t *fault = json_out_object();
    if (run->faults++ >= FAULTS_SHOWN) {
        json_decref(fault);
        return;
    }
    json_out_int(fault, "line", run->number);
    json_out_text(fault, "message", trouble);
    json_out_append(json_object_get(run->ctl->out, "faults"), fault);
    fprintf(stderr, "%s: line %" PRId64 ": %s\n", run->name, run->number, trouble);
}

/* One line is looked at. 0: no more have to be. */
static int look_at(import_run *run) {
    blacklist_line line;
    char trouble[BLACKLIST_TROUBLE];
    int found = read_line(run, &line, trouble);
    if (found == BLACKLIST_LINE_FAULT) {
        note_fault(run, trouble);
        return 1;
    }
    if (found == BLACKLIST_LINE_EMPTY) {
        return 1;
    }
    if (++run->entries > run->max_entries) {
        ctl_usage_error(run->ctl, "%s has more than %" PRId64 " entries: --max-entries allows more", run->name,
                        run->max_entries);
        return 0;
    }
    if (run->kept) {
        fwrite(run->text, 1, run->size, run->kept);
        fputc('\n', run->kept);
    }
    return !run->kept || !ferror(run->kept);
}

/* Of what is read only once the entries are kept, to be read again. */
static int look_at_all(import_run *run) {
    ctl_run *ctl = run->ctl;
    run->begin = ftello(run->file);
    if (run->begin < 0 && !(run->kept = tmpfile())) {
        ctl_usage_error(ctl, "no temporary file can be made: %s", strerror(errno));
        return 0;
    }
    while (next_line(run) && look_at(run)) {
    }
    if (ctl->exit_code != CTL_OK) {
        return 0;
    }
    if (ferror(run->file) || (run->kept && (fflush(run->kept) != 0 || ferror(run->kept)))) {
        ctl_usage_error(ctl, "%s: %s", ferror(run->file) ? run->name : "a temporary file", strerror(errno));
        return 0;
    }
    if (run->faults > 0) {
        ctl_usage_error(ctl, "%" PRId64 " lines of %s are faulty; nothing was sent", run->faults, run->name);
    }
    return run->faults == 0;
}

/* ---- sending ---- */

static void on_added(const seckill_blacklist_result *result, void *user_data) {
    import_run *run = user_data;
    ctl_answer(run->ctl, result->status, result->message);
    if (result->status == SECKILL_OK) {
        run->sent += (int64_t)run->count;
        run->changed += result->changed;
        run->listed = (int64_t)result->entries;
    }
    run->ctl->done = 1;
}

static void show_progress(import_run *run, int is_end) {
    int64_t now = options_now_ms();
    char sent[OPTIONS_TEXT], all[OPTIONS_TEXT];
    if (!isatty(STDERR_FILENO) || (!is_end && now - run->shown_ms < 200)) {
        return;
    }
    run->shown_ms = now;
    options_format_grouped(run->sent, sent);
    options_format_grouped(run->entries, all);
    fprintf(stderr, "\r%s of %s entries%s", sent, all, is_end ? "\n" : "");
}

/* Ends it in the middle, with what is known of it behind the cause; `status` NULL: it stands there already. */
static int stop(import_run *run, const char *status, int exit_code, const char *cause) {
    char message[512];
    snprintf(message, sizeof message, "%.300s; at least %" PRId64 " of %" PRId64 " entries are in: import it again", cause,
             run->sent, run->entries);
    if (status) {
        json_out_text(run->ctl->out, "status", status);
        json_out_text(run->ctl->out, "class", exit_code == CTL_AGAIN ? "retryable" : "final");
    }
    json_out_text(run->ctl->out, "message", message);
    run->ctl->exit_code = exit_code;
    return 0;
}

static int send_batch(import_run *run) {
    seckill_blacklist_entry batch[SECKILL_BLACKLIST_BATCH];
    ctl_run *ctl = run->ctl;
    for (size_t i = 0; i < run->count; i++) {
        batch[i] = blacklist_line_entry(&run->lines[i]);
        batch[i].flags = run->flags;
    }
    if (run->count > 0) {
        ctl_wait(ctl, seckill_blacklist_add(ctl->client, batch, run->count, 0, on_added, run));
    }
    run->count = 0;
    show_progress(run, 0);
    if (ctl->exit_code != CTL_OK) {
        return stop(run, NULL, ctl->exit_code, show_text(ctl->out, "message"));
    }
    return 1;
}

static int is_in_batch(const import_run *run, const blacklist_line *line) {
    for (size_t i = 0; i < run->count; i++) {
        const blacklist_line *other = &run->lines[i];
        if (other->value_size == line->value_size && memcmp(other->value, line->value, line->value_size) == 0 &&
            strcmp(other->kind, line->kind) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Sends what is full, and what has the subject already: the library wants each once, and the order counts. */
static int send_line(import_run *run) {
    char trouble[BLACKLIST_TROUBLE];
    blacklist_line line;
    int found = read_line(run, &line, trouble);
    if (found == BLACKLIST_LINE_EMPTY) {
        return 1;
    }
    if (found == BLACKLIST_LINE_FAULT) {
        return stop(run, "input", CTL_FAULT, "the file was changed while it was imported");
    }
    if ((run->count == SECKILL_BLACKLIST_BATCH || is_in_batch(run, &line)) && !send_batch(run)) {
        return 0;
    }
    run->lines[run->count++] = line;
    return stopped ? stop(run, "interrupted", CTL_AGAIN, "interrupted") : 1;
}

static void send_all(import_run *run) {
    int goes_on = 1;
    if (run->kept) {
        fclose(run->file);
        run->file = run->kept;
        run->kept = NULL;
        run->begin = 0;
    }
    clearerr(run->file);
    (void)fseeko(run->file, run->begin, SEEK_SET);
    run->number = 0;
    while (goes_on && next_line(run)) {
        goes_on = send_line(run);
    }
    if (goes_on && ferror(run->file)) {
        stop(run, "input", CTL_FAULT, strerror(errno));
    } else if (goes_on) {
        send_batch(run);
    }
    show_progress(run, 1);
}

/* ---- the whole ---- */

/* What the options say. 0: malformed, and said so. */
static int take_options(import_run *run) {
    ctl_run *ctl = run->ctl;
    const char *kind = ctl_value(ctl, "kind");
    run->max_entries = max_entries;
    run->flags = ctl_value(ctl, "lengthen") ? SECKILL_BLACKLIST_LENGTHEN : 0;
    if (!kind && (ctl_value(ctl, "for") || ctl_value(ctl, "until") || ctl_value(ctl, "reason"))) {
        ctl_usage_error(ctl, "--for, --until and --reason are for plain lines: --kind KIND; a line of JSON has its own");
        return 0;
    }
    if (kind && (!options_is_id(kind) || strlen(kind) > SECKILL_KIND_MAX)) {
        ctl_usage_error(ctl, "--kind %s: a kind is 1 to %d of A-Z a-z 0-9 . _ -", kind, SECKILL_KIND_MAX);
        return 0;
    }
    snprintf(run->terms.kind, sizeof run->terms.kind, "%s", kind ? kind : "");
    return blacklist_take_terms(ctl, &run->terms) && ctl_whole(ctl, "max-entries", 1, entries_limit, &run->max_entries);
}

static int open_file(import_run *run) {
    const char *path = run->ctl->operands[0];
    int is_stdin = strcmp(path, "-") == 0;
    run->name = is_stdin ? "standard input" : path;
    run->file = is_stdin ? stdin : fopen(path, "rb");
    if (!run->file) {
        ctl_usage_error(run->ctl, "%s: %s", run->name, strerror(errno));
    }
    return run->file != NULL;
}

static void import(import_run *run) {
    ctl_run *ctl = run->ctl;
    json_out_text(ctl->out, "file", run->name);
    json_out_value(ctl->out, "faults", json_out_array());
    if (!look_at_all(run) || !ctl_open_client(ctl)) {
        return;
    }
    run->started_ms = options_now_ms();
    catch_signals();
    send_all(run);
    json_out_int(ctl->out, "entries", run->entries);
    json_out_int(ctl->out, "sent", run->sent);
    json_out_int(ctl->out, "changed", run->changed);
    json_out_int(ctl->out, "same", run->sent - run->changed);
    json_out_int(ctl->out, "listed", run->listed);
    json_out_int(ctl->out, "elapsed_ms", options_now_ms() - run->started_ms);
}

void blacklist_import(ctl_run *ctl) {
    import_run *run = calloc(1, sizeof *run);
    if (!run) {
        ctl_answer(ctl, SECKILL_NO_MEMORY, NULL);
        return;
    }
    run->ctl = ctl;
    if (take_options(run) && open_file(run)) {
        import(run);
        if (run->kept) {
            fclose(run->kept);
        }
        fclose(run->file);
    }
    free(run);
}

void blacklist_show_import(json_t *out) {
    static const char *const names[] = {"entries", "changed", "same", "listed"};
    char numbers[4][OPTIONS_TEXT], elapsed[OPTIONS_TEXT];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        options_format_grouped(show_int(out, names[i]), numbers[i]);
    }
    options_format_duration(show_int(out, "elapsed_ms"), elapsed);
    printf("%s entries of %s in %s: %s new or changed, %s as they were; the list has %s entries\n", numbers[0],
           show_text(out, "file"), elapsed, numbers[1], numbers[2], numbers[3]);
}

const ctl_option blacklist_import_options[] = {
    {"kind", "KIND", "each line is a value of this kind: user, address, or the shop's own"},
    {"for", "DURATION", "with --kind: from now on, by this machine's clock; default: without an end"},
    {"until", "TIME", "with --kind: or until then: ISO 8601 with its zone, +10m, or never"},
    {"reason", "TEXT", "with --kind: for a person, up to 64 bytes"},
    {"lengthen", NULL, "where it is listed for longer already, that stays"},
    {"max-entries", "N", "a longer file is refused, 1 to 1,000,000,000; default 10,000,000"},
    {NULL, NULL, NULL},
};
