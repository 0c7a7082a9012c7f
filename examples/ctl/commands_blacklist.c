/* blacklist add, remove, check, export; import is in blacklist_import.c.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "blacklist.h"
#include "id_set.h"
#include "output.h"
#include "show.h"

#include <string.h>
#include <unistd.h>

enum { PAGE = SECKILL_BATCH_MAX };

static const int64_t longest_ms = INT64_C(36500) * 24 * 3600 * 1000;

/* ---- what the command line says ---- */

static int take_for(ctl_run *ctl, const char *text, int64_t *until_ms) {
    int64_t ms;
    if (!options_duration(text, &ms) || ms < 1 || ms > longest_ms) {
        ctl_usage_error(ctl, "--for %s: a duration from 1ms to 36500d is wanted, such as 10m, 2h or 1d", text);
        return 0;
    }
    *until_ms = options_now_ms() + ms;
    return 1;
}

static int take_until(ctl_run *ctl, const char *text, int64_t *until_ms) {
    if (!ctl_time(ctl, "until", "never", until_ms)) {
        return 0;
    }
    if (strcmp(text, "never") != 0 && *until_ms <= options_now_ms()) {
        ctl_usage_error(ctl, "--until %s is over", text);
        return 0;
    }
    return 1;
}

static int take_reason(ctl_run *ctl, const char *text, blacklist_line *line) {
    line->reason_size = strlen(text);
    if (line->reason_size > sizeof line->reason) {
        ctl_usage_error(ctl, "--reason: at most %d bytes", SECKILL_REASON_MAX);
        return 0;
    }
    memcpy(line->reason, text, line->reason_size);
    return 1;
}

int blacklist_take_terms(ctl_run *ctl, blacklist_line *line) {
    const char *lasts = ctl_value(ctl, "for"), *until = ctl_value(ctl, "until"), *reason = ctl_value(ctl, "reason");
    if (lasts && until) {
        ctl_usage_error(ctl, "one of the two: --for or --until");
        return 0;
    }
    return (!lasts || take_for(ctl, lasts, &line->until_ms)) && (!until || take_until(ctl, until, &line->until_ms)) &&
           (!reason || take_reason(ctl, reason, line));
}

static int take_subject(ctl_run *ctl, blacklist_line *line) {
    const char *value = ctl->operands[1];
    char trouble[BLACKLIST_TROUBLE];
    if (!blacklist_line_name(line, ctl->operands[0], (seckill_bytes){value, strlen(value)}, trouble)) {
        ctl_usage_error(ctl, "%s", trouble);
        return 0;
    }
    json_out_text(ctl->out, "kind", line->kind);
    json_out_bytes(ctl->out, "value", (seckill_bytes){line->value, line->value_size});
    return 1;
}

/* ---- add, remove ---- */

static void on_changed(const seckill_blacklist_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    json_out_bool(ctl->out, "changed", result->changed > 0);
    json_out_int(ctl->out, "listed", (int64_t)result->entries);
    ctl->done = 1;
}

static void add(ctl_run *ctl) {
    blacklist_line line = {.until_ms = 0};
    if (!take_subject(ctl, &line) || !blacklist_take_terms(ctl, &line) || !ctl_open_client(ctl)) {
        return;
    }
    seckill_blacklist_entry entry = blacklist_line_entry(&line);
    entry.flags = ctl_value(ctl, "lengthen") ? SECKILL_BLACKLIST_LENGTHEN : 0;
    json_out_time(ctl->out, "until", entry.until_ms);
    ctl_wait(ctl, seckill_blacklist_add(ctl->client, &entry, 1, 0, on_changed, ctl));
}

static void take_off(ctl_run *ctl) {
    blacklist_line line = {.until_ms = 0};
    if (take_subject(ctl, &line) && ctl_open_client(ctl)) {
        seckill_blacklist_entry entry = blacklist_line_entry(&line);
        ctl_wait(ctl, seckill_blacklist_remove(ctl->client, &entry.subject, 1, 0, on_changed, ctl));
    }
}

