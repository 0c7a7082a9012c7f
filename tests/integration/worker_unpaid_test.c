/* Orders that are not paid by a deadline: the worker refunds them, their units can be bought again, and whatever races with
 * that, an order ends either paid and kept, or refunded and not paid.
 *
 * SPDX-License-Identifier: MIT
 */
#include "worker_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { AFTER_MS = 1000, ORDERS_MAX = 4000, PAYERS = 3 };

static const char *const after[] = {"--refund-unpaid-after", "1s", "--poll-min", "1ms", "--poll-max", "5ms", NULL};

/* When a payer tries: not before the order is refunded. */
#define TOO_LATE INT64_MAX

/* What a payer was told about an order, if anything. */
enum { TOLD_PAID = 1, TOLD_REFUSED = 2 };

/* The purchases, by number, in memory that the payers' processes share. */
typedef struct {
    uint8_t ids[ORDERS_MAX][SECKILL_RESERVATION_ID_SIZE];
    _Atomic int64_t pay_at_ms[ORDERS_MAX]; /* when the payers try it, by now_ms; or TOO_LATE */
    _Atomic uint32_t count;
    _Atomic uint8_t told[PAYERS][ORDERS_MAX];
    _Atomic bool closed; /* no purchase comes any more */
} board;

static shop the_shop;
static board *bought;

static void open_market(int64_t units, const seckill_item_settings *settings) {
    shop_plan plan = SHOP_PLAN_INIT;
    if (settings) {
        plan.settings = *settings;
    }
    plan.stock = plan.inventory = units;
    bought = mmap(NULL, sizeof *bought, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(bought != MAP_FAILED);
    shop_open(&the_shop, &plan);
}

static void close_market(void) {
    shop_close(&the_shop);
    assert_int_equal(munmap(bought, sizeof *bought), 0);
}

static void add(const uint8_t *id) {
    assert_true(bought->count < ORDERS_MAX);
    memcpy(bought->ids[bought->count], id, sizeof bought->ids[0]);
    bought->count++;
}

/* False: sold out. */
static bool buy_one(uint32_t user) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    bool done = shop_buy(&the_shop, user, 1, id);
    if (done) {
        add(id);
    }
    return done;
}

static void buy(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        assert_true(buy_one(bought->count));
    }
}

static void keep_order(const orders_db_order *order, void *user_data) {
    *(orders_db_order *)user_data = *order;
}

static orders_db_order order_of(uint32_t n) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    orders_db_order order = {0};
    assert_int_equal(orders_db_open(the_shop.orders, ORDERS_DB_READ_ONLY, 5000, &db, error), ORDERS_DB_OK);
    assert_int_equal(orders_db_find(db, bought->ids[n], keep_order, &order), ORDERS_DB_OK);
    orders_db_close(db);
    return order;
}

static bool is_kept(uint32_t n) {
    orders_db_order order = order_of(n);
    return order.state == ORDERS_DB_CONFIRMED && order.paid_ms > 0 && !order.refund_due;
}

static bool is_refunded(uint32_t n) {
    orders_db_order order = order_of(n);
    return order.state == ORDERS_DB_REFUNDED && order.paid_ms == 0 && !order.refund_due;
}

/* Every order is paid or refunded, and nothing is on its way. */
static bool all_decided(shop *s, const void *unused) {
    orders_db_item_account account;
    return shop_account(s, &account) && account.unpaid_orders == 0 && account.refunds_due == 0 &&
           account.orders[ORDERS_DB_CONFIRMED] + account.orders[ORDERS_DB_REFUNDED] == (int64_t)bought->count &&
           shop_no_events(s, unused);
}

