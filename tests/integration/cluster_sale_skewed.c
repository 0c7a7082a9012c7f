/* A replica whose clock is half a minute wrong is promoted by hand. For as long as clocks may differ nothing ends there before
 * its time, what was over stays over, and the queue goes on.
 *
 * The clock is that of wrong_clock.c in tests/support.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "sale_checks.h"
#include "sale_queue.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHARDS = 2, SKEW_MS = 40000, HOLD_MS = 10000, UNITS = 20, WAITING = 3 };

typedef struct {
    redis_server *first, *second; /* the master, and the one that follows */
    sale before, after;           /* clients: one waits for the replica, the other is for when there is none */
    sale *sale;                   /* which of them acts */
    int64_t created_ms;
    sale_answer kept, unpaid;
    sale_ticket_answer waiting[WAITING];
} stage;

static int64_t now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- the servers ---- */

/* `offset`: seconds; NULL: the true time. */
static redis_server *start_server(const char *offset) {
    static const char *const lines[] = {"repl-diskless-sync-delay 0", NULL};
    const redis_server_options options = {true, false, lines};
    redis_server *server;

    if (offset != NULL) {
        (void)setenv("LD_PRELOAD", WRONG_CLOCK, 1);
        (void)setenv("SECKILL_TEST_CLOCK", offset, 1);
    }
    server = redis_server_start(&options);
    (void)unsetenv("LD_PRELOAD");
    (void)unsetenv("SECKILL_TEST_CLOCK");
    assert_non_null(server);
    return server;
}

static void follow(const stage *s) {
    const struct timespec moment = {0, 1000000};
    redisReply *info;
    bool is_up = false;

    redis_server_forget(redis_server_command(s->second, "REPLICAOF 127.0.0.1 %d", redis_server_port(s->first)));
    while (!is_up) {
        info = redis_server_command(s->second, "INFO replication");
        is_up = info != NULL && strstr(info->str, "master_link_status:up") != NULL;
        redis_server_forget(info);
        (void)nanosleep(&moment, NULL); /* Redis tells nobody when a copy is whole */
    }
}

/* ---- before ---- */

static void define(stage *s, uint32_t hold_ms) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;

    settings.hold_ms = hold_ms;
    settings.window_ms = 300000;
    settings.remember_ms = 400000;
    settings.max_skew_ms = SKEW_MS;
    assert_status(sale_define(s->sale, SHARDS, &settings).status, SECKILL_OK);
}

static sale_answer ask(stage *s, const char *user) {
    return sale_reserve_at(s->sale, user, user, 1, s->created_ms);
}

static sale_answer get(stage *s, const char *user) {
    sale_answer answer = ask(s, user);

    assert_status(answer.status, SECKILL_OK);
    assert_false(answer.replayed);
    return answer;
}

static void open_client(const stage *s, sale *client, uint32_t replicas) {
    seckill_client_options options = SECKILL_CLIENT_OPTIONS_INIT;
    char addresses[96];

    (void)snprintf(addresses, sizeof(addresses), "%s,%s", redis_server_tcp_address(s->first),
                   redis_server_tcp_address(s->second));
    options.address = addresses;
    options.replicas = replicas;
    options.timeout_ms = 20000;
    options.reconnect_max_ms = 50;
    sale_open_with(client, &options);
    client->shards = SHARDS;
}

static void open_stage(stage *s, const char *offset) {
    memset(s, 0, sizeof(*s));
    s->first = start_server(NULL);
    s->second = start_server(offset);
    follow(s);
    open_client(s, &s->before, 1);
    open_client(s, &s->after, 0);
    s->sale = &s->before;
    s->created_ms = now_ms();
    define(s, 100);
    assert_status(sale_load(s->sale, "first", UNITS).status, SECKILL_OK);
    assert_status(sale_get(&s->after).status, SECKILL_OK);
}

/* One is over in each way, one is sold, two are held, some wait. */
static void act(stage *s) {
    sale_answer answer;

    (void)get(s, "sleeper");
    while (sale_expire(s->sale).reservations == 0)
        continue; /* it is for the tenth of a second of a hold */
    define(s, HOLD_MS);
    answer = get(s, "quitter");
    assert_status(sale_cancel(s->sale, "quitter", answer.reservation.id).status, SECKILL_OK);
    answer = get(s, "payer");
    assert_status(sale_confirm(s->sale, &answer.ref, "order").status, SECKILL_OK);
    s->kept = get(s, "keeper");
    s->unpaid = get(s, "idler");
    for (int i = 0; i < WAITING; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "waiter%d", i);
        s->waiting[i] = sale_enqueue_at(s->sale, user, user, 1, s->created_ms);
        assert_int_equal(s->waiting[i].state, SECKILL_TICKET_QUEUED);
    }
}

