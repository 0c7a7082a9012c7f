/* stock load, withdraw, get; transfers finish. What comes from the orders database is in commands_goods.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "goods.h"
#include "model.h"
#include "show.h"
#include "table.h"

#include <string.h>

/* ---- load and withdraw ---- */

typedef seckill_status (*stock_call)(seckill_item *item, const char *operation_id, int64_t amount, uint32_t timeout_ms,
                                     seckill_item_cb cb, void *user_data);

void stock_on_moved(const seckill_item_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    json_out_int(ctl->out, "amount", result->amount);
    model_outcomes(ctl->out, result->outcomes, result->outcome_count);
    ctl->done = 1;
}

const char *stock_operation_id(ctl_run *ctl, const char *kind, char made[OPTIONS_TEXT]) {
    const char *id = ctl_value(ctl, "operation");
    char prefix[16];
    if (id) {
        return id;
    }
    snprintf(prefix, sizeof prefix, "%s-", kind);
    if (!options_new_id(prefix, made)) {
        ctl_usage_error(ctl, "no random numbers from this machine: name the operation with --operation");
        return NULL;
    }
    fprintf(stderr, "operation %s: to repeat this, whatever happens, add --operation %s\n", made, made);
    return made;
}

void stock_bad_operation(ctl_run *ctl, const char *id) {
    ctl_usage_error(ctl, "--operation %s: an id is 1 to %d of A-Z a-z 0-9 . _ -", id, SECKILL_OPERATION_ID_MAX);
}

static void move(ctl_run *ctl, const char *kind, stock_call call) {
    char made[OPTIONS_TEXT];
    int64_t amount;
    if (!options_whole(ctl->operands[1], 1, SECKILL_AMOUNT_MAX, &amount)) {
        ctl_usage_error(ctl, "%s is no amount: a whole number of units from 1 on", ctl->operands[1]);
        return;
    }
    if (!ctl_open_item(ctl)) {
        return;
    }
    const char *id = stock_operation_id(ctl, kind, made);
    if (!id) {
        return;
    }
    json_out_text(ctl->out, "operation", id);
    json_out_int(ctl->out, "asked", amount);
    seckill_status started = call(ctl->item, id, amount, 0, stock_on_moved, ctl);
    if (started == SECKILL_INVALID) {
        stock_bad_operation(ctl, id);
    } else {
        ctl_wait(ctl, started);
    }
}

static void load(ctl_run *ctl) {
    if (ctl_value(ctl, "from-orders-db")) {
        goods_load(ctl);
    } else if (ctl_value(ctl, "orders") || ctl_value(ctl, "goods") || ctl_value(ctl, "goods-key") ||
               ctl_value(ctl, "goods-units")) {
        ctl_usage_error(ctl, "--orders and --goods are for --from-orders-db: say that too, or leave them out");
    } else {
        move(ctl, "load", seckill_stock_load);
    }
}

static void withdraw(ctl_run *ctl) {
    move(ctl, "withdraw", seckill_stock_withdraw);
}

static void show_move(const json_t *out, const char *done) {
    char amount[OPTIONS_TEXT], asked[OPTIONS_TEXT], line[3 * OPTIONS_TEXT];
    options_format_grouped(show_int(out, "amount"), amount);
    options_format_grouped(show_int(out, "asked"), asked);
    snprintf(line, sizeof line, "operation %s: %s %s of %s units", show_text(out, "operation"), done, amount, asked);
    if (json_array_size(json_object_get(out, "outcomes")) == 0) {
        puts(line);
    }
    show_outcomes(out, line);
}

static void show_load(json_t *out) {
    if (json_object_get(out, "direction")) {
        goods_show(out);
    } else {
        show_move(out, "loaded");
    }
}

static void show_withdraw(json_t *out) {
    show_move(out, "withdrew");
}

#define OPERATION_OPTION                                                                                                       \
    { "operation", "ID", "names this operation for ever; repeated with it, it counts once. Default: a new one, printed first" }

static const ctl_option withdraw_options[] = {OPERATION_OPTION, {NULL, NULL, NULL}};

