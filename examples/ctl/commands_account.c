/* account: joins the shards with the orders database, and says whether it all adds up.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L

#include "model.h"
#include "orders.h"
#include "show.h"
#include "table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { POLL_MS = 100 };

/* What is compared. The stock is read before and after the orders: only where both say the same is the comparison exact. */
typedef struct {
    ctl_run *ctl;
    orders_db *db;
    seckill_stock before, after;
    seckill_status status;
    orders_db_item_account orders;
    int64_t wait_ms, seen_orders; /* seen_orders -1: not given */
} item_account;

/* ---- reading ---- */

static void on_total(const seckill_stock_result *result, void *user_data) {
    item_account *account = user_data;
    account->status = result->status;
    account->before = account->after;
    account->after = result->total;
    json_out_status(account->ctl->out, result->status, result->message);
    model_stock(account->ctl->out, result);
    account->ctl->done = 1;
}

static int read_stock(item_account *account) {
    ctl_run *ctl = account->ctl;
    if (!ctl_wait(ctl, seckill_stock_get(ctl->item, 0, on_total, account))) {
        return 0;
    }
    ctl->exit_code = ctl_exit_code(account->status);
    return account->status == SECKILL_OK;
}

static int read_orders(item_account *account) {
    const options_name *name = &account->ctl->name;
    orders_db_status status = orders_db_account(account->db, name->activity, name->item, &account->orders);
    if (status != ORDERS_DB_OK && status != ORDERS_DB_NOT_FOUND) {
        orders_fail(account->ctl, status, orders_db_error(account->db));
        return 0;
    }
    return 1;
}

/* Whether nobody confirmed or refunded anything between the two readings of the stock, and no event was waiting: then every
 * unit that is sold in Redis must stand in the orders. */
static int comparable(const item_account *account) {
    return account->before.sold == account->after.sold && account->before.refunded == account->after.refunded &&
           account->before.events == 0 && account->after.events == 0;
}

/* Units that were sent and not taken; below 0: that were taken, and a failover made their sender forget them. */
static int64_t in_transit(const item_account *account) {
    return account->after.transferred_out - account->after.transferred_in;
}

static int settled(const item_account *account) {
    return comparable(account) && account->after.reserved == 0 && account->orders.refunds_due == 0 && in_transit(account) == 0;
}

/* Reads until everything is settled, or the waiting is over: what is read then is what is judged. */
static int read_all(item_account *account) {
    int64_t deadline = options_now_ms() + account->wait_ms;
    do {
        if (!read_stock(account) || !read_orders(account) || !read_stock(account)) {
            return 0;
        }
        if (account->wait_ms == 0 || settled(account)) {
            return 1;
        }
        run_for(account->ctl->client, POLL_MS);
    } while (options_now_ms() < deadline);
    return 1;
}

/* ---- judging ---- */

