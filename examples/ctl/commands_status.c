/* status: all items of an activity, or the shards of one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl.h"
#include "model.h"
#include "show.h"
#include "table.h"

#include <string.h>

/* ---- all items: settings and stock of each ---- */

/* Asks one call with `part` in the place of ctl->out, so that the callbacks fill the item's own object. */
static int ask(ctl_run *ctl, json_t *part, seckill_status started) {
    json_t *whole = ctl->out;
    ctl->out = part;
    int asked = ctl_wait(ctl, started);
    ctl->out = whole;
    return asked && ctl->exit_code == CTL_OK;
}

/* The worst exit code of all items is the command's. */
static json_t *item_status(ctl_run *ctl, const char *item, int *worst) {
    json_t *part = json_out_object();
    json_out_text(part, "item", item);
    json_out_status(part, SECKILL_OK, NULL);
    ctl->exit_code = CTL_OK;
    seckill_status opened = seckill_item_open(ctl->client, ctl->operands[0], item, &ctl->item);
    if (opened != SECKILL_OK) {
        json_out_status(part, opened, NULL);
        ctl->exit_code = ctl_exit_code(opened);
    } else if (ask(ctl, part, seckill_item_get(ctl->item, 0, model_on_item, ctl))) {
        ask(ctl, part, seckill_stock_get(ctl->item, 0, model_on_stock, ctl));
    }
    seckill_item_close(ctl->item);
    ctl->item = NULL;
    *worst = ctl->exit_code > *worst ? ctl->exit_code : *worst;
    return part;
}

static void status_of_activity(ctl_run *ctl) {
    int worst = CTL_OK;
    json_out_text(ctl->out, "activity", ctl->operands[0]);
    if (!ctl_open_client(ctl) || !ctl_wait(ctl, seckill_item_list(ctl->client, ctl->operands[0], 0, model_on_list, ctl)) ||
        ctl->exit_code != CTL_OK) {
        return;
    }
    json_t *names = json_incref(json_object_get(ctl->out, "items")), *items = json_out_array();
    for (size_t i = 0; i < json_array_size(names); i++) {
        json_out_append(items, item_status(ctl, json_string_value(json_array_get(names, i)), &worst));
    }
    json_decref(names);
    json_out_value(ctl->out, "items", items);
    ctl->exit_code = worst;
    if (worst != CTL_OK) {
        json_out_text(ctl->out, "status", "incomplete");
        json_out_text(ctl->out, "message", "an item could not be read, or does not add up: see its own status");
    }
}

static void show_item_row(text_table *table, const json_t *item) {
    static const char *const names[] = {"loaded", "available", "reserved", "sold"};
    const json_t *total = json_object_get(item, "total");
    int read = strcmp(show_text(item, "status"), "ok") == 0;
    table_text(table, show_text(item, "item"));
    table_text(table, json_object_get(item, "phase") ? show_text(item, "phase") : "?");
    table_number(table, show_int(item, "price"));
    table_number(table, show_int(item, "limit"));
    table_text(table, show_text(item, "start"));
    table_text(table, show_text(item, "end"));
    table_number(table, show_int(item, "shard_count"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        table_number(table, show_int(total, names[i]));
    }
    table_text(table, read ? show_text(item, "account") : show_text(item, "message"));
}

static void show_activity(json_t *out) {
    const json_t *items = json_object_get(out, "items");
    if (json_array_size(items) == 0) {
        printf("activity %s has no items\n", show_text(out, "activity"));
        return;
    }
    text_table *table = table_new("item|state|>price|>limit|start|end|>shards|>loaded|>available|>reserved|>sold|account");
    for (size_t i = 0; i < json_array_size(items); i++) {
        show_item_row(table, json_array_get(items, i));
    }
    table_end(table, stdout);
}

/* ---- one item ---- */

static void status_of_item(ctl_run *ctl) {
    if (ctl_open_item(ctl) && ask(ctl, ctl->out, seckill_item_get(ctl->item, 0, model_on_item, ctl))) {
        json_object_del(ctl->out, "outcomes");
        ask(ctl, ctl->out, seckill_stock_get(ctl->item, 0, model_on_stock, ctl));
    }
}

static void show_item(json_t *out) {
    static const char *const members[] = {"node", "available", "reserved",         "sold", "queued", "events", "transfers",
                                          "owed", "users",     "settings_version", "since"};
    const json_t *total = json_object_get(out, "total");
    char left[OPTIONS_TEXT], loaded[OPTIONS_TEXT], price[OPTIONS_TEXT];
    const char *end = show_text(out, "end");
    options_format_grouped(show_int(total, "available"), left);
    options_format_grouped(show_int(total, "loaded"), loaded);
    options_format_grouped(show_int(out, "price"), price);
    printf("%s/%s: %s; from %s to %s\n", show_text(out, "activity"), show_text(out, "item"), show_text(out, "phase"),
           show_int(out, "start_ms") ? show_text(out, "start") : "the beginning", *end ? end : "no end");
    printf("%s of %s units left; price %s, limit %lld for each user; settings version %lld\n\n", left, loaded, price,
           (long long)show_int(out, "limit"), (long long)show_int(out, "version"));
    show_shards(out,
                ">shard|node|>available|>reserved|>sold|>queued|>events|>transfers|>owed|>users|>settings|epoch since|account",
                members, sizeof members / sizeof members[0]);
    show_sums(out);
}

static void status(ctl_run *ctl) {
    (strchr(ctl->operands[0], '/') ? status_of_item : status_of_activity)(ctl);
}

static void show_status(json_t *out) {
    (json_object_get(out, "item") ? show_item : show_activity)(out);
}

const ctl_command ctl_status_commands[] = {
    {"status", "A or A/I", 1, "all items of an activity, or the shards of one: who serves them, what they have",
     "Of an activity it asks item after item, so different rows are from slightly different times.\n"
     "queued: requests that wait for a worker to decide them; events: those that wait for the orders side. \"epoch since\" is "
     "when "
     "the\n"
     "server that serves the shard was started, or took over: a new epoch says that what was written last may be lost.\n"
     "\"watch\" shows one item all the time.",
     NULL, status, show_status},
    {"watch", "A/I", 1, "one item all the time: stock, rates, the busiest shards",
     "In a terminal the picture is drawn over and over, with the last 60 samples as a line; where there are more shards than "
     "fit, "
     "the\n"
     "busiest are shown. Into a file or a pipe it writes a line for each sample, with --json an object.\n"
     "granted/s, sold/s and returned/s (cancelled, expired, refunded) are units since the sample before. While Redis is away "
     "the "
     "last\n"
     "numbers stay, and TROUBLE says why.",
     ctl_watch_options, ctl_watch, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};
