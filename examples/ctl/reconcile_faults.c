/* See reconcile.h: what was found, for the answer and for the log.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "reconcile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_EVERY_MS = 200, SHOWN_EVERY = 256 };

/* ---- naming ---- */

static json_t *fault_model(const named_fault *fault) {
    json_t *object = json_out_object();
    json_out_text(object, "kind", fault->kind);
    json_out_text(object, "message", fault->message);
    if (fault->shard >= 0) {
        json_out_int(object, "shard", fault->shard);
    }
    if (fault->other_shard >= 0) {
        json_out_int(object, "other_shard", fault->other_shard);
    }
    if (fault->key) {
        json_out_text(object, "key", fault->key);
    }
    json_out_text(object, "what", fault->what);
    if (fault->user.size > 0) {
        json_out_bytes(object, "user", fault->user);
    }
    if (fault->reservation_id) {
        json_out_hex(object, "reservation_id", fault->reservation_id, SECKILL_RESERVATION_ID_SIZE);
    }
    if (fault->event.n > 0) {
        json_out_int(object, "event_epoch", (int64_t)fault->event.epoch);
        json_out_int(object, "event_n", (int64_t)fault->event.n);
    }
    if (fault->has_numbers) {
        json_out_int(object, "found", fault->found);
        json_out_int(object, "expected", fault->expected);
    }
    if (fault->ends_ms > 0) {
        json_out_time(object, "ends", fault->ends_ms);
    }
    json_out_bool(object, "repaired", fault->repaired);
    if (fault->why_not) {
        json_out_text(object, "not_repaired", fault->why_not);
    }
    return object;
}

/* One line for each repair, whatever becomes of the answer. */
static void log_repair(const reconciliation *r, const named_fault *fault) {
    const options_name *name = &r->ctl->name;
    char time[OPTIONS_TEXT], id[OPTIONS_TEXT] = "";
    options_format_time(options_now_ms(), time);
    reconcile_progress_end();
    fprintf(stderr, "%s repaired %s/%s: %s", time, name->activity, name->item, fault->kind);
    if (fault->shard >= 0) {
        fprintf(stderr, ", shard %" PRId64, fault->shard);
    }
    if (fault->key) {
        fprintf(stderr, ", %s", fault->key);
    }
    if (fault->user.size > 0) {
        json_t *user = json_out_object();
        json_out_bytes(user, "user", fault->user);
        char *text = json_dumps(json_object_get(user, "user"), JSON_ENCODE_ANY | JSON_COMPACT);
        fprintf(stderr, ", user %s", text ? text : "?");
        json_decref(user);
        free(text);
    }
    if (fault->reservation_id) {
        options_format_reservation_id(fault->reservation_id, id);
        fprintf(stderr, ", reservation %s", id);
    }
    fprintf(stderr, ": %s", fault->what);
    if (fault->done) {
        fprintf(stderr, ": %s\n", fault->done);
    } else {
        fprintf(stderr, ": from %" PRId64 " to %" PRId64 "\n", fault->found, fault->expected);
    }
}

void reconcile_tell(reconciliation *r, const named_fault *fault) {
    r->found++;
    r->item_found++;
    r->repaired += fault->repaired;
    r->item_repaired += fault->repaired;
    if (fault->shard >= 0) {
        r->findings[fault->shard].found++;
        r->findings[fault->shard].repaired += fault->repaired;
    }
    if (r->named < r->max_faults) {
        r->named++;
        json_out_append(json_object_get(r->ctl->out, "faults"), fault_model(fault));
    }
    if (fault->repaired) {
        log_repair(r, fault);
    }
}

/* ---- the library's ---- */

/* What a repair did; NULL where the numbers say it. */
static const char *done_for(seckill_fault_kind kind, const char *what) {
    switch (kind) {
    case SECKILL_FAULT_NEVER_ENDS:
        return strstr(what, "entry") ? "an entry says so now"
                                     : "a reservation ends after a whole hold from now, an id after its memory";
    case SECKILL_FAULT_ENTRY:
    case SECKILL_FAULT_WAITING:
        return "removed";
    case SECKILL_FAULT_MISSING_REQUESTS:
        return "they count as decided; who waits for one asks again";
    case SECKILL_FAULT_TRANSFER:
        return "booked as sent; what is gone the sender owes";
    default:
        return NULL;
    }
}

/* The numbers of some kinds are no amounts, and are said in words. */
static void say_what(const seckill_fault *fault, char what[160]) {
    if (fault->kind == SECKILL_FAULT_MISSING_REQUESTS) {
        snprintf(what, 160, "%" PRId64 " from number %" PRId64 " on", fault->expected, fault->found);
    } else if (fault->kind == SECKILL_FAULT_WAITING) {
        snprintf(what, 160, "the one of number %" PRId64, fault->found);
    } else if (fault->kind == SECKILL_FAULT_TRANSFER) {
        snprintf(what, 160, "from shard %" PRIu32, fault->other);
    } else if (fault->kind == SECKILL_FAULT_HOME) {
        snprintf(what, 160, "the home is shard %" PRIu32, fault->other);
    } else {
        snprintf(what, 160, "%s", fault->what);
    }
}

void reconcile_on_fault(const seckill_fault *fault, void *reconciliation_of) {
    reconciliation *r = reconciliation_of;
    static const uint8_t none[SECKILL_RESERVATION_ID_SIZE];
    bool is_about_two = fault->kind == SECKILL_FAULT_TRANSFER || fault->kind == SECKILL_FAULT_HOME;
    char what[160];
    named_fault named = NAMED_FAULT(seckill_fault_name(fault->kind), seckill_fault_message(fault->kind), what);
    say_what(fault, what);
    named.done = done_for(fault->kind, fault->what);
    named.shard = fault->shard;
    named.key = fault->key;
    named.user = fault->user;
    named.reservation_id = memcmp(fault->reservation_id, none, sizeof none) != 0 ? fault->reservation_id : NULL;
    named.event = fault->event;
    named.other_shard = is_about_two ? (int64_t)fault->other : -1;
    named.has_numbers = fault->kind == SECKILL_FAULT_COUNTER || fault->kind == SECKILL_FAULT_TRANSFER;
    named.found = fault->found;
    named.expected = fault->expected;
    named.ends_ms = fault->kind == SECKILL_FAULT_NEVER_ENDS ? fault->expected : 0;
    named.repaired = fault->repaired != 0;
    reconcile_note(r, fault);
    reconcile_tell(r, &named);
}

/* ---- how far it is ---- */

void reconcile_progress(reconciliation *r) {
    int64_t seen = r->seen_records + r->seen_events + r->check.orders;
    if (seen % SHOWN_EVERY != 0 || !isatty(STDERR_FILENO) || options_now_ms() < r->shown_ms + SHOWN_EVERY_MS) {
        return;
    }
    r->shown_ms = options_now_ms();
    fprintf(stderr, "\r\033[K%s/%s: %" PRId64 " records, %" PRId64 " events, %" PRId64 " orders, %" PRId64 " faults",
            r->ctl->name.activity, r->ctl->name.item, r->seen_records, r->seen_events, r->check.orders, r->item_found);
}

void reconcile_progress_end(void) {
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
}
