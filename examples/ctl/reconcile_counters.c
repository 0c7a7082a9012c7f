/* See reconcile.h: which counters are mended when, and why others are not.
 *
 * A record that is missing may have been a sale. The library mends counters so that units become available only where it is
 * told to, and whoever tells it must know that no order stands for them: they would be sold twice. So with an orders database
 * the first pass never gives back. Then the orders without a reservation are confirmed, which takes their units once more; a
 * second pass gives back what is too little then. It is held back while an order may stand, or be written, of which the shards
 * do not know.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reconcile.h"
#include "show.h"

#include <string.h>

/* ---- what was found ---- */

static bool gains(const seckill_fault *fault) {
    return strcmp(fault->what, "available") == 0 && fault->found < fault->expected;
}

void reconcile_note(reconciliation *r, const seckill_fault *fault) {
    shard_findings *shard = &r->findings[fault->shard];
    shard->is_damaged = shard->is_damaged || fault->kind == SECKILL_FAULT_RECORD;
    r->has_strange_events = r->has_strange_events || fault->kind == SECKILL_FAULT_EVENT;
    if (fault->kind == SECKILL_FAULT_COUNTER && !fault->repaired) {
        shard->counters++;
        shard->gains = shard->gains || gains(fault);
    }
}

static bool is_left_counter(const json_t *fault) {
    return strcmp(show_text(fault, "kind"), "counter") == 0 && !json_is_true(json_object_get(fault, "repaired"));
}

/* The counters of a shard as the pass before found them. */
static void forget_counters(reconciliation *r, uint32_t number) {
    shard_findings *shard = &r->findings[number];
    json_t *faults = json_object_get(r->ctl->out, "faults");
    for (size_t i = json_array_size(faults); i-- > 0;) {
        const json_t *fault = json_array_get(faults, i);
        if (is_left_counter(fault) && show_int(fault, "shard") == (int64_t)number) {
            json_array_remove(faults, i);
            r->named--;
        }
    }
    r->found -= shard->counters;
    r->item_found -= shard->counters;
    shard->found -= shard->counters;
    shard->counters = 0;
    shard->gains = false;
}

/* ---- the second pass ---- */

/* All but counters was told by the first one. */
void reconcile_on_second_fault(const seckill_fault *fault, void *reconciliation_of) {
    reconciliation *r = reconciliation_of;
    bool is_counter = fault->kind == SECKILL_FAULT_COUNTER;
    shard_findings *shard = &r->findings[fault->shard];
    if (is_counter && !shard->is_of_second_pass) {
        forget_counters(r, fault->shard);
        shard->is_of_second_pass = true;
    }
    if (is_counter || fault->repaired) {
        reconcile_on_fault(fault, r);
    }
}

static const char *held_back_by(const reconciliation *r) {
    return !r->check.is_complete   ? "not all orders were looked at"
           : r->has_strange_events ? "an event that no record confirms waits: once a worker has written its order, run it again"
           : r->check.awaits_replay > 0 ? "orders await a worker's replay: run it again after it"
           : r->check.unsold_left > 0   ? "an order could not be confirmed"
                                        : NULL;
}

bool reconcile_wants_second_pass(reconciliation *r) {
    bool may_gain = false;
    if (!r->gives_back || !r->db) {
        return false;
    }
    for (uint32_t i = 0; i < r->shards; i++) {
        may_gain = may_gain || (r->findings[i].gains && !r->findings[i].is_damaged);
    }
    r->held_back = held_back_by(r);
    return may_gain && !r->held_back;
}

/* ---- why not ---- */

static bool is_beyond_knowing(const char *kind) {
    static const char *const kinds[] = {"record", "home", "event", "order_differs"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *why_left(const reconciliation *r, const json_t *fault) {
    if (is_beyond_knowing(show_text(fault, "kind"))) {
        return "what was true is not known";
    }
    if (!is_left_counter(fault)) {
        return NULL;
    }
    const shard_findings *shard = &r->findings[show_int(fault, "shard")];
    return shard->is_damaged ? "a record of the shard is damaged"
           : !shard->gains   ? NULL
           : !r->gives_back  ? "units would become available: see --give-back"
                             : r->held_back;
}

void reconcile_explain(reconciliation *r) {
    json_t *faults = json_object_get(r->ctl->out, "faults"), *shards = json_object_get(r->ctl->out, "shards");
    for (size_t i = 0; i < json_array_size(faults) && (r->options.flags & SECKILL_RECONCILE_REPAIR); i++) {
        json_t *fault = json_array_get(faults, i);
        const char *why = why_left(r, fault);
        if (why) {
            json_out_text(fault, "not_repaired", why);
        }
    }
    for (size_t i = 0; i < json_array_size(shards); i++) {
        json_out_int(json_array_get(shards, i), "fault_count", r->findings[i].found);
        json_out_int(json_array_get(shards, i), "repaired_count", r->findings[i].repaired);
    }
}
