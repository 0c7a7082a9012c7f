/* The orders database of the example programs, on SQLite or MySQL (MariaDB is one too, below): every order, and the real
 * inventory that orders take their units from.
 *
 * It is the last word on what is sold. An order and the units it takes are written in one transaction, and one that would take
 * more than there is gets refused, whatever Redis says: so orders never exceed the inventory. For every item
 * `units_total == units_left + the quantities of its confirmed orders`, always.
 *
 * An order is known by its reservation's id and only moves forward; it is never deleted:
 *
 *     (none) -> confirmed -> refunded       took its units, gave them back
 *     (none) -> refused   -> refunded       never took any: the inventory was short
 *     (none) -> refunded                    the refund was seen first; the confirmation that comes late changes nothing
 *
 * So events may be given any number of times, in any order, by any number of processes. What must be refunded in Redis (an
 * order that was refused, or that was not paid in time) is noted in the same transaction, and stays noted until
 * orders_db_refund_settled: see orders_db_refunds_due.
 *
 * A confirmed order is paid, or a refund of it is due, never both: whichever is noted first stands. An order that was paid may
 * still be refunded through Redis; then it says when it was paid and when it was refunded.
 *
 * A handle is used by one thread at a time. Every call that can fail gives a status, and orders_db_error then says why.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SECKILL_EXAMPLES_ORDERS_DB_H
#define SECKILL_EXAMPLES_ORDERS_DB_H

#include <seckill/events.h>

#include <stdbool.h>

enum { ORDERS_DB_ERROR_SIZE = 512 }; /* bytes that hold any error's text with its NUL */

typedef struct orders_db orders_db;

typedef enum {
    ORDERS_DB_OK = 0,
    ORDERS_DB_NOT_FOUND, /* no such row */
    ORDERS_DB_REFUSED,   /* the change contradicts what is sold, or what was set before */
    ORDERS_DB_INVALID,   /* an argument is out of range */
    ORDERS_DB_BUSY,      /* somebody else holds the lock for longer than busy_timeout_ms, or was in a deadlock with this one */
    ORDERS_DB_READONLY,  /* the file, its folder or the server may not be written */
    ORDERS_DB_FULL,      /* the disk is full */
    ORDERS_DB_CORRUPT,   /* the database is damaged, or the file is none */
    ORDERS_DB_SCHEMA,    /* a database, but of another program or release, or without its tables */
    ORDERS_DB_MISSING,   /* there is no such file, or it was moved or deleted while it was open; there is no such database */
    ORDERS_DB_NO_MEMORY,
    ORDERS_DB_FAILED,      /* anything else, such as an I/O error */
    ORDERS_DB_UNREACHABLE, /* MySQL: the server is down, does not answer in time, or the connection was lost */
    ORDERS_DB_DENIED       /* MySQL: it lets this user or password not in, or not do this */
} orders_db_status;

/* A short stable name, such as "busy". */
const char *orders_db_status_name(orders_db_status status);

/* ---- opening ---- */

enum {
    ORDERS_DB_CREATE = 1,   /* SQLite: make the file if there is none */
    ORDERS_DB_READ_ONLY = 2 /* queries only; nothing can be written through this handle */
};

/* Opens a database. `where` is one of
 *
 *   PATH, sqlite:PATH   a file, on a local disk, since the write-ahead log needs shared memory. A new one gets its tables, and
 *                       one of the release before gets what is new (unless it is only read)
 *   mysql://USER@HOST[:PORT]/DATABASE[?NAME=VALUE&...]
 *                       a database of a MySQL (8.0.16 or later) or MariaDB (10.6 or later) server, with the tables that
 *                       orders_db_migrate has made. Parts are percent-encoded; a password in it is refused. Names:
 *       socket=PATH           of the server's unix socket, in the place of HOST and PORT
 *       defaults-file=FILE    a MySQL option file; its groups [client] and [seckill] say password, TLS and so on
 *       timeout=SECONDS       1 to 600, default 10: how long connecting may take, and an answer, not counting busy_timeout_ms
 *       tls=verify, tls=off   encrypted, with the server's certificate checked; or as it comes. Default: verify, but off on
 * this machine (a unix socket, localhost, 127.0.0.0/8, ::1) The password is the environment's SECKILL_ORDERS_PASSWORD, else the
 * option file's, else none.
 *
 * Either way every transaction is on the disk before it counts: of MySQL, where the server runs with its defaults
 * (innodb_flush_log_at_trx_commit = 1).
 *   flags             ORDERS_DB_CREATE, ORDERS_DB_READ_ONLY
 *   busy_timeout_ms   how long each call waits for another process's lock, 0 to 60,000; MySQL rounds up to whole seconds, at
 *                     least 1
 *   error             gets the cause where it fails
 * ORDERS_DB_INVALID: an argument, or `where` cannot be read, or is mysql:// in a build without it. Not ORDERS_DB_READ_ONLY, and
 * the file cannot be written: ORDERS_DB_READONLY. */
