/* reconcile: proves the account of an item, or of all items of an activity, while they are sold.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"
#include "orders.h"
#include "reconcile.h"
#include "show.h"

#include <inttypes.h>
#include <string.h>

enum { FAULTS_NAMED = 1000, FAULTS_NAMED_MAX = 100000, PATIENCE_MS = 2000 };

/* ---- the shards ---- */

static void on_seen_record(uint32_t shard, const seckill_user_reservation *seen, void *user_data) {
    (void)shard;
    reconciliation *r = user_data;
    r->seen_records++;
    reconcile_progress(r);
    if (r->db) {
        reconcile_see_record(r, seen);
    }
}

static void on_seen_event(uint32_t shard, const seckill_event *event, void *user_data) {
    reconciliation *r = user_data;
    (void)shard;
    r->seen_events++;
    reconcile_progress(r);
    if (r->db) {
        reconcile_see_event(r, event);
    }
}

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
#define NUMBER(member)                                                                                                         \
    { #member, offsetof(seckill_account, member) }
    NUMBER(loaded),   NUMBER(transferred_in), NUMBER(transferred_out), NUMBER(available), NUMBER(reserved), NUMBER(sold),
    NUMBER(refunded), NUMBER(users),          NUMBER(reservations),    NUMBER(events),    NUMBER(queued),
#undef NUMBER
};

/* The numbers of a shard into its object, and onto the sum. All are of eight bytes. */
static void put_numbers(json_t *object, const seckill_account *account, json_t *total) {
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t number;
        memcpy(&number, (const char *)account + numbers[i].offset, sizeof number);
        json_out_int(object, numbers[i].name, number);
        json_out_int(total, numbers[i].name, show_int(total, numbers[i].name) + number);
    }
}

static json_t *shard_model(const seckill_account *account, json_t *total) {
    json_t *object = json_out_object();
    json_out_int(object, "shard", account->shard);
    json_out_status(object, account->status, NULL);
    if (account->status == SECKILL_OK) {
        json_out_int(object, "epoch", (int64_t)account->epoch);
        put_numbers(object, account, total);
    }
    return object;
}

static void on_reconciled(const seckill_reconcile_result *result, void *user_data) {
    reconciliation *r = user_data;
    json_t *out = r->ctl->out, *shards = json_out_array(), *total = json_out_object();
    ctl_answer(r->ctl, result->status, result->message);
    for (size_t i = 0; i < result->count; i++) {
        json_out_append(shards, shard_model(&result->shards[i], total));
    }
    json_out_int(total, "in_transit", result->transit);
    json_out_int(total, "owed", result->owed);
    json_out_int(total, "overdue", result->overdue);
    json_out_value(out, "shards", shards);
    json_out_value(out, "total", total);
    json_out_time(out, "server_time", result->server_time_ms);
    r->ctl->done = 1;
}

/* ---- one item ---- */

static void on_info(const seckill_item_result *result, void *user_data) {
    reconciliation *r = user_data;
    ctl_answer(r->ctl, result->status, result->message);
    if (result->info) {
        memcpy(r->seed, result->info->seed, sizeof r->seed);
        r->shards = result->info->settings->shards;
    }
    r->ctl->done = 1;
}

static void say_faults(ctl_run *ctl, int64_t found, int64_t repaired, const char *advice) {
    char message[200];
    snprintf(message, sizeof message, "%" PRId64 " fault%s, %" PRId64 " repaired%s", found, found == 1 ? "" : "s", repaired,
             repaired == found ? advice : "");
    json_out_text(ctl->out, "status", "does_not_add_up");
    json_out_text(ctl->out, "class", "final");
    ctl_fault(ctl, message);
}

/* What was found outweighs what could not be read. */
static void conclude_item(reconciliation *r) {
    ctl_run *ctl = r->ctl;
    reconcile_explain(r);
    json_out_int(ctl->out, "fault_count", r->item_found);
    json_out_int(ctl->out, "repaired_count", r->item_repaired);
    if (r->item_found == 0) {
        return;
    }
    if (ctl->exit_code != CTL_OK) {
        json_out_text(ctl->out, "incomplete", show_text(ctl->out, "message"));
    }
    say_faults(ctl, r->item_found, r->item_repaired, "");
}