static void show_changed(const json_t *out, const char *done, const char *not_done) {
    char listed[OPTIONS_TEXT];
    const json_t *value = json_object_get(out, "value");
    int is_text = json_is_string(value);
    options_format_grouped(show_int(out, "listed"), listed);
    printf("%s %s%s: %s; the list has %s entries\n", show_text(out, "kind"),
           is_text ? "" : "hex:", is_text ? show_text(out, "value") : show_text(value, "hex"),
           json_is_true(json_object_get(out, "changed")) ? done : not_done, listed);
}

static void show_add(json_t *out) {
    char done[OPTIONS_TEXT + 32];
    const char *until = show_text(out, "until");
    snprintf(done, sizeof done, "listed %s%s", *until ? "until " : "without an end", until);
    show_changed(out, done, "is listed so already");
}

static void show_remove(json_t *out) {
    show_changed(out, "removed", "was not listed");
}

/* ---- check ---- */

static void on_checked(const seckill_blacklist_check_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    if (result->findings) {
        json_out_bool(ctl->out, "is_listed", result->findings->is_listed);
        json_out_time(ctl->out, "until", result->findings->until_ms);
        json_out_time(ctl->out, "since", result->findings->since_ms);
        json_out_bytes(ctl->out, "reason", result->findings->reason);
    }
    ctl->done = 1;
}

static void check(ctl_run *ctl) {
    blacklist_line line = {.until_ms = 0};
    if (take_subject(ctl, &line) && ctl_open_client(ctl)) {
        seckill_blacklist_entry entry = blacklist_line_entry(&line);
        ctl_wait(ctl, seckill_blacklist_check(ctl->client, &entry.subject, 1, 0, on_checked, ctl));
    }
}

/* ---- export ---- */

typedef struct {
    ctl_run *ctl;
    ctl_output output;
    const char *kind; /* only of this; NULL: all */
    seckill_blacklist_cursor cursor;
    int complete;
    seckill_status status; /* of the page */
    id_set *seen;          /* walks meet some subjects twice */
    int64_t written, shown_at;
} export_run;

/* A hash of 16 bytes that nobody can make collide; the library has one. */
static int is_new(export_run *run, const seckill_subject *subject) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    return seckill_reservation_id(subject->kind, "blacklist", subject->value, subject->value, id) != SECKILL_OK ||
           id_set_add(run->seen, id);
}

static void write_entry(export_run *run, const seckill_blacklist_entry *entry) {
    json_t *object = blacklist_line_object(entry);
    json_dumpf(object, run->output.file, JSON_COMPACT);
    fputc('\n', run->output.file);
    json_decref(object);
    run->written++;
}

static void on_page(const seckill_blacklist_read_result *result, void *user_data) {
    export_run *run = user_data;
    run->status = result->status;
    run->cursor = result->next;
    run->complete = result->complete;
    for (size_t i = 0; i < result->count; i++) {
        const seckill_blacklist_entry *entry = &result->entries[i];
        if ((!run->kind || strcmp(run->kind, entry->subject.kind) == 0) && is_new(run, &entry->subject)) {
            write_entry(run, entry);
        }
    }
    if (result->status != SECKILL_OK) {
        ctl_answer(run->ctl, result->status, result->message);
    }
    run->ctl->done = 1;
}

static void show_progress(export_run *run, int is_end) {
    int64_t now = options_now_ms();
    char written[OPTIONS_TEXT];
    if (!isatty(STDERR_FILENO) || (!is_end && now - run->shown_at < 200)) {
        return;
    }
    run->shown_at = now;
    options_format_grouped(run->written, written);
    fprintf(stderr, "\r%s entries%s", written, is_end ? "\n" : "");
}

