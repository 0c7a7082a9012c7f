/* From step to step: what an answer means for a shopper, and what it does next.
 *
 * A shopper requests, waits in the queue where it is given a ticket, then orders or cancels; some ask everything twice. A step
 * is repeated, with the same ids, until its answer is one to go on with; that is what a good client of the shop does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_STEPS_H
#define SECKILL_BENCH_STEPS_H

#include "answers.h"
#include "shopper.h"

/* Who does something, and when. */
typedef struct {
    const shop_settings *settings;
    shop_counts *counts;
    shopper *s;
    uint32_t who;
    uint64_t now_ms; /* of the loop's clock */
    uint64_t now_us, opened_us;
} visit;

/* What a shopper does next. */
typedef struct {
    enum { GO, REPEAT, LEAVE } what; /* GO: the step's first try; REPEAT: its next one; LEAVE: no more */
    shopper_step step;
    uint64_t after_ms;
} next_move;

/* Counts an answer, and says what follows. */
next_move steps_take(const visit *v, const client_answer *answer);

/* Ends a shopper's visit in trouble: nothing to go on with. */
void steps_give_up(const visit *v, const char *what, const char *detail);

/* Counts a shopper as finished, and lets go of what it keeps. */
void steps_finish(const visit *v);

#endif
