/* Whether the answers of a sale can all have been true. */
#include "sale_claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* From then on: units that may have been held, and that surely were. */
typedef struct {
    int64_t at_us, may, must;
} moment;

static int earlier(const void *a, const void *b) {
    const moment *left = a, *right = b;

    return (left->at_us > right->at_us) - (left->at_us < right->at_us);
}

/* A grant may have held its units from when it was asked for until it was given back for sure; it surely did from the answer
 * until it was to be given back. */
static size_t add_claim(moment *at, const sale_claim *claim) {
    int64_t quantity = claim->quantity;

    if (claim->status != SECKILL_OK)
        return 0;
    at[0] = (moment){claim->asked_us, quantity, 0};
    at[1] = (moment){claim->answered_us, 0, quantity};
    if (claim->freeing_us == 0)
        return 2;
    at[2] = (moment){claim->freeing_us, 0, -quantity};
    at[3] = (moment){claim->freed_us, -quantity, 0};
    return claim->freed_us != 0 ? 4 : 3;
}

/* The caller frees them. */
static moment *list_moments(const sale_claim *claims, size_t claim_count, size_t *count) {
    moment *all = calloc(claim_count * 4 + 1, sizeof(*all));
    int64_t may = 0, must = 0;

    assert_non_null(all);
    *count = 0;
    for (size_t i = 0; i < claim_count; i++)
        *count += add_claim(&all[*count], &claims[i]);
    qsort(all, *count, sizeof(*all), earlier);
    for (size_t i = 0; i < *count; i++) {
        may = all[i].may += may;
        must = all[i].must += must;
    }
    return all;
}

/* The most that may have been held at an instant between the two. */
static int64_t most_held(const moment *all, size_t count, int64_t from_us, int64_t to_us) {
    int64_t most = 0;

    for (size_t i = 0; i < count && all[i].at_us <= to_us; i++) {
        int64_t until_us = i + 1 < count ? all[i + 1].at_us : INT64_MAX;

        if (until_us >= from_us && all[i].may > most)
            most = all[i].may;
    }
    return most;
}

static void check_refusal(const sale_claim *claim, const moment *all, size_t count, int64_t units) {
    int64_t from_us = claim->asked_us - (claim->queued ? 0 : SALE_MEMORY_US);
    int64_t held = most_held(all, count, from_us, claim->answered_us);
    int64_t needed = claim->status == SECKILL_SOLD_OUT ? 1 : claim->quantity;

    if (held + needed <= units)
        fail_msg("who asked for %u was told %s while %lld of %lld units may have been held", claim->quantity,
                 seckill_status_name(claim->status), (long long)held, (long long)units);
}

int64_t sale_check_claims(const sale_claim *claims, size_t claim_count, int64_t units) {
    size_t count;
    moment *all = list_moments(claims, claim_count, &count);
    int64_t kept = 0;

    for (size_t i = 0; i < count; i++)
        assert_true(all[i].must <= units);
    for (size_t i = 0; i < claim_count; i++) {
        if (claims[i].status == SECKILL_SOLD_OUT || claims[i].status == SECKILL_NOT_ENOUGH)
            check_refusal(&claims[i], all, count, units);
        else if (claims[i].status == SECKILL_OK && claims[i].freed_us == 0)
            kept += claims[i].quantity;
    }
    free(all);
    return kept;
}