static const ctl_option load_options[] = {
    OPERATION_OPTION,
    {"from-orders-db", NULL, "take the units out of the orders database first"},
    GOODS_OPTIONS,
    {NULL, NULL, NULL},
};

static const ctl_option return_options[] = {OPERATION_OPTION, GOODS_OPTIONS, {NULL, NULL, NULL}};

/* ---- get ---- */

static void get(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_stock_get(ctl->item, 0, model_on_stock, ctl));
    }
}

static const char *const counters[] = {"loaded",   "transferred_in", "transferred_out", "transfers", "available",
                                       "reserved", "sold",           "users",           "queued",    "events"};

static void show_stock(json_t *out) {
    show_shards(out, ">shard|>loaded|>in|>out|>transfers|>available|>reserved|>sold|>users|>queued|>events|account", counters,
                sizeof counters / sizeof counters[0]);
    show_sums(out);
}

/* ---- transfers finish ---- */

static void on_finished(const seckill_transfers_result *result, void *user_data) {
    ctl_run *ctl = user_data;
    ctl_answer(ctl, result->status, result->message);
    json_out_int(ctl->out, "transit", result->transit);
    json_out_int(ctl->out, "owed", result->owed);
    ctl->done = 1;
}

static void finish(ctl_run *ctl) {
    if (ctl_open_item(ctl)) {
        ctl_wait(ctl, seckill_transfers_finish(ctl->item, 0, on_finished, ctl));
    }
}

static void show_finish(json_t *out) {
    char transit[OPTIONS_TEXT], owed[OPTIONS_TEXT];
    options_format_grouped(show_int(out, "transit"), transit);
    options_format_grouped(show_int(out, "owed"), owed);
    printf("what was on its way has arrived; %s units are by now, of newer moves; owed: %s\n", transit, owed);
}

const ctl_command ctl_transfer_commands[] = {
    {"transfers finish", "A/I", 1, "finish what is half done between the shards",
     "A worker does this all the time. Units that a process which died had on their way arrive, and what a failover made a "
     "shard\n"
     "forget to have sent is booked; it then owes what it no longer has, and the next units that come free there pay for it.",
     NULL, finish, show_finish},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};

const ctl_command ctl_stock_commands[] = {
    {"stock load", "A/I AMOUNT", 2, "put units on sale, spread over the shards",
     "May be done while the sale runs. An exit code of 3 says that some shards are not done: repeat it with the same "
     "--operation\n"
     "and amount, as often as you like, from anywhere, until the code is 0.\n"
     "--from-orders-db: AMOUNT, or all of them, leave the goods (--goods) for the item's real inventory, and are put on sale "
     "then;\n"
     "without goods, what of the real inventory is not on sale yet is. Whatever ends that, repeated with the same words it "
     "goes on\n"
     "where it stood; preflight and reconcile --orders name what is not finished.",
     load_options, load, show_load},
    {"stock withdraw", "A/I AMOUNT", 2, "take available units back", "Takes at most what is available, and says how many.",
     withdraw_options, withdraw, show_withdraw},
    {"stock return", "A/I AMOUNT|all", 2, "take what is left of a sale back into the orders database",
     "Takes at most what is available out of Redis, and moves as many from the item's real inventory to the goods (--goods);\n"
     "without goods they stay in the real inventory, off sale. To be repeated as stock load --from-orders-db. Units that are "
     "still\n"
     "reserved, or that requests wait for, may be left over later: another return, with another id, takes them.\n"
     "Exit code 4: Redis gave more than the real inventory has left. They are out of Redis; find out why, then repeat it.",
     return_options, goods_return, goods_show},
    {"stock get", "A/I", 1, "the stock of each shard, with the account checked",
     "queued: requests that wait for a worker to decide them; events: those that wait for the orders side.\n"
     "in, out, transfers: units that came from other shards and went to them, and in how many times. Available units are "
     "negative\n"
     "where a shard owes some: a failover lost that it gave them away.\n"
     "Exit code 4 if the account of a shard does not hold.",
     NULL, get, show_stock},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
