/* Workers that are killed, or put to sleep, at random moments while a crowd queues: in the end every request is decided once,
 * as many are granted as there are units, nobody has more than the limit, and every confirmed one has its order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "process.h"
#include "sale_queue.h"
#include "worker_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { AT_ONCE = 16 };

/* A request id of a user. */
typedef struct {
    uint32_t user;
    bool stands; /* in the queue, with this ticket */
    seckill_ticket ticket;
    bool confirmed;
} request;

typedef struct {
    shop shop;
    request *requests;
    uint32_t count, planned, users;
    uint32_t twice, turned_away, confirmed;
    int64_t units;
} crowd;

static void open_crowd(crowd *c, uint32_t planned) {
    shop_plan plan = SHOP_PLAN_INIT;
    memset(c, 0, sizeof *c);
    c->planned = planned;
    c->users = planned / 4 * 3; /* some ask again, under another request id */
    c->units = planned / 4;
    c->requests = calloc(planned, sizeof *c->requests);
    assert_non_null(c->requests);
    plan.stock = plan.inventory = c->units;
    plan.settings.hold_ms = 3600000;
    plan.settings.window_ms = 1800000;
    plan.settings.remember_ms = 3600000;
    shop_open(&c->shop, &plan);
}

static void close_crowd(crowd *c) {
    shop_close(&c->shop);
    free(c->requests);
}

/* ---- what users do ---- */

static void start_enqueue(crowd *c, uint32_t n, sale_ticket_answer *answer) {
    char user[32], id[32];
    (void)snprintf(user, sizeof user, "user-%" PRIu32, c->requests[n].user);
    (void)snprintf(id, sizeof id, "request-%" PRIu32, n);
    assert_int_equal(sale_start_enqueue(&c->shop.sale, user, id, 1, 0, answer), SECKILL_OK);
}

static void keep_ticket(crowd *c, request *r, const sale_ticket_answer *answer) {
    if (answer->status == SECKILL_LIMIT_REACHED) { /* the user's other request is granted already */
        c->turned_away++;
        return;
    }
    assert_int_equal(answer->status, SECKILL_OK);
    assert_int_equal(answer->state, SECKILL_TICKET_QUEUED);
    r->stands = true;
    r->ticket = answer->ticket;
}

/* Some new requests, and one of before again. */
static void some_come(crowd *c) {
    sale_ticket_answer answers[AT_ONCE], again;
    uint32_t left = c->planned - c->count, count = 1 + random_below(left < AT_ONCE ? left : AT_ONCE);
    for (uint32_t i = 0; i < count; i++) {
        c->requests[c->count + i].user = (c->count + i) % c->users;
        start_enqueue(c, c->count + i, &answers[i]);
    }
    sale_wait_tickets(&c->shop.sale, answers, count);
    for (uint32_t i = 0; i < count; i++) {
        keep_ticket(c, &c->requests[c->count + i], &answers[i]);
    }
    c->count += count;
    if (random_below(4) == 0) {
        start_enqueue(c, random_below(c->count), &again);
        sale_wait_tickets(&c->shop.sale, &again, 1);
        assert_true(again.status == SECKILL_OK || again.status == SECKILL_LIMIT_REACHED);
        c->twice += again.status == SECKILL_OK && !again.replayed;
    }
}

static void one_polls(crowd *c) {
    request *r = &c->requests[random_below(c->count)];
    if (!r->stands || r->confirmed) {
        return;
    }
    sale_ticket_answer answer = sale_poll(&c->shop.sale, &r->ticket);
    assert_int_equal(answer.status, SECKILL_OK);
    if (answer.state == SECKILL_TICKET_GRANTED && random_below(2) == 0) {
        assert_int_equal(sale_confirm(&c->shop.sale, &answer.ref, "an order").status, SECKILL_OK);
        r->confirmed = true;
        c->confirmed++;
    }
}

/* Lets the crowd act for a while; it grows to `limit` requests at most. */
static void act(crowd *c, uint64_t until, uint32_t limit) {
    while (now_ms() < until) {
        if (c->count < limit && c->count < c->planned) {
            some_come(c);
        } else {
            sleep_ms(1);
        }
        one_polls(c);
    }
}

/* ---- what must hold in the end ---- */

static bool all_done(shop *s, const void *unused) {
    sale_stock_answer stock = sale_stock(&s->sale);
    return stock.status == SECKILL_OK && stock.total.queued == 0 && shop_no_events(s, unused);
}

static void check_tickets(crowd *c) {
    uint8_t *grants = calloc(c->users, 1);
    uint32_t granted = 0;
    assert_non_null(grants);
    for (uint32_t i = 0; i < c->count; i++) {
        const request *r = &c->requests[i];
        if (!r->stands) {
            continue;
        }
        sale_ticket_answer answer = sale_poll(&c->shop.sale, &r->ticket);
        assert_int_equal(answer.status, SECKILL_OK);
        if (answer.state == SECKILL_TICKET_REFUSED) {
            assert_true(answer.reason == SECKILL_SOLD_OUT || answer.reason == SECKILL_LIMIT_REACHED);
            assert_false(r->confirmed);
        } else {
            assert_int_equal(answer.state, r->confirmed ? SECKILL_TICKET_SOLD : SECKILL_TICKET_GRANTED);
            assert_int_equal(grants[r->user], 0);
            grants[r->user] = 1;
            granted++;
        }
    }
    assert_int_equal(granted, c->units);
    free(grants);
}

