/* What is left after the attack: who has what, by the orders database, the records in Redis and the account.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_BENCH_VERDICT_H
#define SECKILL_BENCH_VERDICT_H

#include "place.h"

/* Each says on standard error what is wrong, and returns how much was. */

/* Honest shoppers got all units, and nobody else has any: waits until the orders are written. */
int verdict_of_item(place *self, int item, const shoppers *honest);

/* Who was much too fast is on the blacklist now, by Redis itself. */
int verdict_of_bans(place *self);

#endif