static void export(ctl_run *ctl) {
    export_run run = {.ctl = ctl, .kind = ctl_value(ctl, "kind")};
    if (!ctl_output_check(ctl) || !ctl_open_client(ctl) || !ctl_output_open(&run.output, ctl)) {
        return;
    }
    run.seen = id_set_new();
    while (!run.complete && run.status == SECKILL_OK && !ferror(run.output.file) &&
           ctl_wait(ctl, seckill_blacklist_read(ctl->client, &run.cursor, PAGE, 0, on_page, &run))) {
        show_progress(&run, 0);
    }
    show_progress(&run, 1);
    id_set_free(run.seen);
    json_out_int(ctl->out, "entries", run.written);
    ctl_output_end(&run.output);
}

/* Standard output may be the list. */
static void show_export(json_t *out) {
    char written[OPTIONS_TEXT];
    const char *file = show_text(out, "file");
    options_format_grouped(show_int(out, "entries"), written);
    fprintf(stderr, "%s entries in %s\n", written, *file ? file : "standard output");
}

/* ---- the table ---- */

static const ctl_option add_options[] = {
    {"for", "DURATION", "from now on, by this machine's clock; default: without an end"},
    {"until", "TIME", "or until then: ISO 8601 with its zone, +10m, or never"},
    {"reason", "TEXT", "for a person, up to 64 bytes"},
    {"lengthen", NULL, "where it is listed for longer already, that stays"},
    {NULL, NULL, NULL},
};

static const ctl_option export_options[] = {
    {"output", "FILE", "write FILE.part, and name it FILE when it is whole; default: standard output"},
    {"kind", "KIND", "only entries of this kind"},
    {NULL, NULL, NULL},
};

#define KINDS                                                                                                                  \
    "KIND is user, address (192.0.2.7, 192.0.2.0/24, 2001:db8::1, 2001:db8::/32) or the shop's own, up to 16 of\n"             \
    "A-Z a-z 0-9 . _ -; VALUE has 1 to 64 bytes.\n"

const ctl_command ctl_blacklist_commands[] = {
    {"blacklist add", "KIND VALUE", 2, "refuse somebody, whatever is left",
     KINDS
     "Fronts and workers know it within 200 ms. Who is listed already gets the new end and reason; repeating is harmless. "
     "What\n"
     "was granted before stands.",
     add_options, add, show_add},
    {"blacklist remove", "KIND VALUE", 2, "take somebody off the blacklist",
     KINDS "A network is removed by its own name only, not by an address in it.", NULL, take_off, show_remove},
    {"blacklist check", "KIND VALUE", 2, "whether somebody is listed: exit code 1, until when, since when and why",
     KINDS "An address is listed also where a network is that has it; then the entry that lasts longest is shown.", NULL, check,
     NULL},
    {"blacklist import", "FILE", 1, "add a list: a file, or - for standard input",
     "Each line is an entry as export writes it:\n"
     "  {\"kind\":\"user\",\"value\":\"alice\",\"until\":\"2026-12-01T00:00:00Z\",\"reason\":\"a bot\"}\n"
     "value and reason may be {\"hex\":\"...\"}, any bytes; without until it has no end; since is ignored. With --kind each "
     "line "
     "is\n"
     "a value of that kind. Empty lines and those that begin with # are skipped.\n"
     "All lines are looked at before anything is sent: with a fault in one of them nothing is. Then they are sent in their "
     "order, "
     "256\n"
     "at once; of a subject that stands there twice the last line counts. Exit code 3: it was interrupted, or Redis was not\n"
     "reached; it says how many are in. Import the file again: what is in already is left as it is.\n"
     "Standard input is kept in a temporary file meanwhile.",
     blacklist_import_options, blacklist_import, blacklist_show_import},
    {"blacklist export", "", 0, "the whole list as JSON, an entry a line, each once",
     "Changes nothing, and may run at any time: who is listed all the time is in it. What is over is not.\n"
     "Remembers what it has written: 32 to 64 MB for a million entries.",
     export_options, export, show_export},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
