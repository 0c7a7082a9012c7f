/* What the tests of the public client share: a server with something to sell, and calls that leave the loop to the test.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_CLIENT_FIXTURE_H
#define SK_TESTS_CLIENT_FIXTURE_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "sale.h"

/* With the item "sale/phone" and 1000 units; the tests of one run share it. */
extern redis_server *client_test_server;

/* cmocka's group setup and teardown. */
int client_test_start(void **state);
int client_test_stop(void **state);

seckill_client_options client_test_options(void);

typedef struct client_ask client_ask;

struct client_ask {
    seckill_client *client;
    seckill_item *item;
    int calls;
    seckill_status status;
    char message[200];
    void (*then)(client_ask *ask); /* run inside the callback, where set */
};

void client_test_open(client_ask *ask, const seckill_client_options *options);

/* Starts a call for a user of its own. */
void client_test_reserve(client_ask *ask, uint32_t timeout_ms);

/* A seckill_close_cb that counts in an int. */
void client_test_on_closed(void *user_data);

/* What a host with a loop of its own does, once. */
void client_test_poll(seckill_client *client);

#endif