/* The books, in Redis and in the database: `kept` units are sold, and no others. */
static void check_books(int64_t kept) {
    orders_db_item_account account;
    sale_stock_answer stock = sale_stock(&the_shop.sale);
    assert_true(sale_account_holds(&stock));
    assert_int_equal(stock.total.sold, kept);
    assert_int_equal(stock.total.available, stock.total.loaded - kept);
    assert_true(shop_account(&the_shop, &account));
    assert_int_equal(account.units[ORDERS_DB_CONFIRMED], kept);
    assert_int_equal(account.units_left, account.units_total - kept);
}

static int64_t server_ms(void) {
    return sale_expire(&the_shop.sale).server_time_ms;
}

static void wait_until_server_says(int64_t ms) {
    while (server_ms() < ms) {
        sleep_ms(5);
    }
}

/* ---- the deadline ---- */

static void test_refunds_what_is_not_paid(void **state) {
    (void)state;
    enum { SOLD = 20 };
    open_market(SOLD * 4, NULL); /* a shard of its own may be short */
    buy(SOLD);
    int64_t last_ms = server_ms();
    /* Without the option nothing happens, however old the orders are. */
    worker_process worker = worker_start(&the_shop, NULL);
    shop_wait(&the_shop, shop_has_orders, &(int64_t){SOLD}, "all orders");
    wait_until_server_says(last_ms + AFTER_MS + 300);
    assert_int_equal(shop_orders(&the_shop), SOLD);
    assert_int_equal(worker_end(&worker, SIGTERM).unpaid_refunded, 0);

    for (uint32_t n = 0; n < SOLD; n += 2) {
        assert_int_equal(shop_pay(&the_shop, bought->ids[n]), ORDERS_DB_OK);
    }
    worker = worker_start(&the_shop, after);
    shop_wait(&the_shop, all_decided, NULL, "the deadline");
    worker_summary summary = worker_end(&worker, SIGTERM);
    assert_int_equal(summary.exit_code, 0);
    assert_int_equal(summary.unpaid_refunded, SOLD / 2);
    assert_int_equal(summary.orders_refunded, SOLD / 2);
    assert_int_equal(summary.refunds, SOLD / 2);
    for (uint32_t n = 0; n < SOLD; n++) {
        assert_true(n % 2 == 0 ? is_kept(n) : is_refunded(n));
        assert_int_equal(shop_pay(&the_shop, bought->ids[n]), n % 2 == 0 ? ORDERS_DB_OK : ORDERS_DB_REFUSED);
    }
    check_books(SOLD / 2);
    close_market();
}

/* Not a moment before it, by the servers' clock; and the units can then be bought again, by the same and by others. */
static void test_units_come_back(void **state) {
    (void)state;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    open_market(12, &settings);
    worker_process worker = worker_start(&the_shop, after);
    while (buy_one(bought->count)) {
    }
    uint32_t first = bought->count;
    shop_wait(&the_shop, all_decided, NULL, "the deadline");
    check_books(0);
    for (uint32_t n = 0; n < first; n++) {
        orders_db_order order = order_of(n);
        assert_true(is_refunded(n));
        assert_true(order.refunded_ms - order.confirmed_ms > AFTER_MS);
    }
    sale_answer answer = sale_reserve(&the_shop.sale, "user-0", "once more", 1);
    assert_int_equal(answer.status, SECKILL_OK);
    answer = sale_confirm(&the_shop.sale, &answer.ref, "");
    add(answer.reservation.id);
    shop_wait(&the_shop, shop_has_orders, &(int64_t){1}, "the second order");
    assert_int_equal(shop_pay(&the_shop, bought->ids[first]), ORDERS_DB_OK);
    wait_until_server_says(server_ms() + AFTER_MS + 300);
    assert_true(is_kept(first));
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    check_books(1);
    close_market();
}

