/* See steps.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "steps.h"

#include <stdlib.h>
#include <string.h>

enum {
    REFUSED_TRIES = 3,      /* how often one who does not take no for an answer asks again ... */
    REFUSED_PAUSE_MS = 500, /* ... after so long */
    BACKOFF_MS = 50,        /* first pause before a repetition; it doubles ... */
    BACKOFF_MAX_MS = 2000   /* ... up to this */
};

/* Pauses that the shop asks for are longer by up to this share, so that those who came together do not come back together. */
static const double jitter = 0.1;

/* ---- moves ---- */

static next_move go(shopper_step step, uint64_t after_ms) {
    return (next_move){GO, step, after_ms};
}

static next_move leave(void) {
    return (next_move){LEAVE, REQUEST, 0};
}

static uint64_t with_jitter(const visit *v, uint64_t pause, uint64_t question) {
    return pause + (uint64_t)(jitter * shopper_chance(v->settings, v->who, question) * (double)pause);
}

/* ---- counting ---- */

static void trouble(const visit *v, const char *what, const char *detail) {
    if (!v->counts->first_trouble[0]) {
        snprintf(v->counts->first_trouble, sizeof v->counts->first_trouble, "shopper %u: %s: %.300s", v->who, what, detail);
    }
}

static void answered(const visit *v) {
    if (!(v->s->flags & ANSWERED)) {
        v->s->flags |= ANSWERED;
        histogram_add(&v->counts->first_answer, v->now_us - v->s->asked_us);
    }
}

static void leave_queue(const visit *v) {
    if (v->s->flags & WAITING) {
        v->s->flags &= (uint8_t)~WAITING;
        v->counts->waiting--;
    }
}

static void decided(const visit *v) {
    if (v->s->flags & WAITING) {
        histogram_add(&v->counts->in_queue, v->now_us - v->s->queued_us);
        leave_queue(v);
    }
    if (!(v->s->flags & DECIDED)) {
        v->s->flags |= DECIDED;
        histogram_add(&v->counts->decision, v->now_us - v->s->asked_us);
        v->counts->decided++;
        v->counts->decided_us = v->now_us - v->opened_us;
    }
}

void steps_finish(const visit *v) {
    leave_queue(v);
    shopper_forget(v->s);
    v->counts->finished++;
}

void steps_give_up(const visit *v, const char *what, const char *detail) {
    v->counts->no_final_answer++;
    trouble(v, what, detail);
    steps_finish(v);
}

static next_move unexpected(const visit *v, const final_answer *answer, const char *body) {
    char label[96];
    snprintf(label, sizeof label, "an answer that should not be (HTTP %d, %.32s)", answer->http, answer->code);
    v->counts->unexpected++;
    count_code(v->counts->errors, answer->code);
    trouble(v, label, body);
    return leave();
}

/* Compares what a repetition said with what was said first. */
static void compare(const visit *v, uint64_t first, uint64_t now, const char *what, const char *body) {
    v->counts->replays_checked++;
    if (first != now) {
        v->counts->replays_differ++;
        trouble(v, what, body);
    }
}

/* ---- in the queue ---- */

static next_move next_poll(const visit *v) {
    shopper *s = v->s;
    if (v->now_us - s->queued_us > v->settings->patience_ms * 1000) {
        v->counts->no_decision++;
        trouble(v, "the ticket is not decided", "patience is over");
        return leave();
    }
    return go(POLL, with_jitter(v, s->poll_after_ms, CHANCE_POLL + (s->polls++ & 63U)));
}

static void count_place(const visit *v, const final_answer *answer) {
    v->s->position = answer->position;
    v->s->poll_after_ms = (uint32_t)answer->poll_after_ms;
    if (answer->position > v->counts->highest_position) {
        v->counts->highest_position = answer->position;
    }
}

static void keep_ticket(const visit *v, const final_answer *answer) {
    free(v->s->ticket);
    v->s->ticket = strdup(answer->token);
    count_place(v, answer);
}

