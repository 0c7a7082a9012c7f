/* The orders database by chance: random events, payments and deadlines against a simple model; writers that are killed, and
 * payments that race with a deadline.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE

#include "orders_db_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_run.h"

/* ---- random ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t n) {
    return test_run_below(&random_state, n);
}

/* A large batch is decided in several chunks. */
enum { MODEL_ORDERS = 40, MODEL_ITEMS = 3, MODEL_BATCH = 12, MODEL_LARGE_BATCH = 1100 };

/* What the database should say, kept in the simplest way. */
typedef struct {
    int state[MODEL_ORDERS]; /* -1: none; else an orders_db_state */
    bool was_refused[MODEL_ORDERS];
    bool due[MODEL_ORDERS];
    int64_t paid[MODEL_ORDERS];
    int64_t total[MODEL_ITEMS], left[MODEL_ITEMS]; /* total -1: no row */
} model;

static const char *const item_names[MODEL_ITEMS] = {"a", "b", "c"};

static uint32_t quantity_of(uint32_t n) {
    return 1 + n % 4;
}

static orders_db_outcome model_apply(model *m, const orders_db_event *e) {
    uint32_t n = e->event.reservation_id[15], item = n % MODEL_ITEMS;
    int64_t quantity = quantity_of(n);
    if (e->event.kind == SECKILL_EVENT_REFUNDED) {
        int before = m->state[n];
        m->left[item] += before == ORDERS_DB_CONFIRMED ? quantity : 0;
        m->due[n] = m->due[n] && before == ORDERS_DB_REFUNDED;
        m->state[n] = ORDERS_DB_REFUNDED;
        return before == ORDERS_DB_REFUNDED ? ORDERS_DB_ALREADY : ORDERS_DB_WRITTEN;
    }
    if (m->state[n] == ORDERS_DB_REFUSED_ORDER) {
        m->due[n] = true;
        return m->was_refused[n] ? ORDERS_DB_NO_ITEM : ORDERS_DB_NO_INVENTORY;
    }
    if (m->state[n] >= 0) {
        m->due[n] = m->due[n] || m->state[n] == ORDERS_DB_REFUNDED;
        return m->state[n] == ORDERS_DB_REFUNDED ? ORDERS_DB_AFTER_REFUND : ORDERS_DB_ALREADY;
    }
    bool enough = m->total[item] >= 0 && m->left[item] >= quantity;
    m->left[item] -= enough ? quantity : 0;
    m->state[n] = enough ? ORDERS_DB_CONFIRMED : ORDERS_DB_REFUSED_ORDER;
    m->was_refused[n] = !enough && m->total[item] < 0;
    m->due[n] = !enough;
    return enough ? ORDERS_DB_WRITTEN : m->total[item] < 0 ? ORDERS_DB_NO_ITEM : ORDERS_DB_NO_INVENTORY;
}

static void random_batch(fixture *f, model *m) {
    static orders_db_event events[MODEL_LARGE_BATCH];
    static orders_db_outcome outcomes[MODEL_LARGE_BATCH];
    size_t count = 1 + random_below(random_below(8) ? MODEL_BATCH : MODEL_LARGE_BATCH);
    for (size_t i = 0; i < count; i++) {
        uint32_t n = random_below(MODEL_ORDERS);
        seckill_event_kind kind = random_below(3) ? SECKILL_EVENT_CONFIRMED : SECKILL_EVENT_REFUNDED;
        events[i] = event_of(kind, n, item_names[n % MODEL_ITEMS], quantity_of(n));
    }
    must(f, orders_db_begin(f->db));
    must(f, orders_db_add(f->db, events, count, outcomes));
    if (random_below(5) == 0) {
        orders_db_rollback(f->db);
        return;
    }
    must(f, orders_db_commit(f->db));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(outcomes[i], model_apply(m, &events[i]));
    }
}

