/* What the tests of the binary interface make their calls on: a client whose server is not there, its item, and a view.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_ABI_FIXTURE_H
#define SK_TESTS_ABI_FIXTURE_H

#include "view_fixture.h"

#include <seckill/seckill.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Requests wait there, and are told so in the end. */
extern seckill_client *client;
extern seckill_item *item;
extern seckill_view *view; /* of the same item; one shard of two has answered */

extern const seckill_bytes user;          /* alice */
extern const seckill_reservation_ref ref; /* hers, and good */
extern const seckill_ticket ticket;

/* cmocka's group setup and teardown. */
int abi_open(void **state);
int abi_close(void **state);

/* A client of its own. */
seckill_client *open_nowhere(void);

/* Callbacks that look at nothing. */
void no_result(const seckill_result *result, void *user_data);
void no_ticket(const seckill_ticket_result *result, void *user_data);

#endif
