/* What the tests of `seckill-ctl reconcile` share: "sale/phone" on two shards of a private Redis, a shop's orders database, and
 * what the command says of both. The database is SQLite's, or with ORDERS_ON_MYSQL on a private MariaDB.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SK_TESTS_CTL_RECONCILE_FIXTURE_H
#define SK_TESTS_CTL_RECONCILE_FIXTURE_H

#include "ctl_fixture.h"
#include "orders_db.h"
#include "sale.h"

#include <stdbool.h>

enum { BOOKS_UNITS = 40 };

/* The type of bytes, and the trigger that keeps what was ordered as it is. */
#ifdef ORDERS_ON_MYSQL
#define BOOKS_BYTES "BINARY"
#define BOOKS_TRIGGER "orders_rules"
#else
#define BOOKS_BYTES "BLOB"
#define BOOKS_TRIGGER "orders_keep_what_was_sold"
#endif

typedef struct {
    sale sale;
    uint8_t seed[SECKILL_SEED_SIZE];
    char orders[300]; /* where the database is */
    orders_db *db;
} books;

/* For cmocka: around each test. Nothing is sold, the inventory is what is loaded. */
int books_open(void **state);
int books_close(void **state);
#define BOOKS_TEST(test) cmocka_unit_test_setup_teardown(test, books_open, books_close)

/* The n-th user (from 0) whose home is `shard`; valid until the next call. */
const char *user_of(const books *b, uint32_t shard, uint32_t n);

/* Reserves one unit for that user; confirms it too. */
sale_answer reserve_for(books *b, uint32_t shard, uint32_t n);
sale_answer sell_to(books *b, uint32_t shard, uint32_t n);

/* A user with a reservation, and one who bought, on each shard. */
void sell_some(books *b);

/* SQL of a person with the rights to everything, past what the triggers of that name forbid (NULL: none is dropped). */
void run_sql(const books *b, const char *trigger, const char *sql);

/* Writes the orders of all events that wait, and acknowledges them: what a worker does. */
void write_orders(books *b);

/* Everything that says that this unit was sold is gone from its shard: what a failover does. */
void forget(books *b, uint32_t shard, uint32_t n);

/* What is stored of a user: packed, and the way back. */
void put_record(books *b, uint32_t shard, const char *user, const uint8_t *bytes, size_t size);
void pack_record(uint8_t bytes[44], uint8_t id, uint8_t state, uint32_t quantity, int64_t since_ms, int64_t ends_ms);

/* A command about a key of a shard; its integer. */
long long on_shard(books *b, uint32_t shard, const char *command, const char *key, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The n-th fault of an item, from 0. Whether one was repaired; that it was not, and that the reason has these words. */
const json_t *fault_of(const json_t *item, size_t n);
bool is_repaired(const json_t *fault);
void is_left_because(const json_t *fault, const char *words);

/* Runs "reconcile sale/phone" with more arguments: exit code 0; or 4, with these faults only, as text "kind what, kind what",
 * sorted. The item's object. */
const json_t *adds_up(const char *more);
const json_t *finds(const char *faults, const char *more);

/* The options by which to name the orders database, and not to wait for workers that do not run. */
#define BOOKS_ORDERS "--orders %s --patience 20ms"

/* The same with these. */
const json_t *adds_up_with_orders(const books *b, const char *more);
const json_t *finds_with_orders(const books *b, const char *faults, const char *more);

#endif