static int pass(reconciliation *r, const seckill_reconcile_options *options) {
    return ctl_wait(r->ctl, seckill_reconcile(r->ctl->item, options, on_reconciled, r)) && r->ctl->exit_code == CTL_OK;
}

static void read_item(reconciliation *r) {
    ctl_run *ctl = r->ctl;
    if (!ctl_wait(ctl, seckill_item_get(ctl->item, 0, on_info, r)) || ctl->exit_code != CTL_OK || !pass(r, &r->options)) {
        return;
    }
    if (r->db) {
        reconcile_finish_orders(r);
    }
    if (reconcile_wants_second_pass(r)) {
        seckill_reconcile_options options = r->options;
        options.flags |= SECKILL_RECONCILE_GIVE_BACK;
        options.on_fault = reconcile_on_second_fault;
        options.on_reservation = NULL;
        options.on_event = NULL;
        (void)pass(r, &options);
    }
}

/* An item's own object; ctl->name says which, and ctl->exit_code what came of it. */
static json_t *reconcile_item(reconciliation *r) {
    ctl_run *ctl = r->ctl;
    json_t *whole = ctl->out, *part = json_out_object();
    json_out_text(part, "item", ctl->name.item);
    json_out_value(part, "faults", json_out_array());
    ctl->out = part;
    ctl->exit_code = CTL_OK;
    r->item_found = r->item_repaired = r->seen_records = r->seen_events = 0;
    r->has_strange_events = false;
    r->held_back = r->db ? "not all of it was looked at" : NULL;
    memset(r->findings, 0, sizeof r->findings);
    reconcile_begin_orders(r);
    seckill_status status = seckill_item_open(ctl->client, ctl->name.activity, ctl->name.item, &ctl->item);
    if (status == SECKILL_OK) {
        read_item(r);
    } else {
        ctl_answer(ctl, status, NULL);
    }
    conclude_item(r);
    reconcile_progress_end();
    seckill_item_close(ctl->item);
    ctl->item = NULL;
    ctl->out = whole;
    return part;
}

/* ---- all of them ---- */

/* The names of the items that are asked for. NULL: they could not be read, and that was said. */
static json_t *item_names(ctl_run *ctl, bool is_item) {
    json_t *names = NULL;
    if (is_item) {
        names = json_out_array();
        json_out_append(names, json_string(ctl->name.item));
    } else if (ctl_wait(ctl, seckill_item_list(ctl->client, ctl->name.activity, 0, model_on_list, ctl)) &&
               ctl->exit_code == CTL_OK) {
        names = json_incref(json_object_get(ctl->out, "items"));
    }
    return names;
}

static int64_t sum_of(const json_t *items, const char *member) {
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        sum += show_int(json_object_get(json_array_get(items, i), "total"), member);
    }
    return sum;
}

static void say_it_adds_up(const reconciliation *r, const json_t *items) {
    char loaded[OPTIONS_TEXT], sold[OPTIONS_TEXT], records[OPTIONS_TEXT], orders[OPTIONS_TEXT], message[512];
    int64_t compared = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        compared += show_int(json_object_get(json_array_get(items, i), "orders"), "orders_compared");
    }
    options_format_grouped(sum_of(items, "loaded"), loaded);
    options_format_grouped(sum_of(items, "sold"), sold);
    options_format_grouped(sum_of(items, "reservations"), records);
    options_format_grouped(compared, orders);
    int size = snprintf(message, sizeof message, "It adds up: %s units loaded, %s of them sold, %s reservations", loaded, sold,
                        records);
    if (r->db) {
        snprintf(message + size, sizeof message - (size_t)size, ", %s orders", orders);
    }
    json_out_text(r->ctl->out, "message", message);
}

/* The worst of all items is the command's; where there are faults their number is. */
static void conclude(reconciliation *r, json_t *items, int worst, const json_t *worst_item) {
    ctl_run *ctl = r->ctl;
    json_out_int(ctl->out, "fault_count", r->found);
    json_out_int(ctl->out, "repaired_count", r->repaired);
    json_out_int(ctl->out, "unnamed", r->found - r->named);
    ctl->exit_code = worst;
    if (worst_item) {
        json_out_text(ctl->out, "status", show_text(worst_item, "status"));
        json_out_text(ctl->out, "class", show_text(worst_item, "class"));
        json_out_text(ctl->out, "message", show_text(worst_item, "message"));
    }
    if (r->found > 0) {
        say_faults(ctl, r->found, r->repaired, ": run it again to see that it adds up");
    } else if (worst == CTL_OK) {
        say_it_adds_up(r, items);
    }
}

