/* What must hold at the end of every sale, whatever happened in it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_CHECKS_H
#define SK_TESTS_SALE_CHECKS_H

#include "sale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_status(answered, expected) assert_string_equal(seckill_status_name(answered), seckill_status_name(expected))

typedef struct {
    seckill_status status;
    int64_t transit, owed;
} sale_transfers_answer;

sale_transfers_answer sale_finish_transfers(sale *self);

/* Finishes the transfers. Fails the test unless nothing is on its way or owed then, the account holds on each shard, and all
 * that was loaded is available, reserved or sold. */
sale_stock_answer sale_check_account(sale *self, int64_t loaded);

/* Takes what is left unit by unit, for users PREFIX0, PREFIX1 ... whose limit must allow it. Fails the test unless each is
 * granted until nothing is left, and then refused as sold out: nothing is stranded anywhere. */
void sale_check_rest(sale *self, const char *prefix, int64_t left);

/* Whether a caller may see it: one of status.h, and none that says that Redis answered nonsense or an error of its own. */
bool sale_is_documented(seckill_status status);

/* Microseconds by a clock that all processes share. */
int64_t sale_now_us(void);

#endif
