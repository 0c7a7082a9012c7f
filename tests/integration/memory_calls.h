/* The public calls that need a client, each with something to do on the stage of faults_support.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_MEMORY_CALLS_H
#define SK_TESTS_MEMORY_CALLS_H

#include "failing_memory.h"
#include "faults_support.h"

enum { MEMORY_ASKS_MAX = 2 };

typedef struct {
    fault_stage stage;
    failing_memory memory;                 /* the client's */
    fault_answer answers[MEMORY_ASKS_MAX]; /* each must have been called back once when the client is closed */
    int asked;
} memory_stage;

typedef struct memory_call memory_call;

/* Either it is called back (`start`), or it is over when it returns (`run`). */
struct memory_call {
    const char *name; /* of the public calls, with spaces between; NULL: the end of the table */
    seckill_status (*start)(memory_stage *on, int op, fault_answer *answer);
    seckill_status (*run)(memory_stage *on);
    int op;           /* for `start` */
    bool in_one_step; /* of one script: without memory nothing is done */
};

const memory_call *memory_calls(void);

/* What some of them need beside the stage: an item whose sale is over. */
void memory_calls_prepare(memory_stage *on);

/* Asks once, and waits for the answer; fails where there is not exactly one. */
fault_answer memory_calls_ask(memory_stage *on, const memory_call *call);

#endif