/* Notes one check: `holds` 1, 0, or -1 where it cannot be judged now. */
static void check(item_account *account, int holds, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void check(item_account *account, int holds, const char *what, const char *format, ...) {
    char detail[256];
    va_list arguments;
    json_t *object = json_out_object();
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    json_out_text(object, "check", what);
    json_out_text(object, "result", holds > 0 ? "holds" : holds < 0 ? "open" : "violated");
    json_out_text(object, "detail", detail);
    json_out_append(json_object_get(account->ctl->out, "checks"), object);
    if (holds == 0) {
        account->ctl->exit_code = CTL_FAULT;
    }
}

static void check_stock(item_account *account) {
    const seckill_stock *stock = &account->after;
    int64_t owed = show_int(json_object_get(account->ctl->out, "total"), "owed");
    int unmoved = account->wait_ms > 0 ? 0 : -1;
    check(account, strcmp(show_text(account->ctl->out, "account"), "holds") == 0,
          "each shard: loaded + in - out = available + reserved + sold", "see stock get for the shards");
    check(account, in_transit(account) == 0 ? 1 : unmoved, "what one shard sent another took",
          "%" PRId64 " sent, %" PRId64 " taken, in %" PRId64 " transfers", stock->transferred_out, stock->transferred_in,
          stock->transfers);
    check(account, owed == 0 ? 1 : -1, "nothing is owed after a failover", "%" PRId64 " units", owed);
    if (account->wait_ms > 0) {
        check(account, settled(account), "all is settled", "%" PRId64 " units reserved, %" PRId64 " events waiting",
              stock->reserved, stock->events);
    }
}

static void check_orders(item_account *account) {
    const seckill_stock *stock = &account->after;
    const orders_db_item_account *orders = &account->orders;
    int64_t sold = orders->units[ORDERS_DB_CONFIRMED];
    check(account, sold <= stock->loaded, "nothing oversold", "%" PRId64 " units in orders, %" PRId64 " loaded", sold,
          stock->loaded);
    check(account, comparable(account) ? sold == stock->sold : -1, "what is sold stands in the orders, once",
          "%" PRId64 " units sold, %" PRId64 " in orders, %" PRId64 " events waiting", stock->sold, sold, stock->events);
    check(account, orders->has_inventory && orders_db_adds_up(orders), "real inventory = left + in orders",
          "%" PRId64 " = %" PRId64 " + %" PRId64, orders->units_total, orders->units_left, sold);
    check(account, orders->units_total >= stock->loaded, "real inventory covers what is loaded",
          "%" PRId64 " units, %" PRId64 " loaded", orders->units_total, stock->loaded);
    check(account, orders->orders[ORDERS_DB_REFUSED_ORDER] == 0, "no order had to be refused", "%" PRId64 " refused",
          orders->orders[ORDERS_DB_REFUSED_ORDER]);
    if (account->seen_orders >= 0) {
        check(account, account->seen_orders == orders->orders[ORDERS_DB_CONFIRMED], "the orders are those that shoppers saw",
              "%" PRId64 " orders, %" PRId64 " seen", orders->orders[ORDERS_DB_CONFIRMED], account->seen_orders);
    }
}

static void judge(item_account *account) {
    ctl_run *ctl = account->ctl;
    json_out_value(ctl->out, "orders", orders_model(&account->orders));
    json_out_value(ctl->out, "checks", json_out_array());
    check_stock(account);
    check_orders(account);
    if (ctl->exit_code == CTL_FAULT) {
        json_out_text(ctl->out, "status", "does_not_add_up");
        json_out_text(ctl->out, "message", "the account does not add up: see the checks that are violated");
    }
}

static void run_account(ctl_run *ctl) {
    item_account account = {.ctl = ctl, .seen_orders = -1};
    uint32_t wait_ms = 0;
    if (!ctl_value(ctl, "orders")) {
        ctl_usage_error(ctl, "name the orders database: --orders FILE");
        return;
    }
    if (!ctl_duration(ctl, "wait", 3600000, &wait_ms) ||
        !ctl_whole(ctl, "seen-orders", 0, SECKILL_AMOUNT_MAX, &account.seen_orders) || !ctl_open_item(ctl)) {
        return;
    }
    account.wait_ms = wait_ms;
    account.db = orders_open(ctl, ORDERS_DB_READ_ONLY);
    if (account.db && read_all(&account)) {
        judge(&account);
    }
    orders_db_close(account.db);
}

/* ---- showing ---- */

static void show_units(const json_t *out) {
    static const char *const names[] = {"loaded",     "available", "reserved", "sold",    "transfers",
                                        "in_transit", "cancelled", "expired",  "refunded"};
    const json_t *total = json_object_get(out, "total"), *orders = json_object_get(out, "orders");
    const json_t *confirmed = json_object_get(orders, "confirmed");
    text_table *table =
        table_new("units|>loaded|>available|>reserved|>sold|>transfers|>in transit|>came back: cancelled|>expired|>refunded");
    table_text(table, "on the shards");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        table_number(table, show_int(total, names[i]));
    }
    table_end(table, stdout);
    puts("");
    table = table_new("orders|>written|>units|>refunded|>refused|>inventory|>left");
    table_text(table, "in the database");
    table_number(table, show_int(confirmed, "orders"));
    table_number(table, show_int(confirmed, "units"));
    table_number(table, show_int(json_object_get(orders, "refunded"), "orders"));
    table_number(table, show_int(json_object_get(orders, "refused"), "orders"));
    table_number(table, show_int(orders, "inventory"));
    table_number(table, show_int(orders, "left"));
    table_end(table, stdout);
    puts("");
}

static void show_account(json_t *out) {
    const json_t *checks = json_object_get(out, "checks");
    if (!json_object_get(out, "orders")) {
        return;
    }
    show_units(out);
    text_table *table = table_new("check|result|detail");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *one = json_array_get(checks, i);
        table_text(table, show_text(one, "check"));
        table_text(table, strcmp(show_text(one, "result"), "violated") == 0 ? "VIOLATED" : show_text(one, "result"));
        table_text(table, show_text(one, "detail"));
    }
    table_end(table, stdout);
}

static const ctl_option account_options[] = {
    {"orders", "WHERE", "the worker's orders database: FILE, or mysql://USER@HOST[:PORT]/DATABASE[?socket=PATH...]"},
    {"wait", "DURATION", "until nothing is reserved and no event waits, at most so long; then that is a check too"},
    {"seen-orders", "N", "how many orders the shoppers saw: a check too"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_account_commands[] = {
    {"account", "A/I", 1, "shards and orders side by side: does it all add up?",
     "Exit code 4 names what does not. While the sale goes on, what cannot be compared yet is \"open\", which is no fault.",
     account_options, run_account, show_account},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
