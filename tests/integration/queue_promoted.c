/* A master that was a replica in between: it never stopped, so its run id is the same, but it has lost what only it had.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* for uv.h */
#include "redis_server.h"
#include "sale_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const redis_server_options listening = {true, false, NULL};

/* A full copy begins at once, and a link that is idle is not waited for. */
static redis_server *start_server(void) {
    redis_server *server = redis_server_start(&listening);

    assert_non_null(server);
    redis_server_forget(redis_server_command(server, "CONFIG SET repl-diskless-sync-delay 0"));
    return server;
}

static bool info_says(redis_server *server, const char *text) {
    redisReply *info = redis_server_command(server, "INFO replication");
    bool says = info != NULL && strstr(info->str, text) != NULL;

    redis_server_forget(info);
    return says;
}

static void follow(redis_server *server, const redis_server *master) {
    const struct timespec moment = {0, 1000000};

    redis_server_forget(redis_server_command(server, "REPLICAOF 127.0.0.1 %d", redis_server_port(master)));
    while (!info_says(server, "master_link_status:up") || info_says(server, "master_sync_in_progress:1"))
        (void)nanosleep(&moment, NULL); /* Redis tells nobody when a copy is whole */
}

static void lead(redis_server *server) {
    redis_server_forget(redis_server_command(server, "REPLICAOF NO ONE"));
}

static void what_only_the_old_master_had_is_enqueued_again(void **state) {
    redis_server *first = start_server(), *second = start_server();
    static sale shop;
    sale_ticket_answer kept, lost, polled;

    (void)state;
    sale_open(&shop, redis_server_address(first));
    assert_int_equal(sale_define(&shop, 1, NULL).status, SECKILL_OK);
    assert_int_equal(sale_load(&shop, "load", 10).status, SECKILL_OK);
    kept = sale_enqueue(&shop, "kept", "r", 1);
    follow(second, first);
    lead(second);
    lost = sale_enqueue(&shop, "lost", "r", 1);
    assert_int_equal(lost.position, 2);
    follow(first, second); /* nobody has written to the second */
    lead(first);

    polled = sale_poll(&shop, &lost.ticket);
    assert_int_equal(polled.status, SECKILL_OK);
    assert_int_equal(polled.requeued, 1);
    assert_true(polled.ticket.epoch > lost.ticket.epoch);
    assert_int_equal(polled.position, 2);
    polled = sale_poll(&shop, &kept.ticket);
    assert_int_equal(polled.state, SECKILL_TICKET_QUEUED);
    assert_int_equal(polled.requeued, 0);
    assert_int_equal(sale_decide_all(&shop), 2);
    assert_int_equal(sale_poll(&shop, &lost.ticket).state, SECKILL_TICKET_GRANTED);
    sale_close(&shop);
    redis_server_free(second);
    redis_server_free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_the_old_master_had_is_enqueued_again),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
