/* The process of a shopper: a small sale from the first request to the last refund. */
#include "sale_crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

const seckill_reservation *crash_grant(const crash_note *note) {
    if (note->reserved.calls != 0 && note->reserved.status == SECKILL_OK)
        return &note->reserved.reservation;
    if (note->polled.calls != 0 && note->polled.state == SECKILL_TICKET_GRANTED)
        return &note->polled.reservation;
    return NULL;
}

const seckill_reservation_ref *crash_ref(const crash_note *note) {
    if (crash_grant(note) == NULL)
        return NULL;
    return note->reserved.calls != 0 ? &note->reserved.ref : &note->polled.ref;
}

/* What the business may say while others buy, too. */
static void expect(seckill_status status) {
    if (status >= 0 && sale_is_documented(status))
        return;
    (void)fprintf(stderr, "a shopper was told: %s\n", seckill_status_name(status));
    abort();
}

static void reserve_all(sale *self, crash_script *script) {
    for (size_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &script->notes[i];

        if (note->queues)
            continue;
        note->asked = true;
        expect(sale_start_reserve_at(self, note->user, note->user, note->quantity, note->created_ms, &note->reserved));
    }
    for (size_t i = 0; i < CRASH_USERS; i++) {
        if (script->notes[i].queues)
            continue;
        sale_wait(self, &script->notes[i].reserved, 1);
        expect(script->notes[i].reserved.status);
    }
}

static void enqueue_all(sale *self, crash_script *script) {
    for (size_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &script->notes[i];

        if (!note->queues)
            continue;
        note->asked = true;
        expect(sale_start_enqueue(self, note->user, note->user, note->quantity, note->created_ms, &note->enqueued));
    }
    for (size_t i = 0; i < CRASH_USERS; i++) {
        if (script->notes[i].queues)
            sale_wait_tickets(self, &script->notes[i].enqueued, 1);
    }
}

static void poll_all(sale *self, crash_script *script) {
    for (size_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &script->notes[i];
        sale_ticket_answer answer;

        if (!note->enqueued.has_ticket)
            continue;
        answer = sale_poll(self, &note->enqueued.ticket);
        expect(answer.status);
        note->polled = answer;
    }
}

static void settle_all(sale *self, crash_script *script, bool queued) {
    for (size_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &script->notes[i];
        const seckill_reservation *grant = crash_grant(note);

        if (note->queues != queued || grant == NULL || note->wish == WISH_NOTHING)
            continue;
        note->settling = true;
        note->settlement = note->wish == WISH_CANCEL ? sale_cancel(self, note->user, grant->id)
                                                     : sale_confirm(self, crash_ref(note), note->user);
        expect(note->settlement.status);
        note->settled = true;
    }
}

static void refund_some(sale *self, crash_script *script) {
    for (size_t i = 0; i < CRASH_USERS; i++) {
        crash_note *note = &script->notes[i];

        if (note->wish != WISH_REFUND || !note->settled)
            continue;
        note->refunding = true;
        note->refund = sale_refund(self, note->user, crash_grant(note)->id);
        expect(note->refund.status);
        note->is_refunded = true;
    }
}

static void play(crash_script *script) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    sale self;

    options.address = script->address;
    options.timeout_ms = 20000;
    options.command_timeout_ms = 10000;
    options.max_batch = script->max_batch;
    sale_open_with(&self, &options);
    self.shards = CRASH_SHARDS;
    reserve_all(&self, script);
    settle_all(&self, script, false);
    enqueue_all(&self, script);
    (void)sale_decide_all(&self);
    poll_all(&self, script);
    settle_all(&self, script, true);
    refund_some(&self, script);
    expect(sale_expire(&self).status);
    expect(sale_finish_transfers(&self).status);
    sale_close(&self);
    script->finished = true;
}

int crash_shopper_main(const char *descriptor) {
    crash_script *script =
        mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE, MAP_SHARED, (int)strtol(descriptor, NULL, 10), 0);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || script == MAP_FAILED)
        return 1;
    play(script);
    (void)munmap(script, sizeof(*script));
    return 0;
}
