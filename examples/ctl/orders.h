/* The orders database, as commands use it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_CTL_ORDERS_H
#define SECKILL_CTL_ORDERS_H

#include "../common/orders_db.h"
#include "ctl.h"

/* Opens the file that --orders names. NULL: it could not be, and that was said.
 *   flags   of orders_db_open */
orders_db *orders_open(ctl_run *ctl, unsigned flags);

/* The outcome of a call that failed, in `out` and the exit code. */
void orders_fail(ctl_run *ctl, orders_db_status status, const char *cause);

/* An item's account as an object. */
json_t *orders_model(const orders_db_item_account *account);

#endif
