/* reservations export: every reservation of an item, once, as CSV.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "csv.h"
#include "ctl.h"
#include "id_set.h"
#include "model.h"
#include "output.h"
#include "show.h"

#include <string.h>
#include <unistd.h>

enum { PAGE = SECKILL_BATCH_MAX, STATES = SECKILL_RESERVATION_REFUSED + 1 };

typedef struct {
    ctl_run *ctl;
    ctl_output output;
    csv_out csv;
    int wanted[STATES];
    uint32_t shards, shard;
    seckill_reservations_cursor cursor;
    int complete;          /* this shard */
    seckill_status status; /* of the page */
    id_set *seen;          /* walks meet some users twice */
    int64_t written, damaged, shown_at;
} export_run;

/* ---- what is wanted ---- */

/* "reserved,sold": which states. 0: one is none, and that was said. */
static int read_states(export_run *run) {
    const char *text = ctl_value(run->ctl, "state");
    for (int i = 1; i < STATES; i++) {
        run->wanted[i] = !text;
    }
    while (text && *text) {
        size_t size = strcspn(text, ",");
        int found = 0;
        for (int i = 1; i < STATES; i++) {
            const char *name = model_state_name((seckill_reservation_state)i);
            if (strlen(name) == size && strncmp(name, text, size) == 0) {
                found = run->wanted[i] = 1;
            }
        }
        if (!found) {
            ctl_usage_error(run->ctl, "--state %s: reserved, sold, cancelled, expired, refunded, refused, with commas between",
                            text);
            return 0;
        }
        text += size + (text[size] == ',');
    }
    return 1;
}

/* ---- reading ---- */

static void write_row(export_run *run, const seckill_user_reservation *found, int64_t now_ms) {
    const seckill_reservation *reservation = &found->reservation;
    char id[OPTIONS_TEXT];
    options_format_reservation_id(reservation->id, id);
    csv_user(&run->csv, found->user);
    csv_text(&run->csv, id);
    csv_number(&run->csv, run->shard);
    csv_text(&run->csv, model_state_name(reservation->state));
    csv_text(&run->csv, reservation->state == SECKILL_RESERVED && reservation->ends_ms <= now_ms ? "yes" : "no");
    csv_number(&run->csv, reservation->quantity);
    csv_number(&run->csv, reservation->price);
    csv_time(&run->csv, reservation->since_ms);
    csv_time(&run->csv, reservation->ends_ms);
    csv_text(&run->csv, reservation->reason != SECKILL_OK ? seckill_status_name(reservation->reason) : "");
    csv_end(&run->csv);
}

static void on_page(const seckill_reservations_result *result, void *user_data) {
    export_run *run = user_data;
    run->status = result->status;
    run->cursor = result->next;
    run->complete = result->complete;
    run->damaged += result->damaged;
    for (size_t i = 0; i < result->count; i++) {
        const seckill_user_reservation *found = &result->reservations[i];
        if (run->wanted[found->reservation.state] && id_set_add(run->seen, found->reservation.id)) {
            write_row(run, found, result->server_time_ms);
            run->written++;
        }
    }
    if (result->status != SECKILL_OK) {
        json_t *failed = json_out_object();
        json_out_int(failed, "shard", run->shard);
        json_out_status(failed, result->status, result->message);
        json_out_append(json_object_get(run->ctl->out, "failed"), failed);
        ctl_answer(run->ctl, result->status, result->message);
    }
    run->ctl->done = 1;
}

/* One line that is written over again; at the end it stays. */
static void show_progress(export_run *run, int is_end) {
    int64_t now = options_now_ms();
    char written[OPTIONS_TEXT];
    if (!isatty(STDERR_FILENO) || (!is_end && now - run->shown_at < 200)) {
        return;
    }
    run->shown_at = now;
    options_format_grouped(run->written, written);
    fprintf(stderr, "\rshard %u of %u: %s reservations%s", run->shard + (is_end ? 0 : 1), run->shards, written,
            is_end ? "\n" : "");
}

static void read_shard(export_run *run) {
    seckill_reservations_cursor begin = SECKILL_RESERVATIONS_CURSOR_INIT;
    run->cursor = begin;
    run->complete = 0;
    run->status = SECKILL_OK;
    while (!run->complete && run->status == SECKILL_OK && !ferror(run->output.file)) {
        if (!ctl_wait(run->ctl, seckill_reservations_read(run->ctl->item, run->shard, &run->cursor, PAGE, 0, on_page, run))) {
            return;
        }
        show_progress(run, 0);
    }
}

static void on_item(const seckill_item_result *result, void *user_data) {
    export_run *run = user_data;
    ctl_answer(run->ctl, result->status, result->message);
    run->shards = result->info ? result->info->settings->shards : 0;
    run->ctl->done = 1;
}

static void read_all(export_run *run) {
    static const char *const columns[] = {"user",     "reservation_id", "shard", "state", "overdue",
                                          "quantity", "price",          "since", "ends",  "reason"};
    run->csv.file = run->output.file;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        csv_text(&run->csv, columns[i]);
    }
    csv_end(&run->csv);
    for (run->shard = 0; run->shard < run->shards; run->shard++) {
        read_shard(run);
    }
    show_progress(run, 1);
    if (run->damaged > 0 && run->ctl->exit_code == CTL_OK) {
        json_out_text(run->ctl->out, "status", "damaged");
        ctl_fault(run->ctl, "the records of some users cannot be read, and were left out");
    }
}

static void export(ctl_run *ctl) {
    export_run run = {.ctl = ctl};
    if (!ctl_output_check(ctl) || !read_states(&run) || !ctl_open_item(ctl) ||
        !ctl_wait(ctl, seckill_item_get(ctl->item, 0, on_item, &run)) || ctl->exit_code != CTL_OK ||
        !ctl_output_open(&run.output, ctl)) {
        return;
    }
    json_out_value(ctl->out, "failed", json_out_array());
    run.seen = id_set_new();
    read_all(&run);
    id_set_free(run.seen);
    json_out_int(ctl->out, "reservations", run.written);
    json_out_int(ctl->out, "damaged_users", run.damaged);
    ctl_output_end(&run.output);
}

/* Standard output may be the CSV. */
static void show_export(json_t *out) {
    char written[OPTIONS_TEXT];
    const char *file = show_text(out, "file");
    options_format_grouped(show_int(out, "reservations"), written);
    fprintf(stderr, "%s reservations of %s/%s in %s\n", written, show_text(out, "activity"), show_text(out, "item"),
            *file ? file : "standard output");
}

static const ctl_option export_options[] = {
    {"output", "FILE", "write FILE.part, and name it FILE when it is whole; default: standard output"},
    {"state", "STATES", "only these, with commas between: reserved, sold, cancelled, expired, refunded, refused"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_export_commands[] = {
    {"reservations export", "A/I", 1, "all reservations of an item as CSV, each once",
     "Changes nothing, and may run while the sale goes on: whose reservation is there all the time is in it. It stands there "
     "as the\n"
     "server has it: one that is overdue is \"reserved\", and overdue \"yes\", until somebody ends it.\n"
     "A user that is no UTF-8, has control characters, begins like a formula (= + - @) or like hex:, or has a space at an end, "
     "is written as hex: and the\n"
     "bytes as hexadecimal digits, so that a spreadsheet takes no user for a formula. Times are ISO 8601, UTC.\n"
     "Remembers what it has written: 32 to 64 MB for a million reservations.\n"
     "Exit codes 3 and 4: some shard, or some users, could not be read; what could stands in FILE.part.",
     export_options, export, show_export},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
