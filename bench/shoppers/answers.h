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
    VERDICT_NO,   /* a refusal that belongs to the business: sold out, limit reached ... */
    VERDICT_BAD   /* final, and should not be: the request was malformed, unauthorised ... */
} answer_verdict;

/* A final answer. */
typedef struct {
    answer_verdict verdict;
    int http, late; /* late: refused because the hold, or the token, was over */
    char code[CODE_SIZE];
    char token[SECKILL_TOKEN_SIZE]; /* of a grant */
    uint64_t identity;              /* of what was done: the reservation, the order; equal for the same one */
} final_answer;

/* Reads an answer. 0: it is not final, so the same is to be asked again: none came, or the front or Redis could not say. Then
 * `*retry_after_ms` gets the front's hint, -1 where it gave none. */
int answers_read(const client_answer *answer, request_kind kind, final_answer *final, int64_t *retry_after_ms);

/* This machine's clock, milliseconds since 1970. */
int64_t answers_now_ms(void);

#endif
