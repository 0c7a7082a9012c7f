#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "sale_audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_fault(const seckill_fault *fault, void *user_data) {
    sale_audit *audit = user_data;
    sale_fault *kept = &audit->list[audit->listed];

    if (audit->listed == SALE_AUDIT_FAULTS)
        return;
    audit->listed++;
    kept->kind = fault->kind;
    kept->shard = fault->shard;
    kept->other = fault->other;
    (void)snprintf(kept->key, sizeof(kept->key), "%s", fault->key);
    (void)snprintf(kept->what, sizeof(kept->what), "%s", fault->what);
    if (fault->user.size <= SECKILL_USER_MAX && fault->user.size != 0)
        memcpy(kept->user, fault->user.data, fault->user.size);
    memcpy(kept->reservation_id, fault->reservation_id, sizeof(kept->reservation_id));
    kept->event = fault->event;
    kept->found = fault->found;
    kept->expected = fault->expected;
    kept->repaired = fault->repaired;
}

static void on_reservation(uint32_t shard, const seckill_user_reservation *seen, void *user_data) {
    (void)shard;
    (void)seen;
    ((sale_audit *)user_data)->shown_reservations++;
}

static void on_event(uint32_t shard, const seckill_event *event, void *user_data) {
    (void)shard;
    (void)event;
    ((sale_audit *)user_data)->shown_events++;
}

static void on_result(const seckill_reconcile_result *result, void *user_data) {
    sale_audit *audit = user_data;

    audit->status = result->status;
    (void)snprintf(audit->message, sizeof(audit->message), "%s", result->message);
    audit->faults = result->faults;
    audit->repaired = result->repaired;
    audit->transit = result->transit;
    audit->owed = result->owed;
    audit->overdue = result->overdue;
    audit->count = result->count;
    if (result->count != 0)
        memcpy(audit->shards, result->shards, result->count * sizeof(result->shards[0]));
    audit->done = true;
}

seckill_status sale_start_audit(sale *self, uint32_t flags, uint32_t step, sale_audit *audit) {
    seckill_reconcile_options options = SECKILL_RECONCILE_OPTIONS_INIT;

    memset(audit, 0, sizeof(*audit));
    options.flags = flags;
    options.step = step;
    options.on_fault = on_fault;
    options.on_reservation = on_reservation;
    options.on_event = on_event;
    return seckill_reconcile(self->item, &options, on_result, audit);
}

void sale_reconcile(sale *self, uint32_t flags, uint32_t step, sale_audit *audit) {
    if (sale_start_audit(self, flags, step, audit) != SECKILL_OK)
        abort();
    sale_run_until(self, &audit->done);
}

void sale_print_audit(const sale_audit *audit) {
    (void)fprintf(stderr, "reconcile: %s (%s), %" PRIu64 " faults\n", seckill_status_name(audit->status), audit->message,
                  audit->faults);
    for (size_t i = 0; i < audit->listed; i++) {
        const sale_fault *fault = &audit->list[i];

        (void)fprintf(stderr, "  %s shard %u %s %s user %s found %" PRId64 " expected %" PRId64 " other %u repaired %d\n",
                      seckill_fault_name(fault->kind), fault->shard, fault->key, fault->what, fault->user, fault->found,
                      fault->expected, fault->other, fault->repaired);
    }
}
