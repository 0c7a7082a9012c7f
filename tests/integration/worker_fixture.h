/* A small shop for the worker's tests: a private Redis, item "sale/phone", a folder for the orders database, and workers as
 * processes of their own, which die with the test.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_WORKER_FIXTURE_H
#define SK_TESTS_WORKER_FIXTURE_H

#include "orders_db.h"
#include "sale.h"

#include <stdio.h>

typedef struct {
    redis_server *server;
    sale sale;
    char folder[256];
    char orders[300]; /* the database's path */
    int next_file;    /* for the workers' output */
} shop;

/* A worker and where its output goes. */
typedef struct {
    pid_t pid;
    char out[300], err[300];
} worker_process;

/* What a worker said at its end. */
typedef struct {
    int exit_code; /* 128 + signal where one killed it */
    long long orders_written, orders_refunded, refused, acknowledged, refunds, expired_reservations, expired_units, events_read,
        transactions, not_recorded, unpaid_refunded;
    long long orders_replayed, orders_missing;
    long long queue_decided, queue_granted, queue_refused, queue_blacklisted, queue_length;
} worker_summary;

typedef struct {
    uint32_t shards;
    int64_t stock, inventory; /* inventory -1: no database yet */
    seckill_item_settings settings;
    bool durable; /* Redis keeps what it acknowledged through a kill */
} shop_plan;

#define SHOP_PLAN_INIT                                                                                                         \
    { 4, 100, 100, SECKILL_ITEM_SETTINGS_INIT, false }

/* Everything aborts or fails the test where it does not work. */
void shop_open(shop *shop, const shop_plan *plan);
void shop_close(shop *shop);

/* Starts a worker with --activity sale and more arguments, NULL at the end; `more` may be NULL. */
worker_process worker_start(shop *shop, const char *const *more);

/* The same without --orders. */
worker_process worker_start_without_orders(shop *shop, const char *const *more);

/* The same as worker_start, but file permissions hold for it even if the test runs as root. Ends with exit code 125 where that
 * cannot be done.
 */
worker_process worker_start_unprivileged(shop *shop, const char *const *more);

/* Sends a signal and waits for the end. 0: only waits. Fails the test after 30 s (more where sanitizers slow it down). */
worker_summary worker_end(worker_process *worker, int signal);

/* Whether the worker's log has the text. */
bool worker_logged(const worker_process *worker, const char *text);

/* Waits until it has; the worker must run with --verbose for what is no trouble. */
void worker_wait_log(const worker_process *worker, const char *text);

/* Prints the worker's log, for a test that is about to fail. */
void worker_show_log(const worker_process *worker);

/* The account of sale/phone in the database; checked to add up. False: there is no database or no such item yet. */
bool shop_account(shop *shop, orders_db_item_account *account);

/* The number of confirmed orders in the database. */
int64_t shop_orders(shop *shop);

/* The number of events that wait. */
int64_t shop_events(shop *shop);

/* `argument` is a const int64_t *: as many confirmed orders as that. */
bool shop_has_orders(shop *shop, const void *argument);

/* The state of one order, or -1. */
int shop_order_state(shop *shop, const uint8_t *reservation_id);

/* Marks an order as paid, as the shop does; waits while the database is locked. */
orders_db_status shop_pay(shop *shop, const uint8_t *reservation_id);

/* Lets time pass until the condition holds; fails the test if it takes too long. */
typedef bool (*shop_condition)(shop *shop, const void *argument);
void shop_wait(shop *shop, shop_condition condition, const void *argument, const char *what);

/* No event waits on any shard. */
bool shop_no_events(shop *shop, const void *unused);

/* Reserves and confirms one unit for user number n, quantity units. False: refused (sold out). */
bool shop_buy(shop *shop, uint32_t n, uint32_t quantity, uint8_t *reservation_id);

void sleep_ms(unsigned ms);
uint64_t now_ms(void);

/* Times are multiplied by this where sanitizers slow everything down. */
unsigned slowness(void);

bool full_tests(void);

/* splitmix64; seeded by SECKILL_TEST_SEED or the clock, and printed. */
uint64_t seed_random(void);
uint32_t random_below(uint32_t n);

#endif
