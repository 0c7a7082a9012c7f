/* What the tests of the replay share: purchases by number, failovers, and what Redis and the database say.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_WORKER_REPLAY_FIXTURE_H
#define SK_TESTS_WORKER_REPLAY_FIXTURE_H

#include "worker_fixture.h"

enum { ORDERS_MAX = 4000 };

extern shop the_shop;
extern uint8_t ids[ORDERS_MAX][SECKILL_RESERVATION_ID_SIZE];
extern uint32_t bought;

extern const char *const lively[]; /* arguments of a worker that looks often and says what it does */

/* A shop with as many units in stock and inventory; none is bought. */
void open_market(int64_t units);
void open_market_with(int64_t units, const shop_plan *plan);

/* By users of their own, one unit each. */
void buy(uint32_t count);

/* The copy that fail_over goes on from: a kill, and a start from the data as it was when it was saved last. */
void save(void);
void fail_over(void);

seckill_stock stock(void);

/* Wait until Redis has so many units sold; until the database remembers the epochs of all shards. */
void wait_sold(int64_t units);
void wait_remembered(void);

/* Waits until no event waits and as many orders are written. */
void wait_written(int64_t orders);

/* Redis and the database say the same, and nothing is owed. */
void check_books(int64_t orders);

/* Waits until the servers' clock says so. What is overdue ends meanwhile. */
void wait_until_server_says(int64_t ms);

/* A worker that takes all that is there to the database, and goes; one that replays, and goes. */
void write_orders(int64_t orders);
worker_summary replay_with(const char *const *arguments, int64_t sold);

#endif
