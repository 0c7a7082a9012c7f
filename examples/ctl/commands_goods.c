/* stock load --from-orders-db, stock return: units from a table of the shop's own into a sale, and what is left of it back.
 *
 * Each of the two has three steps, and what was done is known by the operation's id before and after each: noted in the
 * database (a load's units are moved to the real inventory by that), done in Redis, ended in the database (a return's units are
 * moved back by that). So the same command goes on wherever another one was ended.
 *
 * SPDX-License-Identifier: MIT
 */
#include "goods.h"
#include "orders.h"
#include "show.h"

#include <inttypes.h>
#include <string.h>

enum { COLUMN_SIZE = 65, COMMAND_SIZE = 2048 };

typedef struct {
    ctl_run *ctl;
    orders_db *db;
    orders_db_allocation allocation;
    orders_db_goods goods;
    char key_column[COLUMN_SIZE], made[OPTIONS_TEXT];
    orders_db_seen seen;
    seckill_stock_result stock; /* its status and total alone */
} goods_run;

/* ---- the command line ---- */

/* "COLUMN=VALUE". */
static int take_key(goods_run *run, const char *key) {
    const char *equals = key ? strchr(key, '=') : NULL;
    if (!equals || (size_t)(equals - key) >= sizeof run->key_column) {
        ctl_usage_error(run->ctl, "--goods-key: COLUMN=VALUE is wanted");
        return 0;
    }
    snprintf(run->key_column, sizeof run->key_column, "%.*s", (int)(equals - key), key);
    run->goods.key_column = run->key_column;
    run->goods.key_value = equals + 1;
    return 1;
}

static int take_goods(goods_run *run) {
    ctl_run *ctl = run->ctl;
    run->goods.table = ctl_value(ctl, "goods");
    run->goods.units_column = ctl_value(ctl, "goods-units");
    if (!run->goods.table != !run->goods.units_column || !run->goods.table != !ctl_value(ctl, "goods-key")) {
        ctl_usage_error(ctl, "--goods, --goods-key and --goods-units go together");
        return 0;
    }
    run->allocation.goods = run->goods.table ? &run->goods : NULL;
    return !run->goods.table || take_key(run, ctl_value(ctl, "goods-key"));
}

static int take_amount(goods_run *run) {
    const char *amount = run->ctl->operands[1];
    if (strcmp(amount, "all") == 0 || options_whole(amount, 1, SECKILL_AMOUNT_MAX, &run->allocation.asked)) {
        return 1;
    }
    ctl_usage_error(run->ctl, "%s is no amount: a whole number of units from 1 on, or all", amount);
    return 0;
}

static int take_operation(goods_run *run, const char *kind) {
    ctl_run *ctl = run->ctl;
    const char *id = stock_operation_id(ctl, kind, run->made);
    if (id && !options_is_id(id)) { /* the same letters, and as many */
        stock_bad_operation(ctl, id);
        return 0;
    }
    run->allocation.activity = ctl->name.activity;
    run->allocation.item = ctl->name.item;
    run->allocation.operation = id;
    json_out_text(ctl->out, "operation", id);
    return id != NULL;
}

/* ---- steps ---- */

/* The outcome of the database's part. 0: it failed, and that was said. */
static int ok(goods_run *run, orders_db_status status) {
    if (status != ORDERS_DB_OK) {
        orders_fail(run->ctl, status, orders_db_error(run->db));
    }
    return status == ORDERS_DB_OK;
}

static void on_stock(const seckill_stock_result *result, void *user_data) {
    goods_run *run = user_data;
    run->stock.status = result->status;
    run->stock.total = result->total;
    run->ctl->done = 1;
}

/* Also sees that Redis answers and the item is defined before anything is moved. */
static int read_stock(goods_run *run) {
    ctl_run *ctl = run->ctl;
    if (!ctl_wait(ctl, seckill_stock_get(ctl->item, 0, on_stock, run))) {
        return 0;
    }
    if (run->stock.status != SECKILL_OK) {
        ctl_answer(ctl, run->stock.status, NULL);
    }
    run->seen.loaded = run->stock.total.loaded;
    return run->stock.status == SECKILL_OK;
}

