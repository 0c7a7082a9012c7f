/* Many processes buy at once, each with a client of its own: nobody is sold what is not there, and nobody is turned away while
 * there is enough, wherever it is.
 *
 * The processes write down when they asked and when they were answered, by one clock. What a user may have held, and when, is
 * known from that, and with it whether an answer "sold out" can have been true.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include "sale_checks.h"
#include "sale_claims.h"
#include "test_run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 16, SHARDS = 8 };

/* A request and what became of it. */
typedef struct {
    char user[16];
    bool first;   /* may be refused without asking Redis */
    bool cancels; /* gives back what it gets */
    sale_claim claim;
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    seckill_status cancelled; /* as answered */
} trade;

typedef struct {
    uint32_t processes, at_once; /* each has so many requests under way */
    uint32_t count;              /* of trades, spread over the processes evenly */
    int64_t units;
    uint32_t least, most; /* units that one asks for */
    uint32_t skew;        /* of four users so many live on one shard, ... */
    uint32_t home;        /* ... this one; the others anywhere */
    uint32_t giving_back; /* of ten who got something so many give it back */
    uint32_t wave_ms;     /* units are taken and given back in waves of this length; 0: as fast as can be */
} plan;

typedef struct {
    plan plan;
    redis_server *server;
    sale sale;
    trade *trades; /* shared with the processes */
} market;

/* ---- a process ---- */

typedef struct {
    market *market;
    sale sale;
    uint32_t next, end, in_flight;
    bool takes_all;
} buyer;

typedef struct {
    uv_timer_t timer;
    buyer *buyer;
    trade *trade;
} turn;

static _Noreturn void give_up(const char *what) {
    (void)fprintf(stderr, "a buying process: %s\n", what);
    _exit(1);
}

static void check(bool holds, const char *what) {
    if (!holds)
        give_up(what);
}

static void buy_some(buyer *self);
static void give_back(uv_timer_t *timer);

static void on_closed(uv_handle_t *timer) {
    turn *of = timer->data;
    buyer *self = of->buyer;

    free(of);
    self->in_flight--;
    buy_some(self);
}

static void end_turn(uv_timer_t *timer) {
    uv_close((uv_handle_t *)timer, on_closed);
}

/* With waves: half of the processes take all, keep it for a quarter of the time, and come again with the next wave. The others
 * come at any time of it and keep nothing. */
static void pause_before(turn *of, uv_timer_cb then) {
    uint32_t wave_ms = of->buyer->market->plan.wave_ms, ms = 0;

    if (wave_ms != 0 && of->buyer->takes_all)
        ms = then == give_back ? wave_ms / 4 : wave_ms - (uint32_t)(sale_now_us() / 1000 % wave_ms);
    else if (wave_ms != 0 && then != give_back)
        ms = wave_ms / 8 * 7;
    check(uv_timer_start(&of->timer, then, ms, 0) == 0, "cannot wait");
}

static void on_cancelled(const seckill_result *result, void *user_data) {
    turn *of = user_data;

    of->trade->claim.freed_us = sale_now_us();
    of->trade->cancelled = result->status;
    pause_before(of, end_turn);
}

static void give_back(uv_timer_t *timer) {
    turn *of = timer->data;
    seckill_release_options options = SECKILL_RELEASE_OPTIONS_INIT;

    options.user.data = of->trade->user;
    options.user.size = strlen(of->trade->user);
    memcpy(options.reservation_id, of->trade->id, sizeof(options.reservation_id));
    of->trade->claim.freeing_us = sale_now_us();
    check(seckill_cancel(of->buyer->sale.item, &options, NULL, on_cancelled, of) == SECKILL_OK, "cannot cancel");
}

static void on_reserved(const seckill_result *result, void *user_data) {
    turn *of = user_data;

    of->trade->claim.answered_us = sale_now_us();
    of->trade->claim.status = result->status;
    memcpy(of->trade->id, result->reservation.id, sizeof(of->trade->id));
    pause_before(of, result->status == SECKILL_OK && of->trade->cancels ? give_back : end_turn);
}