static void random_inventory(fixture *f, model *m) {
    uint32_t item = random_below(MODEL_ITEMS);
    int64_t units = random_below(40), sold = m->total[item] < 0 ? 0 : m->total[item] - m->left[item];
    orders_db_set_mode mode = (orders_db_set_mode)random_below(3);
    bool changes = m->total[item] < 0 || mode == ORDERS_DB_EXACTLY || (mode == ORDERS_DB_RAISE && units > m->total[item]);
    orders_db_status status = orders_db_set_inventory(f->db, "618", item_names[item], units, mode);
    assert_int_equal(status, changes && units < sold ? ORDERS_DB_REFUSED : ORDERS_DB_OK);
    if (status == ORDERS_DB_OK && changes) {
        m->total[item] = units;
        m->left[item] = units - sold;
    }
}

static void random_payment(fixture *f, model *m) {
    uint32_t n = random_below(MODEL_ORDERS);
    orders_db_event event = confirmed(n, 1);
    int64_t at_ms = 5000 + random_below(1000);
    orders_db_status expected = m->state[n] < 0                                   ? ORDERS_DB_NOT_FOUND
                                : m->state[n] != ORDERS_DB_CONFIRMED || m->due[n] ? ORDERS_DB_REFUSED
                                                                                  : ORDERS_DB_OK;
    assert_int_equal(orders_db_mark_paid(f->db, event.event.reservation_id, at_ms), expected);
    if (expected == ORDERS_DB_OK && m->paid[n] == 0) {
        m->paid[n] = at_ms;
    }
}

/* The order of number n was confirmed at 1000 + n. */
static void random_deadline(fixture *f, model *m) {
    uint32_t item = random_below(MODEL_ITEMS), before = random_below(MODEL_ORDERS + 2), max = random_below(5);
    size_t count = 0, expected = 0;
    must(f, orders_db_refund_unpaid(f->db, "618", item_names[item], 1000 + (int64_t)before, max, &count));
    for (uint32_t n = item; n < before && n < MODEL_ORDERS && expected < max; n += MODEL_ITEMS) {
        if (m->state[n] == ORDERS_DB_CONFIRMED && m->paid[n] == 0 && !m->due[n]) {
            m->due[n] = true;
            expected++;
        }
    }
    assert_int_equal(count, expected);
}

static void random_answer(fixture *f, model *m) {
    uint32_t n = random_below(MODEL_ORDERS);
    orders_db_event event = confirmed(n, 1);
    bool moved = false, expected = m->state[n] == ORDERS_DB_CONFIRMED && m->due[n];
    must(f, orders_db_refund_settled(f->db, event.event.reservation_id, 9000, &moved));
    assert_int_equal(moved, expected);
    m->due[n] = false;
    if (expected) {
        m->state[n] = ORDERS_DB_REFUNDED;
        m->left[n % MODEL_ITEMS] += quantity_of(n);
    }
}

static void compare_orders(fixture *f, const model *m) {
    for (uint32_t n = 0; n < MODEL_ORDERS; n++) {
        orders_db_order order = order_of(f, n);
        assert_int_equal(order.number > 0, m->state[n] >= 0);
        assert_true(m->state[n] < 0 || (int)order.state == m->state[n]);
        assert_int_equal(order.paid_ms, m->paid[n]);
        assert_int_equal(order.refund_due, m->due[n]);
    }
}

static void compare_item(fixture *f, const model *m, uint32_t item) {
    orders_db_item_account a;
    int64_t orders[ORDERS_DB_STATES] = {0}, refunds_due = 0, unpaid = 0;
    (void)orders_db_account(f->db, "618", item_names[item], &a);
    for (uint32_t n = item; n < MODEL_ORDERS; n += MODEL_ITEMS) {
        if (m->state[n] >= 0) {
            orders[m->state[n]]++;
        }
        refunds_due += m->due[n];
        unpaid += m->state[n] == ORDERS_DB_CONFIRMED && m->paid[n] == 0 && !m->due[n];
    }
    assert_true(orders_db_adds_up(&a));
    assert_int_equal(a.has_inventory, m->total[item] >= 0);
    assert_int_equal(a.units_left, m->left[item]);
    assert_memory_equal(a.orders, orders, sizeof orders);
    assert_int_equal(a.refunds_due, refunds_due);
    assert_int_equal(a.unpaid_orders, unpaid);
}