static int begin(goods_run *run) {
    const orders_db_allocation *a = &run->allocation;
    return ok(run, orders_db_see_allocations(run->db, a->activity, a->item, &run->seen)) && read_stock(run) &&
           ok(run, orders_db_allocate(run->db, &run->allocation, &run->seen, options_now_ms()));
}

static int move_in_redis(goods_run *run) {
    ctl_run *ctl = run->ctl;
    const orders_db_allocation *a = &run->allocation;
    int64_t asked = a->asked ? a->asked : SECKILL_AMOUNT_MAX;
    return ctl_wait(ctl, a->direction == ORDERS_DB_LOAD
                             ? seckill_stock_load(ctl->item, a->operation, a->units, 0, stock_on_moved, ctl)
                             : seckill_stock_withdraw(ctl->item, a->operation, asked, 0, stock_on_moved, ctl)) &&
           (ctl->exit_code == CTL_OK || strcmp(show_text(ctl->out, "status"), "conflict") == 0);
}

/* What Redis gave cannot be put where it belongs: a person has to see to it. */
static void say_between(goods_run *run, const char *cause, int64_t units) {
    char message[ORDERS_DB_ERROR_SIZE + 200];
    snprintf(message, sizeof message,
             "%" PRId64
             " units are out of Redis, and still in the real inventory: %s; see to that (seckill-ctl reconcile), then "
             "repeat with --operation %s",
             units, cause, run->allocation.operation);
    json_out_text(run->ctl->out, "status", "does_not_add_up");
    ctl_fault(run->ctl, message);
}

static void end(goods_run *run) {
    ctl_run *ctl = run->ctl;
    orders_db_allocation *a = &run->allocation;
    orders_db_progress progress = ctl->exit_code == CTL_OK ? ORDERS_DB_DONE : ORDERS_DB_UNDONE;
    int64_t units = progress == ORDERS_DB_DONE ? show_int(ctl->out, "amount") : 0;
    orders_db_status status = orders_db_allocation_end(run->db, a, progress, units, options_now_ms());
    if ((status == ORDERS_DB_REFUSED || status == ORDERS_DB_NOT_FOUND) && units > 0) {
        say_between(run, orders_db_error(run->db), units);
    } else {
        ok(run, status);
    }
}

static void say_undone(goods_run *run) {
    char message[256];
    snprintf(message, sizeof message,
             "Redis knows operation %s of this item as something else, so it was undone: take another id",
             run->allocation.operation);
    ctl_answer(run->ctl, SECKILL_CONFLICT, message);
}

/* ---- the commands ---- */

static void run_steps(goods_run *run) {
    ctl_run *ctl = run->ctl;
    orders_db_allocation *a = &run->allocation;
    if (!begin(run)) {
        return;
    }
    if (a->progress == ORDERS_DB_BEGUN) {
        if (!move_in_redis(run)) {
            return;
        }
        end(run);
    }
    json_out_text(ctl->out, "progress", orders_db_progress_name(a->progress));
    json_out_int(ctl->out, "amount", a->units);
    if (a->progress == ORDERS_DB_UNDONE) {
        say_undone(run);
    }
}

/* What may come back by itself is no more than told: it is not of this operation. */
static void tell_reserved(goods_run *run) {
    ctl_run *ctl = run->ctl;
    if (ctl->exit_code == CTL_OK && ctl_wait(ctl, seckill_stock_get(ctl->item, 0, on_stock, run)) &&
        run->stock.status == SECKILL_OK) {
        json_out_int(ctl->out, "reserved", run->stock.total.reserved);
        json_out_int(ctl->out, "queued", run->stock.total.queued);
    }
}

static void run_goods(ctl_run *ctl, orders_db_direction direction) {
    goods_run run = {.ctl = ctl, .allocation.direction = direction};
    if (!take_amount(&run) || !take_goods(&run) || !ctl_open_item(ctl)) {
        return;
    }
    json_out_text(ctl->out, "direction", orders_db_direction_name(direction));
    json_out_text(ctl->out, "goods", run.goods.table);
    run.db = orders_open(ctl, 0);
    if (run.db && take_operation(&run, orders_db_direction_name(direction))) {
        run_steps(&run);
        if (direction == ORDERS_DB_RETURN) {
            tell_reserved(&run);
        }
    }
    orders_db_close(run.db);
}

