/* See run.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "run.h"

#include "options.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

run_connection run_connection_from_environment(void) {
    run_connection connection = {0};
    connection.redis = options_environment("SECKILL_REDIS");
    connection.prefix = options_environment("SECKILL_PREFIX");
    return connection;
}

/* Why a connection is tried again says more than "unreachable" at the end. */
static void log_line(seckill_log_level level, const char *line, void *user_data) {
    (void)level, (void)user_data;
    fprintf(stderr, "%s\n", line);
}

static seckill_client *open_with(const run_connection *connection, const char *password, char trouble[256]) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    seckill_client *client;
    options.address = connection->redis;
    options.user = connection->user;
    options.password = password;
    options.prefix = connection->prefix;
    options.timeout_ms = connection->timeout_ms;
    options.replicas = connection->replicas;
    redis_tls_apply(&connection->tls, &options);
    options.log = log_line;
    seckill_status status = seckill_client_open(&options, &client);
    if (status == SECKILL_INVALID) {
        snprintf(trouble, 256, "an address of --redis, the user, prefix or timeout is malformed%s",
                 connection->tls.on ? ", or a file of TLS cannot be used" : "");
    } else if (status != SECKILL_OK) {
        snprintf(trouble, 256, "%s", seckill_status_message(status));
    }
    return status == SECKILL_OK ? client : NULL;
}

seckill_client *run_open(const run_connection *connection, char trouble[256]) {
    char password[OPTIONS_PASSWORD];
    const char *wrong = redis_tls_wrong(&connection->tls);
    if (wrong) {
        snprintf(trouble, 256, "%s", wrong);
        return NULL;
    }
    if (!options_redis_password(connection->password_file, password, trouble)) {
        return NULL;
    }
    seckill_client *client = open_with(connection, *password ? password : NULL, trouble);
    options_wipe(password, sizeof password);
    return client;
}

/* Waits for what is next, at most `limit_ms` (-1: for ever), and does it. */
static void step(seckill_client *client, int limit_ms) {
    struct pollfd watched = {seckill_client_fd(client), POLLIN, 0};
    int timeout = seckill_client_timeout_ms(client);
    if (limit_ms >= 0 && (timeout < 0 || timeout > limit_ms)) {
        timeout = limit_ms;
    }
    (void)poll(&watched, 1, timeout);
    seckill_client_dispatch(client);
}

void run_until(seckill_client *client, const int *done) {
    while (!*done) {
        step(client, -1);
    }
}

static int64_t steady_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void run_for(seckill_client *client, uint32_t ms) {
    int64_t end = steady_ms() + ms, left;
    while ((left = end - steady_ms()) > 0) {
        step(client, (int)left);
    }
}

void run_close(seckill_client *client) {
    seckill_client_close(client, NULL, NULL);
}