orders_db_status orders_db_open(const char *where, unsigned flags, uint32_t busy_timeout_ms, orders_db **db,
                                char error[ORDERS_DB_ERROR_SIZE]);

/* Whether `where` can be read at all, without opening anything: before it is logged, since it may hold a password. */
orders_db_status orders_db_check(const char *where, char error[ORDERS_DB_ERROR_SIZE]);

/* The path of a database that is a file; NULL: it is none. */
const char *orders_db_path(const char *where);

/* Hears what a migration does, one sentence for each step: before it is done. */
typedef void (*orders_db_step_cb)(const char *step, void *user_data);

/* Makes the tables in a database, or brings those of a release before to this one's; whatever ended it half-way, it is done by
 * calling it again. Of MySQL it needs rights that nothing else here needs.
 *   dry_run   only tell what would be done
 * ORDERS_DB_SCHEMA: what is there is another program's, or of a newer release; nothing was changed. */
orders_db_status orders_db_migrate(const char *where, bool dry_run, orders_db_step_cb cb, void *user_data,
                                   char error[ORDERS_DB_ERROR_SIZE]);

/* Closes; what was not committed is rolled back. NULL is allowed. */
void orders_db_close(orders_db *db);

/* Why the last call failed, for a person; valid until the next call. */
const char *orders_db_error(const orders_db *db);

/* ---- inventory ---- */

typedef enum {
    ORDERS_DB_IF_ABSENT, /* set the units of an item without a row; an item that has one keeps what it has */
    ORDERS_DB_RAISE,     /* set the total, unless it is that high already: repeating changes nothing */
    ORDERS_DB_EXACTLY    /* set the total, higher or lower; ORDERS_DB_REFUSED below what is sold */
} orders_db_set_mode;

/* Sets the real inventory of an item: `units_total` units that ever were there to sell, 0 to SECKILL_AMOUNT_MAX.
 * Own transaction, unless one was begun. */
orders_db_status orders_db_set_inventory(orders_db *db, const char *activity, const char *item, int64_t units_total,
                                         orders_db_set_mode mode);

/* Sets what is left of an item's inventory to its total less what its confirmed orders took: for a file that somebody else has
 * written to. Both are read and it is written in one transaction: an own one, unless one was begun.
 *   left, mended   get what was left, and what is
 * ORDERS_DB_OK: also where nothing was wrong. ORDERS_DB_NOT_FOUND: the item has no inventory. ORDERS_DB_REFUSED: its orders
 * took more than the total; nothing changed. */
orders_db_status orders_db_mend_inventory(orders_db *db, const char *activity, const char *item, int64_t *left,
                                          int64_t *mended);

/* ---- goods: units on their way between a table of the shop's own and a sale ----
 *
 * The shop's table stands in the same database, and says how many units it has to sell anywhere. A *load* moves some to the
 * item's real inventory, and then puts them on sale in Redis; a *return* takes what is available out of Redis, and then moves
 * it back. Either is an allocation: noted under its operation's id before anything is moved, and ended when all of it is done.
 * So whatever ends a program half-way, the same operation goes on where it stood, counts once, and Redis never has more on sale
 * than the real inventory. Allocations are never deleted.
 *
 *     (none) -> begun -> done
 *               begun -> undone     Redis will never do it: its operation of that id is another one
 *
 * Without goods the real inventory itself is where units come from and go to: a load puts on sale what was not on sale of it,
 * and a return leaves in it what Redis gave back. */

/* A row of the shop's own. Names are 1 to 64 of A-Z a-z 0-9 _, not a digit first. */
typedef struct {
    const char *table;        /* NAME, or SCHEMA.NAME */
    const char *key_column;   /* the row is the only one that has ... */
    const char *key_value;    /* ... this there, 1 to 128 bytes, as the database writes it; never part of any SQL */
    const char *units_column; /* whole units, NULL for none */
} orders_db_goods;