/* The second has all of it: that was waited for. */
static void fail_over(stage *s) {
    redis_server_kill(s->first);
    redis_server_forget(redis_server_command(s->second, "REPLICAOF NO ONE"));
    s->sale = &s->after;
}

/* ---- after ---- */

static void check_same(stage *s, const char *user, const sale_answer *before) {
    sale_answer again = ask(s, user);

    assert_status(again.status, SECKILL_OK);
    assert_true(again.replayed);
    assert_int_equal(again.reservation.since_ms, before->reservation.since_ms);
    assert_int_equal(again.reservation.ends_ms, before->reservation.ends_ms);
    assert_int_equal(again.reservation.state, SECKILL_RESERVED);
}

/* What is final is not granted anew. */
static void check_final(stage *s) {
    assert_status(ask(s, "sleeper").status, SECKILL_EXPIRED);
    assert_status(ask(s, "quitter").status, SECKILL_CANCELLED);
    assert_int_equal(ask(s, "payer").reservation.state, SECKILL_RESERVATION_SOLD);
}

static void check_queue(stage *s) {
    sale_ticket_answer late = sale_enqueue_at(s->sale, "late", "late", 1, s->created_ms);

    assert_int_equal(late.state, SECKILL_TICKET_QUEUED);
    for (int i = 0; i < WAITING; i++) {
        sale_ticket_answer polled = sale_poll(s->sale, &s->waiting[i].ticket);

        assert_int_equal(polled.state, SECKILL_TICKET_QUEUED);
        assert_false(polled.requeued);
    }
    assert_int_equal(sale_decide_all(s->sale), WAITING + 1);
    for (int i = 0; i < WAITING; i++)
        assert_int_equal(sale_poll(s->sale, &s->waiting[i].ticket).state, SECKILL_TICKET_GRANTED);
    assert_int_equal(sale_poll(s->sale, &late.ticket).state, SECKILL_TICKET_GRANTED);
}

/* The time in which clocks may differ is over, on all shards at once. */
static void pass_skew(stage *s, int64_t server_ms) {
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        char key[SECKILL_SHARD_KEY_SIZE];

        redis_server_forget(redis_server_command(s->second, "HSET %s clock %lld", sale_key(s->sale, shard, "stock", key),
                                                 (long long)server_ms + SKEW_MS + 1000));
    }
}

static void promote(const char *offset, int64_t offset_ms) {
    static stage s;
    sale_expire_answer expired;
    sale_stock_answer stock;

    open_stage(&s, offset);
    act(&s);
    fail_over(&s);
    expired = sale_expire(s.sale);
    assert_status(expired.status, SECKILL_OK);
    assert_in_range(expired.server_time_ms - now_ms() - offset_ms + 5000, 0, 10000);
    assert_int_equal(expired.reservations, 0);
    check_same(&s, "keeper", &s.kept);
    check_same(&s, "idler", &s.unpaid);
    check_final(&s);
    check_queue(&s);
    assert_status(sale_confirm(s.sale, &s.kept.ref, "order").status, SECKILL_OK);

    pass_skew(&s, expired.server_time_ms);
    assert_in_range(sale_expire(s.sale).reservations, 1, 1 + WAITING + 1);
    assert_status(ask(&s, "idler").status, SECKILL_EXPIRED);
    check_final(&s);
    stock = sale_check_account(s.sale, UNITS);
    assert_int_equal(stock.total.sold, 2);
    sale_close(&s.before);
    sale_close(&s.after);
    redis_server_free(s.first);
    redis_server_free(s.second);
}

static void its_clock_is_ahead(void **state) {
    (void)state;
    promote("+30s", 30000);
}

static void its_clock_is_behind(void **state) {
    (void)state;
    promote("-30s", -30000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_clock_is_ahead),
        cmocka_unit_test(its_clock_is_behind),
    };

    if (!redis_server_available())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