/* A server that takes over may be ahead by max_skew_ms: so much longer is waited. */
static void test_waits_for_the_skew(void **state) {
    (void)state;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    settings.max_skew_ms = 1000;
    open_market(100, &settings);
    buy(1);
    worker_process worker = worker_start(&the_shop, after);
    shop_wait(&the_shop, all_decided, NULL, "the deadline");
    orders_db_order order = order_of(0);
    assert_true(order.refunded_ms - order.confirmed_ms > AFTER_MS + 1000);
    (void)worker_end(&worker, SIGTERM);
    check_books(0);
    close_market();
}

/* ---- what Redis lost ---- */

/* A worker that writes the orders and goes; then Redis dies and comes back as it was when it was saved last. */
static void write_orders_then_lose(int64_t orders) {
    worker_process worker = worker_start(&the_shop, NULL);
    shop_wait(&the_shop, shop_has_orders, &orders, "the orders");
    shop_wait(&the_shop, shop_no_events, NULL, "all events to be acknowledged");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
    redis_server_kill(the_shop.server);
    assert_true(redis_server_restart(the_shop.server));
}

static void save(void) {
    redis_server_forget(redis_server_command(the_shop.server, "SAVE"));
}

static void refund_by_deadline(void) {
    worker_process worker = worker_start(&the_shop, after);
    shop_wait(&the_shop, all_decided, NULL, "the deadline, though Redis knows nothing of the orders");
    assert_int_equal(worker_end(&worker, SIGTERM).exit_code, 0);
}

static void test_redis_lost_the_reservations(void **state) {
    (void)state;
    open_market(100, NULL);
    save();
    buy(5);
    write_orders_then_lose(5);
    assert_int_equal(shop_pay(&the_shop, bought->ids[4]), ORDERS_DB_OK);
    refund_by_deadline();
    for (uint32_t n = 0; n < 4; n++) {
        assert_true(is_refunded(n));
    }
    /* What is paid is the shop's word against Redis': it stays, and its unit with it. */
    assert_true(is_kept(4));
    orders_db_item_account account;
    assert_true(shop_account(&the_shop, &account));
    assert_int_equal(account.units_left, 99);
    close_market();
}

static void test_redis_lost_the_confirmation(void **state) {
    (void)state;
    open_market(100, NULL);
    sale_answer reserved = sale_reserve(&the_shop.sale, "ann", "ann", 1);
    assert_int_equal(reserved.status, SECKILL_OK);
    save();
    assert_int_equal(sale_confirm(&the_shop.sale, &reserved.ref, "first").status, SECKILL_OK);
    add(reserved.reservation.id);
    write_orders_then_lose(1);
    assert_int_equal(sale_stock(&the_shop.sale).total.reserved, 1);
    refund_by_deadline();
    assert_true(is_refunded(0));
    /* The shop's service did not hear the answer and confirms again: too late. Redis knows, since it was told of the order. */
    assert_int_equal(sale_confirm(&the_shop.sale, &reserved.ref, "again").status, SECKILL_REFUNDED);
    assert_int_equal(shop_events(&the_shop), 0);
    check_books(0);
    close_market();
}

static void test_redis_lost_it_and_the_hold_ended(void **state) {
    (void)state;
    seckill_item_settings settings = SECKILL_ITEM_SETTINGS_INIT;
    settings.hold_ms = 500;
    open_market(100, &settings);
    sale_answer reserved = sale_reserve(&the_shop.sale, "ann", "ann", 1);
    save();
    assert_int_equal(sale_confirm(&the_shop.sale, &reserved.ref, "").status, SECKILL_OK);
    add(reserved.reservation.id);
    write_orders_then_lose(1);
    wait_until_server_says(reserved.reservation.ends_ms + 1);
    refund_by_deadline();
    assert_true(is_refunded(0));
    check_books(0);
    assert_int_equal(sale_stock(&the_shop.sale).total.expired, 1);
    close_market();
}

/* ---- payments that race with the deadline ---- */