static void buy_one(buyer *self, trade *wanted) {
    seckill_reserve_options options = SECKILL_RESERVE_OPTIONS_INIT;
    turn *of = malloc(sizeof(*of));

    if (of == NULL)
        give_up("no memory");
    check(uv_timer_init(&self->sale.loop, &of->timer) == 0, "has no timer");
    of->timer.data = of;
    of->buyer = self;
    of->trade = wanted;
    options.user.data = options.request_id.data = wanted->user;
    options.user.size = options.request_id.size = strlen(wanted->user);
    options.quantity = wanted->claim.quantity;
    options.flags = wanted->first ? SECKILL_FIRST_ATTEMPT : 0;
    wanted->claim.asked_us = sale_now_us();
    self->in_flight++;
    check(seckill_reserve(self->sale.item, &options, NULL, on_reserved, of) == SECKILL_OK, "cannot reserve");
}

static void buy_some(buyer *self) {
    while (self->in_flight < self->market->plan.at_once && self->next < self->end)
        buy_one(self, &self->market->trades[self->next++]);
}

/* Ends when the write end of `gate` is closed and all is bought. */
static void run_buyer(market *m, uint32_t number, int gate) {
    uint32_t share = m->plan.count / m->plan.processes;
    buyer self = {.market = m, .next = number * share, .end = (number + 1) * share};
    char byte;

    self.takes_all = number < m->plan.processes / 2;
    check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "cannot follow its parent");
    sale_open(&self.sale, redis_server_address(m->server));
    check(sale_get(&self.sale).status == SECKILL_OK, "does not find the item");
    check(read(gate, &byte, 1) == 0, "cannot wait");
    buy_some(&self);
    while (self.in_flight != 0)
        (void)uv_run(&self.sale.loop, UV_RUN_ONCE);
    sale_close(&self.sale);
    _exit(0);
}

/* ---- all of them ---- */

static void run_buyers(market *m) {
    pid_t buyers[PROCESSES_MAX];
    int gate[2], status;

    assert_int_equal(pipe(gate), 0);
    for (uint32_t i = 0; i < m->plan.processes; i++) {
        buyers[i] = fork();
        assert_true(buyers[i] >= 0);
        if (buyers[i] == 0) {
            (void)close(gate[1]);
            run_buyer(m, i, gate[0]);
        }
    }
    (void)close(gate[0]);
    (void)close(gate[1]);
    for (uint32_t i = 0; i < m->plan.processes; i++) {
        assert_int_equal(waitpid(buyers[i], &status, 0), buyers[i]);
        assert_int_equal(status, 0);
    }
}

/* Users whose home is where the plan wants it. */
static void name_users(market *m, uint64_t *random) {
    sale_item_answer info = sale_get(&m->sale);
    uint32_t number = 0;

    for (uint32_t i = 0; i < m->plan.count; i++) {
        trade *each = &m->trades[i];
        seckill_bytes user = {each->user, 0};

        bool at_home = test_run_below(random, 4) < m->plan.skew;

        do {
            user.size = (size_t)snprintf(each->user, sizeof(each->user), "u%u", number++);
        } while (at_home && seckill_shard_of(user, info.seed, SHARDS) != m->plan.home);
        each->claim.quantity = m->plan.least + test_run_below(random, m->plan.most - m->plan.least + 1);
        each->first = test_run_below(random, 2) == 0;
        each->cancels = test_run_below(random, 10) < m->plan.giving_back;
    }
}

static void open_market(market *m, const plan *wanted, uint64_t seed) {
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    size_t size = wanted->count * sizeof(trade);

    m->plan = *wanted;
    m->trades = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(m->trades, MAP_FAILED);
    redis_server_forget(redis_server_command(m->server, "FLUSHALL"));
    sale_open(&m->sale, redis_server_address(m->server));
    settings.limit = wanted->most;
    settings.hold_ms = 3600000;
    assert_status(sale_define(&m->sale, SHARDS, &settings).status, SECKILL_OK);
    assert_status(sale_load(&m->sale, "first", wanted->units).status, SECKILL_OK);
    name_users(m, &seed);
}

static void close_market(market *m) {
    sale_close(&m->sale);
    assert_int_equal(munmap(m->trades, m->plan.count * sizeof(trade)), 0);
}

/* ---- the end ---- */

