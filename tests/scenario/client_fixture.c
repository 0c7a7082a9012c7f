/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "client_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

redis_server *client_test_server;

int client_test_start(void **state) {
    static sale first;

    (void)state;
    client_test_server = redis_server_start(NULL);
    assert_non_null(client_test_server);
    sale_open(&first, redis_server_address(client_test_server));
    assert_int_equal(sale_define(&first, 2, NULL).status, SECKILL_OK);
    assert_int_equal(sale_load(&first, "first", 1000).status, SECKILL_OK);
    sale_close(&first);
    return 0;
}

int client_test_stop(void **state) {
    (void)state;
    redis_server_free(client_test_server);
    return 0;
}

seckill_client_options client_test_options(void) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;

    options.address = redis_server_address(client_test_server);
    options.timeout_ms = 5000;
    return options;
}

/* ---- one call, on whatever loop ---- */

static void on_result(const seckill_result *result, void *user_data) {
    client_ask *ask = user_data;

    ask->calls++;
    ask->status = result->status;
    (void)snprintf(ask->message, sizeof(ask->message), "%s", result->message);
    if (ask->then != NULL)
        ask->then(ask);
}

/* Each call is of a user of its own. */
void client_test_reserve(client_ask *ask, uint32_t timeout_ms) {
    static unsigned users;
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    char user[16];

    options.user.data = options.request_id.data = user;
    options.user.size = options.request_id.size = (size_t)snprintf(user, sizeof(user), "user%u", users++);
    options.timeout_ms = timeout_ms;
    assert_int_equal(seckill_reserve(ask->item, &options, NULL, on_result, ask), SECKILL_OK);
    assert_int_equal(ask->calls, 0);
}

void client_test_open(client_ask *ask, const seckill_client_options *options) {
    memset(ask, 0, sizeof(*ask));
    assert_int_equal(seckill_client_open(options, &ask->client), SECKILL_OK);
    assert_int_equal(seckill_item_open(ask->client, "sale", "phone", &ask->item), SECKILL_OK);
}

void client_test_on_closed(void *user_data) {
    ++*(int *)user_data;
}

/* As a host with a loop of its own does it. */
void client_test_poll(seckill_client *client) {
    struct pollfd watched = {seckill_client_fd(client), POLLIN, 0};
    int timeout = seckill_client_timeout_ms(client);

    assert_true(watched.fd >= 0);
    (void)poll(&watched, 1, timeout < 0 ? 5000 : timeout);
    seckill_client_dispatch(client);
}