static void reconcile_items(reconciliation *r, const json_t *names) {
    ctl_run *ctl = r->ctl;
    int worst = CTL_OK;
    json_t *items = json_out_array();
    const json_t *worst_item = NULL;
    for (size_t i = 0; i < json_array_size(names); i++) {
        snprintf(ctl->name.item, sizeof ctl->name.item, "%s", json_string_value(json_array_get(names, i)));
        json_out_append(items, reconcile_item(r));
        if (ctl->exit_code > worst) {
            worst = ctl->exit_code;
            worst_item = json_array_get(items, i);
        }
    }
    json_out_value(ctl->out, "items", items);
    conclude(r, items, worst, worst_item);
}

static int take_options(reconciliation *r) {
    ctl_run *ctl = r->ctl;
    bool repairs = ctl_value(ctl, "repair") != NULL;
    r->gives_back = ctl_value(ctl, "give-back") != NULL;
    if (r->gives_back && !repairs) {
        ctl_usage_error(ctl, "--give-back goes with --repair");
        return 0;
    }
    if (!ctl_whole(ctl, "max-faults", 0, FAULTS_NAMED_MAX, &r->max_faults) ||
        !ctl_duration(ctl, "patience", 600000, &r->patience_ms) ||
        !ctl_duration(ctl, "within", 3600000, &r->options.timeout_ms)) {
        return 0;
    }
    r->options.flags = repairs ? SECKILL_RECONCILE_REPAIR : 0;
    r->options.on_fault = reconcile_on_fault;
    r->options.on_reservation = on_seen_record;
    r->options.on_event = on_seen_event;
    if (ctl_value(ctl, "orders")) {
        r->db = orders_open(ctl, repairs ? 0 : ORDERS_DB_READ_ONLY);
    } else if (r->gives_back) {
        r->options.flags |= SECKILL_RECONCILE_GIVE_BACK; /* with orders only after they were looked at */
    }
    return r->db || !ctl_value(ctl, "orders");
}

static void reconcile(ctl_run *ctl) {
    static reconciliation run; /* large */
    reconciliation *r = &run;
    int is_item = 0;
    *r = (reconciliation){
        .ctl = ctl, .options = SECKILL_RECONCILE_OPTIONS_INIT, .max_faults = FAULTS_NAMED, .patience_ms = PATIENCE_MS};
    if (!ctl_take_item_or_activity(ctl, &is_item)) {
        return;
    }
    json_t *names = take_options(r) && ctl_open_client(ctl) ? item_names(ctl, is_item) : NULL;
    if (names) {
        reconcile_items(r, names);
    }
    json_decref(names);
    doubts_free(&r->check.doubts);
    orders_db_close(r->db);
}

static const ctl_option reconcile_options[] = {
    {"orders", "WHERE", "the worker's orders database: each reservation is compared with its order, and the real inventory"},
    {"repair", NULL, "set right what is proven; each repair is logged on standard error"},
    {"give-back", NULL, "with --repair: counters also where units become available by it; see above"},
    {"patience", "DURATION", "how long an order or the inventory must look wrong to be called so, to 10m; default 2s"},
    {"max-faults", "N", "name at most so many, 0 to 100,000, and count the others; default 1,000"},
    {"within", "DURATION", "give up on an item after so long, to 1h; default 10m"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_reconcile_commands[] = {
    {"reconcile", "A[/I]", 1, "prove that no unit is lost and none is there twice, while the sale goes on",
     "Adds up every record and holds the sums against the counters of each shard, shard against shard, what ends against what "
     "says\n"
     "when, events and queue; with --orders each reservation against its order, and the real inventory. Exact, in small "
     "steps.\n"
     "--repair leaves counters as they are where units would become available by it: a record that is missing may have been a "
     "sale,\n"
     "and only the orders know. --give-back mends these too. Give it together with --orders: then each order without a "
     "reservation\n"
     "is confirmed again first, and nothing is given back while orders are on their way. Without --orders look there yourself "
     "first.\n"
     "Exit code 4: faults were found, also where this run has repaired all of them: run it again. 3: a shard could not be "
     "read, or\n"
     "too many orders are not written yet.",
     reconcile_options, reconcile, reconcile_show},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
