/* What abusers tried, kind by kind, and what they were answered.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_TALLY_H
#define SECKILL_BENCH_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TALLY_ANSWERS = 8, TALLY_ANSWER = 40 };

/* One kind. Begins as zero, but for its names. */
typedef struct {
    const char *name;
    const char *allowed; /* what it may be answered, with blanks between: codes of problems as front/README.md has them, or
                            states of requests (`refused:` and why); a number: an answer of this status, whatever it says;
                            `closed`: no answer, the peer is gone */
    uint64_t attempts, answered, wrong;
    struct {
        char text[TALLY_ANSWER]; /* "403 blacklisted" */
        uint64_t count;
    } answers[TALLY_ANSWERS]; /* the last one is for all that have no place */
} tally;

/* Instead of a status: the peer is gone without an answer; it is still there when it should have been gone. */
enum { TALLY_CLOSED = 0, TALLY_KEPT_OPEN = -1 };

/* Counts an answer. The first of a kind that is not allowed is told on standard error. */
void tally_answer(tally *one, int status, const char *body, size_t size);

/* How many were answered with this code, or with `closed`. */
uint64_t tally_of(const tally *one, const char *code);

/* A line of the table for each. */
void tally_print(const tally *kinds, size_t count);

#endif
