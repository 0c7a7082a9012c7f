/* What the tests of the orders database share: one open database, events, and what it says of them. They run on each engine:
 * compiled as they are on SQLite, in a folder, and with ORDERS_ON_MYSQL on a private MariaDB.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef TEST_ORDERS_DB_FIXTURE_H
#define TEST_ORDERS_DB_FIXTURE_H

#include "orders_sqlite.h"

typedef struct {
    char folder[256];
    char path[1024]; /* or where it is */
    char error[ORDERS_DB_ERROR_SIZE];
    orders_db *db;
} fixture;

/* Of a test that is about SQLite's files, or asks it for its plans. */
#ifdef ORDERS_ON_MYSQL
#define ONLY_ON_SQLITE() skip()
#else
#define ONLY_ON_SQLITE() (void)0
#endif

/* For cmocka's group setup and teardown: the server, where there is one. */
int start_engine(void **state);
int stop_engine(void **state);

/* The state of a test is a fixture; its database is new. */
int set_up(void **state);
int tear_down(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* Closes and opens it; fails the test where that does not work. */
void reopen(fixture *f, unsigned flags);

/* Reservation `n` of user "u" in activity "618": its id is n, big-endian, at the end; 199 a unit, at 1000 + n. */
orders_db_event event_of(seckill_event_kind kind, uint32_t n, const char *item, uint32_t quantity);

/* The same for item "phone". */
orders_db_event confirmed(uint32_t n, uint32_t quantity);
orders_db_event refunded(uint32_t n, uint32_t quantity);

/* The calls, which must work. */
void must(fixture *f, orders_db_status status);
orders_db_outcome apply(fixture *f, orders_db_event event);
void set_units(fixture *f, int64_t units);

/* An item's account, checked to add up; units that must be left of "phone"; how many of its refunds are due, up to 8. */
orders_db_item_account account(fixture *f, const char *item);
void left(fixture *f, int64_t units);
size_t due(fixture *f);

/* An order's row, without what it points to; number 0: there is none. */
orders_db_order order_of(fixture *f, uint32_t n);

/* SQL that the tables' rules must refuse, with these words. */
void refused_by_rules(fixture *f, const char *sql, const char *why);

/* The text that a statement gives first. */
const char *text_of(fixture *f, const char *sql, char text[256]);

/* The settings of the file and of the connection, and that it is whole. */
void check_settings(fixture *f);

#endif