static void join_queue(const visit *v, const final_answer *answer) {
    shop_counts *counts = v->counts;
    keep_ticket(v, answer);
    counts->queued += !(v->s->flags & WAS_QUEUED);
    counts->waiting++;
    counts->most_waiting = counts->waiting > counts->most_waiting ? counts->waiting : counts->most_waiting;
    v->s->flags |= WAITING | WAS_QUEUED;
    v->s->queued_us = v->now_us;
}

/* A request was queued. One that asks twice may stand in the queue twice then; it goes on with its first place. */
static next_move on_queued(const visit *v, const final_answer *answer) {
    shopper *s = v->s;
    if (!(s->flags & WAITING)) {
        join_queue(v, answer);
    }
    if (s->nature & ASKS_TWICE && !(s->flags & ASKED_AGAIN)) {
        s->flags |= ASKED_AGAIN;
        return go(REQUEST_AGAIN, 0);
    }
    return next_poll(v);
}

/* A ticket's request still waits: nobody may have come before it, unless its place was lost. */
static next_move on_still_queued(const visit *v, const final_answer *answer, const char *body) {
    if (answer->token[0]) {
        v->counts->requeued++;
        keep_ticket(v, answer);
    } else if (answer->position > v->s->position && !v->settings->any_position) {
        v->counts->rose++;
        trouble(v, "the position went up although the ticket is the same", body);
    }
    count_place(v, answer);
    return next_poll(v);
}

/* ---- requests and polls ---- */

/* With a reservation in hand. */
static next_move use_reservation(const visit *v) {
    double share = shopper_chance(v->settings, v->who, CHANCE_PAY_AFTER);
    uint64_t pause = (uint64_t)(share * (double)v->settings->pay_after_ms);
    if (v->s->nature & CANCELS) {
        return go(CANCEL, pause);
    }
    if (v->s->nature & NEVER_PAYS) {
        v->counts->never_paid++;
        return leave();
    }
    return go(ORDER, pause);
}

static next_move granted(const visit *v, const final_answer *answer) {
    shopper *s = v->s;
    decided(v);
    s->reservation = answer->identity;
    free(s->token);
    s->token = strdup(answer->token);
    v->counts->granted++;
    v->counts->granted_late += (s->flags & WAS_REFUSED) != 0;
    s->flags |= WAS_GRANTED;
    if (s->nature & ASKS_TWICE && s->step != REQUEST_AGAIN) {
        return go(s->step == POLL ? POLL_AGAIN : REQUEST_AGAIN, 0);
    }
    return use_reservation(v);
}

static next_move granted_again(const visit *v, const final_answer *answer, const char *body) {
    const char *what =
        v->s->step == POLL_AGAIN ? "the same ticket got another reservation" : "the same request id got another reservation";
    compare(v, v->s->reservation, answer->identity, what, body);
    return v->s->step == POLL_AGAIN ? go(REQUEST_AGAIN, 0) : use_reservation(v);
}

static next_move refused(const visit *v, const final_answer *answer) {
    shopper *s = v->s;
    decided(v);
    if (answer->late) {
        v->counts->missed++;
        return leave();
    }
    s->flags |= WAS_REFUSED;
    if (s->nature & RETRIES_REFUSED && s->refusals < REFUSED_TRIES) {
        s->refusals++;
        return go(REQUEST, REFUSED_PAUSE_MS);
    }
    if (s->nature & ASKS_TWICE && !(s->flags & ASKED_AGAIN)) {
        s->flags |= ASKED_AGAIN;
        return go(REQUEST_AGAIN, 0);
    }
    count_code(v->counts->refused, answer->code);
    return leave();
}

/* One that asks twice has a ticket all the same, which will say what comes of the request: no answer, or a no, to the second
 * question is none to the first. */
static int asks_beside_its_ticket(const visit *v) {
    return v->s->step == REQUEST_AGAIN && v->s->flags & WAITING;
}

static next_move on_first_decision(const visit *v, const final_answer *answer, const char *body) {
    switch (answer->verdict) {
    case VERDICT_WAIT:
        return v->s->step == POLL ? on_still_queued(v, answer, body) : on_queued(v, answer);
    case VERDICT_DONE:
        return granted(v, answer);
    case VERDICT_NO:
        return asks_beside_its_ticket(v) && !answer->late ? next_poll(v) : refused(v, answer);
    default:
        return unexpected(v, answer, body);
    }
}