static void one_random_step(fixture *f, model *m) {
    uint32_t what = random_below(16);
    if (what == 0) {
        reopen(f, 0);
    } else if (what < 3) {
        random_inventory(f, m);
    } else if (what < 6) {
        random_payment(f, m);
    } else if (what < 8) {
        random_deadline(f, m);
    } else if (what < 11) {
        random_answer(f, m);
    } else {
        random_batch(f, m);
    }
}

static void one_random_run(fixture *f, uint64_t seed) {
    model m;
    memset(&m, 0, sizeof m);
    memset(m.state, -1, sizeof m.state);
    memset(m.total, -1, sizeof m.total);
    random_state = seed;
    for (int step = 0; step < 100; step++) {
        one_random_step(f, &m);
        compare_item(f, &m, random_below(MODEL_ITEMS));
    }
    compare_orders(f, &m);
    for (uint32_t item = 0; item < MODEL_ITEMS; item++) {
        compare_item(f, &m, item);
    }
}

static void test_random_interleavings(void **state) {
    uint64_t seed = test_run_seed();
    int runs = test_run_is_full() ? 200 : 8;
    (void)state;
    print_message("%d runs\n", runs);
    for (int run = 0; run < runs; run++) {
        void *own = NULL;
        assert_int_equal(set_up(&own), 0);
        one_random_run(own, seed + (uint64_t)run);
        assert_int_equal(tear_down(&own), 0);
    }
}

/* ---- killed ---- */

enum { KILL_BATCH = 64 };

/* Writes batch after batch and says on `out` which are committed; ends only when it is killed. */
static void write_until_killed(const char *path, uint32_t from, int out) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    orders_db_event events[KILL_BATCH];
    orders_db_outcome outcomes[KILL_BATCH];
    if (orders_db_open(path, 0, 1000, &db, error) != ORDERS_DB_OK) {
        _exit(2);
    }
    for (uint32_t batch = from;; batch++) {
        for (uint32_t i = 0; i < KILL_BATCH; i++) {
            events[i] = confirmed(batch * KILL_BATCH + i, 1 + i % 3);
        }
        if (orders_db_apply(db, events, KILL_BATCH, outcomes) != ORDERS_DB_OK ||
            write(out, &batch, sizeof batch) != (ssize_t)sizeof batch) {
            _exit(3);
        }
    }
}

/* The number of batches that were reported before the child was killed. */
static uint32_t run_and_kill(const char *path, uint32_t from) {
    int ends[2], status;
    uint32_t batch = 0, next = from;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        write_until_killed(path, from, ends[1]);
    }
    (void)close(ends[1]);
    struct timespec wait = {0, (long)(1000000 * (1 + random_below(40)))};
    (void)nanosleep(&wait, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &batch, sizeof batch) == (ssize_t)sizeof batch) {
        next = batch + 1;
    }
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return next;
}

static void test_killed_in_a_batch(void **state) {
    fixture *f = *state;
    int rounds = test_run_is_full() ? 200 : 12;
    uint32_t next = 0;
    random_state = test_run_seed();
    print_message("%d kills\n", rounds);
    set_units(f, 100000000);
    for (int round = 0; round < rounds; round++) {
        orders_db_close(f->db);
        f->db = NULL;
        uint32_t reported = run_and_kill(f->path, next);
        reopen(f, 0);
        orders_db_item_account a = account(f, "phone");
        /* Whole batches only; all that were reported; and at most one whose report the kill cut off. */
        assert_int_equal(a.orders[ORDERS_DB_CONFIRMED] % KILL_BATCH, 0);
        next = (uint32_t)(a.orders[ORDERS_DB_CONFIRMED] / KILL_BATCH);
        assert_true(next == reported || next == reported + 1);
    }
    print_message("%u batches\n", next);
    check_settings(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_interleavings),
        TEST(test_killed_in_a_batch),
    };
    return cmocka_run_group_tests_name("orders_db_random", tests, start_engine, stop_engine);
}