static void try_to_pay(orders_db *db, _Atomic uint8_t *told, uint32_t n) {
    orders_db_status status = orders_db_mark_paid(db, bought->ids[n], 1 + (int64_t)now_ms());
    if (status == ORDERS_DB_OK || status == ORDERS_DB_REFUSED) {
        *told = status == ORDERS_DB_OK ? TOLD_PAID : TOLD_REFUSED;
    } else if (status != ORDERS_DB_BUSY && status != ORDERS_DB_NOT_FOUND) {
        _exit(3);
    }
}

/* Tries each order at its time until it is told; a process of its own, which may be killed and started again. */
static void pay_until_told(_Atomic uint8_t *told) {
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
    if (orders_db_open(the_shop.orders, 0, 100, &db, error) != ORDERS_DB_OK) {
        _exit(2);
    }
    for (bool more = true; more;) {
        more = !bought->closed;
        for (uint32_t n = 0; n < bought->count; n++) {
            if (!told[n] && (int64_t)now_ms() >= bought->pay_at_ms[n]) {
                try_to_pay(db, &told[n], n);
            }
            more = more || !told[n];
        }
        sleep_ms(1);
    }
    orders_db_close(db);
    _exit(0);
}

static pid_t start_payer(uint32_t which) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
            _exit(1);
        }
        pay_until_told(bought->told[which]);
    }
    return pid;
}