typedef enum { ORDERS_DB_LOAD = 0, ORDERS_DB_RETURN = 1 } orders_db_direction;
typedef enum { ORDERS_DB_BEGUN = 0, ORDERS_DB_DONE = 1, ORDERS_DB_UNDONE = 2 } orders_db_progress;

/* "load", "return"; "begun", "done", "undone". */
const char *orders_db_direction_name(orders_db_direction direction);
const char *orders_db_progress_name(orders_db_progress progress);

typedef struct {
    const char *activity, *item, *operation; /* the operation's id is one that seckill_stock_load takes */
    orders_db_direction direction;
    int64_t asked;                /* units, to SECKILL_AMOUNT_MAX; 0: all there are */
    const orders_db_goods *goods; /* NULL: without */

    orders_db_progress progress; /* from here on set by the calls */
    int64_t units;               /* of a load: how many it puts on sale. Of a return: how many came back; 0 until it ended */
    int64_t begun_ms, ended_ms;  /* the clocks of those who said so; ended_ms 0: it has not */
} orders_db_allocation;

/* What an item's allocations looked like: for loads without goods. */
typedef struct {
    int64_t changes; /* of its allocations, ever */
    int64_t loaded;  /* the caller's to fill in: what Redis has loaded, read after orders_db_see_allocations */
} orders_db_seen;

orders_db_status orders_db_see_allocations(orders_db *db, const char *activity, const char *item, orders_db_seen *seen);

/* Begins an allocation, or finds the one of this id as it stands. A load's units are in the real inventory afterwards, and may
 * be put on sale. Own transaction.
 *   seen   of a load without goods; else not read, and may be NULL
 * ORDERS_DB_INVALID: an argument is out of range, or the goods' table or a column is not there. ORDERS_DB_NOT_FOUND: the goods
 * have no such row, or the item has no inventory. ORDERS_DB_REFUSED: there are not as many units, or none; several rows have
 * that key; the table does not take part in transactions; the column holds no whole units; the id is of something else; another
 * allocation of the item is begun and not ended, or (ORDERS_DB_BUSY) one has moved since `seen`, where there are no goods. */
orders_db_status orders_db_allocate(orders_db *db, orders_db_allocation *allocation, const orders_db_seen *seen, int64_t at_ms);

/* Ends an allocation that was begun: once Redis has said that all of it is done, or, with ORDERS_DB_UNDONE, that it never will
 * be. One that has ended already stays as it is. Own transaction.
 *   units   of a return: how many Redis gave; they move from the real inventory to the goods
 * ORDERS_DB_NOT_FOUND: there is no such allocation, or the goods' row is gone. ORDERS_DB_REFUSED: the real inventory has fewer
 * left than are to leave it, or as orders_db_allocate says of goods; it stays begun. */
orders_db_status orders_db_allocation_end(orders_db *db, orders_db_allocation *allocation, orders_db_progress progress,
                                          int64_t units, int64_t at_ms);

/* An item's allocations that are begun and not ended, oldest first; what the callback gets is valid in it. */
typedef void (*orders_db_allocation_cb)(const orders_db_allocation *allocation, void *user_data);
orders_db_status orders_db_open_allocations(orders_db *db, const char *activity, const char *item, orders_db_allocation_cb cb,
                                            void *user_data);

/* ---- events ---- */

/* An event and the item it is about. Its bytes and names are the caller's and must stay during the call. */
typedef struct {
    const char *activity, *item;
    seckill_event event;
} orders_db_event;

typedef enum {
    ORDERS_DB_WRITTEN = 1,  /* the order was written, or moved forward */
    ORDERS_DB_ALREADY,      /* it stood so already; nothing changed */
    ORDERS_DB_NO_INVENTORY, /* refused now or before: the inventory was short; a refund is due */
    ORDERS_DB_NO_ITEM,      /* refused now or before: the item had no inventory row; a refund is due */
    ORDERS_DB_AFTER_REFUND, /* a confirmation of what is refunded; nothing changed but that a refund is due again: Redis may
                               have lost the first one */
    ORDERS_DB_DIFFERS,      /* the order stands with another user, item or quantity; nothing changed: do not acknowledge */
    ORDERS_DB_UNFIT         /* no order can look like this; nothing changed: do not acknowledge */
} orders_db_outcome;

/* Whether an outcome is on record, so that its event may be acknowledged once the transaction is committed. */
bool orders_db_recorded(orders_db_outcome outcome);

