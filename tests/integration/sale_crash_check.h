/* What must hold after a small sale in which a process was killed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_SALE_CRASH_CHECK_H
#define SK_TESTS_SALE_CRASH_CHECK_H

#include "sale_crash.h"
#include "worker_fixture.h"

typedef struct {
    shop *shop;
    crash_script *script;
    int64_t units;
    bool repeats; /* the users ask again with what they asked before, as they would after a crash */
} crash_check;

/* What users do who got no answer, and what they must be told. Whoever got something gets the same again. */
void crash_repeat(crash_check *check);

/* A worker must run. Fails the test unless, when all is quiet and every hold is over, each unit is on sale or in one order; the
 * orders are what was confirmed; and Redis, the orders database and its inventory say the same. Leaves nothing in stock. */
void crash_check_end(crash_check *check, worker_process *worker);

#endif
