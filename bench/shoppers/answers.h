/* What an answer of the shop means.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_ANSWERS_H
#define SECKILL_BENCH_ANSWERS_H

#include "client.h"
#include "shoppers.h"

typedef enum {
    VERDICT_DONE, /* granted, ordered, cancelled */
    VERDICT_WAIT, /* queued */
    VERDICT_NO,   /* a refusal that belongs to the business: sold out, limit reached ... */
    VERDICT_BAD   /* should not be: the request was malformed, unauthorised ... */
} answer_verdict;

/* An answer to go on with. */
typedef struct {
    answer_verdict verdict;
    int http, late; /* late: refused because the hold, or the token, was over */
    char code[CODE_SIZE];
    uint64_t position, poll_after_ms; /* queued */
    char token[SECKILL_TOKEN_SIZE];   /* of a grant; queued: the ticket, "" where it is the same as before */
    uint64_t identity;                /* of what was done: the reservation, the order; equal for the same one */
} final_answer;

/* Reads an answer. 0: there is nothing to go on with, so the same is to be asked again: none came, or the front or Redis could
 * not say. Then
 * `*retry_after_ms` gets the front's hint, -1 where it gave none. */
int answers_read(const client_answer *answer, request_kind kind, final_answer *final, int64_t *retry_after_ms);

/* This machine's clock, milliseconds since 1970. */
int64_t answers_now_ms(void);

#endif