/* Writes a batch in one transaction: all of it, or after any status but ORDERS_DB_OK nothing of it.
 *   outcomes   gets one for each event; they count only on ORDERS_DB_OK */
orders_db_status orders_db_apply(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes);

/* The same in parts, for several batches in one transaction: begin, any of the calls between, then commit or rollback. After a
 * failed call between, or a failed commit, roll back. A failed commit may stand all the same (a sync that failed, an answer
 * that was lost): do it again. One transaction writes at a time: orders_db_begin waits for the others. It also finds out
 * whether the file was moved or deleted: what is written after that would be lost; or whether the tables are of another release
 * by now. */
orders_db_status orders_db_begin(orders_db *db);
orders_db_status orders_db_add(orders_db *db, const orders_db_event *events, size_t count, orders_db_outcome *outcomes);
orders_db_status orders_db_commit(orders_db *db);
void orders_db_rollback(orders_db *db);

/* ---- payments, for a shop that confirms before it is paid ---- */

/* Notes that an order is paid. Call it when the payment is captured, and give the money back where the answer is not OK: the
 * units are gone. Own transaction, unless one was begun.
 *   at_ms   when, milliseconds since 1970, above 0
 * ORDERS_DB_OK: also when repeated; the first time stands. ORDERS_DB_NOT_FOUND: no worker has written that order yet (ask again
 * until one has), or there is none. ORDERS_DB_REFUSED: a refund is due, or it is no confirmed order. */
orders_db_status orders_db_mark_paid(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], int64_t at_ms);

/* Notes a refund as due for an item's confirmed orders that are older than a deadline and not paid, oldest first. From then on
 * they cannot be paid any more. Own transaction, unless one was begun.
 *   confirmed_before_ms   those confirmed earlier than this, by the servers' clock: take it from there, not from a clock that
 *                         may be ahead of it
 *   max                   at most so many
 *   count                 gets how many */
orders_db_status orders_db_refund_unpaid(orders_db *db, const char *activity, const char *item, int64_t confirmed_before_ms,
                                         uint32_t max, size_t *count);

/* ---- refunds that Redis must still be told ---- */

typedef struct {
    uint8_t user[SECKILL_USER_MAX];
    size_t user_size;
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE];
} orders_db_refund;

/* Lists up to `room` refunds of an item that are due. */
orders_db_status orders_db_refunds_due(orders_db *db, const char *activity, const char *item, orders_db_refund *refunds,
                                       size_t room, size_t *count);

/* Notes that seckill_refund gave a final answer: in Redis the reservation is not sold any more. A confirmed order whose refund
 * is due is refunded by that, and gives its units back: the refund's event changes nothing any more, and if there is none,
 * because a failover lost the confirmation, the order does not keep its units for ever. A refused order waits for its event.
 * Repeating is harmless, and so is an order with no refund due. Own transaction, unless one was begun.
 *   at_ms      when it was refunded
 *   refunded   gets whether this moved the order to refunded */
orders_db_status orders_db_refund_settled(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE],
                                          int64_t at_ms, bool *refunded);

/* ---- orders that Redis is told again, after a failover lost what it wrote last ----
 *
 * A shard that lost something has another epoch than before. Who replays the shard's recent orders to it remembers that epoch
 * here once all of them have a final answer; a shard whose epoch is another one has not been told yet. */

/* Reads which epochs are remembered for an item's shards 0 to `shards` - 1; 0: none. */
orders_db_status orders_db_replayed(orders_db *db, const char *activity, const char *item, uint64_t *epochs, uint32_t shards);

/* Remembers a shard's epoch, 1 to SECKILL_AMOUNT_MAX, in the place of the one before. Own transaction, unless one was begun. */
orders_db_status orders_db_note_replayed(orders_db *db, const char *activity, const char *item, uint32_t shard, uint64_t epoch);

/* The number of the order that was written last; 0: there is none. */
orders_db_status orders_db_last_number(orders_db *db, int64_t *number);

/* ---- queries ---- */

typedef enum {
    ORDERS_DB_CONFIRMED = 0,
    ORDERS_DB_REFUNDED = 1,
    ORDERS_DB_REFUSED_ORDER = 2,
    ORDERS_DB_STATES = 3
} orders_db_state;

/* "confirmed", "refunded", "refused". */
const char *orders_db_state_name(orders_db_state state);