static void end_payer(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void kill_payer(pid_t pid) {
    int status = 0;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

/* Most are paid within a tenth of a second of the deadline, some at once, and some when it is too late. */
static bool buy_and_plan(uint32_t user) {
    uint32_t n = bought->count, chance = random_below(8);
    int64_t around = AFTER_MS - 100 + random_below(200);
    bought->pay_at_ms[n] = (int64_t)now_ms() + (chance == 0 ? 0 : around);
    if (chance == 1) {
        bought->pay_at_ms[n] = TOO_LATE;
    }
    return buy_one(user);
}

static bool is_over(shop *s, const void *n) {
    return shop_order_state(s, bought->ids[*(const uint32_t *)n]) == ORDERS_DB_REFUNDED;
}

static void let_the_late_pay(void) {
    for (uint32_t n = 0; n < bought->count; n++) {
        if (bought->pay_at_ms[n] == TOO_LATE) {
            shop_wait(&the_shop, is_over, &n, "the refund of what nobody paid");
            bought->pay_at_ms[n] = 0;
        }
    }
    bought->closed = true;
}

/* Every payer was told the same of an order, and that is what became of it. */
static void check_payments(void) {
    int64_t kept = 0;
    for (uint32_t n = 0; n < bought->count; n++) {
        bool paid = bought->told[0][n] == TOLD_PAID;
        for (uint32_t payer = 0; payer < PAYERS; payer++) {
            assert_int_equal(bought->told[payer][n], paid ? TOLD_PAID : TOLD_REFUSED);
        }
        assert_true(paid ? is_kept(n) : is_refunded(n));
        kept += paid;
    }
    check_books(kept);
    print_message("%u orders, %lld kept\n", bought->count, (long long)kept);
    assert_true(kept > 0 && kept < (int64_t)bought->count);
}

static const char *const eager[] = {"--refund-unpaid-after",
                                    "1s",
                                    "--expire-interval",
                                    "10ms",
                                    "--list-interval",
                                    "10ms",
                                    "--poll-min",
                                    "1ms",
                                    "--poll-max",
                                    "5ms",
                                    "--busy-timeout",
                                    "20ms",
                                    NULL};

static void test_payments_race_with_the_deadline(void **state) {
    (void)state;
    enum { WORKERS = 2, ORDERS = 300 };
    for (int round = 0; round < (full_tests() ? 20 : 2); round++) {
        worker_process workers[WORKERS];
        pid_t payers[PAYERS];
        open_market(ORDERS * 4, NULL);
        for (size_t i = 0; i < WORKERS; i++) {
            workers[i] = worker_start(&the_shop, eager);
        }
        for (uint32_t i = 0; i < PAYERS; i++) {
            payers[i] = start_payer(i);
        }
        for (uint32_t n = 0; n < ORDERS; n++) {
            assert_true(buy_and_plan(n));
        }
        let_the_late_pay();
        for (size_t i = 0; i < PAYERS; i++) {
            end_payer(payers[i]);
        }
        shop_wait(&the_shop, all_decided, NULL, "every order to be decided");
        long long unpaid = 0, refunded = 0;
        for (size_t i = 0; i < WORKERS; i++) {
            worker_summary summary = worker_end(&workers[i], SIGTERM);
            assert_int_equal(summary.exit_code, 0);
            unpaid += summary.unpaid_refunded;
            refunded += summary.orders_refunded;
        }
        /* Each is noted by one worker, and moved by one. */
        orders_db_item_account account;
        assert_true(shop_account(&the_shop, &account));
        assert_int_equal(unpaid, account.orders[ORDERS_DB_REFUNDED]);
        assert_int_equal(refunded, account.orders[ORDERS_DB_REFUNDED]);
        check_payments();
        close_market();
    }
}

/* ---- killed ---- */

static void trade_until(uint32_t *user, uint64_t until) {
    while (now_ms() < until) {
        if (bought->count == ORDERS_MAX || !buy_and_plan((*user)++)) {
            sleep_ms(1);
        }
    }
}

/* In each round a worker or a payer is started, or killed. */
static void rounds_of_kills(int rounds) {
    worker_process workers[2] = {{0}, {0}};
    pid_t payers[PAYERS] = {0};
    uint32_t user = 0;
    for (int round = 0; round < rounds; round++) {
        uint32_t which = random_below(2 + PAYERS);
        if (which < 2 && workers[which].pid) {
            assert_int_equal(worker_end(&workers[which], SIGKILL).exit_code, 128 + SIGKILL);
        } else if (which < 2) {
            workers[which] = worker_start(&the_shop, eager);
        } else if (payers[which - 2]) {
            kill_payer(payers[which - 2]);
            payers[which - 2] = 0;
        } else {
            payers[which - 2] = start_payer(which - 2);
        }
        trade_until(&user, now_ms() + random_below(80) * slowness());
    }
    for (size_t i = 0; i < 2; i++) {
        if (workers[i].pid) {
            (void)worker_end(&workers[i], SIGKILL);
        }
    }
    for (size_t i = 0; i < PAYERS; i++) {
        if (payers[i]) {
            kill_payer(payers[i]);
        }
    }
}

static void test_killed(void **state) {
    (void)state;
    pid_t payers[PAYERS];
    open_market(600, NULL); /* less than is asked for: what comes back is sold again */
    rounds_of_kills(full_tests() ? 600 : 80);
    worker_process last = worker_start(&the_shop, eager);
    for (uint32_t i = 0; i < PAYERS; i++) {
        payers[i] = start_payer(i);
    }
    let_the_late_pay();
    for (uint32_t i = 0; i < PAYERS; i++) {
        end_payer(payers[i]);
    }
    shop_wait(&the_shop, all_decided, NULL, "the last worker to decide everything");
    assert_int_equal(worker_end(&last, SIGTERM).exit_code, 0);
    check_payments();
    close_market();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refunds_what_is_not_paid),
        cmocka_unit_test(test_units_come_back),
        cmocka_unit_test(test_waits_for_the_skew),
        cmocka_unit_test(test_redis_lost_the_reservations),
        cmocka_unit_test(test_redis_lost_the_confirmation),
        cmocka_unit_test(test_redis_lost_it_and_the_hold_ended),
        cmocka_unit_test(test_payments_race_with_the_deadline),
        cmocka_unit_test(test_killed),
    };
    if (!redis_server_available()) {
        return 77;
    }
    (void)seed_random();
    return cmocka_run_group_tests_name("worker_unpaid", tests, NULL, NULL);
}