/* How many units were granted and kept. */
static int64_t check_trades(const market *m) {
    sale_claim *claims = calloc(m->plan.count, sizeof(*claims));
    int64_t kept;

    assert_non_null(claims);
    for (uint32_t i = 0; i < m->plan.count; i++) {
        seckill_status status = m->trades[i].claim.status;

        claims[i] = m->trades[i].claim;
        assert_int_not_equal(claims[i].answered_us, 0);
        assert_true(status == SECKILL_OK || status == SECKILL_SOLD_OUT || status == SECKILL_NOT_ENOUGH);
        assert_true(status != SECKILL_NOT_ENOUGH || claims[i].quantity > 1);
        assert_status(m->trades[i].cancelled, SECKILL_OK);
    }
    kept = sale_check_claims(claims, m->plan.count, m->plan.units);
    free(claims);
    return kept;
}

/* Where nothing was given back, what is left now was there when somebody was refused. */
static void check_left_over(const market *m, int64_t left) {
    for (uint32_t i = 0; i < m->plan.count && m->plan.giving_back == 0; i++) {
        const sale_claim *claim = &m->trades[i].claim;

        if (claim->status != SECKILL_OK)
            assert_true(left < (claim->status == SECKILL_SOLD_OUT ? 1 : (int64_t)claim->quantity));
    }
}

static void check_market(market *m) {
    int64_t kept = check_trades(m);
    sale_stock_answer stock = sale_check_account(&m->sale, m->plan.units);
    int64_t left = stock.total.available;

    assert_int_equal(stock.total.reserved, kept);
    check_left_over(m, left);
    sale_check_rest(&m->sale, "later", left);
    print_message("%u requests of %u processes, %lld units kept, %lld left over, moved %lld times\n", m->plan.count,
                  m->plan.processes, (long long)kept, (long long)left, (long long)stock.total.transfers);
}

static void run_market(redis_server *server, const plan *wanted, uint64_t seed) {
    market m = {.server = server};

    open_market(&m, wanted, seed);
    run_buyers(&m);
    check_market(&m);
    close_market(&m);
}

/* ---- */

static uint32_t rounds(void) {
    return test_run_is_full() ? 50 : 3;
}

static void run_markets(redis_server *server, plan wanted, uint32_t count) {
    uint64_t seed = test_run_seed();

    for (uint32_t i = 0; i < count; i++) {
        wanted.home = test_run_below(&seed, SHARDS);
        run_market(server, &wanted, test_run_below(&seed, UINT32_MAX));
    }
}

static void all_demand_on_one_shard(void **state) {
    run_markets(*state, (plan){6, 12, 1200, 800, 1, 1, 4, 0, 0, 0}, rounds());
}

static void three_times_the_stock_is_wanted(void **state) {
    run_markets(*state, (plan){16, 12, 1504, 1000, 1, 3, 0, 0, 0, 0}, rounds());
}

static void most_of_it_by_users_of_one_shard(void **state) {
    run_markets(*state, (plan){16, 12, 1504, 1000, 1, 3, 3, 0, 0, 0}, rounds());
}

static void some_give_back_what_they_got(void **state) {
    run_markets(*state, (plan){16, 12, 1504, 700, 1, 3, 2, 0, 3, 0}, rounds());
}

/* What was sold out is not any more, and that soon: nobody may be told so who comes later. */
static void units_come_back_late(void **state) {
    run_markets(*state, (plan){8, 6, 288, 14, 1, 3, 1, 0, 10, 400}, rounds());
}

/* The last units of a sale, which lie scattered. */
static void few_units_and_many_processes(void **state) {
    run_markets(*state, (plan){16, 12, 160, 11, 1, 3, 1, 0, 3, 0}, rounds());
}

static void units_that_nobody_can_use(void **state) {
    run_markets(*state, (plan){16, 12, 160, 50, 3, 7, 1, 0, 0, 0}, rounds());
}

static int start_server(void **state) {
    *state = redis_server_start(NULL);
    return *state != NULL ? 0 : -1;
}

static int end_server(void **state) {
    redis_server_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_demand_on_one_shard),
        cmocka_unit_test(three_times_the_stock_is_wanted),
        cmocka_unit_test(most_of_it_by_users_of_one_shard),
        cmocka_unit_test(some_give_back_what_they_got),
        cmocka_unit_test(units_come_back_late),
        cmocka_unit_test(few_units_and_many_processes),
        cmocka_unit_test(units_that_nobody_can_use),
    };

    return redis_server_available() ? cmocka_run_group_tests(tests, start_server, end_server) : 77;
}