/* An item's account, as one transaction saw it. */
typedef struct {
    const char *activity, *item; /* valid during the callback; as given to orders_db_account */
    bool has_inventory;
    int64_t units_total, units_left;
    int64_t orders[ORDERS_DB_STATES]; /* by state */
    int64_t units[ORDERS_DB_STATES];  /* by state; those of ORDERS_DB_CONFIRMED are sold */
    int64_t refunds_due;
    int64_t unpaid_orders, unpaid_units; /* confirmed, not paid, and no refund due */
} orders_db_item_account;

typedef void (*orders_db_account_cb)(const orders_db_item_account *account, void *user_data);

/* Whether units_total == units_left + units sold. */
bool orders_db_adds_up(const orders_db_item_account *account);

/* Every item that has an inventory row or an order, by activity and item.
 *   activity   NULL: of all activities */
orders_db_status orders_db_accounts(orders_db *db, const char *activity, orders_db_account_cb cb, void *user_data);

/* One item. ORDERS_DB_NOT_FOUND: neither inventory nor orders; `account` is then zero. */
orders_db_status orders_db_account(orders_db *db, const char *activity, const char *item, orders_db_item_account *account);

typedef struct {
    int64_t number; /* 1, 2, ... as they came */
    uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE];
    const char *activity, *item;   /* valid during the callback */
    seckill_bytes user, order_ref; /* the same */
    orders_db_state state;
    uint32_t quantity;
    int64_t price;        /* of one unit, minor units */
    int64_t confirmed_ms; /* the servers' clock; 0: its confirmation was never seen */
    int64_t paid_ms;      /* as given to orders_db_mark_paid; 0: not paid */
    int64_t refunded_ms;  /* 0: not refunded */
    bool refund_due;      /* Redis must still be told to refund it; a confirmed order cannot be paid any more */
} orders_db_order;

typedef void (*orders_db_order_cb)(const orders_db_order *order, void *user_data);

/* One order. The callback runs once, or not at all on ORDERS_DB_NOT_FOUND. */
orders_db_status orders_db_find(orders_db *db, const uint8_t reservation_id[SECKILL_RESERVATION_ID_SIZE], orders_db_order_cb cb,
                                void *user_data);

/* Which orders to list. All zero: the first 100 of all. */
typedef struct {
    const char *activity; /* NULL: of all */
    const char *item;     /* NULL: of all; needs `activity` */
    unsigned states;      /* 1 << state, or'ed; 0: all */
    bool unpaid;          /* only those that were never paid */
    int64_t after_number; /* 0: from the first; else the last one of the page before */
    uint32_t limit;       /* 1 to 100,000; 0: 100 */
} orders_db_filter;

/* Lists orders as they came, a page at a time. */
orders_db_status orders_db_list(orders_db *db, const orders_db_filter *filter, orders_db_order_cb cb, void *user_data);

/* What seckill_confirm takes with SECKILL_CONFIRM_ORDERED to tell Redis of an order again. `order` is whole, and its names are
 * ids that an item can have. */
seckill_reservation_ref orders_db_ref_of(const orders_db_order *order);

/* Whether an order is to stay sold in Redis: it is confirmed, and no refund is due. */
bool orders_db_stays_sold(const orders_db_order *order);

/* A place among an item's orders by the time of their last change: when they were confirmed, or refunded; then by number. */
typedef struct {
    int64_t changed_ms, number;
} orders_db_place;

/* Where an order stands. One that is refunded meanwhile moves on: who goes through a list may meet it twice, but never misses
 * it. */
orders_db_place orders_db_place_of(const orders_db_order *order);

/* Lists an item's orders by their last change, oldest first, a page at a time.
 *   after         the place of the last one of the page before; {T, 0}: begin with those that changed at T
 *   last_number   none that was written later than this one
 *   limit         1 to 100,000 */
orders_db_status orders_db_list_changed(orders_db *db, const char *activity, const char *item, orders_db_place after,
                                        int64_t last_number, uint32_t limit, orders_db_order_cb cb, void *user_data);

/* Whether the list is to go on. */
typedef bool (*orders_db_look_cb)(const orders_db_order *order, void *user_data);

/* Lists the item's orders that changed last before a time, the newest first, until the callback has seen enough.
 *   limit   1 to 100,000
 *   count   gets how many the callback saw */
orders_db_status orders_db_look_back(orders_db *db, const char *activity, const char *item, int64_t before_ms, uint32_t limit,
                                     orders_db_look_cb cb, void *user_data, size_t *count);

#endif