void goods_load(ctl_run *ctl) {
    run_goods(ctl, ORDERS_DB_LOAD);
}

void goods_return(ctl_run *ctl) {
    run_goods(ctl, ORDERS_DB_RETURN);
}

/* ---- showing ---- */

void goods_show(json_t *out) {
    char amount[OPTIONS_TEXT], reserved[OPTIONS_TEXT], queued[OPTIONS_TEXT];
    const char *goods = show_text(out, "goods");
    bool is_load = strcmp(show_text(out, "direction"), "load") == 0;
    show_outcomes(out, "moved");
    if (strcmp(show_text(out, "progress"), "done") != 0) {
        return;
    }
    options_format_grouped(show_int(out, "amount"), amount);
    printf("operation %s: %s %s units %s %s\n", show_text(out, "operation"), is_load ? "loaded" : "returned", amount,
           is_load ? "from" : "to", *goods ? goods : "the real inventory");
    if (show_int(out, "reserved") > 0 || show_int(out, "queued") > 0) {
        options_format_grouped(show_int(out, "reserved"), reserved);
        options_format_grouped(show_int(out, "queued"), queued);
        printf("still reserved: %s units, requests that wait: %s; another return, when these have ended, takes what is left of "
               "them\n",
               reserved, queued);
    }
}

/* ---- operations that are not finished ---- */

typedef struct {
    const char *where;
    json_t *array;
} open_list;

/* A word of a command, as a shell reads it. */
static void put_word(char command[COMMAND_SIZE], const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@,+";
    size_t size = strlen(command);
    bool is_plain = *word && strspn(word, plain) == strlen(word);
    size += (size_t)snprintf(command + size, COMMAND_SIZE - size, "%s", is_plain ? " " : " '");
    for (; *word && size + 8 < COMMAND_SIZE; word++) {
        size += (size_t)snprintf(command + size, COMMAND_SIZE - size, "%s%c", *word == '\'' ? "'\\'" : "", *word);
    }
    snprintf(command + size, COMMAND_SIZE - size, "%s", is_plain ? "" : "'");
}

static void put_option(char command[COMMAND_SIZE], const char *option, const char *value) {
    put_word(command, option);
    put_word(command, value);
}

static void finish_command(const orders_db_allocation *a, const char *where, char command[COMMAND_SIZE]) {
    char key[COLUMN_SIZE + 192];
    snprintf(command, COMMAND_SIZE, "seckill-ctl stock %s %s/%s", orders_db_direction_name(a->direction), a->activity, a->item);
    snprintf(key, sizeof key, "%" PRId64, a->asked);
    put_word(command, a->asked ? key : "all");
    if (a->direction == ORDERS_DB_LOAD) {
        put_word(command, "--from-orders-db");
    }
    put_option(command, "--orders", where);
    if (a->goods) {
        snprintf(key, sizeof key, "%s=%s", a->goods->key_column, a->goods->key_value);
        put_option(command, "--goods", a->goods->table);
        put_option(command, "--goods-key", key);
        put_option(command, "--goods-units", a->goods->units_column);
    }
    put_option(command, "--operation", a->operation);
}

static void on_open(const orders_db_allocation *a, void *user_data) {
    const open_list *list = user_data;
    json_t *object = json_out_object();
    char command[COMMAND_SIZE];
    finish_command(a, list->where, command);
    json_out_text(object, "operation", a->operation);
    json_out_text(object, "direction", orders_db_direction_name(a->direction));
    json_out_int(object, "units", a->units ? a->units : a->asked);
    json_out_time(object, "begun", a->begun_ms);
    json_out_text(object, "finish", command);
    json_out_append(list->array, object);
}

orders_db_status goods_open_operations(orders_db *db, const options_name *name, const char *where, json_t **open) {
    open_list list = {where, *open = json_out_array()};
    return orders_db_open_allocations(db, name->activity, name->item, on_open, &list);
}
