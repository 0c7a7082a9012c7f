/* Whether the answers of a sale can all have been true, from when users asked and when they were answered.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_CLAIMS_H
#define SK_TESTS_SALE_CLAIMS_H

#include <seckill/seckill.h>
#include <stdbool.h>

enum { SALE_MEMORY_US = 200000 };

/* What one user asked for, by sale_now_us. */
typedef struct {
    uint32_t quantity;
    seckill_status status; /* OK, SOLD_OUT or NOT_ENOUGH; what else it is says nothing about units */
    int64_t asked_us, answered_us;
    int64_t freeing_us, freed_us; /* when it was given back: asked, answered; 0: it was not */
    bool queued;                  /* else the refusal may be from memory, SALE_MEMORY_US old */
} sale_claim;

/* Fails the test if at any time more units were surely held than there are; or if somebody was refused while, all the time, so
 * many were free for sure that the refusal was wrong. How many units were kept. */
int64_t sale_check_claims(const sale_claim *claims, size_t count, int64_t units);

#endif