static long long counter(crowd *c, uint32_t shard, const char *name) {
    char key[SECKILL_SHARD_KEY_SIZE];
    return redis_server_integer(c->shop.server, "HGET %s %s", sale_key(&c->shop.sale, shard, "stock", key), name);
}

/* Everything that came was decided: what users know of, and nothing else. */
static void check_queue(crowd *c) {
    long long enqueued = 0, decided = 0;
    for (uint32_t shard = 0; shard < c->shop.sale.shards; shard++) {
        enqueued += counter(c, shard, "enqueued");
        decided += counter(c, shard, "decided");
    }
    assert_int_equal(enqueued, c->count - c->turned_away + c->twice);
    assert_int_equal(decided, enqueued);
}

static void check_all(crowd *c) {
    sale_stock_answer stock = sale_stock(&c->shop.sale);
    orders_db_item_account account;
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.available, 0);
    assert_int_equal(stock.total.reserved + stock.total.sold, c->units);
    assert_int_equal(stock.total.sold, c->confirmed);
    assert_true(shop_account(&c->shop, &account));
    assert_int_equal(account.orders[ORDERS_DB_CONFIRMED], c->confirmed);
    assert_int_equal(account.units_left, c->units - c->confirmed);
    check_tickets(c);
    check_queue(c);
    print_message("%" PRIu32 " requests, %" PRIu32 " again, %" PRIu32 " turned away, %" PRId64 " granted, %" PRIu32
                  " confirmed\n",
                  c->count, c->twice, c->turned_away, c->units, c->confirmed);
}

/* ---- killed ---- */

static const char *const slow[] = {"--decide-batch", "1",   "--batch",           "8",   "--poll-min", "1ms",
                                   "--poll-max",     "4ms", "--decide-poll-max", "2ms", "--verbose",  NULL};

static bool kill_one(crowd *c, worker_process *w) {
    bool amid = sale_stock(&c->shop.sale).total.queued > 0;
    assert_int_equal(worker_end(w, SIGKILL).exit_code, 128 + SIGKILL);
    return amid;
}

/* Up to three workers run; each round one of them is started, or killed. */
static void rounds_of_kills(crowd *c, uint32_t kills) {
    worker_process workers[3] = {{0}, {0}, {0}};
    uint32_t killed = 0, amid = 0;
    while (killed < kills) {
        worker_process *w = &workers[random_below(3)];
        if (w->pid) {
            amid += kill_one(c, w);
            killed++;
        } else {
            *w = worker_start(&c->shop, slow);
        }
        act(c, now_ms() + random_below(50) * slowness(), (uint32_t)((uint64_t)c->planned * (killed + 1) / kills));
    }
    for (size_t i = 0; i < 3; i++) {
        if (workers[i].pid) {
            (void)worker_end(&workers[i], SIGKILL);
        }
    }
    print_message("%" PRIu32 " workers killed, %" PRIu32 " of them while requests waited\n", killed, amid);
}

static void test_killed(void **state) {
    (void)state;
    crowd c;
    open_crowd(&c, full_tests() ? 20000 : 3000);
    rounds_of_kills(&c, full_tests() ? 100 : 15);
    while (c.count < c.planned) {
        some_come(&c);
    }
    worker_process last = worker_start(&c.shop, (const char *[]){"--verbose", NULL});
    worker_wait_log(&last, "at work"); /* those before it may have left nothing: it could be told to stop before it listens */
    shop_wait(&c.shop, all_done, NULL, "the last worker to decide everything");
    assert_int_equal(worker_end(&last, SIGTERM).exit_code, 0);
    check_all(&c);
    close_crowd(&c);
}

/* ---- asleep ---- */

static bool has_begun(shop *s, const void *waiting) {
    return sale_stock(&s->sale).total.queued < *(const int64_t *)waiting;
}

/* A worker that sleeps with requests in hand, while another one decides them and more, wakes up and does no harm. */
static void test_asleep(void **state) {
    (void)state;
    for (int round = 0; round < (full_tests() ? 20 : 3); round++) {
        crowd c;
        open_crowd(&c, 2000);
        while (c.count < 1500) {
            some_come(&c);
        }
        int64_t begun = sale_stock(&c.shop.sale).total.queued - 10 - random_below(500);
        /* It must not fall asleep with a lock on the database, as it might while it remembers the shards' epochs. */
        assert_int_equal(sale_pause(&c.shop.sale).status, SECKILL_OK);
        worker_process sleeper = worker_start(&c.shop, slow);
        worker_wait_log(&sleeper, "Redis knows every order");
        assert_int_equal(sale_resume(&c.shop.sale).status, SECKILL_OK);
        shop_wait(&c.shop, has_begun, &begun, "the first worker to begin");
        assert_true(process_pause(sleeper.pid));
        print_message("%" PRId64 " waiting\n", sale_stock(&c.shop.sale).total.queued);
        worker_process other = worker_start(&c.shop, slow);
        shop_wait(&c.shop, all_done, NULL, "the second worker to decide everything");
        some_come(&c);
        assert_int_equal(kill(sleeper.pid, SIGCONT), 0);
        while (c.count < c.planned) {
            some_come(&c);
        }
        shop_wait(&c.shop, all_done, NULL, "both to decide the rest");
        assert_int_equal(worker_end(&sleeper, SIGTERM).exit_code, 0);
        assert_int_equal(worker_end(&other, SIGTERM).exit_code, 0);
        check_all(&c);
        close_crowd(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_asleep),
    };
    if (!redis_server_available()) {
        return 77;
    }
    (void)seed_random();
    return cmocka_run_group_tests_name("worker_queue_crash", tests, NULL, NULL);
}