/* Once it is granted, it stays so until the hold is over. */
static next_move on_decision_again(const visit *v, final_answer *answer, const char *body) {
    if (answer->verdict == VERDICT_DONE) {
        return granted_again(v, answer, body);
    }
    if (answer->verdict == VERDICT_NO && answer->late) {
        v->counts->paid_late++;
        return leave();
    }
    if (answer->verdict == VERDICT_WAIT) {
        snprintf(answer->code, sizeof answer->code, "queued_after_grant");
    }
    return unexpected(v, answer, body);
}

static next_move on_request_answer(const visit *v, final_answer *answer, const char *body) {
    answered(v);
    return v->s->flags & WAS_GRANTED ? on_decision_again(v, answer, body) : on_first_decision(v, answer, body);
}

/* ---- orders and cancellations ---- */

/* What is done with the reservation: `done` counts it, `what` is said where the repetition reads differently. */
static next_move on_settled(const visit *v, const final_answer *answer, const char *body, uint64_t *done, const char *what) {
    shopper *s = v->s;
    int first = s->step == ORDER || s->step == CANCEL;
    if (answer->verdict == VERDICT_DONE && first) {
        s->order = answer->identity;
        ++*done;
        return s->nature & ASKS_TWICE ? go(s->step == ORDER ? ORDER_AGAIN : CANCEL_AGAIN, 0) : leave();
    }
    if (answer->verdict == VERDICT_DONE) {
        compare(v, s->order, answer->identity, what, body);
        return leave();
    }
    if (answer->verdict == VERDICT_NO && first && answer->late) {
        v->counts->paid_late++;
        return leave();
    }
    /* Its token may have ended since; what was done with it stands. */
    if (answer->verdict == VERDICT_NO && !first && strcmp(answer->code, "token_expired") == 0) {
        return leave();
    }
    return unexpected(v, answer, body);
}

/* ---- taking an answer ---- */

static uint64_t pause_before_repeating(const visit *v, int64_t retry_after_ms) {
    const shopper *s = v->s;
    uint64_t question = CHANCE_PAUSE + (s->tries & 63U), asked = retry_after_ms > 0 ? (uint64_t)retry_after_ms : 0;
    uint64_t pause = (uint64_t)BACKOFF_MS << (s->tries < 8 ? s->tries : 8);
    pause = pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS;
    pause += (uint64_t)(shopper_chance(v->settings, v->who, question) * (double)pause);
    return asked > pause ? with_jitter(v, asked, question) : pause;
}

/* Nothing to go on with: the same again, later; but not for ever. */
static next_move repeat(const visit *v, const client_answer *answer, int64_t retry_after_ms) {
    shopper *s = v->s;
    uint64_t pause = pause_before_repeating(v, retry_after_ms);
    v->counts->turned_away += retry_after_ms >= 0;
    if (asks_beside_its_ticket(v)) {
        return next_poll(v);
    }
    if (v->now_ms + pause - s->step_since > v->settings->give_up_ms) {
        v->counts->no_final_answer++;
        trouble(v, "no final answer", answer->size ? answer->body : "no answer at all");
        return leave();
    }
    s->tries = s->tries < UINT16_MAX ? (uint16_t)(s->tries + 1) : s->tries;
    return (next_move){REPEAT, s->step, pause};
}

next_move steps_take(const visit *v, const client_answer *answer) {
    request_kind kind = shopper_kind(v->s->step);
    final_answer final;
    int64_t retry_after_ms;
    histogram_add(&v->counts->latency[kind], answer->microseconds);
    if (!answers_read(answer, kind, &final, &retry_after_ms)) {
        return repeat(v, answer, retry_after_ms);
    }
    switch (kind) {
    case KIND_ORDER:
        return on_settled(v, &final, answer->body, &v->counts->ordered, "the same token got another order");
    case KIND_CANCEL:
        return on_settled(v, &final, answer->body, &v->counts->cancelled, "the same token was cancelled otherwise");
    default:
        return on_request_answer(v, &final, answer->body);
    }
}
