/* order list, get, pay: what stands in the orders database; orders migrate: its tables.
 *
 * SPDX-License-Identifier: MIT
 */
#include "orders.h"
#include "show.h"
#include "table.h"

#include <string.h>

enum { LIST_MAX = 10000 };

static void order_model(json_t *object, const orders_db_order *order) {
    json_out_int(object, "number", order->number);
    json_out_hex(object, "reservation_id", order->reservation_id, sizeof order->reservation_id);
    json_out_text(object, "activity", order->activity);
    json_out_text(object, "item", order->item);
    json_out_bytes(object, "user", order->user);
    json_out_bytes(object, "order_ref", order->order_ref);
    json_out_text(object, "state", orders_db_state_name(order->state));
    json_out_bool(object, "refund_due", order->refund_due);
    json_out_int(object, "quantity", order->quantity);
    json_out_int(object, "price", order->price);
    json_out_time(object, "confirmed", order->confirmed_ms);
    json_out_time(object, "paid", order->paid_ms);
    json_out_time(object, "refunded", order->refunded_ms);
}

/* ---- order list ---- */

static void on_listed_order(const orders_db_order *order, void *user_data) {
    json_t *object = json_out_object();
    order_model(object, order);
    json_out_append(user_data, object);
}

/* --state and --unpaid. 0: they make no sense, and that was said. */
static int take_states(ctl_run *ctl, orders_db_filter *filter) {
    const char *name = ctl_value(ctl, "state");
    filter->unpaid = ctl_value(ctl, "unpaid") != NULL;
    for (unsigned i = 0; name && i < ORDERS_DB_STATES; i++) {
        if (strcmp(name, orders_db_state_name((orders_db_state)i)) == 0) {
            filter->states = 1U << i;
        }
    }
    if (name && filter->states == 0) {
        ctl_usage_error(ctl, "--state %s: confirmed, refunded or refused is wanted", name);
        return 0;
    }
    if (filter->unpaid && name && filter->states != 1U << ORDERS_DB_CONFIRMED) {
        ctl_usage_error(ctl, "--unpaid: only confirmed orders wait for their payment");
        return 0;
    }
    if (filter->unpaid) {
        filter->states = 1U << ORDERS_DB_CONFIRMED;
    }
    return 1;
}

static void list(ctl_run *ctl) {
    orders_db_filter filter = {.activity = ctl->name.activity, .item = ctl->name.item};
    json_t *orders = json_out_array();
    int64_t max = 100;
    json_out_value(ctl->out, "orders", orders);
    if (!ctl_take_item(ctl) || !take_states(ctl, &filter) || !ctl_whole(ctl, "max", 1, LIST_MAX, &max) ||
        !ctl_whole(ctl, "after", 0, INT64_MAX, &filter.after_number)) {
        return;
    }
    orders_db *db = orders_open(ctl, ORDERS_DB_READ_ONLY);
    if (!db) {
        return;
    }
    filter.limit = (uint32_t)max;
    orders_db_status status = orders_db_list(db, &filter, on_listed_order, orders);
    size_t count = json_array_size(orders);
    if (status != ORDERS_DB_OK) {
        orders_fail(ctl, status, orders_db_error(db));
    } else if (count == (size_t)max) {
        json_out_int(ctl->out, "next_after", show_int(json_array_get(orders, count - 1), "number"));
    }
    orders_db_close(db);
}

static void show_order(text_table *table, const json_t *order) {
    const char *paid = show_text(order, "paid");
    table_number(table, show_int(order, "number"));
    table_text(table, show_text(order, "reservation_id"));
    table_text(table, show_text(order, "user"));
    table_text(table, json_is_true(json_object_get(order, "refund_due")) ? "refund due" : show_text(order, "state"));
    table_number(table, show_int(order, "quantity"));
    table_number(table, show_int(order, "price"));
    table_text(table, show_text(order, "confirmed"));
    table_text(table, *paid ? paid : "no");
    table_text(table, show_text(order, "order_ref"));
}

static void show_list(json_t *out) {
    const json_t *orders = json_object_get(out, "orders");
    if (json_array_size(orders) == 0) {
        puts("no such orders");
        return;
    }
    text_table *table = table_new(">number|reservation|user|state|>units|>price|confirmed|paid|order ref");
    for (size_t i = 0; i < json_array_size(orders); i++) {
        show_order(table, json_array_get(orders, i));
    }
    table_end(table, stdout);
    if (json_object_get(out, "next_after")) {
        printf("\nthere may be more: --after %lld\n", (long long)show_int(out, "next_after"));
    }
}

/* ---- order get, order pay ---- */

static void on_order(const orders_db_order *order, void *user_data) {
    ctl_run *ctl = user_data;
    order_model(ctl->out, order);
}

