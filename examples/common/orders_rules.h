/* What the tables forbid, in words that every engine takes: put at the end of the tables' columns. What is forbidden by
 * triggers each engine words itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_RULES_H
#define SECKILL_EXAMPLES_ORDERS_RULES_H

#define ORDERS_RULES                                                                                                           \
    " CHECK ((state = 'refunded') = (refunded_ms IS NOT NULL)),"                                                               \
    " CHECK (state <> 'refused' OR refused_for IS NOT NULL),"                                                                  \
    " CHECK (state <> 'refused' OR paid_ms = 0),"                                                                              \
    " CHECK (state <> 'confirmed' OR (refused_for IS NULL AND (refund_due = 0 OR paid_ms = 0)))"

#define ALLOCATIONS_RULES                                                                                                      \
    " CHECK (asked = 0 OR units <= asked),"                                                                                    \
    " CHECK (direction = 'return' OR units > 0),"                                                                              \
    " CHECK (direction = 'load' OR state = 'done' OR units = 0),"                                                              \
    " CHECK ((state = 'begun') = (ended_ms IS NULL)),"                                                                         \
    " CHECK ((goods IS NULL) = (goods_key IS NULL) AND (goods IS NULL) = (goods_value IS NULL)"                                \
    "  AND (goods IS NULL) = (goods_units IS NULL))"

#endif