static int take_id(ctl_run *ctl, uint8_t id[SECKILL_RESERVATION_ID_SIZE]) {
    if (!options_reservation_id(ctl->operands[0], id)) {
        ctl_usage_error(ctl, "%s is no reservation: 32 hexadecimal digits are wanted", ctl->operands[0]);
        return 0;
    }
    return 1;
}

static void get(ctl_run *ctl) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    orders_db *db = take_id(ctl, id) ? orders_open(ctl, ORDERS_DB_READ_ONLY) : NULL;
    if (!db) {
        return;
    }
    orders_db_status status = orders_db_find(db, id, on_order, ctl);
    if (status != ORDERS_DB_OK) {
        orders_fail(ctl, status, orders_db_error(db));
    }
    orders_db_close(db);
}

/* With --json the order stands beside the answer, whatever that is: of one that cannot be paid it says why. */
static void pay(ctl_run *ctl) {
    uint8_t id[SECKILL_RESERVATION_ID_SIZE];
    char cause[ORDERS_DB_ERROR_SIZE];
    orders_db *db = take_id(ctl, id) ? orders_open(ctl, 0) : NULL;
    if (!db) {
        return;
    }
    orders_db_status status = orders_db_mark_paid(db, id, options_now_ms());
    snprintf(cause, sizeof cause, "%s", orders_db_error(db));
    orders_db_status found = orders_db_find(db, id, on_order, ctl);
    if (status != ORDERS_DB_OK) {
        orders_fail(ctl, status, cause);
    } else if (found != ORDERS_DB_OK) {
        orders_fail(ctl, found, orders_db_error(db));
    }
    orders_db_close(db);
}

static const ctl_option list_options[] = {
    {"orders", "WHERE", "the worker's orders database: FILE, or mysql://USER@HOST[:PORT]/DATABASE[?socket=PATH...]"},
    {"state", "STATE", "only confirmed, refunded or refused ones"},
    {"unpaid", NULL, "only confirmed ones that are not marked as paid"},
    {"max", "N", "at most so many, 1 to 10,000; default 100"},
    {"after", "NUMBER", "the next page: those that came after that order"},
    {NULL, NULL, NULL},
};

static const ctl_option order_options[] = {
    {"orders", "WHERE", "the worker's orders database: FILE, or mysql://USER@HOST[:PORT]/DATABASE[?socket=PATH...]"},
    {NULL, NULL, NULL},
};

/* ---- the tables ---- */

static void on_step(const char *step, void *user_data) {
    (void)json_array_append_new(user_data, json_string(step));
}

static void migrate(ctl_run *ctl) {
    const char *where = ctl_value(ctl, "orders");
    int dry_run = ctl_value(ctl, "dry-run") != NULL;
    char error[ORDERS_DB_ERROR_SIZE];
    json_t *steps = json_out_array();
    json_out_value(ctl->out, "steps", steps);
    json_out_bool(ctl->out, "dry_run", dry_run);
    if (!where) {
        ctl_usage_error(ctl, "name the orders database: --orders FILE, or mysql://USER@HOST/DATABASE");
        return;
    }
    orders_db_status status = orders_db_migrate(where, dry_run, on_step, steps, error);
    if (status != ORDERS_DB_OK) {
        orders_fail(ctl, status, error);
    }
}

static void show_steps(json_t *out) {
    const json_t *steps = json_object_get(out, "steps");
    int dry_run = json_is_true(json_object_get(out, "dry_run"));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        printf("%s%s\n", dry_run ? "would " : "", json_string_value(json_array_get(steps, i)));
    }
    puts(json_array_size(steps) == 0 ? "the tables are of this release: nothing to do"
         : dry_run                   ? "nothing was changed"
                                     : "done");
}

static const ctl_option migrate_options[] = {
    {"orders", "WHERE", "the worker's orders database: FILE, or mysql://USER@HOST[:PORT]/DATABASE[?socket=PATH...]"},
    {"dry-run", NULL, "only say what would be done"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_order_commands[] = {
    {"order list", "A/I", 1, "an item's orders, as they came", NULL, list_options, list, show_list},
    {"order get", "RESERVATION", 1, "one order, by its reservation", NULL, order_options, get, NULL},
    {"order pay", "RESERVATION", 1, "mark an order as paid",
     "An order whose refund is due, because it was not paid in time, or that is no confirmed order any more, is refused: exit "
     "code "
     "1.\nRepeating is harmless; the first time stands. An order that is not found may just not have been written yet.",
     order_options, pay, NULL},
    {"orders migrate", "", 0, "make the orders database's tables, or bring them to this release",
     "Says each step. Repeating changes nothing; one that was ended half-way is finished by running it again. Tables of "
     "another "
     "program, or of a newer release, are refused.\nMySQL: needs the rights to make tables and triggers, which workers do not; "
     "the triggers stay in the name of the user who made them, so do not drop that one. A SQLite file gets its tables from "
     "whoever opens it, too.",
     migrate_options, migrate, show_steps},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
